/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fatal: more than one symbol kpkeys_regcheck_values
 * linked with: um-no-write.S
 */
#include "x86.h"

GOOD(default_only)
	SWITCH(DEFAULT)
	ret
