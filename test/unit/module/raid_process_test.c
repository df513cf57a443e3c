/* SPDX-License-Identifier: BSD-3-Clause */

/* What arrays do in the background: rebuild, resync, scrub, read repair; and members that do not answer. */

#include "raid_process_fixture.h"

#include "module/bdev/raid/raid_superblock.h"

static const struct {
	const char *name;
	int num_disks;
	/* Members that it can do without. */
	int redundancy;
} g_levels[] = {{"raid1", 2, 1}, {"raid1", 3, 2}, {"raid5f", 3, 1}, {"raid5", 4, 1}, {"raid6", 5, 2}};

#define FOR_EACH_LEVEL(i) for (size_t i = 0; i < SPDK_COUNTOF(g_levels); i++)

static void
begin(size_t level)
{
	start(level + 1, g_levels[level].name, g_levels[level].num_disks);
	wait_for_process();
	write_all(1);
}

/* The first disk that is no member. */
static int
spare(size_t level)
{
	add_disk(g_levels[level].num_disks);
	scribble(g_levels[level].num_disks);
	return g_levels[level].num_disks;
}

/* ---- Rebuild ---- */

static void
test_rebuild(void **state)
{
	FOR_EACH_LEVEL(level)
	{
		begin(level);
		replace(0, spare(level));
		assert_int_equal(g_raid->num_operational, g_raid->num_members);
		wait_for_process();
		assert_true(g_raid->members[0].in_sync_until == UINT64_MAX);
		assert_int_equal(scrub(RAID_SCRUB_CHECK), 0);
		/* Now it can be relied on. */
		for (int i = 0; i < g_levels[level].redundancy; i++) {
			leave(g_levels[level].num_disks - 1 - i);
		}
		bdk_sim_run_for(10000);
		expect_all(1);
		stop();
	}
}

/* Two at once, and one that comes while another one is being rebuilt. */
static void
test_rebuild_several(void **state)
{
	for (int later = 0; later < 2; later++) {
		start(later + 1, "raid6", 5);
		wait_for_process();
		write_all(1);
		add_disk(5);
		add_disk(6);
		scribble(5);
		scribble(6);
		leave(0);
		leave(3);
		bdk_sim_run_for(10000);
		join(5);
		if (later) {
			while (g_raid->members[0].in_sync_until < 100) {
				bdk_sim_run_for(10);
			}
		}
		join(6);
		wait_for_process();
		assert_true(g_raid->members[0].in_sync_until == UINT64_MAX);
		assert_true(g_raid->members[3].in_sync_until == UINT64_MAX);
		assert_int_equal(scrub(RAID_SCRUB_CHECK), 0);
		leave(1);
		leave(2);
		bdk_sim_run_for(10000);
		expect_all(1);
		stop();
	}
}

/* Nothing that users do fails, or waits until the end. */
static void
test_users_go_on(void **state)
{
	uint8_t buf[32 * BLOCK], wanted[32 * BLOCK];

	start(1, "raid1", 2);
	write_all(1);
	g_raid_process_options.max_bandwidth_mb_sec = 1;
	add_disk(2);
	scribble(2);
	replace(0, 2);
	for (uint64_t block = 0; block < DISK_BLOCKS; block += 32) {
		assert_non_null(g_raid->process);
		fill(buf, block, 32, 2);
		assert_true(do_io(SPDK_BDEV_IO_TYPE_WRITE, buf, block, 16));
		assert_true(do_io(SPDK_BDEV_IO_TYPE_UNMAP, NULL, block + 16, 8));
		assert_true(do_io(SPDK_BDEV_IO_TYPE_FLUSH, NULL, 0, DISK_BLOCKS));
	}
	assert_non_null(g_raid->process);
	wait_for_process();
	/* The new one has all of that. */
	leave(1);
	bdk_sim_run_for(10000);
	for (uint64_t block = 0; block < DISK_BLOCKS; block += 32) {
		fill(wanted, block, 32, 1);
		fill(wanted, block, 16, 2);
		memset(wanted + 16 * BLOCK, 0, 8 * BLOCK);
		assert_true(do_io(SPDK_BDEV_IO_TYPE_READ, buf, block, 32));
		assert_memory_equal(buf, wanted, sizeof(buf));
	}
	stop();
}

/* In virtual time, so that it is exact. 256 KiB at 1 MiB/s; the last window begins when the others are over. */
static void
test_bandwidth(void **state)
{
	uint64_t begun, took;

	start(1, "raid1", 2);
	g_raid_process_options.max_bandwidth_mb_sec = 1;
	add_disk(2);
	replace(0, 2);
	begun = spdk_get_ticks();
	wait_for_process();
	took = (spdk_get_ticks() - begun) * 1000 / spdk_get_ticks_hz();
	assert_in_range(took, 230, 260);
	stop();
}

