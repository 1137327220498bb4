#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Prints one line "ok|not ok|skip NAME" for each case in a log with KTAP.

Usage: ktap.py KERNEL_TREE < LOG. The parser is the kernel's own.
"""

import io
import sys

tree = sys.argv[1]
sys.dont_write_bytecode = True
sys.path.insert(0, tree + '/tools/testing/kunit')

from kunit_parser import TestStatus, parse_run_tests  # noqa: E402
from kunit_printer import Printer  # noqa: E402

WORDS = {TestStatus.SUCCESS: 'ok', TestStatus.SKIPPED: 'skip'}


def walk(test, path):
    """Prints the cases of test, which are those without subtests."""
    name = '.'.join(p for p in (path, test.name) if p and p != 'main')
    if test.subtests:
        for subtest in test.subtests:
            walk(subtest, name)
    else:
        print(WORDS.get(test.status, 'not ok'), name or 'KTAP')


result = parse_run_tests(sys.stdin, Printer(output=io.StringIO()))
walk(result, '')
# A missing result, a wrong number, a plan that does not fit.
if result.counts.errors:
    print('not ok KTAP: %d errors in its format' % result.counts.errors)
