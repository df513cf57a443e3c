/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Every allocation of every control function fails once: the function says so and leaves nothing behind, and when
 * there is memory again it does what it should.
 */

#include "bdev_sim.h"
#include "bdevkit/qos.h"
#include "lib/bdev/io_internal.h"

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);

/* Allocations until one fails; 0: none does. */
static uint32_t g_fail_at;
static bool g_failed;

static bool
fails(void)
{
	if (g_fail_at == 0 || --g_fail_at > 0) {
		return false;
	}
	g_failed = true;
	return true;
}

void *
__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

char *
__wrap_strdup(const char *text)
{
	return fails() ? NULL : __real_strdup(text);
}

/*
 * Calls fn on the app thread, with the first allocation failing, then the second, and so on until it needs no more.
 * Each time it has to return -ENOMEM, and 0 in the end. Returns how many allocations there were.
 */
static uint32_t
try_all(int (*fn)(void *arg), void *arg)
{
	uint32_t n;
	int rc;

	for (n = 1;; n++) {
		g_fail_at = n;
		g_failed = false;
		ON(0, rc = fn(arg));
		g_fail_at = 0;
		if (!g_failed) {
			assert_int_equal(rc, 0);
			return n - 1;
		}
		assert_int_equal(rc, -ENOMEM);
	}
}

static struct sim_disk g_disk;

static int
setup(void **state)
{
	bdev_sim_start(9, 2);
	sim_disk_init(&g_disk, "d");
	sim_disk_add(&g_disk);
	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	return 0;
}

static int
teardown(void **state)
{
	bdk_sim_run_until_idle();
	assert_int_equal(sim_disk_remove(&g_disk), 0);
	bdev_sim_stop();
	return 0;
}

/* ---- one function each ---- */

static int
do_register(void *disk)
{
	int rc = spdk_bdev_register(&((struct sim_disk *)disk)->bdev);

	if (rc != 0) {
		assert_null(spdk_bdev_get_by_name("new"));
		assert_ptr_equal(spdk_bdev_first(), &g_disk.bdev);
		assert_null(spdk_bdev_next(&g_disk.bdev));
	}
	return rc;
}

static void
test_register(void **state)
{
	struct sim_disk disk;

	sim_disk_init(&disk, "new");
	/* State, descriptor, two names, an alias at least; whatever the thread library needs does not fail it. */
	g_fail_at = 0;
	assert_true(try_all(do_register, &disk) >= 5);
	bdk_sim_run_until_idle();
	assert_int_equal(sim_disk_remove(&disk), 0);
}

static void
ignore_event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *ctx)
{
}

static int
do_open(void *desc)
{
	return spdk_bdev_open_ext("d", true, ignore_event_cb, NULL, desc);
}

static int
do_claim(void *desc)
{
	return spdk_bdev_module_claim_bdev_desc(desc, SPDK_BDEV_CLAIM_READ_MANY_WRITE_ONE, NULL, &g_sim_module);
}

static void
test_open_and_claim(void **state)
{
	struct spdk_bdev_desc *desc;

	assert_int_equal(try_all(do_open, &desc), 1);
	assert_int_equal(try_all(do_claim, desc), 1);
	ON(0, spdk_bdev_close(desc));
}

static int
do_alias(void *arg)
{
	return spdk_bdev_alias_add(&g_disk.bdev, "alias");
}

static void
test_alias(void **state)
{
	assert_int_equal(try_all(do_alias, NULL), 2);
}

static uint32_t g_called;

static void
opened_cb(struct spdk_bdev_desc *desc, int rc, void *ctx)
{
	assert_int_equal(rc, -ENODEV);
	g_called++;
}

static int
do_open_async(void *arg)
{
	return spdk_bdev_open_async("none", true, ignore_event_cb, NULL, NULL, opened_cb, NULL);
}

static void
waited_cb(void *ctx)
{
	g_called++;
}

static int
do_wait(void *arg)
{
	return spdk_bdev_wait_for_examine(waited_cb, NULL);
}

/* The callback comes if and only if it was promised. */
static void
test_callbacks(void **state)
{
	g_called = 0;
	try_all(do_wait, NULL);
	bdk_sim_run_until_idle();
	assert_int_equal(g_called, 1);
}

