/* SPDX-License-Identifier: BSD-3-Clause */

/* Abort of I/O in every state that it can have. */

#include "mem_disk.h"

#define NUM_BLOCKS 256
#define THREADS 2

/* An I/O that is found by its group, as its callback gets nothing else. */
struct group {
	uint32_t done;
	uint32_t succeeded;
	uint32_t aborted;
	/* Do not free them, but keep them here. */
	bool keep;
	struct spdk_bdev_io *kept[8];
};

struct abort {
	int rc;
	uint32_t done;
	bool success;
	uint32_t cdw0;
	int sct, sc;
	/* Of the group when the abort ended. */
	uint32_t group_done;
	struct group *group;
};

static struct mem_disk g_disk;
static struct mem_user g_user;
static uint8_t g_buf[64 * 512];
static struct group g_group, g_other;
static struct abort g_abort;
static bool g_submitting;

static int
setup(void **state)
{
	bdev_sim_start(5, THREADS);
	mem_disk_init(&g_disk, "d", 512, NUM_BLOCKS);
	g_disk.io_types |= 1 << SPDK_BDEV_IO_TYPE_ABORT;
	g_disk.mode = MEM_DISK_HOLD;
	g_group = g_other = (struct group){};
	g_abort = (struct abort){};
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
io_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	struct group *group = cb_arg;
	uint32_t cdw0;
	int sct, sc;

	assert_false(g_submitting);
	spdk_bdev_io_get_nvme_status(bdev_io, &cdw0, &sct, &sc);
	if (group->keep) {
		group->kept[group->done] = bdev_io;
	} else {
		spdk_bdev_free_io(bdev_io);
	}
	group->done++;
	group->succeeded += success;
	group->aborted += sc == SPDK_NVME_SC_ABORTED_BY_REQUEST;
}

static void
submit_at(uint32_t thread, struct group *group, void *buf, uint64_t offset, uint64_t num_blocks)
{
	int rc;

	ON(thread,
		rc = spdk_bdev_read_blocks(g_user.desc, g_user.ch[thread], buf, offset, num_blocks, io_done_cb, group));
	assert_int_equal(rc, 0);
}

static void
submit(uint32_t thread, struct group *group, void *buf, uint64_t num_blocks)
{
	submit_at(thread, group, buf, 0, num_blocks);
}

static void
abort_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	struct abort *abort = cb_arg;

	assert_int_equal(abort->done, 0);
	abort->done++;
	abort->success = success;
	abort->group_done = abort->group->done;
	spdk_bdev_io_get_nvme_status(bdev_io, &abort->cdw0, &abort->sct, &abort->sc);
	spdk_bdev_free_io(bdev_io);
}

static void
abort_group(struct abort *abort, uint32_t thread, struct group *group)
{
	abort->group = group;
	g_submitting = true;
	ON(thread, abort->rc = spdk_bdev_abort(g_user.desc, g_user.ch[thread], group, abort_done_cb, abort));
	g_submitting = false;
	assert_int_equal(abort->rc, 0);
}

static void
expect(const struct abort *abort, bool success)
{
	assert_int_equal(abort->done, 1);
	assert_int_equal(abort->success, success);
	assert_int_equal(abort->cdw0, success ? 0 : 1);
	assert_int_equal(abort->sct, SPDK_NVME_SCT_GENERIC);
	assert_int_equal(abort->sc, SPDK_NVME_SC_SUCCESS);
}

static void
expect_group(const struct group *group, uint32_t done, uint32_t succeeded, uint32_t aborted)
{
	assert_int_equal(group->done, done);
	assert_int_equal(group->succeeded, succeeded);
	assert_int_equal(group->aborted, aborted);
}

static uint32_t
count_records(enum spdk_bdev_io_type type)
{
	uint32_t count = 0, i;

	for (i = 0; i < g_disk.num_records; i++) {
		count += g_disk.records[i].type == type;
	}
	return count;
}

static void
depth_cb(struct spdk_bdev *bdev, uint64_t depth, void *cb_arg, int rc)
{
	assert_int_equal(rc, 0);
	*(uint64_t *)cb_arg = depth;
}

