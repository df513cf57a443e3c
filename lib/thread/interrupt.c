/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * File descriptors of a thread: interrupts that users register, descriptors that end the wait of a poller, and, for
 * threads in interrupt mode that an unknown loop waits for, what makes their fd group readable when they have
 * messages or timed pollers.
 */

#include "lib/env/image.h"
#include "lib/thread/strict.h"

#include "spdk/log.h"
#include "bdevkit/thread.h"

#include <sys/timerfd.h>

/* As in the default options of reactors; here for threads that another loop waits for. */
#define IDLE_POLL_MAX_US 100000

struct spdk_interrupt {
	/* -1 for an fd group. */
	int efd;
	struct spdk_fd_group *fgrp;
	struct spdk_thread *thread;
	spdk_interrupt_fn fn;
	void *arg;
	LIST_ENTRY(spdk_interrupt) link;
	char name[];
};

/* ---- the thread's fd group ---- */

struct spdk_fd_group *
thread_fd_group(struct spdk_thread *thread)
{
	struct spdk_fd_group *fgrp;
	int rc;

	env_mutex_lock(&g_thread_lib.lock);
	fgrp = thread->fgrp;
	if (fgrp == NULL) {
		rc = spdk_fd_group_create(&fgrp);
		if (rc != 0) {
			SPDK_ERRLOG("thread %s: cannot make an fd group: %s\n", thread->name, strerror(-rc));
			fgrp = NULL;
		} else {
			thread->fgrp = fgrp;
			if (thread->host != NULL) {
				thread->host->watch(thread->host, thread, spdk_fd_group_get_fd(fgrp));
			}
		}
	}
	env_mutex_unlock(&g_thread_lib.lock);
	return fgrp;
}

struct spdk_fd_group *
spdk_thread_get_interrupt_fd_group(struct spdk_thread *thread)
{
	return thread_fd_group(thread);
}

int
spdk_thread_get_interrupt_fd(struct spdk_thread *thread)
{
	struct spdk_fd_group *fgrp = thread_fd_group(thread);

	return fgrp != NULL ? spdk_fd_group_get_fd(fgrp) : -1;
}

/* Whom senders wake from now on. */
static void
set_waker(struct spdk_thread *thread, struct thread_waker *waker)
{
	atomic_store(&thread->waker, waker);
	msg_queue_set_owner(&thread->msgs, waker);
}

/* ---- under a host ---- */

void
thread_host_attach(struct thread_host *host, struct spdk_thread *thread)
{
	env_mutex_lock(&g_thread_lib.lock);
	thread->host = host;
	thread->hosted = true;
	thread->plain = !thread->strict;
	if (thread->fgrp != NULL) {
		host->watch(host, thread, spdk_fd_group_get_fd(thread->fgrp));
	}
	env_mutex_unlock(&g_thread_lib.lock);
	set_waker(thread, host->waker);
}

void
thread_host_detach(struct spdk_thread *thread)
{
	env_mutex_lock(&g_thread_lib.lock);
	thread->host = NULL;
	thread->hosted = false;
	thread->plain = false;
	env_mutex_unlock(&g_thread_lib.lock);
}

int
thread_get_watch_fd(struct spdk_thread *thread)
{
	return thread->fgrp != NULL ? spdk_fd_group_get_fd(thread->fgrp) : -1;
}

bool
thread_has_interrupts(const struct spdk_thread *thread)
{
	return thread->interrupt_count > 0;
}

int
thread_serve_fds(struct spdk_thread *thread, uint64_t now)
{
	struct spdk_thread *outer = thread_current();
	uint64_t end;
	int rc;

	if (thread->fgrp == NULL) {
		return 0;
	}
	spdk_set_thread(thread);
	thread->tsc_last = now;
	rc = spdk_fd_group_wait(thread->fgrp, 0);
	if (rc > 0) {
		end = spdk_get_ticks();
		thread->tsc_last = end;
		thread->idle_since = end;
		thread->stats.busy_tsc += end - now;
	}
	spdk_set_thread(outer);
	return rc;
}

/* ---- without a host, in interrupt mode ---- */

static int
run_from_fd(struct spdk_thread *thread)
{
	struct spdk_thread *outer = thread_current();
	uint64_t now = spdk_get_ticks();
	int rc;

	/* Before the queue is looked at, so that whoever sends from now on writes the eventfd again. */
	atomic_store(&thread->self_waker->asleep, 1);

	spdk_set_thread(thread);
	thread->tsc_last = now;
	rc = thread->strict ? thread_strict_pass(thread, 0, now) : thread_pass(thread, 0, now);
	if (rc > 0) {
		thread->idle_since = now;
	}
	if (thread_state(thread) == THREAD_EXITING) {
		thread_try_exit(thread, now);
	}
	spdk_set_thread(outer);

	if (thread->in_interrupt && !thread->hosted) {
		thread_timer_update(thread);
	}
	return rc;
}

