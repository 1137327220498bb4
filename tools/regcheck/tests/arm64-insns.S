/* SPDX-License-Identifier: GPL-2.0-only */
/* Values that are followed through instructions. */
#include "arm64.h"

KEEPS(x19, mov x20, x19; mov x19, x20)
KEEPS(x19, bl unknown)
KEEPS(x19, mov x20, -1; and x19, x19, x20)
KEEPS(x19, mov x20, 0; orr x19, x19, x20)
KEEPS(x19, mov x20, 0; orr x19, x20, x19)
KEEPS(x19, bic x19, x19, xzr)
KEEPS(x19, mov x20, x19; csel x19, x19, x20, eq)
KEEPS(x19, mov x20, x19; csel x19, x20, x19, eq)
KEEPS(x19, str x19, [sp, -16]!; mov x19, 0; ldr x19, [sp], 16)
KEEPS(x19, stp x20, x19, [sp, 16]; mov x19, 0; ldp x20, x19, [sp, 16])
KEEPS(x19, str x19, [x29, -24]; mov x19, 0; ldur x19, [x29, -24])
KEEPS(x19, str x19, [sp, 8]; mov x29, sp; mov x19, 0; ldr x19, [x29, 8])
KEEPS(x19, str x19, [sp, 8]; add x29, sp, 16; mov x19, 0; ldr x19, [x29, -8])
KEEPS(x19, str x19, [sp, 8]; sub sp, sp, 4096; mov x19, 0; add sp, sp, 4096; ldr x19, [sp, 8])
KEEPS(x19, str x19, [x20]; ldr x20, [x20])
KEEPS(x19, ldr x20, [x19], 0)

CHANGES(x19, mov x19, x1)
CHANGES(x19, mov w19, w19)
CHANGES(x19, and x19, x19, 1)
CHANGES(x19, and x19, x19, x1)
CHANGES(x19, and x19, x1, x19)
CHANGES(x19, and x19, x19, x19, lsl 1)
CHANGES(x19, mov x20, -1; and x19, x19, x20, lsl 4)
CHANGES(x19, orr x19, x19, 1)
CHANGES(x19, orr x19, x1, x19)
CHANGES(x19, orr x19, xzr, x1, lsl 4)
CHANGES(x19, bic x19, x19, x1)
CHANGES(x19, mov x20, 1; bic x19, x19, x20)
CHANGES(x19, movk x19, 1)
CHANGES(x19, movk w19, 1)
CHANGES(x19, csel x19, x19, x1, eq)
CHANGES(x19, csel x19, x1, x19, eq)
CHANGES(x19, csinv x19, x19, xzr, eq)
CHANGES(x19, csinv x19, x19, x19, eq)
CHANGES(x19, csetm x19, eq)
CHANGES(x19, bfi x19, x1, 4, 4)
CHANGES(x19, bfxil x19, x1, 4, 4)
CHANGES(x19, bfc x19, 4, 4)
CHANGES(x19, ubfx x19, x19, 0, 63)
CHANGES(x19, ubfx x19, x19, 1, 4)
CHANGES(x19, ldr x19, [sp, 8])
CHANGES(x19, ldr x19, [x1])
CHANGES(x19, str x19, [sp, 8]; ldr w19, [sp, 8])
CHANGES(x19, str x19, [sp, 8]; ldrb w19, [sp, 8])
CHANGES(x19, str x19, [sp, 8]; ldrsw x19, [sp, 8])
CHANGES(x19, str x19, [sp, 8]; ldr x19, [sp, 16])
CHANGES(x19, str x19, [sp, 8]; ldr x19, [sp, x1])
CHANGES(x19, ldr x1, [x19], 8)
CHANGES(x19, ldr x1, [x19, 8]!)
CHANGES(x19, str x1, [x19], 8)
CHANGES(x19, ld1 {v0.16b}, [x19], 16)
CHANGES(x19, ld1 {v0.16b}, [x19], x1)
CHANGES(x19, stp x20, x19, [sp, 16]; ldp x19, x20, [sp, 16])
CHANGES(x29, ldp x29, x30, [sp], 16)

/* How a compiler puts a context in. */
GOOD(bfi)
	mov x9, PGTABLES
	READ
	mov x19, x0
	bfi x0, x9, 0, 12
	WRITE
	CLOSE_OLD
	ret

GOOD(bfxil)
	mov x9, PGTABLES << 4
	READ
	mov x19, x0
	bfxil x0, x9, 4, 12
	WRITE
	CLOSE_OLD
	ret

GOOD(bfc)
	mov x9, PGTABLES
	READ
	mov x19, x0
	bfc x0, 0, 12
	orr x0, x9, x0
	WRITE
	CLOSE_OLD
	ret

GOOD(movz_movk)
	mov x9, 0xf000
	movk x9, 0xffff, lsl 16
	movk x9, 0xffff, lsl 32
	movk x9, 0xffff, lsl 48
	READ
	mov x19, x0
	and x0, x9, x0
	mov w9, PGTABLES
	orr x0, x0, x9
	WRITE
	CLOSE_OLD
	ret

GOOD(bic)
	mov x9, MASK
	mov x10, PGTABLES
	READ
	mov x19, x0
	bic x0, x0, x9
	orr x0, x0, x10
	WRITE
	CLOSE_OLD
	ret

