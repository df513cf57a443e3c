/* SPDX-License-Identifier: BSD-3-Clause */

/* What the two files of error share. */

#ifndef MODULE_BDEV_ERROR_INTERNAL_H
#define MODULE_BDEV_ERROR_INTERNAL_H

#include "module/bdev/error/vbdev_error.h"

#include "bdevkit/bdev_module.h"
#include "bdevkit/thread.h"

#include <stdatomic.h>

struct error_bdev {
	struct bdk_vbdev vbdev;

	/* One bit for each type of I/O for which something is armed: all that other I/O looks at. */
	_Atomic uint32_t armed;
	_Atomic bool leaving;
	/* How many I/Os of all channels are held. */
	_Atomic uint64_t num_held;

	/* For what follows. */
	struct spdk_spinlock lock;
	struct error_injection injections[SPDK_BDEV_NUM_IO_TYPES];
	/* How many I/Os have met one, ever. */
	uint64_t num_injected[SPDK_BDEV_NUM_IO_TYPES];

	/* One reset runs at a time, and it leaves once. */
	struct bdk_channel_walk reset_walk;
	struct bdk_channel_walk leave_walk;
};

enum error_io_state {
	/* Below, or done. */
	ERROR_IO_PLAIN,
	/* In error_channel.held. */
	ERROR_IO_HELD,
	/* A read below, of which a byte will be changed; or a write that has other buffers than its own. */
	ERROR_IO_CORRUPT_READ,
	ERROR_IO_BOUNCED,
};

/* Context of each I/O; lies in spdk_bdev_io.driver_ctx. All but state only if that says so. */
struct error_io {
	enum error_io_state state;
	uint8_t corrupt_value;
	uint64_t corrupt_offset;
	TAILQ_ENTRY(error_io) link;
	/* The changed copy of what is written, and what was to be written. */
	struct iovec bounce;
	struct iovec *iovs;
	int iovcnt;
};

struct error_channel {
	struct bdk_vbdev_channel vbdev;
	struct bdk_bdev_base base;
	struct error_bdev *error;
	/* I/Os that the base has. */
	uint64_t in_flight;
	TAILQ_HEAD(, error_io) held;
};

int error_channel_create(struct bdk_vbdev *vbdev, void *ctx);

void error_io_submit(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io);

/* Lets all I/O that is held go on; cb is called behind that. 0 or -ENOMEM, and cb is not called. */
int error_io_resume(struct error_bdev *error, void (*cb)(void *cb_arg), void *cb_arg);

/* The bdev is to go: ends all I/O that is held, and holds none any more. */
void error_io_leave(struct bdk_vbdev *vbdev);

#endif /* MODULE_BDEV_ERROR_INTERNAL_H */
