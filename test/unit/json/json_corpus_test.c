/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Texts of which it is known whether they are JSON (corpus.txt): the verdict is the same however the text arrives, and
 * what is accepted is written as it was understood. The same holds for texts that differ from them by one byte.
 */

#include "spdk/stdinc.h"
#include "spdk/util.h"
#include <setjmp.h>
#include <cmocka.h>
#include "lib/json/json_internal.h"

#define MAX_SIZE 256
#define MAX_VALUES 256

/* ---- the corpus ---- */

struct sample {
	bool accepted;
	char name[64];
	char text[MAX_SIZE];
	size_t size;
};

static struct sample g_samples[512];
static size_t g_num_samples;

static void
decode_line(const char *line)
{
	struct sample *sample = &g_samples[g_num_samples];
	char verdict[3];
	int start;

	if (line[0] == '#' || line[0] == '\n') {
		return;
	}
	assert_true(g_num_samples < SPDK_COUNTOF(g_samples));
	assert_int_equal(sscanf(line, "%2s %63s%n", verdict, sample->name, &start), 2);
	sample->accepted = strcmp(verdict, "y") == 0 || strcmp(verdict, "iy") == 0;
	line += start + (line[start] == ' ');
	while (*line != '\n') {
		unsigned int byte = (uint8_t)*line++;

		if (byte == '%') {
			assert_int_equal(sscanf(line, "%2x", &byte), 1);
			line += 2;
		}
		assert_true(sample->size < MAX_SIZE);
		sample->text[sample->size++] = byte;
	}
	g_num_samples++;
}

static int
read_corpus(void **state)
{
	FILE *file = fopen(CORPUS, "r");
	char line[4 * MAX_SIZE];

	if (file == NULL) {
		perror(CORPUS);
		return -1;
	}
	while (fgets(line, sizeof(line), file) != NULL) {
		decode_line(line);
	}
	fclose(file);
	return g_num_samples > 200 ? 0 : -1;
}

/* ---- verdicts ---- */

/* A heap copy of exactly that size, so that ASan sees a read or write beyond it. */
static char *
copy_text(const char *text, size_t size)
{
	char *copy = malloc(size > 0 ? size : 1);

	assert_non_null(copy);
	memcpy(copy, text, size);
	return copy;
}

/* The number of values of a text that is one value and nothing else; or a negative number. */
static ssize_t
parse_whole(char *text, size_t size, struct spdk_json_val *values, uint32_t flags)
{
	void *end;
	ssize_t count = spdk_json_parse(text, size, values, MAX_VALUES, &end, flags);

	if (count > 0 && end != text + size) {
		return SPDK_JSON_PARSE_INVALID;
	}
	return count;
}

/* The same, of a text that comes in two parts, at every place where it can be cut. */
static bool
same_in_two_parts(const char *text, size_t size, ssize_t count)
{
	for (size_t cut = 0; cut <= size; cut++) {
		struct json_parser parser;
		char *first = copy_text(text, cut), *all = copy_text(text, size);
		ssize_t rc;

		json_parser_init(&parser, JSON_DEFAULT_DEPTH, 0);
		rc = json_parser_run(&parser, first, cut, false, NULL, 0);
		if (rc == SPDK_JSON_PARSE_INCOMPLETE) {
			rc = json_parser_run(&parser, all, size, true, NULL, 0);
		}
		free(first);
		free(all);
		/* What stands behind the first value is not the parser's to judge. */
		if (rc != count && !(count == SPDK_JSON_PARSE_INVALID && rc > 0)) {
			return false;
		}
	}
	return true;
}

/* ---- what was understood ---- */

struct text {
	char data[64 * MAX_SIZE];
	size_t size;
};

static int
append_cb(void *ctx, const void *data, size_t size)
{
	struct text *text = ctx;

	assert_true(text->size + size <= sizeof(text->data));
	memcpy(text->data + text->size, data, size);
	text->size += size;
	return 0;
}

static struct text
write_value(const struct spdk_json_val *values, uint32_t flags)
{
	struct text text = {.size = 0};
	struct spdk_json_write_ctx *w = spdk_json_write_begin(append_cb, &text, flags);

	assert_non_null(w);
	spdk_json_write_val(w, values);
	assert_int_equal(spdk_json_write_end(w), 0);
	return text;
}

static bool
same_values(const struct spdk_json_val *a, const struct spdk_json_val *b, ssize_t count)
{
	for (ssize_t i = 0; i < count; i++) {
		if (a[i].type != b[i].type || a[i].len != b[i].len) {
			return false;
		}
		switch (a[i].type) {
		case SPDK_JSON_VAL_NUMBER:
		case SPDK_JSON_VAL_STRING:
		case SPDK_JSON_VAL_NAME:
			if (memcmp(a[i].start, b[i].start, a[i].len) != 0) {
				return false;
			}
			break;
		default:
			break;
		}
	}
	return true;
}

