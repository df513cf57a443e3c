/* SPDX-License-Identifier: BSD-3-Clause */

/* Histograms of latency: exact counts under the virtual clock. */

#include "mem_disk.h"

#include "bdevkit/bdev_stat.h"
#include "lib/bdev/io_internal.h"

#define NUM_BLOCKS 256
#define THREADS 3

static struct mem_disk g_disk;
static struct mem_user g_user;
static uint8_t g_buf[64 * 512];

static int
setup(void **state)
{
	bdev_sim_start(17, THREADS);
	mem_disk_init(&g_disk, "d", 512, NUM_BLOCKS);
	return 0;
}

static int
teardown(void **state)
{
	bdev_sim_stop();
	return 0;
}

/* Lets time pass, and lets happen what is due at its end. */
static void
pass(uint64_t us)
{
	bdk_sim_run_for(us);
	bdk_sim_run_until_idle();
}

/* Two threads; the third joins later. */
static void
open_disk(void)
{
	mem_disk_add(&g_disk);
	mem_user_open(&g_user, &g_disk, 2);
}

static void
remove_disk(void)
{
	mem_user_close(&g_user);
	mem_disk_remove(&g_disk);
}

struct status {
	uint32_t done;
	int rc;
	struct spdk_histogram_data *histogram;
};

static void
status_cb(void *cb_arg, int rc)
{
	struct status *status = cb_arg;

	status->done++;
	status->rc = rc;
}

static int
enable(bool on, struct spdk_bdev_enable_histogram_opts *opts)
{
	struct status status = {};

	ON(0, spdk_bdev_histogram_enable_ext(&g_disk.bdev, status_cb, &status, on, opts));
	assert_int_equal(status.done, 0);
	bdk_sim_run_until_idle();
	assert_int_equal(status.done, 1);
	return status.rc;
}

static void
data_cb(void *cb_arg, int rc, struct spdk_histogram_data *histogram)
{
	struct status *status = cb_arg;

	status->done++;
	status->rc = rc;
	status->histogram = histogram;
}

static int
collect(struct spdk_histogram_data *histogram)
{
	struct status status = {};

	ON(0, spdk_bdev_histogram_get(&g_disk.bdev, histogram, data_cb, &status));
	assert_int_equal(status.done, 0);
	bdk_sim_run_until_idle();
	assert_int_equal(status.done, 1);
	assert_ptr_equal(status.histogram, histogram);
	return status.rc;
}

static uint64_t
total(const struct spdk_histogram_data *histogram)
{
	uint64_t sum = 0, i;

	for (i = 0; i < SPDK_HISTOGRAM_NUM_BUCKETS(histogram); i++) {
		sum += histogram->bucket[i];
	}
	return sum;
}

/* How many have the latency, or one as near as can be told. */
static uint64_t
count_at(struct spdk_histogram_data *histogram, uint64_t ticks)
{
	uint32_t range = __spdk_histogram_data_get_bucket_range(histogram, ticks);

	return __spdk_histogram_get_count(
		histogram, range, __spdk_histogram_data_get_bucket_index(histogram, ticks, range));
}

static uint64_t
us_to_ticks(uint64_t us)
{
	return us * spdk_get_ticks_hz() / SPDK_SEC_TO_USEC;
}

struct request {
	enum spdk_bdev_io_type type;
	uint64_t num_blocks;
	struct mem_io *io;
};

static void
submit_cb(void *ctx)
{
	struct request *request = ctx;
	struct mem_io *io = request->io;
	struct spdk_io_channel *ch = g_user.ch[io->thread];

	if (request->type == SPDK_BDEV_IO_TYPE_READ) {
		io->rc = spdk_bdev_read_blocks(g_user.desc, ch, g_buf, 0, request->num_blocks, mem_io_done_cb, io);
	} else if (request->type == SPDK_BDEV_IO_TYPE_WRITE) {
		io->rc = spdk_bdev_write_blocks(g_user.desc, ch, g_buf, 0, request->num_blocks, mem_io_done_cb, io);
	} else {
		io->rc = spdk_bdev_reset(g_user.desc, ch, mem_io_done_cb, io);
	}
	assert_int_equal(io->rc, 0);
}

