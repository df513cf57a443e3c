/* SPDX-License-Identifier: BSD-3-Clause */

/* lib/json/decode.c and value.c: parsed values into C values, and the walk through them. */

#include "spdk/stdinc.h"
#include "spdk/util.h"
#include <setjmp.h>
#include <cmocka.h>
#include "lib/json/json_internal.h"

static char g_text[1024];
static struct spdk_json_val g_values[64];

static struct spdk_json_val *
parse(const char *text)
{
	snprintf(g_text, sizeof(g_text), "%s", text);
	assert_true(spdk_json_parse(g_text, strlen(g_text), g_values, SPDK_COUNTOF(g_values), NULL,
			    SPDK_JSON_PARSE_FLAG_DECODE_IN_PLACE) > 0);
	return g_values;
}

struct thing {
	char *name;
	uint32_t size;
	bool on;
	int32_t level;
};

static const struct spdk_json_object_decoder g_thing[] = {
	{"name", offsetof(struct thing, name), spdk_json_decode_string},
	{"size", offsetof(struct thing, size), spdk_json_decode_uint32, true},
	{"on", offsetof(struct thing, on), spdk_json_decode_bool, true},
	{"level", offsetof(struct thing, level), spdk_json_decode_int32, true},
	{"ignored", 0, NULL, true},
};

static int
decode_thing(const char *text, struct thing *thing, bool relaxed)
{
	return (relaxed ? spdk_json_decode_object_relaxed : spdk_json_decode_object)(
		parse(text), g_thing, SPDK_COUNTOF(g_thing), thing);
}

static void
objects(void **state)
{
	struct thing thing = {.level = 5};

	assert_int_equal(decode_thing("{\"on\":true,\"ignored\":[1,{}],\"size\":7,\"name\":\"a\"}", &thing, false), 0);
	assert_string_equal(thing.name, "a");
	assert_int_equal(thing.size, 7);
	assert_true(thing.on);
	/* Absent: untouched. */
	assert_int_equal(thing.level, 5);
	spdk_json_free_object(g_thing, SPDK_COUNTOF(g_thing), &thing);
	assert_null(thing.name);
	assert_int_equal(thing.size, 7);
}

static void
objects_that_are_refused(void **state)
{
	static const char *const cases[] = {
		"{}",
		"{\"size\":1}",
		"{\"name\":\"a\",\"name\":\"b\"}",
		"{\"name\":\"a\",\"size\":\"1\"}",
		"{\"name\":\"a\",\"size\":null}",
		"{\"name\":\"a\",\"size\":-1}",
		"{\"name\":\"a\",\"on\":1}",
		"{\"name\":\"a\",\"on\":null}",
		"{\"name\":\"a\\u0000b\"}",
		"{\"name\":null}",
		"{\"name\":{}}",
		"{\"Name\":\"a\"}",
		"[]",
		"\"name\"",
		"null",
	};

	for (size_t i = 0; i < SPDK_COUNTOF(cases); i++) {
		struct thing thing = {};

		assert_true(decode_thing(cases[i], &thing, false) != 0);
		spdk_json_free_object(g_thing, SPDK_COUNTOF(g_thing), &thing);
		assert_true(decode_thing(cases[i], &thing, true) != 0);
		spdk_json_free_object(g_thing, SPDK_COUNTOF(g_thing), &thing);
	}
	assert_true(spdk_json_decode_object(NULL, g_thing, SPDK_COUNTOF(g_thing), NULL) != 0);
}

static void
everything_is_decoded_after_an_error(void **state)
{
	struct thing thing = {};

	assert_true(decode_thing("{\"size\":\"x\",\"unknown\":[[]],\"on\":true,\"name\":\"first\",\"name\":\"second\"}",
			    &thing, false) != 0);
	assert_true(thing.on);
	assert_string_equal(thing.name, "first");
	spdk_json_free_object(g_thing, SPDK_COUNTOF(g_thing), &thing);
}

static void
unknown_members(void **state)
{
	struct thing thing = {};
	const char *text = "{\"x\":{\"name\":1},\"x\":2,\"name\":\"a\"}";

	assert_true(decode_thing(text, &thing, false) != 0);
	assert_int_equal(decode_thing(text, &thing, true), 0);
	spdk_json_free_object(g_thing, SPDK_COUNTOF(g_thing), &thing);
}

