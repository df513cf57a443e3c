/* SPDX-License-Identifier: BSD-3-Clause */

/* Two samples as a table for people, or as JSON. */

#ifndef BDEVKIT_STAT_PRINT_H
#define BDEVKIT_STAT_PRINT_H

#include "app/bdevkit/stat/sample.h"

struct stat_view {
	/* Sizes of I/Os, unmap and copy, errors as well. */
	bool extended;
	bool percentiles;
	/* Leave out bdevs without I/O. */
	bool skip_idle;
	/* Put the time above each table. */
	bool time;
	/* Of bdevs to show; 0: all. */
	char **names;
	int num_names;
};

/* before without bdevs: what was since the bdevs were made. Returns how many bdevs the view has. */
int stat_print(const struct stat_view *view, const struct stat_sample *before, const struct stat_sample *after);

/* The same as an object. formatted: with line breaks inside; else it is one line. */
int stat_print_json(const struct stat_view *view, const struct stat_sample *before, const struct stat_sample *after,
	bool formatted);

/* Writes a number in at most five characters: 7.3, 482, 12.4k, 1.20M. */
void stat_format_count(char *text, size_t size, double number);

#endif /* BDEVKIT_STAT_PRINT_H */