/* Each disk takes a millisecond for a request, one after the other: reading and writing take that together, not each. */
static void
test_pace(void **state)
{
	const int num_windows = DISK_BLOCKS * BLOCK / 1024 / WINDOW_KB;
	int ms = 0;

	start(1, "raid1", 2);
	add_disk(2);
	leave(0);
	bdk_sim_run_for(10000);
	g_disks[1].mode = MEM_DISK_HOLD;
	join(2);
	g_disks[2].mode = MEM_DISK_HOLD;
	for (; ms < 100 && g_raid->process != NULL; ms++) {
		bdk_sim_run_for(1000);
		mem_disk_release(&g_disks[1], 1);
		mem_disk_release(&g_disks[2], 1);
	}
	assert_in_range(ms, num_windows, num_windows + 6);
	stop();
}

/* Members that held something else before agree at once; without superblocks where something was written. */
static void
test_whole_stripes_only(void **state)
{
	const uint32_t stripe = 2 * STRIP_KB * 1024 / BLOCK;
	uint8_t buf[2 * STRIP_KB * 1024], again[2 * STRIP_KB * 1024];

	for (int superblock = 0; superblock < 2; superblock++) {
		g_scribbles = true;
		if (superblock) {
			start_with_superblock(1, "raid5f", 3);
		} else {
			start(1, "raid5f", 3);
		}
		g_scribbles = false;
		wait_for_process();
		assert_true((scrub(RAID_SCRUB_CHECK) == 0) == superblock);
		assert_true(do_io(SPDK_BDEV_IO_TYPE_READ, buf, 5 * stripe, stripe));
		if (!superblock) {
			for (uint64_t block = 0; block < g_raid->bdev.blockcnt; block += stripe) {
				fill(buf, block, stripe, 1);
				assert_true(do_io(SPDK_BDEV_IO_TYPE_WRITE, buf, block, stripe));
			}
			assert_int_equal(scrub(RAID_SCRUB_CHECK), 0);
			fill(buf, 5 * stripe, stripe, 1);
		}
		leave(1);
		bdk_sim_run_for(1000);
		assert_true(do_io(SPDK_BDEV_IO_TYPE_READ, again, 5 * stripe, stripe));
		assert_memory_equal(buf, again, sizeof(buf));
		stop();
	}
}

/* Several windows in a stripe, and some that end within one. */
static void
test_windows_within_stripes(void **state)
{
	static const uint32_t sizes_kb[] = {1, 3, 5, 7};

	for (size_t i = 0; i < SPDK_COUNTOF(sizes_kb); i++) {
		bdev_sim_start(i + 1, NUM_THREADS);
		g_raid_process_options = (struct raid_process_options){.window_size_kb = sizes_kb[i]};
		create("raid5", 4);
		wait_for_process();
		write_all(1);
		add_disk(4);
		scribble(4);
		replace(1, 4);
		wait_for_process();
		assert_true(g_raid->members[1].in_sync_until == UINT64_MAX);
		assert_int_equal(scrub(RAID_SCRUB_CHECK), 0);
		expect_all(1);
		stop();
	}
}

/* Superblocks say now and then what is durable, so that a rebuild goes on from there after a restart. */
static void
test_progress_is_recorded(void **state)
{
	uint64_t before;

	g_disk_blocks = 2 * 1024 + 40 * 1024;
	g_superblock = true;
	start(1, "raid1", 2);
	g_raid_process_options = (struct raid_process_options){.window_size_kb = 256, .max_bandwidth_mb_sec = 1};
	add_disk(2);
	g_disks[2].bdev.write_cache = true;
	replace(0, 2);
	g_superblock = false;
	g_disk_blocks = DISK_BLOCKS;
	run_for_s(5);
	assert_true(g_raid->members[0].in_sync_until > 0);
	assert_int_equal(g_raid->members[0].durable_until, 0);
	run_for_s(6);
	before = g_raid->members[0].durable_until;
	assert_in_range(before, 9 * 2048, 11 * 2048);
	assert_true(before <= g_raid->members[0].in_sync_until);
	wait_for_process();
	assert_true(g_raid->members[0].durable_until == UINT64_MAX);
	stop();
}

