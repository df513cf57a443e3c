/* SPDX-License-Identifier: BSD-3-Clause */

/* Numbers of which the low ones are frequent, after Zipf's law: number k comes up in proportion to 1 / (k + 1)^theta. */

#ifndef SPDK_ZIPF_H
#define SPDK_ZIPF_H

#include "spdk/stdinc.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spdk_zipf;

/*
 * Makes a generator of numbers from 0 to range - 1. theta: 0 makes all equally frequent, 1 is the classic law. The
 * same seed gives the same numbers. Takes a time that grows with range, up to about a second.
 * Returns NULL if range is 0, theta is negative, or memory is short.
 */
struct spdk_zipf *spdk_zipf_create(uint64_t range, double theta, uint32_t seed);

/* Frees the generator and sets *zipfp to NULL. */
void spdk_zipf_free(struct spdk_zipf **zipfp);

/* The next number. */
uint64_t spdk_zipf_generate(struct spdk_zipf *zipf);

#ifdef __cplusplus
}
#endif

#endif /* SPDK_ZIPF_H */
