// SPDX-License-Identifier: GPL-2.0-only
/*
 * Takes each CPU but the first offline and online again, a few times. On a CPU
 * that has just come up, makes and frees page tables: it must have set up its
 * pkey register. Then has the kernel audit all page tables.
 */
#include "cpus.h"

#define ROUNDS	3

static void set_online(int cpu, bool online)
{
	char path[80];

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online", cpu);
	write_file(path, online ? "1" : "0");
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
