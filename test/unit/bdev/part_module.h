/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A module whose bdevs are parts, as a partition module is written: it waits for memory, gets buffers for reads, frees
 * its bases when they are removed.
 */

#ifndef PART_MODULE_H
#define PART_MODULE_H

#include "mem_disk.h"

/* A base of parts, as the module sees it. */
struct slice_base {
	struct spdk_bdev_part_base *part_base;
	/* Calls so far. */
	uint32_t removed;
	uint32_t freed;
	struct spdk_thread *free_thread;
};

/* How the module behaves, and what it has seen. */
struct slice_module {
	/* Reads without a buffer are left to the helper. */
	bool no_get_buf;
	/* The module completes I/O itself. */
	bool custom_cb;
	/* With this status, when it does and the base succeeded. */
	enum spdk_bdev_io_status custom_status;
	/* Channels are refused. */
	bool refuse_channel;
	/* Taken with I/O; NULL: none. */
	struct spdk_memory_domain *domain;

	uint32_t channels;
	uint64_t waits;
	uint64_t custom_calls;
};

extern struct slice_module g_slice;
extern SPDK_BDEV_PART_TAILQ g_slices;
extern struct spdk_bdev_module g_slice_module;

/* Forgets all that was seen. */
void slice_module_reset(void);

/* On the app thread. */
int slice_base_open(struct slice_base *base, const char *bdev_name);
/* The same, with a part made on the heap. Returns NULL and an errno in *rc if the helper refuses it. */
struct spdk_bdev_part *slice_create(
	struct slice_base *base, const char *name, uint64_t offset_blocks, uint64_t num_blocks, int *rc);
struct spdk_bdev_part *slice_create_uuid(struct slice_base *base, const char *name, uint64_t offset_blocks,
	uint64_t num_blocks, const struct spdk_uuid *uuid, int *rc);
/* Unregisters it on a thread, and waits until that is over, on the same. */
void slice_delete(struct spdk_bdev_part *part, uint32_t thread);

#endif /* PART_MODULE_H */