/* Written in both forms and read again, it has the same values. */
static bool
survives_writing(const char *text, size_t size, ssize_t count)
{
	static const uint32_t flags[] = {0, SPDK_JSON_WRITE_FLAG_FORMATTED};
	struct spdk_json_val values[MAX_VALUES], again[MAX_VALUES];
	char *copy = copy_text(text, size);
	bool same;

	same = parse_whole(copy, size, values, SPDK_JSON_PARSE_FLAG_DECODE_IN_PLACE) == count;
	for (size_t i = 0; i < SPDK_COUNTOF(flags) && same; i++) {
		struct text written = write_value(values, flags[i]);

		same = parse_whole(written.data, written.size, again, SPDK_JSON_PARSE_FLAG_DECODE_IN_PLACE) == count &&
			same_values(values, again, count);
	}
	free(copy);
	return same;
}

/* ---- all that must hold for a text; a reason why it does not, or NULL ---- */

static const char *
check(const char *text, size_t size, bool *accepted)
{
	struct spdk_json_val values[MAX_VALUES];
	char *copy = copy_text(text, size), message[200];
	ssize_t count = parse_whole(copy, size, values, 0);
	bool explained = json_explain(copy, size, 0, message, sizeof(message));
	bool changed = memcmp(copy, text, size) != 0;

	free(copy);
	*accepted = count > 0;
	if (changed) {
		return "the text was changed";
	} else if (explained == *accepted) {
		return "the explanation does not agree";
	} else if (!same_in_two_parts(text, size, count)) {
		return "in two parts it is something else";
	} else if (*accepted && !survives_writing(text, size, count)) {
		return "what is written is something else";
	}
	return NULL;
}

static void
test_verdicts(void **state)
{
	for (size_t i = 0; i < g_num_samples; i++) {
		const struct sample *sample = &g_samples[i];
		bool accepted;
		const char *fault = check(sample->text, sample->size, &accepted);

		if (fault == NULL && accepted != sample->accepted) {
			fault = accepted ? "accepted" : "refused";
		}
		if (fault != NULL) {
			fail_msg("%s: %s", sample->name, fault);
		}
	}
}

/* A text that is cut short is incomplete, unless it is a number. */
static void
test_beginnings(void **state)
{
	for (size_t i = 0; i < g_num_samples; i++) {
		const struct sample *sample = &g_samples[i];
		const char *last = sample->text + sample->size;

		while (last > sample->text && strchr(" \t\r\n", last[-1]) != NULL) {
			last--;
		}
		if (!sample->accepted || strchr("]}\"el", last[-1]) == NULL) {
			continue;
		}
		for (const char *cut = sample->text; cut < last; cut++) {
			char *copy = copy_text(sample->text, cut - sample->text);
			ssize_t rc = spdk_json_parse(copy, cut - sample->text, NULL, 0, NULL, 0);

			free(copy);
			if (rc != SPDK_JSON_PARSE_INCOMPLETE) {
				fail_msg("%s, %zu bytes of it: %zd", sample->name, (size_t)(cut - sample->text), rc);
			}
		}
	}
}

static void
test_one_byte_changed(void **state)
{
	static const char bytes[] = "{}[]:,\"\\/u09-+.eEtn \n\x01\x7f\x80\xc3\xed\xf4\xff";
	uint64_t accepted_count = 0, count = 0;

	for (size_t i = 0; i < g_num_samples; i++) {
		struct sample changed = g_samples[i];

		for (size_t at = 0; at < changed.size; at++) {
			/* One byte in three: the others come in the next text. */
			for (size_t b = (at + i) % 3; b < sizeof(bytes); b += 3) {
				const char *fault;
				bool accepted;

				changed.text[at] = bytes[b];
				fault = check(changed.text, changed.size, &accepted);
				if (fault != NULL) {
					fail_msg("%s with byte %zu 0x%02x: %s", changed.name, at, (uint8_t)bytes[b],
						fault);
				}
				accepted_count += accepted;
				count++;
			}
			changed.text[at] = g_samples[i].text[at];
		}
	}
	print_message("%zu texts, %" PRIu64 " with a byte changed, %" PRIu64 " of those are JSON\n", g_num_samples,
		count, accepted_count);
	assert_true(accepted_count > 100);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_beginnings),
		cmocka_unit_test(test_one_byte_changed),
	};

	return cmocka_run_group_tests_name("json_corpus_test", tests, read_corpus, NULL);
}
