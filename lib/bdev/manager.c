/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Start and stop of the layer.
 *
 * Start and stop are chains of small functions, in the order in which they run: init_<step>, finish_<step>. A chain
 * that has to wait returns, and bdev_manager_notify() makes it look again, by message on the thread that began it.
 */

#include "lib/bdev/strict.h"
#include "bdevkit/thread.h"
#include "spdk/notify.h"

/* Who waits longer than this wants to know for what. */
#define REPORT_PERIOD_SEC 10

enum manager_phase {
	PHASE_DOWN,
	PHASE_INIT_MODULES, /* module_init() of each module is being called */
	PHASE_INIT_WAIT, /* until no module has an init or examine pending */
	PHASE_UP,
	PHASE_FINISH_OPENS, /* until no spdk_bdev_open_async() is pending */
	PHASE_FINISH_IDLE, /* until no module has an init or examine pending */
	PHASE_FINISH_START, /* fini_start() of each module */
	PHASE_FINISH_BDEVS, /* until no bdev is left */
	PHASE_FINISH_MODULES, /* module_fini() of each module */
	PHASE_FINISH_DEVICE, /* until the threads have given back what they took from the manager */
};

struct bdev_manager g_bdev_manager = {
	.lock = ENV_MUTEX_INITIALIZER,
	.opts =
		{
			.bdev_io_pool_size = 65535,
			.bdev_io_cache_size = 256,
			.bdev_auto_examine = true,
			.opts_size = sizeof(struct spdk_bdev_opts),
			.iobuf_small_cache_size = 128,
			.iobuf_large_cache_size = 16,
		},
	.modules = TAILQ_HEAD_INITIALIZER(g_bdev_manager.modules),
	.bdevs = TAILQ_HEAD_INITIALIZER(g_bdev_manager.bdevs),
	.destructing = TAILQ_HEAD_INITIALIZER(g_bdev_manager.destructing),
	.names = RB_INITIALIZER(g_bdev_manager.names),
	.idle_waiters = TAILQ_HEAD_INITIALIZER(g_bdev_manager.idle_waiters),
};

/* Where the chain of start or stop stands. Under g_bdev_manager.lock; changed on the chain's thread only. */
static struct {
	enum manager_phase phase;
	struct spdk_thread *thread;
	/* A message to look again is on its way. */
	bool notified;
	struct bdk_msg notify_msg;
	/* init_failed_cb(), report_end_cb() */
	struct bdk_msg end_msg;
	struct bdk_msg report_msg;
	/* Shutdown has asked for the unregistration of a bdev, and waits for it. */
	bool unregistering;

	/* Says what a chain waits for that makes no progress. */
	struct spdk_poller *report_poller;
	/* How many seconds it has been in which phase. */
	uint32_t report_seconds;
	enum manager_phase report_phase;
	struct spdk_thread *report_thread;

	spdk_bdev_init_cb init_cb;
	void *init_arg;
	spdk_bdev_fini_cb fini_cb;
	void *fini_arg;
} g_chain;

static enum manager_phase
get_phase(void)
{
	enum manager_phase phase;

	env_mutex_lock(&g_bdev_manager.lock);
	phase = g_chain.phase;
	env_mutex_unlock(&g_bdev_manager.lock);
	return phase;
}

static void
set_phase(enum manager_phase phase)
{
	env_mutex_lock(&g_bdev_manager.lock);
	g_chain.phase = phase;
	env_mutex_unlock(&g_bdev_manager.lock);
}

static bool
is_idle(void)
{
	bool idle;

	env_mutex_lock(&g_bdev_manager.lock);
	idle = g_bdev_manager.actions_in_progress == 0;
	env_mutex_unlock(&g_bdev_manager.lock);
	return idle;
}

int
bdev_manager_check_up(void)
{
	switch (get_phase()) {
	case PHASE_UP:
		return 0;
	case PHASE_DOWN:
		return -ENOTCONN;
	default:
		return -EAGAIN;
	}
}

/* ---- waiting for modules to become idle ---- */

static void
idle_waiter_cb(void *ctx)
{
	struct bdev_idle_waiter *waiter = ctx;

	/* Something may have begun while the message was on its way. */
	if (!is_idle()) {
		bdev_manager_wait_idle(waiter);
		return;
	}
	waiter->cb_fn(waiter->cb_arg);
}

