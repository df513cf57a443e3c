/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What an array does in the background with all of its data: resync, rebuild, scrub. On the application thread.
 *
 *   process_choose: what comes next, and where it begins; when there is nothing, that was it.
 *   process_run: raid_process_run.c works through it.
 *   process_finish: the superblocks say that it is done. Then it chooses again.
 *
 * All of it is done by one poller, which sleeps until something has happened or it is time for the next window.
 */

#include "module/bdev/raid/raid_bitmap.h"
#include "module/bdev/raid/raid_process.h"

#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/thread.h"
#include "spdk/util.h"

struct raid_process_options g_raid_process_options = {.window_size_kb = 1024};

static const char *const g_type_names[] = {"resync", "rebuild", "scrub"};

/* ---- What there is to do ---- */

uint64_t
raid_process_get_end(const struct raid *raid)
{
	/* Each block of the array lies in a row with so many others. */
	return raid->bdev.blockcnt / raid->min_operational;
}

bool
raid_process_is_target(const struct raid_member *member)
{
	/* One that joins is none before it is in all channels, and superblocks may say so. */
	return member->desc != NULL && !member->leaving && member->in_channels && member->join_cb == NULL &&
		!member->unrecorded && member->in_sync_until != UINT64_MAX;
}

bool
raid_process_has_target(const struct raid *raid)
{
	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		if (raid_process_is_target(&raid->members[slot])) {
			return true;
		}
	}
	return false;
}

/* Members are rebuilt from what agrees. */
static bool
choose(const struct raid *raid, enum raid_process_type *type)
{
	if (raid->state != RAID_ONLINE || raid->deleting || raid->ops->recover == NULL) {
		return false;
	}
	if (raid->agrees_until != UINT64_MAX) {
		*type = RAID_PROCESS_RESYNC;
	} else if (raid_process_has_target(raid)) {
		*type = RAID_PROCESS_REBUILD;
	} else if (raid->scrub_wanted) {
		*type = RAID_PROCESS_SCRUB;
	} else {
		return false;
	}
	return true;
}

static uint64_t
get_begin(const struct raid_process *process)
{
	const struct raid *raid = process->raid;
	uint64_t begin = UINT64_MAX;

	if (process->type == RAID_PROCESS_RESYNC) {
		return raid->agrees_until;
	}
	if (process->type == RAID_PROCESS_SCRUB) {
		return raid->scrub_offset;
	}
	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		if (raid_process_is_target(&raid->members[slot])) {
			begin = spdk_min(begin, raid->members[slot].in_sync_until);
		}
	}
	return begin;
}

/* ---- Its end ---- */

static void
free_process(struct raid_process *process)
{
	for (size_t i = 0; i < RAID_PROCESS_WINDOWS; i++) {
		if (process->windows[i].work != NULL) {
			raid_window_destroy(process->windows[i].work);
		}
	}
	spdk_poller_unregister(&process->poller);
	free(process);
}

static void
process_end(struct raid_process *process)
{
	struct raid *raid = process->raid;

	raid->process = NULL;
	if (raid->state != RAID_ONLINE) {
		raid->scrub_wanted = false;
	}
	free_process(process);
	raid_let_go(raid);
}

/* ---- When all of it is done ---- */

/*
 * Of one that lacks what is dirty only. It may have joined when the process had passed some of that. What the array is about to
 * grow by is dirty already.
 */
static bool
lacks_nothing(const struct raid_member *member)
{
	uint64_t offset, num_blocks;

	return member->lacks_dirty_only &&
		(!raid_bitmap_next_dirty(member->raid, member->in_sync_until, &offset, &num_blocks) ||
			offset >= raid_process_get_end(member->raid));
}

/*
 * Superblocks are to say of them that they have all of their data. They are relied upon only after that is durable on all
 * members: one that does not know of it would take itself, alone after a crash, for all that there is.
 */
static void
finish_targets(struct raid_process *process)
{
	struct raid *raid = process->raid;
	uint64_t end = raid_process_get_end(raid);

	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		struct raid_member *member = &raid->members[slot];

		/* Another one may have joined since it was flushed, or the array may have grown. */
		if (!raid_process_is_target(member) || !raid_window_has_member(process->windows[0].work, slot) ||
			(member->in_sync_until < end && !lacks_nothing(member))) {
			continue;
		}
		member->durable_until = UINT64_MAX;
		member->lacks_dirty_only = false;
	}
}

static void
rely_on_targets(struct raid *raid)
{
	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		struct raid_member *member = &raid->members[slot];

		if (raid_process_is_target(member) && member->durable_until == UINT64_MAX) {
			__atomic_store_n(&member->in_sync_until, UINT64_MAX, __ATOMIC_RELEASE);
			SPDK_NOTICELOG("%s: %s is rebuilt\n", raid->bdev.name, member->bdev->name);
		}
	}
}

