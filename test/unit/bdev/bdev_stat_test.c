/* SPDX-License-Identifier: BSD-3-Clause */

/* Statistics, and the status of an I/O in all its forms. */

#include "mem_disk.h"
#include "spdk/json.h"

#define NUM_BLOCKS 256
#define THREADS 2

static struct mem_disk g_disk;
static struct mem_user g_user;
static uint8_t g_buf[64 * 512];

static int
setup(void **state)
{
	bdev_sim_start(9, THREADS);
	mem_disk_init(&g_disk, "d", 512, NUM_BLOCKS);
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
run(uint32_t thread, enum spdk_bdev_io_type type, uint64_t num_blocks)
{
	struct mem_io io = {.thread = thread};
	struct spdk_io_channel *ch = g_user.ch[thread];

	ON(
		thread, switch (type) {
			case SPDK_BDEV_IO_TYPE_READ:
				io.rc = spdk_bdev_read_blocks(
					g_user.desc, ch, g_buf, 0, num_blocks, mem_io_done_cb, &io);
				break;
			case SPDK_BDEV_IO_TYPE_WRITE:
				io.rc = spdk_bdev_write_blocks(
					g_user.desc, ch, g_buf, 0, num_blocks, mem_io_done_cb, &io);
				break;
			case SPDK_BDEV_IO_TYPE_UNMAP:
				io.rc = spdk_bdev_unmap_blocks(g_user.desc, ch, 0, num_blocks, mem_io_done_cb, &io);
				break;
			case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
				io.rc = spdk_bdev_write_zeroes_blocks(
					g_user.desc, ch, 0, num_blocks, mem_io_done_cb, &io);
				break;
			default:
				io.rc = spdk_bdev_flush_blocks(g_user.desc, ch, 0, num_blocks, mem_io_done_cb, &io);
				break;
		});
	assert_int_equal(io.rc, 0);
	bdk_sim_run_until_idle();
	mem_disk_release(&g_disk, 100);
	bdk_sim_run_until_idle();
	assert_int_equal(io.done, 1);
}

static uint32_t g_stats;

static void
got_stat_cb(struct spdk_bdev *bdev, struct spdk_bdev_io_stat *stat, void *cb_arg, int rc)
{
	assert_int_equal(rc, 0);
	assert_ptr_equal(spdk_get_thread(), g_sim_threads[0]);
	g_stats++;
}

static void
get_device_stat(struct spdk_bdev_io_stat *stat, enum spdk_bdev_reset_stat_mode mode)
{
	uint32_t before = g_stats;

	memset(stat, 0, sizeof(*stat));
	ON(0, spdk_bdev_get_device_stat(&g_disk.bdev, stat, mode, got_stat_cb, NULL));
	assert_int_equal(g_stats, before);
	bdk_sim_run_until_idle();
	assert_int_equal(g_stats, before + 1);
}

static void
test_add_up(void **state)
{
	struct spdk_bdev_io_stat stat, sum, one;
	uint32_t i;

	open_disk();
	for (i = 0; i < 10; i++) {
		run(i % 2, SPDK_BDEV_IO_TYPE_READ, i + 1);
		run(0, SPDK_BDEV_IO_TYPE_WRITE, 2);
	}
	run(1, SPDK_BDEV_IO_TYPE_UNMAP, 7);
	run(1, SPDK_BDEV_IO_TYPE_FLUSH, 7);
	get_device_stat(&stat, SPDK_BDEV_RESET_STAT_NONE);
	assert_int_equal(stat.num_read_ops, 10);
	assert_int_equal(stat.bytes_read, 55 * 512);
	assert_int_equal(stat.num_write_ops, 10);
	assert_int_equal(stat.bytes_written, 20 * 512);
	assert_int_equal(stat.num_unmap_ops, 1);
	assert_int_equal(stat.bytes_unmapped, 7 * 512);
	assert_int_equal(stat.num_copy_ops, 0);
	assert_int_equal(stat.min_copy_latency_ticks, UINT64_MAX);

	/* The channels together are the bdev. */
	memset(&sum, 0, sizeof(sum));
	spdk_bdev_reset_io_stat(&sum, SPDK_BDEV_RESET_STAT_ALL);
	for (i = 0; i < 2; i++) {
		ON(i, spdk_bdev_get_io_stat(&g_disk.bdev, g_user.ch[i], &one, SPDK_BDEV_RESET_STAT_NONE));
		assert_int_equal(one.ticks_rate, spdk_get_ticks_hz());
		assert_int_equal(one.num_read_ops, 5);
		spdk_bdev_add_io_stat(&sum, &one);
	}
	assert_int_equal(sum.bytes_read, stat.bytes_read);
	assert_int_equal(sum.num_write_ops, stat.num_write_ops);
	assert_int_equal(sum.bytes_unmapped, stat.bytes_unmapped);

	/* A channel that goes leaves what it has counted. */
	ON(1, spdk_put_io_channel(g_user.ch[1]));
	g_user.ch[1] = NULL;
	bdk_sim_run_until_idle();
	get_device_stat(&stat, SPDK_BDEV_RESET_STAT_NONE);
	assert_int_equal(stat.num_read_ops, 10);
	assert_int_equal(stat.num_unmap_ops, 1);
	get_device_stat(&stat, SPDK_BDEV_RESET_STAT_ALL);
	assert_int_equal(stat.num_read_ops, 10);
	get_device_stat(&stat, SPDK_BDEV_RESET_STAT_NONE);
	assert_int_equal(stat.num_read_ops, 0);
	assert_int_equal(stat.num_unmap_ops, 0);
	remove_disk();
}

static void
run_held(uint64_t us)
{
	struct mem_io io = {};

	ON(0, io.rc = spdk_bdev_read_blocks(g_user.desc, g_user.ch[0], g_buf, 0, 1, mem_io_done_cb, &io));
	bdk_sim_run_for(us);
	mem_disk_release(&g_disk, 1);
	bdk_sim_run_until_idle();
	assert_int_equal(io.done, 1);
}

static void
test_latency(void **state)
{
	uint64_t us = spdk_get_ticks_hz() / 1000000;
	struct spdk_bdev_io_stat stat;

	g_disk.mode = MEM_DISK_HOLD;
	open_disk();
	run_held(100);
	run_held(300);
	run_held(200);
	get_device_stat(&stat, SPDK_BDEV_RESET_STAT_MAXMIN);
	assert_in_range(stat.read_latency_ticks, 590 * us, 610 * us);
	assert_in_range(stat.max_read_latency_ticks, 295 * us, 305 * us);
	assert_in_range(stat.min_read_latency_ticks, 95 * us, 105 * us);
	run_held(150);
	get_device_stat(&stat, SPDK_BDEV_RESET_STAT_NONE);
	assert_int_equal(stat.num_read_ops, 4);
	assert_in_range(stat.max_read_latency_ticks, 145 * us, 155 * us);
	assert_in_range(stat.min_read_latency_ticks, 145 * us, 155 * us);
	remove_disk();
}

static void
test_parts(void **state)
{
	struct spdk_bdev_io_stat stat;

	/* Parts count, not the whole; zeroes that are written count as writes. */
	g_disk.bdev.max_rw_size = 4;
	open_disk();
	run(0, SPDK_BDEV_IO_TYPE_READ, 10);
	run(0, SPDK_BDEV_IO_TYPE_WRITE_ZEROES, 10);
	get_device_stat(&stat, SPDK_BDEV_RESET_STAT_NONE);
	assert_int_equal(stat.num_read_ops, 3);
	assert_int_equal(stat.bytes_read, 10 * 512);
	assert_int_equal(stat.num_write_ops, 3);
	assert_int_equal(stat.bytes_written, 10 * 512);
	remove_disk();
}

static int
append_cb(void *ctx, const void *data, size_t size)
{
	strncat(ctx, data, size);
	return 0;
}

static void
counted_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	assert_true(success);
	*(struct spdk_bdev_io **)cb_arg = bdev_io;
}

