// SPDX-License-Identifier: GPL-2.0-only
/*
 * Process 1: mounts the file systems, runs the programs that the boot
 * parameter kpkeys.run=WORD[,WORD...] names, and powers off. A program has ended
 * when its process has; with kpkeys.orphans=wait, when all of its children have, too.
 */
#include "guest.h"

#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>

#define PRINTK_DEVKMSG	"/proc/sys/kernel/printk_devkmsg"

static const struct {
	const char *type;
	const char *path;
} mounts[] = {
	{ "devtmpfs",	"/dev" },
	{ "proc",	"/proc" },
	{ "sysfs",	"/sys" },
	{ "debugfs",	"/sys/kernel/debug" },
	{ "tmpfs",	"/tmp" },
};

static void mount_all(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(mounts); i++) {
		mkdir(mounts[i].path, 0755);
		if (mount(mounts[i].type, mounts[i].path, mounts[i].type, 0,
			  NULL) && errno != EBUSY)
			printf("kpkeys-guest: cannot mount %s: %s\n",
			       mounts[i].path, strerror(errno));
	}
}

static void open_console(const char *path)
{
	int fd = open(path, O_RDWR);

	if (fd < 0)
		return;
	dup2(fd, 0);
	dup2(fd, 1);
	dup2(fd, 2);
	if (fd > 2)
		close(fd);
}

/* A serial line does not tell the size of the terminal at its end. */
static void set_window_size(void)
{
	struct winsize size = { 0 };
	char text[32];

	if (boot_parameter("kpkeys.size", text, sizeof(text)) &&
	    sscanf(text, "%hux%hu", &size.ws_row, &size.ws_col) == 2)
		ioctl(0, TIOCSWINSZ, &size);
}

/*
 * /dev/console cannot be a controlling terminal, so a shell there would have
 * no job control and no Ctrl-C: give it the terminal behind the console.
 */
static void take_terminal(void)
{
	char active[64] = "", path[80], *name;
	FILE *file;

	file = fopen("/sys/class/tty/console/active", "r");
	if (!file)
		return;
	if (!fgets(active, sizeof(active), file))
		active[0] = '\0';
	fclose(file);

	/* The last one named is the one that /dev/console is. */
	active[strcspn(active, "\n")] = '\0';
	name = strrchr(active, ' ');
	snprintf(path, sizeof(path), "/dev/%s", name ? name + 1 : active);
	setsid();
	open_console(path);
	ioctl(0, TIOCSCTTY, 1);
	set_window_size();
}

static void run(const char *word)
{
	static char *const env[] = {
		"PATH=/bin:/sbin:/usr/bin:/usr/sbin", "HOME=/", "TERM=linux",
		NULL
	};
	bool shell = !strcmp(word, "sh"), orphans;
	char path[128], how[8];
	int status;
	pid_t pid;

	snprintf(path, sizeof(path), "/bin/%s", word);
	printf("kpkeys-guest: %s begin\n", word);

	pid = fork();
	if (!pid) {
		char *const argv[] = { path, NULL };

		if (shell)
			take_terminal();
		execve(path, argv, env);
		printf("kpkeys-guest: cannot run %s: %s\n", path,
		       strerror(errno));
		_exit(127);
	}

	/* Orphans come here to be reaped. Some programs go on in one. */
	orphans = boot_parameter("kpkeys.orphans", how, sizeof(how)) && !strcmp(how, "wait");
	status = 127 << 8;
	while (pid > 0) {
		int reaped_status;
		pid_t reaped = wait(&reaped_status);

		if (reaped == pid)
			status = reaped_status;
		if (reaped == pid ? !orphans : reaped < 0 && errno != EINTR)
			break;
	}
	/* What others have written to the terminal comes first. */
	tcdrain(1);
	/* As a shell counts: 128 and the signal. */
	printf("kpkeys-guest: %s exit %d\n", word,
	       WIFEXITED(status) ? WEXITSTATUS(status) :
				   128 + WTERMSIG(status));
}

int main(void)
{
	char words[512], *word, *next;
	struct timespec up;

	clock_gettime(CLOCK_BOOTTIME, &up);
	if (getpid() != 1)
		die("only for process 1");

	mount_all();
	open_console("/dev/console");
	setvbuf(stdout, NULL, _IOLBF, 0);
	/* Programs may print as much as they like. */
	if (!access(PRINTK_DEVKMSG, W_OK))
		write_file(PRINTK_DEVKMSG, "on\n");
	print_whole_lines();
	printf("boot_ms: %.1f\n", up.tv_sec * 1e3 + up.tv_nsec / 1e6);

	if (boot_parameter("kpkeys.run", words, sizeof(words)))
		for (word = strtok_r(words, ",", &next); word;
		     word = strtok_r(NULL, ",", &next))
			run(word);

	printf("kpkeys-guest: done\n");
	fflush(stdout);
	sync();
	/* What is still on its way to the console would be lost. */
	tcdrain(1);
	reboot(RB_POWER_OFF);
	die("cannot power off: %s", strerror(errno));
}
