/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef SPDK_ENDIAN_H
#define SPDK_ENDIAN_H

#include "spdk/stdinc.h"

#ifdef __cplusplus
extern "C" {
#endif




/* inline: uint16_t from_be16(const void *ptr); */
/* inline: uint32_t from_be32(const void *ptr); */
/* inline: uint64_t from_be64(const void *ptr); */
/* inline: uint16_t from_le16(const void *ptr); */
/* inline: uint32_t from_le32(const void *ptr); */
/* inline: uint64_t from_le64(const void *ptr); */
/* inline: void to_be16(void *out, uint16_t in); */
/* inline: void to_be32(void *out, uint32_t in); */
/* inline: void to_be64(void *out, uint64_t in); */
/* inline: void to_le16(void *out, uint16_t in); */
/* inline: void to_le32(void *out, uint32_t in); */
/* inline: void to_le64(void *out, uint64_t in); */

#ifdef __cplusplus
}
#endif

#endif /* SPDK_ENDIAN_H */
