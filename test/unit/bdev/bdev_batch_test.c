/* SPDX-License-Identifier: BSD-3-Clause */

/* Requests in arrays: what comes back, when, and in which order; and modules that carry them out on the spot. */

#include "mem_disk.h"
#include "bdevkit/batch.h"

#define NUM_BLOCKS 1024
#define MAX_REQUESTS 1200

static struct mem_disk g_disk;
static struct mem_user g_user;
static uint8_t g_buf[NUM_BLOCKS * 512] __attribute__((aligned(4096)));
static struct bdk_request g_requests[MAX_REQUESTS];
static struct bdk_request *g_array[MAX_REQUESTS];

/* What was handed back. */
static struct bdk_request *g_done[MAX_REQUESTS * 2];
static uint32_t g_num_done, g_num_calls;
static bool g_submitting;
/* Hands each request in once more, so many times. */
static uint32_t g_again;
static struct bdk_batch *g_batch;

static void
done_cb(void *ctx, struct bdk_request **done, uint32_t count)
{
	uint32_t i;

	assert_ptr_equal(ctx, &g_user);
	assert_false(g_submitting);
	g_num_calls++;
	for (i = 0; i < count; i++) {
		g_done[g_num_done++] = done[i];
	}
	if (g_again > 0) {
		g_again--;
		bdk_batch_submit(g_batch, done, count);
	}
}

static int
setup(void **state)
{
	bdev_sim_start(3, 2);
	mem_disk_init(&g_disk, "d", 512, NUM_BLOCKS);
	g_num_done = 0;
	g_num_calls = 0;
	memset(g_requests, 0, sizeof(g_requests));
	return 0;
}

static int
teardown(void **state)
{
	bdev_sim_stop();
	return 0;
}

static void
open_batch(bdk_batch_fn fn)
{
	mem_disk_add(&g_disk);
	mem_user_open(&g_user, &g_disk, 1);
	ON(0, g_batch = bdk_batch_create(g_user.desc, g_user.ch[0], fn, &g_user));
	assert_non_null(g_batch);
}

static void
close_batch(void)
{
	ON(0, assert_int_equal(bdk_batch_destroy(g_batch), 0));
	mem_user_close(&g_user);
	mem_disk_remove(&g_disk);
}

/* Fills in request i: one block at its own place. */
static struct bdk_request *
set(uint32_t i, enum spdk_bdev_io_type type)
{
	struct bdk_request *request = &g_requests[i];

	memset(request, 0, sizeof(*request));
	request->type = type;
	request->buf = g_buf + i % NUM_BLOCKS * 512;
	request->offset_blocks = i % NUM_BLOCKS;
	request->num_blocks = 1;
	request->status = 1;
	g_array[i] = request;
	return request;
}

static void
submit(uint32_t count)
{
	g_submitting = true;
	ON(0, bdk_batch_submit(g_batch, g_array, count); g_submitting = false);
}

static void
check_done(uint32_t count)
{
	uint32_t i;

	assert_int_equal(g_num_done, count);
	for (i = 0; i < count; i++) {
		assert_ptr_equal(g_done[i], &g_requests[i]);
		assert_int_equal(g_done[i]->status, 0);
	}
	assert_int_equal(bdk_batch_get_outstanding(g_batch), 0);
	g_num_done = 0;
}

static void
write_and_read(uint32_t count)
{
	uint32_t i;

	for (i = 0; i < count; i++) {
		set(i, SPDK_BDEV_IO_TYPE_WRITE);
		memset(g_buf + i * 512, i + 1, 512);
	}
	submit(count);
	bdk_sim_run_until_idle();
	check_done(count);
	memset(g_buf, 0, sizeof(g_buf));
	for (i = 0; i < count; i++) {
		set(i, SPDK_BDEV_IO_TYPE_READ);
	}
	submit(count);
	bdk_sim_run_until_idle();
	check_done(count);
	for (i = 0; i < count * 512; i++) {
		assert_int_equal(g_buf[i], (uint8_t)(i / 512 + 1));
	}
}

