/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The load on one bdev from one thread: so many I/Os are out at any time, and each that ends is followed by another.
 *
 *   job.c       the steps of a job: prepare, start, measure, stop, release
 *   load.c      one I/O from its place in the pattern to its end
 *   disturb.c   aborts, resets and I/Os that take too long
 *   content.c   what is written, so that it can be compared with what is read
 */

#ifndef BDEVKIT_PERF_JOB_H
#define BDEVKIT_PERF_JOB_H

#include "spdk/stdinc.h"
#include "spdk/bdev.h"
#include "spdk/thread.h"

#include "app/bdevkit/perf/options.h"
#include "app/bdevkit/perf/pattern.h"
#include "app/bdevkit/perf/result.h"

/* Completions after which the clock is read again. */
#define PERF_CLOCK_IOS 16

struct perf_job;

/* The first cache line is what a plain I/O touches. */
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
	bool timed_out;
	/* To read back into; NULL: it is not. */
	void *check_buf;
	struct perf_task *next;
	uint64_t abort_begin;
	struct iovec iov;
	struct spdk_bdev_io_wait_entry wait;
};

/* Which parts of a bdev are being verified, a bit for each unit, so that no two I/Os meet there. */
struct perf_claims {
	uint64_t *bits;
	uint64_t mask;
	uint64_t unit;
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
	uint64_t bandwidth;
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
	/* Reads or writes and nothing else that would have to be looked at for each of them. */
	bool plain;
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
	uint64_t random;

	/* Of verify: which write this is, and places that are in use. */
	uint64_t content_key;
	uint32_t generation;
	struct perf_claims claims;
	/* Of --stamp: what should be there. */
	void *expected;

	/* With a rate: ticks since the start at which the next one is due, and tasks that wait for it. */
	bool limited;
	double ticks_per_io;
	double ticks_per_block;
	double due;
	uint64_t started;
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

/* Says why and stops; the first reason counts. */
void perf_job_fail(struct perf_job *job, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Ends it once nothing is out and nothing is to come. */
void perf_job_look_for_end(struct perf_job *job);

/* ---- load.c ---- */

/* The task has nothing to do. */
void perf_task_go_on(struct perf_task *task);
/* A poller: what has become due, and what an abort kept back. */
int perf_job_poll_idle(void *job);

/* ---- disturb.c ---- */

void perf_job_abort_now_and_then(struct perf_job *job);
/* A poller. */
int perf_job_poll_reset(void *job);
/* An I/O of the job's descriptor and thread is out for too long. */
void perf_job_see_late_io(struct perf_job *job, struct spdk_bdev_io *bdev_io);

/* ---- content.c ---- */

/* Returns 0 or -ENOMEM. */
int perf_content_prepare(struct perf_job *job, uint32_t max_blocks);
void perf_content_release(struct perf_job *job);

/* Moves a task of a verify to the next place that no other one uses, and fills its buffer with what is found nowhere else. */
void perf_content_verify(struct perf_task *task);
void perf_content_unclaim(struct perf_task *task);
/* --stamp: fills a buffer with what belongs to its blocks. */
void perf_content_stamp(struct perf_task *task);

/* Whether what was read is what was written; counts it, and says in job->why where not. */
bool perf_content_check_verify(struct perf_task *task);
bool perf_content_check_stamp(struct perf_task *task);

#endif /* BDEVKIT_PERF_JOB_H */
