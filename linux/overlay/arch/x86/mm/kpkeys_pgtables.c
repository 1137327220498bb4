// SPDX-License-Identifier: GPL-2.0-only
/*
 * kpkeys_hardened_pgtables on x86: setters that open page tables and obey the types of
 * page frames, see mm/kpkeys/frame.c. <asm/pgtable.h> calls them if page tables are
 * protected.
 */

#include <linux/efi.h>
#include <linux/export.h>
#include <linux/kpkeys_pgtables.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <asm/kpkeys_pgtables.h>
#include <asm/pti.h>

/*
 * Code for large pages writes entries of all levels as PTEs: the type of the table tells
 * what they are. 0 if the level is that of PTEs, or none.
 */
static int level_above_pte(const void *entryp)
{
	unsigned int type = kpkeys_frame_type(arch_kpkeys_entry_pfn(entryp));

	return type == KPKEYS_FRAME_PMD || type == KPKEYS_FRAME_PUD ? type - KPKEYS_FRAME_PTE : 0;
}

/**
 * x86_kpkeys_set_unlikely() - arch_kpkeys_write_pte(), the unlikely cases
 * @entryp: The entry
 * @val: Its value
 *
 * Context: Any, in a section.
 * Return: false, and a violation, if it must not be written
 */
bool x86_kpkeys_set_unlikely(void *entryp, u64 val)
{
	int level = level_above_pte(entryp);

	if (level) {
		kpkeys_xchg_entry(entryp, level, val);
		return true;
	}
	if (val & _PAGE_PRESENT ? !kpkeys_leaf_allowed(entryp, val, pte_pfn(__pte(val)), 1) :
				  !kpkeys_check_pte_table(entryp, 1))
		return false;

	WRITE_ONCE(*(u64 *)entryp, val);
	return true;
}

/**
 * x86_kpkeys_set_pte() - Write a PTE
 * @ptep: The entry
 * @pte: Its value
 *
 * Context: Any.
 */
void x86_kpkeys_set_pte(pte_t *ptep, pte_t pte)
{
	kpkeys_lazy_flush_entry(ptep);
	kpkeys_pgtables_write(arch_kpkeys_write_pte(ptep, pte_val(pte)));
}
EXPORT_SYMBOL_GPL(x86_kpkeys_set_pte);

/* All of them, or none. */
static void set_ptes_open(pte_t *ptep, pte_t pte, unsigned int nr)
{
	if (pte_val(pte) & _PAGE_PRESENT ?
	    !kpkeys_leaf_allowed(ptep, pte_val(pte), pte_pfn(pte), nr) :
	    !kpkeys_table_allowed(ptep, nr))
		return;

	for (; nr; nr--, ptep++, pte = pte_next_pfn(pte))
		WRITE_ONCE(*ptep, pte);
}

/**
 * x86_kpkeys_set_ptes() - Write PTEs that map consecutive pages
 * @mm: The mm that they belong to
 * @addr: The first address that they map
 * @ptep: The first entry
 * @pte: Its value
 * @nr: Number of entries
 *
 * Context: Any.
 */
void x86_kpkeys_set_ptes(struct mm_struct *mm, unsigned long addr, pte_t *ptep,
			 pte_t pte, unsigned int nr)
{
	while (kpkeys_lazy_set(mm, addr, ptep, pte_val(pte))) {
		if (--nr == 0)
			return;
		ptep++;
		addr += PAGE_SIZE;
		pte = pte_next_pfn(pte);
	}

	if (nr == 1)
		kpkeys_pgtables_write(arch_kpkeys_write_pte(ptep, pte_val(pte)));
	else
		kpkeys_pgtables_write(set_ptes_open(ptep, pte, nr));
}
EXPORT_SYMBOL_GPL(x86_kpkeys_set_ptes);

static noinline pte_t clear_unlikely(pte_t *ptep)
{
	int level = level_above_pte(ptep);

	if (level)
		return native_make_pte(kpkeys_xchg_entry(ptep, level, 0));
	if (!kpkeys_check_pte_table(ptep, 1))
		return READ_ONCE(*ptep);
	return native_make_pte(xchg(&ptep->pte, 0));
}

static __always_inline pte_t clear_open(pte_t *ptep)
{
	if (unlikely(!kpkeys_in_pte_table(ptep)))
		return clear_unlikely(ptep);
	return native_make_pte(xchg(&ptep->pte, 0));
}

/**
 * x86_kpkeys_ptep_get_and_clear() - Clear a PTE
 * @mm: The mm that it belongs to, NULL if that is not known
 * @addr: The address that it maps
 * @ptep: The entry
 * @full: Nobody uses the mm any more
 *
 * Context: Any.
 * Return: its value before
 */
