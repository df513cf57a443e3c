/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Zones: what a bdev says of them, and submission of GET_ZONE_INFO, ZONE_MANAGEMENT and ZONE_APPEND. The module checks
 * whether there are such zones, and whether it can.
 */

#include "lib/bdev/io_submit.h"
#include "spdk/bdev_zone.h"

/* ---- properties ---- */

uint64_t
spdk_bdev_get_zone_size(const struct spdk_bdev *bdev)
{
	return bdev->zone_size;
}

uint64_t
spdk_bdev_get_num_zones(const struct spdk_bdev *bdev)
{
	return bdev->zone_size != 0 ? bdev->blockcnt / bdev->zone_size : 0;
}

uint64_t
spdk_bdev_get_zone_id(const struct spdk_bdev *bdev, uint64_t offset_blocks)
{
	return bdev->zone_size != 0 ? offset_blocks - offset_blocks % bdev->zone_size : 0;
}

uint32_t
spdk_bdev_get_max_zone_append_size(const struct spdk_bdev *bdev)
{
	return bdev->max_zone_append_size;
}

uint32_t
spdk_bdev_get_max_open_zones(const struct spdk_bdev *bdev)
{
	return bdev->max_open_zones;
}

uint32_t
spdk_bdev_get_max_active_zones(const struct spdk_bdev *bdev)
{
	return bdev->max_active_zones;
}

uint32_t
spdk_bdev_get_optimal_open_zones(const struct spdk_bdev *bdev)
{
	return bdev->optimal_open_zones;
}

/* ---- management ---- */

static int
submit_zone_mgmt(enum spdk_bdev_io_type type, struct spdk_bdev_desc *desc, struct spdk_io_channel *io_ch,
	const struct spdk_bdev_io_zone_mgmt_params *params, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	struct bdev_channel *ch = spdk_io_channel_get_ctx(io_ch);
	struct spdk_bdev_io *bdev_io;

	bdev_io = bdev_io_take(desc->bdev, desc, ch, type, 0, 0, cb, cb_arg);
	if (bdev_io == NULL) {
		return -ENOMEM;
	}
	bdev_io->u.zone_mgmt = *params;
	bdev_io_submit_gated(bdev_io);
	return 0;
}

int
spdk_bdev_get_zone_info(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, uint64_t zone_id, size_t num_zones,
	struct spdk_bdev_zone_info *info, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	struct spdk_bdev_io_zone_mgmt_params params = {.zone_id = zone_id, .num_zones = num_zones, .buf = info};

	if (num_zones > UINT32_MAX) {
		return -EINVAL;
	}
	return submit_zone_mgmt(SPDK_BDEV_IO_TYPE_GET_ZONE_INFO, desc, ch, &params, cb, cb_arg);
}

int
spdk_bdev_zone_management(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, uint64_t zone_id,
	enum spdk_bdev_zone_action action, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	struct spdk_bdev_io_zone_mgmt_params params = {.zone_id = zone_id, .num_zones = 1, .zone_action = action};

	return submit_zone_mgmt(SPDK_BDEV_IO_TYPE_ZONE_MANAGEMENT, desc, ch, &params, cb, cb_arg);
}

/* ---- append ---- */

/* Checks the descriptor and takes an I/O. Buffers and submission are the caller's. */
static int
take_append(struct spdk_bdev_desc *desc, struct spdk_io_channel *io_ch, uint64_t zone_id, uint64_t num_blocks,
	spdk_bdev_io_completion_cb cb, void *cb_arg, struct spdk_bdev_io **bdev_io)
{
	struct bdev_channel *ch = spdk_io_channel_get_ctx(io_ch);

	if (desc->gates & BDEV_GATE_HIDDEN_METADATA) {
		return -ENOTSUP;
	}
	*bdev_io = bdev_io_take(desc->bdev, desc, ch, SPDK_BDEV_IO_TYPE_ZONE_APPEND, zone_id, num_blocks, cb, cb_arg);
	return *bdev_io != NULL ? 0 : -ENOMEM;
}

int
spdk_bdev_zone_append_with_md(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *buf, void *md,
	uint64_t zone_id, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	struct spdk_bdev_io *bdev_io;
	int rc = take_append(desc, ch, zone_id, num_blocks, cb, cb_arg, &bdev_io);

	if (rc == 0) {
		bdev_io_set_buffer(bdev_io, buf, num_blocks * desc->block_size, md);
		bdev_io_submit_gated(bdev_io);
	}
	return rc;
}

int
spdk_bdev_zone_appendv_with_md(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, struct iovec *iov, int iovcnt,
	void *md, uint64_t zone_id, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	struct spdk_bdev_io *bdev_io;
	int rc = take_append(desc, ch, zone_id, num_blocks, cb, cb_arg, &bdev_io);

	if (rc == 0) {
		bdev_io_set_buffers(bdev_io, iov, iovcnt, md);
		bdev_io_submit_gated(bdev_io);
	}
	return rc;
}

int
spdk_bdev_zone_append(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *buf, uint64_t zone_id,
	uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	return spdk_bdev_zone_append_with_md(desc, ch, buf, NULL, zone_id, num_blocks, cb, cb_arg);
}

int
spdk_bdev_zone_appendv(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, struct iovec *iov, int iovcnt,
	uint64_t zone_id, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	return spdk_bdev_zone_appendv_with_md(desc, ch, iov, iovcnt, NULL, zone_id, num_blocks, cb, cb_arg);
}

uint64_t
spdk_bdev_io_get_append_location(struct spdk_bdev_io *bdev_io)
{
	return bdev_io->u.bdev.offset_blocks;
}
