#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Tests of check-reg-writes.

Usage: python3 tools/regcheck/test.py [ARCH...]

Assembles and links each tests/ARCH-*.S, whose functions say what must be found in them (see
tests/cases.h), and compares. Then breaks the tool on purpose, one rule at a time: at least one case
must fail each time, or the rule has no test. Prints "ok NAME" or "not ok NAME: why" for each.

In the first lines of a file,
   image: TEXT      the finding that is of the image and of no function
   fatal: TEXT      the file cannot be checked, and why
   linked with: FILE    another file of the image
   object           the file is assembled, and not linked
"""

import collections
import functools
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import types

sys.dont_write_bytecode = True

from defects import COMPILERS, DEFECTS      # noqa: E402

HERE = os.path.dirname(os.path.realpath(__file__))
MODULES = ('elf', 'image', 'flow', 'x86', 'arm64', 'paths', 'rules')
# What is found if KEEPS() is right.
KEPT = {'x86_64': 'not in one of the functions for that', 'um': 'a saved value of the register',
        'arm64': 'a saved value of the register'}
LISTED = {'listed_argument', 'listed_never_back', 'listed_restore', 'listed_clone'}


class Case:
    """A file of tests/, assembled, and what its lines say."""

    def __init__(self, path, folder):
        self.name = os.path.basename(path)[:-2]
        self.arch = self.name.split('-')[0]
        text = self.read(path)
        self.fatal, self.image = (
            (re.search(rf'{word}: (.*?)(?: \*/)?$', text, re.M) or [None, None])[1]
            for word in ('fatal', 'image'))
        linked = not re.search(r'^/\* object', text, re.M)
        other = re.search(r'linked with: (\S+)', text)
        self.elf = os.path.join(folder, self.name)
        done = subprocess.run([COMPILERS[self.arch], '-nostdlib', '-static',
                               '-Wl,--build-id=none,-e,0,-z,noexecstack', *([] if linked else ['-c']),
                               '-o', self.elf, path, *([f'{HERE}/tests/{other[1]}'] if other else [])],
                              check=False, text=True, stderr=subprocess.PIPE)
        if done.returncode:     # warnings are of no interest
            sys.exit(done.stderr)
        # name of a function -> texts of its findings; None if KEPT must not be the only one
        self.expected = {}
        self.without = {'image'}    # no function with a write
        self.ignored = set()
        for number, line in self.lines_of(path):
            m = re.match(r'(GOOD|NONE|LISTED|BAD)\((.*?)(?:, (.*))?\)$', line)
            self.ignored |= set(re.findall(r'^MAYBE\((.*)\)$', line))
            if m and m[1] == 'NONE':
                self.without.add(m[2])
            if m:
                self.expected[m[2]] = m[3].split(' | ') if m[1] == 'BAD' else []
            m = re.match(r'(SLOT_)?(KEEPS|CHANGES)\(', line)
            if m:
                self.expected[f'{m[0][:-1].lower()}_{number}'] = None if m[2] == 'CHANGES' else [KEPT[self.arch]]
        self.lines = {}         # what objdump is given -> its lines
        self.seen = set()

    @staticmethod
    def read(path):
        with open(path, encoding='utf-8') as file:
            return file.read()

    def lines_of(self, path):
        """Numbered lines of a file and of the .S files that it includes."""
        for number, line in enumerate(self.read(path).splitlines(), 1):
            yield number, line
            m = re.match(r'#include "(.*\.S)"$', line)
            if m:
                yield from self.lines_of(f'{HERE}/tests/{m[1]}')

    def findings(self, tool, arch):
        """What the tool says: function -> findings, or a text if it dies."""
        elf = tool['elf'].Elf(self.elf)
        data = elf.replaced(arch.replace_unknown)
        if data not in self.lines:
            self.lines[data] = list(tool['image'].disassemble(arch, elf))
        try:
            contexts, mask = tool['rules'].read_table(arch, elf)
            image = tool['image'].Image(arch, elf, self.lines[data])
            result = tool['rules'].check(arch, image, elf, contexts, mask, LISTED)
        except tool['elf'].Unreadable as error:
            return str(error)
        self.seen = {*image.writers.values(), *(insn.func for insn in image.code.values())}
        found = collections.defaultdict(list)
        for finding in result.findings:
            m = re.match(r'([\w.]+?)(?:\+0x[0-9a-f]+)?: (?:writes to the pkey register: )?(.*)', finding)
            found[m[1] if m and m[1] != 'there' else 'image'].append(m[2] if m else finding)
        return found

    def judge(self, tool):
        """Pairs of the name of a case and what is wrong, None if nothing is."""
        arch = tool['rules'].ARCHES[self.arch]()
        tool.get('change', lambda _: None)(arch)
        found = self.findings(tool, arch)
        if self.fatal or isinstance(found, str):
            ok = isinstance(found, str) and self.fatal and self.fatal in found
            yield 'fatal', None if ok else f'expected "{self.fatal}", got "{found}"'
            return
        expected = dict(self.expected)
        if self.image or found.get('image'):
            expected['image'] = [self.image or 'nothing']
        for name in sorted(set(found) - set(expected) - self.ignored):
            yield name, f'unexpected: {found[name]}'
        for name, texts in expected.items():
            got = found.get(name, [])
            if name not in self.seen | self.without:
                yield name, 'not looked at'
                continue
            if texts is None:
                ok = KEPT[self.arch] not in ' '.join(got) or len(got) > 1
            else:
                ok = (all(any(text in one for one in got) for text in texts) and
                      all(any(text in one for text in texts) for one in got))
            yield name, None if ok else f'expected {texts}, got {got}'


@functools.lru_cache(None)
def compiled(name, old=None, new=None):
    path = os.path.join(HERE, f'{name}.py')
    with open(path, encoding='utf-8') as source:
        text = source.read()
    if old is not None:
        if text.count(old) != 1:
            raise ValueError(f'{name}.py has this {text.count(old)} times: {old}')
        text = text.replace(old, new)
    return compile(text, path, 'exec')


def load(file=None, old=None, new=None):
    """The modules of the tool, @file with @new in place of @old."""
    tool = {}
    package = types.ModuleType('regcheck')
    package.__path__ = []
    sys.modules['regcheck'] = package
    for name in MODULES:
        module = types.ModuleType(f'regcheck.{name}')
        sys.modules[module.__name__] = tool[name] = module
        exec(compiled(name, old, new) if name == file else compiled(name), module.__dict__)
    return tool


class ListCase:
    """The list of functions."""

    name = 'list'
    LISTS = {
        '# comment\n\nsome_function  # why\nother # why\n': {'some_function', 'other'},
        'any_*  # why\n': ':1: not of the form',
        '# comment\nsome_function\n': ':2: not of the form',
        'some_function #\n': ':1: not of the form',
        'some_function why\n': ':1: not of the form',
        'two functions  # why\n': ':1: not of the form',
        '': set(),
    }

    def __init__(self, folder):
        self.file = os.path.join(folder, 'list')

    def judge(self, tool):
        for number, (text, expected) in enumerate(self.LISTS.items(), 1):
            with open(self.file, 'w', encoding='utf-8') as file:
                file.write(text)
            try:
                got = tool['rules'].read_list(self.file)
                ok = got == expected
            except tool['elf'].Unreadable as error:
                got = str(error)
                ok = isinstance(expected, str) and expected in got
            yield f'text {number}', None if ok else f'expected {expected}, got {got}'


class ReplacedCase:
    """Instructions that objdump may not know, and what it sees instead."""

    name = 'replaced'
    CODE = {
        'f20f00f7': '0f1f4000', 'f20f00f0': '0f1f4000', 'f20f00e8': 'f20f00e8', 'f20f0007': 'f20f0007',
        'f2410f00f0': '0f1f440000', 'f2500f00f0': 'f2500f00f0',
        'f20f01ca': '48cf9090', 'f30f01ca': '48cf9090', '660f01ca': '660f01ca', 'f30f01cb': 'f30f01cb',
    }

    def judge(self, tool):
        for code, expected in self.CODE.items():
            got = tool['rules'].X86_64().replace_unknown(bytes.fromhex(code)).hex()
            yield code, None if got == expected else f'expected {expected}, got {got}'


class CommandCase:
    """The command: what it prints and how it ends."""

    name = 'command'

    def __init__(self, folder):
        self.folder = folder

    def judge(self, _tool):
        some = [name for name in sorted(os.listdir(self.folder)) if name.endswith(('-list', '-rules'))][0]
        arch, path = some.split('-')[0], os.path.join(self.folder, some)
        with open(f'{path}.list', 'w', encoding='utf-8') as file:
            file.writelines(f'{name}  # test\n' for name in self.functions(path))
        for name, args, rc, text in (
                ('findings', ('--list', os.devnull, arch, path), 1, '\nargument+0x'),
                ('no findings', ('--list', f'{path}.list', arch, path), 0, ' listed\n'),
                ('no file', (arch, f'{path}.none'), 2, 'No such file'),
                ('no table', ('--table', f'{self.folder}/list', arch, path), 2, 'not a 64-bit little-endian'),
                ('no architecture', ('vax', path), 2, 'invalid choice')):
            got = subprocess.run([sys.executable, f'{HERE}/../check-reg-writes', *args], text=True,
                                 check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            ok = got.returncode == rc and text in '\n' + got.stdout
            yield name, None if ok else (f'expected {rc} and "{text}", '
                                         f'got {got.returncode}: {got.stdout[-200:]}')

    @staticmethod
    def functions(path):
        names = subprocess.run(['nm', path], text=True, check=True, stdout=subprocess.PIPE).stdout
        return {line.split()[2].split('.')[0] for line in names.splitlines() if ' T ' in line}


def noticed(tool, cases):
    """The first case that fails with the tool."""
    for case in cases:
        try:
            for name, wrong in case.judge(tool):
                if wrong:
                    return f'{case.name}: {name}'
        except Exception as error:      # a broken tool may break
            return f'{case.name}: {error!r}'
    return None


def op_defects(cls):
    """What each instruction does is forgotten: it is taken to change nothing, or is not known."""
    for op in sorted(set(cls.RESULT) | set(getattr(cls, 'IMPLICIT', ()))):
        yield f'{op} changes nothing', lambda arch, op=op: setattr(arch, 'NO_RESULT', arch.NO_RESULT | {op})
    for op in sorted(cls.NO_RESULT):
        yield f'{op} is not known', lambda arch, op=op: setattr(arch, 'NO_RESULT', arch.NO_RESULT - {op})


def main():
    arches = sys.argv[1:] or list(COMPILERS)
    for arch in arches:
        if not shutil.which(COMPILERS.get(arch, '')):
            print(f'not ok {arch}: no compiler: {COMPILERS.get(arch, "unknown architecture")}')
            sys.exit(1)
    count = failed = 0

    def report(name, wrong, by=None):
        nonlocal count, failed
        count += 1
        failed += bool(wrong)
        print(f'not ok {name}: {wrong}' if wrong else f'ok {name}' + (f', noticed by {by}' if by else ''))

    with tempfile.TemporaryDirectory() as folder:
        cases = [Case(path, folder) for path in sorted(glob.glob(f'{HERE}/tests/*.S'))
                 if os.path.basename(path).split('-')[0] in arches]
        lists = ListCase(folder)
        replaced = [ReplacedCase()] if 'x86_64' in arches else []
        tool = load()
        for case in [*cases, lists, *replaced, CommandCase(folder)]:
            for name, wrong in case.judge(tool):
                report(f'{case.name}: {name}', wrong)
        if failed:
            print('# the tool is not broken on purpose before it is right')
        else:
            for defect in DEFECTS:
                for arch in sorted(set(defect.arches) & set(arches)):
                    some = [case for case in cases if case.arch == arch] + [lists]
                    some += replaced if arch == 'x86_64' else []
                    by = noticed(load(defect.file, defect.old, defect.new), some)
                    report(f'{arch}: broken: {defect.name}', None if by else 'not noticed', by)
            for arch in arches:
                some = [case for case in cases if case.arch == arch]
                tool = load()
                for name, change in op_defects(tool['rules'].ARCHES[arch]):
                    by = noticed({**tool, 'change': change}, some)
                    report(f'{arch}: broken: {name}', None if by else 'not noticed', by)
    print(f'# {count - failed} passed, {failed} failed')
    sys.exit(1 if failed or not count else 0)


if __name__ == '__main__':
    main()
