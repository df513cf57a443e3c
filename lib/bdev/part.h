/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Bdevs that are parts of another one: what part.c, which makes and frees them, and part_io.c, which carries out their
 * I/O, share.
 */

#ifndef BDEV_PART_H
#define BDEV_PART_H

#include "lib/bdev/bdev_internal.h"
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
	spdk_bdev_part_base_free_fn free_fn;
	void *ctx;

	uint32_t channel_size;
	spdk_io_channel_create_cb ch_create_cb;
	spdk_io_channel_destroy_cb ch_destroy_cb;

	/* On its way to thread, which closes desc. */
	struct bdk_msg close_msg;
};

/* Types that spdk_bdev_part_submit_request() hands on. Bit = enum spdk_bdev_io_type. */
extern const uint64_t g_bdev_part_io_types;

#endif /* BDEV_PART_H */
