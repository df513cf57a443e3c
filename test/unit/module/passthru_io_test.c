/* SPDX-License-Identifier: BSD-3-Clause */

/* module/bdev/passthru: every type of I/O that the base has goes down as it came, and its results come up. */

#include "../bdev/types_fixture.h"

#include "module/bdev/passthru/vbdev_passthru.h"
#include "spdk/bdev_zone.h"

#define BIT(TYPE) (1ull << SPDK_BDEV_IO_TYPE_##TYPE)

static void
deleted_cb(void *ctx, int rc)
{
	assert_int_equal(rc, 0);
	*(bool *)ctx = true;
}

/* A passthru bdev on the disk, whose user g_user is. */
static void
open_passthru(uint64_t io_types)
{
	struct bdk_vbdev_opts opts = {.name = "p", .base_name = "d"};
	const char *why;
	int rc;

	g_disk.io_types = io_types;
	mem_disk_add(&g_disk);
	fill(g_disk.data, BLOCK, 0);
	fill(g_buf, BLOCK, 0);
	if (g_disk.md != NULL) {
		fill(g_disk.md, MD_LEN, 0xff);
		fill(g_md, MD_LEN, 0xff);
	}
	ON(0, rc = vbdev_passthru_create(&opts, &why));
	assert_int_equal(rc, 0);
	bdk_sim_run_until_idle();
	mem_user_open_name(&g_user, "p", 2, true);
}

static void
remove_passthru(void)
{
	bool deleted = false;

	mem_user_close(&g_user);
	ON(0, assert_int_equal(vbdev_passthru_delete("p", deleted_cb, &deleted), 0));
	bdk_sim_run_until_idle();
	assert_true(deleted);
	mem_disk_remove(&g_disk);
	mem_disk_init(&g_disk, "d", BLOCK, NUM_BLOCKS);
}

static void
expect_record(uint32_t index, enum spdk_bdev_io_type type, uint64_t offset, uint64_t num_blocks)
{
	assert_int_equal(g_disk.num_records, index + 1);
	assert_int_equal(g_disk.records[index].type, type);
	assert_int_equal(g_disk.records[index].offset, offset);
	assert_int_equal(g_disk.records[index].num_blocks, num_blocks);
}

static void
test_supported(void **state)
{
	uint64_t all = ((1ull << SPDK_BDEV_NUM_IO_TYPES) - 1) & ~BIT(INVALID);
	struct spdk_bdev *bdev;
	uint32_t type;

	open_passthru(all);
	bdev = spdk_bdev_get_by_name("p");
	for (type = 1; type < SPDK_BDEV_NUM_IO_TYPES; type++) {
		assert_true(spdk_bdev_io_type_supported(bdev, type));
	}
	remove_passthru();
	open_passthru(BIT(READ));
	bdev = spdk_bdev_get_by_name("p");
	for (type = 1; type < SPDK_BDEV_NUM_IO_TYPES; type++) {
		assert_int_equal(spdk_bdev_io_type_supported(bdev, type), type == SPDK_BDEV_IO_TYPE_READ);
	}
	remove_passthru();
}

static void
test_compare(void **state)
{
	struct iovec old = {g_buf + BLOCK, 2 * BLOCK}, new = {g_buf, 2 * BLOCK};
	struct mem_io io;

	g_disk.bdev.md_len = MD_LEN;
	g_disk.bdev.acwu = 2;
	open_passthru(BIT(READ) | BIT(WRITE) | BIT(COMPARE) | BIT(COMPARE_AND_WRITE));
	RUN(&io, spdk_bdev_comparev_blocks_with_md, &old, 1, g_md + MD_LEN, 1, 2);
	expect_status(&io, SPDK_BDEV_IO_STATUS_SUCCESS);
	expect_record(0, SPDK_BDEV_IO_TYPE_COMPARE, 1, 2);
	g_md[MD_LEN] ^= 1;
	RUN(&io, spdk_bdev_comparev_blocks_with_md, &old, 1, g_md + MD_LEN, 1, 2);
	expect_status(&io, SPDK_BDEV_IO_STATUS_MISCOMPARE);

	g_disk.num_records = 0;
	RUN(&io, spdk_bdev_comparev_and_writev_blocks, &old, 1, &new, 1, 1, 2);
	expect_status(&io, SPDK_BDEV_IO_STATUS_SUCCESS);
	expect_record(0, SPDK_BDEV_IO_TYPE_COMPARE_AND_WRITE, 1, 2);
	assert_memory_equal(g_disk.data + BLOCK, g_buf, 2 * BLOCK);
	RUN(&io, spdk_bdev_comparev_and_writev_blocks, &old, 1, &new, 1, 1, 2);
	expect_status(&io, SPDK_BDEV_IO_STATUS_MISCOMPARE);
	remove_passthru();
}

