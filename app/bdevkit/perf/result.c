/* SPDX-License-Identifier: BSD-3-Clause */

#include "app/bdevkit/perf/result.h"

#include "spdk/env.h"
#include "spdk/util.h"

int
perf_stats_use(struct perf_stats *stats, enum perf_kind kind)
{
	struct perf_stat *stat = &stats->kinds[kind];

	if (stat->histogram == NULL) {
		stat->histogram = spdk_histogram_data_alloc();
		stat->min = UINT64_MAX;
	}
	return stat->histogram == NULL ? -ENOMEM : 0;
}

void
perf_stats_settle(struct perf_stats *stats)
{
	for (size_t i = 0; i < PERF_NUM_KINDS; i++) {
		if (stats->kinds[i].histogram != NULL) {
			perf_stat_end_run(&stats->kinds[i], stats->kinds[i].run_ticks);
		}
	}
}

void
perf_stats_reset(struct perf_stats *stats)
{
	for (size_t i = 0; i < PERF_NUM_KINDS; i++) {
		struct spdk_histogram_data *histogram = stats->kinds[i].histogram;

		stats->kinds[i] = (struct perf_stat){.min = UINT64_MAX, .histogram = histogram};
		if (histogram != NULL) {
			spdk_histogram_data_reset(histogram);
		}
	}
	stats->failed = 0;
	stats->aborted = 0;
	stats->mismatches = 0;
	stats->timed_out = 0;
}

int
perf_stats_add(struct perf_stats *to, const struct perf_stats *from)
{
	for (size_t i = 0; i < PERF_NUM_KINDS; i++) {
		const struct perf_stat *source = &from->kinds[i];
		struct perf_stat *stat = &to->kinds[i];

		if (source->histogram == NULL) {
			continue;
		}
		if (perf_stats_use(to, i) != 0) {
			return -ENOMEM;
		}
		stat->ios += source->ios;
		stat->bytes += source->bytes;
		stat->sum += source->sum;
		stat->min = spdk_min(stat->min, source->min);
		stat->max = spdk_max(stat->max, source->max);
		spdk_histogram_data_merge(stat->histogram, source->histogram);
	}
	to->failed += from->failed;
	to->aborted += from->aborted;
	to->mismatches += from->mismatches;
	to->timed_out += from->timed_out;
	return 0;
}

void
perf_stats_free(struct perf_stats *stats)
{
	for (size_t i = 0; i < PERF_NUM_KINDS; i++) {
		spdk_histogram_data_free(stats->kinds[i].histogram);
		stats->kinds[i].histogram = NULL;
	}
}

double
perf_ticks_to_us(uint64_t ticks)
{
	return (double)ticks * SPDK_SEC_TO_USEC / (double)spdk_get_ticks_hz();
}

struct search {
	double percent;
	uint64_t found;
	bool done;
};

static void
look_at_bucket(void *ctx, uint64_t start, uint64_t end, uint64_t count, uint64_t total, uint64_t so_far)
{
	struct search *search = ctx;

	if (!search->done && count > 0 && (double)so_far >= (double)total * search->percent / 100) {
		search->found = start + (end - start) / 2;
		search->done = true;
	}
}

double
perf_stat_percentile(const struct perf_stat *stat, double percent)
{
	struct search search = {.percent = percent};

	if (stat->ios == 0) {
		return 0;
	}
	spdk_histogram_data_iterate(stat->histogram, look_at_bucket, &search);
	/* The middle of a bucket may lie beyond what was seen. */
	return perf_ticks_to_us(spdk_max(spdk_min(search.found, stat->max), stat->min));
}

double
perf_stat_average(const struct perf_stat *stat)
{
	return stat->ios == 0 ? 0 : perf_ticks_to_us(stat->sum) / (double)stat->ios;
}

struct perf_result *
perf_results_add(struct perf_results *results)
{
	struct perf_result *items = realloc(results->items, (results->count + 1) * sizeof(*items));

	if (items == NULL) {
		return NULL;
	}
	results->items = items;
	memset(&items[results->count], 0, sizeof(*items));
	return &items[results->count++];
}

void
perf_results_free(struct perf_results *results)
{
	for (size_t i = 0; i < results->count; i++) {
		perf_stats_free(&results->items[i].stats);
	}
	free(results->items);
	results->items = NULL;
	results->count = 0;
}
