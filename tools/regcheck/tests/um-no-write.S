/* SPDX-License-Identifier: GPL-2.0-only */
/* image: there is nothing to check */
#include "x86.h"

NONE(nothing)
	ret
