/* SPDX-License-Identifier: BSD-3-Clause */

/* The accel framework in a simulation. Thread 0 is the app thread; tests run on it. */

#ifndef ACCEL_FIXTURE_H
#define ACCEL_FIXTURE_H

#include "bdevkit/sim.h"
#include "spdk/accel.h"
#include "spdk/accel_module.h"
#include "spdk/env.h"

#include <setjmp.h>
#include <cmocka.h>

#define ACCEL_FIXTURE_THREADS 3

extern struct spdk_thread *g_accel_threads[ACCEL_FIXTURE_THREADS];

/* Threads and small buffer pools. */
void accel_fixture_init(uint64_t seed);
void accel_fixture_fini(void);

/* spdk_accel_initialize() and spdk_accel_finish() on thread 0. Options and assignments are the test's, before. */
int accel_fixture_start(void);
void accel_fixture_stop(void);

/* For cmocka: all of it, with a channel on thread 0. */
extern struct spdk_io_channel *g_accel_ch;
int accel_fixture_setup(void **state);
int accel_fixture_teardown(void **state);

/* What a callback got. */
struct accel_result {
	bool called;
	int status;
	/* Calls of accel_fixture_step_cb. */
	uint32_t steps;
};

void accel_fixture_done_cb(void *cb_arg, int status);
void accel_fixture_step_cb(void *cb_arg);

/* Runs until the callback has come, and returns the status. */
int accel_fixture_wait(struct accel_result *result);

/* Operations that have been carried out on the channel. */
uint64_t accel_fixture_executed(struct spdk_io_channel *ch, enum spdk_accel_opcode opcode);

/* Bytes that depend on seed only. */
void accel_fixture_fill(void *buf, size_t len, uint32_t seed);

/*
 * Cuts len bytes of buf into at most max pieces of random lengths that are multiples of unit. Returns how many.
 */
uint32_t accel_fixture_cut(void *buf, size_t len, size_t unit, struct iovec *iovs, uint32_t max);

#endif /* ACCEL_FIXTURE_H */
