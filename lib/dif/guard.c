/* SPDX-License-Identifier: BSD-3-Clause */

/* Guards: a CRC of each width. All of them go on from an earlier value, so that a block may lie in pieces. */

#include "lib/dif/dif_internal.h"

/*
 * What is copied and checksummed by two functions goes through the cache in pieces of this size; source and
 * destination together fit into the first level.
 */
#define COPY_STEP ((size_t)8 * 1024)

static bool
has_guards(const struct spdk_dif_ctx *ctx)
{
	return ctx->dif_flags & SPDK_DIF_FLAGS_GUARD_CHECK;
}

uint64_t
dif_guard_add(const struct spdk_dif_ctx *ctx, uint64_t guard, const void *buf, size_t len)
{
	if (!has_guards(ctx)) {
		return guard;
	}
	switch (ctx->dif_pi_format) {
	case SPDK_DIF_PI_FORMAT_32:
		return spdk_crc32c_nvme(buf, len, (uint32_t)guard);
	case SPDK_DIF_PI_FORMAT_64:
		return spdk_crc64_nvme(buf, len, guard);
	default:
		return spdk_crc16_t10dif((uint16_t)guard, buf, len);
	}
}

uint64_t
dif_guard_add_place(const struct spdk_dif_ctx *ctx, uint64_t guard, struct dif_place *place, uint64_t len)
{
	if (!has_guards(ctx)) {
		dif_place_skip(place, len);
		return guard;
	}
	while (len > 0) {
		size_t piece;
		const uint8_t *buf = dif_place_look(place, &piece);

		piece = spdk_min(piece, len);
		guard = dif_guard_add(ctx, guard, buf, piece);
		place->offset += piece;
		len -= piece;
	}
	return guard;
}

static uint64_t
add_copy(const struct spdk_dif_ctx *ctx, uint64_t guard, uint8_t *dst, uint8_t *src, size_t len)
{
	if (ctx->dif_pi_format == SPDK_DIF_PI_FORMAT_16 && has_guards(ctx)) {
		return spdk_crc16_t10dif_copy((uint16_t)guard, dst, src, len);
	}
	memcpy(dst, src, len);
	return dif_guard_add(ctx, guard, dst, len);
}

uint64_t
dif_guard_add_copy(
	const struct spdk_dif_ctx *ctx, uint64_t guard, struct dif_place *dst, struct dif_place *src, uint64_t len)
{
	while (len > 0) {
		size_t dst_piece, src_piece, piece;
		uint8_t *to = dif_place_look(dst, &dst_piece);
		uint8_t *from = dif_place_look(src, &src_piece);

		piece = spdk_min(dst_piece, src_piece);
		piece = spdk_min(piece, len);
		piece = spdk_min(piece, COPY_STEP);
		guard = add_copy(ctx, guard, to, from, piece);
		dst->offset += piece;
		src->offset += piece;
		len -= piece;
	}
	return guard;
}
