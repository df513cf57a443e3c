/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What the files of the block-device layer share that I/O goes through: its objects, threads and channels, and the
 * functions of one file that others call on the way. Bdevs, descriptors and modules are in bdev_internal.h, where it also
 * says who owns what.
 */

#ifndef BDEV_IO_INTERNAL_H
#define BDEV_IO_INTERNAL_H

#include "lib/bdev/bdev_internal.h"
#include "bdevkit/trace.h"
#include "spdk/accel.h"
#include "spdk/dif.h"

/* ---- spdk_bdev_io objects: io_pool.c ---- */

struct bdev_channel;
struct bdev_io_private;

/*
 * Makes the pool of spdk_bdev_io and zero_buffer, according to opts and bdev_modules_get_ctx_size(). The pool starts
 * empty and grows as I/Os are needed. 0 or a negative errno. Fini says in the log if I/Os are missing; it does
 * nothing when there is no pool.
 */
int bdev_io_pool_init(void);
void bdev_io_pool_fini(void);
/* How much driver_ctx its objects have. */
size_t bdev_io_pool_get_ctx_size(void);

/*
 * Who takes a spdk_bdev_io. The work of a user's I/O may need one more (the parts of a split, the steps of an
 * emulation), and that one's work yet another; it has to get them even when users have taken all there are, or nothing
 * would ever come back. So each thread holds one in reserve for each of the two: what is in use when a user takes one
 * leaves two, when inner I/O takes one, one. A leaf goes to the module and needs nothing more, so it comes back.
 */
enum bdev_io_rank {
	BDEV_IO_RANK_USER,
	/* For the work of a user's I/O; may be split in its turn. */
	BDEV_IO_RANK_INNER,
	/* Part of a split. */
	BDEV_IO_RANK_LEAF,
	BDEV_IO_NUM_RANKS,
};

/* Beyond the size of the pool, for each thread. */
#define BDEV_IO_RESERVE (BDEV_IO_NUM_RANKS - 1)

/*
 * The spdk_bdev_io that one SPDK thread holds. They come from the pool and return to it in batches; in between they
 * never leave the thread.
 */
struct bdev_io_cache {
	/* Free ones are stack[in_use] to stack[held - 1], the next one to use first. */
	struct spdk_bdev_io **stack;
	uint64_t in_use;
	/* What in_use may grow to for users: held without the reserve. */
	uint64_t limit;
	uint64_t held;
	/* spdk_bdev_free_io() has more to do than to push when in_use is below it: waiters, or too many held. */
	uint64_t busy_below;
	/* All that are held, in use or free (BDEV_IO_FREE), in no order. */
	struct spdk_bdev_io **all;
	/* complete.c: those that completed inside submit_request, oldest first; one message ends them all. */
	struct spdk_bdev_io **deferred;
	uint64_t num_deferred;
	/* Those that a message is just ending. */
	struct spdk_bdev_io **ending;
	/* Length of each of the arrays. */
	uint64_t capacity;
	/* Kept for this thread in the pool and not fetched yet. */
	uint64_t reserved;
	/* Those who wait for a spdk_bdev_io, oldest first. */
	TAILQ_HEAD(, spdk_bdev_io_wait_entry) wait_queue[BDEV_IO_NUM_RANKS];
	bool waking;
	/* Changes when objects leave the cache, and others take their places in all. */
	uint64_t departures;
	/* The pool is nearly used up: keep nothing beyond the cache size. */
	bool tight;
	/* Held beyond what the pool has: BDEV_IO_RESERVE, and the quarantine of strict mode. */
	uint64_t extra;
	/* bdev_io_cache_push_last(): where among the free ones, from the end, the last one lies. */
	uint64_t pushed_last;
};

int bdev_io_cache_init(struct bdev_io_cache *cache);
void bdev_io_cache_fini(struct bdev_io_cache *cache);

/* Fetches more I/Os for an exhausted cache. NULL: there is none, or other users wait. */
BDEV_SELDOM struct spdk_bdev_io *bdev_io_cache_refill(struct bdev_io_cache *cache, enum bdev_io_rank rank);

/* Gives one back so that it is used again as late as possible. */
void __attribute__((noinline)) bdev_io_cache_push_last(struct bdev_io_cache *cache, struct spdk_bdev_io *bdev_io);

/* Calls entry->cb_fn when one is there for this rank, which was not the case a moment ago. */
void bdev_io_cache_wait(struct bdev_io_cache *cache, enum bdev_io_rank rank, struct spdk_bdev_io_wait_entry *entry);
/* Takes that back. */
void bdev_io_cache_unwait(struct bdev_io_cache *cache, enum bdev_io_rank rank, struct spdk_bdev_io_wait_entry *entry);

/* After a push that has left in_use below busy_below: wakes who waits, returns what is too much. */
BDEV_SELDOM void bdev_io_cache_freed(struct bdev_io_cache *cache);

/* ---- per thread and per channel ---- */

/* Context of the io_device &g_bdev_manager: what one SPDK thread keeps for all bdevs. */
struct bdev_thread {
	struct spdk_thread *thread;
	/* cache.in_use is what bdk_thread_set_io_counter() names. */
	struct bdev_io_cache cache;
	/* A message that ends what is deferred is on its way. */
	bool deferred_sent;
	struct bdk_msg deferred_msg;

