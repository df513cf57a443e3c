/* SPDX-License-Identifier: BSD-3-Clause */

/* CRC-16 of T10 protection information. Pass the result as init_crc to go on; 0 to begin with. */

#ifndef SPDK_CRC16_H
#define SPDK_CRC16_H

#include "spdk/stdinc.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SPDK_T10DIF_CRC16_POLYNOMIAL 0x8bb7u

uint16_t spdk_crc16_t10dif(uint16_t init_crc, const void *buf, size_t len);

/* The same, and copies src to dst. */
uint16_t spdk_crc16_t10dif_copy(uint16_t init_crc, uint8_t *dst, uint8_t *src, size_t len);

#ifdef __cplusplus
}
#endif

#endif /* SPDK_CRC16_H */
