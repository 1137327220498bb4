/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The rules for a value that is written, and the ways that it can come. For um-rules.S and
 * x86_64-rules.S.
 */
#include "x86.h"

/* ---- contexts */

GOOD(switch_and_close)
	SWITCH(PGTABLES)
	CLOSE_OLD
	ret

GOOD(switch_and_default)
	SWITCH(TEST)
	SWITCH(DEFAULT)
	ret

GOOD(default_only)
	SWITCH(DEFAULT)
	ret

BAD(never_back, switches to context 1, and a path to never_back+0x)
	SWITCH(PGTABLES)
	ret

BAD(never_back_from_two, switches to context 2, and a path to)
	SWITCH(PGTABLES)
	SWITCH(TEST)
	ret

BAD(no_such_context, the register with bits 0x3f set to 0x0, as in no context)
	SWITCH(0)
	CLOSE_OLD
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

/* Without a switch if nothing is to be changed, as compilers make it. */
#define IF_NOT(ctx, end)						\
	READ; mov %eax, %ebx; and $KEEP, %eax; or $ctx, %eax;		\
	cmp %rax, %rbx; je end; WRITE

/* ---- values that were read earlier */

BAD(read_and_written, a saved value of the register)
	READ
	WRITE
	ret

BAD(restore, a saved value of the register)
	SWITCH(PGTABLES)
	RESTORE
	ret

BAD(restore_from_stack, a saved value of the register)
	READ
	push %rax
	and $KEEP, %eax
	or $PGTABLES, %eax
	WRITE
	pop %rax
	WRITE
	ret

BAD(restore_if_needed, a saved value of the register | switches to context 1, and a path to)
	IF_NOT(PGTABLES, 1f)
	cmp %eax, %ebx
	je 1f
	RESTORE
1:	ret

/* Bits that are not managed, in a register of the machine all the time. */
GOOD(unmanaged_bits_read_before)
	READ
	mov %eax, %ebx
	and $KEEP, %ebx
	or $PGTABLES, %eax
	and $~(DEFAULT & ~PGTABLES), %eax
	and $KEEP | PGTABLES, %eax
	WRITE
	mov %ebx, %eax
	or $DEFAULT, %eax
	WRITE
	ret

BAD(unmanaged_bits_on_stack, context 0, but the bits that kpkeys does not manage have been saved)
	SWITCH(PGTABLES)
	mov %ebx, 8(%rsp)
	mov 8(%rsp), %eax
	CLOSE
	ret

BAD(unmanaged_bits_pushed, context 0, but the bits that kpkeys does not manage have been saved)
	SWITCH(PGTABLES)
	push %rbx
	pop %rax
	CLOSE
	ret

BAD(unmanaged_bits_over_call, context 0, but the bits that kpkeys does not manage have been saved)
	SWITCH(PGTABLES)
	call switch_and_close
	CLOSE_OLD
	ret

BAD(context_on_stack, context 1, but the bits that kpkeys does not manage have been saved)
	READ
	and $KEEP, %eax
	or $PGTABLES, %eax
	mov %eax, -8(%rsp)
	mov -8(%rsp), %eax
	WRITE
	SWITCH(DEFAULT)
	ret

/* ---- what is no context */

BAD(all_bits, a constant, 0xffffffff)
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
	call switch_and_close
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
	call switch_and_close
	WRITE
	ret

BAD(clobbered_by_call, what a call returned or left behind)
	READ
	mov %eax, %esi
	call switch_and_close
	mov %esi, %eax
	WRITE
	ret

/* ---- paths of a value */

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
1:	CLOSE
	ret

BAD(wrong_on_jump, what the function was called with in %rdi)
	mov %edi, %eax
	test %edi, %edi
	je 1f
	READ
1:	CLOSE
	ret

BAD(wrong_in_loop, what the function was called with in %rsi)
	READ
1:	CLOSE
	mov %esi, %eax
	dec %edi
	jne 1b
	ret

BAD(wrong_after_loop_insn, what the function was called with in %rsi)
	READ
1:	CLOSE
	mov %esi, %eax
	loop 1b
	ret

GOOD(loop)
	READ
	mov %eax, %ebx
1:	mov %ebx, %eax
	CLOSE
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
1:	CLOSE
	ret

BAD(behind_ret, the result of code that nothing seems to jump to)
	READ
	ret
	mov %eax, %eax
	CLOSE
	ret

BAD(behind_padding, in code that nothing seems to jump to)
	READ
	ret
	nop
	CLOSE
	ret

GOOD(jump_table)
	READ
	jmp *table(,%rdi,8)
1:	mov %eax, %eax
	CLOSE
	ret
	.pushsection .data
table:	.quad 1b
	.popsection

BAD(jump_table_wrong, what the function was called with in %rax)
	jmp *table(,%rdi,8)
	mov %eax, %eax
	CLOSE
	ret

/* ---- paths from a switch to the end */

GOOD(closed_on_both_paths)
	SWITCH(PGTABLES)
	test %edi, %edi
	je 1f
	SWITCH(DEFAULT)
	ret
