/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The heap that spdk_malloc() and relatives give buffers from.
 *
 * Small buffers are cut from shared regions, large ones get a region of their own, whose pages go back to the kernel
 * with them. All bookkeeping stands apart from the buffers: memory that nobody has used is never touched, and a
 * module that writes beyond its buffer destroys data but not the heap. Nothing here is on an I/O's path.
 */

#include "spdk/env.h"
#include "spdk/likely.h"
#include "spdk/log.h"
#include "spdk/memory.h"
#include "spdk/tree.h"
#include "spdk/util.h"

#include "lib/env/env_internal.h"
#include "lib/env/memory_internal.h"

#if !defined(__SANITIZE_ADDRESS__) && defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/lsan_interface.h>
/* Room behind each buffer that may not be touched. */
#define HEAP_REDZONE 64
#else
#define ASAN_POISON_MEMORY_REGION(addr, size) ((void)(addr), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(addr, size) ((void)(addr), (void)(size))
#define __lsan_register_root_region(addr, size) ((void)(addr), (void)(size))
#define __lsan_unregister_root_region(addr, size) ((void)(addr), (void)(size))
#define HEAP_REDZONE 0
#endif

#define HEAP_ALIGN 64
/* Size of a region that buffers share. */
#define HEAP_SHARED_SIZE (16ULL << 20)
/* From here on a buffer has a region of its own. */
#define HEAP_LARGE_SIZE (1ULL << 20)
/* A buffer from this size on gives its pages back when it is freed. Less is not worth the system call. */
#define HEAP_RETURN_SIZE (128ULL << 10)

/* A part of a region, used or free. Neighbours of a free block are used: free ones are merged. */
struct block {
	uint8_t *start;
	size_t size;
	/* What was asked for. 0: free. */
	size_t used;
	/* May hold something else than zeroes. */
	bool dirty;
	struct heap_region *owner;
	TAILQ_ENTRY(block) neighbours;
	RB_ENTRY(block) node;
};

struct heap_region {
	struct region *region;
	bool shared;
	/* Whether its buffers were asked for with SPDK_MALLOC_DMA: only those may take huge pages. */
	bool dma;
	TAILQ_HEAD(block_list, block) blocks;
	TAILQ_ENTRY(heap_region) tailq;
};

static int
compare_start(struct block *a, struct block *b)
{
	return a->start < b->start ? -1 : a->start > b->start;
}

static int
compare_size(struct block *a, struct block *b)
{
	if (a->size != b->size) {
		return a->size < b->size ? -1 : 1;
	}
	return compare_start(a, b);
}

RB_HEAD(used_blocks, block);
RB_HEAD(free_blocks, block);
RB_GENERATE_STATIC(used_blocks, block, node, compare_start)
RB_GENERATE_STATIC(free_blocks, block, node, compare_size)

static struct {
	struct env_mutex mutex;
	struct used_blocks used;
	struct free_blocks free;
	TAILQ_HEAD(, heap_region) regions;
	struct env_memory_stats stats;
	uint64_t limit;
	/* Tests: allocations that succeed before fail_count of them fail. */
	uint64_t fail_after;
	uint64_t fail_count;
} g_heap = {
	.mutex = ENV_MUTEX_INITIALIZER,
	.used = RB_INITIALIZER(&g_heap.used),
	.free = RB_INITIALIZER(&g_heap.free),
	.regions = TAILQ_HEAD_INITIALIZER(g_heap.regions),
};

/* ---- Blocks ---- */

static bool
region_suits(const struct heap_region *owner, const struct heap_request *request)
{
	if (!owner->shared || owner->dma != request->dma) {
		return false;
	}
	return request->numa_id < 0 || !region_numa_matters() || owner->region->numa_id == request->numa_id;
}

static uint8_t *
align_up(uint8_t *start, size_t align)
{
	return (uint8_t *)(((uintptr_t)start + align - 1) & ~((uintptr_t)align - 1));
}

/* Bytes that a buffer takes of a region. */
static size_t
block_size(size_t size)
{
	return SPDK_ALIGN_CEIL(size + HEAP_REDZONE, (size_t)HEAP_ALIGN);
}

