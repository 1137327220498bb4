/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bits of other pkeys, from memory: kpkeys_load_rights() may write them, and stays in the context that it
 * finds. A name with a dot is that of a part of it, or of a clone.
 */
#include "x86.h"

#define LOAD_RIGHTS	mov 0x10(%rdi), %rax; xor %rsi, %rax
#define IS(ctx, no)	READ; and $MASK, %eax; cmp $ctx, %eax; jne no
#define OTHERS_FROM(...)	mov __VA_ARGS__, %eax; and $KEEP, %eax

GOOD(kpkeys_load_rights)
	IS(DEFAULT, 2f)
1:	LOAD_RIGHTS
	and $KEEP, %rax
	or $DEFAULT, %rax
	WRITE
	IS(DEFAULT, 1b)
	ret
2:	IS(PGTABLES, 4f)
3:	LOAD_RIGHTS
	and $KEEP, %eax
	or $PGTABLES, %eax
	WRITE
	IS(PGTABLES, 3b)
	ret
4:	jmp kpkeys_load_rights.cold

GOOD(kpkeys_load_rights.cold)
	OTHERS_FROM(0x10(%rdi))
	or $TEST, %eax
	WRITE
	ret

/* ---- what else is right */

GOOD(kpkeys_load_rights.argument)
	OTHERS_FROM(%edi)
	or $PGTABLES, %eax
	WRITE
	ret

GOOD(kpkeys_load_rights.more_cleared)
	mov 0x10(%rdi), %eax
	and $0xfffff000, %eax
	or $PGTABLES, %eax
	WRITE
	ret

/* Nothing is left to clear of what is set anyway. */
GOOD(kpkeys_load_rights.cleared_but_for_what_is_set)
	mov 0x10(%rdi), %eax
	or $PGTABLES, %eax
	and $KEEP | PGTABLES, %eax
	WRITE
	ret

GOOD(kpkeys_load_rights.bytes)
	mov 0x10(%rdi), %eax
	mov $DEFAULT, %al
	WRITE
	mov 0x10(%rdi), %eax
	and $0xc0, %al
	or $PGTABLES, %al
	WRITE
	ret

GOOD(kpkeys_load_rights.saved_and_masked)
	mov 0x10(%rdi), %eax
	mov %eax, 8(%rsp)
	mov 8(%rsp), %eax
	and $KEEP, %eax
	or $PGTABLES, %eax
	WRITE
	ret

GOOD(kpkeys_load_rights.masked_again)
	mov 0x10(%rdi), %ebx
1:	and $KEEP, %ebx
	call elsewhere
	dec %ebp
	jne 1b
	and $KEEP, %ebx
	or $PGTABLES, %ebx
	mov %ebx, %eax
	WRITE
	ret

/* It is in a register of the machine all the time. */
GOOD(kpkeys_load_rights.written_twice)
	OTHERS_FROM(0x10(%rdi))
	mov %eax, %ebx
	or $PGTABLES, %eax
	WRITE
	mov %ebx, %eax
	or $DEFAULT, %eax
	WRITE
	ret

/* ---- managed bits from memory */

BAD(kpkeys_load_rights.memory, memory, 0x10(%rdi))
	mov 0x10(%rdi), %eax
	WRITE
	ret

BAD(kpkeys_load_rights.no_mask, memory, 0x10(%rdi), in part)
	mov 0x10(%rdi), %eax
	or $DEFAULT, %eax
	WRITE
	ret

BAD(kpkeys_load_rights.mask_too_wide, memory, 0x10(%rdi), in part)
	mov 0x10(%rdi), %eax
	and $KEEP | 0x10, %eax
	or $PGTABLES, %eax
	WRITE
	ret

BAD(kpkeys_load_rights.mask_before, combined with what is no constant)
	mov %ebx, %eax
	and $KEEP, %eax
	or 0x10(%rdi), %eax
	or $PGTABLES, %eax
	WRITE
	ret

