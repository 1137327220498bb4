/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ways from a switch to the end of the function, parts, and the list. For um-rules.S and x86_64-rules.S.
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
1:	CLOSE
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

BAD(value_compared_after_call_and_join, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	READ
	and $0x3f, %eax
	mov %eax, %ebx
	call unknown
	test %edi, %edi
	je 1f
	movq $0, (%rdi)
1:	movq $0, (%rsi)
	cmp $DEFAULT, %ebx
	je 2f
	SWITCH(DEFAULT)
2:	ret

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

GOOD(through_cold)
	SWITCH(PGTABLES)
	test %edi, %edi
	jne through_cold.cold
1:	SWITCH(DEFAULT)
	ret
FUNC(through_cold.cold)
	movq $0, (%rdi)
	jmp 1b

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

/* ---- the list */

LISTED(listed_never_back)
	SWITCH(PGTABLES)
	ret

