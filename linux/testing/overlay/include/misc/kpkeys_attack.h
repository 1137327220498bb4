/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a data-only attacker has: /dev/kpkeys_attack, CONFIG_KPKEYS_ATTACK.
 * For demonstrations only, see drivers/misc/kpkeys_attack.c.
 */
#ifndef _MISC_KPKEYS_ATTACK_H
#define _MISC_KPKEYS_ATTACK_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define KPKEYS_ATTACK_DEVICE		"kpkeys_attack"

/* Size of the secret in bytes, with its terminating NUL. */
#define KPKEYS_ATTACK_SECRET_SIZE	48

/**
 * struct kpkeys_attack_word - eight bytes of kernel memory
 * @addr: kernel virtual address, a multiple of 8
 * @value: what was read there, or is to be written
 */
struct kpkeys_attack_word {
	__u64 addr;
	__u64 value;
};

/**
 * struct kpkeys_attack_leak - the addresses that an attacker starts from
 * @user_addr: in: an address of the caller's, for @vma
 * @vma: its struct vm_area_struct, 0 if there is none
 * @task: the caller's task_struct
 * @mm: its mm_struct
 * @memmap: where the struct page of page frame 0 is, or would be
 * @pgd: kernel virtual address of the root of the caller's page tables
 * @secret: kernel virtual address of the page that holds the secret
 * @linear_offset: virtual minus physical address, the same for the whole
 *	linear map
 * @levels: number of page-table levels in use
 * @arch: whose page-table format it is, as in ARCH=
 */
struct kpkeys_attack_leak {
	__u64 user_addr;
	__u64 vma;
	__u64 task;
	__u64 mm;
	__u64 memmap;
	__u64 pgd;
	__u64 secret;
	__u64 linear_offset;
	__u32 levels;
	char arch[12];
};

/**
 * struct kpkeys_attack_guess - what the caller believes the secret to be
 * @secret: the text, padded with NULs
 */
struct kpkeys_attack_guess {
	char secret[KPKEYS_ATTACK_SECRET_SIZE];
};

/**
 * struct kpkeys_attack_name - what an attacker knows of the kernel's binary
 * @name: a symbol; or "STRUCT.MEMBER" or "sizeof STRUCT", of those that
 *	drivers/misc/kpkeys_attack.c lists
 * @value: out: address, offset or size
 */
struct kpkeys_attack_name {
	char name[56];
	__u64 value;
};

/**
 * struct kpkeys_attack_key - arguments of a driver that uses a key
 * @pkey: the key; any number
 * @nr_pages: for KPKEYS_ATTACK_KEY_TAG
 * @addr: for KPKEYS_ATTACK_KEY_TAG, a kernel virtual address
 */
struct kpkeys_attack_key {
	__s32 pkey;
	__s32 nr_pages;
	__u64 addr;
};

/**
 * struct kpkeys_attack_entry - arguments of a setter of the kernel's page tables
 * @slot: kernel virtual address of the entry
 * @value: what it is to be
 * @addr: the address that it is for
 * @level: 1 for a PTE, 2 for a PMD entry
 */
struct kpkeys_attack_entry {
	__u64 slot;
	__u64 value;
	__u64 addr;
	__u64 level;
};

#define KPKEYS_ATTACK_READ	_IOWR('K', 1, struct kpkeys_attack_word)
#define KPKEYS_ATTACK_WRITE	_IOW('K', 2, struct kpkeys_attack_word)
#define KPKEYS_ATTACK_LEAK	_IOWR('K', 3, struct kpkeys_attack_leak)
/* Fails with EACCES when the guess is wrong. */
#define KPKEYS_ATTACK_VERIFY	_IOW('K', 4, struct kpkeys_attack_guess)
/* Fails with ENOENT for a name that is not known. */
#define KPKEYS_ATTACK_LOOKUP	_IOWR('K', 5, struct kpkeys_attack_name)
/* Four bytes: the address is a multiple of 4. */
#define KPKEYS_ATTACK_WRITE32	_IOW('K', 6, struct kpkeys_attack_word)
/* kpkeys_key_mk_readwrite(): the caller keeps the rights; and the others. */
#define KPKEYS_ATTACK_KEY_OPEN	_IOW('K', 7, struct kpkeys_attack_key)
#define KPKEYS_ATTACK_KEY_TAG	_IOW('K', 8, struct kpkeys_attack_key)
#define KPKEYS_ATTACK_KEY_FREE	_IOW('K', 9, struct kpkeys_attack_key)
/*
 * The caller gets rights to the key, and an interrupt that hits it in user mode tries to read a
 * page that carries it. Fails with EAGAIN until that has happened; then 0 if the page could not
 * be read, 1 if it could. ENXIO where no interrupt hits user mode.
 */
#define KPKEYS_ATTACK_KEY_IRQ	_IOW('K', 10, struct kpkeys_attack_key)
/* KPKEYS_ATTACK_WRITE, in a lazy MMU section */
#define KPKEYS_ATTACK_WRITE_LAZY	_IOW('K', 11, struct kpkeys_attack_word)
/* A setter is called, and TLBs are flushed. */
#define KPKEYS_ATTACK_SET_ENTRY	_IOW('K', 12, struct kpkeys_attack_entry)

#endif /* _MISC_KPKEYS_ATTACK_H */
