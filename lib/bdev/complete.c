/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The way of an I/O back from the module to its owner.
 */

#include "lib/bdev/strict.h"
#include "lib/thread/thread_host.h"
#include "spdk/string.h"

static void
count_io(struct spdk_bdev_io *bdev_io, bool success)
{
	struct bdev_channel *ch = bdev_io->internal.ch;
	uint64_t latency = bdev_thread_now(ch->thread) - bdev_io->internal.submit_tsc;

	if (!success) {
		bdev_stat_count_error(bdev_state(bdev_io->bdev), bdev_io->internal.status);
	} else if (bdev_io->type == SPDK_BDEV_IO_TYPE_ZCOPY) {
		bdev_stat_count_zcopy(&ch->stat, bdev_io, latency);
	} else {
		bdev_stat_count(&ch->stat, bdev_io, latency);
	}
	if (ch->gates & BDEV_GATE_HISTOGRAM) {
		bdev_histogram_count(ch, bdev_io, latency);
	}
}

/* Calls the owner, after which the I/O may be gone. */
static void
call_owner(struct spdk_bdev_io *bdev_io)
{
	bool success = bdev_io->internal.status == SPDK_BDEV_IO_STATUS_SUCCESS;

	if (bdev_io->internal.marks & BDEV_IO_TRACED) {
		bdev_trace_done(bdev_io);
	}
	if (!(bdev_io->internal.flags & BDEV_IO_PARENT)) {
		count_io(bdev_io, success);
	}
	if (bdev_io->internal.marks & BDEV_IO_WATCHED) {
		bdev_strict_call_owner(bdev_io, success);
		return;
	}
	bdev_io->internal.cb(bdev_io, success, bdev_io->internal.caller_ctx);
}

/* ---- completion inside submit_request ----
 *
 * Its owner must not be called before the submission has returned. Such I/Os are collected, and one message calls the
 * owners of all that have come together until it arrives.
 */

static void __attribute__((noinline)) end_one_slowly(struct spdk_bdev_io *bdev_io, uint64_t now)
{
	uint32_t word = bdev_io_get_word(bdev_io);

	bdev_io->internal.flags &= ~BDEV_IO_DEFERRED;
	if (word == BDEV_IO_WORD(SPDK_BDEV_IO_STATUS_SUCCESS, BDEV_IO_RARE_FIELDS | BDEV_IO_DEFERRED) &&
		bdev_io->type != SPDK_BDEV_IO_TYPE_ZCOPY) {
		bdev_stat_count(&bdev_io->internal.ch->stat, bdev_io, now - bdev_io->internal.submit_tsc);
		bdev_io->internal.cb(bdev_io, true, bdev_io->internal.caller_ctx);
	} else if (word == BDEV_IO_MARKED_WORD(SPDK_BDEV_IO_STATUS_SUCCESS, BDEV_IO_WATCHED, BDEV_IO_DEFERRED)) {
		bdev_stat_count(&bdev_io->internal.ch->stat, bdev_io, now - bdev_io->internal.submit_tsc);
		bdev_strict_call_owner(bdev_io, true);
	} else {
		call_owner(bdev_io);
	}
}

static void
end_deferred(struct bdev_thread *thread)
{
	struct bdev_io_cache *cache = &thread->cache;
	struct spdk_bdev_io **batch = cache->deferred;
	uint64_t count = cache->num_deferred, now = bdev_thread_now(thread), i;
	struct spdk_bdev_io *bdev_io;

	/* What the callbacks submit and what completes at once is for the next message. */
	cache->deferred = cache->ending;
	cache->ending = batch;
	cache->num_deferred = 0;
	thread->deferred_sent = false;
	for (i = 0; i < count; i++) {
		/* Not by way of batch: the arrays move when they grow. */
		bdev_io = cache->ending[i];
		if (spdk_likely(
			    bdev_io_get_word(bdev_io) == BDEV_IO_WORD(SPDK_BDEV_IO_STATUS_SUCCESS, BDEV_IO_DEFERRED))) {
			bdev_io->internal.flags = 0;
			bdev_stat_count(&bdev_io->internal.ch->stat, bdev_io, now - bdev_io->internal.submit_tsc);
			bdev_io->internal.cb(bdev_io, true, bdev_io->internal.caller_ctx);
		} else {
			end_one_slowly(bdev_io, now);
		}
	}
}