/* The smallest free block that can hold the request. */
static struct block *
find_free(const struct heap_request *request)
{
	struct block key = {.start = NULL, .size = block_size(request->size)};
	struct block *block;

	for (block = RB_NFIND(free_blocks, &g_heap.free, &key); block != NULL;
		block = RB_NEXT(free_blocks, &g_heap.free, block)) {
		size_t lead = (size_t)(align_up(block->start, request->align) - block->start);

		if (region_suits(block->owner, request) && block->size >= lead + key.size) {
			return block;
		}
	}
	return NULL;
}

/* Splits a block in two: what is behind its first size bytes becomes a free block. false: out of memory. */
static bool
split_block(struct block *block, size_t size)
{
	struct block *rest = calloc(1, sizeof(*rest));

	if (rest == NULL) {
		return false;
	}
	rest->start = block->start + size;
	rest->size = block->size - size;
	rest->dirty = block->dirty;
	rest->owner = block->owner;
	block->size = size;
	TAILQ_INSERT_AFTER(&block->owner->blocks, block, rest, neighbours);
	RB_INSERT(free_blocks, &g_heap.free, rest);
	return true;
}

/* Joins block and the one behind it. */
static void
merge_next(struct block *block, struct block *next)
{
	block->size += next->size;
	block->dirty |= next->dirty;
	TAILQ_REMOVE(&block->owner->blocks, next, neighbours);
	free(next);
}

/* Cuts the request's buffer from a free block; leftovers before and behind it stay free. */
static struct block *
take_block(struct block *block, const struct heap_request *request)
{
	size_t lead = (size_t)(align_up(block->start, request->align) - block->start);
	size_t size = block_size(request->size);

	RB_REMOVE(free_blocks, &g_heap.free, block);
	if (lead > 0) {
		struct block *front = block;

		if (!split_block(front, lead)) {
			RB_INSERT(free_blocks, &g_heap.free, block);
			return NULL;
		}
		RB_INSERT(free_blocks, &g_heap.free, front);
		block = TAILQ_NEXT(front, neighbours);
		RB_REMOVE(free_blocks, &g_heap.free, block);
	}
	if (block->owner->shared && block->size > size) {
		/* Without memory for the rest's bookkeeping the buffer is just longer than needed. */
		split_block(block, size);
	}
	block->used = request->size;
	RB_INSERT(used_blocks, &g_heap.used, block);
	return block;
}

/* Gives the pages inside a block back to the kernel, which makes them zero. */
static void
return_pages(struct block *block)
{
	uint8_t *start = align_up(block->start, VALUE_4KB);
	uint8_t *end = (uint8_t *)((uintptr_t)(block->start + block->size) & ~MASK_4KB);

	/* What is free is poisoned, for everybody but us. */
	ASAN_UNPOISON_MEMORY_REGION(block->start, block->size);
	region_clear_pages(start, (size_t)(end - start));
	block->dirty = start != block->start || end != block->start + block->size;
}

/*
 * A buffer that has its region for itself: only what surrounds it is poisoned. The shadow of the hundreds of megabytes in a
 * pool is itself so much memory that starting and ending a program took longer by it.
 */
static void
forbid_surroundings(const struct block *block)
{
	const struct region *region = block->owner->region;
	const uint8_t *end = block->start + block->used;

	ASAN_POISON_MEMORY_REGION(region->start, (size_t)(block->start - region->start));
	ASAN_POISON_MEMORY_REGION(end, (size_t)(region->start + region->size - end));
}

static void
permit_surroundings(const struct block *block)
{
	const struct region *region = block->owner->region;
	const uint8_t *end = block->start + block->used;

	ASAN_UNPOISON_MEMORY_REGION(region->start, (size_t)(block->start - region->start));
	ASAN_UNPOISON_MEMORY_REGION(end, (size_t)(region->start + region->size - end));
}

