/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What may stand between a checked I/O and the module. The order matters: what a lock keeps back has not begun yet, so
 * that nothing waits for it; a frozen channel takes nothing; what must be split is split before its parts count and
 * queue; and what waits for memory waits behind those that came first.
 */

#include "lib/bdev/io_internal.h"

/* A channel that could not be told of the end of a reset, for want of memory, finds out here. */
bool
bdev_channel_is_frozen(struct bdev_channel *ch)
{
	struct bdev_state *state = bdev_state(ch->bdev);
	bool resetting;

	if (!(ch->gates & BDEV_GATE_RESET)) {
		return false;
	}
	env_mutex_lock(&state->lock);
	resetting = state->reset_in_progress != NULL;
	env_mutex_unlock(&state->lock);
	if (!resetting) {
		ch->gates &= ~BDEV_GATE_RESET;
	}
	return resetting;
}

/* The owner is called by message, as it is still inside its call. */
static void
end_unsubmitted(struct spdk_bdev_io *bdev_io, enum spdk_bdev_io_status status)
{
	bdev_io_end(bdev_io, status);
	bdev_io->internal.flags &= ~BDEV_IO_IN_SUBMIT;
}

/* The end of a zero-copy is not aborted: the module has to learn of it, or the memory that it lends stays lent. */
static bool
gives_back(const struct spdk_bdev_io *bdev_io)
{
	return bdev_io->type == SPDK_BDEV_IO_TYPE_ZCOPY && !bdev_io->u.bdev.zcopy.start;
}

static bool
is_short_write(const struct spdk_bdev_io *bdev_io)
{
	const struct spdk_bdev *bdev = bdev_io->bdev;

	return bdev_io->type == SPDK_BDEV_IO_TYPE_WRITE && bdev->split_on_write_unit &&
		bdev_io->u.bdev.num_blocks < bdev->write_unit_size;
}

void
bdev_io_submit_admitted(struct spdk_bdev_io *bdev_io)
{
	struct bdev_channel *ch = bdev_io->internal.ch;

	if (is_short_write(bdev_io)) {
		SPDK_ERRLOG("%s: a write of %" PRIu64 " blocks is shorter than the write unit of %u\n", ch->bdev->name,
			bdev_io->u.bdev.num_blocks, ch->bdev->write_unit_size);
		end_unsubmitted(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
	} else if (ch->gates & BDEV_GATE_NOMEM) {
		if (bdev_io->internal.marks & BDEV_IO_TRACED) {
			bdev_trace_wait(bdev_io, BDK_TRACE_WAIT_MODULE);
		}
		bdev_retry_queue_behind(bdev_io);
	} else if (bdev_io->type == SPDK_BDEV_IO_TYPE_ABORT) {
		bdev_abort_submit(bdev_io);
	} else {
		if (bdev_io->internal.marks & BDEV_IO_TRACED) {
			bdev_trace_module(bdev_io);
		}
		bdev_io_submit_to_module(bdev_io, ch);
	}
}

static bool
is_rw(const struct spdk_bdev_io *bdev_io)
{
	return bdev_io->type == SPDK_BDEV_IO_TYPE_READ || bdev_io->type == SPDK_BDEV_IO_TYPE_WRITE;
}

void
bdev_io_submit_gated(struct spdk_bdev_io *bdev_io)
{
	struct bdev_channel *ch = bdev_io->internal.ch;

	if (ch->gates & BDEV_GATE_TIMEOUT) {
		bdev_timeout_io_begins(ch);
	}
	/* A limit that this I/O keeps is the only reason to be here. */
	if (ch->gates == 0 && is_rw(bdev_io) && !bdev_io_needs_split(bdev_io) && !is_short_write(bdev_io)) {
		bdev_io_submit_to_module(bdev_io, ch);
		return;
	}
	/* Strict mode is, and what it has to do is done at the module. */
	if (ch->gates == BDEV_GATE_STRICT && is_rw(bdev_io) && bdev_has_no_rw_limits(bdev_io->bdev)) {
		bdev_io_submit_to_module(bdev_io, ch);
		return;
	}
	if ((ch->gates & BDEV_GATE_LOCK) && bdev_lock_queue(bdev_io)) {
		return;
	}
	if (ch->gates & BDEV_GATE_TRACE) {
		bdev_trace_start(bdev_io);
	}
	if (bdev_channel_is_frozen(ch) && !gives_back(bdev_io)) {
		end_unsubmitted(bdev_io, SPDK_BDEV_IO_STATUS_ABORTED);
		return;
	}
	if (bdev_io_needs_split(bdev_io)) {
		if (bdev_io->internal.marks & BDEV_IO_TRACED) {
			bdev_trace_wait(bdev_io, BDK_TRACE_WAIT_PARTS);
		}
		bdev_io_split(bdev_io);
		return;
	}
	if ((ch->gates & BDEV_GATE_QOS) && bdev_qos_queue(bdev_io)) {
		return;
	}
	bdev_io_submit_admitted(bdev_io);
}
