/* SPDX-License-Identifier: BSD-3-Clause */

/* Queue depth, once and over time. */

#include "mem_disk.h"

#define NUM_BLOCKS 256
#define THREADS 3
#define MS 1000

static struct mem_disk g_disk;
static struct mem_user g_user;
static uint8_t g_buf[64 * 512];
static struct mem_io g_ios[64];
static uint32_t g_num_ios;

static int
setup(void **state)
{
	bdev_sim_start(19, THREADS);
	mem_disk_init(&g_disk, "d", 512, NUM_BLOCKS);
	g_disk.mode = MEM_DISK_HOLD;
	g_num_ios = 0;
	return 0;
}

static int
teardown(void **state)
{
	bdev_sim_stop();
	return 0;
}

/* Lets time pass, and lets happen what is due at its end. */
static void
pass(uint64_t us)
{
	bdk_sim_run_for(us);
	bdk_sim_run_until_idle();
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
submit(uint32_t thread, uint64_t num_blocks)
{
	struct mem_io *io = &g_ios[g_num_ios++];

	*io = (struct mem_io){.thread = thread};
	ON(thread,
		io->rc = spdk_bdev_read_blocks(
			g_user.desc, g_user.ch[thread], g_buf, 0, num_blocks, mem_io_done_cb, io));
	assert_int_equal(io->rc, 0);
}

static void
release_all(void)
{
	mem_disk_release(&g_disk, 64);
	bdk_sim_run_until_idle();
}

struct depth {
	uint32_t done;
	uint64_t depth;
	int rc;
};

static void
depth_cb(struct spdk_bdev *bdev, uint64_t depth, void *cb_arg, int rc)
{
	struct depth *result = cb_arg;

	assert_ptr_equal(bdev, &g_disk.bdev);
	assert_ptr_equal(spdk_get_thread(), g_sim_threads[1]);
	result->done++;
	result->depth = depth;
	result->rc = rc;
}

static uint64_t
measure(void)
{
	struct depth result = {};

	ON(1, spdk_bdev_get_current_qd(&g_disk.bdev, depth_cb, &result));
	assert_int_equal(result.done, 0);
	bdk_sim_run_until_idle();
	assert_int_equal(result.done, 1);
	assert_int_equal(result.rc, 0);
	return result.depth;
}

static void
test_once(void **state)
{
	struct mem_io reset = {.thread = 0};

	g_disk.bdev.max_rw_size = 4;
	g_disk.bdev.reset_io_drain_timeout = 100;
	open_disk();
	assert_int_equal(measure(), 0);
	submit(0, 1);
	submit(1, 1);
	submit(1, 1);
	/* Split: its four parts, not the whole. */
	submit(2, 16);
	assert_int_equal(measure(), 7);
	/* What waits for memory is not inside, nor what waits behind it; nor is a reset. */
	g_disk.refuse = 1;
	submit(0, 1);
	submit(0, 1);
	assert_int_equal(measure(), 7);
	ON(0, reset.rc = spdk_bdev_reset(g_user.desc, g_user.ch[0], mem_io_done_cb, &reset));
	assert_int_equal(measure(), 7);
	release_all();
	assert_int_equal(measure(), 0);
	pass(2000 * MS);
	assert_int_equal(reset.done, 1);
	remove_disk();
}

static void
set_period(uint32_t thread, uint64_t us)
{
	ON(thread, spdk_bdev_set_qd_sampling_period(&g_disk.bdev, us));
	bdk_sim_run_until_idle();
}

static void
expect(uint64_t period, uint64_t depth, uint64_t io_time, uint64_t weighted)
{
	assert_int_equal(spdk_bdev_get_qd_sampling_period(&g_disk.bdev), period);
	assert_true(spdk_bdev_get_qd(&g_disk.bdev) == depth);
	assert_int_equal(spdk_bdev_get_io_time(&g_disk.bdev), io_time);
	assert_int_equal(spdk_bdev_get_weighted_io_time(&g_disk.bdev), weighted);
}

static void
test_sampling(void **state)
{
	open_disk();
	expect(0, UINT64_MAX, 0, 0);
	set_period(2, 100 * MS);
	/* No sample yet. */
	expect(100 * MS, UINT64_MAX, 0, 0);
	pass(100 * MS);
	expect(100 * MS, 0, 0, 0);
	submit(0, 1);
	submit(1, 1);
	submit(1, 1);
	pass(100 * MS);
	expect(100 * MS, 3, 100 * MS, 300 * MS);
	pass(200 * MS);
	expect(100 * MS, 3, 300 * MS, 900 * MS);
	mem_disk_release(&g_disk, 1);
	pass(100 * MS);
	expect(100 * MS, 2, 400 * MS, 1100 * MS);
	release_all();
	pass(300 * MS);
	expect(100 * MS, 0, 400 * MS, 1100 * MS);

	/* Another thread changes the period: the one that samples goes on with it. */
	set_period(0, 1000 * MS);
	submit(0, 1);
	pass(999 * MS);
	expect(1000 * MS, 0, 400 * MS, 1100 * MS);
	pass(1 * MS);
	expect(1000 * MS, 1, 1400 * MS, 2100 * MS);

	/* The times stay, the depth is not known any more. */
	set_period(1, 0);
	expect(0, UINT64_MAX, 1400 * MS, 2100 * MS);
	pass(5000 * MS);
	expect(0, UINT64_MAX, 1400 * MS, 2100 * MS);
	set_period(0, 0);
	set_period(0, 100 * MS);
	pass(100 * MS);
	expect(100 * MS, 1, 1500 * MS, 2200 * MS);
	release_all();
	remove_disk();
}

static void
test_change_while_sampling(void **state)
{
	uint64_t steps, i;

	/* The period is changed at each step of a sample, on each thread, twice; and what is last holds. */
	open_disk();
	submit(0, 1);
	submit(1, 1);
	for (steps = 0; steps < 12; steps++) {
		set_period(0, 10 * MS);
		pass(10 * MS - 1);
		pass(1);
		pass(10 * MS - 1);
		ON(steps % THREADS, spdk_bdev_set_qd_sampling_period(&g_disk.bdev, 20 * MS));
		for (i = 0; i < steps; i++) {
			bdk_sim_step();
		}
		ON((steps + 1) % THREADS, spdk_bdev_set_qd_sampling_period(&g_disk.bdev, 0));
		ON((steps + 2) % THREADS, spdk_bdev_set_qd_sampling_period(&g_disk.bdev, 5 * MS));
		bdk_sim_run_until_idle();
		assert_int_equal(spdk_bdev_get_qd_sampling_period(&g_disk.bdev), 5 * MS);
		pass(5 * MS);
		assert_int_equal(spdk_bdev_get_qd(&g_disk.bdev), 2);
		set_period(steps % THREADS, 0);
		assert_true(spdk_bdev_get_qd(&g_disk.bdev) == UINT64_MAX);
	}
	release_all();
	remove_disk();
}

static void
unregistered_cb(void *ctx, int rc)
{
	assert_int_equal(rc, 0);
	*(bool *)ctx = true;
}

static void
test_unregister(void **state)
{
	uint64_t steps, i;

	/* The bdev goes while it is sampled, at each step; nobody has to switch that off. */
	for (steps = 0; steps < 12; steps++) {
		bool gone = false;

		mem_disk_init(&g_disk, "d", 512, NUM_BLOCKS);
		open_disk();
		set_period(1, 10 * MS);
		pass(10 * MS);
		for (i = 0; i < steps; i++) {
			bdk_sim_step();
		}
		ON(0, spdk_bdev_unregister(&g_disk.bdev, unregistered_cb, &gone));
		/* Too late. */
		ON(2, spdk_bdev_set_qd_sampling_period(&g_disk.bdev, 1 * MS));
		bdk_sim_run_until_idle();
		assert_false(gone);
		assert_int_equal(spdk_bdev_get_qd_sampling_period(&g_disk.bdev), 0);
		mem_user_close(&g_user);
		bdk_sim_run_until_idle();
		assert_true(gone);
		assert_true(g_disk.destructed);
	}
}

static void
test_not_sampled_when_leaving(void **state)
{
	bool gone = false;

	open_disk();
	ON(0, spdk_bdev_unregister(&g_disk.bdev, unregistered_cb, &gone));
	ON(0, spdk_bdev_set_qd_sampling_period(&g_disk.bdev, 1 * MS));
	pass(10 * MS);
	expect(0, UINT64_MAX, 0, 0);
	mem_user_close(&g_user);
	bdk_sim_run_until_idle();
	assert_true(gone);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sampling, setup, teardown),
		cmocka_unit_test_setup_teardown(test_change_while_sampling, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unregister, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_sampled_when_leaving, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