static struct spdk_bdev_io_stat
get_stat(uint32_t thread)
{
	struct spdk_bdev_io_stat stat = {};

	ON(thread, spdk_bdev_get_io_stat(&g_disk.bdev, g_user.ch[thread], &stat, SPDK_BDEV_RESET_STAT_ALL));
	return stat;
}

static void
test_types(void **state)
{
	struct spdk_bdev_io *bdev_io = NULL;
	struct spdk_bdev_io_stat stat;
	int rc;

	/* Native copy, and zero-copy, whose start counts as the read or write that it is. */
	g_disk.io_types |=
		1 << SPDK_BDEV_IO_TYPE_COPY | 1 << SPDK_BDEV_IO_TYPE_ZCOPY | 1 << SPDK_BDEV_IO_TYPE_WRITE_ZEROES;
	open_disk();
	ON(0, rc = spdk_bdev_copy_blocks(g_user.desc, g_user.ch[0], 8, 0, 3, counted_cb, &bdev_io));
	assert_int_equal(rc, 0);
	bdk_sim_run_until_idle();
	ON(0, spdk_bdev_free_io(bdev_io));
	stat = get_stat(0);
	assert_int_equal(stat.num_copy_ops, 1);
	assert_int_equal(stat.bytes_copied, 3 * 512);
	assert_int_equal(stat.num_read_ops + stat.num_write_ops, 0);

	ON(0, rc = spdk_bdev_zcopy_start(g_user.desc, g_user.ch[0], NULL, 0, 0, 2, true, counted_cb, &bdev_io));
	assert_int_equal(rc, 0);
	bdk_sim_run_until_idle();
	stat = get_stat(0);
	assert_int_equal(stat.num_read_ops, 1);
	assert_int_equal(stat.bytes_read, 2 * 512);
	assert_int_equal(stat.num_write_ops, 0);
	/* Its end counts for nothing. */
	ON(0, assert_int_equal(spdk_bdev_zcopy_end(bdev_io, true, counted_cb, &bdev_io), 0));
	bdk_sim_run_until_idle();
	ON(0, spdk_bdev_free_io(bdev_io));
	stat = get_stat(0);
	assert_int_equal(stat.num_read_ops + stat.num_write_ops, 0);

	ON(0, rc = spdk_bdev_zcopy_start(g_user.desc, g_user.ch[0], NULL, 0, 0, 2, false, counted_cb, &bdev_io));
	assert_int_equal(rc, 0);
	bdk_sim_run_until_idle();
	ON(0, assert_int_equal(spdk_bdev_zcopy_end(bdev_io, true, counted_cb, &bdev_io), 0));
	bdk_sim_run_until_idle();
	ON(0, spdk_bdev_free_io(bdev_io));
	stat = get_stat(0);
	assert_int_equal(stat.num_write_ops, 1);
	assert_int_equal(stat.bytes_written, 2 * 512);
	assert_int_equal(stat.num_read_ops, 0);

	/* Zeroes that the module writes are not seen. */
	ON(0, rc = spdk_bdev_write_zeroes_blocks(g_user.desc, g_user.ch[0], 0, 4, counted_cb, &bdev_io));
	assert_int_equal(rc, 0);
	bdk_sim_run_until_idle();
	ON(0, spdk_bdev_free_io(bdev_io));
	stat = get_stat(0);
	assert_int_equal(stat.num_read_ops + stat.num_write_ops + stat.num_unmap_ops + stat.num_copy_ops, 0);
	remove_disk();
}

