/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kpkeys: the policy. Which pkeys the kernel uses, which contexts there are, and
 * what each context may write to. Nothing else says it: enums, register values,
 * masks, names and limits are all generated from the two lists below.
 *
 * To protect more data, add a line to KPKEYS_PKEYS() and a line to
 * KPKEYS_CONTEXTS(). Every context can read the memory of every pkey, can write
 * to memory with the default pkey, which all ordinary memory carries, and can
 * write to the memory of no other pkey but those that its line names.
 */
#ifndef _LINUX_KPKEYS_TABLE_H
#define _LINUX_KPKEYS_TABLE_H

#include <linux/bits.h>

/*
 * P(arg, NAME, label): KPKEYS_PKEY_NAME, and what reports call it. @arg is the
 * user's of the list. A pkey is a number that the hardware must have: tests use
 * one only if they are built.
 */
#ifdef CONFIG_KPKEYS_KUNIT_TEST
#define KPKEYS_TEST_PKEYS(P, arg)	P(arg, TEST, "test")
#define KPKEYS_TEST_CONTEXTS(C)						\
	C(TEST,		"test",		BIT(KPKEYS_PKEY_TEST),		false)
#else
#define KPKEYS_TEST_PKEYS(P, arg)
#define KPKEYS_TEST_CONTEXTS(C)
#endif

#define KPKEYS_PKEYS(P, arg)						\
	P(arg, DEFAULT,		"default")				\
	P(arg, PGTABLES,	"page tables")				\
	KPKEYS_TEST_PKEYS(P, arg)

/*
 * C(NAME, label, writable, modules): KPKEYS_CTX_NAME; what reports call it; the
 * pkeys to whose memory it can write besides the default one; whether a loadable
 * module may switch to it. Setters of page tables are inline functions, which
 * drivers use, too.
 */
#define KPKEYS_CONTEXTS(C)						\
	C(DEFAULT,	"default",	0,				true) \
	C(PGTABLES,	"page tables",	BIT(KPKEYS_PKEY_PGTABLES),	true) \
	KPKEYS_TEST_CONTEXTS(C)

#ifndef __ASSEMBLER__

#define __KPKEYS_PKEY_ENUM(arg, name, label)	KPKEYS_PKEY_##name,
#define __KPKEYS_CTX_ENUM(name, ...)		KPKEYS_CTX_##name,

enum kpkeys_pkey {
	KPKEYS_PKEYS(__KPKEYS_PKEY_ENUM, 0)
	KPKEYS_NR_PKEYS
};

enum kpkeys_ctx {
	KPKEYS_CONTEXTS(__KPKEYS_CTX_ENUM)
	KPKEYS_NR_CTX
};

#endif /* !__ASSEMBLER__ */

#endif /* _LINUX_KPKEYS_TABLE_H */
