/* SPDX-License-Identifier: BSD-3-Clause */

/* Messages between threads. */

#include "lib/thread/thread_internal.h"

#include "bdevkit/thread.h"
#include "spdk/log.h"

_Static_assert(sizeof(struct thread_msg) <= sizeof(struct bdk_msg), "the public form has room for a message");

void
thread_notify(struct spdk_thread *thread)
{
	struct thread_waker *waker = atomic_load(&thread->waker);

	if (waker != NULL) {
		thread_waker_wake(waker);
	}
}

static void
post(struct spdk_thread *thread, struct thread_msg *msg)
{
	/*
	 * Both are needed, and neither may be read from the thread after the push. If the queue was empty its owner is
	 * certainly the one that has to be woken, even if the thread is being moved to another. If it was not, its
	 * owner is being woken by another sender, who may just have lost the CPU, however.
	 */
	struct thread_waker *waker = atomic_load_explicit(&thread->waker, memory_order_acquire);
	struct thread_waker *owner = msg_queue_push(&thread->msgs, &msg->link);

	if (owner != NULL) {
		waker = owner;
	}
	if (waker != NULL) {
		thread_waker_wake(waker);
	}
}

int
thread_msg_send(struct spdk_thread *thread, struct thread_msg *msg)
{
	if (spdk_unlikely(thread_state(thread) == THREAD_EXITED)) {
		SPDK_ERRLOG("Thread %s is marked as exited.\n", thread->name);
		return -EIO;
	}
	post(thread, msg);
	return 0;
}

int
thread_msg_send_to_id(uint64_t id, struct thread_msg *msg)
{
	struct spdk_thread *thread;

	/* Under the lock, so that the thread cannot be freed in between. */
	ENV_MUTEX_SCOPE(&g_thread_lib.lock);

	thread = thread_find_after(id - 1);
	if (thread == NULL || thread->id != id) {
		return -EIO;
	}
	return thread_msg_send(thread, msg);
}

int
spdk_thread_send_msg(const struct spdk_thread *thread, spdk_msg_fn fn, void *ctx)
{
	/* The interface promises not to change what the caller can see of the thread; its queue is not that. */
	struct spdk_thread *target = (struct spdk_thread *)(uintptr_t)thread;
	struct spdk_thread *sender = thread_current();
	struct thread_msg *msg;

	assert(thread != NULL);

	if (spdk_unlikely(thread_state(target) == THREAD_EXITED)) {
		SPDK_ERRLOG("Thread %s is marked as exited.\n", target->name);
		return -EIO;
	}
	msg = thread_msg_get(sender != NULL ? &sender->msg_cache : NULL);
	if (spdk_unlikely(msg == NULL)) {
		SPDK_ERRLOG("msg could not be allocated\n");
		return -ENOMEM;
	}
	msg->fn = fn;
	msg->arg = ctx;
	post(target, msg);
	return 0;
}

int
bdk_msg_send(struct spdk_thread *thread, struct bdk_msg *msg, spdk_msg_fn fn, void *arg)
{
	struct thread_msg *own = (struct thread_msg *)msg;

	thread_msg_init(own, fn, arg);
	return thread_msg_send(thread, own);
}

int
bdk_msg_send_to_id(uint64_t thread_id, struct bdk_msg *msg, spdk_msg_fn fn, void *arg)
{
	struct thread_msg *own = (struct thread_msg *)msg;

	thread_msg_init(own, fn, arg);
	return thread_msg_send_to_id(thread_id, own);
}

/* Inlined into its two users, so that the usual one calls the functions itself. */
static inline __attribute__((always_inline)) uint32_t
run_msgs(struct spdk_thread *thread, uint32_t max, void (*run)(struct spdk_thread *thread, spdk_msg_fn fn, void *arg))
{
	struct thread_msg *msg;
	spdk_msg_fn fn;
	uint32_t count, i;
	void *arg;

	count = msg_queue_collect(&thread->msgs);
	if (count == 0) {
		return 0;
	}
	if (max == 0 || max > THREAD_MSG_BATCH) {
		max = THREAD_MSG_BATCH;
	}
	count = spdk_min(count, max);

	for (i = 0; i < count; i++) {
		msg = SPDK_CONTAINEROF(msg_queue_pop(&thread->msgs), struct thread_msg, link);
		fn = msg->fn;
		arg = msg->arg;
		/* Before it runs, so that what it sends uses the same cache line again. */
		if (msg->pooled) {
			thread_msg_put(&thread->msg_cache, msg);
		}
		if (run == NULL) {
			fn(arg);
		} else {
			run(thread, fn, arg);
		}
		thread_check_locks(thread);
	}
	return count;
}

uint32_t
thread_msgs_run(struct spdk_thread *thread, uint32_t max)
{
	return run_msgs(thread, max, NULL);
}

uint32_t
thread_msgs_run_with(
	struct spdk_thread *thread, uint32_t max, void (*run)(struct spdk_thread *thread, spdk_msg_fn fn, void *arg))
{
	return run_msgs(thread, max, run);
}

int
spdk_thread_send_critical_msg(struct spdk_thread *thread, spdk_msg_fn fn)
{
	spdk_msg_fn none = NULL;

	/* Called from signal handlers: nothing but atomic operations and write(). */
	if (!atomic_compare_exchange_strong(&thread->critical_msg, &none, fn)) {
		return -EIO;
	}
	thread_notify(thread);
	return 0;
}

int
thread_critical_msg_run(struct spdk_thread *thread)
{
	spdk_msg_fn fn = atomic_load(&thread->critical_msg);

	if (fn == NULL) {
		return 0;
	}
	fn(NULL);
	thread_check_locks(thread);
	/* Afterwards, so that the same thing cannot be posted twice while it is being handled. */
	atomic_store(&thread->critical_msg, NULL);
	return 1;
}

void
thread_msgs_discard(struct spdk_thread *thread)
{
	struct thread_msg *msg;
	uint32_t lost = 0;

	while (msg_queue_collect(&thread->msgs) > 0) {
		msg = SPDK_CONTAINEROF(msg_queue_pop(&thread->msgs), struct thread_msg, link);
		if (msg->pooled) {
			thread_msg_put(&thread->msg_cache, msg);
			lost++;
		} else {
			thread_walk_discard(msg);
		}
	}
	if (lost > 0) {
		SPDK_WARNLOG("thread %s is destroyed with %u messages that it has not received\n", thread->name, lost);
	}
}
