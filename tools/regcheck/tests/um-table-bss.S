/* SPDX-License-Identifier: GPL-2.0-only */
/* fatal: kpkeys_regcheck_values is not an array of u64 */
#define NO_TABLE
#include "x86.h"

GOOD(default_only)
	SWITCH(DEFAULT)
	ret

	.bss
	.type kpkeys_regcheck_values, %object
	.size kpkeys_regcheck_values, 24
kpkeys_regcheck_values:
	.skip 24
	.type kpkeys_regcheck_mask, %object
	.size kpkeys_regcheck_mask, 8
kpkeys_regcheck_mask:
	.skip 8