static void
tell_waiter(struct bdev_idle_waiter *waiter)
{
	if (bdk_msg_send_to_id(waiter->thread_id, &waiter->msg, idle_waiter_cb, waiter) != 0 &&
		waiter->gone_fn != NULL) {
		waiter->gone_fn(waiter->cb_arg);
	}
}

void
bdev_manager_wait_idle(struct bdev_idle_waiter *waiter)
{
	bool idle;

	env_mutex_lock(&g_bdev_manager.lock);
	idle = g_bdev_manager.actions_in_progress == 0;
	if (!idle) {
		TAILQ_INSERT_TAIL(&g_bdev_manager.idle_waiters, waiter, link);
	}
	env_mutex_unlock(&g_bdev_manager.lock);

	if (idle) {
		tell_waiter(waiter);
	}
}

/* Called with no lock held when the last init or examine has ended. */
void
bdev_manager_idle(void)
{
	TAILQ_HEAD(, bdev_idle_waiter) waiters = TAILQ_HEAD_INITIALIZER(waiters);
	struct bdev_idle_waiter *waiter;

	env_mutex_lock(&g_bdev_manager.lock);
	TAILQ_CONCAT(&waiters, &g_bdev_manager.idle_waiters, link);
	env_mutex_unlock(&g_bdev_manager.lock);

	while ((waiter = TAILQ_FIRST(&waiters)) != NULL) {
		TAILQ_REMOVE(&waiters, waiter, link);
		tell_waiter(waiter);
	}
	bdev_manager_notify();
}

/* ---- saying what start or stop waits for ---- */

static int
report_poller_cb(void *ctx)
{
	/* Seconds are counted: while the process stands still, nobody can do what is waited for. */
	if (g_chain.report_phase != get_phase()) {
		g_chain.report_phase = get_phase();
		g_chain.report_seconds = 0;
	}
	if (++g_chain.report_seconds % REPORT_PERIOD_SEC != 0) {
		return SPDK_POLLER_IDLE;
	}
	switch (get_phase()) {
	case PHASE_INIT_WAIT:
	case PHASE_FINISH_IDLE:
		bdev_modules_log_pending();
		break;
	case PHASE_FINISH_OPENS:
		SPDK_NOTICELOG("shutdown waits for asynchronous opens to be told\n");
		break;
	case PHASE_FINISH_START:
	case PHASE_FINISH_MODULES:
		bdev_modules_log_stopping();
		break;
	case PHASE_FINISH_BDEVS:
		bdev_list_log_leaving();
		break;
	case PHASE_FINISH_DEVICE:
		SPDK_NOTICELOG("shutdown waits for I/O channels of bdevs that have not been put\n");
		break;
	default:
		break;
	}
	return SPDK_POLLER_IDLE;
}

/* Without memory for a poller it just says nothing. */
static void
report_begin(void)
{
	if (g_chain.report_poller == NULL) {
		g_chain.report_phase = get_phase();
		g_chain.report_seconds = 0;
		g_chain.report_poller = SPDK_POLLER_REGISTER(report_poller_cb, NULL, SPDK_SEC_TO_USEC);
		g_chain.report_thread = spdk_get_thread();
	}
}

static void
report_end_cb(void *ctx)
{
	spdk_poller_unregister(&g_chain.report_poller);
}

static void
report_end(void)
{
	/* A shutdown that begins during the start may have come from another thread. */
	if (g_chain.report_poller != NULL && g_chain.report_thread != spdk_get_thread()) {
		bdk_msg_send(g_chain.report_thread, &g_chain.report_msg, report_end_cb, NULL);
	} else {
		report_end_cb(NULL);
	}
}

/* ---- start ---- */

static void
init_end(int rc)
{
	spdk_bdev_init_cb cb_fn = g_chain.init_cb;

	report_end();
	g_chain.init_cb = NULL;
	if (cb_fn != NULL) {
		cb_fn(g_chain.init_arg, rc);
	}
}

static void
init_failed_cb(void *ctx)
{
	init_end(-1);
}

static void
init_wait(void)
{
	if (!is_idle()) {
		return;
	}
	set_phase(PHASE_UP);
	bdev_modules_init_complete();
	init_end(0);
}

