// SPDX-License-Identifier: GPL-2.0-only
/*
 * This is for all the tests related to kpkeys: writes to page tables, and to
 * memory that is to become page tables, from outside the page table setters.
 */
#include "lkdtm.h"
#include <linux/kpkeys_pgtables.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/pgtable.h>
#include <linux/sched.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

enum user_level { USER_PTE, USER_PMD, USER_PUD, USER_PGD };

/*
 * Flips the accessed bit of an entry and restores it. That is harmless both in an
 * entry that maps a page of this task alone and in one that points to a table.
 *
 * The task is not meant to survive: call it without locks held and with nothing
 * to release.
 */
static noinline void bad_write(void *entry)
{
	pte_t *ptr = entry;
	pte_t old = READ_ONCE(*ptr);

	pr_info("attempting bad page table write\n");
	WRITE_ONCE(*ptr, pte_young(old) ? pte_mkold(old) : pte_mkyoung(old));
	WRITE_ONCE(*ptr, old);
	pr_err("FAIL: survived bad write\n");
	if (kpkeys_hardened_pgtables_enabled())
		pr_expected_config(CONFIG_KPKEYS_HARDENED_PGTABLES);
	else
		pr_warn("This is probably expected, since kpkeys_hardened_pgtables is not enabled\n");
}

/* The entry that leads to a present page at @addr, NULL if there is none. */
static void *user_entry(unsigned long addr, enum user_level level)
{
	struct mm_struct *mm = current->mm;
	pgd_t *pgd;
	p4d_t *p4d;
	pud_t *pud;
	pmd_t *pmd;

	guard(mmap_read_lock)(mm);

	pgd = pgd_offset(mm, addr);
	if (level == USER_PGD)
		return pgd;
	p4d = p4d_offset(pgd, addr);
	if (p4d_none_or_clear_bad(p4d))
		return NULL;
	pud = pud_offset(p4d, addr);
	if (level == USER_PUD)
		return pud;
	if (pud_none_or_clear_bad(pud))
		return NULL;
	pmd = pmd_offset(pud, addr);
	if (level == USER_PMD)
		return pmd;
	if (pmd_leaf(*pmd) || pmd_none_or_clear_bad(pmd))
		return NULL;
	return pte_offset_kernel(pmd, addr);
}

static void write_user_entry(enum user_level level)
{
	unsigned long user_addr;
	void *entry = NULL;

	user_addr = vm_mmap(NULL, 0, PAGE_SIZE, PROT_READ | PROT_WRITE,
			    MAP_ANONYMOUS | MAP_PRIVATE, 0);
	if (user_addr >= TASK_SIZE) {
		pr_err("FAIL: could not allocate user memory\n");
		return;
	}

	if (!put_user(1, (int __user *)user_addr))
		entry = user_entry(user_addr, level);
	/* Only this task can free the tables: no lock is needed. */
	if (entry)
		bad_write(entry);
	else
		pr_err("FAIL: could not find the user page table\n");
	vm_munmap(user_addr, PAGE_SIZE);
}

static void lkdtm_KPKEYS_WRITE_PTE(void)
{
	write_user_entry(USER_PTE);
}

static void lkdtm_KPKEYS_WRITE_PMD(void)
{
	if (mm_pmd_folded(current->mm))
		pr_info("XFAIL: this kernel has no PMD level\n");
	else
		write_user_entry(USER_PMD);
}

static void lkdtm_KPKEYS_WRITE_PUD(void)
{
	if (mm_pud_folded(current->mm))
		pr_info("XFAIL: this kernel has no PUD level\n");
	else
		write_user_entry(USER_PUD);
}

static void lkdtm_KPKEYS_WRITE_PGD(void)
{
	write_user_entry(USER_PGD);
}

static void lkdtm_KPKEYS_WRITE_KERNEL_PTE(void)
{
	/* Reused: on a protected kernel this task is killed and cannot free it. */
	static void *area;

	if (!area)
		area = vmalloc(PAGE_SIZE);
	if (area)
		bad_write(virt_to_kpte((unsigned long)area));
	else
		pr_err("FAIL: could not allocate kernel memory\n");
}

static void lkdtm_KPKEYS_WRITE_KERNEL_PGD(void)
{
	int i;

	/* An empty entry, as other CPUs use the others. */
	for (i = PTRS_PER_PGD - 1; i >= 0; i--) {
		if (!pgd_val(init_mm.pgd[i])) {
			bad_write(&init_mm.pgd[i]);
			return;
		}
	}
	pr_err("FAIL: could not find an empty kernel page table entry\n");
}

static void lkdtm_KPKEYS_WRITE_POOL(void)
{
#ifdef CONFIG_KPKEYS_DEBUG
	void *page = kpkeys_pool_peek_free();

	if (page)
		bad_write(page);
	else
		pr_info("XFAIL: the page table pool has no free page\n");
#else
	pr_info("XFAIL: this test requires CONFIG_KPKEYS_DEBUG\n");
#endif
}

static struct crashtype crashtypes[] = {
	CRASHTYPE(KPKEYS_WRITE_PTE),
	CRASHTYPE(KPKEYS_WRITE_PMD),
	CRASHTYPE(KPKEYS_WRITE_PUD),
	CRASHTYPE(KPKEYS_WRITE_PGD),
	CRASHTYPE(KPKEYS_WRITE_KERNEL_PTE),
	CRASHTYPE(KPKEYS_WRITE_KERNEL_PGD),
	CRASHTYPE(KPKEYS_WRITE_POOL),
};

struct crashtype_category kpkeys_crashtypes = {
	.crashtypes = crashtypes,
	.len	    = ARRAY_SIZE(crashtypes),
};
