/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * NVMe commands that are handed on: what is refused and in which order, and that they arrive as they are.
 */

#include "types_fixture.h"

#define BIT(TYPE) (1ull << SPDK_BDEV_IO_TYPE_##TYPE)

static struct spdk_nvme_cmd g_cmd = {.opc = SPDK_NVME_OPC_READ, .nsid = 3, .cdw10 = 0x12345678, .cdw15 = 0x9abcdef0};

static void
expect_command(uint32_t index, enum spdk_bdev_io_type type)
{
	assert_int_equal(g_disk.num_records, index + 1);
	assert_int_equal(g_disk.records[index].type, type);
	assert_memory_equal(&g_disk.records[index].nvme.cmd, &g_cmd, sizeof(g_cmd));
}

static void
test_checks(void **state)
{
	struct iovec iov = {g_buf, BLOCK};
	struct mem_user reader;

	open_disk();
	mem_user_open_name(&reader, "d", 1, false);
	REFUSED(-EBADF, &reader, spdk_bdev_nvme_admin_passthru, &g_cmd, g_buf, BLOCK);
	REFUSED(-EBADF, &reader, spdk_bdev_nvme_io_passthru, &g_cmd, g_buf, BLOCK);
	REFUSED(-EBADF, &reader, spdk_bdev_nvme_io_passthru_md, &g_cmd, g_buf, BLOCK, g_md, MD_LEN);
	REFUSED(-EBADF, &reader, spdk_bdev_nvme_iov_passthru_md, &g_cmd, &iov, 1, BLOCK, g_md, MD_LEN);
	REFUSED(-ENOTSUP, &g_user, spdk_bdev_nvme_admin_passthru, &g_cmd, g_buf, BLOCK);
	REFUSED(-ENOTSUP, &g_user, spdk_bdev_nvme_io_passthru, &g_cmd, g_buf, BLOCK);
	REFUSED(-ENOTSUP, &g_user, spdk_bdev_nvme_io_passthru_md, &g_cmd, g_buf, BLOCK, g_md, MD_LEN);
	REFUSED(-ENOTSUP, &g_user, spdk_bdev_nvme_iov_passthru_md, &g_cmd, &iov, 1, BLOCK, NULL, 0);
	mem_user_close(&reader);
	remove_disk();

	/* Each needs its own; the one with iovecs needs those of the others. */
	g_disk.io_types |= BIT(NVME_IO) | BIT(NVME_IOV_MD);
	open_disk();
	REFUSED(-ENOTSUP, &g_user, spdk_bdev_nvme_admin_passthru, &g_cmd, g_buf, BLOCK);
	REFUSED(-ENOTSUP, &g_user, spdk_bdev_nvme_io_passthru_md, &g_cmd, g_buf, BLOCK, g_md, MD_LEN);
	REFUSED(-ENOTSUP, &g_user, spdk_bdev_nvme_iov_passthru_md, &g_cmd, &iov, 1, BLOCK, g_md, MD_LEN);
	remove_disk();
	g_disk.io_types |= BIT(NVME_IO_MD) | BIT(NVME_IOV_MD);
	open_disk();
	REFUSED(-ENOTSUP, &g_user, spdk_bdev_nvme_iov_passthru_md, &g_cmd, &iov, 1, BLOCK, g_md, MD_LEN);
	remove_disk();
}

