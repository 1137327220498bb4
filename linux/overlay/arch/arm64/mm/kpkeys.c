// SPDX-License-Identifier: GPL-2.0-only
/* kpkeys on arm64: support for tagging, auditing and reporting. */

#include <linux/cpufeature.h>
#include <linux/init.h>
#include <linux/kpkeys_arch.h>
#include <linux/mm.h>
#include <asm/esr.h>
#include <asm/kpkeys-fault.h>
#include <asm/sections.h>

/**
 * arm64_supports_kpkeys() - Does the boot CPU support kpkeys?
 *
 * It needs FEAT_S1POE for the overlays, and FEAT_S1PIE to exempt user memory
 * from them, whose overlay indexes belong to userspace.
 *
 * Context: Any, also before CPU features are known.
 * Return: true if it does. Secondary CPUs without these features are rejected.
 */
bool arm64_supports_kpkeys(void)
{
	/* The linear map is created before the sanitised value is available. */
	u64 mmfr3 = read_sysreg_s(SYS_ID_AA64MMFR3_EL1);

	return SYS_FIELD_GET(ID_AA64MMFR3_EL1, S1POE, mmfr3) &&
	       SYS_FIELD_GET(ID_AA64MMFR3_EL1, S1PIE, mmfr3);
}

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

static int visit_range(int level, u64 entry, unsigned long addr,
		       unsigned long next, void *arg)
{
	struct walk_ranges *w = arg;

	return FIELD_GET(PTE_PO_IDX_MASK, entry) == w->pkey ?
	       w->fn(addr, next, w->arg) : 0;
}

/**
 * arch_kpkeys_walk_ranges() - Visit the parts of the linear map with a pkey
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

	return kpkeys_walk_mappings(_PAGE_OFFSET(vabits_actual), PAGE_END,
				    visit_range, &w);
}

/**
 * arm64_kpkeys_entry_is_writable() - Can the kernel write through an entry?
 * @entry: Page-table entry that maps memory
 *
 * Context: Any.
 * Return: true if it can write in the default context.
 */
bool arm64_kpkeys_entry_is_writable(u64 entry)
{
	/*
	 * With hardware dirty tracking a clean entry (RDONLY + DBM) becomes
	 * writable without a fault.
	 */
	return (!pte_rdonly(__pte(entry)) || pte_write(__pte(entry))) &&
	       FIELD_GET(PTE_PO_IDX_MASK, entry) == KPKEYS_PKEY_DEFAULT;
}

static int visit_writable(int level, u64 entry, unsigned long addr,
			  unsigned long next, void *arg)
{
	return arm64_kpkeys_entry_is_writable(entry);
}

static bool is_writable(unsigned long addr)
{
	addr &= PAGE_MASK;
	return kpkeys_walk_mappings(addr, addr + PAGE_SIZE, visit_writable, NULL);
}

/**
 * arm64_kpkeys_is_readonly() - Are both mappings of a page of .rodata read-only?
 * @addr: The page, in the linear map
 *
 * Context: Any. The answer can be stale unless other CPUs are stopped.
 * Return: true if the page belongs to .rodata and both mappings are read-only,
 * or will be at the end of boot.
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

static int get_pkey(int level, u64 entry, unsigned long addr,
		    unsigned long next, void *arg)
{
	*(int *)arg = FIELD_GET(PTE_PO_IDX_MASK, entry);
	return 1;
}

/* The pkey of the mapping at a kernel address. */
static int pkey_of(unsigned long addr)
{
	int pkey = KPKEYS_PKEY_DEFAULT;

	addr &= PAGE_MASK;
	kpkeys_walk_mappings(addr, addr + PAGE_SIZE, get_pkey, &pkey);
	return pkey;
}

static bool is_rodata_pgtable(unsigned long addr)
{
	return addr >= (unsigned long)idmap_pg_dir &&
	       addr < (unsigned long)swapper_pg_dir + PAGE_SIZE;
}

/**
 * arm64_kpkeys_report() - Report a fault, if a pkey caused it
 * @addr: Faulting kernel address
 * @esr: Exception syndrome
 * @regs: Registers of the code that faulted; el1_abort() has saved its pkey
 *	  register there.
 *
 * Context: Fault handler, about to die.
 */
void arm64_kpkeys_report(unsigned long addr, unsigned long esr, struct pt_regs *regs)
{
	bool write = esr & ESR_ELx_WNR;
	u64 reg = regs->pkey_reg;
	int pkey;

	if (!kpkeys_enabled())
		return;

	if (ESR_ELx_ISS2(esr) & ESR_ELx_Overlay)
		pkey = pkey_of(addr);
	else if (write && is_rodata_pgtable(addr))
		pkey = KPKEYS_PKEY_NONE;
	else
		return;

	/* If it was in the default context already, so is this handler. */
	if (reg == KPKEYS_PKEY_REG_INVAL)
		reg = arch_kpkeys_read_reg();
	kpkeys_report_fault(addr, write, pkey, reg);
}

#ifdef CONFIG_KPKEYS_HARDENED_PGTABLES
/* The linker script's name; startup code uses it, too. */
extern char __pi_init_pg_end[];

/*
 * The page tables of the fixmap and of early boot are adjacent and mapped twice.
 * All others, including swapper_pg_dir, are in .rodata, which is read-only:
 * set_swapper_pgd() uses a mapping in the fixmap.
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
