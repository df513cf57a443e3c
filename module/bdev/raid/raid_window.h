/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Work on a range of all members while nobody else reads or changes it: what rebuilding, scrubbing and repairing are made
 * of. Application thread only.
 */

#ifndef MODULE_BDEV_RAID_WINDOW_H
#define MODULE_BDEV_RAID_WINDOW_H

#include "module/bdev/raid/raid.h"

enum raid_window_aim {
	/* Members that are not in sync there get what they lack. */
	RAID_WINDOW_REBUILD,
	/* Members that are in sync there are made to agree, after a crash: the first one is right. */
	RAID_WINDOW_RESYNC,
	/* What does not agree is counted; and put right, too. */
	RAID_WINDOW_CHECK,
	RAID_WINDOW_REPAIR,
	/* What a member cannot read is written, and read back. */
	RAID_WINDOW_REREAD,
};
/* Whatever the aim: what a member in sync cannot read and the others know is written to it. */

/* A request to a member. */
struct raid_window_request {
	struct raid_window_work *work;
	uint8_t slot;
	/* It has begun, and the work waits for it. */
	bool pending;
	/* The work waits no longer for it; its memory is in use nevertheless. */
	bool abandoned;
	struct spdk_bdev_io_wait_entry wait;
};

/* Bits by slot. */
struct raid_slots {
	uint64_t bits[(RAID_MAX_MEMBERS + 63) / 64];
};

struct raid_window_work {
	/* What levels see of it. */
	struct raid_window window;
	enum raid_window_aim aim;
	/* The most blocks that it has memory for. */
	uint32_t max_blocks;

	/* How it has ended: 0; -EIO: members that were to be rebuilt cannot be; -ENOMEM; -ENODEV: the array is offline. */
	int status;
	/* Blocks that did not agree, and that were written to members which had something else, or could not read. */
	uint64_t num_mismatches;
	uint64_t num_repaired;
	/* Members that were not in sync there, or are to be flushed. */
	struct raid_slots targets;
	/* Members that could not read, and those that could not write: they leave. */
	struct raid_slots unreadable;
	struct raid_slots unwritable;

	/* raid_count_resets() when it began. */
	uint32_t resets;

	/* raid->num_joins when it chose its members: one that has come into a slot since is none of them. */
	uint32_t num_joins;
	void (*step)(struct raid_window_work *work);
	raid_cb done;
	void *done_arg;
	struct raid_channel *ch;
	uint64_t array_offset;
	uint64_t array_blocks;
	bool quiesced;
	/* Requests that it waits for, and one while there are more to be submitted. */
	uint32_t remaining;
	/* Abandoned requests; it is to be freed after the last one. */
	uint32_t num_abandoned;
	bool destroyed;
	uint8_t *memory;
	struct raid_window_request *requests;
	TAILQ_ENTRY(raid_window_work) link;
};

static inline bool
raid_slots_has(const struct raid_slots *slots, uint8_t slot)
{
	return slots->bits[slot / 64] & (UINT64_C(1) << (slot % 64));
}

static inline void
raid_slots_add(struct raid_slots *slots, uint8_t slot)
{
	slots->bits[slot / 64] |= UINT64_C(1) << (slot % 64);
}

/* Whether the member that is in a slot now is the one that the work had to do with, and stays. */
static inline bool
raid_window_has_member(const struct raid_window_work *work, uint8_t slot)
{
	const struct raid_member *member = &work->window.raid->members[slot];

	return member->desc != NULL && !member->leaving && member->joined <= work->num_joins;
}

/* Has memory for windows of an array at work, up to that size or to what is decent. It holds the array. NULL: no memory. */
struct raid_window_work *raid_window_create(struct raid *raid, uint32_t window_size_kb);
/* Nothing is under way but what has been abandoned. */
void raid_window_destroy(struct raid_window_work *work);

/*
 * Quiesces what depends on a range of the data of members and does its work; done is called, never inside this call, and
 * then the range is still quiesced if status is 0. Returns 0; or -ENOMEM or -ENODEV, and done is not called.
 */
int raid_window_begin(struct raid_window_work *work, enum raid_window_aim aim, uint64_t offset_blocks,
	uint32_t num_blocks, raid_cb done, void *arg);
/* Lets the others go on. */
void raid_window_end(struct raid_window_work *work);

/*
 * Makes durable what members in targets have been sent; those on which it fails are in unwritable. done is called, maybe
 * inside this call.
 */
void raid_window_flush(struct raid_window_work *work, raid_cb done, void *arg);

/* A member has no answer for too long: work that waits for it goes on as if it had failed. */
void raid_window_abandon_member(struct raid_member *member);

/* Whether there are more members in sync on a range than the level needs. */
bool raid_window_is_redundant(const struct raid *raid, uint64_t offset_blocks, uint64_t num_blocks);

#endif /* MODULE_BDEV_RAID_WINDOW_H */
