/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The layer inside somebody else's program:
 *   embed.c    start and stop, calls into the layer
 *   disk.c     disks that are open, and their end
 *   queue.c    queues between any thread and the layer
 *
 * Disks belong to the app thread, what a queue has of the layer to the queue's own SPDK thread; the program's threads wait
 * for either with a call.
 */

#ifndef EMBED_INTERNAL_H
#define EMBED_INTERNAL_H

#include "bdevkit/embed.h"
#include "bdevkit/thread.h"
#include "lib/env/env_internal.h"
#include "spdk/bdev.h"
#include "spdk/queue.h"
#include "spdk/thread.h"

#include <stdatomic.h>

/* ---- embed.c ---- */

/* Something that a thread of the program waits for; on its stack. */
struct embed_call {
	void (*fn)(struct embed_call *call);
	void *arg;
	int rc;
	bool done;
	struct bdk_msg msg;
};

/*
 * Calls fn on the app thread and waits until somebody has ended the call, there or later. Returns its rc, or -ESHUTDOWN if
 * the layer ends meanwhile.
 */
int embed_call_run(struct embed_call *call, void (*fn)(struct embed_call *call), void *arg);
/* Ends it, on any SPDK thread; the waiting thread goes on, and the call is gone. */
void embed_call_end(struct embed_call *call, int rc);

/* Sends a message to the app thread. -EIO: it is gone. */
int embed_tell_app(struct bdk_msg *msg, spdk_msg_fn fn, void *arg);

/* The reactor that the calling thread runs in its loop; NULL: none. */
struct event_reactor *embed_get_loop(void);

/* Disks that are open. -ESHUTDOWN: the layer is not running. */
int embed_hold(void);
void embed_release(void);

/* ---- disk.c; app thread ---- */

struct bdk_disk {
	/* NULL: closed, as the bdev is gone. */
	struct spdk_bdev_desc *desc;
	TAILQ_HEAD(, bdk_queue) queues;
	_Atomic bool gone;
	_Atomic uint64_t num_blocks;
	uint32_t block_size;
	size_t buf_align;
	uint64_t io_types;
};

/* A queue has nothing of the bdev any more. */
void embed_disk_queue_left(struct bdk_disk *disk, struct bdk_queue *queue);

/* ---- queue.c ---- */

struct bdk_queue {
	struct bdk_disk *disk;
	TAILQ_ENTRY(bdk_queue) link;
	struct spdk_thread *thread;
	uint64_t thread_id;

	/* On its thread. */
	struct spdk_io_channel *ch;
	struct bdk_batch *batch;
	bool leaving;

	/* On the app thread. */
	bool leave_sent;
	bool left;
	struct embed_call *destroy_call;
	struct bdk_msg leave_msg;
	struct bdk_msg left_msg;
	struct bdk_msg call_msg;
	struct embed_call *create_call;

	/* Local ones: what runs the thread; NULL: a reactor of the layer. */
	struct event_reactor *reactor;
	uint64_t stepped;
	uint64_t step_interval;

	/* Requests on their way in and out, newest first, linked by opaque[0]. */
	_Atomic(struct bdk_request *) inbox;
	struct bdk_msg inbox_msg;
	_Atomic(struct bdk_request *) outbox;
	/* Who reaps waits for the descriptor: the next one that ends is to write it. */
	_Atomic uint32_t armed;
	int fd;
	/* Of who reaps: it uses the descriptor; and what was taken out of the outbox, oldest first. */
	bool uses_fd;
	struct bdk_request *ready;
};

/* Lets the queue of a bdev that goes away give back its channel. */
void embed_queue_leave(struct bdk_queue *queue);

#endif /* EMBED_INTERNAL_H */