	/* iterate.c: the last walk over cache.all. */
	uint32_t visit;

	TAILQ_HEAD(, bdev_shared) shared;
	struct spdk_iobuf_channel iobuf;
	/* NULL: the framework of operations on data has not been started. */
	struct spdk_io_channel *accel_ch;

	/* strict_io.c: looks for I/O that never completes; paused unless there was some since it looked last. */
	struct spdk_poller *strict_poller;
	uint64_t strict_looked;
	bool strict_polling;
};

/* What all bdevs that use one module channel share; the unit of NOMEM retry. */
struct bdev_shared {
	struct bdev_thread *thread;
	struct spdk_io_channel *module_ch;
	TAILQ_HEAD(, bdev_channel) channels;
	/* I/Os that the module has refused with NOMEM, oldest first. Not empty: all channels have BDEV_GATE_NOMEM. */
	bdev_io_tailq_t nomem_queue;
	uint64_t nomem_threshold;
	/* Paused unless nomem_polling. */
	struct spdk_poller *nomem_poller;
	bool nomem_polling;
	/* The module has refused one since this was set to false. */
	bool refused;
	/* The queue is being worked on further up the stack. */
	bool busy;
	TAILQ_ENTRY(bdev_shared) link;
};

/* Reasons why a channel or descriptor looks twice at an I/O; the hot path tests them all with one branch. */
enum bdev_gate {
	BDEV_GATE_RESET = 1 << 0, /* new I/O completes ABORTED */
	BDEV_GATE_NOMEM = 1 << 1, /* new I/O queues behind those that wait for memory */
	BDEV_GATE_HIDDEN_METADATA = 1 << 2, /* the opener's blocks are smaller than the bdev's */
	BDEV_GATE_QOS = 1 << 3, /* I/O that is counted needs a share of the bdev's or group's rate */
	BDEV_GATE_LOCK = 1 << 4, /* some range of the bdev is locked */
	BDEV_GATE_HISTOGRAM = 1 << 5,
	BDEV_GATE_TRACE = 1 << 6, /* new I/O is recorded */
	BDEV_GATE_STRICT = 1 << 7, /* its module and users are watched */
	BDEV_GATE_LATE = 1 << 8, /* what the module completes is held back for a while */
	BDEV_GATE_TIMEOUT = 1 << 9, /* those who look for I/O that takes long sleep until there is some */
	BDEV_GATE_ROUTED = 1 << 10, /* of descriptors, and then the only one: reads and writes have a route */
};

/* Context of the io_device that is the bdev's state: one bdev on one SPDK thread. */
struct bdev_channel {
	struct bdev_thread *thread;
	struct spdk_io_channel *module_ch;
	uint32_t gates;
	/* I/Os inside the module. */
	uint64_t outstanding;
	struct spdk_bdev *bdev;
	struct bdev_shared *shared;
	/* batch.c: NULL if each I/O goes through submit_request. */
	bdk_bdev_instant_fn instant;
	/* route.h: NULL if all I/O goes through submit_request. */
	const struct bdk_bdev_strips *strips;
	TAILQ_ENTRY(bdev_channel) link;
	/* convert.c: of those outstanding, the ones whose data are being moved. */
	uint64_t converting;
	/* buffer.c: I/Os that wait for a data buffer. */
	bdev_io_tailq_t buf_queue;
	/* lock.c: locks that it has been told of, and I/Os that wait for their end. Not empty: BDEV_GATE_LOCK. */
	TAILQ_HEAD(, bdev_channel_lock) locks;
	bdev_io_tailq_t lock_queue;
	/* bdev_channel_leave() */
	bool leaving;
	/* It was put before all of its I/O had ended, and that was said. */
	bool abandoned;
	/* qos.c; NULL if nothing is limited, else BDEV_GATE_QOS. */
	struct bdev_channel_qos *qos;
	struct bdev_stat stat;
	/* late.c; not NULL: BDEV_GATE_LATE. */
	struct bdev_late *late;
	/* histogram.c: not NULL: BDEV_GATE_HISTOGRAM. Of that I/O type only, if not 0. */
	struct spdk_histogram_data *histogram;
	uint8_t histogram_io_type;
	/* strict_io.c; not NULL: BDEV_GATE_STRICT. */
	struct bdev_strict_channel *strict;
};

/* ---- rare state of an I/O ---- */

