/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Changes that overlap, from several threads at once, on arrays whose members carry out in any order what they have: users get
 * what they deserve, which is one of what they have written, but all members must agree in the end. Some arrays lack a
 * member, some rebuild one meanwhile, and some are reset.
 *
 * RAID_SEED=n runs that schedule only, RAID_COUNT=n so many.
 */

#include "raid_process_fixture.h"

#include "spdk/log.h"

#define MAX_JOBS 16
#define MAX_IO 48
#define TURNS 200
/* Locks of rows have zones of 1 MiB at least; what is written lies around the end of the first one, if the disk has two. */
#define LARGE_DISK 4096
#define ZONE_BLOCKS 2048
#define AREA 40
#define MAX_VERSIONS 4096

static const struct {
	const char *name;
	int num_disks;
} g_levels[] = {{"raid1", 2}, {"raid1", 3}, {"raid5", 4}, {"raid1", 2}, {"raid6", 5}, {"raid5f", 4}};

struct job {
	bool busy;
	enum spdk_bdev_io_type type;
	uint32_t thread;
	uint64_t block;
	uint64_t num_blocks;
	uint32_t version;
	uint8_t buf[MAX_IO * BLOCK];
};

static struct job g_jobs[MAX_JOBS];
/* The number of the next one to begin; of each, the first that had not begun when it ended. */
static uint32_t g_next_version, g_ends[MAX_VERSIONS];
/* Of each block of the array, the last that has succeeded, and when the last one ended that makes zeroes. */
static uint32_t g_last[LARGE_DISK * 4], g_zero_ends[LARGE_DISK * 4];
static uint64_t g_seed, g_area, g_ended, g_overlaps, g_num_failed, g_resets_made, g_rebuilds;
static uint32_t g_num_resets;
static int g_num_disks;
static bool g_is_reset;

static bool
one_in(uint32_t n)
{
	return bdk_sim_random(n) == 0;
}

/* ---- Changes ---- */

static void
job_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *arg)
{
	struct job *job = arg;

	spdk_bdev_free_io(bdev_io);
	assert_true(job->busy);
	if (!success && !g_is_reset) {
		fail_msg("seed %" PRIu64 ": a change of type %d at %" PRIu64 " fails", g_seed, job->type, job->block);
	}
	job->busy = false;
	g_ended++;
	g_num_failed += !success;
	g_ends[job->version] = g_next_version;
	for (uint64_t block = job->block; block < job->block + job->num_blocks; block++) {
		if (job->type != SPDK_BDEV_IO_TYPE_WRITE) {
			g_zero_ends[block] = g_next_version;
		}
		/* Unmapping leaves zeroes, or what was there. */
		if (success && job->type != SPDK_BDEV_IO_TYPE_UNMAP && job->version > g_last[block]) {
			g_last[block] = job->version;
		}
	}
}

static void
choose(struct job *job)
{
	uint64_t unit = g_raid->bdev.split_on_write_unit ? g_raid->bdev.write_unit_size : 1;

	job->type = one_in(5) && spdk_bdev_io_type_supported(&g_raid->bdev, SPDK_BDEV_IO_TYPE_WRITE_ZEROES)
		? SPDK_BDEV_IO_TYPE_WRITE_ZEROES
		: SPDK_BDEV_IO_TYPE_WRITE;
	job->num_blocks = 1 + bdk_sim_random(one_in(3) ? AREA / 2 : 4);
	job->block = g_area + bdk_sim_random(AREA - job->num_blocks + 1);
	job->block -= job->block % unit;
	job->num_blocks = spdk_divide_round_up(job->num_blocks, unit) * unit;
	if (job->type != SPDK_BDEV_IO_TYPE_WRITE && one_in(4)) {
		/* More than a zone. */
		job->block = 0;
		job->num_blocks = g_raid->bdev.blockcnt;
	}
	if (job->type != SPDK_BDEV_IO_TYPE_WRITE && one_in(3)) {
		job->type = SPDK_BDEV_IO_TYPE_UNMAP;
	}
}

static void
count_overlaps(const struct job *job)
{
	for (int i = 0; i < MAX_JOBS; i++) {
		const struct job *other = &g_jobs[i];

		g_overlaps += other != job && other->busy && job->block < other->block + other->num_blocks &&
			other->block < job->block + job->num_blocks;
	}
}

