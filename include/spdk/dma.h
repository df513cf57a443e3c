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
 * Memory domains: memory that the CPU cannot, or should not, reach through the pointers by which it is named, such as that
 * of a device or of another host. The owner of a domain says how data gets in and out; whoever is given buffers together
 * with a domain (spdk_bdev_ext_io_opts) and does not know it asks here. A domain_ctx goes with the buffers: it is the
 * owner's, for one request, and is handed back to the owner's functions.
 *
 * All functions may be called on any thread. The list of domains is locked; a domain itself is not: its functions are set
 * before others know of it, and it is destroyed when nobody uses it any more.
 */

/* Id that domains of RDMA devices have. */
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
 * What the owner of a domain does with memory in it. The int functions return 0 if cpl_cb is called, once, now or later, on
 * the thread of the caller; or a negative errno, and then it is not called. Lists of buffers stay as they are until then.
 */

/* What was translated or pulled is not used any more. */
typedef void (*spdk_memory_domain_invalidate_data_cb)(
	struct spdk_memory_domain *domain, void *domain_ctx, struct iovec *iov, uint32_t iovcnt);
/* Fills memory of the domain with zeroes. */
typedef int (*spdk_memory_domain_memzero_cb)(struct spdk_memory_domain *domain, void *domain_ctx, struct iovec *iov,
	uint32_t iovcnt, spdk_memory_domain_data_cpl_cb cpl_cb, void *cpl_cb_arg);
/* Copies from the domain (src) to plain memory (dst). */
typedef int (*spdk_memory_domain_pull_data_cb)(struct spdk_memory_domain *src_domain, void *src_domain_ctx,
	struct iovec *src_iov, uint32_t src_iovcnt, struct iovec *dst_iov, uint32_t dst_iovcnt,
	spdk_memory_domain_data_cpl_cb cpl_cb, void *cpl_cb_arg);
/* Copies from plain memory (src) to the domain (dst). */
typedef int (*spdk_memory_domain_push_data_cb)(struct spdk_memory_domain *dst_domain, void *dst_domain_ctx,
	struct iovec *dst_iov, uint32_t dst_iovcnt, struct iovec *src_iov, uint32_t src_iovcnt,
	spdk_memory_domain_data_cpl_cb cpl_cb, void *cpl_cb_arg);
/*
 * Copies from one domain to another; asked of dst_domain. src_translation: where the data of src_domain is, as dst_domain
 * sees it; may be NULL.
 */
typedef int (*spdk_memory_domain_transfer_data_cb)(struct spdk_memory_domain *dst_domain, void *dst_domain_ctx,
	struct iovec *dst_iov, uint32_t dst_iovcnt, struct spdk_memory_domain *src_domain, void *src_domain_ctx,
	struct iovec *src_iov, uint32_t src_iovcnt, struct spdk_memory_domain_translation_result *src_translation,
	spdk_memory_domain_data_cpl_cb cpl_cb, void *cpl_cb_arg);
/* Says where memory of src_domain is for dst_domain, in *result. Returns 0 or a negative errno. */
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

/*
 * Makes a domain. ctx and id may be NULL, and are copied: of *ctx what its size covers, and with it the user_ctx_size bytes
 * behind user_ctx. An id need not be the only one of its kind. Returns 0, -EINVAL if domain is NULL, if ctx has size 0, or
 * if there is user_ctx_size but no user_ctx, or -ENOMEM.
 */
int spdk_memory_domain_create(struct spdk_memory_domain **domain, enum spdk_dma_device_type type,
	struct spdk_memory_domain_ctx *ctx, const char *id);

/* Nobody may use the domain any more. Does nothing for NULL; the system domain is not destroyed. */
void spdk_memory_domain_destroy(struct spdk_memory_domain *domain);

/*
 * Set what the domain can do, in place of what was set before; NULL: nothing. Not while others may use the domain.
 */
void spdk_memory_domain_set_translation(
	struct spdk_memory_domain *domain, spdk_memory_domain_translate_memory_cb translate_cb);
