/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Sockets of connections, by io_uring where the kernel has it and by epoll where not. Both look the same from above:
 * an operation is begun, and its callback brings the result later.
 *
 * A group and all its sockets belong to one thread. Callbacks run inside nbd_sock_group_poll() and _flush() and nowhere
 * else; they may begin the next operation, but not close a socket. A socket has at most one receive and one send in flight; the memory that they
 * use stays untouched until their callback. To end them early, shut the socket down.
 */

#ifndef NBD_SOCK_H
#define NBD_SOCK_H

#include "spdk/stdinc.h"
#include "spdk/queue.h"

struct nbd_sock;
struct nbd_sock_group;

/* n: bytes moved (receiving: 0 is the end of the stream), or a negative errno. */
typedef void (*nbd_sock_cb)(struct nbd_sock *sock, ssize_t n);

struct nbd_sock {
	int fd;
	struct nbd_sock_group *group;
	nbd_sock_cb received_cb;
	nbd_sock_cb sent_cb;
	bool receiving;
	bool sending;

	/* Below: of the implementation. */
	struct msghdr rx_msg;
	struct msghdr tx_msg;
	bool readable;
	bool writable;
	bool hung_up;
	bool queued;
	bool cancelled;
	size_t rx_size;
	TAILQ_ENTRY(nbd_sock) link;
};

struct nbd_sock_ops {
	const char *name;
	/* -ENOSYS or another errno: not to be had here. On the thread that the group will belong to. */
	int (*group_create)(struct nbd_sock_group **group);
	/* The group has no sockets any more. */
	void (*group_destroy)(struct nbd_sock_group *group);
	/* Becomes readable when group_poll may find something. */
	int (*group_fd)(struct nbd_sock_group *group);
	/* Brings results; returns how many. */
	int (*group_poll)(struct nbd_sock_group *group);
	/* Hands operations begun since the last call to the kernel, in one call if it can; returns what is to be polled at once. */
	int (*group_flush)(struct nbd_sock_group *group);

	/* Takes over sock->fd; callbacks are set. */
	int (*add)(struct nbd_sock_group *group, struct nbd_sock *sock);
	/* Closes fd; nothing is in flight. */
	void (*close)(struct nbd_sock *sock);
	/* iov must stay until the callback. */
	void (*receive)(struct nbd_sock *sock, struct iovec *iov, int iovcnt);
	void (*send)(struct nbd_sock *sock, struct iovec *iov, int iovcnt);
	/* Makes a receive in flight end soon, with -ECANCELED or with what it has got. */
	void (*cancel_receive)(struct nbd_sock *sock);
};

extern const struct nbd_sock_ops nbd_sock_uring_ops;
extern const struct nbd_sock_ops nbd_sock_epoll_ops;

/* The first member of both kinds of group. */
struct nbd_sock_group {
	const struct nbd_sock_ops *ops;
};

/*
 * Creates a group of the best kind that works; the environment variable BDEVKIT_NBD_SOCK ("uring", "epoll") forces one.
 */
int nbd_sock_group_create(struct nbd_sock_group **group);

#endif /* NBD_SOCK_H */
