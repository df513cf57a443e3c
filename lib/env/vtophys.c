/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Where memory lies: physical address, NUMA node, file.
 *
 * Only reserved huge pages keep their physical address, and only a privileged process is told it. For anything else
 * there is no answer, as the kernel may move the page at any time.
 */

#include "spdk/env.h"
#include "spdk/log.h"
#include "spdk/memory.h"
#include "spdk/util.h"

#include "lib/env/env_internal.h"
#include "lib/env/memory_internal.h"

#define PAGEMAP_PRESENT (1ULL << 63)
#define PAGEMAP_FRAME_MASK ((1ULL << 55) - 1)

static struct spdk_mem_map *g_vtophys_map;
static pthread_once_t g_vtophys_once = PTHREAD_ONCE_INIT;

/* The physical address of a 2 MiB page, SPDK_VTOPHYS_ERROR if the kernel does not say. */
static uint64_t
read_physical(int pagemap, uint64_t vaddr)
{
	uint64_t entry;

	if (pread(pagemap, &entry, sizeof(entry), (off_t)(vaddr >> SHIFT_4KB) * (off_t)sizeof(entry)) !=
		sizeof(entry)) {
		return SPDK_VTOPHYS_ERROR;
	}
	if (!(entry & PAGEMAP_PRESENT) || (entry & PAGEMAP_FRAME_MASK) == 0) {
		return SPDK_VTOPHYS_ERROR;
	}
	return (entry & PAGEMAP_FRAME_MASK) << SHIFT_4KB;
}

static int
note_memory_cb(void *cb_ctx, struct spdk_mem_map *map, enum spdk_mem_map_notify_action action, void *vaddr, size_t size)
{
	uint64_t pos = (uintptr_t)vaddr;
	uint64_t end = pos + size;
	int pagemap, rc = 0;

	if (action == SPDK_MEM_MAP_NOTIFY_UNREGISTER) {
		return spdk_mem_map_clear_translation(map, pos, size);
	}
	if (!region_is_huge(vaddr)) {
		return 0;
	}
	pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (pagemap < 0) {
		return 0;
	}
	for (; rc == 0 && pos < end; pos += VALUE_2MB) {
		rc = spdk_mem_map_set_translation(map, pos, VALUE_2MB, read_physical(pagemap, pos));
	}
	close(pagemap);
	return rc;
}

static int
physically_contiguous(uint64_t addr_1, uint64_t addr_2)
{
	return addr_1 != SPDK_VTOPHYS_ERROR && addr_1 + VALUE_2MB == addr_2;
}

/* Made when somebody first asks: programs without such devices do without the map. */
static void
create_map(void)
{
	static const struct spdk_mem_map_ops ops = {
		.notify_cb = note_memory_cb,
		.are_contiguous = physically_contiguous,
	};

	g_vtophys_map = spdk_mem_map_alloc(SPDK_VTOPHYS_ERROR, &ops, NULL);
	if (g_vtophys_map == NULL) {
		SPDK_ERRLOG("No memory for the map of physical addresses\n");
	}
}

uint64_t
spdk_vtophys(const void *buf, uint64_t *size)
{
	uint64_t page;

	pthread_once(&g_vtophys_once, create_map);
	if (g_vtophys_map == NULL) {
		return SPDK_VTOPHYS_ERROR;
	}
	page = spdk_mem_map_translate(g_vtophys_map, (uintptr_t)buf, size);
	return page == SPDK_VTOPHYS_ERROR ? page : page + ((uintptr_t)buf & MASK_2MB);
}

int
spdk_mem_get_fd_and_offset(void *vaddr, uint64_t *offset)
{
	return region_find_file(vaddr, offset);
}

int32_t
spdk_mem_get_numa_id(const void *buf, uint64_t *size)
{
	void *page = (void *)((uintptr_t)buf & ~MASK_4KB);
	int node = -1;

	if (!region_numa_matters()) {
		return 0;
	}
	if (syscall(SYS_move_pages, 0, 1UL, &page, NULL, &node, 0) != 0 || node < 0) {
		return SPDK_ENV_NUMA_ID_ANY;
	}
	/* Known for this page only. */
	if (size != NULL) {
		*size = spdk_min(*size, VALUE_4KB - ((uintptr_t)buf & MASK_4KB));
	}
	return node;
}
