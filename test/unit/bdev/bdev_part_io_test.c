/* SPDX-License-Identifier: BSD-3-Clause */

/* The I/O of bdevs that are parts of another one: where it goes, and what comes back. */

#include "part_module.h"

#define NUM_BLOCKS 256
#define BLOCK_SIZE 512
#define PART_OFFSET 64
#define PART_BLOCKS 100
#define BIT(type) (1ull << SPDK_BDEV_IO_TYPE_##type)

static struct mem_disk g_disk;
static struct slice_base g_base;
static struct mem_user g_user;
static uint8_t g_buf[16 * BLOCK_SIZE], g_buf2[16 * BLOCK_SIZE];
static uint8_t g_md[64 * 16];

/* Makes the part, of a disk that the test may have changed. */
static void
open_part(void)
{
	int rc;

	mem_disk_add(&g_disk);
	assert_int_equal(slice_base_open(&g_base, "disk"), 0);
	assert_non_null(slice_create(&g_base, "part", PART_OFFSET, PART_BLOCKS, &rc));
	bdk_sim_run_until_idle();
	mem_user_open_name(&g_user, "part", 2, true);
}

static int
setup(void **state)
{
	bdev_sim_start(9, 2);
	slice_module_reset();
	mem_disk_init(&g_disk, "disk", BLOCK_SIZE, NUM_BLOCKS);
	return 0;
}

static int
teardown(void **state)
{
	mem_user_close(&g_user);
	mem_disk_remove(&g_disk);
	assert_int_equal(g_base.freed, 1);
	assert_int_equal(g_slice.channels, 0);
	bdev_sim_stop();
	return 0;
}

static struct mem_disk_record *
last_record(void)
{
	return &g_disk.records[g_disk.num_records - 1];
}

#define SUBMIT(IO, FUNCTION, ...) \
	do { \
		memset(IO, 0, sizeof(*(IO))); \
		ON(0, (IO)->rc = FUNCTION(g_user.desc, g_user.ch[0], __VA_ARGS__, mem_io_done_cb, IO)); \
		assert_int_equal((IO)->rc, 0); \
		bdk_sim_run_until_idle(); \
	} while (0)

#define DONE(IO, ...) \
	do { \
		SUBMIT(IO, __VA_ARGS__); \
		assert_int_equal((IO)->done, 1); \
		assert_true((IO)->success); \
	} while (0)

/* What the base was given last. */
static void
check_record(uint8_t type, uint64_t offset, uint64_t num_blocks)
{
	assert_int_equal(last_record()->type, type);
	assert_int_equal(last_record()->offset, PART_OFFSET + offset);
	assert_int_equal(last_record()->num_blocks, num_blocks);
}

