/* SPDX-License-Identifier: GPL-2.0-only */
/* Functions that write take bits of other pkeys from memory: short immediates and long ones have a sign. */
#define MSR
#define OWN_WRITERS
#define OTHERS	-0x40
#include "x86.h"

WRITES_START
GOOD(x86_kpkeys_write_DEFAULT)
	RIGHTS_OF(DEFAULT); jmp __x86_return_thunk
	.p2align 6, 0xcc
GOOD(x86_kpkeys_write_PGTABLES)
	LOAD_RIGHTS
	.byte 0x25; .long KEEP		/* and $KEEP, %eax */
	.byte 0x35; .long OTHERS | PGTABLES	/* xor $(OTHERS | PGTABLES), %eax */
	wrmsr; ret
	.p2align 6, 0xcc
GOOD(x86_kpkeys_write_TEST)
	mov $0x6e1, %ecx; xor %edx, %edx
	mov %gs:0x10, %rax; mov 0x930(%rax), %eax	/* without %rip */
	and $~0xff, %eax; xor $(OTHERS | TEST), %eax
	wrmsr; ret
	.p2align 6, 0xcc
GOOD(x86_kpkeys_write_INIT)
	WRITE_OF(DEFAULT); ret
WRITES_END

FUNC(__x86_return_thunk)
	ret

GOOD(switch_and_close)
	SWITCH(PGTABLES)
	SWITCH(DEFAULT)
	ret

GOOD(switch_and_init)
	SWITCH(PGTABLES)
	SWITCH(INIT)
	ret

BAD(init_and_switch, switches to context 2, and a path to)
	SWITCH(INIT)
	SWITCH(TEST)
	ret

/* It stays in the context that it finds, and so may its parts. */
GOOD(kpkeys_load_rights)
	IF_NOT(DEFAULT, 1f)
	SWITCH(DEFAULT)
	ret
1:	READ
	and $0x3f, %eax
	cmp $PGTABLES, %eax
	jne kpkeys_load_rights.cold
	SWITCH(PGTABLES)
	ret
GOOD(kpkeys_load_rights.cold)
	SWITCH(TEST)
	ret

/* Nothing else does. */
BAD(kpkeys_load_other_rights, switches to context 1, and a path to)
	READ
	and $0x3f, %eax
	cmp $PGTABLES, %eax
	jne 1f
	SWITCH(PGTABLES)
1:	ret
