/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef MM_KPKEYS_TESTS_EARLY_H
#define MM_KPKEYS_TESTS_EARLY_H

#ifdef CONFIG_KPKEYS_KUNIT_TEST
extern void *kpkeys_test_early_pgtable;
void __init kpkeys_test_early_init(void);
#else
static inline void kpkeys_test_early_init(void) {}
#endif

#endif /* MM_KPKEYS_TESTS_EARLY_H */
