/* SPDX-License-Identifier: GPL-2.0-only */
/* kpkeys: interfaces between the files in this directory, and for backends. */
#ifndef MM_KPKEYS_KPKEYS_H
#define MM_KPKEYS_KPKEYS_H

#include <linux/kpkeys.h>
#include <linux/mm_types.h>

#ifdef CONFIG_KPKEYS_DEBUG
extern atomic_long_t kpkeys_nr_key_changes;
#endif

/* A page table of .rodata: no pkey, no context can write to it. */
#define KPKEYS_NO_PKEY	(-1)

/* report.c: print what was hit; the architecture prints the rest of the oops. */
void kpkeys_report_fault(unsigned long addr, bool write, int pkey, u64 pkey_reg);

/* core.c */
const char *kpkeys_ctx_name(u64 pkey_reg);

/* Levels of page tables, for reports and the audit. */
enum kpkeys_level {
	KPKEYS_PTE,
	KPKEYS_PMD,
	KPKEYS_PUD,
	KPKEYS_P4D,
	KPKEYS_PGD,
	KPKEYS_NR_LEVELS,
};

/**
 * typedef kpkeys_leaf_fn - Called for each entry that maps memory
 * @level: Level of the page table that the entry is in
 * @entry: The entry
 * @addr: First address that it maps
 * @next: First address after it
 * @arg: The caller's
 *
 * Return: non-zero to end the walk.
 */
typedef int (*kpkeys_leaf_fn)(enum kpkeys_level level, u64 entry, unsigned long addr,
			      unsigned long next, void *arg);

/* leaves.c */
int kpkeys_walk_leaves(unsigned long start, unsigned long end, kpkeys_leaf_fn fn,
		       void *arg);

#ifdef CONFIG_KPKEYS_HARDENED_PGTABLES

extern const char * const kpkeys_level_names[KPKEYS_NR_LEVELS];

/**
 * typedef kpkeys_walk_fn - Called for each page-table page of an mm
 * @mm: The mm
 * @table: The PTP, in the linear map
 * @level: Its level
 * @addr: First virtual address that it translates
 * @arg: The caller's
 *
 * Return: non-zero to end the walk.
 */
typedef int (*kpkeys_walk_fn)(struct mm_struct *mm, void *table,
			      enum kpkeys_level level, unsigned long addr,
			      void *arg);

/* walk.c */
int kpkeys_walk_mm(struct mm_struct *mm, kpkeys_walk_fn fn, void *arg);
int kpkeys_walk_all(kpkeys_walk_fn fn, void *arg);
unsigned long kpkeys_entry_size(enum kpkeys_level level);

/* What a page that carries KPKEYS_PKEY_PGTABLES is. */
enum kpkeys_page_state {
	KPKEYS_PAGE_NONE,	/* nothing that may carry the pkey */
	KPKEYS_PAGE_STATIC,	/* PTP in the kernel image */
	KPKEYS_PAGE_EARLY,	/* PTP allocated before the page allocator was up */
	KPKEYS_PAGE_PTP,	/* PTP, or on its way to become or from being one */
	KPKEYS_PAGE_FREE,	/* free in the pool */
};

/* pgtables.c */
bool kpkeys_is_static_or_early(unsigned long addr,
			       enum kpkeys_page_state *state);

void kpkeys_walk_boot_ranges(kpkeys_range_fn fn, void *arg);

/**
 * struct kpkeys_pool_stats - Figures of the pool, in pages unless they say else
 * @blocks: Number of blocks
 * @pages: Pages of all blocks
 * @free: Of these, free ones, those in per-CPU caches and the reserve among them
 * @cached: Of these, in per-CPU caches
 * @reserved: Of these, in the reserve
 * @direct: PTPs of more than one page, which do not come from the pool
 * @leaked: Pages lost because they could not be unprotected
 */
struct kpkeys_pool_stats {
	unsigned long blocks;
	unsigned long pages;
	unsigned long free;
	unsigned long cached;
	unsigned long reserved;
	unsigned long direct;
	unsigned long leaked;
};

/* pool.c */
void __init kpkeys_pool_init(void);
void __init kpkeys_pool_add_boot_pages(struct page *page, unsigned int nr_pages);
enum kpkeys_page_state kpkeys_pool_page_state(struct page *page);
void kpkeys_pool_walk_ranges(kpkeys_range_fn fn, void *arg);
void kpkeys_pool_get_stats(struct kpkeys_pool_stats *stats);
unsigned long kpkeys_pool_shrink(unsigned long nr_pages);

/* audit.c */
long kpkeys_audit(void);

#endif /* CONFIG_KPKEYS_HARDENED_PGTABLES */

#endif /* MM_KPKEYS_KPKEYS_H */