/* What the base lacks, the layer makes of what passthru does. */
static void
test_emulated(void **state)
{
	struct iovec old = {g_buf + BLOCK, 2 * BLOCK}, new = {g_buf, 2 * BLOCK};
	struct mem_io io;

	g_disk.bdev.acwu = 2;
	open_passthru(BIT(READ) | BIT(WRITE));
	RUN(&io, spdk_bdev_compare_blocks, g_buf, 0, NUM_BLOCKS);
	expect_status(&io, SPDK_BDEV_IO_STATUS_SUCCESS);
	RUN(&io, spdk_bdev_comparev_and_writev_blocks, &old, 1, &new, 1, 1, 2);
	expect_status(&io, SPDK_BDEV_IO_STATUS_SUCCESS);
	assert_memory_equal(g_disk.data + BLOCK, g_buf, 2 * BLOCK);
	RUN(&io, spdk_bdev_copy_blocks, 500, 5, 400);
	expect_status(&io, SPDK_BDEV_IO_STATUS_SUCCESS);
	assert_memory_equal(g_disk.data + 500 * BLOCK, g_buf + 5 * BLOCK, 400 * BLOCK);
	RUN(&io, spdk_bdev_seek_hole, 3);
	assert_int_equal(spdk_bdev_io_get_seek_offset(io.bdev_io), UINT64_MAX);
	expect_status(&io, SPDK_BDEV_IO_STATUS_SUCCESS);
	REFUSED(-ENOTSUP, &g_user, spdk_bdev_zcopy_start, NULL, 0, 0, 1, true);
	remove_passthru();
}

static void
test_copy_and_seek(void **state)
{
	struct mem_io io;

	open_passthru(BIT(READ) | BIT(WRITE) | BIT(COPY) | BIT(SEEK_DATA) | BIT(SEEK_HOLE));
	g_disk.seek_offset = 99;
	RUN(&io, spdk_bdev_copy_blocks, 500, 5, 400);
	expect_status(&io, SPDK_BDEV_IO_STATUS_SUCCESS);
	expect_record(0, SPDK_BDEV_IO_TYPE_COPY, 500, 400);
	assert_int_equal(g_disk.records[0].src_offset, 5);
	RUN(&io, spdk_bdev_seek_data, 7);
	assert_int_equal(spdk_bdev_io_get_seek_offset(io.bdev_io), 99);
	expect_status(&io, SPDK_BDEV_IO_STATUS_SUCCESS);
	expect_record(1, SPDK_BDEV_IO_TYPE_SEEK_DATA, 7, 1);
	RUN(&io, spdk_bdev_seek_hole, 8);
	assert_int_equal(spdk_bdev_io_get_seek_offset(io.bdev_io), 99);
	expect_status(&io, SPDK_BDEV_IO_STATUS_SUCCESS);
	expect_record(2, SPDK_BDEV_IO_TYPE_SEEK_HOLE, 8, 1);
	remove_passthru();
}

