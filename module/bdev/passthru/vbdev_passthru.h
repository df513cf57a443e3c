/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * passthru: a bdev on top of another one, its base, that hands every I/O down as it came. By itself it is of no use;
 * it is the example to start from when writing a virtual bdev.
 */

#ifndef MODULE_BDEV_PASSTHRU_H
#define MODULE_BDEV_PASSTHRU_H

#include "bdevkit/vbdev.h"

/* Both as bdk_vbdev_create() and bdk_vbdev_delete() say. */
int vbdev_passthru_create(const struct bdk_vbdev_opts *opts, const char **why);
int vbdev_passthru_delete(const char *name, spdk_bdev_unregister_cb cb, void *cb_arg);

#endif /* MODULE_BDEV_PASSTHRU_H */
