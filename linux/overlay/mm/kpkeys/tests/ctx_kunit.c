// SPDX-License-Identifier: GPL-2.0-only
/* kpkeys: KUnit tests of the framework. */

#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/interrupt.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <linux/vmalloc.h>
#include "../kpkeys.h"
#include "util.h"

KPKEYS_GUARD(kpkeys_test, KPKEYS_CTX_TEST);

static void unprotect_page(void *addr)
{
	if (set_memory_pkey((unsigned long)addr, 1, KPKEYS_PKEY_DEFAULT))
		return;		/* leak a page that nobody could write to */
	free_page((unsigned long)addr);
}

KUNIT_DEFINE_ACTION_WRAPPER(unprotect_page_action, unprotect_page, void *);

/* A page that carries the test pkey. */
static long *protected_page(struct kunit *test)
{
	long *page = (long *)get_zeroed_page(GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, page);
	KUNIT_ASSERT_EQ(test, set_memory_pkey((unsigned long)page, 1,
					      KPKEYS_PKEY_TEST), 0);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, unprotect_page_action,
							page), 0);
	return page;
}

static void default_ctx_at_start(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, test_reg(), kpkeys_ctx_table[KPKEYS_CTX_DEFAULT]);
	KUNIT_EXPECT_STREQ(test, kpkeys_ctx_name(arch_kpkeys_read_reg()),
			   "default");
}

static void register_values_match_table(struct kunit *test)
{
	u64 rw = ARCH_KPKEYS_PERM(KPKEYS_PKEY_PGTABLES, KPKEYS_PERM_RW);
	u64 ro = ARCH_KPKEYS_PERM(KPKEYS_PKEY_PGTABLES, KPKEYS_PERM_RO);
	u64 mask = ARCH_KPKEYS_PERM_MASK(KPKEYS_PKEY_PGTABLES);

	KUNIT_EXPECT_NE(test, rw, ro);
	KUNIT_EXPECT_EQ(test, kpkeys_ctx_table[KPKEYS_CTX_DEFAULT] & mask, ro);
	KUNIT_EXPECT_EQ(test, kpkeys_ctx_table[KPKEYS_CTX_PGTABLES] & mask, rw);
	KUNIT_EXPECT_EQ(test, kpkeys_ctx_table[KPKEYS_CTX_TEST] & mask, ro);
}

static void ctx_opens_its_pkey(struct kunit *test)
{
	long *page = protected_page(test);

	TEST_EXPECT_PROTECTED(test, page);

	scoped_guard(kpkeys_test) {
		KUNIT_EXPECT_EQ(test, test_reg(), kpkeys_ctx_table[KPKEYS_CTX_TEST]);
		KUNIT_EXPECT_TRUE(test, test_try_write(page));
		WRITE_ONCE(*page, 42);
	}

	KUNIT_EXPECT_EQ(test, test_reg(), kpkeys_ctx_table[KPKEYS_CTX_DEFAULT]);
	KUNIT_EXPECT_EQ(test, READ_ONCE(*page), 42);
	TEST_EXPECT_PROTECTED(test, page);
}

static void other_ctx_does_not_open_pkey(struct kunit *test)
{
	long *page = protected_page(test);

	guard(test_pgtables)();
	TEST_EXPECT_PROTECTED(test, page);
}

/* A fault that is fixed up returns to the context that it interrupted. */
static void fault_keeps_ctx(struct kunit *test)
{
	long *page = protected_page(test);
	u64 reg[2];
	int i;

	for (i = 0; i < 2; i++) {
		scoped_guard(test_pgtables) {
			if (i)
				local_irq_disable();
			KUNIT_EXPECT_FALSE(test, test_try_write(page));
			reg[i] = test_reg();
			if (i)
				local_irq_enable();
		}
		KUNIT_EXPECT_EQ(test, reg[i], kpkeys_ctx_table[KPKEYS_CTX_PGTABLES]);
		KUNIT_EXPECT_EQ(test, test_reg(), kpkeys_ctx_table[KPKEYS_CTX_DEFAULT]);
	}
}