static void
test_target_leaves(void **state)
{
	FOR_EACH_LEVEL(level)
	{
		begin(level);
		g_raid_process_options.max_bandwidth_mb_sec = 1;
		replace(0, spare(level));
		bdk_sim_run_for(50000);
		assert_true(g_raid->members[0].in_sync_until > 0);
		leave(0);
		wait_for_process();
		bdk_sim_run_for(10000);
		assert_null(g_raid->members[0].desc);
		assert_int_equal(g_raid->num_operational, g_raid->num_members - 1);
		assert_int_equal(g_raid->state, RAID_ONLINE);
		expect_all(1);
		stop();
	}
}

static void
test_other_leaves(void **state)
{
	start(1, "raid6", 5);
	wait_for_process();
	write_all(1);
	add_disk(5);
	scribble(5);
	g_raid_process_options.max_bandwidth_mb_sec = 1;
	replace(0, 5);
	bdk_sim_run_for(50000);
	leave(4);
	wait_for_process();
	assert_true(g_raid->members[0].in_sync_until == UINT64_MAX);
	assert_int_equal(g_raid->num_operational, 4);
	leave(2);
	bdk_sim_run_for(10000);
	expect_all(1);
	stop();
}

/* The array goes while it is at work. */
static void
test_array_ends(void **state)
{
	for (int way = 0; way < 2; way++) {
		start(1, "raid1", 2);
		g_raid_process_options.max_bandwidth_mb_sec = 1;
		add_disk(2);
		replace(0, 2);
		bdk_sim_run_for(20000);
		assert_non_null(g_raid->process);
		if (way == 0) {
			leave(1);
			bdk_sim_run_for(100000);
			assert_int_equal(g_raid->state, RAID_OFFLINE);
			assert_null(g_raid->process);
		}
		stop();
	}
}

/* What nobody can read ends it, and only the new member leaves. */
static void
test_source_fails(void **state)
{
	start(1, "raid1", 2);
	write_all(1);
	add_disk(2);
	g_faults[1] = (struct fault){.reads = true, .first = 300, .end = 301};
	replace(0, 2);
	wait_for_process();
	bdk_sim_run_for(10000);
	assert_null(g_raid->members[0].desc);
	assert_int_equal(g_raid->state, RAID_ONLINE);
	assert_int_equal(g_raid->num_operational, 1);
	g_faults[1] = (struct fault){};
	expect_all(1);
	stop();
}

/* What somebody else can read is written to the one that cannot. */
static void
test_source_is_repaired(void **state)
{
	start(1, "raid6", 5);
	wait_for_process();
	write_all(1);
	add_disk(5);
	scribble(5);
	g_faults[1] = (struct fault){.reads = true, .first = 300, .end = 301, .mended_by_write = true};
	replace(0, 5);
	wait_for_process();
	assert_int_equal(g_raid->num_operational, 5);
	assert_false(g_faults[1].reads);
	assert_true(g_raid->num_repaired > 0);
	assert_int_equal(scrub(RAID_SCRUB_CHECK), 0);
	stop();
}

static void
test_target_fails(void **state)
{
	FOR_EACH_LEVEL(level)
	{
		for (int flush = 0; flush < 2; flush++) {
			int disk;

			begin(level);
			disk = spare(level);
			g_faults[disk] = (struct fault){
				.writes = !flush, .flushes = flush, .first = flush ? 0 : 300, .end = DISK_BLOCKS};
			replace(0, disk);
			wait_for_process();
			bdk_sim_run_for(10000);
			assert_null(g_raid->members[0].desc);
			assert_int_equal(g_raid->state, RAID_ONLINE);
			assert_int_equal(g_raid->num_operational, g_raid->num_members - 1);
			expect_all(1);
			stop();
		}
	}
}

/* ---- Scrub and resync ---- */

static void
test_scrub(void **state)
{
	FOR_EACH_LEVEL(level)
	{
		begin(level);
		assert_int_equal(scrub(RAID_SCRUB_CHECK), 0);
		memset(g_disks[1].data + 7 * BLOCK, 0x55, 1);
		memset(g_disks[1].data + 200 * BLOCK, 0x55, 3 * BLOCK);
		assert_int_equal(scrub(RAID_SCRUB_CHECK), 4);
		assert_int_equal(g_raid->num_repaired, 0);
		assert_int_equal(scrub(RAID_SCRUB_REPAIR), 4);
		assert_int_equal(g_raid->num_repaired, 4);
		assert_int_equal(scrub(RAID_SCRUB_CHECK), 0);
		if (strcmp(g_levels[level].name, "raid1") == 0) {
			expect_all(1);
		}
		stop();
	}
}

/* Of three copies the one that is alone is wrong, be it the first; of two the second. */
static void
test_scrub_votes(void **state)
{
	start(1, "raid1", 3);
	write_all(1);
	memset(g_disks[0].data + 7 * BLOCK, 0x55, BLOCK);
	assert_int_equal(scrub(RAID_SCRUB_REPAIR), 1);
	expect_all(1);
	assert_memory_equal(g_disks[0].data, g_disks[1].data, DISK_BLOCKS * BLOCK);
	stop();
}

