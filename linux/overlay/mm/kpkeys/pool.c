// SPDX-License-Identifier: GPL-2.0-only
/*
 * kpkeys_hardened_pgtables: the pool that page-table pages come from.
 *
 * Memory enters the pool in blocks as large as can be had, which are tagged
 * with KPKEYS_PKEY_PGTABLES as a whole and keep the pkey while they are in the
 * pool, whether a page is in use or free. So in the steady state an allocation
 * changes no pkey, and the linear map needs at most one split a block.
 *
 *   per-CPU caches  <->  free pages of partly used blocks  <->  empty blocks
 *                                                                   |
 *                                                 page allocator <--+ shrinker
 *
 * No lock is held while memory is allocated, tagged or given back. Where the
 * architecture has to split the linear map to tag a block, it allocates page
 * tables itself; these come from the pages at hand, or from the reserve, and
 * never start another refill (current_split()).
 *
 * A page keeps one reference while it is in the pool, so a speculative
 * reference by somebody else cannot release it to the page allocator.
 */

#define pr_fmt(fmt) "kpkeys: " fmt

#include <linux/bitmap.h>
#include <linux/cpuhotplug.h>
#include <linux/fault-inject.h>
#include <linux/init.h>
#include <linux/kpkeys.h>
#include <linux/llist.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <linux/shrinker.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>
#include "kpkeys.h"

#define BLOCK_MAX_ORDER		min_t(unsigned int, get_order(SZ_2M), MAX_PAGE_ORDER)
#define BLOCK_MIN_ORDER		2	/* see refill() */

/* A linear map of 4 levels splits a PUD and a PMD entry to reach a PTE. */
#define RESERVE_PAGES		4

#define CACHE_PAGES		32
#define CACHE_BATCH		(CACHE_PAGES / 2)

/* A node with fewer free pages is refilled before an atomic allocation fails. */
#define LOW_PAGES		64

struct kpkeys_pool;

/**
 * struct kpkeys_block - Contiguous pages that were tagged together
 * @list: In one of the lists of the pool
 * @all: In kpkeys_pool.all
 * @pool: The pool: that of the node for which the memory was asked, which is
 *	  not where all of it came from if that node was short of memory
 * @free: Free pages of the block that are in no per-CPU cache
 * @nr_free: Their number
 * @nr_pages: Size of the block
 * @page: First page
 * @tagged: All pages carry the pkey; false while that is being changed
 * @boot: Memory from before the page allocator was up; is never given back
 * @used: Bit set: the page is a page-table page. Also catches double frees.
 */
struct kpkeys_block {
	struct list_head list;
	struct list_head all;
	struct kpkeys_pool *pool;
	struct list_head free;
	unsigned int nr_free;
	unsigned int nr_pages;
	struct page *page;
	bool tagged;
	bool boot;
	unsigned long used[];
};

/**
 * struct kpkeys_pool - The blocks of a NUMA node
 * @lock: Protects all of it, and the blocks
 * @partial: Blocks with free and other pages
 * @full: Blocks without free pages
 * @empty: Blocks with free pages only
 * @all: All blocks, those being refilled and leaked ones among them
 * @nr_blocks: Blocks in @partial, @full and @empty
 * @nr_pages: Their pages
 * @nr_free: Free pages in @partial and @empty
 * @nr_empty: Pages in those of @empty that can be given back
 */
struct kpkeys_pool {
	raw_spinlock_t lock;
	struct list_head partial;
	struct list_head full;
	struct list_head empty;
	struct list_head all;
	unsigned long nr_blocks;
	unsigned long nr_pages;
	unsigned long nr_free;
	unsigned long nr_empty;
};

static struct kpkeys_pool pools[MAX_NUMNODES];

/**
 * struct kpkeys_cache - Free pages of a CPU
 * @lock: Taken with trylock by the CPU itself, so that it never waits for
 *	  kpkeys_pool_shrink(); the pool itself is used instead
 * @busy: The CPU is using the cache: an interrupt that finds it set uses the
 *	  pool, also on UP where the lock is none
 * @nr: Number of pages
 * @pages: The pages; the last one is the hottest
 */