static void page_can_be_unprotected(struct kunit *test)
{
	long *page = protected_page(test);
	unsigned long addr = (unsigned long)page;

	KUNIT_EXPECT_EQ(test, set_memory_pkey(addr, 1, KPKEYS_PKEY_DEFAULT), 0);
	KUNIT_EXPECT_TRUE(test, test_try_write(page));
	KUNIT_EXPECT_EQ(test, set_memory_pkey(addr, 1, KPKEYS_PKEY_TEST), 0);
	TEST_EXPECT_PROTECTED(test, page);
}

/* Returns the register after an inner section. */
static __always_inline u64 write_nested(long *page)
{
	u64 reg;

	kpkeys_in_context(KPKEYS_CTX_TEST, WRITE_ONCE(*page, 1));
	reg = test_reg();
	WRITE_ONCE(*page, 2);
	return reg;
}

static void sections_nest(struct kunit *test)
{
	long *page = protected_page(test);
	unsigned long writes;
	u64 reg[2];

	/* Interrupts would be counted as well. */
	scoped_guard(irqsave) {
		writes = raw_cpu_read(kpkeys_reg_writes);
		kpkeys_in_context(KPKEYS_CTX_TEST, reg[0] = write_nested(page));
		reg[1] = test_reg();
		writes = raw_cpu_read(kpkeys_reg_writes) - writes;
	}
	KUNIT_EXPECT_EQ(test, writes, 2);
	KUNIT_EXPECT_EQ(test, reg[0], kpkeys_ctx_table[KPKEYS_CTX_TEST]);
	KUNIT_EXPECT_EQ(test, reg[1], kpkeys_ctx_table[KPKEYS_CTX_DEFAULT]);
	KUNIT_EXPECT_EQ(test, READ_ONCE(*page), 2);
}

static void default_ctx_is_not_written_again(struct kunit *test)
{
	unsigned long writes;

	guard(irqsave)();
	writes = raw_cpu_read(kpkeys_reg_writes);
	kpkeys_set_context(KPKEYS_CTX_DEFAULT);
	kpkeys_leave_context();
	KUNIT_EXPECT_EQ(test, raw_cpu_read(kpkeys_reg_writes), writes);
}

/* The end of an inner guard, or of a section of another context, ends the outer one. */
static void inner_guard_ends_outer(struct kunit *test)
{
	long *page = protected_page(test);

	scoped_guard(kpkeys_test) {
		scoped_guard(kpkeys_test)
			WRITE_ONCE(*page, 1);
		KUNIT_EXPECT_EQ(test, test_reg(), kpkeys_ctx_table[KPKEYS_CTX_DEFAULT]);
		TEST_EXPECT_PROTECTED(test, page);
	}
	scoped_guard(kpkeys_test) {
		scoped_guard(test_pgtables) {
			KUNIT_EXPECT_EQ(test, test_reg(),
					kpkeys_ctx_table[KPKEYS_CTX_PGTABLES]);
			TEST_EXPECT_PROTECTED(test, page);
		}
		KUNIT_EXPECT_EQ(test, test_reg(), kpkeys_ctx_table[KPKEYS_CTX_DEFAULT]);
		TEST_EXPECT_PROTECTED(test, page);
	}
	KUNIT_EXPECT_EQ(test, test_reg(), kpkeys_ctx_table[KPKEYS_CTX_DEFAULT]);
}

