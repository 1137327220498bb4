/* SPDX-License-Identifier: GPL-2.0-only */
/* The rules for what is written, and to which MSR. */
#define MSR
#include "x86-rules.S"

/* ---- MSRs: their number is in %ecx */

GOOD(another_msr)
	mov $0x10, %ecx
	mov %edi, %eax
	wrmsr
	ret

GOOD(two_others)
	mov $0x10, %ecx
	test %esi, %esi
	je 1f
	mov $0x11, %ecx
1:	mov %edi, %eax
	wrmsr
	ret

BAD(another_on_one_path, what the function was called with in %rdi)
	mov $0x10, %ecx
	test %esi, %esi
	je 1f
	mov $0x6e1, %ecx
1:	mov %edi, %eax
	wrmsr
	ret

BAD(msr_of_argument, perhaps; what selects the register is what the function was called with in %rdi)
	mov %edi, %ecx
	READ
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

BAD(msr_of_memory, perhaps; what selects the register is memory, (%rdi))
	mov (%rdi), %ecx
	wrmsr
	ret

GOOD(not_serializing_and_close)
	READ
	mov %eax, %ebx
	and $KEEP, %eax
	or $PGTABLES, %eax
	wrmsrns
	CLOSE_OLD
	ret

BAD(not_serializing, what the function was called with in %rdi)
	mov $0x6e1, %ecx
	mov %edi, %eax
	xor %edx, %edx
	wrmsrns
	ret

BAD(read_from_another, another MSR)
	mov $0x10, %ecx
	rdmsr
	CLOSE
	ret

BAD(read_from_two, another MSR)
	mov $0x10, %ecx
	test %esi, %esi
	je 1f
	mov $0x6e1, %ecx
1:	rdmsr
	CLOSE
	ret

BAD(read_from_unknown, another MSR)
	mov %edi, %ecx
	rdmsr
	CLOSE
	ret

BAD(read_high, the result of rdmsr)
	READ
	mov %edx, %eax
	CLOSE
	ret

BAD(read_pkru, the result of rdpkru)
	xor %ecx, %ecx
	rdpkru
	CLOSE
	ret
