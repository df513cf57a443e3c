/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef SPDK_BDEV_H
#define SPDK_BDEV_H

#include "spdk/stdinc.h"
#include "spdk/accel.h"
#include "spdk/scsi_spec.h"
#include "spdk/nvme_spec.h"
#include "spdk/json.h"
#include "spdk/queue.h"
#include "spdk/histogram_data.h"
#include "spdk/dif.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Block devices, for those who use them: finding and opening a bdev, its properties, and I/O on it. Modules, which make
 * bdevs, also need spdk/bdev_module.h.
 *
 * Offsets and lengths are in blocks where a name ends in _blocks, and else in bytes. Functions return 0 or a negative
 * errno unless they say otherwise. I/O, its channel and its callback belong to one SPDK thread.
 */

/* Bytes of data that a small and a large buffer of a bdev hold. */
#define SPDK_BDEV_SMALL_BUF_MAX_SIZE 8192
#define SPDK_BDEV_LARGE_BUF_MAX_SIZE (64 * 1024)
/* Bytes of metadata that a block of 512 bytes may have, and the size of a buffer for x bytes of data with as much. */
#define SPDK_BDEV_MAX_INTERLEAVED_MD_SIZE (64)
#define SPDK_BDEV_BUF_SIZE_WITH_MD(x) (((x) / 512) * (512 + SPDK_BDEV_MAX_INTERLEAVED_MD_SIZE))

/* What happens to a bdev that is open. */
enum spdk_bdev_event_type {
	/* The bdev is going away: finish I/O, put the channels, close the descriptor. */
	SPDK_BDEV_EVENT_REMOVE,
	/* The number of blocks has changed. */
	SPDK_BDEV_EVENT_RESIZE,
	/* There are media events to be fetched. */
	SPDK_BDEV_EVENT_MEDIA_MANAGEMENT,
};

/* Where a bdev stands between registration and its end. */
enum spdk_bdev_status {
	/* Not registered. */
	SPDK_BDEV_STATUS_INVALID,
	SPDK_BDEV_STATUS_READY,
	/* Queued I/O is being aborted. */
	SPDK_BDEV_STATUS_UNREGISTERING,
	/* Waits for its openers to close. */
	SPDK_BDEV_STATUS_REMOVING,
};

/* What can be asked of a bdev. Not every bdev does all of it: spdk_bdev_io_type_supported(). */
enum spdk_bdev_io_type {
	SPDK_BDEV_IO_TYPE_INVALID = 0,
	SPDK_BDEV_IO_TYPE_READ,
	SPDK_BDEV_IO_TYPE_WRITE,
	/* The contents of blocks are no longer needed. */
	SPDK_BDEV_IO_TYPE_UNMAP,
	/* What was written is made to last. */
	SPDK_BDEV_IO_TYPE_FLUSH,
	/* All I/O ends, and the device starts anew. */
	SPDK_BDEV_IO_TYPE_RESET,
	/* NVMe commands: of the admin queue, of an I/O queue, the latter with separate metadata. */
	SPDK_BDEV_IO_TYPE_NVME_ADMIN,
	SPDK_BDEV_IO_TYPE_NVME_IO,
	SPDK_BDEV_IO_TYPE_NVME_IO_MD,
	SPDK_BDEV_IO_TYPE_WRITE_ZEROES,
	/* Reading and writing in buffers of the device. */
	SPDK_BDEV_IO_TYPE_ZCOPY,
	/* Of zoned devices, see spdk/bdev_zone.h. */
	SPDK_BDEV_IO_TYPE_GET_ZONE_INFO,
	SPDK_BDEV_IO_TYPE_ZONE_MANAGEMENT,
	SPDK_BDEV_IO_TYPE_ZONE_APPEND,
	SPDK_BDEV_IO_TYPE_COMPARE,
	/* Writes if the comparison holds, in one step. */
	SPDK_BDEV_IO_TYPE_COMPARE_AND_WRITE,
	/* Ends another I/O early. */
	SPDK_BDEV_IO_TYPE_ABORT,
	/* Next block that holds nothing, or something. */
	SPDK_BDEV_IO_TYPE_SEEK_HOLE,
	SPDK_BDEV_IO_TYPE_SEEK_DATA,
	/* From one place of the bdev to another. */
	SPDK_BDEV_IO_TYPE_COPY,
	/* As NVME_IO_MD, with data in several pieces. */
	SPDK_BDEV_IO_TYPE_NVME_IOV_MD,
	/* How many types there are, with INVALID. */
	SPDK_BDEV_NUM_IO_TYPES,
};

/* What may be limited. */
enum spdk_bdev_qos_rate_limit_type {
	/* Reads and writes per second. */
	SPDK_BDEV_QOS_RW_IOPS_RATE_LIMIT = 0,
	/* Bytes per second: read and written, read, written. */
	SPDK_BDEV_QOS_RW_BPS_RATE_LIMIT,
	SPDK_BDEV_QOS_R_BPS_RATE_LIMIT,
	SPDK_BDEV_QOS_W_BPS_RATE_LIMIT,
	SPDK_BDEV_QOS_NUM_RATE_LIMIT_TYPES,
};

/* An open bdev. */
struct spdk_bdev_desc;
struct spdk_bdev;
struct spdk_bdev_io;

struct spdk_accel_sequence;
struct spdk_histogram_data;
struct spdk_io_channel;
struct spdk_json_write_ctx;
struct spdk_memory_domain;
struct spdk_nvme_cmd;
struct spdk_uuid;

