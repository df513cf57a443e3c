/* SPDX-License-Identifier: BSD-3-Clause */

/* Arrays of bits. Not locked. */

#ifndef SPDK_BIT_ARRAY_H
#define SPDK_BIT_ARRAY_H

#include "spdk/stdinc.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spdk_bit_array;

/* Makes an array of num_bits bits, all 0. Returns NULL if num_bits is UINT32_MAX or memory is short. */
struct spdk_bit_array *spdk_bit_array_create(uint32_t num_bits);

/* Frees the array and sets *bap to NULL. bap and *bap may be NULL. */
void spdk_bit_array_free(struct spdk_bit_array **bap);

/*
 * Makes an array longer, by bits that are 0, or shorter; *bap NULL: makes one. *bap may change.
 * Returns 0; -EINVAL if num_bits is UINT32_MAX; -ENOMEM, and then the array is unchanged.
 */
int spdk_bit_array_resize(struct spdk_bit_array **bap, uint32_t num_bits);

/* Number of bits. */
uint32_t spdk_bit_array_capacity(const struct spdk_bit_array *ba);

/* false beyond the end. */
bool spdk_bit_array_get(const struct spdk_bit_array *ba, uint32_t bit_index);

/* Returns 0; -EINVAL beyond the end. */
int spdk_bit_array_set(struct spdk_bit_array *ba, uint32_t bit_index);

/* Does nothing beyond the end. */
void spdk_bit_array_clear(struct spdk_bit_array *ba, uint32_t bit_index);

/* The first such bit from start_bit_index on; UINT32_MAX if there is none. */
uint32_t spdk_bit_array_find_first_set(const struct spdk_bit_array *ba, uint32_t start_bit_index);
uint32_t spdk_bit_array_find_first_clear(const struct spdk_bit_array *ba, uint32_t start_bit_index);

/* How many bits are set, and how many are not. */
uint32_t spdk_bit_array_count_set(const struct spdk_bit_array *ba);
uint32_t spdk_bit_array_count_clear(const struct spdk_bit_array *ba);

/*
 * Copies the bits to or from memory: bit n is bit n % 8 of byte n / 8. Bits of the last byte that the array does not
 * have stay as they are.
 */
void spdk_bit_array_store_mask(const struct spdk_bit_array *ba, void *mask);
void spdk_bit_array_load_mask(struct spdk_bit_array *ba, const void *mask);

/* Sets all bits to 0. */
void spdk_bit_array_clear_mask(struct spdk_bit_array *ba);

#ifdef __cplusplus
}
#endif

#endif /* SPDK_BIT_ARRAY_H */
