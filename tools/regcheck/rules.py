# SPDX-License-Identifier: GPL-2.0-only
"""What may be written to the pkey register, and the findings."""

import collections
import re

from .arm64 import Arm64
from .elf import die
from .flow import READS, SAVED, Flow
from .image import MEMORY, base_name
from .paths import Paths
from .x86 import Um, X86_64

ARCHES = {'um': Um, 'arm64': Arm64, 'x86_64': X86_64}

# In mm/kpkeys/core.c: the register bits of each context, and all bits that are managed.
VALUES, MASK = 'kpkeys_regcheck_values', 'kpkeys_regcheck_mask'

DEFAULT = 0     # the context that everything else runs in

Result = collections.namedtuple('Result', 'findings writes functions listed')


def read_table(arch, elf):
    """Register bits of a context -> its number, and the bits that are managed."""
    values, masks = elf.numbers(VALUES), elf.numbers(MASK)
    mask = masks[0]
    if len(masks) != 1 or not 0 < mask <= arch.ALL:
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
    """What a write of @value does: ('context', number), or ('wrong', why)."""
    base, keep, bits = value
    if base in READS:
        if keep == arch.ALL and not bits:
            return 'wrong', 'a saved value of the register'
        if bits in contexts and keep == arch.ALL & ~mask & ~bits:
            if base == SAVED:
                return 'wrong', (f'context {contexts[bits]}, but the bits that kpkeys does not manage '
                                 'have been saved')
            return 'context', contexts[bits]
        return 'wrong', (f'the register with bits 0x{arch.ALL & ~keep:x} set to 0x{bits:x}, '
                         'as in no context')
    if base == 0:
        return 'wrong', f'a constant, 0x{bits:x}'
    return 'wrong', base.rstrip(',')


def check(arch, image, contexts, mask, listed):
    """Judges all writes of the image."""
    findings = []
    writes = 0
    functions = set()       # (name, key of its entry)
    contexts_of = {}        # key of a write -> the contexts that it switches to, None for what is wrong
    written = {key: arch.written(insn) for key, insn in image.code.items() if arch.written(insn)}
    selector = {key: arch.selector(image.code[key]) for key in written}
    flow = Flow(image)
    values = flow.values([(key, place) for places in (written, selector)
                          for key, place in places.items() if place not in (None, MEMORY)])
    start, entry = {}, {}
    for key, insn in image.code.items():
        if key in image.entries:
            start[insn.func] = key
        entry[key] = start.get(insn.func)

    def name_of(key):
        return f'{image.code[key].func}+0x{key[1] - (entry[key] or key)[1]:x}'

    for key, insn in image.code.items():
        if key not in written:
            continue
        unknown = []
        if selector[key]:
            numbers = values[key, selector[key]]
            unknown = sorted(str(base).rstrip(',') for base, _, _ in numbers if base != 0)
            if numbers and not unknown and not any(arch.selects(bits) for _, _, bits in numbers):
                continue
        writes += 1
        functions.add((insn.func, entry[key]))
        if unknown:
            judgements = [('wrong', f'perhaps; what selects the register is {unknown[0]}')]
        elif written[key] == MEMORY:
            judgements = [('wrong', 'memory')]
        else:
            judgements = list(dict.fromkeys(
                judge(arch, value, contexts, mask)
                for value in sorted(values[key, written[key]], key=str)))
            judgements = judgements or [('wrong', 'in code that nothing seems to jump to')]
        contexts_of[key] = {what if kind == 'context' else None for kind, what in judgements}
        for kind, what in judgements:
            if kind == 'wrong' and base_name(insn.func) not in listed:
                findings.append(f'{name_of(key)}: writes to the pkey register: {what}')

    default = next(value for value, number in contexts.items() if number == DEFAULT)
    paths = Paths(image, flow, set(contexts_of), default, mask)
    for key, switched_to in contexts_of.items():
        opened = switched_to - {DEFAULT, None}
        end = paths.open_end(key) if opened and base_name(image.code[key].func) not in listed else None
        if end:
            numbers = ', '.join(str(number) for number in sorted(opened))
            findings.append(f'{name_of(key)}: switches to context {numbers}, and a path to {name_of(end)} '
                            'does not switch back')
    if not writes:
        findings.append('there is nothing to check: not an image with kpkeys?')
    return Result(findings, writes, len(functions),
                  sum(base_name(name) in listed for name, _ in functions))