/* What cannot be read is written even if nothing else is to be changed. */
static void
test_scrub_mends(void **state)
{
	FOR_EACH_LEVEL(level)
	{
		begin(level);
		g_faults[1] = (struct fault){.reads = true, .first = 100, .end = 101, .mended_by_write = true};
		assert_int_equal(scrub(RAID_SCRUB_CHECK), 0);
		assert_false(g_faults[1].reads);
		assert_int_equal(g_raid->num_operational, g_raid->num_members);
		assert_int_equal(scrub(RAID_SCRUB_CHECK), 0);
		expect_all(1);
		stop();
	}
}

static void
test_scrub_waits_and_stops(void **state)
{
	start(1, "raid1", 3);
	write_all(1);
	g_raid_process_options.max_bandwidth_mb_sec = 1;
	add_disk(3);
	ON(0, assert_int_equal(raid_process_stop_scrub(g_raid), -ENOENT));
	ON(0, assert_int_equal(raid_process_start_scrub(g_raid, RAID_SCRUB_CHECK), 0));
	ON(0, assert_int_equal(raid_process_start_scrub(g_raid, RAID_SCRUB_CHECK), -EBUSY));
	bdk_sim_run_for(100000);
	assert_int_equal(g_raid->process->type, RAID_PROCESS_SCRUB);
	assert_true(g_raid->scrub_offset > 0);
	/* A rebuild comes first; then it goes on where it was. */
	replace(0, 3);
	bdk_sim_run_for(100000);
	assert_int_equal(g_raid->process->type, RAID_PROCESS_REBUILD);
	assert_true(g_raid->scrub_wanted && g_raid->scrub_offset > 0);
	bdk_sim_run_for(200000);
	assert_int_equal(g_raid->process->type, RAID_PROCESS_SCRUB);
	ON(0, assert_int_equal(raid_process_stop_scrub(g_raid), 0));
	bdk_sim_run_for(20000);
	assert_null(g_raid->process);
	leave(1);
	leave(2);
	bdk_sim_run_for(10000);
	ON(0, assert_int_equal(raid_process_start_scrub(g_raid, RAID_SCRUB_CHECK), -EAGAIN));
	stop();
}

/* After a crash copies differ: one that was read stays what it was. */
static void
test_resync(void **state)
{
	uint8_t before[BLOCK], after[BLOCK];

	start(1, "raid1", 3);
	write_all(1);
	fill(g_disks[0].data + 400 * BLOCK, 400, 1, 2);
	g_raid_process_options.max_bandwidth_mb_sec = 1;
	g_raid->resync_offset = 0;
	ON(0, raid_process_start(g_raid));
	assert_int_equal(g_raid->agrees_until, 0);
	for (int i = 0; i < 5; i++) {
		assert_true(do_io(SPDK_BDEV_IO_TYPE_READ, before, 400, 1));
		assert_memory_equal(before, g_disks[0].data + 400 * BLOCK, BLOCK);
	}
	wait_for_process();
	assert_true(g_raid->agrees_until == UINT64_MAX && g_raid->resync_offset == UINT64_MAX);
	assert_true(do_io(SPDK_BDEV_IO_TYPE_READ, after, 400, 1));
	assert_memory_equal(before, after, BLOCK);
	assert_memory_equal(g_disks[0].data, g_disks[1].data, DISK_BLOCKS * BLOCK);
	assert_memory_equal(g_disks[0].data, g_disks[2].data, DISK_BLOCKS * BLOCK);
	stop();
}

/* ---- Read repair ---- */

