/* SPDX-License-Identifier: BSD-3-Clause */

/* Rate limits of bdevs and of groups: exactly what passes when, under the virtual clock. */

#include "mem_disk.h"
#include "bdevkit/qos.h"
#include "lib/bdev/io_internal.h"

#define THREADS 3
#define NUM_BLOCKS 4096
#define MAX_IOS 256
#define KEEP UINT64_MAX
#define MIB_SLICE (1024 * 1024 / 1000)

static struct mem_disk g_disk, g_disk2;
static struct mem_user g_user, g_user2;
static uint8_t g_buf[256 * 512];

static int
setup(void **state)
{
	bdev_sim_start(5, THREADS);
	mem_disk_init(&g_disk, "d", 512, NUM_BLOCKS);
	mem_disk_init(&g_disk2, "d2", 512, NUM_BLOCKS);
	g_disk.io_types |= 1 << SPDK_BDEV_IO_TYPE_WRITE_ZEROES;
	mem_disk_add(&g_disk);
	mem_user_open(&g_user, &g_disk, THREADS);
	return 0;
}

static int
teardown(void **state)
{
	bdev_sim_stop();
	return 0;
}

static void
remove_disk(void)
{
	mem_user_close(&g_user);
	mem_disk_remove(&g_disk);
}

/* Lets time pass, and carries out what is due at the end of it. */
static void
pass(uint64_t us)
{
	bdk_sim_run_for(us);
	bdk_sim_run_until_idle();
}

/* ---- limits ---- */

struct result {
	uint32_t called;
	int status;
	struct spdk_thread *thread;
};

static void
result_cb(void *ctx, int status)
{
	struct result *result = ctx;

	result->called++;
	result->status = status;
	result->thread = spdk_get_thread();
}

static void
set_limits_of(struct mem_disk *disk, uint32_t thread, uint64_t iops, uint64_t rw, uint64_t r, uint64_t w)
{
	uint64_t limits[] = {iops, rw, r, w};
	struct result result = {};

	ON(thread, spdk_bdev_set_qos_rate_limits(&disk->bdev, limits, result_cb, &result));
	bdk_sim_run_until_idle();
	assert_int_equal(result.called, 1);
	assert_int_equal(result.status, 0);
	assert_ptr_equal(result.thread, g_sim_threads[thread]);
}

static void
set_limits(uint64_t iops, uint64_t rw, uint64_t r, uint64_t w)
{
	set_limits_of(&g_disk, 0, iops, rw, r, w);
}

static void
expect_limits(uint64_t iops, uint64_t rw, uint64_t r, uint64_t w)
{
	uint64_t limits[SPDK_BDEV_QOS_NUM_RATE_LIMIT_TYPES] = {1, 1, 1, 1};

	spdk_bdev_get_qos_rate_limits(&g_disk.bdev, limits);
	assert_int_equal(limits[SPDK_BDEV_QOS_RW_IOPS_RATE_LIMIT], iops);
	assert_int_equal(limits[SPDK_BDEV_QOS_RW_BPS_RATE_LIMIT], rw);
	assert_int_equal(limits[SPDK_BDEV_QOS_R_BPS_RATE_LIMIT], r);
	assert_int_equal(limits[SPDK_BDEV_QOS_W_BPS_RATE_LIMIT], w);
}

/* ---- I/O ---- */

/* I/Os of one kind that are submitted together, in the thread's own turn. */
struct load {
	struct mem_user *user;
	uint32_t thread;
	enum spdk_bdev_io_type type;
	uint32_t count;
	uint64_t num_blocks;
	uint32_t done;
	uint32_t failed;
	uint64_t first_order;
	uint64_t last_order;
	struct spdk_bdev_io_wait_entry wait;
	uint32_t submitted;
};

static void
load_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *ctx)
{
	struct load *load = ctx;

	assert_ptr_equal(spdk_get_thread(), g_sim_threads[load->thread]);
	load->done++;
	load->failed += !success;
	load->last_order = ++g_mem_io_order;
	if (load->done == 1) {
		load->first_order = load->last_order;
	}
	spdk_bdev_free_io(bdev_io);
}

