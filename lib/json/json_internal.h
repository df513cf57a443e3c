/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The parser behind spdk_json_parse(), which can also be fed a text that is still growing: each byte is looked at
 * once, however small the pieces are that the text arrives in.
 */

#ifndef JSON_INTERNAL_H
#define JSON_INTERNAL_H

#include "spdk/stdinc.h"
#include "spdk/json.h"

/* Nesting that spdk_json_parse() accepts, and the most that a caller of json_parser_init() may ask for. */
#define JSON_DEFAULT_DEPTH 64
#define JSON_MAX_DEPTH 1024

/* What the parser expects next. */
enum json_state {
	JSON_STATE_VALUE,
	JSON_STATE_VALUE_OR_END, /* after [ */
	JSON_STATE_NAME, /* after , in an object */
	JSON_STATE_NAME_OR_END, /* after { */
	JSON_STATE_COLON,
	JSON_STATE_COMMA_OR_END,
	JSON_STATE_STRING, /* the rest of a string or name that was cut by the end of the text */
	JSON_STATE_NUMBER, /* likewise */
	JSON_STATE_DONE,
};

/* Parts of a number, in the order in which they are passed. */
enum json_number_state {
	JSON_NUMBER_MINUS,
	JSON_NUMBER_ZERO,
	JSON_NUMBER_INTEGER,
	JSON_NUMBER_POINT,
	JSON_NUMBER_FRACTION,
	JSON_NUMBER_E,
	JSON_NUMBER_E_SIGN,
	JSON_NUMBER_EXPONENT,
};

struct json_parser {
	/* Everything before it has been looked at; after an error, the byte at fault. */
	size_t pos;
	/* Values so far, as spdk_json_parse() counts them. */
	size_t count;
	/* Where the current string or number starts, and where its decoded bytes go. */
	size_t token;
	size_t out;
	/* What is wrong, in a phrase that follows "at byte N:"; NULL if nothing is. */
	const char *error;
	uint32_t flags;
	uint32_t depth;
	uint32_t max_depth;
	/* Index of the innermost open container whose begin value was stored, and how many inside it were not. */
	uint32_t open;
	uint32_t unstored;
	uint8_t state;
	uint8_t number;
	bool name;
	/* A bit for each open container: set if it is an object. */
	uint64_t objects[JSON_MAX_DEPTH / 64];
};

void json_parser_init(struct json_parser *parser, uint32_t max_depth, uint32_t flags);

/*
 * Goes on with text, which holds the same bytes as in the call before and may have grown (and moved, if no values are
 * stored). last: the text will not grow, so a number may end with it. Returns as spdk_json_parse() does:
 * SPDK_JSON_PARSE_INCOMPLETE asks for more text.
 */
ssize_t json_parser_run(struct json_parser *parser, void *text, size_t size, bool last, struct spdk_json_val *values,
	size_t num_values);

/*
 * Says into buf what keeps text from being one JSON value with nothing behind it: "line 3, column 7: a value was
 * expected". Returns false, and an empty buf, if nothing does. The text is not changed.
 */
bool json_explain(const void *text, size_t size, uint32_t flags, char *buf, size_t buf_size);

/* Line and column, from 1, of a byte; the column counts bytes. */
void json_position(const void *text, size_t offset, size_t *line, size_t *column);

/* "object", "string", ... for error texts. */
const char *json_type_name(enum spdk_json_val_type type);

/*
 * The exact value of a number without a fraction (1e3 and 10.0 have none). Returns -EINVAL if val is not such a number,
 * -ERANGE if its magnitude needs more than 64 bits.
 */
int json_number_magnitude(const struct spdk_json_val *val, bool *negative, uint64_t *magnitude);

/* The first failure of a writer: 0 or a negative errno. */
int json_write_status(const struct spdk_json_write_ctx *w);

#endif /* JSON_INTERNAL_H */