/* The counts of what is inside the module do not suffer. */
static void
expect_depth(uint64_t expected)
{
	uint64_t depth = UINT64_MAX;

	ON(0, spdk_bdev_get_current_qd(&g_disk.bdev, depth_cb, &depth));
	bdk_sim_run_until_idle();
	assert_int_equal(depth, expected);
}

/* ---- arguments, and nothing to abort ---- */

static void
test_arguments(void **state)
{
	int rc;

	g_disk.io_types &= ~(1ull << SPDK_BDEV_IO_TYPE_ABORT);
	open_disk();
	ON(0, rc = spdk_bdev_abort(g_user.desc, g_user.ch[0], NULL, abort_done_cb, &g_abort));
	assert_int_equal(rc, -EINVAL);
	ON(0, rc = spdk_bdev_abort(g_user.desc, g_user.ch[0], &g_group, abort_done_cb, &g_abort));
	assert_int_equal(rc, -ENOTSUP);
	assert_int_equal(g_abort.done, 0);
	remove_disk();
}

static void
test_no_match(void **state)
{
	open_disk();
	submit(0, &g_other, g_buf, 1);
	submit(1, &g_group, g_buf, 1);
	g_submitting = false;
	g_abort.group = &g_group;
	/* Inside the call; and what is on another channel is not looked at. */
	ON(0, g_abort.rc = spdk_bdev_abort(g_user.desc, g_user.ch[0], &g_group, abort_done_cb, &g_abort));
	assert_int_equal(g_abort.rc, 0);
	expect(&g_abort, false);
	mem_disk_release(&g_disk, 2);
	bdk_sim_run_until_idle();
	expect_group(&g_other, 1, 1, 0);
	expect_group(&g_group, 1, 1, 0);
	assert_int_equal(count_records(SPDK_BDEV_IO_TYPE_ABORT), 0);
	remove_disk();
}

static void
test_done_already(void **state)
{
	g_disk.mode = MEM_DISK_INLINE;
	open_disk();
	/* Complete, and not reported yet. */
	submit(0, &g_group, g_buf, 1);
	assert_int_equal(g_group.done, 0);
	abort_group(&g_abort, 0, &g_group);
	expect(&g_abort, false);
	bdk_sim_run_until_idle();
	expect_group(&g_group, 1, 1, 0);
	remove_disk();
}

static void
test_reset_is_not_aborted(void **state)
{
	int rc;

	g_disk.bdev.reset_io_drain_timeout = 10;
	open_disk();
	submit(0, &g_other, g_buf, 1);
	ON(0, rc = spdk_bdev_reset(g_user.desc, g_user.ch[0], io_done_cb, &g_group));
	assert_int_equal(rc, 0);
	abort_group(&g_abort, 0, &g_group);
	expect(&g_abort, false);
	/* On a frozen channel nothing gets to the module, and the target goes on. */
	bdk_sim_run_until_idle();
	g_abort.done = 0;
	abort_group(&g_abort, 0, &g_other);
	assert_int_equal(g_abort.done, 0);
	bdk_sim_run_until_idle();
	expect(&g_abort, false);
	mem_disk_release(&g_disk, 1);
	bdk_sim_run_for(2 * 1000 * 1000);
	expect_group(&g_other, 1, 1, 0);
	expect_group(&g_group, 1, 1, 0);
	remove_disk();
}

static void
quiesced_cb(void *ctx, int status)
{
	assert_int_equal(status, 0);
	++*(uint32_t *)ctx;
}

static void
test_locked_is_not_found(void **state)
{
	uint32_t quiesced = 0;

	open_disk();
	ON(0, assert_int_equal(spdk_bdev_quiesce(&g_disk.bdev, g_disk.bdev.module, quiesced_cb, &quiesced), 0));
	bdk_sim_run_until_idle();
	assert_int_equal(quiesced, 1);
	submit(0, &g_group, g_buf, 1);
	abort_group(&g_abort, 0, &g_group);
	expect(&g_abort, false);
	ON(0, assert_int_equal(spdk_bdev_unquiesce(&g_disk.bdev, g_disk.bdev.module, quiesced_cb, &quiesced), 0));
	bdk_sim_run_until_idle();
	assert_int_equal(quiesced, 2);
	mem_disk_release(&g_disk, 1);
	bdk_sim_run_until_idle();
	expect_group(&g_group, 1, 1, 0);
	remove_disk();
}

