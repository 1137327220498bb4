// SPDX-License-Identifier: GPL-2.0-only
/* kpkeys on arm64: what needs page tables of the kernel. */

#include <linux/cpufeature.h>
#include <linux/init.h>
#include <linux/kpkeys.h>
#include <linux/mm.h>
#include <linux/pagewalk.h>
#include <asm/esr.h>
#include <asm/kpkeys.h>
#include <asm/kpkeys_fault.h>
#include <asm/sections.h>
#include "../../../mm/kpkeys/kpkeys.h"

/**
 * arm64_supports_kpkeys() - Has the boot CPU what kpkeys need?
 *
 * FEAT_S1POE for the overlays, and FEAT_S1PIE, with which user memory, whose
 * overlay indexes are those of userspace, can be exempted from them.
 *
 * Context: Any; early, too.
 * Return: true if it has. A CPU that has not cannot be brought up later.
 */
bool arm64_supports_kpkeys(void)
{
	/* The sanitised value is not there yet when the linear map is made. */
	u64 mmfr3 = read_sysreg_s(SYS_ID_AA64MMFR3_EL1);

	return SYS_FIELD_GET(ID_AA64MMFR3_EL1, S1POE, mmfr3) &&
	       SYS_FIELD_GET(ID_AA64MMFR3_EL1, S1PIE, mmfr3);
}

struct walk_ranges {
	ptval_t index;
	kpkeys_range_fn fn;
	void *arg;
};

static int visit_leaf(struct walk_ranges *w, ptval_t entry, unsigned long addr,
		      unsigned long next)
{
	if ((entry & PTE_PO_IDX_MASK) != w->index)
		return 0;
	return w->fn(addr, next, w->arg);
}

static int visit_pud(pud_t *pud, unsigned long addr, unsigned long next,
		     struct mm_walk *walk)
{
	pud_t val = pudp_get(pud);

	if (!pud_present(val) || !pud_leaf(val))
		return 0;
	walk->action = ACTION_CONTINUE;
	return visit_leaf(walk->private, pud_val(val), addr, next);
}

static int visit_pmd(pmd_t *pmd, unsigned long addr, unsigned long next,
		     struct mm_walk *walk)
{
	pmd_t val = pmdp_get(pmd);

	if (!pmd_present(val) || !pmd_leaf(val))
		return 0;
	walk->action = ACTION_CONTINUE;
	return visit_leaf(walk->private, pmd_val(val), addr, next);
}

static int visit_pte(pte_t *pte, unsigned long addr, unsigned long next,
		     struct mm_walk *walk)
{
	pte_t val = __ptep_get(pte);

	if (!pte_present(val))
		return 0;
	return visit_leaf(walk->private, pte_val(val), addr, next);
}

static const struct mm_walk_ops visit_ops = {
	.pud_entry	= visit_pud,
	.pmd_entry	= visit_pmd,
	.pte_entry	= visit_pte,
};

int arch_kpkeys_walk_ranges(int pkey, kpkeys_range_fn fn, void *arg)
{
	struct walk_ranges w = {
		.index = FIELD_PREP(PTE_PO_IDX_MASK, pkey),
		.fn = fn,
		.arg = arg,
	};

	return walk_kernel_page_table_range_lockless(_PAGE_OFFSET(vabits_actual),
						     PAGE_END, &visit_ops, NULL, &w);
}

static int leaf_is_writable(pte_t *pte, unsigned long addr, unsigned long next,
			    struct mm_walk *walk)
{
	pte_t val = __ptep_get(pte);

	return pte_present(val) && !(pte_rdonly(val) && !pte_write(val));
}

static int block_is_writable(pmd_t *pmd, unsigned long addr, unsigned long next,
			     struct mm_walk *walk)
{
	pmd_t val = pmdp_get(pmd);

	if (!pmd_present(val) || !pmd_leaf(val))
		return 0;
	walk->action = ACTION_CONTINUE;
	return !(pte_rdonly(pmd_pte(val)) && !pmd_write(val));
}

