/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Writing the superblocks of an array: to all members at once, to each of them one copy after the other, so that one of
 * them is whole at any time.
 *
 *   write_begin: says what the array now is, and begins on all members.
 *   write_flush_data, write_first, write_flush_first, write_second, write_flush_second: of each member.
 *   write_done: those that have failed leave, and it begins anew; else those who waited go on.
 */

#include "module/bdev/raid/raid_superblock.h"

#include "bdevkit/thread.h"
#include "module/bdev/common/block_dif.h"
#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/thread.h"
#include "spdk/util.h"

/* How soon what a reset has ended is tried again. */
#define RETRY_US 1000

/* Of a member that is open: the memory and the place of its write. */
struct super_io {
	struct raid_member *member;
	struct spdk_io_channel *ch;
	/* One copy, in raw blocks, and their metadata if that is kept apart. */
	uint8_t *blocks;
	uint8_t *md;
	uint32_t num_blocks;
	uint64_t offset_blocks;
	struct iovec iov;
	/* What comes next, and what is under way, since when. */
	void (*step)(struct super_io *io);
	void (*self)(struct super_io *io);
	uint32_t resets;
	struct spdk_poller *retry;
	struct spdk_bdev_io_wait_entry wait;
	struct bdk_msg msg;
	/* It is a part of what is being written. */
	bool busy;
	bool failed;
	bool ended;
	/* The member does not answer, and nobody waits for it; this is in use until it does. */
	bool abandoned;
};

struct raid_superblock {
	struct raid *raid;
	bool foreign;
	/* From now on what is written says that the array has ended properly, or are zeroes. */
	bool clean;
	bool wiping;
	bool writing;
	uint64_t sequence;
	/* Members that have not ended. */
	uint32_t running;
	/* Those that wait for what is being written, and those that came since. */
	struct raid_waiter *waiters;
	struct raid_waiter *new_waiters;
	bool again;
	struct raid_super super;
	uint8_t copy[RAID_SUPER_COPY_SIZE];
	struct super_io *ios[RAID_MAX_MEMBERS];
};

/* ---- What an array is ---- */

static bool
is_there(const struct raid_member *member)
{
	return member->desc != NULL && !member->leaving && !member->closing && !member->adding && !member->unrecorded;
}

/* What is written of a member that is not there, from the time on when it left. */
static void
record_absence(struct raid_member *member, uint64_t sequence)
{
	if (member->recorded == RAID_SLOT_CONFIGURED || member->recorded == RAID_SLOT_REBUILDING) {
		member->recorded = member->failed ? RAID_SLOT_FAILED : RAID_SLOT_MISSING;
		member->left_sequence = sequence;
	}
}

static void
fill_slot(struct raid_superblock *superblock, struct raid_member *member)
{
	struct raid_super_slot *slot = &superblock->super.slots[member->slot];
	uint64_t until = member->durable_until;

	if (is_there(member)) {
		member->recorded = until == UINT64_MAX ? RAID_SLOT_CONFIGURED : RAID_SLOT_REBUILDING;
		member->left_sequence = 0;
		member->bdev_uuid = *spdk_bdev_get_uuid(member->bdev);
	} else {
		record_absence(member, superblock->sequence);
	}
	*slot = (struct raid_super_slot){
		.id = member->id,
		.bdev_uuid = member->bdev_uuid,
		.state = member->recorded,
		.data_offset = member->data_offset,
		.data_size = member->data_size,
		.in_sync_until = until == UINT64_MAX ? 0 : until,
		.left_sequence = member->left_sequence,
		.lacks_dirty_only = member->lacks_dirty_only,
	};
}

static void
fill(struct raid_superblock *superblock)
{
	struct raid *raid = superblock->raid;
	struct raid_super *super = &superblock->super;

	super->foreign = superblock->foreign;
	super->sequence = ++superblock->sequence;
	super->clean = superblock->clean;
	super->uuid = raid->bdev.uuid;
	snprintf(super->name, sizeof(super->name), "%s", raid->bdev.name);
	super->ops = raid->ops;
	super->policy = raid->policy;
	super->block_size = spdk_bdev_get_data_block_size(&raid->bdev);
	super->md_size = spdk_bdev_get_md_size(&raid->bdev);
	super->strip_size = (uint32_t)raid->strip_size;
	super->num_blocks = raid->size;
	super->region_blocks = raid->region_blocks;
	super->journal_blocks = raid->journal_blocks;
	super->resync_offset = spdk_min(raid->resync_offset, raid->grow_from);
	super->num_slots = raid->num_members;
	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		fill_slot(superblock, &raid->members[slot]);
	}
}

