/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef SPDK_MEMORY_H
#define SPDK_MEMORY_H

#include <linux/version.h>
#include "spdk/stdinc.h"

#ifdef __cplusplus
extern "C" {
#endif

/* macro CEIL_2MB(x) */
/* macro FLOOR_2MB(x) */
#define MASK_2MB (VALUE_2MB - 1)
#define MASK_4KB (VALUE_4KB - 1)
#define SHIFT_2MB 21
#define SHIFT_4KB 12
#define VALUE_2MB (1ULL << SHIFT_2MB)
#define VALUE_4KB (1ULL << SHIFT_4KB)
#define VFIO_ENABLED 1
/* macro _2MB_OFFSET(ptr) */
/* macro _2MB_PAGE(ptr) */




#ifdef __cplusplus
}
#endif

#endif /* SPDK_MEMORY_H */
