/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The submission functions: arguments are checked here, once, in the documented order, and become a spdk_bdev_io.
 */

#include "lib/bdev/bdev_internal.h"

#define always_inline inline __attribute__((always_inline))

/* cdw12 bit that asks the device to make or check protection information by itself. */
#define PRACT SPDK_DIF_FLAGS_NVME_PRACT

static always_inline bool
is_in_range(const struct spdk_bdev *bdev, uint64_t offset_blocks, uint64_t num_blocks)
{
	/* It may grow meanwhile, on another thread. */
	uint64_t blockcnt = __atomic_load_n(&bdev->blockcnt, __ATOMIC_RELAXED);

	return num_blocks <= blockcnt && offset_blocks <= blockcnt - num_blocks;
}

/* Turns bytes into the descriptor's blocks. False: not whole blocks. */
static always_inline bool
bytes_to_blocks(const struct spdk_bdev_desc *desc, uint64_t *offset, uint64_t *length)
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

/* Takes an I/O and fills in what all types have. NULL: none left. */
static always_inline struct spdk_bdev_io *
take_io(struct spdk_bdev *bdev, struct spdk_bdev_desc *desc, struct bdev_channel *ch, enum spdk_bdev_io_type type,
	uint64_t offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	struct bdev_io_cache *cache = &ch->thread->cache;
	struct spdk_bdev_io *bdev_io;

	if (spdk_likely(cache->in_use < cache->held)) {
		bdev_io = cache->stack[cache->in_use++];
	} else {
		bdev_io = bdev_io_cache_refill(cache);
		if (bdev_io == NULL) {
			return NULL;
		}
	}
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
	bdev_io->internal.reserved = 0;
	bdev_io->internal.flags = BDEV_IO_IN_SUBMIT;
	bdev_io->internal.reserved2 = 0;
	bdev_io->u.bdev.num_blocks = num_blocks;
	bdev_io->u.bdev.offset_blocks = offset_blocks;
	bdev_io->u.bdev.dif_check_flags = bdev->dif_check_flags;
	return bdev_io;
}

static always_inline void
set_buffers(struct spdk_bdev_io *bdev_io, struct iovec *iovs, int iovcnt, void *md_buf)
{
	bdev_io->u.bdev.iovs = iovs;
	bdev_io->u.bdev.iovcnt = iovcnt;
	bdev_io->u.bdev.md_buf = md_buf;
}

struct spdk_bdev_io *
bdev_io_take_inner(struct spdk_bdev_io *outer, enum spdk_bdev_io_type type, spdk_bdev_io_completion_cb cb)
{
	/* The descriptor may be closed already: it is not looked at. */
	return take_io(outer->bdev, outer->internal.desc, outer->internal.ch, type, 0, 0, cb, bdev_io_private(outer));
}

void
bdev_io_drop_inner(struct spdk_bdev_io *inner)
{
	inner->internal.status = SPDK_BDEV_IO_STATUS_SUCCESS;
	inner->internal.flags = 0;
	spdk_bdev_free_io(inner);
}

/* One buffer in, one spdk_bdev_io out: the way that most I/O takes, without a turn. */
static always_inline int
rw_buffer(enum spdk_bdev_io_type type, struct spdk_bdev_desc *desc, struct spdk_io_channel *io_ch, void *buf,
	void *md_buf, uint64_t offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	struct bdev_channel *ch = spdk_io_channel_get_ctx(io_ch);
	struct spdk_bdev_io *bdev_io;

	if (type == SPDK_BDEV_IO_TYPE_WRITE && spdk_unlikely(!desc->write)) {
		return -EBADF;
	}
	if (spdk_unlikely(!is_in_range(desc->bdev, offset_blocks, num_blocks))) {
		return -EINVAL;
	}
	if (spdk_unlikely(desc->gates != 0)) {
		/* A single buffer cannot leave the metadata out. */
		return -ENOTSUP;
	}
	bdev_io = take_io(desc->bdev, desc, ch, type, offset_blocks, num_blocks, cb, cb_arg);
	if (spdk_unlikely(bdev_io == NULL)) {
		return -ENOMEM;
	}
	bdev_io->iov.iov_base = buf;
	bdev_io->iov.iov_len = num_blocks * desc->block_size;
	set_buffers(bdev_io, &bdev_io->iov, 1, md_buf);
	bdev_io_submit(bdev_io, ch);
	return 0;
}