struct kpkeys_cache {
	raw_spinlock_t lock;
	bool busy;
	unsigned int nr;
	struct page *pages[CACHE_PAGES];
};

static DEFINE_PER_CPU(struct kpkeys_cache, kpkeys_cache) = {
	.lock = __RAW_SPIN_LOCK_UNLOCKED(kpkeys_cache.lock),
};

static DEFINE_RAW_SPINLOCK(reserve_lock);
static struct page *reserve[RESERVE_PAGES];
static unsigned int nr_reserve;

static atomic_long_t nr_direct;
static atomic_long_t nr_leaked;

/* Stands for "no block" in a PTP that does not come from the pool. */
static struct kpkeys_block direct_block;

/* The block of a page of the pool, NULL for any other PTP. */
static struct kpkeys_block *page_block(const struct page *page)
{
	return (struct kpkeys_block *)page_ptdesc(page)->__page_mapping;
}

static void set_page_block(struct page *page, struct kpkeys_block *block)
{
	page_ptdesc(page)->__page_mapping = (unsigned long)block;
}

/*
 * Blocks
 */

/* Puts a block into the list that its free pages say. */
static void pool_file_block(struct kpkeys_pool *pool, struct kpkeys_block *block)
{
	struct list_head *list;

	lockdep_assert_held(&pool->lock);

	if (!block->nr_free)
		list = &pool->full;
	else if (block->nr_free == block->nr_pages)
		list = &pool->empty;
	else
		list = &pool->partial;
	list_move(&block->list, list);
}

static void pool_put_locked(struct kpkeys_pool *pool, struct page *page)
{
	struct kpkeys_block *block = page_block(page);
	bool was_full = !block->nr_free;

	list_add(&page->lru, &block->free);
	block->nr_free++;
	pool->nr_free++;

	if (block->nr_free == block->nr_pages && !block->boot)
		pool->nr_empty += block->nr_pages;
	if (was_full || block->nr_free == block->nr_pages)
		pool_file_block(pool, block);
}

static void pool_put(struct page **pages, unsigned int nr)
{
	while (nr--) {
		struct kpkeys_pool *pool = page_block(pages[nr])->pool;

		guard(raw_spinlock_irqsave)(&pool->lock);
		pool_put_locked(pool, pages[nr]);
	}
}

/* Takes up to @nr pages, from partly used blocks first. */
static unsigned int pool_take_locked(struct kpkeys_pool *pool, struct page **pages,
				     unsigned int nr)
{
	unsigned int taken = 0;

	lockdep_assert_held(&pool->lock);

	while (taken < nr && pool->nr_free) {
		struct kpkeys_block *block;
		struct list_head *list;
		bool was_empty;

		list = list_empty(&pool->partial) ? &pool->empty : &pool->partial;
		block = list_first_entry(list, struct kpkeys_block, list);
		was_empty = block->nr_free == block->nr_pages;

		pages[taken] = list_first_entry(&block->free, struct page, lru);
		list_del(&pages[taken]->lru);
		taken++;
		block->nr_free--;
		pool->nr_free--;

		if (was_empty && !block->boot)
			pool->nr_empty -= block->nr_pages;
		if (was_empty || !block->nr_free)
			pool_file_block(pool, block);
	}
	return taken;
}

static unsigned int pool_take(struct kpkeys_pool *pool, struct page **pages,
			      unsigned int nr)
{
	guard(raw_spinlock_irqsave)(&pool->lock);
	return pool_take_locked(pool, pages, nr);
}

static struct kpkeys_block *block_create(struct kpkeys_pool *pool, struct page *page,
					 unsigned int nr_pages, gfp_t gfp)
{
	struct kpkeys_block *block;

	block = kzalloc(struct_size(block, used, BITS_TO_LONGS(nr_pages)), gfp);
	if (!block)
		return NULL;

	INIT_LIST_HEAD(&block->list);
	INIT_LIST_HEAD(&block->free);
	block->pool = pool;
	block->page = page;
	block->nr_pages = nr_pages;

	/* The audit must find whose pages these are once they carry the pkey. */
	scoped_guard(raw_spinlock_irqsave, &pool->lock)
		list_add(&block->all, &pool->all);
	return block;
}

