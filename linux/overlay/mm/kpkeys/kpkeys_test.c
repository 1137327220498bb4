// SPDX-License-Identifier: GPL-2.0-only
/* kpkeys: KUnit tests of the framework. */

#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/interrupt.h>
#include <linux/kpkeys.h>
#include <linux/kprobes.h>
#include <linux/kthread.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <linux/vmalloc.h>
#include "kpkeys.h"
#include "test_util.h"

KPKEYS_GUARD(kpkeys_test, KPKEYS_CTX_TEST);
KPKEYS_GUARD_COND(kpkeys_test_never, KPKEYS_CTX_TEST, false);
KPKEYS_GUARD_NOOP(kpkeys_test_noop);

static void unprotect_page(void *addr)
{
	if (set_memory_pkey((unsigned long)addr, 1, KPKEYS_PKEY_DEFAULT))
		return;		/* a page that cannot be used any more */
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

static void test_default(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, test_reg(), kpkeys_ctx_table[KPKEYS_CTX_DEFAULT]);
	KUNIT_EXPECT_STREQ(test, kpkeys_ctx_name(arch_kpkeys_read_reg()),
			   "default");
}

/* The table, in the words of the register. */
static void test_table(struct kunit *test)
{
	u64 rw = ARCH_KPKEYS_PERM(KPKEYS_PKEY_PGTABLES, KPKEYS_RW);
	u64 ro = ARCH_KPKEYS_PERM(KPKEYS_PKEY_PGTABLES, KPKEYS_RO);
	u64 mask = ARCH_KPKEYS_PERM_MASK(KPKEYS_PKEY_PGTABLES);

	KUNIT_EXPECT_NE(test, rw, ro);
	KUNIT_EXPECT_EQ(test, kpkeys_ctx_table[KPKEYS_CTX_DEFAULT] & mask, ro);
	KUNIT_EXPECT_EQ(test, kpkeys_ctx_table[KPKEYS_CTX_PGTABLES] & mask, rw);
	KUNIT_EXPECT_EQ(test, kpkeys_ctx_table[KPKEYS_CTX_TEST] & mask, ro);
}

static void test_set_restore(struct kunit *test)
{
	long *page = protected_page(test);
	u64 reg;

	TEST_EXPECT_PROTECTED(test, page);

	reg = kpkeys_set_context(KPKEYS_CTX_TEST);
	KUNIT_EXPECT_NE(test, reg, KPKEYS_PKEY_REG_INVAL);
	KUNIT_EXPECT_EQ(test, test_reg(), kpkeys_ctx_table[KPKEYS_CTX_TEST]);
	KUNIT_EXPECT_TRUE(test, test_try_write(page));
	WRITE_ONCE(*page, 42);
	kpkeys_restore_pkey_reg(reg);

	KUNIT_EXPECT_EQ(test, test_reg(), kpkeys_ctx_table[KPKEYS_CTX_DEFAULT]);
	KUNIT_EXPECT_EQ(test, READ_ONCE(*page), 42);
	TEST_EXPECT_PROTECTED(test, page);
}

/* Page tables are none of the business of another context. */
static void test_other_context(struct kunit *test)
{
	long *page = protected_page(test);
	u64 reg;

	reg = kpkeys_set_context(KPKEYS_CTX_PGTABLES);
	TEST_EXPECT_PROTECTED(test, page);
	kpkeys_restore_pkey_reg(reg);
}

