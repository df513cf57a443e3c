/* SPDX-License-Identifier: BSD-3-Clause */

/* Exclusive or of several buffers: parity. */

#ifndef SPDK_XOR_H
#define SPDK_XOR_H

#include "spdk/stdinc.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Sets dest to the exclusive or of n buffers, 2 to 256, of len bytes each. Any address and length will do; dest may be
 * one of the sources, but not overlap one otherwise. Returns 0; -EINVAL for another n.
 */
int spdk_xor_gen(void *dest, void **sources, uint32_t n, uint32_t len);

/* Address alignment that is fastest, in bytes. */
size_t spdk_xor_get_optimal_alignment(void);

#ifdef __cplusplus
}
#endif

#endif /* SPDK_XOR_H */
