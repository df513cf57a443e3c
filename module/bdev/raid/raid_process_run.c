/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * How a process works through all of an array.
 *
 *   run_windows: windows follow each other, several of them at a time, so that some are read while others are written.
 *   They end in their order.
 *   run_flush, run_record: now and then, and at the end, what has been written is made durable, and the superblocks say how
 *   far it has come.
 */

#include "module/bdev/raid/raid_bitmap.h"
#include "module/bdev/raid/raid_process.h"

#include "spdk/thread.h"
#include "spdk/util.h"

#define RETRY_US 10000
#define SAMPLE_PERIOD_S 1

uint32_t g_raid_process_record_ms = 10000;

/* What could not be done for want of memory is tried again. */
static void
retry_later(struct raid_process *process)
{
	process->retry_at = spdk_get_ticks() + RETRY_US * spdk_get_ticks_hz() / SPDK_SEC_TO_USEC;
	process->due = spdk_min(process->due, process->retry_at);
}

/* ---- Where ---- */

/* The bitmap says where; the rest is as it should be. */
static bool
does_dirty_only(const struct raid_process *process)
{
	const struct raid *raid = process->raid;

	if (raid->bitmap == NULL || process->type == RAID_PROCESS_SCRUB) {
		return false;
	}
	for (uint8_t slot = 0; slot < raid->num_members && process->type == RAID_PROCESS_REBUILD; slot++) {
		if (raid_process_is_target(&raid->members[slot]) && !raid->members[slot].lacks_dirty_only) {
			return false;
		}
	}
	return true;
}

/* Of a window: up to the end of a stripe, if it has one, so that users of a stripe wait for one window only. */
static uint32_t
get_size(const struct raid_process *process, uint64_t offset, uint64_t end)
{
	const struct raid *raid = process->raid;
	uint64_t strip = spdk_max(raid->strip_size, 1);
	uint64_t last = offset + process->windows[0].work->max_blocks;

	/* What one that is being rebuilt has already is compared, too. */
	for (uint8_t slot = 0; slot < raid->num_members && process->type != RAID_PROCESS_REBUILD; slot++) {
		const struct raid_member *member = &raid->members[slot];

		if (raid_process_is_target(member) && member->in_sync_until > offset) {
			last = spdk_min(last, member->in_sync_until);
		}
	}
	if (last - last % strip > offset) {
		last -= last % strip;
	}
	return (uint32_t)(spdk_min(last, end) - offset);
}

/* The next range, from process->next on. false: there is none. */
static bool
get_range(const struct raid_process *process, uint64_t *offset_blocks, uint32_t *num_blocks)
{
	const struct raid *raid = process->raid;
	uint64_t end = raid_process_get_end(raid);
	uint64_t offset = process->next;

	if (offset < end && does_dirty_only(process)) {
		uint64_t num_dirty;

		if (!raid_bitmap_next_dirty(raid, process->next, &offset, &num_dirty)) {
			return false;
		}
		end = spdk_min(end, offset + num_dirty);
	}
	if (offset >= end) {
		return false;
	}
	*offset_blocks = offset;
	*num_blocks = get_size(process, offset, end);
	/* Towards the end fewer members are in sync, but never more. */
	return process->type == RAID_PROCESS_REBUILD || raid_window_is_redundant(raid, *offset_blocks, *num_blocks);
}

uint64_t
raid_process_get_left(const struct raid_process *process)
{
	uint64_t end = raid_process_get_end(process->raid);
	uint64_t left = process->next < end ? end - process->next : 0;

	return does_dirty_only(process) ? spdk_min(left, raid_bitmap_num_dirty(process->raid)) : left;
}

/* ---- What is durable ---- */

static void
recorded_cb(void *arg)
{
	struct raid_process *process = arg;

	process->state = RAID_PROCESS_RUNNING;
	raid_process_look(process);
}

