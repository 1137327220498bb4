// SPDX-License-Identifier: GPL-2.0-only
/* must not build: unknown kpkeys context */
#include <linux/kpkeys.h>

KPKEYS_GUARD(build_test, -1);

void kpkeys_build_test(void);

void kpkeys_build_test(void)
{
	guard(build_test)();
}
