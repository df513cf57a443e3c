/* SPDX-License-Identifier: BSD-3-Clause */

/* What bdevkit adds to spdk/accel.h: keys that somebody keeps. */

#ifndef BDEVKIT_ACCEL_H
#define BDEVKIT_ACCEL_H

#include "spdk/stdinc.h"
#include "spdk/accel.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The key of that name, which cannot be destroyed (-EBUSY) until it is let go as often as it was held. NULL: there is
 * none. Both may be called on any thread.
 */
struct spdk_accel_crypto_key *bdk_accel_crypto_key_hold(const char *name);
void bdk_accel_crypto_key_let_go(struct spdk_accel_crypto_key *key);

#ifdef __cplusplus
}
#endif

#endif /* BDEVKIT_ACCEL_H */
