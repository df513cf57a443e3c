/* SPDX-License-Identifier: BSD-3-Clause */

/* Between offsets in data and offsets in buffers that have metadata behind the data of each block. */

#include "lib/dif/dif_internal.h"

/* Results are 32 bits wide; what does not fit is at least not taken for something small. */
static uint32_t
saturate(uint64_t value)
{
	return (uint32_t)spdk_min(value, UINT32_MAX);
}

uint32_t
spdk_dif_get_length_with_md(uint32_t data_len, const struct spdk_dif_ctx *ctx)
{
	return saturate(dif_size_with_md(ctx, data_len));
}

void
spdk_dif_get_range_with_md(uint32_t data_offset, uint32_t data_len, uint32_t *buf_offset, uint32_t *buf_len,
	const struct spdk_dif_ctx *ctx)
{
	uint64_t from = dif_size_with_md(ctx, data_offset);
	uint64_t to = dif_size_with_md(ctx, (uint64_t)data_offset + data_len);

	*buf_offset = saturate(from);
	*buf_len = saturate(to - from);
}

/* Lists the data at the place, in as many entries as there are. Returns how much of it found an entry. */
static uint32_t
list_data(struct iovec *iovs, int iovcnt, int *used, struct dif_place *place, uint32_t len)
{
	uint32_t listed = 0;

	while (listed < len && *used < iovcnt) {
		size_t piece;
		uint8_t *buf = dif_place_look(place, &piece);

		piece = spdk_min(piece, len - listed);
		iovs[*used].iov_base = buf;
		iovs[*used].iov_len = piece;
		(*used)++;
		place->offset += piece;
		listed += piece;
	}
	return listed;
}

int
spdk_dif_set_md_interleave_iovs(struct iovec *iovs, int iovcnt, struct iovec *buf_iovs, int buf_iovcnt,
	uint32_t data_offset, uint32_t data_len, uint32_t *mapped_len, const struct spdk_dif_ctx *ctx)
{
	struct dif_stream stream;
	struct dif_part part;
	uint32_t total = 0;
	int used = 0, rc;

	if (iovs == NULL || iovcnt <= 0) {
		return -EINVAL;
	}
	rc = dif_stream_start(&stream, buf_iovs, buf_iovcnt, data_offset, data_len, ctx);
	if (rc != 0) {
		return rc;
	}
	while (dif_stream_next(&stream, ctx, &part)) {
		uint32_t listed = list_data(iovs, iovcnt, &used, &stream.place, part.len);

		total += listed;
		if (listed < part.len) {
			break;
		}
		dif_stream_skip_md(&stream, ctx, &part);
	}
	if (mapped_len != NULL) {
		*mapped_len = total;
	}
	return used;
}
