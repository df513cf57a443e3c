/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Reads and writes: arguments are checked here, once, in the documented order, and become a spdk_bdev_io.
 */

#include "lib/bdev/io_submit.h"
#include "lib/bdev/route.h"
#include "spdk/dma.h"

/* cdw12 bit that asks the device to make or check protection information by itself. */
#define PRACT SPDK_DIF_FLAGS_NVME_PRACT

/* Metadata is made and checked on the way between two buffers, by the framework of operations on data. */
static bool
can_convert(const struct bdev_channel *ch, const void *buf)
{
	return buf != NULL && ch->thread->accel_ch != NULL;
}

/* One buffer in, one spdk_bdev_io out: the way that most I/O takes, without a turn. gates: those of the descriptor. */
static BDEV_INLINE int
submit_buffer(enum spdk_bdev_io_type type, struct spdk_bdev_desc *desc, uint32_t gates, struct spdk_io_channel *io_ch,
	void *buf, void *md_buf, uint64_t offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb,
	void *cb_arg)
{
	struct bdev_channel *ch = spdk_io_channel_get_ctx(io_ch);
	struct spdk_bdev_io *bdev_io;

	if (type == SPDK_BDEV_IO_TYPE_WRITE && spdk_unlikely(!desc->write)) {
		return -EBADF;
	}
	if (spdk_unlikely(!bdev_range_fits(desc->bdev, offset_blocks, num_blocks))) {
		return -EINVAL;
	}
	if (spdk_unlikely((gates & BDEV_GATE_HIDDEN_METADATA) && !can_convert(ch, buf))) {
		return -ENOTSUP;
	}
	if (gates & BDEV_GATE_ROUTED) {
		bdev_io = bdev_route_take(desc, ch, type, offset_blocks, num_blocks, cb, cb_arg);
	} else {
		bdev_io = bdev_io_take(desc->bdev, desc, ch, type, offset_blocks, num_blocks, cb, cb_arg);
	}
	if (spdk_unlikely(bdev_io == NULL)) {
		return -ENOMEM;
	}
	bdev_io_set_buffer(bdev_io, buf, num_blocks * desc->block_size, md_buf);
	if (spdk_unlikely(gates & BDEV_GATE_HIDDEN_METADATA)) {
		bdev_convert_submit(bdev_io, NULL);
	} else if (gates & BDEV_GATE_ROUTED) {
		bdev_io_submit(bdev_io, bdev_io->internal.ch);
	} else {
		bdev_io_submit(bdev_io, ch);
	}
	return 0;
}

/* With one of the gates that descriptors have. */
static BDEV_INLINE int
submit_gated_buffer(enum spdk_bdev_io_type type, struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *buf,
	void *md_buf, uint64_t offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	if (spdk_likely(desc->gates == BDEV_GATE_ROUTED)) {
		return submit_buffer(
			type, desc, BDEV_GATE_ROUTED, ch, buf, md_buf, offset_blocks, num_blocks, cb, cb_arg);
	}
	return submit_buffer(
		type, desc, BDEV_GATE_HIDDEN_METADATA, ch, buf, md_buf, offset_blocks, num_blocks, cb, cb_arg);
}

static int __attribute__((noinline))
rw_buffer_gated(enum spdk_bdev_io_type type, struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *buf,
	void *md_buf, uint64_t offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	return submit_gated_buffer(type, desc, ch, buf, md_buf, offset_blocks, num_blocks, cb, cb_arg);
}

static BDEV_INLINE int
rw_buffer(enum spdk_bdev_io_type type, struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *buf, void *md_buf,
	uint64_t offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	if (spdk_unlikely(desc->gates != 0)) {
		return rw_buffer_gated(type, desc, ch, buf, md_buf, offset_blocks, num_blocks, cb, cb_arg);
	}
	return submit_buffer(type, desc, 0, ch, buf, md_buf, offset_blocks, num_blocks, cb, cb_arg);
}

/* ---- one buffer ---- */

/*
 * The most usual two: their arguments go on as they are, so that whoever calls may be given the way that is his at once.
 */

static int __attribute__((noinline)) read_blocks_plain(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
	void *buf, uint64_t offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	return submit_buffer(SPDK_BDEV_IO_TYPE_READ, desc, 0, ch, buf, NULL, offset_blocks, num_blocks, cb, cb_arg);
}

static int __attribute__((noinline)) read_blocks_gated(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
	void *buf, uint64_t offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	return submit_gated_buffer(SPDK_BDEV_IO_TYPE_READ, desc, ch, buf, NULL, offset_blocks, num_blocks, cb, cb_arg);
}

