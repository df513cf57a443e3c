/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Queues. A local one is a batch on an SPDK thread that the program's own thread runs. The others have an SPDK thread in
 * the layer. What is submitted goes onto a stack without locks, and only who finds it empty sends a message; what has
 * ended comes back the same way, and only who waits is woken. So a busy queue passes arrays for a few instructions.
 *
 * Its end: leave (no more I/O begins; when the last one has ended the channel is put), left (the app thread forgets it),
 * exit (of its thread). The first two also come when the bdev goes away.
 */

#include "lib/embed/embed_internal.h"
#include "lib/event/reactor.h"

#include "spdk/env.h"
#include "spdk/log.h"
#include "spdk/util.h"

#include <sys/eventfd.h>

/* Requests that are passed on at once. */
#define ARRAY_MAX 64

/* How long the thread of a local queue may be without a turn while there is always something to reap. */
#define STEP_INTERVAL_US 25

static inline struct bdk_request *
next_of(const struct bdk_request *request)
{
	return request->opaque[0];
}

/* Links an array so that the last one comes first, as in the stacks. */
static struct bdk_request *
chain(struct bdk_request **requests, uint32_t count)
{
	uint32_t i;

	for (i = 1; i < count; i++) {
		requests[i]->opaque[0] = requests[i - 1];
	}
	return requests[count - 1];
}

/* Returns true if the stack was empty. */
static bool
push(_Atomic(struct bdk_request *) *stack, struct bdk_request **requests, uint32_t count)
{
	struct bdk_request *newest = chain(requests, count), *old = atomic_load_explicit(stack, memory_order_relaxed);

	do {
		requests[0]->opaque[0] = old;
	} while (!atomic_compare_exchange_weak(stack, &old, newest));
	return old == NULL;
}

/* Takes all, oldest first. */
static struct bdk_request *
take_all(_Atomic(struct bdk_request *) *stack)
{
	struct bdk_request *request, *next, *oldest = NULL;

	if (atomic_load_explicit(stack, memory_order_relaxed) == NULL) {
		return NULL;
	}
	for (request = atomic_exchange(stack, NULL); request != NULL; request = next) {
		next = next_of(request);
		request->opaque[0] = oldest;
		oldest = request;
	}
	return oldest;
}

/* Moves at most max from a list into an array. */
static uint32_t
fill_array(struct bdk_request **list, struct bdk_request **array, uint32_t max)
{
	uint32_t count = 0;

	while (*list != NULL && count < max) {
		array[count++] = *list;
		*list = next_of(*list);
	}
	return count;
}

static void
write_fd(struct bdk_queue *queue)
{
	uint64_t one = 1;
	ssize_t rc = write(queue->fd, &one, sizeof(one));

	/* It can only fail when it is full of writes that nobody has read: it is readable. */
	(void)rc;
}

static void
hand_back(struct bdk_queue *queue, struct bdk_request **done, uint32_t count)
{
	push(&queue->outbox, done, count);
	if (atomic_load(&queue->armed) != 0 && atomic_exchange(&queue->armed, 0) != 0) {
		write_fd(queue);
	}
}

static void
hand_back_failed(struct bdk_queue *queue, struct bdk_request *list, int status)
{
	struct bdk_request *array[ARRAY_MAX];
	uint32_t count, i;

	while ((count = fill_array(&list, array, ARRAY_MAX)) > 0) {
		for (i = 0; i < count; i++) {
			array[i]->status = status;
		}
		hand_back(queue, array, count);
	}
}

/* ---- the end, on the queue's thread and on the app thread ---- */

static void
exit_cb(void *ctx)
{
	struct bdk_queue *queue = ctx;

	spdk_thread_exit(spdk_get_thread());
	embed_call_end(queue->destroy_call, 0);
}

