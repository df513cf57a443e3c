/* SPDX-License-Identifier: BSD-3-Clause */

#include "module/bdev/common/block_format.h"

#include "spdk/json.h"

static int
refuse(int rc, const char **why, const char *reason)
{
	*why = reason;
	return rc;
}

static bool
md_size_is_offered(uint32_t md_size)
{
	switch (md_size) {
	case 0:
	case 8:
	case 16:
	case 32:
	case 64:
	case 128:
		return true;
	default:
		return false;
	}
}

static int
check_dif(const struct block_format *format, const char **why)
{
	if (format->dif_type < SPDK_DIF_DISABLE || format->dif_type > SPDK_DIF_TYPE3) {
		return refuse(-EINVAL, why, "dif_type must be 0, 1, 2 or 3");
	}
	if (format->dif_pi_format > SPDK_DIF_PI_FORMAT_64) {
		return refuse(-EINVAL, why, "dif_pi_format must be 0, 1 or 2");
	}
	if (format->dif_type == SPDK_DIF_DISABLE) {
		return 0;
	}
	if (format->md_size < spdk_dif_pi_format_get_size((enum spdk_dif_pi_format)format->dif_pi_format)) {
		return refuse(-EINVAL, why,
			"protection information takes 8 bytes of md_size, or 16 with dif_pi_format 1 and 2");
	}
	if (format->dif_pi_format != SPDK_DIF_PI_FORMAT_16 && format->block_size % 4096 != 0) {
		return refuse(-EINVAL, why, "block_size must be a multiple of 4096 with dif_pi_format 1 and 2");
	}
	return 0;
}

int
block_format_check(const struct block_format *format, uint64_t num_blocks, const char **why)
{
	uint64_t stored_size = (uint64_t)format->block_size + format->md_size;

	if (num_blocks == 0) {
		return refuse(-EINVAL, why, "num_blocks must be greater than 0");
	}
	if (format->block_size == 0 || format->block_size % 512 != 0) {
		return refuse(-EINVAL, why, "block_size must be a multiple of 512");
	}
	if (format->physical_block_size % 512 != 0) {
		return refuse(-EINVAL, why, "physical_block_size must be a multiple of 512");
	}
	if (!md_size_is_offered(format->md_size)) {
		return refuse(-EINVAL, why, "md_size must be 0, 8, 16, 32, 64 or 128");
	}
	if (stored_size > UINT32_MAX) {
		return refuse(-EINVAL, why, "block_size and md_size together must be less than 4 GiB");
	}
	/* Offsets in bytes are signed in files, and the layer adds to them. */
	if (num_blocks > INT64_MAX / stored_size) {
		return refuse(-EINVAL, why, "num_blocks times block_size must be less than 8 EiB");
	}
	return check_dif(format, why);
}

static uint32_t
physical_block_size(const struct block_format *format)
{
	return format->physical_block_size != 0 ? format->physical_block_size : format->block_size;
}

/* The application tag is not used, and the reference tag of type 3 is not the number of the block. */
static uint32_t
check_flags(int32_t dif_type)
{
	switch (dif_type) {
	case SPDK_DIF_TYPE1:
	case SPDK_DIF_TYPE2:
		return SPDK_DIF_FLAGS_GUARD_CHECK | SPDK_DIF_FLAGS_REFTAG_CHECK;
	case SPDK_DIF_TYPE3:
		return SPDK_DIF_FLAGS_GUARD_CHECK;
	default:
		return 0;
	}
}

void
block_format_apply(const struct block_format *format, struct spdk_bdev *bdev)
{
	bdev->blocklen = format->block_size;
	bdev->phys_blocklen = physical_block_size(format);
	bdev->md_len = format->md_size;
	bdev->md_interleave = format->md_size != 0 && format->md_interleave;
	if (bdev->md_interleave) {
		bdev->blocklen += format->md_size;
	}
	bdev->dif_type = (enum spdk_dif_type)format->dif_type;
	bdev->dif_is_head_of_md = format->dif_is_head_of_md;
	bdev->dif_pi_format = (enum spdk_dif_pi_format)format->dif_pi_format;
	bdev->dif_check_flags = check_flags(format->dif_type);
}

void
block_format_write_config(const struct block_format *format, struct spdk_json_write_ctx *w)
{
	spdk_json_write_named_uint32(w, "block_size", format->block_size);
	spdk_json_write_named_uint32(w, "physical_block_size", physical_block_size(format));
	spdk_json_write_named_uint32(w, "md_size", format->md_size);
	spdk_json_write_named_int32(w, "dif_type", format->dif_type);
	spdk_json_write_named_bool(w, "dif_is_head_of_md", format->dif_is_head_of_md);
	spdk_json_write_named_uint32(w, "dif_pi_format", format->dif_pi_format);
}
