/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The write-intent bitmap: a bit on the members for each region of their data, which is durable on all of them before
 * anything in the region changes. Where no bit is set the members agree, whatever has happened. doc/raid-format.md says
 * what lies on the members, and doc/raid.md why that is enough.
 *
 * Regions and ranges are in blocks of the data of members. Application thread only, but for entering and leaving.
 */

#ifndef MODULE_BDEV_RAID_BITMAP_H
#define MODULE_BDEV_RAID_BITMAP_H

#include "module/bdev/raid/raid.h"

/* Where it lies on each member, in bytes from its beginning. */
#define RAID_BITMAP_OFFSET (64 * 1024)
#define RAID_BITMAP_SIZE (448 * 1024)

/* ---- Its life ---- */

/*
 * How many blocks a region has, for members with so much data; it stays the same for the life of the array
 * (raid->region_blocks).
 */
uint64_t raid_bitmap_choose_region(uint64_t data_blocks, uint32_t data_block_size);

/*
 * Makes raid->bitmap, with raid->region_blocks, when raid->size is known. dirty: that of a new array whose members
 * do not agree yet; otherwise all of it is clean. Returns 0, -ENOMEM, or -EINVAL: raid->region_blocks is no good, or blocks
 * are too large. It is not on the members before raid_bitmap_write().
 */
int raid_bitmap_create(struct raid *raid, bool dirty);
/* Does nothing if there is none. Not while a function with a waiter is under way: those hold the array. */
void raid_bitmap_free(struct raid *raid);

/*
 * Reads what the members that are open say, after raid_bitmap_create(). Only those may be open whose data are current, that
 * is to say no stale ones. What no member can tell is dirty. raid_bitmap_write() has to follow before the array goes online.
 */
void raid_bitmap_load(struct raid *raid, struct raid_waiter *waiter);

/*
 * Writes all of it to all members: after it was made, and when a member has joined, before its superblock says so. A member
 * on which that fails leaves. The waiter is called when it is durable.
 */
void raid_bitmap_write(struct raid *raid, struct raid_waiter *waiter);

/* The array has been ended properly, and nothing changes it any more: clears what can be cleared. */
void raid_bitmap_finish(struct raid *raid, struct raid_waiter *waiter);

/*
 * The array is about to have raid->grow_size, and members may not agree from dirty_from on, which is moved down to where a
 * region begins: it gets clean again when all of it has been compared. UINT64_MAX: that does not matter. 0, and then
 * raid_bitmap_write() has to follow before the array grows; or -ENOMEM.
 */
int raid_bitmap_grow(struct raid *raid, uint64_t *dirty_from);

/* ---- What background work asks it ---- */

/*
 * The first range from an offset on whose members may not agree. false: there is none. After a crash, and for a member that
 * returns, only these have to be looked at.
 */
bool raid_bitmap_next_dirty(const struct raid *raid, uint64_t from, uint64_t *offset_blocks, uint64_t *num_blocks);

/* How many blocks are dirty. */
uint64_t raid_bitmap_num_dirty(const struct raid *raid);

/*
 * All members have been made to agree on a range, which was quiesced. Regions that lie as a whole in ranges that have followed
 * each other get clean, later, when nothing else keeps them dirty.
 */
void raid_bitmap_synced(struct raid *raid, uint64_t offset_blocks, uint64_t num_blocks);

/*
 * A member that was away is open again, and its superblock has that sequence number. cb gets whether the bitmap knows all
 * that the member may lack: then rebuilding what is dirty is enough. What the member's own bitmap says has been added.
 */
typedef void (*raid_bitmap_cb)(void *arg, bool covered);
void raid_bitmap_examine_return(struct raid_member *member, uint64_t sequence, raid_bitmap_cb cb, void *arg);

/* ---- Changes; any thread ---- */

/* Whether an I/O is one that has to enter. */
static inline bool
raid_bitmap_concerns(const struct raid *raid, enum spdk_bdev_io_type type)
{
	return raid->bitmap != NULL &&
		(type == SPDK_BDEV_IO_TYPE_WRITE || type == SPDK_BDEV_IO_TYPE_UNMAP ||
			type == SPDK_BDEV_IO_TYPE_WRITE_ZEROES);
}

/*
 * Before it changes anything. false: it has to wait; raid_io_begin() is called on its thread when it may go on, or it is
 * completed as failed.
 */
bool raid_bitmap_enter(struct raid_io *io);
/* It is completed with that status. */
void raid_bitmap_leave(struct raid_io *io, enum spdk_bdev_io_status status);

/* ---- What lies on members ---- */

/* A page, which is a block, in the form of the program; see doc/raid-format.md. */
struct raid_bitmap_page {
	struct spdk_uuid uuid;
	uint32_t index;
	uint64_t region_blocks;
	/* The superblock's when bits were last cleared, of this page or another one. */
	uint64_t cleared_sequence;
	/* A bit for each region, from the lowest bit of the first byte on. In the page. */
	const uint8_t *bits;
};

/* Returns NULL, or why it is none. size: of a block. */
const char *raid_bitmap_page_decode(const void *block, uint32_t size, struct raid_bitmap_page *page);
/* Fills in all of the block but the bits, which lie in its second half. */
void raid_bitmap_page_encode(void *block, uint32_t size, const struct raid_bitmap_page *page);

#endif /* MODULE_BDEV_RAID_BITMAP_H */