/* ---- at the module ---- */

static void
test_module(void **state)
{
	open_disk();
	submit(0, &g_group, g_buf, 1);
	submit(0, &g_other, g_buf, 1);
	abort_group(&g_abort, 0, &g_group);
	assert_int_equal(g_abort.done, 0);
	bdk_sim_run_until_idle();
	expect(&g_abort, true);
	expect_group(&g_group, 1, 0, 1);
	expect_group(&g_other, 0, 0, 0);
	assert_int_equal(count_records(SPDK_BDEV_IO_TYPE_ABORT), 1);
	expect_depth(1);
	mem_disk_release(&g_disk, 1);
	bdk_sim_run_until_idle();
	expect_group(&g_other, 1, 1, 0);
	remove_disk();
}

static void
test_module_inline(void **state)
{
	/* The module ends both inside submit_request: no owner is called inside spdk_bdev_abort(). */
	g_disk.abort_mode = MEM_DISK_ABORT_INLINE;
	open_disk();
	submit(0, &g_group, g_buf, 1);
	abort_group(&g_abort, 0, &g_group);
	assert_int_equal(g_abort.done + g_group.done, 0);
	bdk_sim_run_until_idle();
	expect(&g_abort, true);
	/* The target ends first. */
	assert_int_equal(g_abort.group_done, 1);
	expect_group(&g_group, 1, 0, 1);
	expect_depth(0);
	remove_disk();
}

static void
test_module_fails(void **state)
{
	g_disk.abort_mode = MEM_DISK_ABORT_FAIL;
	open_disk();
	submit(0, &g_group, g_buf, 1);
	abort_group(&g_abort, 0, &g_group);
	bdk_sim_run_until_idle();
	expect(&g_abort, false);
	expect_group(&g_group, 0, 0, 0);
	mem_disk_release(&g_disk, 1);
	bdk_sim_run_until_idle();
	expect_group(&g_group, 1, 1, 0);
	remove_disk();
}

static void
test_module_fails_too_late(void **state)
{
	struct group reused = {};

	/* The target ends before the module says that it cannot abort it; another I/O gets its object. */
	g_disk.abort_mode = MEM_DISK_ABORT_HOLD;
	open_disk();
	submit(0, &g_group, g_buf, 1);
	abort_group(&g_abort, 0, &g_group);
	assert_int_equal(g_disk.num_held, 2);
	mem_disk_release(&g_disk, 1);
	bdk_sim_run_until_idle();
	expect_group(&g_group, 1, 1, 0);
	assert_int_equal(g_abort.done, 0);
	submit(0, &reused, g_buf, 1);
	mem_disk_release_status(&g_disk, 1, SPDK_BDEV_IO_STATUS_FAILED);
	bdk_sim_run_until_idle();
	expect(&g_abort, true);
	expect_group(&reused, 0, 0, 0);
	mem_disk_release(&g_disk, 1);
	bdk_sim_run_until_idle();
	remove_disk();
}

static void
test_several(void **state)
{
	struct abort again = {};
	int i;

	open_disk();
	for (i = 0; i < 5; i++) {
		submit(0, &g_group, g_buf, 1);
	}
	/* Twice: the second time they are being aborted, and the module cannot once more. */
	abort_group(&g_abort, 0, &g_group);
	abort_group(&again, 0, &g_group);
	bdk_sim_run_until_idle();
	expect(&g_abort, true);
	assert_int_equal(again.done, 1);
	expect_group(&g_group, 5, 0, 5);
	remove_disk();
}

static void
test_partly_failed(void **state)
{
	/* One is aborted, one is not held by the module and cannot be. */
	open_disk();
	submit(0, &g_group, g_buf, 1);
	g_disk.mode = MEM_DISK_MESSAGE;
	submit(0, &g_group, g_buf, 1);
	g_disk.abort_mode = MEM_DISK_ABORT_INLINE;
	abort_group(&g_abort, 0, &g_group);
	bdk_sim_run_until_idle();
	expect_group(&g_group, 2, 1, 1);
	assert_int_equal(g_abort.done, 1);
	remove_disk();
}

