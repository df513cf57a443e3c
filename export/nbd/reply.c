/* SPDX-License-Identifier: BSD-3-Clause */

/* Replies: what they look like, and their way into the socket, many with one call. */

#include "export/nbd/nbd_internal.h"

#include <endian.h>
#include <isa-l/mem_routines.h>

/* ---- the queue ---- */

void
nbd_tx_queue(struct nbd_connection *conn, struct nbd_tx *tx)
{
	if (conn->ending == NBD_ENDING_CUT) {
		tx->sent(tx);
		return;
	}
	STAILQ_INSERT_TAIL(&conn->tx.queue, tx, link);
	nbd_connection_wake(conn);
}

struct copied_tx {
	struct nbd_tx tx;
	char data[];
};

static void
copied_sent(struct nbd_tx *tx)
{
	free(SPDK_CONTAINEROF(tx, struct copied_tx, tx));
}

int
nbd_tx_copy(struct nbd_connection *conn, const void *data, size_t length)
{
	struct copied_tx *copied = malloc(sizeof(*copied) + length);

	if (copied == NULL) {
		return -ENOMEM;
	}
	memcpy(copied->data, data, length);
	copied->tx.sent = copied_sent;
	copied->tx.header_length = 0;
	copied->tx.data = (struct iovec){.iov_base = copied->data, .iov_len = length};
	nbd_tx_queue(conn, &copied->tx);
	return 0;
}

void
nbd_tx_start(struct nbd_connection *conn)
{
	size_t skip = conn->tx.skip;
	struct nbd_tx *tx;
	int count = 0;

	if (conn->sock.sending || STAILQ_EMPTY(&conn->tx.queue)) {
		return;
	}
	STAILQ_FOREACH (tx, &conn->tx.queue, link) {
		if (count + 2 > NBD_TX_IOVS) {
			break;
		}
		if (skip < tx->header_length) {
			conn->tx.iov[count++] =
				(struct iovec){.iov_base = tx->header + skip, .iov_len = tx->header_length - skip};
			skip = 0;
		} else {
			skip -= tx->header_length;
		}
		if (skip < tx->data.iov_len) {
			conn->tx.iov[count++] = (struct iovec){
				.iov_base = (char *)tx->data.iov_base + skip, .iov_len = tx->data.iov_len - skip};
		}
		/* Only the first can have been sent in part. */
		skip = 0;
	}
	if (count == 0) {
		return;
	}
	conn->group->socks->ops->send(&conn->sock, conn->tx.iov, count);
}

void
nbd_tx_sent_cb(struct nbd_sock *sock, ssize_t n)
{
	struct nbd_connection *conn = SPDK_CONTAINEROF(sock, struct nbd_connection, sock);
	size_t sent;

	nbd_connection_wake(conn);
	if (n < 0) {
		if (n != -EINTR && n != -EAGAIN) {
			nbd_connection_cut(conn, n == -EPIPE || n == -ECONNRESET ? NULL : strerror(-n));
		}
		return;
	}
	conn->moved = true;
	sent = conn->tx.skip + n;
	while (!STAILQ_EMPTY(&conn->tx.queue)) {
		struct nbd_tx *tx = STAILQ_FIRST(&conn->tx.queue);
		size_t length = tx->header_length + tx->data.iov_len;

		if (sent < length) {
			break;
		}
		sent -= length;
		STAILQ_REMOVE_HEAD(&conn->tx.queue, link);
		tx->sent(tx);
	}
	conn->tx.skip = sent;
}

void
nbd_tx_drop(struct nbd_connection *conn)
{
	struct nbd_tx *tx;

	while ((tx = STAILQ_FIRST(&conn->tx.queue)) != NULL) {
		STAILQ_REMOVE_HEAD(&conn->tx.queue, link);
		tx->sent(tx);
	}
}

/* ---- replies without data ---- */

static const char *
explain(const struct nbd_request *request)
{
	if (request->why != NULL) {
		return request->why;
	}
	switch (request->error) {
	case NBD_ESHUTDOWN:
		return "the export has ended";
	case NBD_ENOSPC:
		return "no space left on the device";
	case NBD_ENOMEM:
		return "the server is out of memory";
	default:
		return "the device reported an error";
	}
}

static void
status_sent(struct nbd_tx *tx)
{
	nbd_request_put(SPDK_CONTAINEROF(tx, struct nbd_request, first.tx));
}