static void
test_forms(void **state)
{
	struct iovec iovs[2] = {{g_buf, 1}, {g_buf + 1, 2}};
	const struct spdk_bdev_io_nvme_passthru_params *params;
	struct mem_io io;
	struct iovec *got_iovs;
	uint32_t cdw0;
	int sct, sc, iovcnt;

	g_disk.io_types |= BIT(NVME_ADMIN) | BIT(NVME_IO) | BIT(NVME_IO_MD);
	/* No limit is known for what is inside a command, and nothing is bounced. */
	g_disk.bdev.max_rw_size = 1;
	g_disk.bdev.required_alignment = 12;
	g_disk.nvme_get_buf = true;
	g_disk.cdw0 = 0xfeedface;
	open_disk();
	params = &g_disk.records[0].nvme;
	RUN(&io, spdk_bdev_nvme_admin_passthru, &g_cmd, g_buf + 1, 3 * BLOCK);
	expect_command(0, SPDK_BDEV_IO_TYPE_NVME_ADMIN);
	assert_ptr_equal(params->buf, g_buf + 1);
	assert_int_equal(params->nbytes, 3 * BLOCK);
	assert_true(params->md_buf == NULL && params->md_len == 0 && params->iovs == NULL);
	spdk_bdev_io_get_nvme_status(io.bdev_io, &cdw0, &sct, &sc);
	assert_int_equal(cdw0, 0xfeedface);
	assert_true(sct == SPDK_NVME_SCT_GENERIC && sc == SPDK_NVME_SC_SUCCESS);
	spdk_bdev_io_get_iovec(io.bdev_io, &got_iovs, &iovcnt);
	assert_true(got_iovs == NULL && iovcnt == 0);
	assert_null(spdk_bdev_io_get_md_buf(io.bdev_io));
	expect_status(&io, SPDK_BDEV_IO_STATUS_SUCCESS);

	RUN(&io, spdk_bdev_nvme_io_passthru, &g_cmd, g_buf, BLOCK);
	expect_command(1, SPDK_BDEV_IO_TYPE_NVME_IO);
	expect_status(&io, SPDK_BDEV_IO_STATUS_SUCCESS);

	RUN(&io, spdk_bdev_nvme_io_passthru_md, &g_cmd, g_buf, BLOCK, g_md, MD_LEN);
	expect_command(2, SPDK_BDEV_IO_TYPE_NVME_IO_MD);
	assert_ptr_equal(params[0].buf, g_buf + 1);
	params = &g_disk.records[2].nvme;
	assert_ptr_equal(params->md_buf, g_md);
	assert_int_equal(params->md_len, MD_LEN);
	expect_status(&io, SPDK_BDEV_IO_STATUS_SUCCESS);

	RUN(&io, spdk_bdev_nvme_iov_passthru_md, &g_cmd, iovs, 2, 3, NULL, 0);
	expect_command(3, SPDK_BDEV_IO_TYPE_NVME_IOV_MD);
	params = &g_disk.records[3].nvme;
	assert_ptr_equal(params->iovs, iovs);
	assert_int_equal(params->iovcnt, 2);
	assert_int_equal(params->nbytes, 3);
	assert_null(params->buf);
	expect_status(&io, SPDK_BDEV_IO_STATUS_SUCCESS);

	RUN(&io, spdk_bdev_nvme_iov_passthru_md, &g_cmd, iovs, 2, 3, g_md, 8);
	expect_command(4, SPDK_BDEV_IO_TYPE_NVME_IOV_MD);
	assert_ptr_equal(g_disk.records[4].nvme.md_buf, g_md);
	expect_status(&io, SPDK_BDEV_IO_STATUS_SUCCESS);

	/* The object is as good as new. */
	g_disk.nvme_get_buf = false;
	RUN(&io, spdk_bdev_read_blocks, g_buf, 0, 1);
	assert_int_equal(g_disk.records[5].cdw12, 0);
	assert_null(g_disk.records[5].memory_domain);
	spdk_bdev_io_get_nvme_status(io.bdev_io, &cdw0, &sct, &sc);
	assert_int_equal(cdw0, 0);
	expect_status(&io, SPDK_BDEV_IO_STATUS_SUCCESS);
	remove_disk();
}

/* Copied: the caller's may go at once. Kept while the module has no memory for it. */
static void
test_retry(void **state)
{
	struct spdk_nvme_cmd cmd = g_cmd;
	struct mem_io io;

	g_disk.io_types |= BIT(NVME_IO);
	g_disk.mode = MEM_DISK_HOLD;
	open_disk();
	g_disk.refuse = 1;
	SUBMIT(&io, spdk_bdev_nvme_io_passthru, &cmd, g_buf, BLOCK);
	memset(&cmd, 0xff, sizeof(cmd));
	bdk_sim_run_for(100 * 1000);
	assert_int_equal(g_disk.num_records, 2);
	assert_memory_equal(&g_disk.records[1].nvme.cmd, &g_cmd, sizeof(g_cmd));
	mem_disk_release_nvme(&g_disk, 1, SPDK_NVME_SCT_MEDIA_ERROR, SPDK_NVME_SC_UNRECOVERED_READ_ERROR);
	bdk_sim_run_until_idle();
	assert_int_equal(io.nvme_sct, SPDK_NVME_SCT_MEDIA_ERROR);
	assert_int_equal(io.nvme_sc, SPDK_NVME_SC_UNRECOVERED_READ_ERROR);
	expect_status(&io, SPDK_BDEV_IO_STATUS_NVME_ERROR);
	remove_disk();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_checks),
		TEST(test_forms),
		TEST(test_retry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
