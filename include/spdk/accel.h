/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef SPDK_ACCEL_H
#define SPDK_ACCEL_H

#include "spdk/stdinc.h"
#include "spdk/dma.h"
#include "spdk/dif.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Types of operations on data that hardware may speed up. The library has none of the operations yet.
 */

/* Bytes. */
#define SPDK_ACCEL_AES_XTS_128_KEY_SIZE 16
#define SPDK_ACCEL_AES_XTS_256_KEY_SIZE 32

enum spdk_accel_cipher {
	SPDK_ACCEL_CIPHER_AES_CBC,
	SPDK_ACCEL_CIPHER_AES_XTS,
};

enum spdk_accel_comp_algo {
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

/* status: 0 or a negative errno. */
typedef void (*spdk_accel_completion_cb)(void *cb_arg, int status);
typedef void (*spdk_accel_fini_cb)(void *cb_arg);
/* A step of a sequence is done. */
typedef void (*spdk_accel_step_cb)(void *cb_arg);

/* Strings; the keys in hexadecimal digits. */
struct spdk_accel_crypto_key_create_param {
	char *cipher;
	char *hex_key;
	char *hex_key2;
	char *tweak_mode;
	char *key_name;
};

struct spdk_accel_opcode_stats {
	uint64_t executed;
	uint64_t failed;
	uint64_t num_bytes;
} __attribute__((packed));

struct spdk_accel_operation_exec_ctx {
	/* Size of this structure as the caller knows it. */
	size_t size;
	/* Bytes. */
	uint32_t block_size;
};

struct spdk_accel_opts {
	/* Size of this structure as the caller knows it. */
	size_t opts_size;
	/* Buffers that each thread keeps. */
	uint32_t small_cache_size;
	uint32_t large_cache_size;
	/* Objects of each thread. */
	uint32_t task_count;
	uint32_t sequence_count;
	uint32_t buf_count;
} __attribute__((packed));

#ifdef __cplusplus
}
#endif

#endif /* SPDK_ACCEL_H */
