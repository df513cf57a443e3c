/* SPDX-License-Identifier: BSD-3-Clause */

/* module/bdev/zone_block: what each type of I/O does to the base, what is refused, and what becomes of faults. */

#include "../bdev/types_fixture.h"

#include "module/bdev/zone_block/vbdev_zone_block.h"
#include "spdk/bdev_zone.h"
#include "spdk/nvme_spec.h"

#define BIT(TYPE) (1ull << SPDK_BDEV_IO_TYPE_##TYPE)
#define BASE_TYPES (BIT(READ) | BIT(WRITE) | BIT(UNMAP) | BIT(FLUSH) | BIT(RESET) | BIT(ABORT))

#define CAPACITY 12
#define ZONE 16

static void
deleted_cb(void *ctx, int rc)
{
	assert_int_equal(rc, 0);
	*(bool *)ctx = true;
}

static void
open_zones_on(uint64_t io_types, uint32_t max_open)
{
	struct bdk_vbdev_opts opts = {.name = "z", .base_name = "d"};
	struct zone_block_params params = {
		.zone_capacity = CAPACITY, .optimal_open_zones = 1, .max_open_zones = max_open};
	const char *why;
	int rc;

	g_disk.io_types = io_types;
	mem_disk_add(&g_disk);
	fill(g_disk.data, BLOCK, 7);
	fill(g_buf, BLOCK, 0);
	if (g_disk.md != NULL) {
		fill(g_md, MD_LEN, 0xff);
	}
	ON(0, rc = vbdev_zone_block_create(&opts, &params, &why));
	assert_int_equal(rc, 0);
	bdk_sim_run_until_idle();
	mem_user_open_name(&g_user, "z", 2, true);
}

static void
open_zones(void)
{
	open_zones_on(BASE_TYPES, 0);
}

static void
remove_zones(void)
{
	bool deleted = false;

	mem_user_close(&g_user);
	ON(0, assert_int_equal(vbdev_zone_block_delete("z", deleted_cb, &deleted), 0));
	bdk_sim_run_until_idle();
	assert_true(deleted);
	mem_disk_remove(&g_disk);
	mem_disk_init(&g_disk, "d", BLOCK, NUM_BLOCKS);
}

static void
expect_success(struct mem_io *io)
{
	expect_status(io, SPDK_BDEV_IO_STATUS_SUCCESS);
}

static void
expect_nvme(struct mem_io *io, int sct, int sc)
{
	uint32_t cdw0;
	int got_sct, got_sc;

	assert_int_equal(io->done, 1);
	assert_false(io->success);
	spdk_bdev_io_get_nvme_status(io->bdev_io, &cdw0, &got_sct, &got_sc);
	assert_int_equal(got_sct, sct);
	assert_int_equal(got_sc, sc);
	ON(0, spdk_bdev_free_io(io->bdev_io));
}

#define EXPECT_REFUSED(io, sc) expect_nvme(io, SPDK_NVME_SCT_COMMAND_SPECIFIC, SPDK_NVME_SC_##sc)

static void
expect_append(struct mem_io *io, uint64_t location)
{
	assert_int_equal(io->done, 1);
	assert_true(io->success);
	assert_int_equal(spdk_bdev_io_get_append_location(io->bdev_io), location);
	expect_success(io);
}

static void
expect_zone(uint64_t zone_id, enum spdk_bdev_zone_state state, uint64_t pointer)
{
	struct spdk_bdev_zone_info info;
	struct mem_io io;

	RUN(&io, spdk_bdev_get_zone_info, zone_id, 1, &info);
	expect_success(&io);
	assert_int_equal(info.zone_id, zone_id);
	assert_int_equal(info.capacity, CAPACITY);
	assert_int_equal(info.state, state);
	assert_int_equal(info.write_pointer, pointer);
}

static void
manage(uint64_t zone_id, enum spdk_bdev_zone_action action)
{
	struct mem_io io;

	RUN(&io, spdk_bdev_zone_management, zone_id, action);
	expect_success(&io);
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
	uint64_t expected = BASE_TYPES & ~BIT(UNMAP);
	struct spdk_bdev *bdev;

	open_zones_on(((1ull << SPDK_BDEV_NUM_IO_TYPES) - 1) & ~BIT(INVALID), 0);
	bdev = spdk_bdev_get_by_name("z");
	expected |= BIT(GET_ZONE_INFO) | BIT(ZONE_MANAGEMENT) | BIT(ZONE_APPEND);
	for (uint32_t type = 1; type < SPDK_BDEV_NUM_IO_TYPES; type++) {
		/* What the module does by itself; the layer makes more of it. */
		assert_int_equal(bdev->fn_table->io_type_supported(bdev->ctxt, type), (expected >> type) & 1);
	}
	remove_zones();

	open_zones_on(BIT(READ), 0);
	bdev = spdk_bdev_get_by_name("z");
	assert_true(spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_READ));
	assert_true(spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_GET_ZONE_INFO));
	assert_false(spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_WRITE));
	assert_false(spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_ZONE_APPEND));
	assert_false(spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_FLUSH));
	remove_zones();
}