/* Controller attributes, as in the NVMe specification. */
union spdk_bdev_nvme_ctratt {
	uint32_t raw;
	struct {
		uint32_t reserved : 19;
		/* Flexible data placement. */
		uint32_t fdps : 1;
		uint32_t reserved2 : 12;
	} bits;
};

/* Dwords 12 and 13 of an NVMe write. */
union spdk_bdev_nvme_cdw12 {
	uint32_t raw;
	struct {
		uint32_t reserved : 20;
		/* Directive type. */
		uint32_t dtype : 4;
		uint32_t reserved2 : 8;
	} write;
};

/* The second of them. */
union spdk_bdev_nvme_cdw13 {
	uint32_t raw;
	struct {
		uint32_t reserved : 16;
		/* Directive specific value. */
		uint32_t dspec : 16;
	} write;
};

/* A range of blocks that its device wants rewritten. */
struct spdk_bdev_media_event {
	/* In blocks. */
	uint64_t offset;
	uint64_t num_blocks;
};

/* ---- Start and stop of the layer; applications that use spdk/event.h do not need it ---- */

/* The layer has started, or not (rc is a negative errno); it has stopped. */
typedef void (*spdk_bdev_init_cb)(void *cb_arg, int rc);
typedef void (*spdk_bdev_fini_cb)(void *cb_arg);

struct spdk_bdev_opts {
	/* Number of spdk_bdev_io objects of all threads together, and how many each thread keeps for itself. */
	uint32_t bdev_io_pool_size;
	uint32_t bdev_io_cache_size;
	/* Whether new bdevs are offered to the modules at once; else see spdk_bdev_examine(). */
	bool bdev_auto_examine;
	uint8_t reserved9[7];
	/* Size of this structure as the caller knows it. */
	size_t opts_size;
	/* Number of small and large data buffers that each thread keeps for bdevs. */
	uint32_t iobuf_small_cache_size;
	uint32_t iobuf_large_cache_size;
} __attribute__((packed));

/* Stores the options into the first opts_size bytes of opts. */
void spdk_bdev_get_opts(struct spdk_bdev_opts *opts, size_t opts_size);

/*
 * Sets the options that lie within opts->opts_size. Before spdk_bdev_initialize(), which uses them.
 * Returns -1 if opts is NULL, its size is 0, or the pool is too small for the caches of all threads and one more.
 */
int spdk_bdev_set_opts(struct spdk_bdev_opts *opts);

/*
 * Starts the layer and all modules. iobuf has to be up. App thread. cb_fn runs when all modules are ready and have
 * examined what there is, which may be inside this call; with -1 if something failed, which the log names.
 */
void spdk_bdev_initialize(spdk_bdev_init_cb cb_fn, void *cb_arg);

/*
 * Unregisters all bdevs, virtual ones first, and stops the modules. Who has a bdev open is asked by
 * SPDK_BDEV_EVENT_REMOVE to close it, and waited for. cb_fn runs on this thread when all is done, also after a start
 * that failed.
 */
void spdk_bdev_finish(spdk_bdev_fini_cb cb_fn, void *cb_arg);

/* Writes the array of RPC calls that recreate the bdevs and options there are. */
void spdk_bdev_subsystem_config_json(struct spdk_json_write_ctx *w);

/* ---- Examining: modules are offered each new bdev, to build upon it ---- */

/* No bdev is being examined. */
typedef void (*spdk_bdev_wait_for_examine_cb)(void *arg);

/*
 * Allows a bdev of this name or alias to be examined when that is not automatic, now and whenever it comes. App thread.
 * Returns -EINVAL on another thread, for a NULL name, or if examining is automatic; -EEXIST if it is allowed already;
 * -ENOMEM. There need not be such a bdev.
 */
int spdk_bdev_examine(const char *name);

/*
 * Calls cb_fn once, by message on this thread, when no module is busy with its start or with examining a bdev.
 * Returns -ENOMEM, or -ENOTSUP outside SPDK threads.
 */
int spdk_bdev_wait_for_examine(spdk_bdev_wait_for_examine_cb cb_fn, void *cb_arg);

/* ---- Finding bdevs. What these return may be unregistered at any time unless it is open ---- */

/* Returns the bdev with that name or alias, or NULL. */
struct spdk_bdev *spdk_bdev_get_by_name(const char *bdev_name);

/* The first bdev, and the one after prev, in the order of registration; NULL if there is none. */
struct spdk_bdev *spdk_bdev_first(void);
struct spdk_bdev *spdk_bdev_next(struct spdk_bdev *prev);

/* The same without those that are claimed. */
struct spdk_bdev *spdk_bdev_first_leaf(void);
struct spdk_bdev *spdk_bdev_next_leaf(struct spdk_bdev *prev);

/* Non-zero ends the walk. */
typedef int (*spdk_for_each_bdev_fn)(void *ctx, struct spdk_bdev *bdev);

/*
 * Calls fn with each bdev that is not being unregistered, which cannot vanish while fn runs. The leaf form leaves out
 * those that are claimed. SPDK thread. Returns 0, what fn returned to end the walk, -ENOMEM, or -ENOTSUP.
 */
int spdk_for_each_bdev(void *ctx, spdk_for_each_bdev_fn fn);
int spdk_for_each_bdev_leaf(void *ctx, spdk_for_each_bdev_fn fn);

/* ---- Descriptors ---- */

/* Called on the thread that opened, always by message; closing the descriptor inside it is allowed. */
typedef void (*spdk_bdev_event_cb_t)(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *event_ctx);
/* The base of parts is being removed: see spdk_bdev_part_base_construct_ext(). */
typedef void (*spdk_bdev_remove_cb_t)(void *remove_ctx);

