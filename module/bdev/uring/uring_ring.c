/* SPDX-License-Identifier: BSD-3-Clause */

#include "module/bdev/uring/uring_ring.h"

#include "bdevkit/thread.h"
#include "spdk/likely.h"
#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/util.h"

/* Taken from the completion ring in one go. */
#define BATCH 64

/* Not a completion of an I/O of ours. */
#define NOBODY 0

/*
 * System threads of the kernel that wait for what cannot be asynchronous: reads that are not in the page cache of some
 * file systems, fdatasync(). With as few as it has by default one file that hangs would hold up all others.
 */
#define BLOCKING_WORKERS 256

static int poll_ring(void *arg);
static void leave_ring(struct uring_queue *queue);

/* ---- Rings ---- */

/* Newer kernels are told more. All of them can do what we need without it. */
static int
create_io_uring(struct io_uring *ring)
{
	static const uint32_t flags[] = {
		IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
			IORING_SETUP_SUBMIT_ALL,
		IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL,
		0,
	};
	int rc = -EINVAL;

	for (size_t i = 0; i < SPDK_COUNTOF(flags) && rc == -EINVAL; i++) {
		struct io_uring_params params = {
			.flags = flags[i] | IORING_SETUP_CQSIZE,
			.cq_entries = URING_CQ_ENTRIES,
		};

		rc = io_uring_queue_init_params(URING_SQ_ENTRIES, ring, &params);
		if (rc == 0 && !(params.features & IORING_FEAT_NODROP)) {
			io_uring_queue_exit(ring);
			return -ENOSYS;
		}
	}
	return rc;
}

static bool
has_operations(struct io_uring *ring)
{
	static const int operations[] = {IORING_OP_READ, IORING_OP_WRITE, IORING_OP_READV, IORING_OP_WRITEV,
		IORING_OP_FSYNC, IORING_OP_ASYNC_CANCEL};
	struct io_uring_probe *probe = io_uring_get_probe_ring(ring);
	bool has = probe != NULL;

	for (size_t i = 0; i < SPDK_COUNTOF(operations) && has; i++) {
		has = io_uring_opcode_supported(probe, operations[i]);
	}
	io_uring_free_probe(probe);
	return has;
}

static int
try_io_uring(void)
{
	struct io_uring ring;
	int rc = create_io_uring(&ring);

	if (rc == 0) {
		rc = has_operations(&ring) ? 0 : -ENOSYS;
		io_uring_queue_exit(&ring);
	}
	return rc;
}

int
uring_probe(const char **why)
{
	/* What a process is allowed does not become less; if it does all the same, rings are refused later. */
	static bool allowed;
	int rc = 0;

	if (!__atomic_load_n(&allowed, __ATOMIC_RELAXED)) {
		rc = try_io_uring();
		__atomic_store_n(&allowed, rc == 0, __ATOMIC_RELAXED);
	}
	switch (-rc) {
	case 0:
		*why = NULL;
		break;
	case ENOSYS:
		*why = "the kernel has no io_uring that can do it";
		break;
	case EPERM:
	case EACCES:
		*why = "the system does not allow io_uring";
		break;
	case ENOMEM:
		*why = "no memory for an io_uring, or RLIMIT_MEMLOCK does not allow it";
		break;
	default:
		*why = "no io_uring could be made";
		break;
	}
	return rc;
}

static void
destroy_ring(struct uring_ring *ring)
{
	if (ring->poller != NULL) {
		/* At once: within the poller it is unregistered later, and the descriptor is gone by then. */
		bdk_poller_set_wakeup_fd(ring->poller, -1);
		spdk_poller_unregister(&ring->poller);
	}
	io_uring_queue_exit(&ring->ring);
	uring_memory_fini(&ring->memory);
	free(ring);
}

static void
register_with_kernel(struct uring_ring *ring)
{
	unsigned int workers[2] = {BLOCKING_WORKERS, 0};

	/* Each may be refused by an older kernel, and is not needed. */
	io_uring_register_iowq_max_workers(&ring->ring, workers);
	ring->has_files = io_uring_register_files_sparse(&ring->ring, URING_FILES) == 0 &&
		io_uring_register_files_update(&ring->ring, 0, ring->queue->files, URING_FILES) == URING_FILES;
	uring_memory_init(&ring->memory, &ring->ring);
}