/* A new device is full: what the base held can be read, and nothing be written. */
static void
test_begins_full(void **state)
{
	struct mem_io io;

	open_zones();
	assert_int_equal(spdk_bdev_get_num_zones(spdk_bdev_get_by_name("z")), NUM_BLOCKS / ZONE);
	expect_zone(0, SPDK_BDEV_ZONE_STATE_FULL, CAPACITY);
	expect_zone(5 * ZONE, SPDK_BDEV_ZONE_STATE_FULL, 5 * ZONE + CAPACITY);
	RUN(&io, spdk_bdev_read_blocks, g_buf, ZONE, CAPACITY);
	expect_success(&io);
	assert_memory_equal(g_buf, g_disk.data + ZONE * BLOCK, CAPACITY * BLOCK);
	g_disk.num_records = 0;
	RUN(&io, spdk_bdev_write_blocks, g_buf, ZONE, 1);
	EXPECT_REFUSED(&io, ZONE_IS_FULL);
	RUN(&io, spdk_bdev_zone_append, g_buf, ZONE, 1);
	EXPECT_REFUSED(&io, ZONE_IS_FULL);
	assert_int_equal(g_disk.num_records, 0);
	remove_zones();
}

static void
test_writing(void **state)
{
	struct iovec iovs[2] = {{g_buf, 100}, {g_buf + 100, 3 * BLOCK - 100}};
	struct mem_io io;

	open_zones();
	manage(ZONE, SPDK_BDEV_ZONE_RESET);
	expect_record(0, SPDK_BDEV_IO_TYPE_UNMAP, ZONE, CAPACITY);
	expect_zone(ZONE, SPDK_BDEV_ZONE_STATE_EMPTY, ZONE);
	/* There is nothing to forget. */
	manage(ZONE, SPDK_BDEV_ZONE_RESET);
	assert_int_equal(g_disk.num_records, 1);

	RUN(&io, spdk_bdev_write_blocks, g_buf, ZONE + 1, 1);
	EXPECT_REFUSED(&io, ZONE_INVALID_WRITE);
	expect_zone(ZONE, SPDK_BDEV_ZONE_STATE_EMPTY, ZONE);
	RUN(&io, spdk_bdev_writev_blocks, iovs, 2, ZONE, 3);
	expect_success(&io);
	expect_record(1, SPDK_BDEV_IO_TYPE_WRITE, ZONE, 3);
	assert_memory_equal(g_disk.data + ZONE * BLOCK, g_buf, 3 * BLOCK);
	expect_zone(ZONE, SPDK_BDEV_ZONE_STATE_IMP_OPEN, ZONE + 3);

	RUN(&io, spdk_bdev_zone_appendv, iovs, 2, ZONE, 3);
	expect_append(&io, ZONE + 3);
	expect_record(2, SPDK_BDEV_IO_TYPE_WRITE, ZONE + 3, 3);
	RUN(&io, spdk_bdev_zone_append, g_buf, ZONE, CAPACITY - 5);
	EXPECT_REFUSED(&io, ZONED_BOUNDARY_ERROR);
	RUN(&io, spdk_bdev_write_blocks, g_buf, ZONE + 6, ZONE);
	EXPECT_REFUSED(&io, ZONED_BOUNDARY_ERROR);
	RUN(&io, spdk_bdev_zone_append, g_buf, ZONE, CAPACITY - 6);
	expect_append(&io, ZONE + 6);
	expect_zone(ZONE, SPDK_BDEV_ZONE_STATE_FULL, ZONE + CAPACITY);
	RUN(&io, spdk_bdev_write_blocks, g_buf, ZONE + CAPACITY, 1);
	EXPECT_REFUSED(&io, ZONE_IS_FULL);
	/* Its neighbours are as they were. */
	expect_zone(0, SPDK_BDEV_ZONE_STATE_FULL, CAPACITY);
	remove_zones();
}

