/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef SPDK_UTIL_H
#define SPDK_UTIL_H

#include "spdk/stdinc.h"
#include "spdk/fd.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SPDK_ALIGN_CEIL(val, align) SPDK_ALIGN_FLOOR(((val) + ((__typeof__(val))(align) - 1)), align)
#define SPDK_ALIGN_FLOOR(val, align) ((__typeof__(val))((val) & ~((__typeof__(val))((align) - 1))))
#define SPDK_BIT(n) (1ul << (n))
#define SPDK_CACHE_LINE_SIZE 64
#define SPDK_CEIL_DIV(x, y) (((x) + (y) - 1) / (y))
/* macro SPDK_CLANG_ANALYZER_PREINIT_PTR_ARRAY(arr, arr_size, buf_size) */
#define SPDK_CONTAINEROF(ptr, type, member) ((type *)((uintptr_t)(ptr) - offsetof(type, member)))
#define SPDK_COUNTOF(arr) (sizeof(arr) / sizeof((arr)[0]))
#define SPDK_COUNTOF_MEMBER(type, member) SPDK_COUNTOF(((type *)NULL)->member)
/* macro SPDK_FIELD_VALID(obj, field, ...) */
/* macro SPDK_GET_FIELD(obj, field, defval, ...) */
/* macro SPDK_IOVITER_SIZE(count) */
/* macro SPDK_IOV_ONE(piov, piovcnt, buf, buflen) */
#define SPDK_MSEC_TO_USEC 1000ULL
#define SPDK_SEC_TO_MSEC 1000ULL
#define SPDK_SEC_TO_NSEC 1000000000ULL
#define SPDK_SEC_TO_USEC 1000000ULL
#define SPDK_SIZEOF(ptr, member) (offsetof(__typeof__(*(ptr)), member) + sizeof((ptr)->member))
#define SPDK_SIZEOF_MEMBER(type, member) (sizeof(((type *)NULL)->member))
#define SPDK_SN32_CMPMAX (1U << (32 - 1))
/* macro _SPDK_FIELD_VALID(obj, field, size, ...) */
/* macro _SPDK_GET_FIELD(obj, field, defval, size, ...) */
#define __STDC_WANT_LIB_EXT1__ 1
#define spdk_max(a, b) (((a) > (b)) ? (a) : (b))
#define spdk_min(a, b) (((a) < (b)) ? (a) : (b))

struct iovec;
struct spdk_iov_xfer;
struct spdk_ioviter;
struct spdk_single_ioviter;


struct spdk_iov_xfer {
	struct iovec *iovs;
	int iovcnt;
	int cur_iov_idx;
	size_t cur_iov_offset;
};

struct spdk_single_ioviter {
	struct iovec *iov;
	size_t iovcnt;
	size_t idx;
	size_t iov_len;
	uint8_t *iov_base;
};

struct spdk_ioviter {
	uint32_t count;
	union {
	};
	struct spdk_single_ioviter iters_compat[2];
	struct spdk_single_ioviter iters[0];
};

/* inline: uint32_t spdk_align32pow2(uint32_t x); */
/* inline: uint64_t spdk_align64pow2(uint64_t x); */
void spdk_copy_buf_to_iovs(struct iovec *iovs, int iovcnt, void *buf, size_t buf_len);
void spdk_copy_iovs_to_buf(void *buf, size_t buf_len, struct iovec *iovs, int iovcnt);
/* inline: uint64_t spdk_divide_round_up(uint64_t num, uint64_t divisor); */
void spdk_iov_memset(struct iovec *iovs, int iovcnt, int c);
size_t spdk_iov_xfer_from_buf(struct spdk_iov_xfer *ix, const void *buf, size_t buf_len);
void spdk_iov_xfer_init(struct spdk_iov_xfer *ix, struct iovec *iovs, int iovcnt);
size_t spdk_iov_xfer_to_buf(struct spdk_iov_xfer *ix, const void *buf, size_t buf_len);
size_t spdk_iovcpy(struct iovec *siov, size_t siovcnt, struct iovec *diov, size_t diovcnt);
size_t spdk_ioviter_first(struct spdk_ioviter *iter, struct iovec *siov, size_t siovcnt, struct iovec *diov, size_t diovcnt, void **src, void **dst);
size_t spdk_ioviter_firstv(struct spdk_ioviter *iter, uint32_t count, struct iovec **iov, size_t *iovcnt, void **out);
size_t spdk_ioviter_next(struct spdk_ioviter *iter, void **src, void **dst);
size_t spdk_ioviter_nextv(struct spdk_ioviter *iter, void **out);
size_t spdk_iovmove(struct iovec *siov, size_t siovcnt, struct iovec *diov, size_t diovcnt);
/* inline: void spdk_memset_s(void *data, size_t data_size, int ch, size_t count); */
/* inline: uint64_t spdk_rand_xorshift64(uint64_t *state); */
/* inline: uint64_t spdk_rand_xorshift64_seed(void); */
/* inline: uint64_t spdk_round_up(uint64_t num, uint64_t divisor); */
/* inline: uint32_t spdk_sn32_add(uint32_t s1, uint32_t s2); */
/* inline: bool spdk_sn32_gt(uint32_t s1, uint32_t s2); */
/* inline: bool spdk_sn32_lt(uint32_t s1, uint32_t s2); */
/* inline: bool spdk_u32_is_pow2(uint32_t x); */
uint32_t spdk_u32log2(uint32_t x);
/* inline: bool spdk_u64_is_pow2(uint64_t x); */
uint64_t spdk_u64log2(uint64_t x);

#ifdef __cplusplus
}
#endif

#endif /* SPDK_UTIL_H */
