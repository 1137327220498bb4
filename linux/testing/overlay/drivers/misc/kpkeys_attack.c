// SPDX-License-Identifier: GPL-2.0-only
/*
 * THIS IS A HOLE, made on purpose. Never enable it in a kernel that matters.
 *
 * The threat that kpkeys is about is an attacker who, through some bug, can
 * read and write kernel memory, and who leaves the control flow alone. To show
 * the defence, this device hands out exactly that: a read of eight bytes and a
 * write of eight or four at any kernel address, the addresses that real attackers get from an
 * information leak, and what they read in the kernel's binary: where symbols
 * are, and how structures are laid out. Nothing here knows about kpkeys or asks
 * whether it is on: the write is an ordinary store, as a bug's would be.
 *
 * It also is what a driver with a key of its own is, if an attacker has changed the
 * number of the key and the address of its memory: it calls what drivers call, and
 * looks at nothing. And it is code that changes the kernel's own page tables, as
 * set_memory() does, if an attacker has changed what it was going to write, and where.
 *
 * There is a secret to steal, too: a random text in a page of its own, mapped
 * into no process. The kernel only says whether a guess is right.
 */
#define pr_fmt(fmt) "kpkeys: attack: " fmt

#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/init.h>
#include <linux/io.h>
#include <linux/kallsyms.h>
#include <linux/kpkeys_keys.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/pgtable.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include <asm/irq_regs.h>
#include <asm/tlbflush.h>

#if defined(CONFIG_KVM) && defined(CONFIG_ARM64)
#include <linux/kvm_host.h>
#endif

#include <misc/kpkeys_attack.h>

#include "../../mm/kpkeys/pool.h"

/* What BTF, or a look at the binary, tells an attacker. */
#define MEMBER(type, member)	{ #type "." #member, offsetof(struct type, member) }
#define SIZEOF(type)		{ "sizeof " #type, sizeof(struct type) }

static const struct {
	const char *name;
	size_t value;
} layout[] = {
	MEMBER(task_struct, mm),
	MEMBER(task_struct, stack),
	MEMBER(task_struct, thread),
#ifdef CONFIG_ARCH_HAS_LAZY_MMU_MODE
	MEMBER(task_struct, lazy_mmu_state),
#endif
#ifdef CONFIG_KPKEYS_KEYS
	MEMBER(task_struct, kpkeys.rights),
	MEMBER(task_struct, kpkeys.nr),
	MEMBER(task_struct, kpkeys.suspended[0].frame),
	MEMBER(task_struct, kpkeys.suspended[0].rights),
	MEMBER(task_struct, kpkeys.suspended[0].open),
	MEMBER(task_struct, kpkeys.suspended[1].frame),
#endif
	SIZEOF(thread_struct),
	MEMBER(mm_struct, pgd),
	MEMBER(mm_struct, mm_count),
	MEMBER(mm_struct, mm_users),
	MEMBER(mm_struct, flexible_array),
#ifdef CONFIG_UML
	MEMBER(mm_struct, context.sync_tlb_range_from),
	MEMBER(mm_struct, context.sync_tlb_range_to),
#endif
	MEMBER(vm_area_struct, vm_page_prot),
	MEMBER(vm_area_struct, vm_file),
	MEMBER(file, f_mapping),
	MEMBER(address_space, i_pages.xa_head),
	SIZEOF(page),
	MEMBER(page, flags),
	MEMBER(page, lru),
	MEMBER(page, mapping),
	MEMBER(page, private),
	MEMBER(page, page_type),
#ifdef CONFIG_MEMCG
	MEMBER(page, memcg_data),
#endif
	MEMBER(pglist_data, node_zones),
	SIZEOF(zone),
	MEMBER(zone, managed_pages),
	MEMBER(zone, per_cpu_pageset),
	MEMBER(zone, free_area),
	SIZEOF(free_area),
	MEMBER(per_cpu_pages, lists),
	MEMBER(per_cpu_pages, count),
	SIZEOF(kpkeys_cache),
	MEMBER(kpkeys_cache, nr),
	MEMBER(kpkeys_cache, pages),
	MEMBER(kpkeys_chunk, pool),
	MEMBER(kpkeys_chunk, nr_free),
	MEMBER(kpkeys_chunk, nr_pages),
	MEMBER(kpkeys_chunk, page),
	MEMBER(kpkeys_chunk, boot),
#if defined(CONFIG_KVM) && defined(CONFIG_ARM64)
	MEMBER(kvm_host_data, host_ctxt.sys_regs[TCR2_EL1]),
	MEMBER(kvm_host_data, host_ctxt.sys_regs[POR_EL1]),
#endif
#if defined(CONFIG_X86_64) && !defined(CONFIG_UML)
	MEMBER(tlb_state, cr4),
	MEMBER(mm_struct, context.tlb_gen),
#endif
	{ "THREAD_SIZE", THREAD_SIZE },
	{ "PG_uptodate", PG_uptodate },
	{ "ZONE_NORMAL", ZONE_NORMAL },
};

