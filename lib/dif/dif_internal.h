/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What the files of lib/dif share.
 *
 * A block has data, then metadata, and somewhere in the metadata the protection information (PI). Interleaved, the
 * metadata follows the data of its block in the same buffers; else all of it lies in one buffer of its own (DIX). The
 * guard covers everything of the block that stands before the PI. Every function walks the buffers with a struct
 * dif_place, so that a buffer may end anywhere: inside data, metadata, or PI.
 */

#ifndef DIF_INTERNAL_H
#define DIF_INTERNAL_H

#include "spdk/crc16.h"
#include "spdk/crc32.h"
#include "spdk/crc64.h"
#include "spdk/dif.h"
#include "spdk/endian.h"
#include "spdk/likely.h"
#include "spdk/util.h"

#define DIF_PI_MAX_SIZE 16

/* ---- Geometry of a block ---- */

static inline uint32_t
dif_data_size(const struct spdk_dif_ctx *ctx)
{
	return ctx->md_interleave ? ctx->block_size - ctx->md_size : ctx->block_size;
}

static inline uint32_t
dif_pi_size(const struct spdk_dif_ctx *ctx)
{
	return ctx->dif_pi_format == SPDK_DIF_PI_FORMAT_16 ? 8 : 16;
}

/* Where a number of bytes of data end in a buffer with interleaved metadata: behind that of each complete block. */
static inline uint64_t
dif_size_with_md(const struct spdk_dif_ctx *ctx, uint64_t data_len)
{
	return ctx->md_interleave ? data_len + data_len / dif_data_size(ctx) * ctx->md_size : data_len;
}

/* ---- Places in lists of buffers (place.c) ---- */

struct dif_place {
	struct iovec *iov;
	/* From here in *iov; less than its length, unless the list is at its end. */
	size_t offset;
};

/* Whether the buffers have room for that much. Once they do, no walk within it looks at the number of buffers again. */
bool dif_iovs_hold(const struct iovec *iovs, int iovcnt, uint64_t len);

static inline void
dif_place_start(struct dif_place *place, struct iovec *iovs)
{
	place->iov = iovs;
	place->offset = 0;
}

/* What lies at the place, and in *len how much of it in one piece: more than 0, as more of the list is known to follow. */
static inline uint8_t *
dif_place_look(struct dif_place *place, size_t *len)
{
	while (spdk_unlikely(place->offset == place->iov->iov_len)) {
		place->iov++;
		place->offset = 0;
	}
	*len = place->iov->iov_len - place->offset;
	return (uint8_t *)place->iov->iov_base + place->offset;
}

static inline void
dif_place_skip(struct dif_place *place, uint64_t len)
{
	while (len > place->iov->iov_len - place->offset) {
		len -= place->iov->iov_len - place->offset;
		place->iov++;
		place->offset = 0;
	}
	place->offset += len;
}

/* These move the place behind what they have done. */
void dif_place_read(struct dif_place *place, void *buf, size_t len);
void dif_place_write(struct dif_place *place, const void *buf, size_t len);
/* crc32c.c */
uint32_t dif_place_crc32c(struct dif_place *place, uint64_t len, uint32_t crc32c);

/* ---- Guards (guard.c) ---- */

/* A guard that covers what it covered before and these bytes. */
uint64_t dif_guard_add(const struct spdk_dif_ctx *ctx, uint64_t guard, const void *buf, size_t len);

/*
 * The same for what lies at the place, which moves behind it. All of them leave the guard alone, and do the rest, if
 * the context has no guards.
 */
uint64_t dif_guard_add_place(const struct spdk_dif_ctx *ctx, uint64_t guard, struct dif_place *place, uint64_t len);

/* The same, and copies it. */
uint64_t dif_guard_add_copy(
	const struct spdk_dif_ctx *ctx, uint64_t guard, struct dif_place *dst, struct dif_place *src, uint64_t len);

/* ---- Protection information of a block (pi.c) ---- */

struct dif_pi {
	uint64_t guard;
	uint64_t ref_tag;
	uint16_t app_tag;
};

/* The reference tag that block number index of a call has, before it is cut to the width of the field. */
uint64_t dif_ref_tag(const struct spdk_dif_ctx *ctx, uint64_t index);

/* Bits that the reference tag has in this format. */
uint64_t dif_ref_tag_mask(const struct spdk_dif_ctx *ctx);

/* The PI that says "do not check this block". */
bool dif_pi_is_escaped(const struct spdk_dif_ctx *ctx, const struct dif_pi *pi);

