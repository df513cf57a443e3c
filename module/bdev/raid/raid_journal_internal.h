/* SPDX-License-Identifier: BSD-3-Clause */

/* What the files of the journal share. */

#ifndef MODULE_BDEV_RAID_JOURNAL_INTERNAL_H
#define MODULE_BDEV_RAID_JOURNAL_INTERNAL_H

#include "module/bdev/raid/raid_area.h"
#include "module/bdev/raid/raid_journal.h"

/* Pieces of data that go to a member together with the block before them; more go by themselves. */
#define JOURNAL_IOVS 16

struct raid_journal_entry;

/* What goes to one member. */
struct journal_part {
	struct raid_journal_entry *entry;
	struct raid_stripe_change *change;
	uint8_t *block;
	/* The first block has gone, without the data. */
	bool block_only;
	struct spdk_bdev_io_wait_entry wait;
	struct bdk_msg msg;
	struct iovec iovs[JOURNAL_IOVS];
	TAILQ_ENTRY(journal_part) link;
};

/* A change of rows, from its number on until a checkpoint is durable that says that it is over. */
struct raid_journal_entry {
	struct raid_journal *journal;
	/* Any thread. */
	uint64_t done_sequence;
	/* Of the thread of the write. */
	uint64_t sequence;
	struct raid_stripe_write *write;
	uint32_t remaining;
	uint64_t participants[4];
	uint64_t failed[(RAID_MAX_MEMBERS + 63) / 64];
	struct journal_part *parts;
	TAILQ_ENTRY(raid_journal_entry) link;
};

struct raid_journal_channel {
	struct raid_channel *ch;
	struct spdk_thread *thread;
	/* Records have been written, and are to be flushed: those that come next, and those that are. */
	TAILQ_HEAD(, raid_journal_entry) written;
	TAILQ_HEAD(, raid_journal_entry) flushing;
	uint32_t flushes;
	/* raid_count_resets() when they were submitted. They have failed because of another one since; they are waiting for that. */
	uint32_t resets;
	bool flush_was_reset;
	bool flushes_again;
	/* Parts that are to be written again after a reset. */
	TAILQ_HEAD(, journal_part) waiting_for_reset;
	struct spdk_poller *timer;
	/* By slot. */
	struct journal_flush {
		struct raid_journal_channel *ch;
		uint8_t slot;
		struct spdk_bdev_io_wait_entry wait;
		struct bdk_msg msg;
	} * flush;
	/* Writes that wait until members have left. */
	TAILQ_HEAD(, raid_stripe_write) held;
};

struct raid_journal {
	struct raid *raid;
	uint32_t block_size;
	uint32_t buffer_size;
	/* Bytes of metadata of a block, if that is kept apart. */
	uint32_t md_len;
	uint64_t strip_blocks;
	/* Where it begins on members. */
	uint64_t first_block;
	uint32_t slot_blocks;
	uint32_t num_slots;
	/* The number of the next record, and all before tail are over, which is durable. Any thread. */
	uint64_t next;
	uint64_t tail;
	struct raid_journal_entry *entries;
	struct journal_part *parts;
	uint8_t *blocks;

	/* Writes that wait for room. */
	struct env_mutex lock;
	TAILQ_HEAD(, raid_stripe_write) waiting;
	bool kicked;
	/* Somebody waits for all that is done to be over. */
	bool urgent;
	/* Nothing more gets a number. */
	bool offline;
	struct bdk_msg kick_msg;

	/* Application thread. */
	bool busy;
	/* A member has failed that the array cannot do without: nothing in the journal is over any more. */
	bool broken;
	struct raid_group group;
	uint8_t *checkpoint;
	uint64_t new_tail;
	/* Who waits for all records before one to be over; who waits for as many as are done. */
	struct raid_waiter *waiters;
	uint64_t waiters_until;
	struct raid_waiter *finish_waiters;
	/* Of formatting. */
	uint8_t *zeroes;
	struct raid_waiter *format_waiter;
	/* Of members that are being added, by slot; and the one that is now, NULL: all. */
	struct raid_waiter **add_waiters;
	struct raid_member *format_member;
	/* Of replaying. */
	struct journal_replay *replay;
	int status;
};

static inline uint64_t
journal_slot_block(const struct raid_journal *journal, uint64_t sequence)
{
	return journal->first_block + 1 + sequence % journal->num_slots * journal->slot_blocks;
}

/* ---- raid_journal_checkpoint.c; application thread ---- */

void journal_kick_cb(void *arg);
/* Asks for it; any thread. */
void journal_kick(struct raid_journal *journal);
void journal_become_busy(struct raid_journal *journal);
void journal_become_idle(struct raid_journal *journal);
/* Draws the checkpoint with new_tail, for submit functions. */
void journal_draw_checkpoint(struct raid_journal *journal);
/* For raid_group_run(): the checkpoint, durable. */
bool journal_submit_checkpoint(struct raid_group_member *member);
/* For raid_group_run(): what has been written, durable. */
bool journal_submit_flush(struct raid_group_member *member);

/* ---- raid_journal.c ---- */

/* There is room, or the array is offline. */
void journal_wake(struct raid_journal *journal);

/* Those that have failed, as bits by slot, leave; then the function is called on the thread of the write. */
void journal_leave(
	struct raid_stripe_write *write, const uint64_t *failed, void (*left_cb)(struct raid_stripe_write *write));

#endif /* MODULE_BDEV_RAID_JOURNAL_INTERNAL_H */
