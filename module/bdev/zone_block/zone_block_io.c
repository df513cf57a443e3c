/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The way of an I/O through a zone_block bdev: zone_table.c says whether it may be and where it goes, the base carries it
 * out at the same blocks. In the order of the file: down to the base; reading and writing; resetting a zone; the rest.
 */

#include "module/bdev/zone_block/zone_block_internal.h"

#include "bdevkit/thread.h"
#include "spdk/likely.h"
#include "spdk/log.h"
#include "spdk/nvme_spec.h"
#include "spdk/string.h"
#include "spdk/util.h"

/* Context of each I/O; lies in spdk_bdev_io.driver_ctx. */
struct zone_io {
	struct spdk_bdev_io_wait_entry wait;
	/* It is in the queue of those that wait for a spdk_bdev_io. */
	bool waiting;
	/* Of a write or append. */
	struct zone_write write;
	/* Of the reset of a zone, and for what other threads have to say of it. */
	struct zone_reset reset;
	enum spdk_bdev_io_status status;
	struct bdk_msg msg;
};

static void forward(struct spdk_bdev_io *bdev_io);

static struct zone_io *
zone_io_of(struct spdk_bdev_io *bdev_io)
{
	return (struct zone_io *)bdev_io->driver_ctx;
}

static struct spdk_bdev_io *
bdev_io_of(struct zone_reset *reset)
{
	return spdk_bdev_io_from_ctx(SPDK_CONTAINEROF(reset, struct zone_io, reset));
}

static struct zone_table *
zones_of(const struct spdk_bdev_io *bdev_io)
{
	return &((struct zone_block_bdev *)bdev_io->bdev->ctxt)->zones;
}

/* 0 is success. */
static void
end(struct spdk_bdev_io *bdev_io, zone_status status)
{
	if (status == 0) {
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
		return;
	}
	spdk_bdev_io_complete_nvme_status(bdev_io, 0, ZONE_STATUS_SCT(status), ZONE_STATUS_SC(status));
}

/* Calls it on the thread of the I/O. */
static void
run_on_its_thread(struct spdk_bdev_io *bdev_io, spdk_msg_fn fn)
{
	struct spdk_thread *thread = spdk_bdev_io_get_thread(bdev_io);

	if (thread == spdk_get_thread()) {
		fn(bdev_io);
		return;
	}
	/* Cannot fail: a thread with an I/O on its way does not end. */
	bdk_msg_send(thread, &zone_io_of(bdev_io)->msg, fn, bdev_io);
}

/* ---- What has come back from the base ---- */

static void start_reset(void *ctx);

/* A write or append has ended. */
static void
end_write(struct spdk_bdev_io *bdev_io, bool success)
{
	struct zone_io *io = zone_io_of(bdev_io);
	struct zone_reset *next;

	next = zone_table_end_write(zones_of(bdev_io), &io->write, success);
	if (next != NULL) {
		run_on_its_thread(bdev_io_of(next), start_reset);
	}
	if (success && bdev_io->type == SPDK_BDEV_IO_TYPE_ZONE_APPEND) {
		bdev_io->u.bdev.offset_blocks = io->write.offset;
	}
}

static void
complete_with_status(void *ctx)
{
	struct spdk_bdev_io *bdev_io = ctx;

	spdk_bdev_io_complete(bdev_io, zone_io_of(bdev_io)->status);
}

/* The reset of a zone has ended, and with it those that have come meanwhile. */
static void
end_reset(struct spdk_bdev_io *bdev_io, bool success)
{
	struct zone_reset_list others;
	struct zone_reset *reset;

	zone_table_end_reset(zones_of(bdev_io), &zone_io_of(bdev_io)->reset, success, &others);
	while ((reset = STAILQ_FIRST(&others)) != NULL) {
		STAILQ_REMOVE_HEAD(&others, link);
		zone_io_of(bdev_io_of(reset))->status =
			success ? SPDK_BDEV_IO_STATUS_SUCCESS : SPDK_BDEV_IO_STATUS_FAILED;
		run_on_its_thread(bdev_io_of(reset), complete_with_status);
	}
}

