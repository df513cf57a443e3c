/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Pools of elements of one size. Address space for all elements is taken at once, but an element's memory is first
 * touched when it is first given out, and elements that came back are given out again first: a pool takes as much
 * memory as was ever in use at once.
 *
 * Elements that came back form a lock-free stack. Its links stand beside the elements, not in them, so that returning
 * an element does not touch it. A counter in the head tells a head apart from an equal one of earlier.
 */

#include "spdk/env.h"
#include "spdk/likely.h"
#include "spdk/log.h"
#include "spdk/queue.h"
#include "spdk/util.h"

#include "lib/env/env_internal.h"

/* Elements are numbered from 1; 0 ends the stack. */
#define MEMPOOL_MAX_COUNT (UINT32_MAX - 1)

struct mempool_link {
	uint32_t next;
	/* Elements in the stack from this one down. */
	uint32_t depth;
};

struct spdk_mempool {
	char name[SPDK_MAX_MEMPOOL_NAME_LEN];
	uint32_t count;
	size_t stride;
	/* stride is 2^stride_shift times an odd number; this one times that is 1 modulo 2^64. */
	uint32_t stride_shift;
	uint64_t stride_inverse;
	uint8_t *elements;
	struct mempool_link *links;
	TAILQ_ENTRY(spdk_mempool) tailq;

	/* Top of the stack: element number in the low half, counter in the high one. */
	_Alignas(SPDK_CACHE_LINE_SIZE) uint64_t head;
	/* Elements given out at least once. Those above it have never been touched. */
	_Alignas(SPDK_CACHE_LINE_SIZE) uint32_t used;
};

static TAILQ_HEAD(, spdk_mempool) g_mempools = TAILQ_HEAD_INITIALIZER(g_mempools);
static struct env_mutex g_mempools_mutex = ENV_MUTEX_INITIALIZER;

static void *
element_at(const struct spdk_mempool *mp, uint32_t number)
{
	return mp->elements + (size_t)(number - 1) * mp->stride;
}

/*
 * Offsets of elements are multiples of stride, and such a division is a multiplication by the inverse: several times
 * as fast as the CPU's own division.
 */
static uint32_t
element_number(const struct spdk_mempool *mp, const void *ele)
{
	uint64_t offset = (uint64_t)((const uint8_t *)ele - mp->elements);
	uint64_t index = (offset >> mp->stride_shift) * mp->stride_inverse;

	assert(offset % mp->stride == 0 && index < mp->count);
	return (uint32_t)index + 1;
}

static void
set_stride(struct spdk_mempool *mp, size_t stride)
{
	uint64_t odd, inverse;

	mp->stride = stride;
	mp->stride_shift = (uint32_t)__builtin_ctzll(stride);
	odd = stride >> mp->stride_shift;
	/* Newton's iteration: odd is its own inverse in the last 3 bits, and each step doubles the number of right bits. */
	inverse = odd;
	for (int bits = 3; bits < 64; bits *= 2) {
		inverse *= 2 - odd * inverse;
	}
	mp->stride_inverse = inverse;
}

static uint64_t
make_head(uint64_t old_head, uint32_t number)
{
	return ((old_head >> 32) + 1) << 32 | number;
}

/* Takes up to max elements from the stack. */
static size_t
pop_elements(struct spdk_mempool *mp, void **elements, size_t max)
{
	uint64_t head = __atomic_load_n(&mp->head, __ATOMIC_ACQUIRE);
	uint32_t number;
	size_t count;

	do {
		number = (uint32_t)head;
		/*
		 * While we walk, others may take and return the same elements and change their links. Then the head's
		 * counter has moved on, and what we read is thrown away; every number read is at least a valid one.
		 */
		for (count = 0; count < max && number != 0; count++) {
			elements[count] = element_at(mp, number);
			number = __atomic_load_n(&mp->links[number].next, __ATOMIC_RELAXED);
		}
		if (count == 0) {
			return 0;
		}
	} while (!__atomic_compare_exchange_n(
		&mp->head, &head, make_head(head, number), false, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE));
	return count;
}

