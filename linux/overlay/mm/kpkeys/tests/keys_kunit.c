// SPDX-License-Identifier: GPL-2.0-only
/* kpkeys: KUnit tests of keys for drivers. */

#include <kunit/test.h>
#include <linux/cpumask.h>
#include <linux/kpkeys_keys.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <linux/vmalloc.h>
#include "../kpkeys.h"
#include "early.h"
#include "keys.h"
#include "util.h"

/* Drivers that are there already. */
static void need_all_keys(struct kunit *test)
{
	int pkey;

	for (pkey = KPKEYS_NR_PKEYS; pkey <= ARCH_KPKEYS_MAX_PKEY; pkey++)
		if (kpkeys_key_rights(pkey) != -EINVAL)
			kunit_skip(test, "somebody else has key %d", pkey);
}

/* An error is expected. A key that there is all the same is given back. */
static void expect_no_key(struct kunit *test, const char *name, unsigned int flags, int err)
{
	int pkey = kpkeys_key_alloc(name, flags);

	KUNIT_EXPECT_EQ(test, pkey, err);
	if (pkey > 0)
		own_key(test, pkey);
}

/*
 * Keys
 */

static void keys_run_out(struct kunit *test)
{
	unsigned long seen = 0;
	int pkey;

	while ((pkey = kpkeys_key_alloc(KEY_NAME, KPKEYS_KEY_EXCLUSIVE)) != -ENOSPC) {
		own_key(test, pkey);
		KUNIT_ASSERT_FALSE_MSG(test, seen & BIT(pkey), "key %d, again", pkey);
		seen |= BIT(pkey);
	}
	KUNIT_ASSERT_NE(test, seen, 0);
	expect_no_key(test, KEY_NAME, KPKEYS_KEY_EXCLUSIVE, -ENOSPC);

	/* One that is freed can be had again. */
	pkey = __fls(seen);
	KUNIT_EXPECT_EQ(test, free_key(test, pkey), 0);
	KUNIT_EXPECT_EQ(test, new_key(test), pkey);
	expect_no_key(test, KEY_NAME, KPKEYS_KEY_EXCLUSIVE, -ENOSPC);

	for_each_set_bit(pkey, &seen, ARCH_KPKEYS_MAX_PKEY + 1)
		KUNIT_EXPECT_EQ(test, free_key(test, pkey), 0);
	new_key(test);
}

static void key_is_shared_if_none_is_free(struct kunit *test)
{
	int pkey, other;
	long *page;

	need_all_keys(test);
	pkey = own_key(test, kpkeys_key_alloc("kpkeys_a", 0));
	/* As long as there are others, it is not. */
	other = own_key(test, kpkeys_key_alloc("kpkeys_b", 0));
	KUNIT_EXPECT_NE(test, pkey, other);
	KUNIT_ASSERT_EQ(test, free_key(test, other), 0);

	take_keys(test, -1);
	KUNIT_EXPECT_EQ(test, own_key(test, kpkeys_key_alloc("kpkeys_c", 0)), pkey);
	KUNIT_EXPECT_NOT_NULL(test, strstr(kpkeys_pkey_name(pkey), "kpkeys_a"));
	KUNIT_EXPECT_NOT_NULL(test, strstr(kpkeys_pkey_name(pkey), "kpkeys_c"));

	/* Nobody gets it for himself. */
	expect_no_key(test, "kpkeys_d", KPKEYS_KEY_EXCLUSIVE, -ENOSPC);

	/* The first user goes, the other one notices nothing. */
	page = tagged_page(test, pkey);
	KUNIT_EXPECT_EQ(test, kpkeys_key_mk_readwrite(pkey), 0);
	KUNIT_EXPECT_EQ(test, free_key(test, pkey), 0);
	EXPECT_RIGHTS(test, pkey, page, KPKEYS_PERM_RW);

	KUNIT_EXPECT_EQ(test, free_key(test, pkey), -EBUSY);
	EXPECT_RIGHTS(test, pkey, page, KPKEYS_PERM_RW);
	KUNIT_EXPECT_EQ(test, untag(page, 1), 0);
	KUNIT_EXPECT_EQ(test, free_key(test, pkey), 0);
	KUNIT_EXPECT_EQ(test, kpkeys_key_rights(pkey), -EINVAL);

	/* That it has been shared is forgotten. */
	KUNIT_EXPECT_EQ(test, new_key(test), pkey);
	expect_no_key(test, "kpkeys_e", 0, -ENOSPC);
	KUNIT_EXPECT_STREQ(test, kpkeys_pkey_name(pkey), KEY_NAME);
}

