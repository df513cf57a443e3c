/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Address space from the kernel.
 *
 * Ordinary pages are the rule. Buffers for devices come from reserved huge pages when the system has free ones. Those
 * are filled at once, and not when touched, because only so does the kernel say beforehand that a container's limit
 * forbids them; a later touch would end in SIGBUS.
 *
 * Transparent huge pages are turned off for regions of ordinary size: many systems have them on for all memory, and
 * then each first touch of a pool would take 2 MiB. From 256 MiB on a region is the data of somebody who wants speed.
 */

#include "spdk/env.h"
#include "spdk/log.h"
#include "spdk/memory.h"
#include "spdk/util.h"

#include "lib/env/env_internal.h"
#include "lib/env/memory_internal.h"

#include <linux/mempolicy.h>

#define THP_MIN_SIZE (256ULL << 20)

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

static struct region_policy g_policy;
static TAILQ_HEAD(, region) g_regions = TAILQ_HEAD_INITIALIZER(g_regions);
static struct env_mutex g_regions_mutex = ENV_MUTEX_INITIALIZER;

void
region_set_policy(const struct region_policy *policy)
{
	g_policy = *policy;
}

bool
region_numa_matters(void)
{
	static int nodes = -1;
	int seen = __atomic_load_n(&nodes, __ATOMIC_RELAXED);

	if (seen < 0) {
		seen = access("/sys/devices/system/node/node1", F_OK) == 0 ? 2 : 1;
		__atomic_store_n(&nodes, seen, __ATOMIC_RELAXED);
	}
	return seen > 1;
}

/* Returns 0, or a negative errno where the node is a must and cannot be had. */
static int
place_on_node(void *start, size_t size, int numa_id)
{
	unsigned long mask[16] = {0};
	int mode = g_policy.enforce_numa ? MPOL_BIND : MPOL_PREFERRED;
	const size_t bits = sizeof(mask) * 8;

	if (numa_id < 0 || !region_numa_matters()) {
		return 0;
	}
	if ((size_t)numa_id >= bits) {
		return -EINVAL;
	}
	mask[numa_id / 64] = 1UL << (numa_id % 64);
	if (syscall(SYS_mbind, start, size, mode, mask, bits + 1, 0) != 0 && g_policy.enforce_numa) {
		return -errno;
	}
	return 0;
}

/* Maps size bytes at a multiple of 2 MiB: takes more address space and gives back what is too much. */
static void *
map_aligned(size_t size)
{
	size_t whole = size + VALUE_2MB;
	uint8_t *raw = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *start;

	if (raw == MAP_FAILED) {
		return NULL;
	}
	start = (uint8_t *)CEIL_2MB((uintptr_t)raw);
	if (start > raw) {
		munmap(raw, (size_t)(start - raw));
	}
	munmap(start + size, (size_t)(raw + whole - (start + size)));
	return start;
}

static uint64_t
count_free_huge_pages(void)
{
	FILE *file = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "re");
	unsigned long long count = 0;

	if (file == NULL) {
		return 0;
	}
	if (fscanf(file, "%llu", &count) != 1) {
		count = 0;
	}
	fclose(file);
	return count;
}

