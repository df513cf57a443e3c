/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The life of the journal, and its checkpoints. On the application thread, one thing at a time:
 *
 *   checkpoint_begin: what is over, in the order of numbers. checkpoint_flush: what was written in place is durable; members
 *   on which it is not have left before anybody says so. checkpoint_write: each member says where the journal begins now.
 *   checkpoint_end: only then slots before that are used again.
 *
 *   format_begin: the first blocks of all slots become zeroes, and there is a checkpoint.
 */

#include "module/bdev/raid/raid_journal_internal.h"

#include "spdk/log.h"
#include "spdk/thread.h"
#include "spdk/util.h"

/* A journal is about that large, if that makes it no smaller or larger than so many slots. */
#define TARGET_SIZE (16 * 1024 * 1024)
#define MIN_SLOTS 4
#define MAX_SLOTS 256
/* Of all slots together: first blocks are kept in memory. */
#define MAX_RECORDS 4096
#define MAX_STRIP_SIZE (4 * 1024 * 1024)

uint32_t g_raid_journal_max_slots = MAX_SLOTS;

static void go_on(struct raid_journal *journal);

uint64_t
raid_journal_choose_size(uint64_t strip_blocks, uint32_t data_block_size, uint8_t num_members)
{
	uint64_t slot_blocks = 1 + strip_blocks, num_slots;

	if (strip_blocks == 0 || strip_blocks > MAX_STRIP_SIZE / data_block_size) {
		return 0;
	}
	num_slots = TARGET_SIZE / data_block_size / slot_blocks;
	num_slots = spdk_min(num_slots, spdk_min(g_raid_journal_max_slots, MAX_RECORDS / num_members));
	return 1 + spdk_max(num_slots, MIN_SLOTS) * slot_blocks;
}

/* ---- Its life ---- */

static const struct spdk_bdev *
any_member(const struct raid *raid)
{
	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		if (raid->members[slot].desc != NULL) {
			return raid->members[slot].bdev;
		}
	}
	return NULL;
}

static int
set_layout(struct raid_journal *journal, const struct spdk_bdev *bdev)
{
	const struct raid *raid = journal->raid;
	uint64_t num_slots;

	journal->block_size = spdk_bdev_get_data_block_size(bdev);
	journal->buffer_size = bdev->blocklen;
	journal->md_len = bdev->md_interleave ? 0 : bdev->md_len;
	journal->strip_blocks = (uint64_t)raid->strip_size_kb * 1024 / journal->block_size;
	journal->first_block = RAID_JOURNAL_OFFSET / journal->block_size;
	if (journal->strip_blocks == 0 || journal->strip_blocks > MAX_STRIP_SIZE / journal->block_size ||
		raid->journal_blocks <= 1 || RAID_JOURNAL_OFFSET % journal->block_size != 0) {
		return -EINVAL;
	}
	journal->slot_blocks = 1 + (uint32_t)journal->strip_blocks;
	num_slots = (raid->journal_blocks - 1) / journal->slot_blocks;
	/* What was recorded may be anything. */
	if (num_slots < MIN_SLOTS || num_slots > spdk_max(MIN_SLOTS, MAX_RECORDS / raid->num_members)) {
		return -EINVAL;
	}
	journal->num_slots = (uint32_t)num_slots;
	return 0;
}

static int
alloc_entries(struct raid_journal *journal)
{
	size_t num_parts = (size_t)journal->num_slots * journal->raid->num_members;

	journal->entries = calloc(journal->num_slots, sizeof(*journal->entries));
	journal->parts = calloc(num_parts, sizeof(*journal->parts));
	journal->blocks = spdk_dma_zmalloc(num_parts * journal->buffer_size, 4096, NULL);
	journal->checkpoint = spdk_dma_zmalloc(journal->buffer_size, 4096, NULL);
	journal->zeroes = spdk_dma_zmalloc(journal->buffer_size, 4096, NULL);
	journal->add_waiters = calloc(journal->raid->num_members, sizeof(*journal->add_waiters));
	if (journal->entries == NULL || journal->parts == NULL || journal->blocks == NULL ||
		journal->checkpoint == NULL || journal->zeroes == NULL || journal->add_waiters == NULL) {
		return -ENOMEM;
	}
	for (size_t i = 0; i < num_parts; i++) {
		struct raid_journal_entry *entry = &journal->entries[i / journal->raid->num_members];

		entry->journal = journal;
		entry->parts = &journal->parts[i - i % journal->raid->num_members];
		journal->parts[i].entry = entry;
		journal->parts[i].block = journal->blocks + i * journal->buffer_size;
	}
	return 0;
}

