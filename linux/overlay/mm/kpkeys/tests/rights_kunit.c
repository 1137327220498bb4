// SPDX-License-Identifier: GPL-2.0-only
/* kpkeys: KUnit tests of the rights of threads to keys for drivers. */

#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/kpkeys_keys.h>
#include <linux/kthread.h>
#include <linux/pgtable.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/smp.h>
#include <linux/task_work.h>
#include <linux/workqueue.h>
#include "../kpkeys.h"
#include "early.h"
#include "keys.h"
#include "util.h"

KPKEYS_GUARD(kpkeys_test, KPKEYS_CTX_TEST);

/*
 * Threads
 */

static void thread_starts_without_rights(struct kunit *test)
{
	int pkey = new_key(test);
	long *page = tagged_page(test, pkey);

	KUNIT_EXPECT_FALSE(test, reg_has_rights());
	EXPECT_RIGHTS(test, pkey, page, KPKEYS_PERM_NONE);
}

/**
 * struct helper - A thread that does what the test tells it to
 * @task: The thread
 * @go: The test has told it something
 * @done: It has done it
 * @stop: It has to end
 * @fn: What it is to do
 * @pkey: Keys that it uses, and
 * @page: a page of each
 * @perm: Rights that it gives itself, or -1
 * @err: Result: of giving itself rights
 * @rights: Result: the rights that it has
 * @access: Result: what it can do
 * @reg: Result: test_reg()
 * @reg_open: Result: the register has rights to some key
 * @spinning: It runs until told otherwise
 * @nr_lost: Result: how often it could do something else meanwhile than at first
 */
struct helper {
	struct task_struct *task;
	struct completion go;
	struct completion done;
	bool stop;
	void (*fn)(struct helper *h);
	int pkey[2];
	long *page[2];
	int perm[2];
	int err;
	int rights[2];
	int access[2];
	u64 reg;
	bool reg_open;
	bool spinning;
	unsigned int nr_lost;
};

static int helper_fn(void *arg)
{
	struct helper *h = arg;

	for (;;) {
		wait_for_completion(&h->go);
		if (READ_ONCE(h->stop))
			return 0;
		h->fn(h);
		complete(&h->done);
	}
}

static void stop_helper(void *arg)
{
	struct helper *h = arg;

	WRITE_ONCE(h->stop, true);
	complete(&h->go);
	kthread_stop_put(h->task);
}

/* On @cpu, if that is not negative. */
static struct helper *start_helper(struct kunit *test, int cpu)
{
	struct helper *h = kunit_kzalloc(test, sizeof(*h), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, h);
	init_completion(&h->go);
	init_completion(&h->done);
	h->perm[0] = -1;
	h->perm[1] = -1;

	h->task = cpu < 0 ? kthread_create(helper_fn, h, "kpkeys_test") :
			    kthread_create_on_cpu(helper_fn, h, cpu, "kpkeys_test/%u");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, h->task);
	get_task_struct(h->task);
	wake_up_process(h->task);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, stop_helper, h), 0);
	return h;
}

static void tell_helper(struct helper *h, void (*fn)(struct helper *h))
{
	h->fn = fn;
	complete(&h->go);
}

static void run_helper(struct helper *h, void (*fn)(struct helper *h))
{
	tell_helper(h, fn);
	wait_for_completion(&h->done);
}

static void use_keys(struct helper *h)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(h->pkey); i++) {
		if (!h->page[i])
			continue;
		if (h->perm[i] >= 0)
			h->err = set_rights(h->pkey[i], h->perm[i]) ?: h->err;
		h->rights[i] = kpkeys_key_rights(h->pkey[i]);
		h->access[i] = access_of(h->page[i]);
	}
	h->reg = test_reg();
	h->reg_open = reg_has_rights();
}

static void expect_helper(struct kunit *test, struct helper *h, int i, int perm)
{
	KUNIT_EXPECT_EQ(test, h->err, 0);
	KUNIT_EXPECT_EQ(test, h->rights[i], perm);
	KUNIT_EXPECT_EQ(test, h->access[i], perm);
	KUNIT_EXPECT_EQ(test, h->reg, CLOSED);
}

/* Runs with its rights, until it is told to end. */
static void spin_with_rights(struct helper *h)
{
	use_keys(h);
	/* Pairs with start_spinning(). */
	smp_store_release(&h->spinning, true);
	while (READ_ONCE(h->spinning) && !READ_ONCE(h->stop)) {
		if (h->access[0] != access_of(h->page[0]))
			WRITE_ONCE(h->nr_lost, h->nr_lost + 1);
		cond_resched();
	}
}

static void start_spinning(struct helper *h)
{
	tell_helper(h, spin_with_rights);
	/* Pairs with spin_with_rights(). */
	while (!smp_load_acquire(&h->spinning))
		usleep_range(100, 200);
}

static void end_spinning(struct helper *h)
{
	WRITE_ONCE(h->spinning, false);
	wait_for_completion(&h->done);
}

static void other_thread_has_own_rights(struct kunit *test)
{
	int pkey = new_key(test), i, j;
	long *page = tagged_page(test, pkey);
	struct helper *h;

	/* Nor does a new thread have those of its creator. */
	KUNIT_ASSERT_EQ(test, kpkeys_key_mk_readwrite(pkey), 0);
	h = start_helper(test, -1);
	h->pkey[0] = pkey;
	h->page[0] = page;
	run_helper(h, use_keys);
	expect_helper(test, h, 0, KPKEYS_PERM_NONE);
	KUNIT_EXPECT_FALSE(test, h->reg_open);

	for (i = 0; i < ARRAY_SIZE(all_perms); i++) {
		KUNIT_EXPECT_EQ(test, set_rights(pkey, all_perms[i]), 0);
		for (j = 0; j < ARRAY_SIZE(all_perms); j++) {
			h->perm[0] = all_perms[j];
			run_helper(h, use_keys);
			expect_helper(test, h, 0, all_perms[j]);
			EXPECT_RIGHTS(test, pkey, page, all_perms[i]);

			/* It has kept them. */
			h->perm[0] = -1;
			run_helper(h, use_keys);
			expect_helper(test, h, 0, all_perms[j]);
		}
	}
}

/**
 * struct child - A process that is started with the rights of the test, and ends
 * @h: What it does with its key
 * @work: Called while it ends, if it wants that
 * @exiting: Nothing of this is used any more
 */
struct child {
	struct helper h;
	struct callback_head work;
	struct completion exiting;
};

static int child_fn(void *arg)
{
	struct child *child = arg;

	use_keys(&child->h);
	complete(&child->exiting);
	do_exit(0);
}

/* Runs a child, which asks for @perm, unless that is negative. */
static struct child *run_child(struct kunit *test, int (*fn)(void *arg), int pkey, long *page,
			       int perm)
{
	struct child *child = kunit_kzalloc(test, sizeof(*child), GFP_KERNEL);
	pid_t pid;

	KUNIT_ASSERT_NOT_NULL(test, child);
	init_completion(&child->exiting);
	child->h.pkey[0] = pkey;
	child->h.page[0] = page;
	child->h.perm[0] = perm;

	pid = user_mode_thread(fn, child, SIGCHLD);
	KUNIT_ASSERT_GT(test, pid, 0);
	wait_for_completion(&child->exiting);
	return child;
}

