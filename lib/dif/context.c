/* SPDX-License-Identifier: BSD-3-Clause */

/* Contexts: how the blocks of a transfer are laid out, and where it stands. */

#include "lib/dif/dif_internal.h"

/* Data of a block is a multiple of this many bytes. */
static uint32_t
data_granularity(uint32_t pi_format)
{
	return pi_format == SPDK_DIF_PI_FORMAT_16 ? 512 : 4096;
}

uint32_t
spdk_dif_pi_format_get_size(enum spdk_dif_pi_format dif_pi_format)
{
	switch (dif_pi_format) {
	case SPDK_DIF_PI_FORMAT_16:
		return 8;
	case SPDK_DIF_PI_FORMAT_32:
	case SPDK_DIF_PI_FORMAT_64:
		return 16;
	default:
		return 0;
	}
}

/* From the start of a block, or of its metadata if that is separate, to the PI. */
static uint32_t
guard_interval(const struct spdk_dif_ctx *ctx, bool dif_loc)
{
	uint32_t md_start = ctx->md_interleave ? dif_data_size(ctx) : 0;

	return dif_loc ? md_start : md_start + ctx->md_size - dif_pi_size(ctx);
}

int
spdk_dif_ctx_init(struct spdk_dif_ctx *ctx, uint32_t block_size, uint32_t md_size, bool md_interleave, bool dif_loc,
	enum spdk_dif_type dif_type, uint32_t dif_flags, uint32_t init_ref_tag, uint16_t apptag_mask, uint16_t app_tag,
	uint32_t data_offset, uint64_t guard_seed, struct spdk_dif_ctx_init_ext_opts *opts)
{
	uint32_t pi_format = opts != NULL ? opts->dif_pi_format : SPDK_DIF_PI_FORMAT_16;
	uint32_t data_size;

	if (pi_format > SPDK_DIF_PI_FORMAT_64) {
		return -EINVAL;
	}
	if ((uint32_t)dif_type > SPDK_DIF_TYPE3) {
		return -EINVAL;
	}
	if (md_size < spdk_dif_pi_format_get_size((enum spdk_dif_pi_format)pi_format)) {
		return -EINVAL;
	}
	if (md_interleave && block_size < md_size) {
		return -EINVAL;
	}
	data_size = md_interleave ? block_size - md_size : block_size;
	if (data_size == 0 || data_size % data_granularity(pi_format) != 0) {
		return -EINVAL;
	}

	*ctx = (struct spdk_dif_ctx){
		.block_size = block_size,
		.md_size = md_size,
		.md_interleave = md_interleave,
		.dif_type = (uint8_t)dif_type,
		.dif_pi_format = (uint8_t)pi_format,
		.dif_flags = dif_flags,
		.init_ref_tag = init_ref_tag,
		.app_tag = app_tag,
		.apptag_mask = apptag_mask,
		.last_guard = guard_seed,
		.guard_seed = guard_seed,
	};
	ctx->guard_interval = guard_interval(ctx, dif_loc);
	spdk_dif_ctx_set_data_offset(ctx, data_offset);
	return 0;
}

void
spdk_dif_ctx_set_data_offset(struct spdk_dif_ctx *ctx, uint32_t data_offset)
{
	ctx->data_offset = data_offset;
	ctx->ref_tag_offset = data_offset / dif_data_size(ctx);
}

void
spdk_dif_ctx_set_remapped_init_ref_tag(struct spdk_dif_ctx *ctx, uint32_t remapped_init_ref_tag)
{
	ctx->remapped_init_ref_tag = remapped_init_ref_tag;
}
