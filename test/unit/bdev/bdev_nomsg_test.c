/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What the layer has promised, it does even while no message can be had: all of them circulate in a thread that does
 * nothing but send on what it gets.
 */

#include "bdev_sim.h"
#include "test/unit/common/strict_tolerate.h"

#define KEEPER 2
#define MAX_STEPS 100000

static struct sim_disk g_disk;
static struct sim_open g_open;
static struct spdk_io_channel *g_ch[2];
static uint8_t g_buf[512];
static bool g_circulate;

static void
circulate_cb(void *ctx)
{
	if (g_circulate) {
		assert_int_equal(spdk_thread_send_msg(g_sim_threads[KEEPER], circulate_cb, NULL), 0);
	}
}

/* Takes all messages out of the caches of the threads, and out of the pool. */
static void
take_all_messages(void)
{
	uint32_t i;

	g_circulate = true;
	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	for (i = 0; i <= KEEPER; i++) {
		ON(i, while (spdk_thread_send_msg(g_sim_threads[KEEPER], circulate_cb, NULL) == 0){});
	}
	for (i = 0; i < KEEPER; i++) {
		ON(i, assert_int_equal(spdk_thread_send_msg(g_sim_threads[0], circulate_cb, NULL), -ENOMEM));
	}
}

static void
give_back_messages(void)
{
	g_circulate = false;
	spdk_log_set_print_level(SPDK_LOG_NOTICE);
	bdk_sim_run_until_idle();
}

static void
run_until(const uint32_t *count, uint32_t expected)
{
	uint32_t i;

	for (i = 0; i < MAX_STEPS && *count < expected; i++) {
		bdk_sim_step();
	}
	assert_int_equal(*count, expected);
}

static int
setup(void **state)
{
	bdev_sim_start(3, 3);
	sim_disk_init(&g_disk, "d");
	sim_disk_add(&g_disk);
	assert_int_equal(sim_open(&g_open, 0, "d", true), 0);
	ON(0, g_ch[0] = spdk_bdev_get_io_channel(g_open.desc));
	ON(1, g_ch[1] = spdk_bdev_get_io_channel(g_open.desc));
	return 0;
}

static int
teardown(void **state)
{
	give_back_messages();
	if (g_ch[0] != NULL) {
		ON(0, spdk_put_io_channel(g_ch[0]));
		ON(1, spdk_put_io_channel(g_ch[1]));
	}
	bdk_sim_run_until_idle();
	if (g_open.desc != NULL) {
		sim_close(&g_open, 0);
	}
	if (g_disk.destructed == 0) {
		assert_int_equal(sim_disk_remove(&g_disk), 0);
	}
	bdev_sim_stop();
	return 0;
}

static void
io_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	assert_true(success);
	assert_ptr_equal(spdk_bdev_io_get_thread(bdev_io), spdk_get_thread());
	++*(uint32_t *)cb_arg;
	spdk_bdev_free_io(bdev_io);
}

static void
test_deferred(void **state)
{
	uint32_t done = 0, i;

	take_all_messages();
	for (i = 0; i < 2; i++) {
		ON(i, assert_int_equal(spdk_bdev_read_blocks(g_open.desc, g_ch[i], g_buf, 0, 1, io_done_cb, &done), 0));
	}
	assert_int_equal(done, 0);
	run_until(&done, 2);
}

static void
test_resets(void **state)
{
	uint32_t done = 0, i;

	take_all_messages();
	for (i = 0; i < 4; i++) {
		ON(i % 2, assert_int_equal(spdk_bdev_reset(g_open.desc, g_ch[i % 2], io_done_cb, &done), 0));
	}
	run_until(&done, 4);
}

static struct spdk_bdev_io *g_kept;

static void
keep_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	g_kept = bdev_io;
	++*(uint32_t *)cb_arg;
}

static void
test_wrong_thread(void **state)
{
	struct spdk_bdev_io *bdev_io;
	uint32_t done = 0, i;

	g_disk.hold = true;
	ON(0, assert_int_equal(spdk_bdev_read_blocks(g_open.desc, g_ch[0], g_buf, 0, 1, keep_cb, &done), 0));
	bdev_io = TAILQ_FIRST(&g_disk.held);
	TAILQ_REMOVE(&g_disk.held, bdev_io, internal_link);
	g_disk.hold = false;
	take_all_messages();
	ON(1, {
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
		/* A fault of the module, which is told, and not more. */
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
	});
	run_until(&done, 1);
	assert_ptr_equal(g_kept, bdev_io);

	ON(1, spdk_bdev_free_io(bdev_io));
	for (i = 0; i < 100; i++) {
		bdk_sim_step();
	}
	/* The next one takes the object that was used last, but in strict mode, which keeps it. */
	done = 0;
	ON(0, assert_int_equal(spdk_bdev_read_blocks(g_open.desc, g_ch[0], g_buf, 0, 1, keep_cb, &done), 0));
	run_until(&done, 1);
	assert_true(g_kept == bdev_io || bdk_strict_is_enabled());
	ON(0, spdk_bdev_free_io(g_kept));
}

static void
test_events(void **state)
{
	take_all_messages();
	ON(1, {
		assert_int_equal(spdk_bdev_notify_blockcnt_change(&g_disk.bdev, 2000), 0);
		assert_int_equal(spdk_bdev_notify_blockcnt_change(&g_disk.bdev, 3000), 0);
	});
	run_until(&g_open.resizes, 2);

	ON(1, spdk_bdev_unregister(&g_disk.bdev, NULL, NULL));
	run_until(&g_open.removes, 1);
	ON(0, spdk_put_io_channel(g_ch[0]));
	ON(1, spdk_put_io_channel(g_ch[1]));
	g_ch[0] = g_ch[1] = NULL;
	/* Closed on another thread: passed on. destruct() is for the thread that has asked. */
	ON(1, spdk_bdev_close(g_open.desc));
	g_open.desc = NULL;
	run_until(&g_disk.destructed, 1);
	assert_ptr_equal(g_disk.destruct_thread, g_sim_threads[1]);
}

static void
event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *ctx)
{
}

static struct spdk_bdev_desc *g_async_desc;

static void
opened_cb(struct spdk_bdev_desc *desc, int rc, void *cb_arg)
{
	assert_int_equal(rc, 0);
	g_async_desc = desc;
	++*(uint32_t *)cb_arg;
}

static void
test_open_async(void **state)
{
	uint32_t done = 0;

	take_all_messages();
	ON(1, assert_int_equal(spdk_bdev_open_async("d", false, event_cb, NULL, NULL, opened_cb, &done), 0));
	run_until(&done, 1);
	ON(1, spdk_bdev_close(g_async_desc));
}

static void
test_start_and_stop(void **state)
{
	struct sim_disk disk;

	/* A bdev that is registered now is settled, and the layer can be shut down. */
	sim_disk_init(&disk, "e");
	take_all_messages();
	assert_int_equal(sim_disk_register(&disk), 0);
	ON(0, spdk_bdev_unregister(&disk.bdev, NULL, NULL));
	run_until(&disk.destructed, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_deferred, setup, teardown),
		cmocka_unit_test_setup_teardown(test_resets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wrong_thread, setup, teardown),
		cmocka_unit_test_setup_teardown(test_events, setup, teardown),
		cmocka_unit_test_setup_teardown(test_open_async, setup, teardown),
		cmocka_unit_test_setup_teardown(test_start_and_stop, setup, teardown),
	};

	/* A module that completes on a wrong thread, and twice. */
	strict_tolerate(STRICT_RULE(COMPLETED_ON_WRONG_THREAD) | STRICT_RULE(COMPLETED_TWICE));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