/* A copy of the thread's task_struct, which has the rights. */
static void rights_are_not_inherited(struct kunit *test)
{
	int pkey = new_key(test);
	long *page = tagged_page(test, pkey);
	struct child *child;

	KUNIT_ASSERT_EQ(test, kpkeys_key_mk_readwrite(pkey), 0);
	child = run_child(test, child_fn, pkey, page, -1);
	expect_helper(test, &child->h, 0, KPKEYS_PERM_NONE);
	KUNIT_EXPECT_FALSE(test, child->h.reg_open);
	EXPECT_RIGHTS(test, pkey, page, KPKEYS_PERM_RW);
}

static void rights_end_with_thread(struct kunit *test)
{
	int pkey = new_key(test), cpu, round;
	long *page = tagged_page(test, pkey);
	struct helper *h;

	for (round = 0; round < 3; round++) {
		for_each_online_cpu(cpu) {
			h = start_helper(test, cpu);
			h->pkey[0] = pkey;
			h->page[0] = page;
			h->perm[0] = KPKEYS_PERM_RW;
			run_helper(h, use_keys);
			expect_helper(test, h, 0, KPKEYS_PERM_RW);
			kunit_release_action(test, stop_helper, h);

			h = start_helper(test, cpu);
			h->pkey[0] = pkey;
			h->page[0] = page;
			run_helper(h, use_keys);
			expect_helper(test, h, 0, KPKEYS_PERM_NONE);
			KUNIT_EXPECT_FALSE(test, h->reg_open);
			kunit_release_action(test, stop_helper, h);
		}
	}
	EXPECT_RIGHTS(test, pkey, page, KPKEYS_PERM_NONE);
}

/* Called by a thread that ends. */
static void exit_work_fn(struct callback_head *work)
{
	struct child *child = container_of(work, struct child, work);

	child->h.perm[0] = -1;
	use_keys(&child->h);
	complete(&child->exiting);
}

static int exit_child_fn(void *arg)
{
	struct child *child = arg;

	use_keys(&child->h);
	init_task_work(&child->work, exit_work_fn);
	if (task_work_add(current, &child->work, TWA_NONE))
		complete(&child->exiting);
	do_exit(0);
}

/* What it calls while it ends has none of them any more. */
static void thread_ends_without_rights(struct kunit *test)
{
	int pkey = new_key(test);
	long *page = tagged_page(test, pkey);
	struct child *child = run_child(test, exit_child_fn, pkey, page, KPKEYS_PERM_RW);

	KUNIT_EXPECT_EQ(test, child->h.perm[0], -1);
	expect_helper(test, &child->h, 0, KPKEYS_PERM_NONE);
	KUNIT_EXPECT_FALSE(test, child->h.reg_open);
}

struct key_work {
	struct work_struct work;
	int pkey;
	long *page;
	struct task_struct *task;
	int rights;
	int access;
	int err;
};

static void key_work_fn(struct work_struct *work)
{
	struct key_work *w = container_of(work, struct key_work, work);

	w->task = current;
	w->rights = kpkeys_key_rights(w->pkey);
	w->access = access_of(w->page);
	w->err = kpkeys_key_mk_readwrite(w->pkey);
}

static void destroy_wq(void *wq)
{
	destroy_workqueue(wq);
}

/* A worker thread goes on with the next work. */
static void rights_end_with_work(struct kunit *test)
{
	int pkey = new_key(test), nr_same = 0, round, i;
	long *page = tagged_page(test, pkey);
	struct workqueue_struct *wq = alloc_ordered_workqueue("kpkeys_test", 0);
	struct key_work works[2];

	KUNIT_ASSERT_NOT_NULL(test, wq);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, destroy_wq, wq), 0);

	for (round = 0; round < 20; round++) {
		for (i = 0; i < 2; i++) {
			works[i].pkey = pkey;
			works[i].page = page;
			INIT_WORK_ONSTACK(&works[i].work, key_work_fn);
			queue_work(wq, &works[i].work);
		}
		for (i = 0; i < 2; i++) {
			flush_work(&works[i].work);
			destroy_work_on_stack(&works[i].work);
			KUNIT_EXPECT_EQ(test, works[i].rights, KPKEYS_PERM_NONE);
			KUNIT_EXPECT_EQ(test, works[i].access, KPKEYS_PERM_NONE);
			KUNIT_EXPECT_EQ(test, works[i].err, 0);
		}
		nr_same += works[0].task == works[1].task;
	}
	KUNIT_EXPECT_GT(test, nr_same, 0);
}

/* Whoever had rights to the key has none to that of the next owner. */
static void rights_end_with_key(struct kunit *test)
{
	struct helper *sleeping = start_helper(test, -1), *running = start_helper(test, -1);
	int pkey = new_key(test), i;
	long *page = tagged_page(test, pkey);

	for (i = 0; i < 2; i++) {
		struct helper *h = i ? sleeping : running;

		h->pkey[0] = pkey;
		h->page[0] = page;
		h->perm[0] = KPKEYS_PERM_RW;
	}
	run_helper(sleeping, use_keys);
	start_spinning(running);
	KUNIT_ASSERT_EQ(test, kpkeys_key_mk_readwrite(pkey), 0);
	EXPECT_RIGHTS(test, pkey, page, KPKEYS_PERM_RW);

	KUNIT_ASSERT_EQ(test, untag(page, 1), 0);
	KUNIT_ASSERT_EQ(test, free_key(test, pkey), 0);
	KUNIT_EXPECT_FALSE(test, reg_has_rights());
	take_keys(test, pkey);
	KUNIT_ASSERT_EQ(test, tag(pkey, page, 1), 0);

	EXPECT_RIGHTS(test, pkey, page, KPKEYS_PERM_NONE);
	sleeping->perm[0] = -1;
	run_helper(sleeping, use_keys);
	expect_helper(test, sleeping, 0, KPKEYS_PERM_NONE);

	/* It need not be told: it finds out as it goes on. */
	for (i = 0; i < 1000 && !READ_ONCE(running->nr_lost); i++)
		usleep_range(1000, 2000);
	end_spinning(running);
	KUNIT_EXPECT_GT(test, running->nr_lost, 0);
	running->perm[0] = -1;
	run_helper(running, use_keys);
	expect_helper(test, running, 0, KPKEYS_PERM_NONE);

	/* They can have new ones. */
	sleeping->perm[0] = KPKEYS_PERM_RO;
	run_helper(sleeping, use_keys);
	expect_helper(test, sleeping, 0, KPKEYS_PERM_RO);
}

static void rights_survive_sleep(struct kunit *test)
{
	int pkey = new_key(test), i, j;
	long *page = tagged_page(test, pkey);

	for (i = 0; i < ARRAY_SIZE(all_perms); i++) {
		KUNIT_EXPECT_EQ(test, set_rights(pkey, all_perms[i]), 0);
		for (j = 0; j < 5; j++) {
			/* Calls schedule() in any case, unlike usleep_range(). */
			schedule_timeout_uninterruptible(1);
			EXPECT_RIGHTS(test, pkey, page, all_perms[i]);
			usleep_range(500, 1500);
			EXPECT_RIGHTS(test, pkey, page, all_perms[i]);
		}
		msleep(20);
		EXPECT_RIGHTS(test, pkey, page, all_perms[i]);
		KUNIT_EXPECT_EQ(test, test_reg(), CLOSED);
	}
}