static void exclusive_key_is_not_shared(struct kunit *test)
{
	need_all_keys(test);
	take_keys(test, -1);
	expect_no_key(test, KEY_NAME, 0, -ENOSPC);
}

static void bad_names_and_flags_are_rejected(struct kunit *test)
{
	expect_no_key(test, NULL, 0, -EINVAL);
	expect_no_key(test, NULL, KPKEYS_KEY_EXCLUSIVE, -EINVAL);
	expect_no_key(test, "", 0, -EINVAL);
	expect_no_key(test, "", KPKEYS_KEY_EXCLUSIVE, -EINVAL);
	expect_no_key(test, KEY_NAME, BIT(1), -EINVAL);
	expect_no_key(test, KEY_NAME, BIT(31), -EINVAL);
	expect_no_key(test, KEY_NAME, ~0U, -EINVAL);
}

/* No number but that of an allocated key does anything. */
static void expect_refused(struct kunit *test, int pkey)
{
#ifdef arch_kpkeys_pgprot
	const int pgprot_err = -EINVAL;
#else
	const int pgprot_err = -EOPNOTSUPP;
#endif
	u64 rights = current->kpkeys.rights, reg = effective_reg();
	long *page = (long *)((struct keys_test *)test->priv)->blocks[0].addr;
	pgprot_t prot = PAGE_KERNEL;
	u64 guarded_reg = 0;

	KUNIT_EXPECT_EQ_MSG(test, kpkeys_key_free(pkey), -EINVAL, "%d", pkey);
	KUNIT_EXPECT_EQ_MSG(test, kpkeys_key_mk_noaccess(pkey), -EINVAL, "%d", pkey);
	KUNIT_EXPECT_EQ_MSG(test, kpkeys_key_mk_readonly(pkey), -EINVAL, "%d", pkey);
	KUNIT_EXPECT_EQ_MSG(test, kpkeys_key_mk_readwrite(pkey), -EINVAL, "%d", pkey);
	KUNIT_EXPECT_EQ_MSG(test, kpkeys_key_rights(pkey), -EINVAL, "%d", pkey);
	KUNIT_EXPECT_EQ_MSG(test, kpkeys_key_pgprot(pkey, &prot), pgprot_err, "%d", pkey);
	KUNIT_EXPECT_EQ_MSG(test, pgprot_val(prot), pgprot_val(PAGE_KERNEL), "%d", pkey);

	/* It gives pages back. */
	if (pkey != KPKEYS_PKEY_DEFAULT)
		KUNIT_EXPECT_EQ_MSG(test, tag(pkey, page, 1), -EINVAL, "%d", pkey);
	KUNIT_EXPECT_EQ_MSG(test, access_of(page), KPKEYS_PERM_RW, "%d", pkey);

	scoped_guard(kpkeys_key_readwrite, pkey)
		guarded_reg = effective_reg();
	KUNIT_EXPECT_EQ_MSG(test, guarded_reg, reg, "%d", pkey);
	scoped_guard(kpkeys_key_readonly, pkey)
		guarded_reg = effective_reg();
	KUNIT_EXPECT_EQ_MSG(test, guarded_reg, reg, "%d", pkey);

	KUNIT_EXPECT_EQ_MSG(test, current->kpkeys.rights, rights, "%d", pkey);
	KUNIT_EXPECT_EQ_MSG(test, effective_reg(), reg, "%d", pkey);
}