static void
test_dump(void **state)
{
	struct spdk_bdev_io_stat stat = {};
	struct spdk_json_write_ctx *w;
	char text[4096] = "";

	spdk_bdev_reset_io_stat(&stat, SPDK_BDEV_RESET_STAT_ALL);
	stat.bytes_read = 5;
	w = spdk_json_write_begin(append_cb, text, 0);
	spdk_json_write_object_begin(w);
	spdk_bdev_dump_io_stat_json(&stat, w);
	spdk_json_write_object_end(w);
	spdk_json_write_end(w);
	assert_string_equal(text,
		"{\"bytes_read\":5,\"num_read_ops\":0,\"bytes_written\":0,\"num_write_ops\":0,"
		"\"bytes_unmapped\":0,\"num_unmap_ops\":0,\"bytes_copied\":0,\"num_copy_ops\":0,"
		"\"read_latency_ticks\":0,\"max_read_latency_ticks\":0,\"min_read_latency_ticks\":0,"
		"\"write_latency_ticks\":0,\"max_write_latency_ticks\":0,\"min_write_latency_ticks\":0,"
		"\"unmap_latency_ticks\":0,\"max_unmap_latency_ticks\":0,\"min_unmap_latency_ticks\":0,"
		"\"copy_latency_ticks\":0,\"max_copy_latency_ticks\":0,\"min_copy_latency_ticks\":0}");
}

