// SPDX-License-Identifier: GPL-2.0-only
/*
 * kpkeys_hardened_pgtables: the chunks that the pool consists of.
 *
 * A chunk is memory that entered the pool together. It is tagged with
 * KPKEYS_PKEY_PGTABLES as a whole, and only then published: its pages become
 * available. It keeps the pkey until it is released to the page allocator as a
 * whole. A chunk whose pkey cannot be changed is leaked: it is not published, or
 * not freed, but stays known to the report and the audit.
 *
 * All locks are raw spinlocks: page tables are freed by RCU callbacks and with
 * interrupts disabled, where PREEMPT_RT allows no other ones. The longest section
 * is that of kpkeys_chunk_publish(), with one list_add() for each page of a chunk.
 */

#define pr_fmt(fmt) "kpkeys: " fmt

#include <kunit/static_stub.h>
#include <kunit/visibility.h>
#include <linux/bitmap.h>
#include <linux/cleanup.h>
#include <linux/hashtable.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include "pool.h"

static struct kpkeys_pool_node pool_nodes[MAX_NUMNODES];

/*
 * All chunks, those being tagged and leaked ones among them, by the naturally
 * aligned memory of maximal chunk size in which they lie. No chunk crosses such a
 * boundary, so that a lookup searches one bucket. Looked up under RCU, as a report
 * must not take locks; changed under chunk_table_lock.
 */
#define CHUNK_TABLE_BITS	8

static DEFINE_RAW_SPINLOCK(chunk_table_lock);
static DEFINE_HASHTABLE(chunk_table, CHUNK_TABLE_BITS);

static atomic_long_t nr_leaked;

/* The chunk of PTPs that are protected, but do not come from the pool. */
static struct kpkeys_chunk unpooled_chunk;

static struct kpkeys_chunk *page_chunk(const struct page *page)
{
	return READ_ONCE(page_ptdesc(page)->pt_kpkeys_chunk);
}

static void set_page_chunk(struct page *page, struct kpkeys_chunk *chunk)
{
	WRITE_ONCE(page_ptdesc(page)->pt_kpkeys_chunk, chunk);
}

/**
 * kpkeys_set_unpooled() - Mark a PTP as one that does not come from the pool
 * @page: Its first page
 * @unpooled: Set or clear the mark
 */
void kpkeys_set_unpooled(struct page *page, bool unpooled)
{
	set_page_chunk(page, unpooled ? &unpooled_chunk : NULL);
}

/**
 * kpkeys_is_unpooled() - Does a protected PTP not come from the pool?
 * @page: First page of a PTP
 *
 * Return: true if it was marked by kpkeys_set_unpooled()
 */
bool kpkeys_is_unpooled(const struct page *page)
{
	return page_chunk(page) == &unpooled_chunk;
}

/**
 * kpkeys_is_pool_page() - Does a PTP come from the pool?
 * @page: A PTP; other pages use pt_kpkeys_chunk for something else
 *
 * Return: true if it does
 */
bool kpkeys_is_pool_page(const struct page *page)
{
	return page_chunk(page) && !kpkeys_is_unpooled(page);
}

/**
 * kpkeys_chunk_is_on_node() - Does a page belong to the pool of a NUMA node?
 * @page: A page of the pool
 * @nid: The node
 *
 * Compares pool nodes rather than page_to_nid(): a node that is short of memory gets
 * chunks from other nodes, which its CPUs can cache nevertheless.
 *
 * Return: true if it does
 */
bool kpkeys_chunk_is_on_node(const struct page *page, int nid)
{
#ifdef CONFIG_KPKEYS_KUNIT_TEST
	KUNIT_STATIC_STUB_REDIRECT(kpkeys_chunk_is_on_node, page, nid);
#endif
	return page_chunk(page)->pool == &pool_nodes[nid];
}

/**
 * kpkeys_pool_set_pkey() - Change the pkey of memory of the pool
 * @page: First page
 * @nr_pages: Number of pages
 * @pkey: The pkey
 *
 * set_memory_pkey(), which tests can make fail.
 *
 * Return: 0 or a negative error number
 */