static int
run_from_fd_cb(void *ctx)
{
	return run_from_fd(ctx);
}

static bool
is_self_driven(const struct spdk_thread *thread)
{
	return thread->in_interrupt && !thread->hosted;
}

void
thread_timer_update(struct spdk_thread *thread)
{
	struct itimerspec time = {0};
	uint64_t now, deadline, ns, hz;

	if (!is_self_driven(thread) || thread->timer_fd < 0) {
		return;
	}
	now = spdk_get_ticks();
	hz = spdk_get_ticks_hz();
	deadline = thread_get_deadline(thread, now, IDLE_POLL_MAX_US * hz / SPDK_SEC_TO_USEC);
	if (deadline <= now) {
		thread_waker_wake(thread->self_waker);
		return;
	}
	if (deadline == thread->timer_armed) {
		return;
	}
	if (deadline != THREAD_NEVER) {
		ns = (uint64_t)((unsigned __int128)(deadline - now) * SPDK_SEC_TO_NSEC / hz);
		time.it_value.tv_sec = ns / SPDK_SEC_TO_NSEC;
		time.it_value.tv_nsec = ns % SPDK_SEC_TO_NSEC + 1;
		if (time.it_value.tv_nsec == SPDK_SEC_TO_NSEC) {
			time.it_value.tv_sec++;
			time.it_value.tv_nsec = 0;
		}
	}
	if (timerfd_settime(thread->timer_fd, 0, &time, NULL) != 0) {
		SPDK_ERRLOG("thread %s: cannot set its timer: %s\n", thread->name, strerror(errno));
		return;
	}
	thread->timer_armed = deadline;
}

/* Edge-triggered: an event is taken by being told of, nobody needs to read the descriptor. */
static int
add_edge(struct spdk_fd_group *fgrp, int fd, spdk_fd_fn fn, void *arg, const char *name)
{
	return spdk_fd_group_add_for_events(fgrp, fd, EPOLLIN | EPOLLET, fn, arg, name);
}

static int
timer_cb(void *ctx)
{
	struct spdk_thread *thread = ctx;

	thread->timer_armed = THREAD_NEVER;
	return run_from_fd(thread);
}

static int
make_self_driven(struct spdk_thread *thread)
{
	struct spdk_fd_group *fgrp = thread_fd_group(thread);
	int rc;

	if (fgrp == NULL) {
		return -ENOMEM;
	}
	thread->self_waker = thread_waker_get();
	if (thread->self_waker == NULL) {
		return -ENOMEM;
	}
	thread->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (thread->timer_fd < 0) {
		return -errno;
	}
	rc = add_edge(fgrp, thread->self_waker->fd, run_from_fd_cb, thread, "messages");
	if (rc == 0) {
		rc = add_edge(fgrp, thread->timer_fd, timer_cb, thread, "timed pollers");
	}
	return rc;
}

int
thread_interrupt_init(struct spdk_thread *thread)
{
	int rc;

	thread->timer_fd = -1;
	thread->timer_armed = THREAD_NEVER;
	if (!g_thread_lib.interrupt_enabled) {
		return 0;
	}

	rc = make_self_driven(thread);
	if (rc != 0) {
		SPDK_ERRLOG("thread %s: cannot prepare for interrupt mode: %s\n", thread->name, strerror(-rc));
		thread_interrupt_fini(thread);
		return rc;
	}
	thread->in_interrupt = true;
	atomic_store(&thread->self_waker->asleep, 1);
	set_waker(thread, thread->self_waker);
	return 0;
}

void
thread_interrupt_fini(struct spdk_thread *thread)
{
	if (thread->fgrp == NULL) {
		return;
	}
	if (thread->self_waker != NULL) {
		spdk_fd_group_remove(thread->fgrp, thread->self_waker->fd);
		thread_waker_put(thread->self_waker);
		thread->self_waker = NULL;
	}
	if (thread->timer_fd >= 0) {
		spdk_fd_group_remove(thread->fgrp, thread->timer_fd);
		close(thread->timer_fd);
		thread->timer_fd = -1;
	}
	if (thread->interrupt_count > 0) {
		SPDK_WARNLOG("thread %s is destroyed with %u interrupts registered\n", thread->name,
			thread->interrupt_count);
	}
	spdk_fd_group_destroy(thread->fgrp);
	thread->fgrp = NULL;
}

