/* SPDX-License-Identifier: BSD-3-Clause */

#include "app/bdevkit/perf/summary.h"

#include "spdk/util.h"

const struct perf_percentile perf_percentiles[PERF_NUM_PERCENTILES] = {
	{"p50", 50},
	{"p90", 90},
	{"p99", 99},
	{"p99.9", 99.9},
	{"p99.99", 99.99},
};

static void
sum_up_stat(struct perf_line *line, const char *type, const struct perf_stat *stat, double seconds)
{
	snprintf(line->type, sizeof(line->type), "%s", type);
	line->ios = stat->ios;
	line->bytes = stat->bytes;
	line->iops = seconds > 0 ? (double)stat->ios / seconds : 0;
	line->mibps = seconds > 0 ? (double)stat->bytes / seconds / (1 << 20) : 0;
	line->latency.avg = perf_stat_average(stat);
	line->latency.min = stat->ios > 0 ? perf_ticks_to_us(stat->min) : 0;
	line->latency.max = perf_ticks_to_us(stat->max);
	for (size_t i = 0; i < PERF_NUM_PERCENTILES; i++) {
		line->latency.percentiles[i] = perf_stat_percentile(stat, perf_percentiles[i].percent);
	}
}

static int
sum_up_load(struct perf_row *row, const struct perf_stats *stats)
{
	struct perf_stats all = {};
	int rc = perf_stats_use(&all, PERF_READ);

	for (size_t kind = 0; kind < PERF_ABORT && rc == 0; kind++) {
		const struct perf_stats one = {.kinds = {[PERF_READ] = stats->kinds[kind]}};

		rc = perf_stats_add(&all, &one);
	}
	if (rc == 0) {
		sum_up_stat(&row->all, "all", &all.kinds[PERF_READ], row->seconds);
	}
	perf_stats_free(&all);
	return rc;
}

static int
sum_up_stats(struct perf_row *row, const struct perf_stats *stats)
{
	row->failed = stats->failed;
	row->timed_out = stats->timed_out;
	row->aborted = stats->aborted;
	row->mismatched = stats->mismatches;
	for (size_t kind = 0; kind < PERF_NUM_KINDS; kind++) {
		if (stats->kinds[kind].ios > 0) {
			sum_up_stat(
				&row->lines[row->num_lines++], perf_kind_name(kind), &stats->kinds[kind], row->seconds);
		}
	}
	return sum_up_load(row, stats);
}

static bool
row_is_good(const struct perf_row *row)
{
	return row->failed == 0 && row->timed_out == 0 && row->mismatched == 0 && row->reason[0] == '\0';
}

static void
describe(struct perf_row *row, const struct perf_results *results, uint32_t depth)
{
	const struct perf_options *options = results->options;

	snprintf(row->workload, sizeof(row->workload), "%s", options->workload->name);
	perf_sizes_format(&options->sizes, row->sizes);
	row->io_size = options->sizes.items[0].bytes;
	row->depth = depth;
	row->mixed = options->workload->mixed;
	row->read_percent = options->read_percent;
	row->verify = options->workload->verify;
}

static int
make_row(struct perf_row *row, const struct perf_results *results, const struct perf_result *result)
{
	int rc;

	describe(row, results, result->depth);
	snprintf(row->name, sizeof(row->name), "%s", result->name);
	snprintf(row->cpus, sizeof(row->cpus), "%s", result->cpus);
	snprintf(row->reason, sizeof(row->reason), "%s", result->why);
	row->num_blocks = result->num_blocks;
	row->seconds = result->seconds;
	rc = sum_up_stats(row, &result->stats);
	snprintf(row->status, sizeof(row->status), "%s",
		!row_is_good(row)              ? "failed"
			: results->interrupted ? "terminated"
					       : "finished");
	return rc;
}

/* The results of one queue depth stand together. */
static int
make_total(struct perf_row *row, const struct perf_results *results, size_t *next)
{
	struct perf_stats sum = {};
	uint32_t depth = results->items[*next].depth;
	size_t first = *next;
	int rc = 0;

	describe(row, results, depth);
	for (; *next < results->count && *next - first < results->options->bdevs.count && rc == 0; (*next)++) {
		row->seconds = spdk_max(row->seconds, results->items[*next].seconds);
		rc = perf_stats_add(&sum, &results->items[*next].stats);
	}
	if (rc == 0) {
		rc = sum_up_stats(row, &sum);
	}
	perf_stats_free(&sum);
	return rc;
}

int
perf_summary_make(struct perf_summary *summary, const struct perf_results *results)
{
	size_t next = 0;
	int rc = 0;

	memset(summary, 0, sizeof(*summary));
	summary->cores = results->cores;
	summary->rows = calloc(spdk_max(results->count, 1), sizeof(*summary->rows));
	summary->totals = calloc(spdk_max(results->count, 1), sizeof(*summary->totals));
	if (summary->rows == NULL || summary->totals == NULL) {
		rc = -ENOMEM;
	}
	while (rc == 0 && summary->num_rows < results->count) {
		rc = make_row(&summary->rows[summary->num_rows], results, &results->items[summary->num_rows]);
		summary->num_rows++;
	}
	while (rc == 0 && next < results->count) {
		rc = make_total(&summary->totals[summary->num_totals++], results, &next);
	}
	if (rc != 0) {
		perf_summary_free(summary);
	}
	return rc;
}

void
perf_summary_free(struct perf_summary *summary)
{
	free(summary->rows);
	free(summary->totals);
	memset(summary, 0, sizeof(*summary));
}

bool
perf_summary_good(const struct perf_summary *summary)
{
	for (size_t i = 0; i < summary->num_rows; i++) {
		if (!row_is_good(&summary->rows[i])) {
			return false;
		}
	}
	return summary->num_rows > 0;
}
