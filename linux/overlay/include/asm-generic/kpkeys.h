/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __ASM_GENERIC_KPKEYS_H
#define __ASM_GENERIC_KPKEYS_H

/*
 * Defaults for what <asm/kpkeys.h> may override. An architecture includes this
 * header at the end of its own.
 *
 * In addition, <asm/kpkeys.h> must provide:
 *
 *   ARCH_KPKEYS_MAX_PKEY		highest pkey that a page can carry
 *   ARCH_KPKEYS_PERM(pkey, perm)	register bits that give @pkey the
 *					permission @perm (KPKEYS_PERM_RW, _RO or
 *					_NONE); a constant expression
 *   ARCH_KPKEYS_PERM_MASK(pkey)	all register bits of @pkey
 *   arch_kpkeys_read_reg()		read the pkey register of this CPU
 *   arch_kpkeys_write_reg(reg)		write it; in force when it returns, and a
 *					compiler barrier on both sides. Must be
 *					__always_inline.
 *   arch_supports_kpkeys()		may be called once features are known;
 *					not needed with an arch_kpkeys_init()
 */

/*
 * An architecture without a header of its own: kpkeys can be built, which is all
 * that COMPILE_TEST wants, and is never enabled.
 */
#ifndef ARCH_KPKEYS_MAX_PKEY
#define ARCH_KPKEYS_MAX_PKEY		15
#define ARCH_KPKEYS_PERM_MASK(pkey)	(3UL << (2 * (pkey)))
#define ARCH_KPKEYS_PERM(pkey, perm)	((unsigned long)(perm) << (2 * (pkey)))
#define arch_supports_kpkeys()		false

static __always_inline u64 arch_kpkeys_read_reg(void)
{
	return 0;
}

static __always_inline void arch_kpkeys_write_reg(u64 reg)
{
}
#endif

/*
 * Called once, on the boot CPU, when kpkeys is about to be enabled: the
 * place for an architecture that has something to set up. Returns false when
 * kpkeys cannot be used.
 */
#ifndef arch_kpkeys_init
#define arch_kpkeys_init()	arch_supports_kpkeys()
#endif

/* As arch_supports_kpkeys(), but may be called before features are known. */
#ifndef arch_supports_kpkeys_early
#define arch_supports_kpkeys_early()	false
#endif

/*
 * Whether no mapping of a page lets the kernel write to it, whatever its pkey.
 * @addr is in the linear map, and that of a page table of the kernel image.
 */
#ifndef arch_kpkeys_is_readonly
#define arch_kpkeys_is_readonly(addr)	false
#endif

/*
 * For the audit: where, besides the linear map, the kernel has mappings, and
 * whether a page-table entry there is writable in the default context.
 */
#ifndef ARCH_KPKEYS_ALIASES_START
#define ARCH_KPKEYS_ALIASES_START	VMALLOC_START
#define ARCH_KPKEYS_ALIASES_END		VMALLOC_END
#endif

#ifndef arch_kpkeys_entry_is_writable
#define arch_kpkeys_entry_is_writable(entry)	pte_write(__pte(entry))
#endif

/* Whether the linear map is in init_mm, so that the kernel can walk it. */
#ifndef arch_kpkeys_has_linear_map
#define arch_kpkeys_has_linear_map()	true
#endif

#endif	/* __ASM_GENERIC_KPKEYS_H */
