/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The rules for a value that is written, and the ways that it can come. For um-rules.S and
 * x86_64-rules.S.
 */
#include "x86.h"

/* ---- contexts */

GOOD(switch_and_restore)
	SWITCH(PGTABLES)
	RESTORE
	ret

GOOD(switch_and_default)
	SWITCH(TEST)
	SWITCH(DEFAULT)
	ret

GOOD(default_only)
	SWITCH(DEFAULT)
	ret

BAD(never_back, switches to context 1 and never back)
	SWITCH(PGTABLES)
	ret

BAD(never_back_from_two, switches to context 1, 2 and never back)
	SWITCH(PGTABLES)
	SWITCH(TEST)
	ret

BAD(never_back_but_inval, switches to context 1 and never back)
	SWITCH(PGTABLES)
	or $-1, %eax
	WRITE
	ret

BAD(no_such_context, the register with bits 0x3f set to 0x0, as in no context)
	SWITCH(0)
	RESTORE
	ret

BAD(bits_of_others, the register with bits 0xff set to 0x20, as in no context)
	READ
	and $~0xff, %eax
	or $PGTABLES, %eax
	WRITE
	SWITCH(DEFAULT)
	ret

BAD(bits_not_cleared, the register with bits 0x20 set to 0x20, as in no context)
	READ
	or $PGTABLES, %eax
	WRITE
	SWITCH(DEFAULT)
	ret

BAD(opened_only, the register with bits 0x8 set to 0x0, as in no context)
	READ
	and $~8, %eax
	WRITE
	SWITCH(DEFAULT)
	ret

/* Nothing is left to clear of what is set anyway. */
GOOD(cleared_but_for_what_is_set)
	READ
	and $KEEP | DEFAULT, %eax
	or $DEFAULT, %eax
	WRITE
	ret

/* ---- what is no context */

GOOD(inval)
	mov $-1, %eax
	WRITE
	ret

BAD(constant, a constant, 0x28)
	mov $DEFAULT, %eax
	WRITE
	ret

BAD(constant_zero, a constant, 0x0)
	xor %eax, %eax
	WRITE
	ret

BAD(argument, what the function was called with in %rdi)
	mov %edi, %eax
	WRITE
	ret

BAD(argument_in_rax, what the function was called with in %rax)
	WRITE
	ret

BAD(argument_on_stack, what the function was called with on the stack)
	mov 8(%rsp), %eax
	WRITE
	ret

BAD(argument_saved, what the function was called with in %rdi)
	push %rdi
	call switch_and_restore
	pop %rax
	WRITE
	ret

BAD(argument_in_context, combined with what is no constant)
	READ
	and $KEEP, %eax
	or %edi, %eax
	WRITE
	SWITCH(DEFAULT)
	ret

BAD(argument_masked, what the function was called with in %rdi)
	mov %edi, %eax
	and $KEEP, %eax
	or $DEFAULT, %eax
	WRITE
	ret

BAD(memory, memory, 0x0(%rip))
	mov 0(%rip), %eax
	WRITE
	ret

BAD(memory_of_argument, memory, 0x10(%rdi))
	mov 0x10(%rdi), %eax
	WRITE
	ret

BAD(memory_in_context, combined with what is no constant)
	READ
	and $KEEP, %eax
	or (%rdi), %eax
	WRITE
	SWITCH(DEFAULT)
	ret

BAD(call_result, what a call returned or left behind)
	call switch_and_restore
	WRITE
	ret

BAD(clobbered_by_call, what a call returned or left behind)
	READ
	mov %eax, %esi
	call switch_and_restore
	mov %esi, %eax
	WRITE
	ret

/* ---- paths */

GOOD(two_contexts)
	READ
	and $KEEP, %eax
	test %edi, %edi
	je 1f
	or $PGTABLES, %eax
	jmp 2f
1:	or $TEST, %eax
2:	WRITE
	SWITCH(DEFAULT)
	ret

BAD(wrong_on_one_path, what the function was called with in %rdi)
	READ
	test %edi, %edi
	je 1f
	mov %edi, %eax
1:	WRITE
	ret

BAD(wrong_on_jump, what the function was called with in %rdi)
	mov %edi, %eax
	test %edi, %edi
	je 1f
	READ
1:	WRITE
	ret

BAD(wrong_in_loop, what the function was called with in %rsi)
	READ
1:	WRITE
	mov %esi, %eax
	dec %edi
	jne 1b
	ret

BAD(wrong_after_loop_insn, what the function was called with in %rsi)
	READ
1:	WRITE
	mov %esi, %eax
	loop 1b
	ret

GOOD(loop)
	READ
	mov %eax, %ebx
1:	mov %ebx, %eax
	WRITE
	dec %edi
	jne 1b
	ret

/* What ends in a jump or a return is no way to what is behind it. */
GOOD(behind_jump)
	READ
	test %edi, %edi
	je 2f
	jmp 1f
2:	mov %edi, %eax
	ret
1:	WRITE
	ret

BAD(behind_ret, the result of code that nothing seems to jump to)
	READ
	ret
	mov %eax, %eax
	WRITE
	ret

BAD(behind_padding, in code that nothing seems to jump to)
	READ
	ret
	nop
	WRITE
	ret

GOOD(jump_table)
	READ
	jmp *table(,%rdi,8)
1:	mov %eax, %eax
	WRITE
	ret
	.pushsection .data
table:	.quad 1b
	.popsection

BAD(jump_table_wrong, what the function was called with in %rax)
	jmp *table(,%rdi,8)
	mov %eax, %eax
	WRITE
	ret

/* ---- parts */

GOOD(with_cold)
	READ
	test %edi, %edi
	jne with_cold.cold
	WRITE
	ret
FUNC(with_cold.cold)
	WRITE
	ret

BAD(with_bad_cold.cold, what the function was called with in %rdi)
	mov %edi, %eax
	WRITE
	ret
GOOD(with_bad_cold)
	SWITCH(DEFAULT)
	jmp with_bad_cold.cold

/* Parts that are no cold ones can be called. */
BAD(clone.constprop.0, what the function was called with in %rax)
	WRITE
	ret
NONE(with_part)
	READ
	jmp with_part.part.0
BAD(with_part.part.0, what the function was called with in %rax)
	WRITE
	ret

/* ---- the list */

LISTED(listed_argument)
	mov %edi, %eax
	WRITE
	ret

LISTED(listed_never_back)
	SWITCH(PGTABLES)
	ret

LISTED(listed_clone.isra.0)
	mov %edi, %eax
	WRITE
	ret

BAD(unlisted, what the function was called with in %rdi)
	mov %edi, %eax
	WRITE
	ret
