/* SPDX-License-Identifier: GPL-2.0-only */
/* The rules for what is written. */
#include "x86-rules.S"

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
