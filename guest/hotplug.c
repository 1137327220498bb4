// SPDX-License-Identifier: GPL-2.0-only
/*
 * Takes each CPU but the first offline and online again, a few times. On a CPU
 * that has just come up, makes and frees page tables: it must have set up its
 * pkey register. Then has the kernel audit all page tables.
 */
#include "guest.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define ROUNDS	3
#define SIZE	(64 * PMD_SIZE)

static void set_online(int cpu, bool online)
{
	char path[80];

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online", cpu);
	write_file(path, online ? "1" : "0");
}

/* In a process of its own, whose page tables go when it ends. */
static void use_cpu(int cpu)
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
		memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (memory == MAP_FAILED)
			die("mmap: %s", strerror(errno));
		madvise(memory, SIZE, MADV_NOHUGEPAGE);
		for (offset = 0; offset < SIZE; offset += PMD_SIZE)
			memory[offset] = 1;
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		die("the process on CPU %d failed", cpu);
}

int main(void)
{
	int cpus = sysconf(_SC_NPROCESSORS_CONF), round, cpu, switches = 0;

	if (cpus < 2)
		die("there is one CPU only");
	for (round = 0; round < ROUNDS; round++) {
		for (cpu = 1; cpu < cpus; cpu++)
			set_online(cpu, false);
		if (sysconf(_SC_NPROCESSORS_ONLN) != 1)
			die("some CPUs are still online");
		use_cpu(0);
		for (cpu = 1; cpu < cpus; cpu++) {
			set_online(cpu, true);
			use_cpu(cpu);
			switches++;
		}
	}
	printf("hotplug: %d CPUs, brought up %d times in all\n", cpus - 1, switches);
	return print_audit();
}
