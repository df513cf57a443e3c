/* SPDX-License-Identifier: BSD-3-Clause */

/* Reads and writes whose data are not in plain memory, or come from or go into a sequence of operations on them. */

#ifndef MALLOC_MOVE_H
#define MALLOC_MOVE_H

#include "spdk/bdev_module.h"
#include "spdk/dif.h"

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
	/* Of blocks with protection information within them. */
	struct spdk_dif_ctx dif;
	struct spdk_dif_error dif_error;
};

/*
 * Copies between the disk and the buffers of a read or write by a sequence of accel: the I/O's, which ends with it, or one
 * of its own. The sequence sees to it that data go straight to their place, without a copy, where it can; protection
 * information within the blocks is checked before anything is copied. Completes the I/O.
 */
void malloc_move(struct spdk_bdev_io *bdev_io, struct spdk_io_channel *accel_ch, const struct malloc_range *range);

#endif /* MALLOC_MOVE_H */
