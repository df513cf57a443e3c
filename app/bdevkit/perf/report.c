/* SPDX-License-Identifier: BSD-3-Clause */

/* The results as a table, and as JSON. */

#include "app/bdevkit/perf/result.h"

#include "spdk/util.h"

static const struct {
	const char *name;
	double percent;
} g_percentiles[] = {
	{"p50", 50},
	{"p90", 90},
	{"p99", 99},
	{"p99.9", 99.9},
	{"p99.99", 99.99},
};

static double
per_second(const struct perf_result *result, uint64_t count)
{
	return result->seconds > 0 ? (double)count / result->seconds : 0;
}

static void
print_stat(const struct perf_result *result, const char *name, enum perf_kind kind, FILE *out)
{
	const struct perf_stat *stat = &result->stats.kinds[kind];

	fprintf(out, "%-20s %-12s %5" PRIu32 " %11.0f %9.1f %9.1f", name, perf_kind_name(kind), result->depth,
		per_second(result, stat->ios), per_second(result, stat->bytes) / (1 << 20), perf_stat_average(stat));
	for (size_t i = 0; i < SPDK_COUNTOF(g_percentiles); i++) {
		fprintf(out, " %9.1f", perf_stat_percentile(stat, g_percentiles[i].percent));
	}
	fprintf(out, " %9.1f\n", perf_ticks_to_us(stat->max));
}

static void
print_result(const struct perf_result *result, const char *name, FILE *out)
{
	for (size_t kind = 0; kind < PERF_NUM_KINDS; kind++) {
		if (result->stats.kinds[kind].ios > 0) {
			print_stat(result, name, kind, out);
		}
	}
}

static void
print_troubles(const struct perf_result *result, FILE *out)
{
	if (result->stats.failed > 0) {
		fprintf(out, "%s: %" PRIu64 " I/Os failed\n", result->name, result->stats.failed);
	}
	if (result->stats.aborted > 0) {
		fprintf(out, "%s: %" PRIu64 " I/Os were aborted\n", result->name, result->stats.aborted);
	}
	if (result->stats.mismatches > 0) {
		fprintf(out, "%s: %" PRIu64 " I/Os read what was not written\n", result->name,
			result->stats.mismatches);
	}
	if (result->why[0] != '\0') {
		fprintf(out, "%s: %s\n", result->name, result->why);
	}
}

/* Of all bdevs at that depth, which stand from first on. Returns how many. */
static size_t
add_up(const struct perf_results *results, size_t first, struct perf_result *sum)
{
	size_t i;

	memset(sum, 0, sizeof(*sum));
	sum->depth = results->items[first].depth;
	for (i = first; i < results->count && results->items[i].depth == sum->depth &&
		i - first < results->options->bdevs.count;
		i++) {
		sum->seconds = spdk_max(sum->seconds, results->items[i].seconds);
		perf_stats_add(&sum->stats, &results->items[i].stats);
	}
	return i - first;
}

void
perf_results_print(const struct perf_results *results, FILE *out)
{
	size_t count;

	fprintf(out, "%-20s %-12s %5s %11s %9s %9s", "", "", "depth", "IOPS", "MiB/s", "avg us");
	for (size_t i = 0; i < SPDK_COUNTOF(g_percentiles); i++) {
		fprintf(out, " %9s", g_percentiles[i].name);
	}
	fprintf(out, " %9s\n", "max");
	for (size_t first = 0; first < results->count; first += count) {
		struct perf_result sum;

		count = add_up(results, first, &sum);
		for (size_t i = first; i < first + count; i++) {
			print_result(&results->items[i], results->items[i].name, out);
		}
		if (count > 1) {
			print_result(&sum, "all", out);
		}
		perf_stats_free(&sum.stats);
	}
	for (size_t i = 0; i < results->count; i++) {
		print_troubles(&results->items[i], out);
	}
	if (results->interrupted) {
		fprintf(out, "interrupted\n");
	}
}