static int
create_ring(struct uring_queue *queue, struct uring_ring **result)
{
	struct uring_ring *ring = calloc(1, sizeof(*ring));
	int rc;

	if (ring == NULL) {
		return -ENOMEM;
	}
	ring->queue = queue;
	rc = create_io_uring(&ring->ring);
	if (rc != 0) {
		free(ring);
		return rc;
	}
	register_with_kernel(ring);
	ring->poller = SPDK_POLLER_REGISTER(poll_ring, ring, 0);
	rc = ring->poller != NULL ? bdk_poller_set_wakeup_fd(ring->poller, ring->ring.ring_fd) : -ENOMEM;
	if (rc != 0) {
		destroy_ring(ring);
		return rc;
	}
	*result = ring;
	return 0;
}

/* ---- Submission ---- */

static bool
is_left(int rc)
{
	/* The ring is another system thread's. */
	return rc == -EEXIST;
}

/* Hands over what is in the submission ring. Returns a negative errno if the kernel takes none of it. */
static int
enter(struct uring_ring *ring)
{
	int rc = io_uring_submit(&ring->ring);

	if (spdk_unlikely(is_left(rc)) && ring->queue->ring == ring) {
		leave_ring(ring->queue);
	}
	return rc;
}

/* NULL: the kernel takes nothing now. */
static struct io_uring_sqe *
obtain_sqe(struct uring_queue *queue)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&queue->ring->ring);

	if (spdk_unlikely(sqe == NULL)) {
		enter(queue->ring);
		/* Perhaps it is another ring now. */
		sqe = io_uring_get_sqe(&queue->ring->ring);
		queue->starving |= sqe == NULL;
	}
	return sqe;
}

/* The rest is filled in. */
static void
push(struct uring_io *io, struct io_uring_sqe *sqe)
{
	io->ring->in_kernel++;
	io_uring_sqe_set_data(sqe, io);
}

static void
set_file(const struct uring_channel *ch, struct io_uring_sqe *sqe)
{
	if (spdk_likely(ch->file >= 0 && ch->queue->ring->has_files)) {
		sqe->fd = ch->file;
		sqe->flags = IOSQE_FIXED_FILE;
	} else {
		sqe->fd = ch->fd;
	}
}

/* False: the kernel takes nothing now. */
static bool
submit(struct uring_io *io)
{
	struct uring_channel *ch = io->ch;
	struct io_uring_sqe *sqe = obtain_sqe(ch->queue);

	if (spdk_unlikely(sqe == NULL)) {
		return false;
	}
	memset(sqe, 0, sizeof(*sqe));
	io->ring = ch->queue->ring;
	io->prepare(io, sqe);
	set_file(ch, sqe);
	push(io, sqe);
	ch->submitted++;
	return true;
}

void
uring_queue_submit(struct uring_io *io)
{
	struct uring_channel *ch = io->ch;

	io->ring = NULL;
	if (spdk_likely(ch->submitted < ch->depth && STAILQ_EMPTY(&ch->waiting)) && submit(io)) {
		return;
	}
	STAILQ_INSERT_TAIL(&ch->waiting, io, link);
}

bool
uring_queue_cancel(struct uring_io *io, struct uring_io *target)
{
	struct io_uring_sqe *sqe = obtain_sqe(io->ch->queue);

	if (sqe == NULL) {
		return false;
	}
	/* One that is in a ring which has been left is not found. */
	io->ring = io->ch->queue->ring;
	io_uring_prep_cancel(sqe, target, 0);
	push(io, sqe);
	io->ch->submitted++;
	return true;
}

void
uring_ring_set_buffer(struct uring_ring *ring, struct io_uring_sqe *sqe, bool is_write, void *buf, uint32_t len)
{
	int slot = uring_memory_find(&ring->memory, buf, len);

	if (slot >= 0) {
		sqe->opcode = is_write ? IORING_OP_WRITE_FIXED : IORING_OP_READ_FIXED;
		sqe->buf_index = (uint16_t)slot;
	} else {
		sqe->opcode = is_write ? IORING_OP_WRITE : IORING_OP_READ;
	}
	sqe->addr = (uintptr_t)buf;
	sqe->len = len;
}