static void
submit_load(void *ctx)
{
	struct load *load = ctx;
	struct spdk_bdev_desc *desc = load->user->desc;
	struct spdk_io_channel *ch = load->user->ch[load->thread];
	int rc;

	while (load->submitted < load->count) {
		switch (load->type) {
		case SPDK_BDEV_IO_TYPE_READ:
			rc = spdk_bdev_read_blocks(desc, ch, g_buf, 0, load->num_blocks, load_done_cb, load);
			break;
		case SPDK_BDEV_IO_TYPE_WRITE:
			rc = spdk_bdev_write_blocks(desc, ch, g_buf, 0, load->num_blocks, load_done_cb, load);
			break;
		case SPDK_BDEV_IO_TYPE_UNMAP:
			rc = spdk_bdev_unmap_blocks(desc, ch, 0, load->num_blocks, load_done_cb, load);
			break;
		case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
			rc = spdk_bdev_write_zeroes_blocks(desc, ch, 0, load->num_blocks, load_done_cb, load);
			break;
		case SPDK_BDEV_IO_TYPE_FLUSH:
			rc = spdk_bdev_flush_blocks(desc, ch, 0, load->num_blocks, load_done_cb, load);
			break;
		default:
			rc = spdk_bdev_reset(desc, ch, load_done_cb, load);
			break;
		}
		assert_int_equal(rc, 0);
		load->submitted++;
	}
}

static void
start_on(struct load *load, struct mem_user *user, uint32_t thread, enum spdk_bdev_io_type type, uint32_t count,
	uint64_t num_blocks)
{
	memset(load, 0, sizeof(*load));
	load->user = user;
	load->thread = thread;
	load->type = type;
	load->count = count;
	load->num_blocks = num_blocks;
	assert_int_equal(spdk_thread_send_msg(g_sim_threads[thread], submit_load, load), 0);
}

static void
start(struct load *load, uint32_t thread, enum spdk_bdev_io_type type, uint32_t count, uint64_t num_blocks)
{
	start_on(load, &g_user, thread, type, count, num_blocks);
	bdk_sim_run_until_idle();
	assert_int_equal(load->submitted, count);
}

static void
start_reads(struct load *load, uint32_t thread, uint32_t count, uint64_t num_blocks)
{
	start(load, thread, SPDK_BDEV_IO_TYPE_READ, count, num_blocks);
}

static void
start_writes(struct load *load, uint32_t thread, uint32_t count, uint64_t num_blocks)
{
	start(load, thread, SPDK_BDEV_IO_TYPE_WRITE, count, num_blocks);
}

static void
expect_done(const struct load *load, uint32_t done)
{
	assert_int_equal(load->done, done);
	assert_int_equal(load->failed, 0);
}

/* ---- each kind of limit ---- */

static void
test_iops(void **state)
{
	struct load load;
	uint32_t i;

	set_limits(10000, 0, 0, 0);
	start_reads(&load, 1, 35, 8);
	expect_done(&load, 10);
	for (i = 2; i < 5; i++) {
		pass(999);
		expect_done(&load, (i - 1) * 10);
		pass(1);
		expect_done(&load, spdk_min(i * 10, 35u));
	}
	/* What was not used does not add up; the next slice begins with the next I/O. */
	pass(10300);
	start_writes(&load, 1, 15, 1);
	expect_done(&load, 10);
	pass(999);
	expect_done(&load, 10);
	pass(1);
	expect_done(&load, 15);
	set_limits(0, 0, 0, 0);
	remove_disk();
}

