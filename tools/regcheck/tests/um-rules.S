/* SPDX-License-Identifier: GPL-2.0-only */
/* The rules for what is written. */
#include "x86-rules.S"

/* ---- contexts: computed from what was read */

BAD(no_such_context, the register with bits 0x3f set to 0x0, as in no context)
	SWITCH(0)
	CLOSE_OLD
	ret

BAD(bits_of_others, the register with bits 0xff set to 0x20, as in no context)
	READ
	and $~0xff, %eax
	or $PGTABLES, %eax
	WRITE
	SWITCH(DEFAULT)
	ret

BAD(bits_not_cleared, the register with bits 0x20 set to 0x20, as in no context)
	READ
	or $PGTABLES, %eax
	WRITE
	SWITCH(DEFAULT)
	ret

BAD(opened_only, the register with bits 0x8 set to 0x0, as in no context)
	READ
	and $~8, %eax
	WRITE
	SWITCH(DEFAULT)
	ret

/* Nothing is left to clear of what is set anyway. */
GOOD(cleared_but_for_what_is_set)
	READ
	and $KEEP | DEFAULT, %eax
	or $DEFAULT, %eax
	WRITE
	ret

/* ---- values that were read earlier */

BAD(read_and_written, a saved value of the register)
	READ
	WRITE
	ret

BAD(restore, a saved value of the register)
	SWITCH(PGTABLES)
	RESTORE
	ret

BAD(restore_from_stack, a saved value of the register)
	READ
	push %rax
	and $KEEP, %eax
	or $PGTABLES, %eax
	WRITE
	pop %rax
	WRITE
	ret

BAD(restore_if_needed, a saved value of the register | switches to context 1, and a path to)
	IF_NOT(PGTABLES, 1f)
	cmp %eax, %ebx
	je 1f
	RESTORE
1:	ret

/* Bits that are not managed, in a register of the machine all the time. */
GOOD(unmanaged_bits_read_before)
	READ
	mov %eax, %ebx
	and $KEEP, %ebx
	or $PGTABLES, %eax
	and $~(DEFAULT & ~PGTABLES), %eax
	and $KEEP | PGTABLES, %eax
	WRITE
	mov %ebx, %eax
	or $DEFAULT, %eax
	WRITE
	ret

BAD(unmanaged_bits_on_stack, context 0, but the bits that kpkeys does not manage have been saved)
	SWITCH(PGTABLES)
	mov %ebx, 8(%rsp)
	mov 8(%rsp), %eax
	CLOSE
	ret

BAD(unmanaged_bits_pushed, context 0, but the bits that kpkeys does not manage have been saved)
	SWITCH(PGTABLES)
	push %rbx
	pop %rax
	CLOSE
	ret

BAD(unmanaged_bits_over_call, context 0, but the bits that kpkeys does not manage have been saved)
	SWITCH(PGTABLES)
	call switch_and_close
	CLOSE_OLD
	ret

BAD(context_on_stack, context 1, but the bits that kpkeys does not manage have been saved)
	READ
	and $KEEP, %eax
	or $PGTABLES, %eax
	mov %eax, -8(%rsp)
	mov -8(%rsp), %eax
	WRITE
	SWITCH(DEFAULT)
	ret

/* ---- what is no context */

BAD(all_bits, a constant, 0xffffffff)
	mov $-1, %eax
	WRITE
	ret

BAD(constant, a constant, 0x28)
	mov $DEFAULT, %eax
	WRITE
	ret

BAD(constant_zero, a constant, 0x0)
	xor %eax, %eax
	WRITE
	ret

BAD(argument, what the function was called with in %rdi)
	mov %edi, %eax
	WRITE
	ret

BAD(argument_in_rax, what the function was called with in %rax)
	WRITE
	ret

BAD(argument_on_stack, what the function was called with on the stack)
	mov 8(%rsp), %eax
	WRITE
	ret

BAD(argument_saved, what the function was called with in %rdi)
	push %rdi
	call switch_and_close
	pop %rax
	WRITE
	ret

BAD(argument_in_context, combined with what is no constant)
	READ
	and $KEEP, %eax
	or %edi, %eax
	WRITE
	SWITCH(DEFAULT)
	ret

BAD(argument_masked, what the function was called with in %rdi)
	mov %edi, %eax
	and $KEEP, %eax
	or $DEFAULT, %eax
	WRITE
	ret

BAD(memory, memory, 0x0(%rip))
	mov 0(%rip), %eax
	WRITE
	ret

BAD(memory_of_argument, memory, 0x10(%rdi))
	mov 0x10(%rdi), %eax
	WRITE
	ret

BAD(memory_in_context, combined with what is no constant)
	READ
	and $KEEP, %eax
	or (%rdi), %eax
	WRITE
	SWITCH(DEFAULT)
	ret

BAD(call_result, what a call returned or left behind)
	call switch_and_close
	WRITE
	ret

BAD(clobbered_by_call, what a call returned or left behind)
	READ
	mov %eax, %esi
	call switch_and_close
	mov %esi, %eax
	WRITE
	ret

/* ---- paths of a value */

GOOD(two_contexts)
	READ
	and $KEEP, %eax
	test %edi, %edi
	je 1f
	or $PGTABLES, %eax
	jmp 2f
1:	or $TEST, %eax
2:	WRITE
	SWITCH(DEFAULT)
	ret

BAD(wrong_on_one_path, what the function was called with in %rdi)
	READ
	test %edi, %edi
	je 1f
	mov %edi, %eax
1:	CLOSE
	ret

BAD(wrong_on_jump, what the function was called with in %rdi)
	mov %edi, %eax
	test %edi, %edi
	je 1f
	READ
1:	CLOSE
	ret

BAD(wrong_in_loop, what the function was called with in %rsi)
	READ
1:	CLOSE
	mov %esi, %eax
	dec %edi
	jne 1b
	ret

BAD(wrong_after_loop_insn, what the function was called with in %rsi)
	READ
1:	CLOSE
	mov %esi, %eax
	loop 1b
	ret

GOOD(loop)
	READ
	mov %eax, %ebx
1:	mov %ebx, %eax
	CLOSE
	dec %edi
	jne 1b
	ret

/* What ends in a jump or a return is no way to what is behind it. */
GOOD(behind_jump)
	READ
	test %edi, %edi
	je 2f
	jmp 1f
2:	mov %edi, %eax
	ret
1:	CLOSE
	ret

BAD(behind_ret, the result of code that nothing seems to jump to)
	READ
	ret
	mov %eax, %eax
	CLOSE
	ret

BAD(behind_padding, in code that nothing seems to jump to)
	READ
	ret
	nop
	CLOSE
	ret

GOOD(jump_table)
	READ
	jmp *table(,%rdi,8)
1:	mov %eax, %eax
	CLOSE
	ret
	.pushsection .data
table:	.quad 1b
	.popsection

BAD(jump_table_wrong, what the function was called with in %rax)
	jmp *table(,%rdi,8)
	mov %eax, %eax
	CLOSE
	ret

/* ---- two contexts of one write */

BAD(either_not_closed, switches to context 1, 2, and a path to)
	READ
	and $KEEP, %eax
	test %edi, %edi
	je 1f
	or $PGTABLES, %eax
	jmp 2f
1:	or $TEST, %eax
2:	WRITE
	ret

/* ---- parts */

BAD(with_bad_cold.cold, what the function was called with in %rdi)
	mov %edi, %eax
	CLOSE
	ret
GOOD(with_bad_cold)
	SWITCH(DEFAULT)
	jmp with_bad_cold.cold

/* Parts that are no cold ones can be called. */
BAD(clone.constprop.0, what the function was called with in %rax)
	CLOSE
	ret
NONE(with_part)
	READ
	jmp with_part.part.0
BAD(with_part.part.0, what the function was called with in %rax)
	CLOSE
	ret

/* ---- the list */

LISTED(listed_argument)
	mov %edi, %eax
	WRITE
	ret

LISTED(listed_restore)
	SWITCH(PGTABLES)
	RESTORE
	ret

LISTED(listed_clone.isra.0)
	mov %edi, %eax
	WRITE
	ret

BAD(unlisted, what the function was called with in %rdi)
	mov %edi, %eax
	WRITE
	ret

/* ---- static branches test the count of a key, which is enabled where the register has been written */

	.bss
	.globl kpkeys_enabled_key, kpkeys_hardened_pgtables_key, another_key
kpkeys_enabled_key:		.skip 16
kpkeys_hardened_pgtables_key:	.skip 16
another_key:			.skip 16
	.text

#define LOAD(key)	movabs key, %eax
#define LOAD_BY(key)	movabs $key, %rdi; mov (%rdi), %eax

GOOD(key_tested_twice)
	LOAD(kpkeys_enabled_key)
	test %eax, %eax
	jle 1f
	SWITCH(PGTABLES)
1:	LOAD_BY(kpkeys_enabled_key)
	test %eax, %eax
	jg 2f
	ret
2:	SWITCH(DEFAULT)
	ret

GOOD(hardened_key_tested_twice)
	LOAD_BY(kpkeys_hardened_pgtables_key)
	movq $0, (%rsi)
	test %eax, %eax
	jg 1f
	jmp 2f
	nop
1:	SWITCH(PGTABLES)
2:	LOAD(kpkeys_hardened_pgtables_key)
	test %eax, %eax
	jle 3f
	LOAD(kpkeys_enabled_key)
	test %eax, %eax
	jle 3f
	SWITCH(DEFAULT)
3:	ret

GOOD(key_in_frame)
	SWITCH(PGTABLES)
	movabs $kpkeys_enabled_key, %rbp
	mov 0(%rbp), %eax
	test %eax, %eax
	jle 1f
	SWITCH(DEFAULT)
1:	ret

/* Hardening is not enabled wherever kpkeys is. */
BAD(key_of_close_is_another, switches to context 1, and a path to)
	LOAD(kpkeys_enabled_key)
	test %eax, %eax
	jle 1f
	SWITCH(PGTABLES)
1:	LOAD(kpkeys_hardened_pgtables_key)
	test %eax, %eax
	jle 2f
	SWITCH(DEFAULT)
2:	ret

/* On one of the two ways to the switch, the key is not known. */
BAD(key_tested_on_one_path, switches to context 1, and a path to)
	test %edi, %edi
	je 1f
	LOAD(kpkeys_hardened_pgtables_key)
	test %eax, %eax
	jle 2f
1:	SWITCH(PGTABLES)
2:	LOAD(kpkeys_hardened_pgtables_key)
	test %eax, %eax
	jle 3f
	SWITCH(DEFAULT)
3:	ret

BAD(key_tested_on_other_path, switches to context 1, and a path to)
	test %edi, %edi
	je 3f
1:	SWITCH(PGTABLES)
2:	LOAD(kpkeys_hardened_pgtables_key)
	test %eax, %eax
	jle 4f
	SWITCH(DEFAULT)
	ret
3:	LOAD(kpkeys_hardened_pgtables_key)
	test %eax, %eax
	jg 1b
4:	ret

BAD(key_disabled, switches to context 1, and a path to)
	LOAD(kpkeys_enabled_key)
	test %eax, %eax
	jle 1f
	SWITCH(PGTABLES)
1:	LOAD(kpkeys_enabled_key)
	test %eax, %eax
	jg 2f
	SWITCH(DEFAULT)
2:	ret

BAD(key_opens_if_disabled, switches to context 1, and a path to)
	LOAD(kpkeys_hardened_pgtables_key)
	test %eax, %eax
	jg 1f
	SWITCH(PGTABLES)
1:	LOAD(kpkeys_hardened_pgtables_key)
	test %eax, %eax
	jle 2f
	SWITCH(DEFAULT)
2:	ret

/* Between the two tests, the section has gone on with it enabled. */
GOOD(key_tested_after_switch)
	SWITCH(PGTABLES)
	LOAD(kpkeys_hardened_pgtables_key)
	test %eax, %eax
	jle 2f
	LOAD(kpkeys_hardened_pgtables_key)
	test %eax, %eax
	jle 1f
2:	SWITCH(DEFAULT)
1:	ret

BAD(another_key_tested, switches to context 1, and a path to)
	LOAD(another_key)
	test %eax, %eax
	jle 1f
	SWITCH(PGTABLES)
1:	LOAD(another_key)
	test %eax, %eax
	jle 2f
	SWITCH(DEFAULT)
2:	ret

BAD(part_of_key_tested, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	LOAD(kpkeys_enabled_key)
	test %al, %al
	jle 1f
	SWITCH(DEFAULT)
1:	ret

BAD(key_tested_with_mask, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	LOAD(kpkeys_enabled_key)
	test %eax, %edi
	jle 1f
	SWITCH(DEFAULT)
1:	ret

BAD(key_tested_for_zero, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	LOAD(kpkeys_enabled_key)
	test %eax, %eax
	je 1f
	SWITCH(DEFAULT)
1:	ret

BAD(key_overwritten, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	LOAD(kpkeys_enabled_key)
	or kpkeys_enabled_key, %eax
	test %eax, %eax
	jle 1f
	SWITCH(DEFAULT)
1:	ret

BAD(key_load_skipped, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	mov %edi, %eax
	test %esi, %esi
	je 1f
	LOAD(kpkeys_enabled_key)
1:	test %eax, %eax
	jle 2f
	SWITCH(DEFAULT)
2:	ret

BAD(key_at_index, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	mov kpkeys_enabled_key(%rdi), %eax
	test %eax, %eax
	jle 2f
	SWITCH(DEFAULT)
2:	ret

BAD(key_of_argument, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	mov (%rdi), %eax
	test %eax, %eax
	jle 2f
	SWITCH(DEFAULT)
2:	ret

/* ---- traps */

GOOD(ends_in_trap)
	SWITCH(PGTABLES)
	test %edi, %edi
	je 1f
	SWITCH(DEFAULT)
	ret
1:	ud2

/* ---- xrstor: its mask is in %eax, and PKRU is 0x200 */

GOOD(xrstor_without_pkru)
	mov $0xee, %eax
	xor %edx, %edx
	xrstor (%rdi)
	ret

BAD(xrstor_with_pkru, memory)
	mov $0x2ee, %eax
	xor %edx, %edx
	xrstor (%rdi)
	ret

BAD(xrstor64_with_all, memory)
	mov $-1, %eax
	mov $-1, %edx
	xrstor64 (%rdi)
	ret

BAD(xrstor_of_argument, perhaps; what selects the register is what the function was called with in %rsi)
	mov %esi, %eax
	xrstor (%rdi)
	ret

BAD(xrstor_on_one_path, memory)
	mov $0xee, %eax
	test %esi, %esi
	je 1f
	mov $0x200, %eax
1:	xrstor (%rdi)
	ret
