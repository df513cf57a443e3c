/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What a crash has interrupted is carried out, or is nowhere:
 *
 *   replay_tail: where the journal begins, as the member says that has the newest checkpoint.
 *   replay_heads: all records from there on.
 *   replay_check: record by record, in the order of their numbers: do all members that are there and take part have it?
 *   replay_write: then each of them gets it in its place.
 *   replay_flush, replay_leave: what was written is durable; members on which it is not have left, and superblocks say so.
 *   replay_checkpoint: only then the journal is empty.
 *
 * Nothing in it is changed before that, so it can be done again, also with fewer members. All that is read may be anything.
 */

#include "module/bdev/raid/raid_bitmap.h"
#include "module/bdev/raid/raid_journal_internal.h"

#include "spdk/crc32.h"
#include "spdk/log.h"
#include "spdk/thread.h"
#include "spdk/util.h"

/* What a member says that is in a slot. */
struct head {
	/* 0: nothing. */
	uint64_t sequence;
	uint64_t participants[4];
	uint64_t offset_blocks;
	uint64_t num_blocks;
	uint32_t data_crc;
	bool zeroes;
};

struct journal_replay {
	struct raid_waiter *waiter;
	/* By member, and slot of the journal. */
	struct head *heads;
	/* A strip, and a block of each member for its heads. */
	uint8_t *data;
	uint8_t *md;
	uint8_t *blocks;
	bool found_tail;
	uint64_t tail;
	/* The record at hand, of one member after the other; it is being written. */
	uint64_t sequence;
	uint8_t slot;
	bool complete;
	bool writing;
	uint64_t num_replayed;
	struct raid_area_io io;
	struct raid_waiter superblock_waiter;
	/* Members that have failed. */
	bool failed[RAID_MAX_MEMBERS];
};

static void replay_next_record(struct raid_journal *journal);
static void replay_next_member(struct raid_journal *journal);

static bool
is_set(const uint64_t *bits, uint8_t slot)
{
	return bits[slot / 64] & UINT64_C(1) << slot % 64;
}

static struct head *
head_of(const struct raid_journal *journal, uint8_t slot, uint64_t sequence)
{
	return &journal->replay->heads[(size_t)slot * journal->num_slots + sequence % journal->num_slots];
}

static uint8_t *
block_of(const struct raid_journal *journal, const struct raid_group_member *member)
{
	return journal->replay->blocks + (size_t)member->io.member->slot * journal->buffer_size;
}

/* It is there, and has not failed. */
static bool
is_present(const struct raid_journal *journal, uint8_t slot)
{
	return journal->raid->members[slot].desc != NULL && !journal->replay->failed[slot];
}

/* ---- The end ---- */

static void
replay_free(struct raid_journal *journal)
{
	struct journal_replay *replay = journal->replay;

	if (replay != NULL) {
		free(replay->heads);
		spdk_dma_free(replay->data);
		spdk_dma_free(replay->md);
		spdk_dma_free(replay->blocks);
		free(replay);
		journal->replay = NULL;
	}
}

static void
replay_end(struct raid_journal *journal, struct raid_waiter *waiter, int status)
{
	journal->status = status;
	replay_free(journal);
	waiter->cb(waiter->arg);
	journal_become_idle(journal);
}

static void
replay_done(struct raid_group *group)
{
	struct raid_journal *journal = group->arg;
	struct journal_replay *replay = journal->replay;

	journal->tail = journal->new_tail;
	journal->next = journal->new_tail;
	if (replay->num_replayed > 0) {
		SPDK_NOTICELOG("%s: %" PRIu64 " changes that a crash had interrupted have been carried out\n",
			journal->raid->bdev.name, replay->num_replayed);
	}
	if (journal->raid->bitmap != NULL && journal->raid->resync_offset == UINT64_MAX) {
		/* Wherever something was being written, members agree again. */
		raid_bitmap_synced(journal->raid, 0, UINT64_MAX);
	}
	replay_end(journal, replay->waiter, 0);
}

static void
replay_checkpoint_leave(struct raid_group *group)
{
	raid_group_leave(group, replay_done);
}

static void
replay_checkpoint(struct raid_journal *journal)
{
	journal_draw_checkpoint(journal);
	raid_group_run(&journal->group, journal_submit_checkpoint, replay_checkpoint_leave);
}

static void
superblock_written_cb(void *arg)
{
	replay_checkpoint(arg);
}

static void
replay_left(struct raid_group *group)
{
	struct raid_journal *journal = group->arg;
	struct journal_replay *replay = journal->replay;
	bool some_failed = false;

	for (uint8_t slot = 0; slot < group->raid->num_members; slot++) {
		some_failed = some_failed || replay->failed[slot];
	}
	if (!some_failed) {
		replay_checkpoint(journal);
		return;
	}
	replay->superblock_waiter.cb = superblock_written_cb;
	replay->superblock_waiter.arg = journal;
	raid_superblock_write(journal->raid, &replay->superblock_waiter);
}

