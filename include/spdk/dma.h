/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef SPDK_DMA_H
#define SPDK_DMA_H

#include "spdk/assert.h"
#include "spdk/queue.h"
#include "spdk/stdinc.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Types of memory that is not plain memory of this process. The library has no memory domains yet.
 */

#define SPDK_RDMA_DMA_DEVICE "SPDK_RDMA_DMA_DEVICE"

enum spdk_dma_device_type {
	/* Remote memory; see spdk_memory_domain_rdma_ctx. */
	SPDK_DMA_DEVICE_TYPE_RDMA,
	/* What a device can reach, also plain memory. */
	SPDK_DMA_DEVICE_TYPE_DMA,
	/* Buffers that exist only inside a sequence of accelerated operations. */
	SPDK_DMA_DEVICE_TYPE_ACCEL,
	SPDK_DMA_DEVICE_VENDOR_SPECIFIC_TYPE_START = 1000,
	SPDK_DMA_DEVICE_VENDOR_SPECIFIC_TYPE_END = 1999,
};

struct iovec;
/* A place where memory can be, and the functions that reach it. */
struct spdk_memory_domain;
struct spdk_memory_domain_translation_ctx;
struct spdk_memory_domain_translation_result;

/* rc: 0 or a negative errno. */
typedef void (*spdk_memory_domain_data_cpl_cb)(void *ctx, int rc);
/*
 * What the owner of a domain does to memory in it. The int functions return 0 if cpl_cb will be called, or a negative
 * errno.
 */
typedef void (*spdk_memory_domain_invalidate_data_cb)(
	struct spdk_memory_domain *domain, void *domain_ctx, struct iovec *iov, uint32_t iovcnt);
typedef int (*spdk_memory_domain_memzero_cb)(struct spdk_memory_domain *domain, void *domain_ctx, struct iovec *iov,
	uint32_t iovcnt, spdk_memory_domain_data_cpl_cb cpl_cb, void *cpl_cb_arg);
typedef int (*spdk_memory_domain_pull_data_cb)(struct spdk_memory_domain *src_domain, void *src_domain_ctx,
	struct iovec *src_iov, uint32_t src_iovcnt, struct iovec *dst_iov, uint32_t dst_iovcnt,
	spdk_memory_domain_data_cpl_cb cpl_cb, void *cpl_cb_arg);
typedef int (*spdk_memory_domain_push_data_cb)(struct spdk_memory_domain *dst_domain, void *dst_domain_ctx,
	struct iovec *dst_iov, uint32_t dst_iovcnt, struct iovec *src_iov, uint32_t src_iovcnt,
	spdk_memory_domain_data_cpl_cb cpl_cb, void *cpl_cb_arg);
typedef int (*spdk_memory_domain_transfer_data_cb)(struct spdk_memory_domain *dst_domain, void *dst_domain_ctx,
	struct iovec *dst_iov, uint32_t dst_iovcnt, struct spdk_memory_domain *src_domain, void *src_domain_ctx,
	struct iovec *src_iov, uint32_t src_iovcnt, struct spdk_memory_domain_translation_result *src_translation,
	spdk_memory_domain_data_cpl_cb cpl_cb, void *cpl_cb_arg);
typedef int (*spdk_memory_domain_translate_memory_cb)(struct spdk_memory_domain *src_domain, void *src_domain_ctx,
	struct spdk_memory_domain *dst_domain, struct spdk_memory_domain_translation_ctx *dst_domain_ctx, void *addr,
	size_t len, struct spdk_memory_domain_translation_result *result);

struct spdk_memory_domain_ctx {
	/* Size of this structure as the caller knows it. */
	size_t size;
	/* The creator's, by the type of the domain. */
	void *user_ctx;
	size_t user_ctx_size;
};

struct spdk_memory_domain_rdma_ctx {
	/* Size of this structure as the caller knows it. */
	size_t size;
	void *ibv_pd;
};

struct spdk_memory_domain_translation_ctx {
	/* Size of this structure as the caller knows it. */
	size_t size;
	union {
		struct {
			void *ibv_qp;
		} rdma;
	};
};

struct spdk_memory_domain_translation_result {
	/* Size of this structure as the caller knows it. */
	size_t size;
	/* The memory as dst_domain sees it: in iov if there is one piece, else in iovs. */
	uint32_t iov_count;
	struct iovec iov;
	struct iovec *iovs;
	struct spdk_memory_domain *dst_domain;
	/* By the type of dst_domain. */
	union {
		struct {
			uint32_t lkey;
			uint32_t rkey;
		} rdma;
	};
};

#ifdef __cplusplus
}
#endif

#endif /* SPDK_DMA_H */