static void
goes_to_its_place_on_the_base(void **state)
{
	struct iovec iov = {g_buf, 2 * BLOCK_SIZE};
	struct mem_io io;

	g_disk.io_types |= BIT(WRITE_ZEROES);
	open_part();
	memset(g_buf, 'a', sizeof(g_buf));
	DONE(&io, spdk_bdev_write_blocks, g_buf, 3, 2);
	check_record(SPDK_BDEV_IO_TYPE_WRITE, 3, 2);
	assert_memory_equal(g_disk.data + (PART_OFFSET + 3) * BLOCK_SIZE, g_buf, 2 * BLOCK_SIZE);
	assert_int_equal(g_disk.data[(PART_OFFSET + 3) * BLOCK_SIZE - 1], 0);
	assert_int_equal(g_disk.data[(PART_OFFSET + 5) * BLOCK_SIZE], 0);

	memset(g_buf, 0, sizeof(g_buf));
	DONE(&io, spdk_bdev_readv_blocks, &iov, 1, 3, 2);
	check_record(SPDK_BDEV_IO_TYPE_READ, 3, 2);
	assert_int_equal(g_buf[0], 'a');
	assert_int_equal(g_buf[2 * BLOCK_SIZE - 1], 'a');

	DONE(&io, spdk_bdev_unmap_blocks, PART_BLOCKS - 1, 1);
	check_record(SPDK_BDEV_IO_TYPE_UNMAP, PART_BLOCKS - 1, 1);
	DONE(&io, spdk_bdev_flush_blocks, 0, PART_BLOCKS);
	check_record(SPDK_BDEV_IO_TYPE_FLUSH, 0, PART_BLOCKS);
	DONE(&io, spdk_bdev_write_zeroes_blocks, 3, 1);
	check_record(SPDK_BDEV_IO_TYPE_WRITE_ZEROES, 3, 1);
	assert_int_equal(g_disk.data[(PART_OFFSET + 3) * BLOCK_SIZE], 0);
	assert_int_equal(g_disk.data[(PART_OFFSET + 4) * BLOCK_SIZE], 'a');

	/* The part ends where it ends. */
	ON(0, io.rc = spdk_bdev_read_blocks(g_user.desc, g_user.ch[0], g_buf, PART_BLOCKS - 1, 2, mem_io_done_cb, &io));
	assert_int_equal(io.rc, -EINVAL);
}

static void
compares_and_copies(void **state)
{
	struct iovec iov = {g_buf, BLOCK_SIZE}, iov2 = {g_buf2, BLOCK_SIZE};
	struct mem_io io;

	g_disk.io_types |= BIT(COMPARE) | BIT(COMPARE_AND_WRITE) | BIT(COPY);
	g_disk.bdev.acwu = 4;
	open_part();
	memset(g_buf, 'c', sizeof(g_buf));
	memset(g_buf2, 'd', sizeof(g_buf2));
	DONE(&io, spdk_bdev_write_blocks, g_buf, 7, 1);
	DONE(&io, spdk_bdev_comparev_blocks, &iov, 1, 7, 1);
	check_record(SPDK_BDEV_IO_TYPE_COMPARE, 7, 1);
	SUBMIT(&io, spdk_bdev_comparev_blocks, &iov2, 1, 7, 1);
	assert_false(io.success);

	assert_int_equal(spdk_bdev_get_acwu(spdk_bdev_get_by_name("part")), 4);
	DONE(&io, spdk_bdev_comparev_and_writev_blocks, &iov, 1, &iov2, 1, 7, 1);
	check_record(SPDK_BDEV_IO_TYPE_COMPARE_AND_WRITE, 7, 1);
	assert_int_equal(g_disk.data[(PART_OFFSET + 7) * BLOCK_SIZE], 'd');
	SUBMIT(&io, spdk_bdev_comparev_and_writev_blocks, &iov, 1, &iov2, 1, 7, 1);
	assert_false(io.success);

	/* Both places are the part's. */
	DONE(&io, spdk_bdev_copy_blocks, 20, 7, 1);
	check_record(SPDK_BDEV_IO_TYPE_COPY, 20, 1);
	assert_int_equal(g_disk.data[(PART_OFFSET + 20) * BLOCK_SIZE], 'd');
}

/* What the base lacks is made above the part, of what it has. */
static void
does_without(void **state)
{
	struct iovec iov = {g_buf, BLOCK_SIZE}, iov2 = {g_buf2, BLOCK_SIZE};
	struct mem_io io;

	open_part();
	memset(g_buf, 'e', sizeof(g_buf));
	memset(g_buf2, 'f', sizeof(g_buf2));
	DONE(&io, spdk_bdev_write_blocks, g_buf, 1, 1);
	DONE(&io, spdk_bdev_comparev_blocks, &iov, 1, 1, 1);
	DONE(&io, spdk_bdev_comparev_and_writev_blocks, &iov, 1, &iov2, 1, 1, 1);
	DONE(&io, spdk_bdev_copy_blocks, 2, 1, 1);
	assert_int_equal(g_disk.data[(PART_OFFSET + 2) * BLOCK_SIZE], 'f');
	DONE(&io, spdk_bdev_write_zeroes_blocks, 1, 1);
	assert_int_equal(g_disk.data[(PART_OFFSET + 1) * BLOCK_SIZE], 0);
	ON(0, io.rc = spdk_bdev_zcopy_start(g_user.desc, g_user.ch[0], NULL, 0, 0, 1, true, mem_io_done_cb, &io));
	assert_int_equal(io.rc, -ENOTSUP);
}

