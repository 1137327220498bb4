// SPDX-License-Identifier: GPL-2.0-only
/* kpkeys: report a violation. */

#include <linux/efi.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <asm/sections.h>
#include "kpkeys.h"

#ifdef CONFIG_KPKEYS_HARDENED_PGTABLES

/*
 * Limits the search of an mm, and that of all processes together: this many page
 * tables map half a terabyte of pages.
 */
#define MAX_SEARCHED	(256 * 1024)

/**
 * struct find_table - Search for the place of a page-table page
 * @table: The PTP, in the linear map
 * @nr_searched: Number of PTPs visited, for the limit
 * @mm: Result: the mm that uses @table, NULL if it was not found
 * @level: Result: level of @table
 * @addr: Result: first virtual address that @table translates
 * @comm: Result: name of a task that uses @mm, empty for a kernel mm
 * @pid: Result: ID of its process
 */
struct find_table {
	void *table;
	unsigned long nr_searched;

	struct mm_struct *mm;
	enum pgtable_level level;
	unsigned long addr;
	char comm[TASK_COMM_LEN];
	pid_t pid;
};

static int match_table(struct mm_struct *mm, void *table, enum pgtable_level level,
		       unsigned long addr, void *arg)
{
	struct find_table *find = arg;

	if (++find->nr_searched > MAX_SEARCHED)
		return -E2BIG;
	if (table != find->table)
		return 0;

	find->mm = mm;
	find->level = level;
	find->addr = addr;
	return 1;
}

static bool find_in_mm(struct find_table *find, struct mm_struct *mm)
{
	kpkeys_walk_mm_ptps(mm, match_table, find);
	return find->mm;
}

static bool find_in_task(struct find_table *find, struct task_struct *task)
{
	struct mm_struct *mm = READ_ONCE(task->mm);

	if (!mm || !find_in_mm(find, mm))
		return false;

	strscpy(find->comm, task->comm);
	find->pid = task_tgid_nr(task);
	return true;
}

/*
 * Search all processes. That takes long on a large system, which is about to
 * oops, so it is for debugging kernels only.
 *
 * A task cannot lose its mm while its alloc_lock is held. Whoever faulted may hold
 * that lock, so a task whose lock is taken is left out. In interrupts, and where
 * locks sleep in atomic context, it must not even be tried.
 */
static void find_in_processes(struct find_table *find)
{
	struct task_struct *p, *t;
	bool found;

	if (!IS_ENABLED(CONFIG_KPKEYS_DEBUG) || !in_task())
		return;
	if (IS_ENABLED(CONFIG_PREEMPT_RT) && !preemptible())
		return;

	guard(rcu)();
	for_each_process(p) {
		/* The first thread may have exited before the others. */
		for_each_thread(p, t) {
			if (t->flags & PF_KTHREAD || !READ_ONCE(t->mm) ||
			    !spin_trylock(&t->alloc_lock))
				continue;
			found = find_in_task(find, t);
			spin_unlock(&t->alloc_lock);
			if (found || find->nr_searched > MAX_SEARCHED)
				return;
			/* All threads with an mm share it. */
			break;
		}
	}
}

static void find_table(struct find_table *find)
{
	/* This task keeps its own mm, also if it was interrupted. */
	if (find_in_task(find, current))
		return;

	find->nr_searched = 0;
	if (find_in_mm(find, &init_mm))
		return;

	/* The firmware's runtime services have page tables of their own. */
	find->nr_searched = 0;
	if (efi_enabled(EFI_RUNTIME_SERVICES) && find_in_mm(find, &efi_mm))
		return;

	find->nr_searched = 0;
	find_in_processes(find);
}

static int get_entry_phys(int level, u64 entry, unsigned long addr,
			  unsigned long next, void *arg)
{
	/* In an entry for a block, low bits can mean something else. */
	*(phys_addr_t *)arg = ALIGN_DOWN(PFN_PHYS(pte_pfn(__pte(entry))),
					 kpkeys_entry_size(level));
	return level + 1;
}

/* The address in the linear map of what is mapped at @addr, 0 if nothing is. */
static unsigned long linear_address(unsigned long addr)
{
	unsigned long page = addr & PAGE_MASK;
	phys_addr_t phys;
	int level;

	/* The kernel image may have a mapping of its own. */
	if (addr >= (unsigned long)_stext && addr < (unsigned long)_end)
		addr = (unsigned long)lm_alias(addr);
	if (virt_addr_valid((void *)addr))
		return addr;

	/* Perhaps an alias, such as those in the fixmap. */
	if (addr < ARCH_KPKEYS_ALIASES_START || addr >= ARCH_KPKEYS_ALIASES_END)
		return 0;
	level = kpkeys_walk_mappings(page, page + PAGE_SIZE, get_entry_phys, &phys) - 1;
	if (level < 0)
		return 0;
	phys += addr & (kpkeys_entry_size(level) - 1);
	if (!pfn_valid(PHYS_PFN(phys)))
		return 0;
	return (unsigned long)__va(phys);
}

