/* SPDX-License-Identifier: BSD-3-Clause */

/* Pollers: registration, pause and resume, and running them. */

#include "lib/thread/strict.h"

#include "bdevkit/thread.h"

#include "spdk/log.h"

int
thread_poller_compare(struct spdk_poller *a, struct spdk_poller *b)
{
	if (a->due != b->due) {
		return a->due < b->due ? -1 : 1;
	}
	return a->due_seq < b->due_seq ? -1 : a->due_seq > b->due_seq;
}

RB_GENERATE(poller_tree, spdk_poller, node, thread_poller_compare)

/* ---- the three places where a poller can be ---- */

static void
update_next_due(struct spdk_thread *thread)
{
	struct spdk_poller *first = RB_MIN(poller_tree, &thread->timed_pollers);

	thread->next_due = first != NULL ? first->due : THREAD_NEVER;
}

static void
insert_timed(struct spdk_poller *poller, uint64_t due)
{
	poller->due = due;
	poller->due_seq = poller->thread->timed_seq++;
	RB_INSERT(poller_tree, &poller->thread->timed_pollers, poller);
	update_next_due(poller->thread);
}

static void
remove_timed(struct spdk_poller *poller)
{
	RB_REMOVE(poller_tree, &poller->thread->timed_pollers, poller);
	update_next_due(poller->thread);
}

static void
remove_active(struct spdk_poller *poller)
{
	struct spdk_thread *thread = poller->thread;

	if (thread->active_cursor == poller) {
		thread->active_cursor = TAILQ_NEXT(poller, link);
	}
	TAILQ_REMOVE(&thread->active_pollers, poller, link);
}

void
thread_poller_recount(struct spdk_poller *poller)
{
	struct spdk_thread *thread = poller->thread;
	bool spinning = poller->period == 0 && poller->state == POLLER_WAITING && poller->wakeup_fd < 0 &&
		!(poller->driven && thread->in_interrupt);

	if (spinning != poller->counted_spinning) {
		poller->counted_spinning = spinning;
		thread->spinning_pollers += spinning ? 1 : -1;
	}
}

static void
set_state(struct spdk_poller *poller, enum poller_state state)
{
	poller->state = state;
	thread_poller_recount(poller);
}

/* The thread's plans have changed from outside a pass, perhaps: its host must look again. */
static void
plans_changed(struct spdk_thread *thread)
{
	thread->idle_since = thread->tsc_last;
	thread_notify(thread);
	thread_timer_update(thread);
}

/* ---- registration ---- */

static struct spdk_poller *
alloc_poller(struct spdk_thread *thread, spdk_poller_fn fn, const char *name)
{
	struct spdk_poller *poller;
	char address[THREAD_NAME_MAX];
	size_t len;

	if (name == NULL) {
		snprintf(address, sizeof(address), "%p", (void *)(uintptr_t)fn);
		name = address;
	}
	len = strnlen(name, THREAD_NAME_MAX);

	poller = calloc(1, sizeof(*poller) + len + 1);
	if (poller == NULL) {
		SPDK_ERRLOG("No memory for poller %s\n", name);
		return NULL;
	}
	memcpy(poller->name, name, len);
	poller->thread = thread;
	poller->fn = fn;
	poller->wakeup_fd = -1;
	poller->mode_change = thread->mode_change;
	return poller;
}

struct spdk_poller *
spdk_poller_register_named(spdk_poller_fn fn, void *arg, uint64_t period_microseconds, const char *name)
{
	struct spdk_thread *thread = thread_current();
	struct spdk_poller *poller;
	uint64_t hz = spdk_get_ticks_hz();

	if (thread == NULL) {
		SPDK_ERRLOG("Poller %s must be registered on an SPDK thread\n", name != NULL ? name : "");
		return NULL;
	}
	if (thread_state(thread) == THREAD_EXITED) {
		SPDK_ERRLOG("thread %s is marked as exited\n", thread->name);
		return NULL;
	}
	poller = alloc_poller(thread, fn, name);
	if (poller == NULL) {
		return NULL;
	}
	poller->arg = arg;
	if (thread->strict) {
		poller->strict_fn = fn;
		poller->strict_arg = arg;
		poller->fn = thread_strict_poller_cb;
		poller->arg = poller;
	}
	poller->id = thread->next_poller_id++;

	if (period_microseconds == 0) {
		/* Newest first, so that a pass does not run what is registered during it. */
		TAILQ_INSERT_HEAD(&thread->active_pollers, poller, link);
	} else {
		poller->period = period_microseconds / SPDK_SEC_TO_USEC * hz +
			period_microseconds % SPDK_SEC_TO_USEC * hz / SPDK_SEC_TO_USEC;
		poller->period = spdk_max(poller->period, 1u);
		insert_timed(poller, spdk_get_ticks() + poller->period);
	}
	thread_poller_recount(poller);
	plans_changed(thread);
	return poller;
}

struct spdk_poller *
spdk_poller_register(spdk_poller_fn fn, void *arg, uint64_t period_microseconds)
{
	return spdk_poller_register_named(fn, arg, period_microseconds, NULL);
}

static bool
is_on_own_thread(const struct spdk_poller *poller, const char *function)
{
	struct spdk_thread *thread = thread_current();

	if (thread == poller->thread) {
		return true;
	}
	SPDK_ERRLOG("%s(%s) called from wrong thread %s, its thread is %s\n", function, poller->name,
		thread != NULL ? thread->name : "(none)", poller->thread->name);
	return false;
}

static void
free_poller(struct spdk_poller *poller)
{
	if (poller->wakeup_fd >= 0) {
		spdk_fd_group_remove(poller->thread->fgrp, poller->wakeup_fd);
	}
	free(poller);
}

void
spdk_poller_unregister(struct spdk_poller **ppoller)
{
	struct spdk_poller *poller = *ppoller;

	*ppoller = NULL;
	if (poller == NULL || !is_on_own_thread(poller, __func__)) {
		return;
	}

	if (poller->running) {
		set_state(poller, POLLER_UNREGISTERED);
		return;
	}
	if (poller->state == POLLER_PAUSED) {
		TAILQ_REMOVE(&poller->thread->paused_pollers, poller, link);
	} else if (poller->period == 0) {
		remove_active(poller);
	} else {
		remove_timed(poller);
	}
	set_state(poller, POLLER_UNREGISTERED);
	thread_timer_update(poller->thread);
	free_poller(poller);
}

void
thread_pollers_free(struct spdk_thread *thread)
{
	struct spdk_poller *poller;

	while ((poller = TAILQ_FIRST(&thread->active_pollers)) != NULL) {
		SPDK_WARNLOG("active_poller %s still registered at thread exit\n", poller->name);
		TAILQ_REMOVE(&thread->active_pollers, poller, link);
		free_poller(poller);
	}
	while ((poller = RB_MIN(poller_tree, &thread->timed_pollers)) != NULL) {
		SPDK_WARNLOG("timed_poller %s still registered at thread exit\n", poller->name);
		RB_REMOVE(poller_tree, &thread->timed_pollers, poller);
		free_poller(poller);
	}
	while ((poller = TAILQ_FIRST(&thread->paused_pollers)) != NULL) {
		SPDK_WARNLOG("paused_poller %s still registered at thread exit\n", poller->name);
		TAILQ_REMOVE(&thread->paused_pollers, poller, link);
		free_poller(poller);
	}
}

/* ---- pause and resume ---- */

void
spdk_poller_pause(struct spdk_poller *poller)
{
	if (!is_on_own_thread(poller, __func__) || poller->state != POLLER_WAITING) {
		return;
	}
	set_state(poller, POLLER_PAUSING);
}

void
spdk_poller_resume(struct spdk_poller *poller)
{
	struct spdk_thread *thread = poller->thread;

	if (!is_on_own_thread(poller, __func__)) {
		return;
	}
	if (poller->state == POLLER_PAUSED) {
		TAILQ_REMOVE(&thread->paused_pollers, poller, link);
		if (poller->period == 0) {
			TAILQ_INSERT_HEAD(&thread->active_pollers, poller, link);
		} else {
			insert_timed(poller, spdk_get_ticks() + poller->period);
		}
	} else if (poller->state != POLLER_PAUSING) {
		return;
	}
	set_state(poller, POLLER_WAITING);
	plans_changed(thread);
}

void
bdk_poller_set_due(struct spdk_poller *poller, uint64_t due)
{
	if (!is_on_own_thread(poller, __func__) || poller->period == 0 || poller->state == POLLER_UNREGISTERED) {
		return;
	}
	if (poller->running) {
		/* run_timed() queues it. */
		poller->due = due;
		poller->due_is_set = true;
		set_state(poller, POLLER_WAITING);
		return;
	}
	if (poller->state == POLLER_PAUSED) {
		TAILQ_REMOVE(&poller->thread->paused_pollers, poller, link);
	} else {
		remove_timed(poller);
	}
	set_state(poller, POLLER_WAITING);
	insert_timed(poller, due);
	plans_changed(poller->thread);
}

static void
move_to_paused(struct spdk_poller *poller)
{
	poller->state = POLLER_PAUSED;
	TAILQ_INSERT_TAIL(&poller->thread->paused_pollers, poller, link);
}

/* ---- running ---- */

static int
call_poller(struct spdk_poller *poller)
{
	int rc;

	poller->running = true;
	rc = poller->fn(poller->arg);
	poller->running = false;
	thread_check_locks(poller->thread);

	poller->run_count++;
	if (rc > 0) {
		poller->busy_count++;
	}
	return rc;
}

static void
run_post_poller_handlers(struct spdk_thread *thread)
{
	uint8_t i, count = thread->post_poller_count;

	/* Full while they run, so that they cannot register each other without end. */
	thread->post_poller_count = THREAD_POST_POLLER_MAX;
	for (i = 0; i < count; i++) {
		thread->post_poller[i].fn(thread->post_poller[i].arg);
	}
	thread->post_poller_count = 0;
}

