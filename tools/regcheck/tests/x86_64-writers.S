/* SPDX-License-Identifier: GPL-2.0-only */
/* The functions that write the register return as the kernel does to avoid speculation. */
#define MSR
#define OWN_WRITERS
#include "x86.h"

WRITES_START
GOOD(x86_kpkeys_write_DEFAULT)	WRITE_OF(DEFAULT); jmp __x86_return_thunk
WRITER(PGTABLES)		WRITE_OF(PGTABLES); jmp __x86_return_thunk
WRITER(TEST)			WRITE_OF(TEST); jmp __x86_return_thunk
WRITES_END

GOOD(switch_and_close)
	SWITCH(PGTABLES)
	SWITCH(DEFAULT)
	ret
FUNC(__x86_return_thunk)
	ret
