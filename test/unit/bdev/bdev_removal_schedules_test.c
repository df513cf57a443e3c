/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Everything that can happen to a bdev, at every step of every type of I/O: an I/O is brought to a step of its life and
 * kept there; then the bdev is removed, reset, resized, closed, ..., and all goes on in a random order together with
 * other I/O and, now and then, a second event. Each I/O calls back once, nobody is called after he has closed, the
 * callback of the removal is the last one, nothing stays behind, and nothing hangs. doc/bdev-lifecycle.md says what is
 * to happen.
 *
 * BDEV_SIM_SEED=n runs that schedule only, BDEV_SIM_COUNT=n so many.
 */

#include "io_types.h"
#include "script_disk.h"
#include "lib/bdev/io_internal.h"
#include "test/unit/common/strict_tolerate.h"

/* Thread 0 is the app thread; the last one only asks for removal, and may exit. */
#define THREADS 4
#define ASKER THREADS
#define MAX_OPS 12
#define MAX_TYPES 64
#define MAX_TURNS 50000
#define HOG_BUFFERS 256
#define AT(step) (1u << (IO_STEP_##step))

static const char *const g_step_names[] = {"before submission", "waits for a lock", "waits for a rate limit",
	"waits for a buffer", "waits for memory", "half split", "inside the module", "complete", "in its callback"};

enum event {
	EVENT_UNREGISTER,
	EVENT_UNREGISTER_BY_NAME,
	EVENT_HOT_REMOVE,
	EVENT_HOT_REMOVE_LATER,
	EVENT_ASKER_EXITS,
	EVENT_SHUTDOWN,
	EVENT_RESET,
	EVENT_ABORT,
	EVENT_GROW,
	EVENT_SHRINK,
	EVENT_CLOSE,
	EVENT_CLOSE_IN_EVENT,
	EVENT_PUT,
	NUM_EVENTS,
};

static const char *const g_event_names[] = {"unregister", "unregister by name", "hot removal",
	"hot removal, destruct later", "unregister, asker exits", "shutdown", "reset", "abort", "grow", "shrink",
	"close", "close in event", "put channel"};

struct op {
	/* First: the argument of its callback. */
	struct io_op io;
	uint32_t thread;
	bool used;
	int rc;
	uint32_t done;
	bool success;
	/* What happens in its callback, if strikes. */
	enum event event;
	bool strikes;
	/* A zero-copy that has started; it is ended later. */
	struct spdk_bdev_io *started;
	bool ending;
};

/* The opener: one descriptor, and a channel on each thread. */
static struct {
	uint32_t thread;
	struct spdk_bdev_desc *desc;
	struct spdk_io_channel *ch[THREADS];
	bool closing;
	bool close_first;
	/* Puts its channels while there is I/O. */
	bool put_first;
	bool close_on_event;
	uint32_t removes;
} g_user;

/* Another one, which only waits for REMOVE. */
static struct {
	uint32_t thread;
	struct spdk_bdev_desc *desc;
	bool close_on_remove;
} g_watcher;

static struct op g_ops[MAX_OPS];
static struct script_disk *g_disk;
static enum io_step g_step;
static enum event g_event;
static bool g_removing, g_removed, g_shut_down, g_shutting_down, g_quiesced, g_asker_exited;
/* Callbacks that are due other than those of I/O. */
static uint32_t g_due;
/* Of all schedules. */
static uint64_t g_schedules, g_ios, g_failed;
static uint32_t g_mistakes;

static uint64_t
below(uint64_t limit)
{
	return bdk_sim_random(limit);
}

static bool
one_in(uint32_t n)
{
	return below(n) == 0;
}

/* True until destruct() has been called. */
static bool
disk_is_there(void)
{
	return g_script_destructed < g_script_made;
}

static void op_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg);

/* Combinations in which a schedule has met the I/O at the step. */
static uint32_t g_met[MAX_TYPES][IO_NUM_STEPS][NUM_EVENTS];

/* ---- I/O ---- */

static void strike(enum event event);