static void
begin_job(struct job *job)
{
	struct spdk_io_channel *ch;
	int rc;

	choose(job);
	count_overlaps(job);
	job->busy = true;
	job->thread = (uint32_t)bdk_sim_random(NUM_THREADS);
	job->version = g_next_version++;
	assert_true(g_next_version < MAX_VERSIONS);
	ch = g_user.ch[job->thread];
	if (job->type == SPDK_BDEV_IO_TYPE_WRITE) {
		fill(job->buf, job->block, (uint32_t)job->num_blocks, job->version);
		ON(job->thread,
			rc = spdk_bdev_write_blocks(
				g_user.desc, ch, job->buf, job->block, job->num_blocks, job_done_cb, job));
	} else if (job->type == SPDK_BDEV_IO_TYPE_UNMAP) {
		ON(job->thread,
			rc = spdk_bdev_unmap_blocks(g_user.desc, ch, job->block, job->num_blocks, job_done_cb, job));
	} else {
		ON(job->thread,
			rc = spdk_bdev_write_zeroes_blocks(
				g_user.desc, ch, job->block, job->num_blocks, job_done_cb, job));
	}
	assert_int_equal(rc, 0);
}

static void
reset_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *arg)
{
	spdk_bdev_free_io(bdev_io);
	assert_true(success);
	g_num_resets--;
}

static void
reset(void)
{
	uint32_t thread = (uint32_t)bdk_sim_random(NUM_THREADS);

	g_num_resets++;
	g_resets_made++;
	ON(thread, assert_int_equal(spdk_bdev_reset(g_user.desc, g_user.ch[thread], reset_done_cb, NULL), 0));
}

/* ---- Disks ---- */

/* The oldest and the newest in any order: each order that two changes can have. */
static void
release_some(uint32_t count)
{
	for (int disk = 0; disk < g_num_disks; disk++) {
		for (uint32_t i = 0; i < count && g_disks[disk].num_held > 0 && one_in(2); i++) {
			if (one_in(2)) {
				mem_disk_release_newest(&g_disks[disk]);
			} else {
				mem_disk_release(&g_disks[disk], 1);
			}
		}
	}
}

static void
set_mode(enum mem_disk_mode mode)
{
	for (int disk = 0; disk < g_num_disks; disk++) {
		g_disks[disk].mode = mode;
	}
}

static bool
is_settled(void)
{
	bool busy = g_num_resets > 0;

	for (int i = 0; i < MAX_JOBS; i++) {
		busy = busy || g_jobs[i].busy;
	}
	return !busy;
}

static void
settle(void)
{
	for (int i = 0; i < 20000 && !is_settled(); i++) {
		bdk_sim_run_for(200);
		release_some(4);
	}
	if (!is_settled()) {
		fail_msg("seed %" PRIu64 ": something hangs", g_seed);
	}
	set_mode(MEM_DISK_MESSAGE);
	for (int i = 0; i < 100; i++) {
		bdk_sim_run_for(200);
		release_some(1000);
	}
}

/* Another disk in the place of one, which is rebuilt. */
static void
begin_rebuild(void)
{
	struct raid_member *member = &g_raid->members[0];

	for (int i = 0; i < 2000 && member->desc != NULL; i++) {
		bdk_sim_run_for(200);
		release_some(2);
	}
	assert_null(member->desc);
	add_disk(g_num_disks);
	g_disks[g_num_disks].mode = MEM_DISK_RANDOM;
	scribble(g_num_disks);
	g_rebuilds++;
	g_rc = 1;
	ON(0, raid_add_bdev(g_raid, g_disks[g_num_disks].name, false, done_cb, NULL));
	g_num_disks++;
	for (int i = 0; i < 2000 && g_rc == 1; i++) {
		bdk_sim_run_for(50);
		release_some(2);
	}
	assert_int_equal(g_rc, 0);
}

/* ---- What is in the end ---- */

/* One of those that nobody has followed who could know of it. */
static void
check_block(const uint8_t *data, uint64_t block)
{
	uint8_t wanted[BLOCK];
	uint64_t tag[2];

	memcpy(tag, data, sizeof(tag));
	if (tag[1] >= g_next_version) {
		fail_msg("seed %" PRIu64 ": block %" PRIu64 " holds what nobody has written", g_seed, block);
	}
	fill(wanted, block, 1, (uint32_t)tag[1]);
	if (memcmp(data, wanted, BLOCK) != 0) {
		fail_msg("seed %" PRIu64 ": block %" PRIu64 " is not whole", g_seed, block);
	}
	if (g_last[block] >= (tag[1] == 0 ? g_zero_ends[block] : g_ends[tag[1]]) && g_last[block] != tag[1] &&
		g_last[block] > 0) {
		fail_msg("seed %" PRIu64 ": block %" PRIu64 " holds what is older than what was written last", g_seed,
			block);
	}
}

