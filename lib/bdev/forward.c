/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * I/O of bdevs that stand on another one, their base, block for block: how it goes to the base, and how what that returns
 * comes back. Every type that there is has its line in submit().
 *
 * The I/O to the base has the I/O of the upper bdev as callback argument, by which an abort finds it.
 */

#include "lib/bdev/io_internal.h"

#include "bdevkit/bdev_module.h"
#include "spdk/accel.h"
#include "spdk/bdev_zone.h"
#include "spdk/log.h"
#include "spdk/string.h"

#define BIT(type) (1ull << (type))

/* What returns more than a status. */
#define TYPES_WITH_RESULT \
	(BIT(SPDK_BDEV_IO_TYPE_SEEK_DATA) | BIT(SPDK_BDEV_IO_TYPE_SEEK_HOLE) | BIT(SPDK_BDEV_IO_TYPE_ZONE_APPEND) | \
		BIT(SPDK_BDEV_IO_TYPE_NVME_ADMIN) | BIT(SPDK_BDEV_IO_TYPE_NVME_IO) | \
		BIT(SPDK_BDEV_IO_TYPE_NVME_IO_MD) | BIT(SPDK_BDEV_IO_TYPE_NVME_IOV_MD) | BIT(SPDK_BDEV_IO_TYPE_ZCOPY))

/* ---- The way back ---- */

static void
complete_nvme(struct spdk_bdev_io *bdev_io, const struct spdk_bdev_io *base_io)
{
	uint32_t cdw0;
	int sct, sc;

	spdk_bdev_io_get_nvme_status(base_io, &cdw0, &sct, &sc);
	spdk_bdev_io_complete_nvme_status(bdev_io, cdw0, sct, sc);
}

/* Hands up the results of a type that has some; true if that has completed the I/O, or base_io is to be kept. */
static bool
hand_up_result(struct spdk_bdev_io *bdev_io, struct spdk_bdev_io *base_io)
{
	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_SEEK_DATA:
	case SPDK_BDEV_IO_TYPE_SEEK_HOLE:
		bdev_io->u.bdev.seek.offset = spdk_bdev_io_get_seek_offset(base_io);
		return false;
	case SPDK_BDEV_IO_TYPE_ZONE_APPEND:
		bdev_io->u.bdev.offset_blocks = spdk_bdev_io_get_append_location(base_io);
		return false;
	case SPDK_BDEV_IO_TYPE_ZCOPY:
		if (!bdev_io->u.bdev.zcopy.start) {
			return false;
		}
		/* The base lends its buffer until the end, so its I/O is kept until then. */
		bdev_zcopy_lend(bdev_io, base_io);
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
		return true;
	default:
		/* A command of NVMe has a result also if it has succeeded. */
		complete_nvme(bdev_io, base_io);
		spdk_bdev_free_io(base_io);
		return true;
	}
}

void
bdk_bdev_forward_done(struct spdk_bdev_io *bdev_io, struct spdk_bdev_io *base_io)
{
	if (spdk_unlikely(base_io == NULL)) {
		spdk_bdev_io_complete(bdev_io, bdev_io_private(bdev_io)->pending_status);
		return;
	}
	if (spdk_unlikely((TYPES_WITH_RESULT >> bdev_io->type) & 1) &&
		base_io->internal.status == SPDK_BDEV_IO_STATUS_SUCCESS && hand_up_result(bdev_io, base_io)) {
		return;
	}
	/* With the details of an error: what the device said is what the user wants to know. */
	spdk_bdev_io_complete_base_io_status(bdev_io, base_io);
	spdk_bdev_free_io(base_io);
}

static void
done_cb(struct spdk_bdev_io *base_io, bool success, void *cb_arg)
{
	bdk_bdev_forward_done(cb_arg, base_io);
}

/* ---- The way down ---- */

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

/* With something beside the data. The sequence is the base's if it has taken the I/O, else still ours. */
static int
submit_rw_ext(struct spdk_bdev_io *bdev_io, const struct bdk_bdev_base *base, spdk_bdev_io_completion_cb cb)
{
	struct spdk_bdev_io_block_params *io = &bdev_io->u.bdev;
	struct spdk_bdev_ext_io_opts opts;
	int rc;

	fill_ext_opts(&opts, bdev_io);
	if (bdev_io->type == SPDK_BDEV_IO_TYPE_READ) {
		rc = spdk_bdev_readv_blocks_ext(base->desc, base->ch, io->iovs, io->iovcnt, io->offset_blocks,
			io->num_blocks, cb, bdev_io, &opts);
	} else {
		rc = spdk_bdev_writev_blocks_ext(base->desc, base->ch, io->iovs, io->iovcnt, io->offset_blocks,
			io->num_blocks, cb, bdev_io, &opts);
	}
	if (rc == 0) {
		io->accel_sequence = NULL;
	}
	return rc;
}

/* True if there is nothing to be handed down but the data. */
static inline bool
is_plain(const struct spdk_bdev_io *bdev_io)
{
	return bdev_io->bdev->md_len == 0 && bdev_io->u.bdev.memory_domain == NULL &&
		bdev_io->u.bdev.accel_sequence == NULL;
}