/* In a turn of the thread, from which the latency counts. */
static void
submit(uint32_t thread, enum spdk_bdev_io_type type, uint64_t num_blocks, struct mem_io *io)
{
	struct request request = {.type = type, .num_blocks = num_blocks, .io = io};

	*io = (struct mem_io){.thread = thread};
	assert_int_equal(spdk_thread_send_msg(g_sim_threads[thread], submit_cb, &request), 0);
	bdk_sim_run_until_idle();
}

/* One I/O that takes so long. */
static void
run(uint32_t thread, enum spdk_bdev_io_type type, uint64_t us)
{
	struct mem_io io;

	g_disk.mode = MEM_DISK_HOLD;
	submit(thread, type, 1, &io);
	pass(us);
	mem_disk_release(&g_disk, 1);
	bdk_sim_run_until_idle();
	assert_int_equal(io.done, 1);
}

static void
test_opts(void **state)
{
	struct spdk_bdev_enable_histogram_opts opts;

	memset(&opts, 0xaa, sizeof(opts));
	spdk_bdev_enable_histogram_opts_init(&opts, sizeof(opts));
	assert_int_equal(opts.size, sizeof(opts));
	assert_int_equal(opts.min_nsec, 0);
	assert_true(opts.max_nsec == UINT64_MAX);
	assert_int_equal(opts.io_type, 0);
	assert_int_equal(opts.granularity, SPDK_HISTOGRAM_GRANULARITY_DEFAULT);
	/* What lies beyond the caller's size stays. */
	memset(&opts, 0xaa, sizeof(opts));
	spdk_bdev_enable_histogram_opts_init(&opts, offsetof(struct spdk_bdev_enable_histogram_opts, io_type));
	assert_true(opts.max_nsec == UINT64_MAX);
	assert_int_equal(opts.io_type, 0xaa);
	spdk_bdev_enable_histogram_opts_init(NULL, sizeof(opts));
	memset(&opts, 0xaa, sizeof(opts));
	spdk_bdev_enable_histogram_opts_init(&opts, 0);
	assert_int_equal(opts.granularity, 0xaa);
}

static void
test_counts(void **state)
{
	struct spdk_histogram_data *histogram = spdk_histogram_data_alloc();
	struct mem_io failing;

	open_disk();
	/* Not enabled: no histogram on any channel. */
	assert_int_equal(collect(histogram), -EFAULT);
	run(0, SPDK_BDEV_IO_TYPE_READ, 10);

	assert_int_equal(enable(true, NULL), 0);
	run(0, SPDK_BDEV_IO_TYPE_READ, 100);
	run(0, SPDK_BDEV_IO_TYPE_WRITE, 100);
	run(1, SPDK_BDEV_IO_TYPE_READ, 5000);
	/* One that fails counts as well. */
	g_disk.fail_status = SPDK_BDEV_IO_STATUS_FAILED;
	g_disk.mode = MEM_DISK_MESSAGE;
	submit(1, SPDK_BDEV_IO_TYPE_READ, 1, &failing);
	bdk_sim_run_until_idle();
	g_disk.fail_status = SPDK_BDEV_IO_STATUS_PENDING;

	assert_int_equal(collect(histogram), 0);
	assert_int_equal(total(histogram), 4);
	assert_int_equal(count_at(histogram, us_to_ticks(100)), 2);
	assert_int_equal(count_at(histogram, us_to_ticks(5000)), 1);
	assert_int_equal(count_at(histogram, 0), 1);

	/* Once more adds once more. Enabling again keeps what there is. */
	assert_int_equal(enable(true, NULL), 0);
	assert_int_equal(collect(histogram), 0);
	assert_int_equal(total(histogram), 8);

	/* Disabling forgets. */
	assert_int_equal(enable(false, NULL), 0);
	assert_int_equal(collect(histogram), -EFAULT);
	run(0, SPDK_BDEV_IO_TYPE_READ, 100);
	assert_int_equal(enable(true, NULL), 0);
	spdk_histogram_data_reset(histogram);
	assert_int_equal(collect(histogram), 0);
	assert_int_equal(total(histogram), 0);
	spdk_histogram_data_free(histogram);
	remove_disk();
}

