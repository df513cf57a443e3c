/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Bdevs that are parts of another one: what part.c, which makes and frees them, part_io.c, which carries out
 * their I/O, and part_tags.c share.
 */

#ifndef BDEV_PART_H
#define BDEV_PART_H

#include "lib/bdev/io_internal.h"
#include "bdevkit/thread.h"

/*
 * The bdev that the parts lie on. Its parts and the list of the module change on its thread only: the one that opened
 * it, which is also the app thread, as parts register there.
 */
struct spdk_bdev_part_base {
	struct spdk_bdev *bdev;
	struct spdk_bdev_desc *desc;
	struct spdk_thread *thread;
	struct spdk_bdev_module *module;
	struct spdk_bdev_fn_table *fn_table;
	struct bdev_part_tailq *tailq;
	uint32_t num_parts;
	/* With the first part, until the last is gone. */
	bool claimed;

	spdk_bdev_remove_cb_t remove_cb;
	/* May be NULL. */
	void (*resize_cb)(void *part_base);
	spdk_bdev_part_base_free_fn free_fn;
	void *ctx;

	uint32_t channel_size;
	spdk_io_channel_create_cb ch_create_cb;
	spdk_io_channel_destroy_cb ch_destroy_cb;

	/* On its way to thread, which closes desc. */
	struct bdk_msg close_msg;
};

/* Types that spdk_bdev_part_submit_request() hands on for this bdev. Bit = enum spdk_bdev_io_type. */
uint64_t bdev_part_io_types(const struct spdk_bdev *bdev);

/* ---- Reference tags in the buffers of an I/O of a part (part_tags.c) ---- */

/* Whether the I/O has tags that are checked, and other ones on the base. For the others below. */
bool bdev_part_io_has_tags(const struct spdk_bdev_io *bdev_io);

/* Makes those of a write the base's. False if one is wrong; all are then as they were. */
bool bdev_part_tags_to_base(struct spdk_bdev_io *bdev_io);
/* The other way, whatever became of the write. */
void bdev_part_tags_back(struct spdk_bdev_io *bdev_io);

/* Makes those of a read the part's. False if one is wrong. */
bool bdev_part_tags_from_base(struct spdk_bdev_io *bdev_io);

#endif /* BDEV_PART_H */
