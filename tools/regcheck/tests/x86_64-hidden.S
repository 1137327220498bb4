/* SPDX-License-Identifier: GPL-2.0-only */
/* Instructions that objdump may not know, with what it would not see behind them. */
#define MSR
#include "x86.h"

/* LKGS, which is one byte longer than it knows */
BAD(behind_lkgs, not in one of the functions for that)
	LOAD_ALL(DEFAULT)
	.byte 0xf2, 0x0f, 0x00, 0xf7
	wrmsr
	ret

BAD(behind_lkgs_of_r8, not in one of the functions for that)
	LOAD_ALL(DEFAULT)
	.byte 0xf2, 0x41, 0x0f, 0x00, 0xf0
	wrmsr
	ret

BAD(erets_is_a_return, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	.byte 0xf2, 0x0f, 0x01, 0xca
	SWITCH(DEFAULT)
	ret

BAD(eretu_is_a_return, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	.byte 0xf3, 0x0f, 0x01, 0xca
	SWITCH(DEFAULT)
	ret

BAD(not_known, objdump does not know this instruction)
	.byte 0x06
	ret

/* UDB is not known, too, but it is known what it is: a trap of one byte. */
NONE(udb)
	.byte 0xd6
	ret

/* Data may be anything. */
	.section .writable, "awx"
NONE(not_known_in_data)
	.byte 0x06
	.text

/* RDMSR and writes of other MSRs, with their number in the instruction, are none. */
MAYBE(immediate_of_others)
	.byte 0xc4, 0xe7, 0x7b, 0xf6, 0xc0
	.long 0x6e1
	.byte 0xc4, 0xe7, 0x7a, 0xf6, 0xc0
	.long 0x6e0
	ret