/* ---- status ---- */

struct forms {
	int aio;
	int sct, nvme_sc;
	uint32_t cdw0;
	int first_sct, first_sc, second_sct, second_sc;
	int sc, sk, asc, ascq;
	bool success;
};

static struct forms g_forms;
static struct spdk_bdev_io *g_submitted;

static void
forms_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	uint32_t cdw0;

	memset(&g_forms, 0, sizeof(g_forms));
	g_forms.success = success;
	spdk_bdev_io_get_aio_status(bdev_io, &g_forms.aio);
	spdk_bdev_io_get_nvme_status(bdev_io, &g_forms.cdw0, &g_forms.sct, &g_forms.nvme_sc);
	spdk_bdev_io_get_nvme_fused_status(
		bdev_io, &cdw0, &g_forms.first_sct, &g_forms.first_sc, &g_forms.second_sct, &g_forms.second_sc);
	assert_int_equal(cdw0, g_forms.cdw0);
	spdk_bdev_io_get_scsi_status(bdev_io, &g_forms.sc, &g_forms.sk, &g_forms.asc, &g_forms.ascq);
	spdk_bdev_free_io(bdev_io);
}

static void
submit_nowhere(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io)
{
	g_submitted = bdev_io;
}

/* Submits an I/O and completes it with a statement about g_submitted. */
#define COMPLETE(STATEMENT) \
	do { \
		ON(0, { \
			assert_int_equal( \
				spdk_bdev_read_blocks(g_user.desc, g_user.ch[0], g_buf, 0, 1, forms_cb, NULL), 0); \
			STATEMENT; \
		}); \
		bdk_sim_run_until_idle(); \
	} while (0)

static void
expect_scsi(int sc, int sk, int asc, int ascq)
{
	assert_int_equal(g_forms.sc, sc);
	assert_int_equal(g_forms.sk, sk);
	assert_int_equal(g_forms.asc, asc);
	assert_int_equal(g_forms.ascq, ascq);
}

static void
expect_fused(int first_sct, int first_sc, int second_sct, int second_sc)
{
	assert_int_equal(g_forms.first_sct, first_sct);
	assert_int_equal(g_forms.first_sc, first_sc);
	assert_int_equal(g_forms.second_sct, second_sct);
	assert_int_equal(g_forms.second_sc, second_sc);
}

