/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The I/O of bdevs that are parts of another one: shifted by the place of the part, and handed to the base.
 *
 * The I/O to the base has the I/O of the part as callback argument, by which an abort finds it.
 */

#include "lib/bdev/part.h"

#define BIT(type) (1ull << (type))

/* Data of these two is translated if it has reference tags; of the others it is not. */
#define TYPES_WITH_TAGS \
	(BIT(SPDK_BDEV_IO_TYPE_READ) | BIT(SPDK_BDEV_IO_TYPE_WRITE) | BIT(SPDK_BDEV_IO_TYPE_UNMAP) | \
		BIT(SPDK_BDEV_IO_TYPE_FLUSH) | BIT(SPDK_BDEV_IO_TYPE_RESET) | BIT(SPDK_BDEV_IO_TYPE_WRITE_ZEROES) | \
		BIT(SPDK_BDEV_IO_TYPE_ABORT) | BIT(SPDK_BDEV_IO_TYPE_SEEK_DATA) | BIT(SPDK_BDEV_IO_TYPE_SEEK_HOLE))
#define TYPES \
	(TYPES_WITH_TAGS | BIT(SPDK_BDEV_IO_TYPE_COMPARE) | BIT(SPDK_BDEV_IO_TYPE_COMPARE_AND_WRITE) | \
		BIT(SPDK_BDEV_IO_TYPE_COPY) | BIT(SPDK_BDEV_IO_TYPE_ZCOPY))

uint64_t
bdev_part_io_types(const struct spdk_bdev *bdev)
{
	return (bdev->dif_check_flags & SPDK_DIF_FLAGS_REFTAG_CHECK) ? TYPES_WITH_TAGS : TYPES;
}

/* ---- The way back ---- */

/* Makes tags those of the part again. Returns whether the I/O has succeeded, for all that. */
static bool
finish_tags(struct spdk_bdev_io *bdev_io, bool success)
{
	if (spdk_likely(bdev_io->bdev->md_len == 0)) {
		return success;
	}
	if (bdev_io->type == SPDK_BDEV_IO_TYPE_WRITE && bdev_part_io_has_tags(bdev_io)) {
		bdev_part_tags_back(bdev_io);
	}
	if (bdev_io->type == SPDK_BDEV_IO_TYPE_READ && success && bdev_part_io_has_tags(bdev_io)) {
		return bdev_part_tags_from_base(bdev_io);
	}
	return success;
}

static void
done_cb(struct spdk_bdev_io *base_io, bool success, void *cb_arg)
{
	struct spdk_bdev_io *bdev_io = cb_arg;

	if (spdk_likely(finish_tags(bdev_io, success) == success)) {
		spdk_bdev_io_complete_base_io_status(bdev_io, base_io);
	} else {
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
	}
	spdk_bdev_free_io(base_io);
}

/* The module completes it. */
static void
done_custom_cb(struct spdk_bdev_io *base_io, bool success, void *cb_arg)
{
	struct spdk_bdev_io *bdev_io = cb_arg;

	success = finish_tags(bdev_io, success);
	bdev_io_private(bdev_io)->part_cb(bdev_io, success, NULL);
	spdk_bdev_free_io(base_io);
}

/* What the base has found is of no use beyond the part. */
static void
take_seek_offset(struct spdk_bdev_io *bdev_io, const struct spdk_bdev_io *base_io)
{
	uint64_t found = spdk_bdev_io_get_seek_offset(base_io);
	uint64_t begin = spdk_bdev_part_get_offset_blocks(bdev_io->bdev->ctxt);

	bdev_io->u.bdev.seek.offset = found - begin < bdev_io->bdev->blockcnt ? found - begin : UINT64_MAX;
}

static void
seek_done_cb(struct spdk_bdev_io *base_io, bool success, void *cb_arg)
{
	take_seek_offset(cb_arg, base_io);
	done_cb(base_io, success, cb_arg);
}

static void
seek_done_custom_cb(struct spdk_bdev_io *base_io, bool success, void *cb_arg)
{
	take_seek_offset(cb_arg, base_io);
	done_custom_cb(base_io, success, cb_arg);
}

