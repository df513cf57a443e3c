/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What the files of the block-device layer share.
 *
 * Who owns what:
 *   bdev_manager        one per process; its lists are changed on the app thread or under its lock
 *   bdev_state          one per registered bdev, behind spdk_bdev.internal.state; under its own lock
 *   spdk_bdev_desc      one per open; belongs to the thread that opened it, in_use and closed under the bdev's lock
 *   bdev_thread         one per SPDK thread that has a bdev channel: cache of spdk_bdev_io, io_wait queue, iobuf caches
 *   bdev_shared         one per module channel and thread: what bdevs on the same module channel share (NOMEM retry)
 *   bdev_channel        one per bdev and thread: context of the spdk_io_channel that users get
 *   bdev_io_private     what only some I/Os need; lies before the spdk_bdev_io in memory
 * Lock order: bdev_manager.lock, then bdev_state.lock. Neither is held while a module or a user is called.
 */

#ifndef BDEV_INTERNAL_H
#define BDEV_INTERNAL_H

#include "spdk/bdev.h"
#include "spdk/bdev_module.h"
#include "spdk/env.h"
#include "spdk/likely.h"
#include "spdk/log.h"
#include "spdk/queue.h"
#include "spdk/thread.h"
#include "spdk/tree.h"
#include "spdk/util.h"

#define ZERO_BUFFER_SIZE 0x100000

/* ---- the manager: manager.c ---- */

RB_HEAD(bdev_name_tree, spdk_bdev_name);
TAILQ_HEAD(bdev_list, bdev_state);
TAILQ_HEAD(bdev_module_list, spdk_bdev_module);

struct bdev_manager {
	struct spdk_spinlock lock;
	struct spdk_bdev_opts opts;

	struct bdev_module_list modules;
	struct bdev_list bdevs;
	struct bdev_name_tree names;

	/* Where spdk_bdev_io come from; NULL while the layer is not initialised. */
	struct spdk_mempool *io_pool;
	size_t io_ctx_size;
	/* ZERO_BUFFER_SIZE zeroes, never written. */
	void *zero_buffer;
};

extern struct bdev_manager g_bdev_manager;

/* ---- a registered bdev: register.c ---- */

enum bdev_claim_kind {
	BDEV_CLAIM_KIND_NONE,
	BDEV_CLAIM_KIND_V1,
	BDEV_CLAIM_KIND_V2,
};

struct bdev_state {
	struct spdk_bdev *bdev;
	TAILQ_ENTRY(bdev_state) link;
	struct spdk_spinlock lock;

	enum spdk_bdev_status status;
	struct spdk_bdev_name name;
	TAILQ_HEAD(, spdk_bdev_desc) descs;

	enum spdk_bdev_claim_type claim_type;
	struct spdk_bdev_module *claim_module; /* v1 */
	TAILQ_HEAD(, spdk_bdev_module_claim) claims; /* v2 */

	/* Answers of io_type_supported, asked once per type at registration. Bit = enum spdk_bdev_io_type. */
	uint64_t io_types;

	spdk_bdev_unregister_cb unregister_cb;
	void *unregister_ctx;
	struct spdk_thread *unregister_thread;

	/* Counters of channels that are gone, and error counts of all. */
	struct spdk_bdev_io_stat *stat;

	/* reset.c: the reset in progress and those that wait for its outcome. */
	struct spdk_bdev_io *reset_in_progress;
	bdev_io_tailq_t queued_resets;
};

static inline struct bdev_state *
bdev_state(const struct spdk_bdev *bdev)
{
	return bdev->internal.state;
}

static inline bool
bdev_io_type_is_native(const struct spdk_bdev *bdev, enum spdk_bdev_io_type type)
{
	return (bdev_state(bdev)->io_types >> type) & 1;
}

/* ---- descriptors: desc.c ---- */

struct spdk_bdev_desc {
	struct spdk_bdev *bdev;
	bool write;
	bool hide_metadata;
	bool memory_domains_supported;
	/* Block size as this opener sees it, in bytes; a shift if it is a power of two, else 0. */
	uint32_t block_size;
	uint8_t block_shift;
	uint64_t accel_sequence_types;

