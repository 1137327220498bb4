/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kpkeys: what an architecture calls and implements.
 *
 * The register's primitives are in <asm/kpkeys.h>; <asm-generic/kpkeys.h> lists
 * them. Documentation/core-api/kpkeys.rst has a list of all that a backend needs.
 */
#ifndef _LINUX_KPKEYS_ARCH_H
#define _LINUX_KPKEYS_ARCH_H

#include <linux/kpkeys.h>

#ifdef CONFIG_KPKEYS

/*
 * Exceptions
 */

/**
 * kpkeys_exception_enter() - Switch to the default context on exception entry
 *
 * For the entry code of interrupts and exceptions: their handlers start in the
 * default context, whatever they interrupt.
 *
 * Context: Exception entry from kernel mode; must not be instrumented.
 * Return: for kpkeys_exception_exit()
 */
static __always_inline u64 kpkeys_exception_enter(void)
{
	return kpkeys_set_context(KPKEYS_CTX_DEFAULT);
}

/**
 * kpkeys_exception_exit() - Restore the interrupted context on exception exit
 * @pkey_reg: What the matching kpkeys_exception_enter() returned
 *
 * To be called before the thread can be preempted on the way back: it is
 * switched out with the register that its section needs, and whoever runs next
 * has its own. May be called again after that.
 *
 * Context: Exception exit to kernel mode; must not be instrumented.
 */
static __always_inline void kpkeys_exception_exit(u64 pkey_reg)
{
	if (pkey_reg != KPKEYS_PKEY_REG_INVAL && arch_kpkeys_read_reg() != pkey_reg)
		kpkeys_restore_pkey_reg(pkey_reg);
}

/*
 * Faults
 */

/* Memory that carries no pkey, and that no context can write to. */
#define KPKEYS_PKEY_NONE	(-1)

void kpkeys_report_fault(unsigned long addr, bool write, int pkey, u64 pkey_reg);

/*
 * Memory
 */

/* set_memory_pkey() once its arguments have been checked. */
int arch_set_memory_pkey(unsigned long addr, int nr_pages, int pkey);

/**
 * typedef kpkeys_mapping_fn - Called for each entry that maps memory
 * @level: Level of the page table that the entry is in, enum pgtable_level
 * @entry: The entry
 * @addr: First address that it maps
 * @next: First address after it
 * @arg: The caller's
 *
 * Return: non-zero to end the walk.
 */
typedef int (*kpkeys_mapping_fn)(int level, u64 entry, unsigned long addr,
				 unsigned long next, void *arg);

int kpkeys_walk_mappings(unsigned long start, unsigned long end,
			 kpkeys_mapping_fn fn, void *arg);

typedef int (*kpkeys_range_fn)(unsigned long start, unsigned long end, void *arg);

/*
 * Call @fn for each part of the linear map that carries @pkey, as the hardware
 * (or the host) has it, until it returns non-zero. For the audit: must not
 * rely on what kpkeys has recorded. All other CPUs are stopped.
 */
int arch_kpkeys_walk_ranges(int pkey, kpkeys_range_fn fn, void *arg);

#ifdef CONFIG_KPKEYS_HARDENED_PGTABLES
/*
 * Protect the page tables in the kernel image, with
 * kpkeys_protect_static_pgtable().
 */
int __init arch_kpkeys_protect_static_pgtables(void);
int __init kpkeys_protect_static_pgtable(void *addr, int nr_pages);
#endif

#else /* !CONFIG_KPKEYS */

static __always_inline u64 kpkeys_exception_enter(void)
{
	return KPKEYS_PKEY_REG_INVAL;
}

static __always_inline void kpkeys_exception_exit(u64 pkey_reg) {}

#endif /* CONFIG_KPKEYS */

#endif /* _LINUX_KPKEYS_ARCH_H */
