/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Operations on data: copying, filling, comparing, checksums, compression, encryption, parity, protection information.
 * An accel module carries each of them out, in software or by a device (spdk/accel_module.h).
 *
 * Operations run alone (spdk_accel_submit_*) or as a sequence (spdk_accel_append_*), which the framework carries out in
 * one go and shortens where it can: what one step writes only for the next one to copy is written where the copy goes.
 *
 * A channel, and all that was begun on it, belongs to the thread that got it. Unless said otherwise lengths are in
 * bytes, functions return 0 or a negative errno, and buffers, arrays of iovecs, contexts, keys and places for results
 * stay the caller's and must stay valid until the operation is done.
 */

#ifndef SPDK_ACCEL_H
#define SPDK_ACCEL_H

#include "spdk/stdinc.h"
#include "spdk/dma.h"
#include "spdk/dif.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spdk_io_channel;
struct spdk_json_write_ctx;

/* ---- Types ---- */

/* Key sizes of AES-XTS in bytes: of the data key, and of the tweak key as well. */
#define SPDK_ACCEL_AES_XTS_128_KEY_SIZE 16
#define SPDK_ACCEL_AES_XTS_256_KEY_SIZE 32

enum spdk_accel_cipher {
	SPDK_ACCEL_CIPHER_AES_CBC,
	SPDK_ACCEL_CIPHER_AES_XTS,
};

enum spdk_accel_comp_algo {
	/* Raw DEFLATE (RFC 1951), without the header and trailer of zlib or gzip. */
	SPDK_ACCEL_COMP_ALGO_DEFLATE = 0,
	SPDK_ACCEL_COMP_ALGO_LZ4,
};

enum spdk_accel_opcode {
	SPDK_ACCEL_OPC_COPY = 0,
	SPDK_ACCEL_OPC_FILL = 1,
	SPDK_ACCEL_OPC_DUALCAST = 2,
	SPDK_ACCEL_OPC_COMPARE = 3,
	SPDK_ACCEL_OPC_CRC32C = 4,
	SPDK_ACCEL_OPC_COPY_CRC32C = 5,
	SPDK_ACCEL_OPC_COMPRESS = 6,
	SPDK_ACCEL_OPC_DECOMPRESS = 7,
	SPDK_ACCEL_OPC_ENCRYPT = 8,
	SPDK_ACCEL_OPC_DECRYPT = 9,
	SPDK_ACCEL_OPC_XOR = 10,
	SPDK_ACCEL_OPC_DIF_VERIFY = 11,
	SPDK_ACCEL_OPC_DIF_VERIFY_COPY = 12,
	SPDK_ACCEL_OPC_DIF_GENERATE = 13,
	SPDK_ACCEL_OPC_DIF_GENERATE_COPY = 14,
	SPDK_ACCEL_OPC_DIX_GENERATE = 15,
	SPDK_ACCEL_OPC_DIX_VERIFY = 16,
	SPDK_ACCEL_OPC_LAST = 17,
};

/* Operations to be carried out one after the other. */
struct spdk_accel_sequence;
struct spdk_io_channel;
struct spdk_json_write_ctx;
struct spdk_accel_crypto_key;

/*
 * An operation or a sequence is done. status: 0 or a negative errno; of a comparison another value than 0 says that the
 * data differ, and of dif and dix operations -1 that a check failed.
 */
typedef void (*spdk_accel_completion_cb)(void *cb_arg, int status);

/* The framework has stopped. */
typedef void (*spdk_accel_fini_cb)(void *cb_arg);

/* A step of a sequence is done, or will not be done because another one failed or the sequence was aborted. */
typedef void (*spdk_accel_step_cb)(void *cb_arg);

/* What a key is made from. Strings end with a zero and are copied. */
struct spdk_accel_crypto_key_create_param {
	/* "AES_CBC" or "AES_XTS". */
	char *cipher;
	/* Hexadecimal digits. */
	char *hex_key;
	/* The tweak key of AES_XTS, as long as hex_key and different from it; else NULL. */
	char *hex_key2;
	/* "SIMPLE_LBA", "JOIN_NEG_LBA_WITH_LBA", "INCR_512_FULL_LBA" or "INCR_512_UPPER_LBA". NULL: SIMPLE_LBA. */
	char *tweak_mode;
	/* Unique among the keys. */
	char *key_name;
};

