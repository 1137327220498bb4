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
 * This header is the whole interface. Documentation/core-api/kpkeys.rst
 * explains how to protect one's own data, and what the protection does not
 * cover.
 */
#ifndef _LINUX_KPKEYS_H
#define _LINUX_KPKEYS_H

#include <linux/build_bug.h>
#include <linux/cleanup.h>
#include <linux/errno.h>
#include <linux/jump_label.h>
#include <linux/smp.h>
#include <linux/types.h>
#include <asm/percpu.h>

struct pt_regs;
struct ptdesc;

/**
 * DOC: contexts
 *
 * What each context may do to each pkey. This table is the only place that
 * says it: the values that each architecture writes to its pkey register are
 * derived from it at compile time.
 *
 * Every context must have KPKEYS_RW to the default pkey, which all ordinary
 * memory carries (stacks and per-CPU data among it). Pkeys without a column
 * are not managed by kpkeys: their permissions are left as they are.
 */
#define KPKEYS_CTX_DEFAULT	0	/* all code, unless it says otherwise */
#define KPKEYS_CTX_PGTABLES	1	/* page table setters */
#define KPKEYS_CTX_TEST		2	/* the framework's own tests */
#define KPKEYS_NR_CTX		3

/*		context			DEFAULT	PGTABLES TEST	<- pkey */
#define KPKEYS_CTX_TABLE(row, arg)					\
	row(arg, KPKEYS_CTX_DEFAULT,	RW,	RO,	RO)		\
	row(arg, KPKEYS_CTX_PGTABLES,	RW,	RW,	RO)		\
	row(arg, KPKEYS_CTX_TEST,	RW,	RO,	RW)

#define KPKEYS_NONE	0	/* neither read nor write */
#define KPKEYS_RO	1	/* read only */
#define KPKEYS_RW	2	/* read and write */

/*
 * "The register was not written": what kpkeys_set_context() returns when there
 * is nothing to restore. No architecture's register has this value.
 */
#define KPKEYS_PKEY_REG_INVAL	((u64)-1)

#ifdef CONFIG_ARCH_HAS_KPKEYS

#include <asm/kpkeys.h>

