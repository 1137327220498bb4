// SPDX-License-Identifier: GPL-2.0-only
/* kpkeys: KUnit tests for the types of page frames, and for what they forbid. */

#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/hrtimer.h>
#include <linux/io.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/smp.h>
#include <linux/vmalloc.h>
#include <asm/pgalloc.h>
#include "../pool.h"
#include "util.h"

#define GFP_PTP	(GFP_KERNEL | __GFP_ZERO | __GFP_SKIP_KASAN)

/* A page table of no level, in the linear map; freed by free_table(). */
static void *alloc_table(struct kunit *test)
{
	struct ptdesc *pt = pagetable_alloc(GFP_PTP, 0);

	KUNIT_ASSERT_NOT_NULL(test, pt);
	return ptdesc_address(pt);
}

static void free_table(void *table)
{
	pagetable_free(virt_to_ptdesc(table));
}

static unsigned long pfn_of(const void *table)
{
	return PHYS_PFN(__pa(table));
}

#define EXPECT_FRAME(test, table, type, links) do {			\
	KUNIT_EXPECT_EQ(test, kpkeys_frame_type(pfn_of(table)),		\
			KPKEYS_FRAME_##type);				\
	KUNIT_EXPECT_EQ(test, kpkeys_frame_links(pfn_of(table)), links); \
} while (0)

/* How many violations there were since the last call. */
static unsigned long take_violations(void)
{
	unsigned long nr = test_nr_violations;

	test_nr_violations = 0;
	return nr;
}

static struct page *ordinary_page(struct kunit *test, unsigned int order)
{
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_ZERO, order);

	KUNIT_ASSERT_NOT_NULL(test, page);
	/* Else somebody may be splitting what maps it, by a new table that maps it, too. */
	(void)arch_kpkeys_split((unsigned long)page_address(page), 1 << order);
	return page;
}

/*
 * Transitions
 */