static void
test_read_repair(void **state)
{
	uint8_t buf[8 * BLOCK], wanted[8 * BLOCK];

	start(1, "raid1", 2);
	write_all(1);
	fill(wanted, 40, 8, 1);
	/* An error that is gone at once: nothing is written. */
	g_faults[0] = (struct fault){.reads = true, .first = 40, .end = 41, .count = 1};
	assert_true(do_io(SPDK_BDEV_IO_TYPE_READ, buf, 40, 8));
	assert_memory_equal(buf, wanted, sizeof(buf));
	bdk_sim_run_for(10000);
	assert_int_equal(g_raid->num_operational, 2);
	assert_int_equal(g_raid->num_repaired, 0);
	/* One that stays until it is written. */
	g_faults[0] = (struct fault){.reads = true, .first = 40, .end = 41, .mended_by_write = true};
	assert_true(do_io(SPDK_BDEV_IO_TYPE_READ, buf, 40, 8));
	assert_memory_equal(buf, wanted, sizeof(buf));
	bdk_sim_run_for(10000);
	assert_false(g_faults[0].reads);
	assert_int_equal(g_raid->num_operational, 2);
	assert_int_equal(g_raid->num_repaired, 8);
	/* One that stays: the member leaves. */
	g_faults[0] = (struct fault){.reads = true, .first = 40, .end = 41};
	assert_true(do_io(SPDK_BDEV_IO_TYPE_READ, buf, 40, 8));
	assert_memory_equal(buf, wanted, sizeof(buf));
	bdk_sim_run_for(10000);
	assert_int_equal(g_raid->num_operational, 1);
	assert_null(g_raid->members[0].desc);
	/* The last one stays. */
	g_faults[1] = (struct fault){.reads = true, .first = 40, .end = 41};
	assert_false(do_io(SPDK_BDEV_IO_TYPE_READ, buf, 40, 8));
	bdk_sim_run_for(10000);
	assert_int_equal(g_raid->state, RAID_ONLINE);
	stop();
}

/* More than there is room for in the queue. */
static void
test_many_read_errors(void **state)
{
	static struct one_io ios[100];
	static uint8_t buf[BLOCK * 100];

	start(1, "raid1", 2);
	write_all(1);
	g_faults[0] = (struct fault){.reads = true, .first = 0, .end = DISK_BLOCKS, .count = 150};
	for (int i = 0; i < 100; i++) {
		begin_io(&ios[i], i % NUM_THREADS, SPDK_BDEV_IO_TYPE_READ, buf + i * BLOCK, i * 5, 1);
	}
	bdk_sim_run_for(100000);
	for (int i = 0; i < 100; i++) {
		assert_true(ios[i].io.done == 1 && ios[i].io.success);
	}
	assert_int_equal(g_raid->state, RAID_ONLINE);
	expect_all(1);
	stop();
}

static void
test_write_error(void **state)
{
	uint8_t buf[BLOCK];

	start(1, "raid1", 2);
	write_all(1);
	g_faults[0] = (struct fault){.writes = true, .first = 9, .end = 10, .count = 1};
	fill(buf, 9, 1, 1);
	assert_true(do_io(SPDK_BDEV_IO_TYPE_WRITE, buf, 9, 1));
	assert_int_equal(g_raid->num_operational, 1);
	bdk_sim_run_for(10000);
	expect_all(1);
	stop();
}

/* ---- Members that do not answer ---- */

/* What a reset brings back is carried out without the member. */
static void
test_late_member_is_reset(void **state)
{
	uint8_t buf[BLOCK], read[2][BLOCK];
	struct one_io write, reads[2];

	start(1, "raid1", 2);
	write_all(1);
	g_disks[0].mode = MEM_DISK_HOLD;
	fill(buf, 9, 1, 2);
	begin_io(&write, 1, SPDK_BDEV_IO_TYPE_WRITE, buf, 9, 1);
	for (int i = 0; i < 2; i++) {
		begin_io(&reads[i], 2, SPDK_BDEV_IO_TYPE_READ, read[i], 100, 1);
	}
	run_for_s(25);
	assert_int_equal(g_raid->num_operational, 2);
	assert_int_equal(write.io.done, 0);
	run_for_s(10);
	assert_int_equal(g_raid->num_operational, 1);
	assert_true(write.io.done == 1 && write.io.success);
	for (int i = 0; i < 2; i++) {
		assert_true(reads[i].io.done == 1 && reads[i].io.success);
	}
	assert_int_equal(g_disks[0].resets, 1);
	assert_null(g_raid->members[0].desc);
	stop();
}

/* It keeps its requests: others go on, and the bdev is not closed before it has answered. */
static void
test_late_member_keeps_requests(void **state)
{
	uint8_t buf[BLOCK], other[BLOCK];
	struct one_io write;

	start(1, "raid1", 2);
	write_all(1);
	g_disks[0].mode = MEM_DISK_HOLD;
	g_disks[0].reset_keeps = true;
	g_disks[0].reset_status = SPDK_BDEV_IO_STATUS_FAILED;
	fill(buf, 9, 1, 2);
	begin_io(&write, 1, SPDK_BDEV_IO_TYPE_WRITE, buf, 9, 1);
	run_for_s(35);
	assert_int_equal(g_raid->num_operational, 1);
	/* The buffer of that one is still being read from. */
	assert_int_equal(write.io.done, 0);
	assert_non_null(g_raid->members[0].desc);
	fill(other, 50, 1, 3);
	assert_true(do_io(SPDK_BDEV_IO_TYPE_WRITE, other, 50, 1));
	assert_true(do_io(SPDK_BDEV_IO_TYPE_READ, other, 50, 1));
	assert_true(do_io(SPDK_BDEV_IO_TYPE_FLUSH, NULL, 0, DISK_BLOCKS));
	mem_disk_release(&g_disks[0], 100);
	bdk_sim_run_for(10000);
	assert_true(write.io.done == 1 && write.io.success);
	assert_null(g_raid->members[0].desc);
	stop();
}

