// SPDX-License-Identifier: GPL-2.0-only
/*
 * kpkeys: the framework. Decides at boot whether kpkeys are used, and tags
 * memory. The rest of the framework is inline, in <linux/kpkeys.h>.
 */

#define pr_fmt(fmt) "kpkeys: " fmt

#include <kunit/static_stub.h>
#include <linux/export.h>
#include <linux/init.h>
#include <linux/kasan.h>
#include <linux/kpkeys.h>
#include <linux/kstrtox.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include "kpkeys.h"
#include "pgtables_test.h"

static bool kpkeys_param __initdata = true;

DEFINE_STATIC_KEY_FALSE_RO(kpkeys_enabled_key);
EXPORT_SYMBOL_GPL(kpkeys_enabled_key);

static int __init kpkeys_parse_param(char *arg)
{
	if (!arg || kstrtobool(arg, &kpkeys_param)) {
		pr_warn("\"kpkeys=%s\" is not one of on, off; ignored\n", arg ?: "");
		return -EINVAL;
	}
	return 0;
}
early_param("kpkeys", kpkeys_parse_param);

#ifdef CONFIG_KPKEYS_DEBUG
DEFINE_PER_CPU(unsigned long, kpkeys_reg_writes);
EXPORT_PER_CPU_SYMBOL_GPL(kpkeys_reg_writes);
atomic_long_t kpkeys_nr_key_changes;
#endif

/**
 * kpkeys_init() - Decide whether kpkeys are used
 *
 * Context: Boot CPU, after early parameters have been parsed and CPU features
 * are known, before the page allocator is up.
 */
void __init kpkeys_init(void)
{
	if (!kpkeys_param) {
		pr_info("disabled: kpkeys=off\n");
		return;
	}
	if (!arch_kpkeys_init()) {
		pr_info("disabled: not supported by the CPU\n");
		return;
	}

	static_branch_enable(&kpkeys_enabled_key);
	pr_info("enabled: pkeys 1 to %d, pkey register 0x%llx\n",
		KPKEYS_NR_PKEYS - 1, arch_kpkeys_read_reg());
	kpkeys_test_early_init();
}

#ifdef CONFIG_KPKEYS_HARDENED_PGTABLES
/**
 * kpkeys_hardened_pgtables_early_enabled() - Will page tables be protected?
 *
 * For code that allocates page tables before kpkeys_init().
 *
 * Context: Boot CPU, after early parameters have been parsed.
 * Return: true if kpkeys_early_pgtable_alloc() must be used.
 */
bool __init kpkeys_hardened_pgtables_early_enabled(void)
{
	return kpkeys_param && arch_supports_kpkeys_early();
}
#endif

/**
 * set_memory_pkey() - Tag pages of the linear map with a pkey
 * @addr: First page, page-aligned, in the linear map; a KASAN tag is ignored.
 * @nr_pages: Number of pages, all of them in the linear map
 * @pkey: 0 to ARCH_KPKEYS_MAX_PKEY. KPKEYS_PKEY_DEFAULT gives the pages back.
 *
 * Other mappings of the pages (vmalloc, vmap, user) are not changed; the
 * caller makes sure that there are none that can be written to.
 *
 * A failure can leave some of the pages changed; tag them again, or do not let
 * them go.
 *
 * Context: Process context; may sleep where the architecture has to split
 * block mappings.
 * Return: 0, -EINVAL if an argument is out of range, -EOPNOTSUPP if kpkeys
 * are not enabled, -ENOMEM, or another error of the architecture.
 */
int set_memory_pkey(unsigned long addr, int nr_pages, int pkey)
{
	unsigned long end;

	KUNIT_STATIC_STUB_REDIRECT(set_memory_pkey, addr, nr_pages, pkey);

	if (!kpkeys_enabled())
		return -EOPNOTSUPP;

	addr = (unsigned long)kasan_reset_tag((void *)addr);

	if (!PAGE_ALIGNED(addr) || nr_pages <= 0 ||
	    pkey < 0 || pkey > ARCH_KPKEYS_MAX_PKEY)
		return -EINVAL;

	end = addr + (unsigned long)nr_pages * PAGE_SIZE;
	if (end < addr || !virt_addr_valid((void *)addr) ||
	    !virt_addr_valid((void *)(end - 1)))
		return -EINVAL;

#ifdef CONFIG_KPKEYS_DEBUG
	atomic_long_inc(&kpkeys_nr_key_changes);
#endif
	return arch_set_memory_pkey(addr, nr_pages, pkey);
}

static const char * const ctx_names[KPKEYS_NR_CTX] = {
	[KPKEYS_CTX_DEFAULT]	= "default",
	[KPKEYS_CTX_PGTABLES]	= "page tables",
	[KPKEYS_CTX_TEST]	= "test",
};

/**
 * kpkeys_ctx_name() - Name the context that a register value stands for
 * @pkey_reg: Value of the pkey register
 *
 * Return: the name, or "unknown" for a value that is of no context.
 */
const char *kpkeys_ctx_name(u64 pkey_reg)
{
	int ctx;

	for (ctx = 0; ctx < KPKEYS_NR_CTX; ctx++)
		if ((pkey_reg & KPKEYS_REG_MASK) == kpkeys_ctx_table[ctx])
			return ctx_names[ctx];
	return "unknown";
}