/* ---- waiting inside the layer ---- */

static void
test_nomem(void **state)
{
	open_disk();
	submit(0, &g_other, g_buf, 1);
	g_disk.refuse = 1;
	/* The first is refused, the second waits behind it. */
	submit(0, &g_group, g_buf, 1);
	submit(0, &g_group, g_buf, 1);
	expect_depth(1);
	g_disk.num_records = 0;
	abort_group(&g_abort, 0, &g_group);
	assert_int_equal(g_group.done, 0);
	bdk_sim_run_until_idle();
	expect(&g_abort, true);
	assert_int_equal(g_abort.group_done, 2);
	expect_group(&g_group, 2, 0, 2);
	assert_int_equal(g_disk.num_records, 0);
	expect_depth(1);
	/* The queue is empty: new I/O goes down at once. */
	submit(0, &g_other, g_buf, 1);
	assert_int_equal(g_disk.num_held, 2);
	mem_disk_release(&g_disk, 2);
	bdk_sim_run_until_idle();
	expect_group(&g_other, 2, 2, 0);
	remove_disk();
}

static void
test_buffer(void **state)
{
	uint32_t i;

	g_disk.get_buf = true;
	open_disk();
	/* More than there are large buffers. */
	for (i = 0; i < 40; i++) {
		submit(0, i == 39 ? &g_group : &g_other, NULL, 128);
	}
	i = g_disk.num_held;
	assert_true(i > 0 && i < 40);
	abort_group(&g_abort, 0, &g_group);
	bdk_sim_run_until_idle();
	expect(&g_abort, true);
	expect_group(&g_group, 1, 0, 1);
	assert_int_equal(count_records(SPDK_BDEV_IO_TYPE_ABORT), 0);
	expect_depth(39);
	while (g_other.done < 39) {
		mem_disk_release(&g_disk, 1);
		bdk_sim_run_until_idle();
	}
	expect_group(&g_other, 39, 39, 0);
	expect_depth(0);
	remove_disk();
}

static void
limited_cb(void *cb_arg, int status)
{
	assert_int_equal(status, 0);
	*(bool *)cb_arg = true;
}

static void
test_qos(void **state)
{
	uint64_t limits[SPDK_BDEV_QOS_NUM_RATE_LIMIT_TYPES] = {1000, UINT64_MAX, UINT64_MAX, UINT64_MAX};
	bool limited = false;

	open_disk();
	ON(0, spdk_bdev_set_qos_rate_limits(&g_disk.bdev, limits, limited_cb, &limited));
	bdk_sim_run_until_idle();
	assert_true(limited);
	/* One in a millisecond: the second one and the third wait. */
	submit(0, &g_other, g_buf, 1);
	submit(0, &g_group, g_buf, 1);
	submit(0, &g_other, g_buf, 1);
	assert_int_equal(g_disk.num_held, 1);
	abort_group(&g_abort, 0, &g_group);
	assert_int_equal(g_group.done, 0);
	bdk_sim_run_until_idle();
	expect(&g_abort, true);
	expect_group(&g_group, 1, 0, 1);
	assert_int_equal(count_records(SPDK_BDEV_IO_TYPE_ABORT), 0);
	expect_depth(1);
	/* The one behind it has its turn. */
	bdk_sim_run_for(2000);
	assert_int_equal(g_disk.num_held, 2);
	mem_disk_release(&g_disk, 2);
	bdk_sim_run_until_idle();
	expect_group(&g_other, 2, 2, 0);
	remove_disk();
}