/* Nobody else has the data: it stays. */
static void
test_last_member_is_late(void **state)
{
	uint8_t buf[BLOCK];
	struct one_io read;

	start(1, "raid1", 2);
	write_all(1);
	leave(0);
	bdk_sim_run_for(10000);
	g_disks[1].mode = MEM_DISK_HOLD;
	begin_io(&read, 1, SPDK_BDEV_IO_TYPE_READ, buf, 9, 1);
	/* What the reset brings back is sent again, once. */
	run_for_s(40);
	assert_int_equal(g_disks[1].resets, 1);
	assert_int_equal(read.io.done, 0);
	run_for_s(40);
	assert_int_equal(g_disks[1].resets, 2);
	assert_int_equal(g_raid->state, RAID_ONLINE);
	assert_int_equal(g_raid->num_operational, 1);
	assert_true(read.io.done == 1 && !read.io.success);
	g_disks[1].mode = MEM_DISK_MESSAGE;
	expect_all(1);
	stop();
}

static void
examined_cb(void *arg)
{
	*(bool *)arg = true;
}

static void
free_disks(void)
{
	bdev_sim_stop();
	for (int i = 0; i < MAX_DISKS; i++) {
		free(g_disks[i].data);
		memset(&g_disks[i], 0, sizeof(g_disks[i]));
	}
}

/* Whoever waits for a bdev to be examined does not wait for one that does not answer; what it answers later is nobody's. */
static void
test_examining_ends(void **state)
{
	for (int late = 0; late < 2; late++) {
		bool examined = false;

		bdev_sim_start(1, NUM_THREADS);
		add_disk(0);
		g_disks[0].mode = MEM_DISK_HOLD;
		ON(0, raid_assemble(&g_disks[0].bdev, examined_cb, &examined));
		run_for_s(29);
		assert_false(examined);
		if (late == 0) {
			run_for_s(2);
			assert_true(examined);
		}
		mem_disk_release(&g_disks[0], 1);
		run_for_s(1);
		assert_true(examined);
		assert_int_equal(g_disks[0].num_held, 0);
		assert_true(TAILQ_EMPTY(&g_raids));
		free_disks();
	}
}

static const char *g_why;

static void
refused_cb(void *arg, int rc, const char *why)
{
	g_rc = rc;
	g_why = why;
}

/* Two bdevs that are one disk are not two copies. */
static void
test_one_disk_twice(void **state)
{
	char names[3][3] = {"d0", "d1", "d2"};
	char *members[] = {names[0], names[1], names[2]};
	struct raid_opts opts = {.name = "raid",
		.members = members,
		.num_members = 3,
		.policy = RAID_NUM_POLICIES,
		.superblock = true,
		.ops = raid_level_by_name("raid1")};

	bdev_sim_start(1, NUM_THREADS);
	g_disk_blocks = 4096;
	for (int i = 0; i < 3; i++) {
		add_disk(i);
	}
	g_disk_blocks = DISK_BLOCKS;
	free(g_disks[2].data);
	g_disks[2].data = g_disks[0].data;
	g_rc = 1;
	ON(0, raid_create(&opts, refused_cb, NULL));
	run_for_s(1);
	assert_int_equal(g_rc, -EINVAL);
	assert_string_equal(g_why, "two of its members are the same disk");
	assert_null(raid_find("raid"));
	g_disks[2].data = NULL;
	free_disks();
}

static uint64_t
wait_for_cpu_us(void)
{
	/* All but one part in twenty of the time. */
	return spdk_get_ticks() / (spdk_get_ticks_hz() / SPDK_SEC_TO_USEC) * 19 / 20;
}