static void
check_blocks(void)
{
	uint8_t buf[AREA * BLOCK];

	for (int turn = 0; turn < 3; turn++) {
		assert_true(do_io(SPDK_BDEV_IO_TYPE_READ, buf, g_area, AREA));
		for (uint64_t i = 0; i < AREA; i++) {
			check_block(buf + i * BLOCK, g_area + i);
		}
	}
}

static void
check_members(bool degraded)
{
	for (int slot = 0; slot < g_raid->num_members; slot++) {
		if ((g_raid->members[slot].desc == NULL) != (degraded && slot == 0)) {
			fail_msg("seed %" PRIu64 ": the member in slot %d has left, or should have", g_seed, slot);
		}
	}
	wait_for_process();
	if (strcmp(g_raid->ops->name, "raid1") == 0 || !degraded) {
		uint64_t mismatches = degraded && g_raid->num_members == 2 ? 0 : scrub(RAID_SCRUB_CHECK);

		if (mismatches > 0) {
			fail_msg("seed %" PRIu64 ": members do not agree in %" PRIu64 " blocks", g_seed, mismatches);
		}
	}
}

/* ---- Schedules ---- */

static void
start_array(void)
{
	int level = (int)(g_seed % SPDK_COUNTOF(g_levels));

	g_num_disks = g_levels[level].num_disks;
	g_more_io_types = 1 << SPDK_BDEV_IO_TYPE_WRITE_ZEROES;
	g_disk_blocks = g_seed % 5 == 0 ? LARGE_DISK : DISK_BLOCKS;
	g_area = g_disk_blocks == LARGE_DISK ? ZONE_BLOCKS - AREA / 2 : 0;
	start(g_seed, g_levels[level].name, g_num_disks);
	wait_for_process();
	set_mode(MEM_DISK_RANDOM);
}

static void
run_schedule(uint64_t seed)
{
	bool degraded, rebuilds;

	g_seed = seed;
	memset(g_last, 0, sizeof(g_last));
	memset(g_zero_ends, 0, sizeof(g_zero_ends));
	g_next_version = 1;
	start_array();
	degraded = seed % 4 == 1;
	rebuilds = seed % 4 == 2;
	g_is_reset = seed % 4 == 3;
	if (degraded || rebuilds) {
		leave(0);
	}
	for (int i = 0; i < TURNS; i++) {
		struct job *job = &g_jobs[bdk_sim_random(MAX_JOBS)];

		if (i == TURNS / 3 && rebuilds) {
			begin_rebuild();
		}
		if (g_is_reset && g_num_resets == 0 && one_in(30)) {
			reset();
		}
		if (!job->busy) {
			begin_job(job);
		}
		bdk_sim_run_for(bdk_sim_random(20));
		release_some(2);
	}
	settle();
	check_members(degraded);
	check_blocks();
	stop();
	g_disk_blocks = DISK_BLOCKS;
}

static uint64_t
get_number(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

static void
members_agree(void **state)
{
	uint64_t seed = get_number("RAID_SEED", 0), count = get_number("RAID_COUNT", 180);

	spdk_log_set_print_level(seed != 0 ? SPDK_LOG_NOTICE : SPDK_LOG_DISABLED);
	if (seed != 0) {
		run_schedule(seed);
		return;
	}
	for (uint64_t i = 1; i <= count; i++) {
		run_schedule(i);
	}
	spdk_log_set_print_level(SPDK_LOG_NOTICE);
	printf("%" PRIu64 " schedules: %" PRIu64 " changes, %" PRIu64 " pairs of them at once; %" PRIu64
	       " resets, %" PRIu64 " changes failed, %" PRIu64 " rebuilds\n",
		count, g_ended, g_overlaps, g_resets_made, g_num_failed, g_rebuilds);
	/* They did what they are for. */
	assert_true(g_ended > 25 * count && g_overlaps > 50 * count && g_resets_made > count / 4 &&
		g_rebuilds >= count / 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
