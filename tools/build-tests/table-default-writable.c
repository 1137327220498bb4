/* must not build: the default context writes to protected memory */
// SPDX-License-Identifier: GPL-2.0-only
/* The default context may write to protected memory. */
#define _LINUX_KPKEYS_TABLE_H
#include <linux/bits.h>

#define KPKEYS_PKEYS(P, arg)						\
	P(arg, DEFAULT, "default") P(arg, PGTABLES, "page tables")
#define KPKEYS_CONTEXTS(C)						\
	C(DEFAULT, "default", BIT(KPKEYS_PKEY_PGTABLES), true)	\
	C(PGTABLES, "page tables", BIT(KPKEYS_PKEY_PGTABLES), true)

#define PKEY(arg, name, label)	KPKEYS_PKEY_##name,
#define CTX(name, ...)		KPKEYS_CTX_##name,
enum kpkeys_pkey { KPKEYS_PKEYS(PKEY, ) KPKEYS_NR_PKEYS };
enum kpkeys_ctx { KPKEYS_CONTEXTS(CTX) KPKEYS_NR_CTX };

#include <linux/kpkeys.h>
