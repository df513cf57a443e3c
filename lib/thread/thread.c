/* SPDX-License-Identifier: BSD-3-Clause */

/* Life of a thread: creation, exit, destruction, and what can be asked about it. */

#include "lib/thread/strict.h"

#include "spdk/log.h"
#include "bdevkit/thread.h"

__thread struct spdk_thread *g_thread_current __attribute__((tls_model("initial-exec")));

struct spdk_thread *
spdk_get_thread(void)
{
	return g_thread_current;
}

void
spdk_set_thread(struct spdk_thread *thread)
{
	g_thread_current = thread;
}

static bool
op_is_supported(enum spdk_thread_op op)
{
	return g_thread_lib.op_supported_fn != NULL && g_thread_lib.op_supported_fn(op);
}

/* ---- creation ---- */

static struct spdk_thread *
alloc_thread(const char *name, const struct spdk_cpuset *cpumask)
{
	struct spdk_thread *thread;
	size_t size = SPDK_ALIGN_CEIL(sizeof(*thread) + g_thread_lib.ctx_size, SPDK_CACHE_LINE_SIZE);

	thread = aligned_alloc(SPDK_CACHE_LINE_SIZE, size);
	if (thread == NULL) {
		SPDK_ERRLOG("No memory for thread %s\n", name != NULL ? name : "");
		return NULL;
	}
	memset(thread, 0, size);

	if (name != NULL) {
		snprintf(thread->name, sizeof(thread->name), "%s", name);
	} else {
		snprintf(thread->name, sizeof(thread->name), "%p", thread);
	}
	if (cpumask != NULL) {
		spdk_cpuset_copy(&thread->cpumask, cpumask);
	} else {
		spdk_cpuset_zero(&thread->cpumask);
		spdk_cpuset_negate(&thread->cpumask);
	}

	msg_queue_init(&thread->msgs, NULL);
	TAILQ_INIT(&thread->active_pollers);
	TAILQ_INIT(&thread->paused_pollers);
	RB_INIT(&thread->timed_pollers);
	RB_INIT(&thread->channels);
	thread->strict = strict_is_enabled();
	thread->next_due = THREAD_NEVER;
	thread->next_poller_id = 1;
	thread->tsc_last = spdk_get_ticks();
	thread->idle_since = thread->tsc_last;
	return thread;
}

static int
tell_framework(struct spdk_thread *thread)
{
	if (g_thread_lib.new_thread_fn != NULL) {
		return g_thread_lib.new_thread_fn(thread);
	}
	if (op_is_supported(SPDK_THREAD_OP_NEW)) {
		return g_thread_lib.op_fn(thread, SPDK_THREAD_OP_NEW);
	}
	return 0;
}

static void
unlink_thread(struct spdk_thread *thread)
{
	env_mutex_lock(&g_thread_lib.lock);
	TAILQ_REMOVE(&g_thread_lib.threads, thread, link);
	thread->link.tqe_prev = NULL;
	thread_trace_unregister(thread);
	atomic_fetch_sub(&g_thread_lib.thread_count, 1);
	env_mutex_unlock(&g_thread_lib.lock);
}

static struct spdk_thread *
create(const char *name, const struct spdk_cpuset *cpumask, bool scheduled)
{
	struct spdk_thread *thread, *none = NULL;

	thread = alloc_thread(name, cpumask);
	if (thread == NULL) {
		return NULL;
	}
	thread->reserve_walk = calloc(1, sizeof(*thread->reserve_walk));
	if (thread->reserve_walk == NULL || thread_interrupt_init(thread) != 0) {
		free(thread->reserve_walk);
		free(thread);
		return NULL;
	}

	env_mutex_lock(&g_thread_lib.lock);
	if (g_thread_lib.last_id == UINT64_MAX) {
		env_mutex_unlock(&g_thread_lib.lock);
		SPDK_ERRLOG("Thread ids are used up\n");
		thread_free(thread);
		return NULL;
	}
	thread->id = ++g_thread_lib.last_id;
	TAILQ_INSERT_TAIL(&g_thread_lib.threads, thread, link);
	atomic_fetch_add(&g_thread_lib.thread_count, 1);
	thread_trace_register_locked(thread);
	env_mutex_unlock(&g_thread_lib.lock);

	if (scheduled && tell_framework(thread) != 0) {
		unlink_thread(thread);
		thread_free(thread);
		return NULL;
	}

	atomic_compare_exchange_strong(&g_thread_lib.app_thread, &none, thread);
	return thread;
}

