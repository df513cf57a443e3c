/* SPDX-License-Identifier: BSD-3-Clause */

/* Strict mode: what is watched of I/O and channels; see strict.h. */

#include "lib/bdev/strict.h"

#include "spdk/crc32.h"

/* How often it looks for I/O that does not complete, within the time that is allowed. */
#define LOOKS 4
/* The fields of a bdev are compared with each so many-th I/O of a channel. */
#define FIELDS_EVERY 256
/* An allocation that comes with fewer than one in so many I/Os is a pool that grows, or the like. */
#define ALLOCATES_RARELY 16
#define ALLOCATES_BY_CHANCE 16

#define CANARY_BYTE 0xb5

/* Which functions of the layer a module may have called to complete, and a user to submit. */
static const char *const g_completing[] = {"spdk_bdev_io_complete", "complete_", "forward", NULL};
static const char *const g_submitting[] = {"spdk_bdev_", "bdev_", "read_", "write_", "submit", NULL};

/* ---- what a report says ---- */

static uint64_t
to_us(uint64_t ticks)
{
	return (uint64_t)((__uint128_t)ticks * SPDK_SEC_TO_USEC / spdk_get_ticks_hz());
}

static const char *
get_thread_name(void)
{
	struct spdk_thread *thread = spdk_get_thread();

	return thread != NULL ? spdk_thread_get_name(thread) : "(none)";
}

/* A time that is in the future, as virtual clocks have it when they start anew, has not passed. */
static uint64_t
since(uint64_t tsc)
{
	uint64_t now = spdk_get_ticks();

	return now > tsc ? now - tsc : 0;
}

static struct strict_fault
describe(const struct bdev_strict_io *io, enum bdk_strict_rule rule, const void *pc)
{
	return (struct strict_fault){
		.rule = rule,
		.module = io->name->module,
		.bdev = io->name->bdev,
		.thread = get_thread_name(),
		.io_type = spdk_bdev_get_io_type_name(io->type),
		.io_number = io->number,
		.offset_blocks = io->offset_blocks,
		.num_blocks = io->num_blocks,
		.age_us = to_us(since(io->given_tsc)),
		.pc = pc,
	};
}

static const void *
find_completer(const void *caller)
{
	return strict_place_find_caller(g_completing, (const char *)caller - 1);
}

/* ---- the canary behind driver_ctx ---- */

static uint8_t *
get_canary(struct spdk_bdev_io *bdev_io, const struct bdev_strict *strict)
{
	return bdev_io->driver_ctx + strict->ctx_size;
}

static void BDEV_SELDOM
check_canary(struct spdk_bdev_io *bdev_io, struct bdev_strict_io *io, const struct bdev_strict *strict)
{
	const uint8_t *canary = get_canary(bdev_io, strict);
	struct strict_fault fault;
	uint32_t last;

	for (last = BDEV_STRICT_CANARY; last > 0 && canary[last - 1] == CANARY_BYTE; last--) {
	}
	if (last == 0) {
		return;
	}
	fault = describe(
		io, BDK_STRICT_DRIVER_CTX_OVERRUN, (const void *)(uintptr_t)strict->copy.fn_table->submit_request);
	strict_report(&fault, "wrote at least %u bytes beyond the %u bytes of driver_ctx that get_ctx_size() asks for",
		last, strict->ctx_size);
}

static bool
canary_lives(struct spdk_bdev_io *bdev_io, const struct bdev_strict *strict)
{
	uint64_t words[BDEV_STRICT_CANARY / sizeof(uint64_t)], wrong = 0;
	size_t i;

	memcpy(words, get_canary(bdev_io, strict), sizeof(words));
	for (i = 0; i < SPDK_COUNTOF(words); i++) {
		wrong |= words[i] ^ CANARY_BYTE * 0x0101010101010101ULL;
	}
	return wrong == 0;
}

/* ---- fields and buffers ---- */

/* What a module has no business with. Not so the place of an append, which is the answer, or buffers that it sets. */
static bool
place_is_fixed(const struct spdk_bdev_io *bdev_io)
{
	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_READ:
	case SPDK_BDEV_IO_TYPE_WRITE:
	case SPDK_BDEV_IO_TYPE_UNMAP:
	case SPDK_BDEV_IO_TYPE_FLUSH:
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
	case SPDK_BDEV_IO_TYPE_COMPARE:
	case SPDK_BDEV_IO_TYPE_COMPARE_AND_WRITE:
	case SPDK_BDEV_IO_TYPE_COPY:
		return true;
	default:
		return false;
	}
}