/* ---- seeking ---- */

static uint64_t g_found;

static void
seek_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	g_found = spdk_bdev_io_get_seek_offset(bdev_io);
	mem_io_done_cb(bdev_io, success, cb_arg);
}

/* What is found from this block of the part on, if the base finds found. */
static uint64_t
seek(bool hole, uint64_t offset, uint64_t found)
{
	struct mem_io io = {};

	g_disk.seek_offset = found;
	ON(0, {
		if (hole) {
			io.rc = spdk_bdev_seek_hole(g_user.desc, g_user.ch[0], offset, seek_done_cb, &io);
		} else {
			io.rc = spdk_bdev_seek_data(g_user.desc, g_user.ch[0], offset, seek_done_cb, &io);
		}
	});
	assert_int_equal(io.rc, 0);
	bdk_sim_run_until_idle();
	assert_int_equal(io.done, 1);
	assert_true(io.success);
	assert_int_equal(last_record()->offset, PART_OFFSET + offset);
	return g_found;
}

static void
seeks_within_the_part(void **state)
{
	g_disk.io_types |= BIT(SEEK_DATA) | BIT(SEEK_HOLE);
	g_disk.bdev.holes_are_zeroes = true;
	open_part();
	assert_true(spdk_bdev_desc_get_bdev(g_user.desc)->holes_are_zeroes);
	for (int custom = 0; custom < 2; custom++) {
		g_slice.custom_cb = custom;
		for (int hole = 0; hole < 2; hole++) {
			assert_int_equal(seek(hole, 3, PART_OFFSET + 3), 3);
			assert_int_equal(seek(hole, 0, PART_OFFSET + PART_BLOCKS - 1), PART_BLOCKS - 1);
			/* What is behind the part is none of its business. */
			assert_true(seek(hole, 0, PART_OFFSET + PART_BLOCKS) == UINT64_MAX);
			assert_true(seek(hole, PART_BLOCKS - 1, NUM_BLOCKS - 1) == UINT64_MAX);
			assert_true(seek(hole, 0, UINT64_MAX) == UINT64_MAX);
		}
	}
	assert_int_equal(g_slice.custom_calls, 10);
}

/* ---- zero-copy ---- */

static void
keep_zcopy_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	struct mem_io *io = cb_arg;

	io->done++;
	io->success = success;
	io->bdev_io = bdev_io;
	if (!success) {
		spdk_bdev_free_io(bdev_io);
	}
}

static void
start_zcopy(struct mem_io *io, struct iovec *iov, int iovcnt, uint64_t offset)
{
	memset(io, 0, sizeof(*io));
	ON(0,
		io->rc = spdk_bdev_zcopy_start(
			g_user.desc, g_user.ch[0], iov, iovcnt, offset, 2, true, keep_zcopy_cb, io));
	assert_int_equal(io->rc, 0);
	bdk_sim_run_until_idle();
	assert_int_equal(io->done, 1);
}

