/* SPDX-License-Identifier: BSD-3-Clause */

#include "spdk/stdinc.h"
#include "spdk/cpuset.h"
#include "spdk/log.h"

#include <setjmp.h>
#include <cmocka.h>

static void
check_parsed(const char *text, const char *expected)
{
	struct spdk_cpuset set;

	spdk_cpuset_zero(&set);
	spdk_cpuset_set_cpu(&set, 77, true);
	if (expected == NULL) {
		assert_true(spdk_cpuset_parse(&set, text) < 0);
		/* Unchanged. */
		assert_int_equal(spdk_cpuset_count(&set), 1);
		assert_true(spdk_cpuset_get_cpu(&set, 77));
		return;
	}
	assert_int_equal(spdk_cpuset_parse(&set, text), 0);
	assert_string_equal(spdk_cpuset_fmt(&set), expected);
}

static void
texts(void **state)
{
	check_parsed("0x1", "1");
	check_parsed("1", "1");
	check_parsed("F0", "f0");
	check_parsed(" 0Xf0 ", "f0");
	check_parsed("1,00000000", "100000000");
	check_parsed("0", "0");
	check_parsed("0x", "0");
	check_parsed("[0]", "1");
	check_parsed("[0,2-4]", "1d");
	check_parsed(" [ 0 , 2 - 4 ] ", "1d");
	check_parsed("[63,64]", "18000000000000000");
	check_parsed("[1] and more", "2");
	check_parsed("", NULL);
	check_parsed("  ", NULL);
	check_parsed("[]", NULL);
	check_parsed("[", NULL);
	check_parsed("[0", NULL);
	check_parsed("[0,]", NULL);
	check_parsed("[4-2]", NULL);
	check_parsed("[1024]", NULL);
	check_parsed("[99999999999999999999]", NULL);
	check_parsed("[-1]", NULL);
	check_parsed("[a]", NULL);
	check_parsed("0xg", NULL);
	check_parsed("1 2", NULL);
	assert_true(spdk_cpuset_parse(NULL, "1") < 0);
	assert_true(spdk_cpuset_parse(&(struct spdk_cpuset){0}, NULL) < 0);
}

static void
whole_and_beyond(void **state)
{
	struct spdk_cpuset set;
	char mask[300];

	memset(mask, 'f', sizeof(mask));
	mask[299] = '\0';
	assert_int_equal(spdk_cpuset_parse(&set, mask), 0);
	assert_int_equal(spdk_cpuset_count(&set), SPDK_CPUSET_SIZE);
	assert_int_equal(strlen(spdk_cpuset_fmt(&set)), SPDK_CPUSET_SIZE / 4);
	spdk_cpuset_negate(&set);
	assert_int_equal(spdk_cpuset_count(&set), 0);
	assert_false(spdk_cpuset_get_cpu(&set, SPDK_CPUSET_SIZE));
	assert_int_equal(spdk_cpuset_parse(&set, "[1023]"), 0);
	assert_true(spdk_cpuset_get_cpu(&set, 1023));
}

static void
note_cpu(void *ctx, uint32_t cpu)
{
	uint32_t *sum = ctx;

	*sum = *sum * 100 + cpu;
}

static void
operations(void **state)
{
	struct spdk_cpuset *a = spdk_cpuset_alloc(), *b = spdk_cpuset_alloc();
	uint32_t seen = 0;

	spdk_cpuset_parse(a, "[1,2,9]");
	spdk_cpuset_parse(b, "[2,9,11]");
	spdk_cpuset_and(a, b);
	assert_string_equal(spdk_cpuset_fmt(a), "204");
	assert_false(spdk_cpuset_equal(a, b));
	spdk_cpuset_xor(a, b);
	assert_string_equal(spdk_cpuset_fmt(a), "800");
	spdk_cpuset_or(a, b);
	assert_true(spdk_cpuset_equal(a, b));
	spdk_cpuset_for_each_cpu(a, note_cpu, &seen);
	assert_int_equal(seen, 20911);
	spdk_cpuset_set_cpu(a, 9, false);
	spdk_cpuset_copy(b, a);
	assert_int_equal(spdk_cpuset_count(b), 2);
	spdk_cpuset_free(a);
	spdk_cpuset_free(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts),
		cmocka_unit_test(whole_and_beyond),
		cmocka_unit_test(operations),
	};

	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
