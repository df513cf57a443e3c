/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Arrays that grow with their members: what is on the members before users see it, parity of what nobody has written yet,
 * members that are lost, replaced and rebuilt meanwhile, and the power that goes at any moment. What members hold where they
 * grow is garbage.
 */

#include "raid_process_fixture.h"

#include "module/bdev/raid/raid_bitmap_internal.h"
#include "module/bdev/raid/raid_journal.h"
#include "module/bdev/raid/raid_superblock.h"
#include "spdk/log.h"

#define STRIP_BLOCKS (STRIP_KB * 1024 / BLOCK)
/* Of the disks, and as much as one may become. */
#define FIRST_BLOCKS 3000
#define MAX_BLOCKS 4608

static uint64_t g_seed;
static uint64_t g_first_blocks = FIRST_BLOCKS, g_max_blocks = MAX_BLOCKS;
/* Where their data like to begin; such disks hold zeroes, as they are large. */
static uint32_t g_boundary;
static int g_num_disks;

/* ---- Disks and arrays ---- */

static void
resize(int disk, uint64_t num_blocks)
{
	ON(0, assert_int_equal(spdk_bdev_notify_blockcnt_change(&g_disks[disk].bdev, num_blocks), 0));
}

static void
resize_all(uint64_t num_blocks)
{
	for (int i = 0; i < MAX_DISKS; i++) {
		if (g_disks[i].data != NULL) {
			resize(i, num_blocks);
		}
	}
	bdk_sim_run_for(1000);
}

/* Rows of the data of members that the superblocks of all of them tell of. */
static uint64_t
recorded_rows(void)
{
	uint64_t rows = UINT64_MAX;

	for (int slot = 0; slot < g_raid->num_members; slot++) {
		const struct raid_member *member = &g_raid->members[slot];
		struct raid_super super;
		const char *why;

		if (member->desc == NULL || member->leaving || member->in_sync_until != UINT64_MAX) {
			continue;
		}
		assert_int_equal(raid_super_parse(((struct mem_disk *)member->bdev->ctxt)->data, RAID_SUPER_SIZE,
					 &(struct spdk_uuid){}, &super, &why),
			RAID_SUPER_GOOD);
		rows = spdk_min(rows, super.num_blocks / g_raid->min_operational);
	}
	return rows;
}

/* Nothing is written that would not be there after a crash. */
static void
observe_growth(struct mem_disk *disk, struct spdk_bdev_io *bdev_io, bool enters)
{
	observe(disk, bdev_io, enters);
	if (enters && bdev_io->type == SPDK_BDEV_IO_TYPE_WRITE && g_raid != NULL && g_raid->superblock != NULL &&
		g_raid->state == RAID_ONLINE && g_raid->ops != &g_concat_ops &&
		bdev_io->u.bdev.offset_blocks >= g_raid->members[0].data_offset) {
		assert_true(
			bdev_io->u.bdev.offset_blocks + bdev_io->u.bdev.num_blocks - g_raid->members[0].data_offset <=
			recorded_rows());
	}
}

/* Takes data for that of the disk, if it is not NULL. */
static void
add_large_disk(int i, uint64_t num_blocks, uint8_t *data)
{
	char name[16];

	snprintf(name, sizeof(name), "d%d", i);
	mem_disk_init(&g_disks[i], name, BLOCK, num_blocks);
	g_disks[i].mode = MEM_DISK_MESSAGE;
	g_disks[i].observe = observe_growth;
	g_faults[i] = (struct fault){};
	g_disks[i].bdev.optimal_io_boundary = g_boundary;
	g_disks[i].data = data != NULL ? data : calloc(g_max_blocks, BLOCK);
	assert_non_null(g_disks[i].data);
	for (uint64_t at = RAID_SUPER_AREA_SIZE; data == NULL && g_boundary == 0 && at < MAX_BLOCKS * BLOCK; at += 8) {
		uint64_t r = bdk_sim_random(0);

		memcpy(g_disks[i].data + at, &r, sizeof(r));
	}
	mem_disk_add(&g_disks[i]);
}

