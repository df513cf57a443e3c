/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A member of an array of each level that fails all it is asked, answers nothing, or returns garbage: the array stays, with
 * its data where there is redundancy, and the bdev beside it does not notice.
 */

#include "raid_process_fixture.h"

#define OTHER (MAX_DISKS - 1)

static const struct level {
	const char *name;
	int num_disks;
	bool redundant;
} g_levels[] = {{"raid1", 2, true}, {"raid1", 3, true}, {"raid5", 4, true}, {"raid6", 5, true}, {"raid5f", 5, true},
	{"raid0", 2, false}, {"concat", 2, false}};

static struct mem_user g_other;

static void
begin(const struct level *level)
{
	start(1, level->name, level->num_disks);
	wait_for_process();
	write_all(1);
	add_disk(OTHER);
	mem_user_open_name(&g_other, g_disks[OTHER].name, NUM_THREADS, true);
}

/* The bdev beside it does what it always did. */
static void
use_other(void)
{
	static uint8_t buf[BLOCK];
	struct mem_io io = {.thread = 1};

	ON(1, assert_int_equal(spdk_bdev_read_blocks(g_other.desc, g_other.ch[1], buf, 0, 1, mem_io_done_cb, &io), 0));
	bdk_sim_run_for(1000);
	assert_true(io.done == 1 && io.success);
}

static void
end(const struct level *level, bool member_left)
{
	use_other();
	assert_int_equal(g_raid->state, RAID_ONLINE);
	assert_int_equal(g_raid->num_operational, level->num_disks - member_left);
	mem_user_close(&g_other);
	stop();
}

static void
run_errors(const struct level *level)
{
	uint8_t buf[BLOCK];

	begin(level);
	g_faults[0] = (struct fault){.reads = true, .writes = true, .flushes = true, .end = DISK_BLOCKS};
	if (level->redundant) {
		write_all(2);
		use_other();
		bdk_sim_run_for(100000);
		expect_all(2);
	} else {
		assert_false(do_io(SPDK_BDEV_IO_TYPE_READ, buf, 0, 1));
		use_other();
		/* What others have is there. */
		assert_true(do_io(SPDK_BDEV_IO_TYPE_READ, buf, g_raid->bdev.blockcnt - 1, 1));
	}
	end(level, level->redundant);
}

static void
run_silence(const struct level *level)
{
	static uint8_t bufs[NUM_THREADS][32 * BLOCK];
	struct one_io writes[NUM_THREADS];
	uint8_t buf[BLOCK];

	begin(level);
	g_disks[0].mode = MEM_DISK_HOLD;
	for (uint32_t i = 0; i < NUM_THREADS; i++) {
		fill(bufs[i], i * 32, 32, 2);
		begin_io(&writes[i], i, SPDK_BDEV_IO_TYPE_WRITE, bufs[i], i * 32, 32);
	}
	run_for_s(20);
	use_other();
	assert_int_equal(g_raid->num_operational, level->num_disks);
	run_for_s(20);
	for (uint32_t i = 0; i < NUM_THREADS; i++) {
		assert_int_equal(writes[i].io.done, 1);
		assert_true(writes[i].io.success || !level->redundant);
	}
	if (level->redundant) {
		write_all(3);
		expect_all(3);
	} else {
		assert_true(do_io(SPDK_BDEV_IO_TYPE_READ, buf, g_raid->bdev.blockcnt - 1, 1));
		/* It speaks again. */
		g_disks[0].mode = MEM_DISK_MESSAGE;
		write_all(3);
		expect_all(3);
	}
	end(level, level->redundant);
}

static void
run_garbage(const struct level *level)
{
	uint8_t buf[BLOCK];

	begin(level);
	scribble(0);
	if (level->redundant) {
		assert_true(scrub(RAID_SCRUB_CHECK) > 0);
		use_other();
		scrub(RAID_SCRUB_REPAIR);
		assert_int_equal(scrub(RAID_SCRUB_CHECK), 0);
	}
	assert_true(do_io(SPDK_BDEV_IO_TYPE_READ, buf, 0, 1));
	write_all(2);
	expect_all(2);
	end(level, false);
}

static void
run_all(void (*run)(const struct level *level))
{
	for (size_t i = 0; i < SPDK_COUNTOF(g_levels); i++) {
		run(&g_levels[i]);
	}
}

static void
test_errors(void **state)
{
	run_all(run_errors);
}

static void
test_silence(void **state)
{
	run_all(run_silence);
}

static void
test_garbage(void **state)
{
	run_all(run_garbage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
