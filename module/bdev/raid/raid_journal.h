/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The journal of an array with parity: what is about to be written to the rows of a stripe is durable on each of the members
 * before anything is written in place, so that a crash leaves all of it or nothing, whoever is lost with it.
 * doc/raid-format.md says what lies on the members, and doc/raid.md why that is enough.
 *
 * What a level has to do, for all that it writes in place but for what the background work does: raid_journal_log(), with the
 * rows locked; when its callback comes, write in place; when that has ended on all members, raid_journal_done(), and only
 * after its callback unlock the rows, or log anything else for the same I/O.
 */

#ifndef MODULE_BDEV_RAID_JOURNAL_H
#define MODULE_BDEV_RAID_JOURNAL_H

#include "module/bdev/raid/raid_parity.h"

/* Where it begins on each member, in bytes. */
#define RAID_JOURNAL_OFFSET (1024 * 1024)

/* ---- Its life; application thread only ---- */

/*
 * How many blocks it has on each member (raid->journal_blocks), for strips of so many blocks; 0: there cannot be one, the
 * strips are too large.
 */
uint64_t raid_journal_choose_size(uint64_t strip_blocks, uint32_t data_block_size, uint8_t num_members);

/* At most so many records in a journal that is made: for tests, which want it to be full. */
extern uint32_t g_raid_journal_max_slots;

/*
 * Makes raid->journal, with raid->journal_blocks and raid->strip_size_kb, when members are open. Returns 0, -ENOMEM, or
 * -EINVAL: raid->journal_blocks is no good.
 */
int raid_journal_create(struct raid *raid);
/* Does nothing if there is none. */
void raid_journal_free(struct raid *raid);

/*
 * Carries out what a crash has interrupted, on the members that are open, which have to be those whose data are current; then
 * the journal is empty and durable on all of them. To be called before the array goes online, after superblocks that say which
 * members are missing have been written: a member that was left out when something was replayed must not be taken for current
 * after the next crash. Its success is what raid_journal_get_status() says then.
 */
void raid_journal_replay(struct raid *raid, struct raid_waiter *waiter);
/* 0, or why the journal could not be replayed: the array must not go online. */
int raid_journal_get_status(const struct raid *raid);

/* The journals of all members are new: what is there means nothing. As raid_journal_replay() for an array that is new. */
void raid_journal_format(struct raid *raid, struct raid_waiter *waiter);

/*
 * A member joins the array at work. To be called after its predecessor has left and before superblocks name it: all that was
 * begun with the predecessor has ended then and is durable, and what its own journal says means nothing.
 */
void raid_journal_add_member(struct raid_member *member, struct raid_waiter *waiter);

/* All that has been done is durable, and nothing will be replayed. For an array that ends properly. */
void raid_journal_finish(struct raid *raid, struct raid_waiter *waiter);

/* ---- Channels ---- */

/* Of a channel of an array that has a journal: 0 or -ENOMEM. */
int raid_journal_channel_create(struct raid_channel *ch);
void raid_journal_channel_destroy(struct raid_channel *ch);
/* Members that were leaving have left, as far as the channel is concerned. */
void raid_journal_channel_release(struct raid_channel *ch);

/* ---- Changes; on the thread of write->ch ---- */

/*
 * write->cb is called when all of it is durable in the journals of its members, and those that have failed before, or have
 * failed to take it, have left; never before this function returns. With an error the array is going offline, and nothing may
 * be written.
 */
void raid_journal_log(struct raid_stripe_write *write);
/*
 * It has been written in place, but for members in write->io->failed. write->cb is called when these have left; never before this
 * function returns.
 */
void raid_journal_done(struct raid_stripe_write *write);

/* ---- What lies on members ---- */

/* The first block of a slot; the blocks of the record follow it. */
struct raid_journal_record {
	struct spdk_uuid uuid;
	uint64_t sequence;
	/* The slots of the members that have a record with this number. */
	uint64_t participants[(RAID_MAX_MEMBERS + 63) / 64];
	uint8_t slot;
	/* Nothing follows: it becomes zeroes. */
	bool zeroes;
	/* Of the data of the member. */
	uint64_t offset_blocks;
	uint64_t num_blocks;
	/* CRC-32C of the blocks, and then of their metadata if that is kept apart. */
	uint32_t data_crc;
};

/* Return NULL, or why it is none. size: of a block. */
const char *raid_journal_record_decode(const void *block, uint32_t size, struct raid_journal_record *record);
void raid_journal_record_encode(void *block, uint32_t size, const struct raid_journal_record *record);

/* The first block of the journal: all records with lower numbers have been written in place, and mean nothing. */
struct raid_journal_checkpoint {
	struct spdk_uuid uuid;
	uint64_t tail;
	uint32_t slot_blocks;
	uint32_t num_slots;
};

const char *raid_journal_checkpoint_decode(
	const void *block, uint32_t size, struct raid_journal_checkpoint *checkpoint);
void raid_journal_checkpoint_encode(void *block, uint32_t size, const struct raid_journal_checkpoint *checkpoint);

#endif /* MODULE_BDEV_RAID_JOURNAL_H */