static void
test_at_once(void **state)
{
	open_batch(done_cb);
	write_and_read(200);
	/* In arrays, not one by one. */
	assert_true(g_num_calls <= 8);
	close_batch();
}

static void
test_later(void **state)
{
	g_disk.mode = MEM_DISK_MESSAGE;
	open_batch(done_cb);
	write_and_read(200);
	close_batch();
}

static void
test_reap(void **state)
{
	struct bdk_request *done[8];
	uint32_t i, count = 0, got;

	open_batch(NULL);
	for (i = 0; i < 20; i++) {
		set(i, SPDK_BDEV_IO_TYPE_READ);
	}
	submit(20);
	bdk_sim_run_until_idle();
	assert_int_equal(bdk_batch_get_outstanding(g_batch), 20);
	while (count < 20) {
		ON(0, got = bdk_batch_reap(g_batch, done, 8));
		assert_int_equal(got, count < 16 ? 8 : 4);
		for (i = 0; i < got; i++) {
			assert_ptr_equal(done[i], &g_requests[count + i]);
		}
		count += got;
	}
	ON(0, assert_int_equal(bdk_batch_reap(g_batch, done, 8), 0));
	close_batch();
}

/* The callback submits what it gets: that is handed back in another call. */
static void
test_again(void **state)
{
	uint32_t i;

	open_batch(done_cb);
	for (i = 0; i < 64; i++) {
		set(i, SPDK_BDEV_IO_TYPE_READ);
	}
	g_again = 3;
	submit(64);
	bdk_sim_run_until_idle();
	assert_int_equal(g_num_done, 4 * 64);
	assert_int_equal(g_num_calls, 4);
	close_batch();
}

static void
test_types(void **state)
{
	struct iovec iovs[2] = {{g_buf, 512}, {g_buf + 512, 1024}};

	open_batch(done_cb);
	memset(g_buf, 7, 4 * 512);
	set(0, SPDK_BDEV_IO_TYPE_WRITE)->iovs = iovs;
	g_requests[0].iovcnt = 2;
	g_requests[0].num_blocks = 3;
	set(1, SPDK_BDEV_IO_TYPE_FLUSH);
	set(2, SPDK_BDEV_IO_TYPE_UNMAP);
	set(3, SPDK_BDEV_IO_TYPE_RESET);
	submit(4);
	bdk_sim_run_until_idle();
	assert_int_equal(g_num_done, 4);
	g_num_done = 0;

	set(0, SPDK_BDEV_IO_TYPE_COMPARE);
	set(1, SPDK_BDEV_IO_TYPE_COMPARE)->iovs = &iovs[0];
	g_requests[1].iovcnt = 1;
	set(2, SPDK_BDEV_IO_TYPE_COMPARE);
	set(3, SPDK_BDEV_IO_TYPE_WRITE_ZEROES);
	submit(4);
	bdk_sim_run_until_idle();
	assert_int_equal(g_num_done, 4);
	assert_int_equal(g_requests[0].status, 0);
	assert_int_equal(g_requests[1].status, 0);
	/* It was unmapped. */
	assert_int_equal(g_requests[2].status, -EILSEQ);
	assert_int_equal(g_requests[3].status, 0);
	g_num_done = 0;

	set(0, SPDK_BDEV_IO_TYPE_READ)->iovs = iovs;
	g_requests[0].iovcnt = 2;
	g_requests[0].num_blocks = 3;
	submit(1);
	bdk_sim_run_until_idle();
	check_done(1);
	assert_int_equal(g_buf[2 * 512 - 1], 7);
	assert_int_equal(g_buf[2 * 512], 0);
	close_batch();
}

