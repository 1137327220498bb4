/* SPDX-License-Identifier: GPL-2.0-only */
/* One of the contexts is 0: what a mask leaves is that context, and what has none is not. */
#define VALUES		DEFAULT, PGTABLES, 0
#define VALUES_SIZE	24
#include "x86.h"

GOOD(kpkeys_load_rights)
	mov 0x10(%rdi), %eax
	and $KEEP, %eax
	WRITE
	ret

BAD(kpkeys_load_rights.memory, memory, 0x10(%rdi))
	mov 0x10(%rdi), %eax
	WRITE
	ret
