/* SPDX-License-Identifier: BSD-3-Clause */

/* The threads of a reactor: which reactor gets one, and polling them. */

#include "lib/event/reactor_internal.h"

static struct spdk_thread *
spdk_thread_of(struct reactor_thread *rthread)
{
	return spdk_thread_get_from_ctx(rthread);
}

/* ---- placement ---- */

static uint32_t
next_core(uint32_t core)
{
	core = spdk_env_get_next_core(core);
	return core != UINT32_MAX ? core : spdk_env_get_first_core();
}

/* The next CPU in turn that the mask allows; if the mask allows none that has a reactor, just the next. */
static uint32_t
choose_core(const struct spdk_cpuset *mask)
{
	uint32_t core, first, i, count = spdk_env_get_core_count();

	ENV_MUTEX_SCOPE(&g_reactors.place_lock);

	first = next_core(g_reactors.last_placed);
	for (core = first, i = 0; i < count; core = next_core(core), i++) {
		if (spdk_cpuset_get_cpu(mask, core)) {
			break;
		}
	}
	if (i == count) {
		core = first;
	}
	g_reactors.last_placed = core;
	return core;
}

void
event_reactor_adopt(struct event_reactor *reactor, struct spdk_thread *thread)
{
	struct reactor_thread *rthread = spdk_thread_get_ctx(thread);

	rthread->reactor = reactor;
	rthread->placed_tsc = spdk_get_ticks();
	TAILQ_INSERT_TAIL(&reactor->threads, rthread, link);
	reactor->thread_count++;
	thread_host_attach(&reactor->host, thread);
}

/* An event on the reactor that the thread was given to. */
static void
arrive(void *arg1, void *arg2)
{
	event_reactor_adopt(event_reactor_get_current(), spdk_thread_of(arg1));
}

static int
place(struct spdk_thread *thread)
{
	struct spdk_event *event;

	event = spdk_event_allocate(
		choose_core(spdk_thread_get_cpumask(thread)), arrive, spdk_thread_get_ctx(thread), NULL);
	if (event == NULL) {
		return -ENOMEM;
	}
	spdk_event_call(event);
	return 0;
}

static void
leave(struct event_reactor *reactor, struct reactor_thread *rthread)
{
	struct spdk_thread *thread = spdk_thread_of(rthread);

	event_reactor_unwatch(reactor, thread);
	thread_host_detach(thread);
	TAILQ_REMOVE(&reactor->threads, rthread, link);
	reactor->thread_count--;
	rthread->reactor = NULL;
}

static void
move(struct event_reactor *reactor, struct reactor_thread *rthread)
{
	struct spdk_thread *thread = spdk_thread_of(rthread);
	struct spdk_event *event;

	atomic_store(&rthread->resched, false);
	event = spdk_event_allocate(choose_core(spdk_thread_get_cpumask(thread)), arrive, rthread, NULL);
	if (event == NULL) {
		SPDK_ERRLOG("Thread %s stays on CPU %u\n", spdk_thread_get_name(thread), reactor->lcore);
		return;
	}
	leave(reactor, rthread);
	spdk_event_call(event);
}

int
event_reactor_thread_op(struct spdk_thread *thread, enum spdk_thread_op op)
{
	struct reactor_thread *rthread = spdk_thread_get_ctx(thread);

	switch (op) {
	case SPDK_THREAD_OP_NEW:
		return place(thread);
	case SPDK_THREAD_OP_RESCHED:
		if (!spdk_thread_is_bound(thread)) {
			atomic_store(&rthread->resched, true);
		}
		return 0;
	}
	return -ENOTSUP;
}

bool
event_reactor_thread_op_supported(enum spdk_thread_op op)
{
	return op == SPDK_THREAD_OP_NEW || op == SPDK_THREAD_OP_RESCHED;
}

/* ---- polling ---- */

/* Whether nothing is to be expected of an exited thread any more. At the end its leftover pollers do not count. */
static bool
is_over(struct spdk_thread *thread)
{
	if (spdk_likely(!spdk_thread_is_exited(thread))) {
		return false;
	}
	if (atomic_load(&g_reactors.stop)) {
		return !thread_has_msgs(thread);
	}
	return spdk_thread_is_idle(thread);
}

static void
after_poll(struct event_reactor *reactor, struct reactor_thread *rthread)
{
	struct spdk_thread *thread = spdk_thread_of(rthread);

	if (is_over(thread)) {
		leave(reactor, rthread);
		spdk_thread_destroy(thread);
	} else if (spdk_unlikely(atomic_load_explicit(&rthread->resched, memory_order_relaxed)) &&
		!atomic_load(&g_reactors.stop)) {
		move(reactor, rthread);
	}
}

bool
event_reactor_threads_poll(struct event_reactor *reactor)
{
	struct reactor_thread *rthread, *next;
	struct spdk_thread *thread;
	uint64_t now;
	bool busy = false;
	int rc;

	if (TAILQ_EMPTY(&reactor->threads)) {
		now = spdk_get_ticks();
		reactor_count(&reactor->idle_tsc, now - reactor->tsc_last);
		reactor->tsc_last = now;
		return false;
	}
	TAILQ_FOREACH_SAFE (rthread, &reactor->threads, link, next) {
		thread = spdk_thread_of(rthread);
		rc = spdk_thread_poll(thread, 0, reactor->tsc_last);
		now = spdk_thread_get_last_tsc(thread);
		if (rc == 0) {
			reactor_count(&reactor->idle_tsc, now - reactor->tsc_last);
		} else {
			reactor_count(&reactor->busy_tsc, now - reactor->tsc_last);
			busy = true;
		}
		reactor->tsc_last = now;
		after_poll(reactor, rthread);
	}
	return busy;
}

void
event_reactor_threads_exit(struct event_reactor *reactor)
{
	struct reactor_thread *rthread;
	struct spdk_thread *thread;

	TAILQ_FOREACH (rthread, &reactor->threads, link) {
		thread = spdk_thread_of(rthread);
		if (!spdk_thread_is_running(thread)) {
			continue;
		}
		if (!spdk_thread_is_app_thread(thread)) {
			SPDK_ERRLOG("spdk_thread_exit() was not called on thread '%s'\n", spdk_thread_get_name(thread));
			SPDK_ERRLOG("This will result in a non-zero exit code in a future release.\n");
		}
		spdk_set_thread(thread);
		spdk_thread_exit(thread);
		spdk_set_thread(NULL);
	}
}

void
event_reactor_for_each_thread(struct event_reactor *reactor, event_reactor_thread_fn fn, void *ctx)
{
	struct reactor_thread *rthread, *next;
	uint64_t now = spdk_get_ticks();

	assert(reactor == event_reactor_get_current());
	TAILQ_FOREACH_SAFE (rthread, &reactor->threads, link, next) {
		fn(ctx, spdk_thread_of(rthread), now - rthread->placed_tsc);
	}
}
