/* SPDX-License-Identifier: BSD-3-Clause */

/* Arrays of bits, in words of 64. Bits of the last word beyond the end are 0 always. */

#include "spdk/bit_array.h"
#include "spdk/util.h"

#define WORD_BITS 64

struct spdk_bit_array {
	uint32_t num_bits;
	uint64_t words[];
};

static uint32_t
count_words(uint32_t num_bits)
{
	return (uint32_t)SPDK_CEIL_DIV((uint64_t)num_bits, WORD_BITS);
}

/* The bits of the last word that exist. */
static uint64_t
last_word_mask(uint32_t num_bits)
{
	return num_bits % WORD_BITS == 0 ? UINT64_MAX : (1ULL << (num_bits % WORD_BITS)) - 1;
}

struct spdk_bit_array *
spdk_bit_array_create(uint32_t num_bits)
{
	struct spdk_bit_array *ba = NULL;

	spdk_bit_array_resize(&ba, num_bits);
	return ba;
}

void
spdk_bit_array_free(struct spdk_bit_array **bap)
{
	if (bap == NULL) {
		return;
	}
	free(*bap);
	*bap = NULL;
}

int
spdk_bit_array_resize(struct spdk_bit_array **bap, uint32_t num_bits)
{
	struct spdk_bit_array *ba;
	uint32_t old_words, new_words = count_words(num_bits);

	if (bap == NULL || num_bits == UINT32_MAX) {
		return -EINVAL;
	}
	old_words = *bap != NULL ? count_words((*bap)->num_bits) : 0;
	ba = realloc(*bap, sizeof(*ba) + new_words * sizeof(ba->words[0]));
	if (ba == NULL) {
		return -ENOMEM;
	}
	if (new_words > old_words) {
		memset(&ba->words[old_words], 0, (new_words - old_words) * sizeof(ba->words[0]));
	} else if (new_words > 0) {
		ba->words[new_words - 1] &= last_word_mask(num_bits);
	}
	ba->num_bits = num_bits;
	*bap = ba;
	return 0;
}

uint32_t
spdk_bit_array_capacity(const struct spdk_bit_array *ba)
{
	return ba->num_bits;
}

bool
spdk_bit_array_get(const struct spdk_bit_array *ba, uint32_t bit_index)
{
	return bit_index < ba->num_bits && (ba->words[bit_index / WORD_BITS] >> (bit_index % WORD_BITS)) & 1;
}

int
spdk_bit_array_set(struct spdk_bit_array *ba, uint32_t bit_index)
{
	if (bit_index >= ba->num_bits) {
		return -EINVAL;
	}
	ba->words[bit_index / WORD_BITS] |= 1ULL << (bit_index % WORD_BITS);
	return 0;
}

void
spdk_bit_array_clear(struct spdk_bit_array *ba, uint32_t bit_index)
{
	if (bit_index < ba->num_bits) {
		ba->words[bit_index / WORD_BITS] &= ~(1ULL << (bit_index % WORD_BITS));
	}
}

/* invert: UINT64_MAX to look for a bit that is 0, else 0. */
static uint32_t
find_first(const struct spdk_bit_array *ba, uint32_t start, uint64_t invert)
{
	uint32_t index;
	uint64_t word;

	if (start >= ba->num_bits) {
		return UINT32_MAX;
	}
	index = start / WORD_BITS;
	word = (ba->words[index] ^ invert) & (UINT64_MAX << (start % WORD_BITS));
	while (word == 0) {
		if (++index >= count_words(ba->num_bits)) {
			return UINT32_MAX;
		}
		word = ba->words[index] ^ invert;
	}
	index = index * WORD_BITS + (uint32_t)__builtin_ctzll(word);
	/* What is beyond the end counts as 0 in the last word. */
	return index < ba->num_bits ? index : UINT32_MAX;
}

uint32_t
spdk_bit_array_find_first_set(const struct spdk_bit_array *ba, uint32_t start_bit_index)
{
	return find_first(ba, start_bit_index, 0);
}

uint32_t
spdk_bit_array_find_first_clear(const struct spdk_bit_array *ba, uint32_t start_bit_index)
{
	return find_first(ba, start_bit_index, UINT64_MAX);
}

uint32_t
spdk_bit_array_count_set(const struct spdk_bit_array *ba)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < count_words(ba->num_bits); i++) {
		count += (uint32_t)__builtin_popcountll(ba->words[i]);
	}
	return count;
}

uint32_t
spdk_bit_array_count_clear(const struct spdk_bit_array *ba)
{
	return ba->num_bits - spdk_bit_array_count_set(ba);
}

/* ---- As bytes. Word by word, so that the bytes are the same on any machine. ---- */

static uint8_t
get_byte(const struct spdk_bit_array *ba, uint32_t index)
{
	return (uint8_t)(ba->words[index / 8] >> (index % 8 * 8));
}

void
spdk_bit_array_store_mask(const struct spdk_bit_array *ba, void *mask)
{
	uint8_t *bytes = mask;
	uint32_t whole = ba->num_bits / 8;
	uint8_t last = (uint8_t)((1u << (ba->num_bits % 8)) - 1);

	for (uint32_t i = 0; i < whole; i++) {
		bytes[i] = get_byte(ba, i);
	}
	if (last != 0) {
		bytes[whole] = (uint8_t)((bytes[whole] & ~last) | get_byte(ba, whole));
	}
}

void
spdk_bit_array_load_mask(struct spdk_bit_array *ba, const void *mask)
{
	const uint8_t *bytes = mask;
	uint32_t count = (uint32_t)SPDK_CEIL_DIV((uint64_t)ba->num_bits, 8);

	spdk_bit_array_clear_mask(ba);
	for (uint32_t i = 0; i < count; i++) {
		ba->words[i / 8] |= (uint64_t)bytes[i] << (i % 8 * 8);
	}
	if (count > 0) {
		ba->words[count_words(ba->num_bits) - 1] &= last_word_mask(ba->num_bits);
	}
}

void
spdk_bit_array_clear_mask(struct spdk_bit_array *ba)
{
	memset(ba->words, 0, count_words(ba->num_bits) * sizeof(ba->words[0]));
}
