// SPDX-License-Identifier: GPL-2.0-only
/* kpkeys_hardened_pgtables: KUnit tests of the protection. */

#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include "../kpkeys.h"
#include "early.h"
#include "util.h"

/* A page table from memblock: not every architecture has one of its own. */
void *kpkeys_test_early_pgtable __ro_after_init;

void __init kpkeys_test_early_init(void)
{
	phys_addr_t page = kpkeys_early_pgtable_alloc();

	if (page)
		kpkeys_test_early_pgtable = memset(__va(page), 0, PAGE_SIZE);
}

static void expect_protected(struct kunit *test, const struct test_entries *e)
{
	TEST_EXPECT_PROTECTED(test, e->pgd);
	TEST_EXPECT_PROTECTED(test, e->p4d);
	TEST_EXPECT_PROTECTED(test, e->pud);
	TEST_EXPECT_PROTECTED(test, e->pmd);
	TEST_EXPECT_PROTECTED(test, e->pte);
}

static void kernel_root_is_protected(struct kunit *test)
{
	int i;

	if (test_too_early(init_mm.pgd))
		kunit_skip(test, "it is in .rodata, which is not read-only yet");

	for (i = 0; i < PTRS_PER_PGD; i += PTRS_PER_PGD / 16)
		TEST_EXPECT_PROTECTED(test, init_mm.pgd + i);
	TEST_EXPECT_PROTECTED(test, init_mm.pgd + PTRS_PER_PGD - 1);
}

static void early_table_is_protected(struct kunit *test)
{
	long *table = kpkeys_test_early_pgtable;

	KUNIT_ASSERT_NOT_NULL(test, table);
	TEST_EXPECT_PROTECTED(test, table);
	TEST_EXPECT_PROTECTED(test, table + PTRS_PER_PTE - 1);

	scoped_guard(kpkeys_hardened_pgtables)
		KUNIT_EXPECT_TRUE(test, test_try_write(table));
}

static void kernel_tables_are_protected(struct kunit *test)
{
	const unsigned long size = min(2 * PMD_SIZE, (unsigned long)SZ_64M);
	struct test_entries e;
	char *mem;
	int i;

	/* More than a page table maps, unless that is half a gigabyte. */
	mem = vmalloc(size);
	KUNIT_ASSERT_NOT_NULL(test, mem);

	for (i = 0; i < 4; i++) {
		e = test_find_entries(test, &init_mm, (unsigned long)mem + i * size / 4);
		expect_protected(test, &e);
	}
	memset(mem, 0x5a, size);
	KUNIT_EXPECT_EQ(test, mem[size / 2 + 1], 0x5a);
	vfree(mem);
}

static void user_tables_are_protected(struct kunit *test)
{
	unsigned long addr = test_user_page(test);
	struct test_entries e = test_find_entries(test, current->mm, addr);
	long val = 0;

	expect_protected(test, &e);
	KUNIT_EXPECT_EQ(test, get_user(val, (long __user *)addr), 0);
	KUNIT_EXPECT_EQ(test, val, 42);
}

/* set_swapper_pgd() writes to a root in .rodata through this mapping. */
static void fixmap_alias_is_protected(struct kunit *test)
{
#ifdef pgd_set_fixmap
	pgd_t *pgd = pgd_set_fixmap(__pa_symbol(init_mm.pgd));

	KUNIT_EXPECT_FALSE(test, test_try_write(pgd));
	scoped_guard(kpkeys_hardened_pgtables)
		KUNIT_EXPECT_TRUE(test, test_try_write(pgd));
	pgd_clear_fixmap();
#else
	kunit_skip(test, "page tables are not mapped there");
#endif
}

/*
 * A page table that is freed goes back to the pool, and stays protected on the
 * way there and from then on.
 */
static void freed_table_stays_protected(struct kunit *test)
{
	unsigned long addr;
	struct test_entries e;
	struct page *page;
	int i;

	addr = test_user_page(test);
	e = test_find_entries(test, current->mm, addr);
	page = virt_to_page(e.pte);
	KUNIT_ASSERT_EQ(test, kpkeys_pool_page_state(page), KPKEYS_PAGE_PTP);

	KUNIT_ASSERT_EQ(test, vm_munmap(addr, PAGE_SIZE), 0);
	TEST_EXPECT_PROTECTED(test, e.pte);

	/* Lockless walkers may still look at it until then. */
	for (i = 0; i < 100 && kpkeys_pool_page_state(page) != KPKEYS_PAGE_FREE; i++) {
		rcu_barrier();
		msleep(20);
	}
	KUNIT_EXPECT_EQ(test, kpkeys_pool_page_state(page), KPKEYS_PAGE_FREE);
	TEST_EXPECT_PROTECTED(test, e.pte);
}

