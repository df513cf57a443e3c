/* SPDX-License-Identifier: BSD-3-Clause */

/* What a running target has counted of its bdevs' I/O at one moment, and what happened between two of them. */

#ifndef BDEVKIT_STAT_SAMPLE_H
#define BDEVKIT_STAT_SAMPLE_H

#include "spdk/stdinc.h"
#include "spdk/histogram_data.h"

#include "app/bdevkit/rpc_client.h"

enum stat_type {
	STAT_READ,
	STAT_WRITE,
	STAT_UNMAP,
	STAT_COPY,
	STAT_TYPES,
};

/* Since the bdev was made or its counters were reset. Latencies are ticks: their sum and their extremes. */
struct stat_counters {
	uint64_t ios;
	uint64_t bytes;
	uint64_t latency;
	uint64_t max_latency;
	uint64_t min_latency;
};

struct stat_bdev {
	char *name;
	struct stat_counters counters[STAT_TYPES];
	uint64_t errors;
	/* NULL: it has none, or it was not asked for. Ticks. */
	struct spdk_histogram_data *histogram;
};

struct stat_sample {
	/* Ticks per second, and when it was taken. */
	uint64_t tick_rate;
	uint64_t ticks;
	struct stat_bdev *bdevs;
	size_t count;
};

/*
 * Asks for one bdev, or for all if name is NULL. Returns 0; -EIO after the client's complaint; -EINVAL for an answer that is
 * not understood; or -ENODEV for what the target refuses. why gets the reason of the latter two.
 */
int stat_sample_take(
	struct rpc_client *client, const char *name, struct stat_sample *sample, char *why, size_t why_size);

/* Asks for the latencies of each bdev of the sample that collects them. Returns 0 or -EIO, as above. */
int stat_sample_take_histograms(struct rpc_client *client, struct stat_sample *sample);

/* The latencies of one bdev. NULL in *histogram: it collects none. */
int stat_histogram_take(struct rpc_client *client, const char *name, struct spdk_histogram_data **histogram);

/* Leaves it as zeroes, which also need not be freed. */
void stat_sample_free(struct stat_sample *sample);

const struct stat_bdev *stat_sample_find(const struct stat_sample *sample, const char *name);

/* ---- what happened in between ---- */

struct stat_rate {
	uint64_t ios;
	uint64_t bytes;
	double iops;
	double bytes_per_second;
	/* Microseconds; 0 if there was no I/O. */
	double average_us;
	/* I/Os that were out on average. */
	double queue;
};

/* Seconds between two samples; of no earlier one, of which ticks is 0, 0. */
double stat_seconds(const struct stat_sample *before, const struct stat_sample *after);

/*
 * Of one type of I/O, or of all with STAT_TYPES. before NULL: the bdev was not there, or everything since it was made is wanted;
 * counters that were reset in between count from zero. Without seconds, rates and queue are 0.
 */
void stat_rate(const struct stat_bdev *before, const struct stat_bdev *after, int type, double seconds,
	uint64_t tick_rate, struct stat_rate *rate);

/* Microseconds that so much of the I/O in between took at most; negative: there was none, or no histogram. before may be NULL. */
double stat_percentile(
	const struct stat_bdev *before, const struct stat_bdev *after, double fraction, uint64_t tick_rate);

#define STAT_BUCKETS 40

/* Counts the I/Os in between by latency: in place n those from 2^(n-1) to below 2^n microseconds. */
void stat_buckets(const struct stat_bdev *before, const struct stat_bdev *after, uint64_t tick_rate,
	uint64_t counts[STAT_BUCKETS]);

#endif /* BDEVKIT_STAT_SAMPLE_H */
