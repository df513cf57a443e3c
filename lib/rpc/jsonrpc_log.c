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
static const char *g_secret_names[32];
static size_t g_num_secret_names;

void
jsonrpc_log_hide(const char *name)
{
	size_t i;

	for (i = 0; i < g_num_secret_names; i++) {
		if (strcmp(g_secret_names[i], name) == 0) {
			return;
		}
	}
	assert(g_num_secret_names < SPDK_COUNTOF(g_secret_names));
	g_secret_names[g_num_secret_names++] = name;
}

/* Masks the string that begins at text. Returns its end. */
static char *
mask_string(char *text)
{
	for (text++; *text != '\0' && *text != '"'; text++) {
		bool escape = *text == '\\' && text[1] != '\0';

		*text = '*';
		if (escape) {
			*++text = '*';
		}
	}
	return text;
}

/* Masks the strings that follow "name":. */
static void
mask(char *line, const char *name)
{
	size_t len = strlen(name);
	char *at = line;

	while ((at = strstr(at, name)) != NULL) {
		bool is_name = at > line && at[-1] == '"' && at[len] == '"';

		at += len;
		if (is_name) {
			at += 1 + strspn(at + 1, " \t");
			if (*at == ':') {
				at += 1 + strspn(at + 1, " \t");
			}
			if (*at == '"') {
				at = mask_string(at);
			}
		}
	}
}

void
jsonrpc_log(const char *what, const void *text, size_t size)
{
	char *line;

	if (g_level == SPDK_LOG_DISABLED && g_file == NULL) {
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
	for (size_t i = 0; i < g_num_secret_names; i++) {
		mask(line, g_secret_names[i]);
	}
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
