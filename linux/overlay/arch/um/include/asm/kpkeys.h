/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kpkeys on UML: the pkey register is the PKRU register of the host CPU, the
 * linear map is UML's mapping of its physical memory, and pkey_mprotect() of
 * the host tags it.
 */
#ifndef __ASM_UM_KPKEYS_H
#define __ASM_UM_KPKEYS_H

#include <sysdep/pkru.h>

#define ARCH_KPKEYS_MAX_PKEY	15

/*
 * PKRU holds two bits for each pkey, which deny access (bit 2 * pkey) and
 * writes (bit 2 * pkey + 1): the inverse of the bits of a permission. Intel
 * SDM, volume 3A, "Protection Keys".
 */
#define ARCH_KPKEYS_NONE		0xffffffffUL
/* The host clears the others when it delivers a signal. */
#define ARCH_KPKEYS_ACCESS_MASK		0x55555555UL
#define ARCH_KPKEYS_PERM_MASK(pkey)	(3UL << (2 * (pkey)))
#define ARCH_KPKEYS_PERM(pkey, perm)	((~(perm) & 3UL) << (2 * (pkey)))

static __always_inline u64 arch_kpkeys_read_reg(void)
{
	return um_rdpkru();
}

static __always_inline void arch_kpkeys_write_reg(u64 reg)
{
	um_wrpkru(reg);
}

bool um_kpkeys_init(void);
#define arch_kpkeys_init()	um_kpkeys_init()

/* The highest pkey that the host had left */
extern int um_kpkeys_max_key;
#define arch_kpkeys_max_key()		um_kpkeys_max_key

/* The host manages it. */
#define arch_kpkeys_has_linear_map()	false

#include <asm-generic/kpkeys.h>

#endif /* __ASM_UM_KPKEYS_H */
