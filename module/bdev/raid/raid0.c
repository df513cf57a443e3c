/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * RAID 0: strip k is strip k / n of member k % n. The layer cuts reads and writes at strips, so each goes to one member; a
 * range without data goes to all members that it touches, and is one piece on each of them.
 */

#include "module/bdev/raid/raid.h"

#include "spdk/util.h"

static uint8_t
get_redundancy(uint8_t num_members)
{
	return 0;
}

static uint64_t
get_size(const struct raid *raid)
{
	uint64_t strips = UINT64_MAX;

	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		strips = spdk_min(strips, raid->members[slot].data_size >> raid->strip_shift);
	}
	return (strips << raid->strip_shift) * raid->num_members;
}

static int
start(struct raid *raid, const char **why)
{
	if (raid->num_members > 1) {
		raid->bdev.optimal_io_boundary = (uint32_t)raid->strip_size;
		raid->bdev.split_on_optimal_io_boundary = true;
	}
	return 0;
}

static int
submit_rw(struct raid_io *io)
{
	const struct raid *raid = io->ch->raid;
	uint64_t offset = raid_bdev_io(io)->u.bdev.offset_blocks;
	uint64_t strip = offset >> raid->strip_shift;
	uint64_t in_strip = offset & (raid->strip_size - 1);

	return raid_io_rw(
		io, (uint8_t)(strip % raid->num_members), (strip / raid->num_members << raid->strip_shift) + in_strip);
}

/* How many of the blocks before one of the array are on a member: where a range that begins there begins on it. */
static uint64_t
blocks_before(const struct raid *raid, uint64_t block, uint8_t slot)
{
	uint64_t strip = block >> raid->strip_shift;
	uint64_t row = strip / raid->num_members;
	uint8_t last = (uint8_t)(strip % raid->num_members);

	if (slot < last) {
		return (row + 1) << raid->strip_shift;
	}
	return (row << raid->strip_shift) + (slot == last ? block & (raid->strip_size - 1) : 0);
}

static int
submit_range(struct raid_io *io)
{
	const struct raid *raid = io->ch->raid;
	const struct spdk_bdev_io *bdev_io = raid_bdev_io(io);
	uint64_t offset = bdev_io->u.bdev.offset_blocks, end = offset + bdev_io->u.bdev.num_blocks;

	for (; io->next_slot < raid->num_members; io->next_slot++) {
		uint8_t slot = (uint8_t)io->next_slot;
		uint64_t first = blocks_before(raid, offset, slot);
		uint64_t num_blocks = blocks_before(raid, end, slot) - first;
		int rc = num_blocks > 0 ? raid_io_range(io, slot, first, num_blocks) : 0;

		if (rc != 0) {
			return rc;
		}
	}
	return 0;
}

const struct raid_level_ops g_raid0_ops = {
	.name = "raid0",
	.alias = "0",
	.number = 0,
	.min_members = 1,
	.get_redundancy = get_redundancy,
	.has_strips = true,
	.protection = RAID_PROTECTION_ANY,
	.passes_memory = true,
	.start = start,
	.get_size = get_size,
	.submit_rw = submit_rw,
	.submit_range = submit_range,
	.has_plain_strips = true,
};
