/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * COMPARE: what is refused and in which order, what modules get that have it, and what the layer makes of reads for
 * those that have not.
 */

#include "types_fixture.h"

static void
test_compare_checks(void **state)
{
	struct iovec iov = {g_buf, BLOCK}, none = {NULL, BLOCK};
	struct mem_user reader;
	struct mem_io io;

	open_disk();
	/* Metadata comes first: there is none on this disk. */
	REFUSED(-EINVAL, &g_user, spdk_bdev_compare_blocks_with_md, g_buf, g_md, 0, 1);
	REFUSED(-EINVAL, &g_user, spdk_bdev_comparev_blocks_with_md, &iov, 1, g_md, 0, 1);
	REFUSED(-EINVAL, &g_user, spdk_bdev_compare_blocks, g_buf, NUM_BLOCKS, 1);
	REFUSED(-EINVAL, &g_user, spdk_bdev_compare_blocks, g_buf, UINT64_MAX, 1);
	REFUSED(-EINVAL, &g_user, spdk_bdev_comparev_blocks, &iov, 1, 1, NUM_BLOCKS);
	RUN(&io, spdk_bdev_comparev_blocks_with_md, &iov, 1, NULL, 0, 1);
	expect_status(&io, SPDK_BDEV_IO_STATUS_SUCCESS);
	mem_user_close(&g_user);

	/* Comparing needs no permission to write. */
	mem_user_open_name(&reader, "d", 1, false);
	memset(&io, 0, sizeof(io));
	ON(0, io.rc = spdk_bdev_compare_blocks(reader.desc, reader.ch[0], g_buf, 0, 1, mem_io_done_cb, &io));
	assert_int_equal(io.rc, 0);
	bdk_sim_run_until_idle();
	assert_true(io.done && io.success);
	mem_user_close(&reader);
	mem_disk_remove(&g_disk);

	mem_disk_init(&g_disk, "d", BLOCK, NUM_BLOCKS);
	g_disk.bdev.md_len = MD_LEN;
	open_disk();
	/* Also before the range. */
	REFUSED(-EINVAL, &g_user, spdk_bdev_compare_blocks_with_md, NULL, g_md, 0, 1);
	REFUSED(-EINVAL, &g_user, spdk_bdev_comparev_blocks_with_md, &none, 1, g_md, 0, 1);
	REFUSED(-EINVAL, &g_user, spdk_bdev_comparev_blocks_with_md, NULL, 0, g_md, 0, 1);
	remove_disk();
}

static void
check_miscompare(struct mem_io *io)
{
	int sct, sc, sct2, sc2, sk, asc, ascq;
	uint32_t cdw0;

	spdk_bdev_io_get_nvme_fused_status(io->bdev_io, &cdw0, &sct, &sc, &sct2, &sc2);
	assert_int_equal(sct, SPDK_NVME_SCT_MEDIA_ERROR);
	assert_int_equal(sc, SPDK_NVME_SC_COMPARE_FAILURE);
	assert_int_equal(sc2, SPDK_NVME_SC_ABORTED_FAILED_FUSED);
	spdk_bdev_io_get_scsi_status(io->bdev_io, &sc, &sk, &asc, &ascq);
	assert_int_equal(sc, SPDK_SCSI_STATUS_CHECK_CONDITION);
	assert_int_equal(sk, SPDK_SCSI_SENSE_MISCOMPARE);
	assert_int_equal(asc, SPDK_SCSI_ASC_MISCOMPARE_DURING_VERIFY_OPERATION);
	expect_status(io, SPDK_BDEV_IO_STATUS_MISCOMPARE);
}

