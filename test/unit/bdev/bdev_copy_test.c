/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * COPY: what is refused and in which order, how it is split, and what the layer makes of a read and a write.
 */

#include "types_fixture.h"

#include "spdk/dif.h"

#define COPY_NATIVELY (1 << SPDK_BDEV_IO_TYPE_COPY)

/* The disk holds src where dst was, and all else as at first. */
static void
expect_copied(uint64_t dst, uint64_t src, uint64_t num_blocks)
{
	assert_memory_equal(g_disk.data, g_buf, dst * BLOCK);
	assert_memory_equal(g_disk.data + dst * BLOCK, g_buf + src * BLOCK, num_blocks * BLOCK);
	assert_memory_equal(g_disk.data + (dst + num_blocks) * BLOCK, g_buf + (dst + num_blocks) * BLOCK,
		(NUM_BLOCKS - dst - num_blocks) * BLOCK);
	if (g_disk.md != NULL) {
		assert_memory_equal(g_disk.md, g_md, dst * MD_LEN);
		assert_memory_equal(g_disk.md + dst * MD_LEN, g_md + src * MD_LEN, num_blocks * MD_LEN);
		assert_memory_equal(g_disk.md + (dst + num_blocks) * MD_LEN, g_md + (dst + num_blocks) * MD_LEN,
			(NUM_BLOCKS - dst - num_blocks) * MD_LEN);
	}
}

static void
test_checks(void **state)
{
	struct mem_user reader;
	struct mem_io io;

	open_disk();
	mem_user_open_name(&reader, "d", 1, false);
	REFUSED(-EBADF, &reader, spdk_bdev_copy_blocks, NUM_BLOCKS, 0, 1);
	REFUSED(-EINVAL, &g_user, spdk_bdev_copy_blocks, NUM_BLOCKS, 0, 1);
	REFUSED(-EINVAL, &g_user, spdk_bdev_copy_blocks, 0, NUM_BLOCKS, 1);
	REFUSED(-EINVAL, &g_user, spdk_bdev_copy_blocks, 0, UINT64_MAX, 2);
	REFUSED(-EINVAL, &g_user, spdk_bdev_copy_blocks, UINT64_MAX, 0, 2);
	/* Nothing to do: by message, and not by the module. */
	RUN(&io, spdk_bdev_copy_blocks, 5, 5, 3);
	expect_status(&io, SPDK_BDEV_IO_STATUS_SUCCESS);
	RUN(&io, spdk_bdev_copy_blocks, 0, NUM_BLOCKS, 0);
	expect_status(&io, SPDK_BDEV_IO_STATUS_SUCCESS);
	assert_int_equal(g_disk.num_records, 0);
	mem_user_close(&reader);
	remove_disk();
}

static void
test_native(void **state)
{
	struct spdk_bdev_io_stat stat = {};
	struct mem_io io;

	g_disk.io_types |= COPY_NATIVELY;
	g_disk.bdev.max_rw_size = 4;
	g_disk.bdev.split_on_optimal_io_boundary = true;
	g_disk.bdev.optimal_io_boundary = 8;
	open_disk();
	assert_int_equal(spdk_bdev_get_max_copy(&g_disk.bdev), 0);
	/* Neither the limits of reads and writes nor boundaries count. */
	RUN(&io, spdk_bdev_copy_blocks, 600, 5, 300);
	expect_status(&io, SPDK_BDEV_IO_STATUS_SUCCESS);
	assert_int_equal(g_disk.num_records, 1);
	assert_int_equal(g_disk.records[0].type, SPDK_BDEV_IO_TYPE_COPY);
	assert_int_equal(g_disk.records[0].iovcnt, 0);
	expect_copied(600, 5, 300);
	ON(0, spdk_bdev_get_io_stat(&g_disk.bdev, g_user.ch[0], &stat, SPDK_BDEV_RESET_STAT_NONE));
	assert_int_equal(stat.num_copy_ops, 1);
	assert_int_equal(stat.bytes_copied, 300 * BLOCK);
	remove_disk();
}

