/* SPDX-License-Identifier: GPL-2.0-only */
/* kpkeys on arm64: for the fault handler. */
#ifndef __ASM_KPKEYS_FAULT_H
#define __ASM_KPKEYS_FAULT_H

#include <linux/irq-entry-common.h>
#include <asm/ptrace.h>

#ifdef CONFIG_KPKEYS
/*
 * The handler of an abort runs in the default context: keep the register of the
 * code that faulted for the report. In the frame of this abort, since aborts
 * nest.
 */
static __always_inline void arm64_kpkeys_save_reg(struct pt_regs *regs,
						  irqentry_state_t state)
{
	regs->pkey_reg = state.pkey_reg;
}

void arm64_kpkeys_report(unsigned long addr, unsigned long esr, struct pt_regs *regs);
#else
static __always_inline void arm64_kpkeys_save_reg(struct pt_regs *regs,
						  irqentry_state_t state)
{
}

static inline void arm64_kpkeys_report(unsigned long addr, unsigned long esr,
				       struct pt_regs *regs)
{
}
#endif

#endif /* __ASM_KPKEYS_FAULT_H */
