/* SPDX-License-Identifier: GPL-2.0-only */
/* Code that is patched, exceptions and traps. */
#define MSR
#include "x86.h"

/* struct jump_entry, exception_table_entry, alt_instr and bug_entry */
#define JUMP(from, to)		.pushsection __jump_table, "aw"; .balign 8; .long from - ., to - .; .quad 0; .popsection
#define JUMP_KEY(from, to, key)	.pushsection __jump_table, "aw"; .balign 8; .long from - ., to - .; .quad key - .; .popsection
#define FIXUP(from, to)		.pushsection __ex_table, "a"; .long from - ., to - ., 0; .popsection
#define BUG(addr, flags)	.pushsection __bug_table, "aw"; .long addr - ., 0, 0; .value 0, flags; .popsection
#define WITH_AUX	.pushsection .altinstr_aux, "ax"
#define ALTERNATIVE(old, old_end, new, new_end)						\
	.pushsection .altinstructions, "a"; .long old - ., new - ., 0;			\
	.byte old_end - old, new_end - new; .popsection
#define WITH_ALTERNATIVE	.pushsection .altinstr_replacement, "ax"
#define END_ALTERNATIVE		.popsection
#define NOP5			.byte 0x0f, 0x1f, 0x44, 0x00, 0x00

	.pushsection .altinstructions, "a"
	.globl __alt_instructions
__alt_instructions:
	.popsection
	.pushsection .data
	.quad __start___jump_table, __stop___jump_table, __start___ex_table, __stop___ex_table
	.quad __start___bug_table, __stop___bug_table
	.popsection

/* ---- static branches: each is taken and is not */

GOOD(static_branch)
	mov $0x10, %ecx
1:	NOP5
	wrmsr
	ret
2:	SWITCH(DEFAULT)
	ret
	JUMP(1b, 2b)

BAD(static_branch_taken, what the function was called with in %rdi)
	mov $0x10, %ecx
	mov %ecx, %esi
	mov %edi, %ecx
1:	NOP5
	mov %esi, %ecx
2:	wrmsr
	ret
	JUMP(1b, 2b)

BAD(static_branch_not_taken, what the function was called with in %rdi)
	mov $0x10, %ecx
1:	.byte 0x66, 0x90
	mov %edi, %ecx
2:	wrmsr
	ret
	JUMP(1b, 2b)

BAD(static_jump_not_taken, what the function was called with in %rdi)
	mov $0x10, %ecx
1:	jmp 2f
	mov %edi, %ecx
2:	wrmsr
	ret
	JUMP(1b, 2b)

/* ---- alternatives */

GOOD(alternative)
	mov $0x10, %ecx
1:	NOP5
2:	wrmsr
	ret
	WITH_ALTERNATIVE
3:	mov %edi, %esi
	nopw 0(%rax,%rax)
4:
	END_ALTERNATIVE
	ALTERNATIVE(1b, 2b, 3b, 4b)

BAD(alternative_wrong, what the function was called with in %rdi)
	mov $0x10, %ecx
1:	NOP5
2:	wrmsr
	ret
	WITH_ALTERNATIVE
3:	nop
	mov %edi, %ecx
4:
	END_ALTERNATIVE
	ALTERNATIVE(1b, 2b, 3b, 4b)

BAD(original_wrong, what the function was called with in %rdi)
	mov $0x10, %ecx
1:	mov %edi, %ecx
2:	wrmsr
	ret
	WITH_ALTERNATIVE
3:	nop
	nop
4:
	END_ALTERNATIVE
	ALTERNATIVE(1b, 2b, 3b, 4b)

/* The function has none itself. */
BAD(write_in_alternative, what the function was called with in %rdi)
	mov %edi, %ecx
1:	NOP5
2:	ret
	WITH_ALTERNATIVE
3:	wrmsrns
4:
	END_ALTERNATIVE
	ALTERNATIVE(1b, 2b, 3b, 4b)

BAD(wrmsr_in_alternative, what the function was called with in %rdi)
	mov %edi, %ecx
1:	NOP5
2:	ret
	WITH_ALTERNATIVE
3:	wrmsr
4:
	END_ALTERNATIVE
	ALTERNATIVE(1b, 2b, 3b, 4b)

BAD(call_in_alternative, switches to context 1, and a path to call_in_alternative+0x)
	test %edi, %edi
1:	NOP5
2:	ret
	WITH_ALTERNATIVE
3:	call x86_kpkeys_write_PGTABLES
4:
	END_ALTERNATIVE
	ALTERNATIVE(1b, 2b, 3b, 4b)

BAD(jump_in_alternative, switches to context 2, and a path to)
1:	NOP5
2:	ret
	WITH_ALTERNATIVE
3:	jmp x86_kpkeys_write_TEST
4:
	END_ALTERNATIVE
	ALTERNATIVE(1b, 2b, 3b, 4b)