static void
test_refused_abort(void **state)
{
	/* The module has no memory for the ABORT. When it has, the target is gone, or has been refused as well. */
	open_disk();
	submit(0, &g_group, g_buf, 1);
	submit(0, &g_other, g_buf, 1);
	g_disk.refuse = 1;
	abort_group(&g_abort, 0, &g_group);
	assert_int_equal(g_abort.done, 0);
	g_disk.num_records = 0;
	mem_disk_release(&g_disk, 1);
	bdk_sim_run_until_idle();
	expect_group(&g_group, 1, 1, 0);
	expect(&g_abort, true);
	assert_int_equal(g_disk.num_records, 0);

	g_abort.done = 0;
	g_disk.refuse = 1;
	abort_group(&g_abort, 0, &g_other);
	mem_disk_release_status(&g_disk, 1, SPDK_BDEV_IO_STATUS_NOMEM);
	bdk_sim_run_for(20 * 1000);
	if (g_abort.done == 0) {
		mem_disk_release(&g_disk, 1);
		bdk_sim_run_until_idle();
	}
	expect(&g_abort, true);
	assert_int_equal(g_other.done, 1);
	expect_depth(0);
	remove_disk();
}

/* ---- split ---- */

static void
test_split(void **state)
{
	g_disk.bdev.max_rw_size = 1;
	open_disk();
	submit(0, &g_group, g_buf, 40);
	assert_int_equal(g_disk.num_held, 32);
	/* Some parts are done already. */
	mem_disk_release(&g_disk, 5);
	bdk_sim_run_until_idle();
	abort_group(&g_abort, 0, &g_group);
	bdk_sim_run_until_idle();
	expect(&g_abort, true);
	expect_group(&g_group, 1, 0, 0);
	/* No further round. */
	assert_int_equal(count_records(SPDK_BDEV_IO_TYPE_READ), 32);
	assert_int_equal(count_records(SPDK_BDEV_IO_TYPE_ABORT), 27);
	expect_depth(0);
	remove_disk();
}

static void
test_split_that_goes_on(void **state)
{
	/* The module aborts nothing. Nevertheless no round follows, so that the I/O fails if there would have been one. */
	g_disk.abort_mode = MEM_DISK_ABORT_FAIL;
	g_disk.bdev.max_rw_size = 1;
	open_disk();
	submit(0, &g_group, g_buf, 40);
	abort_group(&g_abort, 0, &g_group);
	bdk_sim_run_until_idle();
	expect(&g_abort, false);
	mem_disk_release(&g_disk, 40);
	bdk_sim_run_until_idle();
	expect_group(&g_group, 1, 0, 0);
	assert_int_equal(count_records(SPDK_BDEV_IO_TYPE_READ), 32);

	/* One that is in its last round is whole. */
	g_abort.done = 0;
	submit(0, &g_other, g_buf, 20);
	abort_group(&g_abort, 0, &g_other);
	bdk_sim_run_until_idle();
	expect(&g_abort, false);
	mem_disk_release(&g_disk, 20);
	bdk_sim_run_until_idle();
	expect_group(&g_other, 1, 1, 0);
	remove_disk();
}

static void
test_split_parts_waiting(void **state)
{
	/* Parts at the module, and parts that wait for its memory. */
	g_disk.bdev.max_rw_size = 1;
	open_disk();
	submit(0, &g_other, g_buf, 1);
	g_disk.refuse = 1;
	submit(0, &g_group, g_buf, 8);
	abort_group(&g_abort, 0, &g_group);
	bdk_sim_run_until_idle();
	expect(&g_abort, true);
	expect_group(&g_group, 1, 0, 0);
	expect_depth(1);
	mem_disk_release(&g_disk, 1);
	bdk_sim_run_until_idle();
	remove_disk();
}

static void
test_split_without_buffer(void **state)
{
	uint32_t i;

	/* The whole waits for its buffer, and has no parts yet. */
	g_disk.bdev.max_rw_size = 64;
	open_disk();
	for (i = 0; i < 40; i++) {
		submit(0, i == 39 ? &g_group : &g_other, NULL, 128);
	}
	abort_group(&g_abort, 0, &g_group);
	bdk_sim_run_until_idle();
	expect(&g_abort, true);
	expect_group(&g_group, 1, 0, 1);
	while (g_other.done < 39) {
		mem_disk_release(&g_disk, 64);
		bdk_sim_run_until_idle();
	}
	expect_group(&g_other, 39, 39, 0);
	remove_disk();
}

/* ---- shortage of objects ---- */

