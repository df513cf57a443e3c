/* SPDX-License-Identifier: BSD-3-Clause */

/* spdk_malloc() and relatives, and memory zones: buffers that have a name. */

#include "spdk/env.h"
#include "spdk/likely.h"
#include "spdk/log.h"
#include "spdk/memory.h"
#include "spdk/queue.h"
#include "spdk/util.h"

#include "lib/env/env_internal.h"
#include "lib/env/memory_internal.h"

#define MEMORY_MIN_ALIGN 64

void (*g_env_malloc_hook)(const void *caller);

/* The address of the call, not of what follows it. */
#define TELL_HOOK() \
	do { \
		if (spdk_unlikely(g_env_malloc_hook != NULL)) { \
			g_env_malloc_hook((const char *)__builtin_return_address(0) - 1); \
		} \
	} while (0)

static void *
allocate(size_t size, size_t align, const uint64_t *unused, int numa_id, uint32_t flags, bool zero)
{
	struct heap_request request = {
		.size = size,
		.align = spdk_max(align, (size_t)MEMORY_MIN_ALIGN),
		.numa_id = numa_id,
		.dma = flags & SPDK_MALLOC_DMA,
		.zero = zero,
	};

	if (flags == 0 || unused != NULL || size == 0) {
		return NULL;
	}
	if ((request.align & (request.align - 1)) != 0 || size > SIZE_MAX / 4 || align > SIZE_MAX / 4) {
		SPDK_ERRLOG("Cannot allocate %zu bytes at a multiple of %zu\n", size, align);
		return NULL;
	}
	return heap_alloc(&request);
}

void *
spdk_malloc(size_t size, size_t align, uint64_t *unused, int numa_id, uint32_t flags)
{
	TELL_HOOK();
	return allocate(size, align, unused, numa_id, flags, false);
}

void *
spdk_zmalloc(size_t size, size_t align, uint64_t *unused, int numa_id, uint32_t flags)
{
	TELL_HOOK();
	return allocate(size, align, unused, numa_id, flags, true);
}

void
spdk_free(void *buf)
{
	if (buf != NULL && !heap_free(buf)) {
		SPDK_ERRLOG("%p is not a buffer of spdk_malloc(), or was freed before\n", buf);
		assert(false);
	}
}

void *
spdk_realloc(void *buf, size_t size, size_t align)
{
	size_t old_size;
	void *moved;

	TELL_HOOK();
	if (size == 0) {
		spdk_free(buf);
		return NULL;
	}
	if (buf == NULL) {
		return spdk_malloc(size, align, NULL, SPDK_ENV_NUMA_ID_ANY, SPDK_MALLOC_DMA | SPDK_MALLOC_SHARE);
	}
	old_size = heap_get_size(buf);
	if (old_size == 0) {
		SPDK_ERRLOG("%p is not a buffer of spdk_malloc(), or was freed before\n", buf);
		return NULL;
	}
	moved = spdk_malloc(size, align, NULL, SPDK_ENV_NUMA_ID_ANY, SPDK_MALLOC_DMA | SPDK_MALLOC_SHARE);
	if (moved == NULL) {
		return NULL;
	}
	memcpy(moved, buf, spdk_min(old_size, size));
	spdk_free(buf);
	return moved;
}

void *
spdk_dma_malloc_socket(size_t size, size_t align, uint64_t *unused, int numa_id)
{
	TELL_HOOK();
	return spdk_malloc(size, align, unused, numa_id, SPDK_MALLOC_DMA | SPDK_MALLOC_SHARE);
}

void *
spdk_dma_zmalloc_socket(size_t size, size_t align, uint64_t *unused, int numa_id)
{
	TELL_HOOK();
	return spdk_zmalloc(size, align, unused, numa_id, SPDK_MALLOC_DMA | SPDK_MALLOC_SHARE);
}

void *
spdk_dma_malloc(size_t size, size_t align, uint64_t *unused)
{
	TELL_HOOK();
	return spdk_dma_malloc_socket(size, align, unused, SPDK_ENV_NUMA_ID_ANY);
}

void *
spdk_dma_zmalloc(size_t size, size_t align, uint64_t *unused)
{
	TELL_HOOK();
	return spdk_dma_zmalloc_socket(size, align, unused, SPDK_ENV_NUMA_ID_ANY);
}