static void
end_deferred_cb(void *ctx)
{
	struct bdev_thread *thread = ctx;

	end_deferred(thread);
	spdk_put_io_channel(spdk_io_channel_from_ctx(thread));
}

void
bdev_channel_end_deferred(struct bdev_channel *ch)
{
	struct bdev_io_cache *cache = &ch->thread->cache;
	struct spdk_bdev_io *bdev_io;
	uint64_t i = 0;

	while (i < cache->num_deferred) {
		bdev_io = cache->deferred[i];
		if (bdev_io->internal.ch != ch) {
			i++;
			continue;
		}
		cache->num_deferred--;
		memmove(&cache->deferred[i], &cache->deferred[i + 1],
			(cache->num_deferred - i) * sizeof(*cache->deferred));
		bdev_io->internal.flags &= ~BDEV_IO_DEFERRED;
		call_owner(bdev_io);
	}
}

static void __attribute__((noinline)) send_deferred(struct bdev_thread *thread)
{
	/* The message keeps what it works on. */
	thread_io_channel_hold(spdk_io_channel_from_ctx(thread));
	thread->deferred_sent = true;
	bdk_msg_send(thread->thread, &thread->deferred_msg, end_deferred_cb, thread);
}

/* The caller has marked it BDEV_IO_DEFERRED. There is room for as many as the thread holds. */
static inline void
defer(struct spdk_bdev_io *bdev_io, struct bdev_thread *thread)
{
	struct bdev_io_cache *cache = &thread->cache;

	cache->deferred[cache->num_deferred++] = bdev_io;
	if (spdk_unlikely(!thread->deferred_sent)) {
		send_deferred(thread);
	}
}

void
bdev_io_end(struct spdk_bdev_io *bdev_io, enum spdk_bdev_io_status status)
{
	if (bdev_io->internal.flags & BDEV_IO_BOUNCED) {
		status = bdev_io_unbounce(bdev_io, status);
	}
	if (bdev_io->internal.marks & BDEV_IO_CONVERTED) {
		bdev_convert_end(bdev_io, status);
		return;
	}
	bdev_io->internal.status = status;
	if (bdev_io->internal.flags & BDEV_IO_LOCK_WAITED) {
		bdev_lock_io_ended(bdev_io);
	}
	if (bdev_io->internal.flags & BDEV_IO_IN_SUBMIT) {
		bdev_io->internal.flags |= BDEV_IO_DEFERRED;
		if (bdev_io->internal.ch->gates & BDEV_GATE_HISTOGRAM) {
			bdev_io->internal.marks |= BDEV_IO_MEASURED;
		}
		defer(bdev_io, bdev_io->internal.ch->thread);
	} else {
		call_owner(bdev_io);
	}
}

static void
complete_forwarded_cb(void *ctx)
{
	struct spdk_bdev_io *bdev_io = ctx;

	__atomic_store_n(&bdev_io_private(bdev_io)->forwarded, false, __ATOMIC_RELEASE);
	spdk_bdev_io_complete(bdev_io, bdev_io_private(bdev_io)->pending_status);
}

/* Passes an I/O on to its own thread, unless it is on its way already. */
static void
pass_on(struct spdk_bdev_io *bdev_io, spdk_msg_fn fn)
{
	bdk_msg_send(bdev_io->internal.ch->thread->thread, &bdev_io_private(bdev_io)->msg, fn, bdev_io);
}

static bool
begin_forward(struct spdk_bdev_io *bdev_io)
{
	return !__atomic_exchange_n(&bdev_io_private(bdev_io)->forwarded, true, __ATOMIC_ACQ_REL);
}

/* A module must complete an I/O on the thread that submitted it. One that does not is told, and put right. */
static void
forward(struct spdk_bdev_io *bdev_io, enum spdk_bdev_io_status status, const void *caller)
{
	bool first = begin_forward(bdev_io);

	if (!first && g_bdev_strict) {
		bdev_strict_report_stray(bdev_io, caller);
	} else if (g_bdev_strict) {
		bdev_strict_report_thread(bdev_io, caller);
	} else {
		SPDK_ERRLOG("%s: module %s completed an I/O of type %u on another thread than its own\n",
			bdev_io->bdev->name, bdev_io->bdev->module->name, bdev_io->type);
	}
	if (first) {
		bdev_io_private(bdev_io)->pending_status = status;
		pass_on(bdev_io, complete_forwarded_cb);
	}
}

