/* SPDX-License-Identifier: BSD-3-Clause */

/* What was measured. */

#ifndef BDEVKIT_PERF_RESULT_H
#define BDEVKIT_PERF_RESULT_H

#include "spdk/stdinc.h"
#include "spdk/histogram_data.h"
#include "spdk/json.h"

#include "app/bdevkit/perf/options.h"

/* Of one kind of I/O; times in ticks. */
struct perf_stat {
	uint64_t ios;
	uint64_t bytes;
	uint64_t sum;
	uint64_t min;
	uint64_t max;
	/* NULL: of a kind that does not occur. */
	struct spdk_histogram_data *histogram;
};

struct perf_stats {
	struct perf_stat kinds[PERF_NUM_KINDS];
	uint64_t failed;
	uint64_t aborted;
	uint64_t mismatches;
};

/* Of one bdev and one queue depth. */
struct perf_result {
	char name[256];
	uint32_t depth;
	double seconds;
	struct perf_stats stats;
	/* CPUs that did it, as a mask. */
	char cpus[72];
	/* Why it ended early; empty: it did not. */
	char why[256];
};

struct perf_results {
	const struct perf_options *options;
	struct perf_result *items;
	size_t count;
	uint32_t cores;
	bool interrupted;
};

static inline void
perf_stat_count(struct perf_stat *stat, uint64_t bytes, uint64_t ticks)
{
	/* Also read by whoever shows how it goes on. */
	__atomic_store_n(&stat->ios, stat->ios + 1, __ATOMIC_RELAXED);
	__atomic_store_n(&stat->bytes, stat->bytes + bytes, __ATOMIC_RELAXED);
	stat->sum += ticks;
	stat->min = ticks < stat->min ? ticks : stat->min;
	stat->max = ticks > stat->max ? ticks : stat->max;
	spdk_histogram_data_tally(stat->histogram, ticks);
}

/* Makes the histogram of a kind. Returns 0 or -ENOMEM. */
int perf_stats_use(struct perf_stats *stats, enum perf_kind kind);
void perf_stats_reset(struct perf_stats *stats);
/* Returns 0 or -ENOMEM. */
int perf_stats_add(struct perf_stats *to, const struct perf_stats *from);
void perf_stats_free(struct perf_stats *stats);

/* The time within which so many percent of the I/Os ended, in microseconds; 0 if there were none. */
double perf_stat_percentile(const struct perf_stat *stat, double percent);
double perf_stat_average(const struct perf_stat *stat);
double perf_ticks_to_us(uint64_t ticks);

/* NULL without memory. */
struct perf_result *perf_results_add(struct perf_results *results);
void perf_results_free(struct perf_results *results);
/* Nothing failed, and nothing differed. */
bool perf_results_good(const struct perf_results *results);

void perf_results_print(const struct perf_results *results, FILE *out);
void perf_results_write_json(const struct perf_results *results, struct spdk_json_write_ctx *w);
/* Latency over throughput, one point for each queue depth. Returns 0 or a negative errno. */
int perf_results_plot(const struct perf_results *results, const char *path);

#endif /* BDEVKIT_PERF_RESULT_H */
