/* must not build: kpkeys context must be a compile-time constant */
// SPDX-License-Identifier: GPL-2.0-only
/* A value that an attacker could write to is not a constant, whatever it is initialised to. */
#include <linux/kpkeys.h>

extern int the_ctx;
int the_ctx = KPKEYS_CTX_PGTABLES;

KPKEYS_GUARD(from_memory, the_ctx);

void write_it(long *data);

void write_it(long *data)
{
	guard(from_memory)();

	*data = 1;
}
