/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Channels: one for each bdev and thread, on top of what the thread keeps for all bdevs and of what bdevs share that
 * use one module channel.
 */

#include "lib/bdev/strict.h"
#include "bdevkit/thread.h"
#include "lib/thread/thread_host.h"

int
bdev_thread_create(void *io_device, void *ctx_buf)
{
	uint32_t small = g_bdev_manager.opts.iobuf_small_cache_size;
	uint32_t large = g_bdev_manager.opts.iobuf_large_cache_size;
	struct bdev_thread *thread = ctx_buf;
	int rc;

	thread->thread = spdk_get_thread();
	TAILQ_INIT(&thread->shared);
	rc = bdev_io_cache_init(&thread->cache);
	if (rc != 0) {
		return rc;
	}
	bdk_iobuf_fit_caches(&small, &large);
	rc = spdk_iobuf_channel_init(&thread->iobuf, "bdev", small, large);
	if (rc != 0) {
		bdev_io_cache_fini(&thread->cache);
		return rc;
	}
	thread->accel_ch = spdk_accel_get_io_channel();
	if (thread->accel_ch == NULL && spdk_accel_get_memory_domain() != NULL) {
		/* It is running, but has nothing left. */
		spdk_iobuf_channel_fini(&thread->iobuf);
		bdev_io_cache_fini(&thread->cache);
		return -ENOMEM;
	}
	rc = bdev_strict_thread_init(thread);
	if (rc != 0) {
		if (thread->accel_ch != NULL) {
			spdk_put_io_channel(thread->accel_ch);
		}
		spdk_iobuf_channel_fini(&thread->iobuf);
		bdev_io_cache_fini(&thread->cache);
		return rc;
	}
	bdk_thread_set_io_counter(thread->thread, &thread->cache.in_use);
	return 0;
}

void
bdev_thread_destroy(void *io_device, void *ctx_buf)
{
	struct bdev_thread *thread = ctx_buf;

	assert(TAILQ_EMPTY(&thread->shared));
	bdk_thread_set_io_counter(thread->thread, NULL);
	bdev_strict_thread_fini(thread);
	if (thread->accel_ch != NULL) {
		spdk_put_io_channel(thread->accel_ch);
	}
	spdk_iobuf_channel_fini(&thread->iobuf);
	bdev_io_cache_fini(&thread->cache);
}

/* Finds or makes what the channels of this thread share that have the same module channel. */
static int
join_shared(struct bdev_channel *ch)
{
	struct bdev_thread *thread = ch->thread;
	struct bdev_shared *shared;

	TAILQ_FOREACH (shared, &thread->shared, link) {
		if (shared->module_ch == ch->module_ch) {
			break;
		}
	}
	if (shared == NULL) {
		shared = calloc(1, sizeof(*shared));
		if (shared == NULL || bdev_retry_init(shared) != 0) {
			free(shared);
			return -ENOMEM;
		}
		shared->thread = thread;
		shared->module_ch = ch->module_ch;
		TAILQ_INIT(&shared->channels);
		TAILQ_INSERT_TAIL(&thread->shared, shared, link);
	}
	if (!TAILQ_EMPTY(&shared->nomem_queue)) {
		ch->gates |= BDEV_GATE_NOMEM;
	}
	ch->shared = shared;
	TAILQ_INSERT_TAIL(&shared->channels, ch, link);
	return 0;
}

static void
leave_shared(struct bdev_channel *ch)
{
	struct bdev_shared *shared = ch->shared;

	TAILQ_REMOVE(&shared->channels, ch, link);
	if (TAILQ_EMPTY(&shared->channels)) {
		bdev_retry_fini(shared);
		TAILQ_REMOVE(&shared->thread->shared, shared, link);
		free(shared);
	}
}

static void
put_thread(struct bdev_thread *thread)
{
	spdk_put_io_channel(spdk_io_channel_from_ctx(thread));
}

int
bdev_channel_create(void *io_device, void *ctx_buf)
{
	struct bdev_state *state = io_device;
	struct spdk_bdev *bdev = state->bdev;
	struct bdev_channel *ch = ctx_buf;
	struct spdk_io_channel *thread_ch;
	int rc = -ENOMEM;

	ch->bdev = bdev;
	TAILQ_INIT(&ch->buf_queue);
	bdev_stat_init(&ch->stat);
	thread_ch = spdk_get_io_channel(&g_bdev_manager);
	if (thread_ch == NULL) {
		return -ENOMEM;
	}
	ch->thread = spdk_io_channel_get_ctx(thread_ch);
	ch->instant = __atomic_load_n(&bdev_state(bdev)->instant, __ATOMIC_ACQUIRE);
	ch->module_ch = bdev->fn_table->get_io_channel(bdev->ctxt);
	if (ch->module_ch == NULL) {
		SPDK_ERRLOG("%s: the module gave no channel\n", bdev->name);
		goto put_thread;
	}
	bdev_route_channel_init(ch);
	rc = bdev_lock_channel_init(ch);
	if (rc != 0) {
		goto put_module;
	}
	rc = bdev_qos_channel_init(ch);
	if (rc != 0) {
		goto leave_locks;
	}
	rc = join_shared(ch);
	if (rc != 0) {
		goto leave_qos;
	}
	rc = bdev_late_channel_init(ch);
	if (rc != 0) {
		goto leave_shared;
	}
	rc = bdev_strict_channel_init(ch);
	if (rc != 0) {
		goto leave_late;
	}
	bdev_histogram_channel_init(ch);
	bdev_timeout_channel_init(ch);
	bdev_trace_channel_create(ch);
	return 0;

leave_late:
	bdev_late_channel_fini(ch);
leave_shared:
	leave_shared(ch);
leave_qos:
	bdev_qos_channel_fini(ch);
leave_locks:
	bdev_lock_channel_fini(ch);
put_module:
	spdk_put_io_channel(ch->module_ch);
put_thread:
	put_thread(ch->thread);
	return rc;
}