static void block_destroy(struct kpkeys_block *block)
{
	struct kpkeys_pool *pool = block->pool;

	scoped_guard(raw_spinlock_irqsave, &pool->lock)
		list_del(&block->all);
	kfree(block);
}

/*
 * Makes all pages of a tagged block available, first of all to the reserve: once
 * the lock is dropped others may take them all.
 */
static void block_publish(struct kpkeys_block *block)
{
	struct kpkeys_pool *pool = block->pool;
	unsigned int i;

	guard(raw_spinlock_irqsave)(&pool->lock);

	block->tagged = true;
	pool->nr_blocks++;
	pool->nr_pages += block->nr_pages;
	for (i = 0; i < block->nr_pages; i++) {
		set_page_block(block->page + i, block);
		pool_put_locked(pool, block->page + i);
	}

	scoped_guard(raw_spinlock, &reserve_lock)
		nr_reserve += pool_take_locked(pool, reserve + nr_reserve,
					       RESERVE_PAGES - nr_reserve);
}

/*
 * Splits of the linear map
 */

/*
 * Tasks that split the linear map, or may have to, as they tag a block. Page
 * tables that they need come from pages at hand: another refill would want to
 * split, too, for which it needs the locks that the first split holds.
 */
static DEFINE_RAW_SPINLOCK(splits_lock);
static LIST_HEAD(splits);

static void split_add(struct kpkeys_split *split)
{
	split->task = current;

	guard(raw_spinlock_irqsave)(&splits_lock);
	list_add(&split->list, &splits);
}

static void split_del(struct kpkeys_split *split)
{
	guard(raw_spinlock_irqsave)(&splits_lock);
	list_del(&split->list);
}

static struct kpkeys_split *current_split(void)
{
	struct kpkeys_split *split;

	guard(raw_spinlock_irqsave)(&splits_lock);
	list_for_each_entry(split, &splits, list)
		if (split->task == current)
			return split;
	return NULL;
}

/* Changes the pkey of a block. What this splits does not make the pool grow. */
static int block_set_pkey(struct kpkeys_block *block, int pkey)
{
	struct kpkeys_split split = { };
	int err;

	split_add(&split);
	err = set_memory_pkey((unsigned long)page_address(block->page),
			      block->nr_pages, pkey);
	split_del(&split);
	return err;
}

/*
 * Takes the pkey from a block and gives it to the page allocator. If the pkey
 * cannot be taken the pages are lost: whoever got them next could not write to
 * them. The block stays on the pool's list of all blocks, which explains them
 * to the audit.
 */
static bool block_release(struct kpkeys_block *block)
{
	struct page *page = block->page;
	unsigned int i, nr_pages = block->nr_pages;

	block->tagged = false;
	for (i = 0; i < nr_pages; i++)
		set_page_block(page + i, NULL);

	if (block_set_pkey(block, KPKEYS_PKEY_DEFAULT)) {
		atomic_long_add(nr_pages, &nr_leaked);
		pr_warn_once("cannot unprotect memory, %u pages are lost\n", nr_pages);
		return false;
	}

	block_destroy(block);
	for (i = 0; i < nr_pages; i++)
		__free_page(page + i);
	return true;
}

/*
 * Per-CPU caches
 */

static bool cache_trylock(struct kpkeys_cache *cache)
{
	if (cache->busy)
		return false;

	cache->busy = true;
	barrier();
	if (raw_spin_trylock(&cache->lock))
		return true;
	cache->busy = false;
	return false;
}

static void cache_unlock(struct kpkeys_cache *cache)
{
	raw_spin_unlock(&cache->lock);
	barrier();
	cache->busy = false;
}

static struct page *take_page(int nid)
{
	struct kpkeys_cache *cache = get_cpu_ptr(&kpkeys_cache);
	struct page *page = NULL;

	if (cache_trylock(cache)) {
		if (!cache->nr)
			cache->nr = pool_take(&pools[nid], cache->pages, CACHE_BATCH);
		if (cache->nr)
			page = cache->pages[--cache->nr];
		cache_unlock(cache);
	} else {
		pool_take(&pools[nid], &page, 1);
	}
	put_cpu_ptr(&kpkeys_cache);

