/* SPDX-License-Identifier: BSD-3-Clause */

/* Requests: checked once, before anything is taken for them; their objects, kept for the next. */

#include "export/nbd/nbd_internal.h"

/* Objects that a group keeps of each kind. */
#define MAX_KEPT 1024

static const char *const g_names[NBD_NUM_COMMANDS] = {
	[NBD_CMD_READ] = "READ",
	[NBD_CMD_WRITE] = "WRITE",
	[NBD_CMD_DISC] = "DISC",
	[NBD_CMD_FLUSH] = "FLUSH",
	[NBD_CMD_TRIM] = "TRIM",
	[NBD_CMD_CACHE] = "CACHE",
	[NBD_CMD_WRITE_ZEROES] = "WRITE_ZEROES",
	[NBD_CMD_BLOCK_STATUS] = "BLOCK_STATUS",
};

const char *
nbd_request_name(uint16_t type)
{
	return type < NBD_NUM_COMMANDS ? g_names[type] : "an unknown command";
}

/* ---- checks ---- */

struct command {
	/* Flags that the command may carry. FUA may stand on any. */
	uint16_t flags;
	/* Transmission flag without which the command is unknown; 0: always known. */
	uint16_t needs;
	bool has_range;
	/* Its range is in whole blocks. Reads need not be: the blocks around them are read. */
	bool aligned;
	bool changes_data;
	/* Moves data: bounded by NBD_MAX_TRANSFER. */
	bool has_payload;
};

static const struct command g_commands[NBD_NUM_COMMANDS] = {
	[NBD_CMD_READ] = {.flags = NBD_CMD_FLAG_DF, .has_range = true, .has_payload = true},
	[NBD_CMD_WRITE] = {.has_range = true, .aligned = true, .changes_data = true, .has_payload = true},
	[NBD_CMD_DISC] = {0},
	[NBD_CMD_FLUSH] = {.needs = NBD_FLAG_SEND_FLUSH},
	[NBD_CMD_TRIM] = {.needs = NBD_FLAG_SEND_TRIM, .has_range = true, .aligned = true, .changes_data = true},
	[NBD_CMD_CACHE] = {.needs = NBD_FLAG_SEND_CACHE, .has_range = true},
	[NBD_CMD_WRITE_ZEROES] = {.flags = NBD_CMD_FLAG_NO_HOLE | NBD_CMD_FLAG_FAST_ZERO,
		.needs = NBD_FLAG_SEND_WRITE_ZEROES,
		.has_range = true,
		.aligned = true,
		.changes_data = true},
	[NBD_CMD_BLOCK_STATUS] = {.flags = NBD_CMD_FLAG_REQ_ONE, .has_range = true, .aligned = true},
};

static uint16_t
get_flags(const struct nbd_limits *limits)
{
	return __atomic_load_n(&limits->flags, __ATOMIC_RELAXED);
}

static enum nbd_error
check_flags(const struct nbd_request_header *header, const struct nbd_limits *limits, bool structured, bool has_context,
	const char **why)
{
	uint16_t allowed = g_commands[header->type].flags;

	if (get_flags(limits) & NBD_FLAG_SEND_FUA) {
		allowed |= NBD_CMD_FLAG_FUA;
	}
	if (!structured) {
		allowed &= ~NBD_CMD_FLAG_DF;
	}
	if (header->flags & ~allowed) {
		*why = "a flag that was not agreed on or does not belong to the command";
		return NBD_EINVAL;
	}
	if (header->type == NBD_CMD_BLOCK_STATUS && !has_context) {
		*why = "no meta context has been chosen";
		return NBD_EINVAL;
	}
	return NBD_SUCCESS;
}

static enum nbd_error
check_range(const struct nbd_request_header *header, const struct nbd_limits *limits, const char **why)
{
	const struct command *command = &g_commands[header->type];
	uint64_t size = __atomic_load_n(&limits->size, __ATOMIC_RELAXED);
	uint32_t block_mask = limits->block_size - 1;

	if (header->length == 0) {
		*why = "the length is zero";
		return NBD_EINVAL;
	}
	if (header->offset > size || header->length > size - header->offset) {
		*why = "the range ends beyond the export";
		return header->type == NBD_CMD_WRITE || header->type == NBD_CMD_WRITE_ZEROES ? NBD_ENOSPC : NBD_EINVAL;
	}
	if (command->aligned && ((header->offset & block_mask) != 0 || (header->length & block_mask) != 0)) {
		*why = "the range is not in whole blocks";
		return NBD_EINVAL;
	}
	if (command->has_payload && header->length > NBD_MAX_TRANSFER) {
		*why = "more than the maximum block size";
		return NBD_EINVAL;
	}
	if ((header->flags & NBD_CMD_FLAG_DF) && header->length > NBD_WINDOW / 2) {
		*why = "too long for a reply in one fragment";
		return NBD_EOVERFLOW;
	}
	return NBD_SUCCESS;
}

