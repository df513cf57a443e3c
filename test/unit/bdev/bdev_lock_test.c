/* SPDX-License-Identifier: BSD-3-Clause */

/* Range locks and quiesce. */

#include "mem_disk.h"
#include "lib/bdev/io_internal.h"

#define NUM_BLOCKS 256
#define MAX_IOS 32
#define THREADS 3
#define MAX_LOCKS 8

static struct mem_disk g_disk;
static struct mem_user g_user;
static uint8_t g_buf[64 * 512];
static struct mem_io g_ios[MAX_IOS];

/* A quiesce, or a lock, of a test. */
struct test_lock {
	uint32_t thread;
	uint32_t called;
	int status;
	uint64_t order;
	/* Releases it in its callback. */
	bool release;
	uint64_t offset;
	uint64_t num_blocks;
	struct test_lock *released;
};

static struct test_lock g_locks[MAX_LOCKS];

static int
setup(void **state)
{
	bdev_sim_start(11, THREADS);
	mem_disk_init(&g_disk, "d", 512, NUM_BLOCKS);
	g_disk.io_types |= 1 << SPDK_BDEV_IO_TYPE_WRITE_ZEROES;
	memset(g_ios, 0, sizeof(g_ios));
	memset(g_locks, 0, sizeof(g_locks));
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

/* ---- I/O ---- */

static void
submit(enum spdk_bdev_io_type type, uint32_t thread, uint32_t index, uint64_t offset, uint64_t num_blocks)
{
	struct spdk_bdev_desc *desc = g_user.desc;
	struct spdk_io_channel *ch = g_user.ch[thread];
	struct mem_io *io = &g_ios[index];
	int rc = -1;

	memset(io, 0, sizeof(*io));
	io->thread = thread;
	ON(thread, {
		switch (type) {
		case SPDK_BDEV_IO_TYPE_READ:
			rc = spdk_bdev_read_blocks(desc, ch, g_buf, offset, num_blocks, mem_io_done_cb, io);
			break;
		case SPDK_BDEV_IO_TYPE_WRITE:
			rc = spdk_bdev_write_blocks(desc, ch, g_buf, offset, num_blocks, mem_io_done_cb, io);
			break;
		case SPDK_BDEV_IO_TYPE_UNMAP:
			rc = spdk_bdev_unmap_blocks(desc, ch, offset, num_blocks, mem_io_done_cb, io);
			break;
		case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
			rc = spdk_bdev_write_zeroes_blocks(desc, ch, offset, num_blocks, mem_io_done_cb, io);
			break;
		case SPDK_BDEV_IO_TYPE_FLUSH:
			rc = spdk_bdev_flush_blocks(desc, ch, offset, num_blocks, mem_io_done_cb, io);
			break;
		default:
			rc = spdk_bdev_reset(desc, ch, mem_io_done_cb, io);
			break;
		}
	});
	assert_int_equal(rc, 0);
}

static void
submit_read(uint32_t thread, uint32_t index, uint64_t offset, uint64_t num_blocks)
{
	submit(SPDK_BDEV_IO_TYPE_READ, thread, index, offset, num_blocks);
}

static void
submit_write(uint32_t thread, uint32_t index, uint64_t offset, uint64_t num_blocks)
{
	submit(SPDK_BDEV_IO_TYPE_WRITE, thread, index, offset, num_blocks);
}

static void
expect_waiting(uint32_t index)
{
	bdk_sim_run_for(1000);
	assert_int_equal(g_ios[index].done, 0);
}

static void
expect_done(uint32_t index)
{
	bdk_sim_run_until_idle();
	assert_int_equal(g_ios[index].done, 1);
	assert_true(g_ios[index].success);
}

static void
expect_aborted(uint32_t index)
{
	bdk_sim_run_until_idle();
	assert_int_equal(g_ios[index].done, 1);
	assert_false(g_ios[index].success);
	assert_int_equal(g_ios[index].nvme_sc, SPDK_NVME_SC_ABORTED_BY_REQUEST);
}

/* ---- locks ---- */

static void unquiesce(uint32_t index, uint32_t thread, struct test_lock *lock);

static void
lock_cb(void *ctx, int status)
{
	struct test_lock *lock = ctx;

	assert_ptr_equal(spdk_get_thread(), g_sim_threads[lock->thread]);
	assert_int_equal(lock->called, 0);
	lock->called++;
	lock->status = status;
	lock->order = ++g_mem_io_order;
	if (lock->release && status == 0) {
		assert_int_equal(spdk_bdev_unquiesce_range(&g_disk.bdev, g_disk.bdev.module, lock->offset,
					 lock->num_blocks, lock_cb, lock->released),
			0);
	}
}

static void
quiesce(uint32_t index, uint32_t thread, uint64_t offset, uint64_t num_blocks)
{
	struct test_lock *lock = &g_locks[index];
	int rc;

	lock->thread = thread;
	lock->offset = offset;
	lock->num_blocks = num_blocks;
	ON(thread, rc = spdk_bdev_quiesce_range(&g_disk.bdev, g_disk.bdev.module, offset, num_blocks, lock_cb, lock));
	assert_int_equal(rc, 0);
	assert_int_equal(lock->called, 0);
	/* All channels know. */
	bdk_sim_run_until_idle();
}

/* Ends a quiesce on some thread; lock notes the callback. */
static void
unquiesce(uint32_t index, uint32_t thread, struct test_lock *lock)
{
	int rc;

	lock->thread = thread;
	ON(thread,
		rc = spdk_bdev_unquiesce_range(&g_disk.bdev, g_disk.bdev.module, g_locks[index].offset,
			g_locks[index].num_blocks, lock_cb, lock));
	assert_int_equal(rc, 0);
	assert_int_equal(lock->called, 0);
	bdk_sim_run_until_idle();
	assert_int_equal(lock->called, 1);
	assert_int_equal(lock->status, 0);
}

static void
expect_granted(uint32_t index)
{
	bdk_sim_run_until_idle();
	assert_int_equal(g_locks[index].called, 1);
	assert_int_equal(g_locks[index].status, 0);
}

static void
expect_not_granted(uint32_t index)
{
	bdk_sim_run_for(1000);
	assert_int_equal(g_locks[index].called, 0);
}

/* ---- tests ---- */

static void
test_waits_for_io_under_way(void **state)
{
	struct test_lock released = {};

	open_disk();
	g_disk.mode = MEM_DISK_HOLD;
	submit_write(1, 0, 10, 4);
	submit_read(2, 1, 12, 1);
	submit_read(2, 2, 100, 8);
	submit_write(2, 3, 14, 2);
	quiesce(0, 0, 12, 2);
	expect_not_granted(0);
	mem_disk_release(&g_disk, 1);
	expect_not_granted(0);
	mem_disk_release(&g_disk, 1);
	/* The two that are left do not overlap. */
	expect_granted(0);
	assert_int_equal(g_disk.num_held, 2);
	mem_disk_release(&g_disk, 2);
	unquiesce(0, 0, &released);
	remove_disk();
}

static void
test_keeps_back_and_submits_in_order(void **state)
{
	struct test_lock released = {};
	uint32_t i;

	open_disk();
	quiesce(0, 0, 100, 10);
	expect_granted(0);
	g_disk.num_records = 0;
	for (i = 0; i < 5; i++) {
		submit(i % 2 ? SPDK_BDEV_IO_TYPE_READ : SPDK_BDEV_IO_TYPE_WRITE, 1, i, 101 + i, 1);
	}
	submit_write(0, 5, 99, 2);
	submit_write(0, 6, 109, 2);
	submit_write(0, 7, 90, 10);
	submit_write(0, 8, 110, 10);
	expect_done(7);
	expect_done(8);
	for (i = 0; i <= 6; i++) {
		expect_waiting(i);
	}
	assert_int_equal(g_disk.num_records, 2);
	unquiesce(0, 2, &released);
	for (i = 0; i <= 6; i++) {
		expect_done(i);
	}
	for (i = 1; i < 5; i++) {
		assert_true(g_ios[i].order > g_ios[i - 1].order);
	}
	remove_disk();
}

/* What a quiesce and what a lock keeps back. */
static void
test_types(void **state)
{
	static const struct {
		enum spdk_bdev_io_type type;
		bool by_lock;
		bool by_quiesce;
	} types[] = {
		{SPDK_BDEV_IO_TYPE_READ, false, true},
		{SPDK_BDEV_IO_TYPE_WRITE, true, true},
		{SPDK_BDEV_IO_TYPE_UNMAP, true, true},
		{SPDK_BDEV_IO_TYPE_WRITE_ZEROES, true, true},
		{SPDK_BDEV_IO_TYPE_FLUSH, false, false},
		{SPDK_BDEV_IO_TYPE_RESET, false, false},
	};
	struct test_lock locked = {}, unlocked = {}, released = {};
	size_t i;
	int rc;

	open_disk();
	ON(0, rc = bdev_lock_range(&g_disk.bdev, 0, NUM_BLOCKS, lock_cb, &locked));
	assert_int_equal(rc, 0);
	bdk_sim_run_until_idle();
	assert_int_equal(locked.called, 1);
	for (i = 0; i < SPDK_COUNTOF(types); i++) {
		submit(types[i].type, 1, i, 5, 2);
		bdk_sim_run_until_idle();
		assert_int_equal(g_ios[i].done, !types[i].by_lock);
	}
	/* Nothing to keep back. */
	submit_write(1, i, 5, 0);
	expect_done(i);
	locked.called = 0;
	unlocked.thread = 0;
	/* Another owner, another range, a quiesce: there is no such lock. */
	ON(0, rc = bdev_unlock_range(&g_disk.bdev, 0, NUM_BLOCKS, lock_cb, &unlocked));
	assert_int_equal(rc, -EINVAL);
	ON(0, rc = bdev_unlock_range(&g_disk.bdev, 0, NUM_BLOCKS - 1, lock_cb, &locked));
	assert_int_equal(rc, -EINVAL);
	ON(0, rc = spdk_bdev_unquiesce(&g_disk.bdev, g_disk.bdev.module, lock_cb, &unlocked));
	assert_int_equal(rc, -EINVAL);
	ON(0, rc = bdev_unlock_range(&g_disk.bdev, 0, NUM_BLOCKS, lock_cb, &locked));
	assert_int_equal(rc, 0);
	for (i = 0; i < SPDK_COUNTOF(types); i++) {
		expect_done(i);
	}

	quiesce(0, 0, 0, NUM_BLOCKS);
	expect_granted(0);
	for (i = 0; i < SPDK_COUNTOF(types); i++) {
		submit(types[i].type, 1, i, 5, 2);
		bdk_sim_run_until_idle();
		assert_int_equal(g_ios[i].done, !types[i].by_quiesce);
	}
	submit_read(1, i, 5, 0);
	expect_done(i);
	unquiesce(0, 0, &released);
	for (i = 0; i < SPDK_COUNTOF(types); i++) {
		expect_done(i);
	}
	remove_disk();
}

static void
test_order_of_locks(void **state)
{
	struct test_lock released[MAX_LOCKS] = {};

	open_disk();
	quiesce(0, 0, 10, 10);
	expect_granted(0);
	/* Waits for 0. */
	quiesce(1, 1, 15, 10);
	expect_not_granted(1);
	/* Overlaps only one that waits. */
	quiesce(2, 2, 22, 10);
	expect_granted(2);
	/* Wait for 0 and 2; for 2. */
	quiesce(3, 0, 0, 100);
	quiesce(4, 1, 30, 1);
	unquiesce(0, 0, &released[0]);
	expect_not_granted(1);
	expect_not_granted(3);
	expect_not_granted(4);
	unquiesce(2, 0, &released[2]);
	/* In the order in which they came, as far as they can be held together. */
	expect_granted(1);
	expect_granted(4);
	expect_not_granted(3);
	unquiesce(1, 2, &released[1]);
	expect_not_granted(3);
	unquiesce(4, 2, &released[4]);
	expect_granted(3);
	unquiesce(3, 2, &released[3]);
	remove_disk();
}

static void
test_bad_input(void **state)
{
	struct spdk_bdev_module other = {.name = "other"};
	struct test_lock released = {};
	struct spdk_bdev *bdev = &g_disk.bdev;
	int rc;

	open_disk();
	ON(0, {
		assert_int_equal(spdk_bdev_quiesce(bdev, &other, lock_cb, &released), -EINVAL);
		assert_int_equal(spdk_bdev_unquiesce(bdev, &other, lock_cb, &released), -EINVAL);
		assert_int_equal(
			spdk_bdev_quiesce_range(bdev, bdev->module, 0, NUM_BLOCKS + 1, lock_cb, &released), -EINVAL);
		assert_int_equal(
			spdk_bdev_quiesce_range(bdev, bdev->module, NUM_BLOCKS, 1, lock_cb, &released), -EINVAL);
		assert_int_equal(
			spdk_bdev_quiesce_range(bdev, bdev->module, 1, UINT64_MAX, lock_cb, &released), -EINVAL);
		assert_int_equal(
			spdk_bdev_quiesce_range(bdev, bdev->module, UINT64_MAX, 1, lock_cb, &released), -EINVAL);
		assert_int_equal(spdk_bdev_unquiesce_range(bdev, bdev->module, 0, 1, lock_cb, &released), -EINVAL);
	});
	assert_int_equal(spdk_bdev_quiesce(bdev, bdev->module, lock_cb, &released), -EINVAL);

	/* Not before it is granted, and only the very range. */
	g_disk.mode = MEM_DISK_HOLD;
	submit_write(1, 0, 12, 1);
	quiesce(0, 0, 10, 10);
	expect_not_granted(0);
	ON(0, rc = spdk_bdev_unquiesce_range(bdev, bdev->module, 10, 10, lock_cb, &released));
	assert_int_equal(rc, -EINVAL);
	mem_disk_release(&g_disk, 1);
	expect_granted(0);
	ON(0, {
		assert_int_equal(spdk_bdev_unquiesce_range(bdev, bdev->module, 10, 9, lock_cb, &released), -EINVAL);
		assert_int_equal(spdk_bdev_unquiesce_range(bdev, bdev->module, 11, 9, lock_cb, &released), -EINVAL);
		assert_int_equal(spdk_bdev_unquiesce(bdev, bdev->module, lock_cb, &released), -EINVAL);
	});
	unquiesce(0, 0, &released);
	ON(0, rc = spdk_bdev_unquiesce_range(bdev, bdev->module, 10, 10, lock_cb, &released));
	assert_int_equal(rc, -EINVAL);

	/* The size in between, and no callbacks. */
	ON(0, rc = spdk_bdev_quiesce(bdev, bdev->module, NULL, NULL));
	assert_int_equal(rc, 0);
	bdk_sim_run_until_idle();
	ON(0, rc = spdk_bdev_notify_blockcnt_change(bdev, NUM_BLOCKS + 1));
	assert_int_equal(rc, 0);
	ON(0, rc = spdk_bdev_unquiesce(bdev, bdev->module, NULL, NULL));
	assert_int_equal(rc, -EINVAL);
	ON(0, rc = spdk_bdev_unquiesce_range(bdev, bdev->module, 0, NUM_BLOCKS, NULL, NULL));
	assert_int_equal(rc, 0);
	bdk_sim_run_until_idle();
	g_disk.mode = MEM_DISK_INLINE;
	submit_read(1, 0, 0, 1);
	expect_done(0);
	remove_disk();
}

static void
test_release_in_the_callback(void **state)
{
	struct test_lock released = {.thread = 2};

	open_disk();
	g_disk.mode = MEM_DISK_HOLD;
	submit_write(1, 0, 10, 4);
	g_locks[0].release = true;
	g_locks[0].released = &released;
	quiesce(0, 2, 0, NUM_BLOCKS);
	submit_write(1, 1, 10, 4);
	mem_disk_release(&g_disk, 1);
	expect_granted(0);
	assert_int_equal(released.called, 1);
	mem_disk_release(&g_disk, 1);
	expect_done(1);
	/* What waited was under way before the callback of the release. */
	assert_true(g_ios[0].order < g_locks[0].order);
	assert_true(g_locks[0].order < released.order);
	remove_disk();
}

static void
test_new_channel(void **state)
{
	struct test_lock released = {};

	mem_disk_add(&g_disk);
	mem_user_open(&g_user, &g_disk, 1);
	quiesce(0, 0, 0, 16);
	expect_granted(0);
	/* A quiesce, not a lock: reads wait too. */
	ON(1, g_user.ch[1] = spdk_bdev_get_io_channel(g_user.desc));
	g_user.num_threads = 2;
	submit_read(1, 0, 8, 1);
	submit_write(1, 1, 8, 1);
	submit_write(1, 2, 16, 1);
	expect_done(2);
	expect_waiting(0);
	expect_waiting(1);
	unquiesce(0, 0, &released);
	expect_done(0);
	expect_done(1);
	remove_disk();
}

static void
test_split_under_way(void **state)
{
	struct test_lock released = {};

	g_disk.bdev.max_num_segments = 1;
	g_disk.bdev.max_rw_size = 1;
	open_disk();
	g_disk.mode = MEM_DISK_HOLD;
	/* More than one round of children. */
	submit_write(1, 0, 0, 40);
	assert_true(g_disk.num_held < 40);
	quiesce(0, 0, 30, 4);
	submit_write(2, 1, 30, 2);
	while (g_ios[0].done == 0) {
		assert_int_equal(g_locks[0].called, 0);
		assert_true(g_disk.num_held > 0);
		mem_disk_release(&g_disk, 1);
		bdk_sim_run_until_idle();
	}
	expect_granted(0);
	expect_waiting(1);
	assert_int_equal(g_disk.num_held, 0);
	g_disk.mode = MEM_DISK_INLINE;
	unquiesce(0, 0, &released);
	expect_done(1);
	remove_disk();
}

/* I/O that has passed the lock, and waits for memory: it counts as under way, and may go on. */
static void
test_waits_for_retries(void **state)
{
	struct test_lock released = {};

	open_disk();
	g_disk.mode = MEM_DISK_HOLD;
	submit_write(1, 0, 200, 1);
	g_disk.refuse = 1;
	submit_write(1, 1, 10, 1);
	submit_write(1, 2, 11, 1);
	quiesce(0, 0, 0, 20);
	expect_not_granted(0);
	mem_disk_release(&g_disk, 1);
	expect_not_granted(0);
	mem_disk_release(&g_disk, 2);
	expect_granted(0);
	expect_done(1);
	expect_done(2);
	g_disk.mode = MEM_DISK_INLINE;
	unquiesce(0, 0, &released);
	remove_disk();
}

static void
test_reset_meanwhile(void **state)
{
	struct test_lock released = {};

	open_disk();
	quiesce(0, 0, 0, NUM_BLOCKS);
	expect_granted(0);
	submit_write(1, 0, 0, 1);
	submit(SPDK_BDEV_IO_TYPE_RESET, 2, 1, 0, 0);
	expect_done(1);
	expect_waiting(0);
	unquiesce(0, 0, &released);
	expect_done(0);
	/* A reset ends what the lock waits for. */
	g_disk.mode = MEM_DISK_HOLD;
	memset(&g_locks[0], 0, sizeof(g_locks[0]));
	submit_write(1, 0, 0, 1);
	quiesce(0, 0, 0, NUM_BLOCKS);
	expect_not_granted(0);
	submit(SPDK_BDEV_IO_TYPE_RESET, 2, 1, 0, 0);
	expect_granted(0);
	expect_aborted(0);
	memset(&released, 0, sizeof(released));
	unquiesce(0, 0, &released);
	remove_disk();
}

static void
removed_cb(void *ctx, int rc)
{
	*(int *)ctx = rc;
}

static void
test_removal(void **state)
{
	int removed = 1, rc;

	open_disk();
	quiesce(0, 0, 0, 100);
	expect_granted(0);
	quiesce(1, 1, 50, 100);
	submit_write(1, 0, 10, 1);
	submit_read(2, 1, 20, 1);
	ON(0, spdk_bdev_unregister(&g_disk.bdev, removed_cb, &removed));
	bdk_sim_run_until_idle();
	assert_int_equal(g_user.removes, 1);
	expect_waiting(0);
	/* When nobody has it open any more, nothing is kept back any longer. */
	ON(0, spdk_bdev_close(g_user.desc));
	expect_aborted(0);
	expect_aborted(1);
	assert_int_equal(removed, 1);
	/* There may be a channel yet. */
	ON(0, rc = spdk_bdev_unquiesce_range(&g_disk.bdev, g_disk.bdev.module, 0, 100, NULL, NULL));
	assert_int_equal(rc, 0);
	quiesce(2, 2, 200, 1);
	bdk_sim_run_until_idle();
	ON(0, spdk_put_io_channel(g_user.ch[0]));
	ON(1, spdk_put_io_channel(g_user.ch[1]));
	ON(2, spdk_put_io_channel(g_user.ch[2]));
	bdk_sim_run_until_idle();
	assert_int_equal(removed, 0);
	assert_int_equal(g_locks[1].called, 1);
	assert_int_equal(g_locks[1].status, -ENODEV);
	assert_int_equal(g_locks[2].called, 1);
	assert_int_equal(g_locks[2].status, -ENODEV);
}

static void
test_removal_while_held(void **state)
{
	open_disk();
	quiesce(0, 0, 0, 100);
	expect_granted(0);
	quiesce(1, 1, 50, 100);
	/* Neither release nor wait: the bdev goes, and with it the locks. */
	remove_disk();
	assert_int_equal(g_locks[1].called, 1);
	assert_int_equal(g_locks[1].status, -ENODEV);
}

static void
test_channel_goes(void **state)
{
	struct test_lock released = {};

	open_disk();
	g_disk.mode = MEM_DISK_HOLD;
	submit_write(2, 0, 10, 1);
	quiesce(0, 0, 0, 100);
	submit_write(1, 1, 10, 1);
	bdk_sim_run_until_idle();
	expect_waiting(1);
	ON(1, spdk_put_io_channel(g_user.ch[1]));
	g_user.ch[1] = NULL;
	expect_aborted(1);
	expect_not_granted(0);
	mem_disk_release(&g_disk, 1);
	expect_granted(0);
	unquiesce(0, 0, &released);
	remove_disk();
}

static void
test_thread_of_a_waiter_exits(void **state)
{
	struct test_lock released = {};

	open_disk();
	ON(2, spdk_put_io_channel(g_user.ch[2]));
	g_user.ch[2] = NULL;
	quiesce(0, 0, 0, 100);
	expect_granted(0);
	quiesce(1, 2, 50, 100);
	quiesce(2, 1, 60, 100);
	ON(2, spdk_thread_exit(g_sim_threads[2]));
	bdk_sim_run_for(1000);
	unquiesce(0, 0, &released);
	/* Nobody is there to get it: the next one does. */
	expect_granted(2);
	assert_int_equal(g_locks[1].called, 0);
	memset(&released, 0, sizeof(released));
	unquiesce(2, 0, &released);
	remove_disk();
}

static void
test_nothing_runs_while_held(void **state)
{
	struct test_lock released = {};
	uint64_t steps;

	open_disk();
	g_disk.mode = MEM_DISK_HOLD;
	submit_write(1, 0, 0, 1);
	quiesce(0, 0, 0, 100);
	submit_write(1, 1, 0, 1);
	/* Pollers that were made and paused are put away when their time comes for the first time. */
	bdk_sim_run_for(20 * 1000);
	steps = bdk_sim_get_step_count();
	bdk_sim_run_for(1000 * 1000);
	assert_int_equal(bdk_sim_get_step_count(), steps);
	mem_disk_release(&g_disk, 1);
	expect_granted(0);
	g_disk.mode = MEM_DISK_INLINE;
	unquiesce(0, 0, &released);
	expect_done(1);
	remove_disk();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_waits_for_io_under_way, setup, teardown),
		cmocka_unit_test_setup_teardown(test_keeps_back_and_submits_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_types, setup, teardown),
		cmocka_unit_test_setup_teardown(test_order_of_locks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_input, setup, teardown),
		cmocka_unit_test_setup_teardown(test_release_in_the_callback, setup, teardown),
		cmocka_unit_test_setup_teardown(test_new_channel, setup, teardown),
		cmocka_unit_test_setup_teardown(test_split_under_way, setup, teardown),
		cmocka_unit_test_setup_teardown(test_waits_for_retries, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reset_meanwhile, setup, teardown),
		cmocka_unit_test_setup_teardown(test_removal, setup, teardown),
		cmocka_unit_test_setup_teardown(test_removal_while_held, setup, teardown),
		cmocka_unit_test_setup_teardown(test_channel_goes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_thread_of_a_waiter_exits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing_runs_while_held, setup, teardown),
	};

	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