static void rights_survive_migration(struct kunit *test)
{
	int pkey = new_key(test), cpu, i;
	long *page = tagged_page(test, pkey);

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs more than one CPU");

	for (i = 0; i < 2 * ARRAY_SIZE(all_perms); i++) {
		int perm = all_perms[i % ARRAY_SIZE(all_perms)];

		KUNIT_EXPECT_EQ(test, set_rights(pkey, perm), 0);
		for_each_online_cpu(cpu) {
			KUNIT_EXPECT_EQ(test, set_cpus_allowed_ptr(current, cpumask_of(cpu)), 0);
			KUNIT_EXPECT_EQ(test, raw_smp_processor_id(), cpu);
			EXPECT_RIGHTS(test, pkey, page, perm);
		}
	}
	set_cpus_allowed_ptr(current, cpu_possible_mask);
}

static void read_effective_reg(void *arg)
{
	u64 *reg = arg;

	*reg = effective_reg();
}

/* The thread has to leave its CPU, which then starts without anybody's rights. */
static void rights_survive_cpu_hotplug(struct kunit *test)
{
	int pkey = new_key(test), cpu = cpumask_last(cpu_online_mask);
	long *page = tagged_page(test, pkey);
	u64 closed = effective_reg(), reg = 0;
	struct helper *h;

	if (!IS_ENABLED(CONFIG_HOTPLUG_CPU) || num_online_cpus() < 2)
		kunit_skip(test, "no CPU can be taken offline");

	h = start_helper(test, -1);
	h->pkey[0] = pkey;
	h->page[0] = page;
	h->perm[0] = KPKEYS_PERM_RW;
	KUNIT_ASSERT_EQ(test, set_cpus_allowed_ptr(h->task, cpumask_of(cpu)), 0);
	start_spinning(h);

	KUNIT_ASSERT_EQ(test, remove_cpu(cpu), 0);
	KUNIT_EXPECT_EQ(test, add_cpu(cpu), 0);
	KUNIT_EXPECT_EQ(test, smp_call_function_single(cpu, read_effective_reg, &reg, 1), 0);
	KUNIT_EXPECT_EQ(test, reg, closed);

	end_spinning(h);
	KUNIT_EXPECT_EQ(test, h->nr_lost, 0);
	h->perm[0] = -1;
	run_helper(h, use_keys);
	expect_helper(test, h, 0, KPKEYS_PERM_RW);
}

static void rights_survive_signal(struct kunit *test)
{
	int pkey = new_key(test);
	long *page = tagged_page(test, pkey);
	bool pending;

	KUNIT_ASSERT_EQ(test, kpkeys_key_mk_readwrite(pkey), 0);
	allow_signal(SIGUSR1);
	send_sig(SIGUSR1, current, 1);
	schedule_timeout_interruptible(HZ / 10);
	pending = signal_pending(current);
	EXPECT_RIGHTS(test, pkey, page, KPKEYS_PERM_RW);
	flush_signals(current);
	disallow_signal(SIGUSR1);
	KUNIT_EXPECT_TRUE(test, pending);
	EXPECT_RIGHTS(test, pkey, page, KPKEYS_PERM_RW);
}

static void wake_helper(void *arg)
{
	tell_helper(arg, use_keys);
}

/* Whoever runs next on the CPU of a thread that sleeps, without an interrupt in between. */
static void next_thread_has_no_rights(struct kunit *test)
{
	int pkey = new_key(test), i;
	long *page = tagged_page(test, pkey);
	struct helper *h;

	set_cpus_allowed_ptr(current, cpumask_of(raw_smp_processor_id()));
	h = start_helper(test, raw_smp_processor_id());
	h->pkey[0] = pkey;
	h->page[0] = page;
	KUNIT_EXPECT_EQ(test, kpkeys_key_mk_readwrite(pkey), 0);
	for (i = 0; i < 10; i++) {
		run_helper(h, use_keys);
		expect_helper(test, h, 0, KPKEYS_PERM_NONE);
		KUNIT_EXPECT_FALSE(test, h->reg_open);
		EXPECT_RIGHTS(test, pkey, page, KPKEYS_PERM_RW);
	}
	set_cpus_allowed_ptr(current, cpu_possible_mask);
}

/* A thread that preempts this one, on its CPU, and has other rights. */
static void rights_survive_preemption(struct kunit *test)
{
	int pkey[2] = { new_key(test), new_key(test) }, i;
	long *page[2] = { tagged_page(test, pkey[0]), tagged_page(test, pkey[1]) };
	unsigned long nr_preempted;
	struct helper *h;

	set_cpus_allowed_ptr(current, cpumask_of(raw_smp_processor_id()));
	h = start_helper(test, raw_smp_processor_id());
	sched_set_fifo(h->task);
	for (i = 0; i < 2; i++) {
		h->pkey[i] = pkey[i];
		h->page[i] = page[i];
	}
	h->perm[0] = KPKEYS_PERM_RO;
	h->perm[1] = KPKEYS_PERM_RW;
	run_helper(h, use_keys);
	h->perm[0] = -1;
	h->perm[1] = -1;

	KUNIT_EXPECT_EQ(test, kpkeys_key_mk_readwrite(pkey[0]), 0);
	nr_preempted = current->nivcsw;
	for (i = 0; i < 10; i++) {
		test_in_irq(wake_helper, h, false);
		EXPECT_RIGHTS(test, pkey[0], page[0], KPKEYS_PERM_RW);
		EXPECT_RIGHTS(test, pkey[1], page[1], KPKEYS_PERM_NONE);
		wait_for_completion(&h->done);
		EXPECT_RIGHTS(test, pkey[0], page[0], KPKEYS_PERM_RW);
		EXPECT_RIGHTS(test, pkey[1], page[1], KPKEYS_PERM_NONE);
		expect_helper(test, h, 0, KPKEYS_PERM_RO);
		expect_helper(test, h, 1, KPKEYS_PERM_RW);
	}
	if (preempt_model_preemptible())
		KUNIT_EXPECT_GT(test, current->nivcsw, nr_preempted);
	set_cpus_allowed_ptr(current, cpu_possible_mask);
}

