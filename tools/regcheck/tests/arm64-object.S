/* SPDX-License-Identifier: GPL-2.0-only */
/* object
 * fatal: code is patched as .altinstructions says, which is read from linked files only
 */
#include "arm64.h"

GOOD(default_only)
	SWITCH(DEFAULT)
	ret
	.section .altinstructions, "a"
	.quad 0
