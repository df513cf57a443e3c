/* SPDX-License-Identifier: BSD-3-Clause */

/* Protection information, by lib/dif; what is long, some blocks at a time. */

#include "module/accel/software/accel_sw.h"
#include "spdk/dif.h"

/* Pieces of a buffer that an operation in slices may have; what has more is done in one go. */
#define MAX_PIECES 64

struct pieces {
	struct iovec iovs[MAX_PIECES];
	int count;
};

static int
run(const struct spdk_accel_task *base, struct iovec *src, int srccnt, struct iovec *dst, int dstcnt,
	uint32_t num_blocks, const struct spdk_dif_ctx *ctx)
{
	struct spdk_dif_error *err = base->dif.err;

	switch (base->op_code) {
	case SPDK_ACCEL_OPC_DIF_VERIFY:
		return spdk_dif_verify(src, srccnt, num_blocks, ctx, err);
	case SPDK_ACCEL_OPC_DIF_VERIFY_COPY:
		return spdk_dif_verify_copy(dst, dstcnt, src, srccnt, num_blocks, ctx, err);
	case SPDK_ACCEL_OPC_DIF_GENERATE:
		return spdk_dif_generate(src, srccnt, num_blocks, ctx);
	case SPDK_ACCEL_OPC_DIF_GENERATE_COPY:
		return spdk_dif_generate_copy(src, srccnt, dst, dstcnt, num_blocks, ctx);
	case SPDK_ACCEL_OPC_DIX_GENERATE:
		return spdk_dix_generate(src, srccnt, dst, num_blocks, ctx);
	case SPDK_ACCEL_OPC_DIX_VERIFY:
		return spdk_dix_verify(src, srccnt, dst, num_blocks, ctx, err);
	default:
		return -EINVAL;
	}
}

/* Bytes of a block on each side: with the metadata, without it, or the metadata alone. */
static void
get_block_sizes(const struct spdk_accel_task *base, uint32_t *src, uint32_t *dst)
{
	const struct spdk_dif_ctx *ctx = base->dif.ctx;
	uint32_t data_size = ctx->block_size - (ctx->md_interleave ? ctx->md_size : 0);

	*src = ctx->block_size;
	*dst = 0;
	switch (base->op_code) {
	case SPDK_ACCEL_OPC_DIF_VERIFY_COPY:
		*dst = data_size;
		break;
	case SPDK_ACCEL_OPC_DIF_GENERATE_COPY:
		*src = data_size;
		*dst = ctx->block_size;
		break;
	case SPDK_ACCEL_OPC_DIX_GENERATE:
	case SPDK_ACCEL_OPC_DIX_VERIFY:
		*dst = ctx->md_size;
		break;
	default:
		break;
	}
}

/* Takes len bytes from the cursor. */
static void
take(struct sw_cursor *cursor, uint64_t len, struct pieces *pieces)
{
	uint64_t part;
	void *data;

	pieces->count = 0;
	while (len > 0 && (part = sw_cursor_peek(cursor, len, &data)) > 0) {
		pieces->iovs[pieces->count++] = (struct iovec){data, part};
		sw_cursor_skip(cursor, part);
		len -= part;
	}
}

/* So long that others should have their turn meanwhile, and such that slices can be cut from it. */
static bool
needs_slices(const struct spdk_accel_task *base, uint32_t src_size, uint32_t dst_size)
{
	uint64_t num_blocks = base->dif.num_blocks;

	return num_blocks * base->dif.ctx->block_size > SW_SLICE_MEMORY && base->s.iovcnt <= MAX_PIECES &&
		base->d.iovcnt <= MAX_PIECES && sw_iovs_length(base->s.iovs, base->s.iovcnt) >= num_blocks * src_size &&
		(dst_size == 0 || sw_iovs_length(base->d.iovs, base->d.iovcnt) >= num_blocks * dst_size);
}

static void
count_traffic(struct sw_channel *ch, const struct spdk_accel_task *base, uint64_t len)
{
	ch->traffic.read += len;
	if (base->op_code == SPDK_ACCEL_OPC_DIF_VERIFY_COPY || base->op_code == SPDK_ACCEL_OPC_DIF_GENERATE_COPY) {
		ch->traffic.written += len;
	}
}

/* Blocks behind the first ones of an operation have reference tags that go on from there. */
static struct spdk_dif_ctx
get_slice_ctx(const struct sw_task *task)
{
	struct spdk_dif_ctx ctx = *task->base.dif.ctx;

	if (ctx.dif_type != SPDK_DIF_TYPE3) {
		ctx.ref_tag_offset += (uint32_t)task->done;
	}
	return ctx;
}

static bool
run_slice(struct sw_channel *ch, struct sw_task *task, uint32_t src_size, uint32_t dst_size)
{
	struct spdk_accel_task *base = &task->base;
	struct spdk_dif_ctx ctx = get_slice_ctx(task);
	uint32_t num_blocks = spdk_min(base->dif.num_blocks - task->done, SW_SLICE_MEMORY / ctx.block_size + 1);
	struct pieces src, dst;

	take(&task->source, (uint64_t)num_blocks * src_size, &src);
	take(&task->destination, (uint64_t)num_blocks * dst_size, &dst);
	count_traffic(ch, base, (uint64_t)num_blocks * ctx.block_size);
	base->status = run(base, src.iovs, src.count, dst.iovs, dst.count, num_blocks, &ctx);
	if (base->status != 0) {
		if (base->dif.err != NULL) {
			base->dif.err->err_offset += (uint32_t)task->done;
		}
		return true;
	}
	task->done += num_blocks;
	return task->done == base->dif.num_blocks;
}

bool
sw_dif(struct sw_channel *ch, struct sw_task *task)
{
	struct spdk_accel_task *base = &task->base;
	uint32_t src_size, dst_size;

	get_block_sizes(base, &src_size, &dst_size);
	if (!task->begun) {
		if (!needs_slices(base, src_size, dst_size)) {
			count_traffic(ch, base, base->nbytes);
			base->status = run(base, base->s.iovs, base->s.iovcnt, base->d.iovs, base->d.iovcnt,
				base->dif.num_blocks, base->dif.ctx);
			return true;
		}
		sw_cursor_init(&task->source, base->s.iovs, base->s.iovcnt);
		sw_cursor_init(&task->destination, base->d.iovs, base->d.iovcnt);
		task->begun = true;
	}
	return run_slice(ch, task, src_size, dst_size);
}
