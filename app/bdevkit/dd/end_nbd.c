/* SPDX-License-Identifier: BSD-3-Clause */

/* Exports of NBD servers as ends of a copy, through libnbd. */

#include "app/bdevkit/dd/end.h"

#include "spdk/string.h"
#include "spdk/thread.h"
#include "spdk/util.h"

#include "bdevkit/thread.h"

#include <libnbd.h>
#include <poll.h>
#include <sys/epoll.h>

#define CONTEXT "base:allocation"
/* Milliseconds for a server to greet. */
#define CONNECT_TIMEOUT 20000
/* Servers must take as much; more only if they say so. */
#define DEFAULT_MAX_IO (32ull * 1024 * 1024)
/* Of one BLOCK_STATUS, and of zeroes: lengths have 32 bits. */
#define MAX_RANGE (2048ull * 1024 * 1024)
#define MAX_CONNECTIONS 16

struct connection {
	struct dd_end *end;
	struct nbd_handle *nbd;
	/* Holds the socket, and is readable when that is as libnbd wants it: what the reactor waits for does not change. */
	int epoll_fd;
	uint32_t events;
	struct spdk_poller *poller;
	uint32_t outstanding;
};

/* What the server has said of the places behind the last one that was asked for. */
struct extent {
	uint64_t end;
	bool zero;
};

struct nbd_end {
	struct connection connections[MAX_CONNECTIONS];
	uint32_t count;
	/* libnbd must not be called where it tells that they have ended. */
	STAILQ_HEAD(, dd_io) ended;
	struct extent *extents;
	size_t num_extents, max_extents;
	uint64_t extents_begin;
	bool has_extents;
	bool can_zero, can_flush, can_fua;
	void *zeroes;
};

#define ZERO_BUFFER (1024 * 1024)

/* ---- connect ---- */

static int
libnbd_errno(void)
{
	int error = nbd_get_errno();

	return error != 0 ? -error : -EIO;
}

static bool
is_connecting(struct nbd_handle *nbd)
{
	return nbd_aio_is_connecting(nbd) > 0 || nbd_aio_is_negotiating(nbd) > 0;
}

static int
wait_for_server(struct nbd_handle *nbd)
{
	struct timespec begin, now;
	long passed = 0;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	while (is_connecting(nbd)) {
		if (nbd_poll(nbd, (int)(CONNECT_TIMEOUT - passed)) < 0) {
			return libnbd_errno();
		}
		clock_gettime(CLOCK_MONOTONIC, &now);
		passed = (now.tv_sec - begin.tv_sec) * 1000 + (now.tv_nsec - begin.tv_nsec) / 1000000;
		if (passed >= CONNECT_TIMEOUT && is_connecting(nbd)) {
			return -ETIMEDOUT;
		}
	}
	return nbd_aio_is_ready(nbd) > 0 ? 0 : -ECONNRESET;
}

static int
connect_to(struct connection *connection, const char *uri, char *why, size_t why_size)
{
	int rc;

	connection->nbd = nbd_create();
	if (connection->nbd == NULL) {
		return -ENOMEM;
	}
	if (nbd_add_meta_context(connection->nbd, CONTEXT) < 0 || nbd_aio_connect_uri(connection->nbd, uri) < 0) {
		rc = libnbd_errno();
	} else {
		rc = wait_for_server(connection->nbd);
	}
	if (rc == -ETIMEDOUT) {
		snprintf(why, why_size, "the server does not greet within %d s", CONNECT_TIMEOUT / 1000);
	} else if (rc != 0) {
		snprintf(why, why_size, "%s", nbd_get_error() != NULL ? nbd_get_error() : "the server has hung up");
	}
	return rc;
}

static int poll_connection(void *arg);

/* Says what libnbd waits for. */
static int
want_events(struct connection *connection)
{
	unsigned direction = nbd_aio_get_direction(connection->nbd);
	struct epoll_event event = {};
	int fd = nbd_aio_get_fd(connection->nbd);

	event.events = (direction & LIBNBD_AIO_DIRECTION_READ ? EPOLLIN : 0) |
		(direction & LIBNBD_AIO_DIRECTION_WRITE ? EPOLLOUT : 0);
	if (fd < 0 || event.events == connection->events) {
		return 0;
	}
	if (epoll_ctl(connection->epoll_fd, connection->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event) != 0) {
		return -errno;
	}
	connection->events = event.events;
	return 0;
}

