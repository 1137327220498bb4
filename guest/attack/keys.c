// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keys for drivers: all that the kernel knows of them is in ordinary memory. A thread's
 * rights, what exceptions have suspended of them, who has which key, and a driver's own
 * idea of its key and of its memory. None of it may reach a pkey of the kernel's.
 *
 * Judged, and left out:
 *  - Rights to keys of drivers, and memory that carries them: whoever can write to a
 *    task_struct has these, as is documented.
 *  - Names of keys, numbers of users: for reports, and for who gets a key. They are printed,
 *    and a name without an end stops the driver that wants to share the key.
 *  - keys_lock: who is let in with another one can tag ordinary memory at the same time.
 */
#include "attack.h"

#include <limits.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

/* With that of the kernel's tests */
#define NR_MANAGED	3
#define SIZEOF_KEY	72	/* struct key of mm/kpkeys/keys.c, and */
#define KEY_NR_USERS	64	/* where nr_users is; flags follow */
#define OVERRUN_NS	6000000000ULL

/* words[]: the helper's task_struct; go on */
#define TASK	(&shared->words[0])
#define GO_ON	(&shared->words[1])

static char *range;

/*
 * Attacks that win stay: a helper whose register is not as it should be may be killed before it
 * has put the entry back, and then the secret would be freed with the process.
 */

static bool has_keys(void)
{
	u64 value;

	return try_lookup("task_struct.kpkeys.rights", &value);
}

static u64 own_task(void)
{
	struct kpkeys_attack_leak own = {};

	get_leak(&own, NULL);
	return own.task;
}

/*
 * Rights are stored as the bits of the register that differ from those of a thread that has
 * none. Each bit of a managed pkey alone, those of the page tables' together, all of them.
 * Without the right to ordinary memory, or to read page tables, the machine would end. So the
 * right to write to page tables comes first.
 */
static unsigned int bits_per_pkey(void)
{
	return on_arch("arm64") ? 4 : 2;
}

/* Of those of a pkey: POE's W, or PKRU's and PKRS's WD. */
static unsigned int write_bit(void)
{
	return on_arch("arm64") ? 2 : 1;
}

static unsigned int nr_forged(void)
{
	return NR_MANAGED * bits_per_pkey() + 2;
}

static u64 forged_rights(unsigned int n)
{
	unsigned int bits = bits_per_pkey(), nr = NR_MANAGED * bits;

	if (n < nr)
		return 1ULL << (bits + write_bit() + nr - n) % nr;
	return n == nr ? ((1ULL << bits) - 1) << bits : ~0ULL;
}

static void write_rights(u64 task, u64 rights)
{
	kernel_write(task + lookup("task_struct.kpkeys.rights"), rights);
}

static void write_suspended(u64 task, unsigned int n, u64 frame, u64 rights)
{
	u64 entry = task + n * (lookup("task_struct.kpkeys.suspended[1].frame") -
				lookup("task_struct.kpkeys.suspended[0].frame"));

	kernel_write(entry + lookup("task_struct.kpkeys.suspended[0].frame"), frame);
	kernel_write(entry + lookup("task_struct.kpkeys.suspended[0].rights"), rights);
	kernel_write(entry + lookup("task_struct.kpkeys.suspended[0].open"), 1);
}

static void write_nr(u64 task, uint32_t nr)
{
	kernel_write32(task + lookup("task_struct.kpkeys.nr"), nr);
}

/* Whoever is in user mode with rights gets them again in the next system call. */
static int forge_own(void *arg)
{
	write_rights(own_task(), *(u64 *)arg);
	return steal_as_helper(NULL);
}

/* Has page tables written by the kernel, which opens and closes them for that. */
static int forge_and_set(void *arg)
{
	char *mem = map_at(NULL, 64 * PAGE_SIZE, MAP_PRIVATE);

	write_rights(own_task(), *(u64 *)arg);
	memset(mem, 1, 64 * PAGE_SIZE);
	if (mprotect(mem, 64 * PAGE_SIZE, PROT_READ))
		die("cannot change a mapping");
	return steal_as_helper(NULL);
}

/*
 * The write is in a system call in which the kernel has had an exception: the
 * word to write is not there yet.
 */