static char *secret;

static const char *attack_arch(void)
{
	if (IS_ENABLED(CONFIG_UML))
		return "um";
	if (IS_ENABLED(CONFIG_ARM64))
		return "arm64";
	if (IS_ENABLED(CONFIG_X86_64))
		return "x86_64";
	return "unknown";
}

static long attack_read(struct kpkeys_attack_word __user *user)
{
	struct kpkeys_attack_word word;

	if (copy_from_user(&word, user, sizeof(word)))
		return -EFAULT;
	if (!IS_ALIGNED(word.addr, sizeof(u64)))
		return -EINVAL;

	word.value = READ_ONCE(*(u64 *)(uintptr_t)word.addr);

	return copy_to_user(user, &word, sizeof(word)) ? -EFAULT : 0;
}

/*
 * The write of a bug is code that follows a pointer. In a lazy MMU section such code runs, too:
 * it changes the counters of the folios that pages claim to be part of.
 */
static long attack_write(const struct kpkeys_attack_word __user *user, bool lazy)
{
	struct kpkeys_attack_word word;

	if (copy_from_user(&word, user, sizeof(word)))
		return -EFAULT;
	if (!IS_ALIGNED(word.addr, sizeof(u64)))
		return -EINVAL;

	if (lazy)
		lazy_mmu_mode_enable();
	WRITE_ONCE(*(u64 *)(uintptr_t)word.addr, word.value);
	if (lazy)
		lazy_mmu_mode_disable();

	return 0;
}

static long attack_write32(const struct kpkeys_attack_word __user *user)
{
	struct kpkeys_attack_word word;

	if (copy_from_user(&word, user, sizeof(word)))
		return -EFAULT;
	if (!IS_ALIGNED(word.addr, sizeof(u32)))
		return -EINVAL;

	WRITE_ONCE(*(u32 *)(uintptr_t)word.addr, word.value);

	return 0;
}

static long attack_leak(struct kpkeys_attack_leak __user *user)
{
	struct mm_struct *mm = current->mm;
	struct kpkeys_attack_leak leak = {
		.task = (uintptr_t)current,
		.mm = (uintptr_t)mm,
		.memmap = (uintptr_t)pfn_to_page(0),
		.pgd = (uintptr_t)mm->pgd,
		.secret = (uintptr_t)secret,
		.linear_offset = (uintptr_t)secret - virt_to_phys(secret),
		.levels = 5 - mm_p4d_folded(mm) - mm_pud_folded(mm) -
			  mm_pmd_folded(mm),
	};

	strscpy(leak.arch, attack_arch());

	if (copy_from_user(&leak.user_addr, &user->user_addr, sizeof(leak.user_addr)))
		return -EFAULT;
	mmap_read_lock(mm);
	leak.vma = (uintptr_t)vma_lookup(mm, leak.user_addr);
	mmap_read_unlock(mm);

	return copy_to_user(user, &leak, sizeof(leak)) ? -EFAULT : 0;
}

static long attack_verify(const struct kpkeys_attack_guess __user *user)
{
	struct kpkeys_attack_guess guess;

	if (copy_from_user(&guess, user, sizeof(guess)))
		return -EFAULT;

	return memcmp(guess.secret, secret, sizeof(guess.secret)) ? -EACCES : 0;
}

static long attack_lookup(struct kpkeys_attack_name __user *user)
{
	struct kpkeys_attack_name name;
	size_t i;

	if (copy_from_user(&name, user, sizeof(name)))
		return -EFAULT;
	name.name[sizeof(name.name) - 1] = '\0';

	name.value = kallsyms_lookup_name(name.name);
	for (i = 0; i < ARRAY_SIZE(layout); i++) {
		if (strcmp(layout[i].name, name.name))
			continue;
		name.value = layout[i].value;
		return copy_to_user(user, &name, sizeof(name)) ? -EFAULT : 0;
	}
	if (!name.value)
		return -ENOENT;

	return copy_to_user(user, &name, sizeof(name)) ? -EFAULT : 0;
}

/* What an interrupt may do that hits a thread with rights in user mode. */
static struct {
	struct hrtimer timer;
	struct task_struct *task;
	char *page;
	int result;
} attack_irq;

static enum hrtimer_restart attack_irq_handler(struct hrtimer *timer)
{
	struct pt_regs *regs = get_irq_regs();
	char c;

	if (!regs || !user_mode(regs) || current != attack_irq.task) {
		hrtimer_forward_now(timer, ms_to_ktime(1));
		return HRTIMER_RESTART;
	}
	WRITE_ONCE(attack_irq.result, !copy_from_kernel_nofault(&c, attack_irq.page, 1));
	return HRTIMER_NORESTART;
}

