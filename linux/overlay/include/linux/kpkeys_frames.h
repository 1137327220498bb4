/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kpkeys_hardened_pgtables: what each page frame is.
 *
 * An attacker who cannot write to page tables writes to what page-table code
 * trusts: mm->pgd, lists of free pages, struct page, a vma's protection. So memory
 * that itself carries KPKEYS_PKEY_PGTABLES has a type for each frame, which
 * overrules all of that. The setters and the pool obey it. See mm/kpkeys/frame.c.
 *
 * For <asm/pgtable.h>: the types of entries and their helpers are not known here.
 */
#ifndef _LINUX_KPKEYS_FRAMES_H
#define _LINUX_KPKEYS_FRAMES_H

#include <linux/bitops.h>
#include <linux/compiler.h>
#include <linux/kpkeys.h>
#include <linux/types.h>
#include <asm/page.h>

struct mm_struct;

/* The levels of enum pgtable_level, which <asm/pgtable.h> does not know. */
#define KPKEYS_LEVEL_PTE	0
#define KPKEYS_LEVEL_PMD	1
#define KPKEYS_LEVEL_PUD	2
#define KPKEYS_LEVEL_P4D	3
#define KPKEYS_LEVEL_PGD	4

#ifdef CONFIG_KPKEYS_HARDENED_PGTABLES

/**
 * enum kpkeys_frame_type - What a page frame is
 * @KPKEYS_FRAME_NONE: Ordinary memory, or none
 * @KPKEYS_FRAME_ENTERING: On its way into or out of the pool: nobody may map it
 * @KPKEYS_FRAME_FREE: Free, in the pool
 * @KPKEYS_FRAME_PTP: Handed out by the pool, of no level yet
 * @KPKEYS_FRAME_PTE: PTE table
 * @KPKEYS_FRAME_PMD: PMD table
 * @KPKEYS_FRAME_PUD: PUD table
 * @KPKEYS_FRAME_P4D: P4D table
 * @KPKEYS_FRAME_PGD: PGD table; of the kernel if it is in use
 * @KPKEYS_FRAME_ROOT: PGD table that has an owner, an mm
 * @KPKEYS_FRAME_META: Data of kpkeys
 * @KPKEYS_FRAME_IMAGE: Code and read-only data of the kernel, once they are read-only
 */
enum kpkeys_frame_type {
	KPKEYS_FRAME_NONE,
	KPKEYS_FRAME_ENTERING,
	KPKEYS_FRAME_FREE,
	KPKEYS_FRAME_PTP,
	KPKEYS_FRAME_PTE,
	KPKEYS_FRAME_PMD,
	KPKEYS_FRAME_PUD,
	KPKEYS_FRAME_P4D,
	KPKEYS_FRAME_PGD,
	KPKEYS_FRAME_ROOT,
	KPKEYS_FRAME_META,
	KPKEYS_FRAME_IMAGE,
	KPKEYS_NR_FRAME_TYPES
};

/*
 * A frame's word: its type, the number of entries that link it, and whether it is a PTP
 * that does not come from the pool.
 */
#define KPKEYS_FRAME_TYPE_BITS		4
#define KPKEYS_FRAME_TYPE_MASK		(BIT(KPKEYS_FRAME_TYPE_BITS) - 1)
#define KPKEYS_FRAME_UNPOOLED		BIT(15)

/* Words come in sections, so that holes in physical memory cost nothing. */
#define KPKEYS_FRAME_SECTION_SHIFT	15
#define KPKEYS_FRAME_SECTION_SIZE	BIT(KPKEYS_FRAME_SECTION_SHIFT)
#define KPKEYS_FRAME_OWNERS_SHIFT	9
#define KPKEYS_FRAME_OWNERS_SIZE	BIT(KPKEYS_FRAME_OWNERS_SHIFT)

/**
 * struct kpkeys_frame_section - Frames that lie together
 * @words: A word each; NULL if there is no memory
 * @owners: Pointers to arrays with the owner of each root; their other elements,
 *	    and those of regions without a root, are NULL
 */
struct kpkeys_frame_section {
	u16 *words;
	const struct mm_struct ***owners;
};

/**
 * struct kpkeys_frame_table - The words of all frames
 * @start: First frame of the largest part of memory that has no hole
 * @nr: Number of frames there; 0 until page tables are protected, so that nothing is
 *	checked
 * @first: Address of the first frame in the linear map
 * @words: The words of these frames
 * @nr_all: Number of frames that the table covers
 * @sections: The sections; the words of those in the large part are parts of @words
 */
