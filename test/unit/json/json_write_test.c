/* SPDX-License-Identifier: BSD-3-Clause */

/* lib/json/write*.c: what is written, and what is refused. */

#include "spdk/stdinc.h"
#include "spdk/util.h"
#include <setjmp.h>
#include <cmocka.h>
#include "lib/json/json_internal.h"

struct sink {
	char text[32768];
	size_t size;
	int calls;
	size_t largest;
	int rc;
};

static int
sink_cb(void *ctx, const void *data, size_t size)
{
	struct sink *sink = ctx;

	sink->calls++;
	sink->largest = size > sink->largest ? size : sink->largest;
	assert_true(sink->size + size < sizeof(sink->text));
	memcpy(sink->text + sink->size, data, size);
	sink->size += size;
	sink->text[sink->size] = '\0';
	return sink->rc;
}

static struct sink g_sink;

static struct spdk_json_write_ctx *
begin(uint32_t flags)
{
	struct spdk_json_write_ctx *w;

	memset(&g_sink, 0, sizeof(g_sink));
	w = spdk_json_write_begin(sink_cb, &g_sink, flags);
	assert_non_null(w);
	return w;
}

#define WRITES(expected, ...) \
	do { \
		struct spdk_json_write_ctx *w = begin(0); \
		__VA_ARGS__; \
		assert_int_equal(spdk_json_write_end(w), 0); \
		assert_string_equal(g_sink.text, expected); \
	} while (0)

#define FAILS(...) \
	do { \
		struct spdk_json_write_ctx *w = begin(0); \
		__VA_ARGS__; \
		assert_int_equal(spdk_json_write_end(w), -1); \
	} while (0)

static void
scalars(void **state)
{
	const struct spdk_uuid uuid = {.u.raw = {0xAB, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}};

	WRITES("null", spdk_json_write_null(w));
	WRITES("true", spdk_json_write_bool(w, true));
	WRITES("false", spdk_json_write_bool(w, false));
	WRITES("255", spdk_json_write_uint8(w, 255));
	WRITES("65535", spdk_json_write_uint16(w, 65535));
	WRITES("4294967295", spdk_json_write_uint32(w, UINT32_MAX));
	WRITES("-2147483648", spdk_json_write_int32(w, INT32_MIN));
	WRITES("0", spdk_json_write_int32(w, 0));
	WRITES("-9223372036854775808", spdk_json_write_int64(w, INT64_MIN));
	WRITES("18446744073709551615", spdk_json_write_uint64(w, UINT64_MAX));
	WRITES("340282366920938463463374607431768211455", spdk_json_write_uint128(w, UINT64_MAX, UINT64_MAX));
	WRITES("18446744073709551616", spdk_json_write_uint128(w, 0, 1));
	WRITES("0", spdk_json_write_uint128(w, 0, 0));
	WRITES("1.50000000000000000000e+00", spdk_json_write_double(w, 1.5));
	WRITES("-1.20000000000000000000e+01", spdk_json_write_double(w, -12));
	WRITES("null", spdk_json_write_double(w, NAN));
	WRITES("null", spdk_json_write_double(w, INFINITY));
	WRITES("\"00FF1A\"", spdk_json_write_bytearray(w, "\x00\xff\x1a", 3));
	WRITES("\"ab010203-0405-0607-0809-0a0b0c0d0e0f\"", spdk_json_write_uuid(w, &uuid));
	WRITES("12e5", spdk_json_write_val_raw(w, "12e5", 4));
	WRITES("", (void)w);
}

