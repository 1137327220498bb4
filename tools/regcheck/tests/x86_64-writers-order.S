/* SPDX-License-Identifier: GPL-2.0-only */
/* The order is that of the table. */
#define MSR
#define OWN_WRITERS
#include "x86.h"

WRITES_START
BAD(x86_kpkeys_write_PGTABLES, the default context is not the first | which is not context 0)
	WRITE_OF(PGTABLES); ret
	.p2align 6, 0xcc
BAD(x86_kpkeys_write_DEFAULT, the default context is not the first | which is not context 1)
	WRITE_OF(DEFAULT); ret
WRITER(TEST)			WRITE_OF(TEST); ret
WRITES_END
