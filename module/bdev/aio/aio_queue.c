/* SPDX-License-Identifier: BSD-3-Clause */

#include "module/bdev/aio/aio_queue.h"

#include "bdevkit/thread.h"
#include "spdk/likely.h"
#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/util.h"

#include <sys/eventfd.h>

/* Taken from pending with one io_submit(), and from the ring in one go. */
#define BATCH 64

/*
 * What the kernel shares with the process behind an io_context_t (fs/aio.c): completions are taken out of it without a
 * system call.
 */
struct aio_ring {
	uint32_t id;
	uint32_t size;
	uint32_t head;
	uint32_t tail;
	uint32_t magic;
	uint32_t compat_features;
	uint32_t incompat_features;
	uint32_t header_length;
	struct io_event events[];
};

#define AIO_RING_MAGIC 0xa10a10a1

/* The place of an I/O in the kernel is free for one that waits. */
static void
leave_kernel(struct aio_channel *ch)
{
	struct aio_io *next = STAILQ_FIRST(&ch->waiting);

	ch->submitted--;
	if (spdk_unlikely(next != NULL) && ch->submitted < AIO_CHANNEL_DEPTH) {
		STAILQ_REMOVE_HEAD(&ch->waiting, link);
		aio_queue_submit(next);
	}
}

static void
complete_by_kernel(struct aio_queue *queue, struct aio_io *io, int64_t result)
{
	leave_kernel(io->ch);
	io->result = result;
	/* Last: it may be the last I/O of its channel, which may be gone when this returns. */
	queue->complete(io, true);
}

/* ---- Submission ---- */

void
aio_queue_submit(struct aio_io *io)
{
	struct aio_channel *ch = io->ch;
	struct aio_queue *queue = ch->queue;

	if (spdk_unlikely(ch->submitted >= AIO_CHANNEL_DEPTH)) {
		STAILQ_INSERT_TAIL(&ch->waiting, io, link);
		return;
	}
	ch->submitted++;
	io_set_eventfd(&io->iocb, queue->eventfd);
	STAILQ_INSERT_TAIL(&queue->pending, io, link);
}

static int
gather(struct aio_queue *queue, struct iocb **iocbs)
{
	int room = spdk_min(AIO_QUEUE_DEPTH - queue->in_kernel, BATCH);
	struct aio_io *io;
	int count = 0;

	STAILQ_FOREACH (io, &queue->pending, link) {
		if (count == room) {
			break;
		}
		iocbs[count++] = &io->iocb;
	}
	return count;
}

static struct aio_io *
take_pending(struct aio_queue *queue)
{
	struct aio_io *io = STAILQ_FIRST(&queue->pending);

	STAILQ_REMOVE_HEAD(&queue->pending, link);
	return io;
}

/*
 * Submits what is pending. The kernel takes I/Os in order up to the first one that it refuses; that one is completed
 * with the error, and the rest go on. Returns how many have left the list.
 */
static int
submit_pending(struct aio_queue *queue)
{
	struct iocb *iocbs[BATCH];
	int total = 0;
	int count, rc;

	while ((count = gather(queue, iocbs)) > 0) {
		rc = io_submit(queue->context, count, iocbs);
		if (rc > 0) {
			queue->in_kernel += rc;
			total += rc;
			while (rc-- > 0) {
				take_pending(queue);
			}
			continue;
		}
		/* The kernel is short of something: completions will free it. */
		if ((rc == -EAGAIN || rc == 0) && queue->in_kernel > 0) {
			break;
		}
		complete_by_kernel(queue, take_pending(queue), rc != 0 ? rc : -EAGAIN);
		total++;
	}
	return total;
}

void
aio_queue_allow_wait(struct aio_io *io)
{
	io->may_wait = true;
	io->iocb.aio_rw_flags = 0;
	io->ch->submitted++;
	io->ch->queue->in_kernel++;
}

void
aio_queue_forgo_wait(struct aio_io *io)
{
	io->may_wait = false;
	io->ch->queue->in_kernel--;
	leave_kernel(io->ch);
}

void
aio_queue_submit_waiting(struct aio_io *io)
{
	io_context_t context = io->ch->queue->context;
	struct iocb *iocb = &io->iocb;
	int rc;

	/* Release: all that this thread has read of the I/O, before the queue's thread uses it for something else. */
	__atomic_store_n(&io->handed_over, true, __ATOMIC_RELEASE);
	rc = io_submit(context, 1, &iocb);
	/* Once it is submitted it belongs to the queue's thread, which may have completed it by now. */
	if (rc != 1) {
		io->result = rc < 0 ? rc : -EAGAIN;
		aio_queue_post_done(io);
	}
}

/* ---- Completion ---- */

static int
read_ring(struct aio_queue *queue, struct io_event *events, int max)
{
	struct aio_ring *ring = (struct aio_ring *)queue->context;
	uint32_t head = ring->head;
	uint32_t tail;
	int count = 0;

	if (spdk_unlikely(ring->magic != AIO_RING_MAGIC || ring->incompat_features != 0)) {
		struct timespec now = {0, 0};

		count = io_getevents(queue->context, 0, max, events, &now);
		return spdk_max(count, 0);
	}
	/* Acquire: the kernel has written the events before it moved the tail. */
	tail = __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE);
	while (head != tail && count < max) {
		events[count++] = ring->events[head];
		head = head + 1 < ring->size ? head + 1 : 0;
	}
	/* Release: the kernel may overwrite them from now on. */
	if (count > 0) {
		__atomic_store_n(&ring->head, head, __ATOMIC_RELEASE);
	}
	return count;
}