/* Tries reserved huge pages. They come from a file without a name, so that they can be shared later. */
static bool
map_huge(struct region *region)
{
	void *start;
	int fd;

	if (count_free_huge_pages() < region->size / VALUE_2MB) {
		return false;
	}
	fd = memfd_create("bdevkit", MFD_CLOEXEC | MFD_HUGETLB | (21u << MAP_HUGE_SHIFT));
	if (fd < 0) {
		return false;
	}
	if (ftruncate(fd, (off_t)region->size) != 0) {
		close(fd);
		return false;
	}
	start = mmap(NULL, region->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (start == MAP_FAILED) {
		close(fd);
		return false;
	}
	if (place_on_node(start, region->size, region->numa_id) != 0 ||
		madvise(start, region->size, MADV_POPULATE_WRITE) != 0) {
		munmap(start, region->size);
		close(fd);
		return false;
	}
	region->start = start;
	region->fd = fd;
	region->huge = true;
	return true;
}

static int
map_ordinary(struct region *region)
{
	int rc;

	region->start = map_aligned(region->size);
	if (region->start == NULL) {
		return -ENOMEM;
	}
	rc = place_on_node(region->start, region->size, region->numa_id);
	if (rc != 0) {
		munmap(region->start, region->size);
		return rc;
	}
	/* Advice: kernels without transparent huge pages refuse it, and that is as good. */
	madvise(region->start, region->size, region->size >= THP_MIN_SIZE ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	return 0;
}

static void
unmap_region(struct region *region)
{
	env_mutex_lock(&g_regions_mutex);
	TAILQ_REMOVE(&g_regions, region, tailq);
	env_mutex_unlock(&g_regions_mutex);
	munmap(region->start, region->size);
	if (region->fd >= 0) {
		close(region->fd);
	}
	free(region->pinned);
	free(region);
}

struct region *
region_create(size_t size, int numa_id, enum region_huge huge)
{
	struct region *region;
	int rc;

	if (size > SIZE_MAX / 2) {
		errno = ENOMEM;
		return NULL;
	}
	region = calloc(1, sizeof(*region));
	if (region == NULL) {
		return NULL;
	}
	region->size = CEIL_2MB(size);
	region->numa_id = numa_id;
	region->fd = -1;
	if (g_policy.no_huge || huge == REGION_HUGE_NEVER || !map_huge(region)) {
		rc = map_ordinary(region);
		if (rc != 0) {
			free(region);
			errno = -rc;
			return NULL;
		}
	}
	/* First, as who is told of the memory may ask about it. */
	env_mutex_lock(&g_regions_mutex);
	TAILQ_INSERT_TAIL(&g_regions, region, tailq);
	env_mutex_unlock(&g_regions_mutex);
	rc = spdk_mem_register(region->start, region->size);
	if (rc != 0) {
		SPDK_ERRLOG("Cannot register memory %p, length %zu: %s\n", region->start, region->size, strerror(-rc));
		unmap_region(region);
		errno = -rc;
		return NULL;
	}
	return region;
}

void
region_destroy(struct region *region)
{
	int rc = spdk_mem_unregister(region->start, region->size);

	if (rc != 0) {
		/* Somebody may still reach it by its translation: keeping the memory is the lesser evil. */
		SPDK_ERRLOG(
			"Cannot unregister memory %p, length %zu: %s\n", region->start, region->size, strerror(-rc));
		return;
	}
	unmap_region(region);
}

static struct region *
find_region(const void *vaddr)
{
	struct region *region;

	TAILQ_FOREACH (region, &g_regions, tailq) {
		if ((uintptr_t)vaddr - (uintptr_t)region->start < region->size) {
			return region;
		}
	}
	return NULL;
}

/* ---- Pages ---- */

void
env_memory_pin(void *vaddr)
{
	struct region *region;

	ENV_MUTEX_SCOPE(&g_regions_mutex);
	region = find_region(vaddr);
	if (region == NULL) {
		return;
	}
	if (region->pinned == NULL) {
		region->pinned = calloc(region->size / VALUE_2MB, sizeof(region->pinned[0]));
	}
	if (region->pinned == NULL) {
		/* Nothing can be noted: nothing of the region is given back any more. */
		region->keep_pages = true;
		return;
	}
	region->pinned[((uintptr_t)vaddr - (uintptr_t)region->start) / VALUE_2MB] = true;
}

void
env_memory_unpin(void *vaddr)
{
	struct region *region;

	ENV_MUTEX_SCOPE(&g_regions_mutex);
	region = find_region(vaddr);
	if (region != NULL && region->pinned != NULL) {
		region->pinned[((uintptr_t)vaddr - (uintptr_t)region->start) / VALUE_2MB] = false;
	}
}

static bool
can_return(const struct region *region, const uint8_t *start)
{
	if (region == NULL || region->huge || region->keep_pages) {
		return false;
	}
	return region->pinned == NULL || !region->pinned[(size_t)(start - region->start) / VALUE_2MB];
}

/* The first bytes that are all returned, or all kept. */
static size_t
uniform_part(const struct region *region, const uint8_t *start, size_t len)
{
	bool first = can_return(region, start);
	size_t part = VALUE_2MB - ((uintptr_t)start & MASK_2MB);

	if (region == NULL || region->pinned == NULL) {
		return len;
	}
	while (part < len && can_return(region, start + part) == first) {
		part += VALUE_2MB;
	}
	return spdk_min(part, len);
}

/* The lock is held so that nobody pins the pages while they go. */
static size_t
clear_part(uint8_t *start, size_t len)
{
	const struct region *region;
	size_t part;

	ENV_MUTEX_SCOPE(&g_regions_mutex);
	region = find_region(start);
	part = uniform_part(region, start, len);
	if (!can_return(region, start) || madvise(start, part, MADV_DONTNEED) != 0) {
		memset(start, 0, part);
	}
	return part;
}

void
region_clear_pages(void *start, size_t len)
{
	uint8_t *pos = start;

	while (len > 0) {
		size_t part = clear_part(pos, len);

		pos += part;
		len -= part;
	}
}

bool
region_is_huge(const void *vaddr)
{
	const struct region *region;

	ENV_MUTEX_SCOPE(&g_regions_mutex);
	region = find_region(vaddr);
	return region != NULL && region->huge;
}

int
region_find_file(const void *vaddr, uint64_t *offset)
{
	const struct region *region;

	ENV_MUTEX_SCOPE(&g_regions_mutex);
	region = find_region(vaddr);
	if (region == NULL) {
		return -ENOENT;
	}
	if (region->fd < 0) {
		return -ENOTSUP;
	}
	*offset = (uintptr_t)vaddr - (uintptr_t)region->start;
	return region->fd;
}
