/* SPDX-License-Identifier: GPL-2.0-only */
/* For programs that take CPUs away and bring them back. */
#ifndef CPUS_H
#define CPUS_H

#include "guest.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define USE_SIZE	(64 * PMD_SIZE)

/*
 * Makes page tables on @cpu, in a process of its own, whose page tables go when it
 * ends.
 */
static inline void use_cpu(int cpu)
{
	pid_t pid = fork();
	cpu_set_t set;
	int status;

	if (!pid) {
		unsigned long offset;
		char *memory;

		CPU_ZERO(&set);
		CPU_SET(cpu, &set);
		if (sched_setaffinity(0, sizeof(set), &set))
			die("cannot run on CPU %d: %s", cpu, strerror(errno));
		memory = mmap(NULL, USE_SIZE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (memory == MAP_FAILED)
			die("mmap: %s", strerror(errno));
		madvise(memory, USE_SIZE, MADV_NOHUGEPAGE);
		for (offset = 0; offset < USE_SIZE; offset += PMD_SIZE)
			memory[offset] = 1;
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		die("the process on CPU %d failed", cpu);
}

#endif /* CPUS_H */
