// SPDX-License-Identifier: GPL-2.0-only
/*
 * Prints the kernel's audit of all page tables; fails if there are violations.
 */
#include "guest.h"

int main(void)
{
	return print_audit();
}
