/* must not build: a context writes to the memory of an unknown pkey */
// SPDX-License-Identifier: GPL-2.0-only
/* A context writes to the memory of a pkey that has no line. */
#define _LINUX_KPKEYS_TABLE_H
#include <linux/bits.h>

#define KPKEYS_PKEYS(P, arg)						\
	P(arg, DEFAULT, "default") P(arg, PGTABLES, "page tables")
#define KPKEYS_CONTEXTS(C)						\
	C(DEFAULT, "default", 0, true)	\
	C(PGTABLES, "page tables", BIT(2), true)

#define PKEY(arg, name, label)	KPKEYS_PKEY_##name,
#define CTX(name, ...)		KPKEYS_CTX_##name,
enum kpkeys_pkey { KPKEYS_PKEYS(PKEY, ) KPKEYS_NR_PKEYS };
enum kpkeys_ctx { KPKEYS_CONTEXTS(CTX) KPKEYS_NR_CTX };

#include <linux/kpkeys.h>
