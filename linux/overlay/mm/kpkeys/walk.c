// SPDX-License-Identifier: GPL-2.0-only
/* kpkeys: visit kernel mappings and page-table pages. */

#include <linux/efi.h>
#include <linux/mm.h>
#include <linux/pagewalk.h>
#include <linux/pgtable.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <asm/sections.h>
#include "kpkeys.h"

/**
 * kpkeys_entry_size() - Size of the range that a page-table entry translates
 * @level: Level of the page table
 *
 * Context: Any.
 * Return: the size in bytes
 */
unsigned long kpkeys_entry_size(enum pgtable_level level)
{
	switch (level) {
	case PGTABLE_LEVEL_PTE:
		return PAGE_SIZE;
	case PGTABLE_LEVEL_PMD:
		return PMD_SIZE;
	case PGTABLE_LEVEL_PUD:
		return PUD_SIZE;
	case PGTABLE_LEVEL_P4D:
		return P4D_SIZE;
	default:
		return PGDIR_SIZE;
	}
}

/**
 * struct kpkeys_walk - A walk of the page-table pages of an mm
 * @mm: The mm; NULL for a root that is not one of an mm
 * @fn: Called for each PTP
 * @arg: Passed to @fn
 */
struct kpkeys_walk {
	struct mm_struct *mm;
	kpkeys_ptp_fn fn;
	void *arg;
};

/* All have as many levels. Where all are folded, nobody asks. */
static __maybe_unused struct mm_struct *walked_mm(const struct kpkeys_walk *w)
{
	return w->mm ?: &init_mm;
}

/*
 * While a page table is walked it can be freed, and its page be reused. So what
 * is found there need not be the address of a page, and need not even be mapped
 * (KFENCE, DEBUG_PAGEALLOC): entries are read with get_kernel_nofault(), and a
 * table that cannot be read ends there.
 *
 * Consecutive entries can point to the same table, as many thousands do in the
 * zero shadow of KASAN: it is visited for the first of them only.
 */
static bool is_page(const void *table)
{
	return virt_addr_valid(table);
}

static int walk_pmds(struct kpkeys_walk *w, pmd_t *pmd, unsigned long addr)
{
	pmd_t val, last = __pmd(0);
	int i, ret = 0;

	if (!mm_pmd_folded(walked_mm(w)) && !is_page(pmd))
		return 0;

	if (!mm_pmd_folded(walked_mm(w)))
		ret = w->fn(w->mm, pmd, PGTABLE_LEVEL_PMD, addr, w->arg);

	for (i = 0; !ret && i < PTRS_PER_PMD; i++, pmd++, addr += PMD_SIZE) {
		if (get_kernel_nofault(val, pmd))
			break;
		if (pmd_val(val) == pmd_val(last))
			continue;
		last = val;
		if (!pmd_none(val) && pmd_present(val) && !pmd_leaf(val) &&
		    is_page((void *)pmd_page_vaddr(val)))
			ret = w->fn(w->mm, (void *)pmd_page_vaddr(val),
				    PGTABLE_LEVEL_PTE, addr, w->arg);
	}
	return ret;
}

static int walk_puds(struct kpkeys_walk *w, pud_t *pud, unsigned long addr)
{
	pud_t val, last = __pud(0);
	int i, ret = 0;

	if (!mm_pud_folded(walked_mm(w)) && !is_page(pud))
		return 0;

	if (!mm_pud_folded(walked_mm(w)))
		ret = w->fn(w->mm, pud, PGTABLE_LEVEL_PUD, addr, w->arg);

	for (i = 0; !ret && i < PTRS_PER_PUD; i++, pud++, addr += PUD_SIZE) {
		if (get_kernel_nofault(val, pud))
			break;
		if (pud_val(val) == pud_val(last))
			continue;
		last = val;
		if (!pud_none(val) && pud_present(val) && !pud_leaf(val))
			ret = walk_pmds(w, pmd_offset_lockless(pud, val, addr), addr);
	}
	return ret;
}

