/* SPDX-License-Identifier: BSD-3-Clause */

/* Levels with parity: where things lie, how many requests an I/O takes, and what becomes of it when members fail. */

#include "raid_parity_fixture.h"

#include "spdk/log.h"
#include "spdk/util.h"

#define BLOCK 512
#define ROWS 64

static uint8_t *g_buf;

static int
setup(void **state)
{
	bdev_sim_start(7, 2);
	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	return 0;
}

static int
teardown(void **state)
{
	spdk_log_set_print_level(SPDK_LOG_NOTICE);
	bdev_sim_stop();
	return 0;
}

static void
fill(uint8_t *buf, size_t len, uint32_t seed)
{
	for (size_t i = 0; i < len; i++) {
		seed = seed * 1103515245 + 12345;
		buf[i] = (uint8_t)(seed >> 16);
	}
}

static void
start(const char *level, int num_disks, uint32_t strip_kb, uint32_t md_len)
{
	for (int i = 0; i < num_disks; i++) {
		char name[16];

		snprintf(name, sizeof(name), "d%d", i);
		mem_disk_init(&g_disks[i], name, BLOCK, ROWS);
		g_disks[i].bdev.md_len = md_len;
		g_disks[i].io_types |= 1 << SPDK_BDEV_IO_TYPE_WRITE_ZEROES;
		g_disks[i].fail_status = SPDK_BDEV_IO_STATUS_PENDING;
		g_disks[i].mode = MEM_DISK_MESSAGE;
		mem_disk_add(&g_disks[i]);
	}
	create_array(level, num_disks, strip_kb);
	bdk_sim_run_for(1000 * 1000);
	assert_int_equal(g_raid->agrees_until, UINT64_MAX);
	mem_user_open_name(&g_user, "r", 2, true);
	g_buf = calloc(g_raid->bdev.blockcnt, BLOCK);
	assert_non_null(g_buf);
	for (int i = 0; i < num_disks; i++) {
		g_disks[i].num_records = 0;
	}
}

static void
stop(void)
{
	free(g_buf);
	mem_user_close(&g_user);
	bdk_sim_run_for(1000);
	delete_array();
	for (int i = 0; i < g_num_disks; i++) {
		if (!g_disks[i].destructed) {
			mem_disk_remove(&g_disks[i]);
		}
	}
}

static void
begin(struct mem_io *io, uint32_t thread, bool write, uint8_t *buf, void *md, uint64_t first, uint64_t num_blocks)
{
	struct spdk_io_channel *ch = g_user.ch[thread];

	*io = (struct mem_io){.thread = thread};
	if (write) {
		ON(thread,
			io->rc = spdk_bdev_write_blocks_with_md(
				g_user.desc, ch, buf, md, first, num_blocks, mem_io_done_cb, io));
	} else {
		ON(thread,
			io->rc = spdk_bdev_read_blocks_with_md(
				g_user.desc, ch, buf, md, first, num_blocks, mem_io_done_cb, io));
	}
	assert_int_equal(io->rc, 0);
}

static bool
write_blocks(uint64_t first, uint64_t num_blocks)
{
	struct mem_io io;

	begin(&io, 0, true, g_buf + first * BLOCK, NULL, first, num_blocks);
	bdk_sim_run_for(1000);
	assert_int_equal(io.done, 1);
	return io.success;
}

/* What the array holds is what is in g_buf. */
static void
expect_contents(void)
{
	uint64_t num_blocks = g_raid->bdev.blockcnt;
	uint8_t *buf = calloc(num_blocks, BLOCK);
	struct mem_io io;

	begin(&io, 1, false, buf, NULL, 0, num_blocks);
	bdk_sim_run_for(10000);
	assert_int_equal(io.done, 1);
	assert_true(io.success);
	assert_memory_equal(buf, g_buf, num_blocks * BLOCK);
	/* Block by block, too. */
	for (uint64_t block = 0; block < num_blocks; block++) {
		begin(&io, 0, false, buf, NULL, block, 1);
		bdk_sim_run_for(1000);
		assert_true(io.done == 1 && io.success);
		assert_memory_equal(buf, g_buf + block * BLOCK, BLOCK);
	}
	free(buf);
}

