/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Arrays whose power is cut: raid_crash LEVEL [SEED [COUNT]].
 *
 * For each seed an array of random form is made of disks that keep only what was flushed (app/bdevkit/check/journal.h). Users
 * on several threads read, write, write zeroes and flush, while members are lost, fail, return, are replaced and grow, and
 * scrubs come and go. Then the power goes, whatever is being done in the background; what each disk has of the blocks that
 * were being written is drawn; some members that the array can do without are lost with the power; the others come back in any
 * order. The array has to come back by examining alone, as large as it was, every block has to hold what was last flushed or
 * a later write, and the same for ever after; when background work has ended, redundancy is checked on the disks
 * (raid_rules.h). And so on, a few times.
 */

#include "../unit/bdev/bdev_sim.h"
#include "block_model.h"
#include "raid_rules.h"

#include "app/bdevkit/check/journal.h"
#include "lib/rpc/rpc_internal.h"
#include "module/bdev/raid/raid_bitmap.h"
#include "module/bdev/raid/raid_journal.h"
#include "module/bdev/raid/raid_process.h"
#include "spdk/log.h"
#include "spdk/rpc.h"
#include "spdk/string.h"
#include "spdk/util.h"

#include <malloc.h>

#define MAX_MEMBERS 7
#define NUM_THREADS 3
#define NUM_JOBS 12
#define MAX_JOB_BLOCKS 24
#define SECOND (1000 * 1000)
/* Of a disk, in blocks. */
#define MAX_GROWTH 256

#define ALL_BUT_ONE UINT8_MAX

struct level {
	const char *name;
	const char *raid_level;
	enum rules_level rules;
	uint8_t min_members;
	uint8_t max_members;
	/* So many may be lost, also with the power. */
	uint8_t redundancy;
	bool has_strips;
	const char *policy;
};

/* Without a journal, parity does not help who loses a member with the power. */
static const struct level g_levels[] = {
	{"raid1", "raid1", RULES_RAID1, 2, 4, ALL_BUT_ONE, false, "bitmap"},
	{"raid1-resync", "raid1", RULES_RAID1, 2, 4, ALL_BUT_ONE, false, "resync"},
	{"raid5", "raid5", RULES_RAID5, 3, 5, 1, true, "journal"},
	{"raid5-bitmap", "raid5", RULES_RAID5, 3, 5, 0, true, "bitmap"},
	{"raid6", "raid6", RULES_RAID6, 4, 6, 2, true, "journal"},
	{"raid6-bitmap", "raid6", RULES_RAID6, 4, 6, 0, true, "bitmap"},
};

/* A place in the array and the disk that is there. */
struct disk {
	char name[16];
	/* There is a bdev of it; it fails. */
	bool present;
	bool failing;
	/* When nothing was going on, superblocks said that it was good; it may be that they still do. */
	bool recorded;
};

struct job {
	bool used;
	bool queued;
	uint32_t thread;
	enum spdk_bdev_io_type type;
	uint64_t offset;
	uint64_t num_blocks;
	/* Of a read: nobody has written meanwhile. */
	uint32_t last[MAX_JOB_BLOCKS];
	/* Of a flush. */
	uint32_t *durable;
	uint8_t *buf;
};

static struct {
	const struct level *level;
	uint64_t seed;
	uint32_t block_size;
	uint32_t strip_kb;
	uint64_t disk_blocks;
	/* They may still grow by so many. */
	uint64_t growth_left;
	uint8_t num_members;
	uint8_t redundancy;
	bool write_cache;
	struct disk disks[MAX_MEMBERS];
	uint32_t num_disks_made;
	struct block_model model;
	struct job jobs[NUM_JOBS];
	struct spdk_bdev_desc *desc;
	struct spdk_io_channel *ch[NUM_THREADS];
	bool removed;
	/* The power is off: what ends now has never happened. */
	bool off;
	/* Mirrors did not agree everywhere yet when the power went. */
	bool disagreed;
	/* Members have been made to fail: what they cannot read is written again. */
	bool some_failed;
	bool starting;
	bool trace;
} g_sim;

/* What has been tried, of all seeds. */
static struct {
	uint64_t seeds, writes, flushes, reads, losses, failures, returns, replacements, scrubs, grown, lost_with_power;
	uint64_t cuts, cuts_degraded, cuts_growing, cuts_in[RAID_PROCESS_SCRUB + 1];
	uint64_t checked_blocks, degraded_starts, stale, ordered;
} g_seen;

static const char *g_program;

static void __attribute__((format(printf, 1, 2), noreturn)) violated(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s, seed %" PRIu64 ": ", g_sim.level->name, g_sim.seed);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\nto repeat: RAID_CRASH_TRACE=1 %s %s %" PRIu64 " 1\n", g_program, g_sim.level->name,
		g_sim.seed);
	exit(1);
}

static void __attribute__((format(printf, 1, 2))) trace(const char *format, ...)
{
	va_list args;

	if (g_sim.trace) {
		va_start(args, format);
		vprintf(format, args);
		va_end(args);
		printf("\n");
		fflush(stdout);
	}
}

static uint64_t
draw(uint64_t limit)
{
	return bdk_sim_random(limit);
}

static bool
one_in(uint64_t n)
{
	return draw(n) == 0;
}

/* ---- Asking the array ---- */