/* What the zones have to know of the end of an I/O. */
static void
tell_zones(struct spdk_bdev_io *bdev_io, bool success)
{
	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_WRITE:
	case SPDK_BDEV_IO_TYPE_ZONE_APPEND:
		end_write(bdev_io, success);
		break;
	case SPDK_BDEV_IO_TYPE_ZONE_MANAGEMENT:
		end_reset(bdev_io, success);
		break;
	default:
		break;
	}
}

static void
forward_done_cb(struct spdk_bdev_io *base_io, bool success, void *cb_arg)
{
	struct spdk_bdev_io *bdev_io = cb_arg;

	tell_zones(bdev_io, success);
	spdk_bdev_io_complete_base_io_status(bdev_io, base_io);
	spdk_bdev_free_io(base_io);
}

/* ---- Down to the base ---- */

static void
retry_cb(void *cb_arg)
{
	struct spdk_bdev_io *bdev_io = cb_arg;

	zone_io_of(bdev_io)->waiting = false;
	forward(bdev_io);
}

/*
 * No spdk_bdev_io is left for the I/O to the base: wait until one is. A write has its place in the zone by now, so that
 * nothing depends on who is served first.
 */
static int
wait_for_base_io(struct spdk_bdev_io *bdev_io, struct spdk_bdev *base, struct spdk_io_channel *base_ch)
{
	struct zone_io *io = zone_io_of(bdev_io);

	io->wait.bdev = base;
	io->wait.cb_fn = retry_cb;
	io->wait.cb_arg = bdev_io;
	io->waiting = true;
	return spdk_bdev_queue_io_wait(base, base_ch, &io->wait);
}

static void
fill_ext_opts(struct spdk_bdev_ext_io_opts *opts, const struct spdk_bdev_io *bdev_io)
{
	memset(opts, 0, sizeof(*opts));
	opts->size = sizeof(*opts);
	opts->metadata = bdev_io->u.bdev.md_buf;
	opts->dif_check_flags_exclude_mask = bdev_io->bdev->dif_check_flags & ~bdev_io->u.bdev.dif_check_flags;
}

static int
forward_read(struct zone_block_bdev *zone_block, struct spdk_io_channel *base_ch, struct spdk_bdev_io *bdev_io)
{
	struct spdk_bdev_io_block_params *io = &bdev_io->u.bdev;
	struct spdk_bdev_ext_io_opts opts;

	fill_ext_opts(&opts, bdev_io);
	return spdk_bdev_readv_blocks_ext(zone_block->vbdev.base_desc, base_ch, io->iovs, io->iovcnt, io->offset_blocks,
		io->num_blocks, forward_done_cb, bdev_io, &opts);
}

/* A write, or an append, which to the base is a write. */
static int
forward_write(struct zone_block_bdev *zone_block, struct spdk_io_channel *base_ch, struct spdk_bdev_io *bdev_io)
{
	struct spdk_bdev_io_block_params *io = &bdev_io->u.bdev;
	struct spdk_bdev_ext_io_opts opts;

	fill_ext_opts(&opts, bdev_io);
	return spdk_bdev_writev_blocks_ext(zone_block->vbdev.base_desc, base_ch, io->iovs, io->iovcnt,
		zone_io_of(bdev_io)->write.offset, io->num_blocks, forward_done_cb, bdev_io, &opts);
}

