/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The options of the handshake. Each is taken apart and checked by its take function; what needs to know the exports is
 * asked of the app thread, and told to the client by its answer function.
 */

#include "export/nbd/nbd_internal.h"

#include <endian.h>

#define ALLOCATION_CONTEXT "base:allocation"

struct option_handler {
	const char *name;
	void (*take)(struct nbd_connection *conn, const char *data, uint32_t length);
	void (*answer)(struct nbd_connection *conn, struct nbd_query *query);
};

/* ---- reading an option's data ---- */

struct reader {
	const char *data;
	uint32_t left;
	/* Something was missing or longer than the protocol allows. */
	bool failed;
};

static const char *
read_bytes(struct reader *reader, uint32_t length)
{
	const char *bytes = reader->data;

	if (reader->failed || length > reader->left) {
		reader->failed = true;
		return NULL;
	}
	reader->data += length;
	reader->left -= length;
	return bytes;
}

static uint16_t
read_u16(struct reader *reader)
{
	const char *bytes = read_bytes(reader, sizeof(uint16_t));
	uint16_t value = 0;

	if (bytes != NULL) {
		memcpy(&value, bytes, sizeof(value));
	}
	return be16toh(value);
}

static uint32_t
read_u32(struct reader *reader)
{
	const char *bytes = read_bytes(reader, sizeof(uint32_t));
	uint32_t value = 0;

	if (bytes != NULL) {
		memcpy(&value, bytes, sizeof(value));
	}
	return be32toh(value);
}

/* A string with its length before it; not terminated. */
static const char *
read_string(struct reader *reader, uint32_t *length)
{
	const char *string;

	*length = read_u32(reader);
	if (*length > NBD_MAX_STRING) {
		reader->failed = true;
	}
	string = read_bytes(reader, *length);
	if (string != NULL && !nbd_string_is_valid(string, *length)) {
		reader->failed = true;
	}
	return string;
}

/* ---- asking the app thread ---- */

static void
ask(struct nbd_connection *conn, enum nbd_query_kind kind, const char *name, uint32_t length)
{
	struct nbd_query *query = calloc(1, sizeof(*query) + length + 1);

	if (query == NULL) {
		nbd_connection_cut(conn, "out of memory");
		return;
	}
	query->kind = kind;
	query->conn = conn;
	if (length > 0) {
		memcpy(query->name, name, length);
	}
	conn->query = query;
	conn->state = NBD_CONN_OPTION_ANSWER;
	nbd_export_ask(query);
}

static void
refuse_export(struct nbd_connection *conn, const struct nbd_query *query)
{
	switch (-query->rc) {
	case ENOENT:
		if (query->name[0] == '\0') {
			nbd_handshake_refuse(
				conn, NBD_REP_ERR_UNKNOWN, "there is no default export, ask for one by name");
		} else {
			nbd_handshake_refuse(conn, NBD_REP_ERR_UNKNOWN, "there is no export '%.200s'", query->name);
		}
		break;
	case EPERM:
		nbd_handshake_refuse(conn, NBD_REP_ERR_POLICY, "the bdev is in use by another module");
		break;
	case ESHUTDOWN:
		nbd_handshake_refuse(conn, NBD_REP_ERR_SHUTDOWN, "the server is stopping");
		break;
	default:
		nbd_handshake_refuse(conn, NBD_REP_ERR_PLATFORM, "the export cannot be had: %s", strerror(-query->rc));
		break;
	}
}

/* ---- into transmission ---- */

/* Takes the export from the answer; -ENOMEM or so if the bdev has no channel for us. */
static int
enter_export(struct nbd_connection *conn, struct nbd_query *query)
{
	conn->channel = spdk_bdev_get_io_channel(query->export->desc);
	if (conn->channel == NULL) {
		return -ENOMEM;
	}
	conn->export = query->export;
	query->export = NULL;
	if (conn->context_export == NULL || strcmp(conn->context_export, query->name) != 0) {
		conn->has_context = false;
	}
	free(conn->context_export);
	conn->context_export = NULL;
	conn->state = NBD_CONN_REQUEST;
	nbd_connection_set_deadline(conn, 0);
	SPDK_INFOLOG(nbd, "connection %" PRIu64 " (%s) uses export '%s'\n", conn->id, conn->peer, conn->export->name);
	return 0;
}

static uint16_t
transmission_flags(const struct nbd_connection *conn, const struct nbd_limits *limits)
{
	uint16_t flags = limits->flags;

	/* One that was made read-only has those of before as well. */
	if (flags & NBD_FLAG_READ_ONLY) {
		flags &= ~(NBD_FLAG_SEND_TRIM | NBD_FLAG_SEND_WRITE_ZEROES | NBD_FLAG_SEND_FAST_ZERO);
	}
	return flags | (conn->structured ? NBD_FLAG_SEND_DF : 0);
}

/* ---- NBD_OPT_EXPORT_NAME ---- */

static void
take_export_name(struct nbd_connection *conn, const char *data, uint32_t length)
{
	if (length > NBD_MAX_STRING || !nbd_string_is_valid(data, length)) {
		nbd_connection_cut(conn, "not an export name");
		return;
	}
	ask(conn, NBD_QUERY_ATTACH, data, length);
}