static bool
has_users_buffers(const struct spdk_bdev_io *bdev_io)
{
	return (bdev_io->type == SPDK_BDEV_IO_TYPE_READ || bdev_io->type == SPDK_BDEV_IO_TYPE_WRITE) &&
		bdev_io->u.bdev.iovs != NULL && bdev_io->u.bdev.iovcnt > 0 && bdev_io->u.bdev.iovs[0].iov_base != NULL;
}

static uint32_t
compute_checksum(const struct spdk_bdev_io *bdev_io)
{
	return spdk_crc32c_iov_update(bdev_io->u.bdev.iovs, bdev_io->u.bdev.iovcnt, 0);
}

/* Most have one. */
static inline void
copy_iovs(struct iovec *to, const struct iovec *from, int count)
{
	to[0] = from[0];
	for (int i = 1; i < count && i < BDEV_STRICT_IOVS; i++) {
		to[i] = from[i];
	}
}

static inline bool
has_same_iovs(const struct iovec *a, const struct iovec *b, int count)
{
	for (int i = 0; i < count && i < BDEV_STRICT_IOVS; i++) {
		if (a[i].iov_base != b[i].iov_base || a[i].iov_len != b[i].iov_len) {
			return false;
		}
	}
	return true;
}

static void
note_fields(struct bdev_strict_io *io, struct spdk_bdev_io *bdev_io)
{
	io->bdev = bdev_io->bdev;
	io->cb = bdev_io->internal.cb;
	io->caller_ctx = bdev_io->internal.caller_ctx;
	io->type = bdev_io->type;
	if (place_is_fixed(bdev_io)) {
		io->offset_blocks = bdev_io->u.bdev.offset_blocks;
		io->num_blocks = bdev_io->u.bdev.num_blocks;
	} else {
		io->offset_blocks = 0;
		io->num_blocks = 0;
	}
	io->has_iov = has_users_buffers(bdev_io);
	io->has_checksum = false;
	if (io->has_iov) {
		io->iovs = bdev_io->u.bdev.iovs;
		io->iovcnt = bdev_io->u.bdev.iovcnt;
		copy_iovs(io->iov, io->iovs, io->iovcnt);
		if (g_strict.opts.check_data && bdev_io->type == SPDK_BDEV_IO_TYPE_WRITE &&
			bdev_io->u.bdev.memory_domain == NULL && bdev_io->u.bdev.accel_sequence == NULL) {
			io->has_checksum = true;
			io->checksum = compute_checksum(bdev_io);
		}
	}
}

/* The name of a field that the module has changed, or NULL. */
static const char *
find_changed(const struct bdev_strict_io *io, const struct spdk_bdev_io *bdev_io)
{
	if (bdev_io->bdev != io->bdev) {
		return "bdev";
	}
	if (bdev_io->type != io->type) {
		return "type";
	}
	if (bdev_io->internal.cb != io->cb || bdev_io->internal.caller_ctx != io->caller_ctx) {
		return "internal";
	}
	if (place_is_fixed(bdev_io) && bdev_io->u.bdev.offset_blocks != io->offset_blocks) {
		return "u.bdev.offset_blocks";
	}
	if (place_is_fixed(bdev_io) && bdev_io->u.bdev.num_blocks != io->num_blocks) {
		return "u.bdev.num_blocks";
	}
	/* The layer may have put its own buffers there, because the module wanted aligned ones. */
	if (!io->has_iov || (bdev_io->internal.flags & (BDEV_IO_BOUNCED | BDEV_IO_HAS_BUF))) {
		return NULL;
	}
	if (bdev_io->u.bdev.iovs != io->iovs || bdev_io->u.bdev.iovcnt != io->iovcnt) {
		return "u.bdev.iovs or iovcnt";
	}
	if (!has_same_iovs(io->iov, io->iovs, io->iovcnt)) {
		return "u.bdev.iovs, what they point to";
	}
	return NULL;
}

/* After it was told of them the first time, it is the same as before for the owner. */
static void
put_right(const struct bdev_strict_io *io, struct spdk_bdev_io *bdev_io)
{
	bdev_io->bdev = io->bdev;
	bdev_io->type = io->type;
	bdev_io->internal.cb = io->cb;
	bdev_io->internal.caller_ctx = io->caller_ctx;
	if (place_is_fixed(bdev_io)) {
		bdev_io->u.bdev.offset_blocks = io->offset_blocks;
		bdev_io->u.bdev.num_blocks = io->num_blocks;
	}
	if (io->has_iov && !(bdev_io->internal.flags & (BDEV_IO_BOUNCED | BDEV_IO_HAS_BUF))) {
		bdev_io->u.bdev.iovs = io->iovs;
		bdev_io->u.bdev.iovcnt = io->iovcnt;
		copy_iovs(io->iovs, io->iov, io->iovcnt);
	}
}

