/* SPDX-License-Identifier: GPL-2.0-only */
/* The values are in order, the names are not: whoever calls one gets another. */
#define MSR
#define OWN_WRITERS
#include "x86.h"

WRITES_START
BAD(x86_kpkeys_write_PGTABLES, the default context is not the first)
	WRITE_OF(DEFAULT); ret
	.p2align 6, 0xcc
BAD(x86_kpkeys_write_DEFAULT, the default context is not the first)
	WRITE_OF(PGTABLES); ret
WRITER(TEST)			WRITE_OF(TEST); ret
WRITES_END