/* spdk_bdev_io.internal.flags; 0 for an I/O inside the module of which nothing special is known. */
enum bdev_io_flag {
	BDEV_IO_IN_SUBMIT = 1 << 0, /* submit_request has not returned: completion must wait */
	BDEV_IO_RARE_FIELDS = 1 << 1, /* fields of u behind the first two cache lines are set: clear them when freed */
	BDEV_IO_HAS_BUF = 1 << 2, /* the layer's buffer is attached until spdk_bdev_free_io() */
	BDEV_IO_BOUNCED = 1 << 3, /* iovs or md_buf are the layer's, not the user's */
	BDEV_IO_PARENT = 1 << 4, /* split or emulated: not it, but its inner I/Os go to the module and are counted */
	BDEV_IO_QUEUED_NOMEM = 1 << 5,
	BDEV_IO_QUEUED_BUF = 1 << 6,
	BDEV_IO_DEFERRED = 1 << 7, /* complete; the callback waits for a message */
	BDEV_IO_RESET = 1 << 8, /* completes by way of reset.c */
	BDEV_IO_FREE = 1 << 9, /* in nobody's hands */
	BDEV_IO_QUEUED_QOS = 1 << 10,
	BDEV_IO_QUEUED_LOCK = 1 << 11,
	BDEV_IO_CHILD = 1 << 12, /* part of an I/O that is in the submitted set: locks and timeouts look at that one */
	BDEV_IO_EMULATED = 1 << 13, /* made from others that stand for it; outside the submitted set */
	BDEV_IO_LOCK_OWNER = 1 << 14, /* works for the owner of a range lock: passes it */
	BDEV_IO_LOCK_WAITED = 1 << 15, /* some lock waits for its end */
};

/* spdk_bdev_io.internal.marks: what others want of an I/O; 0 when it is taken. */
enum bdev_io_mark {
	BDEV_IO_ABORT_WANTED = 1 << 0, /* bdev_io_private.aborter has yet to abort it */
	BDEV_IO_ABORTING = 1 << 1, /* there is, or was, an ABORT for it */
	BDEV_IO_MEASURED = 1 << 2, /* its end goes into a histogram */
	BDEV_IO_TRACED = 1 << 3, /* its start was recorded, so that its end is, too */
	BDEV_IO_CONVERTED = 1 << 4, /* convert.c has prepared it and has more to do at its end */
	BDEV_IO_CONVERTING =
		1 << 5, /* convert.c is at work: it cannot be aborted, unless it waits for memory or a buffer */
	BDEV_IO_HIDES_METADATA = 1 << 6, /* its owner's blocks are without metadata, which convert.c makes and checks */
	BDEV_IO_WATCHED = 1 << 7, /* strict mode: a module has or had it */
};

/* Status and flags of an I/O, which lie next to each other, as one value to test or set. */
#define BDEV_IO_WORD(STATUS, FLAGS) (((union bdev_io_word){.status = (STATUS), .flags = (FLAGS)}).all)

union bdev_io_word {
	struct {
		int8_t status;
		uint8_t marks;
		uint16_t flags;
	};
	uint32_t all;
};
SPDK_STATIC_ASSERT(offsetof(struct spdk_bdev_io_internal_fields, flags) ==
		offsetof(struct spdk_bdev_io_internal_fields, status) + offsetof(union bdev_io_word, flags),
	"same layout");

/* The same with marks. */
#define BDEV_IO_MARKED_WORD(STATUS, MARKS, FLAGS) \
	(((union bdev_io_word){.status = (STATUS), .marks = (MARKS), .flags = (FLAGS)}).all)

static inline uint32_t
bdev_io_get_word(const struct spdk_bdev_io *bdev_io)
{
	uint32_t word;

	memcpy(&word, &bdev_io->internal.status, sizeof(word));
	return word;
}

static inline void
bdev_io_set_word(struct spdk_bdev_io *bdev_io, uint32_t word)
{
	memcpy(&bdev_io->internal.status, &word, sizeof(word));
}

/* convert.c: data that are not as the module takes them. */
struct bdev_convert {
	/* What the user gave. */
	struct iovec *orig_iovs;
	int orig_iovcnt;
	void *orig_md_buf;
	struct spdk_memory_domain *domain;
	void *domain_ctx;
	/* What the layer has to execute, or to hand over. */
	struct spdk_accel_sequence *sequence;
	/* The opener's blocks are without metadata. */
	bool strips;
	/* The layer executes the sequence, or the module does. */
	bool executes;
	bool handed_over;
	/* All there is to do is to hand the sequence over. */
	bool direct;
	/* The I/O itself has ended; before, nothing has happened to the blocks. */
	bool ended;
	/* What stands in for the user's buffers; NULL: nothing. */
	void *buf;
	uint64_t buf_len;
	struct iovec iov;
	struct iovec md_iov;
	struct iovec orig_md_iov;
	struct spdk_dif_ctx dif;
	struct spdk_dif_error dif_error;
	/* What is to be tried again when there may be memory. */
	void (*step)(struct bdev_io_private *priv);
};

/* route.c: what an I/O is to the bdev above, while it is one of the bdev below. */
struct bdev_io_upper {
	struct bdev_channel *ch;
	struct spdk_bdev_desc *desc;
	spdk_bdev_io_completion_cb cb;
	void *caller_ctx;
	uint64_t offset_blocks;
	/* Some lock of the bdev above waits for its end. */
	bool lock_waited;
};

struct bdev_io_private {
	/* Place in bdev_io_cache.all. */
	uint32_t index;

	/* complete.c, reset.c, forward.c: status when completion was deferred or forwarded. */
	int8_t pending_status;
	/* complete.c: a module has completed it, or its owner has freed it, on a wrong thread; passed on, once. */
	bool forwarded;
	/* complete.c, reset.c: passes it on to its own thread. */
	struct bdk_msg msg;

	/* late.c: the module has completed it, and it is held. */
	bool late;

	/* qos.c: order among those that wait. */
	uint64_t qos_number;

	/* iterate.c: the walk that has yet to visit it. */
	uint32_t visit;
	/* abort.c */
	struct bdev_io_private *aborter;

