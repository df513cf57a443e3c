/* SPDX-License-Identifier: BSD-3-Clause */

/* Checks while compiling. */

#ifndef SPDK_ASSERT_H
#define SPDK_ASSERT_H

#include "spdk/stdinc.h"

/* Stops the compiler with msg, a string, unless cond is true. */
#ifdef __cplusplus
#define SPDK_STATIC_ASSERT(cond, msg) static_assert(cond, msg)
#else
#define SPDK_STATIC_ASSERT(cond, msg) _Static_assert(cond, msg)
#endif

#endif /* SPDK_ASSERT_H */