static void
begin(const char *level, int num_disks, bool superblock, enum raid_policy policy)
{
	char names[MAX_DISKS][16], *members[MAX_DISKS];
	struct raid_opts opts = {.name = "raid",
		.members = members,
		.num_members = (size_t)num_disks,
		.superblock = superblock,
		.policy = policy,
		.ops = raid_level_by_name(level)};

	bdev_sim_start(++g_seed, NUM_THREADS);
	g_raid_process_options = (struct raid_process_options){.window_size_kb = WINDOW_KB};
	g_raid_journal_max_slots = 8;
	g_raid = NULL;
	g_num_disks = num_disks;
	opts.strip_size_kb = opts.ops->has_strips ? STRIP_KB : 0;
	for (int i = 0; i < num_disks; i++) {
		add_large_disk(i, g_first_blocks, NULL);
		snprintf(names[i], sizeof(names[i]), "d%d", i);
		members[i] = names[i];
	}
	g_rc = 1;
	ON(0, raid_create(&opts, done_cb, NULL));
	bdk_sim_run_for(10000);
	assert_int_equal(g_rc, 0);
	g_raid = raid_find("raid");
	mem_user_open_name(&g_user, "raid", NUM_THREADS, true);
	wait_for_process();
}

/* The array that disks of that size make. */
static uint64_t
array_size(uint64_t disk_blocks)
{
	uint64_t rows = disk_blocks - g_raid->members[0].data_offset;

	return (g_raid->ops->has_strips ? rows - rows % STRIP_BLOCKS : rows) * g_raid->min_operational;
}

static uint64_t
rows_of_array(void)
{
	return g_raid->bdev.blockcnt / g_raid->min_operational;
}

/* Takes all down, and up again with what the disks hold now, and with another size if it is not 0. */
static void
restart(uint64_t num_blocks, uint8_t **held, const uint64_t *sizes)
{
	struct raid_waiter waiter = {.cb = gone_cb};
	uint8_t *data[MAX_DISKS] = {};
	bool gone = false;

	waiter.arg = &gone;
	mem_user_close(&g_user);
	ON(0, raid_delete(g_raid, false, &waiter));
	for (int i = 0; i < 1000 && !gone; i++) {
		bdk_sim_run_for(10000);
	}
	assert_true(gone);
	g_raid = NULL;
	for (int i = 0; i < MAX_DISKS; i++) {
		if (g_disks[i].data == NULL) {
			continue;
		}
		data[i] = held != NULL ? held[i] : g_disks[i].data;
		if (held == NULL) {
			g_disks[i].data = NULL;
		}
		mem_disk_remove(&g_disks[i]);
	}
	for (int count = MAX_DISKS, first = (int)bdk_sim_random(MAX_DISKS); count > 0; count--, first++) {
		int i = first % MAX_DISKS;

		if (data[i] != NULL) {
			add_large_disk(i, num_blocks != 0 ? num_blocks : sizes[i], data[i]);
			bdk_sim_run_for(1000);
		}
	}
	g_raid = raid_find("raid");
	assert_non_null(g_raid);
	for (int i = 0; i < 100 && g_raid->state != RAID_ONLINE; i++) {
		run_for_s(1);
	}
	assert_int_equal(g_raid->state, RAID_ONLINE);
	mem_user_open_name(&g_user, "raid", NUM_THREADS, true);
}

/* Members agree everywhere; otherwise where something was written. */
static bool
agrees_as_a_whole(void)
{
	return g_raid->ops->has_parity && (g_raid->superblock != NULL || !g_raid->ops->writes_stripes);
}

/* ---- One after the other ---- */

static void
test_all_have_to_grow(void **state)
{
	static const char *const levels[] = {"raid0", "raid1", "raid5f", "raid5", "raid6"};

	for (size_t i = 0; i < 2 * SPDK_COUNTOF(levels); i++) {
		begin(levels[i / 2], 4, i % 2, RAID_NUM_POLICIES);
		assert_int_equal(g_raid->bdev.blockcnt, array_size(FIRST_BLOCKS));
		for (int disk = 0; disk < 4; disk++) {
			resize(disk, FIRST_BLOCKS + 100);
			bdk_sim_run_for(10000);
			assert_int_equal(g_raid->bdev.blockcnt, array_size(FIRST_BLOCKS + (disk < 3 ? 0 : 100)));
		}
		wait_for_process();
		assert_int_equal(g_raid->bdev.blockcnt, array_size(FIRST_BLOCKS + 100));
		if (agrees_as_a_whole()) {
			assert_int_equal(scrub(RAID_SCRUB_CHECK), 0);
		}
		stop();
	}
}