/* Makes a used block free, merged with its neighbours. Returns the whole. */
static struct block *
release_block(struct block *block)
{
	struct block *prev = TAILQ_PREV(block, block_list, neighbours);
	struct block *next = TAILQ_NEXT(block, neighbours);

	if (!block->owner->shared) {
		permit_surroundings(block);
	}
	block->used = 0;
	block->dirty = true;
	if (block->owner->shared && block->size >= HEAP_RETURN_SIZE) {
		return_pages(block);
	}
	if (block->owner->shared) {
		ASAN_POISON_MEMORY_REGION(block->start, block->size);
	}
	if (next != NULL && next->used == 0) {
		RB_REMOVE(free_blocks, &g_heap.free, next);
		merge_next(block, next);
	}
	if (prev != NULL && prev->used == 0) {
		RB_REMOVE(free_blocks, &g_heap.free, prev);
		merge_next(prev, block);
		block = prev;
	}
	RB_INSERT(free_blocks, &g_heap.free, block);
	return block;
}

/* ---- Regions ---- */

static void
destroy_region(struct heap_region *owner)
{
	struct region *region = owner->region;

	if (owner->shared) {
		ASAN_UNPOISON_MEMORY_REGION(region->start, region->size);
	}
	__lsan_unregister_root_region(region->start, region->size);
	region_destroy(region);
	free(owner);
}

/* Makes a region that is one free block, and nobody else's yet. */
static struct heap_region *
create_region(const struct heap_request *request)
{
	struct heap_region *owner = calloc(1, sizeof(*owner));
	struct block *block = calloc(1, sizeof(*block));
	size_t size = block_size(request->size);

	if (owner == NULL || block == NULL) {
		goto fail;
	}
	owner->shared = size < HEAP_LARGE_SIZE && request->align <= VALUE_2MB;
	owner->dma = request->dma;
	if (owner->shared) {
		size = HEAP_SHARED_SIZE;
	} else if (request->align > VALUE_2MB) {
		size += request->align;
	}
	/* A shared region is hardly ever used whole: filling huge pages for it would be waste. */
	owner->region = region_create(
		size, request->numa_id, request->dma && !owner->shared ? REGION_HUGE_IF_FREE : REGION_HUGE_NEVER);
	if (owner->region == NULL) {
		goto fail;
	}
	TAILQ_INIT(&owner->blocks);
	block->start = owner->region->start;
	block->size = owner->region->size;
	block->owner = owner;
	TAILQ_INSERT_TAIL(&owner->blocks, block, neighbours);
	__lsan_register_root_region(owner->region->start, owner->region->size);
	if (owner->shared) {
		ASAN_POISON_MEMORY_REGION(owner->region->start, owner->region->size);
	}
	return owner;

fail:
	free(block);
	free(owner);
	return NULL;
}

static void
link_region(struct heap_region *owner)
{
	TAILQ_INSERT_TAIL(&g_heap.regions, owner, tailq);
	RB_INSERT(free_blocks, &g_heap.free, TAILQ_FIRST(&owner->blocks));
	g_heap.stats.mapped_bytes += owner->region->size;
	g_heap.stats.huge_bytes += owner->region->huge ? owner->region->size : 0;
}

/* Takes a region out whose only block is free. */
static void
unlink_region(struct heap_region *owner)
{
	struct block *block = TAILQ_FIRST(&owner->blocks);

	RB_REMOVE(free_blocks, &g_heap.free, block);
	TAILQ_REMOVE(&g_heap.regions, owner, tailq);
	g_heap.stats.mapped_bytes -= owner->region->size;
	g_heap.stats.huge_bytes -= owner->region->huge ? owner->region->size : 0;
	free(block);
}

/*
 * A shared region has become empty. One empty region is kept, so that a program that takes and frees one buffer again
 * and again does not map memory each time. Returns another that can go, out of the heap already, or NULL.
 */
static struct heap_region *
keep_one_empty(struct heap_region *empty)
{
	struct heap_region *owner;

	TAILQ_FOREACH (owner, &g_heap.regions, tailq) {
		struct block *first = TAILQ_FIRST(&owner->blocks);

		if (owner != empty && owner->shared && owner->dma == empty->dma && first->used == 0 &&
			first->size == owner->region->size) {
			unlink_region(empty);
			return empty;
		}
	}
	return NULL;
}

/* ---- For memory.c ---- */

