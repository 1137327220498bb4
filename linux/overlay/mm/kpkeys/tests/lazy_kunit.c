// SPDX-License-Identifier: GPL-2.0-only
/* kpkeys_hardened_pgtables: KUnit tests of entries that are written later. */

#include <kunit/test.h>
#include <linux/bottom_half.h>
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sizes.h>
#include <linux/vmalloc.h>
#include "../kpkeys.h"
#include "../lazy.h"
#include "util.h"

#define CLOSED	kpkeys_ctx_table[KPKEYS_CTX_DEFAULT]

static int lazy_init(struct kunit *test)
{
	int err = test_skip_if_disabled(test);

	if (!err && !static_key_enabled(&kpkeys_lazy_key))
		kunit_skip(test, "kpkeys_lazy=off");
	return err;
}

/**
 * struct page_entry - A page of the test's mm
 * @addr: Its address
 * @ptep: What maps it, in a table of its own
 * @old: The value of the entry, which is writable
 * @new: Another one
 */
struct page_entry {
	unsigned long addr;
	pte_t *ptep;
	pte_t old;
	pte_t new;
};

static struct page_entry new_entry(struct kunit *test)
{
	static unsigned long next = SZ_4G + PAGE_SIZE;
	struct page_entry e = { };

	/* Alone in a table, and too small for a huge page. */
	e.addr = kunit_vm_mmap(test, NULL, next, PAGE_SIZE, PROT_READ | PROT_WRITE,
			       MAP_ANONYMOUS | MAP_PRIVATE | MAP_FIXED_NOREPLACE, 0);
	KUNIT_ASSERT_EQ(test, e.addr, next);
	next += PMD_SIZE;
	KUNIT_ASSERT_EQ(test, put_user(42L, (long __user *)e.addr), 0);
	e.ptep = test_find_entries(test, current->mm, e.addr).pte;
	e.old = READ_ONCE(*e.ptep);
	e.new = pte_wrprotect(e.old);
	KUNIT_ASSERT_FALSE(test, pte_same(e.old, e.new));
	return e;
}

static void set(const struct page_entry *e, pte_t pte)
{
	set_pte_at(current->mm, e->addr, e->ptep, pte);
}

static bool is_written(const struct page_entry *e, pte_t pte)
{
	return pte_same(READ_ONCE(*e->ptep), pte);
}

static bool is_seen(const struct page_entry *e, pte_t pte)
{
	return pte_same(ptep_get(e->ptep), pte);
}

/*
 * Preemption would end the section. What is expected is noted meanwhile, and reported when it
 * is enabled again.
 */
#define EXPECT_LATER(nr, cond)	((nr) += !(cond))

static void entries_are_written_at_end(struct kunit *test)
{
	struct page_entry e = new_entry(test);
	unsigned int wrong = 0;

	scoped_guard(preempt) {
		lazy_mmu_mode_enable();
		set(&e, e.new);
		EXPECT_LATER(wrong, is_written(&e, e.old));
		EXPECT_LATER(wrong, is_seen(&e, e.new));
		EXPECT_LATER(wrong, test_reg() == CLOSED);
		set(&e, e.old);
		set(&e, e.new);
		EXPECT_LATER(wrong, is_seen(&e, e.new));
		lazy_mmu_mode_disable();
		EXPECT_LATER(wrong, is_written(&e, e.new));
		EXPECT_LATER(wrong, test_reg() == CLOSED);
		set(&e, e.old);
		EXPECT_LATER(wrong, is_written(&e, e.old));
	}
	KUNIT_EXPECT_EQ(test, wrong, 0);
	TEST_EXPECT_PROTECTED(test, e.ptep);
}

static unsigned long count_writes(const struct page_entry *e, bool lazy)
{
	unsigned long writes;
	int i;

	/* Interrupts would be counted as well. */
	guard(irqsave)();
	writes = raw_cpu_read(kpkeys_reg_writes);
	if (lazy)
		lazy_mmu_mode_enable();
	for (i = 0; i < 100; i++)
		set(e, e->old);
	if (lazy)
		lazy_mmu_mode_disable();
	return raw_cpu_read(kpkeys_reg_writes) - writes;
}

static void section_switches_once(struct kunit *test)
{
	struct page_entry e = new_entry(test);
	unsigned long writes[2] = { ULONG_MAX, ULONG_MAX };
	int i;

	/* NMIs arrive all the same, but not each time. */
	for (i = 0; i < 10; i++) {
		writes[0] = min(writes[0], count_writes(&e, false));
		writes[1] = min(writes[1], count_writes(&e, true));
	}
	KUNIT_EXPECT_EQ(test, writes[0], 200);
	KUNIT_EXPECT_EQ(test, writes[1], 2);
}