#define ALLOW(from, to)	\
	[KPKEYS_FRAME_##from][KPKEYS_FRAME_##to] = true

/* Written down once more: a change of the table in frame.c must be a deliberate one. */
static const bool legal[KPKEYS_NR_FRAME_TYPES][KPKEYS_NR_FRAME_TYPES] = {
	ALLOW(NONE, ENTERING), ALLOW(NONE, IMAGE),
	ALLOW(ENTERING, NONE), ALLOW(ENTERING, FREE), ALLOW(ENTERING, PTP),
	ALLOW(FREE, PTP), ALLOW(FREE, ENTERING),
	ALLOW(PTP, FREE), ALLOW(PTP, ENTERING), ALLOW(PTP, PTE), ALLOW(PTP, PMD),
	ALLOW(PTP, PUD), ALLOW(PTP, P4D), ALLOW(PTP, PGD), ALLOW(PTP, ROOT),
	ALLOW(PTP, META),
	ALLOW(PTE, FREE), ALLOW(PTE, ENTERING), ALLOW(PTE, PTP),
	ALLOW(PMD, FREE), ALLOW(PMD, ENTERING), ALLOW(PMD, PTP),
	ALLOW(PUD, FREE), ALLOW(PUD, ENTERING), ALLOW(PUD, PTP),
	ALLOW(P4D, FREE), ALLOW(P4D, ENTERING), ALLOW(P4D, PTP),
	ALLOW(PGD, FREE), ALLOW(PGD, ENTERING), ALLOW(PGD, PTP),
	ALLOW(ROOT, PGD),
};

/* A PTP of the pool becomes free there, others leave. */
static bool is_legal(unsigned int from, unsigned int to, bool unpooled)
{
	if (from >= KPKEYS_FRAME_PTP &&
	    to == (unpooled ? KPKEYS_FRAME_FREE : KPKEYS_FRAME_ENTERING))
		return false;
	return legal[from][to];
}

static void change_type(struct kunit *test, unsigned long pfn, unsigned int from,
			unsigned int to, unsigned int links, unsigned int mark)
{
	unsigned int word = from | links << KPKEYS_FRAME_TYPE_BITS | mark, want = word;
	bool may = is_legal(from, to, mark) && !links, done;

	kpkeys_frame_test_set(pfn, word);
	done = kpkeys_frame_change(pfn, BIT(from), to);
	KUNIT_EXPECT_EQ_MSG(test, done, may, "%s to %s with %u links, mark %#x",
			    kpkeys_frame_type_name(from), kpkeys_frame_type_name(to),
			    links, mark);
	if (may)
		want = to | (to >= KPKEYS_FRAME_PTP ? mark : 0);
	if (may && from == KPKEYS_FRAME_ENTERING && to == KPKEYS_FRAME_PTP)
		want |= KPKEYS_FRAME_UNPOOLED;
	KUNIT_EXPECT_EQ(test, kpkeys_frame_word(pfn), want);
}

static void transitions(struct kunit *test)
{
	void *table = alloc_table(test);
	unsigned long pfn = pfn_of(table);
	unsigned int from, to, links, others;

	for (from = 0; from < KPKEYS_NR_FRAME_TYPES; from++) {
		for (to = 0; to < KPKEYS_NR_FRAME_TYPES; to++) {
			for (links = 0; links < 2; links++) {
				change_type(test, pfn, from, to, links, 0);
				if (from >= KPKEYS_FRAME_PTP)
					change_type(test, pfn, from, to, links,
						    KPKEYS_FRAME_UNPOOLED);
			}
			/* Only from the type that was asked for. */
			kpkeys_frame_test_set(pfn, from);
			others = GENMASK(KPKEYS_NR_FRAME_TYPES - 1, 0) & ~BIT(from);
			KUNIT_EXPECT_FALSE(test, kpkeys_frame_change(pfn, others, to));
		}
	}
	kpkeys_frame_test_set(pfn, KPKEYS_FRAME_PTP);
	free_table(table);
}

static void hand_out_and_free(struct kunit *test)
{
	void *table = alloc_table(test);
	unsigned long pfn = pfn_of(table);

	test_provoke_violations(test);
	EXPECT_FRAME(test, table, PTP, 0);
	KUNIT_EXPECT_FALSE(test, kpkeys_frame_hand_out(pfn));
	KUNIT_EXPECT_EQ(test, take_violations(), 1);

	KUNIT_EXPECT_TRUE(test, kpkeys_frame_take_back(pfn));
	EXPECT_FRAME(test, table, FREE, 0);
	KUNIT_EXPECT_FALSE(test, kpkeys_frame_take_back(pfn));
	KUNIT_EXPECT_EQ(test, take_violations(), 1);

	KUNIT_EXPECT_TRUE(test, kpkeys_frame_hand_out(pfn));
	KUNIT_EXPECT_EQ(test, take_violations(), 0);
	free_table(table);
	EXPECT_FRAME(test, table, FREE, 0);
}

static void memory_in_use_does_not_leave(struct kunit *test)
{
	struct page *pages = ordinary_page(test, 1);
	void *table = alloc_table(test);
	unsigned long pfn = page_to_pfn(pages);

	test_provoke_violations(test);
	KUNIT_EXPECT_FALSE(test, kpkeys_frames_leave(pfn_of(table), 1));
	EXPECT_FRAME(test, table, PTP, 0);
	KUNIT_EXPECT_FALSE(test, kpkeys_frames_leave(pfn, 1));
	KUNIT_EXPECT_EQ(test, take_violations(), 2);

	/* All of them, or none: what comes before the one in use is as it was. */
	kpkeys_frame_test_set(pfn, KPKEYS_FRAME_FREE);
	kpkeys_frame_test_set(pfn + 1, KPKEYS_FRAME_PTP);
	KUNIT_EXPECT_FALSE(test, kpkeys_frames_leave(pfn, 2));
	KUNIT_EXPECT_EQ(test, take_violations(), 1);
	KUNIT_EXPECT_EQ(test, kpkeys_frame_word(pfn), KPKEYS_FRAME_FREE);
	KUNIT_EXPECT_EQ(test, kpkeys_frame_word(pfn + 1), KPKEYS_FRAME_PTP);

	kpkeys_frame_test_set(pfn, KPKEYS_FRAME_NONE);
	kpkeys_frame_test_set(pfn + 1, KPKEYS_FRAME_NONE);
	free_table(table);
	__free_pages(pages, 1);
}

/* A chunk header that an attacker has changed. */
static void forged_chunk_keeps_its_tables(struct kunit *test)
{
	void *table = alloc_table(test);
	struct kpkeys_chunk forged = {
		.page = virt_to_page(table),
		.nr_pages = 1,
		.tagged = true,
	};

	test_provoke_violations(test);
	KUNIT_EXPECT_FALSE(test, kpkeys_chunk_release(&forged));
	forged.tagged = false;
	KUNIT_EXPECT_FALSE(test, kpkeys_chunk_release(&forged));
	KUNIT_EXPECT_EQ(test, take_violations(), 2);
	KUNIT_EXPECT_EQ(test, set_memory_pkey((unsigned long)table, 1, KPKEYS_PKEY_DEFAULT),
			-EPERM);
	KUNIT_EXPECT_EQ(test, take_violations(), 1);
	EXPECT_FRAME(test, table, PTP, 0);
	TEST_EXPECT_PROTECTED(test, table);
	free_table(table);
}

/* pt_kpkeys_chunk says that the page does not come from the pool, or not from kpkeys. */
static void forged_source_of_table(struct kunit *test)
{
	void *pmd = alloc_table(test), *pte = alloc_table(test);
	struct ptdesc *pt = virt_to_ptdesc(pte);
	struct kpkeys_chunk *chunk = pt->pt_kpkeys_chunk;

	test_provoke_violations(test);
	pmd_populate_kernel(&init_mm, pmd, pte);

	pt->pt_kpkeys_chunk = NULL;
	KUNIT_EXPECT_TRUE(test, __kpkeys_pgtable_free(pt));
	pt->pt_kpkeys_chunk = chunk;
	KUNIT_EXPECT_FALSE(test, kpkeys_frames_leave_unpooled(pfn_of(pte), 1));
	KUNIT_EXPECT_EQ(test, take_violations(), 1);
	EXPECT_FRAME(test, pte, PTE, 1);
	TEST_EXPECT_PROTECTED(test, pte);

	pmd_clear((pmd_t *)pmd);
	free_table(pte);
	free_table(pmd);
}

/*
 * Links
 */

static void first_link_gives_level(struct kunit *test)
{
	void *pud = alloc_table(test), *pmd = alloc_table(test), *pte = alloc_table(test);

	test_provoke_violations(test);
	pmd_populate_kernel(&init_mm, pmd, pte);
	EXPECT_FRAME(test, pte, PTE, 1);
	EXPECT_FRAME(test, pmd, PMD, 0);
	pud_populate(&init_mm, pud, pmd);
	EXPECT_FRAME(test, pmd, PMD, 1);
	KUNIT_EXPECT_TRUE(test, pmd_present(*(pmd_t *)pmd));

	pud_clear((pud_t *)pud);
	EXPECT_FRAME(test, pmd, PMD, 0);
	EXPECT_FRAME(test, pte, PTE, 1);
	pmd_clear((pmd_t *)pmd);
	EXPECT_FRAME(test, pte, PTE, 0);
	free_table(pte);
	free_table(pmd);
	free_table(pud);
	KUNIT_EXPECT_EQ(test, take_violations(), 0);
	KUNIT_EXPECT_EQ(test, kpkeys_pool_page_state(virt_to_page(pte)), KPKEYS_PAGE_FREE);
}

static void linked_table_is_not_freed(struct kunit *test)
{
	void *pmd = alloc_table(test), *pte = alloc_table(test);

	test_provoke_violations(test);
	pmd_populate_kernel(&init_mm, pmd, pte);
	free_table(pte);
	KUNIT_EXPECT_EQ(test, take_violations(), 1);
	EXPECT_FRAME(test, pte, PTE, 1);

	pmd_clear((pmd_t *)pmd);
	free_table(pte);
	free_table(pmd);
	KUNIT_EXPECT_EQ(test, take_violations(), 0);
}

static void table_is_linked_once(struct kunit *test)
{
	void *pmd = alloc_table(test), *pte = alloc_table(test);
	pmd_t *pmdp = pmd;

	test_provoke_violations(test);
	pmd_populate_kernel(&init_mm, pmdp, pte);
	pmd_populate_kernel(&init_mm, pmdp + 1, pte);
	KUNIT_EXPECT_EQ(test, take_violations(), 1);
	KUNIT_EXPECT_TRUE(test, pmd_none(pmdp[1]));
	EXPECT_FRAME(test, pte, PTE, 1);

	pmd_clear(pmdp);
	pmd_populate_kernel(&init_mm, pmdp + 1, pte);
	KUNIT_EXPECT_TRUE(test, pmd_present(pmdp[1]));
	pmd_clear(pmdp + 1);
	free_table(pte);
	free_table(pmd);
	KUNIT_EXPECT_EQ(test, take_violations(), 0);
}

static void only_tables_of_the_level_below_are_linked(struct kunit *test)
{
	void *pud = alloc_table(test), *pmd = alloc_table(test), *pte = alloc_table(test);
	void *spare = alloc_table(test);
	struct page *page = ordinary_page(test, 0);

	test_provoke_violations(test);
	pmd_populate_kernel(&init_mm, pmd, pte);

	/* A PTE table as a PMD table, and the other way around */
	pud_populate(&init_mm, pud, (pmd_t *)pte);
	KUNIT_EXPECT_EQ(test, take_violations(), 1);
	KUNIT_EXPECT_TRUE(test, pud_none(*(pud_t *)pud));
	pmd_populate_kernel(&init_mm, (pmd_t *)pmd + 1, (pte_t *)pud);
	KUNIT_EXPECT_EQ(test, take_violations(), 1);
	KUNIT_EXPECT_TRUE(test, pmd_none(((pmd_t *)pmd)[1]));

	/* Ordinary memory, and a free page of the pool */
	pmd_populate_kernel(&init_mm, (pmd_t *)pmd + 1, page_address(page));
	KUNIT_EXPECT_EQ(test, take_violations(), 1);
	free_table(spare);
	pmd_populate_kernel(&init_mm, (pmd_t *)pmd + 1, spare);
	KUNIT_EXPECT_EQ(test, take_violations(), 1);
	KUNIT_EXPECT_TRUE(test, pmd_none(((pmd_t *)pmd)[1]));

	/* Data of kpkeys, and the root of the kernel */
	pmd_populate_kernel(&init_mm, (pmd_t *)pmd + 1,
			    (pte_t *)kpkeys_frame_table.sections);
	pmd_populate_kernel(&init_mm, (pmd_t *)pmd + 1, lm_alias(swapper_pg_dir));
	KUNIT_EXPECT_EQ(test, take_violations(), 2);
	KUNIT_EXPECT_TRUE(test, pmd_none(((pmd_t *)pmd)[1]));

	pmd_clear((pmd_t *)pmd);
	free_table(pte);
	free_table(pmd);
	free_table(pud);
	__free_page(page);
	KUNIT_EXPECT_EQ(test, take_violations(), 0);
}

static void setters_write_tables_of_their_level(struct kunit *test)
{
	void *pmd = alloc_table(test), *pte = alloc_table(test), *other = alloc_table(test);
	struct page *page = ordinary_page(test, 0);

	test_provoke_violations(test);
	pmd_populate_kernel(&init_mm, pmd, pte);

	set_pte((pte_t *)pmd + 1, pfn_pte(page_to_pfn(page), PAGE_KERNEL));
	KUNIT_EXPECT_EQ(test, take_violations(), 1);
	KUNIT_EXPECT_TRUE(test, pmd_none(((pmd_t *)pmd)[1]));

	pmd_populate_kernel(&init_mm, (pmd_t *)pte + 1, other);
	KUNIT_EXPECT_EQ(test, take_violations(), 1);
	KUNIT_EXPECT_TRUE(test, pte_none(ptep_get((pte_t *)pte + 1)));
	EXPECT_FRAME(test, other, PTP, 0);

	/* Nor a free page, or data of kpkeys */
	free_table(other);
	set_pte(other, pfn_pte(page_to_pfn(page), PAGE_KERNEL));
	other = alloc_table(test);
	kpkeys_frame_test_set(pfn_of(other), KPKEYS_FRAME_META);
	set_pte(other, pfn_pte(page_to_pfn(page), PAGE_KERNEL));
	kpkeys_frame_test_set(pfn_of(other), KPKEYS_FRAME_PTP);
	free_table(other);
	KUNIT_EXPECT_EQ(test, take_violations(), 2);

	pmd_clear((pmd_t *)pmd);
	free_table(pte);
	free_table(pmd);
	__free_page(page);
	KUNIT_EXPECT_EQ(test, take_violations(), 0);
}

/* What maps nothing, or takes something away, is not written anywhere either. */
static void setters_clear_page_tables_only(struct kunit *test)
{
	static const unsigned int types[] = { KPKEYS_FRAME_FREE, KPKEYS_FRAME_META };
	void *page = alloc_table(test);
	pte_t *pte = page;
	unsigned int i;

	scoped_guard(test_pgtables)
		memset(page, 0x5a, PAGE_SIZE);
	test_provoke_violations(test);
	for (i = 0; i < ARRAY_SIZE(types); i++) {
		kpkeys_frame_test_set(pfn_of(page), types[i]);
		set_pte(pte, __pte(0));
		pte_clear(&init_mm, 0, pte + 1);
		ptep_get_and_clear(&init_mm, 0, pte + 2);
		ptep_set_wrprotect(&init_mm, 0, pte + 3);
		set_ptes(&init_mm, 0, pte + 4, __pte(0), 4);
		kpkeys_frame_test_set(pfn_of(page), KPKEYS_FRAME_PTP);
		KUNIT_EXPECT_EQ(test, take_violations(), 5);
		KUNIT_EXPECT_NULL(test, memchr_inv(page, 0x5a, PAGE_SIZE));
	}
	free_table(page);
}

/* As hibernation and kexec make them. */
static void tables_in_ordinary_memory(struct kunit *test)
{
	pmd_t *pmd = page_address(ordinary_page(test, 0));
	pte_t *pte = page_address(ordinary_page(test, 0));
	void *table = alloc_table(test);

	test_provoke_violations(test);
	pmd_populate_kernel(&init_mm, pmd, pte);
	KUNIT_EXPECT_TRUE(test, pmd_present(*pmd));
	set_pte(pte, pfn_pte(pfn_of(table), PAGE_KERNEL));
	KUNIT_EXPECT_TRUE(test, pte_present(ptep_get(pte)));
	KUNIT_EXPECT_EQ(test, take_violations(), 0);

	/* Such a link does not count, as it is neither walked nor loaded. */
	pmd_populate_kernel(&init_mm, pmd + 1, table);
	KUNIT_EXPECT_TRUE(test, pmd_present(pmd[1]));
	KUNIT_EXPECT_EQ(test, take_violations(), 0);

	free_table(table);
	free_page((unsigned long)pmd);
	free_page((unsigned long)pte);
}

/*
 * Leaf entries
 */

static void pte_maps_ordinary_memory_only(struct kunit *test)
{
	static const unsigned int types[] = {
		KPKEYS_FRAME_ENTERING, KPKEYS_FRAME_FREE, KPKEYS_FRAME_PTP,
		KPKEYS_FRAME_PTE, KPKEYS_FRAME_PMD, KPKEYS_FRAME_PUD, KPKEYS_FRAME_P4D,
		KPKEYS_FRAME_PGD, KPKEYS_FRAME_ROOT, KPKEYS_FRAME_META,
	};
	/* Whether the kernel may map it read-only is up to the architecture. */
	pgprot_t prots[] = { PAGE_KERNEL, PAGE_SHARED, PAGE_READONLY };
	void *table = alloc_table(test);
	pte_t *ptes = alloc_table(test);
	unsigned int i, j;

	test_provoke_violations(test);
	for (i = 0; i < ARRAY_SIZE(types); i++) {
		kpkeys_frame_test_set(pfn_of(table), types[i]);
		for (j = 0; j < ARRAY_SIZE(prots); j++) {
			set_pte(ptes + j, pfn_pte(pfn_of(table), prots[j]));
			KUNIT_EXPECT_EQ(test, take_violations(), 1);
			KUNIT_EXPECT_TRUE(test, pte_none(ptep_get(ptes + j)));
		}
	}
	kpkeys_frame_test_set(pfn_of(table), KPKEYS_FRAME_PTP);

	/* What is not present maps nothing. */
	set_pte(ptes, __pte(0));
	KUNIT_EXPECT_EQ(test, take_violations(), 0);
	free_table(table);
	free_table(ptes);
}

static void image_is_mapped_readonly(struct kunit *test)
{
	struct vm_area_struct vma = { .vm_mm = &init_mm };
	struct page *page = ordinary_page(test, 0);
	unsigned long pfn = page_to_pfn(page);
	pte_t readonly = pfn_pte(pfn, PAGE_READONLY);
	bool may = arch_kpkeys_entry_is_readonly(pte_val(readonly));
	pte_t *ptes = alloc_table(test);

	test_provoke_violations(test);
	kpkeys_frame_test_set(pfn, KPKEYS_FRAME_IMAGE);
	set_pte(ptes, pfn_pte(pfn, PAGE_KERNEL));
	set_pte(ptes, pfn_pte(pfn, PAGE_SHARED));
	KUNIT_EXPECT_EQ(test, take_violations(), 2);
	KUNIT_EXPECT_TRUE(test, pte_none(ptep_get(ptes)));

	set_pte(ptes, readonly);
	KUNIT_EXPECT_EQ(test, take_violations(), !may);
	KUNIT_EXPECT_EQ(test, pte_pfn(ptep_get(ptes)), may ? pfn : 0);

	/* Nor does it become writable later. */
	ptep_set_access_flags(&vma, 0, ptes, pte_mkdirty(pfn_pte(pfn, PAGE_SHARED)), 1);
	KUNIT_EXPECT_EQ(test, take_violations(), 1);
	KUNIT_EXPECT_FALSE(test, pte_write(ptep_get(ptes)));

	kpkeys_frame_test_set(pfn, KPKEYS_FRAME_NONE);
	set_pte(ptes, __pte(0));
	KUNIT_EXPECT_EQ(test, take_violations(), 0);
	free_table(ptes);
	__free_page(page);
}

static void set_ptes_writes_all_or_nothing(struct kunit *test)
{
	struct page *page = ordinary_page(test, 2);
	unsigned long pfn = page_to_pfn(page);
	pte_t *ptes = alloc_table(test);
	unsigned int i;

	test_provoke_violations(test);
	kpkeys_frame_test_set(pfn + 3, KPKEYS_FRAME_ENTERING);
	set_ptes(&init_mm, 0, ptes, pfn_pte(pfn, PAGE_KERNEL), 4);
	KUNIT_EXPECT_EQ(test, take_violations(), 1);
	for (i = 0; i < 4; i++)
		KUNIT_EXPECT_TRUE(test, pte_none(ptep_get(ptes + i)));

	kpkeys_frame_test_set(pfn + 3, KPKEYS_FRAME_NONE);
	set_ptes(&init_mm, 0, ptes, pfn_pte(pfn, PAGE_KERNEL), 4);
	for (i = 0; i < 4; i++)
		KUNIT_EXPECT_EQ(test, pte_pfn(ptep_get(ptes + i)), pfn + i);
	KUNIT_EXPECT_EQ(test, take_violations(), 0);
	for (i = 0; i < 4; i++)
		pte_clear(&init_mm, 0, ptes + i);
	free_table(ptes);
	__free_pages(page, 2);
}

#ifdef CONFIG_HAVE_ARCH_HUGE_VMAP
static void block_maps_ordinary_memory_only(struct kunit *test)
{
	unsigned int order = PMD_SHIFT - PAGE_SHIFT;
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_NOWARN, order);
	pmd_t *pmd;

	if (!page)
		kunit_skip(test, "no memory");
	pmd = alloc_table(test);
	/* As one that is linked. */
	pmd_clear(pmd);
	test_provoke_violations(test);
	kpkeys_frame_test_set(page_to_pfn(page) + (1UL << order) - 1, KPKEYS_FRAME_ENTERING);
	pmd_set_huge(pmd, page_to_phys(page), PAGE_KERNEL);
	KUNIT_EXPECT_EQ(test, take_violations(), 1);
	KUNIT_EXPECT_TRUE(test, pmd_none(READ_ONCE(*pmd)));

	kpkeys_frame_test_set(page_to_pfn(page) + (1UL << order) - 1, KPKEYS_FRAME_NONE);
	pmd_set_huge(pmd, page_to_phys(page), PAGE_KERNEL);
	KUNIT_EXPECT_TRUE(test, pmd_leaf(READ_ONCE(*pmd)));
	pmd_clear(pmd);
	KUNIT_EXPECT_EQ(test, take_violations(), 0);
	free_table(pmd);
	__free_pages(page, order);
}
#endif

