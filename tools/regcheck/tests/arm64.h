/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The contexts: pkey 0 is open, 1 and 2 are read-only (default), 2 is (page tables), 1 is (test).
 * MASK has their bits.
 */
#define DEFAULT		0x117
#define PGTABLES	0x157
#define TEST		0x517
#define MASK		0xfff
#define VALUES		DEFAULT, PGTABLES, TEST
#define VALUES_SIZE	24

#define POR		s3_0_c10_c2_4
#define READ		mrs x0, POR
#define WRITE		msr POR, x0; isb

/* CLOSE takes the value from x0. SWITCH() leaves the old one in x19, for RESTORE and CLOSE_OLD. */
#define SWITCH(ctx)	READ; mov x19, x0; and x0, x0, ~MASK; mov x9, ctx; orr x0, x0, x9; WRITE
#define RESTORE		msr POR, x19; isb
#define CLOSE		and x0, x0, ~MASK; mov x9, DEFAULT; orr x0, x0, x9; WRITE
#define CLOSE_OLD	mov x0, x19; CLOSE

#define THROUGH(reg, ...)	READ; mov reg, x0; __VA_ARGS__; msr POR, reg; ret
#define SLOT			[sp, 32]
#define THROUGH_SLOT(...)	READ; str x0, SLOT; __VA_ARGS__; ldr x0, SLOT; WRITE; ret

	.arch armv8.8-a+memtag+sve
#include "cases.h"