static void
test_inline_and_split(void **state)
{
	struct spdk_histogram_data *histogram = spdk_histogram_data_alloc();
	struct mem_io io;

	/* I/O that completes inside submit_request; and the parts of one that was split, but not the whole. */
	g_disk.bdev.max_rw_size = 4;
	open_disk();
	assert_int_equal(enable(true, NULL), 0);
	g_disk.mode = MEM_DISK_INLINE;
	submit(0, SPDK_BDEV_IO_TYPE_READ, 1, &io);
	bdk_sim_run_until_idle();
	assert_int_equal(io.done, 1);
	assert_int_equal(collect(histogram), 0);
	assert_int_equal(total(histogram), 1);
	submit(0, SPDK_BDEV_IO_TYPE_READ, 16, &io);
	bdk_sim_run_until_idle();
	spdk_histogram_data_reset(histogram);
	assert_int_equal(collect(histogram), 0);
	assert_int_equal(total(histogram), 5);
	/* A reset is an I/O as others. */
	submit(0, SPDK_BDEV_IO_TYPE_RESET, 0, &io);
	bdk_sim_run_until_idle();
	assert_int_equal(io.done, 1);
	spdk_histogram_data_reset(histogram);
	assert_int_equal(collect(histogram), 0);
	assert_int_equal(total(histogram), 6);
	/* Of what has completed and was not reported when it is ended, nothing is left to count. */
	io = (struct mem_io){.thread = 0};
	ON(0, io.rc = spdk_bdev_read_blocks(g_user.desc, g_user.ch[0], g_buf, 0, 1, mem_io_done_cb, &io));
	assert_int_equal(io.done, 0);
	assert_int_equal(enable(false, NULL), 0);
	bdk_sim_run_until_idle();
	assert_int_equal(io.done, 1);
	spdk_histogram_data_free(histogram);
	remove_disk();
}

/* Else what somebody watches would fall whenever a client leaves. */
static void
test_channels_that_go(void **state)
{
	struct spdk_histogram_data *histogram = spdk_histogram_data_alloc();
	struct spdk_bdev_enable_histogram_opts opts;

	open_disk();
	assert_int_equal(enable(true, NULL), 0);
	run(0, SPDK_BDEV_IO_TYPE_READ, 10);
	run(1, SPDK_BDEV_IO_TYPE_READ, 10);
	run(1, SPDK_BDEV_IO_TYPE_READ, 10);
	mem_user_close(&g_user);
	assert_int_equal(collect(histogram), 0);
	assert_int_equal(total(histogram), 3);
	mem_user_open(&g_user, &g_disk, 2);
	run(0, SPDK_BDEV_IO_TYPE_READ, 10);
	spdk_histogram_data_reset(histogram);
	assert_int_equal(collect(histogram), 0);
	assert_int_equal(total(histogram), 4);
	mem_user_close(&g_user);
	/* Other buckets, and none: what there was is forgotten, also where nobody has the bdev open. */
	spdk_bdev_enable_histogram_opts_init(&opts, sizeof(opts));
	opts.granularity = 3;
	assert_int_equal(enable(true, &opts), 0);
	assert_int_equal(enable(true, NULL), 0);
	spdk_histogram_data_reset(histogram);
	assert_int_equal(collect(histogram), 0);
	assert_int_equal(total(histogram), 0);
	mem_user_open(&g_user, &g_disk, 1);
	run(0, SPDK_BDEV_IO_TYPE_READ, 10);
	mem_user_close(&g_user);
	assert_int_equal(enable(false, NULL), 0);
	assert_int_equal(enable(true, NULL), 0);
	assert_int_equal(collect(histogram), 0);
	assert_int_equal(total(histogram), 0);
	spdk_histogram_data_free(histogram);
	mem_disk_remove(&g_disk);
}

