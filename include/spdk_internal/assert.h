/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef SPDK_INTERNAL_ASSERT_H
#define SPDK_INTERNAL_ASSERT_H

#include "spdk/stdinc.h"
#include "spdk/assert.h"

/* A place that only a bug can reach: ends the process, and in builds without assertions tells the compiler. */
#ifdef NDEBUG
#define SPDK_UNREACHABLE() __builtin_unreachable()
#else
#define SPDK_UNREACHABLE() abort()
#endif

#endif /* SPDK_INTERNAL_ASSERT_H */