static int
attach(struct dd_end *end, struct connection *connection)
{
	int rc;

	connection->end = end;
	connection->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (connection->epoll_fd < 0) {
		return -errno;
	}
	connection->poller = SPDK_POLLER_REGISTER(poll_connection, connection, 0);
	if (connection->poller == NULL) {
		return -ENOMEM;
	}
	rc = want_events(connection);
	return rc == 0 ? bdk_poller_set_wakeup_fd(connection->poller, connection->epoll_fd) : rc;
}

static uint64_t
server_size(struct nbd_handle *nbd, int type, uint64_t otherwise)
{
	int64_t size = nbd_get_block_size(nbd, type);

	return size > 0 ? (uint64_t)size : otherwise;
}

static int
describe(struct dd_end *end, struct nbd_end *state, char *why, size_t why_size)
{
	struct nbd_handle *nbd = state->connections[0].nbd;
	int64_t size = nbd_get_size(nbd);
	char *uri = nbd_get_uri(nbd), *name = nbd_get_canonical_export_name(nbd);
	int rc;

	if (uri == NULL) {
		nbd_get_error();
	}
	rc = dd_end_add_identity(end, "nbd %s %s", uri != NULL ? uri : end->name, name != NULL ? name : "");
	free(uri);
	free(name);
	if (size < 0) {
		return libnbd_errno();
	}
	if (end->write && nbd_is_read_only(nbd) != 0) {
		snprintf(why, why_size, "the server lets nobody write it");
		return -EROFS;
	}
	end->size = (uint64_t)size;
	end->block_size = (uint32_t)server_size(nbd, LIBNBD_SIZE_MINIMUM, 1);
	end->max_io = server_size(nbd, LIBNBD_SIZE_MAXIMUM, DEFAULT_MAX_IO);
	state->has_extents = nbd_can_meta_context(nbd, CONTEXT) > 0;
	state->can_zero = nbd_can_zero(nbd) > 0;
	state->can_flush = nbd_can_flush(nbd) > 0;
	state->can_fua = nbd_can_fua(nbd) > 0;
	return rc;
}

static int
end_nbd_open(struct dd_end *end, char *why, size_t why_size)
{
	struct nbd_end *state = calloc(1, sizeof(*state));
	uint32_t wanted = spdk_min(end->options.connections, MAX_CONNECTIONS);
	int rc = 0;

	if (state == NULL) {
		return -ENOMEM;
	}
	end->state = state;
	STAILQ_INIT(&state->ended);
	for (uint32_t i = 0; i < MAX_CONNECTIONS; i++) {
		state->connections[i].epoll_fd = -1;
	}
	while (rc == 0 && state->count < spdk_max(wanted, 1)) {
		rc = connect_to(&state->connections[state->count++], end->name, why, why_size);
		/* Without that promise what one connection has written another one need not make safe. */
		if (rc == 0 && nbd_can_multi_conn(state->connections[0].nbd) <= 0) {
			wanted = 1;
		}
	}
	for (uint32_t i = 0; i < state->count && rc == 0; i++) {
		rc = attach(end, &state->connections[i]);
	}
	if (rc == 0) {
		rc = describe(end, state, why, why_size);
	}
	if (rc == 0 && end->write && !state->can_zero) {
		state->zeroes = calloc(1, ZERO_BUFFER);
		rc = state->zeroes == NULL ? -ENOMEM : 0;
	}
	return rc;
}

static int
end_nbd_prepare(struct dd_end *end, uint64_t keep, uint64_t size)
{
	return 0;
}

static int
end_nbd_close(struct dd_end *end, bool done)
{
	struct nbd_end *state = end->state;

	for (uint32_t i = 0; i < state->count; i++) {
		struct connection *connection = &state->connections[i];

		spdk_poller_unregister(&connection->poller);
		if (connection->nbd != NULL) {
			if (nbd_aio_is_ready(connection->nbd) > 0) {
				nbd_shutdown(connection->nbd, 0);
			}
			nbd_close(connection->nbd);
		}
		if (connection->epoll_fd >= 0) {
			close(connection->epoll_fd);
		}
	}
	free(state->extents);
	free(state->zeroes);
	free(state);
	return 0;
}

