/* SPDX-License-Identifier: BSD-3-Clause */

/* Reactors: their life, from init to fini, and the loop itself. */

#include "lib/event/reactor_internal.h"

struct event_reactors g_reactors;

static __thread struct event_reactor *g_current_reactor;

/* Held to free the reactors, and to use them from a system thread that is not theirs. */
static struct env_mutex g_lock = ENV_MUTEX_INITIALIZER;

void
event_reactor_opts_init(struct event_reactor_opts *opts)
{
	memset(opts, 0, sizeof(*opts));
	/* About what a wake-up across CPUs costs. */
	opts->spin_max_us = 200;
	/* A wake-up by a timer costs up to 50 us in a virtual machine: twenty of them per second are 0.1 % of a core. */
	opts->idle_poll_max_us = 100000;
}

/* ---- making and freeing ---- */

void
event_reactor_free(struct event_reactor *reactor)
{
	if (reactor == NULL) {
		return;
	}
	event_reactor_events_discard(reactor);
	event_reactor_sleep_fini(reactor);
	free(reactor);
}

struct event_reactor *
event_reactor_make(uint32_t lcore)
{
	struct event_reactor *reactor;
	size_t size = SPDK_ALIGN_CEIL(sizeof(*reactor), SPDK_CACHE_LINE_SIZE);

	reactor = aligned_alloc(SPDK_CACHE_LINE_SIZE, size);
	if (reactor == NULL) {
		return NULL;
	}
	memset(reactor, 0, size);
	reactor->lcore = lcore;
	reactor->timer_fd = -1;
	TAILQ_INIT(&reactor->threads);
	msg_queue_init(&reactor->events, NULL);
	if (event_reactor_sleep_init(reactor) != 0) {
		free(reactor);
		return NULL;
	}
	return reactor;
}

static void
free_reactors(void)
{
	uint32_t i;

	for (i = 0; g_reactors.by_core != NULL && i < g_reactors.core_count; i++) {
		event_reactor_free(g_reactors.by_core[i]);
	}
	free(g_reactors.by_core);
	env_mutex_destroy(&g_reactors.place_lock);
	memset(&g_reactors, 0, sizeof(g_reactors));
}

static uint64_t
us_to_ticks(uint64_t us)
{
	return us * spdk_get_ticks_hz() / SPDK_SEC_TO_USEC;
}

static int
make_reactors(const struct event_reactor_opts *opts)
{
	uint32_t core;

	event_reactor_opts_init(&g_reactors.opts);
	if (opts != NULL) {
		g_reactors.opts = *opts;
	}
	g_reactors.spin_max = us_to_ticks(g_reactors.opts.spin_max_us);
	g_reactors.idle_poll_max = us_to_ticks(g_reactors.opts.idle_poll_max_us);
	g_reactors.fds_interval = us_to_ticks(REACTOR_FDS_INTERVAL_US);
	g_reactors.last_placed = spdk_env_get_last_core();
	g_reactors.core_count = spdk_env_get_last_core() + 1;
	g_reactors.by_core = calloc(g_reactors.core_count, sizeof(g_reactors.by_core[0]));
	if (g_reactors.by_core == NULL) {
		return -ENOMEM;
	}
	spdk_cpuset_zero(&g_reactors.cpus);
	SPDK_ENV_FOREACH_CORE (core) {
		g_reactors.by_core[core] = event_reactor_make(core);
		if (g_reactors.by_core[core] == NULL) {
			SPDK_ERRLOG("Cannot make the reactor of CPU %u\n", core);
			return -ENOMEM;
		}
		spdk_cpuset_set_cpu(&g_reactors.cpus, core, true);
	}
	return 0;
}

int
event_reactors_init(const struct event_reactor_opts *opts)
{
	size_t msg_pool_size;
	int rc;

	if (g_reactors.initialized) {
		SPDK_ERRLOG("The reactors are initialised already\n");
		return -EALREADY;
	}
	rc = env_mutex_init(&g_reactors.place_lock);
	if (rc != 0) {
		return rc;
	}
	rc = make_reactors(opts);
	if (rc != 0) {
		free_reactors();
		return rc;
	}

	msg_pool_size = g_reactors.opts.msg_pool_size;
	if (msg_pool_size == 0) {
		msg_pool_size =
			spdk_max((size_t)SPDK_DEFAULT_MSG_MEMPOOL_SIZE, 4096 * (size_t)spdk_env_get_core_count());
	}
	rc = spdk_thread_lib_init_ext(event_reactor_thread_op, event_reactor_thread_op_supported,
		sizeof(struct reactor_thread), msg_pool_size);
	if (rc != 0) {
		free_reactors();
		return rc;
	}
	g_reactors.initialized = true;
	return 0;
}

void
event_reactors_fini(void)
{
	if (!g_reactors.initialized) {
		return;
	}
	/* First, because threads that are still there know their reactor. */
	spdk_thread_lib_fini();
	env_mutex_lock(&g_lock);
	free_reactors();
	env_mutex_unlock(&g_lock);
}

/* ---- the loop ---- */

