/* SPDX-License-Identifier: BSD-3-Clause */

/* RAID 5f: one parity, and only whole stripes are written, so that nothing has to be read for that. Reads are cut at strips. */

#include "module/bdev/raid/raid_parity.h"

static uint8_t
get_redundancy(uint8_t num_members)
{
	return 1;
}

static int
start(struct raid *raid, const char **why)
{
	int rc;

	rc = raid_parity_start(raid, why);
	if (rc != 0) {
		return rc;
	}
	raid->bdev.write_unit_size = (uint32_t)raid->parity->stripe_blocks;
	raid->bdev.split_on_write_unit = true;
	raid->bdev.optimal_io_boundary = (uint32_t)raid->strip_size;
	return 0;
}

static bool
is_whole_stripes(const struct raid_io *io, const struct spdk_bdev_io_block_params *params)
{
	uint64_t stripe_blocks = io->ch->raid->parity->stripe_blocks;

	return params->offset_blocks % stripe_blocks == 0 && params->num_blocks % stripe_blocks == 0;
}

static int
submit_rw(struct raid_io *io)
{
	const struct spdk_bdev_io *bdev_io = raid_bdev_io(io);

	if (bdev_io->type == SPDK_BDEV_IO_TYPE_WRITE && !is_whole_stripes(io, &bdev_io->u.bdev)) {
		return -EINVAL;
	}
	return raid_parity_submit_rw(io);
}

static int
submit_range(struct raid_io *io)
{
	const struct spdk_bdev_io *bdev_io = raid_bdev_io(io);

	if (bdev_io->type == SPDK_BDEV_IO_TYPE_WRITE_ZEROES && !is_whole_stripes(io, &bdev_io->u.bdev)) {
		return -EINVAL;
	}
	return raid_parity_submit_range(io);
}

const struct raid_level_ops g_raid5f_ops = {
	.name = "raid5f",
	.alias = "5f",
	.number = 0x5f,
	.min_members = 3,
	.get_redundancy = get_redundancy,
	.has_strips = true,
	.has_parity = true,
	.writes_stripes = true,
	.start = start,
	.stop = raid_parity_stop,
	.get_size = raid_parity_get_size,
	.can = raid_parity_can,
	.channel_create = raid_parity_channel_create,
	.channel_destroy = raid_parity_channel_destroy,
	.submit_rw = submit_rw,
	.submit_range = submit_range,
	.recover = raid_parity_recover,
	.verify = raid_parity_verify,
	.get_array_range = raid_parity_get_array_range,
	.member_done = raid_parity_member_done,
	.done = raid_parity_done,
	.release = raid_parity_release,
};