/* What has been done of one kind of operation. */
struct spdk_accel_opcode_stats {
	/* Operations that ended, with or without success. */
	uint64_t executed;
	/* Operations that ended with an error or were refused by their module. */
	uint64_t failed;
	/* Bytes that they worked on. */
	uint64_t num_bytes;
} __attribute__((packed));

/* Circumstances of an operation. */
struct spdk_accel_operation_exec_ctx {
	/* Size of this structure as the caller knows it. */
	size_t size;
	/* Bytes between which an operation cannot be divided; 0: nothing is known. */
	uint32_t block_size;
};

struct spdk_accel_opts {
	/* Size of this structure as the caller knows it. */
	size_t opts_size;
	/* Buffers of each size that a channel keeps. */
	uint32_t small_cache_size;
	uint32_t large_cache_size;
	/* How many operations, sequences and buffers a channel can have at a time. */
	uint32_t task_count;
	uint32_t sequence_count;
	uint32_t buf_count;
} __attribute__((packed));

/* ---- Start and stop ---- */

/*
 * Starts the framework and all modules, and gives each operation to a module. On the app thread, when iobuf is there.
 * Fails if a module does, if an assignment names a module that is not there or cannot do it (-EINVAL), or if encryption
 * and decryption, or compression and decompression, have come to different modules (-EINVAL).
 */
int spdk_accel_initialize(void);

/* Destroys all keys and stops the modules; then calls cb_fn, on the calling thread. */
void spdk_accel_finish(spdk_accel_fini_cb cb_fn, void *cb_arg);

/*
 * Sets options, as far as opts_size reaches, for channels that are made from then on. -1 without opts or opts_size;
 * -EINVAL if task_count is less than 8.
 */
int spdk_accel_set_opts(const struct spdk_accel_opts *opts);

/* Stores the options as far as opts_size reaches, and opts_size. */
void spdk_accel_get_opts(struct spdk_accel_opts *opts, size_t opts_size);

/*
 * Gives an operation to the module of that name, whatever its priority. Before spdk_accel_initialize(), which finds out
 * if there is such a module. -EINVAL later or for a value that is no operation.
 */
int spdk_accel_assign_opc(enum spdk_accel_opcode opcode, const char *name);

/*
 * Makes sequences go to this driver first; NULL or "": to none. Before spdk_accel_initialize(). -ENODEV if there is no
 * such driver.
 */
int spdk_accel_set_driver(const char *name);

/* Returns the name of the driver, or NULL. */
const char *spdk_accel_get_driver_name(void);

/* Writes the RPC calls that restore options, driver, modules, assignments and keys, in this order. */
void spdk_accel_write_config_json(struct spdk_json_write_ctx *w);

/* ---- Who does what ---- */

/* Returns the name of an operation, "copy" for instance; NULL for a value that is none. */
const char *spdk_accel_get_opcode_name(enum spdk_accel_opcode opcode);

/* Stores the name of the module that has the operation. -EINVAL for a value that is none, -ENOENT if nobody has it. */
int spdk_accel_get_opc_module_name(enum spdk_accel_opcode opcode, const char **module_name);

/*
 * Returns how many memory domains the module of an operation takes data from, and stores as many of them as array_size
 * allows. domains may be NULL if array_size is 0.
 */
int spdk_accel_get_opc_memory_domains(
	enum spdk_accel_opcode opcode, struct spdk_memory_domain **domains, int array_size);

/* Returns the power of two that the buffers of an operation should be aligned to; ctx may be NULL. */
uint8_t spdk_accel_get_buf_align(enum spdk_accel_opcode opcode, const struct spdk_accel_operation_exec_ctx *ctx);

/* Stores the lowest and highest compression level. -EINVAL or -ENOTSUP if there are none. */
int spdk_accel_get_compress_level_range(enum spdk_accel_comp_algo comp_algo, uint32_t *min_level, uint32_t *max_level);

/* ---- Channels ---- */

/* Returns a channel for the calling thread, to be put with spdk_put_io_channel(); NULL if there is no memory. */
struct spdk_io_channel *spdk_accel_get_io_channel(void);

/* Stores what this channel has done of an operation, as far as size reaches. */
void spdk_accel_get_opcode_stats(
	struct spdk_io_channel *ch, enum spdk_accel_opcode opcode, struct spdk_accel_opcode_stats *stats, size_t size);

