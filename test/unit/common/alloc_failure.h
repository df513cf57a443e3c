/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Lets each allocation of a piece of work fail in turn. Programs that include this are linked with alloc_failure.c and
 * with alloc_failure_args (test/unit/meson.build), which lead all allocations of our code through it.
 */

#ifndef ALLOC_FAILURE_H
#define ALLOC_FAILURE_H

#include "spdk/stdinc.h"

struct alloc_scenario {
	const char *name;
	/*
	 * Does something from its beginning to its end, allocations between alloc_arm() and alloc_disarm() being those
	 * that may fail; then takes all back. Returns 0 if it has worked, or the negative errno that it was told. Everything
	 * else is asserted.
	 */
	int (*run)(const void *arg);
	const void *arg;
	/* It goes on without memory: 0 is the only good result. */
	bool never_fails;
};

void alloc_arm(void);
void alloc_disarm(void);

/*
 * Runs each scenario once to count its allocations, then once for each of them with that one failing, and once with all
 * failing from that one on. Each time it has to return 0 or -ENOMEM, and to work afterwards; and no memory may be lost.
 * Prints the numbers.
 */
void alloc_run_scenarios(const struct alloc_scenario *scenarios, size_t count);

#endif /* ALLOC_FAILURE_H */
