/* SPDX-License-Identifier: BSD-3-Clause */

#include "spdk/stdinc.h"
#include "spdk/string.h"

#include <setjmp.h>
#include <cmocka.h>

static void
formatted_strings(void **state)
{
	char *text = spdk_sprintf_alloc("%s-%d", "a", 5);

	assert_string_equal(text, "a-5");
	text = spdk_sprintf_append_realloc(text, "/%04x", 0xbeef);
	assert_string_equal(text, "a-5/beef");
	for (int i = 0; i < 1000; i++) {
		text = spdk_sprintf_append_realloc(text, "%c", 'x');
		assert_non_null(text);
	}
	assert_int_equal(strlen(text), 8 + 1000);
	free(text);
	text = spdk_sprintf_append_realloc(NULL, "%s", "");
	assert_string_equal(text, "");
	free(text);
}

static void
trimmed_in_place(void **state)
{
	char mixed[] = "AbC-9Z", blanks[] = " \t a b \n", only[] = "   ", lines[] = "text\r\n\n", none[] = "";

	assert_string_equal(spdk_strlwr(mixed), "abc-9z");
	assert_null(spdk_strlwr(NULL));
	assert_string_equal(spdk_str_trim(blanks), "a b");
	assert_string_equal(spdk_str_trim(only), "");
	assert_null(spdk_str_trim(NULL));
	assert_int_equal(spdk_str_chomp(lines), 3);
	assert_string_equal(lines, "text");
	assert_int_equal(spdk_str_chomp(none), 0);
}

static void
numbers(void **state)
{
	assert_int_equal(spdk_strtol("42", 10), 42);
	assert_int_equal(spdk_strtol("  42", 10), 42);
	assert_int_equal(spdk_strtol("0x1f", 16), 31);
	assert_int_equal(spdk_strtol("", 10), 0);
	assert_int_equal(spdk_strtol("42 ", 10), -EINVAL);
	assert_int_equal(spdk_strtol("x", 10), -EINVAL);
	assert_int_equal(spdk_strtol("-1", 10), -ERANGE);
	assert_int_equal(spdk_strtol("99999999999999999999", 10), -ERANGE);
	assert_true(spdk_strtoll("9223372036854775807", 10) == INT64_MAX);
	assert_int_equal(spdk_strtoll("9223372036854775808", 10), -ERANGE);
	assert_int_equal(spdk_strtoll("-9223372036854775809", 10), -ERANGE);
}

static void
capacities(void **state)
{
	static const struct {
		const char *text;
		int rc;
		uint64_t value;
		bool has_prefix;
	} cases[] = {
		{"0", 0, 0, false},
		{"512", 0, 512, false},
		{"4k", 0, 4096, true},
		{"4kB", 0, 4096, true},
		{"3M", 0, 3 << 20, true},
		{"10G", 0, 10ULL << 30, true},
		{"10g", 0, 10ULL << 30, true},
		{"18446744073709551615", 0, UINT64_MAX, false},
		{"18446744073709551616", -ERANGE, 0, false},
		{"17179869184G", -ERANGE, 0, false},
		{"-1", -EINVAL, 0, false},
		{"", -EINVAL, 0, false},
		{"k", -EINVAL, 0, false},
		{"4 k", -EINVAL, 0, false},
		{"4T", -EINVAL, 0, false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t value = 0;
		bool has_prefix = !cases[i].has_prefix;

		assert_int_equal(spdk_parse_capacity(cases[i].text, &value, &has_prefix), cases[i].rc);
		if (cases[i].rc == 0) {
			assert_true(value == cases[i].value);
			assert_int_equal(has_prefix, cases[i].has_prefix);
			assert_int_equal(spdk_parse_capacity(cases[i].text, &value, NULL), 0);
		}
	}
}

static void
addresses(void **state)
{
	char *host, *port;
	char v6[] = "[::1]:80", v6_only[] = "[::1]", v4[] = "10.0.0.1:8080", name[] = "host", bad[] = "[::1";
	char no_port[] = "host:", v6_no_port[] = "[::1]:";

	assert_int_equal(spdk_parse_ip_addr(v6, &host, &port), 0);
	assert_string_equal(host, "::1");
	assert_string_equal(port, "80");
	assert_int_equal(spdk_parse_ip_addr(v6_only, &host, &port), 0);
	assert_string_equal(host, "::1");
	assert_null(port);
	assert_int_equal(spdk_parse_ip_addr(v4, &host, &port), 0);
	assert_string_equal(host, "10.0.0.1");
	assert_string_equal(port, "8080");
	assert_int_equal(spdk_parse_ip_addr(name, &host, &port), 0);
	assert_string_equal(host, "host");
	assert_null(port);
	assert_int_equal(spdk_parse_ip_addr(no_port, &host, &port), 0);
	assert_null(port);
	assert_int_equal(spdk_parse_ip_addr(v6_no_port, &host, &port), 0);
	assert_null(port);
	assert_int_equal(spdk_parse_ip_addr(bad, &host, &port), -EINVAL);
	assert_int_equal(spdk_parse_ip_addr(NULL, &host, &port), -EINVAL);
}

/* Splits text and compares the tokens, which stand one after the other in expected, NULL behind them. */
static void
check_tokens(const char *text, const char *const *expected)
{
	char *copy = strdup(text), *rest = copy;
	char *token;

	while ((token = spdk_strsepq(&rest, ", ")) != NULL) {
		assert_non_null(*expected);
		assert_string_equal(token, *expected++);
	}
	assert_null(*expected);
	free(copy);
}

static void
quoted_tokens(void **state)
{
	check_tokens("a b,c", (const char *[]){"a", "b", "c", NULL});
	check_tokens("  a,, b ,", (const char *[]){"a", "b", NULL});
	check_tokens("'a b' \"c,d\"e f", (const char *[]){"a b", "c,de", "f", NULL});
	check_tokens("a\\ b c\\\\", (const char *[]){"a b", "c\\", NULL});
	check_tokens("a\nb", (const char *[]){"a", NULL});
	check_tokens("'open b", (const char *[]){"open b", NULL});
	check_tokens("", (const char *[]){NULL});
	check_tokens(", ,", (const char *[]){NULL});
}

static void
padded_fields(void **state)
{
	char field[8];

	spdk_strcpy_pad(field, "abc", sizeof(field), ' ');
	assert_memory_equal(field, "abc     ", 8);
	assert_int_equal(spdk_strlen_pad(field, sizeof(field), ' '), 3);
	spdk_strcpy_pad(field, "longer than it", sizeof(field), ' ');
	assert_memory_equal(field, "longer t", 8);
	assert_int_equal(spdk_strlen_pad(field, sizeof(field), ' '), 8);
	memset(field, 0, sizeof(field));
	assert_int_equal(spdk_strlen_pad(field, sizeof(field), '\0'), 0);
}

static void
zero_memory(void **state)
{
	uint8_t bytes[100] = {0};

	assert_true(spdk_mem_all_zero(bytes, 0));
	assert_true(spdk_mem_all_zero(bytes, sizeof(bytes)));
	for (size_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] = 1;
		assert_false(spdk_mem_all_zero(bytes, sizeof(bytes)));
		bytes[i] = 0;
	}
	bytes[0] = 1;
	assert_false(spdk_mem_all_zero(bytes, 1));
}