static void
op_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	struct op *op = cb_arg;

	assert_true(op->used);
	assert_ptr_equal(spdk_get_thread(), g_sim_threads[op->thread]);
	assert_ptr_equal(spdk_bdev_io_get_cb_arg(bdev_io), op);
	assert_int_equal(op->done, 0);
	assert_null(op->started);
	assert_false(g_removed);
	op->success = success;
	g_ios++;
	g_failed += !success;
	if (op->io.type->type == SPDK_BDEV_IO_TYPE_ZCOPY && success && !op->ending) {
		op->started = bdev_io;
	} else {
		op->done++;
	}
	if (op->strikes) {
		op->strikes = false;
		strike(op->event);
	}
	if (op->done) {
		spdk_bdev_free_io(bdev_io);
	}
}

/* Ends those zero-copies that have started, some of them. */
static void
end_zcopy(void)
{
	struct spdk_bdev_io *bdev_io;
	int i, rc;

	for (i = 0; i < MAX_OPS; i++) {
		if (g_ops[i].started != NULL && one_in(4)) {
			bdev_io = g_ops[i].started;
			g_ops[i].started = NULL;
			g_ops[i].ending = true;
			ON(g_ops[i].thread, rc = spdk_bdev_zcopy_end(bdev_io, one_in(2), op_done_cb, &g_ops[i]));
			assert_int_equal(rc, 0);
		}
	}
}

static void
init_op(struct op *op, const struct io_type *type, uint32_t thread, uint64_t num_blocks)
{
	memset(op, 0, sizeof(*op));
	io_op_init(&op->io, type, &g_disk->bdev, num_blocks, op_done_cb);
	op->thread = thread;
}

/* The first one is that which the schedule is about. */
static struct op *
new_op(const struct io_type *type, uint32_t thread, uint64_t num_blocks)
{
	int i;

	for (i = 1; i < MAX_OPS; i++) {
		if (!g_ops[i].used) {
			init_op(&g_ops[i], type, thread, num_blocks);
			return &g_ops[i];
		}
	}
	return NULL;
}

static void
submit_op(struct op *op)
{
	op->used = true;
	ON(op->thread, op->rc = op->io.type->submit(&op->io, g_user.desc, g_user.ch[op->thread]));
	if (op->rc != 0) {
		assert_int_equal(op->rc, -ENOMEM);
		assert_int_equal(op->done, 0);
		op->used = false;
	}
}

static bool
op_is_running(const struct op *op)
{
	return op->used && op->done == 0;
}

/* Forgets those that have ended, but for the one that the schedule is about. */
static uint32_t
count_running(uint32_t thread)
{
	uint32_t count = 0;
	int i;

	for (i = 0; i < MAX_OPS; i++) {
		if (g_ops[i].used && g_ops[i].done > 0 && i != 0) {
			g_ops[i].used = false;
		}
		count += op_is_running(&g_ops[i]) && g_ops[i].thread == thread;
	}
	return count;
}

static void
submit_noise(uint32_t thread, uint32_t count)
{
	struct op *op;

	while (count-- > 0) {
		if (g_user.desc == NULL || g_user.closing || g_user.ch[thread] == NULL) {
			return;
		}
		op = new_op(&g_io_types[below(2)], thread, 1 + below(IO_MAX_BLOCKS));
		if (op == NULL) {
			return;
		}
		submit_op(op);
	}
}

/* ---- where an I/O is ---- */

static bool
belongs(const struct bdev_io_cache *cache, const struct spdk_bdev_io *bdev_io, const struct op *op)
{
	void *owner = bdev_io->internal.caller_ctx;
	uint64_t i;
	int depth;

	for (depth = 0; depth < 4; depth++) {
		if (owner == op) {
			return true;
		}
		for (i = 0; i < cache->held; i++) {
			if (owner == bdev_io_private(cache->all[i]) &&
				!(cache->all[i]->internal.flags & BDEV_IO_FREE)) {
				owner = cache->all[i]->internal.caller_ctx;
				break;
			}
		}
	}
	return false;
}

