/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * COPY where the module lacks it: one buffer of the layer, into which pieces are read, with their metadata, and from
 * which they are written, one after the other. Protection information that tells the place of a block is put right in
 * between.
 */

#include "lib/bdev/io_internal.h"
#include "spdk/dif.h"

static void read_piece_cb(void *arg);

static struct spdk_bdev_io *
take_piece(struct bdev_io_private *outer, enum spdk_bdev_io_type type, spdk_bdev_io_completion_cb cb)
{
	uint64_t max = outer->data_len / outer->io.bdev->blocklen;
	struct spdk_bdev_io *piece = bdev_io_take_inner(&outer->io, BDEV_IO_RANK_INNER, type, cb);

	if (piece == NULL) {
		return NULL;
	}
	piece->u.bdev.num_blocks = spdk_min(max, outer->split_remaining_blocks);
	piece->iov.iov_base = outer->io.iov.iov_base;
	piece->iov.iov_len = piece->u.bdev.num_blocks * piece->bdev->blocklen;
	piece->u.bdev.iovs = &piece->iov;
	piece->u.bdev.iovcnt = 1;
	piece->u.bdev.md_buf = outer->io.u.bdev.md_buf;
	return piece;
}

static void
write_done_cb(struct spdk_bdev_io *write, bool success, void *cb_arg)
{
	struct bdev_io_private *outer = cb_arg;
	uint64_t num_blocks = write->u.bdev.num_blocks;

	spdk_bdev_free_io(write);
	if (!success) {
		bdev_io_end(&outer->io, SPDK_BDEV_IO_STATUS_FAILED);
		return;
	}
	outer->split_offset_blocks += num_blocks;
	outer->split_remaining_blocks -= num_blocks;
	if (outer->split_remaining_blocks > 0) {
		read_piece_cb(outer);
	} else {
		bdev_io_end(&outer->io, SPDK_BDEV_IO_STATUS_SUCCESS);
	}
}

static void
write_piece_cb(void *arg)
{
	struct bdev_io_private *outer = arg;
	struct spdk_bdev_io *write = take_piece(outer, SPDK_BDEV_IO_TYPE_WRITE, write_done_cb);

	if (write == NULL) {
		bdev_io_wait_inner(outer, BDEV_IO_RANK_INNER, write_piece_cb);
		return;
	}
	write->u.bdev.offset_blocks = outer->split_offset_blocks;
	bdev_io_submit(write, write->internal.ch);
}

/* Whether the metadata has reference tags, which name the block's place. */
static bool
has_ref_tags(const struct spdk_bdev *bdev)
{
	enum spdk_dif_type type = spdk_bdev_get_dif_type(bdev);

	return (type == SPDK_DIF_TYPE1 || type == SPDK_DIF_TYPE2) &&
		(bdev->dif_check_flags & SPDK_DIF_FLAGS_REFTAG_CHECK) != 0;
}

/* Blocks that were read from the place of the source are to be written to the other. Returns 0 or -EINVAL. */
static int
move_ref_tags(const struct bdev_io_private *outer, const struct spdk_bdev_io *read)
{
	const struct spdk_bdev *bdev = outer->io.bdev;
	struct spdk_dif_ctx_init_ext_opts opts = {
		.size = SPDK_SIZEOF(&opts, dif_pi_format),
		.dif_pi_format = bdev->dif_pi_format,
	};
	uint32_t num_blocks = read->u.bdev.num_blocks;
	struct iovec md = {.iov_base = read->u.bdev.md_buf, .iov_len = (size_t)num_blocks * bdev->md_len};
	struct spdk_dif_ctx ctx;
	int rc;

	rc = spdk_dif_ctx_init(&ctx, bdev->blocklen, bdev->md_len, bdev->md_interleave, bdev->dif_is_head_of_md,
		bdev->dif_type, SPDK_DIF_FLAGS_REFTAG_CHECK, (uint32_t)read->u.bdev.offset_blocks, 0, 0, 0, 0, &opts);
	if (rc != 0) {
		return rc;
	}
	spdk_dif_ctx_set_remapped_init_ref_tag(&ctx, (uint32_t)outer->split_offset_blocks);
	if (bdev->md_interleave) {
		return spdk_dif_remap_ref_tag(read->u.bdev.iovs, read->u.bdev.iovcnt, num_blocks, &ctx, NULL, false);
	}
	return spdk_dix_remap_ref_tag(&md, num_blocks, &ctx, NULL, false);
}

static void
read_done_cb(struct spdk_bdev_io *read, bool success, void *cb_arg)
{
	struct bdev_io_private *outer = cb_arg;

	if (success && has_ref_tags(outer->io.bdev)) {
		success = move_ref_tags(outer, read) == 0;
	}
	spdk_bdev_free_io(read);
	if (success) {
		write_piece_cb(outer);
	} else {
		bdev_io_end(&outer->io, SPDK_BDEV_IO_STATUS_FAILED);
	}
}

static void
read_piece_cb(void *arg)
{
	struct bdev_io_private *outer = arg;
	const struct spdk_bdev_io_block_params *params = &outer->io.u.bdev;
	struct spdk_bdev_io *read = take_piece(outer, SPDK_BDEV_IO_TYPE_READ, read_done_cb);

	if (read == NULL) {
		bdev_io_wait_inner(outer, BDEV_IO_RANK_INNER, read_piece_cb);
		return;
	}
	read->u.bdev.offset_blocks =
		params->copy.src_offset_blocks + (outer->split_offset_blocks - params->offset_blocks);
	bdev_io_submit(read, read->internal.ch);
}

static void
buf_ready_cb(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io, bool success)
{
	if (success) {
		read_piece_cb(bdev_io_private(bdev_io));
	} else {
		bdev_io_end(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
	}
}

void
bdev_emulate_copy(struct spdk_bdev_io *bdev_io)
{
	const struct spdk_bdev *bdev = bdev_io->bdev;
	/* max_copy consists of whole write units. It is 0 if a buffer does not hold even one. */
	uint64_t max = bdev->max_copy;

	bdev_emulate_begin(bdev_io);
	if (max == 0) {
		SPDK_ERRLOG("%s: a copy needs a buffer of %" PRIu64 " bytes, more than iobuf's large_bufsize\n",
			bdev->name, (uint64_t)bdev->blocklen * bdev->write_unit_size);
		bdev_io_end(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
	} else {
		bdev_io_get_buf_blocks(bdev_io, buf_ready_cb, spdk_min(max, bdev_io->u.bdev.num_blocks));
	}
	bdev_io->internal.flags &= ~BDEV_IO_IN_SUBMIT;
}
