/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The transmission phase as it is read from the socket: requests, one after another, cut into pieces; the payload of
 * writes. What is not to be had at once (a buffer, room in the window) is waited for without reading on, so that a client
 * can never make the server hold more than its window.
 */

#include "export/nbd/nbd_internal.h"

#include <endian.h>

/* Payload up to this size may be written from where it was received, if the device does not mind the alignment. */
#define IN_PLACE_MAX (32U << 10)
/* From this size on a second system call is cheaper than a copy, if it does. */
#define ALIGNED_DIRECT_MIN (8U << 10)

/* ---- REQUEST ---- */

static void
refuse(struct nbd_request *request, enum nbd_error error, const char *why)
{
	struct nbd_connection *conn = request->conn;

	SPDK_INFOLOG(nbd, "connection %" PRIu64 ": %s %" PRIu64 "+%" PRIu32 " (flags 0x%x) refused: %s\n", conn->id,
		nbd_request_name(request->type), request->offset, request->length, request->flags, why);
	request->error = error;
	request->why = why;
	if (request->type == NBD_CMD_WRITE) {
		conn->skip_left = request->length;
		conn->state = NBD_CONN_SKIP;
	}
	/* Nothing of it will be carried out. */
	request->planned = request->length;
	nbd_reply_status(request);
}

static void
begin(struct nbd_request *request)
{
	struct nbd_connection *conn = request->conn;

	conn->rx.header_only = false;
	switch (request->type) {
	case NBD_CMD_READ:
	case NBD_CMD_CACHE:
		conn->request = request;
		conn->state = NBD_CONN_READ;
		break;
	case NBD_CMD_WRITE:
		conn->request = request;
		conn->state = NBD_CONN_WRITE;
		conn->rx.header_only =
			request->length > (conn->export->buf_align > 1 ? ALIGNED_DIRECT_MIN : IN_PLACE_MAX);
		break;
	case NBD_CMD_BLOCK_STATUS:
		nbd_block_status_run(request);
		break;
	default:
		nbd_io_run(request);
		break;
	}
}

static void
take_request(struct nbd_connection *conn, struct nbd_request_header *header)
{
	memcpy(header, nbd_connection_consume(conn, sizeof(*header)), sizeof(*header));
	header->magic = be32toh(header->magic);
	header->flags = be16toh(header->flags);
	header->type = be16toh(header->type);
	/* The cookie is the client's own and goes back as it came. */
	header->offset = be64toh(header->offset);
	header->length = be32toh(header->length);
}

enum nbd_progress
nbd_transmission_request(struct nbd_connection *conn)
{
	struct nbd_request_header header;
	struct nbd_request *request;
	const char *why = NULL;
	enum nbd_error error;

	if (conn->num_requests >= NBD_MAX_REQUESTS) {
		return NBD_PROGRESS_WAIT;
	}
	take_request(conn, &header);
	if (header.magic != NBD_REQUEST_MAGIC) {
		nbd_connection_cut(conn, "wrong magic number");
		return NBD_PROGRESS_WAIT;
	}
	if (header.type == NBD_CMD_DISC) {
		conn->state = NBD_CONN_END;
		nbd_connection_drain(conn);
		return NBD_PROGRESS_WAIT;
	}
	error = conn->shutdown
		? NBD_ESHUTDOWN
		: nbd_request_check(&header, &conn->export->limits, conn->structured, conn->has_context, &why);
	request = nbd_request_get(conn, &header);
	if (request == NULL) {
		nbd_connection_cut(conn, "out of memory");
		return NBD_PROGRESS_WAIT;
	}
	if (error != NBD_SUCCESS) {
		refuse(request, error, why != NULL ? why : "the export has ended");
	} else {
		begin(request);
	}
	return NBD_PROGRESS_NEXT;
}

/* ---- pieces ---- */

/* The next piece of conn->request, NULL if it has to wait or the connection was cut. */
static struct nbd_piece *
plan_piece(struct nbd_connection *conn)
{
	struct nbd_request *request = conn->request;
	uint64_t offset = request->offset + request->planned;
	uint32_t length = nbd_piece_length(conn->export, offset, request->length - request->planned);
	struct nbd_group *group = conn->group;
	struct nbd_piece *piece;

	if (conn->window_used > 0 && conn->window_used + length > NBD_WINDOW) {
		return NULL;
	}
	if (group->window_used > group->window_max && conn->window_used > 0) {
		return NULL;
	}
	/* It looks out for clients that hold buffers and do nothing. */
	nbd_group_start_clock(group);
	piece = nbd_piece_get(request);
	if (piece == NULL) {
		nbd_connection_cut(conn, "out of memory");
		return NULL;
	}
	piece->offset = offset;
	piece->length = length;
	piece->in_window = true;
	conn->window_used += length;
	group->window_used += length;
	request->planned += length;
	return piece;
}

/* ---- READ ---- */