static void
replaced_copies(void **state)
{
	char buf[16];

	assert_int_equal(spdk_strcpy_replace(buf, sizeof(buf), "a.b.c", ".", "--"), 0);
	assert_string_equal(buf, "a--b--c");
	assert_int_equal(spdk_strcpy_replace(buf, sizeof(buf), "aaa", "aa", ""), 0);
	assert_string_equal(buf, "a");
	assert_int_equal(spdk_strcpy_replace(buf, 4, "abc", "x", "y"), 0);
	assert_int_equal(spdk_strcpy_replace(buf, 3, "abc", "x", "y"), -EINVAL);
	assert_int_equal(spdk_strcpy_replace(buf, 4, "aa", "a", "bb"), -EINVAL);
	assert_int_equal(spdk_strcpy_replace(NULL, 4, "a", "a", "b"), -EINVAL);
	assert_int_equal(spdk_strcpy_replace(buf, 4, "a", "", "b"), -EINVAL);
}

static void
arrays(void **state)
{
	char **array = spdk_strarray_from_string("a,,b;", ",;");
	char **copy;

	assert_string_equal(array[0], "a");
	assert_string_equal(array[1], "");
	assert_string_equal(array[2], "b");
	assert_string_equal(array[3], "");
	assert_null(array[4]);
	copy = spdk_strarray_dup((const char **)array);
	spdk_strarray_free(array);
	assert_string_equal(copy[2], "b");
	assert_null(copy[4]);
	spdk_strarray_free(copy);
	array = spdk_strarray_from_string("", ",");
	assert_string_equal(array[0], "");
	assert_null(array[1]);
	spdk_strarray_free(array);
	spdk_strarray_free(NULL);
}

static void
error_texts(void **state)
{
	char buf[8];

	assert_string_equal(spdk_strerror(ENOENT), "No such file or directory");
	spdk_strerror_r(ENOENT, buf, sizeof(buf));
	assert_string_equal(buf, "No such");
	assert_string_equal(SPDK_STRINGIFY(EINVAL), "22");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(formatted_strings),
		cmocka_unit_test(trimmed_in_place),
		cmocka_unit_test(numbers),
		cmocka_unit_test(capacities),
		cmocka_unit_test(addresses),
		cmocka_unit_test(quoted_tokens),
		cmocka_unit_test(padded_fields),
		cmocka_unit_test(zero_memory),
		cmocka_unit_test(replaced_copies),
		cmocka_unit_test(arrays),
		cmocka_unit_test(error_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