static uint32_t
step_of(const struct spdk_bdev_io *bdev_io)
{
	uint32_t flags = bdev_io->internal.flags;

	if (flags & BDEV_IO_DEFERRED) {
		return AT(COMPLETED);
	}
	if (bdev_io->internal.status != SPDK_BDEV_IO_STATUS_PENDING) {
		return 0;
	}
	if (flags & BDEV_IO_QUEUED_LOCK) {
		return AT(LOCK);
	}
	if (flags & BDEV_IO_QUEUED_QOS) {
		return AT(QOS);
	}
	if (flags & BDEV_IO_QUEUED_BUF) {
		return AT(BUF);
	}
	if (flags & BDEV_IO_QUEUED_NOMEM) {
		return AT(NOMEM);
	}
	return flags & (BDEV_IO_PARENT | BDEV_IO_EMULATED) ? AT(SPLIT) : AT(MODULE);
}

/* Bits of the steps that an I/O and its parts are at. */
static uint32_t
find_steps(const struct op *op)
{
	struct bdev_channel *ch;
	struct bdev_io_cache *cache;
	uint32_t steps = 0;
	uint64_t i;

	if (g_user.ch[op->thread] == NULL) {
		return 0;
	}
	ch = spdk_io_channel_get_ctx(g_user.ch[op->thread]);
	cache = &ch->thread->cache;
	for (i = 0; i < cache->held; i++) {
		struct spdk_bdev_io *bdev_io = cache->all[i];

		if (!(bdev_io->internal.flags & BDEV_IO_FREE) && bdev_io->internal.ch == ch &&
			belongs(cache, bdev_io, op)) {
			steps |= step_of(bdev_io);
		}
	}
	return steps;
}

/* ---- what stands in the way of I/O ---- */

static struct spdk_iobuf_channel g_hog;
static void *g_hogged[HOG_BUFFERS];
static bool g_hogged_large[HOG_BUFFERS];
static uint32_t g_num_hogged;

static void
hog_buffers(void)
{
	struct spdk_iobuf_opts opts;
	bool large = false;
	void *buf;

	spdk_iobuf_get_opts(&opts, sizeof(opts));
	for (;;) {
		ON(0, buf = spdk_iobuf_get(&g_hog, large ? opts.large_bufsize : 1, NULL, NULL));
		if (buf == NULL) {
			if (large) {
				return;
			}
			large = true;
			continue;
		}
		assert_true(g_num_hogged < HOG_BUFFERS);
		g_hogged_large[g_num_hogged] = large;
		g_hogged[g_num_hogged++] = buf;
	}
}

static void
give_buffers_back(uint32_t count)
{
	struct spdk_iobuf_opts opts;

	spdk_iobuf_get_opts(&opts, sizeof(opts));
	while (count-- > 0 && g_num_hogged > 0) {
		g_num_hogged--;
		ON(0,
			spdk_iobuf_put(
				&g_hog, g_hogged[g_num_hogged], g_hogged_large[g_num_hogged] ? opts.large_bufsize : 1));
	}
}

static void
quiesced_cb(void *ctx, int status)
{
	assert_int_equal(status, 0);
	g_due--;
}

static void
quiesce(void)
{
	g_due++;
	ON(0, assert_int_equal(spdk_bdev_quiesce(&g_disk->bdev, &g_script_module, quiesced_cb, NULL), 0));
	bdk_sim_run_until_idle();
	assert_int_equal(g_due, 0);
	g_quiesced = true;
}

static void
unquiesce(void)
{
	int rc;

	if (!g_quiesced || !disk_is_there()) {
		return;
	}
	g_quiesced = false;
	g_due++;
	/* Of what was locked, whatever the size is now. */
	ON(0, rc = spdk_bdev_unquiesce_range(&g_disk->bdev, &g_script_module, 0, 1024, quiesced_cb, NULL));
	assert_int_equal(rc, 0);
}

static void
limited_cb(void *ctx, int status)
{
	assert_true(status == 0 || status == -EAGAIN || status == -ENODEV);
	g_due--;
}

/* I/Os per second; 0: no limit. */
static void
set_limit(uint64_t limit)
{
	uint64_t limits[SPDK_BDEV_QOS_NUM_RATE_LIMIT_TYPES] = {limit, UINT64_MAX, UINT64_MAX, UINT64_MAX};

	if (disk_is_there()) {
		g_due++;
		ON(below(THREADS), spdk_bdev_set_qos_rate_limits(&g_disk->bdev, limits, limited_cb, NULL));
	}
}

