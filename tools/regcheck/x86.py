# SPDX-License-Identifier: GPL-2.0-only
"""What instructions of x86-64 do to values, and the architectures that are x86."""

import re

from .elf import die
from .flow import READ
from .image import MEMORY, OUTSIDE, Patches, bug_traps, static_branches


def registers():
    """Names of registers -> the name of all 64 bits, and the size."""
    regs = {}
    for name in 'ax bx cx dx si di bp sp'.split():
        regs.update({'r' + name: ('r' + name, 8), 'e' + name: ('r' + name, 4), name: ('r' + name, 2)})
        for byte in (name[0] + 'l', name[0] + 'h') if name[1] == 'x' else (name + 'l',):
            regs[byte] = ('r' + name, 1)
    for number in range(8, 16):
        for suffix, size in (('', 8), ('d', 4), ('w', 2), ('b', 1)):
            regs[f'r{number}{suffix}'] = (f'r{number}', size)
    return regs


class Um:
    """ARCH=um: PKRU, rdpkru and wrpkru. The rest is what x86-64 instructions do to values.

    Another architecture is another class. It says
     - how to disassemble: OBJDUMP, and what COMMENT, ARG and SIGIL are in its output; ALIGN
     - BITS of the register, the value ALL with all of them, and ADDRESSES, the bits of an address that
       values have
     - WRITES, written(), selector(), selects() and refuses(): which instructions write the register
     - writers() and WRITER_SIZE: functions that are called to do so; may_write(): whether bytes of code do
     - operands(), replace_unknown(), is_unknown(), and OUTLINED, a section that has parts of functions
     - the control flow: target(), destination(), indirect(), calls(), returns(), falls_through(),
       is_padding(), compares(), tests_key(), loads_from(), patches()
     - the data flow: step(), and COMMUTATIVE, the operations whose result is in a third operand
    """

    OBJDUMP = 'objdump'
    COMMENT = re.compile(r'\s*(<.*>|#.*)')
    ARG = re.compile(r'(?:[^,(]|\([^)]*\))+')
    SIGIL = '%'
    ALIGN = 1
    COMMUTATIVE = ()            # of two operands, the first is the result, too
    BITS = 32
    ALL = (1 << BITS) - 1
    ADDRESSES = ALL
    WRITES = ('wrpkru', 'xrstor')
    XFEATURE = 9                # of PKRU, in XSAVE areas

    def written(self, insn):
        """Where a register write takes its value from, or MEMORY; None for other instructions."""
        return {'wrpkru': 'rax', 'xrstor': MEMORY, 'xrstor64': MEMORY}.get(insn.op)

    def selector(self, insn):
        """Where something says whether a write is one to the pkey register; None if it always is."""
        return 'rax' if insn.op.startswith('xrstor') else None

    def selects(self, number):
        """Whether that, a constant, says so: for xrstor, it is a mask of what to load."""
        return number & 1 << self.XFEATURE != 0

    def refuses(self, _image, _key):
        """Whether code right before a write sees to it that it is not one to the pkey register."""
        return False

    OUTLINED = None
    WRITER_SIZE = 0

    def writers(self, _elf):
        """The functions that are the only ones to write the register, one for each context: address -> name,
        in the order of addresses. None if each write is inlined."""
        return {}

    def may_write(self, _data, _addr):
        """Whether code, as bytes at an address, writes the register, or calls a function that does."""
        return False

    def replace_unknown(self, data):
        """Code with other instructions of the same length in place of those that objdump may not know."""
        return data

    def is_unknown(self, _insn, _elf):
        """Whether objdump does not know what there is: then it may not know where the next one begins."""
        return False

    def operands(self, text):
        return self.ARG.findall(self.COMMENT.sub('', text))

    # Control flow.

    def patches(self, _elf):
        """What the kernel patches: see Patches."""
        return Patches([], [], (), [])

    def target(self, insn):
        """Where a jump leads to; None for other instructions."""
        if insn.op.startswith(('j', 'loop', 'xbegin')) and re.fullmatch('[0-9a-f]+', ''.join(insn.args)):
            return int(insn.args[0], 16)
        return None

    def destination(self, insn):
        """Where a jump or call leads to: an address, or the name of a register that has it; else None."""
        arg = insn.args[0] if insn.args else ''
        if arg.startswith('*'):
            return self.place(arg[1:])[0] if arg.startswith('*%') else None
        return int(arg, 16) if re.fullmatch('[0-9a-f]+', arg) else None

    def calls(self, insn):
        return insn.op == 'call'

    def returns(self, insn):
        """Does it end the function, and continue where that was called?"""
        return insn.op in ('ret', 'iret', 'iretq', 'sysret', 'sysretl', 'sysretq')

    def compares(self, test, branch):
        """The two that @test compares, as source() has them, and whether @branch is taken if they are
        equal (True) or if they are not (False); None for other instructions."""
        if test.op not in ('cmp', 'cmpl', 'cmpq') or branch.op not in ('je', 'jne') or any(
                arg.startswith('%') and self.place(arg)[1] < 4 for arg in test.args):
            return None
        return self.source(test.args[0]), self.source(test.args[1]), branch.op == 'je'

    def tests_key(self, test, branch):
        """For architectures that do not patch static branches: the register with the count of a static
        key that @test tests, and whether @branch is taken if the key is enabled; else None."""
        if test.op != 'test' or test.args[0] != test.args[1] or branch.op not in ('jg', 'jle'):
            return None
        place, size = self.place(test.args[0])
        return (place, branch.op == 'jg') if size == 4 else None

    def loads_from(self, insn):
        """Where a load of a static key's count takes it from: the name of a register with an address, or
        None, and an offset; None for other instructions."""
        if insn.op not in ('mov', 'movl', 'movabs'):
            return None
        m = re.fullmatch(r'(0x[0-9a-f]+)?(?:\(%(r\w+)\))?', insn.args[0])
        return (m[2], int(m[1] or '0', 16)) if m else None

    def indirect(self, insn):
        """Is it a jump to an address that is not in the instruction?"""
        return insn.op == 'jmp' and insn.args[0].startswith('*')

    def is_padding(self, insn):
        """Can it be between two functions, or before the target of a jump, and do nothing?"""
        return insn.op.startswith('nop') or insn.op == 'xchg' and insn.args == ['%ax', '%ax']

    def falls_through(self, insn):
        """Can the next instruction run after it?"""
        return insn.op not in ('jmp', 'ud2', 'hlt', 'int3') and not self.returns(insn)

    # Data flow. Places are registers, by their 64-bit name, and stack slots of four bytes: ('rsp' or
    # 'rbp', offset). Suffixes of operand sizes are left out below. An instruction that is in none of
    # these is taken to change everything.

    REGS = registers()
    CLOBBERED = {'rax', 'rcx', 'rdx', 'rsi', 'rdi', 'r8', 'r9', 'r10', 'r11'}
    # Changes no register that is followed, and no stack slot but by push.
    NO_RESULT = set('bt clac cld cli clflush clflushopt cmp lfence ldmxcsr mfence '
                    'pause popf prefetchnta prefetcht0 prefetcht1 prefetcht2 prefetchw push pushf sfence '
                    'stac std sti test ucomisd ucomiss verw wrmsr wrpkru xrstor '
                    'cvtsi2sd pxor xorps'.split())
    # Changes the last operand only.
    RESULT = set('adc add and bsf bsr bswap btc btr bts dec imul inc lea lzcnt mov movabs movsbl movsbq '
                 'movsbw movslq movswl movswq movzbl movzbq movzbw movzwl movzwq '
                 'neg not or pop popcnt rcl rcr rol ror sar sbb shl shld shr shrd sub tzcnt xor '
                 'cvttsd2si movaps movd movdqa movdqu movhps movlps movsd movss movups'.split())
    # Changes these, and may change all its operands.
    IMPLICIT = {
        **dict.fromkeys('cbtw cltq cwtl cmpxchg in'.split(), ('rax',)),
        **dict.fromkeys('cltd cqto cwtd'.split(), ('rdx',)),
        **dict.fromkeys('cmpxchg8b cmpxchg16b div idiv imul mul rdmsr rdpkru rdpmc rdtsc xgetbv'.split(),
                        ('rax', 'rdx')),
        'cpuid': ('rax', 'rbx', 'rcx', 'rdx'),
        'loop': ('rcx',),
        'lods': ('rax', 'rcx', 'rsi'),
        'movs': ('rcx', 'rdi', 'rsi'),
        'rdtscp': ('rax', 'rcx', 'rdx'),
        **dict.fromkeys('scas stos'.split(), ('rcx', 'rdi')),
        'syscall': ('rax', 'rcx', 'r11'),
        'xadd': (),
        'xchg': (),
    }

    def place(self, arg):
        """The place that an operand names and its size, None if it is no place."""
        if arg.startswith('%'):
            return self.REGS.get(arg[1:], (None, 0))
        m = re.fullmatch(r'(-?0x[0-9a-f]+)?\(%(rsp|rbp)\)', arg)
        return ((m[2], int(m[1] or '0', 16)), 0) if m else (None, 0)

    def source(self, arg):
        """What an operand is before the instruction: a place to follow, or a value."""
        if arg.startswith('$'):
            return ('value', (0, 0, int(arg[1:], 16) & self.ALL))
        place, _ = self.place(arg)
        return ('place', place) if place else ('value', (f'memory, {arg},', 0, 0))

    @staticmethod
    def plain(op, names):
        """@op without a suffix, if it is one of @names; else None."""
        if op in names:
            return op
        return op[:-1] if op[-1] in 'bwlq' and op[:-1] in names else None

    def step(self, insn, place):
        """What @place after @insn was before it: a list of what it can be, each one of
        ('place', place), ('value', value), ('and', 'or' or 'insert', place, source), and
        ('selected', place), a register whose number is there. 'insert' replaces the bits that the keep
        part of the source says."""
        op, args = insn.op, insn.args
        same = [('place', place)]
        stack = isinstance(place, tuple)

        def unknown(what=f'the result of {op}'):
            return [('value', (what, 0, 0))]

        if stack and place[0] == 'rsp':
            moved = self.step_stack(insn, place[1])
            if moved:
                return moved
        if op == 'call':
            return unknown('what a call returned or left behind') if place in self.CLOBBERED else same
        if op[0] == 'j' or self.is_padding(insn) or self.plain(op, self.NO_RESULT):
            return same
        if op == 'rdpkru' and place in ('rax', 'rdx'):
            return [('value', (READ, self.ALL, 0) if place == 'rax' else (0, 0, 0))]
        if op == 'pop' and self.place(args[0]) == (place, 8):
            return [('place', ('rsp', 0))]
        if op == 'leave' and (place in ('rsp', 'rbp') or stack):
            return unknown('in another stack frame')
        if op == 'leave':
            return same
        if op == 'xchg' and not stack:
            places = [self.place(a) for a in args]
            if place in (p for p, _ in places):
                sizes = {size for _, size in places}
                other = places[0][0] == place
                return [self.source(args[other])] if sizes <= {0, 4, 8} else unknown()
            return same

        name = op if op.startswith(('cmov', 'set')) else self.plain(op, self.RESULT)
        if name and (name != 'imul' or len(args) > 1):
            return self.step_result(insn, name, place)
        name = self.plain(op, self.IMPLICIT)
        if not name:
            return unknown(f'the result of {op}, which is not known here')
        changed = [self.place(arg)[0] for arg in args] + list(self.IMPLICIT[name])
        if place in changed or stack and place[0] in changed:
            return unknown()
        if stack and any(self.overlaps(place, arg, 16) for arg in args):
            return unknown('possibly overwritten')
        return same

    def step_stack(self, insn, offset):
        """The same for the slot @offset(%rsp), and an instruction that may change %rsp; else None."""
        op, args = insn.op, insn.args
        lost = [('value', ('in a stack frame of unknown size', 0, 0))]
        if not -128 <= offset < 0x4000:
            return lost
        if op in ('push', 'pushf', 'pushq', 'pushfq'):
            if offset > -4 and offset < 8:      # a 32-bit slot in the eight bytes
                return [self.source(args[0])] if args and offset == 0 else [
                    ('value', ('partly overwritten', 0, 0))]
            return [('place', ('rsp', offset - 8))]
        if op in ('popf', 'popfq') or op == 'pop' and args[0][0] == '%' and args != ['%rsp']:
            return [('place', ('rsp', offset + 8))]
        if op.startswith(('push', 'pop')) and not op.startswith('popcnt'):
            return lost
        if args and args[-1] == '%rsp' and not self.plain(op, self.NO_RESULT):
            if op in ('add', 'sub') and args[0].startswith('$'):
                n = int(args[0][1:], 16)
                n -= (n >> 63) << 64
                return [('place', ('rsp', offset + (n if op == 'add' else -n)))]
            m = re.fullmatch(r'(-?0x[0-9a-f]+)\(%rsp\)', args[0])
            if op == 'lea' and m:
                return [('place', ('rsp', offset + int(m[1], 16)))]
            return lost
        return None

    def overlaps(self, slot, arg, width):
        """Whether the memory operand @arg, of at most @width bytes, can be part of a slot."""
        dest, _ = self.place(arg)
        if not isinstance(dest, tuple) or dest[0] != slot[0]:
            return False
        return dest[1] < slot[1] + 4 and dest[1] + width > slot[1]

    def width(self, insn):
        """At most so many bytes does an instruction store."""
        arg = insn.args[0]
        if arg.startswith(('%xmm', '%ymm', '%zmm')):
            return {'x': 16, 'y': 32, 'z': 64}[arg[1]]
        return self.REGS.get(arg[1:], (None, 8))[1] if arg.startswith('%') else 8

    def step_result(self, insn, name, place):
        """The same for an instruction that changes its last operand only."""
        op, args = insn.op, insn.args
        same = [('place', place)]

        def unknown(what=f'the result of {op}'):
            return [('value', (what, 0, 0))]

        dest, size = self.place(args[-1])
        if isinstance(place, tuple):
            if dest == place[0]:
                return unknown('in another stack frame')
            if dest != place:
                overlaps = self.overlaps(place, args[-1], self.width(insn))
                return unknown('partly overwritten') if overlaps else same
            if name != 'mov' or op in ('movb', 'movw') or self.REGS.get(args[0][1:], (None, 8))[1] < 4:
                return unknown(f'partly overwritten, or the result of {op}')
        elif dest != place:
            return same

        if size in (1, 2):
            return self.step_part(insn, place, size) or unknown()
        if op.startswith('cmov'):
            return [self.source(args[0])] + same
        if op in ('mov', 'movl', 'movq', 'movabs'):
            return [self.source(args[0])]
        if op in ('xor', 'sub') and args[0] == args[-1]:
            return [('value', (0, 0, 0))]
        if op in ('and', 'or'):
            return [(op, place, self.source(args[0]))]
        return unknown()

    def step_part(self, insn, place, size):
        """The same for an instruction that changes the low one or two bytes of a register."""
        op, args, part = insn.op, insn.args, (1 << 8 * size) - 1
        if args[-1].endswith('h'):
            return None
        if op in ('xor', 'sub') and args[0] == args[-1]:
            return [('insert', place, ('value', (0, part, 0)))]
        if op in ('mov', 'and', 'or') and args[0].startswith('$'):
            const = int(args[0][1:], 16) & part
            if op == 'mov':
                return [('insert', place, ('value', (0, part, const)))]
            return [(op, place, ('value', (0, 0, const | (~part & self.ALL if op == 'and' else 0))))]
        return None


