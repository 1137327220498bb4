// SPDX-License-Identifier: GPL-2.0-only
/* What the attacks have in common. */
#include "attack.h"
#include "../format.h"

#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>

#define OWN_TEXT	"the attacker's own page"

struct shared *shared;
struct kpkeys_attack_leak leak;
bool protected;

static int device;
static const struct format *format;

/* A page of the attacker, and the entry that maps it. */
static struct {
	char *page;
	u64 slot;
	u64 old;
	u64 new;
} own;

/*
 * The attacker's primitive
 */

void get_leak(struct kpkeys_attack_leak *result, const void *addr)
{
	result->user_addr = (uintptr_t)addr;
	if (ioctl(device, KPKEYS_ATTACK_LEAK, result))
		die("cannot get the leak: %s", strerror(errno));
}

void attack_open(void)
{
	device = open("/dev/" KPKEYS_ATTACK_DEVICE, O_RDWR | O_CLOEXEC);
	if (device < 0)
		die("/dev/" KPKEYS_ATTACK_DEVICE ": %s", strerror(errno));
	get_leak(&leak, NULL);
	format = format_of(leak.arch);
}

/* What not every kernel has. */
bool try_lookup(const char *what, u64 *value)
{
	struct kpkeys_attack_name name = {};

	snprintf(name.name, sizeof(name.name), "%s", what);
	if (ioctl(device, KPKEYS_ATTACK_LOOKUP, &name))
		return false;
	*value = name.value;
	return true;
}

u64 lookup(const char *what)
{
	u64 value;

	if (!try_lookup(what, &value))
		die("the kernel has no %s", what);
	return value;
}

u64 kernel_read(u64 addr)
{
	struct kpkeys_attack_word word = { .addr = addr };

	if (ioctl(device, KPKEYS_ATTACK_READ, &word))
		die("cannot read kernel memory: %s", strerror(errno));
	return word.value;
}

void write_word(const struct kpkeys_attack_word *word)
{
	if (ioctl(device, KPKEYS_ATTACK_WRITE, word))
		die("cannot write kernel memory: %s", strerror(errno));
}

/* Does not count, being no part of the attack. */
void restore(u64 addr, u64 value)
{
	struct kpkeys_attack_word word = { .addr = addr, .value = value };

	write_word(&word);
}

void kernel_write(u64 addr, u64 value)
{
	__atomic_add_fetch(&shared->nr_writes, 1, __ATOMIC_RELAXED);
	restore(addr, value);
}

/* By code that runs in a lazy MMU section */
void kernel_write_lazily(u64 addr, u64 value)
{
	struct kpkeys_attack_word word = { .addr = addr, .value = value };

	__atomic_add_fetch(&shared->nr_writes, 1, __ATOMIC_RELAXED);
	if (ioctl(device, KPKEYS_ATTACK_WRITE_LAZY, &word))
		die("cannot write kernel memory: %s", strerror(errno));
}

/* As code does whose arguments have been changed */
void call_setter(u64 slot, u64 value, u64 addr, unsigned int level)
{
	struct kpkeys_attack_entry entry = {
		.slot = slot, .value = value, .addr = addr, .level = level,
	};

	__atomic_add_fetch(&shared->nr_writes, 1, __ATOMIC_RELAXED);
	if (ioctl(device, KPKEYS_ATTACK_SET_ENTRY, &entry))
		die("cannot call a setter: %s", strerror(errno));
}

/* Half a word: others may change the other half meanwhile. */
void restore32(u64 addr, uint32_t value)
{
	struct kpkeys_attack_word word = { .addr = addr, .value = value };

	if (ioctl(device, KPKEYS_ATTACK_WRITE32, &word))
		die("cannot write kernel memory: %s", strerror(errno));
}

void kernel_write32(u64 addr, uint32_t value)
{
	__atomic_add_fetch(&shared->nr_writes, 1, __ATOMIC_RELAXED);
	restore32(addr, value);
}

/* @addr is that of a per-CPU variable. */
u64 per_cpu(u64 addr, unsigned int cpu)
{
	return addr + kernel_read(lookup("__per_cpu_offset") + 8 * cpu);
}

int not_possible(const char *why)
{
	snprintf(shared->why, sizeof(shared->why), "%s", why);
	return NOT_POSSIBLE;
}

/*
 * For an attack that has won in a way that cannot be undone: memory is free and
 * in use. If this process ended, the machine would, too.
 */
int stay(int result)
{
	if (protected && result == DONE) {
		shared->stays = 1;
		for (;;)
			pause();
	}
	return result;
}

bool on_arch(const char *arch)
{
	return !strcmp(leak.arch, arch);
}

/*
 * Page tables, through the linear map. Level 1 is the last one.
 */

unsigned int entry_bits(void)
{
	return __builtin_ctzl(PAGE_SIZE) - 3;
}

unsigned int entry_index(const void *addr, unsigned int level)
{
	unsigned int shift = __builtin_ctzl(PAGE_SIZE) + entry_bits() * (level - 1);

	return (uintptr_t)addr >> shift & ((1U << entry_bits()) - 1);
}