/* Something that waits may go on. */
static void
lift(void)
{
	switch (below(5)) {
	case 0:
		if (disk_is_there()) {
			script_disk_release(g_disk, 1 + below(3),
				one_in(8)           ? SPDK_BDEV_IO_STATUS_FAILED
					: one_in(8) ? SPDK_BDEV_IO_STATUS_NOMEM
						    : SPDK_BDEV_IO_STATUS_SUCCESS);
		}
		break;
	case 1:
		give_buffers_back(one_in(4) ? HOG_BUFFERS : 1 + below(3));
		break;
	case 2:
		if (one_in(8)) {
			unquiesce();
		}
		break;
	case 3:
		if (one_in(16)) {
			set_limit(one_in(2) ? 0 : 1000 * (1 + below(100)));
		}
		break;
	default:
		if (disk_is_there() && g_disk->action != SCRIPT_CHANCE && one_in(2)) {
			g_disk->action = SCRIPT_CHANCE;
		}
		break;
	}
}

/* ---- the opener ---- */

static void
close_user(void)
{
	ON(g_user.thread, spdk_bdev_close(g_user.desc));
	g_user.desc = NULL;
}

static void
user_event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *ctx)
{
	assert_non_null(g_user.desc);
	assert_ptr_equal(spdk_get_thread(), g_sim_threads[g_user.thread]);
	assert_ptr_equal(spdk_bdev_desc_get_bdev(g_user.desc), bdev);
	if (type == SPDK_BDEV_EVENT_REMOVE) {
		assert_int_equal(g_user.removes, 0);
		g_user.removes++;
		g_user.closing = true;
	}
	if (g_user.close_on_event) {
		g_user.closing = true;
		spdk_bdev_close(g_user.desc);
		g_user.desc = NULL;
	}
}

static void
watcher_event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *ctx)
{
	assert_non_null(g_watcher.desc);
	assert_ptr_equal(spdk_get_thread(), g_sim_threads[g_watcher.thread]);
	if (type == SPDK_BDEV_EVENT_REMOVE || one_in(8)) {
		spdk_bdev_close(g_watcher.desc);
		g_watcher.desc = NULL;
	}
}

static void
open_user(void)
{
	int rc;
	uint32_t i;

	g_user.thread = below(THREADS);
	g_user.close_first = one_in(4);
	g_user.put_first = one_in(6);
	ON(g_user.thread, rc = spdk_bdev_open_ext("d", true, user_event_cb, NULL, &g_user.desc));
	assert_int_equal(rc, 0);
	for (i = 0; i < THREADS; i++) {
		ON(i, g_user.ch[i] = spdk_bdev_get_io_channel(g_user.desc));
		assert_non_null(g_user.ch[i]);
	}
	if (one_in(2)) {
		g_watcher.thread = below(THREADS);
		ON(g_watcher.thread, rc = spdk_bdev_open_ext("d", false, watcher_event_cb, NULL, &g_watcher.desc));
		assert_int_equal(rc, 0);
	}
}

/* True if it has neither I/O nor channels nor a descriptor any more. */
static bool
wind_down(void)
{
	bool left = false;
	uint32_t i;

	for (i = 0; i < THREADS; i++) {
		if (g_user.ch[i] == NULL) {
			continue;
		}
		if ((count_running(i) > 0 && !g_user.put_first) || one_in(3)) {
			left = true;
			continue;
		}
		ON(i, spdk_put_io_channel(g_user.ch[i]));
		g_user.ch[i] = NULL;
	}
	if (g_user.desc != NULL && (!left || (g_user.close_first && one_in(3)))) {
		close_user();
	}
	return !left && g_user.desc == NULL;
}

/* ---- events ---- */

static void
unregister_cb(void *ctx, int rc)
{
	uint32_t i;

	assert_true(g_due > 0);
	g_due--;
	if (rc == -EBUSY || rc == -ENODEV) {
		/* Someone else was faster. */
		assert_true(g_removing || g_shutting_down);
		return;
	}
	assert_true(rc == 0 || rc == -EIO);
	assert_false(g_removed);
	assert_false(disk_is_there());
	assert_null(g_user.desc);
	assert_null(g_watcher.desc);
	for (i = 0; i < THREADS; i++) {
		assert_int_equal(count_running(i), 0);
		assert_null(g_user.ch[i]);
	}
	g_removed = true;
}

