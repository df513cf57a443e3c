/* SPDX-License-Identifier: BSD-3-Clause */

/* A JSON-RPC server: one epoll set for its socket, its connections and its mailbox. */

#include "lib/env/env_internal.h"
#include "lib/rpc/jsonrpc_internal.h"
#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/util.h"

#define BACKLOG 512
/* Looked at in one poll; the rest waits for the next, which comes at once. */
#define EVENTS_AT_ONCE 64
#define ACCEPT_AT_ONCE 16
#define ROUNDS_AT_ONCE 8

static struct rpc_server_opts g_opts = {
	.max_request_size = 32 * 1024 * 1024,
	.max_request_values = 1024 * 1024,
	.max_request_depth = JSON_DEFAULT_DEPTH,
	.max_reply_size = 256 * 1024 * 1024,
	.max_unread_size = 1024 * 1024,
	.max_in_flight = 256,
	.max_connections = 8192,
};

void
rpc_server_get_opts(struct rpc_server_opts *opts)
{
	*opts = g_opts;
}

void
rpc_server_set_opts(const struct rpc_server_opts *opts)
{
	g_opts = *opts;
	jsonrpc_reply_set_max_size(opts->max_reply_size);
}

void
jsonrpc_server_set_listening(struct spdk_jsonrpc_server *server, bool listening)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = &server->listen_fd};

	if (server->listening == listening || server->closing) {
		return;
	}
	if (epoll_ctl(server->epoll_fd, listening ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, server->listen_fd, &event) == 0) {
		server->listening = listening;
	}
}

static int
open_listener(int domain, int protocol, const struct sockaddr *addr, socklen_t addrlen)
{
	int one = 1, rc, fd = socket(domain, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);

	if (fd < 0) {
		return -errno;
	}
	if (domain == AF_UNIX) {
		rc = env_unix_listen(fd, addr, addrlen, BACKLOG);
	} else {
		rc = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 && bind(fd, addr, addrlen) == 0 &&
				listen(fd, BACKLOG) == 0
			? 0
			: -errno;
	}
	if (rc != 0) {
		close(fd);
		return rc;
	}
	return fd;
}

static void
free_server(struct spdk_jsonrpc_server *server)
{
	int fds[] = {server->listen_fd, server->epoll_fd, server->spare_fd};

	for (size_t i = 0; i < SPDK_COUNTOF(fds); i++) {
		if (fds[i] >= 0) {
			close(fds[i]);
		}
	}
	if (server->mailbox != NULL) {
		jsonrpc_mailbox_put(server->mailbox);
	}
	free(server);
}

static int
start_server(struct spdk_jsonrpc_server *server)
{
	struct epoll_event event = {.events = EPOLLIN};

	server->mailbox = jsonrpc_mailbox_create();
	server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	server->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (server->mailbox == NULL || server->epoll_fd < 0) {
		return -ENOMEM;
	}
	event.data.ptr = server->mailbox;
	if (epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, server->mailbox->event_fd, &event) != 0) {
		return -errno;
	}
	jsonrpc_server_set_listening(server, true);
	return server->listening ? 0 : -ENOMEM;
}