static void
test_compare_native(void **state)
{
	struct iovec iovs[2] = {{g_buf + 2 * BLOCK, 100}, {g_buf + 2 * BLOCK + 100, 2 * BLOCK - 100}};
	struct mem_io io;

	g_disk.io_types |= 1 << SPDK_BDEV_IO_TYPE_COMPARE;
	g_disk.bdev.md_len = MD_LEN;
	/* A compare is never split. */
	g_disk.bdev.max_rw_size = 1;
	open_disk();
	RUN(&io, spdk_bdev_comparev_blocks_with_md, iovs, 2, g_md + 2 * MD_LEN, 2, 2);
	expect_status(&io, SPDK_BDEV_IO_STATUS_SUCCESS);
	assert_int_equal(g_disk.num_records, 1);
	assert_int_equal(g_disk.records[0].type, SPDK_BDEV_IO_TYPE_COMPARE);
	assert_int_equal(g_disk.records[0].num_blocks, 2);
	assert_int_equal(g_disk.records[0].iovcnt, 2);
	assert_ptr_equal(g_disk.records[0].md_buf, g_md + 2 * MD_LEN);
	g_md[3 * MD_LEN] ^= 1;
	RUN(&io, spdk_bdev_comparev_blocks_with_md, iovs, 2, g_md + 2 * MD_LEN, 2, 2);
	check_miscompare(&io);
	RUN(&io, spdk_bdev_compare_blocks, g_buf, 2, 1);
	check_miscompare(&io);
	remove_disk();
}

/* One byte that differs is found, wherever it is. */
static void
test_compare_place(void **state)
{
	struct iovec iovs[4];
	struct mem_io io;
	uint32_t place;

	g_disk.mode = MEM_DISK_RANDOM;
	g_disk.get_buf = true;
	open_disk();
	for (place = 0; place < 4 * BLOCK; place += 97) {
		g_buf[3 * BLOCK + place] ^= 0x10;
		iovs[0] = (struct iovec){g_buf + 3 * BLOCK, 1};
		iovs[1] = (struct iovec){g_buf + 3 * BLOCK + 1, 0};
		iovs[2] = (struct iovec){g_buf + 3 * BLOCK + 1, 700};
		iovs[3] = (struct iovec){g_buf + 3 * BLOCK + 701, 4 * BLOCK - 701};
		SUBMIT(&io, spdk_bdev_comparev_blocks, iovs, 4, 3, 4);
		finish(&io);
		check_miscompare(&io);
		/* Outside of what is compared it does not matter. */
		SUBMIT(&io, spdk_bdev_compare_blocks, g_buf, 0, 3);
		finish(&io);
		expect_status(&io, SPDK_BDEV_IO_STATUS_SUCCESS);
		g_buf[3 * BLOCK + place] ^= 0x10;
	}
	remove_disk();
}

/* More than one buffer holds is read in pieces. */
static void
test_compare_large(void **state)
{
	uint32_t align, i;
	struct mem_io io;

	for (align = 0; align < 13; align += 4) {
		g_disk.get_buf = true;
		g_disk.mode = MEM_DISK_MESSAGE;
		g_disk.bdev.required_alignment = align;
		g_disk.bdev.md_len = align > 4 ? MD_LEN : 0;
		open_disk();
		RUN(&io, spdk_bdev_compare_blocks, g_buf, 0, NUM_BLOCKS);
		expect_status(&io, SPDK_BDEV_IO_STATUS_SUCCESS);
		assert_true(g_disk.num_records > 1);
		for (i = 0; i < g_disk.num_records; i++) {
			assert_int_equal(g_disk.records[i].type, SPDK_BDEV_IO_TYPE_READ);
		}
		assert_int_equal(g_disk.buf_failures, 0);
		/* In the last byte. */
		g_buf[sizeof(g_buf) - 1] ^= 1;
		RUN(&io, spdk_bdev_compare_blocks, g_buf, 0, NUM_BLOCKS);
		check_miscompare(&io);
		remove_disk();
	}
}

static void
test_compare_no_blocks(void **state)
{
	struct mem_io io;

	open_disk();
	RUN(&io, spdk_bdev_compare_blocks, g_buf, NUM_BLOCKS, 0);
	expect_status(&io, SPDK_BDEV_IO_STATUS_SUCCESS);
	assert_int_equal(g_disk.num_records, 0);
	remove_disk();
}

