/* SPDX-License-Identifier: BSD-3-Clause */

/* The locks by which QEMU, its tools, and bdevs on files keep a disk image to one process. */

#ifndef BDEVKIT_DD_IMAGE_LOCK_H
#define BDEVKIT_DD_IMAGE_LOCK_H

#include "spdk/stdinc.h"

/*
 * Locks it as one who reads, or also writes; until the descriptor is closed. -EBUSY: that contradicts another one's. 0 also on
 * file systems without such locks.
 */
int image_lock_take(int fd, bool write);

#endif /* BDEVKIT_DD_IMAGE_LOCK_H */
