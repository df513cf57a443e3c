/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * bdevkit trace: what I/Os of a running target went through. Entries of its trace file (recording.c) become I/Os, with what
 * they waited for and which of them belongs to which (ios.c); these are summed up (summary.c), shown one by one (show.c), or
 * written for Perfetto (chrome.c).
 */

#ifndef APP_TRACE_H
#define APP_TRACE_H

#include "spdk/stdinc.h"
#include "spdk/bdev.h"

#include "app/bdevkit/rpc_client.h"

/* ---- recording.c ---- */

enum trace_event_kind {
	/* Here entries of that core are missing. */
	TRACE_EVENT_GAP,
	TRACE_EVENT_START,
	TRACE_EVENT_WAIT,
	TRACE_EVENT_MODULE,
	TRACE_EVENT_DONE,
};

struct trace_event {
	uint64_t tsc;
	enum trace_event_kind kind;
	uint16_t owner;
	uint16_t core;
	/* Of the I/O while it is there. */
	uint64_t object;
	/* START: of the caller. */
	uint64_t ctx;
	uint64_t offset;
	uint32_t num_blocks;
	/* START: its type; WAIT: for what. */
	uint32_t what;
};

struct trace_recording {
	uint64_t ticks_hz;
	struct trace_event *events;
	size_t num_events;
	size_t capacity;
	/* Entries that were overwritten before they were read. */
	uint64_t num_lost;
	/* Names of bdevs by owner; NULL: not known. */
	char *names[UINT16_MAX + 1];
};

struct trace_limits {
	double seconds;
	/* 0: no limit. */
	uint64_t num_ios;
};

/*
 * Switches the points on, reads what comes until a limit is reached or *stop is set, and switches them off again, if they
 * were. Returns an exit code, after stderr has been told what was wrong.
 */
int trace_record(struct rpc_client *client, const struct trace_limits *limits, const volatile sig_atomic_t *stop,
	struct trace_recording *recording);
void trace_recording_free(struct trace_recording *recording);

/* ---- ios.c ---- */

/* What an I/O did, from a time on. */
enum trace_stage {
	/* It was submitted, and looked at. */
	TRACE_STAGE_LAYER,
	/* It waited for a limit; for its module to have room. */
	TRACE_STAGE_LIMIT,
	TRACE_STAGE_ROOM,
	/* It was split, and waited for its parts. */
	TRACE_STAGE_PARTS,
	/* At its module. */
	TRACE_STAGE_MODULE,
	TRACE_NUM_STAGES,
};

/* Of these, in ticks: where its time went. */
struct trace_times {
	uint64_t total;
	/* Waiting for a limit or for room. */
	uint64_t queued;
	/* In I/Os that belong to it: its parts, or those of bdevs below. */
	uint64_t below;
	/* All else: in the layer and in its module. */
	uint64_t own;
};

#define TRACE_NO_IO UINT32_MAX

struct trace_io {
	uint16_t owner;
	uint16_t core;
	uint8_t type;
	/* Its end is not in the recording. */
	bool unfinished;
	uint64_t offset;
	uint32_t num_blocks;
	uint64_t start;
	uint64_t end;
	uint64_t stages[TRACE_NUM_STAGES];
	/* To which it belongs, the first of those that belong to it, and the next that belong to the same; or TRACE_NO_IO. */
	uint32_t parent;
	uint32_t child;
	uint32_t sibling;
	struct trace_times times;
	/* While it is put together. */
	enum trace_stage stage;
	uint64_t stage_start;
};

struct trace_ios {
	const struct trace_recording *recording;
	struct trace_io *ios;
	uint32_t count;
	/* Those of which only one end was recorded. */
	uint64_t num_partial;
};

/* 0, or -ENOMEM. */
int trace_ios_make(struct trace_recording *recording, struct trace_ios *ios);
void trace_ios_free(struct trace_ios *ios);
const char *trace_io_get_name(const struct trace_ios *ios, const struct trace_io *io);
double trace_to_us(const struct trace_ios *ios, uint64_t ticks);

/* ---- what is shown ---- */

/* By bdev and type: how many, how long, and where the time went. names: only of these bdevs, if there are any. */
int trace_print_summary(const struct trace_ios *ios, char **names, int num_names);
int trace_print_summary_json(const struct trace_ios *ios, char **names, int num_names);

/* The slowest I/Os of these bdevs, or of those that no other belongs to; each with all that belongs to it. */
int trace_print_slowest(const struct trace_ios *ios, char **names, int num_names, uint32_t count);

/* All of them, as https://ui.perfetto.dev and chrome://tracing read them. 0 or a negative errno. */
int trace_write_chrome(const struct trace_ios *ios, FILE *file);

#endif /* APP_TRACE_H */
