/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The steps of an I/O through stripes, in their order, slice by slice:
 *
 *   lock: its rows are its own.
 *   slice: which rows come next, and what is to be done about them: raid_stripe_plan.c.
 *   read_old: what that takes is read.
 *   compute: what is missing, and the parity: raid_stripe_compute.c.
 *   log: the journal gets what is about to be written.
 *   write_new: it is written in its place.
 *   written: the journal need not keep it any longer.
 *   slice_done: the next one.
 *   zero_members: instead of all that, whole stripes become zeroes.
 *   end: as any I/O. When nobody reads any more from members that have not got it, raid_parity_release() unlocks the rows and
 *   begins the next section, if there is one.
 *
 * A member that cannot be read is done without: the slice is planned anew. If one cannot be written, the section ends with
 * this slice: the member leaves, and the rest goes on as another section. Nothing is written of a slice before all of it has
 * been read and computed, so whatever becomes of the members between two of these steps, those that are left have rows that
 * belong together.
 */

#include "module/bdev/raid/raid_journal.h"
#include "module/bdev/raid/raid_stripe.h"

#include "spdk/likely.h"
#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/util.h"

/* How often writes are tried again that the array cannot do without. */
#define MAX_RETRIES 3

static void advance(struct raid_stripe *stripe);

static uint8_t
num_columns(const struct raid_stripe *stripe)
{
	return stripe->pool->raid->num_members;
}

static void
enter(struct raid_stripe *stripe, enum raid_stripe_step step)
{
	stripe->step = step;
	stripe->next_column = 0;
	stripe->outstanding = 1;
}

/* ---- Requests to members ---- */

static void
column_failed(struct raid_stripe_column *column)
{
	struct raid_stripe *stripe = column->stripe;

	if (stripe->step == RAID_STRIPE_READ_OLD) {
		stripe->bad[column->slot / 64] |= UINT64_C(1) << (column->slot % 64);
		stripe->has_bad = stripe->has_bad || !raid_io_was_reset(stripe->io);
		stripe->replan = true;
	} else {
		raid_io_set_failed_on(stripe->io, column->slot);
		stripe->some_failed = true;
	}
}

static void
request_done_cb(struct spdk_bdev_io *base_io, bool success, void *cb_arg)
{
	struct raid_stripe_column *column = cb_arg;
	struct raid_stripe *stripe = column->stripe;

	if (spdk_unlikely(!success)) {
		raid_interrupt_note(&stripe->pool->raid->members[column->slot], base_io);
	}
	spdk_bdev_free_io(base_io);
	if (spdk_unlikely(!success)) {
		column_failed(column);
	} else if (stripe->step != RAID_STRIPE_READ_OLD) {
		stripe->io->num_succeeded = 1;
	}
	raid_member_channel_put(&stripe->io->ch->members[column->slot]);
	if (--stripe->outstanding == 0) {
		advance(stripe);
	}
}

static void
resume_cb(void *arg)
{
	advance(arg);
}

static int
submit_rw(struct raid_stripe_column *column, struct spdk_io_channel *ch)
{
	const struct raid_stripe *stripe = column->stripe;
	const struct raid_member *member = &stripe->pool->raid->members[column->slot];
	bool is_read = stripe->step == RAID_STRIPE_READ_OLD;
	const struct raid_stripe_content *content = is_read ? &column->old : &column->new;
	const struct spdk_bdev_io_block_params *params = &raid_bdev_io(stripe->io)->u.bdev;
	void *md = stripe->pool->raid->parity->md_len > 0 ? content->md.iov_base : NULL;
	uint64_t offset = member->data_offset + column->row;

	if (is_read) {
		return spdk_bdev_readv_blocks_with_md(member->desc, ch, content->iovs, content->iovcnt, md, offset,
			column->num_rows, request_done_cb, column);
	}
	if (spdk_unlikely(params->nvme_cdw12.raw != 0)) {
		struct spdk_bdev_ext_io_opts opts = {
			.size = sizeof(opts), .metadata = md, .nvme_cdw12 = params->nvme_cdw12};

		return spdk_bdev_writev_blocks_ext(member->desc, ch, content->iovs, content->iovcnt, offset,
			column->num_rows, request_done_cb, column, &opts);
	}
	return spdk_bdev_writev_blocks_with_md(member->desc, ch, content->iovs, content->iovcnt, md, offset,
		column->num_rows, request_done_cb, column);
}

