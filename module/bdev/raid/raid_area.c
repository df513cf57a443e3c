/* SPDX-License-Identifier: BSD-3-Clause */

#include "module/bdev/raid/raid_area.h"

#include "module/bdev/common/block_dif.h"
#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/thread.h"

/* How soon what a reset has ended is tried again. */
#define RETRY_US 1000

static void submit(struct raid_area_io *io);
static void submit_cb(void *arg);

static void
end_cb(void *arg)
{
	struct raid_area_io *io = arg;
	struct raid_member *member = io->member;

	if (io->ch != NULL) {
		spdk_put_io_channel(io->ch);
		io->ch = NULL;
	}
	spdk_dma_free(io->made_md);
	io->made_md = NULL;
	TAILQ_REMOVE(&member->raid->area_ios, io, link);
	if (io->abandoned) {
		io->abandoned = false;
	} else {
		io->pending = false;
		io->cb(io, io->rc);
	}
	raid_member_let_go(member);
}

static void
end_later(struct raid_area_io *io, int rc)
{
	io->rc = rc;
	bdk_msg_send(spdk_get_thread(), &io->msg, end_cb, io);
}

static int
retry(void *arg)
{
	struct raid_area_io *io = arg;

	if (raid_is_in_reset(io->member->raid) && !io->abandoned) {
		return SPDK_POLLER_IDLE;
	}
	spdk_poller_unregister(&io->retry);
	submit_cb(io);
	return SPDK_POLLER_BUSY;
}

static void
done_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	struct raid_area_io *io = cb_arg;

	if (!success && !io->abandoned) {
		raid_interrupt_note(io->member, bdev_io);
	}
	spdk_bdev_free_io(bdev_io);
	/* Members are reset with the array, and that is no fault of theirs. */
	if (!success && !io->abandoned && raid_was_reset(io->member->raid, io->resets)) {
		io->retry = SPDK_POLLER_REGISTER(retry, io, RETRY_US);
		if (io->retry != NULL) {
			return;
		}
	}
	io->rc = success ? 0 : -EIO;
	/* Not from here: the member may have completed it while it was submitted. */
	bdk_msg_send(spdk_get_thread(), &io->msg, end_cb, io);
}

static void
submit_cb(void *arg)
{
	struct raid_area_io *io = arg;

	if (io->abandoned) {
		end_later(io, -ETIMEDOUT);
	} else {
		submit(io);
	}
}

/* What is read is not checked, as it may never have been written; it has checksums of its own. */
static int
submit_protected(struct raid_area_io *io)
{
	struct spdk_bdev *bdev = io->member->bdev;
	struct spdk_bdev_desc *desc = io->member->desc;
	struct spdk_bdev_ext_io_opts opts = {.size = sizeof(opts), .metadata = io->md != NULL ? io->md : io->made_md};
	struct block_dif_range range = {
		.iovs = &io->iov,
		.iovcnt = 1,
		.md = opts.metadata,
		.offset_blocks = io->offset_blocks,
		.num_blocks = io->num_blocks,
		.flags = SPDK_DIF_FLAGS_GUARD_CHECK | SPDK_DIF_FLAGS_REFTAG_CHECK,
	};

	io->iov = (struct iovec){io->buf, io->num_blocks * bdev->blocklen};
	if (io->type == SPDK_BDEV_IO_TYPE_READ) {
		opts.dif_check_flags_exclude_mask = bdev->dif_check_flags;
		return spdk_bdev_readv_blocks_ext(
			desc, io->ch, &io->iov, 1, io->offset_blocks, io->num_blocks, done_cb, io, &opts);
	}
	if (!block_dif_generate(bdev, &range)) {
		return -EINVAL;
	}
	return spdk_bdev_writev_blocks_ext(
		desc, io->ch, &io->iov, 1, io->offset_blocks, io->num_blocks, done_cb, io, &opts);
}

