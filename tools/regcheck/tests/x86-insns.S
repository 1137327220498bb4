/* SPDX-License-Identifier: GPL-2.0-only */
/* Values that are followed through instructions. */
#include "x86.h"

KEEPS(rbx, mov %rbx, %r12; mov %r12, %rbx)
KEEPS(rbx, push %rbx; xor %ebx, %ebx; pop %rbx)
KEEPS(rbx, push %rdi; push %rbx; xor %ebx, %ebx; pop %rbx; pop %rdi)
KEEPS(rbx, sub $0x18, %rsp; mov %ebx, 8(%rsp); xor %ebx, %ebx; mov 8(%rsp), %ebx; add $0x18, %rsp)
KEEPS(rbx, lea -0x18(%rsp), %rsp; mov %ebx, 8(%rsp); add $8, %rsp; mov (%rsp), %ebx)
KEEPS(rbx, mov %ebx, -8(%rbp); xor %ebx, %ebx; mov -8(%rbp), %ebx)
KEEPS(rbx, xchg %rbx, %r12; xchg %r12, %rbx)
KEEPS(rbx, call unknown)
KEEPS(rbx, and $-1, %ebx)
KEEPS(rbx, or $0, %ebx)
KEEPS(rbx, mov %ebx, %r12d; cmp $1, %edi; cmove %r12d, %ebx)
KEEPS(rbx, add $0, %r12; lea (%rbx), %r12)

CHANGES(rbx, push %rdi; push %rbx; pop %rdi; pop %rbx)
CHANGES(rbx, push %rbx; pop %bx)
CHANGES(rbx, mov %rbx, %r12; mov %rdi, %r12; mov %r12, %rbx)
CHANGES(rbx, xchg %rbx, %rdi)
CHANGES(rbx, xchg %rdi, %rbx)
CHANGES(rbx, xchg %bx, %di)
CHANGES(rbx, cmp $1, %edi; cmove %edi, %ebx)
CHANGES(rbx, and $-2, %ebx)
CHANGES(rbx, or $1, %ebx)
CHANGES(rbx, and %edi, %ebx)
CHANGES(rbx, or (%rdi), %ebx)
CHANGES(rbx, or $1, %bl)
CHANGES(rbx, and $1, %bl)
CHANGES(rbx, mov $1, %bl)
CHANGES(rbx, mov $1, %bh)
CHANGES(rbx, xor %bl, %bl)
CHANGES(rbx, mov %dil, %bl)
CHANGES(rbx, mov $1, %bx)
CHANGES(rbx, xor %bx, %bx)
CHANGES(rbx, xor %ebx, %ebx)
CHANGES(rbx, mov %ebx, -8(%rbp); mov %rsp, %rbp; mov -8(%rbp), %ebx)
CHANGES(rbx, mov %ebx, -8(%rbp); leave; mov -8(%rbp), %ebx)
CHANGES(rbp, leave)

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

/* ---- stack slots */

SLOT_KEEPS(nop)
SLOT_KEEPS(mov %edi, 0x24(%rsp))
SLOT_KEEPS(mov %rdi, 0x18(%rsp))
SLOT_KEEPS(mov %edi, 0x1c(%rsp))
SLOT_KEEPS(mov %al, 0x1f(%rsp))
SLOT_KEEPS(mov %rdi, 0x24(%rsp))
SLOT_KEEPS(movups %xmm0, 0x10(%rsp))
SLOT_KEEPS(movups %xmm0, 0x24(%rsp))
SLOT_KEEPS(push %rdi; pop %rdi)
SLOT_KEEPS(pushf; popf)
SLOT_KEEPS(sub $0x80, %rsp; mov %rdi, 0x20(%rsp); add $0x80, %rsp)
SLOT_KEEPS(sub $-0x80, %rsp; add $-0x80, %rsp)
SLOT_KEEPS(lea -8(%rsp), %rsp; lea 8(%rsp), %rsp)
SLOT_KEEPS(cmp %rsp, %rdi)
SLOT_KEEPS(test %rsp, %rsp)
SLOT_KEEPS(cmpl $1, SLOT)
SLOT_KEEPS(call unknown)
SLOT_KEEPS(cltq)
SLOT_KEEPS(xchg %rdi, %rsi)