/* On the way to user mode and back: interrupts that hit it there have none. */
static void user_mode_has_no_rights(struct kunit *test)
{
	int pkey = new_key(test), i;
	long *page = tagged_page(test, pkey);
	int access[3], rights[3];
	bool open;

	for (i = 0; i < ARRAY_SIZE(all_perms); i++) {
		KUNIT_EXPECT_EQ(test, set_rights(pkey, all_perms[i]), 0);
		scoped_guard(irqsave) {
			kpkeys_exit_to_user();
			open = reg_has_rights();
			rights[0] = kpkeys_key_rights(pkey);
			access[0] = access_of(page);
			/* What an exception from user mode leaves ends with it. */
			set_rights(pkey, KPKEYS_PERM_RW);
			kpkeys_exit_to_user();
			open |= reg_has_rights();
			rights[1] = kpkeys_key_rights(pkey);
			access[1] = access_of(page);
			kpkeys_syscall_enter();
			rights[2] = kpkeys_key_rights(pkey);
			access[2] = access_of(page);
			/* In the system call it may get others. */
			set_rights(pkey, all_perms[i]);
		}
		KUNIT_EXPECT_FALSE(test, open);
		KUNIT_EXPECT_EQ(test, rights[0], KPKEYS_PERM_NONE);
		KUNIT_EXPECT_EQ(test, access[0], KPKEYS_PERM_NONE);
		KUNIT_EXPECT_EQ(test, test_reg(), CLOSED);
		/* With none before, those of the exception are suspended in their place. */
		if (all_perms[i] != KPKEYS_PERM_NONE) {
			KUNIT_EXPECT_EQ(test, rights[1], KPKEYS_PERM_NONE);
			KUNIT_EXPECT_EQ(test, access[1], KPKEYS_PERM_NONE);
			KUNIT_EXPECT_EQ(test, rights[2], all_perms[i]);
			KUNIT_EXPECT_EQ(test, access[2], all_perms[i]);
		}
		EXPECT_RIGHTS(test, pkey, page, all_perms[i]);
	}
}

/*
 * Interrupts
 */

struct irq_args {
	int pkey;
	long *page;
	bool open;
	struct task_struct *task;
	bool in_irq;
	u64 reg;
	int rights;
	int access;
	int err;
	int opened;
};

/* With @open, it gives itself rights, and does not take them away again. */
static void use_key(void *arg)
{
	struct irq_args *args = arg;

	args->task = current;
	args->in_irq = in_interrupt();
	args->reg = test_reg();
	args->rights = kpkeys_key_rights(args->pkey);
	/* A fault that nests in the interrupt. */
	args->access = access_of(args->page);
	if (!args->open)
		return;
	args->err = kpkeys_key_mk_readwrite(args->pkey);
	args->opened = access_of(args->page);
}

static void expect_irq_args(struct kunit *test, const struct irq_args *args)
{
	KUNIT_EXPECT_TRUE(test, args->in_irq);
	KUNIT_EXPECT_EQ(test, args->reg, CLOSED);
	KUNIT_EXPECT_EQ(test, args->rights, KPKEYS_PERM_NONE);
	KUNIT_EXPECT_EQ(test, args->access, KPKEYS_PERM_NONE);
	if (!args->open)
		return;
	KUNIT_EXPECT_EQ(test, args->err, 0);
	KUNIT_EXPECT_EQ(test, args->opened, KPKEYS_PERM_RW);
}

static void run_irqs(struct kunit *test, bool pend)
{
	int pkey = new_key(test), i;
	long *page = tagged_page(test, pkey);

	for (i = 0; i < 4 * ARRAY_SIZE(all_perms); i++) {
		int perm = all_perms[i % ARRAY_SIZE(all_perms)];
		struct irq_args args = {
			.pkey = pkey,
			.page = page,
			.open = i >= 2 * ARRAY_SIZE(all_perms),
		};

		KUNIT_EXPECT_EQ(test, set_rights(pkey, perm), 0);
		/* It hits this thread. */
		scoped_guard(preempt)
			test_in_irq(use_key, &args, pend);
		expect_irq_args(test, &args);
		EXPECT_RIGHTS(test, pkey, page, perm);
		KUNIT_EXPECT_EQ(test, test_reg(), CLOSED);
	}
}

static void irq_has_no_rights(struct kunit *test)
{
	run_irqs(test, false);
}

/* Those that arrived while interrupts were disabled run on enabling them. */
static void deferred_irq_has_no_rights(struct kunit *test)
{
	run_irqs(test, true);
}

struct softirq {
	struct tasklet_struct tasklet;
	struct irq_args args;
};

static void softirq_fn(struct tasklet_struct *tasklet)
{
	struct softirq *softirq = container_of(tasklet, struct softirq, tasklet);

	use_key(&softirq->args);
}

static void schedule_softirq(void *arg)
{
	struct softirq *softirq = arg;

	tasklet_schedule(&softirq->tasklet);
}

static void run_softirqs(struct kunit *test, bool in_irq)
{
	int pkey = new_key(test), nr_own = 0, i;
	long *page = tagged_page(test, pkey);

	for (i = 0; i < 4 * ARRAY_SIZE(all_perms); i++) {
		int perm = all_perms[i % ARRAY_SIZE(all_perms)];
		struct softirq softirq = {
			.args = {
				.pkey = pkey,
				.page = page,
				.open = i >= 2 * ARRAY_SIZE(all_perms),
			},
		};

		tasklet_setup(&softirq.tasklet, softirq_fn);
		KUNIT_EXPECT_EQ(test, set_rights(pkey, perm), 0);
		if (in_irq) {
			scoped_guard(preempt)
				test_in_irq(schedule_softirq, &softirq, false);
		} else {
			local_bh_disable();
			schedule_softirq(&softirq);
			local_bh_enable();
		}
		EXPECT_RIGHTS(test, pkey, page, perm);
		tasklet_kill(&softirq.tasklet);
		expect_irq_args(test, &softirq.args);
		EXPECT_RIGHTS(test, pkey, page, perm);
		if (softirq.args.task == current)
			nr_own++;
	}
	/* Some are left to a thread, which has no rights anyway. */
	if (!IS_ENABLED(CONFIG_PREEMPT_RT) && !force_irqthreads())
		KUNIT_EXPECT_GT(test, nr_own, 0);
}

/* Softirqs run on the thread that enables bottom halves. */
static void softirq_has_no_rights(struct kunit *test)
{
	run_softirqs(test, false);
}

/* Or at the end of an interrupt, before what that has interrupted goes on. */
static void softirq_in_irq_has_no_rights(struct kunit *test)
{
	run_softirqs(test, true);
}

static void ipi_has_no_rights(struct kunit *test)
{
	int pkey = new_key(test), cpu, i;
	long *page = tagged_page(test, pkey);
	struct helper *h;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs more than one CPU");

	set_cpus_allowed_ptr(current, cpumask_of(raw_smp_processor_id()));
	for_each_online_cpu(cpu) {
		if (cpu == raw_smp_processor_id())
			continue;
		h = start_helper(test, cpu);
		h->pkey[0] = pkey;
		h->page[0] = page;
		h->perm[0] = KPKEYS_PERM_RW;
		start_spinning(h);
		for (i = 0; i < 10; i++) {
			struct irq_args args = { .pkey = pkey, .page = page, .open = i % 2 };

			KUNIT_EXPECT_EQ(test, smp_call_function_single(cpu, use_key, &args, 1), 0);
			expect_irq_args(test, &args);
		}
		end_spinning(h);
		KUNIT_EXPECT_EQ(test, h->nr_lost, 0);
		h->perm[0] = -1;
		run_helper(h, use_keys);
		expect_helper(test, h, 0, KPKEYS_PERM_RW);
		EXPECT_RIGHTS(test, pkey, page, KPKEYS_PERM_NONE);
		kunit_release_action(test, stop_helper, h);
	}
	set_cpus_allowed_ptr(current, cpu_possible_mask);
}

