/* SPDX-License-Identifier: GPL-2.0-only */
/* kpkeys on arm64: for the fault handler. */
#ifndef __ASM_KPKEYS_FAULT_H
#define __ASM_KPKEYS_FAULT_H

struct pt_regs;

#ifdef CONFIG_KPKEYS
void arm64_kpkeys_report(unsigned long addr, unsigned long esr, struct pt_regs *regs);
#else
static inline void arm64_kpkeys_report(unsigned long addr, unsigned long esr,
				       struct pt_regs *regs)
{
}
#endif

#endif /* __ASM_KPKEYS_FAULT_H */
