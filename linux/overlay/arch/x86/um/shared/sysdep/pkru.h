/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The PKRU register of the host CPU, for the kernel and the host side of UML.
 *
 * The host resets PKRU when it delivers a signal, to a value that makes all
 * pkeys but 0 inaccessible, and restores it on sigreturn. setjmp() and
 * longjmp() do not carry it. The helpers below put that right where UML enters
 * a handler or changes threads.
 */
#ifndef __SYSDEP_X86_PKRU_H
#define __SYSDEP_X86_PKRU_H

#ifdef CONFIG_KPKEYS

/* Set once at boot, when the host's pkeys are in use. */
extern int um_kpkeys_on;

static __always_inline unsigned int um_rdpkru(void)
{
	unsigned int pkru, edx;

	asm volatile("rdpkru" : "=a" (pkru), "=d" (edx) : "c" (0));
	return pkru;
}

/* "memory": no access may be moved into or out of a section that it opens. */
static __always_inline void um_wrpkru(unsigned int pkru)
{
	asm volatile("wrpkru" : : "a" (pkru), "c" (0), "d" (0) : "memory");
}

#ifdef UM_PKRU_MASK	/* <generated/asm-offsets.h> */

/* Returns what um_pkru_restore() takes. */
static __always_inline unsigned int um_pkru_set_default(void)
{
	unsigned int old;

	if (!um_kpkeys_on)
		return 0;

	old = um_rdpkru();
	if ((old & UM_PKRU_MASK) != UM_PKRU_DEFAULT)
		um_wrpkru((old & ~UM_PKRU_MASK) | UM_PKRU_DEFAULT);
	return old;
}

static __always_inline void um_pkru_restore(const unsigned int *old)
{
	if (um_kpkeys_on && um_rdpkru() != *old)
		um_wrpkru(*old);
}

/* The rest of the block runs with the default value; its end restores. */
#define um_pkru_default_scope()						\
	unsigned int __attribute__((__cleanup__(um_pkru_restore), __unused__)) \
	__pkru = um_pkru_set_default()

#endif /* UM_PKRU_MASK */

#else /* !CONFIG_KPKEYS */

#define um_pkru_set_default()	do { } while (0)
#define um_pkru_default_scope()	do { } while (0)

#endif /* CONFIG_KPKEYS */

#endif /* __SYSDEP_X86_PKRU_H */
