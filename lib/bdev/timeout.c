/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * I/O that takes long. While a descriptor has a timeout and I/O, its thread looks once in a second: it walks over the
 * channels of the bdev, on whose threads the owner is told.
 *
 * A look that finds nothing is the last one. It leaves a gate on each channel where it has found nothing, so that the
 * first I/O there sends word to the threads of all descriptors that have a timeout; after that, I/O does not meet it.
 * Word that comes during a look counts: the I/O may have begun where the look has been already.
 *
 * A walk, or word of I/O, may outlive the descriptor; what they need is apart from it and goes with the last of the three.
 */

#include "lib/bdev/io_internal.h"
#include "bdevkit/thread.h"

#define CHECK_PERIOD_US 1000000
/* How many times at which the process stood still are remembered: those before have passed for I/O that is so old. */
#define MAX_STOPS 8

/* A time in which nobody ran, so that no I/O can have ended for its user. */
struct stop {
	uint64_t end;
	uint64_t ticks;
};

struct bdev_timeout {
	struct spdk_bdev *bdev;
	const struct spdk_bdev_desc *desc;
	uint64_t thread_id;
	/* Under the bdev's lock. ticks 0: nobody is told any more. */
	uint64_t ticks;
	spdk_bdev_io_timeout_cb cb_fn;
	void *cb_arg;
	/* A ring; next_stop is where the oldest is. */
	struct stop stops[MAX_STOPS];
	uint32_t next_stop;
	/* Word that I/O has begun is on its way; under the bdev's lock until the descriptor is closed. */
	bool word_sent;
	struct bdk_msg word;

	/* The descriptor's thread only. */
	struct spdk_poller *poller;
	/* When the next look is due. */
	uint64_t due;
	bool asleep;
	bool walking;
	bool closed;
	/* Word has come since the walk began. */
	bool begun;
	/* Of the walk: whether there is I/O on any channel, and on this one. */
	bool found;
	bool found_here;
	struct spdk_bdev_channel_iter walk;
};

static void
go_to_sleep(struct bdev_timeout *timeout)
{
	timeout->asleep = true;
	bdk_poller_set_due(timeout->poller, UINT64_MAX);
}

static uint64_t
get_period(void)
{
	return CHECK_PERIOD_US * spdk_get_ticks_hz() / SPDK_SEC_TO_USEC;
}

static void
wake(struct bdev_timeout *timeout)
{
	if (timeout->asleep) {
		timeout->asleep = false;
		timeout->due = spdk_get_ticks() + get_period();
		bdk_poller_set_due(timeout->poller, timeout->due);
	}
}

/* What came last, of all that may outlive the descriptor. */
static void
free_unused(struct bdev_timeout *timeout)
{
	if (timeout->closed && !timeout->walking && !timeout->word_sent) {
		free(timeout);
	}
}

/* ---- the first I/O ---- */

static void
io_began_cb(void *ctx)
{
	struct bdev_timeout *timeout = ctx;
	struct bdev_state *state;

	if (timeout->closed) {
		/* The bdev may be gone. */
		timeout->word_sent = false;
		free_unused(timeout);
		return;
	}
	state = bdev_state(timeout->bdev);
	env_mutex_lock(&state->lock);
	timeout->word_sent = false;
	env_mutex_unlock(&state->lock);
	timeout->begun = true;
	if (timeout->poller != NULL) {
		wake(timeout);
	}
}

void
bdev_timeout_io_begins(struct bdev_channel *ch)
{
	struct bdev_state *state = bdev_state(ch->bdev);
	struct bdev_timeout *timeout;
	struct spdk_bdev_desc *desc;

	ch->gates &= ~BDEV_GATE_TIMEOUT;
	ENV_MUTEX_SCOPE(&state->lock);
	TAILQ_FOREACH (desc, &state->descs, link) {
		timeout = desc->timeout;
		if (timeout != NULL && timeout->ticks != 0 && !timeout->word_sent) {
			timeout->word_sent =
				bdk_msg_send_to_id(timeout->thread_id, &timeout->word, io_began_cb, timeout) == 0;
		}
	}
}

