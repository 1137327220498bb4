/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Values.
 * image: contexts have different bits of pkeys that kpkeys does not manage
 */
#define MSR
#define OWN_WRITERS
#include "x86.h"

WRITES_START
WRITER(DEFAULT)		WRITE_OF(DEFAULT); ret
	.p2align 6, 0xcc
BAD(x86_kpkeys_write_PGTABLES, it writes 0x55555548, which is not context 1)
	WRITE_OF(TEST); ret
	.p2align 6, 0xcc
GOOD(x86_kpkeys_write_TEST)
	mov $0x6e1, %ecx; xor %edx, %edx; mov $0x15555548, %eax; wrmsr; ret
WRITES_END

GOOD(switch_and_close)
	SWITCH(PGTABLES)
	SWITCH(DEFAULT)
	ret