/* Compares slice for slice with what the rule says: it passes while something is left, and debts are paid. */
static void
check_bytes(enum spdk_bdev_io_type type, uint64_t num_blocks, uint64_t per_slice, uint32_t count)
{
	int64_t remaining = per_slice, size = num_blocks * 512;
	uint32_t expected = 0;
	struct load load;

	start(&load, 2, type, count, num_blocks);
	while (expected < count) {
		while (remaining > 0 && expected < count) {
			remaining -= size;
			expected++;
		}
		expect_done(&load, expected);
		pass(1000);
		remaining += per_slice;
	}
	expect_done(&load, count);
	/* Until nobody owes anything. */
	pass(1000 * 1000);
}

static void
test_bytes(void **state)
{
	set_limits(0, 1, 0, 0);
	check_bytes(SPDK_BDEV_IO_TYPE_READ, 1, MIB_SLICE, 100);
	check_bytes(SPDK_BDEV_IO_TYPE_WRITE, 1, MIB_SLICE, 50);
	check_bytes(SPDK_BDEV_IO_TYPE_WRITE, 5, MIB_SLICE, 50);
	check_bytes(SPDK_BDEV_IO_TYPE_READ, 64, MIB_SLICE, 6);
	set_limits(0, 7, 0, 0);
	check_bytes(SPDK_BDEV_IO_TYPE_READ, 3, 7 * 1024 * 1024 / 1000, 200);
	set_limits(0, 0, 2, 0);
	check_bytes(SPDK_BDEV_IO_TYPE_READ, 3, 2 * 1024 * 1024 / 1000, 100);
	check_bytes(SPDK_BDEV_IO_TYPE_WRITE, 200, 1ull << 40, 100);
	set_limits(0, 0, 0, 3);
	check_bytes(SPDK_BDEV_IO_TYPE_WRITE, 3, 3 * 1024 * 1024 / 1000, 100);
	check_bytes(SPDK_BDEV_IO_TYPE_READ, 200, 1ull << 40, 100);
	set_limits(0, 0, 0, 0);
	remove_disk();
}

static void
test_what_is_not_counted(void **state)
{
	struct load reads, others, zeroes;

	set_limits(1000, 1, 1, 1);
	start_reads(&reads, 1, 3, 8);
	expect_done(&reads, 1);
	/* Past those that wait. */
	start(&others, 1, SPDK_BDEV_IO_TYPE_UNMAP, 50, 100);
	expect_done(&others, 50);
	start(&others, 1, SPDK_BDEV_IO_TYPE_FLUSH, 50, 100);
	expect_done(&others, 50);
	start(&others, 1, SPDK_BDEV_IO_TYPE_WRITE_ZEROES, 50, 100);
	expect_done(&others, 50);
	/* An I/O, but no bytes: it waits behind its kind. */
	start_reads(&zeroes, 1, 1, 0);
	expect_done(&zeroes, 0);
	pass(100 * 1000);
	expect_done(&reads, 3);
	expect_done(&zeroes, 1);
	set_limits(0, 0, 0, 0);
	remove_disk();
}

/* Write zeroes that the layer makes from writes, and what it splits: the parts are counted, the whole is not. */
static void
test_parts_are_counted(void **state)
{
	struct load load;

	remove_disk();
	mem_disk_init(&g_disk, "d", 512, NUM_BLOCKS);
	g_disk.bdev.max_rw_size = 2;
	mem_disk_add(&g_disk);
	mem_user_open(&g_user, &g_disk, THREADS);
	set_limits(2000, 0, 0, 0);
	start_reads(&load, 1, 1, 12);
	expect_done(&load, 0);
	pass(1999);
	expect_done(&load, 0);
	pass(1);
	expect_done(&load, 1);
	pass(10 * 1000);
	start(&load, 1, SPDK_BDEV_IO_TYPE_WRITE_ZEROES, 1, 6);
	expect_done(&load, 0);
	pass(1000);
	expect_done(&load, 1);
	assert_int_equal(g_disk.num_records, 6 + 3);
	set_limits(0, 0, 0, 0);
	remove_disk();
}

