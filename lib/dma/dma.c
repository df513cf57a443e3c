/* SPDX-License-Identifier: BSD-3-Clause */

#include "spdk/dma.h"
#include "spdk/likely.h"
#include "spdk/log.h"
#include "spdk/util.h"
#include "lib/env/env_internal.h"

struct spdk_memory_domain {
	enum spdk_dma_device_type type;
	char *id;
	spdk_memory_domain_pull_data_cb pull_cb;
	spdk_memory_domain_push_data_cb push_cb;
	spdk_memory_domain_transfer_data_cb transfer_cb;
	spdk_memory_domain_translate_memory_cb translate_cb;
	spdk_memory_domain_invalidate_data_cb invalidate_cb;
	spdk_memory_domain_memzero_cb memzero_cb;
	/* Of the creator's context, what its size covered; 0 bytes if there was none. */
	struct spdk_memory_domain_ctx ctx;
	size_t user_ctx_size;
	TAILQ_ENTRY(spdk_memory_domain) link;
	uint8_t user_ctx[] __attribute__((aligned(16)));
};

static char g_system_id[] = "system";
static struct spdk_memory_domain g_system_domain = {
	.type = SPDK_DMA_DEVICE_TYPE_DMA,
	.id = g_system_id,
};

/* Domains in the order in which they were made, without the system domain. Nothing is locked inside the lock. */
static struct env_mutex g_lock = ENV_MUTEX_INITIALIZER;
static TAILQ_HEAD(, spdk_memory_domain) g_domains = TAILQ_HEAD_INITIALIZER(g_domains);

/* How much of what the caller has behind user_ctx is to be copied. */
static size_t
user_ctx_size(const struct spdk_memory_domain_ctx *ctx)
{
	return ctx != NULL && SPDK_FIELD_VALID(ctx, user_ctx_size) ? ctx->user_ctx_size : 0;
}

int
spdk_memory_domain_create(struct spdk_memory_domain **domain, enum spdk_dma_device_type type,
	struct spdk_memory_domain_ctx *ctx, const char *id)
{
	size_t extra = user_ctx_size(ctx);
	struct spdk_memory_domain *made;

	if (domain == NULL || (ctx != NULL && ctx->size == 0) || (extra > 0 && ctx->user_ctx == NULL)) {
		return -EINVAL;
	}
	made = extra <= SIZE_MAX - sizeof(*made) ? calloc(1, sizeof(*made) + extra) : NULL;
	if (made == NULL) {
		return -ENOMEM;
	}
	if (id != NULL) {
		made->id = strdup(id);
		if (made->id == NULL) {
			free(made);
			return -ENOMEM;
		}
	}
	made->type = type;
	if (ctx != NULL) {
		size_t known = spdk_min(ctx->size, sizeof(made->ctx));

		memcpy(&made->ctx, ctx, known);
		made->ctx.size = known;
	}
	if (extra > 0) {
		memcpy(made->user_ctx, ctx->user_ctx, extra);
		made->user_ctx_size = extra;
	}
	env_mutex_lock(&g_lock);
	TAILQ_INSERT_TAIL(&g_domains, made, link);
	env_mutex_unlock(&g_lock);
	*domain = made;
	return 0;
}

void
spdk_memory_domain_destroy(struct spdk_memory_domain *domain)
{
	if (domain == NULL) {
		return;
	}
	if (domain == &g_system_domain) {
		SPDK_ERRLOG("The system memory domain cannot be destroyed\n");
		return;
	}
	env_mutex_lock(&g_lock);
	TAILQ_REMOVE(&g_domains, domain, link);
	env_mutex_unlock(&g_lock);
	free(domain->id);
	free(domain);
}

void
spdk_memory_domain_set_translation(
	struct spdk_memory_domain *domain, spdk_memory_domain_translate_memory_cb translate_cb)
{
	domain->translate_cb = translate_cb;
}

void
spdk_memory_domain_set_invalidate(
	struct spdk_memory_domain *domain, spdk_memory_domain_invalidate_data_cb invalidate_cb)
{
	domain->invalidate_cb = invalidate_cb;
}

void
spdk_memory_domain_set_pull(struct spdk_memory_domain *domain, spdk_memory_domain_pull_data_cb pull_cb)
{
	domain->pull_cb = pull_cb;
}

void
spdk_memory_domain_set_push(struct spdk_memory_domain *domain, spdk_memory_domain_push_data_cb push_cb)
{
	domain->push_cb = push_cb;
}

void
spdk_memory_domain_set_data_transfer(struct spdk_memory_domain *domain, spdk_memory_domain_transfer_data_cb transfer_cb)
{
	domain->transfer_cb = transfer_cb;
}

void
spdk_memory_domain_set_memzero(struct spdk_memory_domain *domain, spdk_memory_domain_memzero_cb memzero_cb)
{
	domain->memzero_cb = memzero_cb;
}

struct spdk_memory_domain_ctx *
spdk_memory_domain_get_context(struct spdk_memory_domain *domain)
{
	return domain->ctx.size > 0 ? &domain->ctx : NULL;
}