/* An idle thread may call the handlers itself, outside of an interrupt. */
static void idle_thread_has_no_rights(struct kunit *test)
{
	int pkey = new_key(test), cpu, round;
	long *page = tagged_page(test, pkey);

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs more than one CPU");

	set_cpus_allowed_ptr(current, cpumask_of(raw_smp_processor_id()));
	for_each_online_cpu(cpu) {
		if (cpu == raw_smp_processor_id())
			continue;
		for (round = 0; round < 10; round++) {
			struct irq_args args = { .pkey = pkey, .page = page, .open = true };

			/* So that it is idle */
			schedule_timeout_uninterruptible(1);
			KUNIT_EXPECT_EQ(test, smp_call_function_single(cpu, use_key, &args, 1), 0);
			/* Is that an interrupt? It has the rights of one. */
			args.in_irq = true;
			expect_irq_args(test, &args);
			schedule_timeout_uninterruptible(1);
			KUNIT_EXPECT_EQ(test, idle_task(cpu)->kpkeys.rights, 0);
			KUNIT_EXPECT_EQ(test, idle_task(cpu)->kpkeys.nr, 0);
		}
	}
	set_cpus_allowed_ptr(current, cpu_possible_mask);
}

/* With @open, it gives itself rights every other time. */
static void run_exceptions(struct kunit *test, const struct test_exception *exception, bool open)
{
	int pkey = new_key(test), i;
	long *page = tagged_page(test, pkey);

	for (i = 0; i < 2 * ARRAY_SIZE(all_perms); i++) {
		struct irq_args args = { .pkey = pkey, .page = page, .open = open && i % 2 };
		int perm = all_perms[i % ARRAY_SIZE(all_perms)];

		test_prepare_exception(test, exception, use_key, &args);
		KUNIT_EXPECT_EQ(test, set_rights(pkey, perm), 0);
		exception->raise(test);
		EXPECT_RIGHTS(test, pkey, page, perm);
		test_finish_exception(test, exception);
		/* in_interrupt() differs between exceptions, and between architectures. */
		args.in_irq = true;
		expect_irq_args(test, &args);
	}
}

static void debug_exception_has_no_rights(struct kunit *test)
{
	run_exceptions(test, &test_breakpoint, true);
}

/* Some architectures handle it before all others. */
static void warning_has_no_rights(struct kunit *test)
{
	run_exceptions(test, &test_warning, true);
}

/* It may not change rights. */
static void nmi_has_no_rights(struct kunit *test)
{
	run_exceptions(test, &test_nmi, false);
}

/* Handlers that interrupt each other return to the rights that they have interrupted. */
static void suspended_rights_need_their_frame(struct kunit *test)
{
	int pkey = new_key(test);
	long *page = tagged_page(test, pkey);
	int access[4];
	char frame[2];

	KUNIT_ASSERT_EQ(test, kpkeys_key_mk_readwrite(pkey), 0);
	scoped_guard(irqsave) {
		kpkeys_suspend_rights(&frame[0], true);
		kpkeys_load_rights();
		access[0] = access_of(page);
		kpkeys_resume_rights(&frame[1]);
		access[1] = access_of(page);
		/* What another one has left. */
		kpkeys_key_mk_readonly(pkey);
		kpkeys_resume_rights(&frame[1]);
		access[2] = access_of(page);
		kpkeys_resume_rights(&frame[0]);
		access[3] = access_of(page);
	}
	KUNIT_EXPECT_EQ(test, access[0], KPKEYS_PERM_NONE);
	KUNIT_EXPECT_EQ(test, access[1], KPKEYS_PERM_NONE);
	KUNIT_EXPECT_EQ(test, access[2], KPKEYS_PERM_NONE);
	KUNIT_EXPECT_EQ(test, access[3], KPKEYS_PERM_RW);
	EXPECT_RIGHTS(test, pkey, page, KPKEYS_PERM_RW);
}

/* Those that nest too deeply lose them. */
static void deeply_nested_rights_are_lost(struct kunit *test)
{
	char frame[KPKEYS_MAX_SUSPENDED + 1];
	int access[KPKEYS_MAX_SUSPENDED + 1];
	int pkey = new_key(test), i;
	long *page = tagged_page(test, pkey);

	scoped_guard(irqsave) {
		for (i = 0; i <= KPKEYS_MAX_SUSPENDED; i++) {
			set_rights(pkey, i % 2 ? KPKEYS_PERM_RO : KPKEYS_PERM_RW);
			kpkeys_suspend_rights(&frame[i], true);
			kpkeys_load_rights();
		}
		for (i = KPKEYS_MAX_SUSPENDED; i >= 0; i--) {
			kpkeys_resume_rights(&frame[i]);
			access[i] = access_of(page);
		}
	}
	KUNIT_EXPECT_EQ(test, access[KPKEYS_MAX_SUSPENDED], KPKEYS_PERM_NONE);
	for (i = 0; i < KPKEYS_MAX_SUSPENDED; i++)
		KUNIT_EXPECT_EQ(test, access[i], i % 2 ? KPKEYS_PERM_RO : KPKEYS_PERM_RW);
	EXPECT_RIGHTS(test, pkey, page, KPKEYS_PERM_RW);
}

/*
 * Guards, and sections of contexts
 */

static void guards_nest(struct kunit *test)
{
	int pkey = new_key(test), i;
	long *page = tagged_page(test, pkey);

	for (i = 0; i < ARRAY_SIZE(all_perms); i++) {
		KUNIT_EXPECT_EQ(test, set_rights(pkey, all_perms[i]), 0);
		scoped_guard(kpkeys_key_readwrite, pkey) {
			EXPECT_RIGHTS(test, pkey, page, KPKEYS_PERM_RW);
			scoped_guard(kpkeys_key_readonly, pkey) {
				EXPECT_RIGHTS(test, pkey, page, KPKEYS_PERM_RO);
				scoped_guard(kpkeys_key_readwrite, pkey)
					EXPECT_RIGHTS(test, pkey, page, KPKEYS_PERM_RW);
				EXPECT_RIGHTS(test, pkey, page, KPKEYS_PERM_RO);
			}
			EXPECT_RIGHTS(test, pkey, page, KPKEYS_PERM_RW);
		}
		EXPECT_RIGHTS(test, pkey, page, all_perms[i]);
		scoped_guard(kpkeys_key_readonly, pkey)
			EXPECT_RIGHTS(test, pkey, page, KPKEYS_PERM_RO);
		EXPECT_RIGHTS(test, pkey, page, all_perms[i]);
	}
}

static void guard_may_sleep(struct kunit *test)
{
	int pkey = new_key(test), i;
	long *page = tagged_page(test, pkey);

	for (i = 0; i < 5; i++) {
		scoped_guard(kpkeys_key_readwrite, pkey) {
			schedule_timeout_uninterruptible(1);
			EXPECT_RIGHTS(test, pkey, page, KPKEYS_PERM_RW);
		}
		EXPECT_RIGHTS(test, pkey, page, KPKEYS_PERM_NONE);
		schedule_timeout_uninterruptible(1);
		EXPECT_RIGHTS(test, pkey, page, KPKEYS_PERM_NONE);
	}
}

/**
 * struct mix - What a thread finds in a section
 * @pkey: A key
 * @page: A page of it
 * @managed: A page that carries KPKEYS_PKEY_TEST
 * @ptep: An entry of a page table
 * @before: Rights before the section
 * @after: Rights that it leaves
 * @irqs_off: It runs with interrupts disabled
 * @reg: Result: test_reg(), after each change of the rights
 * @access: Result: what it can do then
 * @nr: Number of entries in both
 */
