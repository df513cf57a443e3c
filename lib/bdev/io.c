/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The submission functions of I/O that carries no data: unmap, write zeroes, flush, copy, seek, reset; and of the I/O
 * that the layer itself makes.
 */

#include "lib/bdev/io_submit.h"

struct spdk_bdev_io *
bdev_io_take_inner(
	struct spdk_bdev_io *outer, enum bdev_io_rank rank, enum spdk_bdev_io_type type, spdk_bdev_io_completion_cb cb)
{
	struct bdev_channel *ch = outer->internal.ch;
	struct spdk_bdev_io *inner = bdev_io_cache_refill(&ch->thread->cache, rank);

	if (inner != NULL) {
		/* The descriptor may be closed already: it is not looked at. */
		bdev_io_begin(inner, outer->bdev, outer->internal.desc, ch, type, 0, 0, cb, bdev_io_private(outer));
		inner->internal.flags |= outer->internal.flags & (BDEV_IO_CHILD | BDEV_IO_LOCK_OWNER);
		inner->u.bdev.dif_check_flags = outer->u.bdev.dif_check_flags;
	}
	return inner;
}

void
bdev_io_wait_inner(struct bdev_io_private *outer, enum bdev_io_rank rank, spdk_bdev_io_wait_cb again)
{
	outer->wait.bdev = outer->io.bdev;
	outer->wait.cb_fn = again;
	outer->wait.cb_arg = outer;
	bdev_io_cache_wait(&outer->io.internal.ch->thread->cache, rank, &outer->wait);
}

void
bdev_io_drop_inner(struct spdk_bdev_io *inner)
{
	inner->internal.status = SPDK_BDEV_IO_STATUS_SUCCESS;
	inner->internal.flags = 0;
	spdk_bdev_free_io(inner);
}

/* Ends an I/O that was taken and needs no more than that. */
static void
end_at_once(struct spdk_bdev_io *bdev_io)
{
	bdev_io_end(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
	bdev_io->internal.flags &= ~BDEV_IO_IN_SUBMIT;
}

int
spdk_bdev_unmap_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *io_ch, uint64_t offset_blocks,
	uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	struct bdev_channel *ch = spdk_io_channel_get_ctx(io_ch);
	struct spdk_bdev_io *bdev_io;

	if (!desc->write) {
		return -EBADF;
	}
	if (!bdev_range_fits(desc->bdev, offset_blocks, num_blocks)) {
		return -EINVAL;
	}
	bdev_io = bdev_io_take(desc->bdev, desc, ch, SPDK_BDEV_IO_TYPE_UNMAP, offset_blocks, num_blocks, cb, cb_arg);
	if (bdev_io == NULL) {
		return -ENOMEM;
	}
	bdev_io_set_buffer(bdev_io, NULL, 0, NULL);
	if (num_blocks == 0) {
		end_at_once(bdev_io);
		return 0;
	}
	bdev_io_submit_gated(bdev_io);
	return 0;
}

int
spdk_bdev_unmap(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, uint64_t offset, uint64_t nbytes,
	spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	if (!bdev_desc_bytes_to_blocks(desc, &offset, &nbytes)) {
		return -EINVAL;
	}
	return spdk_bdev_unmap_blocks(desc, ch, offset, nbytes, cb, cb_arg);
}

int
spdk_bdev_write_zeroes_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *io_ch, uint64_t offset_blocks,
	uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	struct bdev_channel *ch = spdk_io_channel_get_ctx(io_ch);
	struct spdk_bdev *bdev = desc->bdev;
	struct spdk_bdev_io *bdev_io;

	if (!desc->write) {
		return -EBADF;
	}
	if (!bdev_range_fits(bdev, offset_blocks, num_blocks)) {
		return -EINVAL;
	}
	if (!bdev_io_type_is_native(bdev, SPDK_BDEV_IO_TYPE_WRITE_ZEROES) &&
		!bdev_io_type_is_native(bdev, SPDK_BDEV_IO_TYPE_WRITE)) {
		return -ENOTSUP;
	}
	bdev_io = bdev_io_take(
		desc->bdev, desc, ch, SPDK_BDEV_IO_TYPE_WRITE_ZEROES, offset_blocks, num_blocks, cb, cb_arg);
	if (bdev_io == NULL) {
		return -ENOMEM;
	}
	bdev_io_set_buffers(bdev_io, NULL, 0, NULL);
	bdev_io_submit_gated(bdev_io);
	return 0;
}

int
spdk_bdev_write_zeroes(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, uint64_t offset, uint64_t len,
	spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	if (!bdev_desc_bytes_to_blocks(desc, &offset, &len)) {
		return -EINVAL;
	}
	return spdk_bdev_write_zeroes_blocks(desc, ch, offset, len, cb, cb_arg);
}