	/* buffer.c */
	struct spdk_iobuf_entry iobuf;
	void *buf;
	uint64_t buf_len;
	uint64_t data_len;
	/* Of separate metadata; 0: there is none. */
	uint64_t md_len;
	spdk_bdev_io_get_buf_cb get_buf_cb;
	spdk_bdev_io_get_aux_buf_cb get_aux_buf_cb;
	/* Of the buffer that is waited for. */
	uint64_t wanted_len;
	struct iovec *orig_iovs;
	int orig_iovcnt;
	void *orig_md_buf;
	/* The user's data come and go by a step of the I/O's sequence. */
	bool bounced_by_sequence;

	/* split.c, emulate.c: what the inner I/Os have not covered yet */
	uint64_t split_offset_blocks;
	uint64_t split_remaining_blocks;
	uint32_t split_outstanding;
	bool split_failed;
	/* It is being aborted: no further rounds. */
	bool split_stopped;
	/* For an object for the first child of a round. */
	bool split_waiting;
	/* Where in the parent's buffers the next child, or what is still to be compared, begins. */
	int split_iov;
	uint64_t split_iov_offset;
	/* Buffers of the children; or, of an I/O that has none, the pieces of its bounce buffer. */
	struct iovec child_iov[SPDK_BDEV_IO_NUM_CHILD_IOV];

	/* compare.c: takes the outcome. */
	void (*compared)(struct bdev_io_private *outer, enum spdk_bdev_io_status status);

	/* split.c, emulate.c, part_io.c, forward.c */
	struct spdk_bdev_io_wait_entry wait;

	/* part_io.c, of an I/O of a part: what to call instead of completing it. */
	spdk_bdev_io_completion_cb part_cb;
	/* forward.c, of an I/O that waits: where it goes. */
	const struct bdk_bdev_base *base;
	/* Of a zero-copy that was handed down: the I/O to the base, which holds the buffer until the end. */
	struct spdk_bdev_io *zcopy_base_io;

	/* status.c: detail of a status other than SUCCESS; nvme.cdw0 also of a success. */
	union {
		struct {
			uint32_t cdw0;
			int sct;
			int sc;
		} nvme;
		struct {
			enum spdk_scsi_status sc;
			enum spdk_scsi_sense sk;
			uint8_t asc;
			uint8_t ascq;
		} scsi;
		int aio_result;
	} error;

	struct bdev_convert convert;

	/* Of an I/O whose callback is bdev_route_end_cb(). The cache line before those of the I/O. */
	struct bdev_io_upper upper __attribute__((aligned(64)));
	struct spdk_bdev_io io __attribute__((aligned(64)));
};

/* What every read and write touches. */
SPDK_STATIC_ASSERT(offsetof(struct spdk_bdev_io, u.bdev.memory_domain) + sizeof(void *) <= 128,
	"the hot fields of spdk_bdev_io lie in two cache lines");

static inline struct bdev_io_private *
bdev_io_private(struct spdk_bdev_io *bdev_io)
{
	return SPDK_CONTAINEROF(bdev_io, struct bdev_io_private, io);
}

/* True if the I/O is in the submitted set of the channel: it has passed the locks, and its end has not been decided. */
static inline bool
bdev_io_is_submitted(const struct spdk_bdev_io *bdev_io, const struct bdev_channel *ch)
{
	return bdev_io->internal.ch == ch && bdev_io->internal.status == SPDK_BDEV_IO_STATUS_PENDING &&
		!(bdev_io->internal.flags & (BDEV_IO_FREE | BDEV_IO_DEFERRED | BDEV_IO_QUEUED_LOCK | BDEV_IO_EMULATED));
}

/* ---- route.c ---- */

/* A new channel, which has that of the module, learns where its blocks are. */
void bdev_route_channel_init(struct bdev_channel *ch);
/* The callback of I/O that was routed: back to the bdev above. */
void bdev_route_end_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg);

/* True if it was submitted as one of ch, and is now one of a bdev below, whose end has not been decided. */
static inline bool
bdev_io_is_below(struct spdk_bdev_io *bdev_io, const struct bdev_channel *ch)
{
	return bdev_io->internal.cb == bdev_route_end_cb && bdev_io_private(bdev_io)->upper.ch == ch &&
		bdev_io->internal.status == SPDK_BDEV_IO_STATUS_PENDING &&
		!(bdev_io->internal.flags & (BDEV_IO_FREE | BDEV_IO_DEFERRED));
}

/* Either of the two. */
static inline bool
bdev_io_is_under_way(struct spdk_bdev_io *bdev_io, const struct bdev_channel *ch)
{
	return bdev_io_is_submitted(bdev_io, ch) || bdev_io_is_below(bdev_io, ch);
}

/* ---- channels: channel.c ---- */

/* io_device &g_bdev_manager, context struct bdev_thread. */
int bdev_thread_create(void *io_device, void *ctx_buf);
void bdev_thread_destroy(void *io_device, void *ctx_buf);

/* io_device is the bdev_state, context struct bdev_channel. */
int bdev_channel_create(void *io_device, void *ctx_buf);
void bdev_channel_destroy(void *io_device, void *ctx_buf);
/* True if the channel, which nobody has any more, is needed by I/O that has not ended or was not freed. */
bool bdev_channel_is_busy(void *ctx_buf);