static inline int
submit_rw(struct spdk_bdev_io *bdev_io, const struct bdk_bdev_base *base, spdk_bdev_io_completion_cb cb)
{
	struct spdk_bdev_io_block_params *io = &bdev_io->u.bdev;

	if (spdk_unlikely(!is_plain(bdev_io))) {
		return submit_rw_ext(bdev_io, base, cb);
	}
	if (bdev_io->type == SPDK_BDEV_IO_TYPE_READ) {
		return spdk_bdev_readv_blocks(
			base->desc, base->ch, io->iovs, io->iovcnt, io->offset_blocks, io->num_blocks, cb, bdev_io);
	}
	return spdk_bdev_writev_blocks(
		base->desc, base->ch, io->iovs, io->iovcnt, io->offset_blocks, io->num_blocks, cb, bdev_io);
}

static int
submit_zcopy(struct spdk_bdev_io *bdev_io, const struct bdk_bdev_base *base, spdk_bdev_io_completion_cb cb)
{
	struct spdk_bdev_io_block_params *io = &bdev_io->u.bdev;

	if (io->zcopy.start) {
		return spdk_bdev_zcopy_start(base->desc, base->ch, NULL, 0, io->offset_blocks, io->num_blocks,
			io->zcopy.populate, cb, bdev_io);
	}
	return bdev_zcopy_end(bdev_io, cb);
}

/* The types whose parameters are not blocks. */
static int
submit_command(struct spdk_bdev_io *bdev_io, const struct bdk_bdev_base *base, spdk_bdev_io_completion_cb cb)
{
	struct spdk_bdev_io_nvme_passthru_params *nvme = &bdev_io->u.nvme_passthru;
	struct spdk_bdev_io_zone_mgmt_params *zone = &bdev_io->u.zone_mgmt;

	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_NVME_ADMIN:
		return spdk_bdev_nvme_admin_passthru(
			base->desc, base->ch, &nvme->cmd, nvme->buf, nvme->nbytes, cb, bdev_io);
	case SPDK_BDEV_IO_TYPE_NVME_IO:
		return spdk_bdev_nvme_io_passthru(
			base->desc, base->ch, &nvme->cmd, nvme->buf, nvme->nbytes, cb, bdev_io);
	case SPDK_BDEV_IO_TYPE_NVME_IO_MD:
		return spdk_bdev_nvme_io_passthru_md(base->desc, base->ch, &nvme->cmd, nvme->buf, nvme->nbytes,
			nvme->md_buf, nvme->md_len, cb, bdev_io);
	case SPDK_BDEV_IO_TYPE_NVME_IOV_MD:
		return spdk_bdev_nvme_iov_passthru_md(base->desc, base->ch, &nvme->cmd, nvme->iovs, nvme->iovcnt,
			nvme->nbytes, nvme->md_buf, nvme->md_len, cb, bdev_io);
	case SPDK_BDEV_IO_TYPE_GET_ZONE_INFO:
		return spdk_bdev_get_zone_info(
			base->desc, base->ch, zone->zone_id, zone->num_zones, zone->buf, cb, bdev_io);
	case SPDK_BDEV_IO_TYPE_ZONE_MANAGEMENT:
		return spdk_bdev_zone_management(base->desc, base->ch, zone->zone_id, zone->zone_action, cb, bdev_io);
	case SPDK_BDEV_IO_TYPE_RESET:
		return spdk_bdev_reset(base->desc, base->ch, cb, bdev_io);
	case SPDK_BDEV_IO_TYPE_ABORT:
		return spdk_bdev_abort(base->desc, base->ch, bdev_io->u.abort.bio_to_abort, cb, bdev_io);
	default:
		return -ENOTSUP;
	}
}

static int
submit(struct spdk_bdev_io *bdev_io, const struct bdk_bdev_base *base, spdk_bdev_io_completion_cb cb)
{
	struct spdk_bdev_io_block_params *io = &bdev_io->u.bdev;
	struct spdk_bdev_desc *desc = base->desc;
	struct spdk_io_channel *ch = base->ch;
	uint64_t offset = io->offset_blocks, count = io->num_blocks;

	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_READ:
	case SPDK_BDEV_IO_TYPE_WRITE:
		return submit_rw(bdev_io, base, cb);
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
		return spdk_bdev_write_zeroes_blocks(desc, ch, offset, count, cb, bdev_io);
	case SPDK_BDEV_IO_TYPE_UNMAP:
		return spdk_bdev_unmap_blocks(desc, ch, offset, count, cb, bdev_io);
	case SPDK_BDEV_IO_TYPE_FLUSH:
		return spdk_bdev_flush_blocks(desc, ch, offset, count, cb, bdev_io);
	case SPDK_BDEV_IO_TYPE_COPY:
		return spdk_bdev_copy_blocks(desc, ch, offset, io->copy.src_offset_blocks, count, cb, bdev_io);
	case SPDK_BDEV_IO_TYPE_COMPARE:
		return spdk_bdev_comparev_blocks_with_md(
			desc, ch, io->iovs, io->iovcnt, io->md_buf, offset, count, cb, bdev_io);
	case SPDK_BDEV_IO_TYPE_COMPARE_AND_WRITE:
		return spdk_bdev_comparev_and_writev_blocks(
			desc, ch, io->iovs, io->iovcnt, io->fused_iovs, io->fused_iovcnt, offset, count, cb, bdev_io);
	case SPDK_BDEV_IO_TYPE_SEEK_DATA:
		return spdk_bdev_seek_data(desc, ch, offset, cb, bdev_io);
	case SPDK_BDEV_IO_TYPE_SEEK_HOLE:
		return spdk_bdev_seek_hole(desc, ch, offset, cb, bdev_io);
	case SPDK_BDEV_IO_TYPE_ZCOPY:
		return submit_zcopy(bdev_io, base, cb);
	case SPDK_BDEV_IO_TYPE_ZONE_APPEND:
		return spdk_bdev_zone_appendv_with_md(
			desc, ch, io->iovs, io->iovcnt, io->md_buf, offset, count, cb, bdev_io);
	default:
		return submit_command(bdev_io, base, cb);
	}
}