static void wrong_numbers_are_rejected(struct kunit *test)
{
	static const int wrong[] = {
		KPKEYS_PKEY_DEFAULT, KPKEYS_PKEY_PGTABLES, KPKEYS_PKEY_TEST,
		ARCH_KPKEYS_MAX_PKEY + 1, 16, 31, 32, 63, 64, 64 + KPKEYS_NR_PKEYS,
		1 << 16, 1 << 30, INT_MAX,
		-1, -EINVAL, -ENOSPC, -EOPNOTSUPP, INT_MIN, INT_MIN + KPKEYS_NR_PKEYS,
	};
	int pkey, freed, i;
	long *page;

	new_pages(test, 0);
	pkey = new_key(test);
	page = tagged_page(test, pkey);
	freed = new_key(test);
	KUNIT_ASSERT_EQ(test, free_key(test, freed), 0);

	/* Nor does it change the rights to another key. */
	KUNIT_ASSERT_EQ(test, kpkeys_key_mk_readonly(pkey), 0);
	for (i = 0; i < ARRAY_SIZE(wrong); i++)
		expect_refused(test, wrong[i]);
	expect_refused(test, freed);
	EXPECT_RIGHTS(test, pkey, page, KPKEYS_PERM_RO);
	KUNIT_EXPECT_EQ(test, test_reg(), CLOSED);
}

static void double_free_is_rejected(struct kunit *test)
{
	int pkey = new_key(test);

	KUNIT_EXPECT_EQ(test, free_key(test, pkey), 0);
	KUNIT_EXPECT_EQ(test, kpkeys_key_free(pkey), -EINVAL);
	KUNIT_EXPECT_EQ(test, kpkeys_key_free(pkey), -EINVAL);
}

static void expect_no_rights_in_reg(void *arg)
{
	if (reg_has_rights())
		atomic_inc(arg);
}

static void unallocated_key_allows_nothing(struct kunit *test)
{
	int pkey = new_key(test), cpu;
	atomic_t nr_open = ATOMIC_INIT(0);
	long *page = new_pages(test, 0);
	u64 reg;

	/* With rights in force, so that these, too, are gone. */
	KUNIT_ASSERT_EQ(test, kpkeys_key_mk_readwrite(pkey), 0);
	KUNIT_EXPECT_TRUE(test, reg_has_rights());
	KUNIT_ASSERT_EQ(test, free_key(test, pkey), 0);

	reg = effective_reg();
	KUNIT_EXPECT_FALSE(test, __kpkeys_reg_has_rights(reg));
	KUNIT_EXPECT_EQ(test, kpkeys_key_mk_readwrite(pkey), -EINVAL);
	KUNIT_EXPECT_EQ(test, kpkeys_key_mk_readonly(pkey), -EINVAL);
	KUNIT_EXPECT_EQ(test, effective_reg(), reg);

	for_each_online_cpu(cpu)
		smp_call_function_single(cpu, expect_no_rights_in_reg, &nr_open, 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&nr_open), 0);

	/* UML's host may not know the key. */
	if (set_memory_pkey((unsigned long)page, 1, pkey))
		return;
	KUNIT_EXPECT_EQ(test, access_of(page), KPKEYS_PERM_NONE);
	KUNIT_EXPECT_EQ(test, untag(page, 1), 0);
	KUNIT_EXPECT_EQ(test, access_of(page), KPKEYS_PERM_RW);
}

static void key_has_name(struct kunit *test)
{
	char name[200] = "kpkeys_name";
	const char *known;
	int pkey;

	/* The name is the key's own, whatever becomes of the caller's. */
	pkey = own_key(test, kpkeys_key_alloc(name, KPKEYS_KEY_EXCLUSIVE));
	memset(name, 'x', sizeof(name) - 1);
	KUNIT_EXPECT_STREQ(test, kpkeys_pkey_name(pkey), "kpkeys_name");
	KUNIT_EXPECT_STREQ(test, kpkeys_pkey_name(KPKEYS_PKEY_PGTABLES), "page tables");
	KUNIT_EXPECT_EQ(test, free_key(test, pkey), 0);
	KUNIT_EXPECT_STREQ(test, kpkeys_pkey_name(pkey), "unknown");

	/* Too long: as much of it as there is room for. */
	name[sizeof(name) - 1] = '\0';
	pkey = own_key(test, kpkeys_key_alloc(name, KPKEYS_KEY_EXCLUSIVE));
	known = kpkeys_pkey_name(pkey);
	KUNIT_EXPECT_GT(test, strlen(known), 10);
	KUNIT_EXPECT_LT(test, strlen(known), sizeof(name));
	KUNIT_EXPECT_EQ(test, strncmp(known, name, strlen(known)), 0);
}

