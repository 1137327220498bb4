// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's sample of a driver with a key of its own (samples/kpkeys): loads the
 * module, keeps a text in its buffer, makes it access the buffer without rights, and
 * with rights of a program that is gone, and unloads it; twice, as all that it took must
 * have been given back. Interrupts that hit a thread with rights in user mode must not
 * have them. With kpkeys off the module must refuse to be loaded.
 */
#include "guest.h"

#include <sched.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <misc/kpkeys_attack.h>

#define NAME		"kpkeys_sample"
#define FILE_NAME	"/lib/" NAME ".ko"
#define DIR		"/sys/kernel/debug/" NAME "/"
#define KEYS		"/sys/kernel/debug/kpkeys/keys"
#define ROUNDS		2

static int kmsg;

/* Returns 0 or an error number. */
static int load(void)
{
	int fd = open(FILE_NAME, O_RDONLY | O_CLOEXEC), err;

	if (fd < 0)
		die(FILE_NAME ": %s", strerror(errno));
	err = syscall(SYS_finit_module, fd, "", 0) ? errno : 0;
	close(fd);
	return err;
}

static void unload(void)
{
	if (syscall(SYS_delete_module, NAME, O_NONBLOCK))
		die("the module stays: %s", strerror(errno));
	if (!access(DIR, F_OK))
		die("the module is gone, and its files are not");
}

/* Whether a line of @path has @text. */
static bool has_line(const char *path, const char *text)
{
	FILE *file = fopen(path, "r");
	bool found = false;
	char line[512];

	if (!file)
		die("%s: %s", path, strerror(errno));
	while (!found && fgets(line, sizeof(line), file))
		found = strstr(line, text);
	fclose(file);
	return found;
}

static void skip_log(void)
{
	if (lseek(kmsg, 0, SEEK_END) < 0)
		die("/dev/kmsg: %s", strerror(errno));
}

/* Whether the kernel has said @first, and after it, unless it is NULL, @second. */
static bool kernel_said(const char *first, const char *second)
{
	const char *wanted = first;
	char record[8192];

	while (next_record(kmsg, record, sizeof(record))) {
		if (!strstr(record, wanted))
			continue;
		if (wanted == second || !second)
			return true;
		wanted = second;
	}
	return false;
}

static void put_text(const char *text)
{
	write_file(DIR "buffer", text);
}

static void check_text(const char *text)
{
	char buffer[64];
	ssize_t len;
	int fd;

	fd = open(DIR "buffer", O_RDONLY);
	len = fd < 0 ? -1 : read(fd, buffer, sizeof(buffer) - 1);
	if (len < 0)
		die(DIR "buffer: %s", strerror(errno));
	close(fd);
	buffer[len] = '\0';
	if (strcmp(buffer, text))
		die("the buffer has \"%s\" instead of \"%s\"", buffer, text);
}

static pid_t start(void (*fn)(const char *path), const char *path)
{
	pid_t pid;

	skip_log();
	fflush(stdout);
	pid = fork();
	if (!pid) {
		fn(path);
		_exit(0);
	}
	if (pid < 0)
		die("fork: %s", strerror(errno));
	return pid;
}

static void make_access(const char *path)
{
	write_file(path, "1");
}

/* A process that makes the module access its buffer without rights. It must not survive. */
static void attack(void (*fn)(const char *path), const char *path, const char *report)
{
	pid_t pid = start(fn, path);
	int status;

	if (waitpid(pid, &status, 0) != pid)
		die("%s: %s", path, strerror(errno));
	if (!WIFSIGNALED(status))
		die("%s: survived, exit status %d", path, WEXITSTATUS(status));
	/* The name is that of the key. */
	if (!kernel_said(report, " (" NAME "), context default"))
		die("%s: killed by signal %d, without a report of kpkeys that names the key",
		    path, WTERMSIG(status));
	printf("sample: %s: killed by signal %d, reported\n", path + strlen(DIR), WTERMSIG(status));
}

