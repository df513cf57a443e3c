/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Reactors: one event loop per CPU of the application's mask, each on a system thread of its own, that polls the
 * spdk_threads placed on it and sleeps while none of them has anything to do.
 *
 * Order of calls: spdk_env_init(), event_reactors_init(), create the app thread, event_reactors_run() (blocks),
 * event_reactors_fini().
 */

#ifndef EVENT_REACTOR_H
#define EVENT_REACTOR_H

#include "spdk/stdinc.h"
#include "spdk/cpuset.h"
#include "spdk/event.h"
#include "spdk/thread.h"

struct event_reactor;

struct event_reactor_opts {
	/* Never sleep: spin on every CPU of the mask. */
	bool poll;
	/* Upper bound of the time that an idle reactor spins before it sleeps. The actual time adapts below it. */
	uint32_t spin_max_us;
	/*
	 * Upper bound of the pause between two polls of pollers that have no file descriptor, report idle and whose
	 * thread has no I/O outstanding.
	 */
	uint32_t idle_poll_max_us;
	/* Messages in flight at most; 0: the larger of SPDK_DEFAULT_MSG_MEMPOOL_SIZE and 4096 per reactor. */
	size_t msg_pool_size;
};

/* Fills in the defaults. */
void event_reactor_opts_init(struct event_reactor_opts *opts);

/*
 * Makes a reactor for each CPU of the environment and initialises the thread library, so that spdk_thread_create()
 * places each new thread on a reactor, round-robin among those that its mask allows. NULL opts: the defaults.
 * Returns 0 or a negative errno.
 */
int event_reactors_init(const struct event_reactor_opts *opts);

/* Ends the thread library and frees the reactors. None may be running. Does nothing if they are not initialised. */
void event_reactors_fini(void);

/*
 * Starts the reactors of the other CPUs and runs that of the calling CPU on the calling system thread, until
 * event_reactors_stop(). Before it returns, all threads are exited (those that did not exit themselves with an error
 * line, the app thread without) and freed, and the other system threads are joined.
 * Returns 0 or a negative errno (then nothing runs).
 */
int event_reactors_run(void);

/*
 * The parts of that, for one who runs the reactor of the calling CPU himself (reactor_hosted.c): starts those of the other
 * CPUs; 0, or a negative errno, and after -EINVAL nothing runs. And the end, after event_reactors_stop() and after the
 * threads of the own one are gone: joins the other system threads.
 */
int event_reactors_launch(void);
void event_reactors_join(void);

/* True from event_reactors_stop() to the end of event_reactors_run() or event_reactors_join(). */
bool event_reactors_are_stopping(void);

/* Asks all reactors to end. May be called on any system thread, also before event_reactors_run(), which then ends. */
void event_reactors_stop(void);

/* True from event_reactors_init() to event_reactors_fini(). */
bool event_reactors_are_initialized(void);

/* The CPUs that have a reactor. */
const struct spdk_cpuset *event_reactors_get_cpuset(void);

/* The reactor of a CPU, NULL if it has none. */
struct event_reactor *event_reactor_get(uint32_t lcore);

/* The reactor that the calling system thread runs, NULL if none. */
struct event_reactor *event_reactor_get_current(void);

uint32_t event_reactor_get_lcore(const struct event_reactor *reactor);

/* ---- Reactors in somebody else's loop ---- */

/*
 * Prepares a reactor to be run by event_reactor_step() on the calling system thread: that of the calling CPU instead of by
 * event_reactors_run(), or with NULL one more that belongs to no CPU and has only the threads that are given to it. NULL
 * without memory or descriptors. Each is to be given back: the former before event_reactors_join(), without threads, the
 * latter when its threads are gone.
 */
struct event_reactor *event_reactor_host(struct event_reactor *reactor);
void event_reactor_unhost(struct event_reactor *reactor);

/* Gives an extra one a thread of bdk_thread_create_unscheduled(). When it is exited, the reactor destroys it. */
void event_reactor_give_thread(struct event_reactor *reactor, struct spdk_thread *thread);
bool event_reactor_has_threads(const struct event_reactor *reactor);

/* Does what there is to do, without waiting. */
void event_reactor_step(struct event_reactor *reactor);
/* From here to the next step the descriptor is readable when, and as soon as, there is more to do. */
void event_reactor_arm(struct event_reactor *reactor);
int event_reactor_get_fd(const struct event_reactor *reactor);
/* Makes it readable if it was armed. */
void event_reactor_wake(struct event_reactor *reactor);

/* Runs the reactor of the calling CPU, asleep in between, until *done is set on it or the reactors are to stop. */
void event_reactor_run_until(struct event_reactor *reactor, const bool *done);
/* The same after event_reactors_stop() until its threads are gone. */
void event_reactor_run_out(struct event_reactor *reactor);

struct event_reactor_stats {
	uint64_t busy_tsc;
	uint64_t idle_tsc; /* asleep included */
	uint64_t asleep_tsc;
	uint64_t sleeps;
	/* The operating system's id of the thread that runs it, 0 before it runs. */
	int tid;
	/* Whether it is driven by file descriptors only (spdk_interrupt_mode_enable()). */
	bool in_interrupt;
};

/* Counters of a reactor. Exact on that reactor (for example in an event), from elsewhere nearly so. */
void event_reactor_get_stats(const struct event_reactor *reactor, struct event_reactor_stats *stats);

/* Called with each thread that is placed on the reactor, in order of arrival, and its ticks since it was placed. */
typedef void (*event_reactor_thread_fn)(void *ctx, struct spdk_thread *thread, uint64_t elapsed_tsc);

/* Visits the threads of the reactor. Only on that reactor: from an event, or from code of one of its threads. */
void event_reactor_for_each_thread(struct event_reactor *reactor, event_reactor_thread_fn fn, void *ctx);

#endif /* EVENT_REACTOR_H */
