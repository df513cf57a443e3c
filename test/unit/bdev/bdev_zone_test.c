/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Zones: what a bdev says of them, and that operations on them arrive unchecked.
 */

#include "types_fixture.h"
#include "spdk/bdev_zone.h"
#include "test/unit/common/strict_tolerate.h"

#define ZONE 100

static void
open_zoned(void)
{
	g_disk.bdev.zoned = true;
	g_disk.bdev.zone_size = ZONE;
	g_disk.bdev.max_zone_append_size = 16;
	g_disk.bdev.max_open_zones = 3;
	g_disk.bdev.max_active_zones = 5;
	g_disk.bdev.optimal_open_zones = 2;
	open_disk();
}

static void
test_properties(void **state)
{
	struct spdk_bdev *bdev = &g_disk.bdev;

	open_zoned();
	assert_int_equal(spdk_bdev_get_zone_size(bdev), ZONE);
	assert_int_equal(spdk_bdev_get_num_zones(bdev), NUM_BLOCKS / ZONE);
	assert_int_equal(spdk_bdev_get_max_zone_append_size(bdev), 16);
	assert_int_equal(spdk_bdev_get_max_open_zones(bdev), 3);
	assert_int_equal(spdk_bdev_get_max_active_zones(bdev), 5);
	assert_int_equal(spdk_bdev_get_optimal_open_zones(bdev), 2);
	assert_int_equal(spdk_bdev_get_zone_id(bdev, 0), 0);
	assert_int_equal(spdk_bdev_get_zone_id(bdev, ZONE - 1), 0);
	assert_int_equal(spdk_bdev_get_zone_id(bdev, ZONE), ZONE);
	assert_int_equal(spdk_bdev_get_zone_id(bdev, 7 * ZONE + 99), 7 * ZONE);
	bdev->zone_size = 0;
	assert_int_equal(spdk_bdev_get_num_zones(bdev), 0);
	assert_int_equal(spdk_bdev_get_zone_id(bdev, 5), 0);
	bdev->zone_size = 64;
	assert_int_equal(spdk_bdev_get_zone_id(bdev, 130), 128);
	remove_disk();
}

static void
test_info(void **state)
{
	struct spdk_bdev_zone_info info[3] = {};
	struct mem_user reader;
	struct mem_io io;

	open_zoned();
	g_disk.append_offset = 7;
	RUN(&io, spdk_bdev_get_zone_info, 2 * ZONE, 2, info);
	expect_status(&io, SPDK_BDEV_IO_STATUS_SUCCESS);
	assert_int_equal(g_disk.records[0].type, SPDK_BDEV_IO_TYPE_GET_ZONE_INFO);
	assert_int_equal(g_disk.records[0].zone.zone_id, 2 * ZONE);
	assert_int_equal(g_disk.records[0].zone.num_zones, 2);
	assert_int_equal(info[0].zone_id, 2 * ZONE);
	assert_int_equal(info[1].zone_id, 3 * ZONE);
	assert_int_equal(info[1].write_pointer, 3 * ZONE + 7);
	assert_int_equal(info[2].capacity, 0);
	/* More than can be counted. */
	REFUSED(-EINVAL, &g_user, spdk_bdev_get_zone_info, 0, 1ull << 32, info);
	mem_user_close(&g_user);
	/* Neither permission nor range nor support is asked for. */
	mem_user_open_name(&reader, "d", 1, false);
	memset(&io, 0, sizeof(io));
	io.keep = true;
	g_disk.fail_status = SPDK_BDEV_IO_STATUS_FAILED;
	ON(0, io.rc = spdk_bdev_get_zone_info(reader.desc, reader.ch[0], UINT64_MAX, 1, info, mem_io_done_cb, &io));
	assert_int_equal(io.rc, 0);
	bdk_sim_run_until_idle();
	expect_status(&io, SPDK_BDEV_IO_STATUS_FAILED);
	mem_user_close(&reader);
	mem_disk_remove(&g_disk);
}

