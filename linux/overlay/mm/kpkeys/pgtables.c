// SPDX-License-Identifier: GPL-2.0-only
/*
 * kpkeys_hardened_pgtables: enabling it, and the page-table pages (PTPs) that
 * exist by then: those in the kernel image and those that memblock gave.
 */

#define pr_fmt(fmt) "kpkeys: " fmt

#include <linux/export.h>
#include <linux/init.h>
#include <linux/kpkeys.h>
#include <linux/memblock.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/sizes.h>
#include "kpkeys.h"

/**
 * struct boot_range - PTPs that do not come from the pool
 * @start: First page, in the linear map
 * @nr_pages: Number of pages
 * @chunk_size: KPKEYS_PAGE_EARLY: size of the chunk that they begin
 * @state: KPKEYS_PAGE_STATIC or KPKEYS_PAGE_EARLY
 */
struct boot_range {
	unsigned long start;
	unsigned int nr_pages;
	unsigned long chunk_size;
	enum kpkeys_page_state state;
};

/*
 * Early PTPs are carved out of chunks of the size of a block of the pool, so
 * that these, too, can be tagged without splitting the linear map. What is
 * left of the chunks goes to the pool.
 */
#define EARLY_CHUNK_SIZE	SZ_2M
#define EARLY_SPARE_PAGES	16
#define NR_BOOT_RANGES		128

/*
 * A linear map of pages needs a page table for each 512 of them: let chunks
 * grow, so that the table of ranges is never full.
 */
#define EARLY_CHUNKS_PER_SIZE	8

static struct boot_range boot_ranges[NR_BOOT_RANGES] __ro_after_init;
static unsigned int nr_boot_ranges __ro_after_init;

static phys_addr_t early_next __initdata;
static phys_addr_t early_end __initdata;

DEFINE_STATIC_KEY_FALSE_RO(kpkeys_hardened_pgtables_key);
EXPORT_SYMBOL_GPL(kpkeys_hardened_pgtables_key);

static int __init add_boot_range(unsigned long start, unsigned int nr_pages,
				 unsigned long chunk_size,
				 enum kpkeys_page_state state)
{
	if (nr_boot_ranges == NR_BOOT_RANGES)
		return -ENOSPC;

	boot_ranges[nr_boot_ranges++] = (struct boot_range) {
		.start = start,
		.nr_pages = nr_pages,
		.chunk_size = chunk_size,
		.state = state,
	};
	return 0;
}

/**
 * kpkeys_early_pgtable_alloc() - Allocate a page-table page from memblock
 *
 * For page tables that are allocated before the page allocator is up. They are
 * writable until kpkeys_hardened_pgtables_init(), which protects them: the
 * linear map may not exist yet. They are never freed.
 *
 * Context: Boot CPU, before memblock_free_all().
 * Return: physical address of the page, which is not zeroed, or 0 if there is
 * no memory.
 */
phys_addr_t __init kpkeys_early_pgtable_alloc(void)
{
	phys_addr_t page, size;

	/* The last chunk keeps some pages, to split the linear map with. */
	if (early_end - early_next <= EARLY_SPARE_PAGES * PAGE_SIZE) {
		size = (phys_addr_t)EARLY_CHUNK_SIZE <<
		       (nr_boot_ranges / EARLY_CHUNKS_PER_SIZE);
		page = memblock_phys_alloc(size, EARLY_CHUNK_SIZE);
		if (!page)
			return 0;
		if (add_boot_range((unsigned long)__va(page), 0, size, KPKEYS_PAGE_EARLY)) {
			memblock_phys_free(page, size);
			return 0;
		}
		early_next = page;
		early_end = page + size;
	}

	page = early_next;
	early_next += PAGE_SIZE;
	boot_ranges[nr_boot_ranges - 1].nr_pages++;
	return page;
}

/**
 * kpkeys_kernel_pgtable_alloc() - Allocate a page table of the kernel
 * @table: Set to the page table, zeroed, or NULL if there is no memory;
 *	   untouched if page tables are not protected
 *
 * For code that allocates page tables before and after the page allocator is
 * up: for the vmemmap, for the shadow of KASAN.
 *
 * Context: Boot CPU, or process context; may sleep.
 * Return: false if page tables are not protected: the caller is to get one as
 * it would without kpkeys.
 */
