// SPDX-License-Identifier: GPL-2.0-only
/*
 * kpkeys_hardened_pgtables: what each page frame is.
 *
 * A word for each frame, in memory that carries KPKEYS_PKEY_PGTABLES, has the type
 * of the frame and the number of page-table entries that link it. Nothing else
 * says what a frame is: the pool's lists and caches, struct page and mm_struct are
 * hints. Only this file changes words, along this table:
 *
 *   from       to         when
 *   ---------  ---------  ------------------------------------------------------
 *   NONE       ENTERING   the page allocator has given the page to the pool
 *   ENTERING   NONE       refused, as something maps it; or on its way out
 *   ENTERING   FREE       nothing maps it, and it has been tagged
 *   ENTERING   PTP        as before, of a PTP that does not come from the pool
 *   FREE       PTP        handed out
 *   PTP        a level    by the first entry that links it, or is written to it
 *   PTP        ROOT       an mm becomes its owner
 *   ROOT       PGD        the owner gives it back
 *   PTP        META       data of kpkeys; for ever
 *   PTP, level FREE       freed; only if no entry links it. Tables that have had
 *   level      PTP        a level are freed in batches, or handed out before that
 *   PTP, level ENTERING   likewise, of a PTP that does not come from the pool
 *   FREE       ENTERING   on its way out; all of a chunk, or none
 *
 * A change from any other type is a violation: it changes nothing, is reported, and
 * the caller fails or leaks what it holds. Links are counted by the setters:
 *
 *  - An entry links a frame only if that is a table of the level below. No second
 *    entry links it, unless page tables of that level are shared.
 *  - A table is written only by setters of its level.
 *  - No entry maps a frame that has a type, but those of the linear map, which
 *    carry the pkey.
 *  - A root is walked, and loaded, only for its owner.
 *
 * Tables in ordinary memory, as hibernation and kexec make them, are not checked.
 * They can be written by anyone, and neither be linked to a checked table nor loaded.
 */

#define pr_fmt(fmt) "kpkeys: " fmt

#include <kunit/visibility.h>
#include <linux/atomic.h>
#include <linux/cpu.h>
#include <linux/delay.h>
#include <linux/export.h>
#include <linux/hugetlb.h>
#include <linux/init.h>
#include <linux/memblock.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/pgtable.h>
#include <linux/printk.h>
#include <linux/smp.h>
#include <asm/sections.h>
#include "frame.h"
#include "kpkeys.h"
#include "pool.h"

static_assert(PGTABLE_LEVEL_PTE == KPKEYS_LEVEL_PTE);
static_assert(PGTABLE_LEVEL_PMD == KPKEYS_LEVEL_PMD);
static_assert(PGTABLE_LEVEL_PUD == KPKEYS_LEVEL_PUD);
static_assert(PGTABLE_LEVEL_P4D == KPKEYS_LEVEL_P4D);
static_assert(PGTABLE_LEVEL_PGD == KPKEYS_LEVEL_PGD);
static_assert(KPKEYS_NR_FRAME_TYPES - 1 <= KPKEYS_FRAME_TYPE_MASK);

#define LEVEL_TYPE(level)	(KPKEYS_FRAME_PTE + (level))
#define TYPES(first, last)	GENMASK(KPKEYS_FRAME_##last, KPKEYS_FRAME_##first)

/* By old type: the new ones. */
static const u16 transitions[KPKEYS_NR_FRAME_TYPES] = {
	[KPKEYS_FRAME_NONE]	= BIT(KPKEYS_FRAME_ENTERING) | BIT(KPKEYS_FRAME_IMAGE),
	[KPKEYS_FRAME_ENTERING]	= BIT(KPKEYS_FRAME_NONE) | TYPES(FREE, PTP),
	[KPKEYS_FRAME_FREE]	= BIT(KPKEYS_FRAME_PTP) | BIT(KPKEYS_FRAME_ENTERING),
	[KPKEYS_FRAME_PTP]	= TYPES(ENTERING, FREE) | TYPES(PTE, PGD) |
				  TYPES(ROOT, META),
	[KPKEYS_FRAME_PTE]	= TYPES(ENTERING, PTP),
	[KPKEYS_FRAME_PMD]	= TYPES(ENTERING, PTP),
	[KPKEYS_FRAME_PUD]	= TYPES(ENTERING, PTP),
	[KPKEYS_FRAME_P4D]	= TYPES(ENTERING, PTP),
	[KPKEYS_FRAME_PGD]	= TYPES(ENTERING, PTP),
	[KPKEYS_FRAME_ROOT]	= BIT(KPKEYS_FRAME_PGD),
};

static const char * const type_names[KPKEYS_NR_FRAME_TYPES] = {
	[KPKEYS_FRAME_NONE]	= "ordinary memory",
	[KPKEYS_FRAME_ENTERING]	= "memory entering or leaving the pool",
	[KPKEYS_FRAME_FREE]	= "free in the pool",
	[KPKEYS_FRAME_PTP]	= "page table of no level",
	[KPKEYS_FRAME_PTE]	= "PTE table",
	[KPKEYS_FRAME_PMD]	= "PMD table",
	[KPKEYS_FRAME_PUD]	= "PUD table",
	[KPKEYS_FRAME_P4D]	= "P4D table",
	[KPKEYS_FRAME_PGD]	= "PGD table",
	[KPKEYS_FRAME_ROOT]	= "root",
	[KPKEYS_FRAME_META]	= "data of kpkeys",
	[KPKEYS_FRAME_IMAGE]	= "read-only part of the kernel",
};

#define LINK			BIT(KPKEYS_FRAME_TYPE_BITS)
#define LINKS_STICKY		KPKEYS_FRAME_LINKS_STICKY
#define WORD(type, links)	((u16)((type) | (links) * LINK))

static unsigned int word_type(unsigned int word)
{
	return word & KPKEYS_FRAME_TYPE_MASK;
}

struct kpkeys_frame_table kpkeys_frame_table __ro_after_init;
EXPORT_SYMBOL_GPL(kpkeys_frame_table);

/**
 * __kpkeys_frame_wordp() - kpkeys_frame_wordp(), outside of the largest part of memory
 * @pfn: The frame
 *
 * Return: its word; NULL if it has none
 */
u16 *__kpkeys_frame_wordp(unsigned long pfn)
{
	u16 *words;

	if (pfn >= kpkeys_frame_table.nr_all)
		return NULL;
	words = READ_ONCE(kpkeys_frame_table.sections[pfn >> KPKEYS_FRAME_SECTION_SHIFT].words);
	return words ? &words[pfn & (KPKEYS_FRAME_SECTION_SIZE - 1)] : NULL;
}
EXPORT_SYMBOL_GPL(__kpkeys_frame_wordp);

/* What is filled in while the table covers no frame yet. */
static struct kpkeys_frame_table boot_table __initdata;

/* A root without entries, in place of one that must not be used. */
static pgd_t *empty_root __ro_after_init;

/**
 * kpkeys_frame_type_name() - Name a type
 * @type: The type
 *
 * Return: the name
 */
const char *kpkeys_frame_type_name(unsigned int type)
{
	return type < KPKEYS_NR_FRAME_TYPES ? type_names[type] : "unknown";
}

/*
 * Violations end here. The register may be open: what follows must not run with
 * it. A lazy MMU section goes on in the default context.
 */
static noinline __cold void violation(const char *what, unsigned long pfn)
{
	kpkeys_set_context(KPKEYS_CTX_DEFAULT);
	kpkeys_report_violation(what, pfn, kpkeys_frame_word(pfn));
	kpkeys_kill_current();
}

/*
 * Words
 */