int
spdk_bdev_read_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *buf, uint64_t offset_blocks,
	uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	if (spdk_unlikely(desc->gates != 0)) {
		return read_blocks_gated(desc, ch, buf, offset_blocks, num_blocks, cb, cb_arg);
	}
	return read_blocks_plain(desc, ch, buf, offset_blocks, num_blocks, cb, cb_arg);
}

static int __attribute__((noinline)) write_blocks_plain(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
	void *buf, uint64_t offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	return submit_buffer(SPDK_BDEV_IO_TYPE_WRITE, desc, 0, ch, buf, NULL, offset_blocks, num_blocks, cb, cb_arg);
}

static int __attribute__((noinline)) write_blocks_gated(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
	void *buf, uint64_t offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	return submit_gated_buffer(SPDK_BDEV_IO_TYPE_WRITE, desc, ch, buf, NULL, offset_blocks, num_blocks, cb, cb_arg);
}

int
spdk_bdev_write_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *buf, uint64_t offset_blocks,
	uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	if (spdk_unlikely(desc->gates != 0)) {
		return write_blocks_gated(desc, ch, buf, offset_blocks, num_blocks, cb, cb_arg);
	}
	return write_blocks_plain(desc, ch, buf, offset_blocks, num_blocks, cb, cb_arg);
}

int
spdk_bdev_read(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *buf, uint64_t offset, uint64_t nbytes,
	spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	if (!bdev_desc_bytes_to_blocks(desc, &offset, &nbytes)) {
		return -EINVAL;
	}
	return rw_buffer(SPDK_BDEV_IO_TYPE_READ, desc, ch, buf, NULL, offset, nbytes, cb, cb_arg);
}

int
spdk_bdev_write(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *buf, uint64_t offset, uint64_t nbytes,
	spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	if (!bdev_desc_bytes_to_blocks(desc, &offset, &nbytes)) {
		return -EINVAL;
	}
	return rw_buffer(SPDK_BDEV_IO_TYPE_WRITE, desc, ch, buf, NULL, offset, nbytes, cb, cb_arg);
}

int
spdk_bdev_read_blocks_with_md(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *buf, void *md,
	uint64_t offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	int rc = bdev_desc_check_md(desc, buf, md);

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
	int rc = bdev_desc_check_md(desc, buf, md);

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
	struct spdk_accel_sequence *sequence;
	uint32_t dif_check_flags_exclude;
	union spdk_bdev_nvme_cdw12 cdw12;
	union spdk_bdev_nvme_cdw13 cdw13;
};

/* True if data have to be moved, made or checked by other means than plain memory. */
static bool
has_to_convert(const struct spdk_bdev_desc *desc, const struct rw_extra *extra)
{
	return (desc->gates & BDEV_GATE_HIDDEN_METADATA) || extra->sequence != NULL ||
		(extra->memory_domain != NULL && !desc->memory_domains_supported) ||
		bdev_convert_strips(desc->bdev, extra->cdw12.raw);
}

/* What lies behind the usual fields; they are zero unless it is. The sequence is the module's, who takes it out again. */
static bool
has_rare_fields(const struct rw_extra *extra)
{
	return extra->memory_domain != NULL || extra->memory_domain_ctx != NULL ||
		(extra->cdw12.raw | extra->cdw13.raw | extra->dif_check_flags_exclude) != 0;
}

/* With what descriptors look at, and nothing besides its buffers. */
static int __attribute__((noinline))
rw_vector_gated(enum spdk_bdev_io_type type, struct spdk_bdev_desc *desc, struct bdev_channel *ch, struct iovec *iovs,
	int iovcnt, uint64_t offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	struct spdk_bdev_io *bdev_io;

	if (spdk_likely(desc->gates == BDEV_GATE_ROUTED)) {
		bdev_io = bdev_route_take(desc, ch, type, offset_blocks, num_blocks, cb, cb_arg);
		if (spdk_unlikely(bdev_io == NULL)) {
			return -ENOMEM;
		}
		bdev_io_set_buffers(bdev_io, iovs, iovcnt, NULL);
		bdev_io_submit(bdev_io, bdev_io->internal.ch);
		return 0;
	}
	if (!can_convert(ch, bdev_iov_first_base(iovs, iovcnt))) {
		return -ENOTSUP;
	}
	bdev_io = bdev_io_take(desc->bdev, desc, ch, type, offset_blocks, num_blocks, cb, cb_arg);
	if (bdev_io == NULL) {
		return -ENOMEM;
	}
	bdev_io_set_buffers(bdev_io, iovs, iovcnt, NULL);
	bdev_convert_submit(bdev_io, NULL);
	return 0;
}

