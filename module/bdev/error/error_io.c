/* SPDX-License-Identifier: BSD-3-Clause */

/* The way of an I/O through an error bdev: past what is armed for its type, to the base, and back. */

#include "module/bdev/error/error_internal.h"

#include "bdevkit/strict.h"
#include "spdk/env.h"
#include "spdk/likely.h"
#include "spdk/log.h"

static struct error_io *
error_io_of(struct spdk_bdev_io *bdev_io)
{
	return (struct error_io *)bdev_io->driver_ctx;
}

static struct error_channel *
channel_of(struct spdk_bdev_io *bdev_io)
{
	return spdk_io_channel_get_ctx(spdk_bdev_io_get_io_channel(bdev_io));
}

/* ---- To the base and back ---- */

static void
forward(struct error_channel *ch, struct spdk_bdev_io *bdev_io)
{
	ch->in_flight++;
	bdk_bdev_forward(bdev_io, &ch->base);
}

/* Changes one byte, if the buffers reach that far. */
static void
corrupt(struct iovec *iovs, int iovcnt, uint64_t offset, uint8_t value)
{
	for (int i = 0; i < iovcnt; i++) {
		if (offset < iovs[i].iov_len) {
			((uint8_t *)iovs[i].iov_base)[offset] ^= value;
			return;
		}
		offset -= iovs[i].iov_len;
	}
}

static void
drop_bounce(struct spdk_bdev_io *bdev_io)
{
	struct error_io *io = error_io_of(bdev_io);

	bdev_io->u.bdev.iovs = io->iovs;
	bdev_io->u.bdev.iovcnt = io->iovcnt;
	spdk_dma_free(io->bounce.iov_base);
}

static void
base_done_cb(struct spdk_bdev_io *base_io, bool success, void *cb_arg)
{
	struct spdk_bdev_io *bdev_io = cb_arg;
	struct error_io *io = error_io_of(bdev_io);

	channel_of(bdev_io)->in_flight--;
	if (spdk_unlikely(io->state == ERROR_IO_CORRUPT_READ) && success) {
		corrupt(bdev_io->u.bdev.iovs, bdev_io->u.bdev.iovcnt, io->corrupt_offset, io->corrupt_value);
	} else if (spdk_unlikely(io->state == ERROR_IO_BOUNCED)) {
		drop_bounce(bdev_io);
	}
	io->state = ERROR_IO_PLAIN;
	bdk_bdev_forward_done(bdev_io, base_io);
}

/* ---- What is armed ---- */

/* What is to be done to an I/O, which is counted then. */
static struct error_injection
take_injection(struct error_channel *ch, enum spdk_bdev_io_type io_type)
{
	struct error_bdev *error = ch->error;
	struct error_injection *injection = &error->injections[io_type];
	struct error_injection taken = {.type = ERROR_NONE};

	spdk_spin_lock(&error->lock);
	if (injection->num > 0 && ch->in_flight >= injection->queue_depth) {
		taken = *injection;
		error->num_injected[io_type]++;
		if (--injection->num == 0) {
			atomic_fetch_and(&error->armed, ~(1u << io_type));
		}
	}
	spdk_spin_unlock(&error->lock);
	return taken;
}

/* The writer's own buffers are not touched. False: no memory for others. */
static bool
bounce(struct spdk_bdev_io *bdev_io, const struct error_injection *injection)
{
	struct spdk_bdev_io_block_params *params = &bdev_io->u.bdev;
	struct error_io *io = error_io_of(bdev_io);
	size_t done = 0;

	io->bounce.iov_len = params->num_blocks * bdev_io->bdev->blocklen;
	io->bounce.iov_base = spdk_dma_malloc(io->bounce.iov_len, (size_t)1 << bdev_io->bdev->required_alignment, NULL);
	if (io->bounce.iov_base == NULL) {
		return false;
	}
	for (int i = 0; i < params->iovcnt && done < io->bounce.iov_len; i++) {
		size_t len = spdk_min(params->iovs[i].iov_len, io->bounce.iov_len - done);

		memcpy((char *)io->bounce.iov_base + done, params->iovs[i].iov_base, len);
		done += len;
	}
	corrupt(&io->bounce, 1, injection->corrupt_offset, injection->corrupt_value);
	io->iovs = params->iovs;
	io->iovcnt = params->iovcnt;
	params->iovs = &io->bounce;
	params->iovcnt = 1;
	io->state = ERROR_IO_BOUNCED;
	return true;
}

static void
submit_corrupt(struct error_channel *ch, struct spdk_bdev_io *bdev_io, const struct error_injection *injection)
{
	struct error_io *io = error_io_of(bdev_io);

	if (bdev_io->type == SPDK_BDEV_IO_TYPE_READ) {
		io->state = ERROR_IO_CORRUPT_READ;
		io->corrupt_offset = injection->corrupt_offset;
		io->corrupt_value = injection->corrupt_value;
	} else if (bdev_io->type == SPDK_BDEV_IO_TYPE_WRITE && !bounce(bdev_io, injection)) {
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_NOMEM);
		return;
	}
	forward(ch, bdev_io);
}

static void
hold(struct error_channel *ch, struct spdk_bdev_io *bdev_io)
{
	error_io_of(bdev_io)->state = ERROR_IO_HELD;
	bdk_strict_keep_io(bdev_io);
	TAILQ_INSERT_TAIL(&ch->held, error_io_of(bdev_io), link);
	atomic_fetch_add(&ch->error->num_held, 1);
}

