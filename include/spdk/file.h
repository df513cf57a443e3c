/* SPDX-License-Identifier: BSD-3-Clause */

/* Files read whole. */

#ifndef SPDK_FILE_H
#define SPDK_FILE_H

#include "spdk/stdinc.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Reads what is left of a file, up to 1 GiB, into memory to be freed with free(), and stores its length in *size.
 * There is no terminating zero. NULL: errno says why.
 */
void *spdk_posix_file_load(FILE *file, size_t *size);
void *spdk_posix_file_load_from_name(const char *file_name, size_t *size);

/*
 * Reads the first line of a file of sysfs, without its line end; path_format is a printf format. *attribute is to be
 * freed with free(). Returns 0 or a negative errno.
 */
int spdk_read_sysfs_attribute(char **attribute, const char *path_format, ...) __attribute__((format(printf, 2, 3)));

/* The same for a number, decimal or with 0x. -EINVAL: it is none, -ERANGE: too large. */
int spdk_read_sysfs_attribute_uint32(uint32_t *attribute, const char *path_format, ...)
	__attribute__((format(printf, 2, 3)));

#ifdef __cplusplus
}
#endif

#endif /* SPDK_FILE_H */