static int walk_p4ds(struct kpkeys_walk *w, p4d_t *p4d, unsigned long addr)
{
	p4d_t val, last = __p4d(0);
	int i, ret = 0;

	if (!mm_p4d_folded(walked_mm(w)) && !is_page(p4d))
		return 0;

	if (!mm_p4d_folded(walked_mm(w)))
		ret = w->fn(w->mm, p4d, PGTABLE_LEVEL_P4D, addr, w->arg);

	for (i = 0; !ret && i < PTRS_PER_P4D; i++, p4d++, addr += P4D_SIZE) {
		if (get_kernel_nofault(val, p4d))
			break;
		if (p4d_val(val) == p4d_val(last))
			continue;
		last = val;
		if (!p4d_none(val) && p4d_present(val) && !p4d_leaf(val))
			ret = walk_puds(w, pud_offset_lockless(p4d, val, addr), addr);
	}
	return ret;
}

/**
 * kpkeys_walk_mm_ptps() - Visit the page-table pages of an mm
 * @mm: The mm. For a user mm, page tables of the kernel half, which it shares
 *	with init_mm, are left out.
 * @fn: Called for each PTP, a table before the tables below it
 * @arg: Passed to @fn
 *
 * Takes no locks: for use while nothing can change, or where a stale answer does
 * no harm. PTPs that are freed during the walk can be visited, and so can pages
 * that only seem to be PTPs.
 *
 * Context: Any, including NMI. The caller makes sure that @mm is not freed.
 * Return: 0, or what @fn returned to end the walk.
 */
int kpkeys_walk_mm_ptps(struct mm_struct *mm, kpkeys_ptp_fn fn, void *arg)
{
	struct kpkeys_walk w = { .mm = mm, .fn = fn, .arg = arg };
	unsigned long addr = 0;
	int i, ret, nr = PTRS_PER_PGD;
	pgd_t *pgd = READ_ONCE(mm->pgd);
	pgd_t val, last = __pgd(0);

	/*
	 * Folded at boot, because the CPU has fewer levels than the kernel is
	 * built for: the table below each entry is the whole root again.
	 */
	if ((PTRS_PER_P4D > 1 && mm_p4d_folded(mm)) ||
	    (PTRS_PER_PUD > 1 && mm_pud_folded(mm)))
		nr = 1;

	if (mm == &init_mm) {
		/* In the kernel image, which may have a mapping of its own. */
		pgd = lm_alias(pgd);
		/* Kernel addresses have the upper bits set. */
		addr = (unsigned long)_stext & PGDIR_MASK;
		if (nr > 1)
			addr -= pgd_index(addr) * PGDIR_SIZE;
	} else if (nr > 1) {
		nr = pgd_index(TASK_SIZE_MAX - 1) + 1;
	}

	if (!is_page(pgd))
		return 0;
	ret = fn(mm, pgd, PGTABLE_LEVEL_PGD, addr, arg);

	for (i = 0; !ret && i < nr; i++, pgd++, addr += PGDIR_SIZE) {
		if (get_kernel_nofault(val, pgd))
			break;
		if (pgd_val(val) == pgd_val(last))
			continue;
		last = val;
		if (!pgd_none(val) && pgd_present(val) && !pgd_leaf(val))
			ret = walk_p4ds(&w, p4d_offset_lockless(pgd, val, addr), addr);
	}
	return ret;
}

/**
 * kpkeys_walk_entry() - Visit the page-table pages below an entry of a root
 * @pgd: The entry, in the linear map
 * @addr: First virtual address that it translates
 * @fn: Called for each PTP, with NULL as its mm
 * @arg: Passed to @fn
 *
 * For entries, and roots, that kpkeys_walk_mm_ptps() leaves out.
 *
 * Context: As kpkeys_walk_mm_ptps().
 * Return: 0, or what @fn returned to end the walk.
 */
int kpkeys_walk_entry(pgd_t *pgd, unsigned long addr, kpkeys_ptp_fn fn, void *arg)
{
	struct kpkeys_walk w = { .fn = fn, .arg = arg };
	pgd_t val;

	if (get_kernel_nofault(val, pgd) || pgd_none(val) || !pgd_present(val) ||
	    pgd_leaf(val))
		return 0;
	return walk_p4ds(&w, p4d_offset_lockless(pgd, val, addr), addr);
}

