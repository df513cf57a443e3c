/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * concat: the members one after the other, each as far as it has whole strips. The layer cuts reads and writes at strips,
 * so that each goes to one member.
 */

#include "module/bdev/raid/raid.h"

#include "spdk/util.h"

static uint8_t
get_redundancy(uint8_t num_members)
{
	return 0;
}

static uint64_t
size_of(const struct raid *raid, uint8_t slot)
{
	return raid->members[slot].data_size & ~(raid->strip_size - 1);
}

static uint64_t
get_size(const struct raid *raid)
{
	uint64_t size = 0;

	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		size += size_of(raid, slot);
	}
	return size;
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
	uint64_t offset = raid_bdev_io(io)->u.bdev.offset_blocks;
	uint8_t slot = 0;

	/* One without blocks may be at the end of the array. */
	while (slot < io->ch->raid->num_members - 1 && offset >= size_of(io->ch->raid, slot)) {
		offset -= size_of(io->ch->raid, slot++);
	}
	return raid_io_rw(io, slot, offset);
}

static int
submit_range(struct raid_io *io)
{
	const struct raid *raid = io->ch->raid;
	const struct spdk_bdev_io *bdev_io = raid_bdev_io(io);
	uint64_t offset = bdev_io->u.bdev.offset_blocks, end = offset + bdev_io->u.bdev.num_blocks;
	uint64_t first = 0;

	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		/* The last one may be growing, and nothing lies behind it. */
		uint64_t size = slot + 1 == raid->num_members ? end : size_of(raid, slot);
		uint64_t begin = spdk_max(offset, first), last = spdk_min(end, first + size);

		if (slot >= io->next_slot && begin < last) {
			int rc = raid_io_range(io, slot, begin - first, last - begin);

			if (rc != 0) {
				return rc;
			}
			io->next_slot = slot + 1;
		}
		first += size;
	}
	return 0;
}

const struct raid_level_ops g_concat_ops = {
	.name = "concat",
	.number = 99,
	.min_members = 1,
	.get_redundancy = get_redundancy,
	.has_strips = true,
	.protection = RAID_PROTECTION_ANY,
	.passes_memory = true,
	.start = start,
	.get_size = get_size,
	.grows_at_end = true,
	.submit_rw = submit_rw,
	.submit_range = submit_range,
};