/* spdk_bdev_for_each_channel() in memory of the caller, which is in use until cpl is called. */
void bdev_for_each_channel(struct spdk_bdev_channel_iter *iter, struct spdk_bdev *bdev,
	spdk_bdev_for_each_channel_msg fn, void *ctx, spdk_bdev_for_each_channel_done cpl);

/* Completes ABORTED what waits for its rate, NOMEM retry or a data buffer on this channel; on the channel's thread. */
void bdev_channel_abort_queued(struct bdev_channel *ch);

/*
 * The bdev is out of reach, and nobody can end any more what its channels keep back: ends that ABORTED, and keeps
 * nothing back from now on. On the channel's thread.
 */
void bdev_channel_leave(struct bdev_channel *ch);

/*
 * Time as the reactor saw it when it began this turn; reading the clock for each I/O would cost a quarter of the time
 * that the layer spends on it.
 */
static inline uint64_t
bdev_thread_now(struct bdev_thread *thread)
{
	return spdk_thread_get_last_tsc(thread->thread);
}

/* ---- the way of an I/O: submit.c, complete.c, retry.c ---- */

/* Submits an I/O that some gate, or a limit of the bdev, looks at. */
BDEV_SELDOM void bdev_io_submit_gated(struct spdk_bdev_io *bdev_io);
/* The last part of that: what waited for its rate goes on. */
void bdev_io_submit_admitted(struct spdk_bdev_io *bdev_io);

/* With BDEV_GATE_STRICT: calls submit_request and watches what it does. */
void __attribute__((noinline)) bdev_strict_call_module(struct spdk_bdev_io *bdev_io, struct bdev_channel *ch);

static inline void
bdev_io_call_module(struct spdk_bdev_io *bdev_io, struct bdev_channel *ch)
{
	if (spdk_unlikely(ch->gates & BDEV_GATE_STRICT)) {
		bdev_strict_call_module(bdev_io, ch);
	} else {
		bdev_io->bdev->fn_table->submit_request(ch->module_ch, bdev_io);
	}
}

/* Gives an I/O to the module. */
static inline void
bdev_io_submit_to_module(struct spdk_bdev_io *bdev_io, struct bdev_channel *ch)
{
	ch->outstanding++;
	bdev_io_call_module(bdev_io, ch);
	/* Still there: what completes inside submit_request is ended by a message. */
	bdev_io->internal.flags &= ~BDEV_IO_IN_SUBMIT;
}

/* True if nothing that the bdev states may call for splitting or delaying a read or write. */
static inline bool
bdev_has_no_rw_limits(const struct spdk_bdev *bdev)
{
	uint64_t limits[2];

	memcpy(limits, &bdev->max_segment_size, sizeof(limits));
	return (limits[0] | limits[1]) == 0;
}

static inline void
bdev_io_submit(struct spdk_bdev_io *bdev_io, struct bdev_channel *ch)
{
	if (spdk_likely(ch->gates == 0 && bdev_has_no_rw_limits(bdev_io->bdev))) {
		/* bdev_io_submit_to_module(), with no gate to look at. */
		ch->outstanding++;
		bdev_io->bdev->fn_table->submit_request(ch->module_ch, bdev_io);
		bdev_io->internal.flags &= ~BDEV_IO_IN_SUBMIT;
	} else {
		bdev_io_submit_gated(bdev_io);
	}
}

/*
 * Ends an I/O that is not inside the module: counts it and calls its owner, or sends a message to do so if the owner
 * is still inside the call that submitted it.
 */
void bdev_io_end(struct spdk_bdev_io *bdev_io, enum spdk_bdev_io_status status);

/* The last part of spdk_bdev_io_complete(): the I/O may be completed, here and now. */
void bdev_io_complete_checked(struct spdk_bdev_io *bdev_io, enum spdk_bdev_io_status status);

/* Ends what has completed on this channel and waits for its message. */
void bdev_channel_end_deferred(struct bdev_channel *ch);

int bdev_retry_init(struct bdev_shared *shared);
void bdev_retry_fini(struct bdev_shared *shared);
/* The module has no memory for this I/O: keep it until it may have. */
void bdev_retry_queue(struct spdk_bdev_io *bdev_io);
/* A new I/O, behind those that wait. */
void bdev_retry_queue_behind(struct spdk_bdev_io *bdev_io);
/* An I/O has left the module. */
void bdev_retry_kick(struct bdev_shared *shared);
/* Takes the I/Os of ch out of the queue and ends them ABORTED. */
void bdev_retry_abort(struct bdev_channel *ch);
/* Takes one I/O out of the queue. */
void bdev_retry_cancel(struct spdk_bdev_io *bdev_io);

/*
 * Takes an I/O of the given type for the work of outer, with its descriptor and channel and outer's bdev_io_private as
 * argument of the callback. Its place, length and buffers are the caller's to fill in. NULL: none left; wait calls
 * again(outer's bdev_io_private) when there is one. Drop gives one back that was not submitted.
 */
struct spdk_bdev_io *bdev_io_take_inner(
	struct spdk_bdev_io *outer, enum bdev_io_rank rank, enum spdk_bdev_io_type type, spdk_bdev_io_completion_cb cb);
