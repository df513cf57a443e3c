/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Programs of the interface's first implementation include this header for what it includes in turn. The reactors
 * themselves are no part of the interface.
 */

#ifndef SPDK_INTERNAL_EVENT_H
#define SPDK_INTERNAL_EVENT_H

#include "spdk/stdinc.h"
#include "spdk/event.h"
#include "spdk/json.h"
#include "spdk/thread.h"
#include "spdk/util.h"

#endif /* SPDK_INTERNAL_EVENT_H */