static void
test_status(void **state)
{
	struct spdk_bdev_fn_table fn_table = *g_disk.bdev.fn_table;

	fn_table.submit_request = submit_nowhere;
	g_disk.bdev.fn_table = &fn_table;
	open_disk();

	COMPLETE(spdk_bdev_io_complete(g_submitted, SPDK_BDEV_IO_STATUS_SUCCESS));
	assert_true(g_forms.success);
	assert_int_equal(g_forms.aio, 0);
	assert_int_equal(g_forms.nvme_sc, 0);
	expect_scsi(0, 0, 0, 0);
	expect_fused(0, 0, 0, 0);

	COMPLETE(spdk_bdev_io_complete(g_submitted, SPDK_BDEV_IO_STATUS_FAILED));
	assert_false(g_forms.success);
	assert_int_equal(g_forms.aio, -EIO);
	assert_int_equal(g_forms.nvme_sc, SPDK_NVME_SC_INTERNAL_DEVICE_ERROR);
	expect_scsi(2, SPDK_SCSI_SENSE_ABORTED_COMMAND, 0, 0);
	expect_fused(0, 6, 0, 6);

	COMPLETE(spdk_bdev_io_complete(g_submitted, SPDK_BDEV_IO_STATUS_MISCOMPARE));
	expect_scsi(2, SPDK_SCSI_SENSE_MISCOMPARE, 29, 0);
	expect_fused(2, SPDK_NVME_SC_COMPARE_FAILURE, 0, SPDK_NVME_SC_ABORTED_FAILED_FUSED);

	COMPLETE(spdk_bdev_io_complete(g_submitted, SPDK_BDEV_IO_STATUS_FIRST_FUSED_FAILED));
	expect_fused(0, 6, 0, SPDK_NVME_SC_ABORTED_FAILED_FUSED);

	COMPLETE(spdk_bdev_io_complete(g_submitted, SPDK_BDEV_IO_STATUS_ABORTED));
	assert_int_equal(g_forms.nvme_sc, SPDK_NVME_SC_ABORTED_BY_REQUEST);
	expect_fused(0, 7, 0, 7);

	COMPLETE(spdk_bdev_io_complete_aio_status(g_submitted, -ENOSPC));
	assert_int_equal(g_forms.aio, -ENOSPC);
	assert_int_equal(g_forms.nvme_sc, SPDK_NVME_SC_INTERNAL_DEVICE_ERROR);
	assert_int_equal(g_forms.cdw0, 0);
	COMPLETE(spdk_bdev_io_complete_aio_status(g_submitted, 0));
	assert_true(g_forms.success);

	COMPLETE(spdk_bdev_io_complete_scsi_status(g_submitted, 0x18, SPDK_SCSI_SENSE_UNIT_ATTENTION, 3, 4));
	expect_scsi(0x18, 6, 3, 4);
	assert_int_equal(g_forms.aio, -EIO);
	COMPLETE(spdk_bdev_io_complete_scsi_status(g_submitted, 0, 0, 0, 0));
	assert_true(g_forms.success);

	COMPLETE(spdk_bdev_io_complete_nvme_status(g_submitted, 77, 0, 0));
	assert_true(g_forms.success);
	assert_int_equal(g_forms.cdw0, 77);
	/* The next one starts with 0. */
	COMPLETE(spdk_bdev_io_complete(g_submitted, SPDK_BDEV_IO_STATUS_SUCCESS));
	assert_int_equal(g_forms.cdw0, 0);
	COMPLETE(spdk_bdev_io_complete_nvme_status(g_submitted, 5, 0, SPDK_NVME_SC_ABORTED_BY_REQUEST));
	assert_int_equal(g_forms.cdw0, 5);
	expect_scsi(2, SPDK_SCSI_SENSE_ABORTED_COMMAND, 0, 0);
	COMPLETE(spdk_bdev_io_complete_nvme_status(g_submitted, 0, 2, SPDK_NVME_SC_COMPARE_FAILURE));
	expect_fused(2, SPDK_NVME_SC_COMPARE_FAILURE, 0, SPDK_NVME_SC_ABORTED_FAILED_FUSED);
	COMPLETE(spdk_bdev_io_complete_nvme_status(g_submitted, 0, 2, SPDK_NVME_SC_WRITE_FAULTS));
	expect_fused(0, 0, 2, SPDK_NVME_SC_WRITE_FAULTS);
	assert_int_equal(g_forms.sct, 2);
	remove_disk();
}

static void
test_translation(void **state)
{
	static const int rules[][6] = {
		{0, SPDK_NVME_SC_INVALID_OPCODE, 2, 5, 32, 0},
		{0, SPDK_NVME_SC_INVALID_FIELD, 2, 5, 36, 0},
		{0, SPDK_NVME_SC_DATA_TRANSFER_ERROR, 2, 3, 0, 0},
		{0, SPDK_NVME_SC_CAPACITY_EXCEEDED, 2, 3, 0, 0},
		{0, SPDK_NVME_SC_ABORTED_POWER_LOSS, 0x40, 11, 11, 8},
		{0, SPDK_NVME_SC_INTERNAL_DEVICE_ERROR, 2, 4, 0x44, 0},
		{0, SPDK_NVME_SC_ABORTED_SQ_DELETION, 0x40, 11, 0, 0},
		{0, SPDK_NVME_SC_ABORTED_FAILED_FUSED, 0x40, 11, 0, 0},
		{0, SPDK_NVME_SC_ABORTED_MISSING_FUSED, 0x40, 11, 0, 0},
		{0, SPDK_NVME_SC_INVALID_NAMESPACE_OR_FORMAT, 2, 5, 32, 9},
		{0, SPDK_NVME_SC_LBA_OUT_OF_RANGE, 2, 5, 33, 0},
		{0, SPDK_NVME_SC_NAMESPACE_NOT_READY, 2, 2, 4, 0},
		{0, SPDK_NVME_SC_RESERVATION_CONFLICT, 0x18, 0, 0, 0},
		{0, SPDK_NVME_SC_COMMAND_ID_CONFLICT, 2, 5, 0, 0},
		{1, SPDK_NVME_SC_INVALID_FORMAT, 2, 5, 49, 1},
		{1, SPDK_NVME_SC_CONFLICTING_ATTRIBUTES, 2, 5, 36, 0},
		{1, SPDK_NVME_SC_ATTEMPTED_WRITE_TO_RO_RANGE, 2, 7, 39, 0},
		{1, 0x55, 2, 5, 0, 0},
		{2, SPDK_NVME_SC_WRITE_FAULTS, 2, 3, 3, 0},
		{2, SPDK_NVME_SC_UNRECOVERED_READ_ERROR, 2, 3, 17, 0},
		{2, SPDK_NVME_SC_GUARD_CHECK_ERROR, 2, 3, 16, 1},
		{2, SPDK_NVME_SC_APPLICATION_TAG_CHECK_ERROR, 2, 3, 16, 2},
		{2, SPDK_NVME_SC_REFERENCE_TAG_CHECK_ERROR, 2, 3, 16, 3},
		{2, SPDK_NVME_SC_COMPARE_FAILURE, 2, 14, 29, 0},
		{2, SPDK_NVME_SC_ACCESS_DENIED, 2, 7, 32, 2},
		{7, 0x99, 2, 5, 0, 0},
	};
	struct spdk_bdev_fn_table fn_table = *g_disk.bdev.fn_table;
	size_t i;

	fn_table.submit_request = submit_nowhere;
	g_disk.bdev.fn_table = &fn_table;
	open_disk();
	for (i = 0; i < SPDK_COUNTOF(rules); i++) {
		COMPLETE(spdk_bdev_io_complete_nvme_status(g_submitted, 0, rules[i][0], rules[i][1]));
		expect_scsi(rules[i][2], rules[i][3], rules[i][4], rules[i][5]);
	}
	remove_disk();
}

