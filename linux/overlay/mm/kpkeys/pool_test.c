// SPDX-License-Identifier: GPL-2.0-only
/* kpkeys_hardened_pgtables: KUnit tests of the pool. */

#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <kunit/test-bug.h>
#include <linux/delay.h>
#include <linux/kpkeys.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include "kpkeys.h"
#include "test_util.h"

#define GFP_PTP		(GFP_KERNEL | __GFP_ZERO)

static struct kpkeys_pool_stats pool_stats(void)
{
	struct kpkeys_pool_stats stats;

	kpkeys_pool_get_stats(&stats);
	return stats;
}

/* PTPs that a test holds, through ptdesc->pt_list. */
struct held {
	struct list_head list;
	unsigned long nr;
};

static bool hold_one(struct held *held, gfp_t gfp)
{
	struct ptdesc *pt = pagetable_alloc(gfp, 0);

	if (!pt)
		return false;
	list_add(&pt->pt_list, &held->list);
	held->nr++;
	return true;
}

static void release_all(struct held *held)
{
	struct ptdesc *pt, *next;

	list_for_each_entry_safe(pt, next, &held->list, pt_list)
		pagetable_free(pt);
	INIT_LIST_HEAD(&held->list);
	held->nr = 0;
}

/* Replaces set_memory_pkey() in the test's thread: no memory can be tagged. */
static int fail_to_tag(unsigned long addr, int nr_pages, int pkey)
{
	return pkey == KPKEYS_PKEY_DEFAULT ? 0 : -ENOMEM;
}

/* The same, for memory that is to be given back. */
static int fail_to_untag(unsigned long addr, int nr_pages, int pkey)
{
	return -ENOMEM;
}

/*
 * Uses up what is free on this CPU and in the pool, with a set_memory_pkey()
 * that fails. The thread must not move to a CPU with a cache that has pages.
 */
static void exhaust(struct kunit *test, struct held *held)
{
	migrate_disable();
	kunit_activate_static_stub(test, set_memory_pkey, fail_to_tag);
	while (hold_one(held, GFP_PTP | __GFP_NOWARN))
		;
}

static void end_exhaustion(struct kunit *test, struct held *held)
{
	kunit_deactivate_static_stub(test, set_memory_pkey);
	release_all(held);
	migrate_enable();
}

static void test_alloc(struct kunit *test)
{
	struct ptdesc *pt = pagetable_alloc(GFP_PTP, 0);
	long *page;
	int i;

	KUNIT_ASSERT_NOT_NULL(test, pt);
	page = ptdesc_address(pt);

	KUNIT_EXPECT_EQ(test, page_count(ptdesc_page(pt)), 1);
	KUNIT_EXPECT_EQ(test, kpkeys_pool_page_state(ptdesc_page(pt)), KPKEYS_PAGE_PTP);
	KUNIT_EXPECT_PTR_EQ(test, memchr_inv(page, 0, PAGE_SIZE), NULL);
	TEST_EXPECT_PROTECTED(test, page);
	TEST_EXPECT_PROTECTED(test, page + PAGE_SIZE / sizeof(*page) - 1);

	/* What it held is gone when it is handed out again. */
	scoped_guard(kpkeys_hardened_pgtables)
		memset(page, 0x5a, PAGE_SIZE);
	pagetable_free(pt);
	KUNIT_EXPECT_EQ(test, kpkeys_pool_page_state(ptdesc_page(pt)), KPKEYS_PAGE_FREE);
	TEST_EXPECT_PROTECTED(test, page);

	for (i = 0; i < 64; i++) {
		pt = pagetable_alloc(GFP_PTP, 0);
		KUNIT_ASSERT_NOT_NULL(test, pt);
		KUNIT_EXPECT_PTR_EQ(test, memchr_inv(ptdesc_address(pt), 0, PAGE_SIZE),
				    NULL);
		pagetable_free(pt);
	}
}