/* Changes of one entry, each of which may be the last one. */
static void last_change_counts(struct kunit *test)
{
	struct page_entry e = new_entry(test);
	struct mm_struct *mm = current->mm;
	unsigned int wrong = 0;

	scoped_guard(preempt) {
		lazy_mmu_mode_enable();
		ptep_set_wrprotect(mm, e.addr, e.ptep);
		EXPECT_LATER(wrong, is_written(&e, e.old) && is_seen(&e, e.new));
		lazy_mmu_mode_disable();
		EXPECT_LATER(wrong, is_written(&e, e.new));

		lazy_mmu_mode_enable();
		set(&e, e.old);
		ptep_set_wrprotect(mm, e.addr, e.ptep);
		EXPECT_LATER(wrong, is_seen(&e, e.new));
		lazy_mmu_mode_disable();
		EXPECT_LATER(wrong, is_written(&e, e.new));

		lazy_mmu_mode_enable();
		set(&e, e.old);
		pte_clear(mm, e.addr, e.ptep);
		EXPECT_LATER(wrong, pte_none(ptep_get(e.ptep)));
		EXPECT_LATER(wrong, is_written(&e, e.new));
		lazy_mmu_mode_disable();
		EXPECT_LATER(wrong, pte_none(READ_ONCE(*e.ptep)));

		lazy_mmu_mode_enable();
		set(&e, e.new);
		ptep_set_wrprotect(mm, e.addr, e.ptep);
		set(&e, e.old);
		lazy_mmu_mode_disable();
		EXPECT_LATER(wrong, is_written(&e, e.old));
	}
	KUNIT_EXPECT_EQ(test, wrong, 0);
}

/* Who disables bottom halves is still the thread that has noted. */
static void section_goes_on_without_bh(struct kunit *test)
{
	struct page_entry e = new_entry(test);
	unsigned int wrong = 0;

	scoped_guard(preempt) {
		lazy_mmu_mode_enable();
		set(&e, e.new);
		local_bh_disable();
		set(&e, e.old);
		EXPECT_LATER(wrong, is_seen(&e, e.old));
		local_bh_enable();
		EXPECT_LATER(wrong, is_seen(&e, e.old));
		lazy_mmu_mode_disable();
		EXPECT_LATER(wrong, is_written(&e, e.old));
	}
	KUNIT_EXPECT_EQ(test, wrong, 0);
}

static unsigned int clear_in_section(const struct page_entry *e, bool shared)
{
	unsigned int wrong = 0;
	pte_t pte;

	guard(preempt)();

	lazy_mmu_mode_enable();
	set(e, e->new);
	pte = ptep_get_and_clear(current->mm, e->addr, e->ptep);
	EXPECT_LATER(wrong, pte_same(pte, e->new));
	EXPECT_LATER(wrong, pte_none(ptep_get(e->ptep)));
	EXPECT_LATER(wrong, pte_none(READ_ONCE(*e->ptep)) == shared);
	lazy_mmu_mode_disable();
	EXPECT_LATER(wrong, pte_none(READ_ONCE(*e->ptep)));
	set(e, e->old);
	return wrong;
}

/* What returns the value of an entry that others use has to change it at once. */
static void shared_entry_is_cleared_at_once(struct kunit *test)
{
	struct page_entry e = new_entry(test);

	/* The mm of KUnit is nobody else's. */
	KUNIT_EXPECT_EQ(test, atomic_read(&current->mm->mm_users), 1);
	KUNIT_EXPECT_EQ(test, clear_in_section(&e, false), 0);
	mmget(current->mm);
	KUNIT_EXPECT_EQ(test, clear_in_section(&e, true), 0);
	mmput(current->mm);
}

/* More tables than there is room for. */
static void tables_are_written(struct kunit *test)
{
	struct page_entry e[KPKEYS_LAZY_WINDOWS + 2];
	unsigned int i, wrong = 0;

	for (i = 0; i < ARRAY_SIZE(e); i++)
		e[i] = new_entry(test);

	scoped_guard(preempt) {
		lazy_mmu_mode_enable();
		for (i = 0; i < ARRAY_SIZE(e); i++)
			set(&e[i], e[i].new);
		for (i = 0; i < ARRAY_SIZE(e); i++)
			EXPECT_LATER(wrong, is_seen(&e[i], e[i].new));
		lazy_mmu_mode_disable();
		for (i = 0; i < ARRAY_SIZE(e); i++) {
			EXPECT_LATER(wrong, is_written(&e[i], e[i].new));
			set(&e[i], e[i].old);
		}
	}
	KUNIT_EXPECT_EQ(test, wrong, 0);
}