1:	SWITCH(DEFAULT)
	ret

BAD(close_skipped, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	test %edi, %edi
	je 1f
	SWITCH(DEFAULT)
1:	ret

BAD(close_in_loop_only, switches to context 1, and a path to)
	SWITCH(PGTABLES)
1:	dec %edi
	js 2f
	SWITCH(DEFAULT)
	jmp 1b
2:	ret

GOOD(loop_closed)
	SWITCH(PGTABLES)
1:	movq $0, (%rsi)
	dec %edi
	jns 1b
	SWITCH(DEFAULT)
	ret

/* Two conditions that are the same depend on memory. */
BAD(same_condition, switches to context 1, and a path to)
	cmpl $0, 8(%rsp)
	je 1f
	SWITCH(PGTABLES)
1:	cmpl $0, 8(%rsp)
	je 2f
	SWITCH(DEFAULT)
2:	ret

/* What is open already stays open, and is not this function's. */
GOOD(nested)
	READ
	and $0x3f, %eax
	cmp $PGTABLES, %eax
	je 1f
	SWITCH(PGTABLES)
	movq $0, (%rdi)
	SWITCH(DEFAULT)
	ret
1:	movq $0, (%rdi)
	ret

BAD(nested_and_joined, switches to context 1, and a path to)
	READ
	and $0x3f, %eax
	cmp $PGTABLES, %eax
	je 1f
	SWITCH(PGTABLES)
1:	movq $0, (%rdi)
	READ
	and $0x3f, %eax
	cmp $PGTABLES, %eax
	je 2f
	SWITCH(DEFAULT)
2:	ret

GOOD(closed_if_open)
	IF_NOT(PGTABLES, 1f)
1:	movq $0, (%rdi)
	IF_NOT(DEFAULT, 2f)
2:	ret

GOOD(closed_unless_equal)
	SWITCH(PGTABLES)
	READ
	mov %eax, %ebx
	and $KEEP, %eax
	or $DEFAULT, %eax
	cmp %ebx, %eax
	jne 1f
	ret
1:	WRITE
	ret

GOOD(closed_until_it_is)
	SWITCH(PGTABLES)
1:	READ
	mov %eax, %ebx
	and $0x3f, %ebx
	cmp $DEFAULT, %ebx
	je 2f
	CLOSE
	jmp 1b
2:	ret

BAD(compared_the_other_way, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	READ
	and $0x3f, %eax
	cmp $DEFAULT, %eax
	jne 1f
	SWITCH(DEFAULT)
1:	ret

BAD(compared_with_another, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	READ
	and $0x3f, %eax
	cmp $TEST, %eax
	je 1f
	SWITCH(DEFAULT)
1:	ret

BAD(part_compared, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	READ
	and $DEFAULT, %eax
	cmp $DEFAULT, %eax
	je 1f
	SWITCH(DEFAULT)
1:	ret

BAD(byte_compared, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	READ
	and $0x3f, %eax
	cmp $DEFAULT, %al
	je 1f
	SWITCH(DEFAULT)
1:	ret

BAD(set_bits_compared, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	READ
	and $KEEP, %eax
	or $DEFAULT, %eax
	mov %eax, %ebx
	and $0x3f, %eax
	cmp $DEFAULT, %eax
	je 1f
	SWITCH(DEFAULT)
1:	ret

BAD(compared_for_less, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	READ
	and $0x3f, %eax
	cmp $DEFAULT, %eax
	jl 1f
	SWITCH(DEFAULT)
1:	ret

BAD(compared_for_not_less, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	READ
	and $0x3f, %eax
	cmp $DEFAULT, %eax
	jl 1f
	ret
1:	SWITCH(DEFAULT)
	ret

BAD(old_value_compared, switches to context 1, and a path to)
	READ
	mov %eax, %esi
	and $0x3f, %esi
	SWITCH(PGTABLES)
	cmp $DEFAULT, %esi
	je 1f
	SWITCH(DEFAULT)
1:	ret

BAD(saved_value_compared, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	READ
	and $0x3f, %eax
	mov %eax, 8(%rsp)
	mov 8(%rsp), %eax
	cmp $DEFAULT, %eax
	je 1f
	SWITCH(DEFAULT)
1:	ret

BAD(value_compared_after_call, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	READ
	and $0x3f, %eax
	mov %eax, %ebx
	call unknown
	cmp $DEFAULT, %ebx
	je 1f
	SWITCH(DEFAULT)
1:	ret

BAD(argument_compared, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	cmp $DEFAULT, %edi
	je 1f
	SWITCH(DEFAULT)
1:	ret

BAD(argument_or_register_compared, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	READ
	test %esi, %esi
	je 1f
	mov %edi, %eax
1:	and $0x3f, %eax
	cmp $DEFAULT, %eax
	je 2f
	SWITCH(DEFAULT)
2:	ret

BAD(comparison_skipped, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	READ
	and $0x3f, %eax
	test %edi, %edi
	je 1f
	cmp $DEFAULT, %eax
1:	je 2f
	SWITCH(DEFAULT)
2:	ret

/* The first is closed by the second, which is not. */
BAD(second_not_closed, switches to context 2, and a path to)
	SWITCH(PGTABLES)
	SWITCH(TEST)
	ret

BAD(either_not_closed, switches to context 1, 2, and a path to)
	READ
	and $KEEP, %eax
	test %edi, %edi
	je 1f
	or $PGTABLES, %eax
	jmp 2f
1:	or $TEST, %eax
2:	WRITE
	ret

BAD(tail_call, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	jmp switch_and_close

BAD(tail_call_elsewhere, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	jmp unknown

BAD(tail_call_on_one_path, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	test %edi, %edi
	je unknown
	SWITCH(DEFAULT)
	ret

BAD(tail_call_of_pointer, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	jmp *%rdi

BAD(tail_call_of_constant, switches to context 1, and a path to)
	test %esi, %esi
	je 1f
	SWITCH(PGTABLES)
	mov $unknown, %edi
	jmp *%rdi
1:	jmp *table2(,%rdi,8)
	SWITCH(DEFAULT)
	ret

GOOD(closed_in_jump_table)
	SWITCH(PGTABLES)
	jmp *table2(,%rdi,8)
2:	SWITCH(DEFAULT)
	ret
	.pushsection .data
table2:	.quad 2b
	.popsection

BAD(not_closed_in_jump_table, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	jmp *table2(,%rdi,8)
	SWITCH(DEFAULT)
	ret
	mov %eax, %eax
	ret

/* Padding is no target. */
GOOD(padding_in_jump_table)
	SWITCH(PGTABLES)
	jmp *table2(,%rdi,8)
2:	SWITCH(DEFAULT)
	test %edi, %edi
	je 1f
	jmp 2f
	nop
1:	ret
2:	ret

BAD(runs_on, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	nop
FUNC(next)
	ret

BAD(exception_return, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	iretq
	SWITCH(DEFAULT)
	ret

GOOD(ends_in_panic)
	SWITCH(PGTABLES)
	test %edi, %edi
	je 1f
	SWITCH(DEFAULT)
	jmp 2f
1:	call panic
2:	ret

GOOD(ends_in_panic_of_constant)
	SWITCH(PGTABLES)
	test %edi, %edi
	je 1f
	SWITCH(DEFAULT)
	jmp 2f
1:	mov $panic, %eax
	call *%rax
2:	ret

BAD(ends_in_call, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	test %edi, %edi
	je 1f
	SWITCH(DEFAULT)
	jmp 2f
1:	call unknown
2:	ret

BAD(ends_in_call_of_pointer, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	test %edi, %edi
	je 1f
	SWITCH(DEFAULT)
	jmp 2f
1:	call *%rdi
2:	ret

GOOD(ends_in_last_call)
	SWITCH(PGTABLES)
	test %edi, %edi
	je 1f
	SWITCH(DEFAULT)
	ret
1:	call unknown
	nop

GOOD(closed_in_cold)
	SWITCH(PGTABLES)
	test %edi, %edi
	jne closed_in_cold.cold
1:	SWITCH(DEFAULT)
	ret
FUNC(closed_in_cold.cold)
	SWITCH(DEFAULT)
	ret

BAD(not_closed_in_cold, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	test %edi, %edi
	jne not_closed_in_cold.cold
	SWITCH(DEFAULT)
	ret
FUNC(not_closed_in_cold.cold)
	ret

BAD(opened_in_cold.cold, switches to context 1, and a path to opened_in_cold+0x)
	SWITCH(PGTABLES)
	jmp 1f
GOOD(opened_in_cold)
	SWITCH(DEFAULT)
	test %edi, %edi
	jne opened_in_cold.cold
1:	ret

FUNC(panic)
	ret
FUNC(unknown)
	ret

/* ---- parts */

GOOD(with_cold)
	READ
	test %edi, %edi
	jne with_cold.cold
	CLOSE
	ret
FUNC(with_cold.cold)
	CLOSE
	ret

BAD(with_bad_cold.cold, what the function was called with in %rdi)
	mov %edi, %eax
	CLOSE
	ret
GOOD(with_bad_cold)
	SWITCH(DEFAULT)
	jmp with_bad_cold.cold

/* Parts that are no cold ones can be called. */
BAD(clone.constprop.0, what the function was called with in %rax)
	CLOSE
	ret
NONE(with_part)
	READ
	jmp with_part.part.0
BAD(with_part.part.0, what the function was called with in %rax)
	CLOSE
	ret

/* ---- the list */

LISTED(listed_argument)
	mov %edi, %eax
	WRITE
	ret

LISTED(listed_never_back)
	SWITCH(PGTABLES)
	ret

LISTED(listed_restore)
	SWITCH(PGTABLES)
	RESTORE
	ret

LISTED(listed_clone.isra.0)
	mov %edi, %eax
	WRITE
	ret

BAD(unlisted, what the function was called with in %rdi)
	mov %edi, %eax
	WRITE
	ret