static void
write_all(uint32_t seed)
{
	fill(g_buf, g_raid->bdev.blockcnt * BLOCK, seed);
	assert_true(write_blocks(0, g_raid->bdev.blockcnt));
}

static void
expect_agreement(void)
{
	for (uint64_t row = 0; row < ROWS; row++) {
		assert_true(row_agrees(row, false));
	}
}

/* How many requests of a type the disks have got. */
static int
count_requests(enum spdk_bdev_io_type type)
{
	int count = 0;

	for (int i = 0; i < g_num_disks; i++) {
		for (uint32_t j = 0; j < g_disks[i].num_records; j++) {
			count += g_disks[i].records[j].type == type;
		}
	}
	return count;
}

static void
expect_requests(int reads, int writes)
{
	assert_int_equal(count_requests(SPDK_BDEV_IO_TYPE_READ), reads);
	assert_int_equal(count_requests(SPDK_BDEV_IO_TYPE_WRITE), writes);
	for (int i = 0; i < g_num_disks; i++) {
		g_disks[i].num_records = 0;
	}
}

/* ---- Where things lie ---- */

static void
check_layout(const char *level, int num_disks)
{
	start(level, num_disks, 2, 0);
	assert_int_equal(g_raid->bdev.blockcnt, (uint64_t)ROWS * num_data());
	write_all((uint32_t)num_disks);
	for (uint64_t block = 0; block < g_raid->bdev.blockcnt; block++) {
		uint64_t row;
		int disk = find_block(block, &row);

		assert_memory_equal(g_disks[disk].data + row * BLOCK, g_buf + block * BLOCK, BLOCK);
	}
	expect_agreement();
	expect_contents();
	stop();
}

static void
test_layout(void **state)
{
	for (int n = 3; n <= MAX_DISKS; n++) {
		check_layout("raid5", n);
	}
	for (int n = 4; n <= MAX_DISKS; n++) {
		check_layout("raid6", n);
	}
	check_layout("raid5f", 3);
	check_layout("raid5f", 6);
}

static void
test_limits(void **state)
{
	start("raid5f", 4, 2, 0);
	assert_int_equal(g_raid->bdev.write_unit_size, 12);
	assert_true(g_raid->bdev.split_on_write_unit);
	assert_int_equal(g_raid->bdev.optimal_io_boundary, 4);
	assert_false(write_blocks(0, 4));
	assert_false(write_blocks(1, 12));
	expect_requests(0, 0);
	assert_true(write_blocks(12, 24));
	expect_requests(0, 8);
	stop();
	start("raid6", 6, 2, 0);
	assert_int_equal(g_raid->bdev.optimal_io_boundary, 16);
	assert_int_equal(g_raid->bdev.write_unit_size, 1);
	stop();
}

/* ---- How many requests ---- */

static void
test_small_writes(void **state)
{
	/* 4 KiB: the old data and parity, or the rest of the data, whichever is less. */
	static const struct {
		const char *level;
		int num_disks, reads, writes;
	} cases[] = {{"raid5", 3, 1, 2}, {"raid5", 4, 2, 2}, {"raid5", 5, 2, 2}, {"raid5", 8, 2, 2}, {"raid6", 4, 1, 3},
		{"raid6", 5, 2, 3}, {"raid6", 6, 3, 3}, {"raid6", 9, 3, 3}};

	for (size_t i = 0; i < SPDK_COUNTOF(cases); i++) {
		start(cases[i].level, cases[i].num_disks, 8, 0);
		for (uint64_t first = 0; first + 8 <= g_raid->bdev.blockcnt; first += 24) {
			fill(g_buf + first * BLOCK, 8 * BLOCK, (uint32_t)first);
			assert_true(write_blocks(first, 8));
			expect_requests(cases[i].reads, cases[i].writes);
		}
		expect_agreement();
		expect_contents();
		stop();
	}
}