/* What is written to new space survives a member before a resync has come by; and it does. */
static void
test_parity_of_what_is_new(void **state)
{
	static const char *const levels[] = {"raid5", "raid6"};
	uint8_t buf[STRIP_BLOCKS * BLOCK], wanted[STRIP_BLOCKS * BLOCK];

	for (size_t i = 0; i < 2 * SPDK_COUNTOF(levels); i++) {
		uint64_t old_size, old_rows;

		begin(levels[i / 2], 5, i % 2, RAID_NUM_POLICIES);
		g_raid_process_options.max_bandwidth_mb_sec = 1;
		old_size = g_raid->bdev.blockcnt;
		old_rows = rows_of_array();
		resize_all(FIRST_BLOCKS + 512);
		assert_int_equal(g_raid->bdev.blockcnt, array_size(FIRST_BLOCKS + 512));
		assert_true(g_raid->agrees_until <= old_rows + WINDOW_KB * 1024 / BLOCK * RAID_PROCESS_WINDOWS);
		assert_non_null(g_raid->process);
		/* The last blocks, which it reaches last. */
		fill(wanted, 7, STRIP_BLOCKS, 1);
		for (int strip = 1; strip <= 3; strip++) {
			assert_true(do_io(SPDK_BDEV_IO_TYPE_WRITE, wanted,
				g_raid->bdev.blockcnt - (uint64_t)strip * STRIP_BLOCKS, strip == 2 ? 1 : 5));
		}
		assert_true(g_raid->agrees_until < rows_of_array() - STRIP_BLOCKS);
		leave((int)(i % 5));
		bdk_sim_run_for(1000);
		for (int strip = 1; strip <= 3; strip++) {
			uint32_t num_blocks = strip == 2 ? 1 : 5;

			assert_true(do_io(SPDK_BDEV_IO_TYPE_READ, buf,
				g_raid->bdev.blockcnt - (uint64_t)strip * STRIP_BLOCKS, num_blocks));
			assert_memory_equal(buf, wanted, num_blocks * BLOCK);
		}
		g_raid_process_options.max_bandwidth_mb_sec = 0;
		wait_for_process();
		add_large_disk(5, FIRST_BLOCKS + 512, NULL);
		join(5);
		wait_for_process();
		assert_int_equal(scrub(RAID_SCRUB_CHECK), 0);
		assert_true(old_size < g_raid->bdev.blockcnt);
		stop();
	}
}

/* One that is missing has not grown; the one that takes its place may be large enough. */
static void
test_a_new_member_is_large_enough(void **state)
{
	begin("raid5", 3, true, RAID_NUM_POLICIES);
	leave(1);
	bdk_sim_run_for(10000);
	resize(0, FIRST_BLOCKS + 100);
	resize(2, FIRST_BLOCKS + 100);
	bdk_sim_run_for(10000);
	assert_int_equal(g_raid->bdev.blockcnt, array_size(FIRST_BLOCKS));
	add_large_disk(3, FIRST_BLOCKS + 200, NULL);
	join(3);
	wait_for_process();
	assert_int_equal(g_raid->bdev.blockcnt, array_size(FIRST_BLOCKS + 100));
	assert_int_equal(scrub(RAID_SCRUB_CHECK), 0);
	/* Smaller ones are no members any more, and one that shrinks takes nothing away. */
	leave(1);
	bdk_sim_run_for(10000);
	add_large_disk(4, FIRST_BLOCKS, NULL);
	ON(0, raid_add_bdev(g_raid, "d4", false, done_cb, NULL));
	bdk_sim_run_for(10000);
	assert_int_equal(g_rc, -EINVAL);
	stop();
}

static void
test_members_grow_while_it_is_away(void **state)
{
	static const char *const levels[] = {"raid1", "raid5f", "raid5", "raid6"};
	uint8_t buf[24 * BLOCK], wanted[24 * BLOCK];

	bdev_sim_examine_disks(true);
	for (size_t i = 0; i < SPDK_COUNTOF(levels); i++) {
		begin(levels[i], 4, true, RAID_NUM_POLICIES);
		fill(wanted, 3, 24, 1);
		assert_true(do_io(SPDK_BDEV_IO_TYPE_WRITE, wanted, 24, 24));
		restart(FIRST_BLOCKS + 300, NULL, NULL);
		bdk_sim_run_for(10000);
		assert_int_equal(g_raid->bdev.blockcnt, array_size(FIRST_BLOCKS + 300));
		wait_for_process();
		/* It stays so. */
		restart(FIRST_BLOCKS + 300, NULL, NULL);
		assert_int_equal(g_raid->bdev.blockcnt, array_size(FIRST_BLOCKS + 300));
		assert_true(do_io(SPDK_BDEV_IO_TYPE_READ, buf, 24, 24));
		assert_memory_equal(buf, wanted, sizeof(buf));
		wait_for_process();
		if (agrees_as_a_whole()) {
			assert_int_equal(scrub(RAID_SCRUB_CHECK), 0);
		}
		stop();
	}
	bdev_sim_examine_disks(false);
}

