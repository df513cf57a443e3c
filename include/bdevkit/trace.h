/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Trace points that bdevkit adds to the group "bdev", beside those for the start and the end of an I/O: where it is on its
 * way. bdevkit trace reads them; doc/trace.md.
 */

#ifndef BDEVKIT_TRACE_H
#define BDEVKIT_TRACE_H

#include "spdk_internal/trace_defs.h"

/* An I/O begins to wait; again if it waits again. The argument says for what. */
#define BDK_TRACE_BDEV_IO_WAIT SPDK_TPOINT_ID(TRACE_GROUP_BDEV, 0x20)
/* It is handed to the module of its bdev; again if that had no room for it. An I/O that is split never is, but its parts are. */
#define BDK_TRACE_BDEV_IO_MODULE SPDK_TPOINT_ID(TRACE_GROUP_BDEV, 0x21)

/* For what an I/O waits. */
enum bdk_trace_wait {
	/* A limit on I/Os or bytes per second. */
	BDK_TRACE_WAIT_LIMIT,
	/* Room at the module, which had none for it, or for one before it. */
	BDK_TRACE_WAIT_MODULE,
	/* It is split: for its parts. */
	BDK_TRACE_WAIT_PARTS,
};

#endif /* BDEVKIT_TRACE_H */
