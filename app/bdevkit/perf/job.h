/* SPDX-License-Identifier: BSD-3-Clause */

/* The load on one bdev from one thread: so many I/Os are out at any time, and each that ends is followed by another. */

#ifndef BDEVKIT_PERF_JOB_H
#define BDEVKIT_PERF_JOB_H

#include "spdk/stdinc.h"
#include "spdk/bdev.h"
#include "spdk/thread.h"

#include "app/bdevkit/perf/options.h"
#include "app/bdevkit/perf/pattern.h"
#include "app/bdevkit/perf/result.h"

/* The end of a chunk of completions after which the clock is read again. */
#define PERF_CLOCK_IOS 16

struct perf_job;

struct perf_task {
	struct perf_job *job;
	void *buf;
	uint64_t begin;
	uint64_t offset;
	uint32_t blocks;
	uint8_t kind;
	/* Reads back what it has written. */
	bool checking;
	/* Memory of the bdev is held. */
	bool lent;
	bool aborting;
	/* To read back into; NULL: nothing is compared. */
	void *check_buf;
	struct perf_task *next;
	uint64_t abort_begin;
	struct iovec iov;
	struct spdk_bdev_io_wait_entry wait;
};

struct perf_job {
	/* Set by whoever makes it. */
	const struct perf_options *options;
	struct spdk_bdev_desc *desc;
	size_t bdev_index;
	uint32_t cpu;
	uint32_t depth;
	uint64_t first;
	uint64_t area;
	/* Shares of those of the bdev; 0: no limit. */
	uint64_t count;
	uint64_t rate;
	uint64_t seed;
	bool resets;
	/* Called on the job's thread: prepared; and nothing is out any more, and nothing will be. */
	void (*ready_fn)(struct perf_job *job, int rc);
	void (*ended_fn)(struct perf_job *job);
	struct perf_run *run;
	struct spdk_thread *thread;

	struct spdk_bdev *bdev;
	struct spdk_io_channel *ch;
	struct perf_task *tasks;
	struct perf_pattern pattern;
	struct perf_stats stats;
	uint32_t block_size;
	bool stopping;
	bool ended;
	char why[256];

	/* The clock, read once for several I/Os. */
	uint64_t now;
	uint64_t poll_tsc;
	uint32_t clock_ios;

	uint32_t outstanding;
	uint64_t left;
	uint64_t read_limit;
	uint32_t abort_countdown;
	uint64_t generation;
	uint64_t write_random;

	/* With a rate: when the next one is due, and tasks that wait for it. */
	uint64_t interval;
	uint64_t due;
	struct perf_task *idle;
	struct spdk_poller *rate_poller;
	struct spdk_poller *reset_poller;
	uint64_t reset_begin;
	bool resetting;
	uint64_t measured_from;
	uint64_t measured_to;
};

/* Messages to the thread of a job, in this order; job_stop may come at any time, and more than once. */
void perf_job_prepare(void *job);
void perf_job_start(void *job);
/* What came before is forgotten. */
void perf_job_measure(void *job);
void perf_job_stop(void *job);
/* Exits the thread. */
void perf_job_release(void *job);

/* ---- verify.c ---- */

/* Fills a buffer with what is found nowhere else. */
void perf_verify_fill(struct perf_task *task);
/* Whether it was read back; says in job->why where not. */
bool perf_verify_compare(struct perf_task *task);

#endif /* BDEVKIT_PERF_JOB_H */
