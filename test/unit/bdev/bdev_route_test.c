/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * I/O that becomes one of the bdev below without an object of its own: where it goes, what comes back, and that all who
 * look for it, above and below, find it.
 */

#include "strips_bdev.h"

#define DISK_BLOCKS 256
#define NUM_BLOCKS 200
#define BLOCK 512

static struct mem_disk g_disks[STRIPS_BASES];
static struct mem_user g_user;
static uint8_t g_buf[64 * BLOCK], g_wanted[64 * BLOCK];

static int
setup(void **state)
{
	bdev_sim_start(5, 2);
	mem_disk_init(&g_disks[0], "d0", BLOCK, DISK_BLOCKS);
	mem_disk_init(&g_disks[1], "d1", BLOCK, DISK_BLOCKS);
	for (int i = 0; i < STRIPS_BASES; i++) {
		g_disks[i].io_types |= 1 << SPDK_BDEV_IO_TYPE_ABORT;
	}
	return 0;
}

/* On disks that the test may have changed. */
static void
begin(void)
{
	mem_disk_add(&g_disks[0]);
	mem_disk_add(&g_disks[1]);
	strips_bdev_create(g_disks, NUM_BLOCKS);
	mem_user_open_name(&g_user, "strips", 2, true);
}

static int
teardown(void **state)
{
	mem_user_close(&g_user);
	if (spdk_bdev_get_by_name("strips") != NULL) {
		strips_bdev_remove();
	}
	for (int i = 0; i < STRIPS_BASES; i++) {
		assert_int_equal(g_disks[i].inside, 0);
		if (!g_disks[i].destructed) {
			mem_disk_remove(&g_disks[i]);
		}
	}
	bdev_sim_stop();
	return 0;
}

/* Submits on thread 0, and lets happen what happens by itself. */
static void
submit(struct mem_io *io, bool write, uint64_t offset, uint64_t num_blocks)
{
	memset(io, 0, sizeof(*io));
	ON(0, {
		io->rc = write ? spdk_bdev_write_blocks(
					 g_user.desc, g_user.ch[0], g_buf, offset, num_blocks, mem_io_done_cb, io)
			       : spdk_bdev_read_blocks(
					 g_user.desc, g_user.ch[0], g_buf, offset, num_blocks, mem_io_done_cb, io);
	});
	assert_int_equal(io->rc, 0);
	bdk_sim_run_until_idle();
}

static void
make_data(uint8_t *buf, uint64_t first, uint64_t count)
{
	for (uint64_t i = 0; i < count * BLOCK; i++) {
		buf[i] = (uint8_t)((first + i / BLOCK) * 7 + (first * BLOCK + i) % 3);
	}
}

static void
goes_where_the_strip_is(void **state)
{
	struct spdk_bdev_io_stat stat;
	struct mem_io io;

	begin();
	for (uint64_t block = 0; block < NUM_BLOCKS; block += 4) {
		const struct mem_disk *disk = &g_disks[block / STRIPS_BLOCKS % 2];

		make_data(g_buf, block, 4);
		submit(&io, true, block, 4);
		assert_true(io.done == 1 && io.success);
		assert_int_equal(disk->records[disk->num_records - 1].offset,
			STRIPS_OFFSET + block / STRIPS_BLOCKS / 2 * STRIPS_BLOCKS + block % STRIPS_BLOCKS);
	}
	assert_int_equal(g_strips.seen, 0);
	memset(g_buf, 0, sizeof(g_buf));
	for (uint64_t block = 0; block < NUM_BLOCKS; block++) {
		submit(&io, false, block, 1);
		make_data(g_wanted, block, 1);
		assert_true(io.done == 1 && io.success);
		assert_memory_equal(g_buf, g_wanted, BLOCK);
	}
	assert_int_equal(g_strips.seen, 0);

	/* In three strips: it is split, and comes through the module. */
	submit(&io, false, 6, 16);
	make_data(g_wanted, 6, 16);
	assert_true(io.done == 1 && io.success);
	assert_memory_equal(g_buf, g_wanted, 16 * BLOCK);
	assert_int_equal(g_strips.seen, 3);

	/* Its end is that of the bdev, not of the disks. */
	ON(0, io.rc = spdk_bdev_read_blocks(g_user.desc, g_user.ch[0], g_buf, NUM_BLOCKS - 1, 2, mem_io_done_cb, &io));
	assert_int_equal(io.rc, -EINVAL);

	/* Counted above and below. */
	spdk_bdev_get_io_stat(&g_strips.bdev, g_user.ch[0], &stat, SPDK_BDEV_RESET_STAT_NONE);
	assert_int_equal(stat.num_write_ops, NUM_BLOCKS / 4);
	assert_int_equal(stat.bytes_written, NUM_BLOCKS * BLOCK);
	assert_int_equal(g_disks[0].num_records + g_disks[1].num_records, NUM_BLOCKS / 4 + NUM_BLOCKS + 3);
}