static void
lends_the_buffer_of_the_base(void **state)
{
	struct iovec own = {NULL, 2 * BLOCK_SIZE}, *iovs;
	struct mem_io io, end = {};
	int iovcnt;

	g_disk.io_types |= BIT(ZCOPY);
	open_part();
	memset(g_buf, 'z', sizeof(g_buf));
	DONE(&io, spdk_bdev_write_blocks, g_buf, 9, 2);

	start_zcopy(&io, NULL, 0, 9);
	assert_true(io.success);
	check_record(SPDK_BDEV_IO_TYPE_ZCOPY, 9, 2);
	spdk_bdev_io_get_iovec(io.bdev_io, &iovs, &iovcnt);
	assert_int_equal(iovcnt, 1);
	assert_int_equal(iovs[0].iov_len, 2 * BLOCK_SIZE);
	assert_memory_equal(iovs[0].iov_base, g_buf, 2 * BLOCK_SIZE);
	memset(iovs[0].iov_base, 'y', BLOCK_SIZE);
	ON(0, end.rc = spdk_bdev_zcopy_end(io.bdev_io, true, mem_io_done_cb, &end));
	assert_int_equal(end.rc, 0);
	bdk_sim_run_until_idle();
	assert_true(end.success);
	assert_int_equal(g_disk.data[(PART_OFFSET + 9) * BLOCK_SIZE], 'y');
	assert_int_equal(g_disk.data[(PART_OFFSET + 10) * BLOCK_SIZE], 'z');

	/* Into an array of the user, and given up: freed without having been ended. */
	start_zcopy(&io, &own, 1, 9);
	assert_true(io.success);
	assert_int_equal(((uint8_t *)own.iov_base)[0], 'y');
	ON(0, spdk_bdev_free_io(io.bdev_io));
	bdk_sim_run_until_idle();
	assert_int_equal(g_disk.inside, 0);
	check_record(SPDK_BDEV_IO_TYPE_ZCOPY, 9, 2);

	/* The base cannot. */
	g_disk.fail_status = SPDK_BDEV_IO_STATUS_FAILED;
	start_zcopy(&io, NULL, 0, 9);
	assert_false(io.success);
	g_disk.fail_status = SPDK_BDEV_IO_STATUS_PENDING;

	/* With the module's own callback, which completes both halves. */
	g_slice.custom_cb = true;
	start_zcopy(&io, NULL, 0, 9);
	assert_true(io.success);
	memset(&end, 0, sizeof(end));
	ON(0, end.rc = spdk_bdev_zcopy_end(io.bdev_io, false, mem_io_done_cb, &end));
	bdk_sim_run_until_idle();
	assert_true(end.success);
	assert_int_equal(g_slice.custom_calls, 2);
	/* And fails what the base has done: that is ended, too. */
	g_slice.custom_status = SPDK_BDEV_IO_STATUS_FAILED;
	start_zcopy(&io, NULL, 0, 9);
	assert_false(io.success);
	bdk_sim_run_until_idle();
	assert_int_equal(g_disk.inside, 0);
}

/* ---- what comes back ---- */

static void
ends_as_the_base_did(void **state)
{
	struct mem_io io;

	open_part();
	g_disk.mode = MEM_DISK_HOLD;
	memset(&io, 0, sizeof(io));
	SUBMIT(&io, spdk_bdev_read_blocks, g_buf, 0, 1);
	assert_int_equal(io.done, 0);
	mem_disk_release_status(&g_disk, 1, SPDK_BDEV_IO_STATUS_ABORTED);
	bdk_sim_run_until_idle();
	assert_false(io.success);
	assert_int_equal(io.nvme_sct, SPDK_NVME_SCT_GENERIC);
	assert_int_equal(io.nvme_sc, SPDK_NVME_SC_ABORTED_BY_REQUEST);

	SUBMIT(&io, spdk_bdev_read_blocks, g_buf, 0, 1);
	mem_disk_release_status(&g_disk, 1, SPDK_BDEV_IO_STATUS_FAILED);
	bdk_sim_run_until_idle();
	assert_false(io.success);
	assert_int_equal(io.nvme_sc, SPDK_NVME_SC_INTERNAL_DEVICE_ERROR);
}