static void
unregister(uint32_t thread)
{
	if (!disk_is_there()) {
		return;
	}
	g_due++;
	ON(thread, spdk_bdev_unregister(&g_disk->bdev, unregister_cb, NULL));
	g_removing = true;
}

static void
unregister_by_name(void)
{
	int rc;

	g_due++;
	ON(below(THREADS), rc = spdk_bdev_unregister_by_name("d", &g_script_module, unregister_cb, NULL));
	if (rc != 0) {
		assert_int_equal(rc, -ENODEV);
		g_due--;
	}
	g_removing = true;
}

static void
exit_cb(void *ctx)
{
	spdk_thread_exit(ctx);
}

static void
let_asker_exit(void)
{
	if (!g_asker_exited) {
		g_asker_exited = true;
		unregister(ASKER);
		bdk_sim_call(g_sim_threads[ASKER], exit_cb, g_sim_threads[ASKER]);
	}
}

static void
finished_cb(void *ctx)
{
	assert_null(spdk_bdev_first());
	assert_false(disk_is_there());
	g_shut_down = true;
}

static void
shut_down(void)
{
	if (!g_shutting_down) {
		g_shutting_down = true;
		ON(0, spdk_bdev_finish(finished_cb, NULL));
	}
}

static void
reset(void)
{
	uint32_t thread = below(THREADS);
	struct op *op;

	if (g_user.desc == NULL || g_user.ch[thread] == NULL) {
		return;
	}
	op = new_op(io_type_find("RESET"), thread, 1);
	if (op != NULL) {
		submit_op(op);
	}
}

static void
abort_target(void)
{
	struct op *target = &g_ops[0], *op;

	if (g_user.desc == NULL || g_user.ch[target->thread] == NULL) {
		return;
	}
	op = new_op(io_type_find("ABORT"), target->thread, 1);
	if (op != NULL) {
		op->io.abort_arg = &target->io;
		submit_op(op);
	}
}

static void
grow(void)
{
	int rc;

	if (disk_is_there()) {
		ON(below(THREADS),
			rc = spdk_bdev_notify_blockcnt_change(&g_disk->bdev, g_disk->bdev.blockcnt + 1 + below(100)));
		assert_int_equal(rc, 0);
	}
}

static void
shrink(void)
{
	int rc;

	if (disk_is_there()) {
		ON(below(THREADS),
			rc = spdk_bdev_notify_blockcnt_change(&g_disk->bdev, g_disk->bdev.blockcnt - below(4) - 1));
		/* The layer may have it open itself, as long as it is examined. */
		assert_true(rc == -EBUSY || (rc == 0 && g_user.desc == NULL && g_watcher.desc == NULL));
	}
}

static void
put_channel(uint32_t thread)
{
	if (g_user.ch[thread] != NULL) {
		ON(thread, spdk_put_io_channel(g_user.ch[thread]));
		g_user.ch[thread] = NULL;
	}
}

static void
strike(enum event event)
{
	switch (event) {
	case EVENT_UNREGISTER:
		unregister(below(THREADS));
		break;
	case EVENT_UNREGISTER_BY_NAME:
		unregister_by_name();
		break;
	case EVENT_HOT_REMOVE:
	case EVENT_HOT_REMOVE_LATER:
		if (disk_is_there()) {
			script_disk_die(g_disk);
			g_disk->destruct_later = event == EVENT_HOT_REMOVE_LATER;
			unregister(0);
		}
		break;
	case EVENT_ASKER_EXITS:
		let_asker_exit();
		break;
	case EVENT_SHUTDOWN:
		shut_down();
		break;
	case EVENT_RESET:
		reset();
		break;
	case EVENT_ABORT:
		abort_target();
		break;
	case EVENT_GROW:
		grow();
		break;
	case EVENT_SHRINK:
		shrink();
		break;
	case EVENT_CLOSE:
		if (g_user.desc != NULL) {
			g_user.closing = true;
			close_user();
		}
		break;
	case EVENT_CLOSE_IN_EVENT:
		g_user.close_on_event = true;
		grow();
		break;
	case EVENT_PUT:
		put_channel(one_in(4) ? below(THREADS) : g_ops[0].thread);
		break;
	default:
		fail();
	}
}