static void
fill_simple(struct nbd_tx *tx, const struct nbd_request *request)
{
	struct nbd_simple_reply reply = {
		.magic = htobe32(NBD_SIMPLE_REPLY_MAGIC),
		.error = htobe32(request->error),
		.cookie = request->cookie,
	};

	memcpy(tx->header, &reply, sizeof(reply));
	tx->header_length = sizeof(reply);
}

static struct nbd_structured_reply
chunk_header(const struct nbd_request *request, uint16_t type, bool done, uint32_t length)
{
	return (struct nbd_structured_reply){
		.magic = htobe32(NBD_STRUCTURED_REPLY_MAGIC),
		.flags = htobe16(done ? NBD_REPLY_FLAG_DONE : 0),
		.type = htobe16(type),
		.cookie = request->cookie,
		.length = htobe32(length),
	};
}

static void
fill_error(struct nbd_tx *tx, const struct nbd_request *request)
{
	const char *message = explain(request);
	size_t length = strlen(message);
	struct nbd_chunk_error chunk = {
		.reply =
			chunk_header(request, NBD_REPLY_TYPE_ERROR, true, sizeof(chunk) - sizeof(chunk.reply) + length),
		.error = htobe32(request->error),
		.message_length = htobe16(length),
	};

	memcpy(tx->header, &chunk, sizeof(chunk));
	tx->header_length = sizeof(chunk);
	tx->data = (struct iovec){.iov_base = (void *)message, .iov_len = length};
}

void
nbd_reply_status(struct nbd_request *request)
{
	struct nbd_tx *tx = &request->first.tx;

	tx->sent = status_sent;
	tx->data.iov_len = 0;
	if (request->error != NBD_SUCCESS && request->conn->structured) {
		fill_error(tx, request);
	} else {
		fill_simple(tx, request);
	}
	nbd_tx_queue(request->conn, tx);
}

void
nbd_reply_extent(struct nbd_request *request, const struct nbd_extent *extent)
{
	struct nbd_tx *tx = &request->first.tx;
	struct nbd_chunk_status chunk = {
		.reply = chunk_header(
			request, NBD_REPLY_TYPE_BLOCK_STATUS, true, sizeof(chunk.context) + sizeof(*extent)),
		.context = htobe32(NBD_CONTEXT_ALLOCATION),
	};

	memcpy(tx->header, &chunk, sizeof(chunk));
	memcpy(tx->header + sizeof(chunk), extent, sizeof(*extent));
	tx->header_length = sizeof(chunk) + sizeof(*extent);
	tx->data.iov_len = 0;
	tx->sent = status_sent;
	nbd_tx_queue(request->conn, tx);
}

/* ---- READ ---- */

/* The part of what was read that the client asked for: reads are in whole blocks, requests need not be. */
static void
fill_data(struct nbd_piece *piece)
{
	struct nbd_connection *conn = piece->request->conn;
	struct iovec *iovs;
	int count;

	spdk_bdev_io_get_iovec(piece->bdev_io, &iovs, &count);
	/* Without a buffer of ours there is one vector, whoever fills it in. */
	assert(count == 1);
	piece->tx.data = (struct iovec){
		.iov_base = (char *)iovs[0].iov_base + (piece->offset & (conn->export->limits.block_size - 1)),
		.iov_len = piece->length,
	};
	conn->bytes_read += piece->length;
}

static void
data_sent(struct nbd_tx *tx)
{
	struct nbd_piece *piece = SPDK_CONTAINEROF(tx, struct nbd_piece, tx);
	struct nbd_request *request = piece->request;

	nbd_piece_put(piece);
	if (request->planned == request->length && request->pieces == 0) {
		nbd_request_put(request);
	}
}

static void
fill_data_chunk(struct nbd_tx *tx, const struct nbd_request *request, bool done, uint64_t offset, uint32_t length)
{
	struct nbd_chunk_data chunk = {
		.reply = chunk_header(request, NBD_REPLY_TYPE_OFFSET_DATA, done, sizeof(chunk.offset) + length),
		.offset = htobe64(offset),
	};

	memcpy(tx->header, &chunk, sizeof(chunk));
	tx->header_length = sizeof(chunk);
}

