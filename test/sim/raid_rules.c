/* SPDX-License-Identifier: BSD-3-Clause */

#include "raid_rules.h"

#define MAX_BLOCK 4096

/* Times 2 in the field of 256 elements with the polynomial x^8 + x^4 + x^3 + x^2 + 1. */
static uint8_t
double_of(uint8_t a)
{
	return (uint8_t)(a << 1) ^ (a & 0x80 ? 0x1d : 0);
}

/* All members that are there have the same. */
static bool
mirrors_agree(const struct rules_array *array, uint64_t block)
{
	size_t at = block * array->block_size;
	const uint8_t *first = NULL;

	for (uint8_t slot = 0; slot < array->num_members; slot++) {
		const uint8_t *data = array->data[slot];

		if (data == NULL) {
			continue;
		}
		if (first != NULL && memcmp(first, data + at, array->block_size) != 0) {
			return false;
		}
		first = data + at;
	}
	return true;
}

/* The slots of P and of Q; Q is after P. */
static uint8_t
slot_of_p(const struct rules_array *array, uint64_t block)
{
	return (uint8_t)(array->num_members - 1 - block / array->strip_size % array->num_members);
}

/* Horner's scheme, from the last data column to the first. The sums of a block: p with weight 1, q with powers of 2. */
static void
sum_up(const struct rules_array *array, uint64_t block, uint8_t *p, uint8_t *q)
{
	uint8_t p_slot = slot_of_p(array, block);
	uint8_t q_slot = array->level == RULES_RAID6 ? (uint8_t)((p_slot + 1) % array->num_members) : p_slot;

	memset(p, 0, array->block_size);
	memset(q, 0, array->block_size);
	for (int slot = array->num_members - 1; slot >= 0; slot--) {
		const uint8_t *data = array->data[slot] + block * array->block_size;

		for (uint32_t i = 0; i < array->block_size && slot != p_slot && slot != q_slot; i++) {
			p[i] ^= data[i];
			q[i] = double_of(q[i]) ^ data[i];
		}
	}
}

/* Whether parity can be told at all: all data columns are there. */
static bool
has_data(const struct rules_array *array, uint64_t block)
{
	uint8_t p_slot = slot_of_p(array, block);
	uint8_t q_slot = array->level == RULES_RAID6 ? (uint8_t)((p_slot + 1) % array->num_members) : p_slot;

	for (uint8_t slot = 0; slot < array->num_members; slot++) {
		if (slot != p_slot && slot != q_slot && array->data[slot] == NULL) {
			return false;
		}
	}
	return true;
}

static bool
parity_agrees(const struct rules_array *array, uint64_t block)
{
	uint8_t p_slot = slot_of_p(array, block), q_slot = (uint8_t)((p_slot + 1) % array->num_members);
	const uint8_t *p_data = array->data[p_slot], *q_data = array->data[q_slot];
	size_t at = block * array->block_size;
	uint8_t p[MAX_BLOCK], q[MAX_BLOCK];

	if (!has_data(array, block)) {
		return true;
	}
	sum_up(array, block, p, q);
	if (p_data != NULL && memcmp(p_data + at, p, array->block_size) != 0) {
		return false;
	}
	return array->level != RULES_RAID6 || q_data == NULL || memcmp(q_data + at, q, array->block_size) == 0;
}

uint64_t
rules_find_mismatch(const struct rules_array *array)
{
	for (uint64_t block = 0; block < array->data_blocks; block++) {
		bool agrees = array->level == RULES_RAID1 ? mirrors_agree(array, block) : parity_agrees(array, block);

		if (!agrees) {
			return block;
		}
	}
	return UINT64_MAX;
}
