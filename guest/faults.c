// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lets the kernel's fault injection refuse memory to a process that needs page
 * tables all the time. It may fail, the kernel may not, and what it took must
 * be given back.
 */
#include "guest.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define FAULTS	"/sys/kernel/debug/fail_page_alloc/"
#define ROUNDS	40

/* Page tables at many places; returns whether the kernel refused something. */
static int churn(void)
{
	int refused = 0, i;

	for (i = 0; i < ROUNDS; i++) {
		size_t size = 64UL << 20, offset;
		pid_t pid;
		char *mem = mmap(NULL, size, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		if (mem == MAP_FAILED) {
			refused = 1;
			continue;
		}
		/* The kernel touches it, so that a refusal is an error number. */
		for (offset = 0; offset < size; offset += 4UL << 20)
			if (madvise(mem + offset, PAGE_SIZE, MADV_POPULATE_WRITE))
				refused = 1;
		pid = fork();
		if (!pid)
			_exit(0);
		if (pid < 0)
			refused = 1;
		else
			waitpid(pid, NULL, 0);
		munmap(mem, size);
	}
	return refused;
}

int main(void)
{
	u64 before, after;
	int status, i;
	pid_t pid;

	before = kpkeys_stat("ptps_protected");

	write_file(FAULTS "task-filter", "Y");
	write_file(FAULTS "ignore-gfp-wait", "N");
	write_file(FAULTS "min-order", "0");
	write_file(FAULTS "verbose", "0");
	write_file(FAULTS "interval", "1");
	write_file(FAULTS "times", "-1");
	write_file(FAULTS "probability", "5");

	pid = fork();
	if (!pid) {
		write_file("/proc/self/make-it-fail", "1");
		_exit(churn() ? 42 : 0);
	}
	waitpid(pid, &status, 0);
	write_file(FAULTS "probability", "0");

	if (WIFSIGNALED(status))
		printf("faults: the process was killed by signal %d\n", WTERMSIG(status));
	else if (WEXITSTATUS(status) == 42)
		printf("faults: memory was refused\n");
	else
		die("nothing was refused, so nothing was tested");

	/* Page tables of the kernel are freed a little later. */
	for (i = 0; i < 50; i++) {
		after = kpkeys_stat("ptps_protected");
		if (after <= before + 256)
			break;
		usleep(100000);
	}
	printf("faults: page-table pages before=%llu after=%llu\n", before, after);
	if (after > before + 256)
		die("page-table pages were lost");

	/* Without injection all is well again. */
	if (churn())
		die("memory is still refused");
	return print_audit();
}
