/* SPDX-License-Identifier: BSD-3-Clause */

/* What a saved configuration must look like: names, types and presence by config_entries.tsv, and the order. */

#ifndef TEST_CONFIG_SHAPE_H
#define TEST_CONFIG_SHAPE_H

#include "spdk/stdinc.h"

/* Reads the table; ends the test program if that fails. */
void shape_read_table(const char *path);

/* Returns NULL, or what is wrong with a saved configuration; freed by the caller. Counts its entries. */
char *shape_check(const char *config);

/* How often each method was in a configuration that was checked. */
uint64_t shape_count(const char *method);
void shape_print_counts(FILE *file);

#endif /* TEST_CONFIG_SHAPE_H */