#ifdef arch_kpkeys_write_context
/* Whole values are constants: what the register has for other pkeys never changes. */
static void unmanaged_pkeys_are_kept(struct kunit *test)
{
	u64 orig = arch_kpkeys_read_reg() & ~(u64)KPKEYS_REG_MASK;

	guard(preempt)();

	kpkeys_set_context(KPKEYS_CTX_TEST);
	KUNIT_EXPECT_EQ(test, arch_kpkeys_read_reg() & ~(u64)KPKEYS_REG_MASK, orig);
	kpkeys_set_context(KPKEYS_CTX_DEFAULT);
	KUNIT_EXPECT_EQ(test, arch_kpkeys_read_reg() & ~(u64)KPKEYS_REG_MASK, orig);
}
#else
static void unmanaged_pkeys_are_kept(struct kunit *test)
{
	u64 orig = arch_kpkeys_read_reg(), changed;
	/* Flip the permissions of two pkeys that kpkeys does not manage. */
	u64 mask = ARCH_KPKEYS_PERM_MASK(ARCH_KPKEYS_MAX_PKEY) |
		   ARCH_KPKEYS_PERM_MASK(ARCH_KPKEYS_MAX_PKEY - 1);

	KUNIT_ASSERT_EQ(test, mask & KPKEYS_REG_MASK, 0);

	/* Neither an interrupt nor a switch of threads gives them back. */
	guard(irqsave)();

	arch_kpkeys_write_reg(orig ^ mask);
	changed = arch_kpkeys_read_reg();
	kpkeys_set_context(KPKEYS_CTX_TEST);
	KUNIT_EXPECT_EQ(test, arch_kpkeys_read_reg() & ~(u64)KPKEYS_REG_MASK,
			changed & ~(u64)KPKEYS_REG_MASK);
	kpkeys_set_context(KPKEYS_CTX_DEFAULT);
	KUNIT_EXPECT_EQ(test, arch_kpkeys_read_reg(), changed);
	KUNIT_EXPECT_NE(test, changed & mask, orig & mask);
	arch_kpkeys_write_reg(orig);
}
#endif

/* Where code looks at a note instead of the register, the note opens nothing. */
static void forged_note_opens_nothing(struct kunit *test)
{
#ifdef arch_kpkeys_hint_is
	long *page = protected_page(test);
	bool written[2];
	u64 reg[3];

	scoped_guard(irqsave) {
		arch_kpkeys_set_hint(KPKEYS_CTX_TEST);
		kpkeys_in_context(KPKEYS_CTX_TEST, written[0] = test_try_write(page));
		reg[0] = test_reg();
		arch_kpkeys_set_hint(KPKEYS_CTX_DEFAULT);

		kpkeys_set_context(KPKEYS_CTX_TEST);
		arch_kpkeys_set_hint(KPKEYS_CTX_DEFAULT);
		kpkeys_in_context(KPKEYS_CTX_TEST, written[1] = test_try_write(page));
		reg[1] = test_reg();

		kpkeys_set_context(KPKEYS_CTX_TEST);
		arch_kpkeys_set_hint(KPKEYS_CTX_DEFAULT);
		kpkeys_leave_context();
		reg[2] = test_reg();
		kpkeys_set_context(KPKEYS_CTX_DEFAULT);
	}
	KUNIT_EXPECT_FALSE(test, written[0]);
	KUNIT_EXPECT_EQ(test, reg[0], kpkeys_ctx_table[KPKEYS_CTX_DEFAULT]);
	KUNIT_EXPECT_TRUE(test, written[1]);
	KUNIT_EXPECT_EQ(test, reg[1], kpkeys_ctx_table[KPKEYS_CTX_DEFAULT]);
	KUNIT_EXPECT_EQ(test, reg[2], kpkeys_ctx_table[KPKEYS_CTX_DEFAULT]);
#else
	kunit_skip(test, "the register is read");
#endif
}

/* Numbers of MSRs can be in memory, where an attacker changes them. */
static void msr_number_opens_nothing(struct kunit *test)
{
#ifdef CONFIG_X86_KPKEYS
	u32 regs[8] = { [1] = MSR_IA32_PKRS }, msr = MSR_IA32_PKRS;
	u64 reg[2];
	int err[2];

	OPTIMIZER_HIDE_VAR(msr);
	scoped_guard(irqsave) {
		err[0] = wrmsrq_safe(msr, 0);
		reg[0] = test_reg();
		err[1] = wrmsr_safe_regs(regs);
		reg[1] = test_reg();
		kpkeys_set_context(KPKEYS_CTX_DEFAULT);
	}
	KUNIT_EXPECT_EQ(test, err[0], -EIO);
	KUNIT_EXPECT_EQ(test, reg[0], kpkeys_ctx_table[KPKEYS_CTX_DEFAULT]);
	KUNIT_EXPECT_EQ(test, err[1], -EIO);
	KUNIT_EXPECT_EQ(test, reg[1], kpkeys_ctx_table[KPKEYS_CTX_DEFAULT]);
#else
	kunit_skip(test, "the register has no number");
#endif
}

