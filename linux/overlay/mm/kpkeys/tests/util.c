// SPDX-License-Identifier: GPL-2.0-only
/* kpkeys: interrupts and exceptions that the KUnit suites provoke. */

#include <kunit/test-bug.h>
#include <kunit/test.h>
#include <linux/cleanup.h>
#include <linux/delay.h>
#include <linux/hrtimer.h>
#include <linux/irqflags.h>
#include <linux/kprobes.h>
#include <linux/perf_event.h>
#include <linux/preempt.h>
#include <linux/processor.h>
#include <linux/smp.h>
#include <linux/string.h>
#if defined(CONFIG_X86_LOCAL_APIC) && !defined(CONFIG_UML)
#include <asm/apic.h>
#include <asm/nmi.h>
#endif
#include "util.h"

/* Runs a function in hard interrupt context, while the caller spins. */
struct test_irq {
	struct hrtimer timer;
	void (*fn)(void *arg);
	void *arg;
	bool done;
};

static enum hrtimer_restart test_irq_fn(struct hrtimer *timer)
{
	struct test_irq *irq = container_of(timer, struct test_irq, timer);

	irq->fn(irq->arg);
	/* Pairs with test_in_irq(): the results before the flag. */
	smp_store_release(&irq->done, true);
	return HRTIMER_NORESTART;
}

/**
 * test_in_irq() - Have an interrupt hit this CPU
 * @fn: Called by it, in interrupt context
 * @arg: Passed to @fn
 * @pend: It arrives while interrupts are disabled, and runs when they are enabled
 *
 * Context: Task context
 */
void test_in_irq(void (*fn)(void *arg), void *arg, bool pend)
{
	struct test_irq irq = { .fn = fn, .arg = arg };
	unsigned long flags;

	hrtimer_setup_on_stack(&irq.timer, test_irq_fn, CLOCK_MONOTONIC,
			       HRTIMER_MODE_REL_PINNED_HARD);
	if (pend)
		local_irq_save(flags);
	hrtimer_start(&irq.timer, us_to_ktime(1000), HRTIMER_MODE_REL_PINNED_HARD);
	if (pend) {
		mdelay(3 * 1000 / HZ);
		local_irq_restore(flags);
	}
	/* Pairs with test_irq_fn(). */
	while (!smp_load_acquire(&irq.done))
		cpu_relax();
	hrtimer_cancel(&irq.timer);
	destroy_hrtimer_on_stack(&irq.timer);
}

/*
 * Exceptions. What they call cannot be passed to them: one test runs at a time.
 */

static struct {
	void (*fn)(void *arg);
	void *arg;
	unsigned int nr;
	bool nmi_wanted;
	bool in_nmi;
	bool done;
} hit;

/* Called by the exception. Returns whether it was the first one. */
static bool call_fn(void)
{
	if (hit.nr++)
		return false;

	hit.in_nmi = in_nmi();
	hit.fn(hit.arg);
	/* Pairs with raise_nmi(): the results before the flag. */
	smp_store_release(&hit.done, true);
	return true;
}

#ifdef CONFIG_KPROBES
static noinline int probed_fn(int val)
{
	/* Nothing tells the compiler that the breakpoint calls a function. */
	barrier();
	OPTIMIZER_HIDE_VAR(val);
	return val;
}

static int probe_fn(struct kprobe *kprobe, struct pt_regs *regs)
{
	call_fn();
	return 0;
}

static struct kprobe probe;

static void prepare_breakpoint(struct kunit *test)
{
	probe = (struct kprobe) {
		.addr = (kprobe_opcode_t *)probed_fn,
		.pre_handler = probe_fn,
	};
	KUNIT_ASSERT_EQ(test, register_kprobe(&probe), 0);
}

static void raise_breakpoint(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, probed_fn(42), 42);
}

static void finish_breakpoint(struct kunit *test)
{
	unregister_kprobe(&probe);
	KUNIT_EXPECT_EQ(test, hit.nr, 1);
}
#else
static void prepare_breakpoint(struct kunit *test)
{
	kunit_skip(test, "needs KPROBES");
}

static void raise_breakpoint(struct kunit *test) {}
static void finish_breakpoint(struct kunit *test) {}
#endif

const struct test_exception test_breakpoint = {
	.prepare = prepare_breakpoint,
	.raise = raise_breakpoint,
	.finish = finish_breakpoint,
};

/* Asked by whatever reports a warning. */
static bool in_warning(bool count)
{
	call_fn();
	return true;
}

