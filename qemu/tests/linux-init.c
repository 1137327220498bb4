// SPDX-License-Identifier: GPL-2.0-only
/*
 * Process 1 of the arm64 guest that runs the kernel's own self-tests: mounts the
 * file systems, runs the programs that /etc/tests lists, and powers off.
 *
 * A line of /etc/tests is "NAME SECONDS": /bin/NAME, which is killed when it
 * runs for longer. Boot parameters:
 *
 *	run=NAME[,NAME...]	only these programs, in this order; run= for none
 *	patience=N		N times as many seconds
 *	bench=1			/bin/linux-bench first
 */
#include "../../guest/guest.h"

#include <signal.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>

#define TESTS		"/etc/tests"
#define BENCH_SECONDS	300

static const struct {
	const char *type;
	const char *path;
	const char *options;
} mounts[] = {
	{ "devtmpfs",	"/dev",		NULL },
	{ "proc",	"/proc",	NULL },
	{ "sysfs",	"/sys",		NULL },
	{ "tmpfs",	"/dev/shm",	NULL },
	{ "tmpfs",	"/tmp",		NULL },
	{ "hugetlbfs",	"/hugepages",	"pagesize=2M" },
};

static unsigned int patience = 1;

static void mount_all(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(mounts); i++) {
		mkdir(mounts[i].path, 0755);
		if (mount(mounts[i].type, mounts[i].path, mounts[i].type, 0,
			  mounts[i].options) && errno != EBUSY)
			printf("kpkeys-guest: cannot mount %s: %s\n",
			       mounts[i].path, strerror(errno));
	}
}

static void open_console(void)
{
	int fd = open("/dev/console", O_RDWR);

	if (fd < 0)
		return;
	dup2(fd, 0);
	dup2(fd, 1);
	dup2(fd, 2);
	if (fd > 2)
		close(fd);
}

/* protection_keys maps pages of this file, so it must not be empty. */
static void make_passwd(void)
{
	FILE *file;

	mkdir("/etc", 0755);
	file = fopen("/etc/passwd", "w");
	if (!file || fputs("root:x:0:0:root:/:/bin/sh\n", file) < 0 ||
	    fclose(file))
		printf("kpkeys-guest: cannot write /etc/passwd: %s\n",
		       strerror(errno));
}

/*
 * Waits until @pid and all that it left behind have ended: protection_keys, for
 * one, goes on in a child process. Returns false if that takes more than
 * @seconds. Sets @status if @pid has ended.
 */
static bool wait_for_all(pid_t pid, unsigned int seconds, int *status)
{
	const struct timespec slice = { .tv_sec = 1 };
	u64 end = now_ns() + seconds * 1000000000ULL;
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	do {
		int reaped_status;
		pid_t reaped;

		while ((reaped = waitpid(-1, &reaped_status, WNOHANG)) > 0)
			if (reaped == pid)
				*status = reaped_status;
		if (reaped < 0 && errno == ECHILD)
			return true;
		/* SIGCHLD is blocked: one that came meanwhile is pending. */
		sigtimedwait(&child, NULL, &slice);
	} while (now_ns() < end);

	return false;
}

static void run(const char *word, unsigned int seconds)
{
	static char *const env[] = { "PATH=/bin", "HOME=/", "TERM=dumb", NULL };
	u64 begin = now_ns();
	char path[128];
	int status = 127 << 8, ignored;
	sigset_t none;
	pid_t pid;

	seconds *= patience;
	snprintf(path, sizeof(path), "/bin/%s", word);
	printf("kpkeys-guest: %s begin\n", word);

	pid = fork();
	if (!pid) {
		char *const argv[] = { path, NULL };

		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		setsid();
		execve(path, argv, env);
		printf("kpkeys-guest: cannot run %s: %s\n", path,
		       strerror(errno));
		_exit(127);
	}
	if (pid > 0 && !wait_for_all(pid, seconds, &status)) {
		printf("kpkeys-guest: %s killed after %u s\n", word, seconds);
		/* Everything but this process. */
		kill(-1, SIGKILL);
		while (waitpid(-1, &ignored, 0) > 0)
			;
		status = SIGKILL;
	}

	printf("kpkeys-guest: %s took %llu ms\n", word,
	       (now_ns() - begin) / 1000000);
	/* As a shell counts: 128 and the signal. */
	printf("kpkeys-guest: %s exit %d\n", word,
	       WIFEXITED(status) ? WEXITSTATUS(status) :
				   128 + WTERMSIG(status));
}

/* Runs what /etc/tests lists: all, or only @only. */
static void run_tests(const char *only)
{
	unsigned int seconds;
	char word[64];
	FILE *file;

	file = fopen(TESTS, "re");
	while (file && fscanf(file, "%63s %u", word, &seconds) == 2) {
		if (!only || !strcmp(word, only)) {
			run(word, seconds);
			if (only)
				break;
		}
	}
	if (!file || (only && feof(file)))
		printf("kpkeys-guest: no %s in " TESTS "\n", only ?: "test");
	if (file)
		fclose(file);
}

int main(void)
{
	char words[2048], *word, *next;
	struct timespec up;
	sigset_t child;

	clock_gettime(CLOCK_BOOTTIME, &up);
	if (getpid() != 1)
		die("only for process 1");

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	mount_all();
	open_console();
	setvbuf(stdout, NULL, _IOLBF, 0);
	make_passwd();
	printf("boot_ms: %.1f\n", up.tv_sec * 1e3 + up.tv_nsec / 1e6);

	if (boot_parameter("patience", words, sizeof(words)) && atoi(words) > 0)
		patience = atoi(words);
	if (boot_parameter("bench", words, sizeof(words)) &&
	    !strcmp(words, "1"))
		run("linux-bench", BENCH_SECONDS);
	if (boot_parameter("run", words, sizeof(words))) {
		for (word = strtok_r(words, ",", &next); word;
		     word = strtok_r(NULL, ",", &next))
			run_tests(word);
	} else {
		run_tests(NULL);
	}

	printf("kpkeys-guest: done\n");
	fflush(stdout);
	tcdrain(1);
	sync();
	reboot(RB_POWER_OFF);
	die("cannot power off: %s", strerror(errno));
}
