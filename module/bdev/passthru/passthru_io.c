/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The way of an I/O through a passthru bdev: down to the base, and back with what the base has to say. Every type that
 * there is has its line in submit_to_base(); what a type returns beside a status, its own callback.
 */

#include "module/bdev/passthru/passthru_internal.h"

#include "spdk/accel.h"
#include "spdk/bdev_zone.h"
#include "spdk/likely.h"
#include "spdk/log.h"
#include "spdk/string.h"

static void forward(struct spdk_bdev_io *bdev_io);

static struct passthru_io *
passthru_io_of(struct spdk_bdev_io *bdev_io)
{
	return (struct passthru_io *)bdev_io->driver_ctx;
}

/* ---- The way back ---- */

static void
forward_done_cb(struct spdk_bdev_io *base_io, bool success, void *cb_arg)
{
	struct spdk_bdev_io *bdev_io = cb_arg;

	/* With the details of an error: what the device said is what the user wants to know. */
	spdk_bdev_io_complete_base_io_status(bdev_io, base_io);
	spdk_bdev_free_io(base_io);
}

/* What was found is the same block here. */
static void
seek_done_cb(struct spdk_bdev_io *base_io, bool success, void *cb_arg)
{
	struct spdk_bdev_io *bdev_io = cb_arg;

	bdev_io->u.bdev.seek.offset = spdk_bdev_io_get_seek_offset(base_io);
	forward_done_cb(base_io, success, cb_arg);
}

static void
append_done_cb(struct spdk_bdev_io *base_io, bool success, void *cb_arg)
{
	struct spdk_bdev_io *bdev_io = cb_arg;

	if (success) {
		bdev_io->u.bdev.offset_blocks = spdk_bdev_io_get_append_location(base_io);
	}
	forward_done_cb(base_io, success, cb_arg);
}

/* A command of NVMe has a result also if it has succeeded. */
static void
nvme_done_cb(struct spdk_bdev_io *base_io, bool success, void *cb_arg)
{
	struct spdk_bdev_io *bdev_io = cb_arg;
	uint32_t cdw0;
	int sct, sc;

	if (!success) {
		forward_done_cb(base_io, success, cb_arg);
		return;
	}
	spdk_bdev_io_get_nvme_status(base_io, &cdw0, &sct, &sc);
	spdk_bdev_io_complete_nvme_status(bdev_io, cdw0, sct, sc);
	spdk_bdev_free_io(base_io);
}

/* The base lends its buffer until the end, so its I/O is kept until then. */
static void
zcopy_started_cb(struct spdk_bdev_io *base_io, bool success, void *cb_arg)
{
	struct spdk_bdev_io *bdev_io = cb_arg;

	if (!success) {
		forward_done_cb(base_io, success, cb_arg);
		return;
	}
	spdk_bdev_io_get_iovec(base_io, &bdev_io->u.bdev.iovs, &bdev_io->u.bdev.iovcnt);
	bdev_io->u.bdev.md_buf = base_io->u.bdev.md_buf;
	passthru_io_of(bdev_io)->zcopy = base_io;
	spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
}

/* ---- The way down ---- */

static void
retry_cb(void *cb_arg)
{
	forward(cb_arg);
}

/*
 * No spdk_bdev_io is left for the I/O to the base: wait until one is. That is normal under load and not worth a word
 * in the log. The queue is first in, first out, and new I/O does not overtake it.
 */
static void
wait_for_base_io(struct spdk_bdev_io *bdev_io, struct vbdev *passthru, struct spdk_io_channel *base_ch)
{
	struct passthru_io *io = passthru_io_of(bdev_io);
	int rc;

	io->wait.bdev = passthru->base;
	io->wait.cb_fn = retry_cb;
	io->wait.cb_arg = bdev_io;
	rc = spdk_bdev_queue_io_wait(passthru->base, base_ch, &io->wait);
	if (rc == 0) {
		return;
	}
	/* It was not that: let the layer try again later. A reset is the one thing that it cannot repeat. */
	spdk_bdev_io_complete(bdev_io,
		bdev_io->type == SPDK_BDEV_IO_TYPE_RESET ? SPDK_BDEV_IO_STATUS_FAILED : SPDK_BDEV_IO_STATUS_NOMEM);
}

