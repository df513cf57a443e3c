/* SPDX-License-Identifier: BSD-3-Clause */

/* Walking along iovecs, a slice at a time. */

#include "module/accel/software/accel_sw.h"

void
sw_cursor_init(struct sw_cursor *cursor, const struct iovec *iovs, uint32_t iovcnt)
{
	cursor->iov = iovs;
	cursor->left = iovcnt;
	cursor->offset = 0;
}

uint64_t
sw_cursor_peek(struct sw_cursor *cursor, uint64_t max, void **data)
{
	while (cursor->left > 0 && cursor->offset == cursor->iov->iov_len) {
		cursor->iov++;
		cursor->left--;
		cursor->offset = 0;
	}
	if (cursor->left == 0) {
		return 0;
	}
	*data = (char *)cursor->iov->iov_base + cursor->offset;
	return spdk_min(max, cursor->iov->iov_len - cursor->offset);
}

void
sw_cursor_skip(struct sw_cursor *cursor, uint64_t len)
{
	while (len > 0 && cursor->left > 0) {
		uint64_t part = spdk_min(len, cursor->iov->iov_len - cursor->offset);

		cursor->offset += part;
		len -= part;
		if (cursor->offset == cursor->iov->iov_len) {
			cursor->iov++;
			cursor->left--;
			cursor->offset = 0;
		}
	}
}

uint64_t
sw_iovs_length(const struct iovec *iovs, uint32_t iovcnt)
{
	uint64_t len = 0;
	uint32_t i;

	for (i = 0; i < iovcnt; i++) {
		len += iovs[i].iov_len;
	}
	return len;
}
