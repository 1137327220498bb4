/* SPDX-License-Identifier: GPL-2.0-only */
/* kpkeys_hardened_pgtables on x86: what setters call if page tables are protected. */
#ifndef _ASM_X86_KPKEYS_PGTABLES_H
#define _ASM_X86_KPKEYS_PGTABLES_H

#include <linux/kpkeys_pgtables.h>
#include <asm/pgtable_types.h>

/* Whether setters are those below, which are not linked to if it is false. */
static __always_inline bool x86_kpkeys_hardened(void)
{
	return IS_ENABLED(CONFIG_X86_KPKEYS) && kpkeys_hardened_pgtables_enabled();
}

void x86_kpkeys_set_pte(pte_t *ptep, pte_t pte);
void x86_kpkeys_set_ptes(struct mm_struct *mm, unsigned long addr, pte_t *ptep,
			 pte_t pte, unsigned int nr);
pte_t x86_kpkeys_ptep_get_and_clear(struct mm_struct *mm, unsigned long addr,
				    pte_t *ptep, bool full);
bool x86_kpkeys_ptep_try_set(pte_t *ptep, pte_t pte);
void x86_kpkeys_ptep_set_wrprotect(struct mm_struct *mm, unsigned long addr,
				   pte_t *ptep);
void x86_kpkeys_set_wrprotect(void *entryp);
void x86_kpkeys_set_p4d(p4d_t *p4dp, p4d_t p4d);
void x86_kpkeys_set_pgd(pgd_t *pgdp, pgd_t pgd);
void x86_kpkeys_clone_pgd_range(pgd_t *dst, const pgd_t *src, int count);

bool x86_kpkeys_set_unlikely(void *entryp, u64 val);

#if defined(CONFIG_X86_KPKEYS) && defined(CONFIG_KPKEYS_HARDENED_PGTABLES)
/* arch_kpkeys_write_pte(), of an entry that is known to be in a PTE table */
static __always_inline bool arch_kpkeys_write_in_pte_table(void *entryp, u64 val)
{
	if (unlikely((val & _PAGE_PRESENT) &&
		     !kpkeys_frame_is_ordinary((val & PTE_PFN_MASK) >> PAGE_SHIFT)))
		return x86_kpkeys_set_unlikely(entryp, val);

	WRITE_ONCE(*(u64 *)entryp, val);
	return true;
}

/*
 * Write an entry of a page table that is open: a PTE, or what code for large pages writes as one.
 * Returns false, and a violation, if it must not be written.
 */
static __always_inline bool arch_kpkeys_write_pte(void *entryp, u64 val)
{
	if (unlikely(!kpkeys_in_pte_table(entryp)))
		return x86_kpkeys_set_unlikely(entryp, val);
	return arch_kpkeys_write_in_pte_table(entryp, val);
}

void arch_kpkeys_wrprotect_pte(void *entryp);
#endif

unsigned long x86_kpkeys_checked_cr3(unsigned long cr3);

/* A value of CR3 that has been in memory */
static inline unsigned long kpkeys_checked_cr3(unsigned long cr3)
{
	return x86_kpkeys_hardened() ? x86_kpkeys_checked_cr3(cr3) : cr3;
}

#endif /* _ASM_X86_KPKEYS_PGTABLES_H */
