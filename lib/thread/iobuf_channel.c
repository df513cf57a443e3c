/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A request that finds no buffer waits in its thread's queue. Buffers that are returned on that thread go to it
 * first. A thread that returns a buffer while only other threads wait gives it to the pool and wakes one of them,
 * as otherwise a thread without buffers of its own would wait for ever.
 */

#include "lib/thread/iobuf_internal.h"

#include "spdk/likely.h"
#include "spdk/log.h"

static void serve_woken(void *ctx);

static struct iobuf_wait_queue *
queue_of(struct spdk_iobuf_pool_cache *cache)
{
	return SPDK_CONTAINEROF(cache->queue, struct iobuf_wait_queue, entries);
}

static struct spdk_iobuf_pool_cache *
cache_for(struct spdk_iobuf_channel *ch, uint64_t len)
{
	struct spdk_iobuf_node_cache *node = &ch->cache[0];

	return len <= node->small.bufsize ? &node->small : &node->large;
}

/*
 * Waiting
 */

static void
list_waiting(struct iobuf_wait_queue *wait)
{
	env_mutex_lock(&g_iobuf.lock);
	wait->listed = true;
	TAILQ_INSERT_TAIL(&wait->pool->waiting, wait, link);
	atomic_fetch_add(&wait->pool->num_waiting, 1);
	env_mutex_unlock(&g_iobuf.lock);
}

/* The caller holds the lock. */
static void
unlist_waiting(struct iobuf_wait_queue *wait)
{
	wait->listed = false;
	TAILQ_REMOVE(&wait->pool->waiting, wait, link);
	atomic_fetch_sub(&wait->pool->num_waiting, 1);
}

/* Makes other threads wake this one. Without memory for it, only buffers of this thread serve the queue. */
static void
start_waiting(struct iobuf_wait_queue *wait)
{
	if (wait->ref) {
		return;
	}
	wait->ref = spdk_get_io_channel(&g_iobuf);
	if (wait->ref) {
		list_waiting(wait);
	}
}

/* To be called when the queue may have become empty. */
static void
stop_waiting(struct iobuf_wait_queue *wait)
{
	struct spdk_io_channel *ref = NULL;

	if (!wait->ref || !STAILQ_EMPTY(&wait->entries)) {
		return;
	}

	env_mutex_lock(&g_iobuf.lock);
	/* If it is not listed, a wake-up is on its way, and that gives the reference back. */
	if (wait->listed) {
		unlist_waiting(wait);
		ref = wait->ref;
		wait->ref = NULL;
	}
	env_mutex_unlock(&g_iobuf.lock);

	if (ref) {
		spdk_put_io_channel(ref);
	}
}

static void
wake_waiting(struct iobuf_pool *pool)
{
	struct iobuf_wait_queue *wait;

	env_mutex_lock(&g_iobuf.lock);
	wait = TAILQ_FIRST(&pool->waiting);
	if (wait && spdk_thread_send_msg(wait->thread, serve_woken, wait) == 0) {
		/* Without a message it stays listed, and the next buffer tries again. */
		unlist_waiting(wait);
	}
	env_mutex_unlock(&g_iobuf.lock);
}

static void
return_to_pool(struct iobuf_pool *pool, void **bufs, uint32_t count)
{
	iobuf_pool_put(pool, bufs, count);

	/* Ordered after the put, as get orders its second look at the pool after listing itself. */
	atomic_thread_fence(memory_order_seq_cst);
	for (uint32_t i = 0; i < count; i++) {
		if (atomic_load_explicit(&pool->num_waiting, memory_order_relaxed) == 0) {
			break;
		}
		wake_waiting(pool);
	}
}

