/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Bdev expressions: the tree that the parser makes of a text, whatever text that is; numbers and values; and what happens
 * where there is no memory. What expressions stand for is tested by test/system/test_expressions.py.
 */

#include "app/bdevkit/expression.h"
#include "app/bdevkit/text.h"
#include "test/unit/common/alloc_failure.h"

#include "bdevkit/rpc.h"
#include "spdk/util.h"

#include <setjmp.h>
#include <cmocka.h>

static struct expression *
parse(const char *text)
{
	struct expression_error error = {};
	struct expression *expression;

	if (expression_parse(text, &expression, &error) != 0) {
		fail_msg("%s: %s, at %zu", text, error.text, error.at);
	}
	return expression;
}

static void
assert_refused(const char *text, size_t at, const char *why)
{
	struct expression_error error = {.at = SIZE_MAX};
	struct expression *expression;

	assert_int_equal(expression_parse(text, &expression, &error), -EINVAL);
	assert_null(expression);
	assert_int_equal(error.at, at);
	assert_non_null(strstr(error.text, why));
}

static void
the_tree_of_a_text(void **state)
{
	struct expression *top = parse("raid1(file:a b.img,there,strip-size=4K,name=,malloc:1M())"), *base;

	assert_string_equal(top->kind.text, "raid1");
	assert_null(top->name.text);
	assert_null(top->argument.text);
	assert_int_equal(top->num_items, 5);
	base = top->items[0].base;
	assert_string_equal(base->kind.text, "file");
	assert_string_equal(base->argument.text, "a b.img");
	assert_int_equal(base->argument.at, strlen("raid1(file:"));
	assert_string_equal(top->items[1].base->name.text, "there");
	assert_null(top->items[1].base->kind.text);
	assert_string_equal(top->items[2].name.text, "strip-size");
	assert_string_equal(top->items[2].value.text, "4K");
	assert_null(top->items[2].base);
	assert_string_equal(top->items[3].value.text, "");
	assert_int_equal(top->items[4].base->num_items, 0);
	expression_free(top);
}

static void
what_is_quoted_is_taken_as_it_is(void **state)
{
	static const struct {
		const char *text, *argument;
	} cases[] = {
		{"k:", ""},
		{"k:a=b:c", "a=b:c"},
		{"k:\\,\\(\\)\\\\", ",()\\"},
		{"k:\"a,(b)\"c", "a,(b)c"},
		{"k:\"a\\\"b\"", "a\"b"},
		{"k:\"\"", ""},
		{"k:\\", "\\"},
		{"k:%s%n", "%s%n"},
		{"k:\xc3\xa9", "\xc3\xa9"},
	};

	for (size_t i = 0; i < SPDK_COUNTOF(cases); i++) {
		struct expression *one = parse(cases[i].text);

		assert_string_equal(one->argument.text, cases[i].argument);
		expression_free(one);
	}
}

static void
what_is_no_expression_is_refused_at_its_place(void **state)
{
	assert_refused("", 0, "a bdev is due");
	assert_refused(":", 0, "a bdev is due");
	assert_refused("k(", 2, "a bdev is due");
	assert_refused("k(a", 1, "not closed");
	assert_refused("k(a,", 4, "a bdev is due");
	assert_refused("k(a,n=v", 1, "not closed");
	assert_refused("k(a)b", 4, "should end");
	assert_refused("k(a(b)c)", 6, "a comma");
	assert_refused("k:a\"b", 3, "quotes");
	assert_refused("k(n=\"v)", 4, "quotes");
	assert_refused("=", 0, "a bdev is due");
	assert_refused("a=b", 1, "should end");
	assert_refused("k:\xff", 2, "UTF-8");
	assert_refused("k:\xc0\xaf", 2, "UTF-8");
	assert_refused("k:a\xed\xa0\x80", 3, "UTF-8");
}

/* Of each length: the stack does not end, and neither does an error lie behind the text. */
static void
long_and_deep_texts(void **state)
{
	struct expression_error error;
	struct expression *expression;
	char text[4096];

	for (size_t i = 0; i < sizeof(text) - 1; i += 2) {
		memcpy(text + i, "k(", 2);
		text[i + 2] = '\0';
		error.at = SIZE_MAX;
		assert_int_equal(expression_parse(text, &expression, &error), -EINVAL);
		assert_true(error.at <= i + 2);
		if (i + 4 >= sizeof(text)) {
			break;
		}
	}
	memset(text, 'x', sizeof(text) - 1);
	text[1] = ':';
	text[sizeof(text) - 1] = '\0';
	expression = parse(text);
	assert_int_equal(strlen(expression->argument.text), sizeof(text) - 3);
	expression_free(expression);
	/* A text of a configuration's error is cut, not overrun. */
	text[1] = '(';
	assert_int_equal(expression_parse(text, &expression, &error), -EINVAL);
}