static int
enable_unsaved(bool on)
{
	struct status status = {};

	ON(0, bdk_bdev_histogram_enable_unsaved(&g_disk.bdev, status_cb, &status, on, NULL));
	bdk_sim_run_until_idle();
	assert_int_equal(status.done, 1);
	return status.rc;
}

static void
test_unsaved(void **state)
{
	struct spdk_bdev_enable_histogram_opts opts;

	open_disk();
	assert_int_equal(enable_unsaved(false), -EALREADY);
	assert_int_equal(enable_unsaved(true), 0);
	assert_true(bdk_bdev_histogram_get_opts(&g_disk.bdev, &opts));
	assert_false(bdev_histogram_is_saved(&g_disk.bdev));
	assert_int_equal(enable_unsaved(true), -EALREADY);
	/* Somebody configures one. */
	assert_int_equal(enable(true, NULL), 0);
	assert_true(bdev_histogram_is_saved(&g_disk.bdev));
	assert_int_equal(enable_unsaved(true), -EALREADY);
	assert_int_equal(enable_unsaved(false), -EALREADY);
	assert_true(bdev_histogram_is_saved(&g_disk.bdev));
	assert_int_equal(enable(false, NULL), 0);
	assert_int_equal(enable_unsaved(true), 0);
	assert_int_equal(enable_unsaved(false), 0);
	assert_false(bdk_bdev_histogram_get_opts(&g_disk.bdev, &opts));
	remove_disk();
}

struct collected {
	uint32_t done;
	int rc;
	int histogram_rc;
};

static void
collected_cb(void *cb_arg, int rc, int histogram_rc)
{
	struct collected *collected = cb_arg;

	collected->done++;
	collected->rc = rc;
	collected->histogram_rc = histogram_rc;
}

static int
collect_all(struct spdk_bdev_io_stat *stat, struct spdk_histogram_data *histogram)
{
	struct collected collected = {};

	ON(0, bdk_bdev_collect(&g_disk.bdev, stat, histogram, collected_cb, &collected));
	bdk_sim_run_until_idle();
	assert_int_equal(collected.done, 1);
	assert_int_equal(collected.rc, 0);
	return collected.histogram_rc;
}

static void
test_with_statistics(void **state)
{
	struct spdk_bdev_io_stat *stat = bdk_bdev_io_stat_alloc();
	struct spdk_histogram_data *histogram, *other = spdk_histogram_data_alloc_sized_ext(3, 1, 1000);

	open_disk();
	run(0, SPDK_BDEV_IO_TYPE_READ, 10);
	/* Nobody has asked for histograms. */
	assert_int_equal(collect_all(stat, NULL), 0);
	assert_int_equal(collect_all(stat, other), -EFAULT);
	assert_int_equal(stat->num_read_ops, 1);
	assert_int_equal(enable(true, NULL), 0);
	ON(2, g_user.ch[2] = spdk_bdev_get_io_channel(g_user.desc));
	g_user.num_threads = 3;
	run(1, SPDK_BDEV_IO_TYPE_READ, 10);
	run(2, SPDK_BDEV_IO_TYPE_WRITE, 10);
	/* What a channel that goes has seen stays. */
	ON(2, spdk_put_io_channel(g_user.ch[2]));
	g_user.num_threads = 2;
	bdk_sim_run_until_idle();
	histogram = bdk_bdev_histogram_alloc(&g_disk.bdev);
	assert_int_equal(collect_all(stat, histogram), 0);
	assert_int_equal(total(histogram), 2);
	assert_int_equal(stat->num_read_ops, 2);
	assert_int_equal(stat->num_write_ops, 1);
	/* One with other buckets costs nothing but itself. */
	assert_int_equal(collect_all(stat, other), -EINVAL);
	assert_int_equal(total(other), 0);
	assert_int_equal(stat->num_read_ops, 2);
	spdk_histogram_data_free(histogram);
	spdk_histogram_data_free(other);
	free(stat);
	remove_disk();
}

