/* SPDX-License-Identifier: BSD-3-Clause */

/* CRC-32C of the data alone, as if there were no metadata in between. */

#include "lib/dif/dif_internal.h"

uint32_t
dif_place_crc32c(struct dif_place *place, uint64_t len, uint32_t crc32c)
{
	while (len > 0) {
		size_t piece;
		const uint8_t *buf = dif_place_look(place, &piece);

		piece = spdk_min(piece, len);
		crc32c = spdk_crc32c_update(buf, piece, crc32c);
		place->offset += piece;
		len -= piece;
	}
	return crc32c;
}

int
spdk_dif_update_crc32c(
	struct iovec *iovs, int iovcnt, uint32_t num_blocks, uint32_t *crc32c, const struct spdk_dif_ctx *ctx)
{
	struct dif_place place;

	if (crc32c == NULL || !dif_iovs_hold(iovs, iovcnt, (uint64_t)num_blocks * ctx->block_size)) {
		return -EINVAL;
	}
	if (ctx->dif_type == SPDK_DIF_DISABLE) {
		return 0;
	}
	dif_place_start(&place, iovs);
	for (uint32_t i = 0; i < num_blocks; i++) {
		*crc32c = dif_place_crc32c(&place, dif_data_size(ctx), *crc32c);
		dif_place_skip(&place, ctx->block_size - dif_data_size(ctx));
	}
	return 0;
}
