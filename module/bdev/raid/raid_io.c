/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The way of an I/O through an array: its level says which requests go to which members, and what it means when one of them
 * fails. An I/O holds one of the requests that it waits for itself, until all have been submitted.
 */

#include "module/bdev/raid/raid.h"
#include "module/bdev/raid/raid_bitmap.h"
#include "module/bdev/raid/raid_journal.h"

#include "spdk/likely.h"
#include "spdk/log.h"
#include "spdk/string.h"

static void submit(struct raid_io *io);

/* ---- The end of an I/O ---- */

static bool
is_change(const struct spdk_bdev_io *bdev_io)
{
	return bdev_io->type != SPDK_BDEV_IO_TYPE_READ && bdev_io->type != SPDK_BDEV_IO_TYPE_RESET;
}

void
raid_io_complete(struct raid_io *io, enum spdk_bdev_io_status status)
{
	const struct raid_level_ops *ops = io->ch->raid->ops;
	struct spdk_bdev_io *bdev_io = raid_bdev_io(io);

	io->status = status;
	if (spdk_unlikely(io->ch->holds > 0) && is_change(bdev_io)) {
		TAILQ_INSERT_TAIL(&io->ch->held, io, link);
		return;
	}
	if (ops->release != NULL && !ops->release(io)) {
		return;
	}
	if (bdev_io->type == SPDK_BDEV_IO_TYPE_RESET) {
		__atomic_add_fetch(&io->ch->raid->resets_ended, 1, __ATOMIC_ACQ_REL);
	}
	if (raid_bitmap_concerns(io->ch->raid, bdev_io->type)) {
		raid_bitmap_leave(io, status);
	}
	spdk_bdev_io_complete(bdev_io, status);
}

void
raid_io_put(struct raid_io *io)
{
	const struct raid_level_ops *ops = io->ch->raid->ops;

	if (--io->remaining > 0) {
		return;
	}
	if (ops->done != NULL && raid_bdev_io(io)->type != SPDK_BDEV_IO_TYPE_RESET) {
		ops->done(io);
		return;
	}
	raid_io_complete(io, io->status);
}

static uint8_t
slot_of(const struct raid_io *io, const struct spdk_bdev *bdev)
{
	const struct raid *raid = io->ch->raid;
	uint8_t slot = io->slot;

	/* That of the last request, which is the only one of most I/O. */
	while (io->ch->members[slot].ch == NULL || raid->members[slot].bdev != bdev) {
		slot = slot == 0 ? raid->num_members - 1 : slot - 1;
	}
	return slot;
}

void
raid_member_channel_put(struct raid_member_channel *member)
{
	member->outstanding--;
	if (spdk_unlikely(member->leaving) && member->outstanding == 0) {
		raid_member_channel_give_back(member);
	}
}

/* Makes tags those of the array again. Returns whether the request has succeeded, for all that. */
static bool
finish_tags(struct spdk_bdev_io *bdev_io, const struct spdk_bdev_io *base_io, bool success)
{
	uint64_t base_block = base_io->u.bdev.offset_blocks;
	bool is_read = bdev_io->type == SPDK_BDEV_IO_TYPE_READ;

	if ((!is_read && bdev_io->type != SPDK_BDEV_IO_TYPE_WRITE) || !bdk_bdev_io_has_tags(bdev_io, base_block)) {
		return success;
	}
	if (!is_read) {
		bdk_bdev_io_tags_back(bdev_io, base_block);
		return success;
	}
	return success && bdk_bdev_io_tags_from_base(bdev_io, base_block);
}

static void
request_done_cb(struct spdk_bdev_io *base_io, bool success, void *cb_arg)
{
	struct raid_io *io = cb_arg;
	const struct raid_level_ops *ops = io->ch->raid->ops;
	uint8_t slot = slot_of(io, base_io->bdev);
	struct raid_member_channel *member = &io->ch->members[slot];

	if (base_io->type == SPDK_BDEV_IO_TYPE_READ) {
		member->reading_blocks -= base_io->u.bdev.num_blocks;
	}
	if (spdk_unlikely(io->ch->raid->bdev.dif_type != SPDK_DIF_DISABLE)) {
		success = finish_tags(raid_bdev_io(io), base_io, success);
	}
	if (spdk_unlikely(!success)) {
		raid_interrupt_note(&io->ch->raid->members[slot], base_io);
	}
	if (ops->member_done != NULL) {
		ops->member_done(io, slot, success);
	} else if (!success) {
		io->status =
			raid_interrupt_is_abort(base_io) ? SPDK_BDEV_IO_STATUS_ABORTED : SPDK_BDEV_IO_STATUS_FAILED;
	}
	spdk_bdev_free_io(base_io);
	raid_member_channel_put(member);
	raid_io_put(io);
}