/* One of two, which are beside each other. */
GOOD(two_alternatives)
1:	mov $0x12, %ecx
2:	wrmsr
	ret
	WITH_ALTERNATIVE
3:	mov $0x10, %ecx
4:	mov $0x11, %ecx
5:
	END_ALTERNATIVE
	ALTERNATIVE(1b, 2b, 3b, 4b)
	ALTERNATIVE(1b, 2b, 4b, 5b)

BAD(alternative_at_entry, what the function was called with in %rdi)
1:	mov $0x10, %ecx
2:	wrmsr
	ret
	WITH_ALTERNATIVE
3:	mov %edi, %ecx
4:
	END_ALTERNATIVE
	ALTERNATIVE(1b, 2b, 3b, 4b)

BAD(original_at_entry, what the function was called with in %rcx)
1:	NOP5
2:	wrmsr
	ret
	WITH_ALTERNATIVE
3:	mov $0x10, %ecx
4:
	END_ALTERNATIVE
	ALTERNATIVE(1b, 2b, 3b, 4b)

BAD(removed, what the function was called with in %rdi)
	mov $0x10, %ecx
	mov %ecx, %esi
	mov %edi, %ecx
1:	mov %esi, %ecx
2:	wrmsr
	ret
	ALTERNATIVE(1b, 2b, 1b, 1b)

GOOD(alternative_that_jumps)
	mov $0x10, %ecx
	mov %ecx, %esi
	mov %edi, %ecx
1:	mov %esi, %ecx
2:	wrmsr
	ret
5:	ret
	WITH_ALTERNATIVE
3:	jmp 5b
4:
	END_ALTERNATIVE
	ALTERNATIVE(1b, 2b, 3b, 4b)

/* ---- exceptions */

BAD(fixup, what the function was called with in %rdi)
	mov $0x10, %ecx
	mov %ecx, %esi
	mov %edi, %ecx
1:	mov (%rdx), %edx
	mov %esi, %ecx
2:	wrmsr
	ret
	FIXUP(1b, 2b)

/* ---- traps */

GOOD(bug)
	mov $0x10, %ecx
	test %esi, %esi
	je 2f
	mov %edi, %ecx
1:	ud2
2:	wrmsr
	ret
	BUG(1b, 0)

BAD(warning, what the function was called with in %rdi)
	mov $0x10, %ecx
	test %esi, %esi
	je 2f
	mov %edi, %ecx
1:	ud2
2:	wrmsr
	ret
	BUG(1b, 1)

GOOD(kept_by_warning)
	mov $0x10, %ecx
	mov %ecx, %ebx
1:	ud2
	mov %ebx, %ecx
	wrmsr
	ret
	BUG(1b, 1)

/* The warning that takes arguments is a call, and what has its address is in front of that. */
GOOD(warning_with_arguments)
	SWITCH(PGTABLES)
1:	mov %edi, %edi
	call static_branch
	SWITCH(DEFAULT)
	ret
	BUG(1b, 0x11)

/* ---- static_cpu_has(), as it is before code is patched: a jump to a test that is elsewhere */

GOOD(cpu_has)
	SWITCH(PGTABLES)
1:	jmp 6f
2:	SWITCH(DEFAULT)
	ret
3:	SWITCH(DEFAULT)
	ret
	WITH_AUX
6:	testb $1, 0x1000
	jne 3b
	jmp 2b
	.popsection

BAD(cpu_has_open, switches to context 1, and a path to)
	SWITCH(PGTABLES)
1:	jmp 6f
2:	SWITCH(DEFAULT)
	ret
3:	ret
	WITH_AUX
6:	testb $1, 0x1000
	jne 3b
	jmp 2b
	.popsection

BAD(cpu_has_not_open, switches to context 1, and a path to)
	SWITCH(PGTABLES)
1:	jmp 6f
2:	ret
3:	SWITCH(DEFAULT)
	ret
	WITH_AUX
6:	testb $1, 0x1000
	jne 3b
	jmp 2b
	.popsection

/* That of a function without writes is in front of it. */
NONE(cpu_has_of_another)
1:	jmp 6f
	WITH_AUX
6:	testb $1, 0x1000
	jne 1b
	jmp 1b
	.popsection

BAD(cpu_has_and_msr, what the function was called with in %rdi)
	mov %edi, %ecx
	jmp 6f
1:	mov $0x10, %ecx
2:	wrmsr
	ret
	WITH_AUX
6:	testb $1, 0x1000
	jne 2b
	jmp 1b
	.popsection

/* ---- keys: kpkeys is enabled where the register has been written */

	.bss
	.globl kpkeys_enabled_key, kpkeys_hardened_pgtables_key, another_key
	.p2align 4
kpkeys_enabled_key:		.skip 16
kpkeys_hardened_pgtables_key:	.skip 16
another_key:			.skip 16
	.text