/* What is wrong comes back with an error, and what stands beside it is done. */
static void
test_errors(void **state)
{
	open_batch(done_cb);
	set(0, SPDK_BDEV_IO_TYPE_READ);
	set(1, SPDK_BDEV_IO_TYPE_READ)->offset_blocks = NUM_BLOCKS;
	set(2, SPDK_BDEV_IO_TYPE_NVME_ADMIN);
	set(3, SPDK_BDEV_IO_TYPE_WRITE)->iovcnt = -1;
	set(4, SPDK_BDEV_IO_TYPE_WRITE)->md_buf = g_buf;
	set(5, SPDK_BDEV_IO_TYPE_WRITE);
	submit(6);
	bdk_sim_run_until_idle();
	assert_int_equal(g_num_done, 6);
	assert_int_equal(g_requests[0].status, 0);
	assert_int_equal(g_requests[1].status, -EINVAL);
	assert_int_equal(g_requests[2].status, -ENOTSUP);
	assert_int_equal(g_requests[3].status, -EINVAL);
	assert_int_equal(g_requests[4].status, -EINVAL);
	assert_int_equal(g_requests[5].status, 0);
	assert_int_equal(g_disk.num_records, 2);

	g_disk.fail_status = SPDK_BDEV_IO_STATUS_FAILED;
	set(0, SPDK_BDEV_IO_TYPE_READ);
	submit(1);
	g_disk.fail_status = SPDK_BDEV_IO_STATUS_ABORTED;
	set(1, SPDK_BDEV_IO_TYPE_READ);
	g_array[0] = &g_requests[1];
	submit(1);
	bdk_sim_run_until_idle();
	assert_int_equal(g_requests[0].status, -EIO);
	assert_int_equal(g_requests[1].status, -ECANCELED);
	close_batch();
}

static void
test_read_only(void **state)
{
	mem_disk_add(&g_disk);
	mem_user_open_name(&g_user, "d", 1, false);
	ON(0, g_batch = bdk_batch_create(g_user.desc, g_user.ch[0], done_cb, &g_user));
	set(0, SPDK_BDEV_IO_TYPE_WRITE);
	set(1, SPDK_BDEV_IO_TYPE_READ);
	submit(2);
	bdk_sim_run_until_idle();
	assert_int_equal(g_requests[0].status, -EBADF);
	assert_int_equal(g_requests[1].status, 0);
	close_batch();
}

/* The module has no memory for some: they come again, and all end well. */
static void
test_nomem(void **state)
{
	uint32_t i;

	g_disk.mode = MEM_DISK_MESSAGE;
	open_batch(done_cb);
	for (i = 0; i < 100; i++) {
		set(i, SPDK_BDEV_IO_TYPE_READ);
	}
	submit(50);
	g_disk.refuse = 10;
	memmove(g_array, g_array + 50, 50 * sizeof(g_array[0]));
	submit(50);
	/* It is tried again after a while. */
	bdk_sim_run_for(1000 * 1000);
	bdk_sim_run_until_idle();
	assert_int_equal(g_num_done, 100);
	for (i = 0; i < 100; i++) {
		assert_int_equal(g_requests[i].status, 0);
	}
	close_batch();
}

/* More than there are spdk_bdev_io: the rest waits, and keeps its order. */
static void
test_exhausted(void **state)
{
	uint32_t i, rounds = 0, in_module;

	g_disk.mode = MEM_DISK_HOLD;
	open_batch(done_cb);
	for (i = 0; i < MAX_REQUESTS; i++) {
		set(i, SPDK_BDEV_IO_TYPE_WRITE);
	}
	submit(MAX_REQUESTS);
	bdk_sim_run_until_idle();
	in_module = g_disk.num_held;
	assert_true(in_module > 0 && in_module < MAX_REQUESTS);
	assert_int_equal(g_num_done, 0);
	while (g_num_done < MAX_REQUESTS && rounds++ < MAX_REQUESTS) {
		mem_disk_release(&g_disk, g_disk.num_held);
		bdk_sim_run_until_idle();
	}
	check_done(MAX_REQUESTS);
	for (i = 0; i < MEM_DISK_MAX_RECORDS; i++) {
		assert_int_equal(g_disk.records[i].offset, i);
	}
	close_batch();
}