int
spdk_bdev_flush_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *io_ch, uint64_t offset_blocks,
	uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	struct bdev_channel *ch = spdk_io_channel_get_ctx(io_ch);
	struct spdk_bdev_io *bdev_io;

	if (!desc->write) {
		return -EBADF;
	}
	if (!bdev_io_type_is_native(desc->bdev, SPDK_BDEV_IO_TYPE_FLUSH)) {
		return -ENOTSUP;
	}
	if (!bdev_range_fits(desc->bdev, offset_blocks, num_blocks)) {
		return -EINVAL;
	}
	bdev_io = bdev_io_take(desc->bdev, desc, ch, SPDK_BDEV_IO_TYPE_FLUSH, offset_blocks, num_blocks, cb, cb_arg);
	if (bdev_io == NULL) {
		return -ENOMEM;
	}
	bdev_io_set_buffers(bdev_io, NULL, 0, NULL);
	bdev_io_submit_gated(bdev_io);
	return 0;
}

int
spdk_bdev_flush(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, uint64_t offset, uint64_t length,
	spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	if (!bdev_desc_bytes_to_blocks(desc, &offset, &length)) {
		return -EINVAL;
	}
	return spdk_bdev_flush_blocks(desc, ch, offset, length, cb, cb_arg);
}

int
spdk_bdev_copy_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *io_ch, uint64_t dst_offset_blocks,
	uint64_t src_offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	struct bdev_channel *ch = spdk_io_channel_get_ctx(io_ch);
	struct spdk_bdev *bdev = desc->bdev;
	struct spdk_bdev_io *bdev_io;

	if (!desc->write) {
		return -EBADF;
	}
	if (!bdev_range_fits(bdev, dst_offset_blocks, num_blocks) ||
		!bdev_range_fits(bdev, src_offset_blocks, num_blocks)) {
		return -EINVAL;
	}
	bdev_io = bdev_io_take(bdev, desc, ch, SPDK_BDEV_IO_TYPE_COPY, dst_offset_blocks, num_blocks, cb, cb_arg);
	if (bdev_io == NULL) {
		return -ENOMEM;
	}
	bdev_io_set_buffers(bdev_io, NULL, 0, NULL);
	bdev_io->internal.flags |= BDEV_IO_RARE_FIELDS;
	bdev_io->u.bdev.copy.src_offset_blocks = src_offset_blocks;
	if (num_blocks == 0 || dst_offset_blocks == src_offset_blocks) {
		end_at_once(bdev_io);
	} else if (bdev_io_type_is_native(bdev, SPDK_BDEV_IO_TYPE_COPY)) {
		bdev_io_submit_gated(bdev_io);
	} else {
		bdev_emulate_copy(bdev_io);
	}
	return 0;
}

/* unknown: the answer of a bdev that does not know what is data. */
static int
seek(enum spdk_bdev_io_type type, struct spdk_bdev_desc *desc, struct spdk_io_channel *io_ch, uint64_t offset_blocks,
	uint64_t unknown, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	struct bdev_channel *ch = spdk_io_channel_get_ctx(io_ch);
	struct spdk_bdev_io *bdev_io;

	if (!bdev_range_fits(desc->bdev, offset_blocks, 1)) {
		return -EINVAL;
	}
	bdev_io = bdev_io_take(desc->bdev, desc, ch, type, offset_blocks, 1, cb, cb_arg);
	if (bdev_io == NULL) {
		return -ENOMEM;
	}
	bdev_io_set_buffers(bdev_io, NULL, 0, NULL);
	bdev_io->internal.flags |= BDEV_IO_RARE_FIELDS;
	if (bdev_io_type_is_native(desc->bdev, type)) {
		bdev_io_submit_gated(bdev_io);
	} else {
		bdev_emulate_begin(bdev_io);
		bdev_io->u.bdev.seek.offset = unknown;
		end_at_once(bdev_io);
	}
	return 0;
}

int
spdk_bdev_seek_data(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, uint64_t offset_blocks,
	spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	return seek(SPDK_BDEV_IO_TYPE_SEEK_DATA, desc, ch, offset_blocks, offset_blocks, cb, cb_arg);
}

int
spdk_bdev_seek_hole(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, uint64_t offset_blocks,
	spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	return seek(SPDK_BDEV_IO_TYPE_SEEK_HOLE, desc, ch, offset_blocks, UINT64_MAX, cb, cb_arg);
}

int
spdk_bdev_reset(struct spdk_bdev_desc *desc, struct spdk_io_channel *io_ch, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	struct bdev_channel *ch = spdk_io_channel_get_ctx(io_ch);
	struct spdk_bdev_io *bdev_io;

	bdev_io = bdev_io_take(desc->bdev, desc, ch, SPDK_BDEV_IO_TYPE_RESET, 0, 0, cb, cb_arg);
	if (bdev_io == NULL) {
		return -ENOMEM;
	}
	bdev_reset_start(bdev_io);
	return 0;
}
