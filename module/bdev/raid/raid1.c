/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * RAID 1: each member has all of the data. A read goes to the member with the least to read, and to the next one if that
 * fails. A change goes to all; it has succeeded when one of them has it, and those that have not leave the array before
 * anybody hears of it.
 *
 * Members carry out what they have at the same time in any order, each in another one. So that they agree in the end, of
 * changes that overlap one is with them at a time. One that a reset has interrupted is with some of them, and is sent again.
 */

#include "module/bdev/raid/raid.h"

#include "bdevkit/thread.h"
#include "spdk/likely.h"
#include "spdk/thread.h"
#include "spdk/util.h"

/* Of a zone of locks: most changes lie in one. */
#define ZONE_BYTES (1u << 20)

static uint8_t
get_redundancy(uint8_t num_members)
{
	return num_members - 1;
}

static uint64_t
get_size(const struct raid *raid)
{
	uint64_t size = UINT64_MAX;

	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		if (raid->members[slot].desc != NULL) {
			size = spdk_min(size, raid->members[slot].data_size);
		}
	}
	return size;
}

static void
stop(struct raid *raid)
{
	if (raid->mirror_locks != NULL) {
		raid_stripe_locks_fini(raid->mirror_locks);
		free(raid->mirror_locks);
		raid->mirror_locks = NULL;
	}
}

static int
start(struct raid *raid, const char **why)
{
	struct raid_stripe_locks *locks;
	int rc;

	stop(raid);
	if (posix_memalign((void **)&locks, _Alignof(struct raid_stripe_locks), sizeof(*locks)) != 0) {
		return -ENOMEM;
	}
	rc = raid_stripe_locks_init(
		locks, spdk_u32log2(ZONE_BYTES / spdk_min(ZONE_BYTES, spdk_bdev_get_data_block_size(&raid->bdev))));
	if (rc != 0) {
		free(locks);
		return rc;
	}
	raid->mirror_locks = locks;
	return 0;
}

/* ---- I/O ---- */

static bool
is_whole(const struct raid *raid, uint8_t slot)
{
	return raid_member_is_in_sync(&raid->members[slot], 0, UINT64_MAX);
}

/*
 * Whether a member is to be read rather than another one. While they may not agree, always the same one: a resync believes the
 * first that has all, and one that is being rebuilt may be out of its window.
 */
static bool
is_better(const struct raid_channel *ch, uint8_t slot, uint8_t best, bool agrees)
{
	if (agrees) {
		return ch->members[slot].reading_blocks < ch->members[best].reading_blocks;
	}
	return is_whole(ch->raid, slot) && !is_whole(ch->raid, best);
}

/* -ENODEV: all have been tried. */
static int
submit_read(struct raid_io *io)
{
	const struct raid_channel *ch = io->ch;
	const struct spdk_bdev_io_block_params *params = &raid_bdev_io(io)->u.bdev;
	bool agrees = raid_agrees(ch->raid, params->offset_blocks, params->num_blocks);
	int best = -1;

	for (uint8_t slot = 0; slot < ch->raid->num_members; slot++) {
		if (raid_get_member_channel(ch, slot) == NULL || raid_io_has_failed_on(io, slot) ||
			!raid_member_is_in_sync(&ch->raid->members[slot], params->offset_blocks, params->num_blocks)) {
			continue;
		}
		if (best < 0 || is_better(ch, slot, (uint8_t)best, agrees)) {
			best = slot;
		}
	}
	return best < 0 ? -ENODEV : raid_io_rw(io, (uint8_t)best, params->offset_blocks);
}

static void
locked_cb(void *arg)
{
	struct raid_io *io = arg;

	io->is_locked = true;
	/* With the members that there are now. */
	raid_io_begin(io);
}

/* Returns false if it goes on later. */
static bool
lock_blocks(struct raid_io *io)
{
	const struct spdk_bdev_io_block_params *params = &raid_bdev_io(io)->u.bdev;

	if (io->is_locked || raid_bdev_io(io)->type == SPDK_BDEV_IO_TYPE_FLUSH || params->num_blocks == 0) {
		return true;
	}
	io->lock.first_row = params->offset_blocks;
	io->lock.num_rows = params->num_blocks;
	io->lock.locked_cb = locked_cb;
	io->lock.arg = io;
	io->is_locked = raid_stripe_lock_get(io->ch->raid->mirror_locks, &io->lock);
	return io->is_locked;
}