/* ---- I/O ---- */

static void end_nbd_submit(struct dd_end *end, struct dd_io *io);

/* libnbd tells the end of a command. */
static int
ended_cb(void *ctx, int *error)
{
	struct dd_io *io = ctx;
	struct nbd_end *state = io->end->state;

	io->rc = -*error;
	STAILQ_INSERT_TAIL(&state->ended, io, link);
	return 1;
}

static bool
is_more(struct dd_io *io)
{
	struct nbd_end *state = io->end->state;

	if (io->op != DD_ZERO || state->can_zero || io->rc != 0) {
		return false;
	}
	io->moved += spdk_min(io->length - io->moved, ZERO_BUFFER);
	return io->moved < io->length;
}

/* The first of the extents that are known, together with those behind it that are alike. */
static bool
take_extent(struct dd_end *end, struct dd_io *io)
{
	struct nbd_end *state = end->state;
	uint64_t begin = state->extents_begin, stop = 0;
	bool zero = false;

	for (size_t i = 0; i < state->num_extents; begin = state->extents[i].end, i++) {
		if (stop != 0 && state->extents[i].zero != zero) {
			break;
		}
		if (stop != 0 || (io->offset >= begin && io->offset < state->extents[i].end)) {
			zero = state->extents[i].zero;
			stop = state->extents[i].end;
		}
	}
	if (stop == 0) {
		return false;
	}
	io->extent_zero = zero;
	io->extent_length = spdk_min(stop - io->offset, io->length);
	return true;
}

static void
end_io(struct dd_io *io)
{
	struct dd_end *end = io->end;

	if (io->rc == 0 && is_more(io)) {
		end_nbd_submit(end, io);
		return;
	}
	if (io->op == DD_EXTENT) {
		/* A server that cannot tell at the moment leaves all to be read. */
		if (end->gone || io->rc == -ENOTCONN) {
			io->fn(io, io->rc);
			return;
		}
		if (io->rc != 0 || !take_extent(end, io)) {
			io->extent_zero = false;
			io->extent_length = io->length;
		}
		io->rc = 0;
	}
	io->fn(io, io->rc);
}

static bool
is_dead(struct nbd_handle *nbd)
{
	return nbd_aio_is_dead(nbd) > 0 || nbd_aio_is_closed(nbd) > 0;
}

/* Does what the socket lets it do. Returns whether there was anything. */
static bool
turn(struct connection *connection)
{
	struct pollfd fd = {.fd = nbd_aio_get_fd(connection->nbd)};
	unsigned direction = nbd_aio_get_direction(connection->nbd);

	fd.events = (direction & LIBNBD_AIO_DIRECTION_READ ? POLLIN : 0) |
		(direction & LIBNBD_AIO_DIRECTION_WRITE ? POLLOUT : 0);
	if (fd.fd < 0 || poll(&fd, 1, 0) <= 0) {
		return false;
	}
	if ((direction & LIBNBD_AIO_DIRECTION_READ) && (fd.revents & (POLLIN | POLLHUP | POLLERR))) {
		nbd_aio_notify_read(connection->nbd);
	} else {
		nbd_aio_notify_write(connection->nbd);
	}
	return true;
}

static int
poll_connection(void *arg)
{
	struct connection *connection = arg;
	struct dd_end *end = connection->end;
	struct nbd_end *state = end->state;
	struct dd_io *io;
	bool busy = false;

	if (!is_dead(connection->nbd)) {
		busy = turn(connection);
	}
	if (is_dead(connection->nbd)) {
		end->gone = true;
	} else {
		want_events(connection);
	}
	while ((io = STAILQ_FIRST(&state->ended)) != NULL) {
		STAILQ_REMOVE_HEAD(&state->ended, link);
		busy = true;
		end_io(io);
	}
	return busy ? SPDK_POLLER_BUSY : SPDK_POLLER_IDLE;
}