static void prepare_warning(struct kunit *test)
{
	if (IS_ENABLED(CONFIG_UML))
		kunit_skip(test, "warnings are function calls");
}

static void raise_warning(struct kunit *test)
{
	bool (*orig)(bool count) = kunit_hooks.is_suppressed_warning;

	kunit_hooks.is_suppressed_warning = in_warning;
	/* Nothing tells the compiler that the exception calls a function. */
	barrier();
	WARN_ON(true);
	barrier();
	kunit_hooks.is_suppressed_warning = orig;
}

static void finish_warning(struct kunit *test) {}

const struct test_exception test_warning = {
	.prepare = prepare_warning,
	.raise = raise_warning,
	.finish = finish_warning,
};

#if defined(CONFIG_X86_LOCAL_APIC) && !defined(CONFIG_UML)
static int nmi_fn(unsigned int cmd, struct pt_regs *regs)
{
	return READ_ONCE(hit.nmi_wanted) && call_fn() ? NMI_HANDLED : NMI_DONE;
}

static void prepare_nmi(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, register_nmi_handler(NMI_LOCAL, nmi_fn, 0, "kpkeys_test"), 0);
}

/* A CPU can send an NMI to itself. */
static void send_nmi(void)
{
	__apic_send_IPI_mask(cpumask_of(smp_processor_id()), NMI_VECTOR);
}

static void finish_nmi(struct kunit *test)
{
	unregister_nmi_handler(NMI_LOCAL, "kpkeys_test");
	KUNIT_EXPECT_TRUE(test, hit.in_nmi);
}
#elif defined(CONFIG_PERF_EVENTS)
static struct perf_event *cycles;

static void overflow_fn(struct perf_event *event, struct perf_sample_data *data,
			struct pt_regs *regs)
{
	if (READ_ONCE(hit.nmi_wanted))
		call_fn();
}

static void prepare_nmi(struct kunit *test)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_HARDWARE,
		.config = PERF_COUNT_HW_CPU_CYCLES,
		.size = sizeof(attr),
		.pinned = 1,
		.sample_period = 1000000,
	};

	migrate_disable();
	cycles = perf_event_create_kernel_counter(&attr, raw_smp_processor_id(), NULL,
						  overflow_fn, NULL);
	if (IS_ERR(cycles)) {
		migrate_enable();
		kunit_skip(test, "there is no counter of cycles");
	}
}

/* The overflow interrupt of a counter can be an NMI. */
static void send_nmi(void) {}

static void finish_nmi(struct kunit *test)
{
	perf_event_release_kernel(cycles);
	migrate_enable();
	if (!hit.in_nmi)
		kunit_skip(test, "there are no NMIs");
}
#else
static void prepare_nmi(struct kunit *test)
{
	kunit_skip(test, "needs PERF_EVENTS");
}

static void send_nmi(void) {}
static void finish_nmi(struct kunit *test) {}
#endif

/* Interrupts are disabled: only an NMI arrives. */
static void raise_nmi(struct kunit *test)
{
	int i;

	guard(irqsave)();
	WRITE_ONCE(hit.nmi_wanted, true);
	send_nmi();
	/* Pairs with call_fn(). */
	for (i = 0; i < 20000 && !smp_load_acquire(&hit.done); i++)
		udelay(5);
	WRITE_ONCE(hit.nmi_wanted, false);
}

const struct test_exception test_nmi = {
	.prepare = prepare_nmi,
	.raise = raise_nmi,
	.finish = finish_nmi,
};

/**
 * test_prepare_exception() - Prepare for an exception
 * @test: The test. It is skipped where there is no such exception.
 * @exception: What is to be raised
 * @fn: Called by it, once
 * @arg: Passed to @fn
 *
 * Context: Process context; may sleep
 */
void test_prepare_exception(struct kunit *test, const struct test_exception *exception,
			    void (*fn)(void *arg), void *arg)
{
	memset(&hit, 0, sizeof(hit));
	hit.fn = fn;
	hit.arg = arg;
	exception->prepare(test);
}

/**
 * test_finish_exception() - Undo test_prepare_exception()
 * @test: The test. It fails if the exception has not been raised, and is skipped if that
 *	  shows that there is no such exception.
 * @exception: What has been raised
 *
 * Context: Process context; may sleep
 */
void test_finish_exception(struct kunit *test, const struct test_exception *exception)
{
	exception->finish(test);
	KUNIT_EXPECT_TRUE(test, hit.done);
}
