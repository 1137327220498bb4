// SPDX-License-Identifier: GPL-2.0-only
/*
 * kpkeys_hardened_pgtables: the pool that page-table pages come from.
 *
 * Memory enters the pool in the largest chunks available, which are tagged
 * with KPKEYS_PKEY_PGTABLES as a whole and keep the pkey while they are in the
 * pool, whether a page is in use or free. So in the steady state an allocation
 * changes no pkey, and the linear map needs at most one split a chunk.
 *
 *   per-CPU caches  <->  free pages of partly used chunks  <->  empty chunks
 *                                                                   |
 *                                                 page allocator <--+ shrinker
 *
 * No spinlock is held while memory is allocated, tagged or given back. Where the
 * architecture has to split the linear map to tag a chunk, it allocates page
 * tables itself; these come from the free pages, from preallocated ones or from
 * the reserve, and never start another refill (current_prealloc()).
 *
 * A page keeps one reference while it is in the pool, so dropping a speculative
 * reference cannot free it to the page allocator.
 *
 * Why the spinlocks are raw ones: see chunk.c.
 */

#define pr_fmt(fmt) "kpkeys: " fmt

#include <kunit/visibility.h>
#include <linux/cpuhotplug.h>
#include <linux/fault-inject.h>
#include <linux/init.h>
#include <linux/local_lock.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/sched/mm.h>
#include <linux/shrinker.h>
#include <linux/spinlock.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>
#include "pool.h"

#define CHUNK_MIN_ORDER		2	/* see refill() */

/* A linear map of 4 levels splits a PUD and a PMD entry to reach a PTE. */
#define RESERVE_PAGES		4

#define CACHE_BATCH		(KPKEYS_CACHE_PAGES / 2)

/* A node with fewer free pages is refilled before an atomic allocation fails. */
#define LOW_PAGES		64

static atomic_long_t nr_unpooled;

/*
 * Per-CPU caches
 *
 * Interrupts also allocate and free page tables. One that arrives while its CPU
 * holds the lock of the cache fails to take it, and uses the chunks directly.
 */

VISIBLE_IF_KUNIT DEFINE_PER_CPU(struct kpkeys_cache, kpkeys_cache) = {
	.lock = INIT_LOCAL_TRYLOCK(lock),
};

static struct page *cache_get_page(void)
{
	struct kpkeys_cache *cache;
	struct page *page = NULL;

	if (!local_trylock(&kpkeys_cache.lock)) {
		kpkeys_chunk_get_pages(numa_mem_id(), &page, 1);
		return page;
	}

	cache = this_cpu_ptr(&kpkeys_cache);
	if (!cache->nr)
		cache->nr = kpkeys_chunk_get_pages(numa_mem_id(), cache->pages,
						   CACHE_BATCH);
	if (cache->nr)
		page = cache->pages[--cache->nr];
	local_unlock(&kpkeys_cache.lock);
	return page;
}

static void cache_put_page(struct page *page)
{
	struct kpkeys_cache *cache;

	if (!local_trylock(&kpkeys_cache.lock)) {
		kpkeys_chunk_put_pages(&page, 1);
		return;
	}

	cache = this_cpu_ptr(&kpkeys_cache);
	if (!kpkeys_chunk_is_on_node(page, numa_mem_id())) {
		/* The cache is for this CPU, from which the page is remote. */
		kpkeys_chunk_put_pages(&page, 1);
	} else {
		if (cache->nr == KPKEYS_CACHE_PAGES) {
			kpkeys_chunk_put_pages(cache->pages, CACHE_BATCH);
			cache->nr -= CACHE_BATCH;
			memmove(cache->pages, cache->pages + CACHE_BATCH,
				cache->nr * sizeof(cache->pages[0]));
		}
		cache->pages[cache->nr++] = page;
	}
	local_unlock(&kpkeys_cache.lock);
}

