/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * COMPARE_AND_WRITE: what is refused and in which order, what modules get that have it, and that what the layer makes
 * of a compare and a write is one step for all.
 */

#include "types_fixture.h"

static uint8_t g_new[NUM_BLOCKS * BLOCK];

static void
open_atomic_disk(uint16_t acwu)
{
	g_disk.bdev.acwu = acwu;
	memset(g_new, 0xa5, sizeof(g_new));
	open_disk();
}

static bool
holds(const uint8_t *data, uint64_t offset, uint64_t num_blocks)
{
	return memcmp(g_disk.data + offset * BLOCK, data, num_blocks * BLOCK) == 0;
}

static struct iovec g_old_iov, g_new_iov;

/* Blocks from offset on are compared with what the disk holds at first, and overwritten with g_new. */
#define CAW(IO, OFFSET, BLOCKS) \
	do { \
		g_old_iov = (struct iovec){g_buf + (OFFSET)*BLOCK, (BLOCKS)*BLOCK}; \
		g_new_iov = (struct iovec){g_new, (BLOCKS)*BLOCK}; \
		RUN(IO, spdk_bdev_comparev_and_writev_blocks, &g_old_iov, 1, &g_new_iov, 1, OFFSET, BLOCKS); \
	} while (0)

static void
expect_fused(struct mem_io *io, int sct, int sc, int sct2, int sc2)
{
	int got_sct, got_sc, got_sct2, got_sc2;
	uint32_t cdw0;

	spdk_bdev_io_get_nvme_fused_status(io->bdev_io, &cdw0, &got_sct, &got_sc, &got_sct2, &got_sc2);
	assert_int_equal(got_sct, sct);
	assert_int_equal(got_sc, sc);
	assert_int_equal(got_sct2, sct2);
	assert_int_equal(got_sc2, sc2);
}

static void
test_checks(void **state)
{
	struct iovec iov = {g_buf, BLOCK};
	struct mem_user reader;
	struct mem_io io;

	open_atomic_disk(4);
	mem_user_open_name(&reader, "d", 1, false);
	REFUSED(-EBADF, &reader, spdk_bdev_comparev_and_writev_blocks, &iov, 1, &iov, 1, NUM_BLOCKS, 1);
	REFUSED(-EINVAL, &g_user, spdk_bdev_comparev_and_writev_blocks, &iov, 1, &iov, 1, NUM_BLOCKS, 1);
	REFUSED(-EINVAL, &g_user, spdk_bdev_comparev_and_writev_blocks, &iov, 1, &iov, 1, UINT64_MAX, 2);
	REFUSED(-EINVAL, &g_user, spdk_bdev_comparev_and_writev_blocks, &iov, 1, &iov, 1, 0, 5);
	CAW(&io, 0, 4);
	expect_status(&io, SPDK_BDEV_IO_STATUS_SUCCESS);
	CAW(&io, 9, 0);
	expect_status(&io, SPDK_BDEV_IO_STATUS_SUCCESS);
	mem_user_close(&reader);
	remove_disk();

	/* The limit holds for the module's own, too. */
	g_disk.io_types |= 1 << SPDK_BDEV_IO_TYPE_COMPARE_AND_WRITE;
	open_atomic_disk(0);
	assert_int_equal(spdk_bdev_get_acwu(&g_disk.bdev), 1);
	REFUSED(-EINVAL, &g_user, spdk_bdev_comparev_and_writev_blocks, &iov, 1, &iov, 1, 0, 2);
	remove_disk();
}

static void
test_native(void **state)
{
	struct mem_io io;

	g_disk.io_types |= 1 << SPDK_BDEV_IO_TYPE_COMPARE_AND_WRITE;
	open_atomic_disk(8);
	CAW(&io, 3, 2);
	expect_status(&io, SPDK_BDEV_IO_STATUS_SUCCESS);
	assert_int_equal(g_disk.num_records, 1);
	assert_int_equal(g_disk.records[0].type, SPDK_BDEV_IO_TYPE_COMPARE_AND_WRITE);
	assert_true(holds(g_new, 3, 2));
	CAW(&io, 3, 2);
	expect_fused(&io, SPDK_NVME_SCT_MEDIA_ERROR, SPDK_NVME_SC_COMPARE_FAILURE, SPDK_NVME_SCT_GENERIC,
		SPDK_NVME_SC_ABORTED_FAILED_FUSED);
	expect_status(&io, SPDK_BDEV_IO_STATUS_MISCOMPARE);
	remove_disk();
}

