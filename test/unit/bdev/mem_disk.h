/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Disks in memory that do with each I/O what a test tells them: at once, by message, when they are released, or not for
 * want of memory. They check what the layer promises to modules.
 */

#ifndef MEM_DISK_H
#define MEM_DISK_H

#include "bdev_sim.h"

enum mem_disk_mode {
	/* Complete inside submit_request. */
	MEM_DISK_INLINE,
	/* Complete by message. */
	MEM_DISK_MESSAGE,
	/* Keep until mem_disk_release(). */
	MEM_DISK_HOLD,
	/* Any of these, and NOMEM now and then. */
	MEM_DISK_RANDOM,
};

/* What becomes of an ABORT, and of its target if that is held; one that is not held cannot be aborted. */
enum mem_disk_abort {
	/* Both end by message. */
	MEM_DISK_ABORT_MESSAGE,
	/* Both end inside submit_request. */
	MEM_DISK_ABORT_INLINE,
	/* Fails by message. */
	MEM_DISK_ABORT_FAIL,
	/* Is held itself, until mem_disk_release_status(). */
	MEM_DISK_ABORT_HOLD,
	/* Any of the first three. */
	MEM_DISK_ABORT_RANDOM,
};

/* What was submitted, newest last. */
struct mem_disk_record {
	uint8_t type;
	int iovcnt;
	uint64_t offset;
	uint64_t num_blocks;
	/* Of the first buffer. */
	uint64_t len;
	void *base;
	void *md_buf;
	uint32_t dif_check_flags;
	uint32_t cdw12;
	void *memory_domain;
	bool has_sequence;
	bool hides_metadata;
	uint16_t num_retries;
	/* Of a copy. */
	uint64_t src_offset;
	/* Of a zero-copy. */
	bool zcopy_start;
	bool zcopy_populate;
	bool zcopy_commit;
	/* Of NVMe commands. */
	struct spdk_bdev_io_nvme_passthru_params nvme;
	/* Of zone management and information. */
	struct spdk_bdev_io_zone_mgmt_params zone;
};

#define MEM_DISK_MAX_RECORDS 1024

struct mem_disk {
	struct spdk_bdev bdev;
	char name[64];
	uint8_t *data;
	uint8_t *md;
	uint64_t io_types;
	enum mem_disk_mode mode;
	/* I/Os to refuse with NOMEM, of those that come next. */
	uint32_t refuse;
	/* Ask for a buffer before each read, write, append and compare; before starting a zero-copy; for NVMe commands. */
	bool get_buf;
	bool zcopy_get_buf;
	bool nvme_get_buf;
	/* Complete with this instead of doing it, unless PENDING. */
	enum spdk_bdev_io_status fail_status;
	/* Only those of this many I/Os from now that come after fail_after. */
	uint32_t fail_after;
	/* All disks with the same key have the same module channel; NULL: its own. */
	void *channel_key;
	/* What cdw0 of successful NVMe commands is; seeks find this block. */
	uint32_t cdw0;
	uint64_t seek_offset;
	/* Where the next append to any zone goes, from its start. */
	uint64_t append_offset;
	enum mem_disk_abort abort_mode;
	/* What RESET completes with, unless PENDING. */
	enum spdk_bdev_io_status reset_status;
	/* RESET does not abort what is held. */
	bool reset_keeps;
	/* RESET is held as other I/O is. */
	bool holds_resets;
	/* It takes data of every memory domain, and executes the sequences of reads and writes (bits of their types). */
	bool knows_domains;
	uint64_t sequence_types;
	/* It completes I/O without having taken over its sequence. */
	bool leaves_sequence;
	bool registered_device;
	bool destructed;

	TAILQ_HEAD(mem_disk_ctx_list, mem_disk_ctx) held;
	uint32_t num_held;
	uint32_t inside;
	uint32_t resets;
	struct mem_disk_record records[MEM_DISK_MAX_RECORDS];
	uint32_t num_records;
	/* Told of each I/O, but RESET, that enters or leaves the module. */
	void (*observe)(struct mem_disk *disk, struct spdk_bdev_io *bdev_io, bool enters);
	/* Buffers that could not be had. */
	uint32_t buf_failures;
};

/* A disk of so many blocks of block_size bytes that supports reading, writing, unmap, flush and reset. */
void mem_disk_init(struct mem_disk *disk, const char *name, uint32_t block_size, uint64_t num_blocks);
/*
 * Registers it, and waits until it is examined; the limits in disk->bdev have to be set before. Its data is zeroes unless
 * disk->data, from the heap, says what it is.
 */
void mem_disk_add(struct mem_disk *disk);
/* The same without waiting. */
void mem_disk_register(struct mem_disk *disk);
/* Unregisters it and waits until it is gone. */
void mem_disk_remove(struct mem_disk *disk);
/* Completes the oldest count that are held, on their threads. */
void mem_disk_release(struct mem_disk *disk, uint32_t count);
/* The same with a status. */
void mem_disk_release_status(struct mem_disk *disk, uint32_t count, enum spdk_bdev_io_status status);

/* Takes the oldest that is held away from the disk: the test completes it itself. */
struct spdk_bdev_io *mem_disk_take_oldest(struct mem_disk *disk);
/* The oldest that is held. */
struct spdk_bdev_io *mem_disk_get_oldest(struct mem_disk *disk);
/* The same with a status of NVMe. */
void mem_disk_release_nvme(struct mem_disk *disk, uint32_t count, int sct, int sc);
/* Completes the newest. */
void mem_disk_release_newest(struct mem_disk *disk);

/* Completes those of that type and place; of types without a place offset is 0. Returns how many. */
uint32_t mem_disk_release_at(
	struct mem_disk *disk, enum spdk_bdev_io_type type, uint64_t offset, enum spdk_bdev_io_status status);

/* ---- users ---- */

/* One I/O of a test. */
struct mem_io {
	uint32_t thread;
	int rc;
	uint32_t done;
	bool success;
	/* Not freed if keep. */
	bool keep;
	struct spdk_bdev_io *bdev_io;
	/* Order among all that complete. */
	uint64_t order;
	int aio_status;
	int nvme_sct;
	int nvme_sc;
};

extern uint64_t g_mem_io_order;
void mem_io_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg);

/* A descriptor and channels on several threads. */
struct mem_user {
	struct mem_disk *disk;
	struct spdk_bdev_desc *desc;
	struct spdk_io_channel *ch[BDEV_SIM_MAX_THREADS];
	uint32_t num_threads;
	uint32_t removes;
};

void mem_user_open(struct mem_user *user, struct mem_disk *disk, uint32_t num_threads);
void mem_user_open_name(struct mem_user *user, const char *name, uint32_t num_threads, bool write);
/* Does nothing if it is closed. */
void mem_user_close(struct mem_user *user);

#endif /* MEM_DISK_H */