/* The CPU is offline: nobody else uses its cache. */
static int drain_dead_cpu(unsigned int cpu)
{
	struct kpkeys_cache *cache = per_cpu_ptr(&kpkeys_cache, cpu);

	kpkeys_chunk_put_pages(cache->pages, cache->nr);
	cache->nr = 0;
	return 0;
}

#ifdef CONFIG_KPKEYS_KUNIT_TEST
/**
 * kpkeys_pool_drain_this_cpu() - Empty the cache of this CPU
 *
 * Context: Task context, with CPU migration disabled.
 */
void kpkeys_pool_drain_this_cpu(void)
{
	struct kpkeys_cache *cache;

	local_lock(&kpkeys_cache.lock);
	cache = this_cpu_ptr(&kpkeys_cache);
	kpkeys_chunk_put_pages(cache->pages, cache->nr);
	cache->nr = 0;
	local_unlock(&kpkeys_cache.lock);
}
#endif

/*
 * Splits of the linear map
 */

/*
 * Tasks that split the linear map, or may have to as they tag a chunk. They do
 * not refill the pool for the page tables that they need: a nested refill could
 * need another split and deadlock on the locks held for the first.
 */
static DEFINE_RAW_SPINLOCK(preallocs_lock);
static struct list_head preallocs __guarded_by(&preallocs_lock) = LIST_HEAD_INIT(preallocs);

/**
 * kpkeys_prealloc_add() - Keep this task from refilling the pool
 * @prealloc: Where its page tables come from if the pool has none
 *
 * Context: Process context
 */
void kpkeys_prealloc_add(struct kpkeys_ptp_prealloc *prealloc)
{
	prealloc->task = current;

	guard(raw_spinlock_irqsave)(&preallocs_lock);
	list_add(&prealloc->list, &preallocs);
}

/**
 * kpkeys_prealloc_del() - Undo kpkeys_prealloc_add()
 * @prealloc: Its argument; what is left in it belongs to the caller
 *
 * Context: Process context
 */
void kpkeys_prealloc_del(struct kpkeys_ptp_prealloc *prealloc)
{
	guard(raw_spinlock_irqsave)(&preallocs_lock);
	list_del(&prealloc->list);
}

/* Not for interrupts: the pages are for the split of the interrupted task. */
static struct kpkeys_ptp_prealloc *current_prealloc(void)
{
	struct kpkeys_ptp_prealloc *prealloc;

	if (!in_task())
		return NULL;

	guard(raw_spinlock_irqsave)(&preallocs_lock);
	list_for_each_entry(prealloc, &preallocs, list)
		if (prealloc->task == current)
			return prealloc;
	return NULL;
}

/*
 * Refill
 */

/* One at a time: the reserve is enough for one. */
static DEFINE_MUTEX(refill_mutex);
static struct page *reserve[RESERVE_PAGES] __guarded_by(&refill_mutex);
static unsigned int nr_reserve __guarded_by(&refill_mutex);

static struct page *get_preallocated_page(struct kpkeys_ptp_prealloc *prealloc)
{
	if (prealloc->nr)
		return prealloc->pages[--prealloc->nr];

	if (!prealloc->may_use_reserve)
		return NULL;

	/* Held by this task, in add_chunk(). */
	lockdep_assert_held(&refill_mutex);
	return nr_reserve ? reserve[--nr_reserve] : NULL;
}

/* Publish a chunk, and fill the reserve first, before other CPUs can take the pages. */
static void publish_chunk(struct kpkeys_chunk *chunk)
	__must_hold(&refill_mutex)
{
	lockdep_assert_held(&refill_mutex);

	nr_reserve += kpkeys_chunk_publish(chunk, reserve + nr_reserve,
					   RESERVE_PAGES - nr_reserve);
}

