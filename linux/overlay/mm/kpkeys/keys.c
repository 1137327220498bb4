// SPDX-License-Identifier: GPL-2.0-only
/*
 * kpkeys: keys for drivers.
 *
 * The pkeys that <linux/kpkeys_table.h> does not list are handed out. Who has them is in
 * ordinary memory, so nothing here is trusted with a managed pkey: rights to one never
 * reach the register, see rights.c; pages of one have a type, or carry it, and
 * set_memory_pkey() looks at what they are.
 */

#define pr_fmt(fmt) "kpkeys: " fmt

#include <linux/bitops.h>
#include <linux/export.h>
#include <linux/init.h>
#include <linux/irqflags.h>
#include <linux/kasan.h>
#include <linux/kpkeys_arch.h>
#include <linux/kpkeys_keys.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/stop_machine.h>
#include <linux/string.h>
#include <linux/suspend.h>
#include "frame.h"
#include "kpkeys.h"

#define KEY_NAME_LEN	64

/**
 * struct key - A pkey that has been handed out
 * @name: Names of its users
 * @nr_users: Number of them
 * @flags: Of kpkeys_key_alloc()
 */
struct key {
	char name[KEY_NAME_LEN];
	unsigned int nr_users;
	unsigned int flags;
};

static struct key keys[ARCH_KPKEYS_MAX_PKEY + 1];
/* A bit for each of @keys */
static unsigned long allocated;
/* Protects @keys and @allocated, and tags of pages from being changed while they are counted. */
static DEFINE_MUTEX(keys_lock);

static bool is_allocated(int pkey)
{
	return pkey >= KPKEYS_NR_PKEYS && pkey <= ARCH_KPKEYS_MAX_PKEY &&
	       READ_ONCE(allocated) & BIT(pkey);
}

/*
 * Rights
 */

static u64 rights_bits(int pkey, int perm)
{
	return (u64)ARCH_KPKEYS_PERM(pkey, perm) ^ (ARCH_KPKEYS_NONE & ARCH_KPKEYS_PERM_MASK(pkey));
}

static int set_rights(int pkey, int perm)
{
	struct kpkeys_thread *thread = &current->kpkeys;
	unsigned long flags;
	u64 rights;

	if (!kpkeys_enabled())
		return -EOPNOTSUPP;

	/* A key is freed while all CPUs are stopped. */
	local_irq_save(flags);
	if (!is_allocated(pkey)) {
		local_irq_restore(flags);
		pr_warn_ratelimited("%d is no key that has been allocated: nobody gets rights to it\n",
				    pkey);
		return -EINVAL;
	}

	rights = (thread->rights & ~(u64)ARCH_KPKEYS_PERM_MASK(pkey)) | rights_bits(pkey, perm);
	if (rights != thread->rights) {
		WRITE_ONCE(thread->rights, rights);
		kpkeys_load_rights();
	}
	local_irq_restore(flags);
	return 0;
}

/**
 * kpkeys_key_mk_noaccess() - Take all rights to a key from the calling thread
 * @pkey: The key
 *
 * Rights belong to the thread. They are kept when it sleeps, is preempted or moved to
 * another CPU, and in its next system call. Interrupts, softirqs and exceptions that hit
 * it have rights of their own, which end with them: none, at first. So has a new thread.
 *
 * In force when it returns. Prefer guard(kpkeys_key_readwrite)(), which cannot forget it.
 *
 * Context: Any but NMI.
 * Return: 0, -EINVAL if @pkey is not an allocated key, or -EOPNOTSUPP if kpkeys is not
 * enabled
 */
int kpkeys_key_mk_noaccess(int pkey)
{
	return set_rights(pkey, KPKEYS_PERM_NONE);
}
EXPORT_SYMBOL_GPL(kpkeys_key_mk_noaccess);

/**
 * kpkeys_key_mk_readonly() - Let the calling thread read the memory of a key
 * @pkey: The key
 *
 * See kpkeys_key_mk_noaccess().
 *
 * Context: Any but NMI.
 * Return: as kpkeys_key_mk_noaccess()
 */