static void setters_write(struct kunit *test)
{
	unsigned long addr = test_user_page(test);
	struct test_entries e = test_find_entries(test, current->mm, addr);
	pte_t pte = READ_ONCE(*e.pte);

	/* Writing the old value must succeed, too. */
	set_pmd(e.pmd, READ_ONCE(*e.pmd));
	set_pud(e.pud, READ_ONCE(*e.pud));
	set_p4d(e.p4d, READ_ONCE(*e.p4d));

	set_pte(e.pte, pte_wrprotect(pte));
	KUNIT_EXPECT_FALSE(test, pte_write(READ_ONCE(*e.pte)));
	set_pte(e.pte, pte);
	KUNIT_EXPECT_EQ(test, pte_write(READ_ONCE(*e.pte)), pte_write(pte));
	ptep_set_wrprotect(current->mm, addr, e.pte);
	KUNIT_EXPECT_FALSE(test, pte_write(READ_ONCE(*e.pte)));
	pte_clear(current->mm, addr, e.pte);
	KUNIT_EXPECT_TRUE(test, pte_none(READ_ONCE(*e.pte)));
	set_pte(e.pte, pte);
	/* page_table_check counts mappings: clear and set in pairs. */
	ptep_get_and_clear(current->mm, addr, e.pte);
	KUNIT_EXPECT_TRUE(test, pte_none(READ_ONCE(*e.pte)));
	set_pte_at(current->mm, addr, e.pte, pte);
	KUNIT_EXPECT_TRUE(test, pte_present(READ_ONCE(*e.pte)));

	expect_protected(test, &e);
	KUNIT_EXPECT_EQ(test, test_reg(), kpkeys_ctx_table[KPKEYS_CTX_DEFAULT]);
}

/* Many page tables come and go. */
static void new_mappings_are_protected(struct kunit *test)
{
	unsigned long addr, i, size = 64 * PAGE_SIZE;
	struct test_entries e;

	for (i = 0; i < 16; i++) {
		addr = kunit_vm_mmap(test, NULL, 0, size, PROT_READ | PROT_WRITE,
				     MAP_ANONYMOUS | MAP_PRIVATE, 0);
		KUNIT_ASSERT_NE(test, addr, 0);
		KUNIT_ASSERT_EQ(test, clear_user((void __user *)addr, size), 0);
		e = test_find_entries(test, current->mm, addr + size - PAGE_SIZE);
		expect_protected(test, &e);
		KUNIT_ASSERT_EQ(test, vm_munmap(addr + i * PAGE_SIZE, PAGE_SIZE), 0);
		KUNIT_ASSERT_EQ(test, vm_munmap(addr, size), 0);
	}
}

/*
 * Lazy MMU sections
 */

static void lazy_section_switches_once(struct kunit *test)
{
	unsigned long addr = test_user_page(test);
	struct test_entries e = test_find_entries(test, current->mm, addr);
	pte_t pte = READ_ONCE(*e.pte);
	unsigned long flags, writes, lazy_writes;
	int i;

	/* Interrupts would be counted as well. */
	local_irq_save(flags);

	writes = raw_cpu_read(kpkeys_reg_writes);
	lazy_mmu_mode_enable();
	for (i = 0; i < 100; i++)
		set_pte(e.pte, pte);
	lazy_mmu_mode_disable();
	lazy_writes = raw_cpu_read(kpkeys_reg_writes) - writes;

	writes = raw_cpu_read(kpkeys_reg_writes);
	for (i = 0; i < 100; i++)
		set_pte(e.pte, pte);
	writes = raw_cpu_read(kpkeys_reg_writes) - writes;

	local_irq_restore(flags);
	KUNIT_EXPECT_EQ(test, lazy_writes, 2);
	KUNIT_EXPECT_EQ(test, writes, 200);
	expect_protected(test, &e);
}

