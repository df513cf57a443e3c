/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Inserting PI while data is copied to where metadata is, and stripping it on the way back. The plain side has data only;
 * with PRACT and metadata larger than the PI, as in NVMe, it has whole blocks, whose PI is of no meaning.
 */

#include "lib/dif/dif_internal.h"

struct copy_shape {
	/* Of a block on the plain side. */
	uint32_t plain_size;
	/* How much of it, from its start, is copied. */
	uint32_t copied;
};

static struct copy_shape
copy_shape(const struct spdk_dif_ctx *ctx)
{
	if ((ctx->dif_flags & SPDK_DIF_FLAGS_NVME_PRACT) && ctx->md_size > dif_pi_size(ctx) && ctx->md_interleave) {
		return (struct copy_shape){
			.plain_size = ctx->block_size,
			.copied = ctx->dif_type != SPDK_DIF_DISABLE ? ctx->guard_interval : dif_data_size(ctx),
		};
	}
	return (struct copy_shape){.plain_size = dif_data_size(ctx), .copied = dif_data_size(ctx)};
}

static bool
sides_hold(const struct spdk_dif_ctx *ctx, const struct copy_shape *shape, struct iovec *iovs, int iovcnt,
	struct iovec *bounce_iovs, int bounce_iovcnt, uint32_t num_blocks)
{
	return dif_iovs_hold(iovs, iovcnt, (uint64_t)num_blocks * shape->plain_size) &&
		dif_iovs_hold(bounce_iovs, bounce_iovcnt, (uint64_t)num_blocks * ctx->block_size);
}

static void
generate_copy_block(const struct spdk_dif_ctx *ctx, const struct copy_shape *shape, struct dif_place *dst,
	struct dif_place *src, uint32_t index)
{
	uint64_t guard = dif_guard_add_copy(ctx, ctx->guard_seed, dst, src, shape->copied);

	dif_place_skip(src, shape->plain_size - shape->copied);
	/* Metadata in front of the PI that has not been copied is that of the destination. */
	guard = dif_guard_add_place(ctx, guard, dst, ctx->guard_interval - shape->copied);
	dif_place_make_pi(ctx, dst, index, guard);
	dif_place_skip(dst, ctx->block_size - ctx->guard_interval - dif_pi_size(ctx));
}

static int
verify_copy_block(const struct spdk_dif_ctx *ctx, const struct copy_shape *shape, struct dif_place *dst,
	struct dif_place *src, uint32_t index, struct spdk_dif_error *err_blk)
{
	uint64_t guard = dif_guard_add_copy(ctx, ctx->guard_seed, dst, src, shape->copied);
	int rc;

	dif_place_skip(dst, shape->plain_size - shape->copied);
	guard = dif_guard_add_place(ctx, guard, src, ctx->guard_interval - shape->copied);
	rc = dif_place_check_pi(ctx, src, index, guard, err_blk);
	dif_place_skip(src, ctx->block_size - ctx->guard_interval - dif_pi_size(ctx));
	return rc;
}

/* For type DISABLE: data moves between blocks of different size, and nothing else happens. */
static void
copy_data(const struct spdk_dif_ctx *ctx, struct dif_place *dst, uint32_t dst_size, struct dif_place *src,
	uint32_t src_size, uint32_t num_blocks)
{
	struct spdk_dif_ctx without_guards = *ctx;
	uint32_t len = dif_data_size(ctx);

	without_guards.dif_flags = 0;
	for (uint32_t i = 0; i < num_blocks; i++) {
		dif_guard_add_copy(&without_guards, 0, dst, src, len);
		dif_place_skip(dst, dst_size - len);
		dif_place_skip(src, src_size - len);
	}
}

int
spdk_dif_generate_copy(struct iovec *iovs, int iovcnt, struct iovec *bounce_iovs, int bounce_iovcnt,
	uint32_t num_blocks, const struct spdk_dif_ctx *ctx)
{
	struct copy_shape shape = copy_shape(ctx);
	struct dif_place src, dst;

	if (!sides_hold(ctx, &shape, iovs, iovcnt, bounce_iovs, bounce_iovcnt, num_blocks)) {
		return -EINVAL;
	}
	dif_place_start(&src, iovs);
	dif_place_start(&dst, bounce_iovs);
	if (ctx->dif_type == SPDK_DIF_DISABLE) {
		copy_data(ctx, &dst, ctx->block_size, &src, shape.plain_size, num_blocks);
		return 0;
	}
	if (!ctx->md_interleave) {
		return -EINVAL;
	}
	for (uint32_t i = 0; i < num_blocks; i++) {
		generate_copy_block(ctx, &shape, &dst, &src, i);
	}
	return 0;
}

int
spdk_dif_verify_copy(struct iovec *iovs, int iovcnt, struct iovec *bounce_iovs, int bounce_iovcnt, uint32_t num_blocks,
	const struct spdk_dif_ctx *ctx, struct spdk_dif_error *err_blk)
{
	struct copy_shape shape = copy_shape(ctx);
	struct dif_place src, dst;

	if (!sides_hold(ctx, &shape, iovs, iovcnt, bounce_iovs, bounce_iovcnt, num_blocks)) {
		return -EINVAL;
	}
	dif_place_start(&src, bounce_iovs);
	dif_place_start(&dst, iovs);
	if (ctx->dif_type == SPDK_DIF_DISABLE) {
		copy_data(ctx, &dst, shape.plain_size, &src, ctx->block_size, num_blocks);
		return 0;
	}
	if (!ctx->md_interleave) {
		return -EINVAL;
	}
	for (uint32_t i = 0; i < num_blocks; i++) {
		int rc = verify_copy_block(ctx, &shape, &dst, &src, i, err_blk);

		if (rc != 0) {
			return rc;
		}
	}
	return 0;
}
