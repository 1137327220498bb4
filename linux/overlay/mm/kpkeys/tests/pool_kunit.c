// SPDX-License-Identifier: GPL-2.0-only
/* kpkeys_hardened_pgtables: KUnit tests of the pool. */

#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <kunit/test-bug.h>
#include <linux/delay.h>
#include <linux/jump_label.h>
#include <linux/kthread.h>
#include <linux/local_lock.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/workqueue.h>
#include "../pool.h"
#include "util.h"

#define GFP_PTP		(GFP_KERNEL | __GFP_ZERO)

static struct kpkeys_pool_stats pool_stats(void)
{
	struct kpkeys_pool_stats stats;

	kpkeys_pool_get_stats(&stats);
	return stats;
}

static void drain_fn(struct work_struct *work)
{
	kpkeys_pool_drain_this_cpu();
}

static unsigned long shrink(unsigned long nr_pages)
{
	unsigned long freed = 0;
	int nid;

	for_each_online_node(nid)
		if (freed < nr_pages)
			freed += kpkeys_pool_shrink_node(nid, nr_pages - freed);
	return freed;
}

/* Releases every chunk without PTPs, those with pages in per-CPU caches included. */
static unsigned long drain_and_shrink(void)
{
	schedule_on_each_cpu(drain_fn);
	return shrink(ULONG_MAX);
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

/* Stubs, which replace kpkeys_pool_set_pkey() in the thread of the test. */

static int fail_to_tag(struct page *page, unsigned int nr_pages, int pkey)
{
	return pkey == KPKEYS_PKEY_DEFAULT ? 0 : -ENOMEM;
}

static int fail_to_untag(struct page *page, unsigned int nr_pages, int pkey)
{
	return -ENOMEM;
}

/*
 * Uses up the free pages of this CPU and of the pool, while tagging fails. The thread
 * must not move to a CPU whose cache has pages.
 */
static void exhaust(struct kunit *test, struct held *held)
{
	migrate_disable();
	kunit_activate_static_stub(test, kpkeys_pool_set_pkey, fail_to_tag);
	while (hold_one(held, GFP_PTP | __GFP_NOWARN))
		;
}

static void end_exhaustion(struct kunit *test, struct held *held)
{
	kunit_deactivate_static_stub(test, kpkeys_pool_set_pkey);
	release_all(held);
	migrate_enable();
}

static void test_ptp_is_zeroed_and_protected(struct kunit *test)
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

	/* Its content must be gone when it is handed out again. */
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

static atomic_t nr_pkey_changes;

static int count_pkey_changes(struct page *page, unsigned int nr_pages, int pkey)
{
	atomic_inc(&nr_pkey_changes);
	return set_memory_pkey((unsigned long)page_address(page), nr_pages, pkey);
}

/* More pages than a cache holds, so that chunks are used as well. */
static void test_steady_state_changes_no_pkey(struct kunit *test)
{
	struct held held = { .list = LIST_HEAD_INIT(held.list) };
	int i;

	atomic_set(&nr_pkey_changes, 0);
	kunit_activate_static_stub(test, kpkeys_pool_set_pkey, count_pkey_changes);

	/* The first round can refill the pool, for which one pkey change is enough. */
	for (i = 0; i < 20; i++) {
		while (held.nr < 3 * KPKEYS_CACHE_PAGES && hold_one(&held, GFP_PTP))
			;
		KUNIT_EXPECT_EQ(test, held.nr, 3 * KPKEYS_CACHE_PAGES);
		release_all(&held);
	}
	kunit_deactivate_static_stub(test, kpkeys_pool_set_pkey);
	KUNIT_EXPECT_LE(test, atomic_read(&nr_pkey_changes), 1);
}

/*
 * The pool grows by several chunks, and gives most of them back: a few stay, as
 * other tasks have taken page tables from them.
 */
static void test_pool_grows_in_chunks_and_shrinks(struct kunit *test)
{
	const unsigned long nr = max(3 * SZ_2M / PAGE_SIZE, 1024UL);
	struct held held = { .list = LIST_HEAD_INIT(held.list) };
	struct kpkeys_pool_stats before, grown, after;
	struct ptdesc *pt;
	void *last = NULL;
	long changes;

	drain_and_shrink();
	before = pool_stats();
	changes = atomic_long_read(&kpkeys_nr_pkey_changes);

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
	/* In chunks, not page by page. */
	KUNIT_EXPECT_LE(test, atomic_long_read(&kpkeys_nr_pkey_changes) - changes, nr / 4);
	KUNIT_EXPECT_EQ(test, kpkeys_audit(), 0);

	release_all(&held);
	KUNIT_EXPECT_GE(test, drain_and_shrink(), nr / 2);
	after = pool_stats();
	KUNIT_EXPECT_LT(test, after.pages, grown.pages);
	KUNIT_EXPECT_EQ(test, after.leaked, before.leaked);
	KUNIT_EXPECT_EQ(test, kpkeys_audit(), 0);

	pt = pagetable_alloc(GFP_PTP, 0);
	KUNIT_ASSERT_NOT_NULL(test, pt);
	pagetable_free(pt);
}

static void test_released_memory_is_writable(struct kunit *test)
{
	struct held held = { .list = LIST_HEAD_INIT(held.list) };
	unsigned long i, nr_pages = 2 * SZ_2M / PAGE_SIZE;
	struct page **pages;

	while (held.nr < nr_pages && hold_one(&held, GFP_PTP))
		;
	release_all(&held);
	drain_and_shrink();

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

static void test_failed_tag_fails_allocation(struct kunit *test)
{
	struct held held = { .list = LIST_HEAD_INIT(held.list) };
	struct kpkeys_pool_stats before, after;
	struct ptdesc *pt;
	int try;

	/* Now and then a work item refills the pool, for which tagging works. */
	for (try = 0; try < 5; try++) {
		before = pool_stats();
		exhaust(test, &held);
		after = pool_stats();
		if (after.pages == before.pages)
			break;
		end_exhaustion(test, &held);
	}
	KUNIT_ASSERT_LT(test, try, 5);

	KUNIT_EXPECT_PTR_EQ(test, pagetable_alloc(GFP_PTP, 0), NULL);
	KUNIT_EXPECT_PTR_EQ(test, pagetable_alloc(GFP_PTP, 1), NULL);

	/* Nothing got lost. */
	after = pool_stats();
	KUNIT_EXPECT_EQ(test, after.leaked, before.leaked);
	end_exhaustion(test, &held);

	pt = pagetable_alloc(GFP_PTP, 0);
	KUNIT_ASSERT_NOT_NULL(test, pt);
	pagetable_free(pt);
	KUNIT_EXPECT_EQ(test, kpkeys_audit(), 0);
}

/* The page allocator must not get pages that nobody can write to. */
static void test_failed_untag_leaks_memory(struct kunit *test)
{
	struct held held = { .list = LIST_HEAD_INIT(held.list) };
	struct kpkeys_pool_stats before, after;

	/* Until there are new chunks, which nobody else has pages of. */
	before = pool_stats();
	do {
		KUNIT_ASSERT_LT(test, held.nr, 16 * SZ_2M / PAGE_SIZE);
		KUNIT_ASSERT_TRUE(test, hold_one(&held, GFP_PTP));
		after = pool_stats();
	} while (after.chunks < before.chunks + 3);
	release_all(&held);

	before = pool_stats();
	kunit_activate_static_stub(test, kpkeys_pool_set_pkey, fail_to_untag);
	schedule_on_each_cpu(drain_fn);
	KUNIT_EXPECT_EQ(test, shrink(1), 0);
	kunit_deactivate_static_stub(test, kpkeys_pool_set_pkey);
	after = pool_stats();

	KUNIT_EXPECT_GT(test, after.leaked, before.leaked);
	KUNIT_EXPECT_EQ(test, after.pages + after.leaked, before.pages + before.leaked);
	KUNIT_EXPECT_EQ(test, kpkeys_audit(), 0);
}

/*
 * Stands for an architecture that needs page tables to split the linear map, each
 * time that the pkey of a chunk is changed.
 */
static struct {
	unsigned int nr_wanted;
	unsigned int nr_got;
	unsigned int nr_untagged;
	unsigned int nr_stolen;
	struct held held;
} split;

static void alloc_in_irq(void *arg)
{
	struct ptdesc *pt = pagetable_alloc(GFP_NOWAIT | __GFP_ZERO, 0);

	if (pt)
		pagetable_free(pt);
}

static int tag_with_split(struct page *page, unsigned int nr_pages, int pkey)
{
	struct ptdesc *pt;

	unsigned long reserved = pool_stats().reserved;

	kunit_deactivate_static_stub(kunit_get_current_test(), kpkeys_pool_set_pkey);

	/* The reserve is for this task, and not for an interrupt that hits it. */
	test_in_irq(alloc_in_irq, NULL, false);
	split.nr_stolen += reserved - pool_stats().reserved;

	while (split.nr_got < split.nr_wanted && hold_one(&split.held, GFP_PTP))
		split.nr_got++;

	/* Pages of the chunk that is being tagged are not available yet. */
	list_for_each_entry(pt, &split.held.list, pt_list)
		if (ptdesc_page(pt) >= page && ptdesc_page(pt) < page + nr_pages)
			split.nr_untagged++;

	return kpkeys_pool_set_pkey(page, nr_pages, pkey);
}

static int get_level(int level, u64 entry, unsigned long addr,
		     unsigned long next, void *arg)
{
	*(enum pgtable_level *)arg = level;
	return 1;
}

/* Level of the linear map's entry for an address. */
static enum pgtable_level level_of(unsigned long addr)
{
	enum pgtable_level level = PGTABLE_LEVEL_PTE;

	addr &= PAGE_MASK;
	kpkeys_walk_mappings(addr, addr + PAGE_SIZE, get_level, &level);
	return level;
}

/*
 * A split of the linear map outside of the pool, which has no free page. The page
 * table for the split makes the pool grow, and the new chunk can need a split itself.
 * This must happen before the architecture takes its lock for the first split, or it
 * deadlocks.
 */
static void test_split_with_empty_pool(struct kunit *test)
{
	struct held held = { .list = LIST_HEAD_INIT(held.list) };
	unsigned int order = min_t(unsigned int, get_order(SZ_2M), MAX_PAGE_ORDER);
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP, order);
	unsigned long addr;

	KUNIT_ASSERT_NOT_NULL(test, page);
	addr = (unsigned long)page_address(page) + PAGE_SIZE;
	if (level_of(addr) == PGTABLE_LEVEL_PTE) {
		__free_pages(page, order);
		kunit_skip(test, "the linear map has no block mapping there");
	}

	exhaust(test, &held);
	kunit_deactivate_static_stub(test, kpkeys_pool_set_pkey);
	KUNIT_EXPECT_EQ(test, set_memory_pkey(addr, 1, KPKEYS_PKEY_TEST), 0);
	KUNIT_EXPECT_EQ(test, level_of(addr), PGTABLE_LEVEL_PTE);
	TEST_EXPECT_PROTECTED(test, (void *)addr);
	KUNIT_EXPECT_TRUE(test, test_try_write((void *)(addr + PAGE_SIZE)));
	KUNIT_EXPECT_EQ(test, set_memory_pkey(addr, 1, KPKEYS_PKEY_DEFAULT), 0);
	KUNIT_EXPECT_TRUE(test, test_try_write((void *)addr));

	release_all(&held);
	migrate_enable();
	__free_pages(page, order);
}

/* A chunk cannot be tagged with page tables that are to come from it. */
static void test_split_during_refill_uses_reserve(struct kunit *test)
{
	struct held held = { .list = LIST_HEAD_INIT(held.list) };
	struct ptdesc *pt;
	int i;

	for (i = 0; i < 3; i++) {
		exhaust(test, &held);

		split.nr_wanted = 3;
		split.nr_got = 0;
		split.nr_untagged = 0;
		split.nr_stolen = 0;
		INIT_LIST_HEAD(&split.held.list);
		kunit_activate_static_stub(test, kpkeys_pool_set_pkey, tag_with_split);
		pt = pagetable_alloc(GFP_PTP, 0);
		KUNIT_EXPECT_NOT_NULL(test, pt);
		KUNIT_EXPECT_EQ(test, split.nr_got, 3);
		KUNIT_EXPECT_EQ(test, split.nr_untagged, 0);
		KUNIT_EXPECT_EQ(test, split.nr_stolen, 0);
		/* Enough for the next refill. */
		KUNIT_EXPECT_GE(test, pool_stats().reserved, 3);

		if (pt)
			pagetable_free(pt);
		release_all(&split.held);
		release_all(&held);
		migrate_enable();
		drain_and_shrink();
	}
	KUNIT_EXPECT_EQ(test, kpkeys_audit(), 0);
}

/* An atomic allocation cannot refill the pool: the work item has to. */
static void test_work_refills_for_atomic_allocation(struct kunit *test)
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

/* PTPs of more than one page do not come from the pool. */
static void test_high_order_is_protected_until_freed(struct kunit *test)
{
	unsigned long before = pool_stats().unpooled;
	struct ptdesc *pt;
	void *page;
	int i;

	pt = pagetable_alloc(GFP_PTP, 1);
	KUNIT_ASSERT_NOT_NULL(test, pt);
	page = ptdesc_address(pt);
	KUNIT_EXPECT_PTR_EQ(test, memchr_inv(page, 0, 2 * PAGE_SIZE), NULL);
	TEST_EXPECT_PROTECTED(test, page);
	TEST_EXPECT_PROTECTED(test, page + PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, pool_stats().unpooled, before + 2);

	pagetable_free(pt);
	for (i = 0; i < 100 && pool_stats().unpooled != before; i++)
		msleep(20);
	KUNIT_EXPECT_EQ(test, pool_stats().unpooled, before);
	KUNIT_EXPECT_EQ(test, kpkeys_audit(), 0);
}

/*
 * Tasks and an interrupt allocate and free, while the pool shrinks. Each owner writes
 * its id to its pages; a second owner of the same page would overwrite it.
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

static void set_owner(struct ptdesc *pt, unsigned long id)
{
	guard(kpkeys_hardened_pgtables)();

	*(unsigned long *)ptdesc_address(pt) = id;
}

static bool has_owner(struct ptdesc *pt, unsigned long id)
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
			w->nr_stolen += !has_owner(*pt, w->id);
			pagetable_free(*pt);
			*pt = NULL;
		} else {
			*pt = pagetable_alloc(GFP_PTP, 0);
			if (*pt) {
				set_owner(*pt, w->id);
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
		w->nr_stolen += !has_owner(pts[i], w->id);
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
			set_owner(pts[i], w->id);
			w->nr_allocs++;
		}
	}
	for (i = 0; i < ARRAY_SIZE(pts); i++) {
		if (!pts[i])
			continue;
		w->nr_stolen += !has_owner(pts[i], w->id);
		pagetable_free(pts[i]);
	}
}

static void test_page_has_one_owner(struct kunit *test)
{
	struct worker workers[NR_WORKERS] = {}, irq_worker = { .id = NR_WORKERS + 1 };
	struct kpkeys_pool_stats before = pool_stats(), after;
	int i;

	for (i = 0; i < NR_WORKERS; i++) {
		workers[i].id = i + 1;
		workers[i].task = kthread_run(worker_fn, &workers[i], "kpkeys_pool/%d", i);
	}
	for (i = 0; i < 25; i++) {
		msleep(20);
		test_in_irq(irq_worker_fn, &irq_worker, false);
		drain_and_shrink();
	}
	/* No assertion above: the threads use this stack. */
	for (i = 0; i < NR_WORKERS; i++) {
		if (IS_ERR(workers[i].task)) {
			KUNIT_FAIL(test, "no thread %d", i);
			continue;
		}
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
 * What a fault report does, in tasks and in an interrupt, while chunks come and go. A
 * PTP that is held all the time must be found each time.
 */
#define NR_QUERY_PAGES	64

struct query {
	struct task_struct *task;
	struct page *ptp;
	struct page **pages;
	unsigned long nr;
	unsigned long nr_wrong;
};

static void query_states(void *arg)
{
	struct query *q = arg;
	int i;

	for (i = 0; i < NR_QUERY_PAGES; i++)
		kpkeys_pool_page_state(q->pages[i]);
	q->nr_wrong += kpkeys_pool_page_state(q->ptp) != KPKEYS_PAGE_PTP;
	q->nr++;
}

static int query_fn(void *arg)
{
	while (!kthread_should_stop()) {
		query_states(arg);
		cond_resched();
	}
	return 0;
}

/* Overwrites the headers of released chunks, if they have been freed already. */
static void overwrite_freed_headers(void)
{
	unsigned int nr = 64 + 16 * num_possible_cpus(), i;
	size_t size = struct_size_t(struct kpkeys_chunk, used,
				    BITS_TO_LONGS(1UL << KPKEYS_CHUNK_MAX_ORDER));
	void **objects = kcalloc(nr, sizeof(*objects), GFP_KERNEL);

	if (!objects)
		return;
	for (i = 0; i < nr; i++) {
		objects[i] = kmalloc(size, GFP_KERNEL);
		if (objects[i])
			memset(objects[i], 0x6b, size);
	}
	while (i--)
		kfree(objects[i]);
	kfree(objects);
}

static void test_page_state_while_chunks_come_and_go(struct kunit *test)
{
	struct held held = { .list = LIST_HEAD_INIT(held.list) };
	struct ptdesc *ptp = pagetable_alloc(GFP_PTP, 0), *pt;
	struct query queries[2] = { }, irq_query = { };
	struct page **pages;
	int i, round;

	KUNIT_ASSERT_NOT_NULL(test, ptp);
	pages = kunit_kcalloc(test, NR_QUERY_PAGES, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		goto out;
	for (i = 0; i < NR_QUERY_PAGES; i++)
		pages[i] = ptdesc_page(ptp);

	irq_query.ptp = ptdesc_page(ptp);
	irq_query.pages = pages;
	for (i = 0; i < ARRAY_SIZE(queries); i++) {
		queries[i].ptp = ptdesc_page(ptp);
		queries[i].pages = pages;
		queries[i].task = kthread_run(query_fn, &queries[i], "kpkeys_query/%d", i);
	}

	for (round = 0; round < 10; round++) {
		while (held.nr < 3UL << KPKEYS_CHUNK_MAX_ORDER && hold_one(&held, GFP_PTP))
			;
		i = 0;
		list_for_each_entry(pt, &held.list, pt_list)
			WRITE_ONCE(pages[i++ % NR_QUERY_PAGES], ptdesc_page(pt));
		release_all(&held);
		drain_and_shrink();
		overwrite_freed_headers();
		test_in_irq(query_states, &irq_query, false);
	}

	/* No assertion above: the threads use this stack. */
	for (i = 0; i < ARRAY_SIZE(queries); i++) {
		if (IS_ERR(queries[i].task)) {
			KUNIT_FAIL(test, "no thread %d", i);
			continue;
		}
		kthread_stop(queries[i].task);
		KUNIT_EXPECT_GT(test, queries[i].nr, 0);
		KUNIT_EXPECT_EQ(test, queries[i].nr_wrong, 0);
	}
	KUNIT_EXPECT_EQ(test, irq_query.nr, 10);
	KUNIT_EXPECT_EQ(test, irq_query.nr_wrong, 0);
out:
	pagetable_free(ptp);
}

/* A reader that found chunks just before they were released. */
#define NR_READ_PAGES	16UL

struct reader {
	struct page *pages[NR_READ_PAGES];
	unsigned int nr_found;
	unsigned int nr_released;
	unsigned int nr_overwritten;
	bool has_found;
	bool go_on;
};

static int reader_fn(void *arg)
{
	struct kpkeys_chunk *chunks[NR_READ_PAGES];
	struct reader *r = arg;
	ktime_t end = ktime_add_ms(ktime_get(), 10 * MSEC_PER_SEC);
	int i;

	scoped_guard(rcu) {
		for (i = 0; i < NR_READ_PAGES; i++) {
			chunks[i] = kpkeys_chunk_lookup(r->pages[i]);
			r->nr_found += !!chunks[i];
		}
		/* Pairs with the test: it releases the chunks that were found. */
		smp_store_release(&r->has_found, true);
		/* Pairs with the test: it has overwritten what it freed. */
		while (!smp_load_acquire(&r->go_on) && ktime_before(ktime_get(), end))
			cpu_relax();

		for (i = 0; i < NR_READ_PAGES; i++) {
			struct kpkeys_chunk *chunk = chunks[i];

			if (!chunk || kpkeys_chunk_lookup(r->pages[i]))
				continue;
			r->nr_released++;
			if (r->pages[i] < chunk->page ||
			    r->pages[i] >= chunk->page + chunk->nr_pages ||
			    chunk->nr_pages > 1U << KPKEYS_CHUNK_MAX_ORDER)
				r->nr_overwritten++;
		}
	}

	while (!kthread_should_stop())
		msleep(20);
	return 0;
}

static void test_chunk_lives_as_long_as_readers(struct kunit *test)
{
	struct held held = { .list = LIST_HEAD_INIT(held.list) };
	struct reader *r = kunit_kzalloc(test, sizeof(*r), GFP_KERNEL);
	struct task_struct *task;
	struct ptdesc *pt;
	int i = 0, cpu;

	KUNIT_ASSERT_NOT_NULL(test, r);
	if (num_online_cpus() < 2)
		kunit_skip(test, "the reader needs a CPU of its own");

	/* Many chunks: the reserve, and others, may keep a page of some. */
	while (held.nr < NR_READ_PAGES << KPKEYS_CHUNK_MAX_ORDER && hold_one(&held, GFP_PTP))
		;
	KUNIT_EXPECT_EQ(test, held.nr, NR_READ_PAGES << KPKEYS_CHUNK_MAX_ORDER);
	list_for_each_entry(pt, &held.list, pt_list) {
		if (!(i & ((1 << KPKEYS_CHUNK_MAX_ORDER) - 1)))
			r->pages[i >> KPKEYS_CHUNK_MAX_ORDER] = ptdesc_page(pt);
		i++;
	}
	release_all(&held);
	schedule_on_each_cpu(drain_fn);

	/* Nothing below may wait for the reader's CPU, which it keeps busy. */
	migrate_disable();
	cpu = cpumask_any_but(cpu_online_mask, smp_processor_id());
	task = kthread_create(reader_fn, r, "kpkeys_reader");
	if (IS_ERR(task)) {
		migrate_enable();
		KUNIT_FAIL_AND_ABORT(test, "no thread");
	}
	kthread_bind(task, cpu);
	wake_up_process(task);
	/* Pairs with reader_fn(). */
	while (!smp_load_acquire(&r->has_found))
		cpu_relax();

	shrink(ULONG_MAX);
	overwrite_freed_headers();
	/* Pairs with reader_fn(): it looks at what has been overwritten. */
	smp_store_release(&r->go_on, true);
	kthread_stop(task);
	migrate_enable();

	KUNIT_EXPECT_EQ(test, r->nr_found, NR_READ_PAGES);
	KUNIT_EXPECT_GT(test, r->nr_released, 0);
	KUNIT_EXPECT_EQ(test, r->nr_overwritten, 0);
}

/*
 * An attacker, or a bug, writes to the pool's own data: a page that is in use, or is
 * marked as used, must not be handed out.
 */

/* Swaps the hottest page of this CPU's cache for another one. */
static struct page *swap_cached_page(struct page *page)
{
	struct kpkeys_cache *cache;
	struct page *old = NULL;

	local_lock(&kpkeys_cache.lock);
	cache = this_cpu_ptr(&kpkeys_cache);
	if (cache->nr) {
		old = cache->pages[cache->nr - 1];
		if (page)
			cache->pages[cache->nr - 1] = page;
	}
	local_unlock(&kpkeys_cache.lock);
	return old;
}

static void test_cached_page_in_use_is_not_handed_out(struct kunit *test)
{
	struct ptdesc *victim = pagetable_alloc(GFP_PTP, 0), *pt;
	unsigned long leaked = pool_stats().leaked;
	struct page *swapped = NULL;

	KUNIT_ASSERT_NOT_NULL(test, victim);
	pt = pagetable_alloc(GFP_PTP, 0);
	KUNIT_EXPECT_NOT_NULL(test, pt);
	if (!pt)
		goto out;
	set_owner(victim, 1);

	kunit_warning_suppress(test) {
		preempt_disable();
		pagetable_free(pt);
		swapped = swap_cached_page(ptdesc_page(victim));
		pt = pagetable_alloc(GFP_NOWAIT | __GFP_ZERO, 0);
		preempt_enable();
	}
	KUNIT_EXPECT_NOT_NULL(test, swapped);
	KUNIT_EXPECT_PTR_NE(test, pt, victim);
	KUNIT_EXPECT_TRUE(test, has_owner(victim, 1));
	KUNIT_EXPECT_EQ(test, pool_stats().leaked, leaked + 1);

	if (swapped)
		kpkeys_chunk_put_pages(&swapped, 1);
	if (pt && pt != victim)
		pagetable_free(pt);
out:
	pagetable_free(victim);
	KUNIT_EXPECT_EQ(test, kpkeys_audit(), 0);
}

static void test_free_page_marked_used_is_not_handed_out(struct kunit *test)
{
	struct ptdesc *pt = pagetable_alloc(GFP_PTP, 0);
	unsigned long leaked = pool_stats().leaked;
	struct page *page;
	bool claimed;

	KUNIT_ASSERT_NOT_NULL(test, pt);

	kunit_warning_suppress(test) {
		preempt_disable();
		pagetable_free(pt);
		page = swap_cached_page(NULL);
		claimed = page && kpkeys_chunk_claim(page);
		pt = pagetable_alloc(GFP_NOWAIT | __GFP_ZERO, 0);
		preempt_enable();
	}
	KUNIT_EXPECT_TRUE(test, claimed);
	KUNIT_EXPECT_EQ(test, pool_stats().leaked, leaked + 1);
	if (pt) {
		KUNIT_EXPECT_PTR_NE(test, ptdesc_page(pt), page);
		if (ptdesc_page(pt) != page)
			pagetable_free(pt);
	}
	if (claimed && kpkeys_chunk_unclaim(page))
		kpkeys_chunk_put_pages(&page, 1);
	KUNIT_EXPECT_EQ(test, kpkeys_audit(), 0);
}

static void test_page_freed_twice_is_handed_out_once(struct kunit *test)
{
	struct ptdesc *pt = pagetable_alloc(GFP_PTP, 0), *pts[2];
	unsigned long leaked = pool_stats().leaked;

	KUNIT_ASSERT_NOT_NULL(test, pt);

	kunit_warning_suppress(test) {
		preempt_disable();
		KUNIT_EXPECT_TRUE(test, __kpkeys_pgtable_free(pt));
		KUNIT_EXPECT_TRUE(test, __kpkeys_pgtable_free(pt));
		pts[0] = pagetable_alloc(GFP_NOWAIT | __GFP_ZERO, 0);
		pts[1] = pagetable_alloc(GFP_NOWAIT | __GFP_ZERO, 0);
		preempt_enable();
	}
	KUNIT_EXPECT_PTR_NE(test, pts[0], pts[1]);
	/* The pool did not get the page twice, so that it would have to leak it. */
	KUNIT_EXPECT_EQ(test, pool_stats().leaked, leaked);
	if (pts[0])
		pagetable_free(pts[0]);
	if (pts[1] && pts[1] != pts[0])
		pagetable_free(pts[1]);
}

/* Stub: every page is remote. */
static bool is_never_on_node(const struct page *page, int nid)
{
	return false;
}

/* Frees a PTP. Returns whether it went to the cache of this CPU. */
static bool is_cached_when_freed(struct ptdesc *pt)
{
	struct page *page = ptdesc_page(pt);
	unsigned long flags;
	bool cached;

	local_irq_save(flags);
	pagetable_free(pt);
	cached = swap_cached_page(NULL) == page;
	local_irq_restore(flags);
	return cached;
}

static void test_cache_has_pages_of_own_node_only(struct kunit *test)
{
	struct ptdesc *pt = pagetable_alloc(GFP_PTP, 0);

	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		kunit_skip(test, "the lock cannot be taken with interrupts disabled");

	KUNIT_ASSERT_NOT_NULL(test, pt);
	KUNIT_EXPECT_TRUE(test, is_cached_when_freed(pt));

	pt = pagetable_alloc(GFP_PTP, 0);
	KUNIT_ASSERT_NOT_NULL(test, pt);
	kunit_activate_static_stub(test, kpkeys_chunk_is_on_node, is_never_on_node);
	KUNIT_EXPECT_FALSE(test, is_cached_when_freed(pt));
	kunit_deactivate_static_stub(test, kpkeys_chunk_is_on_node);
}

static bool is_zeroed(struct ptdesc *pt)
{
	return !memchr_inv(ptdesc_address(pt), 0, PAGE_SIZE);
}

static void fill(struct ptdesc *pt)
{
	guard(kpkeys_hardened_pgtables)();

	memset(ptdesc_address(pt), 0x5a, PAGE_SIZE);
}

static void test_init_on_alloc_zeroes(struct kunit *test)
{
	bool was_on = static_key_enabled(&init_on_alloc);
	struct ptdesc *pt;
	int i;

	if (!was_on)
		static_branch_enable(&init_on_alloc);
	for (i = 0; i < 2 * KPKEYS_CACHE_PAGES; i++) {
		pt = pagetable_alloc(GFP_KERNEL, 0);
		if (!pt)
			break;
		KUNIT_EXPECT_TRUE(test, is_zeroed(pt));
		fill(pt);
		pagetable_free(pt);
	}
	KUNIT_EXPECT_EQ(test, i, 2 * KPKEYS_CACHE_PAGES);
	if (!was_on)
		static_branch_disable(&init_on_alloc);
}

static void test_init_on_free_zeroes(struct kunit *test)
{
	bool was_on = static_key_enabled(&init_on_free), zeroed;
	struct ptdesc *pt = pagetable_alloc(GFP_KERNEL, 0);

	KUNIT_ASSERT_NOT_NULL(test, pt);
	fill(pt);
	if (!was_on)
		static_branch_enable(&init_on_free);
	scoped_guard(preempt) {
		pagetable_free(pt);
		zeroed = is_zeroed(pt);
	}
	if (!was_on)
		static_branch_disable(&init_on_free);
	KUNIT_EXPECT_TRUE(test, zeroed);
}

/*
 * Stands for an architecture that cannot tag a chunk, and needs a page table to
 * untag it. It frees that, so as to leave pages in the reserve.
 */
static unsigned int split_depth;
static unsigned int split_max_depth;

static int fail_to_split(struct page *page, unsigned int nr_pages, int pkey)
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

/* The same for a chunk that carries the pkey: untags it as well. */
static int fail_to_split_then_untag(struct page *page, unsigned int nr_pages, int pkey)
{
	int err = fail_to_split(page, nr_pages, pkey);

	return err ?: set_memory_pkey((unsigned long)page_address(page), nr_pages, pkey);
}

/* A refill that fails must not start another one. */
static void test_failed_refill_is_not_nested(struct kunit *test)
{
	struct held held = { .list = LIST_HEAD_INIT(held.list) };

	split_depth = 0;
	split_max_depth = 0;

	exhaust(test, &held);
	kunit_activate_static_stub(test, kpkeys_pool_set_pkey, fail_to_split);
	KUNIT_EXPECT_PTR_EQ(test, pagetable_alloc(GFP_PTP | __GFP_NOWARN, 0), NULL);
	KUNIT_EXPECT_EQ(test, split_max_depth, 1);
	end_exhaustion(test, &held);
	KUNIT_EXPECT_EQ(test, kpkeys_audit(), 0);
}

/* Untagging a chunk can need a page table, which must not start a refill. */
static void test_release_does_not_refill(struct kunit *test)
{
	struct held held = { .list = LIST_HEAD_INIT(held.list) };
	struct kpkeys_chunk *chunk = NULL;
	struct ptdesc *pt, *next;
	unsigned int nr;

	split_depth = 0;
	split_max_depth = 0;

	/* New chunks, some of which this test has all the pages of. */
	while (held.nr < 4UL << KPKEYS_CHUNK_MAX_ORDER && hold_one(&held, GFP_PTP))
		;
	exhaust(test, &held);
	list_for_each_entry(pt, &held.list, pt_list) {
		/* Which cannot go away: a page of it is in use. */
		scoped_guard(rcu)
			chunk = kpkeys_chunk_lookup(ptdesc_page(pt));
		nr = 0;
		list_for_each_entry(next, &held.list, pt_list)
			nr += ptdesc_page(next) >= chunk->page &&
			      ptdesc_page(next) < chunk->page + chunk->nr_pages;
		if (nr == chunk->nr_pages)
			break;
		chunk = NULL;
	}
	KUNIT_EXPECT_NOT_NULL(test, chunk);
	if (!chunk)
		goto out;

	list_for_each_entry_safe(pt, next, &held.list, pt_list) {
		if (ptdesc_page(pt) < chunk->page ||
		    ptdesc_page(pt) >= chunk->page + chunk->nr_pages)
			continue;
		list_del(&pt->pt_list);
		held.nr--;
		pagetable_free(pt);
	}
	kpkeys_pool_drain_this_cpu();

	kunit_deactivate_static_stub(test, kpkeys_pool_set_pkey);
	kunit_activate_static_stub(test, kpkeys_pool_set_pkey, fail_to_split_then_untag);
	KUNIT_EXPECT_GT(test, shrink(1), 0);
	KUNIT_EXPECT_EQ(test, split_max_depth, 1);
out:
	end_exhaustion(test, &held);
	KUNIT_EXPECT_EQ(test, kpkeys_audit(), 0);
}

static struct kunit_case pool_cases[] = {
	KUNIT_CASE(test_ptp_is_zeroed_and_protected),
	KUNIT_CASE(test_init_on_alloc_zeroes),
	KUNIT_CASE(test_init_on_free_zeroes),
	KUNIT_CASE(test_steady_state_changes_no_pkey),
	KUNIT_CASE(test_pool_grows_in_chunks_and_shrinks),
	KUNIT_CASE(test_released_memory_is_writable),
	KUNIT_CASE(test_failed_tag_fails_allocation),
	KUNIT_CASE(test_failed_untag_leaks_memory),
	KUNIT_CASE(test_split_during_refill_uses_reserve),
	KUNIT_CASE(test_failed_refill_is_not_nested),
	KUNIT_CASE(test_release_does_not_refill),
	KUNIT_CASE(test_split_with_empty_pool),
	KUNIT_CASE(test_work_refills_for_atomic_allocation),
	KUNIT_CASE(test_high_order_is_protected_until_freed),
	KUNIT_CASE(test_cached_page_in_use_is_not_handed_out),
	KUNIT_CASE(test_free_page_marked_used_is_not_handed_out),
	KUNIT_CASE(test_page_freed_twice_is_handed_out_once),
	KUNIT_CASE(test_cache_has_pages_of_own_node_only),
	KUNIT_CASE(test_chunk_lives_as_long_as_readers),
	KUNIT_CASE_SLOW(test_page_state_while_chunks_come_and_go),
	KUNIT_CASE_SLOW(test_page_has_one_owner),
	{}
};

static struct kunit_suite pool_suite = {
	.name = "kpkeys_pool",
	.init = test_skip_if_disabled,
	.test_cases = pool_cases,
};

kunit_test_suite(pool_suite);