/* Eight parts at a time; the next ones when all of them are done. */
static void
test_native_split(void **state)
{
	struct spdk_bdev_io_stat stat = {};
	struct mem_io io;
	uint32_t i;

	g_disk.io_types |= COPY_NATIVELY;
	g_disk.bdev.max_copy = 10;
	g_disk.mode = MEM_DISK_HOLD;
	open_disk();
	SUBMIT(&io, spdk_bdev_copy_blocks, 500, 100, 95);
	bdk_sim_run_until_idle();
	assert_int_equal(g_disk.num_held, 8);
	mem_disk_release(&g_disk, 7);
	bdk_sim_run_until_idle();
	assert_int_equal(g_disk.num_held, 1);
	mem_disk_release(&g_disk, 1);
	bdk_sim_run_until_idle();
	assert_int_equal(g_disk.num_held, 2);
	assert_int_equal(io.done, 0);
	mem_disk_release(&g_disk, 2);
	bdk_sim_run_until_idle();
	expect_status(&io, SPDK_BDEV_IO_STATUS_SUCCESS);
	assert_int_equal(g_disk.num_records, 10);
	for (i = 0; i < 10; i++) {
		assert_int_equal(g_disk.records[i].offset, 500 + i * 10);
		assert_int_equal(g_disk.records[i].src_offset, 100 + i * 10);
		assert_int_equal(g_disk.records[i].num_blocks, i < 9 ? 10 : 5);
	}
	expect_copied(500, 100, 95);
	/* Just as large as can be is not split. */
	g_disk.num_records = 0;
	SUBMIT(&io, spdk_bdev_copy_blocks, 0, 100, 10);
	mem_disk_release(&g_disk, 1);
	bdk_sim_run_until_idle();
	expect_status(&io, SPDK_BDEV_IO_STATUS_SUCCESS);
	assert_int_equal(g_disk.num_records, 1);
	ON(0, spdk_bdev_get_io_stat(&g_disk.bdev, g_user.ch[0], &stat, SPDK_BDEV_RESET_STAT_NONE));
	assert_int_equal(stat.num_copy_ops, 11);

	/* One part fails: all has failed, and no further round begins. */
	g_disk.num_records = 0;
	SUBMIT(&io, spdk_bdev_copy_blocks, 500, 100, 95);
	bdk_sim_run_until_idle();
	mem_disk_release_status(&g_disk, 1, SPDK_BDEV_IO_STATUS_NVME_ERROR);
	mem_disk_release(&g_disk, 7);
	bdk_sim_run_until_idle();
	expect_status(&io, SPDK_BDEV_IO_STATUS_FAILED);
	assert_int_equal(g_disk.num_records, 8);
	remove_disk();
}

static void
test_emulated(void **state)
{
	struct spdk_bdev_io_stat stat = {};
	struct mem_io io;
	uint32_t i, align;

	for (align = 0; align < 13; align += 4) {
		g_disk.get_buf = true;
		g_disk.mode = MEM_DISK_MESSAGE;
		g_disk.bdev.required_alignment = align;
		g_disk.bdev.md_len = align > 4 ? MD_LEN : 0;
		g_disk.bdev.max_rw_size = align > 8 ? 100 : 0;
		open_disk();
		assert_false(spdk_bdev_io_type_supported(&g_disk.bdev, SPDK_BDEV_IO_TYPE_COPY));
		assert_true(spdk_bdev_get_max_copy(&g_disk.bdev) > 0);
		RUN(&io, spdk_bdev_copy_blocks, 520, 2, 500);
		expect_status(&io, SPDK_BDEV_IO_STATUS_SUCCESS);
		expect_copied(520, 2, 500);
		for (i = 0; i < g_disk.num_records; i++) {
			assert_true(g_disk.records[i].type == SPDK_BDEV_IO_TYPE_READ ||
				g_disk.records[i].type == SPDK_BDEV_IO_TYPE_WRITE);
			assert_int_equal(g_disk.records[i].md_buf != NULL, g_disk.bdev.md_len > 0);
		}
		/* The buffer was aligned already. */
		assert_int_equal(g_disk.buf_failures, 0);
		ON(0, spdk_bdev_get_io_stat(&g_disk.bdev, g_user.ch[0], &stat, SPDK_BDEV_RESET_STAT_NONE));
		assert_int_equal(stat.num_copy_ops, 0);
		assert_int_equal(stat.bytes_read, 500 * BLOCK);
		assert_int_equal(stat.bytes_written, 500 * BLOCK);
		remove_disk();
	}
}

/* Each piece is made of whole write units. */
static void
test_emulated_write_unit(void **state)
{
	struct mem_io io;
	uint32_t i;

	g_disk.bdev.split_on_write_unit = true;
	g_disk.bdev.write_unit_size = 7;
	open_disk();
	RUN(&io, spdk_bdev_copy_blocks, 490, 0, 490);
	expect_status(&io, SPDK_BDEV_IO_STATUS_SUCCESS);
	expect_copied(490, 0, 490);
	for (i = 0; i < g_disk.num_records; i++) {
		assert_true(g_disk.records[i].type == SPDK_BDEV_IO_TYPE_READ || g_disk.records[i].num_blocks == 7);
	}
	remove_disk();
}