/* ---- Single operations ----
 *
 * 0: cb_fn will be called once; by the software module never within the call. -ENOMEM: the channel has no task left, or
 * the module no room; try again later. Other errors: cb_fn will not be called. Memory is plain memory.
 */

/* Copies nbytes from src to dst, which must not overlap. */
int spdk_accel_submit_copy(struct spdk_io_channel *ch, void *dst, void *src, uint64_t nbytes,
	spdk_accel_completion_cb cb_fn, void *cb_arg);

/* Copies src to both dst1 and dst2, which must be aligned to 4096 bytes, else -EINVAL. */
int spdk_accel_submit_dualcast(struct spdk_io_channel *ch, void *dst1, void *dst2, void *src, uint64_t nbytes,
	spdk_accel_completion_cb cb_fn, void *cb_arg);

/* Compares src1 with src2. */
int spdk_accel_submit_compare(struct spdk_io_channel *ch, void *src1, void *src2, uint64_t nbytes,
	spdk_accel_completion_cb cb_fn, void *cb_arg);

/* Sets each byte of dst to fill. */
int spdk_accel_submit_fill(struct spdk_io_channel *ch, void *dst, uint8_t fill, uint64_t nbytes,
	spdk_accel_completion_cb cb_fn, void *cb_arg);

/*
 * Stores the CRC-32C of src in *crc_dst. It begins with the complement of seed and is stored without a final complement:
 * seed 0 gives the complement of the usual CRC-32C. To go on with data that follows, pass the complement of the result.
 */
int spdk_accel_submit_crc32c(struct spdk_io_channel *ch, uint32_t *crc_dst, void *src, uint32_t seed, uint64_t nbytes,
	spdk_accel_completion_cb cb_fn, void *cb_arg);

/* The same of all that the iovecs hold; -EINVAL without any. */
int spdk_accel_submit_crc32cv(struct spdk_io_channel *ch, uint32_t *crc_dst, struct iovec *iovs, uint32_t iovcnt,
	uint32_t seed, spdk_accel_completion_cb cb_fn, void *cb_arg);

/* Copies src to dst, and stores its CRC-32C. */
int spdk_accel_submit_copy_crc32c(struct spdk_io_channel *ch, void *dst, void *src, uint32_t *crc_dst, uint32_t seed,
	uint64_t nbytes, spdk_accel_completion_cb cb_fn, void *cb_arg);
int spdk_accel_submit_copy_crc32cv(struct spdk_io_channel *ch, void *dst, struct iovec *src_iovs, uint32_t iovcnt,
	uint32_t *crc_dst, uint32_t seed, spdk_accel_completion_cb cb_fn, void *cb_arg);

/*
 * Compresses the source, as one stream, to dst, which has room for nbytes; status -ENOMEM if that is too little. Stores
 * how many bytes it has become in *output_size, which may be NULL. The first form is DEFLATE at level 1.
 */
int spdk_accel_submit_compress(struct spdk_io_channel *ch, void *dst, uint64_t nbytes, struct iovec *src_iovs,
	size_t src_iovcnt, uint32_t *output_size, spdk_accel_completion_cb cb_fn, void *cb_arg);
int spdk_accel_submit_compress_ext(struct spdk_io_channel *ch, void *dst, uint64_t nbytes, struct iovec *src_iovs,
	size_t src_iovcnt, enum spdk_accel_comp_algo comp_algo, uint32_t comp_level, uint32_t *output_size,
	spdk_accel_completion_cb cb_fn, void *cb_arg);

/*
 * Decompresses the source to the destination, which must hold the whole result. Stores how many bytes it has become in
 * *output_size, which may be NULL. Source that is damaged or ends too early, or a destination that is too small, gives
 * an error status. The first form is DEFLATE.
 */
int spdk_accel_submit_decompress(struct spdk_io_channel *ch, struct iovec *dst_iovs, size_t dst_iovcnt,
	struct iovec *src_iovs, size_t src_iovcnt, uint32_t *output_size, spdk_accel_completion_cb cb_fn, void *cb_arg);
