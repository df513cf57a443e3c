/* SPDX-License-Identifier: BSD-3-Clause */

#include "bdev_sim.h"
#include "spdk/notify.h"
#include "spdk/string.h"

static int
setup(void **state)
{
	bdev_sim_start(1, 3);
	return 0;
}

static int
teardown(void **state)
{
	bdev_sim_stop();
	return 0;
}

/* ---- what registration refuses ---- */

static bool
all_types(void *ctx, enum spdk_bdev_io_type type)
{
	return true;
}

static void
test_refused(void **state)
{
	struct spdk_bdev_fn_table table;
	struct sim_disk disk;

	sim_disk_init(&disk, "");
	assert_int_equal(sim_disk_register(&disk), -EINVAL);
	disk.bdev.name = NULL;
	assert_int_equal(sim_disk_register(&disk), -EINVAL);

	sim_disk_init(&disk, "d");
	ON(1, assert_int_equal(spdk_bdev_register(&disk.bdev), -EINVAL));

	table = *disk.bdev.fn_table;
	disk.bdev.fn_table = NULL;
	assert_int_equal(sim_disk_register(&disk), -EINVAL);
	disk.bdev.fn_table = &table;
	table.get_io_channel = NULL;
	assert_int_equal(sim_disk_register(&disk), -EINVAL);

	sim_disk_init(&disk, "d");
	disk.bdev.blocklen = 0;
	assert_int_equal(sim_disk_register(&disk), -EINVAL);
	/* Nothing has to be computed from the block size then. */
	table = *disk.bdev.fn_table;
	table.io_type_supported = all_types;
	disk.bdev.fn_table = &table;
	sim_disk_add(&disk);
	assert_int_equal(sim_disk_remove(&disk), 0);

	sim_disk_init(&disk, "d");
	disk.bdev.required_alignment = 40;
	assert_int_equal(sim_disk_register(&disk), -EINVAL);
	sim_disk_init(&disk, "d");
	disk.bdev.md_len = 512;
	disk.bdev.md_interleave = true;
	assert_int_equal(sim_disk_register(&disk), -EINVAL);

	assert_null(spdk_bdev_get_by_name("d"));
	assert_null(spdk_bdev_first());
}

/* ---- defaults ---- */

static void
test_defaults(void **state)
{
	char uuid[SPDK_UUID_STRING_LEN];
	struct sim_disk disk;

	sim_disk_init(&disk, "d");
	sim_disk_add(&disk);
	assert_int_equal(disk.bdev.write_unit_size, 1);
	assert_int_equal(disk.bdev.acwu, 1);
	assert_int_equal(disk.bdev.phys_blocklen, 512);
	assert_int_equal(disk.bdev.max_rw_size, 0);
	/* 132 KiB of a large buffer, and 1 MiB of zeroes. */
	assert_int_equal(disk.bdev.max_copy, 264);
	assert_int_equal(disk.bdev.max_write_zeroes, 2048);
	assert_false(spdk_uuid_is_null(&disk.bdev.uuid));
	spdk_uuid_fmt_lower(uuid, sizeof(uuid), &disk.bdev.uuid);
	assert_ptr_equal(spdk_bdev_get_by_name(uuid), &disk.bdev);
	assert_ptr_equal(spdk_bdev_get_by_name("d"), &disk.bdev);
	assert_null(spdk_bdev_get_by_name("D"));
	assert_int_equal(sim_disk_remove(&disk), 0);
	assert_null(spdk_bdev_get_by_name(uuid));
}

static void
test_limits(void **state)
{
	struct sim_disk disk;

	sim_disk_init(&disk, "aligned");
	disk.bdev.blocklen = 4096;
	disk.bdev.required_alignment = 12;
	disk.bdev.write_unit_size = 4;
	sim_disk_add(&disk);
	/* (135168 - 4095) / 4096 = 32, and (1048576 - 4095) / 4096 = 255, in whole units of 4. */
	assert_int_equal(disk.bdev.max_rw_size, 32);
	assert_int_equal(disk.bdev.max_copy, 32);
	assert_int_equal(disk.bdev.max_write_zeroes, 252);
	assert_int_equal(disk.bdev.acwu, 4);
	assert_int_equal(sim_disk_remove(&disk), 0);

	sim_disk_init(&disk, "smaller");
	disk.bdev.required_alignment = 12;
	disk.bdev.max_rw_size = 8;
	disk.bdev.md_len = 8;
	disk.bdev.split_on_optimal_io_boundary = true;
	disk.bdev.optimal_io_boundary = 64;
	disk.io_types |= 1 << SPDK_BDEV_IO_TYPE_COPY;
	disk.bdev.max_copy = 77;
	sim_disk_add(&disk);
	assert_int_equal(disk.bdev.max_rw_size, 8);
	assert_int_equal(disk.bdev.max_copy, 77);
	assert_int_equal(disk.bdev.max_write_zeroes, 64);
	assert_int_equal(sim_disk_remove(&disk), 0);

	sim_disk_init(&disk, "interleaved");
	disk.bdev.blocklen = 520;
	disk.bdev.md_len = 8;
	disk.bdev.md_interleave = true;
	sim_disk_add(&disk);
	assert_int_equal(disk.bdev.phys_blocklen, 512);
	assert_int_equal(disk.bdev.max_write_zeroes, 1048576 / 520);
	assert_int_equal(sim_disk_remove(&disk), 0);
}