static int forge_and_fault(void *arg)
{
	struct kpkeys_attack_word word = { own_page_slot(), leaf(leak.secret) }, *mapped;
	int fd = syscall(SYS_memfd_create, "attack", 0);

	if (fd < 0 || write(fd, &word, sizeof(word)) != sizeof(word))
		die("cannot make a file");
	mapped = mmap(NULL, PAGE_SIZE, PROT_READ, MAP_SHARED, fd, 0);
	if (mapped == MAP_FAILED)
		die("cannot map a file");
	write_rights(own_task(), *(u64 *)arg);
	write_word(mapped);
	return steal_as_helper(NULL);
}

static void wait_for_go(void)
{
	*(volatile u64 *)TASK = own_task();
	while (!*(volatile u64 *)GO_ON)
		;
}

static int go_on_in_user_mode(void *arg)
{
	wait_for_go();
	return steal_as_helper(arg);
}

static int go_on_in_read(void *arg)
{
	int *pipe_fds = arg;
	char c;

	*(volatile u64 *)TASK = own_task();
	if (read(pipe_fds[0], &c, 1) != 1)
		return 1;
	return steal_as_helper(NULL);
}

static pid_t start_victim(int (*fn)(void *arg), void *arg)
{
	pid_t pid;

	*TASK = *GO_ON = 0;
	pid = start(fn, arg);
	while (!*(volatile u64 *)TASK)
		usleep(1000);
	return pid;
}

/* A thread that sleeps, and gets its rights when it runs again. */
static bool forge_sleeping(u64 rights)
{
	int pipe_fds[2];
	pid_t pid;

	if (pipe(pipe_fds))
		die("no pipe");
	pid = start_victim(go_on_in_read, pipe_fds);
	usleep(50000);
	write_rights(*TASK, rights);
	if (write(pipe_fds[1], "", 1) != 1)
		die("cannot wake the thread");
	return steal_with_helper(pid);
}

static int rights(void)
{
	int (*const ways[])(void *arg) = { forge_own, forge_and_set, forge_and_fault };
	unsigned int i, n;
	u64 value;

	if (!has_keys())
		return not_possible("drivers have no keys");
	for (n = 0; n < nr_forged(); n++) {
		value = forged_rights(n);
		for (i = 0; i < ARRAY_SIZE(ways); i++) {
			if (steal_with_helper(start(ways[i], &value)))
				return stay(DONE);
			/* Once, and each way for what is most likely to be let through. */
			if (n >= bits_per_pkey() && n < NR_MANAGED * bits_per_pkey())
				break;
		}
	}
	for (n = 0; n < bits_per_pkey(); n++)
		if (forge_sleeping(forged_rights(n)))
			return stay(DONE);
	return forge_sleeping(~0ULL) ? stay(DONE) : GAINED_NOTHING;
}

/*
 * What exceptions have suspended, of a thread in user mode: its next system call gives it
 * back. Or of one that has rights, too, with numbers that are none of an entry.
 */
static bool forge_suspended(uint32_t nr, u64 frame, u64 value, u64 in_force)
{
	pid_t pid = start_victim(go_on_in_user_mode, NULL);
	unsigned int i;

	for (i = 0; i < 4; i++)
		write_suspended(*TASK, i, frame, value);
	write_rights(*TASK, in_force);
	write_nr(*TASK, nr);
	*(volatile u64 *)GO_ON = 1;
	return steal_with_helper(pid);
}

static int suspended(void)
{
	static const uint32_t numbers[] = { 0, 2, 4, 5, 6, INT_MAX, UINT_MAX };
	unsigned int n;
	u64 stack;

	if (!has_keys())
		return not_possible("drivers have no keys");
	for (n = 0; n < nr_forged(); n++)
		if (forge_suspended(1, 0, forged_rights(n), 0))
			return stay(DONE);
	for (n = 0; n < ARRAY_SIZE(numbers); n++)
		if (forge_suspended(numbers[n], 0, forged_rights(0), ~0ULL))
			return stay(DONE);
	/* The registers that the next exceptions save are somewhere there. */
	stack = kernel_read(leak.task + lookup("task_struct.stack"));
	return forge_suspended(4, stack + lookup("THREAD_SIZE") / 2, ~0ULL, ~0ULL) ?
	       stay(DONE) : GAINED_NOTHING;
}

