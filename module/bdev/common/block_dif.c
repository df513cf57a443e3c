/* SPDX-License-Identifier: BSD-3-Clause */

#include "module/bdev/common/block_dif.h"

#include "spdk/dif.h"
#include "spdk/log.h"

int
block_dif_make_context(const struct spdk_bdev *bdev, const struct block_dif_range *range, struct spdk_dif_ctx *ctx)
{
	struct spdk_dif_ctx_init_ext_opts opts = {
		.size = SPDK_SIZEOF(&opts, dif_pi_format),
		.dif_pi_format = bdev->dif_pi_format,
	};

	/* As lib/dif counts them. So many do not fit into memory. */
	if (range->num_blocks > UINT32_MAX) {
		return -EINVAL;
	}
	return spdk_dif_ctx_init(ctx, bdev->blocklen, bdev->md_len, bdev->md_interleave, bdev->dif_is_head_of_md,
		bdev->dif_type, range->flags, (uint32_t)range->offset_blocks, 0xffff, 0, 0, 0, &opts);
}

static struct iovec
md_iov(const struct spdk_bdev *bdev, const struct block_dif_range *range)
{
	return (struct iovec){.iov_base = range->md, .iov_len = range->num_blocks * bdev->md_len};
}

static bool
has_pi(const struct spdk_bdev *bdev, const struct block_dif_range *range)
{
	return bdev->dif_type != SPDK_DIF_DISABLE && (bdev->md_interleave || range->md != NULL);
}

struct block_dif_range
block_dif_range_of_io(struct spdk_bdev_io *bdev_io)
{
	return (struct block_dif_range){
		.iovs = bdev_io->u.bdev.iovs,
		.iovcnt = bdev_io->u.bdev.iovcnt,
		.md = bdev_io->u.bdev.md_buf,
		.offset_blocks = bdev_io->u.bdev.offset_blocks,
		.num_blocks = bdev_io->u.bdev.num_blocks,
		.flags = bdev_io->u.bdev.dif_check_flags,
	};
}

static const char *
field_name(uint8_t err_type)
{
	switch (err_type) {
	case SPDK_DIF_GUARD_ERROR:
		return "guard";
	case SPDK_DIF_APPTAG_ERROR:
		return "application tag";
	default:
		return "reference tag";
	}
}

void
block_dif_log_error(const struct spdk_bdev *bdev, uint64_t offset_blocks, const struct spdk_dif_error *error)
{
	SPDK_ERRLOG_RATELIMIT("%s: wrong %s in block %" PRIu64 ": expected 0x%" PRIx64 ", found 0x%" PRIx64 "\n",
		bdev->name, field_name(error->err_type), offset_blocks + error->err_offset, error->expected,
		error->actual);
}

static int
verify(const struct spdk_bdev *bdev, const struct block_dif_range *range, const struct spdk_dif_ctx *ctx,
	struct spdk_dif_error *error)
{
	struct iovec md = md_iov(bdev, range);

	if (bdev->md_interleave) {
		return spdk_dif_verify(range->iovs, range->iovcnt, (uint32_t)range->num_blocks, ctx, error);
	}
	return spdk_dix_verify(range->iovs, range->iovcnt, &md, (uint32_t)range->num_blocks, ctx, error);
}

bool
block_dif_verify(const struct spdk_bdev *bdev, const struct block_dif_range *range)
{
	struct spdk_dif_error error;
	struct spdk_dif_ctx ctx;
	int rc;

	if (!has_pi(bdev, range) || range->flags == 0) {
		return true;
	}
	if (block_dif_make_context(bdev, range, &ctx) != 0) {
		return false;
	}
	rc = verify(bdev, range, &ctx, &error);
	if (rc == -1) {
		block_dif_log_error(bdev, range->offset_blocks, &error);
	}
	return rc == 0;
}

