/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * I/O that takes long. While a descriptor has a timeout, its thread looks once in a second: it walks over the channels of
 * the bdev, on whose threads the owner is told.
 *
 * A walk may outlive the descriptor; what it needs is apart from it and goes with the last of the two.
 */

#include "lib/bdev/io_internal.h"

#define CHECK_PERIOD_US 1000000

struct bdev_timeout {
	struct spdk_bdev *bdev;
	const struct spdk_bdev_desc *desc;
	/* Under the bdev's lock. ticks 0: nobody is told any more. */
	uint64_t ticks;
	spdk_bdev_io_timeout_cb cb_fn;
	void *cb_arg;

	/* The descriptor's thread only. */
	struct spdk_poller *poller;
	uint64_t thread_id;
	bool walking;
	bool closed;
	struct spdk_bdev_channel_iter walk;
};

/* Called for each I/O, as the owner may change its mind, or close, at any time. */
static bool
is_late(struct bdev_timeout *timeout, const struct spdk_bdev_io *bdev_io, spdk_bdev_io_timeout_cb *cb_fn, void **cb_arg)
{
	struct bdev_state *state = bdev_state(timeout->bdev);

	ENV_MUTEX_SCOPE(&state->lock);
	if (timeout->ticks == 0 || spdk_get_ticks() - bdev_io->internal.submit_tsc < timeout->ticks) {
		return false;
	}
	*cb_fn = timeout->cb_fn;
	*cb_arg = timeout->cb_arg;
	return true;
}

static int
check_io(void *ctx, struct spdk_bdev_io *bdev_io)
{
	struct bdev_timeout *timeout = ctx;
	spdk_bdev_io_timeout_cb cb_fn;
	void *cb_arg;

	if (bdev_io->internal.desc == timeout->desc && !(bdev_io->internal.flags & BDEV_IO_CHILD) &&
		is_late(timeout, bdev_io, &cb_fn, &cb_arg)) {
		cb_fn(cb_arg, bdev_io);
	}
	return 0;
}

static void
check_channel_cb(struct spdk_bdev_channel_iter *i, struct spdk_bdev *bdev, struct spdk_io_channel *io_ch, void *ctx)
{
	bdev_channel_for_each_io(spdk_io_channel_get_ctx(io_ch), check_io, ctx);
	spdk_bdev_for_each_channel_continue(i, 0);
}

/* The bdev may be gone, if the descriptor has been closed. */
static void
checked_cb(struct spdk_bdev *bdev, void *ctx, int status)
{
	struct bdev_timeout *timeout = ctx;

	timeout->walking = false;
	if (timeout->closed) {
		free(timeout);
	}
}

static int
check(void *ctx)
{
	struct bdev_timeout *timeout = ctx;

	if (timeout->walking) {
		return SPDK_POLLER_IDLE;
	}
	timeout->walking = true;
	bdev_for_each_channel(&timeout->walk, timeout->bdev, check_channel_cb, timeout, checked_cb);
	return SPDK_POLLER_BUSY;
}

static void
set(struct bdev_timeout *timeout, uint64_t ticks, spdk_bdev_io_timeout_cb cb_fn, void *cb_arg)
{
	struct bdev_state *state = bdev_state(timeout->bdev);

	ENV_MUTEX_SCOPE(&state->lock);
	timeout->ticks = ticks;
	timeout->cb_fn = cb_fn;
	timeout->cb_arg = cb_arg;
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
		desc->timeout = timeout;
	}
	if (timeout->poller == NULL) {
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
	desc->timeout = NULL;
	/* Otherwise the thread has exited, and its poller with it. */
	if (thread != NULL && spdk_thread_get_id(thread) == timeout->thread_id) {
		spdk_poller_unregister(&timeout->poller);
	}
	timeout->closed = true;
	if (!timeout->walking) {
		free(timeout);
	}
}