static void
test_management(void **state)
{
	struct mem_io io;

	open_zones();
	manage(0, SPDK_BDEV_ZONE_RESET);
	manage(0, SPDK_BDEV_ZONE_OPEN);
	expect_zone(0, SPDK_BDEV_ZONE_STATE_EXP_OPEN, 0);
	manage(0, SPDK_BDEV_ZONE_OPEN);
	manage(0, SPDK_BDEV_ZONE_CLOSE);
	expect_zone(0, SPDK_BDEV_ZONE_STATE_CLOSED, 0);
	manage(0, SPDK_BDEV_ZONE_CLOSE);
	RUN(&io, spdk_bdev_zone_append, g_buf, 0, 2);
	expect_append(&io, 0);
	expect_zone(0, SPDK_BDEV_ZONE_STATE_IMP_OPEN, 2);
	manage(0, SPDK_BDEV_ZONE_FINISH);
	expect_zone(0, SPDK_BDEV_ZONE_STATE_FULL, CAPACITY);
	manage(0, SPDK_BDEV_ZONE_FINISH);
	RUN(&io, spdk_bdev_zone_management, 0, SPDK_BDEV_ZONE_OPEN);
	EXPECT_REFUSED(&io, INVALID_ZONE_STATE_TRANSITION);
	RUN(&io, spdk_bdev_zone_management, 0, SPDK_BDEV_ZONE_CLOSE);
	EXPECT_REFUSED(&io, INVALID_ZONE_STATE_TRANSITION);
	RUN(&io, spdk_bdev_zone_management, 0, SPDK_BDEV_ZONE_OFFLINE);
	EXPECT_REFUSED(&io, INVALID_ZONE_STATE_TRANSITION);
	RUN(&io, spdk_bdev_zone_management, 3, SPDK_BDEV_ZONE_RESET);
	expect_nvme(&io, SPDK_NVME_SCT_GENERIC, SPDK_NVME_SC_INVALID_FIELD);
	RUN(&io, spdk_bdev_zone_management, NUM_BLOCKS, SPDK_BDEV_ZONE_RESET);
	expect_nvme(&io, SPDK_NVME_SCT_GENERIC, SPDK_NVME_SC_LBA_OUT_OF_RANGE);
	RUN(&io, spdk_bdev_zone_management, 0, 77);
	expect_nvme(&io, SPDK_NVME_SCT_GENERIC, SPDK_NVME_SC_INVALID_FIELD);
	remove_zones();
}

static void
test_limit_of_open_zones(void **state)
{
	struct mem_io io;

	open_zones_on(BASE_TYPES, 2);
	for (int i = 0; i < 4; i++) {
		manage(i * ZONE, SPDK_BDEV_ZONE_RESET);
	}
	manage(0, SPDK_BDEV_ZONE_OPEN);
	RUN(&io, spdk_bdev_zone_append, g_buf, ZONE, 1);
	expect_append(&io, ZONE);
	/* That one goes, as nobody has asked for it. */
	RUN(&io, spdk_bdev_zone_append, g_buf, 2 * ZONE, 1);
	expect_append(&io, 2 * ZONE);
	expect_zone(ZONE, SPDK_BDEV_ZONE_STATE_CLOSED, ZONE + 1);
	manage(3 * ZONE, SPDK_BDEV_ZONE_OPEN);
	expect_zone(2 * ZONE, SPDK_BDEV_ZONE_STATE_CLOSED, 2 * ZONE + 1);
	RUN(&io, spdk_bdev_zone_append, g_buf, ZONE, 1);
	EXPECT_REFUSED(&io, TOO_MANY_OPEN_ZONES);
	manage(0, SPDK_BDEV_ZONE_CLOSE);
	RUN(&io, spdk_bdev_zone_append, g_buf, ZONE, 1);
	expect_append(&io, ZONE + 1);
	remove_zones();
}