/* ---- Zero-copy ----
 *
 * The I/O to the base holds the buffer, so it lives until the user has ended the zero-copy, or given it up.
 */

static void
zcopy_started_cb(struct spdk_bdev_io *base_io, bool success, void *cb_arg)
{
	struct spdk_bdev_io *bdev_io = cb_arg;
	struct bdev_io_private *priv = bdev_io_private(bdev_io);

	if (success) {
		bdev_zcopy_lend(bdev_io, base_io);
	}
	if (priv->part_cb != NULL) {
		priv->part_cb(bdev_io, success, NULL);
	} else {
		spdk_bdev_io_complete_base_io_status(bdev_io, base_io);
	}
	if (!success) {
		spdk_bdev_free_io(base_io);
	}
}

static int
submit_zcopy(struct spdk_bdev_part_channel *ch, struct spdk_bdev_io *bdev_io, uint64_t offset_blocks,
	spdk_bdev_io_completion_cb cb)
{
	struct spdk_bdev_io_block_params *io = &bdev_io->u.bdev;

	bdev_io_private(bdev_io)->part_cb = cb;
	if (io->zcopy.start) {
		return spdk_bdev_zcopy_start(ch->part->internal.base->desc, ch->base_ch, NULL, 0, offset_blocks,
			io->num_blocks, io->zcopy.populate, zcopy_started_cb, bdev_io);
	}
	return bdev_zcopy_end(bdev_io, cb != NULL ? done_custom_cb : done_cb);
}

/* ---- The way there ---- */

static int
submit_write(struct spdk_bdev_part_channel *ch, struct spdk_bdev_io *bdev_io, uint64_t offset_blocks,
	spdk_bdev_io_completion_cb done, struct spdk_bdev_ext_io_opts *opts)
{
	struct spdk_bdev_desc *desc = ch->part->internal.base->desc;
	struct spdk_bdev_io_block_params *io = &bdev_io->u.bdev;
	bool has_tags = bdev_part_io_has_tags(bdev_io);
	int rc;

	if (has_tags && !bdev_part_tags_to_base(bdev_io)) {
		SPDK_ERRLOG_RATELIMIT("%s: a write at block %" PRIu64 " has wrong reference tags\n",
			bdev_io->bdev->name, io->offset_blocks);
		return -EILSEQ;
	}
	rc = spdk_bdev_writev_blocks_ext(
		desc, ch->base_ch, io->iovs, io->iovcnt, offset_blocks, io->num_blocks, done, bdev_io, opts);
	if (rc != 0 && has_tags) {
		bdev_part_tags_back(bdev_io);
	}
	return rc;
}

static int
submit_rw(struct spdk_bdev_part_channel *ch, struct spdk_bdev_io *bdev_io, uint64_t offset_blocks,
	spdk_bdev_io_completion_cb done)
{
	struct spdk_bdev_io_block_params *io = &bdev_io->u.bdev;
	struct spdk_bdev_desc *desc = ch->part->internal.base->desc;
	bool is_read = bdev_io->type == SPDK_BDEV_IO_TYPE_READ;
	struct spdk_bdev_ext_io_opts opts;

	if (spdk_likely(bdev_io->bdev->md_len == 0 && io->memory_domain == NULL)) {
		if (is_read) {
			return spdk_bdev_readv_blocks(
				desc, ch->base_ch, io->iovs, io->iovcnt, offset_blocks, io->num_blocks, done, bdev_io);
		}
		return spdk_bdev_writev_blocks(
			desc, ch->base_ch, io->iovs, io->iovcnt, offset_blocks, io->num_blocks, done, bdev_io);
	}

	if (spdk_unlikely(io->memory_domain != NULL) && bdev_part_io_has_tags(bdev_io)) {
		/* They are out of reach. */
		return -ENOTSUP;
	}
	memset(&opts, 0, sizeof(opts));
	opts.size = sizeof(opts);
	opts.metadata = io->md_buf;
	opts.memory_domain = io->memory_domain;
	opts.memory_domain_ctx = io->memory_domain_ctx;
	opts.dif_check_flags_exclude_mask = ~io->dif_check_flags;
	if (is_read) {
		return spdk_bdev_readv_blocks_ext(
			desc, ch->base_ch, io->iovs, io->iovcnt, offset_blocks, io->num_blocks, done, bdev_io, &opts);
	}
	return submit_write(ch, bdev_io, offset_blocks, done, &opts);
}

