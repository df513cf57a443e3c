/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef SPDK_XOR_H
#define SPDK_XOR_H

#include "spdk/stdinc.h"

#ifdef __cplusplus
extern "C" {
#endif




int spdk_xor_gen(void *dest, void **sources, uint32_t n, uint32_t len);
size_t spdk_xor_get_optimal_alignment(void);

#ifdef __cplusplus
}
#endif

#endif /* SPDK_XOR_H */
