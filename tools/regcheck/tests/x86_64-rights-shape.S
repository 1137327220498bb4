/* SPDX-License-Identifier: GPL-2.0-only */
/* What else functions that write might do with bits from memory. */
#define MSR
#define OWN_WRITERS
#include "x86.h"

WRITES_START
/* no mask */
BAD(x86_kpkeys_write_DEFAULT, it does something else than a write of a constant)
	LOAD_RIGHTS; xor $(OTHERS | DEFAULT), %eax; wrmsr; ret
	.p2align 6, 0xcc
/* The mask is not the last but one. */
BAD(x86_kpkeys_write_PGTABLES, it does something else than a write of a constant)
	LOAD_RIGHTS; xor $(OTHERS | PGTABLES), %eax; and $KEEP, %eax; wrmsr; ret
	.p2align 6, 0xcc
BAD(x86_kpkeys_write_TEST, it does something else than a write of a constant)
	LOAD_RIGHTS; and $KEEP, %eax; xor $(OTHERS | TEST), %eax; xor 0x930(%rdx), %eax; wrmsr; ret
	.p2align 6, 0xcc
GOOD(x86_kpkeys_write_INIT)
	WRITE_OF(DEFAULT); ret
WRITES_END
