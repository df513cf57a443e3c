/* SPDX-License-Identifier: BSD-3-Clause */

/* What a running target says of itself, now and a moment ago. */

#ifndef BDEVKIT_TOP_MODEL_H
#define BDEVKIT_TOP_MODEL_H

#include "app/bdevkit/stat/sample.h"

struct model_reactor {
	uint32_t core;
	uint64_t busy;
	uint64_t idle;
	uint64_t asleep;
	uint64_t sleeps;
	uint32_t num_threads;
};

struct model_thread {
	char *name;
	char *cpus;
	uint64_t id;
	uint64_t busy;
	uint64_t idle;
	uint32_t active_pollers;
	uint32_t timed_pollers;
	uint32_t paused_pollers;
};

enum model_poller_kind {
	MODEL_ACTIVE,
	MODEL_TIMED,
	MODEL_PAUSED,
};

struct model_poller {
	char *name;
	char *thread;
	uint64_t thread_id;
	uint64_t id;
	enum model_poller_kind kind;
	uint64_t runs;
	uint64_t busy;
	uint64_t period;
};

/* What changes seldom. */
struct model_bdev {
	char *name;
	char *product;
	char *claim;
	uint64_t num_blocks;
	uint32_t block_size;
	/* Indices of those that it stands on; of how many others it is one. */
	size_t *bases;
	size_t num_bases;
	size_t num_users;
	/* Names of them, also of such that are not there. */
	char **base_names;
	size_t num_base_names;
};

struct model_snapshot {
	struct stat_sample sample;
	/* Ticks of the target when it said the rest: about when it said the sample. */
	struct model_reactor *reactors;
	size_t num_reactors;
	struct model_thread *threads;
	size_t num_threads;
	struct model_poller *pollers;
	size_t num_pollers;
};

struct model {
	struct rpc_client *client;
	uint64_t pid;
	/* before.sample.ticks is 0 until there are two. */
	struct model_snapshot before;
	struct model_snapshot now;
	struct model_bdev *bdevs;
	size_t num_bdevs;
	/* Turns until the bdevs are asked for again. */
	int bdevs_due;
	/* What to ask for beside bdevs and reactors. */
	bool want_pollers;
	/* A bdev whose latencies are wanted; NULL: none. */
	char *histogram_of;
	/* Why the target did not answer; empty: it did. */
	char why[256];
};

/* Asks the target. Returns 0 or a negative errno, and then the model stays as it was, but for why. */
int model_update(struct model *model);

void model_free(struct model *model);

/* -1: there is none. */
int model_find_bdev(const struct model *model, const char *name);

/* Begins or ends the collection of a bdev's latencies. */
int model_enable_histogram(struct model *model, const char *name, bool enable);

double model_seconds(const struct model *model);

/* Of a bdev, by its index. */
void model_rate(const struct model *model, size_t bdev, int type, struct stat_rate *rate);

/* Of what a thing has counted in ticks, how much of the time that is, from 0 to 1. */
double model_share(const struct model *model, uint64_t before, uint64_t now);

/* ---- ask.c ---- */

/* Each asks for one kind of thing. 0 or a negative errno. */
int ask_reactors(struct model *model, struct model_snapshot *snapshot);
int ask_threads(struct model *model, struct model_snapshot *snapshot);
int ask_pollers(struct model *model, struct model_snapshot *snapshot);
int ask_bdevs(struct model *model, struct model_bdev **bdevs, size_t *count);
void ask_free_bdevs(struct model_bdev *bdevs, size_t count);

#endif /* BDEVKIT_TOP_MODEL_H */
