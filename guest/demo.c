// SPDX-License-Identifier: GPL-2.0-only
/*
 * A data-only attack. The attacker has what a kernel bug gives: a read and a
 * write of eight bytes at any kernel address, and a leak of a few addresses
 * (/dev/kpkeys_attack). No control flow is hijacked. With one write to a
 * page-table entry of its own, the attacker maps a page that belongs to the
 * kernel and reads the secret in it.
 *
 * The write is done by a process that shares the attacker's memory, and so its
 * page tables: when the kernel kills it, the rest of the program can look at
 * what the write did.
 */
#include "guest.h"
#include "format.h"

#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <misc/kpkeys_attack.h>

#define OWN_TEXT	"the attacker's own page"

static int device;
static const struct format *format;
static struct kpkeys_attack_leak leak;

static u64 kernel_read(u64 addr)
{
	struct kpkeys_attack_word word = { .addr = addr };

	if (ioctl(device, KPKEYS_ATTACK_READ, &word))
		die("cannot read kernel memory: %s", strerror(errno));
	return word.value;
}

static void get_leak(void)
{
	device = open("/dev/" KPKEYS_ATTACK_DEVICE, O_RDWR);
	if (device < 0)
		die("/dev/" KPKEYS_ATTACK_DEVICE ": %s", strerror(errno));
	if (ioctl(device, KPKEYS_ATTACK_LEAK, &leak))
		die("cannot get the leak: %s", strerror(errno));
	format = format_of(leak.arch);

	printf("leak: page-table root at 0x%llx, secret at 0x%llx (physical 0x%llx)\n",
	       leak.pgd, leak.secret, leak.secret - leak.linear_offset);
}

/*
 * As the hardware does it, but through the linear map: returns the kernel
 * address of the last-level entry that maps @page.
 */
static u64 find_pte(const void *page)
{
	unsigned int level, page_shift = __builtin_ctzl(PAGE_SIZE);
	unsigned int bits = page_shift - 3;
	u64 table = leak.pgd, slot, entry;

	for (level = leak.levels; ; level--) {
		slot = table + ((uintptr_t)page >> (page_shift + bits * (level - 1)) &
				((1 << bits) - 1)) * 8;
		entry = kernel_read(slot);
		printf("walk: level %u, entry at 0x%llx is 0x%016llx\n", level,
		       slot, entry);
		if (!(entry & 1))
			die("the entry is not present");
		if (level == 1)
			return slot;
		table = (entry & format->address_mask) + leak.linear_offset;
	}
}

static int write_word(void *arg)
{
	if (ioctl(device, KPKEYS_ATTACK_WRITE, arg))
		die("cannot write kernel memory: %s", strerror(errno));
	return 0;
}

/*
 * Returns 0, or the number of the signal that killed the process that wrote.
 * The caller sleeps until that process is gone.
 */
static int kernel_write(u64 addr, u64 value)
{
	struct kpkeys_attack_word word = { .addr = addr, .value = value };
	static char stack[64 * 1024] __attribute__((aligned(16)));
	int status;
	pid_t pid;

	fflush(stdout);
	pid = clone(write_word, stack + sizeof(stack),
		    CLONE_VM | CLONE_VFORK | SIGCHLD, &word);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		die("cannot run the process that writes: %s", strerror(errno));
	if (WIFSIGNALED(status))
		return WTERMSIG(status);
	if (WEXITSTATUS(status))
		exit(WEXITSTATUS(status));

	return 0;
}

/*
 * The CPU may still hold the old translation. Forking makes the kernel flush
 * all of the parent's, without looking at the entry: the page is marked as one
 * that children do not get.
 */
static bool fork_works(void)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		char *memory = mmap(NULL, 16 * PAGE_SIZE,
				    PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (memory == MAP_FAILED)
			_exit(1);
		memset(memory, 1, 16 * PAGE_SIZE);
		_exit(munmap(memory, 16 * PAGE_SIZE) != 0);
	}

	return pid > 0 && waitpid(pid, &status, 0) == pid && !status;
}

/* The attack was stopped. Returns whether all else is as it should be. */
static bool check_stopped(int sig, u64 pte, u64 old, char *page)
{
	bool unchanged, works;

	printf("result: the write was stopped, the attacker was killed by signal %d\n",
	       sig);
	unchanged = kernel_read(pte) == old;
	printf("result: the entry is %s\n", unchanged ? "unchanged" : "CHANGED");
	works = fork_works() && !strcmp(page, OWN_TEXT);
	printf("result: the kernel %s\n", works ? "still works" :
						  "DOES NOT WORK ANY MORE");
	return unchanged && works;
}

/* The write went through. Returns whether the secret could be read. */
static bool check_written(u64 pte, u64 old, const char *page)
{
	struct kpkeys_attack_guess guess = {};
	bool verified;

	if (!fork_works())
		die("cannot fork: %s", strerror(errno));
	memcpy(guess.secret, page, sizeof(guess.secret) - 1);

	/* Tidy up, else the kernel complains when it unmaps the page. */
	if (kernel_write(pte, old | format->set) || !fork_works())
		die("cannot put the entry back");

	if (!strcmp(guess.secret, OWN_TEXT)) {
		printf("result: the write had no effect\n");
		return false;
	}
	printf("result: secret read: %s\n", guess.secret);
	verified = !ioctl(device, KPKEYS_ATTACK_VERIFY, &guess);
	printf("result: %s\n", verified ? "verified by the kernel" :
					  "the kernel says that this is NOT the secret");
	return verified;
}

int main(void)
{
	bool on = kpkeys_on();
	u64 pte, old, new;
	char *page;
	int sig;

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("kpkeys: %s\n", on ? "on" : "off");

	/* Not anonymous memory, which could be part of a huge page. */
	page = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED || madvise(page, PAGE_SIZE, MADV_DONTFORK))
		die("cannot map a page: %s", strerror(errno));
	strcpy(page, OWN_TEXT);
	printf("own page: at %p, holds \"%s\"\n", page, page);

	get_leak();
	pte = find_pte(page);
	old = kernel_read(pte);
	new = (old & ~format->address_mask) | format->set |
	      (leak.secret - leak.linear_offset);

	printf("write: 0x%016llx to 0x%llx\n", new, pte);
	sig = kernel_write(pte, new);

	if (sig)
		return !(check_stopped(sig, pte, old, page) && on);
	return !(check_written(pte, old, page) && !on);
}
