// SPDX-License-Identifier: GPL-2.0-only
/*
 * kpkeys on UML, kernel side. PKRU of the host CPU is the pkey register; the
 * host enforces it on UML's mapping of its physical memory.
 */

#include <linux/init.h>
#include <linux/interrupt.h>
#include <linux/kpkeys_arch.h>
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

/**
 * um_kpkeys_init() - Allocate pkeys from the host
 *
 * Context: Boot CPU, before the first host thread is started.
 * Return: false if the host does not provide enough pkeys.
 */
bool __init um_kpkeys_init(void)
{
	int err;

	/* The host side has the default value as a constant of its own. */
	BUILD_BUG_ON(kpkeys_ctx_table[KPKEYS_CTX_DEFAULT] & ~KPKEYS_REG_MASK);

	err = os_kpkeys_init(KPKEYS_NR_PKEYS);
	if (err)
		pr_info("kpkeys: the host provides no protection keys (error %d)\n",
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
	/* setup_physmem() maps all memory above the kernel image as executable. */
	return os_set_memory_pkey((void *)addr, (unsigned long)nr_pages << PAGE_SHIFT,
				  addr >= uml_reserved, pkey);
}

/**
 * arch_kpkeys_walk_ranges() - Visit the parts of physical memory with a pkey
 * @pkey: The pkey
 * @fn: Called for each range, as the host reports it
 * @arg: Passed to @fn
 *
 * Context: All other CPUs are stopped.
 * Return: 0, what @fn returned to end the walk, or a negative error number
 */
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

/* Runs on the faulting task's stack instead of returning to the faulting code. */
static void __noreturn kpkeys_die(void)
{
	/* The return from the signal has restored the context that faulted. */
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
 * A violation ends the task, as an oops does on other architectures, instead of
 * all of UML: the memory was not changed.
 *
 * Context: Signal handler of a fault, in the default context.
 * Return: non-zero if the fault was a pkey violation and has been handled.
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
