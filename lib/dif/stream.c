/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Payloads that come in segments, and segments that are worked on in parts, of any number of bytes. What is known of a
 * block when a part ends inside it waits in the context.
 */

#include "lib/dif/dif_internal.h"

int
dif_stream_start(struct dif_stream *stream, struct iovec *iovs, int iovcnt, uint32_t data_offset, uint32_t data_len,
	const struct spdk_dif_ctx *ctx)
{
	uint32_t data_size = dif_data_size(ctx);
	/* From the start of the block in which the segment begins. */
	uint64_t segment = ctx->data_offset % data_size;
	uint64_t from = segment + data_offset;

	if (iovs == NULL || iovcnt <= 0) {
		return -EINVAL;
	}
	if (!dif_iovs_hold(iovs, iovcnt, dif_size_with_md(ctx, from + data_len) - segment)) {
		return -ERANGE;
	}
	dif_place_start(&stream->place, iovs);
	dif_place_skip(&stream->place, dif_size_with_md(ctx, from) - segment);
	stream->index = from / data_size;
	stream->offset = from % data_size;
	stream->len = data_len;
	return 0;
}

bool
dif_stream_next(struct dif_stream *stream, const struct spdk_dif_ctx *ctx, struct dif_part *part)
{
	uint32_t left_in_block;

	if (stream->len == 0) {
		return false;
	}
	left_in_block = dif_data_size(ctx) - stream->offset;
	part->index = stream->index;
	part->offset = stream->offset;
	part->len = spdk_min(stream->len, left_in_block);
	stream->index++;
	stream->offset = 0;
	stream->len -= part->len;
	return true;
}

void
dif_stream_skip_md(struct dif_stream *stream, const struct spdk_dif_ctx *ctx, const struct dif_part *part)
{
	if (part->offset + part->len == dif_data_size(ctx)) {
		dif_place_skip(&stream->place, ctx->block_size - dif_data_size(ctx));
	}
}

/* A part at the start of a block owes nothing to what came before. */
static uint64_t
first_guard(const struct dif_stream *stream, const struct spdk_dif_ctx *ctx)
{
	return stream->offset == 0 ? ctx->guard_seed : ctx->last_guard;
}

static void
keep_guard(struct spdk_dif_ctx *ctx, uint64_t guard)
{
	if (ctx->dif_flags & SPDK_DIF_FLAGS_GUARD_CHECK) {
		ctx->last_guard = guard;
	}
}

int
spdk_dif_generate_stream(
	struct iovec *iovs, int iovcnt, uint32_t data_offset, uint32_t data_len, struct spdk_dif_ctx *ctx)
{
	struct dif_stream stream;
	struct dif_part part;
	uint64_t guard;
	int rc;

	rc = dif_stream_start(&stream, iovs, iovcnt, data_offset, data_len, ctx);
	if (rc != 0 || data_len == 0 || ctx->dif_type == SPDK_DIF_DISABLE) {
		return rc;
	}
	if (!ctx->md_interleave) {
		return -EINVAL;
	}
	guard = first_guard(&stream, ctx);
	while (dif_stream_next(&stream, ctx, &part)) {
		dif_part_generate(ctx, &stream.place, &part, &guard);
	}
	keep_guard(ctx, guard);
	return 0;
}

int
spdk_dif_verify_stream(struct iovec *iovs, int iovcnt, uint32_t data_offset, uint32_t data_len,
	struct spdk_dif_ctx *ctx, struct spdk_dif_error *err_blk)
{
	struct dif_stream stream;
	struct dif_part part;
	uint64_t guard;
	int rc;

	rc = dif_stream_start(&stream, iovs, iovcnt, data_offset, data_len, ctx);
	if (rc != 0 || data_len == 0 || ctx->dif_type == SPDK_DIF_DISABLE) {
		return rc;
	}
	if (!ctx->md_interleave) {
		return -EINVAL;
	}
	guard = first_guard(&stream, ctx);
	while (dif_stream_next(&stream, ctx, &part)) {
		rc = dif_part_verify(ctx, &stream.place, &part, &guard, err_blk);
		if (rc != 0) {
			/* The context is left as it was: the caller may mend what is wrong and call again. */
			return rc;
		}
	}
	keep_guard(ctx, guard);
	return 0;
}

int
spdk_dif_update_crc32c_stream(struct iovec *iovs, int iovcnt, uint32_t data_offset, uint32_t data_len, uint32_t *crc32c,
	const struct spdk_dif_ctx *ctx)
{
	struct dif_stream stream;
	struct dif_part part;
	int rc;

	if (crc32c == NULL) {
		return -EINVAL;
	}
	rc = dif_stream_start(&stream, iovs, iovcnt, data_offset, data_len, ctx);
	if (rc != 0 || ctx->dif_type == SPDK_DIF_DISABLE) {
		return rc;
	}
	while (dif_stream_next(&stream, ctx, &part)) {
		*crc32c = dif_place_crc32c(&stream.place, part.len, *crc32c);
		dif_stream_skip_md(&stream, ctx, &part);
	}
	return 0;
}