enum nbd_progress
nbd_transmission_read(struct nbd_connection *conn)
{
	struct nbd_request *request = conn->request;
	struct nbd_piece *piece;

	if (request->error != NBD_SUCCESS && nbd_reply_is_whole(request)) {
		/* It has failed as a whole. */
		nbd_transmission_abandon(conn);
		return NBD_PROGRESS_NEXT;
	}
	piece = plan_piece(conn);
	if (piece == NULL) {
		return NBD_PROGRESS_WAIT;
	}
	/* All planned: who finishes the last piece, perhaps below, ends the request. */
	if (request->planned == request->length) {
		conn->request = NULL;
		conn->state = NBD_CONN_REQUEST;
	}
	if (nbd_reply_is_whole(request) && request->type == NBD_CMD_READ) {
		STAILQ_INSERT_TAIL(&request->ordered, piece, link);
	}
	nbd_io_read(piece);
	return NBD_PROGRESS_NEXT;
}

/* ---- WRITE ---- */

uint32_t
nbd_transmission_in_place_need(const struct nbd_connection *conn)
{
	return conn->piece->length;
}

static bool
can_write_in_place(const struct nbd_connection *conn, const struct nbd_piece *piece)
{
	const struct nbd_rx *rx = &conn->rx;

	return piece->length <= IN_PLACE_MAX && rx->start + piece->length <= rx->buf->size &&
		((uintptr_t)(rx->buf->data + rx->start) & (conn->export->buf_align - 1)) == 0;
}

static void
piece_buffer_arrived_cb(struct spdk_iobuf_entry *entry, void *data)
{
	struct nbd_connection *conn = SPDK_CONTAINEROF(entry, struct nbd_connection, piece_wait);

	conn->piece_waiting = false;
	conn->piece->buf = data;
	nbd_connection_wake(conn);
}

/* What has arrived already is copied, the rest is received into place. */
static void
receive_direct(struct nbd_connection *conn, struct nbd_piece *piece)
{
	uint32_t here = spdk_min(nbd_rx_available(&conn->rx), piece->length);

	piece->data = piece->buf;
	memcpy(piece->data, nbd_connection_consume(conn, here), here);
	conn->rx.direct = piece->data + here;
	conn->rx.direct_left = piece->length - here;
	conn->state = NBD_CONN_WRITE_DIRECT;
}

enum nbd_progress
nbd_transmission_write(struct nbd_connection *conn)
{
	if (conn->piece == NULL) {
		conn->piece = plan_piece(conn);
		if (conn->piece == NULL) {
			return NBD_PROGRESS_WAIT;
		}
		if (can_write_in_place(conn, conn->piece)) {
			conn->state = NBD_CONN_WRITE_IN_PLACE;
			return NBD_PROGRESS_NEXT;
		}
		conn->piece->buf = spdk_iobuf_get(
			&conn->group->iobuf, conn->piece->length, &conn->piece_wait, piece_buffer_arrived_cb);
		conn->piece_waiting = conn->piece->buf == NULL;
	}
	if (conn->piece_waiting) {
		return NBD_PROGRESS_WAIT;
	}
	receive_direct(conn, conn->piece);
	return NBD_PROGRESS_NEXT;
}

/* The payload of conn->piece is complete. */
static void
submit_piece(struct nbd_connection *conn)
{
	struct nbd_request *request = conn->request;
	struct nbd_piece *piece = conn->piece;

	conn->piece = NULL;
	conn->state = NBD_CONN_WRITE;
	if (request->planned == request->length) {
		conn->request = NULL;
		conn->state = NBD_CONN_REQUEST;
	}
	nbd_io_write(piece);
}

enum nbd_progress
nbd_transmission_write_in_place(struct nbd_connection *conn)
{
	struct nbd_piece *piece = conn->piece;

	piece->data = (char *)nbd_connection_consume(conn, piece->length);
	piece->rx_buf = conn->rx.buf;
	nbd_rx_buf_get(piece->rx_buf);
	submit_piece(conn);
	return NBD_PROGRESS_NEXT;
}

enum nbd_progress
nbd_transmission_write_direct(struct nbd_connection *conn)
{
	submit_piece(conn);
	return NBD_PROGRESS_NEXT;
}

/* ---- SKIP ---- */

enum nbd_progress
nbd_transmission_skip(struct nbd_connection *conn)
{
	uint32_t length = spdk_min(conn->skip_left, nbd_rx_available(&conn->rx));

	nbd_connection_consume(conn, length);
	conn->skip_left -= length;
	if (conn->skip_left == 0) {
		conn->state = NBD_CONN_REQUEST;
	}
	return NBD_PROGRESS_NEXT;
}

/* ---- the end ---- */

void
nbd_transmission_abandon(struct nbd_connection *conn)
{
	struct nbd_request *request = conn->request;
	struct nbd_piece *piece = conn->piece;

	if (request == NULL) {
		return;
	}
	assert(!conn->sock.receiving);
	conn->request = NULL;
	conn->piece = NULL;
	conn->state = NBD_CONN_REQUEST;
	conn->rx.direct_left = 0;
	/* The pieces that are under way find that there will be no more. */
	request->planned = request->length;
	if (request->error == NBD_SUCCESS) {
		request->error = NBD_ESHUTDOWN;
	}
	if (piece != NULL) {
		if (conn->piece_waiting) {
			conn->piece_waiting = false;
			spdk_iobuf_entry_abort(&conn->group->iobuf, &conn->piece_wait, piece->length);
		}
		request->undone--;
		nbd_piece_put(piece);
	}
	if (request->type == NBD_CMD_READ) {
		nbd_reply_abandoned(request);
	} else if (request->pieces == 0) {
		nbd_reply_status(request);
	}
}