/*
 * Roots
 */

/* The kernel's half of a root, where it has one, is that of init_mm. */
static void kernel_half_is_a_copy(struct kunit *test)
{
	struct mm_struct *mm = mm_alloc();
	pgd_t *pgd = mm->pgd + PTRS_PER_PGD - 1, old = *pgd;

	if (!arch_kpkeys_original(pgd, KPKEYS_LEVEL_PGD)) {
		mmput(mm);
		kunit_skip(test, "roots have no kernel's half");
	}

	test_provoke_violations(test);
	set_pgd(pgd, __pgd(pgd_val(old) ^ PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, take_violations(), 1);
	KUNIT_EXPECT_EQ(test, pgd_val(*pgd), pgd_val(old));

	set_pgd(pgd, old);
	KUNIT_EXPECT_EQ(test, take_violations(), 0);
	mmput(mm);
}

/* Page tables of two pages: what is true of the second depends on the first. */
static void pair_is_handed_out_and_freed(struct kunit *test)
{
	struct ptdesc *pt;
	unsigned long pfn;
	void *table;

	if (!ARCH_KPKEYS_MAX_ORDER)
		kunit_skip(test, "all page tables have one page");
	pt = pagetable_alloc(GFP_KERNEL, 1);
	KUNIT_ASSERT_NOT_NULL(test, pt);
	table = ptdesc_address(pt);
	pfn = pfn_of(table);

	test_provoke_violations(test);
	EXPECT_FRAME(test, table, PTP, 0);
	EXPECT_FRAME(test, table + PAGE_SIZE, PGD, 1);
	TEST_EXPECT_PROTECTED(test, table);
	TEST_EXPECT_PROTECTED(test, table + PAGE_SIZE);
	KUNIT_EXPECT_FALSE(test, kpkeys_frame_take_back(pfn + 1));
	KUNIT_EXPECT_FALSE(test, kpkeys_frame_hand_out(pfn + 1));
	KUNIT_EXPECT_FALSE(test, kpkeys_frame_hand_out_pair(pfn));
	KUNIT_EXPECT_EQ(test, take_violations(), 3);

	pagetable_free(pt);
	EXPECT_FRAME(test, table + PAGE_SIZE, PGD, 0);
	KUNIT_EXPECT_FALSE(test, kpkeys_frame_can_free_pair(pfn));
	KUNIT_EXPECT_EQ(test, take_violations(), 1);
}

static void root_has_its_owner(struct kunit *test)
{
	struct mm_struct *mm = mm_alloc(), *other = mm_alloc();
	pgd_t *pgd = mm->pgd;
	void *table = alloc_table(test);

	test_provoke_violations(test);
	EXPECT_FRAME(test, pgd, ROOT, 0);
	KUNIT_EXPECT_PTR_EQ(test, kpkeys_frame_owner(pfn_of(pgd)), mm);
	KUNIT_EXPECT_PTR_EQ(test, pgd_offset(mm, 0), pgd);
	KUNIT_EXPECT_EQ(test, take_violations(), 0);

	/* Another process's, a table, and ordinary memory */
	mm->pgd = other->pgd;
	KUNIT_EXPECT_PTR_NE(test, pgd_offset(mm, 0), mm->pgd);
	KUNIT_EXPECT_EQ(test, kpkeys_frame_type(pfn_of(pgd_offset(mm, 0))), KPKEYS_FRAME_META);
	mm->pgd = table;
	KUNIT_EXPECT_PTR_NE(test, pgd_offset(mm, 0), mm->pgd);
	mm->pgd = (pgd_t *)test;
	KUNIT_EXPECT_PTR_NE(test, pgd_offset(mm, 0), mm->pgd);
	KUNIT_EXPECT_EQ(test, take_violations(), 4);
	mm->pgd = pgd;

	free_table(table);
	mmput(other);
	mmput(mm);
	KUNIT_EXPECT_EQ(test, take_violations(), 0);
	KUNIT_EXPECT_PTR_EQ(test, kpkeys_frame_owner(pfn_of(pgd)), NULL);
}

/* What a process with a forged root had is lost, and nobody can use it. */
static void forged_root_is_not_freed(struct kunit *test)
{
	struct mm_struct *mm = mm_alloc(), *other = mm_alloc();
	pgd_t *pgd = mm->pgd;

	test_provoke_violations(test);
	KUNIT_EXPECT_FALSE(test, kpkeys_clear_root_owner(mm, other->pgd));
	KUNIT_EXPECT_EQ(test, take_violations(), 1);
	EXPECT_FRAME(test, other->pgd, ROOT, 0);
	KUNIT_EXPECT_PTR_EQ(test, kpkeys_frame_owner(pfn_of(other->pgd)), other);

	EXPECT_FRAME(test, pgd, ROOT, 0);
	KUNIT_EXPECT_PTR_EQ(test, kpkeys_frame_owner(pfn_of(pgd)), NULL);
	KUNIT_EXPECT_PTR_NE(test, pgd_offset(mm, 0), pgd);
	KUNIT_EXPECT_EQ(test, take_violations(), 1);

	/* So that the test leaks nothing */
	kpkeys_frame_test_set(pfn_of(pgd), KPKEYS_FRAME_PTP);
	KUNIT_EXPECT_TRUE(test, kpkeys_set_root_owner(mm, pgd));
	mmput(other);
	mmput(mm);
	KUNIT_EXPECT_EQ(test, take_violations(), 0);
}

static void root_in_use_gets_no_other_owner(struct kunit *test)
{
	struct mm_struct *mm = mm_alloc();
	void *pmd = alloc_table(test), *pte = alloc_table(test);

	test_provoke_violations(test);
	pmd_populate_kernel(&init_mm, pmd, pte);
	KUNIT_EXPECT_FALSE(test, kpkeys_set_root_owner(mm, mm->pgd));
	KUNIT_EXPECT_FALSE(test, kpkeys_set_root_owner(mm, pte));
	free_table(mm->pgd);
	KUNIT_EXPECT_EQ(test, take_violations(), 3);
	EXPECT_FRAME(test, mm->pgd, ROOT, 0);

	pmd_clear((pmd_t *)pmd);
	free_table(pte);
	free_table(pmd);
	mmput(mm);
	KUNIT_EXPECT_EQ(test, take_violations(), 0);
}

/*
 * Entering the pool
 */

static void mapped_memory_does_not_enter(struct kunit *test)
{
	struct page *page = ordinary_page(test, 2);
	unsigned long pfn = page_to_pfn(page);
	pte_t *ptes = alloc_table(test);
	unsigned int i;

	test_provoke_violations(test);
	set_pte(ptes + PTRS_PER_PTE - 1, pfn_pte(pfn + 3, PAGE_SHARED));
	KUNIT_EXPECT_EQ(test, kpkeys_frames_enter(pfn, 4), -EFAULT);
	KUNIT_EXPECT_EQ(test, take_violations(), 1);
	for (i = 0; i < 4; i++)
		KUNIT_EXPECT_EQ(test, kpkeys_frame_type(pfn + i), KPKEYS_FRAME_NONE);

	pte_clear(&init_mm, 0, ptes + PTRS_PER_PTE - 1);
	KUNIT_EXPECT_EQ(test, kpkeys_frames_enter(pfn, 4), 0);
	/* Nobody maps it now. */
	set_pte(ptes, pfn_pte(pfn, PAGE_SHARED));
	KUNIT_EXPECT_EQ(test, take_violations(), 1);
	kpkeys_frames_not_entered(pfn, 4);

	free_table(ptes);
	__free_pages(page, 2);
	KUNIT_EXPECT_EQ(test, take_violations(), 0);
}

/* Pages of user space and of vmalloc(), mapped as they are in real life. */
static void mapped_pages_of_others_do_not_enter(struct kunit *test)
{
	unsigned long addr = test_user_page(test);
	void *vmalloced = vmalloc(PAGE_SIZE);
	struct page *page;

	KUNIT_ASSERT_NOT_NULL(test, vmalloced);
	test_provoke_violations(test);
	KUNIT_ASSERT_EQ(test, get_user_pages_fast(addr, 1, 0, &page), 1);
	KUNIT_EXPECT_EQ(test, kpkeys_frames_enter(page_to_pfn(page), 1), -EFAULT);
	put_page(page);
	KUNIT_EXPECT_EQ(test, kpkeys_frames_enter(vmalloc_to_pfn(vmalloced), 1), -EFAULT);
	KUNIT_EXPECT_EQ(test, take_violations(), 2);
	vfree(vmalloced);
}

static int free_on_this_cpu(void *table)
{
	free_table(table);
	return 0;
}

/* A table that was freed with entries in it, and that a CPU keeps, maps nothing. */
static void memory_of_freed_table_enters(struct kunit *test)
{
	struct page *page = ordinary_page(test, 0);
	unsigned long pfn = page_to_pfn(page);
	unsigned int cpu;

	for_each_online_cpu(cpu) {
		pte_t *ptes = alloc_table(test);

		set_pte(ptes, pfn_pte(pfn, PAGE_SHARED));
		KUNIT_EXPECT_EQ(test, smp_call_on_cpu(cpu, free_on_this_cpu, ptes, false), 0);
	}
	KUNIT_EXPECT_EQ(test, kpkeys_frames_enter(pfn, 1), 0);
	kpkeys_frames_not_entered(pfn, 1);
	__free_pages(page, 0);
	KUNIT_EXPECT_EQ(test, take_violations(), 0);
}

static void protected_memory_does_not_enter(struct kunit *test)
{
	void *table = alloc_table(test);

	test_provoke_violations(test);
	KUNIT_EXPECT_EQ(test, kpkeys_frames_enter(pfn_of(table), 1), -EFAULT);
	KUNIT_EXPECT_EQ(test, take_violations(), 1);
	EXPECT_FRAME(test, table, PTP, 0);
	free_table(table);

	/* Memory that the table does not cover */
	KUNIT_EXPECT_EQ(test, kpkeys_frames_enter(kpkeys_frame_table.nr_all, 1), -ERANGE);
	KUNIT_EXPECT_EQ(test, take_violations(), 0);
}

struct section {
	bool inside;
	bool leave;
	bool was_open;
	struct hrtimer timer;
};

static void stay_in_section(struct section *s)
{
	WRITE_ONCE(s->inside, true);
	while (!READ_ONCE(s->leave))
		cpu_relax();
	WRITE_ONCE(s->was_open, test_reg() == kpkeys_ctx_table[KPKEYS_CTX_PGTABLES]);
}

static int open_section(void *arg)
{
	struct section *s = arg;

	kpkeys_pgtables_write(stay_in_section(s));
	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);
	return 0;
}