/* How a bdev is opened. */
struct spdk_bdev_open_opts {
	/* Size of this structure as the caller knows it. */
	size_t size;
	/* Show blocks without their metadata; it is inserted into writes, and verified and taken out of reads. */
	bool hide_metadata;
};

/* Sets all members within opts_size to their defaults. */
void spdk_bdev_open_opts_init(struct spdk_bdev_open_opts *opts, size_t opts_size);

/*
 * Opens a bdev by name or alias, for reading, or also for writing. The descriptor belongs to this thread; I/O may be
 * submitted with it on any thread that has a channel. opts may be NULL, and is copied.
 *
 * Returns -ENODEV if there is no such bdev or it is being unregistered; -EPERM if it is to be written but claimed;
 * -EINVAL without a callback, or with options that do not fit; -ENOTSUP outside SPDK threads; -ENOMEM. *desc is set to
 * NULL if there is a bdev but it cannot be opened.
 */
int spdk_bdev_open_ext_v2(const char *bdev_name, bool write, spdk_bdev_event_cb_t event_cb, void *event_ctx,
	struct spdk_bdev_open_opts *opts, struct spdk_bdev_desc **desc);
int spdk_bdev_open_ext(const char *bdev_name, bool write, spdk_bdev_event_cb_t event_cb, void *event_ctx,
	struct spdk_bdev_desc **desc);

/* desc is NULL if rc is not 0. */
typedef void (*spdk_bdev_open_async_cb_t)(struct spdk_bdev_desc *desc, int rc, void *cb_arg);

/* How to wait for a bdev. */
struct spdk_bdev_open_async_opts {
	/* Size of this structure as the caller knows it. */
	size_t size;
	/* How long to wait for a bdev that cannot be opened yet. */
	uint64_t timeout_ms;
};

/*
 * Opens a bdev that may be yet to come. Tries at once, and then ten times per second until timeout_ms have passed.
 * open_cb gets the result by message on this thread: 0, -ETIMEDOUT, -ESHUTDOWN, or, without a timeout, what
 * spdk_bdev_open_ext() returned. opts may be NULL: no waiting.
 *
 * Returns 0 if open_cb will be called; -EINVAL without name or callbacks or with options of size 0, -ENOMEM, -ENOTSUP
 * outside SPDK threads.
 */
int spdk_bdev_open_async(const char *bdev_name, bool write, spdk_bdev_event_cb_t event_cb, void *event_ctx,
	struct spdk_bdev_open_async_opts *opts, spdk_bdev_open_async_cb_t open_cb, void *open_cb_arg);

/*
 * Closes a descriptor, on the thread that opened it. Its I/O must have completed. Events that are on their way are
 * dropped. Channels are not affected.
 */
void spdk_bdev_close(struct spdk_bdev_desc *desc);

struct spdk_bdev *spdk_bdev_desc_get_bdev(struct spdk_bdev_desc *desc);

/* Returns what the module keeps for the bdev, by a type that only it knows, or NULL. */
void *spdk_bdev_get_module_ctx(struct spdk_bdev_desc *desc);

/* ---- Properties of a bdev ---- */

const char *spdk_bdev_get_name(const struct spdk_bdev *bdev);
/* What it is, for people. */
const char *spdk_bdev_get_product_name(const struct spdk_bdev *bdev);
const char *spdk_bdev_get_module_name(const struct spdk_bdev *bdev);
const struct spdk_uuid *spdk_bdev_get_uuid(const struct spdk_bdev *bdev);

uint64_t spdk_bdev_get_num_blocks(const struct spdk_bdev *bdev);
/* Bytes in a block, including metadata that is interleaved. */
uint32_t spdk_bdev_get_block_size(const struct spdk_bdev *bdev);
/* Bytes in a block without metadata. */
uint32_t spdk_bdev_get_data_block_size(const struct spdk_bdev *bdev);
/* Bytes in a block of the medium, without metadata. */
uint32_t spdk_bdev_get_physical_block_size(const struct spdk_bdev *bdev);
/* Blocks that are best written together. */
uint32_t spdk_bdev_get_write_unit_size(const struct spdk_bdev *bdev);
/* Blocks of the largest atomic compare-and-write. */
uint16_t spdk_bdev_get_acwu(const struct spdk_bdev *bdev);
/* Blocks between the boundaries that I/O is best kept from crossing; 0: none. */
uint32_t spdk_bdev_get_optimal_io_boundary(const struct spdk_bdev *bdev);
/* Bytes to which buffers have to be aligned to be used as they are. */
size_t spdk_bdev_get_buf_align(const struct spdk_bdev *bdev);
/* Blocks in the largest copy that is carried out in one piece; 0: no limit. */
uint32_t spdk_bdev_get_max_copy(const struct spdk_bdev *bdev);
/* Whether written data is durable only after a flush. */
bool spdk_bdev_has_write_cache(const struct spdk_bdev *bdev);
bool spdk_bdev_is_zoned(const struct spdk_bdev *bdev);
/* SPDK_ENV_NUMA_ID_ANY if it is not known. */
int32_t spdk_bdev_get_numa_id(struct spdk_bdev *bdev);
/* Of bdevs that stand for an NVMe namespace; else 0. */
union spdk_bdev_nvme_ctratt spdk_bdev_get_nvme_ctratt(struct spdk_bdev *bdev);
uint32_t spdk_bdev_get_nvme_nsid(struct spdk_bdev *bdev);

