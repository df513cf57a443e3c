/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The block-device layer inside a program of any kind, which need not know of SPDK threads, channels or pollers:
 *
 *	bdk_embed_opts_init(&opts, sizeof(opts));
 *	opts.config_file = "disks.json";
 *	bdk_embed_start(&opts);
 *	bdk_disk_open("disk0", true, &disk);
 *	bdk_queue_create(disk, 0, &queue);
 *	bdk_queue_submit(queue, requests, 8);			// from any thread
 *	count = bdk_queue_wait(queue, done, 1, 8, UINT64_MAX);
 *	bdk_queue_destroy(queue); bdk_disk_close(disk); bdk_embed_stop();
 *
 * The layer runs on a system thread of its own, or in the program's event loop. Return codes are 0 or a negative errno if
 * nothing else is said. The functions are for system threads of the program, not for what runs on SPDK threads.
 */

#ifndef BDEVKIT_EMBED_H
#define BDEVKIT_EMBED_H

#include "spdk/stdinc.h"
#include "spdk/log.h"
#include "bdevkit/batch.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Start and stop ---- */

struct bdk_embed_opts {
	/* sizeof(struct bdk_embed_opts) of the caller; set by bdk_embed_opts_init(). */
	size_t size;
	/* Of the program, for the log. */
	const char *name;
	/* Configuration to load, as a file or as text, in the form that spdk/init.h describes; NULL: none. Not both. */
	const char *config_file;
	const char *config;
	/* Path of an RPC socket; NULL: none. */
	const char *rpc_addr;
	/* CPUs that the layer's threads are bound to, "[0,2-3]" or a mask in hexadecimal; NULL: one thread on any CPU. */
	const char *cpus;
	/*
	 * The layer's first thread is the caller of bdk_embed_start(): it waits for bdk_embed_get_fd() in its event loop and
	 * calls bdk_embed_poll() then, and it calls bdk_embed_stop().
	 */
	bool own_loop;
	/* Go on when a method of the configuration fails. */
	bool ignore_config_errors;
	/* Messages of this and more important levels are printed to standard error. */
	enum spdk_log_level print_level;
	/* Takes all messages instead; NULL: nobody. */
	spdk_log_cb *log;
};

/* Fills in the defaults. size: sizeof(*opts). */
void bdk_embed_opts_init(struct bdk_embed_opts *opts, size_t size);

/*
 * Starts the layer and loads the configuration; returns when the bdevs are there. opts NULL: the defaults; they are
 * copied. -EALREADY: it runs. Signals are left alone. After bdk_embed_stop() it may be started again.
 */
int bdk_embed_start(const struct bdk_embed_opts *opts);

/*
 * Stops the layer, and returns when nothing of it is left. -EBUSY: a disk is open, or another thread
 * is inside one of these functions, and then it goes on. If the layer has
 * ended by itself, because something in it has called spdk_app_stop(), this is still to be called, and returns its
 * code.
 */
int bdk_embed_stop(void);

/* With own_loop: a descriptor that is readable when bdk_embed_poll() is to be called. -EINVAL without. */
int bdk_embed_get_fd(void);

/*
 * With own_loop: does what there is to do, without waiting. Returns 0; -ESHUTDOWN: the layer wants to end, so call
 * bdk_embed_stop(); -EINVAL without own_loop, -EPERM on another thread.
 */
int bdk_embed_poll(void);

/*
 * Calls fn(arg) on the app thread, where all functions of spdk/bdev.h may be called that do not need a channel, and waits
 * until it has returned. -ESHUTDOWN: the layer does not run. -EPERM: this is an SPDK thread already, and not that one.
 */
int bdk_embed_call(void (*fn)(void *arg), void *arg);

/*
 * Calls an RPC method, as scripts/rpc.py would, and waits for its end. params is JSON, NULL: none. *reply gets the JSON of
 * the result, or of the error object; the caller frees it. reply may be NULL. Returns 0, the negative errno that the
 * method answered with, or -EINVAL for an error of another kind: an unknown method, wrong parameters.
 */
int bdk_embed_rpc(const char *method, const char *params, char **reply);

/* ---- Disks ---- */

/* A bdev that is open. */
struct bdk_disk;

/* -ENODEV: there is none of that name. -EPERM: it is to be written, and somebody has claimed it. */
int bdk_disk_open(const char *name, bool write, struct bdk_disk **disk);

/* -EBUSY: it has queues; it stays open. */
int bdk_disk_close(struct bdk_disk *disk);

uint32_t bdk_disk_get_block_size(const struct bdk_disk *disk);
/* It may grow. */
uint64_t bdk_disk_get_num_blocks(const struct bdk_disk *disk);
/* What buffers should be aligned to, in bytes; those that are not are copied. */
size_t bdk_disk_get_buf_align(const struct bdk_disk *disk);
bool bdk_disk_io_type_supported(const struct bdk_disk *disk, enum spdk_bdev_io_type type);
/* It was removed: what is submitted ends with -ENODEV. The disk is still to be closed. */
bool bdk_disk_is_gone(const struct bdk_disk *disk);
/* For what these functions do not offer; valid while the disk has a queue and is not gone. */
struct spdk_bdev_desc *bdk_disk_get_desc(const struct bdk_disk *disk);

/* ---- Queues ---- */

/* Where requests go in and come back. */
struct bdk_queue;

enum bdk_queue_flag {
	/*
	 * One thread does it all: the one that creates the queue also submits, reaps, and destroys it, and its calls are
	 * what carries the I/O out. Nothing passes between CPUs. That thread must come back in good time, and whenever
	 * the descriptor is readable: changes of the disk wait for it, too.
	 */
	BDK_QUEUE_LOCAL = 1 << 0,
};

/* flags: of enum bdk_queue_flag. A queue that is not local has a thread of the layer that does its work. */
int bdk_queue_create(struct bdk_disk *disk, uint32_t flags, struct bdk_queue **queue);

/* Waits for what is outstanding; requests that were not reaped are the caller's again. */
void bdk_queue_destroy(struct bdk_queue *queue);

/*
 * Submits the requests, in the order of the array. It takes all of them; what is wrong with one is its status. From any
 * thread, also from several at once.
 */
void bdk_queue_submit(struct bdk_queue *queue, struct bdk_request **requests, uint32_t count);

/* Fetches at most max requests that have ended. Returns how many. By one thread at a time. */
uint32_t bdk_queue_reap(struct bdk_queue *queue, struct bdk_request **done, uint32_t max);

/* The same, and waits until there are min, or for so long; UINT64_MAX: for ever. Returns how many. */
uint32_t bdk_queue_wait(
	struct bdk_queue *queue, struct bdk_request **done, uint32_t min, uint32_t max, uint64_t timeout_us);

/*
 * A descriptor that is readable when there may be something to reap, for an event loop. It stays so until a reap returns
 * fewer than it could. To be got before the first request is submitted.
 */
int bdk_queue_get_fd(struct bdk_queue *queue);

/*
 * Of a local queue: the channel of its disk, and a way to make its SPDK thread the current one, for functions of
 * spdk/bdev.h; NULL otherwise. spdk_set_thread(NULL) ends that. What those functions call back runs inside later calls,
 * of bdk_queue_poll() at the latest, which does what there is to do without waiting, and fetches nothing.
 */
struct spdk_io_channel *bdk_queue_get_channel(struct bdk_queue *queue);
struct spdk_thread *bdk_queue_get_thread(struct bdk_queue *queue);
void bdk_queue_poll(struct bdk_queue *queue);

#ifdef __cplusplus
}
#endif

#endif /* BDEVKIT_EMBED_H */