GOOD(key_tested_twice)
1:	NOP5
2:	NOP5
	ret
3:	SWITCH(PGTABLES)
	jmp 2b
4:	SWITCH(DEFAULT)
	ret
	JUMP_KEY(1b, 3b, kpkeys_enabled_key)
	JUMP_KEY(2b, 4b, kpkeys_enabled_key)

GOOD(hardened_key_tested_twice)
1:	NOP5
2:	NOP5
	ret
3:	SWITCH(PGTABLES)
	jmp 2b
4:	SWITCH(DEFAULT)
	ret
	JUMP_KEY(1b, 3b, kpkeys_hardened_pgtables_key)
	JUMP_KEY(2b, 4b, kpkeys_hardened_pgtables_key)

/* No jump if it is enabled: the lowest bit says so. */
GOOD(likely_key)
1:	jmp 2f
	SWITCH(PGTABLES)
2:	jmp 3f
	SWITCH(DEFAULT)
3:	ret
	JUMP_KEY(1b, 2b, kpkeys_enabled_key + 1)
	JUMP_KEY(2b, 3b, kpkeys_enabled_key + 1)

BAD(key_disabled, switches to context 1, and a path to)
1:	jmp 2f
	SWITCH(PGTABLES)
2:	jmp 3f
	SWITCH(DEFAULT)
3:	ret
	JUMP_KEY(1b, 2b, kpkeys_enabled_key + 1)
	JUMP_KEY(2b, 3b, kpkeys_enabled_key)

/* Hardening is not enabled wherever kpkeys is. */
BAD(key_of_close_is_another, switches to context 1, and a path to)
1:	NOP5
2:	NOP5
	ret
3:	SWITCH(PGTABLES)
	jmp 2b
4:	SWITCH(DEFAULT)
	ret
	JUMP_KEY(1b, 3b, kpkeys_enabled_key)
	JUMP_KEY(2b, 4b, kpkeys_hardened_pgtables_key)

/* On one of the two ways to the switch, the key is not known. */
BAD(key_tested_on_one_path, switches to context 1, and a path to)
	test %edi, %edi
	je 3f
1:	NOP5
2:	NOP5
	ret
3:	SWITCH(PGTABLES)
	jmp 2b
4:	SWITCH(DEFAULT)
	ret
	JUMP_KEY(1b, 3b, kpkeys_hardened_pgtables_key)
	JUMP_KEY(2b, 4b, kpkeys_hardened_pgtables_key)

BAD(key_tested_on_other_path, switches to context 1, and a path to)
	test %edi, %edi
	je 1f
	jmp 3f
1:	NOP5
2:	NOP5
	ret
3:	SWITCH(PGTABLES)
	jmp 2b
4:	SWITCH(DEFAULT)
	ret
	JUMP_KEY(1b, 3b, kpkeys_hardened_pgtables_key)
	JUMP_KEY(2b, 4b, kpkeys_hardened_pgtables_key)

BAD(key_opens_if_disabled, switches to context 1, and a path to)
1:	NOP5
	SWITCH(PGTABLES)
2:	NOP5
3:	ret
4:	SWITCH(DEFAULT)
	ret
	JUMP_KEY(1b, 3b, kpkeys_hardened_pgtables_key)
	JUMP_KEY(2b, 4b, kpkeys_hardened_pgtables_key)

GOOD(key_of_close)
	SWITCH(PGTABLES)
1:	NOP5
	ret
2:	SWITCH(DEFAULT)
	ret
	JUMP_KEY(1b, 2b, kpkeys_enabled_key)

/* Between the two tests, the section has gone on with it enabled. */
GOOD(key_tested_after_switch)
	SWITCH(PGTABLES)
1:	NOP5
	jmp 4f
2:	NOP5
	ret
3:	jmp 2b
4:	SWITCH(DEFAULT)
	ret
	JUMP_KEY(1b, 3b, kpkeys_hardened_pgtables_key)
	JUMP_KEY(2b, 4b, kpkeys_hardened_pgtables_key)

BAD(another_key_tested, switches to context 1, and a path to)
1:	NOP5
2:	NOP5
	ret
3:	SWITCH(PGTABLES)
	jmp 2b
4:	SWITCH(DEFAULT)
	ret
	JUMP_KEY(1b, 3b, another_key)
	JUMP_KEY(2b, 4b, another_key)

/* ---- what sections end in */

GOOD(ends_in_bug)
	SWITCH(PGTABLES)
	test %edi, %edi
	je 1f
	SWITCH(DEFAULT)
	ret
1:	ud2
2:	ret
	BUG(1b, 0)

GOOD(ends_in_last_bug)
	SWITCH(PGTABLES)
	test %edi, %edi
	je 1f
	SWITCH(DEFAULT)
	ret