static void
lets_the_module_complete(void **state)
{
	struct mem_io io;

	open_part();
	g_slice.custom_cb = true;
	DONE(&io, spdk_bdev_write_blocks, g_buf, 0, 1);
	assert_int_equal(g_slice.custom_calls, 1);
	g_slice.custom_status = SPDK_BDEV_IO_STATUS_FAILED;
	SUBMIT(&io, spdk_bdev_read_blocks, g_buf, 0, 1);
	assert_int_equal(g_slice.custom_calls, 2);
	assert_false(io.success);
	g_slice.custom_status = SPDK_BDEV_IO_STATUS_SUCCESS;
	g_disk.fail_status = SPDK_BDEV_IO_STATUS_FAILED;
	SUBMIT(&io, spdk_bdev_read_blocks, g_buf, 0, 1);
	assert_int_equal(g_slice.custom_calls, 3);
	assert_false(io.success);
}

static void
resets_the_base(void **state)
{
	struct mem_io held, io = {};

	open_part();
	g_disk.mode = MEM_DISK_HOLD;
	SUBMIT(&held, spdk_bdev_write_blocks, g_buf, 0, 1);
	ON(0, io.rc = spdk_bdev_reset(g_user.desc, g_user.ch[0], mem_io_done_cb, &io));
	assert_int_equal(io.rc, 0);
	bdk_sim_run_until_idle();
	assert_true(io.success);
	assert_int_equal(g_disk.resets, 1);
	assert_int_equal(held.done, 1);
	assert_false(held.success);
}

static void
aborts_on_the_base(void **state)
{
	struct mem_io target, other, io = {};

	g_disk.io_types |= BIT(ABORT);
	open_part();
	g_disk.mode = MEM_DISK_HOLD;
	SUBMIT(&target, spdk_bdev_write_blocks, g_buf, 0, 1);
	SUBMIT(&other, spdk_bdev_write_blocks, g_buf, 1, 1);
	ON(0, io.rc = spdk_bdev_abort(g_user.desc, g_user.ch[0], &target, mem_io_done_cb, &io));
	assert_int_equal(io.rc, 0);
	bdk_sim_run_until_idle();
	assert_true(io.success);
	assert_int_equal(target.done, 1);
	assert_false(target.success);
	assert_int_equal(target.nvme_sc, SPDK_NVME_SC_ABORTED_BY_REQUEST);
	assert_int_equal(other.done, 0);
	mem_disk_release(&g_disk, 1);
	bdk_sim_run_until_idle();
	assert_true(other.success);
}

/* ---- buffers and memory ---- */

/* Either way, the data is there until the user frees the I/O. */
static void
reads_without_a_buffer(void **state)
{
	struct iovec *iovs;
	struct mem_io io;
	int iovcnt, i;

	open_part();
	g_disk.get_buf = true;
	memset(g_buf, 'b', sizeof(g_buf));
	DONE(&io, spdk_bdev_write_blocks, g_buf, 5, 1);
	for (i = 0; i < 4; i++) {
		g_slice.no_get_buf = (i & 1) != 0;
		g_slice.custom_cb = (i & 2) != 0;
		memset(&io, 0, sizeof(io));
		io.keep = true;
		ON(0, io.rc = spdk_bdev_read_blocks(g_user.desc, g_user.ch[0], NULL, 5, 1, mem_io_done_cb, &io));
		assert_int_equal(io.rc, 0);
		bdk_sim_run_until_idle();
		assert_true(io.success);
		spdk_bdev_io_get_iovec(io.bdev_io, &iovs, &iovcnt);
		assert_int_equal(iovcnt, 1);
		assert_memory_equal(iovs[0].iov_base, g_buf, BLOCK_SIZE);
		ON(0, spdk_bdev_free_io(io.bdev_io));
	}
}

