/* SPDX-License-Identifier: GPL-2.0-only */
/* fatal: kpkeys_regcheck_mask is not a mask of the pkey register */
#define MASK		0x10000003f
#include "x86.h"

GOOD(default_only)
	SWITCH(DEFAULT)
	ret