struct reply {
	bool done;
	int code;
	char text[512];
};

static void
reply_cb(void *cb_arg, const struct rpc_call_reply *result)
{
	struct reply *reply = cb_arg;

	reply->done = true;
	reply->code = result->error_code;
	snprintf(reply->text, sizeof(reply->text), "%.*s", (int)result->size, result->text);
}

static bool
is_true(void *arg)
{
	return *(const bool *)arg;
}

static struct reply
call(const char *method, const char *params)
{
	struct reply reply = {};

	trace("%s %s", method, params);
	ON(0, {
		if (rpc_call(method, params, strlen(params), reply_cb, &reply) != 0) {
			violated("%s cannot be called", method);
		}
	});
	if (!bdk_sim_run_until(is_true, &reply.done, 600 * (uint64_t)SECOND)) {
		violated("%s does not answer", method);
	}
	trace("  %d %s", reply.code, reply.text);
	return reply;
}

static struct raid *
array(void)
{
	return raid_find("array");
}

/* The slot that a disk is a member in, or NULL. */
static const struct raid_member *
member_of(const struct disk *disk)
{
	struct raid *raid = array();

	for (uint8_t slot = 0; raid != NULL && slot < raid->num_members; slot++) {
		const struct raid_member *member = &raid->members[slot];

		if (member->bdev != NULL && strcmp(member->bdev->name, disk->name) == 0) {
			return member;
		}
	}
	return NULL;
}

/* It has all of its data, and will go on having it. */
static bool
is_good(const struct disk *disk)
{
	const struct raid_member *member = member_of(disk);

	return disk->present && !disk->failing && member != NULL && !member->leaving &&
		raid_member_is_in_sync(member, 0, UINT64_MAX);
}

static uint8_t
count_good(void)
{
	uint8_t count = 0;

	for (uint8_t i = 0; i < g_sim.num_members; i++) {
		count += is_good(&g_sim.disks[i]);
	}
	return count;
}

static void
note_recorded(void)
{
	const struct raid *raid = array();

	if (raid == NULL || raid->state != RAID_ONLINE || raid->process != NULL || raid->num_leaving > 0) {
		return;
	}
	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		if (raid->members[slot].leaving || raid->members[slot].adding) {
			return;
		}
	}
	for (uint8_t i = 0; i < g_sim.num_members; i++) {
		const struct raid_member *member = member_of(&g_sim.disks[i]);

		g_sim.disks[i].recorded = member != NULL && raid_member_is_in_sync(member, 0, UINT64_MAX);
	}
}

static bool
may_lose_one(void)
{
	return count_good() > g_sim.num_members - g_sim.redundancy;
}

/* Which of several writes that were not flushed a block has after a cut, the first member says until mirrors agree. */
static bool
mirrors_disagree(void)
{
	return g_sim.level->rules == RULES_RAID1 && array()->agrees_until != UINT64_MAX;
}

static void
note_lost(void)
{
	if (!mirrors_disagree()) {
		return;
	}
	for (int i = 0; i < NUM_JOBS; i++) {
		if (g_sim.jobs[i].used && g_sim.jobs[i].type == SPDK_BDEV_IO_TYPE_FLUSH) {
			model_forget_flush(&g_sim.model, g_sim.jobs[i].durable);
		}
	}
	model_forget(&g_sim.model);
}

/* ---- Disks ---- */

static void
add_disk(struct disk *disk)
{
	int rc;

	trace("add %s", disk->name);
	check_journal_fail(disk->name, 0);
	disk->failing = false;
	disk->present = true;
	ON(0, rc = check_journal_create(disk->name, g_sim.disk_blocks, g_sim.block_size, g_sim.write_cache));
	/* It may not have gone yet. */
	disk->present = rc == 0;
	if (rc != 0 && (rc != -EEXIST || g_sim.starting)) {
		violated("%s cannot be added: %s", disk->name, spdk_strerror(-rc));
	}
}

static void
make_disk(struct disk *disk)
{
	int rc;

	*disk = (struct disk){.present = true};
	snprintf(disk->name, sizeof(disk->name), "disk%u", g_sim.num_disks_made++);
	trace("make %s", disk->name);
	ON(0, rc = check_journal_create(disk->name, g_sim.disk_blocks, g_sim.block_size, g_sim.write_cache));
	if (rc != 0) {
		violated("%s cannot be made: %s", disk->name, spdk_strerror(-rc));
	}
}

static void
removed_cb(void *ctx, int rc)
{
	if (ctx != NULL) {
		*(bool *)ctx = true;
	}
}

/* Not waited for. */
static void
remove_disk(struct disk *disk, bool *done)
{
	trace("remove %s", disk->name);
	disk->present = false;
	ON(0, {
		struct spdk_bdev *bdev = spdk_bdev_get_by_name(disk->name);

		if (bdev != NULL) {
			spdk_bdev_unregister(bdev, removed_cb, done);
		} else if (done != NULL) {
			*done = true;
		}
	});
}

static bool
exists(const char *name)
{
	return spdk_bdev_get_by_name(name) != NULL;
}

/* ---- Order: nothing is written in place before what has to be durable is ---- */

/* It counts after a crash, and will go on counting. */
static bool
is_current(const struct raid_member *member)
{
	return member->bdev != NULL && !member->leaving && !member->adding && member->join_cb == NULL &&
		raid_member_is_in_sync(member, 0, UINT64_MAX);
}