/* Nobody but its thread has anything of it any more. */
static void
end_thread(struct bdk_queue *queue)
{
	if (queue->reactor != NULL || bdk_msg_send_to_id(queue->thread_id, &queue->call_msg, exit_cb, queue) != 0) {
		embed_call_end(queue->destroy_call, 0);
	}
}

static void
left_cb(void *ctx)
{
	struct bdk_queue *queue = ctx;

	queue->left = true;
	embed_disk_queue_left(queue->disk, queue);
	if (queue->destroy_call != NULL) {
		end_thread(queue);
	}
}

static void
leave_if_idle(struct bdk_queue *queue)
{
	if (!queue->leaving || queue->ch == NULL || bdk_batch_get_outstanding(queue->batch) > 0 ||
		bdk_batch_destroy(queue->batch) != 0) {
		return;
	}
	queue->batch = NULL;
	spdk_put_io_channel(queue->ch);
	queue->ch = NULL;
	embed_tell_app(&queue->left_msg, left_cb, queue);
}

static void
leave_cb(void *ctx)
{
	struct bdk_queue *queue = ctx;

	queue->leaving = true;
	leave_if_idle(queue);
}

void
embed_queue_leave(struct bdk_queue *queue)
{
	if (!queue->leave_sent) {
		queue->leave_sent = true;
		bdk_msg_send_to_id(queue->thread_id, &queue->leave_msg, leave_cb, queue);
	}
}

/* ---- the layer's side of a queue that is not local ---- */

static void
done_cb(void *ctx, struct bdk_request **done, uint32_t count)
{
	struct bdk_queue *queue = ctx;

	hand_back(queue, done, count);
	leave_if_idle(queue);
}

static void
take_cb(void *ctx)
{
	struct bdk_queue *queue = ctx;
	struct bdk_request *list = take_all(&queue->inbox), *array[ARRAY_MAX];
	uint32_t count;

	if (queue->leaving) {
		hand_back_failed(queue, list, -ENODEV);
		return;
	}
	while ((count = fill_array(&list, array, ARRAY_MAX)) > 0) {
		bdk_batch_submit(queue->batch, array, count);
	}
}

static int
get_channel(struct bdk_queue *queue, bdk_batch_fn done_fn)
{
	queue->ch = spdk_bdev_get_io_channel(queue->disk->desc);
	if (queue->ch == NULL) {
		return -ENOMEM;
	}
	queue->batch = bdk_batch_create(queue->disk->desc, queue->ch, done_fn, queue);
	if (queue->batch == NULL) {
		spdk_put_io_channel(queue->ch);
		queue->ch = NULL;
		return -ENOMEM;
	}
	return 0;
}

/* ---- creation ---- */

/* On the app thread, or for a local one on its own: it could not get what it needs. */
static void
forget_cb(void *ctx)
{
	struct bdk_queue *queue = ctx;

	embed_disk_queue_left(queue->disk, queue);
	embed_call_end(queue->create_call, -ENOMEM);
}

static void
begin_cb(void *ctx)
{
	struct bdk_queue *queue = ctx;

	if (get_channel(queue, done_cb) == 0) {
		embed_call_end(queue->create_call, 0);
		return;
	}
	spdk_thread_exit(spdk_get_thread());
	embed_tell_app(&queue->left_msg, forget_cb, queue);
}

/* The disk's descriptor stays open as long as it has the queue. */
static int
link_to_disk(struct bdk_queue *queue)
{
	if (atomic_load(&queue->disk->gone)) {
		return -ENODEV;
	}
	TAILQ_INSERT_TAIL(&queue->disk->queues, queue, link);
	return 0;
}

static void
exit_thread_cb(void *ctx)
{
	spdk_thread_exit(spdk_get_thread());
}

