/* SPDX-License-Identifier: GPL-2.0-only */
/* Instructions that change a register, and that do not: one of each that x86.py knows, at least. */
#include "x86-changes.S"
