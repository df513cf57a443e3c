/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What the files of lib/thread share.
 *
 * Who owns what: a spdk_thread's pollers, interrupts and message cache belong to the system thread that polls it at the
 * moment. The list of threads, the registry of io_devices and every thread's tree of channels are under
 * g_thread_lib.lock, because for_each looks at all of them. No callback runs under that lock.
 */

#ifndef THREAD_INTERNAL_H
#define THREAD_INTERNAL_H

#include "spdk/stdinc.h"
#include "spdk/cpuset.h"
#include "spdk/env.h"
#include "spdk/fd_group.h"
#include "spdk/likely.h"
#include "spdk/queue.h"
#include "spdk/thread.h"
#include "spdk/tree.h"
#include "spdk/util.h"

#include "lib/env/env_internal.h"
#include "lib/thread/msg_queue.h"
#include "lib/thread/thread_host.h"

#define THREAD_NAME_MAX 256
#define THREAD_MSG_BATCH 8
#define THREAD_POST_POLLER_MAX 4
#define THREAD_EXIT_TIMEOUT_SEC 5

/* ---- messages: message.c, msg_pool.c ---- */

struct thread_msg {
	struct msg_link link;
	spdk_msg_fn fn;
	void *arg;
	/* Goes back to a cache when it has been received; otherwise it is a part of what it is about. */
	bool pooled;
};

/* Magazines of free messages; see msg_pool.c. */
struct msg_cache {
	struct thread_msg *loaded;
	struct thread_msg *spare;
	uint32_t loaded_count;
};

int thread_msg_pool_init(size_t count);
void thread_msg_pool_fini(void);
/* A message from the cache, or from the pool for a sender without (cache NULL). NULL when the pool is empty. */
struct thread_msg *thread_msg_get(struct msg_cache *cache);
void thread_msg_put(struct msg_cache *cache, struct thread_msg *msg);
/* Gives all of the cache back to the pool. */
void thread_msg_cache_drain(struct msg_cache *cache);

/* Prepares a message that lies inside another object; it may be queued once at a time. */
static inline void
thread_msg_init(struct thread_msg *msg, spdk_msg_fn fn, void *arg)
{
	msg->fn = fn;
	msg->arg = arg;
	msg->pooled = false;
}

/* Queues a message of thread_msg_init(); needs no memory. 0, or -EIO if the thread is exited. */
int thread_msg_send(struct spdk_thread *thread, struct thread_msg *msg);
/* The same for a thread that may be destroyed: -EIO then, too. */
int thread_msg_send_to_id(uint64_t id, struct thread_msg *msg);
/* Runs up to max of the messages that are there now. Returns how many. */
uint32_t thread_msgs_run(struct spdk_thread *thread, uint32_t max);
uint32_t thread_msgs_run_with(
	struct spdk_thread *thread, uint32_t max, void (*run)(struct spdk_thread *thread, spdk_msg_fn fn, void *arg));
/* Runs a pending critical message. Returns 1 if there was one. */
int thread_critical_msg_run(struct spdk_thread *thread);
/* Disposes of what nobody will receive any more. */
void thread_msgs_discard(struct spdk_thread *thread);

/* ---- pollers: poller.c ---- */

enum poller_state {
	POLLER_WAITING,
	/* Unregistered while its function runs; freed when that returns. */
	POLLER_UNREGISTERED,
	/* To be moved to the paused ones when it is its turn. */
	POLLER_PAUSING,
	POLLER_PAUSED,
};

struct spdk_poller {
	TAILQ_ENTRY(spdk_poller) link;
	RB_ENTRY(spdk_poller) node;
	enum poller_state state;
	/* Its function is on the stack. */
	bool running;
	/* Counted in spdk_thread.spinning_pollers. */
	bool counted_spinning;
	/* Its function has set due for the time after it returns. */
	bool due_is_set;
	/* The owner drives it in interrupt mode, so that it is not polled then. */
	bool driven;
	/* -1 if nothing tells when there is work for it. */
	int wakeup_fd;