int kpkeys_key_mk_readonly(int pkey)
{
	return set_rights(pkey, KPKEYS_PERM_RO);
}
EXPORT_SYMBOL_GPL(kpkeys_key_mk_readonly);

/**
 * kpkeys_key_mk_readwrite() - Let the calling thread read and write the memory of a key
 * @pkey: The key
 *
 * See kpkeys_key_mk_noaccess().
 *
 * Context: Any but NMI.
 * Return: as kpkeys_key_mk_noaccess()
 */
int kpkeys_key_mk_readwrite(int pkey)
{
	return set_rights(pkey, KPKEYS_PERM_RW);
}
EXPORT_SYMBOL_GPL(kpkeys_key_mk_readwrite);

/**
 * kpkeys_key_rights() - What the calling thread may do with the memory of a key
 * @pkey: The key
 *
 * Context: Any.
 * Return: %KPKEYS_PERM_NONE, %KPKEYS_PERM_RO or %KPKEYS_PERM_RW; an error number as
 * that of kpkeys_key_mk_noaccess()
 */
int kpkeys_key_rights(int pkey)
{
	u64 rights;

	if (!kpkeys_enabled())
		return -EOPNOTSUPP;
	if (!is_allocated(pkey))
		return -EINVAL;

	rights = READ_ONCE(current->kpkeys.rights) & ARCH_KPKEYS_PERM_MASK(pkey);
	if (rights == rights_bits(pkey, KPKEYS_PERM_RW))
		return KPKEYS_PERM_RW;
	return rights == rights_bits(pkey, KPKEYS_PERM_RO) ? KPKEYS_PERM_RO : KPKEYS_PERM_NONE;
}
EXPORT_SYMBOL_GPL(kpkeys_key_rights);

/*
 * Memory
 */

/**
 * struct tagged - Memory that carries a key
 * @pkey: The key
 * @nr_pages: Number of pages, in all mappings
 * @first: Address of the first one
 */
struct tagged {
	int pkey;
	unsigned long nr_pages;
	unsigned long first;
};

static int count_range(unsigned long start, unsigned long end, void *arg)
{
	struct tagged *tagged = arg;

	if (!tagged->nr_pages)
		tagged->first = start;
	tagged->nr_pages += PFN_DOWN(end - start);
	return 0;
}

#ifdef arch_kpkeys_entry_pkey
static int count_mapping(int level, u64 entry, unsigned long addr, unsigned long next, void *arg)
{
	struct tagged *tagged = arg;

	return arch_kpkeys_entry_pkey(entry) == tagged->pkey ? count_range(addr, next, arg) : 0;
}

/* Mappings other than the linear one can carry a key, too. */
static int count_aliases(struct tagged *tagged)
{
	return kpkeys_walk_mappings(VMALLOC_START, VMALLOC_END, count_mapping, tagged);
}

/*
 * Whether pages carry no pkey, or keys that may be replaced by @pkey: their own one, or,
 * when they are given back, any key that is not managed.
 */
static int check_mapping(int level, u64 entry, unsigned long addr, unsigned long next, void *arg)
{
	int pkey = *(int *)arg, old = arch_kpkeys_entry_pkey(entry);

	if (old == KPKEYS_PKEY_DEFAULT || old == pkey)
		return 0;
	return old < KPKEYS_NR_PKEYS || pkey != KPKEYS_PKEY_DEFAULT ? -EPERM : 0;
}

static int check_pages(int pkey, unsigned long start, unsigned long end)
{
	return kpkeys_walk_mappings(start, end, check_mapping, &pkey);
}
#else
static int count_aliases(struct tagged *tagged)
{
	return 0;
}

/* A range of addresses */
struct area {
	unsigned long start, end;
};

static int overlaps(unsigned long start, unsigned long end, void *arg)
{
	const struct area *area = arg;

	return start < area->end && end > area->start ? -EPERM : 0;
}

