/* SPDX-License-Identifier: GPL-2.0-only */
/* image: writes to the pkey register: its number is in the instruction */
#define MSR
#include "x86.h"

MAYBE(immediate)
	.byte 0xc4, 0xe7, 0x7a, 0xf6, 0xc0
	.long 0x6e1
	ret

GOOD(switch_and_close)
	SWITCH(PGTABLES)
	SWITCH(DEFAULT)
	ret