static void
push_elements(struct spdk_mempool *mp, void **elements, size_t count)
{
	uint32_t first = element_number(mp, elements[0]);
	uint32_t last = first;
	uint64_t head;

	for (size_t i = 1; i < count; i++) {
		uint32_t number = element_number(mp, elements[i]);

		__atomic_store_n(&mp->links[last].next, number, __ATOMIC_RELAXED);
		last = number;
	}
	head = __atomic_load_n(&mp->head, __ATOMIC_RELAXED);
	do {
		uint32_t below = (uint32_t)head;
		uint32_t depth = below == 0 ? 0 : __atomic_load_n(&mp->links[below].depth, __ATOMIC_RELAXED);
		uint32_t number = first;

		__atomic_store_n(&mp->links[last].next, below, __ATOMIC_RELAXED);
		for (size_t left = count; left > 0; left--) {
			__atomic_store_n(&mp->links[number].depth, depth + (uint32_t)left, __ATOMIC_RELAXED);
			number = __atomic_load_n(&mp->links[number].next, __ATOMIC_RELAXED);
		}
	} while (!__atomic_compare_exchange_n(
		&mp->head, &head, make_head(head, first), false, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
}

/* Takes count elements that were never in use, or none. */
static bool
take_fresh(struct spdk_mempool *mp, void **elements, size_t count)
{
	uint32_t used = __atomic_load_n(&mp->used, __ATOMIC_RELAXED);

	do {
		if (count > mp->count - used) {
			return false;
		}
	} while (!__atomic_compare_exchange_n(
		&mp->used, &used, used + (uint32_t)count, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	for (size_t i = 0; i < count; i++) {
		elements[i] = element_at(mp, used + 1 + (uint32_t)i);
	}
	return true;
}

int
spdk_mempool_get_bulk(struct spdk_mempool *mp, void **ele_arr, size_t count)
{
	size_t popped;

	if (count == 0) {
		return 0;
	}
	popped = pop_elements(mp, ele_arr, count);
	if (popped == count || take_fresh(mp, ele_arr + popped, count - popped)) {
		return 0;
	}
	if (popped > 0) {
		push_elements(mp, ele_arr, popped);
	}
	return -ENOENT;
}

void *
spdk_mempool_get(struct spdk_mempool *mp)
{
	void *ele;

	return spdk_mempool_get_bulk(mp, &ele, 1) == 0 ? ele : NULL;
}

void
spdk_mempool_put_bulk(struct spdk_mempool *mp, void **ele_arr, size_t count)
{
	if (count > 0) {
		push_elements(mp, ele_arr, count);
	}
}

void
spdk_mempool_put(struct spdk_mempool *mp, void *ele)
{
	push_elements(mp, &ele, 1);
}

size_t
spdk_mempool_count(const struct spdk_mempool *pool)
{
	uint32_t top = (uint32_t)__atomic_load_n(&pool->head, __ATOMIC_ACQUIRE);
	uint32_t stacked = top == 0 ? 0 : __atomic_load_n(&pool->links[top].depth, __ATOMIC_RELAXED);

	return (size_t)stacked + (pool->count - __atomic_load_n(&pool->used, __ATOMIC_RELAXED));
}

char *
spdk_mempool_get_name(struct spdk_mempool *mp)
{
	return mp->name;
}

uint32_t
spdk_mempool_obj_iter(struct spdk_mempool *mp, spdk_mempool_obj_cb_t obj_cb, void *obj_cb_arg)
{
	for (uint32_t i = 0; i < mp->count; i++) {
		obj_cb(mp, obj_cb_arg, element_at(mp, i + 1), i);
	}
	return mp->count;
}

uint32_t
spdk_mempool_mem_iter(struct spdk_mempool *mp, spdk_mempool_mem_cb_t mem_cb, void *mem_cb_arg)
{
	mem_cb(mp, mem_cb_arg, mp->elements, spdk_vtophys(mp->elements, NULL), (size_t)mp->count * mp->stride, 0);
	return 1;
}

static struct spdk_mempool *
find_mempool(const char *name)
{
	struct spdk_mempool *mp;

	TAILQ_FOREACH (mp, &g_mempools, tailq) {
		if (strcmp(mp->name, name) == 0) {
			return mp;
		}
	}
	return NULL;
}

struct spdk_mempool *
spdk_mempool_lookup(const char *name)
{
	ENV_MUTEX_SCOPE(&g_mempools_mutex);
	return find_mempool(name);
}

/* Returns false if the name is taken. */
static bool
publish_mempool(struct spdk_mempool *mp)
{
	ENV_MUTEX_SCOPE(&g_mempools_mutex);

	if (find_mempool(mp->name) != NULL) {
		return false;
	}
	TAILQ_INSERT_TAIL(&g_mempools, mp, tailq);
	return true;
}

static void
destroy_mempool(struct spdk_mempool *mp)
{
	spdk_free(mp->elements);
	spdk_free(mp->links);
	spdk_free(mp);
}

static bool
mempool_args_valid(const char *name, size_t count, size_t ele_size)
{
	if (name == NULL || strnlen(name, SPDK_MAX_MEMPOOL_NAME_LEN) >= SPDK_MAX_MEMPOOL_NAME_LEN) {
		SPDK_ERRLOG("Mempool name %s is missing or longer than %d characters\n", name ? name : "(null)",
			SPDK_MAX_MEMPOOL_NAME_LEN - 1);
		return false;
	}
	if (count == 0 || count > MEMPOOL_MAX_COUNT || ele_size == 0 ||
		ele_size > SIZE_MAX / count - SPDK_CACHE_LINE_SIZE) {
		SPDK_ERRLOG("Mempool %s cannot hold %zu elements of %zu bytes\n", name, count, ele_size);
		return false;
	}
	return true;
}

struct spdk_mempool *
spdk_mempool_create(const char *name, size_t count, size_t ele_size, size_t cache_size, int numa_id)
{
	struct spdk_mempool *mp;

	if (!mempool_args_valid(name, count, ele_size)) {
		return NULL;
	}
	mp = spdk_zmalloc(sizeof(*mp), SPDK_CACHE_LINE_SIZE, NULL, numa_id, SPDK_MALLOC_SHARE);
	if (mp == NULL) {
		return NULL;
	}
	snprintf(mp->name, sizeof(mp->name), "%s", name);
	mp->count = (uint32_t)count;
	set_stride(mp, SPDK_ALIGN_CEIL(ele_size, (size_t)SPDK_CACHE_LINE_SIZE));
	mp->elements = spdk_malloc(
		count * mp->stride, SPDK_CACHE_LINE_SIZE, NULL, numa_id, SPDK_MALLOC_DMA | SPDK_MALLOC_SHARE);
	mp->links = spdk_zmalloc((count + 1) * sizeof(*mp->links), 0, NULL, numa_id, SPDK_MALLOC_SHARE);
	if (mp->elements == NULL || mp->links == NULL) {
		destroy_mempool(mp);
		return NULL;
	}
	if (!publish_mempool(mp)) {
		SPDK_ERRLOG("A mempool named %s exists already\n", name);
		destroy_mempool(mp);
		return NULL;
	}
	return mp;
}

struct spdk_mempool *
spdk_mempool_create_ctor(const char *name, size_t count, size_t ele_size, size_t cache_size, int numa_id,
	spdk_mempool_obj_cb_t *obj_init, void *obj_init_arg)
{
	struct spdk_mempool *mp = spdk_mempool_create(name, count, ele_size, cache_size, numa_id);

	/* All at once: obj_init_arg need not outlive this call. */
	if (mp != NULL && obj_init != NULL) {
		spdk_mempool_obj_iter(mp, obj_init, obj_init_arg);
	}
	return mp;
}

void
spdk_mempool_free(struct spdk_mempool *mp)
{
	if (mp == NULL) {
		return;
	}
	env_mutex_lock(&g_mempools_mutex);
	TAILQ_REMOVE(&g_mempools, mp, tailq);
	env_mutex_unlock(&g_mempools_mutex);
	destroy_mempool(mp);
}