/* Another event than the one that the schedule is about; one that is allowed at any time. */
static void
strike_again(void)
{
	static const enum event events[] = {EVENT_UNREGISTER, EVENT_UNREGISTER_BY_NAME, EVENT_HOT_REMOVE,
		EVENT_SHUTDOWN, EVENT_RESET, EVENT_RESET, EVENT_GROW, EVENT_CLOSE, EVENT_CLOSE_IN_EVENT};

	strike(events[below(SPDK_COUNTOF(events))]);
}

/* ---- a schedule ---- */

static void
start(uint64_t seed)
{
	struct spdk_bdev_opts opts = {.opts_size = sizeof(opts)};
	int rc;

	bdev_sim_init(seed, THREADS + 1);
	bdk_sim_set_step_time(0);
	opts.bdev_io_cache_size = 2 * MAX_OPS + 2;
	opts.bdev_io_pool_size = opts.bdev_io_cache_size * (THREADS + 2) + below(64);
	opts.bdev_auto_examine = true;
	assert_int_equal(spdk_bdev_set_opts(&opts), 0);
	assert_int_equal(bdev_sim_layer_init(), 0);
	ON(0, {
		assert_int_equal(spdk_iobuf_register_module("hog"), 0);
		rc = spdk_iobuf_channel_init(&g_hog, "hog", 0, 0);
	});
	assert_int_equal(rc, 0);
}

static void
make_disk(const struct io_type *type)
{
	struct spdk_bdev *bdev;
	int rc;

	g_disk = script_disk_create("d", THREADS);
	bdev = &g_disk->bdev;
	g_disk->io_types = 1ull << SPDK_BDEV_IO_TYPE_READ | 1ull << SPDK_BDEV_IO_TYPE_WRITE |
		1ull << SPDK_BDEV_IO_TYPE_RESET | 1ull << SPDK_BDEV_IO_TYPE_ABORT | type->others |
		(uint64_t)type->native << type->type;
	bdev->md_len = one_in(2) ? IO_MD_LEN : 0;
	bdev->acwu = IO_MAX_BLOCKS;
	bdev->zoned = type->type == SPDK_BDEV_IO_TYPE_ZONE_APPEND;
	bdev->zone_size = 512;
	bdev->required_alignment = one_in(2) ? below(10) : 0;
	bdev->reset_io_drain_timeout = one_in(3) ? 1 : 0;
	g_disk->reset_keeps = one_in(2);
	g_disk->destruct_later = one_in(2);
	if (g_step == IO_STEP_SPLIT) {
		bdev->max_rw_size = 2;
		bdev->max_unmap = 2;
		bdev->max_unmap_segments = 1;
		bdev->max_write_zeroes = 2;
		bdev->max_copy = 2;
	}
	g_disk->action = SCRIPT_INLINE;
	ON(0, rc = spdk_bdev_register(bdev));
	assert_int_equal(rc, 0);
	if (!one_in(8)) {
		bdk_sim_run_until_idle();
	}
}

/* Brings the target to its step. */
static void
bring(struct op *target)
{
	struct op *op;
	int i;

	switch (g_step) {
	case IO_STEP_BEFORE:
		g_disk->action = SCRIPT_CHANCE;
		return;
	case IO_STEP_LOCK:
		quiesce();
		submit_op(target);
		break;
	case IO_STEP_QOS:
		set_limit(1000);
		bdk_sim_run_until_idle();
		/* They use up what may pass at this time, of both kinds. */
		for (i = 0; i < 2; i++) {
			op = new_op(&g_io_types[i], target->thread, 1);
			submit_op(op);
			bdk_sim_run_until_idle();
		}
		submit_op(target);
		break;
	case IO_STEP_BUF:
		hog_buffers();
		g_disk->get_buf = true;
		g_disk->action = SCRIPT_HOLD;
		submit_op(target);
		break;
	case IO_STEP_NOMEM:
		g_disk->action = SCRIPT_REFUSE;
		submit_op(target);
		break;
	case IO_STEP_SPLIT:
		g_disk->action = one_in(2) ? SCRIPT_REFUSE : SCRIPT_HOLD;
		g_disk->let_pass = 1 + below(3);
		submit_op(target);
		break;
	case IO_STEP_MODULE:
		g_disk->action = SCRIPT_HOLD;
		submit_op(target);
		break;
	case IO_STEP_COMPLETED:
		g_disk->action = SCRIPT_INLINE;
		submit_op(target);
		return;
	case IO_STEP_CALLBACK:
		g_disk->action = SCRIPT_CHANCE;
		target->strikes = true;
		target->event = g_event;
		submit_op(target);
		return;
	default:
		fail();
	}
	bdk_sim_run_until_idle();
}

