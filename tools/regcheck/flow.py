# SPDX-License-Identifier: GPL-2.0-only
"""Where a value comes from: along all paths inside a function, back to what it is made of."""

import collections

# A value is (base, keep, set): (base & keep) | set, where base is READ, 0 for a constant, or a text
# that says what else it is. A read value is OLD once the register has been written, and SAVED once it has
# been where other code can change it: on the stack, or in a register that a called function has to save.
READ, OLD, SAVED = READS = 'read', 'read before a write', 'read and saved'


class Masked(str):
    """The base of a value that may be anything, but for the bits that constants have replaced."""


# How far unchanged() walks: a loop that nothing enters has no place where paths meet.
MAX_WALK = 10000


class Flow:
    """The values in the functions of an Image."""

    def __init__(self, image):
        self.image = image
        self.arch = image.arch

    def origins(self, key, place):
        """What @place can be before the instruction at @key, in the terms of step()."""
        image = self.image
        before = image.before(key)
        if image.is_entry(key):
            yield 'value', (f'what the function was called with in {self.arch.SIGIL}{place}'
                            if isinstance(place, str) else
                            'what the function was called with on the stack', 0, 0)
        elif not before and not self.arch.is_padding(image.code[key]):
            yield 'value', ('the result of code that nothing seems to jump to', 0, 0)
        for prev in before:
            for what, where, *source in self.arch.step(image.code[prev], place):
                if what == 'value':
                    yield what, where
                elif what == 'place':
                    yield what, *self.unchanged(prev, where, self.age(image.code[prev], where))
                else:
                    yield what, (prev, where), *(
                        (prev, src) if kind == 'place' else {src} for kind, src in source)

    def unchanged(self, key, place, age):
        """Walks back from @place before @key, to where it is set or paths meet: most code does neither."""
        image = self.image
        for _ in range(MAX_WALK):
            before = image.before(key)
            if image.is_entry(key) or len(before) != 1:
                break
            prev, = before
            steps = list(self.arch.step(image.code[prev], place))
            if len(steps) != 1 or steps[0][0] != 'place':
                break
            key, place = prev, steps[0][1]
            age = max(age, self.age(image.code[key], place), key=READS.index)
        return (key, place), age

    def age(self, insn, place):
        """What a value that was read is at least, once it has been in @place during @insn."""
        if isinstance(place, tuple) or self.arch.calls(insn):
            return SAVED
        return OLD if self.arch.written(insn) else READ

    def values(self, wanted):
        """All values that each of @wanted, pairs of an instruction and a place, can have before it."""
        terms, users = {}, collections.defaultdict(set)
        todo = list(wanted)
        while todo:
            node = todo.pop()
            if node in terms:
                continue
            terms[node] = list(self.origins(*node))
            for _, *uses in terms[node]:
                for used in uses:
                    if isinstance(used, tuple) and isinstance(used[0], tuple):
                        users[used].add(node)
                        todo.append(used)

        # Loops make values depend on each other: repeat until nothing changes.
        values = {node: set() for node in terms}
        todo = dict.fromkeys(terms)
        while todo:
            node, _ = todo.popitem()
            new = set()
            for what, used, *source in terms[node]:
                if what == 'value':
                    new.add(used)
                elif what == 'place':
                    new |= {self.older(value, source[0]) for value in values[used]}
                elif what == 'selected':
                    new |= {self.arch.selected(number) for number in values[used]}
                else:
                    constants = source[0] if isinstance(source[0], set) else values[source[0]]
                    new |= {self.combine(what, value, const)
                            for value in values[used] for const in constants}
            if new != values[node]:
                values[node] = new
                todo.update(dict.fromkeys(users[node]))
        return values

    @staticmethod
    def older(value, age):
        """The value when it is of that age at least."""
        base, keep, bits = value
        if isinstance(base, Masked) and age == SAVED:
            return ('a masked value that has been saved', 0, 0)
        return (max(base, age, key=READS.index), keep, bits) if base in READS else value

    def combine(self, op, value, const):
        base, keep, bits = value
        if op == 'or' and const == (0, 0, self.arch.ALL):
            return const        # how gcc -Os loads -1
        if isinstance(op, tuple):
            const = self.arch.field(*op, const)
            op = 'insert'
        if op in self.arch.COMMUTATIVE and base == 0 and const[0] != 0:
            base, keep, bits, const = *const, value
        if base != 0 and base not in READS and not isinstance(base, Masked):
            base, keep, bits = Masked(f'{base.rstrip(",")}, in part'), self.arch.ALL, 0
        if const[0] != 0:
            return ('combined with what is no constant', 0, 0)
        if op in ('and', 'bic'):
            kept = const[2] if op == 'and' else ~const[2]
            return (base, keep & kept, bits & kept)
        if op == 'insert':
            return (base, keep & ~const[1], bits & ~const[1] | const[2])
        return (base, keep & ~const[2], bits | const[2])