static void
test_whole_stripes(void **state)
{
	start("raid5", 4, 2, 0);
	write_all(1);
	expect_requests(0, ROWS / 4 * 4);
	stop();
	start("raid6", 6, 2, 0);
	write_all(1);
	expect_requests(0, ROWS / 4 * 6);
	/* All but one strip: what is not written is read. */
	assert_true(write_blocks(4, 12));
	expect_requests(1, 5);
	/* One row of two strips: what they held and parity would be as much. */
	assert_true(write_blocks(16 + 3, 2));
	expect_agreement();
	stop();
}

static void
test_reads(void **state)
{
	struct mem_io io;

	start("raid5", 4, 2, 0);
	write_all(5);
	expect_requests(0, ROWS);
	begin(&io, 0, false, g_buf, NULL, 1, 2);
	bdk_sim_run_for(1000);
	expect_requests(1, 0);
	begin(&io, 0, false, g_buf, NULL, 0, 12);
	bdk_sim_run_for(1000);
	expect_requests(3, 0);
	stop();
}

/* ---- Without members ---- */

static void
check_losses(const char *level, int num_disks, int first, int second)
{
	start(level, num_disks, 2, 0);
	write_all(3);
	mem_disk_remove(&g_disks[first]);
	if (second != first) {
		mem_disk_remove(&g_disks[second]);
	}
	bdk_sim_run_for(1000);
	assert_int_equal(g_raid->state, RAID_ONLINE);
	expect_contents();
	/* Written anew, in pieces of all sizes. */
	for (uint64_t block = 0, count = 1; block < g_raid->bdev.blockcnt; block += count, count = count % 17 + 1) {
		count = spdk_min(count, g_raid->bdev.blockcnt - block);
		fill(g_buf + block * BLOCK, count * BLOCK, (uint32_t)block + 99);
		assert_true(write_blocks(block, count));
	}
	expect_contents();
	stop();
}

static void
test_losses(void **state)
{
	for (int i = 0; i < 4; i++) {
		check_losses("raid5", 4, i, i);
	}
	for (int i = 0; i < 5; i++) {
		for (int j = i; j < 5; j++) {
			check_losses("raid6", 5, i, j);
		}
	}
}

static void
test_read_errors(void **state)
{
	struct mem_io io;
	uint64_t row;
	int disk;

	start("raid5", 4, 2, 0);
	write_all(9);
	disk = find_block(20, &row);
	g_disks[disk].fail_status = SPDK_BDEV_IO_STATUS_FAILED;
	begin(&io, 0, false, g_buf + 1000, NULL, 20, 1);
	while (io.done == 0) {
		bdk_sim_step();
	}
	g_disks[disk].fail_status = SPDK_BDEV_IO_STATUS_PENDING;
	bdk_sim_run_for(10000);
	assert_true(io.success);
	/* Whatever became of the repair, it is done, and the member is there. */
	assert_non_null(g_raid->members[disk].desc);
	fill(g_buf, g_raid->bdev.blockcnt * BLOCK, 9);
	expect_contents();
	stop();
}

/* Nobody hears of a write before the member that has failed it has left. */
static void
test_write_errors(void **state)
{
	struct mem_io io;
	uint64_t row;
	int disk;

	start("raid6", 5, 2, 0);
	write_all(11);
	disk = find_block(7, &row);
	fill(g_buf + 7 * BLOCK, BLOCK, 12);
	g_disks[disk].fail_status = SPDK_BDEV_IO_STATUS_FAILED;
	begin(&io, 1, true, g_buf + 7 * BLOCK, NULL, 7, 1);
	while (io.done == 0) {
		assert_true(bdk_sim_step());
	}
	assert_true(io.success);
	assert_false(g_raid->members[disk].in_channels);
	bdk_sim_run_for(1000);
	assert_null(g_raid->members[disk].desc);
	assert_int_equal(g_raid->num_operational, 4);
	expect_contents();
	stop();
}

