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

#ifdef MSR
#define READ		mov $0x6e1, %ecx; rdmsr
#define WRITE		mov $0x6e1, %ecx; xor %edx, %edx; wrmsr
#else
#define READ		xor %ecx, %ecx; rdpkru
#define WRITE		xor %ecx, %ecx; xor %edx, %edx; wrpkru
#endif

/* CLOSE takes the value from %eax. SWITCH() leaves the old one in %ebx, for RESTORE and CLOSE_OLD. */
#define SWITCH(ctx)	READ; mov %eax, %ebx; and $KEEP, %eax; or $ctx, %eax; WRITE
#define RESTORE		mov %ebx, %eax; WRITE
#define CLOSE		and $KEEP, %eax; or $DEFAULT, %eax; WRITE
#define CLOSE_OLD	mov %ebx, %eax; CLOSE

#define THROUGH(reg, ...)	READ; mov %rax, %reg; __VA_ARGS__; mov %reg, %rax; WRITE; ret
#define SLOT			0x20(%rsp)
#define THROUGH_SLOT(...)	READ; mov %eax, SLOT; __VA_ARGS__; mov SLOT, %eax; WRITE; ret

#include "cases.h"