void spdk_memory_domain_set_invalidate(
	struct spdk_memory_domain *domain, spdk_memory_domain_invalidate_data_cb invalidate_cb);
void spdk_memory_domain_set_pull(struct spdk_memory_domain *domain, spdk_memory_domain_pull_data_cb pull_cb);
void spdk_memory_domain_set_push(struct spdk_memory_domain *domain, spdk_memory_domain_push_data_cb push_cb);
void spdk_memory_domain_set_data_transfer(
	struct spdk_memory_domain *domain, spdk_memory_domain_transfer_data_cb transfer_cb);
void spdk_memory_domain_set_memzero(struct spdk_memory_domain *domain, spdk_memory_domain_memzero_cb memzero_cb);

/* The copy of the context that the domain was made with, or NULL. Its user_ctx is the creator's pointer. */
struct spdk_memory_domain_ctx *spdk_memory_domain_get_context(struct spdk_memory_domain *domain);

/* The copy of the user_ctx_size bytes, and their number in *ctx_size; or NULL, and *ctx_size is unchanged. */
void *spdk_memory_domain_get_user_context(struct spdk_memory_domain *domain, size_t *ctx_size);

enum spdk_dma_device_type spdk_memory_domain_get_dma_device_type(struct spdk_memory_domain *domain);

/* The id, or NULL; it lives as long as the domain. */
const char *spdk_memory_domain_get_dma_device_id(struct spdk_memory_domain *domain);

/* Plain memory of this process: type DMA, id "system". It is always there, and can do nothing, as nothing needs doing. */
struct spdk_memory_domain *spdk_memory_domain_get_system_domain(void);

/*
 * The functions below ask the domain that is named first. They return -ENOTSUP if it cannot, else what its function
 * returns; see there.
 */
int spdk_memory_domain_pull_data(struct spdk_memory_domain *src_domain, void *src_domain_ctx, struct iovec *src_iov,
	uint32_t src_iov_cnt, struct iovec *dst_iov, uint32_t dst_iov_cnt, spdk_memory_domain_data_cpl_cb cpl_cb,
	void *cpl_cb_arg);
int spdk_memory_domain_push_data(struct spdk_memory_domain *dst_domain, void *dst_domain_ctx, struct iovec *dst_iov,
	uint32_t dst_iovcnt, struct iovec *src_iov, uint32_t src_iovcnt, spdk_memory_domain_data_cpl_cb cpl_cb,
	void *cpl_cb_arg);
int spdk_memory_domain_transfer_data(struct spdk_memory_domain *dst_domain, void *dst_domain_ctx, struct iovec *dst_iov,
	uint32_t dst_iovcnt, struct spdk_memory_domain *src_domain, void *src_domain_ctx, struct iovec *src_iov,
	uint32_t src_iovcnt, struct spdk_memory_domain_translation_result *src_translation,
	spdk_memory_domain_data_cpl_cb cpl_cb, void *cpl_cb_arg);
int spdk_memory_domain_translate_data(struct spdk_memory_domain *src_domain, void *src_domain_ctx,
	struct spdk_memory_domain *dst_domain, struct spdk_memory_domain_translation_ctx *dst_domain_ctx, void *addr,
	size_t len, struct spdk_memory_domain_translation_result *result);
int spdk_memory_domain_memzero(struct spdk_memory_domain *domain, void *domain_ctx, struct iovec *iov, uint32_t iovcnt,
	spdk_memory_domain_data_cpl_cb cpl_cb, void *cpl_cb_arg);

/* The same; there is nothing to do if the domain has no function for it. */
void spdk_memory_domain_invalidate_data(
	struct spdk_memory_domain *domain, void *domain_ctx, struct iovec *iov, uint32_t iovcnt);

/*
 * Walk the domains in the order in which they were made, the system domain first: all of them if id is NULL, else those
 * with that id. NULL at the end. prev must still exist.
 */
struct spdk_memory_domain *spdk_memory_domain_get_first(const char *id);
struct spdk_memory_domain *spdk_memory_domain_get_next(struct spdk_memory_domain *prev, const char *id);

#ifdef __cplusplus
}
#endif

#endif /* SPDK_DMA_H */
