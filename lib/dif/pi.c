/* SPDX-License-Identifier: BSD-3-Clause */

/* The protection information of one block: its form, what belongs into it, whether it is right. */

#include "lib/dif/dif_internal.h"

/*
 * All fields are big endian:
 *   16: guard 0..1, application tag 2..3, reference tag 4..7
 *   32: guard 0..3, application tag 4..5, zeroes 6..7, reference tag 8..15
 *   64: guard 0..7, application tag 8..9, reference tag 10..15
 * NVMe shares the reference tag's bytes with a storage tag, which the interface has no place for.
 */

struct dif_field
dif_pi_guard_field(const struct spdk_dif_ctx *ctx)
{
	switch (ctx->dif_pi_format) {
	case SPDK_DIF_PI_FORMAT_32:
		return (struct dif_field){0, 4};
	case SPDK_DIF_PI_FORMAT_64:
		return (struct dif_field){0, 8};
	default:
		return (struct dif_field){0, 2};
	}
}

struct dif_field
dif_pi_app_tag_field(const struct spdk_dif_ctx *ctx)
{
	return (struct dif_field){dif_pi_guard_field(ctx).size, 2};
}

struct dif_field
dif_pi_ref_tag_field(const struct spdk_dif_ctx *ctx)
{
	switch (ctx->dif_pi_format) {
	case SPDK_DIF_PI_FORMAT_32:
		return (struct dif_field){8, 8};
	case SPDK_DIF_PI_FORMAT_64:
		return (struct dif_field){10, 6};
	default:
		return (struct dif_field){4, 4};
	}
}

static void
encode_ref_tag(const struct spdk_dif_ctx *ctx, uint8_t *buf, uint64_t ref_tag)
{
	switch (ctx->dif_pi_format) {
	case SPDK_DIF_PI_FORMAT_32:
		to_be64(buf + 8, ref_tag);
		break;
	case SPDK_DIF_PI_FORMAT_64:
		to_be16(buf + 10, (uint16_t)(ref_tag >> 32));
		to_be32(buf + 12, (uint32_t)ref_tag);
		break;
	default:
		to_be32(buf + 4, (uint32_t)ref_tag);
		break;
	}
}

static void
encode(const struct spdk_dif_ctx *ctx, uint8_t *buf, const struct dif_pi *pi)
{
	switch (ctx->dif_pi_format) {
	case SPDK_DIF_PI_FORMAT_32:
		to_be32(buf, (uint32_t)pi->guard);
		to_be16(buf + 4, pi->app_tag);
		to_be16(buf + 6, 0);
		break;
	case SPDK_DIF_PI_FORMAT_64:
		to_be64(buf, pi->guard);
		to_be16(buf + 8, pi->app_tag);
		break;
	default:
		to_be16(buf, (uint16_t)pi->guard);
		to_be16(buf + 2, pi->app_tag);
		break;
	}
	encode_ref_tag(ctx, buf, pi->ref_tag);
}

void
dif_pi_decode(const struct spdk_dif_ctx *ctx, const uint8_t *buf, struct dif_pi *pi)
{
	switch (ctx->dif_pi_format) {
	case SPDK_DIF_PI_FORMAT_32:
		pi->guard = from_be32(buf);
		pi->app_tag = from_be16(buf + 4);
		pi->ref_tag = from_be64(buf + 8);
		break;
	case SPDK_DIF_PI_FORMAT_64:
		pi->guard = from_be64(buf);
		pi->app_tag = from_be16(buf + 8);
		pi->ref_tag = (uint64_t)from_be16(buf + 10) << 32 | from_be32(buf + 12);
		break;
	default:
		pi->guard = from_be16(buf);
		pi->app_tag = from_be16(buf + 2);
		pi->ref_tag = from_be32(buf + 4);
		break;
	}
}

uint64_t
dif_ref_tag_mask(const struct spdk_dif_ctx *ctx)
{
	switch (ctx->dif_pi_format) {
	case SPDK_DIF_PI_FORMAT_32:
		return UINT64_MAX;
	case SPDK_DIF_PI_FORMAT_64:
		return UINT64_MAX >> 16;
	default:
		return UINT32_MAX;
	}
}

