/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Members that are reset, by the array or by somebody else, and so bring back what they have as aborted: none leaves for
 * that, users do not learn of the resets of others, and members agree. Then schedules by seed: RAID_SEED=n runs that one
 * only, RAID_COUNT=n so many.
 */

#include "raid_process_fixture.h"

#include "spdk/log.h"

#define MAX_JOBS 12
#define MAX_IO 32
#define TURNS 150
/* With room for superblocks and what else there is. */
#define LARGE_DISK_BLOCKS 5120

static const struct level {
	const char *name;
	int num_disks;
} g_levels[] = {{"raid1", 2}, {"raid1", 3}, {"raid5", 4}, {"raid6", 5}, {"raid5f", 5}};

static uint64_t g_seed;

/* ---- One after the other ---- */

static void
set_modes(enum mem_disk_mode mode)
{
	for (int i = 0; i < g_raid->num_members; i++) {
		g_disks[i].mode = mode;
	}
}

static uint32_t
count_held(void)
{
	uint32_t count = 0;

	for (int i = 0; i < g_raid->num_members; i++) {
		count += g_disks[i].num_held;
	}
	return count;
}

/* As its reset by somebody else does. */
static void
abort_disk(int disk)
{
	mem_disk_release_status(&g_disks[disk], 1000, SPDK_BDEV_IO_STATUS_ABORTED);
}

/* Each disk loses what it has, once or twice, before all goes on. */
static void
interrupt_io(enum spdk_bdev_io_type type, uint8_t *buf, uint64_t block, uint32_t num_blocks, uint32_t disks, int times)
{
	struct one_io one;

	set_modes(MEM_DISK_HOLD);
	begin_io(&one, 1, type, buf, block, num_blocks);
	for (int i = 0; i < times; i++) {
		bdk_sim_run_for(5000);
		for (int disk = 0; disk < g_raid->num_members; disk++) {
			if (disks & (1u << disk)) {
				abort_disk(disk);
			}
		}
	}
	set_modes(MEM_DISK_MESSAGE);
	for (int i = 0; i < g_raid->num_members; i++) {
		mem_disk_release(&g_disks[i], 1000);
	}
	for (int i = 0; i < 1000 && one.io.done == 0; i++) {
		bdk_sim_run_for(1000);
	}
	assert_true(one.io.done == 1 && one.io.success);
	assert_int_equal(g_raid->num_operational, g_raid->num_members);
}

static uint32_t
choose_blocks(void)
{
	return g_raid->bdev.split_on_write_unit ? g_raid->bdev.write_unit_size : 5;
}

static void
run_each_type(const struct level *level)
{
	static uint8_t buf[64 * BLOCK], wanted[64 * BLOCK];
	uint32_t num_blocks;

	start(1, level->name, level->num_disks);
	wait_for_process();
	write_all(1);
	num_blocks = choose_blocks();
	/* One member, or all. */
	for (uint32_t disks = 0; disks < 2u << level->num_disks; disks++) {
		fill(buf, 2 * num_blocks, num_blocks, 1);
		interrupt_io(SPDK_BDEV_IO_TYPE_WRITE, buf, 2 * num_blocks, num_blocks, disks, 1 + (int)disks % 3);
		fill(wanted, 3, 7, 1);
		interrupt_io(SPDK_BDEV_IO_TYPE_READ, buf, 3, 7, disks, 1 + (int)disks % 3);
		assert_memory_equal(buf, wanted, 7 * BLOCK);
		interrupt_io(SPDK_BDEV_IO_TYPE_FLUSH, NULL, 0, g_raid->bdev.blockcnt, disks, 1);
	}
	bdk_sim_run_for(100000);
	assert_int_equal(count_held(), 0);
	expect_all(1);
	assert_int_equal(scrub(RAID_SCRUB_CHECK), 0);
	stop();
}

static void
test_each_type(void **state)
{
	for (size_t i = 0; i < SPDK_COUNTOF(g_levels); i++) {
		run_each_type(&g_levels[i]);
	}
}