void *
spdk_memory_domain_get_user_context(struct spdk_memory_domain *domain, size_t *ctx_size)
{
	if (domain->user_ctx_size == 0) {
		return NULL;
	}
	if (ctx_size != NULL) {
		*ctx_size = domain->user_ctx_size;
	}
	return domain->user_ctx;
}

enum spdk_dma_device_type
spdk_memory_domain_get_dma_device_type(struct spdk_memory_domain *domain)
{
	return domain->type;
}

const char *
spdk_memory_domain_get_dma_device_id(struct spdk_memory_domain *domain)
{
	return domain->id;
}

struct spdk_memory_domain *
spdk_memory_domain_get_system_domain(void)
{
	return &g_system_domain;
}

int
spdk_memory_domain_pull_data(struct spdk_memory_domain *src_domain, void *src_domain_ctx, struct iovec *src_iov,
	uint32_t src_iov_cnt, struct iovec *dst_iov, uint32_t dst_iov_cnt, spdk_memory_domain_data_cpl_cb cpl_cb,
	void *cpl_cb_arg)
{
	if (spdk_unlikely(src_domain->pull_cb == NULL)) {
		return -ENOTSUP;
	}
	return src_domain->pull_cb(
		src_domain, src_domain_ctx, src_iov, src_iov_cnt, dst_iov, dst_iov_cnt, cpl_cb, cpl_cb_arg);
}

int
spdk_memory_domain_push_data(struct spdk_memory_domain *dst_domain, void *dst_domain_ctx, struct iovec *dst_iov,
	uint32_t dst_iovcnt, struct iovec *src_iov, uint32_t src_iovcnt, spdk_memory_domain_data_cpl_cb cpl_cb,
	void *cpl_cb_arg)
{
	if (spdk_unlikely(dst_domain->push_cb == NULL)) {
		return -ENOTSUP;
	}
	return dst_domain->push_cb(
		dst_domain, dst_domain_ctx, dst_iov, dst_iovcnt, src_iov, src_iovcnt, cpl_cb, cpl_cb_arg);
}

int
spdk_memory_domain_transfer_data(struct spdk_memory_domain *dst_domain, void *dst_domain_ctx, struct iovec *dst_iov,
	uint32_t dst_iovcnt, struct spdk_memory_domain *src_domain, void *src_domain_ctx, struct iovec *src_iov,
	uint32_t src_iovcnt, struct spdk_memory_domain_translation_result *src_translation,
	spdk_memory_domain_data_cpl_cb cpl_cb, void *cpl_cb_arg)
{
	if (spdk_unlikely(dst_domain->transfer_cb == NULL)) {
		return -ENOTSUP;
	}
	return dst_domain->transfer_cb(dst_domain, dst_domain_ctx, dst_iov, dst_iovcnt, src_domain, src_domain_ctx,
		src_iov, src_iovcnt, src_translation, cpl_cb, cpl_cb_arg);
}

int
spdk_memory_domain_translate_data(struct spdk_memory_domain *src_domain, void *src_domain_ctx,
	struct spdk_memory_domain *dst_domain, struct spdk_memory_domain_translation_ctx *dst_domain_ctx, void *addr,
	size_t len, struct spdk_memory_domain_translation_result *result)
{
	if (spdk_unlikely(src_domain->translate_cb == NULL)) {
		return -ENOTSUP;
	}
	return src_domain->translate_cb(src_domain, src_domain_ctx, dst_domain, dst_domain_ctx, addr, len, result);
}

int
spdk_memory_domain_memzero(struct spdk_memory_domain *domain, void *domain_ctx, struct iovec *iov, uint32_t iovcnt,
	spdk_memory_domain_data_cpl_cb cpl_cb, void *cpl_cb_arg)
{
	if (spdk_unlikely(domain->memzero_cb == NULL)) {
		return -ENOTSUP;
	}
	return domain->memzero_cb(domain, domain_ctx, iov, iovcnt, cpl_cb, cpl_cb_arg);
}

void
spdk_memory_domain_invalidate_data(
	struct spdk_memory_domain *domain, void *domain_ctx, struct iovec *iov, uint32_t iovcnt)
{
	if (domain->invalidate_cb != NULL) {
		domain->invalidate_cb(domain, domain_ctx, iov, iovcnt);
	}
}

static bool
has_id(const struct spdk_memory_domain *domain, const char *id)
{
	return id == NULL || (domain->id != NULL && strcmp(domain->id, id) == 0);
}

/* The first one with that id, from domain on. The caller holds the lock. */
static struct spdk_memory_domain *
find(struct spdk_memory_domain *domain, const char *id)
{
	while (domain != NULL && !has_id(domain, id)) {
		domain = TAILQ_NEXT(domain, link);
	}
	return domain;
}

struct spdk_memory_domain *
spdk_memory_domain_get_first(const char *id)
{
	if (has_id(&g_system_domain, id)) {
		return &g_system_domain;
	}
	return spdk_memory_domain_get_next(&g_system_domain, id);
}

struct spdk_memory_domain *
spdk_memory_domain_get_next(struct spdk_memory_domain *prev, const char *id)
{
	if (prev == NULL) {
		return NULL;
	}
	ENV_MUTEX_SCOPE(&g_lock);
	return find(prev == &g_system_domain ? TAILQ_FIRST(&g_domains) : TAILQ_NEXT(prev, link), id);
}