/* Gives buf, and then what the pool has, to the waiting requests, oldest first. */
static void
serve(struct iobuf_wait_queue *wait, void *buf)
{
	struct spdk_iobuf_entry *entry;

	wait->serving = true;
	do {
		entry = STAILQ_FIRST(&wait->entries);
		STAILQ_REMOVE_HEAD(&wait->entries, stailq);
		entry->cb_fn(entry, buf);

		/* One that needs yet another buffer keeps its turn. It may be freed by now: only its address is used. */
		if (!STAILQ_EMPTY(&wait->entries) && STAILQ_LAST(&wait->entries, spdk_iobuf_entry, stailq) == entry) {
			STAILQ_REMOVE(&wait->entries, entry, spdk_iobuf_entry, stailq);
			STAILQ_INSERT_HEAD(&wait->entries, entry, stailq);
		}
	} while (!STAILQ_EMPTY(&wait->entries) && iobuf_pool_get(wait->pool, &buf, 1) == 1);
	wait->serving = false;

	stop_waiting(wait);
}

static void
serve_woken(void *ctx)
{
	struct iobuf_wait_queue *wait = ctx;
	struct spdk_io_channel *ref = wait->ref;
	void *buf;

	wait->ref = NULL;
	while (!STAILQ_EMPTY(&wait->entries)) {
		if (iobuf_pool_get(wait->pool, &buf, 1) == 1) {
			serve(wait, buf);
			continue;
		}
		if (wait->ref) {
			break;
		}
		/* Look once more after that: a buffer that was returned before it woke nobody. */
		start_waiting(wait);
		if (!wait->ref) {
			break;
		}
	}

	spdk_put_io_channel(ref);
}

/*
 * Getting and returning buffers
 */

/* Takes a batch from the pool; the cache is empty. */
static void *
take_batch(struct spdk_iobuf_pool_cache *cache)
{
	uint32_t count = iobuf_pool_get(cache->pool, cache->cache, cache->batch);

	if (count == 0) {
		return NULL;
	}

	cache->stats.main++;
	cache->cache_count = count - 1;
	return cache->cache[count - 1];
}

/* Queues the request; returns a buffer, with the request not queued, if one came back just now. */
static void *
wait_for_buffer(struct spdk_iobuf_channel *ch, struct spdk_iobuf_pool_cache *cache, struct spdk_iobuf_entry *entry,
	spdk_iobuf_get_cb cb_fn)
{
	struct iobuf_wait_queue *wait = queue_of(cache);
	void *buf;

	entry->cb_fn = cb_fn;
	entry->module = ch->module;
	STAILQ_INSERT_TAIL(&wait->entries, entry, stailq);
	start_waiting(wait);

	buf = take_batch(cache);
	if (spdk_unlikely(buf)) {
		STAILQ_REMOVE(&wait->entries, entry, spdk_iobuf_entry, stailq);
		stop_waiting(wait);
		return buf;
	}

	cache->stats.retry++;
	return NULL;
}

void *
spdk_iobuf_get(struct spdk_iobuf_channel *ch, uint64_t len, struct spdk_iobuf_entry *entry, spdk_iobuf_get_cb cb_fn)
{
	struct spdk_iobuf_pool_cache *cache = cache_for(ch, len);
	void *buf;

	assert(spdk_io_channel_get_thread(ch->parent) == spdk_get_thread());
	if (spdk_unlikely(len > cache->bufsize)) {
		SPDK_ERRLOG("A buffer of %" PRIu64 " bytes was asked for, large_bufsize is %u\n", len, cache->bufsize);
		assert(false);
		return NULL;
	}

	if (spdk_likely(cache->cache_count > 0)) {
		cache->stats.cache++;
		return cache->cache[--cache->cache_count];
	}

	buf = take_batch(cache);
	if (!buf && entry) {
		buf = wait_for_buffer(ch, cache, entry, cb_fn);
	}

	return buf;
}

/* The cache is full. */
static void
put_surplus(struct spdk_iobuf_pool_cache *cache, void *buf)
{
	uint32_t limit = cache->cache_size + cache->batch;

	if (cache->cache_size == 0) {
		return_to_pool(cache->pool, &buf, 1);
		return;
	}

	cache->cache[cache->cache_count++] = buf;
	if (spdk_unlikely(atomic_load_explicit(&cache->pool->num_waiting, memory_order_relaxed))) {
		limit = cache->cache_size;
	} else if (cache->cache_count == limit) {
		limit -= cache->batch;
	}

	if (cache->cache_count > limit) {
		uint32_t count = cache->cache_count - limit;

		cache->cache_count = limit;
		return_to_pool(cache->pool, &cache->cache[limit], count);
	}
}