/* Tag a chunk, then publish it; or release it. */
static bool add_chunk(struct kpkeys_chunk *chunk, struct page *page, unsigned int nr_pages)
{
	struct kpkeys_ptp_prealloc prealloc = { .may_use_reserve = true };
	int err;

	guard(mutex)(&refill_mutex);

	kpkeys_prealloc_add(&prealloc);
	err = kpkeys_pool_set_pkey(page, nr_pages, KPKEYS_PKEY_PGTABLES);
	if (err)
		kpkeys_chunk_release(chunk);	/* some pages may carry the pkey */
	else
		publish_chunk(chunk);
	kpkeys_prealloc_del(&prealloc);
	return !err;
}

/* Release a chunk. Splits that this needs do not refill the pool. */
static bool release_chunk(struct kpkeys_chunk *chunk)
{
	struct kpkeys_ptp_prealloc prealloc = { };
	bool released;

	kpkeys_prealloc_add(&prealloc);
	released = kpkeys_chunk_release(chunk);
	kpkeys_prealloc_del(&prealloc);
	return released;
}

/*
 * Freed vmalloc memory stays mapped until its range is purged: flush lazy vmap
 * aliases before the page becomes a page table.
 */
static void unmap_aliases(gfp_t gfp)
{
	if (gfpflags_allow_blocking(gfp) && system_state >= SYSTEM_RUNNING)
		vm_unmap_aliases();
}

/*
 * Add the largest chunk available; reclaim only for the smallest order. That is
 * four pages, so that a refill that uses up to three pages of the reserve to split
 * the linear map down to pages replaces them.
 */
static bool refill(int nid, gfp_t gfp)
{
	struct kpkeys_chunk *chunk;
	struct page *page;
	int order;

	gfp &= ~(__GFP_ZERO | __GFP_ACCOUNT | __GFP_COMP);

	for (order = KPKEYS_CHUNK_MAX_ORDER; order >= CHUNK_MIN_ORDER; order--) {
		unsigned int i, nr_pages = 1U << order;
		gfp_t chunk_gfp = gfp | __GFP_NOWARN;

		if (order > CHUNK_MIN_ORDER) {
			chunk_gfp &= ~__GFP_RECLAIM;
			chunk_gfp |= __GFP_NORETRY;
		}

		page = alloc_pages_node(nid, chunk_gfp, order);
		if (!page)
			continue;
		split_page(page, order);

		chunk = kpkeys_chunk_create(nid, page, nr_pages, gfp & ~__GFP_SKIP_KASAN);
		if (!chunk) {
			for (i = 0; i < nr_pages; i++)
				__free_page(page + i);
			return false;
		}

		unmap_aliases(gfp);
		if (add_chunk(chunk, page, nr_pages))
			return true;
	}
	return false;
}

static void refill_work_fn(struct work_struct *work)
{
	int nid;

	for_each_online_node(nid)
		if (kpkeys_node_nr_pages(nid) && kpkeys_node_nr_free(nid) < LOW_PAGES)
			refill(nid, GFP_KERNEL | __GFP_SKIP_KASAN);
}

static DECLARE_WORK(refill_work, refill_work_fn);

/* Too early for workqueues; a later request picks this up. */
static void queue_pool_work(struct work_struct *work)
{
	if (system_state >= SYSTEM_SCHEDULING)
		schedule_work(work);
}

/*
 * PTPs of more than one page, and of special zones
 */

static struct page *alloc_unpooled(gfp_t gfp, unsigned int order)
{
	struct page *page;

	page = alloc_pages_noprof((gfp & ~__GFP_ZERO) | __GFP_COMP, order);
	if (!page)
		return NULL;

	unmap_aliases(gfp);
	kpkeys_set_unpooled(page, true);
	atomic_long_add(1L << order, &nr_unpooled);
	if (!kpkeys_pool_set_pkey(page, 1U << order, KPKEYS_PKEY_PGTABLES))
		return page;

	kpkeys_pgtable_free(page_ptdesc(page));
	return NULL;
}

/*
 * Freeing must be possible in any context, changing a pkey is not. The list
 * goes through ptdesc->pt_list: the grace period of its pt_rcu_head, if any, is
 * over.
 */
