# SPDX-License-Identifier: GPL-2.0-only
"""What the tables and symbols of an image say."""

import collections
import struct

Section = collections.namedtuple('Section', 'name kind flags address offset size link')
Symbol = collections.namedtuple('Symbol', 'value size section')

SHT_PROGBITS, SHT_SYMTAB = 1, 2
SHF_WRITE, SHF_ALLOC, SHF_EXECINSTR = 1, 2, 4
ET_REL = 1


class Unreadable(Exception):
    """Nothing can be said of the image."""


def die(text):
    raise Unreadable(text)


class Elf:
    """A 64-bit little-endian ELF file."""

    def __init__(self, name):
        self.name = name
        with open(name, 'rb') as file:
            self.data = file.read()
        if self.data[:6] != b'\x7fELF\2\1':
            die(f'{name}: not a 64-bit little-endian ELF file')
        self.linked = struct.unpack_from('<H', self.data, 16)[0] != ET_REL
        where, = struct.unpack_from('<Q', self.data, 0x28)
        size, count, strings = struct.unpack_from('<HHH', self.data, 0x3a)
        headers = [struct.unpack_from('<IIQQQQII', self.data, where + size * i) for i in range(count)]
        self.sections = [Section(self.string(headers[strings][4] + h[0]), *h[1:7])
                         for h in headers]
        self.symbols = collections.defaultdict(list)
        for table in self.sections:
            if table.kind == SHT_SYMTAB:
                entries = self.data[table.offset:table.offset + table.size]
                for name, _, _, section, value, size in struct.iter_unpack('<IBBHQQ', entries):
                    self.symbols[self.string(self.sections[table.link].offset + name)].append(
                        Symbol(value, size, section))

    def string(self, offset):
        return self.data[offset:self.data.index(b'\0', offset)].decode()

    def table(self, section, start, stop, layout):
        """The entries between two symbols, each with its address before it."""
        if not self.linked and any(s.name == section for s in self.sections):
            die(f'{self.name}: code is patched as {section} says, which is read from linked files only')
        if start not in self.symbols or stop not in self.symbols:
            return
        step = struct.calcsize(layout)
        for addr in range(self.symbols[start][-1].value, self.symbols[stop][-1].value, step):
            offset = self.offset(addr)
            if offset is not None:
                yield addr, *struct.unpack_from(layout, self.data, offset)

    def offset(self, addr):
        """Where the file has what is at an address."""
        for s in self.sections:
            if s.kind == SHT_PROGBITS and s.address and s.address <= addr < s.address + s.size:
                return s.offset + addr - s.address
        return None

    def names(self, addr):
        """The symbols at an address."""
        return {name for name, symbols in self.symbols.items() if any(s.value == addr for s in symbols)}

    def code(self):
        """The sections that have code."""
        return [s for s in self.sections if s.kind == SHT_PROGBITS and
                s.flags & (SHF_EXECINSTR | SHF_WRITE) == SHF_EXECINSTR]

    def is_code(self, addr):
        return any(s.address <= addr < s.address + s.size for s in self.code())

    def replaced(self, replace):
        """The file, with @replace() of the bytes of its code."""
        data = self.data
        for s in self.code():
            old = self.data[s.offset:s.offset + s.size]
            new = replace(old)
            if new != old:
                data = data[:s.offset] + new + data[s.offset + s.size:]
        return data

    def pointers(self, addr):
        """The names of the sections that have an address as data."""
        pointer = struct.pack('<Q', addr)
        return [s.name for s in self.sections if s.kind == SHT_PROGBITS and s.flags & SHF_ALLOC and
                pointer in self.data[s.offset:s.offset + s.size]]

    def bytes(self, addr, size):
        offset = self.offset(addr)
        return b'' if offset is None else self.data[offset:offset + size]

    def word(self, addr):
        offset = self.offset(addr)
        return None if offset is None else struct.unpack_from('<I', self.data, offset)[0]

    def numbers(self, name):
        """The elements of an array of u64."""
        if len(self.symbols.get(name, ())) != 1:
            count = 'more than one' if name in self.symbols else 'no'
            die(f'{self.name}: {count} symbol {name}; it is in a vmlinux with kpkeys that has its symbols')
        value, size, index = self.symbols[name][0]
        section = self.sections[index] if index < len(self.sections) else None
        if not section or section.kind != SHT_PROGBITS or not size or size % 8:
            die(f'{self.name}: {name} is not an array of u64')
        offset = section.offset + value - (section.address if self.linked else 0)
        return struct.unpack_from(f'<{size // 8}Q', self.data, offset)
