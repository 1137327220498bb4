/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Values, with bits of other pkeys from memory.
 * image: contexts have different bits of pkeys that kpkeys does not manage
 */
#define MSR
#define OWN_WRITERS
#include "x86.h"

WRITES_START
BAD(x86_kpkeys_write_DEFAULT, it writes 0x55555560, which is not context 0)
	RIGHTS_OF(PGTABLES); ret
	.p2align 6, 0xcc
BAD(x86_kpkeys_write_PGTABLES, it writes 0x55555568, which is not context 1)
	RIGHTS_OF(DEFAULT); ret
	.p2align 6, 0xcc
GOOD(x86_kpkeys_write_TEST)
	LOAD_RIGHTS; and $KEEP, %eax; xor $(KEEP | TEST), %eax; wrmsr; ret
	.p2align 6, 0xcc
BAD(x86_kpkeys_write_INIT, it writes 0x55555548, which is not context 0)
	WRITE_OF(TEST); ret
WRITES_END

GOOD(switch_and_close)
	SWITCH(PGTABLES)
	SWITCH(DEFAULT)
	ret
