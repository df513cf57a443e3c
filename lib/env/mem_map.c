/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Memory registration, and maps that keep a translation for each 2 MiB of registered memory (an I/O address, a key of
 * a network card). A map is a table of two levels over the 47 bits of user addresses; looking up takes no lock.
 */

#include "spdk/env.h"
#include "spdk/likely.h"
#include "spdk/log.h"
#include "spdk/memory.h"
#include "spdk/queue.h"
#include "spdk/tree.h"
#include "spdk/util.h"

#include "lib/env/env_internal.h"
#include "lib/env/memory_internal.h"

#define MAP_ADDRESS_BITS 47
#define MAP_LEAF_BITS 30
#define MAP_LEAVES (1ULL << (MAP_ADDRESS_BITS - MAP_LEAF_BITS))
#define MAP_PAGES_PER_LEAF (1ULL << (MAP_LEAF_BITS - SHIFT_2MB))

/* One GiB of addresses. */
struct map_leaf {
	uint64_t translation[MAP_PAGES_PER_LEAF];
	/* All leaves of a map, so that its end need not look through the whole table. */
	struct map_leaf *next;
};

struct spdk_mem_map {
	/* Large enough to be allocated on its own: untouched parts of it take no memory. */
	struct map_leaf **leaves;
	struct env_mutex mutex;
	struct map_leaf *first_leaf;
	uint64_t default_translation;
	struct spdk_mem_map_ops ops;
	void *cb_ctx;
	TAILQ_ENTRY(spdk_mem_map) tailq;
};

/* Memory of one spdk_mem_register() call. */
struct registration {
	uint64_t start;
	uint64_t size;
	RB_ENTRY(registration) node;
};

static int
compare_registration(struct registration *a, struct registration *b)
{
	return a->start < b->start ? -1 : a->start > b->start;
}

RB_HEAD(registrations, registration);
RB_GENERATE_STATIC(registrations, registration, node, compare_registration)

static struct registrations g_registrations = RB_INITIALIZER(&g_registrations);
static TAILQ_HEAD(map_list, spdk_mem_map) g_maps = TAILQ_HEAD_INITIALIZER(g_maps);
/* Held while maps' owners are told, so that each hears all in order. Taken before a map's own mutex. */
static pthread_mutex_t g_registry_mutex = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

static void
registry_lock(void)
{
	pthread_mutex_lock(&g_registry_mutex);
}

static void
registry_unlock(void)
{
	pthread_mutex_unlock(&g_registry_mutex);
}

/* ---- Maps ---- */

static int
check_range(uint64_t vaddr, uint64_t size)
{
	const uint64_t end = 1ULL << MAP_ADDRESS_BITS;

	if ((vaddr & MASK_2MB) != 0 || (size & MASK_2MB) != 0 || vaddr >= end || size > end - vaddr) {
		SPDK_ERRLOG("Memory at 0x%" PRIx64 ", length 0x%" PRIx64
			    ": address and length must be multiples of 2 MiB in user space\n",
			vaddr, size);
		return -EINVAL;
	}
	return 0;
}

static struct map_leaf *
obtain_leaf(struct spdk_mem_map *map, uint64_t vaddr)
{
	struct map_leaf **slot = &map->leaves[vaddr >> MAP_LEAF_BITS];
	struct map_leaf *leaf = __atomic_load_n(slot, __ATOMIC_ACQUIRE);

	if (leaf != NULL) {
		return leaf;
	}
	ENV_MUTEX_SCOPE(&map->mutex);
	leaf = *slot;
	if (leaf != NULL) {
		return leaf;
	}
	leaf = malloc(sizeof(*leaf));
	if (leaf == NULL) {
		return NULL;
	}
	for (uint64_t i = 0; i < MAP_PAGES_PER_LEAF; i++) {
		leaf->translation[i] = map->default_translation;
	}
	leaf->next = map->first_leaf;
	map->first_leaf = leaf;
	__atomic_store_n(slot, leaf, __ATOMIC_RELEASE);
	return leaf;
}

static uint64_t *
leaf_entry(struct map_leaf *leaf, uint64_t vaddr)
{
	return &leaf->translation[(vaddr >> SHIFT_2MB) % MAP_PAGES_PER_LEAF];
}

int
spdk_mem_map_set_translation(struct spdk_mem_map *map, uint64_t vaddr, uint64_t size, uint64_t translation)
{
	uint64_t pos;
	int rc = check_range(vaddr, size);

	if (rc != 0) {
		return rc;
	}
	/* First all that can fail. */
	for (pos = vaddr; pos < vaddr + size; pos += VALUE_2MB) {
		if (obtain_leaf(map, pos) == NULL) {
			return -ENOMEM;
		}
	}
	for (pos = vaddr; pos < vaddr + size; pos += VALUE_2MB) {
		__atomic_store_n(leaf_entry(obtain_leaf(map, pos), pos), translation, __ATOMIC_RELEASE);
	}
	return 0;
}

