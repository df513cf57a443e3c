/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef SPDK_CRC32_H
#define SPDK_CRC32_H

#include "spdk/stdinc.h"
#include "spdk/config.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SPDK_CRC32_SIZE_BYTES 4

struct iovec;


uint32_t spdk_crc32_ieee_update(const void *buf, size_t len, uint32_t crc);
uint32_t spdk_crc32c_iov_update(struct iovec *iov, int iovcnt, uint32_t crc32c);
uint32_t spdk_crc32c_nvme(const void *buf, size_t len, uint32_t crc);
uint32_t spdk_crc32c_update(const void *buf, size_t len, uint32_t crc);

#ifdef __cplusplus
}
#endif

#endif /* SPDK_CRC32_H */
