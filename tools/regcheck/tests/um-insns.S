/* SPDX-License-Identifier: GPL-2.0-only */
/* Values that are followed through instructions. */
#include "x86-insns.S"
