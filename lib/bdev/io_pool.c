/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * spdk_bdev_io objects. One pool for the process, made in chunks as it is asked; a cache for each SPDK thread, so that
 * taking and giving back an object is a step of an index.
 *
 * A thread is promised bdev_io_cache_size objects when its cache is made, but fetches them only when it uses them:
 * memory that no I/O has needed is never touched. Beyond the promise a thread takes what is left in the pool, and
 * returns it when it no longer needs it. The reserve of a thread, see enum bdev_io_rank, is made with its cache and is
 * not part of what the pool counts.
 */

#include "lib/bdev/strict.h"

/* Objects that move between the pool and a thread at once, and those a thread may keep beyond its cache size. */
#define BATCH 32
/* A pool with fewer objects left than this lends them one by one, and threads keep none beyond their cache size. */
#define TIGHT 1024
/* Objects made at once. */
#define CHUNK 128
#define CACHE_LINE 64
/*
 * Bytes of driver_ctx that there are at least, for modules that come later: more than any of this tree has. What is never
 * written costs addresses only.
 */
#define MIN_CTX_SIZE 512

struct io_chunk {
	struct io_chunk *next;
};

static struct {
	struct env_mutex lock;
	bool exists;
	/* Made and in nobody's cache. */
	struct spdk_bdev_io **free;
	uint32_t num_free;
	/* Length of free; no more than that are made. */
	uint32_t capacity;
	uint32_t num_made;
	uint32_t size;
	/* Objects in the reserves of all threads. */
	uint32_t reserve;
	uint32_t cache_size;
	/* Neither in a cache nor promised to one. */
	uint32_t num_left;
	/* Bytes of driver_ctx. */
	size_t ctx_size;
	/* Bytes before each object for the notes of strict mode. */
	size_t notes;
	/* Bytes from one object to the next. */
	size_t stride;
	struct io_chunk *chunks;
} g_pool;

static size_t
round_up(size_t value, size_t multiple)
{
	return (value + multiple - 1) / multiple * multiple;
}

int
bdev_io_pool_init(void)
{
	const struct spdk_bdev_opts *opts = &g_bdev_manager.opts;
	size_t lines, size;

	memset(&g_pool, 0, sizeof(g_pool));
	g_pool.free = calloc(opts->bdev_io_pool_size, sizeof(*g_pool.free));
	g_bdev_manager.zero_buffer =
		spdk_zmalloc(ZERO_BUFFER_SIZE, ZERO_BUFFER_SIZE, NULL, SPDK_ENV_NUMA_ID_ANY, SPDK_MALLOC_DMA);
	if (g_pool.free == NULL || g_bdev_manager.zero_buffer == NULL) {
		free(g_pool.free);
		spdk_free(g_bdev_manager.zero_buffer);
		g_bdev_manager.zero_buffer = NULL;
		return -ENOMEM;
	}
	env_mutex_init(&g_pool.lock);
	g_pool.size = opts->bdev_io_pool_size;
	g_pool.capacity = g_pool.size;
	g_pool.cache_size = opts->bdev_io_cache_size;
	g_pool.num_left = g_pool.size;
	g_pool.notes = g_bdev_strict ? sizeof(struct bdev_strict_io) : 0;
	g_pool.ctx_size = spdk_max(bdev_modules_get_ctx_size(), MIN_CTX_SIZE);
	size = g_pool.notes + offsetof(struct bdev_io_private, io.driver_ctx) + g_pool.ctx_size +
		(g_bdev_strict ? BDEV_STRICT_CANARY : 0);
	/* An odd number of cache lines, so that the hot lines of all objects spread over all sets of the CPU's caches. */
	lines = round_up(size, CACHE_LINE) / CACHE_LINE;
	g_pool.stride = (lines | 1) * CACHE_LINE;
	g_pool.exists = true;
	return 0;
}

size_t
bdev_io_pool_get_ctx_size(void)
{
	return g_pool.ctx_size;
}

void
bdev_io_pool_fini(void)
{
	struct io_chunk *chunk;

	if (!g_pool.exists) {
		return;
	}
	if (g_pool.num_left != g_pool.size) {
		SPDK_ERRLOG("%u of %u spdk_bdev_io were not freed\n", g_pool.size - g_pool.num_left, g_pool.size);
	}
	while ((chunk = g_pool.chunks) != NULL) {
		g_pool.chunks = chunk->next;
		free(chunk);
	}
	free(g_pool.free);
	env_mutex_destroy(&g_pool.lock);
	g_pool.exists = false;
	spdk_free(g_bdev_manager.zero_buffer);
	g_bdev_manager.zero_buffer = NULL;
}

