/* SPDX-License-Identifier: BSD-3-Clause */

/* Requests and responses in the log, for who wants to see them. */

#include "lib/rpc/jsonrpc_internal.h"
#include "spdk/log.h"

static enum spdk_log_level g_level = SPDK_LOG_DISABLED;
static FILE *g_file;

void
spdk_jsonrpc_set_log_level(enum spdk_log_level level)
{
	assert(level >= SPDK_LOG_DISABLED && level <= SPDK_LOG_DEBUG);
	g_level = level;
}

void
spdk_jsonrpc_set_log_file(FILE *file)
{
	g_file = file;
}

/* Names of members that hold keys or passwords. */
static char **g_secret_names;
static size_t g_num_secret_names;
static bool g_secrets_are_lost;

void
jsonrpc_log_hide(const char *name)
{
	char **names, *copy;
	size_t i;

	for (i = 0; i < g_num_secret_names; i++) {
		if (strcmp(g_secret_names[i], name) == 0) {
			return;
		}
	}
	names = realloc(g_secret_names, (g_num_secret_names + 1) * sizeof(*names));
	if (names == NULL || (copy = strdup(name)) == NULL) {
		SPDK_ERRLOG("no memory to hide '%s' in the log: nothing is logged any more\n", name);
		g_secrets_are_lost = true;
		g_secret_names = names != NULL ? names : g_secret_names;
		return;
	}
	g_secret_names = names;
	g_secret_names[g_num_secret_names++] = copy;
}

/* The quote that ends the string that begins at text, or the end of the text. */
static char *
find_string_end(char *text)
{
	for (text++; *text != '\0' && *text != '"'; text++) {
		if (*text == '\\' && text[1] != '\0') {
			text++;
		}
	}
	return text;
}

static char *
skip_spaces(char *text)
{
	return text + strspn(text, " \t");
}

/* One character of a string as it stands in JSON, moving on behind it; '\0' for what no secret name has in it. */
static char
read_character(const char **text)
{
	unsigned int code;
	int len = 0;

	if (**text != '\\') {
		return *(*text)++;
	}
	if (sscanf(*text, "\\u%4x%n", &code, &len) == 1 && len == 6) {
		*text += len;
		return code < 0x80 ? (char)code : '\0';
	}
	*text += 2;
	return '\0';
}

static bool
is_secret_name(const char *text, const char *end)
{
	size_t i, at;

	for (i = 0; i < g_num_secret_names; i++) {
		const char *name = g_secret_names[i], *c = text;

		for (at = 0; c < end && name[at] != '\0' && read_character(&c) == name[at]; at++) {
		}
		if (c == end && at == strlen(name)) {
			return true;
		}
	}
	return false;
}

/* Masks the string, or all that is in the array or object, or the number, that begins at text. */
static void
mask_value(char *text)
{
	int depth = 0;
	char *end;

	do {
		if (*text == '"') {
			end = find_string_end(text);
			memset(text + 1, '*', end - text - 1);
			text = end;
		} else if (*text == '[' || *text == '{') {
			depth++;
		} else if (*text == ']' || *text == '}') {
			depth--;
		} else if (strchr(",: \t", *text) == NULL) {
			*text = '*';
		}
		text += *text != '\0';
	} while (*text != '\0' && (depth > 0 || strchr("\",]} \t", *text) == NULL));
}

/* Masks what follows "name":, for all names that are to be hidden, however they are spelt. */
static void
mask(char *line)
{
	char *at, *end;

	for (at = strchr(line, '"'); at != NULL && *at != '\0'; at = strchr(end, '"')) {
		end = find_string_end(at);
		if (*end == '\0') {
			return;
		}
		if (*skip_spaces(end + 1) == ':' && is_secret_name(at + 1, end)) {
			mask_value(skip_spaces(skip_spaces(end + 1) + 1));
		}
		end++;
	}
}

void
jsonrpc_log(const char *what, const void *text, size_t size)
{
	char *line;

	if (g_secrets_are_lost || (g_level == SPDK_LOG_DISABLED && g_file == NULL)) {
		return;
	}
	line = malloc(size + 1);
	if (line == NULL) {
		return;
	}
	/* One line each: in JSON, a line end may only stand between tokens. */
	memcpy(line, text, size);
	line[size] = '\0';
	for (size_t i = 0; i < size; i++) {
		if (line[i] == '\n' || line[i] == '\r') {
			line[i] = ' ';
		}
	}
	mask(line);
	if (g_level != SPDK_LOG_DISABLED) {
		spdk_log(g_level, NULL, 0, NULL, "%s: %s\n", what, line);
	}
	if (g_file != NULL) {
		fprintf(g_file, "%s: %s\n", what, line);
		fflush(g_file);
	}
	explicit_bzero(line, size);
	free(line);
}