static void
check_bit(const struct raid *raid, const struct raid_member *member, uint64_t row)
{
	struct raid_bitmap_page page;
	uint64_t region = row / raid->region_blocks, per_page = g_sim.block_size * 4;
	const char *why = raid_bitmap_page_decode(
		check_journal_durable(member->bdev->name, RAID_BITMAP_OFFSET / g_sim.block_size + region / per_page),
		g_sim.block_size, &page);
	uint64_t bit = region % per_page;

	if (why != NULL || !(page.bits[bit / 8] & 1 << bit % 8)) {
		violated("row %" PRIu64 " is being written, and %s has no durable bit for it", row, member->bdev->name);
	}
	g_seen.ordered++;
}

/* The durable record of a member in a slot of its journal. */
static bool
get_record(const struct raid *raid, const struct raid_member *member, uint64_t slot, struct raid_journal_record *record)
{
	uint64_t slot_blocks = 1 + (uint64_t)raid->strip_size_kb * 1024 / g_sim.block_size;
	uint64_t block = RAID_JOURNAL_OFFSET / g_sim.block_size + 1 + slot * slot_blocks;

	return raid_journal_record_decode(check_journal_durable(member->bdev->name, block), g_sim.block_size, record) ==
		NULL;
}

/* All that are current and take part have a record of that number. */
static bool
is_logged(const struct raid *raid, uint64_t slot, const struct raid_journal_record *record)
{
	struct raid_journal_record other;

	for (uint8_t i = 0; i < raid->num_members; i++) {
		if (record->participants[i / 64] & UINT64_C(1) << i % 64 && is_current(&raid->members[i]) &&
			(!get_record(raid, &raid->members[i], slot, &other) || other.sequence != record->sequence)) {
			return false;
		}
	}
	return true;
}

static void
check_record(const struct raid *raid, const struct raid_member *member, uint64_t row, uint64_t num_rows)
{
	uint64_t slot_blocks = 1 + (uint64_t)raid->strip_size_kb * 1024 / g_sim.block_size;

	for (uint64_t slot = 0; slot < (raid->journal_blocks - 1) / slot_blocks; slot++) {
		struct raid_journal_record record;

		if (get_record(raid, member, slot, &record) && record.offset_blocks <= row &&
			record.offset_blocks + record.num_blocks >= row + num_rows && is_logged(raid, slot, &record)) {
			g_seen.ordered++;
			return;
		}
	}
	violated("%" PRIu64 " rows at %" PRIu64 " of %s are being written, and no journal has them", num_rows, row,
		member->bdev->name);
}

static void
observe_write(const char *name, uint64_t offset_blocks, uint64_t num_blocks)
{
	const struct raid *raid = array();
	const struct raid_member *member = NULL;

	/* What is done in the background follows from what is there. */
	if (raid == NULL || raid->state != RAID_ONLINE || g_sim.off || g_sim.some_failed || raid->process != NULL) {
		return;
	}
	for (uint8_t i = 0; i < raid->num_members; i++) {
		if (raid->members[i].bdev != NULL && strcmp(raid->members[i].bdev->name, name) == 0) {
			member = &raid->members[i];
		}
	}
	if (member == NULL || offset_blocks < member->data_offset || !is_current(member)) {
		return;
	}
	for (uint8_t i = 0; i < raid->num_members && raid->bitmap != NULL; i++) {
		if (is_current(&raid->members[i])) {
			check_bit(raid, &raid->members[i], offset_blocks - member->data_offset);
		}
	}
	if (raid->journal != NULL) {
		check_record(raid, member, offset_blocks - member->data_offset, num_blocks);
	}
}

/* ---- Users ---- */

static void
close_user(void *arg)
{
	for (uint32_t i = 0; i < NUM_THREADS; i++) {
		if (g_sim.ch[i] != NULL) {
			ON(i, spdk_put_io_channel(g_sim.ch[i]));
			g_sim.ch[i] = NULL;
		}
	}
	if (g_sim.desc != NULL) {
		ON(0, spdk_bdev_close(g_sim.desc));
		g_sim.desc = NULL;
	}
}

/* The array never becomes smaller again, whatever happens. */
static void
follow_size(uint64_t num_blocks)
{
	if (num_blocks < g_sim.model.num_blocks) {
		violated("the array has %" PRIu64 " blocks, and had %" PRIu64, num_blocks, g_sim.model.num_blocks);
	}
	if (num_blocks > g_sim.model.num_blocks) {
		trace("the array has grown by %" PRIu64 " blocks", num_blocks - g_sim.model.num_blocks);
		g_seen.grown++;
		model_grow(&g_sim.model, num_blocks);
	}
}

static void
event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *ctx)
{
	g_sim.removed = g_sim.removed || type == SPDK_BDEV_EVENT_REMOVE;
	if (type == SPDK_BDEV_EVENT_RESIZE && !g_sim.off) {
		follow_size(spdk_bdev_get_num_blocks(bdev));
	}
}