struct mix {
	int pkey;
	long *page;
	long *managed;
	pte_t *ptep;
	int before;
	int after;
	bool irqs_off;
	u64 reg[8];
	int access[8];
	unsigned int nr;
};

static void init_mix(struct kunit *test, struct mix *mix)
{
	unsigned long addr = test_user_page(test);

	*mix = (struct mix) {
		.pkey = new_key(test),
		.managed = new_pages(test, 0),
		.ptep = test_find_entries(test, current->mm, addr).pte,
	};
	mix->page = tagged_page(test, mix->pkey);
	tag_managed(test, mix->managed);
}

static void look(struct mix *mix)
{
	mix->access[mix->nr] = access_of(mix->page);
	mix->reg[mix->nr] = test_reg();
	mix->nr++;
}

/* From those before to all others, and to those after. */
static void change_rights(struct mix *mix)
{
	mix->nr = 0;
	look(mix);
	kpkeys_key_mk_readonly(mix->pkey);
	look(mix);
	kpkeys_key_mk_noaccess(mix->pkey);
	look(mix);
	kpkeys_key_mk_readwrite(mix->pkey);
	look(mix);
	scoped_guard(kpkeys_key_readonly, mix->pkey)
		look(mix);
	look(mix);
	set_rights(mix->pkey, mix->after);
	look(mix);
}

static void expect_mix(struct kunit *test, const struct mix *mix, u64 reg)
{
	const int access[] = {
		mix->before, KPKEYS_PERM_RO, KPKEYS_PERM_NONE, KPKEYS_PERM_RW,
		KPKEYS_PERM_RO, KPKEYS_PERM_RW, mix->after,
	};
	int i;

	KUNIT_ASSERT_EQ(test, mix->nr, ARRAY_SIZE(access));
	for (i = 0; i < ARRAY_SIZE(access); i++) {
		KUNIT_EXPECT_EQ_MSG(test, mix->access[i], access[i], "step %d", i);
		KUNIT_EXPECT_EQ_MSG(test, mix->reg[i], reg, "step %d", i);
	}
}

/* After a section: it is closed, and the rights are the last ones. */
static void expect_after(struct kunit *test, const struct mix *mix, int perm)
{
	KUNIT_EXPECT_EQ(test, test_reg(), CLOSED);
	EXPECT_RIGHTS(test, mix->pkey, mix->page, perm);
	TEST_EXPECT_PROTECTED(test, mix->managed);
	TEST_EXPECT_PROTECTED(test, mix->ptep);
}

/*
 * From all rights to all others. Interrupts are disabled the second time, and on UML each
 * time: when it enables them, and some are pending, a section ends.
 */
static void try_mixes(struct kunit *test, void (*fn)(struct kunit *test, struct mix *mix))
{
	struct mix mix;
	int i, j, k;

	init_mix(test, &mix);
	for (i = 0; i < ARRAY_SIZE(all_perms); i++) {
		for (j = 0; j < ARRAY_SIZE(all_perms); j++) {
			for (k = 0; k < 2; k++) {
				mix.before = all_perms[i];
				mix.after = all_perms[j];
				mix.irqs_off = k || IS_ENABLED(CONFIG_UML);
				KUNIT_EXPECT_EQ(test, set_rights(mix.pkey, mix.before), 0);
				fn(test, &mix);
				expect_after(test, &mix, mix.after);
			}
		}
	}
}

static void mix_with_pgtables(struct kunit *test, struct mix *mix)
{
	unsigned long flags = 0;
	bool managed, table;

	if (mix->irqs_off)
		local_irq_save(flags);
	scoped_guard(test_pgtables) {
		change_rights(mix);
		managed = test_try_write(mix->managed);
		/* A table that nobody uses. */
		table = test_try_write(kpkeys_test_early_pgtable);
	}
	if (mix->irqs_off)
		local_irq_restore(flags);
	KUNIT_EXPECT_FALSE(test, managed);
	KUNIT_EXPECT_TRUE(test, table);
	expect_mix(test, mix, kpkeys_ctx_table[KPKEYS_CTX_PGTABLES]);
}

static void mix_with_test(struct kunit *test, struct mix *mix)
{
	unsigned long flags = 0;
	bool managed, table;

	if (mix->irqs_off)
		local_irq_save(flags);
	scoped_guard(kpkeys_test) {
		change_rights(mix);
		managed = test_try_write(mix->managed);
		table = test_try_write(mix->ptep);
	}
	if (mix->irqs_off)
		local_irq_restore(flags);
	KUNIT_EXPECT_TRUE(test, managed);
	KUNIT_EXPECT_FALSE(test, table);
	expect_mix(test, mix, kpkeys_ctx_table[KPKEYS_CTX_TEST]);
}

static void rights_in_guarded_section(struct kunit *test)
{
	KUNIT_ASSERT_NOT_NULL(test, kpkeys_test_early_pgtable);
	try_mixes(test, mix_with_pgtables);
	try_mixes(test, mix_with_test);
}

static void mix_with_nested(struct kunit *test, struct mix *mix)
{
	scoped_guard(irqsave) {
		kpkeys_set_context(KPKEYS_CTX_TEST);
		kpkeys_in_context(KPKEYS_CTX_TEST, change_rights(mix));
		kpkeys_set_context(KPKEYS_CTX_DEFAULT);
	}
	expect_mix(test, mix, kpkeys_ctx_table[KPKEYS_CTX_TEST]);
}

static void rights_in_nested_section(struct kunit *test)
{
	try_mixes(test, mix_with_nested);
}

/* Neither is in the other: whichever ends first leaves the other one alone. */
static void rights_overlap_sections(struct kunit *test)
{
	u64 test_ctx = kpkeys_ctx_table[KPKEYS_CTX_TEST];
	u64 pgtables_ctx = kpkeys_ctx_table[KPKEYS_CTX_PGTABLES];
	struct mix mix;

	init_mix(test, &mix);
	scoped_guard(irqsave) {
		kpkeys_set_context(KPKEYS_CTX_TEST);
		kpkeys_key_mk_readwrite(mix.pkey);
		look(&mix);
		kpkeys_set_context(KPKEYS_CTX_DEFAULT);
		look(&mix);
		kpkeys_set_context(KPKEYS_CTX_PGTABLES);
		look(&mix);
		kpkeys_key_mk_noaccess(mix.pkey);
		look(&mix);
		kpkeys_set_context(KPKEYS_CTX_TEST);
		look(&mix);
		kpkeys_key_mk_readonly(mix.pkey);
		kpkeys_leave_context();
		look(&mix);
	}
	KUNIT_EXPECT_EQ(test, mix.reg[0], test_ctx);
	KUNIT_EXPECT_EQ(test, mix.access[0], KPKEYS_PERM_RW);
	KUNIT_EXPECT_EQ(test, mix.reg[1], CLOSED);
	KUNIT_EXPECT_EQ(test, mix.access[1], KPKEYS_PERM_RW);
	KUNIT_EXPECT_EQ(test, mix.reg[2], pgtables_ctx);
	KUNIT_EXPECT_EQ(test, mix.access[2], KPKEYS_PERM_RW);
	KUNIT_EXPECT_EQ(test, mix.reg[3], pgtables_ctx);
	KUNIT_EXPECT_EQ(test, mix.access[3], KPKEYS_PERM_NONE);
	KUNIT_EXPECT_EQ(test, mix.reg[4], test_ctx);
	KUNIT_EXPECT_EQ(test, mix.access[4], KPKEYS_PERM_NONE);
	KUNIT_EXPECT_EQ(test, mix.reg[5], CLOSED);
	KUNIT_EXPECT_EQ(test, mix.access[5], KPKEYS_PERM_RO);
	expect_after(test, &mix, KPKEYS_PERM_RO);
}

