/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Giving blocks other reference tags, for a device whose blocks have other numbers below than above. The guard does not
 * cover the PI, so it stays right.
 */

#include "lib/dif/dif_internal.h"

static bool
has_ref_tags(const struct spdk_dif_ctx *ctx)
{
	return ctx->dif_type != SPDK_DIF_DISABLE && (ctx->dif_flags & SPDK_DIF_FLAGS_REFTAG_CHECK);
}

/* Of the block that place stands at; place moves behind it. */
static int
remap_block(const struct spdk_dif_ctx *ctx, struct dif_place *place, uint32_t index, bool check_ref_tag,
	struct spdk_dif_error *err_blk)
{
	uint8_t pi[DIF_PI_MAX_SIZE];
	struct dif_place pi_place;
	int rc;

	dif_place_skip(place, ctx->guard_interval);
	pi_place = *place;
	dif_place_read(place, pi, dif_pi_size(ctx));
	rc = dif_pi_remap(ctx, pi, index, check_ref_tag, err_blk);
	dif_place_write(&pi_place, pi, dif_pi_size(ctx));
	dif_place_skip(place, ctx->block_size - ctx->guard_interval - dif_pi_size(ctx));
	return rc;
}

int
spdk_dif_remap_ref_tag(struct iovec *iovs, int iovcnt, uint32_t num_blocks, const struct spdk_dif_ctx *dif_ctx,
	struct spdk_dif_error *err_blk, bool check_ref_tag)
{
	struct dif_place place;

	if (!dif_iovs_hold(iovs, iovcnt, (uint64_t)num_blocks * dif_ctx->block_size)) {
		return -EINVAL;
	}
	if (!has_ref_tags(dif_ctx)) {
		return 0;
	}
	if (!dif_ctx->md_interleave) {
		return -EINVAL;
	}
	dif_place_start(&place, iovs);
	for (uint32_t i = 0; i < num_blocks; i++) {
		int rc = remap_block(dif_ctx, &place, i, check_ref_tag, err_blk);

		if (rc != 0) {
			return rc;
		}
	}
	return 0;
}

int
spdk_dix_remap_ref_tag(struct iovec *md_iov, uint32_t num_blocks, const struct spdk_dif_ctx *dif_ctx,
	struct spdk_dif_error *err_blk, bool check_ref_tag)
{
	uint8_t *pi;
	int rc;

	rc = dif_dix_check_md(md_iov, num_blocks, dif_ctx);
	if (rc != 0 || !has_ref_tags(dif_ctx)) {
		return rc;
	}
	pi = (uint8_t *)md_iov->iov_base + dif_ctx->guard_interval;
	for (uint32_t i = 0; i < num_blocks; i++, pi += dif_ctx->md_size) {
		rc = dif_pi_remap(dif_ctx, pi, i, check_ref_tag, err_blk);
		if (rc != 0) {
			return rc;
		}
	}
	return 0;
}
