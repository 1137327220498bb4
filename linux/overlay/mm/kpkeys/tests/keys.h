/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kpkeys: what the KUnit suites of keys for drivers share.
 *
 * Accesses are tried with functions that survive a fault. Those that a test expects to
 * be refused would end its thread.
 */
#ifndef MM_KPKEYS_TESTS_KEYS_H
#define MM_KPKEYS_TESTS_KEYS_H

#include <kunit/test.h>
#include <linux/gfp.h>
#include <linux/kpkeys_keys.h>
#include <linux/uaccess.h>
#include "../kpkeys.h"
#include "util.h"

#define KEY_NAME	"kpkeys_test"
#define PAGE_LONGS	(PAGE_SIZE / sizeof(long))
#define CLOSED		kpkeys_ctx_table[KPKEYS_CTX_DEFAULT]
#define MAX_BLOCKS	8

/**
 * struct keys_test - What a test has to give back, also if it fails
 * @nr_users: How often it has allocated each key
 * @nr_blocks: Number of entries in @blocks
 * @blocks: Memory that may carry a key
 */
struct keys_test {
	unsigned int nr_users[ARCH_KPKEYS_MAX_PKEY + 1];
	unsigned int nr_blocks;
	struct {
		unsigned long addr;
		unsigned int order;
	} blocks[MAX_BLOCKS];
};

/* Threads and mappings that use the keys are gone: their actions have been added later. */
static inline void give_back(void *arg)
{
	struct keys_test *priv = arg;
	unsigned int i;
	int pkey;

	for (i = 0; i < priv->nr_blocks; i++) {
		unsigned long addr = priv->blocks[i].addr;
		unsigned int order = priv->blocks[i].order;

		/* Leak pages that nobody could use. */
		if (kpkeys_key_set_memory(KPKEYS_PKEY_DEFAULT, addr, 1 << order))
			pr_err("cannot give the pages at %lx back\n", addr);
		else
			free_pages(addr, order);
	}
	for (pkey = 0; pkey <= ARCH_KPKEYS_MAX_PKEY; pkey++)
		while (priv->nr_users[pkey] && !kpkeys_key_free(pkey))
			priv->nr_users[pkey]--;
}

static inline int keys_init(struct kunit *test)
{
	test_skip_if_disabled(test);

	test->priv = kunit_kzalloc(test, sizeof(struct keys_test), GFP_KERNEL);
	if (!test->priv)
		return -ENOMEM;
	return kunit_add_action(test, give_back, test->priv);
}

/* A key that the test gives back. */
static inline int own_key(struct kunit *test, int pkey)
{
	struct keys_test *priv = test->priv;

	KUNIT_ASSERT_GE(test, pkey, KPKEYS_NR_PKEYS);
	KUNIT_ASSERT_LE(test, pkey, ARCH_KPKEYS_MAX_PKEY);
	priv->nr_users[pkey]++;
	return pkey;
}

static inline int new_key(struct kunit *test)
{
	return own_key(test, kpkeys_key_alloc(KEY_NAME, KPKEYS_KEY_EXCLUSIVE));
}

static inline int free_key(struct kunit *test, int pkey)
{
	struct keys_test *priv = test->priv;
	int err = kpkeys_key_free(pkey);

	if (!err)
		priv->nr_users[pkey]--;
	return err;
}

/* All keys that are free, until there is a certain one among them. -1 for all of them. */
static inline void take_keys(struct kunit *test, int until)
{
	int pkey;

	do {
		pkey = kpkeys_key_alloc(KEY_NAME, KPKEYS_KEY_EXCLUSIVE);
		if (pkey == -ENOSPC)
			break;
		own_key(test, pkey);
	} while (pkey != until);
	KUNIT_ASSERT_EQ(test, pkey, until < 0 ? -ENOSPC : until);
}

static inline long *try_pages(struct kunit *test, unsigned int order)
{
	struct keys_test *priv = test->priv;
	unsigned long addr;

	KUNIT_ASSERT_LT(test, priv->nr_blocks, MAX_BLOCKS);
	addr = __get_free_pages(GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN, order);
	if (!addr)
		return NULL;
	priv->blocks[priv->nr_blocks].addr = addr;
	priv->blocks[priv->nr_blocks].order = order;
	priv->nr_blocks++;
	return (long *)addr;
}

static inline long *new_pages(struct kunit *test, unsigned int order)
{
	long *pages = try_pages(test, order);

	KUNIT_ASSERT_NOT_NULL(test, pages);
	return pages;
}

static inline int tag(int pkey, long *page, int nr_pages)
{
	return kpkeys_key_set_memory(pkey, (unsigned long)page, nr_pages);
}

static inline int untag(long *page, int nr_pages)
{
	return tag(KPKEYS_PKEY_DEFAULT, page, nr_pages);
}

static inline long *tagged_page(struct kunit *test, int pkey)
{
	long *page = new_pages(test, 0);

	KUNIT_ASSERT_EQ(test, tag(pkey, page, 1), 0);
	return page;
}

static inline void untag_test_page(void *addr)
{
	set_memory_pkey((unsigned long)addr, 1, KPKEYS_PKEY_DEFAULT);
}

/* A page of the tests' own pkey, which kpkeys manages. */
static inline void tag_managed(struct kunit *test, long *page)
{
	KUNIT_ASSERT_EQ(test, set_memory_pkey((unsigned long)page, 1, KPKEYS_PKEY_TEST), 0);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, untag_test_page, page), 0);
}

/*
 * What can be done with a page here and now, as a permission. The first word is read, the
 * second one is written.
 */
static inline int access_of(long *page)
{
	long val;
	int perm = KPKEYS_PERM_NONE;

	if (!copy_from_kernel_nofault(&val, page, sizeof(val)))
		perm |= KPKEYS_PERM_RO;
	val = 42;
	if (!copy_to_kernel_nofault(page + 1, &val, sizeof(val)))
		perm |= KPKEYS_PERM_RW & ~KPKEYS_PERM_RO;
	return perm;
}

static inline int set_rights(int pkey, int perm)
{
	switch (perm) {
	case KPKEYS_PERM_RW:
		return kpkeys_key_mk_readwrite(pkey);
	case KPKEYS_PERM_RO:
		return kpkeys_key_mk_readonly(pkey);
	default:
		return kpkeys_key_mk_noaccess(pkey);
	}
}

static const int all_perms[] = { KPKEYS_PERM_NONE, KPKEYS_PERM_RO, KPKEYS_PERM_RW };

/* What the thread may do, and what it can do. */
#define EXPECT_RIGHTS(test, pkey, page, perm) do {			\
	struct kunit *__test = (test);					\
	int __perm = (perm);						\
									\
	KUNIT_EXPECT_EQ(__test, kpkeys_key_rights(pkey), __perm);	\
	KUNIT_EXPECT_EQ(__test, access_of(page), __perm);		\
} while (0)

static inline bool reg_has_rights(void)
{
	return __kpkeys_reg_has_rights(arch_kpkeys_read_reg());
}

/* Bits of no effect are left out: UML's host changes them. */
static inline u64 effective_reg(void)
{
	return arch_kpkeys_read_reg() & (KPKEYS_REG_MASK | ARCH_KPKEYS_ACCESS_MASK);
}

#endif /* MM_KPKEYS_TESTS_KEYS_H */
