// SPDX-License-Identifier: GPL-2.0-only
/*
 * kpkeys: KUnit tests of the report of a violation, line by line, as it is in
 * the kernel's log. Consoles stay silent: these reports are not defects.
 */

#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/console.h>
#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/kmsg_dump.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/panic.h>
#include <linux/pgtable.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/string.h>
#include <linux/vmalloc.h>
#include "../kpkeys.h"
#include "../pool.h"
#include "early.h"
#include "util.h"

#define MAX_LINES	8
#define LINE_LEN	128

/**
 * struct observed - Lines of the last report
 * @iter: Position in the log
 * @nr: Number of lines, also of those that are too many for @lines
 * @lines: The lines, without what printk() puts before them
 */
struct observed {
	struct kmsg_dump_iter iter;
	unsigned int nr;
	char lines[MAX_LINES][LINE_LEN];
};

static struct observed observed;

/* Reads the log to its end. */
static void read_log(bool record)
{
	char line[2 * LINE_LEN], *text;
	size_t len;

	observed.nr = 0;
	while (kmsg_dump_get_line(&observed.iter, false, line, sizeof(line) - 1, &len)) {
		if (!record)
			continue;
		line[len] = '\0';
		strim(line);
		/* With a time, perhaps, and the caller. KUnit quotes lines. */
		text = strstr(line, "BUG: kpkeys: ") ?: strstr(line, "kpkeys: ");
		if (!text || strchr(line, '"'))
			continue;
		if (observed.nr < MAX_LINES)
			strscpy(observed.lines[observed.nr], text);
		observed.nr++;
	}
}

/* The level counts when a record is printed, which can be later, by a thread. */
static int silence_consoles(void)
{
	int level = console_loglevel;

	pr_flush(1000, true);
	console_loglevel = CONSOLE_LOGLEVEL_SILENT;
	return level;
}

static void restore_consoles(int level)
{
	pr_flush(1000, true);
	console_loglevel = level;
}

struct fault {
	unsigned long addr;
	bool write;
	int pkey;
	u64 pkey_reg;
};

static void report_fn(void *arg)
{
	const struct fault *f = arg;

	kpkeys_report_fault(f->addr, f->write, f->pkey, f->pkey_reg);
}

/* Leaves the report in @observed. */
static void report(const struct fault *f)
{
	int level = silence_consoles();

	read_log(false);
	report_fn((void *)f);
	read_log(true);
	restore_consoles(level);
}

static void report_in_irq(const struct fault *f)
{
	int level = silence_consoles();

	read_log(false);
	test_in_irq(report_fn, (void *)f, false);
	read_log(true);
	restore_consoles(level);
}

/* A blocked write to a page table. */
static struct fault write_to(const void *ptr)
{
	return (struct fault) {
		.addr = (unsigned long)ptr,
		.write = true,
		.pkey = KPKEYS_PKEY_PGTABLES,
		.pkey_reg = kpkeys_ctx_table[KPKEYS_CTX_DEFAULT],
	};
}

static void report_write_to(const void *ptr)
{
	struct fault f = write_to(ptr);

	report(&f);
}

static __printf(3, 4) void expect_line(struct kunit *test, unsigned int nr,
				       const char *fmt, ...)
{
	unsigned int nr_lines = min(observed.nr, MAX_LINES);
	char line[LINE_LEN];
	va_list args;

	va_start(args, fmt);
	vscnprintf(line, sizeof(line), fmt, args);
	va_end(args);

	KUNIT_ASSERT_LT_MSG(test, nr, nr_lines, "missing line: %s", line);
	KUNIT_EXPECT_STREQ(test, observed.lines[nr], line);
}

static void expect_nr_lines(struct kunit *test, unsigned int nr)
{
	KUNIT_EXPECT_EQ(test, observed.nr, nr);
}

/*
 * What was attempted
 */