static bool
is_protected(const struct raid_area_io *io)
{
	return io->member->bdev->dif_type != SPDK_DIF_DISABLE &&
		(io->type == SPDK_BDEV_IO_TYPE_READ || io->type == SPDK_BDEV_IO_TYPE_WRITE);
}

static int
submit_by_type(struct raid_area_io *io)
{
	struct spdk_bdev_desc *desc = io->member->desc;

	if (is_protected(io)) {
		return submit_protected(io);
	}
	switch (io->type) {
	case SPDK_BDEV_IO_TYPE_READ:
		return spdk_bdev_read_blocks_with_md(
			desc, io->ch, io->buf, io->md, io->offset_blocks, io->num_blocks, done_cb, io);
	case SPDK_BDEV_IO_TYPE_WRITE:
		return spdk_bdev_write_blocks_with_md(
			desc, io->ch, io->buf, io->md, io->offset_blocks, io->num_blocks, done_cb, io);
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
		return spdk_bdev_write_zeroes_blocks(desc, io->ch, io->offset_blocks, io->num_blocks, done_cb, io);
	default:
		return spdk_bdev_flush_blocks(desc, io->ch, 0, spdk_bdev_get_num_blocks(io->member->bdev), done_cb, io);
	}
}

static void
submit(struct raid_area_io *io)
{
	int rc;

	io->resets = raid_count_resets(io->member->raid);
	rc = submit_by_type(io);
	if (rc == -ENOMEM) {
		io->wait.bdev = io->member->bdev;
		io->wait.cb_fn = submit_cb;
		io->wait.cb_arg = io;
		if (spdk_bdev_queue_io_wait(io->member->bdev, io->ch, &io->wait) != 0) {
			/* It was not for want of I/O objects. */
			bdk_msg_send(spdk_get_thread(), &io->msg, submit_cb, io);
		}
		return;
	}
	if (rc != 0) {
		end_later(io, rc);
	}
}

static void
enter(struct raid_area_io *io, enum spdk_bdev_io_type type)
{
	assert(!io->pending && !io->abandoned);
	io->type = type;
	io->pending = true;
	TAILQ_INSERT_TAIL(&io->member->raid->area_ios, io, link);
	raid_member_hold(io->member);
}

void
raid_area_abandon(struct raid_member *member)
{
	struct raid_area_io *io;

again:
	TAILQ_FOREACH (io, &member->raid->area_ios, link) {
		if (io->member != member || !io->pending || !io->stays || io->type == SPDK_BDEV_IO_TYPE_READ) {
			continue;
		}
		io->pending = false;
		io->abandoned = true;
		/* What comes then may change the list. */
		io->cb(io, -ETIMEDOUT);
		goto again;
	}
}

static void
begin(struct raid_area_io *io, enum spdk_bdev_io_type type)
{
	enter(io, type);
	io->ch = spdk_bdev_get_io_channel(io->member->desc);
	if (is_protected(io) && io->md == NULL && spdk_bdev_is_md_separate(io->member->bdev)) {
		io->made_md = spdk_dma_zmalloc(
			io->num_blocks * io->member->bdev->md_len, spdk_bdev_get_buf_align(io->member->bdev), NULL);
		if (io->made_md == NULL) {
			end_later(io, -ENOMEM);
			return;
		}
	}
	if (io->ch == NULL) {
		end_later(io, -ENOMEM);
		return;
	}
	submit(io);
}

void
raid_area_read(struct raid_area_io *io, void *buf, uint64_t offset_blocks, uint64_t num_blocks)
{
	io->buf = buf;
	io->offset_blocks = offset_blocks;
	io->num_blocks = num_blocks;
	begin(io, SPDK_BDEV_IO_TYPE_READ);
}

