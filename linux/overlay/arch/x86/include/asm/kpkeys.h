/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kpkeys on x86: the pkey register is IA32_PKRS of supervisor protection keys (PKS),
 * and the pkey of a page is in bits 62:59 of the entry that maps it. Intel SDM,
 * volume 3A, "Protection Keys".
 */
#ifndef _ASM_X86_KPKEYS_H
#define _ASM_X86_KPKEYS_H

#ifdef CONFIG_X86_KPKEYS

#include <linux/stringify.h>
#include <asm/asm.h>
#include <asm/msr-index.h>
#include <asm/percpu.h>

#define ARCH_KPKEYS_MAX_PKEY	15

/*
 * IA32_PKRS holds two bits for each pkey, which deny access (bit 2 * pkey) and writes
 * (bit 2 * pkey + 1): the inverse of the bits of a permission.
 */
#define ARCH_KPKEYS_NONE		0xffffffffUL
#define ARCH_KPKEYS_ACCESS_MASK		0x55555555UL
#define ARCH_KPKEYS_PERM_MASK(pkey)	(3UL << (2 * (pkey)))
#define ARCH_KPKEYS_PERM(pkey, perm)	((~(perm) & 3UL) << (2 * (pkey)))

/* RDMSR is slow: for exceptions, and for switches of threads. */
static __always_inline u64 arch_kpkeys_read_reg(void)
{
	u32 low, high;

	asm volatile("rdmsr" : "=a" (low), "=d" (high) : "c" (MSR_IA32_PKRS) : "memory");
	return low;
}

/*
 * What the register was last set to on this CPU. An attacker may change it: then a
 * setter faults, or closes a section that is still needed. No value that is written to
 * the register depends on it.
 */
DECLARE_PER_CPU(unsigned int, x86_kpkeys_hint);

#define arch_kpkeys_hint_is(ctx)	(raw_cpu_read(x86_kpkeys_hint) == (ctx))
#define arch_kpkeys_set_hint(ctx)	raw_cpu_write(x86_kpkeys_hint, ctx)

/*
 * WRMSR takes MSR and value from general registers, which an interrupt saves in memory.
 * So each context has a function (kpkeys_64.S) that loads constants and writes, and
 * that an exception which hits it returns to the beginning of. The write is ordered
 * like WRPKRU: later accesses wait for it.
 */
#define __KPKEYS_WRITE(name, ...)						\
	case KPKEYS_CTX_##name: {						\
		asm volatile("call x86_kpkeys_write_" #name			\
			     : ASM_CALL_CONSTRAINT				\
			     : : "eax", "ecx", "edx", "memory");		\
		break;								\
	}

/* Those that modules may call. */
void x86_kpkeys_write_DEFAULT(void);
void x86_kpkeys_write_PGTABLES(void);

/*
 * The register first: an exception between the two finds the note wrong, and corrects
 * it.
 */
static __always_inline void arch_kpkeys_write_context(const int ctx)
{
	switch (ctx) {
	KPKEYS_CONTEXTS(__KPKEYS_WRITE)
	}
	arch_kpkeys_set_hint(ctx);
}

#define arch_kpkeys_write_context arch_kpkeys_write_context

/* GS base, without its per-CPU copy. kpkeys requires FSGSBASE. */
static __always_inline unsigned long x86_kpkeys_this_cpu(void)
{
	unsigned long base;

	asm volatile("rdgsbase %0" : "=r" (base));
	return base;
}

#define arch_kpkeys_this_cpu()		x86_kpkeys_this_cpu()

bool x86_kpkeys_init(void);
bool x86_supports_kpkeys(void);
#define arch_kpkeys_init()		x86_kpkeys_init()
#define arch_supports_kpkeys_early()	x86_supports_kpkeys()

struct pt_regs;
asmlinkage void x86_kpkeys_exception_exit(struct pt_regs *regs);

/*
 * All mappings of the kernel but the direct map: vmalloc, vmemmap, KASAN, espfix,
 * cpu_entry_area, EFI, the image, modules, fixmap.
 */
#define ARCH_KPKEYS_ALIASES_START	VMALLOC_START
#define ARCH_KPKEYS_ALIASES_END		(-PAGE_SIZE)

#define arch_kpkeys_entry_pkey(entry)						\
	(((entry) & _PAGE_PKEY_MASK) >> _PAGE_BIT_PKEY_BIT0)

/* Shadow stacks of user mode have the bit for writing clear, and the dirty bit set. */
#define arch_kpkeys_entry_is_readonly(entry)					\
	(!((entry) & _PAGE_RW) &&						\
	 ((entry) & (_PAGE_USER | _PAGE_DIRTY)) != (_PAGE_USER | _PAGE_DIRTY))

#define arch_kpkeys_entry_is_writable(entry)					\
	(((entry) & _PAGE_RW) && arch_kpkeys_entry_pkey(entry) != KPKEYS_PKEY_PGTABLES)

#define arch_kpkeys_entry_has_pkey(entry)					\
	(!((entry) & _PAGE_USER) &&						\
	 (arch_kpkeys_entry_pkey(entry) == KPKEYS_PKEY_PGTABLES ||		\
	  arch_kpkeys_entry_is_readonly(entry)))

/* For mappings that are to carry a key of a driver */
#define _PAGE_PKEY(pkey)		((pteval_t)(pkey) << _PAGE_BIT_PKEY_BIT0)
#define PAGE_KERNEL_PKEY(pkey)		__pgprot(pgprot_val(PAGE_KERNEL) | _PAGE_PKEY(pkey))
#define arch_kpkeys_pgprot(prot, pkey)						\
	__pgprot((pgprot_val(prot) & ~_PAGE_PKEY_MASK) | _PAGE_PKEY(pkey))

/* The CPU sets these. */
#define arch_kpkeys_same_mapping(a, b)						\
	((((a) ^ (b)) & ~(u64)(_PAGE_ACCESSED | _PAGE_DIRTY)) == 0)

bool x86_kpkeys_patches_image(const void *entryp);
#define arch_kpkeys_patches_image(entryp)	x86_kpkeys_patches_image(entryp)

const void *x86_kpkeys_original(const void *entryp, int level);
#define arch_kpkeys_original(entryp, level)	x86_kpkeys_original(entryp, level)

int x86_kpkeys_split(unsigned long addr, int nr_pages);
#define arch_kpkeys_split(addr, nr_pages)	x86_kpkeys_split(addr, nr_pages)

/* The kernel's half is in there, too. */
#define arch_kpkeys_empty_root(root)	((void)(root), swapper_pg_dir)

/* The trampoline, text_poke(), tboot, EFI's mappings, and what PTI has for user mode. */
#define arch_kpkeys_walk_others		arch_kpkeys_walk_others

/* Roots have a second page for user mode. */
#define ARCH_KPKEYS_MAX_ORDER		IS_ENABLED(CONFIG_MITIGATION_PAGE_TABLE_ISOLATION)

#define arch_kpkeys_flush_tlb()		__flush_tlb_all()
#define arch_kpkeys_loaded_root_pfn()	PHYS_PFN(read_cr3_pa())

void x86_kpkeys_add_static_tables(void);
#define arch_kpkeys_add_static_tables()	x86_kpkeys_add_static_tables()

#endif /* CONFIG_X86_KPKEYS */

#include <asm-generic/kpkeys.h>

#endif /* _ASM_X86_KPKEYS_H */