static void
test_all_have_to_agree(void **state)
{
	struct load reads, writes;

	/* One read, and reads owe for 100 slices. */
	set_limits(10000, 0, 1, 0);
	start_reads(&reads, 1, 1, 100 * MIB_SLICE / 512);
	expect_done(&reads, 1);
	pass(5000);
	start_reads(&reads, 1, 20, 1);
	expect_done(&reads, 0);
	/* What was refused has taken nothing; and what has room overtakes it. */
	start_writes(&writes, 1, 12, 1);
	expect_done(&writes, 10);
	pass(1000);
	expect_done(&writes, 12);
	expect_done(&reads, 0);
	pass(200 * 1000);
	expect_done(&reads, 20);
	set_limits(0, 0, 0, 0);
	remove_disk();
}

/* ---- several channels ---- */

static void
test_channels_share(void **state)
{
	struct load loads[THREADS];
	uint32_t i;

	set_limits(9000, 0, 0, 0);
	start_reads(&loads[0], 0, 39, 1);
	expect_done(&loads[0], 9);
	start_reads(&loads[1], 1, 30, 1);
	start_reads(&loads[2], 2, 30, 1);
	expect_done(&loads[1], 0);
	for (i = 1; i <= 10; i++) {
		pass(1000);
		expect_done(&loads[0], 9 + 3 * i);
		expect_done(&loads[1], 3 * i);
		expect_done(&loads[2], 3 * i);
	}
	set_limits(0, 0, 0, 0);
	remove_disk();
}

/* What one does not need is for the others, in the same slice. */
static void
test_nothing_is_left_unused(void **state)
{
	struct load large, small;

	set_limits(10000, 0, 0, 0);
	start_reads(&large, 1, 110, 1);
	start_reads(&small, 2, 2, 1);
	expect_done(&large, 10);
	expect_done(&small, 0);
	pass(1000);
	expect_done(&large, 15);
	expect_done(&small, 2);
	/* Not sooner than those who wait have had their turn. */
	pass(500);
	expect_done(&large, 18);
	pass(500);
	expect_done(&large, 28);
	pass(100 * 1000);
	expect_done(&large, 110);
	set_limits(0, 0, 0, 0);
	remove_disk();
}

static void
test_new_channel(void **state)
{
	struct load load;

	ON(2, spdk_put_io_channel(g_user.ch[2]));
	bdk_sim_run_until_idle();
	set_limits(1000, 0, 0, 0);
	ON(2, g_user.ch[2] = spdk_bdev_get_io_channel(g_user.desc));
	start_reads(&load, 2, 2, 1);
	expect_done(&load, 1);
	pass(1000);
	expect_done(&load, 2);
	remove_disk();
}

static void
test_limits_outlive_openers(void **state)
{
	struct load load;

	set_limits(1000, 0, 0, 9);
	mem_user_close(&g_user);
	expect_limits(1000, 0, 0, 9);
	mem_user_open(&g_user, &g_disk, THREADS);
	start_reads(&load, 1, 2, 1);
	expect_done(&load, 1);
	pass(1000);
	expect_done(&load, 2);
	remove_disk();
}

/* ---- changes ---- */

static void
test_values(void **state)
{
	uint64_t limits[] = {1001, UINT64_MAX - 1, 0, 5};
	struct result result = {};

	expect_limits(0, 0, 0, 0);
	ON(0, spdk_bdev_set_qos_rate_limits(&g_disk.bdev, limits, result_cb, &result));
	bdk_sim_run_until_idle();
	assert_int_equal(result.status, 0);
	/* What was taken, in I/Os and bytes. */
	assert_int_equal(limits[0], 2000);
	assert_int_equal(limits[1], UINT64_MAX / 1048576 * 1048576);
	assert_int_equal(limits[2], 0);
	assert_int_equal(limits[3], 5 * 1048576);
	expect_limits(2000, UINT64_MAX / 1048576, 0, 5);
	set_limits(KEEP, 0, 7, KEEP);
	expect_limits(2000, 0, 7, 5);
	set_limits(UINT64_MAX - 1, KEEP, KEEP, KEEP);
	expect_limits(UINT64_MAX / 1000 * 1000, 0, 7, 5);
	set_limits(0, 0, 0, 0);
	expect_limits(0, 0, 0, 0);
	remove_disk();
}

