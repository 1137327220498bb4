/* SPDX-License-Identifier: GPL-2.0-only */
/* The rules for a value that is written, and the ways that it can come. */
#include "arm64.h"

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

GOOD(named)
	mov x9, DEFAULT
	mrs x0, s3_0_c10_c2_4
	bfi x0, x9, 0, 12
	msr S3_0_C10_C2_4, x0
	ret

BAD(never_back, switches to context 1, and a path to never_back+0x1c does not switch back)
	SWITCH(PGTABLES)
	ret

BAD(no_such_context, the register with bits 0xfff set to 0x17, as in no context)
	SWITCH(0x17)
	CLOSE_OLD
	ret

BAD(bits_of_others, the register with bits 0xffff set to 0x157, as in no context)
	READ
	and x0, x0, ~0xffff
	mov x1, PGTABLES
	orr x0, x0, x1
	WRITE
	SWITCH(DEFAULT)
	ret

BAD(bits_not_cleared, the register with bits 0x157 set to 0x157, as in no context)
	READ
	mov x1, PGTABLES
	orr x0, x0, x1
	WRITE
	SWITCH(DEFAULT)
	ret

BAD(bit_cleared, the register with bits 0x40 set to 0x0, as in no context)
	READ
	and x0, x0, ~0x40
	WRITE
	ret

/* Without a switch if nothing is to be changed, as compilers make it. */
#define IF_NOT(ctx, end)							\
	READ; mov x19, x0; and x0, x0, ~MASK; mov x9, ctx; orr x0, x0, x9;	\
	cmp x19, x0; b.eq end; WRITE

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
	SWITCH(PGTABLES)
	str x19, [sp, 16]
	ldr x0, [sp, 16]
	WRITE
	ret

BAD(restore_if_needed, a saved value of the register | switches to context 1, and a path to)
	IF_NOT(PGTABLES, 1f)
	cmp x19, x0
	b.eq 1f
	RESTORE
1:	ret

/* Bits that are not managed, in a register of the machine all the time. */
GOOD(unmanaged_bits_read_before)
	READ
	and x19, x0, ~MASK
	mov x9, PGTABLES
	orr x0, x19, x9
	WRITE
	mov x9, DEFAULT
	orr x0, x9, x19
	WRITE
	ret

BAD(unmanaged_bits_on_stack, context 0, but the bits that kpkeys does not manage have been saved)
	SWITCH(PGTABLES)
	str x19, [sp, 16]
	ldr x0, [sp, 16]
	CLOSE
	ret

BAD(unmanaged_bits_over_call, context 0, but the bits that kpkeys does not manage have been saved)
	SWITCH(PGTABLES)
	bl switch_and_close
	CLOSE_OLD
	ret

BAD(context_on_stack, context 1, but the bits that kpkeys does not manage have been saved)
	READ
	mov x9, PGTABLES
	bfi x0, x9, 0, 12
	str x0, [sp, 16]
	ldr x0, [sp, 16]
	WRITE
	SWITCH(DEFAULT)
	ret

/* ---- what is no context */

BAD(all_bits, a constant, 0xffffffffffffffff)
	mov x0, -1
	WRITE
	ret

BAD(constant, a constant, 0x117)
	mov x0, DEFAULT
	WRITE
	ret

BAD(constant_zero, a constant, 0x0)
	nop
	msr POR, xzr
	ret

BAD(argument, what the function was called with in x1)
	mov x0, x1
	WRITE
	ret

BAD(argument_in_place, what the function was called with in x0)
	WRITE
	ret

BAD(argument_on_stack, what the function was called with on the stack)
	ldr x0, [sp, 16]
	WRITE
	ret

BAD(argument_saved, what the function was called with in x19)
	stp x29, x30, [sp, -32]!
	stp x19, x20, [sp, 16]
	bl switch_and_close
	ldr x0, [sp, 16]
	WRITE
	ldp x19, x20, [sp, 16]
	ldp x29, x30, [sp], 32
	ret

BAD(argument_in_context, combined with what is no constant)
	READ
	and x0, x0, ~MASK
	orr x0, x0, x1
	WRITE
	ret

BAD(argument_masked, what the function was called with in x1)
	and x0, x1, ~MASK
	mov x9, DEFAULT
	orr x0, x0, x9
	WRITE
	ret

BAD(stack_pointer, sp)
	mov x0, sp
	WRITE
	ret

BAD(memory, memory, [x1])
	ldr x0, [x1]
	WRITE
	ret

BAD(memory_in_context, combined with what is no constant)
	READ
	and x0, x0, ~MASK
	ldr x9, [x1]
	orr x0, x0, x9
	WRITE
	ret

BAD(call_result, what a call returned or left behind)
	bl switch_and_close
	WRITE
	ret

/* The same register, as EL2 calls it with VHE. */
BAD(el2, what the function was called with in x1)
	msr s3_4_c10_c2_4, x1
	ret

/* Another register: that of guests. */
NONE(el12)
	msr s3_5_c10_c2_4, x1
	ret

/* ---- paths of a value */

