/* SPDX-License-Identifier: GPL-2.0-only */
/* object: its table is found all the same */
#include "x86.h"

GOOD(default_only_here)
	SWITCH(DEFAULT)
	ret

BAD(argument, what the function was called with in %rdi)
	mov %edi, %eax
	WRITE
	ret