static void
test_callbacks(void **state)
{
	uint64_t limits[] = {KEEP, 0, KEEP, 0}, more[] = {1000, 0, 0, 0}, none[] = {0, 0, 0, 0};
	char name[] = "stranger";
	struct spdk_bdev stranger = {.name = name};
	struct result results[4] = {};

	/* The caller is told at once of what cannot be. */
	spdk_bdev_set_qos_rate_limits(&g_disk.bdev, more, result_cb, &results[0]);
	assert_int_equal(results[0].called, 1);
	assert_int_equal(results[0].status, -EINVAL);
	ON(1, spdk_bdev_set_qos_rate_limits(&stranger, more, result_cb, &results[0]));
	assert_int_equal(results[0].called, 2);
	assert_int_equal(results[0].status, -ENODEV);
	results[0] = (struct result){};
	ON(1, {
		/* Nothing to do. */
		spdk_bdev_set_qos_rate_limits(&g_disk.bdev, limits, result_cb, &results[0]);
		assert_int_equal(results[0].called, 1);
		assert_int_equal(results[0].status, 0);
		/* One after the other. */
		spdk_bdev_set_qos_rate_limits(&g_disk.bdev, more, result_cb, &results[1]);
		assert_int_equal(results[1].called, 0);
		more[0] = 5000;
		spdk_bdev_set_qos_rate_limits(&g_disk.bdev, more, result_cb, &results[2]);
		assert_int_equal(results[2].called, 1);
		assert_int_equal(results[2].status, -EAGAIN);
		spdk_bdev_set_qos_rate_limits(&g_disk.bdev, none, result_cb, &results[3]);
		assert_int_equal(results[3].status, -EAGAIN);
	});
	bdk_sim_run_until_idle();
	assert_int_equal(results[1].called, 1);
	assert_int_equal(results[1].status, 0);
	assert_ptr_equal(results[1].thread, g_sim_threads[1]);
	expect_limits(1000, 0, 0, 0);
	/* Outside of SPDK threads, and without anybody to tell. */
	spdk_bdev_set_qos_rate_limits(&g_disk.bdev, more, result_cb, &results[3]);
	assert_int_equal(results[3].status, -EINVAL);
	ON(0, spdk_bdev_set_qos_rate_limits(&g_disk.bdev, none, NULL, NULL));
	bdk_sim_run_until_idle();
	expect_limits(0, 0, 0, 0);
	remove_disk();
}

static void
set_again_cb(void *ctx, int status)
{
	static uint64_t limits[] = {3000, 0, 0, 0};

	assert_int_equal(status, 0);
	spdk_bdev_set_qos_rate_limits(&g_disk.bdev, limits, result_cb, ctx);
}

static void
test_change_in_the_callback(void **state)
{
	uint64_t limits[] = {1000, 0, 0, 0};
	struct result result = {};

	ON(1, spdk_bdev_set_qos_rate_limits(&g_disk.bdev, limits, set_again_cb, &result));
	bdk_sim_run_until_idle();
	assert_int_equal(result.called, 1);
	assert_int_equal(result.status, 0);
	expect_limits(3000, 0, 0, 0);
	remove_disk();
}

static void
test_changes_while_io_waits(void **state)
{
	struct load load;
	uint64_t order;

	set_limits(1000, 0, 0, 0);
	start_reads(&load, 1, 100, 1);
	expect_done(&load, 1);
	/* A new slice, with all of its allowance, at once. */
	set_limits_of(&g_disk, 2, 20000, KEEP, KEEP, KEEP);
	expect_done(&load, 21);
	pass(1000);
	expect_done(&load, 41);
	set_limits(2000, KEEP, KEEP, KEEP);
	expect_done(&load, 43);
	pass(1000);
	expect_done(&load, 45);
	/* Another kind on top, and the first one ends. */
	set_limits(0, 1, 0, 0);
	expect_done(&load, 48);
	pass(1000);
	expect_done(&load, 50);
	/* The last one ends: what waits goes on, in order. */
	order = g_mem_io_order;
	set_limits(0, 0, 0, 0);
	expect_done(&load, 100);
	assert_int_equal(g_mem_io_order - order, 50);
	start_reads(&load, 1, 50, 1);
	expect_done(&load, 50);
	remove_disk();
}

