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

#include <linux/array_size.h>
#include <linux/build_bug.h>
#include <linux/cleanup.h>
#include <linux/errno.h>
#include <linux/jump_label.h>
#include <linux/smp.h>
#include <linux/types.h>
#include <asm/percpu.h>

struct pt_regs;
struct ptdesc;

/* Contexts. What each may do is in kpkeys_ctx_table, below. */
#define KPKEYS_CTX_DEFAULT	0	/* all code, unless it says otherwise */
#define KPKEYS_CTX_PGTABLES	1	/* page table setters */
#define KPKEYS_CTX_TEST		2	/* the framework's own tests */
#define KPKEYS_NR_CTX		3

/* Permissions: bit 0, read; bit 1, write. */
#define KPKEYS_NONE		0
#define KPKEYS_RO		1
#define KPKEYS_RW		3

/*
 * "The register was not written": what kpkeys_set_context() returns when there
 * is nothing to restore. No architecture's register has this value.
 */
#define KPKEYS_PKEY_REG_INVAL	((u64)-1)

#ifdef CONFIG_ARCH_HAS_KPKEYS

#include <asm/kpkeys.h>

#define KPKEYS_PERMS(_default, _pgtables, _test)			\
	(ARCH_KPKEYS_PERM(KPKEYS_PKEY_DEFAULT, _default) |		\
	 ARCH_KPKEYS_PERM(KPKEYS_PKEY_PGTABLES, _pgtables) |		\
	 ARCH_KPKEYS_PERM(KPKEYS_PKEY_TEST, _test))

/* Bits of the pkey register that belong to the pkeys kpkeys manages. */
#define KPKEYS_REG_MASK							\
	(ARCH_KPKEYS_PERM_MASK(KPKEYS_PKEY_DEFAULT) |			\
	 ARCH_KPKEYS_PERM_MASK(KPKEYS_PKEY_PGTABLES) |			\
	 ARCH_KPKEYS_PERM_MASK(KPKEYS_PKEY_TEST))

/*
 * What each context may do to the memory of each pkey, as bits of the pkey
 * register. This table is the only place that says it. It is looked up at
 * compile time: what switches to a context contains its value as a constant.
 *
 * Every context must be able to write to memory with the default pkey, which
 * all ordinary memory carries, stacks and per-CPU data among it. Pkeys without
 * a column are not managed by kpkeys: their permissions are left as they are.
 */
static const u64 kpkeys_ctx_table[] __maybe_unused = {
	/*			pkey:	DEFAULT    PGTABLES   TEST */
	[KPKEYS_CTX_DEFAULT]  = KPKEYS_PERMS(KPKEYS_RW, KPKEYS_RO, KPKEYS_RO),
	[KPKEYS_CTX_PGTABLES] = KPKEYS_PERMS(KPKEYS_RW, KPKEYS_RW, KPKEYS_RO),
	[KPKEYS_CTX_TEST]     = KPKEYS_PERMS(KPKEYS_RW, KPKEYS_RO, KPKEYS_RW),
};

/* What has no row would be allowed everything where allowing is a bit not set. */
static_assert(ARRAY_SIZE(kpkeys_ctx_table) == KPKEYS_NR_CTX);

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
	BUILD_BUG_ON_MSG(!__builtin_constant_p(kpkeys_ctx_table[ctx]),
			 "kpkeys context is not looked up at compile time");
	BUILD_BUG_ON_MSG((kpkeys_ctx_table[ctx] &
			  ARCH_KPKEYS_PERM_MASK(KPKEYS_PKEY_DEFAULT)) !=
			 ARCH_KPKEYS_PERM(KPKEYS_PKEY_DEFAULT, KPKEYS_RW),
			 "kpkeys context cannot write to ordinary memory");

	old = arch_kpkeys_read_reg();
	new = (old & ~(u64)KPKEYS_REG_MASK) | kpkeys_ctx_table[ctx];
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

/**
 * kpkeys_exception_enter() - Close what the interrupted code has opened
 *
 * For the entry code of interrupts and exceptions: their handlers start in the
 * default context, whatever they interrupt.
 *
 * Context: Exception entry from kernel mode; must not be instrumented.
 * Return: for kpkeys_exception_exit()
 */
