/* SPDX-License-Identifier: BSD-3-Clause */

/* The life of a connection: a state machine over the bytes that arrive, and its end. */

#include "export/nbd/nbd_internal.h"

#include "bdevkit/thread.h"
#include "spdk/env.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

/* Steps of a connection before the next one has its turn. */
#define MAX_STEPS 128

static enum nbd_progress
run_end(struct nbd_connection *conn)
{
	(void)conn;
	return NBD_PROGRESS_WAIT;
}

static uint32_t
get_option_need(const struct nbd_connection *conn)
{
	return conn->option.length;
}

static const struct nbd_state_handler g_states[NBD_NUM_CONN_STATES] = {
	[NBD_CONN_CLIENT_FLAGS] = {"client flags", .need = sizeof(uint32_t), .run = nbd_handshake_client_flags},
	[NBD_CONN_OPTION_HEADER] = {"option", .need = sizeof(struct nbd_option_header),
		.run = nbd_handshake_option_header},
	[NBD_CONN_OPTION_DATA] = {"option data", .get_need = get_option_need, .run = nbd_handshake_option_data},
	[NBD_CONN_OPTION_SKIP] = {"option to be skipped", .need = 1, .run = nbd_handshake_option_skip},
	[NBD_CONN_OPTION_ANSWER] = {"answer to an option", .need = 0, .run = nbd_handshake_option_answer},
	[NBD_CONN_REQUEST] = {"request", .need = sizeof(struct nbd_request_header), .run = nbd_transmission_request},
	[NBD_CONN_READ] = {"room for a read", .need = 0, .run = nbd_transmission_read},
	[NBD_CONN_WRITE] = {"room for a write", .need = 0, .run = nbd_transmission_write},
	[NBD_CONN_WRITE_IN_PLACE] = {"payload", .get_need = nbd_transmission_in_place_need,
		.run = nbd_transmission_write_in_place},
	/* Its bytes do not go to the buffer: see conn->rx.direct. */
	[NBD_CONN_WRITE_DIRECT] = {"payload", .need = 0, .run = nbd_transmission_write_direct},
	[NBD_CONN_SKIP] = {"payload to be skipped", .need = 1, .run = nbd_transmission_skip},
	[NBD_CONN_END] = {"end", .need = 0, .run = run_end},
};

/* ---- the clock ---- */

void
nbd_connection_set_clock(struct nbd_connection *conn)
{
	bool wanted = conn->deadline != 0 || conn->hurry_at != 0 || conn->rx.hot;

	if (wanted == conn->on_clock) {
		return;
	}
	conn->on_clock = wanted;
	if (wanted) {
		conn->group->on_clock++;
		nbd_group_start_clock(conn->group);
	} else {
		conn->group->on_clock--;
	}
}

/* In so many seconds; the present one has begun. */
static uint64_t
in_seconds(const struct nbd_connection *conn, uint32_t seconds)
{
	return conn->group->seconds + seconds + 1;
}

void
nbd_connection_set_deadline(struct nbd_connection *conn, uint32_t seconds)
{
	conn->deadline = seconds == 0 ? 0 : in_seconds(conn, seconds);
	nbd_connection_set_clock(conn);
}

/* Buffers have been short for a while, and all the time this client has kept some that others could use. */
static bool
holds_up_others(struct nbd_connection *conn)
{
	struct nbd_group *group = conn->group;
	bool keeps = conn->sock.sending || conn->rx.direct_left > 0;
	bool is_short = group->window_used > group->window_max || bdk_iobuf_has_waiters();

	conn->stalled = conn->moved || !keeps || !is_short ? 0 : conn->stalled + 1;
	conn->moved = false;
	return conn->stalled >= NBD_STALL_SEC;
}

/*
 * A bdev that is being removed, or is to be, does not end its requests: it is slow, or a rate limit holds them back, for
 * minutes perhaps. Where only the export ends, others may use the bdev, and it takes its time.
 */
static bool
is_held_up(const struct nbd_connection *conn)
{
	return conn->hurry_at != 0 && conn->group->seconds >= conn->hurry_at && conn->channel != NULL &&
		conn->num_requests > 0 && !conn->sock.sending && STAILQ_EMPTY(&conn->tx.queue) &&
		(__atomic_load_n(&conn->export->removed, __ATOMIC_RELAXED) ||
			__atomic_load_n(&g_nbd_server.state, __ATOMIC_RELAXED) == NBD_SERVER_STOPPING);
}