bool
block_dif_generate(const struct spdk_bdev *bdev, const struct block_dif_range *range)
{
	struct iovec md = md_iov(bdev, range);
	struct spdk_dif_ctx ctx;

	if (!has_pi(bdev, range)) {
		return true;
	}
	if (block_dif_make_context(bdev, range, &ctx) != 0) {
		return false;
	}
	if (bdev->md_interleave) {
		return spdk_dif_generate(range->iovs, range->iovcnt, (uint32_t)range->num_blocks, &ctx) == 0;
	}
	return spdk_dix_generate(range->iovs, range->iovcnt, &md, (uint32_t)range->num_blocks, &ctx) == 0;
}

bool
block_dif_move(const struct spdk_bdev *bdev, const struct block_dif_range *range, uint64_t src_offset_blocks)
{
	struct iovec md = md_iov(bdev, range);
	struct block_dif_range src = *range;
	struct spdk_dif_ctx ctx;

	/* Those of type 3 do not depend on the place. */
	if (!has_pi(bdev, range) || bdev->dif_type == SPDK_DIF_TYPE3) {
		return true;
	}
	src.offset_blocks = src_offset_blocks;
	src.flags = SPDK_DIF_FLAGS_REFTAG_CHECK;
	if (block_dif_make_context(bdev, &src, &ctx) != 0) {
		return false;
	}
	spdk_dif_ctx_set_remapped_init_ref_tag(&ctx, (uint32_t)range->offset_blocks);
	if (bdev->md_interleave) {
		return spdk_dif_remap_ref_tag(
			       range->iovs, range->iovcnt, (uint32_t)range->num_blocks, &ctx, NULL, false) == 0;
	}
	return spdk_dix_remap_ref_tag(&md, (uint32_t)range->num_blocks, &ctx, NULL, false) == 0;
}

static int
make_unwritten(struct block_dif_unwritten *unwritten, const struct spdk_bdev *bdev, uint8_t *block, uint8_t *md)
{
	struct spdk_dif_ctx_init_ext_opts opts = {
		.size = SPDK_SIZEOF(&opts, dif_pi_format),
		.dif_pi_format = bdev->dif_pi_format,
	};
	struct iovec iov = {.iov_base = block, .iov_len = bdev->blocklen};
	struct iovec md_iov = {.iov_base = md, .iov_len = bdev->md_len};
	struct spdk_dif_ctx ctx;
	int rc;

	/* The right guard, and tags of all ones, which say: do not check. */
	rc = spdk_dif_ctx_init(&ctx, bdev->blocklen, bdev->md_len, bdev->md_interleave, bdev->dif_is_head_of_md,
		bdev->dif_type, SPDK_DIF_FLAGS_GUARD_CHECK | SPDK_DIF_FLAGS_APPTAG_CHECK | SPDK_DIF_FLAGS_REFTAG_CHECK,
		SPDK_DIF_REFTAG_IGNORE, 0xffff, SPDK_DIF_APPTAG_IGNORE, 0, 0, &opts);
	if (rc != 0) {
		return rc;
	}
	rc = bdev->md_interleave ? spdk_dif_generate(&iov, 1, 1, &ctx) : spdk_dix_generate(&iov, 1, &md_iov, 1, &ctx);
	unwritten->pi_offset = ctx.guard_interval;
	unwritten->pi_size = spdk_dif_pi_format_get_size(bdev->dif_pi_format);
	if (rc == 0) {
		memcpy(unwritten->pi, (bdev->md_interleave ? block : md) + ctx.guard_interval, unwritten->pi_size);
	}
	return rc;
}

int
block_dif_unwritten_init(struct block_dif_unwritten *unwritten, const struct spdk_bdev *bdev)
{
	uint8_t *block = calloc(1, (size_t)bdev->blocklen + bdev->md_len);
	int rc = block != NULL ? make_unwritten(unwritten, bdev, block, block + bdev->blocklen) : -ENOMEM;

	free(block);
	return rc;
}

void
block_dif_unwritten_apply(
	const struct block_dif_unwritten *unwritten, uint8_t *blocks, uint32_t stride, uint64_t num_blocks)
{
	uint8_t *pi = blocks + unwritten->pi_offset;

	for (uint64_t i = 0; i < num_blocks; i++, pi += stride) {
		memcpy(pi, unwritten->pi, unwritten->pi_size);
	}
}