/* The numbers that users of the first implementation know: 64 MiB, then 100 MiB, with a boundary of 4 MiB. */
static void
test_known_sizes(void **state)
{
	static const struct {
		const char *level;
		uint64_t before;
		uint64_t after;
	} arrays[] = {{"raid1", 122880, 196608}, {"raid0", 245760, 393216}};

	bdev_sim_examine_disks(true);
	g_first_blocks = 131072;
	g_max_blocks = 204800;
	g_boundary = 8192;
	for (size_t i = 0; i < SPDK_COUNTOF(arrays); i++) {
		begin(arrays[i].level, 2, true, RAID_NUM_POLICIES);
		assert_int_equal(g_raid->members[0].data_offset, g_boundary);
		assert_int_equal(g_raid->bdev.blockcnt, arrays[i].before);
		resize(0, g_max_blocks);
		bdk_sim_run_for(10000);
		assert_int_equal(g_raid->bdev.blockcnt, arrays[i].before);
		resize(1, g_max_blocks);
		bdk_sim_run_for(10000);
		assert_int_equal(g_raid->bdev.blockcnt, arrays[i].after);
		restart(g_max_blocks, NULL, NULL);
		assert_int_equal(g_raid->bdev.blockcnt, arrays[i].after);
		assert_int_equal(g_raid->size, arrays[i].after);
		stop();
	}
	g_first_blocks = FIRST_BLOCKS;
	g_max_blocks = MAX_BLOCKS;
	g_boundary = 0;
	bdev_sim_examine_disks(false);
}

/* Only behind its last member there is room. */
static void
test_concat_grows_at_its_end(void **state)
{
	uint64_t size;
	uint8_t buf[BLOCK], wanted[BLOCK];

	begin("concat", 2, false, RAID_NUM_POLICIES);
	size = g_raid->bdev.blockcnt;
	fill(wanted, 3, 1, 1);
	assert_true(do_io(SPDK_BDEV_IO_TYPE_WRITE, wanted, size - 1, 1));
	resize(0, FIRST_BLOCKS + 100);
	bdk_sim_run_for(10000);
	assert_int_equal(g_raid->bdev.blockcnt, size);
	resize(1, FIRST_BLOCKS + 8 * STRIP_BLOCKS);
	bdk_sim_run_for(10000);
	assert_int_equal(g_raid->bdev.blockcnt, size + 8 * STRIP_BLOCKS);
	assert_true(do_io(SPDK_BDEV_IO_TYPE_READ, buf, size - 1, 1));
	assert_memory_equal(buf, wanted, BLOCK);
	assert_true(do_io(SPDK_BDEV_IO_TYPE_WRITE, wanted, g_raid->bdev.blockcnt - 1, 1));
	assert_memory_equal(g_disks[1].data + (FIRST_BLOCKS + 8 * STRIP_BLOCKS - 1) * BLOCK, wanted, BLOCK);
	assert_true(do_io(SPDK_BDEV_IO_TYPE_FLUSH, NULL, 0, (uint32_t)g_raid->bdev.blockcnt));
	stop();
}

/* ---- The bitmap ---- */

static bool
bit_is_set(int disk, uint64_t region)
{
	struct raid_bitmap_page page;

	assert_null(raid_bitmap_page_decode(g_disks[disk].data + RAID_BITMAP_OFFSET, BLOCK, &page));
	return page.bits[region / 8] & 1 << region % 8;
}

/* A part of the last region was there already, and agreed. */
static void
test_regions(void **state)
{
	uint64_t region, end;

	begin("raid5", 4, true, RAID_POLICY_BITMAP);
	run_for_s(10);
	region = rows_of_array() / g_raid->region_blocks;
	assert_true(rows_of_array() % g_raid->region_blocks != 0);
	for (uint64_t i = 0; i <= region; i++) {
		assert_false(bit_is_set(2, i));
	}
	g_raid_process_options.max_bandwidth_mb_sec = 1;
	resize_all(FIRST_BLOCKS + 300);
	end = SPDK_CEIL_DIV(rows_of_array(), g_raid->region_blocks);
	assert_true(end > region + 1);
	assert_false(bit_is_set(2, region - 1));
	for (uint64_t i = region; i < end; i++) {
		assert_true(bit_is_set(2, i));
	}
	wait_for_process();
	run_for_s(10);
	for (uint64_t i = 0; i < end; i++) {
		assert_false(bit_is_set(2, i));
	}
	stop();
}

