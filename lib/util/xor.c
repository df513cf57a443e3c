/* SPDX-License-Identifier: BSD-3-Clause */

#include "spdk/xor.h"
#include "spdk/util.h"

#include <isa-l.h>

#define XOR_MIN_SOURCES 2
#define XOR_MAX_SOURCES 256

/* What ISA-L wants of addresses, and takes lengths in. */
#define XOR_ISAL_ALIGN 32

/*
 * ISA-L writes past the caches. That is right for what is long; what is short fits the cache, where it is written faster
 * and its next reader finds it.
 */
#define XOR_ISAL_MIN 16384

/* Where ISA-L cannot: vectors of any address, of which the compiler makes what the CPU has. */
typedef uint64_t unaligned_vector __attribute__((vector_size(32), aligned(1), may_alias));

static bool
all_aligned(void *dest, void **sources, uint32_t n)
{
	uintptr_t bits = (uintptr_t)dest;

	for (uint32_t i = 0; i < n; i++) {
		bits |= (uintptr_t)sources[i];
	}
	return bits % XOR_ISAL_ALIGN == 0;
}

/* Any address, any length. */
static inline __attribute__((always_inline)) void
xor_vectors(uint8_t *dest, void **sources, uint32_t n, size_t start, size_t end)
{
	size_t pos = start;

	for (; end - pos >= 4 * sizeof(unaligned_vector); pos += 4 * sizeof(unaligned_vector)) {
		const unaligned_vector *from = (const unaligned_vector *)((const uint8_t *)sources[0] + pos);
		unaligned_vector *to = (unaligned_vector *)(dest + pos);
		unaligned_vector a = from[0], b = from[1], c = from[2], d = from[3];

		for (uint32_t i = 1; i < n; i++) {
			from = (const unaligned_vector *)((const uint8_t *)sources[i] + pos);
			a ^= from[0];
			b ^= from[1];
			c ^= from[2];
			d ^= from[3];
		}
		to[0] = a;
		to[1] = b;
		to[2] = c;
		to[3] = d;
	}
	for (; end - pos >= sizeof(unaligned_vector); pos += sizeof(unaligned_vector)) {
		unaligned_vector sum = *(const unaligned_vector *)((const uint8_t *)sources[0] + pos);

		for (uint32_t i = 1; i < n; i++) {
			sum ^= *(const unaligned_vector *)((const uint8_t *)sources[i] + pos);
		}
		*(unaligned_vector *)(dest + pos) = sum;
	}
	for (; pos < end; pos++) {
		uint8_t sum = ((const uint8_t *)sources[0])[pos];

		for (uint32_t i = 1; i < n; i++) {
			sum ^= ((const uint8_t *)sources[i])[pos];
		}
		dest[pos] = sum;
	}
}

__attribute__((target("avx2"))) static void
xor_bytes_avx2(uint8_t *dest, void **sources, uint32_t n, size_t start, size_t end)
{
	xor_vectors(dest, sources, n, start, end);
}

static void
xor_bytes(uint8_t *dest, void **sources, uint32_t n, size_t start, size_t end)
{
	if (__builtin_cpu_supports("avx2")) {
		xor_bytes_avx2(dest, sources, n, start, end);
	} else {
		xor_vectors(dest, sources, n, start, end);
	}
}

int
spdk_xor_gen(void *dest, void **sources, uint32_t n, uint32_t len)
{
	void *vectors[XOR_MAX_SOURCES + 1];
	uint32_t fast_len = 0;

	if (n < XOR_MIN_SOURCES || n > XOR_MAX_SOURCES) {
		return -EINVAL;
	}
	if (len >= XOR_ISAL_MIN && len <= INT_MAX && all_aligned(dest, sources, n)) {
		fast_len = SPDK_ALIGN_FLOOR(len, XOR_ISAL_ALIGN);
	}
	if (fast_len > 0) {
		memcpy(vectors, sources, n * sizeof(vectors[0]));
		vectors[n] = dest;
		if (xor_gen((int)n + 1, (int)fast_len, vectors) != 0) {
			return -EINVAL;
		}
	}
	xor_bytes(dest, sources, n, fast_len, len);
	return 0;
}

size_t
spdk_xor_get_optimal_alignment(void)
{
	return XOR_ISAL_ALIGN;
}
