/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A strict RFC 8259 parser without recursion. The whole position in the grammar is in struct json_parser, so that a
 * text can be parsed while it arrives.
 */

#include "lib/json/json_internal.h"
#include "lib/json/utf.h"

/* What the functions below return when the parser can go on. */
#define PARSE_OK 0

struct source {
	uint8_t *text;
	size_t size;
	bool last;
	struct spdk_json_val *values;
	size_t num_values;
};

static int
fail(struct json_parser *parser, size_t pos, const char *error)
{
	parser->pos = pos;
	parser->error = error;
	return SPDK_JSON_PARSE_INVALID;
}

static void
store(struct json_parser *parser, const struct source *src, enum spdk_json_val_type type, size_t start, size_t len)
{
	if (parser->count < src->num_values) {
		struct spdk_json_val *val = &src->values[parser->count];

		val->start = src->text + start;
		val->len = len;
		val->type = type;
	}
	parser->count++;
}

static bool
in_object(const struct json_parser *parser)
{
	uint32_t bit = parser->depth - 1;

	return parser->objects[bit / 64] >> (bit % 64) & 1;
}

static void
end_value(struct json_parser *parser)
{
	parser->state = parser->depth == 0 ? JSON_STATE_DONE : JSON_STATE_COMMA_OR_END;
}

static int
open_container(struct json_parser *parser, const struct source *src, bool object)
{
	uint64_t *word = &parser->objects[parser->depth / 64];
	uint64_t bit = 1ULL << (parser->depth % 64);

	if (parser->depth >= parser->max_depth) {
		fail(parser, parser->pos, "arrays and objects are nested too deep");
		return SPDK_JSON_PARSE_MAX_DEPTH_EXCEEDED;
	}
	*word = object ? *word | bit : *word & ~bit;
	parser->depth++;

	/* While a container is open, the length of its begin value holds the index of the one around it. */
	if (parser->count < src->num_values) {
		store(parser, src, object ? SPDK_JSON_VAL_OBJECT_BEGIN : SPDK_JSON_VAL_ARRAY_BEGIN, parser->pos,
			parser->open);
		parser->open = parser->count - 1;
	} else {
		parser->count++;
		parser->unstored++;
	}
	parser->pos++;
	parser->state = object ? JSON_STATE_NAME_OR_END : JSON_STATE_VALUE_OR_END;
	return PARSE_OK;
}

static int
close_container(struct json_parser *parser, const struct source *src)
{
	bool object = in_object(parser);

	if (src->text[parser->pos] != (object ? '}' : ']')) {
		return fail(parser, parser->pos, object ? "',' or '}' was expected" : "',' or ']' was expected");
	}
	if (parser->unstored > 0) {
		parser->unstored--;
	} else if (src->values != NULL) {
		struct spdk_json_val *begin = &src->values[parser->open];

		parser->open = begin->len;
		begin->len = parser->count - (begin - src->values) - 1;
	}
	store(parser, src, object ? SPDK_JSON_VAL_OBJECT_END : SPDK_JSON_VAL_ARRAY_END, parser->pos, 1);
	parser->pos++;
	parser->depth--;
	end_value(parser);
	return PARSE_OK;
}

static int
hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/*
 * Reads \uXXXX at text. Returns its length, 0 if it is cut off, or -1 with the place of the wrong byte.
 */
static int
read_unit(const uint8_t *text, size_t size, uint32_t *unit, size_t *wrong)
{
	*unit = 0;
	for (size_t i = 0; i < 6; i++) {
		int digit;

		if (i == size) {
			return 0;
		}
		if (i < 2) {
			if (text[i] != (i == 0 ? '\\' : 'u')) {
				*wrong = i;
				return -1;
			}
			continue;
		}
		digit = hex_digit(text[i]);
		if (digit < 0) {
			*wrong = i;
			return -1;
		}
		*unit = *unit << 4 | digit;
	}
	return 6;
}

