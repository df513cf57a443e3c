/* SPDX-License-Identifier: BSD-3-Clause */

/* Arithmetic, structures that grow, and lists of buffers. */

#ifndef SPDK_UTIL_H
#define SPDK_UTIL_H

/* Makes memset_s() known where the C library has it. */
#ifndef __STDC_WANT_LIB_EXT1__
#define __STDC_WANT_LIB_EXT1__ 1
#endif

#include "spdk/stdinc.h"
#include "spdk/fd.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SPDK_CACHE_LINE_SIZE 64

/* ---- Units of time ---- */

#define SPDK_SEC_TO_MSEC 1000ULL
#define SPDK_SEC_TO_USEC 1000000ULL
#define SPDK_SEC_TO_NSEC 1000000000ULL
#define SPDK_MSEC_TO_USEC 1000ULL

/* ---- Macros on expressions and types. Arguments may be evaluated more than once. ---- */

#define spdk_min(a, b) (((a) < (b)) ? (a) : (b))
#define spdk_max(a, b) (((a) > (b)) ? (a) : (b))

/* Elements of an array, or of an array that is a member of a structure. */
#define SPDK_COUNTOF(arr) (sizeof(arr) / sizeof((arr)[0]))
#define SPDK_COUNTOF_MEMBER(type, member) SPDK_COUNTOF(((type *)NULL)->member)

/* The structure that holds a member, from the member's address. */
#define SPDK_CONTAINEROF(ptr, type, member) ((type *)((uintptr_t)(ptr)-offsetof(type, member)))

/* Bytes from a structure's start to a member's end; bytes of a member. */
#define SPDK_SIZEOF(ptr, member) (offsetof(__typeof__(*(ptr)), member) + sizeof((ptr)->member))
#define SPDK_SIZEOF_MEMBER(type, member) (sizeof(((type *)NULL)->member))

/* x / y, rounded up. */
#define SPDK_CEIL_DIV(x, y) (((x) + (y)-1) / (y))

/* Rounds to a multiple of align, a power of two. */
#define SPDK_ALIGN_FLOOR(val, align) ((__typeof__(val))((val) & (~((__typeof__(val))((align)-1)))))
#define SPDK_ALIGN_CEIL(val, align) SPDK_ALIGN_FLOOR(((val) + ((__typeof__(val))(align)-1)), align)

/* The number with only bit n. */
#define SPDK_BIT(n) (1ul << (n))

/*
 * For structures that grew over time: whether a field lies within the size that obj's maker knew, and the field's value
 * or defval. That size is (obj)->size, unless it is given as a further argument.
 */
#define _SPDK_FIELD_VALID(obj, field, size, ...) ((size) >= SPDK_SIZEOF(obj, field))
#define SPDK_FIELD_VALID(obj, field, ...) _SPDK_FIELD_VALID(obj, field, ##__VA_ARGS__, (obj)->size)
#define _SPDK_GET_FIELD(obj, field, defval, size, ...) (_SPDK_FIELD_VALID(obj, field, size) ? (obj)->field : (defval))
#define SPDK_GET_FIELD(obj, field, defval, ...) _SPDK_GET_FIELD(obj, field, defval, ##__VA_ARGS__, (obj)->size)

/*
 * The clang static analyzer cannot see that a function fills an array of pointers; this tells it. Nothing otherwise.
 */
#ifdef __clang_analyzer__
#define SPDK_CLANG_ANALYZER_PREINIT_PTR_ARRAY(arr, arr_size, buf_size) \
	do { \
		static char pre_init_buf[buf_size]; \
		for (size_t pre_init_i = 0; pre_init_i < (size_t)(arr_size); pre_init_i++) { \
			(arr)[pre_init_i] = (void *)pre_init_buf; \
		} \
	} while (0)
#else
#define SPDK_CLANG_ANALYZER_PREINIT_PTR_ARRAY(arr, arr_size, buf_size)
#endif

/* ---- Arithmetic ---- */

/* Position of the highest bit set; 0 for 0. */
uint32_t spdk_u32log2(uint32_t x);
uint64_t spdk_u64log2(uint64_t x);

static inline bool
spdk_u32_is_pow2(uint32_t x)
{
	return x != 0 && (x & (x - 1)) == 0;
}

static inline bool
spdk_u64_is_pow2(uint64_t x)
{
	return x != 0 && (x & (x - 1)) == 0;
}

/* The lowest power of two from x on; x must not be 0, nor above the highest power that the type holds. 1 gives 1. */
static inline uint32_t
spdk_align32pow2(uint32_t x)
{
	return x <= 1 ? 1 : 1u << (1 + spdk_u32log2(x - 1));
}

static inline uint64_t
spdk_align64pow2(uint64_t x)
{
	return x <= 1 ? 1 : 1ULL << (1 + spdk_u64log2(x - 1));
}

/* num / divisor, rounded up; num + divisor must not overflow. */
static inline uint64_t
spdk_divide_round_up(uint64_t num, uint64_t divisor)
{
	return (num + divisor - 1) / divisor;
}

/* The lowest multiple of divisor from num on. */
static inline uint64_t
spdk_round_up(uint64_t num, uint64_t divisor)
{
	return spdk_divide_round_up(num, divisor) * divisor;
}

