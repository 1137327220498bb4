# SPDX-License-Identifier: GPL-2.0-only
"""The functions of an image that write to the pkey register, and the ways through them."""

import bisect
import collections
import re
import subprocess
import tempfile

from .elf import die

Insn = collections.namedtuple('Insn', 'addr func op args')

# Code that the kernel patches: pairs of addresses that a jump can be put between, and pairs of ranges
# of addresses where what is in the second may replace what is in the first. Addresses of traps that are
# not returned from. And static branches: for each its address, that of its key, and whether it is a jump
# while the key is enabled.
Patches = collections.namedtuple('Patches', 'jumps alternatives traps keys')

# Where an instruction takes its value from that has no register operand to follow.
MEMORY = 'memory'
# That of an instruction which must not write the register at all, as the architecture has functions for it.
OUTSIDE = 'not in one of the functions for that'


def bug_traps(elf, layouts, is_trap):
    """Addresses of traps that end in BUG(). The first of @layouts that fits is that of the table."""
    for layout in layouts:
        bugs = [(addr + where, flags) for addr, where, flags in
                elf.table('__bug_table', '__start___bug_table', '__stop___bug_table', layout)]
        if all(is_trap(elf.word(where) or 0, flags) for where, flags in bugs):
            return {where for where, flags in bugs if not flags & 1}
    return set()


def static_branches(elf):
    """The jumps of static branches, and their keys."""
    jumps, keys = [], []
    for addr, source, target, key in elf.table('__jump_table', '__start___jump_table',
                                               '__stop___jump_table', '<iiq'):
        jumps.append((addr + source, addr + 4 + target))
        keys.append((addr + source, addr + 8 + (key & ~3), not key & 1))
    return jumps, keys


