// SPDX-License-Identifier: GPL-2.0-only
/*
 * Starts the kernel in /boot with kexec. The new kernel gets the boot parameters
 * in the parameter kpkeys.next, with ":" for blanks.
 */
#include "guest.h"

#include <sys/reboot.h>
#include <sys/syscall.h>
#include <linux/reboot.h>

static int open_file(const char *path)
{
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		die("%s: %s", path, strerror(errno));
	return fd;
}

int main(void)
{
	char params[1024], *p;

	if (!boot_parameter("kpkeys.next", params, sizeof(params)))
		die("there is no boot parameter kpkeys.next");
	for (p = params; *p; p++)
		if (*p == ':')
			*p = ' ';

	if (syscall(SYS_kexec_file_load, open_file("/boot/kernel"),
		    open_file("/boot/initramfs.cpio"), strlen(params) + 1, params, 0UL))
		die("cannot load the new kernel: %s", strerror(errno));
	printf("kexec: starting the new kernel\n");
	fflush(stdout);
	reboot(LINUX_REBOOT_CMD_KEXEC);
	die("kexec: %s", strerror(errno));
}
