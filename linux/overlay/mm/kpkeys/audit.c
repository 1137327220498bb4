// SPDX-License-Identifier: GPL-2.0-only
/*
 * kpkeys: audit of all page tables.
 *
 * With all other CPUs stopped, it checks against the hardware's (or the host's)
 * view of each page that
 *
 *  1. every page-table page of init_mm, efi_mm and every process carries
 *     KPKEYS_PKEY_PGTABLES, comes from a known source, and has no other writable
 *     mapping;
 *  2. no other page carries KPKEYS_PKEY_PGTABLES.
 */

#include <linux/bitmap.h>
#include <linux/efi.h>
#include <linux/memblock.h>	/* max_pfn */
#include <linux/mm.h>
#include <linux/seq_file.h>
#include <linux/stop_machine.h>
#include <linux/vmalloc.h>
#include "kpkeys.h"

/* Maximum number of violations listed individually. */
#define MAX_LISTED	32

enum violation {
	PTP_WITHOUT_PKEY,
	PTP_UNKNOWN,
	POOL_WITHOUT_PKEY,
	PTP_WRITABLE_ALIAS,
	PKEY_ON_OTHER_PAGE,
};

static const char * const violation_names[] = {
	[PTP_WITHOUT_PKEY] = "page-table page is not protected",
	[PTP_UNKNOWN] = "page-table page is not from a known source",
	[POOL_WITHOUT_PKEY] = "page of the pool is not protected",
	[PTP_WRITABLE_ALIAS] = "page-table page has another mapping, which is writable",
	[PKEY_ON_OTHER_PAGE] = "page is protected, but is not a page-table page",
};

/**
 * struct audit - State and result of an audit
 * @nr_pfns: Size of the bitmaps
 * @tagged: Pages that carry the pkey
 * @known: Pages that may carry it
 * @seen: PTPs found in page tables
 * @nr: Number of PTPs at each level: of the kernel (including efi_mm), of processes
 * @nr_tagged: Number of pages in @tagged
 * @nr_seen: Number of pages in @seen
 * @error: Why the architecture could not find the pages that carry the pkey
 * @nr_violations: Number of violations
 * @list: The first violations
 */
struct audit {
	unsigned long nr_pfns;
	unsigned long *tagged;
	unsigned long *known;
	unsigned long *seen;
	unsigned long nr[KPKEYS_NR_LEVELS][2];
	unsigned long nr_tagged;
	unsigned long nr_seen;
	int error;
	unsigned long nr_violations;
	struct {
		unsigned long addr;
		enum violation what;
	} list[MAX_LISTED];
};

static void violation(struct audit *audit, unsigned long pfn, enum violation what)
{
	if (audit->nr_violations < MAX_LISTED) {
		audit->list[audit->nr_violations].addr =
			(unsigned long)__va(PFN_PHYS(pfn));
		audit->list[audit->nr_violations].what = what;
	}
	audit->nr_violations++;
}

static unsigned long range_pfns(struct audit *audit, unsigned long start,
				unsigned long end, unsigned long *nr)
{
	unsigned long pfn = PHYS_PFN(__pa(start));

	*nr = 0;
	if (pfn < audit->nr_pfns)
		*nr = min(PFN_DOWN(end - start), audit->nr_pfns - pfn);
	return pfn;
}

static int mark_tagged(unsigned long start, unsigned long end, void *arg)
{
	struct audit *audit = arg;
	unsigned long nr, pfn = range_pfns(audit, start, end, &nr);

	bitmap_set(audit->tagged, pfn, nr);
	return 0;
}

static int mark_known(unsigned long start, unsigned long end, void *arg)
{
	struct audit *audit = arg;
	unsigned long nr, pfn = range_pfns(audit, start, end, &nr);

	bitmap_set(audit->known, pfn, nr);
	return 0;
}

static int check_table(struct mm_struct *mm, void *table, enum pgtable_level level,
		       unsigned long addr, void *arg)
{
	unsigned long pfn = PHYS_PFN(__pa(table));
	struct audit *audit = arg;

	if (pfn >= audit->nr_pfns) {
		violation(audit, pfn, PTP_UNKNOWN);
		return 0;
	}

	/* Threads share page tables. */
	if (__test_and_set_bit(pfn, audit->seen))
		return 0;

	audit->nr[level][mm != &init_mm && !mm_is_efi(mm)]++;
	audit->nr_seen++;
	if (!test_bit(pfn, audit->tagged)) {
		/* Those in .rodata are read-only in every context. */
		if (!arch_kpkeys_is_readonly((unsigned long)table))
			violation(audit, pfn, PTP_WITHOUT_PKEY);
	} else if (!test_bit(pfn, audit->known)) {
		violation(audit, pfn, PTP_UNKNOWN);
	}
	return 0;
}