static bool
is_inside_module(struct spdk_bdev_io *bdev_io)
{
	return bdev_io->internal.status == SPDK_BDEV_IO_STATUS_PENDING &&
		!(bdev_io->internal.marks & BDEV_IO_CONVERTING) && !bdev_io_private(bdev_io)->late &&
		!(bdev_io->internal.flags &
			(BDEV_IO_FREE | BDEV_IO_PARENT | BDEV_IO_QUEUED_NOMEM | BDEV_IO_QUEUED_QOS |
				BDEV_IO_QUEUED_LOCK));
}

void
bdev_io_complete_checked(struct spdk_bdev_io *bdev_io, enum spdk_bdev_io_status status)
{
	struct bdev_channel *ch = bdev_io->internal.ch;

	if (bdev_io->internal.flags & BDEV_IO_RESET) {
		bdev_reset_complete(bdev_io, status);
		return;
	}
	ch->outstanding--;
	if (status == SPDK_BDEV_IO_STATUS_NOMEM) {
		bdev_retry_queue(bdev_io);
		return;
	}
	if (ch->gates & BDEV_GATE_NOMEM) {
		/* An ABORT may be among those that are tried again: this one is no target any more. */
		bdev_io->internal.status = status;
		bdev_retry_kick(ch->shared);
	}
	bdev_io_end(bdev_io, status);
}

/* All that the straight way through spdk_bdev_io_complete() leaves out. */
static void __attribute__((noinline))
complete_slowly(struct spdk_bdev_io *bdev_io, enum spdk_bdev_io_status status, const void *caller)
{
	struct bdev_channel *ch = bdev_io->internal.ch;

	if (!is_inside_module(bdev_io)) {
		if (g_bdev_strict) {
			bdev_strict_report_stray(bdev_io, caller);
			return;
		}
		SPDK_ERRLOG("module %s completed an I/O of type %u that it does not have\n",
			bdev_io->bdev->module->name, bdev_io->type);
		return;
	}
	if (spdk_get_thread() != ch->thread->thread) {
		forward(bdev_io, status, caller);
		return;
	}
	if (status == SPDK_BDEV_IO_STATUS_PENDING || status < SPDK_MIN_BDEV_IO_STATUS ||
		status > SPDK_BDEV_IO_STATUS_SUCCESS) {
		if (g_bdev_strict) {
			bdev_strict_report_status(bdev_io, status, caller);
		} else {
			SPDK_ERRLOG("%s: module %s completed an I/O with status %d\n", bdev_io->bdev->name,
				bdev_io->bdev->module->name, status);
		}
		status = SPDK_BDEV_IO_STATUS_FAILED;
	}
	if (bdev_io->internal.marks & BDEV_IO_WATCHED) {
		bdev_strict_complete(bdev_io, status, caller);
	}
	if (bdev_io->internal.flags & BDEV_IO_QUEUED_BUF) {
		bdev_buf_cancel(bdev_io);
	}
	if (!(ch->gates & BDEV_GATE_LATE) || !bdev_late_hold(bdev_io, status)) {
		bdev_io_complete_checked(bdev_io, status);
	}
}

/* The straight way of an I/O of which strict mode only wants to know. */
static inline void
complete_watched(struct spdk_bdev_io *bdev_io, struct bdev_channel *ch, const void *caller)
{
	uint16_t flags = bdev_io->internal.flags;

	bdev_strict_complete(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS, caller);
	ch->outstanding--;
	if (flags & BDEV_IO_IN_SUBMIT) {
		bdev_io_set_word(bdev_io,
			BDEV_IO_MARKED_WORD(
				SPDK_BDEV_IO_STATUS_SUCCESS, BDEV_IO_WATCHED, BDEV_IO_IN_SUBMIT | BDEV_IO_DEFERRED));
		defer(bdev_io, ch->thread);
	} else {
		bdev_io_set_word(bdev_io, BDEV_IO_MARKED_WORD(SPDK_BDEV_IO_STATUS_SUCCESS, BDEV_IO_WATCHED, 0));
		bdev_stat_count(&ch->stat, bdev_io, bdev_thread_now(ch->thread) - bdev_io->internal.submit_tsc);
		bdev_strict_call_owner(bdev_io, true);
	}
}

