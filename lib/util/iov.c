/* SPDX-License-Identifier: BSD-3-Clause */

/* Lists of buffers. */

#include "spdk/util.h"

static void
start_single(struct spdk_single_ioviter *place, struct iovec *iov, size_t iovcnt)
{
	place->iov = iov;
	place->iovcnt = iovcnt;
	place->idx = 0;
	if (iovcnt > 0) {
		place->iov_len = iov[0].iov_len;
		place->iov_base = iov[0].iov_base;
	}
}

static void
advance_single(struct spdk_single_ioviter *place, size_t len)
{
	place->iov_len -= len;
	if (place->iov_len > 0) {
		place->iov_base += len;
		return;
	}
	place->idx++;
	if (place->idx < place->iovcnt) {
		place->iov_len = place->iov[place->idx].iov_len;
		place->iov_base = place->iov[place->idx].iov_base;
	}
}

size_t
spdk_ioviter_firstv(struct spdk_ioviter *iter, uint32_t count, struct iovec **iov, size_t *iovcnt, void **out)
{
	/* By way of a pointer: the array is declared shorter than it may be. */
	struct spdk_single_ioviter *places = iter->iters_compat;

	iter->count = count;
	for (uint32_t i = 0; i < count; i++) {
		start_single(&places[i], iov[i], iovcnt[i]);
	}
	return spdk_ioviter_nextv(iter, out);
}

size_t
spdk_ioviter_nextv(struct spdk_ioviter *iter, void **out)
{
	struct spdk_single_ioviter *places = iter->iters_compat;
	size_t len = SIZE_MAX;

	if (iter->count == 0) {
		return 0;
	}
	for (uint32_t i = 0; i < iter->count; i++) {
		if (places[i].idx >= places[i].iovcnt || places[i].iov_len == 0) {
			return 0;
		}
		len = spdk_min(len, places[i].iov_len);
	}
	for (uint32_t i = 0; i < iter->count; i++) {
		out[i] = places[i].iov_base;
		advance_single(&places[i], len);
	}
	return len;
}

size_t
spdk_ioviter_first(struct spdk_ioviter *iter, struct iovec *siov, size_t siovcnt, struct iovec *diov, size_t diovcnt,
	void **src, void **dst)
{
	struct iovec *iovs[2] = {siov, diov};
	size_t counts[2] = {siovcnt, diovcnt};
	void *out[2];
	size_t len = spdk_ioviter_firstv(iter, 2, iovs, counts, out);

	if (len > 0) {
		*src = out[0];
		*dst = out[1];
	}
	return len;
}

size_t
spdk_ioviter_next(struct spdk_ioviter *iter, void **src, void **dst)
{
	void *out[2];
	size_t len = spdk_ioviter_nextv(iter, out);

	if (len > 0) {
		*src = out[0];
		*dst = out[1];
	}
	return len;
}

size_t
spdk_iovcpy(struct iovec *siov, size_t siovcnt, struct iovec *diov, size_t diovcnt)
{
	struct spdk_ioviter iter;
	void *src, *dst;
	size_t total = 0;
	size_t len;

	for (len = spdk_ioviter_first(&iter, siov, siovcnt, diov, diovcnt, &src, &dst); len > 0;
		len = spdk_ioviter_next(&iter, &src, &dst)) {
		memcpy(dst, src, len);
		total += len;
	}
	return total;
}

size_t
spdk_iovmove(struct iovec *siov, size_t siovcnt, struct iovec *diov, size_t diovcnt)
{
	struct spdk_ioviter iter;
	void *src, *dst;
	size_t total = 0;
	size_t len;

	for (len = spdk_ioviter_first(&iter, siov, siovcnt, diov, diovcnt, &src, &dst); len > 0;
		len = spdk_ioviter_next(&iter, &src, &dst)) {
		memmove(dst, src, len);
		total += len;
	}
	return total;
}

void
spdk_iov_memset(struct iovec *iovs, int iovcnt, int c)
{
	for (int i = 0; i < iovcnt; i++) {
		if (iovs[i].iov_len > 0) {
			memset(iovs[i].iov_base, c, iovs[i].iov_len);
		}
	}
}

void
spdk_iov_xfer_init(struct spdk_iov_xfer *ix, struct iovec *iovs, int iovcnt)
{
	ix->iovs = iovs;
	ix->iovcnt = iovcnt;
	ix->cur_iov_idx = 0;
	ix->cur_iov_offset = 0;
}

static size_t
transfer(struct spdk_iov_xfer *ix, uint8_t *buf, size_t buf_len, bool to_buf)
{
	size_t done = 0;

	while (done < buf_len && ix->cur_iov_idx < ix->iovcnt) {
		const struct iovec *iov = &ix->iovs[ix->cur_iov_idx];
		size_t len = spdk_min(buf_len - done, iov->iov_len - ix->cur_iov_offset);
		uint8_t *pos = (uint8_t *)iov->iov_base + ix->cur_iov_offset;

		if (len > 0) {
			memcpy(to_buf ? buf + done : pos, to_buf ? pos : buf + done, len);
		}
		done += len;
		ix->cur_iov_offset += len;
		if (ix->cur_iov_offset == iov->iov_len) {
			ix->cur_iov_idx++;
			ix->cur_iov_offset = 0;
		}
	}
	return done;
}

size_t
spdk_iov_xfer_from_buf(struct spdk_iov_xfer *ix, const void *buf, size_t buf_len)
{
	return transfer(ix, (uint8_t *)buf, buf_len, false);
}

size_t
spdk_iov_xfer_to_buf(struct spdk_iov_xfer *ix, const void *buf, size_t buf_len)
{
	return transfer(ix, (uint8_t *)buf, buf_len, true);
}

void
spdk_copy_iovs_to_buf(void *buf, size_t buf_len, struct iovec *iovs, int iovcnt)
{
	struct spdk_iov_xfer ix;

	spdk_iov_xfer_init(&ix, iovs, iovcnt);
	spdk_iov_xfer_to_buf(&ix, buf, buf_len);
}

void
spdk_copy_buf_to_iovs(struct iovec *iovs, int iovcnt, void *buf, size_t buf_len)
{
	struct spdk_iov_xfer ix;

	spdk_iov_xfer_init(&ix, iovs, iovcnt);
	spdk_iov_xfer_from_buf(&ix, buf, buf_len);
}