/* Bytes of metadata that belong to a block; 0: none. */
uint32_t spdk_bdev_get_md_size(const struct spdk_bdev *bdev);
bool spdk_bdev_is_md_interleaved(const struct spdk_bdev *bdev);
bool spdk_bdev_is_md_separate(const struct spdk_bdev *bdev);
/* SPDK_DIF_DISABLE if there is no metadata. */
enum spdk_dif_type spdk_bdev_get_dif_type(const struct spdk_bdev *bdev);
enum spdk_dif_pi_format spdk_bdev_get_dif_pi_format(const struct spdk_bdev *bdev);
/* Whether protection information is in the first bytes of the metadata, not in the last. */
bool spdk_bdev_is_dif_head_of_md(const struct spdk_bdev *bdev);
bool spdk_bdev_is_dif_check_enabled(const struct spdk_bdev *bdev, enum spdk_dif_check_type check_type);

/* The same as a descriptor shows it: without metadata if that is hidden. */
uint32_t spdk_bdev_desc_get_block_size(struct spdk_bdev_desc *desc);
uint32_t spdk_bdev_desc_get_md_size(struct spdk_bdev_desc *desc);
bool spdk_bdev_desc_is_md_interleaved(struct spdk_bdev_desc *desc);
bool spdk_bdev_desc_is_md_separate(struct spdk_bdev_desc *desc);
enum spdk_dif_type spdk_bdev_desc_get_dif_type(struct spdk_bdev_desc *desc);
enum spdk_dif_pi_format spdk_bdev_desc_get_dif_pi_format(struct spdk_bdev_desc *desc);
bool spdk_bdev_desc_is_dif_head_of_md(struct spdk_bdev_desc *desc);
bool spdk_bdev_desc_is_dif_check_enabled(struct spdk_bdev_desc *desc, enum spdk_dif_check_type check_type);

/* Whether I/O of that type can be submitted: what the module says, and WRITE_ZEROES wherever there is WRITE. */
bool spdk_bdev_io_type_supported(struct spdk_bdev *bdev, enum spdk_bdev_io_type io_type);

/* Returns the name of an I/O type in RPCs: "write_zeroes". NULL if there is no such type. */
const char *spdk_bdev_get_io_type_name(enum spdk_bdev_io_type io_type);

/* Returns the I/O type of that name, or -1. */
int spdk_bdev_get_io_type(const char *io_type_string);

/* Returns the name of a rate limit in RPCs: "rw_ios_per_sec". NULL if there is no such limit. */
const char *spdk_bdev_get_qos_rpc_type(enum spdk_bdev_qos_rate_limit_type type);

/*
 * Changes the rate limits of a bdev, which all its openers share: limits[SPDK_BDEV_QOS_RW_IOPS_RATE_LIMIT] in I/Os per
 * second, which is rounded up to thousands, the others in MiB per second. 0: no limit; UINT64_MAX: as before. The array is
 * overwritten with what is taken, in I/Os and bytes.
 *
 * Reads, writes, starts of zero-copy, and raw NVMe I/O without the vectored form, are counted, in the form in which the
 * module gets them. Time is cut into slices of 1 ms. An I/O goes on as long as each limit that it falls under has something
 * left in the slice, however large it is; later slices pay. Else it waits on its own thread. An end of the last limit
 * submits what waits. A reset, an abort, the end of the channel, and removal of the bdev when all have closed it, complete
 * it as aborted.
 *
 * SPDK threads only; as often as one likes, while I/O runs. cb_fn, which may be NULL, runs on this thread when all channels
 * obey, with status 0, or -ENOMEM, and then all is as before. It runs inside this call with 0 if there is nothing to change;
 * with -EAGAIN while another change is in progress; -ENODEV if the bdev is gone; -ENOMEM; -EINVAL outside SPDK threads.
 */
void spdk_bdev_set_qos_rate_limits(
	struct spdk_bdev *bdev, uint64_t *limits, void (*cb_fn)(void *cb_arg, int status), void *cb_arg);

/* Stores SPDK_BDEV_QOS_NUM_RATE_LIMIT_TYPES limits: I/Os per second, then MiB per second. 0: no limit. */
void spdk_bdev_get_qos_rate_limits(struct spdk_bdev *bdev, uint64_t *limits);

/*
 * Stores the memory domains that the bdev takes data from, as far as array_size allows; domains may be NULL if that is
 * 0. Returns how many there are, -EINVAL for a NULL bdev, or a negative errno of the module.
 */
int spdk_bdev_get_memory_domains(struct spdk_bdev *bdev, struct spdk_memory_domain **domains, int array_size);

/* Writes what the module says of the bdev as named values into the present object. Returns what the module does. */
int spdk_bdev_dump_info_json(struct spdk_bdev *bdev, struct spdk_json_write_ctx *w);

/*
 * Takes up to max_events of the media events that wait for this descriptor, oldest first; meant for the callback of
 * SPDK_BDEV_EVENT_MEDIA_MANAGEMENT. At most 64 wait. Returns how many were stored in events.
 */
size_t spdk_bdev_get_media_events(
	struct spdk_bdev_desc *bdev_desc, struct spdk_bdev_media_event *events, size_t max_events);

/* ---- Channels ---- */

/*
 * Returns this thread's channel to the bdev, for I/O on this thread; give it back with spdk_put_io_channel() after the
 * last I/O. All descriptors of a thread share it. NULL if the module has none, or memory or spdk_bdev_io are short.
 */
struct spdk_io_channel *spdk_bdev_get_io_channel(struct spdk_bdev_desc *desc);

struct spdk_bdev_channel_iter;

/* Runs on the thread of ch and must call spdk_bdev_for_each_channel_continue(), now or later. */
typedef void (*spdk_bdev_for_each_channel_msg)(
	struct spdk_bdev_channel_iter *i, struct spdk_bdev *bdev, struct spdk_io_channel *ch, void *ctx);