/* There are no more regions: the last one gets larger. */
static void
test_last_region_has_all_that_is_left(void **state)
{
	uint64_t num_regions;

	begin("raid5", 4, true, RAID_POLICY_BITMAP);
	run_for_s(10);
	g_raid->bitmap->max_pages = 1;
	num_regions = UINT64_C(1) << g_raid->bitmap->page_shift;
	/* As if the array had been made with so small ones. */
	g_raid->bitmap->region_blocks = g_raid->region_blocks = 1;
	g_raid->bitmap->region_shift = 0;
	g_raid->bitmap->num_regions = (uint32_t)rows_of_array();
	resize_all(MAX_BLOCKS);
	assert_true(rows_of_array() > num_regions && g_raid->bitmap->num_regions == num_regions);
	wait_for_process();
	assert_int_equal(scrub(RAID_SCRUB_CHECK), 0);
	run_for_s(10);
	assert_int_equal(raid_bitmap_num_dirty(g_raid), 0);
	stop();
}

/* ---- A rebuild ends ---- */

/* Parity is not made without one that is about to count. */
static bool
has_target_that_counts_soon(void)
{
	for (int slot = 0; slot < g_raid->num_members; slot++) {
		const struct raid_member *member = &g_raid->members[slot];

		if (raid_process_is_target(member) && member->durable_until == UINT64_MAX) {
			return true;
		}
	}
	return false;
}

/* At any moment of a rebuild. */
static void
test_rebuild_ends_while_it_grows(void **state)
{
	bool rebuilt = false;

	for (uint32_t steps = 0; !rebuilt; steps++) {
		uint64_t rows;

		begin("raid5", 3, true, RAID_POLICY_RESYNC);
		rows = rows_of_array();
		leave(1);
		bdk_sim_run_for(10000);
		g_raid_process_options.window_size_kb = 1024;
		add_large_disk(3, FIRST_BLOCKS + 200, NULL);
		ON(0, raid_add_bdev(g_raid, "d3", false, done_cb, NULL));
		while (g_raid->process == NULL) {
			assert_true(bdk_sim_step());
		}
		for (uint32_t i = 0; i < steps; i++) {
			bdk_sim_step();
		}
		rebuilt = g_raid->process == NULL;
		resize(0, FIRST_BLOCKS + 200);
		resize(2, FIRST_BLOCKS + 200);
		while (rows_of_array() == rows) {
			assert_true(bdk_sim_step());
		}
		assert_false(has_target_that_counts_soon());
		wait_for_process();
		assert_int_equal(scrub(RAID_SCRUB_CHECK), 0);
		stop();
	}
}

/* ---- The power goes ---- */

/* What all disks hold now. */
static void
hold_data(uint8_t **held)
{
	for (int i = 0; i < MAX_DISKS; i++) {
		held[i] = NULL;
		if (g_disks[i].data != NULL) {
			held[i] = malloc(MAX_BLOCKS * BLOCK);
			memcpy(held[i], g_disks[i].data, MAX_BLOCKS * BLOCK);
		}
	}
}

/* Returns whether it had grown. */
static bool
cut_after(const char *level, enum raid_policy policy, uint32_t num_steps, bool *recorded)
{
	uint8_t *held[MAX_DISKS];
	uint64_t rows;
	bool grown;

	begin(level, 4, true, policy);
	rows = rows_of_array();
	for (int i = 0; i < 4; i++) {
		resize(i, FIRST_BLOCKS + 200);
	}
	for (uint32_t i = 0; i < num_steps; i++) {
		bdk_sim_step();
	}
	hold_data(held);
	grown = rows_of_array() > rows;
	*recorded = !grown && recorded_rows() > rows;
	restart(FIRST_BLOCKS + 200, held, NULL);
	if (grown || *recorded) {
		assert_int_equal(g_raid->bdev.blockcnt, array_size(FIRST_BLOCKS + 200));
	}
	wait_for_process();
	assert_int_equal(g_raid->bdev.blockcnt, array_size(FIRST_BLOCKS + 200));
	assert_int_equal(scrub(RAID_SCRUB_CHECK), 0);
	stop();
	return grown;
}

/* At any moment: what is new is made to agree. */
static void
test_power_goes_while_it_grows(void **state)
{
	static const struct {
		const char *level;
		enum raid_policy policy;
	} arrays[] = {{"raid5", RAID_POLICY_JOURNAL}, {"raid6", RAID_POLICY_BITMAP}, {"raid5", RAID_POLICY_RESYNC}};

	bdev_sim_examine_disks(true);
	for (size_t i = 0; i < SPDK_COUNTOF(arrays); i++) {
		bool grown = false, recorded, any_recorded = false;

		for (uint32_t steps = 0; !grown; steps += i == 0 ? 1 : 5) {
			grown = cut_after(arrays[i].level, arrays[i].policy, steps, &recorded);
			any_recorded = any_recorded || recorded;
			assert_true(steps < 10000);
		}
		assert_true(any_recorded || i > 0);
	}
	bdev_sim_examine_disks(false);
}