/* Like read_unit(), for one code point: a \uXXXX or a pair of them. */
static int
read_code_point(const uint8_t *text, size_t size, uint32_t *code_point, size_t *wrong)
{
	uint32_t low;
	int length = read_unit(text, size, code_point, wrong);

	if (length <= 0 || *code_point < 0xd800 || *code_point > 0xdfff) {
		return length;
	}
	if (!json_utf16_is_high(*code_point)) {
		*wrong = 0;
		return -1;
	}
	length = read_unit(text + 6, size - 6, &low, wrong);
	if (length <= 0) {
		*wrong += 6;
		return length;
	}
	if (!json_utf16_is_low(low)) {
		*wrong = 6;
		return -1;
	}
	*code_point = json_utf16_join(*code_point, low);
	return 12;
}

/*
 * Reads the escape sequence at text and writes what it stands for to out. Returns its length, 0 if it is cut off, or
 * -1 with the place of the wrong byte.
 */
static int
read_escape(const uint8_t *text, size_t size, uint8_t out[4], int *out_len, size_t *wrong)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *found;
	uint32_t code_point;
	int length;

	if (size < 2) {
		return 0;
	}
	if (text[1] == 'u') {
		length = read_code_point(text, size, &code_point, wrong);
		if (length > 0) {
			*out_len = json_utf8_encode(out, code_point);
		}
		return length;
	}
	found = text[1] != '\0' ? strchr(from, text[1]) : NULL;
	if (found == NULL) {
		*wrong = 1;
		return -1;
	}
	out[0] = to[found - from];
	*out_len = 1;
	return 2;
}

/* Goes on with the string that started at parser->token; parser->pos is always between two characters. */
static int
parse_string(struct json_parser *parser, const struct source *src)
{
	bool decode = (parser->flags & SPDK_JSON_PARSE_FLAG_DECODE_IN_PLACE) != 0;
	uint8_t buf[4];
	uint32_t code_point;
	size_t wrong = 0, start = parser->token + 1;
	int length, out_len = 0;

	for (;;) {
		uint8_t *text = src->text + parser->pos;
		size_t left = src->size - parser->pos;
		size_t run = json_plain_run(text, left);

		if (decode && parser->out != parser->pos) {
			memmove(src->text + parser->out, text, run);
		}
		parser->pos += run;
		parser->out += run;
		if (run == left) {
			return SPDK_JSON_PARSE_INCOMPLETE;
		}
		text += run;
		left -= run;

		if (*text == '"') {
			break;
		} else if (*text < 0x20) {
			return fail(parser, parser->pos, "control characters in a string must be escaped");
		} else if (*text == '\\') {
			length = read_escape(text, left, buf, &out_len, &wrong);
			if (length < 0) {
				return fail(parser, parser->pos + wrong, "wrong escape sequence in a string");
			}
		} else {
			length = json_utf8_decode(text, left, &code_point);
			if (length < 0) {
				return fail(parser, parser->pos, "a string is not valid UTF-8");
			}
			memcpy(buf, text, length);
			out_len = length;
		}
		if (length == 0) {
			return SPDK_JSON_PARSE_INCOMPLETE;
		}
		if (decode) {
			memcpy(src->text + parser->out, buf, out_len);
		}
		parser->pos += length;
		parser->out += out_len;
	}

	store(parser, src, parser->name ? SPDK_JSON_VAL_NAME : SPDK_JSON_VAL_STRING, start,
		(decode ? parser->out : parser->pos) - start);
	parser->pos++;
	if (parser->name) {
		parser->state = JSON_STATE_COLON;
	} else {
		end_value(parser);
	}
	return PARSE_OK;
}

static int
begin_string(struct json_parser *parser, const struct source *src, bool name)
{
	parser->token = parser->pos;
	parser->pos++;
	parser->out = parser->pos;
	parser->name = name;
	parser->state = JSON_STATE_STRING;
	return parse_string(parser, src);
}

static bool
number_may_end(uint8_t state)
{
	return state == JSON_NUMBER_ZERO || state == JSON_NUMBER_INTEGER || state == JSON_NUMBER_FRACTION ||
		state == JSON_NUMBER_EXPONENT;
}