/* In the steady state no pkey is changed. */
static void test_steady_state(struct kunit *test)
{
	long changes;
	int i;

	pagetable_free(pagetable_alloc(GFP_PTP, 0));
	changes = atomic_long_read(&kpkeys_nr_key_changes);
	for (i = 0; i < 1000; i++) {
		struct ptdesc *pt = pagetable_alloc(GFP_PTP, 0);

		KUNIT_ASSERT_NOT_NULL(test, pt);
		pagetable_free(pt);
	}
	KUNIT_EXPECT_EQ(test, atomic_long_read(&kpkeys_nr_key_changes), changes);
}

/* Several blocks' worth, and back to where it began. */
static void test_grow_and_shrink(struct kunit *test)
{
	/* Others take page tables meanwhile, and so keep a few of the blocks. */
	const unsigned long nr = max(3 * SZ_2M / PAGE_SIZE, 1024UL);
	struct held held = { .list = LIST_HEAD_INIT(held.list) };
	struct kpkeys_pool_stats before, grown, after;
	struct ptdesc *pt;
	void *last = NULL;
	long changes;

	kpkeys_pool_shrink(ULONG_MAX);
	before = pool_stats();
	changes = atomic_long_read(&kpkeys_nr_key_changes);

	while (held.nr < nr && hold_one(&held, GFP_PTP))
		;
	KUNIT_EXPECT_EQ(test, held.nr, nr);
	list_for_each_entry(pt, &held.list, pt_list) {
		last = ptdesc_address(pt);
		if (test_try_write(last)) {
			KUNIT_FAIL(test, "page %p is not protected", last);
			break;
		}
	}

	grown = pool_stats();
	KUNIT_EXPECT_GE(test, grown.pages - grown.free, nr);
	/* In blocks, not page by page. */
	KUNIT_EXPECT_LE(test, atomic_long_read(&kpkeys_nr_key_changes) - changes, nr / 4);
	KUNIT_EXPECT_EQ(test, kpkeys_audit(), 0);

	release_all(&held);
	KUNIT_EXPECT_GE(test, kpkeys_pool_shrink(ULONG_MAX), nr / 2);
	after = pool_stats();
	KUNIT_EXPECT_LT(test, after.pages, grown.pages);
	KUNIT_EXPECT_EQ(test, after.leaked, before.leaked);
	KUNIT_EXPECT_EQ(test, kpkeys_audit(), 0);

	/* The pool still works. */
	pt = pagetable_alloc(GFP_PTP, 0);
	KUNIT_ASSERT_NOT_NULL(test, pt);
	pagetable_free(pt);
}

/* Memory that the pool gives back is ordinary memory again. */
static void test_given_back(struct kunit *test)
{
	struct held held = { .list = LIST_HEAD_INIT(held.list) };
	unsigned long i, nr_pages = 2 * SZ_2M / PAGE_SIZE;
	struct page **pages;

	while (held.nr < nr_pages && hold_one(&held, GFP_PTP))
		;
	release_all(&held);
	kpkeys_pool_shrink(ULONG_MAX);

	pages = kvcalloc(nr_pages, sizeof(*pages), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, pages);
	for (i = 0; i < nr_pages; i++) {
		pages[i] = alloc_page(GFP_KERNEL);
		if (!pages[i])
			break;
		if (!test_try_write(page_address(pages[i]))) {
			KUNIT_FAIL(test, "page %p is still protected",
				   page_address(pages[i]));
			pages[i++] = NULL;
			break;
		}
	}
	while (i--)
		if (pages[i])
			__free_page(pages[i]);
	kvfree(pages);
}

static void test_refill_failure(struct kunit *test)
{
	struct held held = { .list = LIST_HEAD_INIT(held.list) };
	struct kpkeys_pool_stats before = pool_stats(), after;
	struct ptdesc *pt;

	exhaust(test, &held);
	KUNIT_EXPECT_PTR_EQ(test, pagetable_alloc(GFP_PTP, 0), NULL);
	KUNIT_EXPECT_PTR_EQ(test, pagetable_alloc(GFP_PTP, 1), NULL);

	/* Nothing was added, nothing got lost. */
	after = pool_stats();
	KUNIT_EXPECT_EQ(test, after.pages, before.pages);
	KUNIT_EXPECT_EQ(test, after.leaked, before.leaked);
	end_exhaustion(test, &held);

	pt = pagetable_alloc(GFP_PTP, 0);
	KUNIT_ASSERT_NOT_NULL(test, pt);
	pagetable_free(pt);
	KUNIT_EXPECT_EQ(test, kpkeys_audit(), 0);
}

