/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Where message objects come from. Each thread has a cache of up to two magazines, lists of magazine_size free
 * messages; whole magazines move between caches and the depot. A sender takes from its own cache and the receiver
 * keeps what it has received, so that the depot's lock is taken once per magazine, and not at all by threads that
 * answer each other. Memory is taken from the system when the depot is empty, up to the limit of the pool.
 */

#include "lib/strict/strict_internal.h"
#include "lib/thread/thread_internal.h"

#define MAX_MAGAZINE_SIZE 64
/* A small pool has small magazines, so that the caches of some threads do not hold all of it. */
#define MIN_MAGAZINES 64

struct msg_chunk {
	struct msg_chunk *next;
	struct thread_msg msgs[];
};

static struct {
	struct env_mutex lock;
	/* Full magazines. Their first message's arg points at the next magazine. */
	struct thread_msg *magazines;
	/* Fewer than magazine_size single messages. */
	struct thread_msg *loose;
	uint32_t loose_count;

	struct msg_chunk *chunks;
	size_t allocated;
	size_t limit;
	uint32_t magazine_size;
} g_depot;

static struct thread_msg *
next_free(struct thread_msg *msg)
{
	return SPDK_CONTAINEROF(msg->link.next, struct thread_msg, link);
}

static struct thread_msg *
pop_free(struct thread_msg **list)
{
	struct thread_msg *msg = *list;

	*list = msg->link.next != NULL ? next_free(msg) : NULL;
	return msg;
}

static void
push_free(struct thread_msg **list, struct thread_msg *msg)
{
	msg->link.next = *list != NULL ? &(*list)->link : NULL;
	*list = msg;
}

int
thread_msg_pool_init(size_t count)
{
	memset(&g_depot, 0, sizeof(g_depot));
	g_depot.limit = count;
	g_depot.magazine_size = spdk_max(spdk_min(count / MIN_MAGAZINES, (size_t)MAX_MAGAZINE_SIZE), 1u);
	return env_mutex_init(&g_depot.lock);
}

void
thread_msg_pool_fini(void)
{
	struct msg_chunk *chunk;

	while ((chunk = g_depot.chunks) != NULL) {
		g_depot.chunks = chunk->next;
		free(chunk);
	}
	env_mutex_destroy(&g_depot.lock);
	memset(&g_depot, 0, sizeof(g_depot));
}

/* ---- the depot, under its lock ---- */

static void
add_magazine(struct thread_msg *magazine)
{
	magazine->arg = g_depot.magazines;
	g_depot.magazines = magazine;
}

static void
add_loose(struct thread_msg *msg)
{
	push_free(&g_depot.loose, msg);
	if (++g_depot.loose_count == g_depot.magazine_size) {
		add_magazine(g_depot.loose);
		g_depot.loose = NULL;
		g_depot.loose_count = 0;
	}
}

static int
grow(void)
{
	size_t i, count = spdk_min((size_t)MAX_MAGAZINE_SIZE, g_depot.limit - g_depot.allocated);
	struct msg_chunk *chunk;

	/* Whoever is on the stack is not to blame for it. */
	STRICT_OWN_SCOPE();

	if (count == 0) {
		return -ENOMEM;
	}
	chunk = malloc(sizeof(*chunk) + count * sizeof(chunk->msgs[0]));
	if (chunk == NULL) {
		return -ENOMEM;
	}
	chunk->next = g_depot.chunks;
	g_depot.chunks = chunk;
	g_depot.allocated += count;
	for (i = 0; i < count; i++) {
		add_loose(&chunk->msgs[i]);
	}
	return 0;
}

/* A list of at least one message, and how many it has; NULL when the pool is empty. */
static struct thread_msg *
take_list(uint32_t *count)
{
	struct thread_msg *list;

	if (g_depot.magazines == NULL && g_depot.loose == NULL && grow() != 0) {
		return NULL;
	}
	if (g_depot.magazines != NULL) {
		list = g_depot.magazines;
		g_depot.magazines = list->arg;
		*count = g_depot.magazine_size;
	} else {
		list = g_depot.loose;
		*count = g_depot.loose_count;
		g_depot.loose = NULL;
		g_depot.loose_count = 0;
	}
	return list;
}

static struct thread_msg *
get_single(void)
{
	struct thread_msg *list, *msg = NULL;
	uint32_t count;

	env_mutex_lock(&g_depot.lock);
	if (g_depot.loose == NULL) {
		list = take_list(&count);
		g_depot.loose = list;
		g_depot.loose_count = list != NULL ? count : 0;
	}
	if (g_depot.loose != NULL) {
		msg = pop_free(&g_depot.loose);
		g_depot.loose_count--;
	}
	env_mutex_unlock(&g_depot.lock);
	return msg;
}

/* ---- caches ---- */

static bool
load_cache(struct msg_cache *cache)
{
	if (cache->spare != NULL) {
		cache->loaded = cache->spare;
		cache->loaded_count = g_depot.magazine_size;
		cache->spare = NULL;
		return true;
	}
	env_mutex_lock(&g_depot.lock);
	cache->loaded = take_list(&cache->loaded_count);
	env_mutex_unlock(&g_depot.lock);
	return cache->loaded != NULL;
}

struct thread_msg *
thread_msg_get(struct msg_cache *cache)
{
	struct thread_msg *msg;

	if (cache == NULL) {
		msg = get_single();
	} else if (spdk_likely(cache->loaded != NULL) || load_cache(cache)) {
		msg = pop_free(&cache->loaded);
		cache->loaded_count--;
	} else {
		msg = NULL;
	}
	if (msg != NULL) {
		msg->pooled = true;
	}
	return msg;
}

void
thread_msg_put(struct msg_cache *cache, struct thread_msg *msg)
{
	if (spdk_unlikely(cache->loaded_count == g_depot.magazine_size)) {
		if (cache->spare != NULL) {
			env_mutex_lock(&g_depot.lock);
			add_magazine(cache->spare);
			env_mutex_unlock(&g_depot.lock);
		}
		cache->spare = cache->loaded;
		cache->loaded = NULL;
		cache->loaded_count = 0;
	}
	push_free(&cache->loaded, msg);
	cache->loaded_count++;
}

void
thread_msg_cache_drain(struct msg_cache *cache)
{
	env_mutex_lock(&g_depot.lock);
	if (cache->spare != NULL) {
		add_magazine(cache->spare);
		cache->spare = NULL;
	}
	while (cache->loaded != NULL) {
		add_loose(pop_free(&cache->loaded));
	}
	cache->loaded_count = 0;
	env_mutex_unlock(&g_depot.lock);
}