/* The same, where the host knows what memory carries. */
static int check_pages(int pkey, unsigned long start, unsigned long end)
{
	struct area area = { start, end };
	unsigned long pkeys = GENMASK(KPKEYS_NR_PKEYS - 1, 0);

	if (pkey != KPKEYS_PKEY_DEFAULT)
		pkeys = GENMASK(ARCH_KPKEYS_MAX_PKEY, 0) & ~BIT(pkey);
	return arch_kpkeys_walk_ranges(pkeys & ~BIT(KPKEYS_PKEY_DEFAULT), overlaps, &area);
}
#endif

/* No mapping goes away meanwhile: all CPUs are stopped. */
static int count_pages(void *arg)
{
	struct tagged *tagged = arg;
	int err = arch_kpkeys_walk_ranges(BIT(tagged->pkey), count_range, tagged);

	return err ?: count_aliases(tagged);
}

/**
 * kpkeys_key_set_memory() - Tag pages of the linear map with a key
 * @pkey: The key, or %KPKEYS_PKEY_DEFAULT to give the pages back
 * @addr: First page, page-aligned, in the linear map
 * @nr_pages: Number of pages
 *
 * From now on threads need rights to the key to access the pages through the linear map.
 * They are the caller's, as a whole. Other mappings are not changed; see
 * kpkeys_key_pgprot(). Give pages back before they are freed, and before the key is.
 *
 * Neither pages that carry a pkey of the kernel, nor those of another key can be tagged.
 *
 * Context: Process context; may sleep.
 * Return: 0; -EINVAL if @pkey is not an allocated key, or the range is wrong; -EPERM if the
 * pages carry another key; -EOPNOTSUPP if kpkeys is not enabled; -ENOMEM or another error of
 * set_memory_pkey(): then no page carries the key, unless they were to be given back.
 */
int kpkeys_key_set_memory(int pkey, unsigned long addr, int nr_pages)
{
	unsigned long end;
	int err;

	if (!kpkeys_enabled())
		return -EOPNOTSUPP;

	addr = (unsigned long)kasan_reset_tag((void *)addr);
	if (!PAGE_ALIGNED(addr) || nr_pages <= 0)
		return -EINVAL;
	end = addr + (unsigned long)nr_pages * PAGE_SIZE;
	if (end < addr || !virt_addr_valid((void *)addr) || !virt_addr_valid((void *)(end - 1)))
		return -EINVAL;

	guard(mutex)(&keys_lock);

	if (pkey != KPKEYS_PKEY_DEFAULT && !is_allocated(pkey))
		return -EINVAL;
	err = check_pages(pkey, addr, end);
	if (err)
		return err;
	err = set_memory_pkey(addr, nr_pages, pkey);
	/* Some of them may carry it. What cannot be undone keeps the key from being freed. */
	if (err && pkey != KPKEYS_PKEY_DEFAULT)
		set_memory_pkey(addr, nr_pages, KPKEYS_PKEY_DEFAULT);
	return err;
}
EXPORT_SYMBOL_GPL(kpkeys_key_set_memory);

/**
 * kpkeys_key_pgprot() - Let a mapping carry a key
 * @pkey: The key
 * @prot: Protection of the mapping, to be changed
 *
 * For vmap() and for mappings of device or persistent memory. Unmap it before the key is
 * freed. x86 and arm64 also have PAGE_KERNEL_PKEY(pkey).
 *
 * Context: Any.
 * Return: 0, -EINVAL if @pkey is not an allocated key, -EOPNOTSUPP if kpkeys is not enabled,
 * or if the architecture has keys in its linear map only
 */
int kpkeys_key_pgprot(int pkey, pgprot_t *prot)
{
#ifdef arch_kpkeys_pgprot
	if (!kpkeys_enabled())
		return -EOPNOTSUPP;
	if (!is_allocated(pkey))
		return -EINVAL;
	*prot = arch_kpkeys_pgprot(*prot, pkey);
	return 0;
#else
	return -EOPNOTSUPP;
#endif
}
EXPORT_SYMBOL_GPL(kpkeys_key_pgprot);