/* A PTP of the pool goes back to the pool, and no other does. */
static bool keeps_source(unsigned int word, unsigned int to)
{
	if (word_type(word) < KPKEYS_FRAME_PTP)
		return true;
	return to != (word & KPKEYS_FRAME_UNPOOLED ? KPKEYS_FRAME_FREE : KPKEYS_FRAME_ENTERING);
}

/* What is linked stays what it is; a new table that will be linked for ever gets a level. */
static bool links_allow(unsigned int word, unsigned int to)
{
	return !kpkeys_word_links(word) ||
	       (kpkeys_word_links(word) == LINKS_STICKY &&
		word_type(word) == KPKEYS_FRAME_PTP && (TYPES(PTE, P4D) & BIT(to)));
}

/* kpkeys_frame_change(), in a section */
static __always_inline bool change_type(unsigned long pfn, unsigned int from, unsigned int to)
{
	u16 *wordp = kpkeys_frame_wordp(pfn);
	u16 old, new;

	if (!wordp)
		return false;

	old = READ_ONCE(*wordp);
	do {
		if (!(from & BIT(word_type(old))) || !links_allow(old, to) ||
		    !(transitions[word_type(old)] & BIT(to)) || !keeps_source(old, to))
			return false;
		new = WORD(to, kpkeys_word_links(old));
		if (to >= KPKEYS_FRAME_PTP)
			new |= old & KPKEYS_FRAME_UNPOOLED;
		/* What comes from the pool is free in it first. */
		if (word_type(old) == KPKEYS_FRAME_ENTERING && to == KPKEYS_FRAME_PTP)
			new |= KPKEYS_FRAME_UNPOOLED;
	} while (!try_cmpxchg(wordp, &old, new));
	return true;
}

/**
 * kpkeys_frame_change() - Change a type
 * @pfn: The frame
 * @from: Mask of types, one of which it must have
 * @to: The new type
 *
 * Context: Any but NMI.
 * Return: false if nothing has changed: it is of another type, an entry links it, or
 * the table above has no such change
 */
VISIBLE_IF_KUNIT bool kpkeys_frame_change(unsigned long pfn, unsigned int from,
					  unsigned int to)
{
	bool done;

	kpkeys_pgtables_write(done = change_type(pfn, from, to));
	return done;
}

#ifdef CONFIG_KPKEYS_KUNIT_TEST
/**
 * kpkeys_frame_test_set() - Set a word to what no transition leads to
 * @pfn: The frame
 * @word: The word
 */
void kpkeys_frame_test_set(unsigned long pfn, unsigned int word)
{
	u16 *wordp = kpkeys_frame_wordp(pfn);

	kpkeys_pgtables_write(WRITE_ONCE(*wordp, word));
}
#endif

/**
 * kpkeys_frames_live() - Are types in force?
 *
 * Return: false until the page tables of early boot have been protected
 */
bool kpkeys_frames_live(void)
{
	return kpkeys_frame_table.nr_all;
}

/**
 * kpkeys_frame_hand_out() - A free page becomes a PTP
 * @pfn: The frame; one that kpkeys_frame_can_free() has allowed to free is free
 *
 * Context: Any but NMI.
 * Return: false, and a violation, if it is not free in the pool
 */
bool kpkeys_frame_hand_out(unsigned long pfn)
{
	if (!kpkeys_frames_live() ||
	    likely(kpkeys_frame_change(pfn, BIT(KPKEYS_FRAME_FREE) | TYPES(PTE, PGD),
				       KPKEYS_FRAME_PTP)))
		return true;

	violation("memory to hand out as a page table is not free in the pool", pfn);
	return false;
}

/* The second page of a pair is a PGD table that the first one links. */
static __always_inline bool change_half(unsigned long pfn, bool used)
{
	u16 *wordp = kpkeys_frame_wordp(pfn);
	u16 old;

	if (!wordp)
		return false;

	old = READ_ONCE(*wordp);
	do {
		if (old != WORD(KPKEYS_FRAME_PGD, !used) &&
		    !(used && old == WORD(KPKEYS_FRAME_FREE, 0)))
			return false;
	} while (!try_cmpxchg(wordp, &old, WORD(KPKEYS_FRAME_PGD, used)));
	return true;
}

/**
 * kpkeys_frame_hand_out_pair() - Two free pages become a PTP
 * @pfn: The first frame
 *
 * Context: Any but NMI.
 * Return: false, and a violation, if one of them is not free in the pool
 */
bool kpkeys_frame_hand_out_pair(unsigned long pfn)
{
	bool done;

	if (!kpkeys_frame_hand_out(pfn))
		return false;
	if (!kpkeys_frames_live())
		return true;

	kpkeys_pgtables_write(done = change_half(pfn + 1, true));
	if (!done)
		violation("memory to hand out as a page table is not free in the pool",
			  pfn + 1);
	return done;
}

/**
 * kpkeys_frame_can_free_pair() - Is a PTP of two pages unused?
 * @pfn: The first frame
 *
 * Context: Any but NMI.
 * Return: false, and a violation, if it is no such PTP, is linked, or is a root
 */
bool kpkeys_frame_can_free_pair(unsigned long pfn)
{
	bool done;

	if (!kpkeys_frame_can_free(pfn))
		return false;
	if (!kpkeys_frames_live())
		return true;

	kpkeys_pgtables_write(done = change_half(pfn + 1, false));
	if (!done)
		violation("memory to free is not a page table", pfn + 1);
	return done;
}

/**
 * kpkeys_frame_can_free() - Is a PTP unused?
 * @pfn: The frame
 *
 * A table that has had a level need not change its type at once, which takes two
 * writes to the register: it can be handed out again, and batches become free by
 * kpkeys_frames_take_back().
 *
 * Context: Any but NMI.
 * Return: false, and a violation, if it is no PTP, is linked, or is a root
 */
bool kpkeys_frame_can_free(unsigned long pfn)
{
	unsigned int word = kpkeys_frame_word(pfn);

	if (!kpkeys_word_links(word) && (TYPES(PTE, PGD) & BIT(word_type(word))))
		return true;
	return kpkeys_frame_take_back(pfn);
}

static __always_inline bool take_back_page(unsigned long pfn)
{
	return kpkeys_frame_type(pfn) == KPKEYS_FRAME_FREE || kpkeys_frame_take_back(pfn);
}

static __always_inline unsigned int take_back_pages(struct page **pages, unsigned int nr,
						    bool pairs)
{
	unsigned int i, free = 0;

	for (i = 0; i < nr; i++) {
		unsigned long pfn = page_to_pfn(pages[i]);

		if (take_back_page(pfn) && (!pairs || take_back_page(pfn + 1))) {
			swap(pages[free], pages[i]);
			free++;
		}
	}
	return free;
}

/**
 * kpkeys_frames_take_back() - Unused PTPs become free pages
 * @pages: The pages; those that are not unused are moved to the end
 * @nr: Number of pages
 *
 * Context: Any but NMI.
 * Return: number of pages that are free now
 */
unsigned int kpkeys_frames_take_back(struct page **pages, unsigned int nr)
{
	unsigned int free;

	if (!kpkeys_frames_live())
		return nr;
	kpkeys_pgtables_write(free = take_back_pages(pages, nr, false));
	return free;
}

/**
 * kpkeys_frames_take_back_pairs() - kpkeys_frames_take_back(), of PTPs of two pages
 * @pages: The first page of each; those that are not unused are moved to the end
 * @nr: Number of pairs
 *
 * Context: Any but NMI.
 * Return: number of pairs that are free now
 */
unsigned int kpkeys_frames_take_back_pairs(struct page **pages, unsigned int nr)
{
	unsigned int free;

	if (!kpkeys_frames_live())
		return nr;
	kpkeys_pgtables_write(free = take_back_pages(pages, nr, true));
	return free;
}