struct spdk_jsonrpc_server *
spdk_jsonrpc_server_listen(int domain, int protocol, struct sockaddr *listen_addr, socklen_t addrlen,
	spdk_jsonrpc_handle_request_fn handle_request)
{
	struct spdk_jsonrpc_server *server = calloc(1, sizeof(*server));
	int rc;

	if (server == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	server->opts = g_opts;
	server->handle_request = handle_request;
	server->epoll_fd = -1;
	server->spare_fd = -1;
	TAILQ_INIT(&server->conns);
	TAILQ_INIT(&server->touched);
	TAILQ_INIT(&server->dead);
	server->listen_fd = open_listener(domain, protocol, listen_addr, addrlen);
	rc = server->listen_fd >= 0 ? start_server(server) : server->listen_fd;
	if (rc != 0) {
		SPDK_ERRLOG("Unable to listen for RPC requests: %s\n", spdk_strerror(-rc));
		free_server(server);
		errno = -rc;
		return NULL;
	}
	return server;
}

int
jsonrpc_server_get_fd(struct spdk_jsonrpc_server *server)
{
	return server->epoll_fd;
}

/*
 * Out of descriptors: the client would wait for good, and the socket would be reported without end. The spare one makes
 * room to accept and close it. If another thread has snatched it meanwhile, the next poll tries again.
 */
static void
turn_away(struct spdk_jsonrpc_server *server)
{
	int fd;

	SPDK_ERRLOG_RATELIMIT("No file descriptor left for an RPC connection: it is closed\n");
	if (server->spare_fd >= 0) {
		close(server->spare_fd);
		fd = accept(server->listen_fd, NULL, NULL);
		if (fd >= 0) {
			close(fd);
		}
	}
	server->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void
accept_conns(struct spdk_jsonrpc_server *server)
{
	for (int i = 0; i < ACCEPT_AT_ONCE; i++) {
		int fd, rc;

		if (server->num_conns >= server->opts.max_connections) {
			SPDK_ERRLOG_RATELIMIT("%u RPC connections: others wait until one closes\n", server->num_conns);
			jsonrpc_server_set_listening(server, false);
			return;
		}
		fd = accept4(server->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
			turn_away(server);
			return;
		}
		if (fd < 0) {
			return;
		}
		rc = jsonrpc_conn_create(server, fd);
		if (rc != 0) {
			SPDK_ERRLOG("An RPC connection is closed: %s\n", spdk_strerror(-rc));
		}
	}
}

static void
reply_completed(struct spdk_jsonrpc_server *server, bool close)
{
	struct spdk_jsonrpc_request *request = jsonrpc_mailbox_take(server->mailbox, close), *next;

	for (; request != NULL; request = next) {
		next = request->next_completed;
		if (request->conn != NULL) {
			jsonrpc_conn_reply(request->conn, request);
		} else {
			jsonrpc_warn_of_lost_reply();
		}
		jsonrpc_request_free(request);
	}
}

/* Serves each touched connection once. */
static void
serve_touched(struct spdk_jsonrpc_server *server)
{
	struct spdk_jsonrpc_server_conn *conn;
	struct jsonrpc_conn_list round = TAILQ_HEAD_INITIALIZER(round);

	TAILQ_CONCAT(&round, &server->touched, touched_link);
	while ((conn = TAILQ_FIRST(&round)) != NULL) {
		TAILQ_REMOVE(&round, conn, touched_link);
		conn->touched = false;
		if (jsonrpc_conn_serve(conn)) {
			jsonrpc_conn_touch(conn);
		}
	}
}

static void
handle_event(struct spdk_jsonrpc_server *server, const struct epoll_event *event)
{
	uint64_t count;

	if (event->data.ptr == &server->listen_fd) {
		accept_conns(server);
	} else if (event->data.ptr == server->mailbox) {
		if (read(server->mailbox->event_fd, &count, sizeof(count)) < 0) {
			return;
		}
	} else {
		jsonrpc_conn_event(event->data.ptr, event->events);
	}
}

static void
free_dead(struct spdk_jsonrpc_server *server)
{
	struct spdk_jsonrpc_server_conn *conn;

	while ((conn = TAILQ_FIRST(&server->dead)) != NULL) {
		TAILQ_REMOVE(&server->dead, conn, link);
		free(conn);
	}
}

/* Requests that handlers complete at once are answered in the same poll. */
static void
run_rounds(struct spdk_jsonrpc_server *server)
{
	for (int i = 0; i < ROUNDS_AT_ONCE && !server->closing; i++) {
		reply_completed(server, false);
		if (TAILQ_EMPTY(&server->touched)) {
			return;
		}
		serve_touched(server);
	}
	if (!TAILQ_EMPTY(&server->touched) || !jsonrpc_mailbox_is_empty(server->mailbox)) {
		jsonrpc_mailbox_wake(server->mailbox);
	}
}

static void
destroy_server(struct spdk_jsonrpc_server *server)
{
	struct spdk_jsonrpc_server_conn *conn;

	server->closing = true;
	/* What has been completed is still sent, as far as it goes without waiting. */
	reply_completed(server, true);
	while ((conn = TAILQ_FIRST(&server->conns)) != NULL) {
		jsonrpc_conn_send(conn);
		jsonrpc_conn_close(conn);
	}
	free_dead(server);
	free_server(server);
}

int
spdk_jsonrpc_server_poll(struct spdk_jsonrpc_server *server)
{
	struct epoll_event events[EVENTS_AT_ONCE];
	struct jsonrpc_mailbox *before;
	int count;

	/* A handler that polls its own server would be called from within itself. */
	if (server->polling) {
		return -EBUSY;
	}
	count = epoll_wait(server->epoll_fd, events, EVENTS_AT_ONCE, 0);
	if (count < 0) {
		return errno == EINTR ? 0 : -errno;
	}
	before = jsonrpc_mailbox_set_polling(server->mailbox);
	server->polling = true;
	for (int i = 0; i < count; i++) {
		handle_event(server, &events[i]);
	}
	run_rounds(server);
	free_dead(server);
	server->polling = false;
	jsonrpc_mailbox_set_polling(before);
	if (server->closing) {
		destroy_server(server);
	}
	return 0;
}

void
spdk_jsonrpc_server_shutdown(struct spdk_jsonrpc_server *server)
{
	if (server == NULL) {
		return;
	}
	/* From within a handler: the poll that called it finishes first. */
	if (server->polling) {
		server->closing = true;
	} else {
		destroy_server(server);
	}
}
