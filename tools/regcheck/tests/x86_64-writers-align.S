/* SPDX-License-Identifier: GPL-2.0-only */
/* The address of each is rounded to. */
#define MSR
#define OWN_WRITERS
#include "x86.h"

	.section .noinstr.text, "ax"
	.p2align 6, 0xcc
	.fill 32, 1, 0xcc
	.globl x86_kpkeys_writes_start
x86_kpkeys_writes_start:
BAD(x86_kpkeys_write_DEFAULT, it is not where exceptions look for it)
	WRITE_OF(DEFAULT); ret
	.fill x86_kpkeys_write_DEFAULT + 64 - ., 1, 0xcc
BAD(x86_kpkeys_write_PGTABLES, it is not where exceptions look for it)
	WRITE_OF(PGTABLES); ret
	.fill x86_kpkeys_write_PGTABLES + 64 - ., 1, 0xcc
BAD(x86_kpkeys_write_TEST, it is not where exceptions look for it)
	WRITE_OF(TEST); ret
	.fill x86_kpkeys_write_TEST + 64 - ., 1, 0xcc
	.text
