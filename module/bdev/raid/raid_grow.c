/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * An array at work grows when all of its members have, while I/O goes on.
 *
 *   grow_keep: bitmaps say that the members may not agree on what is new, if they have to.
 *   grow_record: superblocks say how large it is, and from where on members may not agree. After a crash that is so, also if
 *   nobody has seen it yet.
 *   grow_announce: users see it. What they write to it does not rely on parity until a resync has come by.
 */

#include "module/bdev/raid/raid_bitmap.h"
#include "module/bdev/raid/raid_keep.h"
#include "module/bdev/raid/raid_process.h"

#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/util.h"

/* One has all data up to the old end, and is about to count as one that has all. */
static bool
has_rebuilt_target(const struct raid *raid)
{
	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		const struct raid_member *member = &raid->members[slot];

		if (raid_process_is_target(member) && member->durable_until == UINT64_MAX) {
			return true;
		}
	}
	return false;
}

static void
grow_announce_cb(void *arg)
{
	struct raid *raid = arg;
	int rc;

	if (raid->state == RAID_ONLINE && has_rebuilt_target(raid)) {
		/* Parity of what is new is to be made out of what it has. It counts when superblocks say so. */
		raid_superblock_write(raid, &raid->grow_waiter);
		return;
	}
	__atomic_store_n(&raid->agrees_until, spdk_min(raid->agrees_until, raid->grow_from), __ATOMIC_RELEASE);
	raid->resync_offset = spdk_min(raid->resync_offset, raid->grow_from);
	if (raid->state == RAID_ONLINE) {
		rc = spdk_bdev_notify_blockcnt_change(&raid->bdev, raid->size);
		if (rc != 0) {
			SPDK_ERRLOG("%s: cannot grow with its members: %s\n", raid->bdev.name, spdk_strerror(-rc));
		}
	}
	raid->grow_size = 0;
	raid->grow_from = UINT64_MAX;
	raid_process_wake(raid);
	/* They may have gone on growing. */
	raid_resize(raid);
	raid_let_go(raid);
}

/* What is written beyond the old end has to be there after a crash. */
static void
grow_record_cb(void *arg)
{
	struct raid *raid = arg;

	/* As it was: members may have left meanwhile. */
	raid->size = raid->grow_size;
	raid->grow_waiter.cb = grow_announce_cb;
	raid_superblock_write(raid, &raid->grow_waiter);
}

static void
grow_keep(struct raid *raid, uint64_t size)
{
	raid_hold(raid);
	raid->grow_size = size;
	raid->grow_from = raid->ops->has_parity ? raid_process_get_end(raid) : UINT64_MAX;
	raid->grow_waiter.cb = grow_record_cb;
	raid->grow_waiter.arg = raid;
	if (raid_keep_grow(raid, &raid->grow_waiter) != 0) {
		SPDK_ERRLOG("%s: no memory to grow with its members\n", raid->bdev.name);
		raid->grow_size = 0;
		raid->grow_from = UINT64_MAX;
		raid_let_go(raid);
	}
}

/* It follows its members up, but never down: what would be cut off is somebody's. */
static void
follow_member(struct raid_member *member)
{
	struct raid *raid = member->raid;
	uint64_t size = spdk_bdev_get_num_blocks(member->bdev);

	if (size < member->data_offset + member->data_size) {
		SPDK_ERRLOG("%s: its member %s has become too small: what lies beyond its end fails\n", raid->bdev.name,
			member->bdev->name);
	} else if (!raid->ops->grows_at_end || member->slot == raid->num_members - 1) {
		member->data_size = size - member->data_offset;
	}
}

void
raid_resize(struct raid *raid)
{
	bool complete = true;

	if (raid->state != RAID_ONLINE || raid->grow_size != 0) {
		return;
	}
	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		struct raid_member *member = &raid->members[slot];

		complete = complete && member->desc != NULL && !member->leaving && !member->adding;
		if (member->desc != NULL) {
			follow_member(member);
		}
	}
	/* One that is missing has not grown, and may come back. */
	if (complete && raid->ops->get_size(raid) > raid->size) {
		grow_keep(raid, raid->ops->get_size(raid));
	}
}