void bdev_io_wait_inner(struct bdev_io_private *outer, enum bdev_io_rank rank, spdk_bdev_io_wait_cb again);
void bdev_io_drop_inner(struct spdk_bdev_io *inner);

/* ---- range locks: lock.c ---- */

/* status 0: the range is locked, or no longer; or a negative errno, and it is not. */
typedef void (*bdev_lock_cb)(void *ctx, int status);

/*
 * Locks blocks for ctx: what would change them waits, on all channels, except I/O with BDEV_IO_LOCK_OWNER. Overlapping
 * locks are granted one after the other. cb runs on this thread, never inside this call, when I/O that was under way
 * has ended. 0 or -ENOMEM, and then cb is not called.
 */
int bdev_lock_range(struct spdk_bdev *bdev, uint64_t offset_blocks, uint64_t num_blocks, bdev_lock_cb cb, void *ctx);

/*
 * Ends a lock that has been granted: the same bdev, range and ctx. What waited is submitted, then cb runs on this
 * thread, never inside this call, with status 0. 0 or -EINVAL: there is no such lock, and cb is not called.
 */
int bdev_unlock_range(struct spdk_bdev *bdev, uint64_t offset_blocks, uint64_t num_blocks, bdev_lock_cb cb, void *ctx);

/* All locks of one bdev. NULL: no memory. Close when its last channel is gone: who waits for a lock gets -ENODEV. */
struct bdev_lock_set *bdev_lock_set_alloc(struct bdev_state *state);
void bdev_lock_set_close(struct bdev_lock_set *set);

/* A new channel gets the locks that there are. 0 or -ENOMEM. Fini ends ABORTED what waits for one. */
int bdev_lock_channel_init(struct bdev_channel *ch);
void bdev_lock_channel_fini(struct bdev_channel *ch);
void bdev_lock_abort(struct bdev_channel *ch);

/* With BDEV_GATE_LOCK: true if a lock keeps a new I/O back, which has been queued. */
bool bdev_lock_queue(struct spdk_bdev_io *bdev_io);
/* With BDEV_IO_LOCK_WAITED: the I/O has ended. */
BDEV_SELDOM void bdev_lock_io_ended(struct spdk_bdev_io *bdev_io);

/* ---- rate limits: qos.c, qos_group.c ---- */

/* A new channel gets what limits its bdev. 0 or -ENOMEM. Fini ends ABORTED what waits. */
int bdev_qos_channel_init(struct bdev_channel *ch);
void bdev_qos_channel_fini(struct bdev_channel *ch);
/* Ends ABORTED what waits; also a channel without limits. */
void bdev_qos_abort(struct bdev_channel *ch);

/* With BDEV_GATE_QOS: true if a new I/O has to wait, and has been queued. */
bool bdev_qos_queue(struct spdk_bdev_io *bdev_io);
/* With BDEV_IO_QUEUED_QOS: takes an I/O out of its queue and ends it ABORTED. */
void bdev_qos_cancel(struct spdk_bdev_io *bdev_io);

/*
 * A change of what limits a bdev: begin, with state->lock held; change; and run, without, on the thread that is to be
 * called back. Begin returns 0 or -EAGAIN, -ENODEV, -ENOMEM. While it runs, the bdev is not detached.
 */
int bdev_qos_change_begin_locked(struct bdev_state *state, bdev_qos_cb cb, void *ctx);
void bdev_qos_change_run(struct bdev_state *state);

/* NULL for none. */
struct bdev_rate *bdev_qos_group_get_rate(const struct bdev_qos_group *group);
/* Makes the bdev a member of that group only, NULL: of none. bdev_manager.lock and state->lock are held. */
void bdev_qos_group_move_locked(struct bdev_state *state, struct bdev_qos_group *group);
/* Frees all groups, when there are no bdevs. */
void bdev_qos_group_clear(void);

bool bdev_qos_group_exists(const char *name);
/* Array of the groups; or of one, name NULL: all. */
void bdev_qos_group_write_info(struct spdk_json_write_ctx *w, const char *name);
/* The calls that make the groups; that put a bdev into its group; and that limit a bdev. None where nothing is set. */
void bdev_qos_group_write_config(struct spdk_json_write_ctx *w);
void bdev_qos_group_write_member_config(struct spdk_json_write_ctx *w, struct spdk_bdev *bdev);
void bdev_qos_write_config(struct spdk_json_write_ctx *w, struct spdk_bdev *bdev);
/* The four limits as members of an object. */
void bdev_qos_write_limits(struct spdk_json_write_ctx *w, struct spdk_bdev *bdev);

/* ---- abort.c ---- */

/*
 * Gives an ABORT to the module; or, if its target has ended or waits inside the layer, ends the target if need be and
 * the ABORT with success.
 */
void bdev_abort_submit(struct spdk_bdev_io *abort);

/* ---- iterate.c ---- */

/*
 * Calls fn with each I/O in the submitted set of ch; on its thread. Those that begin meanwhile are left out. fn may
 * submit, abort and free I/O, but not walk itself. Non-zero from it ends the walk and is returned.
 */
int bdev_channel_for_each_io(struct bdev_channel *ch, spdk_bdev_io_fn fn, void *ctx);

