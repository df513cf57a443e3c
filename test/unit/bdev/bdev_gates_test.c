/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Gates and the rarer types of I/O: which of them locks and quiesces keep back, and rate limits count. The order of the
 * gates, and the abort of what waits at one.
 */

#include "types_fixture.h"
#include "lib/bdev/io_internal.h"

#define MAX_IOS 16

static struct mem_io g_ios[MAX_IOS];
static uint32_t g_called;

static void
ok_cb(void *ctx, int status)
{
	assert_int_equal(status, 0);
	g_called++;
}

static void
open_with_all_types(void)
{
	g_disk.io_types = UINT64_MAX;
	g_disk.mode = MEM_DISK_INLINE;
	memset(g_ios, 0, sizeof(g_ios));
	open_disk();
}

static void
quiesce(uint64_t offset, uint64_t num_blocks)
{
	ON(0,
		assert_int_equal(
			spdk_bdev_quiesce_range(&g_disk.bdev, g_disk.bdev.module, offset, num_blocks, ok_cb, NULL), 0));
	g_called = 0;
	bdk_sim_run_until_idle();
}

static void
unquiesce(uint64_t offset, uint64_t num_blocks)
{
	ON(0,
		assert_int_equal(
			spdk_bdev_unquiesce_range(&g_disk.bdev, g_disk.bdev.module, offset, num_blocks, ok_cb, NULL),
			0));
	bdk_sim_run_until_idle();
}

static void
set_limits(uint64_t iops, uint64_t rw, uint64_t r, uint64_t w)
{
	uint64_t limits[] = {iops, rw, r, w};

	ON(0, spdk_bdev_set_qos_rate_limits(&g_disk.bdev, limits, ok_cb, NULL));
	bdk_sim_run_until_idle();
}

static void
pass(uint64_t us)
{
	bdk_sim_run_for(us);
	bdk_sim_run_until_idle();
}

static void
free_ios(void)
{
	uint32_t i;

	for (i = 0; i < MAX_IOS; i++) {
		if (g_ios[i].done) {
			ON(0, spdk_bdev_free_io(g_ios[i].bdev_io));
		}
	}
	memset(g_ios, 0, sizeof(g_ios));
}

static struct spdk_nvme_cmd g_read_cmd = {.opc = SPDK_NVME_OPC_READ};
static struct spdk_nvme_cmd g_write_cmd = {.opc = SPDK_NVME_OPC_WRITE};

/* Submits one of each type, of block 100, or to the place 100 where there are two. */
static void
submit_each(void)
{
	static struct iovec iov = {.iov_base = g_buf, .iov_len = BLOCK};

	SUBMIT(&g_ios[0], spdk_bdev_nvme_io_passthru, &g_read_cmd, g_buf, BLOCK);
	SUBMIT(&g_ios[1], spdk_bdev_nvme_io_passthru_md, &g_write_cmd, g_buf, BLOCK, g_md, MD_LEN);
	SUBMIT(&g_ios[2], spdk_bdev_nvme_iov_passthru_md, &g_write_cmd, &iov, 1, BLOCK, NULL, 0);
	SUBMIT(&g_ios[3], spdk_bdev_nvme_admin_passthru, &g_read_cmd, g_buf, BLOCK);
	SUBMIT(&g_ios[4], spdk_bdev_copy_blocks, 100, 0, 1);
	SUBMIT(&g_ios[5], spdk_bdev_copy_blocks, 0, 100, 1);
	SUBMIT(&g_ios[6], spdk_bdev_compare_blocks, g_buf, 100, 1);
	SUBMIT(&g_ios[7], spdk_bdev_comparev_and_writev_blocks, &iov, 1, &iov, 1, 100, 1);
	SUBMIT(&g_ios[8], spdk_bdev_seek_data, 100);
	SUBMIT(&g_ios[9], spdk_bdev_flush_blocks, 100, 1);
	bdk_sim_run_until_idle();
}

static void
expect_done(uint32_t mask)
{
	uint32_t i;

	for (i = 0; i < 10; i++) {
		assert_int_equal(g_ios[i].done, (mask >> i) & 1);
	}
}