static int
check_md_buffer(const struct spdk_bdev_desc *desc, const void *buf, const void *md_buf)
{
	if (md_buf != NULL && (!spdk_bdev_is_md_separate(desc->bdev) || buf == NULL)) {
		return -EINVAL;
	}
	return 0;
}

/* ---- one buffer ---- */

int
spdk_bdev_read_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *buf, uint64_t offset_blocks,
	uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	return rw_buffer(SPDK_BDEV_IO_TYPE_READ, desc, ch, buf, NULL, offset_blocks, num_blocks, cb, cb_arg);
}

int
spdk_bdev_write_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *buf, uint64_t offset_blocks,
	uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	return rw_buffer(SPDK_BDEV_IO_TYPE_WRITE, desc, ch, buf, NULL, offset_blocks, num_blocks, cb, cb_arg);
}

int
spdk_bdev_read(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *buf, uint64_t offset, uint64_t nbytes,
	spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	if (!bytes_to_blocks(desc, &offset, &nbytes)) {
		return -EINVAL;
	}
	return rw_buffer(SPDK_BDEV_IO_TYPE_READ, desc, ch, buf, NULL, offset, nbytes, cb, cb_arg);
}

int
spdk_bdev_write(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *buf, uint64_t offset, uint64_t nbytes,
	spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	if (!bytes_to_blocks(desc, &offset, &nbytes)) {
		return -EINVAL;
	}
	return rw_buffer(SPDK_BDEV_IO_TYPE_WRITE, desc, ch, buf, NULL, offset, nbytes, cb, cb_arg);
}

int
spdk_bdev_read_blocks_with_md(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *buf, void *md,
	uint64_t offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	int rc = check_md_buffer(desc, buf, md);

	if (rc != 0) {
		return rc;
	}
	if (desc->hide_metadata && buf == NULL) {
		return -EINVAL;
	}
	return rw_buffer(SPDK_BDEV_IO_TYPE_READ, desc, ch, buf, md, offset_blocks, num_blocks, cb, cb_arg);
}

int
spdk_bdev_write_blocks_with_md(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *buf, void *md,
	uint64_t offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	int rc = check_md_buffer(desc, buf, md);

	if (rc != 0) {
		return rc;
	}
	return rw_buffer(SPDK_BDEV_IO_TYPE_WRITE, desc, ch, buf, md, offset_blocks, num_blocks, cb, cb_arg);
}

/* ---- several buffers ---- */

/* What a vectored read or write may carry besides its buffers. */
struct rw_extra {
	void *md_buf;
	struct spdk_memory_domain *memory_domain;
	void *memory_domain_ctx;
	uint32_t dif_check_flags_exclude;
	union spdk_bdev_nvme_cdw12 cdw12;
	union spdk_bdev_nvme_cdw13 cdw13;
};

