/* SPDX-License-Identifier: BSD-3-Clause */

/* What callers may ask of a bdev, or of a bdev as a descriptor shows it. */

#include "lib/bdev/bdev_internal.h"

static const char *const g_io_type_names[SPDK_BDEV_NUM_IO_TYPES] = {
	[SPDK_BDEV_IO_TYPE_READ] = "read",
	[SPDK_BDEV_IO_TYPE_WRITE] = "write",
	[SPDK_BDEV_IO_TYPE_UNMAP] = "unmap",
	[SPDK_BDEV_IO_TYPE_FLUSH] = "flush",
	[SPDK_BDEV_IO_TYPE_RESET] = "reset",
	[SPDK_BDEV_IO_TYPE_NVME_ADMIN] = "nvme_admin",
	[SPDK_BDEV_IO_TYPE_NVME_IO] = "nvme_io",
	[SPDK_BDEV_IO_TYPE_NVME_IO_MD] = "nvme_io_md",
	[SPDK_BDEV_IO_TYPE_WRITE_ZEROES] = "write_zeroes",
	[SPDK_BDEV_IO_TYPE_ZCOPY] = "zcopy",
	[SPDK_BDEV_IO_TYPE_GET_ZONE_INFO] = "get_zone_info",
	[SPDK_BDEV_IO_TYPE_ZONE_MANAGEMENT] = "zone_management",
	[SPDK_BDEV_IO_TYPE_ZONE_APPEND] = "zone_append",
	[SPDK_BDEV_IO_TYPE_COMPARE] = "compare",
	[SPDK_BDEV_IO_TYPE_COMPARE_AND_WRITE] = "compare_and_write",
	[SPDK_BDEV_IO_TYPE_ABORT] = "abort",
	[SPDK_BDEV_IO_TYPE_SEEK_HOLE] = "seek_hole",
	[SPDK_BDEV_IO_TYPE_SEEK_DATA] = "seek_data",
	[SPDK_BDEV_IO_TYPE_COPY] = "copy",
	[SPDK_BDEV_IO_TYPE_NVME_IOV_MD] = "nvme_iov_md",
};

static const char *const g_qos_names[SPDK_BDEV_QOS_NUM_RATE_LIMIT_TYPES] = {
	[SPDK_BDEV_QOS_RW_IOPS_RATE_LIMIT] = "rw_ios_per_sec",
	[SPDK_BDEV_QOS_RW_BPS_RATE_LIMIT] = "rw_mbytes_per_sec",
	[SPDK_BDEV_QOS_R_BPS_RATE_LIMIT] = "r_mbytes_per_sec",
	[SPDK_BDEV_QOS_W_BPS_RATE_LIMIT] = "w_mbytes_per_sec",
};

const char *
spdk_bdev_get_io_type_name(enum spdk_bdev_io_type io_type)
{
	if ((int)io_type <= SPDK_BDEV_IO_TYPE_INVALID || io_type >= SPDK_BDEV_NUM_IO_TYPES) {
		return NULL;
	}
	return g_io_type_names[io_type];
}

int
spdk_bdev_get_io_type(const char *io_type_string)
{
	int type;

	for (type = SPDK_BDEV_IO_TYPE_INVALID + 1; type < SPDK_BDEV_NUM_IO_TYPES; type++) {
		if (strcmp(io_type_string, g_io_type_names[type]) == 0) {
			return type;
		}
	}
	return -1;
}

const char *
spdk_bdev_get_qos_rpc_type(enum spdk_bdev_qos_rate_limit_type type)
{
	return (unsigned int)type < SPDK_BDEV_QOS_NUM_RATE_LIMIT_TYPES ? g_qos_names[type] : NULL;
}

bool
spdk_bdev_io_type_supported(struct spdk_bdev *bdev, enum spdk_bdev_io_type io_type)
{
	const struct spdk_bdev_fn_table *fn_table = bdev->fn_table;

	/* The module is asked each time, as its answer may change; only WRITE_ZEROES is made from something else. */
	if (fn_table->io_type_supported(bdev->ctxt, io_type)) {
		return true;
	}
	return io_type == SPDK_BDEV_IO_TYPE_WRITE_ZEROES &&
		fn_table->io_type_supported(bdev->ctxt, SPDK_BDEV_IO_TYPE_WRITE);
}