static void report_begins_with_bug(struct kunit *test)
{
	unsigned long page = (unsigned long)kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL);
	struct fault f = write_to((void *)page);

	KUNIT_ASSERT_NE(test, page, 0);

	report(&f);
	expect_line(test, 0, "BUG: kpkeys: blocked write to a page table at 0x%lx", page);

	f.addr += 8;
	f.write = false;
	report(&f);
	expect_line(test, 0, "BUG: kpkeys: blocked access to a page table at 0x%lx",
		    page + 8);

	f.write = true;
	f.pkey = KPKEYS_PKEY_TEST;
	report(&f);
	expect_line(test, 0, "BUG: kpkeys: blocked write to protected memory at 0x%lx",
		    page + 8);

	f.pkey = KPKEYS_PKEY_NONE;
	report(&f);
	expect_line(test, 0, "BUG: kpkeys: blocked write to a page table at 0x%lx",
		    page + 8);
}

static void report_names_pkey_and_ctx(struct kunit *test)
{
	static const struct {
		int ctx;
		const char *name;
	} ctxs[] = {
		{ KPKEYS_CTX_DEFAULT, "default" },
		{ KPKEYS_CTX_PGTABLES, "page tables" },
		{ KPKEYS_CTX_TEST, "test" },
	};
	struct fault f = write_to(report_names_pkey_and_ctx);
	u64 other = ARCH_KPKEYS_PERM(ARCH_KPKEYS_MAX_PKEY, KPKEYS_PERM_RW) ?:
		    ARCH_KPKEYS_PERM(ARCH_KPKEYS_MAX_PKEY, KPKEYS_PERM_NONE);
	u64 reg;
	int i;

	for (i = 0; i < ARRAY_SIZE(ctxs); i++) {
		/* Pkeys that kpkeys does not manage are of no account. */
		f.pkey_reg = kpkeys_ctx_table[ctxs[i].ctx] | other;
		report(&f);
		expect_line(test, 1,
			    "kpkeys: pkey %d (page tables), context %s, pkey register 0x%llx",
			    KPKEYS_PKEY_PGTABLES, ctxs[i].name, f.pkey_reg);
	}

	/* A value that no context has: all pkeys are open. */
	reg = ARCH_KPKEYS_PERM(KPKEYS_PKEY_DEFAULT, KPKEYS_PERM_RW) |
	      ARCH_KPKEYS_PERM(KPKEYS_PKEY_PGTABLES, KPKEYS_PERM_RW) |
	      ARCH_KPKEYS_PERM(KPKEYS_PKEY_TEST, KPKEYS_PERM_RW);
	f.pkey_reg = reg;
	f.pkey = KPKEYS_PKEY_TEST;
	report(&f);
	expect_line(test, 1, "kpkeys: pkey %d (test), context unknown, pkey register 0x%llx",
		    KPKEYS_PKEY_TEST, reg);

	f.pkey = ARCH_KPKEYS_MAX_PKEY;
	report(&f);
	expect_line(test, 1,
		    "kpkeys: pkey %d (unknown), context unknown, pkey register 0x%llx",
		    ARCH_KPKEYS_MAX_PKEY, reg);

	f.pkey = KPKEYS_PKEY_NONE;
	report(&f);
	expect_line(test, 1, "kpkeys: read-only in every context, pkey register 0x%llx",
		    reg);
}

/*
 * What was hit
 */

static void report_names_other_memory(struct kunit *test)
{
	void *page = kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL);
	char *vmalloced;

	KUNIT_ASSERT_NOT_NULL(test, page);
	report_write_to(page);
	expect_line(test, 2, "kpkeys: target: not a page table");
	expect_nr_lines(test, 3);

	report_write_to((void *)8);
	expect_line(test, 2, "kpkeys: target: not mapped memory");
	expect_nr_lines(test, 3);

	/* The page behind it is a guard. */
	vmalloced = vmalloc(PAGE_SIZE);
	KUNIT_ASSERT_NOT_NULL(test, vmalloced);
	report_write_to(vmalloced + PAGE_SIZE);
	expect_line(test, 2, "kpkeys: target: not mapped memory");
	expect_nr_lines(test, 3);
	vfree(vmalloced);
}

static void report_names_free_page(struct kunit *test)
{
	struct ptdesc *pt = pagetable_alloc(GFP_KERNEL, 0);

	KUNIT_ASSERT_NOT_NULL(test, pt);
	pagetable_free(pt);
	report_write_to(ptdesc_address(pt));
	expect_line(test, 2, "kpkeys: target: free page of the page-table pool");
	expect_nr_lines(test, 3);
}

