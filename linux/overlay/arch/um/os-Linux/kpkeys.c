// SPDX-License-Identifier: GPL-2.0-only
/*
 * kpkeys on UML, host side: protection keys of the host process.
 *
 * See pkeys(7) for the host's interface.
 */

#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/ucontext.h>
#include <unistd.h>
#include <generated/asm-offsets.h>
#include <init.h>
#include <sysdep/pkru.h>
#include <kpkeys_os.h>
#include <kern_util.h>
#include <os.h>

int um_kpkeys_on __section(".data..ro_after_init");

/**
 * os_kpkeys_init() - Allocate host pkeys and load the default register value
 * @nr_pkeys: Pkeys 1 to @nr_pkeys - 1 are allocated; 0 always exists.
 *
 * Must run before the first host thread is started: a thread inherits PKRU
 * from its creator.
 *
 * The register values of kpkeys are compile-time constants, so the host must
 * hand out exactly these numbers; it does, lowest first, in a process that has
 * not allocated any.
 *
 * Return: 0 or a negative error number.
 */
int os_kpkeys_init(int nr_pkeys)
{
	int want, got, err;

	for (want = 1; want < nr_pkeys; want++) {
		got = syscall(__NR_pkey_alloc, 0UL, 0UL);
		if (got != want) {
			err = got < 0 ? -errno : -EBUSY;
			if (got >= 0)
				syscall(__NR_pkey_free, got);
			while (--want > 0)
				syscall(__NR_pkey_free, want);
			return err;
		}
	}

	um_kpkeys_on = 1;
	um_pkru_set_default();
	return 0;
}

/**
 * os_set_memory_pkey() - Tag memory with a pkey
 * @addr: Page-aligned start
 * @len: Length in bytes, a multiple of the page size
 * @exec: Whether the mapping is executable, which it stays
 * @pkey: Pkey of the host
 *
 * Return: 0 or a negative error number; -ENOMEM when the host's
 * vm.max_map_count is reached.
 */
int os_set_memory_pkey(void *addr, unsigned long len, int exec, int pkey)
{
	int prot = PROT_READ | PROT_WRITE | (exec ? PROT_EXEC : 0);

	if (syscall(__NR_pkey_mprotect, addr, len, prot, pkey) < 0)
		return -errno;
	return 0;
}

/**
 * os_walk_pkey_ranges() - Ask the host which memory carries a pkey
 * @pkey: The pkey
 * @fn: Called for each mapping [start, end) that carries it, until it returns
 *	non-zero
 * @arg: Passed to @fn
 *
 * Reads /proc/self/smaps, so the answer owes nothing to the bookkeeping of
 * kpkeys. Not reentrant.
 *
 * Return: 0, what @fn returned, or a negative error number.
 */
int os_walk_pkey_ranges(int pkey, os_range_fn fn, void *arg)
{
	static char buf[4096];
	unsigned long start = 0, end = 0, s, e;
	int fd, n, len = 0, key, err = 0;
	char *line, *nl;

	fd = open("/proc/self/smaps", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;

	while (!err) {
		CATCH_EINTR(n = read(fd, buf + len, sizeof(buf) - 1 - len));
		if (n <= 0) {
			err = n < 0 ? -errno : 0;
			break;
		}
		len += n;
		buf[len] = '\0';

		for (line = buf; !err && (nl = strchr(line, '\n')); line = nl + 1) {
			*nl = '\0';
			if (sscanf(line, "%lx-%lx ", &s, &e) == 2) {
				start = s;
				end = e;
			} else if (sscanf(line, "ProtectionKey: %d", &key) == 1 &&
				   key == pkey) {
				err = fn(start, end, arg);
			}
		}

		len -= line - buf;
		if (len == sizeof(buf) - 1)	/* a line that long is not ours */
			len = 0;
		memmove(buf, line, len);
	}

	close(fd);
	return err;
}

#define FXSAVE_SW_MAGIC		464	/* struct _fpx_sw_bytes in the fxsave area */
#define XSAVE_HEADER		512
#define XFEATURE_PKRU		9

/**
 * os_mc_pkru() - The PKRU value that a signal interrupted
 * @mc: The signal's mcontext_t
 *
 * It is in the signal frame's XSAVE area, in the standard format, at the
 * offset that CPUID leaf 0xd gives (Intel SDM, volume 1, "Managing state using
 * the XSAVE feature set").
 *
 * Return: the value of PKRU
 */
unsigned int os_mc_pkru(void *mc)
{
	char *fp = (char *)((mcontext_t *)mc)->fpregs;
	unsigned int eax, ebx, ecx, edx, magic, pkru;
	unsigned long features;

	if (!fp || !__get_cpuid_count(0xd, XFEATURE_PKRU, &eax, &ebx, &ecx, &edx))
		return 0;

	memcpy(&magic, fp + FXSAVE_SW_MAGIC, sizeof(magic));
	memcpy(&features, fp + XSAVE_HEADER, sizeof(features));
	if (magic != 0x46505853U || !(features & (1UL << XFEATURE_PKRU)))
		return 0;	/* its initial state */

	memcpy(&pkru, fp + ebx, sizeof(pkru));
	return pkru;
}

/**
 * os_mc_call() - Make the code that a signal interrupted call a function
 * @mc: The signal's mcontext_t
 * @fn: Must not return
 */
void os_mc_call(void *mc, void (*fn)(void))
{
	greg_t *gregs = ((mcontext_t *)mc)->gregs;

	/* Below the red zone, aligned as after a call instruction. */
	gregs[REG_RSP] = ((gregs[REG_RSP] - 128) & ~15L) - 8;
	gregs[REG_RIP] = (greg_t)fn;
}
