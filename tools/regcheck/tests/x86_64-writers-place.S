/* SPDX-License-Identifier: GPL-2.0-only */
/* They are where the exit from exceptions looks for them: one after the other. */
#define MSR
#define OWN_WRITERS
#include "x86.h"

WRITES_START
WRITER(DEFAULT)			WRITE_OF(DEFAULT); ret
WRITER(PGTABLES)		WRITE_OF(PGTABLES); ret
	.p2align 8, 0xcc
BAD(x86_kpkeys_write_TEST, it is not where exceptions look for it)
	WRITE_OF(TEST); ret
WRITES_END
