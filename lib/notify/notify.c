/* SPDX-License-Identifier: BSD-3-Clause */

#include "spdk/notify.h"
#include "spdk/log.h"
#include "spdk/util.h"
#include "lib/env/env_internal.h"

#define MAX_EVENTS 1024

struct spdk_notify_type {
	char name[SPDK_NOTIFY_MAX_NAME_SIZE];
	TAILQ_ENTRY(spdk_notify_type) link;
};

/* Guards all of the below. Nothing is locked inside it but by the callbacks of the walks. */
static struct env_mutex g_lock = ENV_MUTEX_INITIALIZER;
static TAILQ_HEAD(, spdk_notify_type) g_types = TAILQ_HEAD_INITIALIZER(g_types);
static struct spdk_notify_event g_events[MAX_EVENTS];
/* Id of the next event; an event is kept in g_events[id % MAX_EVENTS]. */
static uint64_t g_next_id;

/* The caller holds the lock. */
static struct spdk_notify_type *
find_type(const char *name)
{
	struct spdk_notify_type *type;

	TAILQ_FOREACH (type, &g_types, link) {
		if (strcmp(type->name, name) == 0) {
			return type;
		}
	}

	return NULL;
}

struct spdk_notify_type *
spdk_notify_type_register(const char *name)
{
	struct spdk_notify_type *type;
	size_t length = strlen(name);

	if (length == 0 || length >= SPDK_NOTIFY_MAX_NAME_SIZE) {
		SPDK_ERRLOG("Notification type '%s' must have 1 to %d bytes\n", name, SPDK_NOTIFY_MAX_NAME_SIZE - 1);
		return NULL;
	}

	env_mutex_lock(&g_lock);
	type = find_type(name);
	if (type) {
		SPDK_NOTICELOG("Notification type '%s' is registered already\n", name);
	} else {
		type = calloc(1, sizeof(*type));
		if (type) {
			memcpy(type->name, name, length);
			TAILQ_INSERT_TAIL(&g_types, type, link);
		}
	}
	env_mutex_unlock(&g_lock);

	return type;
}

const char *
spdk_notify_type_get_name(const struct spdk_notify_type *type)
{
	return type->name;
}

void
spdk_notify_foreach_type(spdk_notify_foreach_type_cb cb_fn, void *ctx)
{
	struct spdk_notify_type *type;

	env_mutex_lock(&g_lock);
	TAILQ_FOREACH (type, &g_types, link) {
		if (cb_fn(type, ctx)) {
			break;
		}
	}
	env_mutex_unlock(&g_lock);
}

static void
copy_text(char *dst, size_t size, const char *text)
{
	size_t length = strnlen(text, size - 1);

	memcpy(dst, text, length);
	memset(dst + length, 0, size - length);
}

uint64_t
spdk_notify_send(const char *type, const char *ctx)
{
	struct spdk_notify_event *event;
	uint64_t id;

	env_mutex_lock(&g_lock);
	id = g_next_id++;
	event = &g_events[id % MAX_EVENTS];
	copy_text(event->type, sizeof(event->type), type);
	copy_text(event->ctx, sizeof(event->ctx), ctx);
	env_mutex_unlock(&g_lock);

	return id;
}

uint64_t
spdk_notify_foreach_event(uint64_t start_idx, uint64_t max, spdk_notify_foreach_event_cb cb_fn, void *ctx)
{
	uint64_t visited = 0;
	uint64_t id;

	env_mutex_lock(&g_lock);
	id = start_idx;
	if (g_next_id > MAX_EVENTS) {
		id = spdk_max(id, g_next_id - MAX_EVENTS);
	}
	while (id < g_next_id && visited < max) {
		if (cb_fn(id, &g_events[id % MAX_EVENTS], ctx)) {
			break;
		}
		id++;
		visited++;
	}
	env_mutex_unlock(&g_lock);

	return visited;
}