static void
test_management(void **state)
{
	const enum spdk_bdev_zone_action actions[] = {SPDK_BDEV_ZONE_CLOSE, SPDK_BDEV_ZONE_FINISH, SPDK_BDEV_ZONE_OPEN,
		SPDK_BDEV_ZONE_RESET, SPDK_BDEV_ZONE_OFFLINE};
	struct mem_io io;
	uint32_t i;

	open_zoned();
	for (i = 0; i < SPDK_COUNTOF(actions); i++) {
		RUN(&io, spdk_bdev_zone_management, 4 * ZONE, actions[i]);
		expect_status(&io, SPDK_BDEV_IO_STATUS_SUCCESS);
		assert_int_equal(g_disk.records[i].type, SPDK_BDEV_IO_TYPE_ZONE_MANAGEMENT);
		assert_int_equal(g_disk.records[i].zone.zone_id, 4 * ZONE);
		assert_int_equal(g_disk.records[i].zone.num_zones, 1);
		assert_int_equal(g_disk.records[i].zone.zone_action, actions[i]);
		assert_null(g_disk.records[i].zone.buf);
	}
	remove_disk();
}

static void
expect_appended(struct mem_io *io, uint64_t location, const void *data, uint64_t num_blocks)
{
	assert_true(io->success);
	assert_int_equal(spdk_bdev_io_get_append_location(io->bdev_io), location);
	assert_memory_equal(g_disk.data + location * BLOCK, data, num_blocks * BLOCK);
	expect_status(io, SPDK_BDEV_IO_STATUS_SUCCESS);
}

static void
test_append(void **state)
{
	struct iovec iovs[2] = {{g_buf, 100}, {g_buf + 100, 2 * BLOCK - 100}};
	struct mem_io io;

	g_disk.bdev.md_len = MD_LEN;
	/* What counts for writes does not split an append. */
	g_disk.bdev.max_rw_size = 1;
	open_zoned();
	RUN(&io, spdk_bdev_zone_append, g_buf, 3 * ZONE, 2);
	assert_int_equal(g_disk.records[0].type, SPDK_BDEV_IO_TYPE_ZONE_APPEND);
	assert_int_equal(g_disk.records[0].offset, 3 * ZONE);
	assert_null(g_disk.records[0].md_buf);
	expect_appended(&io, 3 * ZONE, g_buf, 2);
	RUN(&io, spdk_bdev_zone_appendv, iovs, 2, 3 * ZONE, 2);
	assert_int_equal(g_disk.records[1].iovcnt, 2);
	expect_appended(&io, 3 * ZONE + 2, g_buf, 2);
	RUN(&io, spdk_bdev_zone_append_with_md, g_buf, g_md, 3 * ZONE, 1);
	assert_ptr_equal(g_disk.records[2].md_buf, g_md);
	expect_appended(&io, 3 * ZONE + 4, g_buf, 1);
	RUN(&io, spdk_bdev_zone_appendv_with_md, iovs, 2, g_md, 3 * ZONE, 2);
	assert_ptr_equal(g_disk.records[3].md_buf, g_md);
	expect_appended(&io, 3 * ZONE + 5, g_buf, 2);
	assert_memory_equal(g_disk.md + (3 * ZONE + 5) * MD_LEN, g_md, 2 * MD_LEN);
	assert_int_equal(g_disk.num_records, 4);
	remove_disk();
}

/* What is appended reaches the module also when it has to be aligned first. */
static void
test_append_bounced(void **state)
{
	struct mem_io io;

	g_disk.bdev.md_len = MD_LEN;
	g_disk.bdev.required_alignment = 9;
	g_disk.get_buf = true;
	open_zoned();
	RUN(&io, spdk_bdev_zone_append_with_md, g_buf + 1, g_md + 1, 3 * ZONE, 2);
	assert_memory_equal(g_disk.md + 3 * ZONE * MD_LEN, g_md + 1, 2 * MD_LEN);
	expect_appended(&io, 3 * ZONE, g_buf + 1, 2);
	remove_disk();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_properties),
		TEST(test_info),
		TEST(test_management),
		TEST(test_append),
		TEST(test_append_bounced),
	};

	/* Tests choose the limits of a registered disk. */
	strict_tolerate(STRICT_RULE(BDEV_CHANGED));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