static void
scattered(void **state)
{
	struct iovec iovs[3] = {{g_buf, BLOCK}, {g_buf + 2 * BLOCK, BLOCK}, {g_buf + 4 * BLOCK, BLOCK}};
	struct mem_io io = {};

	begin();
	make_data(g_buf, 0, 8);
	ON(0,
		io.rc = spdk_bdev_writev_blocks(
			g_user.desc, g_user.ch[0], iovs, 3, STRIPS_BLOCKS, 3, mem_io_done_cb, &io));
	bdk_sim_run_until_idle();
	assert_true(io.rc == 0 && io.done == 1 && io.success);
	assert_memory_equal(g_disks[1].data + (STRIPS_OFFSET + 1) * BLOCK, g_buf + 2 * BLOCK, BLOCK);
	memset(&io, 0, sizeof(io));
	memcpy(g_wanted, g_buf, sizeof(g_buf));
	memset(g_buf, 0, sizeof(g_buf));
	ON(0,
		io.rc = spdk_bdev_readv_blocks(
			g_user.desc, g_user.ch[0], iovs, 3, STRIPS_BLOCKS, 3, mem_io_done_cb, &io));
	bdk_sim_run_until_idle();
	assert_true(io.rc == 0 && io.done == 1 && io.success);
	assert_memory_equal(g_buf + 4 * BLOCK, g_wanted + 4 * BLOCK, BLOCK);
	assert_int_equal(g_strips.seen, 0);
}

/* A buffer that the disk lends stays until the owner has freed the I/O. */
static void
without_a_buffer(void **state)
{
	struct mem_io io = {.keep = true};

	g_disks[0].get_buf = true;
	begin();
	memset(g_disks[0].data + STRIPS_OFFSET * BLOCK, 'x', 2 * BLOCK);
	ON(0, io.rc = spdk_bdev_read_blocks(g_user.desc, g_user.ch[0], NULL, 0, 2, mem_io_done_cb, &io));
	bdk_sim_run_until_idle();
	assert_true(io.rc == 0 && io.done == 1 && io.success);
	memset(g_wanted, 'x', 2 * BLOCK);
	assert_ptr_equal(io.bdev_io->bdev, &g_strips.bdev);
	assert_int_equal(io.bdev_io->u.bdev.offset_blocks, 0);
	assert_memory_equal(io.bdev_io->u.bdev.iovs[0].iov_base, g_wanted, 2 * BLOCK);
	ON(0, spdk_bdev_free_io(io.bdev_io));
}

static void
fails_as_below(void **state)
{
	struct mem_io io;

	begin();
	g_disks[0].fail_status = SPDK_BDEV_IO_STATUS_FAILED;
	submit(&io, true, 0, 1);
	assert_true(io.done == 1 && !io.success);
	submit(&io, true, STRIPS_BLOCKS, 1);
	assert_true(io.done == 1 && io.success);
	assert_int_equal(g_strips.seen, 0);
}

static void
refused_for_want_of_memory(void **state)
{
	struct mem_io io;

	begin();
	g_disks[0].refuse = 3;
	submit(&io, true, 0, 1);
	bdk_sim_run_for(100 * 1000);
	assert_true(io.done == 1 && io.success);
	assert_int_equal(g_strips.seen, 0);
	assert_int_equal(g_disks[0].num_records, 4);
}

/* The disk takes less at a time than the strips have. */
static void
split_below(void **state)
{
	struct mem_io io;

	g_disks[0].bdev.max_rw_size = 3;
	begin();
	make_data(g_buf, 0, 8);
	submit(&io, true, 0, 8);
	assert_true(io.done == 1 && io.success);
	assert_int_equal(g_disks[0].num_records, 3);
	assert_memory_equal(g_disks[0].data + STRIPS_OFFSET * BLOCK, g_buf, 8 * BLOCK);
	assert_int_equal(g_strips.seen, 0);
}

