/* SPDX-License-Identifier: BSD-3-Clause */

/* Requests as the block-device layer is asked for them, and what becomes of them there. */

#include "export/nbd/nbd_internal.h"

enum nbd_error
nbd_error_from_errno(int rc)
{
	switch (-rc) {
	case 0:
		return NBD_SUCCESS;
	case EPERM:
	case EACCES:
	case EROFS:
	case EBADF:
		return NBD_EPERM;
	case ENOMEM:
		return NBD_ENOMEM;
	case EINVAL:
		return NBD_EINVAL;
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return NBD_ENOSPC;
	case EOPNOTSUPP:
		return NBD_ENOTSUP;
	case ESHUTDOWN:
	case ENODEV:
		return NBD_ESHUTDOWN;
	default:
		return NBD_EIO;
	}
}

static void
finish(struct nbd_piece *piece, enum nbd_error error)
{
	struct nbd_request *request = piece->request;

	piece->error = error;
	piece->done = true;
	request->undone--;
	/* The first error is the one that is told. */
	if (error != NBD_SUCCESS && request->error == NBD_SUCCESS) {
		request->error = error;
	}
	piece->finish(piece);
}

void
nbd_io_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	struct nbd_piece *piece = cb_arg;
	struct nbd_connection *conn = piece->request->conn;
	int rc;

	if (spdk_likely(success)) {
		piece->bdev_io = bdev_io;
		finish(piece, NBD_SUCCESS);
		return;
	}
	spdk_bdev_io_get_aio_status(bdev_io, &rc);
	SPDK_INFOLOG(nbd, "%s: %s at %" PRIu64 "+%" PRIu32 " failed: %s\n", conn->export->name,
		nbd_request_name(piece->request->type), piece->offset, piece->length, strerror(-rc));
	spdk_bdev_free_io(bdev_io);
	finish(piece, conn->shutdown ? NBD_ESHUTDOWN : rc == 0 ? NBD_EIO : nbd_error_from_errno(rc));
}

static void
retry_cb(void *cb_arg)
{
	nbd_io_submit(cb_arg);
}

void
nbd_io_submit(struct nbd_piece *piece)
{
	struct nbd_connection *conn = piece->request->conn;
	int rc = piece->submit(piece);

	while (spdk_unlikely(rc == -ENOMEM)) {
		piece->wait.bdev = spdk_bdev_desc_get_bdev(conn->export->desc);
		piece->wait.cb_fn = retry_cb;
		piece->wait.cb_arg = piece;
		if (spdk_bdev_queue_io_wait(piece->wait.bdev, conn->channel, &piece->wait) == 0) {
			return;
		}
		/* There is no waiting while there are objects: then there is one for us, unless memory itself is out. */
		rc = piece->submit(piece);
		if (rc == -ENOMEM) {
			break;
		}
	}
	if (spdk_unlikely(rc != 0)) {
		finish(piece, nbd_error_from_errno(rc));
	}
}

static void
reset_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	spdk_bdev_free_io(bdev_io);
}

bool
nbd_io_reset(struct nbd_connection *conn)
{
	/* The connection may be gone when it ends; its channel is held by the reset itself. */
	return spdk_bdev_reset(conn->export->desc, conn->channel, reset_cb, NULL) == 0;
}

static inline uint64_t
to_blocks(const struct nbd_export *export, uint64_t bytes)
{
	return bytes >> export->block_shift;
}

/* ---- READ and CACHE ---- */

/* No buffer is given: the module shows its own memory if it can, and else one is found when the I/O is about to start. */
static int
submit_read(struct nbd_piece *piece)
{
	struct nbd_connection *conn = piece->request->conn;
	uint64_t first = to_blocks(conn->export, piece->offset);
	uint64_t last = to_blocks(conn->export, piece->offset + piece->length - 1);

	return spdk_bdev_read_blocks(
		conn->export->desc, conn->channel, NULL, first, last - first + 1, nbd_io_done_cb, piece);
}

static void
finish_cache(struct nbd_piece *piece)
{
	struct nbd_request *request = piece->request;

	nbd_piece_put(piece);
	if (request->planned == request->length && request->pieces == 0) {
		nbd_reply_status(request);
	}
}

