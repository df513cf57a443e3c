/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What tests with real reactors share: the reactors run on the system thread that calls run_reactors(), and a
 * system thread of its own drives them by messages. Three reactors, on whatever CPUs this process may use.
 */

#ifndef REACTOR_FIXTURE_H
#define REACTOR_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "spdk/stdinc.h"
#include "spdk/env.h"
#include "spdk/log.h"
#include "spdk/thread.h"
#include "lib/event/reactor.h"

#define REACTORS 3

static inline int
init_env(void **state)
{
	struct spdk_env_opts opts;
	char map[64];
	cpu_set_t cpus;
	int first = 0;

	if (sched_getaffinity(0, sizeof(cpus), &cpus) != 0) {
		return -1;
	}
	while (!CPU_ISSET(first, &cpus)) {
		first++;
	}
	/* The second reactor on another CPU if there is one, the third shares that of the first. */
	snprintf(map, sizeof(map), "0@%d,1@%d,2@%d", first, CPU_ISSET(first + 1, &cpus) ? first + 1 : first, first);

	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	opts.opts_size = sizeof(opts);
	spdk_env_opts_init(&opts);
	opts.name = "reactor_test";
	opts.core_mask = NULL;
	opts.lcore_map = map;
	return spdk_env_init(&opts);
}

struct driver {
	void (*scenario)(void);
	bool poll;
	struct spdk_thread *app_thread;
};

static struct driver g_driver;

static inline void *
drive(void *arg)
{
	g_driver.scenario();
	event_reactors_stop();
	return NULL;
}

/* Runs the scenario beside the reactors, until it returns. */
static inline void
run_reactors(void (*scenario)(void), bool poll)
{
	struct event_reactor_opts opts;
	pthread_t thread;

	event_reactor_opts_init(&opts);
	opts.poll = poll;
	assert_int_equal(event_reactors_init(&opts), 0);
	g_driver.scenario = scenario;
	g_driver.app_thread = spdk_thread_create("app_thread", NULL);
	assert_non_null(g_driver.app_thread);
	assert_int_equal(pthread_create(&thread, NULL, drive, NULL), 0);
	assert_int_equal(event_reactors_run(), 0);
	pthread_join(thread, NULL);
	event_reactors_fini();
}

/* ---- for the driver ---- */

struct call {
	spdk_msg_fn fn;
	void *arg;
	sem_t done;
};

static inline void
run_call(void *arg)
{
	struct call *call = arg;

	call->fn(call->arg);
	sem_post(&call->done);
}

static inline void
wait_for(sem_t *sem)
{
	while (sem_wait(sem) != 0) {
	}
}

/* Runs fn(arg) on the thread and waits until it has returned. */
static inline void
call_on(struct spdk_thread *thread, spdk_msg_fn fn, void *arg)
{
	struct call call = {.fn = fn, .arg = arg};

	sem_init(&call.done, 0, 0);
	if (spdk_thread_send_msg(thread, run_call, &call) != 0) {
		abort();
	}
	wait_for(&call.done);
	sem_destroy(&call.done);
}

static inline void
exit_current(void *arg)
{
	spdk_thread_exit(spdk_get_thread());
}

static inline struct spdk_thread *
create_on(const char *name, uint32_t core)
{
	struct spdk_cpuset mask;

	spdk_cpuset_zero(&mask);
	spdk_cpuset_set_cpu(&mask, core, true);
	return spdk_thread_create(name, &mask);
}

#endif /* REACTOR_FIXTURE_H */
