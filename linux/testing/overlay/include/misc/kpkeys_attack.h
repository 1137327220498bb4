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
 * @pgd: kernel virtual address of the root of the caller's page tables
 * @secret: kernel virtual address of the page that holds the secret
 * @linear_offset: virtual minus physical address, the same for the whole
 *	linear map
 * @levels: number of page-table levels in use
 * @arch: whose page-table format it is, as in ARCH=
 */
struct kpkeys_attack_leak {
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

#define KPKEYS_ATTACK_READ	_IOWR('K', 1, struct kpkeys_attack_word)
#define KPKEYS_ATTACK_WRITE	_IOW('K', 2, struct kpkeys_attack_word)
#define KPKEYS_ATTACK_LEAK	_IOR('K', 3, struct kpkeys_attack_leak)
/* Fails with EACCES when the guess is wrong. */
#define KPKEYS_ATTACK_VERIFY	_IOW('K', 4, struct kpkeys_attack_guess)

#endif /* _MISC_KPKEYS_ATTACK_H */