void
spdk_iobuf_put(struct spdk_iobuf_channel *ch, void *buf, uint64_t len)
{
	struct spdk_iobuf_pool_cache *cache = cache_for(ch, len);

	assert(spdk_io_channel_get_thread(ch->parent) == spdk_get_thread());
	if (spdk_unlikely(!STAILQ_EMPTY(cache->queue))) {
		struct iobuf_wait_queue *wait = queue_of(cache);

		if (wait->serving) {
			iobuf_pool_put(cache->pool, &buf, 1);
		} else {
			serve(wait, buf);
		}
		return;
	}

	if (spdk_likely(cache->cache_count < cache->cache_size)) {
		cache->cache[cache->cache_count++] = buf;
		return;
	}

	put_surplus(cache, buf);
}

static int
for_each_in_queue(struct spdk_iobuf_channel *ch, struct spdk_iobuf_pool_cache *cache,
	spdk_iobuf_for_each_entry_fn cb_fn, void *cb_ctx)
{
	struct spdk_iobuf_entry *entry, *next;
	int rc;

	STAILQ_FOREACH_SAFE (entry, cache->queue, stailq, next) {
		if (entry->module != ch->module) {
			continue;
		}
		rc = cb_fn(ch, entry, cb_ctx);
		if (rc) {
			return rc;
		}
	}

	return 0;
}

int
spdk_iobuf_for_each_entry(struct spdk_iobuf_channel *ch, spdk_iobuf_for_each_entry_fn cb_fn, void *cb_ctx)
{
	int rc;

	rc = for_each_in_queue(ch, &ch->cache[0].small, cb_fn, cb_ctx);
	if (rc == 0) {
		rc = for_each_in_queue(ch, &ch->cache[0].large, cb_fn, cb_ctx);
	}

	return rc;
}

void
spdk_iobuf_entry_abort(struct spdk_iobuf_channel *ch, struct spdk_iobuf_entry *entry, uint64_t len)
{
	struct spdk_iobuf_pool_cache *cache = cache_for(ch, len);
	struct spdk_iobuf_entry *queued;

	STAILQ_FOREACH (queued, cache->queue, stailq) {
		if (queued == entry) {
			STAILQ_REMOVE(cache->queue, entry, spdk_iobuf_entry, stailq);
			stop_waiting(queue_of(cache));
			return;
		}
	}
}

/*
 * Channels
 */

static void
init_queue(struct iobuf_wait_queue *wait, struct iobuf_pool *pool)
{
	STAILQ_INIT(&wait->entries);
	wait->pool = pool;
	wait->thread = spdk_get_thread();
}

int
iobuf_group_create_cb(void *io_device, void *ctx_buf)
{
	struct iobuf_group *group = ctx_buf;

	init_queue(&group->small, &g_iobuf.small);
	init_queue(&group->large, &g_iobuf.large);
	return 0;
}

void
iobuf_group_destroy_cb(void *io_device, void *ctx_buf)
{
	struct iobuf_group *group __attribute__((unused)) = ctx_buf;

	assert(STAILQ_EMPTY(&group->small.entries));
	assert(STAILQ_EMPTY(&group->large.entries));
	assert(group->num_channels == 0);
}