/* The end of an inner section ends the outer one, whose setters still work. */
static void sections_nest(struct kunit *test)
{
	struct page_entry e = new_entry(test);
	unsigned int wrong = 0;

	scoped_guard(preempt) {
		lazy_mmu_mode_enable();
		set(&e, e.new);
		lazy_mmu_mode_enable();
		EXPECT_LATER(wrong, is_written(&e, e.old));
		lazy_mmu_mode_disable();
		EXPECT_LATER(wrong, is_written(&e, e.new));
		set(&e, e.old);
		EXPECT_LATER(wrong, is_written(&e, e.old));

		lazy_mmu_mode_enable();
		set(&e, e.new);
		lazy_mmu_mode_pause();
		EXPECT_LATER(wrong, is_written(&e, e.new));
		set(&e, e.old);
		EXPECT_LATER(wrong, is_written(&e, e.old));
		lazy_mmu_mode_resume();
		lazy_mmu_mode_disable();
		lazy_mmu_mode_disable();
	}
	KUNIT_EXPECT_EQ(test, wrong, 0);
}

/* The counters are in memory that anybody can write to. */
static void section_ends_whatever_counters_say(struct kunit *test)
{
	struct lazy_mmu_state *state = &current->lazy_mmu_state;
	struct page_entry e = new_entry(test);
	unsigned int wrong = 0;

	scoped_guard(preempt) {
		lazy_mmu_mode_enable();
		set(&e, e.new);
		state->enable_count++;
		lazy_mmu_mode_disable();
		EXPECT_LATER(wrong, is_written(&e, e.new));
		state->enable_count--;

		lazy_mmu_mode_enable();
		set(&e, e.old);
		state->pause_count++;
		lazy_mmu_mode_disable();
		EXPECT_LATER(wrong, is_written(&e, e.old));
		state->pause_count--;
		state->enable_count--;
	}
	KUNIT_EXPECT_EQ(test, wrong, 0);
}

/* Another thread that runs on the CPU finds nothing to write. */
static void sleep_ends_section(struct kunit *test)
{
	struct page_entry e = new_entry(test);

	lazy_mmu_mode_enable();
	set(&e, e.new);
	/* Calls schedule() in any case, unlike usleep_range(). */
	schedule_timeout_uninterruptible(1);
	KUNIT_EXPECT_TRUE(test, is_written(&e, e.new));
	set(&e, e.old);
	KUNIT_EXPECT_TRUE(test, is_written(&e, e.old));
	lazy_mmu_mode_disable();
}

/* Some code flushes the TLB before it ends the section. */
static void tlb_flush_writes(struct kunit *test)
{
	struct page_entry e = new_entry(test);
	struct vm_area_struct *vma;
	unsigned int wrong = 0;

	mmap_read_lock(current->mm);
	vma = vma_lookup(current->mm, e.addr);
	scoped_guard(preempt) {
		lazy_mmu_mode_enable();
		set(&e, e.new);
		flush_tlb_range(vma, e.addr, e.addr + PAGE_SIZE);
		EXPECT_LATER(wrong, is_written(&e, e.new));
		set(&e, e.old);
		flush_tlb_mm(current->mm);
		EXPECT_LATER(wrong, is_written(&e, e.old));
		set(&e, e.new);
		flush_tlb_kernel_range(VMALLOC_START, VMALLOC_START + PAGE_SIZE);
		EXPECT_LATER(wrong, is_written(&e, e.new));
		set(&e, e.old);
		lazy_mmu_mode_disable();
	}
	mmap_read_unlock(current->mm);
	KUNIT_EXPECT_EQ(test, wrong, 0);
}

/* Those of the vmalloc area can wait, those of the linear map are used at once. */
static void kernel_entries_can_wait(struct kunit *test)
{
	unsigned long page = __get_free_page(GFP_KERNEL);
	struct page_entry e = new_entry(test);
	unsigned int wrong = 0;

	KUNIT_ASSERT_NE(test, page, 0);
	scoped_guard(preempt) {
		lazy_mmu_mode_enable();
		/* Whose entry it is does not matter here. */
		set_pte_at(&init_mm, page, e.ptep, e.new);
		EXPECT_LATER(wrong, is_written(&e, e.new));
		set_pte(e.ptep, e.old);
		EXPECT_LATER(wrong, is_written(&e, e.old));
		set_pte_at(&init_mm, VMALLOC_START, e.ptep, e.new);
		EXPECT_LATER(wrong, is_written(&e, e.old) && is_seen(&e, e.new));
		set_pte(e.ptep, e.old);
		EXPECT_LATER(wrong, is_written(&e, e.old));
		lazy_mmu_mode_disable();
		EXPECT_LATER(wrong, is_written(&e, e.old));
	}
	free_page(page);
	KUNIT_EXPECT_EQ(test, wrong, 0);
}