/* An mm, and what else the architecture knows of it. */
static int walk_all_of_mm(struct mm_struct *mm, kpkeys_ptp_fn fn, void *arg)
{
	return kpkeys_walk_mm_ptps(mm, fn, arg) ?: arch_kpkeys_walk_others(mm, fn, arg);
}

/**
 * kpkeys_walk_ptps() - Visit all page-table pages
 * @fn: Called for each PTP
 * @arg: Passed to @fn
 *
 * Those of init_mm, of all processes, and of what the firmware and the architecture
 * have besides. PTPs of an mm that several processes share are visited once for each of
 * them.
 *
 * Context: All other CPUs are stopped, so that no mm can be freed.
 * Return: 0, or what @fn returned to end the walk.
 */
int kpkeys_walk_ptps(kpkeys_ptp_fn fn, void *arg)
{
	struct task_struct *p, *t;
	int ret;

	ret = walk_all_of_mm(&init_mm, fn, arg);
	if (ret)
		return ret;

	/* The firmware's runtime services have page tables of their own. */
	if (efi_enabled(EFI_RUNTIME_SERVICES)) {
		ret = walk_all_of_mm(&efi_mm, fn, arg);
		if (ret)
			return ret;
	}

	guard(rcu)();
	for_each_process(p) {
		/* The first thread may have exited before the others. */
		for_each_thread(p, t) {
			struct mm_struct *mm = READ_ONCE(t->mm);

			if (!mm || t->flags & PF_KTHREAD)
				continue;
			ret = walk_all_of_mm(mm, fn, arg);
			if (ret)
				return ret;
			break;
		}
	}
	return 0;
}

/*
 * Mappings
 */

/**
 * struct walk_mappings - Arguments of kpkeys_walk_mappings()
 * @fn: Called for each entry that maps memory
 * @arg: Passed to @fn
 */
struct walk_mappings {
	kpkeys_mapping_fn fn;
	void *arg;
};

static int map_pud(pud_t *pud, unsigned long addr, unsigned long next,
		   struct mm_walk *walk)
{
	struct walk_mappings *w = walk->private;
	pud_t val = pudp_get(pud);

	if (!pud_present(val) || !pud_leaf(val))
		return 0;
	walk->action = ACTION_CONTINUE;
	return w->fn(PGTABLE_LEVEL_PUD, pud_val(val), addr, next, w->arg);
}

static int map_pmd(pmd_t *pmd, unsigned long addr, unsigned long next,
		   struct mm_walk *walk)
{
	struct walk_mappings *w = walk->private;
	pmd_t val = pmdp_get(pmd);

	if (!pmd_present(val) || !pmd_leaf(val))
		return 0;
	walk->action = ACTION_CONTINUE;
	return w->fn(PGTABLE_LEVEL_PMD, pmd_val(val), addr, next, w->arg);
}

static int map_pte(pte_t *pte, unsigned long addr, unsigned long next,
		   struct mm_walk *walk)
{
	struct walk_mappings *w = walk->private;
	pte_t val = ptep_get(pte);

	if (!pte_present(val))
		return 0;
	return w->fn(PGTABLE_LEVEL_PTE, pte_val(val), addr, next, w->arg);
}

static const struct mm_walk_ops mapping_ops = {
	.pud_entry	= map_pud,
	.pmd_entry	= map_pmd,
	.pte_entry	= map_pte,
};

/**
 * kpkeys_walk_mappings() - Visit the entries that map a range of kernel addresses
 * @start: First address, page-aligned
 * @end: End of the range
 * @fn: Called for each page-table entry that maps memory
 * @arg: Passed to @fn
 *
 * Takes no locks: the page tables of the range must not be freed during the walk.
 * Those of the linear map are not, except for hot-removed memory.
 *
 * Context: Any.
 * Return: 0, or what @fn returned to end the walk.
 */
int kpkeys_walk_mappings(unsigned long start, unsigned long end, kpkeys_mapping_fn fn,
			 void *arg)
{
	struct walk_mappings w = { .fn = fn, .arg = arg };

	return walk_kernel_page_table_range_lockless(start, end, &mapping_ops, NULL, &w);
}
