/* SPDX-License-Identifier: GPL-2.0-only */
/* The rules for what is written. */
#include "x86-rules.S"

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