struct spdk_thread *
spdk_thread_create(const char *name, const struct spdk_cpuset *cpumask)
{
	return create(name, cpumask, true);
}

struct spdk_thread *
bdk_thread_create_unscheduled(const char *name)
{
	return create(name, NULL, false);
}

/* ---- exit ---- */

int
spdk_thread_exit(struct spdk_thread *thread)
{
	assert(g_thread_current == thread);

	SPDK_DEBUGLOG(thread, "Exit thread %s\n", thread->name);
	if (thread_state(thread) != THREAD_RUNNING) {
		return 0;
	}

	thread->exit_extended = false;
	thread->exit_timeout = spdk_get_ticks() + THREAD_EXIT_TIMEOUT_SEC * spdk_get_ticks_hz();
	atomic_store(&thread->state, THREAD_EXITING);
	thread_notify(thread);
	return 0;
}

static const struct spdk_poller *
find_living_poller(struct spdk_thread *thread)
{
	struct spdk_poller *poller;

	TAILQ_FOREACH (poller, &thread->active_pollers, link) {
		if (poller->state != POLLER_UNREGISTERED) {
			return poller;
		}
	}
	poller = RB_MIN(poller_tree, &thread->timed_pollers);
	return poller != NULL ? poller : TAILQ_FIRST(&thread->paused_pollers);
}

/* NULL: it can exit. *name: of the poller, if it is one, or "". */
static const char *
find_exit_obstacle(struct spdk_thread *thread, const char **name)
{
	const struct spdk_poller *poller;
	bool has_channels;

	*name = "";

	if (msg_queue_has_msgs(&thread->msgs)) {
		return "has a message";
	}
	if (thread->for_each_count > 0) {
		return "waits for a walk over threads or channels";
	}
	poller = find_living_poller(thread);
	if (poller != NULL) {
		*name = poller->name;
		return "has a poller ";
	}
	env_mutex_lock(&g_thread_lib.lock);
	has_channels = !RB_EMPTY(&thread->channels);
	env_mutex_unlock(&g_thread_lib.lock);
	if (has_channels) {
		return "has an I/O channel";
	}
	if (thread->unregister_count > 0) {
		return "waits for an io_device to be unregistered";
	}
	return NULL;
}

void
thread_try_exit(struct spdk_thread *thread, uint64_t now)
{
	const char *name, *obstacle = find_exit_obstacle(thread, &name);
	uint64_t second = spdk_get_ticks_hz();

	if (obstacle != NULL) {
		if (now > thread->exit_timeout + second && !thread->exit_extended) {
			/* Nobody ran for so long: the process was stopped, perhaps. What it waits for may be about to come. */
			thread->exit_extended = true;
			thread->exit_timeout = now + second;
		}
		if (now < thread->exit_timeout) {
			SPDK_DEBUGLOG(thread, "thread %s is not exited yet: it %s%s\n", thread->name, obstacle, name);
			return;
		}
		SPDK_ERRLOG("thread %s got timeout, and move it to the exited state forcefully (it %s%s)\n",
			thread->name, obstacle, name);
		if (thread->strict) {
			thread_strict_report_channels(thread);
		}
	}

	atomic_store(&thread->state, THREAD_EXITED);

	/* A framework that only waits for descriptors learns of it in this way. */
	if (thread->in_interrupt && !thread->hosted && op_is_supported(SPDK_THREAD_OP_RESCHED)) {
		g_thread_lib.op_fn(thread, SPDK_THREAD_OP_RESCHED);
	}
}

bool
spdk_thread_is_running(struct spdk_thread *thread)
{
	return thread_state(thread) == THREAD_RUNNING;
}

bool
spdk_thread_is_exited(struct spdk_thread *thread)
{
	return thread_state(thread) == THREAD_EXITED;
}

/* ---- destruction ---- */