/* ---- Schedules ---- */

#define MAX_JOBS 8
#define MAX_IO 48
#define MAX_ARRAY (MAX_BLOCKS * 5)
#define TURNS 200
#define UNKNOWN UINT32_MAX

static const struct {
	const char *name;
	int num_disks;
	int redundancy;
} g_levels[] = {{"raid5", 4, 1}, {"raid6", 5, 2}, {"raid5f", 3, 1}, {"raid1", 3, 2}, {"raid5", 3, 1}, {"raid0", 2, 0},
	{"concat", 2, 0}};

struct job {
	bool busy;
	struct one_io one;
	uint32_t version;
	uint8_t *buf;
};

static struct job g_jobs[MAX_JOBS];
static uint32_t g_versions[MAX_ARRAY], g_cut_versions[MAX_ARRAY];
/* In use by a job that writes: 1000; or by so many that read. */
static uint32_t g_users[MAX_ARRAY];
static uint32_t g_next_version;
static int g_redundancy;
static uint64_t g_grown, g_cuts, g_grown_in_cut, g_replaced, g_ended, g_rebuilding_when_grown;

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
check_block(uint64_t block, const uint8_t *data, const uint32_t *versions)
{
	uint8_t wanted[BLOCK];

	if (versions[block] == UNKNOWN) {
		return;
	}
	fill(wanted, block, 1, versions[block]);
	if (memcmp(data, wanted, BLOCK) != 0) {
		fail_msg("seed %" PRIu64 ": block %" PRIu64 " of %" PRIu64 " is not what was written", g_seed, block,
			g_raid->bdev.blockcnt);
	}
}

static void
job_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *arg)
{
	struct job *job = arg;

	spdk_bdev_free_io(bdev_io);
	if (!success) {
		fail_msg("seed %" PRIu64 ": an I/O of type %d at %" PRIu64 " fails", g_seed, job->one.type,
			job->one.block);
	}
	for (uint64_t i = 0; i < job->one.num_blocks; i++) {
		if (job->one.type == SPDK_BDEV_IO_TYPE_WRITE) {
			g_versions[job->one.block + i] = job->version;
		} else {
			check_block(job->one.block + i, job->buf + i * BLOCK, g_versions);
		}
	}
	use(job, -1);
	job->busy = false;
	g_ended++;
}