static void
open_user(void)
{
	int rc;

	g_sim.removed = false;
	ON(0, rc = spdk_bdev_open_ext("array", true, event_cb, NULL, &g_sim.desc));
	if (rc != 0) {
		violated("the array cannot be opened: %s", spdk_strerror(-rc));
	}
	follow_size(spdk_bdev_get_num_blocks(spdk_bdev_desc_get_bdev(g_sim.desc)));
	for (uint32_t i = 0; i < NUM_THREADS; i++) {
		ON(i, g_sim.ch[i] = spdk_bdev_get_io_channel(g_sim.desc));
		if (g_sim.ch[i] == NULL) {
			violated("no channel");
		}
	}
}

static void
check_read(struct job *job)
{
	for (uint64_t i = 0; i < job->num_blocks; i++) {
		const struct model_block *block = &g_sim.model.blocks[job->offset + i];
		const char *why;

		if (block->busy || block->last != job->last[i]) {
			continue;
		}
		why = model_check(&g_sim.model, job->offset + i, job->buf + i * g_sim.block_size);
		if (why != NULL) {
			violated("block %" PRIu64 " is read, and %s", job->offset + i, why);
		}
	}
}

static void
job_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	struct job *job = cb_arg;

	spdk_bdev_free_io(bdev_io);
	trace("  end of type %d at %" PRIu64 ", %" PRIu64 " blocks%s", job->type, job->offset, job->num_blocks,
		success ? "" : ": failed");
	if (!success && !g_sim.removed && array() != NULL && array()->state == RAID_ONLINE) {
		violated("an I/O of type %d at %" PRIu64 " fails", job->type, job->offset);
	}
	success = success && !g_sim.off;
	switch (job->type) {
	case SPDK_BDEV_IO_TYPE_READ:
		if (success) {
			check_read(job);
		}
		break;
	case SPDK_BDEV_IO_TYPE_FLUSH:
		if (success) {
			model_end_flush(&g_sim.model, job->durable);
		}
		break;
	default:
		model_end_write(&g_sim.model, job->offset, job->num_blocks, success);
		break;
	}
	job->used = false;
}

static enum spdk_bdev_io_type
draw_type(void)
{
	static const enum spdk_bdev_io_type types[] = {SPDK_BDEV_IO_TYPE_WRITE, SPDK_BDEV_IO_TYPE_WRITE,
		SPDK_BDEV_IO_TYPE_WRITE, SPDK_BDEV_IO_TYPE_WRITE, SPDK_BDEV_IO_TYPE_WRITE_ZEROES,
		SPDK_BDEV_IO_TYPE_READ, SPDK_BDEV_IO_TYPE_READ, SPDK_BDEV_IO_TYPE_FLUSH};

	return types[draw(SPDK_COUNTOF(types))];
}

static int
submit_job(struct job *job)
{
	struct spdk_io_channel *ch = g_sim.ch[job->thread];

	switch (job->type) {
	case SPDK_BDEV_IO_TYPE_READ:
		return spdk_bdev_read_blocks(g_sim.desc, ch, job->buf, job->offset, job->num_blocks, job_done_cb, job);
	case SPDK_BDEV_IO_TYPE_WRITE:
		return spdk_bdev_write_blocks(g_sim.desc, ch, job->buf, job->offset, job->num_blocks, job_done_cb, job);
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
		return spdk_bdev_write_zeroes_blocks(g_sim.desc, ch, job->offset, job->num_blocks, job_done_cb, job);
	default:
		return spdk_bdev_flush_blocks(g_sim.desc, ch, 0, g_sim.model.num_blocks, job_done_cb, job);
	}
}

static void
prepare_job(struct job *job)
{
	switch (job->type) {
	case SPDK_BDEV_IO_TYPE_READ:
		for (uint64_t i = 0; i < job->num_blocks; i++) {
			job->last[i] = g_sim.model.blocks[job->offset + i].last;
		}
		g_seen.reads++;
		break;
	case SPDK_BDEV_IO_TYPE_FLUSH:
		model_begin_flush(&g_sim.model, job->durable);
		g_seen.flushes++;
		break;
	default:
		model_begin_write(&g_sim.model, job->offset, job->num_blocks,
			job->type == SPDK_BDEV_IO_TYPE_WRITE ? job->buf : NULL);
		g_seen.writes++;
		break;
	}
}

static void
begin_job(struct job *job)
{
	int rc;

	job->type = draw_type();
	job->thread = (uint32_t)draw(NUM_THREADS);
	job->num_blocks = 1 + draw(one_in(4) ? MAX_JOB_BLOCKS : 6);
	job->offset = draw(g_sim.model.num_blocks - job->num_blocks);
	/* Places that are written again and again. */
	job->offset = one_in(2) ? job->offset % 48 : job->offset;
	if (job->type != SPDK_BDEV_IO_TYPE_FLUSH && !model_is_free(&g_sim.model, job->offset, job->num_blocks)) {
		return;
	}
	job->used = true;
	prepare_job(job);
	trace("  type %d at %" PRIu64 ", %" PRIu64 " blocks, the first one is %u", job->type, job->offset,
		job->num_blocks, g_sim.model.blocks[job->offset].last);
	ON(job->thread, rc = submit_job(job));
	if (rc != 0) {
		violated("an I/O of type %d is refused: %s", job->type, spdk_strerror(-rc));
	}
}

static bool
is_any_job_used(void)
{
	for (int i = 0; i < NUM_JOBS; i++) {
		if (g_sim.jobs[i].used) {
			return true;
		}
	}
	return false;
}

/* ---- Faults ---- */