/**
 * kpkeys_frame_take_back() - A PTP becomes a free page
 * @pfn: The frame
 *
 * Context: Any but NMI.
 * Return: false, and a violation, if it is no PTP, is linked, or is a root
 */
bool kpkeys_frame_take_back(unsigned long pfn)
{
	if (!kpkeys_frames_live() ||
	    likely(kpkeys_frame_change(pfn, TYPES(PTP, PGD), KPKEYS_FRAME_FREE)))
		return true;

	violation(kpkeys_word_links(kpkeys_frame_word(pfn)) ?
		  "page table to free is in use" : "memory to free is not a page table",
		  pfn);
	return false;
}

/* Changes all frames, or none. */
static bool change_range(unsigned long pfn, unsigned int nr, unsigned int from,
			 unsigned int to, unsigned int undo, const char *what)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (kpkeys_frame_change(pfn + i, from, to))
			continue;
		violation(what, pfn + i);
		while (i--)
			kpkeys_frame_change(pfn + i, BIT(to), undo);
		return false;
	}
	return true;
}

/* Whether frames are all ordinary memory. Sets *@pfn to the first that is not. */
static bool are_ordinary(unsigned long *pfn, unsigned long nr)
{
	for (; nr; nr--, ++*pfn)
		if (kpkeys_frame_word(*pfn) != KPKEYS_FRAME_NONE)
			return false;
	return true;
}

/**
 * kpkeys_frames_are_ordinary() - Are frames ordinary memory?
 * @pfn: First frame
 * @nr: Number of frames
 *
 * Return: false if one of them has a type
 */
bool kpkeys_frames_are_ordinary(unsigned long pfn, unsigned long nr)
{
	return are_ordinary(&pfn, nr);
}

/**
 * kpkeys_frames_may_unprotect() - May frames lose the pkey?
 * @pfn: First frame
 * @nr: Number of frames
 *
 * Context: Process context.
 * Return: false, and a violation, if one of them has a type
 */
bool kpkeys_frames_may_unprotect(unsigned long pfn, unsigned long nr)
{
	if (likely(kpkeys_frames_are_ordinary(pfn, nr)))
		return true;

	violation("memory to unprotect is in use", pfn);
	return false;
}

/**
 * kpkeys_frames_leave() - Free pages are about to leave the pool
 * @pfn: First frame
 * @nr: Number of frames
 *
 * Context: Process context.
 * Return: false, and a violation, if not all of them are free in the pool. Then
 * nothing has changed. Else they are ordinary memory, which still carries the pkey.
 */
bool kpkeys_frames_leave(unsigned long pfn, unsigned int nr)
{
	unsigned int i;

	if (!change_range(pfn, nr, BIT(KPKEYS_FRAME_FREE), KPKEYS_FRAME_ENTERING,
			  KPKEYS_FRAME_FREE, "memory to release is not free in the pool"))
		return false;
	for (i = 0; i < nr; i++)
		kpkeys_frame_change(pfn + i, BIT(KPKEYS_FRAME_ENTERING), KPKEYS_FRAME_NONE);
	return true;
}

/**
 * kpkeys_frames_leave_unpooled() - As kpkeys_frames_leave(), of a PTP
 * @pfn: First frame
 * @nr: Number of frames
 *
 * Context: Process context.
 * Return: as kpkeys_frames_leave(); a table that is linked, or that comes from the
 * pool, cannot leave.
 */
bool kpkeys_frames_leave_unpooled(unsigned long pfn, unsigned int nr)
{
	unsigned int i;

	if (!change_range(pfn, nr, TYPES(PTP, PGD), KPKEYS_FRAME_ENTERING,
			  KPKEYS_FRAME_PTP,
			  "memory to free is in use, or is not a page table of its own"))
		return false;
	for (i = 0; i < nr; i++)
		kpkeys_frame_change(pfn + i, BIT(KPKEYS_FRAME_ENTERING), KPKEYS_FRAME_NONE);
	return true;
}

/**
 * kpkeys_frame_set_root() - A PTP becomes a root that no mm has, for ever
 * @pfn: The frame
 *
 * Return: false, and a violation, if it is not a PTP
 */
bool kpkeys_frame_set_root(unsigned long pfn)
{
	if (kpkeys_frame_change(pfn, BIT(KPKEYS_FRAME_PTP), KPKEYS_FRAME_PGD))
		return true;

	violation("root to protect is not a new page table", pfn);
	return false;
}

/**
 * kpkeys_frame_set_meta() - A PTP becomes data of kpkeys, for ever
 * @pfn: The frame
 *
 * Return: false, and a violation, if it is not a PTP
 */
bool kpkeys_frame_set_meta(unsigned long pfn)
{
	if (kpkeys_frame_change(pfn, BIT(KPKEYS_FRAME_PTP), KPKEYS_FRAME_META))
		return true;

	violation("memory for data of kpkeys is not a new page table", pfn);
	return false;
}

/*
 * Levels and links
 */

static bool is_folded(int level)
{
	switch (level) {
	case PGTABLE_LEVEL_PMD:
		return mm_pmd_folded(&init_mm);
	case PGTABLE_LEVEL_PUD:
		return mm_pud_folded(&init_mm);
	case PGTABLE_LEVEL_P4D:
		return mm_p4d_folded(&init_mm);
	}
	return false;
}

/* The level of the table in which an entry of @level is. */
static int table_level(int level)
{
	while (is_folded(level))
		level++;
	return level;
}

/* May a frame of @word be a table of @level? */
static bool is_table(unsigned int word, int level)
{
	return word_type(word) == LEVEL_TYPE(level) ||
	       (level == PGTABLE_LEVEL_PGD && word_type(word) == KPKEYS_FRAME_ROOT);
}

/* A table that has no level gets that of its first use. In a section. */
static __always_inline bool check_table(unsigned long pfn, int level)
{
	if (likely(is_table(kpkeys_frame_word(pfn), level)))
		return true;
	return change_type(pfn, BIT(KPKEYS_FRAME_PTP), LEVEL_TYPE(level));
}

/* Tables that more than one entry may link. Kernel tables from early boot are sticky. */
static bool is_shareable(int level)
{
	return IS_ENABLED(CONFIG_HUGETLB_PMD_PAGE_TABLE_SHARING) &&
	       level == PGTABLE_LEVEL_PMD;
}

/* A new table gets the largest number of links, which is never counted again. */
static __always_inline bool share_table(unsigned long pfn)
{
	u16 *wordp = kpkeys_frame_wordp(pfn);
	u16 old;

	if (!wordp)
		return false;

	old = READ_ONCE(*wordp);
	do {
		if (word_type(old) != KPKEYS_FRAME_PTP || kpkeys_word_links(old))
			return false;
	} while (!try_cmpxchg(wordp, &old, old | LINKS_STICKY * LINK));
	return true;
}

/**
 * kpkeys_share_pgtable() - Let a new page table be linked more than once, for ever
 * @table: The table, in the linear map; it is linked at one level only, and never freed
 *
 * Context: Process context.
 */
void kpkeys_share_pgtable(void *table)
{
	unsigned long pfn = PHYS_PFN(__pa(table));
	bool done;

	if (!kpkeys_hardened_pgtables_enabled() || !kpkeys_frames_live())
		return;
	kpkeys_pgtables_write(done = share_table(pfn));
	if (!done)
		violation("page table to share is not a new one", pfn);
}

