/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Any context, any blocks, cut anywhere. Buffers have exactly the size that a call may touch, so that ASan sees a step
 * beyond; and what was made must be accepted, be the same in streams and copies, and be refused when damaged.
 */

#include "spdk/dif.h"
#include "spdk/util.h"
#include "lib/env/env_internal.h"
#include "test/fuzz/fuzz.h"

#define MAX_IOVS 32
/* Larger blocks take longer, and do nothing that small ones do not. */
#define MAX_BYTES (64 * 1024)

struct input {
	const uint8_t *data;
	size_t size;
};

/* 0 when there is no more. */
static uint32_t
take(struct input *input, size_t bytes)
{
	uint32_t value = 0;

	for (size_t i = 0; i < bytes && input->size > 0; i++, input->data++, input->size--) {
		value = value << 8 | *input->data;
	}
	return value;
}

/* ---- Buffers ---- */

struct scattered {
	struct iovec iovs[MAX_IOVS];
	int count;
};

/* len bytes in pieces of their own, as the input cuts them. All are a repetition of what the input has. */
static void
scatter(struct scattered *to, struct input *input, size_t len)
{
	int pieces = 1 + take(input, 1) % MAX_IOVS;

	to->count = pieces;
	for (int i = 0; i < pieces; i++) {
		size_t piece = i < pieces - 1 ? spdk_min(take(input, 2) % 5000, len) : len;
		uint8_t pattern = (uint8_t)take(input, 1);

		if (i < pieces - 1) {
			piece = piece > len ? len : piece;
		}
		to->iovs[i].iov_base = malloc(piece);
		FUZZ_CHECK(to->iovs[i].iov_base != NULL || piece == 0);
		to->iovs[i].iov_len = piece;
		for (size_t j = 0; j < piece; j++) {
			((uint8_t *)to->iovs[i].iov_base)[j] = (uint8_t)(pattern + j);
		}
		len -= piece;
	}
}

static void
free_scattered(struct scattered *scattered)
{
	for (int i = 0; i < scattered->count; i++) {
		free(scattered->iovs[i].iov_base);
	}
}

static uint8_t *
gather(const struct scattered *from, size_t len)
{
	uint8_t *flat = malloc(len + 1), *to = flat;

	FUZZ_CHECK(flat != NULL);
	for (int i = 0; i < from->count; i++) {
		memcpy(to, from->iovs[i].iov_base, from->iovs[i].iov_len);
		to += from->iovs[i].iov_len;
	}
	FUZZ_CHECK(to == flat + len);
	return flat;
}

/* ---- Checks ---- */

/* Makes the same blocks as a stream, in parts as the input cuts them. */
static void
check_stream(struct input *input, const struct spdk_dif_ctx *ctx, const uint8_t *expected, uint32_t num_blocks)
{
	uint32_t data_size = ctx->block_size - ctx->md_size, total = num_blocks * data_size, done = 0;
	uint32_t segment = ctx->data_offset % data_size, steps = 0;
	size_t len = (size_t)num_blocks * ctx->block_size;
	struct spdk_dif_ctx stream_ctx = *ctx;
	uint8_t *flat = malloc(len - segment);
	struct iovec iov = {flat, len - segment};

	FUZZ_CHECK(flat != NULL);
	/* A segment that begins inside a block lacks what is needed to finish it. */
	if (segment == 0) {
		memcpy(flat, expected, len);
		for (; done < total; steps++) {
			uint32_t part = 1 + take(input, 2);

			part = steps < 100 ? spdk_min(part, total - done) : total - done;
			FUZZ_CHECK(spdk_dif_generate_stream(&iov, 1, done, part, &stream_ctx) == 0);
			done += part;
		}
		FUZZ_CHECK(memcmp(flat, expected, len) == 0);
		FUZZ_CHECK(stream_ctx.last_guard == ctx->guard_seed);
	}
	free(flat);
}