/* When none takes it, none is worse than the others; what was there before still is. */
static void
test_write_errors_of_all(void **state)
{
	start("raid5", 3, 2, 0);
	write_all(13);
	for (int i = 0; i < 3; i++) {
		g_disks[i].fail_status = SPDK_BDEV_IO_STATUS_FAILED;
	}
	assert_false(write_blocks(5, 3));
	for (int i = 0; i < 3; i++) {
		g_disks[i].fail_status = SPDK_BDEV_IO_STATUS_PENDING;
		assert_non_null(g_raid->members[i].desc);
	}
	expect_contents();
	expect_agreement();
	stop();
}

/* ---- Several at once ---- */

static void
hold(bool holds)
{
	for (int i = 0; i < g_num_disks; i++) {
		g_disks[i].mode = holds ? MEM_DISK_HOLD : MEM_DISK_MESSAGE;
	}
}

static uint32_t
count_held(void)
{
	uint32_t count = 0;

	for (int i = 0; i < g_num_disks; i++) {
		count += g_disks[i].num_held;
	}
	return count;
}

static void
release_all(void)
{
	bdk_sim_run_for(1000);
	while (count_held() > 0) {
		for (int i = 0; i < g_num_disks; i++) {
			mem_disk_release(&g_disks[i], 1000);
		}
		bdk_sim_run_for(1000);
	}
}

static void
test_rows_are_locked(void **state)
{
	struct mem_io first, same, other;

	start("raid5", 4, 4, 0);
	write_all(17);
	hold(true);
	begin(&first, 0, true, g_buf, NULL, 2, 2);
	bdk_sim_run_for(1000);
	assert_int_equal(count_held(), 2);
	/* A row that both have, though of another strip; from another thread. */
	begin(&same, 1, true, g_buf + 8192, NULL, 8 + 3, 2);
	bdk_sim_run_for(1000);
	assert_int_equal(count_held(), 2);
	/* Rows of the same stripe that nobody has. */
	begin(&other, 1, true, g_buf + 4096, NULL, 16, 1);
	bdk_sim_run_for(1000);
	assert_int_equal(count_held(), 4);
	release_all();
	assert_true(first.success && same.success && other.success);
	assert_true(first.order < same.order);
	hold(false);
	expect_agreement();
	stop();
}

static void
test_more_than_there_is_room_for(void **state)
{
	static struct mem_io ios[128];

	start("raid6", 6, 2, 0);
	hold(true);
	for (uint64_t i = 0; i < SPDK_COUNTOF(ios); i++) {
		fill(g_buf + i * BLOCK, BLOCK, (uint32_t)i);
		begin(&ios[i], i % 2, true, g_buf + i * BLOCK, NULL, i, 1);
	}
	release_all();
	for (uint64_t i = 0; i < SPDK_COUNTOF(ios); i++) {
		assert_true(ios[i].done == 1 && ios[i].success);
	}
	hold(false);
	expect_agreement();
	expect_contents();
	stop();
}

/* ---- Zeroes ---- */

static void
run_range(enum spdk_bdev_io_type type, uint64_t first, uint64_t num_blocks)
{
	struct mem_io io = {};

	if (type == SPDK_BDEV_IO_TYPE_UNMAP) {
		ON(0,
			io.rc = spdk_bdev_unmap_blocks(
				g_user.desc, g_user.ch[0], first, num_blocks, mem_io_done_cb, &io));
	} else {
		ON(0,
			io.rc = spdk_bdev_write_zeroes_blocks(
				g_user.desc, g_user.ch[0], first, num_blocks, mem_io_done_cb, &io));
	}
	bdk_sim_run_for(10000);
	assert_true(io.rc == 0 && io.done == 1 && io.success);
}

static void
test_zeroes(void **state)
{
	/* Stripes of 12 blocks: the end of one, three whole ones, and the beginning of one. */
	start("raid5", 4, 2, 0);
	write_all(19);
	expect_requests(0, ROWS);
	run_range(SPDK_BDEV_IO_TYPE_WRITE_ZEROES, 5, 50);
	assert_int_equal(count_requests(SPDK_BDEV_IO_TYPE_WRITE_ZEROES), 4);
	memset(g_buf + 5 * BLOCK, 0, 50 * BLOCK);
	expect_agreement();
	expect_contents();
	/* Of a range that is unmapped, only whole stripes are. */
	run_range(SPDK_BDEV_IO_TYPE_UNMAP, 70, 29);
	memset(g_buf + 72 * BLOCK, 0, 24 * BLOCK);
	expect_agreement();
	expect_contents();
	stop();
}

