/* SPDX-License-Identifier: GPL-2.0-only */
/* It stands for no context: one has no function. */
/* image: 3 functions write to the pkey register, for 3 contexts */
#define MSR
#define OWN_WRITERS
#include "x86.h"

WRITES_START
WRITER(DEFAULT)			WRITE_OF(DEFAULT); ret
WRITER(PGTABLES)		WRITE_OF(PGTABLES); ret
WRITER(INIT)			WRITE_OF(DEFAULT); ret
WRITES_END

GOOD(switch_and_close)
	SWITCH(PGTABLES)
	SWITCH(DEFAULT)
	ret
