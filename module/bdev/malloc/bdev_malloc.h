/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * malloc: a bdev in the memory of the process. It is gone with the process; what was never written costs nothing.
 */

#ifndef MODULE_BDEV_MALLOC_H
#define MODULE_BDEV_MALLOC_H

#include "spdk/bdev_module.h"
#include "module/bdev/common/block_format.h"

struct malloc_bdev_opts {
	/* NULL or empty: Malloc0, Malloc1 and so on. */
	const char *name;
	/* Null: a random one. */
	struct spdk_uuid uuid;
	uint64_t num_blocks;
	/* In blocks; I/O that crosses it is split. 0: none. */
	uint32_t optimal_io_boundary;
	struct block_format format;
};

/*
 * Creates a malloc bdev and sets *bdev to it. Application thread only.
 *
 * Returns 0; -EINVAL for a format that is not possible; -EEXIST if the name or the UUID is taken; -ENOMEM,
 * also if the system cannot hold a bdev of that size. On failure *why is a sentence that says more, or NULL.
 */
int bdev_malloc_create(const struct malloc_bdev_opts *opts, struct spdk_bdev **bdev, const char **why);

/*
 * Deletes the malloc bdev of that name with its contents. Returns 0, and cb is called when it is gone; or -ENODEV if
 * there is none, and cb is not called.
 */
int bdev_malloc_delete(const char *name, spdk_bdev_unregister_cb cb, void *cb_arg);

#endif /* MODULE_BDEV_MALLOC_H */