/* ---- Requests to members ---- */

static void
resume_cb(void *arg)
{
	submit(arg);
}

int
raid_io_submitted(struct raid_io *io, uint8_t slot, int rc)
{
	struct raid_member *member = &io->ch->raid->members[slot];

	if (spdk_likely(rc == 0)) {
		io->slot = slot;
		io->remaining++;
		io->ch->members[slot].outstanding++;
		return 0;
	}
	if (rc == -ENOMEM) {
		io->wait.bdev = member->bdev;
		io->wait.cb_fn = resume_cb;
		io->wait.cb_arg = io;
		if (spdk_bdev_queue_io_wait(member->bdev, io->ch->members[slot].ch, &io->wait) == 0) {
			return -ENOMEM;
		}
		/* It was not for want of I/O objects: the layer tries again later. */
		io->status = SPDK_BDEV_IO_STATUS_NOMEM;
		return -EAGAIN;
	}
	SPDK_ERRLOG_RATELIMIT("%s: its member %s refuses an I/O of type %d: %s\n", member->raid->bdev.name,
		member->bdev->name, raid_bdev_io(io)->type, spdk_strerror(-rc));
	return rc;
}

static void
fill_ext_opts(struct spdk_bdev_ext_io_opts *opts, const struct spdk_bdev_io *bdev_io)
{
	memset(opts, 0, sizeof(*opts));
	opts->size = sizeof(*opts);
	opts->metadata = bdev_io->u.bdev.md_buf;
	opts->memory_domain = bdev_io->u.bdev.memory_domain;
	opts->memory_domain_ctx = bdev_io->u.bdev.memory_domain_ctx;
	opts->dif_check_flags_exclude_mask = bdev_io->bdev->dif_check_flags & ~bdev_io->u.bdev.dif_check_flags;
	opts->nvme_cdw12 = bdev_io->u.bdev.nvme_cdw12;
	opts->nvme_cdw13 = bdev_io->u.bdev.nvme_cdw13;
}

/* True if there is nothing to be handed down but the data. */
static bool
is_plain(const struct spdk_bdev_io *bdev_io)
{
	const struct spdk_bdev_io_block_params *params = &bdev_io->u.bdev;

	return bdev_io->bdev->md_len == 0 && params->memory_domain == NULL &&
		(params->nvme_cdw12.raw | params->nvme_cdw13.raw) == 0;
}

/* base_block: of the member. */
static int
write_ext(struct raid_io *io, uint8_t slot, uint64_t base_block, struct spdk_bdev_ext_io_opts *opts)
{
	const struct raid_member *member = &io->ch->raid->members[slot];
	struct spdk_bdev_io *bdev_io = raid_bdev_io(io);
	struct spdk_bdev_io_block_params *data = &bdev_io->u.bdev;
	bool has_tags = bdk_bdev_io_has_tags(bdev_io, base_block);
	int rc;

	if (has_tags && !bdk_bdev_io_tags_to_base(bdev_io, base_block)) {
		SPDK_ERRLOG_RATELIMIT("%s: a write at block %" PRIu64 " has wrong reference tags\n",
			bdev_io->bdev->name, data->offset_blocks);
		return -EILSEQ;
	}
	rc = spdk_bdev_writev_blocks_ext(member->desc, io->ch->members[slot].ch, data->iovs, data->iovcnt, base_block,
		data->num_blocks, request_done_cb, io, opts);
	if (rc != 0 && has_tags) {
		bdk_bdev_io_tags_back(bdev_io, base_block);
	}
	return rc;
}

