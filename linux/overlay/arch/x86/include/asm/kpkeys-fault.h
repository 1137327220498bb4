/* SPDX-License-Identifier: GPL-2.0-only */
/* kpkeys on x86: for the fault handler. */
#ifndef _ASM_X86_KPKEYS_FAULT_H
#define _ASM_X86_KPKEYS_FAULT_H

struct pt_regs;

#ifdef CONFIG_X86_KPKEYS
void x86_kpkeys_report(unsigned long addr, unsigned long error_code,
		       struct pt_regs *regs);
#else
static inline void x86_kpkeys_report(unsigned long addr, unsigned long error_code,
				     struct pt_regs *regs)
{
}
#endif

#endif /* _ASM_X86_KPKEYS_FAULT_H */