/* One zero-copy on the base for each here, from its start to its end. */
static void
test_zcopy(void **state)
{
	struct iovec iov = {}, *iovs;
	struct mem_io io, ended = {};
	int iovcnt;

	for (int own_iov = 0; own_iov < 2; own_iov++) {
		open_passthru(BIT(READ) | BIT(WRITE) | BIT(ZCOPY));
		RUN(&io, spdk_bdev_zcopy_start, own_iov ? &iov : NULL, own_iov, 5, 6, true);
		assert_true(io.success);
		expect_record(0, SPDK_BDEV_IO_TYPE_ZCOPY, 5, 6);
		assert_true(g_disk.records[0].zcopy_start && g_disk.records[0].zcopy_populate);
		spdk_bdev_io_get_iovec(io.bdev_io, &iovs, &iovcnt);
		assert_int_equal(iovcnt, 1);
		assert_true(!own_iov || iovs == &iov);
		assert_ptr_equal(iovs[0].iov_base, g_disk.data + 5 * BLOCK);
		assert_int_equal(iovs[0].iov_len, 6 * BLOCK);
		memset(&ended, 0, sizeof(ended));
		ended.keep = true;
		ON(0, assert_int_equal(spdk_bdev_zcopy_end(io.bdev_io, own_iov, mem_io_done_cb, &ended), 0));
		bdk_sim_run_until_idle();
		expect_record(1, SPDK_BDEV_IO_TYPE_ZCOPY, 5, 6);
		assert_false(g_disk.records[1].zcopy_start);
		assert_int_equal(g_disk.records[1].zcopy_commit, own_iov);
		expect_status(&ended, SPDK_BDEV_IO_STATUS_SUCCESS);

		g_disk.fail_status = SPDK_BDEV_IO_STATUS_AIO_ERROR;
		RUN(&io, spdk_bdev_zcopy_start, NULL, 0, 5, 6, true);
		expect_status(&io, SPDK_BDEV_IO_STATUS_AIO_ERROR);
		g_disk.fail_after = 1;
		RUN(&io, spdk_bdev_zcopy_start, NULL, 0, 5, 6, true);
		assert_true(io.success);
		memset(&ended, 0, sizeof(ended));
		ended.keep = true;
		ON(0, assert_int_equal(spdk_bdev_zcopy_end(io.bdev_io, true, mem_io_done_cb, &ended), 0));
		bdk_sim_run_until_idle();
		expect_status(&ended, SPDK_BDEV_IO_STATUS_AIO_ERROR);
		remove_passthru();
	}
}

static void
test_nvme(void **state)
{
	struct spdk_nvme_cmd cmd = {.opc = SPDK_NVME_OPC_READ, .cdw10 = 0x12345678};
	struct iovec iov = {g_buf, BLOCK};
	struct mem_io io;
	uint32_t cdw0, i;
	int sct, sc;

	open_passthru(BIT(READ) | BIT(NVME_ADMIN) | BIT(NVME_IO) | BIT(NVME_IO_MD) | BIT(NVME_IOV_MD));
	g_disk.cdw0 = 0xfeedface;
	RUN(&io, spdk_bdev_nvme_admin_passthru, &cmd, g_buf, BLOCK);
	spdk_bdev_io_get_nvme_status(io.bdev_io, &cdw0, &sct, &sc);
	assert_int_equal(cdw0, 0xfeedface);
	expect_status(&io, SPDK_BDEV_IO_STATUS_SUCCESS);
	RUN(&io, spdk_bdev_nvme_io_passthru, &cmd, g_buf, BLOCK);
	expect_status(&io, SPDK_BDEV_IO_STATUS_SUCCESS);
	RUN(&io, spdk_bdev_nvme_io_passthru_md, &cmd, g_buf, BLOCK, g_md, MD_LEN);
	expect_status(&io, SPDK_BDEV_IO_STATUS_SUCCESS);
	RUN(&io, spdk_bdev_nvme_iov_passthru_md, &cmd, &iov, 1, BLOCK, g_md, MD_LEN);
	expect_status(&io, SPDK_BDEV_IO_STATUS_SUCCESS);
	assert_int_equal(g_disk.records[0].type, SPDK_BDEV_IO_TYPE_NVME_ADMIN);
	assert_int_equal(g_disk.records[1].type, SPDK_BDEV_IO_TYPE_NVME_IO);
	assert_int_equal(g_disk.records[2].type, SPDK_BDEV_IO_TYPE_NVME_IO_MD);
	assert_int_equal(g_disk.records[3].type, SPDK_BDEV_IO_TYPE_NVME_IOV_MD);
	for (i = 0; i < 4; i++) {
		assert_memory_equal(&g_disk.records[i].nvme.cmd, &cmd, sizeof(cmd));
		assert_int_equal(g_disk.records[i].nvme.nbytes, BLOCK);
		assert_int_equal(g_disk.records[i].nvme.md_len, i < 2 ? 0 : MD_LEN);
	}
	assert_ptr_equal(g_disk.records[3].nvme.iovs, &iov);

	/* Errors with their details. */
	g_disk.mode = MEM_DISK_HOLD;
	SUBMIT(&io, spdk_bdev_nvme_io_passthru, &cmd, g_buf, BLOCK);
	bdk_sim_run_until_idle();
	mem_disk_release_nvme(&g_disk, 1, SPDK_NVME_SCT_MEDIA_ERROR, SPDK_NVME_SC_WRITE_FAULTS);
	bdk_sim_run_until_idle();
	assert_int_equal(io.nvme_sct, SPDK_NVME_SCT_MEDIA_ERROR);
	assert_int_equal(io.nvme_sc, SPDK_NVME_SC_WRITE_FAULTS);
	expect_status(&io, SPDK_BDEV_IO_STATUS_NVME_ERROR);
	remove_passthru();
}