/*
 * An exception would write the rights that are in force to where an entry of any number is.
 * It may hit a setter, for which page tables are open: then that is one of them, if nothing
 * looks at the number.
 */
static int busy_with_tables(void *arg)
{
	char *mem = arg;

	run_on_cpu(1);
	wait_for_go();
	while (*(volatile u64 *)GO_ON == 1) {
		mprotect(mem, PMD_SIZE, PROT_READ);
		mprotect(mem, PMD_SIZE, PROT_READ | PROT_WRITE);
	}
	return steal_as_helper(NULL);
}

/* A page that is not mapped, with an entry that @base + 24 * n can be, n being a number. */
static char *page_to_hit(u64 base, u64 stride, u64 *slot)
{
	unsigned int i, n;
	char *mem;

	for (n = 1; n < 64; n++) {
		mem = table_range(n);
		*mem = 1;
		/* The neighbours are written, too. */
		for (i = 8; i < 8 + stride; i++) {
			*slot = entry_slot(leak.pgd, mem + i * PAGE_SIZE, 1);
			if (*slot > base && !((*slot - base) % stride) &&
			    (*slot - base) / stride <= UINT_MAX)
				return mem + i * PAGE_SIZE;
		}
	}
	return NULL;
}

/*
 * Each system call, and each exception, takes the rights that there are. Done by a process with
 * memory of its own: the other one is to be in sections, instead of waiting for this CPU.
 */
static int hammer_rights(u64 at, u64 rights, u64 slot)
{
	u64 end = now_ns() + OVERRUN_NS;

	while (now_ns() < end) {
		kernel_write(at, rights);
		if (kernel_read(slot) == rights)
			return 0;
	}
	return 1;
}

static int overrun(void)
{
	u64 base, stride, slot, new, at;
	bool hit = false;
	pid_t pid, hammer;
	char *page;

	if (!has_keys())
		return not_possible("drivers have no keys");
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		return not_possible("one CPU only");
	run_on_cpu(0);
	range = table_range(0);
	memset(range, 1, PMD_SIZE);
	stride = lookup("task_struct.kpkeys.suspended[1].frame") -
		 lookup("task_struct.kpkeys.suspended[0].frame");

	pid = start_victim(busy_with_tables, range);
	base = *TASK + lookup("task_struct.kpkeys.suspended[0].rights");
	page = page_to_hit(base, stride, &slot);
	at = *TASK + lookup("task_struct.kpkeys.rights");
	new = leaf(leak.secret);
	if (page) {
		write_nr(*TASK, (slot - base) / stride);
		hammer = fork();
		if (!hammer)
			_exit(hammer_rights(at, new, slot));
		*(volatile u64 *)GO_ON = 1;
		hit = ended_well(hammer);
	}
	*(volatile u64 *)GO_ON = 2;
	if (hit) {
		steal_from(page);
		return stay(DONE);
	}
	return steal_with_helper(pid) ? stay(DONE) : GAINED_NOTHING;
}

/*
 * A driver whose key is any number
 */

static int attack_device = -1;

/* Numbers whose bits in the register would be those of a managed pkey if nobody looked. */
static const int numbers[] = {
	1, 2, 0, 3, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 1 << 16 | 1, 1 << 30, INT_MAX,
	-1, -15, -31, -63, -22, INT_MIN, INT_MIN + 1,
};

static bool call_driver(unsigned int cmd, int pkey, u64 addr, int nr_pages)
{
	struct kpkeys_attack_key key = { .pkey = pkey, .addr = addr, .nr_pages = nr_pages };

	return !ioctl(attack_device, cmd, &key);
}

/* So that all keys seem to be allocated. */
static bool forge_bitmap(u64 old[NR_MANAGED + 1])
{
	u64 bitmap, keys;
	unsigned int i;

	if (!has_keys() || !try_lookup("allocated", &bitmap) || !try_lookup("keys", &keys))
		return false;
	attack_device = open("/dev/" KPKEYS_ATTACK_DEVICE, O_RDWR | O_CLOEXEC);
	if (attack_device < 0)
		die("/dev/" KPKEYS_ATTACK_DEVICE ": %s", strerror(errno));
	old[NR_MANAGED] = kernel_read(bitmap);
	for (i = 0; i < NR_MANAGED; i++) {
		old[i] = kernel_read(keys + i * SIZEOF_KEY + KEY_NR_USERS);
		kernel_write(keys + i * SIZEOF_KEY + KEY_NR_USERS, 1);
	}
	kernel_write(bitmap, ~0ULL);
	return true;
}

