/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * COMPARE_AND_WRITE where the module lacks it, in the order in which it runs: lock the range on all channels, compare,
 * write, unlock, call back. Nothing else writes to the range in between, and whoever is called back sees it unlocked.
 */

#include "lib/bdev/io_internal.h"

static void
end_cb(void *ctx, int status)
{
	struct bdev_io_private *outer = ctx;

	bdev_io_end(&outer->io, outer->pending_status);
}

static void
unlock(struct bdev_io_private *outer, enum spdk_bdev_io_status status)
{
	const struct spdk_bdev_io_block_params *params = &outer->io.u.bdev;
	int rc;

	outer->pending_status = status;
	rc = bdev_unlock_range(outer->io.bdev, params->offset_blocks, params->num_blocks, end_cb, outer);
	assert(rc == 0);
	(void)rc;
}

static void
write_done_cb(struct spdk_bdev_io *write, bool success, void *cb_arg)
{
	spdk_bdev_free_io(write);
	unlock(cb_arg, success ? SPDK_BDEV_IO_STATUS_SUCCESS : SPDK_BDEV_IO_STATUS_FAILED);
}

/* Also called again when there is an object. */
static void
write_cb(void *arg)
{
	struct bdev_io_private *outer = arg;
	const struct spdk_bdev_io_block_params *params = &outer->io.u.bdev;
	struct spdk_bdev_io *write;

	write = bdev_io_take_inner(&outer->io, BDEV_IO_RANK_INNER, SPDK_BDEV_IO_TYPE_WRITE, write_done_cb);
	if (write == NULL) {
		bdev_io_wait_inner(outer, BDEV_IO_RANK_INNER, write_cb);
		return;
	}
	write->u.bdev.offset_blocks = params->offset_blocks;
	write->u.bdev.num_blocks = params->num_blocks;
	write->u.bdev.iovs = params->fused_iovs;
	write->u.bdev.iovcnt = params->fused_iovcnt;
	write->u.bdev.md_buf = NULL;
	bdev_io_submit(write, write->internal.ch);
}

static void
compared(struct bdev_io_private *outer, enum spdk_bdev_io_status status)
{
	if (status == SPDK_BDEV_IO_STATUS_SUCCESS) {
		write_cb(outer);
	} else if (status == SPDK_BDEV_IO_STATUS_MISCOMPARE) {
		unlock(outer, status);
	} else {
		/* Not known to differ: it could not be compared. */
		unlock(outer, SPDK_BDEV_IO_STATUS_FIRST_FUSED_FAILED);
	}
}

/* Whether a module's COMPARE has found a difference, in the terms of whatever protocol. */
static bool
is_miscompare(const struct spdk_bdev_io *compare)
{
	int sc, sk, asc, ascq;

	spdk_bdev_io_get_scsi_status(compare, &sc, &sk, &asc, &ascq);
	return sc == SPDK_SCSI_STATUS_CHECK_CONDITION && sk == SPDK_SCSI_SENSE_MISCOMPARE;
}

static void
compare_done_cb(struct spdk_bdev_io *compare, bool success, void *cb_arg)
{
	enum spdk_bdev_io_status status = SPDK_BDEV_IO_STATUS_SUCCESS;

	if (!success) {
		status = is_miscompare(compare) ? SPDK_BDEV_IO_STATUS_MISCOMPARE : SPDK_BDEV_IO_STATUS_FAILED;
	}
	spdk_bdev_free_io(compare);
	compared(cb_arg, status);
}

/* By the module's own COMPARE. Also called again when there is an object. */
static void
compare_cb(void *arg)
{
	struct bdev_io_private *outer = arg;
	const struct spdk_bdev_io_block_params *params = &outer->io.u.bdev;
	struct spdk_bdev_io *compare;

	compare = bdev_io_take_inner(&outer->io, BDEV_IO_RANK_INNER, SPDK_BDEV_IO_TYPE_COMPARE, compare_done_cb);
	if (compare == NULL) {
		bdev_io_wait_inner(outer, BDEV_IO_RANK_INNER, compare_cb);
		return;
	}
	compare->u.bdev.offset_blocks = params->offset_blocks;
	compare->u.bdev.num_blocks = params->num_blocks;
	compare->u.bdev.iovs = params->iovs;
	compare->u.bdev.iovcnt = params->iovcnt;
	compare->u.bdev.md_buf = NULL;
	bdev_io_submit_gated(compare);
}

static void
locked_cb(void *ctx, int status)
{
	struct bdev_io_private *outer = ctx;

	if (status != 0) {
		bdev_io_end(&outer->io, SPDK_BDEV_IO_STATUS_FIRST_FUSED_FAILED);
		return;
	}
	/* The I/O that works for it inherits the flag. */
	outer->io.internal.flags |= BDEV_IO_LOCK_OWNER;
	if (bdev_io_type_is_native(outer->io.bdev, SPDK_BDEV_IO_TYPE_COMPARE)) {
		compare_cb(outer);
	} else {
		outer->compared = compared;
		bdev_compare_run(outer);
	}
}

void
bdev_emulate_compare_and_write(struct spdk_bdev_io *bdev_io)
{
	const struct spdk_bdev_io_block_params *params = &bdev_io->u.bdev;
	struct bdev_io_private *outer = bdev_io_private(bdev_io);

	bdev_emulate_begin(bdev_io);
	if (params->num_blocks == 0) {
		bdev_io_end(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
	} else if (bdev_lock_range(bdev_io->bdev, params->offset_blocks, params->num_blocks, locked_cb, outer) != 0) {
		bdev_io_end(bdev_io, SPDK_BDEV_IO_STATUS_FIRST_FUSED_FAILED);
	}
	bdev_io->internal.flags &= ~BDEV_IO_IN_SUBMIT;
}
