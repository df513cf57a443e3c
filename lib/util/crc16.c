/* SPDX-License-Identifier: BSD-3-Clause */

#include "spdk/crc16.h"

#include <isa-l.h>

uint16_t
spdk_crc16_t10dif(uint16_t init_crc, const void *buf, size_t len)
{
	return crc16_t10dif(init_crc, buf, len);
}

uint16_t
spdk_crc16_t10dif_copy(uint16_t init_crc, uint8_t *dst, uint8_t *src, size_t len)
{
	return crc16_t10dif_copy(init_crc, dst, src, len);
}
