/* SPDX-License-Identifier: BSD-3-Clause */

/* One pass over what a thread has to do, its times, and when it wants the next pass. */

#include "lib/thread/strict.h"

#include "spdk/log.h"
#include "bdevkit/thread.h"

/* How often a thread without a host looks at its descriptors while it is being polled. */
#define SERVE_FDS_INTERVAL_US 20

/* An idle thread's spinning pollers wait an eighth of the time that they have been idle, and at least this. */
#define BACKOFF_MIN_US 10
#define BACKOFF_SHIFT 3

static inline __attribute__((always_inline)) int
pass(struct spdk_thread *thread, uint32_t max_msgs, uint64_t now, thread_run_message_fn run)
{
	int rc = 0, poller_rc;

	if (spdk_unlikely(atomic_load_explicit(&thread->critical_msg, memory_order_acquire) != NULL)) {
		rc = thread_critical_msg_run(thread);
	}
	if ((run == NULL ? thread_msgs_run(thread, max_msgs) : thread_msgs_run_with(thread, max_msgs, run)) > 0) {
		rc = 1;
	}
	if (!TAILQ_EMPTY(&thread->active_pollers)) {
		poller_rc = thread_active_pollers_run(thread);
		rc = spdk_max(rc, poller_rc);
	}
	if (spdk_unlikely(thread->next_due <= now)) {
		poller_rc = thread_timed_pollers_run(thread, now);
		rc = spdk_max(rc, poller_rc);
	}
	return rc;
}

int
thread_pass(struct spdk_thread *thread, uint32_t max_msgs, uint64_t now)
{
	return pass(thread, max_msgs, now, NULL);
}

int
thread_pass_with(struct spdk_thread *thread, uint32_t max_msgs, uint64_t now, thread_run_message_fn run)
{
	return pass(thread, max_msgs, now, run);
}

static void
account(struct spdk_thread *thread, uint64_t start, uint64_t end, int rc)
{
	thread->tsc_last = end;
	if (rc == 0) {
		thread->stats.idle_tsc += end - start;
	} else if (rc > 0) {
		thread->stats.busy_tsc += end - start;
		thread->idle_since = end;
	}
}

/* A loop that knows nothing of descriptors polls this thread: its handlers must not starve. */
static int
serve_fds_sometimes(struct spdk_thread *thread, uint64_t now)
{
	uint64_t interval = SERVE_FDS_INTERVAL_US * spdk_get_ticks_hz() / SPDK_SEC_TO_USEC;

	if (now - thread->fds_served < interval) {
		return 0;
	}
	thread->fds_served = now;
	return spdk_fd_group_wait(thread->fgrp, 0) > 0;
}

static int
poll_without_host(struct spdk_thread *thread, uint32_t max_msgs, uint64_t now)
{
	int rc = 0, served;

	if (!thread->in_interrupt) {
		rc = thread_pass(thread, max_msgs, now);
		if (thread->interrupt_count > 0 && !thread->in_interrupt) {
			served = serve_fds_sometimes(thread, now);
			rc = spdk_max(rc, served);
		}
	}
	/* Not "else": the thread may have changed its mode in the pass. */
	if (thread->in_interrupt) {
		rc = spdk_fd_group_wait(thread->fgrp, 0);
	}
	return rc;
}

/* A thread whose callbacks are watched. */
static int __attribute__((noinline)) poll_strictly(struct spdk_thread *thread, uint32_t max_msgs, uint64_t now)
{
	int rc = 0, served;

	if (thread->hosted) {
		return thread_strict_pass(thread, max_msgs, now);
	}
	if (!thread->in_interrupt) {
		rc = thread_strict_pass(thread, max_msgs, now);
		if (thread->interrupt_count > 0 && !thread->in_interrupt) {
			served = serve_fds_sometimes(thread, now);
			rc = spdk_max(rc, served);
		}
	}
	return thread->in_interrupt ? spdk_fd_group_wait(thread->fgrp, 0) : rc;
}

