/* SPDX-License-Identifier: BSD-3-Clause */

/* The simulator: a host of threads that polls them in an order given by a seed, under the virtual clock. */

#include "lib/thread/thread_internal.h"

#include "bdevkit/sim.h"
#include "spdk/log.h"

/* Longest pause between two polls of idle pollers. Nanoseconds. */
#define SIM_IDLE_POLL_MAX (50 * 1000 * 1000)

/*
 * How far the clock moves at most while an I/O is outstanding whose poller may itself look at the clock.
 * Nanoseconds.
 */
#define SIM_SPIN_STEP_MAX 10000

#define SIM_MSG_POOL_SIZE SPDK_DEFAULT_MSG_MEMPOOL_SIZE

struct sim_thread {
	struct spdk_thread *thread;
	TAILQ_ENTRY(sim_thread) link;
	/* In the order of creation in this simulation; ids of threads go on from one to the next. */
	uint64_t number;
	/* It was polled and reported idle, and nothing has happened since then: value of g_sim.changes at that time. */
	uint64_t idle_at;
};

static struct {
	bool running;
	struct thread_host host;
	TAILQ_HEAD(, sim_thread) threads;
	uint64_t random_state;
	uint64_t hash;
	uint64_t steps;
	uint64_t thread_count;
	/* Counts what may give a poller something to do. */
	uint64_t changes;
	uint64_t step_time_max;
} g_sim;

/* ---- choices ---- */