static int
submit_column(struct raid_stripe_column *column, struct spdk_io_channel *ch)
{
	const struct raid_stripe *stripe = column->stripe;
	const struct raid_member *member = &stripe->pool->raid->members[column->slot];

	if (stripe->step == RAID_STRIPE_ZERO_MEMBERS) {
		return spdk_bdev_write_zeroes_blocks(member->desc, ch, member->data_offset + stripe->lock.first_row,
			stripe->lock.num_rows, request_done_cb, column);
	}
	return submit_rw(column, ch);
}

static bool
is_wanted(const struct raid_stripe_column *column)
{
	switch (column->stripe->step) {
	case RAID_STRIPE_READ_OLD:
		return column->reads;
	case RAID_STRIPE_WRITE_NEW:
	case RAID_STRIPE_ZERO_MEMBERS:
		return column->writes;
	default:
		return false;
	}
}

/* For memory, until there is some. */
static void
wait_for_memory(struct raid_stripe *stripe, uint8_t slot)
{
	struct raid_io *io = stripe->io;

	io->wait.bdev = stripe->pool->raid->members[slot].bdev;
	io->wait.cb_fn = resume_cb;
	io->wait.cb_arg = stripe;
	if (spdk_bdev_queue_io_wait(io->wait.bdev, io->ch->members[slot].ch, &io->wait) != 0) {
		bdk_msg_send(spdk_get_thread(), &stripe->lock.msg, resume_cb, stripe);
	}
}

/* Submits the requests of a step to all columns; true: all of them have ended. It goes on where it had to wait. */
static bool
run_requests(struct raid_stripe *stripe)
{
	if (stripe->outstanding == 0) {
		return true;
	}
	for (; stripe->next_column < num_columns(stripe); stripe->next_column++) {
		struct raid_stripe_column *column = &stripe->columns[stripe->next_column];
		struct spdk_io_channel *ch;
		int rc;

		if (!is_wanted(column)) {
			continue;
		}
		ch = raid_get_member_channel(stripe->io->ch, column->slot);
		if (ch == NULL) {
			/* It has gone meanwhile. Changes are done without it. */
			if (stripe->step == RAID_STRIPE_READ_OLD) {
				column_failed(column);
			}
			continue;
		}
		rc = submit_column(column, ch);
		if (rc == -ENOMEM) {
			wait_for_memory(stripe, column->slot);
			return false;
		}
		if (rc != 0) {
			SPDK_ERRLOG_RATELIMIT("%s: its member in slot %u refuses a request: %s\n",
				stripe->pool->raid->bdev.name, column->slot, spdk_strerror(-rc));
			column_failed(column);
			continue;
		}
		stripe->outstanding++;
		stripe->io->ch->members[column->slot].outstanding++;
	}
	return --stripe->outstanding == 0;
}

/* ---- Steps; each returns whether to go on at once ---- */

static void
locked_cb(void *arg)
{
	struct raid_stripe *stripe = arg;

	enter(stripe, stripe->kind == RAID_STRIPE_ZERO ? RAID_STRIPE_LOG : RAID_STRIPE_SLICE);
	advance(stripe);
}

static bool
step_lock(struct raid_stripe *stripe)
{
	stripe->lock.locked_cb = locked_cb;
	stripe->lock.arg = stripe;
	stripe->locked = true;
	if (!raid_stripe_lock_get(&stripe->pool->raid->parity->locks, &stripe->lock)) {
		return false;
	}
	enter(stripe, stripe->kind == RAID_STRIPE_ZERO ? RAID_STRIPE_LOG : RAID_STRIPE_SLICE);
	return true;
}

static bool
step_slice(struct raid_stripe *stripe)
{
	int rc;

	stripe->retries = 0;
	if (!raid_stripe_plan_slice(stripe, &rc)) {
		if (rc != 0) {
			stripe->io->status = SPDK_BDEV_IO_STATUS_FAILED;
		} else {
			/* Also of a section that goes on where there is nothing left. */
			stripe->io->num_succeeded = 1;
		}
		enter(stripe, RAID_STRIPE_END);
		return true;
	}
	enter(stripe, RAID_STRIPE_READ_OLD);
	return true;
}

