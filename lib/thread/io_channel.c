/* SPDX-License-Identifier: BSD-3-Clause */

/* Channels: a thread's own context for an io_device. */

#include "lib/thread/strict.h"

#include "spdk/log.h"
#include "spdk/trace.h"
#include "spdk_internal/thread.h"
#include "spdk_internal/trace_defs.h"

/* How often a channel is asked that something uses which its users have left behind. */
#define BUSY_PERIOD_US 1000

/* By the device object, not by the user's pointer: that may be registered anew while old channels live on. */
int
io_channel_compare(struct spdk_io_channel *a, struct spdk_io_channel *b)
{
	return a->dev < b->dev ? -1 : a->dev > b->dev;
}

RB_GENERATE(io_channel_tree, spdk_io_channel, node, io_channel_compare)

struct spdk_io_channel *
thread_io_channel_find(struct spdk_thread *thread, struct io_device *dev)
{
	struct spdk_io_channel key;

	key.dev = dev;
	return RB_FIND(io_channel_tree, &thread->channels, &key);
}

/* ---- get ---- */

static struct spdk_io_channel *
alloc_channel(struct spdk_thread *thread, struct io_device *dev)
{
	size_t notes = thread->strict ? sizeof(struct channel_notes) : 0;
	char *memory = calloc(1, notes + SPDK_IO_CHANNEL_STRUCT_SIZE + (size_t)dev->ctx_size);
	struct spdk_io_channel *ch;

	if (memory == NULL) {
		SPDK_ERRLOG("No memory for a channel of io_device %s (%p)\n", dev->name, dev->io_device);
		return NULL;
	}
	ch = (struct spdk_io_channel *)(memory + notes);
	ch->has_notes = thread->strict;
	ch->thread = thread;
	ch->dev = dev;
	ch->ref = 1;
	return ch;
}

static void
free_channel(struct spdk_io_channel *ch)
{
	free(ch->has_notes ? (void *)thread_channel_notes(ch) : ch);
}

static void
drop_channel(struct spdk_io_channel *ch)
{
	env_mutex_lock(&g_thread_lib.lock);
	RB_REMOVE(io_channel_tree, &ch->thread->channels, ch);
	env_mutex_unlock(&g_thread_lib.lock);
}

/* Returns the channel; *created says that it is new and its create callback has to run. */
static struct spdk_io_channel *
find_or_add(struct spdk_thread *thread, void *io_device, bool *created)
{
	struct spdk_io_channel *ch;
	struct io_device *dev;

	ENV_MUTEX_SCOPE(&g_thread_lib.lock);

	*created = false;
	dev = thread_io_device_find(io_device);
	if (dev == NULL) {
		SPDK_ERRLOG("could not find io_device %p\n", io_device);
		return NULL;
	}
	ch = thread_io_channel_find(thread, dev);
	if (ch != NULL) {
		ch->ref++;
		return ch;
	}
	ch = alloc_channel(thread, dev);
	if (ch != NULL) {
		RB_INSERT(io_channel_tree, &thread->channels, ch);
		dev->refs++;
		*created = true;
	}
	return ch;
}

static int
create(struct spdk_io_channel *ch)
{
	int rc;

	thread_strict_create_begin();
	rc = ch->dev->create_cb(ch->dev->io_device, spdk_io_channel_get_ctx(ch));
	thread_strict_create_end();
	return rc;
}

struct spdk_io_channel *
spdk_get_io_channel(void *io_device)
{
	return thread_io_channel_get(io_device, __builtin_return_address(0));
}

struct spdk_io_channel *
thread_io_channel_get(void *io_device, const void *caller)
{
	struct spdk_thread *thread = thread_current();
	struct spdk_io_channel *ch;
	struct io_device *dev;
	bool created;
	int rc;

	if (thread == NULL) {
		SPDK_ERRLOG("A channel of io_device %p can be had only on an SPDK thread\n", io_device);
		return NULL;
	}
	if (thread_state(thread) == THREAD_EXITED) {
		SPDK_ERRLOG("Thread %s is marked as exited\n", thread->name);
		return NULL;
	}
	ch = find_or_add(thread, io_device, &created);
	if (ch != NULL && ch->has_notes) {
		thread_strict_channel_got(ch, caller, created);
	}
	if (!created) {
		if (ch != NULL && spdk_trace_tpoint_enabled(TRACE_THREAD_IOCH_GET)) {
			thread_trace_channel(TRACE_THREAD_IOCH_GET, thread, ch);
		}
		return ch;
	}

	dev = ch->dev;
	rc = create(ch);
	if (rc != 0) {
		SPDK_ERRLOG("could not create io_channel for io_device %s (%p): %s (rc=%d)\n", dev->name, io_device,
			strerror(abs(rc)), rc);
		drop_channel(ch);
		free_channel(ch);
		thread_io_device_put(dev);
		return NULL;
	}
	if (spdk_trace_tpoint_enabled(TRACE_THREAD_IOCH_GET)) {
		thread_trace_channel(TRACE_THREAD_IOCH_GET, thread, ch);
	}
	return ch;
}

