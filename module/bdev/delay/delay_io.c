/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The way of an I/O through a delay bdev: down to the base, then on the way back into one of four queues until its time is
 * up. All I/O of a queue waits equally long unless the latency is changed, so a queue is in the order of time by itself,
 * and a single timer for the earliest of its four heads serves any number of I/Os. It rests while nothing waits.
 */

#include "module/bdev/delay/delay_internal.h"

#include "lib/env/env_internal.h"
#include "bdevkit/strict.h"
#include "spdk/env.h"
#include "spdk/likely.h"
#include "spdk/string.h"
#include "spdk/util.h"

/* What the timer may be late, so that many I/Os end together: this part of the latency, and this many in a second. */
#define SLACK_SHIFT 7
#define SLACK_PER_SEC 1000

static struct delay_io *
delay_io_of(struct spdk_bdev_io *bdev_io)
{
	return (struct delay_io *)bdev_io->driver_ctx;
}

static struct spdk_bdev_io *
bdev_io_of(struct delay_io *io)
{
	return spdk_bdev_io_from_ctx(io);
}

static inline uint64_t
get_latency(const struct delay_bdev *delay, enum delay_latency which)
{
	return atomic_load_explicit(&delay->latency[which], memory_order_relaxed);
}

static inline uint64_t
add_ticks(uint64_t a, uint64_t b)
{
	return a + b < a ? UINT64_MAX : a + b;
}

void
delay_io_set_latency(struct delay_bdev *delay, enum delay_latency which, uint64_t latency_us)
{
	unsigned __int128 ticks = (unsigned __int128)latency_us * spdk_get_ticks_hz() / SPDK_SEC_TO_USEC;

	delay->latency_us[which] = latency_us;
	atomic_store_explicit(
		&delay->latency[which], ticks > UINT64_MAX ? UINT64_MAX : (uint64_t)ticks, memory_order_relaxed);
}

/* ---- The end of waiting ---- */

static void
stop_waiting(struct delay_channel *ch, struct delay_io *io)
{
	TAILQ_REMOVE(&ch->waiting[io->which], io, link);
	io->is_waiting = false;
}

/* Its time is up: it ends as the base has ended it. */
static void
release(struct delay_channel *ch, struct delay_io *io)
{
	stop_waiting(ch, io);
	if (io->base_io != NULL) {
		bdk_bdev_forward_done(bdev_io_of(io), io->base_io);
	} else {
		spdk_bdev_io_complete(bdev_io_of(io), SPDK_BDEV_IO_STATUS_SUCCESS);
	}
}

static void
free_base_io_cb(struct spdk_bdev_io *base_io, bool success, void *cb_arg)
{
	spdk_bdev_free_io(base_io);
}

/* It is aborted, whatever the base has said. */
static void
abort_waiting(struct delay_channel *ch, struct delay_io *io)
{
	struct spdk_bdev_io *bdev_io = bdev_io_of(io);
	bool is_lent = io->base_io != NULL && bdev_io->type == SPDK_BDEV_IO_TYPE_ZCOPY && bdev_io->u.bdev.zcopy.start;

	stop_waiting(ch, io);
	/* The base gets back what it has lent for a zero-copy, of which the user does not know yet. */
	if (!is_lent || spdk_bdev_zcopy_end(io->base_io, false, free_base_io_cb, NULL) != 0) {
		if (io->base_io != NULL) {
			spdk_bdev_free_io(io->base_io);
		}
	}
	spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_ABORTED);
}

/* For a channel on which nothing is delayed any more, so that there is an end. */
static void
end_all_waiting(struct delay_channel *ch, void (*end)(struct delay_channel *ch, struct delay_io *io))
{
	struct delay_io *io;

	for (int which = 0; which < DELAY_NUM_LATENCIES; which++) {
		while ((io = TAILQ_FIRST(&ch->waiting[which])) != NULL) {
			end(ch, io);
		}
	}
}

/* ---- The timer ---- */

static uint64_t
get_slack(const struct delay_bdev *delay, enum delay_latency which)
{
	return spdk_min(get_latency(delay, which) >> SLACK_SHIFT, spdk_get_ticks_hz() / SLACK_PER_SEC);
}

static void
set_timer(struct delay_channel *ch, uint64_t due)
{
	ch->timer_due = due;
	bdk_poller_set_due(ch->timer, due);
}

