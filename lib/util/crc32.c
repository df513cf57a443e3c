/* SPDX-License-Identifier: BSD-3-Clause */

#include "spdk/crc32.h"
#include "spdk/util.h"

#include <isa-l.h>

/* ISA-L takes lengths as int. */
#define CRC32_MAX_STEP ((size_t)1 << 30)

uint32_t
spdk_crc32_ieee_update(const void *buf, size_t len, uint32_t crc)
{
	/* ISA-L's inverts at both ends. */
	return ~crc32_gzip_refl(~crc, buf, len);
}

uint32_t
spdk_crc32c_update(const void *buf, size_t len, uint32_t crc)
{
	unsigned char *pos = (unsigned char *)buf;

	while (len > 0) {
		size_t step = spdk_min(len, CRC32_MAX_STEP);

		crc = crc32_iscsi(pos, (int)step, crc);
		pos += step;
		len -= step;
	}
	return crc;
}

uint32_t
spdk_crc32c_iov_update(struct iovec *iov, int iovcnt, uint32_t crc32c)
{
	for (int i = 0; i < iovcnt; i++) {
		crc32c = spdk_crc32c_update(iov[i].iov_base, iov[i].iov_len, crc32c);
	}
	return crc32c;
}

uint32_t
spdk_crc32c_nvme(const void *buf, size_t len, uint32_t crc)
{
	return ~spdk_crc32c_update(buf, len, ~crc);
}
