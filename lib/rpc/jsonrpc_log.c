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
	if (g_level != SPDK_LOG_DISABLED) {
		spdk_log(g_level, NULL, 0, NULL, "%s: %s\n", what, line);
	}
	if (g_file != NULL) {
		fprintf(g_file, "%s: %s\n", what, line);
		fflush(g_file);
	}
	free(line);
}
