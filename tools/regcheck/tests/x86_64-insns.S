/* SPDX-License-Identifier: GPL-2.0-only */
/* Values that are followed through instructions. */
#define MSR
#include "x86-insns.S"
