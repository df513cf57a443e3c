/* SPDX-License-Identifier: BSD-3-Clause */

/* Reset, with I/O in every state that it can have; and removal while a reset runs. */

#include "mem_disk.h"
#include "lib/bdev/io_internal.h"
#include "bdevkit/bdev_stat.h"
#include "spdk/json.h"

#define NUM_BLOCKS 256
#define MAX_IOS 64
#define THREADS 3

static struct mem_disk g_disk;
static struct mem_user g_user;
static uint8_t g_buf[64 * 512];
static struct mem_io g_ios[MAX_IOS];

static int
setup(void **state)
{
	bdev_sim_start(7, THREADS);
	mem_disk_init(&g_disk, "d", 512, NUM_BLOCKS);
	memset(g_ios, 0, sizeof(g_ios));
	return 0;
}

static int
teardown(void **state)
{
	bdev_sim_stop();
	return 0;
}

static void
open_disk(void)
{
	mem_disk_add(&g_disk);
	mem_user_open(&g_user, &g_disk, THREADS);
}

static void
remove_disk(void)
{
	mem_user_close(&g_user);
	mem_disk_remove(&g_disk);
}

static void
submit_read(uint32_t thread, uint32_t index, uint64_t num_blocks)
{
	struct mem_io *io = &g_ios[index];

	io->thread = thread;
	ON(thread,
		io->rc = spdk_bdev_read_blocks(
			g_user.desc, g_user.ch[thread], g_buf, 0, num_blocks, mem_io_done_cb, io));
	assert_int_equal(io->rc, 0);
}

static void
submit_reset(uint32_t thread, uint32_t index)
{
	struct mem_io *io = &g_ios[index];

	io->thread = thread;
	ON(thread, io->rc = spdk_bdev_reset(g_user.desc, g_user.ch[thread], mem_io_done_cb, io));
	assert_int_equal(io->rc, 0);
}

static void
expect(uint32_t index, bool success)
{
	assert_int_equal(g_ios[index].done, 1);
	assert_int_equal(g_ios[index].success, success);
}

static void
expect_aborted(uint32_t index)
{
	expect(index, false);
	assert_int_equal(g_ios[index].nvme_sc, SPDK_NVME_SC_ABORTED_BY_REQUEST);
}

static void
test_reset(void **state)
{
	open_disk();
	submit_reset(1, 0);
	assert_int_equal(g_ios[0].done, 0);
	bdk_sim_run_until_idle();
	expect(0, true);
	assert_int_equal(g_disk.resets, 1);
	/* The channels take I/O again. */
	submit_read(0, 1, 1);
	submit_read(2, 2, 1);
	bdk_sim_run_until_idle();
	expect(1, true);
	expect(2, true);
	remove_disk();
}

static void
test_reset_aborts(void **state)
{
	uint32_t thread;

	/* On each thread: inside the module, refused by it, and new. */
	g_disk.mode = MEM_DISK_HOLD;
	open_disk();
	for (thread = 0; thread < THREADS; thread++) {
		submit_read(thread, thread * 4, 1);
		g_disk.refuse = 1;
		submit_read(thread, thread * 4 + 1, 1);
		submit_read(thread, thread * 4 + 2, 1);
	}
	submit_reset(0, 12);
	/* The first channel is frozen by message. */
	bdk_sim_run_until_idle();
	for (thread = 0; thread < THREADS; thread++) {
		expect_aborted(thread * 4);
		expect_aborted(thread * 4 + 1);
		expect_aborted(thread * 4 + 2);
	}
	expect(12, true);
	remove_disk();
}

static void
test_frozen(void **state)
{
	/* While it runs nothing goes down: a single read, one that would be split, a write of zeroes. */
	g_disk.mode = MEM_DISK_HOLD;
	g_disk.reset_keeps = true;
	g_disk.bdev.max_rw_size = 8;
	g_disk.bdev.reset_io_drain_timeout = 100;
	open_disk();
	submit_read(1, 0, 1);
	submit_reset(0, 1);
	bdk_sim_run_until_idle();
	assert_int_equal(g_disk.resets, 0);
	g_disk.num_records = 0;
	submit_read(0, 2, 1);
	submit_read(1, 3, 16);
	g_ios[4].thread = 2;
	ON(2, g_ios[4].rc = spdk_bdev_write_zeroes_blocks(g_user.desc, g_user.ch[2], 0, 16, mem_io_done_cb, &g_ios[4]));
	assert_int_equal(g_ios[2].done + g_ios[3].done + g_ios[4].done, 0);
	bdk_sim_run_until_idle();
	expect_aborted(2);
	expect_aborted(3);
	expect_aborted(4);
	assert_int_equal(g_disk.num_records, 0);
	/* All has ended: no reset is needed. */
	mem_disk_release(&g_disk, 1);
	bdk_sim_run_for(2 * 1000 * 1000);
	expect(0, true);
	expect(1, true);
	assert_int_equal(g_disk.resets, 0);
	remove_disk();
}

