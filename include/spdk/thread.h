/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Threads, messages, pollers, interrupts, I/O devices and their channels, a checked lock, and buffer pools.
 *
 * A spdk_thread is not a thread of the operating system: it is a queue of messages and a set of pollers that some
 * system thread runs by calling spdk_thread_poll(), one system thread at a time. spdk_app_start() does that on its
 * reactors; a program that has a loop of its own may do it itself. State that belongs to one spdk_thread needs no
 * lock; what others want of it they ask for with a message.
 *
 * "On an SPDK thread" below means: in code that is called by the polling of a spdk_thread, or after
 * spdk_set_thread(). Functions return 0 or a negative errno where nothing else is said.
 */

#ifndef SPDK_THREAD_H
#define SPDK_THREAD_H

#include "spdk/config.h"
#include "spdk/fd_group.h"
#include "spdk/stdinc.h"
#include "spdk/assert.h"
#include "spdk/cpuset.h"
#include "spdk/env.h"
#include "spdk/util.h"
#include "spdk/likely.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spdk_fd_group;
struct spdk_event_handler_opts;
struct spdk_interrupt;
struct spdk_io_channel;
struct spdk_io_channel_iter;
struct spdk_poller;
struct spdk_ring;
struct spdk_spinlock_internal;
struct spdk_thread;

/* ---- The library ---- */

/* Messages that may be in flight at once unless spdk_thread_lib_init_ext() says otherwise. */
#define SPDK_DEFAULT_MSG_MEMPOOL_SIZE (262144 - 1)

/* Upper bound of the free messages that a thread keeps for itself. */
#define SPDK_MSG_MEMPOOL_CACHE_SIZE 1024

/* What the library asks of the framework that runs its threads. */
enum spdk_thread_op {
	/* A thread was created: see to it that it is polled. */
	SPDK_THREAD_OP_NEW = 0,
	/* A thread's CPU mask has changed (or, in interrupt mode without a reactor, it has exited): look at it. */
	SPDK_THREAD_OP_RESCHED = 1,
};

/* Told of a new thread, on the system thread that creates it. Not 0 refuses it; spdk_thread_create() then fails. */
typedef int (*spdk_new_thread_fn)(struct spdk_thread *thread);

/* Carries out an operation. For SPDK_THREAD_OP_NEW as spdk_new_thread_fn. */
typedef int (*spdk_thread_op_fn)(struct spdk_thread *thread, enum spdk_thread_op op);

/* Whether the framework carries out this operation. */
typedef bool (*spdk_thread_op_supported_fn)(enum spdk_thread_op op);

/* Code that is run on a thread. */
typedef void (*spdk_msg_fn)(void *ctx);

/* Not used by any function; kept for programs that name the type. */
typedef void (*spdk_thread_pass_msg)(spdk_msg_fn fn, void *ctx, void *thread_ctx);

/*
 * Starts the library, once per process until spdk_thread_lib_fini(). new_thread_fn may be NULL. Each thread gets
 * ctx_sz zeroed bytes for the framework (spdk_thread_get_ctx()). Programs that use spdk_app_start() call neither.
 */
int spdk_thread_lib_init(spdk_new_thread_fn new_thread_fn, size_t ctx_sz);

/*
 * The same with operations; both functions or neither, else -EINVAL. At most msg_mempool_size messages can be in
 * flight; memory for them is taken as they are needed.
 */
int spdk_thread_lib_init_ext(spdk_thread_op_fn thread_op_fn, spdk_thread_op_supported_fn thread_op_supported_fn,
	size_t ctx_sz, size_t msg_mempool_size);

/* Ends the library. All threads must be destroyed and all I/O devices unregistered; what is left is logged. */
void spdk_thread_lib_fini(void);

/* ---- Life of a thread ---- */

/*
 * Creates a thread. Any system thread may do it. name (NULL: its address) is copied, up to 256 characters; cpumask
 * (NULL: all CPUs) tells the framework where it may run. It accepts messages at once and runs when it is polled. The
 * first thread that is created is the app thread. NULL if there is no memory or the framework refuses.
 */
struct spdk_thread *spdk_thread_create(const char *name, const struct spdk_cpuset *cpumask);

/*
 * Makes the thread exit: when it has no message, poller, channel, walk over threads or channels, or I/O device being
 * unregistered left, a later poll makes it exited. After 5 seconds that happens by force, with an error line. To be
 * called with the thread being current; always returns 0. Meanwhile the thread works as before, except that it takes
 * no new interrupt. The app thread should be the last.
 */
int spdk_thread_exit(struct spdk_thread *thread);

/* Neither exiting nor exited. */
bool spdk_thread_is_running(struct spdk_thread *thread);

/* The thread can be destroyed; messages to it and registrations on it fail. */
bool spdk_thread_is_exited(struct spdk_thread *thread);

/* Frees an exited thread. The framework of spdk_app_start() does it by itself. */
void spdk_thread_destroy(struct spdk_thread *thread);

/* The thread whose code the calling system thread runs, NULL if it runs none. */
struct spdk_thread *spdk_get_thread(void);

/* Makes a thread current on the calling system thread, for a loop of one's own. NULL: none. */
void spdk_set_thread(struct spdk_thread *thread);

/* The first thread that was created and that is not destroyed with the library yet, NULL if there is none. */
struct spdk_thread *spdk_thread_get_app_thread(void);

/* thread NULL: the current one. */
bool spdk_thread_is_app_thread(struct spdk_thread *thread);

/* The framework's part of the thread (NULL if it asked for none), and back. */
void *spdk_thread_get_ctx(struct spdk_thread *thread);
struct spdk_thread *spdk_thread_get_from_ctx(void *ctx);

/* Its name; it belongs to the thread. */
const char *spdk_thread_get_name(const struct spdk_thread *thread);

/* Ids start at 1 and are not used twice in a process. */
uint64_t spdk_thread_get_id(const struct spdk_thread *thread);

/* NULL if no such thread exists (any more). */
struct spdk_thread *spdk_thread_get_by_id(uint64_t id);

/* How many threads exist. */
uint32_t spdk_thread_get_count(void);

/* Its id as an owner of trace points, see spdk/trace.h: 0 while there is no trace. */
uint16_t spdk_thread_get_trace_id(struct spdk_thread *thread);

/* The CPUs that the thread may run on; the object is the thread's own. */
struct spdk_cpuset *spdk_thread_get_cpumask(struct spdk_thread *thread);

/*
 * Changes the CPUs of the current thread; the framework moves it when its poll returns. -ENOTSUP if the framework
 * cannot, -EINVAL without a current thread.
 */
int spdk_thread_set_cpumask(struct spdk_cpuset *cpumask);

/* A bound thread stays where it is whatever its mask says. */
void spdk_thread_bind(struct spdk_thread *thread, bool bind);
bool spdk_thread_is_bound(struct spdk_thread *thread);

/* ---- Polling ---- */

/* How a thread has spent its time. */
struct spdk_thread_stats {
	/* Ticks spent in polls that found something to do, and in those that did not (or asleep). */
	uint64_t busy_tsc;
	uint64_t idle_tsc;
};

/*
 * Makes one pass: a critical message, up to max_msgs messages (0, or more than 8: 8), every active poller, every timed
 * poller that is due. Messages sent during the pass wait for the next. now is the present tick if the caller
 * knows it, 0 to have it read. In interrupt mode it handles the descriptors that are ready, without waiting.
 *
 * Returns 0 if there was nothing to do, otherwise the largest of what the pollers returned and 1 for a message; in
 * interrupt mode the number of descriptors handled, or a negative errno.
 */
int spdk_thread_poll(struct spdk_thread *thread, uint32_t max_msgs, uint64_t now);

/* The tick at which the earliest timed poller is due, 0 if there is none. */
uint64_t spdk_thread_next_poller_expiration(struct spdk_thread *thread);

/* Not 0 if a poller without a period is registered and not paused. */
int spdk_thread_has_active_pollers(struct spdk_thread *thread);

/* Whether a poller, with or without a period, is registered and not paused. */
bool spdk_thread_has_pollers(struct spdk_thread *thread);

/* No message and no poller. */
bool spdk_thread_is_idle(struct spdk_thread *thread);

/* Copies the times of the current thread. -EINVAL without one. */
int spdk_thread_get_stats(struct spdk_thread_stats *stats);

/*
 * During a poll the time of this pass, otherwise the end of the last one; thread NULL: of the current thread. This
 * costs nothing, unlike spdk_get_ticks().
 */
uint64_t spdk_thread_get_last_tsc(struct spdk_thread *thread);

/* ---- Messages ---- */

/*
 * Has fn(ctx) called on the thread, after all messages that were sent to it before. Never calls it directly. Any
 * system thread may send. -ENOMEM if too many messages are in flight, -EIO if the thread is exited.
 */
int spdk_thread_send_msg(const struct spdk_thread *thread, spdk_msg_fn fn, void *ctx);

/*
 * Has fn(NULL) called on the thread before its other messages. May be called in a signal handler. There is one
 * place for it: -EIO while another critical message waits or runs.
 */
int spdk_thread_send_critical_msg(struct spdk_thread *thread, spdk_msg_fn fn);

/* Calls fn(ctx) at once if the thread is the current one, otherwise sends it. */
static inline int
spdk_thread_exec_msg(const struct spdk_thread *thread, spdk_msg_fn fn, void *ctx)
{
	if (spdk_get_thread() == thread) {
		fn(ctx);
		return 0;
	}
	return spdk_thread_send_msg(thread, fn, ctx);
}

/*
 * Calls fn(ctx) on every running thread, one after the other, oldest first, then cpl(ctx) on the calling one; each
 * as a message. Without memory, or without a current thread, cpl is called at once and nothing else.
 */
void spdk_for_each_thread(spdk_msg_fn fn, void *ctx, spdk_msg_fn cpl);

/* ---- Pollers ---- */

/* What a poller returns: whether there was something to do. */
enum spdk_thread_poller_rc {
	/* The poller found nothing to do. */
	SPDK_POLLER_IDLE = 0,
	/* The poller did something, or has more to do. */
	SPDK_POLLER_BUSY = 1,
};

/* Returns enum spdk_thread_poller_rc, or any number > 0 for BUSY. Negative numbers count as IDLE. */
typedef int (*spdk_poller_fn)(void *ctx);

/* The poller's thread enters or leaves interrupt mode; called at registration too, if it is in that mode then. */
typedef void (*spdk_poller_set_interrupt_mode_cb)(struct spdk_poller *poller, void *cb_arg, bool interrupt_mode);

/* Runs once, after the poller that asked for it. */
typedef void (*spdk_post_poller_fn)(void *fn_arg);

/*
 * Has fn(arg) called by the polls of the current thread: by each (period 0), or once per period, never more often
 * to make up for missed ones. One that is registered by a poller runs from the next pass on. NULL without a
 * current thread, on an exited one, or without memory. While everything on its reactor is idle an active poller is
 * called at growing intervals; bdk_poller_set_wakeup_fd() (bdevkit/thread.h) lets it sleep and be called at once.
 */
struct spdk_poller *spdk_poller_register(spdk_poller_fn fn, void *arg, uint64_t period_microseconds);

/* The same with a name for listings, which is copied; NULL: the function's address. */
struct spdk_poller *spdk_poller_register_named(
	spdk_poller_fn fn, void *arg, uint64_t period_microseconds, const char *name);

/* Named after its function. */
#define SPDK_POLLER_REGISTER(fn, arg, period_microseconds) spdk_poller_register_named(fn, arg, period_microseconds, #fn)

/*
 * Ends the poller and sets *ppoller to NULL; nothing if that is NULL already. It does not run again. On its thread
 * only, also in its own function.
 */
void spdk_poller_unregister(struct spdk_poller **ppoller);

/* Stops calling the poller until it is resumed. On its thread only, also in its own function. */
void spdk_poller_pause(struct spdk_poller *poller);

/* Ends the pause; a timed poller then runs after a full period. Nothing if it is not paused. On its thread only. */
void spdk_poller_resume(struct spdk_poller *poller);

/*
 * Says that in interrupt mode the owner sees to it that the poller's work is done, through descriptors of its own.
 * cb_fn is told when the mode changes; NULL if there is nothing to do then. Nothing happens unless
 * spdk_interrupt_mode_enable() was called. A poller without this is polled in interrupt mode too, adaptively.
 */
void spdk_poller_register_interrupt(struct spdk_poller *poller, spdk_poller_set_interrupt_mode_cb cb_fn, void *cb_arg);

/*
 * Has fn(fn_arg) called once on the current thread, when the next active poller has returned. At most 4 can wait, and
 * none can be added while they run: that is logged and ignored.
 */
void spdk_thread_register_post_poller_handler(spdk_post_poller_fn fn, void *fn_arg);

/* ---- Interrupts ---- */

/* Same values as EPOLLIN, EPOLLOUT and EPOLLET. */
enum spdk_interrupt_event_types {
	SPDK_INTERRUPT_EVENT_IN = 1,
	SPDK_INTERRUPT_EVENT_OUT = 4,
	SPDK_INTERRUPT_EVENT_ET = 2147483648,
};

/* What it returns is ignored. */
typedef int (*spdk_interrupt_fn)(void *ctx);

/*
 * Makes threads start in interrupt mode, where they run only when a descriptor is ready. To be called before the
 * library is initialised, otherwise -1. It cannot be undone. Reactors sleep without it too; it exists for loops of
 * one's own that wait for spdk_thread_get_interrupt_fd().
 */
int spdk_interrupt_mode_enable(void);
bool spdk_interrupt_mode_is_enabled(void);

/* Moves the current thread into or out of interrupt mode; only after spdk_interrupt_mode_enable(). */
void spdk_thread_set_interrupt_mode(bool enable_interrupt);

/*
 * What becomes readable when the thread has something to handle: the descriptor, or the group to be nested into
 * another one. In poll mode they tell of the registered interrupts only. -1 or NULL if it cannot be made.
 */
int spdk_thread_get_interrupt_fd(struct spdk_thread *thread);
struct spdk_fd_group *spdk_thread_get_interrupt_fd_group(struct spdk_thread *thread);

/*
 * Has fn(arg) called on the current thread, which must be running, when efd is readable; in both modes: a thread
 * in poll mode looks at its descriptors when it has nothing else to do, and every few tens of microseconds when it
 * has. A descriptor can be registered once per thread. It stays the caller's, who keeps it open until it is
 * unregistered. name (NULL: the function's address) is copied. NULL on failure, with an error line.
 */
struct spdk_interrupt *spdk_interrupt_register(int efd, spdk_interrupt_fn fn, void *arg, const char *name);

/* The same for other events: a set of enum spdk_interrupt_event_types, or of EPOLL* values. */
struct spdk_interrupt *spdk_interrupt_register_for_events(
	int efd, uint32_t events, spdk_interrupt_fn fn, void *arg, const char *name);

/* The same with options, see spdk/fd_group.h: for example to have an eventfd read before the function is called. */
struct spdk_interrupt *spdk_interrupt_register_ext(
	int efd, spdk_interrupt_fn fn, void *arg, const char *name, struct spdk_event_handler_opts *opts);

/* The same for all descriptors of a group, also those added later; their own functions are called, on this thread. */
struct spdk_interrupt *spdk_interrupt_register_fd_group(struct spdk_fd_group *fgrp, const char *name);

