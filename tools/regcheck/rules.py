# SPDX-License-Identifier: GPL-2.0-only
"""What may be written to the pkey register, and the findings."""

import collections
import re

from .arm64 import Arm64
from .elf import die
from .flow import READ, Flow
from .image import MEMORY, base_name
from .x86 import Um, X86_64

ARCHES = {'um': Um, 'arm64': Arm64, 'x86_64': X86_64}

# In mm/kpkeys/core.c: the register bits of each context, and all bits that are managed.
VALUES, MASK = 'kpkeys_regcheck_values', 'kpkeys_regcheck_mask'

Result = collections.namedtuple('Result', 'findings writes functions listed')


def read_table(arch, elf):
    """Register bits of a context -> its number, and the bits that are managed."""
    values, masks = elf.numbers(VALUES), elf.numbers(MASK)
    mask = masks[0]
    if len(masks) != 1 or not 0 < mask <= arch.INVAL:
        die(f'{elf.name}: {MASK} is not a mask of the pkey register')
    for number, value in enumerate(values):
        if value & ~mask:
            die(f'{elf.name}: context {number} has bits that are not in {MASK}')
    contexts = {value: number for number, value in enumerate(values)}
    if len(contexts) != len(values):
        die(f'{elf.name}: two contexts have the same value')
    return contexts, mask


def read_list(name):
    """Names of the functions in the list; the reasons are for people."""
    names = set()
    with open(name, encoding='utf-8') as file:
        for number, line in enumerate(file, 1):
            m = re.fullmatch(r'(\w+)\s+#\s*\S.*', line.rstrip())
            if m:
                names.add(m[1])
            elif line.strip() and not line.startswith('#'):
                die(f'{name}:{number}: not of the form "NAME  # why"')
    return names


def judge(arch, value, contexts, mask):
    """What a write of @value does: ('restore' or 'nothing', None), ('context', number), or
    ('wrong', why)."""
    base, keep, bits = value
    if base == READ:
        if keep == arch.INVAL and not bits:
            return 'restore', None
        if bits in contexts and keep == arch.INVAL & ~mask & ~bits:
            return 'context', contexts[bits]
        return 'wrong', (f'the register with bits 0x{arch.INVAL & ~keep:x} set to 0x{bits:x}, '
                         'as in no context')
    if base == 0:
        if bits == arch.INVAL and arch.INVAL_IS_SAFE:
            return 'nothing', None
        return 'wrong', f'a constant, 0x{bits:x}'
    return 'wrong', base.rstrip(',')


def check(arch, image, contexts, mask, listed):
    """Judges all writes of the image."""
    findings = []
    writes = 0
    functions = collections.defaultdict(set)    # (name, key of its entry) -> kinds of its writes
    start = {}
    written = {key: arch.written(insn) for key, insn in image.code.items() if arch.written(insn)}
    selector = {key: arch.selector(image.code[key]) for key in written}
    values = Flow(image).values([(key, place) for places in (written, selector)
                                 for key, place in places.items() if place not in (None, MEMORY)])
    for key, insn in image.code.items():
        if key in image.entries:
            start[insn.func] = key
        if key not in written:
            continue
        unknown = []
        if selector[key]:
            numbers = values[key, selector[key]]
            unknown = sorted(str(base).rstrip(',') for base, _, _ in numbers if base != 0)
            if numbers and not unknown and not any(arch.selects(bits) for _, _, bits in numbers):
                continue
        writes += 1
        func = (insn.func, start.get(insn.func))
        kinds = functions[func]
        if unknown:
            judgements = [('wrong', f'perhaps; what selects the register is {unknown[0]}')]
        elif written[key] == MEMORY:
            judgements = [('wrong', 'memory')]
        else:
            judgements = [judge(arch, value, contexts, mask)
                          for value in sorted(values[key, written[key]], key=str)]
            judgements = judgements or [('wrong', 'in code that nothing seems to jump to')]
        offset = insn.addr - (func[1][1] if func[1] else insn.addr)
        for kind, what in judgements:
            if kind != 'wrong':
                kinds.add((kind, what))
            elif base_name(insn.func) not in listed:
                findings.append(f'{insn.func}+0x{offset:x}: writes to the pkey register: {what}')

    # Context 0 is the default one.
    for (name, _), kinds in functions.items():
        opened = {kind for kind in kinds if kind[0] == 'context'}
        closed = kinds & {('restore', None), ('context', 0)}
        if opened and not closed and base_name(name) not in listed:
            numbers = ', '.join(str(number) for _, number in sorted(opened))
            findings.append(f'{name}: switches to context {numbers} and never back')
    if not writes:
        findings.append('there is nothing to check: not an image with kpkeys?')
    return Result(findings, writes, len(functions),
                  sum(base_name(name) in listed for name, _ in functions))
