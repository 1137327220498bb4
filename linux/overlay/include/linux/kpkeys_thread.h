/* SPDX-License-Identifier: GPL-2.0-only */
/* kpkeys: what a thread has of keys for drivers, in its task_struct. */
#ifndef _LINUX_KPKEYS_THREAD_H
#define _LINUX_KPKEYS_THREAD_H

#include <linux/types.h>

/* So deep can what opens a key be interrupted by what opens one, too. */
#define KPKEYS_MAX_SUSPENDED	4

/**
 * struct kpkeys_thread - A thread's rights to keys of drivers
 * @rights: Those of the code that runs: the bits of the pkey register that differ from
 *	    those that allow nothing. Bits of pkeys that kpkeys manages are never used.
 * @nr: Number of entries in @suspended
 * @suspended: What exceptions have interrupted, the last one last
 * @suspended.frame: What has interrupted it: the registers that an exception has saved,
 *		     NULL for user mode
 * @suspended.rights: The rights of what was interrupted
 * @suspended.open: The register had them, too
 *
 * Anybody who can write to it can have rights to keys of drivers, but to nothing else.
 */
struct kpkeys_thread {
	u64 rights;
	unsigned int nr;
	struct {
		const void *frame;
		u64 rights;
		bool open;
	} suspended[KPKEYS_MAX_SUSPENDED];
};

#endif /* _LINUX_KPKEYS_THREAD_H */