static void lazy_sections_nest(struct kunit *test)
{
	u64 open = kpkeys_ctx_table[KPKEYS_CTX_PGTABLES];
	u64 closed = kpkeys_ctx_table[KPKEYS_CTX_DEFAULT];

	lazy_mmu_mode_enable();
	KUNIT_EXPECT_EQ(test, test_reg(), open);
	lazy_mmu_mode_enable();
	KUNIT_EXPECT_EQ(test, test_reg(), open);
	lazy_mmu_mode_disable();
	KUNIT_EXPECT_EQ(test, test_reg(), open);

	lazy_mmu_mode_pause();
	KUNIT_EXPECT_EQ(test, test_reg(), closed);
	lazy_mmu_mode_pause();
	lazy_mmu_mode_resume();
	KUNIT_EXPECT_EQ(test, test_reg(), closed);
	lazy_mmu_mode_resume();
	KUNIT_EXPECT_EQ(test, test_reg(), open);

	/* A setter in the section must not end it. */
	scoped_guard(kpkeys_hardened_pgtables)
		KUNIT_EXPECT_EQ(test, test_reg(), open);
	KUNIT_EXPECT_EQ(test, test_reg(), open);

	lazy_mmu_mode_disable();
	KUNIT_EXPECT_EQ(test, test_reg(), closed);
}

/*
 * Pages of the pool keep what was in them: zeroing one has a guard of its own,
 * which must not end the section.
 */
static void lazy_section_allocates_zeroed_tables(struct kunit *test)
{
	struct ptdesc *pt[4] = { };
	bool zeroed = true;
	u64 reg;
	int i;

	for (i = 0; i < ARRAY_SIZE(pt); i++) {
		pt[i] = pagetable_alloc(GFP_KERNEL, 0);
		KUNIT_ASSERT_NOT_NULL(test, pt[i]);
		scoped_guard(kpkeys_hardened_pgtables)
			memset(ptdesc_address(pt[i]), 0x5a, PAGE_SIZE);
	}
	for (i = 0; i < ARRAY_SIZE(pt); i++)
		pagetable_free(pt[i]);

	lazy_mmu_mode_enable();
	for (i = 0; i < ARRAY_SIZE(pt); i++)
		pt[i] = pagetable_alloc(GFP_NOWAIT | __GFP_ZERO, 0);
	reg = test_reg();
	lazy_mmu_mode_disable();
	KUNIT_EXPECT_EQ(test, reg, kpkeys_ctx_table[KPKEYS_CTX_PGTABLES]);

	for (i = 0; i < ARRAY_SIZE(pt); i++) {
		KUNIT_EXPECT_NOT_NULL(test, pt[i]);
		if (!pt[i])
			continue;
		if (memchr_inv(ptdesc_address(pt[i]), 0, PAGE_SIZE))
			zeroed = false;
		pagetable_free(pt[i]);
	}
	KUNIT_EXPECT_TRUE(test, zeroed);
}

struct irq_args {
	pte_t *ptep;
	pte_t pte;
	u64 reg;
	u64 lazy_reg;
	u64 after_reg;
	bool write;
	bool set;
};

static void use_page_table(void *arg)
{
	struct irq_args *args = arg;

	args->reg = test_reg();
	args->write = test_try_write(args->ptep);

	/* No effect in interrupt context, so setters switch for themselves. */
	lazy_mmu_mode_enable();
	args->lazy_reg = test_reg();
	set_pte(args->ptep, args->pte);
	args->set = pte_same(READ_ONCE(*args->ptep), args->pte);
	lazy_mmu_mode_disable();
	args->after_reg = test_reg();
}

static void run_lazy_irq(struct kunit *test, bool pend)
{
	u64 closed = kpkeys_ctx_table[KPKEYS_CTX_DEFAULT];
	unsigned long addr = test_user_page(test);
	struct test_entries e = test_find_entries(test, current->mm, addr);
	struct irq_args args = { .ptep = e.pte, .pte = READ_ONCE(*e.pte) };
	int i;

	for (i = 0; i < 10; i++) {
		lazy_mmu_mode_enable();
		test_in_irq(use_page_table, &args, pend);
		KUNIT_EXPECT_EQ(test, test_reg(), kpkeys_ctx_table[KPKEYS_CTX_PGTABLES]);
		set_pte(e.pte, args.pte);
		lazy_mmu_mode_disable();

		KUNIT_EXPECT_EQ(test, args.reg, closed);
		KUNIT_EXPECT_FALSE(test, args.write);
		KUNIT_EXPECT_EQ(test, args.lazy_reg, closed);
		KUNIT_EXPECT_TRUE(test, args.set);
		KUNIT_EXPECT_EQ(test, args.after_reg, closed);
		KUNIT_EXPECT_EQ(test, test_reg(), closed);
	}
}