static always_inline int
rw_vector(enum spdk_bdev_io_type type, struct spdk_bdev_desc *desc, struct spdk_io_channel *io_ch, struct iovec *iovs,
	int iovcnt, uint64_t offset_blocks, uint64_t num_blocks, const struct rw_extra *extra,
	spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	struct bdev_channel *ch = spdk_io_channel_get_ctx(io_ch);
	struct spdk_bdev_io *bdev_io;

	if (type == SPDK_BDEV_IO_TYPE_WRITE && spdk_unlikely(!desc->write)) {
		return -EBADF;
	}
	if (spdk_unlikely(!is_in_range(desc->bdev, offset_blocks, num_blocks))) {
		return -EINVAL;
	}
	if (spdk_unlikely(desc->gates != 0)) {
		/* Metadata that the opener does not see would have to be made and checked here. */
		return -ENOTSUP;
	}
	bdev_io = take_io(desc->bdev, desc, ch, type, offset_blocks, num_blocks, cb, cb_arg);
	if (spdk_unlikely(bdev_io == NULL)) {
		return -ENOMEM;
	}
	set_buffers(bdev_io, iovs, iovcnt, extra != NULL ? extra->md_buf : NULL);
	if (extra != NULL) {
		bdev_io->internal.flags |= BDEV_IO_RARE_FIELDS;
		bdev_io->u.bdev.memory_domain = extra->memory_domain;
		bdev_io->u.bdev.memory_domain_ctx = extra->memory_domain_ctx;
		bdev_io->u.bdev.dif_check_flags &= ~extra->dif_check_flags_exclude;
		bdev_io->u.bdev.nvme_cdw12 = extra->cdw12;
		bdev_io->u.bdev.nvme_cdw13 = extra->cdw13;
	}
	bdev_io_submit(bdev_io, ch);
	return 0;
}

int
spdk_bdev_readv_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, struct iovec *iov, int iovcnt,
	uint64_t offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	return rw_vector(SPDK_BDEV_IO_TYPE_READ, desc, ch, iov, iovcnt, offset_blocks, num_blocks, NULL, cb, cb_arg);
}

int
spdk_bdev_writev_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, struct iovec *iov, int iovcnt,
	uint64_t offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	return rw_vector(SPDK_BDEV_IO_TYPE_WRITE, desc, ch, iov, iovcnt, offset_blocks, num_blocks, NULL, cb, cb_arg);
}

int
spdk_bdev_readv(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, struct iovec *iov, int iovcnt, uint64_t offset,
	uint64_t nbytes, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	if (!bytes_to_blocks(desc, &offset, &nbytes)) {
		return -EINVAL;
	}
	return rw_vector(SPDK_BDEV_IO_TYPE_READ, desc, ch, iov, iovcnt, offset, nbytes, NULL, cb, cb_arg);
}

int
spdk_bdev_writev(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, struct iovec *iov, int iovcnt,
	uint64_t offset, uint64_t len, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	if (!bytes_to_blocks(desc, &offset, &len)) {
		return -EINVAL;
	}
	return rw_vector(SPDK_BDEV_IO_TYPE_WRITE, desc, ch, iov, iovcnt, offset, len, NULL, cb, cb_arg);
}

static const void *
first_base(const struct iovec *iov, int iovcnt)
{
	return iov != NULL && iovcnt > 0 ? iov[0].iov_base : NULL;
}

static int
rw_vector_md(enum spdk_bdev_io_type type, struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, struct iovec *iov,
	int iovcnt, void *md, uint64_t offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	struct rw_extra extra = {.md_buf = md};
	int rc = check_md_buffer(desc, first_base(iov, iovcnt), md);

	if (rc != 0) {
		return rc;
	}
	return rw_vector(type, desc, ch, iov, iovcnt, offset_blocks, num_blocks, &extra, cb, cb_arg);
}

int
spdk_bdev_readv_blocks_with_md(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, struct iovec *iov, int iovcnt,
	void *md, uint64_t offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	return rw_vector_md(SPDK_BDEV_IO_TYPE_READ, desc, ch, iov, iovcnt, md, offset_blocks, num_blocks, cb, cb_arg);
}

int
spdk_bdev_writev_blocks_with_md(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, struct iovec *iov, int iovcnt,
	void *md, uint64_t offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	return rw_vector_md(SPDK_BDEV_IO_TYPE_WRITE, desc, ch, iov, iovcnt, md, offset_blocks, num_blocks, cb, cb_arg);
}

/* The value of an option, or 0 if the caller's structure ends before it. */
#define EXT_OPT(opts, field) \
	((opts)->size >= offsetof(struct spdk_bdev_ext_io_opts, field) + sizeof((opts)->field) \
			? (opts)->field \
			: (typeof((opts)->field)){0})