	/* Ticks; 0 for an active poller. */
	uint64_t period;
	uint64_t due;
	/* Order among equal due times: that of being queued. */
	uint64_t due_seq;

	spdk_poller_fn fn;
	void *arg;
	/* In strict mode fn watches this one. */
	spdk_poller_fn strict_fn;
	void *strict_arg;
	struct spdk_thread *thread;
	uint64_t run_count;
	uint64_t busy_count;
	uint64_t id;

	/* The last change of mode that its owner was told of. */
	uint32_t mode_change;
	spdk_poller_set_interrupt_mode_cb set_mode_cb;
	void *set_mode_arg;
	char name[];
};

RB_HEAD(poller_tree, spdk_poller);
TAILQ_HEAD(poller_list, spdk_poller);

struct post_poller_handler {
	spdk_post_poller_fn fn;
	void *arg;
};

RB_PROTOTYPE(poller_tree, spdk_poller, node, thread_poller_compare);
int thread_poller_compare(struct spdk_poller *a, struct spdk_poller *b);

/* Runs all active pollers once; rc is the largest result, at least 0. */
int thread_active_pollers_run(struct spdk_thread *thread);
/* Runs the timed pollers that are due at now. */
int thread_timed_pollers_run(struct spdk_thread *thread, uint64_t now);
/* Brings the thread's count of pollers that need polling into line with the poller's state. */
void thread_poller_recount(struct spdk_poller *poller);
/* The thread has changed its mode: tells the pollers' owners. */
void thread_pollers_set_interrupt_mode(struct spdk_thread *thread, bool interrupt);
/* Frees what is left when the thread is destroyed. */
void thread_pollers_free(struct spdk_thread *thread);

/* ---- threads: thread.c, thread_poll.c, lib.c ---- */

enum thread_state {
	THREAD_RUNNING,
	THREAD_EXITING,
	THREAD_EXITED,
};

struct io_device;
struct spdk_io_channel;

RB_HEAD(io_channel_tree, spdk_io_channel);
RB_HEAD(io_device_tree, io_device);
TAILQ_HEAD(thread_list, spdk_thread);

/* A walk over the channels of a device, or (channel_fn NULL) over all threads. */
struct spdk_io_channel_iter {
	void *io_device;
	/* NULL if io_device is not registered. */
	struct io_device *dev;
	void *ctx;
	spdk_channel_msg channel_fn;
	spdk_channel_for_each_cpl channel_cpl;
	spdk_msg_fn thread_fn;
	spdk_msg_fn thread_cpl;
	int status;
	/* In memory of whoever asked for it. */
	bool foreign;
	/* The thread that asked. By its id, because it may be exited by force and destroyed before the walk ends. */
	uint64_t orig_thread_id;
	/* The visit in progress. */
	struct spdk_thread *cur_thread;
	struct spdk_io_channel *ch;
	/* Id of the thread that was visited last. */
	uint64_t position;
	/* A walk has one message on its way at any time; since that is a part of it, a walk cannot fail half-way. */
	struct thread_msg msg;
};

struct spdk_thread {
	/* What each poll touches. */
	struct msg_queue msgs;
	_Atomic(spdk_msg_fn) critical_msg;
	uint64_t tsc_last;
	/* Due tick of the earliest timed poller, THREAD_NEVER if there is none. */
	uint64_t next_due;
	struct poller_list active_pollers;
	/* The poller that the running pass over the active pollers looks at next. */
	struct spdk_poller *active_cursor;
	_Atomic uint32_t state;
	bool in_interrupt;
	bool hosted;
	/* Its callbacks are watched. */
	bool strict;
	/* spdk_thread_poll() has nothing to look at: hosted, and not strict. */
	bool plain;
	uint8_t post_poller_count;
	uint32_t lock_count;
	/* Pollers that must be polled because nothing else says when they have work. */
	uint32_t spinning_pollers;
	struct spdk_thread_stats stats;
	const uint64_t *io_counter;
	_Atomic(struct thread_waker *) waker;
	struct msg_cache msg_cache;