static DEFINE_RAW_SPINLOCK(unpooled_free_lock);
static struct list_head unpooled_free_list __guarded_by(&unpooled_free_lock) =
	LIST_HEAD_INIT(unpooled_free_list);

static void unpooled_free_fn(struct work_struct *work)
{
	struct ptdesc *pt, *next;
	LIST_HEAD(list);

	scoped_guard(raw_spinlock_irqsave, &unpooled_free_lock)
		list_splice_init(&unpooled_free_list, &list);

	list_for_each_entry_safe(pt, next, &list, pt_list) {
		struct page *page = ptdesc_page(pt);
		unsigned int order = compound_order(page);

		if (kpkeys_pool_set_pkey(page, 1U << order, KPKEYS_PKEY_DEFAULT)) {
			kpkeys_pool_leak(page, 1U << order, "cannot unprotect memory");
			continue;
		}
		kpkeys_set_unpooled(page, false);
		atomic_long_sub(1L << order, &nr_unpooled);
		__free_pages(page, order);
	}
}

static DECLARE_WORK(unpooled_free_work, unpooled_free_fn);

static void free_unpooled(struct ptdesc *pt)
{
	scoped_guard(raw_spinlock_irqsave, &unpooled_free_lock)
		list_add(&pt->pt_list, &unpooled_free_list);
	queue_pool_work(&unpooled_free_work);
}

/*
 * Allocating and freeing PTPs
 */

/* Takes a free page, which is to be claimed. */
static struct page *get_free_page_of_pool(gfp_t gfp)
{
	struct kpkeys_ptp_prealloc *prealloc;
	struct page *page;

	page = cache_get_page();
	if (page)
		return page;

	prealloc = current_prealloc();
	if (prealloc)
		return get_preallocated_page(prealloc);

	if (!gfpflags_allow_blocking(gfp)) {
		queue_pool_work(&refill_work);
		return NULL;
	}

	/* Other CPUs may steal the new pages; retry. */
	while (!page && refill(numa_mem_id(), gfp)) {
		page = cache_get_page();
		cond_resched();
	}
	return page;
}

/* In early boot, page tables for splits are spare early ones, of no chunk. */
static bool is_boot_page(const struct page *page)
{
	return system_state == SYSTEM_BOOTING && PageReserved(page);
}

static struct page *alloc_pooled(gfp_t gfp)
{
	struct page *page;

	while ((page = get_free_page_of_pool(gfp))) {
		if (likely(kpkeys_chunk_claim(page)) || is_boot_page(page))
			break;

		/* Memory corruption: somebody else may be using the page. */
		WARN_ONCE(1, "page-table page is not free, but was about to be handed out\n");
		kpkeys_pool_leak(page, 1, "corrupted pool");
	}
	if (!page)
		return NULL;

	if ((gfp & __GFP_ACCOUNT) && memcg_kmem_charge_page(page, gfp, 0)) {
		kpkeys_chunk_unclaim(page);
		cache_put_page(page);
		return NULL;
	}
	return page;
}

/**
 * kpkeys_ptp_prealloc() - Get page tables for a split of the linear map
 * @prealloc: Storage, on the stack of the caller
 *
 * For architectures that split block mappings of the linear map live. Until
 * kpkeys_ptp_release(), page tables that this task allocates do not make the
 * pool grow, which could need another split.
 *
 * Context: Process context, before locks are taken that a split needs. Does
 * nothing if this task has preallocated pages, or tags a chunk, already.
 */