/* Ranges that may be in the buffers or not. */
static void
check_ranges(struct input *input, struct scattered *buffers, const struct spdk_dif_ctx *ctx)
{
	struct iovec listed[MAX_IOVS];
	uint32_t offset = take(input, 3), len = take(input, 3), mapped = 0, crc = 0, buf_offset, buf_len;
	struct spdk_dif_ctx stream_ctx = *ctx;
	struct spdk_dif_error error;
	int count, room = take(input, 1) % (MAX_IOVS + 1);

	count = spdk_dif_set_md_interleave_iovs(listed, room, buffers->iovs, buffers->count, offset, len, &mapped, ctx);
	FUZZ_CHECK(count <= room && (count < 0 || mapped <= len));
	for (int i = 0; i < count; i++) {
		/* All of it is there. */
		FUZZ_CHECK(listed[i].iov_len > 0);
		memset(listed[i].iov_base, 1, listed[i].iov_len);
	}
	spdk_dif_update_crc32c_stream(buffers->iovs, buffers->count, offset, len, &crc, ctx);
	spdk_dif_verify_stream(buffers->iovs, buffers->count, offset, len, &stream_ctx, &error);
	spdk_dif_generate_stream(buffers->iovs, buffers->count, offset, len, &stream_ctx);
	spdk_dif_get_range_with_md(offset, len, &buf_offset, &buf_len, ctx);
	FUZZ_CHECK(buf_offset >= offset && buf_len >= len);
}

static void
check_copy(struct input *input, const struct spdk_dif_ctx *ctx, uint32_t num_blocks)
{
	uint32_t data_size = ctx->md_interleave ? ctx->block_size - ctx->md_size : ctx->block_size;
	uint32_t pi_size = spdk_dif_pi_format_get_size((enum spdk_dif_pi_format)ctx->dif_pi_format);
	bool whole = (ctx->dif_flags & SPDK_DIF_FLAGS_NVME_PRACT) && ctx->md_size > pi_size && ctx->md_interleave;
	uint32_t plain_size = whole ? ctx->block_size : data_size;
	size_t plain_len = (size_t)num_blocks * plain_size, full_len = (size_t)num_blocks * ctx->block_size;
	struct scattered plain, full, back;
	uint8_t *before, *after;

	scatter(&plain, input, plain_len);
	scatter(&full, input, full_len);
	scatter(&back, input, plain_len);
	if (spdk_dif_generate_copy(plain.iovs, plain.count, full.iovs, full.count, num_blocks, ctx) == 0 &&
		ctx->init_ref_tag != SPDK_DIF_REFTAG_IGNORE) {
		FUZZ_CHECK(
			spdk_dif_verify_copy(back.iovs, back.count, full.iovs, full.count, num_blocks, ctx, NULL) == 0);
		before = gather(&plain, plain_len);
		after = gather(&back, plain_len);
		for (uint32_t i = 0; i < num_blocks; i++) {
			FUZZ_CHECK(memcmp(before + (size_t)i * plain_size, after + (size_t)i * plain_size, data_size) ==
				0);
		}
		free(before);
		free(after);
	}
	free_scattered(&plain);
	free_scattered(&full);
	free_scattered(&back);
}

static void
check_interleaved(struct input *input, struct spdk_dif_ctx *ctx, uint32_t num_blocks)
{
	size_t len = (size_t)num_blocks * ctx->block_size;
	bool checks_all = ctx->dif_type != SPDK_DIF_DISABLE && ctx->init_ref_tag != SPDK_DIF_REFTAG_IGNORE &&
		(ctx->dif_flags & SPDK_DIF_FLAGS_GUARD_CHECK) &&
		(!(ctx->dif_flags & SPDK_DIF_FLAGS_APPTAG_CHECK) || ctx->app_tag != SPDK_DIF_APPTAG_IGNORE);
	struct spdk_dif_error error;
	struct scattered buffers;
	uint32_t crc = 0, block;
	uint8_t *flat;

	scatter(&buffers, input, len);
	FUZZ_CHECK(spdk_dif_generate(buffers.iovs, buffers.count, num_blocks, ctx) == 0);
	FUZZ_CHECK(ctx->init_ref_tag == SPDK_DIF_REFTAG_IGNORE ||
		spdk_dif_verify(buffers.iovs, buffers.count, num_blocks, ctx, &error) == 0);
	if (ctx->dif_type != SPDK_DIF_DISABLE && num_blocks > 0) {
		flat = gather(&buffers, len);
		check_stream(input, ctx, flat, num_blocks);
		free(flat);
	}
	FUZZ_CHECK(spdk_dif_update_crc32c(buffers.iovs, buffers.count, num_blocks, &crc, ctx) == 0);
	FUZZ_CHECK(spdk_dif_generate(buffers.iovs, buffers.count, num_blocks + 1, ctx) == -EINVAL);
	spdk_dif_ctx_set_remapped_init_ref_tag(ctx, take(input, 4));
	FUZZ_CHECK(ctx->init_ref_tag == SPDK_DIF_REFTAG_IGNORE ||
		spdk_dif_remap_ref_tag(buffers.iovs, buffers.count, num_blocks, ctx, &error, true) == 0);
	if (num_blocks > 0) {
		FUZZ_CHECK(spdk_dif_generate(buffers.iovs, buffers.count, num_blocks, ctx) == 0);
		FUZZ_CHECK(spdk_dif_inject_error(
				   buffers.iovs, buffers.count, num_blocks, ctx, SPDK_DIF_DATA_ERROR, &block) == 0);
		if (checks_all) {
			FUZZ_CHECK(spdk_dif_verify(buffers.iovs, buffers.count, num_blocks, ctx, &error) == -1);
			FUZZ_CHECK(error.err_type == SPDK_DIF_GUARD_ERROR && error.err_offset == block);
		}
	}
	check_ranges(input, &buffers, ctx);
	free_scattered(&buffers);
}

