/* SPDX-License-Identifier: BSD-3-Clause */

/* Random configurations, as the RPC calls that make them. */

#ifndef TEST_CONFIG_RANDOM_H
#define TEST_CONFIG_RANDOM_H

#include "config_life.h"

#define PLAN_MAX_CALLS 64
/* The last one has a partition table, with a partition of a type that only bdev_gpt_set_options shows. */
#define PLAN_NUM_FILES 4
/* Some calls are to create several bdevs. */
#define PLAN_MAX_NAMES (3 * PLAN_MAX_CALLS)

struct plan {
	uint64_t random_state;
	/* Folder with the files f0 to f3, and for sockets. */
	const char *folder;
	/* The first ones are for the STARTUP state. */
	struct life_call calls[PLAN_MAX_CALLS];
	size_t num_calls;
	size_t num_startup_calls;
	/* Names of bdevs that calls so far were to create. */
	char *names[PLAN_MAX_NAMES];
	size_t num_names;
};

/* The same seed and folder make the same plan. */
void plan_make(struct plan *plan, uint64_t seed, const char *folder);
void plan_free(struct plan *plan);

/* The calls for the STARTUP state that are not skipped, as a configuration; freed by the caller. */
char *plan_startup_config(const struct plan *plan);

/* Prints the calls that are not skipped, one a line. */
void plan_print(const struct plan *plan, FILE *file);

#endif /* TEST_CONFIG_RANDOM_H */
