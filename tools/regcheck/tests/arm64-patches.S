/* SPDX-License-Identifier: GPL-2.0-only */
/* Code that is patched, exceptions and traps. */
#include "arm64.h"

/* struct jump_entry, exception_table_entry, alt_instr and bug_entry */
#define JUMP(from, to)		.pushsection __jump_table, "aw"; .balign 8; .long from - ., to - .; .quad 0; .popsection
#define JUMP_KEY(from, to, key)	.pushsection __jump_table, "aw"; .balign 8; .long from - ., to - .; .quad key - .; .popsection
#define FIXUP(from, to)		.pushsection __ex_table, "a"; .long from - ., to - .; .long 0; .popsection
#define BUG(addr, flags)	.pushsection __bug_table, "aw"; .long addr - ., 0; .hword 0, flags; .popsection
#define ALTERNATIVE(old, old_end, new, new_end)					\
	.pushsection .altinstructions, "a"; .long old - ., new - .; .hword 1;	\
	.byte old_end - old, new_end - new; .popsection
#define WITH_ALTERNATIVE	.subsection 1
#define END_ALTERNATIVE		.previous

	.pushsection .altinstructions, "a"
	.globl __alt_instructions
__alt_instructions:
	.popsection
	.pushsection .data
	.quad __start___jump_table, __stop___jump_table, __start___ex_table, __stop___ex_table
	.quad __start___bug_table, __stop___bug_table
	.popsection

	WITH_ALTERNATIVE
BAD(alternatives, the result of code that nothing seems to jump to)
	ret
	END_ALTERNATIVE

/* ---- static branches: each is taken and is not */

GOOD(static_branch)
	READ
1:	nop
	CLOSE
	ret
2:	SWITCH(DEFAULT)
	ret
	JUMP(1b, 2b)

BAD(static_branch_taken, what the function was called with in x1)
	READ
	mov x2, x0
	mov x0, x1
1:	nop
	mov x0, x2
2:	CLOSE
	ret
	JUMP(1b, 2b)

BAD(static_branch_not_taken, what the function was called with in x1)
	READ
1:	nop
	mov x0, x1
2:	CLOSE
	ret
	JUMP(1b, 2b)

BAD(static_jump_taken, what the function was called with in x1)
	READ
	mov x2, x0
	mov x0, x1
1:	b 2f
	mov x0, x2
2:	CLOSE
	ret
	JUMP(1b, 2b)

BAD(static_jump_not_taken, what the function was called with in x1)
	READ
1:	b 2f
	mov x0, x1
2:	CLOSE
	ret
	JUMP(1b, 2b)

/* ---- alternatives */

GOOD(alternative)
	READ
1:	nop
2:	CLOSE
	ret
	WITH_ALTERNATIVE
3:	mov x1, x2
4:
	END_ALTERNATIVE
	ALTERNATIVE(1b, 2b, 3b, 4b)

BAD(alternative_wrong, what the function was called with in x1)
	READ
1:	nop
	nop
2:	CLOSE
	ret
	WITH_ALTERNATIVE
3:	nop
	mov x0, x1
4:
	END_ALTERNATIVE
	ALTERNATIVE(1b, 2b, 3b, 4b)

BAD(original_wrong, what the function was called with in x1)
	READ
1:	mov x0, x1
2:	CLOSE
	ret
	WITH_ALTERNATIVE
3:	nop
4:
	END_ALTERNATIVE
	ALTERNATIVE(1b, 2b, 3b, 4b)

BAD(write_in_alternative, what the function was called with in x1)
	READ
1:	nop
2:	CLOSE
	ret
	WITH_ALTERNATIVE
3:	msr POR, x1
4:
	END_ALTERNATIVE
	ALTERNATIVE(1b, 2b, 3b, 4b)

GOOD(good_write_in_alternative)
	READ
	mov x9, DEFAULT
	bfi x0, x9, 0, 12
1:	nop
2:	WRITE
	ret
	WITH_ALTERNATIVE
3:	msr POR, x0
4:
	END_ALTERNATIVE
	ALTERNATIVE(1b, 2b, 3b, 4b)

/* The function itself has no write. The finding is of alternatives, below. */
NONE(write_in_alternative_only)
1:	nop
2:	ret
	WITH_ALTERNATIVE
3:	msr POR, x1
4:
	END_ALTERNATIVE
	ALTERNATIVE(1b, 2b, 3b, 4b)

BAD(alternative_at_entry, what the function was called with in x0 | what the function was called with in x1)
1:	nop
2:	CLOSE
	ret
	WITH_ALTERNATIVE
3:	mov x0, x1
4:
	END_ALTERNATIVE
	ALTERNATIVE(1b, 2b, 3b, 4b)

/* Of no length: a callback may make it anything, nothing for example. */
BAD(removed, what the function was called with in x1)
	READ
	mov x2, x0
	mov x0, x1
