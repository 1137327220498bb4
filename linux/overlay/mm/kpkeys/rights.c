// SPDX-License-Identifier: GPL-2.0-only
/*
 * kpkeys: the rights of threads to keys of drivers.
 *
 * What a thread may do with memory of pkeys that kpkeys does not manage is in its
 * task_struct, as the bits of the register that differ from those that allow nothing.
 * That is ordinary memory, so it is not trusted with a managed pkey:
 * kpkeys_load_rights() is all that turns it into bits of the register, and takes those
 * of managed pkeys from constants.
 *
 * The register has a thread's rights while the thread runs in the kernel. Exceptions,
 * softirqs and user mode suspend them. Whatever writes the register reads the rights
 * that are in force from the task_struct, so these are cleared first, and set last.
 */

#include <linux/compiler.h>
#include <linux/irqflags.h>
#include <linux/kpkeys_arch.h>
#include <linux/sched.h>

/*
 * Write @ctx, and the rights of the code that runs. What is read from memory decides
 * about no managed pkey: its bits are masked out in the end.
 */
static __always_inline void load_rights(const int ctx)
{
#ifdef arch_kpkeys_write_context
	arch_kpkeys_write_context(ctx);
	kpkeys_count_reg_write();
#else
	u64 reg;

	/* An interrupt right before the write has had the value in memory: look. */
	do {
		reg = READ_ONCE(current->kpkeys.rights) ^ ARCH_KPKEYS_NONE;
		/* Nor may the compiler put anything between the mask and the write. */
		OPTIMIZER_HIDE_VAR(reg);
		arch_kpkeys_write_reg((reg & ~(u64)KPKEYS_REG_MASK) | kpkeys_ctx_table[ctx]);
		kpkeys_count_reg_write();
	} while (!__kpkeys_is_context(ctx));
#endif
}

static __always_inline bool load_rights_in(const int ctx)
{
	bool is_context = __kpkeys_is_context(ctx);

	/*
	 * The compiler must not know that what it has read is the constant: it would
	 * write that, and an interrupt may have had it in memory.
	 */
	OPTIMIZER_HIDE_VAR(is_context);
	if (is_context)
		load_rights(ctx);
	return is_context;
}

#define LOAD_RIGHTS_IN(name, ...)	load_rights_in(KPKEYS_CTX_##name) ||

/**
 * kpkeys_load_rights() - Let the register have the rights of the code that runs
 *
 * The context stays what it is. With what is no context, it becomes the default one.
 *
 * Context: Any, interrupts disabled; may not be instrumented.
 */
noinstr void kpkeys_load_rights(void)
{
	if (!(KPKEYS_CONTEXTS(LOAD_RIGHTS_IN) false))
		load_rights(KPKEYS_CTX_DEFAULT);
}

/**
 * kpkeys_suspend_rights() - Take its rights from what is interrupted
 * @frame: What interrupts it: the registers that an exception has saved, any address
 *	   of its own otherwise, NULL for user mode
 * @open: The register has the rights. The caller closes it.
 *
 * If too much has been interrupted already, it goes on without them.
 *
 * Context: Interrupts disabled, default context: which thread this is may be forged. May
 * not be instrumented.
 */
noinstr void kpkeys_suspend_rights(const void *frame, bool open)
{
	struct kpkeys_thread *thread = &current->kpkeys;
	u64 rights = thread->rights;
	unsigned int nr;

	/* An NMI from now on has nothing to suspend. */
	WRITE_ONCE(thread->rights, 0);
	barrier();
	nr = READ_ONCE(thread->nr);
	if (nr >= KPKEYS_MAX_SUSPENDED)
		return;
	thread->suspended[nr].frame = frame;
	thread->suspended[nr].rights = rights;
	thread->suspended[nr].open = open;
	barrier();
	WRITE_ONCE(thread->nr, nr + 1);
}

