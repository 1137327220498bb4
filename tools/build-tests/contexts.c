/* must build */
// SPDX-License-Identifier: GPL-2.0-only
/* Every way to open a context that is meant to work: what the other tests try must be wrong alone. */
#include <linux/kpkeys_pgtables.h>

KPKEYS_GUARD(test_ctx, KPKEYS_CTX_TEST);

void by_hand(long *data);
void by_guard(long *data);
int by_scoped_guard(long *data, bool fail);
void by_statement(long *data);
void nested(long *data);

void by_hand(long *data)
{
	kpkeys_set_context(KPKEYS_CTX_TEST);
	*data = 1;
	kpkeys_leave_context();
}

void by_guard(long *data)
{
	guard(test_ctx)();

	*data = 1;
}

int by_scoped_guard(long *data, bool fail)
{
	scoped_guard(test_ctx) {
		if (fail)
			return -EINVAL;
		*data = 1;
	}
	return 0;
}

void by_statement(long *data)
{
	kpkeys_in_context(KPKEYS_CTX_TEST, *data = 1);
	kpkeys_pgtables_write(*data = 2);
}

/* A constant may come through functions that are always inlined. */
static __always_inline void inlined(int ctx)
{
	kpkeys_set_context(ctx);
}

void nested(long *data)
{
	inlined(KPKEYS_CTX_TEST);
	kpkeys_in_context(KPKEYS_CTX_TEST, by_statement(data));
	kpkeys_leave_context();
}