static long attack_key_irq(int pkey)
{
	long err;

	/* Interrupts hit UML itself, while it waits for a process in user mode. */
	if (IS_ENABLED(CONFIG_UML))
		return -ENXIO;

	if (attack_irq.page) {
		if (attack_irq.result < 0)
			return attack_irq.result;
		hrtimer_cancel(&attack_irq.timer);
		err = kpkeys_key_set_memory(KPKEYS_PKEY_DEFAULT, (unsigned long)attack_irq.page, 1);
		if (!err)
			free_page((unsigned long)attack_irq.page);
		attack_irq.page = NULL;
		return err ?: attack_irq.result;
	}

	attack_irq.page = (char *)get_zeroed_page(GFP_KERNEL);
	if (!attack_irq.page)
		return -ENOMEM;
	err = kpkeys_key_set_memory(pkey, (unsigned long)attack_irq.page, 1);
	if (!err)
		err = kpkeys_key_mk_readwrite(pkey);
	if (err) {
		/* The page is leaked: it may carry the key. */
		attack_irq.page = NULL;
		return err;
	}
	attack_irq.task = current;
	attack_irq.result = -EAGAIN;
	hrtimer_setup(&attack_irq.timer, attack_irq_handler, CLOCK_MONOTONIC,
		      HRTIMER_MODE_REL_PINNED_HARD);
	hrtimer_start(&attack_irq.timer, ms_to_ktime(1), HRTIMER_MODE_REL_PINNED_HARD);
	return -EAGAIN;
}

static long attack_key(unsigned int cmd, const struct kpkeys_attack_key __user *user)
{
	struct kpkeys_attack_key key;

	if (copy_from_user(&key, user, sizeof(key)))
		return -EFAULT;

	switch (cmd) {
	case KPKEYS_ATTACK_KEY_OPEN:
		return kpkeys_key_mk_readwrite(key.pkey);
	case KPKEYS_ATTACK_KEY_TAG:
		return kpkeys_key_set_memory(key.pkey, key.addr, key.nr_pages);
	case KPKEYS_ATTACK_KEY_IRQ:
		return attack_key_irq(key.pkey);
	default:
		return kpkeys_key_free(key.pkey);
	}
}

static long attack_set_entry(const struct kpkeys_attack_entry __user *user)
{
	struct kpkeys_attack_entry entry;

	if (copy_from_user(&entry, user, sizeof(entry)))
		return -EFAULT;

	switch (entry.level) {
	case 1:
		set_pte_at(&init_mm, entry.addr, (pte_t *)(uintptr_t)entry.slot,
			   __pte(entry.value));
		flush_tlb_kernel_range(entry.addr, entry.addr + PAGE_SIZE);
		return 0;
	case 2:
		set_pmd((pmd_t *)(uintptr_t)entry.slot, __pmd(entry.value));
		flush_tlb_kernel_range(entry.addr, entry.addr + PMD_SIZE);
		return 0;
	default:
		return -EINVAL;
	}
}

static long attack_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	void __user *user = (void __user *)arg;

	switch (cmd) {
	case KPKEYS_ATTACK_READ:
		return attack_read(user);
	case KPKEYS_ATTACK_WRITE:
		return attack_write(user, false);
	case KPKEYS_ATTACK_WRITE_LAZY:
		return attack_write(user, true);
	case KPKEYS_ATTACK_WRITE32:
		return attack_write32(user);
	case KPKEYS_ATTACK_LEAK:
		return attack_leak(user);
	case KPKEYS_ATTACK_VERIFY:
		return attack_verify(user);
	case KPKEYS_ATTACK_LOOKUP:
		return attack_lookup(user);
	case KPKEYS_ATTACK_KEY_OPEN:
	case KPKEYS_ATTACK_KEY_TAG:
	case KPKEYS_ATTACK_KEY_FREE:
	case KPKEYS_ATTACK_KEY_IRQ:
		return attack_key(cmd, user);
	case KPKEYS_ATTACK_SET_ENTRY:
		return attack_set_entry(user);
	default:
		return -ENOTTY;
	}
}

static const struct file_operations attack_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = attack_ioctl,
	.llseek = noop_llseek,
};

static struct miscdevice attack_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = KPKEYS_ATTACK_DEVICE,
	.fops = &attack_fops,
	.mode = 0600,
};

static int __init attack_init(void)
{
	int ret;

	secret = (char *)get_zeroed_page(GFP_KERNEL);
	if (!secret)
		return -ENOMEM;
	snprintf(secret, KPKEYS_ATTACK_SECRET_SIZE, "the secret is %016llx",
		 get_random_u64());

	ret = misc_register(&attack_device);
	if (ret) {
		free_page((unsigned long)secret);
		return ret;
	}

	pr_warn("**********************************************************\n");
	pr_warn("/dev/" KPKEYS_ATTACK_DEVICE " lets root read and write all of kernel memory.\n");
	pr_warn("It is a deliberate hole, for demonstrations only.\n");
	pr_warn("**********************************************************\n");

	return 0;
}
device_initcall(attack_init);
