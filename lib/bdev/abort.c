/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Abort. What spdk_bdev_abort() finds is marked; then each that is marked is ended if it waits inside the layer, or gets
 * an ABORT of its own that goes to the module. Of an I/O that was split the parts are aborted, and no more follow.
 *
 * The I/O that the owner of the abort gets back is outside the submitted set, as what it stands for is in there.
 */

#include "lib/bdev/io_submit.h"

/* ---- targets that wait inside the layer ---- */

/* Its owner is not called inside another's submission. */
static void
end_later(struct spdk_bdev_io *bdev_io, enum spdk_bdev_io_status status)
{
	bdev_io->internal.flags |= BDEV_IO_IN_SUBMIT;
	bdev_io_end(bdev_io, status);
	bdev_io->internal.flags &= ~BDEV_IO_IN_SUBMIT;
}

/* Ends the target if it waits inside the layer. False: it does not. */
static bool
end_waiting(struct spdk_bdev_io *target)
{
	uint16_t flags = target->internal.flags;

	if (flags & BDEV_IO_QUEUED_NOMEM) {
		bdev_retry_cancel(target);
		end_later(target, SPDK_BDEV_IO_STATUS_ABORTED);
	} else if (flags & BDEV_IO_QUEUED_QOS) {
		target->internal.flags |= BDEV_IO_IN_SUBMIT;
		bdev_qos_cancel(target);
		target->internal.flags &= ~BDEV_IO_IN_SUBMIT;
	} else if ((flags & BDEV_IO_QUEUED_BUF) &&
		((flags & BDEV_IO_PARENT) || (target->internal.marks & BDEV_IO_CONVERTING))) {
		/* The layer itself waits for the buffer. */
		bdev_buf_cancel(target);
		end_later(target, SPDK_BDEV_IO_STATUS_ABORTED);
	} else if (flags & BDEV_IO_QUEUED_BUF) {
		/* The module has asked for the buffer: for it, it ends here. */
		target->internal.flags |= BDEV_IO_IN_SUBMIT;
		spdk_bdev_io_complete(target, SPDK_BDEV_IO_STATUS_ABORTED);
		target->internal.flags &= ~BDEV_IO_IN_SUBMIT;
	} else {
		return false;
	}
	return true;
}

/* ---- the ABORT of one target ---- */

/* True if the target has not ended. Its object may be another's by now, of whichever thread: it is not looked at first. */
static bool
is_outstanding(struct spdk_bdev_io *target, const struct bdev_channel *ch)
{
	const struct bdev_io_cache *cache = &ch->thread->cache;
	uint64_t i;

	for (i = 0; i < cache->held; i++) {
		if (cache->all[i] == target) {
			return bdev_io_is_under_way(target, ch) && (target->internal.marks & BDEV_IO_ABORTING);
		}
	}
	return false;
}

void
bdev_abort_submit(struct spdk_bdev_io *abort)
{
	struct spdk_bdev_io *target = abort->u.abort.bio_to_abort;
	struct bdev_channel *ch = abort->internal.ch;
	uint16_t not_before;

	/* It may have ended, or been refused by the module, while the ABORT itself was waiting. */
	if (!is_outstanding(target, ch) || (!bdev_io_is_below(target, ch) && end_waiting(target))) {
		bdev_io_end(abort, SPDK_BDEV_IO_STATUS_SUCCESS);
		abort->internal.flags &= ~BDEV_IO_IN_SUBMIT;
		return;
	}
	if (target->internal.marks & BDEV_IO_CONVERTING) {
		/* Who moves its data cannot be stopped. */
		bdev_io_end(abort, SPDK_BDEV_IO_STATUS_FAILED);
		abort->internal.flags &= ~BDEV_IO_IN_SUBMIT;
		return;
	}
	/* The module may well complete it now. Then it is deferred, and still there when the call returns. */
	not_before = ~target->internal.flags & BDEV_IO_IN_SUBMIT;
	target->internal.flags |= BDEV_IO_IN_SUBMIT;
	bdev_io_submit_to_module(abort, ch);
	target->internal.flags &= ~not_before;
}

/* ---- what the owner asked for ---- */

static void proceed(struct bdev_io_private *abort);

static void
abort_done_cb(struct spdk_bdev_io *child, bool success, void *cb_arg)
{
	struct bdev_io_private *abort = cb_arg;

	if (!success && is_outstanding(child->u.abort.bio_to_abort, child->internal.ch)) {
		abort->split_failed = true;
	}
	spdk_bdev_free_io(child);
	abort->split_outstanding--;
	proceed(abort);
}

static void
want(struct bdev_io_private *abort, struct spdk_bdev_io *target)
{
	/* An earlier abort, which waits for an object, loses it: all that one can say is that the target goes on. */
	if (target->internal.marks & BDEV_IO_ABORT_WANTED) {
		bdev_io_private(target)->aborter->split_failed = true;
	}
	target->internal.marks |= BDEV_IO_ABORT_WANTED;
	bdev_io_private(target)->aborter = abort;
}

static bool
was_submitted_with(struct spdk_bdev_io *target, const struct bdev_channel *ch, const void *cb_arg)
{
	if (bdev_io_is_below(target, ch)) {
		return bdev_io_private(target)->upper.caller_ctx == cb_arg;
	}
	return bdev_io_is_submitted(target, ch) && target->internal.caller_ctx == cb_arg;
}