static __always_inline bool is_suspended(const struct kpkeys_thread *thread, unsigned int nr,
					 const void *frame)
{
	return nr && nr <= KPKEYS_MAX_SUSPENDED && thread->suspended[nr - 1].frame == frame;
}

/**
 * __kpkeys_resume_rights() - Give back what kpkeys_suspend_rights() has taken
 * @frame: As there
 *
 * If there was nothing to take, rights that there are have been left by the handler,
 * and end with it.
 *
 * Context: Interrupts disabled; may not be instrumented.
 */
noinstr void __kpkeys_resume_rights(const void *frame)
{
	struct kpkeys_thread *thread = &current->kpkeys;
	unsigned int nr = READ_ONCE(thread->nr);
	u64 left = thread->rights, rights = 0;
	bool open = false;

	if (is_suspended(thread, nr, frame)) {
		rights = thread->suspended[nr - 1].rights;
		open = thread->suspended[nr - 1].open;
		/* An NMI now has nothing to suspend, and later suspends these again. */
		WRITE_ONCE(thread->nr, nr - 1);
		barrier();
	}

	WRITE_ONCE(thread->rights, open ? rights : 0);
	if (open || left)
		kpkeys_load_rights();
	/* Of a thread that was about to get, or to lose them. */
	WRITE_ONCE(thread->rights, rights);
}

/**
 * kpkeys_suspended_rights() - The register bits of what an exception has interrupted
 * @frame: The registers that the exception has saved
 * @reg: The pkey register
 *
 * Context: Handler of the exception.
 * Return: the pkey register of what was interrupted, but for managed pkeys
 */
u64 kpkeys_suspended_rights(const void *frame, u64 reg)
{
	const struct kpkeys_thread *thread = &current->kpkeys;
	unsigned int nr = READ_ONCE(thread->nr);

	if (is_suspended(thread, nr, frame) && thread->suspended[nr - 1].open)
		reg = thread->suspended[nr - 1].rights ^ ARCH_KPKEYS_NONE;
	return reg;
}

/**
 * kpkeys_suspend_and_close() - Take its rights from the thread that handlers borrow
 * @frame: An address of the caller's
 *
 * Context: Interrupts disabled.
 */
void kpkeys_suspend_and_close(const void *frame)
{
	kpkeys_suspend_rights(frame, true);
	kpkeys_load_rights();
}

/**
 * kpkeys_suspend_rights_user() - Take rights from a thread that goes to user mode
 *
 * Its next system call has them again. Those that an exception from user mode has left
 * end here.
 *
 * Context: Exit to user mode, interrupts disabled.
 */
noinstr void kpkeys_suspend_rights_user(void)
{
	__kpkeys_ensure_context(KPKEYS_CTX_DEFAULT);
	if (!READ_ONCE(current->kpkeys.nr))
		kpkeys_suspend_rights(NULL, true);
	WRITE_ONCE(current->kpkeys.rights, 0);
	kpkeys_load_rights();
}

/**
 * kpkeys_resume_rights_user() - Give back rights in a system call
 *
 * Context: Entry of a system call.
 */
noinstr void kpkeys_resume_rights_user(void)
{
	unsigned long flags;

	raw_local_irq_save(flags);
	__kpkeys_resume_rights(NULL);
	raw_local_irq_restore(flags);
}

/**
 * __kpkeys_switched_thread() - Give a thread its rights again
 *
 * A key may be freed until interrupts are disabled.
 *
 * Context: Scheduler, preemption disabled; may not be instrumented.
 */
noinstr void __kpkeys_switched_thread(void)
{
	unsigned long flags;

	raw_local_irq_save(flags);
	kpkeys_load_rights();
	raw_local_irq_restore(flags);
}

/**
 * __kpkeys_drop_rights() - Take all rights from the calling thread
 *
 * Context: Any but NMI.
 */
void __kpkeys_drop_rights(void)
{
	guard(irqsave)();

	kpkeys_thread_init(current);
	kpkeys_load_rights();
}
