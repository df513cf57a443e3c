/* SPDX-License-Identifier: BSD-3-Clause */

/* lib/json/number.c: exact integers, and nothing else. */

#include "spdk/stdinc.h"
#include "spdk/util.h"
#include <setjmp.h>
#include <cmocka.h>
#include "lib/json/json_internal.h"

static struct spdk_json_val
number(const char *text)
{
	struct spdk_json_val val = {.start = (void *)text, .len = strlen(text), .type = SPDK_JSON_VAL_NUMBER};

	return val;
}

struct unsigned_case {
	const char *text;
	int rc;
	uint64_t value;
};

static const struct unsigned_case g_unsigned[] = {
	{"0", 0, 0},
	{"7", 0, 7},
	{"18446744073709551615", 0, UINT64_MAX},
	{"18446744073709551616", -ERANGE, 0},
	{"18446744073709551620", -ERANGE, 0},
	{"30000000000000000000", -ERANGE, 0},
	{"99999999999999999999999999", -ERANGE, 0},
	{"3e19", -ERANGE, 0},
	{"1e19", 0, 10000000000000000000ULL},
	{"1.8446744073709551615e19", 0, UINT64_MAX},
	{"184467440737095516150e-1", 0, UINT64_MAX},
	{"1844674407370955161500000e-5", 0, UINT64_MAX},
	{"1e3", 0, 1000},
	{"1E+3", 0, 1000},
	{"10.0", 0, 10},
	{"10.00e1", 0, 100},
	{"25.6e1", 0, 256},
	{"100e-1", 0, 10},
	{"100e-2", 0, 1},
	{"0.001e3", 0, 1},
	{"0.0", 0, 0},
	{"0e-5", 0, 0},
	{"0e99999999999999999999999999", 0, 0},
	{"0.000e-99999999999999999999999999", 0, 0},
	{"1e99999999999999999999999999", -ERANGE, 0},
	{"1e-99999999999999999999999999", -EINVAL, 0},
	{"1.5", -EINVAL, 0},
	{"100e-3", -EINVAL, 0},
	{"1.0e-1", -EINVAL, 0},
	{"25.65e1", -EINVAL, 0},
	{"1.000000000000000000000000000001", -EINVAL, 0},
	{"1.000000000000000000000000000000", 0, 1},
	{"-1", -ERANGE, 0},
	{"-0", -ERANGE, 0},
};

static void
unsigned_64(void **state)
{
	for (size_t i = 0; i < SPDK_COUNTOF(g_unsigned); i++) {
		const struct unsigned_case *c = &g_unsigned[i];
		struct spdk_json_val val = number(c->text);
		uint64_t value = 4711;

		if (spdk_json_number_to_uint64(&val, &value) != c->rc || value != (c->rc == 0 ? c->value : 4711)) {
			fail_msg("%s: %" PRIu64, c->text, value);
		}
	}
}

static void
ranges_of_the_smaller_ones(void **state)
{
	struct spdk_json_val v;
	uint8_t u8;
	uint16_t u16;
	uint32_t u32;
	int32_t i32;

#define ACCEPTS(type, var, text, expected) \
	do { \
		v = number(text); \
		assert_int_equal(spdk_json_number_to_##type(&v, &var), 0); \
		assert_true(var == (expected)); \
	} while (0)
#define REFUSES(type, var, text, error) \
	do { \
		v = number(text); \
		var = 11; \
		assert_int_equal(spdk_json_number_to_##type(&v, &var), error); \
		assert_true(var == 11); \
	} while (0)

	ACCEPTS(uint8, u8, "255", 255);
	REFUSES(uint8, u8, "256", -ERANGE);
	ACCEPTS(uint8, u8, "2.55e2", 255);
	ACCEPTS(uint16, u16, "65535", 65535);
	REFUSES(uint16, u16, "65536", -ERANGE);
	ACCEPTS(uint32, u32, "4294967295", UINT32_MAX);
	REFUSES(uint32, u32, "4294967296", -ERANGE);
	REFUSES(uint32, u32, "1.1", -EINVAL);
	ACCEPTS(int32, i32, "2147483647", INT32_MAX);
	ACCEPTS(int32, i32, "-2147483648", INT32_MIN);
	ACCEPTS(int32, i32, "-2147483.648e3", INT32_MIN);
	ACCEPTS(int32, i32, "-0", 0);
	REFUSES(int32, i32, "2147483648", -ERANGE);
	REFUSES(int32, i32, "-2147483649", -ERANGE);
	REFUSES(int32, i32, "-30000000000000000000", -ERANGE);
}

static void
only_numbers_are_numbers(void **state)
{
	struct spdk_json_val val = {.start = (void *)"1", .len = 1, .type = SPDK_JSON_VAL_STRING};
	uint64_t value;

	assert_int_equal(spdk_json_number_to_uint64(&val, &value), -EINVAL);
	val.type = SPDK_JSON_VAL_NULL;
	assert_int_equal(spdk_json_number_to_uint64(&val, &value), -EINVAL);
	val.type = SPDK_JSON_VAL_INVALID;
	assert_int_equal(spdk_json_number_to_uint64(&val, &value), -EINVAL);
	val.type = SPDK_JSON_VAL_NUMBER;
	val.len = 0;
	assert_int_equal(spdk_json_number_to_uint64(&val, &value), -EINVAL);
	assert_int_equal(spdk_json_number_to_uint64(NULL, &value), -EINVAL);
}

/* Time must not depend on the value of an exponent. */
static void
long_numbers_are_quick(void **state)
{
	enum {
		LENGTH = 1000 * 1000
	};
	char *text = malloc(LENGTH + 32);
	struct spdk_json_val val;
	uint64_t value;

	assert_non_null(text);
	memset(text, '0', LENGTH);
	text[0] = '5';
	sprintf(text + LENGTH, "e-%d", LENGTH - 1);
	val = number(text);
	assert_int_equal(spdk_json_number_to_uint64(&val, &value), 0);
	assert_true(value == 5);
	text[LENGTH] = '\0';
	val = number(text);
	assert_int_equal(spdk_json_number_to_uint64(&val, &value), -ERANGE);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unsigned_64),
		cmocka_unit_test(ranges_of_the_smaller_ones),
		cmocka_unit_test(only_numbers_are_numbers),
		cmocka_unit_test(long_numbers_are_quick),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
