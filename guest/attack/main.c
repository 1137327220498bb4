// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs the attacks, one after the other, each in a process of its own, and says
 * how each ended:
 *
 *   attack: result NAME END LOG SYSTEM AUDIT: words
 *
 * END is won, stopped, hung, not-possible or failed (there is a defect in the
 * attack itself). LOG is what the kernel said: kpkeys (a report), oops (or a
 * warning), or nothing; what it says of the remains of the process does not
 * count. SYSTEM is ok if other processes still run as they should, AUDIT the
 * number of violations that the audit finds.
 *
 * Boot parameters: kpkeys.attack=NAME runs this one only, kpkeys.attack_after=NAME
 * those after it.
 */
#include "attack.h"

#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>

#define LIMIT_S	90

const struct attack *const attack_classes[] = {
	roots, registers, virtualization, pool, mappings, releases, keys, NULL
};

static int kmsg;
static const char *self;

/* What the kernel said since the last call. */
static const char *read_log(void)
{
	static const char *const oopses[] = {
		";WARNING: ", "nable to handle ", "Internal error: ", ";Oops",
	};
	const char *said = "nothing";
	char record[8192];
	size_t i;

	while (next_record(kmsg, record, sizeof(record))) {
		if (strstr(record, ";BUG: kpkeys: "))
			said = "kpkeys";
		for (i = 0; i < ARRAY_SIZE(oopses) && strcmp(said, "kpkeys"); i++)
			if (strstr(record, oopses[i]))
				said = "oops";
	}
	return said;
}

/* Whether another process can do what needs new page tables. */
static bool system_works(void)
{
	int status;
	pid_t pid;

	pid = fork();
	if (!pid) {
		char *memory = mmap(NULL, 16 * PAGE_SIZE, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (memory == MAP_FAILED)
			_exit(1);
		memset(memory, 1, 16 * PAGE_SIZE);
		if (munmap(memory, 16 * PAGE_SIZE))
			_exit(1);
		execl(self, self, "nothing", NULL);
		_exit(1);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && !status;
}

/* What an attack has left behind may be found only now, by a process that dies of it. */
static bool system_goes_on(void)
{
	int tries;

	for (tries = 0; tries < 3; tries++)
		if (system_works())
			return true;
	return false;
}

/* Returns false if the process did not end in time, or stays. */
static bool wait_limited(pid_t pid, int seconds, int *status)
{
	u64 end = now_ns() + seconds * 1000000000ULL;

	while (waitpid(pid, status, WNOHANG) != pid) {
		if (now_ns() > end || shared->stays)
			return false;
		usleep(10000);
	}
	return true;
}

static bool has_proof(void)
{
	int fd = open("/dev/" KPKEYS_ATTACK_DEVICE, O_RDWR);
	bool right;

	right = fd >= 0 && !ioctl(fd, KPKEYS_ATTACK_VERIFY, &shared->guess);
	close(fd);
	return right || shared->victim_lost;
}

static const char *judge(int status, char *words, size_t size)
{
	if (has_proof()) {
		snprintf(words, size, "%s", shared->victim_lost ?
			 "memory of others was reached" : "the secret was read");
		return "won";
	}
	if (WIFSIGNALED(status)) {
		snprintf(words, size, "killed by signal %d", WTERMSIG(status));
		return "stopped";
	}
	switch (WEXITSTATUS(status)) {
	case DONE:
	case GAINED_NOTHING:
		snprintf(words, size, "it gained nothing");
		return "stopped";
	case NOT_POSSIBLE:
		snprintf(words, size, "%s", shared->why);
		return "not-possible";
	default:
		snprintf(words, size, "it ended with %d", WEXITSTATUS(status));
		return "failed";
	}
}

/* At once: nobody is waited for. */
static void end_machine(void)
{
	int fd = open("/proc/sysrq-trigger", O_WRONLY);

	fflush(stdout);
	tcdrain(STDOUT_FILENO);
	usleep(200000);
	if (fd < 0 || write(fd, "b", 1) != 1)
		die("/proc/sysrq-trigger: %s", strerror(errno));
	pause();
}

static void run(const struct attack *attack)
{
	const char *end, *said;
	char words[160];
	int status = 0;
	bool works;
	pid_t pid;

	printf("attack: begin %s: %s\n", attack->name, attack->what);
	memset(shared, 0, sizeof(*shared));
	fflush(stdout);

	pid = fork();
	if (!pid) {
		setpgid(0, 0);
		attack_open();
		own_page_init();
		run_on_any_cpu();
		_exit(attack->run());
	}
	if (pid < 0)
		die("cannot fork");
	setpgid(pid, pid);
	if (wait_limited(pid, LIMIT_S, &status)) {
		end = judge(status, words, sizeof(words));
	} else if (shared->stays) {
		end = judge(DONE << 8, words, sizeof(words));
	} else {
		end = has_proof() ? "won" : "hung";
		snprintf(words, sizeof(words), "it did not end in %d s", LIMIT_S);
	}
	/* Its helpers, and itself if it hangs. */
	if (!shared->stays) {
		kill(-pid, SIGKILL);
		kill(pid, SIGKILL);
	}
	if (!strcmp(end, "hung") && wait_limited(pid, 5, &status))
		end = "stopped";

	works = system_goes_on();
	said = read_log();
	printf("attack: result %s %s %s %s %llu: %s, %u writes\n", attack->name, end, said,
	       works ? "ok" : "broken", protected ? read_stat(KPKEYS_AUDIT, "violations") : 0,
	       words, shared->nr_writes);
	read_log();
	if (shared->locks && protected)
		end_machine();
}

int main(int argc, char **argv)
{
	const struct attack *const *class, *attack;
	char only[64] = "", after[64] = "";

	/* What system_goes_on() starts. */
	if (argc > 1)
		return strcmp(argv[1], "nothing");

	self = argv[0];
	/* The attacks change what CPU 0 does next. */
	if (sysconf(_SC_NPROCESSORS_ONLN) > 1)
		run_on_cpu(1);
	setvbuf(stdout, NULL, _IOLBF, 0);
	protected = kpkeys_on();
	boot_parameter("kpkeys.attack", only, sizeof(only));
	boot_parameter("kpkeys.attack_after", after, sizeof(after));
	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
	if (kmsg < 0 || lseek(kmsg, 0, SEEK_END) < 0)
		die("/dev/kmsg: %s", strerror(errno));
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		die("no memory");

	for (class = attack_classes; *class; class++) {
		for (attack = *class; attack->name; attack++) {
			if (*after) {
				if (!strcmp(after, attack->name))
					*after = '\0';
				continue;
			}
			if (!*only || !strcmp(only, attack->name))
				run(attack);
		}
	}
	return 0;
}
