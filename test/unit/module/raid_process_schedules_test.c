/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What arrays do in the background under seeds: threads read and write without waiting for each other while members are
 * lost, replaced and rebuilt, scrubbed, and fail at any request. As long as enough of them are left no I/O fails and none
 * reads anything but what was written last; in the end all members agree.
 */

#include "raid_process_fixture.h"

#include "spdk/log.h"

#define MAX_JOBS 12
#define MAX_IO 24
#define MAX_ARRAY (DISK_BLOCKS * 4)
#define TURNS 250

static const struct {
	const char *name;
	int num_disks;
	int redundancy;
} g_levels[] = {{"raid1", 2, 1}, {"raid1", 3, 2}, {"raid5", 4, 1}, {"raid6", 5, 2}, {"raid1", 4, 3}};

struct job {
	bool busy;
	struct one_io one;
	uint32_t version;
	uint8_t buf[MAX_IO * BLOCK];
};

static struct job g_jobs[MAX_JOBS];
static uint32_t g_versions[MAX_ARRAY];
/* In use by a job that writes: 1000; or by so many that read. */
static uint32_t g_users[MAX_ARRAY];
static uint32_t g_next_version;
static uint64_t g_seed;
/* Disks that fail, or have failed. */
static bool g_fails[MAX_DISKS];
static int g_level;
static uint64_t g_ended, g_dropped, g_read_errors, g_write_errors, g_scrubs;

static bool
one_in(uint32_t n)
{
	return bdk_sim_random(n) == 0;
}

static void
use(const struct job *job, int32_t sign)
{
	for (uint64_t block = job->one.block; block < job->one.block + job->one.num_blocks; block++) {
		g_users[block] += sign * (job->one.type == SPDK_BDEV_IO_TYPE_READ ? 1 : 1000);
	}
}

static bool
may_use(const struct job *job)
{
	for (uint64_t block = job->one.block; block < job->one.block + job->one.num_blocks; block++) {
		if (g_users[block] >= (job->one.type == SPDK_BDEV_IO_TYPE_READ ? 1000u : 1u)) {
			return false;
		}
	}
	return true;
}

static void
job_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *arg)
{
	struct job *job = arg;
	uint8_t wanted[BLOCK];

	spdk_bdev_free_io(bdev_io);
	if (!success) {
		fail_msg("seed %" PRIu64 ": an I/O of type %d at %" PRIu64 " fails", g_seed, job->one.type,
			job->one.block);
	}
	for (uint64_t i = 0; i < job->one.num_blocks; i++) {
		uint64_t block = job->one.block + i;

		if (job->one.type == SPDK_BDEV_IO_TYPE_WRITE) {
			g_versions[block] = job->version;
			continue;
		}
		fill(wanted, block, 1, g_versions[block]);
		if (memcmp(job->buf + i * BLOCK, wanted, BLOCK) != 0) {
			fail_msg("seed %" PRIu64 ": block %" PRIu64 " is not what was written", g_seed, block);
		}
	}
	use(job, -1);
	job->busy = false;
	g_ended++;
}

static void
begin_job(struct job *job)
{
	struct spdk_io_channel *ch;
	int rc;

	job->one.type = one_in(2) ? SPDK_BDEV_IO_TYPE_READ : SPDK_BDEV_IO_TYPE_WRITE;
	job->one.num_blocks = 1 + (uint32_t)bdk_sim_random(MAX_IO);
	job->one.block = bdk_sim_random(g_raid->bdev.blockcnt - job->one.num_blocks + 1);
	job->one.io.thread = (uint32_t)bdk_sim_random(NUM_THREADS);
	if (!may_use(job)) {
		return;
	}
	job->busy = true;
	job->version = ++g_next_version;
	use(job, 1);
	ch = g_user.ch[job->one.io.thread];
	if (job->one.type == SPDK_BDEV_IO_TYPE_WRITE) {
		fill(job->buf, job->one.block, job->one.num_blocks, job->version);
		ON(job->one.io.thread,
			rc = spdk_bdev_write_blocks(
				g_user.desc, ch, job->buf, job->one.block, job->one.num_blocks, job_done_cb, job));
	} else {
		ON(job->one.io.thread,
			rc = spdk_bdev_read_blocks(
				g_user.desc, ch, job->buf, job->one.block, job->one.num_blocks, job_done_cb, job));
	}
	assert_int_equal(rc, 0);
}

