/* SPDX-License-Identifier: BSD-3-Clause */

/* Percentiles, averages and sums of what was measured. */

#include "app/bdevkit/perf/result.h"

#include "spdk/env.h"
#include "spdk/util.h"

#include <setjmp.h>
#include <cmocka.h>

/* Ticks of so many microseconds. */
static uint64_t
ticks(double us)
{
	return (uint64_t)(us * (double)spdk_get_ticks_hz() / SPDK_SEC_TO_USEC);
}

/* As narrow as the buckets are. */
static void
assert_near(double value, double expected)
{
	assert_true(fabs(value - expected) <= expected * 0.01);
}

static void
percentiles_of_an_even_load(void **state)
{
	struct perf_stats stats = {};
	struct perf_stat *stat = &stats.kinds[PERF_READ];

	assert_int_equal(perf_stats_use(&stats, PERF_READ), 0);
	for (int us = 1; us <= 10000; us++) {
		perf_stat_count(stat, 4096, ticks(us));
	}
	perf_stats_settle(&stats);
	assert_int_equal(stat->ios, 10000);
	assert_int_equal(stat->bytes, 40960000);
	assert_near(perf_stat_average(stat), 5000.5);
	assert_near(perf_stat_percentile(stat, 50), 5000);
	assert_near(perf_stat_percentile(stat, 99), 9900);
	assert_near(perf_stat_percentile(stat, 99.99), 9999);
	assert_true(perf_stat_percentile(stat, 100) <= perf_ticks_to_us(stat->max));
	assert_near(perf_ticks_to_us(stat->min), 1);
	perf_stats_free(&stats);
}

static void
the_slow_one_is_seen(void **state)
{
	struct perf_stats stats = {};
	struct perf_stat *stat = &stats.kinds[PERF_WRITE];

	assert_int_equal(perf_stats_use(&stats, PERF_WRITE), 0);
	for (int i = 0; i < 999; i++) {
		perf_stat_count(stat, 1, ticks(10));
	}
	perf_stat_count(stat, 1, ticks(50000));
	perf_stats_settle(&stats);
	assert_near(perf_stat_percentile(stat, 99.9), 10);
	assert_near(perf_stat_percentile(stat, 99.99), 50000);
	/* What was before is forgotten, and the histogram stays. */
	perf_stats_reset(&stats);
	assert_int_equal(stat->ios, 0);
	perf_stat_count(stat, 1, ticks(20));
	perf_stats_settle(&stats);
	assert_near(perf_stat_percentile(stat, 50), 20);
	assert_near(perf_ticks_to_us(stat->min), 20);
	perf_stats_free(&stats);
}

/* Those that took equally long go into the histogram together: none is lost, wherever a run begins and ends. */
static void
runs_are_counted(void **state)
{
	static const struct {
		double us;
		int count;
	} runs[] = {{10, 16}, {20, 1}, {10, 3}, {0, 2}, {20, 78}};
	struct perf_stats stats = {};
	struct perf_stat *stat = &stats.kinds[PERF_READ];

	assert_int_equal(perf_stats_use(&stats, PERF_READ), 0);
	for (size_t i = 0; i < SPDK_COUNTOF(runs); i++) {
		for (int k = 0; k < runs[i].count; k++) {
			perf_stat_count(stat, 512, ticks(runs[i].us));
		}
	}
	/* More than once is as good. */
	perf_stats_settle(&stats);
	perf_stats_settle(&stats);
	assert_int_equal(stat->ios, 100);
	assert_int_equal(stat->sum, 19 * ticks(10) + 79 * ticks(20));
	assert_int_equal(stat->min, 0);
	assert_int_equal(stat->max, ticks(20));
	assert_true(perf_stat_percentile(stat, 2) == 0);
	assert_near(perf_stat_percentile(stat, 3), 10);
	assert_near(perf_stat_percentile(stat, 21), 10);
	assert_near(perf_stat_percentile(stat, 22), 20);
	perf_stats_free(&stats);
}

static void
nothing_is_zero(void **state)
{
	struct perf_stats stats = {};

	assert_int_equal(perf_stats_use(&stats, PERF_READ), 0);
	assert_true(perf_stat_percentile(&stats.kinds[PERF_READ], 99) == 0);
	assert_true(perf_stat_average(&stats.kinds[PERF_READ]) == 0);
	perf_stats_free(&stats);
}

static void
jobs_are_added_up(void **state)
{
	struct perf_stats one = {.failed = 1}, other = {.aborted = 2, .mismatches = 3}, sum = {};

	assert_int_equal(perf_stats_use(&one, PERF_READ), 0);
	assert_int_equal(perf_stats_use(&other, PERF_READ), 0);
	assert_int_equal(perf_stats_use(&other, PERF_WRITE), 0);
	for (int i = 0; i < 100; i++) {
		perf_stat_count(&one.kinds[PERF_READ], 1, ticks(10));
		perf_stat_count(&other.kinds[PERF_READ], 1, ticks(30));
		perf_stat_count(&other.kinds[PERF_WRITE], 1, ticks(70));
	}
	perf_stats_settle(&one);
	perf_stats_settle(&other);
	assert_int_equal(perf_stats_add(&sum, &one), 0);
	assert_int_equal(perf_stats_add(&sum, &other), 0);
	assert_int_equal(sum.kinds[PERF_READ].ios, 200);
	assert_near(perf_stat_average(&sum.kinds[PERF_READ]), 20);
	assert_near(perf_stat_percentile(&sum.kinds[PERF_READ], 50), 10);
	assert_near(perf_stat_percentile(&sum.kinds[PERF_READ], 51), 30);
	assert_int_equal(sum.kinds[PERF_WRITE].ios, 100);
	assert_int_equal(sum.failed, 1);
	assert_int_equal(sum.aborted, 2);
	assert_int_equal(sum.mismatches, 3);
	perf_stats_free(&one);
	perf_stats_free(&other);
	perf_stats_free(&sum);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(percentiles_of_an_even_load),
		cmocka_unit_test(the_slow_one_is_seen),
		cmocka_unit_test(runs_are_counted),
		cmocka_unit_test(nothing_is_zero),
		cmocka_unit_test(jobs_are_added_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
