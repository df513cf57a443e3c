/* SPDX-License-Identifier: BSD-3-Clause */

/* From the text of an expression to a tree; see expression.h. */

#include "app/bdevkit/expression.h"

#include "lib/json/utf.h"

/* Each level takes a frame of the stack. */
#define MAX_DEPTH 200

struct parser {
	const char *text;
	size_t at;
	unsigned int depth;
	struct expression_error *error;
};

static int parse_expression(struct parser *parser, struct expression **expression);

int
expression_fail(struct expression_error *error, size_t at, const char *format, ...)
{
	va_list args;

	error->at = at;
	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	return -EINVAL;
}

void
expression_print_error(const char *command, const char *text, const struct expression_error *error)
{
	size_t column = 0;

	/* Bytes that continue a character have no column of their own. */
	for (size_t i = 0; i < error->at && text[i] != '\0'; i++) {
		column += ((unsigned char)text[i] & 0xc0) != 0x80;
	}
	fprintf(stderr, "bdevkit %s: %s\n  %s\n  %*s^\n", command, error->text, text, (int)column, "");
}

bool
expression_is_one(const char *text)
{
	return strpbrk(text, ":(") != NULL;
}

static void
free_contents(struct expression *expression)
{
	for (size_t i = 0; i < expression->num_items; i++) {
		free(expression->items[i].name.text);
		free(expression->items[i].value.text);
		expression_free(expression->items[i].base);
	}
	free(expression->items);
	free(expression->name.text);
	free(expression->kind.text);
	free(expression->argument.text);
}

void
expression_free(struct expression *expression)
{
	if (expression != NULL) {
		free_contents(expression);
		free(expression);
	}
}

/* ---- words ---- */

static char
peek(const struct parser *parser)
{
	return parser->text[parser->at];
}

/* Up to one of the characters of ends, or the end; "..." and \ take these as they are. */
static int
read_word(struct parser *parser, const char *ends, struct expression_word *word)
{
	size_t length = 0, quoted_at = 0;
	bool quoted = false;

	word->at = parser->at;
	word->text = malloc(strlen(parser->text + parser->at) + 1);
	if (word->text == NULL) {
		return -ENOMEM;
	}
	for (; peek(parser) != '\0' && (quoted || strchr(ends, peek(parser)) == NULL); parser->at++) {
		if (peek(parser) == '"') {
			quoted = !quoted;
			quoted_at = parser->at;
			continue;
		}
		if (peek(parser) == '\\' && parser->text[parser->at + 1] != '\0') {
			parser->at++;
		}
		word->text[length++] = peek(parser);
	}
	word->text[length] = '\0';
	return quoted ? expression_fail(parser->error, quoted_at, "these quotes are not closed") : 0;
}

/* ---- items ---- */

/* Whether what follows is name=value: letters, digits and underscores up to an equal sign. */
static bool
is_parameter(const struct parser *parser)
{
	const char *rest = parser->text + parser->at;
	size_t length = strspn(rest, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");

	return length > 0 && rest[length] == '=';
}

static int
parse_item(struct parser *parser, struct expression_item *item)
{
	int rc;

	if (!is_parameter(parser)) {
		return parse_expression(parser, &item->base);
	}
	rc = read_word(parser, "=", &item->name);
	parser->at++;
	return rc != 0 ? rc : read_word(parser, ",)", &item->value);
}

static struct expression_item *
add_item(struct expression *expression)
{
	struct expression_item *items = realloc(expression->items, (expression->num_items + 1) * sizeof(*items));

	if (items == NULL) {
		return NULL;
	}
	expression->items = items;
	memset(&items[expression->num_items], 0, sizeof(*items));
	return &items[expression->num_items++];
}

/* Behind the opening bracket, up to and with the closing one. */
static int
parse_items(struct parser *parser, struct expression *expression, size_t opened_at)
{
	struct expression_item *item;
	int rc;

	if (peek(parser) == ')') {
		parser->at++;
		return 0;
	}
	for (;;) {
		item = add_item(expression);
		if (item == NULL) {
			return -ENOMEM;
		}
		rc = parse_item(parser, item);
		if (rc != 0) {
			return rc;
		}
		switch (peek(parser)) {
		case ',':
			parser->at++;
			break;
		case ')':
			parser->at++;
			return 0;
		case '\0':
			return expression_fail(parser->error, opened_at, "this bracket is not closed");
		default:
			return expression_fail(parser->error, parser->at, "here a comma or a closing bracket is due");
		}
	}
}

/* ---- expressions ---- */

static int
parse_kind(struct parser *parser, struct expression *expression)
{
	size_t opened_at;
	int rc = 0;

	if (peek(parser) == ':') {
		parser->at++;
		rc = read_word(parser, "(),", &expression->argument);
	}
	if (rc == 0 && peek(parser) == '(') {
		opened_at = parser->at++;
		rc = parse_items(parser, expression, opened_at);
	}
	return rc;
}

static int
parse_contents(struct parser *parser, struct expression *expression)
{
	int rc = read_word(parser, ":(),=", &expression->name);

	if (rc != 0) {
		return rc;
	}
	if (expression->name.text[0] == '\0') {
		return expression_fail(parser->error, parser->at, "here a bdev is due: its name, or KIND:ARGUMENT");
	}
	if (peek(parser) != ':' && peek(parser) != '(') {
		return 0;
	}
	expression->kind = expression->name;
	memset(&expression->name, 0, sizeof(expression->name));
	return parse_kind(parser, expression);
}

static int
parse_expression(struct parser *parser, struct expression **expression)
{
	int rc;

	if (parser->depth == MAX_DEPTH) {
		return expression_fail(parser->error, parser->at, "more than %d bdevs on top of each other", MAX_DEPTH);
	}
	*expression = calloc(1, sizeof(**expression));
	if (*expression == NULL) {
		return -ENOMEM;
	}
	parser->depth++;
	rc = parse_contents(parser, *expression);
	parser->depth--;
	return rc;
}

/* A configuration can hold nothing else. */
static int
check_utf8(const char *text, struct expression_error *error)
{
	size_t size = strlen(text);
	uint32_t code_point;

	for (size_t at = 0; at < size;) {
		int length = json_utf8_decode((const uint8_t *)text + at, size - at, &code_point);

		if (length <= 0) {
			return expression_fail(error, at, "here the text is not UTF-8");
		}
		at += (size_t)length;
	}
	return 0;
}

int
expression_parse(const char *text, struct expression **expression, struct expression_error *error)
{
	struct parser parser = {.text = text, .error = error};
	int rc;

	*expression = NULL;
	rc = check_utf8(text, error);
	if (rc == 0) {
		rc = parse_expression(&parser, expression);
	}
	if (rc == 0 && peek(&parser) != '\0') {
		rc = expression_fail(error, parser.at, "here the expression should end");
	}
	if (rc != 0) {
		expression_free(*expression);
		*expression = NULL;
	}
	return rc;
}
