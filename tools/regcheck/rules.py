# SPDX-License-Identifier: GPL-2.0-only
"""What may be written to the pkey register, and the findings."""

import collections
import re

from .arm64 import Arm64
from .elf import die
from .flow import READS, SAVED, Flow, Masked
from .image import MEMORY, OUTSIDE, base_name
from .paths import Paths
from .x86 import Um, X86_64

ARCHES = {'um': Um, 'arm64': Arm64, 'x86_64': X86_64}

# In mm/kpkeys/core.c: the register bits of each context, and all bits that are managed.
VALUES, MASK = 'kpkeys_regcheck_values', 'kpkeys_regcheck_mask'

DEFAULT = 0     # the context that everything else runs in

# The one function that writes bits of pkeys that are not managed from memory: the rights of threads to keys
# of drivers. Those that are managed must be a context's all the same. It stays in the one that it finds.
RIGHTS = 'kpkeys_load_rights'

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
    """The names of the functions in the list; the reasons are for people."""
    names = set()
    with open(name, encoding='utf-8') as file:
        for number, line in enumerate(file, 1):
            m = re.fullmatch(r'(\w+)\s+#\s*\S.*', line.rstrip())
            if m:
                names.add(m[1])
            elif line.strip() and not line.startswith('#'):
                die(f'{name}:{number}: not of the form "NAME  # why"')
    return names


def judge(arch, value, contexts, mask, func):
    """What a write of @value by @func does: ('context', number), or ('wrong', why)."""
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
    if isinstance(base, Masked) and base_name(func) == RIGHTS and bits in contexts and not keep & mask:
        return 'context', contexts[bits]
    return 'wrong', base.rstrip(',')


def check_writers(arch, image, elf, contexts, mask):
    """The context of each function that writes the register, by its address, and findings."""
    if not arch.WRITER_SIZE:
        return {}, []
    context_of, findings = {}, []
    others = set()      # values in the bits that are not managed
    starts = [symbol.value for symbol in elf.symbols.get(arch.WRITERS_START, ())]
    values = {number: value for value, number in contexts.items()}
    ends = [name == arch.WRITER_INIT for name in image.writers.values()]
    if len(ends) - sum(ends) != len(values) or any(ends[:-1]):
        findings.append(f'{len(image.writers)} functions write to the pkey register, '
                        f'for {len(values)} contexts')
    for position, (addr, name) in enumerate(image.writers.items()):
        number = DEFAULT if name == arch.WRITER_INIT else position
        context_of[addr] = number
        wrong = []
        if starts != [addr - position * arch.WRITER_SIZE] or addr % arch.WRITER_SIZE:
            wrong.append('it is not where exceptions look for it')
        if (name in (arch.WRITER_DEFAULT, arch.WRITER_INIT)) != (number == DEFAULT):
            wrong.append('the default context is not the first')
        value = arch.writer_value(elf, addr)
        if value is None:
            wrong.append('it does something else than a write of a constant')
        else:
            value, read = value
            others.add(value & ~mask)
            if value & mask != values.get(number):
                wrong.append(f'it writes 0x{value:x}, which is not context {number}')
            if read & mask or read and name == arch.WRITER_INIT:
                wrong.append(f'it takes the bits 0x{read:x} from memory')
        if image.is_patched(addr, addr + arch.WRITER_SIZE):
            wrong.append('its code is patched')
        wrong += [f'its address is in {section}, where code can be called by it'
                  for section in elf.pointers(addr)]
        findings += [f'{name}: {what}' for what in wrong]
    findings += [f'code at 0x{addr:x}: writes to the pkey register: its number is in the instruction'
                 for addr in arch.hidden_writes(elf)]
    if len(others) > 1:
        findings.append('contexts have different bits of pkeys that kpkeys does not manage')
    return context_of, findings


def check(arch, image, elf, contexts, mask, listed):
    """Judges all writes of the image."""
    context_of, findings = check_writers(arch, image, elf, contexts, mask)
    writes = 0
    functions = set()       # (name, key of its entry)
    contexts_of = {}        # key of a write -> the contexts that it switches to, None for what is wrong
    written = {key: arch.written(insn) for key, insn in image.code.items() if arch.written(insn)}
    selector = {key: arch.selector(image.code[key]) for key in written}
    flow = Flow(image)
    values = flow.values([(key, place) for places in (written, selector)
                          for key, place in places.items() if place not in (None, MEMORY, OUTSIDE)])
    start, entry = {}, {}
    for key, insn in image.code.items():
        if key in image.entries:
            start[insn.func] = key
        entry[key] = start.get(insn.func)

    def exempt(name):
        return base_name(name) in listed

    def name_of(key):
        return f'{image.code[key].func}+0x{key[1] - (entry[key] or key)[1]:x}'

    for key, insn in image.code.items():
        if image.writer(insn) is not None:
            writes += 1
            functions.add((insn.func, entry[key]))
            contexts_of[key] = {context_of[image.writer(insn)]}
            continue
        if context_of and image.refers(insn) and not exempt(insn.func):
            findings.append(f'{name_of(key)}: uses the address of code that writes to the pkey register')
        if arch.is_unknown(insn, elf):
            findings.append(f'{name_of(key)}: objdump does not know this instruction: others may be hidden')
        if key not in written or arch.refuses(image, key):
            continue
        unknown, selected = [], True
        if selector[key] == MEMORY:
            unknown, selected = [MEMORY], False
        elif selector[key]:
            numbers = values[key, selector[key]]
            unknown = sorted(str(base).rstrip(',') for base, _, _ in numbers if base != 0)
            selected = not numbers or any(arch.selects(bits) for base, _, bits in numbers if base == 0)
            if not unknown and not selected:
                continue
        writes += 1
        functions.add((insn.func, entry[key]))
        perhaps = [('wrong', f'perhaps; what selects the register is {what}') for what in unknown[:1]]
        if written[key] == OUTSIDE:
            # No list helps with what is certain. The list is for the rest, which is not a switch, either.
            if selected:
                findings.append(f'{name_of(key)}: writes to the pkey register: {OUTSIDE}')
            findings += [f'{name_of(key)}: writes to the pkey register: {what}' for _, what in perhaps]
            continue
        if perhaps:
            judgements = perhaps
        elif written[key] == MEMORY:
            judgements = [('wrong', MEMORY)]
        else:
            judgements = list(dict.fromkeys(
                judge(arch, value, contexts, mask, insn.func)
                for value in sorted(values[key, written[key]], key=str)))
            judgements = judgements or [('wrong', 'in code that nothing seems to jump to')]
        contexts_of[key] = {what if kind == 'context' else None for kind, what in judgements}
        for kind, what in judgements:
            if kind == 'wrong' and not exempt(insn.func):
                findings.append(f'{name_of(key)}: writes to the pkey register: {what}')

    default = next(value for value, number in contexts.items() if number == DEFAULT)
    paths = Paths(image, flow, set(contexts_of), default, mask)
    for key, switched_to in contexts_of.items():
        opened = switched_to - {DEFAULT, None}
        # The context that RIGHTS writes is the one that it has found.
        if base_name(image.code[key].func) == RIGHTS:
            continue
        end = paths.open_end(key) if opened and not exempt(image.code[key].func) else None
        if end:
            numbers = ', '.join(str(number) for number in sorted(opened))
            findings.append(f'{name_of(key)}: switches to context {numbers}, and a path to {name_of(end)} '
                            'does not switch back')
    if not writes:
        findings.append('there is nothing to check: not an image with kpkeys?')
    return Result(findings, writes, len(functions),
                  sum(exempt(name) for name, _ in functions))