/* What a physical address in an entry is in the linear map. */
u64 kernel_address(u64 entry)
{
	return (entry & format->address_mask) + leak.linear_offset;
}

/* Where the entry of @level for @addr is, 0 if there is no such table. */
u64 entry_slot(u64 root, const void *addr, unsigned int level)
{
	unsigned int l = leak.levels;
	u64 table = root, slot, entry;

	for (;; l--) {
		slot = table + entry_index(addr, l) * 8;
		if (l == level)
			return slot;
		entry = kernel_read(slot);
		if (!(entry & 1))
			return 0;
		table = kernel_address(entry);
	}
}

/* The table of this process that has the entry of @level for @addr. */
u64 table_of(const void *addr, unsigned int level)
{
	u64 slot = entry_slot(leak.pgd, addr, level);

	if (!slot)
		die("there is no page table of level %u for %p", level, addr);
	return slot & ~(u64)(PAGE_SIZE - 1);
}

/* Of the page that is mapped at @page. */
u64 address_of(const void *page)
{
	u64 slot = entry_slot(leak.pgd, page, 1);
	u64 entry = slot ? kernel_read(slot) : 0;

	if (!(entry & 1))
		die("no page is mapped at %p", page);
	return kernel_address(entry);
}

u64 struct_page(u64 kernel_addr)
{
	return leak.memmap + (kernel_addr - leak.linear_offset) / PAGE_SIZE *
	       lookup("sizeof page");
}

/* A last-level entry that lets user mode read and write a page. */
u64 leaf(u64 kernel_addr)
{
	return (own.old & ~format->address_mask) | format->set |
	       (kernel_addr - leak.linear_offset);
}

u64 empty_entry(void)
{
	return format->set;
}

/* An entry of @level that points to a table; like that for the own page. */
u64 link_to(u64 kernel_addr, unsigned int level)
{
	u64 entry = kernel_read(entry_slot(leak.pgd, own.page, level));

	return (entry & ~format->address_mask) | (kernel_addr - leak.linear_offset);
}

/* An address whose entry in the root is free. */
char *free_address(unsigned int index)
{
	return (char *)((u64)index << (__builtin_ctzl(PAGE_SIZE) +
				       entry_bits() * (leak.levels - 1)));
}

/*
 * Maps the secret at @target: @table, of the attacker's making, is of the level that a
 * root links.
 */
void map_secret(u64 *table, const char *target)
{
	unsigned int level;

	for (level = leak.levels - 1; level > 1; level--) {
		u64 *lower = map_at(NULL, PAGE_SIZE, MAP_SHARED);

		memset(lower, 0, PAGE_SIZE);
		table[entry_index(target, level)] = link_to(address_of(lower), level);
		table = lower;
	}
	table[entry_index(target, 1)] = leaf(leak.secret);
}

/*
 * Processes
 */

void run_on_any_cpu(void)
{
	cpu_set_t set;

	memset(&set, 0xff, sizeof(set));
	sched_setaffinity(0, sizeof(set), &set);
}

void run_on_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("cannot run on CPU %d: %s", cpu, strerror(errno));
}