	return page;
}

static void put_page_back(struct page *page)
{
	struct kpkeys_cache *cache = get_cpu_ptr(&kpkeys_cache);

	if (cache_trylock(cache)) {
		if (cache->nr == CACHE_PAGES) {
			pool_put(cache->pages, CACHE_BATCH);
			cache->nr -= CACHE_BATCH;
			memmove(cache->pages, cache->pages + CACHE_BATCH,
				cache->nr * sizeof(cache->pages[0]));
		}
		cache->pages[cache->nr++] = page;
		cache_unlock(cache);
	} else {
		pool_put(&page, 1);
	}
	put_cpu_ptr(&kpkeys_cache);
}

static void drain_cache(unsigned int cpu)
{
	struct kpkeys_cache *cache = per_cpu_ptr(&kpkeys_cache, cpu);

	guard(raw_spinlock_irqsave)(&cache->lock);
	pool_put(cache->pages, cache->nr);
	cache->nr = 0;
}

static int drain_dead_cpu(unsigned int cpu)
{
	drain_cache(cpu);
	return 0;
}

/*
 * Refill
 */

/* One at a time: the reserve is for one. */
static DEFINE_MUTEX(refill_mutex);
static struct task_struct *refiller;

static struct page *take_reserved_page(void)
{
	if (READ_ONCE(refiller) != current)
		return NULL;

	guard(raw_spinlock_irqsave)(&reserve_lock);
	return nr_reserve ? reserve[--nr_reserve] : NULL;
}

/*
 * Freed vmalloc memory stays mapped until its range is purged: do not leave a
 * writable alias of what becomes page tables.
 */
static void unmap_aliases(gfp_t gfp)
{
	if (gfpflags_allow_blocking(gfp) && system_state >= SYSTEM_RUNNING)
		vm_unmap_aliases();
}

/*
 * Adds the largest block that can be had. Only the smallest size is worth
 * reclaiming memory for; it is four pages, so that a refill that uses up to
 * three of the reserve to split the linear map down to pages replaces them.
 */
static bool refill(int nid, gfp_t gfp)
{
	struct kpkeys_block *block;
	struct page *page;
	int order, err;

	gfp &= ~(__GFP_ZERO | __GFP_ACCOUNT | __GFP_COMP);

	for (order = BLOCK_MAX_ORDER; order >= BLOCK_MIN_ORDER; order--) {
		gfp_t block_gfp = gfp | __GFP_NOWARN;

		if (order > BLOCK_MIN_ORDER) {
			block_gfp &= ~__GFP_RECLAIM;
			block_gfp |= __GFP_NORETRY;
		}

		page = alloc_pages_node(nid, block_gfp, order);
		if (!page)
			continue;
		split_page(page, order);

		block = block_create(&pools[nid], page, 1U << order,
				     gfp & ~__GFP_SKIP_KASAN);
		if (!block) {
			int i;

			for (i = 0; i < 1 << order; i++)
				__free_page(page + i);
			return false;
		}

		unmap_aliases(gfp);
		guard(mutex)(&refill_mutex);
		WRITE_ONCE(refiller, current);
		err = block_set_pkey(block, KPKEYS_PKEY_PGTABLES);
		if (!err)
			block_publish(block);
		else
			block_release(block);	/* some pages may carry the pkey */
		WRITE_ONCE(refiller, NULL);
		if (!err)
			return true;
	}
	return false;
}

static void refill_work_fn(struct work_struct *work)
{
	int nid;

	for_each_online_node(nid) {
		struct kpkeys_pool *pool = &pools[nid];

		if (READ_ONCE(pool->nr_pages) && READ_ONCE(pool->nr_free) < LOW_PAGES)
			refill(nid, GFP_KERNEL | __GFP_SKIP_KASAN);
	}
}

static DECLARE_WORK(refill_work, refill_work_fn);

/* Early in boot the next work that is scheduled finds what has been left. */
static void do_later(struct work_struct *work)
{
	if (system_state >= SYSTEM_SCHEDULING)
		schedule_work(work);
}