1:	ud2
	BUG(1b, 0)
	.type right_behind, %function
right_behind:
	ret

BAD(ends_in_warning, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	test %edi, %edi
	je 1f
	SWITCH(DEFAULT)
	ret
1:	ud2
	ret
	BUG(1b, 1)

/* Each of the two may be there. */
BAD(closed_in_alternative, switches to context 1, and a path to)
	SWITCH(PGTABLES)
1:	NOP5
2:	ret
	WITH_ALTERNATIVE
3:	call x86_kpkeys_write_DEFAULT
4:
	END_ALTERNATIVE
	ALTERNATIVE(1b, 2b, 3b, 4b)

BAD(alternative_calls, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	test %edi, %edi
	je 1f
	SWITCH(DEFAULT)
	ret
1:	NOP5
2:	ret
	WITH_ALTERNATIVE
3:	call static_branch
4:
	END_ALTERNATIVE
	ALTERNATIVE(1b, 2b, 3b, 4b)

/* What is jumped to may be replaced: it is where the jump leads to, all the same. */
GOOD(alternative_if_closed)
	SWITCH(PGTABLES)
	READ
	and $0x3f, %eax
	cmp $DEFAULT, %eax
	je 1f
	SWITCH(DEFAULT)
1:	NOP5
2:	ret
	WITH_ALTERNATIVE
3:	NOP5
4:
	END_ALTERNATIVE
	ALTERNATIVE(1b, 2b, 3b, 4b)

GOOD(alternative_unless_closed)
	SWITCH(PGTABLES)
	READ
	and $0x3f, %eax
	cmp $DEFAULT, %eax
	jne 5f
1:	NOP5
2:	ret
	WITH_ALTERNATIVE
3:	NOP5
4:
	END_ALTERNATIVE
	ALTERNATIVE(1b, 2b, 3b, 4b)
5:	SWITCH(DEFAULT)
	ret

BAD(alternative_if_enabled, switches to context 1, and a path to)
	SWITCH(PGTABLES)
1:	NOP5
	ret
2:	jmp 6f
3:	ret
	WITH_ALTERNATIVE
4:	NOP5
5:
	END_ALTERNATIVE
	ALTERNATIVE(2b, 3b, 4b, 5b)
6:	SWITCH(DEFAULT)
	ret
	JUMP_KEY(1b, 2b, kpkeys_enabled_key)

/* Both ways lead to the same, if what is between them is removed. */
BAD(removed_if_not_closed, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	READ
	and $0x3f, %eax
	cmp $DEFAULT, %eax
	je 2f
1:	jmp 3f
2:	ret
3:	SWITCH(DEFAULT)
	ret
	ALTERNATIVE(1b, 2b, 1b, 1b)

BAD(removed_if_disabled, switches to context 1, and a path to)
	SWITCH(PGTABLES)
1:	NOP5
2:	jmp 4f
3:	NOP5
	ret
4:	SWITCH(DEFAULT)
	ret
	JUMP_KEY(1b, 3b, kpkeys_hardened_pgtables_key)
	ALTERNATIVE(2b, 3b, 2b, 2b)
	JUMP_KEY(3b, 4b, kpkeys_hardened_pgtables_key)

GOOD(closed_after_fixup)
	SWITCH(PGTABLES)
1:	mov (%rdx), %edx
2:	SWITCH(DEFAULT)
	ret
	FIXUP(1b, 2b)

BAD(not_closed_after_fixup, switches to context 1, and a path to)
	SWITCH(PGTABLES)
1:	mov (%rdx), %edx
	SWITCH(DEFAULT)
2:	ret
	FIXUP(1b, 2b)

/* Without jump labels, it is the count of a key that is tested. */
GOOD(count_tested_twice)
	mov kpkeys_enabled_key(%rip), %eax
	test %eax, %eax
	jle 1f
	SWITCH(PGTABLES)
1:	mov kpkeys_enabled_key(%rip), %eax
	test %eax, %eax
	jg 2f
	ret
2:	SWITCH(DEFAULT)
	ret

BAD(count_of_another_tested, switches to context 1, and a path to)
	mov another_key(%rip), %eax
	test %eax, %eax
	jle 1f
	SWITCH(PGTABLES)
1:	mov another_key(%rip), %eax
	test %eax, %eax
	jle 2f
	SWITCH(DEFAULT)
2:	ret

BAD(key_of_count_is_another, switches to context 1, and a path to)
	mov kpkeys_enabled_key(%rip), %eax
	test %eax, %eax
	jle 1f
	SWITCH(PGTABLES)
1:	mov kpkeys_hardened_pgtables_key(%rip), %eax
	test %eax, %eax
	jle 2f
	SWITCH(DEFAULT)
2:	ret

	.section .altinstructions, "a"
	.globl __alt_instructions_end
__alt_instructions_end:
