// SPDX-License-Identifier: GPL-2.0-only
/*
 * kpkeys: faults that tests inject from early boot on.
 *
 * kpkeys_test.fail_protect=N makes the pool's Nth change of a pkey fail, and
 * kpkeys_test.fail_chunk=N the Nth allocation of what describes a chunk. What was
 * to be protected must not be used unprotected: see mm/kpkeys/pgtables.c.
 */

#define pr_fmt(fmt) "kpkeys: " fmt

#include <linux/atomic.h>
#include <linux/init.h>
#include <linux/kstrtox.h>
#include <linux/printk.h>
#include "../pool.h"

static atomic_t fail_protect;
static atomic_t fail_chunk;

static int __init parse_countdown(const char *name, char *arg, atomic_t *countdown)
{
	int n;

	if (!arg || kstrtoint(arg, 0, &n) || n < 1) {
		pr_warn("\"%s=%s\" is not a number above 0; ignored\n", name, arg ?: "");
		return -EINVAL;
	}
	atomic_set(countdown, n);
	return 0;
}

static int __init parse_fail_protect(char *arg)
{
	return parse_countdown("kpkeys_test.fail_protect", arg, &fail_protect);
}
early_param("kpkeys_test.fail_protect", parse_fail_protect);

static int __init parse_fail_chunk(char *arg)
{
	return parse_countdown("kpkeys_test.fail_chunk", arg, &fail_chunk);
}
early_param("kpkeys_test.fail_chunk", parse_fail_chunk);

static bool must_fail(atomic_t *countdown, const char *what)
{
	if (atomic_read(countdown) <= 0 || !atomic_dec_and_test(countdown))
		return false;

	pr_info("test: %s fails\n", what);
	return true;
}

/**
 * kpkeys_test_fail_protect() - Must this change of a pkey fail?
 *
 * Return: true for the one that kpkeys_test.fail_protect= names
 */
bool kpkeys_test_fail_protect(void)
{
	return must_fail(&fail_protect, "a change of a pkey");
}

/**
 * kpkeys_test_fail_chunk() - Must this chunk fail to be created?
 *
 * Return: true for the one that kpkeys_test.fail_chunk= names
 */
bool kpkeys_test_fail_chunk(void)
{
	return must_fail(&fail_chunk, "the allocation of a chunk");
}
