/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What modules and owners may ask of a spdk_bdev_io.
 */

#include "lib/bdev/io_internal.h"

static bool
has_data(const struct spdk_bdev_io *bdev_io)
{
	return bdev_io->type == SPDK_BDEV_IO_TYPE_READ || bdev_io->type == SPDK_BDEV_IO_TYPE_WRITE ||
		bdev_io->type == SPDK_BDEV_IO_TYPE_ZCOPY;
}

void
spdk_bdev_io_get_iovec(struct spdk_bdev_io *bdev_io, struct iovec **iovp, int *iovcntp)
{
	struct iovec *iovs = has_data(bdev_io) ? bdev_io->u.bdev.iovs : NULL;
	int iovcnt = has_data(bdev_io) ? bdev_io->u.bdev.iovcnt : 0;

	if (iovp != NULL) {
		*iovp = iovs;
	}
	if (iovcntp != NULL) {
		*iovcntp = iovcnt;
	}
}

void *
spdk_bdev_io_get_md_buf(struct spdk_bdev_io *bdev_io)
{
	if (!spdk_bdev_is_md_separate(bdev_io->bdev) ||
		(bdev_io->type != SPDK_BDEV_IO_TYPE_READ && bdev_io->type != SPDK_BDEV_IO_TYPE_WRITE)) {
		return NULL;
	}
	return bdev_io->u.bdev.md_buf;
}

uint64_t
spdk_bdev_io_get_seek_offset(const struct spdk_bdev_io *bdev_io)
{
	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_SEEK_DATA:
	case SPDK_BDEV_IO_TYPE_SEEK_HOLE:
		return bdev_io->u.bdev.seek.offset;
	default:
		return 0;
	}
}

void *
spdk_bdev_io_get_cb_arg(struct spdk_bdev_io *bdev_io)
{
	if (spdk_unlikely(bdev_io->internal.cb == bdev_route_end_cb)) {
		return bdev_io_private(bdev_io)->upper.caller_ctx;
	}
	return bdev_io->internal.caller_ctx;
}

struct spdk_thread *
spdk_bdev_io_get_thread(struct spdk_bdev_io *bdev_io)
{
	return bdev_io->internal.ch->thread->thread;
}

struct spdk_io_channel *
spdk_bdev_io_get_io_channel(struct spdk_bdev_io *bdev_io)
{
	return bdev_io->internal.ch->module_ch;
}

uint64_t
spdk_bdev_io_get_submit_tsc(struct spdk_bdev_io *bdev_io)
{
	return bdev_io->internal.submit_tsc;
}

bool
spdk_bdev_io_hide_metadata(struct spdk_bdev_io *bdev_io)
{
	return (bdev_io->internal.marks & BDEV_IO_HIDES_METADATA) != 0;
}