/* True if there is nothing to be handed down but the data. */
static bool
is_plain(const struct spdk_bdev_io *bdev_io)
{
	return bdev_io->bdev->md_len == 0 && bdev_io->u.bdev.memory_domain == NULL &&
		bdev_io->u.bdev.accel_sequence == NULL;
}

/* Reads and writes take along their metadata and what is checked in it, where their data lie, and what is done to them. */
static void
fill_ext_opts(struct spdk_bdev_ext_io_opts *opts, const struct spdk_bdev_io *bdev_io)
{
	memset(opts, 0, sizeof(*opts));
	opts->size = sizeof(*opts);
	opts->metadata = bdev_io->u.bdev.md_buf;
	opts->memory_domain = bdev_io->u.bdev.memory_domain;
	opts->memory_domain_ctx = bdev_io->u.bdev.memory_domain_ctx;
	opts->accel_sequence = bdev_io->u.bdev.accel_sequence;
	opts->dif_check_flags_exclude_mask = bdev_io->bdev->dif_check_flags & ~bdev_io->u.bdev.dif_check_flags;
	opts->nvme_cdw12 = bdev_io->u.bdev.nvme_cdw12;
	opts->nvme_cdw13 = bdev_io->u.bdev.nvme_cdw13;
}

/* The base has taken the I/O, or not: only then the sequence is still ours. */
static int
hand_over(struct spdk_bdev_io *bdev_io, int rc)
{
	if (rc == 0) {
		bdev_io->u.bdev.accel_sequence = NULL;
	}
	return rc;
}

static int
forward_read(struct vbdev *passthru, struct spdk_io_channel *base_ch, struct spdk_bdev_io *bdev_io)
{
	struct spdk_bdev_io_block_params *io = &bdev_io->u.bdev;
	struct spdk_bdev_ext_io_opts opts;

	if (spdk_likely(is_plain(bdev_io))) {
		return spdk_bdev_readv_blocks(passthru->base_desc, base_ch, io->iovs, io->iovcnt, io->offset_blocks,
			io->num_blocks, forward_done_cb, bdev_io);
	}
	fill_ext_opts(&opts, bdev_io);
	return hand_over(bdev_io,
		spdk_bdev_readv_blocks_ext(passthru->base_desc, base_ch, io->iovs, io->iovcnt, io->offset_blocks,
			io->num_blocks, forward_done_cb, bdev_io, &opts));
}

static int
forward_write(struct vbdev *passthru, struct spdk_io_channel *base_ch, struct spdk_bdev_io *bdev_io)
{
	struct spdk_bdev_io_block_params *io = &bdev_io->u.bdev;
	struct spdk_bdev_ext_io_opts opts;

	if (spdk_likely(is_plain(bdev_io))) {
		return spdk_bdev_writev_blocks(passthru->base_desc, base_ch, io->iovs, io->iovcnt, io->offset_blocks,
			io->num_blocks, forward_done_cb, bdev_io);
	}
	fill_ext_opts(&opts, bdev_io);
	return hand_over(bdev_io,
		spdk_bdev_writev_blocks_ext(passthru->base_desc, base_ch, io->iovs, io->iovcnt, io->offset_blocks,
			io->num_blocks, forward_done_cb, bdev_io, &opts));
}

static int
forward_zcopy(struct vbdev *passthru, struct spdk_io_channel *base_ch, struct spdk_bdev_io *bdev_io)
{
	struct spdk_bdev_io_block_params *io = &bdev_io->u.bdev;

	if (io->zcopy.start) {
		return spdk_bdev_zcopy_start(passthru->base_desc, base_ch, io->iovs, io->iovcnt, io->offset_blocks,
			io->num_blocks, io->zcopy.populate, zcopy_started_cb, bdev_io);
	}
	return spdk_bdev_zcopy_end(passthru_io_of(bdev_io)->zcopy, io->zcopy.commit, forward_done_cb, bdev_io);
}