static void
finish_scrub(struct raid *raid)
{
	raid->scrub_wanted = false;
	if (raid->scrub_offset < raid_process_get_end(raid)) {
		SPDK_WARNLOG("%s: the scrub ends: too many members are missing\n", raid->bdev.name);
	} else {
		SPDK_NOTICELOG(
			"%s is scrubbed: %" PRIu64 " blocks did not agree\n", raid->bdev.name, raid->num_mismatches);
	}
}

static void
finished_cb(void *arg)
{
	struct raid_process *process = arg;

	if (process->type == RAID_PROCESS_REBUILD && process->raid->state == RAID_ONLINE) {
		rely_on_targets(process->raid);
	}
	process->state = RAID_PROCESS_CHOOSING;
	raid_process_look(process);
}

void
raid_process_finish(struct raid_process *process)
{
	struct raid *raid = process->raid;

	switch (process->type) {
	case RAID_PROCESS_RESYNC:
		__atomic_store_n(&raid->agrees_until, UINT64_MAX, __ATOMIC_RELEASE);
		raid->resync_offset = UINT64_MAX;
		SPDK_NOTICELOG("%s: its members agree again; %" PRIu64 " blocks did not\n", raid->bdev.name,
			process->num_mismatches);
		break;
	case RAID_PROCESS_REBUILD:
		finish_targets(process);
		break;
	case RAID_PROCESS_SCRUB:
		finish_scrub(raid);
		finished_cb(process);
		return;
	}
	process->state = RAID_PROCESS_RECORDING;
	process->waiter.cb = finished_cb;
	process->waiter.arg = process;
	raid_superblock_write(raid, &process->waiter);
}

/* ---- What comes next ---- */

/* Some of what they lack is nowhere to be read. */
static void
drop_targets(struct raid *raid)
{
	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		struct raid_member *member = &raid->members[slot];

		if (raid_process_is_target(member)) {
			SPDK_ERRLOG("%s: %s is not rebuilt: behind block %" PRIu64
				    " of the members too few of them can be read\n",
				raid->bdev.name, member->bdev->name, member->in_sync_until);
			raid_member_leave(member, true, NULL);
		}
	}
}

static void
begin(struct raid_process *process, enum raid_process_type type)
{
	process->type = type;
	process->num_mismatches = 0;
	process->num_bytes = 0;
	process->sample_ticks = spdk_get_ticks();
	process->sample_bytes = 0;
	process->bytes_per_tick = 0;
	process->last_record = spdk_get_ticks();
	SPDK_NOTICELOG("%s: a %s begins\n", process->raid->bdev.name, g_type_names[type]);
}

/* Returns false if there is nothing, and then the process is gone. */
static bool
process_choose(struct raid_process *process)
{
	enum raid_process_type type;

	process->looks_again = false;
	if (process->unreadable) {
		process->unreadable = false;
		drop_targets(process->raid);
		/* That may have become of them before. */
		process->looks_again = false;
	}
	if (!choose(process->raid, &type)) {
		process_end(process);
		return false;
	}
	if (type != process->type || process->state == RAID_PROCESS_CHOOSING) {
		begin(process, type);
	}
	process->state = RAID_PROCESS_RUNNING;
	process->next = get_begin(process);
	return true;
}

/* Returns false if it is gone. */
static bool
look(struct raid_process *process)
{
	raid_process_end_windows(process);
	if (process->state == RAID_PROCESS_FLUSHING || process->state == RAID_PROCESS_RECORDING) {
		return true;
	}
	if (process->looks_again || process->state == RAID_PROCESS_CHOOSING || process->raid->state != RAID_ONLINE) {
		if (process->num_windows > 0) {
			return true;
		}
		if (!process_choose(process)) {
			return false;
		}
	}
	raid_process_run(process);
	return true;
}

static int
look_poll(void *arg)
{
	struct raid_process *process = arg;

	process->due = UINT64_MAX;
	if (look(process)) {
		bdk_poller_set_due(process->poller, process->due);
	}
	return SPDK_POLLER_BUSY;
}

void
raid_process_look(struct raid_process *process)
{
	process->due = 0;
	bdk_poller_set_due(process->poller, 0);
}

/* ---- Its beginning ---- */

static struct raid_process *
alloc_process(struct raid *raid)
{
	struct raid_process *process = calloc(1, sizeof(*process));
	bool ok;

	if (process == NULL) {
		return NULL;
	}
	process->raid = raid;
	process->bytes_per_second = (uint64_t)g_raid_process_options.max_bandwidth_mb_sec * 1024 * 1024;
	process->poller = spdk_poller_register_named(look_poll, process, SPDK_SEC_TO_USEC, "raid_process");
	ok = process->poller != NULL;
	for (size_t i = 0; i < RAID_PROCESS_WINDOWS && ok; i++) {
		process->windows[i].process = process;
		process->windows[i].work = raid_window_create(raid, g_raid_process_options.window_size_kb);
		ok = process->windows[i].work != NULL;
	}
	if (!ok) {
		free_process(process);
		return NULL;
	}
	return process;
}