static int
check_ext_opts(const struct spdk_bdev_desc *desc, const struct iovec *iov, int iovcnt,
	const struct spdk_bdev_ext_io_opts *opts, struct rw_extra *extra)
{
	const void *base = first_base(iov, iovcnt);
	struct spdk_accel_sequence *sequence;
	int rc;

	if (opts->size < offsetof(struct spdk_bdev_ext_io_opts, metadata) + sizeof(opts->metadata) ||
		opts->size > sizeof(*opts)) {
		return -EINVAL;
	}
	extra->md_buf = opts->metadata;
	extra->memory_domain = opts->memory_domain;
	extra->memory_domain_ctx = opts->memory_domain_ctx;
	extra->dif_check_flags_exclude = EXT_OPT(opts, dif_check_flags_exclude_mask);
	extra->cdw12 = EXT_OPT(opts, nvme_cdw12);
	extra->cdw13 = EXT_OPT(opts, nvme_cdw13);
	sequence = EXT_OPT(opts, accel_sequence);

	if (extra->memory_domain != NULL && base == NULL) {
		return -EINVAL;
	}
	if (extra->md_buf != NULL) {
		rc = check_md_buffer(desc, base, extra->md_buf);
		if (rc != 0) {
			return rc;
		}
		if (sequence != NULL) {
			return -EINVAL;
		}
		if (extra->cdw12.raw & PRACT) {
			return -ENOTSUP;
		}
	}
	/* What would need the layer to move, make or check data by other means than plain memory. */
	if (sequence != NULL || (extra->memory_domain != NULL && !desc->memory_domains_supported) ||
		((extra->cdw12.raw & PRACT) && spdk_bdev_is_md_interleaved(desc->bdev))) {
		return -ENOTSUP;
	}
	return 0;
}

static int
rw_vector_ext(enum spdk_bdev_io_type type, struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, struct iovec *iov,
	int iovcnt, uint64_t offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg,
	const struct spdk_bdev_ext_io_opts *opts)
{
	struct rw_extra extra = {};
	int rc;

	if (opts == NULL) {
		return rw_vector(type, desc, ch, iov, iovcnt, offset_blocks, num_blocks, NULL, cb, cb_arg);
	}
	rc = check_ext_opts(desc, iov, iovcnt, opts, &extra);
	if (rc != 0) {
		return rc;
	}
	return rw_vector(type, desc, ch, iov, iovcnt, offset_blocks, num_blocks, &extra, cb, cb_arg);
}

int
spdk_bdev_readv_blocks_ext(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, struct iovec *iov, int iovcnt,
	uint64_t offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg,
	struct spdk_bdev_ext_io_opts *opts)
{
	return rw_vector_ext(
		SPDK_BDEV_IO_TYPE_READ, desc, ch, iov, iovcnt, offset_blocks, num_blocks, cb, cb_arg, opts);
}

int
spdk_bdev_writev_blocks_ext(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, struct iovec *iov, int iovcnt,
	uint64_t offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg,
	struct spdk_bdev_ext_io_opts *opts)
{
	return rw_vector_ext(
		SPDK_BDEV_IO_TYPE_WRITE, desc, ch, iov, iovcnt, offset_blocks, num_blocks, cb, cb_arg, opts);
}

/* ---- without data ---- */

int
spdk_bdev_unmap_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *io_ch, uint64_t offset_blocks,
	uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	struct bdev_channel *ch = spdk_io_channel_get_ctx(io_ch);
	struct spdk_bdev_io *bdev_io;

	if (!desc->write) {
		return -EBADF;
	}
	if (!is_in_range(desc->bdev, offset_blocks, num_blocks)) {
		return -EINVAL;
	}
	bdev_io = take_io(desc->bdev, desc, ch, SPDK_BDEV_IO_TYPE_UNMAP, offset_blocks, num_blocks, cb, cb_arg);
	if (bdev_io == NULL) {
		return -ENOMEM;
	}
	bdev_io->iov.iov_base = NULL;
	bdev_io->iov.iov_len = 0;
	set_buffers(bdev_io, &bdev_io->iov, 1, NULL);
	if (num_blocks == 0) {
		bdev_io_end(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
		bdev_io->internal.flags &= ~BDEV_IO_IN_SUBMIT;
		return 0;
	}
	bdev_io_submit_gated(bdev_io);
	return 0;
}