/* An open that cannot even be tried for lack of memory is not reported as anything else. */
static void
test_open_async(void **state)
{
	uint32_t n;
	int rc;

	for (n = 1; n <= 2; n++) {
		g_called = 0;
		g_fail_at = n;
		ON(0, rc = do_open_async(NULL));
		g_fail_at = 0;
		assert_int_equal(rc, -ENOMEM);
		bdk_sim_run_until_idle();
		assert_int_equal(g_called, 0);
	}
	ON(0, rc = do_open_async(NULL));
	assert_int_equal(rc, 0);
	bdk_sim_run_until_idle();
	assert_int_equal(g_called, 1);
}

static int
do_nothing(void *ctx, struct spdk_bdev *bdev)
{
	return 0;
}

static int
do_for_each(void *arg)
{
	return spdk_for_each_bdev(NULL, do_nothing);
}

static void
test_for_each(void **state)
{
	/* One for each bdev, and one that finds the end. */
	assert_int_equal(try_all(do_for_each, NULL), 2);
}

static int
do_examine(void *arg)
{
	return spdk_bdev_examine("d");
}

static void
test_examine(void **state)
{
	struct spdk_bdev_opts opts;

	spdk_bdev_get_opts(&opts, sizeof(opts));
	opts.bdev_auto_examine = false;
	assert_int_equal(spdk_bdev_set_opts(&opts), 0);
	assert_int_equal(try_all(do_examine, NULL), 3);
}

static int
do_unregister_by_name(void *arg)
{
	return spdk_bdev_unregister_by_name("gone", &g_sim_module, NULL, NULL);
}

static void
test_unregister_by_name(void **state)
{
	struct sim_disk disk;
	uint32_t n;
	int rc;

	sim_disk_init(&disk, "gone");
	sim_disk_add(&disk);
	g_fail_at = 1;
	ON(0, rc = do_unregister_by_name(NULL));
	g_fail_at = 0;
	assert_int_equal(rc, -ENOMEM);
	bdk_sim_run_until_idle();
	assert_int_equal(disk.destructed, 0);

	/* Once it has begun it goes on without memory. */
	for (n = 2; n < 8; n++) {
		g_fail_at = n;
		ON(0, rc = do_unregister_by_name(NULL));
		g_fail_at = 0;
		assert_int_equal(rc, 0);
		bdk_sim_run_until_idle();
		assert_int_equal(disk.destructed, n - 1);
		sim_disk_add(&disk);
	}
	assert_int_equal(sim_disk_remove(&disk), 0);
}

static void
ignore_late_cb(void *cb_arg, struct spdk_bdev_io *bdev_io)
{
}

static int
do_set_timeout(void *desc)
{
	return spdk_bdev_set_timeout(desc, 1, ignore_late_cb, NULL) == 0 ? 0 : -ENOMEM;
}

static void
test_timeout(void **state)
{
	struct spdk_bdev_desc *desc;

	ON(0, assert_int_equal(do_open(&desc), 0));
	assert_int_equal(try_all(do_set_timeout, desc), 2);
	/* Its walks need no memory. */
	g_fail_at = 1;
	bdk_sim_run_for(3 * 1000 * 1000);
	assert_int_equal(g_fail_at, 1);
	g_fail_at = 0;
	ON(0, spdk_bdev_close(desc));
}

static int
do_sample(void *arg)
{
	spdk_bdev_set_qd_sampling_period(&g_disk.bdev, 1000);
	return spdk_bdev_get_qd_sampling_period(&g_disk.bdev) == 1000 ? 0 : -ENOMEM;
}

static void
test_sampling(void **state)
{
	assert_int_equal(try_all(do_sample, NULL), 2);
	g_fail_at = 1;
	bdk_sim_run_for(10 * 1000);
	assert_int_equal(g_fail_at, 1);
	g_fail_at = 0;
	assert_int_equal(spdk_bdev_get_qd(&g_disk.bdev), 0);
	ON(0, spdk_bdev_set_qd_sampling_period(&g_disk.bdev, 0));
}

static int g_rc;

static void
depth_cb(struct spdk_bdev *bdev, uint64_t depth, void *cb_arg, int rc)
{
	g_rc = rc;
}

static int
do_measure(void *arg)
{
	g_rc = 0;
	spdk_bdev_get_current_qd(&g_disk.bdev, depth_cb, NULL);
	return g_rc;
}

