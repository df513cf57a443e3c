/* SPDX-License-Identifier: BSD-3-Clause */

#include "spdk/stdinc.h"
#include "spdk/util.h"
#include "spdk/zipf.h"

#include <setjmp.h>
#include <cmocka.h>

#define DRAWS 200000

static void
follows_the_law(void **state)
{
	static const double thetas[] = {0.5, 0.99, 1.0, 1.5};
	static uint32_t seen[100];

	for (size_t i = 0; i < SPDK_COUNTOF(thetas); i++) {
		struct spdk_zipf *zipf = spdk_zipf_create(100, thetas[i], 1);
		double zeta = 0;

		memset(seen, 0, sizeof(seen));
		for (int k = 1; k <= 100; k++) {
			zeta += pow(k, -thetas[i]);
		}
		for (int draw = 0; draw < DRAWS; draw++) {
			uint64_t value = spdk_zipf_generate(zipf);

			assert_in_range(value, 0, 99);
			seen[value]++;
		}
		/* The first two are exact but for chance. */
		assert_true(fabs(seen[0] - DRAWS / zeta) < DRAWS * 0.01);
		assert_true(fabs(seen[1] - DRAWS / zeta * pow(2, -thetas[i])) < DRAWS * 0.01);
		assert_true(seen[2] > seen[20] && seen[20] > seen[90]);
		spdk_zipf_free(&zipf);
		assert_null(zipf);
	}
}

static void
repeats_with_its_seed(void **state)
{
	struct spdk_zipf *a = spdk_zipf_create(1000, 0.9, 7), *b = spdk_zipf_create(1000, 0.9, 7);
	struct spdk_zipf *c = spdk_zipf_create(1000, 0.9, 8);
	int different = 0;

	for (int i = 0; i < 100; i++) {
		uint64_t value = spdk_zipf_generate(a);

		assert_int_equal(spdk_zipf_generate(b), value);
		different += spdk_zipf_generate(c) != value;
	}
	assert_true(different > 50);
	spdk_zipf_free(&a);
	spdk_zipf_free(&b);
	spdk_zipf_free(&c);
}

static void
small_and_bad(void **state)
{
	for (uint64_t range = 1; range <= 3; range++) {
		struct spdk_zipf *zipf = spdk_zipf_create(range, 0, 0);

		for (int i = 0; i < 1000; i++) {
			assert_in_range(spdk_zipf_generate(zipf), 0, range - 1);
		}
		spdk_zipf_free(&zipf);
	}
	assert_null(spdk_zipf_create(0, 1, 0));
	assert_null(spdk_zipf_create(5, -1, 0));
	assert_null(spdk_zipf_create(5, NAN, 0));
	spdk_zipf_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(follows_the_law),
		cmocka_unit_test(repeats_with_its_seed),
		cmocka_unit_test(small_and_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
