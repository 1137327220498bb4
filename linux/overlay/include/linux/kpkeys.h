/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kpkeys: protection keys (pkeys) for the kernel's own memory.
 *
 * A pkey is a small integer that a page of the linear map carries; a per-CPU
 * register, the pkey register, says what each pkey allows. Data to protect is
 * tagged with a pkey of its own, which the register makes read-only. The few
 * functions that may write that data switch the register to a *context* that
 * allows it, write, and switch back. A write from anywhere else faults.
 *
 * This header is the API for code that protects its data. The policy, which
 * pkeys and contexts there are, is in <linux/kpkeys_table.h>. Page-table code
 * uses <linux/kpkeys_pgtables.h>, an architecture <linux/kpkeys_arch.h>.
 * Documentation/core-api/kpkeys.rst explains how to protect one's own data, and
 * what the protection does not cover.
 */
#ifndef _LINUX_KPKEYS_H
#define _LINUX_KPKEYS_H

#include <linux/build_bug.h>
#include <linux/cleanup.h>
#include <linux/errno.h>
#include <linux/jump_label.h>
#include <linux/kpkeys_table.h>
#include <linux/preempt.h>
#include <linux/smp.h>
#include <linux/types.h>
#include <asm/percpu.h>

/* Permissions: bit 0, read; bit 1, write. */
#define KPKEYS_PERM_NONE	0
#define KPKEYS_PERM_RO		1
#define KPKEYS_PERM_RW		3

#ifdef CONFIG_KPKEYS

#include <asm/kpkeys.h>

