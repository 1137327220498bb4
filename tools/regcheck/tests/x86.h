/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What cases of um and x86_64 have in common. The contexts: pkey 0 is open, 1 and 2 are read-only
 * (default), 2 is (page tables), 1 is (test). MASK has their bits, KEEP has the others, as an
 * immediate.
 */
#define DEFAULT		0x28
#define PGTABLES	0x20
#define TEST		0x08
#define KEEP		-0x40
#ifndef VALUES
#define VALUES		DEFAULT, PGTABLES, TEST
#define VALUES_SIZE	24
#endif
#ifndef MASK
#define MASK		0x3f
#endif

#define SLOT			0x20(%rsp)

#ifdef MSR
/* The number and the name of a context are needed, and so arguments that have not been expanded. */
#define VALUE_DEFAULT	0x28
#define VALUE_PGTABLES	0x20
#define VALUE_TEST	0x08
#ifndef OTHERS
#define OTHERS		0x55555540
#endif
#define READ		mov $0x6e1, %ecx; rdmsr
#define SWITCH(ctx)	call x86_kpkeys_write_##ctx
#define CLOSE		SWITCH(DEFAULT)
#define CLOSE_OLD	SWITCH(DEFAULT)
#define IF_NOT(ctx, end)	READ; and $0x3f, %eax; cmp $VALUE_##ctx, %eax; je end;	\
				call x86_kpkeys_write_##ctx

/* What is followed is the number of an MSR. */
#define THROUGH(reg, ...)	mov $0x6e1, %reg; __VA_ARGS__; mov %reg, %rcx; wrmsr; ret
#define THROUGH_SLOT(...)	movl $0x6e1, SLOT; __VA_ARGS__; mov SLOT, %ecx; wrmsr; ret

/* The functions that write the register: WRITER(name, END), with WRITE_OF(value) in between. */
#define WRITES_START	.section .noinstr.text, "ax"; .p2align 6, 0xcc;			\
			.globl x86_kpkeys_writes_start; x86_kpkeys_writes_start:
#define WRITER(name)	.p2align 6, 0xcc; .globl x86_kpkeys_write_##name; x86_kpkeys_write_##name:
#define LOAD_ALL(ctx)	mov $0x6e1, %ecx; xor %edx, %edx; mov $(OTHERS | ctx), %eax
#define WRITE_OF(ctx)	LOAD_ALL(ctx); wrmsr
/* With bits from memory: a field of the current task. The assembler takes short immediates if it can. */
#define LOAD_RIGHTS	mov $0x6e1, %ecx; xor %edx, %edx; mov %gs:0x10(%rip), %rax; mov 0x930(%rax), %eax
#define RIGHTS_OF(ctx)	LOAD_RIGHTS; and $KEEP, %eax; xor $(OTHERS | ctx), %eax; wrmsr
#define WRITES_END	.p2align 6, 0xcc; .text
#ifndef OWN_WRITERS
WRITES_START
WRITER(DEFAULT)		WRITE_OF(DEFAULT); ret
WRITER(PGTABLES)	WRITE_OF(PGTABLES); ret
WRITER(TEST)		WRITE_OF(TEST); ret
WRITES_END
#endif
#else
#define READ		xor %ecx, %ecx; rdpkru
#define WRITE		xor %ecx, %ecx; xor %edx, %edx; wrpkru

/* CLOSE takes the value from %eax. SWITCH() leaves the old one in %ebx, for RESTORE and CLOSE_OLD. */
#define SWITCH(ctx)	READ; mov %eax, %ebx; and $KEEP, %eax; or $ctx, %eax; WRITE
#define RESTORE		mov %ebx, %eax; WRITE
#define CLOSE		and $KEEP, %eax; or $DEFAULT, %eax; WRITE
#define CLOSE_OLD	mov %ebx, %eax; CLOSE

/* Without a switch if nothing is to be changed, as compilers make it. */
#define IF_NOT(ctx, end)						\
	READ; mov %eax, %ebx; and $KEEP, %eax; or $ctx, %eax;		\
	cmp %rax, %rbx; je end; WRITE

#define THROUGH(reg, ...)	READ; mov %rax, %reg; __VA_ARGS__; mov %reg, %rax; WRITE; ret
#define THROUGH_SLOT(...)	READ; mov %eax, SLOT; __VA_ARGS__; mov SLOT, %eax; WRITE; ret
#endif

#include "cases.h"
