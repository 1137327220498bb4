/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kpkeys: what writes the pkey register.
 *
 * Between the first MOV and WRMSR, the number of an MSR and its new value are in
 * general registers. An interrupt saves those in memory, where an attacker can change
 * them. So whatever interrupts one of these functions returns to its beginning, see
 * x86_kpkeys_exception_exit(). They have nothing else to do than that, take no
 * arguments, and use no stack. What they read from memory decides only about keys of
 * drivers.
 */

#include <linux/export.h>
#include <linux/kpkeys_table.h>
#include <linux/linkage.h>
#include <linux/objtool.h>
#include <asm/asm-offsets.h>
#include <asm/msr-index.h>
#include <asm/percpu.h>
#include <asm/pks.h>

/*
 * Modules may switch to a context, or not, as the table says. A thread's rights to keys
 * of drivers are in memory: the bits that differ from those of a thread without any. The
 * bits of managed keys are masked out of them in the end.
 */
.macro KPKEYS_WRITE name:req value:req modules:req rights=1
	.balign X86_KPKEYS_WRITE_SIZE, 0xcc
SYM_FUNC_START_NOALIGN(x86_kpkeys_write_\name)
	ANNOTATE_NOENDBR
	movl	$MSR_IA32_PKRS, %ecx
	xorl	%edx, %edx
.if IS_ENABLED(CONFIG_KPKEYS_KEYS) && \rights
	movq	PER_CPU_VAR(current_task), %rax
	movl	TASK_kpkeys_rights(%rax), %eax
	andl	$X86_KPKEYS_RIGHTS_MASK, %eax
	xorl	$\value, %eax
.else
	movl	$\value, %eax
.endif
	wrmsr
	RET
SYM_FUNC_END(x86_kpkeys_write_\name)
.ifc \modules, true
	EXPORT_SYMBOL_GPL(x86_kpkeys_write_\name)
.endif
.endm

#define WRITE(name, label, writable, modules)	\
	KPKEYS_WRITE name X86_KPKEYS_REG_##name modules ASM_NL

	.section .noinstr.text, "ax"

	.balign X86_KPKEYS_WRITE_SIZE, 0xcc
SYM_INNER_LABEL(x86_kpkeys_writes_start, SYM_L_GLOBAL)
	KPKEYS_CONTEXTS(WRITE)
	/* For CPUs that start, or resume: they have no current task yet. */
	KPKEYS_WRITE INIT X86_KPKEYS_REG_DEFAULT false 0
	.balign X86_KPKEYS_WRITE_SIZE, 0xcc
