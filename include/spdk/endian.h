/* SPDX-License-Identifier: BSD-3-Clause */

/* Integers in memory, of big (be) or little (le) byte order. Any address will do. */

#ifndef SPDK_ENDIAN_H
#define SPDK_ENDIAN_H

#include "spdk/stdinc.h"

#include <endian.h>

#ifdef __cplusplus
extern "C" {
#endif

static inline uint16_t
from_be16(const void *ptr)
{
	uint16_t raw;

	memcpy(&raw, ptr, sizeof(raw));
	return be16toh(raw);
}

static inline uint32_t
from_be32(const void *ptr)
{
	uint32_t raw;

	memcpy(&raw, ptr, sizeof(raw));
	return be32toh(raw);
}

static inline uint64_t
from_be64(const void *ptr)
{
	uint64_t raw;

	memcpy(&raw, ptr, sizeof(raw));
	return be64toh(raw);
}

static inline uint16_t
from_le16(const void *ptr)
{
	uint16_t raw;

	memcpy(&raw, ptr, sizeof(raw));
	return le16toh(raw);
}

static inline uint32_t
from_le32(const void *ptr)
{
	uint32_t raw;

	memcpy(&raw, ptr, sizeof(raw));
	return le32toh(raw);
}

static inline uint64_t
from_le64(const void *ptr)
{
	uint64_t raw;

	memcpy(&raw, ptr, sizeof(raw));
	return le64toh(raw);
}

static inline void
to_be16(void *out, uint16_t in)
{
	uint16_t raw = htobe16(in);

	memcpy(out, &raw, sizeof(raw));
}

static inline void
to_be32(void *out, uint32_t in)
{
	uint32_t raw = htobe32(in);

	memcpy(out, &raw, sizeof(raw));
}

static inline void
to_be64(void *out, uint64_t in)
{
	uint64_t raw = htobe64(in);

	memcpy(out, &raw, sizeof(raw));
}

static inline void
to_le16(void *out, uint16_t in)
{
	uint16_t raw = htole16(in);

	memcpy(out, &raw, sizeof(raw));
}

static inline void
to_le32(void *out, uint32_t in)
{
	uint32_t raw = htole32(in);

	memcpy(out, &raw, sizeof(raw));
}

static inline void
to_le64(void *out, uint64_t in)
{
	uint64_t raw = htole64(in);

	memcpy(out, &raw, sizeof(raw));
}

#ifdef __cplusplus
}
#endif

#endif /* SPDK_ENDIAN_H */
