/* SPDX-License-Identifier: GPL-2.0-only */
/* Traps, without CONFIG_DEBUG_BUGVERBOSE. */
#define MSR
#include "x86.h"

#define BUG(addr, flags)	.pushsection __bug_table, "aw"; .long addr - ., 0; .value flags, 0; .popsection

	.data
	.quad __start___bug_table, __stop___bug_table
	.text

GOOD(ends_in_bug)
	SWITCH(PGTABLES)
	test %edi, %edi
	je 1f
	SWITCH(DEFAULT)
	ret
1:	ud2
2:	ret
	BUG(1b, 0)

BAD(ends_in_warning, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	test %edi, %edi
	je 1f
	SWITCH(DEFAULT)
	ret
1:	ud1 %edx, %edi
	ret
	BUG(1b, 1)
