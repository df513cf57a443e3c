/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The way of a change through the journal, on its thread:
 *
 *   log_begin: members on which this I/O has failed have left, and nobody is half gone. It takes a number, and with it a
 *   slot; if all slots are taken it waits for a checkpoint (raid_journal_checkpoint.c), and whoever has a number never waits
 *   for one that has not.
 *   log_submit, part_submit: a record to each member.
 *   flush_begin: members with a cache are flushed, once for all records that have been written meanwhile.
 *   log_durable: members that could not take their record leave. log_release: nobody is half gone.
 *   log_end: it may be written in place.
 *
 *   raid_journal_done, done_release: it has been. Members that have not got it have left; then its slot may be used again,
 *   after a checkpoint.
 */

#include "module/bdev/raid/raid_journal_internal.h"

#include "spdk/crc32.h"
#include "spdk/likely.h"
#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/util.h"

static void log_release(struct raid_stripe_write *write);

static bool
is_set(const uint64_t *bits, uint8_t slot)
{
	return bits[slot / 64] & UINT64_C(1) << slot % 64;
}

static void
set_bit(uint64_t *bits, uint8_t slot)
{
	bits[slot / 64] |= UINT64_C(1) << slot % 64;
}

static bool
is_any_set(const uint64_t *bits)
{
	return (bits[0] | bits[1] | bits[2] | bits[3]) != 0;
}

static struct raid_journal_channel *
channel_of(const struct raid_stripe_write *write)
{
	return write->ch->journal;
}

/* ---- Members leave ---- */

static void
left_msg_cb(void *arg)
{
	struct raid_stripe_write *write = arg;

	write->left_cb(write);
}

static void
leave_next_cb(void *arg)
{
	struct raid_stripe_write *write = arg;
	struct raid *raid = write->ch->raid;

	while (write->next_slot < raid->num_members && raid->state == RAID_ONLINE) {
		struct raid_member *member = &raid->members[write->next_slot++];

		/* One that joined later is another one. */
		if (!is_set(write->leaving, member->slot) || member->desc == NULL ||
			member->joined > write->io->num_joins) {
			continue;
		}
		if (!member->leaving) {
			raid_member_leave(member, true, NULL);
		}
		write->waiter.cb = leave_next_cb;
		write->waiter.arg = write;
		if (member->join_cb == NULL && raid->state == RAID_ONLINE &&
			raid_member_wait_released(member, &write->waiter)) {
			return;
		}
	}
	if (raid->state != RAID_ONLINE) {
		write->status = -EIO;
		journal_kick(raid->journal);
	}
	bdk_msg_send(channel_of(write)->thread, &write->msg, left_msg_cb, write);
}

void
journal_leave(struct raid_stripe_write *write, const uint64_t *failed, void (*left_cb)(struct raid_stripe_write *write))
{
	write->left_cb = left_cb;
	write->leaving = failed;
	write->next_slot = 0;
	bdk_msg_send(spdk_thread_get_app_thread(), &write->msg, leave_next_cb, write);
}

/* ---- The end of logging ---- */

static void
call_cb(void *arg)
{
	struct raid_stripe_write *write = arg;

	write->cb(write, write->status);
}

static void
log_end(struct raid_stripe_write *write)
{
	bdk_msg_send(channel_of(write)->thread, &write->msg, call_cb, write);
}

/* Until no member is half gone. */
static void
hold(struct raid_stripe_write *write, void (*left_cb)(struct raid_stripe_write *write))
{
	write->left_cb = left_cb;
	TAILQ_INSERT_TAIL(&channel_of(write)->held, write, link);
}

static void
log_release(struct raid_stripe_write *write)
{
	if (write->status == 0 && write->ch->holds > 0) {
		hold(write, log_release);
		return;
	}
	log_end(write);
}

static void
log_durable(struct raid_journal_entry *entry)
{
	if (spdk_unlikely(is_any_set(entry->failed))) {
		journal_leave(entry->write, entry->failed, log_release);
	} else {
		log_release(entry->write);
	}
}

void
raid_journal_channel_release(struct raid_channel *ch)
{
	struct raid_stripe_write *write;

	while (ch->journal != NULL && ch->holds == 0 && (write = TAILQ_FIRST(&ch->journal->held)) != NULL) {
		TAILQ_REMOVE(&ch->journal->held, write, link);
		write->left_cb(write);
	}
}

