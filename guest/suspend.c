// SPDX-License-Identifier: GPL-2.0-only
/*
 * Suspends to memory, until the clock wakes the machine. Every CPU has lost its
 * registers then: makes and frees page tables on each. Then has the kernel audit
 * all page tables.
 */
#include "cpus.h"

#define ALARM		"/sys/class/rtc/rtc0/wakealarm"
#define SECONDS		"3"
#define ROUNDS		2

int main(void)
{
	int cpus = sysconf(_SC_NPROCESSORS_ONLN), round, cpu;
	struct timespec before, after;

	for (round = 0; round < ROUNDS; round++) {
		clock_gettime(CLOCK_BOOTTIME, &before);
		write_file(ALARM, "0");
		write_file(ALARM, "+" SECONDS);
		write_file("/sys/power/mem_sleep", "deep");
		write_file("/sys/power/state", "mem");
		clock_gettime(CLOCK_BOOTTIME, &after);
		if (sysconf(_SC_NPROCESSORS_ONLN) != cpus)
			die("of %d CPUs %ld are back", cpus, sysconf(_SC_NPROCESSORS_ONLN));
		for (cpu = 0; cpu < cpus; cpu++)
			use_cpu(cpu);
		printf("suspend: %d CPUs, awake again after %ld s\n", cpus,
		       (long)(after.tv_sec - before.tv_sec));
	}
	return print_audit();
}
