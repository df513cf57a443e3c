/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Completions that come back late, and in another order than modules make them in: a seam for simulations. What a module
 * completes is held by its channel, which ends some of it, in any order, each time that its poller runs. For whoever
 * waits for it, and for the rest of the layer, it is still inside the module.
 */

#include "lib/bdev/io_internal.h"
#include "spdk/bdev_module.h"

#include "bdevkit/bdev_module.h"

/* One in so many of those that are held is ended each time. */
#define END_ONE_IN 3

struct bdev_late {
	struct bdev_channel *ch;
	/* Paused while nothing is held. */
	struct spdk_poller *poller;
	bdev_io_tailq_t held;
};

static _Atomic uint64_t g_late_period_us;

void
bdk_bdev_delay_completions(uint64_t period_us)
{
	g_late_period_us = period_us;
}

/* A reset ends the I/O before it, so it ends after it. */
static bool
may_end(const struct spdk_bdev_io *bdev_io)
{
	return bdev_io->type != SPDK_BDEV_IO_TYPE_RESET ||
		__atomic_load_n(&bdev_state(bdev_io->bdev)->num_late, __ATOMIC_SEQ_CST) == 0;
}

static int
poll_late(void *ctx)
{
	struct bdev_late *late = ctx;
	struct spdk_bdev_io *bdev_io, *next;
	bdev_io_tailq_t ending;

	TAILQ_INIT(&ending);
	TAILQ_FOREACH_SAFE (bdev_io, &late->held, internal_link, next) {
		if (env_random_u64() % END_ONE_IN != 0 || !may_end(bdev_io)) {
			continue;
		}
		TAILQ_REMOVE(&late->held, bdev_io, internal_link);
		if (env_random_u64() % 2 == 0) {
			TAILQ_INSERT_HEAD(&ending, bdev_io, internal_link);
		} else {
			TAILQ_INSERT_TAIL(&ending, bdev_io, internal_link);
		}
	}
	if (TAILQ_EMPTY(&late->held)) {
		spdk_poller_pause(late->poller);
	}
	if (TAILQ_EMPTY(&ending)) {
		return SPDK_POLLER_IDLE;
	}
	while ((bdev_io = TAILQ_FIRST(&ending)) != NULL) {
		TAILQ_REMOVE(&ending, bdev_io, internal_link);
		if (bdev_io->type != SPDK_BDEV_IO_TYPE_RESET) {
			__atomic_fetch_sub(&bdev_state(bdev_io->bdev)->num_late, 1, __ATOMIC_SEQ_CST);
		}
		bdev_io_private(bdev_io)->late = false;
		bdev_io_complete_checked(bdev_io, bdev_io_private(bdev_io)->pending_status);
	}
	return SPDK_POLLER_BUSY;
}

bool
bdev_late_hold(struct spdk_bdev_io *bdev_io, enum spdk_bdev_io_status status)
{
	struct bdev_late *late = bdev_io->internal.ch->late;

	if (status == SPDK_BDEV_IO_STATUS_NOMEM) {
		return false;
	}
	if (bdev_io->type != SPDK_BDEV_IO_TYPE_RESET) {
		__atomic_fetch_add(&bdev_state(bdev_io->bdev)->num_late, 1, __ATOMIC_SEQ_CST);
	}
	bdev_io_private(bdev_io)->late = true;
	bdev_io_private(bdev_io)->pending_status = status;
	TAILQ_INSERT_TAIL(&late->held, bdev_io, internal_link);
	spdk_poller_resume(late->poller);
	return true;
}

int
bdev_late_channel_init(struct bdev_channel *ch)
{
	uint64_t period = g_late_period_us;
	struct bdev_late *late;

	if (period == 0) {
		return 0;
	}
	late = calloc(1, sizeof(*late));
	if (late == NULL) {
		return -ENOMEM;
	}
	late->poller = SPDK_POLLER_REGISTER(poll_late, late, period);
	if (late->poller == NULL) {
		free(late);
		return -ENOMEM;
	}
	spdk_poller_pause(late->poller);
	TAILQ_INIT(&late->held);
	ch->late = late;
	ch->gates |= BDEV_GATE_LATE;
	return 0;
}

void
bdev_late_channel_fini(struct bdev_channel *ch)
{
	if (ch->late != NULL) {
		spdk_poller_unregister(&ch->late->poller);
		free(ch->late);
		ch->late = NULL;
	}
}
