/* SPDX-License-Identifier: GPL-2.0-only */
/* kpkeys: visit page-table pages. */
#ifndef _LINUX_KPKEYS_WALK_H
#define _LINUX_KPKEYS_WALK_H

#include <linux/kpkeys.h>
#include <linux/mm_types.h>
#include <linux/pgtable.h>

/**
 * typedef kpkeys_ptp_fn - Called for each page-table page of an mm
 * @mm: The mm; NULL for those of kpkeys_walk_entry()
 * @table: The PTP, in the linear map
 * @level: Its level
 * @addr: First virtual address that it translates
 * @arg: The caller's
 *
 * Return: non-zero to end the walk.
 */
typedef int (*kpkeys_ptp_fn)(struct mm_struct *mm, void *table,
			      enum pgtable_level level, unsigned long addr,
			      void *arg);

int kpkeys_walk_mm_ptps(struct mm_struct *mm, kpkeys_ptp_fn fn, void *arg);
int kpkeys_walk_entry(pgd_t *pgd, unsigned long addr, kpkeys_ptp_fn fn, void *arg);

/*
 * Call kpkeys_walk_mm_ptps() for an mm that no process has, and kpkeys_walk_entry() for
 * entries of roots that it does not visit. @mm has just been visited: init_mm, or one
 * whose root has more than that.
 */
#ifdef arch_kpkeys_walk_others
int arch_kpkeys_walk_others(struct mm_struct *mm, kpkeys_ptp_fn fn, void *arg);
#else
#define arch_kpkeys_walk_others(mm, fn, arg)	((void)(mm), (void)(fn), (void)(arg), 0)
#endif

#endif /* _LINUX_KPKEYS_WALK_H */