static void
init_modules(void)
{
	int rc;

	set_phase(PHASE_INIT_MODULES);
	rc = bdev_modules_init();
	if (get_phase() != PHASE_INIT_MODULES) {
		/* A module has asked for shutdown meanwhile: nobody waits for the start any more. */
		return;
	}
	set_phase(rc == 0 ? PHASE_INIT_WAIT : PHASE_UP);
	if (rc != 0) {
		bdk_msg_send(g_chain.thread, &g_chain.end_msg, init_failed_cb, NULL);
		return;
	}
	init_wait();
}

/* What the modules need: names of notifications, buffers, I/Os, and the device whose channels the threads share. */
static int
init_resources(void)
{
	static bool types_registered;
	int rc;

	/* They stay when the layer stops. */
	if (!types_registered) {
		if (spdk_notify_type_register("bdev_register") == NULL ||
			spdk_notify_type_register("bdev_unregister") == NULL) {
			return -ENOMEM;
		}
		types_registered = true;
	}
	bdev_open_async_restart();

	rc = spdk_iobuf_register_module("bdev");
	if (rc != 0) {
		SPDK_ERRLOG("could not register with iobuf: %s\n", spdk_strerror(-rc));
		return rc;
	}
	bdev_strict_init();
	rc = bdev_io_pool_init();
	if (rc != 0) {
		SPDK_ERRLOG("could not create a pool of %" PRIu32 " bdev_io: %s\n",
			g_bdev_manager.opts.bdev_io_pool_size, spdk_strerror(-rc));
		goto undo_iobuf;
	}
	rc = bdk_io_device_register(
		&g_bdev_manager, bdev_thread_create, bdev_thread_destroy, sizeof(struct bdev_thread), "bdev_mgr");
	if (rc != 0) {
		goto undo_pool;
	}
	bdev_trace_init();
	return 0;

undo_pool:
	bdev_io_pool_fini();
undo_iobuf:
	bdev_strict_fini();
	spdk_iobuf_unregister_module("bdev");
	return rc;
}

void
spdk_bdev_initialize(spdk_bdev_init_cb cb_fn, void *cb_arg)
{
	if (spdk_get_thread() == NULL || get_phase() != PHASE_DOWN) {
		SPDK_ERRLOG("the bdev layer starts once, on an SPDK thread\n");
		cb_fn(cb_arg, -1);
		return;
	}

	g_chain.thread = spdk_get_thread();
	g_chain.init_cb = cb_fn;
	g_chain.init_arg = cb_arg;
	if (init_resources() != 0) {
		init_end(-1);
		return;
	}
	report_begin();
	init_modules();
}

/* ---- stop ---- */

static void
finish_end(void *io_device)
{
	spdk_bdev_fini_cb cb_fn = g_chain.fini_cb;

	report_end();
	bdev_io_pool_fini();
	bdev_strict_fini();
	spdk_iobuf_unregister_module("bdev");
	bdev_examine_clear();
	bdev_qos_group_clear();
	bdev_open_async_restart();
	set_phase(PHASE_DOWN);
	cb_fn(g_chain.fini_arg);
}

static void
finish_device(void)
{
	set_phase(PHASE_FINISH_DEVICE);
	bdev_trace_fini();
	spdk_io_device_unregister(&g_bdev_manager, finish_end);
}

static void
finish_modules(void)
{
	if (bdev_modules_fini_next()) {
		finish_device();
	}
}

static void
finish_bdev_cb(void *cb_arg, int rc)
{
	/* On whatever thread the module has called spdk_bdev_destruct_done(). */
	env_mutex_lock(&g_bdev_manager.lock);
	g_chain.unregistering = false;
	env_mutex_unlock(&g_bdev_manager.lock);

	/* -EBUSY: someone else was faster, and it is on its way out. */
	if (rc != 0 && rc != -EBUSY) {
		SPDK_WARNLOG("a bdev reported \"%s\" when it was destructed; shutdown goes on\n", spdk_strerror(-rc));
	}
	bdev_manager_notify();
}

/*
 * The bdev to unregister next: the newest that nobody has claimed, so that virtual bdevs go before what they stand
 * on. If there are only claimed ones, the newest of them. NULL while there are bdevs that are on their way out.
 */
