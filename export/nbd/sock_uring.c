/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Sockets by io_uring: one system call for all that all connections of a thread have begun since the last one. Completions
 * are put off until we ask for them (DEFER_TASKRUN), so that they come in batches and never interrupt.
 */

#include "export/nbd/sock.h"

#include "spdk/barrier.h"
#include "spdk/log.h"
#include "spdk/util.h"

#include <liburing.h>
#include <sys/eventfd.h>

#define SQ_ENTRIES 256
#define CQ_ENTRIES 4096

/* In the low bits of user_data, above them the socket. */
enum tag {
	TAG_RECEIVE = 0,
	TAG_SEND = 1,
	TAG_CANCEL = 2,
	TAG_MASK = 3,
};

struct uring_group {
	struct nbd_sock_group base;
	struct io_uring ring;
	/*
	 * Signalled by the kernel when there is something to poll for. The ring's own descriptor will not do: with deferred
	 * completions, waiters on it are only woken by completions that have been posted, not by those that wait to be.
	 */
	int event_fd;
	/* It is switched on. */
	bool signals;
};

static struct uring_group *
uring_group(struct nbd_sock_group *group)
{
	return SPDK_CONTAINEROF(group, struct uring_group, base);
}

/* What every kernel that has the set-up flags below has too, but a seccomp filter or sysctl may take away. */
static bool
has_operations(struct io_uring *ring)
{
	struct io_uring_probe *probe = io_uring_get_probe_ring(ring);
	bool has = probe != NULL && io_uring_opcode_supported(probe, IORING_OP_RECVMSG) &&
		io_uring_opcode_supported(probe, IORING_OP_SENDMSG) &&
		io_uring_opcode_supported(probe, IORING_OP_ASYNC_CANCEL);

	io_uring_free_probe(probe);
	return has;
}

static int
set_up_ring(struct uring_group *group)
{
	int rc;

	if (!has_operations(&group->ring)) {
		return -ENOSYS;
	}
	group->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (group->event_fd < 0) {
		return -errno;
	}
	rc = io_uring_register_eventfd(&group->ring, group->event_fd);
	if (rc < 0) {
		close(group->event_fd);
		return rc;
	}
	group->signals = true;
	/* Saves a look-up per system call; older kernels do without. */
	(void)io_uring_register_ring_fd(&group->ring);
	return 0;
}

static int
sock_uring_group_create(struct nbd_sock_group **out)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
			IORING_SETUP_CQSIZE,
		.cq_entries = CQ_ENTRIES,
	};
	struct uring_group *group = calloc(1, sizeof(*group));
	int rc;

	if (group == NULL) {
		return -ENOMEM;
	}
	rc = io_uring_queue_init_params(SQ_ENTRIES, &group->ring, &params);
	if (rc < 0) {
		free(group);
		return rc;
	}
	rc = set_up_ring(group);
	if (rc != 0) {
		io_uring_queue_exit(&group->ring);
		free(group);
		return rc;
	}
	group->base.ops = &nbd_sock_uring_ops;
	*out = &group->base;
	return 0;
}

static void
sock_uring_group_destroy(struct nbd_sock_group *base)
{
	struct uring_group *group = uring_group(base);

	io_uring_queue_exit(&group->ring);
	close(group->event_fd);
	free(group);
}

static int
sock_uring_group_fd(struct nbd_sock_group *group)
{
	return uring_group(group)->event_fd;
}

static void
complete(struct io_uring_cqe *cqe)
{
	struct nbd_sock *sock = (struct nbd_sock *)(uintptr_t)(cqe->user_data & ~(uint64_t)TAG_MASK);
	ssize_t n = cqe->res;

	switch (cqe->user_data & TAG_MASK) {
	case TAG_RECEIVE:
		sock->receiving = false;
		sock->received_cb(sock, n);
		break;
	case TAG_SEND:
		sock->sending = false;
		sock->sent_cb(sock, n);
		break;
	default:
		/* What became of a cancelled receive is told by its own completion. */
		break;
	}
}