static void report_names_unused_table(struct kunit *test)
{
	struct ptdesc *pt = pagetable_alloc(GFP_KERNEL | __GFP_ZERO, 0);

	KUNIT_ASSERT_NOT_NULL(test, pt);
	report_write_to(ptdesc_address(pt));
	pagetable_free(pt);
	expect_line(test, 2, "kpkeys: target: page table of unknown owner");
	expect_nr_lines(test, 3);
}

static void report_names_early_table(struct kunit *test)
{
	KUNIT_ASSERT_NOT_NULL(test, kpkeys_test_early_pgtable);
	report_write_to(kpkeys_test_early_pgtable + PAGE_SIZE - 8);
	expect_line(test, 2, "kpkeys: target: page table allocated early in boot");
	expect_nr_lines(test, 3);
}

/* An entry of a table that is in use, and what it translates. */
static void expect_place(struct kunit *test, const char *level, unsigned long index,
			 unsigned long addr, unsigned long size)
{
	addr &= ~(size - 1);
	expect_line(test, 3, "kpkeys:   %s table, entry %lu, translates 0x%lx-0x%lx",
		    level, index, addr, addr + size - 1);
}

static void report_names_kernel_tables(struct kunit *test)
{
	char *mem = vmalloc(3 * PAGE_SIZE);
	unsigned long addr;
	pgd_t *pgd;
	pte_t *pte;

	KUNIT_ASSERT_NOT_NULL(test, mem);
	addr = (unsigned long)mem + 2 * PAGE_SIZE;

	pte = virt_to_kpte(addr);
	KUNIT_ASSERT_NOT_NULL(test, pte);
	report_write_to(pte);
	expect_line(test, 2, "kpkeys: target: kernel page table");
	expect_place(test, "pte", pte_index(addr), addr, PAGE_SIZE);
	expect_line(test, 4, "kpkeys:   owner: the kernel (init_mm)");
	expect_nr_lines(test, 5);

	/* Any byte of an entry. */
	report_write_to((char *)pte + 7);
	expect_place(test, "pte", pte_index(addr), addr, PAGE_SIZE);

	pgd = pgd_offset_k(addr);
	report_write_to(pgd);
	expect_line(test, 2, "kpkeys: target: page table in the kernel image");
	expect_place(test, "pgd", pgd_index(addr), addr, PGDIR_SIZE);
	expect_line(test, 4, "kpkeys:   owner: the kernel (init_mm)");
	expect_nr_lines(test, 5);
	vfree(mem);
}

static void report_names_user_tables(struct kunit *test)
{
	unsigned long addr = test_user_page(test);
	struct test_entries e = test_find_entries(test, current->mm, addr);
	struct {
		const char *level;
		void *entry;
		unsigned long size;
	} tables[] = {
		{ "pgd", e.pgd, PGDIR_SIZE },
		{ "p4d", mm_p4d_folded(current->mm) ? NULL : e.p4d, P4D_SIZE },
		{ "pud", mm_pud_folded(current->mm) ? NULL : e.pud, PUD_SIZE },
		{ "pmd", mm_pmd_folded(current->mm) ? NULL : e.pmd, PMD_SIZE },
		{ "pte", e.pte, PAGE_SIZE },
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(tables); i++) {
		if (!tables[i].entry)
			continue;
		report_write_to(tables[i].entry);
		expect_line(test, 2, "kpkeys: target: user page table");
		expect_place(test, tables[i].level,
			     addr / tables[i].size % (PAGE_SIZE / sizeof(pte_t)),
			     addr, tables[i].size);
		expect_line(test, 4, "kpkeys:   owner: %s (pid %d)", current->comm,
			    task_tgid_nr(current));
		expect_nr_lines(test, 5);
	}
}