/* The rows of an I/O that has been read without a lock, and not in whole. */
static void
read_again_with_lock(struct raid_stripe *stripe)
{
	stripe->kind = RAID_STRIPE_READ;
	enter(stripe, RAID_STRIPE_LOCK);
}

static bool
step_read_old(struct raid_stripe *stripe)
{
	if (!run_requests(stripe)) {
		return false;
	}
	if (stripe->replan) {
		stripe->replan = false;
		if (stripe->kind == RAID_STRIPE_DIRECT_READ) {
			read_again_with_lock(stripe);
		} else {
			enter(stripe, RAID_STRIPE_SLICE);
		}
		return true;
	}
	enter(stripe, stripe->kind == RAID_STRIPE_DIRECT_READ ? RAID_STRIPE_END : RAID_STRIPE_COMPUTE);
	return true;
}

static bool
step_compute(struct raid_stripe *stripe)
{
	raid_stripe_compute(stripe);
	enter(stripe, stripe->kind == RAID_STRIPE_READ ? RAID_STRIPE_SLICE_DONE : RAID_STRIPE_LOG);
	return true;
}

static struct raid_stripe *
stripe_of(struct raid_stripe_write *write)
{
	return SPDK_CONTAINEROF(write, struct raid_stripe, write);
}

/* All that is about to be written. */
static void
describe_changes(struct raid_stripe *stripe)
{
	struct raid_stripe_write *write = &stripe->write;

	write->ch = stripe->io->ch;
	write->io = stripe->io;
	write->num_changes = 0;
	for (uint8_t i = 0; i < num_columns(stripe); i++) {
		const struct raid_stripe_column *column = &stripe->columns[i];
		struct raid_stripe_change *change = &write->changes[write->num_changes];

		if (stripe->kind == RAID_STRIPE_ZERO) {
			*change = (struct raid_stripe_change){.slot = column->slot,
				.offset_blocks = stripe->lock.first_row,
				.num_blocks = stripe->lock.num_rows};
			write->num_changes++;
		} else if (column->writes) {
			*change = (struct raid_stripe_change){.slot = column->slot,
				.offset_blocks = column->row,
				.num_blocks = column->num_rows,
				.iovcnt = column->new.iovcnt,
				.iovs = column->new.iovs,
				.md = stripe->pool->raid->parity->md_len > 0 ? column->new.md.iov_base : NULL};
			write->num_changes++;
		}
	}
}

static void
logged_cb(struct raid_stripe_write *write, int status)
{
	struct raid_stripe *stripe = stripe_of(write);

	stripe->some_failed = false;
	if (status != 0) {
		stripe->io->status = SPDK_BDEV_IO_STATUS_FAILED;
		enter(stripe, RAID_STRIPE_END);
	} else {
		enter(stripe, stripe->kind == RAID_STRIPE_ZERO ? RAID_STRIPE_ZERO_MEMBERS : RAID_STRIPE_WRITE_NEW);
	}
	advance(stripe);
}

static bool
step_log(struct raid_stripe *stripe)
{
	stripe->io->num_succeeded = 0;
	stripe->some_failed = false;
	if (stripe->pool->raid->journal != NULL) {
		describe_changes(stripe);
		stripe->write.cb = logged_cb;
		raid_journal_log(&stripe->write);
		return false;
	}
	enter(stripe, stripe->kind == RAID_STRIPE_ZERO ? RAID_STRIPE_ZERO_MEMBERS : RAID_STRIPE_WRITE_NEW);
	return true;
}

static void
written_cb(struct raid_stripe_write *write, int status)
{
	struct raid_stripe *stripe = stripe_of(write);

	if (status != 0) {
		stripe->io->status = SPDK_BDEV_IO_STATUS_FAILED;
		enter(stripe, RAID_STRIPE_END);
	} else {
		enter(stripe, stripe->kind == RAID_STRIPE_ZERO ? RAID_STRIPE_END : RAID_STRIPE_SLICE_DONE);
	}
	advance(stripe);
}