int
spdk_bdev_dump_info_json(struct spdk_bdev *bdev, struct spdk_json_write_ctx *w)
{
	if (bdev->fn_table->dump_info_json == NULL) {
		return 0;
	}
	return bdev->fn_table->dump_info_json(bdev->ctxt, w);
}

void *
spdk_bdev_get_module_ctx(struct spdk_bdev_desc *desc)
{
	struct spdk_bdev *bdev = desc->bdev;

	return bdev->fn_table->get_module_ctx == NULL ? NULL : bdev->fn_table->get_module_ctx(bdev->ctxt);
}

int
spdk_bdev_get_memory_domains(struct spdk_bdev *bdev, struct spdk_memory_domain **domains, int array_size)
{
	if (bdev == NULL) {
		return -EINVAL;
	}
	if (bdev->fn_table->get_memory_domains == NULL) {
		return 0;
	}
	return bdev->fn_table->get_memory_domains(bdev->ctxt, domains, array_size);
}

/* ---- identity ---- */

const char *
spdk_bdev_get_name(const struct spdk_bdev *bdev)
{
	return bdev->name;
}

const char *
spdk_bdev_get_product_name(const struct spdk_bdev *bdev)
{
	return bdev->product_name;
}

const char *
spdk_bdev_get_module_name(const struct spdk_bdev *bdev)
{
	return bdev->module->name;
}

const struct spdk_uuid *
spdk_bdev_get_uuid(const struct spdk_bdev *bdev)
{
	return &bdev->uuid;
}

int32_t
spdk_bdev_get_numa_id(struct spdk_bdev *bdev)
{
	return bdev->numa.id_valid ? bdev->numa.id : SPDK_ENV_NUMA_ID_ANY;
}

union spdk_bdev_nvme_ctratt
spdk_bdev_get_nvme_ctratt(struct spdk_bdev *bdev)
{
	return bdev->ctratt;
}

uint32_t
spdk_bdev_get_nvme_nsid(struct spdk_bdev *bdev)
{
	return bdev->nsid;
}

/* ---- geometry ---- */

uint64_t
spdk_bdev_get_num_blocks(const struct spdk_bdev *bdev)
{
	return __atomic_load_n(&bdev->blockcnt, __ATOMIC_RELAXED);
}

uint32_t
spdk_bdev_get_block_size(const struct spdk_bdev *bdev)
{
	return bdev->blocklen;
}

uint32_t
spdk_bdev_get_physical_block_size(const struct spdk_bdev *bdev)
{
	return bdev->phys_blocklen;
}

uint32_t
spdk_bdev_get_data_block_size(const struct spdk_bdev *bdev)
{
	return bdev->md_interleave ? bdev->blocklen - bdev->md_len : bdev->blocklen;
}

uint32_t
spdk_bdev_get_write_unit_size(const struct spdk_bdev *bdev)
{
	return bdev->write_unit_size;
}

uint16_t
spdk_bdev_get_acwu(const struct spdk_bdev *bdev)
{
	return bdev->acwu;
}

uint32_t
spdk_bdev_get_optimal_io_boundary(const struct spdk_bdev *bdev)
{
	return bdev->optimal_io_boundary;
}

size_t
spdk_bdev_get_buf_align(const struct spdk_bdev *bdev)
{
	return (size_t)1 << bdev->required_alignment;
}

uint32_t
spdk_bdev_get_max_copy(const struct spdk_bdev *bdev)
{
	return bdev->max_copy;
}

bool
spdk_bdev_has_write_cache(const struct spdk_bdev *bdev)
{
	return bdev->write_cache;
}

bool
spdk_bdev_is_zoned(const struct spdk_bdev *bdev)
{
	return bdev->zoned;
}

/* ---- metadata ---- */