/* The types whose parameters are not blocks. */
static int
forward_command(struct vbdev *passthru, struct spdk_io_channel *base_ch, struct spdk_bdev_io *bdev_io)
{
	struct spdk_bdev_io_nvme_passthru_params *nvme = &bdev_io->u.nvme_passthru;
	struct spdk_bdev_io_zone_mgmt_params *zone = &bdev_io->u.zone_mgmt;

	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_NVME_ADMIN:
		return spdk_bdev_nvme_admin_passthru(
			passthru->base_desc, base_ch, &nvme->cmd, nvme->buf, nvme->nbytes, nvme_done_cb, bdev_io);
	case SPDK_BDEV_IO_TYPE_NVME_IO:
		return spdk_bdev_nvme_io_passthru(
			passthru->base_desc, base_ch, &nvme->cmd, nvme->buf, nvme->nbytes, nvme_done_cb, bdev_io);
	case SPDK_BDEV_IO_TYPE_NVME_IO_MD:
		return spdk_bdev_nvme_io_passthru_md(passthru->base_desc, base_ch, &nvme->cmd, nvme->buf, nvme->nbytes,
			nvme->md_buf, nvme->md_len, nvme_done_cb, bdev_io);
	case SPDK_BDEV_IO_TYPE_NVME_IOV_MD:
		return spdk_bdev_nvme_iov_passthru_md(passthru->base_desc, base_ch, &nvme->cmd, nvme->iovs,
			nvme->iovcnt, nvme->nbytes, nvme->md_buf, nvme->md_len, nvme_done_cb, bdev_io);
	case SPDK_BDEV_IO_TYPE_GET_ZONE_INFO:
		return spdk_bdev_get_zone_info(passthru->base_desc, base_ch, zone->zone_id, zone->num_zones, zone->buf,
			forward_done_cb, bdev_io);
	case SPDK_BDEV_IO_TYPE_ZONE_MANAGEMENT:
		return spdk_bdev_zone_management(
			passthru->base_desc, base_ch, zone->zone_id, zone->zone_action, forward_done_cb, bdev_io);
	case SPDK_BDEV_IO_TYPE_RESET:
		return spdk_bdev_reset(passthru->base_desc, base_ch, forward_done_cb, bdev_io);
	case SPDK_BDEV_IO_TYPE_ABORT:
		/* What is to be aborted is the callback argument of its I/O to the base. */
		return spdk_bdev_abort(
			passthru->base_desc, base_ch, bdev_io->u.abort.bio_to_abort, forward_done_cb, bdev_io);
	default:
		return -ENOTSUP;
	}
}

static int
submit_to_base(struct vbdev *passthru, struct spdk_io_channel *base_ch, struct spdk_bdev_io *bdev_io)
{
	struct spdk_bdev_io_block_params *io = &bdev_io->u.bdev;
	struct spdk_bdev_desc *base_desc = passthru->base_desc;

	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_READ:
		return forward_read(passthru, base_ch, bdev_io);
	case SPDK_BDEV_IO_TYPE_WRITE:
		return forward_write(passthru, base_ch, bdev_io);
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
		return spdk_bdev_write_zeroes_blocks(
			base_desc, base_ch, io->offset_blocks, io->num_blocks, forward_done_cb, bdev_io);
	case SPDK_BDEV_IO_TYPE_UNMAP:
		return spdk_bdev_unmap_blocks(
			base_desc, base_ch, io->offset_blocks, io->num_blocks, forward_done_cb, bdev_io);
	case SPDK_BDEV_IO_TYPE_FLUSH:
		return spdk_bdev_flush_blocks(
			base_desc, base_ch, io->offset_blocks, io->num_blocks, forward_done_cb, bdev_io);
	case SPDK_BDEV_IO_TYPE_COPY:
		return spdk_bdev_copy_blocks(base_desc, base_ch, io->offset_blocks, io->copy.src_offset_blocks,
			io->num_blocks, forward_done_cb, bdev_io);
	case SPDK_BDEV_IO_TYPE_COMPARE:
		return spdk_bdev_comparev_blocks_with_md(base_desc, base_ch, io->iovs, io->iovcnt, io->md_buf,
			io->offset_blocks, io->num_blocks, forward_done_cb, bdev_io);
	case SPDK_BDEV_IO_TYPE_COMPARE_AND_WRITE:
		return spdk_bdev_comparev_and_writev_blocks(base_desc, base_ch, io->iovs, io->iovcnt, io->fused_iovs,
			io->fused_iovcnt, io->offset_blocks, io->num_blocks, forward_done_cb, bdev_io);
	case SPDK_BDEV_IO_TYPE_SEEK_DATA:
		return spdk_bdev_seek_data(base_desc, base_ch, io->offset_blocks, seek_done_cb, bdev_io);
	case SPDK_BDEV_IO_TYPE_SEEK_HOLE:
		return spdk_bdev_seek_hole(base_desc, base_ch, io->offset_blocks, seek_done_cb, bdev_io);
	case SPDK_BDEV_IO_TYPE_ZCOPY:
		return forward_zcopy(passthru, base_ch, bdev_io);
	case SPDK_BDEV_IO_TYPE_ZONE_APPEND:
		return spdk_bdev_zone_appendv_with_md(base_desc, base_ch, io->iovs, io->iovcnt, io->md_buf,
			io->offset_blocks, io->num_blocks, append_done_cb, bdev_io);
	default:
		return forward_command(passthru, base_ch, bdev_io);
	}
}