/* status: 0, or what ended the walk. */
typedef void (*spdk_bdev_for_each_channel_done)(struct spdk_bdev *bdev, void *ctx, int status);

/*
 * Calls fn for all channels of the bdev, one after the other, each on its thread, and then cpl on this thread, by
 * message; inside this call, with -ENOMEM, if there is no memory.
 */
void spdk_bdev_for_each_channel(
	struct spdk_bdev *bdev, spdk_bdev_for_each_channel_msg fn, void *ctx, spdk_bdev_for_each_channel_done cpl);

/* status other than 0 ends the walk. */
void spdk_bdev_for_each_channel_continue(struct spdk_bdev_channel_iter *i, int status);

/* ---- I/O ----
 *
 * All submission functions return 0 if cb will be called, once, on this thread and not inside the submission; or a
 * negative errno if it will not be called:
 *   -EBADF    the descriptor is not open for writing
 *   -EINVAL   bytes that are not whole blocks; a range beyond the end; metadata that does not fit the bdev
 *   -ENOTSUP  the bdev lacks the operation
 *   -ENOMEM   this thread has no spdk_bdev_io left: try again when spdk_bdev_queue_io_wait() says so
 * Buffers, and arrays of struct iovec, belong to the I/O until cb is called. Buffers that are not aligned as
 * spdk_bdev_get_buf_align() says are copied when the module needs them aligned. I/O that exceeds the bdev's limits is
 * split. There is no order between I/Os that are outstanding together.
 */

/* success is true only if all was done. The owner ends with spdk_bdev_free_io(), here or later. */
typedef void (*spdk_bdev_io_completion_cb)(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg);

/* Gives an I/O back after its callback was called, on the same thread, with the buffers that the layer added to it. */
void spdk_bdev_free_io(struct spdk_bdev_io *bdev_io);

/*
 * Reads into buf. If buf is NULL the module or the layer provides one, see spdk_bdev_io_get_iovec(), which is valid
 * until the I/O is freed.
 */
int spdk_bdev_read(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *buf, uint64_t offset, uint64_t nbytes,
	spdk_bdev_io_completion_cb cb, void *cb_arg);
int spdk_bdev_read_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *buf, uint64_t offset_blocks,
	uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg);
/* md: the metadata of all blocks, on bdevs that keep it apart from the data; NULL: it is not wanted. */
int spdk_bdev_read_blocks_with_md(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *buf, void *md,
	uint64_t offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg);

/* The same into several buffers, which together have the length of the I/O. */
int spdk_bdev_readv(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, struct iovec *iov, int iovcnt,
	uint64_t offset, uint64_t nbytes, spdk_bdev_io_completion_cb cb, void *cb_arg);
int spdk_bdev_readv_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, struct iovec *iov, int iovcnt,
	uint64_t offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg);
int spdk_bdev_readv_blocks_with_md(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, struct iovec *iov,
	int iovcnt, void *md, uint64_t offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg);

/* Writes buf. */
int spdk_bdev_write(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *buf, uint64_t offset,
	uint64_t nbytes, spdk_bdev_io_completion_cb cb, void *cb_arg);
int spdk_bdev_write_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *buf, uint64_t offset_blocks,
	uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg);
int spdk_bdev_write_blocks_with_md(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *buf, void *md,
	uint64_t offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg);

/* The same from several buffers, which together have the length of the I/O. */
int spdk_bdev_writev(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, struct iovec *iov, int iovcnt,
	uint64_t offset, uint64_t len, spdk_bdev_io_completion_cb cb, void *cb_arg);
int spdk_bdev_writev_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, struct iovec *iov, int iovcnt,
	uint64_t offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg);
int spdk_bdev_writev_blocks_with_md(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, struct iovec *iov,
	int iovcnt, void *md, uint64_t offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg);

/* What a vectored read or write may say besides. What lies beyond size counts as 0. */
struct spdk_bdev_ext_io_opts {
	/* Size of this structure as the caller knows it, at least up to and with metadata. */
	size_t size;
	/* Where the buffers are if not in plain memory. -ENOTSUP unless the bdev takes data from memory domains. */
	struct spdk_memory_domain *memory_domain;
	void *memory_domain_ctx;
	/* As md of the forms with metadata. */
	void *metadata;
	/* -ENOTSUP: no bdev executes sequences. */
	struct spdk_accel_sequence *accel_sequence;
	/* SPDK_DIF_FLAGS_*_CHECK: what not to check that the bdev checks otherwise. */
	uint32_t dif_check_flags_exclude_mask;
	/* Of a write: passed on to modules that know what to do with them. */
	union spdk_bdev_nvme_cdw12 nvme_cdw12;
	union spdk_bdev_nvme_cdw13 nvme_cdw13;
} __attribute__((packed));

/* Vectored read and write with options, which are copied; opts may be NULL. */
int spdk_bdev_readv_blocks_ext(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, struct iovec *iov, int iovcnt,
	uint64_t offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg,
	struct spdk_bdev_ext_io_opts *opts);
int spdk_bdev_writev_blocks_ext(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, struct iovec *iov, int iovcnt,
	uint64_t offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg,
	struct spdk_bdev_ext_io_opts *opts);

/* Says that the data is no longer needed; what is read there afterwards is up to the module. */
int spdk_bdev_unmap(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, uint64_t offset, uint64_t nbytes,
	spdk_bdev_io_completion_cb cb, void *cb_arg);
int spdk_bdev_unmap_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, uint64_t offset_blocks,
	uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg);

/* Makes the data zeroes; by writing them if the module has nothing better. */
int spdk_bdev_write_zeroes(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, uint64_t offset, uint64_t len,
	spdk_bdev_io_completion_cb cb, void *cb_arg);
