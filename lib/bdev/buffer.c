/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Data buffers that the layer adds to an I/O because the module asks for them: where the user gave none, or gave one
 * that is not aligned as the bdev requires (bounce).
 */

#include "lib/bdev/io_internal.h"
#include "spdk/accel.h"

uint64_t
bdev_buf_max_size(void)
{
	struct spdk_iobuf_opts opts = {};

	spdk_iobuf_get_opts(&opts, sizeof(opts));
	return opts.large_bufsize;
}

uint64_t
bdev_buf_block_size(const struct spdk_bdev *bdev)
{
	return bdev->md_interleave ? bdev->blocklen : (uint64_t)bdev->blocklen + bdev->md_len;
}

uint64_t
bdev_buf_fit_blocks(const struct spdk_bdev *bdev, uint64_t bytes)
{
	uint64_t block_size = bdev_buf_block_size(bdev);

	return block_size != 0 ? (bytes - (spdk_bdev_get_buf_align(bdev) - 1)) / block_size : 0;
}

/* Bytes of separate metadata that so many blocks have. */
static uint64_t
md_bytes(const struct spdk_bdev *bdev, uint64_t num_blocks)
{
	return spdk_bdev_is_md_separate(bdev) ? num_blocks * bdev->md_len : 0;
}

/* The data goes from the user to the module. */
static bool
carries_data(const struct spdk_bdev_io *bdev_io)
{
	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_WRITE:
	case SPDK_BDEV_IO_TYPE_COMPARE:
	case SPDK_BDEV_IO_TYPE_COMPARE_AND_WRITE:
	case SPDK_BDEV_IO_TYPE_ZONE_APPEND:
		return true;
	default:
		return false;
	}
}

/* What the module has, of data, is described by iovecs and blocks: not so in the commands of NVMe. */
static bool
has_block_params(const struct spdk_bdev_io *bdev_io)
{
	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_NVME_ADMIN:
	case SPDK_BDEV_IO_TYPE_NVME_IO:
	case SPDK_BDEV_IO_TYPE_NVME_IO_MD:
	case SPDK_BDEV_IO_TYPE_NVME_IOV_MD:
		return false;
	default:
		return true;
	}
}

static bool
has_buffer(const struct spdk_bdev_io *bdev_io)
{
	return bdev_io->u.bdev.iovs != NULL && bdev_io->u.bdev.iovcnt > 0 && bdev_io->u.bdev.iovs[0].iov_base != NULL;
}

static bool
is_aligned(const struct spdk_bdev_io *bdev_io, size_t alignment)
{
	uintptr_t bits = 0;
	int i;

	for (i = 0; i < bdev_io->u.bdev.iovcnt; i++) {
		bits |= (uintptr_t)bdev_io->u.bdev.iovs[i].iov_base;
	}
	return (bits & (alignment - 1)) == 0;
}

/* The largest piece of a bounce buffer: what the bdev takes in one segment, and so that the next piece is aligned. */
static uint64_t
get_max_segment(const struct spdk_bdev *bdev)
{
	if (bdev->max_segment_size == 0) {
		return UINT64_MAX;
	}
	return bdev->max_segment_size & ~((uint64_t)spdk_bdev_get_buf_align(bdev) - 1);
}

/* Whether a bounce buffer of len bytes can be described within the limits of the bdev. */
static bool
fits_segments(const struct spdk_bdev *bdev, uint64_t len)
{
	uint64_t max_segment = get_max_segment(bdev), count;

	if (max_segment == 0) {
		return false;
	}
	count = len / max_segment + (len % max_segment != 0);
	return count <= SPDK_BDEV_IO_NUM_CHILD_IOV && (bdev->max_num_segments == 0 || count <= bdev->max_num_segments);
}

static void
set_bounce_iovs(struct bdev_io_private *priv, char *buf)
{
	struct spdk_bdev_io_block_params *params = &priv->io.u.bdev;
	uint64_t max_segment = get_max_segment(priv->io.bdev), left = priv->data_len;

	params->iovs = priv->child_iov;
	params->iovcnt = 0;
	do {
		struct iovec *iov = &priv->child_iov[params->iovcnt++];

		iov->iov_base = buf;
		iov->iov_len = spdk_min(left, max_segment);
		buf += iov->iov_len;
		left -= iov->iov_len;
	} while (left > 0);
}

