// SPDX-License-Identifier: GPL-2.0-only
/* must not build: unknown kpkeys context */
#include <linux/kpkeys.h>

void kpkeys_build_test(void);

void kpkeys_build_test(void)
{
	kpkeys_set_context(KPKEYS_NR_CTX);
}