static void
replay_leave(struct raid_group *group)
{
	struct raid_journal *journal = group->arg;

	for (uint8_t slot = 0; slot < group->raid->num_members; slot++) {
		struct raid_group_member *member = &group->members[slot];

		journal->replay->failed[slot] = journal->replay->failed[slot] || (member->active && member->failed);
		member->failed = journal->replay->failed[slot];
	}
	raid_group_leave(group, replay_left);
}

static void
replay_flush(struct raid_journal *journal)
{
	raid_group_run(&journal->group, journal_submit_flush, replay_leave);
}

/* ---- Records ---- */

static uint32_t
checksum(const struct raid_journal *journal, uint64_t num_blocks)
{
	uint32_t crc = spdk_crc32c_update(journal->replay->data, num_blocks * journal->buffer_size, ~0u);

	if (journal->md_len > 0) {
		crc = spdk_crc32c_update(journal->replay->md, num_blocks * journal->md_len, crc);
	}
	return ~crc;
}

static void
member_written_cb(struct raid_area_io *io, int rc)
{
	struct raid_journal *journal = io->arg;

	journal->replay->failed[journal->replay->slot] = rc != 0;
	journal->replay->slot++;
	replay_next_member(journal);
}

static void
replay_write(struct raid_journal *journal)
{
	struct journal_replay *replay = journal->replay;
	const struct head *head = head_of(journal, replay->slot, replay->sequence);
	uint64_t offset = journal->raid->members[replay->slot].data_offset + head->offset_blocks;

	replay->io.cb = member_written_cb;
	if (head->zeroes) {
		raid_area_write_zeroes(&replay->io, offset, head->num_blocks);
	} else {
		raid_area_write(&replay->io, replay->data, offset, head->num_blocks);
	}
}

static void
member_read_cb(struct raid_area_io *io, int rc)
{
	struct raid_journal *journal = io->arg;
	struct journal_replay *replay = journal->replay;
	const struct head *head = head_of(journal, replay->slot, replay->sequence);

	if (rc == 0 && !head->zeroes && checksum(journal, head->num_blocks) != head->data_crc) {
		rc = -EILSEQ;
	}
	if (rc != 0) {
		/* When it has been found to be good before, its member has failed. */
		replay->complete = false;
		replay->failed[replay->slot] = replay->writing;
	}
	if (replay->writing && rc == 0) {
		replay_write(journal);
		return;
	}
	replay->slot++;
	replay_next_member(journal);
}

static void
replay_read(struct raid_journal *journal)
{
	struct journal_replay *replay = journal->replay;
	const struct head *head = head_of(journal, replay->slot, replay->sequence);

	replay->io.member = &journal->raid->members[replay->slot];
	replay->io.arg = journal;
	replay->io.cb = member_read_cb;
	replay->io.md = replay->md;
	raid_area_read(&replay->io, replay->data, journal_slot_block(journal, replay->sequence) + !head->zeroes,
		head->zeroes ? 1 : head->num_blocks);
}

/* Whether a member takes part in the record at hand. */
static bool
takes_part(const struct raid_journal *journal, uint8_t slot, const struct head *any)
{
	return is_present(journal, slot) && is_set(any->participants, slot);
}

/* Of any member; NULL: nobody has it. */
static const struct head *
find_head(const struct raid_journal *journal, uint64_t sequence)
{
	for (uint8_t slot = 0; slot < journal->raid->num_members; slot++) {
		const struct head *head = head_of(journal, slot, sequence);

		if (is_present(journal, slot) && head->sequence == sequence) {
			return head;
		}
	}
	return NULL;
}

/* All that should have the record have it, by what its first block says. */
static bool
is_complete(const struct raid_journal *journal, uint64_t sequence)
{
	const struct head *any = find_head(journal, sequence);

	for (uint8_t slot = 0; any != NULL && slot < journal->raid->num_members; slot++) {
		const struct head *head = head_of(journal, slot, sequence);

		if (takes_part(journal, slot, any) &&
			(head->sequence != sequence ||
				memcmp(head->participants, any->participants, sizeof(any->participants)) != 0)) {
			return false;
		}
	}
	return any != NULL;
}

static void
replay_next_member(struct raid_journal *journal)
{
	struct journal_replay *replay = journal->replay;
	const struct head *any = find_head(journal, replay->sequence);

	while (any != NULL && (replay->complete || replay->writing) && replay->slot < journal->raid->num_members &&
		!takes_part(journal, replay->slot, any)) {
		replay->slot++;
	}
	if (any != NULL && (replay->complete || replay->writing) && replay->slot < journal->raid->num_members) {
		replay_read(journal);
	} else if (any != NULL && replay->complete && !replay->writing) {
		replay->writing = true;
		replay->slot = 0;
		replay->num_replayed++;
		replay_next_member(journal);
	} else {
		replay->sequence++;
		replay_next_record(journal);
	}
}

static void
replay_next_record(struct raid_journal *journal)
{
	struct journal_replay *replay = journal->replay;

	while (replay->sequence < journal->new_tail && !is_complete(journal, replay->sequence)) {
		replay->sequence++;
	}
	if (replay->sequence == journal->new_tail) {
		replay_flush(journal);
		return;
	}
	replay->slot = 0;
	replay->complete = true;
	replay->writing = false;
	replay_next_member(journal);
}

