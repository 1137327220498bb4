// SPDX-License-Identifier: GPL-2.0-only
/* kpkeys: report a violation. */

#define pr_fmt(fmt) "kpkeys: " fmt

#include <linux/efi.h>
#include <linux/kpkeys.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <asm/sections.h>
#include "kpkeys.h"

#ifdef CONFIG_KPKEYS_HARDENED_PGTABLES
struct find_table {
	void *table;
	struct mm_struct *mm;
	enum kpkeys_level level;
	unsigned long addr;
};

static int match_table(struct mm_struct *mm, void *table, enum kpkeys_level level,
		       unsigned long addr, void *arg)
{
	struct find_table *find = arg;

	if (table != find->table)
		return 0;

	find->mm = mm;
	find->level = level;
	find->addr = addr;
	return 1;
}

static void report_owner(struct mm_struct *mm)
{
	struct task_struct *p;

	if (mm == &init_mm) {
		pr_alert("  of the kernel (init_mm)\n");
		return;
	}
	if (mm_is_efi(mm)) {
		pr_alert("  of the firmware's runtime services (efi_mm)\n");
		return;
	}

	guard(rcu)();
	for_each_process(p) {
		if (READ_ONCE(p->mm) == mm) {
			pr_alert("  of process %s, pid %d\n", p->comm, task_pid_nr(p));
			return;
		}
	}
	pr_alert("  of a process\n");
}

static void report_page(unsigned long addr)
{
	enum kpkeys_page_state state;
	struct find_table find = { };

	/* The kernel image may have a mapping of its own. */
	if (addr >= (unsigned long)_stext && addr < (unsigned long)_end)
		addr = (unsigned long)lm_alias(addr);
	if (!virt_addr_valid((void *)addr))
		return;

	find.table = (void *)(addr & PAGE_MASK);
	if (arch_kpkeys_is_readonly(addr))
		state = KPKEYS_PAGE_STATIC;
	else if (!kpkeys_is_static_or_early(addr, &state))
		state = kpkeys_pool_page_state(virt_to_page((void *)addr));

	switch (state) {
	case KPKEYS_PAGE_NONE:
		pr_alert("page: not a page-table page\n");
		return;
	case KPKEYS_PAGE_FREE:
		pr_alert("page: free page of the page-table pool\n");
		return;
	case KPKEYS_PAGE_STATIC:
		pr_alert("page: page-table page in the kernel image\n");
		break;
	case KPKEYS_PAGE_EARLY:
		pr_alert("page: page-table page allocated early in boot\n");
		break;
	case KPKEYS_PAGE_PTP:
		pr_alert("page: page-table page\n");
		break;
	}

	if ((current->mm && kpkeys_walk_mm(current->mm, match_table, &find)) ||
	    kpkeys_walk_all(match_table, &find)) {
		unsigned long size = kpkeys_entry_size(find.level);
		unsigned long index = offset_in_page(addr) / sizeof(pte_t);

		pr_alert("  %s table, entry %lu, which translates 0x%lx-0x%lx\n",
			 kpkeys_level_names[find.level], index,
			 find.addr + index * size, find.addr + (index + 1) * size - 1);
		report_owner(find.mm);
	} else {
		pr_alert("  not in use by the kernel or a process\n");
	}
}

static const char *pkey_name(int pkey)
{
	return pkey == KPKEYS_PKEY_PGTABLES ? "page tables" : "not of page tables";
}
#else
static void report_page(unsigned long addr) {}

static const char *pkey_name(int pkey)
{
	return "unknown";
}
#endif

/**
 * kpkeys_report_fault() - Say what a fault caused by a pkey has hit
 * @addr: The faulting address
 * @write: It was a write
 * @pkey: The pkey of the page, or KPKEYS_NO_PKEY
 * @pkey_reg: The pkey register of the code that faulted
 *
 * For the architecture's oops code, which prints registers and call trace.
 *
 * Context: Any.
 */
void kpkeys_report_fault(unsigned long addr, bool write, int pkey, u64 pkey_reg)
{
	pr_alert("BUG: %s of protected memory at 0x%lx was stopped\n",
		 write ? "write" : "read", addr);
	if (pkey == KPKEYS_NO_PKEY)
		pr_alert("read-only in every context, pkey register 0x%llx\n", pkey_reg);
	else
		pr_alert("pkey %d (%s), context %s, pkey register 0x%llx\n",
			 pkey, pkey_name(pkey), kpkeys_ctx_name(pkey_reg), pkey_reg);
	report_page(addr);
}
