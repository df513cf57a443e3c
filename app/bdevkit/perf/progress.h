/* SPDX-License-Identifier: BSD-3-Clause */

/* How it goes on, on standard error: one line that changes on a terminal, a line each time elsewhere. */

#ifndef BDEVKIT_PERF_PROGRESS_H
#define BDEVKIT_PERF_PROGRESS_H

#include "spdk/stdinc.h"

struct perf_progress {
	bool terminal;
	uint64_t last_ios;
	uint64_t last_bytes;
	double last_time;
};

/* What is so far. */
struct perf_progress_state {
	uint32_t depth;
	/* Of how many depths, the first one is 0. */
	uint32_t index;
	uint32_t count;
	bool warmup;
	uint64_t ios;
	uint64_t bytes;
	/* Seconds of some clock. */
	double time;
	/* From 0 to 1. */
	double done;
	/* Below 0: not known. */
	double seconds_left;
};

void perf_progress_begin(struct perf_progress *progress, double time);
void perf_progress_show(struct perf_progress *progress, const struct perf_progress_state *state);
/* Nothing is left of it on a terminal. */
void perf_progress_end(const struct perf_progress *progress);

/* The line for a speed. */
void perf_progress_format(const struct perf_progress_state *state, double iops, double mibps, char *line, size_t size);

#endif /* BDEVKIT_PERF_PROGRESS_H */