/* Takes all objects that users can have on thread 0, but for some. */
static uint32_t
use_up(uint32_t leave)
{
	uint32_t count = 0;
	int rc = 0;

	ON(0, {
		while (rc == 0) {
			rc = spdk_bdev_read_blocks(
				g_user.desc, g_user.ch[0], g_buf, count < leave ? 200 : 0, 1, io_done_cb, &g_other);
			count += rc == 0;
		}
	});
	assert_int_equal(rc, -ENOMEM);
	assert_int_equal(mem_disk_release_at(&g_disk, SPDK_BDEV_IO_TYPE_READ, 200, SPDK_BDEV_IO_STATUS_SUCCESS), leave);
	bdk_sim_run_until_idle();
	assert_int_equal(g_other.done, leave);
	return count;
}

static void
test_shortage(void **state)
{
	uint32_t others, i;

	open_disk();
	/* All but one, which is for the abort: its ABORTs have to share what is kept for inner I/O. */
	others = use_up(11);
	for (i = 0; i < 10; i++) {
		submit(0, &g_group, g_buf, 1);
	}
	abort_group(&g_abort, 0, &g_group);
	assert_true(count_records(SPDK_BDEV_IO_TYPE_ABORT) < 10);
	bdk_sim_run_until_idle();
	expect(&g_abort, true);
	expect_group(&g_group, 10, 0, 10);
	mem_disk_release(&g_disk, others);
	bdk_sim_run_until_idle();
	expect_depth(0);
	remove_disk();
}

/* Two of four targets get an ABORT; then there is no object for the others, and the abort waits. */
static uint32_t
make_shortage(struct group *split)
{
	uint32_t quiesced = 0, others, i;

	/* Two that are to be split wait for a lock, and have their objects already. */
	g_disk.bdev.max_rw_size = 1;
	g_disk.abort_mode = MEM_DISK_ABORT_HOLD;
	open_disk();
	others = use_up(7);
	for (i = 0; i < 4; i++) {
		submit_at(0, &g_group, g_buf, 1, 1);
	}
	ON(0, spdk_bdev_quiesce_range(&g_disk.bdev, g_disk.bdev.module, 8, 8, quiesced_cb, &quiesced));
	bdk_sim_run_until_idle();
	assert_int_equal(quiesced, 1);
	submit_at(0, split, g_buf, 8, 2);
	submit_at(0, split, g_buf, 8, 2);
	/* What is kept for inner I/O goes to two ABORTs, so that the two find nothing, and wait. */
	abort_group(&g_abort, 0, &g_group);
	assert_int_equal(count_records(SPDK_BDEV_IO_TYPE_ABORT), 2);
	ON(0, spdk_bdev_unquiesce_range(&g_disk.bdev, g_disk.bdev.module, 8, 8, quiesced_cb, &quiesced));
	bdk_sim_run_until_idle();
	assert_int_equal(quiesced, 2);
	/* They get what the ABORTs give back. */
	assert_int_equal(mem_disk_release_at(&g_disk, SPDK_BDEV_IO_TYPE_ABORT, 0, SPDK_BDEV_IO_STATUS_SUCCESS), 2);
	bdk_sim_run_until_idle();
	assert_int_equal(count_records(SPDK_BDEV_IO_TYPE_ABORT), 2);
	assert_int_equal(g_abort.done, 0);
	return others;
}

static void
end_shortage(struct group *split, uint32_t others)
{
	while (split->done < 2 || g_other.done < others) {
		mem_disk_release(&g_disk, 64);
		bdk_sim_run_until_idle();
	}
	expect_group(split, 2, 2, 0);
	expect_depth(0);
	remove_disk();
}

static void
test_shortage_waited_out(void **state)
{
	struct group split = {};
	uint32_t others = make_shortage(&split);

	g_disk.abort_mode = MEM_DISK_ABORT_INLINE;
	mem_disk_release(&g_disk, 1);
	bdk_sim_run_until_idle();
	expect(&g_abort, true);
	expect_group(&g_group, 2, 0, 2);
	assert_int_equal(count_records(SPDK_BDEV_IO_TYPE_ABORT), 4);
	end_shortage(&split, others);
}