static void
test_emulated(void **state)
{
	struct spdk_bdev_io_stat stat = {};
	struct mem_io io;
	uint64_t mask = 1 << SPDK_BDEV_IO_TYPE_READ | 1 << SPDK_BDEV_IO_TYPE_COMPARE;

	/* By a read, and by the module's compare. */
	for (int native_compare = 0; native_compare < 2; native_compare++) {
		if (native_compare) {
			g_disk.io_types |= 1 << SPDK_BDEV_IO_TYPE_COMPARE;
		}
		g_disk.bdev.max_rw_size = 3;
		open_atomic_disk(1000);
		assert_false(spdk_bdev_io_type_supported(&g_disk.bdev, SPDK_BDEV_IO_TYPE_COMPARE_AND_WRITE));
		CAW(&io, 3, 700);
		expect_fused(
			&io, SPDK_NVME_SCT_GENERIC, SPDK_NVME_SC_SUCCESS, SPDK_NVME_SCT_GENERIC, SPDK_NVME_SC_SUCCESS);
		expect_status(&io, SPDK_BDEV_IO_STATUS_SUCCESS);
		assert_true(((mask >> g_disk.records[0].type) & 1) != 0);
		assert_true(holds(g_new, 3, 700));
		assert_true(holds(g_buf, 0, 3));
		assert_memory_equal(g_disk.data + 703 * BLOCK, g_buf + 703 * BLOCK, (NUM_BLOCKS - 703) * BLOCK);

		ON(0, spdk_bdev_get_io_stat(&g_disk.bdev, g_user.ch[0], &stat, SPDK_BDEV_RESET_STAT_ALL));
		assert_int_equal(stat.bytes_written, 700 * BLOCK);
		assert_int_equal(stat.bytes_read, native_compare ? 0 : 700 * BLOCK);
		CAW(&io, 702, 2);
		expect_fused(&io, SPDK_NVME_SCT_MEDIA_ERROR, SPDK_NVME_SC_COMPARE_FAILURE, SPDK_NVME_SCT_GENERIC,
			SPDK_NVME_SC_ABORTED_FAILED_FUSED);
		expect_status(&io, SPDK_BDEV_IO_STATUS_MISCOMPARE);
		assert_memory_equal(g_disk.data + 703 * BLOCK, g_buf + 703 * BLOCK, BLOCK);
		/* The range is free again. */
		CAW(&io, 703, 1);
		expect_status(&io, SPDK_BDEV_IO_STATUS_SUCCESS);
		remove_disk();
	}
}

/* A module's compare may say it in terms of NVMe. */
static void
test_nvme_miscompare(void **state)
{
	struct mem_io io;

	g_disk.io_types |= 1 << SPDK_BDEV_IO_TYPE_COMPARE;
	g_disk.mode = MEM_DISK_HOLD;
	open_atomic_disk(8);
	g_old_iov = (struct iovec){g_buf, BLOCK};
	g_new_iov = (struct iovec){g_new, BLOCK};
	SUBMIT(&io, spdk_bdev_comparev_and_writev_blocks, &g_old_iov, 1, &g_new_iov, 1, 0, 1);
	bdk_sim_run_until_idle();
	mem_disk_release_nvme(&g_disk, 1, SPDK_NVME_SCT_MEDIA_ERROR, SPDK_NVME_SC_COMPARE_FAILURE);
	bdk_sim_run_until_idle();
	expect_status(&io, SPDK_BDEV_IO_STATUS_MISCOMPARE);
	SUBMIT(&io, spdk_bdev_comparev_and_writev_blocks, &g_old_iov, 1, &g_new_iov, 1, 0, 1);
	bdk_sim_run_until_idle();
	mem_disk_release_nvme(&g_disk, 1, SPDK_NVME_SCT_MEDIA_ERROR, SPDK_NVME_SC_UNRECOVERED_READ_ERROR);
	bdk_sim_run_until_idle();
	expect_status(&io, SPDK_BDEV_IO_STATUS_FIRST_FUSED_FAILED);
	assert_true(holds(g_buf, 0, 1));
	remove_disk();
}

