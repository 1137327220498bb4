/* SPDX-License-Identifier: GPL-2.0-only */
/* What the programs inside the booted kernel have in common. Include first. */
#ifndef GUEST_H
#define GUEST_H

#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#define KPKEYS_AUDIT	"/sys/kernel/debug/kpkeys/audit"
#define KPKEYS_STATS	"/sys/kernel/debug/kpkeys/stats"
#define KPKEYS_LINEAR_MAP	"/sys/kernel/debug/kpkeys/linear_map"

typedef unsigned long long u64;

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define PAGE_SIZE	((unsigned long)getpagesize())
/* What a page table of the lowest level maps. */
#define PMD_SIZE	(PAGE_SIZE / sizeof(u64) * PAGE_SIZE)

/* Writes whole lines to the kernel's log, whose descriptor is *@cookie. */
static inline ssize_t write_to_log(void *cookie, const char *text, size_t size)
{
	/* As urgent as it must be to be shown in spite of "quiet". */
	static char line[900] = "<3>";
	static size_t len = 3;
	size_t i;

	for (i = 0; i < size; i++) {
		if (text[i] != '\n')
			line[len++] = text[i];
		if (text[i] != '\n' && len < sizeof(line) - 1)
			continue;
		line[len++] = '\n';
		if (write(*(int *)cookie, line, len) < 0)
			return 0;
		len = 3;
	}
	return size;
}

/*
 * What is written to a 16550 waits for its interrupts, while the kernel writes
 * there at once, also in the middle of a line. There, what goes to the console
 * goes to the kernel's log instead: lines stay whole, and in order with those of
 * the kernel.
 */
__attribute__((constructor))
static inline void print_whole_lines(void)
{
	static int log;
	char active[64] = "";
	struct stat console;
	FILE *file;

	/* A stream of ours has no descriptor. */
	if (fileno(stdout) != 1 || fstat(1, &console) || console.st_rdev != makedev(5, 1))
		return;
	file = fopen("/sys/class/tty/console/active", "r");
	if (!file)
		return;
	if (!fgets(active, sizeof(active), file))
		active[0] = '\0';
	fclose(file);
	if (!strstr(active, "ttyS"))
		return;

	log = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	if (log < 0)
		return;
	stdout = fopencookie(&log, "w", (cookie_io_functions_t){ .write = write_to_log });
	setvbuf(stdout, NULL, _IOLBF, 0);
	stderr = stdout;
}

__attribute__((noreturn, format(printf, 1, 2)))
static inline void die(const char *fmt, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	fflush(stderr);
	_exit(1);
}

/* The next record of /dev/kmsg, which does not block, as a string; false if there is none. */
static inline bool next_record(int kmsg, char *record, size_t size)
{
	ssize_t len;

	do
		len = read(kmsg, record, size - 1);
	while (len < 0 && errno == EPIPE);	/* records were overwritten; go on */
	if (len <= 0)
		return false;
	record[len] = '\0';
	return true;
}

static inline void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die("%s: cannot write \"%s\": %s", path, text, strerror(errno));
	close(fd);
}

static inline u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/*
 * Value of the boot parameter @name ("kpkeys.run") in @value; false if it was
 * not given.
 */
static inline bool boot_parameter(const char *name, char *value, size_t size)
{
	size_t len = strlen(name);
	char line[4096], *word, *next;
	bool found = false;
	FILE *file;

	file = fopen("/proc/cmdline", "r");
	if (!file)
		return false;
	if (fgets(line, sizeof(line), file)) {
		for (word = strtok_r(line, " \n", &next); word;
		     word = strtok_r(NULL, " \n", &next)) {
			if (strncmp(word, name, len) || word[len] != '=')
				continue;
			snprintf(value, size, "%s", word + len + 1);
			found = true;
		}
	}
	fclose(file);

	return found;
}

/* The number on the line "@name: number" of @path, or 0. */
static inline u64 read_stat(const char *path, const char *name)
{
	size_t len = strlen(name);
	u64 value = 0;
	char line[256];
	FILE *file;

	file = fopen(path, "r");
	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, name, len) && line[len] == ':')
			value = strtoull(line + len + 1, NULL, 0);
	fclose(file);

	return value;
}

/* The same for the statistics of kpkeys. */
static inline u64 kpkeys_stat(const char *name)
{
	return read_stat(KPKEYS_STATS, name);
}

/*
 * Whether page tables are protected. They must be if the boot parameter says
 * so, lest a test of the protection passes because there is none.
 */
static inline bool kpkeys_on(void)
{
	bool on = kpkeys_stat("ptps_protected");
	char asked[8];

	if (!on && boot_parameter("kpkeys", asked, sizeof(asked)) &&
	    !strcmp(asked, "on"))
		die("page tables are not protected, in spite of kpkeys=on");
	return on;
}

/*
 * Prints the kernel's audit. Returns 0 if it found no violation, 1 if it found
 * some or cannot be had. With kpkeys off there is nothing to audit.
 */
static inline int print_audit(void)
{
	long long violations = -1;
	char line[512];
	FILE *file;

	if (!kpkeys_on()) {
		printf("audit: kpkeys is off, nothing to audit\n");
		return 0;
	}
	file = fopen(KPKEYS_AUDIT, "r");
	if (!file) {
		printf("audit: %s: %s\n", KPKEYS_AUDIT, strerror(errno));
		return 1;
	}
	while (fgets(line, sizeof(line), file)) {
		fputs(line, stdout);
		if (sscanf(line, "violations: %lld", &violations) == 1)
			break;
	}
	fclose(file);
	/* Not every architecture has one. */
	if (!access(KPKEYS_LINEAR_MAP, R_OK))
		printf("linear map: %llu %% in blocks\n",
		       read_stat(KPKEYS_LINEAR_MAP, "blocks_percent"));
	if (violations < 0)
		printf("audit: the report has no line \"violations:\"\n");

	return violations != 0;
}

#endif /* GUEST_H */
