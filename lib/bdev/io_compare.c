/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Submission of COMPARE and COMPARE_AND_WRITE.
 */

#include "lib/bdev/io_submit.h"

/* Checks the arguments and takes an I/O. Buffers and submission are the caller's. */
static int
take_compare(struct spdk_bdev_desc *desc, struct spdk_io_channel *io_ch, uint64_t offset_blocks, uint64_t num_blocks,
	spdk_bdev_io_completion_cb cb, void *cb_arg, struct spdk_bdev_io **bdev_io)
{
	struct bdev_channel *ch = spdk_io_channel_get_ctx(io_ch);

	if (!bdev_range_fits(desc->bdev, offset_blocks, num_blocks)) {
		return -EINVAL;
	}
	if (desc->gates & BDEV_GATE_HIDDEN_METADATA) {
		return -ENOTSUP;
	}
	*bdev_io = bdev_io_take(desc->bdev, desc, ch, SPDK_BDEV_IO_TYPE_COMPARE, offset_blocks, num_blocks, cb, cb_arg);
	return *bdev_io != NULL ? 0 : -ENOMEM;
}

static void
submit_compare(struct spdk_bdev_io *bdev_io)
{
	if (bdev_io_type_is_native(bdev_io->bdev, SPDK_BDEV_IO_TYPE_COMPARE)) {
		bdev_io_submit_gated(bdev_io);
	} else {
		bdev_emulate_compare(bdev_io);
	}
}

int
spdk_bdev_compare_blocks_with_md(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *buf, void *md,
	uint64_t offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	struct spdk_bdev_io *bdev_io;
	int rc = bdev_desc_check_md(desc, buf, md);

	if (rc == 0) {
		rc = take_compare(desc, ch, offset_blocks, num_blocks, cb, cb_arg, &bdev_io);
	}
	if (rc == 0) {
		bdev_io_set_buffer(bdev_io, buf, num_blocks * desc->block_size, md);
		submit_compare(bdev_io);
	}
	return rc;
}

int
spdk_bdev_comparev_blocks_with_md(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, struct iovec *iov,
	int iovcnt, void *md, uint64_t offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	struct spdk_bdev_io *bdev_io;
	int rc = bdev_desc_check_md(desc, bdev_iov_first_base(iov, iovcnt), md);

	if (rc == 0) {
		rc = take_compare(desc, ch, offset_blocks, num_blocks, cb, cb_arg, &bdev_io);
	}
	if (rc == 0) {
		bdev_io_set_buffers(bdev_io, iov, iovcnt, md);
		submit_compare(bdev_io);
	}
	return rc;
}

int
spdk_bdev_compare_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *buf, uint64_t offset_blocks,
	uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	return spdk_bdev_compare_blocks_with_md(desc, ch, buf, NULL, offset_blocks, num_blocks, cb, cb_arg);
}

int
spdk_bdev_comparev_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, struct iovec *iov, int iovcnt,
	uint64_t offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	return spdk_bdev_comparev_blocks_with_md(desc, ch, iov, iovcnt, NULL, offset_blocks, num_blocks, cb, cb_arg);
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