static void
test_zeroes_without_a_member(void **state)
{
	start("raid6", 6, 2, 0);
	write_all(23);
	mem_disk_remove(&g_disks[2]);
	bdk_sim_run_for(1000);
	run_range(SPDK_BDEV_IO_TYPE_WRITE_ZEROES, 7, 100);
	memset(g_buf + 7 * BLOCK, 0, 100 * BLOCK);
	expect_contents();
	stop();
}

static void
test_flush_reaches_all(void **state)
{
	struct mem_io io = {};

	start("raid5", 4, 2, 0);
	ON(0, io.rc = spdk_bdev_flush_blocks(g_user.desc, g_user.ch[0], 13, 13, mem_io_done_cb, &io));
	bdk_sim_run_for(1000);
	assert_true(io.done == 1 && io.success);
	for (int i = 0; i < 4; i++) {
		const struct mem_disk_record *record = &g_disks[i].records[g_disks[i].num_records - 1];

		assert_int_equal(record->type, SPDK_BDEV_IO_TYPE_FLUSH);
		assert_true(record->offset == 4 && record->num_blocks == 8);
	}
	stop();
}

/* ---- Shapes ---- */

/* A block of more pieces than the layer or a slice has room for goes through a buffer. */
static void
test_blocks_in_pieces(void **state)
{
	static struct iovec iovs[12 * BLOCK];
	uint8_t *buf = calloc(12, BLOCK);
	struct mem_io io;

	start("raid6", 6, 2, 0);
	write_all(29);
	fill(g_buf + 2 * BLOCK, 12 * BLOCK, 30);
	for (int write = 1; write >= 0; write--) {
		for (size_t i = 0; i < SPDK_COUNTOF(iovs); i++) {
			iovs[i] = (struct iovec){(write ? g_buf + 2 * BLOCK : buf) + i, 1};
		}
		io = (struct mem_io){};
		if (write) {
			ON(0,
				io.rc = spdk_bdev_writev_blocks(g_user.desc, g_user.ch[0], iovs, SPDK_COUNTOF(iovs), 2,
					12, mem_io_done_cb, &io));
		} else {
			mem_disk_remove(&g_disks[3]);
			ON(0,
				io.rc = spdk_bdev_readv_blocks(g_user.desc, g_user.ch[0], iovs, SPDK_COUNTOF(iovs), 2,
					12, mem_io_done_cb, &io));
		}
		bdk_sim_run_for(10000);
		assert_true(io.rc == 0 && io.done == 1 && io.success);
	}
	assert_memory_equal(buf, g_buf + 2 * BLOCK, 12 * BLOCK);
	expect_contents();
	free(buf);
	stop();
}

static void
test_metadata(void **state)
{
	uint8_t md[24 * 8], read_md[24 * 8];
	struct mem_io io;

	start("raid6", 6, 2, 8);
	fill(md, sizeof(md), 31);
	fill(g_buf, 24 * BLOCK, 32);
	begin(&io, 0, true, g_buf, md, 5, 24);
	bdk_sim_run_for(1000);
	assert_true(io.success);
	for (uint64_t row = 0; row < ROWS; row++) {
		assert_true(row_agrees(row, false) && row_agrees(row, true));
	}
	mem_disk_remove(&g_disks[0]);
	mem_disk_remove(&g_disks[4]);
	bdk_sim_run_for(1000);
	begin(&io, 1, false, g_buf + 24 * BLOCK, read_md, 5, 24);
	bdk_sim_run_for(1000);
	assert_true(io.success);
	assert_memory_equal(md, read_md, sizeof(md));
	assert_memory_equal(g_buf, g_buf + 24 * BLOCK, 24 * BLOCK);
	stop();
}

/* ---- Windows ---- */

