/* SPDX-License-Identifier: BSD-3-Clause */

/* Entries, and the histories that they go to: that of the core, or that which a thread has asked for. */

#include "lib/trace/trace_internal.h"

#include "spdk/likely.h"
#include "spdk/log.h"
#include "spdk/util.h"

/* Of this system thread: its history, and the trace that it is in. */
static __thread struct {
	uint32_t generation;
	uint32_t lcore;
} t_user_thread;

/* ---- histories ---- */

static bool
is_registered(void)
{
	return t_user_thread.generation != 0 && t_user_thread.generation == g_trace.generation;
}

static struct spdk_trace_history *
find_history(struct spdk_trace_file *file)
{
	uint32_t core = spdk_env_get_current_core();

	if (core == SPDK_ENV_LCORE_ID_ANY && is_registered()) {
		core = t_user_thread.lcore;
	}
	return spdk_get_per_lcore_history(file, core);
}

int
spdk_trace_register_user_thread(void)
{
	uint32_t i;

	ENV_MUTEX_SCOPE(&g_trace.lock);
	if (g_trace.file == NULL) {
		SPDK_ERRLOG("trace is not initialized\n");
		return -ENODEV;
	}
	if (spdk_env_get_current_core() != SPDK_ENV_LCORE_ID_ANY) {
		SPDK_ERRLOG("core %u has a history of its own\n", spdk_env_get_current_core());
		return -EINVAL;
	}
	if (is_registered()) {
		SPDK_ERRLOG("this thread has a history already\n");
		return -EEXIST;
	}
	for (i = 0; i < g_trace.num_threads && g_trace.user_thread_used[i]; i++) {
	}
	if (i == g_trace.num_threads) {
		SPDK_ERRLOG("all %u histories for threads are taken\n", g_trace.num_threads);
		return -ENOENT;
	}
	g_trace.user_thread_used[i] = true;
	t_user_thread.generation = g_trace.generation;
	t_user_thread.lcore = g_trace.first_user_thread + i;
	env_thread_get_name(g_trace.file->tname[t_user_thread.lcore], SPDK_TRACE_THREAD_NAME_LEN);
	return 0;
}

int
spdk_trace_unregister_user_thread(void)
{
	ENV_MUTEX_SCOPE(&g_trace.lock);
	if (g_trace.file == NULL) {
		SPDK_ERRLOG("trace is not initialized\n");
		return -ENODEV;
	}
	if (spdk_env_get_current_core() != SPDK_ENV_LCORE_ID_ANY) {
		SPDK_ERRLOG("core %u has a history of its own\n", spdk_env_get_current_core());
		return -EINVAL;
	}
	if (!is_registered()) {
		SPDK_ERRLOG("this thread has no history\n");
		return -ENOENT;
	}
	g_trace.user_thread_used[t_user_thread.lcore - g_trace.first_user_thread] = false;
	t_user_thread.generation = 0;
	return 0;
}

/* ---- entries ---- */

/* Where the next byte of an argument goes. */
struct cursor {
	struct spdk_trace_history *history;
	uint64_t tsc;
	/* Places that are filled, the entry itself included. */
	uint64_t num_places;
	uint8_t *to;
	size_t room;
};

static struct spdk_trace_entry *
get_place(const struct cursor *cursor, uint64_t number)
{
	struct spdk_trace_history *history = cursor->history;

	return &history->entries[(history->next_entry + number) & (history->num_entries - 1)];
}

static void
next_place(struct cursor *cursor)
{
	struct spdk_trace_entry_buffer *buffer;

	buffer = (struct spdk_trace_entry_buffer *)get_place(cursor, cursor->num_places++);
	buffer->tsc = cursor->tsc;
	buffer->tpoint_id = SPDK_TRACE_MAX_TPOINT_ID;
	cursor->to = buffer->data;
	cursor->room = sizeof(buffer->data);
}

static void
put_bytes(struct cursor *cursor, const void *bytes, size_t size)
{
	const uint8_t *from = bytes;
	size_t part;

	while (size > 0) {
		if (cursor->room == 0) {
			next_place(cursor);
		}
		part = spdk_min(size, cursor->room);
		memcpy(cursor->to, from, part);
		cursor->to += part;
		cursor->room -= part;
		from += part;
		size -= part;
	}
}

static void
put_string(struct cursor *cursor, const char *string, size_t size)
{
	static const uint8_t zeroes[UINT8_MAX];
	size_t length = string == NULL ? 0 : strnlen(string, size - 1);

	put_bytes(cursor, string, length);
	put_bytes(cursor, zeroes, size - length);
}

static void
put_args(struct cursor *cursor, const struct spdk_trace_tpoint *tpoint, va_list args)
{
	const struct spdk_trace_argument *arg;
	uint64_t value;

	for (arg = tpoint->args; arg < tpoint->args + tpoint->num_args; arg++) {
		if (arg->type == SPDK_TRACE_ARG_TYPE_STR) {
			put_string(cursor, va_arg(args, const char *), arg->size);
			continue;
		}
		/* The low bytes come first. */
		value = arg->size > sizeof(uint32_t) ? va_arg(args, uint64_t) : va_arg(args, uint32_t);
		put_bytes(cursor, &value, arg->size);
	}
}

void
_spdk_trace_record(
	uint64_t tsc, uint16_t tpoint_id, uint16_t owner_id, uint32_t size, uint64_t object_id, int num_args, ...)
{
	struct spdk_trace_file *file = __atomic_load_n(&g_trace_file, __ATOMIC_ACQUIRE);
	struct spdk_trace_history *history;
	struct spdk_trace_tpoint *tpoint;
	struct spdk_trace_entry *entry;
	struct cursor cursor;
	va_list args;

	if (file == NULL || tpoint_id >= SPDK_TRACE_MAX_TPOINT_ID) {
		return;
	}
	/* A thread that did not ask for a history. */
	history = find_history(file);
	if (history == NULL) {
		return;
	}
	tpoint = &file->tpoint[tpoint_id];
	if (num_args != tpoint->num_args) {
		SPDK_ERRLOG_RATELIMIT("trace point %u was registered with %u arguments and recorded with %d\n",
			tpoint_id, tpoint->num_args, num_args);
		return;
	}

	cursor.history = history;
	cursor.tsc = tsc != 0 ? tsc : spdk_get_ticks();
	cursor.num_places = 1;
	entry = get_place(&cursor, 0);
	entry->tsc = cursor.tsc;
	entry->tpoint_id = tpoint_id;
	entry->owner_id = owner_id;
	entry->size = size;
	entry->object_id = object_id;
	cursor.to = entry->args;
	cursor.room = sizeof(entry->args);
	va_start(args, num_args);
	put_args(&cursor, tpoint, args);
	va_end(args);

	history->tpoint_count[tpoint_id]++;
	/* Readers look at what lies before it. */
	__atomic_store_n(&history->next_entry, history->next_entry + cursor.num_places, __ATOMIC_RELEASE);
}
