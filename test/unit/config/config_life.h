/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The life of a target: a process of its own that starts an application with a configuration, makes RPC calls, says
 * what it has come to, and ends. What one life leaves behind in global variables no other can see.
 */

#ifndef TEST_CONFIG_LIFE_H
#define TEST_CONFIG_LIFE_H

#include "spdk/stdinc.h"

struct life_call {
	const char *method;
	/* JSON text; NULL: none. */
	char *params;
	/* Part of the plan; shrinking a plan leaves calls out. */
	bool skipped;
};

struct life_opts {
	/* JSON text. */
	const char *config;
	bool ignore_config_errors;
	/* Made one after the other once the application runs; those that fail are counted. */
	const struct life_call *calls;
	size_t num_calls;
	/* Look for leaks at the end, which takes longer than all the rest. */
	bool check_leaks;
};

enum life_answer {
	LIFE_SAVED_CONFIG,
	LIFE_BDEVS,
	LIFE_EXPORTS,
	LIFE_LISTENERS,
	LIFE_SCHEDULER,
	LIFE_QOS_GROUPS,
	LIFE_NUM_ANSWERS,
};

struct life {
	/* The exit code of the process, or minus the signal that ended it. */
	int exit_code;
	/* JSON texts; NULL when the target did not come that far. Names of the methods are in g_life_methods. */
	char *answers[LIFE_NUM_ANSWERS];
	uint64_t num_failed_calls;
	/* What it wrote to standard error. */
	char *log;
};

extern const char *const g_life_methods[LIFE_NUM_ANSWERS];

/* Ends the test program if no process can be had. */
void life_run(const struct life_opts *opts, struct life *life);
void life_free(struct life *life);

#endif /* TEST_CONFIG_LIFE_H */
