/* SPDX-License-Identifier: GPL-2.0-only */
/* kpkeys_hardened_pgtables: interfaces between the files of the pool. */
#ifndef MM_KPKEYS_POOL_H
#define MM_KPKEYS_POOL_H

#include <linux/gfp.h>
#include <linux/init.h>
#include <linux/kpkeys_pgtables.h>
#include <linux/local_lock.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include "kpkeys.h"

struct kpkeys_pool_node;

/**
 * struct kpkeys_chunk - Contiguous pages that were tagged together
 * @node: In chunk_table
 * @rcu: For kfree_rcu(): kpkeys_pool_page_state() takes no lock
 * @list: In one of the lists of the pool node
 * @pool: The pool node: the one for which the memory was requested. The memory
 *	  itself can be from another one if that node was short of memory.
 * @free: Free pages of the chunk that are in no per-CPU cache
 * @nr_free: Number of pages in @free
 * @nr_pages: Size of the chunk
 * @page: First page
 * @tagged: All pages carry the pkey; false while that is being changed
 * @boot: Memory from before the page allocator was up; never released
 * @used: Bit set: the page is a page-table page. Catches pages that are handed
 *	  out or freed twice.
 */
struct kpkeys_chunk {
	struct hlist_node node;
	struct rcu_head rcu;
	struct list_head list;
	struct kpkeys_pool_node *pool;
	struct list_head free;
	unsigned int nr_free;
	unsigned int nr_pages;
	struct page *page;
	bool tagged;
	bool boot;
	unsigned long used[];
};

/**
 * struct kpkeys_pool_node - The chunks of a NUMA node
 * @lock: Protects all members, and the chunks, but for their @used bits
 * @partial: Chunks with free and with other pages
 * @full: Chunks without free pages
 * @empty: Chunks with free pages only
 * @nr_chunks: Number of chunks in @partial, @full and @empty
 * @nr_total: Number of pages in them
 * @nr_free: Number of free pages in @partial and @empty
 * @nr_empty: Number of pages in chunks of @empty that can be released
 */
struct kpkeys_pool_node {
	raw_spinlock_t lock;
	struct list_head partial __guarded_by(&lock);
	struct list_head full __guarded_by(&lock);
	struct list_head empty __guarded_by(&lock);
	unsigned long nr_chunks __guarded_by(&lock);
	unsigned long nr_total __guarded_by(&lock);
	unsigned long nr_free __guarded_by(&lock);
	unsigned long nr_empty __guarded_by(&lock);
};

/* A block mapping on most architectures, so that no split is needed. */
#define KPKEYS_CHUNK_MAX_ORDER	min_t(unsigned int, get_order(SZ_2M), MAX_PAGE_ORDER)

/* chunk.c */
void __init kpkeys_chunks_init(void);
struct kpkeys_chunk *kpkeys_chunk_create(int nid, struct page *page,
					 unsigned int nr_pages, gfp_t gfp);
unsigned int kpkeys_chunk_publish(struct kpkeys_chunk *chunk, struct page **pages,
				  unsigned int nr);
bool kpkeys_chunk_release(struct kpkeys_chunk *chunk);
unsigned int kpkeys_chunk_get_pages(int nid, struct page **pages, unsigned int nr);
void kpkeys_chunk_put_pages(struct page **pages, unsigned int nr);
struct kpkeys_chunk *kpkeys_chunk_isolate_empty(int nid, unsigned int *nr_pages);
bool kpkeys_chunk_claim(struct page *page);
bool kpkeys_chunk_unclaim(struct page *page);
bool kpkeys_chunk_is_on_node(const struct page *page, int nid);

unsigned long kpkeys_node_nr_pages(int nid);
unsigned long kpkeys_node_nr_free(int nid);
unsigned long kpkeys_node_nr_empty(int nid);

int kpkeys_pool_set_pkey(struct page *page, unsigned int nr_pages, int pkey);
void kpkeys_pool_leak(struct page *page, unsigned int nr_pages, const char *why);

void kpkeys_set_unpooled(struct page *page, bool unpooled);
bool kpkeys_is_unpooled(const struct page *page);
bool kpkeys_is_pool_page(const struct page *page);

void kpkeys_chunk_get_stats(struct kpkeys_pool_stats *stats);

/* pool.c */
void kpkeys_prealloc_add(struct kpkeys_ptp_prealloc *prealloc);
void kpkeys_prealloc_del(struct kpkeys_ptp_prealloc *prealloc);

#define KPKEYS_CACHE_PAGES	32

/**
 * struct kpkeys_cache - Free pages of a CPU
 * @lock: Protects the other members. Taken by the CPU itself only.
 * @nr: Number of entries in @pages
 * @pages: The pages; the last one is the hottest
 */
struct kpkeys_cache {
	local_trylock_t lock;
	unsigned int nr;
	struct page *pages[KPKEYS_CACHE_PAGES];
};

#if IS_ENABLED(CONFIG_KUNIT)
struct kpkeys_chunk *kpkeys_chunk_lookup(const struct page *page);
DECLARE_PER_CPU(struct kpkeys_cache, kpkeys_cache);
unsigned long kpkeys_pool_shrink_node(int nid, unsigned long nr_pages);
#endif

#ifdef CONFIG_KPKEYS_KUNIT_TEST
void kpkeys_pool_drain_this_cpu(void);

/* tests/fault.c */
bool kpkeys_test_fail_protect(void);
bool kpkeys_test_fail_chunk(void);
#else
static inline bool kpkeys_test_fail_protect(void)
{
	return false;
}

static inline bool kpkeys_test_fail_chunk(void)
{
	return false;
}
#endif

#endif /* MM_KPKEYS_POOL_H */
