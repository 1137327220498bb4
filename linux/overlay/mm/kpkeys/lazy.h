/* SPDX-License-Identifier: GPL-2.0-only */
/* kpkeys_hardened_pgtables: what setters of a lazy MMU section have noted. */
#ifndef MM_KPKEYS_LAZY_H
#define MM_KPKEYS_LAZY_H

#include <linux/kpkeys_lazy.h>
#include <linux/types.h>

/* As many as a table of 4 KB has. */
#define KPKEYS_LAZY_ENTRIES	512
#define KPKEYS_LAZY_WINDOW_SIZE	(KPKEYS_LAZY_ENTRIES * sizeof(u64))

/* No page-table entry has these values. */
#define KPKEYS_LAZY_NOTHING	(~0ULL)		/* nothing has been noted */
#define KPKEYS_LAZY_WRPROTECT	(~1ULL)		/* the entry is to be made read-only */

#endif /* MM_KPKEYS_LAZY_H */
