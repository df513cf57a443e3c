/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * RAID 1: each member has all of the data. A read goes to the member with the least to read, and to the next one if that
 * fails. A change goes to all; it has succeeded when one of them has it, and those that have not leave the array before
 * anybody hears of it.
 */

#include "module/bdev/raid/raid.h"

#include "spdk/util.h"

static uint8_t
get_redundancy(uint8_t num_members)
{
	return num_members - 1;
}

static uint64_t
get_size(const struct raid *raid)
{
	uint64_t size = UINT64_MAX;

	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		if (raid->members[slot].desc != NULL) {
			size = spdk_min(size, raid->members[slot].data_size);
		}
	}
	return size;
}

static int
start(struct raid *raid, const char **why)
{
	return 0;
}

/* -ENODEV: all have been tried. */
static int
submit_read(struct raid_io *io)
{
	const struct raid_channel *ch = io->ch;
	const struct spdk_bdev_io_block_params *params = &raid_bdev_io(io)->u.bdev;
	int best = -1;

	for (uint8_t slot = 0; slot < ch->raid->num_members; slot++) {
		if (raid_get_member_channel(ch, slot) == NULL || raid_io_has_failed_on(io, slot) ||
			!raid_member_is_in_sync(&ch->raid->members[slot], params->offset_blocks, params->num_blocks)) {
			continue;
		}
		if (best < 0 || ch->members[slot].reading_blocks < ch->members[best].reading_blocks) {
			best = slot;
		}
	}
	return best < 0 ? -ENODEV : raid_io_rw(io, (uint8_t)best, params->offset_blocks);
}

static int
submit_change(struct raid_io *io)
{
	const struct spdk_bdev_io_block_params *params = &raid_bdev_io(io)->u.bdev;
	int rc = 0;

	for (; io->next_slot < io->ch->raid->num_members && rc == 0; io->next_slot += rc == 0) {
		uint8_t slot = (uint8_t)io->next_slot;

		if (raid_get_member_channel(io->ch, slot) == NULL) {
			continue;
		}
		if (raid_bdev_io(io)->type == SPDK_BDEV_IO_TYPE_WRITE) {
			rc = raid_io_rw(io, slot, params->offset_blocks);
		} else {
			rc = raid_io_range(io, slot, params->offset_blocks, params->num_blocks);
		}
	}
	return rc;
}

static int
submit_rw(struct raid_io *io)
{
	return raid_bdev_io(io)->type == SPDK_BDEV_IO_TYPE_READ ? submit_read(io) : submit_change(io);
}

static void
member_done(struct raid_io *io, uint8_t slot, bool success)
{
	if (success) {
		io->num_succeeded++;
	} else {
		raid_io_set_failed_on(io, slot);
	}
}

static void
done(struct raid_io *io)
{
	bool some_failed = false;

	for (size_t i = 0; i < SPDK_COUNTOF(io->failed); i++) {
		some_failed = some_failed || io->failed[i] != 0;
	}
	/* What the layer is to try again later, or nobody has submitted. */
	if (io->status != SPDK_BDEV_IO_STATUS_SUCCESS) {
		raid_io_complete(io, io->status);
	} else if (!some_failed) {
		raid_io_complete(io, io->num_succeeded > 0 ? SPDK_BDEV_IO_STATUS_SUCCESS : SPDK_BDEV_IO_STATUS_FAILED);
	} else if (raid_bdev_io(io)->type == SPDK_BDEV_IO_TYPE_READ) {
		if (io->num_succeeded > 0) {
			raid_io_complete(io, SPDK_BDEV_IO_STATUS_SUCCESS);
		} else {
			raid_io_go_on(io);
		}
	} else if (io->num_succeeded > 0) {
		raid_io_complete_without_failed(io);
	} else {
		/* No member is worse than the others. */
		raid_io_complete(io, SPDK_BDEV_IO_STATUS_FAILED);
	}
}

const struct raid_level_ops g_raid1_ops = {
	.name = "raid1",
	.alias = "1",
	.number = 1,
	.min_members = 2,
	.get_redundancy = get_redundancy,
	.start = start,
	.get_size = get_size,
	.grows = true,
	.submit_rw = submit_rw,
	.submit_range = submit_change,
	.member_done = member_done,
	.done = done,
};
