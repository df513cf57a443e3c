/* SPDX-License-Identifier: BSD-3-Clause */

/* zone_block: a zoned bdev on top of one that has no zones, its base. */

#ifndef MODULE_BDEV_ZONE_BLOCK_H
#define MODULE_BDEV_ZONE_BLOCK_H

#include "bdevkit/vbdev.h"

struct zone_block_params {
	/* Blocks of a zone that can be written; the zones are as large as the next power of two. */
	uint64_t zone_capacity;
	/* What the bdev says of itself. */
	uint64_t optimal_open_zones;
	/* How many zones may be open, and hold data without being full. 0: no limit. */
	uint32_t max_open_zones;
	uint32_t max_active_zones;
};

/*
 * As bdk_vbdev_create(). All zones are full whenever the bdev appears. -EEXIST also if the base is taken by another zone_block
 * bdev, or has zones already; -EINVAL if it does not hold between 1 and 4194303 zones.
 */
int vbdev_zone_block_create(
	const struct bdk_vbdev_opts *opts, const struct zone_block_params *params, const char **why);

/* As bdk_vbdev_delete(). */
int vbdev_zone_block_delete(const char *name, spdk_bdev_unregister_cb cb, void *cb_arg);

#endif /* MODULE_BDEV_ZONE_BLOCK_H */