static void
lose_member(struct disk *disk)
{
	if (is_good(disk) && may_lose_one()) {
		g_seen.losses++;
		note_lost();
		remove_disk(disk, NULL);
	}
}

static void
fail_member(struct disk *disk)
{
	static const uint64_t kinds[] = {1 << SPDK_BDEV_IO_TYPE_WRITE | 1 << SPDK_BDEV_IO_TYPE_WRITE_ZEROES,
		1 << SPDK_BDEV_IO_TYPE_FLUSH, ~UINT64_C(0)};

	/* Until members agree, what one that is there cannot read is nowhere. */
	if (is_good(disk) && may_lose_one() && (!array()->ops->has_parity || array()->agrees_until == UINT64_MAX)) {
		g_seen.failures++;
		note_lost();
		trace("fail %s", disk->name);
		g_sim.some_failed = true;
		disk->failing = true;
		check_journal_fail(disk->name, kinds[draw(SPDK_COUNTOF(kinds))]);
	}
}

/* One that was lost, or has failed and left, comes back as it is, or another one takes its place. */
static void
return_member(struct disk *disk)
{
	char params[128];

	if (disk->present && disk->failing && member_of(disk) == NULL) {
		remove_disk(disk, NULL);
		return;
	}
	if (disk->present || exists(disk->name) || member_of(disk) != NULL) {
		return;
	}
	if (one_in(3)) {
		g_seen.replacements++;
		make_disk(disk);
		snprintf(params, sizeof(params), "{\"raid_bdev\": \"array\", \"base_bdev\": \"%s\"}", disk->name);
		call("bdev_raid_add_base_bdev", params);
	} else {
		g_seen.returns++;
		add_disk(disk);
	}
}

/* All disks become larger, also those that are not there. */
static void
grow_disks(void)
{
	uint64_t unit = g_sim.level->has_strips ? g_sim.strip_kb * 1024 / g_sim.block_size : 8;
	uint64_t count = unit * (1 + draw(3)) + draw(4);
	int rc;

	for (uint8_t i = 0; i < g_sim.num_members; i++) {
		const struct disk *disk = &g_sim.disks[i];

		/* What one that fails cannot read is nowhere until what is new agrees. */
		if (disk->failing || disk->present != exists(disk->name)) {
			return;
		}
	}
	if (count <= g_sim.growth_left) {
		trace("disks grow by %" PRIu64 " blocks", count);
		ON(0, rc = check_journal_resize((int64_t)count));
		if (rc != 0) {
			violated("disks cannot grow: %s", spdk_strerror(-rc));
		}
		g_sim.growth_left -= count;
		g_sim.disk_blocks += count;
	}
}

static void
toggle_scrub(void)
{
	if (array()->scrub_wanted && one_in(2)) {
		call("bdev_raid_stop_scrub", "{\"name\": \"array\"}");
	} else if (!array()->scrub_wanted) {
		g_seen.scrubs++;
		call("bdev_raid_start_scrub",
			one_in(2) ? "{\"name\": \"array\", \"mode\": \"check\"}"
				  : "{\"name\": \"array\", \"mode\": \"repair\"}");
	}
}

static void
disturb(void)
{
	struct disk *disk = &g_sim.disks[draw(g_sim.num_members)];

	switch (draw(9)) {
	case 0:
		lose_member(disk);
		break;
	case 1:
		fail_member(disk);
		break;
	case 2:
		toggle_scrub();
		break;
	case 3:
		grow_disks();
		break;
	default:
		return_member(disk);
		break;
	}
}

/* ---- A life of the array ---- */

static void
run_load(uint64_t steps, uint64_t trouble)
{
	for (uint64_t i = 0; i < steps; i++) {
		struct job *job = &g_sim.jobs[draw(NUM_JOBS)];

		if (!job->used) {
			begin_job(job);
		}
		if (trouble > 0 && one_in(trouble)) {
			disturb();
		}
		for (uint64_t count = draw(10); count > 0 && bdk_sim_step(); count--) {
			note_recorded();
		}
		if (one_in(64)) {
			bdk_sim_run_for(draw(3 * SECOND));
		}
	}
}

static bool
is_online(void *arg)
{
	struct raid *raid = array();

	return raid != NULL && raid->state == RAID_ONLINE && exists("array");
}

static void
describe_array(void)
{
	struct raid *raid = array();

	if (raid == NULL) {
		trace("no array");
		return;
	}
	trace("%u hold it, I/O %s under way, a process %s", raid->holds, is_any_job_used() ? "is" : "is not",
		raid->process != NULL ? "is" : "is not");
	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		const struct raid_member *member = &raid->members[slot];

		trace("state %d slot %u %s in sync until %" PRIx64 "%s", raid->state, slot,
			member->bdev != NULL ? member->bdev->name : "-", member->in_sync_until,
			member->leaving ? " leaving" : "");
	}
}

static void
wait_online(void)
{
	if (bdk_sim_run_until(is_online, NULL, 60 * (uint64_t)SECOND)) {
		return;
	}
	/* So many are missing that they might have gone on alone; an operator has to know that they have not. */
	call("bdev_raid_start", "{\"name\": \"array\", \"force\": true}");
	if (!bdk_sim_run_until(is_online, NULL, 600 * (uint64_t)SECOND)) {
		g_sim.trace = true;
		describe_array();
		violated("the array does not come online");
	}
}

