/* SPDX-License-Identifier: BSD-3-Clause */

/* What arrays do in the background when there is no memory: a member does not become one, a scrub is refused, a repair waits. */

#include "raid_process_fixture.h"

#include "test/unit/common/alloc_failure.h"

static uint64_t g_seed;

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
run_rebuild(const void *level)
{
	int rc;

	start(++g_seed, level, 4);
	wait_for_process();
	write_all(1);
	add_disk(4);
	leave(0);
	bdk_sim_run_for(10000);
	g_rc = 1;
	alloc_arm();
	ON(0, raid_add_bdev(g_raid, g_disks[4].name, false, done_cb, NULL));
	for (int i = 0; i < 1000 && (g_rc == 1 || g_raid->process != NULL); i++) {
		bdk_sim_run_for(1000);
	}
	alloc_disarm();
	rc = g_rc;
	assert_int_not_equal(rc, 1);
	wait_for_process();
	bdk_sim_run_for(10000);
	if (rc == 0 && g_raid->members[0].desc == NULL) {
		/* It was one, and has left since. */
		rc = -ENOMEM;
	}
	assert_true(rc != 0 || g_raid->members[0].in_sync_until == UINT64_MAX);
	end_scenario();
	return rc == -ENODEV ? -ENOMEM : rc;
}

static int
run_scrub(const void *level)
{
	int rc;

	start(++g_seed, level, 4);
	wait_for_process();
	write_all(1);
	memset(g_disks[1].data + 7 * BLOCK, 0x55, BLOCK);
	alloc_arm();
	ON(0, rc = raid_process_start_scrub(g_raid, RAID_SCRUB_REPAIR));
	for (int i = 0; i < 1000 && g_raid->process != NULL; i++) {
		bdk_sim_run_for(1000);
	}
	alloc_disarm();
	wait_for_process();
	if (rc == 0) {
		assert_int_equal(g_raid->num_repaired, 1);
	} else {
		/* The damage is this test's. */
		assert_int_equal(scrub(RAID_SCRUB_REPAIR), 1);
	}
	end_scenario();
	return rc;
}

static int
run_repair(const void *level)
{
	uint8_t buf[BLOCK];

	start(++g_seed, level, 2);
	write_all(1);
	g_faults[0] = (struct fault){.reads = true, .first = 40, .end = 41, .mended_by_write = true};
	alloc_arm();
	assert_true(do_io(SPDK_BDEV_IO_TYPE_READ, buf, 40, 1));
	bdk_sim_run_for(10000);
	alloc_disarm();
	/* What there was no memory for, the next read does. */
	assert_true(do_io(SPDK_BDEV_IO_TYPE_READ, buf, 40, 1));
	bdk_sim_run_for(10000);
	assert_false(g_faults[0].reads);
	assert_int_equal(g_raid->num_operational, 2);
	end_scenario();
	return 0;
}

static const struct alloc_scenario g_scenarios[] = {
	{.name = "rebuild of raid6", .run = run_rebuild, .arg = "raid6"},
	{.name = "scrub of raid1", .run = run_scrub, .arg = "raid1"},
	{.name = "read repair of raid1", .run = run_repair, .arg = "raid1", .never_fails = true},
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