static int
ignore_io(void *ctx, struct spdk_bdev_io *bdev_io)
{
	return 0;
}

static void
walked_cb(void *ctx, int rc)
{
	g_rc = rc;
}

static int
do_walk(void *arg)
{
	g_rc = 0;
	spdk_bdev_for_each_bdev_io(&g_disk.bdev, NULL, ignore_io, walked_cb);
	return g_rc;
}

static void
test_walks(void **state)
{
	assert_int_equal(try_all(do_measure, NULL), 1);
	assert_int_equal(try_all(do_walk, NULL), 1);
}

static void
data_cb(void *cb_arg, int status, struct spdk_histogram_data *histogram)
{
	g_rc = status;
}

static void
test_histogram(void **state)
{
	struct spdk_histogram_data *histogram = spdk_histogram_data_alloc();
	struct spdk_bdev_desc *desc;
	struct spdk_io_channel *ch[2];
	uint32_t n, i;

	ON(0, assert_int_equal(do_open(&desc), 0));
	for (i = 0; i < 2; i++) {
		ON(i, ch[i] = spdk_bdev_get_io_channel(desc));
		assert_non_null(ch[i]);
	}
	/* On every channel, or on none. */
	for (n = 1;; n++) {
		g_fail_at = n;
		g_failed = false;
		g_rc = -EINPROGRESS;
		ON(0, spdk_bdev_histogram_enable(&g_disk.bdev, walked_cb, NULL, true));
		bdk_sim_run_until_idle();
		g_fail_at = 0;
		assert_int_equal(g_rc, g_failed ? -ENOMEM : 0);
		ON(0, spdk_bdev_histogram_get(&g_disk.bdev, histogram, data_cb, NULL));
		bdk_sim_run_until_idle();
		assert_int_equal(g_rc, g_failed ? -EFAULT : 0);
		if (!g_failed) {
			break;
		}
	}
	/* The request, one to see whether the range is one, and for each channel; two parts each. */
	assert_int_equal(n - 1, 1 + 2 + 2 * 2);
	for (i = 0; i < 2; i++) {
		ON(i, spdk_put_io_channel(ch[i]));
	}
	bdk_sim_run_until_idle();
	ON(0, spdk_bdev_close(desc));
	spdk_histogram_data_free(histogram);
}

/* ---- what is announced to all channels, and lacks memory on one of them ---- */

static struct spdk_io_channel *g_channels[2];
static struct spdk_bdev_desc *g_desc;
static int g_status;

static void
open_channels(void)
{
	uint32_t i;

	ON(0, assert_int_equal(do_open(&g_desc), 0));
	for (i = 0; i < 2; i++) {
		ON(i, g_channels[i] = spdk_bdev_get_io_channel(g_desc));
		assert_non_null(g_channels[i]);
	}
}

static void
close_channels(void)
{
	uint32_t i;

	for (i = 0; i < 2; i++) {
		ON(i, spdk_put_io_channel(g_channels[i]));
	}
	bdk_sim_run_until_idle();
	ON(0, spdk_bdev_close(g_desc));
}

static uint32_t
gates(void)
{
	struct bdev_channel *a = spdk_io_channel_get_ctx(g_channels[0]), *b = spdk_io_channel_get_ctx(g_channels[1]);

	return (a->gates | b->gates) & ~BDEV_GATE_STRICT;
}

static void
status_cb(void *ctx, int status)
{
	g_called++;
	g_status = status;
}

/*
 * Lets one allocation after the other fail, in fn or in what follows from it, until none does. Returns how many there
 * were. Whether it fails at once or later, nothing has changed.
 */
static uint32_t
try_all_later(int (*fn)(void))
{
	uint32_t n;
	int rc;

	for (n = 1;; n++) {
		g_called = 0;
		g_status = 0;
		g_failed = false;
		g_fail_at = n;
		ON(0, rc = fn());
		bdk_sim_run_until_idle();
		g_fail_at = 0;
		if (!g_failed) {
			assert_int_equal(rc, 0);
			assert_int_equal(g_called, 1);
			assert_int_equal(g_status, 0);
			return n - 1;
		}
		assert_int_equal(rc != 0 ? rc : g_status, -ENOMEM);
		assert_int_equal(g_called, rc == 0);
		assert_int_equal(gates(), 0);
	}
}