void kpkeys_ptp_prealloc(struct kpkeys_ptp_prealloc *prealloc)
{
	struct page *page;

	/* Tells kpkeys_ptp_release() that there is nothing to do. */
	prealloc->task = NULL;
	if (!kpkeys_hardened_pgtables_enabled() || current_prealloc())
		return;

	prealloc->may_use_reserve = false;
	prealloc->nr = 0;
	while (prealloc->nr < KPKEYS_PREALLOC_PAGES) {
		page = get_free_page_of_pool(GFP_KERNEL | __GFP_SKIP_KASAN);
		if (!page)
			break;	/* the split fails, if it needs that many */
		prealloc->pages[prealloc->nr++] = page;
	}

	kpkeys_prealloc_add(prealloc);
}

/**
 * kpkeys_ptp_release() - Give back page tables that a split did not need
 * @prealloc: Of kpkeys_ptp_prealloc()
 *
 * Context: Process context
 */
void kpkeys_ptp_release(struct kpkeys_ptp_prealloc *prealloc)
{
	/* kpkeys_ptp_prealloc() did nothing, and set only this. */
	if (!prealloc->task)
		return;

	kpkeys_prealloc_del(prealloc);
	while (prealloc->nr)
		cache_put_page(prealloc->pages[--prealloc->nr]);
}

/**
 * kpkeys_pgtable_alloc() - Allocate a protected page-table page
 * @gfp: As for alloc_pages(). __GFP_ZERO and __GFP_ACCOUNT are honoured, as is
 *	 init_on_alloc=.
 * @order: Size. Anything but 0 is not served from the pool, and changes a pkey.
 *
 * For pagetable_alloc(). The page is writable in KPKEYS_CTX_PGTABLES only.
 *
 * Context: As @gfp says. Without __GFP_DIRECT_RECLAIM the pool is not refilled
 * on the spot, but by a work item that keeps pages ahead.
 * Return: the PTP, or NULL if there is no memory, or if memory could not be
 * protected.
 */
struct ptdesc *kpkeys_pgtable_alloc(gfp_t gfp, unsigned int order)
{
	struct ptdesc *pt;
	struct page *page;
	unsigned int i;

	might_alloc(gfp);

	if (should_fail_alloc_page(gfp, order))
		return NULL;

	if (order || (gfp & GFP_ZONEMASK))
		page = alloc_unpooled(gfp, order);
	else
		page = alloc_pooled(gfp);
	if (!page)
		return NULL;

	pt = page_ptdesc(page);
	if (!kpkeys_is_unpooled(page)) {
		/* Reset to a freshly allocated page, except for pt_kpkeys_chunk. */
		pt->pt_list = (struct list_head){ };
		pt->pt_index = 0;
		pt->_pt_pad_2 = 0;

		if (!gfpflags_allow_blocking(gfp) &&
		    kpkeys_node_nr_free(numa_mem_id()) < LOW_PAGES)
			queue_pool_work(&refill_work);
	}

	if (want_init_on_alloc(gfp)) {
		guard(kpkeys_hardened_pgtables)();

		for (i = 0; i < 1U << order; i++)
			clear_page(page_address(page + i));
	}
	return pt;
}

/**
 * __kpkeys_pgtable_free() - kpkeys_pgtable_free() once page tables are protected
 * @pt: The PTP
 *
 * Context: Any but NMI.
 * Return: false if @pt does not come from kpkeys_pgtable_alloc()
 */
bool __kpkeys_pgtable_free(struct ptdesc *pt)
{
	struct page *page = ptdesc_page(pt);

	if (kpkeys_is_unpooled(page)) {
		free_unpooled(pt);
		return true;
	}
	if (!kpkeys_is_pool_page(page))
		return false;

	/* A page that is freed twice must not be handed out twice. */
	if (WARN_ON_ONCE(!kpkeys_chunk_unclaim(page)))
		return true;

	if (want_init_on_free()) {
		guard(kpkeys_hardened_pgtables)();
		clear_page(page_address(page));
	}

	memcg_kmem_uncharge_page(page, 0);
	cache_put_page(page);
	return true;
}

/*
 * Shrinking
 */