pte_t x86_kpkeys_ptep_get_and_clear(struct mm_struct *mm, unsigned long addr,
				    pte_t *ptep, bool full)
{
	pte_t pte;
	u64 val;

	if (kpkeys_lazy_get_and_clear(mm, addr, ptep, full, &val))
		return native_make_pte(val);

	kpkeys_pgtables_write(pte = clear_open(ptep));
	return pte;
}
EXPORT_SYMBOL_GPL(x86_kpkeys_ptep_get_and_clear);

static __always_inline bool try_set_pte(pte_t *ptep, pte_t pte)
{
	pteval_t old = 0;

	if (pte_val(pte) & _PAGE_PRESENT ?
	    !kpkeys_leaf_allowed(ptep, pte_val(pte), pte_pfn(pte), 1) :
	    !kpkeys_table_allowed(ptep, 1))
		return false;
	return try_cmpxchg(&ptep->pte, &old, pte_val(pte));
}

/**
 * x86_kpkeys_ptep_try_set() - Write a PTE that is empty
 * @ptep: The entry
 * @pte: Its value
 *
 * Context: Any.
 * Return: false if it is not empty, or must not have this value
 */
bool x86_kpkeys_ptep_try_set(pte_t *ptep, pte_t pte)
{
	bool done;

	kpkeys_lazy_flush_entry(ptep);
	kpkeys_pgtables_write(done = try_set_pte(ptep, pte));
	return done;
}
EXPORT_SYMBOL_GPL(x86_kpkeys_ptep_try_set);

/**
 * arch_kpkeys_wrprotect_pte() - Make an entry of an open page table read-only
 * @entryp: The entry, which maps memory, of any level
 *
 * Context: Any, in a section.
 */
void arch_kpkeys_wrprotect_pte(void *entryp)
{
	pteval_t *p = entryp, old = READ_ONCE(*p);

	if (!kpkeys_table_allowed(entryp, 1))
		return;

	do {
	} while (!try_cmpxchg(p, &old, pte_val(pte_wrprotect(__pte(old)))));
}

/**
 * x86_kpkeys_set_wrprotect() - Make an entry read-only
 * @entryp: The entry, which maps memory, of any level
 *
 * Context: Any.
 */
void x86_kpkeys_set_wrprotect(void *entryp)
{
	kpkeys_pgtables_write(arch_kpkeys_wrprotect_pte(entryp));
}
EXPORT_SYMBOL_GPL(x86_kpkeys_set_wrprotect);

/**
 * x86_kpkeys_ptep_set_wrprotect() - Make a PTE read-only
 * @mm: The mm that it belongs to
 * @addr: The address that it maps
 * @ptep: The entry
 *
 * Context: Any.
 */
void x86_kpkeys_ptep_set_wrprotect(struct mm_struct *mm, unsigned long addr,
				   pte_t *ptep)
{
	if (!kpkeys_lazy_wrprotect(mm, addr, ptep))
		x86_kpkeys_set_wrprotect(ptep);
}
EXPORT_SYMBOL_GPL(x86_kpkeys_ptep_set_wrprotect);

/*
 * The top level
 */

#ifdef CONFIG_MITIGATION_PAGE_TABLE_ISOLATION
/* Whether it is in a root that has a half for user mode, whatever it was said to be. */
static __always_inline bool has_user_half(const pgd_t *pgdp)
{
	unsigned long pfn = PHYS_PFN(__pa(pgdp));
	unsigned int type = kpkeys_frame_type(pfn);

	return !(pfn & 1) && kpkeys_frame_type(pfn + 1) == KPKEYS_FRAME_PGD &&
	       (type == KPKEYS_FRAME_ROOT || type == KPKEYS_FRAME_PGD);
}

/* What user mode sees of an entry is what the kernel has, but may be executed. */
static __always_inline void copy_to_user_half(pgd_t *pgdp)
{
	pgdval_t val = READ_ONCE(pgdp->pgd);

	if (!has_user_half(pgdp))
		return;
	if ((val & (_PAGE_USER | _PAGE_PRESENT)) == (_PAGE_USER | _PAGE_PRESENT))
		val &= ~_PAGE_NX;
	WRITE_ONCE(kernel_to_user_pgdp(pgdp)->pgd, val);
}

static void set_top(pgd_t *pgdp, int level, pgdval_t val)
{
	bool both = cpu_feature_enabled(X86_FEATURE_PTI) && pgdp_maps_userspace(pgdp) &&
		    !(val & _PAGE_NOPTISHADOW);

	/* As __pti_set_user_pgtbl() does. */
	if (both && (val & (_PAGE_USER | _PAGE_PRESENT)) == (_PAGE_USER | _PAGE_PRESENT) &&
	    (__supported_pte_mask & _PAGE_NX))
		val |= _PAGE_NX;

	kpkeys_xchg_entry(pgdp, level, val);
	/* Whatever has been written: it may have been refused. */
	if (both)
		kpkeys_pgtables_write(copy_to_user_half(pgdp));
}
#else
static void set_top(pgd_t *pgdp, int level, pgdval_t val)
{
	kpkeys_xchg_entry(pgdp, level, val);
}
#endif

