// SPDX-License-Identifier: GPL-2.0-only
/*
 * Times mapping operations that have no system call of their own, and what users of
 * keys for drivers do. It does not depend on kpkeys being on: the point is to compare.
 */
#include <linux/cleanup.h>
#include <linux/completion.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/init.h>
#include <linux/kpkeys_keys.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/numa.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include <misc/kpkeys_bench.h>

static int bench_vmalloc(struct kpkeys_bench *bench)
{
	u64 start = ktime_get_ns();
	u32 i;

	for (i = 0; i < bench->iterations; i++) {
		void *p = vmalloc((size_t)bench->pages << PAGE_SHIFT);

		if (!p)
			return -ENOMEM;
		vfree(p);
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	bench->ns = ktime_get_ns() - start;

	return 0;
}

static int bench_map_pages(struct kpkeys_bench *bench, struct page **pages)
{
	u64 start = ktime_get_ns();
	u32 i;

	for (i = 0; i < bench->iterations; i++) {
		void *p = vm_map_ram(pages, bench->pages, NUMA_NO_NODE);

		if (!p)
			return -ENOMEM;
		vm_unmap_ram(p, bench->pages);
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	bench->ns = ktime_get_ns() - start;

	return 0;
}

static int bench_vm_map_ram(struct kpkeys_bench *bench)
{
	struct page **pages __free(kvfree) = NULL;
	int ret = -ENOMEM;
	u32 i;

	pages = kvmalloc_objs(*pages, bench->pages);
	if (!pages)
		return -ENOMEM;
	for (i = 0; i < bench->pages; i++) {
		pages[i] = alloc_page(GFP_KERNEL);
		if (!pages[i])
			goto out;
	}
	ret = bench_map_pages(bench, pages);
out:
	while (i--)
		__free_page(pages[i]);
	return ret;
}

/* A page with a key; with kpkeys off, a page. */
struct key_page {
	int pkey;
	unsigned long *addr;
};

static void put_key_page(struct key_page *page)
{
	int err = kpkeys_key_set_memory(KPKEYS_PKEY_DEFAULT, (unsigned long)page->addr, 1);

	if (!err || err == -EOPNOTSUPP) {
		kpkeys_key_free(page->pkey);
		free_page((unsigned long)page->addr);
	}
}

static int get_key_page(struct key_page *page)
{
	int err;

	page->pkey = kpkeys_key_alloc("kpkeys_bench", KPKEYS_KEY_EXCLUSIVE);
	if (page->pkey < 0 && page->pkey != -EOPNOTSUPP)
		return page->pkey;
	page->addr = (unsigned long *)get_zeroed_page(GFP_KERNEL);
	if (!page->addr) {
		kpkeys_key_free(page->pkey);
		return -ENOMEM;
	}
	err = kpkeys_key_set_memory(page->pkey, (unsigned long)page->addr, 1);
	if (!err || err == -EOPNOTSUPP)
		return 0;
	put_key_page(page);
	return err;
}

/* Open, use, close. */
static int bench_key_section(struct kpkeys_bench *bench)
{
	struct key_page page;
	int err = get_key_page(&page);
	u64 start;
	u32 i;

	if (err)
		return err;
	start = ktime_get_ns();
	for (i = 0; i < bench->iterations; i++) {
		guard(kpkeys_key_readwrite)(page.pkey);
		WRITE_ONCE(*page.addr, i);
	}
	bench->ns = ktime_get_ns() - start;
	put_key_page(&page);
	return 0;
}

struct partner {
	struct completion ping, pong;
	u32 iterations;
};

static int partner_fn(void *arg)
{
	struct partner *partner = arg;
	u32 i;

	for (i = 0; i < partner->iterations; i++) {
		wait_for_completion(&partner->ping);
		complete(&partner->pong);
	}
	return 0;
}

/* To another thread on this CPU, and back; with rights to a key, if @page is not NULL. */
static int bench_switch(struct kpkeys_bench *bench, const struct key_page *page)
{
	struct partner partner = { .iterations = bench->iterations };
	struct task_struct *task;
	u64 start;
	u32 i;

	init_completion(&partner.ping);
	init_completion(&partner.pong);
	/* No other thread needs it: the process has bound itself to this CPU. */
	task = kthread_create_on_cpu(partner_fn, &partner, raw_smp_processor_id(),
				     "kpkeys_bench/%u");
	if (IS_ERR(task))
		return PTR_ERR(task);
	get_task_struct(task);
	wake_up_process(task);

	if (page)
		kpkeys_key_mk_readwrite(page->pkey);
	start = ktime_get_ns();
	for (i = 0; i < bench->iterations; i++) {
		complete(&partner.ping);
		wait_for_completion(&partner.pong);
	}
	bench->ns = ktime_get_ns() - start;
	if (page)
		kpkeys_key_mk_noaccess(page->pkey);
	kthread_stop_put(task);
	return 0;
}

static int bench_key_switch(struct kpkeys_bench *bench)
{
	struct key_page page;
	int err = get_key_page(&page);

	if (err)
		return err;
	err = bench_switch(bench, &page);
	put_key_page(&page);
	return err;
}

static long bench_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct kpkeys_bench __user *user = (struct kpkeys_bench __user *)arg;
	struct kpkeys_bench bench;
	int ret;

	if (cmd != KPKEYS_BENCH_RUN)
		return -ENOTTY;
	if (copy_from_user(&bench, user, sizeof(bench)))
		return -EFAULT;
	if (!bench.pages || bench.pages > KPKEYS_BENCH_MAX_PAGES ||
	    !bench.iterations ||
	    bench.iterations > KPKEYS_BENCH_MAX_ITERATIONS || bench.unused)
		return -EINVAL;

	switch (bench.op) {
	case KPKEYS_BENCH_VMALLOC:
		ret = bench_vmalloc(&bench);
		break;
	case KPKEYS_BENCH_VM_MAP_RAM:
		ret = bench_vm_map_ram(&bench);
		break;
	case KPKEYS_BENCH_KEY_SECTION:
		ret = bench_key_section(&bench);
		break;
	case KPKEYS_BENCH_SWITCH:
		ret = bench_switch(&bench, NULL);
		break;
	case KPKEYS_BENCH_KEY_SWITCH:
		ret = bench_key_switch(&bench);
		break;
	default:
		return -EINVAL;
	}
	if (ret)
		return ret;

	return copy_to_user(user, &bench, sizeof(bench)) ? -EFAULT : 0;
}

static const struct file_operations bench_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = bench_ioctl,
	.llseek = noop_llseek,
};

static struct miscdevice bench_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = KPKEYS_BENCH_DEVICE,
	.fops = &bench_fops,
	.mode = 0600,
};

builtin_misc_device(bench_device);
