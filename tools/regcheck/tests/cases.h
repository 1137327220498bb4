/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cases of ../test.py: functions, each with what check-reg-writes must say of it.
 *
 *   GOOD(name)			nothing
 *   NONE(name)			nothing: it has no write
 *   BAD(name, text | text)	findings: one at least with each text, and none with neither
 *   KEEPS(reg, insn)		@reg is the same after @insn: the finding is that a saved value is
 *				written; CHANGES(reg, insn): there is another finding
 *   SLOT_KEEPS(insn)		the same for the slot that SLOT names; SLOT_CHANGES(insn)
 *   MAYBE(name)			anything: versions of objdump differ
 *   LISTED(name)		as BAD(), of a function that is in the list
 */
#define GLUE(a, b)		a##b
#define NAME(kind, line)	GLUE(kind, line)
#define FUNC(name)		.p2align 4; .globl name; .type name, %function; name:

#define GOOD(name)		FUNC(name)
#define NONE(name)		FUNC(name)
#define BAD(name, ...)		FUNC(name)
#define MAYBE(name)		FUNC(name)
#define LISTED(name, ...)	FUNC(name)
#define KEEPS(reg, ...)		FUNC(NAME(keeps_, __LINE__)) THROUGH(reg, __VA_ARGS__)
#define CHANGES(reg, ...)	FUNC(NAME(changes_, __LINE__)) THROUGH(reg, __VA_ARGS__)
#define SLOT_KEEPS(...)		FUNC(NAME(slot_keeps_, __LINE__)) THROUGH_SLOT(__VA_ARGS__)
#define SLOT_CHANGES(...)	FUNC(NAME(slot_changes_, __LINE__)) THROUGH_SLOT(__VA_ARGS__)

#ifndef NO_TABLE
	.section .init.rodata, "a"
	.p2align 3
	.type kpkeys_regcheck_values, %object
	.size kpkeys_regcheck_values, VALUES_SIZE
kpkeys_regcheck_values:
	.quad VALUES
	.type kpkeys_regcheck_mask, %object
	.size kpkeys_regcheck_mask, 8
kpkeys_regcheck_mask:
	.quad MASK
#endif
	.text
