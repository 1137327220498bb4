// SPDX-License-Identifier: GPL-2.0-only
/* kpkeys on arm64: what needs page tables of the kernel. */

#include <linux/cpufeature.h>
#include <linux/init.h>
#include <linux/kpkeys.h>
#include <linux/mm.h>
#include <asm/esr.h>
#include <asm/kpkeys.h>
#include <asm/kpkeys_hooks.h>
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
	int pkey;
	kpkeys_range_fn fn;
	void *arg;
};

static int visit_range(enum kpkeys_level level, u64 entry, unsigned long addr,
		       unsigned long next, void *arg)
{
	struct walk_ranges *w = arg;

	return FIELD_GET(PTE_PO_IDX_MASK, entry) == w->pkey ?
	       w->fn(addr, next, w->arg) : 0;
}

int arch_kpkeys_walk_ranges(int pkey, kpkeys_range_fn fn, void *arg)
{
	struct walk_ranges w = { .pkey = pkey, .fn = fn, .arg = arg };

	return kpkeys_walk_leaves(_PAGE_OFFSET(vabits_actual), PAGE_END,
				  visit_range, &w);
}

/**
 * arm64_kpkeys_entry_is_writable() - Can the kernel write through an entry?
 * @entry: Of a page table; it maps memory
 *
 * Context: Any.
 * Return: true if it can in the default context.
 */
bool arm64_kpkeys_entry_is_writable(u64 entry)
{
	/* Not until it is dirty if hardware says so, but then without a fault. */
	return (!pte_rdonly(__pte(entry)) || pte_write(__pte(entry))) &&
	       FIELD_GET(PTE_PO_IDX_MASK, entry) == KPKEYS_PKEY_DEFAULT;
}

static int visit_writable(enum kpkeys_level level, u64 entry, unsigned long addr,
			  unsigned long next, void *arg)
{
	return arm64_kpkeys_entry_is_writable(entry);
}

static bool is_writable(unsigned long addr)
{
	addr &= PAGE_MASK;
	return kpkeys_walk_leaves(addr, addr + PAGE_SIZE, visit_writable, NULL);
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

static int get_pkey(enum kpkeys_level level, u64 entry, unsigned long addr,
		    unsigned long next, void *arg)
{
	*(int *)arg = FIELD_GET(PTE_PO_IDX_MASK, entry);
	return 1;
}

/* The pkey that the mapping of an address of the kernel has. */
static int pkey_of(unsigned long addr)
{
	int pkey = KPKEYS_PKEY_DEFAULT;

	addr &= PAGE_MASK;
	kpkeys_walk_leaves(addr, addr + PAGE_SIZE, get_pkey, &pkey);
	return pkey;
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
 * twice. All others, swapper_pg_dir among them, are in .rodata: nothing can
 * write to them there. set_swapper_pgd() uses a mapping in the fixmap.
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