static void
test_failures(void **state)
{
	struct mem_io io;

	open_atomic_disk(8);
	/* Not read: it is not known whether it differs. */
	g_disk.fail_status = SPDK_BDEV_IO_STATUS_FAILED;
	CAW(&io, 0, 4);
	expect_fused(&io, SPDK_NVME_SCT_GENERIC, SPDK_NVME_SC_INTERNAL_DEVICE_ERROR, SPDK_NVME_SCT_GENERIC,
		SPDK_NVME_SC_ABORTED_FAILED_FUSED);
	expect_status(&io, SPDK_BDEV_IO_STATUS_FIRST_FUSED_FAILED);
	assert_int_equal(g_disk.num_records, 1);
	/* Not written. */
	g_disk.fail_after = 1;
	CAW(&io, 0, 4);
	expect_status(&io, SPDK_BDEV_IO_STATUS_FAILED);
	assert_true(holds(g_buf, 0, 4));
	/* And each time the range was let go. */
	g_disk.fail_status = SPDK_BDEV_IO_STATUS_PENDING;
	CAW(&io, 0, 4);
	expect_status(&io, SPDK_BDEV_IO_STATUS_SUCCESS);
	assert_true(holds(g_new, 0, 4));
	remove_disk();
}

/* Whoever is called back finds the range free, also for a write inside the callback. */
static void
write_after_cb(struct spdk_bdev_io *bdev_io, bool success, void *ctx)
{
	struct mem_io *io = ctx;

	assert_true(success);
	spdk_bdev_free_io(bdev_io);
	io->rc = spdk_bdev_write_blocks(g_user.desc, g_user.ch[0], g_buf, 0, 1, mem_io_done_cb, io);
	assert_int_equal(g_disk.records[g_disk.num_records - 1].type, SPDK_BDEV_IO_TYPE_WRITE);
	assert_int_equal(g_disk.num_records, 3);
}

static void
test_unlocked_first(void **state)
{
	struct mem_io io = {};
	int rc;

	open_atomic_disk(8);
	g_old_iov = (struct iovec){g_buf, BLOCK};
	g_new_iov = (struct iovec){g_new, BLOCK};
	ON(0,
		rc = spdk_bdev_comparev_and_writev_blocks(
			g_user.desc, g_user.ch[0], &g_old_iov, 1, &g_new_iov, 1, 0, 1, write_after_cb, &io));
	assert_int_equal(rc, 0);
	bdk_sim_run_until_idle();
	assert_true(io.done && io.success);
	assert_true(holds(g_buf, 0, 1));
	remove_disk();
}

static int
submit_caw(uint32_t index, struct mem_io *io)
{
	static struct iovec old[64], new[64];

	old[index] = (struct iovec){g_buf + index * 4 * BLOCK, 4 * BLOCK};
	new[index] = (struct iovec){g_new, 4 * BLOCK};
	return spdk_bdev_comparev_and_writev_blocks(
		g_user.desc, g_user.ch[0], &old[index], 1, &new[index], 1, index * 4, 4, mem_io_done_cb, io);
}

static void
test_shortage(void **state)
{
	restart_with_pool(4, 1);
	g_disk.bdev.max_rw_size = 1;
	g_disk.mode = MEM_DISK_MESSAGE;
	open_atomic_disk(8);
	run_through_small_pool(submit_caw);
	assert_true(holds(g_new, 0, 64 * 4));
	remove_disk();
	restart_with_pool(1024, 16);
}

/* ---- one step for all: threads count in blocks that overlap, with all schedules that a seed gives ---- */

#define THREADS 4
#define ADDITIONS 5
#define SPAN 3
#define SEEDS 300

struct adder {
	uint32_t thread;
	uint32_t left;
	uint32_t attempts;
	uint64_t offset;
	uint8_t old[SPAN * BLOCK];
	uint8_t new[SPAN * BLOCK];
	struct iovec old_iov;
	struct iovec new_iov;
};

