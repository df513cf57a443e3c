/* SPDX-License-Identifier: BSD-3-Clause */

/* Checking the PI of blocks with interleaved metadata. */

#include "lib/dif/dif_internal.h"

int
dif_place_check_pi(const struct spdk_dif_ctx *ctx, struct dif_place *place, uint64_t index, uint64_t guard,
	struct spdk_dif_error *err_blk)
{
	uint32_t size = dif_pi_size(ctx);
	uint8_t scattered[DIF_PI_MAX_SIZE];
	size_t piece;
	const uint8_t *pi = dif_place_look(place, &piece);

	if (spdk_likely(piece >= size)) {
		place->offset += size;
		return dif_pi_check(ctx, pi, index, guard, err_blk);
	}
	dif_place_read(place, scattered, size);
	return dif_pi_check(ctx, scattered, index, guard, err_blk);
}

int
dif_part_verify(const struct spdk_dif_ctx *ctx, struct dif_place *place, const struct dif_part *part, uint64_t *guard,
	struct spdk_dif_error *err_blk)
{
	int rc;

	if (part->offset + part->len < dif_data_size(ctx)) {
		*guard = dif_guard_add_place(ctx, *guard, place, part->len);
		return 0;
	}
	*guard = dif_guard_add_place(ctx, *guard, place, ctx->guard_interval - part->offset);
	rc = dif_place_check_pi(ctx, place, part->index, *guard, err_blk);
	dif_place_skip(place, ctx->block_size - ctx->guard_interval - dif_pi_size(ctx));
	*guard = ctx->guard_seed;
	return rc;
}

int
spdk_dif_verify(struct iovec *iovs, int iovcnt, uint32_t num_blocks, const struct spdk_dif_ctx *ctx,
	struct spdk_dif_error *err_blk)
{
	struct dif_part part = {.len = dif_data_size(ctx)};
	uint64_t guard = ctx->guard_seed;
	struct dif_place place;

	if (!dif_iovs_hold(iovs, iovcnt, (uint64_t)num_blocks * ctx->block_size)) {
		return -EINVAL;
	}
	if (ctx->dif_type == SPDK_DIF_DISABLE) {
		return 0;
	}
	if (!ctx->md_interleave) {
		return -EINVAL;
	}
	dif_place_start(&place, iovs);
	for (; part.index < num_blocks; part.index++) {
		int rc = dif_part_verify(ctx, &place, &part, &guard, err_blk);

		if (rc != 0) {
			return rc;
		}
	}
	return 0;
}