void
thread_io_channel_hold(struct spdk_io_channel *ch)
{
	assert(ch->thread == thread_current() && ch->ref > 0);
	ch->ref++;
	if (spdk_trace_tpoint_enabled(TRACE_THREAD_IOCH_GET)) {
		thread_trace_channel(TRACE_THREAD_IOCH_GET, ch->thread, ch);
	}
}

/* ---- put ---- */

static void release_channel_cb(void *arg);

static void
send_release(struct spdk_io_channel *ch)
{
	ch->releasing = true;
	thread_msg_init(&ch->msg, release_channel_cb, ch);
	if (thread_msg_send(ch->thread, &ch->msg) != 0) {
		/* The thread was exited by force; nobody will receive anything there. */
		release_channel_cb(ch);
	}
}

static void
destroy_channel(struct spdk_io_channel *ch)
{
	struct io_device *dev = ch->dev;

	drop_channel(ch);
	dev->destroy_cb(dev->io_device, spdk_io_channel_get_ctx(ch));
	free_channel(ch);
	thread_io_device_put(dev);
}

static int
ask_again(void *arg)
{
	struct spdk_io_channel *ch = arg;

	/* The message, if it is not on its way already, finds out the rest. */
	if (ch->ref > 0 || !ch->dev->busy_cb(spdk_io_channel_get_ctx(ch))) {
		spdk_poller_unregister(&ch->busy_poller);
		if (!ch->releasing) {
			send_release(ch);
		}
		return SPDK_POLLER_BUSY;
	}
	return SPDK_POLLER_IDLE;
}

/* True if something still uses the channel that nobody has; it is asked again until nothing does. */
static bool
is_busy(struct spdk_io_channel *ch)
{
	if (ch->dev->busy_cb == NULL || thread_state(ch->thread) == THREAD_EXITED ||
		!ch->dev->busy_cb(spdk_io_channel_get_ctx(ch))) {
		return false;
	}
	if (ch->busy_poller == NULL) {
		ch->busy_poller = SPDK_POLLER_REGISTER(ask_again, ch, BUSY_PERIOD_US);
	}
	if (ch->busy_poller == NULL && !ch->releasing) {
		/* No memory for a poller: in the next turn. */
		send_release(ch);
	}
	return true;
}

static void
release_channel_cb(void *arg)
{
	struct spdk_io_channel *ch = arg;

	ch->releasing = false;
	/* Somebody may have got it again, also in the function that is asked. */
	if (ch->ref > 0 || is_busy(ch) || ch->ref > 0 || ch->releasing) {
		return;
	}
	spdk_poller_unregister(&ch->busy_poller);
	destroy_channel(ch);
}

void
spdk_put_io_channel(struct spdk_io_channel *ch)
{
	struct spdk_thread *thread = thread_current();

	if (thread != ch->thread) {
		SPDK_ERRLOG("%s called from wrong thread %s, the channel of io_device %s is of thread %s\n", __func__,
			thread != NULL ? thread->name : "(none)", ch->dev->name, ch->thread->name);
		return;
	}
	assert(ch->ref > 0);
	ch->ref--;
	if (ch->has_notes) {
		thread_channel_notes(ch)->puts++;
	}
	if (spdk_trace_tpoint_enabled(TRACE_THREAD_IOCH_PUT)) {
		thread_trace_channel(TRACE_THREAD_IOCH_PUT, thread, ch);
	}
	if (ch->ref > 0 || ch->releasing) {
		return;
	}
	send_release(ch);
}

/* ---- questions ---- */

struct spdk_io_channel *
spdk_io_channel_from_ctx(void *ctx)
{
	return (struct spdk_io_channel *)((uint8_t *)ctx - SPDK_IO_CHANNEL_STRUCT_SIZE);
}

struct spdk_thread *
spdk_io_channel_get_thread(struct spdk_io_channel *ch)
{
	return ch->thread;
}

void *
spdk_io_channel_get_io_device(struct spdk_io_channel *ch)
{
	return ch->dev->io_device;
}

const char *
spdk_io_channel_get_io_device_name(struct spdk_io_channel *ch)
{
	return ch->dev->name;
}

int
spdk_io_channel_get_ref_count(struct spdk_io_channel *ch)
{
	return (int)ch->ref;
}

struct spdk_io_channel *
spdk_thread_get_first_io_channel(struct spdk_thread *thread)
{
	return RB_MIN(io_channel_tree, &thread->channels);
}

struct spdk_io_channel *
spdk_thread_get_next_io_channel(struct spdk_io_channel *prev)
{
	return RB_NEXT(io_channel_tree, &prev->thread->channels, prev);
}