static void
answer_export_name(struct nbd_connection *conn, struct nbd_query *query)
{
	struct nbd_export_name_reply reply = {
		.size = htobe64(query->limits.size),
		.flags = htobe16(transmission_flags(conn, &query->limits)),
	};
	size_t length = conn->no_zeroes ? offsetof(struct nbd_export_name_reply, zeroes) : sizeof(reply);

	if (query->rc != 0 || enter_export(conn, query) != 0) {
		/* There is no reply for that. */
		nbd_connection_cut(conn, "the export that the client asked for cannot be had");
	} else if (nbd_tx_copy(conn, &reply, length) != 0) {
		nbd_connection_cut(conn, "out of memory");
	}
}

/* ---- NBD_OPT_ABORT, NBD_OPT_STARTTLS, NBD_OPT_STRUCTURED_REPLY ---- */

static void
take_abort(struct nbd_connection *conn, const char *data, uint32_t length)
{
	nbd_handshake_reply(conn, NBD_REP_ACK, NULL, 0);
	nbd_connection_drain(conn);
	conn->state = NBD_CONN_END;
}

static void
take_starttls(struct nbd_connection *conn, const char *data, uint32_t length)
{
	if (length != 0) {
		nbd_handshake_refuse(conn, NBD_REP_ERR_INVALID, "the option has no data");
		return;
	}
	nbd_handshake_refuse(conn, NBD_REP_ERR_UNSUP, "this server has no TLS");
}

static void
take_structured_reply(struct nbd_connection *conn, const char *data, uint32_t length)
{
	if (length != 0) {
		nbd_handshake_refuse(conn, NBD_REP_ERR_INVALID, "the option has no data");
		return;
	}
	conn->structured = true;
	nbd_handshake_reply(conn, NBD_REP_ACK, NULL, 0);
}

/* ---- NBD_OPT_LIST ---- */

static void
take_list(struct nbd_connection *conn, const char *data, uint32_t length)
{
	if (length != 0) {
		nbd_handshake_refuse(conn, NBD_REP_ERR_INVALID, "the option has no data");
		return;
	}
	ask(conn, NBD_QUERY_LIST, NULL, 0);
}

static void
answer_list(struct nbd_connection *conn, struct nbd_query *query)
{
	if (query->rc != 0) {
		refuse_export(conn, query);
		return;
	}
	if (query->list.length > 0 && nbd_tx_copy(conn, query->list.data, query->list.length) != 0) {
		nbd_connection_cut(conn, "out of memory");
		return;
	}
	nbd_handshake_reply(conn, NBD_REP_ACK, NULL, 0);
}

/* ---- NBD_OPT_INFO and NBD_OPT_GO ---- */

static void
take_info(struct nbd_connection *conn, const char *data, uint32_t length)
{
	struct reader reader = {.data = data, .left = length};
	uint32_t name_length;
	const char *name = read_string(&reader, &name_length);

	conn->wanted = 0;
	for (uint16_t count = read_u16(&reader); count > 0 && !reader.failed; count--) {
		uint16_t type = read_u16(&reader);

		/* Kinds that nobody has heard of are to be ignored. */
		conn->wanted |= type < 32 ? 1U << type : 0;
	}
	if (reader.failed || reader.left != 0) {
		nbd_handshake_refuse(conn, NBD_REP_ERR_INVALID, "malformed option");
		return;
	}
	ask(conn, conn->option.option == NBD_OPT_GO ? NBD_QUERY_ATTACH : NBD_QUERY_INFO, name, name_length);
}

static void
send_info_string(struct nbd_connection *conn, uint16_t type, const char *string)
{
	char info[sizeof(type) + NBD_MAX_STRING];
	size_t length = strnlen(string, NBD_MAX_STRING);

	type = htobe16(type);
	memcpy(info, &type, sizeof(type));
	memcpy(info + sizeof(type), string, length);
	nbd_handshake_reply(conn, NBD_REP_INFO, info, sizeof(type) + length);
}

/* The block sizes are told without being asked: they hold in any case. */
static void
send_info(struct nbd_connection *conn, const struct nbd_query *query)
{
	struct nbd_info_export export = {
		.type = htobe16(NBD_INFO_EXPORT),
		.size = htobe64(query->limits.size),
		.flags = htobe16(transmission_flags(conn, &query->limits)),
	};
	struct nbd_info_block_size block_size = {
		.type = htobe16(NBD_INFO_BLOCK_SIZE),
		.minimum = htobe32(query->limits.block_size),
		.preferred = htobe32(query->limits.preferred_size),
		.maximum = htobe32(NBD_MAX_TRANSFER),
	};

	nbd_handshake_reply(conn, NBD_REP_INFO, &export, sizeof(export));
	if (conn->wanted & (1U << NBD_INFO_NAME)) {
		send_info_string(conn, NBD_INFO_NAME, query->export_name);
	}
	if ((conn->wanted & (1U << NBD_INFO_DESCRIPTION)) && query->description != NULL) {
		send_info_string(conn, NBD_INFO_DESCRIPTION, query->description);
	}
	nbd_handshake_reply(conn, NBD_REP_INFO, &block_size, sizeof(block_size));
	nbd_handshake_reply(conn, NBD_REP_ACK, NULL, 0);
}