void
nbd_io_read(struct nbd_piece *piece)
{
	piece->submit = submit_read;
	piece->finish = piece->request->type == NBD_CMD_READ ? nbd_reply_data : finish_cache;
	nbd_io_submit(piece);
}

/* ---- what changes data, and FLUSH ---- */

static int
submit_flush(struct nbd_piece *piece)
{
	struct nbd_connection *conn = piece->request->conn;
	struct spdk_bdev *bdev = spdk_bdev_desc_get_bdev(conn->export->desc);

	return spdk_bdev_flush_blocks(
		conn->export->desc, conn->channel, 0, spdk_bdev_get_num_blocks(bdev), nbd_io_done_cb, piece);
}

static void
finish_flush(struct nbd_piece *piece)
{
	struct nbd_request *request = piece->request;

	nbd_piece_put(piece);
	nbd_reply_status(request);
}

/* The last piece of a request that changes data is done: with FUA it must not be in a cache when that is told. */
static void
finish_change(struct nbd_piece *piece)
{
	struct nbd_request *request = piece->request;
	struct nbd_connection *conn = request->conn;

	if (request->type == NBD_CMD_WRITE && piece->error == NBD_SUCCESS) {
		conn->bytes_written += piece->length;
	}
	nbd_piece_put(piece);
	if (request->planned != request->length || request->pieces != 0) {
		return;
	}
	if ((request->flags & NBD_CMD_FLAG_FUA) && conn->export->flush && request->error == NBD_SUCCESS) {
		request->first_used = false;
		piece = nbd_piece_get(request);
		piece->submit = submit_flush;
		piece->finish = finish_flush;
		nbd_io_submit(piece);
		return;
	}
	nbd_reply_status(request);
}

static int
submit_write(struct nbd_piece *piece)
{
	struct nbd_connection *conn = piece->request->conn;

	return spdk_bdev_write_blocks(conn->export->desc, conn->channel, piece->data,
		to_blocks(conn->export, piece->offset), to_blocks(conn->export, piece->length), nbd_io_done_cb, piece);
}

void
nbd_io_write(struct nbd_piece *piece)
{
	piece->submit = submit_write;
	piece->finish = finish_change;
	nbd_io_submit(piece);
}

static int
submit_unmap(struct nbd_piece *piece)
{
	struct nbd_connection *conn = piece->request->conn;

	return spdk_bdev_unmap_blocks(conn->export->desc, conn->channel, to_blocks(conn->export, piece->offset),
		to_blocks(conn->export, piece->length), nbd_io_done_cb, piece);
}

static int
submit_write_zeroes(struct nbd_piece *piece)
{
	struct nbd_connection *conn = piece->request->conn;

	return spdk_bdev_write_zeroes_blocks(conn->export->desc, conn->channel, to_blocks(conn->export, piece->offset),
		to_blocks(conn->export, piece->length), nbd_io_done_cb, piece);
}

void
nbd_io_run(struct nbd_request *request)
{
	const struct nbd_export *export = request->conn->export;
	struct nbd_piece *piece;

	request->planned = request->length;
	if (request->type == NBD_CMD_FLUSH && !export->flush) {
		/* Nothing is cached below: what has been answered is safe. */
		nbd_reply_status(request);
		return;
	}
	if ((request->flags & NBD_CMD_FLAG_FAST_ZERO) && !export->fast_zero) {
		request->error = NBD_ENOTSUP;
		request->why = "zeroes would have to be written";
		nbd_reply_status(request);
		return;
	}
	piece = nbd_piece_get(request);
	piece->offset = request->offset;
	piece->length = request->length;
	piece->finish = finish_change;
	switch (request->type) {
	case NBD_CMD_FLUSH:
		piece->submit = submit_flush;
		piece->finish = finish_flush;
		break;
	case NBD_CMD_TRIM:
		piece->submit = submit_unmap;
		break;
	default:
		piece->submit = submit_write_zeroes;
		break;
	}
	nbd_io_submit(piece);
}
