// SPDX-License-Identifier: GPL-2.0-only
/*
 * kpkeys: audit and statistics in debugfs.
 *
 * /sys/kernel/debug/kpkeys/audit checks, when read, against what the hardware
 * (or the host) says of each page, that
 *
 *  1. every page-table page of init_mm, efi_mm and every process carries
 *     KPKEYS_PKEY_PGTABLES, and is known to be one, and has no other mapping that
 *     can be written to;
 *  2. no other page carries it.
 *
 * It stops all other CPUs meanwhile.
 *
 * /sys/kernel/debug/kpkeys/linear_map says how large the mappings are that the
 * linear map is made of.
 */

#define pr_fmt(fmt) "kpkeys: " fmt

#include <linux/bitmap.h>
#include <linux/debugfs.h>
#include <linux/efi.h>
#include <linux/init.h>
#include <linux/kpkeys.h>
#include <linux/memblock.h>	/* max_pfn */
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/seq_file.h>
#include <linux/sizes.h>
#include <linux/stop_machine.h>
#include <linux/vmalloc.h>
#include "kpkeys.h"

#ifdef CONFIG_KPKEYS_HARDENED_PGTABLES

/* As many are listed one by one; all are counted. */
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
	[PTP_WRITABLE_ALIAS] = "page-table page has another mapping, which can be written to",
	[PKEY_ON_OTHER_PAGE] = "page is protected, but is no page-table page",
};

/**
 * struct audit - State and result of an audit
 * @nr_pfns: Size of the bitmaps
 * @tagged: Pages that carry the pkey
 * @known: Pages that may
 * @seen: PTPs found in page tables
 * @nr: PTPs found at each level: of the kernel (with efi_mm), of processes
 * @nr_tagged: Pages in @tagged
 * @nr_seen: Pages in @seen
 * @error: The architecture could not tell which pages carry the pkey
 * @nr_violations: Number of violations
 * @list: The first of them
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

static int check_table(struct mm_struct *mm, void *table, enum kpkeys_level level,
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
		/* Those in .rodata cannot be written to in any context. */
		if (!arch_kpkeys_is_readonly((unsigned long)table))
			violation(audit, pfn, PTP_WITHOUT_PKEY);
	} else if (!test_bit(pfn, audit->known)) {
		violation(audit, pfn, PTP_UNKNOWN);
	}
	return 0;
}

static int check_alias(enum kpkeys_level level, u64 entry, unsigned long addr,
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

	kpkeys_walk_all(check_table, audit);
	kpkeys_walk_leaves(ARCH_KPKEYS_ALIASES_START, ARCH_KPKEYS_ALIASES_END,
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
		seq_printf(m, "%-5s %10lu %10lu\n", kpkeys_level_names[level],
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

/* Prints to @m, if any. Returns the number of violations or an error. */
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

static int audit_show(struct seq_file *m, void *v)
{
	long ret;

	if (!kpkeys_hardened_pgtables_enabled()) {
		seq_puts(m, "page tables are not protected\n");
		return 0;
	}

	ret = run_audit(m);
	return ret < 0 ? ret : 0;
}
DEFINE_SHOW_ATTRIBUTE(audit);

static void stats_show_pgtables(struct seq_file *m)
{
	struct kpkeys_pool_stats stats;

	if (!kpkeys_hardened_pgtables_enabled())
		return;

	kpkeys_pool_get_stats(&stats);
	seq_printf(m, "ptps_protected: %lu\n",
		   stats.pages - stats.free + stats.direct);
	seq_printf(m, "pool_blocks: %lu\n", stats.blocks);
	seq_printf(m, "pool_pages: %lu\n", stats.pages);
	seq_printf(m, "pool_free: %lu\n", stats.free);
	seq_printf(m, "pool_cached: %lu\n", stats.cached);
	seq_printf(m, "pool_reserved: %lu\n", stats.reserved);
	seq_printf(m, "pool_leaked: %lu\n", stats.leaked);
}

static void __init audit_create(struct dentry *dir)
{
	debugfs_create_file("audit", 0400, dir, NULL, &audit_fops);
}

#else /* !CONFIG_KPKEYS_HARDENED_PGTABLES */
static void stats_show_pgtables(struct seq_file *m) {}
static void __init audit_create(struct dentry *dir) {}
#endif /* CONFIG_KPKEYS_HARDENED_PGTABLES */

static int stats_show(struct seq_file *m, void *v)
{
	unsigned long writes = 0;
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		writes += per_cpu(kpkeys_reg_writes, cpu);

	seq_printf(m, "enabled: %d\n", kpkeys_enabled());
	seq_printf(m, "register_writes: %lu\n", writes);
	seq_printf(m, "key_changes: %ld\n",
		   atomic_long_read(&kpkeys_nr_key_changes));
	stats_show_pgtables(m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(stats);

static int add_leaf(enum kpkeys_level level, u64 entry, unsigned long addr,
		    unsigned long next, void *arg)
{
	unsigned long *sizes = arg;

	sizes[level] += next - addr;
	return 0;
}

static int linear_map_show(struct seq_file *m, void *v)
{
	unsigned long sizes[KPKEYS_NR_LEVELS] = { };
	unsigned long total, blocks;

	/* Memory that is hot-removed is unmapped. */
	get_online_mems();
	kpkeys_walk_leaves((unsigned long)__va(PFN_PHYS(min_low_pfn)),
			   (unsigned long)__va(PFN_PHYS(max_pfn)), add_leaf, sizes);
	put_online_mems();

	blocks = sizes[KPKEYS_PMD] + sizes[KPKEYS_PUD];
	total = blocks + sizes[KPKEYS_PTE];
	seq_printf(m, "linear_map_kb: %lu\n", total / SZ_1K);
	seq_printf(m, "in_pud_blocks_kb: %lu\n", sizes[KPKEYS_PUD] / SZ_1K);
	seq_printf(m, "in_pmd_blocks_kb: %lu\n", sizes[KPKEYS_PMD] / SZ_1K);
	seq_printf(m, "in_pages_kb: %lu\n", sizes[KPKEYS_PTE] / SZ_1K);
	seq_printf(m, "blocks_percent: %lu\n", blocks * 100 / max(total, 1UL));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(linear_map);

static int __init kpkeys_debugfs_init(void)
{
	struct dentry *dir = debugfs_create_dir("kpkeys", NULL);

	debugfs_create_file("stats", 0400, dir, NULL, &stats_fops);
	audit_create(dir);
	/* Where user mode Linux has its linear map, only the host knows. */
	if (IS_ENABLED(CONFIG_ARCH_HAS_SET_DIRECT_MAP))
		debugfs_create_file("linear_map", 0400, dir, NULL, &linear_map_fops);
	return 0;
}
late_initcall(kpkeys_debugfs_init);