/* The guide's sample names no module. */
static void
test_no_module(void **state)
{
	struct sim_disk disk;
	int rc;

	sim_disk_init(&disk, "d");
	disk.bdev.module = NULL;
	sim_disk_add(&disk);
	assert_string_equal(spdk_bdev_get_module_name(&disk.bdev), "anonymous");
	ON(0, rc = spdk_bdev_unregister_by_name("d", NULL, NULL, NULL));
	assert_int_equal(rc, 0);
	bdk_sim_run_until_idle();
	assert_int_equal(disk.destructed, 1);
}

/* ---- names ---- */

static void
test_names(void **state)
{
	struct sim_disk a, b;
	char uuid[SPDK_UUID_STRING_LEN];

	sim_disk_init(&a, "a");
	sim_disk_add(&a);
	sim_disk_init(&b, "a");
	assert_int_equal(sim_disk_register(&b), -EEXIST);
	/* A refused bdev leaves nothing behind, so that another name will do. */
	spdk_uuid_fmt_lower(uuid, sizeof(uuid), &b.bdev.uuid);
	assert_null(spdk_bdev_get_by_name(uuid));
	sim_disk_init(&b, "b");
	spdk_uuid_copy(&b.bdev.uuid, &a.bdev.uuid);
	assert_int_equal(sim_disk_register(&b), -EEXIST);
	assert_null(spdk_bdev_get_by_name("b"));
	spdk_uuid_set_null(&b.bdev.uuid);
	sim_disk_add(&b);

	ON(0, {
		assert_int_equal(spdk_bdev_alias_add(&a.bdev, NULL), -EINVAL);
		assert_int_equal(spdk_bdev_alias_add(&a.bdev, "b"), -EEXIST);
		assert_int_equal(spdk_bdev_alias_add(&a.bdev, "a"), -EEXIST);
		assert_int_equal(spdk_bdev_alias_add(&a.bdev, "other"), 0);
		assert_int_equal(spdk_bdev_alias_add(&b.bdev, "other"), -EEXIST);
		assert_ptr_equal(spdk_bdev_get_by_name("other"), &a.bdev);
		assert_int_equal(spdk_bdev_alias_del(&a.bdev, "a"), -ENOENT);
		assert_int_equal(spdk_bdev_alias_del(&b.bdev, "other"), -ENOENT);
		assert_int_equal(spdk_bdev_alias_del(&a.bdev, "other"), 0);
		assert_int_equal(spdk_bdev_alias_del(&a.bdev, "other"), -ENOENT);
		assert_int_equal(spdk_bdev_alias_add(&a.bdev, "left"), 0);
	});
	assert_int_equal(sim_disk_remove(&a), 0);
	/* What its module forgot does not lead to memory that may be gone. */
	assert_null(spdk_bdev_get_by_name("left"));
	ON(0, {
		assert_int_equal(spdk_bdev_alias_add(&b.bdev, "left"), 0);
		spdk_bdev_alias_del_all(&b.bdev);
	});
	assert_true(TAILQ_EMPTY(spdk_bdev_get_aliases(&b.bdev)));
	assert_int_equal(sim_disk_remove(&b), 0);
}

/* A bdev whose name is the text of its UUID has no alias. */
static void
test_name_is_uuid(void **state)
{
	struct sim_disk disk;

	sim_disk_init(&disk, "5b1f5e0c-6d6d-4c5e-9f38-9c1d1b7d1a11");
	assert_int_equal(spdk_uuid_parse(&disk.bdev.uuid, disk.name), 0);
	sim_disk_add(&disk);
	assert_true(TAILQ_EMPTY(spdk_bdev_get_aliases(&disk.bdev)));
	assert_int_equal(sim_disk_remove(&disk), 0);
}