/* True if find_changed() has nothing to find, for the usual I/O. */
static inline bool
is_unchanged(const struct bdev_strict_io *io, const struct spdk_bdev_io *bdev_io)
{
	uint64_t changes = ((uintptr_t)bdev_io->bdev ^ (uintptr_t)io->bdev) | (bdev_io->type ^ io->type) |
		((uintptr_t)bdev_io->internal.cb ^ (uintptr_t)io->cb) |
		((uintptr_t)bdev_io->internal.caller_ctx ^ (uintptr_t)io->caller_ctx) |
		(bdev_io->u.bdev.offset_blocks ^ io->offset_blocks) | (bdev_io->u.bdev.num_blocks ^ io->num_blocks) |
		((uintptr_t)bdev_io->u.bdev.iovs ^ (uintptr_t)io->iovs) | (io->iovcnt ^ 1) |
		(bdev_io->u.bdev.iovcnt ^ 1);

	return changes == 0 && io->has_iov && io->iov[0].iov_base == io->iovs[0].iov_base &&
		io->iov[0].iov_len == io->iovs[0].iov_len && !io->has_checksum;
}

static void __attribute__((noinline))
check_io_slowly(struct spdk_bdev_io *bdev_io, struct bdev_strict_io *io, const void *caller)
{
	const char *changed = find_changed(io, bdev_io);
	struct strict_fault fault;

	if (changed != NULL) {
		fault = describe(io, BDK_STRICT_IO_CHANGED, find_completer(caller));
		fault.key = changed;
		strict_report(&fault, "came back with another %s", changed);
		put_right(io, bdev_io);
		return;
	}
	if (io->has_checksum && !(bdev_io->internal.flags & (BDEV_IO_BOUNCED | BDEV_IO_HAS_BUF)) &&
		compute_checksum(bdev_io) != io->checksum) {
		fault = describe(io, BDK_STRICT_DATA_CHANGED, find_completer(caller));
		strict_report(&fault, "came back with other data than it was given");
	}
}

static inline void
check_io(struct spdk_bdev_io *bdev_io, struct bdev_strict_io *io, const void *caller)
{
	if (spdk_unlikely(!is_unchanged(io, bdev_io))) {
		check_io_slowly(bdev_io, io, caller);
	}
}

/* ---- memory that is allocated on the way ---- */

/* What the module of ch has done during the callback that is the innermost, with one more I/O. */
static void BDEV_SELDOM
account_allocation(
	struct bdev_strict_channel *channel, struct strict_frame *frame, struct bdev_strict_io *io, const char *when)
{
	const void *pc = frame->allocated_at;
	struct strict_fault fault;
	size_t i;

	frame->allocations = 0;
	/* A reset is rare, and walks over all channels, which spdk_for_each_channel() allocates for. */
	if (io->type == SPDK_BDEV_IO_TYPE_RESET) {
		return;
	}
	for (i = 0; i < BDEV_STRICT_PLACES - 1; i++) {
		if (channel->places[i].pc == pc || channel->places[i].pc == NULL) {
			break;
		}
	}
	if (channel->places[i].pc != pc) {
		channel->places[i].pc = pc;
		channel->places[i].count = 0;
		channel->places[i].since = channel->given;
	}
	channel->places[i].count++;
	if (channel->places[i].count < ALLOCATES_BY_CHANCE ||
		channel->places[i].count * ALLOCATES_RARELY < channel->given - channel->places[i].since) {
		return;
	}
	fault = describe(io, BDK_STRICT_ALLOCATED, pc);
	strict_report(&fault, "memory is allocated for an I/O, again and again, %s", when);
}

/* ---- the way to the module ---- */

static void BDEV_SELDOM
report_held(struct bdev_strict_io *io, const struct strict_frame *frame)
{
	struct strict_fault fault;
	uint64_t held_ms;

	if (!strict_hold_is_too_long(frame, &held_ms)) {
		return;
	}
	strict_frame_forgive_outer(frame);
	fault = describe(io, BDK_STRICT_REACTOR_HELD, frame->fn);
	strict_report(&fault, "%s held the thread for %" PRIu64 " ms",
		frame->kind == STRICT_FRAME_SUBMIT ? "submit_request" : "the completion callback of its owner",
		held_ms);
}

