/* SPDX-License-Identifier: BSD-3-Clause */

/* Keys by name, for connections that authenticate. Only the type is there so far: nothing uses keys. */

#ifndef SPDK_KEYRING_H
#define SPDK_KEYRING_H

#include "spdk/stdinc.h"
#include "spdk/json.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spdk_key;

#ifdef __cplusplus
}
#endif

#endif /* SPDK_KEYRING_H */
