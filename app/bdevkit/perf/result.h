/* SPDX-License-Identifier: BSD-3-Clause */

/* What is counted while it is measured. */

#ifndef BDEVKIT_PERF_RESULT_H
#define BDEVKIT_PERF_RESULT_H

#include "spdk/stdinc.h"
#include "spdk/histogram_data.h"

#include "app/bdevkit/perf/options.h"

/*
 * Of one kind of I/O; times in ticks. I/Os that end together have often taken as long, as the clock is read once for all of
 * them: such a run is counted here only, and goes into the rest at its end.
 */
struct perf_stat {
	uint64_t ios;
	uint64_t bytes;
	uint64_t run_ticks;
	/* .ios at its beginning. */
	uint64_t run_from;
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
	/* Out longer than --timeout. */
	uint64_t timed_out;
};

/* Of one bdev and one queue depth. */
struct perf_result {
	char name[256];
	uint32_t depth;
	uint64_t num_blocks;
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

/* The I/Os of a run go into the histogram; the next run is of another time. */
static inline void
perf_stat_end_run(struct perf_stat *stat, uint64_t ticks)
{
	uint64_t count = stat->ios - stat->run_from, run = stat->run_ticks;
	struct spdk_histogram_data *histogram = stat->histogram;
	uint32_t range;

	stat->run_from = stat->ios;
	stat->run_ticks = ticks;
	if (count == 0) {
		return;
	}
	stat->sum += run * count;
	stat->min = run < stat->min ? run : stat->min;
	stat->max = run > stat->max ? run : stat->max;
	/* It keeps all ranges. */
	range = __spdk_histogram_data_get_bucket_range(histogram, run);
	*__spdk_histogram_get_bucket(histogram, range, __spdk_histogram_data_get_bucket_index(histogram, run, range)) +=
		count;
}

static inline void
perf_stat_count(struct perf_stat *stat, uint64_t bytes, uint64_t ticks)
{
	if (ticks != stat->run_ticks) {
		perf_stat_end_run(stat, ticks);
	}
	/* Also read by whoever shows how it goes on. */
	__atomic_store_n(&stat->ios, stat->ios + 1, __ATOMIC_RELAXED);
	__atomic_store_n(&stat->bytes, stat->bytes + bytes, __ATOMIC_RELAXED);
}

/* Makes the histogram of a kind. Returns 0 or -ENOMEM. */
int perf_stats_use(struct perf_stats *stats, enum perf_kind kind);
/* Ends all runs: nothing is missing from the histograms. */
void perf_stats_settle(struct perf_stats *stats);
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
#endif /* BDEVKIT_PERF_RESULT_H */
