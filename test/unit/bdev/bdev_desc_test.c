/* SPDX-License-Identifier: BSD-3-Clause */

#include "bdev_sim.h"

static int
setup(void **state)
{
	bdev_sim_start(2, 3);
	return 0;
}

static int
teardown(void **state)
{
	bdev_sim_stop();
	return 0;
}

static void
ignore_event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *ctx)
{
}

static void
test_open_errors(void **state)
{
	struct spdk_bdev_desc *const untouched = (void *)0x1000;
	struct spdk_bdev_desc *desc = untouched;
	struct spdk_bdev_open_opts opts;
	struct sim_open open;
	struct sim_disk disk;

	sim_disk_init(&disk, "d");
	sim_disk_add(&disk);
	ON(0, {
		assert_int_equal(spdk_bdev_open_ext("d", false, NULL, NULL, &desc), -EINVAL);
		assert_int_equal(spdk_bdev_open_ext(NULL, false, ignore_event_cb, NULL, &desc), -EINVAL);
		assert_int_equal(spdk_bdev_open_ext("e", false, ignore_event_cb, NULL, &desc), -ENODEV);
		memset(&opts, 0, sizeof(opts));
		assert_int_equal(spdk_bdev_open_ext_v2("d", false, ignore_event_cb, NULL, &opts, &desc), -EINVAL);
	});
	assert_int_equal(spdk_bdev_open_ext("d", false, ignore_event_cb, NULL, &desc), -ENOTSUP);
	assert_ptr_equal(desc, untouched);

	/* What a caller did not set is off, whatever was in its memory. */
	memset(&opts, 0xff, sizeof(opts));
	spdk_bdev_open_opts_init(&opts, sizeof(opts));
	assert_int_equal(opts.size, sizeof(opts));
	assert_false(opts.hide_metadata);

	/* A bdev that is on its way out cannot be opened any more. */
	assert_int_equal(sim_open(&open, 1, "d", true), 0);
	ON(0, {
		spdk_bdev_unregister(&disk.bdev, NULL, NULL);
		assert_int_equal(spdk_bdev_open_ext("d", false, ignore_event_cb, NULL, &desc), -ENODEV);
	});
	assert_null(desc);
	bdk_sim_run_until_idle();
	desc = untouched;
	ON(0, assert_int_equal(spdk_bdev_open_ext("d", false, ignore_event_cb, NULL, &desc), -ENODEV));
	assert_null(desc);
	sim_close(&open, 1);
	bdk_sim_run_until_idle();
	assert_int_equal(disk.destructed, 1);
}

static void
test_open_many(void **state)
{
	struct sim_open opens[5];
	struct sim_disk disk;
	int i;

	/* Writers may coexist as long as nobody claims. */
	sim_disk_init(&disk, "d");
	sim_disk_add(&disk);
	for (i = 0; i < 5; i++) {
		assert_int_equal(sim_open(&opens[i], i % 3, "d", i % 2), 0);
	}
	ON(0, spdk_bdev_unregister(&disk.bdev, NULL, NULL));
	bdk_sim_run_until_idle();
	for (i = 0; i < 5; i++) {
		assert_int_equal(opens[i].removes, 1);
		assert_int_equal(disk.destructed, 0);
		sim_close(&opens[i], i % 3);
		bdk_sim_run_until_idle();
	}
	assert_int_equal(disk.destructed, 1);
}

static void
test_resize(void **state)
{
	struct sim_open a, b;
	struct sim_disk disk;

	sim_disk_init(&disk, "d");
	sim_disk_add(&disk);
	/* Nobody has seen the old size. */
	ON(0, assert_int_equal(spdk_bdev_notify_blockcnt_change(&disk.bdev, 500), 0));
	assert_int_equal(sim_open(&a, 1, "d", false), 0);
	assert_int_equal(sim_open(&b, 2, "d", true), 0);
	ON(0, {
		assert_int_equal(spdk_bdev_notify_blockcnt_change(&disk.bdev, 499), -EBUSY);
		assert_int_equal(spdk_bdev_notify_blockcnt_change(&disk.bdev, 500), 0);
	});
	bdk_sim_run_until_idle();
	assert_int_equal(a.resizes, 0);
	ON(0, assert_int_equal(spdk_bdev_notify_blockcnt_change(&disk.bdev, 600), 0));
	assert_int_equal(spdk_bdev_get_num_blocks(&disk.bdev), 600);
	assert_int_equal(a.resizes, 0);
	bdk_sim_run_until_idle();
	assert_int_equal(a.resizes, 1);
	assert_ptr_equal(a.event_thread, g_sim_threads[1]);
	assert_int_equal(b.resizes, 1);
	sim_close(&a, 1);
	sim_close(&b, 2);
	assert_int_equal(sim_disk_remove(&disk), 0);
}