static const struct mm_walk_ops writable_ops = {
	.pmd_entry	= block_is_writable,
	.pte_entry	= leaf_is_writable,
};

static bool is_writable(unsigned long addr)
{
	addr &= PAGE_MASK;
	return walk_kernel_page_table_range_lockless(addr, addr + PAGE_SIZE,
						     &writable_ops, NULL, NULL);
}

/**
 * arm64_kpkeys_is_readonly() - Are both mappings of a page of .rodata read-only?
 * @addr: The page, in the linear map
 *
 * Context: Other CPUs are stopped.
 * Return: true if they are, or will be at the end of boot, and the page is one
 * of .rodata.
 */
bool arm64_kpkeys_is_readonly(unsigned long addr)
{
	unsigned long image = __phys_to_kimg(__virt_to_phys(addr));

	if (image < (unsigned long)__start_rodata ||
	    image >= (unsigned long)__init_begin)
		return false;

	return system_state < SYSTEM_FREEING_INITMEM ||
	       (!is_writable(addr) && !is_writable(image));
}

static int set_pkey(unsigned long start, unsigned long end, void *arg)
{
	return 1;
}

/* The pkey that the mapping of an address of the kernel has. */
static int pkey_of(unsigned long addr)
{
	struct walk_ranges w = { .fn = set_pkey };
	int pkey;

	addr &= PAGE_MASK;
	for (pkey = 0; pkey <= ARCH_KPKEYS_MAX_PKEY; pkey++) {
		w.index = FIELD_PREP(PTE_PO_IDX_MASK, pkey);
		if (walk_kernel_page_table_range_lockless(addr, addr + PAGE_SIZE,
							  &visit_ops, NULL, &w) == 1)
			return pkey;
	}
	return 0;
}

static bool is_rodata_pgtable(unsigned long addr)
{
	return addr >= (unsigned long)idmap_pg_dir &&
	       addr < (unsigned long)swapper_pg_dir + PAGE_SIZE;
}

/**
 * arm64_kpkeys_report() - Say that a pkey caused a fault, if it did
 * @addr: Address, of the kernel
 * @esr: Exception syndrome
 *
 * The value of the pkey register is that of the context which faulted.
 *
 * Context: Fault handler, about to die.
 */
void arm64_kpkeys_report(unsigned long addr, unsigned long esr)
{
	u64 reg = current->thread.fault_pkey_reg;
	bool write = esr & ESR_ELx_WNR;
	int pkey;

	if (!kpkeys_enabled())
		return;

	if (ESR_ELx_ISS2(esr) & ESR_ELx_Overlay)
		pkey = pkey_of(addr);
	else if (write && is_rodata_pgtable(addr))
		pkey = KPKEYS_NO_PKEY;
	else
		return;

	kpkeys_report_fault(addr, write, pkey, reg == KPKEYS_PKEY_REG_INVAL ?
			    arch_kpkeys_read_reg() : reg);
}

#ifdef CONFIG_KPKEYS_HARDENED_PGTABLES
/* The linker script's name; startup code uses it, too. */
extern char __pi_init_pg_end[];

/*
 * Those of the fixmap and of early boot are next to each other, and mapped
 * twice. All others, swapper_pg_dir among them, are in .rodata: no context can
 * write to them. set_swapper_pgd() maps one elsewhere while it writes to it, and
 * that mapping has no pkey.
 */
int __init arch_kpkeys_protect_static_pgtables(void)
{
	int nr_pages = (__pi_init_pg_end - __bss_stop) / PAGE_SIZE;
	int err;

	err = arch_set_memory_pkey((unsigned long)__bss_stop, nr_pages, KPKEYS_PKEY_PGTABLES);
	if (err)
		return err;
	return kpkeys_protect_static_pgtable(lm_alias(__bss_stop), nr_pages);
}
#endif
