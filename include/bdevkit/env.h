/* SPDX-License-Identifier: BSD-3-Clause */

/* What bdevkit adds to spdk/env.h. */

#ifndef BDEVKIT_ENV_H
#define BDEVKIT_ENV_H

#include "spdk/stdinc.h"
#include "spdk/env.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * When this process was started, wall-clock time since 1970, to some hundredths of a second. Needs no file but those of the
 * process itself in /proc; without them it is when this was asked first. Any thread.
 */
void bdk_env_get_process_start(struct timespec *start);

#ifdef __cplusplus
}
#endif

#endif /* BDEVKIT_ENV_H */
