// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sample: a buffer that only this module can access, and only where it wants to.
 *
 * The module allocates a key and tags the pages of its buffer with it. From then on
 * whatever accesses them faults, but for a thread that has rights to the key. See
 * Documentation/core-api/kpkeys-keys.rst. In kpkeys_sample/ in debugfs:
 *
 *  buffer	what is written to it is kept in the buffer, and can be read again
 *  stray_read	writing to it makes the module read the buffer without rights,
 *  stray_write	and here write to it: the kernel kills the task, with a report
 *
 * To see a report (it is cat that dies, and not the shell):
 *
 *  # echo 1 | cat > /sys/kernel/debug/kpkeys_sample/stray_write
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/build_bug.h>
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/kpkeys_keys.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/string.h>

#define SAMPLE_PAGES	2

/* A key belongs to whole pages: nothing else may be in these. */
struct sample {
	size_t len;
	char text[SAMPLE_PAGES * PAGE_SIZE - sizeof(size_t)];
};

static_assert(sizeof(struct sample) == SAMPLE_PAGES * PAGE_SIZE);

/* The way to the data deserves protection, too: nobody changes these any more. */
static struct sample *sample __ro_after_init;
static int sample_key __ro_after_init;
static struct dentry *sample_dir __ro_after_init;

/* Rights to a key are no lock: two threads can have them at the same time. */
static DEFINE_MUTEX(sample_lock);

static ssize_t buffer_read(struct file *file, char __user *to, size_t size, loff_t *pos)
{
	guard(mutex)(&sample_lock);
	/* Until the function returns. It may sleep: other threads have no rights meanwhile. */
	guard(kpkeys_key_readonly)(sample_key);

	return simple_read_from_buffer(to, size, pos, sample->text, sample->len);
}

static ssize_t buffer_write(struct file *file, const char __user *from, size_t size, loff_t *pos)
{
	ssize_t ret;

	guard(mutex)(&sample_lock);
	guard(kpkeys_key_readwrite)(sample_key);

	ret = simple_write_to_buffer(sample->text, sizeof(sample->text), pos, from, size);
	if (ret > 0)
		sample->len = *pos;
	return ret;
}

static const struct file_operations buffer_fops = {
	.owner	= THIS_MODULE,
	.open	= simple_open,
	.read	= buffer_read,
	.write	= buffer_write,
	.llseek	= default_llseek,
};

/* What no driver does on purpose: these two have no guard. */
static ssize_t stray_read(struct file *file, const char __user *from, size_t size, loff_t *pos)
{
	pr_err("nobody has stopped a stray read: length %zu\n", READ_ONCE(sample->len));
	return size;
}

static ssize_t stray_write(struct file *file, const char __user *from, size_t size, loff_t *pos)
{
	WRITE_ONCE(sample->len, 0);
	pr_err("nobody has stopped a stray write\n");
	return size;
}

static const struct file_operations stray_read_fops = {
	.owner	= THIS_MODULE,
	.open	= simple_open,
	.write	= stray_read,
};

static const struct file_operations stray_write_fops = {
	.owner	= THIS_MODULE,
	.open	= simple_open,
	.write	= stray_write,
};

/* Pages that carry a key must not be freed: their next owner would fault. */
static void sample_give_back(void)
{
	/* Afterwards everybody can read them. */
	scoped_guard(kpkeys_key_readwrite, sample_key)
		memzero_explicit(sample, sizeof(*sample));
	if (kpkeys_key_set_memory(KPKEYS_PKEY_DEFAULT, (unsigned long)sample, SAMPLE_PAGES) ||
	    kpkeys_key_free(sample_key)) {
		pr_err("the buffer cannot be given back: its pages and the key are lost\n");
		return;
	}
	free_pages_exact(sample, sizeof(*sample));
}

static int __init sample_init(void)
{
	int err;

	/* Without a key, rather no buffer than one that anybody can access. */
	sample_key = kpkeys_key_alloc("kpkeys_sample", KPKEYS_KEY_EXCLUSIVE);
	if (sample_key < 0) {
		pr_err("not loaded: %s\n", sample_key == -EOPNOTSUPP ?
		       "kpkeys is not enabled, and nothing else would protect the buffer" :
		       "there is no key for the buffer");
		return sample_key;
	}

	sample = alloc_pages_exact(sizeof(*sample), GFP_KERNEL | __GFP_ZERO);
	if (!sample) {
		kpkeys_key_free(sample_key);
		return -ENOMEM;
	}

	err = kpkeys_key_set_memory(sample_key, (unsigned long)sample, SAMPLE_PAGES);
	if (err) {
		sample_give_back();
		return err;
	}

	sample_dir = debugfs_create_dir("kpkeys_sample", NULL);
	debugfs_create_file("buffer", 0600, sample_dir, NULL, &buffer_fops);
	/*
	 * Unsafe, as debugfs counts the tasks in the functions of other files, and waits
	 * for them when these are removed: for ever, if one has died there. The module
	 * cannot be unloaded while a file is open, and that of a dead task is closed.
	 */
	debugfs_create_file_unsafe("stray_read", 0200, sample_dir, NULL, &stray_read_fops);
	debugfs_create_file_unsafe("stray_write", 0200, sample_dir, NULL, &stray_write_fops);
	return 0;
}
module_init(sample_init);

static void __exit sample_exit(void)
{
	/* First those who use the buffer. */
	debugfs_remove(sample_dir);
	sample_give_back();
}
module_exit(sample_exit);

MODULE_DESCRIPTION("Sample of a driver that protects its memory with a key of its own");
MODULE_LICENSE("GPL");