/* ---- modes ---- */

int
spdk_interrupt_mode_enable(void)
{
	if (g_thread_lib.initialized) {
		SPDK_ERRLOG("Failed due to threading library is already initialized.\n");
		return -1;
	}
	g_thread_lib.interrupt_enabled = true;
	return 0;
}

bool
spdk_interrupt_mode_is_enabled(void)
{
	return g_thread_lib.interrupt_enabled;
}

void
spdk_thread_set_interrupt_mode(bool enable_interrupt)
{
	struct spdk_thread *thread = thread_current();

	if (thread == NULL || !g_thread_lib.interrupt_enabled) {
		SPDK_ERRLOG(
			"Interrupt mode can be set only on an SPDK thread, and after spdk_interrupt_mode_enable()\n");
		return;
	}
	SPDK_NOTICELOG("Set spdk_thread (%s) to %s mode from %s mode.\n", thread->name,
		enable_interrupt ? "intr" : "poll", thread->in_interrupt ? "intr" : "poll");

	thread->in_interrupt = enable_interrupt;
	thread_pollers_set_interrupt_mode(thread, enable_interrupt);
	if (thread->hosted) {
		return;
	}
	if (enable_interrupt) {
		atomic_store(&thread->self_waker->asleep, 1);
		set_waker(thread, thread->self_waker);
		/* What came while nobody was to be woken. */
		thread_waker_wake(thread->self_waker);
		thread_timer_update(thread);
	} else {
		set_waker(thread, NULL);
	}
}

/* ---- interrupts ---- */

static int
call_in_thread(struct spdk_thread *thread, spdk_fd_fn fn, void *arg)
{
	struct spdk_thread *outer = thread_current();
	int rc;

	/* The fd group may be a part of one that somebody else waits for. */
	spdk_set_thread(thread);
	rc = fn(arg);
	thread_check_locks(thread);
	spdk_set_thread(outer);
	return rc;
}

static int
interrupt_cb(void *ctx)
{
	struct spdk_interrupt *intr = ctx;

	return call_in_thread(intr->thread, intr->fn, intr->arg);
}

static int
fd_group_wrapper_cb(void *wrapper_ctx, spdk_fd_fn fn, void *fn_arg)
{
	struct spdk_interrupt *intr = wrapper_ctx;

	return call_in_thread(intr->thread, fn, fn_arg);
}

static struct spdk_interrupt *
alloc_interrupt(spdk_interrupt_fn fn, void *arg, const char *name)
{
	struct spdk_thread *thread = thread_current();
	struct spdk_interrupt *intr;
	char address[24];
	size_t len;

	if (thread == NULL || thread_state(thread) != THREAD_RUNNING) {
		SPDK_ERRLOG("Interrupt %s must be registered on a running SPDK thread\n", name != NULL ? name : "");
		return NULL;
	}
	if (thread_fd_group(thread) == NULL) {
		return NULL;
	}
	if (name == NULL) {
		snprintf(address, sizeof(address), "%p", (void *)(uintptr_t)fn);
		name = address;
	}
	len = strnlen(name, THREAD_NAME_MAX);

	intr = calloc(1, sizeof(*intr) + len + 1);
	if (intr == NULL) {
		SPDK_ERRLOG("No memory for interrupt %s\n", name);
		return NULL;
	}
	memcpy(intr->name, name, len);
	intr->efd = -1;
	intr->thread = thread;
	intr->fn = fn;
	intr->arg = arg;
	return intr;
}

static void
add_interrupt(struct spdk_interrupt *intr)
{
	intr->thread->interrupt_count++;
	LIST_INSERT_HEAD(&intr->thread->interrupts, intr, link);
}

const char *
thread_interrupt_find(struct spdk_thread *thread, const struct env_image *image)
{
	struct spdk_interrupt *intr;

	LIST_FOREACH (intr, &thread->interrupts, link) {
		if (ENV_IMAGE_HAS_FN(image, intr->fn)) {
			return intr->name;
		}
	}
	return NULL;
}

struct spdk_interrupt *
spdk_interrupt_register_ext(
	int efd, spdk_interrupt_fn fn, void *arg, const char *name, struct spdk_event_handler_opts *opts)
{
	struct spdk_interrupt *intr = alloc_interrupt(fn, arg, name);
	int rc;

	if (intr == NULL) {
		return NULL;
	}
	rc = spdk_fd_group_add_ext(intr->thread->fgrp, efd, interrupt_cb, intr, intr->name, opts);
	if (rc != 0) {
		SPDK_ERRLOG("thread %s: failed to add fd %d: %s\n", intr->thread->name, efd, strerror(-rc));
		free(intr);
		return NULL;
	}
	intr->efd = efd;
	add_interrupt(intr);
	return intr;
}