static void
more_decoders_than_a_word_has_bits(void **state)
{
	enum {
		COUNT = 200
	};
	static struct spdk_json_object_decoder decoders[COUNT];
	static char names[COUNT][16];
	uint8_t out[COUNT] = {};

	for (int i = 0; i < COUNT; i++) {
		snprintf(names[i], sizeof(names[i]), "n%d", i);
		decoders[i] = (struct spdk_json_object_decoder){names[i], i, spdk_json_decode_uint8, i != 199};
	}
	assert_int_equal(spdk_json_decode_object(parse("{\"n150\":3,\"n199\":4}"), decoders, COUNT, out), 0);
	assert_int_equal(out[150], 3);
	assert_int_equal(out[199], 4);
	assert_true(spdk_json_decode_object(parse("{\"n150\":3}"), decoders, COUNT, out) != 0);
	assert_true(spdk_json_decode_object(parse("{\"n199\":3,\"n199\":3}"), decoders, COUNT, out) != 0);
}

static void
arrays(void **state)
{
	uint16_t out[4] = {};
	size_t count;

	assert_int_equal(
		spdk_json_decode_array(parse("[1,2,3]"), spdk_json_decode_uint16, out, 4, &count, sizeof(out[0])), 0);
	assert_int_equal(count, 3);
	assert_int_equal(out[2], 3);
	assert_int_equal(
		spdk_json_decode_array(parse("[]"), spdk_json_decode_uint16, out, 0, &count, sizeof(out[0])), 0);
	assert_int_equal(count, 0);
	assert_true(spdk_json_decode_array(
			    parse("[1,2,3,4,5]"), spdk_json_decode_uint16, out, 4, &count, sizeof(out[0])) != 0);
	assert_int_equal(count, 4);
	assert_true(spdk_json_decode_array(
			    parse("[1,\"2\"]"), spdk_json_decode_uint16, out, 4, &count, sizeof(out[0])) != 0);
	assert_int_equal(count, 1);
	assert_true(spdk_json_decode_array(parse("{}"), spdk_json_decode_uint16, out, 4, &count, sizeof(out[0])) != 0);
}

static int
decode_inner(const struct spdk_json_val *val, void *out)
{
	size_t count;

	return spdk_json_decode_array(val, spdk_json_decode_uint8, out, 2, &count, 1);
}

static void
nested_arrays(void **state)
{
	uint8_t out[6] = {};
	size_t count;

	assert_int_equal(spdk_json_decode_array(parse("[[1,2],[],[5]]"), decode_inner, out, 3, &count, 2), 0);
	assert_int_equal(count, 3);
	assert_int_equal(out[1], 2);
	assert_int_equal(out[4], 5);
}

static void
strings_and_uuids(void **state)
{
	struct spdk_uuid uuid;
	char *string = strdup("before");

	assert_int_equal(spdk_json_decode_string(parse("\"after\""), &string), 0);
	assert_string_equal(string, "after");
	assert_true(spdk_json_decode_string(parse("7"), &string) != 0);
	assert_null(string);

	assert_int_equal(spdk_json_decode_uuid(parse("\"01234567-89ab-cdef-0123-456789ABCDEF\""), &uuid), 0);
	assert_int_equal(((uint8_t *)&uuid)[15], 0xef);
	assert_true(spdk_json_decode_uuid(parse("\"01234567-89ab-cdef-0123-456789abcde\""), &uuid) != 0);
	assert_true(spdk_json_decode_uuid(parse("\"01234567-89ab-cdef-0123-456789abcdeg\""), &uuid) != 0);
	assert_true(spdk_json_decode_uuid(parse("\"0123456789abcdef0123456789abcdef\""), &uuid) != 0);
	assert_true(spdk_json_decode_uuid(parse("1"), &uuid) != 0);
}

static void
strdup_and_strequal(void **state)
{
	struct spdk_json_val *v = parse("{\"key\":\"k\\u00e9y\",\"nul\":\"a\\u0000\",\"n\":1}");
	char *copy;

	assert_true(spdk_json_strequal(&v[1], "key"));
	assert_false(spdk_json_strequal(&v[1], "ke"));
	assert_false(spdk_json_strequal(&v[1], "keyx"));
	assert_true(spdk_json_strequal(&v[2], "k\xc3\xa9y"));
	assert_false(spdk_json_strequal(&v[0], "key"));
	copy = spdk_json_strdup(&v[2]);
	assert_string_equal(copy, "k\xc3\xa9y");
	free(copy);
	assert_null(spdk_json_strdup(&v[4]));
	assert_null(spdk_json_strdup(&v[6]));
	assert_false(spdk_json_strequal(&v[4], "a"));
}