/* ---- What happens to members ---- */

static bool
is_member(int disk)
{
	for (int slot = 0; slot < g_raid->num_members; slot++) {
		if (g_raid->members[slot].bdev == &g_disks[disk].bdev) {
			return true;
		}
	}
	return false;
}

static int
disk_of(int slot)
{
	int disk = 0;

	while (g_raid->members[slot].bdev != &g_disks[disk].bdev) {
		disk++;
	}
	return disk;
}

static bool
is_good(int slot)
{
	const struct raid_member *member = &g_raid->members[slot];

	return member->desc != NULL && !member->leaving && member->in_sync_until == UINT64_MAX;
}

/* Members that could leave now without loss, those that fail, or may be about to leave for it, counted as lost. */
static int
num_spare(void)
{
	int count = -(int)g_raid->min_operational;

	for (int slot = 0; slot < g_raid->num_members; slot++) {
		count += is_good(slot) && !g_fails[disk_of(slot)];
	}
	return count;
}

static void
break_member(int slot)
{
	uint64_t first = bdk_sim_random(DISK_BLOCKS);

	g_fails[disk_of(slot)] = true;
	g_faults[disk_of(slot)] = (struct fault){
		.first = first,
		.end = first + 1 + bdk_sim_random(64),
		.count = (uint32_t)bdk_sim_random(4),
		.mended_by_write = one_in(2),
	};
	if (one_in(2)) {
		g_faults[disk_of(slot)].reads = true;
		g_read_errors++;
	} else {
		g_faults[disk_of(slot)].writes = true;
		g_write_errors++;
	}
}

/* Another disk for a slot that has none. One that was a member is taken out of the house first. */
static void
fill_slot(void)
{
	int disk = 0;

	while (is_member(disk)) {
		disk++;
	}
	if (g_disks[disk].data != NULL && !g_disks[disk].destructed) {
		mem_disk_remove(&g_disks[disk]);
	}
	add_disk(disk);
	scribble(disk);
	g_fails[disk] = false;
	g_disks[disk].mode = MEM_DISK_RANDOM;
	if (one_in(4)) {
		g_faults[disk] = (struct fault){.writes = true, .first = bdk_sim_random(DISK_BLOCKS)};
		g_faults[disk].end = g_faults[disk].first + 1;
		g_fails[disk] = true;
	}
	g_rc = 1;
	ON(0, raid_add_bdev(g_raid, g_disks[disk].name, false, done_cb, NULL));
}

static void
disturb(void)
{
	int slot = (int)bdk_sim_random(g_raid->num_members);
	struct raid_member *member = &g_raid->members[slot];

	if (member->desc == NULL && member->name == NULL) {
		/* One at a time is looked at whether it may be a member. */
		if (g_rc != 1) {
			fill_slot();
		}
	} else if (member->desc != NULL && !member->leaving && member->in_sync_until != UINT64_MAX) {
		if (one_in(4)) {
			g_dropped++;
			leave(slot);
		}
	} else if (member->desc != NULL && !member->leaving && g_fails[disk_of(slot)]) {
		if (one_in(4)) {
			leave(slot);
		}
	} else if (member->desc != NULL && num_spare() > 0) {
		if (one_in(3)) {
			break_member(slot);
		} else {
			leave(slot);
		}
	} else if (one_in(3)) {
		ON(0,
			g_scrubs +=
			raid_process_start_scrub(g_raid, one_in(2) ? RAID_SCRUB_CHECK : RAID_SCRUB_REPAIR) == 0);
	}
}

/* ---- Schedules ---- */

static void
release_all(uint32_t count)
{
	for (int i = 0; i < MAX_DISKS; i++) {
		if (g_disks[i].data != NULL && !g_disks[i].destructed) {
			mem_disk_release(&g_disks[i], count);
		}
	}
}

static bool
is_busy(void)
{
	bool busy = g_raid->process != NULL || g_rc == 1;

	for (int i = 0; i < MAX_JOBS; i++) {
		busy = busy || g_jobs[i].busy;
	}
	for (int slot = 0; slot < g_raid->num_members; slot++) {
		busy = busy || g_raid->members[slot].leaving;
	}
	return busy;
}

static void
settle(void)
{
	for (int i = 0; i < 20000 && is_busy(); i++) {
		bdk_sim_run_for(500);
		release_all(4);
	}
	if (is_busy()) {
		fail_msg("seed %" PRIu64 ": something hangs", g_seed);
	}
}

