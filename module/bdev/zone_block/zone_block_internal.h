/* SPDX-License-Identifier: BSD-3-Clause */

/* What the files of zone_block share. */

#ifndef MODULE_BDEV_ZONE_BLOCK_INTERNAL_H
#define MODULE_BDEV_ZONE_BLOCK_INTERNAL_H

#include "bdevkit/vbdev.h"
#include "module/bdev/zone_block/zone_table.h"

struct zone_block_bdev {
	struct bdk_vbdev vbdev;
	struct zone_table zones;
};

/* For the tables of functions: zone_block_io.c. */
int zone_block_io_ctx_size(void);
void zone_block_io_submit(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io);
bool zone_block_io_type_supported(void *ctx, enum spdk_bdev_io_type io_type);

#endif /* MODULE_BDEV_ZONE_BLOCK_INTERNAL_H */
