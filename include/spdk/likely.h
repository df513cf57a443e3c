/* SPDX-License-Identifier: BSD-3-Clause */

/* Which way a branch mostly goes, for the compiler. */

#ifndef SPDK_LIKELY_H
#define SPDK_LIKELY_H

#include "spdk/stdinc.h"

#define spdk_likely(cond) __builtin_expect(!!(cond), 1)
#define spdk_unlikely(cond) __builtin_expect(!!(cond), 0)

#endif /* SPDK_LIKELY_H */