/* Protection information that names the place of a block names the new one; what is not to be checked is not changed. */
static void
test_emulated_protected(void **state)
{
	struct spdk_dif_ctx_init_ext_opts opts = {.size = SPDK_SIZEOF(&opts, dif_pi_format)};
	struct iovec data = {.iov_len = 500 * BLOCK}, md = {.iov_len = 500 * MD_LEN};
	uint32_t flags = SPDK_DIF_FLAGS_GUARD_CHECK | SPDK_DIF_FLAGS_REFTAG_CHECK;
	struct spdk_dif_ctx ctx;
	struct mem_io io;
	int type;

	for (type = SPDK_DIF_TYPE1; type <= SPDK_DIF_TYPE3; type++) {
		g_disk.bdev.md_len = MD_LEN;
		g_disk.bdev.dif_type = type;
		g_disk.bdev.dif_check_flags = flags;
		open_disk();
		data.iov_base = g_disk.data + 3 * BLOCK;
		md.iov_base = g_disk.md + 3 * MD_LEN;
		assert_int_equal(
			spdk_dif_ctx_init(&ctx, BLOCK, MD_LEN, false, false, type, flags, 3, 0xffff, 7, 0, 0, &opts),
			0);
		assert_int_equal(spdk_dix_generate(&data, 1, &md, 500, &ctx), 0);
		/* An application tag of all ones: this block, the tenth, is not checked. */
		memset(g_disk.md + 13 * MD_LEN, 0xff, MD_LEN);
		RUN(&io, spdk_bdev_copy_blocks, 503, 3, 500);
		expect_status(&io, SPDK_BDEV_IO_STATUS_SUCCESS);

		data.iov_base = g_disk.data + 503 * BLOCK;
		md.iov_base = g_disk.md + 503 * MD_LEN;
		assert_int_equal(spdk_dif_ctx_init(&ctx, BLOCK, MD_LEN, false, false, type, flags,
					 type == SPDK_DIF_TYPE3 ? 3 : 503, 0xffff, 7, 0, 0, &opts),
			0);
		assert_int_equal(spdk_dix_verify(&data, 1, &md, 500, &ctx, NULL), 0);
		assert_memory_equal(g_disk.md + 513 * MD_LEN, g_disk.md + 13 * MD_LEN, MD_LEN);
		remove_disk();
	}
}

/* At every step. */
static void
test_emulated_failures(void **state)
{
	struct mem_io io;
	uint32_t step, steps = 0;

	open_disk();
	RUN(&io, spdk_bdev_copy_blocks, 520, 0, 500);
	expect_status(&io, SPDK_BDEV_IO_STATUS_SUCCESS);
	steps = g_disk.num_records;
	assert_int_equal(steps % 2, 0);
	assert_true(steps >= 4);
	for (step = 0; step < steps; step++) {
		g_disk.num_records = 0;
		g_disk.fail_status = SPDK_BDEV_IO_STATUS_AIO_ERROR;
		g_disk.fail_after = step;
		RUN(&io, spdk_bdev_copy_blocks, 520, 0, 500);
		expect_status(&io, SPDK_BDEV_IO_STATUS_FAILED);
		assert_int_equal(g_disk.num_records, step + 1);
	}
	remove_disk();

	/* A block is larger than any buffer. */
	mem_disk_init(&g_disk, "d", 256 * 1024, 4);
	mem_disk_add(&g_disk);
	mem_user_open(&g_user, &g_disk, 1);
	RUN(&io, spdk_bdev_copy_blocks, 0, 1, 1);
	expect_status(&io, SPDK_BDEV_IO_STATUS_FAILED);
	assert_int_equal(g_disk.num_records, 0);
	remove_disk();
}

/* More copies than there are buffers, on a reset disk: those that wait for one are aborted, the others fail. */
static void
test_emulated_buffers(void **state)
{
	static struct mem_io ios[40];
	uint32_t i, waiting = 0;
	struct mem_io reset;

	g_disk.mode = MEM_DISK_HOLD;
	open_disk();
	for (i = 0; i < SPDK_COUNTOF(ios); i++) {
		SUBMIT(&ios[i], spdk_bdev_copy_blocks, 500, 0, 200);
	}
	bdk_sim_run_until_idle();
	/* All large buffers but the ones that were not needed. */
	assert_true(g_disk.num_held < SPDK_COUNTOF(ios));
	waiting = SPDK_COUNTOF(ios) - g_disk.num_held;
	SUBMIT(&reset, spdk_bdev_reset);
	bdk_sim_run_until_idle();
	expect_status(&reset, SPDK_BDEV_IO_STATUS_SUCCESS);
	for (i = 0; i < SPDK_COUNTOF(ios); i++) {
		assert_int_equal(ios[i].done, 1);
		if (ios[i].bdev_io->internal.status == SPDK_BDEV_IO_STATUS_ABORTED) {
			waiting--;
			expect_status(&ios[i], SPDK_BDEV_IO_STATUS_ABORTED);
		} else {
			expect_status(&ios[i], SPDK_BDEV_IO_STATUS_FAILED);
		}
	}
	assert_int_equal(waiting, 0);

	/* Without a reset all get one in the end. */
	for (i = 0; i < SPDK_COUNTOF(ios); i++) {
		SUBMIT(&ios[i], spdk_bdev_copy_blocks, 500, 0, 200);
		ios[i].keep = false;
	}
	for (i = 0; i < 10000 && g_disk.num_held > 0; i++) {
		mem_disk_release(&g_disk, 1);
		bdk_sim_run_until_idle();
	}
	for (i = 0; i < SPDK_COUNTOF(ios); i++) {
		assert_true(ios[i].done && ios[i].success);
	}
	expect_copied(500, 0, 200);
	remove_disk();
}