/* Whether a request may be served at all; counts it. */
static bool
admit_request(const struct heap_request *request)
{
	if (g_heap.fail_count > 0) {
		if (g_heap.fail_after == 0) {
			g_heap.fail_count--;
			return false;
		}
		g_heap.fail_after--;
	}
	if (g_heap.limit != 0 && request->size > g_heap.limit - spdk_min(g_heap.limit, g_heap.stats.bytes)) {
		SPDK_ERRLOG("No room for a buffer of %zu bytes: %" PRIu64 " of %" PRIu64
			    " MiB are in use; raise the memory size\n",
			request->size, g_heap.stats.bytes >> 20, g_heap.limit >> 20);
		return false;
	}
	g_heap.stats.buffers++;
	g_heap.stats.bytes += request->size;
	return true;
}

static void
count_release(size_t size)
{
	g_heap.stats.buffers--;
	g_heap.stats.bytes -= size;
}

/*
 * Finds or makes room. Called and returns with the lock held, but lets it go while a region is made: that calls the
 * memory maps' owners, who may allocate.
 */
static struct block *
obtain_block(const struct heap_request *request)
{
	struct block *block = block_size(request->size) < HEAP_LARGE_SIZE ? find_free(request) : NULL;
	struct heap_region *owner;

	if (block == NULL) {
		env_mutex_unlock(&g_heap.mutex);
		owner = create_region(request);
		env_mutex_lock(&g_heap.mutex);
		if (owner == NULL) {
			return NULL;
		}
		link_region(owner);
		block = TAILQ_FIRST(&owner->blocks);
	}
	return take_block(block, request);
}

void *
heap_alloc(const struct heap_request *request)
{
	struct block *block;
	uint8_t *buf;
	bool dirty;

	env_mutex_lock(&g_heap.mutex);
	if (!admit_request(request)) {
		env_mutex_unlock(&g_heap.mutex);
		return NULL;
	}
	block = obtain_block(request);
	if (block == NULL) {
		count_release(request->size);
		env_mutex_unlock(&g_heap.mutex);
		return NULL;
	}
	buf = block->start;
	dirty = block->dirty;
	if (block->owner->shared) {
		ASAN_UNPOISON_MEMORY_REGION(buf, request->size);
	} else {
		forbid_surroundings(block);
	}
	env_mutex_unlock(&g_heap.mutex);
	if (request->zero && dirty) {
		memset(buf, 0, request->size);
	}
	return buf;
}

static struct block *
find_used(const void *buf)
{
	struct block key = {.start = (uint8_t *)buf};

	return RB_FIND(used_blocks, &g_heap.used, &key);
}

bool
heap_free(void *buf)
{
	struct heap_region *unused = NULL;
	struct block *block;

	env_mutex_lock(&g_heap.mutex);
	block = find_used(buf);
	if (block == NULL) {
		env_mutex_unlock(&g_heap.mutex);
		return false;
	}
	count_release(block->used);
	RB_REMOVE(used_blocks, &g_heap.used, block);
	block = release_block(block);
	if (!block->owner->shared) {
		unused = block->owner;
		unlink_region(unused);
	} else if (block->size == block->owner->region->size) {
		unused = keep_one_empty(block->owner);
	}
	env_mutex_unlock(&g_heap.mutex);

	if (unused != NULL) {
		destroy_region(unused);
	}
	return true;
}

size_t
heap_get_size(const void *buf)
{
	struct block *block;

	ENV_MUTEX_SCOPE(&g_heap.mutex);
	block = find_used(buf);
	return block == NULL ? 0 : block->used;
}

uint64_t
env_memory_get_limit(void)
{
	return g_heap.limit;
}

void
heap_set_limit(uint64_t bytes)
{
	ENV_MUTEX_SCOPE(&g_heap.mutex);
	g_heap.limit = bytes;
}

void
env_memory_get_stats(struct env_memory_stats *stats)
{
	ENV_MUTEX_SCOPE(&g_heap.mutex);
	*stats = g_heap.stats;
}

void
env_memory_inject_failure(uint64_t after, uint64_t count)
{
	ENV_MUTEX_SCOPE(&g_heap.mutex);
	g_heap.fail_after = after;
	g_heap.fail_count = count;
}
