/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What an array keeps on its members beside data: reads and writes of blocks of the bdev itself. Application thread only.
 */

#ifndef MODULE_BDEV_RAID_AREA_H
#define MODULE_BDEV_RAID_AREA_H

#include "module/bdev/raid/raid.h"

struct raid_area_io;
typedef void (*raid_area_cb)(struct raid_area_io *io, int rc);

/* One at a time. In use, and its member held, until cb is called, which is never called before the function returns. */
struct raid_area_io {
	struct raid_member *member;
	raid_area_cb cb;
	void *arg;

	struct spdk_io_channel *ch;
	struct spdk_bdev_io_wait_entry wait;
	struct bdk_msg msg;
	enum spdk_bdev_io_type type;
	void *buf;
	uint64_t offset_blocks;
	uint64_t num_blocks;
	int rc;
};

/* Blocks of the bdev, with their metadata if that is interleaved; buf has bdev->blocklen bytes for each, from spdk_dma_malloc(). */
void raid_area_read(struct raid_area_io *io, void *buf, uint64_t offset_blocks, uint64_t num_blocks);
void raid_area_write(struct raid_area_io *io, void *buf, uint64_t offset_blocks, uint64_t num_blocks);
/* All that the member has been given is durable; at once if it has no volatile write cache. */
void raid_area_flush(struct raid_area_io *io);

/* Whether a flush does anything. */
bool raid_area_has_write_cache(const struct raid_member *member);

#endif /* MODULE_BDEV_RAID_AREA_H */
