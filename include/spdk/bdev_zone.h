/* SPDX-License-Identifier: BSD-3-Clause */

/* Zoned bdevs: what a zone is and what can be done with it. Offsets and lengths are in blocks. */

#ifndef SPDK_BDEV_ZONE_H
#define SPDK_BDEV_ZONE_H

#include "spdk/stdinc.h"
#include "spdk/bdev.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How a zone may be written. */
enum spdk_bdev_zone_type {
	/* May be written anywhere. */
	SPDK_BDEV_ZONE_TYPE_CNV = 0x1,
	/* Must be written at the write pointer. */
	SPDK_BDEV_ZONE_TYPE_SEQWR = 0x2,
	/* Should be written at the write pointer. */
	SPDK_BDEV_ZONE_TYPE_SEQWP = 0x3,
};

/* What spdk_bdev_zone_management() can do to a zone. */
enum spdk_bdev_zone_action {
	/* Makes an open zone closed. */
	SPDK_BDEV_ZONE_CLOSE,
	/* Makes it full, as if it had been written to its end. */
	SPDK_BDEV_ZONE_FINISH,
	/* Opens it until it is closed on request. */
	SPDK_BDEV_ZONE_OPEN,
	/* Makes it empty. */
	SPDK_BDEV_ZONE_RESET,
	/* Gives up a read-only zone. */
	SPDK_BDEV_ZONE_OFFLINE,
};

/* What a zone is in. Empty, open and closed zones can be written. */
enum spdk_bdev_zone_state {
	/* The write pointer is at its beginning. */
	SPDK_BDEV_ZONE_STATE_EMPTY = 0x0,
	/* Opened by being written. */
	SPDK_BDEV_ZONE_STATE_IMP_OPEN = 0x1,
	SPDK_BDEV_ZONE_STATE_OPEN = SPDK_BDEV_ZONE_STATE_IMP_OPEN,
	SPDK_BDEV_ZONE_STATE_FULL = 0x2,
	/* Written in part, and not held open. */
	SPDK_BDEV_ZONE_STATE_CLOSED = 0x3,
	SPDK_BDEV_ZONE_STATE_READ_ONLY = 0x4,
	/* Can be neither written nor read. */
	SPDK_BDEV_ZONE_STATE_OFFLINE = 0x5,
	/* Opened on request. */
	SPDK_BDEV_ZONE_STATE_EXP_OPEN = 0x6,
	/* A zone without a write pointer. */
	SPDK_BDEV_ZONE_STATE_NOT_WP = 0x7,
};

/* A zone, as spdk_bdev_get_zone_info() shows it. */
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

/* ---- Properties of a zoned bdev ---- */

/* Blocks in a zone; 0: the bdev is not zoned. */
uint64_t spdk_bdev_get_zone_size(const struct spdk_bdev *bdev);
/* Number of whole zones. */
uint64_t spdk_bdev_get_num_zones(const struct spdk_bdev *bdev);
/* First block of the zone that a block is in; 0 if the bdev is not zoned. */
uint64_t spdk_bdev_get_zone_id(const struct spdk_bdev *bdev, uint64_t offset_blocks);
/* Blocks in the largest append. */
uint32_t spdk_bdev_get_max_zone_append_size(const struct spdk_bdev *bdev);
/* How many zones may be open, and hold data without being full, at a time. 0: no limit. */
uint32_t spdk_bdev_get_max_open_zones(const struct spdk_bdev *bdev);
uint32_t spdk_bdev_get_max_active_zones(const struct spdk_bdev *bdev);
/* How many zones are best written at a time. */
uint32_t spdk_bdev_get_optimal_open_zones(const struct spdk_bdev *bdev);

/* ---- I/O on zones ----
 *
 * As all I/O, see spdk/bdev.h, but only for want of a spdk_bdev_io (-ENOMEM) is anything refused at once. Whether there
 * is such a zone, whether it is in a state that allows it and whether the bdev has zones at all is the module's to say:
 * if not, the I/O fails.
 */

/* Stores what the bdev knows of num_zones zones, of which the first begins at zone_id, in the array info. */
int spdk_bdev_get_zone_info(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, uint64_t zone_id, size_t num_zones,
	struct spdk_bdev_zone_info *info, spdk_bdev_io_completion_cb cb, void *cb_arg);

/* Changes the state of the zone that begins at zone_id. */
int spdk_bdev_zone_management(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, uint64_t zone_id,
	enum spdk_bdev_zone_action action, spdk_bdev_io_completion_cb cb, void *cb_arg);

/*
 * Write at the write pointer of the zone that begins at zone_id, wherever that is by then; see
 * spdk_bdev_io_get_append_location(). md: the metadata of all blocks, as for writes, or NULL.
 */
int spdk_bdev_zone_append(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *buf, uint64_t zone_id,
	uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg);
int spdk_bdev_zone_appendv(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, struct iovec *iov, int iovcnt,
	uint64_t zone_id, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg);
int spdk_bdev_zone_append_with_md(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *buf, void *md,
	uint64_t zone_id, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg);
int spdk_bdev_zone_appendv_with_md(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, struct iovec *iov,
	int iovcnt, void *md, uint64_t zone_id, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg);

/* The block where an append that has succeeded begins. */
uint64_t spdk_bdev_io_get_append_location(struct spdk_bdev_io *bdev_io);

#ifdef __cplusplus
}
#endif

#endif /* SPDK_BDEV_ZONE_H */