/* The section ends, the rights do not. */
static void rights_survive_section_that_sleeps(struct kunit *test)
{
	struct mix mix;
	int i;

	init_mix(test, &mix);
	for (i = 0; i < ARRAY_SIZE(all_perms); i++) {
		kpkeys_set_context(KPKEYS_CTX_TEST);
		set_rights(mix.pkey, all_perms[i]);
		schedule_timeout_uninterruptible(1);
		expect_after(test, &mix, all_perms[i]);
		kpkeys_leave_context();
		expect_after(test, &mix, all_perms[i]);
	}
}

/* An interrupt has neither, and returns to both. */
static void irq_in_section_has_no_rights(struct kunit *test)
{
	int i, nr_restored = 0;
	struct mix mix;

	init_mix(test, &mix);
	for (i = 0; i < 12; i++) {
		struct irq_args args = { .pkey = mix.pkey, .page = mix.page, .open = i % 2 };
		int perm = all_perms[i % ARRAY_SIZE(all_perms)];
		u64 reg;

		KUNIT_EXPECT_EQ(test, set_rights(mix.pkey, perm), 0);
		scoped_guard(kpkeys_test) {
			test_in_irq(use_key, &args, false);
			reg = test_reg();
			EXPECT_RIGHTS(test, mix.pkey, mix.page, perm);
		}
		expect_irq_args(test, &args);
		expect_after(test, &mix, perm);
		if (reg == kpkeys_ctx_table[KPKEYS_CTX_TEST])
			nr_restored++;
	}
	/* UML runs handlers itself, and goes on closed, if the signal came at a bad moment. */
	KUNIT_EXPECT_GE(test, nr_restored, IS_ENABLED(CONFIG_UML) ? 1 : 12);
}

static void mix_with_lazy(struct kunit *test, struct mix *mix)
{
	pte_t pte = READ_ONCE(*mix->ptep);
	bool set[2];
	u64 reg;

	scoped_guard(irqsave) {
		lazy_mmu_mode_enable();
		change_rights(mix);
		set_pte(mix->ptep, pte_wrprotect(pte));
		set[0] = !pte_write(READ_ONCE(*mix->ptep));
		reg = test_reg();
		set_rights(mix->pkey, KPKEYS_PERM_RW);
		set_pte(mix->ptep, pte);
		set[1] = pte_write(READ_ONCE(*mix->ptep)) == pte_write(pte);
		set_rights(mix->pkey, mix->after);
		lazy_mmu_mode_disable();
	}
	KUNIT_EXPECT_TRUE(test, set[0]);
	KUNIT_EXPECT_TRUE(test, set[1]);
	KUNIT_EXPECT_EQ(test, reg, CLOSED);
	expect_mix(test, mix, CLOSED);
}

static void rights_in_lazy_section(struct kunit *test)
{
	try_mixes(test, mix_with_lazy);
}

/* Which of them begins, ends or sleeps first does not matter. */
static void rights_overlap_lazy_section(struct kunit *test)
{
	struct mix mix;
	pte_t pte;

	init_mix(test, &mix);
	pte = READ_ONCE(*mix.ptep);
	lazy_mmu_mode_enable();
	scoped_guard(kpkeys_key_readwrite, mix.pkey) {
		lazy_mmu_mode_disable();
		expect_after(test, &mix, KPKEYS_PERM_RW);
		lazy_mmu_mode_enable();
		schedule_timeout_uninterruptible(1);
		set_pte(mix.ptep, pte);
		expect_after(test, &mix, KPKEYS_PERM_RW);
	}
	lazy_mmu_mode_disable();
	expect_after(test, &mix, KPKEYS_PERM_NONE);
}

/*
 * Forged rights: those of a thread are in memory that anybody can write to.
 */

static void forge_rights(void)
{
	WRITE_ONCE(current->kpkeys.rights, ~0ULL);
}

static void drop_forged_rights(void)
{
	guard(irqsave)();
	WRITE_ONCE(current->kpkeys.nr, 0);
	WRITE_ONCE(current->kpkeys.rights, 0);
	kpkeys_load_rights();
}

/* They open keys of drivers, but none of the kernel's. */
static void expect_nothing_opened(struct kunit *test, const struct mix *mix, const char *how)
{
	u64 reg = test_reg();

	KUNIT_EXPECT_EQ_MSG(test, reg, CLOSED, "%s", how);
	KUNIT_EXPECT_FALSE_MSG(test, test_try_write(mix->ptep), "%s", how);
	KUNIT_EXPECT_FALSE_MSG(test, test_try_write(mix->managed), "%s", how);
	KUNIT_EXPECT_EQ_MSG(test, test_reg(), CLOSED, "%s", how);
	drop_forged_rights();
	EXPECT_RIGHTS(test, mix->pkey, mix->page, KPKEYS_PERM_NONE);
}

static void read_reg(void *arg)
{
	*(u64 *)arg = test_reg();
}

static void forged_rights_open_nothing(struct kunit *test)
{
	struct mix mix;
	u64 reg[2];

	init_mix(test, &mix);

	forge_rights();
	scoped_guard(irqsave) {
		kpkeys_load_rights();
		reg[0] = test_reg();
	}
	KUNIT_EXPECT_EQ(test, reg[0], CLOSED);
	expect_nothing_opened(test, &mix, "load");

	forge_rights();
	schedule_timeout_uninterruptible(1);
	expect_nothing_opened(test, &mix, "switch");

	reg[0] = 0;
	forge_rights();
	scoped_guard(preempt)
		test_in_irq(read_reg, &reg[0], false);
	expect_nothing_opened(test, &mix, "interrupt");
	KUNIT_EXPECT_EQ(test, reg[0], CLOSED);

	forge_rights();
	scoped_guard(preempt)
		test_in_irq(read_reg, &reg[0], true);
	expect_nothing_opened(test, &mix, "deferred interrupt");

	forge_rights();
	scoped_guard(irqsave)
		kpkeys_load_rights();
	scoped_guard(preempt)
		test_in_irq(read_reg, &reg[0], false);
	expect_nothing_opened(test, &mix, "interrupt of loaded rights");
	KUNIT_EXPECT_EQ(test, reg[0], CLOSED);

	forge_rights();
	KUNIT_EXPECT_FALSE(test, test_try_write(mix.ptep));
	expect_nothing_opened(test, &mix, "fault");

	forge_rights();
	kpkeys_key_mk_readonly(mix.pkey);
	kpkeys_key_mk_readwrite(mix.pkey);
	kpkeys_key_mk_noaccess(mix.pkey);
	expect_nothing_opened(test, &mix, "change of rights");

	forge_rights();
	local_bh_disable();
	raise_softirq(TIMER_SOFTIRQ);
	local_bh_enable();
	expect_nothing_opened(test, &mix, "softirq");
}

