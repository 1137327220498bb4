// SPDX-License-Identifier: GPL-2.0-only
/* must not build: unknown kpkeys context */
#include <linux/kpkeys.h>

u64 kpkeys_build_test(void);

u64 kpkeys_build_test(void)
{
	return kpkeys_set_context(KPKEYS_NR_CTX);
}