/* The copy of a member, in its blocks. */
static void
encode(struct raid_superblock *superblock, struct super_io *io)
{
	const struct spdk_bdev *bdev = io->member->bdev;
	uint32_t size = spdk_bdev_get_data_block_size(bdev);
	size_t length = 0;

	memset(superblock->copy, 0, sizeof(superblock->copy));
	if (superblock->foreign && !superblock->wiping) {
		length = raid_foreign_encode(&superblock->super, io->member->slot, superblock->copy);
	} else if (!superblock->wiping) {
		length = raid_super_encode(&superblock->super, io->member->slot, superblock->copy);
	}
	assert(length <= (size_t)io->num_blocks * size);
	(void)length;
	memset(io->blocks, 0, (size_t)io->num_blocks * bdev->blocklen);
	for (uint32_t i = 0; i < io->num_blocks; i++) {
		memcpy(io->blocks + (size_t)i * bdev->blocklen, superblock->copy + (size_t)i * size,
			spdk_min(size, sizeof(superblock->copy)));
	}
}

/* ---- Writing to one member ---- */

static void write_flush_data(struct super_io *io);
static void write_first(struct super_io *io);
static void write_flush_first(struct super_io *io);
static void write_second(struct super_io *io);
static void write_flush_second(struct super_io *io);
static void write_done(struct raid_superblock *superblock);

static void
end_io(struct super_io *io, int rc)
{
	struct raid_superblock *superblock = io->member->raid->superblock;

	io->ended = true;
	if (rc != 0) {
		SPDK_ERRLOG("%s: the superblock of its member %s cannot be written: %s\n", superblock->raid->bdev.name,
			io->member->bdev->name, spdk_strerror(-rc));
		io->failed = true;
	}
	if (--superblock->running == 0) {
		write_done(superblock);
	}
}

/* Whether it was abandoned; then the member may go now. */
static bool
end_abandoned(struct super_io *io)
{
	if (!io->abandoned) {
		return false;
	}
	io->abandoned = false;
	raid_member_let_go(io->member);
	return true;
}

static void
step_cb(void *arg)
{
	struct super_io *io = arg;

	if (!end_abandoned(io)) {
		io->step(io);
	}
}

/* What the layer has said to the request of a step, which is tried again if it was for want of memory. */
static void
submitted(struct super_io *io, void (*step)(struct super_io *io), int rc)
{
	struct spdk_bdev *bdev = io->member->bdev;

	io->self = step;

	if (rc == -ENOMEM) {
		io->step = step;
		io->wait = (struct spdk_bdev_io_wait_entry){.bdev = bdev, .cb_fn = step_cb, .cb_arg = io};
		rc = spdk_bdev_queue_io_wait(bdev, io->ch, &io->wait);
		if (rc != 0) {
			rc = bdk_msg_send(spdk_get_thread(), &io->msg, step_cb, io);
		}
	}
	if (rc != 0) {
		end_io(io, rc);
	}
}

static int
retry(void *arg)
{
	struct super_io *io = arg;

	if (raid_is_in_reset(io->member->raid)) {
		return SPDK_POLLER_IDLE;
	}
	spdk_poller_unregister(&io->retry);
	io->step = io->self;
	step_cb(io);
	return SPDK_POLLER_BUSY;
}

/* Members are reset with the array, and that is no fault of theirs. Returns whether it is tried again. */
static bool
retry_after_reset(struct super_io *io)
{
	if (!raid_was_reset(io->member->raid, io->resets)) {
		return false;
	}
	io->retry = SPDK_POLLER_REGISTER(retry, io, RETRY_US);
	return io->retry != NULL;
}

static void
request_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	struct super_io *io = cb_arg;

	if (!success && !io->abandoned) {
		raid_interrupt_note(io->member, bdev_io);
	}
	spdk_bdev_free_io(bdev_io);
	if (end_abandoned(io)) {
		return;
	}
	if (!success && retry_after_reset(io)) {
		return;
	}
	if (!success) {
		end_io(io, -EIO);
	} else if (io->step == NULL) {
		end_io(io, 0);
	} else {
		io->step(io);
	}
}

/* The copy at offset_blocks; next: what comes then. */
static void
write_copy(struct super_io *io, uint64_t offset_blocks, void (*self)(struct super_io *io),
	void (*next)(struct super_io *io))
{
	struct spdk_bdev *bdev = io->member->bdev;
	struct block_dif_range range = {
		.iovs = &io->iov,
		.iovcnt = 1,
		.md = io->md,
		.offset_blocks = offset_blocks,
		.num_blocks = io->num_blocks,
		.flags = SPDK_DIF_FLAGS_GUARD_CHECK | SPDK_DIF_FLAGS_REFTAG_CHECK,
	};
	struct spdk_bdev_ext_io_opts opts = {.size = sizeof(opts), .metadata = io->md};

	io->iov = (struct iovec){io->blocks, (size_t)io->num_blocks * bdev->blocklen};
	if (bdev->dif_type != SPDK_DIF_DISABLE && !block_dif_generate(bdev, &range)) {
		end_io(io, -EINVAL);
		return;
	}
	io->step = next;
	io->resets = raid_count_resets(io->member->raid);
	submitted(io, self,
		spdk_bdev_writev_blocks_ext(io->member->desc, io->ch, &io->iov, 1, offset_blocks, io->num_blocks,
			request_done_cb, io, &opts));
}

