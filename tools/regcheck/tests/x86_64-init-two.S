/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * There is one such function, or none.
 * image: 5 functions write to the pkey register, for 3 contexts
 * linked with: x86_64-init-alone.S
 */
#define MSR
#define OWN_WRITERS
#include "x86.h"

WRITES_START
WRITER(DEFAULT)			WRITE_OF(DEFAULT); ret
WRITER(PGTABLES)		WRITE_OF(PGTABLES); ret
WRITER(TEST)			WRITE_OF(TEST); ret
WRITER(INIT)			WRITE_OF(DEFAULT); ret
WRITES_END

GOOD(switch_and_close)
	SWITCH(PGTABLES)
	SWITCH(DEFAULT)
	ret
