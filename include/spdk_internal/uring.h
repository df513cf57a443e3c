/* SPDX-License-Identifier: BSD-3-Clause */

/* liburing, in whatever version the system has. */

#ifndef SPDK_INTERNAL_URING_H
#define SPDK_INTERNAL_URING_H

#include <liburing.h>

/* The flag is younger than the oldest headers that liburing comes with. */
#ifndef RWF_NOWAIT
#define RWF_NOWAIT 0x00000008
#endif

#endif /* SPDK_INTERNAL_URING_H */
