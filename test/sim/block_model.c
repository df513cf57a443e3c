/* SPDX-License-Identifier: BSD-3-Clause */

#include "block_model.h"

#include "spdk/util.h"

void
model_init(struct block_model *model, uint64_t num_blocks, uint64_t room, uint32_t block_size, bool write_cache)
{
	*model = (struct block_model){
		.block_size = block_size,
		.num_blocks = num_blocks,
		.room = room,
		.write_cache = write_cache,
		.blocks = calloc(room, sizeof(*model->blocks)),
	};
	if (model->blocks == NULL) {
		abort();
	}
}

void
model_fini(struct block_model *model)
{
	free(model->blocks);
	model->blocks = NULL;
}

void
model_grow(struct block_model *model, uint64_t num_blocks)
{
	if (num_blocks > model->room) {
		abort();
	}
	model->num_blocks = num_blocks;
}

bool
model_is_free(const struct block_model *model, uint64_t offset, uint64_t num_blocks)
{
	for (uint64_t i = offset; i < offset + num_blocks; i++) {
		if (model->blocks[i].busy) {
			return false;
		}
	}
	return true;
}

/* ---- Contents ---- */

static uint64_t
mix(uint64_t value)
{
	value ^= value >> 31;
	value *= UINT64_C(0x9e3779b97f4a7c15);
	return value ^ value >> 29;
}

/* Every eighth byte on depends on the block, the number and the place, so that no part can come from elsewhere. */
static void
fill(const struct block_model *model, uint64_t block, uint32_t number, uint8_t *data)
{
	uint64_t word = block << 32 | number;

	for (uint32_t i = 0; i < model->block_size; i += sizeof(word)) {
		memcpy(data + i, &word, sizeof(word));
		word = mix(word + i + 1);
	}
}

static bool
is_zero(const struct block_model *model, const uint8_t *data)
{
	return data[0] == 0 && memcmp(data, data + 1, model->block_size - 1) == 0;
}

/* false: it is no write of that block. */
static bool
get_number(const struct block_model *model, uint64_t block, const uint8_t *data, uint32_t *number)
{
	uint8_t expected[65536];
	uint64_t word;

	memcpy(&word, data, sizeof(word));
	*number = (uint32_t)word;
	if (word >> 32 != block) {
		return false;
	}
	fill(model, block, *number, expected);
	return memcmp(expected, data, model->block_size) == 0;
}

/* ---- Writes and flushes ---- */

void
model_begin_write(struct block_model *model, uint64_t offset, uint64_t num_blocks, void *data)
{
	for (uint64_t i = 0; i < num_blocks; i++) {
		struct model_block *block = &model->blocks[offset + i];

		block->busy = true;
		block->last++;
		if (data != NULL) {
			fill(model, offset + i, block->last, (uint8_t *)data + i * model->block_size);
		} else {
			block->last_zeroes = block->last;
		}
	}
}

void
model_end_write(struct block_model *model, uint64_t offset, uint64_t num_blocks, bool success)
{
	for (uint64_t i = offset; i < offset + num_blocks; i++) {
		struct model_block *block = &model->blocks[i];

		block->busy = false;
		if (success) {
			block->completed = block->last;
			block->floor = model->write_cache ? block->floor : block->last;
		}
	}
}

void
model_begin_flush(const struct block_model *model, uint32_t *durable)
{
	/* Also of what it may grow by before the flush has ended. */
	for (uint64_t i = 0; i < model->room; i++) {
		durable[i] = model->blocks[i].completed;
	}
}

void
model_end_flush(struct block_model *model, const uint32_t *durable)
{
	for (uint64_t i = 0; i < model->num_blocks; i++) {
		model->blocks[i].floor = spdk_max(model->blocks[i].floor, durable[i]);
	}
}

/* ---- Checks ---- */

static const char *
check_from(const struct block_model *model, uint64_t index, const void *data, uint32_t oldest)
{
	const struct model_block *block = &model->blocks[index];
	uint32_t number;

	if (is_zero(model, data)) {
		return oldest == 0 || block->last_zeroes >= oldest ? NULL : "it is zero, and should not be";
	}
	if (!get_number(model, index, data, &number)) {
		return "it holds what was never written there";
	}
	if (number < oldest) {
		return "it holds something old";
	}
	if (number != block->known && number <= block->gone) {
		return "it holds something that a power cut had taken";
	}
	return number <= block->last ? NULL : "it holds something that has not been written yet";
}

const char *
model_check(const struct block_model *model, uint64_t block, const void *data)
{
	return check_from(model, block, data, model->blocks[block].completed);
}

const char *
model_check_after_cut(const struct block_model *model, uint64_t block, const void *data)
{
	return check_from(model, block, data, model->blocks[block].floor);
}

void
model_learn(struct block_model *model, uint64_t index, const void *data, bool again)
{
	struct model_block *block = &model->blocks[index];
	uint32_t number;

	if (!again || block->floor != block->known) {
		block->old_floor = block->floor;
		block->old_gone = block->gone;
		block->old_zeroes = block->last_zeroes;
	} else {
		/* Zeroes that were being written at this cut may be on a mirror, too. */
		block->old_zeroes = spdk_max(block->old_zeroes, block->last_zeroes);
	}
	if (is_zero(model, data)) {
		number = ++block->last;
		block->last_zeroes = number;
	} else {
		get_number(model, index, data, &number);
		block->last_zeroes = 0;
	}
	block->busy = false;
	block->known = number;
	block->gone = block->last;
	block->floor = number;
	block->completed = number;
}

void
model_forget(struct block_model *model)
{
	for (uint64_t i = 0; i < model->num_blocks; i++) {
		struct model_block *block = &model->blocks[i];

		if (block->floor != block->known) {
			continue;
		}
		if (block->completed == block->known) {
			block->completed = block->old_floor;
		}
		block->floor = block->old_floor;
		block->known = block->old_floor;
		block->gone = block->old_gone;
		block->last_zeroes = spdk_max(block->last_zeroes, block->old_zeroes);
	}
}

void
model_forget_flush(const struct block_model *model, uint32_t *durable)
{
	for (uint64_t i = 0; i < model->num_blocks; i++) {
		const struct model_block *block = &model->blocks[i];

		if (block->floor == block->known && durable[i] == block->known) {
			durable[i] = block->old_floor;
		}
	}
}
