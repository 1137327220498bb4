// SPDX-License-Identifier: GPL-2.0-only
/* kpkeys_hardened_pgtables: visit all page-table pages. */

#include <linux/efi.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <asm/sections.h>
#include "kpkeys.h"

const char * const kpkeys_level_names[KPKEYS_NR_LEVELS] = {
	[KPKEYS_PTE] = "PTE",
	[KPKEYS_PMD] = "PMD",
	[KPKEYS_PUD] = "PUD",
	[KPKEYS_P4D] = "P4D",
	[KPKEYS_PGD] = "PGD",
};

/**
 * kpkeys_entry_size() - How much an entry of a page table translates
 * @level: The level of the page table
 *
 * Return: bytes
 */
unsigned long kpkeys_entry_size(enum kpkeys_level level)
{
	static const unsigned char shift[KPKEYS_NR_LEVELS] = {
		[KPKEYS_PTE] = PAGE_SHIFT,
		[KPKEYS_PMD] = PMD_SHIFT,
		[KPKEYS_PUD] = PUD_SHIFT,
		[KPKEYS_P4D] = P4D_SHIFT,
		[KPKEYS_PGD] = PGDIR_SHIFT,
	};

	return 1UL << shift[level];
}

struct kpkeys_walk {
	struct mm_struct *mm;
	kpkeys_walk_fn fn;
	void *arg;
};

/*
 * A page table can be freed, and its page be used for something else, while it
 * is looked at: what is found there need not be the address of a page.
 */
static bool is_page(const void *table)
{
	return virt_addr_valid(table);
}

static int walk_pmds(struct kpkeys_walk *w, pmd_t *pmd, unsigned long addr)
{
	int i, ret = 0;

	if (!mm_pmd_folded(w->mm) && !is_page(pmd))
		return 0;

	if (!mm_pmd_folded(w->mm))
		ret = w->fn(w->mm, pmd, KPKEYS_PMD, addr, w->arg);

	for (i = 0; !ret && i < PTRS_PER_PMD; i++, pmd++, addr += PMD_SIZE) {
		pmd_t val = READ_ONCE(*pmd);

		if (!pmd_none(val) && pmd_present(val) && !pmd_leaf(val) &&
		    is_page((void *)pmd_page_vaddr(val)))
			ret = w->fn(w->mm, (void *)pmd_page_vaddr(val),
				    KPKEYS_PTE, addr, w->arg);
	}
	return ret;
}

static int walk_puds(struct kpkeys_walk *w, pud_t *pud, unsigned long addr)
{
	int i, ret = 0;

	if (!mm_pud_folded(w->mm) && !is_page(pud))
		return 0;

	if (!mm_pud_folded(w->mm))
		ret = w->fn(w->mm, pud, KPKEYS_PUD, addr, w->arg);

	for (i = 0; !ret && i < PTRS_PER_PUD; i++, pud++, addr += PUD_SIZE) {
		pud_t val = READ_ONCE(*pud);

		if (!pud_none(val) && pud_present(val) && !pud_leaf(val))
			ret = walk_pmds(w, pmd_offset_lockless(pud, val, addr), addr);
	}
	return ret;
}

static int walk_p4ds(struct kpkeys_walk *w, p4d_t *p4d, unsigned long addr)
{
	int i, ret = 0;

	if (!mm_p4d_folded(w->mm) && !is_page(p4d))
		return 0;

	if (!mm_p4d_folded(w->mm))
		ret = w->fn(w->mm, p4d, KPKEYS_P4D, addr, w->arg);

	for (i = 0; !ret && i < PTRS_PER_P4D; i++, p4d++, addr += P4D_SIZE) {
		p4d_t val = READ_ONCE(*p4d);

		if (!p4d_none(val) && p4d_present(val) && !p4d_leaf(val))
			ret = walk_puds(w, pud_offset_lockless(p4d, val, addr), addr);
	}
	return ret;
}

/**
 * kpkeys_walk_mm() - Visit the page-table pages of an mm
 * @mm: The mm. For a user mm, page tables of the kernel half, which it shares
 *	with init_mm, are left out.
 * @fn: Called for each PTP, a table before the tables below it
 * @arg: Passed to @fn
 *
 * Takes no locks: for use while nothing can change, or where a stale answer
 * does no harm. PTPs that are freed meanwhile can be visited.
 *
 * Context: Any.
 * Return: 0, or what @fn returned to end the walk.
 */
int kpkeys_walk_mm(struct mm_struct *mm, kpkeys_walk_fn fn, void *arg)
{
	struct kpkeys_walk w = { .mm = mm, .fn = fn, .arg = arg };
	unsigned long addr = 0;
	int i, ret, nr = PTRS_PER_PGD;
	pgd_t *pgd = mm->pgd;

	/*
	 * Folded at boot, as the CPU has fewer levels than the kernel is built
	 * for: what is below the entry is the root again, as a whole.
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

	ret = fn(mm, pgd, KPKEYS_PGD, addr, arg);

	for (i = 0; !ret && i < nr; i++, pgd++, addr += PGDIR_SIZE) {
		pgd_t val = READ_ONCE(*pgd);

		if (!pgd_none(val) && pgd_present(val) && !pgd_leaf(val))
			ret = walk_p4ds(&w, p4d_offset_lockless(pgd, val, addr), addr);
	}
	return ret;
}

/**
 * kpkeys_walk_all() - Visit the page-table pages of init_mm, efi_mm and all processes
 * @fn: Called for each PTP
 * @arg: Passed to @fn
 *
 * Context: As kpkeys_walk_mm(). PTPs of an mm that threads of several
 * processes share are visited once for each of these processes.
 * Return: 0, or what @fn returned to end the walk.
 */
int kpkeys_walk_all(kpkeys_walk_fn fn, void *arg)
{
	struct task_struct *p, *t;
	int ret;

	ret = kpkeys_walk_mm(&init_mm, fn, arg);
	if (ret)
		return ret;

	/* The firmware's runtime services have page tables of their own. */
	if (efi_enabled(EFI_RUNTIME_SERVICES)) {
		ret = kpkeys_walk_mm(&efi_mm, fn, arg);
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
			ret = kpkeys_walk_mm(mm, fn, arg);
			if (ret)
				return ret;
			break;
		}
	}
	return 0;
}