enum nbd_error
nbd_request_check(const struct nbd_request_header *header, const struct nbd_limits *limits, bool structured,
	bool has_context, const char **why)
{
	const struct command *command;
	enum nbd_error error;

	if (header->type >= NBD_NUM_COMMANDS || (g_commands[header->type].needs & ~get_flags(limits)) != 0) {
		*why = "the command is not offered";
		return NBD_EINVAL;
	}
	command = &g_commands[header->type];
	if (command->changes_data && (get_flags(limits) & NBD_FLAG_READ_ONLY)) {
		*why = "the export is read-only";
		return NBD_EPERM;
	}
	error = check_flags(header, limits, structured, has_context, why);
	if (error != NBD_SUCCESS) {
		return error;
	}
	if (!command->has_range) {
		*why = "a range where there can be none";
		return header->offset == 0 && header->length == 0 ? NBD_SUCCESS : NBD_EINVAL;
	}
	return check_range(header, limits, why);
}

/* ---- objects ---- */

struct nbd_request *
nbd_request_get(struct nbd_connection *conn, const struct nbd_request_header *header)
{
	struct nbd_group *group = conn->group;
	struct nbd_request *request = SLIST_FIRST(&group->free_requests);

	if (request != NULL) {
		SLIST_REMOVE_HEAD(&group->free_requests, free_link);
		group->num_free_requests--;
	} else {
		request = calloc(1, sizeof(*request));
		if (request == NULL) {
			return NULL;
		}
	}
	request->conn = conn;
	request->cookie = header->cookie;
	request->offset = header->offset;
	request->length = header->length;
	request->type = header->type;
	request->flags = header->flags;
	request->error = NBD_SUCCESS;
	request->why = NULL;
	request->planned = 0;
	request->pieces = 0;
	request->undone = 0;
	STAILQ_INIT(&request->ordered);
	request->header_sent = false;
	request->first_used = false;
	conn->num_requests++;
	return request;
}

void
nbd_request_put(struct nbd_request *request)
{
	struct nbd_connection *conn = request->conn;
	struct nbd_group *group = conn->group;

	conn->num_requests--;
	/* A connection may wait for this: to take the next request, or to end. */
	nbd_connection_wake(conn);
	if (group->num_free_requests >= MAX_KEPT) {
		free(request);
		return;
	}
	SLIST_INSERT_HEAD(&group->free_requests, request, free_link);
	group->num_free_requests++;
}

struct nbd_piece *
nbd_piece_get(struct nbd_request *request)
{
	struct nbd_group *group = request->conn->group;
	struct nbd_piece *piece;

	if (!request->first_used) {
		request->first_used = true;
		piece = &request->first;
	} else if ((piece = STAILQ_FIRST(&group->free_pieces)) != NULL) {
		STAILQ_REMOVE_HEAD(&group->free_pieces, link);
		group->num_free_pieces--;
	} else {
		piece = malloc(sizeof(*piece));
		if (piece == NULL) {
			return NULL;
		}
	}
	piece->request = request;
	piece->error = NBD_SUCCESS;
	piece->done = false;
	piece->in_window = false;
	piece->bdev_io = NULL;
	piece->data = NULL;
	piece->rx_buf = NULL;
	piece->buf = NULL;
	request->pieces++;
	request->undone++;
	return piece;
}

/* What the data of a piece lies in. */
static void
release_data(struct nbd_piece *piece)
{
	struct nbd_connection *conn = piece->request->conn;

	if (piece->bdev_io != NULL) {
		spdk_bdev_free_io(piece->bdev_io);
		piece->bdev_io = NULL;
	}
	if (piece->rx_buf != NULL) {
		nbd_rx_buf_put(conn, piece->rx_buf);
		piece->rx_buf = NULL;
	}
	if (piece->buf != NULL) {
		spdk_iobuf_put(&conn->group->iobuf, piece->buf, piece->length);
		piece->buf = NULL;
	}
}

void
nbd_piece_put(struct nbd_piece *piece)
{
	struct nbd_request *request = piece->request;
	struct nbd_connection *conn = request->conn;
	struct nbd_group *group = conn->group;

	release_data(piece);
	if (piece->in_window) {
		piece->in_window = false;
		conn->window_used -= piece->length;
		group->window_used -= piece->length;
		nbd_connection_wake(conn);
	}
	request->pieces--;
	if (piece == &request->first) {
		return;
	}
	if (group->num_free_pieces >= MAX_KEPT) {
		free(piece);
		return;
	}
	STAILQ_INSERT_HEAD(&group->free_pieces, piece, link);
	group->num_free_pieces++;
}

uint32_t
nbd_piece_length(const struct nbd_export *export, uint64_t offset, uint32_t left)
{
	/* Pieces end at multiples of their size, which devices like, and which leaves room for the block around an
	 * unaligned read. */
	uint32_t room = export->piece_size - (uint32_t)(offset & (export->piece_size - 1));

	return spdk_min(room, left);
}

void
nbd_request_free_all(struct nbd_group *group)
{
	struct nbd_request *request;
	struct nbd_piece *piece;

	while ((request = SLIST_FIRST(&group->free_requests)) != NULL) {
		SLIST_REMOVE_HEAD(&group->free_requests, free_link);
		free(request);
	}
	while ((piece = STAILQ_FIRST(&group->free_pieces)) != NULL) {
		STAILQ_REMOVE_HEAD(&group->free_pieces, link);
		free(piece);
	}
}
