/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kpkeys_hardened_pgtables: entries that are written at the end of a lazy MMU section.
 *
 * For setters, and for whatever ends a section. See mm/kpkeys/lazy.c.
 */
#ifndef _LINUX_KPKEYS_LAZY_H
#define _LINUX_KPKEYS_LAZY_H

#include <linux/jump_label.h>
#include <linux/percpu-defs.h>
#include <linux/types.h>
#include <asm/percpu.h>

struct mm_struct;

#ifdef CONFIG_KPKEYS_LAZY_MMU

/* fork() has a table to read from, and one to write to. */
#define KPKEYS_LAZY_WINDOWS	2

/**
 * struct kpkeys_lazy - What a CPU has still to write
 * @active: In a lazy MMU section: setters note what is to be written
 * @pending: They have noted something
 * @end: Address after the last entry that has been noted, 0 if there is none
 * @windows: Where; each is of entries that lie together
 * @windows.start: Address of the first entry that has been noted, 0 if there is none
 * @windows.end: Address after the last one of the window
 * @windows.values: For each entry of the window, what has been noted
 */
struct kpkeys_lazy {
	bool active;
	bool pending;
	unsigned long end;
	struct kpkeys_lazy_window {
		unsigned long start;
		unsigned long end;
		u64 *values;
	} windows[KPKEYS_LAZY_WINDOWS];
};

DECLARE_PER_CPU(struct kpkeys_lazy, kpkeys_lazy);
DECLARE_STATIC_KEY_FALSE(kpkeys_lazy_key);

bool __kpkeys_lazy_set(struct mm_struct *mm, unsigned long addr, void *entryp, u64 val);
bool __kpkeys_lazy_wrprotect(struct mm_struct *mm, unsigned long addr, void *entryp);
bool __kpkeys_lazy_get_and_clear(struct mm_struct *mm, unsigned long addr, void *entryp,
				 bool full, u64 *val);
bool __kpkeys_lazy_get(const void *entryp, u64 *val);
void __kpkeys_lazy_flush_entry(const void *entryp);
void __kpkeys_lazy_flush(void);
void __kpkeys_lazy_end(void);

static __always_inline bool kpkeys_lazy_active(void)
{
	return static_branch_unlikely(&kpkeys_lazy_key) && raw_cpu_read(kpkeys_lazy.active);
}

/*
 * Whether there may be notes. What a thread has noted is written before it leaves the CPU: if
 * it does so in here, there is nothing left, whatever is read.
 */
static __always_inline bool kpkeys_lazy_pending(void)
{
	return static_branch_unlikely(&kpkeys_lazy_key) &&
	       unlikely(raw_cpu_read(kpkeys_lazy.pending));
}

/**
 * kpkeys_lazy_set() - Set a PTE at the end of the lazy MMU section
 * @mm: The mm that it belongs to
 * @addr: The address that it maps
 * @entryp: The PTE
 * @val: Its value
 *
 * Context: Any but NMI.
 * Return: false if it has to be set now
 */
static __always_inline bool kpkeys_lazy_set(struct mm_struct *mm, unsigned long addr,
					    void *entryp, u64 val)
{
	return kpkeys_lazy_active() && __kpkeys_lazy_set(mm, addr, entryp, val);
}

/**
 * kpkeys_lazy_wrprotect() - Make a PTE read-only at the end of the lazy MMU section
 * @mm: The mm that it belongs to
 * @addr: The address that it maps
 * @entryp: The PTE, which is present
 *
 * Context: Any but NMI.
 * Return: false if it has to be done now
 */
static __always_inline bool kpkeys_lazy_wrprotect(struct mm_struct *mm,
						  unsigned long addr, void *entryp)
{
	return kpkeys_lazy_active() && __kpkeys_lazy_wrprotect(mm, addr, entryp);
}

