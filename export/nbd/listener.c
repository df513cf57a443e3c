/* SPDX-License-Identifier: BSD-3-Clause */

/* Listeners: sockets on which clients arrive, on the app thread, to be handed to the groups in turn. */

#include "export/nbd/nbd_internal.h"

#include "lib/env/env_internal.h"

#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/un.h>

#define BACKLOG 128
/* Clients taken at a time, before something else has its turn. */
#define MAX_ACCEPTS 16
/* When the process is out of file descriptors or memory: how long to leave clients waiting before the next attempt. */
#define PAUSE_US 1000000

struct nbd_listener {
	struct nbd_address address;
	int fd;
	struct spdk_interrupt *interrupt;
	/* While it is paused. */
	struct spdk_poller *resume;
	/* The file of a Unix socket, to remove no other. */
	dev_t dev;
	ino_t ino;
	TAILQ_ENTRY(nbd_listener) link;
};

/* ---- accepting ---- */

static void
format_peer(int fd, const struct sockaddr_storage *sockaddr, char *peer, size_t size)
{
	struct nbd_address address = {.sockaddr = *sockaddr};
	struct ucred cred;
	socklen_t length = sizeof(cred);

	if (sockaddr->ss_family != AF_UNIX) {
		nbd_address_format(&address);
		snprintf(peer, size, "%.*s", (int)size - 1, address.text + strlen("tcp:"));
	} else if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &length) == 0) {
		snprintf(peer, size, "unix pid %d uid %u", (int)cred.pid, (unsigned)cred.uid);
	} else {
		snprintf(peer, size, "unix");
	}
}

static void
hand_over(struct nbd_listener *listener, int fd, const struct sockaddr_storage *sockaddr)
{
	struct nbd_connection_args *args;

	if (g_nbd_server.num_connections >= g_nbd_server.max_connections) {
		SPDK_WARNLOG("%s: a client is turned away, there are %" PRIu32 " already (max_connections)\n",
			listener->address.text, g_nbd_server.num_connections);
		close(fd);
		return;
	}
	args = calloc(1, sizeof(*args));
	if (args == NULL) {
		close(fd);
		return;
	}
	args->group = g_nbd_server.groups[g_nbd_server.next_group++ % g_nbd_server.num_groups];
	args->fd = fd;
	args->id = ++g_nbd_server.last_connection_id;
	args->handshake_timeout_sec = g_nbd_server.handshake_timeout_sec;
	snprintf(args->listener, sizeof(args->listener), "%s", listener->address.text);
	format_peer(fd, sockaddr, args->peer, sizeof(args->peer));
	g_nbd_server.num_connections++;
	if (spdk_thread_send_msg(args->group->thread, nbd_connection_start, args) != 0) {
		g_nbd_server.num_connections--;
		close(fd);
		free(args);
	}
}

static void listen_again(struct nbd_listener *listener);

static int
poll_resume(void *arg)
{
	struct nbd_listener *listener = arg;

	spdk_poller_unregister(&listener->resume);
	listen_again(listener);
	return SPDK_POLLER_BUSY;
}

/* Without this the client that cannot be taken would wake the reactor for ever. */
static void
pause_listening(struct nbd_listener *listener, int error)
{
	SPDK_WARNLOG("%s: no client can be taken for now: %s\n", listener->address.text, strerror(error));
	listener->resume = SPDK_POLLER_REGISTER(poll_resume, listener, PAUSE_US);
	if (listener->resume != NULL) {
		spdk_interrupt_unregister(&listener->interrupt);
	}
}

static int
accept_clients(void *arg)
{
	struct nbd_listener *listener = arg;
	int count;

	for (count = 0; count < MAX_ACCEPTS; count++) {
		struct sockaddr_storage sockaddr = {0};
		socklen_t length = sizeof(sockaddr);
		/* A connection's socket is left blocking: io_uring waits by itself, epoll says for each call that it will not. */
		int fd = accept4(listener->fd, (struct sockaddr *)&sockaddr, &length, SOCK_CLOEXEC);

		if (fd >= 0) {
			hand_over(listener, fd, &sockaddr);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
			pause_listening(listener, errno);
			break;
		} else if (errno != EINTR && errno != ECONNABORTED) {
			break;
		}
	}
	return count;
}

static void
listen_again(struct nbd_listener *listener)
{
	listener->interrupt = SPDK_INTERRUPT_REGISTER(listener->fd, accept_clients, listener);
	if (listener->interrupt == NULL) {
		pause_listening(listener, ENOMEM);
	}
}

/* ---- opening ---- */

/* Removes a socket that its server has left behind; anything else stays. */
static int
remove_stale(const struct nbd_address *address)
{
	const char *path = ((const struct sockaddr_un *)&address->sockaddr)->sun_path;
	struct stat st;
	int fd, rc;

	if (lstat(path, &st) != 0) {
		return 0;
	}
	if (!S_ISSOCK(st.st_mode)) {
		SPDK_ERRLOG("%s: there is a file that is no socket\n", path);
		return -ENOTSOCK;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		return -errno;
	}
	rc = connect(fd, (const struct sockaddr *)&address->sockaddr, address->length) == 0 ? 0 : -errno;
	close(fd);
	if (rc != -ECONNREFUSED) {
		SPDK_ERRLOG("%s: another server listens there\n", path);
		return -EADDRINUSE;
	}
	return unlink(path) == 0 ? 0 : -errno;
}

