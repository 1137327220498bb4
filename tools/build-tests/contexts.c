/* must build */
// SPDX-License-Identifier: GPL-2.0-only
/* Every way to open a context that is meant to work: what the other tests try must be wrong alone. */
#include <linux/kpkeys_pgtables.h>

KPKEYS_GUARD(always, KPKEYS_CTX_TEST);
KPKEYS_GUARD_COND(if_enabled, KPKEYS_CTX_TEST, kpkeys_enabled());
KPKEYS_GUARD_NOOP(never);

void by_hand(long *data);
void by_guard(long *data);
int by_scoped_guard(long *data, bool fail);
int nested(long *data);

void by_hand(long *data)
{
	u64 reg = kpkeys_set_context(KPKEYS_CTX_TEST);

	*data = 1;
	kpkeys_restore_pkey_reg(reg);
}

void by_guard(long *data)
{
	guard(always)();
	guard(if_enabled)();
	guard(never)();

	*data = 1;
}

int by_scoped_guard(long *data, bool fail)
{
	scoped_guard(always) {
		if (fail)
			return -EINVAL;
		*data = 1;
	}
	return 0;
}

/* A constant may come through functions that are always inlined. */
static __always_inline u64 inlined(int ctx)
{
	return kpkeys_set_context(ctx);
}

int nested(long *data)
{
	u64 reg = inlined(KPKEYS_CTX_TEST);

	scoped_guard(kpkeys_hardened_pgtables)
		by_hand(data);
	kpkeys_restore_pkey_reg(reg);
	return 0;
}
