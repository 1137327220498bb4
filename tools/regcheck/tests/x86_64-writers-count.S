/* SPDX-License-Identifier: GPL-2.0-only */
/* image: 2 functions write to the pkey register, for 3 contexts */
#define MSR
#define OWN_WRITERS
#include "x86.h"

WRITES_START
WRITER(DEFAULT)			WRITE_OF(DEFAULT); ret
WRITER(PGTABLES)		WRITE_OF(PGTABLES); ret
WRITES_END

GOOD(switch_and_close)
	SWITCH(PGTABLES)
	SWITCH(DEFAULT)
	ret
