/* SPDX-License-Identifier: BSD-3-Clause */

/* Base64 (RFC 4648), with padding; the url-safe forms have - and _ for + and /. */

#ifndef SPDK_BASE64_H
#define SPDK_BASE64_H

#include "spdk/stdinc.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Length of the text for raw_len bytes, without the terminating zero. */
static inline size_t
spdk_base64_get_encoded_strlen(size_t raw_len)
{
	return (raw_len + 2) / 3 * 4;
}

/* The most bytes that a text of this length stands for. */
static inline size_t
spdk_base64_get_decoded_len(size_t encoded_strlen)
{
	return encoded_strlen / 4 * 3;
}

/* Writes the text for src_len bytes, and a zero, to dst. Returns 0; -EINVAL if a pointer is NULL or src_len is 0. */
int spdk_base64_encode(char *dst, const void *src, size_t src_len);
int spdk_base64_urlsafe_encode(char *dst, const void *src, size_t src_len);

/*
 * Writes the bytes that src stands for to dst, and their number to *dst_len unless that is NULL. dst NULL: only the
 * number. Returns 0; -EINVAL if src is NULL, empty, or not Base64.
 */
int spdk_base64_decode(void *dst, size_t *dst_len, const char *src);
int spdk_base64_urlsafe_decode(void *dst, size_t *dst_len, const char *src);

#ifdef __cplusplus
}
#endif

#endif /* SPDK_BASE64_H */
