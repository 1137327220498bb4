/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kpkeys: keys for drivers. A pkey of one's own, allocated while the kernel runs.
 *
 * A driver allocates a key, and tags pages with it. From then on nobody can access
 * them, but a thread that has been given rights to the key, and only in that thread:
 * not in interrupts that hit it, nor in other threads. A stray access from anywhere
 * else faults, and the report names the key.
 *
 * These keys are apart from the pkeys of <linux/kpkeys_table.h>, which protect the
 * kernel's own data: nothing here can reach those. Rights to a key of a driver are
 * kept in the thread's task_struct. So a key stops stray accesses, and an attacker who
 * can write, but does not know it. See Documentation/core-api/kpkeys-keys.rst.
 */
#ifndef _LINUX_KPKEYS_KEYS_H
#define _LINUX_KPKEYS_KEYS_H

#include <linux/bits.h>
#include <linux/cleanup.h>
#include <linux/errno.h>
#include <linux/kpkeys.h>
#include <linux/types.h>
#include <asm/page.h>

/* kpkeys_key_alloc(): do not share the key with other users, fail instead. */
#define KPKEYS_KEY_EXCLUSIVE	BIT(0)

#ifdef CONFIG_KPKEYS_KEYS

int kpkeys_key_alloc(const char *name, unsigned int flags);
int kpkeys_key_free(int pkey);

int kpkeys_key_mk_noaccess(int pkey);
int kpkeys_key_mk_readonly(int pkey);
int kpkeys_key_mk_readwrite(int pkey);
int kpkeys_key_rights(int pkey);

int kpkeys_key_set_memory(int pkey, unsigned long addr, int nr_pages);
int kpkeys_key_pgprot(int pkey, pgprot_t *prot);

#else /* !CONFIG_KPKEYS_KEYS */

static inline int kpkeys_key_alloc(const char *name, unsigned int flags)
{
	return -EOPNOTSUPP;
}

static inline int kpkeys_key_free(int pkey)
{
	return -EOPNOTSUPP;
}

static inline int kpkeys_key_mk_noaccess(int pkey)
{
	return -EOPNOTSUPP;
}

static inline int kpkeys_key_mk_readonly(int pkey)
{
	return -EOPNOTSUPP;
}

static inline int kpkeys_key_mk_readwrite(int pkey)
{
	return -EOPNOTSUPP;
}

static inline int kpkeys_key_rights(int pkey)
{
	return -EOPNOTSUPP;
}

static inline int kpkeys_key_set_memory(int pkey, unsigned long addr, int nr_pages)
{
	return -EOPNOTSUPP;
}

#define kpkeys_key_pgprot(pkey, prot)	((void)(pkey), (void)(prot), -EOPNOTSUPP)

#endif /* CONFIG_KPKEYS_KEYS */

/* A key and the rights that the thread had to it, for the guards. */
struct kpkeys_key_section {
	int pkey;
	int rights;
};

static inline void __kpkeys_key_leave(const struct kpkeys_key_section *section)
{
	switch (section->rights) {
	case KPKEYS_PERM_RW:
		kpkeys_key_mk_readwrite(section->pkey);
		break;
	case KPKEYS_PERM_RO:
		kpkeys_key_mk_readonly(section->pkey);
		break;
	case KPKEYS_PERM_NONE:
		kpkeys_key_mk_noaccess(section->pkey);
		break;
	}
}

/*
 * guard(kpkeys_key_readwrite)(pkey), guard(kpkeys_key_readonly)(pkey): the thread has
 * the right in the scope of the guard, and afterwards the one that it had before. They
 * nest, and the thread may sleep. Without kpkeys they do nothing; for a number that is
 * no key they say so in the log.
 */
DEFINE_CLASS(kpkeys_key_readwrite, struct kpkeys_key_section, __kpkeys_key_leave(&_T), ({
		struct kpkeys_key_section __s = { pkey, kpkeys_key_rights(pkey) };

		if (__s.rights != -EOPNOTSUPP)
			kpkeys_key_mk_readwrite(pkey);
		__s;
	     }), int pkey)
DEFINE_CLASS_IS_UNCONDITIONAL(kpkeys_key_readwrite)

DEFINE_CLASS(kpkeys_key_readonly, struct kpkeys_key_section, __kpkeys_key_leave(&_T), ({
		struct kpkeys_key_section __s = { pkey, kpkeys_key_rights(pkey) };

		if (__s.rights != -EOPNOTSUPP)
			kpkeys_key_mk_readonly(pkey);
		__s;
	     }), int pkey)
DEFINE_CLASS_IS_UNCONDITIONAL(kpkeys_key_readonly)

#endif /* _LINUX_KPKEYS_KEYS_H */