/* ---- who looks for it ---- */

static void
lock_cb(void *ctx, int status)
{
	assert_int_equal(status, 0);
	++*(int *)ctx;
}

static void
quiesce(struct spdk_bdev *bdev, uint64_t offset, uint64_t count, int *called)
{
	ON(1, assert_int_equal(spdk_bdev_quiesce_range(bdev, bdev->module, offset, count, lock_cb, called), 0));
	bdk_sim_run_until_idle();
}

static void
unquiesce(struct spdk_bdev *bdev, uint64_t offset, uint64_t count, int *called)
{
	ON(1, assert_int_equal(spdk_bdev_unquiesce_range(bdev, bdev->module, offset, count, lock_cb, called), 0));
	bdk_sim_run_until_idle();
}

static void
locks_wait_for_it(void **state)
{
	int above = 0, beside = 0, below = 0;
	struct mem_io io, other;

	g_disks[1].mode = MEM_DISK_HOLD;
	begin();
	submit(&io, true, STRIPS_BLOCKS, 2);
	assert_int_equal(g_strips.seen, 0);
	quiesce(&g_strips.bdev, STRIPS_BLOCKS + 1, 1, &above);
	quiesce(&g_strips.bdev, 0, STRIPS_BLOCKS, &beside);
	quiesce(&g_disks[1].bdev, STRIPS_OFFSET, 1, &below);
	assert_true(above == 0 && beside == 1 && below == 0);
	/* What comes now waits in the layer. */
	submit(&other, true, STRIPS_BLOCKS + 1, 1);
	assert_int_equal(g_disks[1].num_held, 1);

	mem_disk_release(&g_disks[1], 1);
	bdk_sim_run_until_idle();
	assert_true(io.done == 1 && io.success);
	assert_true(above == 1 && below == 1 && other.done == 0);
	g_disks[1].mode = MEM_DISK_INLINE;
	unquiesce(&g_strips.bdev, STRIPS_BLOCKS + 1, 1, &above);
	unquiesce(&g_strips.bdev, 0, STRIPS_BLOCKS, &beside);
	assert_true(above == 2 && beside == 2 && other.done == 1);
	unquiesce(&g_disks[1].bdev, STRIPS_OFFSET, 1, &below);
}

/* Kept back by a lock below when one above waits for it. */
static void
locks_above_and_below(void **state)
{
	int above = 0, below = 0;
	struct mem_io io;

	begin();
	quiesce(&g_disks[0].bdev, 0, DISK_BLOCKS, &below);
	submit(&io, true, 0, 1);
	quiesce(&g_strips.bdev, 0, 1, &above);
	assert_true(io.done == 0 && above == 0 && below == 1);
	unquiesce(&g_disks[0].bdev, 0, DISK_BLOCKS, &below);
	assert_true(io.done == 1 && io.success && above == 1);
	unquiesce(&g_strips.bdev, 0, 1, &above);
	assert_int_equal(g_strips.seen, 0);
}

struct found {
	uint32_t count;
	void *cb_arg;
};

static int
found(void *ctx, struct spdk_bdev_io *bdev_io)
{
	struct found *found = ctx;

	found->count++;
	found->cb_arg = spdk_bdev_io_get_cb_arg(bdev_io);
	return 0;
}

static void
walked_cb(void *ctx, int rc)
{
	assert_int_equal(rc, 0);
}

static void
depth_cb(struct spdk_bdev *bdev, uint64_t depth, void *cb_arg, int rc)
{
	*(uint64_t *)cb_arg = depth;
}

static void
late_cb(void *cb_arg, struct spdk_bdev_io *bdev_io)
{
	found(cb_arg, bdev_io);
}

