/* SPDX-License-Identifier: GPL-2.0-only */
/* Instructions that change a register, and that do not: one of each that x86.py knows, at least. */
#define MSR
#include "x86-changes.S"

KEEPS(rbx, mov $0x10, %ecx; wrmsrns)