/* Marks all that were submitted with that argument. Returns how many there are, those that cannot be aborted too. */
static uint64_t
want_all(struct bdev_io_private *abort, const void *cb_arg)
{
	struct bdev_channel *ch = abort->io.internal.ch;
	const struct bdev_io_cache *cache = &ch->thread->cache;
	uint64_t count = 0, i;

	for (i = 0; i < cache->held; i++) {
		struct spdk_bdev_io *target = cache->all[i];

		if (!was_submitted_with(target, ch, cb_arg)) {
			continue;
		}
		count++;
		if (target->type == SPDK_BDEV_IO_TYPE_RESET || target->type == SPDK_BDEV_IO_TYPE_ABORT) {
			abort->split_failed = true;
		} else {
			want(abort, target);
		}
	}
	return count;
}

static struct spdk_bdev_io *
find_wanted(const struct bdev_io_private *abort)
{
	const struct bdev_channel *ch = abort->io.internal.ch;
	const struct bdev_io_cache *cache = &ch->thread->cache;
	uint64_t i;

	for (i = 0; i < cache->held; i++) {
		struct spdk_bdev_io *target = cache->all[i];

		if (bdev_io_is_under_way(target, ch) && (target->internal.marks & BDEV_IO_ABORT_WANTED) &&
			bdev_io_private(target)->aborter == abort) {
			return target;
		}
	}
	return NULL;
}

/* True if its data are being moved, before it or behind it: then who does that cannot be stopped. */
static bool
cannot_stop(struct bdev_io_private *abort, struct spdk_bdev_io *target)
{
	if (!(target->internal.marks & BDEV_IO_CONVERTING)) {
		return false;
	}
	target->internal.marks &= ~BDEV_IO_ABORT_WANTED;
	abort->split_failed = true;
	return true;
}

static int
abort_one(struct bdev_io_private *abort, struct spdk_bdev_io *target)
{
	bool below = bdev_io_is_below(target, abort->io.internal.ch);
	struct spdk_bdev_io *child;

	/* What is the bdev's below is not ended behind its module's back. */
	if (!below && (target->internal.flags & BDEV_IO_PARENT)) {
		target->internal.marks &= ~BDEV_IO_ABORT_WANTED;
		if (bdev_split_stop(target)) {
			end_later(target, SPDK_BDEV_IO_STATUS_FAILED);
		} else if (!end_waiting(target) && !cannot_stop(abort, target)) {
			want_all(abort, bdev_io_private(target));
		}
		return 0;
	}
	/* An ABORT that had to wait might find parts of it instead. */
	if (!below && (end_waiting(target) || cannot_stop(abort, target))) {
		return 0;
	}
	child = bdev_io_take_inner(&abort->io, BDEV_IO_RANK_LEAF, SPDK_BDEV_IO_TYPE_ABORT, abort_done_cb);
	if (child == NULL) {
		return -ENOMEM;
	}
	bdev_io_set_buffers(child, NULL, 0, NULL);
	child->u.abort.bio_to_abort = target;
	target->internal.marks &= ~BDEV_IO_ABORT_WANTED;
	target->internal.marks |= BDEV_IO_ABORTING;
	abort->split_outstanding++;
	bdev_io_submit_gated(child);
	return 0;
}

static void
proceed_cb(void *ctx)
{
	proceed(ctx);
}

static void
proceed(struct bdev_io_private *abort)
{
	struct spdk_bdev_io *target;

	while ((target = find_wanted(abort)) != NULL) {
		if (abort_one(abort, target) == 0) {
			continue;
		}
		if (abort->split_outstanding == 0) {
			bdev_io_wait_inner(abort, BDEV_IO_RANK_LEAF, proceed_cb);
		}
		return;
	}
	if (abort->split_outstanding == 0) {
		bdev_io_end(&abort->io, abort->split_failed ? SPDK_BDEV_IO_STATUS_FAILED : SPDK_BDEV_IO_STATUS_SUCCESS);
	}
}

int
spdk_bdev_abort(struct spdk_bdev_desc *desc, struct spdk_io_channel *io_ch, void *bio_cb_arg,
	spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	struct bdev_channel *ch = spdk_io_channel_get_ctx(io_ch);
	struct spdk_bdev_io *bdev_io;
	struct bdev_io_private *abort;

	if (bio_cb_arg == NULL) {
		return -EINVAL;
	}
	if (!bdev_io_type_is_native(desc->bdev, SPDK_BDEV_IO_TYPE_ABORT)) {
		return -ENOTSUP;
	}
	bdev_io = bdev_io_take(desc->bdev, desc, ch, SPDK_BDEV_IO_TYPE_ABORT, 0, 0, cb, cb_arg);
	if (bdev_io == NULL) {
		return -ENOMEM;
	}
	bdev_io_set_buffers(bdev_io, NULL, 0, NULL);
	bdev_io->internal.flags |= BDEV_IO_PARENT | BDEV_IO_EMULATED | BDEV_IO_RARE_FIELDS;
	bdev_io->u.bdev.abort.bio_cb_arg = bio_cb_arg;
	abort = bdev_io_private(bdev_io);
	abort->split_outstanding = 0;
	abort->split_failed = false;

	want_all(abort, bio_cb_arg);
	if (find_wanted(abort) == NULL) {
		/* Nothing to do: its owner is told so inside this call. */
		bdev_io->internal.flags &= ~BDEV_IO_IN_SUBMIT;
		bdev_io_end(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
		return 0;
	}
	proceed(abort);
	/* Still there: what has ended in the meantime is ended by message. */
	bdev_io->internal.flags &= ~BDEV_IO_IN_SUBMIT;
	return 0;
}