static bool
all_is_over(void)
{
	return (g_removed || g_shut_down) && g_due == 0 && (!g_shutting_down || g_shut_down);
}

/* Says what is left of a schedule that does not end. */
static void
print_hang(void)
{
	int i;

	fprintf(stderr,
		"hangs: removing %d removed %d shutting down %d due %u closing %d desc %d watcher %d there %d\n",
		g_removing, g_removed, g_shutting_down, g_due, g_user.closing, g_user.desc != NULL,
		g_watcher.desc != NULL, disk_is_there());
	for (i = 0; i < MAX_OPS; i++) {
		if (op_is_running(&g_ops[i])) {
			fprintf(stderr, "%s on thread %u is at steps %x\n", g_ops[i].io.type->name, g_ops[i].thread,
				find_steps(&g_ops[i]));
		}
	}
	if (disk_is_there()) {
		fprintf(stderr, "inside the module: %u, held %d\n", g_disk->inside, !TAILQ_EMPTY(&g_disk->held));
	}
}

static void
drive(struct op *target)
{
	uint64_t turns, end_at = 20 + below(200), again_at = one_in(3) ? below(150) : UINT64_MAX;
	bool over;

	for (turns = 0; !all_is_over(); turns++) {
		if (turns == MAX_TURNS) {
			print_hang();
			fail();
		}
		if (!bdk_sim_step()) {
			bdk_sim_run_for(500 + below(20000));
		}
		if (one_in(4)) {
			lift();
		}
		end_zcopy();
		if (g_step == IO_STEP_BEFORE && turns == 0 && g_user.desc != NULL &&
			g_user.ch[target->thread] != NULL) {
			submit_op(target);
		}
		if (turns < end_at && one_in(16)) {
			submit_noise(below(THREADS), 1);
		}
		if (turns == again_at) {
			strike_again();
		}
		g_user.closing |= turns >= end_at;
		if (turns > 500) {
			unquiesce();
			give_buffers_back(HOG_BUFFERS);
		}
		over = g_user.closing && wind_down();
		if (over && g_watcher.desc != NULL && turns > end_at + 100) {
			ON(g_watcher.thread, spdk_bdev_close(g_watcher.desc));
			g_watcher.desc = NULL;
		}
		if (over && !g_removing && !g_shutting_down) {
			unregister(below(THREADS));
		}
	}
}

static void
stop(void)
{
	uint32_t i;

	give_buffers_back(HOG_BUFFERS);
	if (!g_shutting_down) {
		shut_down();
		for (i = 0; i < 1000 && !g_shut_down; i++) {
			bdk_sim_run_for(1000);
		}
		assert_true(g_shut_down);
	}
	ON(0, {
		spdk_iobuf_channel_fini(&g_hog);
		spdk_iobuf_unregister_module("hog");
	});
	bdev_sim_fini();
	for (i = 0; i < MAX_OPS; i++) {
		assert_true(!g_ops[i].used || g_ops[i].done == 1);
	}
	assert_int_equal(g_due, 0);
	assert_int_equal(g_mistakes, 0);
}

