/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * ZCOPY: start and end of one object, its buffers, and what is refused.
 */

#include "types_fixture.h"

static void
end_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	struct mem_io *io = cb_arg;

	/* The same object, with what belongs to its second half. */
	assert_ptr_equal(spdk_bdev_io_get_cb_arg(bdev_io), io);
	io->done++;
	io->success = success;
	io->bdev_io = bdev_io;
}

static void
end(struct mem_io *start, bool commit, struct mem_io *io)
{
	memset(io, 0, sizeof(*io));
	ON(0, io->rc = spdk_bdev_zcopy_end(start->bdev_io, commit, end_done_cb, io); assert_int_equal(io->done, 0));
	assert_int_equal(io->rc, 0);
	bdk_sim_run_until_idle();
}

static void
setup_zcopy(enum mem_disk_mode mode)
{
	g_disk.io_types |= 1 << SPDK_BDEV_IO_TYPE_ZCOPY;
	g_disk.mode = mode;
	/* Zero-copy is never split. */
	g_disk.bdev.max_rw_size = 1;
	open_disk();
}

static void
test_checks(void **state)
{
	struct mem_user reader;

	open_disk();
	mem_user_open_name(&reader, "d", 1, false);
	/* Also to read. */
	REFUSED(-EBADF, &reader, spdk_bdev_zcopy_start, NULL, 0, NUM_BLOCKS, 1, true);
	REFUSED(-EINVAL, &g_user, spdk_bdev_zcopy_start, NULL, 0, NUM_BLOCKS, 1, true);
	/* The layer does not stand in for the module. */
	REFUSED(-ENOTSUP, &g_user, spdk_bdev_zcopy_start, NULL, 0, 0, 1, true);
	mem_user_close(&reader);
	remove_disk();
}

static void
test_read(void **state)
{
	struct iovec *iovs;
	struct mem_io io, ended;
	int iovcnt;

	setup_zcopy(MEM_DISK_INLINE);
	RUN(&io, spdk_bdev_zcopy_start, NULL, 0, 5, 6, true);
	assert_true(io.success);
	spdk_bdev_io_get_iovec(io.bdev_io, &iovs, &iovcnt);
	assert_int_equal(iovcnt, 1);
	assert_int_equal(iovs[0].iov_len, 6 * BLOCK);
	assert_ptr_equal(iovs[0].iov_base, g_disk.data + 5 * BLOCK);
	assert_true(g_disk.records[0].zcopy_start && g_disk.records[0].zcopy_populate);
	end(&io, false, &ended);
	assert_true(ended.success);
	assert_ptr_equal(ended.bdev_io, io.bdev_io);
	assert_int_equal(g_disk.num_records, 2);
	assert_false(g_disk.records[1].zcopy_start || g_disk.records[1].zcopy_commit);
	assert_int_equal(g_disk.records[1].offset, 5);
	assert_int_equal(g_disk.records[1].num_blocks, 6);
	/* It ends once. */
	ON(0, assert_int_equal(spdk_bdev_zcopy_end(ended.bdev_io, false, end_done_cb, &ended), -EINVAL));
	expect_status(&ended, SPDK_BDEV_IO_STATUS_SUCCESS);

	/* The next user of the object finds nothing left of it. */
	RUN(&io, spdk_bdev_zcopy_start, NULL, 0, 1, 1, false);
	assert_false(g_disk.records[2].zcopy_populate);
	end(&io, false, &ended);
	expect_status(&ended, SPDK_BDEV_IO_STATUS_SUCCESS);
	RUN(&io, spdk_bdev_read_blocks, g_buf, 1, 1);
	assert_false(g_disk.records[4].zcopy_start || g_disk.records[4].zcopy_commit);
	expect_status(&io, SPDK_BDEV_IO_STATUS_SUCCESS);
	remove_disk();
}

static void
test_write(void **state)
{
	struct iovec iov = {};
	struct mem_io io, ended;

	setup_zcopy(MEM_DISK_MESSAGE);
	/* A caller's iovec gets the buffer. */
	RUN(&io, spdk_bdev_zcopy_start, &iov, 1, 5, 6, false);
	assert_true(io.success);
	assert_ptr_equal(iov.iov_base, g_disk.data + 5 * BLOCK);
	assert_int_equal(iov.iov_len, 6 * BLOCK);
	memset(iov.iov_base, 0x77, iov.iov_len);
	end(&io, true, &ended);
	assert_true(g_disk.records[1].zcopy_commit);
	expect_status(&ended, SPDK_BDEV_IO_STATUS_SUCCESS);
	remove_disk();
}

static void
test_failures(void **state)
{
	struct mem_io io, ended;

	setup_zcopy(MEM_DISK_INLINE);
	g_disk.fail_status = SPDK_BDEV_IO_STATUS_AIO_ERROR;
	RUN(&io, spdk_bdev_zcopy_start, NULL, 0, 0, 1, true);
	/* There is nothing to end. */
	ON(0, assert_int_equal(spdk_bdev_zcopy_end(io.bdev_io, true, end_done_cb, &ended), -EINVAL));
	expect_status(&io, SPDK_BDEV_IO_STATUS_AIO_ERROR);

	g_disk.fail_after = 1;
	RUN(&io, spdk_bdev_zcopy_start, NULL, 0, 0, 1, true);
	end(&io, true, &ended);
	expect_status(&ended, SPDK_BDEV_IO_STATUS_AIO_ERROR);

	g_disk.fail_status = SPDK_BDEV_IO_STATUS_PENDING;
	RUN(&io, spdk_bdev_read_blocks, g_buf, 0, 1);
	ON(0, assert_int_equal(spdk_bdev_zcopy_end(io.bdev_io, true, end_done_cb, &ended), -EINVAL));
	expect_status(&io, SPDK_BDEV_IO_STATUS_SUCCESS);

	/* On another thread. */
	RUN(&io, spdk_bdev_zcopy_start, NULL, 0, 0, 1, true);
	ON(1, assert_int_equal(spdk_bdev_zcopy_end(io.bdev_io, true, end_done_cb, &ended), -EINVAL));
	end(&io, true, &ended);
	expect_status(&ended, SPDK_BDEV_IO_STATUS_SUCCESS);

	/* Before its start has ended. */
	g_disk.mode = MEM_DISK_HOLD;
	SUBMIT(&io, spdk_bdev_zcopy_start, NULL, 0, 0, 1, true);
	ON(0, assert_int_equal(spdk_bdev_zcopy_end(mem_disk_get_oldest(&g_disk), true, end_done_cb, &ended), -EINVAL));
	mem_disk_release(&g_disk, 1);
	bdk_sim_run_until_idle();
	expect_status(&io, SPDK_BDEV_IO_STATUS_SUCCESS);
	remove_disk();
}