static void
test_busy(void **state)
{
	g_disk.mode = MEM_DISK_HOLD;
	open_batch(done_cb);
	set(0, SPDK_BDEV_IO_TYPE_READ);
	submit(1);
	ON(0, assert_int_equal(bdk_batch_destroy(g_batch), -EBUSY));
	mem_disk_release(&g_disk, 1);
	bdk_sim_run_until_idle();
	close_batch();
	assert_int_equal(bdk_batch_destroy(NULL), 0);
}

/* A limit of the bdev: requests are split as other I/O is. */
static void
test_split(void **state)
{
	g_disk.bdev.max_rw_size = 2;
	open_batch(done_cb);
	set(0, SPDK_BDEV_IO_TYPE_READ)->num_blocks = 7;
	submit(1);
	bdk_sim_run_until_idle();
	check_done(1);
	assert_int_equal(g_disk.num_records, 4);
	close_batch();
}

/* ---- modules that need not be waited for ---- */

static uint32_t g_taken, g_calls, g_take, g_fail_at;

static uint32_t
instant(struct spdk_bdev *bdev, struct bdk_request **requests, uint32_t count)
{
	uint32_t i, take = count < g_take ? count : g_take;

	assert_ptr_equal(bdev, &g_disk.bdev);
	assert_true(count > 0 && count <= BDK_INSTANT_MAX);
	for (i = 0; i < take; i++) {
		assert_int_equal(requests[i]->status, 0);
		assert_non_null(requests[i]->buf);
		assert_true(requests[i]->offset_blocks + requests[i]->num_blocks <= NUM_BLOCKS);
		if (g_taken++ == g_fail_at) {
			requests[i]->status = -EIO;
		}
	}
	g_calls++;
	return take;
}

static void
open_instant(uint32_t take)
{
	g_taken = 0;
	g_calls = 0;
	g_take = take;
	g_fail_at = UINT32_MAX;
	mem_disk_add(&g_disk);
	ON(0, bdk_bdev_set_instant(&g_disk.bdev, instant));
	mem_user_open(&g_user, &g_disk, 1);
	ON(0, g_batch = bdk_batch_create(g_user.desc, g_user.ch[0], done_cb, &g_user));
}

static void
check_stat(uint64_t reads, uint64_t writes)
{
	struct spdk_bdev_io_stat stat;

	ON(0, spdk_bdev_get_io_stat(&g_disk.bdev, g_user.ch[0], &stat, SPDK_BDEV_RESET_STAT_NONE));
	assert_int_equal(stat.num_read_ops, reads);
	assert_int_equal(stat.bytes_read, reads * 512);
	assert_int_equal(stat.num_write_ops, writes);
	assert_int_equal(stat.bytes_written, writes * 512);
}

/* Strict mode looks at each I/O by itself. */
static bool
is_strict(void)
{
	const char *strict = getenv("BDEVKIT_STRICT");

	return strict != NULL && strcmp(strict, "0") != 0;
}

static void
test_instant(void **state)
{
	uint32_t i;

	open_instant(UINT32_MAX);
	for (i = 0; i < 100; i++) {
		set(i, i % 4 == 0 ? SPDK_BDEV_IO_TYPE_WRITE : SPDK_BDEV_IO_TYPE_READ);
	}
	submit(100);
	bdk_sim_run_until_idle();
	check_done(100);
	check_stat(75, 25);
	assert_int_equal(g_taken, is_strict() ? 0 : 100);
	assert_int_equal(g_calls, is_strict() ? 0 : 2);
	assert_int_equal(g_disk.num_records, is_strict() ? 100 : 0);
	close_batch();
}

