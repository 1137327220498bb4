/* SPDX-License-Identifier: GPL-2.0-only */
/* fatal: two contexts have the same value */
#define VALUES		DEFAULT, TEST, TEST
#define VALUES_SIZE	24
#include "x86.h"

GOOD(default_only)
	SWITCH(DEFAULT)
	ret
