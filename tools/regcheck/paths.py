# SPDX-License-Identifier: GPL-2.0-only
"""The ways from a switch to another context to the end of the function."""

import collections

from .flow import READ, READS
from .image import base_name

# Once the register has been written, kpkeys is enabled, and remains so.
ENABLED_KEY = 'kpkeys_enabled_key'
# Where this is enabled, the other one is.
KEYS = {ENABLED_KEY, 'kpkeys_hardened_pgtables_key'}

# Functions that do not return: those of objtool's noreturns.h that code with kpkeys may call.
NO_RETURN = set('panic vpanic __stack_chk_fail __fortify_panic usercopy_abort '
                'do_exit do_group_exit do_task_dead make_task_dead kthread_exit kthread_complete_and_exit '
                '__kunit_abort kunit_try_catch_throw __ubsan_handle_builtin_unreachable '
                'rewind_stack_and_make_dead'.split())


class Paths:
    """The ways through the functions of an Image, between @writes. The default context has the value
    @default in @mask."""

    def __init__(self, image, flow, writes, default, mask):
        self.image, self.arch, self.writes = image, image.arch, writes
        self.default, self.mask = default, mask
        self.next = collections.defaultdict(list)   # key -> keys that it can lead to, in the function
        for key, insn in image.code.items():
            for prev in image.before(key):
                if base_name(image.code[prev].func) == base_name(insn.func):
                    self.next[prev].append(key)

        # What values decide: where indirect calls and jumps lead to, and branches.
        self.tests, self.loads = {}, {}     # key of a branch -> what it depends on
        wanted = set()
        for key, insn in image.code.items():
            place = self.arch.destination(insn)
            if isinstance(place, str) and (self.arch.calls(insn) or self.arch.indirect(insn)):
                wanted.add((key, place))
            if self.arch.target(insn) is None:
                continue
            self.tests[key] = test = self.comparison(key)
            if test:
                wanted |= {(test[0], where) for what, where in test[1:3] if what == 'place'}
            self.loads[key] = load = self.key_load(key)
            if load and load[1]:
                wanted.add(load[:2])
        self.values = flow.values(wanted)
        self.branches = {key: self.key_of(key) for key in image.code}
        self.known = self.known_keys()

    # Branches

    def straight(self, key):
        """The instructions that always run before one, the last one first."""
        image = self.image
        while not image.jumps.get(key) and not image.instead.get(key) and key in image.previous:
            key = image.previous[key]
            yield key

    def comparison(self, branch):
        """For a branch that depends on whether two are equal: the key of the comparison, the two, and
        whether the branch is taken if so. Else None."""
        test = next(self.straight(branch), None)
        compared = test and self.arch.compares(self.image.code[test], self.image.code[branch])
        return (test, *compared) if compared else None

    def key_load(self, branch):
        """For a branch that depends on a static key: where its count is loaded (the key of the
        instruction, a register with an address or None, and an offset), and whether the branch is taken
        if it is enabled. Else None."""
        place = None
        for key in self.straight(branch):
            insn = self.image.code[key]
            if not place:
                tested = self.arch.tests_key(insn, self.image.code[branch])
                if not tested:
                    return None
                place, taken = tested
            elif self.arch.step(insn, place) != [('place', place)]:
                where = self.arch.loads_from(insn)
                return (key, *where, taken) if where else None
        return None

    def constant(self, key, place):
        """The only value that a register can have, None if that is not known."""
        values = self.values[key, place]
        base, _, bits = next(iter(values), (None, 0, 0))
        return bits if base == 0 and len(values) == 1 else None

    def key_of(self, branch):
        """The name of the static key that decides a branch, and whether it is taken if it is enabled."""
        if branch[1] in self.image.static_branches:
            addr, taken = self.image.static_branches[branch[1]]
        elif self.loads.get(branch):
            key, place, addr, taken = self.loads[branch]
            base = self.constant(key, place) if place else 0
            if base is None:
                return None
            addr += base
        else:
            return None
        names = self.image.names.get(addr & self.arch.ADDRESSES, set()) & KEYS
        return (names.pop(), taken) if names else None

    def is_default(self, one, other):
        """Whether the register is in the default context if the values are equal."""
        base, keep, _ = one
        if base != READ or keep & self.mask != self.mask:
            return False
        base, keep, bits = other
        return (base == 0 or base in READS and not keep & self.mask) and bits & self.mask == self.default

    def closes(self, branch):
        """Whether a branch that is taken means that the register is in the default context (True), or one
        that is not taken does (False); else None."""
        if not self.tests.get(branch):
            return None
        test, *operands, taken = self.tests[branch]
        one, other = ([where] if what == 'value' else self.values[test, where] for what, where in operands)
        pairs = [(a, b) for a in one for b in other]
        if pairs and all(self.is_default(a, b) or self.is_default(b, a) for a, b in pairs):
            return taken
        return None

    def ways(self, branch, taken):
        """The next instructions if a branch is taken, or is not. One of patched code may be in both."""
        target = self.image.targets.get(branch[1], self.arch.target(self.image.code[branch]))
        after = self.image.following.get(branch)
        return [key for key in self.next[branch] if any(
            at[1] == target if taken else at == after for at in self.image.stands_for(key))]

    def only(self, branch, taken):
        """The next instructions that show that a branch has been taken, or has not."""
        other = self.ways(branch, not taken)
        return [key for key in self.ways(branch, taken) if key not in other]

    # Paths

    def known_keys(self):
        """The static keys that are enabled wherever an instruction runs."""
        known = {}
        todo = [(key, frozenset()) for key, insn in self.image.code.items()
                if self.image.is_entry(key) or not self.image.before(key) and not self.arch.is_padding(insn)]
        while todo:
            key, keys = todo.pop()
            if key in known and known[key] <= keys:
                continue
            known[key] = keys = known.get(key, keys) & keys
            branch = self.branches.get(key)
            enabled = self.only(key, branch[1]) if branch else []
            todo += [(after, keys | {branch[0]} if after in enabled else keys) for after in self.next[key]]
        return known

    def no_return(self, key):
        """Is it a call that does not return?"""
        insn = self.image.code[key]
        if not self.arch.calls(insn):
            return False
        where = self.arch.destination(insn)
        if isinstance(where, str):
            where = self.constant(key, where)
        if where is not None and self.image.names.get(where & self.arch.ADDRESSES, set()) & NO_RETURN:
            return True
        # Is there nothing but padding behind it in the function?
        while self.next[key]:
            key = self.next[key][0]
            if not self.arch.is_padding(self.image.code[key]):
                return False
        return True

    def leaves(self, key):
        """Can the function end with this instruction, and something else go on?"""
        insn = self.image.code[key]
        if self.arch.returns(insn):
            return True
        if self.arch.indirect(insn):
            where = self.arch.destination(insn)
            where = self.constant(key, where) if isinstance(where, str) else None
            return where is not None or not self.next[key]
        if self.arch.target(insn) is not None and not self.ways(key, True):
            return True
        return (self.arch.falls_through(insn) and key[1] not in self.image.traps and
                not self.next[key] and key not in self.image.following)

    def open_end(self, switch):
        """Where the function can end without a switch to the default context after this one, None if it
        cannot."""
        seen = set()
        todo = [(switch, self.known.get(switch, frozenset()) | {ENABLED_KEY})]
        while todo:
            state = key, keys = todo.pop()
            if state in seen or key not in self.writes and self.no_return(key):
                continue
            seen.add(state)
            if key != switch and key in self.writes:
                # What it does is looked at there. One that is a jump may have a condition.
                if self.arch.target(self.image.code[key]) is not None:
                    todo += [(after, keys) for after in self.ways(key, False)]
                continue
            if self.leaves(key):
                return key
            after = dict.fromkeys(self.next[key], keys)
            if self.branches[key]:
                name, taken = self.branches[key]
                if name in keys:
                    after = dict.fromkeys(self.ways(key, taken), keys)
                else:
                    after.update(dict.fromkeys(self.only(key, taken), keys | {name}))
            closed = self.closes(key)
            if closed is not None:
                for way in self.only(key, closed):
                    after.pop(way, None)
            todo += after.items()
        return None
