/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The attack corpus. Each attack has what a kernel bug gives, a read of eight
 * bytes and a write of eight or four at any kernel address (/dev/kpkeys_attack),
 * and wants what kpkeys denies: to change a page table in a way that the kernel
 * would not. It has won when a process has read memory with the help of such a
 * change.
 *
 * An attack runs in a process of its own; main.c judges.
 */
#ifndef ATTACK_H
#define ATTACK_H

#include "../guest.h"

#include <sys/mman.h>
#include <sys/wait.h>

#include <misc/kpkeys_attack.h>

/* What an attack returns, as an exit status. A signal means: stopped. */
enum {
	DONE = 42,	/* it has left its proof; main.c has a look at it */
	GAINED_NOTHING,	/* every step was taken, and nothing was gained */
	NOT_POSSIBLE,	/* there is no such thing to attack here; see why() */
};

struct attack {
	const char *name;
	const char *what;	/* what is written */
	int (*run)(void);
};

extern const struct attack *const attack_classes[];
extern const struct attack roots[], registers[], virtualization[], pool[], mappings[],
			   releases[], keys[];

/* Between the attack, its helpers and main.c. */
struct shared {
	struct kpkeys_attack_guess guess;	/* proof: the kernel's secret, or */
	int victim_lost;	/* memory of another process, or of the kernel, was reached */
	int stays;		/* the attacker must not exit; see stay() */
	int locks;		/* threads died in the middle of things: the next attack needs a new machine */
	unsigned int nr_writes;
	char why[128];
	u64 words[8];		/* the attack's own */
	struct kpkeys_attack_word word;
	char text[KPKEYS_ATTACK_SECRET_SIZE];
};

extern struct shared *shared;
extern struct kpkeys_attack_leak leak;	/* of the process that runs the attack */
extern bool protected;

void attack_open(void);
void get_leak(struct kpkeys_attack_leak *result, const void *addr);
bool try_lookup(const char *name, u64 *value);
u64 lookup(const char *name);
u64 per_cpu(u64 addr, unsigned int cpu);
u64 kernel_read(u64 addr);
void kernel_write(u64 addr, u64 value);
void kernel_write32(u64 addr, uint32_t value);
void kernel_write_lazily(u64 addr, u64 value);
void call_setter(u64 slot, u64 value, u64 addr, unsigned int level);
void write_word(const struct kpkeys_attack_word *word);
void restore(u64 addr, u64 value);
void restore32(u64 addr, uint32_t value);
int not_possible(const char *why);
int stay(int result);
bool on_arch(const char *arch);

/* Page tables */
unsigned int entry_bits(void);
unsigned int entry_index(const void *addr, unsigned int level);
u64 entry_slot(u64 root, const void *addr, unsigned int level);
u64 table_of(const void *addr, unsigned int level);
u64 kernel_address(u64 entry);
u64 address_of(const void *page);
u64 struct_page(u64 kernel_addr);
u64 leaf(u64 kernel_addr);
u64 empty_entry(void);
u64 link_to(u64 kernel_addr, unsigned int level);
char *free_address(unsigned int index);
void map_secret(u64 *table, const char *target);

/* Processes */
void run_on_any_cpu(void);
void run_on_cpu(int cpu);
pid_t start(int (*fn)(void *arg), void *arg);
bool ended_well(pid_t pid);
void flush(void);
void switch_away(void);
void wait_for(volatile u64 *word, u64 value);

/* Memory */
void *map_at(void *addr, size_t size, int flags);
char *table_range(unsigned int n);
char *private_range(unsigned int n);
u64 *frames_of(const char *memory, unsigned long nr);

/* What an attack ends with */
void own_page_init(void);
void own_page_move(unsigned int n);
const char *own_page(void);
u64 own_page_slot(void);
int steal_by_write(u64 slot);
int steal_by(bool (*write)(u64 slot, u64 value), u64 slot);
int steal_as_helper(void *arg);
bool helper_wrote(void);
bool steal_with_helper(pid_t pid);
bool steal_with_helper_in(pid_t pid, unsigned int seconds);
int steal_with_table(volatile u64 *table, char *range);
int steal_from(const volatile void *mapped);

#endif /* ATTACK_H */
