// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes, changes and frees page tables in every way that a process can, in
 * parallel, for a number of seconds: the argument, or the boot parameter
 * kpkeys.stress, or 60. Then has the kernel audit all page tables.
 *
 * Fails if the audit finds a violation, or if a worker fails, is killed or does
 * not come to an end.
 */
#include "guest.h"

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <misc/kpkeys_bench.h>

/* A huge page, where those are not of half a gigabyte. */
#define HUGE_SIZE		(PMD_SIZE < MAX_HUGE_SIZE ? PMD_SIZE : MAX_HUGE_SIZE)
#define MAX_HUGE_SIZE		(32UL << 20)
#define DEFAULT_SECONDS		60
#define PROGRESS_SECONDS	10
#define GRACE_SECONDS		60

static u64 random_state;

static u64 random_u64(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static u64 random_below(u64 limit)
{
	return random_u64() % limit;
}

/* 2 to the power of 0 to 7, the larger the rarer: emulated CPUs are slow. */
static size_t random_size(void)
{
	return 1UL << (random_below(8) & random_below(8));
}

static char *map_at(void *hint, size_t size, int flags)
{
	char *memory = mmap(hint, size, PROT_READ | PROT_WRITE,
			    MAP_ANONYMOUS | MAP_NORESERVE | flags, -1, 0);

	if (memory == MAP_FAILED)
		die("mmap of %zu bytes: %s", size, strerror(errno));
	return memory;
}

static void unmap(char *memory, size_t size)
{
	if (munmap(memory, size))
		die("munmap of %zu bytes: %s", size, strerror(errno));
}

/* Each page is to hold its number, counted from @first. */
static void fill(char *memory, size_t pages, u64 first)
{
	size_t i;

	for (i = 0; i < pages; i++)
		*(volatile u64 *)(memory + i * PAGE_SIZE) = first + i;
}

static void check(const char *memory, size_t pages, u64 first)
{
	size_t i;

	for (i = 0; i < pages; i++) {
		u64 found = *(volatile u64 *)(memory + i * PAGE_SIZE);

		if (found != first + i)
			die("page at %p holds 0x%llx, not 0x%llx",
			    memory + i * PAGE_SIZE, found, first + i);
	}
}

static void wait_for(pid_t pid, int expected)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		die("fork, wait: %s", strerror(errno));
	if (status != expected)
		die("a child process ended with status 0x%x", status);
}

/* Both sides of a fork write to what they share: copies, and unsharing. */
static void fork_tree(char *memory, size_t pages, u64 first, int depth)
{
	pid_t pid[2];
	int i;

	for (i = 0; i < 2; i++) {
		pid[i] = fork();
		if (!pid[i]) {
			check(memory, pages, first);
			fill(memory, pages, first + i + 1);
			if (depth > 1)
				fork_tree(memory, pages, first + i + 1,
					  depth - 1);
			check(memory, pages, first + i + 1);
			_exit(0);
		}
	}
	for (i = 0; i < 2; i++)
		wait_for(pid[i], 0);
	check(memory, pages, first);
}

static void do_fork(void)
{
	size_t pages = random_size();
	u64 first = random_u64();
	char *memory = map_at(NULL, pages * PAGE_SIZE, MAP_PRIVATE);

	fill(memory, pages, first);
	fork_tree(memory, pages, first, 1 + random_below(3));
	unmap(memory, pages * PAGE_SIZE);
}

static void do_exec(void)
{
	pid_t pid = fork();

	if (!pid) {
		execl("/proc/self/exe", "stress", "exit", NULL);
		_exit(1);
	}
	wait_for(pid, 0);
}

/* Up to 4 MiB: change, grow, move, shrink, punch a hole. */
static void do_mmap(void)
{
	size_t pages = 4 * random_size(), part;
	u64 first = random_u64();
	bool shared = random_below(2);
	char *memory, *moved;

	pages += random_below(pages);
	memory = map_at(NULL, pages * PAGE_SIZE,
			shared ? MAP_SHARED : MAP_PRIVATE);
	fill(memory, pages, first);

	part = 1 + random_below(pages - 1);
	if (mprotect(memory, part * PAGE_SIZE, PROT_READ))
		die("mprotect: %s", strerror(errno));
	check(memory, pages, first);
	if (mprotect(memory, part * PAGE_SIZE, PROT_READ | PROT_WRITE))
		die("mprotect: %s", strerror(errno));
	fill(memory, part, first);

	moved = map_at(NULL, pages * PAGE_SIZE, MAP_PRIVATE);
	moved = mremap(memory, pages * PAGE_SIZE, pages * PAGE_SIZE,
		       MREMAP_MAYMOVE | MREMAP_FIXED, moved);
	if (moved == MAP_FAILED)
		die("mremap: %s", strerror(errno));
	memory = moved;
	check(memory, pages, first);

	unmap(memory + (part - 1) * PAGE_SIZE, PAGE_SIZE);
	check(memory, part - 1, first);
	check(memory + part * PAGE_SIZE, pages - part, first + part);
	if (!shared && part > 1) {
		if (madvise(memory, (part - 1) * PAGE_SIZE, MADV_DONTNEED))
			die("madvise: %s", strerror(errno));
		fill(memory, part - 1, first);
	}
	unmap(memory, pages * PAGE_SIZE);
}