static int
submit_to_base(struct zone_block_bdev *zone_block, struct spdk_io_channel *base_ch, struct spdk_bdev_io *bdev_io)
{
	struct spdk_bdev_desc *base_desc = zone_block->vbdev.base_desc;

	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_READ:
		return forward_read(zone_block, base_ch, bdev_io);
	case SPDK_BDEV_IO_TYPE_WRITE:
	case SPDK_BDEV_IO_TYPE_ZONE_APPEND:
		return forward_write(zone_block, base_ch, bdev_io);
	case SPDK_BDEV_IO_TYPE_ZONE_MANAGEMENT:
		return spdk_bdev_unmap_blocks(base_desc, base_ch, bdev_io->u.zone_mgmt.zone_id,
			zone_block->zones.capacity, forward_done_cb, bdev_io);
	case SPDK_BDEV_IO_TYPE_FLUSH:
		return spdk_bdev_flush_blocks(base_desc, base_ch, bdev_io->u.bdev.offset_blocks,
			bdev_io->u.bdev.num_blocks, forward_done_cb, bdev_io);
	case SPDK_BDEV_IO_TYPE_RESET:
		return spdk_bdev_reset(base_desc, base_ch, forward_done_cb, bdev_io);
	case SPDK_BDEV_IO_TYPE_ABORT:
		/* What is to be aborted is the callback argument of its I/O to the base. */
		return spdk_bdev_abort(base_desc, base_ch, bdev_io->u.abort.bio_to_abort, forward_done_cb, bdev_io);
	default:
		return -ENOTSUP;
	}
}

static void
forward(struct spdk_bdev_io *bdev_io)
{
	struct zone_block_bdev *zone_block = bdev_io->bdev->ctxt;
	struct bdk_vbdev_channel *ch = spdk_io_channel_get_ctx(spdk_bdev_io_get_io_channel(bdev_io));
	int rc;

	rc = submit_to_base(zone_block, ch->base_ch, bdev_io);
	if (spdk_likely(rc == 0)) {
		return;
	}
	if (rc == -ENOMEM && wait_for_base_io(bdev_io, zone_block->vbdev.base, ch->base_ch) == 0) {
		return;
	}
	SPDK_ERRLOG_RATELIMIT("%s: the base %s refuses an I/O of type %d: %s\n", zone_block->vbdev.bdev.name,
		zone_block->vbdev.base->name, bdev_io->type, spdk_strerror(-rc));
	tell_zones(bdev_io, false);
	spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
}

/* ---- Reading and writing ---- */

static void
read_get_buf_cb(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io, bool success)
{
	if (!success) {
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
		return;
	}
	forward(bdev_io);
}

static void
submit_read(struct spdk_bdev_io *bdev_io)
{
	zone_status status;

	status = zone_table_check_read(zones_of(bdev_io), bdev_io->u.bdev.offset_blocks, bdev_io->u.bdev.num_blocks);
	if (spdk_unlikely(status != 0)) {
		end(bdev_io, status);
	} else if (bdev_io->u.bdev.iovs[0].iov_base == NULL) {
		/* What the base could lend would not live as long as this I/O. */
		spdk_bdev_io_get_buf(bdev_io, read_get_buf_cb, bdev_io->u.bdev.num_blocks * bdev_io->bdev->blocklen);
	} else {
		forward(bdev_io);
	}
}

static bool
can_append(const struct zone_block_bdev *zone_block)
{
	/* The tags of the data say where they go, which nobody knows before. */
	return (zone_block->vbdev.bdev.dif_check_flags & SPDK_DIF_FLAGS_REFTAG_CHECK) == 0;
}

static void
submit_write(struct spdk_bdev_io *bdev_io)
{
	struct spdk_bdev_io_block_params *params = &bdev_io->u.bdev;
	struct zone_write *write = &zone_io_of(bdev_io)->write;
	zone_status status;

	if (bdev_io->type == SPDK_BDEV_IO_TYPE_WRITE) {
		status = zone_table_begin_write(zones_of(bdev_io), params->offset_blocks, params->num_blocks, write);
	} else if (can_append(bdev_io->bdev->ctxt)) {
		status = zone_table_begin_append(zones_of(bdev_io), params->offset_blocks, params->num_blocks, write);
	} else {
		status = ZONE_STATUS(SPDK_NVME_SCT_GENERIC, SPDK_NVME_SC_INVALID_OPCODE);
	}
	if (spdk_unlikely(status != 0)) {
		end(bdev_io, status);
		return;
	}
	forward(bdev_io);
}

/* ---- Management ---- */