static void restore_bitmap(const u64 old[NR_MANAGED + 1])
{
	unsigned int i;

	for (i = 0; i < NR_MANAGED; i++)
		restore(lookup("keys") + i * SIZEOF_KEY + KEY_NR_USERS, old[i]);
	restore(lookup("allocated"), old[NR_MANAGED]);
}

static int open_as_driver(void *arg)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(numbers); i++)
		call_driver(KPKEYS_ATTACK_KEY_OPEN, numbers[i], 0, 0);
	return steal_as_helper(arg);
}

static int open_key(void)
{
	u64 old[NR_MANAGED + 1];
	bool won;

	if (!forge_bitmap(old))
		return not_possible("drivers have no keys");
	won = steal_with_helper(start(open_as_driver, NULL));
	restore_bitmap(old);
	return won ? stay(DONE) : GAINED_NOTHING;
}

/* A page table that is given back, or that gets a key which the thread then has rights to. */
static int tag_as_driver(void *arg)
{
	static const int nrs[] = { 1, 2, 512, 1 << 20, INT_MAX, 0, -1, INT_MIN };
	u64 table = own_page_slot() & ~(u64)(PAGE_SIZE - 1);
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(numbers); i++) {
		/* Memory of the kernel's would end the machine, if that had a key. */
		for (j = 0; j < ARRAY_SIZE(nrs); j++)
			if (nrs[j] == 1 || !numbers[i])
				call_driver(KPKEYS_ATTACK_KEY_TAG, numbers[i], table, nrs[j]);
		call_driver(KPKEYS_ATTACK_KEY_TAG, numbers[i], table + 8, 1);
		call_driver(KPKEYS_ATTACK_KEY_OPEN, numbers[i], 0, 0);
		call_driver(KPKEYS_ATTACK_KEY_FREE, numbers[i], 0, 0);
	}
	/* In a range that begins, or ends, elsewhere. */
	call_driver(KPKEYS_ATTACK_KEY_TAG, 0, table - PAGE_SIZE, 2);
	call_driver(KPKEYS_ATTACK_KEY_TAG, 0, table - 511 * PAGE_SIZE, 1024);
	return steal_as_helper(arg);
}

/* Ordinary memory must not get a pkey of the kernel's: whoever wrote to it would fault. */
static bool tag_own_page(void)
{
	u64 page = address_of(own_page()) & ~(u64)(PAGE_SIZE - 1);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(numbers); i++) {
		if (!numbers[i] || (numbers[i] >= NR_MANAGED && numbers[i] <= 15))
			continue;
		if (call_driver(KPKEYS_ATTACK_KEY_TAG, numbers[i], page, 1))
			return true;
	}
	for (i = 1; i < NR_MANAGED; i++)
		if (call_driver(KPKEYS_ATTACK_KEY_FREE, i, 0, 0))
			die("a driver has freed pkey %zu", i);
	return false;
}

static int tag(void)
{
	u64 old[NR_MANAGED + 1];
	bool won;

	if (!forge_bitmap(old))
		return not_possible("drivers have no keys");
	if (tag_own_page()) {
		shared->victim_lost = 1;
		return stay(DONE);
	}
	won = steal_with_helper(start(tag_as_driver, NULL));
	restore_bitmap(old);
	return won ? stay(DONE) : GAINED_NOTHING;
}

const struct attack keys[] = {
	{ "key-rights", "a thread's rights to keys of drivers", rights },
	{ "key-suspended", "what exceptions have suspended of these rights", suspended },
	{ "key-overrun", "the number of such rights: an entry is a page table's", overrun },
	{ "key-open", "the list of allocated keys; a driver's key", open_key },
	{ "key-tag", "the list of allocated keys; a driver's key and its memory", tag },
	{ }
};