static void
test_io_type(void **state)
{
	struct spdk_histogram_data *histogram = spdk_histogram_data_alloc();
	struct spdk_bdev_enable_histogram_opts opts;

	spdk_bdev_enable_histogram_opts_init(&opts, sizeof(opts));
	opts.io_type = SPDK_BDEV_IO_TYPE_WRITE;
	open_disk();
	assert_int_equal(enable(true, &opts), 0);
	run(0, SPDK_BDEV_IO_TYPE_READ, 10);
	run(0, SPDK_BDEV_IO_TYPE_WRITE, 10);
	run(1, SPDK_BDEV_IO_TYPE_READ, 10);
	assert_int_equal(collect(histogram), 0);
	assert_int_equal(total(histogram), 1);
	/* Another type from now on: the same buckets, so what there is stays. */
	opts.io_type = 0;
	assert_int_equal(enable(true, &opts), 0);
	run(1, SPDK_BDEV_IO_TYPE_READ, 10);
	spdk_histogram_data_reset(histogram);
	assert_int_equal(collect(histogram), 0);
	assert_int_equal(total(histogram), 2);
	spdk_histogram_data_free(histogram);
	remove_disk();
}

static void
test_range(void **state)
{
	struct spdk_histogram_data *histogram, *usual = spdk_histogram_data_alloc();
	struct spdk_bdev_enable_histogram_opts opts;

	spdk_bdev_enable_histogram_opts_init(&opts, sizeof(opts));
	opts.granularity = 3;
	opts.min_nsec = 100 * 1000;
	opts.max_nsec = 10 * 1000 * 1000;
	open_disk();
	assert_int_equal(enable(true, &opts), 0);
	run(0, SPDK_BDEV_IO_TYPE_READ, 1);
	run(0, SPDK_BDEV_IO_TYPE_READ, 1000);
	run(1, SPDK_BDEV_IO_TYPE_READ, 1000 * 1000);
	/* A channel that comes later has the same buckets. */
	ON(2, g_user.ch[2] = spdk_bdev_get_io_channel(g_user.desc));
	g_user.num_threads = 3;
	run(2, SPDK_BDEV_IO_TYPE_READ, 1000);

	/* Nanoseconds, as ticks. */
	histogram = spdk_histogram_data_alloc_sized_ext(3, us_to_ticks(100), us_to_ticks(10 * 1000));
	assert_int_equal(collect(histogram), 0);
	assert_int_equal(total(histogram), 4);
	assert_int_equal(count_at(histogram, us_to_ticks(1000)), 2);
	assert_int_equal(histogram->bucket[0], 1);
	assert_int_equal(histogram->bucket[SPDK_HISTOGRAM_NUM_BUCKETS(histogram) - 1], 1);
	/* One with other buckets is refused rather than left as it is. */
	assert_int_equal(collect(usual), -EINVAL);
	assert_int_equal(total(usual), 0);

	/* Enabled with other buckets: they are new on all channels. */
	assert_int_equal(enable(true, NULL), 0);
	run(2, SPDK_BDEV_IO_TYPE_READ, 10);
	assert_int_equal(collect(usual), 0);
	assert_int_equal(total(usual), 1);
	spdk_histogram_data_free(histogram);
	spdk_histogram_data_free(usual);
	remove_disk();
}

static void
test_bad_range(void **state)
{
	struct spdk_histogram_data *histogram = spdk_histogram_data_alloc();
	struct spdk_bdev_enable_histogram_opts opts;
	struct status status = {};

	open_disk();
	spdk_bdev_enable_histogram_opts_init(&opts, sizeof(opts));
	opts.min_nsec = 1000;
	opts.max_nsec = 1000;
	assert_int_equal(enable(true, NULL), 0);
	assert_int_equal(enable(true, &opts), -ENOMEM);
	/* It is disabled now. */
	assert_int_equal(collect(histogram), -EFAULT);
	spdk_bdev_enable_histogram_opts_init(&opts, sizeof(opts));
	opts.granularity = 60;
	assert_int_equal(enable(true, &opts), -ENOMEM);
	/* No type has this number. */
	spdk_bdev_enable_histogram_opts_init(&opts, sizeof(opts));
	opts.io_type = SPDK_BDEV_NUM_IO_TYPES;
	ON(0, spdk_bdev_histogram_enable_ext(&g_disk.bdev, status_cb, &status, true, &opts));
	assert_int_equal(status.done, 1);
	assert_int_equal(status.rc, -EINVAL);
	/* Options that end before the type. */
	opts.size = offsetof(struct spdk_bdev_enable_histogram_opts, io_type);
	assert_int_equal(enable(true, &opts), 0);
	assert_int_equal(collect(histogram), 0);
	spdk_histogram_data_free(histogram);
	remove_disk();
}

