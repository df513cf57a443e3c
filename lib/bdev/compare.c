/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * COMPARE where the module lacks it: the blocks are read in pieces, one after the other, and compared. The reads bring
 * no buffer, so that a module that holds the data in memory shows it where it is.
 */

#include "lib/bdev/io_internal.h"

static void read_piece(struct bdev_io_private *outer);

/* Compares data that was read with what comes next in the user's buffers. */
static enum spdk_bdev_io_status
compare_data(struct bdev_io_private *outer, const struct iovec *iovs, int iovcnt, uint64_t len)
{
	struct iovec wanted;
	int i;

	for (i = 0; i < iovcnt && len > 0; i++) {
		const char *data = iovs[i].iov_base;
		uint64_t left = spdk_min(iovs[i].iov_len, len);

		len -= left;
		while (left > 0) {
			if (!bdev_io_take_segment(outer, left, &wanted) || wanted.iov_base == NULL) {
				SPDK_ERRLOG("%s: a compare of %" PRIu64 " blocks lacks buffers\n", outer->io.bdev->name,
					outer->io.u.bdev.num_blocks);
				return SPDK_BDEV_IO_STATUS_FAILED;
			}
			if (memcmp(data, wanted.iov_base, wanted.iov_len) != 0) {
				return SPDK_BDEV_IO_STATUS_MISCOMPARE;
			}
			data += wanted.iov_len;
			left -= wanted.iov_len;
		}
	}
	return len == 0 ? SPDK_BDEV_IO_STATUS_SUCCESS : SPDK_BDEV_IO_STATUS_FAILED;
}

/* The same for separate metadata, if the user has any to compare. */
static enum spdk_bdev_io_status
compare_md(const struct bdev_io_private *outer, const struct spdk_bdev_io *read)
{
	const struct spdk_bdev_io_block_params *params = &outer->io.u.bdev;
	uint32_t md_len = outer->io.bdev->md_len;
	const char *wanted;

	/* A compare-and-write has none. */
	if (params->md_buf == NULL) {
		return SPDK_BDEV_IO_STATUS_SUCCESS;
	}
	if (read->u.bdev.md_buf == NULL) {
		SPDK_ERRLOG("%s: module %s provides data for a read, but no metadata\n", outer->io.bdev->name,
			outer->io.bdev->module->name);
		return SPDK_BDEV_IO_STATUS_FAILED;
	}
	wanted = (const char *)params->md_buf + (outer->split_offset_blocks - params->offset_blocks) * md_len;
	return memcmp(read->u.bdev.md_buf, wanted, read->u.bdev.num_blocks * md_len) == 0
		? SPDK_BDEV_IO_STATUS_SUCCESS
		: SPDK_BDEV_IO_STATUS_MISCOMPARE;
}

static void
read_done_cb(struct spdk_bdev_io *read, bool success, void *cb_arg)
{
	struct bdev_io_private *outer = cb_arg;
	uint64_t num_blocks = read->u.bdev.num_blocks;
	enum spdk_bdev_io_status status = SPDK_BDEV_IO_STATUS_FAILED;

	if (success) {
		status = compare_data(
			outer, read->u.bdev.iovs, read->u.bdev.iovcnt, num_blocks * outer->io.bdev->blocklen);
	}
	if (status == SPDK_BDEV_IO_STATUS_SUCCESS) {
		status = compare_md(outer, read);
	}
	spdk_bdev_free_io(read);
	outer->split_offset_blocks += num_blocks;
	outer->split_remaining_blocks -= num_blocks;
	if (status == SPDK_BDEV_IO_STATUS_SUCCESS && outer->split_remaining_blocks > 0) {
		read_piece(outer);
	} else {
		outer->compared(outer, status);
	}
}

static void
read_piece_cb(void *arg)
{
	read_piece(arg);
}

static void
read_piece(struct bdev_io_private *outer)
{
	/* A module that shows its own memory does not need a buffer, however large a block is. */
	uint64_t max = spdk_max(bdev_buf_fit_blocks(outer->io.bdev, bdev_buf_max_size()), 1);
	struct spdk_bdev_io *read;

	read = bdev_io_take_inner(&outer->io, BDEV_IO_RANK_INNER, SPDK_BDEV_IO_TYPE_READ, read_done_cb);
	if (read == NULL) {
		bdev_io_wait_inner(outer, BDEV_IO_RANK_INNER, read_piece_cb);
		return;
	}
	read->u.bdev.offset_blocks = outer->split_offset_blocks;
	read->u.bdev.num_blocks = spdk_min(max, outer->split_remaining_blocks);
	read->iov.iov_base = NULL;
	read->iov.iov_len = read->u.bdev.num_blocks * read->bdev->blocklen;
	read->u.bdev.iovs = &read->iov;
	read->u.bdev.iovcnt = 1;
	read->u.bdev.md_buf = NULL;
	bdev_io_submit(read, read->internal.ch);
}

void
bdev_compare_run(struct bdev_io_private *outer)
{
	if (outer->split_remaining_blocks == 0) {
		outer->compared(outer, SPDK_BDEV_IO_STATUS_SUCCESS);
	} else {
		read_piece(outer);
	}
}

static void
end_compare(struct bdev_io_private *outer, enum spdk_bdev_io_status status)
{
	bdev_io_end(&outer->io, status);
}

void
bdev_emulate_compare(struct spdk_bdev_io *bdev_io)
{
	struct bdev_io_private *outer = bdev_io_private(bdev_io);

	bdev_emulate_begin(bdev_io);
	outer->compared = end_compare;
	bdev_compare_run(outer);
	bdev_io->internal.flags &= ~BDEV_IO_IN_SUBMIT;
}