static void
strings(void **state)
{
	const uint16_t utf16[] = {'a', 0xe9, 0xd834, 0xdd1e, 0};

	WRITES("\"\"", spdk_json_write_string(w, ""));
	WRITES("null", spdk_json_write_string(w, NULL));
	WRITES("\"a/b\"", spdk_json_write_string(w, "a/b"));
	WRITES("\"\\\"\\\\\\b\\f\\n\\r\\t\"", spdk_json_write_string(w, "\"\\\b\f\n\r\t"));
	WRITES("\"\\u0000\\u001F\\u007F\"", spdk_json_write_string_raw(w, "\x00\x1f\x7f", 3));
	WRITES("\"\\u00E9\\u20AC\\uFFFF\\uD834\\uDD1E\\uDBFF\\uDFFF\"",
		spdk_json_write_string(w, "\xc3\xa9\xe2\x82\xac\xef\xbf\xbf\xf0\x9d\x84\x9e\xf4\x8f\xbf\xbf"));
	WRITES("\"n=5\"", spdk_json_write_string_fmt(w, "n=%d", 5));
	WRITES("\"a\\u00E9\\uD834\\uDD1E\"", spdk_json_write_string_utf16le(w, utf16));
	WRITES("\"a\\u0000\"", spdk_json_write_string_utf16le_raw(w, (const uint16_t[]){'a', 0}, 2));
}