1:	mov x0, x2
2:	CLOSE
	ret
	ALTERNATIVE(1b, 2b, 1b, 1b)

GOOD(alternative_that_jumps)
	READ
	mov x2, x0
	mov x0, x1
1:	mov x0, x2
2:	CLOSE
	ret
	WITH_ALTERNATIVE
3:	b 5f
4:
	END_ALTERNATIVE
5:	ret
	ALTERNATIVE(1b, 2b, 3b, 4b)

/* ---- exceptions */

BAD(fixup, what the function was called with in x1)
	READ
	mov x2, x0
	mov x0, x1
1:	ldr x3, [x4]
	mov x0, x2
2:	CLOSE
	ret
	FIXUP(1b, 2b)

/* ---- traps */

GOOD(bug)
	READ
	cbz x2, 2f
	mov x0, x1
1:	brk 0x800
2:	CLOSE
	ret
	BUG(1b, 0)

BAD(warning, what the function was called with in x1)
	READ
	cbz x2, 2f
	mov x0, x1
1:	brk 0x800
2:	CLOSE
	ret
	BUG(1b, 1)

BAD(other_trap, what the function was called with in x1)
	READ
	cbz x2, 2f
	mov x0, x1
1:	brk 0x900
2:	CLOSE
	ret

/* ---- keys: kpkeys is enabled where the register has been written */

	.bss
	.globl kpkeys_enabled_key, kpkeys_hardened_pgtables_key, another_key
	.p2align 4
kpkeys_enabled_key:		.skip 16
kpkeys_hardened_pgtables_key:	.skip 16
another_key:			.skip 16
	.text

GOOD(key_tested_twice)
1:	nop
2:	nop
	ret
3:	SWITCH(PGTABLES)
	b 2b
4:	SWITCH(DEFAULT)
	ret
	JUMP_KEY(1b, 3b, kpkeys_enabled_key)
	JUMP_KEY(2b, 4b, kpkeys_enabled_key)

GOOD(hardened_key_tested_twice)
1:	nop
2:	nop
	ret
3:	SWITCH(PGTABLES)
	b 2b
4:	SWITCH(DEFAULT)
	ret
	JUMP_KEY(1b, 3b, kpkeys_hardened_pgtables_key)
	JUMP_KEY(2b, 4b, kpkeys_hardened_pgtables_key)

/* No jump if it is enabled: the lowest bit says so. */
GOOD(likely_key)
1:	b 2f
	SWITCH(PGTABLES)
2:	b 3f
	SWITCH(DEFAULT)
3:	ret
	JUMP_KEY(1b, 2b, kpkeys_enabled_key + 1)
	JUMP_KEY(2b, 3b, kpkeys_enabled_key + 1)

BAD(key_disabled, switches to context 1, and a path to)
1:	b 2f
	SWITCH(PGTABLES)
2:	b 3f
	SWITCH(DEFAULT)
3:	ret
	JUMP_KEY(1b, 2b, kpkeys_enabled_key + 1)
	JUMP_KEY(2b, 3b, kpkeys_enabled_key)

/* Hardening is not enabled wherever kpkeys is. */
BAD(key_of_close_is_another, switches to context 1, and a path to)
1:	nop
2:	nop
	ret
3:	SWITCH(PGTABLES)
	b 2b
4:	SWITCH(DEFAULT)
	ret
	JUMP_KEY(1b, 3b, kpkeys_enabled_key)
	JUMP_KEY(2b, 4b, kpkeys_hardened_pgtables_key)

/* On one of the two ways to the switch, the key is not known. */
BAD(key_tested_on_one_path, switches to context 1, and a path to)
	cbz x1, 3f
1:	nop
2:	nop
	ret
3:	SWITCH(PGTABLES)
	b 2b
4:	SWITCH(DEFAULT)
	ret
	JUMP_KEY(1b, 3b, kpkeys_hardened_pgtables_key)
	JUMP_KEY(2b, 4b, kpkeys_hardened_pgtables_key)

BAD(key_tested_on_other_path, switches to context 1, and a path to)
	cbz x1, 1f
	b 3f
1:	nop
2:	nop
	ret
3:	SWITCH(PGTABLES)
	b 2b
4:	SWITCH(DEFAULT)
	ret
	JUMP_KEY(1b, 3b, kpkeys_hardened_pgtables_key)
	JUMP_KEY(2b, 4b, kpkeys_hardened_pgtables_key)

BAD(key_opens_if_disabled, switches to context 1, and a path to)
1:	nop
	SWITCH(PGTABLES)
2:	nop
3:	ret
4:	SWITCH(DEFAULT)
	ret
	JUMP_KEY(1b, 3b, kpkeys_hardened_pgtables_key)
	JUMP_KEY(2b, 4b, kpkeys_hardened_pgtables_key)