GOOD(two_contexts)
	READ
	and x0, x0, ~MASK
	mov x2, PGTABLES
	mov x3, TEST
	cbz x1, 1f
	orr x0, x0, x2
	b 2f
1:	orr x0, x0, x3
2:	WRITE
	SWITCH(DEFAULT)
	ret

BAD(wrong_on_one_path, what the function was called with in x1)
	READ
	tbz x1, 3, 1f
	mov x0, x1
1:	CLOSE
	ret

BAD(wrong_on_tbz, what the function was called with in x1)
	mov x0, x1
	tbnz x1, 3, 1f
	READ
1:	CLOSE
	ret

BAD(wrong_on_jump, what the function was called with in x1)
	mov x0, x1
	cbnz x1, 1f
	READ
1:	CLOSE
	ret

BAD(wrong_in_loop, what the function was called with in x1)
	READ
1:	CLOSE
	mov x0, x1
	subs x2, x2, 1
	b.ne 1b
	ret

BAD(behind_ret, the result of code that nothing seems to jump to)
	READ
	ret
	mov x0, x0
	CLOSE
	ret

BAD(behind_padding, in code that nothing seems to jump to)
	READ
	ret
	nop
	CLOSE
	ret

/* What ends in a jump or a return is no way to what is behind it. */
GOOD(behind_jump)
	READ
	cbz x1, 2f
	b 1f
2:	mov x0, x1
	ret
1:	CLOSE
	ret

GOOD(jump_table)
	READ
	br x1
	bti j
	CLOSE
	ret

BAD(jump_table_wrong, what the function was called with in x0)
	br x1
	bti j
	CLOSE
	ret

/* ---- paths from a switch to the end */

GOOD(closed_on_both_paths)
	SWITCH(PGTABLES)
	cbz x1, 1f
	SWITCH(DEFAULT)
	ret
1:	SWITCH(DEFAULT)
	ret

