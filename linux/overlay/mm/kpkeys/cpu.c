// SPDX-License-Identifier: GPL-2.0-only
/*
 * kpkeys: rounds through all CPUs.
 *
 * What a page frame may be used for changes while other CPUs have it in a TLB, have it
 * loaded as a root, or have looked at it before they write. So each of them has to take part
 * in a round. Which CPUs there are is not what cpu_online_mask says: whoever can write to it
 * can hide one. Each CPU notes in protected memory that it runs, and what it has taken part
 * in.
 */

#include <kunit/static_stub.h>
#include <linux/atomic.h>
#include <linux/jiffies.h>
#include <linux/kpkeys_arch.h>
#include <linux/kpkeys_pgtables.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <asm/tlbflush.h>
#include "frame.h"
#include "kpkeys.h"

/**
 * struct rounds - Rounds through all CPUs
 * @last: The last one that has begun
 * @cpus: Indexed as kpkeys_interrupted
 * @cpus.begun: The round that this CPU is in
 * @cpus.done: The last one that it has taken part in
 * @cpus.online: It can write to page tables
 *
 * In memory that carries KPKEYS_PKEY_PGTABLES.
 */
struct rounds {
	atomic_long_t last;
	struct kpkeys_cpu {
		long begun;
		long done;
		bool online;
	} cpus[];
};

static struct rounds *rounds __ro_after_init;

/* Found by what the CPU is, and not by its number. All possible CPUs have a record. */
static struct kpkeys_cpu *this_cpu(void)
{
	return &rounds->cpus[kpkeys_this_cpu_interrupted() - kpkeys_interrupted];
}

/**
 * kpkeys_cpus_init() - Set up the rounds
 *
 * Context: Boot CPU, before others are started, after kpkeys_exceptions_init().
 * Return: 0 or -ENOMEM
 */
int __init kpkeys_cpus_init(void)
{
	struct rounds *r = kpkeys_alloc_meta(struct_size(r, cpus, nr_cpu_ids));

	if (!r)
		return -ENOMEM;
	rounds = r;
	kpkeys_cpu_starting();
	return 0;
}

/**
 * kpkeys_cpu_starting() - This CPU can write to page tables from now on
 *
 * Context: CPU that starts, interrupts disabled.
 */
void kpkeys_cpu_starting(void)
{
	if (!rounds)
		return;
	kpkeys_pgtables_write(WRITE_ONCE(this_cpu()->online, true));
	/* Either it is in the rounds that have begun, or it does what they would do. */
	smp_mb();
	arch_kpkeys_flush_tlb();
}

/**
 * kpkeys_cpu_dead() - This CPU does not write to page tables any more
 *
 * Context: Idle thread of a CPU that goes offline.
 */
void kpkeys_cpu_dead(void)
{
	if (!rounds)
		return;
	/* Whoever sees that it is offline sees all that it has written. */
	kpkeys_pgtables_write(smp_store_release(&this_cpu()->online, false));
}

/*
 * On each CPU, with interrupts disabled. What is in memory meanwhile, and could be changed, is
 * read again from where it is protected.
 */
static void take_part(void *unused)
{
	/* It may be about to write. */
	if (kpkeys_in_interrupted_section())
		return;

	kpkeys_pgtables_write(this_cpu()->begun = atomic_long_read(&rounds->last));
	/* What the round is about has been written before it began. */
	smp_mb();
	kpkeys_frame_keep_loaded_root();
	arch_kpkeys_flush_tlb();
	/* Whoever sees that sees all that it has written. */
	kpkeys_pgtables_write(smp_store_release(&this_cpu()->done, this_cpu()->begun));
}

/* In the last round. */
static bool all_took_part(void)
{
	unsigned int i;

	for (i = 0; i < kpkeys_nr_interrupted; i++) {
		const struct kpkeys_cpu *cpu = &rounds->cpus[i];

		/* Pairs with kpkeys_cpu_dead(). */
		if (!smp_load_acquire(&cpu->online))
			continue;
		/* Pairs with take_part(). */
		if (smp_load_acquire(&cpu->done) != atomic_long_read(&rounds->last))
			return false;
	}
	return true;
}

/**
 * kpkeys_call_cpus() - Run a function on all CPUs
 * @fn: The function
 * @end: Until when, in jiffies, it can take to reach them all
 *
 * on_each_cpu(), which tests can make forget some.
 *
 * Return: whether there is time to do so again
 */
bool kpkeys_call_cpus(smp_call_func_t fn, unsigned long end)
{
#ifdef CONFIG_KPKEYS_KUNIT_TEST
	KUNIT_STATIC_STUB_REDIRECT(kpkeys_call_cpus, fn, end);
#endif
	on_each_cpu(fn, NULL, true);
	return time_before(jiffies, end);
}

/**
 * kpkeys_frames_sync() - Wait until all CPUs have noticed changes of types
 *
 * When this returns, each CPU was seen outside of sections that can write to page tables, and
 * has flushed its TLB. So a setter that had checked a type before it was changed has written,
 * and no CPU has what no page table has any more. Unused roots that are loaded are not about
 * to become free any more.
 *
 * Those that go offline are outside, those that come online see the change. So CPU hotplug,
 * which allocates page tables, is not locked.
 *
 * Context: Process context; may sleep.
 * Return: false, and a violation, if a CPU does not take part
 */
bool kpkeys_frames_sync(void)
{
	/* The others take part at once, or as soon as a section has ended. */
	unsigned long end = jiffies + 10 * HZ;
	bool more;

	if (!rounds) {
		arch_kpkeys_flush_tlb();
		return true;
	}

	/*
	 * Fully ordered: who takes part sees what was written before, and who started before
	 * is seen.
	 */
	kpkeys_pgtables_write(atomic_long_inc_return(&rounds->last));
	do {
		more = kpkeys_call_cpus(take_part, end);
		/* In a later round, if one has begun. */
		if (all_took_part())
			return true;
		cond_resched();
	} while (more);

	kpkeys_report_violation("CPU that is online does not answer", PHYS_PFN(__pa(rounds)),
				KPKEYS_FRAME_META);
	kpkeys_kill_current();
	return false;
}