static void
test_shortage_nothing_left(void **state)
{
	struct group split = {};
	uint32_t others = make_shortage(&split), i;

	/* All targets end before there is an object for the abort. */
	g_group.keep = true;
	assert_int_equal(mem_disk_release_at(&g_disk, SPDK_BDEV_IO_TYPE_READ, 1, SPDK_BDEV_IO_STATUS_SUCCESS), 4);
	bdk_sim_run_until_idle();
	expect_group(&g_group, 4, 4, 0);
	assert_int_equal(g_abort.done, 0);
	g_group.keep = false;
	ON(
		0, for (i = 0; i < 4; i++) { spdk_bdev_free_io(g_group.kept[i]); });
	expect(&g_abort, true);
	assert_int_equal(count_records(SPDK_BDEV_IO_TYPE_ABORT), 2);
	end_shortage(&split, others);
}

static void
test_split_waits_for_object(void **state)
{
	struct group elsewhere = {}, split = {};
	uint32_t others, i;
	int rc = 0;

	/* As before, but what would let a user go on is in the hands of another thread. */
	g_disk.bdev.max_rw_size = 1;
	open_disk();
	ON(1, {
		while (elsewhere.done < 600 && rc == 0) {
			rc = spdk_bdev_read_blocks(g_user.desc, g_user.ch[1], g_buf, 16, 1, io_done_cb, &elsewhere);
			elsewhere.done += rc == 0;
		}
	});
	assert_int_equal(rc, 0);
	elsewhere.done = 0;
	others = use_up(2);
	ON(0, spdk_bdev_quiesce_range(&g_disk.bdev, g_disk.bdev.module, 8, 8, NULL, NULL));
	bdk_sim_run_until_idle();
	submit_at(0, &g_group, g_buf, 8, 2);
	/* Takes the last object, and its parts what is kept for inner I/O. */
	submit_at(0, &split, g_buf, 0, 8);
	ON(0, spdk_bdev_unquiesce_range(&g_disk.bdev, g_disk.bdev.module, 8, 8, NULL, NULL));
	bdk_sim_run_until_idle();
	/* Now the other thread gives back what it has. */
	assert_int_equal(mem_disk_release_at(&g_disk, SPDK_BDEV_IO_TYPE_READ, 16, SPDK_BDEV_IO_STATUS_SUCCESS), 600);
	bdk_sim_run_until_idle();
	assert_int_equal(elsewhere.done, 600);
	assert_int_equal(g_group.done, 0);
	for (i = 0; i < g_disk.num_records; i++) {
		assert_int_not_equal(g_disk.records[i].offset, 8);
	}
	abort_group(&g_abort, 0, &g_group);
	bdk_sim_run_until_idle();
	expect(&g_abort, true);
	expect_group(&g_group, 1, 0, 0);
	assert_int_equal(count_records(SPDK_BDEV_IO_TYPE_ABORT), 0);
	while (split.done == 0 || g_other.done < others) {
		mem_disk_release(&g_disk, 64);
		bdk_sim_run_until_idle();
	}
	expect_group(&split, 1, 1, 0);
	expect_depth(0);
	remove_disk();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_arguments, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_match, setup, teardown),
		cmocka_unit_test_setup_teardown(test_done_already, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reset_is_not_aborted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_locked_is_not_found, setup, teardown),
		cmocka_unit_test_setup_teardown(test_module, setup, teardown),
		cmocka_unit_test_setup_teardown(test_module_inline, setup, teardown),
		cmocka_unit_test_setup_teardown(test_module_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(test_module_fails_too_late, setup, teardown),
		cmocka_unit_test_setup_teardown(test_several, setup, teardown),
		cmocka_unit_test_setup_teardown(test_partly_failed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nomem, setup, teardown),
		cmocka_unit_test_setup_teardown(test_buffer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_qos, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused_abort, setup, teardown),
		cmocka_unit_test_setup_teardown(test_split, setup, teardown),
		cmocka_unit_test_setup_teardown(test_split_that_goes_on, setup, teardown),
		cmocka_unit_test_setup_teardown(test_split_parts_waiting, setup, teardown),
		cmocka_unit_test_setup_teardown(test_split_without_buffer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shortage, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shortage_waited_out, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shortage_nothing_left, setup, teardown),
		cmocka_unit_test_setup_teardown(test_split_waits_for_object, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
