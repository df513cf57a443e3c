/* SPDX-License-Identifier: BSD-3-Clause */

/* lib/json/parse.c and explain.c: which texts are JSON, what they become, and where the others are wrong. */

#include "spdk/stdinc.h"
#include "spdk/util.h"
#include <setjmp.h>
#include <cmocka.h>
#include "lib/json/json_internal.h"

/* A heap copy of exactly that size, so that ASan sees a read or write beyond it. */
static char *
copy_text(const char *text, size_t size)
{
	char *copy = malloc(size > 0 ? size : 1);

	assert_non_null(copy);
	memcpy(copy, text, size);
	return copy;
}

/* Feeds a text byte by byte, as a slow client would. */
static ssize_t
parse_in_pieces(const char *text, size_t size, size_t *pos)
{
	struct json_parser parser;
	ssize_t rc = SPDK_JSON_PARSE_INCOMPLETE;

	json_parser_init(&parser, JSON_DEFAULT_DEPTH, 0);
	for (size_t i = 0; i <= size && rc == SPDK_JSON_PARSE_INCOMPLETE; i++) {
		char *piece = copy_text(text, i);

		rc = json_parser_run(&parser, piece, i, i == size, NULL, 0);
		free(piece);
	}
	*pos = parser.pos;
	return rc;
}

struct accepted {
	const char *text;
	ssize_t count;
};

