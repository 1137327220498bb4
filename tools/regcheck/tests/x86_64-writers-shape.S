/* SPDX-License-Identifier: GPL-2.0-only */
/* What else they might do. */
#define MSR
#define OWN_WRITERS
#include "x86.h"

WRITES_START
	.p2align 6, 0xcc
BAD(x86_kpkeys_write_DEFAULT, it does something else than a write of a constant)
	nop; WRITE_OF(DEFAULT); ret
	.p2align 6, 0xcc
BAD(x86_kpkeys_write_PGTABLES, it does something else than a write of a constant)
	WRITE_OF(PGTABLES); jmp elsewhere
	.p2align 6, 0xcc
BAD(x86_kpkeys_write_TEST, it does something else than a write of a constant)
	WRITE_OF(TEST); ret; xor %eax, %eax; ret
WRITES_END

GOOD(switch_and_close)
	SWITCH(PGTABLES)
	SWITCH(DEFAULT)
	ret

FUNC(elsewhere)
	ret