/* It never comes to an end: the member is as good as failed. */
static void
test_always_aborted(void **state)
{
	static uint8_t buf[64 * BLOCK];
	struct one_io one;

	for (size_t i = 0; i < SPDK_COUNTOF(g_levels); i++) {
		uint64_t began;
		uint32_t stripe;

		start(1, g_levels[i].name, g_levels[i].num_disks);
		wait_for_process();
		write_all(1);
		/* To all members. */
		stripe = (uint32_t)(g_raid->bdev.blockcnt / DISK_BLOCKS) * STRIP_KB * 1024 / BLOCK;
		fill(buf, 0, stripe, 1);
		g_disks[1].mode = MEM_DISK_HOLD;
		began = spdk_get_ticks();
		begin_io(&one, 1, SPDK_BDEV_IO_TYPE_WRITE, buf, 0, stripe);
		while (one.io.done == 0 && spdk_get_ticks() - began < 60 * spdk_get_ticks_hz()) {
			bdk_sim_run_for(500000);
			abort_disk(1);
		}
		assert_true(one.io.done == 1 && one.io.success);
		assert_true(spdk_get_ticks() - began > 25 * spdk_get_ticks_hz());
		bdk_sim_run_for(100000);
		assert_int_equal(g_raid->state, RAID_ONLINE);
		assert_int_equal(g_raid->num_operational, g_raid->num_members - 1);
		expect_all(1);
		stop();
	}
}

/* Without redundancy it is the user's to try again, and he is told what has happened. */
static void
test_without_redundancy(void **state)
{
	static const char *const levels[] = {"raid0", "concat"};
	uint8_t buf[BLOCK];
	struct one_io one;

	for (size_t i = 0; i < SPDK_COUNTOF(levels); i++) {
		start(1, levels[i], 2);
		write_all(1);
		set_modes(MEM_DISK_HOLD);
		fill(buf, 0, 1, 1);
		begin_io(&one, 1, SPDK_BDEV_IO_TYPE_WRITE, buf, 0, 1);
		bdk_sim_run_for(1000);
		abort_disk(0);
		bdk_sim_run_for(1000);
		assert_true(one.io.done == 1 && !one.io.success);
		assert_int_equal(one.io.nvme_sc, SPDK_NVME_SC_ABORTED_BY_REQUEST);
		set_modes(MEM_DISK_MESSAGE);
		assert_int_equal(g_raid->state, RAID_ONLINE);
		assert_int_equal(g_raid->num_operational, 2);
		expect_all(1);
		stop();
	}
}

/* ---- Schedules ---- */

struct job {
	struct one_io one;
	bool busy;
	uint8_t buf[MAX_IO * BLOCK];
};

static struct job g_jobs[MAX_JOBS];
static uint32_t g_resets;
static uint64_t g_num_resets, g_num_aborts, g_num_jobs, g_num_failed;

static bool
one_in(uint32_t n)
{
	return bdk_sim_random(n) == 0;
}

static void
end_job(struct job *job, bool may_fail)
{
	struct one_io *one = &job->one;
	uint8_t wanted[MAX_IO * BLOCK];

	job->busy = false;
	g_num_jobs++;
	g_num_failed += !one->io.success;
	if (!one->io.success) {
		if (!may_fail) {
			fail_msg("seed %" PRIu64 ": type %d at %" PRIu64 " fails", g_seed, one->type, one->block);
		}
		return;
	}
	if (one->type == SPDK_BDEV_IO_TYPE_READ) {
		fill(wanted, one->block, one->num_blocks, 1);
		if (memcmp(job->buf, wanted, one->num_blocks * BLOCK) != 0) {
			fail_msg("seed %" PRIu64 ": %" PRIu64 " reads something else", g_seed, one->block);
		}
	}
}

static void
begin_job(struct job *job)
{
	uint32_t unit = g_raid->bdev.split_on_write_unit ? g_raid->bdev.write_unit_size : 1, num_blocks;
	enum spdk_bdev_io_type type = one_in(2) ? SPDK_BDEV_IO_TYPE_READ : SPDK_BDEV_IO_TYPE_WRITE;
	uint64_t block;

	num_blocks = type == SPDK_BDEV_IO_TYPE_WRITE && unit > 1 ? unit : 1 + (uint32_t)bdk_sim_random(MAX_IO);
	block = bdk_sim_random(g_raid->bdev.blockcnt - num_blocks + 1);
	if (type == SPDK_BDEV_IO_TYPE_WRITE) {
		block -= block % unit;
	}
	if (one_in(12)) {
		type = SPDK_BDEV_IO_TYPE_FLUSH;
	}
	/* What is written is what is there, so that it does not matter which of two comes last. */
	fill(job->buf, block, num_blocks, type == SPDK_BDEV_IO_TYPE_READ ? 0 : 1);
	job->busy = true;
	begin_io(&job->one, (uint32_t)bdk_sim_random(NUM_THREADS), type, job->buf, block, num_blocks);
}

