// SPDX-License-Identifier: GPL-2.0-only
/*
 * kpkeys: files in /sys/kernel/debug/kpkeys.
 *
 *  audit	reading it audits all page tables; see audit.c
 *  stats	figures of the framework and of the pool
 *  linear_map	sizes of the mappings that make up the linear map
 */

#include <linux/debugfs.h>
#include <linux/init.h>
#include <linux/memblock.h>	/* max_pfn */
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/seq_file.h>
#include <linux/sizes.h>
#include "kpkeys.h"

#ifdef CONFIG_KPKEYS_HARDENED_PGTABLES

static int audit_show(struct seq_file *m, void *v)
{
	long ret;

	if (!kpkeys_hardened_pgtables_enabled()) {
		seq_puts(m, "page tables are not protected\n");
		return 0;
	}

	ret = kpkeys_audit_show(m);
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
		   stats.pages - stats.free + stats.unpooled);
	seq_printf(m, "pool_chunks: %lu\n", stats.chunks);
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
	seq_printf(m, "pkey_changes: %ld\n",
		   atomic_long_read(&kpkeys_nr_pkey_changes));
	stats_show_pgtables(m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(stats);

static int add_leaf(int level, u64 entry, unsigned long addr,
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

	/* Hot-removed memory is unmapped. */
	get_online_mems();
	kpkeys_walk_mappings((unsigned long)__va(PFN_PHYS(min_low_pfn)),
			     (unsigned long)__va(PFN_PHYS(max_pfn)), add_leaf, sizes);
	put_online_mems();

	blocks = sizes[PGTABLE_LEVEL_PMD] + sizes[PGTABLE_LEVEL_PUD];
	total = blocks + sizes[PGTABLE_LEVEL_PTE];
	seq_printf(m, "linear_map_kb: %lu\n", total / SZ_1K);
	seq_printf(m, "in_pud_blocks_kb: %lu\n", sizes[PGTABLE_LEVEL_PUD] / SZ_1K);
	seq_printf(m, "in_pmd_blocks_kb: %lu\n", sizes[PGTABLE_LEVEL_PMD] / SZ_1K);
	seq_printf(m, "in_pages_kb: %lu\n", sizes[PGTABLE_LEVEL_PTE] / SZ_1K);
	seq_printf(m, "blocks_percent: %lu\n", blocks * 100 / max(total, 1UL));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(linear_map);

static int __init kpkeys_debugfs_init(void)
{
	struct dentry *dir = debugfs_create_dir("kpkeys", NULL);

	debugfs_create_file("stats", 0400, dir, NULL, &stats_fops);
	audit_create(dir);
	if (arch_kpkeys_has_linear_map())
		debugfs_create_file("linear_map", 0400, dir, NULL, &linear_map_fops);
	return 0;
}
late_initcall(kpkeys_debugfs_init);
