/* SPDX-License-Identifier: GPL-2.0-only */
/* What else functions that write might do with bits from memory. */
#define MSR
#define OWN_WRITERS
#include "x86.h"

WRITES_START
/* It has an argument. */
BAD(x86_kpkeys_write_DEFAULT, it does something else than a write of a constant)
	mov $0x6e1, %ecx; xor %edx, %edx; mov 0x930(%rdi), %eax; and $KEEP, %eax; xor $(OTHERS | DEFAULT), %eax
	wrmsr; ret
	.p2align 6, 0xcc
/* What is masked is not what is written. */
BAD(x86_kpkeys_write_PGTABLES, it does something else than a write of a constant)
	LOAD_RIGHTS; and $KEEP, %esi; xor $(OTHERS | PGTABLES), %eax; wrmsr; ret
	.p2align 6, 0xcc
/* or, not and */
BAD(x86_kpkeys_write_TEST, it does something else than a write of a constant)
	LOAD_RIGHTS; or $KEEP, %eax; xor $(OTHERS | TEST), %eax; wrmsr; ret
	.p2align 6, 0xcc
BAD(x86_kpkeys_write_INIT, it does something else than a write of a constant)
	LOAD_RIGHTS; and $KEEP, %eax; or $(OTHERS | DEFAULT), %eax; wrmsr; ret
WRITES_END