void
raid_area_write(struct raid_area_io *io, void *buf, uint64_t offset_blocks, uint64_t num_blocks)
{
	io->buf = buf;
	io->offset_blocks = offset_blocks;
	io->num_blocks = num_blocks;
	begin(io, SPDK_BDEV_IO_TYPE_WRITE);
}

void
raid_area_write_zeroes(struct raid_area_io *io, uint64_t offset_blocks, uint64_t num_blocks)
{
	io->offset_blocks = offset_blocks;
	io->num_blocks = num_blocks;
	begin(io, SPDK_BDEV_IO_TYPE_WRITE_ZEROES);
}

bool
raid_area_has_write_cache(const struct raid_member *member)
{
	return spdk_bdev_has_write_cache(member->bdev) &&
		spdk_bdev_io_type_supported(member->bdev, SPDK_BDEV_IO_TYPE_FLUSH);
}

void
raid_area_flush(struct raid_area_io *io)
{
	if (!raid_area_has_write_cache(io->member)) {
		enter(io, SPDK_BDEV_IO_TYPE_FLUSH);
		end_later(io, 0);
		return;
	}
	begin(io, SPDK_BDEV_IO_TYPE_FLUSH);
}

/* ---- All members ---- */

int
raid_group_init(struct raid_group *group, struct raid *raid, void *arg)
{
	group->raid = raid;
	group->arg = arg;
	group->members = calloc(raid->num_members, sizeof(*group->members));
	return group->members != NULL ? 0 : -ENOMEM;
}

void
raid_group_fini(struct raid_group *group)
{
	free(group->members);
	group->members = NULL;
}

static void
group_put(struct raid_group *group)
{
	if (--group->remaining == 0) {
		group->done(group);
	}
}

static void
group_step(struct raid_group_member *member)
{
	if (!member->group->submit(member)) {
		group_put(member->group);
	}
}

static void
group_step_cb(struct raid_area_io *io, int rc)
{
	struct raid_group_member *member = io->arg;

	if (rc != 0) {
		member->failed = true;
		group_put(member->group);
		return;
	}
	member->step++;
	group_step(member);
}

void
raid_group_run(struct raid_group *group, bool (*submit)(struct raid_group_member *member), raid_group_cb done)
{
	group->submit = submit;
	group->done = done;
	group->remaining = 1;
	for (uint8_t slot = 0; slot < group->raid->num_members; slot++) {
		struct raid_group_member *member = &group->members[slot];
		struct raid_member *base = &group->raid->members[slot];

		member->group = group;
		member->io.member = base;
		member->io.cb = group_step_cb;
		member->io.arg = member;
		member->io.stays = true;
		member->step = 0;
		member->failed = false;
		member->active = base->desc != NULL && !base->closing && !member->io.abandoned &&
			(group->with_new || !base->adding);
		if (member->active) {
			group->remaining++;
			group_step(member);
		}
	}
	group_put(group);
}

static void
left_cb(void *arg)
{
	group_put(((struct raid_group_member *)arg)->group);
}

static void
group_leave_member(struct raid_group_member *member)
{
	struct raid_member *base = member->io.member;

	if (base->desc == NULL || base->closing || base->adding) {
		return;
	}
	if (member->failed && !base->leaving) {
		raid_member_leave(base, true, NULL);
	}
	/* One that is joining is in nobody's superblock. When the array goes offline, nothing is confirmed any more. */
	member->waiter.cb = left_cb;
	member->waiter.arg = member;
	if (base->join_cb == NULL && member->group->raid->state == RAID_ONLINE &&
		raid_member_wait_released(base, &member->waiter)) {
		member->group->remaining++;
	}
}

void
raid_group_leave(struct raid_group *group, raid_group_cb done)
{
	group->done = done;
	group->remaining = 1;
	for (uint8_t slot = 0; slot < group->raid->num_members && group->raid->state != RAID_OFFLINE; slot++) {
		if (group->members[slot].active) {
			group_leave_member(&group->members[slot]);
		}
	}
	group_put(group);
}
