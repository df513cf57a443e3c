/* SPDX-License-Identifier: BSD-3-Clause */

/* Protection information, by lib/dif. As long as an I/O, and fast: it is not done in slices. */

#include "module/accel/software/accel_sw.h"
#include "spdk/dif.h"

static int
run(struct spdk_accel_task *base)
{
	const struct spdk_dif_ctx *ctx = base->dif.ctx;
	struct spdk_dif_error *err = base->dif.err;
	uint32_t num_blocks = base->dif.num_blocks;

	switch (base->op_code) {
	case SPDK_ACCEL_OPC_DIF_VERIFY:
		return spdk_dif_verify(base->s.iovs, base->s.iovcnt, num_blocks, ctx, err);
	case SPDK_ACCEL_OPC_DIF_VERIFY_COPY:
		return spdk_dif_verify_copy(
			base->d.iovs, base->d.iovcnt, base->s.iovs, base->s.iovcnt, num_blocks, ctx, err);
	case SPDK_ACCEL_OPC_DIF_GENERATE:
		return spdk_dif_generate(base->s.iovs, base->s.iovcnt, num_blocks, ctx);
	case SPDK_ACCEL_OPC_DIF_GENERATE_COPY:
		return spdk_dif_generate_copy(
			base->s.iovs, base->s.iovcnt, base->d.iovs, base->d.iovcnt, num_blocks, ctx);
	case SPDK_ACCEL_OPC_DIX_GENERATE:
		return spdk_dix_generate(base->s.iovs, base->s.iovcnt, base->d.iovs, num_blocks, ctx);
	case SPDK_ACCEL_OPC_DIX_VERIFY:
		return spdk_dix_verify(base->s.iovs, base->s.iovcnt, base->d.iovs, num_blocks, ctx, err);
	default:
		return -EINVAL;
	}
}

bool
sw_dif(struct sw_channel *ch, struct sw_task *task)
{
	struct spdk_accel_task *base = &task->base;

	base->status = run(base);
	ch->traffic.read += base->nbytes;
	if (base->op_code == SPDK_ACCEL_OPC_DIF_VERIFY_COPY || base->op_code == SPDK_ACCEL_OPC_DIF_GENERATE_COPY) {
		ch->traffic.written += base->nbytes;
	}
	return true;
}