static void shared_names_fit(struct kunit *test)
{
	char name[60] = "";
	int pkey, i;

	need_all_keys(test);
	memset(name, 'x', sizeof(name) - 1);
	pkey = own_key(test, kpkeys_key_alloc(name, 0));
	take_keys(test, -1);
	for (i = 0; i < 10; i++)
		KUNIT_EXPECT_EQ(test, own_key(test, kpkeys_key_alloc(name, 0)), pkey);
	KUNIT_EXPECT_EQ(test, strncmp(kpkeys_pkey_name(pkey), name, strlen(name)), 0);
	KUNIT_EXPECT_LT(test, strlen(kpkeys_pkey_name(pkey)), 2 * sizeof(name));
}

/*
 * Memory
 */

static void rights_are_enforced(struct kunit *test)
{
	int pkey = new_key(test), i, j;
	long *page = tagged_page(test, pkey);

	/* From any rights to any others. */
	for (i = 0; i < ARRAY_SIZE(all_perms); i++) {
		for (j = 0; j < ARRAY_SIZE(all_perms); j++) {
			KUNIT_EXPECT_EQ(test, set_rights(pkey, all_perms[i]), 0);
			EXPECT_RIGHTS(test, pkey, page, all_perms[i]);
			KUNIT_EXPECT_EQ(test, set_rights(pkey, all_perms[j]), 0);
			EXPECT_RIGHTS(test, pkey, page, all_perms[j]);
			KUNIT_EXPECT_EQ(test, test_reg(), CLOSED);
		}
	}
}

static void keys_are_independent(struct kunit *test)
{
	int pkey[2] = { new_key(test), new_key(test) }, i, j;
	long *page[2] = { tagged_page(test, pkey[0]), tagged_page(test, pkey[1]) };

	for (i = 0; i < ARRAY_SIZE(all_perms); i++) {
		for (j = 0; j < ARRAY_SIZE(all_perms); j++) {
			KUNIT_EXPECT_EQ(test, set_rights(pkey[0], all_perms[i]), 0);
			KUNIT_EXPECT_EQ(test, set_rights(pkey[1], all_perms[j]), 0);
			EXPECT_RIGHTS(test, pkey[0], page[0], all_perms[i]);
			EXPECT_RIGHTS(test, pkey[1], page[1], all_perms[j]);
		}
	}
}

static void data_stays(struct kunit *test)
{
	int pkey = new_key(test), i;
	long *page = new_pages(test, 0);
	unsigned int nr_wrong = 0;

	for (i = 0; i < PAGE_LONGS; i++)
		page[i] = i + 1;
	KUNIT_ASSERT_EQ(test, tag(pkey, page, 1), 0);
	KUNIT_EXPECT_EQ(test, access_of(page), KPKEYS_PERM_NONE);

	KUNIT_ASSERT_EQ(test, kpkeys_key_mk_readonly(pkey), 0);
	KUNIT_EXPECT_EQ(test, access_of(page), KPKEYS_PERM_RO);
	/* Neither attempt has written what it wanted to. */
	KUNIT_EXPECT_EQ(test, READ_ONCE(page[1]), 2);

	KUNIT_ASSERT_EQ(test, kpkeys_key_mk_readwrite(pkey), 0);
	WRITE_ONCE(page[2], -3);
	KUNIT_ASSERT_EQ(test, kpkeys_key_mk_noaccess(pkey), 0);
	KUNIT_EXPECT_EQ(test, access_of(page), KPKEYS_PERM_NONE);

	KUNIT_ASSERT_EQ(test, untag(page, 1), 0);
	for (i = 0; i < PAGE_LONGS; i++)
		if (READ_ONCE(page[i]) != (i == 2 ? -3 : i + 1))
			nr_wrong++;
	KUNIT_EXPECT_EQ(test, nr_wrong, 0);
	KUNIT_EXPECT_EQ(test, access_of(page), KPKEYS_PERM_RW);
}

static void tagging_again_is_allowed(struct kunit *test)
{
	int pkey = new_key(test);
	long *page = tagged_page(test, pkey);

	KUNIT_EXPECT_EQ(test, tag(pkey, page, 1), 0);
	KUNIT_EXPECT_EQ(test, access_of(page), KPKEYS_PERM_NONE);
	KUNIT_EXPECT_EQ(test, untag(page, 1), 0);
	KUNIT_EXPECT_EQ(test, untag(page, 1), 0);
	KUNIT_EXPECT_EQ(test, access_of(page), KPKEYS_PERM_RW);
	KUNIT_EXPECT_EQ(test, tag(pkey, page, 1), 0);
	KUNIT_EXPECT_EQ(test, access_of(page), KPKEYS_PERM_NONE);
}