static __always_inline bool get_link(unsigned long pfn, int level)
{
	u16 *wordp = kpkeys_frame_wordp(pfn);
	u16 old;

	if (!wordp || !check_table(pfn, level))
		return false;

	old = READ_ONCE(*wordp);
	do {
		if (word_type(old) != LEVEL_TYPE(level))
			return false;
		if (kpkeys_word_links(old) == LINKS_STICKY)
			return true;
		if (kpkeys_word_links(old) && !is_shareable(level))
			return false;
		if (kpkeys_word_links(old) == LINKS_STICKY - 1)
			return false;
	} while (!try_cmpxchg(wordp, &old, old + LINK));
	return true;
}

static void put_link(unsigned long pfn)
{
	u16 *wordp = kpkeys_frame_wordp(pfn);
	u16 old;

	if (!wordp)
		return;

	old = READ_ONCE(*wordp);
	do {
		if (kpkeys_word_links(old) == LINKS_STICKY)
			return;
		if (!kpkeys_word_links(old)) {
			violation("page table that is unlinked was not linked", pfn);
			return;
		}
	} while (!try_cmpxchg(wordp, &old, old - LINK));
}

/*
 * Entries
 */

static u64 kpkeys_advance_entry(u64 entry, unsigned long step)
{
	return pte_val(pte_advance_pfn(__pte(entry), PFN_DOWN(step)));
}

/**
 * struct entry - An entry of a table above PTE tables
 * @table: It links a table
 * @leaf: It maps memory
 * @pfn: The first frame
 * @nr: Number of frames
 */
struct entry {
	bool table;
	bool leaf;
	unsigned long pfn;
	unsigned long nr;
};

static __always_inline struct entry parse_entry(int level, u64 val)
{
	struct entry e = { };
	unsigned long table = 0;

	switch (level) {
	case PGTABLE_LEVEL_PMD:
		if (pmd_none(__pmd(val)) || !pmd_present(__pmd(val)))
			break;
		e.leaf = pmd_leaf(__pmd(val));
		if (e.leaf)
			e.pfn = pmd_pfn(__pmd(val));
		else
			table = pmd_page_vaddr(__pmd(val));
		break;
	case PGTABLE_LEVEL_PUD:
		if (pud_none(__pud(val)) || !pud_present(__pud(val)))
			break;
		e.leaf = pud_leaf(__pud(val));
		if (e.leaf)
			e.pfn = pud_pfn(__pud(val));
		else
			table = (unsigned long)pud_pgtable(__pud(val));
		break;
	case PGTABLE_LEVEL_P4D:
		if (!p4d_none(__p4d(val)) && p4d_present(__p4d(val)))
			table = (unsigned long)p4d_pgtable(__p4d(val));
		break;
	case PGTABLE_LEVEL_PGD:
#if CONFIG_PGTABLE_LEVELS > 4
		if (!pgd_none(__pgd(val)) && pgd_present(__pgd(val)))
			table = pgd_page_vaddr(__pgd(val));
#endif
		break;
	}

	e.nr = PFN_DOWN(kpkeys_entry_size(level));
	if (e.leaf)
		e.pfn = ALIGN_DOWN(e.pfn, e.nr);
	if (table) {
		e.table = true;
		e.pfn = PHYS_PFN(__pa(table));
	}
	return e;
}

/*
 * May an entry map frames? Sets *@pfn to the first that it may not map.
 *
 * The kernel itself may be mapped by anyone who cannot write to it. It changes its code by
 * way of an entry of its own.
 */
static bool may_map(const void *entryp, u64 entry, unsigned long *pfn, unsigned long nr)
{
	if (arch_kpkeys_entry_has_pkey(entry))
		return true;

	for (; nr; nr--, ++*pfn) {
		unsigned int word = kpkeys_frame_word(*pfn);

		if (word == KPKEYS_FRAME_NONE)
			continue;
		if (word != KPKEYS_FRAME_IMAGE ||
		    (!arch_kpkeys_entry_is_readonly(entry) && !arch_kpkeys_patches_image(entryp)))
			return false;
	}
	return true;
}

/**
 * __kpkeys_leaf_allowed() - kpkeys_leaf_allowed(), the unlikely cases
 * @entryp: The first entry to write
 * @entry: Its value, which is present
 * @pfn: The first frame
 * @nr: Number of frames
 *
 * Context: Any.
 * Return: false, and a violation, if nothing may be written
 */
bool __kpkeys_leaf_allowed(const void *entryp, u64 entry, unsigned long pfn,
			   unsigned long nr)
{
	unsigned long table = arch_kpkeys_entry_pfn(entryp);
	unsigned int type = kpkeys_frame_type(table);

	/* A table that nobody uses, or too early. */
	if (type == KPKEYS_FRAME_NONE)
		return true;
	if (!check_table(table, table_level(PGTABLE_LEVEL_PTE))) {
		violation("PTE to write is not in a PTE table", table);
		return false;
	}
	if (may_map(entryp, entry, &pfn, nr) ||
	    (nr == 1 && arch_kpkeys_same_mapping(READ_ONCE(*(const u64 *)entryp), entry)))
		return true;

	violation("PTE to write would map protected memory", pfn);
	return false;
}
EXPORT_SYMBOL_GPL(__kpkeys_leaf_allowed);

/*
 * In a section: what is checked here must be true until the entry is written.
 *
 * Returns why nothing was written, and sets *@pfn to the frame to report; or NULL, and
 * sets *@val to the value before.
 */
static __always_inline const char *xchg_entry(u64 *entryp, int level, u64 *val,
					      unsigned long *pfn)
{
	unsigned long table = arch_kpkeys_entry_pfn(entryp);
	struct entry old, new = parse_entry(level, *val);
	u64 entry = *val, was;
	const u64 *original;

	*pfn = new.pfn;
	/* A split of a huge page fills in a table by way of an entry on the stack. */
	if (kpkeys_frame_type(table) == KPKEYS_FRAME_NONE) {
		*val = xchg(entryp, entry);
		return NULL;
	}

	if (unlikely(!check_table(table, table_level(level)))) {
		*pfn = table;
		return "entry to write is not in a page table of its level";
	}

	/* Links of the kernel's half of a root count in init_mm, which it is a copy of. */
	original = arch_kpkeys_original(entryp, level);
	if (original) {
		if (entry && !arch_kpkeys_same_mapping(entry, READ_ONCE(*original)))
			return "entry to write is not that of init_mm";
		*val = xchg(entryp, entry);
		return NULL;
	}

	/* Only its flags change. The CPU may set some at the same time. */
	was = READ_ONCE(*entryp);
	while (new.table) {
		old = parse_entry(level, was);
		if (!old.table || new.pfn != old.pfn)
			break;
		if (try_cmpxchg(entryp, &was, entry)) {
			*val = was;
			return NULL;
		}
	}

	if (new.table && !get_link(new.pfn, level - 1))
		return "entry to write would link what is no new page table of the level below";
	if (new.leaf && !arch_kpkeys_same_mapping(was, entry) &&
	    !may_map(entryp, entry, pfn, new.nr))
		return "entry to write would map protected memory";

	*val = xchg(entryp, entry);
	old = parse_entry(level, *val);
	if (old.table)
		put_link(old.pfn);
	return NULL;
}

