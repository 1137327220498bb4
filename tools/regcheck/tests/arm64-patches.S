/* SPDX-License-Identifier: GPL-2.0-only */
/* Code that is patched, exceptions and traps. */
#include "arm64.h"

/* struct jump_entry, exception_table_entry, alt_instr and bug_entry */
#define JUMP(from, to)		.pushsection __jump_table, "aw"; .long from - ., to - .; .quad 0; .popsection
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
	WRITE
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
2:	WRITE
	ret
	JUMP(1b, 2b)

BAD(static_branch_not_taken, what the function was called with in x1)
	READ
1:	nop
	mov x0, x1
2:	WRITE
	ret
	JUMP(1b, 2b)

BAD(static_jump_taken, what the function was called with in x1)
	READ
	mov x2, x0
	mov x0, x1
1:	b 2f
	mov x0, x2
2:	WRITE
	ret
	JUMP(1b, 2b)

BAD(static_jump_not_taken, what the function was called with in x1)
	READ
1:	b 2f
	mov x0, x1
2:	WRITE
	ret
	JUMP(1b, 2b)

/* ---- alternatives */

GOOD(alternative)
	READ
1:	nop
2:	WRITE
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
2:	WRITE
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
2:	WRITE
	ret
	WITH_ALTERNATIVE
3:	nop
4:
	END_ALTERNATIVE
	ALTERNATIVE(1b, 2b, 3b, 4b)

BAD(write_in_alternative, what the function was called with in x1)
	READ
1:	nop
2:	WRITE
	ret
	WITH_ALTERNATIVE
3:	msr POR, x1
4:
	END_ALTERNATIVE
	ALTERNATIVE(1b, 2b, 3b, 4b)

GOOD(good_write_in_alternative)
	READ
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
2:	WRITE
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
2:	WRITE
	ret
	ALTERNATIVE(1b, 2b, 1b, 1b)

GOOD(alternative_that_jumps)
	READ
	mov x2, x0
	mov x0, x1
1:	mov x0, x2
2:	WRITE
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
2:	WRITE
	ret
	FIXUP(1b, 2b)

/* ---- traps */

GOOD(bug)
	READ
	cbz x2, 2f
	mov x0, x1
1:	brk 0x800
2:	WRITE
	ret
	BUG(1b, 0)

BAD(warning, what the function was called with in x1)
	READ
	cbz x2, 2f
	mov x0, x1
1:	brk 0x800
2:	WRITE
	ret
	BUG(1b, 1)

BAD(other_trap, what the function was called with in x1)
	READ
	cbz x2, 2f
	mov x0, x1
1:	brk 0x900
2:	WRITE
	ret

	.section .altinstructions, "a"
	.globl __alt_instructions_end
__alt_instructions_end:
