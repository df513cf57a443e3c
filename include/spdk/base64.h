/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef SPDK_BASE64_H
#define SPDK_BASE64_H

#include "spdk/stdinc.h"

#ifdef __cplusplus
extern "C" {
#endif




int spdk_base64_decode(void *dst, size_t *dst_len, const char *src);
int spdk_base64_encode(char *dst, const void *src, size_t src_len);
/* inline: size_t spdk_base64_get_decoded_len(size_t encoded_strlen); */
/* inline: size_t spdk_base64_get_encoded_strlen(size_t raw_len); */
int spdk_base64_urlsafe_decode(void *dst, size_t *dst_len, const char *src);
int spdk_base64_urlsafe_encode(char *dst, const void *src, size_t src_len);

#ifdef __cplusplus
}
#endif

#endif /* SPDK_BASE64_H */
