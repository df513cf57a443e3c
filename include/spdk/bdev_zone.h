/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef SPDK_BDEV_ZONE_H
#define SPDK_BDEV_ZONE_H

#include "spdk/stdinc.h"
#include "spdk/bdev.h"

#ifdef __cplusplus
extern "C" {
#endif


enum spdk_bdev_zone_action {
	SPDK_BDEV_ZONE_CLOSE = 0,
	SPDK_BDEV_ZONE_FINISH = 1,
	SPDK_BDEV_ZONE_OPEN = 2,
	SPDK_BDEV_ZONE_RESET = 3,
	SPDK_BDEV_ZONE_OFFLINE = 4,
};

enum spdk_bdev_zone_state {
	SPDK_BDEV_ZONE_STATE_EMPTY = 0,
	SPDK_BDEV_ZONE_STATE_IMP_OPEN = 1,
	SPDK_BDEV_ZONE_STATE_OPEN = 1,
	SPDK_BDEV_ZONE_STATE_FULL = 2,
	SPDK_BDEV_ZONE_STATE_CLOSED = 3,
	SPDK_BDEV_ZONE_STATE_READ_ONLY = 4,
	SPDK_BDEV_ZONE_STATE_OFFLINE = 5,
	SPDK_BDEV_ZONE_STATE_EXP_OPEN = 6,
	SPDK_BDEV_ZONE_STATE_NOT_WP = 7,
};

enum spdk_bdev_zone_type {
	SPDK_BDEV_ZONE_TYPE_CNV = 1,
	SPDK_BDEV_ZONE_TYPE_SEQWR = 2,
	SPDK_BDEV_ZONE_TYPE_SEQWP = 3,
};

struct iovec;
struct spdk_bdev;
struct spdk_bdev_desc;
struct spdk_bdev_io;
struct spdk_bdev_zone_info;
struct spdk_io_channel;


struct spdk_bdev_zone_info {
	uint64_t zone_id;
	uint64_t write_pointer;
	uint64_t capacity;
	enum spdk_bdev_zone_state state;
	enum spdk_bdev_zone_type type;
};

uint32_t spdk_bdev_get_max_active_zones(const struct spdk_bdev *bdev);
uint32_t spdk_bdev_get_max_open_zones(const struct spdk_bdev *bdev);
uint32_t spdk_bdev_get_max_zone_append_size(const struct spdk_bdev *bdev);
uint64_t spdk_bdev_get_num_zones(const struct spdk_bdev *bdev);
uint32_t spdk_bdev_get_optimal_open_zones(const struct spdk_bdev *bdev);
uint64_t spdk_bdev_get_zone_id(const struct spdk_bdev *bdev, uint64_t offset_blocks);
int spdk_bdev_get_zone_info(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, uint64_t zone_id, size_t num_zones, struct spdk_bdev_zone_info *info, spdk_bdev_io_completion_cb cb, void *cb_arg);
uint64_t spdk_bdev_get_zone_size(const struct spdk_bdev *bdev);
uint64_t spdk_bdev_io_get_append_location(struct spdk_bdev_io *bdev_io);
int spdk_bdev_zone_append(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *buf, uint64_t zone_id, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg);
int spdk_bdev_zone_append_with_md(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *buf, void *md, uint64_t zone_id, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg);
int spdk_bdev_zone_appendv(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, struct iovec *iov, int iovcnt, uint64_t zone_id, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg);
int spdk_bdev_zone_appendv_with_md(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, struct iovec *iov, int iovcnt, void *md, uint64_t zone_id, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg);
int spdk_bdev_zone_management(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, uint64_t zone_id, enum spdk_bdev_zone_action action, spdk_bdev_io_completion_cb cb, void *cb_arg);

#ifdef __cplusplus
}
#endif

#endif /* SPDK_BDEV_ZONE_H */