/*
 * PTPs of more than one page, and of special zones
 */

static struct page *alloc_direct(gfp_t gfp, unsigned int order)
{
	struct page *page;

	page = alloc_pages_noprof((gfp & ~__GFP_ZERO) | __GFP_COMP, order);
	if (!page)
		return NULL;

	unmap_aliases(gfp);
	set_page_block(page, &direct_block);
	atomic_long_add(1L << order, &nr_direct);
	if (!set_memory_pkey((unsigned long)page_address(page), 1 << order,
			     KPKEYS_PKEY_PGTABLES))
		return page;

	kpkeys_pgtable_free(page_ptdesc(page));
	return NULL;
}

/*
 * Freeing must be possible in any context, changing a pkey is not. The list
 * goes through ptdesc->pt_rcu_head, whose grace period, if any, is over.
 */
static LLIST_HEAD(direct_free_list);

static void direct_free_fn(struct work_struct *work)
{
	struct llist_node *node = llist_del_all(&direct_free_list);
	struct page *page, *next;

	llist_for_each_entry_safe(page, next, node, pcp_llist) {
		unsigned int order = compound_order(page);

		if (set_memory_pkey((unsigned long)page_address(page), 1 << order,
				    KPKEYS_PKEY_DEFAULT)) {
			atomic_long_add(1L << order, &nr_leaked);
			pr_warn_once("cannot unprotect memory, %u pages are lost\n",
				     1U << order);
			continue;
		}
		set_page_block(page, NULL);
		atomic_long_sub(1L << order, &nr_direct);
		__free_pages(page, order);
	}
}

static DECLARE_WORK(direct_free_work, direct_free_fn);

/*
 * Allocating and freeing PTPs
 */

static struct page *alloc_single(gfp_t gfp)
{
	int nid = numa_mem_id();
	struct kpkeys_split *split;
	struct page *page;

	page = take_page(nid);
	if (page)
		return page;

	split = current_split();
	if (split)
		return split->nr ? split->pages[--split->nr] : take_reserved_page();

	if (!gfpflags_allow_blocking(gfp)) {
		do_later(&refill_work);
		return NULL;
	}

	/* Others can take what a refill adds, but not for ever. */
	while (!page && refill(nid, gfp)) {
		page = take_page(nid);
		cond_resched();
	}
	return page;
}

/**
 * kpkeys_split_begin() - Get page tables for a split of the linear map
 * @split: Storage, on the stack of the caller
 *
 * For architectures that split block mappings of the linear map live. Until
 * kpkeys_split_end(), page tables that this task allocates do not make the
 * pool grow, which could need another split.
 *
 * Context: Process context, before locks are taken that a split needs. If this
 * task is making the pool grow, nothing is done: that has a reserve.
 */
void kpkeys_split_begin(struct kpkeys_split *split)
{
	struct page *page;

	split->task = NULL;
	if (!kpkeys_hardened_pgtables_enabled() || current_split())
		return;

	split->nr = 0;
	while (split->nr < KPKEYS_SPLIT_PAGES) {
		page = alloc_single(GFP_KERNEL | __GFP_SKIP_KASAN);
		if (!page)
			break;	/* the split fails, if it needs that many */
		split->pages[split->nr++] = page;
	}

	split_add(split);
}

/**
 * kpkeys_split_end() - Give back page tables that a split did not need
 * @split: Of kpkeys_split_begin()
 */
void kpkeys_split_end(struct kpkeys_split *split)
{
	if (!split->task)
		return;

	split_del(split);
	while (split->nr)
		put_page_back(split->pages[--split->nr]);
}