int spdk_bdev_write_zeroes_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, uint64_t offset_blocks,
	uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg);

/* Makes durable what was written there and has completed. -ENOTSUP if the module has no such operation. */
int spdk_bdev_flush(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, uint64_t offset, uint64_t length,
	spdk_bdev_io_completion_cb cb, void *cb_arg);
int spdk_bdev_flush_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, uint64_t offset_blocks,
	uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg);

/*
 * Copies blocks within the bdev; through a buffer of the layer, piece after piece, if the module has nothing better. It
 * is not atomic, and what ranges that overlap hold afterwards is undefined.
 */
int spdk_bdev_copy_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, uint64_t dst_offset_blocks,
	uint64_t src_offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg);

/*
 * Compares buffers, and metadata if md is not NULL, with what the bdev holds; the layer reads it if the module has
 * nothing better. Succeeds if all is equal; a difference shows as miscompare in spdk_bdev_io_get_scsi_status() and as
 * compare failure of the first half in spdk_bdev_io_get_nvme_fused_status(). Interleaved metadata is compared as part of
 * the blocks. The descriptor may be read-only.
 */
int spdk_bdev_compare_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *buf, uint64_t offset_blocks,
	uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg);
int spdk_bdev_compare_blocks_with_md(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *buf, void *md,
	uint64_t offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg);
int spdk_bdev_comparev_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, struct iovec *iov, int iovcnt,
	uint64_t offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg);
int spdk_bdev_comparev_blocks_with_md(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, struct iovec *iov,
	int iovcnt, void *md, uint64_t offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg);

/*
 * Writes the second buffers if the first ones equal what the bdev holds, as one atomic step among all users of the bdev
 * in this process: where the module lacks it, the layer locks the range meanwhile. Separate metadata is neither compared
 * nor written. -EINVAL also for more blocks than spdk_bdev_get_acwu(). spdk_bdev_io_get_nvme_fused_status() tells which
 * half has failed.
 */
int spdk_bdev_comparev_and_writev_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
	struct iovec *compare_iov, int compare_iovcnt, struct iovec *write_iov, int write_iovcnt,
	uint64_t offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg);

/*
 * Zero-copy: the module lends the memory that holds, or is to hold, these blocks. With populate it holds the present
 * data when cb is called; the buffers are in iov if that was given, and in any case where spdk_bdev_io_get_iovec() says.
 * After a success the I/O is not freed but handed to spdk_bdev_zcopy_end(). -ENOTSUP if the module cannot: the layer
 * does not stand in. -EBADF also for reading.
 */
int spdk_bdev_zcopy_start(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, struct iovec *iov, int iovcnt,
	uint64_t offset_blocks, uint64_t num_blocks, bool populate, spdk_bdev_io_completion_cb cb, void *cb_arg);

/*
 * Gives the memory back, and with commit has what it holds written. bdev_io is that of a start that has succeeded, on
 * its thread; it is freed after cb was called. -EINVAL for any other I/O or thread.
 */
int spdk_bdev_zcopy_end(struct spdk_bdev_io *bdev_io, bool commit, spdk_bdev_io_completion_cb cb, void *cb_arg);

/*
 * Finds the first block at or behind offset_blocks that holds data, or that does not; see
 * spdk_bdev_io_get_seek_offset(). A bdev that does not know is data all over. The descriptor may be read-only.
 */
int spdk_bdev_seek_data(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, uint64_t offset_blocks,
	spdk_bdev_io_completion_cb cb, void *cb_arg);
int spdk_bdev_seek_hole(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, uint64_t offset_blocks,
	spdk_bdev_io_completion_cb cb, void *cb_arg);

/*
 * Hand an NVMe command to a bdev that stands for a namespace. cmd is copied; its data pointers are the module's to fill
 * in, and what it does to blocks is the caller's to know. buf and iov are used as they are, whatever their alignment;
 * nbytes and md_len are bytes. -ENOTSUP unless the bdev has NVME_ADMIN, NVME_IO, NVME_IO_MD; the form with iovecs needs
 * NVME_IO, and NVME_IO_MD if md_buf is not NULL.
 */
int spdk_bdev_nvme_admin_passthru(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
	const struct spdk_nvme_cmd *cmd, void *buf, size_t nbytes, spdk_bdev_io_completion_cb cb, void *cb_arg);
int spdk_bdev_nvme_io_passthru(struct spdk_bdev_desc *bdev_desc, struct spdk_io_channel *ch,
	const struct spdk_nvme_cmd *cmd, void *buf, size_t nbytes, spdk_bdev_io_completion_cb cb, void *cb_arg);
int spdk_bdev_nvme_io_passthru_md(struct spdk_bdev_desc *bdev_desc, struct spdk_io_channel *ch,
	const struct spdk_nvme_cmd *cmd, void *buf, size_t nbytes, void *md_buf, size_t md_len,
	spdk_bdev_io_completion_cb cb, void *cb_arg);
int spdk_bdev_nvme_iov_passthru_md(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
	const struct spdk_nvme_cmd *cmd, struct iovec *iov, int iovcnt, size_t nbytes, void *md_buf, size_t md_len,
	spdk_bdev_io_completion_cb cb, void *cb_arg);

/*
 * Resets the bdev, for all who use it: I/O that waits inside the layer, and what is submitted while it runs, ends
 * aborted, and then the module ends what it has. -ENOMEM is the only error.
 */
int spdk_bdev_reset(
	struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, spdk_bdev_io_completion_cb cb, void *cb_arg);

