/* SPDX-License-Identifier: GPL-2.0-only */
/* fatal: no symbol kpkeys_regcheck_values */
#define MSR
#define OWN_WRITERS
#define NO_TABLE
#include "x86.h"

	.section .noinstr.text, "ax"
	.p2align 6, 0xcc
x86_kpkeys_write_INIT:		/* not global: another file has one, too */
	WRITE_OF(DEFAULT); ret
WRITES_END