int kpkeys_pool_set_pkey(struct page *page, unsigned int nr_pages, int pkey)
{
#ifdef CONFIG_KPKEYS_KUNIT_TEST
	KUNIT_STATIC_STUB_REDIRECT(kpkeys_pool_set_pkey, page, nr_pages, pkey);
#endif
	if (kpkeys_test_fail_protect())
		return -ENOMEM;

	return set_memory_pkey((unsigned long)page_address(page), nr_pages, pkey);
}

/**
 * kpkeys_pool_leak() - Account for pages that nobody can use any more
 * @page: First page
 * @nr_pages: Number of pages
 * @why: Reason, for the log
 */
void kpkeys_pool_leak(struct page *page, unsigned int nr_pages, const char *why)
{
	atomic_long_add(nr_pages, &nr_leaked);
	pr_warn_ratelimited("%s: %u pages at pfn 0x%lx are lost\n", why, nr_pages,
			    page_to_pfn(page));
}

/*
 * Free pages of chunks
 */

/* Move a chunk to the list that matches its number of free pages. */
static void pool_requeue_chunk(struct kpkeys_pool_node *pool, struct kpkeys_chunk *chunk)
	__must_hold(&pool->lock)
{
	struct list_head *list;

	lockdep_assert_held(&pool->lock);

	if (!chunk->nr_free)
		list = &pool->full;
	else if (chunk->nr_free == chunk->nr_pages)
		list = &pool->empty;
	else
		list = &pool->partial;
	list_move(&chunk->list, list);
}

static void pool_put_locked(struct kpkeys_pool_node *pool, struct page *page)
	__must_hold(&pool->lock)
{
	struct kpkeys_chunk *chunk = page_chunk(page);
	bool was_full = !chunk->nr_free;

	lockdep_assert_held(&pool->lock);

	list_add(&page_ptdesc(page)->pt_list, &chunk->free);
	chunk->nr_free++;
	pool->nr_free++;

	if (chunk->nr_free == chunk->nr_pages && !chunk->boot)
		pool->nr_empty += chunk->nr_pages;
	if (was_full || chunk->nr_free == chunk->nr_pages)
		pool_requeue_chunk(pool, chunk);
}

/* Takes up to @nr pages, from partly used chunks first. */
static unsigned int pool_get_locked(struct kpkeys_pool_node *pool, struct page **pages,
				    unsigned int nr)
	__must_hold(&pool->lock)
{
	unsigned int taken = 0;

	lockdep_assert_held(&pool->lock);

	while (taken < nr && pool->nr_free) {
		struct kpkeys_chunk *chunk;
		struct list_head *list;
		struct ptdesc *pt;
		bool was_empty;

		list = list_empty(&pool->partial) ? &pool->empty : &pool->partial;
		chunk = list_first_entry(list, struct kpkeys_chunk, list);
		was_empty = chunk->nr_free == chunk->nr_pages;

		pt = list_first_entry(&chunk->free, struct ptdesc, pt_list);
		list_del(&pt->pt_list);
		pages[taken++] = ptdesc_page(pt);
		chunk->nr_free--;
		pool->nr_free--;

		if (was_empty && !chunk->boot)
			pool->nr_empty -= chunk->nr_pages;
		if (was_empty || !chunk->nr_free)
			pool_requeue_chunk(pool, chunk);
	}
	return taken;
}

/**
 * kpkeys_chunk_get_pages() - Take free pages out of chunks
 * @nid: The node
 * @pages: Filled in
 * @nr: How many are wanted
 *
 * Context: Any but NMI.
 * Return: how many there were
 */
unsigned int kpkeys_chunk_get_pages(int nid, struct page **pages, unsigned int nr)
{
	struct kpkeys_pool_node *pool = &pool_nodes[nid];

	guard(raw_spinlock_irqsave)(&pool->lock);
	return pool_get_locked(pool, pages, nr);
}

