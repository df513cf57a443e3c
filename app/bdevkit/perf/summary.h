/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What was measured, in the units that people read. A measurement in this process is summed up from its histograms, one in a
 * running target is read from its answer; both are printed, drawn and written as JSON from here.
 */

#ifndef BDEVKIT_PERF_SUMMARY_H
#define BDEVKIT_PERF_SUMMARY_H

#include "spdk/stdinc.h"
#include "spdk/json.h"

#include "app/bdevkit/perf/result.h"

#define PERF_NUM_PERCENTILES 5

struct perf_percentile {
	const char *name;
	double percent;
};

extern const struct perf_percentile perf_percentiles[PERF_NUM_PERCENTILES];

/* Microseconds. */
struct perf_latency {
	double avg;
	double min;
	double percentiles[PERF_NUM_PERCENTILES];
	double max;
};

/* Of one type of I/O, or of all of them together. */
struct perf_line {
	char type[16];
	uint64_t ios;
	uint64_t bytes;
	double iops;
	double mibps;
	struct perf_latency latency;
};

/* Of one bdev and one queue depth; a total is of all bdevs. */
struct perf_row {
	char name[256];
	char cpus[72];
	char workload[24];
	char status[16];
	char reason[256];
	/* As of -o. */
	char sizes[PERF_SIZES_TEXT];
	uint64_t io_size;
	uint32_t depth;
	uint32_t read_percent;
	bool mixed;
	bool verify;
	uint64_t first_block;
	uint64_t num_blocks;
	double seconds;
	uint64_t failed;
	uint64_t timed_out;
	uint64_t aborted;
	uint64_t mismatched;
	/* Reads, writes and so on together; aborts and resets are no I/O of the load. */
	struct perf_line all;
	struct perf_line lines[PERF_NUM_KINDS];
	uint32_t num_lines;
};

struct perf_summary {
	struct perf_row *rows;
	size_t num_rows;
	/* One for each queue depth. */
	struct perf_row *totals;
	size_t num_totals;
	uint32_t cores;
};

/* Each returns 0 or -ENOMEM, reading also -EINVAL; on success to be freed. */
int perf_summary_make(struct perf_summary *summary, const struct perf_results *results);
int perf_summary_read_json(struct perf_summary *summary, const struct spdk_json_val *answer);
void perf_summary_free(struct perf_summary *summary);

/* Nothing failed, nothing took too long, nothing differed. */
bool perf_summary_good(const struct perf_summary *summary);

void perf_summary_write_json(const struct perf_summary *summary, struct spdk_json_write_ctx *w);
void perf_summary_print(const struct perf_summary *summary, FILE *out);
/* Latency over throughput, one point for each queue depth, as SVG. Returns 0 or a negative errno. */
int perf_summary_plot(const struct perf_summary *summary, const char *path);

#endif /* BDEVKIT_PERF_SUMMARY_H */