/* The part of a number that c leads to, or -1 if it cannot follow. */
static int
number_next(uint8_t state, uint8_t c)
{
	bool digit = c >= '0' && c <= '9';

	switch (state) {
	case JSON_NUMBER_MINUS:
		return c == '0' ? JSON_NUMBER_ZERO : digit ? JSON_NUMBER_INTEGER : -1;
	case JSON_NUMBER_INTEGER:
		if (digit) {
			return JSON_NUMBER_INTEGER;
		}
	/* fallthrough */
	case JSON_NUMBER_ZERO:
		return c == '.' ? JSON_NUMBER_POINT : (c | 0x20) == 'e' ? JSON_NUMBER_E : -1;
	case JSON_NUMBER_POINT:
		return digit ? JSON_NUMBER_FRACTION : -1;
	case JSON_NUMBER_FRACTION:
		return digit ? JSON_NUMBER_FRACTION : (c | 0x20) == 'e' ? JSON_NUMBER_E : -1;
	case JSON_NUMBER_E:
		return digit ? JSON_NUMBER_EXPONENT : c == '+' || c == '-' ? JSON_NUMBER_E_SIGN : -1;
	default:
		return digit ? JSON_NUMBER_EXPONENT : -1;
	}
}

static int
parse_number(struct json_parser *parser, const struct source *src)
{
	size_t pos = parser->pos;
	uint8_t state = parser->number;
	int next = 0;

	while (pos < src->size && (next = number_next(state, src->text[pos])) >= 0) {
		state = next;
		pos++;
	}
	parser->pos = pos;
	parser->number = state;
	if (pos == src->size && (!src->last || !number_may_end(state))) {
		return SPDK_JSON_PARSE_INCOMPLETE;
	}
	if (!number_may_end(state)) {
		return fail(parser, pos, "a digit was expected in a number");
	}
	store(parser, src, SPDK_JSON_VAL_NUMBER, parser->token, pos - parser->token);
	end_value(parser);
	return PARSE_OK;
}

static int
begin_number(struct json_parser *parser, const struct source *src)
{
	uint8_t c = src->text[parser->pos];

	parser->token = parser->pos++;
	parser->number = c == '-' ? JSON_NUMBER_MINUS : c == '0' ? JSON_NUMBER_ZERO : JSON_NUMBER_INTEGER;
	parser->state = JSON_STATE_NUMBER;
	return parse_number(parser, src);
}

static int
parse_literal(struct json_parser *parser, const struct source *src, const char *word, enum spdk_json_val_type type)
{
	size_t length = strlen(word), left = src->size - parser->pos;

	for (size_t i = 0; i < length; i++) {
		if (i == left) {
			/* The word is read again from its start; it is short. */
			return SPDK_JSON_PARSE_INCOMPLETE;
		}
		if (src->text[parser->pos + i] != (uint8_t)word[i]) {
			return fail(
				parser, parser->pos + i, "a value was expected (true, false and null are lower case)");
		}
	}
	store(parser, src, type, parser->pos, length);
	parser->pos += length;
	end_value(parser);
	return PARSE_OK;
}

static int
parse_value(struct json_parser *parser, const struct source *src)
{
	uint8_t c = src->text[parser->pos];

	switch (c) {
	case '{':
	case '[':
		return open_container(parser, src, c == '{');
	case '"':
		return begin_string(parser, src, false);
	case 't':
		return parse_literal(parser, src, "true", SPDK_JSON_VAL_TRUE);
	case 'f':
		return parse_literal(parser, src, "false", SPDK_JSON_VAL_FALSE);
	case 'n':
		return parse_literal(parser, src, "null", SPDK_JSON_VAL_NULL);
	case '-':
	case '0' ... '9':
		return begin_number(parser, src);
	case ']':
		if (parser->state == JSON_STATE_VALUE_OR_END) {
			return close_container(parser, src);
		}
	/* fallthrough */
	default:
		return fail(parser, parser->pos, "a value was expected");
	}
}

static int
parse_name(struct json_parser *parser, const struct source *src)
{
	uint8_t c = src->text[parser->pos];

	if (c == '"') {
		return begin_string(parser, src, true);
	}
	if (c == '}' && parser->state == JSON_STATE_NAME_OR_END) {
		return close_container(parser, src);
	}
	return fail(parser, parser->pos, "a name in double quotes was expected");
}

static int
parse_separator(struct json_parser *parser, const struct source *src)
{
	uint8_t c = src->text[parser->pos];

	if (parser->state == JSON_STATE_COLON) {
		if (c != ':') {
			return fail(parser, parser->pos, "':' was expected after a name");
		}
		parser->state = JSON_STATE_VALUE;
	} else if (c == ',') {
		parser->state = in_object(parser) ? JSON_STATE_NAME : JSON_STATE_VALUE;
	} else {
		return close_container(parser, src);
	}
	parser->pos++;
	return PARSE_OK;
}