/* Both halves are tried again when the module lacks memory, and are aborted during a reset. */
static void
test_retry_and_reset(void **state)
{
	struct mem_io io, ended, reset;

	setup_zcopy(MEM_DISK_MESSAGE);
	g_disk.refuse = 2;
	SUBMIT(&io, spdk_bdev_zcopy_start, NULL, 0, 0, 1, true);
	bdk_sim_run_for(100 * 1000);
	assert_true(io.success);
	assert_int_equal(g_disk.records[g_disk.num_records - 1].num_retries, 2);
	g_disk.refuse = 1;
	end(&io, false, &ended);
	bdk_sim_run_for(100 * 1000);
	assert_int_equal(g_disk.records[g_disk.num_records - 1].num_retries, 1);
	expect_status(&ended, SPDK_BDEV_IO_STATUS_SUCCESS);

	RUN(&io, spdk_bdev_zcopy_start, NULL, 0, 0, 1, true);
	g_disk.mode = MEM_DISK_HOLD;
	memset(&ended, 0, sizeof(ended));
	ON(0, assert_int_equal(spdk_bdev_zcopy_end(io.bdev_io, true, end_done_cb, &ended), 0));
	SUBMIT(&reset, spdk_bdev_reset);
	bdk_sim_run_until_idle();
	expect_status(&ended, SPDK_BDEV_IO_STATUS_ABORTED);
	expect_status(&reset, SPDK_BDEV_IO_STATUS_SUCCESS);
	remove_disk();
}

static bool
is_resetting(void *ctx)
{
	return g_disk.resets > 0;
}

/* While a reset runs, nothing new reaches the module, but it gets back what it has lent. */
static void
test_end_during_reset(void **state)
{
	struct mem_io io, ended, reset, other;

	setup_zcopy(MEM_DISK_MESSAGE);
	RUN(&io, spdk_bdev_zcopy_start, NULL, 0, 0, 1, true);
	SUBMIT(&reset, spdk_bdev_reset);
	assert_true(bdk_sim_run_until(is_resetting, NULL, 1000));
	g_disk.num_records = 0;
	SUBMIT(&other, spdk_bdev_zcopy_start, NULL, 0, 0, 1, true);
	assert_int_equal(g_disk.num_records, 0);
	end(&io, true, &ended);
	assert_int_equal(g_disk.num_records, 1);
	assert_true(g_disk.records[0].zcopy_commit);
	expect_status(&ended, SPDK_BDEV_IO_STATUS_SUCCESS);
	expect_status(&other, SPDK_BDEV_IO_STATUS_ABORTED);
	expect_status(&reset, SPDK_BDEV_IO_STATUS_SUCCESS);
	remove_disk();
}

/* A module without memory of its own takes a buffer of the layer, which holds nothing of others. */
static void
test_layer_buffer(void **state)
{
	struct mem_io io, ended;
	struct iovec *iovs;
	int iovcnt;
	uint32_t i;

	g_disk.zcopy_get_buf = true;
	g_disk.bdev.required_alignment = 9;
	setup_zcopy(MEM_DISK_INLINE);
	RUN(&io, spdk_bdev_zcopy_start, NULL, 0, 5, 6, true);
	spdk_bdev_io_get_iovec(io.bdev_io, &iovs, &iovcnt);
	assert_int_equal(iovcnt, 1);
	assert_int_equal((uintptr_t)iovs[0].iov_base % 512, 0);
	assert_memory_equal(iovs[0].iov_base, g_buf + 5 * BLOCK, 6 * BLOCK);
	memset(iovs[0].iov_base, 0x3c, 6 * BLOCK);
	end(&io, true, &ended);
	for (i = 5 * BLOCK; i < 11 * BLOCK; i++) {
		assert_int_equal(g_disk.data[i], 0x3c);
	}
	expect_status(&ended, SPDK_BDEV_IO_STATUS_SUCCESS);

	/* It was used before; not populated, it is empty. */
	RUN(&io, spdk_bdev_zcopy_start, NULL, 0, 5, 6, false);
	spdk_bdev_io_get_iovec(io.bdev_io, &iovs, &iovcnt);
	for (i = 0; i < 6 * BLOCK; i++) {
		assert_int_equal(((uint8_t *)iovs[0].iov_base)[i], 0);
	}
	end(&io, false, &ended);
	expect_status(&ended, SPDK_BDEV_IO_STATUS_SUCCESS);
	remove_disk();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_checks),
		TEST(test_read),
		TEST(test_write),
		TEST(test_failures),
		TEST(test_retry_and_reset),
		TEST(test_end_during_reset),
		TEST(test_layer_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
