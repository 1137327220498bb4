/* SPDX-License-Identifier: GPL-2.0-only */
/* fatal: context 1 has bits that are not in kpkeys_regcheck_mask */
#define VALUES		DEFAULT, 0x60
#define VALUES_SIZE	16
#include "x86.h"

GOOD(default_only)
	SWITCH(DEFAULT)
	ret
