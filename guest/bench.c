// SPDX-License-Identifier: GPL-2.0-only
/*
 * Times operations that write page tables, and those of keys for drivers. Prints for each one the median, and
 * how often the kernel wrote the pkey register and changed the key of memory
 * meanwhile, on average. To be compared between boots with kpkeys off and on.
 */
#include "guest.h"

#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <misc/kpkeys_bench.h>

#define FORK_SIZE	(64UL << 20)
#define NR_SPARSE	64

/* Samples are taken for this long, but at least so many, and at most so many. */
#define SAMPLE_NS	500000000ULL
#define MIN_SAMPLES	5
#define MAX_SAMPLES	4000

struct bench {
	const char *name;
	/* Does it @count times and returns the nanoseconds that this took. */
	u64 (*run)(const struct bench *bench, unsigned int count);
	unsigned int count;	/* operations in a sample */
	unsigned int pages;
	unsigned int op;	/* enum kpkeys_bench_op */
};

static void *map(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		die("mmap: %s", strerror(errno));
	/* Pages of the base size; not known where there are no others. */
	madvise(memory, size, MADV_NOHUGEPAGE);
	return memory;
}

static void touch(char *memory, size_t size, size_t step)
{
	size_t i;

	for (i = 0; i < size; i += step)
		*(volatile char *)(memory + i) = 1;
}

static void wait_for(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		die("the child process failed");
}

static u64 run_fork(const struct bench *bench, unsigned int count)
{
	static char *memory;
	u64 start;

	(void)bench;
	if (!memory) {
		memory = map(FORK_SIZE);
		touch(memory, FORK_SIZE, PAGE_SIZE);
	}

	start = now_ns();
	while (count--) {
		pid_t pid = fork();

		if (!pid)
			_exit(0);
		wait_for(pid);
	}
	return now_ns() - start;
}

static u64 run_exec(const struct bench *bench, unsigned int count)
{
	u64 start = now_ns();

	(void)bench;
	while (count--) {
		pid_t pid = vfork();

		if (!pid) {
			execl("/proc/self/exe", "bench", "exit", NULL);
			_exit(1);
		}
		wait_for(pid);
	}
	return now_ns() - start;
}

static u64 run_mmap(const struct bench *bench, unsigned int count)
{
	size_t size = bench->pages * PAGE_SIZE;
	u64 start = now_ns();

	while (count--) {
		char *memory = map(size);

		touch(memory, size, PAGE_SIZE);
		munmap(memory, size);
	}
	return now_ns() - start;
}

/* One page in each page that a lowest table maps: a table a page. */
static u64 run_sparse(const struct bench *bench, unsigned int count)
{
	u64 start = now_ns();

	while (count--) {
		char *memory = map(bench->pages * PMD_SIZE);

		touch(memory, bench->pages * PMD_SIZE, PMD_SIZE);
		munmap(memory, bench->pages * PMD_SIZE);
	}
	return now_ns() - start;
}

static u64 run_kernel(const struct bench *bench, unsigned int count)
{
	struct kpkeys_bench arg = {
		.op = bench->op,
		.pages = bench->pages,
		.iterations = count,
	};
	static int fd = -1;

	if (fd < 0)
		fd = open("/dev/" KPKEYS_BENCH_DEVICE, O_RDWR);
	if (fd < 0 || ioctl(fd, KPKEYS_BENCH_RUN, &arg))
		die("/dev/" KPKEYS_BENCH_DEVICE ": %s", strerror(errno));
	return arg.ns;
}

/* Two threads that run by turns */
static u64 run_pinned(const struct bench *bench, unsigned int count)
{
	cpu_set_t one, all;
	u64 ns;

	if (sched_getaffinity(0, sizeof(all), &all))
		die("sched_getaffinity: %s", strerror(errno));
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		die("sched_setaffinity: %s", strerror(errno));
	ns = run_kernel(bench, count);
	sched_setaffinity(0, sizeof(all), &all);
	return ns;
}

static const struct bench benches[] = {
	{ "mmap_touch_munmap_1", run_mmap, 16, 1, 0 },
	{ "mmap_touch_munmap_256", run_mmap, 1, 256, 0 },
	{ "sparse_64_ptps", run_sparse, 1, NR_SPARSE, 0 },
	{ "vmalloc_1", run_kernel, 64, 1, KPKEYS_BENCH_VMALLOC },
	{ "vmalloc_4", run_kernel, 64, 4, KPKEYS_BENCH_VMALLOC },
	{ "vmalloc_16", run_kernel, 32, 16, KPKEYS_BENCH_VMALLOC },
	{ "vmalloc_64", run_kernel, 16, 64, KPKEYS_BENCH_VMALLOC },
	{ "vmalloc_256", run_kernel, 4, 256, KPKEYS_BENCH_VMALLOC },
	{ "vm_map_ram_1", run_kernel, 64, 1, KPKEYS_BENCH_VM_MAP_RAM },
	{ "vm_map_ram_16", run_kernel, 32, 16, KPKEYS_BENCH_VM_MAP_RAM },
	{ "vm_map_ram_256", run_kernel, 4, 256, KPKEYS_BENCH_VM_MAP_RAM },
	{ "key_open_write_close", run_kernel, 1000, 1, KPKEYS_BENCH_KEY_SECTION },
	{ "switch_there_and_back", run_pinned, 1000, 1, KPKEYS_BENCH_SWITCH },
	{ "switch_with_rights", run_pinned, 1000, 1, KPKEYS_BENCH_KEY_SWITCH },
	{ "exec", run_exec, 1, 0, 0 },
	/* Last: from then on the process has 64 MiB. */
	{ "fork_exit_64MiB", run_fork, 1, 0, 0 },
};

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void measure(const struct bench *bench)
{
	static double samples[MAX_SAMPLES];
	u64 writes, changes, start;
	double ops;
	int n = 0;

	/* Caches, and the pool of page-table pages, are warm in real life. */
	bench->run(bench, bench->count);

	writes = kpkeys_stat("register_writes");
	changes = kpkeys_stat("pkey_changes");
	start = now_ns();
	while (n < MAX_SAMPLES &&
	       (n < MIN_SAMPLES || now_ns() - start < SAMPLE_NS))
		samples[n++] = (double)bench->run(bench, bench->count) /
			       bench->count;
	changes = kpkeys_stat("pkey_changes") - changes;
	writes = kpkeys_stat("register_writes") - writes;

	ops = (double)n * bench->count;
	qsort(samples, n, sizeof(samples[0]), compare);
	printf("bench: %s ns_per_op=%.0f register_writes_per_op=%.2f pkey_changes_per_op=%.4f samples=%d\n",
	       bench->name, samples[n / 2], writes / ops, changes / ops, n);
}

int main(int argc, char **argv)
{
	size_t i;

	/* What run_exec() executes. */
	if (argc == 2 && !strcmp(argv[1], "exit"))
		return 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("kpkeys: %s\n", kpkeys_on() ? "on" : "off");
	for (i = 0; i < ARRAY_SIZE(benches); i++)
		measure(&benches[i]);

	return 0;
}