void
spdk_thread_register_post_poller_handler(spdk_post_poller_fn fn, void *fn_arg)
{
	struct spdk_thread *thread = thread_current();

	if (thread == NULL) {
		SPDK_ERRLOG("A post-poller handler must be registered on an SPDK thread\n");
		return;
	}
	if (thread->post_poller_count == THREAD_POST_POLLER_MAX) {
		SPDK_ERRLOG("Too many handlers registered\n");
		return;
	}
	thread->post_poller[thread->post_poller_count].fn = fn;
	thread->post_poller[thread->post_poller_count].arg = fn_arg;
	thread->post_poller_count++;
}

static int
run_active(struct spdk_poller *poller)
{
	int rc;

	if (spdk_unlikely(poller->state != POLLER_WAITING || poller->running)) {
		/* Running: its own function polls this thread again. */
		if (poller->state == POLLER_PAUSING && !poller->running) {
			remove_active(poller);
			move_to_paused(poller);
		}
		return 0;
	}
	if (poller->driven && poller->thread->in_interrupt) {
		return 0;
	}

	rc = call_poller(poller);
	if (spdk_unlikely(poller->state == POLLER_UNREGISTERED)) {
		remove_active(poller);
		free_poller(poller);
	}
	return rc;
}

int
thread_active_pollers_run(struct spdk_thread *thread)
{
	struct spdk_poller *poller;
	int rc = 0, poller_rc;

	thread->active_cursor = TAILQ_FIRST(&thread->active_pollers);
	while ((poller = thread->active_cursor) != NULL) {
		thread->active_cursor = TAILQ_NEXT(poller, link);
		poller_rc = run_active(poller);
		rc = spdk_max(rc, poller_rc);
		if (spdk_unlikely(thread->post_poller_count > 0)) {
			run_post_poller_handlers(thread);
		}
	}
	return rc;
}

static int
run_timed(struct spdk_poller *poller, uint64_t now)
{
	uint64_t due;
	int rc;

	remove_timed(poller);
	if (poller->state == POLLER_PAUSING) {
		move_to_paused(poller);
		return 0;
	}

	poller->due_is_set = false;
	rc = call_poller(poller);
	if (poller->state == POLLER_UNREGISTERED) {
		free_poller(poller);
		return rc;
	}
	/* Missed periods are not made up for. */
	due = poller->due_is_set ? spdk_max(poller->due, now + 1) : now + poller->period;
	insert_timed(poller, poller->driven && poller->thread->in_interrupt ? THREAD_NEVER : due);
	return rc;
}

int
thread_timed_pollers_run(struct spdk_thread *thread, uint64_t now)
{
	struct spdk_poller *poller;
	int rc = 0, poller_rc;

	while ((poller = RB_MIN(poller_tree, &thread->timed_pollers)) != NULL && poller->due <= now) {
		poller_rc = run_timed(poller, now);
		rc = spdk_max(rc, poller_rc);
	}
	return rc;
}

/* ---- interrupt mode ---- */

static void
set_poller_mode(struct spdk_poller *poller, bool interrupt)
{
	thread_poller_recount(poller);
	/* One that its owner drives is never due. */
	if (poller->driven && poller->period > 0 && poller->state != POLLER_PAUSED && !poller->running) {
		remove_timed(poller);
		insert_timed(poller, interrupt ? THREAD_NEVER : spdk_get_ticks() + poller->period);
	}
	if (poller->set_mode_cb != NULL) {
		poller->set_mode_cb(poller, poller->set_mode_arg, interrupt);
	}
}

static struct spdk_poller *
find_untold(struct spdk_thread *thread)
{
	struct spdk_poller *poller;

	RB_FOREACH (poller, poller_tree, &thread->timed_pollers) {
		if (poller->mode_change != thread->mode_change) {
			return poller;
		}
	}
	TAILQ_FOREACH (poller, &thread->active_pollers, link) {
		if (poller->mode_change != thread->mode_change) {
			return poller;
		}
	}
	TAILQ_FOREACH (poller, &thread->paused_pollers, link) {
		if (poller->mode_change != thread->mode_change) {
			return poller;
		}
	}
	return NULL;
}

void
thread_pollers_set_interrupt_mode(struct spdk_thread *thread, bool interrupt)
{
	struct spdk_poller *poller;

	/* From the start each time, because a callback may unregister any poller. */
	thread->mode_change++;
	while ((poller = find_untold(thread)) != NULL) {
		poller->mode_change = thread->mode_change;
		set_poller_mode(poller, interrupt);
	}
}

void
spdk_poller_register_interrupt(struct spdk_poller *poller, spdk_poller_set_interrupt_mode_cb cb_fn, void *cb_arg)
{
	if (poller == NULL || !g_thread_lib.interrupt_enabled || !is_on_own_thread(poller, __func__)) {
		return;
	}
	poller->driven = true;
	poller->set_mode_cb = cb_fn;
	poller->set_mode_arg = cb_arg;
	if (poller->thread->in_interrupt) {
		set_poller_mode(poller, true);
	}
}