static void irq_in_lazy_section_runs_in_default_ctx(struct kunit *test)
{
	run_lazy_irq(test, false);
}

static void deferred_irq_in_lazy_section_runs_in_default_ctx(struct kunit *test)
{
	run_lazy_irq(test, true);
}

/*
 * A thread in a lazy MMU section that is preempted on the way out of an
 * interrupt, and resumed there: the scheduler may free page tables at once, on
 * behalf of the thread, before the interrupt returns (finish_task_switch()).
 */

struct preempted {
	struct preempt_notifier notifier;
	struct completion wake;
	struct ptdesc *pt;
	pte_t *ptep;
	pte_t pte;
	unsigned int nr_resumed;
	bool in_section;
	bool set;
	u64 reg;
};

static void preempted_resume(struct preempt_notifier *notifier, int cpu)
{
	struct preempted *p = container_of(notifier, struct preempted, notifier);

	if (!READ_ONCE(p->in_section))
		return;

	p->nr_resumed++;
	p->reg = test_reg();
	set_pte(p->ptep, p->pte);
	p->set = pte_same(READ_ONCE(*p->ptep), p->pte);
	if (p->pt)
		pagetable_free(p->pt);
	p->pt = pagetable_alloc(GFP_NOWAIT | __GFP_ZERO, 0);
}

static void preempted_switch_out(struct preempt_notifier *notifier,
				 struct task_struct *next)
{
}

static struct preempt_ops preempted_ops = {
	.sched_in = preempted_resume,
	.sched_out = preempted_switch_out,
};

static int preempter_fn(void *arg)
{
	struct preempted *p = arg;

	while (!kthread_should_stop())
		wait_for_completion(&p->wake);
	return 0;
}

static void wake_preempter(void *arg)
{
	struct preempted *p = arg;

	complete(&p->wake);
}

static void preempted_lazy_section_keeps_ctx(struct kunit *test)
{
	unsigned long addr = test_user_page(test);
	struct test_entries e = test_find_entries(test, current->mm, addr);
	struct preempted p = { .ptep = e.pte, .pte = READ_ONCE(*e.pte) };
	struct task_struct *preempter;
	int i;

	if (!preempt_model_preemptible())
		kunit_skip(test, "the kernel cannot be preempted");

	init_completion(&p.wake);
	p.pt = pagetable_alloc(GFP_KERNEL | __GFP_ZERO, 0);
	KUNIT_ASSERT_NOT_NULL(test, p.pt);

	migrate_disable();
	preempter = kthread_run_on_cpu(preempter_fn, &p, raw_smp_processor_id(),
				       "kpkeys_test/%u");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, preempter);
	sched_set_fifo(preempter);
	preempt_notifier_inc();
	preempt_notifier_init(&p.notifier, &preempted_ops);
	preempt_notifier_register(&p.notifier);

	for (i = 0; i < 10; i++) {
		p.nr_resumed = 0;

		lazy_mmu_mode_enable();
		WRITE_ONCE(p.in_section, true);
		test_in_irq(wake_preempter, &p, false);
		WRITE_ONCE(p.in_section, false);
		set_pte(p.ptep, p.pte);
		lazy_mmu_mode_disable();

		KUNIT_EXPECT_GE(test, p.nr_resumed, 1);
		KUNIT_EXPECT_EQ(test, p.reg, kpkeys_ctx_table[KPKEYS_CTX_PGTABLES]);
		KUNIT_EXPECT_TRUE(test, p.set);
		KUNIT_EXPECT_EQ(test, test_reg(), kpkeys_ctx_table[KPKEYS_CTX_DEFAULT]);
	}

	preempt_notifier_unregister(&p.notifier);
	preempt_notifier_dec();
	/* Wake it, so that it sees the request to stop. */
	get_task_struct(preempter);
	complete_all(&p.wake);
	kthread_stop_put(preempter);
	migrate_enable();
	if (p.pt)
		pagetable_free(p.pt);
}

