/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What an accel module needs: one that carries out operations on data (spdk/accel.h), in software or by a device. It
 * registers itself, says which operations it supports, and gets tasks on the channels that it hands out.
 *
 * Beside modules there are drivers. A driver is handed whole sequences, carries out as many of their first tasks as it
 * can, and gives the rest back.
 */

#ifndef SPDK_ACCEL_MODULE_H
#define SPDK_ACCEL_MODULE_H

#include "spdk/stdinc.h"
#include "spdk/accel.h"
#include "spdk/config.h"
#include "spdk/queue.h"

#include "bdevkit/module_stamp.h"

#ifdef __cplusplus
extern "C" {
#endif

struct accel_io_channel;
struct spdk_accel_module_if;
struct spdk_accel_task;

/* Priority of the software module; of several modules that support an operation the highest one gets it. */
#define SPDK_ACCEL_SW_PRIORITY (-1)

/* Digits of the longest key, with the terminating zero. */
#define SPDK_ACCEL_CRYPTO_KEY_MAX_HEX_LENGTH (256 + 1)

/* ---- Keys ---- */

/*
 * How the logical block address (LBA), which is the initialization vector of an operation, becomes the 16-byte tweak
 * of AES-XTS.
 */
enum spdk_accel_crypto_tweak_mode {
	/* The LBA alone, 64 bits. */
	SPDK_ACCEL_CRYPTO_TWEAK_MODE_SIMPLE_LBA,

	/* 63 bits of the complement of the LBA, and the LBA below them. The top bit is 0. */
	SPDK_ACCEL_CRYPTO_TWEAK_MODE_JOIN_NEG_LBA_WITH_LBA,

	/* A 128-bit number that grows by one every 512 bytes and begins at LBA * (block size / 512). */
	SPDK_ACCEL_CRYPTO_TWEAK_MODE_INCR_512_FULL_LBA,

	/* The same counter, its low 64 bits in the upper half of the tweak, the lower half 0. */
	SPDK_ACCEL_CRYPTO_TWEAK_MODE_INCR_512_UPPER_LBA,
};

/* A key, as a module sees it. Made and released by the framework, and wiped then. */
struct spdk_accel_crypto_key {
	/* The module's own, set in crypto_key_init. */
	void *priv;
	/* Bytes, not text. key2, the tweak key of AES-XTS, may be NULL. */
	char *key;
	size_t key_size;
	char *key2;
	size_t key2_size;
	enum spdk_accel_cipher cipher;
	enum spdk_accel_crypto_tweak_mode tweak_mode;
	/* The module that it was made for; no other one can use it. */
	struct spdk_accel_module_if *module_if;
	/* What it was made from. */
	struct spdk_accel_crypto_key_create_param param;
	TAILQ_ENTRY(spdk_accel_crypto_key) link;
};

/* ---- Tasks ---- */

/* Where buffers were before they were replaced by ones that the module can reach. */
struct spdk_accel_bounce_buffer {
	struct iovec *orig_iovs;
	uint32_t orig_iovcnt;
	struct spdk_memory_domain *orig_domain;
	void *orig_domain_ctx;
	/* The buffer that stands in for them. */
	struct iovec iov;
};

/* Places in spdk_accel_task_aux_data.iovs. */
enum spdk_accel_aux_iov_type {
	SPDK_ACCEL_AUX_IOV_SRC,
	SPDK_ACCEL_AUX_IOV_DST,
	SPDK_ACCEL_AUX_IOV_SRC2,
	SPDK_ACCEL_AUX_IOV_DST2,
	SPDK_ACCEL_AXU_IOV_VIRT_SRC,
	SPDK_ACCEL_AXU_IOV_VIRT_DST,
	SPDK_ACCEL_AUX_IOV_MAX,
};

/* What only some tasks need. */
struct spdk_accel_task_aux_data {
	SLIST_ENTRY(spdk_accel_task_aux_data) link;
	/* Room for the buffers of tasks that came with plain pointers. */
	struct iovec iovs[SPDK_ACCEL_AUX_IOV_MAX];
	struct {
		struct spdk_accel_bounce_buffer s;
		struct spdk_accel_bounce_buffer d;
	} bounce;
};

/*
 * One operation. A module gets it in submit_tasks, reads what belongs to its op_code, and ends it with
 * spdk_accel_task_complete().
 */
struct spdk_accel_task {
	/* Belong to the framework. */
	TAILQ_ENTRY(spdk_accel_task) seq_link;
	/* The module's while it has the task; in submit_tasks it leads to the next one. */
	STAILQ_ENTRY(spdk_accel_task) link;

	/* enum spdk_accel_opcode. */
	uint8_t op_code;
	/* aux is set. */
	bool has_aux;
	int16_t status;
	/* The module's; zero when the operation begins. */
	uint8_t reserved[4];

	/* Belong to the framework. */
	struct accel_io_channel *accel_ch;
	/* The sequence that the task is part of, or NULL. */
	struct spdk_accel_sequence *seq;
	union {
		spdk_accel_completion_cb cb_fn;
		spdk_accel_step_cb step_cb_fn;
	};
	void *cb_arg;

	/* Where the memory of s and d lies; NULL: plain memory. Only for modules that have get_memory_domains. */
	struct spdk_memory_domain *src_domain;
	void *src_domain_ctx;
	struct spdk_memory_domain *dst_domain;
	void *dst_domain_ctx;

	/* Size of the operation in bytes. */
	uint64_t nbytes;
	union {
		/* Source. */
		struct {
			struct iovec *iovs;
			uint32_t iovcnt;
		} s;
		/* xor: sources of nbytes each. */
		struct {
			void **srcs;
			uint32_t cnt;
		} nsrcs;
	};
	union {
		/* Destination. Metadata, of dix operations. */
		struct {
			struct iovec *iovs;
			uint32_t iovcnt;
		} d;
		/* compare: second source. */
		struct {
			struct iovec *iovs;
			uint32_t iovcnt;
		} s2;
	};
	union {
		/* dualcast: second destination. */
		struct {
			struct iovec *iovs;
			uint32_t iovcnt;
		} d2;
		/* crc32c, copy_crc32c. */
		uint32_t seed;
		/* fill: the byte, eight times. */
		uint64_t fill_pattern;
		/* encrypt, decrypt. */
		struct spdk_accel_crypto_key *crypto_key;
		/* dif and dix operations. err may be NULL. */
		struct {
			const struct spdk_dif_ctx *ctx;
			struct spdk_dif_error *err;
			uint32_t num_blocks;
		} dif;
		/* compress, decompress. */
		struct {
			enum spdk_accel_comp_algo algo;
			uint32_t level;
		} comp;
	};
	union {
		/* crc32c, copy_crc32c: where the result goes. */
		uint32_t *crc_dst;
		/* compress, decompress: where the number of bytes produced goes; may be NULL. */
		uint32_t *output_size;
		/* encrypt, decrypt: bytes between which the tweak changes. */
		uint32_t block_size;
	};
	/* encrypt, decrypt: initialization vector of the first block. */
	uint64_t iv;
	struct spdk_accel_task_aux_data *aux;
};

/*
 * Ends a task that submit_tasks has accepted, on the thread of its channel. status: 0 or a negative errno; of a
 * comparison also another value than 0.
 */
void spdk_accel_task_complete(struct spdk_accel_task *task, int status);

/* ---- Modules ---- */

/* What an operation asks of its buffers. */
struct spdk_accel_opcode_info {
	/* Buffers are aligned to 2 to this power. */
	uint8_t required_alignment;
};

/* An accel module: a static structure that registers itself. Callbacks may be NULL unless said otherwise. */
struct spdk_accel_module_if {
	/* Unique among the modules. */
	const char *name;
	int priority;

	/* Must be there. -ENODEV: there is nothing to drive, forget the module. Other errors stop the start. */
	int (*module_init)(void);

	/* Called with NULL when the framework stops; ends with spdk_accel_module_finish(), now or later. */
	void (*module_fini)(void *ctx);

	/* Writes the RPC calls that configure the module. */
	void (*write_config_json)(struct spdk_json_write_ctx *w);

	/* Bytes of a task of this module: sizeof(struct spdk_accel_task) and its own behind it. Must be there. */
	size_t (*get_ctx_size)(void);

	/* Must be there. */
	bool (*supports_opcode)(enum spdk_accel_opcode opcode);

	/* A channel for the calling thread. Must be there. */
	struct spdk_io_channel *(*get_io_channel)(void);

	/*
	 * Takes a task, on the thread of the channel. 0: spdk_accel_task_complete() follows, here or later. A negative
	 * errno: the task is refused. Must be there.
	 */
	int (*submit_tasks)(struct spdk_io_channel *ch, struct spdk_accel_task *accel_task);

	/* Prepares a key, which has passed the checks below, for use. 0 or a negative errno. */
	int (*crypto_key_init)(struct spdk_accel_crypto_key *key);
	void (*crypto_key_deinit)(struct spdk_accel_crypto_key *key);

	/* Without it only SPDK_ACCEL_CRYPTO_TWEAK_MODE_SIMPLE_LBA is supported. */
	bool (*crypto_supports_tweak_mode)(enum spdk_accel_crypto_tweak_mode tweak_mode);

	/* key_size: bytes of one key; AES-XTS has two of them. */
	bool (*crypto_supports_cipher)(enum spdk_accel_cipher cipher, size_t key_size);

	bool (*compress_supports_algo)(enum spdk_accel_comp_algo algo);

	/* Stores the lowest and the highest compression level. 0 or a negative errno. */
	int (*get_compress_level_range)(enum spdk_accel_comp_algo algo, uint32_t *min_level, uint32_t *max_level);

	/*
	 * Returns how many memory domains the module takes data from, and stores as many of them as array_size allows.
	 * Without it the framework moves data to plain memory for the module.
	 */
	int (*get_memory_domains)(struct spdk_memory_domain **domains, int array_size);

	/* Fills in info, what the operation asks of its buffers. 0 or a negative errno. Without it: nothing. */
	int (*get_operation_info)(enum spdk_accel_opcode opcode, const struct spdk_accel_operation_exec_ctx *ctx,
		struct spdk_accel_opcode_info *info);

	/* Belongs to the framework. */
	TAILQ_ENTRY(spdk_accel_module_if) tailq;
};

/* Adds a module; before the framework starts. One that has the name of another is refused with a message in the log. */
void spdk_accel_module_list_add(struct spdk_accel_module_if *accel_module);

/* Registers a module from a constructor. name: any identifier, unique in the program. */
#define SPDK_ACCEL_MODULE_REGISTER(name, module) \
	BDK_MODULE_STAMP(accel_##name, BDK_MODULE_STAMP_ACCEL, sizeof(struct spdk_accel_module_if), \
		sizeof(struct spdk_accel_task), sizeof(struct spdk_accel_driver), 0); \
	static void __attribute__((constructor)) spdk_accel_module_register_##name(void) \
	{ \
		spdk_accel_module_list_add(module); \
	}

/* Says that module_fini is done. */
void spdk_accel_module_finish(void);

/* Returns the module of that name, or NULL; for modules that stand on others. */
struct spdk_accel_module_if *spdk_accel_get_module(const char *name);

/* ---- Drivers ---- */

/* A static structure that registers itself; spdk_accel_set_driver() puts it to work. */
struct spdk_accel_driver {
	/* Unique among the drivers. */
	const char *name;

	/* 0 or a negative errno. May be NULL, as may fini. */
	int (*init)(void);
	void (*fini)(void);

	/*
	 * Carries out as many of the first tasks of the sequence as the driver can, ending each with
	 * spdk_accel_task_complete(), and then calls spdk_accel_sequence_continue(), here or later. An error fails the
	 * sequence.
	 */
	int (*execute_sequence)(struct spdk_io_channel *ch, struct spdk_accel_sequence *seq);

	/* A channel for the calling thread. */
	struct spdk_io_channel *(*get_io_channel)(void);

	/* As of a module. */
	int (*get_operation_info)(enum spdk_accel_opcode opcode, const struct spdk_accel_operation_exec_ctx *ctx,
		struct spdk_accel_opcode_info *info);

	/* Belongs to the framework. */
	TAILQ_ENTRY(spdk_accel_driver) tailq;
};

/* Adds a driver; before the framework starts. */
void spdk_accel_driver_register(struct spdk_accel_driver *driver);

/* Registers a driver from a constructor. name: any identifier, unique in the program. */
#define SPDK_ACCEL_DRIVER_REGISTER(name, driver) \
	static void __attribute__((constructor)) spdk_accel_driver_register_##name(void) \
	{ \
		spdk_accel_driver_register(driver); \
	}

/* Gives a sequence back to the framework, which goes on with its first task that is left. */
void spdk_accel_sequence_continue(struct spdk_accel_sequence *seq);

/* The tasks of a sequence that are left, in order. NULL: there is no further one. */
struct spdk_accel_task *spdk_accel_sequence_first_task(struct spdk_accel_sequence *seq);
struct spdk_accel_task *spdk_accel_sequence_next_task(struct spdk_accel_task *task);

/* The buffer of spdk_accel_alloc_sequence_buf() is there. */
typedef void (*spdk_accel_sequence_get_buf_cb)(struct spdk_accel_sequence *seq, void *cb_arg);

/*
 * Provides memory for a buffer that was reserved with spdk_accel_get_buf() and is used in the sequence: buf, domain and
 * domain_ctx are those of a task. True: the memory is there, and cb_fn is not called. False: cb_fn will be called, on
 * this thread, when it is.
 */
bool spdk_accel_alloc_sequence_buf(struct spdk_accel_sequence *seq, void *buf, struct spdk_memory_domain *domain,
	void *domain_ctx, spdk_accel_sequence_get_buf_cb cb_fn, void *cb_ctx);

#ifdef __cplusplus
}
#endif

#endif /* SPDK_ACCEL_MODULE_H */
