/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What the files of the block-device layer share.
 *
 * Who owns what:
 *   bdev_manager        one per process; its lists are changed on the app thread or under its lock
 *   bdev_state          one per registered bdev, behind spdk_bdev.internal.state; under its own lock
 *   spdk_bdev_desc      one per open; belongs to the thread that opened it, in_use and closed under the bdev's lock
 *   bdev_thread         one per SPDK thread that has a bdev channel: cache of spdk_bdev_io, io_wait queue, iobuf caches
 *   bdev_shared         one per module channel and thread: what bdevs on the same module channel share (NOMEM retry)
 *   bdev_channel        one per bdev and thread: context of the spdk_io_channel that users get
 *   bdev_io_private     what only some I/Os need; lies before the spdk_bdev_io in memory
 * Lock order: bdev_manager.lock, then bdev_state.lock, then that of a bdev_lock_set. None is held while a module or a
 * user is called. They are mutexes, not spinlocks: they are off the I/O path, and questions about bdevs may come from
 * any system thread.
 */

#ifndef BDEV_INTERNAL_H
#define BDEV_INTERNAL_H

#include "spdk/bdev.h"
#include "spdk/bdev_module.h"
#include "spdk/env.h"
#include "spdk/likely.h"
#include "spdk/log.h"
#include "spdk/queue.h"
#include "spdk/string.h"
#include "spdk/thread.h"
#include "spdk/tree.h"
#include "spdk/util.h"
#include "lib/env/env_internal.h"
#include "bdevkit/batch.h"
#include "bdevkit/bdev_module.h"
#include "bdevkit/thread.h"

#define ZERO_BUFFER_SIZE 0x100000

/* A function that the straight way of an I/O goes around: kept out of line, so that it costs nothing there. */
#define BDEV_SELDOM __attribute__((noinline, cold))

/* ---- the manager: manager.c ---- */

struct strict_stack;

RB_HEAD(bdev_name_tree, spdk_bdev_name);
TAILQ_HEAD(bdev_list, bdev_state);
TAILQ_HEAD(bdev_module_list, spdk_bdev_module);

/* Someone who waits until no module has an init or examine pending; called once, by message, on its thread. */
struct bdev_idle_waiter {
	uint64_t thread_id;
	void (*cb_fn)(void *cb_arg);
	/* Called instead, anywhere, if the thread has exited; may be NULL. */
	void (*gone_fn)(void *cb_arg);
	void *cb_arg;
	struct bdk_msg msg;
	TAILQ_ENTRY(bdev_idle_waiter) link;
};

struct bdev_manager {
	struct env_mutex lock;
	struct spdk_bdev_opts opts;

	struct bdev_module_list modules;
	/* In the order of registration. */
	struct bdev_list bdevs;
	/* How often one was registered. */
	uint64_t bdevs_made;
	/* Bdevs whose destruct() is running or has promised spdk_bdev_destruct_done(). */
	struct bdev_list destructing;
	struct bdev_name_tree names;

	/* Inits and examines of all modules that are not done yet. */
	uint32_t actions_in_progress;
	TAILQ_HEAD(, bdev_idle_waiter) idle_waiters;

	/* io_pool.c: ZERO_BUFFER_SIZE zeroes, never written. */
	void *zero_buffer;
};

extern struct bdev_manager g_bdev_manager;

/* Calls waiter->cb_fn when no module has an init or examine pending, never from inside this call. */
void bdev_manager_wait_idle(struct bdev_idle_waiter *waiter);

/* Says that actions_in_progress has become 0. No lock held. */
void bdev_manager_idle(void);

/* Tells the chains of start and shutdown that something they may wait for has changed. Any thread, no lock held. */
void bdev_manager_notify(void);

/* ---- the list of bdevs: list.c ---- */

/* Says in the log which bdevs are to go, and who keeps them. */
void bdev_list_log_leaving(void);

/* ---- modules: modules.c ---- */

/*
 * Call a module's examine callback; app thread. The one for the configuration has to be done when it returns; if it is
 * not, it is taken as done.
 */
void bdev_module_examine_config(struct spdk_bdev_module *module, struct spdk_bdev *bdev);
void bdev_module_examine_disk(struct spdk_bdev_module *module, struct spdk_bdev *bdev);

/* Calls module_init of each module; the first error ends it and is returned. */
int bdev_modules_init(void);
void bdev_modules_init_complete(void);

/*
 * Stop the modules, last one first. After begin, the others are called until they return true; false means that a
 * module is not done, and that bdev_manager_notify() will tell when it is.
 */
