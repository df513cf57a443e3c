/* SPDX-License-Identifier: BSD-3-Clause */

/* The trace file: how it is laid out, made and ended. */

#include "lib/trace/trace_internal.h"

#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/util.h"

/* So that fields which several cores write do not share a cache line. */
#define ALIGNMENT 64
#define MAX_ENTRIES (1ull << 32)
/* The longest entry, of 8 texts of 255 bytes, must not come around to its own beginning. */
#define MIN_ENTRIES 128

struct spdk_trace_file *g_trace_file;
struct trace_state g_trace = {.lock = ENV_MUTEX_INITIALIZER};

/* ---- layout ---- */

static uint64_t
owners_size(void)
{
	return (uint64_t)TRACE_NUM_OWNERS * (sizeof(struct spdk_trace_owner) + TRACE_DESCRIPTION_SIZE);
}

static uint64_t
history_size(uint64_t num_entries)
{
	return SPDK_ALIGN_CEIL(spdk_get_trace_history_size(num_entries), ALIGNMENT);
}

static uint64_t
first_history_offset(void)
{
	return SPDK_ALIGN_CEIL(sizeof(struct spdk_trace_file) + owners_size(), ALIGNMENT);
}

static uint32_t
first_user_thread(void)
{
	uint32_t last = spdk_env_get_last_core();

	return last == SPDK_ENV_LCORE_ID_ANY ? 0 : last + 1;
}

static uint64_t
num_histories(uint32_t num_threads)
{
	uint64_t count = num_threads;
	uint32_t core;

	SPDK_ENV_FOREACH_CORE (core) {
		count++;
	}
	return count;
}

static uint64_t
add_history(struct spdk_trace_file *file, uint32_t lcore, uint64_t offset, uint64_t num_entries)
{
	struct spdk_trace_history *history = (struct spdk_trace_history *)((char *)file + offset);

	history->lcore = (int)lcore;
	history->num_entries = num_entries;
	file->lcore_history_offsets[lcore] = offset;
	return offset + history_size(num_entries);
}

static void
lay_out(struct spdk_trace_file *file, uint64_t file_size, uint64_t num_entries, uint32_t num_threads)
{
	uint64_t offset = first_history_offset();
	uint32_t core, i;

	file->file_size = file_size;
	file->tsc_rate = spdk_get_ticks_hz();
	file->num_owners = TRACE_NUM_OWNERS;
	file->owner_description_size = TRACE_DESCRIPTION_SIZE;
	file->owner_offset = sizeof(*file);
	SPDK_ENV_FOREACH_CORE (core) {
		snprintf(file->tname[core], sizeof(file->tname[core]), "reactor_%hu", (uint16_t)core);
		offset = add_history(file, core, offset, num_entries);
	}
	for (i = 0; i < num_threads; i++) {
		offset = add_history(file, first_user_thread() + i, offset, num_entries);
	}
	assert(offset <= file_size);
}

/* ---- making and ending it; g_trace.lock is held ---- */

static int
make_trace(const char *shm_name, uint64_t num_entries, uint32_t num_threads)
{
	uint64_t file_size = first_history_offset() + num_histories(num_threads) * history_size(num_entries);
	void *file;
	int rc;

	rc = env_shm_create(shm_name, file_size, &file);
	if (rc != 0) {
		SPDK_ERRLOG("the trace file %s of %" PRIu64 " MiB cannot be made in shared memory: %s\n", shm_name,
			file_size >> 20, spdk_strerror(-rc));
		return rc;
	}
	lay_out(file, file_size, num_entries, num_threads);
	trace_reset_owners();
	memset(g_trace.user_thread_used, 0, sizeof(g_trace.user_thread_used));
	g_trace.first_user_thread = first_user_thread();
	g_trace.generation++;
	__atomic_store_n(&g_trace.file, file, __ATOMIC_RELEASE);
	trace_call_register_fns();
	__atomic_store_n(&g_trace_file, file, __ATOMIC_RELEASE);
	SPDK_NOTICELOG("Traces are recorded in /dev/shm%s\n", shm_name);
	return 0;
}