static int check_alias(int level, u64 entry, unsigned long addr,
		       unsigned long next, void *arg)
{
	unsigned long size = kpkeys_entry_size(level);
	unsigned long pfn, end;
	struct audit *audit = arg;

	if (!arch_kpkeys_entry_is_writable(entry))
		return 0;

	/* In an entry for a block, low bits can mean something else. */
	pfn = ALIGN_DOWN(pte_pfn(__pte(entry)), PFN_DOWN(size));
	end = min(pfn + PFN_DOWN(size), audit->nr_pfns);
	for (; pfn < end; pfn++) {
		if (!test_bit(pfn, audit->known) && !test_bit(pfn, audit->seen))
			continue;
		if (!arch_kpkeys_is_readonly((unsigned long)__va(PFN_PHYS(pfn))))
			violation(audit, pfn, PTP_WRITABLE_ALIAS);
	}
	return 0;
}

static int audit_stopped(void *arg)
{
	struct audit *audit = arg;
	unsigned long pfn;

	audit->error = arch_kpkeys_walk_ranges(KPKEYS_PKEY_PGTABLES, mark_tagged,
					       audit);
	if (audit->error)
		return 0;

	kpkeys_pool_walk_ranges(mark_known, audit);
	kpkeys_walk_boot_ranges(mark_known, audit);
	audit->nr_tagged = bitmap_weight(audit->tagged, audit->nr_pfns);

	kpkeys_walk_ptps(check_table, audit);
	kpkeys_walk_mappings(ARCH_KPKEYS_ALIASES_START, ARCH_KPKEYS_ALIASES_END,
			     check_alias, audit);

	for_each_set_bit(pfn, audit->known, audit->nr_pfns)
		if (!test_bit(pfn, audit->tagged) && !test_bit(pfn, audit->seen))
			violation(audit, pfn, POOL_WITHOUT_PKEY);

	for_each_set_bit(pfn, audit->tagged, audit->nr_pfns) {
		struct page *page = pfn_to_page(pfn);

		if (!test_bit(pfn, audit->known) && !test_bit(pfn, audit->seen) &&
		    kpkeys_pool_page_state(page) == KPKEYS_PAGE_NONE)
			violation(audit, pfn, PKEY_ON_OTHER_PAGE);
	}
	return 0;
}

static void audit_print(struct seq_file *m, const struct audit *audit)
{
	unsigned long i;
	int level;

	seq_puts(m, "level     kernel  processes\n");
	for (level = KPKEYS_NR_LEVELS - 1; level >= 0; level--) {
		if (!audit->nr[level][0] && !audit->nr[level][1])
			continue;
		seq_printf(m, "%-5s %10lu %10lu\n", pgtable_level_to_str(level),
			   audit->nr[level][0], audit->nr[level][1]);
	}
	seq_printf(m, "page-table pages: %lu\n", audit->nr_seen);
	seq_printf(m, "pages that carry pkey %d: %lu\n", KPKEYS_PKEY_PGTABLES,
		   audit->nr_tagged);

	for (i = 0; i < min(audit->nr_violations, MAX_LISTED); i++)
		seq_printf(m, "violation: 0x%lx: %s\n", audit->list[i].addr,
			   violation_names[audit->list[i].what]);
	if (audit->nr_violations > MAX_LISTED)
		seq_puts(m, "violation: (more are not listed)\n");
	seq_printf(m, "violations: %lu\n", audit->nr_violations);
}

static long run_audit(struct seq_file *m)
{
	struct audit *audit;
	long ret = -ENOMEM;
	size_t size;

	audit = kvzalloc_obj(*audit);
	if (!audit)
		return -ENOMEM;

	audit->nr_pfns = max_pfn;
	size = array_size(BITS_TO_LONGS(audit->nr_pfns), sizeof(long));
	audit->tagged = vzalloc(size);
	audit->known = vzalloc(size);
	audit->seen = vzalloc(size);
	if (!audit->tagged || !audit->known || !audit->seen)
		goto out;

	stop_machine(audit_stopped, audit, NULL);
	ret = audit->error ?: audit->nr_violations;
	if (!audit->error && m)
		audit_print(m, audit);
out:
	vfree(audit->seen);
	vfree(audit->known);
	vfree(audit->tagged);
	kvfree(audit);
	return ret;
}

/**
 * kpkeys_audit() - Check that all page tables, and no other pages, are protected
 *
 * Context: Process context; may sleep. Stops all other CPUs for a while.
 * Return: number of violations, or a negative error number
 */
long kpkeys_audit(void)
{
	return run_audit(NULL);
}

/**
 * kpkeys_audit_show() - Audit, and print the result
 * @m: Where to print it
 *
 * Context: As kpkeys_audit().
 * Return: number of violations, or a negative error number
 */
long kpkeys_audit_show(struct seq_file *m)
{
	return run_audit(m);
}