static void bad_ranges_are_rejected(struct kunit *test)
{
	unsigned long page = (unsigned long)new_pages(test, 0);
	void *vmalloced = vmalloc(PAGE_SIZE);
	int pkeys[2] = { KPKEYS_PKEY_DEFAULT, new_key(test) }, pkey, i;

	KUNIT_EXPECT_NOT_NULL(test, vmalloced);
	for (i = 0; i < ARRAY_SIZE(pkeys); i++) {
		pkey = pkeys[i];
		KUNIT_EXPECT_EQ(test, kpkeys_key_set_memory(pkey, page + 8, 1), -EINVAL);
		KUNIT_EXPECT_EQ(test, kpkeys_key_set_memory(pkey, page, 0), -EINVAL);
		KUNIT_EXPECT_EQ(test, kpkeys_key_set_memory(pkey, page, -1), -EINVAL);
		KUNIT_EXPECT_EQ(test, kpkeys_key_set_memory(pkey, page, INT_MIN), -EINVAL);
		KUNIT_EXPECT_EQ(test, kpkeys_key_set_memory(pkey, page, INT_MAX), -EINVAL);
		KUNIT_EXPECT_EQ(test, kpkeys_key_set_memory(pkey, 0, 1), -EINVAL);
		KUNIT_EXPECT_EQ(test, kpkeys_key_set_memory(pkey, -PAGE_SIZE, 2), -EINVAL);
		KUNIT_EXPECT_EQ(test, kpkeys_key_set_memory(pkey, (unsigned long)vmalloced, 1),
				-EINVAL);
	}
	KUNIT_EXPECT_EQ(test, access_of((long *)page), KPKEYS_PERM_RW);
	if (vmalloced)
		KUNIT_EXPECT_EQ(test, access_of(vmalloced), KPKEYS_PERM_RW);
	vfree(vmalloced);
}

/* Number of pages with other access than expected, in a part of a block and around it. */
static unsigned long nr_wrong(long *pages, unsigned int order, unsigned long first,
			      unsigned long end, int inside, int outside)
{
	unsigned long i, nr = 0;

	for (i = 0; i < 1UL << order; i++) {
		if (access_of(pages + i * PAGE_LONGS) !=
		    (i >= first && i < end ? inside : outside))
			nr++;
		cond_resched();
	}
	return nr;
}

static void expect_ranges(struct kunit *test, long *pages, unsigned int order)
{
	const int none = KPKEYS_PERM_NONE, ro = KPKEYS_PERM_RO, rw = KPKEYS_PERM_RW;
	/* With a border between blocks in it, if the pages have one. */
	unsigned long nr = 1UL << order, first = nr / 4 + 1, end = nr / 2 + 2;
	long *middle = pages + first * PAGE_LONGS;
	int pkey = new_key(test);

	KUNIT_ASSERT_LT(test, end, nr);

	KUNIT_EXPECT_EQ(test, tag(pkey, middle, end - first), 0);
	KUNIT_EXPECT_EQ(test, nr_wrong(pages, order, first, end, none, rw), 0);
	scoped_guard(kpkeys_key_readonly, pkey)
		KUNIT_EXPECT_EQ(test, nr_wrong(pages, order, first, end, ro, rw), 0);
	scoped_guard(kpkeys_key_readwrite, pkey)
		KUNIT_EXPECT_EQ(test, nr_wrong(pages, order, first, end, rw, rw), 0);

	/* A part of them carries it already. */
	KUNIT_EXPECT_EQ(test, tag(pkey, pages, nr), 0);
	KUNIT_EXPECT_EQ(test, nr_wrong(pages, order, 0, nr, none, rw), 0);

	KUNIT_EXPECT_EQ(test, untag(middle, end - first), 0);
	KUNIT_EXPECT_EQ(test, nr_wrong(pages, order, first, end, rw, none), 0);

	/* And a part of them none. */
	KUNIT_EXPECT_EQ(test, untag(pages, nr), 0);
	KUNIT_EXPECT_EQ(test, nr_wrong(pages, order, 0, nr, rw, rw), 0);

	KUNIT_EXPECT_EQ(test, tag(pkey, pages, nr), 0);
	KUNIT_EXPECT_EQ(test, nr_wrong(pages, order, 0, nr, none, rw), 0);
	KUNIT_EXPECT_EQ(test, free_key(test, pkey), -EBUSY);
	KUNIT_EXPECT_EQ(test, untag(pages, nr), 0);
	KUNIT_EXPECT_EQ(test, free_key(test, pkey), 0);
}