/* A driver that takes the number of the key from the list of keys. */
static int call_driver(unsigned long request)
{
	struct kpkeys_attack_key key = {};
	FILE *file = fopen(KEYS, "r");
	char line[512];
	int fd, ret, err;

	while (file && fgets(line, sizeof(line), file))
		if (strstr(line, NAME))
			key.pkey = atoi(line);
	fd = open("/dev/" KPKEYS_ATTACK_DEVICE, O_RDWR);
	ret = !file || fd < 0 ? -1 : ioctl(fd, request, &key);
	if (ret < 0 && errno != EAGAIN && errno != ENXIO)
		die("no rights to key %d: %s", key.pkey, strerror(errno));
	err = errno;
	fclose(file);
	close(fd);
	errno = err;
	return ret;
}

/* It gives its caller rights to the key, and does not take them away again. */
static void get_rights(void)
{
	call_driver(KPKEYS_ATTACK_KEY_OPEN);
}

/* Whoever has them goes to user mode, and an interrupt hits it there. */
static void stay_in_user_mode(const char *path)
{
	cpu_set_t one;
	int ret;

	/* The interrupt is that of a timer of this CPU. */
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		die("sched_setaffinity: %s", strerror(errno));
	while ((ret = call_driver(KPKEYS_ATTACK_KEY_IRQ)) < 0 && errno == EAGAIN)
		for (volatile unsigned int i = 0; i < 10000000; i++)
			;
	if (ret > 0)
		die("%s: an interrupt from user mode had the rights of the thread", path);
	if (!ret) {
		printf("sample: interrupts from user mode have no rights\n");
		fflush(stdout);
	}
}

static void access_with_rights(const char *path)
{
	get_rights();
	make_access(path);
}

/* Another program, which then makes the access; see main(). */
static void exec_with_rights(const char *path)
{
	get_rights();
	execl("/proc/self/exe", "sample", path, NULL);
	die("exec: %s", strerror(errno));
}

/* Rights are those of the thread in its next system calls, and end with its program. */
static void leave_rights(void)
{
	pid_t pid = start(access_with_rights, DIR "stray_read");
	int status;

	if (waitpid(pid, &status, 0) != pid || status)
		die("a thread has lost its rights from one system call to the next, status 0x%x", status);
	attack(exec_with_rights, DIR "stray_read",
	       ";BUG: kpkeys: blocked access to protected memory");

	pid = start(stay_in_user_mode, NAME);
	if (waitpid(pid, &status, 0) != pid || status)
		die("a thread with rights in user mode: status 0x%x", status);
	printf("sample: rights end with the program\n");
}

static void use(int round)
{
	char text[64];
	int err;

	err = load();
	if (err)
		die("the module cannot be loaded: %s", strerror(err));
	if (!has_line(KEYS, NAME))
		die(KEYS " does not have the key");

	snprintf(text, sizeof(text), "text of round %d", round);
	put_text("what is longer than the text that comes next");
	put_text(text);
	check_text(text);
	printf("sample: round %d: loaded, text written and read\n", round);

	attack(make_access, DIR "stray_read", ";BUG: kpkeys: blocked access to protected memory");
	attack(make_access, DIR "stray_write", ";BUG: kpkeys: blocked write to protected memory");
	leave_rights();
	check_text(text);

	unload();
	if (has_line(KEYS, NAME))
		die(KEYS " still has the key");
	printf("sample: round %d: text unchanged, unloaded\n", round);
}

static void check_refused(void)
{
	int err;

	skip_log();
	err = load();
	if (err != EOPNOTSUPP)
		die("kpkeys is off, and loading the module ends with: %s", strerror(err));
	if (!kernel_said(";" NAME ": not loaded: kpkeys is not enabled", NULL))
		die("the module does not say why it is not loaded");
	if (!access(DIR, F_OK))
		die("the module has left files");
	printf("sample: kpkeys is off, and the module refuses to be loaded\n");
}

int main(int argc, char **argv)
{
	int round;

	/* What exec_with_rights() executes. */
	if (argc == 2) {
		make_access(argv[1]);
		return 0;
	}

	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (kmsg < 0)
		die("/dev/kmsg: %s", strerror(errno));

	if (!kpkeys_on()) {
		check_refused();
		return 0;
	}
	for (round = 1; round <= ROUNDS; round++)
		use(round);
	return 0;
}
