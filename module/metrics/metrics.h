/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What a target does, for monitoring systems: numbers of bdevs, threads, buffers and the process (metrics_gather.c), written
 * as OpenMetrics text (metrics_text.c), which an HTTP server hands out (metrics_server.c). metrics_rpc.c switches it on.
 *
 * A request is read and answered on the HTTP server's own system thread, so that no client holds up I/O. Numbers are
 * gathered on the app thread and by messages on the others.
 */

#ifndef MODULE_METRICS_H
#define MODULE_METRICS_H

#include "spdk/stdinc.h"
#include "spdk/bdev.h"
#include "spdk/thread.h"

/* ---- metrics_gather.c ---- */

/* Upper bounds of the buckets of latency, in nanoseconds; one more bucket has what is above the last. */
#define METRICS_NUM_BOUNDS 22
extern const uint64_t g_metrics_bounds[METRICS_NUM_BOUNDS];

struct metrics_latency {
	/* Of each bucket alone. */
	uint64_t counts[METRICS_NUM_BOUNDS + 1];
	uint64_t count;
	/* Of the middles of the buckets that the histogram has, which are narrower than these. */
	double sum_seconds;
};

/* Of a RAID bdev. */
struct metrics_raid {
	bool is_one;
	char level[16];
	char state[16];
	uint32_t num_members;
	uint32_t num_working;
	/* Of what is going on in the background, 0 to 1; negative: nothing. */
	double progress;
};

struct metrics_bdev {
	char name[256];
	char product[64];
	char uuid[SPDK_UUID_STRING_LEN];
	uint64_t size_bytes;
	struct spdk_bdev_io_stat *stat;
	uint64_t num_errors;
	bool has_latency;
	struct metrics_latency latency;
	struct metrics_raid raid;
	/* While it is asked. */
	struct spdk_histogram_data *histogram;
	bool has_usual_buckets;
	struct metrics_snapshot *snapshot;
	struct spdk_bdev_desc *desc;
};

struct metrics_thread {
	char name[64];
	struct spdk_thread_stats stats;
};

struct metrics_iobuf {
	char module[64];
	struct spdk_iobuf_pool_stats small_pool;
	struct spdk_iobuf_pool_stats large_pool;
};

struct metrics_process {
	double cpu_seconds;
	uint64_t resident_bytes;
	uint64_t open_fds;
	/* Since 1970. */
	double start_seconds;
};

/* Bdevs that are asked at the same time: messages to sleeping threads then come together. */
#define METRICS_MOST_ASKED 64

typedef void (*metrics_gathered_cb)(void *arg, struct metrics_snapshot *snapshot, int rc);

struct metrics_snapshot {
	uint64_t ticks_hz;
	struct metrics_process process;
	struct metrics_thread *threads;
	size_t num_threads;
	struct metrics_iobuf *iobufs;
	size_t num_iobufs;
	struct metrics_bdev **bdevs;
	size_t num_bdevs;

	/* While it is gathered. */
	size_t capacity;
	size_t next_bdev;
	size_t num_asked;
	bool asking;
	/* Histograms to add up into, with the buckets that this module asks for. */
	struct spdk_histogram_data *spare[METRICS_MOST_ASKED];
	size_t num_spare;
	int rc;
	metrics_gathered_cb cb;
	void *arg;
};

/*
 * Gathers. cb is called later or inside this call, on this thread, with what is to be freed, or with NULL and a negative errno.
 * App thread.
 */
void metrics_gather(metrics_gathered_cb cb, void *arg);
void metrics_snapshot_free(struct metrics_snapshot *snapshot);

/* Sorts what a histogram of ticks has into the buckets. */
void metrics_fold(const struct spdk_histogram_data *histogram, uint64_t ticks_hz, struct metrics_latency *latency);

/* Bdevs that are there, and those that come, get a histogram where they have none; or lose that again. App thread. */
void metrics_set_latency(bool wanted);
/* For the module's examine_config. */
void metrics_watch(struct spdk_bdev *bdev);

/* ---- metrics_raid.c ---- */

/* What a RAID bdev says of itself. */
void metrics_read_raid(struct spdk_bdev *bdev, struct metrics_raid *raid);

/* ---- metrics_text.c ---- */

struct metrics_text {
	char *data;
	size_t size;
	size_t capacity;
	/* Some memory was not to be had: it is not whole. */
	bool failed;
};

/* openmetrics: OpenMetrics 1.0; else the text format of Prometheus, 0.0.4. Any system thread. */
void metrics_write(struct metrics_text *text, const struct metrics_snapshot *snapshot, bool openmetrics);

/* ---- metrics_server.c ---- */

struct metrics_server;

/* Longest address that there can be, terminator included. */
#define METRICS_ADDRESS_SIZE 160

/*
 * Serves from now on. address: unix:PATH, tcp:PORT or tcp:HOST:PORT; port 0 is any. bound: METRICS_ADDRESS_SIZE bytes for
 * the address that it became. Returns 0 or a negative errno and, in *why, a sentence. App thread.
 */
int metrics_server_start(const char *address, char *bound, struct metrics_server **server, const char **why);

/* Answers what is being gathered, and ends. cb is called on this thread, later or inside this call. */
void metrics_server_stop(struct metrics_server *server, void (*cb)(void *arg), void *arg);

#endif /* MODULE_METRICS_H */