/* What has been written of the section, on all members that are to stay. */
static bool
step_written(struct raid_stripe *stripe)
{
	if (stripe->pool->raid->journal != NULL) {
		stripe->write.cb = written_cb;
		raid_journal_done(&stripe->write);
		return false;
	}
	enter(stripe, stripe->kind == RAID_STRIPE_ZERO ? RAID_STRIPE_END : RAID_STRIPE_SLICE_DONE);
	return true;
}

/* Whether those that have failed are more than the array can do without. */
static bool
has_lost_too_much(const struct raid_stripe *stripe)
{
	const struct raid *raid = stripe->pool->raid;
	uint8_t num_good = 0;

	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		num_good += raid_get_member_channel(stripe->io->ch, slot) != NULL &&
			!raid_io_has_failed_on(stripe->io, slot) &&
			raid_member_is_in_sync(&raid->members[slot], 0, UINT64_MAX);
	}
	return num_good < raid->min_operational;
}

/* Writes that have failed are tried again. */
static void
write_again(struct raid_stripe *stripe)
{
	stripe->some_failed = false;
	for (uint8_t i = 0; i < num_columns(stripe); i++) {
		struct raid_stripe_column *column = &stripe->columns[i];

		column->writes = column->writes && raid_io_has_failed_on(stripe->io, column->slot);
		if (column->writes) {
			raid_io_clear_failed_on(stripe->io, column->slot);
		}
	}
	enter(stripe, stripe->step);
}

/* What has not been written because of a reset is written when that has ended. */
static void
wait_for_reset(struct raid_stripe *stripe)
{
	struct raid_stripe_pool *pool = stripe->pool;

	if (TAILQ_EMPTY(&pool->waiting_for_reset)) {
		bdk_poller_set_due(pool->timer, spdk_get_ticks() + spdk_get_ticks_hz() / 1000);
	}
	TAILQ_INSERT_TAIL(&pool->waiting_for_reset, stripe, link);
}

int
raid_stripe_poll_timer(void *arg)
{
	struct raid_stripe_pool *pool = arg;
	TAILQ_HEAD(, raid_stripe) stripes = TAILQ_HEAD_INITIALIZER(stripes);
	struct raid_stripe *stripe;

	if (raid_is_in_reset(pool->raid)) {
		return SPDK_POLLER_IDLE;
	}
	bdk_poller_set_due(pool->timer, UINT64_MAX);
	TAILQ_SWAP(&stripes, &pool->waiting_for_reset, raid_stripe, link);
	while ((stripe = TAILQ_FIRST(&stripes)) != NULL) {
		TAILQ_REMOVE(&stripes, stripe, link);
		stripe->io->resets = raid_count_resets(pool->raid);
		write_again(stripe);
		advance(stripe);
	}
	return SPDK_POLLER_BUSY;
}

static bool
step_write_new(struct raid_stripe *stripe)
{
	if (!run_requests(stripe)) {
		return false;
	}
	if (spdk_likely(!stripe->some_failed)) {
		enter(stripe, RAID_STRIPE_WRITTEN);
		return true;
	}
	if (raid_io_was_reset(stripe->io)) {
		wait_for_reset(stripe);
		return false;
	}
	if (!has_lost_too_much(stripe)) {
		enter(stripe, RAID_STRIPE_WRITTEN);
	} else if (++stripe->retries <= MAX_RETRIES) {
		write_again(stripe);
	} else {
		enter(stripe, stripe->pool->raid->journal != NULL ? RAID_STRIPE_WRITTEN : RAID_STRIPE_END);
	}
	return true;
}

static bool
step_slice_done(struct raid_stripe *stripe)
{
	stripe->row = stripe->next_row;
	if (stripe->some_failed) {
		/* Members leave that lack it. The rest is a section of its own. */
		stripe->is_cut_short = true;
		enter(stripe, RAID_STRIPE_END);
		return true;
	}
	enter(stripe, RAID_STRIPE_SLICE);
	return true;
}

static bool
step_zero_members(struct raid_stripe *stripe)
{
	if (!run_requests(stripe)) {
		return false;
	}
	if (spdk_unlikely(stripe->some_failed) && raid_io_was_reset(stripe->io)) {
		wait_for_reset(stripe);
		return false;
	}
	if (spdk_unlikely(stripe->some_failed) && has_lost_too_much(stripe) && ++stripe->retries <= MAX_RETRIES) {
		write_again(stripe);
		return true;
	}
	enter(stripe, RAID_STRIPE_WRITTEN);
	return true;
}