/* ---- Resets: what has failed because of one is done again ---- */

static void part_submit_cb(void *arg);
static void part_again(struct journal_part *part);
static void flush_submit(struct raid_journal_channel *ch);

static void
wait_for_reset(struct raid_journal_channel *ch)
{
	if (TAILQ_EMPTY(&ch->waiting_for_reset)) {
		bdk_poller_set_due(ch->timer, spdk_get_ticks() + spdk_get_ticks_hz() / 1000);
	}
}

static int
poll_timer(void *arg)
{
	struct raid_journal_channel *ch = arg;
	TAILQ_HEAD(, journal_part) parts = TAILQ_HEAD_INITIALIZER(parts);
	struct journal_part *part;

	if (raid_is_in_reset(ch->ch->raid)) {
		return SPDK_POLLER_IDLE;
	}
	bdk_poller_set_due(ch->timer, UINT64_MAX);
	TAILQ_SWAP(&parts, &ch->waiting_for_reset, journal_part, link);
	while ((part = TAILQ_FIRST(&parts)) != NULL) {
		TAILQ_REMOVE(&parts, part, link);
		part_again(part);
	}
	if (ch->flushes_again) {
		ch->flushes_again = false;
		flush_submit(ch);
	}
	return SPDK_POLLER_BUSY;
}

/* ---- Flushes, for as many as have come together ---- */

static void flush_begin(struct raid_journal_channel *ch);

static void
flush_put(struct raid_journal_channel *ch)
{
	struct raid_journal_entry *entry;

	if (--ch->flushes > 0) {
		return;
	}
	if (ch->flush_was_reset) {
		wait_for_reset(ch);
		ch->flushes_again = true;
		return;
	}
	while ((entry = TAILQ_FIRST(&ch->flushing)) != NULL) {
		TAILQ_REMOVE(&ch->flushing, entry, link);
		log_durable(entry);
	}
	flush_begin(ch);
}

static void
flush_failed(struct raid_journal_channel *ch, uint8_t slot)
{
	struct raid_journal_entry *entry;

	TAILQ_FOREACH (entry, &ch->flushing, link) {
		set_bit(entry->failed, slot);
	}
}

static void
flushed_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	struct journal_flush *flush = cb_arg;
	struct raid_journal_channel *ch = flush->ch;

	if (!success) {
		raid_interrupt_note(&ch->ch->raid->members[flush->slot], bdev_io);
	}
	spdk_bdev_free_io(bdev_io);
	if (!success && raid_was_reset(ch->ch->raid, ch->resets)) {
		ch->flush_was_reset = true;
	} else if (!success) {
		flush_failed(ch, flush->slot);
	}
	raid_member_channel_put(&ch->ch->members[flush->slot]);
	flush_put(ch);
}

static void
flush_submit_cb(void *arg)
{
	struct journal_flush *flush = arg;
	struct raid_journal_channel *ch = flush->ch;
	const struct raid_journal *journal = ch->ch->raid->journal;
	const struct raid_member *member = &ch->ch->raid->members[flush->slot];
	int rc;

	rc = spdk_bdev_flush_blocks(member->desc, ch->ch->members[flush->slot].ch, journal->first_block,
		1 + (uint64_t)journal->num_slots * journal->slot_blocks, flushed_cb, flush);
	if (rc == -ENOMEM) {
		flush->wait.bdev = member->bdev;
		flush->wait.cb_fn = flush_submit_cb;
		flush->wait.cb_arg = flush;
		rc = spdk_bdev_queue_io_wait(member->bdev, ch->ch->members[flush->slot].ch, &flush->wait);
		if (rc != 0) {
			/* It was not for want of I/O objects; that is not the member's fault. */
			bdk_msg_send(ch->thread, &flush->msg, flush_submit_cb, flush);
			rc = 0;
		}
	}
	if (rc != 0) {
		flush_failed(ch, flush->slot);
		raid_member_channel_put(&ch->ch->members[flush->slot]);
		flush_put(ch);
	}
}