static void
strings_that_are_refused(void **state)
{
	static const char *const bad[] = {"\x80", "a\xff", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80"};

	for (size_t i = 0; i < SPDK_COUNTOF(bad); i++) {
		FAILS(assert_int_equal(spdk_json_write_string(w, bad[i]), -1);
			assert_int_equal(json_write_status(w), -EILSEQ);
			/* Sticky. */
			assert_int_equal(spdk_json_write_null(w), -1));
		assert_int_equal(g_sink.size, 0);
	}
	FAILS(spdk_json_write_string_utf16le_raw(w, (const uint16_t[]){0xd834}, 1));
	FAILS(spdk_json_write_string_utf16le_raw(w, (const uint16_t[]){0xd834, 'a'}, 2));
	FAILS(spdk_json_write_string_utf16le_raw(w, (const uint16_t[]){0xdd1e, 0xd834}, 2));
}

static void
write_tree(struct spdk_json_write_ctx *w)
{
	spdk_json_write_object_begin(w);
	spdk_json_write_named_array_begin(w, "list");
	spdk_json_write_uint32(w, 1);
	spdk_json_write_object_begin(w);
	spdk_json_write_object_end(w);
	spdk_json_write_array_begin(w);
	spdk_json_write_array_end(w);
	spdk_json_write_array_end(w);
	spdk_json_write_named_object_begin(w, "o\n");
	spdk_json_write_named_string(w, "s", "x");
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
}

static void
structure(void **state)
{
	struct spdk_json_write_ctx *w;

	WRITES("{\"list\":[1,{},[]],\"o\\n\":{\"s\":\"x\"}}", write_tree(w));

	w = begin(SPDK_JSON_WRITE_FLAG_FORMATTED);
	write_tree(w);
	assert_int_equal(spdk_json_write_end(w), 0);
	assert_string_equal(g_sink.text,
		"{\n"
		"  \"list\": [\n"
		"    1,\n"
		"    {},\n"
		"    []\n"
		"  ],\n"
		"  \"o\\n\": {\n"
		"    \"s\": \"x\"\n"
		"  }\n"
		"}");
}

static void
named(void **state)
{
	const struct spdk_uuid uuid = {};

	WRITES("{\"a\":null,\"b\":true,\"c\":1,\"d\":2,\"e\":-3,\"f\":4,\"g\":-5,\"h\":6,\"i\":18446744073709551616,"
	       "\"j\":0.00000000000000000000e+00,\"k\":\"s\",\"l\":\"7\",\"m\":\"0A\","
	       "\"n\":\"00000000-0000-0000-0000-000000000000\"}",
		spdk_json_write_object_begin(w);
		spdk_json_write_named_null(w, "a"); spdk_json_write_named_bool(w, "b", true);
		spdk_json_write_named_uint8(w, "c", 1); spdk_json_write_named_uint16(w, "d", 2);
		spdk_json_write_named_int32(w, "e", -3); spdk_json_write_named_uint32(w, "f", 4);
		spdk_json_write_named_int64(w, "g", -5); spdk_json_write_named_uint64(w, "h", 6);
		spdk_json_write_named_uint128(w, "i", 0, 1); spdk_json_write_named_double(w, "j", 0);
		spdk_json_write_named_string(w, "k", "s"); spdk_json_write_named_string_fmt(w, "l", "%d", 7);
		spdk_json_write_named_bytearray(w, "m", "\n", 1); spdk_json_write_named_uuid(w, "n", &uuid);
		spdk_json_write_object_end(w));
}

static void
malformed_structures_are_refused(void **state)
{
	FAILS(spdk_json_write_array_begin(w));
	FAILS(spdk_json_write_array_end(w));
	FAILS(spdk_json_write_array_begin(w); spdk_json_write_object_end(w));
	FAILS(spdk_json_write_object_begin(w); spdk_json_write_array_end(w));
	/* A value without a name, a name without a value, a name in an array, two names. */
	FAILS(spdk_json_write_object_begin(w); spdk_json_write_null(w); spdk_json_write_object_end(w));
	FAILS(spdk_json_write_object_begin(w); spdk_json_write_name(w, "a"); spdk_json_write_object_end(w));
	FAILS(spdk_json_write_array_begin(w); spdk_json_write_name(w, "a"); spdk_json_write_array_end(w));
	FAILS(spdk_json_write_object_begin(w); spdk_json_write_name(w, "a"); spdk_json_write_name(w, "b"));
	FAILS(for (int i = 0; i < 1000; i++) { spdk_json_write_array_begin(w); });
}

static void
parsed_values_are_copied(void **state)
{
	static const char *const texts[] = {
		"{\"a\":[1.50e+3,-0,\"\\u00E9\\n\",true,false,null,{}],\"\":[]}",
		"[]",
		"\"x\"",
		"123456789012345678901234567890",
	};

	for (size_t i = 0; i < SPDK_COUNTOF(texts); i++) {
		struct spdk_json_val values[32];
		char text[128];

		snprintf(text, sizeof(text), "%s", texts[i]);
		assert_true(spdk_json_parse(text, strlen(text), values, SPDK_COUNTOF(values), NULL,
				    SPDK_JSON_PARSE_FLAG_DECODE_IN_PLACE) > 0);
		WRITES(texts[i], spdk_json_write_val(w, values));
	}
	FAILS(spdk_json_write_val(w, &(struct spdk_json_val){.type = SPDK_JSON_VAL_INVALID}));
	FAILS(spdk_json_write_val(w, NULL));
}

static void
output_comes_in_pieces(void **state)
{
	struct spdk_json_write_ctx *w = begin(0);
	static char text[10001];

	memset(text, 'x', sizeof(text) - 1);
	assert_int_equal(spdk_json_write_string(w, text), 0);
	assert_int_equal(spdk_json_write_end(w), 0);
	assert_int_equal(g_sink.size, 10002);
	assert_int_equal(g_sink.largest, 4096);
	assert_int_equal(g_sink.calls, 3);

	/* Called at least once. */
	w = begin(0);
	assert_int_equal(spdk_json_write_end(w), 0);
	assert_int_equal(g_sink.calls, 1);
}

static void
a_failing_sink_stops_the_writer(void **state)
{
	struct spdk_json_write_ctx *w = begin(0);
	static char text[10000];

	memset(text, 'x', sizeof(text) - 1);
	g_sink.rc = -ENOSPC;
	assert_int_equal(spdk_json_write_string(w, text), -1);
	assert_int_equal(json_write_status(w), -ENOSPC);
	assert_int_equal(spdk_json_write_end(w), -1);
	assert_int_equal(g_sink.calls, 1);
	assert_int_equal(spdk_json_write_end(NULL), 0);
}

/* Everything that writes, each of which must say so when nothing is written any more. */
static void
every_function_fails_after_a_failure(void **state)
{
	const struct spdk_json_val val = {.start = (void *)"1", .len = 1, .type = SPDK_JSON_VAL_NUMBER};
	const struct spdk_uuid uuid = {};
	struct spdk_json_write_ctx *w = begin(0);

	g_sink.rc = -ENOSPC;
	spdk_json_write_object_begin(w);
	while (json_write_status(w) == 0) {
		spdk_json_write_named_null(w, "a name that fills the buffer, as soon as it was written often enough");
	}
	g_sink.rc = 0;

#define NOW_FAILS(call) assert_int_equal(call, -1)
	NOW_FAILS(spdk_json_write_null(w));
	NOW_FAILS(spdk_json_write_bool(w, true));
	NOW_FAILS(spdk_json_write_uint8(w, 1));
	NOW_FAILS(spdk_json_write_uint16(w, 1));
	NOW_FAILS(spdk_json_write_int32(w, 1));
	NOW_FAILS(spdk_json_write_uint32(w, 1));
	NOW_FAILS(spdk_json_write_int64(w, 1));
	NOW_FAILS(spdk_json_write_uint64(w, 1));
	NOW_FAILS(spdk_json_write_uint128(w, 1, 1));
	NOW_FAILS(spdk_json_write_double(w, 1));
	NOW_FAILS(spdk_json_write_string(w, "x"));
	NOW_FAILS(spdk_json_write_string(w, NULL));
	NOW_FAILS(spdk_json_write_string_raw(w, "x", 1));
	NOW_FAILS(spdk_json_write_string_fmt(w, "%d", 1));
	NOW_FAILS(spdk_json_write_string_utf16le_raw(w, (const uint16_t[]){'a'}, 1));
	NOW_FAILS(spdk_json_write_bytearray(w, "x", 1));
	NOW_FAILS(spdk_json_write_uuid(w, &uuid));
	NOW_FAILS(spdk_json_write_val(w, &val));
	NOW_FAILS(spdk_json_write_val_raw(w, "1", 1));
	NOW_FAILS(spdk_json_write_array_begin(w));
	NOW_FAILS(spdk_json_write_object_begin(w));
	NOW_FAILS(spdk_json_write_array_end(w));
	NOW_FAILS(spdk_json_write_object_end(w));
	NOW_FAILS(spdk_json_write_name(w, "n"));
	NOW_FAILS(spdk_json_write_named_null(w, "n"));
	NOW_FAILS(spdk_json_write_named_bool(w, "n", true));
	NOW_FAILS(spdk_json_write_named_uint8(w, "n", 1));
	NOW_FAILS(spdk_json_write_named_uint16(w, "n", 1));
	NOW_FAILS(spdk_json_write_named_int32(w, "n", 1));
	NOW_FAILS(spdk_json_write_named_uint32(w, "n", 1));
	NOW_FAILS(spdk_json_write_named_int64(w, "n", 1));
	NOW_FAILS(spdk_json_write_named_uint64(w, "n", 1));
	NOW_FAILS(spdk_json_write_named_uint128(w, "n", 1, 1));
	NOW_FAILS(spdk_json_write_named_double(w, "n", 1));
	NOW_FAILS(spdk_json_write_named_string(w, "n", "x"));
	NOW_FAILS(spdk_json_write_named_string_fmt(w, "n", "%d", 1));
	NOW_FAILS(spdk_json_write_named_bytearray(w, "n", "x", 1));
	NOW_FAILS(spdk_json_write_named_uuid(w, "n", &uuid));
	NOW_FAILS(spdk_json_write_named_array_begin(w, "n"));
	NOW_FAILS(spdk_json_write_named_object_begin(w, "n"));
#undef NOW_FAILS

	/* The sink has been called once and not again, and the first reason stays. */
	assert_int_equal(g_sink.calls, 1);
	assert_int_equal(json_write_status(w), -ENOSPC);
	assert_int_equal(spdk_json_write_end(w), -1);
	assert_int_equal(g_sink.calls, 1);
}

static int g_calls_left;

static int
fail_later_cb(void *ctx, const void *data, size_t size)
{
	return g_calls_left-- > 0 ? sink_cb(ctx, data, size) : EIO;
}

/* A tree of more than ten pieces, in the form that writes lines, too. */
static void
write_large_tree(struct spdk_json_write_ctx *w)
{
	spdk_json_write_object_begin(w);
	for (int i = 0; i < 8; i++) {
		spdk_json_write_named_array_begin(w, "a list");
		for (int j = 0; j < 40; j++) {
			spdk_json_write_object_begin(w);
			spdk_json_write_named_string_fmt(w, "number", "%d of \xc3\xa9", j);
			spdk_json_write_named_bytearray(w, "bytes", "0123456789abcdef", 16);
			spdk_json_write_object_end(w);
		}
		spdk_json_write_array_end(w);
	}
	spdk_json_write_object_end(w);
}

static void
a_sink_that_fails_later(void **state)
{
	static const uint32_t flags[] = {0, SPDK_JSON_WRITE_FLAG_FORMATTED};

	for (size_t i = 0; i < SPDK_COUNTOF(flags); i++) {
		int failures = 0;
		bool failed;

		do {
			struct spdk_json_write_ctx *w = spdk_json_write_begin(fail_later_cb, &g_sink, flags[i]);

			memset(&g_sink, 0, sizeof(g_sink));
			g_calls_left = failures;
			write_large_tree(w);
			failed = spdk_json_write_end(w) != 0;
			/* It was called up to the time that it failed, and not again. */
			assert_int_equal(g_sink.calls, failures);
			assert_int_equal(g_calls_left, failed ? -1 : 0);
			failures++;
		} while (failed);
		assert_true(failures > 4);
	}
}

static void
one_value_and_no_more(void **state)
{
	FAILS(spdk_json_write_null(w); spdk_json_write_null(w));
	FAILS(spdk_json_write_array_begin(w); spdk_json_write_array_end(w); spdk_json_write_array_begin(w);
		spdk_json_write_array_end(w));
	FAILS(spdk_json_write_name(w, "a"));
	FAILS(spdk_json_write_named_null(w, "a"));
	FAILS(spdk_json_write_array_begin(w));
	FAILS(spdk_json_write_object_begin(w); spdk_json_write_named_array_begin(w, "a"); spdk_json_write_array_end(w));
	/* After a reset there may be one again. */
	WRITES("2", spdk_json_write_uint8(w, 1); spdk_json_write_reset(w); spdk_json_write_uint8(w, 2));
}

/* A depth of the writer's own, beyond that of the parser. */
static void
nesting_is_bounded(void **state)
{
	struct spdk_json_write_ctx *w = begin(0);
	int depth = 0;

	while (spdk_json_write_array_begin(w) == 0) {
		depth++;
	}
	assert_int_equal(json_write_status(w), -E2BIG);
	assert_int_equal(spdk_json_write_end(w), -1);

	w = begin(0);
	for (int i = 0; i < depth; i++) {
		assert_int_equal(spdk_json_write_array_begin(w), 0);
	}
	for (int i = 0; i < depth; i++) {
		assert_int_equal(spdk_json_write_array_end(w), 0);
	}
	assert_int_equal(spdk_json_write_end(w), 0);
	assert_int_equal(g_sink.size, 2 * depth);
	assert_true(depth >= JSON_DEFAULT_DEPTH);
}

static void
reset_starts_over(void **state)
{
	WRITES("[]", spdk_json_write_object_begin(w); spdk_json_write_name(w, "a"); spdk_json_write_reset(w);
		spdk_json_write_array_begin(w); spdk_json_write_array_end(w));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scalars),
		cmocka_unit_test(strings),
		cmocka_unit_test(strings_that_are_refused),
		cmocka_unit_test(structure),
		cmocka_unit_test(named),
		cmocka_unit_test(malformed_structures_are_refused),
		cmocka_unit_test(parsed_values_are_copied),
		cmocka_unit_test(output_comes_in_pieces),
		cmocka_unit_test(a_failing_sink_stops_the_writer),
		cmocka_unit_test(every_function_fails_after_a_failure),
		cmocka_unit_test(a_sink_that_fails_later),
		cmocka_unit_test(one_value_and_no_more),
		cmocka_unit_test(nesting_is_bounded),
		cmocka_unit_test(reset_starts_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