static void
begin_polling(struct bdev_thread *thread)
{
	if (spdk_unlikely(!thread->strict_polling && thread->strict_poller != NULL)) {
		thread->strict_polling = true;
		thread->strict_looked = spdk_get_ticks();
		spdk_poller_resume(thread->strict_poller);
	}
}

static void
check_submitter(struct spdk_bdev_io *bdev_io, struct bdev_strict_io *io, struct bdev_channel *ch)
{
	struct strict_fault fault;

	if (spdk_likely(spdk_get_thread() == ch->thread->thread)) {
		return;
	}
	fault = describe(io, BDK_STRICT_SUBMITTED_ON_WRONG_THREAD, strict_place_find_caller(g_submitting, NULL));
	strict_report(&fault, "submitted on thread %s with a channel of thread %s", get_thread_name(),
		spdk_thread_get_name(ch->thread->thread));
}

static void
begin_io(struct spdk_bdev_io *bdev_io, struct bdev_strict_io *io, struct bdev_channel *ch, struct bdev_strict *strict)
{
	bdev_io->internal.marks |= BDEV_IO_WATCHED;
	io->name = strict->name;
	io->generation = __atomic_load_n(&strict->name->generation, __ATOMIC_RELAXED);
	io->where = BDEV_STRICT_IN_MODULE;
	io->said_stuck = false;
	io->looks = 0;
	io->number = ++ch->strict->given;
	io->given_tsc = bdev_thread_now(ch->thread);
	note_fields(io, bdev_io);
	memset(get_canary(bdev_io, strict), CANARY_BYTE, BDEV_STRICT_CANARY);
	check_submitter(bdev_io, io, ch);
	begin_polling(ch->thread);
}

void
bdev_strict_call_module(struct spdk_bdev_io *bdev_io, struct bdev_channel *ch)
{
	const struct spdk_bdev_fn_table *fn_table = bdev_io->bdev->fn_table;
	struct bdev_strict *strict = bdev_state(bdev_io->bdev)->strict;
	struct bdev_strict_io *io = bdev_strict_io(bdev_io);
	struct spdk_bdev *bdev = bdev_io->bdev;
	struct strict_frame frame;

	begin_io(bdev_io, io, ch, strict);
	strict_frame_enter(&frame, STRICT_FRAME_SUBMIT, (const void *)(uintptr_t)fn_table->submit_request, NULL);
	fn_table->submit_request(ch->module_ch, bdev_io);
	if (strict_frame_leave(&frame)) {
		report_held(io, &frame);
	}
	if (spdk_unlikely(frame.allocations > 0)) {
		account_allocation(ch->strict, &frame, io, "in submit_request");
	}
	if (spdk_unlikely(ch->strict->given % FIELDS_EVERY == 0)) {
		bdev_strict_bdev_check(bdev);
	}
}

/* ---- the way back ---- */

void
bdev_strict_complete(struct spdk_bdev_io *bdev_io, enum spdk_bdev_io_status status, const void *caller)
{
	struct bdev_strict_io *io = bdev_strict_io(bdev_io);
	struct bdev_strict *strict = bdev_state(io->bdev)->strict;
	struct bdev_channel *ch = bdev_io->internal.ch;
	struct strict_frame *frame = g_strict_frame;

	io->where = status == SPDK_BDEV_IO_STATUS_NOMEM ? BDEV_STRICT_REFUSED : BDEV_STRICT_COMPLETED;
	io->completed_tsc = bdev_thread_now(ch->thread);
	io->completed_by = (const char *)caller - 1;
	check_io(bdev_io, io, caller);
	if (spdk_unlikely(!canary_lives(bdev_io, strict))) {
		check_canary(bdev_io, io, strict);
	}
	/* What submit_request allocates is accounted for when it returns. */
	if (frame != NULL && spdk_unlikely(frame->allocations > 0) && frame->kind != STRICT_FRAME_SUBMIT) {
		account_allocation(ch->strict, frame, io, "in the callback that completes it");
	}
}

