/* SPDX-License-Identifier: GPL-2.0-only */
/* kpkeys_hardened_pgtables: what changes the types of page frames. */
#ifndef MM_KPKEYS_FRAME_H
#define MM_KPKEYS_FRAME_H

#include <linux/init.h>
#include <linux/kpkeys_frames.h>
#include <linux/pgtable.h>

#ifdef CONFIG_KPKEYS_HARDENED_PGTABLES

const char *kpkeys_frame_type_name(unsigned int type);
bool kpkeys_frames_live(void);
bool kpkeys_frames_are_ordinary(unsigned long pfn, unsigned long nr);
bool kpkeys_frames_may_unprotect(unsigned long pfn, unsigned long nr);

/* Memory that is added */
bool kpkeys_frames_covered(unsigned long pfn, unsigned int nr);
bool kpkeys_frames_add_section(unsigned long nr, struct ptdesc *words, struct ptdesc *owners);

#define KPKEYS_FRAME_WORDS_ORDER	get_order(KPKEYS_FRAME_SECTION_SIZE * sizeof(u16))

/* Life in the pool */
int kpkeys_frames_enter(unsigned long pfn, unsigned int nr);
void kpkeys_frames_entered(unsigned long pfn, unsigned int nr, bool handed_out);
void kpkeys_frames_not_entered(unsigned long pfn, unsigned int nr);
bool kpkeys_frame_hand_out(unsigned long pfn);
bool kpkeys_frame_take_back(unsigned long pfn);
bool kpkeys_frame_can_free(unsigned long pfn);
bool kpkeys_frame_hand_out_pair(unsigned long pfn);
bool kpkeys_frame_can_free_pair(unsigned long pfn);
unsigned int kpkeys_frames_take_back(struct page **pages, unsigned int nr);
unsigned int kpkeys_frames_take_back_pairs(struct page **pages, unsigned int nr);
bool kpkeys_frame_set_root(unsigned long pfn);
bool kpkeys_frame_set_meta(unsigned long pfn);
bool kpkeys_frames_leave(unsigned long pfn, unsigned int nr);
bool kpkeys_frames_leave_unpooled(unsigned long pfn, unsigned int nr);
void kpkeys_frames_sync(void);

/* Boot */
void __init kpkeys_frames_alloc(void);
void __init kpkeys_frames_init(void);

#if IS_ENABLED(CONFIG_KUNIT)
bool kpkeys_frame_change(unsigned long pfn, unsigned int from, unsigned int to);
#endif
#ifdef CONFIG_KPKEYS_KUNIT_TEST
void kpkeys_frame_test_set(unsigned long pfn, unsigned int word);
#endif

/* Linked for ever, by entries that are not counted. */
#define KPKEYS_FRAME_LINKS_STICKY	((KPKEYS_FRAME_UNPOOLED - 1) >> KPKEYS_FRAME_TYPE_BITS)

static inline unsigned int kpkeys_word_links(unsigned int word)
{
	return word >> KPKEYS_FRAME_TYPE_BITS & KPKEYS_FRAME_LINKS_STICKY;
}

static inline unsigned int kpkeys_frame_links(unsigned long pfn)
{
	return kpkeys_word_links(kpkeys_frame_word(pfn));
}

/* report.c */
void kpkeys_report_violation(const char *what, unsigned long pfn, unsigned int word);
void kpkeys_kill_current(void);
long kpkeys_nr_violations(void);

#else /* !CONFIG_KPKEYS_HARDENED_PGTABLES */

static inline void kpkeys_frames_alloc(void) {}

static inline bool kpkeys_frames_may_unprotect(unsigned long pfn, unsigned long nr)
{
	return true;
}

static inline bool kpkeys_frame_set_meta(unsigned long pfn)
{
	return true;
}

#endif /* CONFIG_KPKEYS_HARDENED_PGTABLES */

#endif /* MM_KPKEYS_FRAME_H */
