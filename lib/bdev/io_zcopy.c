/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Submission of ZCOPY: one spdk_bdev_io that goes to the module twice.
 */

#include "lib/bdev/io_submit.h"

int
spdk_bdev_zcopy_start(struct spdk_bdev_desc *desc, struct spdk_io_channel *io_ch, struct iovec *iov, int iovcnt,
	uint64_t offset_blocks, uint64_t num_blocks, bool populate, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	struct bdev_channel *ch = spdk_io_channel_get_ctx(io_ch);
	struct spdk_bdev_io *bdev_io;

	if (!desc->write) {
		return -EBADF;
	}
	if (!bdev_range_fits(desc->bdev, offset_blocks, num_blocks)) {
		return -EINVAL;
	}
	if (!bdev_io_type_is_native(desc->bdev, SPDK_BDEV_IO_TYPE_ZCOPY) || (desc->gates & BDEV_GATE_HIDDEN_METADATA)) {
		return -ENOTSUP;
	}
	bdev_io = bdev_io_take(desc->bdev, desc, ch, SPDK_BDEV_IO_TYPE_ZCOPY, offset_blocks, num_blocks, cb, cb_arg);
	if (bdev_io == NULL) {
		return -ENOMEM;
	}
	bdev_io_set_buffers(bdev_io, iov, iovcnt, NULL);
	bdev_io->internal.flags |= BDEV_IO_RARE_FIELDS;
	bdev_io->u.bdev.zcopy.populate = populate;
	bdev_io->u.bdev.zcopy.commit = 0;
	bdev_io->u.bdev.zcopy.start = 1;
	bdev_io_submit_gated(bdev_io);
	return 0;
}

int
spdk_bdev_zcopy_end(struct spdk_bdev_io *bdev_io, bool commit, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	struct bdev_channel *ch = bdev_io->internal.ch;

	if (bdev_io->type != SPDK_BDEV_IO_TYPE_ZCOPY || !bdev_io->u.bdev.zcopy.start ||
		bdev_io->internal.status != SPDK_BDEV_IO_STATUS_SUCCESS ||
		(bdev_io->internal.flags & (BDEV_IO_FREE | BDEV_IO_DEFERRED))) {
		return -EINVAL;
	}
	if (spdk_get_thread() != ch->thread->thread) {
		SPDK_ERRLOG("%s: a zero-copy ends on another thread than its own\n", bdev_io->bdev->name);
		return -EINVAL;
	}
	/* It keeps its place, its buffers and the module's driver_ctx. */
	bdev_io->num_retries = 0;
	bdev_io->internal.cb = cb;
	bdev_io->internal.caller_ctx = cb_arg;
	bdev_io->internal.submit_tsc = bdev_thread_now(ch->thread);
	bdev_io->internal.status = SPDK_BDEV_IO_STATUS_PENDING;
	bdev_io->internal.marks = 0;
	bdev_io->internal.flags |= BDEV_IO_IN_SUBMIT;
	memset(&bdev_io_private(bdev_io)->error, 0, sizeof(bdev_io_private(bdev_io)->error));
	bdev_io->u.bdev.zcopy.commit = commit;
	bdev_io->u.bdev.zcopy.start = 0;
	bdev_io_submit_gated(bdev_io);
	return 0;
}
