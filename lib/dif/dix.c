/* SPDX-License-Identifier: BSD-3-Clause */

/* PI in metadata that lies apart from the data, in one buffer of its own. */

#include "lib/dif/dif_internal.h"

/* The guard of the block whose data place stands at; place moves behind it. */
static uint64_t
make_guard(const struct spdk_dif_ctx *ctx, struct dif_place *place, const uint8_t *md)
{
	uint64_t guard = dif_guard_add_place(ctx, ctx->guard_seed, place, ctx->block_size);

	return ctx->guard_interval > 0 ? dif_guard_add(ctx, guard, md, ctx->guard_interval) : guard;
}

int
dif_dix_check(
	struct iovec *iovs, int iovcnt, const struct iovec *md_iov, uint32_t num_blocks, const struct spdk_dif_ctx *ctx)
{
	if (!dif_iovs_hold(iovs, iovcnt, (uint64_t)num_blocks * ctx->block_size)) {
		return -EINVAL;
	}
	return dif_dix_check_md(md_iov, num_blocks, ctx);
}

int
dif_dix_check_md(const struct iovec *md_iov, uint32_t num_blocks, const struct spdk_dif_ctx *ctx)
{
	if (md_iov == NULL || md_iov->iov_base == NULL || md_iov->iov_len < (uint64_t)num_blocks * ctx->md_size) {
		return -EINVAL;
	}
	return ctx->md_interleave && ctx->dif_type != SPDK_DIF_DISABLE ? -EINVAL : 0;
}

int
spdk_dix_generate(
	struct iovec *iovs, int iovcnt, struct iovec *md_iov, uint32_t num_blocks, const struct spdk_dif_ctx *ctx)
{
	struct dif_place place;
	uint8_t *md;
	int rc;

	rc = dif_dix_check(iovs, iovcnt, md_iov, num_blocks, ctx);
	if (rc != 0 || ctx->dif_type == SPDK_DIF_DISABLE) {
		return rc;
	}
	md = md_iov->iov_base;
	dif_place_start(&place, iovs);
	for (uint32_t i = 0; i < num_blocks; i++, md += ctx->md_size) {
		dif_pi_make(ctx, md + ctx->guard_interval, i, make_guard(ctx, &place, md));
	}
	return 0;
}

int
spdk_dix_verify(struct iovec *iovs, int iovcnt, struct iovec *md_iov, uint32_t num_blocks,
	const struct spdk_dif_ctx *ctx, struct spdk_dif_error *err_blk)
{
	struct dif_place place;
	const uint8_t *md;
	int rc;

	rc = dif_dix_check(iovs, iovcnt, md_iov, num_blocks, ctx);
	if (rc != 0 || ctx->dif_type == SPDK_DIF_DISABLE) {
		return rc;
	}
	md = md_iov->iov_base;
	dif_place_start(&place, iovs);
	for (uint32_t i = 0; i < num_blocks; i++, md += ctx->md_size) {
		rc = dif_pi_check(ctx, md + ctx->guard_interval, i, make_guard(ctx, &place, md), err_blk);
		if (rc != 0) {
			return rc;
		}
	}
	return 0;
}