/* Named after their function. */
#define SPDK_INTERRUPT_REGISTER(efd, fn, arg) spdk_interrupt_register(efd, fn, arg, #fn)
#define SPDK_INTERRUPT_REGISTER_FOR_EVENTS(efd, events, fn, arg) \
	spdk_interrupt_register_for_events(efd, events, fn, arg, #fn)
#define SPDK_INTERRUPT_REGISTER_EXT(efd, fn, arg, opts) spdk_interrupt_register_ext(efd, fn, arg, #fn, opts)

/*
 * Ends it and sets *pintr to NULL; nothing if that is NULL already. On its thread only. Does not close the
 * descriptor.
 */
void spdk_interrupt_unregister(struct spdk_interrupt **pintr);

/* Changes the events that are waited for. On its thread only; -EINVAL for a group. */
int spdk_interrupt_set_event_types(struct spdk_interrupt *intr, enum spdk_interrupt_event_types event_types);

/* ---- I/O devices and channels ---- */

/* Distance from a channel to its context. */
#define SPDK_IO_CHANNEL_STRUCT_SIZE 96

/* Prepares a thread's context, zeroed, for the device. Not 0: spdk_get_io_channel() fails. On the channel's thread. */
typedef int (*spdk_io_channel_create_cb)(void *io_device, void *ctx_buf);

/* The last user of the channel is gone. On the channel's thread. */
typedef void (*spdk_io_channel_destroy_cb)(void *io_device, void *ctx_buf);

/* The device is unregistered and its last channel destroyed. On the thread that unregistered it, as a message. */
typedef void (*spdk_io_device_unregister_cb)(void *io_device);

/* A visit to a channel, on its thread; must lead to one spdk_for_each_channel_continue() there, now or later. */
typedef void (*spdk_channel_msg)(struct spdk_io_channel_iter *i);

/* The walk is over; status is 0, or what ended it. On the thread that asked for it. */
typedef void (*spdk_channel_for_each_cpl)(struct spdk_io_channel_iter *i, int status);

/*
 * Makes the pointer known as a device of which threads can have channels, each with ctx_size bytes of context. On an
 * SPDK thread. name (NULL: the pointer) is copied. If the pointer is registered already, that is logged and stays.
 */
void spdk_io_device_register(void *io_device, spdk_io_channel_create_cb create_cb,
	spdk_io_channel_destroy_cb destroy_cb, uint32_t ctx_size, const char *name);

/*
 * Ends that: no new channel can be had, existing ones live until they are put. unregister_cb (may be NULL) is
 * called when the last is gone, never before this function returns. If a walk over its channels is going on, all
 * of this begins when that ends. On an SPDK thread.
 */
void spdk_io_device_unregister(void *io_device, spdk_io_device_unregister_cb unregister_cb);

/*
 * The current thread's channel to a device: the one that it has, with one user more, or a new one. NULL if the
 * device is not registered, its create callback fails, or there is no memory.
 */
struct spdk_io_channel *spdk_get_io_channel(void *io_device);

/* One user less. The last one leads to the destruction of the channel, a message later. On its thread only. */
void spdk_put_io_channel(struct spdk_io_channel *ch);

/* The context of a channel, and back. */
static inline void *
spdk_io_channel_get_ctx(struct spdk_io_channel *ch)
{
	return (uint8_t *)ch + SPDK_IO_CHANNEL_STRUCT_SIZE;
}

/* The channel that a context belongs to. */
struct spdk_io_channel *spdk_io_channel_from_ctx(void *ctx);

/* The thread that a channel belongs to. */
struct spdk_thread *spdk_io_channel_get_thread(struct spdk_io_channel *ch);

/* The io_device that a channel is of. */
void *spdk_io_channel_get_io_device(struct spdk_io_channel *ch);

/*
 * Calls fn for each channel of a device, on the channel's thread, one after the other in the order in which the
 * threads were created, then cpl (may be NULL) on the calling one, which must be an SPDK thread. All calls are
 * messages. A status other than 0 ends the walk. cpl gets -ENODEV if the device is not registered or about to be
 * unregistered; only without memory it is called at once, with -ENOMEM.
 */
void spdk_for_each_channel(void *io_device, spdk_channel_msg fn, void *ctx, spdk_channel_for_each_cpl cpl);

/* Ends a visit, on the thread that is being visited. */
void spdk_for_each_channel_continue(struct spdk_io_channel_iter *i, int status);

/* The io_device whose channels are visited. */
void *spdk_io_channel_iter_get_io_device(struct spdk_io_channel_iter *i);

/* The channel that is being visited, NULL in the completion. */
struct spdk_io_channel *spdk_io_channel_iter_get_channel(struct spdk_io_channel_iter *i);

/* The caller's ctx. */
void *spdk_io_channel_iter_get_ctx(struct spdk_io_channel_iter *i);

/* ---- Spinlock ---- */

/*
 * A lock for short sections between SPDK threads. Misuse aborts the process with a line that says what it was: locking
 * twice, unlocking what another thread holds, destroying a held lock, using a destroyed or uninitialised one, use
 * outside an SPDK thread, and returning from a message, poller or interrupt function with a lock held.
 */
struct spdk_spinlock {
	pthread_spinlock_t spinlock;
	/* The holder. */
	struct spdk_thread *thread;
	/* Stacks of the last uses, in debug builds. */
	struct spdk_spinlock_internal *internal;
	bool initialized;
	bool destroyed;
};

/* Need no SPDK thread. */
void spdk_spin_init(struct spdk_spinlock *sspin);
void spdk_spin_destroy(struct spdk_spinlock *sspin);

/* Take and give back. Who holds one must not return from a message or a poller. */
void spdk_spin_lock(struct spdk_spinlock *sspin);
void spdk_spin_unlock(struct spdk_spinlock *sspin);

/* Whether the current thread holds it. */
bool spdk_spin_held(struct spdk_spinlock *sspin);

/* ---- Buffer pools ---- */

/*
 * iobuf: data buffers of two sizes that all modules of a process share. They are good for any device. Their number is
 * bounded, and a module that finds none waits its turn. Address space for them is reserved at the start; memory is taken
 * when a buffer is first used.
 *
 * A module registers its name once, and has a spdk_iobuf_channel on each thread on which it uses buffers. The functions
 * that take a channel must be called on the thread on which it was initialised.
 */

struct iobuf_pool;
struct spdk_iobuf_channel;
struct spdk_iobuf_entry;
struct spdk_iobuf_module_stats;

/* Lists of free buffers, and of those who wait for one. */
typedef STAILQ_HEAD(, spdk_iobuf_buffer) spdk_iobuf_buffer_stailq_t;
typedef STAILQ_HEAD(, spdk_iobuf_entry) spdk_iobuf_entry_stailq_t;

/* The pools are gone. */
typedef void (*spdk_iobuf_finish_cb)(void *cb_arg);

/* Called for a request that waits. It may abort that request. A value other than 0 ends the walk. */
typedef int (*spdk_iobuf_for_each_entry_fn)(struct spdk_iobuf_channel *ch, struct spdk_iobuf_entry *entry, void *ctx);

/*
 * A request that waited has its buffer: on the thread of the channel, within spdk_iobuf_put() or from a message. The
 * entry is the caller's again.
 */
typedef void (*spdk_iobuf_get_cb)(struct spdk_iobuf_entry *entry, void *buf);

/* modules, with its strings, is valid until the callback returns; in the order of registration. */
typedef void (*spdk_iobuf_get_stats_cb)(struct spdk_iobuf_module_stats *modules, uint32_t num_modules, void *cb_arg);

/* What a buffer may hold while nobody uses it. bdevkit leaves free buffers alone; the type is for sources that use it. */
struct spdk_iobuf_buffer {
	STAILQ_ENTRY(spdk_iobuf_buffer) stailq;
};

/* What the requests of one channel or module for one size of buffer came to. */
struct spdk_iobuf_pool_stats {
	/* Served from the channel's own cache. */
	uint64_t cache;
	/* Trips to the pool that all threads share. */
	uint64_t main;
	/* Found nothing and were put into the queue of waiting requests. */
	uint64_t retry;
};

/* One size of buffer in one channel. Only lib/thread touches the fields. */
struct spdk_iobuf_pool_cache {
	struct iobuf_pool *pool;
	/* The cached buffers, last in first out; outside the buffers so that caching one does not touch its memory. */
	void **cache;
	uint32_t cache_count;
	/* Buffers that the channel keeps for itself; it may hold a batch more. */
	uint32_t cache_size;
	/* Requests of this thread, of all its channels, that wait for this size. */
	spdk_iobuf_entry_stailq_t *queue;
	uint32_t bufsize;
	/* Buffers that one trip to the pool moves. */
	uint32_t batch;
	struct spdk_iobuf_pool_stats stats;
};

struct spdk_iobuf_node_cache {
	struct spdk_iobuf_pool_cache small;
	struct spdk_iobuf_pool_cache large;
};

/*
 * A module's access to the buffer pools on one thread. The memory is the caller's, its contents are lib/thread's
 * from spdk_iobuf_channel_init() to spdk_iobuf_channel_fini().
 */
struct spdk_iobuf_channel {
	const void *module;
	struct spdk_io_channel *parent;
	struct spdk_iobuf_node_cache cache[SPDK_CONFIG_MAX_NUMA_NODES];
};

/* A request that waits for a buffer. The memory is the caller's; it must stay until the callback or the abort. */
struct spdk_iobuf_entry {
	spdk_iobuf_get_cb cb_fn;
	const void *module;
	STAILQ_ENTRY(spdk_iobuf_entry) stailq;
};

/* Of all channels of a module together, since each was initialised. */
struct spdk_iobuf_module_stats {
	struct spdk_iobuf_pool_stats small_pool;
	struct spdk_iobuf_pool_stats large_pool;
	/* Name. */
	const char *module;
};

struct spdk_iobuf_opts {
	/* Number of buffers of each size: at least 64 small and 8 large ones. Default 8192 and 1024. */
	uint64_t small_pool_count;
	uint64_t large_pool_count;
	/*
	 * Their sizes in bytes: at least 4096 and 8192; spdk_iobuf_initialize() rounds them up to a multiple of 4096.
	 * Default 8 KiB and 132 KiB. The small ones must not be larger than the large ones.
	 */
	uint32_t small_bufsize;
	uint32_t large_bufsize;
	/* sizeof(struct spdk_iobuf_opts) of the caller. */
	size_t opts_size;
	/* Whether each NUMA node has pools of its own. Refused on a system with more nodes than this build knows (1). */
	uint8_t enable_numa;
};

/*
 * Sets the options of the next spdk_iobuf_initialize(). Fields beyond opts_size keep their value.
 * Returns 0, -1 if opts is NULL or its size is 0, or -EINVAL for a value out of range, which is logged.
 */
int spdk_iobuf_set_opts(const struct spdk_iobuf_opts *opts);

/* Copies the present options, as far as opts_size goes. */
void spdk_iobuf_get_opts(struct spdk_iobuf_opts *opts, size_t opts_size);

/* Reserves the pools. On an SPDK thread. Returns 0, -ENOMEM, or -EALREADY. */
int spdk_iobuf_initialize(void);

/*
 * Gives the pools back when the last channel is gone, logs whether buffers are missing, and forgets the modules.
 * cb_fn runs on the calling thread; within the call if iobuf is not initialised, else later.
 */
void spdk_iobuf_finish(spdk_iobuf_finish_cb cb_fn, void *cb_arg);

/* Makes a module known; its name is copied. Any thread, also before the start. 0, -EEXIST, or -ENOMEM. */
int spdk_iobuf_register_module(const char *name);

/* Forgets a module. It must have no channels any more. 0, or -ENOENT. */
int spdk_iobuf_unregister_module(const char *name);

/*
 * Initialises a channel of a registered module on the current thread, which may have 64 of them. It takes as many
 * buffers of each size for itself as the cache sizes say, so that its module can always go on with at least those.
 *
 * Returns 0, -ENODEV if no module of that name is registered, or -ENOMEM if a pool has not enough buffers left, iobuf is
 * not initialised, or memory is short; then nothing is taken.
 */
int spdk_iobuf_channel_init(
	struct spdk_iobuf_channel *ch, const char *name, uint32_t small_cache_size, uint32_t large_cache_size);

/* Gives the buffers that the channel has cached back. No request of it may wait any more. */
void spdk_iobuf_channel_fini(struct spdk_iobuf_channel *ch);

/*
 * Gets a buffer of at least len bytes, aligned to 4096, with undefined contents: a small one if len allows, else a large
 * one. len must not exceed the size of a large one.
 *
 * If there is none now, returns NULL; and if entry is given, the request waits and cb_fn will be called with a buffer.
 * cb_fn is not called if a buffer is returned. Without entry nothing waits.
 */
void *spdk_iobuf_get(
	struct spdk_iobuf_channel *ch, uint64_t len, struct spdk_iobuf_entry *entry, spdk_iobuf_get_cb cb_fn);

/*
 * Returns a buffer. len decides the size as it did in spdk_iobuf_get(). If requests for that size wait on this thread, of
 * whatever module, the oldest one gets the buffer, and its callback runs within this call. A request made in such a
 * callback with the same entry is the next in turn.
 */
void spdk_iobuf_put(struct spdk_iobuf_channel *ch, void *buf, uint64_t len);

/* Takes a waiting request out of its queue; its callback will not be called. len as in spdk_iobuf_get(). */
void spdk_iobuf_entry_abort(struct spdk_iobuf_channel *ch, struct spdk_iobuf_entry *entry, uint64_t len);

/* Visits the waiting requests of the channel's module on this thread. Returns what cb_fn returned last, or 0. */
int spdk_iobuf_for_each_entry(struct spdk_iobuf_channel *ch, spdk_iobuf_for_each_entry_fn cb_fn, void *cb_ctx);

/* Collects statistics of all threads; cb_fn runs later on the calling thread. Returns 0 or -ENOMEM. */
int spdk_iobuf_get_stats(spdk_iobuf_get_stats_cb cb_fn, void *cb_arg);

#ifdef __cplusplus
}
#endif

#endif /* SPDK_THREAD_H */
