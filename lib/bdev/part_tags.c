/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Reference tags of bdevs that lie on others. A block has one number there and another one on the base, and the reference
 * tag is the low 32 bits of it. So tags are rewritten in the buffers of the I/O: of a write before the base sees it, and
 * back again after that, as the buffers are not ours; of a read when the base is done.
 */

#include "lib/bdev/part.h"

#include "bdevkit/bdev_module.h"
#include "spdk/dif.h"

/* Numbers of the first block. */
struct renumbering {
	uint64_t from;
	uint64_t to;
	/* Whether the tags must be right before. */
	bool check;
};

/* Rewrites so many blocks of an I/O. Returns how many were right, and have been. */
static uint64_t
renumber(struct spdk_bdev_io *bdev_io, const struct renumbering *renumbering, uint64_t num_blocks)
{
	const struct spdk_bdev *bdev = bdev_io->bdev;
	struct spdk_bdev_io_block_params *io = &bdev_io->u.bdev;
	struct spdk_dif_ctx_init_ext_opts opts = {
		.size = SPDK_SIZEOF(&opts, dif_pi_format),
		.dif_pi_format = bdev->dif_pi_format,
	};
	struct iovec md = {.iov_base = io->md_buf, .iov_len = num_blocks * bdev->md_len};
	struct spdk_dif_error error = {};
	struct spdk_dif_ctx ctx;
	int rc;

	if (num_blocks > UINT32_MAX ||
		spdk_dif_ctx_init(&ctx, bdev->blocklen, bdev->md_len, bdev->md_interleave, bdev->dif_is_head_of_md,
			bdev->dif_type, io->dif_check_flags, (uint32_t)renumbering->from, 0, 0, 0, 0, &opts) != 0) {
		return 0;
	}
	spdk_dif_ctx_set_remapped_init_ref_tag(&ctx, (uint32_t)renumbering->to);
	if (bdev->md_interleave) {
		rc = spdk_dif_remap_ref_tag(
			io->iovs, io->iovcnt, (uint32_t)num_blocks, &ctx, &error, renumbering->check);
	} else {
		rc = spdk_dix_remap_ref_tag(&md, (uint32_t)num_blocks, &ctx, &error, renumbering->check);
	}
	return rc == 0 ? num_blocks : error.err_offset;
}

bool
bdk_bdev_io_has_tags(const struct spdk_bdev_io *bdev_io, uint64_t base_block)
{
	const struct spdk_bdev *bdev = bdev_io->bdev;

	/* Those of type 3 are the application's. */
	return (bdev->dif_type == SPDK_DIF_TYPE1 || bdev->dif_type == SPDK_DIF_TYPE2) &&
		(bdev_io->u.bdev.dif_check_flags & SPDK_DIF_FLAGS_REFTAG_CHECK) &&
		(bdev->md_interleave || bdev_io->u.bdev.md_buf != NULL) && base_block != bdev_io->u.bdev.offset_blocks;
}

bool
bdk_bdev_io_tags_to_base(struct spdk_bdev_io *bdev_io, uint64_t base_block)
{
	struct renumbering there = {
		.from = bdev_io->u.bdev.offset_blocks,
		.to = base_block,
		.check = true,
	};
	uint64_t done = renumber(bdev_io, &there, bdev_io->u.bdev.num_blocks);

	if (done < bdev_io->u.bdev.num_blocks) {
		renumber(bdev_io, &(struct renumbering){.from = there.to, .to = there.from}, done);
		return false;
	}
	return true;
}

void
bdk_bdev_io_tags_back(struct spdk_bdev_io *bdev_io, uint64_t base_block)
{
	struct renumbering back = {.from = base_block, .to = bdev_io->u.bdev.offset_blocks};

	renumber(bdev_io, &back, bdev_io->u.bdev.num_blocks);
}

bool
bdk_bdev_io_tags_from_base(struct spdk_bdev_io *bdev_io, uint64_t base_block)
{
	struct renumbering back = {
		.from = base_block,
		.to = bdev_io->u.bdev.offset_blocks,
		.check = true,
	};

	return renumber(bdev_io, &back, bdev_io->u.bdev.num_blocks) == bdev_io->u.bdev.num_blocks;
}

/* ---- Of parts ---- */

static uint64_t
block_on_base(const struct spdk_bdev_io *bdev_io)
{
	return spdk_bdev_part_get_offset_blocks(bdev_io->bdev->ctxt) + bdev_io->u.bdev.offset_blocks;
}

bool
bdev_part_io_has_tags(const struct spdk_bdev_io *bdev_io)
{
	return bdk_bdev_io_has_tags(bdev_io, block_on_base(bdev_io));
}

bool
bdev_part_tags_to_base(struct spdk_bdev_io *bdev_io)
{
	return bdk_bdev_io_tags_to_base(bdev_io, block_on_base(bdev_io));
}

void
bdev_part_tags_back(struct spdk_bdev_io *bdev_io)
{
	bdk_bdev_io_tags_back(bdev_io, block_on_base(bdev_io));
}

bool
bdev_part_tags_from_base(struct spdk_bdev_io *bdev_io)
{
	return bdk_bdev_io_tags_from_base(bdev_io, block_on_base(bdev_io));
}
