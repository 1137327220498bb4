/* SPDX-License-Identifier: GPL-2.0-only */
/* fatal: kpkeys_regcheck_values is not an array of u64 */
#define VALUES		DEFAULT, PGTABLES, TEST
#define VALUES_SIZE	23
#include "x86.h"

GOOD(default_only)
	SWITCH(DEFAULT)
	ret
