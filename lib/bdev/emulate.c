/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Operations that a module lacks and the layer makes from others. What they have in common, and write zeroes: writes of
 * a buffer of zeroes, which split.c runs in rounds, as it does with operations that are too large.
 */

#include "lib/bdev/io_internal.h"

bool
bdev_io_is_emulated(const struct spdk_bdev_io *bdev_io)
{
	return bdev_io->type == SPDK_BDEV_IO_TYPE_WRITE_ZEROES &&
		!bdev_io_type_is_native(bdev_io->bdev, SPDK_BDEV_IO_TYPE_WRITE_ZEROES);
}

uint64_t
bdev_emulate_max_zeroes(const struct spdk_bdev *bdev)
{
	/* Data and separate metadata may be the same zeroes. */
	uint64_t max = ZERO_BUFFER_SIZE / spdk_max(bdev->blocklen, bdev->md_len);

	/* In whole units of writes, where there is room for one. */
	return bdev->split_on_write_unit && bdev->write_unit_size <= max ? max - max % bdev->write_unit_size : max;
}

void
bdev_emulate_zeroes(struct spdk_bdev_io *write)
{
	write->iov.iov_base = g_bdev_manager.zero_buffer;
	write->iov.iov_len = write->u.bdev.num_blocks * write->bdev->blocklen;
	write->u.bdev.iovs = &write->iov;
	write->u.bdev.iovcnt = 1;
	write->u.bdev.md_buf = spdk_bdev_is_md_separate(write->bdev) ? g_bdev_manager.zero_buffer : NULL;
}

void
bdev_emulate_begin(struct spdk_bdev_io *bdev_io)
{
	struct bdev_io_private *priv = bdev_io_private(bdev_io);

	bdev_io->internal.flags |= BDEV_IO_PARENT | BDEV_IO_EMULATED;
	priv->split_offset_blocks = bdev_io->u.bdev.offset_blocks;
	priv->split_remaining_blocks = bdev_io->u.bdev.num_blocks;
	priv->split_iov = 0;
	priv->split_iov_offset = 0;
}