static void
forward(struct spdk_bdev_io *bdev_io)
{
	struct vbdev *passthru = bdev_io->bdev->ctxt;
	struct vbdev_channel *ch = spdk_io_channel_get_ctx(spdk_bdev_io_get_io_channel(bdev_io));
	int rc;

	rc = submit_to_base(passthru, ch->base_ch, bdev_io);
	if (spdk_likely(rc == 0)) {
		return;
	}
	if (rc == -ENOMEM) {
		wait_for_base_io(bdev_io, passthru, ch->base_ch);
		return;
	}
	SPDK_ERRLOG_RATELIMIT("%s: the base %s refuses an I/O of type %d: %s\n", passthru->bdev.name,
		passthru->base->name, bdev_io->type, spdk_strerror(-rc));
	if (bdev_io->type == SPDK_BDEV_IO_TYPE_READ || bdev_io->type == SPDK_BDEV_IO_TYPE_WRITE) {
		spdk_accel_sequence_abort(bdev_io->u.bdev.accel_sequence);
		bdev_io->u.bdev.accel_sequence = NULL;
	}
	spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
}

static void
read_get_buf_cb(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io, bool success)
{
	if (!success) {
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
		return;
	}
	forward(bdev_io);
}

/* ---- What the layer asks ---- */

void
passthru_io_submit(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io)
{
	/*
	 * A read may come without a buffer. The base could lend one of its own, but only as long as the I/O to the base
	 * lives, which is less than the user needs it: so take one that belongs to this I/O.
	 */
	if (bdev_io->type == SPDK_BDEV_IO_TYPE_READ && bdev_io->u.bdev.iovs[0].iov_base == NULL) {
		spdk_bdev_io_get_buf(bdev_io, read_get_buf_cb, bdev_io->u.bdev.num_blocks * bdev_io->bdev->blocklen);
		return;
	}
	forward(bdev_io);
}

/* What the base does by itself is done here, too; what the layer has to do for the base, it does here for us. */
bool
passthru_io_type_supported(void *ctx, enum spdk_bdev_io_type io_type)
{
	struct vbdev *passthru = ctx;

	return spdk_bdev_io_type_supported(passthru->base, io_type);
}

int
passthru_get_memory_domains(void *ctx, struct spdk_memory_domain **domains, int array_size)
{
	struct vbdev *passthru = ctx;

	return spdk_bdev_get_memory_domains(passthru->base, domains, array_size);
}

bool
passthru_accel_sequence_supported(void *ctx, enum spdk_bdev_io_type io_type)
{
	const struct spdk_bdev *base = ((struct vbdev *)ctx)->base;

	return base->fn_table->accel_sequence_supported != NULL &&
		base->fn_table->accel_sequence_supported(base->ctxt, io_type);
}