int
raid_io_rw(struct raid_io *io, uint8_t slot, uint64_t offset_blocks)
{
	const struct raid_member *member = &io->ch->raid->members[slot];
	struct spdk_bdev_io *bdev_io = raid_bdev_io(io);
	struct spdk_bdev_io_block_params *data = &bdev_io->u.bdev;
	struct spdk_bdev_ext_io_opts opts;
	int rc;

	if (spdk_likely(bdev_io->type == SPDK_BDEV_IO_TYPE_READ && is_plain(bdev_io))) {
		rc = spdk_bdev_readv_blocks(member->desc, io->ch->members[slot].ch, data->iovs, data->iovcnt,
			member->data_offset + offset_blocks, data->num_blocks, request_done_cb, io);
		if (spdk_likely(rc == 0)) {
			io->ch->members[slot].reading_blocks += data->num_blocks;
		}
		return raid_io_submitted(io, slot, rc);
	}
	fill_ext_opts(&opts, bdev_io);
	if (bdev_io->type == SPDK_BDEV_IO_TYPE_WRITE) {
		return raid_io_submitted(io, slot, write_ext(io, slot, member->data_offset + offset_blocks, &opts));
	}
	rc = spdk_bdev_readv_blocks_ext(member->desc, io->ch->members[slot].ch, data->iovs, data->iovcnt,
		member->data_offset + offset_blocks, data->num_blocks, request_done_cb, io, &opts);
	if (rc == 0) {
		io->ch->members[slot].reading_blocks += data->num_blocks;
	}
	return raid_io_submitted(io, slot, rc);
}

int
raid_io_range(struct raid_io *io, uint8_t slot, uint64_t offset_blocks, uint64_t num_blocks)
{
	const struct raid_member *member = &io->ch->raid->members[slot];
	struct spdk_io_channel *ch = io->ch->members[slot].ch;

	offset_blocks += member->data_offset;
	switch (raid_bdev_io(io)->type) {
	case SPDK_BDEV_IO_TYPE_UNMAP:
		return raid_io_submitted(io, slot,
			spdk_bdev_unmap_blocks(member->desc, ch, offset_blocks, num_blocks, request_done_cb, io));
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
		return raid_io_submitted(io, slot,
			spdk_bdev_write_zeroes_blocks(
				member->desc, ch, offset_blocks, num_blocks, request_done_cb, io));
	case SPDK_BDEV_IO_TYPE_FLUSH:
		return raid_io_submitted(io, slot,
			spdk_bdev_flush_blocks(member->desc, ch, offset_blocks, num_blocks, request_done_cb, io));
	default:
		return -ENOTSUP;
	}
}

static int
submit_by_type(struct raid_io *io)
{
	switch (raid_bdev_io(io)->type) {
	case SPDK_BDEV_IO_TYPE_READ:
	case SPDK_BDEV_IO_TYPE_WRITE:
		return io->ch->raid->ops->submit_rw(io);
	case SPDK_BDEV_IO_TYPE_UNMAP:
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
	case SPDK_BDEV_IO_TYPE_FLUSH:
		/* The layer leaves it to modules to refuse what they do not claim. */
		if (!(io->ch->raid->io_types & (1u << raid_bdev_io(io)->type))) {
			return -ENOTSUP;
		}
		return io->ch->raid->ops->submit_range(io);
	case SPDK_BDEV_IO_TYPE_RESET:
		return raid_reset_submit(io);
	default:
		return -ENOTSUP;
	}
}

void
raid_io_go_on(struct raid_io *io)
{
	io->remaining = 1;
	io->status = SPDK_BDEV_IO_STATUS_SUCCESS;
	submit(io);
}

/* Submits what has not been yet, and then lets go of it. */
static void
submit(struct raid_io *io)
{
	int rc = submit_by_type(io);

	if (spdk_unlikely(rc == -ENOMEM)) {
		return;
	}
	if (spdk_unlikely(rc != 0) && io->status == SPDK_BDEV_IO_STATUS_SUCCESS) {
		io->status = SPDK_BDEV_IO_STATUS_FAILED;
	}
	raid_io_put(io);
}

void
raid_io_begin(struct raid_io *io)
{
	io->num_joins = io->ch->num_joins;
	io->next_slot = 0;
	io->num_succeeded = 0;
	io->slot = 0;
	io->stripe = NULL;
	if (raid_bdev_io(io)->type == SPDK_BDEV_IO_TYPE_RESET) {
		__atomic_add_fetch(&io->ch->raid->resets_begun, 1, __ATOMIC_ACQ_REL);
	}
	io->resets = raid_count_resets(io->ch->raid);
	memset(io->failed, 0, sizeof(io->failed));
	raid_io_go_on(io);
}

