/* SPDX-License-Identifier: GPL-2.0-only */
/* What differs between page-table formats, for those who write to page tables. */
#ifndef FORMAT_H
#define FORMAT_H

#include "guest.h"

/*
 * All have entries of eight bytes, and bit 0 for "present". Where arm64 has more
 * bits of a physical address elsewhere in an entry, no machine that this runs on
 * has memory there.
 */
struct format {
	const char *arch;
	u64 address_mask;	/* the physical address in an entry */
	u64 set;		/* to be set in an entry that is changed */
};

static inline const struct format *format_of(const char *arch)
{
	static const struct format formats[] = {
		/* UML copies entries that have bit 1 into the host's page tables. */
		{ "um",		0xfffffffffffff000, 0x2 },
		{ "x86_64",	0x000ffffffffff000, 0 },
		{ "arm64",	0x0000fffffffff000, 0 },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(formats); i++)
		if (!strcmp(formats[i].arch, arch))
			return &formats[i];
	die("the page-table format of %s is not known", arch);
}

#endif /* FORMAT_H */
