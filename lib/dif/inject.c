/* SPDX-License-Identifier: BSD-3-Clause */

/* Damaging blocks on purpose, so that users of the library can see whether they notice. */

#include "lib/dif/dif_internal.h"
#include "lib/env/env_internal.h"

static uint64_t
random_below(uint64_t limit)
{
	return env_random_u64() % limit;
}

static uint8_t
random_bit(void)
{
	return (uint8_t)(1 << random_below(8));
}

static void
flip_at(struct iovec *iovs, uint64_t offset)
{
	struct dif_place place;
	size_t piece;

	dif_place_start(&place, iovs);
	dif_place_skip(&place, offset);
	*dif_place_look(&place, &piece) ^= random_bit();
}

/* The fields that the flags name, in the PI that begins at this offset of the buffers. */
static void
flip_in_pi(const struct spdk_dif_ctx *ctx, struct iovec *iovs, uint64_t pi_offset, uint32_t inject_flags)
{
	const struct {
		uint32_t flag;
		struct dif_field field;
	} fields[] = {
		{SPDK_DIF_REFTAG_ERROR, dif_pi_ref_tag_field(ctx)},
		{SPDK_DIF_APPTAG_ERROR, dif_pi_app_tag_field(ctx)},
		{SPDK_DIF_GUARD_ERROR, dif_pi_guard_field(ctx)},
	};

	for (size_t i = 0; i < SPDK_COUNTOF(fields); i++) {
		if (inject_flags & fields[i].flag) {
			flip_at(iovs, pi_offset + fields[i].field.offset + random_below(fields[i].field.size));
		}
	}
}

/* Damages one block: the data in data_iovs and the PI in pi_iovs, block sizes apart. */
static void
inject(const struct spdk_dif_ctx *ctx, struct iovec *data_iovs, struct iovec *pi_iovs, uint32_t pi_stride,
	uint32_t num_blocks, uint32_t inject_flags, uint32_t *inject_offset)
{
	uint64_t block = random_below(num_blocks);

	if (inject_flags & SPDK_DIF_DATA_ERROR) {
		flip_at(data_iovs, block * ctx->block_size + random_below(dif_data_size(ctx)));
	}
	flip_in_pi(ctx, pi_iovs, block * pi_stride + ctx->guard_interval, inject_flags);
	if (inject_offset != NULL) {
		*inject_offset = (uint32_t)block;
	}
}

int
spdk_dif_inject_error(struct iovec *iovs, int iovcnt, uint32_t num_blocks, const struct spdk_dif_ctx *ctx,
	uint32_t inject_flags, uint32_t *inject_offset)
{
	if (num_blocks == 0 || !dif_iovs_hold(iovs, iovcnt, (uint64_t)num_blocks * ctx->block_size)) {
		return -EINVAL;
	}
	if (ctx->dif_type == SPDK_DIF_DISABLE) {
		return 0;
	}
	if (!ctx->md_interleave) {
		return -EINVAL;
	}
	inject(ctx, iovs, iovs, ctx->block_size, num_blocks, inject_flags, inject_offset);
	return 0;
}

int
spdk_dix_inject_error(struct iovec *iovs, int iovcnt, struct iovec *md_iov, uint32_t num_blocks,
	const struct spdk_dif_ctx *ctx, uint32_t inject_flags, uint32_t *inject_offset)
{
	int rc = num_blocks > 0 ? dif_dix_check(iovs, iovcnt, md_iov, num_blocks, ctx) : -EINVAL;

	if (rc != 0 || ctx->dif_type == SPDK_DIF_DISABLE) {
		return rc;
	}
	inject(ctx, iovs, md_iov, ctx->md_size, num_blocks, inject_flags, inject_offset);
	return 0;
}