static bool
release(struct raid_io *io)
{
	if (io->is_locked) {
		io->is_locked = false;
		raid_stripe_lock_put(io->ch->raid->mirror_locks, &io->lock);
	}
	return true;
}

static int
submit_change(struct raid_io *io)
{
	const struct spdk_bdev_io_block_params *params = &raid_bdev_io(io)->u.bdev;
	int rc = 0;

	if (spdk_unlikely(!lock_blocks(io))) {
		return -ENOMEM;
	}

	for (; io->next_slot < io->ch->raid->num_members && rc == 0; io->next_slot += rc == 0) {
		uint8_t slot = (uint8_t)io->next_slot;

		if (raid_get_member_channel(io->ch, slot) == NULL) {
			continue;
		}
		if (raid_bdev_io(io)->type == SPDK_BDEV_IO_TYPE_WRITE) {
			rc = raid_io_rw(io, slot, params->offset_blocks);
		} else {
			rc = raid_io_range(io, slot, params->offset_blocks, params->num_blocks);
		}
	}
	return rc;
}

static int
submit_rw(struct raid_io *io)
{
	return raid_bdev_io(io)->type == SPDK_BDEV_IO_TYPE_READ ? submit_read(io) : submit_change(io);
}

/* It has been read from another member. */
static void
repair_failed(struct raid_io *io)
{
	const struct spdk_bdev_io_block_params *params = &raid_bdev_io(io)->u.bdev;
	struct raid *raid = io->ch->raid;

	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		if (raid_io_has_failed_on(io, slot)) {
			raid_repair(raid, slot, params->offset_blocks, params->num_blocks);
		}
	}
}

static void
member_done(struct raid_io *io, uint8_t slot, bool success)
{
	if (success) {
		io->num_succeeded++;
	} else {
		raid_io_set_failed_on(io, slot);
	}
}

static void
done(struct raid_io *io)
{
	bool some_failed = false;

	for (size_t i = 0; i < SPDK_COUNTOF(io->failed); i++) {
		some_failed = some_failed || io->failed[i] != 0;
	}
	if (io->status == SPDK_BDEV_IO_STATUS_FAILED && some_failed && raid_io_was_reset(io)) {
		/* A read that no member has carried out. */
		raid_interrupt_wait(io);
		return;
	}
	/* What the layer is to try again later, or nobody has submitted. */
	if (io->status != SPDK_BDEV_IO_STATUS_SUCCESS) {
		raid_io_complete(io, io->status);
	} else if (!some_failed) {
		raid_io_complete(io, io->num_succeeded > 0 ? SPDK_BDEV_IO_STATUS_SUCCESS : SPDK_BDEV_IO_STATUS_FAILED);
	} else if (raid_bdev_io(io)->type == SPDK_BDEV_IO_TYPE_READ) {
		if (io->num_succeeded > 0) {
			repair_failed(io);
			raid_io_complete(io, SPDK_BDEV_IO_STATUS_SUCCESS);
		} else {
			raid_io_go_on(io);
		}
	} else if (raid_io_was_reset(io)) {
		/* It is sent to all members again. */
		raid_interrupt_wait(io);
	} else if (io->num_succeeded > 0) {
		raid_io_complete_without_failed(io);
	} else {
		/* No member is worse than the others. */
		raid_io_complete(io, SPDK_BDEV_IO_STATUS_FAILED);
	}
}

/* ---- Windows ---- */

static int
find_valid(const struct raid_window *window, int slot)
{
	while (slot < window->raid->num_members && !raid_window_is_valid(window, (uint8_t)slot)) {
		slot++;
	}
	return slot;
}

/* That which is read while members do not agree. */
static int
find_believed(const struct raid_window *window)
{
	int num_members = window->raid->num_members;
	int slot = find_valid(window, 0);

	while (slot < num_members && !is_whole(window->raid, (uint8_t)slot)) {
		slot = find_valid(window, slot + 1);
	}
	return slot < num_members ? slot : find_valid(window, 0);
}