/* One page here and there: many page-table pages, of the upper levels too. */
static void do_sparse(void)
{
	static char *pages[256];
	size_t count = 1 + random_below(ARRAY_SIZE(pages)), i;
	u64 first = random_u64();
	bool close = random_below(2);

	for (i = 0; i < count; i++) {
		/* Within 1 GiB, or within 128 GiB. */
		u64 range = close ? 1ULL << 30 : 1ULL << 37;
		uintptr_t hint = (1ULL << 33) + random_below(range);

		pages[i] = map_at((void *)(hint & -PAGE_SIZE), PAGE_SIZE,
				  MAP_PRIVATE);
		fill(pages[i], 1, first + i);
	}
	for (i = 0; i < count; i++) {
		check(pages[i], 1, first + i);
		unmap(pages[i], PAGE_SIZE);
	}
}

static volatile sig_atomic_t signals;

static void count_signal(int sig)
{
	(void)sig;
	signals++;
}

/* A child that answers bytes, and signals, through pipes. */
static void do_pipe(void)
{
	static char sent[16384], received[sizeof(sent)];
	int to[2], from[2], i;
	u64 value;
	ssize_t len;
	pid_t pid;

	signal(SIGUSR1, count_signal);
	if (pipe(to) || pipe(from))
		die("pipe: %s", strerror(errno));
	pid = fork();
	if (!pid) {
		close(to[1]);
		while ((len = read(to[0], received, sizeof(received))) > 0) {
			kill(getppid(), SIGUSR1);
			if (write(from[1], received, len) != len)
				_exit(1);
		}
		_exit(len < 0);
	}
	for (i = 0; i < 16; i++) {
		size_t got = 0;

		value = random_u64();
		memset(sent, value, sizeof(sent));
		if (write(to[1], sent, sizeof(sent)) != sizeof(sent))
			die("write to a pipe: %s", strerror(errno));
		while (got < sizeof(received)) {
			len = read(from[0], received + got,
				   sizeof(received) - got);
			if (len < 0 && errno == EINTR)
				continue;
			if (len <= 0)
				die("read from a pipe: %s", strerror(errno));
			got += len;
		}
		if (memcmp(sent, received, sizeof(sent)))
			die("a pipe changed what was sent through it");
	}
	close(to[1]);
	close(to[0]);
	close(from[0]);
	close(from[1]);
	wait_for(pid, 0);
	if (!signals)
		die("no signal arrived");
}

/*
 * The kernel keeps the open files of a process in an array, which for this
 * number of files is larger than what the page allocator has in one piece: a
 * vmalloc() here, a vfree() when the process ends. And directly, if the
 * benchmark device is there.
 */
static void do_vmalloc(void)
{
	struct kpkeys_bench bench = {
		.op = random_below(2) ? KPKEYS_BENCH_VMALLOC :
					KPKEYS_BENCH_VM_MAP_RAM,
		.pages = 1 + random_below(512),
		.iterations = 16,
	};
	const rlim_t max_files = 1 << 20;
	struct rlimit files = { max_files, max_files };
	static int device = -1;
	pid_t pid;

	if (device < 0)
		device = open("/dev/" KPKEYS_BENCH_DEVICE, O_RDWR);
	if (device >= 0 && ioctl(device, KPKEYS_BENCH_RUN, &bench))
		die("/dev/" KPKEYS_BENCH_DEVICE ": %s", strerror(errno));

	pid = fork();
	if (!pid) {
		if (setrlimit(RLIMIT_NOFILE, &files) ||
		    dup2(1, max_files - 1 - random_below(max_files / 4)) < 0)
			die("a high file descriptor: %s", strerror(errno));
		_exit(0);
	}
	wait_for(pid, 0);
}

