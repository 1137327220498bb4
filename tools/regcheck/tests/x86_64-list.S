/* SPDX-License-Identifier: GPL-2.0-only */
/* What the list helps with, if all functions are in it. */
#define MSR
#include "x86.h"

BAD(argument, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	ret

BAD(address, uses the address of code that writes to the pkey register)
	mov $x86_kpkeys_write_PGTABLES, %eax
	ret
