/* SPDX-License-Identifier: GPL-2.0-only */
/* fatal: no symbol kpkeys_regcheck_values */
#define NO_TABLE
#include "x86.h"

GOOD(default_only)
	SWITCH(DEFAULT)
	ret
