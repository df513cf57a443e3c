/* SPDX-License-Identifier: BSD-3-Clause */

/* CRC-32 of IEEE 802.3, and CRC-32C (Castagnoli). */

#ifndef SPDK_CRC32_H
#define SPDK_CRC32_H

#include "spdk/stdinc.h"
#include "spdk/config.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SPDK_CRC32_SIZE_BYTES 4

/*
 * Steps of a calculation, without the inversion at its ends: the checksum of one buffer is
 * ~spdk_crc32c_update(buf, len, ~0). Pass the result as crc to go on.
 */
uint32_t spdk_crc32_ieee_update(const void *buf, size_t len, uint32_t crc);
uint32_t spdk_crc32c_update(const void *buf, size_t len, uint32_t crc);

/* The same over a list of buffers. */
uint32_t spdk_crc32c_iov_update(struct iovec *iov, int iovcnt, uint32_t crc32c);

/* CRC-32C with the inversion, as NVMe has it. Pass the result as crc to go on; 0 to begin with. */
uint32_t spdk_crc32c_nvme(const void *buf, size_t len, uint32_t crc);

#ifdef __cplusplus
}
#endif

#endif /* SPDK_CRC32_H */