	/* Backoff of the spinning pollers: when the thread became idle, when it is polled next. */
	uint64_t idle_since;
	/* Last time that its descriptors were served. */
	uint64_t fds_served;
	struct spdk_fd_group *fgrp;
	uint32_t interrupt_count;
	LIST_HEAD(, spdk_interrupt) interrupts;
	struct thread_host *host;

	struct poller_tree timed_pollers;
	struct poller_list paused_pollers;
	uint64_t timed_seq;
	uint64_t next_poller_id;
	struct post_poller_handler post_poller[THREAD_POST_POLLER_MAX];

	/* Counts changes of mode. */
	uint32_t mode_change;
	/* Without a host in interrupt mode: what makes the thread's fd group readable. */
	struct thread_waker *self_waker;
	int timer_fd;
	uint64_t timer_armed;

	/* What keeps an exiting thread from being exited. */
	uint64_t exit_timeout;
	/* It stood still when its time ran out, and has got more. */
	bool exit_extended;
	uint32_t for_each_count;
	uint32_t unregister_count;

	/* Under g_thread_lib.lock. */
	struct io_channel_tree channels;
	TAILQ_ENTRY(spdk_thread) link;

	/* For one walk when there is no memory; NULL while it is in use. */
	struct spdk_io_channel_iter *reserve_walk;

	bool bound;
	/* Owner of its trace points, 0 if it is none. */
	uint16_t trace_id;
	uint64_t id;
	struct spdk_cpuset cpumask;
	char name[THREAD_NAME_MAX + 1];
	/* The framework's. */
	uint8_t ctx[] __attribute__((aligned(SPDK_CACHE_LINE_SIZE)));
};

struct thread_lib {
	struct env_mutex lock;
	struct thread_list threads;
	struct io_device_tree io_devices;
	uint64_t last_id;
	_Atomic uint32_t thread_count;
	bool initialized;
	bool interrupt_enabled;
	_Atomic(struct spdk_thread *) app_thread;

	spdk_new_thread_fn new_thread_fn;
	spdk_thread_op_fn op_fn;
	spdk_thread_op_supported_fn op_supported_fn;
	size_t ctx_size;
};

extern struct thread_lib g_thread_lib;

/* The thread whose code the calling system thread runs. */
extern __thread struct spdk_thread *g_thread_current __attribute__((tls_model("initial-exec")));

static inline struct spdk_thread *
thread_current(void)
{
	return g_thread_current;
}

static inline enum thread_state
thread_state(const struct spdk_thread *thread)
{
	return (enum thread_state)atomic_load_explicit(
		(_Atomic uint32_t *)(uintptr_t)&thread->state, memory_order_acquire);
}

/* A function of the thread's user has returned: it must not keep a spdk_spinlock. */
void thread_fail_locks_held(const struct spdk_thread *thread);

static inline void
thread_check_locks(const struct spdk_thread *thread)
{
	if (spdk_unlikely(thread->lock_count != 0)) {
		thread_fail_locks_held(thread);
	}
}

/* Frees an exited thread that is not in the list any more. */
void thread_free(struct spdk_thread *thread);
/* Makes an exiting thread exited if nothing holds it back any more. */
void thread_try_exit(struct spdk_thread *thread, uint64_t now);
/* One pass: messages, active pollers, timed pollers. */
int thread_pass(struct spdk_thread *thread, uint32_t max_msgs, uint64_t now);
/* The same, with a function that calls those of the messages. */
typedef void (*thread_run_message_fn)(struct spdk_thread *thread, spdk_msg_fn fn, void *arg);
int thread_pass_with(struct spdk_thread *thread, uint32_t max_msgs, uint64_t now, thread_run_message_fn run);
/* The oldest thread whose id is greater than id; under the lock. */
struct spdk_thread *thread_find_after(uint64_t id);