int
spdk_bdev_unmap(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, uint64_t offset, uint64_t nbytes,
	spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	if (!bytes_to_blocks(desc, &offset, &nbytes)) {
		return -EINVAL;
	}
	return spdk_bdev_unmap_blocks(desc, ch, offset, nbytes, cb, cb_arg);
}

int
spdk_bdev_write_zeroes_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *io_ch, uint64_t offset_blocks,
	uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	struct bdev_channel *ch = spdk_io_channel_get_ctx(io_ch);
	struct spdk_bdev *bdev = desc->bdev;
	struct spdk_bdev_io *bdev_io;

	if (!desc->write) {
		return -EBADF;
	}
	if (!is_in_range(bdev, offset_blocks, num_blocks)) {
		return -EINVAL;
	}
	if (!bdev_io_type_is_native(bdev, SPDK_BDEV_IO_TYPE_WRITE_ZEROES) &&
		!bdev_io_type_is_native(bdev, SPDK_BDEV_IO_TYPE_WRITE)) {
		return -ENOTSUP;
	}
	bdev_io = take_io(desc->bdev, desc, ch, SPDK_BDEV_IO_TYPE_WRITE_ZEROES, offset_blocks, num_blocks, cb, cb_arg);
	if (bdev_io == NULL) {
		return -ENOMEM;
	}
	set_buffers(bdev_io, NULL, 0, NULL);
	bdev_io_submit_gated(bdev_io);
	return 0;
}

int
spdk_bdev_write_zeroes(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, uint64_t offset, uint64_t len,
	spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	if (!bytes_to_blocks(desc, &offset, &len)) {
		return -EINVAL;
	}
	return spdk_bdev_write_zeroes_blocks(desc, ch, offset, len, cb, cb_arg);
}

int
spdk_bdev_flush_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *io_ch, uint64_t offset_blocks,
	uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	struct bdev_channel *ch = spdk_io_channel_get_ctx(io_ch);
	struct spdk_bdev_io *bdev_io;

	if (!desc->write) {
		return -EBADF;
	}
	if (!bdev_io_type_is_native(desc->bdev, SPDK_BDEV_IO_TYPE_FLUSH)) {
		return -ENOTSUP;
	}
	if (!is_in_range(desc->bdev, offset_blocks, num_blocks)) {
		return -EINVAL;
	}
	bdev_io = take_io(desc->bdev, desc, ch, SPDK_BDEV_IO_TYPE_FLUSH, offset_blocks, num_blocks, cb, cb_arg);
	if (bdev_io == NULL) {
		return -ENOMEM;
	}
	set_buffers(bdev_io, NULL, 0, NULL);
	bdev_io_submit_gated(bdev_io);
	return 0;
}

int
spdk_bdev_flush(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, uint64_t offset, uint64_t length,
	spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	if (!bytes_to_blocks(desc, &offset, &length)) {
		return -EINVAL;
	}
	return spdk_bdev_flush_blocks(desc, ch, offset, length, cb, cb_arg);
}

int
spdk_bdev_reset(struct spdk_bdev_desc *desc, struct spdk_io_channel *io_ch, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	struct bdev_channel *ch = spdk_io_channel_get_ctx(io_ch);
	struct spdk_bdev_io *bdev_io;

	bdev_io = take_io(desc->bdev, desc, ch, SPDK_BDEV_IO_TYPE_RESET, 0, 0, cb, cb_arg);
	if (bdev_io == NULL) {
		return -ENOMEM;
	}
	bdev_reset_start(bdev_io);
	return 0;
}
