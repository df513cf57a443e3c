/* SPDX-License-Identifier: BSD-3-Clause */

/* CRC-64 of NVMe protection information. */

#ifndef SPDK_CRC64_H
#define SPDK_CRC64_H

#include "spdk/stdinc.h"
#include "spdk/config.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Pass the result as crc to go on; 0 to begin with. */
uint64_t spdk_crc64_nvme(const void *buf, size_t len, uint64_t crc);

#ifdef __cplusplus
}
#endif

#endif /* SPDK_CRC64_H */