static enum hrtimer_restart end_section(struct hrtimer *timer)
{
	struct section *s = container_of(timer, struct section, timer);

	WRITE_ONCE(s->leave, true);
	return HRTIMER_NORESTART;
}

/* Returns whether it waited; or could not, as the section has been closed meanwhile. */
static bool sync_waits(struct kunit *test, bool *was_open)
{
	struct section s = { };
	struct task_struct *task;
	bool waited;
	int cpu;

	migrate_disable();
	cpu = cpumask_any_but(cpu_online_mask, smp_processor_id());
	task = kthread_create_on_cpu(open_section, &s, cpu, "kpkeys_section");
	if (!IS_ERR(task)) {
		wake_up_process(task);
		while (!READ_ONCE(s.inside))
			cpu_relax();
		hrtimer_setup_on_stack(&s.timer, end_section, CLOCK_MONOTONIC,
				       HRTIMER_MODE_REL_PINNED_HARD);
		hrtimer_start(&s.timer, ms_to_ktime(20), HRTIMER_MODE_REL_PINNED_HARD);
	}
	migrate_enable();
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));

	kpkeys_frames_sync();
	waited = READ_ONCE(s.leave);
	WRITE_ONCE(s.leave, true);
	hrtimer_cancel(&s.timer);
	destroy_hrtimer_on_stack(&s.timer);
	kthread_stop(task);
	*was_open = s.was_open;
	return waited;
}

