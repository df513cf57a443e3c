/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Lock-free queue of messages, many senders and one receiver, first in first out.
 *
 * Senders push onto a linked stack with one compare-and-swap; the receiver takes the whole stack with one exchange and
 * turns it round into a list of its own. So an idle queue costs a few words, the receiver's check for emptiness is
 * one load, and a burst costs the receiver one atomic operation. There is no ABA problem because nobody pops single
 * messages from the stack.
 *
 * At the bottom of the stack lies, tagged by its lowest bit, a pointer to the queue's owner: whom to wake. The sender
 * who finds nothing else gets it as the result of its push. It must not look for it in the receiver afterwards: from
 * the push on the message may be handled, and its handling may be the end of the receiver.
 */

#ifndef THREAD_MSG_QUEUE_H
#define THREAD_MSG_QUEUE_H

#include "spdk/stdinc.h"
#include "spdk/likely.h"

#include <stdatomic.h>

struct msg_link {
	struct msg_link *next;
};

struct msg_queue {
	/* The newest message, or the bottom; the only word that senders touch. */
	_Atomic uintptr_t inbox;
	/* Receiver only. */
	uintptr_t bottom;
	/* What has been collected, oldest first. */
	struct msg_link *first;
	struct msg_link *last;
	uint32_t count;
};

static inline bool
msg_queue_is_bottom(uintptr_t value)
{
	return (value & 1) != 0;
}

static inline void
msg_queue_init(struct msg_queue *queue, void *owner)
{
	queue->bottom = (uintptr_t)owner | 1;
	atomic_init(&queue->inbox, queue->bottom);
	queue->first = NULL;
	queue->last = NULL;
	queue->count = 0;
}

/*
 * Receiver: whoever finds the queue empty from now on learns of the new owner. If it is not empty, this comes true
 * when it is collected.
 */
static inline void
msg_queue_set_owner(struct msg_queue *queue, void *owner)
{
	uintptr_t old = queue->bottom;

	queue->bottom = (uintptr_t)owner | 1;
	atomic_compare_exchange_strong(&queue->inbox, &old, queue->bottom);
}

/*
 * Any system thread. Returns the owner if the queue was empty, NULL if not; in that case another sender has the owner.
 *
 * Sequentially consistent, so that a sender that then reads the owner's "asleep" flag, and an owner that sets the
 * flag and then looks at the inbox, cannot miss each other.
 */
static inline void *
msg_queue_push(struct msg_queue *queue, struct msg_link *msg)
{
	uintptr_t head = atomic_load_explicit(&queue->inbox, memory_order_relaxed);

	do {
		/* The bottom too: it marks the end. */
		msg->next = (struct msg_link *)head;
	} while (!atomic_compare_exchange_weak(&queue->inbox, &head, (uintptr_t)msg));

	return msg_queue_is_bottom(head) ? (void *)(head & ~(uintptr_t)1) : NULL;
}

/* Receiver: true if a message waits, in either part. */
static inline bool
msg_queue_has_msgs(struct msg_queue *queue)
{
	return queue->first != NULL || !msg_queue_is_bottom(atomic_load(&queue->inbox));
}

/* Receiver: takes over what has arrived. Returns how many messages can be popped. */
static inline uint32_t
msg_queue_collect(struct msg_queue *queue)
{
	struct msg_link *msg, *next, *list = NULL, *newest;
	uint32_t count = 0;

	if (spdk_likely(msg_queue_is_bottom(atomic_load_explicit(&queue->inbox, memory_order_relaxed)))) {
		return queue->count;
	}

	newest = (struct msg_link *)atomic_exchange_explicit(&queue->inbox, queue->bottom, memory_order_acquire);
	for (msg = newest; !msg_queue_is_bottom((uintptr_t)msg); msg = next) {
		next = msg->next;
		msg->next = list;
		list = msg;
		count++;
	}

	if (queue->first == NULL) {
		queue->first = list;
	} else {
		queue->last->next = list;
	}
	queue->last = newest;
	queue->count += count;
	return queue->count;
}

/* Receiver: the oldest of the collected messages, NULL if there is none. */
static inline struct msg_link *
msg_queue_pop(struct msg_queue *queue)
{
	struct msg_link *msg = queue->first;

	if (msg != NULL) {
		queue->first = msg->next;
		queue->count--;
	}
	return msg;
}

#endif /* THREAD_MSG_QUEUE_H */
