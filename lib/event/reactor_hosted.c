/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Reactors that somebody else's loop runs, step by step. In between that loop waits for one descriptor, that of the
 * reactor's epoll set: it has the descriptors of its threads, the eventfd that senders of messages write, and here a timer
 * as well, so that nobody has to be told a time.
 */

#include "lib/event/reactor_internal.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>

/* Turns in one step, so that the other loop gets its turn, too. */
#define STEP_TURNS 16

static int
add_timer(struct event_reactor *reactor)
{
	/* Edge-triggered, as the eventfd: neither is ever read. */
	struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = NULL};

	reactor->timer_deadline = THREAD_NEVER;
	reactor->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (reactor->timer_fd < 0) {
		return -errno;
	}
	if (epoll_ctl(reactor->epfd, EPOLL_CTL_ADD, reactor->timer_fd, &event) != 0) {
		close(reactor->timer_fd);
		reactor->timer_fd = -1;
		return -errno;
	}
	return 0;
}

struct event_reactor *
event_reactor_host(struct event_reactor *reactor)
{
	bool extra = reactor == NULL;
	int rc;

	if (extra) {
		reactor = event_reactor_make(SPDK_ENV_LCORE_ID_ANY);
		if (reactor == NULL) {
			return NULL;
		}
	}
	rc = add_timer(reactor);
	if (rc != 0) {
		SPDK_ERRLOG("Cannot make the timer of a reactor: %s\n", strerror(-rc));
		if (extra) {
			event_reactor_free(reactor);
		}
		return NULL;
	}
	reactor->tsc_last = spdk_get_ticks();
	reactor->tsc_busy = reactor->tsc_last;
	if (!extra) {
		reactor->stopping = false;
		atomic_store(&reactor->tid, spdk_get_tid());
	}
	return reactor;
}

void
event_reactor_unhost(struct event_reactor *reactor)
{
	close(reactor->timer_fd);
	reactor->timer_fd = -1;
	if (reactor->lcore == SPDK_ENV_LCORE_ID_ANY) {
		event_reactor_free(reactor);
	}
}

void
event_reactor_give_thread(struct event_reactor *reactor, struct spdk_thread *thread)
{
	struct spdk_thread *before = spdk_get_thread();

	/* It never goes to another reactor. */
	spdk_set_thread(thread);
	spdk_thread_bind(thread, true);
	spdk_set_thread(before);
	event_reactor_adopt(reactor, thread);
}

bool
event_reactor_has_threads(const struct event_reactor *reactor)
{
	return !TAILQ_EMPTY(&reactor->threads);
}

int
event_reactor_get_fd(const struct event_reactor *reactor)
{
	return reactor->epfd;
}

/* Makes the descriptor readable until the next step. */
static void
ring(struct event_reactor *reactor)
{
	atomic_store(&reactor->host.waker->asleep, 1);
	thread_waker_wake(reactor->host.waker);
}

void
event_reactor_wake(struct event_reactor *reactor)
{
	thread_waker_wake(reactor->host.waker);
}

static void
set_timer(struct event_reactor *reactor, uint64_t deadline)
{
	uint64_t hz = spdk_get_ticks_hz(), now = spdk_get_ticks(), ticks;
	struct itimerspec when = {};

	if (deadline == reactor->timer_deadline && (deadline == THREAD_NEVER || deadline > now)) {
		return;
	}
	reactor->timer_deadline = deadline;
	if (deadline != THREAD_NEVER) {
		ticks = deadline > now ? deadline - now : 0;
		when.it_value.tv_sec = ticks / hz;
		when.it_value.tv_nsec = (ticks % hz) * SPDK_SEC_TO_NSEC / hz;
		/* Zero would disarm it. */
		when.it_value.tv_nsec += when.it_value.tv_sec == 0 && when.it_value.tv_nsec == 0;
	}
	timerfd_settime(reactor->timer_fd, 0, &when, NULL);
}

void
event_reactor_arm(struct event_reactor *reactor)
{
	uint64_t deadline = event_reactor_get_deadline(reactor);

	reactor->armed = true;
	if (deadline <= reactor->tsc_last) {
		ring(reactor);
		return;
	}
	set_timer(reactor, deadline);
	/* As reactor_sleep.c does it: first the flag, then a last look. */
	atomic_store(&reactor->host.waker->asleep, 1);
	if (event_reactor_has_mail(reactor)) {
		event_reactor_wake(reactor);
	}
}

static bool
take_turn(struct event_reactor *reactor)
{
	bool busy = event_reactor_events_run(reactor) > 0;

	if (event_reactor_threads_poll(reactor) || busy) {
		reactor->tsc_busy = reactor->tsc_last;
		return true;
	}
	return false;
}

void
event_reactor_step(struct event_reactor *reactor)
{
	struct event_reactor *before = event_reactor_set_current(reactor);
	uint64_t now = spdk_get_ticks();
	int turns = 0;

	atomic_store(&reactor->host.waker->asleep, 0);
	reactor_count(&reactor->idle_tsc, now - reactor->tsc_last);
	reactor->tsc_last = now;
	if (reactor->armed) {
		/* Takes what has made the descriptor readable. */
		reactor->armed = false;
		event_reactor_look_at_fds(reactor);
	} else {
		event_reactor_look_at_fds_sometimes(reactor);
	}
	while (turns < STEP_TURNS && take_turn(reactor)) {
		turns++;
	}
	event_reactor_set_current(before);
}

void
event_reactor_run_until(struct event_reactor *reactor, const bool *done)
{
	struct event_reactor *before = event_reactor_set_current(reactor);

	reactor->tsc_last = spdk_get_ticks();
	while (!*done && !event_reactors_are_stopping()) {
		event_reactor_iterate(reactor);
	}
	event_reactor_set_current(before);
	/* What it was woken for and has not looked at yet. */
	reactor->armed = true;
}

void
event_reactor_run_out(struct event_reactor *reactor)
{
	struct event_reactor *before = event_reactor_set_current(reactor);

	event_reactor_finish(reactor);
	event_reactor_set_current(before);
}