static void
start(struct raid_channel *ch, struct spdk_bdev_io *bdev_io)
{
	struct raid_io *io = (struct raid_io *)bdev_io->driver_ctx;

	io->ch = ch;
	io->stripe = NULL;
	io->is_locked = false;
	if (!raid_bitmap_concerns(ch->raid, bdev_io->type) || raid_bitmap_enter(io)) {
		raid_io_begin(io);
	}
}

static void
read_get_buf_cb(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io, bool success)
{
	if (!success) {
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
		return;
	}
	start(spdk_io_channel_get_ctx(ch), bdev_io);
}

void
raid_submit_request(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io)
{
	/* Members lend buffers for as long as their requests live, which is less than the user needs them. */
	if (bdev_io->type == SPDK_BDEV_IO_TYPE_READ && bdev_io->u.bdev.iovs[0].iov_base == NULL) {
		spdk_bdev_io_get_buf(bdev_io, read_get_buf_cb, bdev_io->u.bdev.num_blocks * bdev_io->bdev->blocklen);
		return;
	}
	start(spdk_io_channel_get_ctx(ch), bdev_io);
}

/* ---- Channels ---- */

/* No member of such a level ever leaves an array at work. */
static int
make_strips(struct raid_channel *ch)
{
	const struct raid *raid = ch->raid;
	struct bdk_bdev_strips *strips;

	strips = calloc(1, sizeof(*strips) + raid->num_members * sizeof(strips->bases[0]));
	if (strips == NULL) {
		return -ENOMEM;
	}
	strips->strip_shift = raid->num_members > 1 ? raid->strip_shift : BDK_BDEV_STRIPS_ONE_PIECE;
	strips->num_bases = raid->num_members;
	strips->reciprocal = BDK_BDEV_STRIPS_RECIPROCAL(raid->num_members);
	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		strips->bases[slot].base.desc = raid->members[slot].desc;
		strips->bases[slot].base.ch = ch->members[slot].ch;
		strips->bases[slot].offset_blocks = raid->members[slot].data_offset;
	}
	ch->strips = strips;
	return 0;
}

const struct bdk_bdev_strips *
raid_get_strips(struct spdk_io_channel *ch)
{
	return ((struct raid_channel *)spdk_io_channel_get_ctx(ch))->strips;
}

int
raid_channel_create_cb(void *io_device, void *ctx)
{
	struct raid *raid = io_device;
	struct raid_channel *ch = ctx;
	int rc = 0;

	ch->raid = raid;
	TAILQ_INIT(&ch->held);
	/* A member that is in channels stays open at least until a walk has come by here. */
	env_mutex_lock(&raid->lock);
	for (uint8_t slot = 0; slot < raid->num_members && rc == 0; slot++) {
		if (raid->members[slot].in_channels) {
			ch->members[slot].ch = spdk_bdev_get_io_channel(raid->members[slot].desc);
			rc = ch->members[slot].ch != NULL ? 0 : -ENOMEM;
		}
	}
	ch->holds = raid->num_leaving;
	ch->num_joins = raid->num_joins;
	env_mutex_unlock(&raid->lock);
	if (rc == 0) {
		rc = raid_interrupt_channel_init(ch);
	}
	if (rc == 0 && raid_has_plain_strips(raid)) {
		rc = make_strips(ch);
	}
	if (rc == 0 && raid->journal != NULL) {
		rc = raid_journal_channel_create(ch);
	}
	if (rc == 0 && raid->ops->channel_create != NULL) {
		rc = raid->ops->channel_create(ch);
	}
	if (rc != 0) {
		raid_channel_destroy_cb(io_device, ctx);
	}
	return rc;
}

void
raid_channel_destroy_cb(void *io_device, void *ctx)
{
	struct raid_channel *ch = ctx;

	free(ch->strips);
	raid_interrupt_channel_fini(ch);
	raid_journal_channel_destroy(ch);
	if (ch->raid->ops->channel_destroy != NULL) {
		ch->raid->ops->channel_destroy(ch);
	}
	for (uint8_t slot = 0; slot < ch->raid->num_members; slot++) {
		if (ch->members[slot].ch != NULL) {
			spdk_put_io_channel(ch->members[slot].ch);
		}
	}
}