/* Code that faults goes on in the context that it was in. */
static void test_fault_in_guard(struct kunit *test)
{
	long *page = protected_page(test);
	u64 reg[2];
	int i;

	for (i = 0; i < 2; i++) {
		scoped_guard(kpkeys_hardened_pgtables) {
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

static void test_unprotect(struct kunit *test)
{
	long *page = protected_page(test);
	unsigned long addr = (unsigned long)page;

	KUNIT_EXPECT_EQ(test, set_memory_pkey(addr, 1, KPKEYS_PKEY_DEFAULT), 0);
	KUNIT_EXPECT_TRUE(test, test_try_write(page));
	KUNIT_EXPECT_EQ(test, set_memory_pkey(addr, 1, KPKEYS_PKEY_TEST), 0);
	TEST_EXPECT_PROTECTED(test, page);
}

static void test_same_context(struct kunit *test)
{
	u64 reg;

	KUNIT_EXPECT_EQ(test, kpkeys_set_context(KPKEYS_CTX_DEFAULT),
			KPKEYS_PKEY_REG_INVAL);

	reg = kpkeys_set_context(KPKEYS_CTX_TEST);
	KUNIT_EXPECT_EQ(test, kpkeys_set_context(KPKEYS_CTX_TEST),
			KPKEYS_PKEY_REG_INVAL);
	kpkeys_restore_pkey_reg(KPKEYS_PKEY_REG_INVAL);
	KUNIT_EXPECT_EQ(test, test_reg(), kpkeys_ctx_table[KPKEYS_CTX_TEST]);
	kpkeys_restore_pkey_reg(reg);
}

static void test_guards(struct kunit *test)
{
	long *page = protected_page(test);
	unsigned long writes;

	scoped_guard(kpkeys_test) {
		KUNIT_EXPECT_EQ(test, test_reg(), kpkeys_ctx_table[KPKEYS_CTX_TEST]);

		/* The same context nests without a write to the register. */
		scoped_guard(irqsave) {
			writes = raw_cpu_read(kpkeys_reg_writes);
			scoped_guard(kpkeys_test)
				WRITE_ONCE(*page, 1);
			writes = raw_cpu_read(kpkeys_reg_writes) - writes;
		}
		KUNIT_EXPECT_EQ(test, writes, 0);
		KUNIT_EXPECT_EQ(test, test_reg(), kpkeys_ctx_table[KPKEYS_CTX_TEST]);

		/* Another one replaces it for a while. */
		scoped_guard(kpkeys_hardened_pgtables) {
			KUNIT_EXPECT_EQ(test, test_reg(),
					kpkeys_ctx_table[KPKEYS_CTX_PGTABLES]);
			TEST_EXPECT_PROTECTED(test, page);
		}
		KUNIT_EXPECT_EQ(test, test_reg(), kpkeys_ctx_table[KPKEYS_CTX_TEST]);
		KUNIT_EXPECT_TRUE(test, test_try_write(page));
	}
	KUNIT_EXPECT_EQ(test, test_reg(), kpkeys_ctx_table[KPKEYS_CTX_DEFAULT]);

	scoped_guard(kpkeys_test_never)
		TEST_EXPECT_PROTECTED(test, page);
	scoped_guard(kpkeys_test_noop)
		TEST_EXPECT_PROTECTED(test, page);
}

static void test_unmanaged(struct kunit *test)
{
	u64 orig = arch_kpkeys_read_reg(), changed, reg;
	/* Two pkeys of others, with permissions that differ from what they have. */
	u64 mask = ARCH_KPKEYS_PERM_MASK(ARCH_KPKEYS_MAX_PKEY) |
		   ARCH_KPKEYS_PERM_MASK(ARCH_KPKEYS_MAX_PKEY - 1);

	KUNIT_ASSERT_EQ(test, mask & KPKEYS_REG_MASK, 0);

	arch_kpkeys_write_reg(orig ^ mask);
	changed = arch_kpkeys_read_reg();
	reg = kpkeys_set_context(KPKEYS_CTX_TEST);
	KUNIT_EXPECT_EQ(test, arch_kpkeys_read_reg() & ~(u64)KPKEYS_REG_MASK,
			changed & ~(u64)KPKEYS_REG_MASK);
	kpkeys_restore_pkey_reg(reg);
	KUNIT_EXPECT_EQ(test, arch_kpkeys_read_reg(), changed);
	KUNIT_EXPECT_NE(test, changed & mask, orig & mask);
	arch_kpkeys_write_reg(orig);
}

static void test_bad_arguments(struct kunit *test)
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
	struct completion created;
	struct completion done;
	void *page;
	u64 first_reg;
	u64 last_reg;
	bool first_write;
	bool last_write;
};

/* Opens the test context, sleeps in it many times, and looks again. */
static int sleeper_fn(void *arg)
{
	struct thread_args *args = arg;
	int i;

	args->first_reg = test_reg();
	args->first_write = test_try_write(args->page);
	complete(&args->created);

	guard(kpkeys_test)();
	for (i = 0; i < 20; i++) {
		usleep_range(500, 1500);
		if (test_reg() != kpkeys_ctx_table[KPKEYS_CTX_TEST])
			break;
	}
	args->last_reg = test_reg();
	args->last_write = test_try_write(args->page);
	complete(&args->done);
	return 0;
}

static void test_threads(struct kunit *test)
{
	long *page = protected_page(test);
	struct thread_args args[4] = {};
	struct task_struct *task;
	int i;

	for (i = 0; i < ARRAY_SIZE(args); i++) {
		init_completion(&args[i].created);
		init_completion(&args[i].done);
		args[i].page = page + i;

		/* A thread does not inherit the context of its creator. */
		scoped_guard(kpkeys_test) {
			task = kthread_run(sleeper_fn, &args[i], "kpkeys_test/%d", i);
			KUNIT_ASSERT_NOT_ERR_OR_NULL(test, task);
			wait_for_completion(&args[i].created);
			KUNIT_EXPECT_EQ(test, test_reg(),
					kpkeys_ctx_table[KPKEYS_CTX_TEST]);
		}
	}

	/* Others are asleep in the test context; this thread is not in it. */
	for (i = 0; i < 20; i++) {
		usleep_range(500, 1500);
		KUNIT_EXPECT_EQ(test, test_reg(), kpkeys_ctx_table[KPKEYS_CTX_DEFAULT]);
		TEST_EXPECT_PROTECTED(test, page);
	}

	for (i = 0; i < ARRAY_SIZE(args); i++) {
		wait_for_completion(&args[i].done);
		KUNIT_EXPECT_EQ(test, args[i].first_reg,
				kpkeys_ctx_table[KPKEYS_CTX_DEFAULT]);
		KUNIT_EXPECT_FALSE(test, args[i].first_write);
		KUNIT_EXPECT_EQ(test, args[i].last_reg,
				kpkeys_ctx_table[KPKEYS_CTX_TEST]);
		KUNIT_EXPECT_TRUE(test, args[i].last_write);
	}
}

static void test_migration(struct kunit *test)
{
	long *page = protected_page(test);
	int cpu, round;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs more than one CPU");

	for (round = 0; round < 3; round++) {
		for_each_online_cpu(cpu) {
			scoped_guard(kpkeys_test) {
				KUNIT_ASSERT_EQ(test, set_cpus_allowed_ptr(current,
									   cpumask_of(cpu)), 0);
				KUNIT_EXPECT_EQ(test, raw_smp_processor_id(), cpu);
				KUNIT_EXPECT_EQ(test, test_reg(),
						kpkeys_ctx_table[KPKEYS_CTX_TEST]);
				KUNIT_EXPECT_TRUE(test, test_try_write(page));
			}
			TEST_EXPECT_PROTECTED(test, page);
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

static void irq_fn(void *arg)
{
	struct irq_args *args = arg;
	long val;

	args->in_irq = in_interrupt();
	args->reg = test_reg();
	/* A fault, nested in the interrupt. */
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
	int i;

	for (i = 0; i < 10; i++) {
		struct irq_args args = { .page = page };

		scoped_guard(kpkeys_test) {
			test_in_irq(irq_fn, &args, pend);
			/* The interrupted thread finds what it left. */
			KUNIT_EXPECT_EQ(test, test_reg(),
					kpkeys_ctx_table[KPKEYS_CTX_TEST]);
			KUNIT_EXPECT_TRUE(test, test_try_write(page));
		}
		expect_irq_args(test, &args);

		args = (struct irq_args) { .page = page };
		test_in_irq(irq_fn, &args, pend);
		expect_irq_args(test, &args);
		KUNIT_EXPECT_EQ(test, test_reg(), kpkeys_ctx_table[KPKEYS_CTX_DEFAULT]);
	}
}

static void test_irq_in_guard(struct kunit *test)
{
	run_irq(test, false);
}

/* Where interrupts are enabled again, those that waited run at once. */
static void test_pended_irq_in_guard(struct kunit *test)
{
	run_irq(test, true);
}

static void softirq_fn(struct tasklet_struct *tasklet)
{
	irq_fn((void *)tasklet->data);
}

/* Softirqs are called by the code that enables bottom halves, as its guest. */
static void test_softirq_in_guard(struct kunit *test)
{
	struct irq_args args = { .page = protected_page(test) };
	struct tasklet_struct tasklet;

	tasklet_setup(&tasklet, softirq_fn);
	tasklet.data = (unsigned long)&args;

	scoped_guard(kpkeys_test) {
		local_bh_disable();
		tasklet_schedule(&tasklet);
		local_bh_enable();
		KUNIT_EXPECT_EQ(test, test_reg(), kpkeys_ctx_table[KPKEYS_CTX_TEST]);
	}
	tasklet_kill(&tasklet);
	expect_irq_args(test, &args);
}

static void test_ipi_in_guard(struct kunit *test)
{
	long *page = protected_page(test);
	int cpu;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs more than one CPU");

	for_each_online_cpu(cpu) {
		struct irq_args args = { .page = page };

		guard(kpkeys_test)();
		KUNIT_ASSERT_EQ(test, smp_call_function_single(cpu, irq_fn, &args, 1), 0);
		KUNIT_EXPECT_EQ(test, test_reg(), kpkeys_ctx_table[KPKEYS_CTX_TEST]);

		/* On this CPU it is but a call, in the context of the caller. */
		if (cpu != raw_smp_processor_id())
			expect_irq_args(test, &args);
	}
}

#ifdef CONFIG_KPROBES
static noinline int probed_fn(int val)
{
	OPTIMIZER_HIDE_VAR(val);
	return val;
}

struct probe {
	struct kprobe kprobe;
	struct irq_args args;
	unsigned int nr;
};

static int probe_fn(struct kprobe *kprobe, struct pt_regs *regs)
{
	struct probe *probe = container_of(kprobe, struct probe, kprobe);

	probe->nr++;
	irq_fn(&probe->args);
	return 0;
}

static noinline void call_probed(struct kunit *test)
{
	guard(kpkeys_test)();
	KUNIT_EXPECT_EQ(test, probed_fn(42), 42);
	KUNIT_EXPECT_EQ(test, test_reg(), kpkeys_ctx_table[KPKEYS_CTX_TEST]);
}

/* A breakpoint: a debug exception. */
static void test_probe_in_guard(struct kunit *test)
{
	struct probe probe = {
		.kprobe = {
			.addr = (kprobe_opcode_t *)probed_fn,
			.pre_handler = probe_fn,
		},
		.args = { .page = protected_page(test) },
	};

	KUNIT_ASSERT_EQ(test, register_kprobe(&probe.kprobe), 0);
	call_probed(test);
	unregister_kprobe(&probe.kprobe);
	KUNIT_EXPECT_EQ(test, probe.nr, 1);
	/* Architectures differ in what they call it. */
	probe.args.in_irq = true;
	expect_irq_args(test, &probe.args);
}
#else
static void test_probe_in_guard(struct kunit *test)
{
	kunit_skip(test, "needs KPROBES");
}
#endif

#ifdef CONFIG_PERF_EVENTS
struct overflow {
	struct irq_args args;
	bool wanted;
	bool done;
	bool in_nmi;
};

static void overflow_fn(struct perf_event *event, struct perf_sample_data *data,
			struct pt_regs *regs)
{
	struct overflow *overflow = event->overflow_handler_context;

	if (!READ_ONCE(overflow->wanted) || overflow->done)
		return;

	overflow->in_nmi = in_nmi();
	irq_fn(&overflow->args);
	/* Pairs with wait_for_overflow(): the results before the flag. */
	smp_store_release(&overflow->done, true);
}

/* Where there are NMIs, disabling interrupts does not keep them away. */
static noinline void wait_for_overflow(struct kunit *test, struct overflow *overflow)
{
	int i;

	guard(kpkeys_test)();
	scoped_guard(irqsave) {
		WRITE_ONCE(overflow->wanted, true);
		/* Pairs with overflow_fn(). */
		for (i = 0; i < 20000 && !smp_load_acquire(&overflow->done); i++)
			udelay(5);
	}
	KUNIT_EXPECT_EQ(test, test_reg(), kpkeys_ctx_table[KPKEYS_CTX_TEST]);
}

/* The interrupt of a counter that overflows, where that is an NMI. */
static void test_nmi_in_guard(struct kunit *test)
{
	struct overflow overflow = { .args = { .page = protected_page(test) } };
	struct perf_event_attr attr = {
		.type = PERF_TYPE_HARDWARE,
		.config = PERF_COUNT_HW_CPU_CYCLES,
		.size = sizeof(attr),
		.pinned = 1,
		.sample_period = 1000000,
	};
	struct perf_event *event;

	migrate_disable();
	event = perf_event_create_kernel_counter(&attr, raw_smp_processor_id(), NULL,
						 overflow_fn, &overflow);
	if (IS_ERR(event)) {
		migrate_enable();
		kunit_skip(test, "there is no counter of cycles");
	}

	wait_for_overflow(test, &overflow);
	perf_event_release_kernel(event);
	migrate_enable();

	if (!overflow.in_nmi)
		kunit_skip(test, "there are no NMIs");
	expect_irq_args(test, &overflow.args);
}
#else
static void test_nmi_in_guard(struct kunit *test)
{
	kunit_skip(test, "needs PERF_EVENTS");
}
#endif

static struct kunit_case kpkeys_cases[] = {
	KUNIT_CASE(test_default),
	KUNIT_CASE(test_table),
	KUNIT_CASE(test_set_restore),
	KUNIT_CASE(test_other_context),
	KUNIT_CASE(test_fault_in_guard),
	KUNIT_CASE(test_unprotect),
	KUNIT_CASE(test_same_context),
	KUNIT_CASE(test_guards),
	KUNIT_CASE(test_unmanaged),
	KUNIT_CASE(test_bad_arguments),
	KUNIT_CASE(test_threads),
	KUNIT_CASE(test_migration),
	KUNIT_CASE(test_irq_in_guard),
	KUNIT_CASE(test_pended_irq_in_guard),
	KUNIT_CASE(test_softirq_in_guard),
	KUNIT_CASE(test_ipi_in_guard),
	KUNIT_CASE(test_probe_in_guard),
	KUNIT_CASE(test_nmi_in_guard),
	{}
};

static struct kunit_suite kpkeys_suite = {
	.name = "kpkeys",
	.init = test_skip_if_disabled,
	.test_cases = kpkeys_cases,
};

kunit_test_suite(kpkeys_suite);