static void bad_arguments_are_rejected(struct kunit *test)
{
	unsigned long page = get_zeroed_page(GFP_KERNEL);
	void *vmalloced = vmalloc(PAGE_SIZE);

	KUNIT_ASSERT_NE(test, page, 0);
	KUNIT_ASSERT_NOT_NULL(test, vmalloced);

	KUNIT_EXPECT_EQ(test, set_memory_pkey(page, 1, -1), -EINVAL);
	KUNIT_EXPECT_EQ(test, set_memory_pkey(page, 1, ARCH_KPKEYS_MAX_PKEY + 1),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, set_memory_pkey(page + 8, 1, KPKEYS_PKEY_TEST), -EINVAL);
	KUNIT_EXPECT_EQ(test, set_memory_pkey(page, 0, KPKEYS_PKEY_TEST), -EINVAL);
	KUNIT_EXPECT_EQ(test, set_memory_pkey(page, -1, KPKEYS_PKEY_TEST), -EINVAL);
	KUNIT_EXPECT_EQ(test, set_memory_pkey(page, INT_MAX, KPKEYS_PKEY_TEST), -EINVAL);
	KUNIT_EXPECT_EQ(test, set_memory_pkey((unsigned long)vmalloced, 1,
					      KPKEYS_PKEY_TEST), -EINVAL);
	KUNIT_EXPECT_EQ(test, set_memory_pkey(0, 1, KPKEYS_PKEY_TEST), -EINVAL);
	KUNIT_EXPECT_TRUE(test, test_try_write((void *)page));
	KUNIT_EXPECT_TRUE(test, test_try_write(vmalloced));

	vfree(vmalloced);
	free_page(page);
}

/*
 * Threads
 */

struct thread_args {
	struct completion done;
	void *page;
	u64 first_reg;
	bool first_write;
	unsigned int nr_open;
	unsigned int nr_written;
};

/* Opens the test context, and sleeps in it, many times. */
static int sleeper_fn(void *arg)
{
	struct thread_args *args = arg;
	int i;

	args->first_reg = test_reg();
	args->first_write = test_try_write(args->page);

	for (i = 0; i < 20; i++) {
		kpkeys_set_context(KPKEYS_CTX_TEST);
		/* Calls schedule() in any case, unlike usleep_range(). */
		schedule_timeout_uninterruptible(1);
		if (test_reg() != kpkeys_ctx_table[KPKEYS_CTX_DEFAULT])
			args->nr_open++;
		if (test_try_write(args->page))
			args->nr_written++;
		kpkeys_leave_context();
	}
	complete(&args->done);
	return 0;
}

#define NR_SLEEPERS	4

static void stop_sleeper(void *task)
{
	kthread_stop_put(task);
}

/* A section ends when its thread is switched out, and opens nothing for others. */
static void sleep_ends_section(struct kunit *test)
{
	long *page = protected_page(test);
	struct task_struct *task;
	struct thread_args *args;
	int i;

	/* Freed after the threads have been stopped, also if this one fails. */
	args = kunit_kcalloc(test, NR_SLEEPERS, sizeof(*args), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, args);

	for (i = 0; i < NR_SLEEPERS; i++) {
		init_completion(&args[i].done);
		args[i].page = page + i;

		/* A thread does not inherit the context of its creator. */
		kpkeys_set_context(KPKEYS_CTX_TEST);
		task = kthread_create(sleeper_fn, &args[i], "kpkeys_test/%d", i);
		if (!IS_ERR(task)) {
			get_task_struct(task);
			wake_up_process(task);
		}
		kpkeys_leave_context();
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, task);
		KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, stop_sleeper, task), 0);
	}

	/* The others sleep in the test context; this thread is not in it. */
	for (i = 0; i < 20; i++) {
		usleep_range(500, 1500);
		KUNIT_EXPECT_EQ(test, test_reg(), kpkeys_ctx_table[KPKEYS_CTX_DEFAULT]);
		/* A word that none of the others writes to. */
		TEST_EXPECT_PROTECTED(test, page + NR_SLEEPERS);
	}

	for (i = 0; i < NR_SLEEPERS; i++) {
		wait_for_completion(&args[i].done);
		KUNIT_EXPECT_EQ(test, args[i].first_reg,
				kpkeys_ctx_table[KPKEYS_CTX_DEFAULT]);
		KUNIT_EXPECT_FALSE(test, args[i].first_write);
		KUNIT_EXPECT_EQ(test, args[i].nr_open, 0);
		KUNIT_EXPECT_EQ(test, args[i].nr_written, 0);
	}
}