void dif_pi_decode(const struct spdk_dif_ctx *ctx, const uint8_t *buf, struct dif_pi *pi);

/* Writes the PI of block number index, whose bytes have this guard. */
void dif_pi_make(const struct spdk_dif_ctx *ctx, uint8_t *buf, uint64_t index, uint64_t guard);

/* Checks the PI of block number index, whose bytes have this guard. Returns 0, or -1 with *err_blk filled if not NULL. */
int dif_pi_check(const struct spdk_dif_ctx *ctx, const uint8_t *buf, uint64_t index, uint64_t guard,
	struct spdk_dif_error *err_blk);

/* Compares the reference tag alone. Returns as dif_pi_check() does. */
int dif_pi_check_ref_tag(
	const struct spdk_dif_ctx *ctx, const struct dif_pi *pi, uint64_t index, struct spdk_dif_error *err_blk);

/* Gives the PI a new reference tag, unless it is escaped. Returns 0, or -1 if the old tag is to be checked and wrong. */
int dif_pi_remap(const struct spdk_dif_ctx *ctx, uint8_t *buf, uint64_t index, bool check_ref_tag,
	struct spdk_dif_error *err_blk);

/* Where the fields of a PI stand, for those who damage them. */
struct dif_field {
	uint32_t offset;
	uint32_t size;
};

struct dif_field dif_pi_guard_field(const struct spdk_dif_ctx *ctx);
struct dif_field dif_pi_app_tag_field(const struct spdk_dif_ctx *ctx);
struct dif_field dif_pi_ref_tag_field(const struct spdk_dif_ctx *ctx);

/* ---- Blocks with interleaved metadata, whole or in part (generate.c, verify.c) ---- */

/* Bytes of data of a block that are at hand: all of them, but for the ends of a stream. */
struct dif_part {
	/* Of the block: the first one of the call, or of the segment of a stream, has 0. */
	uint64_t index;
	/* Inside the data of the block. */
	uint32_t offset;
	uint32_t len;
};

/*
 * Goes over the part, which place stands at, and moves place behind it. *guard covers what came before in the block, then
 * also the part. If the part is the last one of its block, its PI is written or checked, place moves behind the metadata,
 * and *guard begins anew.
 */
void dif_part_generate(
	const struct spdk_dif_ctx *ctx, struct dif_place *place, const struct dif_part *part, uint64_t *guard);
/* Returns 0, or -1 with *err_blk filled if not NULL; then place and *guard are of no use any more. */
int dif_part_verify(const struct spdk_dif_ctx *ctx, struct dif_place *place, const struct dif_part *part,
	uint64_t *guard, struct spdk_dif_error *err_blk);

/* Writes the PI at the place, or checks what stands there, wherever buffers end. */
void dif_place_make_pi(const struct spdk_dif_ctx *ctx, struct dif_place *place, uint64_t index, uint64_t guard);
int dif_place_check_pi(const struct spdk_dif_ctx *ctx, struct dif_place *place, uint64_t index, uint64_t guard,
	struct spdk_dif_error *err_blk);

/* ---- Streams (stream.c) ---- */

/* What is left to do of a segment, counted in bytes of data. */
struct dif_stream {
	struct dif_place place;
	uint64_t index;
	uint32_t offset;
	uint32_t len;
};

/* Returns 0, -EINVAL without buffers, -ERANGE if the range, with the metadata of the blocks it ends, is not in them. */
int dif_stream_start(struct dif_stream *stream, struct iovec *iovs, int iovcnt, uint32_t data_offset, uint32_t data_len,
	const struct spdk_dif_ctx *ctx);

/* Takes what there is of the next block, whose data the place then stands at; false at the end. */
bool dif_stream_next(struct dif_stream *stream, const struct spdk_dif_ctx *ctx, struct dif_part *part);

/* For those who have gone over the data of a part only: moves on behind the metadata, if it comes next. */
void dif_stream_skip_md(struct dif_stream *stream, const struct spdk_dif_ctx *ctx, const struct dif_part *part);

/* ---- Separate metadata (dix.c) ---- */

/* Returns 0, or -EINVAL if the buffers are too short, or the context is one of interleaved metadata. */
int dif_dix_check(struct iovec *iovs, int iovcnt, const struct iovec *md_iov, uint32_t num_blocks,
	const struct spdk_dif_ctx *ctx);
int dif_dix_check_md(const struct iovec *md_iov, uint32_t num_blocks, const struct spdk_dif_ctx *ctx);

#endif /* DIF_INTERNAL_H */