/**
 * kpkeys_chunk_put_pages() - Put free pages back into their chunks
 * @pages: The pages
 * @nr: Number of pages
 *
 * Context: Any but NMI.
 */
void kpkeys_chunk_put_pages(struct page **pages, unsigned int nr)
{
	while (nr) {
		struct kpkeys_pool_node *pool = page_chunk(pages[nr - 1])->pool;

		/* Usually all of them are from one node. */
		guard(raw_spinlock_irqsave)(&pool->lock);
		do {
			pool_put_locked(pool, pages[--nr]);
		} while (nr && page_chunk(pages[nr - 1])->pool == pool);
	}
}

/**
 * kpkeys_chunk_claim() - Turn a free page into a PTP
 * @page: A page that was taken out of its chunk
 *
 * Fails if the page is a PTP already or belongs to no chunk: then a list or a cache
 * of the pool has been corrupted.
 *
 * Context: Any.
 * Return: false if the page must not be used.
 */
bool kpkeys_chunk_claim(struct page *page)
{
	struct kpkeys_chunk *chunk = page_chunk(page);

	return chunk && page >= chunk->page && page < chunk->page + chunk->nr_pages &&
	       !test_and_set_bit(page - chunk->page, chunk->used);
}

/**
 * kpkeys_chunk_unclaim() - Turn a PTP into a free page
 * @page: A PTP that comes from the pool
 *
 * Context: Any.
 * Return: false if the page is no PTP: it has been freed before.
 */
bool kpkeys_chunk_unclaim(struct page *page)
{
	struct kpkeys_chunk *chunk = page_chunk(page);

	return test_and_clear_bit(page - chunk->page, chunk->used);
}

/*
 * Life of a chunk
 */

static unsigned long chunk_key(const struct page *page)
{
	return page_to_pfn(page) >> KPKEYS_CHUNK_MAX_ORDER;
}

/**
 * kpkeys_chunk_create() - Make a chunk of memory
 * @nid: Node for which the memory was requested
 * @page: First page; a boot page if it is reserved
 * @nr_pages: Number of pages; they do not cross a boundary of maximal chunk size
 * @gfp: As for kmalloc()
 *
 * The pages are not available until the chunk has been tagged and published, but
 * can be looked up from now on, as some may carry the pkey soon.
 *
 * Return: the chunk, or NULL if there is no memory for it
 */
struct kpkeys_chunk *kpkeys_chunk_create(int nid, struct page *page,
					 unsigned int nr_pages, gfp_t gfp)
{
	struct kpkeys_chunk *chunk;

	if (WARN_ON_ONCE(chunk_key(page) != chunk_key(page + nr_pages - 1)))
		return NULL;

	if (kpkeys_test_fail_chunk())
		return NULL;

	chunk = kzalloc(struct_size(chunk, used, BITS_TO_LONGS(nr_pages)), gfp);
	if (!chunk)
		return NULL;

	INIT_LIST_HEAD(&chunk->list);
	INIT_LIST_HEAD(&chunk->free);
	chunk->pool = &pool_nodes[nid];
	chunk->page = page;
	chunk->nr_pages = nr_pages;
	chunk->boot = PageReserved(page);

	scoped_guard(raw_spinlock_irqsave, &chunk_table_lock)
		hash_add_rcu(chunk_table, &chunk->node, chunk_key(page));
	return chunk;
}

/**
 * kpkeys_chunk_publish() - Make the pages of a tagged chunk available
 * @chunk: The chunk; all of its pages carry the pkey
 * @pages: Filled in
 * @nr: How many pages the caller wants, before other CPUs can take them
 *
 * Context: Process context.
 * Return: number of entries in @pages
 */
