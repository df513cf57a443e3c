/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Any bytes as JSON. Beyond not crashing: a text is judged the same whole and in pieces, and what is written from its
 * values parses to the same values.
 */

#include "spdk/stdinc.h"
#include "lib/json/json_internal.h"
#include "test/fuzz/fuzz.h"

#define MAX_VALUES 4096

static struct spdk_json_val g_values[MAX_VALUES], g_again[MAX_VALUES];

struct text {
	char *data;
	size_t size;
};

static int
append_cb(void *ctx, const void *data, size_t size)
{
	struct text *text = ctx;

	text->data = realloc(text->data, text->size + size + 1);
	FUZZ_CHECK(text->data != NULL);
	memcpy(text->data + text->size, data, size);
	text->size += size;
	return 0;
}

/* The same text, growing by a step each time, each time in memory of exactly its size. */
static void
check_pieces(const uint8_t *data, size_t size, size_t step, ssize_t expected)
{
	struct json_parser parser;
	ssize_t rc = SPDK_JSON_PARSE_INCOMPLETE;

	json_parser_init(&parser, JSON_DEFAULT_DEPTH, 0);
	for (size_t used = 0; rc == SPDK_JSON_PARSE_INCOMPLETE; used += step) {
		size_t piece = used < size ? used : size;
		uint8_t *copy = malloc(piece + 1);

		FUZZ_CHECK(copy != NULL);
		memcpy(copy, data, piece);
		rc = json_parser_run(&parser, copy, piece, piece == size, NULL, 0);
		free(copy);
		if (used >= size) {
			break;
		}
	}
	FUZZ_CHECK(rc == expected);
}

static void
check_round_trip(ssize_t count)
{
	struct text text = {};
	struct spdk_json_write_ctx *w = spdk_json_write_begin(append_cb, &text, 0);

	FUZZ_CHECK(w != NULL);
	FUZZ_CHECK(spdk_json_write_val(w, g_values) == 0);
	FUZZ_CHECK(spdk_json_write_end(w) == 0);
	FUZZ_CHECK(spdk_json_parse(text.data, text.size, g_again, MAX_VALUES, NULL,
			   SPDK_JSON_PARSE_FLAG_DECODE_IN_PLACE) == count);
	for (ssize_t i = 0; i < count; i++) {
		FUZZ_CHECK(g_values[i].type == g_again[i].type && g_values[i].len == g_again[i].len);
		if (g_values[i].type & (SPDK_JSON_VAL_NUMBER | SPDK_JSON_VAL_STRING | SPDK_JSON_VAL_NAME)) {
			FUZZ_CHECK(memcmp(g_values[i].start, g_again[i].start, g_values[i].len) == 0);
		}
	}
	free(text.data);
}

static void
decode_all(ssize_t count)
{
	for (ssize_t i = 0; i < count; i++) {
		struct spdk_uuid uuid;
		uint64_t number;
		int32_t small;
		char *string = NULL;

		spdk_json_decode_uint64(&g_values[i], &number);
		spdk_json_decode_int32(&g_values[i], &small);
		spdk_json_decode_uuid(&g_values[i], &uuid);
		spdk_json_decode_string(&g_values[i], &string);
		free(string);
	}
	spdk_json_find(g_values, "a", NULL, NULL, SPDK_JSON_VAL_ANY);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size + 1);
	char message[200];
	void *end;
	ssize_t count;

	FUZZ_CHECK(copy != NULL);
	memcpy(copy, data, size);
	spdk_json_parse(copy, size, NULL, 0, NULL, SPDK_JSON_PARSE_FLAG_ALLOW_COMMENTS);
	json_explain(copy, size, SPDK_JSON_PARSE_FLAG_ALLOW_COMMENTS, message, sizeof(message));
	FUZZ_CHECK(memcmp(copy, data, size) == 0);

	count = spdk_json_parse(copy, size, NULL, 0, &end, 0);
	FUZZ_CHECK((uint8_t *)end >= copy && (uint8_t *)end <= copy + size);
	check_pieces(data, size, 1 + (size > 0 ? data[0] % 7 : 0), count);
	FUZZ_CHECK(
		spdk_json_parse(copy, size, g_values, MAX_VALUES, NULL, SPDK_JSON_PARSE_FLAG_DECODE_IN_PLACE) == count);
	if (count > 0 && count <= MAX_VALUES) {
		decode_all(count);
		check_round_trip(count);
	}
	free(copy);
	return 0;
}
