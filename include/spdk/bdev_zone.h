/* SPDX-License-Identifier: BSD-3-Clause */

/* Zoned bdevs: what a zone is and what can be done with it. Offsets and lengths are in blocks. */

#ifndef SPDK_BDEV_ZONE_H
#define SPDK_BDEV_ZONE_H

#include "spdk/stdinc.h"
#include "spdk/bdev.h"

#ifdef __cplusplus
extern "C" {
#endif

enum spdk_bdev_zone_type {
	/* May be written anywhere. */
	SPDK_BDEV_ZONE_TYPE_CNV = 0x1,
	/* Must be written at the write pointer. */
	SPDK_BDEV_ZONE_TYPE_SEQWR = 0x2,
	/* Should be written at the write pointer. */
	SPDK_BDEV_ZONE_TYPE_SEQWP = 0x3,
};

enum spdk_bdev_zone_action {
	SPDK_BDEV_ZONE_CLOSE,
	SPDK_BDEV_ZONE_FINISH,
	SPDK_BDEV_ZONE_OPEN,
	SPDK_BDEV_ZONE_RESET,
	SPDK_BDEV_ZONE_OFFLINE,
};

enum spdk_bdev_zone_state {
	SPDK_BDEV_ZONE_STATE_EMPTY = 0x0,
	/* Opened by being written. */
	SPDK_BDEV_ZONE_STATE_IMP_OPEN = 0x1,
	SPDK_BDEV_ZONE_STATE_OPEN = SPDK_BDEV_ZONE_STATE_IMP_OPEN,
	SPDK_BDEV_ZONE_STATE_FULL = 0x2,
	SPDK_BDEV_ZONE_STATE_CLOSED = 0x3,
	SPDK_BDEV_ZONE_STATE_READ_ONLY = 0x4,
	SPDK_BDEV_ZONE_STATE_OFFLINE = 0x5,
	/* Opened on request. */
	SPDK_BDEV_ZONE_STATE_EXP_OPEN = 0x6,
	/* A zone without a write pointer. */
	SPDK_BDEV_ZONE_STATE_NOT_WP = 0x7,
};

struct spdk_bdev_zone_info {
	/* First block of the zone. */
	uint64_t zone_id;
	/* Where the next write goes. */
	uint64_t write_pointer;
	/* How many blocks of the zone can be written. */
	uint64_t capacity;
	enum spdk_bdev_zone_state state;
	enum spdk_bdev_zone_type type;
};

#ifdef __cplusplus
}
#endif

#endif /* SPDK_BDEV_ZONE_H */
