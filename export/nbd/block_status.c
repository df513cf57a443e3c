/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * BLOCK_STATUS for base:allocation. What of a bdev is allocated is told by its SEEK_DATA and SEEK_HOLE; a bdev without
 * them is data from end to end. The reply describes the one extent that begins where the request does, for which two
 * seeks are enough; the client asks again for what comes behind it.
 */

#include "export/nbd/nbd_internal.h"

#include <endian.h>

static void
reply(struct nbd_request *request, uint64_t length, uint32_t flags)
{
	struct nbd_extent extent = {
		.length = htobe32(spdk_min(length, request->length)),
		.flags = htobe32(flags),
	};

	nbd_reply_extent(request, &extent);
}

/* Bytes from the beginning of the request to what a seek has found, which may be behind its end. */
static uint64_t
get_distance(const struct nbd_piece *piece)
{
	const struct nbd_request *request = piece->request;
	const struct nbd_export *export = request->conn->export;
	uint64_t end = (request->offset + request->length) >> export->block_shift;
	uint64_t block = spdk_min(spdk_bdev_io_get_seek_offset(piece->bdev_io), end);
	uint64_t offset = block << export->block_shift;

	return offset > request->offset ? offset - request->offset : 0;
}

static void
seek(struct nbd_request *request, int (*submit)(struct nbd_piece *piece), void (*finish)(struct nbd_piece *piece))
{
	struct nbd_piece *piece;

	request->first_used = false;
	piece = nbd_piece_get(request);
	piece->offset = request->offset;
	piece->length = request->length;
	piece->submit = submit;
	piece->finish = finish;
	nbd_io_submit(piece);
}

static int
submit_seek_hole(struct nbd_piece *piece)
{
	struct nbd_connection *conn = piece->request->conn;

	return spdk_bdev_seek_hole(
		conn->export->desc, conn->channel, piece->offset >> conn->export->block_shift, nbd_io_done_cb, piece);
}

static void
finish_seek_hole(struct nbd_piece *piece)
{
	struct nbd_request *request = piece->request;
	uint64_t length;

	if (piece->error != NBD_SUCCESS) {
		nbd_piece_put(piece);
		nbd_reply_status(request);
		return;
	}
	length = get_distance(piece);
	nbd_piece_put(piece);
	/* 0: what was data has become a hole since. It is none of the client's before it asks again. */
	reply(request, length != 0 ? length : 1ULL << request->conn->export->block_shift, 0);
}

static int
submit_seek_data(struct nbd_piece *piece)
{
	struct nbd_connection *conn = piece->request->conn;

	return spdk_bdev_seek_data(
		conn->export->desc, conn->channel, piece->offset >> conn->export->block_shift, nbd_io_done_cb, piece);
}

static void
finish_seek_data(struct nbd_piece *piece)
{
	struct nbd_request *request = piece->request;
	uint64_t length;

	if (piece->error != NBD_SUCCESS) {
		nbd_piece_put(piece);
		nbd_reply_status(request);
		return;
	}
	length = get_distance(piece);
	nbd_piece_put(piece);
	if (length > 0) {
		reply(request, length, request->conn->export->hole_flags);
	} else {
		seek(request, submit_seek_hole, finish_seek_hole);
	}
}

void
nbd_block_status_run(struct nbd_request *request)
{
	request->planned = request->length;
	if (request->conn->export->seek) {
		seek(request, submit_seek_data, finish_seek_data);
	} else {
		reply(request, request->length, 0);
	}
}
