/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Lock-free queue of messages, many senders and one receiver, first in first out.
 *
 * Senders push onto a linked stack with one compare-and-swap; the receiver takes the whole stack with one exchange and
 * turns it round into a list of its own. So an idle queue costs two words, the receiver's check for emptiness is
 * one load, and a burst costs the receiver one atomic operation. There is no ABA problem because nobody pops single
 * messages from the stack.
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
	/* Newest first; the only word that senders touch. */
	_Atomic(struct msg_link *) inbox;
	/* Receiver only, oldest first. */
	struct msg_link *first;
	struct msg_link *last;
	uint32_t count;
};

static inline void
msg_queue_init(struct msg_queue *queue)
{
	atomic_init(&queue->inbox, NULL);
	queue->first = NULL;
	queue->last = NULL;
	queue->count = 0;
}

/*
 * Any system thread. Sequentially consistent, so that a sender that then reads the receiver's "asleep" flag, and a
 * receiver that sets the flag and then looks at the inbox, cannot miss each other.
 */
static inline void
msg_queue_push(struct msg_queue *queue, struct msg_link *msg)
{
	struct msg_link *head = atomic_load_explicit(&queue->inbox, memory_order_relaxed);

	do {
		msg->next = head;
	} while (!atomic_compare_exchange_weak(&queue->inbox, &head, msg));
}

/* Receiver: true if a message waits, in either part. */
static inline bool
msg_queue_has_msgs(struct msg_queue *queue)
{
	return queue->first != NULL || atomic_load(&queue->inbox) != NULL;
}

/* Receiver: takes over what has arrived. Returns how many messages can be popped. */
static inline uint32_t
msg_queue_collect(struct msg_queue *queue)
{
	struct msg_link *msg, *next, *list = NULL, *newest;
	uint32_t count = 0;

	if (spdk_likely(atomic_load_explicit(&queue->inbox, memory_order_relaxed) == NULL)) {
		return queue->count;
	}

	newest = atomic_exchange_explicit(&queue->inbox, NULL, memory_order_acquire);
	for (msg = newest; msg != NULL; msg = next) {
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