unsigned int kpkeys_chunk_publish(struct kpkeys_chunk *chunk, struct page **pages,
				  unsigned int nr)
{
	struct kpkeys_pool_node *pool = chunk->pool;
	unsigned int i;

	for (i = 0; i < chunk->nr_pages; i++) {
		if (chunk->boot)
			ClearPageReserved(chunk->page + i);
		set_page_chunk(chunk->page + i, chunk);
	}

	guard(raw_spinlock_irqsave)(&pool->lock);

	chunk->tagged = true;
	pool->nr_chunks++;
	pool->nr_total += chunk->nr_pages;
	for (i = 0; i < chunk->nr_pages; i++)
		pool_put_locked(pool, chunk->page + i);

	return pool_get_locked(pool, pages, nr);
}

/**
 * kpkeys_chunk_release() - Untag a chunk and give it to the page allocator
 * @chunk: The chunk; it is in no list of the pool, and none of its pages is used
 *
 * If untagging fails, leak the pages: they must not reach the page allocator
 * read-only. The chunk stays in chunk_table so that the audit can account for it.
 *
 * Context: Process context; may sleep.
 * Return: true if the memory was freed
 */
bool kpkeys_chunk_release(struct kpkeys_chunk *chunk)
{
	unsigned int i, nr_pages = chunk->nr_pages;
	struct page *page = chunk->page;

	WRITE_ONCE(chunk->tagged, false);
	for (i = 0; i < nr_pages; i++)
		set_page_chunk(page + i, NULL);

	if (kpkeys_pool_set_pkey(page, nr_pages, KPKEYS_PKEY_DEFAULT)) {
		kpkeys_pool_leak(page, nr_pages, "cannot unprotect memory");
		return false;
	}

	scoped_guard(raw_spinlock_irqsave, &chunk_table_lock)
		hash_del_rcu(&chunk->node);
	kfree_rcu(chunk, rcu);

	for (i = 0; i < nr_pages; i++)
		__free_page(page + i);
	return true;
}

/**
 * kpkeys_chunk_isolate_empty() - Take a chunk without PTPs out of the pool
 * @nid: The node
 * @nr_pages: Set to the size of the chunk
 *
 * Return: the chunk, for kpkeys_chunk_release(), or NULL if there is none
 */
struct kpkeys_chunk *kpkeys_chunk_isolate_empty(int nid, unsigned int *nr_pages)
{
	struct kpkeys_pool_node *pool = &pool_nodes[nid];
	struct kpkeys_chunk *chunk;

	guard(raw_spinlock_irqsave)(&pool->lock);

	list_for_each_entry(chunk, &pool->empty, list) {
		if (chunk->boot)
			continue;

		list_del_init(&chunk->list);
		pool->nr_chunks--;
		pool->nr_total -= chunk->nr_pages;
		pool->nr_free -= chunk->nr_pages;
		pool->nr_empty -= chunk->nr_pages;
		*nr_pages = chunk->nr_pages;
		return chunk;
	}
	return NULL;
}

/**
 * kpkeys_chunks_init() - Set up the lists of chunks
 *
 * Context: Boot CPU.
 */
void __init kpkeys_chunks_init(void)
{
	int nid;

	for (nid = 0; nid < MAX_NUMNODES; nid++) {
		struct kpkeys_pool_node *pool = &pool_nodes[nid];

		guard(raw_spinlock_init)(&pool->lock);
		INIT_LIST_HEAD(&pool->partial);
		INIT_LIST_HEAD(&pool->full);
		INIT_LIST_HEAD(&pool->empty);
	}
}

/*
 * Figures
 */

/**
 * kpkeys_node_nr_pages() - Size of the pool of a NUMA node
 * @nid: The node
 *
 * Return: number of pages
 */
unsigned long kpkeys_node_nr_pages(int nid)
{
	/* Can be stale when it is used. */
	return data_race(pool_nodes[nid].nr_total);
}

/**
 * kpkeys_node_nr_free() - Free pages of a NUMA node that are in no cache
 * @nid: The node
 *
 * Return: number of pages
 */
unsigned long kpkeys_node_nr_free(int nid)
{
	/* Can be stale when it is used. */
	return data_race(pool_nodes[nid].nr_free);
}

