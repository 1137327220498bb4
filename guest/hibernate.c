// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hibernates to /dev/vda, all of which is made swap space, and powers off. The
 * next boot, with resume=/dev/vda, goes on here: memory must be what it was, and
 * the audit must find nothing.
 */
#include "guest.h"

#include <sys/mman.h>
#include <sys/swap.h>

#define DISK	"/dev/vda"
#define SIZE	(16UL << 20)

/* What mkswap writes: include/linux/swap.h of the kernel, union swap_header. */
static void make_swap(void)
{
	unsigned int header[] = { 1, 0, 0 };	/* version, last page, bad pages */
	char *page = calloc(1, PAGE_SIZE);
	int fd = open(DISK, O_RDWR);
	off_t size;

	if (fd < 0 || !page)
		die(DISK ": %s", strerror(errno));
	size = lseek(fd, 0, SEEK_END);
	header[1] = size / PAGE_SIZE - 1;
	memcpy(page + 1024, header, sizeof(header));
	memcpy(page + PAGE_SIZE - 10, "SWAPSPACE2", 10);
	if (pwrite(fd, page, PAGE_SIZE, 0) != (ssize_t)PAGE_SIZE || fsync(fd))
		die(DISK ": %s", strerror(errno));
	close(fd);
	if (swapon(DISK, 0))
		die("swapon: %s", strerror(errno));
}

int main(void)
{
	u64 *memory, i;

	memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		die("mmap: %s", strerror(errno));
	for (i = 0; i < SIZE / sizeof(u64); i++)
		memory[i] = i * 0x9e3779b97f4a7c15;

	make_swap();
	write_file("/sys/power/disk", "shutdown");
	printf("hibernate: going to sleep\n");
	fflush(stdout);
	write_file("/sys/power/state", "disk");

	for (i = 0; i < SIZE / sizeof(u64); i++)
		if (memory[i] != i * 0x9e3779b97f4a7c15)
			die("memory has changed");
	printf("hibernate: awake again\n");
	return print_audit();
}
