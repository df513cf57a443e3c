/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Modules that run out of memory. An I/O that a module completes with NOMEM waits here and is given to it again when
 * some of those that were outstanding have completed. The owner does not notice.
 */

#include "lib/bdev/io_internal.h"

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
disarm_poller(struct bdev_shared *shared)
{
	if (shared->nomem_polling) {
		shared->nomem_polling = false;
		spdk_poller_pause(shared->nomem_poller);
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
			if (bdev_io->internal.marks & BDEV_IO_TRACED) {
				bdev_trace_module(bdev_io);
			}
			bdev_io_submit_to_module(bdev_io, bdev_io->internal.ch);
		}
	}
	shared->busy = false;
	if (TAILQ_EMPTY(&shared->nomem_queue)) {
		set_gates(shared, false);
		disarm_poller(shared);
	}
}

static int
poll_idle(void *ctx)
{
	struct bdev_shared *shared = ctx;

	if (count_outstanding(shared) > 0) {
		/* The next completion will do it. */
		disarm_poller(shared);
		return SPDK_POLLER_BUSY;
	}
	retry(shared);
	return SPDK_POLLER_BUSY;
}

/* Makes sure that something will try again. */
static void
arm_poller(struct bdev_shared *shared)
{
	if (!shared->nomem_polling && !TAILQ_EMPTY(&shared->nomem_queue) && count_outstanding(shared) == 0) {
		shared->nomem_polling = true;
		spdk_poller_resume(shared->nomem_poller);
	}
}

int
bdev_retry_init(struct bdev_shared *shared)
{
	TAILQ_INIT(&shared->nomem_queue);
	/* Made now, as when it is needed there may be no memory for it. */
	shared->nomem_poller = SPDK_POLLER_REGISTER(poll_idle, shared, IDLE_RETRY_US);
	if (shared->nomem_poller == NULL) {
		return -ENOMEM;
	}
	spdk_poller_pause(shared->nomem_poller);
	return 0;
}

void
bdev_retry_fini(struct bdev_shared *shared)
{
	assert(TAILQ_EMPTY(&shared->nomem_queue));
	spdk_poller_unregister(&shared->nomem_poller);
}

void
bdev_retry_queue(struct spdk_bdev_io *bdev_io)
{
	struct bdev_shared *shared = bdev_io->internal.ch->shared;
	uint64_t outstanding = count_outstanding(shared);

	bdev_io->internal.flags |= BDEV_IO_QUEUED_NOMEM;
	if (bdev_io->internal.marks & BDEV_IO_TRACED) {
		bdev_trace_wait(bdev_io, BDK_TRACE_WAIT_MODULE);
	}
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
		disarm_poller(shared);
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
			/* Their end is decided: who is told of one may want to abort another, which waits no more. */
			bdev_io->internal.flags &= ~BDEV_IO_QUEUED_NOMEM;
			bdev_io->internal.status = SPDK_BDEV_IO_STATUS_ABORTED;
		}
	}
	shrunk(shared);
	while ((bdev_io = TAILQ_FIRST(&aborted)) != NULL) {
		TAILQ_REMOVE(&aborted, bdev_io, internal_link);
		bdev_io_end(bdev_io, SPDK_BDEV_IO_STATUS_ABORTED);
	}
}