static void submit(struct error_channel *ch, struct spdk_bdev_io *bdev_io);

static void
submit_armed(struct error_channel *ch, struct spdk_bdev_io *bdev_io)
{
	struct error_injection injection = take_injection(ch, bdev_io->type);

	switch (injection.type) {
	case ERROR_FAILURE:
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
		break;
	case ERROR_NOMEM:
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_NOMEM);
		break;
	case ERROR_PENDING:
		if (atomic_load(&ch->error->leaving)) {
			submit(ch, bdev_io);
		} else {
			hold(ch, bdev_io);
		}
		break;
	case ERROR_CORRUPT_DATA:
		submit_corrupt(ch, bdev_io, &injection);
		break;
	default:
		submit(ch, bdev_io);
		break;
	}
}

/* ---- What is held ---- */

static struct spdk_bdev_io *
take_held(struct error_channel *ch, struct error_io *io)
{
	TAILQ_REMOVE(&ch->held, io, link);
	io->state = ERROR_IO_PLAIN;
	atomic_fetch_sub(&ch->error->num_held, 1);
	return spdk_bdev_io_from_ctx(io);
}

static void
abort_held(struct spdk_io_channel_iter *i)
{
	struct error_channel *ch = spdk_io_channel_get_ctx(spdk_io_channel_iter_get_channel(i));
	struct error_io *io;

	while ((io = TAILQ_FIRST(&ch->held)) != NULL) {
		spdk_bdev_io_complete(take_held(ch, io), SPDK_BDEV_IO_STATUS_ABORTED);
	}
	spdk_for_each_channel_continue(i, 0);
}

struct resume_ctx {
	struct bdk_channel_walk walk;
	void (*cb)(void *cb_arg);
	void *cb_arg;
};

/* With what it holds they are past what is armed, which is not asked again. */
static void
resume_held(struct spdk_io_channel_iter *i)
{
	struct error_channel *ch = spdk_io_channel_get_ctx(spdk_io_channel_iter_get_channel(i));
	struct error_io *io;

	while ((io = TAILQ_FIRST(&ch->held)) != NULL) {
		submit(ch, take_held(ch, io));
	}
	spdk_for_each_channel_continue(i, 0);
}

static void
resumed(struct spdk_io_channel_iter *i, int status)
{
	struct resume_ctx *resume = spdk_io_channel_iter_get_ctx(i);

	resume->cb(resume->cb_arg);
	free(resume);
}

int
error_io_resume(struct error_bdev *error, void (*cb)(void *cb_arg), void *cb_arg)
{
	struct resume_ctx *resume = malloc(sizeof(*resume));

	if (resume == NULL) {
		return -ENOMEM;
	}
	resume->cb = cb;
	resume->cb_arg = cb_arg;
	bdk_for_each_channel(&resume->walk, error, resume_held, resume, resumed);
	return 0;
}

static void
left(struct spdk_io_channel_iter *i, int status)
{
}

void
error_io_leave(struct bdk_vbdev *vbdev)
{
	struct error_bdev *error = SPDK_CONTAINEROF(vbdev, struct error_bdev, vbdev);

	if (!atomic_exchange(&error->leaving, true)) {
		bdk_for_each_channel(&error->leave_walk, error, abort_held, NULL, left);
	}
}

/* ---- What the layer asks ---- */

static void
reset_base(struct spdk_io_channel_iter *i, int status)
{
	struct spdk_bdev_io *bdev_io = spdk_io_channel_iter_get_ctx(i);

	forward(channel_of(bdev_io), bdev_io);
}

/* Past what is armed. */
static void
submit(struct error_channel *ch, struct spdk_bdev_io *bdev_io)
{
	struct error_io *target;

	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_RESET:
		bdk_for_each_channel(&ch->error->reset_walk, ch->error, abort_held, bdev_io, reset_base);
		break;
	case SPDK_BDEV_IO_TYPE_ABORT:
		target = error_io_of(bdev_io->u.abort.bio_to_abort);
		if (target->state == ERROR_IO_HELD) {
			spdk_bdev_io_complete(take_held(ch, target), SPDK_BDEV_IO_STATUS_ABORTED);
			spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
			break;
		}
		forward(ch, bdev_io);
		break;
	default:
		forward(ch, bdev_io);
		break;
	}
}

void
error_io_submit(struct spdk_io_channel *io_ch, struct spdk_bdev_io *bdev_io)
{
	struct error_channel *ch = spdk_io_channel_get_ctx(io_ch);
	uint32_t armed = atomic_load_explicit(&ch->error->armed, memory_order_relaxed);

	error_io_of(bdev_io)->state = ERROR_IO_PLAIN;
	if (spdk_unlikely((armed >> bdev_io->type) & 1)) {
		submit_armed(ch, bdev_io);
	} else {
		submit(ch, bdev_io);
	}
}

int
error_channel_create(struct bdk_vbdev *vbdev, void *ctx)
{
	struct error_channel *ch = ctx;

	ch->error = SPDK_CONTAINEROF(vbdev, struct error_bdev, vbdev);
	ch->base.desc = vbdev->base_desc;
	ch->base.ch = ch->vbdev.base_ch;
	ch->base.done_cb = base_done_cb;
	TAILQ_INIT(&ch->held);
	return 0;
}