static void
write_stat(const struct perf_result *result, enum perf_kind kind, struct spdk_json_write_ctx *w)
{
	const struct perf_stat *stat = &result->stats.kinds[kind];

	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "type", perf_kind_name(kind));
	spdk_json_write_named_uint64(w, "ios", stat->ios);
	spdk_json_write_named_uint64(w, "bytes", stat->bytes);
	spdk_json_write_named_double(w, "iops", per_second(result, stat->ios));
	spdk_json_write_named_double(w, "mibps", per_second(result, stat->bytes) / (1 << 20));
	spdk_json_write_named_object_begin(w, "latency_us");
	spdk_json_write_named_double(w, "avg", perf_stat_average(stat));
	spdk_json_write_named_double(w, "min", perf_ticks_to_us(stat->min));
	for (size_t i = 0; i < SPDK_COUNTOF(g_percentiles); i++) {
		spdk_json_write_named_double(
			w, g_percentiles[i].name, perf_stat_percentile(stat, g_percentiles[i].percent));
	}
	spdk_json_write_named_double(w, "max", perf_ticks_to_us(stat->max));
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
}

/* Aborts and resets are no I/O of the load. */
static struct perf_stat
add_kinds(const struct perf_stats *stats)
{
	struct perf_stat sum = {.min = UINT64_MAX};

	for (size_t kind = 0; kind < PERF_ABORT; kind++) {
		const struct perf_stat *stat = &stats->kinds[kind];

		if (stat->ios > 0) {
			sum.ios += stat->ios;
			sum.bytes += stat->bytes;
			sum.sum += stat->sum;
			sum.min = spdk_min(sum.min, stat->min);
			sum.max = spdk_max(sum.max, stat->max);
		}
	}
	sum.min = sum.ios > 0 ? sum.min : 0;
	return sum;
}

static const char *
status_of(const struct perf_results *results, const struct perf_result *result)
{
	if (result->stats.failed > 0 || result->stats.mismatches > 0 || result->why[0] != '\0') {
		return "failed";
	}
	return results->interrupted ? "terminated" : "finished";
}

/* The members that users of bdevperf know, and each type of I/O. */
static void
write_result(const struct perf_results *results, const struct perf_result *result, struct spdk_json_write_ctx *w)
{
	const struct perf_options *options = results->options;
	struct perf_stat sum = add_kinds(&result->stats);

	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "job", result->name);
	spdk_json_write_named_string(w, "core_mask", result->cpus);
	spdk_json_write_named_string(w, "workload", options->workload->name);
	if (options->workload->mixed) {
		spdk_json_write_named_uint32(w, "percentage", options->read_percent);
	}
	spdk_json_write_named_string(w, "status", status_of(results, result));
	if (result->why[0] != '\0') {
		spdk_json_write_named_string(w, "reason", result->why);
	}
	spdk_json_write_named_uint32(w, "queue_depth", result->depth);
	/* Of a mix the first one. */
	spdk_json_write_named_uint64(w, "io_size", options->sizes.items[0].bytes);
	spdk_json_write_named_double(w, "runtime", result->seconds);
	spdk_json_write_named_double(w, "iops", per_second(result, sum.ios));
	spdk_json_write_named_double(w, "mibps", per_second(result, sum.bytes) / (1 << 20));
	spdk_json_write_named_uint64(w, "io_failed", result->stats.failed);
	spdk_json_write_named_uint64(w, "io_aborted", result->stats.aborted);
	spdk_json_write_named_uint64(w, "io_mismatched", result->stats.mismatches);
	spdk_json_write_named_double(w, "avg_latency_us", perf_stat_average(&sum));
	spdk_json_write_named_double(w, "min_latency_us", perf_ticks_to_us(sum.min));
	spdk_json_write_named_double(w, "max_latency_us", perf_ticks_to_us(sum.max));
	spdk_json_write_named_array_begin(w, "operations");
	for (size_t kind = 0; kind < PERF_NUM_KINDS; kind++) {
		if (result->stats.kinds[kind].ios > 0) {
			write_stat(result, kind, w);
		}
	}
	spdk_json_write_array_end(w);
	spdk_json_write_object_end(w);
}

void
perf_results_write_json(const struct perf_results *results, struct spdk_json_write_ctx *w)
{
	spdk_json_write_object_begin(w);
	spdk_json_write_named_array_begin(w, "results");
	for (size_t i = 0; i < results->count; i++) {
		write_result(results, &results->items[i], w);
	}
	spdk_json_write_array_end(w);
	spdk_json_write_named_uint32(w, "core_count", results->cores);
	spdk_json_write_object_end(w);
}