int
raid_journal_create(struct raid *raid)
{
	const struct spdk_bdev *bdev = any_member(raid);
	struct raid_journal *journal;
	int rc;

	if (bdev == NULL) {
		return -EINVAL;
	}
	journal = calloc(1, sizeof(*journal));
	if (journal == NULL) {
		return -ENOMEM;
	}
	journal->raid = raid;
	journal->next = 1;
	journal->tail = 1;
	TAILQ_INIT(&journal->waiting);
	rc = set_layout(journal, bdev);
	if (rc != 0 || env_mutex_init(&journal->lock) != 0) {
		free(journal);
		return rc != 0 ? rc : -ENOMEM;
	}
	raid->journal = journal;
	if (alloc_entries(journal) != 0 || raid_group_init(&journal->group, raid, journal) != 0) {
		raid_journal_free(raid);
		return -ENOMEM;
	}
	return 0;
}

void
raid_journal_free(struct raid *raid)
{
	struct raid_journal *journal = raid->journal;

	if (journal == NULL) {
		return;
	}
	assert(!journal->busy && TAILQ_EMPTY(&journal->waiting));
	raid->journal = NULL;
	raid_group_fini(&journal->group);
	env_mutex_destroy(&journal->lock);
	free(journal->add_waiters);
	spdk_dma_free(journal->zeroes);
	spdk_dma_free(journal->checkpoint);
	spdk_dma_free(journal->blocks);
	free(journal->parts);
	free(journal->entries);
	free(journal);
}

int
raid_journal_get_status(const struct raid *raid)
{
	return raid->journal->status;
}

/* ---- One thing at a time ---- */

void
journal_become_busy(struct raid_journal *journal)
{
	assert(!journal->busy);
	journal->busy = true;
	raid_hold(journal->raid);
}

void
journal_become_idle(struct raid_journal *journal)
{
	struct raid *raid = journal->raid;

	journal->busy = false;
	go_on(journal);
	raid_let_go(raid);
}

void
journal_kick(struct raid_journal *journal)
{
	if (!__atomic_exchange_n(&journal->kicked, true, __ATOMIC_ACQ_REL)) {
		bdk_msg_send(spdk_thread_get_app_thread(), &journal->kick_msg, journal_kick_cb, journal);
	}
}

void
journal_kick_cb(void *arg)
{
	struct raid_journal *journal = arg;

	__atomic_store_n(&journal->kicked, false, __ATOMIC_RELEASE);
	go_on(journal);
}

/* ---- Steps with members ---- */

void
journal_draw_checkpoint(struct raid_journal *journal)
{
	struct raid_journal_checkpoint checkpoint = {
		.uuid = journal->raid->bdev.uuid,
		.tail = journal->new_tail,
		.slot_blocks = journal->slot_blocks,
		.num_slots = journal->num_slots,
	};

	raid_journal_checkpoint_encode(journal->checkpoint, journal->block_size, &checkpoint);
}

bool
journal_submit_flush(struct raid_group_member *member)
{
	if (member->step > 0) {
		return false;
	}
	raid_area_flush(&member->io);
	return true;
}

bool
journal_submit_checkpoint(struct raid_group_member *member)
{
	struct raid_journal *journal = member->group->arg;

	switch (member->step) {
	case 0:
		raid_area_write(&member->io, journal->checkpoint, journal->first_block, 1);
		return true;
	case 1:
		raid_area_flush(&member->io);
		return true;
	default:
		return false;
	}
}

/* ---- Checkpoints ---- */

static bool
has_failed_member(const struct raid_group *group)
{
	for (uint8_t slot = 0; slot < group->raid->num_members; slot++) {
		if (group->members[slot].active && group->members[slot].failed) {
			return true;
		}
	}
	return false;
}

/* The number of the first record that is not over. */
static uint64_t
find_tail(const struct raid_journal *journal)
{
	uint64_t next = __atomic_load_n(&journal->next, __ATOMIC_ACQUIRE), tail = journal->tail;

	while (tail < next &&
		__atomic_load_n(&journal->entries[tail % journal->num_slots].done_sequence, __ATOMIC_ACQUIRE) == tail) {
		tail++;
	}
	return tail;
}

static void
checkpoint_end(struct raid_group *group)
{
	struct raid_journal *journal = group->arg;

	journal->broken = journal->broken || (journal->raid->state == RAID_OFFLINE && has_failed_member(group));
	if (!journal->broken) {
		__atomic_store_n(&journal->tail, journal->new_tail, __ATOMIC_RELEASE);
	}
	journal_wake(journal);
	journal_become_idle(journal);
}

static void
checkpoint_leave(struct raid_group *group)
{
	raid_group_leave(group, checkpoint_end);
}

static void
checkpoint_write(struct raid_group *group)
{
	struct raid_journal *journal = group->arg;

	if (journal->raid->state == RAID_OFFLINE && has_failed_member(group)) {
		/* Those that have failed stay in the superblocks: what they lack has to be replayed. */
		checkpoint_end(group);
		return;
	}
	journal_draw_checkpoint(journal);
	raid_group_run(group, journal_submit_checkpoint, checkpoint_leave);
}

