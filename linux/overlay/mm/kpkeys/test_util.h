/* SPDX-License-Identifier: GPL-2.0-only */
/* kpkeys: what the KUnit suites share. */
#ifndef MM_KPKEYS_TEST_UTIL_H
#define MM_KPKEYS_TEST_UTIL_H

#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/hrtimer.h>
#include <linux/kpkeys.h>
#include <linux/mm.h>
#include <linux/processor.h>
#include <linux/uaccess.h>

/* The bits of the register that kpkeys manage. */
static inline u64 test_reg(void)
{
	return arch_kpkeys_read_reg() & KPKEYS_REG_MASK;
}

/**
 * test_try_write() - Write to memory as any code of the kernel could
 * @addr: Address of a long
 *
 * If the write goes through, the old value is put back.
 *
 * Return: true if it went through
 */
static inline bool test_try_write(void *addr)
{
	long old = READ_ONCE(*(long *)addr), val = old ^ 0x10;

	if (copy_to_kernel_nofault(addr, &val, sizeof(val)))
		return false;

	if (copy_to_kernel_nofault(addr, &old, sizeof(old)))
		pr_err("cannot restore the value at %p\n", addr);
	return true;
}

/* Built-in tests run before .rodata, where swapper_pg_dir can be, is read-only. */
static inline bool test_in_rodata(void *addr)
{
	return system_state < SYSTEM_FREEING_INITMEM &&
	       arch_kpkeys_is_readonly((unsigned long)lm_alias(addr));
}

/* @addr must be refused to a write, which must not change anything. */
#define TEST_EXPECT_PROTECTED(test, addr) do {				\
	struct kunit *__test = (test);					\
	long *__addr = (long *)(addr), __old = READ_ONCE(*__addr);	\
									\
	if (!virt_addr_valid(__addr) &&				\
	    test_in_rodata(__addr))					\
		break;							\
	KUNIT_EXPECT_FALSE_MSG(__test, test_try_write(__addr),		\
			       "write to %p went through", __addr);	\
	KUNIT_EXPECT_EQ(__test, __old, READ_ONCE(*__addr));		\
} while (0)

/* Runs a function in hard interrupt context, while the caller spins. */
struct test_irq {
	struct hrtimer timer;
	void (*fn)(void *arg);
	void *arg;
	bool done;
};

static inline enum hrtimer_restart test_irq_fn(struct hrtimer *timer)
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
 * @pend: Interrupts are disabled when it arrives; it runs when they are enabled
 *
 * Context: Task context
 */
static inline void test_in_irq(void (*fn)(void *arg), void *arg, bool pend)
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

static inline int test_skip_if_disabled(struct kunit *test)
{
	if (!kpkeys_enabled())
		kunit_skip(test, "kpkeys are not enabled");
	return 0;
}

#endif /* MM_KPKEYS_TEST_UTIL_H */