static struct spdk_bdev *
pick_bdev(void)
{
	struct bdev_state *state, *claimed = NULL;
	struct spdk_bdev *bdev = NULL;
	bool leaving = !TAILQ_EMPTY(&g_bdev_manager.destructing);

	TAILQ_FOREACH_REVERSE (state, &g_bdev_manager.bdevs, bdev_list, link) {
		env_mutex_lock(&state->lock);
		if (state->status != SPDK_BDEV_STATUS_READY) {
			leaving = true;
		} else if (state->claim_type == SPDK_BDEV_CLAIM_NONE) {
			bdev = state->bdev;
		} else if (claimed == NULL) {
			claimed = state;
		}
		env_mutex_unlock(&state->lock);
		if (bdev != NULL) {
			return bdev;
		}
	}
	if (leaving || claimed == NULL) {
		return NULL;
	}
	SPDK_WARNLOG("unregistering bdev %s although it is claimed: its claimer has built nothing on it, "
		     "and should have released it in fini_start\n",
		claimed->bdev->name);
	return claimed->bdev;
}

static void
finish_next_bdev(void)
{
	struct spdk_bdev *bdev;
	bool done;

	env_mutex_lock(&g_bdev_manager.lock);
	bdev = g_chain.unregistering ? NULL : pick_bdev();
	g_chain.unregistering = g_chain.unregistering || bdev != NULL;
	done = TAILQ_EMPTY(&g_bdev_manager.bdevs) && TAILQ_EMPTY(&g_bdev_manager.destructing);
	env_mutex_unlock(&g_bdev_manager.lock);

	if (done) {
		bdev_modules_fini_begin();
		set_phase(PHASE_FINISH_MODULES);
		/* By message: the module of the last bdev may be on the stack. */
		bdev_manager_notify();
	} else if (bdev != NULL) {
		spdk_bdev_unregister(bdev, finish_bdev_cb, NULL);
	}
}

static void
finish_bdevs(void)
{
	set_phase(PHASE_FINISH_BDEVS);
	finish_next_bdev();
}

static void
finish_start(void)
{
	if (bdev_modules_fini_start_next()) {
		finish_bdevs();
	}
}

static void
finish_wait(void)
{
	if (get_phase() == PHASE_FINISH_OPENS) {
		if (!bdev_open_async_shutdown()) {
			return;
		}
		set_phase(PHASE_FINISH_IDLE);
	}
	if (!is_idle()) {
		return;
	}
	bdev_modules_fini_begin();
	set_phase(PHASE_FINISH_START);
	finish_start();
}

void
spdk_bdev_finish(spdk_bdev_fini_cb cb_fn, void *cb_arg)
{
	enum manager_phase phase = get_phase();

	if (phase == PHASE_DOWN) {
		cb_fn(cb_arg);
		return;
	}
	if (phase >= PHASE_FINISH_OPENS || spdk_get_thread() == NULL) {
		SPDK_ERRLOG("the bdev layer stops once, on an SPDK thread\n");
		return;
	}
	/* A start that is still going on will not be reported. */
	g_chain.init_cb = NULL;
	g_chain.thread = spdk_get_thread();
	report_begin();
	g_chain.fini_cb = cb_fn;
	g_chain.fini_arg = cb_arg;
	set_phase(PHASE_FINISH_OPENS);
	if (phase == PHASE_INIT_MODULES) {
		/* A module is on the stack. */
		bdev_manager_notify();
	} else {
		finish_wait();
	}
}

/* ---- what drives both ---- */

static void
notify_cb(void *ctx)
{
	enum manager_phase phase;

	env_mutex_lock(&g_bdev_manager.lock);
	g_chain.notified = false;
	phase = g_chain.phase;
	env_mutex_unlock(&g_bdev_manager.lock);

	switch (phase) {
	case PHASE_INIT_WAIT:
		init_wait();
		break;
	case PHASE_FINISH_OPENS:
	case PHASE_FINISH_IDLE:
		finish_wait();
		break;
	case PHASE_FINISH_START:
		finish_start();
		break;
	case PHASE_FINISH_BDEVS:
		finish_next_bdev();
		break;
	case PHASE_FINISH_MODULES:
		finish_modules();
		break;
	default:
		break;
	}
}

void
bdev_manager_notify(void)
{
	bool send;

	env_mutex_lock(&g_bdev_manager.lock);
	send = g_chain.phase != PHASE_DOWN && g_chain.phase != PHASE_UP && !g_chain.notified;
	g_chain.notified = g_chain.notified || send;
	env_mutex_unlock(&g_bdev_manager.lock);

	if (send) {
		bdk_msg_send(g_chain.thread, &g_chain.notify_msg, notify_cb, NULL);
	}
}
