/* SPDX-License-Identifier: GPL-2.0-only */
/* Functions that write take bits of managed pkeys from memory. */
#define MSR
#define OWN_WRITERS
#include "x86.h"

WRITES_START
BAD(x86_kpkeys_write_DEFAULT, it takes the bits 0xffffffd0 from memory)
	LOAD_RIGHTS; and $-0x30, %eax; xor $(OTHERS | DEFAULT), %eax; wrmsr; ret
	.p2align 6, 0xcc
BAD(x86_kpkeys_write_PGTABLES, it takes the bits 0x7fffffe0 from memory)
	LOAD_RIGHTS; and $0x7fffffe0, %eax; xor $(OTHERS | PGTABLES), %eax; wrmsr; ret
	.p2align 6, 0xcc
BAD(x86_kpkeys_write_TEST, it takes the bits 0xffffffff from memory)
	LOAD_RIGHTS; and $-1, %eax; xor $(OTHERS | TEST), %eax; wrmsr; ret
	.p2align 6, 0xcc
/* When it is called, there may be no such memory. */
BAD(x86_kpkeys_write_INIT, it takes the bits 0xffffffc0 from memory)
	RIGHTS_OF(DEFAULT); ret
WRITES_END