/* A read or write that the module got together with a sequence, by which its data come and go. */
static struct spdk_accel_sequence **
sequence_of(struct spdk_bdev_io *bdev_io)
{
	if (bdev_io->type != SPDK_BDEV_IO_TYPE_READ && bdev_io->type != SPDK_BDEV_IO_TYPE_WRITE) {
		return NULL;
	}
	return bdev_io->u.bdev.accel_sequence != NULL ? &bdev_io->u.bdev.accel_sequence : NULL;
}

/*
 * Moves the data between the user's buffers and those that stand in for them, which are set, by one more step of the
 * sequence: a write's is the last one, a read's the first, as its steps are named from their end.
 */
static int
append_bounce(struct bdev_io_private *priv, struct spdk_accel_sequence **sequence)
{
	struct spdk_bdev_io_block_params *params = &priv->io.u.bdev;
	struct spdk_io_channel *accel_ch = priv->io.internal.ch->thread->accel_ch;

	if (priv->io.type == SPDK_BDEV_IO_TYPE_WRITE) {
		return spdk_accel_append_copy(sequence, accel_ch, params->iovs, params->iovcnt, NULL, NULL,
			priv->orig_iovs, priv->orig_iovcnt, NULL, NULL, NULL, NULL);
	}
	return spdk_accel_append_copy(sequence, accel_ch, priv->orig_iovs, priv->orig_iovcnt, NULL, NULL, params->iovs,
		params->iovcnt, NULL, NULL, NULL, NULL);
}

/* Sets the buffers that stand in for the user's, and fills them for a write. False: no room in accel, nothing has changed. */
static bool
bounce(struct bdev_io_private *priv, char *aligned)
{
	struct spdk_bdev_io *bdev_io = &priv->io;
	struct spdk_accel_sequence **sequence = sequence_of(bdev_io);

	priv->orig_iovs = bdev_io->u.bdev.iovs;
	priv->orig_iovcnt = bdev_io->u.bdev.iovcnt;
	priv->orig_md_buf = bdev_io->u.bdev.md_buf;
	set_bounce_iovs(priv, aligned);
	priv->bounced_by_sequence = sequence != NULL;
	if (sequence != NULL) {
		if (append_bounce(priv, sequence) != 0) {
			bdev_io->u.bdev.iovs = priv->orig_iovs;
			bdev_io->u.bdev.iovcnt = priv->orig_iovcnt;
			return false;
		}
	} else if (carries_data(bdev_io)) {
		spdk_copy_iovs_to_buf(aligned, priv->data_len, priv->orig_iovs, priv->orig_iovcnt);
		if (priv->md_len > 0 && priv->orig_md_buf != NULL) {
			memcpy(aligned + priv->data_len, priv->orig_md_buf, priv->md_len);
		}
	}
	bdev_io->internal.flags |= BDEV_IO_BOUNCED;
	return true;
}

/* Makes the buffer that priv holds the buffer of the I/O. False: it cannot be now, and is given back. */
static bool
attach(struct bdev_io_private *priv)
{
	struct spdk_bdev_io *bdev_io = &priv->io;
	uintptr_t mask = spdk_bdev_get_buf_align(bdev_io->bdev) - 1;
	char *aligned = (char *)(((uintptr_t)priv->buf + mask) & ~mask);
	size_t md_len = priv->md_len;

	bdev_io->internal.flags |= BDEV_IO_HAS_BUF;
	/* A module may leave parts of a buffer as they are (null does). What others have had in it is not for this reader. */
	if (!carries_data(bdev_io)) {
		memset(aligned, 0, priv->data_len + md_len);
	}
	if (!has_buffer(bdev_io)) {
		spdk_bdev_io_set_buf(bdev_io, aligned, priv->data_len);
	} else if (!bounce(priv, aligned)) {
		bdev_io_put_buf(bdev_io);
		return false;
	}
	/* Who writes without metadata gets none written, rather than what the buffer happens to hold. */
	if (md_len > 0 && (!(bdev_io->internal.flags & BDEV_IO_BOUNCED) || priv->orig_md_buf != NULL)) {
		bdev_io->u.bdev.md_buf = aligned + priv->data_len;
	}
	return true;
}