static void
check_separate(struct input *input, struct spdk_dif_ctx *ctx, uint32_t num_blocks)
{
	struct iovec md = {.iov_len = (size_t)num_blocks * ctx->md_size};
	struct spdk_dif_error error;
	struct scattered buffers;
	uint32_t block;

	md.iov_base = malloc(md.iov_len);
	FUZZ_CHECK(md.iov_base != NULL);
	memset(md.iov_base, 0x5a, md.iov_len);
	scatter(&buffers, input, (size_t)num_blocks * ctx->block_size);
	FUZZ_CHECK(spdk_dix_generate(buffers.iovs, buffers.count, &md, num_blocks, ctx) == 0);
	if (ctx->init_ref_tag != SPDK_DIF_REFTAG_IGNORE) {
		FUZZ_CHECK(spdk_dix_verify(buffers.iovs, buffers.count, &md, num_blocks, ctx, &error) == 0);
		FUZZ_CHECK(spdk_dix_remap_ref_tag(&md, num_blocks, ctx, &error, true) == 0);
	}
	spdk_dix_inject_error(buffers.iovs, buffers.count, &md, num_blocks, ctx, take(input, 1), &block);
	spdk_dix_verify(buffers.iovs, buffers.count, &md, num_blocks, ctx, &error);
	/* What is not made for this kind of metadata is refused. */
	FUZZ_CHECK(ctx->dif_type == SPDK_DIF_DISABLE ||
		spdk_dif_generate(buffers.iovs, buffers.count, num_blocks, ctx) == -EINVAL);
	check_ranges(input, &buffers, ctx);
	free_scattered(&buffers);
	free(md.iov_base);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	struct spdk_dif_ctx_init_ext_opts opts = {.size = sizeof(opts)};
	uint32_t md_size, data_size, num_blocks, flags, bits = take(&input, 1);
	bool interleaved = bits & 1;
	struct spdk_dif_ctx ctx;
	int rc;

	env_random_seed(1);
	opts.dif_pi_format = take(&input, 1) % 4;
	/* Mostly what is possible, in steps of 512; now and then anything. */
	data_size = bits & 2 ? take(&input, 4) : 512 * (take(&input, 1) % 32);
	md_size = bits & 4 ? take(&input, 4) : take(&input, 1);
	flags = take(&input, 1) << 24;
	rc = spdk_dif_ctx_init(&ctx, data_size + (interleaved ? md_size : 0), md_size, interleaved, bits & 8,
		(enum spdk_dif_type)(take(&input, 1) % 5), flags, take(&input, 4), (uint16_t)take(&input, 2),
		(uint16_t)take(&input, 2), bits & 16 ? take(&input, 4) : 0, take(&input, 4), &opts);
	if (rc != 0) {
		FUZZ_CHECK(rc == -EINVAL);
		return 0;
	}
	FUZZ_CHECK(ctx.block_size > 0 && ctx.guard_interval < (uint64_t)ctx.block_size + ctx.md_size);
	num_blocks = take(&input, 1) % 5;
	if ((uint64_t)num_blocks * ((uint64_t)ctx.block_size + ctx.md_size) > MAX_BYTES) {
		return 0;
	}
	if (interleaved) {
		check_interleaved(&input, &ctx, num_blocks);
	} else {
		check_separate(&input, &ctx, num_blocks);
	}
	check_copy(&input, &ctx, num_blocks);
	return 0;
}