static void
drop_channels(struct spdk_thread *thread)
{
	struct spdk_io_channel *ch;

	env_mutex_lock(&g_thread_lib.lock);
	RB_FOREACH (ch, io_channel_tree, &thread->channels) {
		SPDK_ERRLOG("thread %s still has channel for io_device %s\n", thread->name, ch->dev->name);
	}
	env_mutex_unlock(&g_thread_lib.lock);
}

void
thread_free(struct spdk_thread *thread)
{
	drop_channels(thread);
	thread_pollers_free(thread);
	thread_msgs_discard(thread);
	thread_msg_cache_drain(&thread->msg_cache);
	thread_interrupt_fini(thread);
	free(thread->reserve_walk);
	free(thread);
}

void
spdk_thread_destroy(struct spdk_thread *thread)
{
	assert(thread_state(thread) == THREAD_EXITED);

	if (g_thread_current == thread) {
		g_thread_current = NULL;
	}
	unlink_thread(thread);

	/* spdk_thread_lib_fini() frees the app thread. */
	if (thread != spdk_thread_get_app_thread()) {
		thread_free(thread);
	}
}

/* ---- questions ---- */

struct spdk_thread *
spdk_thread_get_app_thread(void)
{
	return atomic_load(&g_thread_lib.app_thread);
}

bool
spdk_thread_is_app_thread(struct spdk_thread *thread)
{
	if (thread == NULL) {
		thread = g_thread_current;
	}
	return thread == spdk_thread_get_app_thread();
}

void *
spdk_thread_get_ctx(struct spdk_thread *thread)
{
	return g_thread_lib.ctx_size > 0 ? thread->ctx : NULL;
}

struct spdk_thread *
spdk_thread_get_from_ctx(void *ctx)
{
	if (ctx == NULL) {
		return NULL;
	}
	return SPDK_CONTAINEROF(ctx, struct spdk_thread, ctx);
}

uint64_t
spdk_thread_get_id(const struct spdk_thread *thread)
{
	return thread->id;
}

const char *
spdk_thread_get_name(const struct spdk_thread *thread)
{
	return thread->name;
}

struct spdk_thread *
thread_find_after(uint64_t id)
{
	struct spdk_thread *thread;

	TAILQ_FOREACH (thread, &g_thread_lib.threads, link) {
		if (thread->id > id) {
			return thread;
		}
	}
	return NULL;
}

struct spdk_thread *
spdk_thread_get_by_id(uint64_t id)
{
	struct spdk_thread *thread;
	bool valid;

	env_mutex_lock(&g_thread_lib.lock);
	valid = id != 0 && id <= g_thread_lib.last_id;
	thread = valid ? thread_find_after(id - 1) : NULL;
	if (thread != NULL && thread->id != id) {
		thread = NULL;
	}
	env_mutex_unlock(&g_thread_lib.lock);

	if (!valid) {
		SPDK_ERRLOG("invalid thread id: %" PRIu64 ".\n", id);
	}
	return thread;
}

uint32_t
spdk_thread_get_count(void)
{
	return atomic_load(&g_thread_lib.thread_count);
}

/* ---- placement ---- */

struct spdk_cpuset *
spdk_thread_get_cpumask(struct spdk_thread *thread)
{
	return &thread->cpumask;
}

int
spdk_thread_set_cpumask(struct spdk_cpuset *cpumask)
{
	struct spdk_thread *thread = g_thread_current;

	if (!op_is_supported(SPDK_THREAD_OP_RESCHED)) {
		SPDK_ERRLOG("Framework does not support reschedule operation.\n");
		return -ENOTSUP;
	}
	if (thread == NULL) {
		SPDK_ERRLOG("Called from non-SPDK thread\n");
		return -EINVAL;
	}

	spdk_cpuset_copy(&thread->cpumask, cpumask);
	g_thread_lib.op_fn(thread, SPDK_THREAD_OP_RESCHED);
	return 0;
}

void
spdk_thread_bind(struct spdk_thread *thread, bool bind)
{
	thread->bound = bind;
}

bool
spdk_thread_is_bound(struct spdk_thread *thread)
{
	return thread->bound;
}

SPDK_LOG_REGISTER_COMPONENT(thread)