/* The module has its buffer, or, if accel had no room for a step, gets the I/O again later. */
static void
provide(struct bdev_io_private *priv, spdk_bdev_io_get_buf_cb cb)
{
	if (attach(priv)) {
		cb(priv->io.internal.ch->module_ch, &priv->io, true);
	} else {
		spdk_bdev_io_complete(&priv->io, SPDK_BDEV_IO_STATUS_NOMEM);
	}
}

static void
wait_for_buf(struct spdk_bdev_io *bdev_io)
{
	bdev_io->internal.flags |= BDEV_IO_QUEUED_BUF;
	TAILQ_INSERT_TAIL(&bdev_io->internal.ch->buf_queue, bdev_io, internal_link);
}

static void
stop_waiting(struct spdk_bdev_io *bdev_io)
{
	TAILQ_REMOVE(&bdev_io->internal.ch->buf_queue, bdev_io, internal_link);
	bdev_io->internal.flags &= ~BDEV_IO_QUEUED_BUF;
}

static void
buf_ready_cb(struct spdk_iobuf_entry *entry, void *buf)
{
	struct bdev_io_private *priv = SPDK_CONTAINEROF(entry, struct bdev_io_private, iobuf);

	stop_waiting(&priv->io);
	priv->buf = buf;
	provide(priv, priv->get_buf_cb);
}

void *
bdev_buf_take(struct spdk_bdev_io *bdev_io, uint64_t len, spdk_iobuf_get_cb cb)
{
	struct bdev_io_private *priv = bdev_io_private(bdev_io);
	void *buf;

	priv->wanted_len = len;
	buf = spdk_iobuf_get(&bdev_io->internal.ch->thread->iobuf, len, &priv->iobuf, cb);
	if (buf == NULL) {
		wait_for_buf(bdev_io);
	}
	return buf;
}

struct spdk_bdev_io *
bdev_buf_arrived(struct spdk_iobuf_entry *entry)
{
	struct bdev_io_private *priv = SPDK_CONTAINEROF(entry, struct bdev_io_private, iobuf);

	stop_waiting(&priv->io);
	return &priv->io;
}

/* Adds a buffer for len bytes of data and md_len of separate metadata. */
static void
add_buffer(struct spdk_bdev_io *bdev_io, spdk_bdev_io_get_buf_cb cb, uint64_t len, uint64_t md_len)
{
	struct bdev_io_private *priv = bdev_io_private(bdev_io);
	struct bdev_channel *ch = bdev_io->internal.ch;
	struct spdk_iobuf_opts opts;
	uint64_t extra = spdk_bdev_get_buf_align(bdev_io->bdev) - 1 + md_len;

	if (has_buffer(bdev_io) && !fits_segments(bdev_io->bdev, len)) {
		SPDK_ERRLOG("%s: an aligned buffer of %" PRIu64 " bytes does not fit the bdev's segment limits\n",
			bdev_io->bdev->name, len);
		cb(ch->module_ch, bdev_io, false);
		return;
	}
	spdk_iobuf_get_opts(&opts, sizeof(opts));
	if (len > opts.large_bufsize || extra > opts.large_bufsize - len) {
		SPDK_ERRLOG("%s: an I/O needs a buffer of %" PRIu64 " bytes, more than iobuf's large_bufsize %u\n",
			bdev_io->bdev->name, len + extra, opts.large_bufsize);
		cb(ch->module_ch, bdev_io, false);
		return;
	}
	priv->data_len = len;
	priv->md_len = md_len;
	priv->buf_len = len + extra;
	priv->wanted_len = priv->buf_len;
	priv->get_buf_cb = cb;
	priv->buf = spdk_iobuf_get(&ch->thread->iobuf, priv->buf_len, &priv->iobuf, buf_ready_cb);
	if (priv->buf == NULL) {
		wait_for_buf(bdev_io);
		return;
	}
	provide(priv, cb);
}

