/* SPDX-License-Identifier: BSD-3-Clause */

/* Sizes of pages, and rounding addresses to them. */

#ifndef SPDK_MEMORY_H
#define SPDK_MEMORY_H

#include <linux/version.h>
#include "spdk/stdinc.h"

/* Whether the kernel is one that devices can be driven from user space with. */
#define VFIO_ENABLED 1

#define SHIFT_2MB 21
#define VALUE_2MB (1ULL << SHIFT_2MB)
#define MASK_2MB (VALUE_2MB - 1)

#define SHIFT_4KB 12
#define VALUE_4KB (1ULL << SHIFT_4KB)
#define MASK_4KB (VALUE_4KB - 1)

/* The piece of 2 MiB that a pointer lies in, and its place there. */
#define _2MB_PAGE(ptr) ((ptr) & ~(VALUE_2MB - 1))
#define _2MB_OFFSET(ptr) (((uintptr_t)(ptr)) & (VALUE_2MB - 1))

/* Rounds an integer down or up to a multiple of 2 MiB. */
#define FLOOR_2MB(x) (((uintptr_t)(x)) & ~MASK_2MB)
#define CEIL_2MB(x) FLOOR_2MB(((uintptr_t)(x)) + VALUE_2MB - 1)

#endif /* SPDK_MEMORY_H */
