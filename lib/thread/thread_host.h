/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What lib/thread offers to the loop that polls threads (a reactor, the simulator) beyond spdk/thread.h: when a thread
 * wants to run next, how to be woken for it, and when its file descriptors are served.
 */

#ifndef THREAD_HOST_H
#define THREAD_HOST_H

#include "spdk/stdinc.h"
#include "spdk/thread.h"

#include <stdatomic.h>

/*
 * How to wake a loop that sleeps. The loop sets asleep to 1, then looks at its queues once more, then sleeps; a
 * sender first queues and then looks at asleep. All four accesses are sequentially consistent, so that either the
 * loop sees the message or the sender sees the flag. The sender that changes the flag to 0 writes the eventfd: one
 * system call per sleep, none while the loop is awake.
 */
struct thread_waker {
	_Atomic uint32_t asleep;
	/* An eventfd. The loop watches it edge-triggered, so that nobody needs to read it. */
	int fd;
	struct thread_waker *next_free;
	struct thread_waker *next_made;
};

/* A waker that is not asleep; NULL without memory or descriptors. */
struct thread_waker *thread_waker_get(void);
/* Gives it back. Its descriptor stays open for the next; nobody may watch it any more. */
void thread_waker_put(struct thread_waker *waker);

/* Wakes the loop if it sleeps. Any system thread, and signal handlers. */
void thread_waker_wake(struct thread_waker *waker);

struct thread_host {
	/* NULL if it never sleeps. */
	struct thread_waker *waker;
	/* A thread that is attached has got an fd group: the host adds this descriptor to what it waits for. */
	void (*watch)(struct thread_host *host, struct spdk_thread *thread, int fd);
};

/* A tick that never comes. */
#define THREAD_NEVER UINT64_MAX

/*
 * Puts the thread under the care of a host: its senders wake the host, and the host, not spdk_thread_poll(), decides
 * when its file descriptors are served. Called by the system thread that polls the thread from now on.
 */
void thread_host_attach(struct thread_host *host, struct spdk_thread *thread);

/* The thread has no host any more. By the system thread that polled it. Its fd must not be watched any more. */
void thread_host_detach(struct spdk_thread *thread);

/* The descriptor that becomes readable when an fd of the thread is ready; -1 if it has none (yet). */
int thread_get_watch_fd(struct spdk_thread *thread);

/* True if the thread has handlers that only run when its descriptors are served. */
bool thread_has_interrupts(const struct spdk_thread *thread);

/* Runs the handlers of the descriptors that are ready, without waiting. Returns how many were, or a negative errno. */
int thread_serve_fds(struct spdk_thread *thread, uint64_t now);

/*
 * When the thread wants to be polled next, if no descriptor and no message comes first: now if it has work or
 * pollers that must spin, THREAD_NEVER if only events can give it work. idle_poll_max bounds the pause between two
 * polls of pollers that cannot be woken, in ticks.
 */
uint64_t thread_get_deadline(struct spdk_thread *thread, uint64_t now, uint64_t idle_poll_max);

/* True if a message waits for the thread. By the polling system thread. */
bool thread_has_msgs(struct spdk_thread *thread);

/* spdk_get_io_channel(), for a function that stands between it and its user; caller: where that was called from. */
struct spdk_io_channel *thread_io_channel_get(void *io_device, const void *caller);

/* In strict mode: reports the channels that keep devices which were unregistered. Any thread. */
void thread_strict_report_kept_devices(void);

/* Gets a channel of the calling thread once more; it has at least one user. */
void thread_io_channel_hold(struct spdk_io_channel *ch);

/* Adds time to the thread's idle time: its share of the host's sleep. */
void thread_add_idle(struct spdk_thread *thread, uint64_t ticks);

#endif /* THREAD_HOST_H */