/* Separate metadata of all blocks is compared, from the disk's memory as well as from a buffer of the layer. */
static void
test_compare_md(void **state)
{
	struct mem_io io;
	uint32_t block;

	for (int get_buf = 0; get_buf < 2; get_buf++) {
		g_disk.get_buf = get_buf;
		g_disk.bdev.md_len = MD_LEN;
		open_disk();
		RUN(&io, spdk_bdev_compare_blocks_with_md, g_buf + BLOCK, g_md + MD_LEN, 1, 500);
		expect_status(&io, SPDK_BDEV_IO_STATUS_SUCCESS);
		for (block = 0; block < 3; block++) {
			/* The first, the last, and one in a later piece. */
			uint32_t place = (block == 0 ? 1 : block == 1 ? 500 : 400) * MD_LEN + 7;

			g_md[place] ^= 0x80;
			RUN(&io, spdk_bdev_compare_blocks_with_md, g_buf + BLOCK, g_md + MD_LEN, 1, 500);
			check_miscompare(&io);
			/* Not if it is not given. */
			RUN(&io, spdk_bdev_compare_blocks, g_buf + BLOCK, 1, 500);
			expect_status(&io, SPDK_BDEV_IO_STATUS_SUCCESS);
			g_md[place] ^= 0x80;
		}
		remove_disk();
	}
}

/* Interleaved metadata is data like any other. */
static void
test_compare_interleaved(void **state)
{
	struct mem_io io;

	g_disk.bdev.md_len = MD_LEN;
	g_disk.bdev.md_interleave = true;
	open_disk();
	RUN(&io, spdk_bdev_compare_blocks, g_buf, 0, 4);
	expect_status(&io, SPDK_BDEV_IO_STATUS_SUCCESS);
	g_buf[BLOCK - 1] ^= 1;
	RUN(&io, spdk_bdev_compare_blocks, g_buf, 0, 4);
	check_miscompare(&io);
	remove_disk();
}

static void
hidden_event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *ctx)
{
}

/* The opener's blocks are not those of the disk, and nothing converts them. */
static void
test_compare_hidden(void **state)
{
	struct spdk_bdev_open_opts opts = {.size = sizeof(opts), .hide_metadata = true};
	struct iovec iov = {g_buf, 512};

	mem_disk_init(&g_disk, "d", 520, NUM_BLOCKS);
	g_disk.bdev.md_len = 8;
	g_disk.bdev.md_interleave = true;
	mem_disk_add(&g_disk);
	mem_user_open(&g_user, &g_disk, 1);
	ON(0, {
		spdk_bdev_close(g_user.desc);
		assert_int_equal(spdk_bdev_open_ext_v2("d", true, hidden_event_cb, NULL, &opts, &g_user.desc), 0);
	});
	REFUSED(-EINVAL, &g_user, spdk_bdev_compare_blocks, g_buf, NUM_BLOCKS, 1);
	REFUSED(-ENOTSUP, &g_user, spdk_bdev_compare_blocks, g_buf, 0, 1);
	REFUSED(-ENOTSUP, &g_user, spdk_bdev_comparev_blocks, &iov, 1, 0, 1);
	REFUSED(-ENOTSUP, &g_user, spdk_bdev_comparev_and_writev_blocks, &iov, 1, &iov, 1, 0, 1);
	REFUSED(-ENOTSUP, &g_user, spdk_bdev_zcopy_start, NULL, 0, 0, 1, true);
	REFUSED(-ENOTSUP, &g_user, spdk_bdev_zone_append, g_buf, 0, 1);
	remove_disk();
}