static void
walks_find_it(void **state)
{
	struct found above = {}, below = {}, late = {}, late_below = {};
	uint64_t depth = 0;
	struct mem_io io;

	g_disks[0].mode = MEM_DISK_HOLD;
	begin();
	ON(0, assert_int_equal(spdk_bdev_set_timeout(g_user.desc, 2, late_cb, &late), 0));
	ON(0, assert_int_equal(spdk_bdev_set_timeout(g_strips.descs[0], 2, late_cb, &late_below), 0));
	submit(&io, true, 0, 2);
	ON(0, spdk_bdev_for_each_bdev_io(&g_strips.bdev, &above, found, walked_cb));
	ON(0, spdk_bdev_for_each_bdev_io(&g_disks[0].bdev, &below, found, walked_cb));
	ON(0, spdk_bdev_get_current_qd(&g_strips.bdev, depth_cb, &depth));
	bdk_sim_run_until_idle();
	assert_int_equal(above.count, 1);
	assert_ptr_equal(above.cb_arg, &io);
	assert_int_equal(below.count, 1);
	assert_int_equal(depth, 1);
	bdk_sim_run_for(5 * SPDK_SEC_TO_USEC);
	assert_true(late.count > 0 && late_below.count > 0);
	assert_ptr_equal(late.cb_arg, &io);
	mem_disk_release(&g_disks[0], 1);
	bdk_sim_run_until_idle();
	assert_true(io.done == 1 && io.success);
	ON(0, spdk_bdev_get_current_qd(&g_strips.bdev, depth_cb, &depth));
	bdk_sim_run_until_idle();
	assert_int_equal(depth, 0);
	ON(0, spdk_bdev_set_timeout(g_user.desc, 0, NULL, NULL));
	ON(0, spdk_bdev_set_timeout(g_strips.descs[0], 0, NULL, NULL));
}

static void
aborts_find_it(void **state)
{
	struct mem_io io, whole, abort = {};

	g_disks[1].mode = MEM_DISK_HOLD;
	g_disks[1].bdev.max_rw_size = 2;
	begin();
	submit(&io, true, STRIPS_BLOCKS, 1);
	/* Split below. */
	submit(&whole, true, STRIPS_BLOCKS, 8);
	assert_true(io.done == 0 && whole.done == 0 && g_strips.seen == 0);
	ON(0, abort.rc = spdk_bdev_abort(g_user.desc, g_user.ch[0], &io, mem_io_done_cb, &abort));
	bdk_sim_run_until_idle();
	assert_true(abort.rc == 0 && abort.done == 1 && abort.success);
	assert_true(io.done == 1 && !io.success && whole.done == 0);
	memset(&abort, 0, sizeof(abort));
	ON(0, abort.rc = spdk_bdev_abort(g_user.desc, g_user.ch[0], &whole, mem_io_done_cb, &abort));
	bdk_sim_run_until_idle();
	assert_true(abort.rc == 0 && abort.done == 1 && abort.success);
	assert_true(whole.done == 1 && !whole.success);
	assert_int_equal(g_disks[1].num_held, 0);
}

static void
abort_what_waits_below(void **state)
{
	struct mem_io io, abort = {};
	int below = 0;

	begin();
	/* For memory: it is the first to be refused, and is tried again only after a while. */
	g_disks[0].refuse = UINT32_MAX;
	submit(&io, true, 0, 1);
	assert_int_equal(io.done, 0);
	ON(0, abort.rc = spdk_bdev_abort(g_user.desc, g_user.ch[0], &io, mem_io_done_cb, &abort));
	g_disks[0].refuse = 0;
	bdk_sim_run_for(100 * 1000);
	assert_true(abort.done == 1 && abort.success && io.done == 1 && !io.success);
	quiesce(&g_disks[0].bdev, 0, 1, &below);
	unquiesce(&g_disks[0].bdev, 0, 1, &below);
	assert_int_equal(below, 2);
}

/* ---- resets, and what goes ---- */

static void
resets_end_it(void **state)
{
	struct mem_io io, reset;

	g_disks[0].mode = MEM_DISK_HOLD;
	begin();
	for (int above = 0; above < 2; above++) {
		submit(&io, true, 0, 1);
		memset(&reset, 0, sizeof(reset));
		if (above) {
			ON(0, reset.rc = spdk_bdev_reset(g_user.desc, g_user.ch[0], mem_io_done_cb, &reset));
		} else {
			struct mem_user disk;

			mem_user_open_name(&disk, "d0", 1, false);
			ON(0, reset.rc = spdk_bdev_reset(g_strips.descs[0], disk.ch[0], mem_io_done_cb, &reset));
			bdk_sim_run_until_idle();
			mem_user_close(&disk);
		}
		bdk_sim_run_until_idle();
		assert_true(reset.rc == 0 && reset.done == 1 && reset.success);
		assert_true(io.done == 1 && !io.success);
	}
}

