/* SPDX-License-Identifier: BSD-3-Clause */

/* split: cuts a bdev into several of equal size. */

#ifndef MODULE_BDEV_SPLIT_H
#define MODULE_BDEV_SPLIT_H

#include "spdk/bdev_module.h"

/* More would be a mistake. */
#define SPLIT_MAX_COUNT 65536

struct split_opts {
	/* Name or alias of the base. */
	const char *base_bdev;
	uint32_t split_count;
	/* Size of each part; 0: the base is divided by split_count. */
	uint64_t split_size_mb;
};

/*
 * Cuts a bdev into split_count parts, or as many of split_size_mb as fit, if those are fewer. If there is no bdev
 * base_bdev, that is remembered, and the parts appear when it does; so they do each time when it has gone and comes
 * back, until vbdev_split_delete(). Application thread only.
 *
 * Returns 0; -EEXIST if the base is split already, or is to be, or if the name of a part is taken; -EPERM if the base is
 * claimed by another module; -EINVAL; -ENOMEM. On failure nothing is remembered, and *why is a sentence that says more,
 * or NULL.
 */
int vbdev_split_create(const struct split_opts *opts, const char **why);

/* Calls fn for the name of each part of this base, in their order. Application thread only. */
void vbdev_split_for_each_part(const char *base_bdev, void (*fn)(void *ctx, const char *name), void *ctx);

/*
 * Deletes the parts of a base, and forgets the request. Application thread only. Returns 0, and cb is called when they
 * are gone, or at once if there are none; -ENOENT if the base is not split, nor to be: then cb is not called.
 */
int vbdev_split_delete(const char *base_bdev, spdk_bdev_unregister_cb cb, void *cb_arg);

#endif /* MODULE_BDEV_SPLIT_H */