BAD(bfi_in_another_place, the register with bits 0xfff0 set to 0x1570, as in no context)
	mov x9, PGTABLES
	READ
	bfi x0, x9, 4, 12
	WRITE
	ret

BAD(bfxil_of_another_place, the register with bits 0xfff set to 0x15, as in no context)
	mov x9, PGTABLES
	READ
	bfxil x0, x9, 4, 12
	WRITE
	ret

BAD(bfi_too_small, the register with bits 0xff set to 0x57, as in no context)
	mov x9, PGTABLES
	READ
	bfi x0, x9, 0, 8
	WRITE
	ret

BAD(ubfx_of_constant, a constant, 0x57)
	mov x9, PGTABLES
	ubfx x0, x9, 0, 8
	WRITE
	ret

BAD(movn, a constant, 0xffffffffffff0fff)
	mov x0, 0xffffffffffff0fff
	WRITE
	ret

BAD(csinv_of_argument, the result of csinv)
	READ
	csinv x19, x0, x1, eq
	RESTORE
	ret

/* The high half of the register is lost. */
BAD(half, the result of bfxil)
	mov x9, PGTABLES
	READ
	mov x19, x0
	bfc w0, 0, 12
	orr x0, x0, x9
	WRITE
	CLOSE_OLD
	ret

BAD(csinv_all_bits, a constant, 0xffffffffffffffff | a saved value of the register)
	READ
	csinv x0, x0, xzr, eq
	WRITE
	ret

BAD(csetm_all_bits, a constant, 0xffffffffffffffff | a constant, 0x0)
	csetm x0, eq
	WRITE
	ret

/* ---- stack slots */

SLOT_KEEPS(nop)
SLOT_KEEPS(str x1, [sp, 24])
SLOT_KEEPS(str x1, [sp, 40])
SLOT_KEEPS(strb w1, [sp, 31])
SLOT_KEEPS(str w1, [sp, 28])
SLOT_KEEPS(strh w1, [sp, 30])
SLOT_KEEPS(stp x1, x2, [sp, 16])
SLOT_KEEPS(stp w1, w2, [sp, 24])
SLOT_KEEPS(stp q0, q1, [sp])
SLOT_KEEPS(str x1, [sp, -16]!; ldr x1, [sp], 16)
SLOT_KEEPS(stp x1, x2, [sp, -16]!; add sp, sp, 16)
SLOT_KEEPS(ldr x1, [sp, 8])
SLOT_KEEPS(str x1, [x2, 32])
SLOT_KEEPS(bl unknown)
SLOT_KEEPS(stadd x1, [x2])
SLOT_KEEPS(prfm pldl1keep, SLOT)
SLOT_KEEPS(ldadd x1, x2, [x3])
SLOT_KEEPS(cmp sp, x1)
SLOT_KEEPS(sub sp, sp, 1, lsl 12; add sp, sp, 4080; add sp, sp, 16)
SLOT_KEEPS(add sp, sp, 32; stlr x0, [sp]; sub sp, sp, 32)

SLOT_CHANGES(str x1, SLOT)
SLOT_CHANGES(str xzr, SLOT)
SLOT_CHANGES(str w0, SLOT)
SLOT_CHANGES(strb w0, SLOT)
SLOT_CHANGES(strh w0, [sp, 38])
SLOT_CHANGES(str w1, [sp, 36])
SLOT_CHANGES(stur x1, [sp, 25])
SLOT_CHANGES(stp x1, x2, [sp, 24])
SLOT_CHANGES(stp x1, x2, SLOT)
SLOT_CHANGES(str q0, [sp, 16]; str q0, SLOT)
SLOT_CHANGES(stp q0, q1, [sp, 16])
SLOT_CHANGES(str x1, [sp, x2])
SLOT_CHANGES(str x1, [x29, 32])
SLOT_CHANGES(stp x1, x2, [x29])
SLOT_CHANGES(add sp, sp, 32; stlr x1, [sp]; sub sp, sp, 32)
SLOT_CHANGES(str x1, [sp, -16]!)
SLOT_CHANGES(str x1, [sp], 8)
SLOT_CHANGES(ldr x1, [sp], 8)
SLOT_CHANGES(ldr x1, [sp], 16; sub sp, sp, 8)
SLOT_CHANGES(add sp, sp, 16)
SLOT_CHANGES(sub sp, sp, 16)
SLOT_CHANGES(sub sp, sp, x1)
SLOT_CHANGES(mov sp, x1)
SLOT_CHANGES(and sp, x1, 0xfffffffffffffff0)
SLOT_CHANGES(ldadd x1, x2, [sp])
SLOT_CHANGES(stadd x1, [sp])
SLOT_CHANGES(stset x1, [sp])
SLOT_CHANGES(stxr w1, x2, [sp])
SLOT_CHANGES(st1 {v0.16b}, [sp])
SLOT_CHANGES(stg x1, SLOT)
SLOT_CHANGES(add sp, sp, 5, lsl 12)

/* The other half of the slot is still the argument. */
BAD(half_slot, combined with what is no constant)
	str x1, SLOT
	str wzr, SLOT
	ldr x9, SLOT
	READ
	orr x0, x0, x9
	WRITE
	ret

FUNC(unknown)
	ret