static int
reap_kernel(struct aio_queue *queue)
{
	struct io_event events[BATCH];
	int count;

	if (queue->in_kernel == 0) {
		return 0;
	}
	count = read_ring(queue, events, BATCH);
	queue->in_kernel -= count;
	for (int i = 0; i < count; i++) {
		struct aio_io *io = SPDK_CONTAINEROF(events[i].obj, struct aio_io, iocb);

		if (spdk_unlikely(io->may_wait)) {
			/* Acquire: it comes from a worker, by way of the kernel. */
			(void)__atomic_load_n(&io->handed_over, __ATOMIC_ACQUIRE);
		}
		complete_by_kernel(queue, io, (long)events[i].res);
	}
	return count;
}

void
aio_queue_post_done(struct aio_io *io)
{
	struct aio_queue *queue = io->ch->queue;
	uint64_t one = 1;
	bool was_empty;

	/*
	 * The event is written under the lock: when the last I/O is taken out, the queue may go away, and
	 * aio_queue_fini() takes the lock to know that nobody is here any more.
	 */
	ENV_MUTEX_SCOPE(&queue->done_lock);
	was_empty = STAILQ_EMPTY(&queue->done);
	STAILQ_INSERT_TAIL(&queue->done, io, link);
	__atomic_store_n(&queue->has_done, true, __ATOMIC_RELEASE);
	if (was_empty && write(queue->eventfd, &one, sizeof(one)) < 0) {
		/* Only a full counter refuses it, and then the event is there. */
		return;
	}
}

static void
take_done(struct aio_queue *queue, struct aio_io_list *list)
{
	ENV_MUTEX_SCOPE(&queue->done_lock);
	STAILQ_CONCAT(list, &queue->done);
	__atomic_store_n(&queue->has_done, false, __ATOMIC_RELAXED);
}

static int
reap_workers(struct aio_queue *queue)
{
	struct aio_io_list list = STAILQ_HEAD_INITIALIZER(list);
	struct aio_io *io;
	int count = 0;

	if (!__atomic_load_n(&queue->has_done, __ATOMIC_ACQUIRE)) {
		return 0;
	}
	take_done(queue, &list);
	while ((io = STAILQ_FIRST(&list)) != NULL) {
		STAILQ_REMOVE_HEAD(&list, link);
		if (io->may_wait) {
			/* The kernel has refused it all the same. */
			queue->in_kernel--;
			complete_by_kernel(queue, io, io->result);
		} else {
			queue->complete(io, false);
		}
		count++;
	}
	return count;
}

/*
 * Submits before it reaps, as what is submitted may be complete at once. The eventfd need not be read: it is used for
 * its edges only, and its counter does not fill in a lifetime.
 */
static int
poll_queue(void *arg)
{
	struct aio_queue *queue = arg;
	int count;

	count = submit_pending(queue);
	count += reap_kernel(queue);
	count += reap_workers(queue);
	return count > 0 ? SPDK_POLLER_BUSY : SPDK_POLLER_IDLE;
}

/* ---- Life ---- */

int
aio_queue_init(struct aio_queue *queue, aio_complete_fn complete)
{
	int rc;

	memset(queue, 0, sizeof(*queue));
	queue->complete = complete;
	STAILQ_INIT(&queue->pending);
	STAILQ_INIT(&queue->done);

	rc = io_setup(AIO_QUEUE_DEPTH, &queue->context);
	if (rc != 0) {
		SPDK_ERRLOG("Cannot set up asynchronous I/O: %s%s\n", spdk_strerror(-rc),
			rc == -EAGAIN ? "; raise the system's limit fs.aio-max-nr" : "");
		return rc;
	}
	queue->eventfd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (queue->eventfd < 0) {
		rc = -errno;
		goto destroy_context;
	}
	rc = env_mutex_init(&queue->done_lock);
	if (rc != 0) {
		goto close_eventfd;
	}
	queue->poller = SPDK_POLLER_REGISTER(poll_queue, queue, 0);
	if (queue->poller == NULL) {
		rc = -ENOMEM;
		goto destroy_lock;
	}
	rc = bdk_poller_set_wakeup_fd(queue->poller, queue->eventfd);
	if (rc != 0) {
		goto unregister_poller;
	}
	return 0;

unregister_poller:
	spdk_poller_unregister(&queue->poller);
destroy_lock:
	env_mutex_destroy(&queue->done_lock);
close_eventfd:
	close(queue->eventfd);
destroy_context:
	io_destroy(queue->context);
	return rc;
}

void
aio_queue_fini(struct aio_queue *queue)
{
	spdk_poller_unregister(&queue->poller);
	env_mutex_lock(&queue->done_lock);
	env_mutex_unlock(&queue->done_lock);
	env_mutex_destroy(&queue->done_lock);
	close(queue->eventfd);
	io_destroy(queue->context);
}

void
aio_channel_init(struct aio_channel *ch, struct aio_queue *queue)
{
	ch->queue = queue;
	ch->submitted = 0;
	STAILQ_INIT(&ch->waiting);
}
