/* SPDX-License-Identifier: BSD-3-Clause */

/* myfilter: a bdev that stands on any other one. */

#ifndef VBDEV_MYFILTER_H
#define VBDEV_MYFILTER_H

#include "spdk/stdinc.h"
#include "bdevkit/vbdev.h"

/* What a user asks for. */
struct myfilter_opts {
	/* Name, base, UUID. */
	struct bdk_vbdev_opts vbdev;
	/* What would change the data fails. */
	bool read_only;
};

/*
 * Makes a filter, now or when its base comes. Application thread. Returns 0 or a negative errno, and perhaps *why, a
 * sentence that says more.
 */
int myfilter_create(const struct myfilter_opts *opts, const char **why);

/*
 * Deletes the filter of that name; what it stands on stays. cb_fn is called when it is gone. Application thread. Returns 0, or
 * -ENODEV if no myfilter has that name; then cb_fn is not called.
 */
int myfilter_delete(const char *name, spdk_bdev_unregister_cb cb_fn, void *cb_arg);

#endif /* VBDEV_MYFILTER_H */