static void sync_waits_for_open_sections(struct kunit *test)
{
	unsigned int i, nr_open = 0;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");

	for (i = 0; i < 10; i++) {
		bool was_open, waited = sync_waits(test, &was_open);

		/* A section that an exception has closed cannot write any more. */
		KUNIT_EXPECT_TRUE(test, waited || !was_open);
		nr_open += was_open;
	}
	kunit_info(test, "%u of %u sections stayed open\n", nr_open, i);
	KUNIT_EXPECT_GT(test, nr_open, 0);
}

/*
 * Races
 */

#define NR_RACED	64
#define NR_ROUNDS	100

struct race {
	struct kunit *test;
	struct task_struct *task;
	unsigned long *pfns;
	atomic_t *round;
	atomic_t *arrived;
	unsigned long won;
};

static int race_fn(void *arg)
{
	struct race *r = arg;
	unsigned int i, round;

	/* So that violations are counted, not reported. */
	current->kunit_test = r->test;
	for (round = 1; round <= NR_ROUNDS; round++) {
		while (atomic_read(r->round) < round)
			cond_resched();
		for (i = 0; i < NR_RACED; i++)
			r->won += kpkeys_frame_hand_out(r->pfns[i]);
		atomic_inc(r->arrived);
	}
	current->kunit_test = NULL;
	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);
	return 0;
}