static enum kpkeys_page_state page_state(unsigned long addr)
{
	enum kpkeys_page_state state;

	if (arch_kpkeys_is_readonly(addr))
		return KPKEYS_PAGE_STATIC;
	state = kpkeys_boot_ptp_state(addr);
	if (state == KPKEYS_PAGE_NONE)
		state = kpkeys_pool_page_state(virt_to_page((void *)addr));
	return state;
}

static const char *ptp_kind(const struct find_table *find)
{
	if (!find->mm)
		return "page table of unknown owner";
	if (find->mm == &init_mm)
		return "kernel page table";
	if (mm_is_efi(find->mm))
		return "EFI page table";
	return "user page table";
}

static void report_place(const struct find_table *find, unsigned long addr)
{
	unsigned long index = offset_in_page(addr) / sizeof(pte_t);
	unsigned long size = kpkeys_entry_size(find->level);

	pr_alert("kpkeys:   %s table, entry %lu, translates 0x%lx-0x%lx\n",
		 pgtable_level_to_str(find->level), index,
		 find->addr + index * size, find->addr + (index + 1) * size - 1);
	if (find->mm == &init_mm)
		pr_alert("kpkeys:   owner: the kernel (init_mm)\n");
	else if (mm_is_efi(find->mm))
		pr_alert("kpkeys:   owner: EFI runtime services (efi_mm)\n");
	else
		pr_alert("kpkeys:   owner: %s (pid %d)\n", find->comm, find->pid);
}

static void report_target(unsigned long fault_addr)
{
	unsigned long addr = linear_address(fault_addr);
	enum kpkeys_page_state state;
	struct find_table find = {
		.table = (void *)(addr & PAGE_MASK),
	};

	if (!addr) {
		pr_alert("kpkeys: target: not mapped memory\n");
		return;
	}
	state = page_state(addr);

	/* A page table that is not in use has no place. */
	if (state != KPKEYS_PAGE_NONE && state != KPKEYS_PAGE_FREE)
		find_table(&find);

	switch (state) {
	case KPKEYS_PAGE_NONE:
		pr_alert("kpkeys: target: not a page table\n");
		break;
	case KPKEYS_PAGE_FREE:
		pr_alert("kpkeys: target: free page of the page-table pool\n");
		break;
	case KPKEYS_PAGE_STATIC:
		pr_alert("kpkeys: target: page table in the kernel image\n");
		break;
	case KPKEYS_PAGE_EARLY:
		pr_alert("kpkeys: target: page table allocated early in boot\n");
		break;
	case KPKEYS_PAGE_PTP:
		pr_alert("kpkeys: target: %s\n", ptp_kind(&find));
		break;
	}
	if (find.mm)
		report_place(&find, addr);
}

static bool is_pgtable_pkey(int pkey)
{
	return pkey == KPKEYS_PKEY_PGTABLES || pkey == KPKEYS_PKEY_NONE;
}
#else
static void report_target(unsigned long fault_addr) {}

static bool is_pgtable_pkey(int pkey)
{
	return false;
}
#endif

/**
 * kpkeys_report_fault() - Report a fault that a pkey caused
 * @addr: The faulting address
 * @write: The access was a write
 * @pkey: The pkey of the page, or %KPKEYS_PKEY_NONE
 * @pkey_reg: The pkey register of the code that faulted
 *
 * For the architecture's oops code, which prints registers and the call trace.
 *
 * The system may be in any state: other CPUs go on, the code that faulted may
 * hold any lock, and page tables may be corrupt. So no lock is waited for, page
 * tables are read as memory that may vanish, and the search for the page table
 * is limited. What remains is that of any oops: printk() can deadlock if the
 * fault is in the console's or the scheduler's code. Accept that risk, rather
 * than lose the message.
 *
 * Context: Any, including NMI.
 */
void kpkeys_report_fault(unsigned long addr, bool write, int pkey, u64 pkey_reg)
{
	/* Tools find a report by its first words. */
	pr_alert("BUG: kpkeys: blocked %s %s at 0x%lx\n",
		 write ? "write to" : "access to",
		 is_pgtable_pkey(pkey) ? "a page table" : "protected memory", addr);
	if (pkey == KPKEYS_PKEY_NONE)
		pr_alert("kpkeys: read-only in every context, pkey register 0x%llx\n",
			 pkey_reg);
	else
		pr_alert("kpkeys: pkey %d (%s), context %s, pkey register 0x%llx\n",
			 pkey, kpkeys_pkey_name(pkey), kpkeys_ctx_name(pkey_reg), pkey_reg);
	report_target(addr);
}
