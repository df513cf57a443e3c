/* SPDX-License-Identifier: BSD-3-Clause */

#include "lib/thread/iobuf_internal.h"

#include "spdk/env.h"

/*
 * The index below each one on the stack is kept as its distance from the index that follows, so that zeroed memory, which
 * costs nothing until it is used, says that all are on the stack in their order. The one below the last is count: none.
 */
static uint32_t
get_next(const struct iobuf_pool *pool, uint32_t index)
{
	return atomic_load_explicit(&pool->distance[index], memory_order_relaxed) + index + 1;
}

static void
set_next(struct iobuf_pool *pool, uint32_t index, uint32_t next)
{
	atomic_store_explicit(&pool->distance[index], next - (index + 1), memory_order_relaxed);
}

static uint64_t
make_head(uint64_t previous, uint32_t index)
{
	return ((previous >> 32) + 1) << 32 | index;
}

static void *
buffer_at(const struct iobuf_pool *pool, uint32_t index)
{
	return pool->base + (uint64_t)index * pool->bufsize;
}

static uint32_t
index_of(const struct iobuf_pool *pool, const void *buf)
{
	uint64_t offset = (const char *)buf - pool->base;

	assert((const char *)buf >= pool->base && offset / pool->bufsize < pool->count);
	assert(offset % pool->bufsize == 0);
	return offset / pool->bufsize;
}

int
iobuf_pool_create(struct iobuf_pool *pool, uint64_t count, uint32_t bufsize)
{
	size_t size;

	if (count > UINT32_MAX - 1 || __builtin_mul_overflow(count, (size_t)bufsize, &size)) {
		return -ENOMEM;
	}

	memset(pool, 0, sizeof(*pool));
	TAILQ_INIT(&pool->waiting);
	pool->bufsize = bufsize;
	pool->count = count;

	atomic_init(&pool->head, 0);

	/* Pages of it exist once they are written to. */
	pool->base = spdk_malloc(size, IOBUF_ALIGNMENT, NULL, SPDK_ENV_NUMA_ID_ANY, SPDK_MALLOC_DMA);
	if (!pool->base) {
		return -ENOMEM;
	}
	pool->distance = calloc(count, sizeof(*pool->distance));
	if (!pool->distance) {
		iobuf_pool_destroy(pool);
		return -ENOMEM;
	}

	return 0;
}

void
iobuf_pool_destroy(struct iobuf_pool *pool)
{
	spdk_free(pool->base);
	pool->base = NULL;
	free((void *)pool->distance);
	pool->distance = NULL;
}

uint32_t
iobuf_pool_get(struct iobuf_pool *pool, void **bufs, uint32_t max)
{
	uint64_t head = atomic_load_explicit(&pool->head, memory_order_acquire);
	uint32_t index, n;

	do {
		/*
		 * Another thread may change the stack while it is walked. Every link is a valid index at all times, so
		 * that the walk is harmless, and then the exchange fails.
		 */
		index = (uint32_t)head;
		for (n = 0; n < max && index != pool->count; n++) {
			bufs[n] = buffer_at(pool, index);
			index = get_next(pool, index);
		}
		if (n == 0) {
			return 0;
		}
	} while (!atomic_compare_exchange_weak_explicit(
		&pool->head, &head, make_head(head, index), memory_order_acq_rel, memory_order_acquire));

	return n;
}

void
iobuf_pool_put(struct iobuf_pool *pool, void **bufs, uint32_t count)
{
	uint64_t head = atomic_load_explicit(&pool->head, memory_order_relaxed);
	uint32_t first, last;

	if (count == 0) {
		return;
	}

	first = last = index_of(pool, bufs[0]);
	for (uint32_t i = 1; i < count; i++) {
		uint32_t index = index_of(pool, bufs[i]);

		set_next(pool, last, index);
		last = index;
	}

	do {
		set_next(pool, last, (uint32_t)head);
	} while (!atomic_compare_exchange_weak_explicit(
		&pool->head, &head, make_head(head, first), memory_order_acq_rel, memory_order_relaxed));
}

uint32_t
iobuf_pool_count(struct iobuf_pool *pool)
{
	uint32_t index = (uint32_t)atomic_load(&pool->head);
	uint32_t count = 0;

	/* The bound matters after a buffer was returned twice, when the stack may form a ring. */
	while (index != pool->count && count <= pool->count) {
		count++;
		index = get_next(pool, index);
	}

	return count;
}
