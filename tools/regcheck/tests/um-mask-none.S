/* SPDX-License-Identifier: GPL-2.0-only */
/* fatal: kpkeys_regcheck_mask is not a mask of the pkey register */
#define VALUES		0
#define VALUES_SIZE	8
#define MASK		0
#include "x86.h"

GOOD(default_only)
	SWITCH(DEFAULT)
	ret