GOOD(key_of_close)
	SWITCH(PGTABLES)
1:	nop
	ret
2:	SWITCH(DEFAULT)
	ret
	JUMP_KEY(1b, 2b, kpkeys_enabled_key)

/* Between the two tests, the section has gone on with it enabled. */
GOOD(key_tested_after_switch)
	SWITCH(PGTABLES)
1:	nop
	b 4f
2:	nop
	ret
3:	b 2b
4:	SWITCH(DEFAULT)
	ret
	JUMP_KEY(1b, 3b, kpkeys_hardened_pgtables_key)
	JUMP_KEY(2b, 4b, kpkeys_hardened_pgtables_key)

BAD(another_key_tested, switches to context 1, and a path to)
1:	nop
2:	nop
	ret
3:	SWITCH(PGTABLES)
	b 2b
4:	SWITCH(DEFAULT)
	ret
	JUMP_KEY(1b, 3b, another_key)
	JUMP_KEY(2b, 4b, another_key)

/* ---- what sections end in */

GOOD(ends_in_bug)
	SWITCH(PGTABLES)
	cbz x1, 1f
	SWITCH(DEFAULT)
	ret
1:	brk 0x800
2:	ret
	BUG(1b, 0)

GOOD(ends_in_last_bug)
	SWITCH(PGTABLES)
	cbz x1, 1f
	SWITCH(DEFAULT)
	ret
1:	brk 0x800
	BUG(1b, 0)
	.type right_behind, %function
right_behind:
	ret

BAD(ends_in_warning, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	cbz x1, 1f
	SWITCH(DEFAULT)
	ret
1:	brk 0x800
	ret
	BUG(1b, 1)

/* Each of the two may be there. */
BAD(closed_in_alternative, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	READ
	mov x9, DEFAULT
	bfi x0, x9, 0, 12
1:	nop
2:	ret
	WITH_ALTERNATIVE
3:	msr POR, x0
4:
	END_ALTERNATIVE
	ALTERNATIVE(1b, 2b, 3b, 4b)

BAD(alternative_calls, switches to context 1, and a path to)
	SWITCH(PGTABLES)
	cbz x1, 1f
	SWITCH(DEFAULT)
	ret
1:	nop
2:	ret
	WITH_ALTERNATIVE
3:	bl static_branch
4:
	END_ALTERNATIVE
	ALTERNATIVE(1b, 2b, 3b, 4b)

/* What is jumped to may be replaced: it is where the jump leads to, all the same. */
GOOD(alternative_if_closed)
	SWITCH(PGTABLES)
	READ
	and x0, x0, MASK
	cmp x0, DEFAULT
	b.eq 1f
	SWITCH(DEFAULT)
1:	nop
2:	ret
	WITH_ALTERNATIVE
3:	nop
4:
	END_ALTERNATIVE
	ALTERNATIVE(1b, 2b, 3b, 4b)

GOOD(alternative_unless_closed)
	SWITCH(PGTABLES)
	READ
	and x0, x0, MASK
	cmp x0, DEFAULT
	b.ne 5f
1:	nop
2:	ret
	WITH_ALTERNATIVE
3:	nop
4:
	END_ALTERNATIVE
	ALTERNATIVE(1b, 2b, 3b, 4b)
5:	SWITCH(DEFAULT)
	ret

BAD(alternative_if_enabled, switches to context 1, and a path to)
	SWITCH(PGTABLES)
1:	nop
	ret
2:	b 6f
3:	ret
	WITH_ALTERNATIVE
4:	nop
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
	and x0, x0, MASK
	cmp x0, DEFAULT
	b.eq 2f
1:	b 3f
2:	ret
3:	SWITCH(DEFAULT)
	ret
	ALTERNATIVE(1b, 2b, 1b, 1b)

BAD(removed_if_disabled, switches to context 1, and a path to)
	SWITCH(PGTABLES)
1:	nop
2:	b 4f
3:	nop
	ret
4:	SWITCH(DEFAULT)
	ret
	JUMP_KEY(1b, 3b, kpkeys_hardened_pgtables_key)
	ALTERNATIVE(2b, 3b, 2b, 2b)
	JUMP_KEY(3b, 4b, kpkeys_hardened_pgtables_key)

GOOD(closed_after_fixup)
	SWITCH(PGTABLES)
1:	ldr x3, [x4]
2:	SWITCH(DEFAULT)
	ret
	FIXUP(1b, 2b)

BAD(not_closed_after_fixup, switches to context 1, and a path to)
	SWITCH(PGTABLES)
1:	ldr x3, [x4]
	SWITCH(DEFAULT)
2:	ret
	FIXUP(1b, 2b)

	.section .altinstructions, "a"
	.globl __alt_instructions_end
__alt_instructions_end:
