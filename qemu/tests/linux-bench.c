// SPDX-License-Identifier: GPL-2.0-only
/*
 * Times what permission overlays (FEAT_S1POE) could make slower under an
 * emulator, and what they are for. To be compared between emulators, on the
 * same host and with nothing else running there.
 *
 * Prints for each "bench: NAME ns=MEDIAN min=MINIMUM", of one operation, or
 * "bench: NAME none" where the CPU has no overlays.
 */
#include "../../guest/guest.h"

#include <sched.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <asm/hwcap.h>

#define PAGE_SIZE	4096UL
#define HOT_PAGES	64UL
#define SAMPLES		15
#define SAMPLE_NS	40000000ULL

#define POE_RX		3UL
#define POE_RWX		7UL

struct bench {
	const char *name;
	/* Does it @count times. */
	void (*run)(unsigned long count);
	bool overlays;
};

static char *data;	/* a page with the key */
static char *hot;	/* HOT_PAGES pages with key 0 */
static int key;
static int to_child[2], to_parent[2];

static u64 read_por(void)
{
	u64 por;

	asm volatile("mrs %0, S3_3_C10_C2_4" : "=r" (por));
	return por;
}

static void write_por(u64 por)
{
	asm volatile("msr S3_3_C10_C2_4, %0\n\tisb" : : "r" (por) : "memory");
}

static char *map(size_t pages)
{
	char *memory = mmap(NULL, pages * PAGE_SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t i;

	if (memory == MAP_FAILED)
		die("mmap: %s", strerror(errno));
	madvise(memory, pages * PAGE_SIZE, MADV_NOHUGEPAGE);
	for (i = 0; i < pages; i++)
		memory[i * PAGE_SIZE] = 1;
	return memory;
}

static void touch_hot(void)
{
	size_t i;

	/* A different line of each page, as the cache of a host has sets. */
	for (i = 0; i < HOT_PAGES; i++)
		*(volatile char *)(hot + i * PAGE_SIZE + i * 64 % PAGE_SIZE);
}

static void handle(int sig)
{
	(void)sig;
}

static void run_syscall(unsigned long count)
{
	while (count--)
		syscall(SYS_getppid);
}

static void run_signal(unsigned long count)
{
	while (count--)
		raise(SIGUSR1);
}

static void run_fork(unsigned long count)
{
	while (count--) {
		pid_t pid = fork();
		int status;

		if (!pid)
			_exit(0);
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
			die("the child process failed");
	}
}

static void run_fault(unsigned long count)
{
	while (count--)
		if (munmap(map(1), PAGE_SIZE))
			die("munmap: %s", strerror(errno));
}

/* A byte to another process and back. */
static void run_switch(unsigned long count)
{
	char byte = 0;

	while (count--)
		if (write(to_child[1], &byte, 1) != 1 ||
		    read(to_parent[0], &byte, 1) != 1)
			die("pipe: %s", strerror(errno));
}

static void start_answering(void)
{
	char byte;

	if (pipe(to_child) || pipe(to_parent))
		die("pipe: %s", strerror(errno));
	if (fork())
		return;
	close(to_child[1]);
	while (read(to_child[0], &byte, 1) == 1)
		if (write(to_parent[1], &byte, 1) != 1)
			break;
	_exit(0);
}

static void run_hot(unsigned long count)
{
	while (count--)
		touch_hot();
}

static inline void pairs(unsigned long count, bool use_hot)
{
	u64 closed = read_por() & ~(15UL << key * 4);
	u64 open = closed | POE_RWX << key * 4;

	closed |= POE_RX << key * 4;
	while (count--) {
		write_por(open);
		*(volatile char *)data = 1;
		write_por(closed);
		if (use_hot)
			touch_hot();
	}
	write_por(open);
}

static void run_pairs(unsigned long count)
{
	pairs(count, false);
}

/* What is used between the pairs must still be there after them. */
static void run_pairs_hot(unsigned long count)
{
	pairs(count, true);
}

static const struct bench benches[] = {
	{ "syscall",		run_syscall },
	{ "signal",		run_signal },
	{ "switch",		run_switch },
	{ "fork",		run_fork },
	{ "fault",		run_fault },
	{ "hot-64",		run_hot },
};

/* With a key allocated, and pages that have it. */
static const struct bench key_benches[] = {
	{ "signal-pkey",	run_signal, .overlays = true },
	{ "fork-pkey",		run_fork, .overlays = true },
	{ "pkey-pair",		run_pairs, .overlays = true },
	{ "pkey-pair-hot-64",	run_pairs_hot, .overlays = true },
};

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static u64 sample(const struct bench *bench, unsigned long count)
{
	u64 begin = now_ns();

	bench->run(count);
	return now_ns() - begin;
}

static void measure(const struct bench *bench, size_t number, bool overlays)
{
	double ns[SAMPLES];
	unsigned long count;
	size_t i;

	for (; number--; bench++) {
		if (bench->overlays && !overlays) {
			printf("bench: %s none\n", bench->name);
			continue;
		}
		for (count = 1; sample(bench, count) < SAMPLE_NS; count *= 2)
			;
		for (i = 0; i < SAMPLES; i++)
			ns[i] = (double)sample(bench, count) / count;
		qsort(ns, SAMPLES, sizeof(*ns), compare);
		printf("bench: %s ns=%.1f min=%.1f\n", bench->name,
		       ns[SAMPLES / 2], ns[0]);
	}
}

static void print_uptime(void)
{
	FILE *file = fopen("/proc/uptime", "r");
	double up;

	if (file && fscanf(file, "%lf", &up) == 1)
		printf("bench: boot ns=%.0f\n", up * 1e9);
	if (file)
		fclose(file);
}

int main(void)
{
	bool overlays = getauxval(AT_HWCAP2) & HWCAP2_POE;
	cpu_set_t cpus;
	size_t i;
	char *keyed;

	/* All on one CPU: how two of them take turns is up to the host. */
	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		die("sched_setaffinity: %s", strerror(errno));

	setvbuf(stdout, NULL, _IOLBF, 0);
	print_uptime();
	signal(SIGUSR1, handle);
	hot = map(HOT_PAGES);
	start_answering();
	measure(benches, ARRAY_SIZE(benches), overlays);

	if (overlays) {
		key = syscall(SYS_pkey_alloc, 0, 0);
		if (key <= 0)
			die("pkey_alloc: %s", strerror(errno));
		keyed = map(HOT_PAGES);
		data = map(1);
		if (syscall(SYS_pkey_mprotect, keyed, HOT_PAGES * PAGE_SIZE,
			    PROT_READ | PROT_WRITE, key) ||
		    syscall(SYS_pkey_mprotect, data, PAGE_SIZE,
			    PROT_READ | PROT_WRITE, key))
			die("pkey_mprotect: %s", strerror(errno));
		for (i = 0; i < HOT_PAGES; i++)
			keyed[i * PAGE_SIZE] = 2;
	}
	measure(key_benches, ARRAY_SIZE(key_benches), overlays);

	return 0;
}
