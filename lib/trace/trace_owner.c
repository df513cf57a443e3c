/* SPDX-License-Identifier: BSD-3-Clause */

/* Owners. Ids are given out in turns, so that entries of one who is gone keep their meaning for long. */

#include "lib/trace/trace_internal.h"

#include "spdk/log.h"

static struct {
	struct env_mutex lock;
	/* By id. 0 is nobody. */
	bool used[TRACE_NUM_OWNERS];
	uint16_t last;
} g_owners = {.lock = ENV_MUTEX_INITIALIZER};

void
trace_reset_owners(void)
{
	ENV_MUTEX_SCOPE(&g_owners.lock);
	memset(g_owners.used, 0, sizeof(g_owners.used));
	g_owners.last = 0;
}

/* 0: none is left. */
static uint16_t
take_id(void)
{
	uint32_t i, id = g_owners.last;

	for (i = 1; i < TRACE_NUM_OWNERS; i++) {
		id = id + 1 < TRACE_NUM_OWNERS ? id + 1 : 1;
		if (!g_owners.used[id]) {
			g_owners.used[id] = true;
			g_owners.last = (uint16_t)id;
			return (uint16_t)id;
		}
	}
	return 0;
}

uint16_t
spdk_trace_register_owner(uint8_t owner_type, const char *description)
{
	struct spdk_trace_file *file = trace_file();
	struct spdk_trace_owner *owner;
	uint16_t id;

	if (file == NULL) {
		return 0;
	}
	ENV_MUTEX_SCOPE(&g_owners.lock);
	id = take_id();
	if (id == 0) {
		SPDK_ERRLOG_RATELIMIT("there are no more than %d owners of trace points; %s is not named in traces\n",
			TRACE_NUM_OWNERS - 1, description);
		return 0;
	}
	owner = spdk_get_trace_owner(file, id);
	owner->tsc = spdk_get_ticks();
	owner->type = owner_type;
	snprintf(owner->description, TRACE_DESCRIPTION_SIZE, "%s", description == NULL ? "" : description);
	return id;
}

void
spdk_trace_unregister_owner(uint16_t owner_id)
{
	if (owner_id == 0 || owner_id >= TRACE_NUM_OWNERS || trace_file() == NULL) {
		return;
	}
	/* What it was stays to be read until another one has the id. */
	ENV_MUTEX_SCOPE(&g_owners.lock);
	g_owners.used[owner_id] = false;
}

/* NULL: nobody. The lock is held. */
static struct spdk_trace_owner *
find_owner(uint16_t owner_id)
{
	if (trace_file() == NULL || owner_id == 0 || owner_id >= TRACE_NUM_OWNERS || !g_owners.used[owner_id]) {
		return NULL;
	}
	return spdk_get_trace_owner(trace_file(), owner_id);
}

void
spdk_trace_owner_set_description(uint16_t owner_id, const char *description)
{
	struct spdk_trace_owner *owner;

	ENV_MUTEX_SCOPE(&g_owners.lock);
	owner = find_owner(owner_id);
	if (owner != NULL) {
		snprintf(owner->description, TRACE_DESCRIPTION_SIZE, "%s", description);
	}
}

void
spdk_trace_owner_append_description(uint16_t owner_id, const char *description)
{
	struct spdk_trace_owner *owner;
	size_t length;

	ENV_MUTEX_SCOPE(&g_owners.lock);
	owner = find_owner(owner_id);
	if (owner != NULL) {
		length = strnlen(owner->description, TRACE_DESCRIPTION_SIZE - 1);
		snprintf(owner->description + length, TRACE_DESCRIPTION_SIZE - length, " %s", description);
	}
}
