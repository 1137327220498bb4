// SPDX-License-Identifier: GPL-2.0-only
/*
 * Times mapping operations that have no system call of their own. It does not
 * depend on kpkeys being on: the point is to compare.
 */
#include <linux/cleanup.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/init.h>
#include <linux/ktime.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/numa.h>
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