static void ranges_are_tagged(struct kunit *test)
{
	expect_ranges(test, new_pages(test, 3), 3);
}

/* Blocks of the linear map, which have to be split. */
static void huge_ranges_are_tagged(struct kunit *test)
{
	unsigned int order = min(get_order(SZ_4M), MAX_PAGE_ORDER);
	long *pages = try_pages(test, order);

	if (!pages)
		kunit_skip(test, "there is no memory of order %u", order);
	expect_ranges(test, pages, order);
}

static void expect_protected_table(struct kunit *test, int pkey, void *entry)
{
	unsigned long page = (unsigned long)entry & PAGE_MASK;

	KUNIT_EXPECT_EQ(test, kpkeys_key_set_memory(pkey, page, 1), -EPERM);
	KUNIT_EXPECT_FALSE(test, test_try_write(entry));
	KUNIT_EXPECT_EQ(test, kpkeys_key_set_memory(KPKEYS_PKEY_DEFAULT, page, 1), -EPERM);
	KUNIT_EXPECT_FALSE(test, test_try_write(entry));
}

static void page_tables_cannot_be_tagged(struct kunit *test)
{
	unsigned long addr = test_user_page(test);
	struct test_entries e = test_find_entries(test, current->mm, addr);
	int pkey = new_key(test);
	void *table, *mem;

	expect_protected_table(test, pkey, e.pgd);
	expect_protected_table(test, pkey, e.p4d);
	expect_protected_table(test, pkey, e.pud);
	expect_protected_table(test, pkey, e.pmd);
	expect_protected_table(test, pkey, e.pte);

	mem = vmalloc(PAGE_SIZE);
	KUNIT_EXPECT_NOT_NULL(test, mem);
	if (mem)
		expect_protected_table(test, pkey, virt_to_kpte((unsigned long)mem));
	vfree(mem);

	/* Not in use, and from early boot. */
	table = kpkeys_pool_peek_free();
	if (table)
		expect_protected_table(test, pkey, table);
	if (kpkeys_test_early_pgtable)
		expect_protected_table(test, pkey, kpkeys_test_early_pgtable);

	/* Rights do not matter. */
	KUNIT_EXPECT_EQ(test, kpkeys_key_mk_readwrite(pkey), 0);
	expect_protected_table(test, pkey, e.pte);
}

static void memory_of_managed_pkey_cannot_be_tagged(struct kunit *test)
{
	int pkey = new_key(test), i;
	long *pages = new_pages(test, 2), *managed = pages + PAGE_LONGS;

	tag_managed(test, managed);
	KUNIT_EXPECT_EQ(test, tag(pkey, managed, 1), -EPERM);
	TEST_EXPECT_PROTECTED(test, managed);
	KUNIT_EXPECT_EQ(test, untag(managed, 1), -EPERM);
	TEST_EXPECT_PROTECTED(test, managed);

	/* In the middle of a range: all of it is refused. */
	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(test, tag(i ? pkey : KPKEYS_PKEY_DEFAULT, pages, 4), -EPERM);
		TEST_EXPECT_PROTECTED(test, managed);
		KUNIT_EXPECT_EQ(test, nr_wrong(pages, 2, 1, 2, KPKEYS_PERM_RO, KPKEYS_PERM_RW), 0);
	}

	/* In the context that may write to it, too. */
	scoped_guard(irqsave) {
		kpkeys_set_context(KPKEYS_CTX_TEST);
		KUNIT_EXPECT_EQ(test, access_of(managed), KPKEYS_PERM_RW);
		kpkeys_set_context(KPKEYS_CTX_DEFAULT);
	}
	TEST_EXPECT_PROTECTED(test, managed);
}