static int
poll_timer(void *ctx)
{
	struct delay_channel *ch = ctx;
	const struct delay_bdev *delay = ch->delay;
	uint64_t now = spdk_get_ticks(), next = UINT64_MAX, due;
	struct delay_io *io;
	bool busy = false;

	for (int which = 0; which < DELAY_NUM_LATENCIES; which++) {
		while ((io = TAILQ_FIRST(&ch->waiting[which])) != NULL && io->due <= now) {
			release(ch, io);
			busy = true;
		}
	}
	/* Again from the first: their owners may have changed any of them. */
	for (int which = 0; which < DELAY_NUM_LATENCIES; which++) {
		io = TAILQ_FIRST(&ch->waiting[which]);
		if (io != NULL) {
			due = add_ticks(io->due, get_slack(delay, which));
			next = spdk_min(next, due);
		}
	}
	set_timer(ch, next);
	return busy ? SPDK_POLLER_BUSY : SPDK_POLLER_IDLE;
}

/* ---- The way back ---- */

static void
start_waiting(struct delay_channel *ch, struct spdk_bdev_io *bdev_io, struct spdk_bdev_io *base_io,
	enum delay_latency which, uint64_t latency)
{
	struct delay_io *io = delay_io_of(bdev_io);
	bool is_first = TAILQ_EMPTY(&ch->waiting[which]);
	uint64_t due;

	io->which = which;
	io->is_waiting = true;
	io->due = add_ticks(spdk_get_ticks(), latency);
	io->base_io = base_io;
	bdk_strict_keep_io(bdev_io);
	TAILQ_INSERT_TAIL(&ch->waiting[which], io, link);
	if (is_first) {
		due = add_ticks(io->due, get_slack(ch->delay, which));
		if (due < ch->timer_due) {
			set_timer(ch, due);
		}
	}
}

/* Which average delays this I/O; DELAY_NUM_LATENCIES: none. */
static inline enum delay_latency
get_average(const struct spdk_bdev_io *bdev_io)
{
	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_READ:
		return DELAY_AVG_READ;
	case SPDK_BDEV_IO_TYPE_WRITE:
		return DELAY_AVG_WRITE;
	case SPDK_BDEV_IO_TYPE_ZCOPY:
		if (bdev_io->u.bdev.zcopy.start) {
			return bdev_io->u.bdev.zcopy.populate ? DELAY_AVG_READ : DELAY_NUM_LATENCIES;
		}
		return bdev_io->u.bdev.zcopy.commit ? DELAY_AVG_WRITE : DELAY_NUM_LATENCIES;
	default:
		return DELAY_NUM_LATENCIES;
	}
}

/* The average or the percentile behind it. */
static inline enum delay_latency
draw_latency(struct delay_channel *ch, enum delay_latency average)
{
	return (spdk_rand_xorshift64(&ch->random) >> 32) * 100 >> 32 == 0 ? average + 1 : average;
}

/* What the base has aborted, somebody waits for who has asked for that. base_io: NULL if the base has not had it. */
static bool
ends_at_once(struct delay_bdev *delay, const struct spdk_bdev_io *base_io)
{
	return atomic_load_explicit(&delay->undelayed, memory_order_relaxed) != 0 || base_io == NULL ||
		base_io->internal.status == SPDK_BDEV_IO_STATUS_ABORTED;
}

static void
base_done_cb(struct spdk_bdev_io *base_io, bool success, void *cb_arg)
{
	struct spdk_bdev_io *bdev_io = cb_arg;
	struct delay_channel *ch = spdk_io_channel_get_ctx(spdk_bdev_io_get_io_channel(bdev_io));
	enum delay_latency which = get_average(bdev_io);
	uint64_t latency;

	if (which == DELAY_NUM_LATENCIES) {
		if (bdev_io->type == SPDK_BDEV_IO_TYPE_RESET) {
			atomic_fetch_and(&ch->delay->undelayed, ~DELAY_RESETTING);
		}
		bdk_bdev_forward_done(bdev_io, base_io);
		return;
	}
	which = draw_latency(ch, which);
	latency = get_latency(ch->delay, which);
	if ((latency == 0 && TAILQ_EMPTY(&ch->waiting[which])) || ends_at_once(ch->delay, base_io)) {
		bdk_bdev_forward_done(bdev_io, base_io);
		return;
	}
	if (success && bdev_io->type != SPDK_BDEV_IO_TYPE_ZCOPY) {
		/* Thousands may wait: each of them takes one object, not two. */
		spdk_bdev_free_io(base_io);
		base_io = NULL;
	}
	start_waiting(ch, bdev_io, base_io, which, latency);
}