static void
test_reading(void **state)
{
	struct mem_io io;

	open_zones();
	manage(0, SPDK_BDEV_ZONE_RESET);
	RUN(&io, spdk_bdev_zone_append, g_buf + BLOCK, 0, 2);
	expect_append(&io, 0);
	/* Behind the write pointer too. */
	RUN(&io, spdk_bdev_read_blocks, g_buf + 20 * BLOCK, 1, CAPACITY - 1);
	expect_success(&io);
	assert_memory_equal(g_buf + 20 * BLOCK, g_buf + 2 * BLOCK, BLOCK);
	RUN(&io, spdk_bdev_read_blocks, g_buf, 0, CAPACITY + 1);
	EXPECT_REFUSED(&io, ZONED_BOUNDARY_ERROR);
	RUN(&io, spdk_bdev_read_blocks, g_buf, CAPACITY, 1);
	EXPECT_REFUSED(&io, ZONED_BOUNDARY_ERROR);
	/* Without a buffer. */
	RUN(&io, spdk_bdev_read_blocks, NULL, 0, 1);
	assert_memory_equal(io.bdev_io->u.bdev.iovs[0].iov_base, g_disk.data, BLOCK);
	expect_success(&io);
	remove_zones();
}

static void
test_metadata(void **state)
{
	struct iovec iov = {g_buf, 2 * BLOCK};
	struct mem_io io;

	g_disk.bdev.md_len = MD_LEN;
	open_zones();
	manage(0, SPDK_BDEV_ZONE_RESET);
	RUN(&io, spdk_bdev_zone_append_with_md, g_buf + BLOCK, g_md + MD_LEN, 0, 2);
	expect_append(&io, 0);
	assert_memory_equal(g_disk.md, g_md + MD_LEN, 2 * MD_LEN);
	RUN(&io, spdk_bdev_writev_blocks_with_md, &iov, 1, g_md, 2, 2);
	expect_success(&io);
	assert_memory_equal(g_disk.md + 2 * MD_LEN, g_md, 2 * MD_LEN);
	RUN(&io, spdk_bdev_read_blocks_with_md, g_buf, g_md + 8 * MD_LEN, 0, 4);
	expect_success(&io);
	assert_memory_equal(g_md + 8 * MD_LEN, g_disk.md, 4 * MD_LEN);
	remove_zones();
}

/* Reference tags say where a block is, and the place of an append is known too late. */
static void
test_no_append_with_reference_tags(void **state)
{
	struct spdk_bdev *bdev;
	struct mem_io io;

	g_disk.bdev.md_len = MD_LEN;
	g_disk.bdev.dif_type = SPDK_DIF_TYPE1;
	g_disk.bdev.dif_check_flags = SPDK_DIF_FLAGS_REFTAG_CHECK;
	open_zones();
	bdev = spdk_bdev_get_by_name("z");
	assert_int_equal(spdk_bdev_get_dif_type(bdev), SPDK_DIF_TYPE1);
	assert_false(spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_ZONE_APPEND));
	manage(0, SPDK_BDEV_ZONE_RESET);
	RUN(&io, spdk_bdev_zone_append_with_md, g_buf, g_md, 0, 1);
	expect_nvme(&io, SPDK_NVME_SCT_GENERIC, SPDK_NVME_SC_INVALID_OPCODE);
	RUN(&io, spdk_bdev_write_blocks_with_md, g_buf, g_md, 0, 1);
	expect_success(&io);
	/* What the opener checks goes down. */
	assert_int_equal(g_disk.records[g_disk.num_records - 1].dif_check_flags, SPDK_DIF_FLAGS_REFTAG_CHECK);
	remove_zones();
}

static void
test_flush_reset_and_the_rest(void **state)
{
	struct mem_io io;

	open_zones();
	RUN(&io, spdk_bdev_flush_blocks, 3, 50);
	expect_success(&io);
	expect_record(0, SPDK_BDEV_IO_TYPE_FLUSH, 3, 50);
	RUN(&io, spdk_bdev_reset);
	expect_success(&io);
	assert_int_equal(g_disk.resets, 1);
	REFUSED(-ENOTSUP, &g_user, spdk_bdev_zcopy_start, NULL, 0, 0, 1, true);
	/* Zeroes are written as data are: where the pointer is. */
	manage(0, SPDK_BDEV_ZONE_RESET);
	RUN(&io, spdk_bdev_write_zeroes_blocks, 0, 5);
	expect_success(&io);
	expect_zone(0, SPDK_BDEV_ZONE_STATE_IMP_OPEN, 5);
	RUN(&io, spdk_bdev_write_zeroes_blocks, 0, 5);
	assert_false(io.success);
	ON(0, spdk_bdev_free_io(io.bdev_io));
	remove_zones();
}

/* ---- faults of the base ---- */

