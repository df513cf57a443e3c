/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Wakers. They are never freed but used again, because a sender may still look at one when what it woke is gone: its
 * message may have been the last that was needed. What such a sender can do is wake another loop for nothing.
 */

#include "lib/thread/thread_internal.h"

#include "spdk/log.h"

static struct env_mutex g_lock = ENV_MUTEX_INITIALIZER;
static struct thread_waker *g_free;
/* All that were ever made. */
static struct thread_waker *g_all;

static struct thread_waker *
make_waker(void)
{
	struct thread_waker *waker = calloc(1, sizeof(*waker));

	if (waker == NULL) {
		return NULL;
	}
	waker->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (waker->fd < 0) {
		SPDK_ERRLOG("Cannot make an eventfd: %s\n", strerror(errno));
		free(waker);
		return NULL;
	}
	waker->next_made = g_all;
	g_all = waker;
	return waker;
}

struct thread_waker *
thread_waker_get(void)
{
	struct thread_waker *waker;

	ENV_MUTEX_SCOPE(&g_lock);

	waker = g_free;
	if (waker != NULL) {
		g_free = waker->next_free;
	} else {
		waker = make_waker();
	}
	return waker;
}

void
thread_waker_put(struct thread_waker *waker)
{
	ENV_MUTEX_SCOPE(&g_lock);

	atomic_store(&waker->asleep, 0);
	waker->next_free = g_free;
	g_free = waker;
}

void
thread_waker_wake(struct thread_waker *waker)
{
	uint64_t one = 1;
	ssize_t rc;

	if (atomic_load(&waker->asleep) == 0) {
		return;
	}
	if (atomic_exchange(&waker->asleep, 0) != 0) {
		/* It can only fail if the counter is full, and then the sleeper has been woken long ago. */
		rc = write(waker->fd, &one, sizeof(one));
		(void)rc;
	}
}