void bdev_modules_fini_begin(void);
bool bdev_modules_fini_start_next(void);
bool bdev_modules_fini_next(void);

/* Say in the log which modules start or stop wait for. */
void bdev_modules_log_pending(void);
void bdev_modules_log_stopping(void);

/* The largest get_ctx_size() of all modules. */
size_t bdev_modules_get_ctx_size(void);

/* module_init of one module: 0, or a negative errno. */
int bdev_module_init(struct spdk_bdev_module *module);
/* In what is done at last by spdk_bdev_module_fini_start_done() and its like while the layer does not stop. */
bool bdev_live_fini_done(void);

/* Whether the layer is up, so that modules may come and go; -EAGAIN while it starts or stops, -ENOTCONN before and after. */
int bdev_manager_check_up(void);

/* An init, examine or end of the module has begun, which start and stop of the layer wait for; and it has ended. */
void bdev_module_begin_action(struct spdk_bdev_module *module);
void bdev_module_end_action(struct spdk_bdev_module *module);

/* Stands in for the module of a bdev that was registered without one. */
struct spdk_bdev_module *bdev_module_anonymous(void);

/* ---- names: names.c; bdev_manager.lock is held ---- */

struct bdev_state *bdev_name_find(const char *name);
int bdev_name_add(struct spdk_bdev_name *entry, struct spdk_bdev *bdev, const char *name);
void bdev_name_del(struct spdk_bdev_name *entry);
int bdev_alias_add(struct spdk_bdev *bdev, const char *alias);
void bdev_alias_del_all(struct spdk_bdev *bdev);

/* ---- examine: examine.c ---- */

void bdev_examine(struct spdk_bdev *bdev);
/* By one module only. */
void bdev_examine_by(struct spdk_bdev *bdev, struct spdk_bdev_module *module);
/* Forgets what the allow list says of the name and the aliases of bdev; bdev_manager.lock is held. */
void bdev_examine_forget(const struct spdk_bdev *bdev);
void bdev_examine_clear(void);
/* Calls fn with each name in the allow list, in the order in which they came; app thread. */
void bdev_examine_for_each(void (*fn)(void *ctx, const char *name), void *ctx);

/* ---- statistics: stat.c ---- */

/* Counts of one I/O type. Latencies are ticks. */
struct bdev_counters {
	uint64_t ops;
	uint64_t blocks;
	uint64_t latency;
	uint64_t max_latency;
	uint64_t min_latency;
};

/* Of a channel (errors unused), or of a bdev: what its destroyed channels have left, and all errors. */
struct bdev_stat {
	struct bdev_counters counters[SPDK_BDEV_NUM_IO_TYPES];
	uint32_t errors[-SPDK_MIN_BDEV_IO_STATUS];
};

/* Puts stat into the state of nothing counted yet. */
void bdev_stat_init(struct bdev_stat *stat);

/* ---- rate limits: qos.c ---- */

struct bdev_rate;
struct bdev_qos_group;
struct bdev_channel_qos;

typedef void (*bdev_qos_cb)(void *ctx, int status);

/* Of a bdev, under its lock. */
struct bdev_qos {
	/* NULL until there are limits or a group for the first time. */
	struct bdev_rate *rate;
	struct bdev_qos_group *group;
	/* In bdev_qos_group.members, under bdev_manager.lock. */
	TAILQ_ENTRY(bdev_state) group_link;

	/* The change in progress, whom to tell, and what was before. */
	bool changing;
	int status;
	bdev_qos_cb cb;
	void *ctx;
	uint64_t old_limits[SPDK_BDEV_QOS_NUM_RATE_LIMIT_TYPES];
	struct bdev_qos_group *old_group;
	struct bdk_channel_walk walk;
};

/* ---- a registered bdev: register.c ---- */

/* A walk over the channels of a bdev: channel.c. */
struct spdk_bdev_channel_iter {
	struct spdk_bdev *bdev;
	spdk_bdev_for_each_channel_msg fn;
	spdk_bdev_for_each_channel_done done;
	void *ctx;
	struct spdk_io_channel_iter *it;
	struct bdk_channel_walk walk;
};

/* queue_depth.c: the queue depth over time. Under the bdev's lock, except poller and walk, which are its thread's. */
struct bdev_sampling {
	/* Keeps the bdev while it is sampled; by the thread that does it. NULL: it is not. */
	struct spdk_bdev_desc *desc;
	/* Microseconds; and what the thread is to change it to. */
	uint64_t period;
	uint64_t wanted;
	/* The message that says so is on its way. */
	bool told;
	struct bdk_msg msg;

