/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Submission of COMPARE and COMPARE_AND_WRITE.
 */

#include "lib/bdev/io_submit.h"

static void
submit_compare(struct spdk_bdev_io *bdev_io)
{
	if (bdev_io_type_is_native(bdev_io->bdev, SPDK_BDEV_IO_TYPE_COMPARE)) {
		bdev_io_submit_gated(bdev_io);
	} else {
		bdev_emulate_compare(bdev_io);
	}
}

/* iovs NULL: the buffer is buf. */
static int
compare(struct spdk_bdev_desc *desc, struct spdk_io_channel *io_ch, void *buf, struct iovec *iovs, int iovcnt, void *md,
	uint64_t offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	struct bdev_channel *ch = spdk_io_channel_get_ctx(io_ch);
	struct spdk_bdev_io *bdev_io;

	if (!bdev_range_fits(desc->bdev, offset_blocks, num_blocks)) {
		return -EINVAL;
	}
	if (desc->gates & BDEV_GATE_HIDDEN_METADATA) {
		return -ENOTSUP;
	}
	bdev_io = bdev_io_take(desc->bdev, desc, ch, SPDK_BDEV_IO_TYPE_COMPARE, offset_blocks, num_blocks, cb, cb_arg);
	if (bdev_io == NULL) {
		return -ENOMEM;
	}
	if (iovs == NULL) {
		bdev_io->iov.iov_base = buf;
		bdev_io->iov.iov_len = num_blocks * desc->block_size;
		iovs = &bdev_io->iov;
		iovcnt = 1;
	}
	bdev_io_set_buffers(bdev_io, iovs, iovcnt, md);
	submit_compare(bdev_io);
	return 0;
}

int
spdk_bdev_compare_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *buf, uint64_t offset_blocks,
	uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	return compare(desc, ch, buf, NULL, 0, NULL, offset_blocks, num_blocks, cb, cb_arg);
}

int
spdk_bdev_compare_blocks_with_md(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *buf, void *md,
	uint64_t offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	int rc = bdev_desc_check_md(desc, buf, md);

	if (rc != 0) {
		return rc;
	}
	return compare(desc, ch, buf, NULL, 0, md, offset_blocks, num_blocks, cb, cb_arg);
}

int
spdk_bdev_comparev_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, struct iovec *iov, int iovcnt,
	uint64_t offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	return compare(desc, ch, NULL, iov, iovcnt, NULL, offset_blocks, num_blocks, cb, cb_arg);
}

int
spdk_bdev_comparev_blocks_with_md(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, struct iovec *iov,
	int iovcnt, void *md, uint64_t offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	int rc = bdev_desc_check_md(desc, bdev_iov_first_base(iov, iovcnt), md);

	if (rc != 0) {
		return rc;
	}
	return compare(desc, ch, NULL, iov, iovcnt, md, offset_blocks, num_blocks, cb, cb_arg);
}

int
spdk_bdev_comparev_and_writev_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *io_ch,
	struct iovec *compare_iov, int compare_iovcnt, struct iovec *write_iov, int write_iovcnt,
	uint64_t offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	struct bdev_channel *ch = spdk_io_channel_get_ctx(io_ch);
	struct spdk_bdev *bdev = desc->bdev;
	struct spdk_bdev_io *bdev_io;

	if (!desc->write) {
		return -EBADF;
	}
	if (!bdev_range_fits(bdev, offset_blocks, num_blocks) || num_blocks > bdev->acwu) {
		return -EINVAL;
	}
	if (desc->gates & BDEV_GATE_HIDDEN_METADATA) {
		return -ENOTSUP;
	}
	bdev_io = bdev_io_take(
		bdev, desc, ch, SPDK_BDEV_IO_TYPE_COMPARE_AND_WRITE, offset_blocks, num_blocks, cb, cb_arg);
	if (bdev_io == NULL) {
		return -ENOMEM;
	}
	bdev_io_set_buffers(bdev_io, compare_iov, compare_iovcnt, NULL);
	bdev_io->internal.flags |= BDEV_IO_RARE_FIELDS;
	bdev_io->u.bdev.fused_iovs = write_iov;
	bdev_io->u.bdev.fused_iovcnt = write_iovcnt;
	if (bdev_io_type_is_native(bdev, SPDK_BDEV_IO_TYPE_COMPARE_AND_WRITE)) {
		bdev_io_submit_gated(bdev_io);
	} else {
		bdev_emulate_compare_and_write(bdev_io);
	}
	return 0;
}
