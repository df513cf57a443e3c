/* SPDX-License-Identifier: BSD-3-Clause */

/* Where I/O goes: all of the area, nothing outside of it, and as often as the distribution says. */

#include "app/bdevkit/perf/pattern.h"

#include "spdk/util.h"

#include <setjmp.h>
#include <cmocka.h>

#define DRAWS 100000

static void
init(struct perf_pattern *pattern, const char *sizes_text, const char *distribution_text, bool is_random,
	uint64_t first, uint64_t area)
{
	struct perf_sizes sizes;
	struct perf_distribution distribution;
	struct perf_pattern_opts opts = {.sizes = &sizes,
		.distribution = &distribution,
		.is_random = is_random,
		.block_size = 512,
		.first = first,
		.area = area,
		.seed = 7};

	assert_int_equal(perf_sizes_parse(&sizes, sizes_text), 0);
	assert_int_equal(perf_distribution_parse(&distribution, distribution_text), 0);
	assert_int_equal(perf_pattern_init(pattern, &opts), 0);
}

static void
sizes_are_read(void **state)
{
	static const char *const wrong[] = {
		"", "0", "x", "4k/", "4k/50", "4k/50:8k/49", "4k/101", "4k/50:8k/50:", "4k:8k"};
	struct perf_sizes sizes;

	assert_int_equal(perf_sizes_parse(&sizes, "4k"), 0);
	assert_int_equal(sizes.count, 1);
	assert_int_equal(sizes.items[0].bytes, 4096);
	assert_int_equal(perf_sizes_parse(&sizes, "512/10:1M/90"), 0);
	assert_int_equal(sizes.count, 2);
	assert_int_equal(sizes.items[1].bytes, 1 << 20);
	assert_int_equal(sizes.items[1].percent, 90);
	for (size_t i = 0; i < SPDK_COUNTOF(wrong); i++) {
		assert_int_equal(perf_sizes_parse(&sizes, wrong[i]), -EINVAL);
	}
}

static void
what_was_read_is_written(void **state)
{
	static const char *const all_sizes[] = {"4096", "512/10:1048576/90"};
	static const char *const all_distributions[] = {"random", "zipf:1.25", "hot:90/12.5"};
	struct perf_distribution distribution;
	char text[PERF_SIZES_TEXT];
	struct perf_sizes sizes;

	for (size_t i = 0; i < SPDK_COUNTOF(all_sizes); i++) {
		assert_int_equal(perf_sizes_parse(&sizes, all_sizes[i]), 0);
		perf_sizes_format(&sizes, text);
		assert_string_equal(text, all_sizes[i]);
	}
	for (size_t i = 0; i < SPDK_COUNTOF(all_distributions); i++) {
		assert_int_equal(perf_distribution_parse(&distribution, all_distributions[i]), 0);
		perf_distribution_format(&distribution, text);
		assert_string_equal(text, all_distributions[i]);
	}
}

static void
distributions_are_read(void **state)
{
	static const char *const wrong[] = {"", "zipf", "zipf:", "zipf:0", "zipf:-1", "zipf:1x", "hot:90", "hot:90/",
		"hot:0/10", "hot:90/100", "hot:101/1"};
	struct perf_distribution distribution;

	assert_int_equal(perf_distribution_parse(&distribution, "zipf:1.2"), 0);
	assert_int_equal(distribution.shape, PERF_ZIPF);
	assert_int_equal(perf_distribution_parse(&distribution, "hot:90/10"), 0);
	assert_int_equal(distribution.shape, PERF_HOT);
	for (size_t i = 0; i < SPDK_COUNTOF(wrong); i++) {
		assert_int_equal(perf_distribution_parse(&distribution, wrong[i]), -EINVAL);
	}
}

static void
order_goes_round(void **state)
{
	struct perf_pattern pattern;
	uint64_t offset;
	uint32_t blocks;

	/* Three fit, the rest of one block is left out. */
	init(&pattern, "4k", "random", false, 1000, 25);
	for (int i = 0; i < 7; i++) {
		perf_pattern_next(&pattern, &offset, &blocks);
		assert_int_equal(offset, 1000 + i % 3 * 8);
		assert_int_equal(blocks, 8);
	}
	perf_pattern_free(&pattern);
}

/* How far counts are from expected ones: about as much as there are of them, if the law holds. */
static double
chi_square(const uint32_t *seen, const double *expected, size_t count)
{
	double sum = 0;

	for (size_t i = 0; i < count; i++) {
		sum += (seen[i] - expected[i]) * (seen[i] - expected[i]) / expected[i];
	}
	return sum;
}

/* Of 99 degrees of freedom: one of a thousand generators that are even would be beyond. */
#define CHI_SQUARE_99 148.2