static void
numbers(void **state)
{
	static const struct {
		const char *text;
		uint64_t number;
	} good[] = {{"0", 0}, {"00", 0}, {"512", 512}, {"0x10", 16}, {"1k", 1024}, {"1K", 1024}, {"1KiB", 1024},
		{"1kB", 1024}, {"3B", 3}, {"15E", 15ULL << 60}, {"0xffffffffffffffff", UINT64_MAX},
		{"18446744073709551615", UINT64_MAX}};
	static const char *const bad[] = {"", " 1", "-1", "+1", "1 ", "K", "1Q", "1KK", "1iB", "1KiBB", "16E", "0x",
		"18446744073709551616", "1.5", "1e3", "0x1ffffffffffffffff"};
	uint64_t number;

	for (size_t i = 0; i < SPDK_COUNTOF(good); i++) {
		assert_int_equal(expression_number(good[i].text, &number), 0);
		assert_true(number == good[i].number);
	}
	for (size_t i = 0; i < SPDK_COUNTOF(bad); i++) {
		if (expression_number(bad[i], &number) != -EINVAL) {
			fail_msg("%s is taken for a number", bad[i]);
		}
	}
}

static int
check_value(enum bdk_rpc_type type, const char *text, uint64_t min, uint64_t max)
{
	struct bdk_rpc_param param = {.name = "p", .type = type, .min = min, .max = max};
	struct expression_word word = {.text = (char *)(uintptr_t)text};
	struct expression_error error = {};
	int rc = expression_check_value(&param, &word, &error);

	assert_int_equal(rc == 0, error.text[0] == '\0');
	return rc;
}

static void
values_of_each_type(void **state)
{
	static const struct {
		enum bdk_rpc_type type;
		const char *text;
		bool good;
		uint64_t min, max;
	} cases[] = {
		{BDK_RPC_UINT8, "255", true, 0, 0},
		{BDK_RPC_UINT8, "256", false, 0, 0},
		{BDK_RPC_UINT16, "64K", false, 0, 0},
		{BDK_RPC_UINT32, "4G", false, 0, 0},
		{BDK_RPC_UINT32, "7", false, 8, 16},
		{BDK_RPC_UINT32, "16", true, 8, 16},
		{BDK_RPC_UINT32, "17", false, 8, 16},
		{BDK_RPC_INT32, "-5", true, 0, 0},
		{BDK_RPC_INT32, "2G", false, 0, 0},
		{BDK_RPC_UINT64, "-5", false, 0, 0},
		{BDK_RPC_BOOL, "Yes", true, 0, 0},
		{BDK_RPC_BOOL, "", false, 0, 0},
		{BDK_RPC_BOOL, "2", false, 0, 0},
		{BDK_RPC_UUID, "x", false, 0, 0},
		{BDK_RPC_UUID, "00000000-0000-0000-0000-000000000001", true, 0, 0},
		{BDK_RPC_JSON, "{\"a\":[1]}", true, 0, 0},
		{BDK_RPC_JSON, "{", false, 0, 0},
		{BDK_RPC_JSON, "1 2", false, 0, 0},
		{BDK_RPC_STRING, "\x01\"", true, 0, 0},
	};

	for (size_t i = 0; i < SPDK_COUNTOF(cases); i++) {
		int rc = check_value(cases[i].type, cases[i].text, cases[i].min, cases[i].max);

		if (rc != (cases[i].good ? 0 : -EINVAL)) {
			fail_msg("case %zu, %s: %d", i, cases[i].text, rc);
		}
	}
}

/* ---- without memory ---- */

static int
parse_and_write(const void *arg)
{
	struct expression_names taken = {}, bdevs = {};
	struct expression_error error = {};
	struct expression *expression;
	struct text json = {};
	struct spdk_json_write_ctx *w = spdk_json_write_begin(text_append, &json, 0);
	int rc;

	assert_non_null(w);
	spdk_json_write_array_begin(w);
	alloc_arm();
	rc = expression_parse(arg, &expression, &error);
	if (rc == 0) {
		rc = expression_write(expression, &taken, w, &bdevs, &error);
	}
	alloc_disarm();
	spdk_json_write_array_end(w);
	/* A writer that had no memory says so in the end. */
	if (spdk_json_write_end(w) != 0 && rc == 0) {
		rc = -ENOMEM;
	}
	if (rc == 0) {
		assert_int_equal(bdevs.count, 2);
		assert_string_equal(bdevs.items[1], "malloc.1p1");
	}
	expression_free(expression);
	expression_names_free(&taken);
	expression_names_free(&bdevs);
	free(json.data);
	return rc;
}

static void
no_memory_is_told(void **state)
{
	static const struct alloc_scenario scenarios[] = {
		{.name = "an expression",
			.run = parse_and_write,
			.arg = "split:2(raid1(malloc:1M,crypto(file:\"a\",key=k),split:2(null:1M(md-size=8)),name="
			       "malloc.1))"},
	};

	alloc_run_scenarios(scenarios, SPDK_COUNTOF(scenarios));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_tree_of_a_text),
		cmocka_unit_test(what_is_quoted_is_taken_as_it_is),
		cmocka_unit_test(what_is_no_expression_is_refused_at_its_place),
		cmocka_unit_test(long_and_deep_texts),
		cmocka_unit_test(numbers),
		cmocka_unit_test(values_of_each_type),
		cmocka_unit_test(no_memory_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