void
bdev_timeout_channel_init(struct bdev_channel *ch)
{
	struct bdev_state *state = bdev_state(ch->bdev);
	struct spdk_bdev_desc *desc;

	/* Looks that were before could not find it; those that begin after this do. */
	ENV_MUTEX_SCOPE(&state->lock);
	TAILQ_FOREACH (desc, &state->descs, link) {
		if (desc->timeout != NULL) {
			ch->gates |= BDEV_GATE_TIMEOUT;
		}
	}
}

/* ---- looking ---- */

/*
 * A look that comes more than a period too late: the process was stopped, or its machine slept, and what has ended
 * meanwhile is not known yet. Nor did whoever carries out the I/O get that time, if it slept, too. When that began is
 * not known: all since the last look is taken for it.
 */
static void
note_stop(struct bdev_timeout *timeout)
{
	struct bdev_state *state = bdev_state(timeout->bdev);
	uint64_t now = spdk_get_ticks(), since = now + get_period() - timeout->due;

	timeout->due = now + get_period();
	if (since < 2 * get_period()) {
		return;
	}
	ENV_MUTEX_SCOPE(&state->lock);
	timeout->stops[timeout->next_stop++ % MAX_STOPS] = (struct stop){.end = now, .ticks = since};
}

/* How long an I/O has had to end. */
static uint64_t
get_age(const struct bdev_timeout *timeout, const struct spdk_bdev_io *bdev_io)
{
	uint64_t begin = bdev_io->internal.submit_tsc, age = spdk_get_ticks() - begin;

	for (int i = 0; i < MAX_STOPS; i++) {
		if (timeout->stops[i].end > begin) {
			/* It may have begun at the end of that. */
			age -= spdk_min(spdk_min(timeout->stops[i].ticks, timeout->stops[i].end - begin), age);
		}
	}
	return age;
}

/* Called for each I/O, as the owner may change its mind, or close, at any time. */
static bool
is_late(struct bdev_timeout *timeout, const struct spdk_bdev_io *bdev_io, spdk_bdev_io_timeout_cb *cb_fn, void **cb_arg)
{
	struct bdev_state *state = bdev_state(timeout->bdev);

	ENV_MUTEX_SCOPE(&state->lock);
	if (timeout->ticks == 0 || get_age(timeout, bdev_io) < timeout->ticks) {
		return false;
	}
	*cb_fn = timeout->cb_fn;
	*cb_arg = timeout->cb_arg;
	return true;
}

/* By way of the bdev above, if it is one of the bdev below at the moment. */
static bool
came_by(const struct spdk_bdev_desc *desc, struct spdk_bdev_io *bdev_io)
{
	return bdev_io->internal.desc == desc ||
		(bdev_io->internal.cb == bdev_route_end_cb && bdev_io_private(bdev_io)->upper.desc == desc);
}

static int
check_io(void *ctx, struct spdk_bdev_io *bdev_io)
{
	struct bdev_timeout *timeout = ctx;
	spdk_bdev_io_timeout_cb cb_fn;
	void *cb_arg;

	if (!came_by(timeout->desc, bdev_io)) {
		return 0;
	}
	timeout->found_here = true;
	if (!(bdev_io->internal.flags & BDEV_IO_CHILD) && is_late(timeout, bdev_io, &cb_fn, &cb_arg)) {
		cb_fn(cb_arg, bdev_io);
	}
	return 0;
}

static void
check_channel_cb(struct spdk_bdev_channel_iter *i, struct spdk_bdev *bdev, struct spdk_io_channel *io_ch, void *ctx)
{
	struct bdev_channel *ch = spdk_io_channel_get_ctx(io_ch);
	struct bdev_timeout *timeout = ctx;

	timeout->found_here = false;
	bdev_channel_for_each_io(ch, check_io, timeout);
	if (timeout->found_here) {
		timeout->found = true;
	} else {
		ch->gates |= BDEV_GATE_TIMEOUT;
	}
	spdk_bdev_for_each_channel_continue(i, 0);
}

