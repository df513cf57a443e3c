/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef BDEV_YOUR_H
#define BDEV_YOUR_H

#include "spdk/stdinc.h"

/* Registers a disk in memory of size_bytes bytes. App thread. Returns 0 or a negative errno. */
int your_bdev_create(const char *name, uint64_t size_bytes, uint32_t block_size);

#endif /* BDEV_YOUR_H */