/* The straight way of an I/O whose accel sequence, or what else is rare, was the module's to deal with. */
static inline void
complete_direct(struct spdk_bdev_io *bdev_io, struct bdev_channel *ch)
{
	uint16_t flags = bdev_io->internal.flags & (BDEV_IO_IN_SUBMIT | BDEV_IO_RARE_FIELDS);

	ch->outstanding--;
	if (flags & BDEV_IO_IN_SUBMIT) {
		bdev_io_set_word(bdev_io, BDEV_IO_WORD(SPDK_BDEV_IO_STATUS_SUCCESS, flags | BDEV_IO_DEFERRED));
		defer(bdev_io, ch->thread);
	} else {
		bdev_io_set_word(bdev_io, BDEV_IO_WORD(SPDK_BDEV_IO_STATUS_SUCCESS, flags));
		bdev_stat_count(&ch->stat, bdev_io, bdev_thread_now(ch->thread) - bdev_io->internal.submit_tsc);
		bdev_io->internal.cb(bdev_io, true, bdev_io->internal.caller_ctx);
	}
}

static bool
is_direct(struct spdk_bdev_io *bdev_io)
{
	const uint32_t usual = BDEV_IO_WORD(SPDK_BDEV_IO_STATUS_PENDING, BDEV_IO_IN_SUBMIT | BDEV_IO_RARE_FIELDS);
	uint32_t word = bdev_io_get_word(bdev_io);

	return (bdev_io->type == SPDK_BDEV_IO_TYPE_READ || bdev_io->type == SPDK_BDEV_IO_TYPE_WRITE) &&
		((word & ~usual) == 0 ||
			((word & ~usual) == BDEV_IO_MARKED_WORD(SPDK_BDEV_IO_STATUS_PENDING, BDEV_IO_CONVERTED, 0) &&
				bdev_io_private(bdev_io)->convert.direct && bdev_io->u.bdev.accel_sequence == NULL));
}

/* Of what the straight way through spdk_bdev_io_complete() does not take. */
static void __attribute__((noinline))
complete_otherwise(struct spdk_bdev_io *bdev_io, enum spdk_bdev_io_status status, const void *caller)
{
	const uint32_t usual = BDEV_IO_WORD(SPDK_BDEV_IO_STATUS_PENDING, BDEV_IO_IN_SUBMIT | BDEV_IO_CHILD);
	const uint32_t watched = BDEV_IO_MARKED_WORD(SPDK_BDEV_IO_STATUS_PENDING, BDEV_IO_WATCHED, 0);
	struct bdev_channel *ch = bdev_io->internal.ch;

	/* What is not pending may have no channel any more. */
	if (status == SPDK_BDEV_IO_STATUS_SUCCESS && is_direct(bdev_io) && ch->gates == 0 &&
		spdk_get_thread() == ch->thread->thread) {
		complete_direct(bdev_io, ch);
	} else if ((bdev_io_get_word(bdev_io) & ~usual) == watched && status == SPDK_BDEV_IO_STATUS_SUCCESS &&
		ch->gates == BDEV_GATE_STRICT && spdk_get_thread() == ch->thread->thread) {
		complete_watched(bdev_io, ch, caller);
	} else {
		complete_slowly(bdev_io, status, caller);
	}
}

void
spdk_bdev_io_complete(struct spdk_bdev_io *bdev_io, enum spdk_bdev_io_status status)
{
	const uint32_t in_submit = BDEV_IO_WORD(SPDK_BDEV_IO_STATUS_PENDING, BDEV_IO_IN_SUBMIT);
	const uint32_t usual = in_submit | BDEV_IO_WORD(SPDK_BDEV_IO_STATUS_PENDING, BDEV_IO_CHILD);
	uint32_t word = bdev_io_get_word(bdev_io);
	struct bdev_channel *ch = bdev_io->internal.ch;

	/* Pending, inside the module, and nothing special about it, but that submit_request may not have returned. */
	if (spdk_unlikely((word & ~usual) != 0 || status != SPDK_BDEV_IO_STATUS_SUCCESS || ch->gates != 0 ||
		    spdk_get_thread() != ch->thread->thread)) {
		complete_otherwise(bdev_io, status, __builtin_return_address(0));
		return;
	}
	ch->outstanding--;
	if (word & in_submit) {
		bdev_io_set_word(
			bdev_io, BDEV_IO_WORD(SPDK_BDEV_IO_STATUS_SUCCESS, BDEV_IO_IN_SUBMIT | BDEV_IO_DEFERRED));
		defer(bdev_io, ch->thread);
	} else {
		bdev_io_set_word(bdev_io, BDEV_IO_WORD(SPDK_BDEV_IO_STATUS_SUCCESS, 0));
		bdev_stat_count(&ch->stat, bdev_io, bdev_thread_now(ch->thread) - bdev_io->internal.submit_tsc);
		bdev_io->internal.cb(bdev_io, true, bdev_io->internal.caller_ctx);
	}
}