/**
 * x86_kpkeys_set_p4d() - Write a P4D entry
 * @p4dp: The entry; with four levels, in the root
 * @p4d: Its value
 *
 * Context: Any but NMI.
 */
void x86_kpkeys_set_p4d(p4d_t *p4dp, p4d_t p4d)
{
	if (pgtable_l5_enabled())
		kpkeys_xchg_entry(p4dp, KPKEYS_LEVEL_P4D, native_p4d_val(p4d));
	else
		set_top((pgd_t *)p4dp, KPKEYS_LEVEL_P4D, native_p4d_val(p4d));
}
EXPORT_SYMBOL_GPL(x86_kpkeys_set_p4d);

/**
 * x86_kpkeys_set_pgd() - Write an entry of a root
 * @pgdp: The entry
 * @pgd: Its value
 *
 * Context: Any but NMI.
 */
void x86_kpkeys_set_pgd(pgd_t *pgdp, pgd_t pgd)
{
	set_top(pgdp, pgtable_l5_enabled() ? KPKEYS_LEVEL_PGD : KPKEYS_LEVEL_P4D,
		native_pgd_val(pgd));
}
EXPORT_SYMBOL_GPL(x86_kpkeys_set_pgd);

/**
 * x86_kpkeys_original() - The entry of init_mm that an entry is a copy of
 * @entryp: The entry, in a page table
 * @level: Its level
 *
 * The kernel's half of each root has what init_mm has there; but for the LDT of a
 * process, with PTI, and the mappings of EFI's runtime services.
 *
 * Context: Any.
 * Return: the entry of init_mm; NULL if it is no copy
 */
const void *x86_kpkeys_original(const void *entryp, int level)
{
	unsigned int index = offset_in_page(entryp) / sizeof(pgd_t);
	const pgd_t *init = swapper_pg_dir;
	unsigned long pfn;

	if (level < (pgtable_l5_enabled() ? KPKEYS_LEVEL_PGD : KPKEYS_LEVEL_P4D) ||
	    index < PGD_KERNEL_START)
		return NULL;

	pfn = PHYS_PFN(__pa(entryp));
#ifdef CONFIG_MITIGATION_PAGE_TABLE_ISOLATION
	if (cpu_feature_enabled(X86_FEATURE_PTI)) {
		bool ldt = index == pgd_index(LDT_BASE_ADDR);

		/* The user half of a root has what that of init_mm has, or the kernel half. */
		if (pfn & 1) {
			if (ldt)
				return user_to_kernel_pgdp((pgd_t *)entryp);
			init = kernel_to_user_pgdp(swapper_pg_dir);
		} else if (ldt) {
			return NULL;
		}
	}
#endif
	if (pfn == PHYS_PFN(__pa_symbol(init)))
		return NULL;
#ifdef CONFIG_EFI
	if (kpkeys_frame_owner(pfn) == &efi_mm && index == pgd_index(EFI_VA_END))
		return NULL;
#endif
	return init + index;
}

static __always_inline void clone_pgds(pgd_t *dst, const pgd_t *src, int count)
{
	memcpy(dst, src, count * sizeof(pgd_t));
#ifdef CONFIG_MITIGATION_PAGE_TABLE_ISOLATION
	if (cpu_feature_enabled(X86_FEATURE_PTI))
		memcpy(kernel_to_user_pgdp(dst), kernel_to_user_pgdp((pgd_t *)src),
		       count * sizeof(pgd_t));
#endif
}

/**
 * x86_kpkeys_clone_pgd_range() - Copy entries of init_mm to a new root
 * @dst: The first entry to write
 * @src: The first entry to read, at the same place in init_mm's root
 * @count: Number of entries
 *
 * Context: Process context.
 */
void x86_kpkeys_clone_pgd_range(pgd_t *dst, const pgd_t *src, int count)
{
	unsigned int first = offset_in_page(dst) / sizeof(pgd_t);

	if (WARN_ON_ONCE(kpkeys_frame_type(PHYS_PFN(__pa(dst))) != KPKEYS_FRAME_ROOT ||
			 src != swapper_pg_dir + first || first < PGD_KERNEL_START ||
			 count > PTRS_PER_PGD - first))
		return;

	kpkeys_pgtables_write(clone_pgds(dst, src, count));
}

/**
 * x86_kpkeys_checked_cr3() - Check a value of CR3 that has been in memory
 * @cr3: The value
 *
 * Context: Any.
 * Return: @cr3 if it has a root that the kernel uses, else one of init_mm's root
 */
unsigned long x86_kpkeys_checked_cr3(unsigned long cr3)
{
	unsigned long pfn = PHYS_PFN(__sme_clr(cr3) & CR3_ADDR_MASK);

	if (likely(kpkeys_frame_type(pfn) == KPKEYS_FRAME_ROOT ||
		   pfn == PHYS_PFN(__pa_symbol(swapper_pg_dir))))
		return cr3;
	return __sme_pa(swapper_pg_dir);
}