static void migration_ends_section(struct kunit *test)
{
	long *page = protected_page(test);
	int cpu, round;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs more than one CPU");

	for (round = 0; round < 3; round++) {
		for_each_online_cpu(cpu) {
			if (cpu == raw_smp_processor_id())
				continue;
			kpkeys_set_context(KPKEYS_CTX_TEST);
			KUNIT_EXPECT_EQ(test, set_cpus_allowed_ptr(current, cpumask_of(cpu)), 0);
			KUNIT_EXPECT_EQ(test, raw_smp_processor_id(), cpu);
			KUNIT_EXPECT_EQ(test, test_reg(), kpkeys_ctx_table[KPKEYS_CTX_DEFAULT]);
			TEST_EXPECT_PROTECTED(test, page);
			kpkeys_leave_context();
		}
	}
	set_cpus_allowed_ptr(current, cpu_possible_mask);
}

/*
 * Interrupts
 */

struct irq_args {
	void *page;
	u64 reg;
	bool in_irq;
	bool write;
	bool guarded_write;
	u64 reg_after;
	bool can_read;
};

static void check_ctx(void *arg)
{
	struct irq_args *args = arg;
	long val;

	args->in_irq = in_interrupt();
	args->reg = test_reg();
	/* A fault that nests in the interrupt. */
	args->write = test_try_write(args->page);
	scoped_guard(kpkeys_test)
		args->guarded_write = test_try_write(args->page);
	args->can_read = !copy_from_kernel_nofault(&val, args->page, sizeof(val));
	args->reg_after = test_reg();
}

static void expect_irq_args(struct kunit *test, const struct irq_args *args)
{
	KUNIT_EXPECT_TRUE(test, args->in_irq);
	KUNIT_EXPECT_EQ(test, args->reg, kpkeys_ctx_table[KPKEYS_CTX_DEFAULT]);
	KUNIT_EXPECT_FALSE(test, args->write);
	KUNIT_EXPECT_TRUE(test, args->guarded_write);
	KUNIT_EXPECT_TRUE(test, args->can_read);
	KUNIT_EXPECT_EQ(test, args->reg_after, kpkeys_ctx_table[KPKEYS_CTX_DEFAULT]);
}

static void run_irq(struct kunit *test, bool pend)
{
	long *page = protected_page(test);
	int i, nr_restored = 0;

	for (i = 0; i < 10; i++) {
		struct irq_args args = { .page = page };

		scoped_guard(kpkeys_test) {
			test_in_irq(check_ctx, &args, pend);
			if (test_reg() == kpkeys_ctx_table[KPKEYS_CTX_TEST] &&
			    test_try_write(page))
				nr_restored++;
		}
		expect_irq_args(test, &args);

		args = (struct irq_args) { .page = page };
		test_in_irq(check_ctx, &args, pend);
		expect_irq_args(test, &args);
		KUNIT_EXPECT_EQ(test, test_reg(), kpkeys_ctx_table[KPKEYS_CTX_DEFAULT]);
	}

	/*
	 * The thread has its context back. On UML it runs the handler itself if the
	 * signal arrived while interrupts were disabled, and goes on closed.
	 */
	if (!IS_ENABLED(CONFIG_UML))
		KUNIT_EXPECT_EQ(test, nr_restored, 10);
	else if (!pend)
		KUNIT_EXPECT_GT(test, nr_restored, 0);
}