static void
test_types_and_locks(void **state)
{
	const uint32_t all = (1 << 10) - 1;

	open_with_all_types();
	quiesce(100, 1);
	assert_int_equal(g_called, 1);
	submit_each();
	/* NVMe commands wherever they go, but not those with iovecs; copies to, not from. */
	expect_done(all & ~(1u << 0 | 1u << 1 | 1u << 4));
	unquiesce(100, 1);
	expect_done(all);
	free_ios();
	/* What they do elsewhere is only known of copies. */
	quiesce(200, 1);
	submit_each();
	expect_done(all & ~(1u << 0 | 1u << 1));
	unquiesce(200, 1);
	expect_done(all);
	free_ios();
	/* They are waited for in the same way. */
	g_disk.mode = MEM_DISK_HOLD;
	submit_each();
	assert_int_equal(g_disk.num_held, 10);
	quiesce(100, 1);
	mem_disk_release(&g_disk, 4);
	bdk_sim_run_until_idle();
	assert_int_equal(g_called, 0);
	mem_disk_release(&g_disk, 1);
	bdk_sim_run_until_idle();
	assert_int_equal(g_called, 1);
	assert_int_equal(g_disk.num_held, 5);
	mem_disk_release(&g_disk, 5);
	bdk_sim_run_until_idle();
	unquiesce(100, 1);
	free_ios();
	remove_disk();
}

static void
zcopy_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	struct mem_io *io = cb_arg;

	io->done++;
	io->success = success;
}

static void
test_zcopy_and_locks(void **state)
{
	struct spdk_bdev_io *bdev_io;
	int rc;

	open_with_all_types();
	quiesce(100, 4);
	SUBMIT(&g_ios[0], spdk_bdev_zcopy_start, NULL, 0, 102, 4, true);
	bdk_sim_run_until_idle();
	assert_int_equal(g_ios[0].done, 0);
	unquiesce(100, 4);
	assert_int_equal(g_ios[0].done, 1);
	assert_true(g_ios[0].success);
	/* Nothing is under way between start and end; the end waits. */
	g_called = 0;
	quiesce(100, 4);
	assert_int_equal(g_called, 1);
	bdev_io = g_ios[0].bdev_io;
	ON(0, rc = spdk_bdev_zcopy_end(bdev_io, true, zcopy_done_cb, &g_ios[1]));
	assert_int_equal(rc, 0);
	bdk_sim_run_until_idle();
	assert_int_equal(g_ios[1].done, 0);
	unquiesce(100, 4);
	assert_int_equal(g_ios[1].done, 1);
	assert_true(g_ios[1].success);
	ON(0, spdk_bdev_free_io(bdev_io));
	remove_disk();
}

/* Each of these alone would have to wait for the next slice. */
static void
test_types_and_rates(void **state)
{
	const uint32_t all = (1 << 10) - 1;
	struct mem_io first;

	open_with_all_types();
	set_limits(1000, 0, 0, 0);
	RUN(&first, spdk_bdev_read_blocks, g_buf, 0, 1);
	submit_each();
	expect_done(all & ~(1u << 0 | 1u << 1));
	pass(1000);
	expect_done(all & ~(1u << 1));
	pass(1000);
	expect_done(all);
	free_ios();
	ON(0, spdk_bdev_free_io(first.bdev_io));
	/* By the opcode one is a read and the other a write; bytes as the caller says. */
	set_limits(0, 0, 1, 0);
	RUN(&first, spdk_bdev_nvme_io_passthru, &g_read_cmd, g_buf, 3 * BLOCK);
	submit_each();
	expect_done(all & ~(1u << 0));
	pass(2000);
	expect_done(all);
	free_ios();
	ON(0, spdk_bdev_free_io(first.bdev_io));
	set_limits(0, 0, 0, 1);
	RUN(&first, spdk_bdev_nvme_io_passthru_md, &g_write_cmd, g_buf, 3 * BLOCK, g_md, MD_LEN);
	submit_each();
	expect_done(all & ~(1u << 1));
	pass(2000);
	expect_done(all);
	free_ios();
	ON(0, spdk_bdev_free_io(first.bdev_io));
	set_limits(0, 0, 0, 0);
	remove_disk();
}

static void
test_zcopy_and_rates(void **state)
{
	struct mem_io first;
	bool populate;

	open_with_all_types();
	for (populate = false;; populate = true) {
		set_limits(0, 0, populate ? 1 : 0, populate ? 0 : 1);
		RUN(&first, spdk_bdev_zcopy_start, NULL, 0, 0, 3, populate);
		SUBMIT(&g_ios[0], spdk_bdev_zcopy_start, NULL, 0, 0, 3, populate);
		SUBMIT(&g_ios[1], spdk_bdev_zcopy_start, NULL, 0, 0, 3, !populate);
		bdk_sim_run_until_idle();
		assert_int_equal(g_ios[0].done, 0);
		assert_int_equal(g_ios[1].done, 1);
		/* The end is not counted, and passes. */
		ON(0, assert_int_equal(spdk_bdev_zcopy_end(first.bdev_io, true, zcopy_done_cb, &g_ios[2]), 0));
		bdk_sim_run_until_idle();
		assert_int_equal(g_ios[2].done, 1);
		ON(0, spdk_bdev_free_io(first.bdev_io));
		pass(1000);
		assert_int_equal(g_ios[0].done, 1);
		ON(0, {
			assert_int_equal(spdk_bdev_zcopy_end(g_ios[0].bdev_io, false, mem_io_done_cb, &first), 0);
			memset(&first, 0, sizeof(first));
		});
		bdk_sim_run_until_idle();
		assert_int_equal(first.done, 1);
		memset(&first, 0, sizeof(first));
		ON(0, assert_int_equal(spdk_bdev_zcopy_end(g_ios[1].bdev_io, false, mem_io_done_cb, &first), 0));
		bdk_sim_run_until_idle();
		assert_int_equal(first.done, 1);
		memset(g_ios, 0, sizeof(g_ios));
		pass(100 * 1000);
		if (populate) {
			break;
		}
	}
	set_limits(0, 0, 0, 0);
	remove_disk();
}