static void memory_of_other_key_cannot_be_tagged(struct kunit *test)
{
	const int none = KPKEYS_PERM_NONE, ro = KPKEYS_PERM_RO, rw = KPKEYS_PERM_RW;
	int pkey = new_key(test), other = new_key(test);
	long *pages = new_pages(test, 2), *theirs = pages + PAGE_LONGS;

	KUNIT_ASSERT_EQ(test, tag(other, theirs, 1), 0);
	KUNIT_ASSERT_EQ(test, kpkeys_key_mk_readwrite(pkey), 0);
	KUNIT_EXPECT_EQ(test, tag(pkey, theirs, 1), -EPERM);
	KUNIT_EXPECT_EQ(test, nr_wrong(pages, 2, 1, 2, none, rw), 0);
	KUNIT_EXPECT_EQ(test, tag(pkey, pages, 4), -EPERM);
	KUNIT_EXPECT_EQ(test, nr_wrong(pages, 2, 1, 2, none, rw), 0);

	/* It still is theirs, and of no other page. */
	KUNIT_ASSERT_EQ(test, kpkeys_key_mk_readonly(other), 0);
	KUNIT_EXPECT_EQ(test, nr_wrong(pages, 2, 1, 2, ro, rw), 0);
	KUNIT_EXPECT_EQ(test, free_key(test, pkey), 0);
	KUNIT_EXPECT_EQ(test, free_key(test, other), -EBUSY);

	KUNIT_EXPECT_EQ(test, untag(theirs, 1), 0);
	pkey = new_key(test);
	KUNIT_EXPECT_EQ(test, tag(pkey, theirs, 1), 0);
	EXPECT_RIGHTS(test, pkey, theirs, none);
}

static void key_with_pages_is_not_freed(struct kunit *test)
{
	int pkey = new_key(test);
	long *pages = new_pages(test, 2), *page = pages + 2 * PAGE_LONGS;

	KUNIT_ASSERT_EQ(test, tag(pkey, page, 1), 0);
	KUNIT_ASSERT_EQ(test, kpkeys_key_mk_readwrite(pkey), 0);
	KUNIT_EXPECT_EQ(test, free_key(test, pkey), -EBUSY);

	/* Nothing has happened. */
	EXPECT_RIGHTS(test, pkey, page, KPKEYS_PERM_RW);
	KUNIT_EXPECT_EQ(test, kpkeys_key_mk_noaccess(pkey), 0);
	EXPECT_RIGHTS(test, pkey, page, KPKEYS_PERM_NONE);
	KUNIT_EXPECT_EQ(test, tag(pkey, pages, 4), 0);
	KUNIT_EXPECT_EQ(test, untag(pages, 3), 0);
	KUNIT_EXPECT_EQ(test, free_key(test, pkey), -EBUSY);

	KUNIT_EXPECT_EQ(test, untag(pages, 4), 0);
	KUNIT_EXPECT_EQ(test, free_key(test, pkey), 0);
	KUNIT_EXPECT_EQ(test, kpkeys_key_rights(pkey), -EINVAL);
}

static void vunmap_alias(void *alias)
{
	vunmap(alias);
}

static void mappings_can_have_key(struct kunit *test)
{
	int pkey = new_key(test), i;
	long *orig = new_pages(test, 0), *alias;
	struct page *page = virt_to_page(orig);
	pgprot_t prot = PAGE_KERNEL, same_prot;
	int err = kpkeys_key_pgprot(pkey, &prot);

	if (err == -EOPNOTSUPP)
		kunit_skip(test, "only the linear map has keys");
	KUNIT_ASSERT_EQ(test, err, 0);
	KUNIT_EXPECT_NE(test, pgprot_val(prot), pgprot_val(PAGE_KERNEL));
	same_prot = prot;
#ifdef PAGE_KERNEL_PKEY
	same_prot = PAGE_KERNEL_PKEY(pkey);
#endif
	KUNIT_EXPECT_EQ(test, pgprot_val(same_prot), pgprot_val(prot));

	alias = vmap(&page, 1, VM_MAP, prot);
	KUNIT_ASSERT_NOT_NULL(test, alias);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, vunmap_alias, alias), 0);

	for (i = 0; i < ARRAY_SIZE(all_perms); i++) {
		KUNIT_EXPECT_EQ(test, set_rights(pkey, all_perms[i]), 0);
		EXPECT_RIGHTS(test, pkey, alias, all_perms[i]);
		/* The other mapping is as it was. */
		KUNIT_EXPECT_EQ(test, access_of(orig), KPKEYS_PERM_RW);
	}
	WRITE_ONCE(alias[2], 43);
	KUNIT_EXPECT_EQ(test, READ_ONCE(orig[2]), 43);

	KUNIT_EXPECT_EQ(test, free_key(test, pkey), -EBUSY);
	EXPECT_RIGHTS(test, pkey, alias, KPKEYS_PERM_RW);
	kunit_release_action(test, vunmap_alias, alias);
	KUNIT_EXPECT_EQ(test, free_key(test, pkey), 0);
}