static void
fails_a_read_for_which_no_buffer_is_large_enough(void **state)
{
	struct mem_io io;

	mem_disk_init(&g_disk, "disk", 64 * 1024, NUM_BLOCKS);
	open_part();
	g_slice.no_get_buf = true;
	SUBMIT(&io, spdk_bdev_read_blocks, NULL, 0, 8);
	assert_int_equal(io.done, 1);
	assert_false(io.success);
	g_slice.custom_cb = true;
	SUBMIT(&io, spdk_bdev_read_blocks, NULL, 0, 8);
	assert_int_equal(io.done, 1);
	assert_false(io.success);
	assert_int_equal(g_slice.custom_calls, 1);
	g_slice.custom_cb = false;
}

#define MAX_FILL 600

static struct mem_io g_fill[MAX_FILL];
static struct mem_io g_kept;

/*
 * Holds flushes until there is one object left, for the I/O of a part but not for that of its base: each flush takes two,
 * and an I/O that is not freed makes the number odd. Returns how many flushes.
 */
static uint32_t
use_up_objects(void)
{
	uint32_t taken, i;
	int rc = 0;

	memset(&g_kept, 0, sizeof(g_kept));
	g_kept.keep = true;
	ON(0, rc = spdk_bdev_flush_blocks(g_user.desc, g_user.ch[0], 0, 1, mem_io_done_cb, &g_kept));
	assert_int_equal(rc, 0);
	bdk_sim_run_until_idle();
	g_disk.mode = MEM_DISK_HOLD;
	/* Once to count, the last of which waits; and once again without it. */
	memset(g_fill, 0, sizeof(g_fill));
	for (taken = 0; taken < MAX_FILL && rc == 0; taken += rc == 0) {
		g_fill[taken].thread = 0;
		ON(0, rc = spdk_bdev_flush_blocks(g_user.desc, g_user.ch[0], 0, 1, mem_io_done_cb, &g_fill[taken]));
	}
	assert_int_equal(rc, -ENOMEM);
	assert_int_equal(g_slice.waits, 1);
	for (i = 0; i < taken; i++) {
		mem_disk_release(&g_disk, taken);
		bdk_sim_run_until_idle();
	}
	for (i = 0; i < taken; i++) {
		assert_true(g_fill[i].success);
	}
	memset(g_fill, 0, sizeof(g_fill));
	for (i = 0; i < taken - 1; i++) {
		ON(0, rc = spdk_bdev_flush_blocks(g_user.desc, g_user.ch[0], 0, 1, mem_io_done_cb, &g_fill[i]));
		assert_int_equal(rc, 0);
	}
	assert_int_equal(g_slice.waits, 1);
	return taken - 1;
}

static void
return_objects(uint32_t taken)
{
	uint32_t i;

	mem_disk_release(&g_disk, taken);
	bdk_sim_run_until_idle();
	mem_disk_release(&g_disk, taken);
	bdk_sim_run_until_idle();
	for (i = 0; i < taken; i++) {
		assert_true(g_fill[i].success);
	}
	ON(0, spdk_bdev_free_io(g_kept.bdev_io));
}

/* The module waits for an object for the base, and the helper where the module cannot. */
static void
waits_for_objects(void **state)
{
	struct mem_io io = {};
	struct iovec *iovs;
	uint32_t taken;
	int iovcnt;

	open_part();
	g_disk.data[PART_OFFSET * BLOCK_SIZE] = 'w';
	g_slice.no_get_buf = true;
	taken = use_up_objects();
	io.keep = true;
	ON(0, io.rc = spdk_bdev_read_blocks(g_user.desc, g_user.ch[0], NULL, 0, 1, mem_io_done_cb, &io));
	assert_int_equal(io.rc, 0);
	assert_int_equal(io.done, 0);
	return_objects(taken);
	assert_int_equal(g_slice.waits, 1);
	assert_true(io.success);
	spdk_bdev_io_get_iovec(io.bdev_io, &iovs, &iovcnt);
	assert_int_equal(*(uint8_t *)iovs[0].iov_base, 'w');
	ON(0, spdk_bdev_free_io(io.bdev_io));
}