void
event_reactor_iterate(struct event_reactor *reactor)
{
	bool busy = event_reactor_events_run(reactor) > 0;

	if (event_reactor_threads_poll(reactor) || busy) {
		reactor->tsc_busy = reactor->tsc_last;
		event_reactor_after_work(reactor);
	} else {
		event_reactor_after_idle(reactor);
	}
}

void
event_reactor_finish(struct event_reactor *reactor)
{
	reactor->stopping = true;
	while (!TAILQ_EMPTY(&reactor->threads) || msg_queue_has_msgs(&reactor->events)) {
		/* Again in every round: a thread may arrive while others exit. */
		event_reactor_threads_exit(reactor);
		event_reactor_iterate(reactor);
	}
}

static int
run_reactor(void *arg)
{
	struct event_reactor *reactor = arg;
	char name[16];

	snprintf(name, sizeof(name), "reactor_%u", reactor->lcore);
	env_thread_set_name(name);
	g_current_reactor = reactor;
	atomic_store(&reactor->tid, spdk_get_tid());
	/* Short sleeps must end in time; the system's default slack is 50 us. */
	prctl(PR_SET_TIMERSLACK, 1000);

	reactor->stopping = false;
	reactor->tsc_last = spdk_get_ticks();
	reactor->tsc_busy = reactor->tsc_last;
	while (!atomic_load_explicit(&g_reactors.stop, memory_order_relaxed)) {
		event_reactor_iterate(reactor);
	}
	event_reactor_finish(reactor);
	g_current_reactor = NULL;
	return 0;
}

/* Threads that were placed on a reactor after it had ended. */
static void
finish_latecomers(void)
{
	uint32_t core;
	bool again;

	do {
		again = false;
		SPDK_ENV_FOREACH_CORE (core) {
			g_current_reactor = g_reactors.by_core[core];
			if (msg_queue_has_msgs(&g_current_reactor->events)) {
				event_reactor_finish(g_current_reactor);
				again = true;
			}
		}
	} while (again);
	g_current_reactor = NULL;
}

int
event_reactors_launch(void)
{
	uint32_t core, main_core = spdk_env_get_current_core();
	int rc = 0;

	if (event_reactor_get(main_core) == NULL) {
		SPDK_ERRLOG("The calling system thread is not one of the environment's CPUs\n");
		return -EINVAL;
	}
	SPDK_ENV_FOREACH_CORE (core) {
		if (core == main_core) {
			continue;
		}
		rc = spdk_env_thread_launch_pinned(core, run_reactor, g_reactors.by_core[core]);
		if (rc != 0) {
			SPDK_ERRLOG("Cannot start the reactor of CPU %u: %s\n", core, strerror(abs(rc)));
			event_reactors_stop();
			break;
		}
	}
	return rc;
}

void
event_reactors_join(void)
{
	spdk_env_thread_wait_all();
	finish_latecomers();
	atomic_store(&g_reactors.stop, false);
}

int
event_reactors_run(void)
{
	struct event_reactor *reactor = event_reactor_get(spdk_env_get_current_core());
	int rc = event_reactors_launch();

	if (reactor != NULL) {
		run_reactor(reactor);
		event_reactors_join();
	}
	return rc;
}

bool
event_reactors_are_stopping(void)
{
	return atomic_load(&g_reactors.stop);
}

void
event_reactors_stop(void)
{
	uint32_t i;

	/* Whoever asked for the end may still be here when the end has come. */
	ENV_MUTEX_SCOPE(&g_lock);

	atomic_store(&g_reactors.stop, true);
	for (i = 0; i < g_reactors.core_count; i++) {
		if (g_reactors.by_core[i] != NULL) {
			thread_waker_wake(g_reactors.by_core[i]->host.waker);
		}
	}
}

/* ---- questions ---- */

bool
event_reactors_are_initialized(void)
{
	return g_reactors.initialized;
}

const struct spdk_cpuset *
event_reactors_get_cpuset(void)
{
	return &g_reactors.cpus;
}

struct event_reactor *
event_reactor_get(uint32_t lcore)
{
	return lcore < g_reactors.core_count ? g_reactors.by_core[lcore] : NULL;
}

struct event_reactor *
event_reactor_set_current(struct event_reactor *reactor)
{
	struct event_reactor *before = g_current_reactor;

	g_current_reactor = reactor;
	return before;
}

struct event_reactor *
event_reactor_get_current(void)
{
	return g_current_reactor;
}

uint32_t
event_reactor_get_lcore(const struct event_reactor *reactor)
{
	return reactor->lcore;
}

void
event_reactor_get_stats(const struct event_reactor *reactor, struct event_reactor_stats *stats)
{
	stats->busy_tsc = atomic_load_explicit(&reactor->busy_tsc, memory_order_relaxed);
	stats->idle_tsc = atomic_load_explicit(&reactor->idle_tsc, memory_order_relaxed);
	stats->asleep_tsc = atomic_load_explicit(&reactor->asleep_tsc, memory_order_relaxed);
	stats->sleeps = atomic_load_explicit(&reactor->sleeps, memory_order_relaxed);
	stats->tid = atomic_load_explicit(&reactor->tid, memory_order_relaxed);
	stats->in_interrupt = spdk_interrupt_mode_is_enabled();
}