/* A table that is written to at another address than that in the linear map. */
static void report_resolves_alias(struct kunit *test)
{
	unsigned long addr = test_user_page(test);
	struct test_entries e = test_find_entries(test, current->mm, addr);
	struct page *page = virt_to_page(e.pte);
	char *alias = vmap(&page, 1, VM_MAP, PAGE_KERNEL_RO);

	KUNIT_ASSERT_NOT_NULL(test, alias);
	alias += offset_in_page(e.pte);
	report_write_to(alias);
	expect_line(test, 0, "BUG: kpkeys: blocked write to a page table at 0x%lx",
		    (unsigned long)alias);
	expect_line(test, 2, "kpkeys: target: user page table");
	expect_place(test, "pte", pte_index(addr), addr, PAGE_SIZE);
	expect_line(test, 4, "kpkeys:   owner: %s (pid %d)", current->comm,
		    task_tgid_nr(current));
	vunmap((void *)((unsigned long)alias & PAGE_MASK));
	vm_unmap_aliases();
}

/*
 * Other processes
 */

/* A process with page tables of its own, which has no user mode. */
struct process {
	struct mm_struct *mm;
	struct task_struct *task;
	unsigned long addr;
	pte_t *pte;
	struct completion go;
	struct completion exiting;
};

static int process_fn(void *arg)
{
	static const char comm[TASK_COMM_LEN] = "kpkeys_process";
	struct process *p = arg;

	set_task_comm(current, comm);
	wait_for_completion(&p->go);
	complete(&p->exiting);
	do_exit(0);
}

/* The caller's mm becomes that of a new process. */
static void start_process(struct process *p)
{
	struct task_struct *task;
	pid_t pid;

	p->task = NULL;
	p->pte = NULL;
	init_completion(&p->go);
	init_completion(&p->exiting);

	p->mm = mm_alloc();
	if (!p->mm)
		return;
	p->mm->task_size = TASK_SIZE;
	arch_pick_mmap_layout(p->mm, &current->signal->rlim[RLIMIT_STACK]);

	kthread_use_mm(p->mm);
	p->addr = vm_mmap(NULL, 0, PAGE_SIZE, PROT_READ | PROT_WRITE,
			  MAP_ANONYMOUS | MAP_PRIVATE, 0);
	if (!IS_ERR_VALUE(p->addr) && !put_user(42L, (long __user *)p->addr)) {
		p->pte = pte_offset_kernel(pmd_off(p->mm, p->addr), p->addr);
		pid = user_mode_thread(process_fn, p, SIGCHLD);
		scoped_guard(rcu) {
			task = pid > 0 ? find_task_by_pid_ns(pid, &init_pid_ns) : NULL;
			if (task)
				p->task = get_task_struct(task);
		}
	}
	kthread_unuse_mm(p->mm);
	mmput(p->mm);
}

static void end_process(void *arg)
{
	struct process *p = arg;

	if (!p->task)
		return;
	complete(&p->go);
	wait_for_completion(&p->exiting);
	put_task_struct(p->task);
}

static void report_names_other_process(struct kunit *test)
{
	struct process *p = kunit_kzalloc(test, sizeof(*p), GFP_KERNEL);
	unsigned long addr;
	struct fault f;
	int level;

	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_ASSERT_NULL(test, current->mm);
	start_process(p);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, end_process, p), 0);
	KUNIT_ASSERT_NOT_NULL(test, p->task);
	addr = p->addr;
	/* Until it has its name. */
	while (strcmp(p->task->comm, "kpkeys_process"))
		usleep_range(500, 1500);

	f = write_to(p->pte);
	report(&f);
	expect_line(test, 2, "kpkeys: target: user page table");
	expect_place(test, "pte", pte_index(addr), addr, PAGE_SIZE);
	expect_line(test, 4, "kpkeys:   owner: kpkeys_process (pid %d)",
		    task_tgid_nr(p->task));
	expect_nr_lines(test, 5);

	/* A fault can happen with the lock held that protects the mm. */
	level = silence_consoles();
	read_log(false);
	task_lock(p->task);
	report_fn(&f);
	task_unlock(p->task);
	read_log(true);
	restore_consoles(level);
	expect_line(test, 2, "kpkeys: target: page table of unknown owner");
	expect_nr_lines(test, 3);

	/* Interrupts do not search. */
	report_in_irq(&f);
	expect_line(test, 2, "kpkeys: target: page table of unknown owner");
	expect_nr_lines(test, 3);
}

