/* SPDX-License-Identifier: BSD-3-Clause */

/* Bytes as hexadecimal digits. Results are to be freed with free(); NULL: failed. */

#ifndef SPDK_HEXLIFY_H
#define SPDK_HEXLIFY_H

#include "spdk/stdinc.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The text of len bytes, in small letters. */
char *spdk_hexlify(const char *bin, size_t len);

/* The bytes, half as many as hex has digits. There is no terminating zero. NULL too for an odd number and other signs. */
char *spdk_unhexlify(const char *hex);

#ifdef __cplusplus
}
#endif

#endif /* SPDK_HEXLIFY_H */