/* Whoever gets no CPU is no judge of others: members leave when they have not answered although there was time. */
static void
test_nobody_leaves_a_busy_machine(void **state)
{
	uint64_t (*get_cpu_wait_us)(void) = g_raid_late_get_cpu_wait_us;
	uint8_t buf[BLOCK];
	struct one_io write;

	start(1, "raid1", 2);
	write_all(1);
	g_raid_late_get_cpu_wait_us = wait_for_cpu_us;
	g_disks[0].mode = MEM_DISK_HOLD;
	fill(buf, 9, 1, 2);
	begin_io(&write, 1, SPDK_BDEV_IO_TYPE_WRITE, buf, 9, 1);
	run_for_s(60);
	assert_int_equal(g_raid->num_operational, 2);
	assert_int_equal(g_disks[0].resets, 0);
	/* Forty seconds of which are two. */
	run_for_s(20);
	g_raid_late_get_cpu_wait_us = get_cpu_wait_us;
	assert_int_equal(g_raid->num_operational, 1);
	assert_true(write.io.done == 1 && write.io.success);
	stop();
}

/*
 * All members are slow at once, as they are when the machine is: one leaves, the reset of the others does not count against
 * them, and what they have is done when they answer.
 */
static void
test_members_that_are_slow_together(void **state)
{
	static uint8_t bufs[NUM_THREADS][8 * BLOCK];
	struct one_io writes[NUM_THREADS];

	g_disk_blocks = DISK_BLOCKS + 8192;
	g_superblock = true;
	start(1, "raid5", 4);
	g_superblock = false;
	g_disk_blocks = DISK_BLOCKS;
	wait_for_process();
	for (int i = 0; i < 4; i++) {
		g_disks[i].mode = MEM_DISK_HOLD;
	}
	for (uint32_t i = 0; i < NUM_THREADS; i++) {
		fill(bufs[i], i * 8, 8, 2);
		begin_io(&writes[i], i, SPDK_BDEV_IO_TYPE_WRITE, bufs[i], i * 8, 8);
	}
	for (int s = 0; s < 20; s++) {
		run_for_s(2);
		for (int i = 0; i < 4; i++) {
			if (g_disks[i].resets > 0) {
				g_disks[i].mode = MEM_DISK_MESSAGE;
			}
		}
	}
	for (int i = 0; i < 4; i++) {
		g_disks[i].mode = MEM_DISK_MESSAGE;
		mem_disk_release(&g_disks[i], 100);
	}
	run_for_s(40);
	assert_int_equal(g_raid->state, RAID_ONLINE);
	assert_true(g_raid->num_operational >= 3);
	for (uint32_t i = 0; i < NUM_THREADS; i++) {
		assert_true(writes[i].io.done == 1 && writes[i].io.success);
	}
	write_all(3);
	expect_all(3);
	stop();
}

/*
 * It answers nothing, not even resets: what waits for a page of the bitmap, or a superblock, goes on without it, and so does a
 * reset of the array.
 */
static void
run_mute(const char *level, int num_disks, enum spdk_bdev_io_type first)
{
	static uint8_t buf[8 * BLOCK];
	struct one_io one;

	g_disk_blocks = DISK_BLOCKS + 16384;
	g_superblock = true;
	g_write_cache = true;
	start(1, level, num_disks);
	g_superblock = false;
	g_write_cache = false;
	g_disk_blocks = DISK_BLOCKS;
	wait_for_process();
	/* So that the bits of the bitmap are clear, and the first write needs them. */
	run_for_s(20);
	fill(buf, 0, 8, 2);
	g_disks[0].mode = MEM_DISK_HOLD;
	g_disks[0].reset_keeps = true;
	g_disks[0].holds_resets = true;
	/* Strict mode takes nothing for mute before a minute has passed. */
	begin_io(&one, 1, first, buf, 0, 8);
	run_for_s(35);
	assert_int_equal(one.io.done, 1);
	assert_true(one.io.success);
	assert_int_equal(g_raid->state, RAID_ONLINE);
	assert_int_equal(g_raid->num_operational, num_disks - 1);
	/* All that comes after it, for long enough that bits are cleared, or not, and checkpoints are written. */
	for (int i = 0; i < 3; i++) {
		write_all(3 + i);
		run_for_s(6);
	}
	expect_all(5);
	assert_true(do_io(SPDK_BDEV_IO_TYPE_FLUSH, NULL, 0, 8));
	assert_true(do_io(SPDK_BDEV_IO_TYPE_RESET, NULL, 0, 0));
	/* It speaks at last. */
	assert_non_null(g_raid->members[0].desc);
	g_disks[0].mode = MEM_DISK_MESSAGE;
	g_disks[0].holds_resets = false;
	mem_disk_release(&g_disks[0], 1000);
	run_for_s(1);
	assert_null(g_raid->members[0].desc);
	expect_all(5);
	stop();
}

static void
test_a_mute_member(void **state)
{
	static const enum spdk_bdev_io_type types[] = {SPDK_BDEV_IO_TYPE_WRITE, SPDK_BDEV_IO_TYPE_RESET};

	for (size_t i = 0; i < SPDK_COUNTOF(types); i++) {
		run_mute("raid1", 3, types[i]);
		run_mute("raid5", 4, types[i]);
	}
}