struct buffers {
	struct raid_window window;
	uint8_t *data[MAX_DISKS];
	uint8_t *md[MAX_DISKS];
};

static void
read_window(struct buffers *buffers, uint64_t first, uint32_t num_rows)
{
	*buffers = (struct buffers){};
	buffers->window = (struct raid_window){.raid = g_raid,
		.offset_blocks = first,
		.num_blocks = num_rows,
		.data = buffers->data,
		.md = buffers->md};
	for (int i = 0; i < g_num_disks; i++) {
		buffers->data[i] = calloc(num_rows, BLOCK);
		memcpy(buffers->data[i], g_disks[i].data + first * BLOCK, num_rows * BLOCK);
		buffers->window.valid[0] |= UINT64_C(1) << i;
	}
}

static void
free_window(struct buffers *buffers)
{
	for (int i = 0; i < g_num_disks; i++) {
		free(buffers->data[i]);
	}
}

static void
test_recover(void **state)
{
	struct buffers buffers;

	start("raid6", 6, 2, 0);
	write_all(37);
	for (int lost = 0; lost < 6; lost++) {
		for (int other = 0; other < 6; other++) {
			read_window(&buffers, 3, 50);
			buffers.window.valid[0] &= ~(UINT64_C(1) << lost | UINT64_C(1) << other);
			memset(buffers.data[lost], 0xaa, 50 * BLOCK);
			memset(buffers.data[other], 0x55, 50 * BLOCK);
			assert_int_equal(g_raid->ops->recover(&buffers.window, (uint8_t)lost), 0);
			assert_memory_equal(buffers.data[lost], g_disks[lost].data + 3 * BLOCK, 50 * BLOCK);
			free_window(&buffers);
		}
	}
	read_window(&buffers, 0, 8);
	buffers.window.valid[0] = 7;
	assert_int_equal(g_raid->ops->recover(&buffers.window, 4), -EIO);
	free_window(&buffers);
	stop();
}

static void
test_verify(void **state)
{
	struct buffers buffers;

	start("raid6", 5, 2, 0);
	write_all(41);
	read_window(&buffers, 1, 60);
	assert_int_equal(g_raid->ops->verify(&buffers.window), 0);
	assert_int_equal(buffers.window.changed[0], 0);
	/* P of two rows, of one of them also Q. */
	buffers.data[disk_of_p(2)][(9 - 1) * BLOCK] ^= 1;
	buffers.data[disk_of_q(2)][(9 - 1) * BLOCK + 500] ^= 1;
	buffers.data[disk_of_p(2)][(11 - 1) * BLOCK + 511] ^= 1;
	assert_int_equal(g_raid->ops->verify(&buffers.window), 2);
	assert_int_equal(buffers.window.changed[0], UINT64_C(1) << disk_of_p(2) | UINT64_C(1) << disk_of_q(2));
	for (int i = 0; i < 5; i++) {
		assert_memory_equal(buffers.data[i], g_disks[i].data + BLOCK, 60 * BLOCK);
	}
	free_window(&buffers);
	stop();
}

static void
test_array_range(void **state)
{
	uint64_t offset, num_blocks;

	start("raid5", 4, 2, 0);
	g_raid->ops->get_array_range(g_raid, 5, 1, &offset, &num_blocks);
	assert_true(offset == 12 && num_blocks == 12);
	g_raid->ops->get_array_range(g_raid, 3, 6, &offset, &num_blocks);
	assert_true(offset == 0 && num_blocks == 36);
	stop();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_layout),
		TEST(test_limits),
		TEST(test_small_writes),
		TEST(test_whole_stripes),
		TEST(test_reads),
		TEST(test_losses),
		TEST(test_read_errors),
		TEST(test_write_errors),
		TEST(test_write_errors_of_all),
		TEST(test_rows_are_locked),
		TEST(test_more_than_there_is_room_for),
		TEST(test_zeroes),
		TEST(test_zeroes_without_a_member),
		TEST(test_flush_reaches_all),
		TEST(test_blocks_in_pieces),
		TEST(test_metadata),
		TEST(test_recover),
		TEST(test_verify),
		TEST(test_array_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