static void irq_runs_in_default_ctx(struct kunit *test)
{
	run_irq(test, false);
}

/* An exit returns to the section that its own exception has interrupted. */
static void exit_needs_its_frame(struct kunit *test)
{
	char frame[2];
	u64 reg[3];

	scoped_guard(irqsave) {
		kpkeys_record_section(&frame[0], KPKEYS_CTX_TEST);
		reg[0] = test_reg();
		kpkeys_exception_exit(&frame[1]);
		reg[1] = test_reg();
		kpkeys_exception_exit(&frame[0]);
		reg[2] = test_reg();
		kpkeys_set_context(KPKEYS_CTX_DEFAULT);
	}
	KUNIT_EXPECT_EQ(test, reg[0], kpkeys_ctx_table[KPKEYS_CTX_DEFAULT]);
	KUNIT_EXPECT_EQ(test, reg[1], kpkeys_ctx_table[KPKEYS_CTX_DEFAULT]);
	KUNIT_EXPECT_EQ(test, reg[2], kpkeys_ctx_table[KPKEYS_CTX_TEST]);
	KUNIT_EXPECT_FALSE(test, kpkeys_in_interrupted_section());
}

/*
 * A handler that sleeps may return on another CPU: nothing is left for another
 * exception at the same place. Those that nest too deeply go without a record.
 */
static void sleep_drops_records(struct kunit *test)
{
	char frame[KPKEYS_MAX_NESTED + 1];
	bool recorded[2], left;
	u64 reg;
	int i;

	scoped_guard(irqsave) {
		for (i = 0; i <= KPKEYS_MAX_NESTED; i++)
			kpkeys_record_section(&frame[i], KPKEYS_CTX_TEST);
		recorded[0] = kpkeys_is_recorded(&frame[KPKEYS_MAX_NESTED - 1]);
		recorded[1] = kpkeys_is_recorded(&frame[KPKEYS_MAX_NESTED]);
	}
	schedule_timeout_uninterruptible(1);
	scoped_guard(irqsave) {
		left = kpkeys_in_interrupted_section();
		for (i = 0; i <= KPKEYS_MAX_NESTED; i++)
			kpkeys_exception_exit(&frame[i]);
		reg = test_reg();
		kpkeys_set_context(KPKEYS_CTX_DEFAULT);
	}
	KUNIT_EXPECT_TRUE(test, recorded[0]);
	KUNIT_EXPECT_FALSE(test, recorded[1]);
	KUNIT_EXPECT_FALSE(test, left);
	KUNIT_EXPECT_EQ(test, reg, kpkeys_ctx_table[KPKEYS_CTX_DEFAULT]);
}

/* The number of the CPU is a hint: the records are those of the CPU itself. */
static void records_belong_to_cpu(struct kunit *test)
{
	struct kpkeys_interrupted *interrupted;
	int cpu;

	guard(preempt)();
	interrupted = kpkeys_this_cpu_interrupted();
	KUNIT_ASSERT_NOT_NULL(test, interrupted);
	KUNIT_EXPECT_EQ(test, interrupted->cpu, arch_kpkeys_this_cpu());
	KUNIT_EXPECT_PTR_EQ(test, __kpkeys_find_interrupted(), interrupted);
	TEST_EXPECT_PROTECTED(test, interrupted);
	for_each_possible_cpu(cpu)
		KUNIT_EXPECT_EQ(test, kpkeys_interrupted[cpu].cpu, per_cpu_offset(cpu));
}

/* Those that arrived while interrupts were disabled run on enabling them. */
static void deferred_irq_runs_in_default_ctx(struct kunit *test)
{
	run_irq(test, true);
}

static void check_ctx_in_softirq(struct tasklet_struct *tasklet)
{
	check_ctx((void *)tasklet->data);
}