bool __ref kpkeys_kernel_pgtable_alloc(void **table)
{
	struct ptdesc *pt;
	phys_addr_t page;

	if (kpkeys_hardened_pgtables_enabled()) {
		pt = pagetable_alloc(GFP_KERNEL | __GFP_ZERO, 0);
		*table = pt ? ptdesc_address(pt) : NULL;
		return true;
	}

	if (slab_is_available() || !kpkeys_hardened_pgtables_early_enabled())
		return false;

	page = kpkeys_early_pgtable_alloc();
	*table = page ? memset(__va(page), 0, PAGE_SIZE) : NULL;
	return true;
}

static int __init protect_early_pgtables(void)
{
	unsigned int i;
	int err;

	/* What is left is tagged below, and until then as good as if it were. */
	for (i = 0; i < nr_boot_ranges; i++) {
		struct boot_range *r = &boot_ranges[i];

		kpkeys_pool_add_boot_pages(virt_to_page((void *)r->start) + r->nr_pages,
					   r->chunk_size / PAGE_SIZE - r->nr_pages);
	}

	for (i = 0; i < nr_boot_ranges; i++) {
		err = set_memory_pkey(boot_ranges[i].start,
				      boot_ranges[i].chunk_size / PAGE_SIZE,
				      KPKEYS_PKEY_PGTABLES);
		if (err)
			return err;
	}
	return 0;
}

/**
 * kpkeys_protect_static_pgtable() - Protect page tables in the kernel image
 * @addr: First page, page-aligned, in the linear map
 * @nr_pages: Number of pages, all of them page tables
 *
 * Context: arch_kpkeys_protect_static_pgtables()
 * Return: 0 or a negative error number
 */
int __init kpkeys_protect_static_pgtable(void *addr, int nr_pages)
{
	int err;

	err = set_memory_pkey((unsigned long)addr, nr_pages, KPKEYS_PKEY_PGTABLES);
	if (err)
		return err;
	return add_boot_range((unsigned long)addr, nr_pages, 0, KPKEYS_PAGE_STATIC);
}

/**
 * kpkeys_hardened_pgtables_init() - Protect all page tables from now on
 *
 * Context: Boot CPU, as soon as the page and slab allocators are up and the
 * linear map can be changed; before pagetable_alloc() is used.
 */
void __init kpkeys_hardened_pgtables_init(void)
{
	int err;

	if (!kpkeys_enabled())
		return;

	kpkeys_pool_init();
	/* Setters first: they must be able to write to what is tagged next. */
	static_branch_enable(&kpkeys_hardened_pgtables_key);
	err = protect_early_pgtables() ?: arch_kpkeys_protect_static_pgtables();
	if (err)
		pr_err("some page tables of early boot are NOT protected: error %d\n", err);
	else
		pr_info("page tables are protected\n");
}

/**
 * kpkeys_is_static_or_early() - Find a page among the PTPs not from the pool
 * @addr: Address in the linear map
 * @state: Set to what it is if found
 *
 * Return: true if found
 */
bool kpkeys_is_static_or_early(unsigned long addr, enum kpkeys_page_state *state)
{
	unsigned int i;

	for (i = 0; i < nr_boot_ranges; i++) {
		const struct boot_range *r = &boot_ranges[i];

		if (addr >= r->start && addr - r->start < r->nr_pages * PAGE_SIZE) {
			*state = r->state;
			return true;
		}
	}
	return false;
}

/**
 * kpkeys_walk_boot_ranges() - Visit the PTPs that are not from the pool
 * @fn: Called for each range
 * @arg: Passed to @fn
 */
void kpkeys_walk_boot_ranges(kpkeys_range_fn fn, void *arg)
{
	unsigned int i;

	for (i = 0; i < nr_boot_ranges; i++) {
		const struct boot_range *r = &boot_ranges[i];

		fn(r->start, r->start + r->nr_pages * PAGE_SIZE, arg);
	}
}
