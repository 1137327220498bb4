/* must not build: modules may not switch to this kpkeys context */
// SPDX-License-Identifier: GPL-2.0-only
/* A loadable module opens a context that the table keeps from modules. */
#define MODULE 1
#include <linux/kpkeys.h>

KPKEYS_GUARD(test, KPKEYS_CTX_TEST);

void write_from_module(long *data);

void write_from_module(long *data)
{
	guard(test)();
	*data = 1;
}