static int
submit_compare(struct spdk_bdev_part_channel *ch, struct spdk_bdev_io *bdev_io, uint64_t offset_blocks,
	spdk_bdev_io_completion_cb done)
{
	struct spdk_bdev_io_block_params *io = &bdev_io->u.bdev;
	struct spdk_bdev_desc *desc = ch->part->internal.base->desc;

	if (bdev_io->type == SPDK_BDEV_IO_TYPE_COMPARE_AND_WRITE) {
		return spdk_bdev_comparev_and_writev_blocks(desc, ch->base_ch, io->iovs, io->iovcnt, io->fused_iovs,
			io->fused_iovcnt, offset_blocks, io->num_blocks, done, bdev_io);
	}
	if (io->md_buf != NULL) {
		return spdk_bdev_comparev_blocks_with_md(desc, ch->base_ch, io->iovs, io->iovcnt, io->md_buf,
			offset_blocks, io->num_blocks, done, bdev_io);
	}
	return spdk_bdev_comparev_blocks(
		desc, ch->base_ch, io->iovs, io->iovcnt, offset_blocks, io->num_blocks, done, bdev_io);
}

static int
submit_seek(struct spdk_bdev_part_channel *ch, struct spdk_bdev_io *bdev_io, uint64_t offset_blocks,
	spdk_bdev_io_completion_cb cb)
{
	spdk_bdev_io_completion_cb done = cb != NULL ? seek_done_custom_cb : seek_done_cb;
	struct spdk_bdev_desc *desc = ch->part->internal.base->desc;

	if (bdev_io->type == SPDK_BDEV_IO_TYPE_SEEK_DATA) {
		return spdk_bdev_seek_data(desc, ch->base_ch, offset_blocks, done, bdev_io);
	}
	return spdk_bdev_seek_hole(desc, ch->base_ch, offset_blocks, done, bdev_io);
}

static int
submit_with_range(struct spdk_bdev_part_channel *ch, struct spdk_bdev_io *bdev_io, spdk_bdev_io_completion_cb cb)
{
	spdk_bdev_io_completion_cb done = cb != NULL ? done_custom_cb : done_cb;
	struct spdk_bdev_part *part = ch->part;
	struct spdk_bdev_io_block_params *io = &bdev_io->u.bdev;
	struct spdk_bdev_desc *desc = part->internal.base->desc;
	uint64_t offset_blocks = part->internal.offset_blocks + io->offset_blocks;

	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_READ:
	case SPDK_BDEV_IO_TYPE_WRITE:
		return submit_rw(ch, bdev_io, offset_blocks, done);
	case SPDK_BDEV_IO_TYPE_UNMAP:
		return spdk_bdev_unmap_blocks(desc, ch->base_ch, offset_blocks, io->num_blocks, done, bdev_io);
	case SPDK_BDEV_IO_TYPE_FLUSH:
		return spdk_bdev_flush_blocks(desc, ch->base_ch, offset_blocks, io->num_blocks, done, bdev_io);
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
		return spdk_bdev_write_zeroes_blocks(desc, ch->base_ch, offset_blocks, io->num_blocks, done, bdev_io);
	case SPDK_BDEV_IO_TYPE_COMPARE:
	case SPDK_BDEV_IO_TYPE_COMPARE_AND_WRITE:
		return submit_compare(ch, bdev_io, offset_blocks, done);
	case SPDK_BDEV_IO_TYPE_COPY:
		return spdk_bdev_copy_blocks(desc, ch->base_ch, offset_blocks,
			part->internal.offset_blocks + io->copy.src_offset_blocks, io->num_blocks, done, bdev_io);
	case SPDK_BDEV_IO_TYPE_ZCOPY:
		return submit_zcopy(ch, bdev_io, offset_blocks, cb);
	case SPDK_BDEV_IO_TYPE_SEEK_DATA:
	case SPDK_BDEV_IO_TYPE_SEEK_HOLE:
		return submit_seek(ch, bdev_io, offset_blocks, cb);
	default:
		SPDK_ERRLOG_RATELIMIT("%s: I/O of type %u is not for parts\n", bdev_io->bdev->name, bdev_io->type);
		return -ENOTSUP;
	}
}