static bool
step_end(struct raid_stripe *stripe)
{
	raid_io_put(stripe->io);
	return false;
}

static bool (*const g_steps[RAID_STRIPE_NUM_STEPS])(struct raid_stripe *stripe) = {
	[RAID_STRIPE_LOCK] = step_lock,
	[RAID_STRIPE_SLICE] = step_slice,
	[RAID_STRIPE_READ_OLD] = step_read_old,
	[RAID_STRIPE_COMPUTE] = step_compute,
	[RAID_STRIPE_LOG] = step_log,
	[RAID_STRIPE_WRITE_NEW] = step_write_new,
	[RAID_STRIPE_WRITTEN] = step_written,
	[RAID_STRIPE_SLICE_DONE] = step_slice_done,
	[RAID_STRIPE_ZERO_MEMBERS] = step_zero_members,
	[RAID_STRIPE_END] = step_end,
};

static void
advance(struct raid_stripe *stripe)
{
	while (g_steps[stripe->step](stripe)) {
	}
}

/* ---- Sections ---- */

static void
set_rows_to_lock(struct raid_stripe *stripe)
{
	const struct raid *raid = stripe->pool->raid;
	uint64_t mask = raid->strip_size - 1, first = 0, end = raid->strip_size;

	if (stripe->begin >> raid->strip_shift == (stripe->end - 1) >> raid->strip_shift) {
		first = stripe->begin & mask;
		end = ((stripe->end - 1) & mask) + 1;
	}
	stripe->lock.first_row = (stripe->index << raid->strip_shift) + first;
	stripe->lock.num_rows = end - first;
}

/* As many whole stripes as there are up to the end, and in the zone of the first one. */
static void
set_section_of_stripes(struct raid_stripe *stripe, uint64_t num_blocks)
{
	const struct raid *raid = stripe->pool->raid;
	uint64_t zone = UINT64_C(1) << (raid->parity->locks.zone_shift - raid->strip_shift);
	uint64_t num_stripes = spdk_min(num_blocks / raid->parity->stripe_blocks, zone - stripe->index % zone);

	stripe->kind = RAID_STRIPE_ZERO;
	stripe->lock.first_row = stripe->index << raid->strip_shift;
	stripe->lock.num_rows = num_stripes << raid->strip_shift;
	stripe->next_block += num_stripes * raid->parity->stripe_blocks;
}

/* What comes next of an I/O. False: nothing is left. */
static bool
next_section(struct raid_stripe *stripe)
{
	const struct raid_parity *parity = stripe->pool->raid->parity;
	const struct spdk_bdev_io *bdev_io = raid_bdev_io(stripe->io);
	uint64_t end = bdev_io->u.bdev.offset_blocks + bdev_io->u.bdev.num_blocks;
	bool is_rw = bdev_io->type == SPDK_BDEV_IO_TYPE_READ || bdev_io->type == SPDK_BDEV_IO_TYPE_WRITE;

	while (stripe->next_block < end) {
		uint64_t num_blocks = end - stripe->next_block;

		stripe->index = stripe->next_block / parity->stripe_blocks;
		stripe->begin = stripe->next_block % parity->stripe_blocks;
		stripe->row = 0;
		if (!is_rw && stripe->begin == 0 && num_blocks >= parity->stripe_blocks) {
			set_section_of_stripes(stripe, num_blocks);
			return true;
		}
		stripe->end = spdk_min(parity->stripe_blocks, stripe->begin + num_blocks);
		stripe->next_block += stripe->end - stripe->begin;
		/* Whoever unmaps says that nobody needs it; a part of a stripe is needed by the other part. */
		if (bdev_io->type != SPDK_BDEV_IO_TYPE_UNMAP) {
			stripe->kind = is_rw ? RAID_STRIPE_WRITE : RAID_STRIPE_FILL;
			set_rows_to_lock(stripe);
			return true;
		}
	}
	return false;
}