	struct spdk_poller *poller;
	/* A sample is being taken. */
	bool walking;
	struct spdk_bdev_channel_iter walk;
	uint64_t sum;

	uint64_t depth;
	uint64_t io_time;
	uint64_t weighted_io_time;
};

/* histogram.c: what the channels collect. Under the bdev's lock. */
struct bdev_histogram {
	bool enabled;
	/* The channels are being told of a change. */
	bool changing;
	uint8_t io_type;
	/* Nobody has configured it: it is not saved. */
	bool unsaved;
	/* 0: it has never been enabled. */
	uint8_t granularity;
	uint64_t min_nsec;
	uint64_t max_nsec;
	/* What channels that are gone had collected; NULL: nothing. */
	struct spdk_histogram_data *gone;
	/* The first of its buckets with something in it, and what is behind the last. */
	uint64_t gone_begin, gone_end;
};

struct bdev_state {
	struct spdk_bdev *bdev;
	/* I/Os but for resets that late.c holds, on all channels. Atomic. */
	uint64_t num_late;
	/* Those of the bdev, which may be gone before the state is. */
	const struct spdk_bdev_module *module;
	const struct spdk_bdev_fn_table *fn_table;
	/* In the order of registration, from 1. */
	uint64_t number;
	/* In bdev_manager.bdevs, later in bdev_manager.destructing. */
	TAILQ_ENTRY(bdev_state) link;
	struct env_mutex lock;

	enum spdk_bdev_status status;
	struct spdk_bdev_name name;
	TAILQ_HEAD(bdev_desc_list, spdk_bdev_desc) descs;

	enum spdk_bdev_claim_type claim_type;
	struct spdk_bdev_module *claim_module; /* v1 */
	TAILQ_HEAD(bdev_claim_list, spdk_bdev_module_claim) claims; /* v2, oldest first */
	uint64_t claims_made;
	uint64_t claim_key; /* of SPDK_BDEV_CLAIM_READ_MANY_WRITE_SHARED */

	/* batch.c: of new channels; NULL: none. */
	bdk_bdev_instant_fn instant;

	/* route.c; NULL: none. */
	bdk_bdev_strips_fn get_strips;

	/* Answers of io_type_supported, asked once per type at registration. Bit = enum spdk_bdev_io_type. */
	uint64_t io_types;

	spdk_bdev_unregister_cb unregister_cb;
	void *unregister_ctx;
	/* By id, as that thread may be gone when its turn comes. */
	uint64_t unregister_thread_id;
	/* What the steps of unregistration need, so that none fails for want of memory. */
	struct bdk_channel_walk unregister_walk;
	struct bdk_msg unregister_msg;
	/* Out of reach: neither name nor list lead to the bdev any more. */
	bool detached;
	/* destruct() is on some stack; and whether spdk_bdev_destruct_done() came meanwhile. bdev_manager.lock. */
	bool destruct_running;
	bool destruct_done;
	int destruct_rc;

	/* Keeps the bdev from vanishing until it has been examined, which the waiter waits for. */
	struct spdk_bdev_desc *examine_desc;
	struct bdev_idle_waiter examine_waiter;

	/* Owner of its trace points, 0 if it is none. */
	uint16_t trace_id;

	/* stat.c: counters of channels that are gone, and error counts of all. Under lock. */
	struct bdev_stat stat;

	struct bdev_sampling sampling;
	struct bdev_histogram histogram;

	/* reset.c: the reset in progress and those that wait for its outcome. Under lock. */
	struct spdk_bdev_io *reset_in_progress;
	struct spdk_bdev_channel_iter reset_walk;
	bdev_io_tailq_t queued_resets;

	/* lock.c */
	struct bdev_lock_set *locks;

	/* strict.c; NULL: strict mode is off. */
	struct bdev_strict *strict;

	struct bdev_qos qos;
};

static inline struct bdev_state *
bdev_state(const struct spdk_bdev *bdev)
{
	return bdev->internal.state;
}

static inline uint16_t
bdev_trace_id(const struct bdev_state *state)
{
	return __atomic_load_n(&state->trace_id, __ATOMIC_RELAXED);
}

static inline bool
bdev_io_type_is_native(const struct spdk_bdev *bdev, enum spdk_bdev_io_type type)
{
	return (bdev_state(bdev)->io_types >> type) & 1;
}

/*
 * Takes the last step of an unregistration if all that it waits for has happened: descriptors closed, no reset
 * running. Called with no lock held; reset.c does so after it has set reset_in_progress to NULL and called back, and
 * before it puts its channel, which keeps the state from being freed. Does nothing for a bdev that is not being
 * unregistered.
 */