/* Whether the kernel holds back completions until it is entered. */
static bool
has_deferred(struct io_uring *ring)
{
	return (IO_URING_READ_ONCE(*ring->sq.kflags) & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

static unsigned
reap(struct io_uring *ring)
{
	struct io_uring_cqe *cqe;
	unsigned head, count = 0;

	if (has_deferred(ring)) {
		(void)io_uring_get_events(ring);
	}
	io_uring_for_each_cqe(ring, head, cqe)
	{
		complete(cqe);
		count++;
	}
	io_uring_cq_advance(ring, count);
	return count;
}

/*
 * A signal for each completion is a waste while we look for them anyway. It is switched on when nothing is found, and
 * then looked once more, for what has come just before.
 */
static int
sock_uring_group_poll(struct nbd_sock_group *base)
{
	struct uring_group *group = uring_group(base);
	unsigned count = reap(&group->ring);

	if (count > 0) {
		if (group->signals) {
			group->signals = false;
			(void)io_uring_cq_eventfd_toggle(&group->ring, false);
		}
	} else if (!group->signals) {
		group->signals = true;
		(void)io_uring_cq_eventfd_toggle(&group->ring, true);
		spdk_mb();
		count = reap(&group->ring);
	}
	return count;
}

static int
sock_uring_group_flush(struct nbd_sock_group *base)
{
	struct io_uring *ring = &uring_group(base)->ring;
	int rc = 0;

	if (io_uring_sq_ready(ring) > 0) {
		rc = io_uring_submit_and_get_events(ring);
	}
	/* What is left for want of kernel memory is handed over next time. */
	if (rc < 0 && rc != -EAGAIN && rc != -EBUSY && rc != -EINTR) {
		SPDK_ERRLOG("io_uring_enter: %s\n", strerror(-rc));
	}
	return io_uring_sq_ready(ring) + io_uring_cq_ready(ring);
}

static struct io_uring_sqe *
get_sqe(struct io_uring *ring)
{
	struct io_uring_sqe *sqe;

	while ((sqe = io_uring_get_sqe(ring)) == NULL) {
		(void)io_uring_submit(ring);
	}
	return sqe;
}

static void
begin(struct io_uring_sqe *sqe, struct nbd_sock *sock, enum tag tag)
{
	io_uring_sqe_set_data64(sqe, (uint64_t)(uintptr_t)sock | tag);
}

static int
sock_uring_add(struct nbd_sock_group *base, struct nbd_sock *sock)
{
	sock->group = base;
	return 0;
}

static void
sock_uring_close(struct nbd_sock *sock)
{
	close(sock->fd);
	sock->fd = -1;
}

static void
sock_uring_receive(struct nbd_sock *sock, struct iovec *iov, int iovcnt)
{
	struct io_uring_sqe *sqe = get_sqe(&uring_group(sock->group)->ring);

	if (iovcnt == 1) {
		io_uring_prep_recv(sqe, sock->fd, iov->iov_base, iov->iov_len, 0);
	} else {
		sock->rx_msg = (struct msghdr){.msg_iov = iov, .msg_iovlen = iovcnt};
		io_uring_prep_recvmsg(sqe, sock->fd, &sock->rx_msg, 0);
	}
	begin(sqe, sock, TAG_RECEIVE);
	sock->receiving = true;
}

static void
sock_uring_send(struct nbd_sock *sock, struct iovec *iov, int iovcnt)
{
	struct io_uring_sqe *sqe = get_sqe(&uring_group(sock->group)->ring);

	if (iovcnt == 1) {
		io_uring_prep_send(sqe, sock->fd, iov->iov_base, iov->iov_len, MSG_NOSIGNAL);
	} else {
		sock->tx_msg = (struct msghdr){.msg_iov = iov, .msg_iovlen = iovcnt};
		io_uring_prep_sendmsg(sqe, sock->fd, &sock->tx_msg, MSG_NOSIGNAL);
	}
	begin(sqe, sock, TAG_SEND);
	sock->sending = true;
}

static void
sock_uring_cancel_receive(struct nbd_sock *sock)
{
	struct io_uring_sqe *sqe = get_sqe(&uring_group(sock->group)->ring);

	io_uring_prep_cancel64(sqe, (uint64_t)(uintptr_t)sock | TAG_RECEIVE, 0);
	begin(sqe, sock, TAG_CANCEL);
}

const struct nbd_sock_ops nbd_sock_uring_ops = {
	.name = "uring",
	.group_create = sock_uring_group_create,
	.group_destroy = sock_uring_group_destroy,
	.group_fd = sock_uring_group_fd,
	.group_poll = sock_uring_group_poll,
	.group_flush = sock_uring_group_flush,
	.add = sock_uring_add,
	.close = sock_uring_close,
	.receive = sock_uring_receive,
	.send = sock_uring_send,
	.cancel_receive = sock_uring_cancel_receive,
};