int spdk_accel_submit_decompress_ext(struct spdk_io_channel *ch, struct iovec *dst_iovs, size_t dst_iovcnt,
	struct iovec *src_iovs, size_t src_iovcnt, enum spdk_accel_comp_algo decomp_algo, uint32_t *output_size,
	spdk_accel_completion_cb cb_fn, void *cb_arg);

/*
 * Encrypt, or decrypt, block after block of block_size bytes. iv is the initialization vector of the first block (its
 * logical block address, for disks) and grows by one for each. Source and destination are equally long and may be the
 * same. -EINVAL without key, iovecs or block size; other faults are told by the status.
 */
int spdk_accel_submit_encrypt(struct spdk_io_channel *ch, struct spdk_accel_crypto_key *key, struct iovec *dst_iovs,
	uint32_t dst_iovcnt, struct iovec *src_iovs, uint32_t src_iovcnt, uint64_t iv, uint32_t block_size,
	spdk_accel_completion_cb cb_fn, void *cb_arg);
int spdk_accel_submit_decrypt(struct spdk_io_channel *ch, struct spdk_accel_crypto_key *key, struct iovec *dst_iovs,
	uint32_t dst_iovcnt, struct iovec *src_iovs, uint32_t src_iovcnt, uint64_t iv, uint32_t block_size,
	spdk_accel_completion_cb cb_fn, void *cb_arg);

/* Stores in dst the exclusive or of nsrcs (2 to 256) sources of nbytes each. */
int spdk_accel_submit_xor(struct spdk_io_channel *ch, void *dst, void **sources, uint32_t nsrcs, uint64_t nbytes,
	spdk_accel_completion_cb cb_fn, void *cb_arg);

/*
 * What spdk_dif_verify(), spdk_dif_generate() and so on do (spdk/dif.h), for num_blocks blocks; the status is what those
 * return. The copies have data alone on one side, and data with metadata on the other.
 */
int spdk_accel_submit_dif_verify(struct spdk_io_channel *ch, struct iovec *iovs, size_t iovcnt, uint32_t num_blocks,
	const struct spdk_dif_ctx *ctx, struct spdk_dif_error *err, spdk_accel_completion_cb cb_fn, void *cb_arg);
int spdk_accel_submit_dif_generate(struct spdk_io_channel *ch, struct iovec *iovs, size_t iovcnt, uint32_t num_blocks,
	const struct spdk_dif_ctx *ctx, spdk_accel_completion_cb cb_fn, void *cb_arg);
int spdk_accel_submit_dif_generate_copy(struct spdk_io_channel *ch, struct iovec *dst_iovs, size_t dst_iovcnt,
	struct iovec *src_iovs, size_t src_iovcnt, uint32_t num_blocks, const struct spdk_dif_ctx *ctx,
	spdk_accel_completion_cb cb_fn, void *cb_arg);
int spdk_accel_submit_dif_verify_copy(struct spdk_io_channel *ch, struct iovec *dst_iovs, size_t dst_iovcnt,
	struct iovec *src_iovs, size_t src_iovcnt, uint32_t num_blocks, const struct spdk_dif_ctx *ctx,
	struct spdk_dif_error *err, spdk_accel_completion_cb cb_fn, void *cb_arg);

/* The same with metadata in a buffer of its own: one iovec. */
int spdk_accel_submit_dix_generate(struct spdk_io_channel *ch, struct iovec *iovs, size_t iovcnt, struct iovec *md_iov,
	uint32_t num_blocks, const struct spdk_dif_ctx *ctx, spdk_accel_completion_cb cb_fn, void *cb_arg);
int spdk_accel_submit_dix_verify(struct spdk_io_channel *ch, struct iovec *iovs, size_t iovcnt, struct iovec *md_iov,
	uint32_t num_blocks, const struct spdk_dif_ctx *ctx, struct spdk_dif_error *err, spdk_accel_completion_cb cb_fn,
	void *cb_arg);

/* ---- Sequences ----
 *
 * Append functions add a step at the end of *seq; if that is NULL they begin a sequence. They return 0 or -ENOMEM
 * (decompression also -ENOTSUP) and then leave *seq as it is. cb_fn may be NULL. Buffers may lie in memory domains:
 * NULL is plain memory. They and the arrays of iovecs must stay valid until the step is done.
 */

