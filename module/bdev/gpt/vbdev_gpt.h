/* SPDX-License-Identifier: BSD-3-Clause */

/* gpt: bdevs that are the partitions of another one, found in its GUID partition table. */

#ifndef MODULE_BDEV_GPT_H
#define MODULE_BDEV_GPT_H

#include "spdk/stdinc.h"

enum gpt_partition_types {
	/* Those that are meant for SPDK. */
	GPT_PARTITIONS_SPDK,
	/* Whatever there is. */
	GPT_PARTITIONS_ALL,
};

/* rc: 0 or a negative errno. */
typedef void (*gpt_examine_cb)(void *ctx, int rc);

/*
 * Says which partitions become bdevs. Disks that nobody else has claimed are examined anew, and their partitions come and go
 * as that has it; cb is called when that is over, with 0. What is wrong with a disk is logged, and concerns only that
 * one. Application thread only. Returns 0, or -ENOMEM: cb is not called then.
 */
int vbdev_gpt_set_partition_types(enum gpt_partition_types types, gpt_examine_cb cb, void *ctx);

/*
 * Reads the partition table of a bdev again, which was written perhaps. Partitions that are not in it any more, or that lie
 * elsewhere now, go; new ones come; the others stay, with their users. Application thread only.
 *
 * cb gets 0, also if there is no table; -EILSEQ: the table is damaged, and all is as it was; -EPERM: another module has
 * claimed the bdev; -EBUSY: partitions that were to go are still going; -EIO, -ENOMEM, -ENODEV, -ETIMEDOUT. Returns 0,
 * or -ENODEV or -ENOMEM: cb is not called then.
 */
int vbdev_gpt_examine(const char *bdev_name, gpt_examine_cb cb, void *ctx);

/* Calls fn for the name of each partition of this bdev, in the order of the table. Application thread only. */
void vbdev_gpt_for_each_partition(const char *bdev_name, void (*fn)(void *ctx, const char *name), void *ctx);

#endif /* MODULE_BDEV_GPT_H */