/* All I/O ends, and background work. */
static bool
is_calm(void *arg)
{
	struct raid *raid = array();

	return !is_any_job_used() && raid != NULL && raid->process == NULL && raid->num_leaving == 0;
}

static void
read_all_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	*(int *)cb_arg = success ? 1 : -1;
	spdk_bdev_free_io(bdev_io);
}

static bool
is_set(void *arg)
{
	return *(const int *)arg != 0;
}

/* What each disk has where a block of a mirror is. */
static void
show_disks(uint64_t block)
{
	for (uint8_t i = 0; i < g_sim.num_members && g_sim.level->rules == RULES_RAID1; i++) {
		uint64_t word;

		memcpy(&word, check_journal_data(g_sim.disks[i].name, 1024 * 1024 / g_sim.block_size + block),
			sizeof(word));
		trace("%s has %" PRIx64, g_sim.disks[i].name, word);
	}
}

static void
check_blocks(uint64_t offset, uint64_t count, const uint8_t *buf, bool after_cut)
{
	for (uint64_t i = 0; i < count; i++) {
		const uint8_t *data = buf + i * g_sim.block_size;
		const char *why = after_cut ? model_check_after_cut(&g_sim.model, offset + i, data)
					    : model_check(&g_sim.model, offset + i, data);

		if (why != NULL) {
			const struct model_block *block = &g_sim.model.blocks[offset + i];
			uint64_t word;

			memcpy(&word, data, sizeof(word));
			describe_array();
			show_disks(offset + i);
			violated("block %" PRIu64 "%s: %s: %" PRIx64
				 ", where %u is durable, %u completed and %u the last",
				offset + i, after_cut ? " after the cut" : "", why, word, block->floor,
				block->completed, block->last);
		}
		if (after_cut) {
			model_learn(&g_sim.model, offset + i, data, g_sim.disagreed);
		}
		g_seen.checked_blocks++;
	}
}

/* Reads all of the array; after a cut that is what has to be there from now on. */
static void
read_all(bool after_cut)
{
	uint8_t *buf = spdk_dma_malloc((size_t)64 * g_sim.block_size, 4096, NULL);
	uint64_t offset = 0;

	while (offset < g_sim.model.num_blocks) {
		uint64_t drawn = 1 + draw(64), count = spdk_min(drawn, g_sim.model.num_blocks - offset);
		uint32_t thread = (uint32_t)draw(NUM_THREADS);
		int done = 0, rc;

		ON(thread,
			rc = spdk_bdev_read_blocks(
				g_sim.desc, g_sim.ch[thread], buf, offset, count, read_all_cb, &done));
		if (rc != 0 || !bdk_sim_run_until(is_set, &done, 600 * (uint64_t)SECOND) || done < 0) {
			describe_array();
			violated("%" PRIu64 " blocks at %" PRIu64 " of %" PRIu64 " cannot be read: %s", count, offset,
				array()->bdev.blockcnt,
				rc != 0            ? spdk_strerror(-rc)
					: done < 0 ? "it fails"
						   : "it hangs");
		}
		check_blocks(offset, count, buf, after_cut);
		offset += count;
	}
	spdk_dma_free(buf);
}

static void
check_redundancy(void)
{
	struct raid *raid = array();
	struct rules_array rules = {
		.level = g_sim.level->rules,
		.num_members = g_sim.num_members,
		.block_size = g_sim.block_size,
		.strip_size = g_sim.level->has_strips ? g_sim.strip_kb * 1024 / g_sim.block_size : 0,
		.data_blocks = UINT64_MAX,
	};
	uint64_t block;

	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		const struct raid_member *member = &raid->members[slot];

		if (member->bdev != NULL && !member->leaving && raid_member_is_in_sync(member, 0, UINT64_MAX)) {
			rules.data[slot] = check_journal_data(member->bdev->name, member->data_offset);
			rules.data_blocks = spdk_min(rules.data_blocks, member->data_size);
		}
	}
	if (g_sim.level->has_strips) {
		rules.data_blocks -= rules.data_blocks % rules.strip_size;
	}
	block = rules_find_mismatch(&rules);
	if (block != UINT64_MAX) {
		describe_array();
		violated("block %" PRIu64 " of the members does not agree", block);
	}
}

/* Everything comes to an end: then all that should be the same is. */
static void
settle(void)
{
	if (!bdk_sim_run_until(is_calm, NULL, 3600 * (uint64_t)SECOND)) {
		g_sim.trace = true;
		describe_array();
		violated("work on the array does not end");
	}
	note_recorded();
	if (array()->num_mismatches > 0) {
		violated("a scrub has found %" PRIu64 " blocks that do not agree", array()->num_mismatches);
	}
	check_redundancy();
	read_all(false);
}

/* ---- Power ---- */

