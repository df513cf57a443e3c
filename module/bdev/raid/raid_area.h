/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What an array keeps on its members beside data: reads and writes of blocks of the bdev itself. Application thread only.
 */

#ifndef MODULE_BDEV_RAID_AREA_H
#define MODULE_BDEV_RAID_AREA_H

#include "module/bdev/raid/raid.h"

struct raid_area_io;
typedef void (*raid_area_cb)(struct raid_area_io *io, int rc);

/* One at a time. In use, and its member held, until cb is called, which is never called before the function returns. */
struct raid_area_io {
	struct raid_member *member;
	raid_area_cb cb;
	void *arg;

	struct spdk_io_channel *ch;
	struct spdk_bdev_io_wait_entry wait;
	struct bdk_msg msg;
	/* raid_count_resets() when it was submitted; it is tried again if that was a reset's fault. */
	uint32_t resets;
	struct spdk_poller *retry;
	enum spdk_bdev_io_type type;
	void *buf;
	/* Of metadata that is kept apart, or NULL. To be set before, and NULL again. */
	void *md;
	/* The same of members with protection information, if nobody has given any. */
	void *made_md;
	struct iovec iov;
	uint64_t offset_blocks;
	uint64_t num_blocks;
	int rc;
	/* It lives as long as the array, as what it writes does. */
	bool stays;
	/* cb will be called; and nobody waits for it any more, but it is in use until the member answers. */
	bool pending;
	bool abandoned;
	TAILQ_ENTRY(raid_area_io) link;
};

/* Blocks of the bdev, with their metadata if that is interleaved; buf has bdev->blocklen bytes for each, from spdk_dma_malloc(). */
void raid_area_read(struct raid_area_io *io, void *buf, uint64_t offset_blocks, uint64_t num_blocks);
void raid_area_write(struct raid_area_io *io, void *buf, uint64_t offset_blocks, uint64_t num_blocks);
/* The same with zeroes. */
void raid_area_write_zeroes(struct raid_area_io *io, uint64_t offset_blocks, uint64_t num_blocks);
/* All that the member has been given is durable; at once if it has no volatile write cache. */
void raid_area_flush(struct raid_area_io *io);

/*
 * The member does not answer: what is being written to it, or flushed, ends as failed. What is read is waited for, as somebody
 * would free its memory.
 */
void raid_area_abandon(struct raid_member *member);

/* ---- The same for all members ---- */

struct raid_group;

/* What is done with one of them. */
struct raid_group_member {
	struct raid_group *group;
	struct raid_area_io io;
	struct raid_waiter waiter;
	/* Counts from 0. */
	uint32_t step;
	bool active;
	bool failed;
};

typedef void (*raid_group_cb)(struct raid_group *group);

/* One thing at a time. In use, with raid held, until the function that has been given is called. */
struct raid_group {
	struct raid *raid;
	void *arg;
	bool (*submit)(struct raid_group_member *member);
	raid_group_cb done;
	uint32_t remaining;
	/* Also with those that are only about to become members. */
	bool with_new;
	struct raid_group_member *members;
};

/* Returns 0 or -ENOMEM. */
int raid_group_init(struct raid_group *group, struct raid *raid, void *arg);
void raid_group_fini(struct raid_group *group);

/*
 * Takes steps with each member that is open, until one fails; submit: one of the functions above for the next step, or false:
 * there is none. done: all have ended, with their members marked that have failed.
 */
void raid_group_run(struct raid_group *group, bool (*submit)(struct raid_group_member *member), raid_group_cb done);

/*
 * Those that have failed leave. done: they, and others that were leaving, are not in the superblocks any more; or the array
 * is going offline.
 */
void raid_group_leave(struct raid_group *group, raid_group_cb done);

/* Whether a flush does anything. */
bool raid_area_has_write_cache(const struct raid_member *member);

#endif /* MODULE_BDEV_RAID_AREA_H */