struct irq_args {
	const struct page_entry *noted;
	const struct page_entry *other;
	unsigned int wrong;
};

/* Reads what will be written, and writes at once. */
static void use_in_irq(void *arg)
{
	struct irq_args *args = arg;

	EXPECT_LATER(args->wrong, test_reg() == CLOSED);
	EXPECT_LATER(args->wrong, is_written(args->noted, args->noted->old));
	EXPECT_LATER(args->wrong, is_seen(args->noted, args->noted->new));
	EXPECT_LATER(args->wrong, !test_try_write(args->noted->ptep));

	lazy_mmu_mode_enable();
	set_pte_at(current->mm, args->other->addr, args->other->ptep, args->other->new);
	EXPECT_LATER(args->wrong, is_written(args->other, args->other->new));
	lazy_mmu_mode_disable();
	/* The section is the thread's. */
	EXPECT_LATER(args->wrong, is_written(args->noted, args->noted->old));
}

static void interrupt_section(struct kunit *test, bool pend)
{
	struct page_entry e = new_entry(test), other = new_entry(test);
	struct irq_args args = { &e, &other };
	int i;

	for (i = 0; i < 10; i++) {
		guard(preempt)();

		lazy_mmu_mode_enable();
		set(&e, e.new);
		test_in_irq(use_in_irq, &args, pend);
		EXPECT_LATER(args.wrong, is_written(&e, e.old) && is_seen(&e, e.new));
		lazy_mmu_mode_disable();
		EXPECT_LATER(args.wrong, is_written(&e, e.new));
		set(&e, e.old);
		set(&other, other.old);
	}
	KUNIT_EXPECT_EQ(test, args.wrong, 0);
}

static void irq_leaves_section_alone(struct kunit *test)
{
	interrupt_section(test, false);
}

static void deferred_irq_leaves_section_alone(struct kunit *test)
{
	interrupt_section(test, true);
}

/*
 * The notes are in memory that anybody can write to
 */

static struct kpkeys_lazy_window *note(const struct page_entry *e)
{
	struct kpkeys_lazy *lazy = this_cpu_ptr(&kpkeys_lazy);
	unsigned int i;

	set(e, e->old);
	for (i = 0; i < KPKEYS_LAZY_WINDOWS; i++)
		if (lazy->windows[i].start == (unsigned long)e->ptep)
			return &lazy->windows[i];
	return NULL;
}

/* Forges notes of a value for all entries of a page. Returns the number of violations. */
static unsigned long write_note(const struct page_entry *e, unsigned long base, u64 val)
{
	struct kpkeys_lazy_window *w;
	unsigned int i;

	guard(preempt)();

	test_nr_violations = 0;
	lazy_mmu_mode_enable();
	w = note(e);
	if (w) {
		w->start = base;
		w->end = ALIGN(base + 1, KPKEYS_LAZY_WINDOW_SIZE);
		for (i = 0; i < KPKEYS_LAZY_ENTRIES; i++)
			w->values[i] = val;
	}
	lazy_mmu_mode_disable();
	return w ? test_nr_violations : 0;
}

static void expect_unchanged(struct kunit *test, const struct page_entry *e, const void *page)
{
	u64 vals[] = { 0, pte_val(e->old) };
	void *before = kunit_kmalloc(test, PAGE_SIZE, GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, before);
	memcpy(before, page, PAGE_SIZE);
	for (i = 0; i < ARRAY_SIZE(vals); i++) {
		KUNIT_EXPECT_GE(test, write_note(e, (unsigned long)page, vals[i]), 1);
		KUNIT_EXPECT_MEMEQ(test, page, before, PAGE_SIZE);
		/* The last of the entries would be in the next page. */
		KUNIT_EXPECT_GE(test, write_note(e, (unsigned long)page + 1, vals[i]), 1);
		KUNIT_EXPECT_MEMEQ(test, page, before, PAGE_SIZE);
	}
}