static void
run_schedule(uint64_t seed)
{
	uint64_t number = seed;
	const struct io_type *type = &g_io_types[number % g_num_io_types];
	struct op *target = &g_ops[0];
	uint32_t steps;

	number /= g_num_io_types;
	g_step = number % IO_NUM_STEPS;
	number /= IO_NUM_STEPS;
	g_event = number % NUM_EVENTS;
	g_schedules++;
	memset(g_ops, 0, sizeof(g_ops));
	memset(&g_user, 0, sizeof(g_user));
	memset(&g_watcher, 0, sizeof(g_watcher));
	g_removing = g_removed = g_shut_down = g_shutting_down = g_quiesced = g_asker_exited = false;
	g_script_made = g_script_destructed = 0;
	g_due = 0;
	g_num_hogged = 0;

	start(seed);
	make_disk(type);
	open_user();
	init_op(target, type, below(THREADS), g_step == IO_STEP_SPLIT ? IO_MAX_BLOCKS : 1 + below(IO_MAX_BLOCKS));
	if (g_step == IO_STEP_BUF) {
		/* One that cannot be used as it is. */
		g_disk->bdev.required_alignment = 9;
		target->io.iovs[0].iov_base = target->io.buf = target->io.raw + 1;
	}
	bring(target);
	steps = g_step == IO_STEP_BEFORE || g_step == IO_STEP_CALLBACK ? 1u << g_step : find_steps(target);
	if (steps & 1u << g_step) {
		g_met[type - g_io_types][g_step][g_event]++;
	}
	if (g_step != IO_STEP_CALLBACK) {
		submit_noise(below(THREADS), below(3));
		strike(g_event);
	}
	drive(target);
	stop();
}

static uint64_t g_seed;

/* There only in builds with a sanitizer, which end without asking cmocka. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void
print_seed(void)
{
	const struct io_type *type = &g_io_types[g_seed % g_num_io_types];

	if (g_seed != UINT64_MAX) {
		fprintf(stderr, "failed at BDEV_SIM_SEED=%" PRIu64 ": %s, %s, %s\n", g_seed, type->name,
			g_step_names[g_step], g_event_names[g_event]);
	}
}

/* What the layer says when somebody has made a mistake. Here nobody makes any. */
static void
log_cb(int level, const char *file, const int line, const char *func, const char *format, va_list args)
{
	static const char *const mistakes[] = {"were not freed", "still in use", "does not have", "freed twice",
		"was freed before", "on another thread", "not unregistered", "pool count is", "stays locked"};
	char text[512];
	size_t i;

	vsnprintf(text, sizeof(text), format, args);
	for (i = 0; i < SPDK_COUNTOF(mistakes); i++) {
		if (strstr(text, mistakes[i]) != NULL) {
			fprintf(stderr, "%s", text);
			g_mistakes++;
		}
	}
}

/* Every I/O was met at each step of its life by each event. */
static void
check_met(void)
{
	uint32_t met = 0, wanted = 0;
	size_t type, step, event;

	for (type = 0; type < g_num_io_types; type++) {
		for (step = 0; step < IO_NUM_STEPS; step++) {
			for (event = 0; event < NUM_EVENTS; event++) {
				if (!(g_io_types[type].steps >> step & 1)) {
					continue;
				}
				wanted++;
				met += g_met[type][step][event] > 0;
				if (g_met[type][step][event] == 0) {
					printf("not met: %s, %s, %s\n", g_io_types[type].name, g_step_names[step],
						g_event_names[event]);
				}
			}
		}
	}
	printf("%" PRIu64 " schedules, %" PRIu64 " I/Os, %" PRIu64
	       " of them failed; %u of %u combinations of %zu types "
	       "of I/O, step and event\n",
		g_schedules, g_ios, g_failed, met, wanted, g_num_io_types);
	assert_int_equal(met, wanted);
}

static void
test_schedules(void **state)
{
	const char *seed = getenv("BDEV_SIM_SEED"), *count = getenv("BDEV_SIM_COUNT");
	uint64_t combinations = g_num_io_types * IO_NUM_STEPS * NUM_EVENTS;
	uint64_t first = seed != NULL ? strtoull(seed, NULL, 0) : 0;
	uint64_t last = first + (count != NULL ? strtoull(count, NULL, 0) : seed != NULL ? 1 : 3 * combinations);

	assert_true(g_num_io_types <= MAX_TYPES);
	if (__sanitizer_set_death_callback != NULL) {
		__sanitizer_set_death_callback(print_seed);
	}
	for (g_seed = first; g_seed < last; g_seed++) {
		run_schedule(g_seed);
	}
	g_seed = UINT64_MAX;
	if (last - first >= combinations) {
		check_met();
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_schedules),
	};

	/* The cases choose the limits of a registered disk. */
	strict_tolerate(STRICT_RULE(BDEV_CHANGED));
	atexit(print_seed);
	spdk_log_open(log_cb);
	spdk_log_set_print_level(SPDK_LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