/* All bdevs go; what they do meanwhile reaches no disk. */
static void
take_down(void)
{
	bool done[MAX_MEMBERS] = {};

	for (uint8_t i = 0; i < g_sim.num_members; i++) {
		if (g_sim.disks[i].present || exists(g_sim.disks[i].name)) {
			remove_disk(&g_sim.disks[i], &done[i]);
		} else {
			done[i] = true;
		}
	}
	for (uint64_t waited = 0; waited < 600; waited++) {
		bool all = true;

		bdk_sim_run_for(SECOND / 10);
		if (!is_any_job_used()) {
			close_user(NULL);
		}
		for (uint8_t i = 0; i < g_sim.num_members; i++) {
			all = all && done[i] && !exists(g_sim.disks[i].name);
		}
		if (all && !is_any_job_used() && array() == NULL) {
			return;
		}
		if (all && array() != NULL && !array()->registered) {
			call("bdev_raid_delete", "{\"name\": \"array\"}");
		}
	}
	describe_array();
	violated("the array does not go with its members");
}

static void
note_cut(void)
{
	const struct raid *raid = array();

	g_seen.cuts++;
	g_seen.cuts_degraded += count_good() < g_sim.num_members;
	g_seen.cuts_growing += raid->grow_size > 0;
	if (raid->process != NULL && raid->process->state != RAID_PROCESS_CHOOSING) {
		g_seen.cuts_in[raid->process->type]++;
	}
}

static void
cut_power(bool *was_good)
{
	uint8_t good = 0, least = g_sim.num_members - g_sim.redundancy;

	describe_array();
	trace("power cut");
	note_cut();
	ON(0, check_journal_cut());
	note_recorded();
	g_sim.disagreed = mirrors_disagree();
	for (uint8_t i = 0; i < g_sim.num_members; i++) {
		good += g_sim.disks[i].recorded && is_good(&g_sim.disks[i]);
	}
	for (uint8_t i = 0; i < g_sim.num_members; i++) {
		struct disk *disk = &g_sim.disks[i];

		was_good[i] = disk->recorded || is_good(disk);
		if (disk->recorded && is_good(disk) && good > least && one_in(4)) {
			/* It goes with the power. */
			good--;
			was_good[i] = false;
			disk->failing = true;
		} else {
			disk->failing = false;
		}
		if (!was_good[i] && member_of(disk) != NULL) {
			note_lost();
		}
	}
	g_sim.removed = true;
	g_sim.off = true;
	take_down();
	g_sim.off = false;
	check_journal_restore();
	for (uint64_t i = 0; i < g_sim.model.num_blocks; i++) {
		g_sim.model.blocks[i].busy = false;
	}
}

/* Good members come back in any order; so do others, at any time. */
static void
restart(const bool *was_good)
{
	uint8_t order[MAX_MEMBERS];

	g_sim.starting = true;
	for (uint8_t i = 0; i < g_sim.num_members; i++) {
		uint8_t j = (uint8_t)draw(i + 1);

		order[i] = order[j];
		order[j] = i;
	}
	for (uint8_t i = 0; i < g_sim.num_members; i++) {
		struct disk *disk = &g_sim.disks[order[i]];

		if (was_good[order[i]]) {
			add_disk(disk);
		} else if (disk->failing) {
			g_seen.lost_with_power++;
		} else if (one_in(2)) {
			g_seen.stale++;
			add_disk(disk);
		}
		for (uint64_t count = draw(40); count > 0 && bdk_sim_step(); count--) {
		}
	}
	g_sim.starting = false;
	wait_online();
	note_recorded();
	g_seen.degraded_starts += count_good() < g_sim.num_members;
	describe_array();
	open_user();
	read_all(true);
}

/* ---- Seeds ---- */

static void
draw_form(void)
{
	const struct level *level = g_sim.level;

	g_sim.block_size = one_in(3) ? 4096 : 512;
	g_sim.num_members = level->min_members + (uint8_t)draw(level->max_members - level->min_members + 1);
	g_sim.redundancy = level->redundancy == ALL_BUT_ONE ? g_sim.num_members - 1 : level->redundancy;
	g_sim.strip_kb = level->has_strips ? (g_sim.block_size == 4096 ? 16 : 4) << draw(3) : 0;
	g_sim.write_cache = !one_in(3);
	/* All that comes before the data, and some. */
	g_sim.disk_blocks = (1024 * 1024 + 384 * 1024) / g_sim.block_size + draw(32);
	if (level->has_strips) {
		g_sim.disk_blocks += raid_journal_choose_size(
			(uint64_t)g_sim.strip_kb * 1024 / g_sim.block_size, g_sim.block_size, g_sim.num_members);
	}
	g_sim.growth_left = MAX_GROWTH;
	/* What is done in the background takes a while, and says often how far it has come. */
	g_raid_process_options = (struct raid_process_options){
		.window_size_kb = 16 << draw(3), .max_bandwidth_mb_sec = one_in(4) ? 0 : 1};
	g_raid_process_record_ms = one_in(2) ? 10000 : 20;
}

static void
make_array(void)
{
	char params[1024];
	size_t length;

	for (uint8_t i = 0; i < g_sim.num_members; i++) {
		make_disk(&g_sim.disks[i]);
	}
	length = (size_t)snprintf(params, sizeof(params),
		"{\"name\": \"array\", \"raid_level\": \"%s\", \"superblock\": true, \"consistency_policy\": \"%s\", "
		"\"base_bdevs\": [",
		g_sim.level->raid_level, g_sim.level->policy);
	for (uint8_t i = 0; i < g_sim.num_members; i++) {
		length += (size_t)snprintf(
			params + length, sizeof(params) - length, "%s\"%s\"", i > 0 ? ", " : "", g_sim.disks[i].name);
	}
	length += (size_t)snprintf(params + length, sizeof(params) - length, "]");
	if (g_sim.strip_kb > 0) {
		length += (size_t)snprintf(
			params + length, sizeof(params) - length, ", \"strip_size_kb\": %u", g_sim.strip_kb);
	}
	snprintf(params + length, sizeof(params) - length, "}");
	if (call("bdev_raid_create", params).code != 0) {
		violated("the array cannot be made");
	}
	wait_online();
	note_recorded();
}

