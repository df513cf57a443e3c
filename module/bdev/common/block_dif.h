/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Protection information of the blocks of a bdev, for modules that keep or make it. The reference tag of a block is the low
 * 32 bits of its number, the application tag is not used.
 */

#ifndef MODULE_BDEV_BLOCK_DIF_H
#define MODULE_BDEV_BLOCK_DIF_H

#include "spdk/bdev_module.h"
#include "spdk/dif.h"

/* Blocks of a bdev: where they are, and which they are. */
struct block_dif_range {
	struct iovec *iovs;
	int iovcnt;
	/* Separate metadata, of which there may be none: then nothing is checked or made. */
	void *md;
	uint64_t offset_blocks;
	uint64_t num_blocks;
	/* SPDK_DIF_FLAGS_*: what is checked or made. */
	uint32_t flags;
};

/* What bdev_io has as its buffers. */
struct block_dif_range block_dif_range_of_io(struct spdk_bdev_io *bdev_io);

/* For those who check it by other means. Returns 0 or -EINVAL. */
int block_dif_make_context(const struct spdk_bdev *bdev, const struct block_dif_range *range, struct spdk_dif_ctx *ctx);
/* Says in the log what is wrong with blocks from offset_blocks on. */
void block_dif_log_error(const struct spdk_bdev *bdev, uint64_t offset_blocks, const struct spdk_dif_error *error);

/* Returns true if all blocks are right. Otherwise says in the log what is wrong. */
bool block_dif_verify(const struct spdk_bdev *bdev, const struct block_dif_range *range);

/*
 * Gives blocks that are copies of those from src_offset_blocks on the reference tags of their new place. Blocks that are
 * not to be checked keep theirs. Returns false if the context is impossible.
 */
bool block_dif_move(const struct spdk_bdev *bdev, const struct block_dif_range *range, uint64_t src_offset_blocks);

/* Returns false if the buffers are too short, or the context is impossible. */
bool block_dif_generate(const struct spdk_bdev *bdev, const struct block_dif_range *range);

/* The metadata of a block that has never been written: its data is zeroes, and whoever reads it does not check it. */
struct block_dif_unwritten {
	/* From the start of a block, or of its metadata if that is separate. */
	uint32_t pi_offset;
	uint32_t pi_size;
	uint8_t pi[16];
};

/* Calculates it for a bdev with PI. Returns 0, -EINVAL if it cannot have that PI, or -ENOMEM. */
int block_dif_unwritten_init(struct block_dif_unwritten *unwritten, const struct spdk_bdev *bdev);

/* Writes it to blocks whose bytes are zeroes, or to their metadata if that is separate; stride bytes apart. */
void block_dif_unwritten_apply(
	const struct block_dif_unwritten *unwritten, uint8_t *blocks, uint32_t stride, uint64_t num_blocks);

#endif /* MODULE_BDEV_BLOCK_DIF_H */