/* The bdev may be gone, if the descriptor has been closed. */
static void
checked_cb(struct spdk_bdev *bdev, void *ctx, int status)
{
	struct bdev_timeout *timeout = ctx;

	timeout->walking = false;
	if (timeout->closed) {
		free_unused(timeout);
	} else if (timeout->poller != NULL && !timeout->found && !timeout->begun) {
		go_to_sleep(timeout);
	}
}

static int
check(void *ctx)
{
	struct bdev_timeout *timeout = ctx;

	note_stop(timeout);
	if (timeout->walking) {
		return SPDK_POLLER_IDLE;
	}
	timeout->walking = true;
	timeout->begun = false;
	timeout->found = false;
	bdev_for_each_channel(&timeout->walk, timeout->bdev, check_channel_cb, timeout, checked_cb);
	return SPDK_POLLER_BUSY;
}

/* ---- beginning and end ---- */

static void
set(struct bdev_timeout *timeout, uint64_t ticks, spdk_bdev_io_timeout_cb cb_fn, void *cb_arg)
{
	struct bdev_state *state = bdev_state(timeout->bdev);

	ENV_MUTEX_SCOPE(&state->lock);
	timeout->ticks = ticks;
	timeout->cb_fn = cb_fn;
	timeout->cb_arg = cb_arg;
}

static void
publish(struct spdk_bdev_desc *desc, struct bdev_timeout *timeout)
{
	struct bdev_state *state = bdev_state(desc->bdev);

	ENV_MUTEX_SCOPE(&state->lock);
	desc->timeout = timeout;
}

static int
start(struct spdk_bdev_desc *desc)
{
	struct bdev_timeout *timeout = desc->timeout;

	if (timeout == NULL) {
		timeout = calloc(1, sizeof(*timeout));
		if (timeout == NULL) {
			return -1;
		}
		timeout->bdev = desc->bdev;
		timeout->desc = desc;
		timeout->thread_id = desc->thread_id;
		publish(desc, timeout);
	}
	if (timeout->poller == NULL) {
		timeout->asleep = false;
		timeout->due = spdk_get_ticks() + get_period();
		timeout->poller = SPDK_POLLER_REGISTER(check, timeout, CHECK_PERIOD_US);
	}
	return timeout->poller == NULL ? -1 : 0;
}

int
spdk_bdev_set_timeout(struct spdk_bdev_desc *desc, uint64_t timeout_in_sec, spdk_bdev_io_timeout_cb cb_fn, void *cb_arg)
{
	uint64_t hz = spdk_get_ticks_hz();

	if (spdk_get_thread() == NULL || spdk_thread_get_id(spdk_get_thread()) != desc->thread_id) {
		SPDK_ERRLOG("bdev %s: a timeout is set on the thread of its descriptor\n", desc->bdev->name);
		return -1;
	}
	if (timeout_in_sec == 0) {
		if (desc->timeout != NULL) {
			set(desc->timeout, 0, NULL, NULL);
			spdk_poller_unregister(&desc->timeout->poller);
		}
		return 0;
	}
	if (cb_fn == NULL || start(desc) != 0) {
		return -1;
	}
	/* A look leaves the gates, and sleeps again if there is no I/O. */
	wake(desc->timeout);
	set(desc->timeout, timeout_in_sec > UINT64_MAX / hz ? UINT64_MAX : timeout_in_sec * hz, cb_fn, cb_arg);
	return 0;
}

void
bdev_timeout_close(struct spdk_bdev_desc *desc)
{
	struct bdev_timeout *timeout = desc->timeout;
	struct spdk_thread *thread = spdk_get_thread();

	if (timeout == NULL) {
		return;
	}
	set(timeout, 0, NULL, NULL);
	publish(desc, NULL);
	/* Otherwise the thread has exited, and its poller with it. */
	if (thread != NULL && spdk_thread_get_id(thread) == timeout->thread_id) {
		spdk_poller_unregister(&timeout->poller);
	}
	timeout->closed = true;
	free_unused(timeout);
}
