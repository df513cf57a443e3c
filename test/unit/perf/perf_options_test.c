/* SPDX-License-Identifier: BSD-3-Clause */

/* What bdevkit perf may be asked to do, and what goes together. */

#include "app/bdevkit/perf/options.h"

#include "spdk/util.h"

#include <setjmp.h>
#include <cmocka.h>

static void
workloads_are_found(void **state)
{
	char *names = strdup(perf_options_workloads()), *rest = names, *name;
	struct perf_options options;
	int count = 0;

	perf_options_init(&options);
	assert_non_null(names);
	/* Each that is listed is one. */
	while ((name = strsep(&rest, ",")) != NULL) {
		name += *name == ' ';
		assert_int_equal(perf_options_set_workload(&options, name), 0);
		assert_string_equal(options.workload->name, name);
		count++;
	}
	assert_int_equal(count, 17);
	assert_int_equal(perf_options_set_workload(&options, "nonsense"), -EINVAL);
	assert_int_equal(perf_options_set_workload(&options, ""), -EINVAL);
	free(names);
}

static void
workloads_that_write(void **state)
{
	static const char *const harmless[] = {"read", "randread", "flush", "abort", "reset"};
	static const char *const harmful[] = {"write", "rw", "verify", "randverify", "unmap", "write_zeroes", "copy"};
	struct perf_options options;

	perf_options_init(&options);
	for (size_t i = 0; i < SPDK_COUNTOF(harmless); i++) {
		perf_options_set_workload(&options, harmless[i]);
		assert_false(perf_options_write(&options));
	}
	for (size_t i = 0; i < SPDK_COUNTOF(harmful); i++) {
		perf_options_set_workload(&options, harmful[i]);
		assert_true(perf_options_write(&options));
	}
}

static void
depths_are_read(void **state)
{
	static const char *const wrong[] = {"", "0", "x", "-1", " 1", "1,", ",1", "1,,2", "65537", "1 ,2",
		"1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17"};
	struct perf_options options;

	perf_options_init(&options);
	assert_int_equal(options.num_depths, 1);
	assert_int_equal(perf_options_set_depths(&options, "1,65536"), 0);
	assert_int_equal(options.num_depths, 2);
	assert_int_equal(options.depths[0], 1);
	assert_int_equal(options.depths[1], 65536);
	for (size_t i = 0; i < SPDK_COUNTOF(wrong); i++) {
		assert_int_equal(perf_options_set_depths(&options, wrong[i]), -EINVAL);
	}
}

static struct perf_options
options_of(const char *workload)
{
	struct perf_options options;

	perf_options_init(&options);
	assert_int_equal(perf_options_set_workload(&options, workload), 0);
	assert_null(perf_options_check(&options));
	return options;
}

#define assert_refused(options, word) assert_non_null(strstr(perf_options_check(&(options)), word))

static void
what_goes_not_together(void **state)
{
	struct perf_options options;

	perf_options_init(&options);
	assert_refused(options, "-w");
	options = options_of("read");
	options.time = 0;
	assert_refused(options, "never end");
	options.count = 1;
	assert_null(perf_options_check(&options));
	options.distribution.shape = PERF_ZIPF;
	assert_refused(options, "random");
	options = options_of("unmap");
	options.zcopy = true;
	assert_refused(options, "-Z");
	options = options_of("verify");
	options.reset_ms = 1;
	assert_refused(options, "verify");
	options = options_of("verify");
	options.stamp = true;
	assert_refused(options, "--stamp");
	options = options_of("randrw");
	options.stamp = true;
	assert_null(perf_options_check(&options));
	options.zcopy = true;
	assert_refused(options, "--stamp");
	options = options_of("read");
	options.sizes.items[0].bytes = (64ULL << 20) + 512;
	assert_refused(options, "64M");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(workloads_are_found),
		cmocka_unit_test(workloads_that_write),
		cmocka_unit_test(depths_are_read),
		cmocka_unit_test(what_goes_not_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
