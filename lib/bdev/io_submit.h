/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What the submission functions of all types begin with: arguments become blocks and are checked, and a spdk_bdev_io is
 * taken and filled in. All of it is inlined, as reads and writes are told apart by the compiler, not by each I/O.
 */

#ifndef BDEV_IO_SUBMIT_H
#define BDEV_IO_SUBMIT_H

#include "lib/bdev/io_internal.h"

#define BDEV_INLINE inline __attribute__((always_inline))

static BDEV_INLINE bool
bdev_range_fits(const struct spdk_bdev *bdev, uint64_t offset_blocks, uint64_t num_blocks)
{
	/* It may grow meanwhile, on another thread. */
	uint64_t blockcnt = __atomic_load_n(&bdev->blockcnt, __ATOMIC_ACQUIRE);

	return num_blocks <= blockcnt && offset_blocks <= blockcnt - num_blocks;
}

/* Turns bytes into the descriptor's blocks. False: not whole blocks. */
static BDEV_INLINE bool
bdev_desc_bytes_to_blocks(const struct spdk_bdev_desc *desc, uint64_t *offset, uint64_t *length)
{
	uint64_t mask;

	if (spdk_likely(desc->block_shift != 0)) {
		mask = (1ULL << desc->block_shift) - 1;
		if (((*offset | *length) & mask) != 0) {
			return false;
		}
		*offset >>= desc->block_shift;
		*length >>= desc->block_shift;
		return true;
	}
	if (desc->block_size == 0 || *offset % desc->block_size != 0 || *length % desc->block_size != 0) {
		return false;
	}
	*offset /= desc->block_size;
	*length /= desc->block_size;
	return true;
}

/* Fills in what all types have. */
static BDEV_INLINE void
bdev_io_begin(struct spdk_bdev_io *bdev_io, struct spdk_bdev *bdev, struct spdk_bdev_desc *desc,
	struct bdev_channel *ch, enum spdk_bdev_io_type type, uint64_t offset_blocks, uint64_t num_blocks,
	spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	bdev_io->bdev = bdev;
	bdev_io->type = type;
	bdev_io->reserved0 = 0;
	bdev_io->num_retries = 0;
	bdev_io->reserved1 = 0;
	bdev_io->internal.ch = ch;
	bdev_io->internal.desc = desc;
	bdev_io->internal.cb = cb;
	bdev_io->internal.caller_ctx = cb_arg;
	bdev_io->internal.submit_tsc = bdev_thread_now(ch->thread);
	bdev_io->internal.status = SPDK_BDEV_IO_STATUS_PENDING;
	bdev_io->internal.marks = 0;
	bdev_io->internal.flags = BDEV_IO_IN_SUBMIT;
	bdev_io->internal.reserved2 = 0;
	bdev_io->u.bdev.num_blocks = num_blocks;
	bdev_io->u.bdev.offset_blocks = offset_blocks;
	bdev_io->u.bdev.dif_check_flags = bdev->dif_check_flags;
}

/* Takes an I/O for a user and fills in what all types have. NULL: none left. */
static BDEV_INLINE struct spdk_bdev_io *
bdev_io_take(struct spdk_bdev *bdev, struct spdk_bdev_desc *desc, struct bdev_channel *ch, enum spdk_bdev_io_type type,
	uint64_t offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	struct bdev_io_cache *cache = &ch->thread->cache;
	struct spdk_bdev_io *bdev_io;

	if (spdk_likely(cache->in_use < cache->limit)) {
		bdev_io = cache->stack[cache->in_use++];
	} else {
		bdev_io = bdev_io_cache_refill(cache, BDEV_IO_RANK_USER);
		if (bdev_io == NULL) {
			return NULL;
		}
	}
	bdev_io_begin(bdev_io, bdev, desc, ch, type, offset_blocks, num_blocks, cb, cb_arg);
	return bdev_io;
}

static BDEV_INLINE void
bdev_io_set_buffers(struct spdk_bdev_io *bdev_io, struct iovec *iovs, int iovcnt, void *md_buf)
{
	bdev_io->u.bdev.iovs = iovs;
	bdev_io->u.bdev.iovcnt = iovcnt;
	bdev_io->u.bdev.md_buf = md_buf;
}

/* The same for one buffer of len bytes. */
static BDEV_INLINE void
bdev_io_set_buffer(struct spdk_bdev_io *bdev_io, void *buf, uint64_t len, void *md_buf)
{
	bdev_io->iov.iov_base = buf;
	bdev_io->iov.iov_len = len;
	bdev_io_set_buffers(bdev_io, &bdev_io->iov, 1, md_buf);
}

/* NULL: none of the buffers is there. */
static inline const void *
bdev_iov_first_base(const struct iovec *iov, int iovcnt)
{
	return iov != NULL && iovcnt > 0 ? iov[0].iov_base : NULL;
}

static inline int
bdev_desc_check_md(const struct spdk_bdev_desc *desc, const void *buf, const void *md_buf)
{
	if (md_buf != NULL && (!spdk_bdev_is_md_separate(desc->bdev) || buf == NULL)) {
		return -EINVAL;
	}
	return 0;
}

#endif /* BDEV_IO_SUBMIT_H */