/**
 * kpkeys_pgtable_alloc() - Allocate a protected page-table page
 * @gfp: As for alloc_pages(). __GFP_ZERO and __GFP_ACCOUNT are heeded.
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
	struct kpkeys_block *block;
	struct page *page;
	unsigned int i;

	if (should_fail_alloc_page(gfp, order))
		return NULL;

	if (order || (gfp & GFP_ZONEMASK)) {
		page = alloc_direct(gfp, order);
		if (!page)
			return NULL;
	} else {
		page = alloc_single(gfp);
		if (!page)
			return NULL;

		if ((gfp & __GFP_ACCOUNT) && memcg_kmem_charge_page(page, gfp, 0)) {
			put_page_back(page);
			return NULL;
		}

		block = page_block(page);
		WARN_ON_ONCE(test_and_set_bit(page - block->page, block->used));

		/* As the page allocator hands it out, but for @__page_mapping. */
		page->lru.next = NULL;
		page->lru.prev = NULL;
		page_ptdesc(page)->pt_index = 0;
		set_page_private(page, 0);

		if (!gfpflags_allow_blocking(gfp) &&
		    READ_ONCE(block->pool->nr_free) < LOW_PAGES)
			do_later(&refill_work);
	}

	if (gfp & __GFP_ZERO) {
		guard(kpkeys_hardened_pgtables)();

		for (i = 0; i < 1U << order; i++)
			clear_page(page_address(page + i));
	}
	return page_ptdesc(page);
}

bool __kpkeys_pgtable_free(struct ptdesc *pt)
{
	struct page *page = ptdesc_page(pt);
	struct kpkeys_block *block = page_block(page);

	if (!block)
		return false;

	if (block == &direct_block) {
		llist_add(&page->pcp_llist, &direct_free_list);
		do_later(&direct_free_work);
		return true;
	}

	/* A page that is freed twice must not be handed out twice. */
	if (WARN_ON_ONCE(!test_and_clear_bit(page - block->page, block->used)))
		return true;

	memcg_kmem_uncharge_page(page, 0);
	put_page_back(page);
	return true;
}

/*
 * Shrinking
 */

static unsigned long shrink_node(int nid, unsigned long nr_pages)
{
	struct kpkeys_pool *pool = &pools[nid];
	struct kpkeys_block *block, *next;
	unsigned long taken = 0, freed = 0;
	LIST_HEAD(release);

	scoped_guard(raw_spinlock_irqsave, &pool->lock) {
		list_for_each_entry_safe(block, next, &pool->empty, list) {
			if (taken >= nr_pages)
				break;
			if (block->boot)
				continue;
			list_move(&block->list, &release);
			taken += block->nr_pages;
			pool->nr_blocks--;
			pool->nr_pages -= block->nr_pages;
			pool->nr_free -= block->nr_pages;
			pool->nr_empty -= block->nr_pages;
		}
	}

	list_for_each_entry_safe(block, next, &release, list) {
		unsigned int nr = block->nr_pages;

		if (block_release(block))
			freed += nr;
	}
	return freed;
}

/**
 * kpkeys_pool_shrink() - Give unused memory back to the page allocator
 * @nr_pages: How many pages are wanted; rounded up to whole blocks
 *
 * Empties the per-CPU caches first. Blocks with a page in use stay.
 *
 * Context: Process context; may sleep.
 * Return: number of pages given back
 */
unsigned long kpkeys_pool_shrink(unsigned long nr_pages)
{
	unsigned long freed = 0;
	unsigned int cpu;
	int nid;

	for_each_possible_cpu(cpu)
		drain_cache(cpu);

	for_each_online_node(nid) {
		if (freed >= nr_pages)
			break;
		freed += shrink_node(nid, nr_pages - freed);
	}
	return freed;
}

static unsigned long shrinker_count(struct shrinker *shrinker,
				    struct shrink_control *sc)
{
	return READ_ONCE(pools[sc->nid].nr_empty) ?: SHRINK_EMPTY;
}

