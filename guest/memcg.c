// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page tables are charged to the memory cgroup of the process that needs them,
 * also when they come from the pool of protected pages: a process with a sparse
 * mapping is charged for its page tables, its limit stops it from having more,
 * and all is uncharged in the end.
 */
#include "guest.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define CGROUPS	"/tmp/cgroup"
#define CGROUP	CGROUPS "/ptps"

#define NR_PTPS	256

/* The number in @path, behind @name if that is given. */
static long long read_number(const char *path, const char *name)
{
	size_t len = name ? strlen(name) : 0;
	long long value = -1;
	char line[256];
	FILE *file;

	file = fopen(path, "r");
	if (!file)
		die("%s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), file)) {
		if (!name)
			value = atoll(line);
		else if (!strncmp(line, name, len) && line[len] == ' ')
			value = atoll(line + len + 1);
	}
	fclose(file);

	return value;
}

/* Needs @nr page tables, tells how many it has got, and waits. */
static pid_t start_child(int nr, int ready)
{
	pid_t pid = fork();
	char *mem;
	int i;

	if (pid)
		return pid;

	write_file(CGROUP "/cgroup.procs", "0");
	mem = mmap(NULL, nr * PMD_SIZE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (mem == MAP_FAILED)
		_exit(1);
	/* The zero page: only page tables cost memory. */
	for (i = 0; i < nr; i++)
		(void)*(volatile char *)(mem + i * PMD_SIZE);
	if (write(ready, "r", 1) != 1)
		_exit(1);
	pause();
	_exit(0);
}

int main(void)
{
	long long charged, tables, wanted = NR_PTPS * (long long)PAGE_SIZE;
	int ready[2], status, failed = 0, i;
	char byte, limit[32];
	pid_t pid;

	mkdir(CGROUPS, 0755);
	if (mount("cgroup2", CGROUPS, "cgroup2", 0, NULL))
		die("cannot mount cgroup2: %s", strerror(errno));
	write_file(CGROUPS "/cgroup.subtree_control", "+memory");
	if (mkdir(CGROUP, 0755) || pipe(ready))
		die("%s: %s", CGROUP, strerror(errno));

	pid = start_child(NR_PTPS, ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		die("no word from the child");
	charged = read_number(CGROUP "/memory.current", NULL);
	/* Statistics lag behind by seconds. */
	for (i = 0; i < 50; i++) {
		tables = read_number(CGROUP "/memory.stat", "pagetables");
		if (tables >= wanted)
			break;
		usleep(100000);
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	printf("memcg: charged=%lld pagetables=%lld wanted=%lld\n", charged, tables,
	       wanted);
	failed |= charged < wanted || tables < wanted;

	snprintf(limit, sizeof(limit), "%lld", wanted / 2);
	write_file(CGROUP "/memory.max", limit);
	pid = start_child(NR_PTPS, ready[1]);
	waitpid(pid, &status, 0);
	/* The kernel may still be printing its report; do not mix with that. */
	sleep(1);
	printf("memcg: over its limit the child was %s\n",
	       WIFSIGNALED(status) ? "killed" : "NOT killed");
	failed |= !WIFSIGNALED(status);

	/* A CPU keeps part of a charge for the next one. */
	for (i = 0; i < 50; i++) {
		charged = read_number(CGROUP "/memory.current", NULL);
		if (charged < wanted / 2)
			break;
		usleep(100000);
	}
	printf("memcg: charged=%lld after that\n", charged);
	failed |= charged >= wanted / 2;

	umount2(CGROUPS, MNT_DETACH);
	return failed;
}