/* Register bits of a row of the table. */
#define KPKEYS_ROW_REG(_default, _pgtables, _test)			\
	(ARCH_KPKEYS_PERM(KPKEYS_PKEY_DEFAULT,	KPKEYS_##_default) |	\
	 ARCH_KPKEYS_PERM(KPKEYS_PKEY_PGTABLES,	KPKEYS_##_pgtables) |	\
	 ARCH_KPKEYS_PERM(KPKEYS_PKEY_TEST,	KPKEYS_##_test))

#define __KPKEYS_CTX_REG(_arg, _ctx, ...)				\
	(_arg) == (_ctx) ? KPKEYS_ROW_REG(__VA_ARGS__) :

/* Bits of the pkey register that belong to the pkeys kpkeys manages. */
#define KPKEYS_REG_MASK							\
	(ARCH_KPKEYS_PERM_MASK(KPKEYS_PKEY_DEFAULT) |			\
	 ARCH_KPKEYS_PERM_MASK(KPKEYS_PKEY_PGTABLES) |			\
	 ARCH_KPKEYS_PERM_MASK(KPKEYS_PKEY_TEST))

/* Value of those bits in a context; constant if @ctx is. */
#define KPKEYS_CTX_REG(ctx)	(KPKEYS_CTX_TABLE(__KPKEYS_CTX_REG, ctx) 0)

DECLARE_STATIC_KEY_FALSE(kpkeys_enabled_key);

/**
 * kpkeys_enabled() - Are kpkeys in use on this system?
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

/*
 * kpkeys_set_context() without the check that kpkeys are enabled, for callers
 * that have made it.
 *
 * The register, and no flag in memory, tells which context is in force. So a
 * section that is interrupted, nested or paused needs no bookkeeping, and an
 * interrupt handler, which starts in the default context, cannot mistake
 * itself for the section that it interrupted.
 */
static __always_inline u64 __kpkeys_set_context(const int ctx)
{
	u64 old, new;

	BUILD_BUG_ON_MSG(!__builtin_constant_p(ctx),
			 "kpkeys context must be a compile-time constant");
	BUILD_BUG_ON_MSG(ctx < 0 || ctx >= KPKEYS_NR_CTX,
			 "unknown kpkeys context");

	old = arch_kpkeys_read_reg();
	new = (old & ~(u64)KPKEYS_REG_MASK) | KPKEYS_CTX_REG(ctx);
	if (new == old)
		return KPKEYS_PKEY_REG_INVAL;

	arch_kpkeys_write_reg(new);
	kpkeys_count_reg_write();
	return old;
}

/**
 * kpkeys_set_context() - Switch this thread to a context
 * @ctx: The context, KPKEYS_CTX_*; a compile-time constant, else the build
 *	 fails, so that no attacker-controlled value can choose one.
 *
 * Prefer a guard (KPKEYS_GUARD()), which cannot forget to restore.
 *
 * The context belongs to the thread: it follows it across sleep, preemption
 * and migration, and interrupts and exceptions that hit the thread run in the
 * default context. The permissions of pkeys that kpkeys does not manage are
 * kept. Always inlined, so that the image has no function that an attacker
 * could call to open a context.
 *
 * Context: Any.
 * Return: the previous value of the pkey register, for
 * kpkeys_restore_pkey_reg(), or %KPKEYS_PKEY_REG_INVAL if the register was not
 * written: kpkeys are not enabled, or the thread was in @ctx already.
 */
static __always_inline u64 kpkeys_set_context(const int ctx)
{
	if (!kpkeys_enabled())
		return KPKEYS_PKEY_REG_INVAL;

	return __kpkeys_set_context(ctx);
}

/**
 * kpkeys_restore_pkey_reg() - Return to the context before
 * @pkey_reg: What the matching kpkeys_set_context() returned. Nothing is done
 *	      for %KPKEYS_PKEY_REG_INVAL.
 *
 * Context: Any; the thread that called kpkeys_set_context().
 */
static __always_inline void kpkeys_restore_pkey_reg(u64 pkey_reg)
{
	if (pkey_reg == KPKEYS_PKEY_REG_INVAL)
		return;

	arch_kpkeys_write_reg(pkey_reg);
	kpkeys_count_reg_write();
}

int set_memory_pkey(unsigned long addr, int nr_pages, int pkey);
void __init kpkeys_init(void);

#else /* !CONFIG_ARCH_HAS_KPKEYS */

static inline bool kpkeys_enabled(void)
{
	return false;
}

static inline u64 kpkeys_set_context(const int ctx)
{
	return KPKEYS_PKEY_REG_INVAL;
}

static inline void kpkeys_restore_pkey_reg(u64 pkey_reg) {}

static inline int set_memory_pkey(unsigned long addr, int nr_pages, int pkey)
{
	return -EOPNOTSUPP;
}

static inline void kpkeys_init(void) {}

#endif /* CONFIG_ARCH_HAS_KPKEYS */

/**
 * KPKEYS_GUARD_COND() - Define a guard that switches to a context
 * @_name: Name of the guard, for guard() and scoped_guard()
 * @_ctx: The context, a compile-time constant
 * @_cond: Evaluated on entry; if false the guard does nothing
 *
 * In the scope of ``guard(_name)()`` the thread is in @_ctx. Guards nest; only
 * the outermost of the same context writes the register.
 */
#define KPKEYS_GUARD_COND(_name, _ctx, _cond)				\
	DEFINE_CLASS(_name, u64, kpkeys_restore_pkey_reg(_T),		\
		     (_cond) ? kpkeys_set_context(_ctx) :		\
			       KPKEYS_PKEY_REG_INVAL, void)		\
	DEFINE_CLASS_IS_UNCONDITIONAL(_name)

/**
 * KPKEYS_GUARD() - Define a guard that switches to a context
 * @_name: Name of the guard, for guard() and scoped_guard()
 * @_ctx: The context, a compile-time constant
 */
#define KPKEYS_GUARD(_name, _ctx)					\
	KPKEYS_GUARD_COND(_name, _ctx, true)

/**
 * KPKEYS_GUARD_NOOP() - Define a guard that does nothing
 * @_name: Name of the guard, for guard() and scoped_guard()
 *
 * For a feature that is configured out.
 */
#define KPKEYS_GUARD_NOOP(_name)					\
	DEFINE_CLASS(_name, u64, (void)_T, KPKEYS_PKEY_REG_INVAL, void)	\
	DEFINE_CLASS_IS_UNCONDITIONAL(_name)

/*
 * kpkeys_hardened_pgtables: every page-table page (PTP) carries
 * KPKEYS_PKEY_PGTABLES and is writable in KPKEYS_CTX_PGTABLES only.
 */
#ifdef CONFIG_KPKEYS_HARDENED_PGTABLES

DECLARE_STATIC_KEY_FALSE(kpkeys_hardened_pgtables_key);

/**
 * kpkeys_hardened_pgtables_enabled() - Are page tables protected?
 *
 * Context: Any. A patched-out branch where the architecture has jump labels.
 * Return: true from kpkeys_hardened_pgtables_init() on, if kpkeys are enabled.
 */
static __always_inline bool kpkeys_hardened_pgtables_enabled(void)
{
	return static_branch_unlikely(&kpkeys_hardened_pgtables_key);
}

/*
 * For page table setters: guard(kpkeys_hardened_pgtables)(). In a lazy MMU
 * section the register has been switched already and is only read.
 */
KPKEYS_GUARD_COND(kpkeys_hardened_pgtables, KPKEYS_CTX_PGTABLES,
		  kpkeys_hardened_pgtables_enabled());

/**
 * kpkeys_lazy_mmu_enter() - Open the page tables for a lazy MMU section
 *
 * For arch_enter_lazy_mmu_mode(): one switch for all setters in the section.
 *
 * Context: Task context, as lazy_mmu_mode_enable().
 */
static __always_inline void kpkeys_lazy_mmu_enter(void)
{
	if (kpkeys_hardened_pgtables_enabled())
		kpkeys_set_context(KPKEYS_CTX_PGTABLES);
}

/**
 * kpkeys_lazy_mmu_leave() - Close the page tables after a lazy MMU section
 *
 * For arch_leave_lazy_mmu_mode(). The section ends in the default context,
 * whatever the one before it was: no saved value, which an attacker could
 * change in the task, is trusted. A lazy MMU section must therefore not be
 * entered inside the guard of another context.
 *
 * Context: Task context, as lazy_mmu_mode_disable().
 */
static __always_inline void kpkeys_lazy_mmu_leave(void)
{
	if (kpkeys_hardened_pgtables_enabled())
		kpkeys_set_context(KPKEYS_CTX_DEFAULT);
}

void __init kpkeys_hardened_pgtables_init(void);
bool __init kpkeys_hardened_pgtables_early_enabled(void);
phys_addr_t __init kpkeys_early_pgtable_alloc(void);
int __init kpkeys_protect_static_pgtable(void *addr, int nr_pages);

/*
 * Provided by the architecture: protects the page tables in the kernel image,
 * with kpkeys_protect_static_pgtable().
 */
int __init arch_kpkeys_protect_static_pgtables(void);

#ifdef CONFIG_KPKEYS_DEBUG
void *kpkeys_test_free_ptp(void);
#endif

struct ptdesc *kpkeys_pgtable_alloc(gfp_t gfp, unsigned int order);
bool __kpkeys_pgtable_free(struct ptdesc *pt);

/**
 * kpkeys_pgtable_free() - Take back a page-table page
 * @pt: The PTP; its destructor has run.
 *
 * Context: Any.
 * Return: false if @pt does not come from kpkeys_pgtable_alloc(); the caller
 * then frees it.
 */
static inline bool kpkeys_pgtable_free(struct ptdesc *pt)
{
	return kpkeys_hardened_pgtables_enabled() && __kpkeys_pgtable_free(pt);
}

#else /* !CONFIG_KPKEYS_HARDENED_PGTABLES */

static inline bool kpkeys_hardened_pgtables_enabled(void)
{
	return false;
}

KPKEYS_GUARD_NOOP(kpkeys_hardened_pgtables);

static inline void kpkeys_lazy_mmu_enter(void) {}
static inline void kpkeys_lazy_mmu_leave(void) {}
static inline void kpkeys_hardened_pgtables_init(void) {}

static inline bool kpkeys_hardened_pgtables_early_enabled(void)
{
	return false;
}

static inline phys_addr_t kpkeys_early_pgtable_alloc(void)
{
	return 0;
}

static inline struct ptdesc *kpkeys_pgtable_alloc(gfp_t gfp, unsigned int order)
{
	return NULL;
}

static inline bool kpkeys_pgtable_free(struct ptdesc *pt)
{
	return false;
}

#endif /* CONFIG_KPKEYS_HARDENED_PGTABLES */

#endif /* _LINUX_KPKEYS_H */
