// SPDX-License-Identifier: GPL-2.0-only
/*
 * kpkeys on UML, kernel side. PKRU of the host CPU is the pkey register; the
 * host enforces it on UML's mapping of its physical memory.
 */

#include <linux/init.h>
#include <linux/interrupt.h>
#include <linux/kpkeys.h>
#include <linux/mm.h>
#include <linux/panic.h>
#include <linux/pgtable.h>
#include <linux/printk.h>
#include <linux/ptrace.h>
#include <linux/sched/debug.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <asm/sections.h>
#include <arch.h>
#include <as-layout.h>
#include <kern_util.h>
#include <kpkeys_os.h>
#include "../../../mm/kpkeys/kpkeys.h"

/**
 * um_kpkeys_init() - Take pkeys of the host into use
 *
 * Context: Boot CPU, before the first host thread is started.
 * Return: false if the host has none to give.
 */
bool __init um_kpkeys_init(void)
{
	int err;

	/* Both sides have a value that the other one knows as a constant. */
	BUILD_BUG_ON(kpkeys_ctx_table[KPKEYS_CTX_DEFAULT] & ~KPKEYS_REG_MASK);

	err = os_kpkeys_init(KPKEYS_NR_PKEYS);
	if (err)
		pr_info("kpkeys: the host has no protection keys to give (error %d)\n",
			err);
	return !err;
}

/**
 * arch_set_memory_pkey() - Tag pages of UML's physical memory
 * @addr: Start of the pages, page-aligned, in the linear map
 * @nr_pages: Number of pages
 * @pkey: The pkey
 *
 * Context: Any; a system call of the host.
 * Return: 0 or a negative error number
 */
int arch_set_memory_pkey(unsigned long addr, int nr_pages, int pkey)
{
	/* Above the kernel image, setup_physmem() maps all memory executable. */
	return os_set_memory_pkey((void *)addr, (unsigned long)nr_pages << PAGE_SHIFT,
				  addr >= uml_reserved, pkey);
}

int arch_kpkeys_walk_ranges(int pkey, kpkeys_range_fn fn, void *arg)
{
	return os_walk_pkey_ranges(pkey, fn, arg);
}

#ifdef CONFIG_KPKEYS_HARDENED_PGTABLES
int __init arch_kpkeys_protect_static_pgtables(void)
{
	return kpkeys_protect_static_pgtable(swapper_pg_dir,
					     sizeof(swapper_pg_dir) >> PAGE_SHIFT);
}
#endif

/* Runs on the stack of the task that faulted, in place of what it did. */
static void __noreturn kpkeys_die(void)
{
	/* What it had opened has come back with the return from the signal. */
	kpkeys_set_context(KPKEYS_CTX_DEFAULT);

	if (in_interrupt())
		panic("Fatal exception in interrupt");
	if (panic_on_oops)
		panic("Fatal exception");

	make_task_dead(SIGSEGV);
}

/**
 * um_kpkeys_segv() - Handle a fault of the kernel that a pkey caused
 * @si: The host's siginfo
 * @fi: Address and error code of the fault
 * @regs: Registers
 * @mc: The host's mcontext_t
 *
 * A violation ends the task, as an oops does elsewhere, instead of all of UML:
 * the memory was not changed, and a protection that turns a stray write into a
 * panic would not be left on.
 *
 * Return: non-zero if the fault was such a one and has been dealt with.
 */
int um_kpkeys_segv(struct siginfo *si, struct faultinfo *fi,
		   struct uml_pt_regs *regs, void *mc)
{
	struct pt_regs *pt_regs = container_of(regs, struct pt_regs, regs);

	if (UPT_IS_USER(regs) || !mc || si->si_code != SEGV_PKUERR)
		return 0;

	if (current->pagefault_disabled && current->thread.segv_continue) {
		mc_set_rip(mc, current->thread.segv_continue);
		current->thread.segv_continue = NULL;
		return 1;
	}

	current->thread.segv_regs = pt_regs;

	oops_enter();
	bust_spinlocks(1);
	kpkeys_report_fault(FAULT_ADDRESS(*fi), FAULT_WRITE(*fi), si->si_pkey,
			    os_mc_pkru(mc));
	show_regs(pt_regs);
	show_stack(NULL, NULL, KERN_ALERT);
	bust_spinlocks(0);
	add_taint(TAINT_DIE, LOCKDEP_NOW_UNRELIABLE);
	oops_exit();

	current->thread.segv_regs = NULL;
	os_mc_call(mc, kpkeys_die);
	return 1;
}
