/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Received bytes. What arrives is laid into one buffer after another and looked at there. An idle connection waits with a
 * small buffer of its own; while data streams in, large ones from the buffer pools take many requests at a time, as far as
 * they are not needed for the data itself: connections that all wait for it with a large buffer would wait for ever.
 */

#include "export/nbd/nbd_internal.h"

#include "spdk/env.h"

#define LARGE_SIZE NBD_PIECE_SIZE
/* A buffer with less room at its end than this is not worth receiving into. */
#define MIN_ROOM 4096
#define BUFFER_ALIGNMENT 4096

int
nbd_rx_init(struct nbd_connection *conn)
{
	struct nbd_rx *rx = &conn->rx;

	rx->small.data = spdk_dma_malloc(NBD_RX_SMALL_SIZE, BUFFER_ALIGNMENT, NULL);
	if (rx->small.data == NULL) {
		return -ENOMEM;
	}
	rx->small.size = NBD_RX_SMALL_SIZE;
	rx->small.small = true;
	rx->small.refs = 1;
	rx->buf = &rx->small;
	return 0;
}

void
nbd_rx_fini(struct nbd_connection *conn)
{
	struct nbd_rx *rx = &conn->rx;

	if (rx->waiting) {
		spdk_iobuf_entry_abort(&conn->group->iobuf, &rx->wait, LARGE_SIZE);
		rx->waiting = false;
	}
	rx->starved = false;
	if (rx->buf != NULL) {
		nbd_rx_buf_put(conn, rx->buf);
		rx->buf = NULL;
	}
	spdk_dma_free(rx->small.data);
}

void
nbd_rx_buf_get(struct nbd_rx_buf *buf)
{
	buf->refs++;
}

void
nbd_rx_buf_put(struct nbd_connection *conn, struct nbd_rx_buf *buf)
{
	buf->refs--;
	if (spdk_unlikely(conn->rx.starved) && buf->refs <= (buf == conn->rx.buf ? 1 : 0)) {
		conn->rx.starved = false;
		nbd_connection_wake(conn);
	}
	if (buf->refs > 0 || buf->small) {
		return;
	}
	conn->group->num_rx_large--;
	spdk_iobuf_put(&conn->group->iobuf, buf->data, LARGE_SIZE);
	free(buf);
}

/* Makes buf the one that is received into; the bytes not consumed yet move along. */
static void
switch_to(struct nbd_connection *conn, struct nbd_rx_buf *buf)
{
	struct nbd_rx *rx = &conn->rx;
	uint32_t left = nbd_rx_available(rx);

	assert(left <= buf->size);
	memcpy(buf->data, rx->buf->data + rx->start, left);
	nbd_rx_buf_put(conn, rx->buf);
	rx->buf = buf;
	rx->start = 0;
	rx->end = left;
}

static int
switch_to_large(struct nbd_connection *conn, char *data)
{
	struct nbd_rx_buf *buf = calloc(1, sizeof(*buf));

	if (buf == NULL) {
		spdk_iobuf_put(&conn->group->iobuf, data, LARGE_SIZE);
		return -ENOMEM;
	}
	buf->data = data;
	buf->size = LARGE_SIZE;
	buf->refs = 1;
	conn->group->num_rx_large++;
	switch_to(conn, buf);
	return 0;
}

static void
large_arrived_cb(struct spdk_iobuf_entry *entry, void *data)
{
	struct nbd_connection *conn = SPDK_CONTAINEROF(entry, struct nbd_connection, rx.wait);

	conn->rx.waiting = false;
	if (switch_to_large(conn, data) != 0) {
		nbd_connection_cut(conn, "out of memory");
	}
	nbd_connection_wake(conn);
}

static bool
has_room(const struct nbd_rx *rx, uint32_t need)
{
	uint32_t wanted = nbd_rx_available(rx) > 0 ? need : spdk_max(need, MIN_ROOM);

	return rx->buf->size - rx->start >= wanted && rx->end < rx->buf->size;
}

static bool
use_small(struct nbd_connection *conn)
{
	struct nbd_rx *rx = &conn->rx;

	if (rx->small.refs > 0) {
		return false;
	}
	rx->small.refs = 1;
	switch_to(conn, &rx->small);
	return true;
}

static bool
use_large(struct nbd_connection *conn, char *data, uint32_t need)
{
	if (switch_to_large(conn, data) != 0 && !has_room(&conn->rx, need)) {
		nbd_connection_cut(conn, "out of memory");
		return false;
	}
	return true;
}

