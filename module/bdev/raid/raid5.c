/* SPDX-License-Identifier: BSD-3-Clause */

/* RAID 5: one parity. I/O of any size; the layer cuts it at stripes. */

#include "module/bdev/raid/raid_parity.h"

static uint8_t
get_redundancy(uint8_t num_members)
{
	return 1;
}

const struct raid_level_ops g_raid5_ops = {
	.name = "raid5",
	.alias = "5",
	.number = 5,
	.min_members = 3,
	.get_redundancy = get_redundancy,
	.has_strips = true,
	.has_parity = true,
	.start = raid_parity_start,
	.stop = raid_parity_stop,
	.get_size = raid_parity_get_size,
	.can = raid_parity_can,
	.channel_create = raid_parity_channel_create,
	.channel_destroy = raid_parity_channel_destroy,
	.submit_rw = raid_parity_submit_rw,
	.submit_range = raid_parity_submit_range,
	.recover = raid_parity_recover,
	.verify = raid_parity_verify,
	.get_array_range = raid_parity_get_array_range,
	.member_done = raid_parity_member_done,
	.done = raid_parity_done,
	.release = raid_parity_release,
};
