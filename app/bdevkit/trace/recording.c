/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What the trace file of a target gets. The file is shared memory: the target writes on into rings, and this reads behind it,
 * often enough not to be overtaken. Where it is, what was overwritten is counted.
 */

#include "app/bdevkit/trace/trace.h"

#include "app/bdevkit/commands.h"
#include "bdevkit/trace.h"
#include "spdk/json.h"
#include "spdk/string.h"
#include "spdk/util.h"

#include <sys/mman.h>

#define GROUP "bdev"
/* The ends of I/O, and what is in between. */
#define POINTS \
	(UINT64_C(1) << (TRACE_BDEV_IO_START & 63) | UINT64_C(1) << (TRACE_BDEV_IO_DONE & 63) | \
		UINT64_C(1) << (BDK_TRACE_BDEV_IO_WAIT & 63) | UINT64_C(1) << (BDK_TRACE_BDEV_IO_MODULE & 63))
/* A ring of 32768 places has what half a million I/Os per second leave in 15 ms. */
#define PERIOD_NS 1000000
/* Places that the target may be writing while they are read. */
#define MARGIN 64
#define DESCRIPTION_PREFIX "bdev_"

struct history {
	const struct spdk_trace_history *history;
	uint16_t core;
	uint64_t next;
	/* Since the last entry that was read some are missing. */
	bool gap;
};

struct reader {
	struct spdk_trace_file *file;
	size_t size;
	struct history *histories;
	size_t num_histories;
	struct trace_recording *recording;
	uint64_t num_starts;
};

/* ---- The target ---- */

static int
write_points(struct spdk_json_write_ctx *w, void *ctx)
{
	spdk_json_write_named_string(w, "name", GROUP);
	return spdk_json_write_named_uint64(w, "tpoint_mask", *(const uint64_t *)ctx);
}

static int
change_points(struct rpc_client *client, const char *method, uint64_t points)
{
	struct spdk_jsonrpc_client_response *response = rpc_client_call(client, method, write_points, &points);
	int rc = EXIT_OK;

	if (response == NULL) {
		return EXIT_FAILED;
	}
	if (response->error != NULL) {
		struct spdk_json_val *key, *message;

		rc = EXIT_FAILED;
		if (spdk_json_find_string(response->error, "message", &key, &message) == 0) {
			fprintf(stderr, "bdevkit trace: the target does not trace: %.*s\n", (int)message->len,
				(const char *)message->start);
		}
	}
	spdk_jsonrpc_client_free_response(response);
	return rc;
}

/* Where the file is, and which points are on. */
static int
ask(struct rpc_client *client, char **path, uint64_t *points)
{
	struct spdk_jsonrpc_client_response *response = rpc_client_call(client, "trace_get_info", NULL, NULL);
	struct spdk_json_val *key, *val, *group;
	char *text = NULL;

	*path = NULL;
	if (response == NULL) {
		return EXIT_FAILED;
	}
	if (response->result != NULL && spdk_json_find_string(response->result, "tpoint_shm_path", &key, &val) == 0) {
		*path = spdk_json_strdup(val);
	}
	if (response->result != NULL &&
		spdk_json_find(response->result, GROUP, &key, &group, SPDK_JSON_VAL_OBJECT_BEGIN) == 0 &&
		spdk_json_find_string(group, "tpoint_mask", &key, &val) == 0) {
		text = spdk_json_strdup(val);
		*points = text != NULL ? strtoull(text, NULL, 16) : 0;
		free(text);
	}
	spdk_jsonrpc_client_free_response(response);
	if (*path == NULL || **path == '\0' || text == NULL) {
		fprintf(stderr,
			"bdevkit trace: the target does not trace; was it started with --num-trace-entries 0?\n");
		free(*path);
		*path = NULL;
		return EXIT_FAILED;
	}
	return EXIT_OK;
}

/* ---- The file ---- */

static int
map_file(struct reader *reader, const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) != 0) {
		fprintf(stderr,
			"bdevkit trace: %s: %s; the target has to run on this machine, as a user who may be read\n",
			path, spdk_strerror(errno));
		if (fd >= 0) {
			close(fd);
		}
		return EXIT_FAILED;
	}
	reader->size = (size_t)st.st_size;
	reader->file = mmap(NULL, reader->size, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (reader->file == MAP_FAILED || reader->size < sizeof(*reader->file)) {
		fprintf(stderr, "bdevkit trace: %s cannot be read\n", path);
		return EXIT_FAILED;
	}
	return EXIT_OK;
}

