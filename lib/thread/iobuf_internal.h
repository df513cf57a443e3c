/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The parts of iobuf:
 *   iobuf.c          options, start and stop, modules, statistics
 *   iobuf_pool.c     the buffers of one size that all threads share
 *   iobuf_channel.c  a module's access on one thread: caches, waiting requests
 */

#ifndef LIB_THREAD_IOBUF_INTERNAL_H
#define LIB_THREAD_IOBUF_INTERNAL_H

#include "spdk/stdinc.h"
#include "spdk/queue.h"
#include "spdk/thread.h"
#include "spdk/util.h"
#include "lib/env/env_internal.h"

#include <stdatomic.h>

#define IOBUF_MAX_CHANNELS 64
#define IOBUF_BATCH_SIZE 32
#define IOBUF_ALIGNMENT 4096

struct iobuf_wait_queue;

/*
 * Buffers of one size. Those that are free form a stack of indices, outside of the buffers: memory that was never
 * handed out is never touched, and the buffer that was used last is the first to be used again.
 */
struct iobuf_pool {
	char *base;
	uint32_t bufsize;
	uint32_t count;
	/* What is below each buffer that is on the stack; see iobuf_pool.c. */
	_Atomic uint32_t *distance;

	/* The top of the stack in the low half; the high half changes with every operation, against ABA. */
	_Atomic uint64_t head __attribute__((aligned(SPDK_CACHE_LINE_SIZE)));

	/* Threads with waiting requests; read at every put, hence on a line of its own. */
	_Atomic uint32_t num_waiting __attribute__((aligned(SPDK_CACHE_LINE_SIZE)));
	/* Guarded by g_iobuf.lock. */
	TAILQ_HEAD(, iobuf_wait_queue) waiting;
};

/* Requests of one thread that wait for a buffer of one size, oldest first. */
struct iobuf_wait_queue {
	spdk_iobuf_entry_stailq_t entries;
	struct iobuf_pool *pool;
	struct spdk_thread *thread;
	/* Keeps this structure alive while the pool lists it and while a wake-up is on its way. */
	struct spdk_io_channel *ref;
	/* A request's callback is running; what it returns goes to the pool, so that callbacks do not nest. */
	bool serving;
	/* Guarded by g_iobuf.lock. */
	bool listed;
	TAILQ_ENTRY(iobuf_wait_queue) link;
};

/* What the iobuf channels of one thread share: the context of its I/O channel for g_iobuf. */
struct iobuf_group {
	struct iobuf_wait_queue small;
	struct iobuf_wait_queue large;
	uint32_t num_channels;
	struct spdk_iobuf_channel *channels[IOBUF_MAX_CHANNELS];
};

struct iobuf_module {
	char *name;
	TAILQ_ENTRY(iobuf_module) link;
};

struct iobuf {
	struct spdk_iobuf_opts opts;
	/* By spdk_iobuf_set_opts(): not the defaults. */
	bool opts_given;
	bool initialized;
	struct iobuf_pool small;
	struct iobuf_pool large;
	/* Guards the list of modules and the pools' lists of waiting threads. Nothing is locked inside it. */
	struct env_mutex lock;
	TAILQ_HEAD(, iobuf_module) modules;
	spdk_iobuf_finish_cb finish_cb;
	void *finish_arg;
};

extern struct iobuf g_iobuf;

/* 0, or -EINVAL with the name of the option and what it must be in error. */
int iobuf_opts_check(const struct spdk_iobuf_opts *opts, char *error, size_t size);

/* Reserves memory for count buffers of bufsize bytes. 0, or -ENOMEM. */
int iobuf_pool_create(struct iobuf_pool *pool, uint64_t count, uint32_t bufsize);
void iobuf_pool_destroy(struct iobuf_pool *pool);
/* Takes up to max buffers; returns how many. Any thread. */
uint32_t iobuf_pool_get(struct iobuf_pool *pool, void **bufs, uint32_t max);
/* Any thread. */
void iobuf_pool_put(struct iobuf_pool *pool, void **bufs, uint32_t count);
/* Free buffers. Only while no other thread uses the pool. */
uint32_t iobuf_pool_count(struct iobuf_pool *pool);

/* The module of that name, NULL if there is none. */
const void *iobuf_module_find(const char *name);

/* The create and destroy callbacks of the I/O device g_iobuf. */
int iobuf_group_create_cb(void *io_device, void *ctx_buf);
void iobuf_group_destroy_cb(void *io_device, void *ctx_buf);

#endif /* LIB_THREAD_IOBUF_INTERNAL_H */
