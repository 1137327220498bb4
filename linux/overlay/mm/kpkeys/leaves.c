// SPDX-License-Identifier: GPL-2.0-only
/* kpkeys: visit the entries that map memory of the kernel. */

#include <linux/pagewalk.h>
#include <linux/pgtable.h>
#include "kpkeys.h"

struct walk_leaves {
	kpkeys_leaf_fn fn;
	void *arg;
};

static int visit_pud(pud_t *pud, unsigned long addr, unsigned long next,
		     struct mm_walk *walk)
{
	struct walk_leaves *w = walk->private;
	pud_t val = pudp_get(pud);

	if (!pud_present(val) || !pud_leaf(val))
		return 0;
	walk->action = ACTION_CONTINUE;
	return w->fn(KPKEYS_PUD, pud_val(val), addr, next, w->arg);
}

static int visit_pmd(pmd_t *pmd, unsigned long addr, unsigned long next,
		     struct mm_walk *walk)
{
	struct walk_leaves *w = walk->private;
	pmd_t val = pmdp_get(pmd);

	if (!pmd_present(val) || !pmd_leaf(val))
		return 0;
	walk->action = ACTION_CONTINUE;
	return w->fn(KPKEYS_PMD, pmd_val(val), addr, next, w->arg);
}

static int visit_pte(pte_t *pte, unsigned long addr, unsigned long next,
		     struct mm_walk *walk)
{
	struct walk_leaves *w = walk->private;
	pte_t val = ptep_get(pte);

	if (!pte_present(val))
		return 0;
	return w->fn(KPKEYS_PTE, pte_val(val), addr, next, w->arg);
}

static const struct mm_walk_ops leaf_ops = {
	.pud_entry	= visit_pud,
	.pmd_entry	= visit_pmd,
	.pte_entry	= visit_pte,
};

/**
 * kpkeys_walk_leaves() - Visit the entries that map a range of kernel addresses
 * @start: First address, page-aligned
 * @end: End of the range
 * @fn: Called for each entry of a page table that maps memory
 * @arg: Passed to @fn
 *
 * Takes no locks: the range must not be unmapped meanwhile. The linear map is
 * not, but for memory that is hot-removed.
 *
 * Context: Any.
 * Return: 0, or what @fn returned to end the walk.
 */
int kpkeys_walk_leaves(unsigned long start, unsigned long end, kpkeys_leaf_fn fn,
		       void *arg)
{
	struct walk_leaves w = { .fn = fn, .arg = arg };

	return walk_kernel_page_table_range_lockless(start, end, &leaf_ops, NULL, &w);
}
