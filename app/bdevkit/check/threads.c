/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Several system threads that check a bdev at the same time, each with SPDK threads of its own, on blocks of its own. What
 * they share is the module and the layer. The caller's threads, the app thread among them, are polled meanwhile.
 */

#include "app/bdevkit/check/check.h"

#include "spdk/string.h"

#include <pthread.h>
#include <stdatomic.h>

#define ALL_TIMEOUT_US (3600 * 1000000ULL)

struct worker {
	pthread_t pthread;
	struct check check;
	uint64_t seed;
};

static struct {
	struct worker *workers;
	unsigned int count;
	_Atomic unsigned int ended;
	/* How often somebody has come to a meeting. */
	_Atomic unsigned int arrivals;
} g_threads;

static bool
all_there(void *arg)
{
	return g_threads.arrivals >= *(const unsigned int *)arg;
}

void
check_meet_others(struct check *check)
{
	unsigned int wanted = (g_threads.arrivals++ / g_threads.count + 1) * g_threads.count;

	/* One that gives up ends the process. */
	session_wait(all_there, &wanted, ALL_TIMEOUT_US);
}

static void *
run_worker(void *arg)
{
	struct worker *worker = arg;

	if (session_join(worker->seed) == 0) {
		check_bdev(&worker->check);
	}
	if (!session_leave()) {
		fprintf(stderr, "bdevkit check: a thread does not end: a channel is left over\n");
		fflush(NULL);
		_exit(1);
	}
	g_threads.ended++;
	return NULL;
}

static bool
all_ended(void *arg)
{
	return g_threads.ended == g_threads.count;
}

static void
start(struct worker *worker, const struct check *check, unsigned int part)
{
	worker->seed = session_random(0);
	worker->check.name = check->name;
	worker->check.options = check->options;
	worker->check.part = part;
	worker->check.num_parts = g_threads.count;
	/* So that what one has written is known from what another has. */
	worker->check.last_generation = (part + 1) << 24;
	if (pthread_create(&worker->pthread, NULL, run_worker, worker) != 0) {
		abort();
	}
}

static void
add(struct check *check, const struct worker *worker)
{
	if (!worker->check.checked) {
		struct check_rule *rule = check_rule(check, RULE_OPEN_AGAIN);

		check_expect(check, rule, false, NULL, "a thread cannot check it: %s", worker->check.refusal);
	}
	check_add(check, &worker->check);
}

void
check_in_threads(struct check *check)
{
	unsigned int count = (unsigned int)check->options->threads;

	g_threads.workers = calloc(count, sizeof(*g_threads.workers));
	if (g_threads.workers == NULL) {
		abort();
	}
	g_threads.count = count;
	g_threads.ended = 0;
	g_threads.arrivals = 0;
	for (unsigned int i = 0; i < count; i++) {
		start(&g_threads.workers[i], check, i);
	}
	session_wait(all_ended, NULL, ALL_TIMEOUT_US);
	for (unsigned int i = 0; i < count; i++) {
		pthread_join(g_threads.workers[i].pthread, NULL);
		add(check, &g_threads.workers[i]);
	}
	free(g_threads.workers);
}
