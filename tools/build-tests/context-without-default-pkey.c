/* must not build: kpkeys context cannot write to ordinary memory */
/* only: um x86_64 */
// SPDX-License-Identifier: GPL-2.0-only
/*
 * A context that may only read ordinary memory could not use its stack. Have one: where page
 * tables share the pkey of ordinary memory, what a context denies to them it denies to all.
 */
#define KPKEYS_PKEY_PGTABLES	0
#include <linux/kpkeys.h>

u64 open_without_stack(void);

u64 open_without_stack(void)
{
	return kpkeys_set_context(KPKEYS_CTX_TEST);
}