static void
begin_job(struct job *job)
{
	uint64_t unit = g_raid->bdev.write_unit_size > 1 ? g_raid->bdev.write_unit_size : 1;
	uint64_t size = g_raid->bdev.blockcnt;
	struct spdk_io_channel *ch;
	int rc;

	job->one.type = one_in(3) ? SPDK_BDEV_IO_TYPE_READ : SPDK_BDEV_IO_TYPE_WRITE;
	job->one.num_blocks = (uint32_t)((1 + bdk_sim_random(MAX_IO / unit)) * unit);
	/* Mostly where it grows. */
	job->one.block =
		one_in(2) ? bdk_sim_random(size / unit) * unit : size - (1 + bdk_sim_random(600 / unit)) * unit;
	if (job->one.block + job->one.num_blocks > size) {
		job->one.num_blocks = (uint32_t)(size - job->one.block);
	}
	job->one.io.thread = (uint32_t)bdk_sim_random(NUM_THREADS);
	if (!may_use(job)) {
		return;
	}
	job->busy = true;
	job->version = ++g_next_version;
	use(job, 1);
	ch = g_user.ch[job->one.io.thread];
	if (job->one.type == SPDK_BDEV_IO_TYPE_WRITE) {
		for (uint32_t i = 0; i < job->one.num_blocks; i++) {
			fill(job->buf + i * BLOCK, job->one.block + i, 1, job->version);
		}
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
num_spare(void)
{
	int count = g_redundancy - g_raid->num_members;

	for (int slot = 0; slot < g_raid->num_members; slot++) {
		const struct raid_member *member = &g_raid->members[slot];

		count += member->desc != NULL && !member->leaving && member->in_sync_until == UINT64_MAX;
	}
	return count;
}

static uint64_t
smallest_disk(void)
{
	uint64_t size = UINT64_MAX;

	for (int i = 0; i < MAX_DISKS; i++) {
		size = g_disks[i].data != NULL && is_member(i) ? spdk_min(size, g_disks[i].bdev.blockcnt) : size;
	}
	return size;
}

static void
fill_slot(void)
{
	int disk = 0;

	while (is_member(disk)) {
		disk++;
	}
	if (g_disks[disk].data != NULL) {
		mem_disk_remove(&g_disks[disk]);
	}
	/* It may be the smallest, but the array has room on it. */
	add_large_disk(disk, smallest_disk() + (one_in(2) ? 0 : bdk_sim_random(64)), NULL);
	g_disks[disk].mode = MEM_DISK_RANDOM;
	g_replaced++;
	g_rc = 1;
	ON(0, raid_add_bdev(g_raid, g_disks[disk].name, false, done_cb, NULL));
}

static void
grow_disk(void)
{
	int disk = (int)bdk_sim_random(MAX_DISKS);
	bool all = one_in(2);
	uint64_t by = 1 + bdk_sim_random(one_in(2) ? 8 : 200);

	for (int i = 0; i < MAX_DISKS; i++) {
		if (g_disks[i].data != NULL && (all || i == disk) && g_disks[i].bdev.blockcnt + by <= MAX_BLOCKS) {
			resize(i, g_disks[i].bdev.blockcnt + by);
		}
	}
}

static void
disturb(void)
{
	int slot = (int)bdk_sim_random(g_raid->num_members);
	struct raid_member *member = &g_raid->members[slot];

	if (one_in(2)) {
		grow_disk();
	} else if (member->desc == NULL && member->name == NULL && g_rc != 1) {
		fill_slot();
	} else if (member->desc != NULL && !member->leaving &&
		(member->in_sync_until != UINT64_MAX ? one_in(4) : num_spare() > 0)) {
		leave(slot);
	}
}

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
	bool busy = g_raid->process != NULL || g_rc == 1 || g_raid->grow_size != 0;

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

static void
set_mode(enum mem_disk_mode mode)
{
	for (int i = 0; i < MAX_DISKS; i++) {
		g_disks[i].mode = mode;
	}
}

/* The power goes now; what is on the disks is what they hold. */
static void
cut_power(void)
{
	uint8_t *held[MAX_DISKS];
	uint64_t sizes[MAX_DISKS], offered = g_raid->bdev.blockcnt;

	g_cuts++;
	g_grown_in_cut += g_raid->grow_size != 0;
	hold_data(held);
	for (int i = 0; i < MAX_DISKS; i++) {
		sizes[i] = g_disks[i].bdev.blockcnt;
	}
	memcpy(g_cut_versions, g_versions, sizeof(g_versions));
	for (int i = 0; i < MAX_JOBS; i++) {
		for (uint64_t k = 0;
			g_jobs[i].busy && g_jobs[i].one.type == SPDK_BDEV_IO_TYPE_WRITE && k < g_jobs[i].one.num_blocks;
			k++) {
			g_cut_versions[g_jobs[i].one.block + k] = UNKNOWN;
		}
	}
	set_mode(MEM_DISK_MESSAGE);
	settle();
	restart(0, held, sizes);
	memcpy(g_versions, g_cut_versions, sizeof(g_versions));
	if (g_raid->bdev.blockcnt < offered) {
		fail_msg("seed %" PRIu64 ": the array is smaller than it was", g_seed);
	}
	set_mode(MEM_DISK_RANDOM);
}

static void
read_all(void)
{
	uint8_t buf[8 * BLOCK];

	for (uint64_t block = 0; block < g_raid->bdev.blockcnt; block += 8) {
		uint32_t count = (uint32_t)spdk_min(8, g_raid->bdev.blockcnt - block);

		assert_true(do_io(SPDK_BDEV_IO_TYPE_READ, buf, block, count));
		for (uint32_t i = 0; i < count; i++) {
			check_block(block + i, buf + i * BLOCK, g_versions);
		}
	}
}

static void
make_whole(void)
{
	for (int turn = 0; turn < 100; turn++) {
		bool whole = true;

		settle();
		for (int slot = 0; slot < g_raid->num_members; slot++) {
			if (g_raid->members[slot].desc == NULL) {
				whole = false;
				fill_slot();
				settle();
			}
		}
		if (whole) {
			return;
		}
	}
	fail_msg("seed %" PRIu64 ": it is not whole again", g_seed);
}

static void
take_turn(bool may_cut)
{
	struct job *job = &g_jobs[bdk_sim_random(MAX_JOBS)];
	uint64_t size = g_raid->bdev.blockcnt;

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
	g_grown += g_raid->bdev.blockcnt > size;
	g_rebuilding_when_grown += g_raid->bdev.blockcnt > size && raid_process_has_target(g_raid);
	/* While it grows, and when it just has. */
	if (may_cut && one_in(g_raid->grow_size != 0 || g_raid->bdev.blockcnt > size ? 3 : 80)) {
		cut_power();
	}
}

static void
expect_final_size(void)
{
	resize_all(MAX_BLOCKS);
	set_mode(MEM_DISK_MESSAGE);
	settle();
	if (g_raid->ops != &g_concat_ops) {
		assert_int_equal(g_raid->bdev.blockcnt, array_size(MAX_BLOCKS));
	}
}

static void
run_schedule(uint64_t seed)
{
	size_t level = seed % SPDK_COUNTOF(g_levels);
	/* Nothing can be drawn yet. */
	uint64_t form = seed * UINT64_C(0x9e3779b97f4a7c15) >> 32;
	bool superblock = form % 4 != 0;
	enum raid_policy policy = RAID_NUM_POLICIES;

	if (!superblock || form / 4 % 3 == 0) {
		policy = RAID_POLICY_RESYNC;
	} else if (strncmp(g_levels[level].name, "raid5", 5) == 0 && form / 4 % 3 == 1) {
		policy = RAID_POLICY_JOURNAL;
	}
	g_redundancy = g_levels[level].redundancy;
	g_seed = seed - 1;
	begin(g_levels[level].name, g_levels[level].num_disks, superblock, policy);
	memset(g_versions, 0xff, sizeof(g_versions));
	memset(g_users, 0, sizeof(g_users));
	g_next_version = 0;
	g_raid_process_options.max_bandwidth_mb_sec = one_in(2) ? 0 : 1 + (uint32_t)bdk_sim_random(50);
	set_mode(MEM_DISK_RANDOM);
	for (int i = 0; i < TURNS; i++) {
		take_turn(superblock && num_spare() == g_redundancy);
	}
	make_whole();
	expect_final_size();
	read_all();
	if (agrees_as_a_whole()) {
		uint64_t count = scrub(RAID_SCRUB_CHECK);

		if (count != 0) {
			fail_msg("seed %" PRIu64 ": %" PRIu64 " blocks of members do not agree", g_seed, count);
		}
	}
	for (int i = 0, first = (int)bdk_sim_random(g_raid->num_members); i < g_redundancy; i++) {
		leave((first + i) % g_raid->num_members);
		bdk_sim_run_for(10000);
	}
	read_all();
	stop();
}

static uint64_t
get_number(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

/* RAID_SEED=n: that one alone; RAID_COUNT=n: so many. */
static void
test_schedules(void **state)
{
	uint64_t seed = get_number("RAID_SEED", 0), count = get_number("RAID_COUNT", 60);

	bdev_sim_examine_disks(true);
	spdk_log_set_print_level(seed != 0 ? SPDK_LOG_NOTICE : SPDK_LOG_DISABLED);
	for (int i = 0; i < MAX_JOBS; i++) {
		g_jobs[i].buf = malloc(MAX_IO * BLOCK);
	}
	for (uint64_t i = 0; i < (seed != 0 ? 1 : count); i++) {
		run_schedule(seed != 0 ? seed : i + 1);
	}
	for (int i = 0; i < MAX_JOBS; i++) {
		free(g_jobs[i].buf);
	}
	spdk_log_set_print_level(SPDK_LOG_NOTICE);
	bdev_sim_examine_disks(false);
	printf("%" PRIu64 " schedules: %" PRIu64 " I/Os, grown %" PRIu64 " times, %" PRIu64
	       " of them with a rebuild, %" PRIu64 " power cuts, %" PRIu64 " of them while it grew, %" PRIu64
	       " members replaced\n",
		count, g_ended, g_grown, g_rebuilding_when_grown, g_cuts, g_grown_in_cut, g_replaced);
	if (seed == 0) {
		/* They did what they are for. */
		assert_true(g_ended > 20 * count && g_grown > count && g_cuts > count / 2 && g_replaced > count / 2);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_have_to_grow),
		cmocka_unit_test(test_parity_of_what_is_new),
		cmocka_unit_test(test_a_new_member_is_large_enough),
		cmocka_unit_test(test_members_grow_while_it_is_away),
		cmocka_unit_test(test_known_sizes),
		cmocka_unit_test(test_concat_grows_at_its_end),
		cmocka_unit_test(test_regions),
		cmocka_unit_test(test_last_region_has_all_that_is_left),
		cmocka_unit_test(test_rebuild_ends_while_it_grows),
		cmocka_unit_test(test_power_goes_while_it_grows),
		cmocka_unit_test(test_schedules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