int
spdk_mem_map_clear_translation(struct spdk_mem_map *map, uint64_t vaddr, uint64_t size)
{
	return spdk_mem_map_set_translation(map, vaddr, size, map->default_translation);
}

static uint64_t
look_up(const struct spdk_mem_map *map, uint64_t vaddr)
{
	struct map_leaf *leaf;

	if (spdk_unlikely(vaddr >> MAP_ADDRESS_BITS)) {
		return map->default_translation;
	}
	leaf = __atomic_load_n(&map->leaves[vaddr >> MAP_LEAF_BITS], __ATOMIC_ACQUIRE);
	if (spdk_unlikely(leaf == NULL)) {
		return map->default_translation;
	}
	return __atomic_load_n(leaf_entry(leaf, vaddr), __ATOMIC_ACQUIRE);
}

uint64_t
spdk_mem_map_translate(const struct spdk_mem_map *map, uint64_t vaddr, uint64_t *size)
{
	uint64_t translation = look_up(map, vaddr);
	uint64_t len, prev, next;

	if (size == NULL) {
		return translation;
	}
	len = VALUE_2MB - (vaddr & MASK_2MB);
	prev = translation;
	while (len < *size && map->ops.are_contiguous != NULL) {
		next = look_up(map, vaddr + len);
		if (!map->ops.are_contiguous(prev, next)) {
			break;
		}
		len += VALUE_2MB;
		prev = next;
	}
	*size = spdk_min(*size, len);
	return translation;
}

static int
notify_map(struct spdk_mem_map *map, enum spdk_mem_map_notify_action action, const struct registration *registration)
{
	if (map->ops.notify_cb == NULL) {
		return 0;
	}
	return map->ops.notify_cb(map->cb_ctx, map, action, (void *)registration->start, registration->size);
}

/* Tells a map that registrations are gone: those before `end`, all if it is NULL. */
static void
withdraw_registrations(struct spdk_mem_map *map, const struct registration *end)
{
	struct registration *registration;

	RB_FOREACH (registration, registrations, &g_registrations) {
		if (registration == end) {
			return;
		}
		notify_map(map, SPDK_MEM_MAP_NOTIFY_UNREGISTER, registration);
	}
}

static int
announce_registrations(struct spdk_mem_map *map)
{
	struct registration *registration;

	RB_FOREACH (registration, registrations, &g_registrations) {
		int rc = notify_map(map, SPDK_MEM_MAP_NOTIFY_REGISTER, registration);

		if (rc != 0) {
			SPDK_ERRLOG("The owner of a memory map refused memory at 0x%" PRIx64 ": %d\n",
				registration->start, rc);
			withdraw_registrations(map, registration);
			return rc;
		}
	}
	return 0;
}

static void
destroy_map(struct spdk_mem_map *map)
{
	struct map_leaf *leaf;

	while ((leaf = map->first_leaf) != NULL) {
		map->first_leaf = leaf->next;
		free(leaf);
	}
	free(map->leaves);
	env_mutex_destroy(&map->mutex);
	free(map);
}

struct spdk_mem_map *
spdk_mem_map_alloc(uint64_t default_translation, const struct spdk_mem_map_ops *ops, void *cb_ctx)
{
	struct spdk_mem_map *map = calloc(1, sizeof(*map));
	int rc;

	if (map == NULL) {
		return NULL;
	}
	if (env_mutex_init(&map->mutex) != 0) {
		free(map);
		return NULL;
	}
	map->leaves = calloc(MAP_LEAVES, sizeof(map->leaves[0]));
	if (map->leaves == NULL) {
		env_mutex_destroy(&map->mutex);
		free(map);
		return NULL;
	}
	map->default_translation = default_translation;
	map->cb_ctx = cb_ctx;
	if (ops != NULL) {
		map->ops = *ops;
	}
	registry_lock();
	rc = announce_registrations(map);
	if (rc == 0) {
		TAILQ_INSERT_TAIL(&g_maps, map, tailq);
	}
	registry_unlock();
	if (rc != 0) {
		destroy_map(map);
		return NULL;
	}
	return map;
}

void
spdk_mem_map_free(struct spdk_mem_map **pmap)
{
	struct spdk_mem_map *map;

	if (pmap == NULL || *pmap == NULL) {
		return;
	}
	map = *pmap;
	*pmap = NULL;
	registry_lock();
	TAILQ_REMOVE(&g_maps, map, tailq);
	withdraw_registrations(map, NULL);
	registry_unlock();
	destroy_map(map);
}

/* ---- Registry ---- */

