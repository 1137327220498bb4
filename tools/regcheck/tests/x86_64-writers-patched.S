/* SPDX-License-Identifier: GPL-2.0-only */
/* They are what they seem to be, and are called by name only. */
#define MSR
#define OWN_WRITERS
#include "x86.h"

WRITES_START
BAD(x86_kpkeys_write_DEFAULT, its code is patched)
	LOAD_ALL(DEFAULT)
1:	wrmsr
2:	ret
	.p2align 6, 0xcc
BAD(x86_kpkeys_write_PGTABLES, its code is patched)
3:	WRITE_OF(PGTABLES); ret
	.p2align 6, 0xcc
BAD(x86_kpkeys_write_TEST, its address is in .rodata)
	WRITE_OF(TEST); ret
WRITES_END

	.section .rodata, "a"
	.balign 8
	.quad x86_kpkeys_write_TEST
	.section .debug_test, ""
	.quad x86_kpkeys_write_DEFAULT

	.section __ex_table, "a"
	.long 1b - ., 2b - ., 0
	.section .altinstructions, "a"
	.globl __alt_instructions, __alt_instructions_end
__alt_instructions:
	.long 3b - ., 4f - ., 0
	.byte 5, 5
__alt_instructions_end:
	.section .altinstr_replacement, "ax"
4:	mov $0x6e2, %ecx
	.data
	.quad __start___ex_table, __stop___ex_table
	.text

GOOD(switch_and_close)
	SWITCH(PGTABLES)
	SWITCH(DEFAULT)
	ret