int
spdk_thread_poll(struct spdk_thread *thread, uint32_t max_msgs, uint64_t now)
{
	struct spdk_thread *outer = g_thread_current;
	int rc;

	if (now == 0) {
		now = spdk_get_ticks();
	}
	g_thread_current = thread;
	thread->tsc_last = now;

	if (spdk_likely(thread->plain)) {
		rc = thread_pass(thread, max_msgs, now);
	} else if (thread->strict) {
		rc = poll_strictly(thread, max_msgs, now);
	} else {
		rc = poll_without_host(thread, max_msgs, now);
	}
	if (spdk_unlikely(thread_state(thread) == THREAD_EXITING)) {
		thread_try_exit(thread, now);
	}

	account(thread, now, spdk_get_ticks(), rc);
	g_thread_current = outer;
	return rc;
}

/* ---- times ---- */

uint64_t
spdk_thread_get_last_tsc(struct spdk_thread *thread)
{
	if (thread == NULL) {
		thread = g_thread_current;
	}
	return thread->tsc_last;
}

int
spdk_thread_get_stats(struct spdk_thread_stats *stats)
{
	struct spdk_thread *thread = g_thread_current;

	if (thread == NULL) {
		SPDK_ERRLOG("No thread allocated\n");
		return -EINVAL;
	}
	if (stats == NULL) {
		return -EINVAL;
	}
	*stats = thread->stats;
	return 0;
}

void
thread_add_idle(struct spdk_thread *thread, uint64_t ticks)
{
	thread->stats.idle_tsc += ticks;
}

uint64_t
spdk_thread_next_poller_expiration(struct spdk_thread *thread)
{
	return thread->next_due != THREAD_NEVER ? thread->next_due : 0;
}

int
spdk_thread_has_active_pollers(struct spdk_thread *thread)
{
	return !TAILQ_EMPTY(&thread->active_pollers);
}

bool
spdk_thread_has_pollers(struct spdk_thread *thread)
{
	return !TAILQ_EMPTY(&thread->active_pollers) || !RB_EMPTY(&thread->timed_pollers);
}

bool
spdk_thread_is_idle(struct spdk_thread *thread)
{
	return !thread_has_msgs(thread) && !spdk_thread_has_pollers(thread);
}

bool
thread_has_msgs(struct spdk_thread *thread)
{
	return msg_queue_has_msgs(&thread->msgs) || atomic_load(&thread->critical_msg) != NULL;
}

/* ---- when to run next ---- */

void
bdk_thread_set_io_counter(struct spdk_thread *thread, const uint64_t *outstanding)
{
	thread->io_counter = outstanding;
}

static uint64_t
next_spin_time(struct spdk_thread *thread, uint64_t now, uint64_t idle_poll_max)
{
	uint64_t idle, min, pause;

	if (thread->io_counter != NULL && *thread->io_counter != 0) {
		return now;
	}
	idle = now > thread->idle_since ? now - thread->idle_since : 0;
	min = BACKOFF_MIN_US * spdk_get_ticks_hz() / SPDK_SEC_TO_USEC;
	pause = spdk_max(idle >> BACKOFF_SHIFT, min);
	return now + spdk_min(pause, idle_poll_max);
}

uint64_t
thread_get_deadline(struct spdk_thread *thread, uint64_t now, uint64_t idle_poll_max)
{
	uint64_t deadline = thread->next_due, spin;

	if (thread_has_msgs(thread)) {
		return now;
	}
	if (thread->spinning_pollers > 0) {
		spin = next_spin_time(thread, now, idle_poll_max);
		deadline = spdk_min(deadline, spin);
	}
	if (spdk_unlikely(thread_state(thread) == THREAD_EXITING)) {
		deadline = spdk_min(deadline, thread->exit_timeout);
	}
	return deadline;
}
