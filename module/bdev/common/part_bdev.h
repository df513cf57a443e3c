/* SPDX-License-Identifier: BSD-3-Clause */

/* What the modules have in common whose bdevs are parts of another one and hand on all I/O as it comes. */

#ifndef MODULE_BDEV_COMMON_PART_BDEV_H
#define MODULE_BDEV_COMMON_PART_BDEV_H

#include "spdk/bdev_module.h"

/* For the module's get_ctx_size and its table of functions. Its channels have no context beyond spdk_bdev_part_channel. */
int part_bdev_get_ctx_size(void);
int part_bdev_destruct(void *ctx);
void part_bdev_submit(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io);
int part_bdev_get_memory_domains(void *ctx, struct spdk_memory_domain **domains, int array_size);

/* The first part of a base in the list of its module, or NULL. */
struct spdk_bdev_part *part_bdev_first(const struct spdk_bdev_part_base *base, const struct bdev_part_tailq *parts);

/* Whether the part is still known by its name: one that goes is in the list of its module for some time after that. */
bool part_bdev_is_known(struct spdk_bdev_part *part);

/* Makes a base go: its parts are unregistered, and it is freed with the last one, or at once if it has none. */
void part_bdev_remove_base(struct spdk_bdev_part_base *base);

#endif /* MODULE_BDEV_COMMON_PART_BDEV_H */
