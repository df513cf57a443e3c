/* SPDX-License-Identifier: BSD-3-Clause */

/* What strict mode says of bdevs that change, and of descriptors and channels that nobody gives back. */

#include "bdev_sim.h"
#include "test/unit/common/strict_reports.h"
#include "spdk/log.h"

static struct sim_disk g_disk;

static int
setup(void **state)
{
	strict_reports_begin(NULL);
	bdev_sim_start(1, 3);
	sim_disk_init(&g_disk, "disk");
	sim_disk_add(&g_disk);
	return 0;
}

static int
teardown(void **state)
{
	bdev_sim_stop();
	return 0;
}

static void
expect_change(const char *text)
{
	expect_one_report(BDK_STRICT_BDEV_CHANGED);
	assert_string_equal(g_reports.items[0].module, "sim");
	assert_string_equal(g_reports.items[0].bdev, "disk");
	if (strstr(g_reports.items[0].text, text) == NULL) {
		fail_msg("%s", g_reports.items[0].text);
	}
	g_reports.count = 0;
}

static void
done_cb(struct spdk_bdev_io *bdev_io, bool success, void *ctx)
{
	assert_true(success);
	++*(uint32_t *)ctx;
	spdk_bdev_free_io(bdev_io);
}

static void
test_field_found_by_a_new_channel(void **state)
{
	struct spdk_io_channel *ch;
	struct sim_open open = {};

	assert_int_equal(sim_open(&open, 0, "disk", false), 0);
	g_disk.bdev.optimal_io_boundary = 64;
	ON(1, ch = spdk_bdev_get_io_channel(open.desc));
	expect_change("optimal_io_boundary of the registered bdev was changed from 0 to 64");
	/* It is taken for what it is now. */
	ON(1, spdk_put_io_channel(ch));
	bdk_sim_run_until_idle();
	ON(2, ch = spdk_bdev_get_io_channel(open.desc));
	ON(2, spdk_put_io_channel(ch));
	bdk_sim_run_until_idle();
	sim_close(&open, 0);
	assert_int_equal(g_reports.count, 0);
}

static void
test_field_found_by_io(void **state)
{
	struct spdk_io_channel *ch;
	struct sim_open open = {};
	uint32_t done = 0;
	char buf[512];

	assert_int_equal(sim_open(&open, 0, "disk", false), 0);
	ON(0, ch = spdk_bdev_get_io_channel(open.desc));
	g_disk.bdev.blockcnt = 2048;
	for (uint32_t i = 0; i < 300; i++) {
		ON(0, assert_int_equal(spdk_bdev_read_blocks(open.desc, ch, buf, i, 1, done_cb, &done), 0));
		bdk_sim_run_until_idle();
	}
	assert_int_equal(done, 300);
	expect_change("blockcnt of the registered bdev was changed from 1024 to 2048");
	ON(0, spdk_put_io_channel(ch));
	sim_close(&open, 0);
}

static void
test_field_found_at_the_end(void **state)
{
	g_disk.bdev.max_rw_size = 17;
	assert_int_equal(sim_disk_remove(&g_disk), 0);
	expect_change("max_rw_size of the registered bdev was changed from 0 to 17");
}

static void
test_lawful_changes(void **state)
{
	struct spdk_io_channel *ch;
	struct sim_open open = {};

	ON(0, {
		assert_int_equal(spdk_bdev_notify_blockcnt_change(&g_disk.bdev, 2048), 0);
		assert_int_equal(spdk_bdev_alias_add(&g_disk.bdev, "other"), 0);
	});
	g_disk.bdev.write_cache = 1;
	assert_int_equal(sim_open(&open, 0, "other", true), 0);
	ON(1, ch = spdk_bdev_get_io_channel(open.desc));
	ON(1, spdk_put_io_channel(ch));
	bdk_sim_run_until_idle();
	sim_close(&open, 0);
	assert_int_equal(sim_disk_remove(&g_disk), 0);
	assert_int_equal(g_reports.count, 0);
}

static void
ignore_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *ctx)
{
}

static void
ended_cb(void *ctx)
{
	*(bool *)ctx = true;
}

static bool
is_true(void *ctx)
{
	return *(bool *)ctx;
}

static __attribute__((noinline)) struct spdk_bdev_desc *
careless_open(void)
{
	struct spdk_bdev_desc *desc = NULL;

	assert_int_equal(spdk_bdev_open_ext("disk", true, ignore_cb, NULL, &desc), 0);
	return desc;
}

static void
expect_leak(enum bdk_strict_rule rule, const char *thread, const char *function)
{
	expect_one_report(rule);
	assert_string_equal(g_reports.items[0].thread, thread);
	if (strstr(g_reports.items[0].place, function) == NULL) {
		fail_msg("%s", g_reports.items[0].text);
	}
	assert_non_null(strstr(g_reports.items[0].text, "disk"));
}

static void
test_descriptor_leaked(void **state)
{
	struct spdk_bdev_desc *desc;
	bool ended = false;

	ON(1, desc = careless_open());
	ON(0, spdk_bdev_finish(ended_cb, &ended));
	assert_false(bdk_sim_run_until(is_true, &ended, 5 * 1000 * 1000));
	assert_int_equal(g_reports.count, 0);
	assert_false(bdk_sim_run_until(is_true, &ended, 30 * 1000 * 1000));
	expect_leak(BDK_STRICT_DESCRIPTOR_LEAKED, "sim1", "careless_open+");
	assert_string_equal(g_reports.items[0].module, "sim");
	assert_string_equal(g_reports.items[0].bdev, "disk");
	ON(1, spdk_bdev_close(desc));
	assert_true(bdk_sim_run_until(is_true, &ended, 5 * 1000 * 1000));
	assert_int_equal(bdev_sim_layer_init(), 0);
}

static __attribute__((noinline)) struct spdk_io_channel *
careless_get(struct spdk_bdev_desc *desc)
{
	struct spdk_io_channel *ch = spdk_bdev_get_io_channel(desc);

	assert_non_null(ch);
	return ch;
}

static void
test_channel_leaked_at_the_end(void **state)
{
	struct spdk_io_channel *ch;
	struct sim_open open = {};
	bool ended = false;

	assert_int_equal(sim_open(&open, 0, "disk", true), 0);
	ON(1, ch = careless_get(open.desc));
	sim_close(&open, 0);
	ON(0, spdk_bdev_finish(ended_cb, &ended));
	assert_false(bdk_sim_run_until(is_true, &ended, 30 * 1000 * 1000));
	expect_leak(BDK_STRICT_CHANNEL_LEAKED, "sim1", "careless_get+");
	assert_non_null(strstr(g_reports.items[0].text, "was got 1 times and put 0 times"));
	ON(1, spdk_put_io_channel(ch));
	assert_true(bdk_sim_run_until(is_true, &ended, 5 * 1000 * 1000));
	assert_int_equal(bdev_sim_layer_init(), 0);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_field_found_by_a_new_channel),
		TEST(test_field_found_by_io),
		TEST(test_field_found_at_the_end),
		TEST(test_lawful_changes),
		TEST(test_descriptor_leaked),
		TEST(test_channel_leaked_at_the_end),
	};

	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
