/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Bounded lock-free FIFO of pointers. A producer claims room for its whole batch with one compare-and-swap, fills it,
 * and publishes it when the batches before it are published; a consumer reads a batch and takes it with one.
 *
 * Why not ck_ring of Concurrency Kit: it moves one pointer at a time, so a batch could neither be all-or-nothing nor
 * cost one atomic operation; it holds a power of two less one, not what was asked for; and its atomics are inline
 * assembly, which ThreadSanitizer cannot follow.
 */

#include "spdk/env.h"
#include "spdk/likely.h"
#include "spdk/log.h"
#include "spdk/util.h"

#include "lib/env/env_internal.h"

/* Counters run freely over 32 bits; differences must stay positive as int32_t. */
#define RING_MAX_COUNT (1u << 30)

/* A producer that waits for another's publication gives its CPU away after this many looks: that one may not run. */
#define RING_SPINS 64

struct spdk_ring {
	enum spdk_ring_type type;
	uint32_t capacity;
	uint32_t mask;

	/* Producers: claimed up to claim_tail, readable up to tail. */
	_Alignas(SPDK_CACHE_LINE_SIZE) uint32_t claim_tail;
	uint32_t tail;

	/* Consumers. */
	_Alignas(SPDK_CACHE_LINE_SIZE) uint32_t head;

	_Alignas(SPDK_CACHE_LINE_SIZE) void *slots[];
};

struct spdk_ring *
spdk_ring_create(enum spdk_ring_type type, size_t count, int numa_id)
{
	struct spdk_ring *ring;
	uint32_t size;

	if (type != SPDK_RING_TYPE_SP_SC && type != SPDK_RING_TYPE_MP_SC && type != SPDK_RING_TYPE_MP_MC) {
		SPDK_ERRLOG("Ring type %d is unknown\n", (int)type);
		return NULL;
	}
	if (count == 0 || count > RING_MAX_COUNT) {
		SPDK_ERRLOG("A ring holds 1 to %u pointers, not %zu\n", RING_MAX_COUNT, count);
		return NULL;
	}
	size = spdk_align32pow2((uint32_t)count);
	ring = spdk_zmalloc(
		sizeof(*ring) + (size_t)size * sizeof(void *), SPDK_CACHE_LINE_SIZE, NULL, numa_id, SPDK_MALLOC_SHARE);
	if (ring == NULL) {
		return NULL;
	}
	ring->type = type;
	ring->capacity = (uint32_t)count;
	ring->mask = size - 1;
	return ring;
}

void
spdk_ring_free(struct spdk_ring *ring)
{
	spdk_free(ring);
}

size_t
spdk_ring_count(struct spdk_ring *ring)
{
	/* head first: tail can only be further on by then. */
	uint32_t head = __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE);
	uint32_t tail = __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE);

	return spdk_min(tail - head, ring->capacity);
}

static void
fill_slots(struct spdk_ring *ring, uint32_t pos, void **objs, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		__atomic_store_n(&ring->slots[(pos + i) & ring->mask], objs[i], __ATOMIC_RELAXED);
	}
}

/* Slots may be overwritten while they are read here: then the compare-and-swap of head fails and they are not used. */
static void
read_slots(struct spdk_ring *ring, uint32_t pos, void **objs, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		objs[i] = __atomic_load_n(&ring->slots[(pos + i) & ring->mask], __ATOMIC_RELAXED);
	}
}

static size_t
enqueue_single(struct spdk_ring *ring, void **objs, uint32_t count, uint32_t *room)
{
	uint32_t tail = __atomic_load_n(&ring->tail, __ATOMIC_RELAXED);

	*room = ring->capacity - (tail - __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE));
	if (count > *room) {
		return 0;
	}
	fill_slots(ring, tail, objs, count);
	__atomic_store_n(&ring->tail, tail + count, __ATOMIC_RELEASE);
	*room -= count;
	return count;
}

static void
wait_for_turn(struct spdk_ring *ring, uint32_t claimed)
{
	unsigned int spins = 0;

	/* Acquire: who reads our publication must also see what was published before it. */
	while (__atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE) != claimed) {
		if (++spins % RING_SPINS == 0) {
			env_thread_yield();
		} else {
			spdk_pause();
		}
	}
}

static size_t
enqueue_multi(struct spdk_ring *ring, void **objs, uint32_t count, uint32_t *room)
{
	uint32_t claimed = __atomic_load_n(&ring->claim_tail, __ATOMIC_RELAXED);
	int32_t used;

	do {
		used = (int32_t)(claimed - __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE));
		if (used < 0) {
			/* claimed is so old that consumers have passed it. */
			claimed = __atomic_load_n(&ring->claim_tail, __ATOMIC_RELAXED);
			continue;
		}
		*room = ring->capacity - (uint32_t)used;
		if (count > *room) {
			return 0;
		}
	} while (used < 0 ||
		!__atomic_compare_exchange_n(
			&ring->claim_tail, &claimed, claimed + count, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	fill_slots(ring, claimed, objs, count);
	wait_for_turn(ring, claimed);
	__atomic_store_n(&ring->tail, claimed + count, __ATOMIC_RELEASE);
	*room -= count;
	return count;
}

size_t
spdk_ring_enqueue(struct spdk_ring *ring, void **objs, size_t count, size_t *free_space)
{
	uint32_t room = 0;
	size_t done = 0;

	if (spdk_unlikely(count > ring->capacity)) {
		room = ring->capacity - (uint32_t)spdk_ring_count(ring);
	} else if (ring->type == SPDK_RING_TYPE_SP_SC) {
		done = enqueue_single(ring, objs, (uint32_t)count, &room);
	} else {
		done = enqueue_multi(ring, objs, (uint32_t)count, &room);
	}
	if (free_space != NULL) {
		*free_space = room;
	}
	return done;
}

static size_t
dequeue_single(struct spdk_ring *ring, void **objs, uint32_t count)
{
	uint32_t head = __atomic_load_n(&ring->head, __ATOMIC_RELAXED);
	uint32_t filled = __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE) - head;

	count = spdk_min(count, filled);
	if (count == 0) {
		return 0;
	}
	read_slots(ring, head, objs, count);
	__atomic_store_n(&ring->head, head + count, __ATOMIC_RELEASE);
	return count;
}

static size_t
dequeue_multi(struct spdk_ring *ring, void **objs, uint32_t max)
{
	uint32_t head = __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE);
	uint32_t filled, count;

	do {
		filled = __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE) - head;
		count = spdk_min(max, filled);
		if (count == 0) {
			return 0;
		}
		read_slots(ring, head, objs, count);
	} while (!__atomic_compare_exchange_n(
		&ring->head, &head, head + count, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
	return count;
}

size_t
spdk_ring_dequeue(struct spdk_ring *ring, void **objs, size_t count)
{
	uint32_t max = (uint32_t)spdk_min(count, (size_t)ring->capacity);

	if (ring->type == SPDK_RING_TYPE_MP_MC) {
		return dequeue_multi(ring, objs, max);
	}
	return dequeue_single(ring, objs, max);
}