struct kpkeys_frame_table {
	unsigned long start;
	unsigned long nr;
	unsigned long first;
	u16 *words;
	unsigned long nr_all;
	struct kpkeys_frame_section *sections;
};

extern struct kpkeys_frame_table kpkeys_frame_table;

u16 *__kpkeys_frame_wordp(unsigned long pfn);

/* Memory that the table does not cover is never part of the pool. */
static __always_inline u16 *kpkeys_frame_wordp(unsigned long pfn)
{
	unsigned long i = pfn - kpkeys_frame_table.start;

	if (likely(i < kpkeys_frame_table.nr))
		return &kpkeys_frame_table.words[i];
	return __kpkeys_frame_wordp(pfn);
}

static __always_inline unsigned int kpkeys_frame_word(unsigned long pfn)
{
	const u16 *word = kpkeys_frame_wordp(pfn);

	return word ? READ_ONCE(*word) : KPKEYS_FRAME_NONE;
}

static __always_inline unsigned int kpkeys_frame_type(unsigned long pfn)
{
	return kpkeys_frame_word(pfn) & KPKEYS_FRAME_TYPE_MASK;
}

/* The frame that a pointer to a page-table entry points to. */
#ifndef arch_kpkeys_entry_pfn
#define arch_kpkeys_entry_pfn(entryp)	(__pa(entryp) >> PAGE_SHIFT)
#endif

/*
 * The index of the frame that an entry is in, if that is in the largest part of memory. The entry
 * is in no other frame: that of one that is not aligned is too large, as its last bits come first.
 */
static __always_inline unsigned long kpkeys_entry_index(const void *entryp)
{
	unsigned long offset = (unsigned long)entryp - kpkeys_frame_table.first;

	return ror64(offset, 3) >> (PAGE_SHIFT - 3);
}

/* What is nearly always true of a table in which a PTE is written. */
static __always_inline bool kpkeys_in_pte_table(const void *entryp)
{
	const struct kpkeys_frame_table *table = &kpkeys_frame_table;
	unsigned long i = kpkeys_entry_index(entryp);

	return i < table->nr &&
	       (READ_ONCE(table->words[i]) & KPKEYS_FRAME_TYPE_MASK) == KPKEYS_FRAME_PTE;
}

/* And of the frame that it maps. */
static __always_inline bool kpkeys_frame_is_ordinary(unsigned long pfn)
{
	const struct kpkeys_frame_table *table = &kpkeys_frame_table;
	unsigned long i = pfn - table->start;

	return i < table->nr && READ_ONCE(table->words[i]) == KPKEYS_FRAME_NONE;
}

bool kpkeys_check_pte_table(const void *entryp, unsigned long nr);
bool __kpkeys_table_allowed(const void *entryp, unsigned long nr);

/**
 * kpkeys_table_allowed() - May entries be written that map nothing, or what they map already?
 * @entryp: The first entry
 * @nr: Number of entries
 *
 * As kpkeys_leaf_allowed(): protected memory that is no page table must not be written.
 *
 * Context: Any.
 * Return: false, and a violation, if it must not be written
 */
static __always_inline bool kpkeys_table_allowed(const void *entryp, unsigned long nr)
{
	return likely(nr == 1 && kpkeys_in_pte_table(entryp)) ||
	       __kpkeys_table_allowed(entryp, nr);
}

bool __kpkeys_leaf_allowed(const void *entryp, u64 entry, unsigned long pfn,
			   unsigned long nr);

/**
 * kpkeys_leaf_allowed() - May a PTE table map page frames?
 * @entryp: The first entry to write
 * @entry: Its value, which is present
 * @pfn: The first frame
 * @nr: Number of frames, one for each entry
 *
 * To be called in kpkeys_pgtables_write(), and to be followed by the write, so
 * that kpkeys_frames_sync() can tell when all writes that passed are done. A
 * violation has been reported, and the register is closed, if it returns false.
 *
 * Context: Any.
 * Return: false if nothing may be written.
 */
static __always_inline bool kpkeys_leaf_allowed(const void *entryp, u64 entry,
						unsigned long pfn, unsigned long nr)
{
	/* For each PTE that is written: all else is for __kpkeys_leaf_allowed(). */
	if (likely(nr == 1 && kpkeys_in_pte_table(entryp) && kpkeys_frame_is_ordinary(pfn)))
		return true;
	return __kpkeys_leaf_allowed(entryp, entry, pfn, nr);
}

