/* SPDX-License-Identifier: BSD-3-Clause */

/* Numbers to hand out: an array of bits that remembers where the lowest free one is. */

#include "spdk/bit_pool.h"
#include "spdk/bit_array.h"

struct spdk_bit_pool {
	struct spdk_bit_array *array;
	/* UINT32_MAX: none is free. */
	uint32_t lowest_free;
	uint32_t num_free;
};

static void
recount(struct spdk_bit_pool *pool)
{
	pool->lowest_free = spdk_bit_array_find_first_clear(pool->array, 0);
	pool->num_free = spdk_bit_array_count_clear(pool->array);
}

struct spdk_bit_pool *
spdk_bit_pool_create_from_array(struct spdk_bit_array *array)
{
	struct spdk_bit_pool *pool = calloc(1, sizeof(*pool));

	if (pool == NULL) {
		return NULL;
	}
	pool->array = array;
	recount(pool);
	return pool;
}

struct spdk_bit_pool *
spdk_bit_pool_create(uint32_t num_bits)
{
	struct spdk_bit_array *array = spdk_bit_array_create(num_bits);
	struct spdk_bit_pool *pool;

	if (array == NULL) {
		return NULL;
	}
	pool = spdk_bit_pool_create_from_array(array);
	if (pool == NULL) {
		spdk_bit_array_free(&array);
	}
	return pool;
}

void
spdk_bit_pool_free(struct spdk_bit_pool **pool)
{
	if (pool == NULL || *pool == NULL) {
		return;
	}
	spdk_bit_array_free(&(*pool)->array);
	free(*pool);
	*pool = NULL;
}

int
spdk_bit_pool_resize(struct spdk_bit_pool **pool, uint32_t num_bits)
{
	int rc;

	if (num_bits == UINT32_MAX) {
		return -EINVAL;
	}
	if (*pool == NULL) {
		*pool = spdk_bit_pool_create(num_bits);
		return *pool == NULL ? -ENOMEM : 0;
	}
	rc = spdk_bit_array_resize(&(*pool)->array, num_bits);
	if (rc == 0) {
		recount(*pool);
	}
	return rc;
}

uint32_t
spdk_bit_pool_capacity(const struct spdk_bit_pool *pool)
{
	return spdk_bit_array_capacity(pool->array);
}

bool
spdk_bit_pool_is_allocated(const struct spdk_bit_pool *pool, uint32_t bit_index)
{
	return spdk_bit_array_get(pool->array, bit_index);
}

uint32_t
spdk_bit_pool_allocate_bit(struct spdk_bit_pool *pool)
{
	uint32_t bit = pool->lowest_free;

	if (bit == UINT32_MAX) {
		return UINT32_MAX;
	}
	spdk_bit_array_set(pool->array, bit);
	pool->num_free--;
	pool->lowest_free = spdk_bit_array_find_first_clear(pool->array, bit + 1);
	return bit;
}

void
spdk_bit_pool_free_bit(struct spdk_bit_pool *pool, uint32_t bit_index)
{
	assert(spdk_bit_array_get(pool->array, bit_index));
	if (!spdk_bit_array_get(pool->array, bit_index)) {
		return;
	}
	spdk_bit_array_clear(pool->array, bit_index);
	pool->num_free++;
	if (bit_index < pool->lowest_free) {
		pool->lowest_free = bit_index;
	}
}

uint32_t
spdk_bit_pool_count_allocated(const struct spdk_bit_pool *pool)
{
	return spdk_bit_array_capacity(pool->array) - pool->num_free;
}

uint32_t
spdk_bit_pool_count_free(const struct spdk_bit_pool *pool)
{
	return pool->num_free;
}

void
spdk_bit_pool_store_mask(const struct spdk_bit_pool *pool, void *mask)
{
	spdk_bit_array_store_mask(pool->array, mask);
}

void
spdk_bit_pool_load_mask(struct spdk_bit_pool *pool, const void *mask)
{
	spdk_bit_array_load_mask(pool->array, mask);
	recount(pool);
}

void
spdk_bit_pool_free_all_bits(struct spdk_bit_pool *pool)
{
	spdk_bit_array_clear_mask(pool->array);
	recount(pool);
}