/* So that what has been written is durable. */
static void
flush(struct super_io *io, void (*self)(struct super_io *io), void (*next)(struct super_io *io))
{
	struct spdk_bdev *bdev = io->member->bdev;

	io->step = next;
	if (!spdk_bdev_has_write_cache(bdev) || !spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_FLUSH)) {
		if (next == NULL) {
			end_io(io, 0);
		} else {
			next(io);
		}
		return;
	}
	io->resets = raid_count_resets(io->member->raid);
	submitted(io, self,
		spdk_bdev_flush_blocks(
			io->member->desc, io->ch, 0, spdk_bdev_get_num_blocks(bdev), request_done_cb, io));
}

static void
write_flush_second(struct super_io *io)
{
	flush(io, write_flush_second, NULL);
}

static void
write_second(struct super_io *io)
{
	uint32_t size = spdk_bdev_get_data_block_size(io->member->bdev);

	write_copy(io, RAID_SUPER_COPY_SIZE / size, write_second, write_flush_second);
}

static void
write_flush_first(struct super_io *io)
{
	struct raid_superblock *superblock = io->member->raid->superblock;

	flush(io, write_flush_first, superblock->foreign ? NULL : write_second);
}

static void
write_first(struct super_io *io)
{
	write_copy(io, 0, write_first, write_flush_first);
}

/* What it says of the data has to be true on the medium before it is there. */
static void
write_flush_data(struct super_io *io)
{
	flush(io, write_flush_data, write_first);
}

/* ---- Writing to all ---- */

static void
write_member(struct raid_superblock *superblock, struct raid_member *member)
{
	struct super_io *io = superblock->ios[member->slot];

	if (!is_there(member)) {
		return;
	}
	encode(superblock, io);
	io->busy = true;
	io->failed = false;
	io->ended = false;
	raid_member_hold(member);
	superblock->running++;
	write_flush_data(io);
}

static void
write_begin(struct raid_superblock *superblock, struct raid_waiter *waiters)
{
	struct raid *raid = superblock->raid;

	superblock->waiters = waiters;
	superblock->writing = true;
	superblock->again = false;
	raid_hold(raid);
	fill(superblock);
	/* One for this loop. */
	superblock->running = 1;
	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		write_member(superblock, &raid->members[slot]);
	}
	if (--superblock->running == 0) {
		write_done(superblock);
	}
}

/* Those on which it has failed leave. Returns whether there are any. */
static bool
end_members(struct raid_superblock *superblock)
{
	struct raid *raid = superblock->raid;
	bool failed = false;

	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		struct super_io *io = superblock->ios[slot];

		if (io == NULL || !io->busy) {
			continue;
		}
		io->busy = false;
		if (io->failed) {
			failed = true;
			raid_member_leave(&raid->members[slot], true, NULL);
		}
		if (!io->abandoned) {
			raid_member_let_go(&raid->members[slot]);
		}
	}
	return failed;
}

void
raid_superblock_abandon(struct raid_member *member)
{
	struct raid_superblock *superblock = member->raid->superblock;
	struct super_io *io = superblock != NULL ? superblock->ios[member->slot] : NULL;

	/* Those that have ended wait for the others. */
	if (io != NULL && io->busy && !io->abandoned && !io->ended) {
		io->abandoned = true;
		end_io(io, -ETIMEDOUT);
	}
}

static struct raid_waiter *
join_lists(struct raid_waiter *first, struct raid_waiter *second)
{
	struct raid_waiter **last = &first;

	while (*last != NULL) {
		last = &(*last)->next;
	}
	*last = second;
	return first;
}

static void
write_done(struct raid_superblock *superblock)
{
	struct raid *raid = superblock->raid;
	struct raid_waiter *waiters = superblock->waiters, *next = superblock->new_waiters;
	bool failed = end_members(superblock) && raid->state != RAID_OFFLINE;

	superblock->waiters = superblock->new_waiters = NULL;
	superblock->writing = false;
	if (failed) {
		/* What they wait for is one that says who has left. */
		write_begin(superblock, join_lists(waiters, next));
		waiters = NULL;
	} else if (superblock->again) {
		write_begin(superblock, next);
	}
	raid_call_waiters(waiters);
	raid_let_go(raid);
}

/* ---- For others ---- */