static void
abort_io(struct mem_io *target, bool success)
{
	struct mem_io io = {};
	int rc;

	ON(0, rc = spdk_bdev_abort(g_user.desc, g_user.ch[0], target, mem_io_done_cb, &io));
	assert_int_equal(rc, 0);
	bdk_sim_run_until_idle();
	assert_int_equal(io.done, 1);
	assert_int_equal(io.success, success);
}

/* What a rate keeps back is aborted; what a lock keeps back is not found, nor reset. */
static void
test_abort(void **state)
{
	struct mem_io reset;

	open_with_all_types();
	set_limits(1000, 0, 0, 0);
	RUN(&g_ios[0], spdk_bdev_read_blocks, g_buf, 0, 1);
	SUBMIT(&g_ios[1], spdk_bdev_read_blocks, g_buf, 0, 1);
	SUBMIT(&g_ios[2], spdk_bdev_write_blocks, g_buf, 0, 1);
	SUBMIT(&g_ios[3], spdk_bdev_write_blocks, g_buf, 0, 1);
	bdk_sim_run_until_idle();
	abort_io(&g_ios[2], true);
	assert_int_equal(g_ios[1].done, 0);
	expect_status(&g_ios[2], SPDK_BDEV_IO_STATUS_ABORTED);
	g_ios[2].done = 0;
	/* Those behind it move up. */
	pass(1000);
	assert_int_equal(g_ios[1].done, 1);
	assert_int_equal(g_ios[3].done, 0);
	pass(1000);
	assert_int_equal(g_ios[3].done, 1);
	set_limits(0, 0, 0, 0);
	free_ios();

	quiesce(0, 10);
	SUBMIT(&g_ios[0], spdk_bdev_write_blocks, g_buf, 0, 1);
	abort_io(&g_ios[0], false);
	RUN(&reset, spdk_bdev_reset);
	expect_status(&reset, SPDK_BDEV_IO_STATUS_SUCCESS);
	assert_int_equal(g_ios[0].done, 0);
	unquiesce(0, 10);
	assert_int_equal(g_ios[0].done, 1);
	assert_true(g_ios[0].success);
	free_ios();
	remove_disk();
}

/* A lock comes first: what it keeps back takes no share; and what waits for its share is waited for. */
static void
test_order_of_gates(void **state)
{
	open_with_all_types();
	set_limits(1000, 0, 0, 0);
	quiesce(0, 10);
	SUBMIT(&g_ios[0], spdk_bdev_write_blocks, g_buf, 0, 1);
	SUBMIT(&g_ios[1], spdk_bdev_write_blocks, g_buf, 20, 1);
	SUBMIT(&g_ios[2], spdk_bdev_write_blocks, g_buf, 30, 1);
	bdk_sim_run_until_idle();
	assert_int_equal(g_ios[0].done, 0);
	assert_int_equal(g_ios[1].done, 1);
	assert_int_equal(g_ios[2].done, 0);
	/* Its range is not free as long as its turn has not come. */
	quiesce(30, 1);
	assert_int_equal(g_called, 0);
	pass(1000);
	assert_int_equal(g_ios[2].done, 1);
	assert_int_equal(g_called, 1);
	unquiesce(30, 1);
	/* Now it queues with the others: an I/O of this slice has passed already. */
	unquiesce(0, 10);
	assert_int_equal(g_ios[0].done, 0);
	pass(1000);
	assert_int_equal(g_ios[0].done, 1);
	free_ios();
	remove_disk();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_types_and_locks),
		TEST(test_zcopy_and_locks),
		TEST(test_types_and_rates),
		TEST(test_zcopy_and_rates),
		TEST(test_abort),
		TEST(test_order_of_gates),
	};

	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
