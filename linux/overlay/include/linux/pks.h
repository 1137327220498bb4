/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Keys for drivers on x86, under the names that were once proposed for them. See
 * <linux/kpkeys_keys.h>, which all architectures have.
 */
#ifndef _LINUX_PKS_H
#define _LINUX_PKS_H

#include <linux/kpkeys_keys.h>

#define PKS_FLAG_EXCLUSIVE	KPKEYS_KEY_EXCLUSIVE

static inline int pks_key_alloc(const char * const pkey_user, int flags)
{
	return kpkeys_key_alloc(pkey_user, flags);
}

/* Memory that still carries the key keeps it from being freed, see the log. */
static inline void pks_key_free(int pkey)
{
	kpkeys_key_free(pkey);
}

static inline void pks_mk_noaccess(int pkey)
{
	kpkeys_key_mk_noaccess(pkey);
}

static inline void pks_mk_readonly(int pkey)
{
	kpkeys_key_mk_readonly(pkey);
}

static inline void pks_mk_readwrite(int pkey)
{
	kpkeys_key_mk_readwrite(pkey);
}

#endif /* _LINUX_PKS_H */
