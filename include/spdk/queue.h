/* SPDX-License-Identifier: BSD-3-Clause */

/* Lists whose links stand in the elements: the system's SLIST, STAILQ, LIST and TAILQ, and what they lack. */

#ifndef SPDK_QUEUE_H
#define SPDK_QUEUE_H

#include <sys/cdefs.h>
#include <sys/queue.h>

#include "spdk/queue_extras.h"

#endif /* SPDK_QUEUE_H */
