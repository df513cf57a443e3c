/* SPDX-License-Identifier: BSD-3-Clause */

/* File descriptors. */

#ifndef SPDK_FD_H
#define SPDK_FD_H

#include "spdk/stdinc.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Size in bytes of a regular file or block device; 0 for anything else, and on failure. */
uint64_t spdk_fd_get_size(int fd);

/* Logical block size in bytes of a block device; 0 for anything else, and on failure. */
uint32_t spdk_fd_get_blocklen(int fd);

/* Sets or clears O_NONBLOCK. Returns 0 or a negative errno. */
int spdk_fd_set_nonblock(int fd);
int spdk_fd_clear_nonblock(int fd);

#ifdef __cplusplus
}
#endif

#endif /* SPDK_FD_H */
