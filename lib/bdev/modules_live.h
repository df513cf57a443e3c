/* SPDX-License-Identifier: BSD-3-Clause */

/* Modules that come and go while the layer is up, for lib/loader. App thread; one at a time. */

#ifndef BDEV_MODULES_LIVE_H
#define BDEV_MODULES_LIVE_H

#include "lib/bdev/bdev_internal.h"

/* Called once, on the app thread, later or inside the call. */
typedef void (*bdev_live_cb)(void *cb_arg, int rc);

/* To be asked before the module is added to the list: which bdevs are older than it. */
uint64_t bdev_live_last_bdev(void);
/* Bytes of driver_ctx that each I/O has. */
size_t bdev_live_ctx_size(void);

/*
 * Initialises a module that is in the list, waits until it is ready, offers it the bdevs that there are, and waits until it
 * has examined them. Returns what module_init returned; if that is not 0, the module is out of the list, and cb_fn is not
 * called. cb_fn gets -ESHUTDOWN if the layer stops meanwhile, which then ends the module as well.
 */
int bdev_live_start(struct spdk_bdev_module *module, uint64_t last_bdev, bdev_live_cb cb_fn, void *cb_arg);

/* Ends a module of which nothing is in use, and takes it out of the list. */
void bdev_live_stop(struct spdk_bdev_module *module, bdev_live_cb cb_fn, void *cb_arg);

/* Calls fn for each module of the list; fn may take it out. */
void bdev_live_for_each(void (*fn)(void *ctx, struct spdk_bdev_module *module), void *ctx);

uint32_t bdev_live_count_bdevs(const struct spdk_bdev_module *module);

#endif /* BDEV_MODULES_LIVE_H */