/* Makes more objects. Their memory is zero and stays untouched. */
static bool
grow(void)
{
	uint32_t count = spdk_min(CHUNK, g_pool.capacity - g_pool.num_made);
	struct io_chunk *chunk;
	char *first;
	uint32_t i;

	if (count == 0) {
		return false;
	}
	chunk = calloc(1, sizeof(*chunk) + CACHE_LINE + count * g_pool.stride);
	if (chunk == NULL) {
		return false;
	}
	chunk->next = g_pool.chunks;
	g_pool.chunks = chunk;
	first = (char *)round_up((uintptr_t)(chunk + 1), CACHE_LINE);
	/* The lowest address ends on top. */
	for (i = count; i > 0; i--) {
		struct bdev_io_private *priv = (void *)(first + (i - 1) * g_pool.stride + g_pool.notes);

		g_pool.free[g_pool.num_free++] = &priv->io;
	}
	g_pool.num_made += count;
	return true;
}

static bool
grow_array(struct spdk_bdev_io ***array, uint64_t capacity)
{
	struct spdk_bdev_io **grown = realloc(*array, capacity * sizeof(*grown));

	if (grown == NULL) {
		return false;
	}
	*array = grown;
	return true;
}

/* Makes room for count more entries in the cache's arrays. */
static bool
reserve_entries(struct bdev_io_cache *cache, uint64_t count)
{
	uint64_t capacity = spdk_max(cache->capacity * 2, cache->held + count);

	if (cache->held + count <= cache->capacity) {
		return true;
	}
	if (!grow_array(&cache->stack, capacity) || !grow_array(&cache->all, capacity) ||
		!grow_array(&cache->deferred, capacity) || !grow_array(&cache->ending, capacity)) {
		return false;
	}
	cache->capacity = capacity;
	return true;
}

static bool
is_waited_for(const struct bdev_io_cache *cache)
{
	size_t i;

	for (i = 0; i < SPDK_COUNTOF(cache->wait_queue); i++) {
		if (!TAILQ_EMPTY(&cache->wait_queue[i])) {
			return true;
		}
	}
	return false;
}

static void
update_busy_below(struct bdev_io_cache *cache)
{
	uint64_t keep = cache->extra + g_pool.cache_size + (cache->tight ? 0 : BATCH);

	if (is_waited_for(cache)) {
		cache->busy_below = UINT64_MAX;
	} else {
		cache->busy_below = cache->held > keep ? cache->held - keep : 0;
	}
}

/* Moves objects from the pool to a cache that has room for them; g_pool.lock is held. Returns how many there were. */
static uint32_t
move_to_cache(struct bdev_io_cache *cache, uint32_t count)
{
	struct spdk_bdev_io *bdev_io;
	uint32_t i;

	for (i = 0; i < count; i++) {
		if (g_pool.num_free == 0 && !grow()) {
			break;
		}
		bdev_io = g_pool.free[--g_pool.num_free];
		bdev_io_private(bdev_io)->index = cache->held;
		bdev_io->internal.flags = BDEV_IO_FREE;
		cache->all[cache->held] = bdev_io;
		cache->stack[cache->held] = bdev_io;
		cache->held++;
	}
	return i;
}

/* Returns how many there were. */
static uint32_t
fetch(struct bdev_io_cache *cache)
{
	uint32_t count;

	if (!reserve_entries(cache, BATCH)) {
		return 0;
	}
	env_mutex_lock(&g_pool.lock);
	cache->tight = g_pool.num_left < TIGHT;
	if (cache->reserved > 0) {
		count = spdk_min(cache->reserved, BATCH);
	} else {
		count = spdk_min(g_pool.num_left, cache->tight ? 1 : BATCH);
	}
	count = move_to_cache(cache, count);
	cache->limit += count;
	if (cache->reserved > 0) {
		cache->reserved -= count;
	} else {
		g_pool.num_left -= count;
	}
	env_mutex_unlock(&g_pool.lock);
	update_busy_below(cache);
	return count;
}

/* Returns count free objects to the pool, those that were used longest ago; g_pool.lock is held. */
static void
move_to_pool(struct bdev_io_cache *cache, uint64_t count)
{
	uint64_t i;

	for (i = 0; i < count; i++) {
		struct spdk_bdev_io *bdev_io = cache->stack[cache->held - 1];
		uint32_t index = bdev_io_private(bdev_io)->index;

		cache->held--;
		cache->all[index] = cache->all[cache->held];
		bdev_io_private(cache->all[index])->index = index;
		g_pool.free[g_pool.num_free++] = bdev_io;
	}
}