/* Nobody could write to a page that is given back with the pkey on it. */
static void test_unprotect_failure(struct kunit *test)
{
	struct held held = { .list = LIST_HEAD_INIT(held.list) };
	struct kpkeys_pool_stats before, after;

	/* The pool may have plenty in blocks that are in use; get whole ones. */
	before = pool_stats();
	do {
		KUNIT_ASSERT_LT(test, held.nr, 16 * SZ_2M / PAGE_SIZE);
		KUNIT_ASSERT_TRUE(test, hold_one(&held, GFP_PTP));
		after = pool_stats();
	} while (after.blocks < before.blocks + 3);
	release_all(&held);

	before = pool_stats();
	kunit_activate_static_stub(test, set_memory_pkey, fail_to_untag);
	KUNIT_EXPECT_EQ(test, kpkeys_pool_shrink(1), 0);
	kunit_deactivate_static_stub(test, set_memory_pkey);
	after = pool_stats();

	KUNIT_EXPECT_GT(test, after.leaked, before.leaked);
	KUNIT_EXPECT_EQ(test, after.pages + after.leaked, before.pages + before.leaked);
	KUNIT_EXPECT_EQ(test, kpkeys_audit(), 0);
}

/* As an architecture that splits the linear map in set_memory_pkey(). */
static struct {
	unsigned int nr_wanted;
	unsigned int nr_got;
	struct held held;
} split;

static int tag_with_split(unsigned long addr, int nr_pages, int pkey)
{
	kunit_deactivate_static_stub(kunit_get_current_test(), set_memory_pkey);

	while (split.nr_got < split.nr_wanted && hold_one(&split.held, GFP_PTP))
		split.nr_got++;

	return set_memory_pkey(addr, nr_pages, pkey);
}

static int get_level(enum kpkeys_level level, u64 entry, unsigned long addr,
		     unsigned long next, void *arg)
{
	*(enum kpkeys_level *)arg = level;
	return 1;
}

/* At which level the linear map has the entry for an address. */
static enum kpkeys_level level_of(unsigned long addr)
{
	enum kpkeys_level level = KPKEYS_PTE;

	addr &= PAGE_MASK;
	kpkeys_walk_leaves(addr, addr + PAGE_SIZE, get_level, &level);
	return level;
}

/*
 * A split of the linear map for somebody else, when the pool has no page left.
 * The page table that it needs makes the pool grow, whose new block may need a
 * split, for which the lock is taken already: that must not happen in this order.
 */
static void test_split_when_empty(struct kunit *test)
{
	struct held held = { .list = LIST_HEAD_INIT(held.list) };
	unsigned int order = min_t(unsigned int, get_order(SZ_2M), MAX_PAGE_ORDER);
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP, order);
	unsigned long addr;

	KUNIT_ASSERT_NOT_NULL(test, page);
	addr = (unsigned long)page_address(page) + PAGE_SIZE;
	if (level_of(addr) == KPKEYS_PTE) {
		__free_pages(page, order);
		kunit_skip(test, "the linear map has no block mapping there");
	}

	exhaust(test, &held);
	kunit_deactivate_static_stub(test, set_memory_pkey);
	KUNIT_EXPECT_EQ(test, set_memory_pkey(addr, 1, KPKEYS_PKEY_TEST), 0);
	KUNIT_EXPECT_EQ(test, level_of(addr), KPKEYS_PTE);
	TEST_EXPECT_PROTECTED(test, (void *)addr);
	KUNIT_EXPECT_TRUE(test, test_try_write((void *)(addr + PAGE_SIZE)));
	KUNIT_EXPECT_EQ(test, set_memory_pkey(addr, 1, KPKEYS_PKEY_DEFAULT), 0);
	KUNIT_EXPECT_TRUE(test, test_try_write((void *)addr));

	release_all(&held);
	migrate_enable();
	__free_pages(page, order);
}