static void frame_is_handed_out_once(struct kunit *test)
{
	atomic_t round = ATOMIC_INIT(0), arrived = ATOMIC_INIT(0);
	struct race races[4] = { };
	unsigned long won = 0;
	unsigned int i, n, nr = 0;
	unsigned long *pfns;

	test_provoke_violations(test);
	pfns = kunit_kcalloc(test, NR_RACED, sizeof(*pfns), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, pfns);
	for (i = 0; i < NR_RACED; i++)
		pfns[i] = pfn_of(alloc_table(test));

	for (i = 0; i < ARRAY_SIZE(races); i++) {
		races[i] = (struct race) {
			.test = test, .pfns = pfns, .round = &round, .arrived = &arrived,
		};
		races[i].task = kthread_run(race_fn, &races[i], "kpkeys_race/%u", i);
		if (!IS_ERR(races[i].task))
			nr++;
	}
	for (n = 1; n <= NR_ROUNDS; n++) {
		for (i = 0; i < NR_RACED; i++)
			kpkeys_frame_take_back(pfns[i]);
		atomic_set(&arrived, 0);
		atomic_set(&round, n);
		while (atomic_read(&arrived) < nr)
			cond_resched();
	}
	for (i = 0; i < ARRAY_SIZE(races); i++) {
		if (!IS_ERR(races[i].task))
			kthread_stop(races[i].task);
		won += races[i].won;
	}
	KUNIT_EXPECT_GT(test, nr, 1);
	KUNIT_EXPECT_EQ(test, won, NR_RACED * NR_ROUNDS);
	for (i = 0; i < NR_RACED; i++)
		free_table(__va(PFN_PHYS(pfns[i])));
}