/* Serial numbers of 32 bits, which wrap around (RFC 1982). Numbers 2^31 apart are neither less nor greater. */
#define SPDK_SN32_CMPMAX (1U << (32 - 1))

static inline uint32_t
spdk_sn32_add(uint32_t s1, uint32_t s2)
{
	return s1 + s2;
}

static inline bool
spdk_sn32_lt(uint32_t s1, uint32_t s2)
{
	return s1 != s2 && s2 - s1 < SPDK_SN32_CMPMAX;
}

static inline bool
spdk_sn32_gt(uint32_t s1, uint32_t s2)
{
	return s1 != s2 && s1 - s2 < SPDK_SN32_CMPMAX;
}

/* ---- Random numbers for tests and loads; not for secrets ---- */

/* The next number of Marsaglia's xorshift generator. *state must not be 0. */
static inline uint64_t
spdk_rand_xorshift64(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* A state to begin with, never 0; from rand(), so that srand() makes runs repeat. */
static inline uint64_t
spdk_rand_xorshift64_seed(void)
{
	uint64_t seed = ((uint64_t)rand() << 32) ^ (uint64_t)rand();

	return seed != 0 ? seed : 1;
}

/* ---- Memory ---- */

/* Sets at most data_size of count bytes, also where the compiler sees that nobody reads them again: for secrets. */
static inline void
spdk_memset_s(void *data, size_t data_size, int ch, size_t count)
{
	volatile unsigned char *pos = (volatile unsigned char *)data;
	size_t len = spdk_min(count, data_size);

	while (len-- > 0) {
		*pos++ = (unsigned char)ch;
	}
}

/* ---- Lists of buffers ---- */

/* Describes one buffer as a list. */
#define SPDK_IOV_ONE(piov, piovcnt, buf, buflen) \
	do { \
		(piov)->iov_base = (buf); \
		(piov)->iov_len = (buflen); \
		*(piovcnt) = 1; \
	} while (0)

/* Place in one list. Not for callers. */
struct spdk_single_ioviter {
	struct iovec *iov;
	size_t iovcnt;
	size_t idx;
	size_t iov_len;
	uint8_t *iov_base;
};

/* Place in several lists at once. As declared it serves two; SPDK_IOVITER_SIZE() is the size for another number. */
struct spdk_ioviter {
	uint32_t count;
	union {
		struct spdk_single_ioviter iters_compat[2];
#ifdef __cplusplus
		struct spdk_single_ioviter iters[2];
#else
		struct spdk_single_ioviter iters[0];
#endif
	};
};

#define SPDK_IOVITER_SIZE(count) \
	(offsetof(struct spdk_ioviter, iters_compat) + sizeof(struct spdk_single_ioviter) * (count))

/*
 * Walks two lists in pieces that lie within one buffer of each. Stores the pieces' addresses in *src and *dst and
 * returns their length in bytes; 0 at the end of the shorter list, and at a buffer of length 0.
 */
size_t spdk_ioviter_first(struct spdk_ioviter *iter, struct iovec *siov, size_t siovcnt, struct iovec *diov,
	size_t diovcnt, void **src, void **dst);
size_t spdk_ioviter_next(struct spdk_ioviter *iter, void **src, void **dst);

/* The same for count lists: iov, iovcnt and out are arrays of count. iter must be SPDK_IOVITER_SIZE(count) long. */
size_t spdk_ioviter_firstv(struct spdk_ioviter *iter, uint32_t count, struct iovec **iov, size_t *iovcnt, void **out);
size_t spdk_ioviter_nextv(struct spdk_ioviter *iter, void **out);

/*
 * Copies from one list to another until one ends, or has a buffer of length 0. Returns the bytes copied. For
 * spdk_iovmove() source and destination of a piece may overlap.
 */
size_t spdk_iovcpy(struct iovec *siov, size_t siovcnt, struct iovec *diov, size_t diovcnt);
size_t spdk_iovmove(struct iovec *siov, size_t siovcnt, struct iovec *diov, size_t diovcnt);

/* Sets every byte of a list to c. */
void spdk_iov_memset(struct iovec *iovs, int iovcnt, int c);

/* Copies between a list and one buffer, as much as fits. */
void spdk_copy_iovs_to_buf(void *buf, size_t buf_len, struct iovec *iovs, int iovcnt);
void spdk_copy_buf_to_iovs(struct iovec *iovs, int iovcnt, void *buf, size_t buf_len);

/* Place in a list that is filled or emptied in several steps. */
struct spdk_iov_xfer {
	struct iovec *iovs;
	int iovcnt;
	int cur_iov_idx;
	size_t cur_iov_offset;
};

void spdk_iov_xfer_init(struct spdk_iov_xfer *ix, struct iovec *iovs, int iovcnt);

/* Copies the next bytes of buf to the list, or of the list to buf. Returns how many: less than buf_len at its end. */
size_t spdk_iov_xfer_from_buf(struct spdk_iov_xfer *ix, const void *buf, size_t buf_len);
size_t spdk_iov_xfer_to_buf(struct spdk_iov_xfer *ix, const void *buf, size_t buf_len);

#ifdef __cplusplus
}
#endif

#endif /* SPDK_UTIL_H */