void
bdev_strict_call_owner(struct spdk_bdev_io *bdev_io, bool success)
{
	spdk_bdev_io_completion_cb cb = bdev_io->internal.cb;
	const struct bdev_strict_io *io = bdev_strict_io(bdev_io);
	/* It may be another's when the callback returns: what a report says of it. */
	struct bdev_strict_io copy;
	struct strict_frame frame;

	copy.name = io->name;
	copy.number = io->number;
	copy.given_tsc = io->given_tsc;
	copy.offset_blocks = io->offset_blocks;
	copy.num_blocks = io->num_blocks;
	copy.type = io->type;
	strict_frame_enter(&frame, STRICT_FRAME_COMPLETION, (const void *)(uintptr_t)cb, NULL);
	cb(bdev_io, success, bdev_io->internal.caller_ctx);
	if (strict_frame_leave(&frame)) {
		report_held(&copy, &frame);
	}
}

/* ---- completions that cannot be ---- */

static void
report_unknown(struct spdk_bdev_io *bdev_io, const void *caller)
{
	struct strict_fault fault = {
		.rule = BDK_STRICT_COMPLETED_TWICE,
		.thread = get_thread_name(),
		.pc = find_completer(caller),
	};

	strict_report(&fault, "an I/O was completed that no module has");
}

void
bdev_strict_report_stray(struct spdk_bdev_io *bdev_io, const void *caller)
{
	struct bdev_strict_io *io = bdev_strict_io(bdev_io);
	char first[STRICT_PLACE_SIZE];
	struct strict_fault fault;

	if (io->where == BDEV_STRICT_UNUSED) {
		report_unknown(bdev_io, caller);
		return;
	}
	fault = describe(io, BDK_STRICT_COMPLETED_TWICE, find_completer(caller));
	strict_place_format(io->completed_by, first, sizeof(first));
	if (io->where == BDEV_STRICT_ORPHANED) {
		fault.rule = BDK_STRICT_COMPLETED_WITHOUT_CHANNEL;
		strict_report(&fault, "completed after its channel was destroyed");
	} else if (io->generation != __atomic_load_n(&io->name->generation, __ATOMIC_RELAXED)) {
		fault.rule = BDK_STRICT_COMPLETED_AFTER_UNREGISTER;
		strict_report(&fault, "completed again (first %" PRIu64 " us ago, at %s) after its bdev was destructed",
			to_us(since(io->completed_tsc)), first);
	} else if (io->where == BDEV_STRICT_REFUSED) {
		strict_report(&fault, "completed although it was refused with NOMEM (%" PRIu64 " us ago, at %s)",
			to_us(since(io->completed_tsc)), first);
	} else if (io->where == BDEV_STRICT_IN_MODULE) {
		strict_report(&fault, "completed again while its first completion, on a wrong thread, is passed on");
	} else {
		strict_report(&fault, "completed again (first %" PRIu64 " us ago, at %s)",
			to_us(since(io->completed_tsc)), first);
	}
}

void
bdev_strict_report_thread(struct spdk_bdev_io *bdev_io, const void *caller)
{
	struct bdev_strict_io *io = bdev_strict_io(bdev_io);
	struct strict_fault fault = describe(io, BDK_STRICT_COMPLETED_ON_WRONG_THREAD, find_completer(caller));

	strict_report(&fault, "completed on thread %s instead of thread %s", get_thread_name(),
		spdk_thread_get_name(bdev_io->internal.ch->thread->thread));
}

void
bdev_strict_report_status(struct spdk_bdev_io *bdev_io, int status, const void *caller)
{
	struct bdev_strict_io *io = bdev_strict_io(bdev_io);
	struct strict_fault fault = describe(io, BDK_STRICT_BAD_STATUS, find_completer(caller));

	fault.key = (const void *)(intptr_t)status;
	strict_report(&fault, "completed with status %d, which is none; taken for FAILED", status);
}

/* ---- I/O that does not complete ---- */

static void
report_stuck(struct spdk_bdev_io *bdev_io, struct bdev_strict_io *io)
{
	const struct spdk_bdev_fn_table *fn_table = bdev_io->bdev->fn_table;
	struct strict_fault fault =
		describe(io, BDK_STRICT_NEVER_COMPLETED, (const void *)(uintptr_t)fn_table->submit_request);

	io->said_stuck = true;
	fault.found_later = true;
	strict_report(&fault, "the module has had it for longer than %u ms", g_strict.opts.never_completed_ms);
}

static bool
is_in_module(struct spdk_bdev_io *bdev_io)
{
	return !(bdev_io->internal.flags & BDEV_IO_FREE) && (bdev_io->internal.marks & BDEV_IO_WATCHED) &&
		bdev_strict_io(bdev_io)->where == BDEV_STRICT_IN_MODULE;
}