/* A read that fails says nothing about the data. */
static void
test_compare_read_fails(void **state)
{
	struct mem_io io;

	g_disk.get_buf = true;
	g_disk.fail_status = SPDK_BDEV_IO_STATUS_NVME_ERROR;
	open_disk();
	RUN(&io, spdk_bdev_compare_blocks, g_buf, 0, 8);
	expect_status(&io, SPDK_BDEV_IO_STATUS_FAILED);
	/* In the second piece. */
	g_disk.fail_after = 1;
	g_disk.num_records = 0;
	RUN(&io, spdk_bdev_compare_blocks, g_buf, 0, NUM_BLOCKS);
	expect_status(&io, SPDK_BDEV_IO_STATUS_FAILED);
	assert_int_equal(g_disk.num_records, 2);
	remove_disk();
}

static void
test_compare_short_buffers(void **state)
{
	struct iovec iovs[2] = {{g_buf, 100}, {g_buf + 100, 100}};
	struct mem_io io;

	open_disk();
	RUN(&io, spdk_bdev_comparev_blocks, iovs, 2, 0, 1);
	expect_status(&io, SPDK_BDEV_IO_STATUS_FAILED);
	RUN(&io, spdk_bdev_comparev_blocks, NULL, 0, 0, 1);
	expect_status(&io, SPDK_BDEV_IO_STATUS_FAILED);
	RUN(&io, spdk_bdev_compare_blocks, NULL, 0, 1);
	expect_status(&io, SPDK_BDEV_IO_STATUS_FAILED);
	remove_disk();
}

/* Only the reads count. */
static void
test_compare_stat(void **state)
{
	struct spdk_bdev_io_stat stat = {};
	struct mem_io io;

	open_disk();
	RUN(&io, spdk_bdev_compare_blocks, g_buf + BLOCK, 0, 8);
	expect_status(&io, SPDK_BDEV_IO_STATUS_MISCOMPARE);
	ON(0, spdk_bdev_get_io_stat(&g_disk.bdev, g_user.ch[0], &stat, SPDK_BDEV_RESET_STAT_NONE));
	assert_int_equal(stat.num_read_ops, 1);
	assert_int_equal(stat.bytes_read, 8 * BLOCK);
	assert_int_equal(stat.num_write_ops, 0);
	remove_disk();
}

/* During a reset the read is aborted, and so the compare fails. */
static void
test_compare_reset(void **state)
{
	struct mem_io io, reset;

	g_disk.mode = MEM_DISK_HOLD;
	open_disk();
	SUBMIT(&io, spdk_bdev_compare_blocks, g_buf, 0, 8);
	SUBMIT(&reset, spdk_bdev_reset);
	bdk_sim_run_until_idle();
	expect_status(&io, SPDK_BDEV_IO_STATUS_FAILED);
	expect_status(&reset, SPDK_BDEV_IO_STATUS_SUCCESS);
	remove_disk();
}

static int
submit_compare(uint32_t index, struct mem_io *io)
{
	return spdk_bdev_compare_blocks(
		g_user.desc, g_user.ch[0], g_buf + index * 4 * BLOCK, index * 4, 4, mem_io_done_cb, io);
}

/* Each compare needs another object for its read, and that one more for each part. */
static void
test_compare_shortage(void **state)
{
	restart_with_pool(4, 1);
	g_disk.bdev.max_rw_size = 1;
	g_disk.get_buf = true;
	g_disk.mode = MEM_DISK_MESSAGE;
	open_disk();
	run_through_small_pool(submit_compare);
	remove_disk();
	restart_with_pool(1024, 16);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_compare_checks),
		TEST(test_compare_native),
		TEST(test_compare_place),
		TEST(test_compare_large),
		TEST(test_compare_no_blocks),
		TEST(test_compare_md),
		TEST(test_compare_interleaved),
		TEST(test_compare_hidden),
		TEST(test_compare_read_fails),
		TEST(test_compare_short_buffers),
		TEST(test_compare_stat),
		TEST(test_compare_reset),
		TEST(test_compare_shortage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