static void
hurry(struct nbd_connection *conn)
{
	if (!nbd_io_reset(conn)) {
		return;
	}
	SPDK_NOTICELOG("connection %" PRIu64 " (%s) has %" PRIu32 " requests that bdev %s does not end: it is reset\n",
		conn->id, conn->peer, conn->num_requests, conn->export->bdev_name);
	conn->hurry_at = in_seconds(conn, NBD_LINGER_SEC);
	if (conn->request != NULL) {
		/* More of it would follow. */
		nbd_connection_cut(conn, "its bdev is to go");
	}
}

void
nbd_connection_tick(struct nbd_connection *conn)
{
	if (holds_up_others(conn)) {
		nbd_connection_cut(conn, "it stands still with buffers that others need");
		return;
	}
	if (!conn->on_clock) {
		return;
	}
	if (is_held_up(conn)) {
		hurry(conn);
	}
	if (conn->ending == NBD_ENDING_DRAIN && STAILQ_EMPTY(&conn->tx.queue) && conn->num_requests > 0) {
		/* It is the device that takes its time. */
		nbd_connection_set_deadline(conn, NBD_LINGER_SEC);
	} else if (conn->deadline != 0 && conn->group->seconds >= conn->deadline) {
		conn->deadline = 0;
		nbd_connection_cut(
			conn, conn->export == NULL ? "the handshake took too long" : "replies were not taken");
	} else if (conn->rx.hot) {
		nbd_rx_cool(conn);
	}
	nbd_connection_set_clock(conn);
}

/* ---- the way through the states ---- */

const void *
nbd_connection_consume(struct nbd_connection *conn, uint32_t length)
{
	const char *data = conn->rx.buf->data + conn->rx.start;

	assert(length <= nbd_rx_available(&conn->rx));
	conn->rx.start += length;
	return data;
}

/* Bytes that are missing for the next step; what to receive in any case is a header. */
static bool
wait_for_bytes(struct nbd_connection *conn, uint32_t need)
{
	if (conn->rx.direct_left == 0 && nbd_rx_available(&conn->rx) >= need) {
		return false;
	}
	if (conn->ending == NBD_ENDING_NOT) {
		nbd_rx_start(conn, spdk_max(need, sizeof(struct nbd_request_header)));
	} else if (!conn->sock.receiving) {
		/* Nothing more will come. */
		nbd_transmission_abandon(conn);
		conn->state = NBD_CONN_END;
	}
	return true;
}

static void
advance(struct nbd_connection *conn)
{
	for (uint32_t steps = 0; steps < MAX_STEPS; steps++) {
		const struct nbd_state_handler *handler = &g_states[conn->state];

		if (wait_for_bytes(conn, handler->get_need != NULL ? handler->get_need(conn) : handler->need)) {
			return;
		}
		if (handler->run(conn) == NBD_PROGRESS_WAIT || conn->ending == NBD_ENDING_CUT) {
			return;
		}
	}
	nbd_connection_wake(conn);
}

/* ---- the end ---- */

static bool
is_finished(const struct nbd_connection *conn)
{
	return conn->num_requests == 0 && (conn->query == NULL || conn->query->answered) && !conn->sock.sending &&
		STAILQ_EMPTY(&conn->tx.queue);
}

static void
connection_gone(void *arg)
{
	g_nbd_server.num_connections--;
	nbd_server_check_stopped();
}

static void
destroy(struct nbd_connection *conn)
{
	struct nbd_group *group = conn->group;

	conn->deadline = 0;
	conn->hurry_at = 0;
	conn->rx.hot = false;
	nbd_connection_set_clock(conn);
	if (conn->active) {
		TAILQ_REMOVE(&group->active, conn, active_link);
	}
	TAILQ_REMOVE(&group->connections, conn, link);
	group->socks->ops->close(&conn->sock);
	nbd_rx_fini(conn);
	nbd_handshake_fini(conn);
	if (conn->channel != NULL) {
		spdk_put_io_channel(conn->channel);
	}
	if (conn->export != NULL) {
		nbd_export_detach(conn->export);
	}
	SPDK_INFOLOG(nbd, "connection %" PRIu64 " has ended\n", conn->id);
	free(conn);
	spdk_thread_send_msg(g_nbd_server.thread, connection_gone, NULL);
}

