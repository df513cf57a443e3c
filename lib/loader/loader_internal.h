/* SPDX-License-Identifier: BSD-3-Clause */

/* What the files of lib/loader share. */

#ifndef LOADER_INTERNAL_H
#define LOADER_INTERNAL_H

#include "spdk/stdinc.h"

/* The file that a word on the command line or in a configuration means; to be freed. NULL: none, and *error says why. */
char *loader_search(const char *module, char **error);

/*
 * Whether a file is a shared object that was made for this version, without loading it. Returns 0 or -ENOENT, -ENOEXEC, or
 * what the system said; then *error, to be freed, says what is wrong; NULL: no memory for it.
 */
int loader_stamp_check(const char *path, char **error);
/* The same of a file's contents; for fuzzing. */
int loader_stamp_check_data(const void *data, size_t size, char **error);

#endif /* LOADER_INTERNAL_H */