static void
flush_submit(struct raid_journal_channel *ch)
{
	const struct raid *raid = ch->ch->raid;
	const struct raid_journal_entry *entry;
	uint64_t participants[4] = {};

	TAILQ_FOREACH (entry, &ch->flushing, link) {
		for (int i = 0; i < 4; i++) {
			participants[i] |= entry->participants[i];
		}
	}
	ch->flush_was_reset = false;
	ch->resets = raid_count_resets(raid);
	ch->flushes = 1;
	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		struct raid_member_channel *member_ch = &ch->ch->members[slot];

		/* One that is leaving is waited for. */
		if (is_set(participants, slot) && raid_get_member_channel(ch->ch, slot) != NULL &&
			raid_area_has_write_cache(&raid->members[slot])) {
			ch->flushes++;
			member_ch->outstanding++;
			flush_submit_cb(&ch->flush[slot]);
		}
	}
	flush_put(ch);
}

static void
flush_begin(struct raid_journal_channel *ch)
{
	if (TAILQ_EMPTY(&ch->flushing) && !TAILQ_EMPTY(&ch->written)) {
		TAILQ_CONCAT(&ch->flushing, &ch->written, link);
		flush_submit(ch);
	}
}

static void
log_written(struct raid_journal_entry *entry)
{
	struct raid_journal_channel *ch = channel_of(entry->write);

	if (!entry->write->ch->raid->bdev.write_cache) {
		log_durable(entry);
		return;
	}
	TAILQ_INSERT_TAIL(&ch->written, entry, link);
	flush_begin(ch);
}

/* ---- Records ---- */

static void
entry_put(struct raid_journal_entry *entry)
{
	if (--entry->remaining == 0) {
		log_written(entry);
	}
}

static void
part_end(struct journal_part *part, bool success)
{
	struct raid_journal_entry *entry = part->entry;
	uint8_t slot = part->change->slot;

	if (!success && raid_io_was_reset(entry->write->io)) {
		/* It is written again when that has ended. */
		wait_for_reset(channel_of(entry->write));
		TAILQ_INSERT_TAIL(&channel_of(entry->write)->waiting_for_reset, part, link);
		return;
	}
	if (!success) {
		set_bit(entry->failed, slot);
	}
	raid_member_channel_put(&entry->write->ch->members[slot]);
	entry_put(entry);
}

static void
part_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	struct journal_part *part = cb_arg;

	if (!success) {
		raid_interrupt_note(&part->entry->journal->raid->members[part->change->slot], bdev_io);
	}
	spdk_bdev_free_io(bdev_io);
	if (success && part->block_only) {
		/* Then the data. */
		part->block_only = false;
		part_submit_cb(part);
		return;
	}
	part_end(part, success);
}

static int
part_write(struct journal_part *part)
{
	struct raid_journal *journal = part->entry->journal;
	const struct raid_stripe_change *change = part->change;
	const struct raid_member *member = &journal->raid->members[change->slot];
	struct spdk_io_channel *ch = part->entry->write->ch->members[change->slot].ch;
	uint64_t block = journal_slot_block(journal, part->entry->sequence);
	struct spdk_bdev_ext_io_opts opts = {.size = sizeof(opts), .metadata = change->md};

	if (part->iovs[0].iov_base != NULL) {
		uint64_t count = 1 + (part->block_only || change->iovcnt == 0 ? 0 : change->num_blocks);
		int iovcnt = count == 1 ? 1 : 1 + change->iovcnt;

		return spdk_bdev_writev_blocks(member->desc, ch, part->iovs, iovcnt, block, count, part_done_cb, part);
	}
	return spdk_bdev_writev_blocks_ext(member->desc, ch, change->iovs, change->iovcnt, block + 1,
		change->num_blocks, part_done_cb, part, &opts);
}

static void
part_submit_cb(void *arg)
{
	struct journal_part *part = arg;
	const struct raid_member *member = &part->entry->journal->raid->members[part->change->slot];
	int rc;

	rc = part_write(part);
	if (rc == 0 && part->block_only) {
		/* What is submitted next is the data. */
		part->iovs[0].iov_base = NULL;
	} else if (rc == -ENOMEM) {
		part->wait.bdev = member->bdev;
		part->wait.cb_fn = part_submit_cb;
		part->wait.cb_arg = part;
		rc = spdk_bdev_queue_io_wait(
			member->bdev, part->entry->write->ch->members[part->change->slot].ch, &part->wait);
		if (rc != 0) {
			bdk_msg_send(channel_of(part->entry->write)->thread, &part->msg, part_submit_cb, part);
			rc = 0;
		}
	}
	if (rc != 0) {
		SPDK_ERRLOG_RATELIMIT("%s: the journal on its member %s refuses a record: %s\n",
			member->raid->bdev.name, member->bdev->name, spdk_strerror(-rc));
		part_end(part, false);
	}
}

