/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What a bdev module needs: how it registers itself and its bdevs, what an I/O looks like when it arrives, and how it
 * is completed. A module that stands on other bdevs uses spdk/bdev.h as well.
 *
 * Unless said otherwise, functions are called on an SPDK thread, return 0 or a negative errno, offsets and lengths are
 * in blocks of the bdev, and callbacks run on the thread that asked for them.
 */

#ifndef SPDK_BDEV_MODULE_H
#define SPDK_BDEV_MODULE_H

#include "spdk/stdinc.h"
#include "spdk/bdev.h"
#include "spdk/bdev_zone.h"
#include "spdk/log.h"
#include "spdk/queue.h"
#include "spdk/scsi_spec.h"
#include "spdk/thread.h"
#include "spdk/tree.h"
#include "spdk/util.h"
#include "spdk/uuid.h"

#include "bdevkit/module_stamp.h"

#ifdef __cplusplus
extern "C" {
#endif

struct bdev_channel;
struct bdev_state;
struct spdk_bdev_fn_table;
struct spdk_bdev_io;
struct spdk_bdev_module;

/* ---- Modules ---- */

/*
 * A kind of bdev: a static structure that registers itself with SPDK_BDEV_MODULE_REGISTER. All callbacks may be NULL;
 * they run on the app thread.
 */
struct spdk_bdev_module {
	/*
	 * Called once at start. Non-zero stops the start of the layer. With async_init the module is ready only when it
	 * has called spdk_bdev_module_init_done(), which it may do here or later.
	 */
	int (*module_init)(void);

	/* All modules are ready, and what they registered until then has been examined. */
	void (*init_complete)(void);

	/*
	 * Shutdown begins; the bdevs are still there and will now be unregistered. The place to release claims on bdevs
	 * that nothing was built on. With async_fini_start the module then calls spdk_bdev_module_fini_start_done().
	 */
	void (*fini_start)(void);

	/* All bdevs are gone. With async_fini the module then calls spdk_bdev_module_fini_done(). */
	void (*module_fini)(void);

	/* Writes the RPC calls that recreate what belongs to the module as a whole. The result is not looked at. */
	int (*config_json)(struct spdk_json_write_ctx *w);

	/* Unique among the modules. */
	const char *name;

	/*
	 * How many bytes of spdk_bdev_io.driver_ctx the module needs; asked once at start, or when it is loaded. Each I/O has room for the
	 * largest answer.
	 */
	int (*get_ctx_size)(void);

	/*
	 * Offers a new bdev: the module decides from its configuration, without I/O, whether it claims it, and calls
	 * spdk_bdev_module_examine_done() before it returns. Modules are asked in the order of their list, where the
	 * one that registered last comes first among those that examine.
	 */
	void (*examine_config)(struct spdk_bdev *bdev);

	/*
	 * Offers a new bdev to a module that has to read it to decide: to all modules if nobody claimed it in the first
	 * round, else to those that did. spdk_bdev_module_examine_done() is to follow, here or later. A module that goes
	 * on using the bdev after it has returned opens it.
	 */
	void (*examine_disk)(struct spdk_bdev *bdev);

	bool async_init;
	bool async_fini;
	bool async_fini_start;

	/* Belongs to the block-device layer. */
	struct spdk_bdev_module_internal_fields {
		/* Inits and examines that are not done. */
		uint32_t action_in_progress;
		/* Examines that were ended in place of the module. */
		uint32_t examines_written_off;
		bool init_pending;
		bool initialized;
		TAILQ_ENTRY(spdk_bdev_module) tailq;
	} internal;
};

/* Adds a module to the list from a constructor. name: any identifier, unique in the program. */
#define SPDK_BDEV_MODULE_REGISTER(name, module) \
	BDK_MODULE_STAMP(bdev_##name, BDK_MODULE_STAMP_BDEV, sizeof(struct spdk_bdev), sizeof(struct spdk_bdev_io), \
		sizeof(struct spdk_bdev_module), sizeof(struct spdk_bdev_fn_table)); \
	__attribute__((constructor)) static void spdk_bdev_module_register_##name(void) \
	{ \
		spdk_bdev_module_list_add(module); \
	}

/*
 * Adds a module to the list, in front if it examines, else at the end. A module without a name, or with that of
 * another, is refused with a message in the log. Before the layer starts.
 */
void spdk_bdev_module_list_add(struct spdk_bdev_module *bdev_module);

/* Returns the module of that name, or NULL. */
struct spdk_bdev_module *spdk_bdev_module_list_find(const char *name);

/* Reports that a module with async_init is ready. Any thread; also inside module_init. */
void spdk_bdev_module_init_done(struct spdk_bdev_module *module);

/* Reports that an examine_config or examine_disk is over, once for each call. Any thread; also inside the callback. */
void spdk_bdev_module_examine_done(struct spdk_bdev_module *module);

/* Report that the module whose fini_start or module_fini was called last is done. Any thread; also inside it. */
void spdk_bdev_module_fini_start_done(void);
void spdk_bdev_module_fini_done(void);

/* ---- A bdev and its operations ---- */

/*
 * What a bdev can do. Callbacks that get a void * get spdk_bdev.ctxt. destruct, submit_request, io_type_supported and
 * get_io_channel must be there; the others may be NULL.
 */
struct spdk_bdev_fn_table {
	/*
	 * The bdev is unregistered and its last channel is gone: free it. Runs on the thread that called
	 * spdk_bdev_unregister(). 0 or a negative errno: done. Positive: not yet; spdk_bdev_destruct_done() will follow,
	 * until which the struct spdk_bdev stays valid.
	 */
	int (*destruct)(void *ctx);

	/*
	 * Carries out an I/O. ch is what get_io_channel returned on this thread. Ends with one of
	 * spdk_bdev_io_complete*(), now or later, on this thread.
	 */
	void (*submit_request)(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io);

	/* Whether the bdev itself supports the type. */
	bool (*io_type_supported)(void *ctx, enum spdk_bdev_io_type type);

	/*
	 * Returns a channel of the module for the calling thread, usually spdk_get_io_channel(...), or NULL. It is put
	 * when the last user of the bdev on this thread is gone. Bdevs that return the same channel share one queue of
	 * I/O that waits for memory.
	 */
	struct spdk_io_channel *(*get_io_channel)(void *ctx);

	/* Writes named values into the object "driver_specific" of bdev_get_bdevs. */
	int (*dump_info_json)(void *ctx, struct spdk_json_write_ctx *w);

	/* Writes the RPC call that creates this bdev, as one object with "method" and "params"; or nothing. */
	void (*write_config_json)(struct spdk_bdev *bdev, struct spdk_json_write_ctx *w);

	/* Time that the channel has spent spinning, in microseconds. Kept for source compatibility; nobody asks. */
	uint64_t (*get_spin_time)(struct spdk_io_channel *ch);

	/* What spdk_bdev_get_module_ctx() returns. */
	void *(*get_module_ctx)(void *ctx);

	/*
	 * Returns how many memory domains the bdev takes data from, and stores them as far as array_size allows.
	 * domains may be NULL if array_size is 0.
	 */
	int (*get_memory_domains)(void *ctx, struct spdk_memory_domain **domains, int array_size);

	/* Sets the module's own statistics of the bdev to zero. */
	void (*reset_device_stat)(void *ctx);

	/* Writes the module's own statistics as named values. */
	void (*dump_device_stat_json)(void *ctx, struct spdk_json_write_ctx *w);

	/* Whether the bdev executes accel sequences that come with I/O of this type. Asked at each open. */
	bool (*accel_sequence_supported)(void *ctx, enum spdk_bdev_io_type type);
};

/* A name in the namespace of all bdevs. */
struct spdk_bdev_name {
	char *name;
	struct spdk_bdev *bdev;
	RB_ENTRY(spdk_bdev_name) node;
};

/* A further name of a bdev. */
struct spdk_bdev_alias {
	struct spdk_bdev_name alias;
	TAILQ_ENTRY(spdk_bdev_alias) tailq;
};

/*
 * A bdev. Start from zeroes, set name, fn_table, ctxt, module, blocklen, blockcnt and what else applies, and call
 * spdk_bdev_register(). While it is registered only blockcnt may change, by spdk_bdev_notify_blockcnt_change().
 */
struct spdk_bdev {
	/* The first cache line is what reads and writes look at. */

	/* The argument of the callbacks in fn_table. */
	void *ctxt;
	const struct spdk_bdev_fn_table *fn_table;
	/* Private state of the block-device layer while the bdev is registered. */
	struct {
		struct bdev_state *state;
	} internal;

	/* Number of blocks. */
	uint64_t blockcnt;
	/* Bytes in a block; with interleaved metadata, including it. */
	uint32_t blocklen;
	/* Bytes of metadata that belong to a block; 0: none. */
	uint32_t md_len;

	/* Sixteen bytes in one: all zero means that no read or write needs splitting. Keep these seven together. */

	/* Limits of one read or write: bytes in an iovec, number of iovecs, blocks. 0: no limit. */
	uint32_t max_segment_size;
	uint32_t max_num_segments;
	uint32_t max_rw_size;
	/* Writes are split at multiples of write_unit_size, and must be made of whole units. */
	bool split_on_write_unit;
	/* Reads and writes are split at multiples of optimal_io_boundary. */
	bool split_on_optimal_io_boundary;
	bool zoned;
	/* Buffers that spdk_bdev_io_get_buf() provides are aligned to 2 to this power. */
	uint8_t required_alignment;
	/* Blocks that are best written together. 0 at registration: 1. */
	uint32_t write_unit_size;
	/* Blocks between the boundaries that I/O should not cross; 0: none. */
	uint32_t optimal_io_boundary;

	/* Unique among the names and aliases of all bdevs. Belongs to the module. */
	char *name;
	/* See spdk_bdev_alias_add(). Emptied at registration. */
	TAILQ_HEAD(spdk_bdev_aliases_list, spdk_bdev_alias) aliases;
	/* What it is, for people. Belongs to the module. */
	char *product_name;
	/* Non-zero: written data is durable only after a flush. */
	int write_cache;
	/* Bytes in a physical block, without metadata. 0 at registration: the data part of blocklen. */
	uint32_t phys_blocklen;
	/* Blocks of the largest atomic compare-and-write. 0 at registration: write_unit_size. */
	uint16_t acwu;
	/* Metadata lies behind the data of each block (true), or in a buffer of its own (false). */
	bool md_interleave;
	/* Protection information is in the first bytes of the metadata (true), or in the last (false). */
	bool dif_is_head_of_md;
	enum spdk_dif_type dif_type;
	enum spdk_dif_pi_format dif_pi_format;
	/* SPDK_DIF_FLAGS_*_CHECK: what is checked. */
	uint32_t dif_check_flags;
	/* Blocks in one segment of an unmap, and segments in one unmap. Unless both are set there is no limit. */
	uint32_t max_unmap;
	uint32_t max_unmap_segments;
	/* Blocks in one write zeroes or copy, 0: no limit. Set at registration if the layer carries them out. */
	uint32_t max_write_zeroes;
	uint32_t max_copy;
	/* Null at registration: a random one. Its lower-case text becomes an alias. */
	struct spdk_uuid uuid;
	/* Of zoned bdevs, in blocks. */
	uint64_t zone_size;
	uint32_t max_zone_append_size;
	/* Of zoned bdevs, in zones. 0: no limit. */
	uint32_t max_open_zones;
	uint32_t max_active_zones;
	uint32_t optimal_open_zones;
	/* The bdev reports media events. */
	bool media_events;
	/* Of bdevs that stand for an NVMe namespace. */
	union spdk_bdev_nvme_ctratt ctratt;
	uint32_t nsid;
	/*
	 * Seconds that a reset waits for outstanding I/O to complete, whereupon the module is not asked to reset at all.
	 * 0: it is asked at once.
	 */
	uint16_t reset_io_drain_timeout;
	struct {
		uint32_t id_valid : 1;
		int32_t id : 31;
	} numa;
	/* The kind of bdev. NULL at registration: an anonymous module takes its place. */
	struct spdk_bdev_module *module;
	/*
	 * Not in the first implementation: blocks that SEEK_HOLE finds read as zeroes. Left at false it means that they
	 * may hold something else, as those of a clone do that has its data from elsewhere.
	 */
	bool holes_are_zeroes;
};

#define SPDK_BDEV_RESET_IO_DRAIN_RECOMMENDED_VALUE 5

/*
 * Registers a bdev, fills in the defaults that are noted in struct spdk_bdev, and offers it to the modules: their
 * examine callbacks run inside this call. App thread. The bdev belongs to the layer until it is unregistered, but its
 * memory and strings stay the module's. Further polling follows until the notification "bdev_register" is sent.
 *
 * max_rw_size, max_copy and max_write_zeroes are lowered to what the buffers of the layer hold where it may have to
 * align or emulate: max_rw_size if required_alignment is set, the others if the bdev does not support the operation.
 *
 * Returns -EINVAL for a bdev that cannot work (each reason is in the log) or on another thread, -EEXIST if a bdev has
 * the name or the UUID, -ENOMEM. Then the bdev is the caller's as before.
 */
int spdk_bdev_register(struct spdk_bdev *bdev);

/* The bdev has gone; rc is what its destruct gave. */
typedef void (*spdk_bdev_unregister_cb)(void *cb_arg, int rc);

/*
 * Removes a bdev: it cannot be opened any more, I/O that waits for memory is aborted, who has it open gets
 * SPDK_BDEV_EVENT_REMOVE, and when all have closed it and put their channels, destruct is called. cb_fn, which may be
 * NULL, runs after that with its result. Any SPDK thread.
 *
 * cb_fn gets -EBUSY inside this call if the bdev is being unregistered already, -ENODEV if it is not registered, and
 * -ENOTSUP outside SPDK threads.
 */
void spdk_bdev_unregister(struct spdk_bdev *bdev, spdk_bdev_unregister_cb cb_fn, void *cb_arg);

/*
 * The same for the bdev of that name or alias, if it belongs to module. Safe when others may unregister it, too.
 * Returns 0 if cb_fn will be called or has been, -ENODEV if there is no such bdev or it is another module's, -ENOMEM.
 */
int spdk_bdev_unregister_by_name(
	const char *bdev_name, struct spdk_bdev_module *module, spdk_bdev_unregister_cb cb_fn, void *cb_arg);

/*
 * Reports that a destruct which returned a positive value is over; bdeverrno, 0 or a negative errno, goes to the
 * callback of the unregistration, which runs inside this call. Any SPDK thread.
 */
void spdk_bdev_destruct_done(struct spdk_bdev *bdev, int bdeverrno);

/*
 * Changes the number of blocks, and tells all who have the bdev open with SPDK_BDEV_EVENT_RESIZE. Returns -EBUSY,
 * having changed nothing, if it would shrink while someone has it open.
 */
int spdk_bdev_notify_blockcnt_change(struct spdk_bdev *bdev, uint64_t size);

/*
 * Gives a registered bdev a further name, which is copied. -EINVAL: alias NULL or empty, or bdev not registered;
 * -EEXIST: a bdev has it, -ENOMEM. Unregistering removes all aliases.
 */
int spdk_bdev_alias_add(struct spdk_bdev *bdev, const char *alias);

/* Takes an alias away. -ENOENT: it is none of this bdev's, or it is its main name. */
int spdk_bdev_alias_del(struct spdk_bdev *bdev, const char *alias);

/* Takes all aliases away, also that of the UUID. */
void spdk_bdev_alias_del_all(struct spdk_bdev *bdev);

/* The list of aliases; it belongs to the bdev. */
const struct spdk_bdev_aliases_list *spdk_bdev_get_aliases(const struct spdk_bdev *bdev);

/* ---- Claims ---- */

/* Bytes of the name in a claim, with the final zero. */
#define SPDK_BDEV_CLAIM_NAME_LEN 32

/* What the claimer does with a bdev, and what others may not. Opening for reading is always allowed. */
enum spdk_bdev_claim_type {
	/* Not claimed. */
	SPDK_BDEV_CLAIM_NONE = 0,
	/* One writer, made with spdk_bdev_module_claim_bdev(). */
	SPDK_BDEV_CLAIM_EXCL_WRITE = 1,
	/* One writer, whose descriptor carries the claim. */
	SPDK_BDEV_CLAIM_READ_MANY_WRITE_ONE = 2,
	/* No writer; any number of descriptors share it. */
	SPDK_BDEV_CLAIM_READ_MANY_WRITE_NONE = 3,
	/* Writers that know of each other by a common key. */
	SPDK_BDEV_CLAIM_READ_MANY_WRITE_SHARED = 4,
};

/* How a bdev is claimed. */
struct spdk_bdev_claim_opts {
	/* Size of this structure as the caller knows it. */
	size_t opts_size;
	/* Who claims, for people. */
	char name[SPDK_BDEV_CLAIM_NAME_LEN];
	/* Not 0 for READ_MANY_WRITE_SHARED, 0 for the others. */
	uint64_t shared_claim_key;
};

/* A claim that a descriptor carries. Belongs to the block-device layer. */
struct spdk_bdev_module_claim {
	struct spdk_bdev_module *module;
	struct spdk_bdev_desc *desc;
	char name[SPDK_BDEV_CLAIM_NAME_LEN];
	/* Of all that were made on this bdev, from 1. */
	uint64_t number;
	TAILQ_ENTRY(spdk_bdev_module_claim) link;
};

/* Sets all members within size to their defaults: no name, key 0. */
void spdk_bdev_claim_opts_init(struct spdk_bdev_claim_opts *opts, size_t size);

/* Returns the name of a claim type in RPCs: "exclusive_write". */
const char *spdk_bdev_claim_get_name(enum spdk_bdev_claim_type claim_type);

/*
 * Claims a bdev for a module: nobody else may open it for writing. desc, which may be NULL, becomes writable. The claim
 * stays until spdk_bdev_module_release_bdev(), also when descriptors are closed.
 * Returns -EPERM if there is any claim on the bdev, -EINVAL if module is NULL.
 */
int spdk_bdev_module_claim_bdev(struct spdk_bdev *bdev, struct spdk_bdev_desc *desc, struct spdk_bdev_module *module);

/* Ends the claim of spdk_bdev_module_claim_bdev(). */
void spdk_bdev_module_release_bdev(struct spdk_bdev *bdev);

/*
 * Claims the bdev of a descriptor until that is closed. The descriptor becomes writable, unless type is
 * READ_MANY_WRITE_NONE. EXCL_WRITE acts as spdk_bdev_module_claim_bdev(). opts, which may be NULL, is copied.
 *
 * Returns -EINVAL for desc or module NULL, options without size or with a key that does not fit the type, or a writable
 * desc with READ_MANY_WRITE_NONE; -EPERM if the bdev is claimed otherwise, the descriptor holds a claim already, or
 * someone else has the bdev open for writing; -ENOTSUP for an unknown type; -ENOMEM.
 */
int spdk_bdev_module_claim_bdev_desc(struct spdk_bdev_desc *desc, enum spdk_bdev_claim_type type,
	struct spdk_bdev_claim_opts *opts, struct spdk_bdev_module *module);

/* ---- An I/O as the module sees it ---- */

/* Iovecs of the layer in one part of an I/O that it has split. */
#define SPDK_BDEV_IO_NUM_CHILD_IOV 32

/* How an I/O ended. */
enum spdk_bdev_io_status {
	/* Failed with a negative errno, see spdk_bdev_io_complete_aio_status(). */
	SPDK_BDEV_IO_STATUS_AIO_ERROR = -8,
	/* Ended by a reset, an abort, or the removal of the bdev. */
	SPDK_BDEV_IO_STATUS_ABORTED = -7,
	/* Second half of a fused operation whose first half failed. */
	SPDK_BDEV_IO_STATUS_FIRST_FUSED_FAILED = -6,
	SPDK_BDEV_IO_STATUS_MISCOMPARE = -5,
	/* Not an end: the module lacks memory, and gets the I/O again later. Not for a reset. */
	SPDK_BDEV_IO_STATUS_NOMEM = -4,
	SPDK_BDEV_IO_STATUS_SCSI_ERROR = -3,
	SPDK_BDEV_IO_STATUS_NVME_ERROR = -2,
	SPDK_BDEV_IO_STATUS_FAILED = -1,
	SPDK_BDEV_IO_STATUS_PENDING = 0,
	SPDK_BDEV_IO_STATUS_SUCCESS = 1,
	SPDK_MIN_BDEV_IO_STATUS = SPDK_BDEV_IO_STATUS_AIO_ERROR,
};

/* Lists. */
typedef STAILQ_HEAD(, spdk_bdev_io) bdev_io_stailq_t;
typedef TAILQ_HEAD(, spdk_bdev_io) bdev_io_tailq_t;
typedef TAILQ_HEAD(, lba_range) lba_range_tailq_t;

/* Of READ, WRITE, UNMAP, WRITE_ZEROES, FLUSH, COMPARE, COPY, ZCOPY, SEEK_* and zone append. */
struct spdk_bdev_io_block_params {
	/* Data. The first iov of a read has a NULL base if the module is to provide the buffer. */
	struct iovec *iovs;
	int iovcnt;
	/* SPDK_DIF_FLAGS_*_CHECK: what to check in this I/O. */
	uint32_t dif_check_flags;
	uint64_t num_blocks;
	uint64_t offset_blocks;
	/* Metadata of all blocks, if it is not in the data; NULL: none is transferred. */
	void *md_buf;
	/* Where the data is, if it is not in plain memory. Only on bdevs that report memory domains. */
	struct spdk_memory_domain *memory_domain;
	void *memory_domain_ctx;
	/*
	 * To be executed by the module. Only on bdevs that say they do. The module takes it over by setting this to NULL, and
	 * leaves it when it completes with NOMEM; what it leaves otherwise is dropped, and then a success is none.
	 */
	struct spdk_accel_sequence *accel_sequence;
	/* Data to write, if the one in iovs matches: of COMPARE_AND_WRITE. */
	struct iovec *fused_iovs;
	int fused_iovcnt;
	/* Of a write: directive type and value. */
	union spdk_bdev_nvme_cdw12 nvme_cdw12;
	union spdk_bdev_nvme_cdw13 nvme_cdw13;
	struct {
		/* At the start: the buffer is to hold the present data. */
		uint8_t populate : 1;
		/* At the end: the buffer is to be written. */
		uint8_t commit : 1;
		uint8_t start : 1;
	} zcopy;
	struct {
		/* What the I/O to abort was submitted with. */
		void *bio_cb_arg;
	} abort;
	struct {
		/* What was found: the result. */
		uint64_t offset;
	} seek;
	struct {
		uint64_t src_offset_blocks;
	} copy;
	struct spdk_dif_ctx dif_ctx;
	struct spdk_dif_error dif_err;
};

/* Of RESET. Belongs to the block-device layer. */
struct spdk_bdev_io_reset_params {
	struct spdk_io_channel *ch_ref;
	struct {
		struct spdk_poller *poller;
		uint64_t stop_time_tsc;
	} wait_poller;
};

/* Of ABORT. */
struct spdk_bdev_io_abort_params {
	/* Same bdev, same thread, not completed yet. */
	struct spdk_bdev_io *bio_to_abort;
};

/* Of NVME_ADMIN, NVME_IO, NVME_IO_MD and NVME_IOV_MD. */
struct spdk_bdev_io_nvme_passthru_params {
	struct spdk_nvme_cmd cmd;
	/* Data, of NVME_IOV_MD. */
	struct iovec *iovs;
	int iovcnt;
	/* Data, of the others. */
	void *buf;
	/* Bytes of data. */
	size_t nbytes;
	void *md_buf;
	/* Bytes of metadata. */
	size_t md_len;
};

/* Of GET_ZONE_INFO and ZONE_MANAGEMENT. */
struct spdk_bdev_io_zone_mgmt_params {
	/* First block of the first zone. */
	uint64_t zone_id;
	uint32_t num_zones;
	enum spdk_bdev_zone_action zone_action;
	/* Room for num_zones of struct spdk_bdev_zone_info. */
	void *buf;
};

/* Belongs to the block-device layer; modules must not touch it. */
struct spdk_bdev_io_internal_fields {
	struct bdev_channel *ch;
	struct spdk_bdev_desc *desc;
	spdk_bdev_io_completion_cb cb;
	void *caller_ctx;
	uint64_t submit_tsc;
	int8_t status;
	uint8_t marks;
	uint16_t flags;
	uint32_t reserved2;
};

/*
 * One operation. What every read and write touches lies in the first two cache lines; the layer keeps what only some
 * operations need apart from it.
 */
struct spdk_bdev_io {
	struct spdk_bdev *bdev;
	/* enum spdk_bdev_io_type */
	uint8_t type;
	uint8_t reserved0;
	/* How often the module has got it again after SPDK_BDEV_IO_STATUS_NOMEM. */
	uint16_t num_retries;
	uint32_t reserved1;
	/* For I/O that is described by one buffer. */
	struct iovec iov;
	struct spdk_bdev_io_internal_fields internal;
	/* Parameters, by type. */
	union {
		struct spdk_bdev_io_block_params bdev;
		struct spdk_bdev_io_reset_params reset;
		struct spdk_bdev_io_abort_params abort;
		struct spdk_bdev_io_nvme_passthru_params nvme_passthru;
		struct spdk_bdev_io_zone_mgmt_params zone_mgmt;
	} u;
	/* Link of the one queue of the layer that it may wait in. */
	TAILQ_ENTRY(spdk_bdev_io) internal_link;
	/*
	 * The module's own, as large as its get_ctx_size() says. Not cleared between uses; kept while the I/O is retried.
	 */
	uint8_t driver_ctx[0];
};

/* Returns the I/O whose driver_ctx this is. */
static inline struct spdk_bdev_io *
spdk_bdev_io_from_ctx(void *ctx)
{
	return SPDK_CONTAINEROF(ctx, struct spdk_bdev_io, driver_ctx);
}

/* Called with each I/O of a bdev that is submitted and not completed; non-zero ends the walk. */
typedef int (*spdk_bdev_io_fn)(void *ctx, struct spdk_bdev_io *bdev_io);
typedef void (*spdk_bdev_for_each_io_cb)(void *ctx, int rc);

/*
 * Calls fn for each I/O of the bdev that has been submitted and has not ended, on the thread of its channel, also for
 * resets, for I/O that was split and for its parts; not for what waits for a range lock. Then cb on this thread, by
 * message, with 0 or what fn returned; without memory with -ENOMEM inside this call. The bdev must stay open.
 */
void spdk_bdev_for_each_bdev_io(struct spdk_bdev *bdev, void *ctx, spdk_bdev_io_fn fn, spdk_bdev_for_each_io_cb cb);

/* current_qd: I/Os inside the module, of all threads together. */
typedef void (*spdk_bdev_get_current_qd_cb)(struct spdk_bdev *bdev, uint64_t current_qd, void *cb_arg, int rc);

/*
 * Counts the I/Os inside the module, of all channels; neither what waits in the layer nor resets. cb_fn runs on this
 * thread, by message; without memory inside this call, with rc -ENOMEM. The bdev must stay open.
 */
void spdk_bdev_get_current_qd(struct spdk_bdev *bdev, spdk_bdev_get_current_qd_cb cb_fn, void *cb_arg);

/* status: 0, or a negative errno and nothing is quiesced or released. */
typedef void (*spdk_bdev_quiesce_cb)(void *ctx, int status);

/*
 * Holds I/O of all openers back, as its module may want to while it changes what lies below. Reads, writes, unmap, write
 * zeroes, zero-copy, and copies to the range wait; so do raw NVMe commands, wherever they go. I/O that was submitted
 * before goes on, parts of an I/O that was split included. Everything else passes: flush, reset, abort, compare, zones.
 *
 * Only the module that registered the bdev may do so. offset and length are blocks. cb_fn, which may be NULL, runs on
 * this thread, never inside this call, when no I/O that overlaps the range is under way any more. A range that overlaps
 * one that is quiesced, or locked by the layer, waits for its end; those that wait are served in the order in which they
 * came. If the bdev goes away before that, status is -ENODEV. A reset does not end I/O that is held back.
 *
 * Returns 0; or, and then cb_fn is not called, -EINVAL: not the bdev's module, blocks that do not exist, or not on an
 * SPDK thread; -ENOMEM.
 */
int spdk_bdev_quiesce_range(struct spdk_bdev *bdev, struct spdk_bdev_module *module, uint64_t offset, uint64_t length,
	spdk_bdev_quiesce_cb cb_fn, void *cb_arg);

/*
 * Ends a quiesce that has called back; from its callback at the earliest. The range must be the same. What was held back
 * is submitted in order, on its threads, before cb_fn (which may be NULL) runs on this thread, with status 0.
 *
 * Returns 0, or -EINVAL, and then cb_fn is not called: not the bdev's module, or there is no such range.
 */
int spdk_bdev_unquiesce_range(struct spdk_bdev *bdev, struct spdk_bdev_module *module, uint64_t offset, uint64_t length,
	spdk_bdev_quiesce_cb cb_fn, void *cb_arg);

/* The same with all blocks that the bdev has at the time of the call. Who resizes between the two has to use ranges. */
int spdk_bdev_quiesce(
	struct spdk_bdev *bdev, struct spdk_bdev_module *module, spdk_bdev_quiesce_cb cb_fn, void *cb_arg);
int spdk_bdev_unquiesce(
	struct spdk_bdev *bdev, struct spdk_bdev_module *module, spdk_bdev_quiesce_cb cb_fn, void *cb_arg);

/* ---- Buffers ---- */

/* aux_buf NULL: there is none. */
typedef void (*spdk_bdev_io_get_aux_buf_cb)(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io, void *aux_buf);

/*
 * success false: there is no buffer, complete the I/O as failed. ch is the module's channel.
 */
typedef void (*spdk_bdev_io_get_buf_cb)(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io, bool success);

/*
 * Makes sure that the I/O has data buffers, aligned as the bdev requires, of len bytes where the user gave none. cb
 * runs inside this call, or on this thread when a buffer is free; not at all if the I/O is aborted before. Unaligned
 * user data is copied to or from an aligned buffer by the layer.
 */
void spdk_bdev_io_get_buf(struct spdk_bdev_io *bdev_io, spdk_bdev_io_get_buf_cb cb, uint64_t len);

/* Makes buf, of len bytes and owned by the module, the first data buffer. */
void spdk_bdev_io_set_buf(struct spdk_bdev_io *bdev_io, void *buf, size_t len);

/* Makes md_buf, of len bytes and owned by the module, the metadata buffer; len must do for all blocks. */
void spdk_bdev_io_set_md_buf(struct spdk_bdev_io *bdev_io, void *md_buf, size_t len);

/*
 * Deprecated: gets a buffer for as many bytes as the I/O has blocks, besides its own, aligned to nothing. cb runs inside
 * this call, with NULL if the buffer would be larger than those of iobuf; or on this thread when a buffer is free; not
 * at all if the I/O is aborted before. One at a time; to be put before the I/O is completed.
 */
void spdk_bdev_io_get_aux_buf(struct spdk_bdev_io *bdev_io, spdk_bdev_io_get_aux_buf_cb cb);
void spdk_bdev_io_put_aux_buf(struct spdk_bdev_io *bdev_io, void *aux_buf);

/* ---- Completion: once for each I/O that was submitted to the module, on its thread ---- */

/* Any status that needs no detail. */
void spdk_bdev_io_complete(struct spdk_bdev_io *bdev_io, enum spdk_bdev_io_status status);

/* With the status of an NVMe command. cdw0 is kept in any case. */
void spdk_bdev_io_complete_nvme_status(struct spdk_bdev_io *bdev_io, uint32_t cdw0, int sct, int sc);

/* With the status of a SCSI command. */
void spdk_bdev_io_complete_scsi_status(
	struct spdk_bdev_io *bdev_io, enum spdk_scsi_status sc, enum spdk_scsi_sense sk, uint8_t asc, uint8_t ascq);

/* With 0 or a negative errno. */
void spdk_bdev_io_complete_aio_status(struct spdk_bdev_io *bdev_io, int aio_result);

/* With what base_io, which the module itself submitted to another bdev, ended with. */
void spdk_bdev_io_complete_base_io_status(struct spdk_bdev_io *bdev_io, const struct spdk_bdev_io *base_io);

/* ---- Questions about an I/O ---- */

/* The thread that it belongs to. */
struct spdk_thread *spdk_bdev_io_get_thread(struct spdk_bdev_io *bdev_io);

/* The module's channel that it was submitted on. */
struct spdk_io_channel *spdk_bdev_io_get_io_channel(struct spdk_bdev_io *bdev_io);

/* When it was submitted, in ticks. */
uint64_t spdk_bdev_io_get_submit_tsc(struct spdk_bdev_io *bdev_io);

/* Whether its opener does not see the metadata: the data has been, or will be, converted by the layer. */
bool spdk_bdev_io_hide_metadata(struct spdk_bdev_io *bdev_io);

/*
 * Translates how an I/O ended with an NVMe status into a SCSI status, sense key, additional sense code and its
 * qualifier.
 */
void spdk_scsi_nvme_translate(const struct spdk_bdev_io *bdev_io, int *sc, int *sk, int *asc, int *ascq);

/* ---- Statistics ---- */

/* Adds the counts of add to total and merges the extremes. The tick rate and the errors stay as they are. */
void spdk_bdev_add_io_stat(struct spdk_bdev_io_stat *total, struct spdk_bdev_io_stat *add);

/* Sets to zero what mode says. A minimum without any I/O is UINT64_MAX. */
void spdk_bdev_reset_io_stat(struct spdk_bdev_io_stat *stat, enum spdk_bdev_reset_stat_mode mode);

/* Writes stat as named values into the object that is open in w, as bdev_get_iostat shows it. */
void spdk_bdev_dump_io_stat_json(struct spdk_bdev_io_stat *stat, struct spdk_json_write_ctx *w);

/* ---- Media events ----
 *
 * What a bdev with media_events set finds out about its medium by itself, for example that blocks should be moved. The
 * one who writes to it is told where.
 */

/*
 * Keeps events for the descriptor that was first opened, or made, for writing: 64 at most. Returns how many of
 * num_events were kept, in their order. -ENODEV: nobody has the bdev open for writing, or it was opened before
 * media_events was set. Any thread.
 */
int spdk_bdev_push_media_events(struct spdk_bdev *bdev, const struct spdk_bdev_media_event *events, size_t num_events);

/* Sends SPDK_BDEV_EVENT_MEDIA_MANAGEMENT to who has events waiting. Any thread. */
void spdk_bdev_notify_media_management(struct spdk_bdev *bdev);

/* ---- Bdevs that are parts of another one ----
 *
 * For modules whose bdevs are pieces of a base: partitions and the like. The helper opens and claims the base, registers
 * the parts, makes their channels and hands on their I/O. The module keeps one list of all of its parts and one table of
 * functions for them, whose destruct calls spdk_bdev_part_free().
 */

struct bdev_part_release;
struct spdk_bdev_part_base;

/* A part. On the heap, as the helper frees it in the end; zeroed; the module may put fields of its own behind it. */
struct spdk_bdev_part {
	/* In the module's list. */
	TAILQ_ENTRY(spdk_bdev_part) tailq;
	/* Belongs to the helper. */
	struct bdev_part_internal_fields {
		struct spdk_bdev bdev;
		struct spdk_bdev_part_base *base;
		uint64_t offset_blocks;
		struct bdev_part_release *release;
	} internal;
};

/* The list of all parts of a module. */
typedef TAILQ_HEAD(bdev_part_tailq, spdk_bdev_part) SPDK_BDEV_PART_TAILQ;

/* Frees the context that the module gave to the base of its parts. */
typedef void (*spdk_bdev_part_base_free_fn)(void *ctx);

/* First member of the channel context of a module whose bdevs are parts. */
struct spdk_bdev_part_channel {
	struct spdk_bdev_part *part;
	struct spdk_io_channel *base_ch;
};

/* What a part may be told beyond its place. */
struct spdk_bdev_part_construct_opts {
	/* Size of this structure as the caller knows it. */
	uint64_t opts_size;
	/* UUID of the part; null: made from that of the base, the offset and the length. */
	struct spdk_uuid uuid;
};

/*
 * Opens a bdev, for reading, as the base of parts; app thread. Sets get_io_channel and io_type_supported in fn_table, which
 * like tailq and module is that of all parts of the module. remove_cb gets the base when the bdev is being removed, and
 * then calls spdk_bdev_part_base_hotremove() or, without parts, spdk_bdev_part_base_free().
 *
 * channel_size: bytes of the module's channel context, which begins with struct spdk_bdev_part_channel; ch_create_cb is
 * called when that is filled in, ch_destroy_cb before the base channel is put; both may be NULL. Their io_device is the
 * part.
 *
 * ctx is the module's until free_fn, which may be NULL, is called with it: at the end of the base, and also here if this
 * fails otherwise than with -EINVAL or -ENODEV. Returns 0, -EINVAL if something is missing, or what
 * spdk_bdev_open_ext() returned.
 */
int spdk_bdev_part_base_construct_ext(const char *bdev_name, spdk_bdev_remove_cb_t remove_cb,
	struct spdk_bdev_module *module, struct spdk_bdev_fn_table *fn_table, struct bdev_part_tailq *tailq,
	spdk_bdev_part_base_free_fn free_fn, void *ctx, uint32_t channel_size, spdk_io_channel_create_cb ch_create_cb,
	spdk_io_channel_destroy_cb ch_destroy_cb, struct spdk_bdev_part_base **base);

/*
 * Closes a base that has no parts, and calls its free_fn. One that has parts goes with the last of them. Any SPDK
 * thread.
 */
void spdk_bdev_part_base_free(struct spdk_bdev_part_base *base);

/* Unregisters all parts of the base that are in tailq. On the thread that opened the base. */
void spdk_bdev_part_base_hotremove(struct spdk_bdev_part_base *part_base, struct bdev_part_tailq *tailq);

/* The bdev below, its name, the descriptor that the base has it open with, and the list given at its construction. */
struct spdk_bdev *spdk_bdev_part_base_get_bdev(struct spdk_bdev_part_base *part_base);
const char *spdk_bdev_part_base_get_bdev_name(struct spdk_bdev_part_base *part_base);
struct spdk_bdev_desc *spdk_bdev_part_base_get_desc(struct spdk_bdev_part_base *part_base);
struct bdev_part_tailq *spdk_bdev_part_base_get_tailq(struct spdk_bdev_part_base *part_base);
/* The ctx that the base was made with. */
void *spdk_bdev_part_base_get_ctx(struct spdk_bdev_part_base *part_base);

/* Sets the defaults: no options. size: that of the caller's structure. */
void spdk_bdev_part_construct_opts_init(struct spdk_bdev_part_construct_opts *opts, uint64_t size);

/*
 * Registers a part of the base: num_blocks from offset_blocks on. Block size, metadata, alignment and write cache are
 * those of the base. name and product_name are copied. The first part claims the base for writing. The part is then in
 * the list of the module. App thread. opts may be NULL.
 *
 * Returns 0; -EINVAL: it does not lie within the base; -EPERM: the base is claimed by somebody else; -ENOMEM;
 * or what spdk_bdev_register() returned. Then part is the caller's to free.
 */
int spdk_bdev_part_construct(struct spdk_bdev_part *part, struct spdk_bdev_part_base *base, char *name,
	uint64_t offset_blocks, uint64_t num_blocks, char *product_name);
int spdk_bdev_part_construct_ext(struct spdk_bdev_part *part, struct spdk_bdev_part_base *base, char *name,
	uint64_t offset_blocks, uint64_t num_blocks, char *product_name,
	const struct spdk_bdev_part_construct_opts *opts);

/*
 * What destruct of the module calls, and whose value it returns. When the part's channels are gone it leaves the list,
 * on the thread that opened the base; the last part ends the claim and frees the base; then the unregistration is over
 * and the part is freed.
 */
int spdk_bdev_part_free(struct spdk_bdev_part *part);

struct spdk_bdev *spdk_bdev_part_get_bdev(struct spdk_bdev_part *part);
struct spdk_bdev_part_base *spdk_bdev_part_get_base(struct spdk_bdev_part *part);
struct spdk_bdev *spdk_bdev_part_get_base_bdev(struct spdk_bdev_part *part);
uint64_t spdk_bdev_part_get_offset_blocks(struct spdk_bdev_part *part);

/*
 * Hands an I/O of a part to the base. ch: the context of the module's channel. The I/O is completed as the base
 * completed it, with its details.
 *
 * Where reference tags are checked, those in the buffers of a write are the base's while it runs.
 *
 * With cb, that is called instead, with the I/O of the part, whether it succeeded, and NULL; it completes the I/O. It
 * runs inside this call only if the call returns 0.
 *
 * Returns 0; -ENOMEM: nothing was submitted, wait with spdk_bdev_queue_io_wait() on ch->base_ch and try again; another
 * negative errno: the I/O cannot be carried out, complete it as failed.
 */
int spdk_bdev_part_submit_request(struct spdk_bdev_part_channel *ch, struct spdk_bdev_io *bdev_io);
int spdk_bdev_part_submit_request_ext(
	struct spdk_bdev_part_channel *ch, struct spdk_bdev_io *bdev_io, spdk_bdev_io_completion_cb cb);

#ifdef __cplusplus
}
#endif

#endif /* SPDK_BDEV_MODULE_H */
