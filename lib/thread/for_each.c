/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Walks over all threads, and over all channels of a device: one visit at a time, each a message to the thread that
 * is visited, then the completion as a message to the thread that asked.
 */

#include "lib/thread/thread_internal.h"

#include "bdevkit/thread.h"
#include "spdk/log.h"

_Static_assert(
	sizeof(struct spdk_io_channel_iter) <= sizeof(struct bdk_channel_walk), "the public form has room for a walk");

static void visit_cb(void *arg);
static void complete_cb(void *arg);

/* ---- the walk object ---- */

static struct spdk_io_channel_iter *
alloc_walk(struct spdk_thread *thread)
{
	struct spdk_io_channel_iter *walk = calloc(1, sizeof(*walk));

	if (walk == NULL) {
		walk = thread->reserve_walk;
		thread->reserve_walk = NULL;
		if (walk == NULL) {
			return NULL;
		}
		memset(walk, 0, sizeof(*walk));
	}
	walk->orig_thread_id = thread->id;
	thread->for_each_count++;
	return walk;
}

static void
free_walk(struct spdk_io_channel_iter *walk)
{
	if (!walk->foreign) {
		free(walk);
	}
}

/* On the thread that asked for it. */
static void
end_walk(struct spdk_io_channel_iter *walk)
{
	struct spdk_thread *thread = thread_current();

	if (thread->reserve_walk == NULL) {
		thread->reserve_walk = walk;
	} else {
		free(walk);
	}
}

/* ---- its steps ---- */

static bool
is_to_visit(const struct spdk_io_channel_iter *walk, struct spdk_thread *thread)
{
	if (walk->dev != NULL) {
		return thread_io_channel_find(thread, walk->dev) != NULL;
	}
	return thread_state(thread) == THREAD_RUNNING;
}

/* Sends the visit to the next thread. Returns false if there is none. */
static bool
visit_next(struct spdk_io_channel_iter *walk)
{
	struct spdk_thread *thread;

	/* The message is sent under the lock, so that the thread cannot be freed in between. */
	ENV_MUTEX_SCOPE(&g_thread_lib.lock);

	for (thread = thread_find_after(walk->position); thread != NULL; thread = TAILQ_NEXT(thread, link)) {
		if (!is_to_visit(walk, thread)) {
			continue;
		}
		walk->position = thread->id;
		walk->cur_thread = thread;
		thread_msg_init(&walk->msg, visit_cb, walk);
		/* It fails for a thread that was exited by force: there is nobody to visit then. */
		if (thread_msg_send(thread, &walk->msg) == 0) {
			return true;
		}
	}
	return false;
}

static void
end_walk_over_device(struct io_device *dev)
{
	bool unregister;

	env_mutex_lock(&g_thread_lib.lock);
	dev->for_each_count--;
	unregister = dev->for_each_count == 0 && dev->pending_unregister;
	env_mutex_unlock(&g_thread_lib.lock);

	if (unregister) {
		thread_io_device_unregister_deferred(dev);
	}
}

static void
complete(struct spdk_io_channel_iter *walk)
{
	if (walk->dev != NULL) {
		end_walk_over_device(walk->dev);
	}
	walk->ch = NULL;
	walk->cur_thread = NULL;
	thread_msg_init(&walk->msg, complete_cb, walk);
	if (thread_msg_send_to_id(walk->orig_thread_id, &walk->msg) != 0) {
		SPDK_ERRLOG("A thread was exited before its for_each was complete\n");
		free_walk(walk);
	}
}

static void
go_on(struct spdk_io_channel_iter *walk)
{
	if (walk->status != 0 || !visit_next(walk)) {
		complete(walk);
	}
}

static void
visit_cb(void *arg)
{
	struct spdk_io_channel_iter *walk = arg;

	if (walk->channel_fn == NULL) {
		walk->thread_fn(walk->ctx);
		go_on(walk);
		return;
	}

	/* Looked up now, because the channel may have gone, and come again, since the message was sent. */
	env_mutex_lock(&g_thread_lib.lock);
	walk->ch = thread_io_channel_find(walk->cur_thread, walk->dev);
	env_mutex_unlock(&g_thread_lib.lock);
	if (walk->ch != NULL) {
		walk->channel_fn(walk);
	} else {
		go_on(walk);
	}
}