static int
extent_cb(void *ctx, const char *context, uint64_t offset, uint32_t *entries, size_t count, int *error)
{
	struct dd_io *io = ctx;
	struct nbd_end *state = io->end->state;
	uint64_t end = offset;

	if (strcmp(context, CONTEXT) != 0) {
		return 0;
	}
	if (state->max_extents < count / 2) {
		free(state->extents);
		state->extents = calloc(count / 2, sizeof(*state->extents));
		state->max_extents = state->extents != NULL ? count / 2 : 0;
	}
	state->extents_begin = offset;
	state->num_extents = spdk_min(state->max_extents, count / 2);
	for (size_t i = 0; i < state->num_extents; i++) {
		end += entries[2 * i];
		state->extents[i] = (struct extent){.end = end, .zero = entries[2 * i + 1] & LIBNBD_STATE_ZERO};
	}
	return 0;
}

static int64_t
ask_extents(struct nbd_handle *nbd, struct dd_io *io, nbd_completion_callback ended)
{
	struct dd_end *end = io->end;
	uint64_t length = spdk_min(io->length, MAX_RANGE);

	/* The last block may be longer than what is asked for. */
	length = spdk_min(dd_round_up(length, end->block_size), end->size - io->offset);
	return nbd_aio_block_status(
		nbd, length, io->offset, (nbd_extent_callback){.callback = extent_cb, .user_data = io}, ended, 0);
}

/* Returns a cookie, or -1 and libnbd says why. */
static int64_t
start(struct connection *connection, struct dd_io *io)
{
	nbd_completion_callback ended = {.callback = ended_cb, .user_data = io};
	struct nbd_end *state = io->end->state;
	struct nbd_handle *nbd = connection->nbd;
	uint32_t flags = io->end->options.sync && state->can_fua ? LIBNBD_CMD_FLAG_FUA : 0;

	switch (io->op) {
	case DD_READ:
		return nbd_aio_pread(nbd, io->buf, dd_round_up(io->length, io->end->block_size), io->offset, ended, 0);
	case DD_WRITE:
		return nbd_aio_pwrite(nbd, io->buf, io->length, io->offset, ended, flags);
	case DD_ZERO:
		if (!state->can_zero) {
			return nbd_aio_pwrite(nbd, state->zeroes, spdk_min(io->length - io->moved, ZERO_BUFFER),
				io->offset + io->moved, ended, flags);
		}
		return nbd_aio_zero(nbd, io->length, io->offset, ended, flags);
	case DD_FLUSH:
		return nbd_aio_flush(nbd, ended, 0);
	case DD_EXTENT:
		return ask_extents(nbd, io, ended);
	}
	return -1;
}

/* The one with the least to do. */
static struct connection *
choose(struct nbd_end *state)
{
	struct connection *best = &state->connections[0];

	for (uint32_t i = 1; i < state->count; i++) {
		if (nbd_aio_in_flight(state->connections[i].nbd) < nbd_aio_in_flight(best->nbd)) {
			best = &state->connections[i];
		}
	}
	return best;
}

static void
end_nbd_submit(struct dd_end *end, struct dd_io *io)
{
	struct nbd_end *state = end->state;
	struct connection *connection = choose(state);

	if (end->gone) {
		dd_io_end_later(io, -ENOTCONN);
		return;
	}
	if ((io->op == DD_FLUSH && !state->can_flush)) {
		dd_io_end_later(io, 0);
		return;
	}
	if (io->op == DD_EXTENT && (take_extent(end, io) || !state->has_extents)) {
		if (!state->has_extents) {
			io->extent_zero = false;
			io->extent_length = io->length;
		}
		dd_io_end_later(io, 0);
		return;
	}
	if (start(connection, io) < 0) {
		if (is_dead(connection->nbd)) {
			end->gone = true;
		}
		dd_io_end_later(io, end->gone ? -ENOTCONN : libnbd_errno());
		return;
	}
	want_events(connection);
}

const struct dd_end_ops g_dd_nbd_ops = {
	.open = end_nbd_open,
	.prepare = end_nbd_prepare,
	.submit = end_nbd_submit,
	.close = end_nbd_close,
};