static void
create_shared(struct embed_call *call)
{
	struct bdk_queue *queue = call->arg;
	int rc;

	queue->create_call = call;
	queue->thread = spdk_thread_create("queue", NULL);
	if (queue->thread == NULL) {
		embed_call_end(call, -ENOMEM);
		return;
	}
	queue->thread_id = spdk_thread_get_id(queue->thread);
	rc = link_to_disk(queue);
	if (rc != 0) {
		spdk_thread_send_msg(queue->thread, exit_thread_cb, NULL);
		embed_call_end(call, rc);
		return;
	}
	bdk_msg_send_to_id(queue->thread_id, &queue->call_msg, begin_cb, queue);
}

static void
link_local(struct embed_call *call)
{
	embed_call_end(call, link_to_disk(call->arg));
}

static void
unlink_local(struct embed_call *call)
{
	struct bdk_queue *queue = call->arg;

	embed_disk_queue_left(queue->disk, queue);
	embed_call_end(call, 0);
}

/* One turn of a local queue's thread, after waiting for something to do. */
static void
wait_and_step(struct bdk_queue *queue)
{
	struct pollfd pfd = {.fd = event_reactor_get_fd(queue->reactor), .events = POLLIN};

	event_reactor_arm(queue->reactor);
	poll(&pfd, 1, -1);
	event_reactor_step(queue->reactor);
}

/* Lets it come to its end. */
static void
end_local(struct bdk_queue *queue)
{
	spdk_set_thread(queue->thread);
	spdk_thread_exit(queue->thread);
	spdk_set_thread(NULL);
	event_reactor_step(queue->reactor);
	while (event_reactor_has_threads(queue->reactor)) {
		wait_and_step(queue);
	}
	event_reactor_unhost(queue->reactor);
}

static int
create_local(struct bdk_queue *queue)
{
	struct embed_call call;
	int rc;

	queue->reactor = event_reactor_host(NULL);
	if (queue->reactor == NULL) {
		return -ENOMEM;
	}
	queue->thread = bdk_thread_create_unscheduled("queue");
	if (queue->thread == NULL) {
		event_reactor_unhost(queue->reactor);
		return -ENOMEM;
	}
	queue->thread_id = spdk_thread_get_id(queue->thread);
	event_reactor_give_thread(queue->reactor, queue->thread);
	rc = embed_call_run(&call, link_local, queue);
	if (rc == 0) {
		spdk_set_thread(queue->thread);
		rc = get_channel(queue, NULL);
		spdk_set_thread(NULL);
		if (rc != 0) {
			embed_call_run(&call, unlink_local, queue);
		}
	}
	if (rc != 0) {
		end_local(queue);
	}
	return rc;
}

int
bdk_queue_create(struct bdk_disk *disk, uint32_t flags, struct bdk_queue **queue)
{
	struct bdk_queue *made;
	struct embed_call call;
	int rc;

	if (disk == NULL || queue == NULL || (flags & ~BDK_QUEUE_LOCAL) != 0) {
		return -EINVAL;
	}
	if (spdk_get_thread() != NULL) {
		return -EPERM;
	}
	made = calloc(1, sizeof(*made));
	if (made == NULL) {
		return -ENOMEM;
	}
	made->disk = disk;
	made->fd = -1;
	made->step_interval = spdk_get_ticks_hz() * STEP_INTERVAL_US / SPDK_SEC_TO_USEC;
	if (flags & BDK_QUEUE_LOCAL) {
		rc = create_local(made);
	} else {
		made->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		rc = made->fd >= 0 ? embed_call_run(&call, create_shared, made) : -errno;
	}
	if (rc != 0) {
		if (made->fd >= 0) {
			close(made->fd);
		}
		free(made);
		return rc;
	}
	*queue = made;
	return 0;
}

/* ---- destruction ---- */

static void
destroy_shared(struct embed_call *call)
{
	struct bdk_queue *queue = call->arg;

	queue->destroy_call = call;
	if (queue->left) {
		end_thread(queue);
	} else {
		embed_queue_leave(queue);
	}
}