/* ---- split.c ---- */

bool bdev_io_needs_split(const struct spdk_bdev_io *bdev_io);
/* Makes bdev_io a parent and submits its first children. */
void bdev_io_split(struct spdk_bdev_io *bdev_io);
/* A parent is to submit no further children. True if it has none and waits for nothing any more: to be ended. */
bool bdev_split_stop(struct spdk_bdev_io *bdev_io);

/*
 * Takes at most max bytes from the buffers of an I/O at the place that split_iov and split_iov_offset name, and moves
 * that on. False: they are used up.
 */
bool bdev_io_take_segment(struct bdev_io_private *priv, uint64_t max, struct iovec *segment);

/* ---- emulation: what a module lacks is made from reads and writes ---- */

/* True if the layer writes zeroes itself. */
bool bdev_io_is_emulated(const struct spdk_bdev_io *bdev_io);
/* Blocks that one write of zeroes can have. */
uint64_t bdev_emulate_max_zeroes(const struct spdk_bdev *bdev);
/* Gives a write, of which the place and length are set, zeroes for data. */
void bdev_emulate_zeroes(struct spdk_bdev_io *write);
/* Takes an I/O out of the submitted set: others work for it. None of its blocks has been dealt with. */
void bdev_emulate_begin(struct spdk_bdev_io *bdev_io);

/* Carry out an I/O that a submission function has just filled in: compare.c, compare_write.c, copy.c. */
void bdev_emulate_compare(struct spdk_bdev_io *bdev_io);
void bdev_emulate_compare_and_write(struct spdk_bdev_io *bdev_io);
void bdev_emulate_copy(struct spdk_bdev_io *bdev_io);

/*
 * Compares the buffers of outer, for which bdev_emulate_begin() was called, with the medium. outer->compared gets
 * SUCCESS, MISCOMPARE or FAILED, perhaps inside this call.
 */
void bdev_compare_run(struct bdev_io_private *outer);

/* ---- buffer.c ---- */

/* Bytes of the largest buffer that the layer has. */
uint64_t bdev_buf_max_size(void);
/* Bytes that one block, with its metadata, takes in a buffer of the layer. */
uint64_t bdev_buf_block_size(const struct spdk_bdev *bdev);
/* Blocks, with their metadata, that fit into a buffer of so many bytes when their data is aligned as the bdev needs it. */
uint64_t bdev_buf_fit_blocks(const struct spdk_bdev *bdev, uint64_t bytes);
/* spdk_bdev_io_get_buf() for an I/O of the layer's own, without buffers: for num_blocks with their metadata. */
void bdev_io_get_buf_blocks(struct spdk_bdev_io *bdev_io, spdk_bdev_io_get_buf_cb cb, uint64_t num_blocks);
/* Puts the user's buffers back, after having copied to them what was read. Returns the status to go on with. */
enum spdk_bdev_io_status bdev_io_unbounce(struct spdk_bdev_io *bdev_io, enum spdk_bdev_io_status status);
/* Releases the layer's buffer. */
void bdev_io_put_buf(struct spdk_bdev_io *bdev_io);
/* Takes the I/Os of ch that wait for a buffer out of the queue and ends them ABORTED. */
void bdev_buf_abort(struct bdev_channel *ch);
/* Takes one I/O out of the queue. */
void bdev_buf_cancel(struct spdk_bdev_io *bdev_io);
/*
 * Takes a buffer that convert.c releases. NULL: the I/O waits for it in the queue, until cb, which calls
 * bdev_buf_arrived() first, or until it is ended ABORTED.
 */
void *bdev_buf_take(struct spdk_bdev_io *bdev_io, uint64_t len, spdk_iobuf_get_cb cb);
struct spdk_bdev_io *bdev_buf_arrived(struct spdk_iobuf_entry *entry);

/* A reset keeps new I/O from the channel. */
bool bdev_channel_is_frozen(struct bdev_channel *ch);

/* ---- convert.c ---- */

/* True if metadata is to be made and checked for someone who asks for it with these bits. */
bool bdev_convert_strips(const struct spdk_bdev *bdev, uint32_t cdw12);
/* Submits a read or write that has to be converted; sequence may be NULL. */
BDEV_SELDOM void bdev_convert_submit(struct spdk_bdev_io *bdev_io, struct spdk_accel_sequence *sequence);
/* With BDEV_IO_CONVERTED: the I/O itself has ended; bdev_io_end() follows when its data are where they belong. */
BDEV_SELDOM void bdev_convert_end(struct spdk_bdev_io *bdev_io, enum spdk_bdev_io_status status);
/* With BDEV_IO_CONVERTING: there may be memory now. */
void bdev_convert_retry(struct spdk_bdev_io *bdev_io);

/* True if its data are being prepared: it has not begun, as far as the blocks are concerned. */
static inline bool
bdev_convert_is_before(struct spdk_bdev_io *bdev_io)
{
	return (bdev_io->internal.marks & BDEV_IO_CONVERTING) && !bdev_io_private(bdev_io)->convert.ended;
}

/* ---- stat.c ---- */

static inline void
bdev_stat_count_as(
	struct bdev_stat *stat, enum spdk_bdev_io_type type, const struct spdk_bdev_io *bdev_io, uint64_t latency)
{
	struct bdev_counters *counters = &stat->counters[type];