void bdev_unregister_try_finish(struct bdev_state *state);

/*
 * The same in two parts, for one who must not look at the state any more once the locks are released: detach, with
 * bdev_manager.lock and state->lock held, and if it returns true, finish with none held.
 */
bool bdev_unregister_detach(struct bdev_state *state);
void bdev_unregister_finish(struct bdev_state *state);

/*
 * What the I/O half of the layer keeps in a bdev_state (stat.c, reset.c): set up before the bdev can be found, torn
 * down after its last channel. Init returns 0 or a negative errno and then leaves nothing behind.
 */
int bdev_state_io_init(struct bdev_state *state);
void bdev_state_io_fini(struct bdev_state *state);

/* ---- descriptors: desc.c ---- */

#define BDEV_NUM_EVENTS (SPDK_BDEV_EVENT_MEDIA_MANAGEMENT + 1)

struct spdk_bdev_desc {
	struct spdk_bdev *bdev;
	bool write;
	bool hide_metadata;
	bool memory_domains_supported;
	/* Block size as this opener sees it, in bytes; a shift if it is a power of two, else 0. */
	uint32_t block_size;
	uint8_t block_shift;
	/*
	 * BDEV_GATE_* that all I/O of this descriptor meets: BDEV_GATE_HIDDEN_METADATA if hide_metadata is set and the
	 * bdev has metadata; else BDEV_GATE_ROUTED if the bdev has a route; else 0.
	 */
	uint32_t gates;
	uint64_t accel_sequence_types;

	bool closed;
	/* Opened by the layer itself: no events. */
	bool internal;
	/* The opener's thread, by its id: it may be gone before the descriptor is closed. */
	uint64_t thread_id;
	char thread_name[32];
	/*
	 * Events that the opener has yet to be told of, by type, and whether the message that tells of one is on its
	 * way; then it is the one who frees the descriptor if that is closed. Under the bdev's lock until closed.
	 */
	uint32_t events[BDEV_NUM_EVENTS];
	bool event_sent;
	struct bdk_msg event_msg;
	/* A close that came on another thread is on its way. */
	bool close_sent;
	struct bdk_msg close_msg;
	spdk_bdev_event_cb_t event_cb;
	void *event_ctx;
	/* timeout.c; NULL: none was ever set. */
	struct bdev_timeout *timeout;
	struct spdk_bdev_module_claim *claim;
	/* strict.c: where it was opened; NULL: strict mode was off. */
	struct strict_stack *opened_at;
	/* NULL unless the bdev reported media events when it was opened. */
	struct bdev_media_events *media_events;
	TAILQ_ENTRY(spdk_bdev_desc) link;
};

/* Sends the event to each descriptor of the bdev, or to one of them; state->lock is held. Needs no memory. */
void bdev_desc_post_event_locked(struct bdev_state *state, enum spdk_bdev_event_type type);
void bdev_desc_send_event_locked(struct spdk_bdev_desc *desc, enum spdk_bdev_event_type type);

/*
 * A read-only descriptor of the layer's own, for bdevs that must not vanish while a module or user is called.
 * Returns NULL when there is no memory. attach: bdev_manager.lock is held; -ENODEV if the bdev is being removed.
 */
struct spdk_bdev_desc *bdev_desc_alloc_internal(void);
int bdev_desc_attach(struct spdk_bdev_desc *desc, struct bdev_state *state);

/* Both at once, by name; on an SPDK thread, no lock held. 0, -ENODEV, -ENOTSUP, -ENOMEM. */
int bdev_desc_open_internal(const char *bdev_name, struct spdk_bdev_desc **desc);

/* ---- media_events.c ---- */

/* For a descriptor of a bdev that reports them. NULL: no memory. To be freed with free(). */
struct bdev_media_events *bdev_media_events_alloc(void);

/* ---- open_async.c ---- */

struct env_image;

/* Whether somebody in the image waits to be told; see lib/env/image.h. */
bool bdev_open_async_has(const struct env_image *image, char **why);

/* Ends all requests with -ESHUTDOWN, and refuses new ones until restarted. True when none is left. */
bool bdev_open_async_shutdown(void);
void bdev_open_async_restart(void);

/* ---- claims: claims.c ---- */

/* Ends the v2 claim of a descriptor that is being closed, if it has one; state->lock is held. */
void bdev_claim_release_desc(struct spdk_bdev_desc *desc);

/* Logs who has claimed the bdev; state->lock is held. */
void bdev_claim_log(const struct bdev_state *state);

#endif /* BDEV_INTERNAL_H */