/* ---- unregistration ---- */

static int g_rc;
static uint32_t g_called;
static struct spdk_thread *g_called_on;

static void
unregistered_cb(void *ctx, int rc)
{
	g_rc = rc;
	g_called++;
	g_called_on = spdk_get_thread();
}

static void
test_unregister_errors(void **state)
{
	struct sim_disk disk;

	sim_disk_init(&disk, "d");
	g_called = 0;
	ON(0, spdk_bdev_unregister(&disk.bdev, unregistered_cb, NULL));
	assert_int_equal(g_called, 1);
	assert_int_equal(g_rc, -ENODEV);
	/* As the guide's error path does. */
	ON(0, spdk_bdev_unregister(&disk.bdev, NULL, NULL));

	sim_disk_add(&disk);
	spdk_bdev_unregister(&disk.bdev, unregistered_cb, NULL);
	assert_int_equal(g_called, 2);
	assert_int_equal(g_rc, -ENOTSUP);

	ON(0, {
		spdk_bdev_unregister(&disk.bdev, NULL, NULL);
		spdk_bdev_unregister(&disk.bdev, unregistered_cb, NULL);
	});
	assert_int_equal(g_called, 3);
	assert_int_equal(g_rc, -EBUSY);
	bdk_sim_run_until_idle();
	assert_int_equal(disk.destructed, 1);

	/* The same structure again. */
	sim_disk_add(&disk);
	assert_int_equal(sim_disk_remove(&disk), 0);
	assert_int_equal(disk.destructed, 2);
}

static void
test_unregister_by_name(void **state)
{
	static struct spdk_bdev_module other = {.name = "other"};
	struct sim_disk disk;
	int rc;

	sim_disk_init(&disk, "d");
	sim_disk_add(&disk);
	g_called = 0;
	ON(0, rc = spdk_bdev_unregister_by_name("e", &g_sim_module, unregistered_cb, NULL));
	assert_int_equal(rc, -ENODEV);
	ON(0, rc = spdk_bdev_unregister_by_name("d", &other, unregistered_cb, NULL));
	assert_int_equal(rc, -ENODEV);
	assert_int_equal(g_called, 0);
	ON(2, rc = spdk_bdev_unregister_by_name("d", &g_sim_module, unregistered_cb, NULL));
	assert_int_equal(rc, 0);
	bdk_sim_run_until_idle();
	assert_int_equal(g_called, 1);
	assert_int_equal(g_rc, 0);
	assert_ptr_equal(disk.destruct_thread, g_sim_threads[2]);
	assert_ptr_equal(g_called_on, g_sim_threads[2]);
}

/* destruct runs on the thread that asked, wherever the last descriptor is closed. */
static void
test_destruct_thread(void **state)
{
	struct sim_open open;
	struct sim_disk disk;

	sim_disk_init(&disk, "d");
	sim_disk_add(&disk);
	assert_int_equal(sim_open(&open, 1, "d", true), 0);
	g_called = 0;
	ON(2, spdk_bdev_unregister(&disk.bdev, unregistered_cb, NULL));
	bdk_sim_run_until_idle();
	assert_int_equal(open.removes, 1);
	assert_ptr_equal(open.event_thread, g_sim_threads[1]);
	assert_int_equal(disk.destructed, 0);
	/* Its name is taken until then. */
	assert_ptr_equal(spdk_bdev_get_by_name("d"), &disk.bdev);
	sim_close(&open, 1);
	assert_null(spdk_bdev_get_by_name("d"));
	bdk_sim_run_until_idle();
	assert_int_equal(disk.destructed, 1);
	assert_ptr_equal(disk.destruct_thread, g_sim_threads[2]);
	assert_int_equal(g_called, 1);
}

/* The last step waits for channels, which may outlive the descriptors. */
static void
test_destruct_waits_for_channels(void **state)
{
	struct spdk_io_channel *ch;
	struct sim_open open;
	struct sim_disk disk;

	sim_disk_init(&disk, "d");
	sim_disk_add(&disk);
	assert_int_equal(sim_open(&open, 1, "d", true), 0);
	ON(1, ch = spdk_bdev_get_io_channel(open.desc));
	assert_non_null(ch);
	ON(0, spdk_bdev_unregister(&disk.bdev, NULL, NULL));
	bdk_sim_run_until_idle();
	sim_close(&open, 1);
	bdk_sim_run_until_idle();
	assert_int_equal(disk.destructed, 0);
	ON(1, spdk_put_io_channel(ch));
	bdk_sim_run_until_idle();
	assert_int_equal(disk.destructed, 1);
}