/*
 * Keys
 */

/* One that no page carries: a mapping may have been made with a key that was freed. */
static int find_free(void)
{
	int pkey, err;

	for (pkey = KPKEYS_NR_PKEYS; pkey <= arch_kpkeys_max_key(); pkey++) {
		struct tagged tagged = { .pkey = pkey };

		if (is_allocated(pkey))
			continue;
		err = stop_machine(count_pages, &tagged, NULL);
		if (err)
			return err;
		if (!tagged.nr_pages)
			return pkey;
		pr_warn("key %d is not handed out: %lu page(s) carry it, the first one at 0x%lx\n",
			pkey, tagged.nr_pages, tagged.first);
	}
	return -ENOSPC;
}

static int find_shared(void)
{
	int pkey, best = -ENOSPC;

	for (pkey = KPKEYS_NR_PKEYS; pkey <= arch_kpkeys_max_key(); pkey++)
		if (is_allocated(pkey) && !(keys[pkey].flags & KPKEYS_KEY_EXCLUSIVE) &&
		    (best < 0 || keys[pkey].nr_users < keys[best].nr_users))
			best = pkey;
	return best;
}

/**
 * kpkeys_key_alloc() - Allocate a key
 * @name: Who uses it; for reports
 * @flags: %KPKEYS_KEY_EXCLUSIVE for a key that no other user will have. Without it, users
 *	   share a key when there are no more: a thread with rights to it can then access
 *	   the memory of all of them.
 *
 * No thread has rights to it, and no page carries it.
 *
 * There are few keys, and not on every machine. Be prepared for an error: all functions
 * accept it in place of a key, and refuse it.
 *
 * Context: Process context; may sleep. Stops all CPUs for a short time.
 * Return: the key, a positive number; -ENOSPC if there is none; -EINVAL without a name, or
 * with unknown flags; -EOPNOTSUPP if kpkeys is not enabled
 */
int kpkeys_key_alloc(const char *name, unsigned int flags)
{
	struct key *key;
	int pkey;

	if (!kpkeys_enabled())
		return -EOPNOTSUPP;
	if (!name || !*name || flags & ~KPKEYS_KEY_EXCLUSIVE)
		return -EINVAL;

	guard(mutex)(&keys_lock);

	pkey = find_free();
	if (pkey > 0) {
		key = &keys[pkey];
		strscpy(key->name, name);
		key->nr_users = 1;
		key->flags = flags;
		set_bit(pkey, &allocated);
		return pkey;
	}
	if (pkey != -ENOSPC || flags & KPKEYS_KEY_EXCLUSIVE)
		return pkey;

	pkey = find_shared();
	if (pkey < 0)
		return pkey;
	key = &keys[pkey];
	strlcat(key->name, ", ", sizeof(key->name));
	strlcat(key->name, name, sizeof(key->name));
	key->nr_users++;
	return pkey;
}
EXPORT_SYMBOL_GPL(kpkeys_key_alloc);

static void take_rights(struct task_struct *task, int pkey)
{
	u64 mask = ARCH_KPKEYS_PERM_MASK(pkey);
	unsigned int i;

	task->kpkeys.rights &= ~mask;
	for (i = 0; i < KPKEYS_MAX_SUSPENDED; i++)
		task->kpkeys.suspended[i].rights &= ~mask;
}

/* All CPUs are stopped, in threads without rights. */
static int free_stopped(void *arg)
{
	struct tagged *tagged = arg;
	struct task_struct *p, *t;
	int cpu, err;

	err = count_pages(tagged);
	if (err || tagged->nr_pages)
		return err;

	clear_bit(tagged->pkey, &allocated);
	scoped_guard(rcu)
		for_each_process_thread(p, t)
			take_rights(t, tagged->pkey);
	for_each_online_cpu(cpu)
		take_rights(idle_task(cpu), tagged->pkey);
	return 0;
}

