/* SPDX-License-Identifier: BSD-3-Clause */

/* Making the PI of blocks with interleaved metadata. */

#include "lib/dif/dif_internal.h"

void
dif_place_make_pi(const struct spdk_dif_ctx *ctx, struct dif_place *place, uint64_t index, uint64_t guard)
{
	uint32_t size = dif_pi_size(ctx);
	uint8_t scattered[DIF_PI_MAX_SIZE];
	size_t piece;
	uint8_t *pi = dif_place_look(place, &piece);

	if (spdk_likely(piece >= size)) {
		dif_pi_make(ctx, pi, index, guard);
		place->offset += size;
		return;
	}
	dif_pi_make(ctx, scattered, index, guard);
	dif_place_write(place, scattered, size);
}

void
dif_part_generate(const struct spdk_dif_ctx *ctx, struct dif_place *place, const struct dif_part *part, uint64_t *guard)
{
	if (part->offset + part->len < dif_data_size(ctx)) {
		*guard = dif_guard_add_place(ctx, *guard, place, part->len);
		return;
	}
	*guard = dif_guard_add_place(ctx, *guard, place, ctx->guard_interval - part->offset);
	dif_place_make_pi(ctx, place, part->index, *guard);
	dif_place_skip(place, ctx->block_size - ctx->guard_interval - dif_pi_size(ctx));
	*guard = ctx->guard_seed;
}

int
spdk_dif_generate(struct iovec *iovs, int iovcnt, uint32_t num_blocks, const struct spdk_dif_ctx *ctx)
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
		dif_part_generate(ctx, &place, &part, &guard);
	}
	return 0;
}