/* Its module has sent an I/O to another bdev for it, whose end it waits for: not this module is to blame. */
static bool
waits_for_another(const struct bdev_io_cache *cache, const struct spdk_bdev_io *bdev_io)
{
	uintptr_t begin = (uintptr_t)bdev_io;
	uintptr_t end = (uintptr_t)bdev_io->driver_ctx + bdev_state(bdev_io->bdev)->strict->ctx_size;

	for (uint64_t i = 0; i < cache->held; i++) {
		uintptr_t arg = (uintptr_t)cache->all[i]->internal.caller_ctx;

		/* Not what has itself as argument because it was routed. */
		if (cache->all[i] != bdev_io && !(cache->all[i]->internal.flags & BDEV_IO_FREE) && arg >= begin &&
			arg < end) {
			return true;
		}
	}
	return false;
}

static int
look_for_stuck(void *ctx)
{
	uint64_t limit = (uint64_t)g_strict.opts.never_completed_ms * spdk_get_ticks_hz() / 1000, i;
	struct bdev_thread *thread = ctx;
	struct bdev_io_cache *cache = &thread->cache;
	/* The process was stopped, perhaps: time has passed, but what has ended meanwhile is heard of later. */
	bool stood_still = since(thread->strict_looked) > limit / LOOKS * 2, found = false;

	thread->strict_looked = spdk_get_ticks();
	for (i = 0; i < cache->held; i++) {
		struct bdev_strict_io *io = bdev_strict_io(cache->all[i]);

		if (!is_in_module(cache->all[i]) || io->said_stuck) {
			continue;
		}
		found = true;
		if (stood_still) {
			continue;
		}
		if (io->looks < LOOKS - 1) {
			io->looks++;
		} else if (since(io->given_tsc) > limit && !waits_for_another(cache, cache->all[i])) {
			report_stuck(cache->all[i], io);
		}
	}
	if (!found) {
		thread->strict_polling = false;
		spdk_poller_pause(thread->strict_poller);
	}
	return SPDK_POLLER_IDLE;
}

void
bdk_strict_keep_io(struct spdk_bdev_io *bdev_io)
{
	if (g_bdev_strict && (bdev_io->internal.marks & BDEV_IO_WATCHED)) {
		bdev_strict_io(bdev_io)->said_stuck = true;
	}
}

/* ---- threads and channels ---- */

int
bdev_strict_thread_init(struct bdev_thread *thread)
{
	uint64_t period = (uint64_t)g_strict.opts.never_completed_ms * 1000 / LOOKS;

	if (!g_bdev_strict || period == 0) {
		return 0;
	}
	thread->strict_poller = spdk_poller_register_named(look_for_stuck, thread, period, "bdev_strict");
	if (thread->strict_poller == NULL) {
		return -ENOMEM;
	}
	spdk_poller_pause(thread->strict_poller);
	return 0;
}

void
bdev_strict_thread_fini(struct bdev_thread *thread)
{
	spdk_poller_unregister(&thread->strict_poller);
}

int
bdev_strict_channel_init(struct bdev_channel *ch)
{
	if (!g_bdev_strict) {
		return 0;
	}
	ch->strict = calloc(1, sizeof(*ch->strict));
	if (ch->strict == NULL) {
		return -ENOMEM;
	}
	ch->gates |= BDEV_GATE_STRICT;
	bdev_strict_bdev_check(ch->bdev);
	return 0;
}

/* With I/O inside the module only if its thread was exited by force. Nobody waits for that any more. */
static void
orphan(struct spdk_bdev_io *bdev_io)
{
	struct bdev_strict_io *io = bdev_strict_io(bdev_io);
	struct strict_fault fault = describe(
		io, BDK_STRICT_NEVER_COMPLETED, (const void *)(uintptr_t)bdev_io->bdev->fn_table->submit_request);

	fault.found_later = true;
	strict_report(&fault, "its thread exits, and the module has not completed it");
	io->where = BDEV_STRICT_ORPHANED;
	/* What touches it from now on finds that, before it looks at a channel that is no more. */
	bdev_io->internal.flags |= BDEV_IO_FREE;
}

void
bdev_strict_channel_fini(struct bdev_channel *ch)
{
	struct bdev_io_cache *cache = &ch->thread->cache;
	uint64_t i;

	if (ch->strict == NULL) {
		return;
	}
	for (i = 0; i < cache->held; i++) {
		if (cache->all[i]->internal.ch == ch && is_in_module(cache->all[i])) {
			orphan(cache->all[i]);
		}
	}
	free(ch->strict);
	ch->strict = NULL;
}
