// SPDX-License-Identifier: GPL-2.0-only
/*
 * Has the firmware's runtime services keep variables, which run on page tables
 * of their own. Then has the kernel audit all page tables, those among them.
 */
#include "guest.h"

#include <sys/mount.h>

#define VARS	"/sys/firmware/efi/efivars"
#define GUID	"6b706b65-7973-4b50-8b45-595354455354"
#define NR_VARS	16

/* What efivarfs takes and gives: attributes, then the value. */
struct variable {
	unsigned int attributes;
	char value[28];
};

/* Nonvolatile, for firmware and system: no others can be made by a system. */
#define ATTRIBUTES	0x7

static void keep(int i)
{
	struct variable var = { .attributes = ATTRIBUTES }, read_back;
	char path[128];
	int fd;

	snprintf(var.value, sizeof(var.value), "value %d", i);
	snprintf(path, sizeof(path), VARS "/kpkeys%d-" GUID, i);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	if (fd < 0 || write(fd, &var, sizeof(var)) != sizeof(var))
		die("%s: cannot write: %s", path, strerror(errno));
	close(fd);

	fd = open(path, O_RDONLY);
	if (fd < 0 || read(fd, &read_back, sizeof(read_back)) != sizeof(read_back))
		die("%s: cannot read: %s", path, strerror(errno));
	close(fd);
	if (memcmp(&var, &read_back, sizeof(var)))
		die("%s: has another value", path);
}

/* How many page tables of the uppermost level the audit found in the kernel. */
static u64 kernel_pgds(void)
{
	char line[512];
	u64 pgds = 0;
	FILE *file;

	file = fopen(KPKEYS_AUDIT, "r");
	if (!file)
		die(KPKEYS_AUDIT ": %s", strerror(errno));
	while (fgets(line, sizeof(line), file))
		sscanf(line, "PGD %llu", &pgds);
	fclose(file);
	return pgds;
}

int main(void)
{
	int i;

	if (mount("efivarfs", VARS, "efivarfs", 0, NULL))
		die(VARS ": %s", strerror(errno));
	for (i = 0; i < NR_VARS; i++)
		keep(i);
	printf("efi: %d variables written and read back\n", NR_VARS);

	/* That of the kernel itself and that of the firmware. */
	if (kpkeys_on() && kernel_pgds() != 2)
		die("the audit found %llu PGDs in the kernel, not 2", kernel_pgds());
	return print_audit();
}
