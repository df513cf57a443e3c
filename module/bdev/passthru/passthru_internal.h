/* SPDX-License-Identifier: BSD-3-Clause */

/* What the two files of passthru share. */

#ifndef MODULE_BDEV_PASSTHRU_INTERNAL_H
#define MODULE_BDEV_PASSTHRU_INTERNAL_H

#include "module/bdev/common/vbdev.h"

/* Context of each I/O; lies in spdk_bdev_io.driver_ctx. */
struct passthru_io {
	struct spdk_bdev_io_wait_entry wait;
	/* Of a zero-copy between its start and its end: the one on the base, which holds the buffer. */
	struct spdk_bdev_io *zcopy;
};

/* For the table of functions: passthru_io.c. */
void passthru_io_submit(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io);
bool passthru_io_type_supported(void *ctx, enum spdk_bdev_io_type io_type);
int passthru_get_memory_domains(void *ctx, struct spdk_memory_domain **domains, int array_size);
bool passthru_accel_sequence_supported(void *ctx, enum spdk_bdev_io_type io_type);

#endif /* MODULE_BDEV_PASSTHRU_INTERNAL_H */