static void report_in_irq_names_own_table(struct kunit *test)
{
	unsigned long addr = test_user_page(test);
	struct test_entries e = test_find_entries(test, current->mm, addr);
	struct fault f = write_to(e.pte);

	report_in_irq(&f);
	expect_line(test, 2, "kpkeys: target: user page table");
	expect_place(test, "pte", pte_index(addr), addr, PAGE_SIZE);
	expect_line(test, 4, "kpkeys:   owner: %s (pid %d)", current->comm,
		    task_tgid_nr(current));
	expect_nr_lines(test, 5);
}

/*
 * A system that goes on: chunks of the pool come and go, processes exit.
 */

#define CHURN_PAGES	8192	/* many chunks: some pages of each may be in use */

struct churn {
	struct ptdesc *pts[CHURN_PAGES];
	unsigned long nr_shrunk;
	unsigned long nr_processes;
	pte_t *pte;
};

static int chunk_churn_fn(void *arg)
{
	struct churn *churn = arg;
	int i;

	while (!kthread_should_stop()) {
		for (i = 0; i < CHURN_PAGES; i++)
			churn->pts[i] = pagetable_alloc(GFP_KERNEL | __GFP_ZERO, 0);
		for (i = 0; i < CHURN_PAGES; i++)
			if (churn->pts[i])
				pagetable_free(churn->pts[i]);
		kpkeys_pool_drain_this_cpu();
		WRITE_ONCE(churn->nr_shrunk, churn->nr_shrunk +
			   kpkeys_pool_shrink_node(numa_mem_id(), CHURN_PAGES));
		cond_resched();
	}
	return 0;
}

static int process_churn_fn(void *arg)
{
	struct churn *churn = arg;
	struct process *p;

	p = kzalloc_obj(*p);
	while (p && !kthread_should_stop()) {
		start_process(p);
		WRITE_ONCE(churn->pte, p->pte);
		if (p->task)
			WRITE_ONCE(churn->nr_processes, churn->nr_processes + 1);
		end_process(p);
		cond_resched();
	}
	kfree(p);
	/* Until it is asked to. */
	while (!kthread_should_stop())
		msleep(20);
	return 0;
}

static void stop_churn(void *task)
{
	kthread_stop_put(task);
}

static void start_churn(struct kunit *test, int (*fn)(void *), void *arg)
{
	struct task_struct *task = kthread_create(fn, arg, "kpkeys_churn");

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, task);
	get_task_struct(task);
	wake_up_process(task);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, stop_churn, task), 0);
}

static void report_survives_churn(struct kunit *test)
{
	struct churn *churn = kunit_kzalloc(test, sizeof(*churn), GFP_KERNEL);
	unsigned long end = jiffies + 60 * HZ, nr_processes, nr_shrunk;
	unsigned int i, j, nr_short = 0;
	int level;

	KUNIT_ASSERT_NOT_NULL(test, churn);
	start_churn(test, chunk_churn_fn, churn);
	start_churn(test, process_churn_fn, churn);

	level = silence_consoles();
	for (i = 0; time_before(jiffies, end); i++) {
		struct ptdesc *pt = READ_ONCE(churn->pts[i % CHURN_PAGES]);
		pte_t *pte = READ_ONCE(churn->pte);
		struct fault f;

		nr_processes = READ_ONCE(churn->nr_processes);
		nr_shrunk = READ_ONCE(churn->nr_shrunk);
		if (i >= 500 && nr_processes >= 20 && nr_shrunk)
			break;

		/* What it says can be stale, but it must say something. */
		f = write_to(i % 2 && pte ? (void *)pte :
			     pt ? ptdesc_address(pt) : kpkeys_test_early_pgtable);
		read_log(false);
		report_fn(&f);
		read_log(true);
		if (observed.nr < 3)
			nr_short++;

		/* Printing takes most of the time: look up more than it does. */
		for (j = 0; j < 1000; j++)
			kpkeys_pool_page_state(virt_to_page((void *)f.addr));
		cond_resched();
	}
	restore_consoles(level);

	KUNIT_EXPECT_EQ(test, nr_short, 0);
	KUNIT_EXPECT_GE(test, i, 500);
	KUNIT_EXPECT_GE(test, nr_processes, 20);
	KUNIT_EXPECT_GT(test, nr_shrunk, 0);
}

