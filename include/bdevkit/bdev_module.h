/* SPDX-License-Identifier: BSD-3-Clause */

/* What bdevkit adds to spdk/bdev_module.h. */

#ifndef BDEVKIT_BDEV_MODULE_H
#define BDEVKIT_BDEV_MODULE_H

#include "spdk/stdinc.h"
#include "spdk/bdev_module.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Whether the bdev is offered to modules when it is registered: it can be read, and examining is automatic or one of its
 * names is on the list of spdk_bdev_examine().
 *
 * Who saves a bdev that stands on another one needs to know. A request that is loaded before its base exists is carried
 * out when the base is examined; for a base that is not, it has to be saved by write_config_json, which comes after that
 * of the base. Any thread.
 */
bool bdk_bdev_is_examined(const struct spdk_bdev *bdev);

/*
 * Sets what is called with the base, on its thread, when the bdev below has another size; NULL: nothing. Parts stay as
 * they are, the module may make more. Right after the base was made.
 */
void bdk_bdev_part_base_set_resize_cb(struct spdk_bdev_part_base *part_base, void (*resize_cb)(void *part_base));

#ifdef __cplusplus
}
#endif

#endif /* BDEVKIT_BDEV_MODULE_H */