static void
write_or_wait(struct raid_superblock *superblock, struct raid_waiter *waiter)
{
	if (waiter != NULL) {
		waiter->next = NULL;
	}
	if (superblock->writing) {
		superblock->again = true;
		superblock->new_waiters = join_lists(superblock->new_waiters, waiter);
		return;
	}
	write_begin(superblock, waiter);
}

void
raid_superblock_write(struct raid *raid, struct raid_waiter *waiter)
{
	/* One that has lost too much stays as it was last, so that it can come back as a whole. */
	if (raid->superblock != NULL && raid->state != RAID_OFFLINE) {
		write_or_wait(raid->superblock, waiter);
	} else if (waiter != NULL) {
		waiter->cb(waiter->arg);
	}
}

void
raid_superblock_write_clean(struct raid *raid, struct raid_waiter *waiter)
{
	if (raid->superblock == NULL || raid->superblock->foreign) {
		waiter->cb(waiter->arg);
		return;
	}
	raid->superblock->clean = true;
	write_or_wait(raid->superblock, waiter);
}

void
raid_superblock_wipe(struct raid *raid, struct raid_waiter *waiter)
{
	if (raid->superblock == NULL) {
		waiter->cb(waiter->arg);
		return;
	}
	raid->superblock->wiping = true;
	write_or_wait(raid->superblock, waiter);
}

int
raid_superblock_check(const struct spdk_bdev *bdev, const char **why)
{
	uint32_t size = spdk_bdev_get_data_block_size(bdev);

	if (!spdk_u32_is_pow2(size) || size > RAID_SUPER_COPY_SIZE) {
		*why = "superblocks need blocks of a power of two, of 32 KiB at most";
		return -EINVAL;
	}
	return 0;
}

uint64_t
raid_superblock_get_data_offset(const struct raid *raid, const struct spdk_bdev *bdev)
{
	uint64_t offset = RAID_SUPER_AREA_SIZE / spdk_bdev_get_data_block_size(bdev) + raid->journal_blocks;
	uint32_t boundary = bdev->optimal_io_boundary;

	return boundary == 0 ? offset : SPDK_CEIL_DIV(offset, boundary) * boundary;
}

int
raid_superblock_alloc(struct raid *raid, bool foreign, uint64_t sequence)
{
	raid->superblock = calloc(1, sizeof(*raid->superblock));
	if (raid->superblock == NULL) {
		return -ENOMEM;
	}
	raid->superblock->raid = raid;
	raid->superblock->foreign = foreign;
	raid->superblock->sequence = sequence;
	return 0;
}

void
raid_superblock_free(struct raid *raid)
{
	free(raid->superblock);
	raid->superblock = NULL;
}

uint64_t
raid_superblock_get_sequence(const struct raid *raid)
{
	return raid->superblock->sequence;
}

void
raid_superblock_set_sequence(struct raid *raid, uint64_t sequence)
{
	raid->superblock->sequence = sequence;
}

bool
raid_superblock_is_foreign(const struct raid *raid)
{
	return raid->superblock->foreign;
}

int
raid_superblock_attach(struct raid_member *member)
{
	struct raid_superblock *superblock = member->raid->superblock;
	struct spdk_bdev *bdev = member->bdev;
	size_t align = spdk_bdev_get_buf_align(bdev);
	struct raid_super super = {.num_slots = member->raid->num_members};
	size_t size = superblock->foreign ? raid_foreign_get_size(&super) : raid_super_get_size(&super);
	struct super_io *io;

	io = superblock->ios[member->slot] = calloc(1, sizeof(*io));
	if (io == NULL) {
		return -ENOMEM;
	}
	io->member = member;
	io->num_blocks = (uint32_t)SPDK_CEIL_DIV(size, spdk_bdev_get_data_block_size(bdev));
	io->blocks = spdk_dma_zmalloc((size_t)io->num_blocks * bdev->blocklen, align, NULL);
	if (spdk_bdev_is_md_separate(bdev)) {
		io->md = spdk_dma_zmalloc((size_t)io->num_blocks * bdev->md_len, align, NULL);
	}
	io->ch = spdk_bdev_get_io_channel(member->desc);
	if (io->blocks == NULL || io->ch == NULL || (spdk_bdev_is_md_separate(bdev) && io->md == NULL)) {
		raid_superblock_detach(member);
		return -ENOMEM;
	}
	return 0;
}

void
raid_superblock_detach(struct raid_member *member)
{
	struct raid_superblock *superblock = member->raid->superblock;
	struct super_io *io = superblock != NULL ? superblock->ios[member->slot] : NULL;

	if (io == NULL) {
		return;
	}
	superblock->ios[member->slot] = NULL;
	if (io->ch != NULL) {
		spdk_put_io_channel(io->ch);
	}
	spdk_dma_free(io->blocks);
	spdk_dma_free(io->md);
	free(io);
}
