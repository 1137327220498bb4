/* SPDX-License-Identifier: GPL-2.0-only */
/* Values that are followed through instructions. */
#include "x86-insns.S"

/* A byte at a time, as gcc -Os does. */
GOOD(byte_and_or)
	READ
	mov %eax, %ebx
	and $0xc0, %al
	or $PGTABLES, %al
	WRITE
	CLOSE_OLD
	ret

GOOD(byte_mov)
	READ
	mov %eax, %ebx
	mov $0, %al
	mov %ebx, %eax
	and $KEEP, %eax
	or $DEFAULT, %eax
	WRITE
	ret

BAD(byte_mov_context, the register with bits 0xff set to 0x28, as in no context)
	READ
	mov $DEFAULT, %al
	WRITE
	ret

/* The second byte is another one. */
BAD(second_byte, the result of or)
	READ
	and $0xc0, %ah
	or $PGTABLES, %ah
	WRITE
	SWITCH(DEFAULT)
	ret

/* The half of each is in the other. */
BAD(xchg_part, the result of xchg)
	READ
	mov %eax, %edi
	mov %esi, %ebx
	xchg %bx, %di
	RESTORE
	ret

BAD(cmov_good_or_bad, what the function was called with in %rdi)
	READ
	mov %edi, %ebx
	cmp $1, %esi
	cmove %eax, %ebx
	CLOSE_OLD
	ret

BAD(all_bits_of_or, a constant, 0xffffffff)
	or $-1, %eax
	WRITE
	ret