/* Examining holds the bdev open, so that it cannot shrink meanwhile. */
static void
test_no_shrinking_while_examined(void **state)
{
	struct sim_disk disk;

	sim_disk_init(&disk, "d");
	assert_int_equal(sim_disk_register(&disk), 0);
	ON(0, assert_int_equal(spdk_bdev_notify_blockcnt_change(&disk.bdev, 5), -EBUSY));
	bdk_sim_run_until_idle();
	ON(0, assert_int_equal(spdk_bdev_notify_blockcnt_change(&disk.bdev, 5), 0));
	assert_int_equal(sim_disk_remove(&disk), 0);
}

static void
test_events_after_close_are_dropped(void **state)
{
	struct sim_open open;
	struct sim_disk disk;

	sim_disk_init(&disk, "d");
	sim_disk_add(&disk);
	assert_int_equal(sim_open(&open, 1, "d", false), 0);
	ON(0, {
		assert_int_equal(spdk_bdev_notify_blockcnt_change(&disk.bdev, 2000), 0);
		assert_int_equal(spdk_bdev_notify_blockcnt_change(&disk.bdev, 3000), 0);
	});
	sim_close(&open, 1);
	/* Even the bdev is gone before the events arrive. */
	ON(0, spdk_bdev_unregister(&disk.bdev, NULL, NULL));
	bdk_sim_run_until_idle();
	assert_int_equal(open.resizes, 0);
	assert_int_equal(open.removes, 0);
	assert_int_equal(disk.destructed, 1);
}

static void
test_close_in_event(void **state)
{
	struct sim_open open;
	struct sim_disk disk;

	sim_disk_init(&disk, "d");
	sim_disk_add(&disk);
	assert_int_equal(sim_open(&open, 1, "d", false), 0);
	open.close_on_event = true;
	ON(0, {
		assert_int_equal(spdk_bdev_notify_blockcnt_change(&disk.bdev, 2000), 0);
		/* More are on their way when the first one closes. */
		assert_int_equal(spdk_bdev_notify_blockcnt_change(&disk.bdev, 3000), 0);
		spdk_bdev_unregister(&disk.bdev, NULL, NULL);
	});
	bdk_sim_run_until_idle();
	assert_int_equal(open.resizes, 1);
	assert_int_equal(open.removes, 0);
	assert_int_equal(disk.destructed, 1);
}

/* A caller's mistake that must not harm others. */
static void
test_close_on_other_thread(void **state)
{
	struct sim_open open;
	struct sim_disk disk;

	sim_disk_init(&disk, "d");
	sim_disk_add(&disk);
	assert_int_equal(sim_open(&open, 1, "d", false), 0);
	sim_close(&open, 2);
	bdk_sim_run_until_idle();
	assert_int_equal(sim_disk_remove(&disk), 0);
	assert_int_equal(open.removes, 0);
}

static void
exit_cb(void *ctx)
{
	spdk_thread_exit(ctx);
}

/* A thread may exit without having closed. Nobody can tell it of events; but another thread can close in its place. */
static void
test_thread_exits_with_a_descriptor(void **state)
{
	struct sim_open open, other;
	struct sim_disk disk;

	sim_disk_init(&disk, "d");
	sim_disk_add(&disk);
	assert_int_equal(sim_open(&open, 2, "d", true), 0);
	assert_int_equal(sim_open(&other, 1, "d", true), 0);
	other.close_on_event = true;
	bdk_sim_call(g_sim_threads[2], exit_cb, g_sim_threads[2]);
	bdk_sim_run_until_idle();
	ON(0, {
		assert_int_equal(spdk_bdev_notify_blockcnt_change(&disk.bdev, 2000), 0);
		spdk_bdev_unregister(&disk.bdev, NULL, NULL);
	});
	bdk_sim_run_until_idle();
	assert_int_equal(other.resizes, 1);
	assert_int_equal(open.resizes + open.removes, 0);
	assert_int_equal(disk.destructed, 0);
	sim_close(&open, 0);
	bdk_sim_run_until_idle();
	assert_int_equal(disk.destructed, 1);
}

/* The thread that asked for removal is gone when the last descriptor is closed. */
static void
test_asker_of_removal_exits(void **state)
{
	struct sim_open open;
	struct sim_disk disk;

	sim_disk_init(&disk, "d");
	sim_disk_add(&disk);
	assert_int_equal(sim_open(&open, 1, "d", true), 0);
	ON(2, spdk_bdev_unregister(&disk.bdev, NULL, NULL));
	bdk_sim_run_until_idle();
	assert_int_equal(open.removes, 1);
	bdk_sim_call(g_sim_threads[2], exit_cb, g_sim_threads[2]);
	bdk_sim_run_until_idle();
	sim_close(&open, 1);
	bdk_sim_run_until_idle();
	assert_int_equal(disk.destructed, 1);
	assert_ptr_equal(disk.destruct_thread, g_sim_threads[1]);
}