struct spdk_interrupt *
spdk_interrupt_register_for_events(int efd, uint32_t events, spdk_interrupt_fn fn, void *arg, const char *name)
{
	struct spdk_event_handler_opts opts;

	spdk_fd_group_get_default_event_handler_opts(&opts, sizeof(opts));
	opts.events = events;
	return spdk_interrupt_register_ext(efd, fn, arg, name, &opts);
}

struct spdk_interrupt *
spdk_interrupt_register(int efd, spdk_interrupt_fn fn, void *arg, const char *name)
{
	return spdk_interrupt_register_for_events(efd, SPDK_INTERRUPT_EVENT_IN, fn, arg, name);
}

struct spdk_interrupt *
spdk_interrupt_register_fd_group(struct spdk_fd_group *fgrp, const char *name)
{
	struct spdk_interrupt *intr = alloc_interrupt(NULL, NULL, name);
	int rc;

	if (intr == NULL) {
		return NULL;
	}
	rc = spdk_fd_group_set_wrapper(fgrp, fd_group_wrapper_cb, intr);
	if (rc == 0) {
		rc = spdk_fd_group_nest(intr->thread->fgrp, fgrp);
		if (rc != 0) {
			spdk_fd_group_set_wrapper(fgrp, NULL, NULL);
		}
	}
	if (rc != 0) {
		SPDK_ERRLOG(
			"thread %s: failed to add fd group %s: %s\n", intr->thread->name, intr->name, strerror(-rc));
		free(intr);
		return NULL;
	}
	intr->fgrp = fgrp;
	add_interrupt(intr);
	return intr;
}

static bool
is_on_own_thread(const struct spdk_interrupt *intr, const char *function)
{
	struct spdk_thread *thread = thread_current();

	if (thread == intr->thread) {
		return true;
	}
	SPDK_ERRLOG("%s(%s) called from wrong thread %s, its thread is %s\n", function, intr->name,
		thread != NULL ? thread->name : "(none)", intr->thread->name);
	return false;
}

void
spdk_interrupt_unregister(struct spdk_interrupt **pintr)
{
	struct spdk_interrupt *intr = *pintr;

	*pintr = NULL;
	if (intr == NULL || !is_on_own_thread(intr, __func__)) {
		return;
	}
	if (intr->fgrp != NULL) {
		spdk_fd_group_unnest(intr->thread->fgrp, intr->fgrp);
		/* So that the group can be registered again. */
		spdk_fd_group_set_wrapper(intr->fgrp, NULL, NULL);
	} else {
		spdk_fd_group_remove(intr->thread->fgrp, intr->efd);
	}
	intr->thread->interrupt_count--;
	LIST_REMOVE(intr, link);
	free(intr);
}

int
spdk_interrupt_set_event_types(struct spdk_interrupt *intr, enum spdk_interrupt_event_types event_types)
{
	if (!is_on_own_thread(intr, __func__) || intr->fgrp != NULL) {
		return -EINVAL;
	}
	return spdk_fd_group_event_modify(intr->thread->fgrp, intr->efd, (int)event_types);
}

/* ---- descriptors that end the wait of a poller ---- */

static int
wakeup_cb(void *ctx)
{
	struct spdk_poller *poller = ctx;

	/* A host polls the thread after it has served its descriptors; without one nobody else does it. */
	if (is_self_driven(poller->thread)) {
		run_from_fd(poller->thread);
	}
	return 0;
}

int
bdk_poller_set_wakeup_fd(struct spdk_poller *poller, int fd)
{
	struct spdk_thread *thread = poller->thread;
	struct spdk_fd_group *fgrp;
	int rc;

	if (fd >= 0) {
		fgrp = thread_fd_group(thread);
		if (fgrp == NULL) {
			return -ENOMEM;
		}
	}
	if (poller->wakeup_fd >= 0) {
		spdk_fd_group_remove(thread->fgrp, poller->wakeup_fd);
		poller->wakeup_fd = -1;
	}
	if (fd >= 0) {
		rc = add_edge(thread->fgrp, fd, wakeup_cb, poller, poller->name);
		if (rc != 0) {
			thread_poller_recount(poller);
			return rc;
		}
		poller->wakeup_fd = fd;
	}
	thread_poller_recount(poller);
	return 0;
}