/* What it does not want, and what is more than a plain read or write, goes the usual way, and the rest to it again. */
static void
test_instant_part(void **state)
{
	open_instant(2);
	set(0, SPDK_BDEV_IO_TYPE_READ);
	set(1, SPDK_BDEV_IO_TYPE_READ);
	set(2, SPDK_BDEV_IO_TYPE_READ);
	set(3, SPDK_BDEV_IO_TYPE_UNMAP);
	set(4, SPDK_BDEV_IO_TYPE_READ)->offset_blocks = NUM_BLOCKS;
	set(5, SPDK_BDEV_IO_TYPE_READ);
	set(6, SPDK_BDEV_IO_TYPE_READ)->buf = NULL;
	submit(7);
	bdk_sim_run_until_idle();
	assert_int_equal(g_num_done, 7);
	assert_int_equal(g_requests[4].status, -EINVAL);
	assert_int_equal(g_requests[5].status, 0);
	assert_int_equal(g_taken, is_strict() ? 0 : 4);
	assert_int_equal(bdk_batch_get_outstanding(g_batch), 0);
	close_batch();
}

static void
test_instant_none(void **state)
{
	uint32_t i;

	open_instant(0);
	for (i = 0; i < 5; i++) {
		set(i, SPDK_BDEV_IO_TYPE_READ);
	}
	submit(5);
	bdk_sim_run_until_idle();
	check_done(5);
	assert_int_equal(g_disk.num_records, 5);
	check_stat(5, 0);
	close_batch();
}

static void
test_instant_fails(void **state)
{
	struct spdk_bdev_io_stat stat;
	uint32_t i;

	open_instant(UINT32_MAX);
	g_fail_at = 1;
	for (i = 0; i < 3; i++) {
		set(i, SPDK_BDEV_IO_TYPE_WRITE);
	}
	submit(3);
	bdk_sim_run_until_idle();
	assert_int_equal(g_num_done, 3);
	assert_int_equal(g_requests[0].status, 0);
	assert_int_equal(g_requests[1].status, is_strict() ? 0 : -EIO);
	assert_int_equal(g_requests[2].status, 0);
	ON(0, spdk_bdev_get_io_stat(&g_disk.bdev, g_user.ch[0], &stat, SPDK_BDEV_RESET_STAT_NONE));
	assert_int_equal(stat.num_write_ops, is_strict() ? 3 : 2);
	close_batch();
}

/* Others stand in between: a range that somebody has locked. */
static void
quiesced_cb(void *ctx, int status)
{
	assert_int_equal(status, 0);
	*(bool *)ctx = true;
}

static void
test_instant_locked(void **state)
{
	bool locked = false, unlocked = false;

	open_instant(UINT32_MAX);
	ON(0, spdk_bdev_quiesce(&g_disk.bdev, g_disk.bdev.module, quiesced_cb, &locked));
	bdk_sim_run_until_idle();
	assert_true(locked);
	set(0, SPDK_BDEV_IO_TYPE_WRITE);
	submit(1);
	bdk_sim_run_until_idle();
	assert_int_equal(g_num_done, 0);
	assert_int_equal(g_taken, 0);
	ON(0, spdk_bdev_unquiesce(&g_disk.bdev, g_disk.bdev.module, quiesced_cb, &unlocked));
	bdk_sim_run_until_idle();
	assert_true(unlocked);
	check_done(1);
	close_batch();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_later, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reap, setup, teardown),
		cmocka_unit_test_setup_teardown(test_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_types, setup, teardown),
		cmocka_unit_test_setup_teardown(test_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read_only, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nomem, setup, teardown),
		cmocka_unit_test_setup_teardown(test_exhausted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_busy, setup, teardown),
		cmocka_unit_test_setup_teardown(test_split, setup, teardown),
		cmocka_unit_test_setup_teardown(test_instant, setup, teardown),
		cmocka_unit_test_setup_teardown(test_instant_part, setup, teardown),
		cmocka_unit_test_setup_teardown(test_instant_none, setup, teardown),
		cmocka_unit_test_setup_teardown(test_instant_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(test_instant_locked, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
