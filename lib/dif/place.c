/* SPDX-License-Identifier: BSD-3-Clause */

/* Walking lists of buffers. */

#include "lib/dif/dif_internal.h"

bool
dif_iovs_hold(const struct iovec *iovs, int iovcnt, uint64_t len)
{
	for (int i = 0; i < iovcnt && len > 0; i++) {
		len -= spdk_min(len, iovs[i].iov_len);
	}
	return len == 0;
}

void
dif_place_read(struct dif_place *place, void *buf, size_t len)
{
	uint8_t *to = buf;

	while (len > 0) {
		size_t piece;
		const uint8_t *from = dif_place_look(place, &piece);

		piece = spdk_min(piece, len);
		memcpy(to, from, piece);
		place->offset += piece;
		to += piece;
		len -= piece;
	}
}

void
dif_place_write(struct dif_place *place, const void *buf, size_t len)
{
	const uint8_t *from = buf;

	while (len > 0) {
		size_t piece;
		uint8_t *to = dif_place_look(place, &piece);

		piece = spdk_min(piece, len);
		memcpy(to, from, piece);
		place->offset += piece;
		from += piece;
		len -= piece;
	}
}
