/* SPDX-License-Identifier: GPL-2.0-only */
/* Code that is patched, exceptions and traps. */
#define MSR
#include "x86.h"

/* struct jump_entry, exception_table_entry, alt_instr and bug_entry */
#define JUMP(from, to)		.pushsection __jump_table, "aw"; .long from - ., to - .; .quad 0; .popsection
#define FIXUP(from, to)		.pushsection __ex_table, "a"; .long from - ., to - ., 0; .popsection
#define BUG(addr, flags)	.pushsection __bug_table, "aw"; .long addr - ., 0; .value 0, flags; .popsection
#define ALTERNATIVE(old, old_end, new, new_end)						\
	.pushsection .altinstructions, "a"; .long old - ., new - ., 0;			\
	.byte old_end - old, new_end - new; .popsection
#define WITH_ALTERNATIVE	.pushsection .altinstr_replacement, "ax"
#define END_ALTERNATIVE		.popsection
#define NOP5			.byte 0x0f, 0x1f, 0x44, 0x00, 0x00

	.pushsection .altinstructions, "a"
	.globl __alt_instructions
__alt_instructions:
	.popsection
	.pushsection .data
	.quad __start___jump_table, __stop___jump_table, __start___ex_table, __stop___ex_table
	.quad __start___bug_table, __stop___bug_table
	.popsection

/* ---- static branches: each is taken and is not */

GOOD(static_branch)
	READ
1:	NOP5
	WRITE
	ret
2:	SWITCH(DEFAULT)
	ret
	JUMP(1b, 2b)

BAD(static_branch_taken, what the function was called with in %rdi)
	READ
	mov %eax, %esi
	mov %edi, %eax
1:	NOP5
	mov %esi, %eax
2:	WRITE
	ret
	JUMP(1b, 2b)

BAD(static_branch_not_taken, what the function was called with in %rdi)
	READ
1:	.byte 0x66, 0x90
	mov %edi, %eax
2:	WRITE
	ret
	JUMP(1b, 2b)

BAD(static_jump_not_taken, what the function was called with in %rdi)
	READ
1:	jmp 2f
	mov %edi, %eax
2:	WRITE
	ret
	JUMP(1b, 2b)

/* ---- alternatives */

GOOD(alternative)
	READ
1:	NOP5
2:	WRITE
	ret
	WITH_ALTERNATIVE
3:	mov %edi, %esi
	nopw 0(%rax,%rax)
4:
	END_ALTERNATIVE
	ALTERNATIVE(1b, 2b, 3b, 4b)

BAD(alternative_wrong, what the function was called with in %rdi)
	READ
1:	NOP5
2:	WRITE
	ret
	WITH_ALTERNATIVE
3:	nop
	mov %edi, %eax
4:
	END_ALTERNATIVE
	ALTERNATIVE(1b, 2b, 3b, 4b)

BAD(original_wrong, what the function was called with in %rdi)
	READ
1:	mov %edi, %eax
2:	WRITE
	ret
	WITH_ALTERNATIVE
3:	nop
	nop
4:
	END_ALTERNATIVE
	ALTERNATIVE(1b, 2b, 3b, 4b)

BAD(write_in_alternative, what the function was called with in %rdi)
	READ
	mov %edi, %eax
1:	NOP5
2:	READ
	WRITE
	ret
	WITH_ALTERNATIVE
3:	wrmsrns
4:
	END_ALTERNATIVE
	ALTERNATIVE(1b, 2b, 3b, 4b)

BAD(alternative_at_entry, what the function was called with in %rax | called with in %rdi)
1:	NOP5
2:	WRITE
	ret
	WITH_ALTERNATIVE
3:	mov %edi, %eax
4:
	END_ALTERNATIVE
	ALTERNATIVE(1b, 2b, 3b, 4b)

BAD(removed, what the function was called with in %rdi)
	READ
	mov %eax, %esi
	mov %edi, %eax
1:	mov %esi, %eax
2:	WRITE
	ret
	ALTERNATIVE(1b, 2b, 1b, 1b)

GOOD(alternative_that_jumps)
	READ
	mov %eax, %esi
	mov %edi, %eax
1:	mov %esi, %eax
2:	WRITE
	ret
5:	ret
	WITH_ALTERNATIVE
3:	jmp 5b
4:
	END_ALTERNATIVE
	ALTERNATIVE(1b, 2b, 3b, 4b)

/* ---- exceptions */

BAD(fixup, what the function was called with in %rdi)
	READ
	mov %eax, %esi
	mov %edi, %eax
1:	mov (%rdx), %edx
	mov %esi, %eax
2:	WRITE
	ret
	FIXUP(1b, 2b)

/* ---- traps */

GOOD(bug)
	READ
	test %esi, %esi
	je 2f
	mov %edi, %eax
1:	ud2
2:	WRITE
	ret
	BUG(1b, 0)

BAD(warning, what the function was called with in %rdi)
	READ
	test %esi, %esi
	je 2f
	mov %edi, %eax
1:	ud2
2:	WRITE
	ret
	BUG(1b, 1)

GOOD(kept_by_warning)
	READ
	mov %eax, %ebx
1:	ud2
	RESTORE
	ret
	BUG(1b, 1)

	.section .altinstructions, "a"
	.globl __alt_instructions_end
__alt_instructions_end:
