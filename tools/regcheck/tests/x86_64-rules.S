/* SPDX-License-Identifier: GPL-2.0-only */
/* The rules for what is written, and to which MSR. */
#define MSR
#include "x86-rules.S"

#define FIXUP(from, to)		.pushsection __ex_table, "a"; .long from - ., to - ., 0; .popsection
	.pushsection .data
	.quad __start___ex_table, __stop___ex_table
	.popsection

/* ---- what writes the register itself, whatever the value */

BAD(inlined, not in one of the functions for that)
	LOAD_ALL(DEFAULT)
	wrmsr
	ret

BAD(inlined_context, not in one of the functions for that)
	READ
	and $KEEP, %eax
	or $PGTABLES, %eax
	wrmsr
	SWITCH(DEFAULT)
	ret

/* It is no switch, either. */
BAD(closed_by_inlined, not in one of the functions for that | switches to context 1, and a path to)
	SWITCH(PGTABLES)
	LOAD_ALL(DEFAULT)
	wrmsr
	ret

BAD(not_serializing, not in one of the functions for that)
	LOAD_ALL(DEFAULT)
	wrmsrns
	ret

BAD(list_of_writes, perhaps; what selects the register is memory)
	mov $0x10, %ecx
	wrmsrlist
	ret

BAD(with_prefix, not in one of the functions for that)
	LOAD_ALL(DEFAULT)
	rex.W wrmsr
	ret

BAD(listed_argument, not in one of the functions for that)
	LOAD_ALL(DEFAULT)
	wrmsr
	ret

BAD(with_bad_cold.cold, not in one of the functions for that)
	LOAD_ALL(DEFAULT)
	wrmsr
	ret
GOOD(with_bad_cold)
	SWITCH(DEFAULT)
	jmp with_bad_cold.cold

/* ---- MSRs: their number is in %ecx */

GOOD(another_msr)
	mov $0x10, %ecx
	mov %edi, %eax
	wrmsr
	ret

/* ---- a number that is not known, but compared: ASM_REFUSE_PKRS() */

GOOD(refused)
	mov %edi, %ecx
	cmp $0x6e1, %ecx
	jne 1f
2:	ud2
1:	wrmsr
3:	ret
	FIXUP(2b, 3b)

GOOD(refused_elsewhere)
	mov %edi, %ecx
	cmp $0x6e1, %ecx
	je 1f
	wrmsr
1:	ret

BAD(refused_but_jumped_to, what the function was called with in %rdi)
	mov %edi, %ecx
	test %esi, %esi
	je 1f
	cmp $0x6e1, %ecx
	jne 1f
2:	ud2
1:	wrmsr
3:	ret
	FIXUP(2b, 3b)

BAD(comparison_jumped_to, what the function was called with in %rdi)
	mov %edi, %ecx
	test %esi, %esi
	je 4f
	cmp $0x6e1, %ecx
4:	jne 1f
2:	ud2
1:	wrmsr
3:	ret
	FIXUP(2b, 3b)

BAD(trap_jumped_to, what the function was called with in %rdi)
	mov %edi, %ecx
	test %esi, %esi
	je 2f
	cmp $0x6e1, %ecx
	jne 1f
2:	ud2
1:	wrmsr
3:	ret
	FIXUP(2b, 3b)

BAD(trap_of_a_warning, what the function was called with in %rdi)
	mov %edi, %ecx
	cmp $0x6e1, %ecx
	jne 1f
	ud2
1:	wrmsr
	ret

BAD(goes_on, what the function was called with in %rdi)
	mov %edi, %ecx
	cmp $0x6e1, %ecx
	jne 1f
	nop
1:	wrmsr
	ret

BAD(refused_if_another, what the function was called with in %rdi)
	mov %edi, %ecx
	cmp $0x6e1, %ecx
	je 1f
2:	ud2
1:	wrmsr
3:	ret
	FIXUP(2b, 3b)

BAD(refused_if_another_elsewhere, what the function was called with in %rdi)
	mov %edi, %ecx
	cmp $0x6e1, %ecx
	jne 1f
	wrmsr
1:	ret

BAD(another_number_refused, what the function was called with in %rdi)
	mov %edi, %ecx
	cmp $0x6e0, %ecx
	je 1f
	wrmsr
1:	ret

BAD(another_register_compared, what the function was called with in %rdi)
	mov %edi, %ecx
	cmp $0x6e1, %edx
	je 1f
	wrmsr
1:	ret

BAD(upper_half_compared, what the function was called with in %rdi)
	mov %rdi, %rcx
	cmp $0x6e1, %rcx
	je 1f
	wrmsr
1:	ret