static void
test_failed_writes_are_given_back(void **state)
{
	struct mem_io io[3];

	open_zones();
	manage(0, SPDK_BDEV_ZONE_RESET);
	g_disk.fail_status = SPDK_BDEV_IO_STATUS_FAILED;
	RUN(&io[0], spdk_bdev_write_blocks, g_buf, 0, 2);
	expect_status(&io[0], SPDK_BDEV_IO_STATUS_FAILED);
	expect_zone(0, SPDK_BDEV_ZONE_STATE_IMP_OPEN, 0);
	g_disk.fail_status = SPDK_BDEV_IO_STATUS_PENDING;
	RUN(&io[0], spdk_bdev_write_blocks, g_buf, 0, 2);
	expect_success(&io[0]);

	/* Three on their way, of which the last two fail. */
	g_disk.mode = MEM_DISK_HOLD;
	for (int i = 0; i < 3; i++) {
		SUBMIT(&io[i], spdk_bdev_zone_append, g_buf, 0, 2);
	}
	bdk_sim_run_until_idle();
	mem_disk_release(&g_disk, 1);
	mem_disk_release_status(&g_disk, 1, SPDK_BDEV_IO_STATUS_FAILED);
	bdk_sim_run_until_idle();
	expect_append(&io[0], 2);
	expect_status(&io[1], SPDK_BDEV_IO_STATUS_FAILED);
	expect_zone(0, SPDK_BDEV_ZONE_STATE_IMP_OPEN, 8);
	mem_disk_release_status(&g_disk, 1, SPDK_BDEV_IO_STATUS_FAILED);
	bdk_sim_run_until_idle();
	expect_status(&io[2], SPDK_BDEV_IO_STATUS_FAILED);
	expect_zone(0, SPDK_BDEV_ZONE_STATE_IMP_OPEN, 4);
	g_disk.mode = MEM_DISK_INLINE;
	remove_zones();
}

/* What the base said is what the user gets. */
static void
test_status_of_the_base(void **state)
{
	struct mem_io io;

	open_zones();
	g_disk.mode = MEM_DISK_HOLD;
	SUBMIT(&io, spdk_bdev_read_blocks, g_buf, 0, 1);
	bdk_sim_run_until_idle();
	mem_disk_release_nvme(&g_disk, 1, SPDK_NVME_SCT_MEDIA_ERROR, SPDK_NVME_SC_UNRECOVERED_READ_ERROR);
	bdk_sim_run_until_idle();
	expect_nvme(&io, SPDK_NVME_SCT_MEDIA_ERROR, SPDK_NVME_SC_UNRECOVERED_READ_ERROR);
	g_disk.mode = MEM_DISK_INLINE;
	remove_zones();
}

static void
test_reset_that_fails(void **state)
{
	struct mem_io io;

	open_zones();
	g_disk.fail_status = SPDK_BDEV_IO_STATUS_FAILED;
	RUN(&io, spdk_bdev_zone_management, 0, SPDK_BDEV_ZONE_RESET);
	expect_status(&io, SPDK_BDEV_IO_STATUS_FAILED);
	expect_zone(0, SPDK_BDEV_ZONE_STATE_FULL, CAPACITY);
	g_disk.fail_status = SPDK_BDEV_IO_STATUS_PENDING;
	manage(0, SPDK_BDEV_ZONE_RESET);
	expect_zone(0, SPDK_BDEV_ZONE_STATE_EMPTY, 0);
	remove_zones();

	/* A base that forgets nothing. */
	open_zones_on(BASE_TYPES & ~BIT(UNMAP), 0);
	manage(0, SPDK_BDEV_ZONE_RESET);
	expect_zone(0, SPDK_BDEV_ZONE_STATE_EMPTY, 0);
	assert_int_equal(g_disk.num_records, 0);
	remove_zones();
}

/*
 * A reset waits for the writes that came before it, on whichever thread, and takes along the resets that come meanwhile.
 * What is written before it has ended is refused, lest it be forgotten.
 */
