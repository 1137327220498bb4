/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bits of other pkeys, from memory: kpkeys_load_rights() may write them, and stays in the context that it
 * finds. A name with a dot is that of a part of it, or of a clone.
 */
#include "arm64.h"

#define IS(ctx, no)	READ; and x0, x0, MASK; cmp x0, ctx; b.ne no
#define OTHERS		ldr x0, [x1, 16]; and x0, x0, ~MASK
#define SET(ctx)	mov x9, ctx; orr x0, x0, x9

GOOD(kpkeys_load_rights)
	IS(DEFAULT, 2f)
1:	OTHERS
	SET(DEFAULT)
	WRITE
	IS(DEFAULT, 1b)
	ret
2:	IS(PGTABLES, 4f)
	mov x2, PGTABLES
3:	ldr x0, [x1, 16]
	bfi x0, x2, 0, 12
	WRITE
	IS(PGTABLES, 3b)
	ret
4:	b kpkeys_load_rights.cold

GOOD(kpkeys_load_rights.cold)
	OTHERS
	SET(TEST)
	WRITE
	ret

/* ---- what else is right */

GOOD(kpkeys_load_rights.other_order)
	mov x2, ~MASK
	mov x3, PGTABLES
	ldr x0, [x1, 16]
	and x0, x2, x0
	orr x0, x3, x0
	WRITE
	ret

GOOD(kpkeys_load_rights.bic)
	mov x2, MASK
	ldr x0, [x1, 16]
	bic x0, x0, x2
	SET(PGTABLES)
	WRITE
	ret

GOOD(kpkeys_load_rights.argument)
	and x0, x1, ~MASK
	SET(PGTABLES)
	WRITE
	ret

GOOD(kpkeys_load_rights.more_cleared)
	ldr x0, [x1, 16]
	and x0, x0, ~0xffff
	SET(PGTABLES)
	WRITE
	ret

GOOD(kpkeys_load_rights.saved_and_masked)
	ldr x0, [x1, 16]
	str x0, [sp, 16]
	ldr x0, [sp, 16]
	and x0, x0, ~MASK
	SET(PGTABLES)
	WRITE
	ret

GOOD(kpkeys_load_rights.masked_again)
	ldr x19, [x1, 16]
1:	and x19, x19, ~MASK
	bl elsewhere
	subs x20, x20, 1
	b.ne 1b
	and x0, x19, ~MASK
	SET(PGTABLES)
	WRITE
	ret

/* It is in a register of the machine all the time. */
GOOD(kpkeys_load_rights.written_twice)
	OTHERS
	mov x19, x0
	SET(PGTABLES)
	WRITE
	mov x0, x19
	SET(DEFAULT)
	WRITE
	ret

/* ---- managed bits from memory */

BAD(kpkeys_load_rights.memory, memory, [x1, #16])
	ldr x0, [x1, 16]
	WRITE
	ret

BAD(kpkeys_load_rights.no_mask, memory, [x1, #16], in part)
	ldr x0, [x1, 16]
	SET(DEFAULT)
	WRITE
	ret

BAD(kpkeys_load_rights.mask_too_wide, memory, [x1, #16], in part)
	ldr x0, [x1, 16]
	and x0, x0, ~0x7ff
	SET(PGTABLES)
	WRITE
	ret

BAD(kpkeys_load_rights.field_too_small, memory, [x1, #16], in part)
	ldr x0, [x1, 16]
	mov x2, PGTABLES
	bfi x0, x2, 0, 11
	WRITE
	ret

BAD(kpkeys_load_rights.mask_before, combined with what is no constant)
	and x0, x2, ~MASK
	ldr x3, [x1, 16]
	orr x0, x0, x3
	SET(PGTABLES)
	WRITE
	ret

BAD(kpkeys_load_rights.set_after, combined with what is no constant)
	OTHERS
	SET(PGTABLES)
	orr x0, x0, x2
	WRITE
	ret

BAD(kpkeys_load_rights.set_after_in_other_order, combined with what is no constant)
	OTHERS
	SET(PGTABLES)
	orr x0, x2, x0
	WRITE
	ret

BAD(kpkeys_load_rights.changed_after, the result of eor)
	OTHERS
	SET(PGTABLES)
	eor x0, x0, x2
	WRITE
	ret

/* Compilers may do so if that has been compared with the context: it is no constant. */
BAD(kpkeys_load_rights.context_that_was_read, combined with what is no constant)
	READ
	and x2, x0, MASK
	cmp x2, PGTABLES
	b.ne 1f
	OTHERS
	orr x0, x0, x2
	WRITE
1:	ret

BAD(kpkeys_load_rights.field_of_argument, combined with what is no constant)
	ldr x0, [x1, 16]
	bfi x0, x2, 0, 12
	WRITE
	ret

BAD(kpkeys_load_rights.mask_of_argument, combined with what is no constant)
	ldr x0, [x1, 16]
	and x0, x0, x2
	SET(PGTABLES)
	WRITE
	ret

BAD(kpkeys_load_rights.masked_on_one_path, memory, [x1, #16], in part)
	ldr x0, [x1, 16]
	cbz x2, 1f
	and x0, x0, ~MASK
1:	SET(PGTABLES)
	WRITE
	ret

/* ---- what is no context */

BAD(kpkeys_load_rights.no_context, memory, [x1, #16], in part)
	OTHERS
	WRITE
	ret

BAD(kpkeys_load_rights.no_such_context, memory, [x1, #16], in part)
	OTHERS
	SET(0x17)
	WRITE
	ret

BAD(kpkeys_load_rights.bits_of_others, memory, [x1, #16], in part)
	OTHERS
	SET(0x1000 | PGTABLES)
	WRITE
	ret

/* ---- masked, and then where other code can change it */

BAD(kpkeys_load_rights.on_stack, a masked value that has been saved)
	OTHERS
	str x0, [sp, 16]
	ldr x0, [sp, 16]
	SET(PGTABLES)
	WRITE
	ret

BAD(kpkeys_load_rights.context_on_stack, a masked value that has been saved)
	OTHERS
	SET(PGTABLES)
	stp x0, x2, [sp, 16]
	ldr x0, [sp, 16]
	WRITE
	ret

BAD(kpkeys_load_rights.over_call, a masked value that has been saved)
	OTHERS
	mov x19, x0
	bl elsewhere
	mov x0, x19
	SET(PGTABLES)
	WRITE
	ret

BAD(kpkeys_load_rights.in_memory, memory, [x1, #32], in part)
	OTHERS
	str x0, [x1, 32]
	ldr x0, [x1, 32]
	SET(PGTABLES)
	WRITE
	ret

/* ---- other functions */

BAD(kpkeys_load_other_rights, memory, [x1, #16], in part)
	OTHERS
	SET(DEFAULT)
	WRITE
	ret

BAD(load_rights, memory, [x1, #16], in part)
	OTHERS
	SET(PGTABLES)
	WRITE
	SWITCH(DEFAULT)
	ret

BAD(stays_open, switches to context 1, and a path to)
	IS(PGTABLES, 1f)
	SWITCH(PGTABLES)
1:	ret

FUNC(elsewhere)
	ret
