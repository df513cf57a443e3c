/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What each block of a bdev may hold: that of the last write that is known to be durable, or of any later one. Each write of a
 * block has a number, and the block says which; number 0 is zeroes, as are writes that are said to be.
 */

#ifndef BLOCK_MODEL_H
#define BLOCK_MODEL_H

#include "spdk/stdinc.h"

struct model_block {
	/* The oldest write that a power cut may leave, the last one that has succeeded, and the last one. */
	uint32_t floor;
	uint32_t completed;
	uint32_t last;
	/* What was read after a power cut, and the last one before that: those in between are gone. */
	uint32_t known;
	uint32_t gone;
	/* The last one that wrote zeroes. */
	uint32_t last_zeroes;
	/* floor, gone and last_zeroes before that cut. */
	uint32_t old_floor;
	uint32_t old_gone;
	uint32_t old_zeroes;
	/* A write is under way: there are never two. */
	bool busy;
};

struct block_model {
	uint32_t block_size;
	uint64_t num_blocks;
	/* It may grow up to that. */
	uint64_t room;
	/* Completed writes are durable only after a flush. */
	bool write_cache;
	struct model_block *blocks;
};

void model_init(struct block_model *model, uint64_t num_blocks, uint64_t room, uint32_t block_size, bool write_cache);
/* What is new has never been written. */
void model_grow(struct block_model *model, uint64_t num_blocks);
void model_fini(struct block_model *model);

/* Whether no write of any of them is under way. */
bool model_is_free(const struct block_model *model, uint64_t offset, uint64_t num_blocks);
/* A write begins; fills its data in, NULL: zeroes. */
void model_begin_write(struct block_model *model, uint64_t offset, uint64_t num_blocks, void *data);
void model_end_write(struct block_model *model, uint64_t offset, uint64_t num_blocks, bool success);

/* What a flush that is submitted now makes durable, if it succeeds. durable has room for model->room. */
void model_begin_flush(const struct block_model *model, uint32_t *durable);
void model_end_flush(struct block_model *model, const uint32_t *durable);

/*
 * Whether a block may be this: while the bdev is there, and after a power cut. Returns NULL, or what is wrong with it.
 * model_learn() takes it for what the block is from now on. again: what it was after the cut before need not be everywhere yet.
 */
const char *model_check(const struct block_model *model, uint64_t block, const void *data);
const char *model_check_after_cut(const struct block_model *model, uint64_t block, const void *data);
void model_learn(struct block_model *model, uint64_t block, const void *data, bool again);

/* What was read after the cut is lost where nothing has been written since: all that it could have been may come out. */
void model_forget(struct block_model *model);
/* Before that, for each flush that is under way. */
void model_forget_flush(const struct block_model *model, uint32_t *durable);

#endif /* BLOCK_MODEL_H */
