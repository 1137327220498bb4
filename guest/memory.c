// SPDX-License-Identifier: GPL-2.0-only
/*
 * Uses memory that was added after boot, and has it taken away again: the page
 * tables of the kernel that map it come and go. Then has the kernel audit all page
 * tables.
 */
#include "guest.h"

#include <glob.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define BLOCKS	"/sys/devices/system/memory/memory*/state"
#define DEVICES	"/sys/bus/acpi/devices/PNP0C80:*/eject"
#define SIZE	(64UL << 20)
#define NR	8

static bool has(const char *path, const char *text)
{
	char word[32] = "";
	FILE *file = fopen(path, "r");

	if (!file)
		return false;
	if (!fgets(word, sizeof(word), file))
		word[0] = '\0';
	fclose(file);
	return !strncmp(word, text, strlen(text));
}

static void use_memory(void)
{
	pid_t pids[NR];
	int i, status;

	for (i = 0; i < NR; i++) {
		pids[i] = fork();
		if (!pids[i]) {
			char *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE |
					    MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

			if (memory == MAP_FAILED)
				die("mmap: %s", strerror(errno));
			memset(memory, 1, SIZE);
			_exit(0);
		}
	}
	for (i = 0; i < NR; i++)
		if (waitpid(pids[i], &status, 0) != pids[i] || status)
			die("a process failed");
}

int main(void)
{
	glob_t blocks, devices;
	size_t i, nr = 0;
	u64 start;

	if (glob(BLOCKS, 0, NULL, &blocks) || glob(DEVICES, 0, NULL, &devices))
		die("no memory can be added or taken away");
	for (i = 0; i < blocks.gl_pathc; i++) {
		if (!has(blocks.gl_pathv[i], "offline"))
			continue;
		/* Nothing is allocated there that cannot be moved. */
		write_file(blocks.gl_pathv[i], "online_movable");
		blocks.gl_pathv[nr++] = blocks.gl_pathv[i];
	}
	if (!nr)
		die("no memory was added");
	use_memory();
	if (print_audit())
		return 1;

	for (i = 0; i < devices.gl_pathc; i++)
		write_file(devices.gl_pathv[i], "1");
	start = now_ns();
	for (i = 0; i < nr; i++) {
		while (!access(blocks.gl_pathv[i], F_OK)) {
			if (now_ns() - start > 30000000000ULL)
				die("%s is still there", blocks.gl_pathv[i]);
			usleep(10000);
		}
	}
	use_memory();
	printf("memory: %zu blocks used and taken away\n", nr);
	return print_audit();
}
