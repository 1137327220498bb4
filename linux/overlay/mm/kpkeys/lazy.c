// SPDX-License-Identifier: GPL-2.0-only
/*
 * kpkeys_hardened_pgtables: entries that are written at the end of a lazy MMU section.
 *
 * To open page tables for each entry is expensive. To leave them open for a whole lazy
 * MMU section is not safe: code in it follows pointers in ordinary memory, such as that
 * from struct page to its folio, and writes to what they point to. So the setters of a
 * section only note what is to be written. Whatever ends it opens page tables once, and
 * writes: nothing else runs with them open, and no interrupt.
 *
 * The notes are in ordinary memory. They are arguments of a setter, as in any other
 * call, and what is checked then is checked when they are carried out.
 *
 * Who reads an entry by ptep_get() reads what will be written. All of this belongs to
 * a CPU: a thread that leaves it has written everything. Interrupts note nothing.
 */

#define pr_fmt(fmt) "kpkeys: " fmt

#include <linux/export.h>
#include <linux/init.h>
#include <linux/irqflags.h>
#include <linux/kpkeys_lazy.h>
#include <linux/kstrtox.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/pgtable.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>
#include "frame.h"
#include "kpkeys.h"
#include "lazy.h"

#define NR_ENTRIES	KPKEYS_LAZY_ENTRIES
#define NR_WINDOWS	KPKEYS_LAZY_WINDOWS
#define WINDOW_SIZE	KPKEYS_LAZY_WINDOW_SIZE

DEFINE_PER_CPU(struct kpkeys_lazy, kpkeys_lazy);
EXPORT_PER_CPU_SYMBOL_GPL(kpkeys_lazy);

/* Whether the setters of lazy MMU sections may write later. */
DEFINE_STATIC_KEY_FALSE_RO(kpkeys_lazy_key);
EXPORT_SYMBOL_GPL(kpkeys_lazy_key);

static bool lazy_requested __initdata = true;

static int __init kpkeys_parse_lazy(char *arg)
{
	if (!arg || kstrtobool(arg, &lazy_requested)) {
		pr_warn("\"kpkeys_lazy=%s\" is not one of on, off; ignored\n", arg ?: "");
		return -EINVAL;
	}
	return 0;
}
early_param("kpkeys_lazy", kpkeys_parse_lazy);

static unsigned int entry_index(const void *entryp)
{
	return (unsigned long)entryp % WINDOW_SIZE / sizeof(u64);
}

static bool is_in_window(const struct kpkeys_lazy_window *w, const void *entryp)
{
	return ((unsigned long)entryp ^ w->start) < WINDOW_SIZE;
}

static __always_inline struct kpkeys_lazy_window *window_of(struct kpkeys_lazy *lazy,
							    const void *entryp)
{
	struct kpkeys_lazy_window *w;

	for (w = lazy->windows; w < lazy->windows + NR_WINDOWS; w++)
		if (is_in_window(w, entryp))
			return w;
	return NULL;
}

/*
 * In a section: the entries of a window, from the one of index @i on. Nothing else is written, as
 * @values can be anything, if an attacker wants it to. Returns the index to go on with, as a
 * violation ends the section.
 */
static __always_inline unsigned int write_entries(u64 *entries, const u64 *values,
						  unsigned int i, unsigned int end)
{
	/* All of them are in one table. */
	if (!kpkeys_check_noted_table(entries))
		return end;

	for (; i < end; i++) {
		u64 val = READ_ONCE(values[i]);
		bool done = true;

		if (val == KPKEYS_LAZY_NOTHING)
			continue;
		if (unlikely(val == KPKEYS_LAZY_WRPROTECT))
			arch_kpkeys_wrprotect_pte(&entries[i]);
		else
			done = arch_kpkeys_write_in_pte_table(&entries[i], val);
		if (unlikely(!done))
			return i + 1;
	}
	return i;
}

static void write_window(struct kpkeys_lazy_window *w)
{
	u64 *entries = (u64 *)ALIGN_DOWN(w->start, WINDOW_SIZE), *values = w->values;
	unsigned int i, first = entry_index((void *)w->start);
	unsigned int end = entry_index((void *)(w->end - 1)) + 1;

	for (i = first; i < end;)
		kpkeys_pgtables_write(i = write_entries(entries, values, i, end));

	if (first < end)
		memset64(values + first, KPKEYS_LAZY_NOTHING, end - first);
	w->start = 0;
	w->end = 0;
}

static void flush(struct kpkeys_lazy *lazy)
{
	unsigned int i;

	/* Setters that write at once may be called for it. */
	lazy->pending = false;
	lazy->end = 0;
	for (i = 0; i < NR_WINDOWS; i++)
		if (lazy->windows[i].start)
			write_window(&lazy->windows[i]);
}

/**
 * __kpkeys_lazy_flush() - kpkeys_lazy_flush(), if there may be something to write
 *
 * Context: Any but NMI.
 */
