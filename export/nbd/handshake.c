/* SPDX-License-Identifier: BSD-3-Clause */

/* The handshake: greeting, flags, and the frames of options; what each option means is in options.c. */

#include "export/nbd/nbd_internal.h"

#include <endian.h>

void
nbd_handshake_greet(struct nbd_connection *conn)
{
	struct nbd_greeting greeting = {
		.magic = htobe64(NBD_MAGIC),
		.option_magic = htobe64(NBD_OPTION_MAGIC),
		.flags = htobe16(NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES),
	};

	if (nbd_tx_copy(conn, &greeting, sizeof(greeting)) != 0) {
		nbd_connection_cut(conn, "out of memory");
	}
}

void
nbd_handshake_fini(struct nbd_connection *conn)
{
	if (conn->query != NULL) {
		if (conn->query->export != NULL) {
			nbd_export_detach(conn->query->export);
		}
		nbd_query_free(conn->query);
		conn->query = NULL;
	}
	free(conn->context_export);
	conn->context_export = NULL;
}

/* ---- replies ---- */

void
nbd_handshake_reply(struct nbd_connection *conn, uint32_t type, const void *data, size_t length)
{
	struct nbd_option_reply header = {
		.magic = htobe64(NBD_OPTION_REPLY_MAGIC),
		.option = htobe32(conn->option.option),
		.type = htobe32(type),
		.length = htobe32(length),
	};
	struct nbd_buffer buffer = {0};

	nbd_buffer_append(&buffer, &header, sizeof(header));
	nbd_buffer_append(&buffer, data, length);
	if (buffer.failed || nbd_tx_copy(conn, buffer.data, buffer.length) != 0) {
		nbd_connection_cut(conn, "out of memory");
	}
	free(buffer.data);
}

void
nbd_handshake_refuse(struct nbd_connection *conn, uint32_t type, const char *format, ...)
{
	char text[256];
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	SPDK_INFOLOG(
		nbd, "connection %" PRIu64 ": option %" PRIu32 " refused: %s\n", conn->id, conn->option.option, text);
	nbd_handshake_reply(conn, type, text, spdk_min((size_t)length, sizeof(text) - 1));
}

/* ---- states ---- */

enum nbd_progress
nbd_handshake_client_flags(struct nbd_connection *conn)
{
	uint32_t flags;

	memcpy(&flags, nbd_connection_consume(conn, sizeof(flags)), sizeof(flags));
	flags = be32toh(flags);
	if (flags & ~(uint32_t)(NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES)) {
		nbd_connection_cut(conn, "unknown flags");
		return NBD_PROGRESS_WAIT;
	}
	conn->no_zeroes = (flags & NBD_FLAG_NO_ZEROES) != 0;
	conn->state = NBD_CONN_OPTION_HEADER;
	return NBD_PROGRESS_NEXT;
}

static enum nbd_progress
take_long_option(struct nbd_connection *conn)
{
	/* The one option that has no error reply. */
	if (conn->option.option == NBD_OPT_EXPORT_NAME || conn->option.length > NBD_MAX_SKIPPED_OPTION) {
		nbd_connection_cut(conn, "an option that is far too long");
		return NBD_PROGRESS_WAIT;
	}
	conn->skip_left = conn->option.length;
	conn->state = NBD_CONN_OPTION_SKIP;
	return NBD_PROGRESS_NEXT;
}

enum nbd_progress
nbd_handshake_option_header(struct nbd_connection *conn)
{
	/* A client that does not take its replies gets no more of them. */
	if (!STAILQ_EMPTY(&conn->tx.queue)) {
		return NBD_PROGRESS_WAIT;
	}
	memcpy(&conn->option, nbd_connection_consume(conn, sizeof(conn->option)), sizeof(conn->option));
	conn->option.option = be32toh(conn->option.option);
	conn->option.length = be32toh(conn->option.length);
	if (be64toh(conn->option.magic) != NBD_OPTION_MAGIC) {
		nbd_connection_cut(conn, "wrong magic number");
		return NBD_PROGRESS_WAIT;
	}
	if (conn->option.length > NBD_MAX_OPTION) {
		return take_long_option(conn);
	}
	conn->state = NBD_CONN_OPTION_DATA;
	return NBD_PROGRESS_NEXT;
}

enum nbd_progress
nbd_handshake_option_skip(struct nbd_connection *conn)
{
	uint32_t length = spdk_min(conn->skip_left, nbd_rx_available(&conn->rx));

	nbd_connection_consume(conn, length);
	conn->skip_left -= length;
	if (conn->skip_left == 0) {
		nbd_handshake_refuse(conn, NBD_REP_ERR_TOO_BIG, "options may have %u bytes", NBD_MAX_OPTION);
		conn->state = NBD_CONN_OPTION_HEADER;
	}
	return NBD_PROGRESS_NEXT;
}

enum nbd_progress
nbd_handshake_option_data(struct nbd_connection *conn)
{
	const char *data = nbd_connection_consume(conn, conn->option.length);

	conn->state = NBD_CONN_OPTION_HEADER;
	nbd_option_run(conn, data, conn->option.length);
	return NBD_PROGRESS_NEXT;
}

enum nbd_progress
nbd_handshake_option_answer(struct nbd_connection *conn)
{
	struct nbd_query *query = conn->query;

	if (!query->answered) {
		return NBD_PROGRESS_WAIT;
	}
	conn->state = NBD_CONN_OPTION_HEADER;
	conn->query = NULL;
	nbd_option_answer(conn, query);
	if (query->export != NULL) {
		nbd_export_detach(query->export);
	}
	nbd_query_free(query);
	return NBD_PROGRESS_NEXT;
}