static void
test_hidden_metadata(void **state)
{
	struct spdk_bdev_desc *plain, *hidden;
	struct spdk_bdev_open_opts opts;
	struct sim_disk disk;

	sim_disk_init(&disk, "separate");
	disk.bdev.md_len = 8;
	sim_disk_add(&disk);
	spdk_bdev_open_opts_init(&opts, sizeof(opts));
	assert_false(opts.hide_metadata);
	opts.hide_metadata = true;
	ON(0,
		assert_int_equal(
			spdk_bdev_open_ext_v2("separate", true, ignore_event_cb, NULL, &opts, &hidden), -EINVAL));
	assert_int_equal(sim_disk_remove(&disk), 0);

	sim_disk_init(&disk, "interleaved");
	disk.bdev.blocklen = 4104;
	disk.bdev.md_len = 8;
	disk.bdev.md_interleave = true;
	disk.bdev.dif_type = SPDK_DIF_TYPE1;
	disk.bdev.dif_pi_format = SPDK_DIF_PI_FORMAT_32;
	disk.bdev.dif_is_head_of_md = true;
	disk.bdev.dif_check_flags = SPDK_DIF_FLAGS_GUARD_CHECK;
	sim_disk_add(&disk);
	ON(0, {
		assert_int_equal(spdk_bdev_open_ext("interleaved", true, ignore_event_cb, NULL, &plain), 0);
		assert_int_equal(spdk_bdev_open_ext_v2("interleaved", true, ignore_event_cb, NULL, &opts, &hidden), 0);
	});
	assert_int_equal(spdk_bdev_desc_get_block_size(plain), 4104);
	assert_int_equal(spdk_bdev_desc_get_md_size(plain), 8);
	assert_true(spdk_bdev_desc_is_md_interleaved(plain));
	assert_false(spdk_bdev_desc_is_md_separate(plain));
	assert_int_equal(spdk_bdev_desc_get_dif_type(plain), SPDK_DIF_TYPE1);
	assert_int_equal(spdk_bdev_desc_get_dif_pi_format(plain), SPDK_DIF_PI_FORMAT_32);
	assert_true(spdk_bdev_desc_is_dif_head_of_md(plain));
	assert_true(spdk_bdev_desc_is_dif_check_enabled(plain, SPDK_DIF_CHECK_TYPE_GUARD));
	assert_false(spdk_bdev_desc_is_dif_check_enabled(plain, SPDK_DIF_CHECK_TYPE_REFTAG));

	assert_int_equal(spdk_bdev_desc_get_block_size(hidden), 4096);
	assert_int_equal(spdk_bdev_desc_get_md_size(hidden), 0);
	assert_false(spdk_bdev_desc_is_md_interleaved(hidden));
	assert_int_equal(spdk_bdev_desc_get_dif_type(hidden), SPDK_DIF_DISABLE);
	assert_int_equal(spdk_bdev_desc_get_dif_pi_format(hidden), SPDK_DIF_PI_FORMAT_16);
	assert_false(spdk_bdev_desc_is_dif_head_of_md(hidden));
	assert_false(spdk_bdev_desc_is_dif_check_enabled(hidden, SPDK_DIF_CHECK_TYPE_GUARD));
	/* The bdev itself is what it was. */
	assert_int_equal(spdk_bdev_get_block_size(&disk.bdev), 4104);
	assert_int_equal(spdk_bdev_get_data_block_size(&disk.bdev), 4096);
	assert_int_equal(spdk_bdev_get_md_size(&disk.bdev), 8);
	ON(0, {
		spdk_bdev_close(plain);
		spdk_bdev_close(hidden);
	});
	assert_int_equal(sim_disk_remove(&disk), 0);
}

/* ---- asynchronous open ---- */

struct async_open {
	uint32_t called;
	int rc;
	struct spdk_bdev_desc *desc;
	struct spdk_thread *thread;
};

static void
opened_cb(struct spdk_bdev_desc *desc, int rc, void *ctx)
{
	struct async_open *open = ctx;

	open->called++;
	open->rc = rc;
	open->desc = desc;
	open->thread = spdk_get_thread();
}

static int
open_async(struct async_open *open, uint32_t thread, const char *name, uint64_t timeout_ms)
{
	struct spdk_bdev_open_async_opts opts = {.size = sizeof(opts), .timeout_ms = timeout_ms};
	int rc;

	memset(open, 0, sizeof(*open));
	ON(thread, rc = spdk_bdev_open_async(name, true, ignore_event_cb, NULL, &opts, opened_cb, open));
	return rc;
}