/* What differs between levels is known when these are compiled. */
#define DEFINE_XCHG_ENTRY(name, level)						\
static noinline const char *xchg_##name(u64 *entryp, u64 *val, unsigned long *pfn)	\
{										\
	return xchg_entry(entryp, PGTABLE_LEVEL_##level, val, pfn);		\
}

DEFINE_XCHG_ENTRY(pmd, PMD)
DEFINE_XCHG_ENTRY(pud, PUD)
DEFINE_XCHG_ENTRY(p4d, P4D)
DEFINE_XCHG_ENTRY(pgd, PGD)

static __always_inline const char *xchg_entry_of(int level, u64 *entryp, u64 *val,
						 unsigned long *pfn)
{
	switch (level) {
	case PGTABLE_LEVEL_PMD:
		return xchg_pmd(entryp, val, pfn);
	case PGTABLE_LEVEL_PUD:
		return xchg_pud(entryp, val, pfn);
	case PGTABLE_LEVEL_P4D:
		return xchg_p4d(entryp, val, pfn);
	default:
		return xchg_pgd(entryp, val, pfn);
	}
}

/**
 * __kpkeys_flags_allowed() - kpkeys_flags_allowed() of an entry that becomes writable
 * @entryp: The entry
 * @entry: Its new value
 * @pfn: The first frame
 *
 * Context: Any.
 * Return: false, and a violation, if it must not be written
 */
bool __kpkeys_flags_allowed(const void *entryp, u64 entry, unsigned long pfn)
{
	unsigned int type = kpkeys_frame_type(arch_kpkeys_entry_pfn(entryp));
	unsigned long nr = 1;

	if (type > KPKEYS_FRAME_PTE && type <= KPKEYS_FRAME_PUD) {
		nr = PFN_DOWN(kpkeys_entry_size(type - KPKEYS_FRAME_PTE));
		pfn = ALIGN_DOWN(pfn, nr);
	}
	if (likely(may_map(entryp, entry, &pfn, nr)))
		return true;

	violation("entry would make protected memory writable", pfn);
	return false;
}
EXPORT_SYMBOL_GPL(__kpkeys_flags_allowed);

/**
 * kpkeys_xchg_entry() - Write an entry of a PMD, PUD, P4D or PGD table
 * @entryp: The entry
 * @level: Its level, KPKEYS_LEVEL_*
 * @entry: The value
 *
 * Nothing is written if that would be a violation.
 *
 * Context: Any but NMI.
 * Return: the value before
 */
u64 kpkeys_xchg_entry(void *entryp, int level, u64 entry)
{
	unsigned long pfn;
	const char *why;
	u64 val = entry;

	kpkeys_pgtables_write(why = xchg_entry_of(level, entryp, &val, &pfn));
	if (likely(!why))
		return val;

	violation(why, pfn);
	return READ_ONCE(*(u64 *)entryp);
}
EXPORT_SYMBOL_GPL(kpkeys_xchg_entry);

/**
 * kpkeys_set_blocks() - Write consecutive entries that map blocks
 * @entryp: The first entry
 * @level: Their level, KPKEYS_LEVEL_PMD or KPKEYS_LEVEL_PUD
 * @entry: Value of the first one
 * @nr: Number of entries
 * @step: Difference of their addresses
 *
 * Context: Any but NMI.
 */
void kpkeys_set_blocks(void *entryp, int level, u64 entry, unsigned int nr,
		       unsigned long step)
{
	u64 *p = entryp;

	for (; nr; nr--, p++) {
		kpkeys_xchg_entry(p, level, entry);
		entry = kpkeys_advance_entry(entry, step);
	}
}
EXPORT_SYMBOL_GPL(kpkeys_set_blocks);

/* Calls @fn for each frame that has a type, until it returns true. */
static bool find_frame(bool (*fn)(unsigned long pfn, unsigned int type, void *arg),
		       void *arg)
{
	const unsigned long per_u64 = sizeof(u64) / sizeof(u16);
	unsigned long pfn, next, i;

	for (pfn = 0; pfn < kpkeys_frame_table.nr_all; pfn = next) {
		const u16 *words = kpkeys_frame_wordp(pfn);

		next = min(pfn + per_u64, kpkeys_frame_table.nr_all);
		if (!words) {
			next = pfn + KPKEYS_FRAME_SECTION_SIZE;
			continue;
		}
		/* Most are ordinary memory. */
		if (!READ_ONCE(*(const u64 *)words))
			continue;
		for (i = pfn; i < next; i++)
			if (kpkeys_frame_type(i) && fn(i, kpkeys_frame_type(i), arg))
				return true;
	}
	return false;
}

/**
 * kpkeys_frames_covered() - Do frames have words?
 * @pfn: First frame
 * @nr: Number of frames, not more than a section has
 *
 * Return: false if one has none: it cannot be part of the pool
 */
bool kpkeys_frames_covered(unsigned long pfn, unsigned int nr)
{
	return !kpkeys_frames_live() ||
	       (kpkeys_frame_wordp(pfn) && kpkeys_frame_wordp(pfn + nr - 1));
}

/*
 * In a section: pages become data of kpkeys. Whoever has allocated them may have slept
 * since, with @pfn in memory. So they must be what no entry links, and are cleared here.
 */
static __always_inline bool take_meta(unsigned long pfn, unsigned int order)
{
	unsigned int i;

	for (i = 0; i < 1U << order; i++)
		if (!change_type(pfn + i, BIT(KPKEYS_FRAME_PTP), KPKEYS_FRAME_META))
			return false;
	memset(__va(PFN_PHYS(pfn)), 0, PAGE_SIZE << order);
	return true;
}

/* In a section */
static __always_inline bool set_section(unsigned long nr, unsigned long words,
					unsigned long owners)
{
	struct kpkeys_frame_section *section;

	if (nr > (kpkeys_frame_table.nr_all - 1) >> KPKEYS_FRAME_SECTION_SHIFT)
		return false;
	section = &kpkeys_frame_table.sections[nr];
	if (READ_ONCE(section->words) || !take_meta(words, KPKEYS_FRAME_WORDS_ORDER) ||
	    !take_meta(owners, 0))
		return false;

	WRITE_ONCE(section->owners, __va(PFN_PHYS(owners)));
	/* Who finds words finds owners. */
	smp_store_release(&section->words, __va(PFN_PHYS(words)));
	return true;
}

/**
 * kpkeys_frames_add_section() - Give words to the frames of a section
 * @nr: Number of the section
 * @words: PTPs for the words, of order KPKEYS_FRAME_WORDS_ORDER
 * @owners: A PTP for the pointers to arrays of owners
 *
 * Context: Process context; one at a time. The section had no memory so far.
 * Return: false, and a violation, if the section has words, or a page is not a new PTP
 */
bool kpkeys_frames_add_section(unsigned long nr, struct ptdesc *words, struct ptdesc *owners)
{
	unsigned long words_pfn = page_to_pfn(ptdesc_page(words));
	unsigned long owners_pfn = page_to_pfn(ptdesc_page(owners));
	bool done;

	BUILD_BUG_ON(KPKEYS_FRAME_SECTION_SIZE / KPKEYS_FRAME_OWNERS_SIZE *
		     sizeof(*kpkeys_frame_table.sections->owners) > PAGE_SIZE);
	kpkeys_pgtables_write(done = set_section(nr, words_pfn, owners_pfn));
	if (!done)
		violation("memory for frame types is not new, or not needed", words_pfn);
	return done;
}

/*
 * Roots
 */

/* One at a time makes an array of owners. */
static DEFINE_MUTEX(owners_mutex);

/* Where the array with the owner of a frame is, NULL if the frame has no word. */
static __always_inline const struct mm_struct ***owners_slot(unsigned long pfn)
{
	unsigned long i = (pfn & (KPKEYS_FRAME_SECTION_SIZE - 1)) >> KPKEYS_FRAME_OWNERS_SHIFT;

	if (!kpkeys_frame_wordp(pfn))
		return NULL;
	return &kpkeys_frame_table.sections[pfn >> KPKEYS_FRAME_SECTION_SHIFT].owners[i];
}

/* In a section */
static __always_inline bool set_owners(unsigned long pfn, unsigned long owners)
{
	const struct mm_struct ***p = owners_slot(pfn);

	if (!p || READ_ONCE(*p) || !take_meta(owners, 0))
		return false;
	/* Pairs with smp_load_acquire() below. */
	smp_store_release(p, __va(PFN_PHYS(owners)));
	return true;
}

static const struct mm_struct **get_owners(unsigned long pfn)
{
	const struct mm_struct ***p = owners_slot(pfn), **owners;
	unsigned long owners_pfn;
	struct ptdesc *pt;
	bool done;

	BUILD_BUG_ON(KPKEYS_FRAME_OWNERS_SIZE * sizeof(*owners) > PAGE_SIZE);
	if (!p)
		return NULL;
	/* Pairs with smp_store_release() above. */
	owners = smp_load_acquire(p);
	if (owners)
		return owners;

	guard(mutex)(&owners_mutex);
	if (*p)
		return *p;

	pt = kpkeys_pgtable_alloc(GFP_KERNEL, 0);
	if (!pt)
		return NULL;
	owners_pfn = page_to_pfn(ptdesc_page(pt));
	kpkeys_pgtables_write(done = set_owners(pfn, owners_pfn));
	if (!done) {
		violation("memory for data of kpkeys is not a new page table", owners_pfn);
		return NULL;
	}
	return *owners_slot(pfn);
}

static void set_owner(unsigned long pfn, const struct mm_struct **owners,
		      const struct mm_struct *mm)
{
	const struct mm_struct **p = &owners[pfn & (KPKEYS_FRAME_OWNERS_SIZE - 1)];

	kpkeys_pgtables_write(WRITE_ONCE(*p, mm));
}

/* A root has its owner after it has become one, and none when it ceases to be one. */
static __always_inline bool change_owner(unsigned long pfn, unsigned int from, unsigned int to,
					 const struct mm_struct **owners,
					 const struct mm_struct *mm)
{
	if (!mm)
		set_owner(pfn, owners, NULL);
	if (!kpkeys_frame_change(pfn, BIT(from), to))
		return false;
	if (mm)
		set_owner(pfn, owners, mm);
	return true;
}

/**
 * kpkeys_set_root_owner() - Give a root to an mm
 * @mm: The mm; not init_mm
 * @pgd: Its root, a new page table
 *
 * Context: Process context; may sleep.
 * Return: false if there is no memory; or, and that is a violation, if it is not a
 * new page table.
 */
bool kpkeys_set_root_owner(const struct mm_struct *mm, void *pgd)
{
	unsigned long pfn = PHYS_PFN(__pa(pgd));
	const struct mm_struct **owners;
	bool done;

	if (!kpkeys_hardened_pgtables_enabled() || !kpkeys_frames_live())
		return true;

	if (!kpkeys_frame_wordp(pfn)) {
		violation("root to use is not a new page table", pfn);
		return false;
	}
	owners = get_owners(pfn);
	if (!owners)
		return false;

	kpkeys_pgtables_write(done = change_owner(pfn, KPKEYS_FRAME_PTP, KPKEYS_FRAME_ROOT,
						  owners, mm));
	if (!done)
		violation("root to use is not a new page table", pfn);
	return done;
}

/* The root of @arg, which dies, becomes nobody's. */
static bool disown(unsigned long pfn, unsigned int type, void *arg)
{
	if (type == KPKEYS_FRAME_ROOT && kpkeys_frame_owner(pfn) == arg)
		set_owner(pfn, get_owners(pfn), NULL);
	return false;
}

/**
 * kpkeys_clear_root_owner() - Take a root from its mm
 * @mm: The mm, which nobody uses any more
 * @pgd: Its root, if no attacker has changed it
 *
 * If it is another one, that is a violation. The root of the mm, and all that it
 * holds, is leaked; nobody can use it, not even a new mm at the same address.
 *
 * Context: Any but NMI.
 * Return: false if @pgd must not be freed.
 */
bool kpkeys_clear_root_owner(const struct mm_struct *mm, void *pgd)
{
	unsigned long pfn = PHYS_PFN(__pa(pgd));
	const struct mm_struct **owners;
	bool done;

	if (!kpkeys_hardened_pgtables_enabled() || !kpkeys_frames_live())
		return true;

	if (likely(kpkeys_frame_owner(pfn) == mm)) {
		owners = get_owners(pfn);
		kpkeys_pgtables_write(done = change_owner(pfn, KPKEYS_FRAME_ROOT,
							  KPKEYS_FRAME_PGD, owners, NULL));
		if (done)
			return true;
	}
	/* Whoever drops the last reference to an mm need not have used it. */
	kpkeys_report_violation("root to free is not that of the process", pfn,
				kpkeys_frame_word(pfn));
	find_frame(disown, (void *)mm);
	return false;
}

/**
 * __kpkeys_root() - kpkeys_root() if the owner of a root is not the mm
 * @mm: The mm
 * @pgd: What is to be used as its root
 *
 * Context: Any.
 * Return: @pgd if it is right nevertheless; else, and that is a violation, a root
 * without entries.
 */
void *__kpkeys_root(const struct mm_struct *mm, void *pgd)
{
	if (!kpkeys_frames_live())
		return pgd;

	if (mm == &init_mm) {
		if (pgd == swapper_pg_dir)
			return pgd;
		/* Nobody loses anything: repair it. */
		kpkeys_report_violation("root of the kernel is another one",
					PHYS_PFN(__pa(pgd)),
					kpkeys_frame_word(PHYS_PFN(__pa(pgd))));
		init_mm.pgd = swapper_pg_dir;
		return swapper_pg_dir;
	}
	violation("root of a process is not its own", PHYS_PFN(__pa(pgd)));
	return empty_root;
}
EXPORT_SYMBOL_GPL(__kpkeys_root);

/**
 * __kpkeys_loaded_root() - The root to load for an mm
 * @mm: The mm
 *
 * For kpkeys_loaded_root(). Reports nothing, as the scheduler holds its locks: a
 * process with a wrong root has no memory, and its first fault walks it.
 *
 * Context: Any.
 * Return: the root of @mm; if that is not its own, one without entries for processes
 */
void *__kpkeys_loaded_root(const struct mm_struct *mm)
{
	pgd_t *pgd = READ_ONCE(mm->pgd);

	if (!kpkeys_hardened_pgtables_enabled() || !kpkeys_frames_live() ||
	    likely(kpkeys_frame_owner(PHYS_PFN(__pa(pgd))) == mm))
		return pgd;
	return mm == &init_mm ? swapper_pg_dir : arch_kpkeys_empty_root(empty_root);
}

static void set_image(unsigned long pfn, unsigned long nr)
{
	/* Page tables in there have their types. */
	for (; nr; nr--, pfn++)
		kpkeys_frame_change(pfn, BIT(KPKEYS_FRAME_NONE), KPKEYS_FRAME_IMAGE);
}

/**
 * kpkeys_hardened_pgtables_image_ro() - A part of the kernel is read-only from now on
 * @start: Physical address of the first page
 * @end: Physical address of the end
 *
 * No page table will map it so that it can be written.
 *
 * Context: End of boot. It has been mapped read-only, wherever it is mapped.
 */
void kpkeys_hardened_pgtables_image_ro(phys_addr_t start, phys_addr_t end)
{
	if (kpkeys_hardened_pgtables_enabled() && kpkeys_frames_live())
		kpkeys_pgtables_write(set_image(PHYS_PFN(start), PHYS_PFN(end - start)));
}

/*
 * Entering the pool
 */

/* A CPU that interrupted an open section may be about to write. */
static void saw_no_section(void *arg)
{
	struct cpumask *waiting = arg;

	if (!kpkeys_in_interrupted_section())
		cpumask_clear_cpu(smp_processor_id(), waiting);
}

/**
 * kpkeys_frames_sync() - Wait until setters have noticed changes of types
 *
 * A setter that has checked a type before it was changed has written when this
 * returns: each CPU was seen outside of sections that can write to page tables. Those
 * that go offline are outside, those that come online see the change. So CPU hotplug,
 * which allocates page tables, is not locked.
 *
 * Context: Process context; may sleep.
 */
void kpkeys_frames_sync(void)
{
	static DEFINE_MUTEX(sync_mutex);
	static struct cpumask waiting;

	guard(mutex)(&sync_mutex);
	cpumask_copy(&waiting, cpu_online_mask);
	/* This CPU is in this function. */
	while (cpumask_and(&waiting, &waiting, cpu_online_mask)) {
		on_each_cpu_mask(&waiting, saw_no_section, &waiting, true);
		cond_resched();
	}
}

/**
 * struct find_mapping - A search for entries that map frames
 * @pfn: First frame
 * @nr: Number of frames
 * @linked: The table with the entry that was found is in use
 */
struct find_mapping {
	unsigned long pfn;
	unsigned int nr;
	bool linked;
};

static bool overlaps(const struct find_mapping *find, unsigned long pfn, unsigned long nr)
{
	return pfn < find->pfn + find->nr && pfn + nr > find->pfn;
}

/*
 * The entry of the linear map for a page. Others that map the page are not welcome.
 */
static const void *linear_entry(unsigned long addr)
{
	pgd_t *pgd = pgd_offset_k(addr);
	p4d_t *p4d;
	pud_t *pud;
	pmd_t *pmd;

	if (!arch_kpkeys_has_linear_map() || pgd_none(*pgd))
		return NULL;
	p4d = p4d_offset(pgd, addr);
	if (p4d_none(*p4d))
		return NULL;
	pud = pud_offset(p4d, addr);
	if (pud_none(*pud) || pud_leaf(*pud))
		return pud;
	pmd = pmd_offset(pud, addr);
	if (pmd_none(*pmd) || pmd_leaf(*pmd))
		return pmd;
	return pte_offset_kernel(pmd, addr);
}

static bool is_linear_entry(const void *entryp, unsigned long pfn)
{
	return entryp == linear_entry((unsigned long)__va(PFN_PHYS(pfn)));
}

static bool table_maps(const struct find_mapping *find, unsigned long table, int level)
{
	u64 *entryp = __va(PFN_PHYS(table));
	struct entry e;
	unsigned int i;

	for (i = 0; i < PAGE_SIZE / sizeof(*entryp); i++, entryp++) {
		u64 val = READ_ONCE(*entryp);
		unsigned long pfn;

		if (!val)
			continue;
		if (level == PGTABLE_LEVEL_PTE) {
			if (!pte_present(__pte(val)))
				continue;
			pfn = pte_pfn(__pte(val));
			e.nr = 1;
		} else {
			e = parse_entry(level, val);
			if (!e.leaf)
				continue;
			pfn = e.pfn;
		}
		if (overlaps(find, pfn, e.nr) &&
		    !is_linear_entry(entryp, max(pfn, find->pfn)) &&
		    is_table(kpkeys_frame_word(table), level))
			return true;
	}
	return false;
}

static bool find_in_table(unsigned long pfn, unsigned int type, void *arg)
{
	struct find_mapping *find = arg;

	/* PGD and P4D tables have no leaf entries. */
	if (type < KPKEYS_FRAME_PTE || type > KPKEYS_FRAME_PUD ||
	    !table_maps(find, pfn, type - KPKEYS_FRAME_PTE))
		return false;
	find->linked = kpkeys_frame_links(pfn);
	return true;
}

/* How often to look again, a millisecond or more apart. */
#define MAX_LOOKS	50

/*
 * A table that nothing links may be free, and still have its entries and its level, as long as
 * a CPU has it in its cache; or it is about to be freed: where the linear map goes back to a
 * block, its table maps the memory until all TLBs have been flushed.
 */
static bool anything_maps(unsigned long first, unsigned int nr)
{
	struct find_mapping find = { .pfn = first, .nr = nr };
	unsigned int i;

	for (i = 0; i < MAX_LOOKS; i++) {
		if (!find_frame(find_in_table, &find))
			return false;
		if (find.linked)
			break;
		if (i)
			usleep_range(1000, 2000);
		kpkeys_pool_drain();
	}
	return true;
}

/**
 * kpkeys_frames_enter() - Make sure that nothing maps memory that enters the pool
 * @pfn: First frame
 * @nr: Number of frames
 *
 * The page allocator's lists, a reference count or a mapcount can be forged. So
 * nobody may map the frames from now on, and no page table must have an entry that
 * does.
 *
 * Context: Process context; may sleep.
 * Return: 0, and kpkeys_frames_entered() is next; -ERANGE for memory that has been
 * added since boot and has no words; -EFAULT, and a violation, if the memory must
 * not be used, by anyone
 */
int kpkeys_frames_enter(unsigned long pfn, unsigned int nr)
{
	if (!kpkeys_frames_live())
		return 0;
	if (!kpkeys_frames_covered(pfn, nr))
		return -ERANGE;

	if (!change_range(pfn, nr, BIT(KPKEYS_FRAME_NONE), KPKEYS_FRAME_ENTERING,
			  KPKEYS_FRAME_NONE,
			  "page allocator has given out memory that is protected"))
		return -EFAULT;

	kpkeys_frames_sync();
	if (anything_maps(pfn, nr)) {
		violation("memory for page tables is mapped", pfn);
		kpkeys_frames_not_entered(pfn, nr);
		return -EFAULT;
	}
	arch_kpkeys_flush_tlb();
	return 0;
}

/**
 * kpkeys_frames_entered() - Memory has been tagged
 * @pfn: First frame
 * @nr: Number of frames
 * @handed_out: It becomes a PTP, rather than free in the pool
 */
void kpkeys_frames_entered(unsigned long pfn, unsigned int nr, bool handed_out)
{
	unsigned int i;

	if (!kpkeys_frames_live())
		return;
	for (i = 0; i < nr; i++)
		kpkeys_frame_change(pfn + i, BIT(KPKEYS_FRAME_ENTERING),
				    handed_out ? KPKEYS_FRAME_PTP : KPKEYS_FRAME_FREE);
}

/**
 * kpkeys_frames_not_entered() - Memory could not be tagged
 * @pfn: First frame
 * @nr: Number of frames
 */
void kpkeys_frames_not_entered(unsigned long pfn, unsigned int nr)
{
	unsigned int i;

	if (!kpkeys_frames_live())
		return;
	for (i = 0; i < nr; i++)
		kpkeys_frame_change(pfn + i, BIT(KPKEYS_FRAME_ENTERING), KPKEYS_FRAME_NONE);
}

/*
 * Boot
 */

/* Up to where memory can be added: 128 KiB of sections at least, and 2 MiB at most. */
#define MIN_ADDED_PFN		PFN_DOWN(1ULL << 40)
#define MAX_ADDED_PFN		PFN_DOWN(16ULL << 40)

static unsigned long nr_meta __initdata;
static struct {
	unsigned long pfn;
	unsigned int nr;
} *meta __initdata;

/* Where memory of early chunks went. Pages are few, so many calls share one. */
static void * __init alloc_meta(size_t size)
{
	unsigned int nr = PFN_UP(size);
	phys_addr_t phys = kpkeys_early_alloc_pages(nr);

	if (!phys)
		panic("kpkeys: no memory for frame types (kpkeys=off turns the protection off)\n");

	meta[nr_meta].pfn = PHYS_PFN(phys);
	meta[nr_meta++].nr = nr;
	return memset(__va(phys), 0, PAGE_ALIGN(size));
}

/* The longest run of sections that have memory gets an array that is not cut. */
static void __init alloc_largest_part(unsigned long nr, unsigned long nr_sections)
{
	unsigned long s, start = 0, best = 0, best_end = 0;

	for (s = 0; s < nr_sections; s++) {
		if (!boot_table.sections[s].words) {
			start = s + 1;
		} else if (s + 1 - start > best_end - best) {
			best = start;
			best_end = s + 1;
		}
	}
	boot_table.start = best * KPKEYS_FRAME_SECTION_SIZE;
	boot_table.nr = min(best_end * KPKEYS_FRAME_SECTION_SIZE, nr) - boot_table.start;
	boot_table.first = (unsigned long)__va(PFN_PHYS(boot_table.start));
	boot_table.words = alloc_meta(boot_table.nr * sizeof(u16));
}

/**
 * kpkeys_frames_alloc() - Allocate the table of frames
 *
 * Context: Boot CPU, before memblock_free_all().
 */
void __init kpkeys_frames_alloc(void)
{
	const size_t nr_owners = KPKEYS_FRAME_SECTION_SIZE / KPKEYS_FRAME_OWNERS_SIZE;
	unsigned long start_pfn, end_pfn, nr, nr_sections, s, nr_present = 0;
	const struct mm_struct ***owners;
	int i;

	nr = max(max_pfn, PFN_UP(__pa_symbol(_end)));
	/* Room for sections of memory that is added. Their words come with it. */
	if (IS_ENABLED(CONFIG_MEMORY_HOTPLUG))
		nr = max(nr, clamp_t(unsigned long, max_possible_pfn, MIN_ADDED_PFN,
				     MAX_ADDED_PFN));
	nr_sections = DIV_ROUND_UP(nr, KPKEYS_FRAME_SECTION_SIZE);
	meta = memblock_alloc(array_size(nr_sections + 3, sizeof(*meta)), SMP_CACHE_BYTES);
	if (!meta)
		panic("kpkeys: no memory for frame types (kpkeys=off turns the protection off)\n");

	boot_table.sections = alloc_meta(array_size(nr_sections, sizeof(*boot_table.sections)));
	empty_root = alloc_meta(max_t(size_t, PTRS_PER_PGD * sizeof(pgd_t), PAGE_SIZE));

	/* Mark those with memory; the image of UML is not in memblock. */
	for_each_mem_pfn_range(i, MAX_NUMNODES, &start_pfn, &end_pfn, NULL)
		for (s = start_pfn >> KPKEYS_FRAME_SECTION_SHIFT;
		     s <= (end_pfn - 1) >> KPKEYS_FRAME_SECTION_SHIFT; s++)
			boot_table.sections[s].words = (void *)1;
	for (s = PHYS_PFN(__pa_symbol(_text)) >> KPKEYS_FRAME_SECTION_SHIFT;
	     s <= PHYS_PFN(__pa_symbol(_end) - 1) >> KPKEYS_FRAME_SECTION_SHIFT; s++)
		boot_table.sections[s].words = (void *)1;
	for (s = 0; s < nr_sections; s++)
		nr_present += !!boot_table.sections[s].words;

	owners = alloc_meta(array3_size(nr_present, nr_owners, sizeof(*owners)));
	alloc_largest_part(nr, nr_sections);
	for (s = 0; s < nr_sections; s++) {
		struct kpkeys_frame_section *section = &boot_table.sections[s];
		unsigned long i = s * KPKEYS_FRAME_SECTION_SIZE - boot_table.start;

		if (!section->words)
			continue;
		if (i < boot_table.nr)
			section->words = boot_table.words + i;
		else
			section->words = alloc_meta(KPKEYS_FRAME_SECTION_SIZE * sizeof(u16));
		section->owners = owners;
		owners += nr_owners;
	}
	boot_table.nr_all = nr;
}

static u16 * __init boot_word(unsigned long pfn)
{
	struct kpkeys_frame_section *section;

	if (pfn >= boot_table.nr_all)
		return NULL;
	section = &boot_table.sections[pfn >> KPKEYS_FRAME_SECTION_SHIFT];
	return section->words ? &section->words[pfn & (KPKEYS_FRAME_SECTION_SIZE - 1)] : NULL;
}

static void __init boot_set(unsigned long pfn, unsigned int nr, unsigned int type,
			    unsigned int links)
{
	for (; nr; nr--, pfn++) {
		u16 *wordp = boot_word(pfn);

		if (wordp)
			kpkeys_pgtables_write(*wordp = WORD(type, links));
	}
}

static int __init boot_set_ptp(unsigned long start, unsigned long end, void *arg)
{
	boot_set(PHYS_PFN(__pa(start)), PFN_DOWN(end - start), KPKEYS_FRAME_PTP, 0);
	return 0;
}

static int __init boot_set_free(unsigned long start, unsigned long end, void *arg)
{
	boot_set(PHYS_PFN(__pa(start)), PFN_DOWN(end - start), KPKEYS_FRAME_FREE, 0);
	return 0;
}

static bool __init in_image(unsigned long pfn)
{
	return pfn >= PHYS_PFN(__pa_symbol(_text)) && pfn <= PHYS_PFN(__pa_symbol(_end) - 1);
}

/*
 * Tables in the kernel image, and those that are linked more than once, are linked for
 * ever: the zero shadow of KASAN for example. Entries of a walk that link the same
 * table one after another are visited once, which is found for the image only.
 */
static int __init boot_set_level(struct mm_struct *mm, void *table,
				 enum pgtable_level level, unsigned long addr, void *arg)
{
	unsigned long pfn = PHYS_PFN(__pa(table));
	u16 *wordp = boot_word(pfn);
	unsigned int links;

	if (!wordp)
		return 0;
	if (in_image(pfn) || level == PGTABLE_LEVEL_PGD || is_table(*wordp, level))
		links = LINKS_STICKY;
	else
		links = 1;
	boot_set(pfn, 1, LEVEL_TYPE(level), links);
	return 0;
}

/**
 * kpkeys_frame_add_early() - Give a type to a table from early boot
 * @phys: Physical address of the table
 * @level: Its level, enum pgtable_level
 *
 * For tables that no walk of init_mm finds. They are never freed.
 *
 * Context: arch_kpkeys_add_static_tables()
 */
void __init kpkeys_frame_add_early(phys_addr_t phys, int level)
{
	boot_set(PHYS_PFN(phys), 1, LEVEL_TYPE(level), LINKS_STICKY);
}

/**
 * kpkeys_frame_add_static() - Give a type to a table of the kernel image
 * @table: The table, in the kernel image
 * @level: Its level, enum pgtable_level
 *
 * As kpkeys_frame_add_early().
 *
 * Context: arch_kpkeys_add_static_tables()
 */
void __init kpkeys_frame_add_static(void *table, int level)
{
	kpkeys_frame_add_early(__pa_symbol(table), level);
}

/**
 * kpkeys_frames_init() - Give all page tables their types, and enforce types
 *
 * Context: Boot CPU; all page tables have been protected.
 */
void __init kpkeys_frames_init(void)
{
	unsigned long i;

	if (!boot_table.nr_all)
		panic("kpkeys: no frame types\n");

	kpkeys_walk_boot_ranges(boot_set_ptp, NULL);
	kpkeys_pool_walk_ranges(boot_set_free, NULL);
	for (i = 0; i < nr_meta; i++)
		boot_set(meta[i].pfn, meta[i].nr, KPKEYS_FRAME_META, 0);
	kpkeys_walk_mm_ptps(&init_mm, boot_set_level, NULL);
	arch_kpkeys_add_static_tables();
	kpkeys_frame_table = boot_table;
}