/* Its data lie in a domain whose memory the layer does not touch; a module that takes the domain knows what it needs there. */
static bool
is_in_domain(const struct spdk_bdev_io *bdev_io)
{
	return (bdev_io->type == SPDK_BDEV_IO_TYPE_READ || bdev_io->type == SPDK_BDEV_IO_TYPE_WRITE) &&
		bdev_io->u.bdev.memory_domain != NULL;
}

void
spdk_bdev_io_get_buf(struct spdk_bdev_io *bdev_io, spdk_bdev_io_get_buf_cb cb, uint64_t len)
{
	struct bdev_channel *ch = bdev_io->internal.ch;

	if (!has_block_params(bdev_io) || is_in_domain(bdev_io) ||
		(has_buffer(bdev_io) && is_aligned(bdev_io, spdk_bdev_get_buf_align(bdev_io->bdev)))) {
		cb(ch->module_ch, bdev_io, true);
		return;
	}
	add_buffer(bdev_io, cb, len, md_bytes(bdev_io->bdev, bdev_io->u.bdev.num_blocks));
}

void
bdev_io_get_buf_blocks(struct spdk_bdev_io *bdev_io, spdk_bdev_io_get_buf_cb cb, uint64_t num_blocks)
{
	add_buffer(bdev_io, cb, num_blocks * bdev_io->bdev->blocklen, md_bytes(bdev_io->bdev, num_blocks));
}

void
bdev_io_put_buf(struct spdk_bdev_io *bdev_io)
{
	struct bdev_io_private *priv = bdev_io_private(bdev_io);

	bdev_io->internal.flags &= ~BDEV_IO_HAS_BUF;
	spdk_iobuf_put(&bdev_io->internal.ch->thread->iobuf, priv->buf, priv->buf_len);
	priv->buf = NULL;
}

enum spdk_bdev_io_status
bdev_io_unbounce(struct spdk_bdev_io *bdev_io, enum spdk_bdev_io_status status)
{
	struct bdev_io_private *priv = bdev_io_private(bdev_io);
	size_t md_len = priv->md_len;
	char *aligned = priv->child_iov[0].iov_base;

	if (bdev_io->type == SPDK_BDEV_IO_TYPE_READ && status == SPDK_BDEV_IO_STATUS_SUCCESS &&
		!priv->bounced_by_sequence) {
		spdk_copy_buf_to_iovs(priv->orig_iovs, priv->orig_iovcnt, aligned, priv->data_len);
		if (md_len > 0 && priv->orig_md_buf != NULL) {
			memcpy(priv->orig_md_buf, aligned + priv->data_len, md_len);
		}
	}
	bdev_io->u.bdev.iovs = priv->orig_iovs;
	bdev_io->u.bdev.iovcnt = priv->orig_iovcnt;
	bdev_io->u.bdev.md_buf = priv->orig_md_buf;
	bdev_io->internal.flags &= ~BDEV_IO_BOUNCED;
	bdev_io_put_buf(bdev_io);
	return status;
}

void
bdev_buf_cancel(struct spdk_bdev_io *bdev_io)
{
	struct bdev_io_private *priv = bdev_io_private(bdev_io);
	struct bdev_channel *ch = bdev_io->internal.ch;

	stop_waiting(bdev_io);
	spdk_iobuf_entry_abort(&ch->thread->iobuf, &priv->iobuf, priv->wanted_len);
}

