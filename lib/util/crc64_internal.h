/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef CRC64_INTERNAL_H
#define CRC64_INTERNAL_H

#include "spdk/stdinc.h"

/* How the CRC-64 is calculated: by the best way that the processor has. */
enum crc64_way {
	CRC64_VPCLMUL,
	CRC64_PCLMUL,
	CRC64_BYTES,
	CRC64_WAYS,
};

bool crc64_way_works(enum crc64_way way);

/* The register goes in and comes out as it is, without complements. The way must work. */
uint64_t crc64_update(enum crc64_way way, uint64_t crc, const uint8_t *buf, size_t len);

#endif /* CRC64_INTERNAL_H */