static void
give_back(struct bdev_io_cache *cache, uint64_t count)
{
	env_mutex_lock(&g_pool.lock);
	move_to_pool(cache, count);
	cache->departures++;
	cache->limit -= count;
	g_pool.num_left += count;
	cache->tight = g_pool.num_left < TIGHT;
	env_mutex_unlock(&g_pool.lock);
}

/* Makes room for so many objects more; g_pool.lock is held. */
static bool
reserve_capacity(uint32_t count)
{
	uint32_t capacity = g_pool.size + g_pool.reserve + count;

	if (capacity > g_pool.capacity) {
		if (!grow_array(&g_pool.free, capacity)) {
			return false;
		}
		g_pool.capacity = capacity;
	}
	return true;
}

/* Gives a cache objects beyond what the pool has. False: there is no memory for them. g_pool.lock is held. */
static bool
add_extra(struct bdev_io_cache *cache, uint32_t count)
{
	uint32_t got;

	if (!reserve_capacity(count)) {
		return false;
	}
	got = move_to_cache(cache, count);
	if (got < count) {
		move_to_pool(cache, got);
		return false;
	}
	cache->extra += count;
	g_pool.reserve += count;
	return true;
}

/* Promises a thread its share of the pool and gives it its reserve; g_pool.lock is held. */
static int
endow(struct bdev_io_cache *cache)
{
	if (g_pool.num_left < g_pool.cache_size) {
		SPDK_ERRLOG("no spdk_bdev_io left for the cache of another thread: raise bdev_io_pool_size (%u)\n",
			g_pool.size);
		return -ENOMEM;
	}
	if (!add_extra(cache, BDEV_IO_RESERVE)) {
		return -ENOMEM;
	}
	g_pool.num_left -= g_pool.cache_size;
	cache->reserved = g_pool.cache_size;
	return 0;
}

static void
free_arrays(struct bdev_io_cache *cache)
{
	free(cache->stack);
	free(cache->all);
	free(cache->deferred);
	free(cache->ending);
}

int
bdev_io_cache_init(struct bdev_io_cache *cache)
{
	size_t i;
	int rc;

	memset(cache, 0, sizeof(*cache));
	for (i = 0; i < SPDK_COUNTOF(cache->wait_queue); i++) {
		TAILQ_INIT(&cache->wait_queue[i]);
	}
	if (!reserve_entries(cache, BDEV_IO_RESERVE)) {
		free_arrays(cache);
		return -ENOMEM;
	}
	env_mutex_lock(&g_pool.lock);
	rc = endow(cache);
	env_mutex_unlock(&g_pool.lock);
	if (rc != 0) {
		free_arrays(cache);
	}
	return rc;
}

void
bdev_io_cache_fini(struct bdev_io_cache *cache)
{
	uint64_t count = cache->held - cache->in_use;

	if (cache->in_use > 0) {
		SPDK_ERRLOG("%" PRIu64 " spdk_bdev_io are still in use while the last channel of their thread goes\n",
			cache->in_use);
	}
	env_mutex_lock(&g_pool.lock);
	move_to_pool(cache, count);
	/* What is missing is missing in the pool: the reserve was only lent. */
	g_pool.reserve -= cache->extra;
	g_pool.num_left += cache->reserved + count - spdk_min(count, cache->extra);
	env_mutex_unlock(&g_pool.lock);
	free_arrays(cache);
}

/* What in_use may grow to for that rank. */
static uint64_t
get_limit(const struct bdev_io_cache *cache, enum bdev_io_rank rank)
{
	return cache->limit + rank;
}

struct spdk_bdev_io *
bdev_io_cache_refill(struct bdev_io_cache *cache, enum bdev_io_rank rank)
{
	/* What is made here stays: nobody on the stack is to blame for it. */
	STRICT_OWN_SCOPE();

	/* A user that waits comes before other users. Inner I/O does not wait for users: they may wait for what it ends. */
	if (rank == BDEV_IO_RANK_USER && !TAILQ_EMPTY(&cache->wait_queue[rank])) {
		return NULL;
	}
	/* Inner I/O may have used the reserve: one more may not be enough. */
	while (cache->in_use >= get_limit(cache, rank)) {
		if (fetch(cache) == 0) {
			return NULL;
		}
	}
	return cache->stack[cache->in_use++];
}