static void
find(void **state)
{
	struct spdk_json_val *v = parse("{\"\":0,\"a\":{\"b\":1},\"b\":\"x\",\"c\":[],\"d\":1,\"d\":2}"), *key, *val;

	assert_int_equal(spdk_json_find(v, "a", &key, &val, SPDK_JSON_VAL_ANY), 0);
	assert_true(spdk_json_strequal(key, "a"));
	assert_int_equal(val->type, SPDK_JSON_VAL_OBJECT_BEGIN);
	assert_int_equal(spdk_json_find_string(v, "b", NULL, &val), 0);
	assert_true(spdk_json_strequal(val, "x"));
	assert_int_equal(spdk_json_find_array(v, "c", &key, NULL), 0);
	assert_int_equal(spdk_json_find(v, "", &key, &val, SPDK_JSON_VAL_NUMBER), 0);
	assert_int_equal(spdk_json_find_array(v, "b", &key, &val), -EDOM);
	assert_int_equal(spdk_json_find(v, "z", &key, &val, SPDK_JSON_VAL_ANY), -ENOENT);
	assert_null(key);
	assert_null(val);
	assert_int_equal(spdk_json_find(v, "d", &key, &val, SPDK_JSON_VAL_ANY), -EINVAL);
	assert_int_equal(spdk_json_find(parse("[]"), "a", &key, &val, SPDK_JSON_VAL_ANY), -EPROTOTYPE);
	assert_int_equal(spdk_json_find(NULL, "a", &key, &val, SPDK_JSON_VAL_ANY), -EPROTOTYPE);
}

static void
walk(void **state)
{
	struct spdk_json_val *v = parse("[{},[],\"\",{\"a\":[1]},5]"), *pos;
	const enum spdk_json_val_type types[] = {SPDK_JSON_VAL_OBJECT_BEGIN, SPDK_JSON_VAL_ARRAY_BEGIN,
		SPDK_JSON_VAL_STRING, SPDK_JSON_VAL_OBJECT_BEGIN, SPDK_JSON_VAL_NUMBER};
	size_t i = 0;

	for (pos = spdk_json_array_first(v); pos != NULL; pos = spdk_json_next(pos)) {
		assert_true(i < SPDK_COUNTOF(types));
		assert_int_equal(pos->type, types[i++]);
	}
	assert_int_equal(i, SPDK_COUNTOF(types));

	i = 0;
	for (pos = spdk_json_object_first(parse("{\"\":[],\"b\":{\"c\":1},\"d\":2}")); pos != NULL;
		pos = spdk_json_next(pos)) {
		assert_int_equal(pos->type, SPDK_JSON_VAL_NAME);
		i++;
	}
	assert_int_equal(i, 3);
	assert_null(spdk_json_array_first(parse("[]")));
	assert_null(spdk_json_object_first(parse("{}")));
	assert_null(spdk_json_object_first(parse("[]")));
	assert_null(spdk_json_array_first(parse("{}")));
	assert_null(spdk_json_next(NULL));
}

static void
val_len(void **state)
{
	struct spdk_json_val *v = parse("{\"a\":[1,2]}");

	assert_int_equal(spdk_json_val_len(&v[0]), 7);
	assert_int_equal(spdk_json_val_len(&v[1]), 1);
	assert_int_equal(spdk_json_val_len(&v[2]), 4);
	assert_int_equal(spdk_json_val_len(&v[3]), 1);
	assert_int_equal(spdk_json_val_len(NULL), 0);
}

/* What each decoder of a number takes, at the ends of its range, and what it leaves alone. */
struct number_case {
	const char *text;
	bool fits[5];
};

enum {
	U8,
	U16,
	I32,
	U32,
	U64
};

static const struct number_case g_numbers[] = {
	{"0", {true, true, true, true, true}},
	{"255", {true, true, true, true, true}},
	{"256", {false, true, true, true, true}},
	{"65535", {false, true, true, true, true}},
	{"65536", {false, false, true, true, true}},
	{"2147483647", {false, false, true, true, true}},
	{"2147483648", {false, false, false, true, true}},
	{"4294967295", {false, false, false, true, true}},
	{"4294967296", {false, false, false, false, true}},
	{"18446744073709551615", {false, false, false, false, true}},
	{"18446744073709551616", {false, false, false, false, false}},
	{"-1", {false, false, true, false, false}},
	{"-2147483648", {false, false, true, false, false}},
	{"-2147483649", {false, false, false, false, false}},
	{"-18446744073709551615", {false, false, false, false, false}},
	{"2.55e2", {true, true, true, true, true}},
	{"25600e-2", {false, true, true, true, true}},
	{"1.5", {false, false, false, false, false}},
	{"1e-1", {false, false, false, false, false}},
	{"1e400", {false, false, false, false, false}},
	{"\"1\"", {false, false, false, false, false}},
	{"true", {false, false, false, false, false}},
	{"null", {false, false, false, false, false}},
	{"[1]", {false, false, false, false, false}},
	{"{}", {false, false, false, false, false}},
};

