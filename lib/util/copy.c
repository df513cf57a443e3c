/* SPDX-License-Identifier: BSD-3-Clause */

#include "lib/util/copy_internal.h"
#include "spdk/util.h"

#define LINE 64
/* Less than this is not worth the fence. */
#define MIN_LEN 512

#if defined(__SSE2__)

#include <emmintrin.h>

void
util_copy_past_caches(void *dst, const void *src, size_t len)
{
	size_t head = -(uintptr_t)dst % LINE;
	const char *from = src;
	char *to = dst;

	if (len < MIN_LEN) {
		memcpy(dst, src, len);
		return;
	}
	/* Whole lines only: a part of one would have to be read. */
	memcpy(to, from, head);
	for (to += head, from += head, len -= head; len >= LINE; to += LINE, from += LINE, len -= LINE) {
		__m128i a = _mm_loadu_si128((const __m128i *)from), b = _mm_loadu_si128((const __m128i *)(from + 16)),
			c = _mm_loadu_si128((const __m128i *)(from + 32)),
			d = _mm_loadu_si128((const __m128i *)(from + 48));

		_mm_stream_si128((__m128i *)to, a);
		_mm_stream_si128((__m128i *)(to + 16), b);
		_mm_stream_si128((__m128i *)(to + 32), c);
		_mm_stream_si128((__m128i *)(to + 48), d);
	}
	memcpy(to, from, len);
	/* Such writes are not in order with others without it. */
	_mm_sfence();
}

#else

void
util_copy_past_caches(void *dst, const void *src, size_t len)
{
	memcpy(dst, src, len);
}

#endif

bool
util_is_past_caches(uint64_t size)
{
	long cache = sysconf(_SC_LEVEL3_CACHE_SIZE);

	/* Not where a good part of it can be in the cache: what is read often is, however large the rest. */
	return cache > 0 && size >= 4 * (uint64_t)cache;
}