/* Those that lie within the file, from what is written to them next. */
static int
find_histories(struct reader *reader)
{
	reader->histories = calloc(SPDK_TRACE_MAX_LCORE, sizeof(*reader->histories));
	if (reader->histories == NULL) {
		return EXIT_FAILED;
	}
	for (uint32_t lcore = 0; lcore < SPDK_TRACE_MAX_LCORE; lcore++) {
		uint64_t offset = reader->file->lcore_history_offsets[lcore];
		const struct spdk_trace_history *history = (const void *)((const char *)reader->file + offset);

		if (offset == 0 || offset > reader->size - sizeof(*history) ||
			!spdk_u64_is_pow2(history->num_entries) ||
			spdk_get_trace_history_size(history->num_entries) > reader->size - offset) {
			continue;
		}
		reader->histories[reader->num_histories++] = (struct history){
			.history = history,
			.core = (uint16_t)lcore,
			.next = __atomic_load_n(&history->next_entry, __ATOMIC_ACQUIRE),
		};
	}
	return EXIT_OK;
}

/* ---- Entries ---- */

static bool
add_event(struct trace_recording *recording, const struct trace_event *event)
{
	if (recording->num_events == recording->capacity) {
		size_t capacity = spdk_max(recording->capacity * 2, 4096);
		struct trace_event *events = realloc(recording->events, capacity * sizeof(*events));

		if (events == NULL) {
			return false;
		}
		recording->events = events;
		recording->capacity = capacity;
	}
	recording->events[recording->num_events++] = *event;
	return true;
}

/* The bytes of an entry's arguments: in it, and in the places behind it. Returns how many places it has. */
static uint64_t
copy_args(const struct spdk_trace_history *history, uint64_t number, uint64_t end, uint8_t *args, size_t size)
{
	const struct spdk_trace_entry *entry = &history->entries[number & (history->num_entries - 1)];
	size_t have = spdk_min(size, sizeof(entry->args));
	uint64_t places = 1;

	memset(args, 0, size);
	memcpy(args, entry->args, have);
	while (number + places < end) {
		const struct spdk_trace_entry_buffer *buffer =
			(const void *)&history->entries[(number + places) & (history->num_entries - 1)];
		size_t part = spdk_min(size - have, sizeof(buffer->data));

		if (buffer->tpoint_id != SPDK_TRACE_MAX_TPOINT_ID) {
			break;
		}
		memcpy(args + have, buffer->data, part);
		have += part;
		places++;
	}
	return places;
}

/* Arguments of BDEV_IO_START: type, ctx, offset, qd; of BDEV_IO_WAIT: for what. */
struct start_args {
	uint64_t type;
	uint64_t ctx;
	uint64_t offset;
	uint32_t depth;
} __attribute__((packed));

/* Returns how many places it has. */
static uint64_t
read_entry(struct reader *reader, const struct history *from, uint64_t number, uint64_t end, struct trace_event *event)
{
	const struct spdk_trace_entry *entry = &from->history->entries[number & (from->history->num_entries - 1)];
	struct start_args args;
	uint64_t places = copy_args(from->history, number, end, (uint8_t *)&args, sizeof(args));

	*event = (struct trace_event){
		.tsc = entry->tsc,
		.owner = entry->owner_id,
		.core = from->core,
		.object = entry->object_id,
	};
	switch (entry->tpoint_id) {
	case TRACE_BDEV_IO_START:
		event->kind = TRACE_EVENT_START;
		event->num_blocks = entry->size;
		event->what = (uint32_t)args.type;
		event->ctx = args.ctx;
		event->offset = args.offset;
		break;
	case BDK_TRACE_BDEV_IO_WAIT:
		event->kind = TRACE_EVENT_WAIT;
		event->what = (uint32_t)args.type;
		break;
	case BDK_TRACE_BDEV_IO_MODULE:
		event->kind = TRACE_EVENT_MODULE;
		break;
	case TRACE_BDEV_IO_DONE:
		event->kind = TRACE_EVENT_DONE;
		break;
	default:
		event->object = 0;
	}
	return places;
}