static void
test_zones(void **state)
{
	struct spdk_bdev_zone_info info[2] = {};
	struct iovec iov = {g_buf, 2 * BLOCK};
	struct spdk_bdev *bdev;
	struct mem_io io;

	g_disk.bdev.zoned = true;
	g_disk.bdev.zone_size = 64;
	g_disk.bdev.max_zone_append_size = 8;
	g_disk.bdev.max_open_zones = 3;
	g_disk.bdev.max_active_zones = 4;
	g_disk.bdev.optimal_open_zones = 2;
	g_disk.bdev.md_len = MD_LEN;
	open_passthru(BIT(READ) | BIT(WRITE) | BIT(GET_ZONE_INFO) | BIT(ZONE_MANAGEMENT) | BIT(ZONE_APPEND));
	bdev = spdk_bdev_get_by_name("p");
	assert_true(spdk_bdev_is_zoned(bdev));
	assert_int_equal(spdk_bdev_get_zone_size(bdev), 64);
	assert_int_equal(spdk_bdev_get_max_zone_append_size(bdev), 8);
	assert_int_equal(spdk_bdev_get_max_open_zones(bdev), 3);
	assert_int_equal(spdk_bdev_get_max_active_zones(bdev), 4);
	assert_int_equal(spdk_bdev_get_optimal_open_zones(bdev), 2);
	RUN(&io, spdk_bdev_get_zone_info, 128, 2, info);
	expect_status(&io, SPDK_BDEV_IO_STATUS_SUCCESS);
	assert_int_equal(info[1].zone_id, 192);
	RUN(&io, spdk_bdev_zone_management, 64, SPDK_BDEV_ZONE_FINISH);
	expect_status(&io, SPDK_BDEV_IO_STATUS_SUCCESS);
	assert_int_equal(g_disk.records[1].zone.zone_id, 64);
	assert_int_equal(g_disk.records[1].zone.zone_action, SPDK_BDEV_ZONE_FINISH);
	g_disk.append_offset = 5;
	RUN(&io, spdk_bdev_zone_appendv_with_md, &iov, 1, g_md, 64, 2);
	expect_record(2, SPDK_BDEV_IO_TYPE_ZONE_APPEND, 64, 2);
	assert_int_equal(spdk_bdev_io_get_append_location(io.bdev_io), 69);
	expect_status(&io, SPDK_BDEV_IO_STATUS_SUCCESS);
	assert_memory_equal(g_disk.data + 69 * BLOCK, g_buf, 2 * BLOCK);
	assert_memory_equal(g_disk.md + 69 * MD_LEN, g_md, 2 * MD_LEN);
	remove_passthru();
}

/* An abort finds what was handed down. */
static void
test_abort(void **state)
{
	struct mem_io io, abort;

	open_passthru(BIT(READ) | BIT(WRITE) | BIT(ABORT));
	g_disk.mode = MEM_DISK_HOLD;
	SUBMIT(&io, spdk_bdev_read_blocks, g_buf, 0, 1);
	bdk_sim_run_until_idle();
	assert_int_equal(g_disk.num_held, 1);
	SUBMIT(&abort, spdk_bdev_abort, &io);
	bdk_sim_run_until_idle();
	expect_status(&io, SPDK_BDEV_IO_STATUS_ABORTED);
	expect_status(&abort, SPDK_BDEV_IO_STATUS_SUCCESS);
	remove_passthru();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_supported),
		TEST(test_compare),
		TEST(test_emulated),
		TEST(test_copy_and_seek),
		TEST(test_zcopy),
		TEST(test_nvme),
		TEST(test_zones),
		TEST(test_abort),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