static void
test_order(void **state)
{
	struct load loads[6];
	uint32_t i;

	set_limits(1000, 0, 0, 0);
	start_reads(&loads[0], 1, 1, 1);
	for (i = 1; i < 6; i++) {
		start(&loads[i], 1, i % 3 == 0 ? SPDK_BDEV_IO_TYPE_READ : SPDK_BDEV_IO_TYPE_WRITE, 1, 1);
	}
	for (i = 1; i < 6; i++) {
		expect_done(&loads[i], 0);
		pass(1000);
		expect_done(&loads[i], 1);
	}
	remove_disk();
}

/* ---- what ends I/O that waits ---- */

static void
test_reset(void **state)
{
	struct load reads, writes, reset;

	set_limits(1000, 0, 0, 0);
	start_reads(&reads, 1, 5, 1);
	start_writes(&writes, 2, 5, 1);
	start(&reset, 0, SPDK_BDEV_IO_TYPE_RESET, 1, 0);
	expect_done(&reset, 1);
	assert_int_equal(reads.done, 5);
	assert_int_equal(reads.failed, 4);
	assert_int_equal(writes.done, 5);
	assert_int_equal(writes.failed, 5);
	pass(1000);
	start_reads(&reads, 1, 1, 1);
	expect_done(&reads, 1);
	remove_disk();
}

static void
test_channel_goes(void **state)
{
	struct load load, other;

	set_limits(1000, 0, 0, 0);
	start_reads(&load, 1, 5, 1);
	start_reads(&other, 2, 3, 1);
	ON(1, spdk_put_io_channel(g_user.ch[1]));
	g_user.ch[1] = NULL;
	bdk_sim_run_until_idle();
	assert_int_equal(load.done, 5);
	assert_int_equal(load.failed, 4);
	/* It does not count any more among those that share. */
	pass(3000);
	expect_done(&other, 3);
	remove_disk();
}

static void
removed_cb(void *ctx, int rc)
{
	*(int *)ctx = rc;
}

static void
test_removal(void **state)
{
	struct load load, late;
	uint64_t limits[] = {2000, 0, 0, 0};
	struct result result = {};
	int removed = 1;

	set_limits(1000, 0, 0, 0);
	start_reads(&load, 1, 5, 1);
	ON(0, spdk_bdev_unregister(&g_disk.bdev, removed_cb, &removed));
	bdk_sim_run_until_idle();
	assert_int_equal(g_user.removes, 1);
	/* What the limits hold back goes on in its time. */
	expect_done(&load, 1);
	pass(4000);
	expect_done(&load, 5);
	/* Until it is closed all goes on. */
	start_reads(&late, 1, 3, 1);
	expect_done(&late, 0);
	pass(1000);
	expect_done(&late, 1);
	/* While a change is under way the bdev does not go. What waits when it goes ends. */
	limits[0] = 1000;
	ON(1, spdk_bdev_set_qos_rate_limits(&g_disk.bdev, limits, result_cb, &result));
	ON(0, spdk_bdev_close(g_user.desc));
	bdk_sim_run_until_idle();
	assert_int_equal(result.called, 1);
	assert_int_equal(result.status, 0);
	assert_int_equal(late.done, 3);
	assert_int_equal(late.failed, 1);
	assert_int_equal(removed, 1);
	ON(1, spdk_bdev_set_qos_rate_limits(&g_disk.bdev, limits, result_cb, &result));
	assert_int_equal(result.status, -ENODEV);
	ON(0, spdk_put_io_channel(g_user.ch[0]));
	ON(1, spdk_put_io_channel(g_user.ch[1]));
	ON(2, spdk_put_io_channel(g_user.ch[2]));
	bdk_sim_run_until_idle();
	assert_int_equal(removed, 0);
}

