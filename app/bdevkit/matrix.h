/* SPDX-License-Identifier: BSD-3-Clause */

/* What the columns and rows of bdevkit matrix are made from: matrix.c has the modules, matrix_ask.c asks them. */

#ifndef BDEVKIT_APP_MATRIX_H
#define BDEVKIT_APP_MATRIX_H

#include "spdk/stdinc.h"

/* Of MATRIX_FILE, when a bdev is made on it. */
#define MATRIX_FILE_SIZE (1 << 20)
/* A file in the working directory that bdevs may be made on. */
#define MATRIX_FILE "disk.img"
/* What virtual bdevs stand on: a malloc bdev, or whatever is to be tried. 256 blocks of 4096 bytes. */
#define MATRIX_BASE "base"

/* An RPC method and its parameters, which are JSON without the braces. */
struct matrix_call {
	const char *method;
	const char *params;
};

/* How a bdev of a module is made. Without a method in .create: by examining MATRIX_FILE or MATRIX_BASE. */
struct matrix_module {
	const char *name;
	/* What it makes; NULL: "m". */
	const char *bdev;
	/* It stands on MATRIX_BASE, which has the metadata that are asked for; else .create takes them as parameters. */
	bool on_base;
	/* What has to be there before it, such as a key; without a method: nothing. */
	struct matrix_call before;
	struct matrix_call create;
	struct matrix_call delete;
	struct matrix_call after;
	/* Of a module that stands on nothing: makes it larger, after MATRIX_FILE has been made twice as large. */
	struct matrix_call resize;
	/* Writes what is to be found there into MATRIX_FILE, and the base is a bdev on it. Returns 0 or a negative errno. */
	int (*prepare)(int fd);
};

#define MATRIX_MAX_ROWS 64
#define MATRIX_VALUE_SIZE 40

/* What a column of the table holds, in the order of the rows. */
struct matrix_column {
	const char *rows[MATRIX_MAX_ROWS];
	char values[MATRIX_MAX_ROWS][MATRIX_VALUE_SIZE];
	size_t num_rows;
};

/* Fills the column of a module, in a session that simulates. Returns 0 or a negative errno, and says what failed. */
int matrix_ask(const struct matrix_module *module, struct matrix_column *column);

/* Of gpt. */
int matrix_gpt_prepare(int fd);

#endif /* BDEVKIT_APP_MATRIX_H */