class X86_64(Um):
    """ARCH=x86_64: the MSR IA32_PKRS. Its high half does not exist.

    WRMSR takes its number and value from registers that an interrupt saves in memory. So nothing writes the
    register but functions with constants, one for each context, that are started again if they have been
    interrupted. To call one is what a write is elsewhere.
    """

    WRITES = ('wrmsr', '(bad)')     # wrmsrns and wrmsrlist, too
    MSR = 0x6e1
    TRAPS = (0x0b0f, 0xb90f)    # ud2 and ud1
    UDB = b'\xd6'               # a trap of one byte
    BUG_ARGS = 1 << 4           # not at a trap, but before the call of a function that has one
    NO_RESULT = Um.NO_RESULT | {'ud2', 'wrmsrns', 'wrmsrlist'}
    IMPLICIT = {op: regs for op, regs in Um.IMPLICIT.items() if op not in ('rdmsr', 'rdpkru')}  # see step()
    OUTLINED = '.altinstr_aux'  # of static_cpu_has()
    ABSOLUTE = re.compile(r'-?0x[0-9a-f]+\(%rip\)(.*)# ([0-9a-f]+)')

    WRITER = re.compile('x86_kpkeys_write_([A-Z]\\w*)')
    WRITERS_START = 'x86_kpkeys_writes_start'
    WRITER_SIZE = 64            # X86_KPKEYS_WRITE_SIZE
    WRITER_DEFAULT = 'x86_kpkeys_write_DEFAULT'
    WRITER_INIT = 'x86_kpkeys_write_INIT'       # the default context, too, and nothing from memory
    # mov $0x6e1,%ecx; xor %edx,%edx; then mov $VALUE,%eax, or current_task to %rax, its rights to %eax,
    # and $MASK,%eax; xor $VALUE,%eax, of 32 bits or 8; then wrmsr; ret, or a jump to what returns; int3
    WRITER_CODE = re.compile(rb'\xb9\xe1\x06\0\0\x31\xd2(?:\xb8(?P<value>....)|'
                             rb'\x65\x48\x8b(?:\x05|\x04\x25)....\x8b\x80....'
                             rb'(?:\x25(?P<mask>....)|\x83\xe0(?P<mask8>.))'
                             rb'(?:\x35(?P<change>....)|\x83\xf0(?P<change8>.)))'
                             rb'\x0f\x30(?:\xc3|\xe9(?P<jump>....))\xcc*', re.S)
    RETURN_THUNK = '__x86_return_thunk'
    # Writes of any MSR; direct calls and jumps.
    WRITE_CODE = re.compile(rb'\x0f\x30|\x0f\x01\xc6|(?=(?:[\xe8\xe9]|\x0f[\x80-\x8f])(....))', re.S)
    # WRMSRNS with the number in the instruction, encoded with VEX or EVEX. objdump may not know it.
    IMMEDIATE_CODE = re.compile(rb'(?:\xc4[\xc7\xe7]\x7a|\x62.\x7e.)\xf6[\xc0-\xc7]\xe1\x06\0\0', re.S)

    def writers(self, elf):
        if not elf.linked:
            die(f'{elf.name}: calls have names in linked files only')
        found = {symbol.value: name for name, symbols in elf.symbols.items() for symbol in symbols
                 if self.WRITER.fullmatch(name)}
        self.entries = dict(sorted(found.items()))
        return self.entries

    def may_write(self, data, addr):
        for m in self.WRITE_CODE.finditer(data):
            if m[1] is None or addr + m.end(1) + int.from_bytes(m[1], 'little', signed=True) in self.entries:
                return True
        return False

    def writer_value(self, elf, addr):
        """What the function at an address writes, and the bits that it takes from memory; None if it does
        anything else than that."""
        m = self.WRITER_CODE.fullmatch(elf.bytes(addr, self.WRITER_SIZE))
        if not m or m['jump'] and self.RETURN_THUNK not in elf.names(
                addr + m.end('jump') + int.from_bytes(m['jump'], 'little', signed=True)):
            return None
        return [int.from_bytes(number, 'little', signed=True) & self.ALL for number in (
            m['value'] or m['change'] or m['change8'], m['mask'] or m['mask8'] or b'')]

    def hidden_writes(self, elf):
        """The addresses of writes that objdump may not show."""
        for section in elf.code():
            data = elf.bytes(section.address, section.size)
            for m in self.IMMEDIATE_CODE.finditer(data):
                yield section.address + m.start()

    def operands(self, text):
        """With what they have relative to %rip at its address."""
        return super().operands(self.ABSOLUTE.sub(r'0x\2(%rip)\1', text))

    def replace_unknown(self, data):
        # LKGS changes nothing that matters; ERETS and ERETU are as IRETQ.
        data = re.sub(rb'\xf2\x0f\0[\xf0-\xf7]', b'\x0f\x1f\x40\0', data)
        data = re.sub(rb'\xf2[\x40-\x4f]\x0f\0[\xf0-\xf7]', b'\x0f\x1f\x44\0\0', data)
        return re.sub(rb'[\xf2\xf3]\x0f\x01\xca', b'\x48\xcf\x90\x90', data)

    def is_unknown(self, insn, elf):
        return insn.op == '(bad)' and elf.is_code(insn.addr) and elf.bytes(insn.addr, 1) != self.UDB

    def written(self, insn):
        return OUTSIDE if insn.op in ('wrmsr', 'wrmsrns', 'wrmsrlist') else None

    def selector(self, insn):
        return MEMORY if insn.op == 'wrmsrlist' else 'rcx'

    def selects(self, number):
        return number == self.MSR

    def refuses(self, image, key):
        """Whether a write is left out if its number is that of the register, as in ASM_REFUSE_PKRS() of
        <asm/msr.h>: right before it, the number is compared. A trap may follow, which is not returned from."""
        before = image.before(key)
        traps = [prev for prev in before if image.code[prev].op == 'ud2']
        branches = [prev for prev in before if prev not in traps]
        if len(branches) != 1 or any(image.before(trap) != branches or trap[1] not in image.patched
                                     for trap in traps):
            return False
        branch, tests = branches[0], image.before(branches[0])
        jumps = any(branch in image.jumps.get(at, ()) for at in (key, *image.instead.get(key, ())))
        return image.code[branch].op == ('jne' if jumps else 'je') and bool(tests) and all(
            image.code[test].op in ('cmp', 'cmpl') and
            image.code[test].args == [f'${self.MSR:#x}', '%ecx'] for test in tests)

    def selected(self, number):
        """What rdmsr reads from the register with that number."""
        if number[0] == 0 and self.selects(number[2]):
            return (READ, self.ALL, 0)
        return ('another MSR', 0, 0)

    def patches(self, elf):
        """Static branches, alternatives, where exceptions continue, and what ends in BUG()."""
        jumps, keys = static_branches(elf)
        jumps += [(addr + source, addr + 4 + target) for addr, source, target in
                  elf.table('__ex_table', '__start___ex_table', '__stop___ex_table', '<ii4x')]
        alternatives = [((addr + old, addr + old + old_len), (addr + 4 + new, addr + 4 + new + new_len))
                        for addr, old, new, _, old_len, new_len in
                        elf.table('.altinstructions', '__alt_instructions', '__alt_instructions_end',
                                  '<iiIBB')]
        # With and without CONFIG_DEBUG_BUGVERBOSE.
        traps = bug_traps(elf, ('<i10xH', '<i4xH2x'), lambda word, flags: (
            flags & self.BUG_ARGS or word & 0xffff in self.TRAPS))
        return Patches(jumps, alternatives, traps, keys)

    def falls_through(self, insn):
        """After ud2, too: it may be that of a warning. Those of BUG() are in Patches."""
        return insn.op == 'ud2' or super().falls_through(insn)

    def loads_from(self, insn):
        m = insn.op == 'mov' and re.fullmatch(r'0x([0-9a-f]+)\(%rip\)', insn.args[0])
        return (None, int(m[1], 16)) if m else super().loads_from(insn)

    def step(self, insn, place):
        if insn.op == 'call' and self.destination(insn) in self.entries:
            # What it changes is known, and the compiler is told.
            clobbered = place in ('rax', 'rcx', 'rdx')
            return [('value', ('the result of a write', 0, 0)) if clobbered else ('place', place)]
        if insn.op == 'rdmsr' and place == 'rax' and not insn.args:
            return [('selected', 'rcx')]
        if insn.op in ('rdmsr', 'rdpkru'):
            changed = place in ('rax', 'rdx') or insn.args
            return [('value', (f'the result of {insn.op}', 0, 0)) if changed else ('place', place)]
        return super().step(insn, place)