static void test_nested_refill(struct kunit *test)
{
	struct held held = { .list = LIST_HEAD_INIT(held.list) };
	struct ptdesc *pt;
	int i;

	for (i = 0; i < 3; i++) {
		exhaust(test, &held);

		split.nr_wanted = 3;
		split.nr_got = 0;
		INIT_LIST_HEAD(&split.held.list);
		kunit_activate_static_stub(test, set_memory_pkey, tag_with_split);
		pt = pagetable_alloc(GFP_PTP, 0);
		KUNIT_EXPECT_NOT_NULL(test, pt);
		KUNIT_EXPECT_EQ(test, split.nr_got, 3);
		/* The next time, too. */
		KUNIT_EXPECT_GE(test, pool_stats().reserved, 3);

		if (pt)
			pagetable_free(pt);
		release_all(&split.held);
		release_all(&held);
		migrate_enable();
		kpkeys_pool_shrink(ULONG_MAX);
	}
	KUNIT_EXPECT_EQ(test, kpkeys_audit(), 0);
}

/* Without permission to sleep, the work item has to refill the pool. */
static void test_atomic(struct kunit *test)
{
	struct held held = { .list = LIST_HEAD_INIT(held.list) };
	int i;

	exhaust(test, &held);
	KUNIT_EXPECT_FALSE(test, hold_one(&held, GFP_NOWAIT | __GFP_ZERO));
	for (i = 0; i < 100; i++) {
		msleep(20);
		if (hold_one(&held, GFP_NOWAIT | __GFP_ZERO))
			break;
	}
	KUNIT_EXPECT_LT(test, i, 100);
	end_exhaustion(test, &held);
}

/* More than a page: not from the pool, but protected. */
static void test_high_order(struct kunit *test)
{
	unsigned long before = pool_stats().direct;
	struct ptdesc *pt;
	void *page;
	int i;

	pt = pagetable_alloc(GFP_PTP, 1);
	KUNIT_ASSERT_NOT_NULL(test, pt);
	page = ptdesc_address(pt);
	KUNIT_EXPECT_PTR_EQ(test, memchr_inv(page, 0, 2 * PAGE_SIZE), NULL);
	TEST_EXPECT_PROTECTED(test, page);
	TEST_EXPECT_PROTECTED(test, page + PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, pool_stats().direct, before + 2);

	pagetable_free(pt);
	for (i = 0; i < 100 && pool_stats().direct != before; i++)
		msleep(20);
	KUNIT_EXPECT_EQ(test, pool_stats().direct, before);
	KUNIT_EXPECT_EQ(test, kpkeys_audit(), 0);
}

/*
 * Everybody at once: each page that is handed out carries a mark of its owner,
 * which another owner of the same page would destroy.
 */
#define NR_WORKERS	4
#define NR_WORKER_PTPS	96

struct worker {
	struct task_struct *task;
	unsigned long id;
	unsigned long nr_allocs;
	unsigned long nr_failures;
	unsigned long nr_stolen;
};

static void mark(struct ptdesc *pt, unsigned long id)
{
	guard(kpkeys_hardened_pgtables)();

	*(unsigned long *)ptdesc_address(pt) = id;
}

static bool is_marked(struct ptdesc *pt, unsigned long id)
{
	return READ_ONCE(*(unsigned long *)ptdesc_address(pt)) == id;
}

static int worker_fn(void *arg)
{
	struct worker *w = arg;
	struct ptdesc *pts[NR_WORKER_PTPS] = {};

	while (!kthread_should_stop()) {
		struct ptdesc **pt = &pts[get_random_u32_below(NR_WORKER_PTPS)];

		if (*pt) {
			w->nr_stolen += !is_marked(*pt, w->id);
			pagetable_free(*pt);
			*pt = NULL;
		} else {
			*pt = pagetable_alloc(GFP_PTP, 0);
			if (*pt) {
				mark(*pt, w->id);
				w->nr_allocs++;
			} else {
				w->nr_failures++;
			}
		}
		if (get_random_u32_below(64) == 0)
			cond_resched();
	}

	for (int i = 0; i < NR_WORKER_PTPS; i++) {
		if (!pts[i])
			continue;
		w->nr_stolen += !is_marked(pts[i], w->id);
		pagetable_free(pts[i]);
	}
	return 0;
}