/*
 * A real fault
 */

KPKEYS_GUARD(kpkeys_test, KPKEYS_CTX_TEST);

struct real_fault {
	long *addr;
	u64 pkey_reg;
	bool survived;
};

static int real_fault_fn(void *arg)
{
	struct real_fault *f = arg;

	/* Not the default context: the report must be about this one. */
	guard(kpkeys_test)();
	f->pkey_reg = arch_kpkeys_read_reg();
	WRITE_ONCE(*f->addr, READ_ONCE(*f->addr));
	f->survived = true;
	return 0;
}

static void fault_is_reported(struct kunit *test)
{
	struct real_fault *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);
	struct completion *exited;
	struct task_struct *task;
	unsigned long addr;
	void *mem;
	int level;

	if (IS_ENABLED(CONFIG_PROVE_LOCKING) || panic_on_oops)
		kunit_skip(test, "an oops would spoil other tests");

	KUNIT_ASSERT_NOT_NULL(test, f);
	mem = vmalloc(PAGE_SIZE);
	KUNIT_ASSERT_NOT_NULL(test, mem);
	addr = (unsigned long)mem;
	f->addr = (long *)virt_to_kpte(addr);

	task = kthread_create(real_fault_fn, f, "kpkeys_fault");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, task);
	get_task_struct(task);
	exited = task->vfork_done;

	level = silence_consoles();
	read_log(false);
	wake_up_process(task);
	wait_for_completion(exited);
	read_log(true);
	restore_consoles(level);
	put_task_struct(task);

	KUNIT_EXPECT_FALSE(test, f->survived);
	expect_line(test, 0, "BUG: kpkeys: blocked write to a page table at 0x%lx",
		    (unsigned long)f->addr);
	expect_line(test, 1, "kpkeys: pkey %d (page tables), context test, pkey register 0x%llx",
		    KPKEYS_PKEY_PGTABLES, f->pkey_reg);
	/* The first addresses of vmalloc can share a page table with the kernel image. */
	switch (kpkeys_boot_ptp_state((unsigned long)f->addr)) {
	case KPKEYS_PAGE_STATIC:
		expect_line(test, 2, "kpkeys: target: page table in the kernel image");
		break;
	case KPKEYS_PAGE_EARLY:
		expect_line(test, 2, "kpkeys: target: page table allocated early in boot");
		break;
	default:
		expect_line(test, 2, "kpkeys: target: kernel page table");
	}
	expect_place(test, "pte", pte_index(addr), addr, PAGE_SIZE);
	expect_line(test, 4, "kpkeys:   owner: the kernel (init_mm)");
	expect_nr_lines(test, 5);
	vfree(mem);
}

static struct kunit_case report_cases[] = {
	KUNIT_CASE(report_begins_with_bug),
	KUNIT_CASE(report_names_pkey_and_ctx),
	KUNIT_CASE(report_names_other_memory),
	KUNIT_CASE(report_names_free_page),
	KUNIT_CASE(report_names_unused_table),
	KUNIT_CASE(report_names_early_table),
	KUNIT_CASE(report_names_kernel_tables),
	KUNIT_CASE(report_names_user_tables),
	KUNIT_CASE(report_resolves_alias),
	KUNIT_CASE(report_names_other_process),
	KUNIT_CASE(report_in_irq_names_own_table),
	KUNIT_CASE_SLOW(report_survives_churn),
	/* Last: it leaves the kernel tainted. */
	KUNIT_CASE(fault_is_reported),
	{}
};

static int report_init(struct kunit *test)
{
	/*
	 * KUnit does not end the lines of its results, so that the last one is
	 * printed with the next line: here, where consoles are not yet silent.
	 */
	kunit_info(test, "consoles are silent while reports are made\n");
	return test_skip_if_disabled(test);
}

static struct kunit_suite report_suite = {
	.name = "kpkeys_report",
	.init = report_init,
	.test_cases = report_cases,
};

kunit_test_suite(report_suite);