static int
recover(struct raid_window *window, uint8_t slot)
{
	const struct raid *raid = window->raid;
	int from = find_believed(window);

	if (from == raid->num_members) {
		return -EIO;
	}
	memcpy(window->data[slot], window->data[from], (size_t)window->num_blocks * raid->bdev.blocklen);
	if (window->md != NULL) {
		memcpy(window->md[slot], window->md[from], (size_t)window->num_blocks * raid->bdev.md_len);
	}
	return 0;
}

/* Whether two members have the same in some blocks. */
static bool
are_equal(const struct raid_window *window, uint8_t a, uint8_t b, uint32_t first, uint32_t num_blocks)
{
	size_t size = window->raid->bdev.blocklen;
	size_t md_len = window->raid->bdev.md_len;

	return memcmp(window->data[a] + first * size, window->data[b] + first * size, num_blocks * size) == 0 &&
		(window->md == NULL ||
			memcmp(window->md[a] + first * md_len, window->md[b] + first * md_len, num_blocks * md_len) ==
				0);
}

static void
copy_block(struct raid_window *window, uint8_t from, uint8_t to, uint32_t block)
{
	size_t size = window->raid->bdev.blocklen;
	size_t md_len = window->raid->bdev.md_len;

	memcpy(window->data[to] + block * size, window->data[from] + block * size, size);
	if (window->md != NULL) {
		memcpy(window->md[to] + block * md_len, window->md[from] + block * md_len, md_len);
	}
}

/* What the most members have in a block; of several the first. */
static uint8_t
find_right(const struct raid_window *window, uint32_t block)
{
	int num_members = window->raid->num_members;
	int right = find_believed(window);
	int most = 0;

	for (int slot = find_valid(window, 0); slot < num_members && !window->first_is_right;
		slot = find_valid(window, slot + 1)) {
		int num_equal = 0;

		for (int other = slot; other < num_members; other = find_valid(window, other + 1)) {
			num_equal += are_equal(window, (uint8_t)slot, (uint8_t)other, block, 1);
		}
		if (num_equal > most) {
			most = num_equal;
			right = slot;
		}
	}
	return (uint8_t)right;
}

/* Returns whether all had the same. */
static bool
verify_block(struct raid_window *window, uint32_t block)
{
	uint8_t right = find_right(window, block);
	bool result = true;

	for (int slot = find_valid(window, 0); slot < window->raid->num_members; slot = find_valid(window, slot + 1)) {
		if (!are_equal(window, right, (uint8_t)slot, block, 1)) {
			copy_block(window, right, (uint8_t)slot, block);
			raid_window_set_changed(window, (uint8_t)slot);
			result = false;
		}
	}
	return result;
}

static uint64_t
verify(struct raid_window *window)
{
	int first = find_valid(window, 0);
	uint64_t count = 0;
	bool equal = true;

	for (int slot = first; slot < window->raid->num_members && equal; slot = find_valid(window, slot + 1)) {
		equal = are_equal(window, (uint8_t)first, (uint8_t)slot, 0, window->num_blocks);
	}
	for (uint32_t block = 0; block < window->num_blocks && !equal; block++) {
		count += !verify_block(window, block);
	}
	return count;
}

static void
get_array_range(const struct raid *raid, uint64_t member_offset, uint64_t num_blocks, uint64_t *offset_blocks,
	uint64_t *num_array_blocks)
{
	*offset_blocks = member_offset;
	*num_array_blocks = num_blocks;
}

const struct raid_level_ops g_raid1_ops = {
	.name = "raid1",
	.alias = "1",
	.number = 1,
	.min_members = 2,
	.get_redundancy = get_redundancy,
	.protection = RAID_PROTECTION_WITHOUT_TAGS,
	.passes_memory = true,
	.start = start,
	.stop = stop,
	.get_size = get_size,
	.submit_rw = submit_rw,
	.submit_range = submit_change,
	.recover = recover,
	.verify = verify,
	.get_array_range = get_array_range,
	.member_done = member_done,
	.done = done,
	.release = release,
};
