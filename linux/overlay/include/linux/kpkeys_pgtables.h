/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kpkeys_hardened_pgtables: every page-table page (PTP) carries
 * KPKEYS_PKEY_PGTABLES and is writable in KPKEYS_CTX_PGTABLES only.
 *
 * What page-table code uses: guards for setters, lazy MMU sections, and the
 * allocation of PTPs.
 */
#ifndef _LINUX_KPKEYS_PGTABLES_H
#define _LINUX_KPKEYS_PGTABLES_H

#include <linux/kpkeys.h>

struct page;
struct ptdesc;
struct task_struct;

#ifdef CONFIG_KPKEYS_HARDENED_PGTABLES

DECLARE_STATIC_KEY_FALSE(kpkeys_hardened_pgtables_key);

/**
 * kpkeys_hardened_pgtables_enabled() - Are page tables protected?
 *
 * Context: Any. A patched-out branch where the architecture has jump labels.
 * Return: true from kpkeys_hardened_pgtables_init() on, if kpkeys is enabled.
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
	u64 pkey_reg;

	if (!kpkeys_hardened_pgtables_enabled())
		return;

	pkey_reg = kpkeys_set_context(KPKEYS_CTX_PGTABLES);
	if (IS_ENABLED(CONFIG_KPKEYS_DEBUG))
		WARN_ON_ONCE(pkey_reg != KPKEYS_PKEY_REG_INVAL &&
			     (pkey_reg & KPKEYS_REG_MASK) !=
			     kpkeys_ctx_table[KPKEYS_CTX_DEFAULT]);
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
bool kpkeys_hardened_pgtables_early_enabled(void);
phys_addr_t __init kpkeys_early_pgtable_alloc(void);
void *kpkeys_kernel_pgtable_alloc(void);

#ifdef CONFIG_KPKEYS_DEBUG
void *kpkeys_pool_peek_free(void);
#endif

/*
 * Worst case of a split: both ends of the range lie in PUD-sized blocks, and each
 * needs a PMD and a PTE table.
 */
#define KPKEYS_PREALLOC_PAGES	4

/**
 * struct kpkeys_ptp_prealloc - Page-table pages for a split of the linear map
 * @list: Private
 * @task: Task that performs the split, NULL if nothing was preallocated
 * @may_use_reserve: The split is made by the pool itself
 * @nr: Number of entries in @pages
 * @pages: Preallocated page-table pages
 */
struct kpkeys_ptp_prealloc {
	struct list_head list;
	struct task_struct *task;
	bool may_use_reserve;
	unsigned int nr;
	struct page *pages[KPKEYS_PREALLOC_PAGES];
};

void kpkeys_ptp_prealloc(struct kpkeys_ptp_prealloc *prealloc);
void kpkeys_ptp_release(struct kpkeys_ptp_prealloc *prealloc);

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

struct kpkeys_ptp_prealloc {};
static inline void kpkeys_ptp_prealloc(struct kpkeys_ptp_prealloc *prealloc) {}
static inline void kpkeys_ptp_release(struct kpkeys_ptp_prealloc *prealloc) {}
static inline void kpkeys_hardened_pgtables_init(void) {}

static inline bool kpkeys_hardened_pgtables_early_enabled(void)
{
	return false;
}

static inline phys_addr_t kpkeys_early_pgtable_alloc(void)
{
	return 0;
}

static inline void *kpkeys_kernel_pgtable_alloc(void)
{
	return NULL;
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

#endif /* _LINUX_KPKEYS_PGTABLES_H */