void
bdev_channel_abort_queued(struct bdev_channel *ch)
{
	bdev_qos_abort(ch);
	bdev_retry_abort(ch);
	bdev_buf_abort(ch);
}

void
bdev_channel_leave(struct bdev_channel *ch)
{
	ch->leaving = true;
	bdev_channel_abort_queued(ch);
	bdev_lock_channel_fini(ch);
	bdev_qos_channel_fini(ch);
}

/* Also one that is the bdev's below at the moment. */
static bool
is_of(struct spdk_bdev_io *bdev_io, const struct bdev_channel *ch)
{
	if (bdev_io->internal.flags & BDEV_IO_FREE) {
		return false;
	}
	return bdev_io->internal.ch == ch ||
		(bdev_io->internal.cb == bdev_route_end_cb && bdev_io_private(bdev_io)->upper.ch == ch);
}

/*
 * Users are to put a channel after their last I/O. What the layer keeps back is ended for them; what is inside the
 * module, or still theirs, ends when it ends, and the channel goes after it.
 */
bool
bdev_channel_is_busy(void *ctx_buf)
{
	struct bdev_channel *ch = ctx_buf;
	const struct bdev_io_cache *cache = &ch->thread->cache;
	uint64_t i, left = 0;

	bdev_channel_abort_queued(ch);
	bdev_lock_abort(ch);
	bdev_channel_end_deferred(ch);
	for (i = 0; i < cache->held; i++) {
		left += is_of(cache->all[i], ch);
	}
	if (left > 0 && !ch->abandoned) {
		ch->abandoned = true;
		SPDK_WARNLOG("%s: a channel was put with %" PRIu64 " I/Os that have not ended; it goes after them\n",
			ch->bdev->name, left);
	}
	return left > 0;
}

void
bdev_channel_destroy(void *io_device, void *ctx_buf)
{
	struct bdev_state *state = io_device;
	struct bdev_channel *ch = ctx_buf;

	/* There is nothing left, unless the thread was exited by force. */
	bdev_channel_leave(ch);
	bdev_channel_end_deferred(ch);
	bdev_strict_channel_fini(ch);
	bdev_trace_channel_destroy(ch, state);
	env_mutex_lock(&state->lock);
	bdev_stat_add(&state->stat, &ch->stat);
	env_mutex_unlock(&state->lock);
	bdev_histogram_channel_fini(ch);
	bdev_late_channel_fini(ch);
	leave_shared(ch);
	spdk_put_io_channel(ch->module_ch);
	put_thread(ch->thread);
}

struct spdk_io_channel *
spdk_bdev_get_io_channel(struct spdk_bdev_desc *desc)
{
	return thread_io_channel_get(bdev_state(desc->bdev), __builtin_return_address(0));
}

/* ---- iteration ---- */

static void
for_each_visit_cb(struct spdk_io_channel_iter *it)
{
	struct spdk_bdev_channel_iter *iter = spdk_io_channel_iter_get_ctx(it);

	iter->it = it;
	iter->fn(iter, iter->bdev, spdk_io_channel_iter_get_channel(it), iter->ctx);
}

static void
for_each_done_cb(struct spdk_io_channel_iter *it, int status)
{
	struct spdk_bdev_channel_iter *iter = spdk_io_channel_iter_get_ctx(it);

	/* The memory of the caller may be gone, or in use again, when this returns. */
	iter->done(iter->bdev, iter->ctx, status);
}

static void
own_walk_done_cb(struct spdk_io_channel_iter *it, int status)
{
	struct spdk_bdev_channel_iter *iter = spdk_io_channel_iter_get_ctx(it);

	iter->done(iter->bdev, iter->ctx, status);
	free(iter);
}

static void
start_walk(struct spdk_bdev_channel_iter *iter, struct spdk_bdev *bdev, spdk_bdev_for_each_channel_msg fn, void *ctx,
	spdk_bdev_for_each_channel_done cpl, spdk_channel_for_each_cpl done_cb)
{
	iter->bdev = bdev;
	iter->fn = fn;
	iter->done = cpl;
	iter->ctx = ctx;
	bdk_for_each_channel(&iter->walk, bdev_state(bdev), for_each_visit_cb, iter, done_cb);
}

void
bdev_for_each_channel(struct spdk_bdev_channel_iter *iter, struct spdk_bdev *bdev, spdk_bdev_for_each_channel_msg fn,
	void *ctx, spdk_bdev_for_each_channel_done cpl)
{
	start_walk(iter, bdev, fn, ctx, cpl, for_each_done_cb);
}

void
spdk_bdev_for_each_channel(
	struct spdk_bdev *bdev, spdk_bdev_for_each_channel_msg fn, void *ctx, spdk_bdev_for_each_channel_done cpl)
{
	struct spdk_bdev_channel_iter *iter;

	iter = calloc(1, sizeof(*iter));
	if (iter == NULL) {
		cpl(bdev, ctx, -ENOMEM);
		return;
	}
	start_walk(iter, bdev, fn, ctx, cpl, own_walk_done_cb);
}

void
spdk_bdev_for_each_channel_continue(struct spdk_bdev_channel_iter *i, int status)
{
	spdk_for_each_channel_continue(i->it, status);
}
