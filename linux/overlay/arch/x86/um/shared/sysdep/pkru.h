/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The PKRU register of the host CPU, for the kernel and the host side of UML.
 *
 * The host resets PKRU when it delivers a signal, to a value that makes all
 * pkeys but 0 inaccessible, and restores it from the signal frame on sigreturn.
 * setjmp() and longjmp() do not carry it: UML changes threads in the default
 * context.
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

static __always_inline unsigned int um_pkru_set(unsigned int pkru, unsigned int value)
{
	return (pkru & ~UM_PKRU_MASK) | value;
}

/* The default context, from whatever the host or the code before has left. */
static __always_inline void um_pkru_set_default(void)
{
	unsigned int pkru;

	if (!um_kpkeys_on)
		return;

	pkru = um_rdpkru();
	if ((pkru & UM_PKRU_MASK) != UM_PKRU_DEFAULT)
		um_wrpkru(um_pkru_set(pkru, UM_PKRU_DEFAULT));
}

#endif /* UM_PKRU_MASK */

#else /* !CONFIG_KPKEYS */

#define um_pkru_set_default()	do { } while (0)

#endif /* CONFIG_KPKEYS */

#endif /* __SYSDEP_X86_PKRU_H */
