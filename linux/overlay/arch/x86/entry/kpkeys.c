// SPDX-License-Identifier: GPL-2.0-only
/* kpkeys on x86: the pkey register, and exceptions that interrupt its functions. */

#include <linux/align.h>
#include <linux/compiler.h>
#include <linux/export.h>
#include <linux/init.h>
#include <linux/kpkeys_arch.h>
#include <linux/percpu.h>
#include <asm/cpufeature.h>
#include <asm/pks.h>
#include <asm/ptrace.h>
#include <asm/tlbflush.h>

DEFINE_PER_CPU(unsigned int, x86_kpkeys_hint);
EXPORT_PER_CPU_SYMBOL_GPL(x86_kpkeys_hint);

/**
 * x86_supports_kpkeys() - Does the boot CPU support kpkeys?
 *
 * It needs PKS, and FSGSBASE, which tells CPUs apart without memory.
 *
 * Context: After early_cpu_init().
 * Return: true if it does
 */
bool x86_supports_kpkeys(void)
{
	return pks_supported() && boot_cpu_has(X86_FEATURE_FSGSBASE);
}

/**
 * x86_kpkeys_init() - Enable PKS for kpkeys
 *
 * Context: Boot CPU, interrupts disabled, before others are started.
 * Return: false if the CPU does not support kpkeys
 */
bool __init x86_kpkeys_init(void)
{
	if (!x86_supports_kpkeys())
		return false;

	/* identify_boot_cpu() would do it later. */
	cr4_set_bits(X86_CR4_FSGSBASE);
	return pks_enable();
}

/* kpkeys_64.S: a function for each context, and one for CPUs that start */
extern const char x86_kpkeys_writes_start[];

/**
 * x86_kpkeys_exception_exit() - Return to the section that an exception interrupted
 * @regs: The registers that the exception has saved
 *
 * If it has interrupted a function that writes the pkey register, the general
 * registers that this function has loaded were in memory in between. Let it start
 * again: it keeps nothing, and may write twice.
 *
 * Context: Exception exit to kernel mode, including NMI; from assembly code, with the
 * stack pointer as argument.
 */
asmlinkage noinstr void x86_kpkeys_exception_exit(struct pt_regs *regs)
{
	unsigned long start = (unsigned long)x86_kpkeys_writes_start;

	if (regs->ip - start < (KPKEYS_NR_CTX + 1) * X86_KPKEYS_WRITE_SIZE)
		regs->ip = ALIGN_DOWN(regs->ip, X86_KPKEYS_WRITE_SIZE);

	kpkeys_exception_exit(regs);
}
