/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What the files of the accel framework share.
 *
 * Modules, drivers, assignments and options are set on the app thread before the framework starts, and do not change
 * while it runs. A channel with its tasks, sequences and buffers belongs to its thread. Keys, and the list of channels,
 * are behind accel.lock, which is not held while a module is called, except to prepare and release keys.
 */

#ifndef ACCEL_INTERNAL_H
#define ACCEL_INTERNAL_H

#include "spdk/accel.h"
#include "spdk/accel_module.h"
#include "spdk/log.h"
#include "spdk/thread.h"
#include "lib/accel/at_once.h"
#include "lib/env/env_internal.h"

/* A sequence is begun only if so many tasks are left for it. */
#define ACCEL_TASKS_IN_SEQUENCE 8

/* What buffers of the accel memory domain seem to begin at. Nothing that can be read lies there. */
#define ACCEL_BUFFER_BASE ((char *)(1ULL << 63))

/* Keys that a channel counts the uses of one by one; those beyond share a counter. */
#define ACCEL_KEY_SLOTS 1024

/* ---- the framework: accel.c ---- */

struct accel_assignment {
	struct spdk_accel_module_if *module;
	/* The module takes data from memory domains. */
	bool knows_domains;
	/* NULL: it has none. */
	accel_at_once_fn at_once;
	/* What accel_assign_opc() asked for, or NULL. */
	char *wanted;
};

struct accel_stats {
	uint64_t sequence_executed;
	uint64_t sequence_failed;
	struct spdk_accel_opcode_stats operations[SPDK_ACCEL_OPC_LAST];
	struct {
		uint64_t task;
		uint64_t sequence;
		uint64_t iobuf;
		uint64_t bufdesc;
	} retry;
};

struct accel {
	/* Ascending priority. */
	TAILQ_HEAD(accel_module_list, spdk_accel_module_if) modules;
	TAILQ_HEAD(, spdk_accel_driver) drivers;
	struct spdk_accel_driver *driver;
	struct accel_assignment assignments[SPDK_ACCEL_OPC_LAST];
	/* at_once.c: what a module has said to offer. */
	struct {
		const struct spdk_accel_module_if *module;
		accel_at_once_fn fn;
	} at_once;
	struct spdk_accel_opts opts;
	/* The largest task of a module. */
	size_t task_size;
	bool started;
	struct spdk_memory_domain *domain;

	struct env_mutex lock;
	TAILQ_HEAD(, spdk_accel_crypto_key) keys;
	TAILQ_HEAD(, accel_io_channel) channels;
	/* Of channels that are gone. */
	struct accel_stats stats;
};

extern struct accel g_accel;

bool accel_opcode_is_valid(enum spdk_accel_opcode opcode);

/* ---- channels: channel.c ---- */

struct accel_pool_item {
	SLIST_ENTRY(accel_pool_item) link;
};

/* Equal objects in one piece of memory, which is touched only as far as they are used. */
struct accel_pool {
	char *memory;
	size_t size;
	uint32_t count;
	/* Those beyond have never been used. */
	uint32_t fresh;
	uint32_t in_use;
	SLIST_HEAD(, accel_pool_item) free;
};

struct accel_io_channel {
	struct spdk_io_channel *module_ch[SPDK_ACCEL_OPC_LAST];
	struct spdk_io_channel *driver_ch;
	struct accel_pool tasks;
	struct accel_pool sequences;
	struct accel_pool buffers;
	struct spdk_iobuf_channel iobuf;
	struct accel_stats stats;
	/* Operations and sequences that use each key; written by the channel's thread only. */
	uint32_t *key_uses;
	TAILQ_ENTRY(accel_io_channel) link;
};

int accel_channel_create(void *io_device, void *ctx_buf);
void accel_channel_destroy(void *io_device, void *ctx_buf);

/* NULL: none left. */
static inline void *
accel_pool_get(struct accel_pool *pool)
{
	struct accel_pool_item *item = SLIST_FIRST(&pool->free);

	if (item != NULL) {
		SLIST_REMOVE_HEAD(&pool->free, link);
	} else if (pool->fresh < pool->count) {
		item = (struct accel_pool_item *)(pool->memory + pool->fresh++ * pool->size);
	} else {
		return NULL;
	}
	pool->in_use++;
	return item;
}

static inline void
accel_pool_put(struct accel_pool *pool, void *object)
{
	struct accel_pool_item *item = object;

	SLIST_INSERT_HEAD(&pool->free, item, link);
	pool->in_use--;
}

void accel_stats_add(struct accel_stats *total, const struct accel_stats *add);