static __always_inline u64 kpkeys_exception_enter(void)
{
	return kpkeys_set_context(KPKEYS_CTX_DEFAULT);
}

/**
 * kpkeys_exception_exit() - Give the interrupted code its context back
 * @pkey_reg: What the matching kpkeys_exception_enter() returned
 *
 * To be called before the thread can be preempted on the way back: it is
 * switched out with the register that its section needs, and whoever runs next
 * has its own. May be called again after that.
 *
 * Context: Exception exit to kernel mode; must not be instrumented.
 */
static __always_inline void kpkeys_exception_exit(u64 pkey_reg)
{
	if (pkey_reg != KPKEYS_PKEY_REG_INVAL && arch_kpkeys_read_reg() != pkey_reg)
		kpkeys_restore_pkey_reg(pkey_reg);
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

static __always_inline u64 kpkeys_exception_enter(void)
{
	return KPKEYS_PKEY_REG_INVAL;
}

static __always_inline void kpkeys_exception_exit(u64 pkey_reg) {}

static inline int set_memory_pkey(unsigned long addr, int nr_pages, int pkey)
{
	return -EOPNOTSUPP;
}

static inline void kpkeys_init(void) {}

#endif /* CONFIG_ARCH_HAS_KPKEYS */

struct kpkeys_guard {
	u64 pkey_reg;
};

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
	DEFINE_CLASS(_name, struct kpkeys_guard,			\
		     kpkeys_restore_pkey_reg(_T.pkey_reg),		\
		     ((struct kpkeys_guard) { (_cond) ?			\
			kpkeys_set_context(_ctx) : KPKEYS_PKEY_REG_INVAL }), void) \
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
	DEFINE_CLASS(_name, struct kpkeys_guard, (void)_T,		\
		     ((struct kpkeys_guard) { KPKEYS_PKEY_REG_INVAL }), void) \
	DEFINE_CLASS_IS_UNCONDITIONAL(_name)

/*
 * For code that borrows the thread of other code, such as softirqs: whatever
 * that has opened is closed in the meantime.
 */
KPKEYS_GUARD(kpkeys_default, KPKEYS_CTX_DEFAULT);

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
 * Return: true if the register was written.
 */
static __always_inline bool kpkeys_lazy_mmu_leave(void)
{
	return kpkeys_hardened_pgtables_enabled() &&
	       kpkeys_set_context(KPKEYS_CTX_DEFAULT) != KPKEYS_PKEY_REG_INVAL;
}

void __init kpkeys_hardened_pgtables_init(void);
bool __init kpkeys_hardened_pgtables_early_enabled(void);
phys_addr_t __init kpkeys_early_pgtable_alloc(void);
bool kpkeys_kernel_pgtable_alloc(void **table);
int __init kpkeys_protect_static_pgtable(void *addr, int nr_pages);

/*
 * Provided by the architecture: protects the page tables in the kernel image,
 * with kpkeys_protect_static_pgtable().
 */
int __init arch_kpkeys_protect_static_pgtables(void);

#ifdef CONFIG_KPKEYS_DEBUG
void *kpkeys_test_free_ptp(void);
#endif

/* Both ends of a range, each in a block of a PUD that becomes pages. */
#define KPKEYS_SPLIT_PAGES	4

/**
 * struct kpkeys_split - A split of the linear map in progress
 * @list: Private
 * @task: Who splits
 * @nr: Number of @pages
 * @pages: Page tables at hand
 */
struct kpkeys_split {
	struct list_head list;
	struct task_struct *task;
	unsigned int nr;
	struct page *pages[KPKEYS_SPLIT_PAGES];
};

void kpkeys_split_begin(struct kpkeys_split *split);
void kpkeys_split_end(struct kpkeys_split *split);

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
static inline bool kpkeys_lazy_mmu_leave(void)
{
	return false;
}

struct kpkeys_split {};
static inline void kpkeys_split_begin(struct kpkeys_split *split) {}
static inline void kpkeys_split_end(struct kpkeys_split *split) {}
static inline void kpkeys_hardened_pgtables_init(void) {}

static inline bool kpkeys_hardened_pgtables_early_enabled(void)
{
	return false;
}

static inline phys_addr_t kpkeys_early_pgtable_alloc(void)
{
	return 0;
}

static inline bool kpkeys_kernel_pgtable_alloc(void **table)
{
	return false;
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
