/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Arrays that are put together, get channels, lose a member or grow when there is no memory: what cannot be done is refused, and
 * done when it is asked for again.
 */

#include "raid_process_fixture.h"

#include "module/bdev/raid/raid_journal_internal.h"
#include "module/bdev/raid/raid_superblock.h"

#include "test/unit/common/alloc_failure.h"

static uint64_t g_seed;

static void
ignore_event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *ctx)
{
}

/* Whatever has failed, the array is there and has its data. */
static void
end_scenario(void)
{
	wait_for_process();
	bdk_sim_run_for(10000);
	assert_int_equal(g_raid->state, RAID_ONLINE);
	expect_all(1);
	stop();
}

static int
run_channel(const void *level)
{
	struct spdk_bdev_desc *desc = NULL;
	struct spdk_io_channel *ch;

	g_raid_journal_max_slots = 4;
	start_with_superblock(++g_seed, level, 4);
	mem_user_close(&g_user);
	bdk_sim_run_for(10000);
	ON(0, assert_int_equal(spdk_bdev_open_ext("raid", true, ignore_event_cb, NULL, &desc), 0));
	alloc_arm();
	ON(1, ch = spdk_bdev_get_io_channel(desc));
	alloc_disarm();
	if (ch != NULL) {
		ON(1, spdk_put_io_channel(ch));
	}
	bdk_sim_run_for(10000);
	ON(0, spdk_bdev_close(desc));
	stop();
	return ch != NULL ? 0 : -ENOMEM;
}

static int
run_leave(const void *level)
{
	start_with_superblock(++g_seed, level, 4);
	wait_for_process();
	write_all(1);
	g_disks[0].mode = g_disks[1].mode = g_disks[2].mode = g_disks[3].mode = MEM_DISK_INLINE;
	alloc_arm();
	ON(0, raid_member_leave(&g_raid->members[1], false, NULL));
	bdk_sim_run_for(100000);
	alloc_disarm();
	bdk_sim_run_for(100000);
	assert_null(g_raid->members[1].desc);
	assert_int_equal(g_raid->num_operational, 3);
	end_scenario();
	return 0;
}

static void
grow_all(uint64_t num_blocks)
{
	for (int i = 0; i < 4; i++) {
		ON(0, spdk_bdev_notify_blockcnt_change(&g_disks[i].bdev, num_blocks));
	}
	bdk_sim_run_for(100000);
}

static int
run_grow(const void *level)
{
	uint64_t size, num_blocks = DISK_BLOCKS + (1024 * 1024) / BLOCK;
	int rc;

	/* With room for what the disks will be. */
	start_with_superblock(++g_seed, level, 4);
	wait_for_process();
	write_all(1);
	size = g_raid->bdev.blockcnt;
	for (int i = 0; i < 4; i++) {
		g_disks[i].mode = MEM_DISK_INLINE;
		g_disks[i].data = realloc(g_disks[i].data, 2 * num_blocks * BLOCK);
		memset(g_disks[i].data + num_blocks * BLOCK, 0, num_blocks * BLOCK);
	}
	alloc_arm();
	grow_all(2 * num_blocks - 256);
	alloc_disarm();
	rc = g_raid->bdev.blockcnt > size ? 0 : -ENOMEM;
	wait_for_process();
	/* What there was no memory for is done when they grow again. */
	grow_all(2 * num_blocks);
	wait_for_process();
	assert_true(g_raid->bdev.blockcnt > size);
	write_all(1);
	end_scenario();
	return rc;
}

static uint32_t g_examined;

static void
examined_cb(void *arg)
{
	g_examined++;
}

static void
examine_all(void)
{
	g_examined = 0;
	for (int i = 0; i < 4; i++) {
		ON(0, raid_assemble(&g_disks[i].bdev, examined_cb, NULL));
	}
	for (int i = 0; i < 1000 && g_examined < 4; i++) {
		bdk_sim_run_for(1000);
	}
	assert_int_equal(g_examined, 4);
}

static int
run_assemble(const void *level)
{
	bool gone = false;
	struct raid_waiter waiter = {.cb = gone_cb, .arg = &gone};
	int rc;

	start_with_superblock(++g_seed, level, 4);
	wait_for_process();
	write_all(1);
	mem_user_close(&g_user);
	ON(0, raid_delete(g_raid, false, &waiter));
	for (int i = 0; i < 1000 && !gone; i++) {
		bdk_sim_run_for(1000);
	}
	assert_true(gone);
	for (int i = 0; i < 4; i++) {
		g_disks[i].mode = MEM_DISK_INLINE;
	}
	alloc_arm();
	examine_all();
	alloc_disarm();
	g_raid = raid_find("raid");
	rc = g_raid != NULL && g_raid->state == RAID_ONLINE && g_raid->num_operational == 4 ? 0 : -ENOMEM;
	/* Those that there was no memory for are looked at again. */
	if (rc != 0) {
		examine_all();
		g_raid = raid_find("raid");
		assert_non_null(g_raid);
		/* Or it starts without them, or somebody starts it. */
		run_for_s(60);
		ON(0, raid_start_if_complete(g_raid, done_cb, NULL));
		bdk_sim_run_for(10000);
	}
	assert_int_equal(g_raid->state, RAID_ONLINE);
	mem_user_open_name(&g_user, "raid", NUM_THREADS, true);
	end_scenario();
	return rc;
}

static const struct alloc_scenario g_scenarios[] = {
	{.name = "channel of raid5 with a journal", .run = run_channel, .arg = "raid5"},
	{.name = "channel of raid0", .run = run_channel, .arg = "raid0"},
	{.name = "a member leaves raid1", .run = run_leave, .arg = "raid1", .never_fails = true},
	{.name = "raid1 grows", .run = run_grow, .arg = "raid1", .never_fails = true},
	{.name = "assembly of raid1", .run = run_assemble, .arg = "raid1"},
};

static void
test_every_allocation(void **state)
{
	alloc_run_scenarios(g_scenarios, SPDK_COUNTOF(g_scenarios));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
