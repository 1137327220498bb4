/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kpkeys on arm64: the pkey register is POR_EL1 of FEAT_S1POE, and the pkey of
 * a page is the overlay index (POIndex) in the descriptor that maps it.
 */
#ifndef __ASM_KPKEYS_H
#define __ASM_KPKEYS_H

#include <asm/barrier.h>
#include <asm/sysreg.h>

/* POIndex has three bits, if descriptors have 64. Arm ARM, "Overlays". */
#define ARCH_KPKEYS_MAX_PKEY	7

/*
 * POR_EL1 holds four bits for each pkey: read, execute, write, reserved. All
 * code has the default pkey, and no other memory is to be executed.
 */
#define ARCH_KPKEYS_PERM_MASK(pkey)	POR_ELx_PERM_PREP(pkey, POE_MASK)
#define ARCH_KPKEYS_PERM(pkey, perm)					\
	POR_ELx_PERM_PREP(pkey, ((perm) & 1 ? POE_R : POE_NONE) |	\
				((perm) & 2 ? POE_W : POE_NONE) |	\
				((pkey) ? POE_NONE : POE_X))

static __always_inline u64 arch_kpkeys_read_reg(void)
{
	return read_sysreg_s(SYS_POR_EL1);
}

static __always_inline void arch_kpkeys_write_reg(u64 reg)
{
	/* No access may be moved across the write: isb() is a barrier after it. */
	barrier();
	write_sysreg_s(reg, SYS_POR_EL1);
	/* What follows must be subject to the new value. */
	isb();
}

bool arm64_supports_kpkeys(void);
#define arch_supports_kpkeys()		arm64_supports_kpkeys()
#define arch_supports_kpkeys_early()	arm64_supports_kpkeys()

bool arm64_kpkeys_is_readonly(unsigned long addr);
#define arch_kpkeys_is_readonly(addr)	arm64_kpkeys_is_readonly(addr)

/* The kernel image, vmalloc(), the vmemmap and the fixmap. */
#define ARCH_KPKEYS_ALIASES_START	MODULES_VADDR
#define ARCH_KPKEYS_ALIASES_END		(-PAGE_SIZE)

bool arm64_kpkeys_entry_is_writable(u64 entry);
#define arch_kpkeys_entry_is_writable(entry)	arm64_kpkeys_entry_is_writable(entry)

#include <asm-generic/kpkeys.h>

#endif /* __ASM_KPKEYS_H */