static void
test_drain(void **state)
{
	/* Nothing outstanding: done at once, without the module. */
	g_disk.bdev.reset_io_drain_timeout = 2;
	g_disk.mode = MEM_DISK_HOLD;
	open_disk();
	submit_reset(0, 0);
	bdk_sim_run_until_idle();
	expect(0, true);
	assert_int_equal(g_disk.resets, 0);

	/* Still busy after two seconds: the module resets. */
	submit_read(2, 1, 1);
	submit_reset(1, 2);
	bdk_sim_run_for(1900 * 1000);
	assert_int_equal(g_disk.resets, 0);
	assert_int_equal(g_ios[2].done, 0);
	bdk_sim_run_for(1200 * 1000);
	assert_int_equal(g_disk.resets, 1);
	expect(2, true);
	expect_aborted(1);
	remove_disk();
}

static void
test_queue(void **state)
{
	/* Resets that meet: one goes to the module, all end. */
	open_disk();
	submit_reset(0, 0);
	submit_reset(1, 1);
	submit_reset(2, 2);
	submit_reset(0, 3);
	bdk_sim_run_until_idle();
	expect(0, true);
	expect(1, true);
	expect(2, true);
	expect(3, true);
	assert_int_equal(g_disk.resets, 1);
	remove_disk();
}

static void
stat_cb(struct spdk_bdev *bdev, struct spdk_bdev_io_stat *stat, void *cb_arg, int rc)
{
	assert_int_equal(rc, 0);
	*(bool *)cb_arg = true;
}

static int
append_cb(void *ctx, const void *data, size_t size)
{
	strncat(ctx, data, size);
	return 0;
}

/* The error counts of the disk, as JSON. */
static void
expect_errors(const char *expected)
{
	struct spdk_bdev_io_stat *stat = bdk_bdev_io_stat_alloc();
	char text[2000] = "";
	struct spdk_json_write_ctx *w = spdk_json_write_begin(append_cb, text, 0);
	bool done = false;

	ON(0, spdk_bdev_get_device_stat(&g_disk.bdev, stat, SPDK_BDEV_RESET_STAT_NONE, stat_cb, &done));
	bdk_sim_run_until_idle();
	assert_true(done);
	spdk_json_write_object_begin(w);
	spdk_bdev_dump_io_stat_json(stat, w);
	spdk_json_write_object_end(w);
	spdk_json_write_end(w);
	assert_non_null(strstr(text, "\"io_error\":"));
	assert_int_equal(
		strncmp(strstr(text, "\"io_error\":") + strlen("\"io_error\":"), expected, strlen(expected)), 0);
	free(stat);
}

static void
test_failed(void **state)
{
	/* Those that wait for one that fails, fail; and all of them count as errors. */
	g_disk.reset_status = SPDK_BDEV_IO_STATUS_ABORTED;
	open_disk();
	expect_errors("{}");
	submit_reset(0, 0);
	submit_reset(1, 1);
	submit_reset(2, 2);
	bdk_sim_run_until_idle();
	expect_aborted(0);
	expect_aborted(1);
	expect_aborted(2);
	assert_int_equal(g_disk.resets, 1);
	expect_errors("{\"aborted\":3}");
	/* NOMEM is not for a reset. */
	g_disk.reset_status = SPDK_BDEV_IO_STATUS_NOMEM;
	submit_reset(0, 3);
	bdk_sim_run_until_idle();
	expect(3, false);
	expect_errors("{\"failed\":1,\"aborted\":3}");
	/* The disk goes on. */
	submit_read(1, 4, 1);
	bdk_sim_run_until_idle();
	expect(4, true);
	remove_disk();
}

static void
test_put_channel_of_queued(void **state)
{
	/* Users put their channels while one reset runs and another one waits for its outcome. */
	g_disk.bdev.reset_io_drain_timeout = 5;
	g_disk.mode = MEM_DISK_HOLD;
	open_disk();
	submit_read(0, 2, 1);
	submit_reset(1, 0);
	submit_reset(2, 1);
	ON(2, spdk_put_io_channel(g_user.ch[2]));
	ON(1, spdk_put_io_channel(g_user.ch[1]));
	g_user.ch[1] = g_user.ch[2] = NULL;
	bdk_sim_run_until_idle();
	assert_int_equal(g_ios[0].done + g_ios[1].done, 0);
	mem_disk_release(&g_disk, 1);
	bdk_sim_run_for(2 * 1000 * 1000);
	expect(0, true);
	expect(1, true);
	expect(2, true);
	remove_disk();
}

static void
again_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	spdk_bdev_free_io(bdev_io);
	g_ios[0].done++;
	g_ios[1].rc = spdk_bdev_reset(g_user.desc, g_user.ch[0], mem_io_done_cb, &g_ios[1]);
	assert_int_equal(g_ios[1].rc, 0);
}