int spdk_accel_append_copy(struct spdk_accel_sequence **seq, struct spdk_io_channel *ch, struct iovec *dst_iovs,
	uint32_t dst_iovcnt, struct spdk_memory_domain *dst_domain, void *dst_domain_ctx, struct iovec *src_iovs,
	uint32_t src_iovcnt, struct spdk_memory_domain *src_domain, void *src_domain_ctx, spdk_accel_step_cb cb_fn,
	void *cb_arg);
int spdk_accel_append_fill(struct spdk_accel_sequence **seq, struct spdk_io_channel *ch, void *buf, uint64_t len,
	struct spdk_memory_domain *domain, void *domain_ctx, uint8_t pattern, spdk_accel_step_cb cb_fn, void *cb_arg);
int spdk_accel_append_decompress(struct spdk_accel_sequence **seq, struct spdk_io_channel *ch, struct iovec *dst_iovs,
	size_t dst_iovcnt, struct spdk_memory_domain *dst_domain, void *dst_domain_ctx, struct iovec *src_iovs,
	size_t src_iovcnt, struct spdk_memory_domain *src_domain, void *src_domain_ctx, spdk_accel_step_cb cb_fn,
	void *cb_arg);
int spdk_accel_append_decompress_ext(struct spdk_accel_sequence **pseq, struct spdk_io_channel *ch,
	struct iovec *dst_iovs, size_t dst_iovcnt, struct spdk_memory_domain *dst_domain, void *dst_domain_ctx,
	struct iovec *src_iovs, size_t src_iovcnt, struct spdk_memory_domain *src_domain, void *src_domain_ctx,
	enum spdk_accel_comp_algo decomp_algo, spdk_accel_step_cb cb_fn, void *cb_arg);
int spdk_accel_append_encrypt(struct spdk_accel_sequence **seq, struct spdk_io_channel *ch,
	struct spdk_accel_crypto_key *key, struct iovec *dst_iovs, uint32_t dst_iovcnt,
	struct spdk_memory_domain *dst_domain, void *dst_domain_ctx, struct iovec *src_iovs, uint32_t src_iovcnt,
	struct spdk_memory_domain *src_domain, void *src_domain_ctx, uint64_t iv, uint32_t block_size,
	spdk_accel_step_cb cb_fn, void *cb_arg);
int spdk_accel_append_decrypt(struct spdk_accel_sequence **seq, struct spdk_io_channel *ch,
	struct spdk_accel_crypto_key *key, struct iovec *dst_iovs, uint32_t dst_iovcnt,
	struct spdk_memory_domain *dst_domain, void *dst_domain_ctx, struct iovec *src_iovs, uint32_t src_iovcnt,
	struct spdk_memory_domain *src_domain, void *src_domain_ctx, uint64_t iv, uint32_t block_size,
	spdk_accel_step_cb cb_fn, void *cb_arg);
int spdk_accel_append_crc32c(struct spdk_accel_sequence **seq, struct spdk_io_channel *ch, uint32_t *dst,
	struct iovec *iovs, uint32_t iovcnt, struct spdk_memory_domain *domain, void *domain_ctx, uint32_t seed,
	spdk_accel_step_cb cb_fn, void *cb_arg);
int spdk_accel_append_dif_verify(struct spdk_accel_sequence **seq, struct spdk_io_channel *ch, struct iovec *iovs,
	size_t iovcnt, struct spdk_memory_domain *domain, void *domain_ctx, uint32_t num_blocks,
	const struct spdk_dif_ctx *ctx, struct spdk_dif_error *err, spdk_accel_step_cb cb_fn, void *cb_arg);
int spdk_accel_append_dif_verify_copy(struct spdk_accel_sequence **seq, struct spdk_io_channel *ch,
	struct iovec *dst_iovs, size_t dst_iovcnt, struct spdk_memory_domain *dst_domain, void *dst_domain_ctx,
	struct iovec *src_iovs, size_t src_iovcnt, struct spdk_memory_domain *src_domain, void *src_domain_ctx,
	uint32_t num_blocks, const struct spdk_dif_ctx *ctx, struct spdk_dif_error *err, spdk_accel_step_cb cb_fn,
	void *cb_arg);
int spdk_accel_append_dif_generate(struct spdk_accel_sequence **seq, struct spdk_io_channel *ch, struct iovec *iovs,
	size_t iovcnt, struct spdk_memory_domain *domain, void *domain_ctx, uint32_t num_blocks,
	const struct spdk_dif_ctx *ctx, spdk_accel_step_cb cb_fn, void *cb_arg);