static void
complete_cb(void *arg)
{
	struct spdk_io_channel_iter *walk = arg;
	/* What is not ours may be gone, or in use again, when the function returns. */
	bool foreign = walk->foreign;

	thread_current()->for_each_count--;
	if (walk->channel_fn == NULL) {
		walk->thread_cpl(walk->ctx);
	} else if (walk->channel_cpl != NULL) {
		walk->channel_cpl(walk, walk->status);
	}
	if (!foreign) {
		end_walk(walk);
	}
}

void
thread_walk_discard(struct thread_msg *msg)
{
	if (msg->fn == visit_cb) {
		go_on(msg->arg);
	} else if (msg->fn == complete_cb) {
		free_walk(msg->arg);
	}
}

/* ---- over threads ---- */

void
spdk_for_each_thread(spdk_msg_fn fn, void *ctx, spdk_msg_fn cpl)
{
	struct spdk_thread *thread = thread_current();
	struct spdk_io_channel_iter *walk;

	walk = thread != NULL ? alloc_walk(thread) : NULL;
	if (walk == NULL) {
		SPDK_ERRLOG("Cannot visit the threads: %s\n",
			thread != NULL ? "no memory" : "not called on an SPDK thread");
		cpl(ctx);
		return;
	}
	walk->thread_fn = fn;
	walk->thread_cpl = cpl;
	walk->ctx = ctx;
	go_on(walk);
}

/* ---- over channels ---- */

/* There is no walk object: tell the caller of the failure at once. */
static void
fail_at_once(void *io_device, void *ctx, spdk_channel_for_each_cpl cpl, int status)
{
	struct spdk_io_channel_iter walk = {.io_device = io_device, .ctx = ctx, .status = status};

	SPDK_ERRLOG("Cannot visit the channels of io_device %p: %s\n", io_device, strerror(-status));
	if (cpl != NULL) {
		cpl(&walk, status);
	}
}

static void
begin_walk(struct spdk_io_channel_iter *walk, void *io_device, spdk_channel_msg fn, void *ctx,
	spdk_channel_for_each_cpl cpl)
{
	struct io_device *dev;

	walk->io_device = io_device;
	walk->channel_fn = fn;
	walk->channel_cpl = cpl;
	walk->ctx = ctx;

	env_mutex_lock(&g_thread_lib.lock);
	dev = thread_io_device_find(io_device);
	if (dev != NULL && !dev->pending_unregister) {
		dev->for_each_count++;
		walk->dev = dev;
	}
	env_mutex_unlock(&g_thread_lib.lock);

	if (walk->dev == NULL) {
		SPDK_ERRLOG("could not find io_device %p\n", io_device);
		walk->status = -ENODEV;
	}
	go_on(walk);
}

void
spdk_for_each_channel(void *io_device, spdk_channel_msg fn, void *ctx, spdk_channel_for_each_cpl cpl)
{
	struct spdk_thread *thread = thread_current();
	struct spdk_io_channel_iter *walk;

	if (thread == NULL) {
		fail_at_once(io_device, ctx, cpl, -EINVAL);
		return;
	}
	walk = alloc_walk(thread);
	if (walk == NULL) {
		fail_at_once(io_device, ctx, cpl, -ENOMEM);
		return;
	}
	begin_walk(walk, io_device, fn, ctx, cpl);
}

void
bdk_for_each_channel(
	struct bdk_channel_walk *memory, void *io_device, spdk_channel_msg fn, void *ctx, spdk_channel_for_each_cpl cpl)
{
	struct spdk_io_channel_iter *walk = (struct spdk_io_channel_iter *)memory;
	struct spdk_thread *thread = thread_current();

	if (thread == NULL) {
		fail_at_once(io_device, ctx, cpl, -EINVAL);
		return;
	}
	memset(walk, 0, sizeof(*walk));
	walk->foreign = true;
	walk->orig_thread_id = thread->id;
	thread->for_each_count++;
	begin_walk(walk, io_device, fn, ctx, cpl);
}

void
spdk_for_each_channel_continue(struct spdk_io_channel_iter *i, int status)
{
	assert(thread_current() == i->cur_thread);

	i->status = status;
	i->ch = NULL;
	go_on(i);
}

void *
spdk_io_channel_iter_get_io_device(struct spdk_io_channel_iter *i)
{
	return i->io_device;
}

struct spdk_io_channel *
spdk_io_channel_iter_get_channel(struct spdk_io_channel_iter *i)
{
	return i->ch;
}

void *
spdk_io_channel_iter_get_ctx(struct spdk_io_channel_iter *i)
{
	return i->ctx;
}
