/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A zero-copy of a bdev that hands it down to another one. The I/O to that holds the buffer, so it lives until the user
 * has ended the zero-copy, or given it up.
 */

#include "lib/bdev/io_internal.h"

void
bdev_zcopy_lend(struct spdk_bdev_io *bdev_io, struct spdk_bdev_io *base_io)
{
	struct iovec *iovs;
	int iovcnt;

	bdev_io_private(bdev_io)->zcopy_base_io = base_io;
	spdk_bdev_io_get_iovec(base_io, &iovs, &iovcnt);
	if (iovcnt == 1) {
		/* Also into the user's array, if there is one. */
		spdk_bdev_io_set_buf(bdev_io, iovs[0].iov_base, iovs[0].iov_len);
	} else {
		bdev_io->u.bdev.iovs = iovs;
		bdev_io->u.bdev.iovcnt = iovcnt;
	}
	bdev_io->u.bdev.md_buf = base_io->u.bdev.md_buf;
}

int
bdev_zcopy_end(struct spdk_bdev_io *bdev_io, spdk_bdev_io_completion_cb cb)
{
	struct bdev_io_private *priv = bdev_io_private(bdev_io);
	struct spdk_bdev_io *base_io = priv->zcopy_base_io;
	int rc;

	if (base_io == NULL) {
		return -EINVAL;
	}
	priv->zcopy_base_io = NULL;
	rc = spdk_bdev_zcopy_end(base_io, bdev_io->u.bdev.zcopy.commit, cb, bdev_io);
	if (rc != 0) {
		priv->zcopy_base_io = base_io;
	}
	return rc;
}

static void
free_base_cb(struct spdk_bdev_io *base_io, bool success, void *cb_arg)
{
	spdk_bdev_free_io(base_io);
}

void
bdev_zcopy_give_up(struct bdev_io_private *priv)
{
	struct spdk_bdev_io *base_io = priv->zcopy_base_io;

	priv->zcopy_base_io = NULL;
	if (spdk_bdev_zcopy_end(base_io, false, free_base_cb, NULL) != 0) {
		spdk_bdev_free_io(base_io);
	}
}