static void
run_record(struct raid_process *process)
{
	struct raid *raid = process->raid;

	process->state = RAID_PROCESS_RECORDING;
	process->last_record = spdk_get_ticks();
	raid->resync_offset = raid->agrees_until;
	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		struct raid_member *member = &raid->members[slot];

		if (raid_process_is_target(member) && raid_window_has_member(process->windows[0].work, slot)) {
			member->durable_until = member->in_sync_until;
		}
	}
	process->waiter.cb = recorded_cb;
	process->waiter.arg = process;
	raid_superblock_write(raid, &process->waiter);
}

/* Members on which it has failed leave. */
static void
flushed_cb(void *arg)
{
	struct raid_process *process = arg;
	uint64_t offset;
	uint32_t num_blocks;

	process->state = RAID_PROCESS_RUNNING;
	if (process->raid->state != RAID_ONLINE || process->looks_again) {
		raid_process_look(process);
	} else if (process->windows[0].work->status != 0) {
		retry_later(process);
		raid_process_look(process);
	} else if (get_range(process, &offset, &num_blocks)) {
		run_record(process);
	} else {
		raid_process_finish(process);
	}
}

/* A resync has written to members that are in sync, a rebuild to the others. */
static void
run_flush(struct raid_process *process)
{
	struct raid *raid = process->raid;
	struct raid_window_work *work = process->windows[0].work;

	process->state = RAID_PROCESS_FLUSHING;
	work->targets = (struct raid_slots){};
	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		struct raid_member *member = &raid->members[slot];

		if (member->desc != NULL && (process->type != RAID_PROCESS_REBUILD || raid_process_is_target(member))) {
			raid_slots_add(&work->targets, slot);
		}
	}
	raid_window_flush(work, flushed_cb, process);
}

/* ---- The end of a window ---- */

static void
grow(uint64_t *position, const struct raid_process_window *window)
{
	uint64_t end = window->work->window.offset_blocks + window->work->window.num_blocks;

	if (*position >= window->from && *position < end) {
		__atomic_store_n(position, end, __ATOMIC_RELEASE);
	}
}

/* What it has passed over, and the window, are as they should be. The range is quiesced. */
static void
advance(struct raid_process *process, const struct raid_process_window *window)
{
	struct raid *raid = process->raid;
	const struct raid_window_work *work = window->work;
	bool all = true;

	if (process->type == RAID_PROCESS_SCRUB) {
		grow(&raid->scrub_offset, window);
		return;
	}
	if (process->type == RAID_PROCESS_RESYNC) {
		grow(&raid->agrees_until, window);
	}
	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		struct raid_member *member = &raid->members[slot];

		if (raid_process_is_target(member) && raid_slots_has(&work->targets, slot) &&
			raid_window_has_member(work, slot)) {
			grow(&member->in_sync_until, window);
		}
		all = all && member->desc != NULL && !member->leaving &&
			raid_member_is_in_sync(member, work->window.offset_blocks, work->window.num_blocks);
	}
	if (all && raid->bitmap != NULL) {
		raid_bitmap_synced(raid, work->window.offset_blocks, work->window.num_blocks);
	}
}

static void
take_sample(struct raid_process *process)
{
	uint64_t now = spdk_get_ticks();
	double rate;

	if (now - process->sample_ticks < SAMPLE_PERIOD_S * spdk_get_ticks_hz()) {
		return;
	}
	rate = (double)(process->num_bytes - process->sample_bytes) / (double)(now - process->sample_ticks);
	process->bytes_per_tick = process->bytes_per_tick == 0 ? rate : 0.7 * process->bytes_per_tick + 0.3 * rate;
	process->sample_ticks = now;
	process->sample_bytes = process->num_bytes;
}

static void
count(struct raid_process *process, const struct raid_window_work *work)
{
	struct raid *raid = process->raid;

	process->num_mismatches += work->num_mismatches;
	process->num_bytes += (uint64_t)work->window.num_blocks * raid->bdev.blocklen;
	raid->num_repaired += work->num_repaired;
	if (process->type == RAID_PROCESS_SCRUB) {
		raid->num_mismatches += work->num_mismatches;
	}
	take_sample(process);
}

