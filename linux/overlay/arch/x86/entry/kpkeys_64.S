/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kpkeys: what writes the pkey register.
 *
 * Between the first MOV and WRMSR, the number of an MSR and its new value are in
 * general registers. An interrupt saves those in memory, where an attacker can change
 * them. So whatever interrupts one of these functions returns to its beginning, see
 * x86_kpkeys_exception_exit(). They have nothing else to do than that, take no
 * arguments, and use no stack.
 */

#include <linux/export.h>
#include <linux/kpkeys_table.h>
#include <linux/linkage.h>
#include <linux/objtool.h>
#include <asm/asm-offsets.h>
#include <asm/msr-index.h>
#include <asm/pks.h>

/* Modules may switch to a context, or not, as the table says. */
.macro KPKEYS_WRITE name:req value:req modules:req
	.balign X86_KPKEYS_WRITE_SIZE, 0xcc
SYM_FUNC_START_NOALIGN(x86_kpkeys_write_\name)
	ANNOTATE_NOENDBR
	movl	$MSR_IA32_PKRS, %ecx
	xorl	%edx, %edx
	movl	$\value, %eax
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
	.balign X86_KPKEYS_WRITE_SIZE, 0xcc