/* splitmix64: every seed is a good one. */
static uint64_t
draw(void)
{
	uint64_t z = g_sim.random_state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

uint64_t
bdk_sim_random(uint64_t limit)
{
	return limit != 0 ? draw() % limit : draw();
}

static void
note(uint64_t value)
{
	/* FNV-1a over words, with a shift so that high bits reach low ones. */
	g_sim.hash = (g_sim.hash ^ value) * 0x100000001b3;
	g_sim.hash ^= g_sim.hash >> 32;
}

uint64_t
bdk_sim_get_schedule_hash(void)
{
	return g_sim.hash;
}

uint64_t
bdk_sim_get_step_count(void)
{
	return g_sim.steps;
}

bool
bdk_sim_has_descriptors(const struct spdk_thread *thread)
{
	return thread->fgrp != NULL;
}

void
bdk_sim_set_step_time(uint64_t max_ns)
{
	g_sim.step_time_max = max_ns;
}

/* ---- the framework that the thread library sees ---- */

static void
watch(struct thread_host *host, struct spdk_thread *thread, int fd)
{
	/* Descriptors are looked at when there is nothing else to do. */
}

static int
thread_op(struct spdk_thread *thread, enum spdk_thread_op op)
{
	struct sim_thread *sthread = spdk_thread_get_ctx(thread);

	if (op == SPDK_THREAD_OP_NEW) {
		sthread->thread = thread;
		sthread->number = g_sim.thread_count++;
		sthread->idle_at = UINT64_MAX;
		TAILQ_INSERT_TAIL(&g_sim.threads, sthread, link);
		thread_host_attach(&g_sim.host, thread);
	}
	return 0;
}

static bool
thread_op_supported(enum spdk_thread_op op)
{
	return true;
}

int
bdk_sim_init(uint64_t seed)
{
	int rc;

	if (g_sim.running) {
		return -EBUSY;
	}
	memset(&g_sim, 0, sizeof(g_sim));
	TAILQ_INIT(&g_sim.threads);
	g_sim.host.watch = watch;
	g_sim.random_state = seed;
	g_sim.hash = 0xcbf29ce484222325;

	env_clock_set_virtual(true);
	env_random_seed(seed);
	rc = spdk_thread_lib_init_ext(thread_op, thread_op_supported, sizeof(struct sim_thread), SIM_MSG_POOL_SIZE);
	if (rc != 0) {
		env_clock_set_virtual(false);
		return rc;
	}
	g_sim.running = true;
	return 0;
}

/* ---- steps ---- */

static bool
is_runnable(const struct sim_thread *sthread, uint64_t now)
{
	struct spdk_thread *thread = sthread->thread;

	if (thread_has_msgs(thread) || thread->next_due <= now) {
		return true;
	}
	if (sthread->idle_at == g_sim.changes) {
		return false;
	}
	return !TAILQ_EMPTY(&thread->active_pollers) || thread_state(thread) != THREAD_RUNNING;
}

static struct sim_thread *
choose_thread(uint64_t now)
{
	struct sim_thread *sthread;
	uint64_t count = 0, choice;

	TAILQ_FOREACH (sthread, &g_sim.threads, link) {
		count += is_runnable(sthread, now);
	}
	if (count == 0) {
		return NULL;
	}
	choice = bdk_sim_random(count);
	TAILQ_FOREACH (sthread, &g_sim.threads, link) {
		if (is_runnable(sthread, now) && choice-- == 0) {
			break;
		}
	}
	return sthread;
}

static void
destroy_thread(struct sim_thread *sthread)
{
	TAILQ_REMOVE(&g_sim.threads, sthread, link);
	thread_host_detach(sthread->thread);
	spdk_thread_destroy(sthread->thread);
}

static void
run_thread(struct sim_thread *sthread, uint64_t now)
{
	struct spdk_thread *thread = sthread->thread;

	note(sthread->number);
	note(now);
	g_sim.steps++;

	/* In virtual time nothing else can have happened while an idle pass went on. */
	if (spdk_thread_poll(thread, 1, now) > 0) {
		g_sim.changes++;
	} else {
		sthread->idle_at = g_sim.changes;
	}
	if (spdk_thread_is_exited(thread) && !thread_has_msgs(thread)) {
		destroy_thread(sthread);
		g_sim.changes++;
	}
}

static bool
serve_descriptors(uint64_t now)
{
	struct sim_thread *sthread;
	bool served = false;

	TAILQ_FOREACH (sthread, &g_sim.threads, link) {
		if (thread_serve_fds(sthread->thread, now) > 0) {
			note(sthread->number);
			served = true;
		}
	}
	if (served) {
		g_sim.changes++;
	}
	return served;
}

bool
bdk_sim_step(void)
{
	uint64_t now = spdk_get_ticks();
	struct sim_thread *sthread = choose_thread(now);

	if (sthread == NULL) {
		if (!serve_descriptors(now)) {
			return false;
		}
		g_sim.steps++;
		return true;
	}
	run_thread(sthread, now);
	if (g_sim.step_time_max > 0) {
		env_clock_advance(bdk_sim_random(g_sim.step_time_max + 1));
	}
	return true;
}

uint64_t
bdk_sim_run_until_idle(void)
{
	uint64_t steps = 0;

	while (bdk_sim_step()) {
		steps++;
	}
	return steps;
}

void
bdk_sim_call(struct spdk_thread *thread, spdk_msg_fn fn, void *arg)
{
	struct spdk_thread *outer = spdk_get_thread();

	spdk_set_thread(thread);
	fn(arg);
	thread_check_locks(thread);
	spdk_set_thread(outer);
	g_sim.changes++;
}

/* ---- time ---- */

static uint64_t
find_deadline(uint64_t now)
{
	struct sim_thread *sthread;
	uint64_t deadline = THREAD_NEVER, wanted;

	TAILQ_FOREACH (sthread, &g_sim.threads, link) {
		wanted = thread_get_deadline(sthread->thread, now, SIM_IDLE_POLL_MAX);
		deadline = spdk_min(deadline, wanted);
	}
	return deadline;
}

/* Nobody has anything to do: moves the clock to the next time that somebody may have, at most to end. */
static void
pass_time(uint64_t now, uint64_t end)
{
	uint64_t deadline = find_deadline(now);

	if (deadline <= now) {
		deadline = now + 1 + bdk_sim_random(SIM_SPIN_STEP_MAX);
	}
	env_clock_advance(spdk_min(deadline, end) - now);
	g_sim.changes++;
}

bool
bdk_sim_run_until(bool (*done)(void *arg), void *arg, uint64_t max_us)
{
	uint64_t now = spdk_get_ticks(), end = now + max_us * 1000;

	while (!done(arg)) {
		if (bdk_sim_step()) {
			continue;
		}
		now = spdk_get_ticks();
		if (now >= end) {
			return false;
		}
		pass_time(now, end);
	}
	return true;
}

static bool
is_past(void *arg)
{
	return spdk_get_ticks() >= *(uint64_t *)arg;
}

void
bdk_sim_run_for(uint64_t us)
{
	uint64_t end = spdk_get_ticks() + us * 1000;

	bdk_sim_run_until(is_past, &end, us);
}

/* ---- the end ---- */

static void
call_exit(void *arg)
{
	spdk_thread_exit(arg);
}

static bool
no_thread_left(void *arg)
{
	return TAILQ_EMPTY(&g_sim.threads);
}

void
bdk_sim_fini(void)
{
	struct sim_thread *sthread;

	if (!g_sim.running) {
		return;
	}
	TAILQ_FOREACH (sthread, &g_sim.threads, link) {
		if (spdk_thread_is_running(sthread->thread)) {
			bdk_sim_call(sthread->thread, call_exit, sthread->thread);
		}
	}
	bdk_sim_run_until(no_thread_left, NULL, (THREAD_EXIT_TIMEOUT_SEC + 1) * SPDK_SEC_TO_USEC);

	/* Exited by force, and still sent messages to. */
	while ((sthread = TAILQ_FIRST(&g_sim.threads)) != NULL) {
		destroy_thread(sthread);
	}
	spdk_thread_lib_fini();
	env_clock_set_virtual(false);
	g_sim.running = false;
}
