/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What the files of the reactors share. A reactor's fields belong to the system thread that runs it, except for the
 * event queue, the waker in its host, and the counters, which others may read.
 */

#ifndef EVENT_REACTOR_INTERNAL_H
#define EVENT_REACTOR_INTERNAL_H

#include "lib/event/reactor.h"

#include "spdk/env.h"
#include "spdk/likely.h"
#include "spdk/log.h"
#include "spdk/queue.h"
#include "spdk/util.h"

#include "lib/env/env_internal.h"
#include "lib/thread/msg_queue.h"
#include "lib/thread/thread_host.h"

#include <stdatomic.h>
#include <sys/prctl.h>

#define EVENT_BATCH 8

/* While there is always something to do, descriptors are looked at no more often than this: a system call each time. */
#define REACTOR_FDS_INTERVAL_US 25

/* The framework's context of a thread. */
struct reactor_thread {
	TAILQ_ENTRY(reactor_thread) link;
	struct event_reactor *reactor;
	/* Its CPU mask has changed: find it a place when its poll has returned. */
	_Atomic bool resched;
	uint64_t placed_tsc;
};

/* What the kernel had counted when the reactor last looked. */
struct reactor_switches {
	uint64_t tsc;
	long voluntary;
	long involuntary;
};

struct event_reactor {
	struct thread_host host;
	uint32_t lcore;
	int epfd;
	/* reactor_hosted.c: ends the wait of somebody else's loop; -1: it is not hosted. */
	int timer_fd;
	uint64_t timer_deadline;
	/* Somebody may have waited for its descriptor since it looked there last. */
	bool armed;
	TAILQ_HEAD(, reactor_thread) threads;
	uint32_t thread_count;
	struct msg_queue events;
	/* It has noticed that it is to stop. */
	bool stopping;

	/* End of the last poll: the time for the next. */
	uint64_t tsc_last;
	/* When there was last something to do. */
	uint64_t tsc_busy;
	/* When the descriptors were last looked at. */
	uint64_t tsc_fds;
	/* How long it spins at present before it sleeps, in ticks. */
	uint64_t spin;
	/* It is spinning now. Spins that may fail before it gives up for a while, and when it tries again. */
	bool spinning;
	int spin_credit;
	uint32_t spin_wins;
	/* Involuntary context switches when the kernel was last asked. */
	long spin_switches;
	uint64_t tsc_spin_retry;
	struct reactor_switches switches;

	_Atomic uint64_t busy_tsc;
	_Atomic uint64_t idle_tsc;
	_Atomic uint64_t sleeps;
	_Atomic uint64_t asleep_tsc;
	_Atomic int tid;
};

struct event_reactors {
	bool initialized;
	struct event_reactor_opts opts;
	struct spdk_cpuset cpus;
	/* By CPU. */
	struct event_reactor **by_core;
	uint32_t core_count;
	_Atomic bool stop;

	/* Options, in ticks. */
	uint64_t spin_max;
	uint64_t idle_poll_max;
	uint64_t fds_interval;

	/* The CPU that got the last thread. */
	struct env_mutex place_lock;
	uint32_t last_placed;
};

extern struct event_reactors g_reactors;

/* Threads of this process that have no other place to look at write these. */
static inline void
reactor_count(_Atomic uint64_t *counter, uint64_t ticks)
{
	uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);

	atomic_store_explicit(counter, value + ticks, memory_order_relaxed);
}

/* reactor.c: a reactor that no CPU has; NULL without memory or descriptors. */
struct event_reactor *event_reactor_make(uint32_t lcore);
void event_reactor_free(struct event_reactor *reactor);
/* One turn: polls what it has, and perhaps sleeps. */
void event_reactor_iterate(struct event_reactor *reactor);
/* Lets its threads come to their end. */
void event_reactor_finish(struct event_reactor *reactor);
/* Makes it the one that the calling system thread runs; NULL: none. Returns the one before. */
struct event_reactor *event_reactor_set_current(struct event_reactor *reactor);

/* reactor_event.c: runs a batch of events. Returns how many. */
uint32_t event_reactor_events_run(struct event_reactor *reactor);
void event_reactor_events_discard(struct event_reactor *reactor);

/* reactor_thread.c */
int event_reactor_thread_op(struct spdk_thread *thread, enum spdk_thread_op op);
bool event_reactor_thread_op_supported(enum spdk_thread_op op);
/* The reactor polls the thread from now on. */
void event_reactor_adopt(struct event_reactor *reactor, struct spdk_thread *thread);
/* Polls each thread once. Returns true if one had something to do. */
bool event_reactor_threads_poll(struct event_reactor *reactor);
/* Makes the threads that are still running exit. */
void event_reactor_threads_exit(struct event_reactor *reactor);

/* reactor_sleep.c */
int event_reactor_sleep_init(struct event_reactor *reactor);
void event_reactor_sleep_fini(struct event_reactor *reactor);
/* After an iteration with work. */
void event_reactor_after_work(struct event_reactor *reactor);
/* After an iteration without: spins on or sleeps. */
void event_reactor_after_idle(struct event_reactor *reactor);
/* Looks at the descriptors without waiting. */
void event_reactor_look_at_fds(struct event_reactor *reactor);
/* The same if there may be handlers to run, and it was not just done. */
void event_reactor_look_at_fds_sometimes(struct event_reactor *reactor);
/* When it wants to run again if nothing comes; tsc_last or less: now. */
uint64_t event_reactor_get_deadline(struct event_reactor *reactor);
/* What senders may have queued while they thought that the reactor was awake. */
bool event_reactor_has_mail(struct event_reactor *reactor);
/* Stops to wait for the thread's descriptors. */
void event_reactor_unwatch(struct event_reactor *reactor, struct spdk_thread *thread);

/* context_switch.c: once a second, and only if somebody wants to know. */
void event_context_switch_check(struct event_reactor *reactor);

#endif /* EVENT_REACTOR_INTERNAL_H */