/* Has a buffer with room for need bytes that lie together; false: it will come later. */
static bool
prepare(struct nbd_connection *conn, uint32_t need)
{
	struct nbd_group *group = conn->group;
	struct nbd_rx *rx = &conn->rx;
	bool want_large = need > NBD_RX_SMALL_SIZE || rx->hot;
	char *data = NULL;

	assert(need <= LARGE_SIZE);
	if (rx->buf->refs == 1 && rx->start > 0 && (rx->start == rx->end || !has_room(rx, need))) {
		memmove(rx->buf->data, rx->buf->data + rx->start, nbd_rx_available(rx));
		rx->end -= rx->start;
		rx->start = 0;
	}
	if (has_room(rx, need) && (nbd_rx_available(rx) > 0 || rx->buf->small == !want_large)) {
		return true;
	}
	if (!want_large && (use_small(conn) || has_room(rx, need))) {
		return true;
	}
	if (group->num_rx_large < group->max_rx_large) {
		data = spdk_iobuf_get(&group->iobuf, LARGE_SIZE, NULL, NULL);
	}
	if (data != NULL) {
		return use_large(conn, data, need);
	}
	/* Short of buffers: what there is must do, if it can. */
	if (has_room(rx, need) || (need <= NBD_RX_SMALL_SIZE && use_small(conn))) {
		return true;
	}
	if (need <= NBD_RX_SMALL_SIZE) {
		/* All room there is holds what is being written: it ends without anything that others keep. */
		rx->starved = true;
		return false;
	}
	/* An option: the handshake has a deadline. */
	rx->waiting = true;
	data = spdk_iobuf_get(&group->iobuf, LARGE_SIZE, &rx->wait, large_arrived_cb);
	if (data != NULL) {
		rx->waiting = false;
		return use_large(conn, data, need);
	}
	return false;
}

void
nbd_rx_start(struct nbd_connection *conn, uint32_t need)
{
	struct nbd_rx *rx = &conn->rx;
	uint32_t room;
	int count = 0;

	if (conn->sock.receiving || rx->waiting || !prepare(conn, need)) {
		return;
	}
	if (rx->direct_left > 0) {
		rx->iov[count++] = (struct iovec){.iov_base = rx->direct, .iov_len = rx->direct_left};
	}
	room = rx->buf->size - rx->end;
	if (rx->header_only && nbd_rx_available(rx) < need) {
		room = spdk_min(room, need - nbd_rx_available(rx));
	}
	rx->iov[count++] = (struct iovec){.iov_base = rx->buf->data + rx->end, .iov_len = room};
	rx->asked = room;
	conn->group->socks->ops->receive(&conn->sock, rx->iov, count);
}

/* From now on the clock watches for the end of the stream. */
static void
heat(struct nbd_connection *conn)
{
	conn->rx.active = true;
	if (!conn->rx.hot) {
		conn->rx.hot = true;
		nbd_connection_set_clock(conn);
	}
}

void
nbd_rx_received_cb(struct nbd_sock *sock, ssize_t n)
{
	struct nbd_connection *conn = SPDK_CONTAINEROF(sock, struct nbd_connection, sock);
	struct nbd_rx *rx = &conn->rx;
	uint32_t direct;

	nbd_connection_wake(conn);
	if (n <= 0) {
		if (n == 0) {
			nbd_connection_drain(conn);
		} else if (n != -ECANCELED && n != -EINTR && n != -EAGAIN) {
			nbd_connection_cut(conn, strerror(-n));
		}
		return;
	}
	direct = spdk_min((uint32_t)n, rx->direct_left);
	rx->direct += direct;
	rx->direct_left -= direct;
	rx->end += n - direct;
	/* More than the small buffer holds, or data that goes elsewhere: there may be more where it came from. */
	if (direct > 0 || (n - direct == rx->asked && rx->asked >= MIN_ROOM)) {
		heat(conn);
	}
	rx->active = true;
	conn->moved = true;
}

void
nbd_rx_cool(struct nbd_connection *conn)
{
	struct nbd_rx *rx = &conn->rx;

	if (rx->active) {
		rx->active = false;
		return;
	}
	rx->hot = false;
	if (!rx->buf->small && nbd_rx_available(rx) == 0 && rx->direct_left == 0 && conn->sock.receiving) {
		/* It begins anew, with the small buffer. */
		conn->group->socks->ops->cancel_receive(&conn->sock);
	}
}