BAD(tested_only, what the function was called with in %rdi)
	mov %edi, %ecx
	test $0x6e1, %ecx
	je 1f
	wrmsr
1:	ret

BAD(refused_then_loaded, what the function was called with in %rdi)
	mov %edi, %ecx
	cmp $0x6e1, %ecx
	je 1f
	mov %edi, %ecx
	wrmsr
1:	ret

GOOD(two_others)
	mov $0x10, %ecx
	test %esi, %esi
	je 1f
	mov $0x11, %ecx
1:	mov %edi, %eax
	wrmsr
	ret

BAD(another_on_one_path, not in one of the functions for that)
	mov $0x10, %ecx
	test %esi, %esi
	je 1f
	mov $0x6e1, %ecx
1:	mov %edi, %eax
	wrmsr
	ret

BAD(another_in_loop, not in one of the functions for that)
	mov $0x10, %ecx
	mov $0x13, %esi
1:	wrmsr
	mov %esi, %ecx
	mov $0x6e1, %esi
	test %edi, %edi
	je 1b
	mov $0x11, %ecx
	mov $0x12, %esi
	dec %edi
	jne 1b
	ret

BAD(another_after_loop_insn, not in one of the functions for that)
	mov $0x10, %edx
1:	mov %edx, %ecx
	wrmsr
	mov $2, %ecx
	mov $0x6e1, %edx
	loop 1b
	ret

BAD(msr_of_argument, perhaps; what selects the register is what the function was called with in %rdi)
	mov %edi, %ecx
	wrmsr
	ret

BAD(msr_of_argument_on_one_path, perhaps; what selects the register is what the function was called)
	mov %edi, %ecx
	test %esi, %esi
	je 1f
	mov $0x10, %ecx
1:	wrmsr
	ret

BAD(this_or_argument, not in one of the functions for that | perhaps; what selects the register is what)
	mov %edi, %ecx
	cmp $1, %esi
	mov $0x6e1, %edx
	cmove %edx, %ecx
	wrmsr
	ret

BAD(msr_of_memory, perhaps; what selects the register is memory, (%rdi))
	mov (%rdi), %ecx
	wrmsr
	ret

BAD(msr_after_call, perhaps; what selects the register is what a call returned or left behind)
	mov $0x10, %ecx
	call unknown
	wrmsr
	ret

BAD(msr_behind_ret, perhaps; what selects the register is the result of code that nothing seems to jump to)
	mov $0x10, %ecx
	wrmsr
	ret
	mov %eax, %eax
	wrmsr
	ret

BAD(msr_in_loop_of_its_own, not in one of the functions for that)
	mov $0x10, %ecx
	wrmsr
	ret
	nop
1:	wrmsr
	jmp 1b

GOOD(msr_behind_jump)
	mov $0x10, %ecx
	test %edi, %edi
	je 2f
	jmp 1f
2:	mov %edi, %ecx
	ret
1:	wrmsr
	ret

GOOD(msr_in_jump_table)
	mov $0x10, %ecx
	jmp *msr_table(,%rdi,8)
1:	mov %eax, %eax
	wrmsr
	ret
	.pushsection .data
msr_table:	.quad 1b
	.popsection

/* A part that is no cold one can be called. */
BAD(clone.constprop.0, perhaps; what selects the register is what the function was called with in %rcx)
	wrmsr
	ret

BAD(second_byte_of_msr, perhaps; what selects the register is the result of mov)
	mov $0x6e1, %ecx
	mov $5, %ch
	wrmsr
	ret

BAD(byte_of_slot, perhaps; what selects the register is partly overwritten)
	movl $0x10, SLOT
	movb $0x11, SLOT
	mov SLOT, %ecx
	wrmsr
	ret

BAD(kept_by_list_of_writes, perhaps; what selects the register is memory)
	mov $0x10, %esi
	wrmsrlist
	mov %esi, %ecx
	wrmsr
	ret

BAD(xchg_part, perhaps; what selects the register is the result of xchg)
	mov $0x6e1, %edi
	mov %esi, %ebx
	xchg %bx, %di
	mov %ebx, %ecx
	wrmsr
	ret

BAD(combined, perhaps; what selects the register is combined with what is no constant)
	mov $0x10, %ecx
	or %edi, %ecx
	wrmsr
	ret

GOOD(all_bits_of_or)
	or $-1, %ecx
	wrmsr
	ret

LISTED(listed_clone.isra.0)
	SWITCH(PGTABLES)
	ret

/* The list is not for numbers. */
BAD(listed_never_back.part.0, perhaps; what selects the register is what the function was called with in %rdi)
	mov %edi, %ecx
	wrmsr
	ret

/* ---- what is compared, before a write is called or instead */

