/* SPDX-License-Identifier: BSD-3-Clause */

/* mydisk: a disk in memory. */

#ifndef BDEV_MYDISK_H
#define BDEV_MYDISK_H

#include "spdk/stdinc.h"
#include "spdk/bdev_module.h"
#include "spdk/uuid.h"

struct mydisk_opts {
	char *name;
	uint64_t num_blocks;
	uint32_t block_size;
	/* Null: a random one. */
	struct spdk_uuid uuid;
};

/* What is not asked for. */
#define MYDISK_DEFAULT_BLOCK_SIZE 512

/*
 * Makes a disk that holds zeroes. Application thread. Returns 0; -EINVAL for a size that cannot be; -EEXIST if the name is
 * taken; -ENOMEM.
 */
int mydisk_create(const struct mydisk_opts *opts);

/*
 * Deletes the disk of that name, and what it holds. cb_fn is called when it is gone. Application thread. Returns 0, or
 * -ENODEV if no mydisk has that name; then cb_fn is not called.
 */
int mydisk_delete(const char *name, spdk_bdev_unregister_cb cb_fn, void *cb_arg);

#endif /* BDEV_MYDISK_H */