static void
test_destruct_results(void **state)
{
	struct sim_disk disk;

	/* An error is passed on, and the bdev is gone all the same. */
	sim_disk_init(&disk, "d");
	disk.destruct_rc = -EIO;
	sim_disk_add(&disk);
	assert_int_equal(sim_disk_remove(&disk), -EIO);
	assert_null(spdk_bdev_get_by_name("d"));

	/* Asynchronous: the callback runs on the thread that reports. */
	sim_disk_init(&disk, "d");
	disk.destruct_rc = 1;
	sim_disk_add(&disk);
	g_called = 0;
	ON(0, spdk_bdev_unregister(&disk.bdev, unregistered_cb, NULL));
	bdk_sim_run_until_idle();
	assert_int_equal(disk.destructed, 1);
	assert_int_equal(g_called, 0);
	ON(1, spdk_bdev_destruct_done(&disk.bdev, -ENXIO));
	assert_int_equal(g_called, 1);
	assert_int_equal(g_rc, -ENXIO);
	assert_ptr_equal(g_called_on, g_sim_threads[1]);
	/* Once more does no harm. */
	ON(1, spdk_bdev_destruct_done(&disk.bdev, 0));
	assert_int_equal(g_called, 1);
}

static int
destruct_done_inside(void *ctx)
{
	struct sim_disk *disk = ctx;

	spdk_bdev_destruct_done(&disk->bdev, -EAGAIN);
	assert_int_equal(g_called, 0);
	return 1;
}

static void
test_destruct_done_inside(void **state)
{
	struct spdk_bdev_fn_table table;
	struct sim_disk disk;

	sim_disk_init(&disk, "d");
	table = *disk.bdev.fn_table;
	table.destruct = destruct_done_inside;
	disk.bdev.fn_table = &table;
	sim_disk_add(&disk);
	g_called = 0;
	ON(0, spdk_bdev_unregister(&disk.bdev, unregistered_cb, NULL));
	bdk_sim_run_until_idle();
	assert_int_equal(g_called, 1);
	assert_int_equal(g_rc, -EAGAIN);
}

/* Who asked for the removal need not live until it can be done. */
static void
test_unregister_thread_exits(void **state)
{
	struct spdk_thread *thread = spdk_thread_create("short", NULL);
	struct sim_open open;
	struct sim_disk disk;

	sim_disk_init(&disk, "d");
	sim_disk_add(&disk);
	assert_int_equal(sim_open(&open, 1, "d", false), 0);
	spdk_set_thread(thread);
	spdk_bdev_unregister(&disk.bdev, NULL, NULL);
	spdk_set_thread(NULL);
	bdk_sim_run_until_idle();
	spdk_set_thread(thread);
	assert_int_equal(spdk_thread_exit(thread), 0);
	spdk_set_thread(NULL);
	bdk_sim_run_for(6 * 1000 * 1000);
	sim_close(&open, 1);
	bdk_sim_run_until_idle();
	assert_int_equal(disk.destructed, 1);
}

/* ---- notifications ---- */

static int
collect_event_cb(uint64_t idx, const struct spdk_notify_event *event, void *ctx)
{
	char *text = ctx;

	snprintf(text + strlen(text), 1000 - strlen(text), "%s %s;", event->type, event->ctx);
	return 0;
}

static void
test_notifications(void **state)
{
	char text[1000] = "";
	struct sim_disk disk;
	uint64_t start;

	start = spdk_notify_foreach_event(0, UINT64_MAX, collect_event_cb, text);
	memset(text, 0, sizeof(text));
	sim_disk_init(&disk, "n");
	assert_int_equal(sim_disk_register(&disk), 0);
	spdk_notify_foreach_event(start, UINT64_MAX, collect_event_cb, text);
	assert_string_equal(text, "");
	bdk_sim_run_until_idle();
	assert_int_equal(sim_disk_remove(&disk), 0);
	spdk_notify_foreach_event(start, UINT64_MAX, collect_event_cb, text);
	assert_string_equal(text, "bdev_register n;bdev_unregister n;");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_refused),
		TEST(test_defaults),
		TEST(test_limits),
		TEST(test_no_module),
		TEST(test_names),
		TEST(test_name_is_uuid),
		TEST(test_unregister_errors),
		TEST(test_unregister_by_name),
		TEST(test_destruct_thread),
		TEST(test_destruct_waits_for_channels),
		TEST(test_destruct_results),
		TEST(test_destruct_done_inside),
		TEST(test_unregister_thread_exits),
		TEST(test_notifications),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
