// SPDX-License-Identifier: GPL-2.0-only
/*
 * Checks what the kernel's dump of its page tables says of pkeys: each mapping
 * has one, and in the linear map as much memory has that of page tables as the
 * audit finds, which has its own ways to look.
 */
#include "guest.h"

#define TRIES	10

static const struct {
	const char *path;
	const char *linear_map;	/* the headline */
} dumps[] = {
	{ "/sys/kernel/debug/kernel_page_tables",	"Linear Mapping start" },
	{ "/sys/kernel/debug/page_tables/kernel",	"Low Kernel Mapping" },
};

/* Returns how many pages of the linear map have the pkey of page tables. */
static u64 dump_pages(u64 *mappings)
{
	char line[512], bits[256], *pkey;
	u64 start, end, pages = 0;
	bool linear = false;
	unsigned int i = !!access(dumps[0].path, F_OK);
	FILE *file;

	file = fopen(dumps[i].path, "r");
	if (!file)
		die("%s: %s", dumps[i].path, strerror(errno));
	*mappings = 0;
	while (fgets(line, sizeof(line), file)) {
		if (line[0] == '-')
			linear = strstr(line, dumps[i].linear_map);
		/* What is not mapped has no bits. */
		if (sscanf(line, "0x%llx-0x%llx %*s %*s %255[^\n]", &start, &end,
			   bits) != 3)
			continue;
		(*mappings)++;
		pkey = strstr(bits, "PKEY");
		if (!pkey || strstr(pkey + 1, "PKEY"))
			die("not one pkey: %s", line);
		if (linear && pkey[4] == '1')
			pages += (end - start) / PAGE_SIZE;
	}
	fclose(file);
	return pages;
}

int main(void)
{
	u64 dumped, audited, mappings;
	int i;

	/* The pool of page tables can grow meanwhile. */
	for (i = 0; i < TRIES; i++) {
		dumped = dump_pages(&mappings);
		audited = kpkeys_on() ?
			  read_stat(KPKEYS_AUDIT, "pages that carry pkey 1") : 0;
		if (dumped == audited)
			break;
	}
	printf("ptdump: mappings=%llu pages_with_pkey_1=%llu audit=%llu\n", mappings,
	       dumped, audited);
	return dumped != audited || !mappings;
}
