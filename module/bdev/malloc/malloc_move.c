/* SPDX-License-Identifier: BSD-3-Clause */

#include "module/bdev/malloc/malloc_move.h"

#include "lib/accel/at_once.h"
#include "module/bdev/common/block_dif.h"
#include "spdk/accel.h"
#include "spdk/likely.h"
#include "spdk/log.h"
#include "spdk/string.h"

static void
moved_cb(void *ctx, int status)
{
	struct spdk_bdev_io *bdev_io = spdk_bdev_io_from_ctx(ctx);
	struct malloc_move *move = ctx;

	if (move->dif_error.err_type != 0) {
		block_dif_log_error(bdev_io->bdev, bdev_io->u.bdev.offset_blocks, &move->dif_error);
	} else if (status != 0) {
		SPDK_ERRLOG(
			"%s: the data of an I/O could not be moved: %s\n", bdev_io->bdev->name, spdk_strerror(-status));
	}
	spdk_bdev_io_complete(bdev_io, status == 0 ? SPDK_BDEV_IO_STATUS_SUCCESS : SPDK_BDEV_IO_STATUS_FAILED);
}

static bool
is_long_enough(const struct spdk_bdev_io *bdev_io, uint64_t len)
{
	uint64_t total = 0;

	for (int i = 0; i < bdev_io->u.bdev.iovcnt && total < len; i++) {
		total += bdev_io->u.bdev.iovs[i].iov_len;
	}
	return total >= len;
}

/* A copy between the disk and the user's memory, in the direction of the I/O. */
static int
append(struct spdk_accel_sequence **sequence, struct spdk_io_channel *accel_ch, struct spdk_bdev_io *bdev_io,
	struct iovec *disk, struct iovec *user, int usercnt)
{
	struct spdk_bdev_io_block_params *io = &bdev_io->u.bdev;

	if (bdev_io->type == SPDK_BDEV_IO_TYPE_WRITE) {
		return spdk_accel_append_copy(sequence, accel_ch, disk, 1, NULL, NULL, user, usercnt, io->memory_domain,
			io->memory_domain_ctx, NULL, NULL);
	}
	return spdk_accel_append_copy(sequence, accel_ch, user, usercnt, io->memory_domain, io->memory_domain_ctx, disk,
		1, NULL, NULL, NULL, NULL);
}

/* Whether there is protection information to check: where it lies apart, the data of a sequence come without. */
static bool
has_to_check(const struct spdk_bdev_io *bdev_io)
{
	const struct spdk_bdev *bdev = bdev_io->bdev;

	return bdev->dif_type != SPDK_DIF_DISABLE && bdev->md_interleave && bdev_io->u.bdev.dif_check_flags != 0;
}

static int
append_check(struct spdk_accel_sequence **sequence, struct spdk_io_channel *accel_ch, struct spdk_bdev_io *bdev_io,
	struct iovec *iovs, int iovcnt)
{
	struct malloc_move *move = (struct malloc_move *)bdev_io->driver_ctx;
	struct block_dif_range range = block_dif_range_of_io(bdev_io);
	int rc;

	rc = block_dif_make_context(bdev_io->bdev, &range, &move->dif);
	if (rc != 0) {
		return rc;
	}
	return spdk_accel_append_dif_verify(sequence, accel_ch, iovs, iovcnt, NULL, NULL,
		(uint32_t)bdev_io->u.bdev.num_blocks, &move->dif, &move->dif_error, NULL, NULL);
}

/*
 * The copy of the data, and before it the check of what is copied; a read's steps are named from their end. Where only the
 * first of two finds room, it stands in the sequence twice when it is tried again, which does no harm.
 */
static int
append_data(struct spdk_accel_sequence **sequence, struct spdk_io_channel *accel_ch, struct spdk_bdev_io *bdev_io)
{
	struct malloc_move *move = (struct malloc_move *)bdev_io->driver_ctx;
	struct spdk_bdev_io_block_params *io = &bdev_io->u.bdev;
	int rc = 0;

	if (spdk_likely(!has_to_check(bdev_io))) {
		return append(sequence, accel_ch, bdev_io, &move->data, io->iovs, io->iovcnt);
	}
	if (bdev_io->type == SPDK_BDEV_IO_TYPE_WRITE) {
		rc = append_check(sequence, accel_ch, bdev_io, io->iovs, io->iovcnt);
	}
	if (rc == 0) {
		rc = append(sequence, accel_ch, bdev_io, &move->data, io->iovs, io->iovcnt);
	}
	if (rc == 0 && bdev_io->type == SPDK_BDEV_IO_TYPE_READ) {
		rc = append_check(sequence, accel_ch, bdev_io, &move->data, 1);
	}
	return rc;
}

/* Without a step of its own, and complete when this returns; false: that cannot be. */
static bool
try_at_once(struct spdk_bdev_io *bdev_io, struct spdk_accel_sequence *sequence, struct malloc_move *move)
{
	struct spdk_bdev_io_block_params *io = &bdev_io->u.bdev;
	const struct accel_transfer transfer = {
		.to_memory = bdev_io->type == SPDK_BDEV_IO_TYPE_WRITE,
		.memory = &move->data,
		.iovs = io->iovs,
		.iovcnt = io->iovcnt,
		.domain = io->memory_domain,
		.domain_ctx = io->memory_domain_ctx,
	};
	int status;

	if (!accel_sequence_try_at_once(sequence, &transfer, &status)) {
		return false;
	}
	io->accel_sequence = NULL;
	moved_cb(move, status);
	return true;
}

static void
fail(struct spdk_bdev_io *bdev_io, struct spdk_accel_sequence *sequence)
{
	bdev_io->u.bdev.accel_sequence = NULL;
	spdk_accel_sequence_abort(sequence);
	spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
}

void
malloc_move(struct spdk_bdev_io *bdev_io, struct spdk_io_channel *accel_ch, const struct malloc_range *range)
{
	struct malloc_move *move = (struct malloc_move *)bdev_io->driver_ctx;
	struct spdk_bdev_io_block_params *io = &bdev_io->u.bdev;
	struct spdk_accel_sequence *sequence = io->accel_sequence;
	int rc;

	if (accel_ch == NULL || !is_long_enough(bdev_io, range->data_len)) {
		fail(bdev_io, sequence);
		return;
	}
	move->data = (struct iovec){range->data, range->data_len};
	move->dif_error.err_type = 0;
	if (sequence != NULL && bdev_io->bdev->md_len == 0 && try_at_once(bdev_io, sequence, move)) {
		return;
	}
	rc = append_data(&sequence, accel_ch, bdev_io);
	if (rc == 0 && range->md != NULL && io->md_buf != NULL) {
		move->md = (struct iovec){range->md, range->md_len};
		move->user_md = (struct iovec){io->md_buf, range->md_len};
		rc = append(&sequence, accel_ch, bdev_io, &move->md, &move->user_md, 1);
	}
	if (rc == -ENOMEM) {
		/* The layer tries again. The user's sequence, which is as it came, stays with the I/O. */
		if (io->accel_sequence == NULL) {
			spdk_accel_sequence_abort(sequence);
		}
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_NOMEM);
		return;
	}
	if (rc != 0) {
		fail(bdev_io, sequence);
		return;
	}
	io->accel_sequence = NULL;
	if (bdev_io->type == SPDK_BDEV_IO_TYPE_READ) {
		/* What is done with the data was added before what provides them. */
		spdk_accel_sequence_reverse(sequence);
	}
	spdk_accel_sequence_finish(sequence, moved_cb, move);
}
