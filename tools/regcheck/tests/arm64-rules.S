/* SPDX-License-Identifier: GPL-2.0-only */
/* The rules for a value that is written, and the ways that it can come. */
#include "arm64.h"

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

GOOD(named)
	mrs x0, s3_0_c10_c2_4
	msr S3_0_C10_C2_4, x0
	ret

BAD(never_back, switches to context 1 and never back)
	SWITCH(PGTABLES)
	ret

BAD(no_such_context, the register with bits 0xfff set to 0x17, as in no context)
	SWITCH(0x17)
	RESTORE
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

/* ---- what is no context */

BAD(inval, a constant, 0xffffffffffffffff)
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
	bl switch_and_restore
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
	bl switch_and_restore
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

/* ---- comparisons with INVAL, which would be open */

GOOD(compared)
	mov x19, -1
	cbz x1, 1f
	SWITCH(PGTABLES)
1:	cmn x19, 1
	b.eq 2f
	RESTORE
2:	ret

GOOD(compared_and_jumped)
	mov x19, -1
	cbz x1, 1f
	SWITCH(PGTABLES)
1:	cmn x19, 1
	b.ne 2f
	ret
2:	RESTORE
	ret

BAD(not_compared, a constant, 0xffffffffffffffff)
	mov x19, -1
	cbz x1, 1f
	SWITCH(PGTABLES)
1:	RESTORE
	ret

BAD(compared_the_other_way, a constant, 0xffffffffffffffff)
	mov x19, -1
	cbz x1, 1f
	SWITCH(PGTABLES)
1:	cmn x19, 1
	b.ne 2f
	RESTORE
2:	ret

BAD(compared_with_another, a constant, 0xffffffffffffffff)
	mov x19, -1
	cbz x1, 1f
	SWITCH(PGTABLES)
1:	cmn x19, 2
	b.eq 2f
	RESTORE
2:	ret

BAD(another_compared, a constant, 0xffffffffffffffff)
	mov x19, -1
	cbz x1, 1f
	SWITCH(PGTABLES)
1:	cmn x20, 1
	b.eq 2f
	RESTORE
2:	ret

BAD(half_compared, a constant, 0xffffffffffffffff)
	mov x19, -1
	cbz x1, 1f
	SWITCH(PGTABLES)
1:	cmn w19, 1
	b.eq 2f
	RESTORE
2:	ret

BAD(compared_for_less, a constant, 0xffffffffffffffff)
	mov x19, -1
	cbz x1, 1f
	SWITCH(PGTABLES)
1:	cmn x19, 1
	b.lt 2f
	RESTORE
2:	ret

BAD(comparison_skipped, a constant, 0xffffffffffffffff)
	mov x19, -1
	cmp x1, 0
	b.eq 1f
	SWITCH(PGTABLES)
	cmn x19, 1
1:	b.eq 2f
	RESTORE
2:	ret

BAD(compared_argument, what the function was called with in x1)
	cmn x1, 1
	b.eq 1f
	msr POR, x1
1:	ret

/* ---- paths */

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
1:	WRITE
	ret

BAD(wrong_on_tbz, what the function was called with in x1)
	mov x0, x1
	tbnz x1, 3, 1f
	READ
1:	WRITE
	ret

BAD(wrong_on_jump, what the function was called with in x1)
	mov x0, x1
	cbnz x1, 1f
	READ
1:	WRITE
	ret

BAD(wrong_in_loop, what the function was called with in x1)
	READ
1:	WRITE
	mov x0, x1
	subs x2, x2, 1
	b.ne 1b
	ret

BAD(behind_ret, the result of code that nothing seems to jump to)
	READ
	ret
	mov x0, x0
	WRITE
	ret

BAD(behind_padding, in code that nothing seems to jump to)
	READ
	ret
	nop
	WRITE
	ret

/* What ends in a jump or a return is no way to what is behind it. */
GOOD(behind_jump)
	READ
	cbz x1, 2f
	b 1f
2:	mov x0, x1
	ret
1:	WRITE
	ret

GOOD(jump_table)
	READ
	br x1
	bti j
	WRITE
	ret

BAD(jump_table_wrong, what the function was called with in x0)
	br x1
	bti j
	WRITE
	ret

/* ---- parts */

GOOD(with_cold)
	READ
	cbnz x1, with_cold.cold
	WRITE
	ret
FUNC(with_cold.cold)
	WRITE
	ret

BAD(clone.constprop.0, what the function was called with in x0)
	WRITE
	ret

/* ---- the list */

LISTED(listed_argument)
	mov x0, x1
	WRITE
	ret

LISTED(listed_never_back)
	SWITCH(PGTABLES)
	ret

LISTED(listed_clone.isra.0)
	mov x0, x1
	WRITE
	ret