/* After what its thread has told the app thread: all that comes from one thread comes in order. */
static void
destroy_left(struct embed_call *call)
{
	embed_call_end(call, 0);
}

/* What has ended is nobody's business any more. */
static void
drain_local(struct bdk_queue *queue)
{
	struct bdk_request *done[ARRAY_MAX];

	spdk_set_thread(queue->thread);
	while (queue->batch != NULL && bdk_batch_reap(queue->batch, done, ARRAY_MAX) > 0) {
	}
	leave_if_idle(queue);
	spdk_set_thread(NULL);
}

static void
destroy_local(struct bdk_queue *queue)
{
	struct embed_call call;

	queue->leaving = true;
	drain_local(queue);
	while (queue->ch != NULL) {
		wait_and_step(queue);
		drain_local(queue);
	}
	embed_call_run(&call, destroy_left, queue);
	end_local(queue);
}

void
bdk_queue_destroy(struct bdk_queue *queue)
{
	struct embed_call call;

	if (queue == NULL) {
		return;
	}
	if (queue->reactor != NULL) {
		destroy_local(queue);
	} else {
		embed_call_run(&call, destroy_shared, queue);
		close(queue->fd);
	}
	free(queue);
}

/* ---- requests ---- */

static void
submit_local(struct bdk_queue *queue, struct bdk_request **requests, uint32_t count)
{
	uint32_t i;

	if (queue->ch == NULL || queue->leaving) {
		for (i = 0; i < count; i++) {
			requests[i]->status = -ENODEV;
		}
		push(&queue->outbox, requests, count);
	} else {
		spdk_set_thread(queue->thread);
		bdk_batch_submit(queue->batch, requests, count);
		spdk_set_thread(NULL);
	}
	event_reactor_wake(queue->reactor);
}

void
bdk_queue_submit(struct bdk_queue *queue, struct bdk_request **requests, uint32_t count)
{
	if (count == 0) {
		return;
	}
	if (queue->reactor != NULL) {
		submit_local(queue, requests, count);
	} else if (push(&queue->inbox, requests, count) &&
		bdk_msg_send_to_id(queue->thread_id, &queue->inbox_msg, take_cb, queue) != 0) {
		hand_back_failed(queue, take_all(&queue->inbox), -ESHUTDOWN);
	}
}

static uint32_t
reap_batch(struct bdk_queue *queue, struct bdk_request **done, uint32_t max)
{
	uint32_t count = queue->batch != NULL ? bdk_batch_reap(queue->batch, done, max) : 0;

	if (count > 0 && queue->leaving) {
		spdk_set_thread(queue->thread);
		leave_if_idle(queue);
		spdk_set_thread(NULL);
	}
	return count;
}

/* Its thread gets a turn if there is room for more, and in any case now and then. */
static uint32_t
reap_local(struct bdk_queue *queue, struct bdk_request **done, uint32_t max)
{
	uint32_t count = reap_batch(queue, done, max);

	if (count < max || spdk_get_ticks() - queue->stepped > queue->step_interval) {
		event_reactor_step(queue->reactor);
		queue->stepped = spdk_get_ticks();
		count += reap_batch(queue, done + count, max - count);
	}
	if (queue->uses_fd) {
		event_reactor_arm(queue->reactor);
		if (count == max) {
			/* There may be more. */
			event_reactor_wake(queue->reactor);
		}
	}
	return count;
}

static uint32_t
reap_outbox(struct bdk_queue *queue, struct bdk_request **done, uint32_t max)
{
	uint32_t count = fill_array(&queue->ready, done, max);

	while (count < max) {
		queue->ready = take_all(&queue->outbox);
		if (queue->ready == NULL) {
			break;
		}
		count += fill_array(&queue->ready, done + count, max - count);
	}
	return count;
}