/* More objects, so that those that were used lie longer. Without memory they lie less long. */
static void
enlarge_quarantine(struct bdev_io_cache *cache)
{
	STRICT_OWN_SCOPE();

	if (!reserve_entries(cache, BATCH)) {
		return;
	}
	env_mutex_lock(&g_pool.lock);
	add_extra(cache, BATCH);
	env_mutex_unlock(&g_pool.lock);
	update_busy_below(cache);
}

void
bdev_io_cache_push_last(struct bdev_io_cache *cache, struct spdk_bdev_io *bdev_io)
{
	struct spdk_bdev_io *displaced;
	uint64_t num_free, place;

	if (cache->held - cache->in_use < g_strict.opts.quarantine &&
		cache->extra < BDEV_IO_RESERVE + g_strict.opts.quarantine) {
		enlarge_quarantine(cache);
	}
	num_free = cache->held - --cache->in_use;

	/*
	 * It changes places with one of the free ones, each in its turn, which is used next: so it lies there for as
	 * many times as there are free ones.
	 */
	cache->pushed_last = cache->pushed_last + 1 < num_free ? cache->pushed_last + 1 : 0;
	place = cache->held - 1 - cache->pushed_last;
	bdev_io_set_word(bdev_io, BDEV_IO_WORD(SPDK_BDEV_IO_STATUS_SUCCESS, BDEV_IO_FREE));
	cache->stack[cache->in_use] = bdev_io;
	displaced = cache->stack[place];
	cache->stack[place] = bdev_io;
	cache->stack[cache->in_use] = displaced;
	if (cache->in_use < cache->busy_below) {
		bdev_io_cache_freed(cache);
	}
}

/* Takes the next one to be woken out of its queue, if there is an object for it; what ends soonest goes first. */
static struct spdk_bdev_io_wait_entry *
take_waiter(struct bdev_io_cache *cache)
{
	struct spdk_bdev_io_wait_entry *entry;
	int rank;

	for (rank = BDEV_IO_RANK_LEAF; rank >= BDEV_IO_RANK_USER; rank--) {
		entry = TAILQ_FIRST(&cache->wait_queue[rank]);
		if (entry != NULL && cache->in_use < get_limit(cache, rank)) {
			TAILQ_REMOVE(&cache->wait_queue[rank], entry, link);
			return entry;
		}
	}
	return NULL;
}

/* Calls those who wait as long as there is an object for them. */
static void
wake_waiters(struct bdev_io_cache *cache)
{
	struct spdk_bdev_io_wait_entry *entry;

	if (cache->waking) {
		return;
	}
	cache->waking = true;
	while ((entry = take_waiter(cache)) != NULL) {
		entry->cb_fn(entry->cb_arg);
	}
	cache->waking = false;
}

void
bdev_io_cache_freed(struct bdev_io_cache *cache)
{
	uint64_t keep = cache->extra + g_pool.cache_size, num_free;

	wake_waiters(cache);
	num_free = cache->held - cache->in_use;
	if (!cache->waking && num_free > keep) {
		give_back(cache, num_free - keep);
	}
	update_busy_below(cache);
}

void
bdev_io_cache_wait(struct bdev_io_cache *cache, enum bdev_io_rank rank, struct spdk_bdev_io_wait_entry *entry)
{
	TAILQ_INSERT_TAIL(&cache->wait_queue[rank], entry, link);
	update_busy_below(cache);
}

void
bdev_io_cache_unwait(struct bdev_io_cache *cache, enum bdev_io_rank rank, struct spdk_bdev_io_wait_entry *entry)
{
	TAILQ_REMOVE(&cache->wait_queue[rank], entry, link);
	update_busy_below(cache);
}

int
spdk_bdev_queue_io_wait(struct spdk_bdev *bdev, struct spdk_io_channel *ch, struct spdk_bdev_io_wait_entry *entry)
{
	struct bdev_channel *channel = spdk_io_channel_get_ctx(ch);
	struct bdev_io_cache *cache = &channel->thread->cache;

	if (bdev != entry->bdev) {
		SPDK_ERRLOG("%s: the wait entry is for another bdev\n", bdev->name);
		return -EINVAL;
	}
	/* What is promised and not fetched is as good as there. */
	if (cache->in_use < cache->limit || cache->reserved > 0) {
		SPDK_ERRLOG("%s: a spdk_bdev_io is available, there is nothing to wait for\n", bdev->name);
		return -EINVAL;
	}
	bdev_io_cache_wait(cache, BDEV_IO_RANK_USER, entry);
	return 0;
}
