/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Timing of operations inside the kernel: /dev/kpkeys_bench,
 * CONFIG_KPKEYS_BENCH, see drivers/misc/kpkeys_bench.c.
 */
#ifndef _MISC_KPKEYS_BENCH_H
#define _MISC_KPKEYS_BENCH_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define KPKEYS_BENCH_DEVICE		"kpkeys_bench"

#define KPKEYS_BENCH_MAX_PAGES		4096
#define KPKEYS_BENCH_MAX_ITERATIONS	100000

enum kpkeys_bench_op {
	KPKEYS_BENCH_VMALLOC,		/* vmalloc(), vfree() */
	KPKEYS_BENCH_VM_MAP_RAM,	/* vm_map_ram(), vm_unmap_ram() */
	KPKEYS_BENCH_KEY_SECTION,	/* a write to memory of a driver's key, with a guard */
	KPKEYS_BENCH_SWITCH,		/* to another thread on the CPU, and back */
	KPKEYS_BENCH_KEY_SWITCH,	/* the same by a thread with rights to a key */
};

/**
 * struct kpkeys_bench - one measurement
 * @op: enum kpkeys_bench_op
 * @pages: size of the mapping, 1 to KPKEYS_BENCH_MAX_PAGES
 * @iterations: how often, 1 to KPKEYS_BENCH_MAX_ITERATIONS
 * @unused: must be 0
 * @ns: out: nanoseconds for all the iterations together
 */
struct kpkeys_bench {
	__u32 op;
	__u32 pages;
	__u32 iterations;
	__u32 unused;
	__u64 ns;
};

#define KPKEYS_BENCH_RUN	_IOWR('K', 16, struct kpkeys_bench)

#endif /* _MISC_KPKEYS_BENCH_H */