void
nbd_connection_drain(struct nbd_connection *conn)
{
	if (conn->ending != NBD_ENDING_NOT) {
		return;
	}
	conn->ending = NBD_ENDING_DRAIN;
	if (conn->sock.receiving) {
		conn->group->socks->ops->cancel_receive(&conn->sock);
	}
	/* Replies that nobody takes do not hold the connection, nor a bdev that is being removed. */
	nbd_connection_set_deadline(conn, NBD_LINGER_SEC);
	nbd_connection_wake(conn);
}

void
nbd_connection_cut(struct nbd_connection *conn, const char *why)
{
	if (conn->ending == NBD_ENDING_CUT) {
		return;
	}
	if (why != NULL) {
		SPDK_WARNLOG("connection %" PRIu64 " (%s) is closed while waiting for %s: %s\n", conn->id, conn->peer,
			g_states[conn->state].name, why);
	}
	conn->ending = NBD_ENDING_CUT;
	/* Ends what is in flight on the socket. */
	shutdown(conn->sock.fd, SHUT_RDWR);
	nbd_connection_set_deadline(conn, 0);
	nbd_connection_wake(conn);
}

void
nbd_connection_end_export(struct nbd_connection *conn)
{
	conn->shutdown = true;
	if (conn->hurry_at == 0) {
		conn->hurry_at = in_seconds(conn, NBD_LINGER_SEC);
		nbd_connection_set_clock(conn);
	}
	nbd_connection_drain(conn);
}

void
nbd_connection_run(struct nbd_connection *conn)
{
	if (conn->ending != NBD_ENDING_CUT) {
		advance(conn);
	}
	if (conn->ending != NBD_ENDING_CUT) {
		nbd_tx_start(conn);
	}
	if (conn->ending == NBD_ENDING_DRAIN && conn->state == NBD_CONN_END && is_finished(conn)) {
		nbd_connection_cut(conn, NULL);
	}
	if (conn->ending == NBD_ENDING_CUT && !conn->sock.sending && !conn->sock.receiving) {
		nbd_transmission_abandon(conn);
		nbd_tx_drop(conn);
		if (is_finished(conn)) {
			destroy(conn);
		}
	}
}

/* ---- the start ---- */

static void
set_socket_options(int fd)
{
	int on = 1;
	/* Room for the replies to a full queue of small reads; the system may grant less. */
	int size = 1 << 20;

	/* Fails on a Unix socket, where there is nothing to set. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

void
nbd_connection_start(void *arg)
{
	struct nbd_connection_args *args = arg;
	struct nbd_group *group = args->group;
	struct nbd_connection *conn = calloc(1, sizeof(*conn));
	int rc = -ENOMEM;

	if (conn != NULL) {
		set_socket_options(args->fd);
		conn->group = group;
		conn->id = args->id;
		conn->sock.fd = args->fd;
		conn->sock.received_cb = nbd_rx_received_cb;
		conn->sock.sent_cb = nbd_tx_sent_cb;
		STAILQ_INIT(&conn->tx.queue);
		snprintf(conn->listener, sizeof(conn->listener), "%s", args->listener);
		snprintf(conn->peer, sizeof(conn->peer), "%s", args->peer);
		rc = nbd_rx_init(conn);
	}
	if (rc == 0) {
		rc = group->socks->ops->add(group->socks, &conn->sock);
		if (rc != 0) {
			nbd_rx_fini(conn);
		}
	}
	if (rc != 0) {
		SPDK_ERRLOG("connection %" PRIu64 " (%s) cannot be served: %s\n", args->id, args->peer, strerror(-rc));
		close(args->fd);
		free(conn);
		spdk_thread_send_msg(g_nbd_server.thread, connection_gone, NULL);
	} else {
		TAILQ_INSERT_TAIL(&group->connections, conn, link);
		nbd_connection_set_deadline(conn, args->handshake_timeout_sec);
		nbd_handshake_greet(conn);
		nbd_connection_wake(conn);
	}
	free(args);
}