/* cb: what the module wants to be called, or NULL. It is in bdev_io_private.part_cb then. */
static int
submit(struct spdk_bdev_part_channel *ch, struct spdk_bdev_io *bdev_io, spdk_bdev_io_completion_cb cb)
{
	spdk_bdev_io_completion_cb done = cb != NULL ? done_custom_cb : done_cb;
	struct spdk_bdev_desc *desc = ch->part->internal.base->desc;

	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_RESET:
		return spdk_bdev_reset(desc, ch->base_ch, done, bdev_io);
	case SPDK_BDEV_IO_TYPE_ABORT:
		return spdk_bdev_abort(desc, ch->base_ch, bdev_io->u.abort.bio_to_abort, done, bdev_io);
	default:
		return submit_with_range(ch, bdev_io, cb);
	}
}

/* ---- A read without a buffer ----
 *
 * The base would lend one only until its own I/O is freed, which is before the user has seen the data. So the I/O of
 * the part gets one.
 */

static void
end_read(struct spdk_bdev_io *bdev_io)
{
	spdk_bdev_io_completion_cb cb = bdev_io_private(bdev_io)->part_cb;

	if (cb != NULL) {
		cb(bdev_io, false, NULL);
	} else {
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
	}
}

static void
read_cb(void *arg)
{
	struct spdk_bdev_io *bdev_io = arg;
	struct bdev_io_private *priv = bdev_io_private(bdev_io);
	struct spdk_bdev_part_channel *ch = spdk_io_channel_get_ctx(spdk_bdev_io_get_io_channel(bdev_io));
	int rc = submit(ch, bdev_io, priv->part_cb);

	if (rc == -ENOMEM) {
		priv->wait.bdev = bdev_io->bdev;
		priv->wait.cb_fn = read_cb;
		priv->wait.cb_arg = bdev_io;
		rc = spdk_bdev_queue_io_wait(bdev_io->bdev, ch->base_ch, &priv->wait);
	}
	if (rc != 0) {
		end_read(bdev_io);
	}
}

static void
got_buf_cb(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io, bool success)
{
	if (success) {
		read_cb(bdev_io);
	} else {
		end_read(bdev_io);
	}
}

static bool
lacks_buf(const struct spdk_bdev_io *bdev_io)
{
	return bdev_io->type == SPDK_BDEV_IO_TYPE_READ && bdev_io->u.bdev.iovcnt > 0 &&
		bdev_io->u.bdev.iovs[0].iov_base == NULL && bdev_io->u.bdev.num_blocks > 0;
}

int
spdk_bdev_part_submit_request_ext(
	struct spdk_bdev_part_channel *ch, struct spdk_bdev_io *bdev_io, spdk_bdev_io_completion_cb cb)
{
	if (spdk_unlikely(lacks_buf(bdev_io))) {
		bdev_io_private(bdev_io)->part_cb = cb;
		spdk_bdev_io_get_buf(bdev_io, got_buf_cb, bdev_io->u.bdev.num_blocks * bdev_io->bdev->blocklen);
		return 0;
	}
	if (cb != NULL) {
		bdev_io_private(bdev_io)->part_cb = cb;
	}
	return submit(ch, bdev_io, cb);
}

int
spdk_bdev_part_submit_request(struct spdk_bdev_part_channel *ch, struct spdk_bdev_io *bdev_io)
{
	return spdk_bdev_part_submit_request_ext(ch, bdev_io, NULL);
}