static int
submit_copy(uint32_t index, struct mem_io *io)
{
	return spdk_bdev_copy_blocks(g_user.desc, g_user.ch[0], 512 + index * 4, index * 4, 4, mem_io_done_cb, io);
}

static void
test_shortage(void **state)
{
	for (int native = 0; native < 2; native++) {
		restart_with_pool(4, 1);
		g_disk.bdev.max_rw_size = 1;
		g_disk.mode = MEM_DISK_MESSAGE;
		if (native) {
			g_disk.io_types |= COPY_NATIVELY;
			g_disk.bdev.max_copy = 1;
		}
		open_disk();
		run_through_small_pool(submit_copy);
		expect_copied(512, 0, 64 * 4);
		remove_disk();
	}
	restart_with_pool(1024, 16);
}

/* ---- seek ---- */

static void
expect_found(struct mem_io *io, uint64_t offset)
{
	assert_true(io->success);
	assert_int_equal(spdk_bdev_io_get_seek_offset(io->bdev_io), offset);
	expect_status(io, SPDK_BDEV_IO_STATUS_SUCCESS);
}

static void
test_seek(void **state)
{
	struct spdk_bdev_io_stat stat = {};
	struct mem_user reader;
	struct mem_io io;

	open_disk();
	REFUSED(-EINVAL, &g_user, spdk_bdev_seek_data, NUM_BLOCKS);
	REFUSED(-EINVAL, &g_user, spdk_bdev_seek_hole, UINT64_MAX);
	/* A disk that does not know is data all over. */
	RUN(&io, spdk_bdev_seek_data, 7);
	expect_found(&io, 7);
	RUN(&io, spdk_bdev_seek_hole, NUM_BLOCKS - 1);
	expect_found(&io, UINT64_MAX);
	assert_int_equal(g_disk.num_records, 0);
	assert_false(spdk_bdev_io_type_supported(&g_disk.bdev, SPDK_BDEV_IO_TYPE_SEEK_DATA));
	ON(0, spdk_bdev_get_io_stat(&g_disk.bdev, g_user.ch[0], &stat, SPDK_BDEV_RESET_STAT_NONE));
	assert_int_equal(stat.num_read_ops, 0);
	/* Another type has no such result. */
	RUN(&io, spdk_bdev_read_blocks, g_buf, 3, 1);
	assert_int_equal(spdk_bdev_io_get_seek_offset(io.bdev_io), 0);
	expect_status(&io, SPDK_BDEV_IO_STATUS_SUCCESS);
	remove_disk();

	g_disk.io_types |= 1 << SPDK_BDEV_IO_TYPE_SEEK_DATA | 1 << SPDK_BDEV_IO_TYPE_SEEK_HOLE;
	g_disk.seek_offset = 77;
	open_disk();
	RUN(&io, spdk_bdev_seek_data, 7);
	expect_found(&io, 77);
	RUN(&io, spdk_bdev_seek_hole, 8);
	expect_found(&io, 77);
	assert_int_equal(g_disk.num_records, 2);
	assert_int_equal(g_disk.records[0].type, SPDK_BDEV_IO_TYPE_SEEK_DATA);
	assert_int_equal(g_disk.records[0].offset, 7);
	assert_int_equal(g_disk.records[1].type, SPDK_BDEV_IO_TYPE_SEEK_HOLE);
	mem_user_close(&g_user);

	/* Also who only reads may know. */
	mem_user_open_name(&reader, "d", 1, false);
	memset(&io, 0, sizeof(io));
	io.keep = true;
	ON(0, io.rc = spdk_bdev_seek_data(reader.desc, reader.ch[0], 0, mem_io_done_cb, &io));
	assert_int_equal(io.rc, 0);
	bdk_sim_run_until_idle();
	expect_found(&io, 77);
	mem_user_close(&reader);
	mem_disk_remove(&g_disk);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_checks),
		TEST(test_native),
		TEST(test_native_split),
		TEST(test_emulated),
		TEST(test_emulated_write_unit),
		TEST(test_emulated_protected),
		TEST(test_emulated_failures),
		TEST(test_emulated_buffers),
		TEST(test_shortage),
		TEST(test_seek),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