void __kpkeys_lazy_flush(void)
{
	/* An interrupt must not add to it, and has noted nothing. */
	guard(irqsave)();

	if (in_task() && this_cpu_read(kpkeys_lazy.pending))
		flush(this_cpu_ptr(&kpkeys_lazy));
}
EXPORT_SYMBOL_GPL(__kpkeys_lazy_flush);

/**
 * __kpkeys_lazy_end() - kpkeys_lazy_mmu_leave() in a section
 *
 * Context: Any but NMI.
 */
void __kpkeys_lazy_end(void)
{
	guard(irqsave)();

	if (!in_task())
		return;
	if (this_cpu_read(kpkeys_lazy.pending))
		flush(this_cpu_ptr(&kpkeys_lazy));
	this_cpu_write(kpkeys_lazy.active, false);
}
EXPORT_SYMBOL_GPL(__kpkeys_lazy_end);

/**
 * __kpkeys_lazy_flush_entry() - kpkeys_lazy_flush_entry(), if there may be something to write
 * @entryp: The entry
 *
 * Context: Any but NMI.
 */
void __kpkeys_lazy_flush_entry(const void *entryp)
{
	guard(irqsave)();

	if (in_task() && this_cpu_read(kpkeys_lazy.pending) &&
	    window_of(this_cpu_ptr(&kpkeys_lazy), entryp))
		flush(this_cpu_ptr(&kpkeys_lazy));
}
EXPORT_SYMBOL_GPL(__kpkeys_lazy_flush_entry);

/*
 * Whether the entries of a table can wait. Those of the linear map, as KFENCE has them, are used
 * at once, and only a lazy MMU section of the kernel's tells when one of the vmalloc area is.
 */
static bool can_wait(const struct mm_struct *mm, unsigned long addr, const void *entryp)
{
	if (mm == &init_mm && !is_vmalloc_addr((void *)addr))
		return false;
	/* Code for large pages writes entries of all levels as PTEs. */
	return kpkeys_frame_type(arch_kpkeys_entry_pfn(entryp)) == KPKEYS_FRAME_PTE;
}

/* Whether this is part of the lazy MMU section of this CPU. */
static __always_inline bool is_section(const struct kpkeys_lazy *lazy)
{
	return likely(lazy->active && in_task());
}

/* Make a window that an entry is in. Returns false if it has to be written at once. */
static noinline bool open_window(struct mm_struct *mm, unsigned long addr, const void *entryp)
{
	struct kpkeys_lazy *lazy;
	unsigned int i;

	guard(preempt)();

	lazy = this_cpu_ptr(&kpkeys_lazy);
	if (!is_section(lazy) || !can_wait(mm, addr, entryp))
		return false;

	for (i = 0; i < NR_WINDOWS; i++)
		if (!lazy->windows[i].start)
			break;
	if (i == NR_WINDOWS) {
		__kpkeys_lazy_flush();
		i = 0;
	}
	lazy->windows[i].start = (unsigned long)entryp;
	lazy->windows[i].end = (unsigned long)entryp;
	lazy->pending = true;
	return true;
}

/* The window that an entry is in, NULL if there is none. Preemption is disabled. */
static __always_inline struct kpkeys_lazy_window *this_window(const void *entryp)
{
	struct kpkeys_lazy *lazy = this_cpu_ptr(&kpkeys_lazy);

	return is_section(lazy) ? window_of(lazy, entryp) : NULL;
}

static __always_inline void note_value(struct kpkeys_lazy_window *w, const void *entryp, u64 val)
{
	unsigned long addr = (unsigned long)entryp;

	w->values[entry_index(entryp)] = val;
	if (addr >= w->end) {
		w->end = addr + sizeof(u64);
		if (raw_cpu_read(kpkeys_lazy.end) < w->end)
			raw_cpu_write(kpkeys_lazy.end, w->end);
	} else if (addr < w->start) {
		w->start = addr;
	}
}

static __always_inline bool noted_value(const struct kpkeys_lazy_window *w, const void *entryp,
					u64 *val)
{
	u64 noted = READ_ONCE(w->values[entry_index(entryp)]);

	if (noted == KPKEYS_LAZY_NOTHING)
		return false;
	if (noted == KPKEYS_LAZY_WRPROTECT)
		noted = pte_val(pte_wrprotect(__pte(READ_ONCE(*(const u64 *)entryp))));
	*val = noted;
	return true;
}

/**
 * __kpkeys_lazy_set() - kpkeys_lazy_set() in a lazy MMU section
 * @mm: The mm
 * @addr: The address
 * @entryp: The PTE
 * @val: Its value
 *
 * Context: Any but NMI.
 * Return: false if it has to be set now
 */