static void
end_window(struct raid_process *process, struct raid_process_window *window)
{
	struct raid_window_work *work = window->work;

	if (work->status == 0) {
		advance(process, window);
		count(process, work);
	} else {
		process->looks_again = true;
		process->unreadable = process->unreadable || work->status == -EIO;
		retry_later(process);
	}
	raid_window_end(work);
}

void
raid_process_end_windows(struct raid_process *process)
{
	while (process->num_windows > 0 && process->windows[process->first].ended) {
		end_window(process, &process->windows[process->first]);
		process->first = (process->first + 1) % RAID_PROCESS_WINDOWS;
		process->num_windows--;
	}
}

/* ---- Windows ---- */

static void
window_ended_cb(void *arg)
{
	struct raid_process_window *window = arg;

	window->ended = true;
	raid_process_look(window->process);
}

static enum raid_window_aim
get_aim(const struct raid_process *process)
{
	switch (process->type) {
	case RAID_PROCESS_RESYNC:
		return RAID_WINDOW_RESYNC;
	case RAID_PROCESS_REBUILD:
		return RAID_WINDOW_REBUILD;
	default:
		return process->raid->scrub_mode == RAID_SCRUB_REPAIR ? RAID_WINDOW_REPAIR : RAID_WINDOW_CHECK;
	}
}

/* When the next one may begin, so that there are no more bytes in a second than there may be. */
static void
limit_bandwidth(struct raid_process *process, uint32_t num_blocks)
{
	double bytes = (double)num_blocks * process->raid->bdev.blocklen;

	if (process->bytes_per_second != 0) {
		process->not_before = spdk_max(process->not_before, spdk_get_ticks()) +
			(uint64_t)(bytes * (double)spdk_get_ticks_hz() / (double)process->bytes_per_second);
	}
}

static bool
begin_window(struct raid_process *process, uint64_t offset_blocks, uint32_t num_blocks)
{
	uint32_t next = (process->first + process->num_windows) % RAID_PROCESS_WINDOWS;
	struct raid_process_window *window = &process->windows[next];

	window->from = process->next;
	window->ended = false;
	if (raid_window_begin(window->work, get_aim(process), offset_blocks, num_blocks, window_ended_cb, window) !=
		0) {
		retry_later(process);
		return false;
	}
	process->next = offset_blocks + num_blocks;
	process->num_windows++;
	limit_bandwidth(process, num_blocks);
	return true;
}

/*
 * Windows end in their order. If one waited for another's blocks, a third one could get what the second one waits for, too, and
 * neither would end.
 */
static bool
overlaps_window(const struct raid_process *process, uint64_t offset, uint32_t num_blocks)
{
	uint64_t first, count;

	process->raid->ops->get_array_range(process->raid, offset, num_blocks, &first, &count);
	for (uint32_t i = 0; i < process->num_windows; i++) {
		const struct raid_window_work *work =
			process->windows[(process->first + i) % RAID_PROCESS_WINDOWS].work;

		if (first < work->array_offset + work->array_blocks && work->array_offset < first + count) {
			return true;
		}
	}
	return false;
}

static void
run_windows(struct raid_process *process)
{
	uint64_t not_before = spdk_max(process->not_before, process->retry_at);
	uint64_t offset;
	uint32_t num_blocks;

	while (process->num_windows < RAID_PROCESS_WINDOWS) {
		if (!get_range(process, &offset, &num_blocks)) {
			if (process->num_windows == 0) {
				run_flush(process);
			}
			return;
		}
		if (overlaps_window(process, offset, num_blocks)) {
			return;
		}
		if (spdk_get_ticks() < not_before) {
			process->due = spdk_min(process->due, not_before);
			return;
		}
		if (!begin_window(process, offset, num_blocks)) {
			return;
		}
		not_before = process->not_before;
	}
}

void
raid_process_run(struct raid_process *process)
{
	bool records = process->type != RAID_PROCESS_SCRUB && process->raid->superblock != NULL;

	if (!records ||
		spdk_get_ticks() - process->last_record < g_raid_process_record_ms * spdk_get_ticks_hz() / 1000) {
		run_windows(process);
	} else if (process->num_windows == 0) {
		run_flush(process);
	}
}
