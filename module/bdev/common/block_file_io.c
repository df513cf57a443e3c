/* SPDX-License-Identifier: BSD-3-Clause */

#include "module/bdev/common/block_file.h"

uint64_t
block_file_io_offset(const struct spdk_bdev_io *bdev_io)
{
	return bdev_io->u.bdev.offset_blocks * bdev_io->bdev->blocklen;
}

uint64_t
block_file_io_length(const struct spdk_bdev_io *bdev_io)
{
	return bdev_io->u.bdev.num_blocks * bdev_io->bdev->blocklen;
}

bool
block_file_io_buffers_fit(const struct spdk_bdev_io *bdev_io)
{
	uint64_t len = block_file_io_length(bdev_io);
	uint64_t sum = 0;

	if (bdev_io->u.bdev.iovcnt == 1) {
		return bdev_io->u.bdev.iovs[0].iov_len >= len;
	}
	for (int i = 0; i < bdev_io->u.bdev.iovcnt; i++) {
		sum += bdev_io->u.bdev.iovs[i].iov_len;
	}
	return sum == len;
}

bool
block_file_io_lengths_fit(const struct block_file *file, const struct spdk_bdev_io *bdev_io)
{
	if (!file->direct || bdev_io->u.bdev.iovcnt == 1) {
		return true;
	}
	for (int i = 0; i < bdev_io->u.bdev.iovcnt; i++) {
		if (bdev_io->u.bdev.iovs[i].iov_len % file->length_align != 0) {
			return false;
		}
	}
	return true;
}

int64_t
block_file_io_run(const struct block_file *file, const struct spdk_bdev_io *bdev_io)
{
	struct iovec *iovs = bdev_io->u.bdev.iovs;
	int iovcnt = bdev_io->u.bdev.iovcnt;
	uint64_t offset = block_file_io_offset(bdev_io);
	uint64_t len = block_file_io_length(bdev_io);

	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_READ:
		return block_file_read(file, iovs, iovcnt, offset, len);
	case SPDK_BDEV_IO_TYPE_WRITE:
		return block_file_write(file, iovs, iovcnt, offset, len);
	case SPDK_BDEV_IO_TYPE_FLUSH:
		return block_file_sync(file);
	case SPDK_BDEV_IO_TYPE_UNMAP:
		return block_file_discard(file, offset, len);
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
		return block_file_zero(file, offset, len);
	case SPDK_BDEV_IO_TYPE_SEEK_DATA:
	case SPDK_BDEV_IO_TYPE_SEEK_HOLE:
		return block_file_seek(file, bdev_io->type == SPDK_BDEV_IO_TYPE_SEEK_HOLE, offset,
			spdk_bdev_get_num_blocks(bdev_io->bdev) * bdev_io->bdev->blocklen, bdev_io->bdev->blocklen);
	default:
		return -EINVAL;
	}
}

void
block_file_io_complete_seek(struct spdk_bdev_io *bdev_io, int64_t result)
{
	if (result < 0 && result != -ENXIO) {
		spdk_bdev_io_complete_aio_status(bdev_io, result);
		return;
	}
	bdev_io->u.bdev.seek.offset = result >= 0 ? (uint64_t)result / bdev_io->bdev->blocklen : UINT64_MAX;
	spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
}
