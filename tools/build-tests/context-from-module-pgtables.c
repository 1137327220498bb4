/* must build */
// SPDX-License-Identifier: GPL-2.0-only
/* Setters of page tables are inline functions, which drivers use. */
#define MODULE 1
#include <linux/kpkeys_pgtables.h>

void set_from_module(unsigned long *entry);

void set_from_module(unsigned long *entry)
{
	kpkeys_pgtables_write(*entry = 0);
}
