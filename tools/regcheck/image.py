# SPDX-License-Identifier: GPL-2.0-only
"""The functions of an image that write to the pkey register, and the ways through them."""

import collections
import re
import subprocess

from .elf import die

Insn = collections.namedtuple('Insn', 'addr func op args')

# Code that the kernel patches: pairs of addresses that a jump can be put between, and pairs of ranges
# of addresses where what is in the second may replace what is in the first. Addresses of traps that are
# not returned from. And static branches: for each its address, that of its key, and whether it is a jump
# while the key is enabled.
Patches = collections.namedtuple('Patches', 'jumps alternatives traps keys')

# Where an instruction takes its value from that has no register operand to follow.
MEMORY = 'memory'


def bug_traps(elf, layouts, is_trap):
    """Addresses of traps that end in BUG(). The first of @layouts that fits is that of the table."""
    for layout in layouts:
        bugs = [(addr + where, flags) for addr, where, flags in
                elf.table('__bug_table', '__start___bug_table', '__stop___bug_table', layout)]
        if all(is_trap(elf.word(where) or 0) for where, _ in bugs):
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


def disassemble(arch, name):
    """The lines of objdump."""
    dump = subprocess.Popen([arch.OBJDUMP, '-dw', '--no-show-raw-insn', name], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    yield from dump.stdout
    if dump.wait():
        die((dump.stderr.read().strip() or f'{name}: cannot disassemble').splitlines()[-1])


def base_name(func):
    """Without what the compiler adds to the names of parts and clones."""
    return func.split('.')[0]


class Image:
    """The functions of an image that write the register, with their cold parts."""

    def __init__(self, arch, elf, lines):
        self.arch = arch
        self.code = {}              # key of an instruction -> Insn
        self.previous = {}          # key -> key of the instruction that runs right before it
        self.following = {}         # key -> key of the instruction behind it, in the same function
        self.jumps = collections.defaultdict(list)      # key -> keys of the jumps to it
        self.indirect = collections.defaultdict(list)   # function -> keys of its indirect jumps
        self.entries = set()
        self.instead = collections.defaultdict(list)    # key -> keys of what it is run instead of

        patches = arch.patches(elf)
        self.traps = patches.traps
        self.patched = {source for source, _ in patches.jumps} | {
            first for (first, _), _ in patches.alternatives}
        self.static_branches = {source: (key, jumps) for source, key, jumps in patches.keys}
        self.targets = dict(jump for jump in patches.jumps if jump[0] in self.static_branches)
        self.names = collections.defaultdict(set)       # address -> its symbols
        for name, symbols in elf.symbols.items():
            for symbol in symbols:
                self.names[symbol.value & arch.ADDRESSES].add(name)
        self.replacing = {addr: first for _, (first, end) in patches.alternatives
                          for addr in range(first, end, arch.ALIGN)}

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

    def add(self, section, func, lines):
        if not func:
            return
        if self.replacing:
            replacing = [line for line in lines if int(line.split(':')[0], 16) in self.replacing]
            self.add_code(section, self.parse(replacing, func))
            lines = [line for line in lines if int(line.split(':')[0], 16) not in self.replacing]
        cold = '.cold' in func
        # Most functions have none of these: their instructions need not be looked at one by one.
        if not cold and not any(op in line for line in lines for op in self.arch.WRITES):
            return
        insns = self.parse(lines, func)
        if not insns or not cold and not any(self.arch.written(i) for i in insns):
            return
        if not cold:
            self.entries.add((section, insns[0].addr))
        self.add_code(section, insns)

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
            m = re.match(r'\s*([0-9a-f]+):\t(?:(?:lock|rep|repz|repnz|cs|ds|data16|notrack|bnd) )*(\S+)\s*'
                         r'(.*)', line)
            if m:
                args = self.arch.ARG.findall(self.arch.COMMENT.sub('', m[3]))
                insns.append(Insn(int(m[1], 16), func, m[2], args))
        return insns

    def before(self, key):
        """The instructions that can run right before one."""
        keys = list(self.jumps.get(key, ()))
        if key in self.previous:
            keys.append(self.previous[key])
        for replaced in self.instead.get(key, ()):
            keys += self.before(replaced)
        if not keys and not self.is_entry(key):
            keys = self.indirect.get(base_name(self.code[key].func), [])
        return keys

    def is_entry(self, key):
        return key in self.entries or any(self.is_entry(other) for other in self.instead.get(key, ()))
