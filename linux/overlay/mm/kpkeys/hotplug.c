// SPDX-License-Identifier: GPL-2.0-only
/*
 * kpkeys_hardened_pgtables: memory that is added while the system runs.
 *
 * Its frames have no words, see frame.c, so the pool cannot have it. Give it words
 * before the page allocator gets it. That is not possible beyond what firmware has said
 * at boot, nor without memory; then it is used for anything but page tables.
 */

#define pr_fmt(fmt) "kpkeys: " fmt

#include <linux/init.h>
#include <linux/memory.h>
#include <linux/mm.h>
#include <linux/notifier.h>
#include <linux/printk.h>
#include "frame.h"
#include "kpkeys.h"

static bool add_section(unsigned long nr)
{
	struct ptdesc *words = pagetable_alloc(GFP_KERNEL, KPKEYS_FRAME_WORDS_ORDER);
	struct ptdesc *owners = pagetable_alloc(GFP_KERNEL, 0);

	if (words && owners)
		return kpkeys_frames_add_section(nr, words, owners);
	if (words)
		pagetable_free(words);
	if (owners)
		pagetable_free(owners);
	return false;
}

static int add_memory_words(struct notifier_block *nb, unsigned long action, void *arg)
{
	const struct memory_notify *memory = arg;
	unsigned long pfn = memory->start_pfn, end = pfn + memory->nr_pages;

	if (action != MEM_GOING_ONLINE || !kpkeys_frames_live())
		return NOTIFY_DONE;

	for (; pfn < end; pfn = ALIGN(pfn + 1, KPKEYS_FRAME_SECTION_SIZE)) {
		if (kpkeys_frames_covered(pfn, 1))
			continue;
		if (pfn >= kpkeys_frame_table.nr_all ||
		    !add_section(pfn >> KPKEYS_FRAME_SECTION_SHIFT)) {
			pr_warn_once("memory that has been added, from 0x%llx on, is not used for page tables\n",
				     PFN_PHYS(pfn));
			break;
		}
	}
	return NOTIFY_OK;
}

static int __init kpkeys_hotplug_init(void)
{
	if (kpkeys_hardened_pgtables_enabled())
		hotplug_memory_notifier(add_memory_words, DEFAULT_CALLBACK_PRI);
	return 0;
}
core_initcall(kpkeys_hotplug_init);