static BDEV_INLINE int
rw_vector(enum spdk_bdev_io_type type, struct spdk_bdev_desc *desc, struct spdk_io_channel *io_ch, struct iovec *iovs,
	int iovcnt, uint64_t offset_blocks, uint64_t num_blocks, const struct rw_extra *extra,
	spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	struct bdev_channel *ch = spdk_io_channel_get_ctx(io_ch);
	bool converts = extra != NULL && has_to_convert(desc, extra);
	struct spdk_bdev_io *bdev_io;

	if (type == SPDK_BDEV_IO_TYPE_WRITE && spdk_unlikely(!desc->write)) {
		return -EBADF;
	}
	if (spdk_unlikely(!bdev_range_fits(desc->bdev, offset_blocks, num_blocks))) {
		return -EINVAL;
	}
	if (extra == NULL && spdk_unlikely(desc->gates != 0)) {
		return rw_vector_gated(type, desc, ch, iovs, iovcnt, offset_blocks, num_blocks, cb, cb_arg);
	}
	if (spdk_unlikely(converts && !can_convert(ch, bdev_iov_first_base(iovs, iovcnt)))) {
		return -ENOTSUP;
	}
	bdev_io = bdev_io_take(desc->bdev, desc, ch, type, offset_blocks, num_blocks, cb, cb_arg);
	if (spdk_unlikely(bdev_io == NULL)) {
		return -ENOMEM;
	}
	bdev_io_set_buffers(bdev_io, iovs, iovcnt, extra != NULL ? extra->md_buf : NULL);
	if (extra != NULL && has_rare_fields(extra)) {
		bdev_io->internal.flags |= BDEV_IO_RARE_FIELDS;
		bdev_io->u.bdev.memory_domain = extra->memory_domain;
		bdev_io->u.bdev.memory_domain_ctx = extra->memory_domain_ctx;
		bdev_io->u.bdev.dif_check_flags &= ~extra->dif_check_flags_exclude;
		bdev_io->u.bdev.nvme_cdw12 = extra->cdw12;
		bdev_io->u.bdev.nvme_cdw13 = extra->cdw13;
	}
	if (spdk_unlikely(converts)) {
		bdev_convert_submit(bdev_io, extra != NULL ? extra->sequence : NULL);
	} else {
		bdev_io_submit(bdev_io, ch);
	}
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
	if (!bdev_desc_bytes_to_blocks(desc, &offset, &nbytes)) {
		return -EINVAL;
	}
	return rw_vector(SPDK_BDEV_IO_TYPE_READ, desc, ch, iov, iovcnt, offset, nbytes, NULL, cb, cb_arg);
}

int
spdk_bdev_writev(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, struct iovec *iov, int iovcnt,
	uint64_t offset, uint64_t len, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	if (!bdev_desc_bytes_to_blocks(desc, &offset, &len)) {
		return -EINVAL;
	}
	return rw_vector(SPDK_BDEV_IO_TYPE_WRITE, desc, ch, iov, iovcnt, offset, len, NULL, cb, cb_arg);
}

static int
rw_vector_md(enum spdk_bdev_io_type type, struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, struct iovec *iov,
	int iovcnt, void *md, uint64_t offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	struct rw_extra extra = {.md_buf = md};
	int rc = bdev_desc_check_md(desc, bdev_iov_first_base(iov, iovcnt), md);

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
	const void *base = bdev_iov_first_base(iov, iovcnt);
	int rc;

	if (opts->size < offsetof(struct spdk_bdev_ext_io_opts, metadata) + sizeof(opts->metadata) ||
		opts->size > sizeof(*opts)) {
		return -EINVAL;
	}
	extra->md_buf = opts->metadata;
	/* Plain memory is what every module takes, whether it knows that it has a domain or not. */
	if (desc->memory_domains_supported || opts->memory_domain != spdk_memory_domain_get_system_domain()) {
		extra->memory_domain = opts->memory_domain;
		extra->memory_domain_ctx = opts->memory_domain_ctx;
	}
	extra->dif_check_flags_exclude = EXT_OPT(opts, dif_check_flags_exclude_mask);
	extra->cdw12 = EXT_OPT(opts, nvme_cdw12);
	extra->cdw13 = EXT_OPT(opts, nvme_cdw13);
	extra->sequence = EXT_OPT(opts, accel_sequence);

	if (extra->memory_domain != NULL && base == NULL) {
		return -EINVAL;
	}
	if (extra->md_buf != NULL) {
		rc = bdev_desc_check_md(desc, base, extra->md_buf);
		if (rc != 0) {
			return rc;
		}
		if (extra->sequence != NULL) {
			return -EINVAL;
		}
		if (extra->cdw12.raw & PRACT) {
			return -ENOTSUP;
		}
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