static void read_counters(struct adder *adder);

static void
added_cb(struct spdk_bdev_io *bdev_io, bool success, void *ctx)
{
	struct adder *adder = ctx;

	/* Another one was faster. */
	assert_true(success || bdev_io->internal.status == SPDK_BDEV_IO_STATUS_MISCOMPARE);
	spdk_bdev_free_io(bdev_io);
	adder->left -= success;
	if (adder->left > 0) {
		read_counters(adder);
	}
}

static void
counters_read_cb(struct spdk_bdev_io *bdev_io, bool success, void *ctx)
{
	struct adder *adder = ctx;
	uint32_t i, value;

	assert_true(success);
	spdk_bdev_free_io(bdev_io);
	memcpy(adder->new, adder->old, sizeof(adder->new));
	for (i = 0; i < SPAN; i++) {
		memcpy(&value, adder->old + i * BLOCK, sizeof(value));
		value++;
		memcpy(adder->new + i *BLOCK, &value, sizeof(value));
	}
	adder->attempts++;
	assert_int_equal(spdk_bdev_comparev_and_writev_blocks(g_user.desc, g_user.ch[adder->thread], &adder->old_iov, 1,
				 &adder->new_iov, 1, adder->offset, SPAN, added_cb, adder),
		0);
}

static void
read_counters(struct adder *adder)
{
	assert_int_equal(spdk_bdev_read_blocks(g_user.desc, g_user.ch[adder->thread], adder->old, adder->offset, SPAN,
				 counters_read_cb, adder),
		0);
}

static void
expect_counter(uint64_t block, uint32_t expected)
{
	uint32_t value;

	memcpy(&value, g_disk.data + block * BLOCK, sizeof(value));
	assert_int_equal(value, expected);
}

static uint32_t
count_together(uint64_t seed)
{
	struct adder adders[THREADS] = {};
	uint32_t i, attempts = 0;

	bdev_sim_start(seed, THREADS);
	mem_disk_init(&g_disk, "d", BLOCK, NUM_BLOCKS);
	g_disk.bdev.acwu = SPAN;
	g_disk.bdev.max_rw_size = 1 + bdk_sim_random(SPAN);
	g_disk.mode = MEM_DISK_MESSAGE;
	mem_disk_add(&g_disk);
	mem_user_open(&g_user, &g_disk, THREADS);
	for (i = 0; i < THREADS; i++) {
		adders[i].thread = i;
		adders[i].left = ADDITIONS;
		/* Blocks 0 to 2, and 1 to 3. */
		adders[i].offset = i % 2;
		adders[i].old_iov = (struct iovec){adders[i].old, SPAN * BLOCK};
		adders[i].new_iov = (struct iovec){adders[i].new, SPAN *BLOCK};
		ON(i, read_counters(&adders[i]));
	}
	bdk_sim_run_until_idle();
	for (i = 0; i < THREADS; i++) {
		assert_int_equal(adders[i].left, 0);
		attempts += adders[i].attempts;
	}
	/* None was lost. */
	expect_counter(0, THREADS / 2 * ADDITIONS);
	expect_counter(1, THREADS * ADDITIONS);
	expect_counter(2, THREADS * ADDITIONS);
	expect_counter(3, THREADS / 2 * ADDITIONS);
	mem_user_close(&g_user);
	mem_disk_remove(&g_disk);
	bdev_sim_stop();
	return attempts;
}

static void
test_together(void **state)
{
	uint32_t attempts = 0;
	uint64_t seed;

	for (seed = 1; seed <= SEEDS; seed++) {
		print_message("seed %" PRIu64 "\r", seed);
		attempts += count_together(seed);
	}
	print_message("%u compare-and-writes for %u additions in %u schedules\n", attempts, SEEDS * THREADS * ADDITIONS,
		SEEDS);
	/* They did meet. */
	assert_true(attempts > SEEDS * THREADS * ADDITIONS * 5 / 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_checks),
		TEST(test_native),
		TEST(test_emulated),
		TEST(test_nvme_miscompare),
		TEST(test_failures),
		TEST(test_unlocked_first),
		TEST(test_shortage),
		cmocka_unit_test(test_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
