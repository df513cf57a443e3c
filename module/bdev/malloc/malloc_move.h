/* SPDX-License-Identifier: BSD-3-Clause */

/* Reads and writes whose data are not in plain memory, or come from or go into a sequence of operations on them. */

#ifndef MALLOC_MOVE_H
#define MALLOC_MOVE_H

#include "spdk/bdev_module.h"

/* A range of blocks, as it lies in memory. */
struct malloc_range {
	uint8_t *data;
	uint64_t data_len;
	/* NULL if there is no separate metadata. */
	uint8_t *md;
	uint64_t md_len;
};

/* Context of such an I/O; lies in spdk_bdev_io.driver_ctx. */
struct malloc_move {
	struct iovec data;
	struct iovec md;
	struct iovec user_md;
};

/*
 * Copies between the disk and the buffers of a read or write by a sequence of accel: the I/O's, which ends with it, or one
 * of its own. The sequence sees to it that data go straight to their place, without a copy, where it can. Completes the I/O.
 */
void malloc_move(struct spdk_bdev_io *bdev_io, struct spdk_io_channel *accel_ch, const struct malloc_range *range);

#endif /* MALLOC_MOVE_H */
