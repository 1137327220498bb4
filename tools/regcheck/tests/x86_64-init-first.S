/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one for CPUs that start is the last one.
 * image: 4 functions write to the pkey register, for 3 contexts
 */
#define MSR
#define OWN_WRITERS
#include "x86.h"

WRITES_START
GOOD(x86_kpkeys_write_INIT)
	WRITE_OF(DEFAULT); ret
	.p2align 6, 0xcc
BAD(x86_kpkeys_write_DEFAULT, the default context is not the first | which is not context 1)
	WRITE_OF(DEFAULT); ret
	.p2align 6, 0xcc
BAD(x86_kpkeys_write_PGTABLES, which is not context 2)
	WRITE_OF(PGTABLES); ret
	.p2align 6, 0xcc
BAD(x86_kpkeys_write_TEST, which is not context 3)
	WRITE_OF(TEST); ret
WRITES_END

GOOD(switch_and_init)
	SWITCH(TEST)
	SWITCH(INIT)
	ret
