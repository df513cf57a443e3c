/* SPDX-License-Identifier: BSD-3-Clause */

#include "app/bdevkit/perf/progress.h"

#include "spdk/util.h"

#define BAR 12

void
perf_progress_begin(struct perf_progress *progress, double time)
{
	*progress = (struct perf_progress){.terminal = isatty(STDERR_FILENO) == 1, .last_time = time};
}

/* Not longer than a line of 80 columns, which could not be overwritten. */
void
perf_progress_format(const struct perf_progress_state *state, double iops, double mibps, char *line, size_t size)
{
	double done = spdk_min(spdk_max(state->done, 0), 1);
	char bar[BAR + 1], left[24] = "", depth[32];

	for (int i = 0; i < BAR; i++) {
		bar[i] = i < (int)(done * BAR) ? '#' : '-';
	}
	bar[BAR] = '\0';
	if (state->warmup) {
		snprintf(left, sizeof(left), "warm-up");
	} else if (state->seconds_left >= 0) {
		snprintf(left, sizeof(left), "%.0f s left", state->seconds_left);
	}
	if (state->count > 1) {
		snprintf(depth, sizeof(depth), "%" PRIu32 " (%" PRIu32 "/%" PRIu32 ")", state->depth, state->index + 1,
			state->count);
	} else {
		snprintf(depth, sizeof(depth), "%" PRIu32, state->depth);
	}
	snprintf(line, size, "depth %s [%s] %3.0f %% %9s %9.0f IOPS %8.1f MiB/s", depth, bar, done * 100, left, iops,
		mibps);
}

void
perf_progress_show(struct perf_progress *progress, const struct perf_progress_state *state)
{
	double seconds = state->time - progress->last_time;
	char line[160];

	/* The counters begin again after the warm-up. */
	if (seconds > 0 && state->ios >= progress->last_ios && state->bytes >= progress->last_bytes) {
		perf_progress_format(state, (double)(state->ios - progress->last_ios) / seconds,
			(double)(state->bytes - progress->last_bytes) / seconds / (1 << 20), line, sizeof(line));
		fprintf(stderr, progress->terminal ? "\r\033[K%s" : "%s\n", line);
		fflush(stderr);
	}
	progress->last_ios = state->ios;
	progress->last_bytes = state->bytes;
	progress->last_time = state->time;
}

void
perf_progress_end(const struct perf_progress *progress)
{
	if (progress->terminal) {
		fprintf(stderr, "\r\033[K");
		fflush(stderr);
	}
}
