/* SPDX-License-Identifier: BSD-3-Clause */

/* Copies whose destination is not read soon. */

#ifndef UTIL_COPY_INTERNAL_H
#define UTIL_COPY_INTERNAL_H

#include "spdk/stdinc.h"

/*
 * As memcpy(), but writes to memory past the caches: neither is the destination read first, nor does it take the place of
 * what is in use. About twice as fast as memcpy() where the destination is in no cache, and slower where it is; so it is
 * for memory much larger than the caches that is written at random.
 */
void util_copy_past_caches(void *dst, const void *src, size_t len);

/* True if size bytes, written at random, are mostly in no cache. */
bool util_is_past_caches(uint64_t size);

#endif /* UTIL_COPY_INTERNAL_H */