/* Steps over the comment at parser->pos. Incomplete: it is read again from its start. */
static int
skip_comment(struct json_parser *parser, const struct source *src)
{
	const uint8_t *text = src->text + parser->pos;
	size_t left = src->size - parser->pos;

	if (left < 2) {
		return SPDK_JSON_PARSE_INCOMPLETE;
	}
	if (text[1] != '/' && text[1] != '*') {
		return fail(parser, parser->pos + 1, "a comment starts with // or /*");
	}
	for (size_t i = 2; i < left; i++) {
		bool end = text[1] == '/' ? text[i] == '\n' || text[i] == '\r'
					  : i > 2 && text[i] == '/' && text[i - 1] == '*';

		if (end) {
			parser->pos += i + 1;
			return PARSE_OK;
		}
	}
	return SPDK_JSON_PARSE_INCOMPLETE;
}

/* Steps to the next token; incomplete if there is none. */
static int
skip_space(struct json_parser *parser, const struct source *src)
{
	while (parser->pos < src->size) {
		uint8_t c = src->text[parser->pos];

		if (c == ' ' || c == '\n' || c == '\r' || c == '\t') {
			parser->pos++;
		} else if (c == '/' && (parser->flags & SPDK_JSON_PARSE_FLAG_ALLOW_COMMENTS)) {
			int rc = skip_comment(parser, src);

			if (rc != PARSE_OK) {
				return rc;
			}
		} else {
			return PARSE_OK;
		}
	}
	return SPDK_JSON_PARSE_INCOMPLETE;
}

static int
parse_token(struct json_parser *parser, const struct source *src)
{
	int rc;

	if (parser->state == JSON_STATE_STRING) {
		return parse_string(parser, src);
	} else if (parser->state == JSON_STATE_NUMBER) {
		return parse_number(parser, src);
	}
	rc = skip_space(parser, src);
	if (rc != PARSE_OK) {
		return rc;
	}
	switch (parser->state) {
	case JSON_STATE_VALUE:
	case JSON_STATE_VALUE_OR_END:
		return parse_value(parser, src);
	case JSON_STATE_NAME:
	case JSON_STATE_NAME_OR_END:
		return parse_name(parser, src);
	default:
		return parse_separator(parser, src);
	}
}

void
json_parser_init(struct json_parser *parser, uint32_t max_depth, uint32_t flags)
{
	/* The bits of objects are set when a container is opened. */
	memset(parser, 0, offsetof(struct json_parser, objects));
	parser->max_depth = max_depth < JSON_MAX_DEPTH ? max_depth : JSON_MAX_DEPTH;
	parser->flags = flags;
	parser->state = JSON_STATE_VALUE;
}

ssize_t
json_parser_run(
	struct json_parser *parser, void *text, size_t size, bool last, struct spdk_json_val *values, size_t num_values)
{
	struct source src = {
		.text = text,
		.size = size,
		.last = last,
		.values = values,
		.num_values = values != NULL ? num_values : 0,
	};

	/* Lengths and indexes of values have 32 bits. */
	if (size >= UINT32_MAX) {
		return fail(parser, 0, "the text is 4 GiB or longer");
	}
	while (parser->state != JSON_STATE_DONE) {
		int rc = parse_token(parser, &src);

		if (rc != PARSE_OK) {
			return rc;
		}
	}
	return parser->count;
}

ssize_t
spdk_json_parse(void *json, size_t size, struct spdk_json_val *values, size_t num_values, void **end, uint32_t flags)
{
	struct json_parser parser;
	ssize_t rc;

	json_parser_init(&parser, JSON_DEFAULT_DEPTH, flags);
	rc = json_parser_run(&parser, json, size, true, values, num_values);
	if (rc > 0) {
		const uint8_t *text = json;

		while (parser.pos < size && text[parser.pos] != '\0' && strchr(" \t\r\n", text[parser.pos]) != NULL) {
			parser.pos++;
		}
	} else if (rc == SPDK_JSON_PARSE_INCOMPLETE) {
		parser.pos = size;
	}
	if (end != NULL) {
		*end = (uint8_t *)json + parser.pos;
	}
	return rc;
}