/* ---- What does not go down at once ---- */

static void
again_cb(void *arg)
{
	struct spdk_bdev_io *bdev_io = arg;

	bdk_bdev_forward(bdev_io, bdev_io_private(bdev_io)->base);
}

/* The base does not get it. */
static void
end_unforwarded(struct spdk_bdev_io *bdev_io, const struct bdk_bdev_base *base, enum spdk_bdev_io_status status)
{
	bdev_io_private(bdev_io)->pending_status = status;
	if (base->done_cb != NULL) {
		base->done_cb(NULL, false, bdev_io);
	} else {
		bdk_bdev_forward_done(bdev_io, NULL);
	}
}

/*
 * No spdk_bdev_io is left for the I/O to the base: wait until one is. That is normal under load and not worth a word
 * in the log. The queue is first in, first out, and new I/O does not overtake it.
 */
static void
wait_for_base_io(struct spdk_bdev_io *bdev_io, const struct bdk_bdev_base *base)
{
	struct bdev_io_private *priv = bdev_io_private(bdev_io);
	int rc;

	priv->base = base;
	priv->wait.bdev = base->desc->bdev;
	priv->wait.cb_fn = again_cb;
	priv->wait.cb_arg = bdev_io;
	rc = spdk_bdev_queue_io_wait(base->desc->bdev, base->ch, &priv->wait);
	if (rc == 0) {
		return;
	}
	/* It was not that: let the layer try again later. A reset is the one thing that it cannot repeat. */
	end_unforwarded(bdev_io, base,
		bdev_io->type == SPDK_BDEV_IO_TYPE_RESET ? SPDK_BDEV_IO_STATUS_FAILED : SPDK_BDEV_IO_STATUS_NOMEM);
}

static BDEV_SELDOM void
not_submitted(struct spdk_bdev_io *bdev_io, const struct bdk_bdev_base *base, int rc)
{
	if (rc == -ENOMEM) {
		wait_for_base_io(bdev_io, base);
		return;
	}
	SPDK_ERRLOG_RATELIMIT("%s: the base %s refuses an I/O of type %d: %s\n", bdev_io->bdev->name,
		base->desc->bdev->name, bdev_io->type, spdk_strerror(-rc));
	if (bdev_io->type == SPDK_BDEV_IO_TYPE_READ || bdev_io->type == SPDK_BDEV_IO_TYPE_WRITE) {
		spdk_accel_sequence_abort(bdev_io->u.bdev.accel_sequence);
		bdev_io->u.bdev.accel_sequence = NULL;
	}
	end_unforwarded(bdev_io, base, SPDK_BDEV_IO_STATUS_FAILED);
}

static void
got_buf_cb(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io, bool success)
{
	if (!success) {
		end_unforwarded(bdev_io, bdev_io_private(bdev_io)->base, SPDK_BDEV_IO_STATUS_FAILED);
		return;
	}
	again_cb(bdev_io);
}

/*
 * The base could lend a buffer of its own to a read that has none, but only as long as the I/O to the base lives, which
 * is less than the user needs it: so take one that belongs to this I/O.
 */
static bool
lacks_buf(const struct spdk_bdev_io *bdev_io)
{
	return bdev_io->type == SPDK_BDEV_IO_TYPE_READ && bdev_io->u.bdev.iovs[0].iov_base == NULL;
}

void
bdk_bdev_forward(struct spdk_bdev_io *bdev_io, const struct bdk_bdev_base *base)
{
	int rc;

	if (spdk_unlikely(lacks_buf(bdev_io))) {
		bdev_io_private(bdev_io)->base = base;
		spdk_bdev_io_get_buf(bdev_io, got_buf_cb, bdev_io->u.bdev.num_blocks * bdev_io->bdev->blocklen);
		return;
	}
	rc = submit(bdev_io, base, base->done_cb != NULL ? base->done_cb : done_cb);
	if (spdk_unlikely(rc != 0)) {
		not_submitted(bdev_io, base, rc);
	}
}