/* A mapping can be made with what a driver has kept of a key that it has freed. */
static void key_of_mapping_is_not_handed_out(struct kunit *test)
{
	int pkey = new_key(test);
	struct page *page = virt_to_page(new_pages(test, 0));
	pgprot_t prot = PAGE_KERNEL;
	int err = kpkeys_key_pgprot(pkey, &prot);
	long *alias;

	if (err == -EOPNOTSUPP)
		kunit_skip(test, "only the linear map has keys");
	KUNIT_ASSERT_EQ(test, err, 0);
	KUNIT_ASSERT_EQ(test, free_key(test, pkey), 0);

	alias = vmap(&page, 1, VM_MAP, prot);
	KUNIT_ASSERT_NOT_NULL(test, alias);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, vunmap_alias, alias), 0);
	take_keys(test, -1);
	/* Nor is it shared. */
	expect_no_key(test, KEY_NAME, 0, -ENOSPC);
	KUNIT_EXPECT_EQ(test, kpkeys_key_rights(pkey), -EINVAL);
	KUNIT_EXPECT_EQ(test, access_of(alias), KPKEYS_PERM_NONE);

	kunit_release_action(test, vunmap_alias, alias);
	KUNIT_EXPECT_EQ(test, new_key(test), pkey);
}

/* Where an entry says so: pages of a key are no violation, those of nobody's key are. */
static void audit_knows_keys(struct kunit *test)
{
	int pkey = new_key(test);
	long *page = tagged_page(test, pkey);
	long violations;

	KUNIT_EXPECT_EQ(test, kpkeys_audit(), 0);
	KUNIT_ASSERT_EQ(test, untag(page, 1), 0);
	KUNIT_ASSERT_EQ(test, free_key(test, pkey), 0);

	if (set_memory_pkey((unsigned long)page, 1, pkey))
		kunit_skip(test, "the host refuses keys that are not allocated");
	violations = kpkeys_audit();
	KUNIT_EXPECT_EQ(test, untag(page, 1), 0);
	KUNIT_EXPECT_EQ(test, violations, 1);
	KUNIT_EXPECT_EQ(test, kpkeys_audit(), 0);
}

static struct kunit_case keys_cases[] = {
	KUNIT_CASE(keys_run_out),
	KUNIT_CASE(key_is_shared_if_none_is_free),
	KUNIT_CASE(exclusive_key_is_not_shared),
	KUNIT_CASE(bad_names_and_flags_are_rejected),
	KUNIT_CASE(wrong_numbers_are_rejected),
	KUNIT_CASE(double_free_is_rejected),
	KUNIT_CASE(unallocated_key_allows_nothing),
	KUNIT_CASE(key_has_name),
	KUNIT_CASE(shared_names_fit),
	KUNIT_CASE(rights_are_enforced),
	KUNIT_CASE(keys_are_independent),
	KUNIT_CASE(data_stays),
	KUNIT_CASE(tagging_again_is_allowed),
	KUNIT_CASE(bad_ranges_are_rejected),
	KUNIT_CASE(ranges_are_tagged),
	KUNIT_CASE_SLOW(huge_ranges_are_tagged),
	KUNIT_CASE(page_tables_cannot_be_tagged),
	KUNIT_CASE(memory_of_managed_pkey_cannot_be_tagged),
	KUNIT_CASE(memory_of_other_key_cannot_be_tagged),
	KUNIT_CASE(key_with_pages_is_not_freed),
	KUNIT_CASE(mappings_can_have_key),
	KUNIT_CASE(key_of_mapping_is_not_handed_out),
	KUNIT_CASE(audit_knows_keys),
	{}
};

static struct kunit_suite keys_suite = {
	.name = "kpkeys_keys",
	.init = keys_init,
	.test_cases = keys_cases,
};

kunit_test_suite(keys_suite);