BAD(kpkeys_load_rights.set_after, combined with what is no constant)
	OTHERS_FROM(0x10(%rdi))
	or $PGTABLES, %eax
	or %esi, %eax
	WRITE
	ret

BAD(kpkeys_load_rights.changed_after, the result of xor)
	OTHERS_FROM(0x10(%rdi))
	or $PGTABLES, %eax
	xor 0x20(%rdi), %eax
	WRITE
	ret

BAD(kpkeys_load_rights.mask_of_argument, combined with what is no constant)
	mov 0x10(%rdi), %eax
	and %esi, %eax
	or $PGTABLES, %eax
	WRITE
	ret

BAD(kpkeys_load_rights.masked_on_one_path, memory, 0x10(%rdi), in part)
	mov 0x10(%rdi), %eax
	test %esi, %esi
	je 1f
	and $KEEP, %eax
1:	or $PGTABLES, %eax
	WRITE
	ret

/* A mask that leaves nothing makes it no other memory. */
BAD(kpkeys_load_rights.cleared_on_one_path, memory, 0x10(%rdi), in part)
	mov 0x10(%rdi), %eax
	test %esi, %esi
	je 1f
	and $0, %eax
1:	or $PGTABLES, %eax
	WRITE
	ret

BAD(kpkeys_load_rights.cleared_on_other_path, memory, 0x10(%rdi), in part)
	mov 0x10(%rdi), %eax
	test %esi, %esi
	je 2f
1:	or $PGTABLES, %eax
	WRITE
	ret
2:	and $0, %eax
	jmp 1b

/* ---- what is no context */

BAD(kpkeys_load_rights.no_context, memory, 0x10(%rdi), in part)
	OTHERS_FROM(0x10(%rdi))
	WRITE
	ret

BAD(kpkeys_load_rights.no_such_context, memory, 0x10(%rdi), in part)
	OTHERS_FROM(0x10(%rdi))
	or $0x18, %eax
	WRITE
	ret

BAD(kpkeys_load_rights.bits_of_others, memory, 0x10(%rdi), in part)
	OTHERS_FROM(0x10(%rdi))
	or $0x40 | PGTABLES, %eax
	WRITE
	ret

BAD(kpkeys_load_rights.constant, a constant, 0x28)
	mov $DEFAULT, %eax
	WRITE
	ret

/* ---- masked, and then where other code can change it */

BAD(kpkeys_load_rights.on_stack, a masked value that has been saved)
	OTHERS_FROM(0x10(%rdi))
	mov %eax, 8(%rsp)
	mov 8(%rsp), %eax
	or $PGTABLES, %eax
	WRITE
	ret

BAD(kpkeys_load_rights.context_pushed, a masked value that has been saved)
	OTHERS_FROM(0x10(%rdi))
	or $PGTABLES, %eax
	push %rax
	pop %rax
	WRITE
	ret

BAD(kpkeys_load_rights.over_call, a masked value that has been saved)
	OTHERS_FROM(0x10(%rdi))
	mov %eax, %ebx
	call elsewhere
	mov %ebx, %eax
	or $PGTABLES, %eax
	WRITE
	ret

BAD(kpkeys_load_rights.in_memory, memory, 0x20(%rdi), in part)
	OTHERS_FROM(0x10(%rdi))
	mov %eax, 0x20(%rdi)
	mov 0x20(%rdi), %eax
	or $PGTABLES, %eax
	WRITE
	ret

/* ---- other functions */

BAD(kpkeys_load_other_rights, memory, 0x10(%rdi), in part)
	OTHERS_FROM(0x10(%rdi))
	or $DEFAULT, %eax
	WRITE
	ret

BAD(load_rights, memory, 0x10(%rdi), in part)
	OTHERS_FROM(0x10(%rdi))
	or $PGTABLES, %eax
	WRITE
	SWITCH(DEFAULT)
	ret

BAD(stays_open, switches to context 1, and a path to)
	IS(PGTABLES, 1f)
	SWITCH(PGTABLES)
1:	ret

FUNC(elsewhere)
	ret