/* Metadata in a buffer of its own goes along, and so does what is to be checked. */
static void
takes_metadata_along(void **state)
{
	struct iovec iov = {g_buf, BLOCK_SIZE};
	struct spdk_bdev_ext_io_opts opts = {.size = sizeof(opts), .metadata = g_md};
	struct mem_io io;
	uint8_t md[16];

	g_disk.bdev.md_len = 16;
	g_disk.bdev.dif_type = SPDK_DIF_TYPE1;
	g_disk.bdev.dif_pi_format = SPDK_DIF_PI_FORMAT_16;
	g_disk.bdev.dif_check_flags = SPDK_DIF_FLAGS_GUARD_CHECK | SPDK_DIF_FLAGS_APPTAG_CHECK;
	g_disk.io_types |= BIT(COMPARE);
	open_part();
	memset(g_md, 'm', sizeof(g_md));
	memset(md, 'm', sizeof(md));
	opts.dif_check_flags_exclude_mask = SPDK_DIF_FLAGS_APPTAG_CHECK;
	memset(&io, 0, sizeof(io));
	ON(0,
		io.rc = spdk_bdev_writev_blocks_ext(
			g_user.desc, g_user.ch[0], &iov, 1, 4, 1, mem_io_done_cb, &io, &opts));
	assert_int_equal(io.rc, 0);
	bdk_sim_run_until_idle();
	assert_true(io.success);
	assert_int_equal(last_record()->dif_check_flags, SPDK_DIF_FLAGS_GUARD_CHECK);
	assert_memory_equal(g_disk.md + (PART_OFFSET + 4) * 16, md, 16);

	memset(g_md, 0, sizeof(g_md));
	DONE(&io, spdk_bdev_readv_blocks_with_md, &iov, 1, g_md, 4, 1);
	assert_memory_equal(g_md, md, 16);
	DONE(&io, spdk_bdev_comparev_blocks_with_md, &iov, 1, g_md, 4, 1);
	g_md[3] = 0;
	SUBMIT(&io, spdk_bdev_comparev_blocks_with_md, &iov, 1, g_md, 4, 1);
	assert_false(io.success);
}

/* Data with reference tags goes by way of reads and writes only, which translate them: bdev_part_tags_test.c. */
static void
hands_on_less_if_there_are_reference_tags(void **state)
{
	struct spdk_bdev *bdev;

	g_disk.bdev.md_len = 16;
	g_disk.bdev.dif_type = SPDK_DIF_TYPE1;
	g_disk.bdev.dif_check_flags = SPDK_DIF_FLAGS_REFTAG_CHECK;
	g_disk.io_types = UINT64_MAX;
	open_part();
	bdev = spdk_bdev_get_by_name("part");
	assert_true(spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_READ));
	assert_true(spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_WRITE));
	assert_true(spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_WRITE_ZEROES));
	assert_true(spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_ABORT));
	assert_false(spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_COMPARE));
	assert_false(spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_COMPARE_AND_WRITE));
	assert_false(spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_COPY));
	assert_false(spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_ZCOPY));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(goes_to_its_place_on_the_base),
		TEST(compares_and_copies),
		TEST(does_without),
		TEST(seeks_within_the_part),
		TEST(lends_the_buffer_of_the_base),
		TEST(ends_as_the_base_did),
		TEST(lets_the_module_complete),
		TEST(resets_the_base),
		TEST(aborts_on_the_base),
		TEST(reads_without_a_buffer),
		TEST(fails_a_read_for_which_no_buffer_is_large_enough),
		TEST(waits_for_objects),
		TEST(takes_metadata_along),
		TEST(hands_on_less_if_there_are_reference_tags),
	};

	return cmocka_run_group_tests_name("I/O of parts", tests, NULL, NULL);
}
