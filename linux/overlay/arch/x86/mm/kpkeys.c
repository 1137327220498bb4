// SPDX-License-Identifier: GPL-2.0-only
/* kpkeys on x86: tagging, auditing and reporting memory. */

#include <linux/init.h>
#include <linux/kpkeys_arch.h>
#include <linux/memblock.h>	/* max_pfn */
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/set_memory.h>
#include <asm/kpkeys-fault.h>
#include <asm/sections.h>
#include <asm/setup.h>
#include <asm/text-patching.h>
#include <asm/trap_pf.h>

/**
 * struct walk_ranges - Arguments of arch_kpkeys_walk_ranges()
 * @pkey: The pkey to look for
 * @fn: Called for each entry with @pkey
 * @arg: Passed to @fn
 */
struct walk_ranges {
	int pkey;
	kpkeys_range_fn fn;
	void *arg;
};

static int visit_range(int level, u64 entry, unsigned long addr, unsigned long next,
		       void *arg)
{
	struct walk_ranges *w = arg;

	return arch_kpkeys_entry_pkey(entry) == w->pkey ? w->fn(addr, next, w->arg) : 0;
}

/**
 * arch_kpkeys_walk_ranges() - Visit the parts of the direct map with a pkey
 * @pkey: The pkey
 * @fn: Called for each range
 * @arg: Passed to @fn
 *
 * Context: All other CPUs are stopped.
 * Return: 0, or what @fn returned to end the walk.
 */
int arch_kpkeys_walk_ranges(int pkey, kpkeys_range_fn fn, void *arg)
{
	struct walk_ranges w = { .pkey = pkey, .fn = fn, .arg = arg };

	return kpkeys_walk_mappings(PAGE_OFFSET, PAGE_OFFSET + PFN_PHYS(max_pfn),
				    visit_range, &w);
}

/* The pkey of the mapping at a kernel address. */
static int pkey_of(unsigned long addr)
{
	unsigned int level;
	pte_t *pte = lookup_address(addr, &level);

	if (!pte || !pte_present(*pte))
		return KPKEYS_PKEY_DEFAULT;
	return arch_kpkeys_entry_pkey(pte_val(*pte));
}

/**
 * x86_kpkeys_report() - Report a fault, if a pkey of the kernel caused it
 * @addr: Faulting address
 * @error_code: Of the page fault
 * @regs: Registers of the code that faulted
 *
 * Context: Fault handler, about to die.
 */
void x86_kpkeys_report(unsigned long addr, unsigned long error_code, struct pt_regs *regs)
{
	if (!kpkeys_enabled() || !(error_code & X86_PF_PK) || addr < TASK_SIZE_MAX)
		return;

	kpkeys_report_fault(addr, error_code & X86_PF_WRITE, pkey_of(addr),
			    kpkeys_interrupted_reg(regs));
}

#ifdef CONFIG_KPKEYS_HARDENED_PGTABLES
/**
 * x86_kpkeys_patches_image() - Is an entry one that code is patched with?
 * @entryp: The entry
 *
 * Context: Any.
 * Return: true for those of the mm that maps code for text_poke()
 */
bool x86_kpkeys_patches_image(const void *entryp)
{
	unsigned long addr = text_poke_mm_addr;
	pmd_t *pmd;
	pte_t *pte;
	int i;

	if (!text_poke_mm)
		return false;

	pmd = pmd_off(text_poke_mm, addr);
	if (pmd_none(*pmd) || pmd_leaf(*pmd))
		return false;
	/* An instruction may cross a page boundary. */
	for (i = 0; i < 2; i++, addr += PAGE_SIZE) {
		pte = pte_offset_kernel(pmd, addr);
		if (entryp == pte)
			return true;
	}
	return false;
}

/**
 * x86_kpkeys_add_static_tables() - Page tables in the kernel image that init_mm does not link
 */
void __init x86_kpkeys_add_static_tables(void)
{
#ifdef CONFIG_MITIGATION_PAGE_TABLE_ISOLATION
	/* What user mode sees of init_mm's root, if it is isolated. */
	kpkeys_frame_add_static(kernel_to_user_pgdp(swapper_pg_dir), KPKEYS_LEVEL_PGD);
#endif
}

/*
 * The kernel's mapping of itself ends with a large page. What is mapped after the
 * image is memory for anybody: unmap it there.
 */
static void __init unmap_end_of_image(void)
{
	unsigned long start = PFN_ALIGN((unsigned long)_brk_end);
	unsigned long end = ALIGN(start, PMD_SIZE);

	if (start < end)
		set_memory_np_noalias(start, PFN_DOWN(end - start));
}

int __init arch_kpkeys_protect_static_pgtables(void)
{
	void *user_half __maybe_unused;
	int err = 0;

	unmap_end_of_image();
#ifdef CONFIG_MITIGATION_PAGE_TABLE_ISOLATION
	user_half = kernel_to_user_pgdp(swapper_pg_dir);
	err = kpkeys_protect_static_pgtable(lm_alias(user_half), 1);
#endif
	return err ?: kpkeys_protect_linked_pgtables();
}
#endif