/**
 * kpkeys_node_nr_empty() - Pages of a NUMA node that can be released
 * @nid: The node
 *
 * Return: number of pages
 */
unsigned long kpkeys_node_nr_empty(int nid)
{
	/* Can be stale when it is used. */
	return data_race(pool_nodes[nid].nr_empty);
}

/**
 * kpkeys_chunk_get_stats() - Figures of all chunks
 * @stats: Added to
 *
 * Context: Any.
 */
void kpkeys_chunk_get_stats(struct kpkeys_pool_stats *stats)
{
	int nid;

	for_each_online_node(nid) {
		/* Figures, which need not match each other. */
		stats->chunks += data_race(pool_nodes[nid].nr_chunks);
		stats->pages += kpkeys_node_nr_pages(nid);
		stats->free += kpkeys_node_nr_free(nid);
	}
	stats->leaked += atomic_long_read(&nr_leaked);
}

/*
 * For the report and the audit
 */

/**
 * kpkeys_chunk_lookup() - Find the chunk of a page
 * @page: Any page
 *
 * Context: Any, including NMI; in an RCU read-side critical section.
 * Return: the chunk, or NULL if there is none
 */
VISIBLE_IF_KUNIT struct kpkeys_chunk *kpkeys_chunk_lookup(const struct page *page)
{
	struct kpkeys_chunk *chunk;

	hash_for_each_possible_rcu(chunk_table, chunk, node, chunk_key(page))
		if (page >= chunk->page && page < chunk->page + chunk->nr_pages)
			return chunk;
	return NULL;
}

/**
 * kpkeys_pool_page_state() - Look up a page in the pool
 * @page: Any page
 *
 * For reports of faults: takes no lock, and follows no pointer of the page itself,
 * which can belong to anyone.
 *
 * Context: Any, including NMI. The answer can be stale unless other CPUs are
 * stopped.
 * Return: KPKEYS_PAGE_PTP, KPKEYS_PAGE_FREE or KPKEYS_PAGE_NONE
 */
enum kpkeys_page_state kpkeys_pool_page_state(struct page *page)
{
	struct kpkeys_chunk *chunk;

	guard(rcu)();

	chunk = kpkeys_chunk_lookup(page);
	if (chunk)
		return test_bit(page - chunk->page, chunk->used) ? KPKEYS_PAGE_PTP :
								   KPKEYS_PAGE_FREE;

	return kpkeys_is_unpooled(compound_head(page)) ? KPKEYS_PAGE_PTP :
							 KPKEYS_PAGE_NONE;
}

/**
 * kpkeys_pool_walk_ranges() - Visit the memory of the pool
 * @fn: Called for each chunk whose pages carry the pkey
 * @arg: Passed to @fn
 *
 * Context: Other CPUs must be stopped.
 */
void kpkeys_pool_walk_ranges(kpkeys_range_fn fn, void *arg)
{
	struct kpkeys_chunk *chunk;
	unsigned int bucket;

	guard(rcu)();

	hash_for_each_rcu(chunk_table, bucket, chunk, node) {
		unsigned long start = (unsigned long)page_address(chunk->page);

		if (chunk->tagged)
			fn(start, start + chunk->nr_pages * PAGE_SIZE, arg);
	}
}

#ifdef CONFIG_KPKEYS_DEBUG
/**
 * kpkeys_pool_peek_free() - Find a free page of the pool, for LKDTM
 *
 * Context: Any. The page can be handed out at any time.
 * Return: address of the page, or NULL if none is free
 */
void *kpkeys_pool_peek_free(void)
{
	struct kpkeys_pool_node *pool = &pool_nodes[numa_mem_id()];
	struct kpkeys_chunk *chunk;

	guard(raw_spinlock_irqsave)(&pool->lock);
	if (!pool->nr_free)
		return NULL;

	chunk = list_first_entry(list_empty(&pool->partial) ? &pool->empty : &pool->partial,
				 struct kpkeys_chunk, list);
	return ptdesc_address(list_last_entry(&chunk->free, struct ptdesc, pt_list));
}
#endif
