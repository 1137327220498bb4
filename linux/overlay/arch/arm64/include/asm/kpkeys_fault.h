/* SPDX-License-Identifier: GPL-2.0-only */
/* kpkeys on arm64: reports of violations, for the fault handler. */
#ifndef __ASM_KPKEYS_FAULT_H
#define __ASM_KPKEYS_FAULT_H

#include <linux/sched.h>

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

#endif /* __ASM_KPKEYS_FAULT_H */
