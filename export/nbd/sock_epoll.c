/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Sockets by epoll. Every socket is registered once, edge-triggered, for both directions; what it is ready for is
 * remembered, so that a system call is only made where it has a chance.
 */

#include "export/nbd/sock.h"

#include "spdk/util.h"

#include <sys/epoll.h>

#define MAX_EVENTS 64

struct epoll_group {
	struct nbd_sock_group base;
	int fd;
	/* Sockets with an operation in flight that can be tried. */
	TAILQ_HEAD(, nbd_sock) ready;
	uint32_t num_ready;
};

static struct epoll_group *
epoll_group(struct nbd_sock_group *group)
{
	return SPDK_CONTAINEROF(group, struct epoll_group, base);
}

static int
sock_epoll_group_create(struct nbd_sock_group **out)
{
	struct epoll_group *group = calloc(1, sizeof(*group));

	if (group == NULL) {
		return -ENOMEM;
	}
	group->fd = epoll_create1(EPOLL_CLOEXEC);
	if (group->fd < 0) {
		int rc = -errno;

		free(group);
		return rc;
	}
	group->base.ops = &nbd_sock_epoll_ops;
	TAILQ_INIT(&group->ready);
	*out = &group->base;
	return 0;
}

static void
sock_epoll_group_destroy(struct nbd_sock_group *base)
{
	struct epoll_group *group = epoll_group(base);

	close(group->fd);
	free(group);
}

static int
sock_epoll_group_fd(struct nbd_sock_group *group)
{
	return epoll_group(group)->fd;
}

static bool
can_progress(const struct nbd_sock *sock)
{
	return (sock->receiving && (sock->readable || sock->cancelled)) || (sock->sending && sock->writable);
}

static void
queue(struct nbd_sock *sock)
{
	if (!sock->queued && can_progress(sock)) {
		sock->queued = true;
		TAILQ_INSERT_TAIL(&epoll_group(sock->group)->ready, sock, link);
		epoll_group(sock->group)->num_ready++;
	}
}

static void
unqueue(struct epoll_group *group, struct nbd_sock *sock)
{
	TAILQ_REMOVE(&group->ready, sock, link);
	group->num_ready--;
	sock->queued = false;
}

/*
 * A receive that brought less than it asked for has emptied the socket: whatever comes later makes a new event. Not so
 * once the peer has hung up: then the end of the stream is still to be read.
 */
static int
try_receive(struct nbd_sock *sock)
{
	ssize_t n = -EAGAIN;

	if (!sock->receiving) {
		return 0;
	}
	if (sock->readable) {
		n = recvmsg(sock->fd, &sock->rx_msg, MSG_DONTWAIT);
		if (n < 0) {
			n = -errno;
		}
		sock->readable = sock->hung_up || (n > 0 && (size_t)n == sock->rx_size);
	}
	if (n == -EAGAIN && !sock->cancelled) {
		return 0;
	}
	sock->receiving = false;
	sock->received_cb(sock, n == -EAGAIN ? -ECANCELED : n);
	return 1;
}

static int
try_send(struct nbd_sock *sock)
{
	ssize_t n;

	if (!sock->sending || !sock->writable) {
		return 0;
	}
	n = sendmsg(sock->fd, &sock->tx_msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0) {
		n = -errno;
	}
	if (n == -EAGAIN) {
		sock->writable = false;
		return 0;
	}
	sock->sending = false;
	sock->sent_cb(sock, n);
	return 1;
}

/* One attempt for each socket that is ready now; what becomes ready meanwhile waits for the next call. */
static int
try_all(struct epoll_group *group)
{
	int done = 0;

	for (uint32_t count = group->num_ready; count > 0; count--) {
		struct nbd_sock *sock = TAILQ_FIRST(&group->ready);

		unqueue(group, sock);
		done += try_send(sock);
		done += try_receive(sock);
		queue(sock);
	}
	return done;
}

static int
sock_epoll_group_poll(struct nbd_sock_group *base)
{
	struct epoll_group *group = epoll_group(base);
	struct epoll_event events[MAX_EVENTS];
	int count;

	count = epoll_wait(group->fd, events, MAX_EVENTS, 0);
	for (int i = 0; i < count; i++) {
		struct nbd_sock *sock = events[i].data.ptr;

		sock->hung_up |= (events[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
		sock->readable |= sock->hung_up || (events[i].events & EPOLLIN) != 0;
		sock->writable |= (events[i].events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0;
		queue(sock);
	}
	return try_all(group);
}

static int
sock_epoll_group_flush(struct nbd_sock_group *base)
{
	struct epoll_group *group = epoll_group(base);

	try_all(group);
	return group->num_ready;
}

static int
sock_epoll_add(struct nbd_sock_group *base, struct nbd_sock *sock)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = sock};

	sock->group = base;
	/* Trying before the first event costs little and saves a round. */
	sock->writable = true;
	sock->readable = true;
	if (epoll_ctl(epoll_group(base)->fd, EPOLL_CTL_ADD, sock->fd, &event) < 0) {
		return -errno;
	}
	return 0;
}

static void
sock_epoll_close(struct nbd_sock *sock)
{
	if (sock->queued) {
		unqueue(epoll_group(sock->group), sock);
	}
	/* Not left to close(): another process could have inherited the description. */
	epoll_ctl(epoll_group(sock->group)->fd, EPOLL_CTL_DEL, sock->fd, NULL);
	close(sock->fd);
	sock->fd = -1;
}

static void
sock_epoll_receive(struct nbd_sock *sock, struct iovec *iov, int iovcnt)
{
	sock->rx_msg = (struct msghdr){.msg_iov = iov, .msg_iovlen = iovcnt};
	sock->rx_size = 0;
	for (int i = 0; i < iovcnt; i++) {
		sock->rx_size += iov[i].iov_len;
	}
	sock->receiving = true;
	sock->cancelled = false;
	queue(sock);
}

static void
sock_epoll_send(struct nbd_sock *sock, struct iovec *iov, int iovcnt)
{
	sock->tx_msg = (struct msghdr){.msg_iov = iov, .msg_iovlen = iovcnt};
	sock->sending = true;
	queue(sock);
}

static void
sock_epoll_cancel_receive(struct nbd_sock *sock)
{
	sock->cancelled = true;
	queue(sock);
}

const struct nbd_sock_ops nbd_sock_epoll_ops = {
	.name = "epoll",
	.group_create = sock_epoll_group_create,
	.group_destroy = sock_epoll_group_destroy,
	.group_fd = sock_epoll_group_fd,
	.group_poll = sock_epoll_group_poll,
	.group_flush = sock_epoll_group_flush,
	.add = sock_epoll_add,
	.close = sock_epoll_close,
	.receive = sock_epoll_receive,
	.send = sock_epoll_send,
	.cancel_receive = sock_epoll_cancel_receive,
};