/* A rebuild from a member that does not answer goes on with the others, and its window is not held up for good. */
static void
test_late_member_in_window(void **state)
{
	start(1, "raid1", 3);
	write_all(1);
	add_disk(3);
	scribble(3);
	g_raid_process_options.max_bandwidth_mb_sec = 1;
	replace(0, 3);
	bdk_sim_run_for(50000);
	g_disks[1].mode = MEM_DISK_HOLD;
	g_disks[1].reset_keeps = true;
	run_for_s(40);
	assert_int_equal(g_raid->num_operational, 2);
	wait_for_process();
	assert_true(g_raid->members[0].in_sync_until == UINT64_MAX);
	assert_memory_equal(g_disks[3].data, g_disks[2].data, DISK_BLOCKS * BLOCK);
	assert_non_null(g_raid->members[1].desc);
	expect_all(1);
	mem_disk_release(&g_disks[1], 100);
	bdk_sim_run_for(10000);
	assert_null(g_raid->members[1].desc);
	stop();
}

/* Its superblock is being written when it falls silent; the leaving of another one waits for that. */
static void
test_late_member_has_superblock(void **state)
{
	uint8_t buf[BLOCK];

	start_with_superblock(1, "raid1", 3);
	fill(buf, 0, 1, 1);
	g_disks[0].mode = MEM_DISK_HOLD;
	g_disks[0].reset_keeps = true;
	leave(2);
	run_for_s(40);
	assert_null(g_raid->members[2].desc);
	assert_non_null(g_raid->members[0].desc);
	assert_int_equal(g_raid->num_operational, 1);
	assert_true(do_io(SPDK_BDEV_IO_TYPE_WRITE, buf, 0, 1));
	mem_disk_release(&g_disks[0], 100);
	bdk_sim_run_for(10000);
	assert_null(g_raid->members[0].desc);
	stop();
}

/* The process was stopped, and not the member: all has come back when it looks a second time. */
static void
test_time_passes_by(void **state)
{
	uint8_t buf[BLOCK];
	struct one_io read;

	start(1, "raid1", 2);
	write_all(1);
	g_disks[0].mode = MEM_DISK_HOLD;
	begin_io(&read, 1, SPDK_BDEV_IO_TYPE_READ, buf, 9, 1);
	env_clock_advance(40 * spdk_get_ticks_hz());
	bdk_sim_run_for(1000);
	mem_disk_release(&g_disks[0], 100);
	g_disks[0].mode = MEM_DISK_MESSAGE;
	run_for_s(10);
	assert_true(read.io.done == 1 && read.io.success);
	assert_int_equal(g_raid->num_operational, 2);
	stop();
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rebuild),
		cmocka_unit_test(test_rebuild_several),
		cmocka_unit_test(test_users_go_on),
		cmocka_unit_test(test_bandwidth),
		cmocka_unit_test(test_pace),
		cmocka_unit_test(test_windows_within_stripes),
		cmocka_unit_test(test_whole_stripes_only),
		cmocka_unit_test(test_progress_is_recorded),
		cmocka_unit_test(test_target_leaves),
		cmocka_unit_test(test_other_leaves),
		cmocka_unit_test(test_array_ends),
		cmocka_unit_test(test_source_fails),
		cmocka_unit_test(test_source_is_repaired),
		cmocka_unit_test(test_target_fails),
		cmocka_unit_test(test_scrub),
		cmocka_unit_test(test_scrub_votes),
		cmocka_unit_test(test_scrub_mends),
		cmocka_unit_test(test_scrub_waits_and_stops),
		cmocka_unit_test(test_resync),
		cmocka_unit_test(test_read_repair),
		cmocka_unit_test(test_many_read_errors),
		cmocka_unit_test(test_write_error),
		cmocka_unit_test(test_late_member_is_reset),
		cmocka_unit_test(test_late_member_keeps_requests),
		cmocka_unit_test(test_last_member_is_late),
		cmocka_unit_test(test_examining_ends),
		cmocka_unit_test(test_one_disk_twice),
		cmocka_unit_test(test_nobody_leaves_a_busy_machine),
		cmocka_unit_test(test_members_that_are_slow_together),
		cmocka_unit_test(test_a_mute_member),
		cmocka_unit_test(test_late_member_in_window),
		cmocka_unit_test(test_late_member_has_superblock),
		cmocka_unit_test(test_time_passes_by),
	};

	cmocka_set_test_filter(argc > 1 ? argv[1] : NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