static void
test_again_from_callback(void **state)
{
	/* One that comes when another one has ended is a reset of its own. */
	open_disk();
	ON(0, g_ios[0].rc = spdk_bdev_reset(g_user.desc, g_user.ch[0], again_cb, NULL));
	bdk_sim_run_until_idle();
	assert_int_equal(g_ios[0].done, 1);
	expect(1, true);
	assert_int_equal(g_disk.resets, 2);
	remove_disk();
}

static void
test_split_half_done(void **state)
{
	/* Children of the first round are inside the module; the second round never comes. */
	g_disk.bdev.max_rw_size = 1;
	g_disk.mode = MEM_DISK_HOLD;
	open_disk();
	submit_read(1, 0, 40);
	bdk_sim_run_until_idle();
	assert_int_equal(g_disk.num_held, 32);
	mem_disk_release(&g_disk, 10);
	bdk_sim_run_until_idle();
	submit_reset(0, 1);
	bdk_sim_run_until_idle();
	expect(0, false);
	expect(1, true);
	assert_int_equal(g_disk.num_records, 33);
	remove_disk();
}

static void
test_waiting_for_buffers(void **state)
{
	uint32_t i;

	g_disk.get_buf = true;
	g_disk.mode = MEM_DISK_HOLD;
	mem_disk_add(&g_disk);
	mem_user_open(&g_user, &g_disk, THREADS);
	for (i = 0; i < 40; i++) {
		g_ios[i].thread = 1;
		ON(1,
			g_ios[i].rc = spdk_bdev_read_blocks(
				g_user.desc, g_user.ch[1], NULL, 0, 128, mem_io_done_cb, &g_ios[i]));
		assert_int_equal(g_ios[i].rc, 0);
	}
	bdk_sim_run_until_idle();
	submit_reset(0, 50);
	bdk_sim_run_until_idle();
	for (i = 0; i < 40; i++) {
		expect_aborted(i);
	}
	expect(50, true);
	remove_disk();
}

static void
test_put_channel(void **state)
{
	/* The user puts its channel while its reset runs. */
	g_disk.reset_keeps = true;
	open_disk();
	submit_reset(1, 0);
	ON(1, spdk_put_io_channel(g_user.ch[1]));
	g_user.ch[1] = NULL;
	bdk_sim_run_until_idle();
	expect(0, true);
	remove_disk();
}

static void
test_unregister_while_resetting(void **state)
{
	/* The bdev stays until the reset has ended; its callback comes first. */
	g_disk.bdev.reset_io_drain_timeout = 5;
	g_disk.mode = MEM_DISK_HOLD;
	open_disk();
	submit_read(2, 1, 1);
	submit_reset(0, 0);
	bdk_sim_run_until_idle();
	ON(0, spdk_bdev_unregister(&g_disk.bdev, NULL, NULL));
	bdk_sim_run_until_idle();
	assert_int_equal(g_user.removes, 1);
	mem_disk_release(&g_disk, 1);
	bdk_sim_run_until_idle();
	mem_user_close(&g_user);
	assert_false(g_disk.destructed);
	assert_int_equal(g_ios[0].done, 0);
	bdk_sim_run_for(6 * 1000 * 1000);
	expect(0, true);
	assert_true(g_disk.destructed);
}

static void
test_new_channel(void **state)
{
	struct mem_io io = {.thread = 2};
	struct spdk_io_channel *ch;

	/* A channel that is made while a reset runs is not frozen. */
	g_disk.bdev.reset_io_drain_timeout = 5;
	g_disk.mode = MEM_DISK_HOLD;
	mem_disk_add(&g_disk);
	mem_user_open(&g_user, &g_disk, 2);
	submit_read(1, 1, 1);
	submit_reset(0, 0);
	bdk_sim_run_until_idle();
	ON(2, {
		ch = spdk_bdev_get_io_channel(g_user.desc);
		io.rc = spdk_bdev_read_blocks(g_user.desc, ch, g_buf, 0, 1, mem_io_done_cb, &io);
	});
	bdk_sim_run_until_idle();
	assert_int_equal(g_disk.num_held, 2);
	mem_disk_release(&g_disk, 2);
	bdk_sim_run_for(2 * 1000 * 1000);
	expect(0, true);
	expect(1, true);
	assert_true(io.success);
	ON(2, spdk_put_io_channel(ch));
	remove_disk();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_reset, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reset_aborts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_frozen, setup, teardown),
		cmocka_unit_test_setup_teardown(test_drain, setup, teardown),
		cmocka_unit_test_setup_teardown(test_queue, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_put_channel_of_queued, setup, teardown),
		cmocka_unit_test_setup_teardown(test_again_from_callback, setup, teardown),
		cmocka_unit_test_setup_teardown(test_split_half_done, setup, teardown),
		cmocka_unit_test_setup_teardown(test_waiting_for_buffers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_put_channel, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unregister_while_resetting, setup, teardown),
		cmocka_unit_test_setup_teardown(test_new_channel, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