/* Both channels wait for what their user has left. */
static void
outlives_its_channel(void **state)
{
	struct mem_io io;

	g_disks[0].mode = MEM_DISK_HOLD;
	begin();
	submit(&io, true, 0, 1);
	ON(0, spdk_put_io_channel(g_user.ch[0]));
	g_user.ch[0] = NULL;
	bdk_sim_run_for(1000);
	assert_int_equal(io.done, 0);
	mem_disk_release(&g_disks[0], 1);
	bdk_sim_run_until_idle();
	assert_true(io.done == 1 && io.success);
}

static void
base_goes(void **state)
{
	struct mem_io io;

	g_disks[0].mode = MEM_DISK_HOLD;
	begin();
	submit(&io, true, 0, 1);
	ON(0, spdk_bdev_unregister(&g_disks[0].bdev, NULL, NULL));
	bdk_sim_run_until_idle();
	assert_int_equal(g_user.removes, 1);
	assert_int_equal(io.done, 0);
	mem_disk_release(&g_disks[0], 1);
	bdk_sim_run_until_idle();
	assert_true(io.done == 1 && io.success);
	mem_user_close(&g_user);
	assert_true(g_disks[0].destructed);
}

/* What looks at the I/O of the bdev itself. */
static void
limits_above(void **state)
{
	uint64_t limits[SPDK_BDEV_QOS_NUM_RATE_LIMIT_TYPES] = {1000, UINT64_MAX, UINT64_MAX, UINT64_MAX};
	struct mem_io io;
	int called = 0;

	begin();
	ON(0, spdk_bdev_set_qos_rate_limits(&g_strips.bdev, limits, lock_cb, &called));
	bdk_sim_run_until_idle();
	assert_int_equal(called, 1);
	submit(&io, true, 0, 1);
	bdk_sim_run_for(10 * 1000);
	assert_true(io.done == 1 && g_strips.seen == 1);
	limits[0] = 0;
	ON(0, spdk_bdev_set_qos_rate_limits(&g_strips.bdev, limits, lock_cb, &called));
	bdk_sim_run_until_idle();
	assert_int_equal(called, 2);
	submit(&io, true, 0, 1);
	assert_true(io.done == 1 && g_strips.seen == 1);
}

static void
histogram_cb(void *ctx, int status)
{
	lock_cb(ctx, status);
}

/* Enabled above while it is below: its end counts. */
static void
histogram_above(void **state)
{
	struct mem_io io;
	int called = 0;

	g_disks[0].mode = MEM_DISK_HOLD;
	begin();
	submit(&io, true, 0, 1);
	ON(0, spdk_bdev_histogram_enable(&g_strips.bdev, histogram_cb, &called, true));
	bdk_sim_run_until_idle();
	assert_int_equal(called, 1);
	mem_disk_release(&g_disks[0], 1);
	bdk_sim_run_until_idle();
	assert_true(io.done == 1 && io.success);
	g_disks[0].mode = MEM_DISK_INLINE;
	submit(&io, true, 0, 1);
	assert_true(io.done == 1 && g_strips.seen == 1);
	ON(0, spdk_bdev_histogram_enable(&g_strips.bdev, histogram_cb, &called, false));
	bdk_sim_run_until_idle();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(goes_where_the_strip_is, setup, teardown),
		cmocka_unit_test_setup_teardown(scattered, setup, teardown),
		cmocka_unit_test_setup_teardown(without_a_buffer, setup, teardown),
		cmocka_unit_test_setup_teardown(fails_as_below, setup, teardown),
		cmocka_unit_test_setup_teardown(refused_for_want_of_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(split_below, setup, teardown),
		cmocka_unit_test_setup_teardown(locks_wait_for_it, setup, teardown),
		cmocka_unit_test_setup_teardown(locks_above_and_below, setup, teardown),
		cmocka_unit_test_setup_teardown(walks_find_it, setup, teardown),
		cmocka_unit_test_setup_teardown(aborts_find_it, setup, teardown),
		cmocka_unit_test_setup_teardown(abort_what_waits_below, setup, teardown),
		cmocka_unit_test_setup_teardown(resets_end_it, setup, teardown),
		cmocka_unit_test_setup_teardown(outlives_its_channel, setup, teardown),
		cmocka_unit_test_setup_teardown(base_goes, setup, teardown),
		cmocka_unit_test_setup_teardown(limits_above, setup, teardown),
		cmocka_unit_test_setup_teardown(histogram_above, setup, teardown),
	};

	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
