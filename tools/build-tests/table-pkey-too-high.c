/* must not build: kpkeys: too many pkeys */
// SPDX-License-Identifier: GPL-2.0-only
/* More pkeys than any architecture has. */
#define _LINUX_KPKEYS_TABLE_H
#include <linux/bits.h>

#define KPKEYS_PKEYS(P, arg)						\
	P(arg, DEFAULT, "0") P(arg, PGTABLES, "1") P(arg, P2, "2")	\
	P(arg, P3, "3") P(arg, P4, "4") P(arg, P5, "5") P(arg, P6, "6")	\
	P(arg, P7, "7") P(arg, P8, "8") P(arg, P9, "9") P(arg, P10, "10") \
	P(arg, P11, "11") P(arg, P12, "12") P(arg, P13, "13")		\
	P(arg, P14, "14") P(arg, P15, "15") P(arg, P16, "16")
#define KPKEYS_CONTEXTS(C)						\
	C(DEFAULT, "default", 0, true)	\
	C(PGTABLES, "page tables", BIT(KPKEYS_PKEY_PGTABLES), true)

#define PKEY(arg, name, label)	KPKEYS_PKEY_##name,
#define CTX(name, ...)		KPKEYS_CTX_##name,
enum kpkeys_pkey { KPKEYS_PKEYS(PKEY, ) KPKEYS_NR_PKEYS };
enum kpkeys_ctx { KPKEYS_CONTEXTS(CTX) KPKEYS_NR_CTX };

#include <linux/kpkeys.h>