uint64_t
dif_ref_tag(const struct spdk_dif_ctx *ctx, uint64_t index)
{
	/* Type 3 has one tag for all blocks, chosen by the application. */
	return ctx->init_ref_tag + ctx->ref_tag_offset + (ctx->dif_type == SPDK_DIF_TYPE3 ? 0 : index);
}

bool
dif_pi_is_escaped(const struct spdk_dif_ctx *ctx, const struct dif_pi *pi)
{
	return pi->app_tag == SPDK_DIF_APPTAG_IGNORE &&
		(ctx->dif_type != SPDK_DIF_TYPE3 || pi->ref_tag == dif_ref_tag_mask(ctx));
}

void
dif_pi_make(const struct spdk_dif_ctx *ctx, uint8_t *buf, uint64_t index, uint64_t guard)
{
	struct dif_pi pi = {};

	if (ctx->dif_flags & SPDK_DIF_FLAGS_GUARD_CHECK) {
		pi.guard = guard;
	}
	if (ctx->dif_flags & SPDK_DIF_FLAGS_APPTAG_CHECK) {
		pi.app_tag = ctx->app_tag;
	}
	if (ctx->dif_flags & SPDK_DIF_FLAGS_REFTAG_CHECK) {
		/* Of the context, not of the block: this is how a caller asks for blocks that are not to be checked. */
		pi.ref_tag = ctx->init_ref_tag == SPDK_DIF_REFTAG_IGNORE ? UINT64_MAX : dif_ref_tag(ctx, index);
	}
	encode(ctx, buf, &pi);
}

static int
mismatch(struct spdk_dif_error *err_blk, uint8_t type, uint64_t expected, uint64_t actual, uint64_t index)
{
	if (err_blk != NULL) {
		err_blk->err_type = type;
		err_blk->expected = expected;
		err_blk->actual = actual;
		err_blk->err_offset = (uint32_t)index;
	}
	return -1;
}

int
dif_pi_check_ref_tag(
	const struct spdk_dif_ctx *ctx, const struct dif_pi *pi, uint64_t index, struct spdk_dif_error *err_blk)
{
	uint64_t expected = dif_ref_tag(ctx, index);

	if (ctx->dif_type == SPDK_DIF_TYPE3 || (expected & dif_ref_tag_mask(ctx)) == pi->ref_tag) {
		return 0;
	}
	return mismatch(err_blk, SPDK_DIF_REFTAG_ERROR, expected, pi->ref_tag, index);
}

int
dif_pi_check(const struct spdk_dif_ctx *ctx, const uint8_t *buf, uint64_t index, uint64_t guard,
	struct spdk_dif_error *err_blk)
{
	struct dif_pi pi;

	dif_pi_decode(ctx, buf, &pi);
	if (dif_pi_is_escaped(ctx, &pi)) {
		return 0;
	}
	if ((ctx->dif_flags & SPDK_DIF_FLAGS_GUARD_CHECK) && pi.guard != guard) {
		return mismatch(err_blk, SPDK_DIF_GUARD_ERROR, pi.guard, guard, index);
	}
	if ((ctx->dif_flags & SPDK_DIF_FLAGS_APPTAG_CHECK) && ((pi.app_tag ^ ctx->app_tag) & ctx->apptag_mask) != 0) {
		return mismatch(err_blk, SPDK_DIF_APPTAG_ERROR, ctx->app_tag, pi.app_tag & ctx->apptag_mask, index);
	}
	if (ctx->dif_flags & SPDK_DIF_FLAGS_REFTAG_CHECK) {
		return dif_pi_check_ref_tag(ctx, &pi, index, err_blk);
	}
	return 0;
}

int
dif_pi_remap(const struct spdk_dif_ctx *ctx, uint8_t *buf, uint64_t index, bool check_ref_tag,
	struct spdk_dif_error *err_blk)
{
	struct dif_pi pi;
	uint64_t remapped = ctx->remapped_init_ref_tag;

	dif_pi_decode(ctx, buf, &pi);
	if (dif_pi_is_escaped(ctx, &pi)) {
		return 0;
	}
	if (check_ref_tag && dif_pi_check_ref_tag(ctx, &pi, index, err_blk) != 0) {
		return -1;
	}
	if (ctx->dif_type != SPDK_DIF_TYPE3) {
		remapped += ctx->ref_tag_offset + index;
	}
	encode_ref_tag(ctx, buf, remapped);
	return 0;
}