static void
base_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	struct spdk_bdev_io *upper = cb_arg;

	spdk_bdev_io_complete_base_io_status(upper, bdev_io);
	spdk_bdev_free_io(bdev_io);
}

static struct mem_user g_base_user;

static void
submit_to_base(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io)
{
	assert_int_equal(spdk_bdev_read_blocks(
				 g_base_user.desc, g_base_user.ch[0], bdev_io->iov.iov_base, 0, 1, base_cb, bdev_io),
		0);
}

static void
test_base_status(void **state)
{
	struct spdk_bdev_fn_table fn_table = *g_disk.bdev.fn_table, base_table = fn_table;
	static struct mem_disk base;

	mem_disk_init(&base, "base", 512, NUM_BLOCKS);
	base_table.submit_request = submit_nowhere;
	base.bdev.fn_table = &base_table;
	mem_disk_add(&base);
	mem_user_open(&g_base_user, &base, 1);
	fn_table.submit_request = submit_to_base;
	g_disk.bdev.fn_table = &fn_table;
	open_disk();

	COMPLETE(spdk_bdev_io_complete(g_submitted, SPDK_BDEV_IO_STATUS_SUCCESS));
	assert_true(g_forms.success);
	COMPLETE(spdk_bdev_io_complete_nvme_status(g_submitted, 9, 2, 0x81));
	assert_int_equal(g_forms.sct, 2);
	assert_int_equal(g_forms.nvme_sc, 0x81);
	assert_int_equal(g_forms.cdw0, 9);
	COMPLETE(spdk_bdev_io_complete_scsi_status(g_submitted, 2, 3, 4, 5));
	expect_scsi(2, 3, 4, 5);
	COMPLETE(spdk_bdev_io_complete_aio_status(g_submitted, -EPERM));
	assert_int_equal(g_forms.aio, -EPERM);
	COMPLETE(spdk_bdev_io_complete(g_submitted, SPDK_BDEV_IO_STATUS_ABORTED));
	assert_int_equal(g_forms.nvme_sc, SPDK_NVME_SC_ABORTED_BY_REQUEST);
	remove_disk();
	mem_user_close(&g_base_user);
	mem_disk_remove(&base);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_add_up, setup, teardown),
		cmocka_unit_test_setup_teardown(test_latency, setup, teardown),
		cmocka_unit_test_setup_teardown(test_parts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_types, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dump, setup, teardown),
		cmocka_unit_test_setup_teardown(test_status, setup, teardown),
		cmocka_unit_test_setup_teardown(test_translation, setup, teardown),
		cmocka_unit_test_setup_teardown(test_base_status, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