/* Leaves a free object with the rare fields as the submission functions expect them: zero. */
static void
clear_rare_fields(struct spdk_bdev_io *bdev_io)
{
	struct spdk_bdev_io_block_params *params = &bdev_io->u.bdev;

	if (bdev_io_private(bdev_io)->zcopy_base_io != NULL) {
		bdev_zcopy_give_up(bdev_io_private(bdev_io));
	}
	memset(&params->memory_domain, 0, sizeof(*params) - offsetof(struct spdk_bdev_io_block_params, memory_domain));
	memset(&bdev_io_private(bdev_io)->error, 0, sizeof(bdev_io_private(bdev_io)->error));
}

static void
free_forwarded_cb(void *ctx)
{
	__atomic_store_n(&bdev_io_private(ctx)->forwarded, false, __ATOMIC_RELEASE);
	spdk_bdev_free_io(ctx);
}

static inline void
push_free(struct spdk_bdev_io *bdev_io, struct bdev_io_cache *cache)
{
	bdev_io_set_word(bdev_io, BDEV_IO_WORD(SPDK_BDEV_IO_STATUS_SUCCESS, BDEV_IO_FREE));
	cache->stack[--cache->in_use] = bdev_io;
	if (spdk_unlikely(cache->in_use < cache->busy_below)) {
		bdev_io_cache_freed(cache);
	}
}

/* All that the straight way through spdk_bdev_free_io() leaves out. */
static void __attribute__((noinline)) free_slowly(struct spdk_bdev_io *bdev_io)
{
	struct bdev_channel *ch = bdev_io->internal.ch;

	if (bdev_io_get_word(bdev_io) == BDEV_IO_WORD(SPDK_BDEV_IO_STATUS_SUCCESS, BDEV_IO_RARE_FIELDS) &&
		spdk_get_thread() == ch->thread->thread) {
		clear_rare_fields(bdev_io);
		push_free(bdev_io, &ch->thread->cache);
		return;
	}
	if (bdev_io_get_word(bdev_io) == BDEV_IO_MARKED_WORD(SPDK_BDEV_IO_STATUS_SUCCESS, BDEV_IO_WATCHED, 0) &&
		spdk_get_thread() == ch->thread->thread) {
		bdev_io_cache_push_last(&ch->thread->cache, bdev_io);
		return;
	}
	if (bdev_io->internal.flags & BDEV_IO_FREE) {
		SPDK_ERRLOG("a spdk_bdev_io was freed twice\n");
		return;
	}
	if (bdev_io->internal.status == SPDK_BDEV_IO_STATUS_PENDING || (bdev_io->internal.flags & BDEV_IO_DEFERRED)) {
		SPDK_ERRLOG("%s: a spdk_bdev_io was freed before its completion callback was called\n",
			bdev_io->bdev->name);
		return;
	}
	if (spdk_get_thread() != ch->thread->thread) {
		SPDK_ERRLOG("%s: a spdk_bdev_io was freed on another thread than its own\n", bdev_io->bdev->name);
		if (begin_forward(bdev_io)) {
			pass_on(bdev_io, free_forwarded_cb);
		}
		return;
	}
	if (bdev_io->internal.flags & BDEV_IO_HAS_BUF) {
		bdev_io_put_buf(bdev_io);
	}
	if (bdev_io->internal.flags & BDEV_IO_RARE_FIELDS) {
		clear_rare_fields(bdev_io);
	}
	if (bdev_io->internal.marks & BDEV_IO_WATCHED) {
		bdev_io_cache_push_last(&ch->thread->cache, bdev_io);
		return;
	}
	push_free(bdev_io, &ch->thread->cache);
}

void
spdk_bdev_free_io(struct spdk_bdev_io *bdev_io)
{
	struct bdev_channel *ch = bdev_io->internal.ch;

	if (spdk_unlikely(bdev_io_get_word(bdev_io) != BDEV_IO_WORD(SPDK_BDEV_IO_STATUS_SUCCESS, 0) ||
		    spdk_get_thread() != ch->thread->thread)) {
		free_slowly(bdev_io);
		return;
	}
	push_free(bdev_io, &ch->thread->cache);
}
