/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __UM_KPKEYS_OS_H
#define __UM_KPKEYS_OS_H

#include <sysdep/ptrace.h>

struct faultinfo;
struct siginfo;

/* os-Linux/kpkeys.c: what kpkeys needs of the host. */
int os_kpkeys_init(int nr_pkeys);
int os_set_memory_pkey(void *addr, unsigned long len, int exec, int pkey);
typedef int (*os_range_fn)(unsigned long start, unsigned long end, void *arg);
int os_walk_pkey_ranges(int pkey, os_range_fn fn, void *arg);
unsigned int os_mc_pkru(void *mc);
void os_mc_call(void *mc, void (*fn)(void));

/* kernel/kpkeys.c */
#ifdef CONFIG_KPKEYS
int um_kpkeys_segv(struct siginfo *si, struct faultinfo *fi,
		   struct uml_pt_regs *regs, void *mc);
#else
#define um_kpkeys_segv(si, fi, regs, mc)	0
#endif

#endif /* __UM_KPKEYS_OS_H */
