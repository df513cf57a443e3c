/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Reads that have failed on a member, and are put right in the background. What is to be done is in a queue that any thread
 * may add to, and that has room for little: who finds it full leaves it to the next read that fails.
 *
 *   repair_next: takes a range from the queue; when it is empty, that was it.
 *   repair_window: the range is read again, from all members. What this one cannot read is written to it, and read back;
 *   when that fails, it leaves.
 */

#include "module/bdev/raid/raid_window.h"

#include "spdk/log.h"
#include "spdk/thread.h"
#include "spdk/util.h"

#define QUEUE_SIZE 32
#define WINDOW_SIZE_KB 128

struct repair_range {
	uint8_t slot;
	uint64_t offset_blocks;
	uint64_t num_blocks;
};

struct raid_repair {
	struct raid *raid;
	/* Under raid->lock. */
	struct repair_range queue[QUEUE_SIZE];
	uint32_t num_queued;
	bool active;

	struct bdk_msg msg;
	struct raid_window_work *work;
	/* What is left of the one that is being repaired. */
	struct repair_range range;
};

static void repair_next(struct raid_repair *repair);

int
raid_repair_alloc(struct raid *raid)
{
	raid->repair = calloc(1, sizeof(*raid->repair));
	if (raid->repair == NULL) {
		return -ENOMEM;
	}
	raid->repair->raid = raid;
	return 0;
}

void
raid_repair_free(struct raid *raid)
{
	free(raid->repair);
	raid->repair = NULL;
}

static void
repair_done(struct raid_repair *repair)
{
	struct raid *raid = repair->raid;

	if (repair->work != NULL) {
		raid_window_destroy(repair->work);
		repair->work = NULL;
	}
	raid_let_go(raid);
}

static void
window_ended_cb(void *arg)
{
	struct raid_repair *repair = arg;
	struct raid *raid = repair->raid;
	const struct raid_window_work *work = repair->work;
	uint32_t num_blocks = work->window.num_blocks;

	if (work->num_repaired > 0 && !raid_slots_has(&work->unwritable, repair->range.slot)) {
		SPDK_NOTICELOG("%s: blocks %" PRIu64 " to %" PRIu64 " of its member in slot %u could not be read, "
			       "and are written anew\n",
			raid->bdev.name, work->window.offset_blocks, work->window.offset_blocks + num_blocks - 1,
			repair->range.slot);
	}
	raid->num_repaired += work->num_repaired;
	raid_window_end(repair->work);
	repair->range.offset_blocks += num_blocks;
	repair->range.num_blocks -= num_blocks;
	repair_next(repair);
}

/* Returns false if that cannot be done at present. */
static bool
repair_window(struct raid_repair *repair)
{
	const struct repair_range *range = &repair->range;
	const struct raid_member *member = &repair->raid->members[range->slot];

	if (member->desc == NULL || member->leaving ||
		!raid_member_is_in_sync(member, range->offset_blocks, range->num_blocks)) {
		return false;
	}
	if (repair->work == NULL) {
		repair->work = raid_window_create(repair->raid, WINDOW_SIZE_KB);
	}
	return repair->work != NULL &&
		raid_window_begin(repair->work, RAID_WINDOW_REREAD, range->offset_blocks,
			(uint32_t)spdk_min(range->num_blocks, repair->work->max_blocks), window_ended_cb, repair) == 0;
}

/* Returns false if there is none. */
static bool
take_range(struct raid_repair *repair)
{
	ENV_MUTEX_SCOPE(&repair->raid->lock);
	repair->active = repair->num_queued > 0 && repair->raid->state == RAID_ONLINE;
	if (!repair->active) {
		repair->num_queued = 0;
		return false;
	}
	repair->range = repair->queue[0];
	repair->num_queued--;
	memmove(&repair->queue[0], &repair->queue[1], repair->num_queued * sizeof(repair->queue[0]));
	return true;
}

static void
repair_next(struct raid_repair *repair)
{
	while (repair->range.num_blocks == 0 || !repair_window(repair)) {
		if (!take_range(repair)) {
			repair->range.num_blocks = 0;
			repair_done(repair);
			return;
		}
	}
}

static void
begin_cb(void *arg)
{
	struct raid_repair *repair = arg;

	raid_hold(repair->raid);
	repair_next(repair);
}

static bool
is_queued(const struct raid_repair *repair, uint8_t slot, uint64_t offset_blocks, uint64_t num_blocks)
{
	for (uint32_t i = 0; i < repair->num_queued; i++) {
		const struct repair_range *range = &repair->queue[i];

		if (range->slot == slot && range->offset_blocks <= offset_blocks &&
			offset_blocks + num_blocks <= range->offset_blocks + range->num_blocks) {
			return true;
		}
	}
	return false;
}

/* The I/O that says so keeps the array until the message has been sent; its end comes behind it. */
void
raid_repair(struct raid *raid, uint8_t slot, uint64_t offset_blocks, uint64_t num_blocks)
{
	struct raid_repair *repair = raid->repair;
	bool begins;

	env_mutex_lock(&raid->lock);
	if (repair->num_queued == QUEUE_SIZE || is_queued(repair, slot, offset_blocks, num_blocks)) {
		env_mutex_unlock(&raid->lock);
		return;
	}
	repair->queue[repair->num_queued++] = (struct repair_range){slot, offset_blocks, num_blocks};
	begins = !repair->active;
	repair->active = true;
	env_mutex_unlock(&raid->lock);
	if (begins) {
		bdk_msg_send(spdk_thread_get_app_thread(), &repair->msg, begin_cb, repair);
	}
}