/* A piece as a fragment of its own; the one that is done last ends the reply. */
static void
reply_chunk(struct nbd_piece *piece)
{
	struct nbd_request *request = piece->request;
	bool done = request->planned == request->length && request->undone == 0;
	struct nbd_tx *tx = &piece->tx;

	tx->data.iov_len = 0;
	if (piece->error != NBD_SUCCESS) {
		struct nbd_chunk_error_offset chunk = {
			.reply = chunk_header(
				request, NBD_REPLY_TYPE_ERROR_OFFSET, done, sizeof(chunk) - sizeof(chunk.reply)),
			.error = htobe32(piece->error),
			.offset = htobe64(piece->offset),
		};

		memcpy(tx->header, &chunk, sizeof(chunk));
		tx->header_length = sizeof(chunk);
		return;
	}
	fill_data(piece);
	/* Looking costs next to nothing where the data begins with something else, and saves two copies where not. */
	if (isal_zero_detect(tx->data.iov_base, tx->data.iov_len) == 0) {
		struct nbd_chunk_hole chunk = {
			.reply = chunk_header(
				request, NBD_REPLY_TYPE_OFFSET_HOLE, done, sizeof(chunk) - sizeof(chunk.reply)),
			.offset = htobe64(piece->offset),
			.length = htobe32(piece->length),
		};

		memcpy(tx->header, &chunk, sizeof(chunk));
		tx->header_length = sizeof(chunk);
		tx->data.iov_len = 0;
	} else {
		fill_data_chunk(tx, request, done, piece->offset, piece->length);
	}
}

/* Lets go of the pieces of a simple reply that are done; true if the request has none left. */
static bool
drop_done_pieces(struct nbd_request *request)
{
	struct nbd_piece *piece;

	while ((piece = STAILQ_FIRST(&request->ordered)) != NULL && piece->done) {
		STAILQ_REMOVE_HEAD(&request->ordered, link);
		nbd_piece_put(piece);
	}
	return request->planned == request->length && request->pieces == 0;
}

/* The header before all data. */
static void
fill_whole(struct nbd_tx *tx, const struct nbd_request *request)
{
	if (request->conn->structured) {
		fill_data_chunk(tx, request, true, request->offset, request->length);
	} else {
		fill_simple(tx, request);
	}
}

/* Hands on the pieces that are next in order. */
static void
send_done_pieces(struct nbd_request *request)
{
	struct nbd_piece *piece = STAILQ_FIRST(&request->ordered);

	while (piece != NULL && piece->done) {
		struct nbd_piece *next = STAILQ_NEXT(piece, link);

		STAILQ_REMOVE_HEAD(&request->ordered, link);
		piece->tx.header_length = 0;
		if (!request->header_sent) {
			request->header_sent = true;
			fill_whole(&piece->tx, request);
		}
		fill_data(piece);
		nbd_tx_queue(request->conn, &piece->tx);
		piece = next;
	}
}

/*
 * A simple reply is one header with one error for all, then the data in order, and so is a structured one that must not
 * be fragmented. As long as the whole fits into the window, which it does in the latter case, its pieces are collected first; a longer one is sent as it comes, and an error that is found too late to be told
 * ends the connection.
 */
static void
reply_whole(struct nbd_request *request)
{
	struct nbd_connection *conn = request->conn;
	bool collect = request->length <= NBD_WINDOW / 2;

	if (request->error != NBD_SUCCESS && request->header_sent) {
		nbd_connection_cut(conn, "a read failed after its reply had begun");
	}
	if (conn->ending == NBD_ENDING_CUT) {
		if (drop_done_pieces(request)) {
			nbd_request_put(request);
		}
	} else if (request->error != NBD_SUCCESS) {
		if (conn->request == request) {
			/* No more is to be read for nothing. */
			nbd_connection_wake(conn);
		} else if (drop_done_pieces(request)) {
			nbd_reply_status(request);
		}
	} else if (!collect || (request->undone == 0 && request->planned == request->length)) {
		send_done_pieces(request);
	}
}

void
nbd_reply_data(struct nbd_piece *piece)
{
	struct nbd_request *request = piece->request;

	piece->tx.sent = data_sent;
	if (nbd_reply_is_whole(request)) {
		reply_whole(request);
	} else {
		reply_chunk(piece);
		nbd_tx_queue(request->conn, &piece->tx);
	}
}

void
nbd_reply_abandoned(struct nbd_request *request)
{
	if (nbd_reply_is_whole(request)) {
		reply_whole(request);
	} else if (request->pieces == 0) {
		/* Only a connection that was cut leaves a structured reply without an end. */
		nbd_request_put(request);
	}
}
