// SPDX-License-Identifier: GPL-2.0-only
/*
 * Triggers each of LKDTM's KPKEYS_* crash types in a process of its own, which
 * a protected kernel kills, with a report that names kpkeys. Prints KTAP.
 */
#include "guest.h"

#include <sys/wait.h>

#define TRIGGER		"/sys/kernel/debug/provoke-crash/DIRECT"
#define MAX_TYPES	32

static char types[MAX_TYPES][64];
static int nr_types;

static void list_types(void)
{
	char line[64];
	FILE *file;

	file = fopen(TRIGGER, "r");
	if (!file)
		die("%s: %s", TRIGGER, strerror(errno));
	while (nr_types < MAX_TYPES && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, "KPKEYS_", strlen("KPKEYS_")))
			strcpy(types[nr_types++], line);
	}
	fclose(file);
	if (!nr_types)
		die("this kernel's LKDTM has no KPKEYS_ crash types");
}

/* Returns the wait status of the process that triggered @type. */
static int trigger(const char *type)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		int fd = open(TRIGGER, O_WRONLY);

		if (fd < 0 || write(fd, type, strlen(type)) < 0)
			die("%s: %s", TRIGGER, strerror(errno));
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		die("%s: %s", type, strerror(errno));

	return status;
}

/* What the kernel said since the last call. */
static void read_log(int kmsg, bool *reported, bool *xfail, bool *fail)
{
	char record[8192];

	*reported = *xfail = *fail = false;
	while (next_record(kmsg, record, sizeof(record))) {
		if (strstr(record, ";BUG: kpkeys: "))
			*reported = true;
		if (strstr(record, "lkdtm: XFAIL"))
			*xfail = true;
		if (strstr(record, "lkdtm: FAIL"))
			*fail = true;
	}
}

int main(void)
{
	bool on = kpkeys_on();
	int failed = 0;
	int kmsg, i;

	list_types();
	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
	if (kmsg < 0 || lseek(kmsg, 0, SEEK_END) < 0)
		die("/dev/kmsg: %s", strerror(errno));

	printf("KTAP version 1\n1..%d\n", nr_types);
	for (i = 0; i < nr_types; i++) {
		int status = trigger(types[i]);
		bool reported, xfail, fail, killed = WIFSIGNALED(status);
		const char *skip = NULL;
		bool ok;

		read_log(kmsg, &reported, &xfail, &fail);
		if (!killed && xfail && !fail)
			skip = "not possible in this kernel";
		else if (!on && !killed && fail)
			skip = "kpkeys is off: the write went through";
		else if (!on && killed && !strcmp(types[i], "KPKEYS_WRITE_KERNEL_PGD"))
			skip = "kpkeys is off: in .rodata, which is read-only";
		ok = skip || (on && killed && reported);

		if (killed)
			printf("# %s: killed by signal %d, %s\n", types[i],
			       WTERMSIG(status), reported ?
			       "reported by kpkeys" : "not reported by kpkeys");
		else
			printf("# %s: survived, exit status %d%s\n", types[i],
			       WEXITSTATUS(status),
			       fail ? ", the write went through" : "");
		printf("%sok %d %s%s%s\n", ok ? "" : "not ", i + 1, types[i],
		       skip ? " # SKIP " : "", skip ?: "");
		failed += !ok;
	}

	return failed != 0;
}