int spdk_accel_append_dif_generate_copy(struct spdk_accel_sequence **seq, struct spdk_io_channel *ch,
	struct iovec *dst_iovs, size_t dst_iovcnt, struct spdk_memory_domain *dst_domain, void *dst_domain_ctx,
	struct iovec *src_iovs, size_t src_iovcnt, struct spdk_memory_domain *src_domain, void *src_domain_ctx,
	uint32_t num_blocks, const struct spdk_dif_ctx *ctx, spdk_accel_step_cb cb_fn, void *cb_arg);
int spdk_accel_append_dix_generate(struct spdk_accel_sequence **seq, struct spdk_io_channel *ch, struct iovec *iovs,
	size_t iovcnt, struct spdk_memory_domain *domain, void *domain_ctx, struct iovec *md_iov,
	struct spdk_memory_domain *md_domain, void *md_domain_ctx, uint32_t num_blocks, const struct spdk_dif_ctx *ctx,
	spdk_accel_step_cb cb_fn, void *cb_arg);
int spdk_accel_append_dix_verify(struct spdk_accel_sequence **seq, struct spdk_io_channel *ch, struct iovec *iovs,
	size_t iovcnt, struct spdk_memory_domain *domain, void *domain_ctx, struct iovec *md_iov,
	struct spdk_memory_domain *md_domain, void *md_domain_ctx, uint32_t num_blocks, const struct spdk_dif_ctx *ctx,
	struct spdk_dif_error *err, spdk_accel_step_cb cb_fn, void *cb_arg);

/*
 * Carries the steps out in order. The first one that fails ends it, and its status is that of the sequence. When the
 * callbacks of all steps have been called the sequence is gone, and then cb_fn is called, once; possibly within the
 * call.
 */
void spdk_accel_sequence_finish(struct spdk_accel_sequence *seq, spdk_accel_completion_cb cb_fn, void *cb_arg);

/*
 * Turns the order of the steps around: who reads appends what is to be done with the data before there are any, and the
 * one who provides them appends last.
 */
void spdk_accel_sequence_reverse(struct spdk_accel_sequence *seq);

/* Drops a sequence that has not been finished: nothing is done, the callbacks of its steps are called. NULL is fine. */
void spdk_accel_sequence_abort(struct spdk_accel_sequence *seq);

/* ---- Buffers between the steps of a sequence ---- */

/*
 * Reserves a buffer of len bytes, at most the size of iobuf's large buffers. It has no memory until a step that uses it
 * runs, and none at all if such steps are avoided. *buf, *domain and *domain_ctx describe it to append functions; *buf
 * cannot be read or written, but an offset may be added to it. A step uses it with one iovec. -ENOMEM if the channel has
 * none left. Release it with spdk_accel_put_buf() when the sequence is done.
 */
int spdk_accel_get_buf(
	struct spdk_io_channel *ch, uint64_t len, void **buf, struct spdk_memory_domain **domain, void **domain_ctx);
void spdk_accel_put_buf(struct spdk_io_channel *ch, void *buf, struct spdk_memory_domain *domain, void *domain_ctx);

/* Returns the memory domain of these buffers. */
struct spdk_memory_domain *spdk_accel_get_memory_domain(void);

/* ---- Keys ---- */

/*
 * Makes a key for the module that encrypts. -EINVAL: something is missing or wrong, which the log names; -EEXIST: there
 * is a key of that name; -ENOENT: nobody encrypts; -ENOTSUP: the module that does knows no keys; -ENOMEM.
 */
int spdk_accel_crypto_key_create(const struct spdk_accel_crypto_key_create_param *param);

/*
 * Destroys a key and wipes it from memory. -EINVAL: NULL, or not a key of its module; -ENOENT: not a key of
 * spdk_accel_crypto_key_create(); -EBUSY: an operation or a sequence is using it.
 */
int spdk_accel_crypto_key_destroy(struct spdk_accel_crypto_key *key);

/* Returns the key of that name, or NULL. */
struct spdk_accel_crypto_key *spdk_accel_crypto_key_get(const char *name);

#ifdef __cplusplus
}
#endif

#endif /* SPDK_ACCEL_H */