/* 100 places, each drawn about as often as all others; also the first and the last. */
static void
random_is_even(void **state)
{
	static uint32_t seen[100];
	double expected[100];
	struct perf_pattern pattern;
	uint64_t offset;
	uint32_t blocks;

	init(&pattern, "4k", "random", true, 64, 800);
	for (int i = 0; i < DRAWS; i++) {
		perf_pattern_next(&pattern, &offset, &blocks);
		assert_in_range(offset, 64, 64 + 800 - 8);
		assert_int_equal(offset % 8, 0);
		seen[(offset - 64) / 8]++;
	}
	for (int i = 0; i < 100; i++) {
		assert_in_range(seen[i], DRAWS / 100 * 8 / 10, DRAWS / 100 * 12 / 10);
		expected[i] = DRAWS / 100.0;
	}
	assert_true(chi_square(seen, expected, 100) < CHI_SQUARE_99);
	perf_pattern_free(&pattern);
}

static void
sizes_are_mixed(void **state)
{
	struct perf_pattern pattern;
	uint32_t blocks, small = 0;
	uint64_t offset;

	init(&pattern, "4k/70:64k/30", "random", true, 0, 1000);
	for (int i = 0; i < DRAWS; i++) {
		perf_pattern_next(&pattern, &offset, &blocks);
		assert_true(blocks == 8 || blocks == 128);
		assert_true(offset + blocks <= 1000);
		small += blocks == 8;
	}
	assert_in_range(small, DRAWS * 69 / 100, DRAWS * 71 / 100);
	perf_pattern_free(&pattern);
}

static void
hot_is_hot(void **state)
{
	static uint32_t seen[100];
	struct perf_pattern pattern;
	uint32_t blocks, hot = 0;
	double expected[100];
	uint64_t offset;

	init(&pattern, "4k", "hot:90/10", true, 0, 8000);
	for (int i = 0; i < DRAWS; i++) {
		perf_pattern_next(&pattern, &offset, &blocks);
		assert_true(offset + blocks <= 8000);
		hot += offset < 800;
		seen[offset / 80]++;
	}
	assert_in_range(hot, DRAWS * 89 / 100, DRAWS * 91 / 100);
	/* Even inside of both areas. */
	for (int i = 0; i < 100; i++) {
		expected[i] = i < 10 ? DRAWS * 0.9 / 10 : DRAWS * 0.1 / 90;
	}
	assert_true(chi_square(seen, expected, 100) < CHI_SQUARE_99);
	perf_pattern_free(&pattern);
}

static int
compare(const void *a, const void *b)
{
	uint32_t one = *(const uint32_t *)a, other = *(const uint32_t *)b;

	return one > other ? -1 : one < other;
}

/* Scattered, but the counts are those of the law: the second most frequent place half as often as the first, ... */
static void
zipf_is_scattered(void **state)
{
	static uint32_t seen[1000];
	struct perf_pattern pattern;
	uint64_t offset, first = 0;
	uint32_t blocks;
	double zeta = 0;

	init(&pattern, "4k", "zipf:1", true, 0, 8000);
	for (int i = 0; i < DRAWS; i++) {
		perf_pattern_next(&pattern, &offset, &blocks);
		assert_in_range(offset, 0, 8000 - 8);
		seen[offset / 8]++;
	}
	for (int i = 1; i <= 1000; i++) {
		zeta += 1.0 / i;
	}
	for (int i = 0; i < 1000; i++) {
		first = seen[i] > seen[first] ? (uint64_t)i : first;
	}
	assert_true(fabs(seen[first] - DRAWS / zeta) < DRAWS * 0.01);
	/* Its neighbours are nobody. */
	assert_true(seen[(first + 1) % 1000] < seen[first] / 20);
	qsort(seen, SPDK_COUNTOF(seen), sizeof(seen[0]), compare);
	assert_true(fabs(seen[1] - DRAWS / zeta / 2) < DRAWS * 0.01);
	perf_pattern_free(&pattern);
}

/* One I/O long areas, and those that are too short. */
static void
small_areas(void **state)
{
	static const char *const distributions[] = {"random", "hot:50/1", "zipf:2"};
	struct perf_sizes sizes;
	struct perf_distribution distribution = {};
	struct perf_pattern_opts opts = {.sizes = &sizes, .distribution = &distribution, .block_size = 512, .area = 7};
	struct perf_pattern pattern;
	uint64_t offset;
	uint32_t blocks;

	for (size_t i = 0; i < SPDK_COUNTOF(distributions); i++) {
		init(&pattern, "4k", distributions[i], true, 3, 8);
		for (int k = 0; k < 100; k++) {
			perf_pattern_next(&pattern, &offset, &blocks);
			assert_int_equal(offset, 3);
		}
		perf_pattern_free(&pattern);
	}
	perf_sizes_parse(&sizes, "4k");
	assert_int_equal(perf_pattern_init(&pattern, &opts), -ENOSPC);
	perf_sizes_parse(&sizes, "1000");
	assert_int_equal(perf_pattern_init(&pattern, &opts), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_read),
		cmocka_unit_test(what_was_read_is_written),
		cmocka_unit_test(distributions_are_read),
		cmocka_unit_test(order_goes_round),
		cmocka_unit_test(random_is_even),
		cmocka_unit_test(sizes_are_mixed),
		cmocka_unit_test(hot_is_hot),
		cmocka_unit_test(zipf_is_scattered),
		cmocka_unit_test(small_areas),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