/* What ends from now on makes the descriptor readable. False: something has ended. */
static bool
arm(struct bdk_queue *queue)
{
	uint64_t value;
	ssize_t rc = read(queue->fd, &value, sizeof(value));

	(void)rc;
	atomic_store(&queue->armed, 1);
	if (atomic_load(&queue->outbox) == NULL) {
		return true;
	}
	if (atomic_exchange(&queue->armed, 0) != 0) {
		write_fd(queue);
	}
	return false;
}

uint32_t
bdk_queue_reap(struct bdk_queue *queue, struct bdk_request **done, uint32_t max)
{
	uint32_t count;

	if (max == 0) {
		return 0;
	}
	count = reap_outbox(queue, done, max);
	if (queue->reactor != NULL) {
		return count + (count < max ? reap_local(queue, done + count, max - count) : 0);
	}
	while (count < max && queue->uses_fd && !arm(queue)) {
		count += reap_outbox(queue, done + count, max - count);
	}
	return count;
}

int
bdk_queue_get_fd(struct bdk_queue *queue)
{
	if (!queue->uses_fd) {
		queue->uses_fd = true;
		if (queue->reactor != NULL) {
			event_reactor_arm(queue->reactor);
		} else {
			arm(queue);
		}
	}
	return queue->reactor != NULL ? event_reactor_get_fd(queue->reactor) : queue->fd;
}

/* Waits until there may be something, at most until the deadline, UINT64_MAX: none. False: that has come. */
static bool
wait_some(struct bdk_queue *queue, uint64_t deadline)
{
	struct event_reactor *loop = embed_get_loop();
	struct pollfd pfd[2] = {
		{.fd = queue->reactor != NULL ? event_reactor_get_fd(queue->reactor) : queue->fd, .events = POLLIN},
		{.fd = loop != NULL ? event_reactor_get_fd(loop) : -1, .events = POLLIN}};
	uint64_t now = spdk_get_ticks(), ticks = deadline > now ? deadline - now : 0, hz = spdk_get_ticks_hz();
	struct timespec timeout = {.tv_sec = ticks / hz, .tv_nsec = (ticks % hz) * SPDK_SEC_TO_NSEC / hz};

	if (ticks == 0) {
		return false;
	}
	if (queue->reactor == NULL && !arm(queue)) {
		return true;
	}
	if (queue->reactor != NULL) {
		event_reactor_arm(queue->reactor);
	}
	ppoll(pfd, 2, deadline != UINT64_MAX ? &timeout : NULL, NULL);
	/* The layer lives in this very thread: nobody else runs it. */
	if (loop != NULL) {
		event_reactor_step(loop);
		event_reactor_arm(loop);
	}
	return true;
}

uint32_t
bdk_queue_wait(struct bdk_queue *queue, struct bdk_request **done, uint32_t min, uint32_t max, uint64_t timeout_us)
{
	uint64_t now = spdk_get_ticks(), ticks, deadline = UINT64_MAX, hz = spdk_get_ticks_hz();
	uint32_t count;

	if (timeout_us < UINT64_MAX / hz) {
		ticks = timeout_us * hz / SPDK_SEC_TO_USEC;
		deadline = now + ticks;
	}
	min = spdk_min(min, max);
	count = bdk_queue_reap(queue, done, max);
	while (count < min && wait_some(queue, deadline)) {
		count += bdk_queue_reap(queue, done + count, max - count);
	}
	return count;
}

struct spdk_io_channel *
bdk_queue_get_channel(struct bdk_queue *queue)
{
	return queue->reactor != NULL ? queue->ch : NULL;
}

struct spdk_thread *
bdk_queue_get_thread(struct bdk_queue *queue)
{
	return queue->reactor != NULL ? queue->thread : NULL;
}

void
bdk_queue_poll(struct bdk_queue *queue)
{
	if (queue->reactor != NULL) {
		event_reactor_step(queue->reactor);
		if (queue->uses_fd) {
			event_reactor_arm(queue->reactor);
		}
	}
}