static uint32_t
checksum(const struct raid_journal *journal, const struct raid_stripe_change *change)
{
	uint32_t crc = spdk_crc32c_iov_update(change->iovs, change->iovcnt, ~0u);

	if (change->md != NULL && change->iovcnt > 0) {
		crc = spdk_crc32c_update(change->md, change->num_blocks * journal->md_len, crc);
	}
	return ~crc;
}

static void
part_prepare(struct journal_part *part, const uint64_t *participants)
{
	const struct raid_journal *journal = part->entry->journal;
	const struct raid_stripe_change *change = part->change;
	struct raid_journal_record record = {
		.uuid = journal->raid->bdev.uuid,
		.sequence = part->entry->sequence,
		.slot = change->slot,
		.zeroes = change->iovcnt == 0,
		.offset_blocks = change->offset_blocks,
		.num_blocks = change->num_blocks,
		.data_crc = checksum(journal, change),
	};

	memcpy(record.participants, participants, sizeof(record.participants));
	raid_journal_record_encode(part->block, journal->block_size, &record);
	part->iovs[0] = (struct iovec){part->block, journal->buffer_size};
	part->block_only = change->iovcnt > 0 && (change->md != NULL || change->iovcnt >= JOURNAL_IOVS);
	for (int i = 0; i < change->iovcnt && !part->block_only; i++) {
		part->iovs[1 + i] = change->iovs[i];
	}
}

static void
part_again(struct journal_part *part)
{
	struct raid_io *io = part->entry->write->io;

	io->resets = raid_count_resets(io->ch->raid);
	part_prepare(part, part->entry->participants);
	part_submit_cb(part);
}

static void
log_submit(struct raid_stripe_write *write, uint64_t sequence)
{
	struct raid_journal *journal = write->ch->raid->journal;
	struct raid_journal_entry *entry = &journal->entries[sequence % journal->num_slots];
	uint64_t *participants = entry->participants;

	entry->sequence = sequence;
	entry->write = write;
	write->entry = entry;
	memset(entry->failed, 0, sizeof(entry->failed));
	memset(entry->participants, 0, sizeof(entry->participants));
	for (uint16_t i = 0; i < write->num_changes; i++) {
		uint8_t slot = write->changes[i].slot;

		if (raid_get_member_channel(write->ch, slot) != NULL) {
			set_bit(participants, slot);
			write->ch->members[slot].outstanding++;
		}
	}
	entry->remaining = 1;
	for (uint16_t i = 0; i < write->num_changes; i++) {
		struct journal_part *part = &entry->parts[i];

		if (is_set(participants, write->changes[i].slot)) {
			part->change = &write->changes[i];
			part_prepare(part, participants);
			entry->remaining++;
			part_submit_cb(part);
		}
	}
	entry_put(entry);
}

/* ---- Room ---- */

static bool
has_room(const struct raid_journal *journal)
{
	return __atomic_load_n(&journal->next, __ATOMIC_ACQUIRE) - __atomic_load_n(&journal->tail, __ATOMIC_ACQUIRE) <
		journal->num_slots;
}