/*
 * The audit finds what only a defect of the checks above, or of kpkeys' memory, can
 * cause.
 */

/* A process that has one page, and waits. */
struct process {
	struct mm_struct *mm;
	unsigned long addr;
	unsigned long pfn;
	bool started;
	struct completion go;
	struct completion exiting;
};

static int process_fn(void *arg)
{
	struct process *p = arg;

	wait_for_completion(&p->go);
	complete(&p->exiting);
	do_exit(0);
}

static void start_process(struct kunit *test, struct process *p)
{
	init_completion(&p->go);
	init_completion(&p->exiting);
	p->mm = mm_alloc();
	KUNIT_ASSERT_NOT_NULL(test, p->mm);
	p->mm->task_size = TASK_SIZE;
	arch_pick_mmap_layout(p->mm, &current->signal->rlim[RLIMIT_STACK]);

	kthread_use_mm(p->mm);
	p->addr = vm_mmap(NULL, 0, PAGE_SIZE, PROT_READ | PROT_WRITE,
			  MAP_ANONYMOUS | MAP_PRIVATE, 0);
	if (!IS_ERR_VALUE(p->addr) && !put_user(42L, (long __user *)p->addr)) {
		p->pfn = pte_pfn(ptep_get(pte_offset_kernel(pmd_off(p->mm, p->addr), p->addr)));
		p->started = user_mode_thread(process_fn, p, SIGCHLD) > 0;
	}
	kthread_unuse_mm(p->mm);
	mmput(p->mm);
}

static void end_process(struct process *p)
{
	if (!p->started)
		return;
	complete(&p->go);
	wait_for_completion(&p->exiting);
}

