/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __ASM_GENERIC_KPKEYS_H
#define __ASM_GENERIC_KPKEYS_H

/*
 * Defaults for what <asm/kpkeys.h> may override. An architecture includes this
 * header at the end of its own.
 *
 * Besides, <asm/kpkeys.h> must provide:
 *
 *   ARCH_KPKEYS_MAX_PKEY		highest pkey that a page can carry
 *   ARCH_KPKEYS_PERM(pkey, perm)	register bits that give @pkey the
 *					permission @perm (KPKEYS_RW, KPKEYS_RO
 *					or KPKEYS_NONE); a constant expression
 *   ARCH_KPKEYS_PERM_MASK(pkey)	all register bits of @pkey
 *   arch_kpkeys_read_reg()		read the pkey register of this CPU
 *   arch_kpkeys_write_reg(reg)		write it; in force when it returns.
 *					Must be __always_inline.
 *   arch_supports_kpkeys()		may be called once features are known;
 *					not needed with an arch_kpkeys_init()
 */

/* The pkeys that kpkeys manages. The default one is what all memory carries. */
#ifndef KPKEYS_PKEY_DEFAULT
#define KPKEYS_PKEY_DEFAULT	0
#endif

#ifndef KPKEYS_PKEY_PGTABLES
#define KPKEYS_PKEY_PGTABLES	1
#endif

#ifndef KPKEYS_PKEY_TEST
#define KPKEYS_PKEY_TEST	2
#endif

/* Pkeys 0 to KPKEYS_NR_PKEYS - 1 comprise all of them. */
#ifndef KPKEYS_NR_PKEYS
#define KPKEYS_NR_PKEYS		3
#endif

/*
 * Called once, on the boot CPU, when kpkeys are about to be enabled: the
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
 * Functions that the architecture implements for mm/kpkeys/. They are not for
 * other callers.
 */

/* set_memory_pkey() once its arguments have been checked. */
int arch_set_memory_pkey(unsigned long addr, int nr_pages, int pkey);

typedef int (*kpkeys_range_fn)(unsigned long start, unsigned long end, void *arg);

/*
 * Call @fn for each part of the linear map that carries @pkey, as the hardware
 * (or the host) has it, until it returns non-zero. For the audit: must not
 * rely on what kpkeys has recorded. All other CPUs are stopped.
 */
int arch_kpkeys_walk_ranges(int pkey, kpkeys_range_fn fn, void *arg);

/*
 * For the audit, too: where, besides the linear map, the kernel has mappings, and
 * whether an entry of a page table there lets everybody write.
 */
#ifndef ARCH_KPKEYS_ALIASES_START
#define ARCH_KPKEYS_ALIASES_START	VMALLOC_START
#define ARCH_KPKEYS_ALIASES_END		VMALLOC_END
#endif

#ifndef arch_kpkeys_entry_is_writable
#define arch_kpkeys_entry_is_writable(entry)	pte_write(__pte(entry))
#endif

#endif	/* __ASM_GENERIC_KPKEYS_H */