/* ---- tasks: task.c ---- */

/* Takes a task, with everything that not all operations have set to nothing. NULL: none left, which is counted. */
struct spdk_accel_task *accel_task_get(struct accel_io_channel *ch, enum spdk_accel_opcode opcode, void *cb_arg);
/* Makes the task use a key until it is put. */
void accel_task_use_key(struct spdk_accel_task *task, struct spdk_accel_crypto_key *key);
void accel_task_put(struct spdk_accel_task *task);

/* Counts a task that has ended. */
void accel_task_count(struct spdk_accel_task *task, int status);

/* One more iovec of the task's own, for one of its buffers. */
struct iovec *accel_task_set_iov(
	struct spdk_accel_task *task, enum spdk_accel_aux_iov_type place, void *base, uint64_t len);

uint64_t accel_iovs_length(const struct iovec *iovs, uint32_t iovcnt);

/* ---- sequences: sequence.c, elide.c ---- */

TAILQ_HEAD(accel_task_list, spdk_accel_task);

/* What is to be done next for the first task. */
enum accel_step {
	ACCEL_STEP_DRIVER, /* hand the sequence to the driver */
	ACCEL_STEP_SOURCE, /* provide memory for its source */
	ACCEL_STEP_PULL_SOURCE,
	ACCEL_STEP_DESTINATION, /* provide memory for its destination */
	ACCEL_STEP_PULL_DESTINATION,
	ACCEL_STEP_EXECUTE,
	ACCEL_STEP_PUSH,
	ACCEL_STEP_DONE,
	ACCEL_STEP_WAIT, /* something will call back, and then sequence.after_wait is next */
};

struct spdk_accel_sequence {
	struct accel_io_channel *ch;
	/* Not done yet, in order. */
	struct accel_task_list tasks;
	/* Buffers that stand in for memory that a module cannot reach, of the first task. */
	struct accel_buffer *source_bounce;
	struct accel_buffer *destination_bounce;
	enum accel_step step;
	enum accel_step after_wait;
	int status;
	/* The steps are being run further up the stack. */
	bool running;
	/* The driver has it. */
	bool in_driver;
	spdk_accel_completion_cb cb_fn;
	void *cb_arg;
};

/* Takes the task out of the sequence and calls its callback. */
void accel_sequence_end_task(struct spdk_accel_sequence *seq, struct spdk_accel_task *task);

/* A task of the sequence has been carried out. */
void accel_sequence_task_done(struct spdk_accel_sequence *seq, struct spdk_accel_task *task, int status);

/* Leaves out copies. */
void accel_sequence_elide(struct spdk_accel_sequence *seq);

/* ---- buffers: buffer.c ---- */

/* One of spdk_accel_get_buf(), or a bounce buffer. */
struct accel_buffer {
	struct accel_io_channel *ch;
	uint64_t len;
	/* NULL: no memory yet. */
	void *memory;
	struct spdk_iobuf_entry iobuf;
	/* Who waits for the memory. */
	struct spdk_accel_sequence *seq;
	spdk_accel_sequence_get_buf_cb cb_fn;
	void *cb_ctx;
};

/* A buffer of the channel, without memory. NULL: none left, which is counted. */
struct accel_buffer *accel_buffer_get(struct accel_io_channel *ch, uint64_t len);
void accel_buffer_put(struct accel_buffer *buffer);

/* Provides memory. False: cb_fn will be called when it is there. */
bool accel_buffer_materialize(struct accel_buffer *buffer, struct spdk_accel_sequence *seq,
	spdk_accel_sequence_get_buf_cb cb_fn, void *cb_ctx);

/* The memory behind an address in the accel domain; NULL if it has none, or len bytes from there are not within it. */
void *accel_buffer_resolve(struct accel_buffer *buffer, const void *address, uint64_t len);

int accel_domain_create(void);
void accel_domain_destroy(void);

/* ---- keys: key.c ---- */

/* What was wrong with the last key that the calling thread tried to make; "" if only memory was short. */
const char *accel_key_get_fault(void);

void accel_keys_destroy(void);
void accel_keys_write_config(struct spdk_json_write_ctx *w);

/* Counts the use of a key by an operation of the channel, and its end. */
void accel_key_use(struct accel_io_channel *ch, struct spdk_accel_crypto_key *key);
void accel_key_unuse(struct accel_io_channel *ch, struct spdk_accel_crypto_key *key);

const char *accel_cipher_get_name(enum spdk_accel_cipher cipher);
const char *accel_tweak_mode_get_name(enum spdk_accel_crypto_tweak_mode mode);

#endif /* ACCEL_INTERNAL_H */