uint32_t
spdk_bdev_get_md_size(const struct spdk_bdev *bdev)
{
	return bdev->md_len;
}

bool
spdk_bdev_is_md_interleaved(const struct spdk_bdev *bdev)
{
	return bdev->md_len != 0 && bdev->md_interleave;
}

bool
spdk_bdev_is_md_separate(const struct spdk_bdev *bdev)
{
	return bdev->md_len != 0 && !bdev->md_interleave;
}

enum spdk_dif_type
spdk_bdev_get_dif_type(const struct spdk_bdev *bdev)
{
	return bdev->md_len != 0 ? bdev->dif_type : SPDK_DIF_DISABLE;
}

enum spdk_dif_pi_format
spdk_bdev_get_dif_pi_format(const struct spdk_bdev *bdev)
{
	return bdev->dif_pi_format;
}

bool
spdk_bdev_is_dif_head_of_md(const struct spdk_bdev *bdev)
{
	return spdk_bdev_get_dif_type(bdev) != SPDK_DIF_DISABLE && bdev->dif_is_head_of_md;
}

bool
spdk_bdev_is_dif_check_enabled(const struct spdk_bdev *bdev, enum spdk_dif_check_type check_type)
{
	if (spdk_bdev_get_dif_type(bdev) == SPDK_DIF_DISABLE) {
		return false;
	}
	switch (check_type) {
	case SPDK_DIF_CHECK_TYPE_REFTAG:
		return (bdev->dif_check_flags & SPDK_DIF_FLAGS_REFTAG_CHECK) != 0;
	case SPDK_DIF_CHECK_TYPE_APPTAG:
		return (bdev->dif_check_flags & SPDK_DIF_FLAGS_APPTAG_CHECK) != 0;
	case SPDK_DIF_CHECK_TYPE_GUARD:
		return (bdev->dif_check_flags & SPDK_DIF_FLAGS_GUARD_CHECK) != 0;
	default:
		return false;
	}
}

/* ---- as a descriptor shows it ---- */

struct spdk_bdev *
spdk_bdev_desc_get_bdev(struct spdk_bdev_desc *desc)
{
	return desc->bdev;
}

uint32_t
spdk_bdev_desc_get_block_size(struct spdk_bdev_desc *desc)
{
	return desc->hide_metadata ? desc->bdev->blocklen - desc->bdev->md_len : desc->bdev->blocklen;
}

uint32_t
spdk_bdev_desc_get_md_size(struct spdk_bdev_desc *desc)
{
	return desc->hide_metadata ? 0 : spdk_bdev_get_md_size(desc->bdev);
}

bool
spdk_bdev_desc_is_md_interleaved(struct spdk_bdev_desc *desc)
{
	return !desc->hide_metadata && spdk_bdev_is_md_interleaved(desc->bdev);
}

bool
spdk_bdev_desc_is_md_separate(struct spdk_bdev_desc *desc)
{
	return !desc->hide_metadata && spdk_bdev_is_md_separate(desc->bdev);
}

enum spdk_dif_type
spdk_bdev_desc_get_dif_type(struct spdk_bdev_desc *desc)
{
	return desc->hide_metadata ? SPDK_DIF_DISABLE : spdk_bdev_get_dif_type(desc->bdev);
}

enum spdk_dif_pi_format
spdk_bdev_desc_get_dif_pi_format(struct spdk_bdev_desc *desc)
{
	return desc->hide_metadata ? SPDK_DIF_PI_FORMAT_16 : spdk_bdev_get_dif_pi_format(desc->bdev);
}

bool
spdk_bdev_desc_is_dif_head_of_md(struct spdk_bdev_desc *desc)
{
	return !desc->hide_metadata && spdk_bdev_is_dif_head_of_md(desc->bdev);
}

bool
spdk_bdev_desc_is_dif_check_enabled(struct spdk_bdev_desc *desc, enum spdk_dif_check_type check_type)
{
	return !desc->hide_metadata && spdk_bdev_is_dif_check_enabled(desc->bdev, check_type);
}