static void
test_nothing_runs_while_nothing_waits(void **state)
{
	struct load load;
	uint64_t steps;

	set_limits(1000, 0, 0, 0);
	pass(10 * 1000);
	steps = bdk_sim_get_step_count();
	pass(1000 * 1000);
	assert_int_equal(bdk_sim_get_step_count(), steps);
	start_reads(&load, 1, 3, 1);
	pass(10 * 1000);
	expect_done(&load, 3);
	steps = bdk_sim_get_step_count();
	pass(1000 * 1000);
	assert_int_equal(bdk_sim_get_step_count(), steps);
	/* Nor for a bdev without limits. */
	set_limits(0, 0, 0, 0);
	assert_int_equal(((struct bdev_channel *)spdk_io_channel_get_ctx(g_user.ch[1]))->gates & BDEV_GATE_QOS, 0);
	remove_disk();
}

/* ---- groups ---- */

static void
open_second(void)
{
	mem_disk_add(&g_disk2);
	mem_user_open(&g_user2, &g_disk2, THREADS);
}

static void
remove_second(void)
{
	mem_user_close(&g_user2);
	mem_disk_remove(&g_disk2);
}

static void
move(const char *group, struct mem_disk *disk, bool add)
{
	struct result result = {};
	int rc;

	if (add) {
		ON(1, rc = bdk_bdev_qos_group_add_bdev(group, &disk->bdev, result_cb, &result));
	} else {
		ON(1, rc = bdk_bdev_qos_group_remove_bdev(group, &disk->bdev, result_cb, &result));
	}
	assert_int_equal(rc, 0);
	assert_int_equal(result.called, 0);
	bdk_sim_run_until_idle();
	assert_int_equal(result.called, 1);
	assert_int_equal(result.status, 0);
	assert_ptr_equal(result.thread, g_sim_threads[1]);
}

static void
test_group(void **state)
{
	uint64_t limits[] = {10000, 0, 0, 0}, more[] = {30000, KEEP, KEEP, KEEP};
	struct load first, second, other;

	open_second();
	assert_int_equal(bdk_bdev_qos_group_create("g", limits), 0);
	move("g", &g_disk, true);
	move("g", &g_disk2, true);
	/* What both do together; and one is limited further. */
	set_limits(3000, 0, 0, 0);
	start_reads(&first, 1, 100, 1);
	expect_done(&first, 3);
	start_on(&second, &g_user2, 2, SPDK_BDEV_IO_TYPE_READ, 100, 1);
	bdk_sim_run_until_idle();
	/* Half of the slice, as the other one waits; what is left when both have had their turn. */
	expect_done(&second, 5);
	pass(500);
	expect_done(&second, 7);
	pass(1000);
	expect_done(&first, 6);
	expect_done(&second, 14);
	/* More for the group is more for the second. */
	assert_int_equal(bdk_bdev_qos_group_set_rate_limits("g", more), 0);
	pass(500);
	expect_done(&first, 9);
	expect_done(&second, 14 + 27);
	/* Who leaves is free. */
	move("g", &g_disk2, false);
	expect_done(&second, 100);
	start_on(&other, &g_user2, 0, SPDK_BDEV_IO_TYPE_WRITE, 60, 1);
	bdk_sim_run_until_idle();
	expect_done(&other, 60);
	assert_int_equal(((struct bdev_channel *)spdk_io_channel_get_ctx(g_user2.ch[1]))->gates & BDEV_GATE_QOS, 0);
	set_limits(0, 0, 0, 0);
	pass(10 * 1000);
	expect_done(&first, 100);
	remove_second();
	remove_disk();
}

