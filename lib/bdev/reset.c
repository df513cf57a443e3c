/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Reset. One runs per bdev at a time: all channels are frozen, then the module resets, then the channels take I/O
 * again and the owner is called. Resets that arrive meanwhile end together with it, with its status.
 *
 * In the order in which they run: start, freeze, drain (if the bdev asks for it), submit, complete, unfreeze, finish.
 */

#include "lib/bdev/io_internal.h"

#define DRAIN_CHECK_US 1000000

static void check_drained(struct spdk_bdev_io *reset);
static void freeze_cb(
	struct spdk_bdev_channel_iter *i, struct spdk_bdev *bdev, struct spdk_io_channel *io_ch, void *ctx);
static void frozen_cb(struct spdk_bdev *bdev, void *ctx, int status);
static void unfreeze_cb(
	struct spdk_bdev_channel_iter *i, struct spdk_bdev *bdev, struct spdk_io_channel *io_ch, void *ctx);
static void unfrozen_cb(struct spdk_bdev *bdev, void *ctx, int status);

static void
run(struct spdk_bdev_io *reset)
{
	reset->u.reset.wait_poller.poller = NULL;
	bdev_for_each_channel(&bdev_state(reset->bdev)->reset_walk, reset->bdev, freeze_cb, reset, frozen_cb);
}

static void
run_queued_cb(void *ctx)
{
	run(ctx);
}

void
bdev_reset_start(struct spdk_bdev_io *reset)
{
	struct bdev_state *state = bdev_state(reset->bdev);

	reset->internal.flags = BDEV_IO_RESET;
	/* So that the channel lives as long as the reset, even if its user puts it; also while the reset is queued. */
	reset->u.reset.ch_ref = spdk_get_io_channel(state);
	if (reset->internal.ch->gates & BDEV_GATE_TIMEOUT) {
		bdev_timeout_io_begins(reset->internal.ch);
	}
	if (reset->internal.ch->gates & BDEV_GATE_TRACE) {
		bdev_trace_start(reset);
	}
	env_mutex_lock(&state->lock);
	if (state->reset_in_progress != NULL) {
		TAILQ_INSERT_TAIL(&state->queued_resets, reset, internal_link);
		env_mutex_unlock(&state->lock);
		return;
	}
	state->reset_in_progress = reset;
	env_mutex_unlock(&state->lock);
	run(reset);
}

static void
freeze_cb(struct spdk_bdev_channel_iter *i, struct spdk_bdev *bdev, struct spdk_io_channel *io_ch, void *ctx)
{
	struct bdev_channel *ch = spdk_io_channel_get_ctx(io_ch);

	ch->gates |= BDEV_GATE_RESET;
	bdev_channel_abort_queued(ch);
	spdk_bdev_for_each_channel_continue(i, 0);
}

static void
end_reset(struct spdk_bdev_io *reset, enum spdk_bdev_io_status status)
{
	reset->internal.status = status;
	bdev_for_each_channel(&bdev_state(reset->bdev)->reset_walk, reset->bdev, unfreeze_cb, reset, unfrozen_cb);
}

static void
submit(struct spdk_bdev_io *reset)
{
	struct bdev_channel *ch = reset->internal.ch;

	reset->internal.flags |= BDEV_IO_IN_SUBMIT;
	bdev_io_call_module(reset, ch);
	reset->internal.flags &= ~BDEV_IO_IN_SUBMIT;
}

static void
frozen_cb(struct spdk_bdev *bdev, void *ctx, int status)
{
	struct spdk_bdev_io *reset = ctx;

	if (status != 0) {
		SPDK_ERRLOG("%s: reset failed, not all channels could be frozen\n", bdev->name);
		end_reset(reset, SPDK_BDEV_IO_STATUS_FAILED);
		return;
	}
	if (bdev->reset_io_drain_timeout == 0) {
		submit(reset);
		return;
	}
	reset->u.reset.wait_poller.stop_time_tsc =
		spdk_get_ticks() + bdev->reset_io_drain_timeout * spdk_get_ticks_hz();
	check_drained(reset);
}

/* ---- drain: if all I/O ends by itself in time, the module is not troubled ---- */

static int
poll_drained(void *ctx)
{
	struct spdk_bdev_io *reset = ctx;

	spdk_poller_unregister(&reset->u.reset.wait_poller.poller);
	check_drained(reset);
	return SPDK_POLLER_BUSY;
}