BAD(read_from_another, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	mov $0x10, %ecx
	rdmsr
	and $0x3f, %eax
	cmp $DEFAULT, %eax
	je 1f
	SWITCH(DEFAULT)
1:	ret

BAD(read_from_two, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	mov $0x10, %ecx
	test %esi, %esi
	je 1f
	mov $0x6e1, %ecx
1:	rdmsr
	and $0x3f, %eax
	cmp $DEFAULT, %eax
	je 2f
	SWITCH(DEFAULT)
2:	ret

BAD(read_from_unknown, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	mov %edi, %ecx
	rdmsr
	and $0x3f, %eax
	cmp $DEFAULT, %eax
	je 1f
	SWITCH(DEFAULT)
1:	ret

BAD(read_high, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	READ
	and $0x3f, %edx
	cmp $DEFAULT, %edx
	je 1f
	SWITCH(DEFAULT)
1:	ret

BAD(read_pkru, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	xor %ecx, %ecx
	rdpkru
	and $0x3f, %eax
	cmp $DEFAULT, %eax
	je 1f
	SWITCH(DEFAULT)
1:	ret

/* A write keeps all registers but three. */
GOOD(number_kept_by_write)
	mov $0x10, %esi
	SWITCH(DEFAULT)
	mov %esi, %ecx
	wrmsr
	ret

BAD(number_lost_by_write, perhaps; what selects the register is the result of a write)
	mov $0x10, %ecx
	SWITCH(DEFAULT)
	wrmsr
	ret

/* In memory, another CPU or an interrupt may change what seems to be known of the register. */
GOOD(hint_before_register)
	cmpl $1, %gs:8
	je 1f
	SWITCH(PGTABLES)
	movl $1, %gs:8
1:	movq $0, (%rdi)
	cmpl $0, %gs:8
	jne 2f
	READ
	and $0x3f, %eax
	cmp $DEFAULT, %eax
	je 3f
2:	SWITCH(DEFAULT)
	movl $0, %gs:8
3:	ret

GOOD(nested_by_hint)
	cmpl $1, %gs:8
	je 1f
	SWITCH(PGTABLES)
	movq $0, (%rdi)
	SWITCH(DEFAULT)
	ret
1:	movq $0, (%rdi)
	ret

BAD(hint_instead_of_register, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	movl $1, %gs:8
	movq $0, (%rdi)
	cmpl $0, %gs:8
	je 1f
	SWITCH(DEFAULT)
1:	ret

/* ---- how writes are called */

GOOD(closed_by_tail_call)
	SWITCH(PGTABLES)
	movq $0, (%rdi)
	jmp x86_kpkeys_write_DEFAULT

BAD(opened_by_tail_call, switches to context 1, and a path to)
	jmp x86_kpkeys_write_PGTABLES

BAD(opened_by_jump, switches to context 1, and a path to)
	test %edi, %edi
	je x86_kpkeys_write_PGTABLES
	ret

GOOD(closed_by_jumps)
	SWITCH(PGTABLES)
	test %edi, %edi
	je x86_kpkeys_write_DEFAULT
	jmp x86_kpkeys_write_DEFAULT

BAD(closed_by_jump_or_not, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	test %edi, %edi
	je x86_kpkeys_write_DEFAULT
	ret

BAD(opened_in_loop, switches to context 1, and a path to)
1:	SWITCH(DEFAULT)
	SWITCH(PGTABLES)
	dec %edi
	jne 1b
	ret

BAD(into_the_middle, uses the address of code that writes to the pkey register)
	call x86_kpkeys_write_PGTABLES + 5
	ret

BAD(jump_into_the_middle, uses the address of code that writes to the pkey register)
	jmp x86_kpkeys_write_TEST + 12

BAD(behind_the_last, uses the address of code that writes to the pkey register)
	jmp x86_kpkeys_write_TEST + 0x3f

GOOD(behind_all)
	SWITCH(DEFAULT)
	jmp x86_kpkeys_write_TEST + 0x40

BAD(address_in_register, uses the address of code that writes to the pkey register)
	mov $x86_kpkeys_write_PGTABLES, %eax
	jmp *%rax

BAD(address_relative, uses the address of code that writes to the pkey register)
	lea x86_kpkeys_write_PGTABLES(%rip), %rdi
	jmp unknown

BAD(address_stored, uses the address of code that writes to the pkey register)
	movq $x86_kpkeys_write_PGTABLES, (%rdi)
	ret

BAD(address_pushed, uses the address of code that writes to the pkey register)
	push $x86_kpkeys_write_PGTABLES
	ret

LISTED(listed_restore)
	cmp $x86_kpkeys_writes_start, %rdi
	ret