/*
 * The audit: that it finds nothing, and that it would.
 */

static void audit_finds_nothing(struct kunit *test)
{
	test_user_page(test);
	KUNIT_EXPECT_EQ(test, kpkeys_audit(), 0);
}

static void audit_finds_unprotected_table(struct kunit *test)
{
	unsigned long addr = test_user_page(test);
	struct test_entries e = test_find_entries(test, current->mm, addr);
	unsigned long table = (unsigned long)e.pte & PAGE_MASK;

	KUNIT_ASSERT_EQ(test, set_memory_pkey(table, 1, KPKEYS_PKEY_DEFAULT), 0);
	KUNIT_EXPECT_EQ(test, kpkeys_audit(), 1);
	KUNIT_EXPECT_TRUE(test, test_try_write(e.pte));
	KUNIT_ASSERT_EQ(test, set_memory_pkey(table, 1, KPKEYS_PKEY_PGTABLES), 0);
	KUNIT_EXPECT_EQ(test, kpkeys_audit(), 0);
}

static void audit_finds_writable_alias(struct kunit *test)
{
	struct ptdesc *pt = pagetable_alloc(GFP_KERNEL, 0);
	struct page *page;
	bool writable;
	long violations;
	void *alias;

	KUNIT_ASSERT_NOT_NULL(test, pt);
	page = ptdesc_page(pt);
	alias = vmap(&page, 1, VM_MAP, PAGE_KERNEL);
	KUNIT_EXPECT_NOT_NULL(test, alias);
	violations = kpkeys_audit();
	/* set_memory_pkey() does not change other mappings. */
	writable = alias && test_try_write(alias);
	vunmap(alias);
	vm_unmap_aliases();
	pagetable_free(pt);

	KUNIT_EXPECT_TRUE(test, writable);
	KUNIT_EXPECT_EQ(test, violations, 1);
	KUNIT_EXPECT_EQ(test, kpkeys_audit(), 0);
}

static void audit_finds_other_protected_page(struct kunit *test)
{
	unsigned long page = __get_free_page(GFP_KERNEL);

	KUNIT_ASSERT_NE(test, page, 0);
	KUNIT_ASSERT_EQ(test, set_memory_pkey(page, 1, KPKEYS_PKEY_PGTABLES), 0);
	KUNIT_EXPECT_EQ(test, kpkeys_audit(), 1);
	KUNIT_ASSERT_EQ(test, set_memory_pkey(page, 1, KPKEYS_PKEY_DEFAULT), 0);
	KUNIT_EXPECT_EQ(test, kpkeys_audit(), 0);
	free_page(page);
}

static struct kunit_case pgtables_cases[] = {
	KUNIT_CASE(kernel_root_is_protected),
	KUNIT_CASE(early_table_is_protected),
	KUNIT_CASE(kernel_tables_are_protected),
	KUNIT_CASE(user_tables_are_protected),
	KUNIT_CASE(fixmap_alias_is_protected),
	KUNIT_CASE(freed_table_stays_protected),
	KUNIT_CASE(setters_write),
	KUNIT_CASE(new_mappings_are_protected),
	KUNIT_CASE(lazy_section_switches_once),
	KUNIT_CASE(lazy_sections_nest),
	KUNIT_CASE(lazy_section_allocates_zeroed_tables),
	KUNIT_CASE(irq_in_lazy_section_runs_in_default_ctx),
	KUNIT_CASE(deferred_irq_in_lazy_section_runs_in_default_ctx),
	KUNIT_CASE(preempted_lazy_section_keeps_ctx),
	KUNIT_CASE(audit_finds_nothing),
	KUNIT_CASE(audit_finds_unprotected_table),
	KUNIT_CASE(audit_finds_writable_alias),
	KUNIT_CASE(audit_finds_other_protected_page),
	{}
};

static struct kunit_suite pgtables_suite = {
	.name = "kpkeys_pgtables",
	.init = test_skip_if_disabled,
	.test_cases = pgtables_cases,
};

kunit_test_suite(pgtables_suite);