/* ---- descriptors: interrupt.c ---- */

/* The thread's fd group, made when it is asked for first. NULL if that fails. */
struct spdk_fd_group *thread_fd_group(struct spdk_thread *thread);
/* Prepares a new thread for interrupt mode if that is enabled. */
int thread_interrupt_init(struct spdk_thread *thread);
void thread_interrupt_fini(struct spdk_thread *thread);
struct env_image;
/* The name of one whose function lies in the image; NULL: there is none. On the thread. */
const char *thread_interrupt_find(struct spdk_thread *thread, const struct env_image *image);
/* After something that may change when the thread wants to run next: sets its timer if it has no host. */
void thread_timer_update(struct spdk_thread *thread);
/* Lets the thread's next pass come soon. The thread must not be able to go meanwhile. */
void thread_notify(struct spdk_thread *thread);

/* ---- io_devices and channels: io_device.c, io_channel.c, for_each.c ---- */

struct io_device {
	RB_ENTRY(io_device) node;
	void *io_device;
	char name[THREAD_NAME_MAX + 1];
	spdk_io_channel_create_cb create_cb;
	spdk_io_channel_destroy_cb destroy_cb;
	spdk_io_device_unregister_cb unregister_cb;
	/* NULL, or says whether a channel without users must live on. */
	bool (*busy_cb)(void *ctx);
	/* The thread that unregisters it. By its id, as it may be exited by force and destroyed before that is done. */
	uint64_t unregister_thread_id;
	uint32_t ctx_size;
	/* Channels that exist. */
	uint32_t refs;
	/* Walks over its channels that are going on. */
	uint32_t for_each_count;
	bool pending_unregister;
	bool unregistered;
	struct thread_msg msg;
};

struct spdk_io_channel {
	struct spdk_thread *thread;
	struct io_device *dev;
	RB_ENTRY(spdk_io_channel) node;
	/* Users. */
	uint32_t ref;
	/* The message that releases it is on its way. */
	bool releasing;
	/* strict.c: struct channel_notes lies before it. */
	bool has_notes;
	/* Asks whether it may go by now. */
	struct spdk_poller *busy_poller;
	struct thread_msg msg;
} __attribute__((aligned(16)));

_Static_assert(
	sizeof(struct spdk_io_channel) <= SPDK_IO_CHANNEL_STRUCT_SIZE, "a channel's context lies at a fixed distance");

RB_PROTOTYPE(io_channel_tree, spdk_io_channel, node, io_channel_compare);
RB_PROTOTYPE(io_device_tree, io_device, node, io_device_compare);
int io_channel_compare(struct spdk_io_channel *a, struct spdk_io_channel *b);
int io_device_compare(struct io_device *a, struct io_device *b);

/* Under the lock: the registered device, NULL if there is none. */
struct io_device *thread_io_device_find(void *io_device);
/* Under the lock: the thread's channel to the device, NULL if it has none. */
struct spdk_io_channel *thread_io_channel_find(struct spdk_thread *thread, struct io_device *dev);
/* Not under the lock: the device is unregistered and has no channel any more. */
void thread_io_device_release(struct io_device *dev);
/* Not under the lock: the last walk over a device that waits to be unregistered has ended. */
void thread_io_device_unregister_deferred(struct io_device *dev);
/* Gives up one channel's hold on its device. */
void thread_io_device_put(struct io_device *dev);
/* The receiver of the message is gone: if it belongs to a walk, the walk goes on without that thread. */
void thread_walk_discard(struct thread_msg *msg);

/* ---- traces: thread_trace.c ---- */

/* Makes the thread an owner of trace points; under the lock. Does nothing without a trace. */
void thread_trace_register_locked(struct spdk_thread *thread);
void thread_trace_unregister(struct spdk_thread *thread);
/* Records that the thread has got or put the channel. */
void thread_trace_channel(uint16_t tpoint_id, struct spdk_thread *thread, const struct spdk_io_channel *ch);

#endif /* THREAD_INTERNAL_H */
