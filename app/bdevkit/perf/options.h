/* SPDX-License-Identifier: BSD-3-Clause */

/* What bdevkit perf is asked to do, by its command line or by the method perform_tests. */

#ifndef BDEVKIT_PERF_OPTIONS_H
#define BDEVKIT_PERF_OPTIONS_H

#include "spdk/stdinc.h"

#include "app/bdevkit/expression.h"
#include "app/bdevkit/perf/pattern.h"

#define PERF_MAX_DEPTHS 16
#define PERF_MAX_DEPTH 65536
#define PERF_MAX_IO_SIZE (64ULL << 20)
#define PERF_MAX_RATE 1000000000
#define PERF_MAX_RESET_MS 1000000

enum perf_kind {
	PERF_READ,
	PERF_WRITE,
	PERF_UNMAP,
	PERF_WRITE_ZEROES,
	PERF_FLUSH,
	PERF_COPY,
	PERF_ABORT,
	PERF_RESET,
	PERF_NUM_KINDS,
};

struct perf_workload {
	const char *name;
	enum perf_kind kind;
	bool random;
	/* Reads and writes, as .read_percent says. */
	bool mixed;
	/* What was written is read back at once and compared. */
	bool verify;
	/* The defaults of .abort_every and .reset_ms. */
	uint32_t abort_every;
	uint32_t reset_ms;
};

struct perf_options {
	/* All zero: of the running target, or the configuration, none. */
	struct expression_names bdevs;
	const struct perf_workload *workload;
	/* One run for each. */
	uint32_t depths[PERF_MAX_DEPTHS];
	uint32_t num_depths;
	struct perf_sizes sizes;
	struct perf_distribution distribution;
	uint32_t read_percent;
	/* Seconds; 0: no limit. */
	double time;
	double warmup;
	/* I/Os of each bdev; 0: no limit. */
	uint64_t count;
	/* I/Os and bytes a second of each bdev; 0: no limit. */
	uint64_t rate;
	uint64_t bandwidth;
	/* Seconds after which an I/O has taken too long; 0: none does. */
	uint32_t timeout;
	/* Every so manieth I/O is aborted; milliseconds between two resets; 0: never. */
	uint32_t abort_every;
	uint32_t reset_ms;
	uint64_t seed;
	bool zcopy;
	/* What is written says where it belongs, and what is read is compared with that. */
	bool stamp;
	bool every_core;
	bool go_on;
	bool overwrite;
};

/* The defaults of all but the bdevs and the workload. */
void perf_options_init(struct perf_options *options);

/* Each returns 0, or -EINVAL. */
int perf_options_set_workload(struct perf_options *options, const char *text);
int perf_options_set_depths(struct perf_options *options, const char *text);

/* What does not go together, in words; NULL: all does. */
const char *perf_options_check(const struct perf_options *options);

/* Whether what the bdevs hold may be lost. */
bool perf_options_write(const struct perf_options *options);

/* The names of all workloads, with commas. */
const char *perf_options_workloads(void);

const char *perf_kind_name(enum perf_kind kind);
bool perf_kind_has_data(enum perf_kind kind);

#endif /* BDEVKIT_PERF_OPTIONS_H */