/**
 * kpkeys_key_free() - Give a key back
 * @pkey: The key
 *
 * All threads lose their rights to it. Memory that still carries it would become that of
 * the next owner: if there is any, the key is not freed. With users that share a key, that
 * is for the last one.
 *
 * Context: Process context; may sleep. Stops all CPUs for a short time.
 * Return: 0; -EBUSY if memory carries the key, in the linear map or in the vmalloc area;
 * -EINVAL if @pkey is not an allocated key; -EOPNOTSUPP if kpkeys is not enabled
 */
int kpkeys_key_free(int pkey)
{
	struct tagged tagged = { .pkey = pkey };
	int err;

	if (!kpkeys_enabled())
		return -EOPNOTSUPP;

	guard(mutex)(&keys_lock);

	if (!is_allocated(pkey))
		return -EINVAL;
	if (keys[pkey].nr_users > 1) {
		keys[pkey].nr_users--;
		return 0;
	}

	err = stop_machine(free_stopped, &tagged, NULL);
	if (err)
		return err;
	if (tagged.nr_pages) {
		pr_warn("key %d (%s) is not freed: %lu page(s) carry it, the first one at 0x%lx; give them back, or unmap them\n",
			pkey, keys[pkey].name, tagged.nr_pages, tagged.first);
		return -EBUSY;
	}

	/* Of mappings that are gone. The key has no next owner yet. */
	arch_kpkeys_flush_tlb();
	return 0;
}
EXPORT_SYMBOL_GPL(kpkeys_key_free);

/**
 * kpkeys_key_name() - Name a key
 * @pkey: Any number
 *
 * Context: Any, for reports: the name may change meanwhile.
 * Return: the name, NULL if it is no allocated key
 */
const char *kpkeys_key_name(int pkey)
{
	return is_allocated(pkey) ? keys[pkey].name : NULL;
}

#ifdef CONFIG_KPKEYS_DEBUG
/**
 * kpkeys_keys_show() - List all keys
 * @m: Where to print them
 *
 * Context: Process context; may sleep.
 * Return: 0 or a negative error number
 */
int kpkeys_keys_show(struct seq_file *m)
{
	int pkey, err;

	guard(mutex)(&keys_lock);

	seq_puts(m, "pkey flags      users      pages  name\n");
	for (pkey = KPKEYS_NR_PKEYS; pkey <= ARCH_KPKEYS_MAX_PKEY; pkey++) {
		struct tagged tagged = { .pkey = pkey };

		if (!is_allocated(pkey))
			continue;
		err = stop_machine(count_pages, &tagged, NULL);
		if (err)
			return err;
		seq_printf(m, "%4d %-9s %6u %10lu  %s\n", pkey,
			   keys[pkey].flags & KPKEYS_KEY_EXCLUSIVE ? "exclusive" : "shared",
			   keys[pkey].nr_users, tagged.nr_pages, keys[pkey].name);
	}
	return 0;
}
#endif

#ifdef CONFIG_HIBERNATION
/* The image has all memory, and whoever makes it has no rights. */
static int refuse_hibernation(struct notifier_block *nb, unsigned long action, void *data)
{
	unsigned long in_use = READ_ONCE(allocated);
	int pkey;

	if (action != PM_HIBERNATION_PREPARE || !in_use)
		return NOTIFY_DONE;

	/* It may be freed meanwhile, or be none at all. */
	pkey = __ffs(in_use);
	pr_warn("no hibernation while drivers have keys: %d (%s)\n", pkey,
		kpkeys_key_name(pkey) ?: "unknown");
	return NOTIFY_BAD;
}

static struct notifier_block hibernation_nb = {
	.notifier_call = refuse_hibernation,
};

static int __init keys_init(void)
{
	return register_pm_notifier(&hibernation_nb);
}
late_initcall(keys_init);
#endif