static int
fill_cache(struct spdk_iobuf_pool_cache *cache, struct iobuf_wait_queue *wait, uint32_t cache_size)
{
	memset(cache, 0, sizeof(*cache));
	cache->pool = wait->pool;
	cache->queue = &wait->entries;
	cache->bufsize = wait->pool->bufsize;
	cache->cache_size = cache_size;
	cache->batch = spdk_min(IOBUF_BATCH_SIZE, spdk_max(cache_size, 1));

	if (cache_size > wait->pool->count) {
		return -ENOMEM;
	}
	cache->cache = calloc(cache_size + cache->batch, sizeof(*cache->cache));
	if (!cache->cache) {
		return -ENOMEM;
	}

	while (cache->cache_count < cache_size) {
		uint32_t count;

		count = iobuf_pool_get(cache->pool, &cache->cache[cache->cache_count], cache_size - cache->cache_count);
		if (count == 0) {
			return -ENOMEM;
		}
		cache->cache_count += count;
	}

	return 0;
}

static void
drain_cache(struct spdk_iobuf_pool_cache *cache)
{
	if (cache->cache) {
		return_to_pool(cache->pool, cache->cache, cache->cache_count);
	}
	free(cache->cache);
	cache->cache = NULL;
	cache->cache_count = 0;
}

static int
fail_fill(const char *name, const char *size_name, struct spdk_iobuf_pool_cache *cache)
{
	SPDK_ERRLOG("Failed to fill the cache of %s buffers of '%s': %u of %u\n", size_name, name, cache->cache_count,
		cache->cache_size);
	SPDK_ERRLOG("Raise %s_pool_count (now %u) with iobuf_set_options, or lower the cache size\n", size_name,
		cache->pool->count);
	return -ENOMEM;
}

int
spdk_iobuf_channel_init(
	struct spdk_iobuf_channel *ch, const char *name, uint32_t small_cache_size, uint32_t large_cache_size)
{
	struct iobuf_group *group;
	const void *module;
	int rc;

	module = iobuf_module_find(name);
	if (!module) {
		SPDK_ERRLOG("'%s' is not registered with spdk_iobuf_register_module()\n", name);
		return -ENODEV;
	}

	memset(ch, 0, sizeof(*ch));
	ch->module = module;
	ch->parent = spdk_get_io_channel(&g_iobuf);
	if (!ch->parent) {
		SPDK_ERRLOG("No iobuf channel for '%s': iobuf is not initialized or memory is short\n", name);
		return -ENOMEM;
	}

	group = spdk_io_channel_get_ctx(ch->parent);
	if (group->num_channels == IOBUF_MAX_CHANNELS) {
		SPDK_ERRLOG("'%s' would be more than %d iobuf channels on one thread\n", name, IOBUF_MAX_CHANNELS);
		spdk_put_io_channel(ch->parent);
		ch->parent = NULL;
		return -ENOMEM;
	}
	group->channels[group->num_channels++] = ch;

	rc = fill_cache(&ch->cache[0].small, &group->small, small_cache_size);
	if (rc) {
		rc = fail_fill(name, "small", &ch->cache[0].small);
	} else {
		rc = fill_cache(&ch->cache[0].large, &group->large, large_cache_size);
		if (rc) {
			rc = fail_fill(name, "large", &ch->cache[0].large);
		}
	}

	if (rc) {
		spdk_iobuf_channel_fini(ch);
	}
	return rc;
}

static bool __attribute__((unused)) has_waiting(struct spdk_iobuf_channel *ch, struct spdk_iobuf_pool_cache *cache)
{
	struct spdk_iobuf_entry *entry;

	if (!cache->queue) {
		return false;
	}
	STAILQ_FOREACH (entry, cache->queue, stailq) {
		if (entry->module == ch->module) {
			return true;
		}
	}

	return false;
}

void
spdk_iobuf_channel_fini(struct spdk_iobuf_channel *ch)
{
	struct iobuf_group *group = spdk_io_channel_get_ctx(ch->parent);

	for (uint32_t i = 0; i < group->num_channels; i++) {
		if (group->channels[i] == ch) {
			group->channels[i] = group->channels[--group->num_channels];
			break;
		}
	}

	assert(!has_waiting(ch, &ch->cache[0].small));
	assert(!has_waiting(ch, &ch->cache[0].large));
	drain_cache(&ch->cache[0].small);
	drain_cache(&ch->cache[0].large);
	spdk_put_io_channel(ch->parent);
	ch->parent = NULL;
}