static void irq_worker_fn(void *arg)
{
	struct worker *w = arg;
	struct ptdesc *pts[8];
	int i;

	for (i = 0; i < ARRAY_SIZE(pts); i++) {
		pts[i] = pagetable_alloc(GFP_ATOMIC, 0);
		if (pts[i]) {
			mark(pts[i], w->id);
			w->nr_allocs++;
		}
	}
	for (i = 0; i < ARRAY_SIZE(pts); i++) {
		if (!pts[i])
			continue;
		w->nr_stolen += !is_marked(pts[i], w->id);
		pagetable_free(pts[i]);
	}
}

static void test_concurrency(struct kunit *test)
{
	struct worker workers[NR_WORKERS] = {}, irq_worker = { .id = NR_WORKERS + 1 };
	struct kpkeys_pool_stats before = pool_stats(), after;
	int i;

	for (i = 0; i < NR_WORKERS; i++) {
		workers[i].id = i + 1;
		workers[i].task = kthread_run(worker_fn, &workers[i], "kpkeys_pool/%d", i);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, workers[i].task);
	}
	for (i = 0; i < 25; i++) {
		msleep(20);
		test_in_irq(irq_worker_fn, &irq_worker, false);
		kpkeys_pool_shrink(ULONG_MAX);
	}
	for (i = 0; i < NR_WORKERS; i++) {
		kthread_stop(workers[i].task);
		KUNIT_EXPECT_GT(test, workers[i].nr_allocs, 0);
		KUNIT_EXPECT_EQ(test, workers[i].nr_failures, 0);
		KUNIT_EXPECT_EQ(test, workers[i].nr_stolen, 0);
	}
	KUNIT_EXPECT_GT(test, irq_worker.nr_allocs, 0);
	KUNIT_EXPECT_EQ(test, irq_worker.nr_stolen, 0);

	after = pool_stats();
	KUNIT_EXPECT_EQ(test, after.leaked, before.leaked);
	KUNIT_EXPECT_EQ(test, kpkeys_audit(), 0);
}

/*
 * An architecture that cannot tag a block, and needs a page table to give it
 * back. It frees that, so as to leave pages in the reserve.
 */
static unsigned int split_depth;
static unsigned int split_max_depth;

static int fail_to_split(unsigned long addr, int nr_pages, int pkey)
{
	struct ptdesc *pt;

	if (pkey != KPKEYS_PKEY_DEFAULT)
		return -ENOMEM;

	split_max_depth = max(split_max_depth, ++split_depth);
	if (split_depth < 4) {
		pt = pagetable_alloc(GFP_PTP | __GFP_NOWARN, 0);
		if (pt)
			pagetable_free(pt);
	}
	split_depth--;
	return 0;
}

/* What fails must not be tried again from within. */
static void test_failed_split(struct kunit *test)
{
	struct held held = { .list = LIST_HEAD_INIT(held.list) };

	split_depth = 0;
	split_max_depth = 0;

	exhaust(test, &held);
	kunit_activate_static_stub(test, set_memory_pkey, fail_to_split);
	KUNIT_EXPECT_PTR_EQ(test, pagetable_alloc(GFP_PTP | __GFP_NOWARN, 0), NULL);
	KUNIT_EXPECT_EQ(test, split_max_depth, 1);
	end_exhaustion(test, &held);
	KUNIT_EXPECT_EQ(test, kpkeys_audit(), 0);
}

static struct kunit_case pool_cases[] = {
	KUNIT_CASE(test_alloc),
	KUNIT_CASE(test_steady_state),
	KUNIT_CASE(test_grow_and_shrink),
	KUNIT_CASE(test_given_back),
	KUNIT_CASE(test_refill_failure),
	KUNIT_CASE(test_unprotect_failure),
	KUNIT_CASE(test_nested_refill),
	KUNIT_CASE(test_failed_split),
	KUNIT_CASE(test_split_when_empty),
	KUNIT_CASE(test_atomic),
	KUNIT_CASE(test_high_order),
	KUNIT_CASE_SLOW(test_concurrency),
	{}
};

static struct kunit_suite pool_suite = {
	.name = "kpkeys_pool",
	.init = test_skip_if_disabled,
	.test_cases = pool_cases,
};

kunit_test_suite(pool_suite);