BAD(close_skipped, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	cbz x1, 1f
	SWITCH(DEFAULT)
1:	ret

BAD(close_in_loop_only, switches to context 1, and a path to)
	SWITCH(PGTABLES)
1:	subs x1, x1, 1
	b.mi 2f
	SWITCH(DEFAULT)
	b 1b
2:	ret

GOOD(loop_closed)
	SWITCH(PGTABLES)
1:	str xzr, [x2], 8
	subs x1, x1, 1
	b.pl 1b
	SWITCH(DEFAULT)
	ret

/* Two conditions that are the same depend on memory. */
BAD(same_condition, switches to context 1, and a path to)
	ldr x1, [sp, 16]
	cbz x1, 1f
	SWITCH(PGTABLES)
1:	ldr x1, [sp, 16]
	cbz x1, 2f
	SWITCH(DEFAULT)
2:	ret

/* What is open already stays open, and is not this function's. */
GOOD(nested)
	READ
	and x0, x0, MASK
	cmp x0, PGTABLES
	b.eq 1f
	SWITCH(PGTABLES)
	str xzr, [x1]
	SWITCH(DEFAULT)
	ret
1:	str xzr, [x1]
	ret

BAD(nested_and_joined, switches to context 1, and a path to)
	READ
	and x0, x0, MASK
	cmp x0, PGTABLES
	b.eq 1f
	SWITCH(PGTABLES)
1:	str xzr, [x1]
	READ
	and x0, x0, MASK
	cmp x0, PGTABLES
	b.eq 2f
	SWITCH(DEFAULT)
2:	ret

GOOD(closed_if_open)
	IF_NOT(PGTABLES, 1f)
1:	str xzr, [x1]
	IF_NOT(DEFAULT, 2f)
2:	ret

GOOD(closed_unless_equal)
	SWITCH(PGTABLES)
	READ
	mov x9, DEFAULT
	mov x1, x0
	bfi x0, x9, 0, 12
	cmp x0, x1
	b.ne 1f
	ret
1:	WRITE
	ret

GOOD(closed_until_it_is)
	SWITCH(PGTABLES)
1:	READ
	and x1, x0, MASK
	cmp x1, DEFAULT
	b.eq 2f
	CLOSE
	b 1b
2:	ret

BAD(compared_the_other_way, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	READ
	and x0, x0, MASK
	cmp x0, DEFAULT
	b.ne 1f
	SWITCH(DEFAULT)
1:	ret

BAD(compared_with_another, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	READ
	and x0, x0, MASK
	cmp x0, TEST
	b.eq 1f
	SWITCH(DEFAULT)
1:	ret

BAD(part_compared, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	READ
	and x0, x0, 0x1ff
	cmp x0, DEFAULT
	b.eq 1f
	SWITCH(DEFAULT)
1:	ret

BAD(shift_compared, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	READ
	and x0, x0, MASK
	mov x1, DEFAULT
	cmp x0, x1, lsl 1
	b.eq 1f
	SWITCH(DEFAULT)
1:	ret

BAD(set_bits_compared, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	READ
	mov x9, DEFAULT
	bfi x0, x9, 0, 12
	and x0, x0, MASK
	cmp x0, DEFAULT
	b.eq 1f
	SWITCH(DEFAULT)
1:	ret

BAD(compared_for_less, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	READ
	and x0, x0, MASK
	cmp x0, DEFAULT
	b.lt 1f
	SWITCH(DEFAULT)
1:	ret

BAD(compared_with_negative, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	READ
	and x0, x0, MASK
	cmn x0, DEFAULT
	b.eq 1f
	SWITCH(DEFAULT)
1:	ret

BAD(compared_for_not_less, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	READ
	and x0, x0, MASK
	cmp x0, DEFAULT
	b.lt 1f
	ret
1:	SWITCH(DEFAULT)
	ret

BAD(old_value_compared, switches to context 1, and a path to)
	READ
	and x2, x0, MASK
	SWITCH(PGTABLES)
	cmp x2, DEFAULT
	b.eq 1f
	SWITCH(DEFAULT)
1:	ret

BAD(saved_value_compared, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	READ
	and x0, x0, MASK
	str x0, [sp, 16]
	ldr x0, [sp, 16]
	cmp x0, DEFAULT
	b.eq 1f
	SWITCH(DEFAULT)
1:	ret

BAD(value_compared_after_call, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	READ
	and x20, x0, MASK
	bl unknown
	cmp x20, DEFAULT
	b.eq 1f
	SWITCH(DEFAULT)
1:	ret

BAD(argument_compared, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	cmp x1, DEFAULT
	b.eq 1f
	SWITCH(DEFAULT)
1:	ret

BAD(argument_or_register_compared, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	READ
	cbz x2, 1f
	mov x0, x1
1:	and x0, x0, MASK
	cmp x0, DEFAULT
	b.eq 2f
	SWITCH(DEFAULT)
2:	ret

BAD(comparison_skipped, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	READ
	and x0, x0, MASK
	cmp x1, x2
	b.lt 1f
	cmp x0, DEFAULT
1:	b.eq 2f
	SWITCH(DEFAULT)
2:	ret

/* The first is closed by the second, which is not. */
BAD(second_not_closed, switches to context 2, and a path to)
	SWITCH(PGTABLES)
	SWITCH(TEST)
	ret

BAD(either_not_closed, switches to context 1, 2, and a path to)
	READ
	and x0, x0, ~MASK
	mov x2, PGTABLES
	mov x3, TEST
	cbz x1, 1f
	orr x0, x0, x2
	b 2f
1:	orr x0, x0, x3
2:	WRITE
	ret

BAD(tail_call, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	b switch_and_close

BAD(tail_call_elsewhere, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	b unknown

BAD(tail_call_on_one_path, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	cbz x1, unknown
	SWITCH(DEFAULT)
	ret

BAD(tail_call_of_pointer, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	br x1

GOOD(closed_in_jump_table)
	SWITCH(PGTABLES)
	br x1
	bti j
	SWITCH(DEFAULT)
	ret

BAD(not_closed_in_jump_table, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	br x1
	bti j
	SWITCH(DEFAULT)
	ret
	bti j
	ret

/* Padding is no target. */
GOOD(padding_in_jump_table)
	SWITCH(PGTABLES)
	br x1
	bti j
	SWITCH(DEFAULT)
	cbz x1, 1f
	b 2f
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
	eret
	SWITCH(DEFAULT)
	ret

GOOD(ends_in_panic)
	SWITCH(PGTABLES)
	cbz x1, 1f
	SWITCH(DEFAULT)
	b 2f
1:	bl panic
2:	ret

BAD(ends_in_call, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	cbz x1, 1f
	SWITCH(DEFAULT)
	b 2f
1:	bl unknown
2:	ret

BAD(ends_in_call_of_pointer, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	cbz x1, 1f
	SWITCH(DEFAULT)
	b 2f
1:	blr x1
2:	ret

GOOD(ends_in_last_call)
	SWITCH(PGTABLES)
	cbz x1, 1f
	SWITCH(DEFAULT)
	ret
1:	bl unknown
	nop

GOOD(closed_in_cold)
	SWITCH(PGTABLES)
	cbnz x1, closed_in_cold.cold
1:	SWITCH(DEFAULT)
	ret
FUNC(closed_in_cold.cold)
	SWITCH(DEFAULT)
	ret

BAD(not_closed_in_cold, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	cbnz x1, not_closed_in_cold.cold
	SWITCH(DEFAULT)
	ret
FUNC(not_closed_in_cold.cold)
	ret

BAD(opened_in_cold.cold, switches to context 1, and a path to opened_in_cold+0x)
	SWITCH(PGTABLES)
	b 1f
GOOD(opened_in_cold)
	SWITCH(DEFAULT)
	cbnz x1, opened_in_cold.cold
1:	ret

FUNC(panic)
	ret
FUNC(unknown)
	ret

/* ---- parts */

GOOD(with_cold)
	READ
	cbnz x1, with_cold.cold
	CLOSE
	ret
FUNC(with_cold.cold)
	CLOSE
	ret

BAD(clone.constprop.0, what the function was called with in x0)
	CLOSE
	ret

/* ---- the list */

LISTED(listed_argument)
	mov x0, x1
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
	mov x0, x1
	WRITE
	ret