bool __kpkeys_lazy_set(struct mm_struct *mm, unsigned long addr, void *entryp, u64 val)
{
	struct kpkeys_lazy_window *w;

	do {
		preempt_disable();
		w = this_window(entryp);
		if (likely(w))
			note_value(w, entryp, val);
		preempt_enable();
		if (likely(w))
			return true;
	} while (open_window(mm, addr, entryp));
	return false;
}
EXPORT_SYMBOL_GPL(__kpkeys_lazy_set);

static __always_inline void note_wrprotect(struct kpkeys_lazy_window *w, const void *entryp)
{
	u64 val = w->values[entry_index(entryp)];

	if (val != KPKEYS_LAZY_NOTHING && val != KPKEYS_LAZY_WRPROTECT)
		val = pte_val(pte_wrprotect(__pte(val)));
	else
		val = KPKEYS_LAZY_WRPROTECT;
	note_value(w, entryp, val);
}

/**
 * __kpkeys_lazy_wrprotect() - kpkeys_lazy_wrprotect() in a lazy MMU section
 * @mm: The mm
 * @addr: The address
 * @entryp: The PTE
 *
 * Context: Any but NMI.
 * Return: false if it has to be done now
 */
bool __kpkeys_lazy_wrprotect(struct mm_struct *mm, unsigned long addr, void *entryp)
{
	struct kpkeys_lazy_window *w;

	do {
		preempt_disable();
		w = this_window(entryp);
		if (likely(w))
			note_wrprotect(w, entryp);
		preempt_enable();
		if (likely(w))
			return true;
	} while (open_window(mm, addr, entryp));
	return false;
}
EXPORT_SYMBOL_GPL(__kpkeys_lazy_wrprotect);

/* Whether no other CPU, nor a device, uses the entries of an mm. */
static bool is_exclusive(struct mm_struct *mm, bool full)
{
	return full || mm == &init_mm ||
	       (mm && mm == current->mm && atomic_read(&mm->mm_users) == 1 &&
		!mm_has_notifiers(mm));
}

static __always_inline u64 note_clear(struct kpkeys_lazy_window *w, const void *entryp)
{
	u64 val;

	if (!noted_value(w, entryp, &val))
		val = READ_ONCE(*(const u64 *)entryp);
	note_value(w, entryp, 0);
	return val;
}

/**
 * __kpkeys_lazy_get_and_clear() - kpkeys_lazy_get_and_clear() in a lazy MMU section
 * @mm: The mm
 * @addr: The address
 * @entryp: The PTE
 * @full: Nobody uses the mm any more
 * @val: Where to store its value before
 *
 * Context: Any but NMI.
 * Return: false if it has to be cleared now
 */
bool __kpkeys_lazy_get_and_clear(struct mm_struct *mm, unsigned long addr, void *entryp,
				 bool full, u64 *val)
{
	struct kpkeys_lazy_window *w;

	if (!is_exclusive(mm, full)) {
		kpkeys_lazy_flush_entry(entryp);
		return false;
	}

	do {
		preempt_disable();
		w = this_window(entryp);
		if (likely(w))
			*val = note_clear(w, entryp);
		preempt_enable();
		if (likely(w))
			return true;
	} while (open_window(mm, addr, entryp));
	return false;
}
EXPORT_SYMBOL_GPL(__kpkeys_lazy_get_and_clear);

/**
 * __kpkeys_lazy_get() - kpkeys_lazy_get(), if there may be something to write
 * @entryp: The entry
 * @val: Where to store its value
 *
 * Context: Any.
 * Return: false if this CPU has not to write it
 */
bool __kpkeys_lazy_get(const void *entryp, u64 *val)
{
	const struct kpkeys_lazy_window *w;

	guard(preempt_notrace)();

	if (!raw_cpu_read(kpkeys_lazy.pending))
		return false;
	w = window_of(raw_cpu_ptr(&kpkeys_lazy), entryp);
	return w && noted_value(w, entryp, val);
}
EXPORT_SYMBOL_GPL(__kpkeys_lazy_get);

/**
 * kpkeys_lazy_init() - Let setters of lazy MMU sections write later
 *
 * Unless kpkeys_lazy=off, or there is no memory for it: then each writes at once.
 *
 * Context: Boot CPU, before others are started; page tables are protected.
 */
void __init kpkeys_lazy_init(void)
{
	unsigned int cpu, i;
	u64 *values;

	if (!lazy_requested)
		return;

	values = kcalloc(nr_cpu_ids, NR_WINDOWS * WINDOW_SIZE, GFP_KERNEL);
	if (!values)
		return;
	memset64(values, KPKEYS_LAZY_NOTHING, nr_cpu_ids * NR_WINDOWS * NR_ENTRIES);
	for_each_possible_cpu(cpu) {
		for (i = 0; i < NR_WINDOWS; i++, values += NR_ENTRIES)
			per_cpu(kpkeys_lazy.windows[i].values, cpu) = values;
	}
	static_branch_enable(&kpkeys_lazy_key);
}