static void
checkpoint_flushed(struct raid_group *group)
{
	raid_group_leave(group, checkpoint_write);
}

static void
checkpoint_begin(struct raid_journal *journal)
{
	journal_become_busy(journal);
	raid_group_run(&journal->group, journal_submit_flush, checkpoint_flushed);
}

/* ---- Formatting ---- */

static bool
submit_format(struct raid_group_member *member)
{
	struct raid_journal *journal = member->group->arg;

	if (journal->format_member != NULL && journal->format_member != member->io.member) {
		return false;
	}
	if (member->step < journal->num_slots) {
		raid_area_write(&member->io, journal->zeroes, journal_slot_block(journal, member->step), 1);
		return true;
	}
	if (member->step == journal->num_slots) {
		raid_area_write(&member->io, journal->checkpoint, journal->first_block, 1);
		return true;
	}
	if (member->step == journal->num_slots + 1) {
		raid_area_flush(&member->io);
		return true;
	}
	return false;
}

static void
format_end(struct raid_group *group)
{
	struct raid_journal *journal = group->arg;
	struct raid_waiter **link = journal->format_member == NULL
		? &journal->format_waiter
		: &journal->add_waiters[journal->format_member->slot];
	struct raid_waiter *waiter = *link;

	*link = NULL;
	if (journal->format_member == NULL) {
		waiter->cb(waiter->arg);
	} else {
		/* All that its predecessor took part in has to be over. */
		waiter->next = journal->waiters;
		journal->waiters = waiter;
		journal->waiters_until = __atomic_load_n(&journal->next, __ATOMIC_ACQUIRE);
		__atomic_store_n(&journal->urgent, true, __ATOMIC_RELEASE);
	}
	journal_become_idle(journal);
}

static void
format_leave(struct raid_group *group)
{
	raid_group_leave(group, format_end);
}

static void
format_begin(struct raid_journal *journal, struct raid_member *member)
{
	journal_become_busy(journal);
	journal->format_member = member;
	journal->new_tail = journal->tail;
	journal_draw_checkpoint(journal);
	raid_group_run(&journal->group, submit_format, format_leave);
}

void
raid_journal_format(struct raid *raid, struct raid_waiter *waiter)
{
	struct raid_journal *journal = raid->journal;

	assert(journal->format_waiter == NULL);
	journal->format_waiter = waiter;
	go_on(journal);
}

void
raid_journal_add_member(struct raid_member *member, struct raid_waiter *waiter)
{
	struct raid_journal *journal = member->raid->journal;

	assert(journal->add_waiters[member->slot] == NULL);
	journal->add_waiters[member->slot] = waiter;
	go_on(journal);
}

void
raid_journal_finish(struct raid *raid, struct raid_waiter *waiter)
{
	waiter->next = raid->journal->finish_waiters;
	raid->journal->finish_waiters = waiter;
	go_on(raid->journal);
}

/* ---- What is next ---- */

static void
call_waiters(struct raid_waiter **list)
{
	struct raid_waiter *waiter = *list;

	*list = NULL;
	while (waiter != NULL) {
		struct raid_waiter *next = waiter->next;

		waiter->cb(waiter->arg);
		waiter = next;
	}
}

/* Returns false if there is nothing to format. */
static bool
format_next(struct raid_journal *journal)
{
	if (journal->format_waiter != NULL) {
		format_begin(journal, NULL);
		return true;
	}
	for (uint8_t slot = 0; slot < journal->raid->num_members; slot++) {
		if (journal->add_waiters[slot] != NULL) {
			format_begin(journal, &journal->raid->members[slot]);
			return true;
		}
	}
	return false;
}

static bool
is_checkpoint_wanted(struct raid_journal *journal)
{
	uint64_t num_used = __atomic_load_n(&journal->next, __ATOMIC_ACQUIRE) - journal->tail;

	return journal->urgent || journal->finish_waiters != NULL || num_used >= journal->num_slots / 2;
}

static void
note_offline(struct raid_journal *journal)
{
	if (journal->raid->state == RAID_OFFLINE && !journal->offline) {
		__atomic_store_n(&journal->offline, true, __ATOMIC_RELEASE);
		journal_wake(journal);
	}
}

static void
go_on(struct raid_journal *journal)
{
	if (journal->busy) {
		return;
	}
	note_offline(journal);
	if (journal->waiters != NULL && (journal->tail >= journal->waiters_until || journal->offline)) {
		__atomic_store_n(&journal->urgent, false, __ATOMIC_RELEASE);
		call_waiters(&journal->waiters);
	}
	if (journal->busy) {
		return;
	}
	if (format_next(journal)) {
		return;
	}
	journal->new_tail = find_tail(journal);
	if (journal->new_tail > journal->tail && is_checkpoint_wanted(journal) && !journal->broken) {
		checkpoint_begin(journal);
		return;
	}
	call_waiters(&journal->finish_waiters);
}