static void
test_open_async_errors(void **state)
{
	struct spdk_bdev_open_async_opts opts = {};
	struct async_open open = {};

	ON(0, {
		assert_int_equal(spdk_bdev_open_async("d", false, NULL, NULL, NULL, opened_cb, &open), -EINVAL);
		assert_int_equal(spdk_bdev_open_async("d", false, ignore_event_cb, NULL, NULL, NULL, &open), -EINVAL);
		assert_int_equal(
			spdk_bdev_open_async("d", false, ignore_event_cb, NULL, &opts, opened_cb, &open), -EINVAL);
		/* Without options it does not wait. */
		assert_int_equal(spdk_bdev_open_async("d", false, ignore_event_cb, NULL, NULL, opened_cb, &open), 0);
	});
	/* Nobody could be told. */
	assert_int_equal(spdk_bdev_open_async("d", false, ignore_event_cb, NULL, NULL, opened_cb, &open), -ENOTSUP);
	bdk_sim_run_until_idle();
	assert_int_equal(open.called, 1);
	assert_int_equal(open.rc, -ENODEV);
	assert_null(open.desc);
}

static void
test_open_async(void **state)
{
	struct async_open open;
	struct sim_disk disk;

	/* It is there: by message all the same. */
	sim_disk_init(&disk, "d");
	sim_disk_add(&disk);
	assert_int_equal(open_async(&open, 1, "d", 5000), 0);
	assert_int_equal(open.called, 0);
	bdk_sim_run_until_idle();
	assert_int_equal(open.called, 1);
	assert_int_equal(open.rc, 0);
	assert_ptr_equal(open.thread, g_sim_threads[1]);
	ON(1, spdk_bdev_close(open.desc));

	/* It comes later. */
	assert_int_equal(open_async(&open, 2, "e", 5000), 0);
	bdk_sim_run_for(3 * 1000 * 1000);
	assert_int_equal(open.called, 0);
	assert_int_equal(sim_disk_remove(&disk), 0);
	sim_disk_init(&disk, "e");
	sim_disk_add(&disk);
	bdk_sim_run_for(200 * 1000);
	assert_int_equal(open.called, 1);
	assert_int_equal(open.rc, 0);
	ON(2, spdk_bdev_close(open.desc));
	assert_int_equal(sim_disk_remove(&disk), 0);

	/* It does not come. */
	assert_int_equal(open_async(&open, 2, "f", 5000), 0);
	bdk_sim_run_for(4900 * 1000);
	assert_int_equal(open.called, 0);
	bdk_sim_run_for(200 * 1000);
	assert_int_equal(open.called, 1);
	assert_int_equal(open.rc, -ETIMEDOUT);
	assert_null(open.desc);
}

/* A bdev that is there but claimed is waited for as well. */
static void
test_open_async_claimed(void **state)
{
	struct async_open open;
	struct sim_disk disk;

	sim_disk_init(&disk, "d");
	sim_disk_add(&disk);
	ON(0, assert_int_equal(spdk_bdev_module_claim_bdev(&disk.bdev, NULL, &g_sim_module), 0));
	assert_int_equal(open_async(&open, 1, "d", UINT64_MAX), 0);
	bdk_sim_run_for(1000 * 1000);
	assert_int_equal(open.called, 0);
	ON(0, spdk_bdev_module_release_bdev(&disk.bdev));
	bdk_sim_run_for(200 * 1000);
	assert_int_equal(open.called, 1);
	assert_int_equal(open.rc, 0);
	ON(1, spdk_bdev_close(open.desc));
	assert_int_equal(sim_disk_remove(&disk), 0);
}

static void
test_open_async_shutdown(void **state)
{
	struct async_open a, b, c;

	assert_int_equal(open_async(&a, 0, "d", 1000 * 1000), 0);
	assert_int_equal(open_async(&b, 2, "d", 1000 * 1000), 0);
	/* Its result is on the way. */
	assert_int_equal(open_async(&c, 1, "d", 0), 0);
	bdev_sim_layer_fini();
	assert_int_equal(a.called, 1);
	assert_int_equal(a.rc, -ESHUTDOWN);
	assert_ptr_equal(a.thread, g_sim_threads[0]);
	assert_int_equal(b.called, 1);
	assert_int_equal(b.rc, -ESHUTDOWN);
	assert_ptr_equal(b.thread, g_sim_threads[2]);
	assert_int_equal(c.called, 1);
	assert_int_equal(c.rc, -ENODEV);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_open_errors),
		TEST(test_open_many),
		TEST(test_resize),
		TEST(test_no_shrinking_while_examined),
		TEST(test_events_after_close_are_dropped),
		TEST(test_close_in_event),
		TEST(test_close_on_other_thread),
		TEST(test_thread_exits_with_a_descriptor),
		TEST(test_asker_of_removal_exits),
		TEST(test_hidden_metadata),
		TEST(test_open_async_errors),
		TEST(test_open_async),
		TEST(test_open_async_claimed),
		TEST(test_open_async_shutdown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
