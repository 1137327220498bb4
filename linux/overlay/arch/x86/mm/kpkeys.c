// SPDX-License-Identifier: GPL-2.0-only
/* kpkeys on x86: tagging, auditing and reporting memory. */

#include <linux/init.h>
#include <linux/kpkeys_arch.h>
#include <linux/kpkeys_walk.h>
#include <linux/memblock.h>	/* max_pfn */
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/set_memory.h>
#include <linux/tboot.h>
#include <linux/uaccess.h>
#include <asm/kpkeys-fault.h>
#include <asm/realmode.h>
#include <asm/sections.h>
#include <asm/setup.h>
#include <asm/text-patching.h>
#include <asm/trap_pf.h>

/**
 * struct walk_ranges - Arguments of arch_kpkeys_walk_ranges()
 * @pkeys: BIT() of each pkey to look for
 * @fn: Called for each entry with one of them
 * @arg: Passed to @fn
 */
struct walk_ranges {
	unsigned long pkeys;
	kpkeys_range_fn fn;
	void *arg;
};

static int visit_range(int level, u64 entry, unsigned long addr, unsigned long next,
		       void *arg)
{
	struct walk_ranges *w = arg;

	return BIT(arch_kpkeys_entry_pkey(entry)) & w->pkeys ? w->fn(addr, next, w->arg) : 0;
}

/**
 * arch_kpkeys_walk_ranges() - Visit the parts of the direct map with pkeys
 * @pkeys: BIT() of each pkey
 * @fn: Called for each range
 * @arg: Passed to @fn
 *
 * Context: All other CPUs are stopped.
 * Return: 0, or what @fn returned to end the walk.
 */