	counters->ops++;
	counters->blocks += bdev_io->u.bdev.num_blocks;
	counters->latency += latency;
	if (spdk_unlikely(latency > counters->max_latency)) {
		counters->max_latency = latency;
	}
	if (spdk_unlikely(latency < counters->min_latency)) {
		counters->min_latency = latency;
	}
}

static inline void
bdev_stat_count(struct bdev_stat *stat, const struct spdk_bdev_io *bdev_io, uint64_t latency)
{
	bdev_stat_count_as(stat, (enum spdk_bdev_io_type)bdev_io->type, bdev_io, latency);
}

/* A ZCOPY counts as the read or write that it begins with. */
void bdev_stat_count_zcopy(struct bdev_stat *stat, struct spdk_bdev_io *bdev_io, uint64_t latency);
/* Counts a failure, from any thread. */
void bdev_stat_count_error(struct bdev_state *state, enum spdk_bdev_io_status status);
/* Adds what a channel has counted. */
void bdev_stat_add(struct bdev_stat *total, const struct bdev_stat *add);

/* ---- timeout.c ---- */

/* The descriptor is being closed: nobody is told any more. No lock held. */
void bdev_timeout_close(struct spdk_bdev_desc *desc);
void bdev_timeout_channel_init(struct bdev_channel *ch);
/* An I/O begins that has met BDEV_GATE_TIMEOUT. */
BDEV_SELDOM void bdev_timeout_io_begins(struct bdev_channel *ch);

/* ---- queue_depth.c ---- */

/* The bdev is being unregistered. No lock held. */
void bdev_sampling_end(struct bdev_state *state);

/* ---- histogram.c ---- */

/* A new channel collects if the others do, and what one that goes has collected is kept. */
void bdev_histogram_channel_init(struct bdev_channel *ch);
void bdev_histogram_channel_fini(struct bdev_channel *ch);
void bdev_histogram_fini(struct bdev_state *state);

/* With BDEV_GATE_HISTOGRAM: an I/O has ended. */
BDEV_SELDOM void bdev_histogram_count(struct bdev_channel *ch, const struct spdk_bdev_io *bdev_io, uint64_t latency);

/* Whether it belongs to the configuration. */
bool bdev_histogram_is_saved(struct spdk_bdev *bdev);

/* Adds what channels that are gone have collected, and what one has: on the channel's thread. Returns 0 or a negative errno. */
int bdev_histogram_add_gone(struct bdev_state *state, struct spdk_histogram_data *histogram);
int bdev_histogram_add(const struct bdev_channel *ch, struct spdk_histogram_data *histogram);

/* ---- zcopy_base.c: a zero-copy that was handed down to another bdev ---- */

/* Its start has succeeded there: what the base lends is lent on, and base_io is kept. The caller completes bdev_io. */
void bdev_zcopy_lend(struct spdk_bdev_io *bdev_io, struct spdk_bdev_io *base_io);
/* Hands its end down. Returns what spdk_bdev_zcopy_end() does, -EINVAL if there was no start. */
int bdev_zcopy_end(struct spdk_bdev_io *bdev_io, spdk_bdev_io_completion_cb cb);
/* It is freed without having been ended: ends that of the base. */
BDEV_SELDOM void bdev_zcopy_give_up(struct bdev_io_private *priv);

/* ---- trace.c ---- */

/* Makes the bdev an owner of trace points; bdev_manager.lock is held. Does nothing without a trace. */
void bdev_trace_register_locked(struct bdev_state *state);
void bdev_trace_unregister(struct bdev_state *state);

/* Between these two, gates follow the masks. On the thread that starts the layer; from any. */
void bdev_trace_init(void);
void bdev_trace_fini(void);

void bdev_trace_channel_create(struct bdev_channel *ch);
void bdev_trace_channel_destroy(struct bdev_channel *ch, struct bdev_state *state);

/* An I/O that has met BDEV_GATE_TRACE, again if it had to wait. And the end of one that is marked BDEV_IO_TRACED. */
BDEV_SELDOM void bdev_trace_start(struct spdk_bdev_io *bdev_io);
BDEV_SELDOM void bdev_trace_done(struct spdk_bdev_io *bdev_io);
/* And what it meets in between. */
BDEV_SELDOM void bdev_trace_wait(struct spdk_bdev_io *bdev_io, enum bdk_trace_wait what);
BDEV_SELDOM void bdev_trace_module(struct spdk_bdev_io *bdev_io);

/* ---- late.c ---- */

int bdev_late_channel_init(struct bdev_channel *ch);
void bdev_late_channel_fini(struct bdev_channel *ch);
/* Whether it is held, and completed later. Behind BDEV_GATE_LATE. */
bool bdev_late_hold(struct spdk_bdev_io *bdev_io, enum spdk_bdev_io_status status);

/* ---- reset.c ---- */

/* Starts a RESET, or queues it behind the one that runs. */
void bdev_reset_start(struct spdk_bdev_io *bdev_io);
/* The module has completed a RESET. */
void bdev_reset_complete(struct spdk_bdev_io *bdev_io, enum spdk_bdev_io_status status);

#endif /* BDEV_IO_INTERNAL_H */