#define CHECK_DECODER(c, index, type, decode) \
	do { \
		type value = 77; \
		int rc = decode(parse((c)->text), &value); \
		if ((rc == 0) != (c)->fits[index] || (rc != 0 && value != 77)) { \
			fail_msg(#decode " of %s: %d", (c)->text, rc); \
		} \
	} while (0)

static void
ranges_of_the_decoders(void **state)
{
	for (size_t i = 0; i < SPDK_COUNTOF(g_numbers); i++) {
		const struct number_case *c = &g_numbers[i];

		CHECK_DECODER(c, U8, uint8_t, spdk_json_decode_uint8);
		CHECK_DECODER(c, U16, uint16_t, spdk_json_decode_uint16);
		CHECK_DECODER(c, I32, int32_t, spdk_json_decode_int32);
		CHECK_DECODER(c, U32, uint32_t, spdk_json_decode_uint32);
		CHECK_DECODER(c, U64, uint64_t, spdk_json_decode_uint64);
	}
}

static void
what_is_no_value_is_refused(void **state)
{
	static const char *const not_boolean[] = {"0", "1", "\"true\"", "null", "[true]", "{}"};
	struct spdk_json_val name = {.start = (void *)"a", .len = 1, .type = SPDK_JSON_VAL_NAME};
	bool on = true;
	uint8_t u8[2];
	size_t count = 5;
	char *copy;

	for (size_t i = 0; i < SPDK_COUNTOF(not_boolean); i++) {
		assert_true(spdk_json_decode_bool(parse(not_boolean[i]), &on) != 0);
		assert_true(on);
	}
	assert_true(spdk_json_decode_array(NULL, spdk_json_decode_uint8, u8, 2, &count, 1) != 0);
	/* A name is text, too. */
	copy = spdk_json_strdup(&name);
	assert_string_equal(copy, "a");
	free(copy);
	/* From the last element of an array in an array there is no way on into the outer one. */
	assert_null(spdk_json_next(spdk_json_array_first(spdk_json_array_first(parse("[[1],2]")))));
	/* The end of a container is no element to go on from. */
	assert_null(spdk_json_next(&parse("[1]")[2]));
}

static void
types_have_names(void **state)
{
	static const struct {
		enum spdk_json_val_type type;
		const char *name;
	} cases[] = {
		{SPDK_JSON_VAL_NULL, "null"},
		{SPDK_JSON_VAL_TRUE, "boolean"},
		{SPDK_JSON_VAL_FALSE, "boolean"},
		{SPDK_JSON_VAL_NUMBER, "number"},
		{SPDK_JSON_VAL_STRING, "string"},
		{SPDK_JSON_VAL_ARRAY_BEGIN, "array"},
		{SPDK_JSON_VAL_OBJECT_BEGIN, "object"},
		{SPDK_JSON_VAL_NAME, "name"},
		{SPDK_JSON_VAL_ARRAY_END, "nothing"},
		{SPDK_JSON_VAL_INVALID, "nothing"},
	};

	for (size_t i = 0; i < SPDK_COUNTOF(cases); i++) {
		assert_string_equal(json_type_name(cases[i].type), cases[i].name);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects),
		cmocka_unit_test(objects_that_are_refused),
		cmocka_unit_test(everything_is_decoded_after_an_error),
		cmocka_unit_test(unknown_members),
		cmocka_unit_test(more_decoders_than_a_word_has_bits),
		cmocka_unit_test(arrays),
		cmocka_unit_test(nested_arrays),
		cmocka_unit_test(strings_and_uuids),
		cmocka_unit_test(strdup_and_strequal),
		cmocka_unit_test(find),
		cmocka_unit_test(walk),
		cmocka_unit_test(val_len),
		cmocka_unit_test(ranges_of_the_decoders),
		cmocka_unit_test(what_is_no_value_is_refused),
		cmocka_unit_test(types_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