static void
test_again_meanwhile(void **state)
{
	struct status first = {}, second = {};

	open_disk();
	ON(0, spdk_bdev_histogram_enable(&g_disk.bdev, status_cb, &first, true));
	/* At once, and on whatever thread. */
	ON(1, spdk_bdev_histogram_enable(&g_disk.bdev, status_cb, &second, false));
	assert_int_equal(second.done, 1);
	assert_int_equal(second.rc, -EAGAIN);
	bdk_sim_run_until_idle();
	assert_int_equal(first.done, 1);
	assert_int_equal(first.rc, 0);
	assert_int_equal(enable(false, NULL), 0);
	remove_disk();
}

static void
test_channel(void **state)
{
	struct status status = {};

	open_disk();
	ON(0, spdk_bdev_channel_get_histogram(g_user.ch[0], data_cb, &status));
	assert_int_equal(status.done, 1);
	assert_int_equal(status.rc, -EFAULT);
	assert_null(status.histogram);
	assert_int_equal(enable(true, NULL), 0);
	run(0, SPDK_BDEV_IO_TYPE_READ, 50);
	run(1, SPDK_BDEV_IO_TYPE_READ, 70);
	ON(0, spdk_bdev_channel_get_histogram(g_user.ch[0], data_cb, &status));
	assert_int_equal(status.done, 2);
	assert_int_equal(status.rc, 0);
	assert_int_equal(total(status.histogram), 1);
	assert_int_equal(count_at(status.histogram, us_to_ticks(50)), 1);
	/* A channel that is made while it changes has what is wanted, too. */
	ON(0, spdk_bdev_histogram_enable(&g_disk.bdev, status_cb, &status, false));
	ON(2, {
		g_user.ch[2] = spdk_bdev_get_io_channel(g_user.desc);
		spdk_bdev_channel_get_histogram(g_user.ch[2], data_cb, &status);
	});
	assert_int_equal(status.rc, -EFAULT);
	g_user.num_threads = 3;
	bdk_sim_run_until_idle();
	remove_disk();
}

static void
test_no_channel(void **state)
{
	struct spdk_histogram_data *histogram = spdk_histogram_data_alloc();
	struct spdk_bdev_enable_histogram_opts opts;

	mem_disk_add(&g_disk);
	mem_user_open(&g_user, &g_disk, 0);
	assert_int_equal(enable(true, NULL), 0);
	assert_int_equal(collect(histogram), 0);
	assert_int_equal(total(histogram), 0);
	/* Found out although there is no channel to fail. */
	spdk_bdev_enable_histogram_opts_init(&opts, sizeof(opts));
	opts.granularity = 0;
	assert_int_equal(enable(true, &opts), -ENOMEM);
	spdk_histogram_data_free(histogram);
	remove_disk();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_opts),
		cmocka_unit_test_setup_teardown(test_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_inline_and_split, setup, teardown),
		cmocka_unit_test_setup_teardown(test_channels_that_go, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unsaved, setup, teardown),
		cmocka_unit_test_setup_teardown(test_with_statistics, setup, teardown),
		cmocka_unit_test_setup_teardown(test_io_type, setup, teardown),
		cmocka_unit_test_setup_teardown(test_range, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_range, setup, teardown),
		cmocka_unit_test_setup_teardown(test_again_meanwhile, setup, teardown),
		cmocka_unit_test_setup_teardown(test_channel, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_channel, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