/**
 * kpkeys_pool_shrink_node() - Give unused memory back to the page allocator
 * @nid: NUMA node
 * @nr_pages: How many pages are wanted; rounded up to whole chunks
 *
 * Chunks with a page in use, or in a per-CPU cache, stay.
 *
 * Context: Process context; may sleep.
 * Return: number of pages given back
 */
VISIBLE_IF_KUNIT unsigned long kpkeys_pool_shrink_node(int nid, unsigned long nr_pages)
{
	unsigned long taken = 0, freed = 0;
	struct kpkeys_chunk *chunk;
	unsigned int nr;

	while (taken < nr_pages && (chunk = kpkeys_chunk_isolate_empty(nid, &nr))) {
		taken += nr;
		if (release_chunk(chunk))
			freed += nr;
		cond_resched();
	}
	return freed;
}

static unsigned long shrinker_count(struct shrinker *shrinker,
				    struct shrink_control *sc)
{
	return kpkeys_node_nr_empty(sc->nid) ?: SHRINK_EMPTY;
}

static unsigned long shrinker_scan(struct shrinker *shrinker,
				   struct shrink_control *sc)
{
	return kpkeys_pool_shrink_node(sc->nid, sc->nr_to_scan) ?: SHRINK_STOP;
}

static int __init kpkeys_pool_late_init(void)
{
	struct shrinker *shrinker;
	int err;

	if (!kpkeys_hardened_pgtables_enabled())
		return 0;

	err = cpuhp_setup_state_nocalls(CPUHP_BP_PREPARE_DYN, "mm/kpkeys:dead",
					NULL, drain_dead_cpu);
	if (err < 0)
		pr_warn("pages cached by CPUs that go offline are lost: error %d\n", err);

	shrinker = shrinker_alloc(SHRINKER_NUMA_AWARE, "mm-kpkeys");
	if (!shrinker) {
		pr_warn("no memory for the shrinker: unused memory is kept\n");
		return 0;
	}
	shrinker->count_objects = shrinker_count;
	shrinker->scan_objects = shrinker_scan;
	shrinker_register(shrinker);
	return 0;
}
core_initcall(kpkeys_pool_late_init);

/**
 * kpkeys_pool_init() - Set up the pool, which is empty
 *
 * Context: Boot CPU, when the page and slab allocators are up.
 */
void __init kpkeys_pool_init(void)
{
	kpkeys_chunks_init();
}

/**
 * kpkeys_pool_add_boot_chunk() - Add pages that early page tables left over
 * @page: First page; memblock has reserved it, and it carries the pkey
 * @nr_pages: Number of pages; they do not cross a boundary of maximal chunk size
 *
 * Context: Boot CPU, after kpkeys_pool_init().
 * Return: false if there is no memory for this: the pages are lost.
 */
bool __init kpkeys_pool_add_boot_chunk(struct page *page, unsigned int nr_pages)
{
	struct kpkeys_chunk *chunk;

	chunk = kpkeys_chunk_create(page_to_nid(page), page, nr_pages, GFP_KERNEL);
	if (!chunk) {
		kpkeys_pool_leak(page, nr_pages, "no memory to keep track of a chunk");
		return false;
	}

	guard(mutex)(&refill_mutex);
	publish_chunk(chunk);
	return true;
}

/**
 * kpkeys_pool_get_stats() - Figures of the pool
 * @stats: Filled in
 *
 * Context: Any.
 */
void kpkeys_pool_get_stats(struct kpkeys_pool_stats *stats)
{
	unsigned int cpu;

	*stats = (struct kpkeys_pool_stats) {
		.unpooled = atomic_long_read(&nr_unpooled),
		/* Figures, which need not match each other. */
		.reserved = data_race(nr_reserve),
	};

	kpkeys_chunk_get_stats(stats);
	for_each_possible_cpu(cpu)
		/* Other CPUs use theirs. */
		stats->cached += data_race(per_cpu(kpkeys_cache, cpu).nr);
	stats->free += stats->cached + stats->reserved;
}
