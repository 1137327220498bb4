# SPDX-License-Identifier: GPL-2.0-only
"""What instructions of arm64 do to values."""

import re

from .flow import READ
from .image import Patches, bug_traps, static_branches


class Arm64:
    """ARCH=arm64: POR_EL1, mrs and msr. Values are those of 64-bit registers. See x86.Um."""

    OBJDUMP = 'aarch64-linux-gnu-objdump'
    COMMENT = re.compile(r'\s*(<.*>|//.*)')
    ARG = re.compile(r'(?:[^\s,[{]|\[[^]]*\]|\{[^}]*\}|(?<=\w) (?=#))+')
    SIGIL = ''
    ALIGN = 4
    COMMUTATIVE = ('and', 'or')
    BITS = 64
    ALL = (1 << BITS) - 1
    ADDRESSES = ALL
    BUG_BRK = 0xd4210000        # brk #0x800, of WARN(), too
    WRITES = ('msr',)
    REGISTER = ('s3_0_c10_c2_4', 'por_el1')
    # With VHE, what EL2 calls POR_EL1 is this one.
    REGISTER_EL2 = ('s3_4_c10_c2_4', 'por_el2')

    def written(self, insn):
        if insn.op == 'msr' and insn.args[0].lower() in self.REGISTER + self.REGISTER_EL2:
            return insn.args[1]
        return None

    def selector(self, _insn):
        return None

    @staticmethod
    def refuses(_image, _key):
        return False

    # Nothing is in functions for it.
    OUTLINED = None
    WRITER_SIZE = 0

    @staticmethod
    def writers(_elf):
        return {}

    @staticmethod
    def may_write(_data, _addr):
        return False

    @staticmethod
    def replace_unknown(data):
        return data

    @staticmethod
    def is_unknown(_insn, _elf):
        return False

    def operands(self, text):
        return self.ARG.findall(self.COMMENT.sub('', text))

    # Control flow.

    def patches(self, elf):
        """Static branches, alternatives, where exceptions continue, and what ends in BUG()."""
        jumps, keys = static_branches(elf)
        jumps += [(addr + source, addr + 4 + target)
                  for table, layout in (('ex_table', '<ii4x'), ('kvm_ex_table', '<ii'))
                  for addr, source, target in
                  elf.table(f'__{table}', f'__start___{table}', f'__stop___{table}', layout)]
        alternatives = []
        for addr, old, new, _, old_len, new_len in elf.table(
                '.altinstructions', '__alt_instructions', '__alt_instructions_end', '<iiHBB'):
            old, new = addr + old, addr + 4 + new   # if new_len is 0, @new is a callback
            alternatives.append(((old, old + old_len), (new, new + new_len)))
        # With and without CONFIG_DEBUG_BUGVERBOSE.
        traps = bug_traps(elf, ('<i6xH', '<iH2x'), lambda word, _: word == self.BUG_BRK)
        return Patches(jumps, alternatives, traps, keys)

    @staticmethod
    def target(insn):
        if insn.op in ('b', 'cbz', 'cbnz', 'tbz', 'tbnz') or insn.op.startswith(('b.', 'bc.')):
            return int(insn.args[-1], 16)
        return None

    def destination(self, insn):
        """As in Um."""
        arg = insn.args[-1] if insn.args else ''
        return self.register(arg) or (int(arg, 16) if re.fullmatch('[0-9a-f]+', arg) else None)

    def calls(self, insn):
        return insn.op in self.CALL

    @staticmethod
    def returns(insn):
        return insn.op in ('ret', 'retaa', 'retab', 'eret', 'eretaa', 'eretab')

    def compares(self, test, branch):
        """As in Um."""
        if test.op != 'cmp' or len(test.args) != 2 or branch.op not in ('b.eq', 'b.ne'):
            return None
        return self.source(test.args[0]), self.source(test.args[1]), branch.op == 'b.eq'

    @staticmethod
    def tests_key(_test, _branch):
        """As in Um: static branches are patched."""
        return None

    @staticmethod
    def indirect(insn):
        return insn.op in ('br', 'braa', 'brab', 'braaz', 'brabz')

    @staticmethod
    def is_padding(insn):
        return insn.op in ('nop', 'udf', '.word')

    def falls_through(self, insn):
        return insn.op not in ('b', 'br', 'braa', 'brab', 'braaz', 'brabz', 'udf', '.word') and (
            not self.returns(insn))

    # Data flow. Places are registers, by their 64-bit name, and stack slots of eight bytes: ('sp' or
    # 'x29', offset). What is neither in RESULT nor in NO_RESULT may change all of its operands.

    CLOBBERED = {f'x{number}' for number in range(19)} | {'x30'}
    CALL = ('bl', 'blr', 'blraa', 'blrab', 'blraaz', 'blrabz', 'hvc', 'smc', 'svc')
    # Changes none of the registers that it names, and no stack slot.
    NO_RESULT = set('at cbnz cbz ccmn ccmp cmn cmp dc ic msr prfm prfum sys tbnz tbz tlbi tst '
                    'wfet wfit'.split())
    # Changes its first operand only, unless that is memory.
    RESULT = set('adc adcs add adds adr adrp and ands asr bfc bfi bfxil bic bics cinc cinv cls clz cneg '
                 'csel cset csetm csinc csinv csneg eon eor extr lsl lsr madd mneg mov movk movn movz mrs '
                 'msub mul mvn neg negs ngc ngcs orn orr rbit rev rev16 rev32 ror sbc sbcs sbfiz sbfx sdiv '
                 'smaddl smnegl smsubl smulh smull sub subs sxtb sxth sxtw sysl ubfiz ubfx udiv umaddl '
                 'umnegl umsubl umulh umull uxtb uxth'.split())
    # A store that changes memory by more than its operand.
    ATOMIC = re.compile('st(set|clr|add|eor|[su]max|[su]min)l?[bh]?$')
    STORE = re.compile('st(r|ur|tr|lr|p|np|lur)([bh]?)$')
    LOAD = re.compile('ld(r|ur|tr|ar|p|np|xr|axr|apr)(s?[bhw]?)$')

    @staticmethod
    def register(arg):
        """The name of all 64 bits of a register, None for what is no general register."""
        m = re.fullmatch(r'[xw](\d+|zr)|w?sp', arg)
        return ('x' + m[1] if m[1] else 'sp') if m else None

    def source(self, arg):
        """What an operand is before the instruction: a place to follow, or a value."""
        if re.fullmatch('#-?(0x)?[0-9a-f]+', arg):
            return ('value', (0, 0, int(arg[1:], 0) & self.ALL))
        if arg in ('xzr', 'wzr'):
            return ('value', (0, 0, 0))
        if arg[0] == 'x' and self.register(arg):
            return ('place', arg)
        return ('value', (f'{arg},', 0, 0))

    def field(self, to, start, width, value):
        """A value to insert: @width bits from @start of @value, put @to."""
        base, _, bits = value
        part = (1 << width) - 1
        return (base, part << to, (bits >> start & part) << to)

    def step(self, insn, place):
        """As in Um. There is one more way to combine: (to, start, width), for field()."""
        op, args = insn.op, insn.args
        slot = isinstance(place, tuple)
        same = [('place', place)]

        def unknown(what=f'the result of {op}'):
            return [('value', (what, 0, 0))]

        if place == 'xzr':
            return [('value', (0, 0, 0))]
        if slot and not (0 if place[0] == 'sp' else -0x4000) <= place[1] < 0x4000:
            return unknown('in a stack frame of unknown size')
        if op == '.inst':
            return unknown('the result of an unknown instruction')
        if op in self.CALL:
            return unknown('what a call returned or left behind') if place in self.CLOBBERED else same
        if re.match('aut|pac|xpac', op):
            return unknown() if place in ['x16', 'x17', 'x30', *args[:1]] else same
        if op in self.NO_RESULT or not args:
            return same
        if args[-1][0] == '[' or len(args) > 1 and args[-2][0] == '[':
            return self.step_memory(insn, place)

        names = args[:1] if op in self.RESULT else args
        changed = {'x' + n for arg in names for n in re.findall(r'\b[xw](\d+)\b', arg)}
        changed |= {'sp' for arg in names if 'sp' in arg}
        if slot:
            return same if place[0] not in changed else self.step_frame(insn, place)
        if place not in changed:
            return same
        return self.step_result(insn, place) or unknown()

    def step_frame(self, insn, place):
        """The same for a stack slot, and an instruction that changes its base register."""
        op, args = insn.op, insn.args
        if len(args) > 1 and args[1] in ('sp', 'x29'):
            if op == 'mov':
                return [('place', (args[1], place[1]))]
            if op in ('add', 'sub') and args[2][0] == '#' and args[3:] in ([], ['lsl #12']):
                n = int(args[2][1:], 0) << (12 if args[3:] else 0)
                return [('place', (args[1], place[1] + (n if op == 'add' else -n)))]
        return [('value', ('in another stack frame', 0, 0))]

    def step_memory(self, insn, place):
        """The same for an instruction that has an operand in memory."""
        op, args = insn.op, insn.args
        slot = isinstance(place, tuple)
        index = len(args) - (1 if args[-1][0] == '[' else 2)
        regs, mem, post = args[:index], args[index], args[index + 1:]
        m = re.fullmatch(r'\[(x\d+|sp)(?:, #(-?\w+))?(, .*)?\](!?)', mem)
        atomic = self.ATOMIC.match(op)
        load, store = self.LOAD.match(op), self.STORE.match(op) or atomic

        def unknown(what=f'memory, {mem},'):
            return [('value', (what, 0, 0))]

        if not m or not load and not store:     # ldadd, for example
            changed = re.findall(r'\w+', mem) if slot else re.findall(r'\w+', ' '.join(args))
            if slot:
                return unknown(f'the result of {op}') if place[0] in changed else [('place', place)]
            return unknown(f'the result of {op}') if {place, 'w' + place[1:]} & set(changed) else [
                ('place', place)]

        # Where the access is, from the base register after and before the instruction.
        base, offset = m[1], None if m[3] or atomic else int(m[2] or '0', 0)
        moved = 0
        if post:
            moved = int(post[0][1:], 0) if post[0][0] == '#' else None
        elif m[4]:
            moved = offset
        after = None if offset is None or moved is None else -moved if post else offset - moved
        size = {'b': 1, 'h': 2, 'w': 4}.get(op[-1]) or {'w': 4, 's': 4, 'q': 16}.get(regs[0][0], 8)

        if not slot:
            if place == base and moved != 0:
                return unknown(f'the result of {op}')
            names = [self.register(reg) for reg in regs] if load else []
            if place not in names:
                return [('place', place)]
            if base not in ('sp', 'x29') or after is None or size != 8:
                return unknown()
            return [('place', (base, after + moved + 8 * names.index(place)))]

        if load:
            if place[0] in regs:
                return unknown('in another stack frame')
        elif base in ('sp', 'x29'):
            if base != place[0] or after is None:
                return unknown('possibly overwritten')
            for number, reg in enumerate(regs):
                distance = place[1] - (after + size * number)
                if distance == 0 and size == 8:
                    return [self.source(reg)]
                if -8 < distance < size:
                    return unknown('partly overwritten')
        if base == place[0]:
            if moved is None:
                return unknown('in a stack frame of unknown size')
            return [('place', (base, place[1] + moved))]
        return [('place', place)]

    def step_result(self, insn, place):
        """The same for a register, and an instruction that puts a result there. None: unknown."""
        op, args = insn.op, insn.args
        numbers = [int(arg.split('#')[1], 0) for arg in args if re.match('(lsl )?#', arg)]
        wide = args[0][0] == 'x'

        if op == 'mrs' and args[1].lower() in self.REGISTER:
            return [('value', (READ, self.ALL, 0))]
        if op in ('mov', 'movz') and numbers:
            return [('value', (0, 0, numbers[0] << sum(numbers[1:]) & self.ALL))]
        if not wide:
            return None
        if op == 'movk':
            shift = sum(numbers[1:])
            return [('insert', place, ('value', (0, 0xffff << shift, numbers[0] << shift)))]
        if op == 'mov':
            return [self.source(args[1])]
        if op == 'movn':
            return [('value', (0, 0, self.ALL & ~(numbers[0] << sum(numbers[1:]))))]
        if op in ('and', 'ands', 'orr', 'bic', 'bics') and len(args) == 3 and args[1] != 'xzr':
            return [({'a': 'and', 'o': 'or', 'b': 'bic'}[op[0]], args[1], self.source(args[2]))]
        if op == 'csel':
            return [self.source(args[1]), self.source(args[2])]
        if op == 'csinv' and args[2] == 'xzr':
            return [self.source(args[1]), ('value', (0, 0, self.ALL))]
        if op == 'csetm':
            return [('value', (0, 0, 0)), ('value', (0, 0, self.ALL))]
        if op == 'bfi':
            return [((numbers[0], 0, numbers[1]), place, self.source(args[1]))]
        if op == 'bfxil':
            return [((0, numbers[0], numbers[1]), place, self.source(args[1]))]
        if op == 'bfc':
            return [('insert', place, ('value', (0, (1 << numbers[1]) - 1 << numbers[0], 0)))]
        if op == 'ubfx' and numbers[0] == 0 and args[1] != 'xzr':
            return [('and', args[1], ('value', (0, 0, (1 << numbers[1]) - 1)))]
        return None
