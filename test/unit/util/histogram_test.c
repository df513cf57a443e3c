/* SPDX-License-Identifier: BSD-3-Clause */

#include "spdk/stdinc.h"
#include "spdk/histogram_data.h"

#include <setjmp.h>
#include <cmocka.h>

struct walk {
	uint64_t buckets;
	uint64_t next_start;
	uint64_t last_so_far;
	/* The bucket that holds this value. */
	uint64_t value;
	uint64_t start, end, count;
};

static void
note_bucket(void *ctx, uint64_t start, uint64_t end, uint64_t count, uint64_t total, uint64_t so_far)
{
	struct walk *walk = ctx;

	if (walk->buckets > 0) {
		assert_true(start == walk->next_start);
	}
	assert_true(so_far == walk->last_so_far + count);
	assert_true(so_far <= total);
	walk->buckets++;
	walk->next_start = end;
	walk->last_so_far = so_far;
	if (walk->value >= start && walk->value - start < end - start) {
		walk->start = start;
		walk->end = end;
		walk->count = count;
	}
}

static struct walk
find_bucket(struct spdk_histogram_data *h, uint64_t value)
{
	struct walk walk = {.value = value};

	spdk_histogram_data_iterate(h, note_bucket, &walk);
	return walk;
}

static void
default_geometry(void **state)
{
	struct spdk_histogram_data *h = spdk_histogram_data_alloc();
	struct walk walk;

	assert_int_equal(SPDK_HISTOGRAM_NUM_BUCKETS_PER_RANGE(h), 128);
	assert_int_equal(SPDK_HISTOGRAM_NUM_BUCKET_RANGES(h), 58);
	assert_int_equal(SPDK_HISTOGRAM_NUM_BUCKETS(h), 7424);
	walk = find_bucket(h, 0);
	assert_int_equal(walk.buckets, 7424);
	/* The end of all values wraps around. */
	assert_true(walk.next_start == 0);
	spdk_histogram_data_free(h);
	spdk_histogram_data_free(NULL);
}

static void
values_land_in_their_bucket(void **state)
{
	static const uint64_t values[] = {
		0, 1, 127, 128, 255, 256, 257, 1000, 123456789, 1ULL << 40, (1ULL << 63) - 1, 1ULL << 63, UINT64_MAX};
	struct spdk_histogram_data *h = spdk_histogram_data_alloc();

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct walk walk;

		spdk_histogram_data_reset(h);
		spdk_histogram_data_tally(h, values[i]);
		spdk_histogram_data_tally(h, values[i]);
		walk = find_bucket(h, values[i]);
		assert_int_equal(walk.count, 2);
		assert_int_equal(walk.last_so_far, 2);
		/* At most a 128th of the value wide. */
		assert_true((walk.end - walk.start - 1) <= values[i] / 128);
	}
	spdk_histogram_data_free(h);
}

static void
sized(void **state)
{
	struct spdk_histogram_data *h = spdk_histogram_data_alloc_sized_ext(4, 1000, 100000);

	assert_non_null(h);
	/* Ranges of 2^4 buckets from that of 1000, 512 to 1023, to that of 100000, 65536 to 131071. */
	assert_int_equal(SPDK_HISTOGRAM_NUM_BUCKETS(h), 16 * 8);
	spdk_histogram_data_tally(h, 1);
	spdk_histogram_data_tally(h, 512);
	assert_int_equal(find_bucket(h, 512).count, 2);
	spdk_histogram_data_tally(h, UINT64_MAX);
	spdk_histogram_data_tally(h, 131071);
	assert_int_equal(find_bucket(h, 131071).count, 2);
	spdk_histogram_data_free(h);
	assert_null(spdk_histogram_data_alloc_sized_ext(4, 5, 5));
	assert_null(spdk_histogram_data_alloc_sized_ext(4, 6, 5));
	assert_null(spdk_histogram_data_alloc_sized(64));
}

static void
merging(void **state)
{
	struct spdk_histogram_data *a = spdk_histogram_data_alloc(), *b = spdk_histogram_data_alloc();
	struct spdk_histogram_data *other = spdk_histogram_data_alloc_sized(5);

	spdk_histogram_data_tally(a, 500);
	spdk_histogram_data_tally(b, 500);
	spdk_histogram_data_tally(b, 1);
	assert_int_equal(spdk_histogram_data_merge(a, b), 0);
	assert_int_equal(find_bucket(a, 500).count, 2);
	assert_int_equal(find_bucket(a, 1).count, 1);
	assert_int_equal(find_bucket(b, 500).count, 1);
	assert_int_equal(spdk_histogram_data_merge(a, other), -EINVAL);
	spdk_histogram_data_free(a);
	spdk_histogram_data_free(b);
	spdk_histogram_data_free(other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(default_geometry),
		cmocka_unit_test(values_land_in_their_bucket),
		cmocka_unit_test(sized),
		cmocka_unit_test(merging),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
