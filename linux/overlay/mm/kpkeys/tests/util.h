/* SPDX-License-Identifier: GPL-2.0-only */
/* kpkeys: what the KUnit suites share. */
#ifndef MM_KPKEYS_TESTS_UTIL_H
#define MM_KPKEYS_TESTS_UTIL_H

#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/hrtimer.h>
#include <linux/kpkeys_pgtables.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/pgtable.h>
#include <linux/processor.h>
#include <linux/uaccess.h>

/* The bits of the register that kpkeys manages. */
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

/* Whether @addr is in .rodata, and that is not read-only yet. */
static inline bool test_too_early(void *addr)
{
	return system_state < SYSTEM_FREEING_INITMEM &&
	       !virt_addr_valid(addr) &&
	       arch_kpkeys_is_readonly((unsigned long)lm_alias(addr));
}

/*
 * @addr must refuse a write, which must not change anything.
 *
 * The exception is the root of arm64's init_mm: it is in .rodata, which becomes
 * read-only at the end of boot, after the built-in tests. It is left out here;
 * kernel_root_is_protected is skipped then, and runs if the suite is run again
 * through debugfs.
 */
#define TEST_EXPECT_PROTECTED(test, addr) do {				\
	struct kunit *__test = (test);					\
	long *__addr = (long *)(addr), __old = READ_ONCE(*__addr);	\
									\
	if (test_too_early(__addr))					\
		break;							\
	KUNIT_EXPECT_FALSE_MSG(__test, test_try_write(__addr),		\
			       "write to %p went through", __addr);	\
	KUNIT_EXPECT_EQ(__test, __old, READ_ONCE(*__addr));		\
} while (0)

/* The entries that translate an address. */
struct test_entries {
	pgd_t *pgd;
	p4d_t *p4d;
	pud_t *pud;
	pmd_t *pmd;
	pte_t *pte;
};

static inline struct test_entries test_find_entries(struct kunit *test,
						    struct mm_struct *mm,
						    unsigned long addr)
{
	struct test_entries e;

	e.pgd = pgd_offset(mm, addr);
	KUNIT_ASSERT_FALSE(test, pgd_none(READ_ONCE(*e.pgd)));
	e.p4d = p4d_offset(e.pgd, addr);
	KUNIT_ASSERT_FALSE(test, p4d_none(READ_ONCE(*e.p4d)));
	e.pud = pud_offset(e.p4d, addr);
	KUNIT_ASSERT_FALSE(test, pud_none(READ_ONCE(*e.pud)));
	e.pmd = pmd_offset(e.pud, addr);
	KUNIT_ASSERT_FALSE(test, pmd_none(READ_ONCE(*e.pmd)));
	e.pte = pte_offset_kernel(e.pmd, addr);
	KUNIT_ASSERT_FALSE(test, pte_none(READ_ONCE(*e.pte)));
	return e;
}

/* A page of the mm that KUnit gives to a test, present, whose first long is 42. */
static inline unsigned long test_user_page(struct kunit *test)
{
	unsigned long addr;

	addr = kunit_vm_mmap(test, NULL, 0, PAGE_SIZE, PROT_READ | PROT_WRITE,
			     MAP_ANONYMOUS | MAP_PRIVATE, 0);
	KUNIT_ASSERT_NE(test, addr, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	KUNIT_ASSERT_EQ(test, put_user(42L, (long __user *)addr), 0);
	return addr;
}

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
 * @pend: It arrives while interrupts are disabled, and runs when they are enabled
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
		kunit_skip(test, "kpkeys is not enabled");
	return 0;
}

#endif /* MM_KPKEYS_TESTS_UTIL_H */
