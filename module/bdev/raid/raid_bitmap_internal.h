/* SPDX-License-Identifier: BSD-3-Clause */

/* What the files of the write-intent bitmap share. */

#ifndef MODULE_BDEV_RAID_BITMAP_INTERNAL_H
#define MODULE_BDEV_RAID_BITMAP_INTERNAL_H

#include "module/bdev/raid/raid_area.h"
#include "module/bdev/raid/raid_bitmap.h"

/* The word of a region: how many changes are under way, and these. */
#define BITMAP_COUNT 0x00ffffffu
/* Durable on all members. */
#define BITMAP_DIRTY 0x80000000u
/* Changed since it was last looked at. */
#define BITMAP_USED 0x40000000u
/* Members may not agree, and only background work makes them. */
#define BITMAP_NEEDS_SYNC 0x20000000u
/* Will be clean if nobody changes it before the members are flushed. */
#define BITMAP_CANDIDATE 0x10000000u

struct bitmap_page {
	uint32_t *words;
	/* As it was last, or is being, written; with room for metadata. */
	uint8_t *block;
	/* Under lock: it has to be written. */
	bool wanted;
	bool writing;
};

struct raid_bitmap {
	struct raid *raid;
	uint32_t block_size;
	/* Of a block with its metadata. */
	uint32_t buffer_size;
	uint64_t region_blocks;
	uint32_t region_shift;
	/* Regions of a page, as a power of two. */
	uint32_t page_shift;
	/* Members but for those that are redundant. */
	uint32_t num_data;
	uint64_t data_blocks;
	uint32_t num_regions;
	uint32_t num_pages;
	uint32_t max_pages;
	struct bitmap_page *pages;
	/* The newest that pages tell of. */
	uint64_t cleared_sequence;

	/* Of wanted, waiting and kicked. */
	struct env_mutex lock;
	TAILQ_HEAD(, raid_io) waiting;
	bool kicked;
	struct bdk_msg kick_msg;

	/* Application thread: one thing at a time. */
	bool busy;
	struct spdk_poller *poller;
	/* For the next commit, and for the one under way. */
	struct raid_waiter *write_waiters;
	struct raid_waiter *writing_waiters;
	struct raid_waiter *finish_waiters;
	struct raid_waiter *load_waiters;
	struct raid_group group;
	/* Of reading. */
	uint8_t *read_buf;
	uint8_t read_slot;
	bool *page_known;
	/* By slot. */
	struct bitmap_return {
		uint64_t sequence;
		/* NULL: none. */
		raid_bitmap_cb cb;
		void *arg;
	} * returns;
	/* Where raid_bitmap_synced() has begun, and how far it has come; a change has failed meanwhile. */
	uint64_t synced_from;
	uint64_t synced_until;
	bool sync_disturbed;
};

static inline uint32_t
bitmap_page_size(const struct raid_bitmap *bitmap)
{
	return 1u << bitmap->page_shift;
}

static inline struct bitmap_page *
bitmap_page_of(const struct raid_bitmap *bitmap, uint32_t region)
{
	return &bitmap->pages[region >> bitmap->page_shift];
}

static inline uint32_t *
bitmap_word(const struct raid_bitmap *bitmap, uint32_t region)
{
	return &bitmap_page_of(bitmap, region)->words[region & (bitmap_page_size(bitmap) - 1)];
}

/* Whether members may differ in a region, or will: what a page says of it. */
static inline bool
bitmap_is_set(uint32_t word)
{
	return word & (BITMAP_DIRTY | BITMAP_NEEDS_SYNC | BITMAP_COUNT);
}

/* All regions of an I/O that waits are dirty. */
bool bitmap_may_go_on(const struct raid_io *io);

/* Something is wanted. */
void bitmap_kick_cb(void *arg);

/* It is idle again: does what has been asked for meanwhile. */
void bitmap_go_on(struct raid_bitmap *bitmap);

#endif /* MODULE_BDEV_RAID_BITMAP_INTERNAL_H */