static bool
take_number(struct raid_journal *journal, uint64_t *sequence)
{
	*sequence = __atomic_load_n(&journal->next, __ATOMIC_ACQUIRE);
	do {
		if (*sequence - __atomic_load_n(&journal->tail, __ATOMIC_ACQUIRE) >= journal->num_slots) {
			return false;
		}
	} while (!__atomic_compare_exchange_n(
		&journal->next, sequence, *sequence + 1, true, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
	return true;
}

static void
log_begin(struct raid_stripe_write *write)
{
	struct raid_journal *journal = write->ch->raid->journal;
	uint64_t sequence;

	if (write->status != 0 || __atomic_load_n(&journal->offline, __ATOMIC_ACQUIRE)) {
		write->status = -EIO;
		log_end(write);
		return;
	}
	if (spdk_unlikely(write->ch->holds > 0)) {
		/* There must be no record without a member that may still count after a crash. */
		hold(write, log_begin);
		return;
	}
	if (spdk_likely(take_number(journal, &sequence))) {
		log_submit(write, sequence);
		return;
	}
	env_mutex_lock(&journal->lock);
	TAILQ_INSERT_TAIL(&journal->waiting, write, link);
	env_mutex_unlock(&journal->lock);
	journal_kick(journal);
	if (has_room(journal)) {
		journal_wake(journal);
	}
}

static void
log_begin_cb(void *arg)
{
	log_begin(arg);
}

void
journal_wake(struct raid_journal *journal)
{
	TAILQ_HEAD(, raid_stripe_write) ready = TAILQ_HEAD_INITIALIZER(ready);
	struct raid_stripe_write *write;

	env_mutex_lock(&journal->lock);
	TAILQ_CONCAT(&ready, &journal->waiting, link);
	env_mutex_unlock(&journal->lock);
	while ((write = TAILQ_FIRST(&ready)) != NULL) {
		TAILQ_REMOVE(&ready, write, link);
		bdk_msg_send(channel_of(write)->thread, &write->msg, log_begin_cb, write);
	}
}

void
raid_journal_log(struct raid_stripe_write *write)
{
	write->status = 0;
	write->entry = NULL;
	if (spdk_unlikely(is_any_set(write->io->failed))) {
		journal_leave(write, write->io->failed, log_begin);
	} else {
		log_begin(write);
	}
}

/* ---- It is in its place ---- */

static void
done_release(struct raid_stripe_write *write)
{
	struct raid_journal_entry *entry = write->entry;
	struct raid_journal *journal = entry->journal;

	if (write->status == 0 && write->ch->holds > 0) {
		hold(write, done_release);
		return;
	}
	if (write->status == 0) {
		entry->write = NULL;
		__atomic_store_n(&entry->done_sequence, entry->sequence, __ATOMIC_RELEASE);
		if (__atomic_load_n(&journal->urgent, __ATOMIC_ACQUIRE) ||
			__atomic_load_n(&journal->next, __ATOMIC_RELAXED) -
					__atomic_load_n(&journal->tail, __ATOMIC_RELAXED) >=
				journal->num_slots / 2) {
			journal_kick(journal);
		}
	}
	log_end(write);
}

void
raid_journal_done(struct raid_stripe_write *write)
{
	if (spdk_unlikely(is_any_set(write->io->failed))) {
		journal_leave(write, write->io->failed, done_release);
	} else {
		done_release(write);
	}
}

/* ---- Channels ---- */

int
raid_journal_channel_create(struct raid_channel *ch)
{
	struct raid_journal_channel *journal_ch = calloc(1, sizeof(*journal_ch));

	if (journal_ch == NULL) {
		return -ENOMEM;
	}
	journal_ch->flush = calloc(ch->raid->num_members, sizeof(*journal_ch->flush));
	journal_ch->timer = spdk_poller_register(poll_timer, journal_ch, 1000);
	if (journal_ch->flush == NULL || journal_ch->timer == NULL) {
		spdk_poller_unregister(&journal_ch->timer);
		free(journal_ch->flush);
		free(journal_ch);
		return -ENOMEM;
	}
	journal_ch->ch = ch;
	journal_ch->thread = spdk_get_thread();
	TAILQ_INIT(&journal_ch->written);
	TAILQ_INIT(&journal_ch->flushing);
	TAILQ_INIT(&journal_ch->held);
	TAILQ_INIT(&journal_ch->waiting_for_reset);
	bdk_poller_set_due(journal_ch->timer, UINT64_MAX);
	for (uint8_t slot = 0; slot < ch->raid->num_members; slot++) {
		journal_ch->flush[slot].ch = journal_ch;
		journal_ch->flush[slot].slot = slot;
	}
	ch->journal = journal_ch;
	return 0;
}

void
raid_journal_channel_destroy(struct raid_channel *ch)
{
	if (ch->journal != NULL) {
		spdk_poller_unregister(&ch->journal->timer);
		free(ch->journal->flush);
		free(ch->journal);
		ch->journal = NULL;
	}
}