	bool closed;
	/* Events in flight to the opener's thread. */
	uint32_t refs;
	struct spdk_thread *thread;
	spdk_bdev_event_cb_t event_cb;
	void *event_ctx;
	struct spdk_bdev_module_claim *claim;
	TAILQ_ENTRY(spdk_bdev_desc) link;
};

/* ---- per thread and per channel: channel.c ---- */

struct bdev_io_private;

/* Context of the manager's io_device: what one SPDK thread keeps for all bdevs. */
struct bdev_thread {
	/* Stack of free spdk_bdev_io of this thread. */
	struct spdk_bdev_io **io_cache;
	uint32_t io_cache_count;
	uint32_t io_cache_size;
	/* I/Os taken from the cache or pool and not freed; lib/thread reads it before it lets the thread sleep. */
	uint64_t ios_in_use;

	/* Users waiting for a spdk_bdev_io. */
	TAILQ_HEAD(, spdk_bdev_io_wait_entry) io_wait_queue;

	TAILQ_HEAD(, bdev_shared) shared;
	struct spdk_iobuf_channel iobuf;
};

/* What all bdevs that use one module channel share; the unit of NOMEM retry. */
struct bdev_shared {
	struct bdev_thread *thread;
	struct spdk_io_channel *module_ch;
	uint32_t refs;
	/* I/Os inside the module. */
	uint64_t outstanding;
	/* I/Os that the module has refused with NOMEM, oldest first. */
	bdev_io_tailq_t nomem_queue;
	uint64_t nomem_threshold;
	struct spdk_poller *nomem_poller;
	TAILQ_ENTRY(bdev_shared) link;
};

/* Reasons why a channel looks twice at each new I/O; the hot path tests them all with one branch. */
enum bdev_gate {
	BDEV_GATE_RESET = 1 << 0, /* new I/O completes ABORTED */
	BDEV_GATE_NOMEM = 1 << 1, /* new I/O queues behind those that wait for memory */
};

struct bdev_channel {
	struct spdk_bdev *bdev;
	struct spdk_io_channel *module_ch;
	struct bdev_shared *shared;
	uint32_t gates;
	/* I/Os of this channel inside the module. */
	uint64_t outstanding;
	/* I/Os of this channel that are submitted and not completed to the user. */
	uint64_t submitted;
	struct spdk_bdev_io_stat *stat;
};

/* Rare state of an I/O, apart from what every I/O touches. */
struct bdev_io_private {
	/* Position in the list of the thread that holds it, so that all I/Os of a thread can be found. */
	struct bdev_thread *owner;

	/* buffer.c */
	struct spdk_iobuf_entry iobuf;
	void *buf;
	uint64_t buf_len;
	spdk_bdev_io_get_buf_cb get_buf_cb;
	struct iovec bounce_iov;
	struct iovec bounce_md_iov;
	struct iovec *orig_iovs;
	int orig_iovcnt;
	void *orig_md_buf;

	/* split.c */
	struct spdk_bdev_io *parent;
	uint64_t split_offset_blocks;
	uint64_t split_remaining_blocks;
	uint32_t split_outstanding;

	struct spdk_bdev_io_wait_entry wait;

	/* status.c: detail of a status other than SUCCESS. */
	union {
		struct {
			uint32_t cdw0;
			int sct;
			int sc;
		} nvme;
		struct {
			enum spdk_scsi_status sc;
			enum spdk_scsi_sense sk;
			uint8_t asc;
			uint8_t ascq;
		} scsi;
		int aio_result;
	} error;

	struct spdk_bdev_io io;
};

static inline struct bdev_io_private *
bdev_io_private(struct spdk_bdev_io *bdev_io)
{
	return SPDK_CONTAINEROF(bdev_io, struct bdev_io_private, io);
}

#endif /* BDEV_INTERNAL_H */