static void
submit_waiting(struct uring_channel *ch)
{
	struct uring_io *io;

	while ((io = STAILQ_FIRST(&ch->waiting)) != NULL && ch->submitted < ch->depth) {
		if (!submit(io)) {
			break;
		}
		STAILQ_REMOVE_HEAD(&ch->waiting, link);
	}
}

/* The kernel took nothing when they wanted to submit, and no I/O of theirs may be left whose end would remind us. */
static void
feed(struct uring_queue *queue)
{
	struct uring_channel *ch;

	queue->starving = false;
	LIST_FOREACH (ch, &queue->channels, link) {
		submit_waiting(ch);
	}
}

bool
uring_channel_remove_waiting(struct uring_io *io)
{
	struct uring_io *other;

	STAILQ_FOREACH (other, &io->ch->waiting, link) {
		if (other == io) {
			STAILQ_REMOVE(&io->ch->waiting, io, uring_io, link);
			return true;
		}
	}
	return false;
}

struct uring_io *
uring_channel_take_waiting(struct uring_channel *ch)
{
	struct uring_io *io = STAILQ_FIRST(&ch->waiting);

	if (io != NULL) {
		STAILQ_REMOVE_HEAD(&ch->waiting, link);
	}
	return io;
}

/* ---- Completion ---- */

static void
complete(struct uring_ring *ring, struct uring_io *io, int result)
{
	struct uring_channel *ch = io->ch;

	ch->submitted--;
	if (spdk_unlikely(!STAILQ_EMPTY(&ch->waiting))) {
		submit_waiting(ch);
	}
	/* Last: it may be the last I/O of its channel, which may be gone when this returns. */
	ring->queue->complete(io, result);
}

struct completion {
	struct uring_io *io;
	int result;
};

/* Takes completions out of the ring before any of them is handed on, as who gets them may submit and enter the kernel. */
static int
reap(struct uring_ring *ring)
{
	struct completion batch[BATCH];
	struct io_uring_cqe *cqe;
	unsigned int head;
	int count = 0;

	io_uring_for_each_cqe(&ring->ring, head, cqe)
	{
		if (count == BATCH) {
			break;
		}
		batch[count++] = (struct completion){.io = io_uring_cqe_get_data(cqe), .result = cqe->res};
	}
	if (count == 0) {
		return 0;
	}
	io_uring_cq_advance(&ring->ring, (unsigned int)count);
	ring->in_kernel -= (uint32_t)count;
	for (int i = 0; i < count; i++) {
		if (spdk_likely(batch[i].io != NOBODY)) {
			complete(ring, batch[i].io, batch[i].result);
		}
	}
	return count;
}

/* Whether the kernel waits to be entered before it goes on. */
static bool
wants_entry(struct uring_ring *ring)
{
	return IO_URING_READ_ONCE(*ring->ring.sq.kflags) & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW);
}

/*
 * Submits before it reaps, as what is submitted may be complete at once, and submits again what completions have led to:
 * I/O goes on while others on this thread work.
 */
static int
poll_ring(void *arg)
{
	struct uring_ring *ring = arg;
	struct uring_queue *queue = ring->queue;
	int count = 0;

	if (ring != queue->ring) {
		count = reap(ring);
		if (ring->in_kernel == 0) {
			LIST_REMOVE(ring, link);
			destroy_ring(ring);
		}
		return count > 0 ? SPDK_POLLER_BUSY : SPDK_POLLER_IDLE;
	}
	uring_memory_poll(&ring->memory);
	if (io_uring_sq_ready(&ring->ring) > 0) {
		/* What is refused now stays in the ring, and keeps the reactor awake. */
		enter(ring);
		count++;
	} else if (ring->in_kernel > 0 && wants_entry(ring)) {
		io_uring_get_events(&ring->ring);
		count++;
	}
	if (spdk_unlikely(queue->starving)) {
		feed(queue);
	}
	return count + reap(ring) > 0 ? SPDK_POLLER_BUSY : SPDK_POLLER_IDLE;
}

/* ---- Another system thread ---- */

