/* SPDX-License-Identifier: BSD-3-Clause */

/* Budgets: what time brings, what is lost, what is owed, and what several threads may take at once. */

#include "lib/bdev/rate.h"
#include "bdevkit/sim.h"
#include "lib/env/env_internal.h"
#include "spdk/env.h"
#include "spdk/log.h"

#include <setjmp.h>
#include <cmocka.h>

#define IOPS SPDK_BDEV_QOS_RW_IOPS_RATE_LIMIT
#define WRITTEN SPDK_BDEV_QOS_W_BPS_RATE_LIMIT

static struct bdev_rate *g_rate;
static struct bdev_rate_share g_share;
static uint64_t g_slice;

static int
setup(void **state)
{
	assert_int_equal(bdk_sim_init(1), 0);
	g_rate = bdev_rate_alloc();
	assert_non_null(g_rate);
	memset(&g_share, 0, sizeof(g_share));
	g_share.slice = BDEV_RATE_NO_SLICE;
	g_slice = spdk_get_ticks_hz() / 1000;
	return 0;
}

static int
teardown(void **state)
{
	bdev_rate_put(g_rate);
	bdk_sim_fini();
	return 0;
}

static void
set(uint64_t iops, uint64_t written)
{
	uint64_t limits[BDEV_RATE_NUM] = {[IOPS] = iops, [WRITTEN] = written};

	bdev_rate_set(g_rate, limits);
}

static bool
take(int64_t written, uint64_t now)
{
	struct bdev_rate_cost cost = {.amount = {[IOPS] = 1, [WRITTEN] = written}};

	return bdev_rate_take(g_rate, &g_share, &cost, now);
}

/* How many can be had at a time. */
static uint32_t
take_all(int64_t written, uint64_t now)
{
	uint32_t count = 0;

	while (take(written, now)) {
		count++;
	}
	return count;
}

static void
test_unused_is_lost(void **state)
{
	set(10000, 0);
	assert_true(take(0, 0));
	assert_true(take(0, g_slice * 1000));
	assert_int_equal(take_all(0, g_slice * 1000), 9);
	/* That slice began when it was needed. */
	assert_int_equal(take_all(0, g_slice * 1001 - 1), 0);
	assert_int_equal(take_all(0, g_slice * 1001), 10);
}

static void
test_late_threads_make_up(void **state)
{
	set(10000, 0);
	assert_int_equal(take_all(0, 0), 10);
	assert_int_equal(take_all(0, g_slice * 3), 30);
	assert_int_equal(take_all(0, g_slice * 4 + 1), 10);
	assert_int_equal(take_all(0, g_slice * 5), 10);
	/* Up to some. */
	assert_int_equal(take_all(0, g_slice * 1000), 100);
}

static void
test_debts(void **state)
{
	set(0, 512000);
	assert_true(take(512 * 100, 0));
	assert_false(take(1, g_slice));
	assert_false(take(1, g_slice * 99));
	/* All paid, nothing left; then one byte is enough. */
	assert_false(take(1, g_slice * 100 - 1));
	assert_false(take(1, g_slice * 100 - 1));
	assert_true(take(1 << 20, g_slice * 101));
	/* A debt is paid in one go as well, however late. */
	assert_false(take(1, g_slice * 102));
	assert_true(take(1, g_slice * 102 + g_slice * 2048));
	/* Who takes no bytes does not mind. */
	assert_true(take(0, g_slice));
}

static void
test_extremes(void **state)
{
	uint64_t limits[BDEV_RATE_NUM] = {UINT64_MAX - 1, UINT64_MAX - 1, 0, 1}, read[BDEV_RATE_NUM];

	bdev_rate_normalize(limits);
	assert_int_equal(limits[0] % 1000, 0);
	assert_true(limits[0] > UINT64_MAX - 1000);
	bdev_rate_set(g_rate, limits);
	assert_true(take(INT64_MAX / 2, 0));
	/* The clock of another thread may be behind. */
	assert_false(take(1, 0));
	assert_false(take(1, UINT64_MAX / 4));
	bdev_rate_read(g_rate, read);
	assert_memory_equal(read, limits, sizeof(read));
	bdev_rate_read_mib(g_rate, read);
	assert_int_equal(read[1], UINT64_MAX / 1048576);
	assert_true(bdev_rate_is_limited(g_rate));
	assert_false(bdev_rate_is_limited(NULL));
	/* The least that a slice brings. */
	set(1, 1);
	assert_int_equal(take_all(512, 0), 1);
}

static void
test_refund(void **state)
{
	struct bdev_rate_cost cost = {.amount = {[IOPS] = 1, [WRITTEN] = 1000}};

	set(2000, 512000);
	assert_true(bdev_rate_take(g_rate, &g_share, &cost, 0));
	bdev_rate_refund(g_rate, &g_share, &cost);
	assert_int_equal(g_rate->limits[IOPS].remaining, 2);
	assert_int_equal(g_rate->limits[WRITTEN].remaining, 512);
	/* Refused by the second limit: the first is as it was. */
	assert_true(take(1000, 0));
	assert_false(take(1000, 0));
	assert_int_equal(g_rate->limits[IOPS].remaining, 1);
}

/* Lets three channels, always in the same order, take all they can get in each of so many slices. */
static void
run_shares(struct bdev_rate_share shares[3], int64_t written, uint64_t slices, uint32_t got[3])
{
	struct bdev_rate_cost cost = {.amount = {[IOPS] = 1, [WRITTEN] = written}};
	uint64_t first = g_rate->slice_start / g_slice + 1, half;
	int i;

	memset(got, 0, 3 * sizeof(got[0]));
	for (half = first * 2; half < (first + slices) * 2; half++) {
		for (i = 0; i < 3; i++) {
			while (bdev_rate_take(g_rate, &shares[i], &cost, half * g_slice / 2 + i)) {
				got[i]++;
			}
		}
	}
}

/* Each of those who wait gets its part, whoever comes first. */
static void
test_shares(void **state)
{
	struct bdev_rate_share shares[3];
	uint32_t got[3], i;

	memset(shares, 0, sizeof(shares));
	set(10000, 0);
	for (i = 0; i < 3; i++) {
		shares[i].slice = BDEV_RATE_NO_SLICE;
		bdev_rate_wait(g_rate, &shares[i], true);
		bdev_rate_wait(g_rate, &shares[i], true);
	}
	run_shares(shares, 0, 99, got);
	for (i = 0; i < 3; i++) {
		assert_int_equal(got[i], 330);
	}
	/* Fewer than one for each. */
	set(1000, 0);
	run_shares(shares, 0, 99, got);
	for (i = 0; i < 3; i++) {
		assert_int_equal(got[i], 33);
	}
	/* What cannot be divided. */
	set(0, 1000000);
	run_shares(shares, 700, 2100, got);
	for (i = 0; i < 3; i++) {
		assert_in_range(got[i], 980, 1020);
	}
	assert_in_range(got[0] + got[1] + got[2], 2999, 3001);
	/* Two go, the third has all. */
	bdev_rate_wait(g_rate, &shares[0], false);
	bdev_rate_wait(g_rate, &shares[1], false);
	set(10000, 0);
	g_share = shares[2];
	assert_int_equal(take_all(0, g_rate->slice_start + 2 * g_slice), 10);
	bdev_rate_wait(g_rate, &shares[2], false);
	assert_int_equal(g_rate->waiting, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_unused_is_lost, setup, teardown),
		cmocka_unit_test_setup_teardown(test_late_threads_make_up, setup, teardown),
		cmocka_unit_test_setup_teardown(test_debts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_extremes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refund, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shares, setup, teardown),
	};

	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