/* ---- What there is ---- */

static void
read_head(struct raid_journal *journal, const struct raid_member *member, uint32_t index, const uint8_t *block)
{
	struct raid_journal_record record;
	struct head *head = &journal->replay->heads[(size_t)member->slot * journal->num_slots + index];
	uint64_t tail = journal->replay->tail;

	if (raid_journal_record_decode(block, journal->block_size, &record) != NULL ||
		spdk_uuid_compare(&record.uuid, &journal->raid->bdev.uuid) != 0 || record.slot != member->slot ||
		record.sequence < tail || record.sequence - tail >= journal->num_slots ||
		record.sequence % journal->num_slots != index || !is_set(record.participants, member->slot) ||
		record.num_blocks == 0 || record.offset_blocks >= member->data_size ||
		record.num_blocks > member->data_size - record.offset_blocks ||
		(!record.zeroes && record.num_blocks > journal->strip_blocks)) {
		return;
	}
	head->sequence = record.sequence;
	memcpy(head->participants, record.participants, sizeof(head->participants));
	head->offset_blocks = record.offset_blocks;
	head->num_blocks = record.num_blocks;
	head->data_crc = record.data_crc;
	head->zeroes = record.zeroes;
	journal->new_tail = spdk_max(journal->new_tail, record.sequence + 1);
}

static bool
submit_heads(struct raid_group_member *member)
{
	struct raid_journal *journal = member->group->arg;

	if (member->step > 0) {
		read_head(journal, member->io.member, member->step - 1, block_of(journal, member));
	}
	if (member->step == journal->num_slots) {
		return false;
	}
	raid_area_read(&member->io, block_of(journal, member), journal_slot_block(journal, member->step), 1);
	return true;
}

static void
replay_records(struct raid_group *group)
{
	struct raid_journal *journal = group->arg;

	for (uint8_t slot = 0; slot < group->raid->num_members; slot++) {
		journal->replay->failed[slot] = group->members[slot].active && group->members[slot].failed;
	}
	journal->replay->sequence = journal->replay->tail;
	replay_next_record(journal);
}

static void
read_tail(struct raid_journal *journal, const uint8_t *block)
{
	struct raid_journal_checkpoint checkpoint;

	if (raid_journal_checkpoint_decode(block, journal->block_size, &checkpoint) == NULL &&
		spdk_uuid_compare(&checkpoint.uuid, &journal->raid->bdev.uuid) == 0 &&
		checkpoint.slot_blocks == journal->slot_blocks && checkpoint.num_slots == journal->num_slots &&
		checkpoint.tail < UINT64_MAX / 2) {
		journal->replay->found_tail = true;
		journal->replay->tail = spdk_max(journal->replay->tail, checkpoint.tail);
	}
}

static bool
submit_tail(struct raid_group_member *member)
{
	struct raid_journal *journal = member->group->arg;

	if (member->step > 0) {
		read_tail(journal, block_of(journal, member));
		return false;
	}
	raid_area_read(&member->io, block_of(journal, member), journal->first_block, 1);
	return true;
}

static void
replay_heads(struct raid_group *group)
{
	struct raid_journal *journal = group->arg;

	if (!journal->replay->found_tail) {
		SPDK_ERRLOG("%s: no member says where its journal begins\n", journal->raid->bdev.name);
		replay_end(journal, journal->replay->waiter, -EILSEQ);
		return;
	}
	journal->new_tail = journal->replay->tail;
	raid_group_run(group, submit_heads, replay_records);
}

static int
replay_alloc(struct raid_journal *journal)
{
	size_t num_heads = (size_t)journal->raid->num_members * journal->num_slots;
	struct journal_replay *replay = calloc(1, sizeof(*replay));

	journal->replay = replay;
	if (replay == NULL) {
		return -ENOMEM;
	}
	replay->heads = calloc(num_heads, sizeof(*replay->heads));
	replay->data = spdk_dma_malloc(journal->strip_blocks * journal->buffer_size, 4096, NULL);
	replay->md = journal->md_len > 0 ? spdk_dma_malloc(journal->strip_blocks * journal->md_len, 4096, NULL) : NULL;
	replay->blocks = spdk_dma_malloc((size_t)journal->raid->num_members * journal->buffer_size, 4096, NULL);
	return replay->heads != NULL && replay->data != NULL && (replay->md != NULL || journal->md_len == 0) &&
			replay->blocks != NULL
		? 0
		: -ENOMEM;
}

void
raid_journal_replay(struct raid *raid, struct raid_waiter *waiter)
{
	struct raid_journal *journal = raid->journal;

	journal_become_busy(journal);
	if (replay_alloc(journal) != 0) {
		replay_end(journal, waiter, -ENOMEM);
		return;
	}
	journal->replay->waiter = waiter;
	raid_group_run(&journal->group, submit_tail, replay_heads);
}