/*
 * Aborts the I/O, one or more, that was submitted on this channel before with bio_cb_arg as the argument of its callback.
 * What waits inside the layer, or can be aborted by the module, ends aborted; of an I/O that the layer has split no more
 * parts follow, and it fails. I/O that waits for a range lock, and operations that the layer makes from others, are not
 * found; a reset or an abort cannot be aborted.
 *
 * The callback gets success true if each of them was aborted or has ended by itself, and
 * spdk_bdev_io_get_nvme_status() then gives 0 in cdw0, else 1. If there is none that can be aborted, the callback runs
 * inside this call, with success false. Returns 0, -EINVAL if bio_cb_arg is NULL, -ENOTSUP if the bdev does not support
 * SPDK_BDEV_IO_TYPE_ABORT, -ENOMEM if there is no spdk_bdev_io.
 */
int spdk_bdev_abort(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *bio_cb_arg,
	spdk_bdev_io_completion_cb cb, void *cb_arg);

/* ---- I/O that takes long ---- */

/* bdev_io has not ended in time. It may be aborted, or the bdev reset; it still ends with its own callback. */
typedef void (*spdk_bdev_io_timeout_cb)(void *cb_arg, struct spdk_bdev_io *bdev_io);

/*
 * Reports I/O of this descriptor that has been submitted for timeout_in_sec seconds or longer: cb_fn is called on the
 * thread of its channel, within a second, and again each second until it ends. Waiting for memory or for a share of the
 * bdev's rate counts, waiting for a range lock does not. An I/O that the layer has split is reported as a whole.
 * 0 ends it. After spdk_bdev_close() cb_fn is not called any more.
 *
 * On the descriptor's thread. Returns 0, or -1 on another thread, without cb_fn, or without memory.
 */
int spdk_bdev_set_timeout(
	struct spdk_bdev_desc *desc, uint64_t timeout_in_sec, spdk_bdev_io_timeout_cb cb_fn, void *cb_arg);

/* ---- Waiting for a spdk_bdev_io ---- */

typedef void (*spdk_bdev_io_wait_cb)(void *cb_arg);

struct spdk_bdev_io_wait_entry {
	struct spdk_bdev *bdev;
	spdk_bdev_io_wait_cb cb_fn;
	void *cb_arg;
	TAILQ_ENTRY(spdk_bdev_io_wait_entry) link;
};

/*
 * After -ENOMEM: calls entry->cb_fn once, on this thread, when a spdk_bdev_io is free again; first come, first served.
 * It runs inside the spdk_bdev_free_io() of another I/O. entry is the caller's and must live until then.
 * Returns -EINVAL if entry->bdev is not bdev, or if this thread has free spdk_bdev_io.
 */
int spdk_bdev_queue_io_wait(struct spdk_bdev *bdev, struct spdk_io_channel *ch, struct spdk_bdev_io_wait_entry *entry);

/* ---- What an I/O was and how it ended ---- */

/* The cb_arg that it was submitted with. */
void *spdk_bdev_io_get_cb_arg(struct spdk_bdev_io *bdev_io);

/* Stores the data buffers of a read, write or zero-copy, and NULL and 0 for other types. Either may be NULL. */
void spdk_bdev_io_get_iovec(struct spdk_bdev_io *bdev_io, struct iovec **iovp, int *iovcntp);

/* The metadata buffer of a read or write on a bdev that keeps metadata apart from the data; else NULL. */
void *spdk_bdev_io_get_md_buf(struct spdk_bdev_io *bdev_io);

/* What a seek has found: a block, or UINT64_MAX if there is none up to the end. 0 for I/O that is no seek. */
uint64_t spdk_bdev_io_get_seek_offset(const struct spdk_bdev_io *bdev_io);

/* How it ended, in the terms of NVMe, of a fused pair of NVMe commands, of SCSI, and as 0 or a negative errno. */
void spdk_bdev_io_get_nvme_status(const struct spdk_bdev_io *bdev_io, uint32_t *cdw0, int *sct, int *sc);
void spdk_bdev_io_get_nvme_fused_status(const struct spdk_bdev_io *bdev_io, uint32_t *cdw0, int *first_sct,
	int *first_sc, int *second_sct, int *second_sc);
void spdk_bdev_io_get_scsi_status(const struct spdk_bdev_io *bdev_io, int *sc, int *sk, int *asc, int *ascq);
void spdk_bdev_io_get_aio_status(const struct spdk_bdev_io *bdev_io, int *aio_result);

/* ---- Statistics ---- */

/* What to set to zero. */
enum spdk_bdev_reset_stat_mode {
	SPDK_BDEV_RESET_STAT_ALL,
	/* Only the shortest and longest latencies. */
	SPDK_BDEV_RESET_STAT_MAXMIN,
	SPDK_BDEV_RESET_STAT_NONE,
};

struct spdk_bdev_io_error_stat;

/*
 * I/O that succeeded, as the modules got it: the parts of an I/O that was split count, not the whole. Bytes include
 * interleaved metadata. Latencies are ticks, from submission to completion, as fine as a turn of the reactor.
 */
struct spdk_bdev_io_stat {
	uint64_t bytes_read;
	uint64_t num_read_ops;
	uint64_t bytes_written;
	uint64_t num_write_ops;
	uint64_t bytes_unmapped;
	uint64_t num_unmap_ops;
	uint64_t bytes_copied;
	uint64_t num_copy_ops;
	/* Sum of all, longest, shortest (UINT64_MAX if there was none). */
	uint64_t read_latency_ticks;
	uint64_t max_read_latency_ticks;
	uint64_t min_read_latency_ticks;
	uint64_t write_latency_ticks;
	uint64_t max_write_latency_ticks;
	uint64_t min_write_latency_ticks;
	uint64_t unmap_latency_ticks;
	uint64_t max_unmap_latency_ticks;
	uint64_t min_unmap_latency_ticks;
	uint64_t copy_latency_ticks;
	uint64_t max_copy_latency_ticks;
	uint64_t min_copy_latency_ticks;
	/* Ticks per second; only of channels. */
	uint64_t ticks_rate;
	/* The layer's own; NULL for callers. */
	struct spdk_bdev_io_error_stat *io_error;
};

