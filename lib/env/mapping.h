/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Large areas of zeroed memory of which only the touched part costs anything, and of which parts can be given back.
 */

#ifndef ENV_MAPPING_H
#define ENV_MAPPING_H

#include "spdk/stdinc.h"

/*
 * Maps size bytes of zeroes, aligned to align, a power of two. Memory is taken page by page when it is written to.
 * Returns NULL if the system cannot promise that much.
 */
void *env_mapping_create(size_t size, size_t align);

/* Unmaps an area that env_mapping_create() has returned, whole; NULL: does nothing. */
void env_mapping_destroy(void *addr, size_t size);

/*
 * Makes size bytes at addr, a part of a mapping, read as zeroes, and gives the whole pages among them back to the
 * system. It costs a system call when there are whole pages.
 */
void env_mapping_discard(void *addr, size_t size);

#endif /* ENV_MAPPING_H */