/**
 * kpkeys_lazy_get_and_clear() - Clear a PTE at the end of the lazy MMU section
 * @mm: The mm that it belongs to, NULL if that is not known
 * @addr: The address that it maps
 * @entryp: The PTE
 * @full: Nobody uses the mm any more
 * @val: Where to store its value before
 *
 * Only if no CPU uses the entry meanwhile: it could set its flags.
 *
 * Context: Any but NMI.
 * Return: false if it has to be cleared now
 */
static __always_inline bool kpkeys_lazy_get_and_clear(struct mm_struct *mm,
						      unsigned long addr, void *entryp,
						      bool full, u64 *val)
{
	return kpkeys_lazy_active() &&
	       __kpkeys_lazy_get_and_clear(mm, addr, entryp, full, val);
}

/**
 * kpkeys_lazy_get() - Read an entry as it will be
 * @entryp: The entry
 * @val: Where to store its value
 *
 * Context: Any.
 * Return: false if this CPU has not to write it: memory has the value
 */
static __always_inline bool kpkeys_lazy_get(const void *entryp, u64 *val)
{
	/* Loops read entries that follow those that they have changed. */
	return static_branch_unlikely(&kpkeys_lazy_key) &&
	       unlikely((unsigned long)entryp < raw_cpu_read(kpkeys_lazy.end)) &&
	       __kpkeys_lazy_get(entryp, val);
}

/**
 * kpkeys_lazy_flush_entry() - Write what has been noted, if an entry is part of it
 * @entryp: The entry
 *
 * For setters that write it now.
 *
 * Context: Any but NMI.
 */
static __always_inline void kpkeys_lazy_flush_entry(const void *entryp)
{
	if (kpkeys_lazy_pending())
		__kpkeys_lazy_flush_entry(entryp);
}

/**
 * kpkeys_lazy_flush() - Write all that has been noted
 *
 * Context: Any but NMI.
 */
static __always_inline void kpkeys_lazy_flush(void)
{
	if (kpkeys_lazy_pending())
		__kpkeys_lazy_flush();
}

/**
 * kpkeys_lazy_mmu_enter() - Begin a lazy MMU section
 *
 * With kpkeys_lazy=on only. From now on setters of this CPU may write later.
 *
 * Context: Task context, from lazy_mmu_mode_enable().
 */
static __always_inline void kpkeys_lazy_mmu_enter(void)
{
	if (static_branch_unlikely(&kpkeys_lazy_key))
		this_cpu_write(kpkeys_lazy.active, true);
}

/**
 * kpkeys_lazy_mmu_leave() - Write what has been noted, and note nothing from now on
 *
 * Called wherever the lazy MMU mode is disabled or paused, whatever the counters
 * in the task say, and before another thread runs. If the section is nested, the
 * setters of the outer one write at once.
 *
 * Context: Any but NMI.
 */
static __always_inline void kpkeys_lazy_mmu_leave(void)
{
	if (kpkeys_lazy_active())
		__kpkeys_lazy_end();
}

#else /* !CONFIG_KPKEYS_LAZY_MMU */

static inline bool kpkeys_lazy_set(struct mm_struct *mm, unsigned long addr,
				   void *entryp, u64 val)
{
	return false;
}

static inline bool kpkeys_lazy_wrprotect(struct mm_struct *mm, unsigned long addr,
					 void *entryp)
{
	return false;
}

static inline bool kpkeys_lazy_get_and_clear(struct mm_struct *mm, unsigned long addr,
					     void *entryp, bool full, u64 *val)
{
	return false;
}

static inline bool kpkeys_lazy_get(const void *entryp, u64 *val)
{
	return false;
}

static inline void kpkeys_lazy_flush_entry(const void *entryp) {}
static inline void kpkeys_lazy_flush(void) {}
static inline void kpkeys_lazy_mmu_enter(void) {}
static inline void kpkeys_lazy_mmu_leave(void) {}

#endif /* CONFIG_KPKEYS_LAZY_MMU */

#endif /* _LINUX_KPKEYS_LAZY_H */
