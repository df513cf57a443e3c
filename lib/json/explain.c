/* SPDX-License-Identifier: BSD-3-Clause */

/* What is wrong with a text, in words and with its place. */

#include "lib/json/json_internal.h"

void
json_position(const void *text, size_t offset, size_t *line, size_t *column)
{
	const char *p = text, *newline;

	*line = 1;
	while ((newline = memchr(p, '\n', (const char *)text + offset - p)) != NULL) {
		p = newline + 1;
		(*line)++;
	}
	*column = (const char *)text + offset - p + 1;
}

static const char *
find_error(struct json_parser *parser, const char *text, size_t size)
{
	/* Parsing without a flag to decode in place leaves the text alone. */
	ssize_t rc = json_parser_run(parser, (void *)text, size, true, NULL, 0);

	if (rc == SPDK_JSON_PARSE_INCOMPLETE) {
		parser->pos = size;
		return parser->state == JSON_STATE_STRING ? "the text ends inside a string"
			: parser->depth > 0               ? "the text ends before all arrays and objects are closed"
							  : "the text ends where a value was expected";
	}
	if (rc < 0) {
		return parser->error;
	}
	while (parser->pos < size && text[parser->pos] != '\0' && strchr(" \t\r\n", text[parser->pos]) != NULL) {
		parser->pos++;
	}
	return parser->pos < size ? "nothing more was expected after the value" : NULL;
}

bool
json_explain(const void *text, size_t size, uint32_t flags, char *buf, size_t buf_size)
{
	struct json_parser parser;
	const char *error;
	size_t line, column;

	json_parser_init(&parser, JSON_DEFAULT_DEPTH, flags & ~SPDK_JSON_PARSE_FLAG_DECODE_IN_PLACE);
	error = find_error(&parser, text, size);
	if (error == NULL) {
		snprintf(buf, buf_size, "%s", "");
		return false;
	}
	json_position(text, parser.pos, &line, &column);
	snprintf(buf, buf_size, "line %zu, column %zu: %s", line, column, error);
	return true;
}