static const struct accepted g_accepted[] = {
	{"0", 1},
	{"-0", 1},
	{"12", 1},
	{"-1.5", 1},
	{"0.0", 1},
	{"1e5", 1},
	{"1E+5", 1},
	{"1.25e-10", 1},
	{"0e0", 1},
	{"123456789012345678901234567890", 1},
	{"true", 1},
	{"false", 1},
	{"null", 1},
	{"\"\"", 1},
	{"\"a\"", 1},
	{"\"\\u0000\"", 1},
	{"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", 1},
	{"\"\\u00e9\\uD834\\uDd1E\"", 1},
	{"\"\x7f\"", 1},
	{"\"\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"", 1},
	{"[]", 2},
	{"{}", 2},
	{" \t\r\n[ \t\r\n] \t\r\n", 2},
	{"[[]]", 4},
	{"[1,2,3]", 5},
	{"[\"a\",[],{}]", 7},
	{"{\"a\":1}", 4},
	{"{\"a\":1,\"a\":2}", 6},
	{"{\"\":{\"b\":[null]}}", 9},
	{"[1 , 2]", 4},
	{"{ \"a\" : 1 , \"b\" : 2 }", 6},
};

static void
accepts_json(void **state)
{
	for (size_t i = 0; i < SPDK_COUNTOF(g_accepted); i++) {
		const struct accepted *c = &g_accepted[i];
		size_t size = strlen(c->text), pos;
		char *text = copy_text(c->text, size), message[200];
		struct spdk_json_val values[16];
		void *end;

		assert_int_equal(spdk_json_parse(text, size, NULL, 0, &end, 0), c->count);
		assert_ptr_equal(end, text + size);
		assert_memory_equal(text, c->text, size);
		assert_false(json_explain(text, size, 0, message, sizeof(message)));
		assert_int_equal(spdk_json_parse(text, size, values, SPDK_COUNTOF(values), NULL,
					 SPDK_JSON_PARSE_FLAG_DECODE_IN_PLACE),
			c->count);
		free(text);
		assert_int_equal(parse_in_pieces(c->text, size, &pos), c->count);
	}
}

struct refused {
	const char *text;
	int rc;
	/* Offset of the byte at fault. */
	size_t at;
};

#define INVALID SPDK_JSON_PARSE_INVALID
#define INCOMPLETE SPDK_JSON_PARSE_INCOMPLETE

static const struct refused g_refused[] = {
	{"", INCOMPLETE, 0},
	{"  ", INCOMPLETE, 2},
	{"[", INCOMPLETE, 1},
	{"{", INCOMPLETE, 1},
	{"[1", INCOMPLETE, 2},
	{"[1,", INCOMPLETE, 3},
	{"{\"a\"", INCOMPLETE, 4},
	{"{\"a\":", INCOMPLETE, 5},
	{"{\"a\":1", INCOMPLETE, 6},
	{"\"", INCOMPLETE, 1},
	{"\"a", INCOMPLETE, 2},
	{"\"\\", INCOMPLETE, 2},
	{"\"\\u12", INCOMPLETE, 5},
	{"\"\\ud800", INCOMPLETE, 7},
	{"\"\\ud800\\", INCOMPLETE, 8},
	{"\"\xc3", INCOMPLETE, 2},
	{"\"\xf0\x90\x80", INCOMPLETE, 4},
	{"-", INCOMPLETE, 1},
	{"1.", INCOMPLETE, 2},
	{"1e", INCOMPLETE, 2},
	{"1e+", INCOMPLETE, 3},
	{"tru", INCOMPLETE, 3},
	{"nul", INCOMPLETE, 3},
	/* Structure. */
	{"]", INVALID, 0},
	{"}", INVALID, 0},
	{",", INVALID, 0},
	{":", INVALID, 0},
	{"[,]", INVALID, 1},
	{"[1,]", INVALID, 3},
	{"[1 2]", INVALID, 3},
	{"[1}", INVALID, 2},
	{"[}", INVALID, 1},
	{"{]", INVALID, 1},
	{"{\"a\":1]", INVALID, 6},
	{"{,}", INVALID, 1},
	{"{1:2}", INVALID, 1},
	{"{a:1}", INVALID, 1},
	{"{'a':1}", INVALID, 1},
	{"{\"a\",1}", INVALID, 4},
	{"{\"a\" 1}", INVALID, 5},
	{"{\"a\":}", INVALID, 5},
	{"{\"a\":1,}", INVALID, 7},
	{"{\"a\":1 \"b\"}", INVALID, 7},
	{"{\"a\"::1}", INVALID, 5},
	{"[\"a\":1]", INVALID, 4},
	{"'a'", INVALID, 0},
	{"<a>", INVALID, 0},
	{"\xef\xbb\xbf[]", INVALID, 0},
	{"[\v1]", INVALID, 1},
	{"[\xc2\xa0]", INVALID, 1},
	/* Literals. */
	{"True", INVALID, 0},
	{"trux", INVALID, 3},
	{"[nul]", INVALID, 4},
	{"NaN", INVALID, 0},
	{"Infinity", INVALID, 0},
	{"undefined", INVALID, 0},
	/* Numbers. */
	{"+1", INVALID, 0},
	{".5", INVALID, 0},
	{"-a", INVALID, 1},
	{"-.5", INVALID, 1},
	{"[01]", INVALID, 2},
	{"[-01]", INVALID, 3},
	{"[1.]", INVALID, 3},
	{"[1.e5]", INVALID, 3},
	{"[1e]", INVALID, 3},
	{"[1e+]", INVALID, 4},
	{"[1e1.5]", INVALID, 4},
	{"[0x10]", INVALID, 2},
	{"[1_000]", INVALID, 2},
	{"[--1]", INVALID, 2},
	/* Strings. */
	{"\"\n\"", INVALID, 1},
	{"\"\t\"", INVALID, 1},
	{"\"\x01\"", INVALID, 1},
	{"\"\x1f\"", INVALID, 1},
	{"\"\\a\"", INVALID, 2},
	{"\"\\x41\"", INVALID, 2},
	{"\"\\'\"", INVALID, 2},
	{"\"\\U0041\"", INVALID, 2},
	{"\"\\u12g4\"", INVALID, 5},
	{"\"\\u123\"", INVALID, 6},
	{"\"\\ud800\"", INVALID, 7},
	{"\"\\ud800x\"", INVALID, 7},
	{"\"\\ud800\\n\"", INVALID, 8},
	{"\"\\ud800\\u0041\"", INVALID, 7},
	{"\"\\ud800\\ud800\"", INVALID, 7},
	{"\"\\udc00\"", INVALID, 1},
	/* UTF-8: stray, overlong, surrogate, beyond U+10FFFF, cut by something else. */
	{"\"\x80\"", INVALID, 1},
	{"\"\xbf\"", INVALID, 1},
	{"\"\xc0\x80\"", INVALID, 1},
	{"\"\xc1\xbf\"", INVALID, 1},
	{"\"\xe0\x80\x80\"", INVALID, 1},
	{"\"\xe0\x9f\xbf\"", INVALID, 1},
	{"\"\xed\xa0\x80\"", INVALID, 1},
	{"\"\xed\xbf\xbf\"", INVALID, 1},
	{"\"\xf0\x8f\xbf\xbf\"", INVALID, 1},
	{"\"\xf4\x90\x80\x80\"", INVALID, 1},
	{"\"\xf5\x80\x80\x80\"", INVALID, 1},
	{"\"\xff\"", INVALID, 1},
	{"\"\xc3\"", INVALID, 1},
	{"\"\xc3(\"", INVALID, 1},
	{"\"\xe2\x28\xa1\"", INVALID, 1},
	{"\"\xf0\x90\x80\"", INVALID, 1},
	/* Comments are not JSON. */
	{"/**/1", INVALID, 0},
	{"[1//\n]", INVALID, 2},
};

static void
refuses_what_is_not(void **state)
{
	for (size_t i = 0; i < SPDK_COUNTOF(g_refused); i++) {
		const struct refused *c = &g_refused[i];
		size_t size = strlen(c->text), pos;
		char *text = copy_text(c->text, size), message[200];
		struct spdk_json_val values[16];
		void *end;

		assert_int_equal(spdk_json_parse(text, size, values, SPDK_COUNTOF(values), &end, 0), c->rc);
		assert_int_equal((char *)end - text, c->at);
		assert_true(json_explain(text, size, 0, message, sizeof(message)));
		assert_true(strlen(message) > 20);
		assert_int_equal(spdk_json_parse(text, size, values, SPDK_COUNTOF(values), NULL,
					 SPDK_JSON_PARSE_FLAG_DECODE_IN_PLACE),
			c->rc);
		free(text);
		assert_int_equal(parse_in_pieces(c->text, size, &pos), c->rc);
		if (c->rc == INVALID) {
			assert_int_equal(pos, c->at);
		}
	}
}

static void
nul_bytes_are_refused(void **state)
{
	void *end;
	char text[] = "[\0]", after[] = "1\0", escaped[] = "\"\\\0\"";

	assert_int_equal(spdk_json_parse(text, 3, NULL, 0, &end, 0), INVALID);
	assert_ptr_equal(end, text + 1);
	assert_int_equal(spdk_json_parse(after, 2, NULL, 0, &end, 0), 1);
	assert_ptr_equal(end, after + 1);
	assert_int_equal(spdk_json_parse(escaped, 4, NULL, 0, &end, 0), INVALID);
	assert_ptr_equal(end, escaped + 2);
}

/* The text is not looked at: it would have to be there. */
static void
texts_of_4_gib_are_refused(void **state)
{
	char text[] = "1";

	assert_int_equal(spdk_json_parse(text, UINT32_MAX, NULL, 0, NULL, 0), INVALID);
	assert_int_equal(spdk_json_parse(text, SIZE_MAX, NULL, 0, NULL, 0), INVALID);
}

static void
stops_after_the_first_value(void **state)
{
	struct {
		char text[32];
		ssize_t count;
		size_t end;
	} cases[] = {
		{"01", 1, 1},
		{"1 2", 1, 2},
		{"{} {}", 2, 3},
		{"[1]  x", 3, 5},
		{"truefalse", 1, 4},
		{"\"a\"\"b\"", 1, 3},
		{"1/", 1, 1},
	};
	char message[200];

	for (size_t i = 0; i < SPDK_COUNTOF(cases); i++) {
		void *end;

		assert_int_equal(
			spdk_json_parse(cases[i].text, strlen(cases[i].text), NULL, 0, &end, 0), cases[i].count);
		assert_int_equal((char *)end - cases[i].text, cases[i].end);
		assert_true(json_explain(cases[i].text, strlen(cases[i].text), 0, message, sizeof(message)));
		assert_non_null(strstr(message, "nothing more"));
	}
}

static void
values_say_what_they_are(void **state)
{
	char text[] = "{\"name\":[1.50e3,true,null,\"x\"],\"o\":{}}";
	const enum spdk_json_val_type types[] = {
		SPDK_JSON_VAL_OBJECT_BEGIN,
		SPDK_JSON_VAL_NAME,
		SPDK_JSON_VAL_ARRAY_BEGIN,
		SPDK_JSON_VAL_NUMBER,
		SPDK_JSON_VAL_TRUE,
		SPDK_JSON_VAL_NULL,
		SPDK_JSON_VAL_STRING,
		SPDK_JSON_VAL_ARRAY_END,
		SPDK_JSON_VAL_NAME,
		SPDK_JSON_VAL_OBJECT_BEGIN,
		SPDK_JSON_VAL_OBJECT_END,
		SPDK_JSON_VAL_OBJECT_END,
	};
	struct spdk_json_val v[12];

	assert_int_equal(spdk_json_parse(text, strlen(text), v, 12, NULL, 0), 12);
	for (int i = 0; i < 12; i++) {
		assert_int_equal(v[i].type, types[i]);
	}
	assert_int_equal(v[0].len, 10);
	assert_int_equal(v[2].len, 4);
	assert_int_equal(v[9].len, 0);
	/* A number keeps its text. */
	assert_int_equal(v[3].len, 6);
	assert_memory_equal(v[3].start, "1.50e3", 6);
	assert_int_equal(v[1].len, 4);
	assert_memory_equal(v[1].start, "name", 4);
	assert_ptr_equal(v[0].start, text);
	assert_ptr_equal(v[11].start, text + strlen(text) - 1);
}

static void
counts_more_than_it_can_store(void **state)
{
	char text[] = "[[1,2],{\"a\":[3]},4]";
	const ssize_t all = 13;

	for (size_t room = 0; room <= (size_t)all; room++) {
		struct spdk_json_val *v = calloc(room + 1, sizeof(*v));

		assert_non_null(v);
		v[room].len = 0xabcd;
		assert_int_equal(spdk_json_parse(text, strlen(text), v, room, NULL, 0), all);
		assert_int_equal(v[room].len, 0xabcd);
		if (room > 0) {
			/* The outer container was closed, whether its end could be stored or not. */
			assert_int_equal(v[0].len, all - 2);
		}
		if (room > 1) {
			assert_int_equal(v[1].len, 2);
		}
		free(v);
	}
}

static void
strings_are_decoded_in_place(void **state)
{
	struct {
		const char *text;
		const char *decoded;
		size_t len;
	} cases[] = {
		{"\"plain\"", "plain", 5},
		{"\"\"", "", 0},
		{"\"a\\nb\"", "a\nb", 3},
		{"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8},
		{"\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00z\"", "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z", 11},
		{"\"x\\u0000y\"", "x\0y", 3},
		{"\"\xc3\xa9 and \\u00e9 and sixteen plain characters\"",
			"\xc3\xa9 and \xc3\xa9 and sixteen plain characters", 38},
	};

	for (size_t i = 0; i < SPDK_COUNTOF(cases); i++) {
		size_t size = strlen(cases[i].text);
		char *text = copy_text(cases[i].text, size);
		struct spdk_json_val val;

		/* Without the flag, the text stays and the length is that of the text. */
		assert_int_equal(spdk_json_parse(text, size, &val, 1, NULL, 0), 1);
		assert_int_equal(val.len, size - 2);
		assert_memory_equal(text, cases[i].text, size);

		assert_int_equal(spdk_json_parse(text, size, &val, 1, NULL, SPDK_JSON_PARSE_FLAG_DECODE_IN_PLACE), 1);
		assert_int_equal(val.len, cases[i].len);
		assert_ptr_equal(val.start, text + 1);
		assert_memory_equal(val.start, cases[i].decoded, val.len);
		free(text);
	}
}

static void
nesting_is_bounded(void **state)
{
	char text[2 * JSON_DEFAULT_DEPTH + 2];
	char deep[] = "[[[";
	void *end;
	struct json_parser parser;

	memset(text, '[', JSON_DEFAULT_DEPTH);
	memset(text + JSON_DEFAULT_DEPTH, ']', JSON_DEFAULT_DEPTH);
	assert_int_equal(spdk_json_parse(text, 2 * JSON_DEFAULT_DEPTH, NULL, 0, NULL, 0), 2 * JSON_DEFAULT_DEPTH);

	memset(text, '[', JSON_DEFAULT_DEPTH + 1);
	assert_int_equal(
		spdk_json_parse(text, JSON_DEFAULT_DEPTH + 1, NULL, 0, &end, 0), SPDK_JSON_PARSE_MAX_DEPTH_EXCEEDED);
	assert_ptr_equal(end, text + JSON_DEFAULT_DEPTH);

	/* A depth that the caller chooses; more than there are bits for is cut down. */
	json_parser_init(&parser, 2, 0);
	assert_int_equal(json_parser_run(&parser, deep, 3, true, NULL, 0), SPDK_JSON_PARSE_MAX_DEPTH_EXCEEDED);
	json_parser_init(&parser, UINT32_MAX, 0);
	assert_int_equal(parser.max_depth, JSON_MAX_DEPTH);
}

static void
deepest_nesting_keeps_kinds_apart(void **state)
{
	/* {"":[{"":[ ... ]}]} */
	static char text[JSON_MAX_DEPTH * 4], *p = text;
	struct json_parser parser;

	for (int i = 0; i < JSON_MAX_DEPTH / 2; i++) {
		p = stpcpy(p, "{\"\":[");
	}
	for (int i = 0; i < JSON_MAX_DEPTH / 2; i++) {
		p = stpcpy(p, "]}");
	}
	json_parser_init(&parser, JSON_MAX_DEPTH, 0);
	assert_int_equal(
		json_parser_run(&parser, text, p - text, true, NULL, 0), JSON_MAX_DEPTH * 2 + JSON_MAX_DEPTH / 2);
	p[-1] = ']';
	json_parser_init(&parser, JSON_MAX_DEPTH, 0);
	assert_int_equal(json_parser_run(&parser, text, p - text, true, NULL, 0), INVALID);
}

static void
comments_where_allowed(void **state)
{
	struct {
		char text[48];
		ssize_t rc;
	} cases[] = {
		{"/* a */ [ // b\n 1 /***/ , /*/*/ 2 ]", 4},
		{"{ /**/ \"a\" /**/ : /**/ 1 /**/ }", 4},
		{"// a\r[]", 2},
		{"// a", INCOMPLETE},
		{"[/*", INCOMPLETE},
		{"[/* *", INCOMPLETE},
		{"[/", INCOMPLETE},
		{"[/x]", INVALID},
		{"[1/ 2]", INVALID},
		{"\"/* no comment */\"", 1},
	};
	char after[] = "[] // rest\n";
	void *end;

	for (size_t i = 0; i < SPDK_COUNTOF(cases); i++) {
		assert_int_equal(spdk_json_parse(cases[i].text, strlen(cases[i].text), NULL, 0, NULL,
					 SPDK_JSON_PARSE_FLAG_ALLOW_COMMENTS),
			cases[i].rc);
	}
	assert_int_equal(spdk_json_parse(after, strlen(after), NULL, 0, &end, SPDK_JSON_PARSE_FLAG_ALLOW_COMMENTS), 2);
	assert_ptr_equal(end, after + 3);
}

/* Text around the eight bytes that plain characters are read by. */
static void
every_byte_at_every_place_of_a_word(void **state)
{
	for (int c = 0; c < 256; c++) {
		for (int place = 0; place < 24; place++) {
			char text[26];
			bool ok = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
			ssize_t rc;

			memset(text, 'a', sizeof(text));
			text[0] = text[25] = '"';
			text[1 + place] = c;
			rc = spdk_json_parse(text, sizeof(text), NULL, 0, NULL, 0);
			if (c == '\\' && place == 23) {
				/* It escapes the quote that would have ended the string. */
				assert_int_equal(rc, INCOMPLETE);
			} else {
				assert_int_equal(rc, ok || c == '"' ? 1 : INVALID);
			}
		}
	}
}

static void
errors_are_explained_with_their_place(void **state)
{
	const char text[] = "{\n  \"a\": 1,\n  b: 2\n}";
	char message[200];

	assert_true(json_explain(text, strlen(text), 0, message, sizeof(message)));
	assert_string_equal(message, "line 3, column 3: a name in double quotes was expected");
	assert_true(json_explain("[1", 2, 0, message, sizeof(message)));
	assert_string_equal(message, "line 1, column 3: the text ends before all arrays and objects are closed");
	assert_true(json_explain("\"x", 2, 0, message, sizeof(message)));
	assert_non_null(strstr(message, "inside a string"));
	assert_true(json_explain("", 0, 0, message, sizeof(message)));
	assert_non_null(strstr(message, "line 1, column 1: the text ends where a value was expected"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts_json),
		cmocka_unit_test(refuses_what_is_not),
		cmocka_unit_test(nul_bytes_are_refused),
		cmocka_unit_test(texts_of_4_gib_are_refused),
		cmocka_unit_test(stops_after_the_first_value),
		cmocka_unit_test(values_say_what_they_are),
		cmocka_unit_test(counts_more_than_it_can_store),
		cmocka_unit_test(strings_are_decoded_in_place),
		cmocka_unit_test(nesting_is_bounded),
		cmocka_unit_test(deepest_nesting_keeps_kinds_apart),
		cmocka_unit_test(comments_where_allowed),
		cmocka_unit_test(every_byte_at_every_place_of_a_word),
		cmocka_unit_test(errors_are_explained_with_their_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
