/* SPDX-License-Identifier: GPL-2.0-only */
/* What else they might do. */
#define MSR
#define OWN_WRITERS
#include "x86.h"

WRITES_START
	.p2align 6, 0xcc
BAD(x86_kpkeys_write_DEFAULT, it does something else than a write of a constant)
	mov $0x6e0, %ecx; xor %edx, %edx; mov $(OTHERS | DEFAULT), %eax; wrmsr; ret
	.p2align 6, 0xcc
BAD(x86_kpkeys_write_PGTABLES, it does something else than a write of a constant)
	LOAD_ALL(PGTABLES); mov %edi, %eax; wrmsr; ret
	.p2align 6, 0xcc
BAD(x86_kpkeys_write_TEST, it does something else than a write of a constant)
	LOAD_ALL(TEST); wrmsrns; ret
WRITES_END

GOOD(switch_and_close)
	SWITCH(PGTABLES)
	SWITCH(DEFAULT)
	ret