def disassemble(arch, elf):
    """The lines of objdump."""
    with tempfile.NamedTemporaryFile() as copy:
        data = elf.replaced(arch.replace_unknown)
        if data != elf.data:
            copy.write(data)
            copy.flush()
        name = elf.name if data == elf.data else copy.name
        dump = subprocess.Popen([arch.OBJDUMP, '-dw', '--no-show-raw-insn', name], text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        yield from dump.stdout
        if dump.wait():
            die((dump.stderr.read().strip() or f'{elf.name}: cannot disassemble').splitlines()[-1])


def base_name(func):
    """Without what the compiler adds to the names of parts and clones."""
    return func.split('.')[0]


class Image:
    """The functions of an image that write the register, with their cold parts."""

    def __init__(self, arch, elf, lines):
        self.arch, self.elf = arch, elf
        self.code = {}              # key of an instruction -> Insn
        self.previous = {}          # key -> key of the instruction that runs right before it
        self.following = {}         # key -> key of the instruction behind it, in the same function
        self.jumps = collections.defaultdict(list)      # key -> keys of the jumps to it
        self.indirect = collections.defaultdict(list)   # function -> keys of its indirect jumps
        self.entries = set()
        self.instead = collections.defaultdict(list)    # key -> keys of what it is run instead of
        self.outlined = []

        self.writers = arch.writers(elf)                # address -> name, see there
        self.area = (min(self.writers, default=0), max(self.writers, default=0) + arch.WRITER_SIZE)
        patches = arch.patches(elf)
        self.traps = patches.traps
        self.patched = {source for source, _ in patches.jumps} | {
            first for (first, _), _ in patches.alternatives}
        self.touched = self.patched | {target for _, target in patches.jumps} | {
            new for _, (new, _) in patches.alternatives}
        self.static_branches = {source: (key, jumps) for source, key, jumps in patches.keys}
        self.targets = dict(jump for jump in patches.jumps if jump[0] in self.static_branches)
        self.names = collections.defaultdict(set)       # address -> its symbols
        for name, symbols in elf.symbols.items():
            for symbol in symbols:
                self.names[symbol.value & arch.ADDRESSES].add(name)
        self.replacing = {addr: first for _, (first, end) in patches.alternatives
                          for addr in range(first, end, arch.ALIGN)}
        self.replaced_by = (min(self.replacing, default=0), max(self.replacing, default=0))
        # What is replaced by code with a write: its function may have none itself.
        self.wanted = sorted({old for (old, _), (first, end) in patches.alternatives
                              if arch.may_write(elf.bytes(first, end - first), first)})
        # What is in all lines that can be of interest. Addresses are found by all but the last digits.
        self.marks = (*arch.WRITES, *{f'{addr:x}'[:-2] for addr in self.writers})

        section = func = None
        insns = []
        for line in lines:
            m = re.match(r'[0-9a-f]+ <(.+)>:$', line)
            if m or line.startswith('Disassembly of section'):
                self.add(section, func, insns)
                func, insns = m[1] if m else None, []
                section = section if m else line
            elif ':\t' in line:
                insns.append(line)
        self.add(section, func, insns)
        self.patch(patches)

    def patch(self, patches):
        """Adds the paths that exist after code has been patched."""
        if not any(patches):
            return
        keys = {key[1]: key for key in self.code}
        self.assign_outlined(keys)
        for source, target in patches.jumps:
            if source in keys and target in keys:
                self.jumps[keys[target]].append(keys[source])
                after = self.following.get(keys[source])
                if after:
                    self.previous[after] = keys[source]     # in case it is a jump in the image
        for (first, end), (new, new_end) in patches.alternatives:
            if first not in keys:
                continue
            after = keys.get(end)
            if after and self.code[after].func != self.code[keys[first]].func:
                after = None
            replacing = [addr for addr in range(new, new_end, self.arch.ALIGN) if addr in keys]
            if new != new_end and (new not in keys or self.arch.ALIGN > 1 and
                                   len(replacing) != (new_end - new) // self.arch.ALIGN):
                die(f'no code at {new:x}, which replaces that at {first:x}')
            for addr in replacing:
                insn = self.code[keys[addr]]
                self.code[keys[addr]] = insn._replace(func=self.code[keys[first]].func)
            if replacing:
                last = keys[replacing[-1]]
                if self.arch.falls_through(self.code[last]) and after:
                    self.jumps[after].append(last)
                self.instead[keys[new]].append(keys[first])
            elif after:
                self.instead[after].append(keys[first])     # skipped

    def assign_outlined(self, keys):
        """Makes each piece of code that is kept elsewhere a part of the function that jumps to it."""
        func = None
        for insn in self.outlined:
            key = keys[insn.addr]
            func = next((self.code[source].func for source in self.jumps.get(key, ())), func)
            if func:
                self.code[key] = insn._replace(func=func)
            if not self.arch.falls_through(insn):
                func = None

    def add(self, section, func, lines):
        if not func:
            return
        # Jumps lead from one section to another one.
        place = None if self.elf.linked else section
        first, last = (int(lines[i].split(':')[0], 16) if lines else 0 for i in (0, -1))
        if first <= self.replaced_by[1] and last >= self.replaced_by[0] and self.replacing:
            replacing = [line for line in lines if int(line.split(':')[0], 16) in self.replacing]
            self.add_code(place, self.parse(replacing, func))
            lines = [line for line in lines if int(line.split(':')[0], 16) not in self.replacing]
        if first in self.writers:
            return
        if self.arch.OUTLINED and f' {self.arch.OUTLINED}:' in section:
            self.outlined += self.parse(lines, '')
            self.add_code(place, self.outlined)
            return
        cold = '.cold' in func
        known = cold or bisect.bisect_right(self.wanted, last) > bisect.bisect_left(self.wanted, first)
        # Most functions have none of these: their instructions need not be looked at one by one.
        if not known and not any(mark in line for line in lines for mark in self.marks):
            return
        insns = self.parse(lines, func)
        if not insns or not known and not any(self.matters(insn) for insn in insns):
            return
        if not cold:
            self.entries.add((place, insns[0].addr))
        self.add_code(place, insns)

    def matters(self, insn):
        """Does it write the register, or use the address of a function that does?"""
        return self.arch.written(insn) or self.arch.is_unknown(insn, self.elf) or (
            self.writers and self.refers(insn))

    def refers(self, insn):
        """Does an instruction have the address of a function that writes the register, or one inside?"""
        return any(self.area[0] <= int(number, 16) < self.area[1] for arg in insn.args
                   for number in re.findall('(?<!-0x)[0-9a-f]{5,}', arg))

    def is_patched(self, first, end):
        """Whether patches, or exceptions, change the way through what is at these addresses."""
        return any(first <= addr < end for addr in self.touched)

    def writer(self, insn):
        """The address of the function that a call or jump leads to, if it writes the register."""
        where = self.arch.destination(insn) if self.arch.calls(insn) else self.arch.target(insn)
        return where if where in self.writers else None

    def add_code(self, section, insns):
        before = None
        for insn in insns:
            key = (section, insn.addr)
            self.code[key] = insn
            if before and self.replacing.get(insn.addr) == self.replacing.get(before[1]):
                self.following[before] = key
                if self.arch.falls_through(self.code[before]) and before[1] not in self.traps:
                    self.previous[key] = before
            before = key
            target = self.arch.target(insn)
            if target is not None:
                self.jumps[section, target].append(key)
            if self.arch.indirect(insn):
                self.indirect[base_name(insn.func)].append(key)

    def parse(self, lines, func):
        insns = []
        for line in lines:
            m = re.match(r'\s*([0-9a-f]+):\t(?:(?:lock|rep|repz|repnz|[cdefgs]s|data16|addr32|notrack|bnd|'
                         r'rex(?:\.\w+)?) )*(\S+)\s*(.*)', line)
            if m:
                insns.append(Insn(int(m[1], 16), func, m[2], self.arch.operands(m[3])))
        return insns

    def before(self, key):
        """The instructions that can run right before one."""
        keys = list(self.jumps.get(key, ()))
        if key in self.previous:
            keys.append(self.previous[key])
        for replaced in self.instead.get(key, ()):
            keys += self.before(replaced)
        if not keys and not self.is_entry(key):
            # Nothing jumps to padding between two blocks.
            if key[1] not in self.patched and self.arch.is_padding(self.code[key]):
                return []
            keys = self.indirect.get(base_name(self.code[key].func), [])
        return keys

    def stands_for(self, key):
        """An instruction, and those that it can be run instead of."""
        yield key
        for other in self.instead.get(key, ()):
            yield from self.stands_for(other)

    def is_entry(self, key):
        return key in self.entries or any(self.is_entry(other) for other in self.instead.get(key, ()))