/* Copies the statistics of a channel, on its thread, and resets them as reset_mode says. */
void spdk_bdev_get_io_stat(struct spdk_bdev *bdev, struct spdk_io_channel *ch, struct spdk_bdev_io_stat *stat,
	enum spdk_bdev_reset_stat_mode reset_mode);

/* rc: 0, or a negative errno and stat is not complete. */
typedef void (*spdk_bdev_get_device_stat_cb)(
	struct spdk_bdev *bdev, struct spdk_bdev_io_stat *stat, void *cb_arg, int rc);

/*
 * Adds up all channels, present and past, into stat, of which io_error must be NULL. Resets them as reset_mode says.
 * cb runs on this thread, by message; inside this call, with -ENOMEM, if there is no memory.
 */
void spdk_bdev_get_device_stat(struct spdk_bdev *bdev, struct spdk_bdev_io_stat *stat,
	enum spdk_bdev_reset_stat_mode reset_mode, spdk_bdev_get_device_stat_cb cb, void *cb_arg);

/* ---- Queue depth over time ---- */

/*
 * Measures every period microseconds how many I/Os are inside the module, from all channels; 0 ends it, as does
 * unregistration. The thread of the first call does the measuring, and until it has been ended it goes on doing so,
 * whoever changes the period; a change takes effect after it has heard of it. Any SPDK thread. A failure is logged.
 */
void spdk_bdev_set_qd_sampling_period(struct spdk_bdev *bdev, uint64_t period);

/* The period in microseconds, 0 if the queue depth is not measured. */
uint64_t spdk_bdev_get_qd_sampling_period(const struct spdk_bdev *bdev);

/* The last measurement; UINT64_MAX if there was none since it was begun. */
uint64_t spdk_bdev_get_qd(const struct spdk_bdev *bdev);

/* Microseconds in which there was I/O: periods whose measurement was not 0; and these times the queue depth. */
uint64_t spdk_bdev_get_io_time(const struct spdk_bdev *bdev);
uint64_t spdk_bdev_get_weighted_io_time(const struct spdk_bdev *bdev);

/* ---- Histograms of latency ---- */

/* status: 0, or a negative errno; then no latencies are collected. */
typedef void (*spdk_bdev_histogram_status_cb)(void *cb_arg, int status);

/* status: 0, or a negative errno and histogram is not complete, or NULL. */
typedef void (*spdk_bdev_histogram_data_cb)(void *cb_arg, int status, struct spdk_histogram_data *histogram);

struct spdk_bdev_enable_histogram_opts {
	/* Size of this structure as the caller knows it. */
	size_t size;
	/* Latencies to tell apart; what is shorter or longer counts at the ends. */
	uint64_t min_nsec;
	uint64_t max_nsec;
	/* enum spdk_bdev_io_type; 0: all. */
	uint8_t io_type;
	/* Buckets per power of two, as a power of two. */
	uint8_t granularity;
} __attribute__((packed));

/* Sets the members within size: all latencies, all types, SPDK_HISTOGRAM_GRANULARITY_DEFAULT. */
void spdk_bdev_enable_histogram_opts_init(struct spdk_bdev_enable_histogram_opts *opts, size_t size);

/*
 * Begins or ends to collect the latencies of all I/O of a bdev that ends, in ticks, for each channel. opts, which may be
 * NULL, is copied. What has been collected is lost when it is ended, and when it is begun anew with another range or
 * granularity. The caller keeps the bdev open until cb_fn is called.
 *
 * cb_fn runs on this thread, by message. It runs inside this call with -EAGAIN if another change is going on, and with
 * -EINVAL if there is no such I/O type; then nothing has changed. -ENOMEM:
 * no memory on some channel, or the range is empty, or the granularity is none; then nothing is collected.
 */
void spdk_bdev_histogram_enable(struct spdk_bdev *bdev, spdk_bdev_histogram_status_cb cb_fn, void *cb_arg, bool enable);
void spdk_bdev_histogram_enable_ext(struct spdk_bdev *bdev, spdk_bdev_histogram_status_cb cb_fn, void *cb_arg,
	bool enable, struct spdk_bdev_enable_histogram_opts *opts);

/*
 * Adds what all channels, present and past, have collected to histogram, and calls cb_fn with it on this thread, by
 * message. -EFAULT: some channel collects nothing. -EINVAL: histogram has other buckets than those asked for when it was enabled. -ENOMEM, from
 * inside this call. The caller keeps the bdev open until cb_fn is called.
 */
void spdk_bdev_histogram_get(
	struct spdk_bdev *bdev, struct spdk_histogram_data *histogram, spdk_bdev_histogram_data_cb cb_fn, void *cb_arg);

/*
 * Calls cb_fn inside this call with what this channel has collected, which stays the layer's; or with -EFAULT and NULL
 * if it collects nothing. On the channel's thread.
 */
void spdk_bdev_channel_get_histogram(struct spdk_io_channel *ch, spdk_bdev_histogram_data_cb cb_fn, void *cb_arg);

#ifdef __cplusplus
}
#endif

#endif /* SPDK_BDEV_H */
