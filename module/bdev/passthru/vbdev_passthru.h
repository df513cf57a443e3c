/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * passthru: a bdev on top of another one, its base, that hands every I/O down as it came. By itself it is of no use;
 * it is the example to start from when writing a virtual bdev.
 */

#ifndef MODULE_BDEV_PASSTHRU_H
#define MODULE_BDEV_PASSTHRU_H

#include "spdk/bdev_module.h"

struct passthru_bdev_opts {
	const char *name;
	/* Name or alias of the base. */
	const char *base_bdev_name;
	/* Null: made from the UUID of the base, always the same for the same base. */
	struct spdk_uuid uuid;
};

/*
 * Creates a passthru bdev. If there is no bdev base_bdev_name, that is remembered, and the passthru bdev appears when
 * its base does; so it does each time when its base has gone and comes back, until vbdev_passthru_delete().
 * Application thread only.
 *
 * Returns 0; -EEXIST if the name or the UUID is taken; -EPERM if the base is claimed by another module; -EINVAL;
 * -ENOMEM. On failure nothing is remembered, and *why is a sentence that says more, or NULL.
 */
int vbdev_passthru_create(const struct passthru_bdev_opts *opts, const char **why);

/*
 * Deletes the passthru bdev of that name, or if its base is missing, forgets that it was to be created. Application
 * thread only.
 *
 * Returns 0, and cb is called when it is gone, or at once if there was nothing to remove; -ENODEV if there is none;
 * -ENOMEM. cb is not called on failure.
 */
int vbdev_passthru_delete(const char *name, spdk_bdev_unregister_cb cb, void *cb_arg);

#endif /* MODULE_BDEV_PASSTHRU_H */