bool __kpkeys_flags_allowed(const void *entryp, u64 entry, unsigned long pfn);

/**
 * kpkeys_flags_allowed() - May the flags of an entry that maps memory change?
 * @entryp: The entry
 * @old: Its value
 * @new: Its value with the new flags; the frames are those that it maps already
 * @pfn: The first frame
 *
 * As kpkeys_leaf_allowed(): an entry that may map a frame as long as it is read-only must
 * not become writable.
 *
 * Context: Any.
 * Return: false, and a violation, if it must not be written
 */
#define kpkeys_flags_allowed(entryp, old, new, pfn)				\
	(!arch_kpkeys_entry_is_readonly(old) || arch_kpkeys_entry_is_readonly(new) ||	\
	 __kpkeys_flags_allowed(entryp, new, pfn))

u64 kpkeys_xchg_entry(void *entryp, int level, u64 entry);
void kpkeys_set_blocks(void *entryp, int level, u64 entry, unsigned int nr,
		       unsigned long step);
void *__kpkeys_root(const struct mm_struct *mm, void *pgd);

/* The owner of a root; NULL for any other frame. */
static __always_inline const struct mm_struct *kpkeys_frame_owner(unsigned long pfn)
{
	const struct kpkeys_frame_section *section;
	const struct mm_struct **owners;

	if (unlikely(pfn >= kpkeys_frame_table.nr_all))
		return NULL;
	section = &kpkeys_frame_table.sections[pfn >> KPKEYS_FRAME_SECTION_SHIFT];
	if (unlikely(!section->owners))
		return NULL;
	owners = READ_ONCE(section->owners[(pfn & (KPKEYS_FRAME_SECTION_SIZE - 1)) >>
					   KPKEYS_FRAME_OWNERS_SHIFT]);
	if (unlikely(!owners))
		return NULL;
	return READ_ONCE(owners[pfn & (KPKEYS_FRAME_OWNERS_SIZE - 1)]);
}

/**
 * kpkeys_root() - Check the root of an mm before it is walked or loaded
 * @mm: The mm
 * @pgd: Its root
 *
 * Context: Any.
 * Return: @pgd; if that is a violation, a root without entries
 */
static __always_inline void *kpkeys_root(const struct mm_struct *mm, void *pgd)
{
	if (kpkeys_hardened_pgtables_enabled() &&
	    unlikely(kpkeys_frame_owner(__pa(pgd) >> PAGE_SHIFT) != mm))
		return __kpkeys_root(mm, pgd);
	return pgd;
}

bool kpkeys_set_root_owner(const struct mm_struct *mm, void *pgd);
bool kpkeys_clear_root_owner(const struct mm_struct *mm, void *pgd);

/* For architectures that load roots; with the type of mm_struct's member. */
void *__kpkeys_loaded_root(const struct mm_struct *mm);
#define kpkeys_loaded_root(mm)		((pgd_t *)__kpkeys_loaded_root(mm))

#else /* !CONFIG_KPKEYS_HARDENED_PGTABLES */

static __always_inline bool kpkeys_table_allowed(const void *entryp, unsigned long nr)
{
	return true;
}

static __always_inline bool kpkeys_leaf_allowed(const void *entryp, u64 entry,
						unsigned long pfn, unsigned long nr)
{
	return true;
}

#define kpkeys_flags_allowed(entryp, old, new, pfn)	true

static inline u64 kpkeys_xchg_entry(void *entryp, int level, u64 entry)
{
	return 0;
}

static inline void kpkeys_set_blocks(void *entryp, int level, u64 entry,
				     unsigned int nr, unsigned long step)
{
}

static inline void *kpkeys_root(const struct mm_struct *mm, void *pgd)
{
	return pgd;
}

static inline bool kpkeys_set_root_owner(const struct mm_struct *mm, void *pgd)
{
	return true;
}

static inline bool kpkeys_clear_root_owner(const struct mm_struct *mm, void *pgd)
{
	return true;
}

#define kpkeys_loaded_root(mm)		((mm)->pgd)

#endif /* CONFIG_KPKEYS_HARDENED_PGTABLES */

#endif /* _LINUX_KPKEYS_FRAMES_H */