static void
test_reset_waits_for_writes(void **state)
{
	struct mem_io write, resets[3], late;

	open_zones();
	manage(0, SPDK_BDEV_ZONE_RESET);
	g_disk.num_records = 0;
	g_disk.mode = MEM_DISK_HOLD;
	SUBMIT(&write, spdk_bdev_zone_append, g_buf, 0, 2);
	bdk_sim_run_until_idle();
	memset(resets, 0, sizeof(resets));
	for (int i = 0; i < 3; i++) {
		/* The first one on another thread than the write. */
		resets[i].keep = true;
		resets[i].thread = i == 0;
		ON(i == 0,
			assert_int_equal(spdk_bdev_zone_management(g_user.desc, g_user.ch[i == 0], 0,
						 SPDK_BDEV_ZONE_RESET, mem_io_done_cb, &resets[i]),
				0));
	}
	bdk_sim_run_until_idle();
	expect_record(0, SPDK_BDEV_IO_TYPE_WRITE, 0, 2);
	RUN(&late, spdk_bdev_write_blocks, g_buf, 2, 1);
	EXPECT_REFUSED(&late, ZONE_INVALID_WRITE);
	RUN(&late, spdk_bdev_zone_management, 0, SPDK_BDEV_ZONE_FINISH);
	EXPECT_REFUSED(&late, INVALID_ZONE_STATE_TRANSITION);
	mem_disk_release(&g_disk, 1);
	bdk_sim_run_until_idle();
	expect_append(&write, 0);
	expect_record(1, SPDK_BDEV_IO_TYPE_UNMAP, 0, CAPACITY);
	assert_int_equal(resets[0].done, 0);
	mem_disk_release(&g_disk, 1);
	bdk_sim_run_until_idle();
	for (int i = 0; i < 3; i++) {
		assert_int_equal(resets[i].done, 1);
		assert_true(resets[i].success);
		ON(i == 0, spdk_bdev_free_io(resets[i].bdev_io));
	}
	assert_int_equal(g_disk.num_records, 2);
	expect_zone(0, SPDK_BDEV_ZONE_STATE_EMPTY, 0);
	g_disk.mode = MEM_DISK_INLINE;
	remove_zones();
}

static void
test_abort(void **state)
{
	struct mem_io write, reset, abort;

	open_zones();
	manage(0, SPDK_BDEV_ZONE_RESET);
	g_disk.mode = MEM_DISK_HOLD;
	SUBMIT(&write, spdk_bdev_zone_append, g_buf, 0, 2);
	SUBMIT(&reset, spdk_bdev_zone_management, 0, SPDK_BDEV_ZONE_RESET);
	bdk_sim_run_until_idle();
	/* Nobody can stop what waits inside the module. */
	RUN(&abort, spdk_bdev_abort, &reset);
	expect_status(&abort, SPDK_BDEV_IO_STATUS_FAILED);
	RUN(&abort, spdk_bdev_abort, &write);
	expect_success(&abort);
	bdk_sim_run_until_idle();
	expect_status(&write, SPDK_BDEV_IO_STATUS_ABORTED);
	mem_disk_release(&g_disk, 1);
	bdk_sim_run_until_idle();
	expect_success(&reset);
	g_disk.mode = MEM_DISK_INLINE;
	remove_zones();
}

/*
 * More I/Os than there are objects: those to the base wait for one. Each has got its place before, so that all come through
 * and lie where they were told.
 */
static void
test_shortage(void **state)
{
	static struct mem_io ios[NUM_BLOCKS / ZONE * CAPACITY];
	uint32_t submitted;
	int rc = 0;

	restart_with_pool(32, 4);
	open_zones();
	for (int i = 0; i < NUM_BLOCKS / ZONE; i++) {
		manage(i * ZONE, SPDK_BDEV_ZONE_RESET);
	}
	memset(ios, 0, sizeof(ios));
	for (submitted = 0; submitted < SPDK_COUNTOF(ios); submitted++) {
		ON(0,
			rc = spdk_bdev_zone_append(g_user.desc, g_user.ch[0], g_buf + submitted * BLOCK,
				submitted / CAPACITY * ZONE, 1, mem_io_done_cb, &ios[submitted]));
		if (rc != 0) {
			break;
		}
	}
	assert_true(submitted > 4);
	bdk_sim_run_until_idle();
	for (uint32_t i = 0; i < submitted; i++) {
		assert_int_equal(ios[i].done, 1);
		assert_true(ios[i].success);
		assert_memory_equal(
			g_disk.data + (i / CAPACITY * ZONE + i % CAPACITY) * BLOCK, g_buf + i * BLOCK, BLOCK);
	}
	remove_zones();
	restart_with_pool(1024, 16);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_supported),
		TEST(test_begins_full),
		TEST(test_writing),
		TEST(test_management),
		TEST(test_limit_of_open_zones),
		TEST(test_reading),
		TEST(test_metadata),
		TEST(test_no_append_with_reference_tags),
		TEST(test_flush_reset_and_the_rest),
		TEST(test_failed_writes_are_given_back),
		TEST(test_status_of_the_base),
		TEST(test_reset_that_fails),
		TEST(test_reset_waits_for_writes),
		TEST(test_abort),
		TEST(test_shortage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