static void
answer_info(struct nbd_connection *conn, struct nbd_query *query)
{
	if (query->rc != 0) {
		refuse_export(conn, query);
		return;
	}
	send_info(conn, query);
}

static void
answer_go(struct nbd_connection *conn, struct nbd_query *query)
{
	if (query->rc == 0) {
		query->rc = enter_export(conn, query);
	}
	answer_info(conn, query);
}

/* ---- NBD_OPT_LIST_META_CONTEXT and NBD_OPT_SET_META_CONTEXT ---- */

static bool
matches(const char *query, uint32_t length, bool list)
{
	/* "base:" asks for all of the name space, and only when they are listed. */
	return (length == strlen(ALLOCATION_CONTEXT) && memcmp(query, ALLOCATION_CONTEXT, length) == 0) ||
		(list && length == 5 && memcmp(query, "base:", 5) == 0);
}

static void
take_meta_context(struct nbd_connection *conn, const char *data, uint32_t length)
{
	bool list = conn->option.option == NBD_OPT_LIST_META_CONTEXT;
	struct reader reader = {.data = data, .left = length};
	uint32_t name_length;
	const char *name = read_string(&reader, &name_length);
	uint32_t count = read_u32(&reader);

	if (!list) {
		conn->has_context = false;
	}
	conn->wanted = list && count == 0;
	for (; count > 0 && !reader.failed; count--) {
		uint32_t query_length;
		const char *query = read_string(&reader, &query_length);

		conn->wanted |= query != NULL && matches(query, query_length, list);
	}
	if (reader.failed || reader.left != 0) {
		nbd_handshake_refuse(conn, NBD_REP_ERR_INVALID, "malformed option");
	} else if (!conn->structured) {
		nbd_handshake_refuse(conn, NBD_REP_ERR_INVALID, "structured replies must be chosen first");
	} else {
		ask(conn, NBD_QUERY_INFO, name, name_length);
	}
}

static void
answer_meta_context(struct nbd_connection *conn, struct nbd_query *query)
{
	char context[sizeof(uint32_t) + sizeof(ALLOCATION_CONTEXT) - 1];
	bool list = conn->option.option == NBD_OPT_LIST_META_CONTEXT;
	uint32_t id = htobe32(list ? 0 : NBD_CONTEXT_ALLOCATION);

	if (query->rc != 0) {
		refuse_export(conn, query);
		return;
	}
	if (!list) {
		free(conn->context_export);
		conn->context_export = strdup(query->name);
		conn->has_context = conn->wanted != 0 && conn->context_export != NULL;
	}
	if (conn->wanted != 0) {
		memcpy(context, &id, sizeof(id));
		memcpy(context + sizeof(id), ALLOCATION_CONTEXT, sizeof(ALLOCATION_CONTEXT) - 1);
		nbd_handshake_reply(conn, NBD_REP_META_CONTEXT, context, sizeof(context));
	}
	nbd_handshake_reply(conn, NBD_REP_ACK, NULL, 0);
}

/* ---- the table ---- */

static const struct option_handler g_options[] = {
	[NBD_OPT_EXPORT_NAME] = {"EXPORT_NAME", take_export_name, answer_export_name},
	[NBD_OPT_ABORT] = {"ABORT", take_abort, NULL},
	[NBD_OPT_LIST] = {"LIST", take_list, answer_list},
	[NBD_OPT_STARTTLS] = {"STARTTLS", take_starttls, NULL},
	[NBD_OPT_INFO] = {"INFO", take_info, answer_info},
	[NBD_OPT_GO] = {"GO", take_info, answer_go},
	[NBD_OPT_STRUCTURED_REPLY] = {"STRUCTURED_REPLY", take_structured_reply, NULL},
	[NBD_OPT_LIST_META_CONTEXT] = {"LIST_META_CONTEXT", take_meta_context, answer_meta_context},
	[NBD_OPT_SET_META_CONTEXT] = {"SET_META_CONTEXT", take_meta_context, answer_meta_context},
};

void
nbd_option_run(struct nbd_connection *conn, const char *data, uint32_t length)
{
	uint32_t option = conn->option.option;

	/* NBD_OPT_EXTENDED_HEADERS among them. */
	if (option >= SPDK_COUNTOF(g_options) || g_options[option].take == NULL) {
		nbd_handshake_refuse(conn, NBD_REP_ERR_UNSUP, "this server has no option %" PRIu32, option);
		return;
	}
	SPDK_INFOLOG(nbd, "connection %" PRIu64 ": option %s\n", conn->id, g_options[option].name);
	g_options[option].take(conn, data, length);
}

void
nbd_option_answer(struct nbd_connection *conn, struct nbd_query *query)
{
	g_options[conn->option.option].answer(conn, query);
}