static int
do_quiesce(void)
{
	return spdk_bdev_quiesce(&g_disk.bdev, &g_sim_module, status_cb, NULL);
}

static int
do_set_limits(void)
{
	uint64_t limits[] = {1000, 0, 0, 0};

	spdk_bdev_set_qos_rate_limits(&g_disk.bdev, limits, status_cb, NULL);
	return 0;
}

static int
do_create_group(void *arg)
{
	return bdk_bdev_qos_group_create("g", NULL);
}

static int
do_join_group(void)
{
	return bdk_bdev_qos_group_add_bdev("g", &g_disk.bdev, status_cb, NULL);
}

/* A channel that is made meanwhile needs the same memory. */
static void
check_new_channel(void)
{
	uint32_t n;

	ON(1, spdk_put_io_channel(g_channels[1]));
	bdk_sim_run_until_idle();
	for (n = 1;; n++) {
		g_failed = false;
		g_fail_at = n;
		ON(1, g_channels[1] = spdk_bdev_get_io_channel(g_desc));
		g_fail_at = 0;
		assert_true((g_channels[1] == NULL) == g_failed);
		if (!g_failed) {
			return;
		}
	}
}

static void
test_quiesce(void **state)
{
	open_channels();
	/* The lock itself, and each channel's part. */
	assert_int_equal(try_all_later(do_quiesce), 3);
	check_new_channel();
	assert_int_equal(gates(), BDEV_GATE_LOCK);
	/* To end it needs none. */
	g_called = 0;
	g_fail_at = 1;
	ON(0, assert_int_equal(spdk_bdev_unquiesce(&g_disk.bdev, &g_sim_module, status_cb, NULL), 0));
	bdk_sim_run_until_idle();
	g_fail_at = 0;
	assert_int_equal(g_called, 1);
	assert_int_equal(gates(), 0);
	close_channels();
}

static void
test_rate_limits(void **state)
{
	uint64_t limits[] = {0, 0, 0, 0};

	open_channels();
	/* The budget, which then stays; and on each channel the queues and a poller. */
	assert_int_equal(try_all_later(do_set_limits), 4);
	ON(0, spdk_bdev_set_qos_rate_limits(&g_disk.bdev, limits, status_cb, NULL));
	bdk_sim_run_until_idle();
	assert_int_equal(try_all_later(do_set_limits), 4);
	check_new_channel();
	assert_int_equal(gates(), BDEV_GATE_QOS);
	g_called = 0;
	g_fail_at = 1;
	ON(0, spdk_bdev_set_qos_rate_limits(&g_disk.bdev, limits, status_cb, NULL));
	bdk_sim_run_until_idle();
	g_fail_at = 0;
	assert_int_equal(g_called, 1);
	assert_int_equal(g_status, 0);
	assert_int_equal(gates(), 0);
	spdk_bdev_get_qos_rate_limits(&g_disk.bdev, limits);
	assert_int_equal(limits[0], 0);
	close_channels();
}

static void
test_rate_limit_group(void **state)
{
	open_channels();
	assert_int_equal(try_all(do_create_group, NULL), 3);
	/* Not in the group after a failure. */
	assert_int_equal(try_all_later(do_join_group), 4);
	assert_int_equal(bdk_bdev_qos_group_delete("g"), -EBUSY);
	assert_int_equal(gates(), BDEV_GATE_QOS);
	g_called = 0;
	g_fail_at = 1;
	ON(0, assert_int_equal(bdk_bdev_qos_group_remove_bdev("g", &g_disk.bdev, status_cb, NULL), 0));
	bdk_sim_run_until_idle();
	g_fail_at = 0;
	assert_int_equal(g_called, 1);
	assert_int_equal(gates(), 0);
	assert_int_equal(bdk_bdev_qos_group_delete("g"), 0);
	close_channels();
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_register),
		TEST(test_open_and_claim),
		TEST(test_alias),
		TEST(test_callbacks),
		TEST(test_open_async),
		TEST(test_for_each),
		TEST(test_examine),
		TEST(test_unregister_by_name),
		TEST(test_timeout),
		TEST(test_sampling),
		TEST(test_walks),
		TEST(test_histogram),
		TEST(test_quiesce),
		TEST(test_rate_limits),
		TEST(test_rate_limit_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