/* Every slot gets a disk without faults, until all of them are good. */
static void
make_whole(void)
{
	for (int turn = 0; turn < 100; turn++) {
		bool whole = true;

		memset(g_faults, 0, sizeof(g_faults));
		settle();
		for (int slot = 0; slot < g_raid->num_members; slot++) {
			if (g_raid->members[slot].desc == NULL) {
				whole = false;
				fill_slot();
				memset(g_faults, 0, sizeof(g_faults));
				settle();
			}
		}
		if (whole) {
			break;
		}
	}
	for (int slot = 0; slot < g_raid->num_members; slot++) {
		if (!is_good(slot)) {
			fail_msg("seed %" PRIu64 ": slot %d is not whole again", g_seed, slot);
		}
	}
}

static void
take_turn(void)
{
	struct job *job = &g_jobs[bdk_sim_random(MAX_JOBS)];

	if (!job->busy) {
		begin_job(job);
	}
	if (one_in(8)) {
		disturb();
	}
	if (one_in(3)) {
		release_all((uint32_t)bdk_sim_random(4));
	}
	bdk_sim_run_for(bdk_sim_random(60));
}

static void
run_schedule(uint64_t seed)
{
	g_seed = seed;
	g_level = (int)(seed % SPDK_COUNTOF(g_levels));
	memset(g_versions, 0, sizeof(g_versions));
	memset(g_users, 0, sizeof(g_users));
	memset(g_jobs, 0, sizeof(g_jobs));
	memset(g_fails, 0, sizeof(g_fails));
	g_next_version = 0;
	start(seed, g_levels[g_level].name, g_levels[g_level].num_disks);
	wait_for_process();
	g_raid_process_options.max_bandwidth_mb_sec = one_in(2) ? 0 : 1 + (uint32_t)bdk_sim_random(50);
	for (int slot = 0; slot < g_raid->num_members; slot++) {
		g_disks[slot].mode = MEM_DISK_RANDOM;
	}
	for (int i = 0; i < TURNS; i++) {
		take_turn();
	}
	make_whole();
	for (int i = 0; i < MAX_DISKS; i++) {
		g_disks[i].mode = MEM_DISK_MESSAGE;
	}
	if (scrub(RAID_SCRUB_CHECK) != 0) {
		fail_msg("seed %" PRIu64 ": members do not agree", g_seed);
	}
	/* What is said to be redundant is. */
	for (int i = 0, first = (int)bdk_sim_random(g_raid->num_members); i < g_levels[g_level].redundancy; i++) {
		leave((first + i) % g_raid->num_members);
		bdk_sim_run_for(10000);
	}
	for (uint64_t block = 0; block < g_raid->bdev.blockcnt; block += 8) {
		uint8_t buf[8 * BLOCK], wanted[8 * BLOCK];

		assert_true(do_io(SPDK_BDEV_IO_TYPE_READ, buf, block, 8));
		for (int i = 0; i < 8; i++) {
			fill(wanted + i * BLOCK, block + i, 1, g_versions[block + i]);
		}
		if (memcmp(buf, wanted, sizeof(buf)) != 0) {
			fail_msg("seed %" PRIu64 ": something near block %" PRIu64 " is lost", g_seed, block);
		}
	}
	stop();
}

static uint64_t
get_number(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

static void
test_schedules(void **state)
{
	uint64_t seed = get_number("RAID_SEED", 0), count = get_number("RAID_COUNT", 100);

	spdk_log_set_print_level(seed != 0 ? SPDK_LOG_NOTICE : SPDK_LOG_DISABLED);
	for (uint64_t i = 0; i < (seed != 0 ? 1 : count); i++) {
		run_schedule(seed != 0 ? seed : i + 1);
	}
	spdk_log_set_print_level(SPDK_LOG_NOTICE);
	printf("%" PRIu64 " schedules: %" PRIu64 " I/Os, %" PRIu64 " read errors, %" PRIu64 " write errors, %" PRIu64
	       " targets dropped, %" PRIu64 " scrubs\n",
		count, g_ended, g_read_errors, g_write_errors, g_dropped, g_scrubs);
	if (seed == 0) {
		/* They did what they are for. */
		assert_true(g_ended > 20 * count && g_read_errors > count / 4 && g_write_errors > count / 4 &&
			g_scrubs > count / 10);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_schedules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