/* The last registration that starts at or before an address. */
static struct registration *
find_at_or_before(uint64_t vaddr)
{
	struct registration key = {.start = vaddr};
	struct registration *found = RB_NFIND(registrations, &g_registrations, &key);

	if (found != NULL && found->start == vaddr) {
		return found;
	}
	return found != NULL ? RB_PREV(registrations, &g_registrations, found)
			     : RB_MAX(registrations, &g_registrations);
}

static bool
overlaps(uint64_t vaddr, uint64_t size)
{
	struct registration *last = find_at_or_before(vaddr + size - 1);

	return last != NULL && last->start + last->size > vaddr;
}

/* Tells all maps of new memory; none, if one refuses. */
static int
announce(const struct registration *registration)
{
	struct spdk_mem_map *map, *undo;
	int rc;

	TAILQ_FOREACH (map, &g_maps, tailq) {
		rc = notify_map(map, SPDK_MEM_MAP_NOTIFY_REGISTER, registration);
		if (rc != 0) {
			for (undo = TAILQ_PREV(map, map_list, tailq); undo != NULL;
				undo = TAILQ_PREV(undo, map_list, tailq)) {
				notify_map(undo, SPDK_MEM_MAP_NOTIFY_UNREGISTER, registration);
			}
			return rc;
		}
	}
	return 0;
}

static int
register_locked(uint64_t vaddr, uint64_t size)
{
	struct registration *registration;
	int rc;

	if (overlaps(vaddr, size)) {
		return -EBUSY;
	}
	registration = calloc(1, sizeof(*registration));
	if (registration == NULL) {
		return -ENOMEM;
	}
	registration->start = vaddr;
	registration->size = size;
	rc = announce(registration);
	if (rc != 0) {
		free(registration);
		return rc;
	}
	RB_INSERT(registrations, &g_registrations, registration);
	return 0;
}

int
spdk_mem_register(void *vaddr, size_t len)
{
	int rc = check_range((uintptr_t)vaddr, len);

	if (rc != 0 || len == 0) {
		return rc;
	}
	registry_lock();
	rc = register_locked((uintptr_t)vaddr, len);
	registry_unlock();
	return rc;
}

/* Whether a range consists of whole registrations without a gap. */
static int
check_whole(uint64_t vaddr, uint64_t size)
{
	struct registration *registration = find_at_or_before(vaddr);
	uint64_t pos = vaddr;

	if (registration == NULL || registration->start + registration->size <= vaddr) {
		return -EINVAL;
	}
	if (registration->start != vaddr) {
		return -ERANGE;
	}
	while (registration != NULL && registration->start == pos) {
		pos += registration->size;
		if (pos >= vaddr + size) {
			return pos == vaddr + size ? 0 : -ERANGE;
		}
		registration = RB_NEXT(registrations, &g_registrations, registration);
	}
	return -EINVAL;
}

static int
unregister_locked(uint64_t vaddr, uint64_t size)
{
	struct registration *registration, *next;
	struct spdk_mem_map *map;
	int first_error = 0;
	int rc = check_whole(vaddr, size);

	if (rc != 0) {
		return rc;
	}
	for (registration = find_at_or_before(vaddr); registration != NULL && registration->start < vaddr + size;
		registration = next) {
		next = RB_NEXT(registrations, &g_registrations, registration);
		/* Last come, first told: one map's owner may use what another keeps. */
		TAILQ_FOREACH_REVERSE (map, &g_maps, map_list, tailq) {
			rc = notify_map(map, SPDK_MEM_MAP_NOTIFY_UNREGISTER, registration);
			first_error = first_error != 0 ? first_error : rc;
		}
		RB_REMOVE(registrations, &g_registrations, registration);
		free(registration);
	}
	return first_error;
}

int
spdk_mem_unregister(void *vaddr, size_t len)
{
	int rc = check_range((uintptr_t)vaddr, len);

	if (rc != 0 || len == 0) {
		return rc;
	}
	registry_lock();
	rc = unregister_locked((uintptr_t)vaddr, len);
	registry_unlock();
	return rc;
}

int
spdk_mem_reserve(void *vaddr, size_t len)
{
	struct spdk_mem_map *map;
	uint64_t pos = (uintptr_t)vaddr;
	int rc = check_range((uintptr_t)vaddr, len);

	if (rc != 0 || len == 0) {
		return rc;
	}
	registry_lock();
	if (overlaps((uintptr_t)vaddr, len)) {
		rc = -EBUSY;
	}
	TAILQ_FOREACH (map, &g_maps, tailq) {
		for (pos = (uintptr_t)vaddr; rc == 0 && pos < (uintptr_t)vaddr + len; pos += VALUE_2MB) {
			rc = obtain_leaf(map, pos) == NULL ? -ENOMEM : 0;
		}
	}
	registry_unlock();
	return rc;
}
