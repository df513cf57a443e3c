/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A bdev that lies in strips on two disks, as a module is written that leaves its reads and writes to the layer: what the
 * layer does not route comes through its submit_request(), and is counted.
 */

#ifndef STRIPS_BDEV_H
#define STRIPS_BDEV_H

#include "mem_disk.h"

#define STRIPS_BASES 2
#define STRIPS_SHIFT 3
#define STRIPS_BLOCKS (1 << STRIPS_SHIFT)
/* Where the first strip begins on the disks. */
#define STRIPS_OFFSET 5

struct strips_bdev {
	struct spdk_bdev bdev;
	struct spdk_bdev_desc *descs[STRIPS_BASES];
	/* Reads and writes that came through submit_request(). */
	uint64_t seen;
};

extern struct strips_bdev g_strips;

/* "strips" of so many blocks, on disks that are there. Remove waits until it is gone. */
void strips_bdev_create(struct mem_disk *disks, uint64_t num_blocks);
void strips_bdev_remove(void);

#endif /* STRIPS_BDEV_H */
