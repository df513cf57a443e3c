/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Bdev expressions, with which a command line makes bdevs: malloc:64M, crypto(file:disk.img,key=K). doc/expressions.md
 * has the language. Each KIND is the RPC method bdev_KIND_create, and what it takes is what the method's description says,
 * so that modules that were loaded take part.
 *
 *   expression.c         from the text to a tree
 *   expression_write.c   from the tree to the entries of a configuration
 *   expression_value.c   from a word to the value of a parameter
 */

#ifndef BDEVKIT_APP_EXPRESSION_H
#define BDEVKIT_APP_EXPRESSION_H

#include "spdk/stdinc.h"
#include "spdk/json.h"

#include "bdevkit/rpc.h"

/* What is wrong with an expression, and at which byte of it. */
struct expression_error {
	size_t at;
	char text[256];
};

/* A word of an expression, without what quotes it. */
struct expression_word {
	char *text;
	size_t at;
};

struct expression_item {
	/* Of name=value; .text NULL: it is a base. */
	struct expression_word name;
	struct expression_word value;
	struct expression *base;
};

/* KIND[:ARGUMENT][(ITEM,...)], or the name of a bdev that is there: then kind.text is NULL. */
struct expression {
	struct expression_word name;
	struct expression_word kind;
	/* .text NULL: there is none. */
	struct expression_word argument;
	struct expression_item *items;
	size_t num_items;
};

/* Whether a word is an expression that makes a bdev, and not the name of one: it has a colon or a bracket. */
bool expression_is_one(const char *text);

/* Returns 0 and *expression, to be freed; -EINVAL and *error; -ENOMEM. */
int expression_parse(const char *text, struct expression **expression, struct expression_error *error);
void expression_free(struct expression *expression);

/* Says in *error what is wrong at a byte. Returns -EINVAL. */
int expression_fail(struct expression_error *error, size_t at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Writes on stderr what is wrong, with the expression and a mark below it. */
void expression_print_error(const char *command, const char *text, const struct expression_error *error);

/* Names of bdevs. All zero at first. */
struct expression_names {
	char **items;
	size_t count;
};

/* Adds a copy. Returns 0 or -ENOMEM. */
int expression_names_add(struct expression_names *names, const char *name);
void expression_names_free(struct expression_names *names);

/*
 * Writes the entries {"method": ..., "params": ...} that make the bdevs of an expression, those of its bases first. Nearly
 * all expressions make one bdev; split makes several. taken: what all expressions of one command line have given names to, so
 * that none is given twice. Returns 0, and adds to *bdevs what the expression stands for; -EINVAL and *error; -ENOMEM. Whatever
 * it returns, w has whole values.
 */
int expression_write(const struct expression *expression, struct expression_names *taken, struct spdk_json_write_ctx *w,
	struct expression_names *bdevs, struct expression_error *error);

/* Whether KIND:... means something already. */
bool expression_has_kind(const char *kind);

/* ---- expression_value.c ---- */

/* A number with one of the suffixes K, M, G, T, P, E, perhaps with iB or B behind it. Returns 0 or -EINVAL. */
int expression_number(const char *text, uint64_t *number);

/* Writes a word as what the parameter takes; param NULL: as what it looks like. Returns 0, or -EINVAL and *error. */
int expression_write_value(const struct bdk_rpc_param *param, const struct expression_word *word,
	struct spdk_json_write_ctx *w, struct expression_error *error);

/* Whether it can be written: 0, or -EINVAL and *error. */
int expression_check_value(
	const struct bdk_rpc_param *param, const struct expression_word *word, struct expression_error *error);

#endif /* BDEVKIT_APP_EXPRESSION_H */