/* Huge pages, split in the ways there are, where the kernel has them. */
static void do_thp(void)
{
	size_t size = 3 * HUGE_SIZE, pages = HUGE_SIZE / PAGE_SIZE;
	u64 first = random_u64();
	char *area = map_at(NULL, size, MAP_PRIVATE), *memory;
	size_t page = 1 + random_below(pages - 2);
	pid_t pid;

	memory = (char *)(((uintptr_t)area + HUGE_SIZE - 1) & -HUGE_SIZE);
	madvise(memory, HUGE_SIZE, MADV_HUGEPAGE);
	fill(memory, pages, first);
	switch (random_below(4)) {
	case 0:
		if (mprotect(memory + page * PAGE_SIZE, PAGE_SIZE, PROT_READ))
			die("mprotect: %s", strerror(errno));
		break;
	case 1:
		if (madvise(memory + page * PAGE_SIZE, PAGE_SIZE,
			    MADV_DONTNEED))
			die("madvise: %s", strerror(errno));
		*(u64 *)(memory + page * PAGE_SIZE) = first + page;
		break;
	case 2:
		pid = fork();
		if (!pid) {
			fill(memory, pages, first + 1);
			_exit(0);
		}
		wait_for(pid, 0);
		break;
	}
	check(memory, pages, first);
	unmap(area, size);
}

static struct worker {
	const char *name;
	void (*operation)(void);
	pid_t pid;
} workers[] = {
	{ .name = "fork",	.operation = do_fork },
	{ .name = "exec",	.operation = do_exec },
	{ .name = "mmap",	.operation = do_mmap },
	{ .name = "sparse",	.operation = do_sparse },
	{ .name = "pipe",	.operation = do_pipe },
	{ .name = "vmalloc",	.operation = do_vmalloc },
	{ .name = "thp",	.operation = do_thp },
};

/* Shared with the workers. */
static struct {
	volatile bool stop;
	volatile u64 operations[ARRAY_SIZE(workers)];
} *state;

static void start(struct worker *worker)
{
	size_t i = worker - workers;

	fflush(stdout);
	worker->pid = fork();
	if (worker->pid < 0)
		die("fork: %s", strerror(errno));
	if (worker->pid)
		return;

	random_state = now_ns() * (i + 1) | 1;
	do {
		worker->operation();
		state->operations[i]++;
	} while (!state->stop);
	_exit(0);
}

static void print_counts(const char *prefix)
{
	u64 total = 0;
	size_t i;

	printf("%s", prefix);
	for (i = 0; i < ARRAY_SIZE(workers); i++) {
		total += state->operations[i];
		printf(" %s=%llu", workers[i].name, state->operations[i]);
	}
	printf(" total=%llu\n", total);
}

/*
 * Reaps the workers that have ended, none of which may have failed, nor ended
 * unasked. Returns the number of those that have not.
 */
static int reap(int *failed)
{
	int running = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(workers); i++) {
		struct worker *worker = &workers[i];
		int status;

		if (!worker->pid)
			continue;
		if (waitpid(worker->pid, &status, WNOHANG) != worker->pid) {
			running++;
			continue;
		}
		worker->pid = 0;
		if (!status && state->stop)
			continue;
		printf("stress: the worker %s ended with status 0x%x\n",
		       worker->name, status);
		(*failed)++;
	}

	return running;
}

static unsigned int duration(int argc, char **argv)
{
	char parameter[32], *end;
	const char *text = NULL;
	unsigned long seconds;

	if (argc == 2)
		text = argv[1];
	else if (boot_parameter("kpkeys.stress", parameter, sizeof(parameter)))
		text = parameter;
	if (!text)
		return DEFAULT_SECONDS;

	seconds = strtoul(text, &end, 10);
	if (!seconds || seconds > 1000000 || *end)
		die("'%s' is no number of seconds", text);
	return seconds;
}

int main(int argc, char **argv)
{
	unsigned int seconds, progress = PROGRESS_SECONDS;
	int failed = 0, running;
	u64 begin, elapsed;
	size_t i;

	/* What do_exec() executes. */
	if (argc == 2 && !strcmp(argv[1], "exit"))
		return 0;
	if (argc > 2)
		die("usage: stress [SECONDS]");
	seconds = duration(argc, argv);

	setvbuf(stdout, NULL, _IOLBF, 0);
	state = (void *)map_at(NULL, sizeof(*state), MAP_SHARED);
	printf("stress: %zu workers, %u s\n", ARRAY_SIZE(workers), seconds);
	begin = now_ns();
	for (i = 0; i < ARRAY_SIZE(workers); i++)
		start(&workers[i]);

	do {
		poll(NULL, 0, 100);
		elapsed = (now_ns() - begin) / 1000000000;
		if (elapsed >= seconds)
			state->stop = true;
		if (elapsed >= progress) {
			char prefix[32];

			snprintf(prefix, sizeof(prefix), "stress: %u s:",
				 progress);
			print_counts(prefix);
			progress += PROGRESS_SECONDS;
		}
		running = reap(&failed);
	} while (running && elapsed < seconds + GRACE_SECONDS);

	for (i = 0; i < ARRAY_SIZE(workers); i++) {
		if (!workers[i].pid)
			continue;
		printf("stress: the worker %s hangs\n", workers[i].name);
		kill(workers[i].pid, SIGKILL);
		failed++;
	}
	print_counts("operations:");
	printf("failed_workers: %d\n", failed);

	return print_audit() || failed;
}
