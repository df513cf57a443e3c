/* SPDX-License-Identifier: BSD-3-Clause */

/* Numbers to hand out and take back, the lowest free one first. Not locked. */

#ifndef SPDK_BIT_POOL_H
#define SPDK_BIT_POOL_H

#include "spdk/stdinc.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spdk_bit_array;
struct spdk_bit_pool;

/* Makes a pool of the numbers from 0 to num_bits - 1. Returns NULL if num_bits is UINT32_MAX or memory is short. */
struct spdk_bit_pool *spdk_bit_pool_create(uint32_t num_bits);

/* Makes a pool in which the array's bits that are 1 are handed out. The pool takes the array over; not on failure. */
struct spdk_bit_pool *spdk_bit_pool_create_from_array(struct spdk_bit_array *array);

/* Frees the pool and sets *pool to NULL. pool and *pool may be NULL. */
void spdk_bit_pool_free(struct spdk_bit_pool **pool);

/*
 * Makes a pool larger or smaller; *pool NULL: makes one. Numbers beyond a smaller end are gone.
 * Returns 0; -EINVAL if num_bits is UINT32_MAX; -ENOMEM, and then the pool is unchanged.
 */
int spdk_bit_pool_resize(struct spdk_bit_pool **pool, uint32_t num_bits);

/* Number of bits. */
uint32_t spdk_bit_pool_capacity(const struct spdk_bit_pool *pool);

/* false beyond the end. */
bool spdk_bit_pool_is_allocated(const struct spdk_bit_pool *pool, uint32_t bit_index);

/* Hands out the lowest free number; UINT32_MAX if there is none. */
uint32_t spdk_bit_pool_allocate_bit(struct spdk_bit_pool *pool);

/* Takes a number back that was handed out. */
void spdk_bit_pool_free_bit(struct spdk_bit_pool *pool, uint32_t bit_index);

/* How many bits are taken, and how many are free. */
uint32_t spdk_bit_pool_count_allocated(const struct spdk_bit_pool *pool);
uint32_t spdk_bit_pool_count_free(const struct spdk_bit_pool *pool);

/* What is handed out, as spdk_bit_array_store_mask() and spdk_bit_array_load_mask(). */
void spdk_bit_pool_store_mask(const struct spdk_bit_pool *pool, void *mask);
void spdk_bit_pool_load_mask(struct spdk_bit_pool *pool, const void *mask);

/* Takes everything back. */
void spdk_bit_pool_free_all_bits(struct spdk_bit_pool *pool);

#ifdef __cplusplus
}
#endif

#endif /* SPDK_BIT_POOL_H */