static unsigned long shrinker_scan(struct shrinker *shrinker,
				   struct shrink_control *sc)
{
	return shrink_node(sc->nid, sc->nr_to_scan) ?: SHRINK_STOP;
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
 * kpkeys_pool_init() - Set up the pool, with a first block
 *
 * Context: Boot CPU, when the page and slab allocators are up.
 */
void __init kpkeys_pool_init(void)
{
	int nid;

	for (nid = 0; nid < MAX_NUMNODES; nid++) {
		struct kpkeys_pool *pool = &pools[nid];

		raw_spin_lock_init(&pool->lock);
		INIT_LIST_HEAD(&pool->partial);
		INIT_LIST_HEAD(&pool->full);
		INIT_LIST_HEAD(&pool->empty);
		INIT_LIST_HEAD(&pool->all);
	}
}

/**
 * kpkeys_pool_add_boot_pages() - Add what early page tables left over
 * @page: First page; memblock has reserved it, and it carries the pkey
 * @nr_pages: Number of pages
 *
 * Context: Boot CPU, after kpkeys_pool_init().
 */
void __init kpkeys_pool_add_boot_pages(struct page *page, unsigned int nr_pages)
{
	struct kpkeys_block *block;
	unsigned int i;

	block = block_create(&pools[page_to_nid(page)], page, nr_pages, GFP_KERNEL);
	if (!block)
		return;		/* reserved and unused memory, as it is now */

	block->boot = true;
	for (i = 0; i < nr_pages; i++)
		ClearPageReserved(page + i);
	block_publish(block);
}

/*
 * For the report and the audit
 */

/**
 * kpkeys_pool_page_state() - What the pool knows of a page
 * @page: Any page
 *
 * Context: Any. The answer can be stale unless other CPUs are stopped.
 * Return: KPKEYS_PAGE_PTP, KPKEYS_PAGE_FREE or KPKEYS_PAGE_NONE
 */
enum kpkeys_page_state kpkeys_pool_page_state(struct page *page)
{
	struct kpkeys_block *block;
	int nid;

	/* The page's own word cannot be trusted: it may be anybody's. */
	for_each_online_node(nid) {
		list_for_each_entry(block, &pools[nid].all, all) {
			if (page < block->page || page >= block->page + block->nr_pages)
				continue;
			return test_bit(page - block->page, block->used) ?
				KPKEYS_PAGE_PTP : KPKEYS_PAGE_FREE;
		}
	}

	page = compound_head(page);
	if (page_block(page) == &direct_block)
		return KPKEYS_PAGE_PTP;
	return KPKEYS_PAGE_NONE;
}

/**
 * kpkeys_pool_walk_ranges() - Visit the memory of the pool
 * @fn: Called for each block whose pages carry the pkey
 * @arg: Passed to @fn
 *
 * Context: Other CPUs must be stopped.
 */
void kpkeys_pool_walk_ranges(kpkeys_range_fn fn, void *arg)
{
	struct kpkeys_block *block;
	int nid;

	for_each_online_node(nid) {
		list_for_each_entry(block, &pools[nid].all, all) {
			unsigned long start = (unsigned long)page_address(block->page);

			if (!block->tagged)
				continue;
			fn(start, start + block->nr_pages * PAGE_SIZE, arg);
		}
	}
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
	int nid;

	*stats = (struct kpkeys_pool_stats) {
		.direct = atomic_long_read(&nr_direct),
		.leaked = atomic_long_read(&nr_leaked),
		.reserved = READ_ONCE(nr_reserve),
	};

	for_each_online_node(nid) {
		stats->blocks += READ_ONCE(pools[nid].nr_blocks);
		stats->pages += READ_ONCE(pools[nid].nr_pages);
		stats->free += READ_ONCE(pools[nid].nr_free);
	}
	for_each_possible_cpu(cpu)
		stats->cached += READ_ONCE(per_cpu(kpkeys_cache, cpu).nr);
	stats->free += stats->cached + stats->reserved;
}

#ifdef CONFIG_KPKEYS_DEBUG
/**
 * kpkeys_test_free_ptp() - Find a free page of the pool, for LKDTM
 *
 * Context: Any. The page can be handed out at any time.
 * Return: address of the page, or NULL if none is free
 */
void *kpkeys_test_free_ptp(void)
{
	struct kpkeys_pool *pool = &pools[numa_mem_id()];
	struct kpkeys_block *block;

	guard(raw_spinlock_irqsave)(&pool->lock);
	if (!pool->nr_free)
		return NULL;

	block = list_first_entry(list_empty(&pool->partial) ? &pool->empty : &pool->partial,
				 struct kpkeys_block, list);
	return page_address(list_last_entry(&block->free, struct page, lru));
}
#endif
