/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What the files of the software accel module share.
 *
 * Work is done where it is submitted, a slice at a time: what is longer goes on in messages, so that others on the
 * thread get their turn. Callbacks run in a message, except between the steps of a sequence.
 */

#ifndef ACCEL_SW_H
#define ACCEL_SW_H

#include "spdk/accel_module.h"
#include "spdk/log.h"
#include "spdk/thread.h"
#include "spdk/util.h"
#include "bdevkit/thread.h"

#define SW_NAME "software"

/* Bytes that one slice works on: some 50 us each. Decompression reads or writes as many. */
#define SW_SLICE_MEMORY (256 * 1024)
#define SW_SLICE_CRYPTO (128 * 1024)
#define SW_SLICE_COMPRESS (32 * 1024)
#define SW_SLICE_DECOMPRESSED (64 * 1024)

/* What is checksummed right after it was written is in the cache up to this size. */
#define SW_CACHED (16 * 1024)

/* A place in a list of iovecs. */
struct sw_cursor {
	const struct iovec *iov;
	uint32_t left;
	uint64_t offset;
};

struct sw_task {
	struct spdk_accel_task base;
	/* What has been done so far. */
	bool begun;
	struct sw_cursor source;
	struct sw_cursor destination;
	struct sw_cursor destination2;
	uint64_t done;
	uint64_t length;
	/* encrypt, decrypt: how many bytes go with one tweak, and the number of the next tweak. */
	uint32_t unit;
	uint64_t tweak;
	uint32_t crc;
	/* compress, decompress: the state of the stream. */
	struct sw_stream *stream;
	/* decompress: a byte behind the destination, to see if there is more to come. */
	bool spare_given;
	uint8_t spare;
	/* The next step of the sequence, a CRC of what this one writes, which is made along the way; or NULL. */
	struct spdk_accel_task *fused;
};

/* Bytes that have gone through the CPU. A CRC of data that the same step has just written reads them from its cache. */
struct sw_traffic {
	uint64_t read;
	uint64_t written;
};

extern struct spdk_accel_module_if g_sw_module;

STAILQ_HEAD(sw_task_list, spdk_accel_task);

struct sw_crypto_channel;

/* States of compression streams of a channel. A channel keeps one that is not in use. */
struct sw_streams {
	struct sw_stream *spare;
	uint32_t in_use;
};

struct sw_channel {
	struct spdk_thread *thread;
	/* Done; the callback waits for the message. */
	struct sw_task_list done;
	/* Begun, in turn: each slice is another task's. */
	struct sw_task_list working;
	struct bdk_msg msg;
	bool msg_sent;
	/* The next step of a sequence can be fused only if this module has it. */
	bool has_crc32c;
	struct sw_traffic traffic;
	struct sw_crypto_channel *crypto;
	struct sw_streams streams;
};

/*
 * Operations. Each works on a slice and returns true when the task is done; base.status is then its result. What they
 * know of the task between slices is in sw_task.
 */
bool sw_copy(struct sw_channel *ch, struct sw_task *task);
bool sw_fill(struct sw_channel *ch, struct sw_task *task);
bool sw_dualcast(struct sw_channel *ch, struct sw_task *task);
bool sw_compare(struct sw_channel *ch, struct sw_task *task);
bool sw_crc32c(struct sw_channel *ch, struct sw_task *task);
bool sw_copy_crc32c(struct sw_channel *ch, struct sw_task *task);
bool sw_xor(struct sw_channel *ch, struct sw_task *task);
bool sw_compress(struct sw_channel *ch, struct sw_task *task);
bool sw_decompress(struct sw_channel *ch, struct sw_task *task);
bool sw_crypt(struct sw_channel *ch, struct sw_task *task);
/* A whole task, which is not fused, if it is short and in one piece on both sides; false: it is not. */
bool sw_crypt_at_once(struct sw_channel *ch, struct sw_task *task);
bool sw_dif(struct sw_channel *ch, struct sw_task *task);

/* ---- cursors: cursor.c ---- */

void sw_cursor_init(struct sw_cursor *cursor, const struct iovec *iovs, uint32_t iovcnt);
/* Bytes in one piece from here, at most max; 0 at the end. */
uint64_t sw_cursor_peek(struct sw_cursor *cursor, uint64_t max, void **data);
void sw_cursor_skip(struct sw_cursor *cursor, uint64_t len);

uint64_t sw_iovs_length(const struct iovec *iovs, uint32_t iovcnt);

/* ---- a CRC of the next step, made along the way: memory.c ---- */

/* Adds data that this step has just written. */
void sw_fused_update(struct sw_task *task, const void *data, uint64_t len);

/* ---- encryption: crypto.c ---- */

int sw_crypto_init(void);
int sw_crypto_key_init(struct spdk_accel_crypto_key *key);
void sw_crypto_key_deinit(struct spdk_accel_crypto_key *key);
bool sw_crypto_supports_tweak_mode(enum spdk_accel_crypto_tweak_mode mode);
bool sw_crypto_supports_cipher(enum spdk_accel_cipher cipher, size_t key_size);
int sw_crypto_channel_create(struct sw_channel *ch);
void sw_crypto_channel_destroy(struct sw_channel *ch);

/* ---- compression: compress.c ---- */

bool sw_compress_supports_algo(enum spdk_accel_comp_algo algo);
int sw_compress_get_level_range(enum spdk_accel_comp_algo algo, uint32_t *min_level, uint32_t *max_level);
void sw_compress_channel_destroy(struct sw_channel *ch);

/* Bytes that the software module of this channel of the module has read and written. */
struct sw_traffic accel_sw_get_traffic(struct spdk_io_channel *ch);

#endif /* ACCEL_SW_H */
