/* SPDX-License-Identifier: GPL-2.0-only */
/* object
 * fatal: calls have names in linked files only
 */
#define MSR
#include "x86.h"

GOOD(default_only)
	SWITCH(DEFAULT)
	ret
