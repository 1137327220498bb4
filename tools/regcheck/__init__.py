# SPDX-License-Identifier: GPL-2.0-only
"""What tools/check-reg-writes is made of.

elf     what the tables and symbols of an image say
x86     what instructions of x86 do, and of the architectures that are x86
arm64   the same for arm64
image   the functions of an image that write to the pkey register, and the ways through them
flow    where a value comes from
paths   where the function ends after a switch
rules   what may be written, and the findings
test    the tests of all that: python3 tools/regcheck/test.py [ARCH...]
defects what the tests break to show that they can fail

A new architecture is a class like x86.Um, which says what the class must have; a line in rules.ARCHES
and one in defects.COMPILERS; tests/ARCH-*.S; and a list reg-writes-ARCH.list.
"""