/* Nothing writes to the zone. It is empty when the base has forgotten what was in it, or at once if it cannot. */
static void
start_reset(void *ctx)
{
	struct spdk_bdev_io *bdev_io = ctx;
	struct zone_block_bdev *zone_block = bdev_io->bdev->ctxt;

	if (spdk_bdev_io_type_supported(zone_block->vbdev.base, SPDK_BDEV_IO_TYPE_UNMAP)) {
		forward(bdev_io);
		return;
	}
	end_reset(bdev_io, true);
	spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
}

static void
reset_zone(struct spdk_bdev_io *bdev_io)
{
	struct zone_block_bdev *zone_block = bdev_io->bdev->ctxt;
	enum zone_reset_step step;
	zone_status status;

	status = zone_table_begin_reset(
		&zone_block->zones, bdev_io->u.zone_mgmt.zone_id, &zone_io_of(bdev_io)->reset, &step);
	if (status != 0) {
		end(bdev_io, status);
	} else if (step == ZONE_RESET_DONE) {
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
	} else if (step == ZONE_RESET_GO) {
		start_reset(bdev_io);
	}
}

static void
manage_zone(struct spdk_bdev_io *bdev_io)
{
	struct spdk_bdev_io_zone_mgmt_params *params = &bdev_io->u.zone_mgmt;

	if (params->zone_action == SPDK_BDEV_ZONE_RESET) {
		reset_zone(bdev_io);
	} else {
		end(bdev_io, zone_table_manage(zones_of(bdev_io), params->zone_id, params->zone_action));
	}
}

/* ---- What the layer asks ---- */

static void
submit_abort(struct spdk_bdev_io *bdev_io)
{
	struct spdk_bdev_io *target = bdev_io->u.abort.bio_to_abort;

	/* What the base does not have cannot be aborted there. */
	if (target->type == SPDK_BDEV_IO_TYPE_ZONE_MANAGEMENT || zone_io_of(target)->waiting) {
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
	} else {
		forward(bdev_io);
	}
}

void
zone_block_io_submit(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io)
{
	struct spdk_bdev_io_zone_mgmt_params *zone = &bdev_io->u.zone_mgmt;

	zone_io_of(bdev_io)->waiting = false;
	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_READ:
		submit_read(bdev_io);
		break;
	case SPDK_BDEV_IO_TYPE_WRITE:
	case SPDK_BDEV_IO_TYPE_ZONE_APPEND:
		submit_write(bdev_io);
		break;
	case SPDK_BDEV_IO_TYPE_ZONE_MANAGEMENT:
		manage_zone(bdev_io);
		break;
	case SPDK_BDEV_IO_TYPE_GET_ZONE_INFO:
		end(bdev_io, zone_table_report(zones_of(bdev_io), zone->zone_id, zone->num_zones, zone->buf));
		break;
	case SPDK_BDEV_IO_TYPE_ABORT:
		submit_abort(bdev_io);
		break;
	default:
		forward(bdev_io);
		break;
	}
}

bool
zone_block_io_type_supported(void *ctx, enum spdk_bdev_io_type io_type)
{
	const struct zone_block_bdev *zone_block = ctx;

	switch (io_type) {
	case SPDK_BDEV_IO_TYPE_GET_ZONE_INFO:
	case SPDK_BDEV_IO_TYPE_ZONE_MANAGEMENT:
		return true;
	case SPDK_BDEV_IO_TYPE_ZONE_APPEND:
		return can_append(zone_block) &&
			spdk_bdev_io_type_supported(zone_block->vbdev.base, SPDK_BDEV_IO_TYPE_WRITE);
	case SPDK_BDEV_IO_TYPE_READ:
	case SPDK_BDEV_IO_TYPE_WRITE:
	case SPDK_BDEV_IO_TYPE_FLUSH:
	case SPDK_BDEV_IO_TYPE_RESET:
	case SPDK_BDEV_IO_TYPE_ABORT:
		return spdk_bdev_io_type_supported(zone_block->vbdev.base, io_type);
	default:
		return false;
	}
}

int
zone_block_io_ctx_size(void)
{
	return sizeof(struct zone_io);
}