/* ---- The way down ---- */

static void
reset_channel(struct spdk_io_channel_iter *i)
{
	end_all_waiting(spdk_io_channel_get_ctx(spdk_io_channel_iter_get_channel(i)), abort_waiting);
	spdk_for_each_channel_continue(i, 0);
}

static void
reset_base(struct spdk_io_channel_iter *i, int status)
{
	struct spdk_bdev_io *bdev_io = spdk_io_channel_iter_get_ctx(i);
	struct delay_channel *ch = spdk_io_channel_get_ctx(spdk_bdev_io_get_io_channel(bdev_io));

	bdk_bdev_forward(bdev_io, &ch->base);
}

static void
submit_abort(struct delay_channel *ch, struct spdk_bdev_io *bdev_io)
{
	struct delay_io *target = delay_io_of(bdev_io->u.abort.bio_to_abort);

	if (!target->is_waiting) {
		bdk_bdev_forward(bdev_io, &ch->base);
		return;
	}
	abort_waiting(ch, target);
	spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
}

void
delay_io_submit(struct spdk_io_channel *io_ch, struct spdk_bdev_io *bdev_io)
{
	struct delay_channel *ch = spdk_io_channel_get_ctx(io_ch);

	delay_io_of(bdev_io)->is_waiting = false;
	if (spdk_unlikely(bdev_io->type == SPDK_BDEV_IO_TYPE_ABORT)) {
		submit_abort(ch, bdev_io);
	} else if (spdk_unlikely(bdev_io->type == SPDK_BDEV_IO_TYPE_RESET)) {
		/* What the base gives back from now on must not wait, or it would come after the reset. */
		atomic_fetch_or(&ch->delay->undelayed, DELAY_RESETTING);
		bdk_for_each_channel(&ch->delay->reset_walk, ch->delay, reset_channel, bdev_io, reset_base);
	} else {
		bdk_bdev_forward(bdev_io, &ch->base);
	}
}

/* ---- Leaving ---- */

static void
leave_channel(struct spdk_io_channel_iter *i)
{
	end_all_waiting(spdk_io_channel_get_ctx(spdk_io_channel_iter_get_channel(i)), release);
	spdk_for_each_channel_continue(i, 0);
}

static void
left(struct spdk_io_channel_iter *i, int status)
{
}

void
delay_io_leave(struct bdk_vbdev *vbdev)
{
	struct delay_bdev *delay = SPDK_CONTAINEROF(vbdev, struct delay_bdev, vbdev);

	if ((atomic_fetch_or(&delay->undelayed, DELAY_LEAVING) & DELAY_LEAVING) == 0) {
		bdk_for_each_channel(&delay->leave_walk, delay, leave_channel, NULL, left);
	}
}

/* ---- Channels ---- */

int
delay_channel_create(struct bdk_vbdev *vbdev, void *ctx)
{
	struct delay_channel *ch = ctx;

	ch->delay = SPDK_CONTAINEROF(vbdev, struct delay_bdev, vbdev);
	ch->base.desc = vbdev->base_desc;
	ch->base.ch = ch->vbdev.base_ch;
	ch->base.done_cb = base_done_cb;
	for (int which = 0; which < DELAY_NUM_LATENCIES; which++) {
		TAILQ_INIT(&ch->waiting[which]);
	}
	ch->random = env_random_u64() | 1;
	/* Its period does not matter: it is told when it is due. */
	ch->timer = SPDK_POLLER_REGISTER(poll_timer, ch, SPDK_SEC_TO_USEC);
	if (ch->timer == NULL) {
		return -ENOMEM;
	}
	set_timer(ch, UINT64_MAX);
	return 0;
}

void
delay_channel_destroy(struct bdk_vbdev *vbdev, void *ctx)
{
	struct delay_channel *ch = ctx;

	spdk_poller_unregister(&ch->timer);
}