void *
spdk_dma_realloc(void *buf, size_t size, size_t align, uint64_t *unused)
{
	TELL_HOOK();
	return unused != NULL ? NULL : spdk_realloc(buf, size, align);
}

void
spdk_dma_free(void *buf)
{
	spdk_free(buf);
}

void
env_memory_prefer_huge(void *buf, size_t len)
{
	uintptr_t start = CEIL_2MB((uintptr_t)buf);
	uintptr_t end = FLOOR_2MB((uintptr_t)buf + len);

	if (end > start) {
		/* Advice: a kernel that does not take it changes nothing. */
		madvise((void *)start, end - start, MADV_HUGEPAGE);
	}
}

void
env_memory_discard(void *buf, size_t len)
{
	uintptr_t page_size = (uintptr_t)getpagesize();
	uintptr_t start = (uintptr_t)buf;
	uintptr_t end = start + len;
	uintptr_t first = SPDK_ALIGN_CEIL(start, page_size);
	uintptr_t last = SPDK_ALIGN_FLOOR(end, page_size);

	if (first >= last) {
		memset(buf, 0, len);
		return;
	}
	region_clear_pages((void *)first, last - first);
	memset(buf, 0, first - start);
	memset((void *)last, 0, end - last);
}

/* ---- Memory zones ---- */

struct memzone {
	char name[SPDK_MAX_MEMZONE_NAME_LEN];
	void *start;
	size_t len;
	TAILQ_ENTRY(memzone) tailq;
};

static TAILQ_HEAD(, memzone) g_memzones = TAILQ_HEAD_INITIALIZER(g_memzones);
static struct env_mutex g_memzones_mutex = ENV_MUTEX_INITIALIZER;

static struct memzone *
find_memzone(const char *name)
{
	struct memzone *zone;

	TAILQ_FOREACH (zone, &g_memzones, tailq) {
		if (strcmp(zone->name, name) == 0) {
			return zone;
		}
	}
	return NULL;
}

void *
spdk_memzone_reserve_aligned(const char *name, size_t len, int numa_id, unsigned int flags, unsigned int align)
{
	struct memzone *zone;

	if (name == NULL || strnlen(name, SPDK_MAX_MEMZONE_NAME_LEN) >= SPDK_MAX_MEMZONE_NAME_LEN) {
		SPDK_ERRLOG("Memory zone name %s is missing or longer than %d characters\n", name ? name : "(null)",
			SPDK_MAX_MEMZONE_NAME_LEN - 1);
		return NULL;
	}
	ENV_MUTEX_SCOPE(&g_memzones_mutex);
	if (find_memzone(name) != NULL) {
		SPDK_ERRLOG("A memory zone named %s exists already\n", name);
		return NULL;
	}
	zone = calloc(1, sizeof(*zone));
	if (zone == NULL) {
		return NULL;
	}
	zone->start = spdk_zmalloc(len, align, NULL, numa_id, SPDK_MALLOC_DMA | SPDK_MALLOC_SHARE);
	if (zone->start == NULL) {
		free(zone);
		return NULL;
	}
	snprintf(zone->name, sizeof(zone->name), "%s", name);
	zone->len = len;
	TAILQ_INSERT_TAIL(&g_memzones, zone, tailq);
	return zone->start;
}

void *
spdk_memzone_reserve(const char *name, size_t len, int numa_id, unsigned int flags)
{
	return spdk_memzone_reserve_aligned(name, len, numa_id, flags, SPDK_CACHE_LINE_SIZE);
}

void *
spdk_memzone_lookup(const char *name)
{
	struct memzone *zone;

	ENV_MUTEX_SCOPE(&g_memzones_mutex);
	zone = find_memzone(name);
	return zone == NULL ? NULL : zone->start;
}

int
spdk_memzone_free(const char *name)
{
	struct memzone *zone;

	ENV_MUTEX_SCOPE(&g_memzones_mutex);
	zone = find_memzone(name);
	if (zone == NULL) {
		return -ENOENT;
	}
	TAILQ_REMOVE(&g_memzones, zone, tailq);
	spdk_free(zone->start);
	free(zone);
	return 0;
}

void
spdk_memzone_dump(FILE *f)
{
	struct memzone *zone;

	ENV_MUTEX_SCOPE(&g_memzones_mutex);
	TAILQ_FOREACH (zone, &g_memzones, tailq) {
		fprintf(f, "%s: address %p, length %zu\n", zone->name, zone->start, zone->len);
	}
}