int arch_kpkeys_walk_ranges(unsigned long pkeys, kpkeys_range_fn fn, void *arg)
{
	struct walk_ranges w = { .pkeys = pkeys, .fn = fn, .arg = arg };

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

/* Whether an entry of a root links the table that an entry of another root links. */
static bool links_same(pgd_t val, const pgd_t *known)
{
	pgd_t other;

	return !get_kernel_nofault(other, known) &&
	       !((pgd_val(val) ^ pgd_val(other)) & PTE_PFN_MASK);
}

/**
 * struct other_root - A root, or a part of one, that kpkeys_walk_mm_ptps() leaves out
 * @pgd: The root, in the direct map
 * @first: Index of the first entry
 * @known: Roots whose tables have been visited
 */
struct other_root {
	pgd_t *pgd;
	unsigned int first;
	const pgd_t *known[2];
};

static int walk_root(const struct other_root *root, kpkeys_ptp_fn fn, void *arg)
{
	/* Addresses of the kernel have all upper bits set. */
	unsigned long addr, start = -(PTRS_PER_PGD * PGDIR_SIZE);
	unsigned int i;
	pgd_t val;
	int ret;

	for (i = root->first; i < PTRS_PER_PGD; i++) {
		if (get_kernel_nofault(val, root->pgd + i))
			break;
		if (links_same(val, root->known[0] + i) || links_same(val, root->known[1] + i))
			continue;
		addr = (i >= PGD_KERNEL_START ? start : 0) + i * PGDIR_SIZE;
		ret = kpkeys_walk_entry(root->pgd + i, addr, fn, arg);
		if (ret)
			return ret;
	}
	return 0;
}

/* What user mode sees of a root, and what only that links. */
static int walk_user_half(pgd_t *pgd, kpkeys_ptp_fn fn, void *arg)
{
#ifdef CONFIG_MITIGATION_PAGE_TABLE_ISOLATION
	pgd_t *init = lm_alias(kernel_to_user_pgdp(swapper_pg_dir));
	struct other_root root = {
		.pgd = kernel_to_user_pgdp(pgd),
		.known = { pgd, init },
	};

	if (!cpu_feature_enabled(X86_FEATURE_PTI))
		return 0;
	if (root.pgd == init)
		root.known[1] = pgd;
	return fn(NULL, root.pgd, PGTABLE_LEVEL_PGD, 0, arg) ?: walk_root(&root, fn, arg);
#else
	return 0;
#endif
}

static int walk_trampoline(kpkeys_ptp_fn fn, void *arg)
{
	const pgd_t *init = lm_alias(swapper_pg_dir);
	struct other_root root = { .known = { init, init } };

	if (!real_mode_header)
		return 0;
	root.pgd = __va(real_mode_header->trampoline_pgd);
	return fn(NULL, root.pgd, PGTABLE_LEVEL_PGD, 0, arg) ?: walk_root(&root, fn, arg);
}

static int walk_mm(struct mm_struct *mm, kpkeys_ptp_fn fn, void *arg)
{
	/* Not set up, or not yet. */
	if (!mm || mm->pgd == swapper_pg_dir)
		return 0;
	return kpkeys_walk_mm_ptps(mm, fn, arg) ?: arch_kpkeys_walk_others(mm, fn, arg);
}

/**
 * arch_kpkeys_walk_others() - Visit what kpkeys_walk_mm_ptps() leaves out
 * @mm: The mm that it has visited
 * @fn: Called for each page table
 * @arg: Passed to @fn
 *
 * The kernel's half of a root has the LDT of a process, with PTI, and the mappings of
 * EFI's runtime services. With init_mm, also roots that no process has.
 *
 * Context: All other CPUs are stopped.
 * Return: 0, or what @fn returned to end the walk.
 */
int arch_kpkeys_walk_others(struct mm_struct *mm, kpkeys_ptp_fn fn, void *arg)
{
	const pgd_t *init = lm_alias(swapper_pg_dir);
	struct other_root root = {
		.pgd = mm == &init_mm ? lm_alias(swapper_pg_dir) : READ_ONCE(mm->pgd),
		.first = PGD_KERNEL_START,
		.known = { init, init },
	};
	int ret;

	/* Somebody has changed it, which has been found. */
	if (!virt_addr_valid(root.pgd))
		return 0;
	ret = walk_root(&root, fn, arg) ?: walk_user_half(root.pgd, fn, arg);
	if (ret || mm != &init_mm)
		return ret;

	ret = walk_trampoline(fn, arg) ?: walk_mm(text_poke_mm, fn, arg);
#ifdef CONFIG_INTEL_TXT
	if (!ret)
		ret = walk_mm(&tboot_mm, fn, arg);
#endif
	return ret;
}

/* The trampoline's own tables, see init_trampoline_kaslr(). */
struct trampoline_tables {
	p4d_t *p4d;
	pud_t *pud;
};

static struct trampoline_tables __init get_trampoline_tables(void)
{
	struct trampoline_tables t = { };

	/* Without KASLR they are those of init_mm. */
	if (!kaslr_memory_enabled() || !pgd_val(trampoline_pgd_entry))
		return t;

	t.pud = __va(pgd_val(trampoline_pgd_entry) & PTE_PFN_MASK);
	if (pgtable_l5_enabled()) {
		t.p4d = (p4d_t *)t.pud;
		t.pud = p4d_pgtable(t.p4d[p4d_index(0)]);
	}
	return t;
}

/**
 * x86_kpkeys_add_static_tables() - Early page tables that init_mm does not link
 */
void __init x86_kpkeys_add_static_tables(void)
{
	struct trampoline_tables trampoline = get_trampoline_tables();

	if (trampoline.p4d)
		kpkeys_frame_add_early(__pa(trampoline.p4d), KPKEYS_LEVEL_P4D);
	if (trampoline.pud)
		kpkeys_frame_add_early(__pa(trampoline.pud), KPKEYS_LEVEL_PUD);
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
	struct trampoline_tables trampoline = get_trampoline_tables();
	void *user_half __maybe_unused;
	int err = 0;

	unmap_end_of_image();
	if (trampoline.p4d)
		err = kpkeys_protect_static_pgtable(trampoline.p4d, 1);
	if (trampoline.pud && !err)
		err = kpkeys_protect_static_pgtable(trampoline.pud, 1);
#ifdef CONFIG_MITIGATION_PAGE_TABLE_ISOLATION
	user_half = kernel_to_user_pgdp(swapper_pg_dir);
	if (!err)
		err = kpkeys_protect_static_pgtable(lm_alias(user_half), 1);
#endif
	return err ?: kpkeys_protect_linked_pgtables();
}
#endif