/* What has come to a history since the last time. False: no memory. */
static bool
read_history(struct reader *reader, struct history *from)
{
	const struct spdk_trace_history *history = from->history;
	uint64_t end = __atomic_load_n(&history->next_entry, __ATOMIC_ACQUIRE), now;
	size_t first = reader->recording->num_events;
	uint64_t begin = from->next;

	if (end - begin > history->num_entries - MARGIN) {
		begin = end - history->num_entries / 2;
		reader->recording->num_lost += begin - from->next;
		from->gap = true;
	}
	for (uint64_t number = begin; number < end;) {
		struct trace_event event;

		number += read_entry(reader, from, number, end, &event);
		if (from->gap && event.object != 0) {
			const struct trace_event gap = {.tsc = event.tsc, .kind = TRACE_EVENT_GAP, .core = from->core};

			if (!add_event(reader->recording, &gap)) {
				return false;
			}
			from->gap = false;
		}
		if (event.object != 0 && !add_event(reader->recording, &event)) {
			return false;
		}
		reader->num_starts += event.object != 0 && event.kind == TRACE_EVENT_START;
	}
	/* What was overwritten meanwhile may be half of one and half of another: none of it is used. */
	now = __atomic_load_n(&history->next_entry, __ATOMIC_ACQUIRE);
	if (now - begin > history->num_entries - MARGIN) {
		reader->recording->num_events = first;
		reader->recording->num_lost += end - begin;
		from->gap = true;
	}
	from->next = end;
	return true;
}

static bool
read_all(struct reader *reader)
{
	for (size_t i = 0; i < reader->num_histories; i++) {
		if (!read_history(reader, &reader->histories[i])) {
			fprintf(stderr, "bdevkit trace: no memory for more; what has been recorded is used\n");
			return false;
		}
	}
	return true;
}

static void
read_names(struct reader *reader)
{
	const struct spdk_trace_file *file = reader->file;

	for (uint32_t owner = 1; owner < file->num_owners; owner++) {
		const struct spdk_trace_owner *of = spdk_get_trace_owner(file, (uint16_t)owner);
		size_t size = file->owner_description_size;

		if ((size_t)(of->description + size - (const char *)file) > reader->size) {
			break;
		}
		if (of->type == OWNER_TYPE_BDEV &&
			strncmp(of->description, DESCRIPTION_PREFIX, strlen(DESCRIPTION_PREFIX)) == 0) {
			reader->recording->names[owner] = strndup(
				of->description + strlen(DESCRIPTION_PREFIX), size - strlen(DESCRIPTION_PREFIX));
		}
	}
}

static void
read_until(struct reader *reader, const struct trace_limits *limits, const volatile sig_atomic_t *stop)
{
	struct timespec now, end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += (time_t)limits->seconds;
	end.tv_nsec += (long)((limits->seconds - (double)(time_t)limits->seconds) * 1e9);
	do {
		const struct timespec period = {.tv_nsec = PERIOD_NS};

		nanosleep(&period, NULL);
		if (!read_all(reader)) {
			return;
		}
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (!*stop && (limits->num_ios == 0 || reader->num_starts < limits->num_ios) &&
		((double)now.tv_sec + (double)now.tv_nsec / 1e9 < (double)end.tv_sec + (double)end.tv_nsec / 1e9));
}

static int
compare_events(const void *a, const void *b)
{
	const struct trace_event *left = a, *right = b;

	if (left->tsc != right->tsc) {
		return left->tsc < right->tsc ? -1 : 1;
	}
	/* As they follow each other in the life of one I/O. */
	return (int)left->kind - (int)right->kind;
}

int
trace_record(struct rpc_client *client, const struct trace_limits *limits, const volatile sig_atomic_t *stop,
	struct trace_recording *recording)
{
	struct reader reader = {.recording = recording, .file = MAP_FAILED};
	uint64_t were_on = 0, missing;
	char *path;
	int rc = ask(client, &path, &were_on);

	memset(recording, 0, sizeof(*recording));
	if (rc != EXIT_OK) {
		return rc;
	}
	missing = POINTS & ~were_on;
	/* The file is made when the first point is switched on. */
	rc = missing != 0 ? change_points(client, "trace_set_tpoint_mask", missing) : EXIT_OK;
	if (rc == EXIT_OK) {
		rc = map_file(&reader, path);
		if (rc == EXIT_OK) {
			rc = find_histories(&reader);
		}
		if (rc == EXIT_OK) {
			recording->ticks_hz = reader.file->tsc_rate;
			read_until(&reader, limits, stop);
			read_names(&reader);
			if (recording->num_events > 0) {
				qsort(recording->events, recording->num_events, sizeof(*recording->events),
					compare_events);
			}
		}
		if (missing != 0 && change_points(client, "trace_clear_tpoint_mask", missing) != EXIT_OK) {
			rc = EXIT_FAILED;
		}
	}
	if (reader.file != MAP_FAILED) {
		munmap(reader.file, reader.size);
	}
	free(reader.histories);
	free(path);
	return rc;
}

void
trace_recording_free(struct trace_recording *recording)
{
	for (size_t i = 0; i < SPDK_COUNTOF(recording->names); i++) {
		free(recording->names[i]);
	}
	free(recording->events);
}
