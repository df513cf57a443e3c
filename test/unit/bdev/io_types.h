/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Every type of I/O, native and emulated: how one is made, and at which steps of its life it can be met. Tests that treat
 * all types walk over this table; a new type is a new row.
 */

#ifndef IO_TYPES_H
#define IO_TYPES_H

#include "bdev_sim.h"
#include "spdk/bdev_zone.h"
#include "spdk/nvme_spec.h"

#define IO_MAX_BLOCKS 16
#define IO_MD_LEN 8

/* Steps in the life of an I/O, or of one of its parts. */
enum io_step {
	IO_STEP_BEFORE,
	IO_STEP_LOCK,
	IO_STEP_QOS,
	IO_STEP_BUF,
	IO_STEP_NOMEM,
	IO_STEP_SPLIT,
	IO_STEP_MODULE,
	IO_STEP_COMPLETED,
	IO_STEP_CALLBACK,
	IO_NUM_STEPS,
};

struct io_op;

struct io_type {
	const char *name;
	enum spdk_bdev_io_type type;
	/* The disk can do it by itself; else the layer makes it from others. */
	bool native;
	/* What the submission function returns. */
	int (*submit)(struct io_op *op, struct spdk_bdev_desc *desc, struct spdk_io_channel *ch);
	/* Bit of each step at which it can be met. */
	uint32_t steps;
	/* Bits of further types that the disk must have. */
	uint64_t others;
};

extern const struct io_type g_io_types[];
extern const size_t g_num_io_types;

const struct io_type *io_type_find(const char *name);

/* One I/O, on a disk of at least 1000 blocks of 512 bytes. It is the argument of its callback. */
struct io_op {
	const struct io_type *type;
	spdk_bdev_io_completion_cb cb;
	uint64_t offset;
	uint64_t num_blocks;
	bool with_md;
	struct iovec iovs[2];
	struct iovec iovs2[2];
	struct spdk_nvme_cmd cmd;
	/* Of an ABORT: the argument of those to abort. NULL: it makes a READ, and aborts that. */
	void *abort_arg;
	struct spdk_bdev_zone_info zones[2];
	/* Somewhere in raw, aligned or not. */
	uint8_t *buf;
	uint8_t *buf2;
	uint8_t raw[IO_MAX_BLOCKS * 512 + 64];
	uint8_t raw2[IO_MAX_BLOCKS * 512 + 64];
	uint8_t md[IO_MAX_BLOCKS * IO_MD_LEN];
};

/* At a random place, with buffers that are aligned or not. */
void io_op_init(struct io_op *op, const struct io_type *type, const struct spdk_bdev *bdev, uint64_t num_blocks,
	spdk_bdev_io_completion_cb cb);

#endif /* IO_TYPES_H */