static void
start_model(void)
{
	uint64_t num_blocks = spdk_bdev_get_num_blocks(spdk_bdev_get_by_name("array"));

	uint64_t room = num_blocks + MAX_GROWTH * (uint64_t)g_sim.num_members;

	model_init(&g_sim.model, num_blocks, room, g_sim.block_size, spdk_bdev_has_write_cache(&array()->bdev));
	for (int i = 0; i < NUM_JOBS; i++) {
		g_sim.jobs[i].buf = spdk_dma_malloc((size_t)MAX_JOB_BLOCKS * g_sim.block_size, 4096, NULL);
		g_sim.jobs[i].durable = calloc(room, sizeof(uint32_t));
	}
}

static void
stop_model(void)
{
	for (int i = 0; i < NUM_JOBS; i++) {
		spdk_dma_free(g_sim.jobs[i].buf);
		free(g_sim.jobs[i].durable);
	}
	model_fini(&g_sim.model);
}

static void
run_seed(uint64_t seed)
{
	bool was_good[MAX_MEMBERS];
	uint64_t rounds;

	g_sim.seed = seed;
	g_sim.num_disks_made = 0;
	g_sim.some_failed = false;
	memset(g_sim.disks, 0, sizeof(g_sim.disks));
	bdev_sim_start(seed, NUM_THREADS);
	spdk_rpc_set_state(SPDK_RPC_RUNTIME);
	draw_form();
	make_array();
	start_model();
	open_user();
	rounds = 1 + draw(3);
	for (uint64_t i = 0; i < rounds; i++) {
		run_load(20 + draw(100), one_in(3) ? 0 : 10 + draw(40));
		cut_power(was_good);
		restart(was_good);
		if (one_in(2)) {
			settle();
		}
	}
	settle();
	take_down();
	stop_model();
	bdev_sim_stop();
	g_seen.seeds++;
}

static const struct level *
find_level(const char *name)
{
	for (size_t i = 0; i < SPDK_COUNTOF(g_levels); i++) {
		if (strcmp(g_levels[i].name, name) == 0) {
			return &g_levels[i];
		}
	}
	fprintf(stderr, "no level is called %s\n", name);
	exit(2);
}

/* scripts/run_crashes.py adds these up. */
static void
report(void)
{
	const struct {
		uint64_t count;
		const char *what;
	} lines[] = {
		{g_seen.cuts, "power cuts"},
		{g_seen.cuts_degraded, "of them degraded"},
		{g_seen.cuts_in[RAID_PROCESS_REBUILD], "in a rebuild"},
		{g_seen.cuts_in[RAID_PROCESS_RESYNC], "in a resync"},
		{g_seen.cuts_in[RAID_PROCESS_SCRUB], "in a scrub"},
		{g_seen.cuts_growing, "while growing"},
		{g_seen.losses, "members lost"},
		{g_seen.failures, "failed"},
		{g_seen.lost_with_power, "lost with the power"},
		{g_seen.returns, "returned"},
		{g_seen.replacements, "replaced"},
		{g_seen.stale, "stale"},
		{g_seen.degraded_starts, "degraded starts"},
		{g_seen.grown, "times grown"},
		{g_seen.scrubs, "scrubs"},
		{g_seen.writes, "writes"},
		{g_seen.flushes, "flushes"},
		{g_seen.reads, "reads"},
		{g_seen.checked_blocks, "blocks checked"},
		{g_seen.ordered, "times before a write what has to be durable was"},
	};

	printf("%s: %" PRIu64 " seeds, 0 violations", g_sim.level->name, g_seen.seeds);
	for (size_t i = 0; i < SPDK_COUNTOF(lines); i++) {
		printf(", %" PRIu64 " %s", lines[i].count, lines[i].what);
	}
	printf("\n");
}

int
main(int argc, char **argv)
{
	uint64_t first, count;

	if (argc < 2) {
		fprintf(stderr, "usage: raid_crash LEVEL [SEED [COUNT]]\n");
		return 2;
	}
	g_program = argv[0];
	g_sim.level = find_level(argv[1]);
	g_sim.trace = getenv("RAID_CRASH_TRACE") != NULL;
	first = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	count = argc > 3 ? strtoull(argv[3], NULL, 10) : 100;
	spdk_log_set_print_level(g_sim.trace ? SPDK_LOG_NOTICE : SPDK_LOG_DISABLED);
	/* Disks are large and hold little: their memory is to come from the kernel, which has zeroes. */
	mallopt(M_MMAP_THRESHOLD, 256 * 1024);
	check_journal_register(draw);
	check_journal_observe(observe_write);
	/* So that it is often full, and disks are small. */
	g_raid_journal_max_slots = 8;
	bdev_sim_examine_disks(true);
	for (uint64_t seed = first; seed < first + count; seed++) {
		run_seed(seed);
	}
	report();
	return 0;
}