void
bdev_buf_abort(struct bdev_channel *ch)
{
	struct spdk_bdev_io *bdev_io;
	bdev_io_tailq_t aborted;

	/* The callbacks may submit I/O that waits for buffers too. */
	TAILQ_INIT(&aborted);
	while ((bdev_io = TAILQ_FIRST(&ch->buf_queue)) != NULL) {
		bdev_buf_cancel(bdev_io);
		TAILQ_INSERT_TAIL(&aborted, bdev_io, internal_link);
	}
	while ((bdev_io = TAILQ_FIRST(&aborted)) != NULL) {
		TAILQ_REMOVE(&aborted, bdev_io, internal_link);
		if ((bdev_io->internal.flags & BDEV_IO_PARENT) || (bdev_io->internal.marks & BDEV_IO_CONVERTING)) {
			bdev_io_end(bdev_io, SPDK_BDEV_IO_STATUS_ABORTED);
		} else {
			spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_ABORTED);
		}
	}
}

void
spdk_bdev_io_set_buf(struct spdk_bdev_io *bdev_io, void *buf, size_t len)
{
	struct iovec *iovs;

	if (bdev_io->u.bdev.iovs == NULL || bdev_io->u.bdev.iovcnt == 0) {
		bdev_io->u.bdev.iovs = &bdev_io->iov;
		bdev_io->u.bdev.iovcnt = 1;
	}
	iovs = bdev_io->u.bdev.iovs;
	iovs[0].iov_base = buf;
	iovs[0].iov_len = len;
}

void
spdk_bdev_io_set_md_buf(struct spdk_bdev_io *bdev_io, void *md_buf, size_t len)
{
	uint64_t needed = md_bytes(bdev_io->bdev, bdev_io->u.bdev.num_blocks);

	if (len < needed) {
		SPDK_ERRLOG("%s: module %s set a metadata buffer of %zu bytes, %" PRIu64 " are needed\n",
			bdev_io->bdev->name, bdev_io->bdev->module->name, len, needed);
		return;
	}
	bdev_io->u.bdev.md_buf = md_buf;
}

/* ---- a second buffer, which no module needs any more ---- */

SPDK_LOG_DEPRECATION_REGISTER(spdk_bdev_io_get_aux_buf, "spdk_bdev_io_get_aux_buf() and its counterpart", "none", 1)

static uint64_t
aux_len(const struct spdk_bdev_io *bdev_io)
{
	return bdev_io->u.bdev.num_blocks * bdev_io->bdev->blocklen;
}

static void
aux_buf_ready_cb(struct spdk_iobuf_entry *entry, void *buf)
{
	struct bdev_io_private *priv = SPDK_CONTAINEROF(entry, struct bdev_io_private, iobuf);

	stop_waiting(&priv->io);
	priv->get_aux_buf_cb(priv->io.internal.ch->module_ch, &priv->io, buf);
}

void
spdk_bdev_io_get_aux_buf(struct spdk_bdev_io *bdev_io, spdk_bdev_io_get_aux_buf_cb cb)
{
	struct bdev_io_private *priv = bdev_io_private(bdev_io);
	struct bdev_channel *ch = bdev_io->internal.ch;
	struct spdk_iobuf_opts opts;
	void *buf;

	SPDK_LOG_DEPRECATED(spdk_bdev_io_get_aux_buf);
	spdk_iobuf_get_opts(&opts, sizeof(opts));
	if (aux_len(bdev_io) > opts.large_bufsize) {
		SPDK_ERRLOG("%s: an I/O needs a buffer of %" PRIu64 " bytes, more than iobuf's large_bufsize %u\n",
			bdev_io->bdev->name, aux_len(bdev_io), opts.large_bufsize);
		cb(ch->module_ch, bdev_io, NULL);
		return;
	}
	priv->get_aux_buf_cb = cb;
	priv->wanted_len = aux_len(bdev_io);
	buf = spdk_iobuf_get(&ch->thread->iobuf, priv->wanted_len, &priv->iobuf, aux_buf_ready_cb);
	if (buf == NULL) {
		wait_for_buf(bdev_io);
		return;
	}
	cb(ch->module_ch, bdev_io, buf);
}

void
spdk_bdev_io_put_aux_buf(struct spdk_bdev_io *bdev_io, void *aux_buf)
{
	SPDK_LOG_DEPRECATED(spdk_bdev_io_get_aux_buf);
	spdk_iobuf_put(&bdev_io->internal.ch->thread->iobuf, aux_buf, aux_len(bdev_io));
}