/* Takes over an entry that the kernel has not taken; what it names by number is not registered with the new ring yet. */
static void
move_entry(struct uring_ring *from, struct uring_ring *to, const struct io_uring_sqe *old)
{
	struct uring_io *io = (struct uring_io *)(uintptr_t)old->user_data;
	struct io_uring_sqe *sqe = io_uring_get_sqe(&to->ring);

	from->in_kernel--;
	to->in_kernel++;
	*sqe = *old;
	if (io == NOBODY) {
		return;
	}
	io->ring = to;
	if (sqe->opcode == IORING_OP_READ_FIXED || sqe->opcode == IORING_OP_WRITE_FIXED) {
		sqe->opcode = sqe->opcode == IORING_OP_READ_FIXED ? IORING_OP_READ : IORING_OP_WRITE;
		sqe->buf_index = 0;
	}
	if ((sqe->flags & IOSQE_FIXED_FILE) && !to->has_files) {
		sqe->flags &= ~IOSQE_FIXED_FILE;
		sqe->fd = io->ch->fd;
	}
}

/* The rings are as long as each other. */
static void
move_entries(struct uring_ring *from, struct uring_ring *to)
{
	struct io_uring_sq *sq = &from->ring.sq;
	unsigned int head = *sq->khead;

	for (; head != sq->sqe_tail; head++) {
		move_entry(from, to, &sq->sqes[head & *sq->kring_mask]);
	}
}

static void
leave_ring(struct uring_queue *queue)
{
	struct uring_ring *old = queue->ring;
	struct uring_ring *ring;
	int rc = create_ring(queue, &ring);

	if (rc != 0) {
		SPDK_ERRLOG_RATELIMIT("No io_uring for thread %s, which has moved; its I/O waits: %s\n",
			spdk_thread_get_name(spdk_get_thread()), spdk_strerror(-rc));
		return;
	}
	move_entries(old, ring);
	queue->ring = ring;
	LIST_INSERT_HEAD(&queue->old, old, link);
}

/* ---- Life ---- */

int
uring_queue_init(struct uring_queue *queue, uring_complete_fn complete_fn)
{
	int rc;

	queue->complete = complete_fn;
	LIST_INIT(&queue->old);
	LIST_INIT(&queue->channels);
	queue->starving = false;
	memset(queue->files, -1, sizeof(queue->files));
	rc = create_ring(queue, &queue->ring);
	if (rc != 0) {
		SPDK_ERRLOG("Cannot make an io_uring: %s%s\n", spdk_strerror(-rc),
			rc == -EPERM ? "; aio does without" : "");
	}
	return rc;
}

void
uring_queue_fini(struct uring_queue *queue)
{
	struct uring_ring *ring;

	while ((ring = LIST_FIRST(&queue->old)) != NULL) {
		LIST_REMOVE(ring, link);
		destroy_ring(ring);
	}
	destroy_ring(queue->ring);
}

/* Tells the kernel of the file in a place; without success it does not know it by number. */
static bool
update_file(struct uring_queue *queue, int file, int fd)
{
	int rc;

	queue->files[file] = fd;
	if (!queue->ring->has_files) {
		return false;
	}
	rc = io_uring_register_files_update(&queue->ring->ring, (unsigned int)file, &fd, 1);
	if (spdk_unlikely(is_left(rc))) {
		leave_ring(queue);
		rc = queue->ring->has_files ? 1 : rc;
	}
	return rc == 1;
}

void
uring_channel_init(struct uring_channel *ch, struct uring_queue *queue, int fd, uint32_t depth)
{
	ch->queue = queue;
	ch->fd = fd;
	ch->file = -1;
	ch->depth = depth;
	ch->submitted = 0;
	STAILQ_INIT(&ch->waiting);
	LIST_INSERT_HEAD(&queue->channels, ch, link);
	for (int i = 0; i < URING_FILES && ch->file < 0; i++) {
		if (queue->files[i] < 0) {
			ch->file = i;
		}
	}
	if (ch->file >= 0 && !update_file(queue, ch->file, fd)) {
		queue->files[ch->file] = -1;
		ch->file = -1;
	}
}

void
uring_channel_fini(struct uring_channel *ch)
{
	LIST_REMOVE(ch, link);
	if (ch->file >= 0) {
		update_file(ch->queue, ch->file, -1);
	}
}