static void forged_rights_open_no_section(struct kunit *test)
{
	bool managed, table;
	struct mix mix;
	u64 reg[2];

	init_mix(test, &mix);

	forge_rights();
	scoped_guard(irqsave) {
		kpkeys_set_context(KPKEYS_CTX_PGTABLES);
		reg[0] = test_reg();
		kpkeys_load_rights();
		reg[1] = test_reg();
		managed = test_try_write(mix.managed);
		kpkeys_set_context(KPKEYS_CTX_DEFAULT);
	}
	expect_nothing_opened(test, &mix, "section of page tables");
	KUNIT_EXPECT_EQ(test, reg[0], kpkeys_ctx_table[KPKEYS_CTX_PGTABLES]);
	KUNIT_EXPECT_EQ(test, reg[1], kpkeys_ctx_table[KPKEYS_CTX_PGTABLES]);
	KUNIT_EXPECT_FALSE(test, managed);

	forge_rights();
	scoped_guard(irqsave) {
		kpkeys_set_context(KPKEYS_CTX_TEST);
		reg[0] = test_reg();
		kpkeys_load_rights();
		reg[1] = test_reg();
		table = test_try_write(mix.ptep);
		kpkeys_leave_context();
	}
	expect_nothing_opened(test, &mix, "section of the tests");
	KUNIT_EXPECT_EQ(test, reg[0], kpkeys_ctx_table[KPKEYS_CTX_TEST]);
	KUNIT_EXPECT_EQ(test, reg[1], kpkeys_ctx_table[KPKEYS_CTX_TEST]);
	KUNIT_EXPECT_FALSE(test, table);

	/* Rights that are in force already, and a section that opens and closes. */
	forge_rights();
	scoped_guard(irqsave) {
		kpkeys_load_rights();
		kpkeys_set_context(KPKEYS_CTX_TEST);
		reg[0] = test_reg();
		table = test_try_write(mix.ptep);
		kpkeys_set_context(KPKEYS_CTX_DEFAULT);
		reg[1] = test_reg();
	}
	expect_nothing_opened(test, &mix, "section with loaded rights");
	KUNIT_EXPECT_EQ(test, reg[0], kpkeys_ctx_table[KPKEYS_CTX_TEST]);
	KUNIT_EXPECT_EQ(test, reg[1], CLOSED);
	KUNIT_EXPECT_FALSE(test, table);
}

/* What a handler has interrupted is in memory, too. */
static void forge_suspended(void *arg)
{
	unsigned int i;

	for (i = 0; i < KPKEYS_MAX_SUSPENDED; i++) {
		WRITE_ONCE(current->kpkeys.suspended[i].rights, ~0ULL);
		WRITE_ONCE(current->kpkeys.suspended[i].open, true);
	}
	forge_rights();
}

static void forge_nr(void *arg)
{
	forge_suspended(NULL);
	WRITE_ONCE(current->kpkeys.nr, *(unsigned int *)arg);
}

static void forged_suspended_rights_open_nothing(struct kunit *test)
{
	static const unsigned int nrs[] = {
		0, 1, KPKEYS_MAX_SUSPENDED, KPKEYS_MAX_SUSPENDED + 1, INT_MAX, UINT_MAX,
	};
	struct mix mix;
	u64 reg = 0;
	int i;

	init_mix(test, &mix);

	KUNIT_ASSERT_EQ(test, kpkeys_key_mk_readwrite(mix.pkey), 0);
	scoped_guard(preempt)
		test_in_irq(forge_suspended, NULL, false);
	expect_nothing_opened(test, &mix, "suspended rights");

	KUNIT_ASSERT_EQ(test, kpkeys_key_mk_readwrite(mix.pkey), 0);
	scoped_guard(preempt)
		test_in_irq(forge_suspended, NULL, true);
	expect_nothing_opened(test, &mix, "suspended rights, deferred");

	for (i = 0; i < ARRAY_SIZE(nrs); i++) {
		unsigned int nr = nrs[i];

		/* In a handler, and before one. */
		KUNIT_ASSERT_EQ(test, kpkeys_key_mk_readwrite(mix.pkey), 0);
		scoped_guard(preempt)
			test_in_irq(forge_nr, &nr, false);
		expect_nothing_opened(test, &mix, "number of suspended rights");

		scoped_guard(preempt) {
			forge_nr(&nr);
			test_in_irq(read_reg, &reg, false);
		}
		expect_nothing_opened(test, &mix, "number of suspended rights before");
		KUNIT_EXPECT_EQ(test, reg, CLOSED);
	}
}

static struct kunit_case rights_cases[] = {
	KUNIT_CASE(thread_starts_without_rights),
	KUNIT_CASE(other_thread_has_own_rights),
	KUNIT_CASE(rights_are_not_inherited),
	KUNIT_CASE(rights_end_with_thread),
	KUNIT_CASE(thread_ends_without_rights),
	KUNIT_CASE(rights_end_with_work),
	KUNIT_CASE(rights_end_with_key),
	KUNIT_CASE(rights_survive_sleep),
	KUNIT_CASE(rights_survive_migration),
	KUNIT_CASE_SLOW(rights_survive_cpu_hotplug),
	KUNIT_CASE(rights_survive_signal),
	KUNIT_CASE(next_thread_has_no_rights),
	KUNIT_CASE(rights_survive_preemption),
	KUNIT_CASE(user_mode_has_no_rights),
	KUNIT_CASE(irq_has_no_rights),
	KUNIT_CASE(deferred_irq_has_no_rights),
	KUNIT_CASE(softirq_has_no_rights),
	KUNIT_CASE(softirq_in_irq_has_no_rights),
	KUNIT_CASE(ipi_has_no_rights),
	KUNIT_CASE(idle_thread_has_no_rights),
	KUNIT_CASE(debug_exception_has_no_rights),
	KUNIT_CASE(warning_has_no_rights),
	KUNIT_CASE(nmi_has_no_rights),
	KUNIT_CASE(suspended_rights_need_their_frame),
	KUNIT_CASE(deeply_nested_rights_are_lost),
	KUNIT_CASE(guards_nest),
	KUNIT_CASE(guard_may_sleep),
	KUNIT_CASE(rights_in_guarded_section),
	KUNIT_CASE(rights_in_nested_section),
	KUNIT_CASE(rights_overlap_sections),
	KUNIT_CASE(rights_survive_section_that_sleeps),
	KUNIT_CASE(irq_in_section_has_no_rights),
	KUNIT_CASE(rights_in_lazy_section),
	KUNIT_CASE(rights_overlap_lazy_section),
	KUNIT_CASE(forged_rights_open_nothing),
	KUNIT_CASE(forged_rights_open_no_section),
	KUNIT_CASE(forged_suspended_rights_open_nothing),
	{}
};

static struct kunit_suite rights_suite = {
	.name = "kpkeys_rights",
	.init = keys_init,
	.test_cases = rights_cases,
};

kunit_test_suite(rights_suite);
