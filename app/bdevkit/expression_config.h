/* SPDX-License-Identifier: BSD-3-Clause */

/* The configuration that the bdevs of a command line stand for. */

#ifndef BDEVKIT_APP_EXPRESSION_CONFIG_H
#define BDEVKIT_APP_EXPRESSION_CONFIG_H

#include "app/bdevkit/expression.h"
#include "app/bdevkit/text.h"

/*
 * Writes the entries of the words that are expressions, and adds to *bdevs what all words stand for, names of bdevs as they
 * are. taken: see expression_write(). Returns 0 or a negative errno, after stderr was told in the name of a subcommand.
 * Whatever it returns, w has whole values.
 */
int expression_write_words(const char *command, const char *const *words, size_t count, struct expression_names *taken,
	struct spdk_json_write_ctx *w, struct expression_names *bdevs);

/*
 * The same as a whole configuration. config: one to which that is added, or NULL; the modules that it has are loaded, as
 * what the expressions mean may depend on them. Without an expression among the words *text stays empty.
 */
int expression_write_config(const char *command, const char *const *words, size_t count, const char *config,
	size_t config_size, uint32_t write_flags, struct text *text, struct expression_names *bdevs);

#endif /* BDEVKIT_APP_EXPRESSION_CONFIG_H */
