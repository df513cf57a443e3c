/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * One io_uring for each SPDK thread, shared by the uring bdevs that the thread uses.
 *
 *   submit_request -> uring_queue_submit() -> uring_channel.waiting   more than its share is in the kernel
 *                                          -> submission ring         one io_uring_enter() takes all, from the poller
 *                                          -> kernel -> completion ring -> poller -> uring_queue.complete
 *
 * The rings are for one system thread each (SINGLE_ISSUER), and the kernel finishes I/O when that thread enters it anyway
 * instead of interrupting it (COOP_TASKRUN). An SPDK thread may move to another system thread, though. It then gets a new
 * ring; the old one remains until its I/Os are complete. That is why completions are not put off further (DEFER_TASKRUN):
 * then only the system thread that has been left could finish them, and it has no reason to.
 *
 * The descriptor of a ring wakes the reactor.
 */

#ifndef MODULE_BDEV_URING_RING_H
#define MODULE_BDEV_URING_RING_H

#include "spdk/stdinc.h"
#include "spdk/queue.h"
#include "spdk/thread.h"
#include "module/bdev/uring/uring_memory.h"

#include <liburing.h>

/* I/Os that one system call takes. */
#define URING_SQ_ENTRIES 256
/* I/Os of one thread in the kernel; the kernel keeps completions beyond that, at a cost. */
#define URING_CQ_ENTRIES 4096

/* Files of a thread that the kernel knows by number; others it looks up for each I/O. */
#define URING_FILES 256

struct uring_channel;
struct uring_queue;

/* One I/O on its way. The part that the queue needs; who submits it puts it into a structure of his own. */
struct uring_io {
	struct uring_channel *ch;
	/* The ring that it is in; NULL: it waits in uring_channel.waiting. */
	struct uring_ring *ring;
	/* Fills in an entry of the submission ring, but for the file and user_data. */
	void (*prepare)(struct uring_io *io, struct io_uring_sqe *sqe);
	STAILQ_ENTRY(uring_io) link;
};

STAILQ_HEAD(uring_io_list, uring_io);

/* Called on the queue's thread, with what the system call would have returned, or a negative errno. */
typedef void (*uring_complete_fn)(struct uring_io *io, int result);

struct uring_ring {
	struct uring_queue *queue;
	struct io_uring ring;
	struct spdk_poller *poller;
	/* Entries in the submission ring, or taken out of it by the kernel and not complete. */
	uint32_t in_kernel;
	/* uring_queue.files are registered with it. */
	bool has_files;
	struct uring_memory memory;
	LIST_ENTRY(uring_ring) link;
};

/* Context of the module's io_device. */
struct uring_queue {
	struct uring_ring *ring;
	/* Those that the thread has left behind. */
	LIST_HEAD(, uring_ring) old;
	uring_complete_fn complete;
	LIST_HEAD(, uring_channel) channels;
	/* Some of them have I/Os for which there was no room. */
	bool starving;
	/* Descriptors; -1: free. */
	int files[URING_FILES];
};

/* What the queue keeps for one bdev. */
struct uring_channel {
	struct uring_queue *queue;
	int fd;
	/* In uring_queue.files, or -1. */
	int file;
	/* I/Os that it may have in the kernel at a time, so that a file that hangs does not take the places of all others. */
	uint32_t depth;
	uint32_t submitted;
	struct uring_io_list waiting;
	LIST_ENTRY(uring_channel) link;
};

/* Whether the system lets us have such rings. Returns 0, or a negative errno and *why, a sentence. */
int uring_probe(const char **why);

/* Returns 0 or a negative errno. On the thread that will use the queue. */
int uring_queue_init(struct uring_queue *queue, uring_complete_fn complete);
void uring_queue_fini(struct uring_queue *queue);

void uring_channel_init(struct uring_channel *ch, struct uring_queue *queue, int fd, uint32_t depth);
void uring_channel_fini(struct uring_channel *ch);

/* Hands the I/O, with ch and prepare set, to the kernel with the next batch. complete is called later. */
void uring_queue_submit(struct uring_io *io);

/*
 * Asks the kernel to cancel target, which is in a ring, with io, whose prepare is not used. It is complete with 0 if target
 * will be with -ECANCELED; an error says that target goes on. Returns false if the kernel cannot be asked.
 */
bool uring_queue_cancel(struct uring_io *io, struct uring_io *target);

/* Takes an I/O out of its channel's list. False: it does not wait there. */
bool uring_channel_remove_waiting(struct uring_io *io);

/* The same for any of them; NULL if there is none. */
struct uring_io *uring_channel_take_waiting(struct uring_channel *ch);

/* Sets the buffer of an I/O of one piece. */
void uring_ring_set_buffer(struct uring_ring *ring, struct io_uring_sqe *sqe, bool is_write, void *buf, uint32_t len);

#endif /* MODULE_BDEV_URING_RING_H */