static void audit_finds_wrong_types(struct kunit *test)
{
	/* So large that it has a table which maps nothing of others: the audit maps memory, too. */
	struct vm_struct *area = get_vm_area(2 * PMD_SIZE, VM_MAP);
	struct page *page = ordinary_page(test, 0);
	void *table = alloc_table(test);
	unsigned long pfn, addr;
	unsigned int word;

	KUNIT_ASSERT_NOT_NULL(test, area);
	addr = ALIGN((unsigned long)area->addr, PMD_SIZE);
	KUNIT_ASSERT_EQ(test, vmap_page_range(addr, addr + PAGE_SIZE, page_to_phys(page),
					      PAGE_KERNEL), 0);
	pfn = pfn_of(test_find_entries(test, &init_mm, addr).pte);
	word = kpkeys_frame_word(pfn);

	kpkeys_frame_test_set(pfn, KPKEYS_FRAME_PMD | 1 << KPKEYS_FRAME_TYPE_BITS);
	KUNIT_EXPECT_EQ(test, kpkeys_audit(), 1);
	kpkeys_frame_test_set(pfn, KPKEYS_FRAME_PTE | 2 << KPKEYS_FRAME_TYPE_BITS);
	KUNIT_EXPECT_EQ(test, kpkeys_audit(), 1);
	kpkeys_frame_test_set(pfn, word);
	free_vm_area(area);

	/* Against the pkey, in both directions */
	kpkeys_frame_test_set(page_to_pfn(page), KPKEYS_FRAME_FREE);
	KUNIT_EXPECT_EQ(test, kpkeys_audit(), 1);
	kpkeys_frame_test_set(page_to_pfn(page), KPKEYS_FRAME_NONE);
	kpkeys_frame_test_set(pfn_of(table), KPKEYS_FRAME_NONE);
	KUNIT_EXPECT_EQ(test, kpkeys_audit(), 1);
	kpkeys_frame_test_set(pfn_of(table), KPKEYS_FRAME_PTP);

	free_table(table);
	__free_page(page);
}

static void audit_looks_at_processes(struct kunit *test)
{
	struct kpkeys_frame_section *section;
	const struct mm_struct **owner;
	unsigned long root, region;
	struct process p = { };
	long mapped, image, owned;

	KUNIT_ASSERT_NULL(test, current->mm);
	start_process(test, &p);
	KUNIT_ASSERT_TRUE(test, p.started);

	/* It has no pkey, either. */
	kpkeys_frame_test_set(p.pfn, KPKEYS_FRAME_FREE);
	mapped = kpkeys_audit();
	kpkeys_frame_test_set(p.pfn, KPKEYS_FRAME_IMAGE);
	image = kpkeys_audit();
	kpkeys_frame_test_set(p.pfn, KPKEYS_FRAME_NONE);

	root = pfn_of(p.mm->pgd);
	section = &kpkeys_frame_table.sections[root >> KPKEYS_FRAME_SECTION_SHIFT];
	region = (root & (KPKEYS_FRAME_SECTION_SIZE - 1)) >> KPKEYS_FRAME_OWNERS_SHIFT;
	owner = section->owners[region] + (root & (KPKEYS_FRAME_OWNERS_SIZE - 1));
	kpkeys_pgtables_write(WRITE_ONCE(*owner, &init_mm));
	owned = kpkeys_audit();
	kpkeys_pgtables_write(WRITE_ONCE(*owner, p.mm));

	end_process(&p);
	KUNIT_EXPECT_EQ(test, mapped, 2);
	KUNIT_EXPECT_EQ(test, image, 1);
	KUNIT_EXPECT_EQ(test, owned, 1);
}

static int frame_init(struct kunit *test)
{
	if (!kpkeys_hardened_pgtables_enabled())
		kunit_skip(test, "kpkeys is not enabled");
	return 0;
}

static void frame_exit(struct kunit *test)
{
	if (kpkeys_hardened_pgtables_enabled())
		KUNIT_EXPECT_EQ(test, kpkeys_audit(), 0);
}

static struct kunit_case frame_cases[] = {
	KUNIT_CASE(transitions),
	KUNIT_CASE(hand_out_and_free),
	KUNIT_CASE(memory_in_use_does_not_leave),
	KUNIT_CASE(forged_chunk_keeps_its_tables),
	KUNIT_CASE(forged_source_of_table),
	KUNIT_CASE(first_link_gives_level),
	KUNIT_CASE(linked_table_is_not_freed),
	KUNIT_CASE(table_is_linked_once),
	KUNIT_CASE(only_tables_of_the_level_below_are_linked),
	KUNIT_CASE(setters_write_tables_of_their_level),
	KUNIT_CASE(setters_clear_page_tables_only),
	KUNIT_CASE(tables_in_ordinary_memory),
	KUNIT_CASE(pte_maps_ordinary_memory_only),
	KUNIT_CASE(image_is_mapped_readonly),
	KUNIT_CASE(set_ptes_writes_all_or_nothing),
#ifdef CONFIG_HAVE_ARCH_HUGE_VMAP
	KUNIT_CASE(block_maps_ordinary_memory_only),
#endif
	KUNIT_CASE(kernel_half_is_a_copy),
	KUNIT_CASE(pair_is_handed_out_and_freed),
	KUNIT_CASE(root_has_its_owner),
	KUNIT_CASE(forged_root_is_not_freed),
	KUNIT_CASE(root_in_use_gets_no_other_owner),
	KUNIT_CASE(mapped_memory_does_not_enter),
	KUNIT_CASE(mapped_pages_of_others_do_not_enter),
	KUNIT_CASE(memory_of_freed_table_enters),
	KUNIT_CASE(protected_memory_does_not_enter),
	KUNIT_CASE(audit_finds_wrong_types),
	KUNIT_CASE(audit_looks_at_processes),
	KUNIT_CASE(sync_waits_for_open_sections),
	KUNIT_CASE_SLOW(frame_is_handed_out_once),
	{}
};

static struct kunit_suite frame_suite = {
	.name = "kpkeys_frame",
	.init = frame_init,
	.exit = frame_exit,
	.test_cases = frame_cases,
};

kunit_test_suite(frame_suite);
