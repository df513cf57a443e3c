/* SPDX-License-Identifier: BSD-3-Clause */

/* A summary as a table. */

#include "app/bdevkit/perf/summary.h"

#include "spdk/util.h"

#define MIN_NAME 8
#define MAX_NAME 40

/* Three digits of what is small, none of what is large. */
static void
print_us(double us, FILE *out)
{
	fprintf(out, " %9.*f", us < 10 ? 2 : us < 100000 ? 1 : 0, us);
}

static void
print_line(const struct perf_row *row, const struct perf_line *line, const char *name, int width, FILE *out)
{
	fprintf(out, "%-*s %-12s %5" PRIu32 " %11.0f %9.1f", width, name, line->type, row->depth, line->iops,
		line->mibps);
	print_us(line->latency.avg, out);
	for (size_t i = 0; i < PERF_NUM_PERCENTILES; i++) {
		print_us(line->latency.percentiles[i], out);
	}
	print_us(line->latency.max, out);
	fprintf(out, "\n");
}

static void
print_row(const struct perf_row *row, const char *name, int width, FILE *out)
{
	for (uint32_t i = 0; i < row->num_lines; i++) {
		print_line(row, &row->lines[i], name, width, out);
	}
}

static void
print_troubles(const struct perf_row *row, FILE *out)
{
	const struct {
		uint64_t count;
		const char *what;
	} troubles[] = {
		{row->failed, "I/Os failed"},
		{row->timed_out, "I/Os took longer than --timeout"},
		{row->aborted, "I/Os were aborted"},
		{row->mismatched, "I/Os read what was not written"},
	};

	for (size_t i = 0; i < SPDK_COUNTOF(troubles); i++) {
		if (troubles[i].count > 0) {
			fprintf(out, "%s, depth %" PRIu32 ": %" PRIu64 " %s\n", row->name, row->depth,
				troubles[i].count, troubles[i].what);
		}
	}
	if (row->reason[0] != '\0') {
		fprintf(out, "%s, depth %" PRIu32 ": %s\n", row->name, row->depth, row->reason);
	}
}

static int
width_of_names(const struct perf_summary *summary)
{
	size_t width = MIN_NAME;

	for (size_t i = 0; i < summary->num_rows; i++) {
		width = spdk_max(width, strlen(summary->rows[i].name));
	}
	return (int)spdk_min(width, MAX_NAME);
}

void
perf_summary_print(const struct perf_summary *summary, FILE *out)
{
	int width = width_of_names(summary);
	bool interrupted = false;
	size_t row = 0;

	fprintf(out, "%-*s %-12s %5s %11s %9s %9s", width, "bdev", "type", "depth", "IOPS", "MiB/s", "avg us");
	for (size_t i = 0; i < PERF_NUM_PERCENTILES; i++) {
		fprintf(out, " %9s", perf_percentiles[i].name);
	}
	fprintf(out, " %9s\n", "max");
	for (size_t total = 0; total < summary->num_totals; total++) {
		size_t first = row;

		/* Rows stand in the order of the depths, as many for each. */
		for (; row < summary->num_rows && row - first < summary->num_rows / summary->num_totals; row++) {
			print_row(&summary->rows[row], summary->rows[row].name, width, out);
		}
		if (row - first > 1) {
			print_row(&summary->totals[total], "all", width, out);
		}
	}
	for (row = 0; row < summary->num_rows; row++) {
		print_troubles(&summary->rows[row], out);
		interrupted = interrupted || strcmp(summary->rows[row].status, "terminated") == 0;
	}
	if (interrupted) {
		fprintf(out, "interrupted\n");
	}
}