static void
count_cb(struct spdk_bdev_channel_iter *i, struct spdk_bdev *bdev, struct spdk_io_channel *io_ch, void *ctx)
{
	struct bdev_channel *ch = spdk_io_channel_get_ctx(io_ch);

	spdk_bdev_for_each_channel_continue(i, ch->outstanding > 0 ? -EBUSY : 0);
}

static void
wait_for_drain(struct spdk_bdev_io *reset)
{
	reset->u.reset.wait_poller.poller = SPDK_POLLER_REGISTER(poll_drained, reset, DRAIN_CHECK_US);
	if (reset->u.reset.wait_poller.poller == NULL) {
		submit(reset);
	}
}

static void
counted_cb(struct spdk_bdev *bdev, void *ctx, int status)
{
	struct spdk_bdev_io *reset = ctx;

	if (status == 0) {
		end_reset(reset, SPDK_BDEV_IO_STATUS_SUCCESS);
	} else if (spdk_get_ticks() < reset->u.reset.wait_poller.stop_time_tsc) {
		wait_for_drain(reset);
	} else if (reset->internal.ch->converting > 0) {
		/* The module has nothing to do with what is under way here. */
		end_reset(reset, SPDK_BDEV_IO_STATUS_FAILED);
	} else {
		submit(reset);
	}
}

static void
check_drained(struct spdk_bdev_io *reset)
{
	bdev_for_each_channel(&bdev_state(reset->bdev)->reset_walk, reset->bdev, count_cb, reset, counted_cb);
}

/* ---- the way back ---- */

void
bdev_reset_complete(struct spdk_bdev_io *reset, enum spdk_bdev_io_status status)
{
	if (status == SPDK_BDEV_IO_STATUS_NOMEM) {
		SPDK_ERRLOG("%s: module %s completed a reset with NOMEM, which cannot be retried\n", reset->bdev->name,
			reset->bdev->module->name);
		status = SPDK_BDEV_IO_STATUS_FAILED;
	}
	end_reset(reset, status);
}

static void
unfreeze_cb(struct spdk_bdev_channel_iter *i, struct spdk_bdev *bdev, struct spdk_io_channel *io_ch, void *ctx)
{
	struct bdev_channel *ch = spdk_io_channel_get_ctx(io_ch);

	ch->gates &= ~BDEV_GATE_RESET;
	spdk_bdev_for_each_channel_continue(i, 0);
}

static void
end_queued_cb(void *ctx)
{
	struct spdk_bdev_io *reset = ctx;
	struct spdk_io_channel *ch_ref = reset->u.reset.ch_ref;

	bdev_io_end(reset, bdev_io_private(reset)->pending_status);
	spdk_put_io_channel(ch_ref);
}

static void
end_queued(bdev_io_tailq_t *queue, enum spdk_bdev_io_status status)
{
	struct spdk_bdev_io *reset;

	while ((reset = TAILQ_FIRST(queue)) != NULL) {
		TAILQ_REMOVE(queue, reset, internal_link);
		bdev_io_private(reset)->pending_status = status;
		bdk_msg_send(spdk_bdev_io_get_thread(reset), &bdev_io_private(reset)->msg, end_queued_cb, reset);
	}
}

static void
unfrozen_cb(struct spdk_bdev *bdev, void *ctx, int rc)
{
	struct spdk_bdev_io *reset = ctx, *next;
	struct spdk_io_channel *ch_ref = reset->u.reset.ch_ref;
	struct bdev_state *state = bdev_state(bdev);
	bdev_io_tailq_t queue;

	TAILQ_INIT(&queue);
	env_mutex_lock(&state->lock);
	TAILQ_CONCAT(&queue, &state->queued_resets, internal_link);
	env_mutex_unlock(&state->lock);
	end_queued(&queue, reset->internal.status);
	/* While reset_in_progress is set, the bdev cannot vanish in the callback. Resets that come now wait their turn. */
	bdev_io_end(reset, reset->internal.status);

	env_mutex_lock(&state->lock);
	next = TAILQ_FIRST(&state->queued_resets);
	if (next != NULL) {
		TAILQ_REMOVE(&state->queued_resets, next, internal_link);
	}
	state->reset_in_progress = next;
	env_mutex_unlock(&state->lock);
	spdk_put_io_channel(ch_ref);
	if (next != NULL) {
		bdk_msg_send(spdk_bdev_io_get_thread(next), &bdev_io_private(next)->msg, run_queued_cb, next);
	} else {
		bdev_unregister_try_finish(state);
	}
}