SLOT_CHANGES(mov %edi, SLOT)
SLOT_CHANGES(mov %rdi, SLOT)
SLOT_CHANGES(mov %di, SLOT)
SLOT_CHANGES(mov %al, SLOT)
SLOT_CHANGES(movb $1, SLOT)
SLOT_CHANGES(movw $1, SLOT)
SLOT_CHANGES(movl $1, SLOT)
SLOT_CHANGES(movq $1, SLOT)
SLOT_CHANGES(mov %al, 0x21(%rsp))
SLOT_CHANGES(mov %al, 0x23(%rsp))
SLOT_CHANGES(mov %rdi, 0x1c(%rsp))
SLOT_CHANGES(mov %edi, 0x1e(%rsp))
SLOT_CHANGES(movups %xmm0, 0x18(%rsp))
SLOT_CHANGES(movups %xmm0, 0x14(%rsp))
SLOT_CHANGES(movups %xmm0, SLOT)
SLOT_CHANGES(vmovups %ymm0, 0x4(%rsp))
SLOT_CHANGES(addl $1, SLOT)
SLOT_CHANGES(add %edi, SLOT)
SLOT_CHANGES(xor %edi, SLOT)
SLOT_CHANGES(incl SLOT)
SLOT_CHANGES(negl SLOT)
SLOT_CHANGES(notl SLOT)
SLOT_CHANGES(shll $1, SLOT)
SLOT_CHANGES(btsl $1, SLOT)
SLOT_CHANGES(sete SLOT)
SLOT_CHANGES(xchg %edi, SLOT)
SLOT_CHANGES(xadd %edi, SLOT)
SLOT_CHANGES(xadd %rdi, 0x1c(%rsp))
SLOT_CHANGES(lock cmpxchg %edi, SLOT)
SLOT_CHANGES(lock cmpxchg16b 0x18(%rsp))
SLOT_CHANGES(sub $8, %rsp; pop SLOT)
SLOT_CHANGES(movaps %xmm0, SLOT)
SLOT_CHANGES(movd %xmm0, SLOT)
SLOT_CHANGES(movdqa %xmm0, SLOT)
SLOT_CHANGES(movdqu %xmm0, SLOT)
SLOT_CHANGES(movhps %xmm0, SLOT)
SLOT_CHANGES(movlps %xmm0, SLOT)
SLOT_CHANGES(movsd %xmm0, SLOT)
SLOT_CHANGES(movss %xmm0, SLOT)
SLOT_CHANGES(movq %xmm0, SLOT)
SLOT_CHANGES(pop %rsp)
SLOT_CHANGES(mov %rbp, %rsp)
SLOT_CHANGES(and $-16, %rsp)
SLOT_CHANGES(sub %rdi, %rsp)
SLOT_CHANGES(lea (%rsp,%rdi), %rsp)
SLOT_CHANGES(add $8, %rsp)
SLOT_CHANGES(sub $8, %rsp)
SLOT_CHANGES(push %rdi)
SLOT_CHANGES(pop %rdi)
SLOT_CHANGES(pushw $1)
SLOT_CHANGES(leave)
SLOT_CHANGES(enter $8, $0)
SLOT_CHANGES(add $0x28, %rsp; push %rdi; sub $0x20, %rsp)
SLOT_CHANGES(add $0x24, %rsp; push %rdi; sub $0x1c, %rsp)
SLOT_CHANGES(xsave SLOT)
SLOT_CHANGES(xchg %rsp, %rdi)
SLOT_CHANGES(xchg %rdi, %rsp)
SLOT_CHANGES(xadd %rsp, %rdi)

FUNC(unknown)
	ret