/* A process that shares the memory of this one, and may be killed alone. */
pid_t start(int (*fn)(void *arg), void *arg)
{
	size_t size = 256 * 1024;
	char *stack = mmap(NULL, size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	if (stack == MAP_FAILED)
		die("no memory for a stack");
	fflush(stdout);
	pid = clone(fn, stack + size, CLONE_VM | SIGCHLD, arg);
	if (pid < 0)
		die("cannot start a process: %s", strerror(errno));
	return pid;
}

bool ended_well(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid && !status;
}

/*
 * Makes the CPU, or UML's host, forget what it knows of this process's page
 * tables: forking flushes all of the parent's.
 */
void flush(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	if (pid < 0 || !ended_well(pid))
		die("cannot fork");
}

/* Lets this CPU run another process, so that it has to load the root again. */
void switch_away(void)
{
	int there[2], back[2], i;
	char c = 0;
	pid_t pid;

	if (pipe(there) || pipe(back))
		die("no pipe");
	pid = fork();
	if (!pid) {
		close(there[1]);
		while (read(there[0], &c, 1) == 1)
			if (write(back[1], &c, 1) != 1)
				break;
		_exit(0);
	}
	for (i = 0; i < 3; i++)
		if (write(there[1], &c, 1) != 1 || read(back[0], &c, 1) != 1)
			break;
	close(there[0]);
	close(there[1]);
	close(back[0]);
	close(back[1]);
	waitpid(pid, NULL, 0);
}

void wait_for(volatile u64 *word, u64 value)
{
	u64 start = now_ns();

	while (*word != value) {
		usleep(1000);
		if (now_ns() - start > 30000000000ULL)
			die("nothing happens");
	}
}

/*
 * Memory
 */

/* Not for children: they would look at forged entries. */
void *map_at(void *addr, size_t size, int flags)
{
	void *mem = mmap(addr, size, PROT_READ | PROT_WRITE,
			 flags | MAP_ANONYMOUS | (addr ? MAP_FIXED_NOREPLACE : 0), -1, 0);

	if (mem == MAP_FAILED || madvise(mem, size, MADV_DONTFORK))
		die("cannot map memory: %s", strerror(errno));
	madvise(mem, size, MADV_NOHUGEPAGE);
	return mem;
}

/* Far from all else, each with a table of level 2 of its own. */
static char *range_address(unsigned int n)
{
	return (char *)((n + 20UL) * PMD_SIZE * (PAGE_SIZE / 8));
}

/* What the @n'th table of the last level maps, if it is made. */
char *table_range(unsigned int n)
{
	return map_at(range_address(n), PMD_SIZE, MAP_SHARED);
}

/* The same for two tables, with pages that are allocated after the tables. */
char *private_range(unsigned int n)
{
	return map_at(range_address(n), 2 * PMD_SIZE, MAP_PRIVATE);
}

/* The page frames that are mapped at @memory. */
u64 *frames_of(const char *memory, unsigned long nr)
{
	int fd = open("/proc/self/pagemap", O_RDONLY);
	u64 *frames = malloc(nr * 8);
	unsigned long i;

	if (fd < 0 || !frames ||
	    pread(fd, frames, nr * 8, (uintptr_t)memory / PAGE_SIZE * 8) != (ssize_t)(nr * 8))
		die("cannot read the pagemap");
	close(fd);
	for (i = 0; i < nr; i++)
		frames[i] &= (1ULL << 55) - 1;
	return frames;
}

/*
 * Ends of attacks
 */

static void own_page_at(char *page)
{
	own.page = page;
	strcpy(own.page, OWN_TEXT);
	get_leak(&leak, own.page);
	own.slot = entry_slot(leak.pgd, own.page, 1);
	own.old = kernel_read(own.slot);
	own.new = leaf(leak.secret);
}

void own_page_init(void)
{
	own_page_at(map_at(NULL, PAGE_SIZE, MAP_SHARED));
}

/* To a new page table, the @n'th. */
void own_page_move(unsigned int n)
{
	own_page_at(table_range(100 + n));
}

const char *own_page(void)
{
	return own.page;
}

/* Where the kernel has the entry of the own page. */
u64 own_page_slot(void)
{
	return own.slot;
}

int steal_from(const volatile void *mapped)
{
	memcpy(shared->guess.secret, (const void *)mapped, sizeof(shared->guess.secret) - 1);
	return DONE;
}

/*
 * What kpkeys exist for: the entry of the own page is written, to map the secret.
 * @slot is where the entry can be written. It is put back, because the kernel
 * would free the secret with the process.
 */
int steal_by_write(u64 slot)
{
	kernel_write(slot, own.new);
	flush();
	steal_from(own.page);
	restore(slot, own.old | format->set);
	flush();
	return strcmp(shared->guess.secret, OWN_TEXT) ? DONE : GAINED_NOTHING;
}

/* The same by @write, which may be stopped. It returns whether it could. */
int steal_by(bool (*write)(u64 slot, u64 value), u64 slot)
{
	if (!write(slot, own.new))
		return GAINED_NOTHING;
	flush();
	steal_from(own.page);
	if (!write(slot, own.old | format->set))
		return stay(DONE);
	flush();
	return DONE;
}

/* words[] of the process that writes, and of who looks at what it did. */
#define WRITTEN	(&shared->words[6])
#define READ	(&shared->words[7])

bool helper_wrote(void)
{
	return *(volatile u64 *)WRITTEN;
}

/* The same write by one who may be killed, and who alone can put it back. */
int steal_as_helper(void *arg)
{
	(void)arg;
	restore(own.slot, own.new);
	*(volatile u64 *)WRITTEN = 1;
	while (!*(volatile u64 *)READ)
		sched_yield();
	restore(own.slot, own.old | format->set);
	return 0;
}

/* Whether the helper, a child of this process, could write. It may be stuck for ever. */
bool steal_with_helper_in(pid_t pid, unsigned int seconds)
{
	u64 start = now_ns();

	while (!helper_wrote()) {
		if (waitpid(pid, NULL, WNOHANG) == pid ||
		    now_ns() - start > seconds * 1000000000ULL)
			return false;
		usleep(1000);
	}
	flush();
	steal_from(own.page);
	*(volatile u64 *)READ = 1;
	waitpid(pid, NULL, 0);
	flush();
	return true;
}

bool steal_with_helper(pid_t pid)
{
	return steal_with_helper_in(pid, 3600);
}

/*
 * @table is a page table of this process that is mapped so that it can be
 * written; it translates @range, whose last page is used to read the secret.
 */
int steal_with_table(volatile u64 *table, char *range)
{
	unsigned int last = (1U << entry_bits()) - 1;
	char *page = range + last * PAGE_SIZE;
	u64 old;

	old = table[last];
	table[last] = leaf(leak.secret);
	flush();
	steal_from(page);
	table[last] = old | format->set;
	flush();
	return DONE;
}