/* All register bits of the pkeys that kpkeys manages. */
#define __KPKEYS_PKEY_MASK(arg, name, label)				\
	| ARCH_KPKEYS_PERM_MASK(KPKEYS_PKEY_##name)
#define KPKEYS_REG_MASK		((u64)(0 KPKEYS_PKEYS(__KPKEYS_PKEY_MASK, 0)))

/* One context's register bits: @writable has a bit for each pkey it writes to. */
#define __KPKEYS_PKEY_PERM(writable, name, label)			\
	| ARCH_KPKEYS_PERM(KPKEYS_PKEY_##name,				\
			   (writable) & BIT(KPKEYS_PKEY_##name) ?	\
			   KPKEYS_PERM_RW : KPKEYS_PERM_RO)
#define __KPKEYS_CTX_VALUE(name, label, writable, modules)		\
	[KPKEYS_CTX_##name] = 0 KPKEYS_PKEYS(__KPKEYS_PKEY_PERM,	\
					     BIT(KPKEYS_PKEY_DEFAULT) | (writable)),

/*
 * What each context may do to the memory of each pkey, as bits of the pkey
 * register. Looked up at compile time: what switches to a context contains its
 * value as a constant. Pkeys that are not in the list are not managed by kpkeys:
 * their permissions are left as they are.
 */
static const u64 kpkeys_ctx_table[KPKEYS_NR_CTX] __maybe_unused = {
	KPKEYS_CONTEXTS(__KPKEYS_CTX_VALUE)
};

/* Whether this code, which may be a loadable module, may switch to a context. */
#ifdef MODULE
#define __KPKEYS_CTX_ALLOWED(name, label, writable, modules)		\
	[KPKEYS_CTX_##name] = (modules),
#else
#define __KPKEYS_CTX_ALLOWED(name, label, writable, modules)		\
	[KPKEYS_CTX_##name] = true,
#endif
static const bool kpkeys_ctx_allowed[KPKEYS_NR_CTX] __maybe_unused = {
	KPKEYS_CONTEXTS(__KPKEYS_CTX_ALLOWED)
};

/*
 * A mistake in the policy, or in a backend's masks, must not leave data
 * unprotected without a word.
 */
static_assert(KPKEYS_PKEY_DEFAULT == 0 && KPKEYS_CTX_DEFAULT == 0);
static_assert(KPKEYS_NR_PKEYS - 1 <= ARCH_KPKEYS_MAX_PKEY, "kpkeys: too many pkeys");

/* Each of these counts the faulty lines of a list. */
#define __KPKEYS_SAME_PERMS(arg, name, label)				\
	+ (ARCH_KPKEYS_PERM(KPKEYS_PKEY_##name, KPKEYS_PERM_RO) ==	\
	   ARCH_KPKEYS_PERM(KPKEYS_PKEY_##name, KPKEYS_PERM_RW))
static_assert((0 KPKEYS_PKEYS(__KPKEYS_SAME_PERMS, 0)) == 0,
	      "kpkeys: the register does not tell reading from writing");

#define __KPKEYS_PERM_OUTSIDE(arg, name, label)				\
	+ !!((ARCH_KPKEYS_PERM(KPKEYS_PKEY_##name, KPKEYS_PERM_RO) |	\
	      ARCH_KPKEYS_PERM(KPKEYS_PKEY_##name, KPKEYS_PERM_RW)) &	\
	     ~ARCH_KPKEYS_PERM_MASK(KPKEYS_PKEY_##name))
static_assert((0 KPKEYS_PKEYS(__KPKEYS_PERM_OUTSIDE, 0)) == 0,
	      "kpkeys: a pkey's permission is outside of its mask");

#define __KPKEYS_PKEY_MASK_SUM(arg, name, label)			\
	+ ARCH_KPKEYS_PERM_MASK(KPKEYS_PKEY_##name)
static_assert(KPKEYS_REG_MASK == 0 KPKEYS_PKEYS(__KPKEYS_PKEY_MASK_SUM, 0),
	      "kpkeys: the masks of two pkeys overlap");

#define __KPKEYS_CTX_UNLISTED(name, label, writable, modules)		\
	+ !!((writable) & ~(BIT(KPKEYS_NR_PKEYS) - 1))
static_assert((0 KPKEYS_CONTEXTS(__KPKEYS_CTX_UNLISTED)) == 0,
	      "kpkeys: a context writes to the memory of an unknown pkey");

#define __KPKEYS_CTX_OPEN(name, label, writable, modules)		\
	+ (KPKEYS_CTX_##name == KPKEYS_CTX_DEFAULT && (writable))
static_assert((0 KPKEYS_CONTEXTS(__KPKEYS_CTX_OPEN)) == 0,
	      "kpkeys: the default context writes to protected memory");

DECLARE_STATIC_KEY_FALSE(kpkeys_enabled_key);

/**
 * kpkeys_enabled() - Is kpkeys in use on this system?
 *
 * Decided once at boot, before the page allocator is up: the CPU must support
 * them and ``kpkeys=off`` must not be given. False before that.
 *
 * Context: Any. A patched-out branch where the architecture has jump labels.
 * Return: true if set_memory_pkey() and kpkeys_set_context() have an effect.
 */
static __always_inline bool kpkeys_enabled(void)
{
	return static_branch_unlikely(&kpkeys_enabled_key);
}

#ifdef CONFIG_KPKEYS_DEBUG
DECLARE_PER_CPU(unsigned long, kpkeys_reg_writes);
/* Only a statistic: a count lost to an interrupt is not worth a slower path. */
#define kpkeys_count_reg_write()	raw_cpu_inc(kpkeys_reg_writes)
#else
#define kpkeys_count_reg_write()	do { } while (0)
#endif

/* The part of the register that kpkeys manages has the value of @ctx. */
static __always_inline bool __kpkeys_is_context(const int ctx)
{
	return (arch_kpkeys_read_reg() & KPKEYS_REG_MASK) == kpkeys_ctx_table[ctx];
}

/*
 * As __kpkeys_is_context(), but may be wrong, where reading the register is slow: for
 * code that faults, or closes a section too early, if it is.
 */
static __always_inline bool __kpkeys_seems_context(const int ctx)
{
#ifdef arch_kpkeys_hint_is
	return arch_kpkeys_hint_is(ctx);
#else
	return __kpkeys_is_context(ctx);
#endif
}

/*
 * kpkeys_set_context() without the check that kpkeys is enabled, for callers
 * that have made it.
 *
 * What is written is a constant, but for the bits of pkeys that kpkeys does not
 * manage, which come from the register itself. No value that has been in memory,
 * where an attacker could have changed it, stays in the register.
 */
static __always_inline void __kpkeys_set_context(const int ctx)
{
	BUILD_BUG_ON_MSG(!__builtin_constant_p(ctx),
			 "kpkeys context must be a compile-time constant");
	BUILD_BUG_ON_MSG(ctx < 0 || ctx >= KPKEYS_NR_CTX,
			 "unknown kpkeys context");
	BUILD_BUG_ON_MSG(!__builtin_constant_p(kpkeys_ctx_table[ctx]),
			 "kpkeys context is not looked up at compile time");
	BUILD_BUG_ON_MSG(!kpkeys_ctx_allowed[ctx],
			 "modules may not switch to this kpkeys context");

#ifdef arch_kpkeys_write_context
	arch_kpkeys_write_context(ctx);
	kpkeys_count_reg_write();
#else
	/* An interrupt right before the write has had the value in memory: look. */
	while (!__kpkeys_is_context(ctx)) {
		arch_kpkeys_write_reg((arch_kpkeys_read_reg() & ~(u64)KPKEYS_REG_MASK) |
				      kpkeys_ctx_table[ctx]);
		kpkeys_count_reg_write();
	}
#endif
}

/* __kpkeys_set_context(), for code that does not know which context this CPU is in. */
static __always_inline void __kpkeys_ensure_context(const int ctx)
{
	if (!__kpkeys_is_context(ctx))
		__kpkeys_set_context(ctx);
}

/**
 * kpkeys_set_context() - Switch this CPU to a context
 * @ctx: The context, KPKEYS_CTX_*; a compile-time constant, else the build
 *	 fails, so that no attacker-controlled value can choose one.
 *
 * Prefer kpkeys_in_context() or a guard (KPKEYS_GUARD()), which cannot forget to
 * switch back.
 *
 * Interrupts and exceptions run in the default context, and return to @ctx. A
 * thread that sleeps goes on in the default context. Always inlined, so that the
 * image has no function that an attacker could call to open a context.
 *
 * Context: Any.
 */
static __always_inline void kpkeys_set_context(const int ctx)
{
	if (kpkeys_enabled())
		__kpkeys_ensure_context(ctx);
}

/* Interrupts have not preempted the section: catch up with them. Modules lack the direct way. */
#ifdef MODULE
#define kpkeys_check_resched()	({ preempt_disable(); preempt_enable(); })
#else
#define kpkeys_check_resched()	preempt_check_resched()
#endif

/* The end of a section that may have ended already. */
static __always_inline void __kpkeys_close_context(void)
{
#ifdef arch_kpkeys_hint_is
	/* Whoever changes the hint does not keep a section open. */
	if (arch_kpkeys_hint_is(KPKEYS_CTX_DEFAULT) &&
	    __kpkeys_is_context(KPKEYS_CTX_DEFAULT))
		return;
#endif
	__kpkeys_set_context(KPKEYS_CTX_DEFAULT);
}

/* The end of a section of code in another context. */
static __always_inline void kpkeys_leave_context(void)
{
	if (!kpkeys_enabled())
		return;

	__kpkeys_close_context();
	kpkeys_check_resched();
}

/*
 * Whether the context was open already is decided once, by a branch: from then on
 * the program counter knows it, and no variable that could be spilled to memory.
 */
#define __kpkeys_in_context(_cond, _ctx, ...)				\
	do {								\
		if ((_cond) && !__kpkeys_seems_context(_ctx)) {		\
			__kpkeys_set_context(_ctx);			\
			__VA_ARGS__;					\
			kpkeys_leave_context();				\
		} else {						\
			__VA_ARGS__;					\
		}							\
	} while (0)

int set_memory_pkey(unsigned long addr, int nr_pages, int pkey);
void __init kpkeys_init(void);

#else /* !CONFIG_KPKEYS */

static inline bool kpkeys_enabled(void)
{
	return false;
}

static inline void kpkeys_set_context(const int ctx) {}
static inline void kpkeys_leave_context(void) {}

#define __kpkeys_in_context(_cond, _ctx, ...)	({ __VA_ARGS__; })

static inline int set_memory_pkey(unsigned long addr, int nr_pages, int pkey)
{
	return -EOPNOTSUPP;
}

static inline void kpkeys_init(void) {}

#endif /* CONFIG_KPKEYS */

/**
 * kpkeys_in_context() - Run a statement in a context
 * @_ctx: The context, a compile-time constant
 * @...: The statement. It must not leave by return, goto or break. It is compiled
 *	 twice: keep it small.
 *
 * Sections of the same context nest, and only the outermost writes the register.
 * Its end is always the default context. Statements of the section that sleep, or
 * that open another context, find it closed afterwards, and fault.
 *
 * Context: Any.
 */
#define kpkeys_in_context(_ctx, ...)					\
	__kpkeys_in_context(kpkeys_enabled(), _ctx, __VA_ARGS__)

/**
 * KPKEYS_GUARD() - Define a guard that switches to a context
 * @_name: Name of the guard, for guard() and scoped_guard()
 * @_ctx: The context, a compile-time constant
 *
 * In the scope of ``guard(_name)()`` this CPU is in @_ctx, and preemption is
 * disabled. Its end is the default context: the guard remembers nothing, so that
 * there is nothing to change behind its back. Therefore guards do not nest; what
 * follows an inner one faults.
 */
#define KPKEYS_GUARD(_name, _ctx)					\
	DEFINE_CLASS(_name, int, ({					\
			(void)_T;					\
			kpkeys_leave_context();				\
			preempt_enable();				\
		     }), ({						\
			preempt_disable();				\
			kpkeys_set_context(_ctx);			\
			0;						\
		     }), void)						\
	DEFINE_CLASS_IS_UNCONDITIONAL(_name)

#endif /* _LINUX_KPKEYS_H */