static void forged_notes_write_no_other_table(struct kunit *test)
{
	struct page_entry e = new_entry(test);
	pmd_t *pmdp = test_find_entries(test, current->mm, e.addr).pmd;
	u16 *wordp = kpkeys_frame_wordp(page_to_pfn(virt_to_page(e.ptep)));
	void *ordinary = kunit_kzalloc(test, 2 * PAGE_SIZE, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, ordinary);
	test_provoke_violations(test);
	expect_unchanged(test, &e, PTR_ALIGN_DOWN(pmdp, PAGE_SIZE));
	/* What frames are, and which section was interrupted. */
	expect_unchanged(test, &e, PTR_ALIGN_DOWN(wordp, PAGE_SIZE));
	expect_unchanged(test, &e, kpkeys_interrupted);
	/* Nor what setters may write to, as long as nobody uses it as a table. */
	expect_unchanged(test, &e, ordinary);
}

/* A value is checked as if it came from a setter. */
static void forged_notes_map_no_table(struct kunit *test)
{
	struct page_entry e = new_entry(test);
	pte_t pte = pfn_pte(page_to_pfn(virt_to_page(e.ptep)), pte_pgprot(e.old));
	struct kpkeys_lazy_window *w = NULL;
	unsigned long violations = 0;

	test_provoke_violations(test);
	scoped_guard(preempt) {
		test_nr_violations = 0;
		lazy_mmu_mode_enable();
		w = note(&e);
		if (w)
			w->values[(w->start & (KPKEYS_LAZY_WINDOW_SIZE - 1)) / sizeof(u64)] =
				pte_val(pte);
		lazy_mmu_mode_disable();
		violations = test_nr_violations;
	}
	KUNIT_EXPECT_NOT_NULL(test, w);
	KUNIT_EXPECT_EQ(test, violations, 1);
	KUNIT_EXPECT_TRUE(test, is_written(&e, e.old));
}

/* Nothing of it is lost if one of the entries is refused. */
static void refused_entry_does_not_end_flush(struct kunit *test)
{
	struct page_entry e = new_entry(test);
	struct mm_struct *mm = current->mm;
	unsigned int i, nr = 4, wrong = 0;
	unsigned long violations;
	pte_t bad = pfn_pte(page_to_pfn(virt_to_page(e.ptep)), pte_pgprot(e.old));

	test_provoke_violations(test);
	scoped_guard(preempt) {
		test_nr_violations = 0;
		lazy_mmu_mode_enable();
		/* A page that is mapped three times for a moment, and one that must not be. */
		for (i = 1; i <= nr; i++)
			set_pte_at(mm, e.addr + i * PAGE_SIZE, e.ptep + i, i == 2 ? bad : e.new);
		lazy_mmu_mode_disable();
		violations = test_nr_violations;
		for (i = 1; i <= nr; i++) {
			pte_t want = i == 2 ? __pte(0) : e.new;

			EXPECT_LATER(wrong, pte_same(READ_ONCE(e.ptep[i]), want));
			pte_clear(mm, e.addr + i * PAGE_SIZE, e.ptep + i);
		}
		flush_tlb_mm(mm);
	}
	KUNIT_EXPECT_EQ(test, violations, 1);
	KUNIT_EXPECT_EQ(test, wrong, 0);
}

static struct kunit_case lazy_cases[] = {
	KUNIT_CASE(entries_are_written_at_end),
	KUNIT_CASE(section_switches_once),
	KUNIT_CASE(last_change_counts),
	KUNIT_CASE(section_goes_on_without_bh),
	KUNIT_CASE(shared_entry_is_cleared_at_once),
	KUNIT_CASE(tables_are_written),
	KUNIT_CASE(sections_nest),
	KUNIT_CASE(section_ends_whatever_counters_say),
	KUNIT_CASE(sleep_ends_section),
	KUNIT_CASE(tlb_flush_writes),
	KUNIT_CASE(kernel_entries_can_wait),
	KUNIT_CASE(irq_leaves_section_alone),
	KUNIT_CASE(deferred_irq_leaves_section_alone),
	KUNIT_CASE(forged_notes_write_no_other_table),
	KUNIT_CASE(forged_notes_map_no_table),
	KUNIT_CASE(refused_entry_does_not_end_flush),
	{}
};

static struct kunit_suite lazy_suite = {
	.name = "kpkeys_lazy",
	.init = lazy_init,
	.test_cases = lazy_cases,
};

kunit_test_suite(lazy_suite);

MODULE_DESCRIPTION("KUnit tests for kpkeys: lazy MMU sections");
MODULE_LICENSE("GPL");