static int
make_socket(struct nbd_address *address)
{
	int type = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, on = 1, off = 0;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address->sockaddr;
	struct sockaddr_in *in = (struct sockaddr_in *)&address->sockaddr;
	int fd = socket(address->sockaddr.ss_family, type, 0);

	if (fd < 0 && errno == EAFNOSUPPORT && in6->sin6_family == AF_INET6 &&
		IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr)) {
		/* All addresses of a machine without IPv6. */
		*in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = in6->sin6_port};
		address->length = sizeof(*in);
		fd = socket(AF_INET, type, 0);
	}
	if (fd < 0) {
		return -errno;
	}
	if (address->sockaddr.ss_family != AF_UNIX) {
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	}
	if (address->sockaddr.ss_family == AF_INET6) {
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	}
	return fd;
}

static int
listen_on_path(struct nbd_listener *listener)
{
	const struct sockaddr *sockaddr = (struct sockaddr *)&listener->address.sockaddr;
	int rc = env_unix_listen(listener->fd, sockaddr, listener->address.length, BACKLOG);
	struct stat st;

	if (rc != 0) {
		return rc;
	}
	if (lstat(((const struct sockaddr_un *)sockaddr)->sun_path, &st) != 0) {
		return -errno;
	}
	listener->dev = st.st_dev;
	listener->ino = st.st_ino;
	return 0;
}

static int
bind_and_listen(struct nbd_listener *listener)
{
	struct nbd_address *address = &listener->address;

	if (address->sockaddr.ss_family == AF_UNIX) {
		return listen_on_path(listener);
	}
	if (bind(listener->fd, (struct sockaddr *)&address->sockaddr, address->length) != 0) {
		return -errno;
	}
	address->length = sizeof(address->sockaddr);
	if (getsockname(listener->fd, (struct sockaddr *)&address->sockaddr, &address->length) != 0) {
		return -errno;
	}
	nbd_address_format(address);
	return listen(listener->fd, BACKLOG) == 0 ? 0 : -errno;
}

static int
open_listener(struct nbd_listener *listener)
{
	int rc = 0;

	if (listener->address.sockaddr.ss_family == AF_UNIX) {
		rc = remove_stale(&listener->address);
	}
	if (rc != 0) {
		return rc;
	}
	listener->fd = make_socket(&listener->address);
	if (listener->fd < 0) {
		return listener->fd;
	}
	rc = bind_and_listen(listener);
	if (rc == 0) {
		listener->interrupt = SPDK_INTERRUPT_REGISTER(listener->fd, accept_clients, listener);
		rc = listener->interrupt == NULL ? -ENOMEM : 0;
	}
	if (rc != 0) {
		close(listener->fd);
	}
	return rc;
}

static void
close_listener(struct nbd_listener *listener)
{
	const char *path = ((struct sockaddr_un *)&listener->address.sockaddr)->sun_path;
	struct stat st;

	TAILQ_REMOVE(&g_nbd_server.listeners, listener, link);
	spdk_interrupt_unregister(&listener->interrupt);
	spdk_poller_unregister(&listener->resume);
	close(listener->fd);
	/* Somebody may have put another in its place. */
	if (listener->address.sockaddr.ss_family == AF_UNIX && lstat(path, &st) == 0 && st.st_dev == listener->dev &&
		st.st_ino == listener->ino) {
		unlink(path);
	}
	free(listener);
}

/* ---- the interface ---- */

static struct nbd_listener *
find(const struct nbd_address *address)
{
	struct nbd_listener *listener;

	TAILQ_FOREACH (listener, &g_nbd_server.listeners, link) {
		if (strcmp(listener->address.text, address->text) == 0) {
			return listener;
		}
	}
	return NULL;
}

int
bdk_nbd_listen(const char *text, char *bound)
{
	struct nbd_listener *listener;
	struct nbd_address address;
	int rc;

	if (g_nbd_server.state != NBD_SERVER_UP) {
		return -ESHUTDOWN;
	}
	rc = nbd_address_parse(text, &address);
	if (rc != 0) {
		return rc;
	}
	if (find(&address) != NULL) {
		return -EEXIST;
	}
	listener = calloc(1, sizeof(*listener));
	if (listener == NULL) {
		return -ENOMEM;
	}
	listener->address = address;
	rc = open_listener(listener);
	if (rc != 0) {
		free(listener);
		return rc;
	}
	TAILQ_INSERT_TAIL(&g_nbd_server.listeners, listener, link);
	if (bound != NULL) {
		memcpy(bound, listener->address.text, BDK_NBD_ADDRESS_SIZE);
	}
	return 0;
}

int
bdk_nbd_unlisten(const char *text)
{
	struct nbd_listener *listener;
	struct nbd_address address;
	int rc = nbd_address_parse(text, &address);

	if (rc != 0) {
		return rc;
	}
	listener = find(&address);
	if (listener == NULL) {
		return -ENOENT;
	}
	close_listener(listener);
	return 0;
}

int
bdk_nbd_for_each_listener(int (*fn)(void *ctx, const char *address), void *ctx)
{
	struct nbd_listener *listener, *next;

	TAILQ_FOREACH_SAFE (listener, &g_nbd_server.listeners, link, next) {
		int rc = fn(ctx, listener->address.text);

		if (rc != 0) {
			return rc;
		}
	}
	return 0;
}

void
nbd_listener_close_all(void)
{
	while (!TAILQ_EMPTY(&g_nbd_server.listeners)) {
		close_listener(TAILQ_FIRST(&g_nbd_server.listeners));
	}
}