/* Softirqs run on the thread that enables bottom halves. */
static void softirq_runs_in_default_ctx(struct kunit *test)
{
	struct irq_args args = { .page = protected_page(test) };
	struct tasklet_struct tasklet;

	tasklet_setup(&tasklet, check_ctx_in_softirq);
	tasklet.data = (unsigned long)&args;

	scoped_guard(kpkeys_test) {
		local_bh_disable();
		tasklet_schedule(&tasklet);
		local_bh_enable();
	}
	tasklet_kill(&tasklet);
	expect_irq_args(test, &args);
}

static void ipi_runs_in_default_ctx(struct kunit *test)
{
	long *page = protected_page(test);
	int cpu;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs more than one CPU");

	for_each_online_cpu(cpu) {
		struct irq_args args = { .page = page };
		int err = 0;

		scoped_guard(kpkeys_test) {
			/* On this CPU it is a plain call, in the context of the caller. */
			if (cpu == raw_smp_processor_id())
				break;
			err = smp_call_function_single(cpu, check_ctx, &args, 1);
			KUNIT_EXPECT_EQ(test, test_reg(), kpkeys_ctx_table[KPKEYS_CTX_TEST]);
		}
		KUNIT_EXPECT_EQ(test, err, 0);
		if (args.in_irq)
			expect_irq_args(test, &args);
	}
}

static noinline void raise_in_section(struct kunit *test, const struct test_exception *exception)
{
	guard(kpkeys_test)();
	exception->raise(test);
	KUNIT_EXPECT_EQ(test, test_reg(), kpkeys_ctx_table[KPKEYS_CTX_TEST]);
}

static void run_exception(struct kunit *test, const struct test_exception *exception)
{
	struct irq_args args = { .page = protected_page(test) };

	test_prepare_exception(test, exception, check_ctx, &args);
	raise_in_section(test, exception);
	test_finish_exception(test, exception);
	/* in_interrupt() differs between exceptions, and between architectures. */
	args.in_irq = true;
	expect_irq_args(test, &args);
}

static void debug_exception_runs_in_default_ctx(struct kunit *test)
{
	run_exception(test, &test_breakpoint);
}

/* Some architectures handle it before all others. */
static void warning_runs_in_default_ctx(struct kunit *test)
{
	run_exception(test, &test_warning);
}

static void nmi_runs_in_default_ctx(struct kunit *test)
{
	run_exception(test, &test_nmi);
}

static struct kunit_case kpkeys_cases[] = {
	KUNIT_CASE(default_ctx_at_start),
	KUNIT_CASE(register_values_match_table),
	KUNIT_CASE(ctx_opens_its_pkey),
	KUNIT_CASE(other_ctx_does_not_open_pkey),
	KUNIT_CASE(fault_keeps_ctx),
	KUNIT_CASE(page_can_be_unprotected),
	KUNIT_CASE(sections_nest),
	KUNIT_CASE(default_ctx_is_not_written_again),
	KUNIT_CASE(inner_guard_ends_outer),
	KUNIT_CASE(unmanaged_pkeys_are_kept),
	KUNIT_CASE(forged_note_opens_nothing),
	KUNIT_CASE(msr_number_opens_nothing),
	KUNIT_CASE(bad_arguments_are_rejected),
	KUNIT_CASE(sleep_ends_section),
	KUNIT_CASE(migration_ends_section),
	KUNIT_CASE(irq_runs_in_default_ctx),
	KUNIT_CASE(exit_needs_its_frame),
	KUNIT_CASE(sleep_drops_records),
	KUNIT_CASE(records_belong_to_cpu),
	KUNIT_CASE(deferred_irq_runs_in_default_ctx),
	KUNIT_CASE(softirq_runs_in_default_ctx),
	KUNIT_CASE(ipi_runs_in_default_ctx),
	KUNIT_CASE(debug_exception_runs_in_default_ctx),
	KUNIT_CASE(warning_runs_in_default_ctx),
	KUNIT_CASE(nmi_runs_in_default_ctx),
	{}
};

static struct kunit_suite kpkeys_suite = {
	.name = "kpkeys",
	.init = test_skip_if_disabled,
	.test_cases = kpkeys_cases,
};

kunit_test_suite(kpkeys_suite);