static void
begin_section(struct raid_stripe *stripe)
{
	const struct raid *raid = stripe->pool->raid;
	uint64_t mask = raid->strip_size - 1;

	stripe->io->remaining++;
	stripe->io->num_succeeded = 0;
	stripe->retries = 0;
	stripe->replan = false;
	stripe->some_failed = false;
	if (!stripe->is_cut_short && stripe->kind != RAID_STRIPE_ZERO &&
		stripe->begin >> raid->strip_shift == (stripe->end - 1) >> raid->strip_shift) {
		stripe->row = stripe->begin & mask;
	}
	stripe->is_cut_short = false;
	raid_stripe_plan_section(stripe);
	enter(stripe, RAID_STRIPE_LOCK);
	if (raid_bdev_io(stripe->io)->type == SPDK_BDEV_IO_TYPE_READ) {
		stripe->kind = RAID_STRIPE_READ;
		if (raid_stripe_plan_direct(stripe)) {
			stripe->kind = RAID_STRIPE_DIRECT_READ;
			enter(stripe, RAID_STRIPE_READ_OLD);
		}
	}
	advance(stripe);
}

static void
begin(struct raid_stripe_pool *pool, struct raid_io *io)
{
	struct raid_stripe *stripe = TAILQ_FIRST(&pool->free);

	TAILQ_REMOVE(&pool->free, stripe, link);
	io->stripe = stripe;
	stripe->io = io;
	stripe->locked = false;
	stripe->is_cut_short = false;
	memcpy(stripe->bad, io->failed, sizeof(stripe->bad));
	stripe->has_bad = raid_io_has_failed(io) && !raid_io_was_reset(io);
	memset(io->failed, 0, sizeof(io->failed));
	stripe->next_block = raid_bdev_io(io)->u.bdev.offset_blocks;
	if (!next_section(stripe)) {
		io->num_succeeded = 1;
		io->remaining++;
		enter(stripe, RAID_STRIPE_END);
		advance(stripe);
		return;
	}
	begin_section(stripe);
}

/* What waits goes on. One after the other, not one within the end of another. */
static void
dispatch(struct raid_stripe_pool *pool)
{
	struct raid_io *io;

	if (pool->is_dispatching) {
		return;
	}
	pool->is_dispatching = true;
	while ((io = TAILQ_FIRST(&pool->waiting)) != NULL && !TAILQ_EMPTY(&pool->free)) {
		TAILQ_REMOVE(&pool->waiting, io, link);
		io->remaining--;
		begin(pool, io);
	}
	pool->is_dispatching = false;
}

void
raid_stripe_submit(struct raid_io *io)
{
	struct raid_stripe_pool *pool = io->ch->stripes;

	if (TAILQ_EMPTY(&pool->free)) {
		io->remaining++;
		TAILQ_INSERT_TAIL(&pool->waiting, io, link);
		return;
	}
	begin(pool, io);
}

/* What members could not be read is written again from the others, which was good enough for the I/O. */
static void
repair_bad(struct raid_stripe *stripe)
{
	struct raid *raid = stripe->pool->raid;

	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		if (stripe->bad[slot / 64] & (UINT64_C(1) << (slot % 64))) {
			raid_repair(raid, slot, stripe->lock.first_row, stripe->lock.num_rows);
		}
	}
}

bool
raid_parity_release(struct raid_io *io)
{
	struct raid_stripe *stripe = io->stripe;
	struct raid_stripe_pool *pool;

	if (stripe == NULL) {
		return true;
	}
	pool = stripe->pool;
	if (stripe->locked) {
		raid_stripe_lock_put(&pool->raid->parity->locks, &stripe->lock);
		stripe->locked = false;
	}
	if (spdk_unlikely(stripe->has_bad) && io->status == SPDK_BDEV_IO_STATUS_SUCCESS) {
		repair_bad(stripe);
	}
	if (io->status == SPDK_BDEV_IO_STATUS_SUCCESS && (stripe->is_cut_short || next_section(stripe))) {
		/* Members that have failed have left. */
		memset(io->failed, 0, sizeof(io->failed));
		io->num_joins = io->ch->num_joins;
		begin_section(stripe);
		return false;
	}
	io->stripe = NULL;
	/* The one used last, which the caches still know. */
	TAILQ_INSERT_HEAD(&pool->free, stripe, link);
	dispatch(pool);
	return true;
}
