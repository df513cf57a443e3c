/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Modules that run out of memory. An I/O that a module completes with NOMEM waits here and is given to it again when
 * some of those that were outstanding have completed. The owner does not notice.
 */

#include "lib/bdev/bdev_internal.h"

/* So many have to complete, of many, before it is worth trying again. */
#define COUNT 8
#define IDLE_RETRY_US 10000

static uint64_t
count_outstanding(const struct bdev_shared *shared)
{
	const struct bdev_channel *ch;
	uint64_t sum = 0;

	TAILQ_FOREACH (ch, &shared->channels, link) {
		sum += ch->outstanding;
	}
	return sum;
}

static void
set_gates(struct bdev_shared *shared, bool closed)
{
	struct bdev_channel *ch;

	TAILQ_FOREACH (ch, &shared->channels, link) {
		if (closed) {
			ch->gates |= BDEV_GATE_NOMEM;
		} else {
			ch->gates &= ~BDEV_GATE_NOMEM;
		}
	}
}

static void
retry(struct bdev_shared *shared)
{
	struct spdk_bdev_io *bdev_io;

	if (shared->busy) {
		return;
	}
	shared->busy = true;
	shared->refused = false;
	while (!shared->refused && (bdev_io = TAILQ_FIRST(&shared->nomem_queue)) != NULL) {
		TAILQ_REMOVE(&shared->nomem_queue, bdev_io, internal_link);
		bdev_io->internal.flags &= ~BDEV_IO_QUEUED_NOMEM;
		bdev_io->internal.flags |= BDEV_IO_IN_SUBMIT;
		bdev_io->num_retries++;
		if (bdev_io->internal.marks & BDEV_IO_CONVERTING) {
			bdev_convert_retry(bdev_io);
		} else if (bdev_io->type == SPDK_BDEV_IO_TYPE_ABORT) {
			bdev_abort_submit(bdev_io);
		} else {
			bdev_io_submit_to_module(bdev_io, bdev_io->internal.ch);
		}
	}
	shared->busy = false;
	if (TAILQ_EMPTY(&shared->nomem_queue)) {
		set_gates(shared, false);
		spdk_poller_unregister(&shared->nomem_poller);
	}
}

static int
poll_idle(void *ctx)
{
	struct bdev_shared *shared = ctx;

	if (count_outstanding(shared) > 0) {
		/* The next completion will do it. */
		spdk_poller_unregister(&shared->nomem_poller);
		return SPDK_POLLER_BUSY;
	}
	retry(shared);
	return SPDK_POLLER_BUSY;
}

static void retry_all_cb(void *ctx);

/* For want of memory for a poller: retries in each turn of the thread, until there is. */
static void
send_retry(struct bdev_thread *thread)
{
	if (!thread->retry_sent) {
		/* The message keeps what it works on. */
		spdk_get_io_channel(&g_bdev_manager);
		thread->retry_sent = true;
		bdk_msg_send(thread->thread, &thread->retry_msg, retry_all_cb, thread);
	}
}

/* Makes sure that something will try again. */
static void
arm_poller(struct bdev_shared *shared)
{
	if (shared->nomem_poller == NULL && !TAILQ_EMPTY(&shared->nomem_queue) && count_outstanding(shared) == 0) {
		shared->nomem_poller = SPDK_POLLER_REGISTER(poll_idle, shared, IDLE_RETRY_US);
		if (shared->nomem_poller == NULL) {
			send_retry(shared->thread);
		}
	}
}

static void
retry_all_cb(void *ctx)
{
	struct bdev_thread *thread = ctx;
	struct bdev_shared *shared;

	thread->retry_sent = false;
	/* Channels come and go by message only: the list stays as it is. */
	TAILQ_FOREACH (shared, &thread->shared, link) {
		if (shared->nomem_poller == NULL && count_outstanding(shared) == 0) {
			retry(shared);
			arm_poller(shared);
		}
	}
	spdk_put_io_channel(spdk_io_channel_from_ctx(thread));
}

void
bdev_retry_queue(struct spdk_bdev_io *bdev_io)
{
	struct bdev_shared *shared = bdev_io->internal.ch->shared;
	uint64_t outstanding = count_outstanding(shared);

	bdev_io->internal.flags |= BDEV_IO_QUEUED_NOMEM;
	TAILQ_INSERT_HEAD(&shared->nomem_queue, bdev_io, internal_link);
	shared->nomem_threshold = spdk_max(outstanding / 2, outstanding > COUNT ? outstanding - COUNT : 0);
	shared->refused = true;
	set_gates(shared, true);
	arm_poller(shared);
}

void
bdev_retry_queue_behind(struct spdk_bdev_io *bdev_io)
{
	struct bdev_shared *shared = bdev_io->internal.ch->shared;

	bdev_io->internal.flags &= ~BDEV_IO_IN_SUBMIT;
	bdev_io->internal.flags |= BDEV_IO_QUEUED_NOMEM;
	TAILQ_INSERT_TAIL(&shared->nomem_queue, bdev_io, internal_link);
	if (shared->nomem_threshold == 0) {
		bdev_retry_kick(shared);
	}
}

void
bdev_retry_kick(struct bdev_shared *shared)
{
	if (count_outstanding(shared) <= shared->nomem_threshold) {
		retry(shared);
	}
	arm_poller(shared);
}

/* Some have left the queue without having been tried again. */
static void
shrunk(struct bdev_shared *shared)
{
	if (TAILQ_EMPTY(&shared->nomem_queue)) {
		set_gates(shared, false);
		spdk_poller_unregister(&shared->nomem_poller);
	}
}

void
bdev_retry_cancel(struct spdk_bdev_io *bdev_io)
{
	struct bdev_shared *shared = bdev_io->internal.ch->shared;

	TAILQ_REMOVE(&shared->nomem_queue, bdev_io, internal_link);
	bdev_io->internal.flags &= ~BDEV_IO_QUEUED_NOMEM;
	shrunk(shared);
}

void
bdev_retry_abort(struct bdev_channel *ch)
{
	struct bdev_shared *shared = ch->shared;
	struct spdk_bdev_io *bdev_io, *next;
	bdev_io_tailq_t aborted;

	TAILQ_INIT(&aborted);
	TAILQ_FOREACH_SAFE (bdev_io, &shared->nomem_queue, internal_link, next) {
		if (bdev_io->internal.ch == ch) {
			TAILQ_REMOVE(&shared->nomem_queue, bdev_io, internal_link);
			TAILQ_INSERT_TAIL(&aborted, bdev_io, internal_link);
		}
	}
	shrunk(shared);
	while ((bdev_io = TAILQ_FIRST(&aborted)) != NULL) {
		TAILQ_REMOVE(&aborted, bdev_io, internal_link);
		bdev_io->internal.flags &= ~BDEV_IO_QUEUED_NOMEM;
		bdev_io_end(bdev_io, SPDK_BDEV_IO_STATUS_ABORTED);
	}
}