static void
test_group_errors(void **state)
{
	uint64_t limits[SPDK_BDEV_QOS_NUM_RATE_LIMIT_TYPES] = {1500, 2, KEEP, 4}, none[] = {0, 0, 0, 0};
	char name[] = "stranger";
	struct spdk_bdev stranger = {.name = name};
	struct result result = {};
	int rc;

	assert_int_equal(bdk_bdev_qos_group_create("", NULL), -EINVAL);
	assert_int_equal(bdk_bdev_qos_group_create("g", limits), 0);
	assert_int_equal(bdk_bdev_qos_group_create("g", NULL), -EEXIST);
	assert_int_equal(bdk_bdev_qos_group_create("h", NULL), 0);
	assert_int_equal(bdk_bdev_qos_group_delete("x"), -ENOENT);
	assert_int_equal(bdk_bdev_qos_group_set_rate_limits("x", none), -ENOENT);
	assert_int_equal(bdk_bdev_qos_group_get_rate_limits("x", limits), -ENOENT);
	assert_int_equal(bdk_bdev_qos_group_get_rate_limits("g", limits), 0);
	assert_int_equal(limits[0], 2000);
	assert_int_equal(limits[1], 2);
	assert_int_equal(limits[2], 0);
	assert_int_equal(limits[3], 4);

	assert_int_equal(bdk_bdev_qos_group_add_bdev("g", &g_disk.bdev, result_cb, &result), -EINVAL);
	ON(0, rc = bdk_bdev_qos_group_add_bdev("x", &g_disk.bdev, result_cb, &result));
	assert_int_equal(rc, -ENOENT);
	ON(0, rc = bdk_bdev_qos_group_add_bdev("g", &stranger, result_cb, &result));
	assert_int_equal(rc, -ENODEV);
	ON(0, rc = bdk_bdev_qos_group_remove_bdev("g", &g_disk.bdev, result_cb, &result));
	assert_int_equal(rc, -ENODEV);
	ON(0, {
		assert_int_equal(bdk_bdev_qos_group_add_bdev("g", &g_disk.bdev, NULL, NULL), 0);
		assert_int_equal(bdk_bdev_qos_group_remove_bdev("g", &g_disk.bdev, NULL, NULL), -EAGAIN);
		spdk_bdev_set_qos_rate_limits(&g_disk.bdev, limits, result_cb, &result);
	});
	assert_int_equal(result.status, -EAGAIN);
	bdk_sim_run_until_idle();
	ON(0, rc = bdk_bdev_qos_group_add_bdev("g", &g_disk.bdev, NULL, NULL));
	assert_int_equal(rc, -EEXIST);
	ON(0, rc = bdk_bdev_qos_group_add_bdev("h", &g_disk.bdev, NULL, NULL));
	assert_int_equal(rc, -EBUSY);
	ON(0, rc = bdk_bdev_qos_group_remove_bdev("h", &g_disk.bdev, NULL, NULL));
	assert_int_equal(rc, -ENODEV);
	assert_int_equal(bdk_bdev_qos_group_delete("g"), -EBUSY);
	/* A bdev that goes leaves its group. */
	remove_disk();
	assert_int_equal(bdk_bdev_qos_group_delete("g"), 0);
	assert_int_equal(bdk_bdev_qos_group_delete("g"), -ENOENT);
	/* The layer takes the other one with it. */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_iops, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_not_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_parts_are_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_all_have_to_agree, setup, teardown),
		cmocka_unit_test_setup_teardown(test_channels_share, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing_is_left_unused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_new_channel, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limits_outlive_openers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_values, setup, teardown),
		cmocka_unit_test_setup_teardown(test_callbacks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_change_in_the_callback, setup, teardown),
		cmocka_unit_test_setup_teardown(test_changes_while_io_waits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reset, setup, teardown),
		cmocka_unit_test_setup_teardown(test_channel_goes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_removal, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing_runs_while_nothing_waits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_group, setup, teardown),
		cmocka_unit_test_setup_teardown(test_group_errors, setup, teardown),
	};

	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
