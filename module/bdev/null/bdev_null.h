/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * null: a bdev of any size that keeps nothing. Writes succeed and are forgotten; reads succeed and leave the caller's
 * buffer as it is. It shows what the layers above cost by themselves.
 */

#ifndef MODULE_BDEV_NULL_H
#define MODULE_BDEV_NULL_H

#include "spdk/bdev_module.h"
#include "module/bdev/common/block_format.h"

struct null_bdev_opts {
	const char *name;
	/* Null: a random one. */
	struct spdk_uuid uuid;
	uint64_t num_blocks;
	/* md_interleave is taken as true: a null bdev has no separate metadata. */
	struct block_format format;
};

/*
 * Creates a null bdev and sets *bdev to it. Application thread only.
 *
 * Returns 0; -EINVAL for a format that is not possible; -EEXIST if the name or the UUID is taken; -ENOMEM.
 * On failure *why is a sentence that says more, or NULL.
 */
int bdev_null_create(const struct null_bdev_opts *opts, struct spdk_bdev **bdev, const char **why);

/*
 * Deletes the null bdev of that name. Returns 0, and cb is called when it is gone; or -ENODEV if there is none, and cb
 * is not called.
 */
int bdev_null_delete(const char *name, spdk_bdev_unregister_cb cb, void *cb_arg);

/*
 * Makes the null bdev of that name new_size MiB large. Application thread only.
 *
 * Returns 0; -ENODEV if there is no such bdev; -EINVAL if it is not a null bdev, or larger already, or the size is out
 * of range. On failure *why is a sentence that says more, or NULL.
 */
int bdev_null_resize(const char *name, uint64_t new_size, const char **why);

#endif /* MODULE_BDEV_NULL_H */