/* 0, or -ENOMEM; also if there is nothing to do, or something is being done. */
static int
start(struct raid *raid)
{
	enum raid_process_type type;

	if (raid->process != NULL) {
		raid->process->looks_again = true;
		raid_process_look(raid->process);
		return 0;
	}
	if (!choose(raid, &type)) {
		return 0;
	}
	raid->process = alloc_process(raid);
	if (raid->process == NULL) {
		return -ENOMEM;
	}
	raid_hold(raid);
	raid_process_look(raid->process);
	return 0;
}

void
raid_process_start(struct raid *raid)
{
	raid->agrees_until = spdk_min(raid->agrees_until, raid->resync_offset);
	if (start(raid) != 0) {
		SPDK_ERRLOG("%s: there is no memory for what is to be done in the background\n", raid->bdev.name);
	}
}

void
raid_process_start_rebuild(struct raid_member *member)
{
	struct raid *raid = member->raid;

	if (start(raid) != 0) {
		SPDK_ERRLOG("%s: %s is not rebuilt: there is no memory for it\n", raid->bdev.name, member->bdev->name);
		raid_member_leave(member, true, NULL);
	}
}

void
raid_process_wake(struct raid *raid)
{
	start(raid);
}

int
raid_process_start_scrub(struct raid *raid, enum raid_scrub_mode mode)
{
	int rc;

	if (raid->state != RAID_ONLINE || raid->deleting) {
		return -ENODEV;
	}
	if (raid->ops->verify == NULL) {
		return -ENOTSUP;
	}
	if (raid->scrub_wanted) {
		return -EBUSY;
	}
	if (!raid_process_has_target(raid) && !raid_window_is_redundant(raid, 0, 1)) {
		return -EAGAIN;
	}
	raid->scrub_wanted = true;
	raid->scrub_mode = mode;
	raid->scrub_offset = 0;
	raid->num_mismatches = 0;
	rc = start(raid);
	raid->scrub_wanted = rc == 0;
	return rc;
}

int
raid_process_stop_scrub(struct raid *raid)
{
	if (!raid->scrub_wanted) {
		return -ENOENT;
	}
	raid->scrub_wanted = false;
	raid_process_wake(raid);
	return 0;
}

/* ---- What is said of it ---- */

static void
write_targets(const struct raid *raid, struct spdk_json_write_ctx *w)
{
	const struct raid_member *first = NULL;

	spdk_json_write_named_array_begin(w, "targets");
	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		if (raid_process_is_target(&raid->members[slot])) {
			first = first != NULL ? first : &raid->members[slot];
			spdk_json_write_string(w, raid->members[slot].bdev->name);
		}
	}
	spdk_json_write_array_end(w);
	if (first != NULL) {
		spdk_json_write_named_string(w, "target", first->bdev->name);
	}
}

static void
write_progress(const struct raid_process *process, struct spdk_json_write_ctx *w)
{
	const struct raid *raid = process->raid;
	uint64_t end = raid_process_get_end(raid);
	uint64_t begin = spdk_min(get_begin(process), end);
	/* In blocks of the array, of which each row has several. */
	double part = end == 0 ? 1 : (double)begin / (double)end;

	spdk_json_write_named_object_begin(w, "progress");
	spdk_json_write_named_uint64(w, "blocks", (uint64_t)(part * (double)raid->bdev.blockcnt));
	spdk_json_write_named_uint32(w, "percent", (uint32_t)(part * 100));
	spdk_json_write_object_end(w);
}

static void
write_speed(const struct raid_process *process, struct spdk_json_write_ctx *w)
{
	double hz = (double)spdk_get_ticks_hz();
	double bytes_per_second = process->bytes_per_tick * hz;
	uint64_t elapsed = spdk_get_ticks() - process->sample_ticks;

	/* At the beginning there is no sample yet. */
	if (bytes_per_second == 0 && elapsed > 0) {
		bytes_per_second = (double)(process->num_bytes - process->sample_bytes) * hz / (double)elapsed;
	}
	spdk_json_write_named_uint64(w, "mib_per_sec", (uint64_t)(bytes_per_second / (1024 * 1024)));
	if (bytes_per_second > 0) {
		double left = (double)raid_process_get_left(process) * process->raid->bdev.blocklen;

		spdk_json_write_named_uint64(w, "seconds_left", (uint64_t)(left / bytes_per_second));
	}
}

void
raid_process_write_info(const struct raid *raid, struct spdk_json_write_ctx *w)
{
	const struct raid_process *process = raid->process;

	if (process == NULL || process->state == RAID_PROCESS_CHOOSING) {
		return;
	}
	spdk_json_write_named_object_begin(w, "process");
	spdk_json_write_named_string(w, "type", g_type_names[process->type]);
	if (process->type == RAID_PROCESS_REBUILD) {
		write_targets(raid, w);
	} else if (process->type == RAID_PROCESS_SCRUB) {
		spdk_json_write_named_string(w, "mode", raid->scrub_mode == RAID_SCRUB_REPAIR ? "repair" : "check");
	}
	write_progress(process, w);
	write_speed(process, w);
	spdk_json_write_object_end(w);
}