int
trace_ensure(void)
{
	if (g_trace.file != NULL) {
		return 0;
	}
	if (g_trace.num_entries == 0) {
		return -ENODEV;
	}
	return make_trace(g_trace.shm_name, g_trace.num_entries, g_trace.num_threads);
}

/* ---- calls ---- */

static int
prepare(const char *shm_name, uint64_t num_entries, uint32_t num_threads)
{
	if (g_trace.file != NULL) {
		SPDK_ERRLOG("there is a trace already: /dev/shm%s\n", g_trace.shm_name);
		return -EEXIST;
	}
	if (shm_name == NULL || shm_name[0] != '/' || strchr(shm_name + 1, '/') != NULL ||
		strlen(shm_name) >= sizeof(g_trace.shm_name) || num_entries > MAX_ENTRIES ||
		num_threads > SPDK_TRACE_MAX_LCORE || first_user_thread() + num_threads > SPDK_TRACE_MAX_LCORE) {
		SPDK_ERRLOG("a trace needs a name that begins with its only / and is shorter than %zu, at most %llu "
			    "entries, and "
			    "%d cores and threads\n",
			sizeof(g_trace.shm_name), MAX_ENTRIES, SPDK_TRACE_MAX_LCORE);
		return -EINVAL;
	}
	snprintf(g_trace.shm_name, sizeof(g_trace.shm_name), "%s", shm_name);
	g_trace.num_entries = num_entries == 0 ? 0 : spdk_align64pow2(spdk_max(num_entries, MIN_ENTRIES));
	g_trace.num_threads = num_threads;
	return 0;
}

int
trace_prepare(const char *shm_name, uint64_t num_entries, uint32_t num_threads)
{
	ENV_MUTEX_SCOPE(&g_trace.lock);
	return prepare(shm_name, num_entries, num_threads);
}

int
spdk_trace_init(const char *shm_name, uint64_t num_entries, uint32_t num_threads)
{
	int rc;

	if (num_entries == 0) {
		return 0;
	}
	ENV_MUTEX_SCOPE(&g_trace.lock);
	rc = prepare(shm_name, num_entries, num_threads);
	if (rc == 0) {
		rc = trace_ensure();
		if (rc != 0) {
			g_trace.num_entries = 0;
		}
	}
	return rc;
}

static bool
has_entries(struct spdk_trace_file *file)
{
	struct spdk_trace_history *history;
	uint32_t lcore;

	for (lcore = 0; lcore < SPDK_TRACE_MAX_LCORE; lcore++) {
		history = spdk_get_per_lcore_history(file, lcore);
		if (history != NULL && history->next_entry > 0) {
			return true;
		}
	}
	return false;
}

void
spdk_trace_cleanup(void)
{
	struct spdk_trace_file *file;

	ENV_MUTEX_SCOPE(&g_trace.lock);
	g_trace.num_entries = 0;
	file = g_trace.file;
	if (file == NULL) {
		return;
	}
	__atomic_store_n(&g_trace_file, NULL, __ATOMIC_RELEASE);
	__atomic_store_n(&g_trace.file, NULL, __ATOMIC_RELEASE);
	if (has_entries(file)) {
		SPDK_NOTICELOG("The trace stays in /dev/shm%s until it is removed\n", g_trace.shm_name);
	} else {
		env_shm_remove(g_trace.shm_name);
	}
	env_shm_unmap(file, file->file_size);
}

void
trace_get_path(char *path, size_t size)
{
	ENV_MUTEX_SCOPE(&g_trace.lock);
	if (g_trace.num_entries == 0) {
		snprintf(path, size, "%s", "");
	} else {
		snprintf(path, size, "/dev/shm%s", g_trace.shm_name);
	}
}
