/* SPDX-License-Identifier: GPL-2.0-only */
/* kpkeys on arm64: what the fault handler and the fixmap call. */
#ifndef __ASM_KPKEYS_HOOKS_H
#define __ASM_KPKEYS_HOOKS_H

#include <linux/bitfield.h>
#include <linux/kpkeys.h>
#include <linux/sched.h>
#include <asm/pgtable-prot.h>

#ifdef CONFIG_ARCH_HAS_KPKEYS
/* The handler runs in the default context: keep what was in force. */
static __always_inline void arm64_kpkeys_note_fault(u64 pkey_reg)
{
	current->thread.fault_pkey_reg = pkey_reg;
}

void arm64_kpkeys_report(unsigned long addr, unsigned long esr);
#else
static __always_inline void arm64_kpkeys_note_fault(u64 pkey_reg) {}
static inline void arm64_kpkeys_report(unsigned long addr, unsigned long esr) {}
#endif

#ifdef CONFIG_KPKEYS_HARDENED_PGTABLES
/* For one more mapping of a page table. */
static inline pgprot_t arm64_kpkeys_pgtable_prot(pgprot_t prot)
{
	if (kpkeys_hardened_pgtables_enabled())
		pgprot_val(prot) |= FIELD_PREP(PTE_PO_IDX_MASK, KPKEYS_PKEY_PGTABLES);
	return prot;
}
#else
static inline pgprot_t arm64_kpkeys_pgtable_prot(pgprot_t prot)
{
	return prot;
}
#endif

#endif /* __ASM_KPKEYS_HOOKS_H */