static bool
run_jobs(bool may_fail, bool begins)
{
	bool busy = false;

	for (int i = 0; i < MAX_JOBS; i++) {
		if (g_jobs[i].busy && g_jobs[i].one.io.done > 0) {
			end_job(&g_jobs[i], may_fail);
		}
		if (!g_jobs[i].busy && begins && one_in(3)) {
			begin_job(&g_jobs[i]);
		}
		busy = busy || g_jobs[i].busy;
	}
	return busy;
}

static void
reset_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *arg)
{
	spdk_bdev_free_io(bdev_io);
	assert_true(success);
	g_resets--;
}

static void
reset_array(void)
{
	uint32_t thread = (uint32_t)bdk_sim_random(NUM_THREADS);

	g_resets++;
	g_num_resets++;
	ON(thread, assert_int_equal(spdk_bdev_reset(g_user.desc, g_user.ch[thread], reset_done_cb, NULL), 0));
}

static void
disturb(int num_disks, bool resets)
{
	int disk = (int)bdk_sim_random((uint64_t)num_disks);

	mem_disk_release(&g_disks[disk], (uint32_t)bdk_sim_random(8));
	if (one_in(12)) {
		g_num_aborts += g_disks[disk].num_held;
		abort_disk(disk);
	}
	if (resets && g_resets == 0 && one_in(40)) {
		reset_array();
	}
}

static void
run_seed(uint64_t seed)
{
	const struct level *level = &g_levels[seed % SPDK_COUNTOF(g_levels)];
	bool resets = seed % 3 == 0, rebuilds = seed % 4 == 1, has_superblock = seed % 2 == 0;
	int num_disks = level->num_disks + rebuilds;

	g_seed = seed;
	if (has_superblock) {
		g_write_cache = true;
		g_superblock = true;
		g_disk_blocks = LARGE_DISK_BLOCKS;
		start(seed, level->name, level->num_disks);
		g_superblock = false;
	} else {
		start(seed, level->name, level->num_disks);
	}
	wait_for_process();
	write_all(1);
	memset(g_jobs, 0, sizeof(g_jobs));
	if (rebuilds) {
		/* As large as the others. */
		add_disk(level->num_disks);
		replace(0, level->num_disks);
	}
	for (int i = 0; i < num_disks; i++) {
		g_disks[i].mode = MEM_DISK_HOLD;
	}
	for (int turn = 0; turn < TURNS; turn++) {
		run_jobs(resets, true);
		bdk_sim_run_for(bdk_sim_random(3000));
		disturb(num_disks, resets);
	}
	for (int i = 0; i < num_disks; i++) {
		g_disks[i].mode = MEM_DISK_MESSAGE;
	}
	for (int i = 0; i < 1000 && (run_jobs(resets, false) || g_resets > 0 || i < 10); i++) {
		for (int disk = 0; disk < num_disks; disk++) {
			mem_disk_release(&g_disks[disk], 1000);
		}
		bdk_sim_run_for(1000);
	}
	assert_false(run_jobs(resets, false));
	wait_for_process();
	if (g_raid->num_operational != g_raid->num_members) {
		fail_msg("seed %" PRIu64 ": a member has left", seed);
	}
	expect_all(1);
	assert_int_equal(scrub(RAID_SCRUB_CHECK), 0);
	stop();
	g_write_cache = false;
	g_disk_blocks = DISK_BLOCKS;
}

static void
test_schedules(void **state)
{
	const char *one = getenv("RAID_SEED"), *count = getenv("RAID_COUNT");
	uint64_t first = one != NULL ? strtoull(one, NULL, 0) : 1, last;

	last = one != NULL ? first : count != NULL ? strtoull(count, NULL, 0) : 120;
	spdk_log_set_print_level(getenv("RAID_SEED") != NULL ? SPDK_LOG_INFO : SPDK_LOG_DISABLED);
	for (uint64_t seed = first; seed <= last; seed++) {
		run_seed(seed);
	}
	spdk_log_set_print_level(SPDK_LOG_INFO);
	printf("%" PRIu64 " I/Os, %" PRIu64 " failed, %" PRIu64 " resets, %" PRIu64 " requests aborted by others\n",
		g_num_jobs, g_num_failed, g_num_resets, g_num_aborts);
	assert_true(one != NULL || (g_num_resets > 20 && g_num_aborts > 500));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_type),
		cmocka_unit_test(test_always_aborted),
		cmocka_unit_test(test_without_redundancy),
		cmocka_unit_test(test_schedules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
