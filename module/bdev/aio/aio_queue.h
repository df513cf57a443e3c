/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * One kernel context of asynchronous I/O for each SPDK thread, shared by the aio bdevs that the thread uses.
 *
 *   submit_request -> aio_queue_submit() -> aio_channel.waiting    more than its share is in the kernel
 *                                        -> aio_queue.pending      one io_submit() takes all, from the poller
 *                                        -> kernel -> ring ----\
 *   a worker       -> done ---------------------------------------+-> poller -> aio_queue.complete
 *
 * What the kernel refuses because its submission would have to wait can be submitted by a worker instead: the waiting
 * is the worker's, the I/O itself is as asynchronous as any other.
 *
 * The eventfd of the queue wakes the reactor when the kernel or a worker has completed something.
 */

#ifndef MODULE_BDEV_AIO_QUEUE_H
#define MODULE_BDEV_AIO_QUEUE_H

#include "spdk/stdinc.h"
#include "spdk/queue.h"
#include "spdk/thread.h"
#include "lib/env/env_internal.h"
#include "module/bdev/common/file_workers.h"

#include <libaio.h>

/* I/Os of one thread in the kernel. */
#define AIO_QUEUE_DEPTH 1024

/* I/Os of one bdev on one thread in the kernel, so that a file that hangs does not take the places of all others. */
#define AIO_CHANNEL_DEPTH 128

struct aio_channel;

/* One I/O on its way. The part that the queue needs; who submits it puts it into a structure of his own. */
struct aio_io {
	/* Prepared by the submitter. */
	struct iocb iocb;
	/* For the use of workers. */
	struct file_job job;
	struct aio_channel *ch;
	/* Set by aio_queue_allow_wait(); the submitter clears it. */
	bool may_wait;
	/* Written by the worker that submits it, read by the queue's thread: what orders their accesses. */
	bool handed_over;
	/* As of the system calls: a number of bytes, 0, or a negative errno. */
	int64_t result;
	STAILQ_ENTRY(aio_io) link;
};

STAILQ_HEAD(aio_io_list, aio_io);

/* Called on the queue's thread, for an I/O that the kernel has carried out or refused, or a worker is done with. */
typedef void (*aio_complete_fn)(struct aio_io *io, bool by_kernel);

/* Context of the module's io_device. */
struct aio_queue {
	io_context_t context;
	int eventfd;
	struct spdk_poller *poller;
	aio_complete_fn complete;
	/* To be submitted, in order. */
	struct aio_io_list pending;
	uint32_t in_kernel;
	/* Completed by workers. */
	struct env_mutex done_lock;
	struct aio_io_list done;
	/* Whether done is not empty; read without the lock. */
	bool has_done;
};

/* What the queue keeps for one bdev. */
struct aio_channel {
	struct aio_queue *queue;
	/* In aio_queue.pending or in the kernel, or kept a place there. */
	uint32_t submitted;
	struct aio_io_list waiting;
};

/* Returns 0 or a negative errno. On the thread that will use the queue. */
int aio_queue_init(struct aio_queue *queue, aio_complete_fn complete);
void aio_queue_fini(struct aio_queue *queue);

void aio_channel_init(struct aio_channel *ch, struct aio_queue *queue);

/* Hands io->iocb to the kernel with the next batch of io->ch. */
void aio_queue_submit(struct aio_io *io);

/* On the queue's thread, in the completion of an I/O: keeps its place in the kernel for aio_queue_submit_waiting(). */
void aio_queue_allow_wait(struct aio_io *io);

/* Takes that back. */
void aio_queue_forgo_wait(struct aio_io *io);

/* On a worker: submits such an I/O, which takes as long as it takes. It may be gone when this returns. */
void aio_queue_submit_waiting(struct aio_io *io);

/* On a worker: reports that it has set io->result. The I/O may be gone when this returns. */
void aio_queue_post_done(struct aio_io *io);

#endif /* MODULE_BDEV_AIO_QUEUE_H */
